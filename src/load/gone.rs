//! Counts what a store had to let go, and shows how full it is.

use crate::metrics::CacheMoment;
use moka::notification::RemovalCause;
use moka::sync::Cache;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Entries that are gone.
#[derive(Clone, Default)]
pub(super) struct Gone(Arc<[AtomicU64; 2]>);

impl Gone {
    /// Counts one.
    pub(super) fn note(&self, cause: RemovalCause) {
        let [crowded_out, expired] = &*self.0;
        let counter = match cause {
            RemovalCause::Size => crowded_out,
            RemovalCause::Expired => expired,
            RemovalCause::Explicit | RemovalCause::Replaced => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Goes on where that one has got to.
    pub(super) fn count_on(&self, before: &Self) {
        for (counter, before) in self.0.iter().zip(&*before.0) {
            counter.fetch_add(before.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// How this store stands.
    pub(super) fn moment<K, V, S>(&self, store: &Cache<K, V, S>) -> CacheMoment
    where
        K: Hash + Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        let [crowded_out, expired] = &*self.0;
        CacheMoment {
            bytes: store.weighted_size(),
            entries: store.entry_count(),
            crowded_out: crowded_out.load(Ordering::Relaxed),
            expired: expired.load(Ordering::Relaxed),
        }
    }
}
