//! Sources whose credentials callers bring: what of a configuration may come from them, and how the source of one caller
//! is made from theirs.

use super::sources::Cache;
use crate::adapter::{Adapter, BuildError, Manifest, Site};
use crate::config::{Forwarded, SourceConfig};
use crate::document::Problems;
use crate::load::{CachedSource, Caching, ForwardedSource, Make, Times};
use crate::source::CustomerSource;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What stands for a var that callers bring, until they do. It is never sent.
const BROUGHT: &str = "brought";

/// A source behind its cache; or behind one for each credential, where callers bring some of its vars.
pub(super) fn running(
    manifest: &Arc<Manifest>,
    mut site: Site,
    cache: Cache,
    forwarded: &BTreeMap<String, Forwarded>,
    most: usize,
) -> Result<Arc<dyn CustomerSource>, BuildError> {
    if forwarded.is_empty() {
        let adapter = Arc::new(Adapter::new(Arc::clone(manifest), site)?);
        return Ok(Arc::new(CachedSource::counting(
            adapter,
            cache.caching,
            cache.store,
            cache.writes,
        )));
    }
    let vars = site.vars.clone();
    let brought = |name: &String| (name.clone(), BROUGHT.to_owned());
    site.vars.extend(forwarded.keys().map(brought));
    let base = Arc::new(Adapter::new(Arc::clone(manifest), site)?);
    let headers = forwarded.iter();
    let headers = headers.map(|(var, from)| (var.clone(), from.header.clone()));
    // A credential is used for what its caller asks, and not in the background.
    let quiet = |times| Times {
        ahead: None,
        ..times
    };
    let caching = Caching {
        times: cache.caching.times.map(quiet),
        ..cache.caching
    };
    let writes = cache.writes;
    let (origin, counted) = (Arc::clone(&base), Arc::clone(&writes));
    let make: Make = Box::new(move |brought| {
        let mut vars = vars.clone();
        let given = brought.iter();
        vars.extend(given.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
        let adapter = Arc::new(origin.beside(vars).ok()?);
        let (store, counted) = (cache.store.clone(), Arc::clone(&counted));
        let source = CachedSource::counting(adapter, caching, store, counted);
        Some(Arc::new(source))
    });
    let source = ForwardedSource::new(base, headers.collect(), most, writes, make);
    Ok(Arc::new(source))
}

/// Callers may bring secrets and nothing else: never an address. Nor anything that is changed while it is used, as nobody
/// could give it back to them.
pub(super) fn refuse_unfit(source: &SourceConfig, manifest: &Manifest, problems: &Problems) {
    for (name, forwarded) in &source.forwarded {
        let unfit = match manifest.vars.get(name) {
            None => format!("the adapter `{}` knows no var `{name}`", manifest.id),
            Some(declared) if !declared.secret => format!(
                "`{name}` is no secret, and callers can bring nothing else: write its value"
            ),
            Some(_) if manifest.refresh_vars().any(|var| var == name) => {
                format!(
                    "`{name}` is changed by the CRM while it is used, so callers cannot bring it"
                )
            }
            Some(_) => continue,
        };
        problems.note(&forwarded.at, unfit);
    }
    if source.forwarded.is_empty() {
        return;
    }
    for name in manifest.refresh_vars() {
        let Some(kept) = source.vars.get(name) else {
            continue;
        };
        let message = format!(
            "`{name}` belongs to nobody in particular where callers bring credentials of their own"
        );
        problems.note(&kept.at, message);
    }
}
