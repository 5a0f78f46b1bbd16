//! The emulated CRMs of `crmql demo`: four vendors' customer APIs over real HTTP on loopback, with seeded customers.
//!
//! They are written from the vendors' pages alone and share no code with the rest of the crate, so that a mistake
//! in reading a page cannot agree with itself. Where a page is silent, a comment says what was chosen. They must not
//! know that a gateway exists.
//!
//! ```text
//! door    record  fault      takes a request, notes it, lets a fault spoil it
//! gtateth filter             one vendor each: routes, checks, shapes,
//! gormic  walk  phone        and beside it what that one alone needs
//! flextell  grants  sieve  sheet
//! spirii  tree  wanted
//! ask  form  reply  meter    reading a request, checking a body, answering
//! book  seeds  people  clock the customers
//! ```

mod ask;
mod book;
mod clock;
mod door;
mod fault;
mod filter;
mod flextell;
mod form;
mod gormic;
mod grants;
mod gtateth;
mod meter;
mod people;
mod phone;
mod record;
mod reply;
mod seeds;
mod sheet;
mod sieve;
mod spirii;
mod tree;
mod walk;
mod wanted;

#[cfg(test)]
mod tests;

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use door::{Door, Site};
pub use fault::Fault;
use record::Record;
pub use record::Seen;

/// What [`start`] should start.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many customers each CRM has; 250 by default.
    pub customers: usize,
    /// The first of four consecutive ports on 127.0.0.1; `None` takes four free ones.
    pub ports: Option<u16>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            customers: 250,
            ports: None,
        }
    }
}

/// The running CRMs. Dropping it stops the servers and closes their connections.
#[derive(Debug)]
pub struct Demo {
    /// G-Tateth, Gormic, Flextell and Spirii, in this order.
    pub crms: Vec<Crm>,
}

/// One running CRM.
pub struct Crm {
    /// A short key; also the name of the adapter that speaks to this CRM.
    pub key: &'static str,
    /// The vendor's name.
    pub name: &'static str,
    /// The origin, such as `http://127.0.0.1:4101`.
    pub url: String,
    /// The vars that the gateway's config needs to reach it, secrets among them.
    pub vars: Vec<(&'static str, String)>,
    door: Arc<Door>,
    server: JoinHandle<()>,
}

impl Crm {
    /// The last 2,000 requests, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<Seen> {
        self.record().all()
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        self.record().clear();
    }

    /// How many customers there are; of Flextell's, those that are not trashed.
    #[must_use]
    pub fn len(&self) -> usize {
        (self.door.site.len)()
    }

    /// Whether there is no customer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Switches a fault on for the requests that come from now on, or off.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.door.faults.set(fault);
    }

    /// Makes every access token handed out so far invalid. Refresh tokens go on working. Only Flextell has any.
    pub fn expire_tokens(&self) {
        (self.door.site.expire)();
    }

    fn record(&self) -> &Record {
        &self.door.record
    }
}

impl std::fmt::Debug for Crm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut crm = f.debug_struct("Crm");
        crm.field("key", &self.key).field("url", &self.url);
        crm.finish_non_exhaustive()
    }
}

impl Drop for Crm {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A vendor: key, name, and what builds its site for an origin and a number of customers.
type Vendor = (&'static str, &'static str, fn(&str, usize) -> Site);

const VENDORS: [Vendor; 4] = [
    ("gtateth", "G-Tateth", gtateth::open),
    ("gormic", "Gormic", gormic::open),
    ("flextell", "Flextell", flextell::open),
    ("spirii", "Spirii", spirii::open),
];

/// Starts the four CRMs. They run on the calling tokio runtime until the [`Demo`] is dropped.
///
/// # Errors
///
/// When a port cannot be listened on, or when four ports from the given one would leave the range of ports.
pub async fn start(options: Options) -> io::Result<Demo> {
    let mut listeners = Vec::new();
    for offset in 0_u16..4 {
        listeners.push(listen(options.ports, offset).await?);
    }
    let mut crms = Vec::new();
    for (listener, (key, name, open)) in listeners.into_iter().zip(VENDORS) {
        let url = format!("http://{}", listener.local_addr()?);
        let site = open(&url, options.customers);
        let vars = site.vars.clone();
        let door = Arc::new(Door {
            site,
            record: Record::default(),
            faults: fault::Faults::default(),
        });
        let server = tokio::spawn(door::serve(listener, Arc::clone(&door)));
        crms.push(Crm {
            key,
            name,
            url,
            vars,
            door,
            server,
        });
    }
    Ok(Demo { crms })
}

async fn listen(first: Option<u16>, offset: u16) -> io::Result<TcpListener> {
    let port = match first {
        None | Some(0) => 0,
        Some(first) => first.checked_add(offset).ok_or_else(|| {
            let message = format!("there are no four consecutive ports from {first}");
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })?,
    };
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    bound.map_err(|error| {
        let message = format!("cannot listen on 127.0.0.1:{port}: {error}");
        io::Error::new(error.kind(), message)
    })
}
