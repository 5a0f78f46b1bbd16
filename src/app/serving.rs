//! What one reading of the configuration makes: sources, callers, a gateway, routes. It is built whole before anything of it
//! serves, and exchanged whole when the configuration changes.

use super::callers;
use super::collector::{self, Sending};
use super::documents;
use super::moment::Watched;
use super::sources::{self, Running};
use crate::access::{Access, Tries};
use crate::config::{self, Config};
use crate::connection::Connector;
use crate::document::Problems;
use crate::graphql::{self, Gateway, Realm, Tenants};
use crate::http::{self, Forwarding, Hosts, Library, Policy, Readiness, Routes};
use crate::metrics::RequestMeter;
use crate::source::Sources;
use crate::trace::{Queue, Tracer};
use crate::writes::{Keep, Ledger, Writes};
use anyhow::Context as _;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Names the use of the cursor key for the tenants that have a name.
const TENANT_KEY: &str = "crmql 2026-11 cursor key of a tenant";

/// Names its use for telling credentials apart that callers bring.
const CREDENTIAL_KEY: &str = "crmql 2026-11 credentials of callers";

/// Everything that serves.
pub struct Serving {
    /// What it was made from.
    pub config: Config,
    /// Its sources.
    pub running: Running,
    /// Its operations.
    pub gateway: Gateway,
    /// What makes writes happen once. It keeps a file open, so it goes on through every reload.
    pub writes: Arc<Writes>,
    /// Counts requests, likewise.
    meter: Arc<RequestMeter>,
    /// Counts refused credentials, likewise.
    tries: Arc<Tries>,
    /// Makes the spans of requests, and keeps them until they are sent; likewise.
    spans: (Tracer, Option<Queue>),
    /// Sends spans, until somebody takes it over.
    pub sending: Option<Sending>,
    /// The way in.
    pub routes: Routes,
}

impl Serving {
    /// Reads and builds everything; `None` where something is wrong, and then `problems` says what. What cannot change while
    /// the process lives, and sources that have not changed, are taken from `before`. `files` becomes what this reading named,
    /// also where it is refused.
    ///
    /// # Errors
    /// The cursor key cannot be kept, the schema is broken, or nothing can be sent to the collector.
    pub fn load(
        file: &Path,
        problems: &Problems,
        readiness: &Readiness,
        before: Option<&Self>,
        files: &mut Vec<PathBuf>,
    ) -> anyhow::Result<Option<Self>> {
        let Some(mut config) = config::load(file, problems) else {
            return Ok(None);
        };
        files.clone_from(&config.files);
        if let Some(before) = before {
            stay(&mut config, &before.config);
        }
        let pool = before.map(|before| &before.running);
        let running = sources::build(&config, problems, pool);
        let access = callers::build(&config, problems);
        documents::examine(&config, problems)?;
        let (Some(running), Some(access), true) = (running, access, problems.is_empty()) else {
            return Ok(None);
        };
        let key = config::cursor_key(&config).context("the cursor key")?;
        let tenants = tenants(&config, &running, &key);
        let writes = match before {
            Some(before) => Arc::clone(&before.writes),
            None => writes(&config)?,
        };
        let gateway = graphql::gateway_of(tenants, Arc::clone(&writes), &config.limits)?;
        let (spans, sending) = match before {
            Some(before) => (before.spans.clone(), None),
            None => {
                let (tracer, queue, sending) =
                    collector::tracer(&config).context("the collector")?;
                ((tracer, queue), sending)
            }
        };
        let watched = Watched {
            sources: running.tenants.values().cloned().collect(),
            store: Some(running.store().clone()),
            gateway: gateway.clone(),
            writes: Arc::clone(&writes),
            spans: spans.1.clone(),
        };
        let mut policy = Policy {
            tracer: spans.0.clone(),
            moment: Box::new(move || watched.moment()),
            tenants: running.tenants.keys().cloned().collect(),
            forwarding: forwarding(&config, &key),
            ..policy(&config, access)
        };
        if let Some(before) = before {
            policy.meter = Arc::clone(&before.meter);
            policy.tries = Arc::clone(&before.tries);
        }
        let (meter, tries) = (Arc::clone(&policy.meter), Arc::clone(&policy.tries));
        let routes = http::router(gateway.clone(), &config.limits, readiness.clone(), policy);
        Ok(Some(Self {
            config,
            running,
            gateway,
            writes,
            meter,
            tries,
            spans,
            sending,
            routes,
        }))
    }
}

/// What each tenant has.
fn tenants(config: &Config, running: &Running, key: &[u8; 32]) -> Tenants {
    let realm = |tenant: &str, sources: &Sources| {
        let key = tenant_key(key, tenant);
        let realm = Realm {
            sources: sources.clone(),
            connector: Arc::new(Connector::new(config.limits.clone(), &key)),
        };
        (tenant.into(), realm)
    };
    let tenants = running.tenants.iter();
    tenants
        .map(|(tenant, sources)| realm(tenant, sources))
        .collect()
}

/// Who may call and what, as configured.
fn policy(config: &Config, access: Access) -> Policy {
    let hosts = if access.is_guarded() {
        Hosts::Any
    } else {
        Hosts::Only(config.server.hosts.clone())
    };
    Policy {
        origins: config.server.origins.clone(),
        proxies: config.server.proxies.clone(),
        access,
        introspection: config.server.introspection,
        library: library(config),
        ..Policy::open(hosts)
    }
}

/// Writes that are noted in the state folder. Without one, idempotency keys are refused.
fn writes(config: &Config) -> anyhow::Result<Arc<Writes>> {
    let keep = match config::ledger_file(config) {
        Ok((file, false)) => Keep::File(file, config::make_whole),
        Ok((file, true)) => Keep::Known(file),
        Err(error) => {
            tracing::warn!(%error, "no folder for idempotency keys: they are refused");
            Keep::Nowhere
        }
    };
    let random = || config::random_key().context("random bytes");
    let ledger = Ledger::new(keep, config.limits.idempotency_keys, random()?);
    Ok(Arc::new(Writes::new(ledger, random()?)))
}

fn library(config: &Config) -> Library {
    let documents = &config.documents;
    let library = Library::trusting(documents.trusted.clone(), documents.only);
    if documents.automatic {
        library.keeping(&config.limits)
    } else {
        library
    }
}

/// Which headers the callers of each tenant bring credentials in.
fn forwarding(config: &Config, key: &[u8; 32]) -> Forwarding {
    let mut headers = BTreeMap::<Box<str>, BTreeSet<Box<str>>>::new();
    for source in &config.sources {
        let names = source.forwarded.values();
        let names = names.map(|from| from.header.clone());
        headers
            .entry(source.tenant.clone())
            .or_default()
            .extend(names);
    }
    headers.retain(|_, names| !names.is_empty());
    Forwarding::new(blake3::derive_key(CREDENTIAL_KEY, key), headers)
}

/// What a tenant's cursors are sealed with: nobody else's open with it.
fn tenant_key(key: &[u8; 32], tenant: &str) -> [u8; 32] {
    if tenant.is_empty() {
        return *key;
    }
    let whole: Vec<u8> = key.iter().copied().chain(tenant.bytes()).collect();
    blake3::derive_key(TENANT_KEY, &whole)
}

/// Keeps what only a restart can change, and says so.
fn stay(config: &mut Config, before: &Config) {
    let (server, old) = (&mut config.server, &before.server);
    let mut said = Vec::new();
    if server.listen != old.listen {
        said.push("server.listen");
    }
    if server.state_dir != old.state_dir {
        said.push("server.state_dir");
    }
    if config.telemetry != before.telemetry {
        said.push("telemetry");
        config.telemetry.clone_from(&before.telemetry);
    }
    server.listen = old.listen;
    server.state_dir.clone_from(&old.state_dir);
    let (limits, old) = (&config.limits, &before.limits);
    for (name, changed) in [
        ("limits.connections", limits.connections != old.connections),
        ("limits.head_bytes", limits.head_bytes != old.head_bytes),
        (
            "limits.waiting_spans",
            limits.waiting_spans != old.waiting_spans,
        ),
        (
            "limits.idempotency_keys",
            limits.idempotency_keys != old.idempotency_keys,
        ),
        ("limits.notice_ms", limits.notice_ms != old.notice_ms),
        ("limits.drain_ms", limits.drain_ms != old.drain_ms),
        // Bodies are given the new time at once; heads are read before anybody knows which gateway they are for.
        ("limits.receive_ms", limits.receive_ms != old.receive_ms),
        ("limits.idle_ms", limits.idle_ms != old.idle_ms),
    ] {
        if changed {
            said.push(name);
        }
    }
    if !said.is_empty() {
        tracing::warn!(
            keys = said.join(", "),
            "changed, and used only after a restart"
        );
    }
}
