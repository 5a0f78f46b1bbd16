//! Configured sources become running ones: their adapter's file is read, their vars are checked, nothing is sent.

use crate::adapter::{self, Adapter, BuildError, Manifest, Site, TokenStore, Vars};
use crate::config::{self, Config, SourceConfig};
use crate::document::Problems;
use crate::limits::Limits;
use crate::source::{SourceEntry, Sources};
use crate::upstream::{BreakerSettings, Settings};
use secrecy::ExposeSecret;
use std::sync::Arc;

/// Builds every source of a configuration; `None` where anything is wrong, and then `problems` says what.
pub fn build(config: &Config, problems: &Problems) -> Option<Sources> {
    let before = problems.count();
    let mut entries = Vec::new();
    for source in &config.sources {
        let Some(manifest) = manifest(source, problems) else {
            continue;
        };
        let Some(vars) = vars(source, &manifest, problems) else {
            continue;
        };
        let site = Site {
            vars,
            settings: settings(source, &config.limits),
            total: source.timeouts.total,
            tokens: tokens(config, source),
        };
        match entry(&source.key, entries.len(), manifest, site) {
            Ok(entry) => entries.push(entry),
            Err(error) => {
                problems.note(&source.vars_at, format!("source `{}`: {error}", source.key));
            }
        }
    }
    (problems.count() == before).then(|| Sources::new(entries))
}

/// One running source.
///
/// # Errors
/// [`BuildError`] names what its vars lack.
pub fn entry(
    key: &str,
    rank: usize,
    manifest: Arc<Manifest>,
    site: Site,
) -> Result<Arc<SourceEntry>, BuildError> {
    let (name, id) = (manifest.name.as_str().into(), manifest.id.as_str().into());
    let source = Adapter::new(manifest, site)?;
    Ok(Arc::new(SourceEntry {
        key: key.into(),
        name,
        adapter: id,
        rank,
        source: Arc::new(source),
    }))
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
            let text = config::read_text(path, problems)?;
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
    for (name, _) in manifest.vars.iter().filter(|(name, var)| {
        let given = source.vars.contains_key(*name) || source.unread.contains(*name);
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
    }
}

/// Where a source's rotated refresh token is kept. Without a state folder it lives as long as the process.
fn tokens(config: &Config, source: &SourceConfig) -> TokenStore {
    let Some(given) = source.vars.get("refresh_token") else {
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
