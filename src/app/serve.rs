//! `crmql serve` and `crmql demo`: a gateway that listens until it is asked to stop.

use super::{Signals, refuse, say, sources};
use crate::adapter::{self, Site, TokenStore, Vars};
use crate::cli::{Demo as DemoArguments, Exit};
use crate::config;
use crate::connection::Connector;
use crate::demo;
use crate::document::Problems;
use crate::graphql::{self, Gateway};
use crate::http::{self, Hosts, Readiness};
use crate::limits::Limits;
use crate::source::Sources;
use crate::upstream::Settings;
use crate::writes::{Keep, Ledger, Writes};
use anyhow::Context as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// The gateway of a configuration.
pub fn serve(file: &Path) -> anyhow::Result<Exit> {
    let problems = Problems::new();
    let config = config::load(file, &problems);
    let sources = config
        .as_ref()
        .and_then(|config| sources::build(config, &problems));
    let (Some(config), Some(sources), true) = (config, sources, problems.is_empty()) else {
        return Ok(refuse(&problems));
    };
    let key = config::cursor_key(&config).context("the cursor key")?;
    let keep = match config::ledger_file(&config) {
        Ok(file) => Keep::File(file),
        Err(error) => {
            tracing::warn!(%error, "no folder for idempotency keys: they are refused");
            Keep::Nowhere
        }
    };
    super::runtime()?.block_on(async {
        let listener = TcpListener::bind(config.server.listen)
            .await
            .with_context(|| format!("cannot listen on {}", config.server.listen))?;
        let address = listener.local_addr()?;
        tracing::info!(%address, sources = sources.all().len(), "listening");
        run(listener, sources, &key, keep, &config.limits).await
    })
}

/// Four emulated CRMs and the gateway in front of them.
pub fn demo(arguments: &DemoArguments) -> anyhow::Result<Exit> {
    let port = arguments.port;
    let options = demo::Options {
        customers: arguments.customers as usize,
        ports: None,
    };
    super::runtime()?.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .await
            .with_context(|| {
                format!("cannot listen on 127.0.0.1:{port}; try `crmql demo --port 0`")
            })?;
        let crms = demo::start(options).await.context("the emulated CRMs")?;
        let sources = demo_sources(&crms)?;
        let addresses: Vec<(&str, &str)> = crms
            .crms
            .iter()
            .map(|crm| (crm.name, crm.url.as_str()))
            .collect();
        say(&super::demo_banner(listener.local_addr()?, &addresses)).context("standard output")?;
        let key = config::random_key().context("a key for cursors")?;
        run(listener, sources, &key, Keep::Memory, &Limits::default()).await
    })
}

/// The sources of the emulated CRMs, one for each, in their order.
///
/// # Errors
/// An adapter that comes with the crate is broken.
pub fn demo_sources(crms: &demo::Demo) -> anyhow::Result<Sources> {
    let mut entries = Vec::new();
    for crm in &crms.crms {
        let problems = Problems::new();
        let manifest =
            adapter::built_in(crm.key, &problems).with_context(|| problems.to_string())?;
        let vars: Vars = crm
            .vars
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let site = Site {
            vars,
            settings: Settings {
                source: crm.key.into(),
                ..Settings::default()
            },
            total: Duration::from_secs(20),
            tokens: TokenStore::default(),
        };
        entries.push(sources::entry(
            crm.key,
            entries.len(),
            Arc::new(manifest),
            site,
        )?);
    }
    Ok(Sources::new(entries))
}

/// A gateway over these sources, as routes. Idempotency keys live as long as it does.
///
/// # Errors
/// The schema is broken.
pub fn routes(
    sources: Sources,
    cursor_key: &[u8],
    limits: &Limits,
    readiness: &Readiness,
) -> anyhow::Result<http::Router> {
    routes_keeping(sources, cursor_key, Keep::Memory, limits, readiness)
}

/// The same, with a place for idempotency keys.
///
/// # Errors
/// The schema is broken.
pub fn routes_keeping(
    sources: Sources,
    cursor_key: &[u8],
    keep: Keep,
    limits: &Limits,
    readiness: &Readiness,
) -> anyhow::Result<http::Router> {
    wire(sources, cursor_key, keep, limits, readiness).map(|(_, routes)| routes)
}

fn wire(
    sources: Sources,
    cursor_key: &[u8],
    keep: Keep,
    limits: &Limits,
    readiness: &Readiness,
) -> anyhow::Result<(Gateway, http::Router)> {
    let connector = Arc::new(Connector::new(limits.clone(), cursor_key));
    let random = || config::random_key().context("random bytes");
    let ledger = Ledger::new(keep, limits.idempotency_keys, random()?);
    let writes = Arc::new(Writes::new(ledger, random()?));
    let gateway = graphql::gateway(sources, connector, writes, limits)?;
    let hosts = Hosts::Only(Vec::new());
    let routes = http::router(gateway.clone(), limits, readiness.clone(), hosts);
    Ok((gateway, routes))
}

/// Serves until a signal asks to stop; a second one ends it at once.
async fn run(
    listener: TcpListener,
    sources: Sources,
    cursor_key: &[u8],
    keep: Keep,
    limits: &Limits,
) -> anyhow::Result<Exit> {
    let mut signals = Signals::new().context("signals")?;
    let readiness = Readiness::new();
    let (gateway, routes) = wire(sources, cursor_key, keep, limits, &readiness)?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = http::serve(listener, routes, limits, &readiness, async move {
        drop(stopped.await);
    });
    // The operation's deadline ends a write whose caller has left; the process does not wait longer than for callers.
    let patience = Duration::from_millis(limits.drain_ms);
    let serving = async {
        let served = serving.await;
        let written = tokio::time::timeout(patience, gateway.written()).await;
        served && written.is_ok()
    };
    tokio::pin!(serving);
    tokio::select! {
        _ = &mut serving => return Ok(Exit::Failed),
        signal = signals.next() => tracing::info!(signal, "draining"),
    }
    drop(stop);
    tokio::select! {
        finished = serving => {
            tracing::info!(finished, "stopped");
            Ok(Exit::Fine)
        }
        signal = signals.next() => {
            tracing::warn!(signal, "stopped at once");
            Ok(Exit::Failed)
        }
    }
}
