//! Configured sources become running ones: their adapter's file is read, their vars are checked, nothing is sent.

use super::forwarded;
use crate::adapter::{self, BuildError, Manifest, Site, TokenStore, Vars};
use crate::config::{self, CacheTimes, Config, SourceConfig, Var};
use crate::document::Problems;
use crate::limits::Limits;
use crate::load::{Caching, Store, Times};
use crate::metrics::SourceMeter;
use crate::source::{CustomerSource, SourceEntry, Sources};
use crate::upstream::{BreakerSettings, Settings};
use secrecy::ExposeSecret;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// The sources that run.
pub struct Running {
    /// Those of each tenant, in the order of the configuration.
    pub tenants: BTreeMap<Box<str>, Sources>,
    /// Every source by its key, with what it was made from.
    pool: HashMap<Box<str>, (blake3::Hash, Arc<dyn CustomerSource>)>,
    /// Where all of them keep what was said.
    store: (u64, Store),
    /// The epochs of all sources by their keys.
    writes: HashMap<Box<str>, Arc<AtomicU64>>,
}

impl Running {
    /// Where all of them keep what was said.
    pub fn store(&self) -> &Store {
        &self.store.1
    }
}

/// What is done about refresh tokens, which change when they are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// They are kept in the state folder.
    Kept,
    /// Nothing: nobody uses them.
    Unused,
}

/// Builds every source of a configuration; `None` where anything is wrong, and then `problems` says what. A source that is
/// configured as it was `before` goes on: its connections, its tokens and what it learnt stay.
pub fn build(
    config: &Config,
    problems: &Problems,
    before: Option<&Running>,
    tokens_are: Tokens,
) -> Option<Running> {
    let noted = problems.count();
    let mut tenants: BTreeMap<Box<str>, Vec<Arc<SourceEntry>>> = BTreeMap::new();
    let mut pool = HashMap::new();
    let mut epochs = lasting_epochs(before);
    let bytes = config.limits.cache_bytes;
    let kept = before.filter(|before| before.store.0 == bytes);
    let store = kept.map_or_else(|| new_store(bytes, before), |kept| kept.store.1.clone());
    for source in &config.sources {
        let Some(manifest) = manifest(source, problems) else {
            continue;
        };
        let Some(vars) = vars(source, &manifest, problems) else {
            continue;
        };
        let mut settings = settings(source, &config.limits);
        settings.meter = meter(before, &source.key).unwrap_or(settings.meter);
        let writes = epoch(before, &source.key);
        epochs.insert(source.key.clone(), Arc::clone(&writes));
        let caching = caching(source.cache.as_ref(), source.timeouts.total, &config.limits);
        let most = config.limits.credentials;
        let print = fingerprint(source, &manifest, &vars, &settings, (&caching, most));
        // A new store needs new sources: one that goes on would keep to the old.
        let old = kept.and_then(|before| before.pool.get(&source.key));
        let running = match old.filter(|(old, _)| *old == print) {
            Some((_, running)) => Ok(Arc::clone(running)),
            None => {
                let site = Site {
                    vars,
                    settings,
                    total: source.timeouts.total,
                    tokens: tokens(config, source, &manifest, tokens_are),
                };
                let cache = Cache {
                    store: store.clone(),
                    caching,
                    writes,
                };
                forwarded::running(&manifest, site, cache, &source.forwarded, most)
            }
        };
        match running {
            Ok(running) => {
                pool.insert(source.key.clone(), (print, Arc::clone(&running)));
                let entries = tenants.entry(source.tenant.clone()).or_default();
                entries.push(named(&source.key, entries.len(), &manifest, running));
            }
            Err(error) => {
                problems.note(&source.vars_at, format!("source `{}`: {error}", source.key));
            }
        }
    }
    let tenants = tenants
        .into_iter()
        .map(|(tenant, entries)| (tenant, Sources::new(entries)));
    (problems.count() == noted).then(|| Running {
        tenants: tenants.collect(),
        pool,
        store: (bytes, store),
        writes: epochs,
    })
}

/// A store of another size than before, which goes on counting.
fn new_store(bytes: u64, before: Option<&Running>) -> Store {
    let store = Store::new(bytes);
    if let Some(before) = before {
        store.count_on(before.store());
    }
    store
}

/// The counters of a source, which go on where it is built anew.
fn meter(before: Option<&Running>, key: &str) -> Option<Arc<SourceMeter>> {
    let (_, running) = before?.pool.get(key)?;
    Some(running.meter())
}

/// The epochs of sources that somebody still uses, also of those that are no longer configured: a write may be under way
/// while its source goes and comes back.
fn lasting_epochs(before: Option<&Running>) -> HashMap<Box<str>, Arc<AtomicU64>> {
    let epochs = before.into_iter().flat_map(|before| &before.writes);
    let used = epochs.filter(|(_, epoch)| Arc::strong_count(epoch) > 1);
    used.map(|(key, epoch)| (key.clone(), Arc::clone(epoch)))
        .collect()
}

/// The epoch of a source, which goes on where it is built anew: a write that began before ends after it.
fn epoch(before: Option<&Running>, key: &str) -> Arc<AtomicU64> {
    let epoch = before.and_then(|before| before.writes.get(key));
    epoch.map(Arc::clone).unwrap_or_default()
}

/// Changes whenever a source would be built differently.
fn fingerprint(
    source: &SourceConfig,
    manifest: &Manifest,
    vars: &Vars,
    settings: &Settings,
    (caching, most): (&Caching, usize),
) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    let vars: BTreeMap<_, _> = vars.iter().collect();
    let forwarded = source.forwarded.iter();
    let forwarded: Vec<_> = forwarded.map(|(var, from)| (var, &from.header)).collect();
    let parts = (
        (forwarded, most),
        &source.tenant,
        &manifest.id,
        manifest.revision,
        vars,
        settings,
        &source.timeouts,
        caching,
    );
    hasher.update(format!("{parts:?}").as_bytes());
    hasher.finalize()
}

/// Where a source's answers are kept, and how.
pub struct Cache {
    /// Shared by all sources of the process.
    pub store: Store,
    /// How.
    pub caching: Caching,
    /// The epoch that every write moves on.
    pub writes: Arc<AtomicU64>,
}

/// How a source with these times is cached.
pub fn caching(times: Option<&CacheTimes>, patience: Duration, limits: &Limits) -> Caching {
    Caching {
        times: times.filter(|_| limits.cache_bytes > 0).map(|times| Times {
            ttl: times.ttl,
            stale_if_error: times.stale_if_error,
            absent_ttl: times.absent_ttl,
            ahead: times.refresh_after_percent,
        }),
        patience,
        flights: limits.flights,
        background: limits.background_reads,
    }
}

/// One running source, behind its cache.
///
/// # Errors
/// [`BuildError`] names what its vars lack.
pub fn entry(
    key: &str,
    rank: usize,
    manifest: &Arc<Manifest>,
    site: Site,
    cache: Cache,
) -> Result<Arc<SourceEntry>, BuildError> {
    let source = forwarded::running(manifest, site, cache, &BTreeMap::new(), 0)?;
    Ok(named(key, rank, manifest, source))
}

fn named(
    key: &str,
    rank: usize,
    manifest: &Manifest,
    source: Arc<dyn CustomerSource>,
) -> Arc<SourceEntry> {
    Arc::new(SourceEntry {
        key: key.into(),
        name: manifest.name.as_str().into(),
        adapter: manifest.id.as_str().into(),
        rank,
        source,
    })
}

/// The manifest a source names.
fn manifest(source: &SourceConfig, problems: &Problems) -> Option<Arc<Manifest>> {
    match &source.adapter {
        config::Adapter::BuiltIn(name) if name.is_empty() => None,
        config::Adapter::BuiltIn(name) => {
            let known = adapter::built_in_names();
            if !known.contains(&name.as_str()) {
                let message = format!(
                    "there is no built-in adapter `{name}`; there are: {}; or name the path of an adapter file",
                    known.join(", ")
                );
                problems.note(&source.adapter_at, message);
                return None;
            }
            adapter::built_in(name, problems).map(Arc::new)
        }
        config::Adapter::File(path) => {
            let text = config::read_named(path, &source.adapter_at, problems)?;
            adapter::read(&path.display().to_string(), &text, problems).map(Arc::new)
        }
    }
}

/// The vars' values, with what is wrong about them noted at their places.
fn vars(source: &SourceConfig, manifest: &Manifest, problems: &Problems) -> Option<Vars> {
    let before = problems.count();
    let known: Vec<_> = manifest.vars.keys().map(String::as_str).collect();
    for (name, var) in &source.vars {
        match manifest.vars.get(name) {
            None => problems.note(
                &var.at,
                format!(
                    "the adapter `{}` knows no var `{name}`; accepted: {}",
                    manifest.id,
                    known.join(", ")
                ),
            ),
            Some(declared) if declared.secret && var.literal => {
                problems.note(&var.at, format!("`{name}` is a secret: write {{ env = \"NAME\" }} or {{ file = \"path\" }}, never the value itself"));
            }
            Some(_) if var.value.expose_secret().contains(char::is_control) => {
                problems.note(&var.at, format!("`{name}` holds a line break or another control character, which no request can carry"));
            }
            Some(_) => {}
        }
    }
    forwarded::refuse_unfit(source, manifest, problems);
    for (name, _) in manifest.vars.iter().filter(|(name, var)| {
        let given = source.vars.contains_key(*name)
            || source.forwarded.contains_key(*name)
            || source.unread.contains(*name);
        var.default.is_none() && !var.optional && !given
    }) {
        problems.note(
            &source.vars_at,
            format!("the adapter `{}` needs the var `{name}`", manifest.id),
        );
    }
    let values = source
        .vars
        .iter()
        .map(|(name, var)| (name.clone(), var.value.expose_secret().to_owned()));
    (problems.count() == before && source.unread.is_empty()).then(|| values.collect())
}

/// How a source's CRM may be called.
pub fn settings(source: &SourceConfig, limits: &Limits) -> Settings {
    let breaker = source.breaker.as_ref();
    Settings {
        source: Arc::from(&*source.key),
        connect: source.timeouts.connect,
        attempt: source.timeouts.attempt,
        concurrency: source.concurrency as usize,
        queued: limits.queued_calls,
        retries: source.retries,
        breaker: breaker.map(|times| BreakerSettings {
            failures: times.failures,
            window: times.window,
            rest: times.rest,
        }),
        spacing: None,
        answer_bytes: limits.answer_bytes,
        answer_rows: limits.answer_rows,
        meter: Arc::default(),
    }
}

/// The keys of the sources whose refresh tokens change when they are used.
pub fn renewed(config: &Config) -> BTreeSet<Box<str>> {
    let is_renewed = |source: &&SourceConfig| {
        // What is wrong with an adapter is said when it is built.
        let manifest = manifest(source, &Problems::new());
        manifest.is_some_and(|manifest| refresh_token(source, &manifest).is_some())
    };
    let renewed = config.sources.iter().filter(is_renewed);
    renewed.map(|source| source.key.clone()).collect()
}

fn refresh_token<'s>(source: &'s SourceConfig, manifest: &Manifest) -> Option<&'s Var> {
    let mut names = manifest.refresh_vars();
    names.find_map(|name| source.vars.get(name))
}

/// Where a source's rotated refresh token is kept. Without a state folder it lives as long as the process.
fn tokens(config: &Config, source: &SourceConfig, manifest: &Manifest, kept: Tokens) -> TokenStore {
    let given = refresh_token(source, manifest);
    let Some(given) = given.filter(|_| kept == Tokens::Kept) else {
        return TokenStore::default();
    };
    config::token_store(config, &source.key, &given.value).map_or_else(
        TokenStore::default,
        |kept| TokenStore {
            kept: kept.token,
            keep: Some(kept.keep),
            again: Some(kept.again),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CONCURRENCY, DocumentsConfig, RETRIES, Server, Telemetry, Timeouts, Var};
    use crate::document::Place;

    /// A built-in adapter with something in every var it needs.
    fn config(limits: Limits) -> Config {
        let name = adapter::built_in_names()[0];
        let manifest = adapter::built_in(name, &Problems::new()).unwrap();
        let at = Place::file("c.toml");
        let var = || Var {
            value: "https://crm.example".to_owned().into(),
            literal: false,
            at: at.clone(),
        };
        let needed = manifest
            .vars
            .iter()
            .filter(|(_, var)| var.default.is_none());
        let source = SourceConfig {
            key: "a".into(),
            tenant: "".into(),
            adapter: config::Adapter::BuiltIn(name.to_owned()),
            adapter_at: at.clone(),
            vars: needed.map(|(name, _)| (name.clone(), var())).collect(),
            unread: Default::default(),
            forwarded: Default::default(),
            vars_at: at.clone(),
            timeouts: Timeouts::default(),
            cache: Some(CacheTimes::default()),
            concurrency: CONCURRENCY,
            retries: RETRIES,
            breaker: None,
            at,
        };
        Config {
            server: Server::default(),
            cursor_key: None,
            auth: None,
            documents: DocumentsConfig::default(),
            telemetry: Telemetry::default(),
            limits,
            sources: vec![source],
            files: Vec::new(),
        }
    }

    #[test]
    fn a_source_goes_on_unless_something_of_it_changes() {
        let problems = Problems::new();
        let built = |limits: Limits, before: Option<&Running>| {
            build(&config(limits), &problems, before, Tokens::Kept)
                .unwrap_or_else(|| unreachable!("{problems}"))
        };
        let source = |running: &Running| Arc::clone(&running.pool["a"].1);
        let first = built(Limits::default(), None);
        let goes_on = |limits: Limits| {
            let next = built(limits, Some(&first));
            Arc::ptr_eq(&source(&first), &source(&next))
        };
        let usual = Limits::default;
        assert!(goes_on(usual()));
        assert!(goes_on(Limits {
            whole_rows: 7,
            ..usual()
        }));
        assert!(!goes_on(Limits {
            flights: 7,
            ..usual()
        }));
        assert!(!goes_on(Limits {
            background_reads: 7,
            ..usual()
        }));
        assert!(!goes_on(Limits {
            queued_calls: 7,
            ..usual()
        }));
        assert!(!goes_on(Limits {
            answer_bytes: 70_000,
            ..usual()
        }));
        assert!(!goes_on(Limits {
            answer_rows: 7_000,
            ..usual()
        }));
        assert!(!goes_on(Limits {
            cache_bytes: 0,
            ..usual()
        }));
    }
}
