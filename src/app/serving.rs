//! What one reading of the configuration makes: sources, callers, a gateway, routes. It is built whole before anything of it
//! serves, and exchanged whole when the configuration changes.

use super::callers::{self, Pool};
use super::collector::{self, Sending};
use super::documents;
use super::moment::Watched;
use super::sources::{self, Running, Tokens};
use crate::access::{Access, Tries};
use crate::config::{self, Config};
use crate::connection::Connector;
use crate::document::{Place, Problems};
use crate::graphql::{self, ErrorCode, Gateway, Realm, Tenants};
use crate::http::{self, Forwarding, Hosts, InWork, Library, Policy, Readiness, Routes};
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
    /// What goes on through every reload.
    pub lasting: Lasting,
    /// The keys that the issuers of tokens publish.
    published: Pool,
    /// Sends spans, until somebody takes it over.
    pub sending: Option<Sending>,
    /// The way in.
    pub routes: Routes,
}

/// What goes on through every reload. All clones are one.
#[derive(Clone)]
pub struct Lasting {
    /// What makes writes happen once. It keeps a file open.
    pub writes: Arc<Writes>,
    /// Counts requests.
    meter: Arc<RequestMeter>,
    /// Counts refused credentials.
    tries: Arc<Tries>,
    /// Counts what requests take of the ceilings.
    in_work: InWork,
    /// Makes the spans of requests.
    tracer: Tracer,
    /// Keeps them until they are sent.
    spans: Option<Queue>,
}

impl Lasting {
    /// Begins; and what has to run beside for spans to be sent.
    fn new(config: &Config) -> anyhow::Result<(Self, Option<Sending>)> {
        let writes = writes(config)?;
        let (tracer, spans, sending) = collector::tracer(config).context("the collector")?;
        let lasting = Self {
            writes,
            meter: Arc::new(RequestMeter::new(ErrorCode::WORDS)),
            tries: Arc::default(),
            in_work: InWork::default(),
            tracer,
            spans,
        };
        Ok((lasting, sending))
    }
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
            refuse_to_open(&config, file, problems);
        }
        let pool = before.map(|before| &before.running);
        let running = sources::build(&config, problems, pool, Tokens::Kept);
        let callers = callers::build(&config, problems, before.map(|before| &before.published));
        documents::examine(&config, problems)?;
        let (Some(running), Some((access, published)), true) =
            (running, callers, problems.is_empty())
        else {
            return Ok(None);
        };
        let key = config::cursor_key(&config).context("the cursor key")?;
        let (lasting, sending) = match before {
            Some(before) => (before.lasting.clone(), None),
            None => Lasting::new(&config)?,
        };
        let tenants = tenants(&config, &running, &key);
        let gateway = graphql::gateway_of(tenants, Arc::clone(&lasting.writes), &config.limits)?;
        if let Some(before) = before {
            gateway.count_on(&before.gateway);
        }
        let watched = Watched {
            sources: running.tenants.values().cloned().collect(),
            store: Some(running.store().clone()),
            gateway: gateway.clone(),
            writes: Arc::clone(&lasting.writes),
            spans: lasting.spans.clone(),
        };
        let policy = Policy {
            moment: Box::new(move || watched.moment()),
            tenants: running.tenants.keys().cloned().collect(),
            forwarding: forwarding(&config, &key),
            ..policy(&config, access, &lasting)
        };
        let routes = http::router(gateway.clone(), &config.limits, readiness.clone(), policy);
        Ok(Some(Self {
            config,
            running,
            gateway,
            lasting,
            published,
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
fn policy(config: &Config, access: Access, lasting: &Lasting) -> Policy {
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
        meter: Arc::clone(&lasting.meter),
        tries: Arc::clone(&lasting.tries),
        in_work: lasting.in_work.clone(),
        tracer: lasting.tracer.clone(),
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
    let mut kept = Kept(Vec::new());
    let (server, old) = (&mut config.server, &before.server);
    kept.keep("server.listen", &mut server.listen, &old.listen);
    kept.keep("server.state_dir", &mut server.state_dir, &old.state_dir);
    kept.keep("telemetry", &mut config.telemetry, &before.telemetry);
    let (limits, old) = (&mut config.limits, &before.limits);
    kept.keep(
        "limits.connections",
        &mut limits.connections,
        &old.connections,
    );
    kept.keep("limits.head_bytes", &mut limits.head_bytes, &old.head_bytes);
    kept.keep(
        "limits.waiting_spans",
        &mut limits.waiting_spans,
        &old.waiting_spans,
    );
    kept.keep(
        "limits.idempotency_keys",
        &mut limits.idempotency_keys,
        &old.idempotency_keys,
    );
    kept.keep("limits.notice_ms", &mut limits.notice_ms, &old.notice_ms);
    kept.keep("limits.drain_ms", &mut limits.drain_ms, &old.drain_ms);
    // Bodies are given the new time at once; heads are read before anybody knows which gateway they are for.
    let mut heads_ms = limits.receive_ms;
    kept.keep("limits.receive_ms", &mut heads_ms, &old.receive_ms);
    kept.keep("limits.idle_ms", &mut limits.idle_ms, &old.idle_ms);
    if !kept.0.is_empty() {
        tracing::warn!(
            keys = kept.0.join(", "),
            "changed, and used only after a restart"
        );
    }
}

/// The names of what changed and is kept as it was.
struct Kept(Vec<&'static str>);

impl Kept {
    fn keep<T: Clone + PartialEq>(&mut self, name: &'static str, now: &mut T, old: &T) {
        if now != old {
            self.0.push(name);
            now.clone_from(old);
        }
    }
}

/// Whether callers are told apart was judged by the address of this reading, and the old one is listened on.
fn refuse_to_open(config: &Config, file: &Path, problems: &Problems) {
    if !config.is_open() {
        return;
    }
    let message = format!(
        "there is no [auth] any more, and until a restart the gateway listens on {}, which others can reach; write [auth], or restart the gateway",
        config.server.listen
    );
    problems.note(&Place::file(&file.display().to_string()), message);
}
