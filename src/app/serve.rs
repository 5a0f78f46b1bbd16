//! `crmql serve` and `crmql demo`: a gateway that listens until it is asked to stop.

use super::moment::Watched;
use super::reload::{Changes, Live};
use super::serving::Serving;
use super::{Signals, refuse, say, sources};
use crate::adapter::{self, Site, TokenStore, Vars};
use crate::cli::{Demo as DemoArguments, Exit};
use crate::config::{self, CacheTimes};
use crate::connection::Connector;
use crate::demo;
use crate::document::Problems;
use crate::graphql::{self, Gateway};
use crate::http::{self, Hosts, Policy, Readiness};
use crate::limits::Limits;
use crate::load::Store;
use crate::source::Sources;
use crate::upstream::Settings;
use crate::writes::{Keep, Ledger, Writes};
use anyhow::Context as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;

/// How long one call to an emulated CRM may take in all.
const TOTAL: Duration = Duration::from_secs(20);

/// The gateway of a configuration.
pub fn serve(file: &Path) -> anyhow::Result<Exit> {
    super::block_on(async {
        // Before anything that takes its time: a signal that comes meanwhile is heeded afterwards.
        let mut signals = Signals::new().context("signals")?;
        let mut changes = Changes::new().context("signals")?;
        let (problems, began) = (Problems::new(), SystemTime::now());
        let readiness = Readiness::new();
        let mut files = Vec::new();
        let loaded = Serving::load(file, &problems, &readiness, None, &mut files)?;
        let Some(mut serving) = loaded else {
            return Ok(refuse(&problems));
        };
        changes.watch(&files, began);
        let listen = serving.config.server.listen;
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}, as `server.listen` says"))?;
        let address = listener.local_addr()?;
        let limits = serving.config.limits.clone();
        let sources = serving.config.sources.len();
        tokio::select! {
            () = serving.lasting.writes.open() => {}
            signal = signals.next() => {
                tracing::info!(signal, "stopped before it served");
                return Ok(Exit::Fine);
            }
        }
        tracing::info!(%address, sources, "listening");
        if let Some(sending) = serving.sending.take() {
            tokio::spawn(sending);
        }
        let live = Box::new(Live::new(serving));
        let routes = live.routes();
        let file = file.to_owned();
        let beside = Beside::Changing {
            file,
            live,
            changes,
        };
        run(listener, routes, &limits, &readiness, signals, beside).await
    })
}

/// Four emulated CRMs and the gateway in front of them.
pub fn demo(arguments: &DemoArguments) -> anyhow::Result<Exit> {
    let port = arguments.port;
    let options = demo::Options {
        customers: arguments.customers as usize,
        ports: None,
    };
    super::block_on(async {
        let signals = Signals::new().context("signals")?;
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .await
            .with_context(|| {
                format!("cannot listen on 127.0.0.1:{port}; try `crmql demo --port 0`")
            })?;
        let crms = demo::start(options).await.context("the emulated CRMs")?;
        let limits = Limits::default();
        let sources = demo_sources(&crms, Some(&CacheTimes::default()), &limits)?;
        let addresses: Vec<(&str, &str)> = crms
            .crms
            .iter()
            .map(|crm| (crm.name, crm.url.as_str()))
            .collect();
        say(&super::demo_banner(listener.local_addr()?, &addresses)).context("standard output")?;
        let key = config::random_key().context("a key for cursors")?;
        let readiness = Readiness::new();
        let (gateway, routes) = wire(sources, &key, Keep::Memory, &limits, &readiness)?;
        let beside = Beside::Still(gateway);
        run(listener, routes, &limits, &readiness, signals, beside).await
    })
}

/// The sources of the emulated CRMs, one for each, in their order; cached where there are times.
///
/// # Errors
/// An adapter that comes with the crate is broken.
pub fn demo_sources(
    crms: &demo::Demo,
    times: Option<&CacheTimes>,
    limits: &Limits,
) -> anyhow::Result<Sources> {
    let store = Store::new(limits.cache_bytes);
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
            total: TOTAL,
            tokens: TokenStore::default(),
        };
        entries.push(sources::entry(
            crm.key,
            entries.len(),
            &Arc::new(manifest),
            site,
            sources::Cache {
                store: store.clone(),
                caching: sources::caching(times, TOTAL, limits),
                writes: Arc::default(),
            },
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
) -> anyhow::Result<http::Routes> {
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
) -> anyhow::Result<http::Routes> {
    wire(sources, cursor_key, keep, limits, readiness).map(|(_, routes)| routes)
}

fn wire(
    sources: Sources,
    cursor_key: &[u8],
    keep: Keep,
    limits: &Limits,
    readiness: &Readiness,
) -> anyhow::Result<(Gateway, http::Routes)> {
    let connector = Arc::new(Connector::new(limits.clone(), cursor_key));
    let random = || config::random_key().context("random bytes");
    let ledger = Ledger::new(keep, limits.idempotency_keys, random()?);
    let writes = Arc::new(Writes::new(ledger, random()?));
    let known = sources.clone();
    let gateway = graphql::gateway(sources, connector, Arc::clone(&writes), limits)?;
    let watched = Watched {
        sources: vec![known],
        store: None,
        gateway: gateway.clone(),
        writes,
        spans: None,
    };
    let policy = Policy {
        moment: Box::new(move || watched.moment()),
        ..Policy::open(Hosts::Only(Vec::new()))
    };
    let routes = http::router(gateway.clone(), limits, readiness.clone(), policy);
    Ok((gateway, routes))
}

/// What goes on beside serving.
enum Beside {
    /// Nothing: what serves stays as it is.
    Still(Gateway),
    /// The configuration is read again when it changes.
    Changing {
        file: PathBuf,
        live: Box<Live>,
        changes: Changes,
    },
}

impl Beside {
    /// Waits for the next change and takes it over.
    async fn change(&mut self, readiness: &Readiness) {
        match self {
            Self::Still(_) => std::future::pending().await,
            Self::Changing {
                file,
                live,
                changes,
            } => {
                let why = changes.next().await;
                live.reload(file, why, readiness, changes);
            }
        }
    }

    /// Waits until no mutation is running.
    async fn written(&self) {
        match self {
            Self::Still(gateway) => gateway.written().await,
            Self::Changing { live, .. } => live.written().await,
        }
    }
}

/// Serves until a signal asks to stop; a second one ends it at once.
async fn run(
    listener: TcpListener,
    routes: impl Into<http::Swap>,
    limits: &Limits,
    readiness: &Readiness,
    mut signals: Signals,
    mut beside: Beside,
) -> anyhow::Result<Exit> {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    // A task of its own: reading the configuration again takes its time, and nobody who comes meanwhile shall wait for it.
    let mut serving = tokio::spawn({
        let (routes, limits, readiness) = (routes.into(), limits.clone(), readiness.clone());
        async move {
            let stopped = async move { drop(stopped.await) };
            http::serve(listener, routes, &limits, &readiness, stopped).await
        }
    });
    loop {
        tokio::select! {
            _ = &mut serving => anyhow::bail!("serving ended by itself"),
            signal = signals.next() => {
                tracing::info!(signal, "draining");
                break;
            }
            () = beside.change(readiness) => {}
        }
    }
    drop(stop);
    // The operation's deadline ends a write whose caller has left; the process does not wait longer than for callers.
    let patience = Duration::from_millis(limits.notice_ms + limits.drain_ms);
    let until = tokio::time::Instant::now() + patience;
    let ending = async {
        let served = serving.await.unwrap_or(false);
        let written = tokio::time::timeout_at(until, beside.written()).await;
        served && written.is_ok()
    };
    tokio::select! {
        finished = ending => {
            tracing::info!(finished, "stopped");
            Ok(if finished { Exit::Fine } else { Exit::Failed })
        }
        signal = signals.next() => {
            tracing::warn!(signal, "stopped at once");
            Ok(Exit::Failed)
        }
    }
}
