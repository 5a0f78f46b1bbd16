//! What sources said, kept for a while: customers, absences and pages, bounded together in bytes and each in time.
//!
//! Keys hold the source, its epoch, and everything that was asked. A write moves the source to another epoch, so that
//! nothing read before it can be found after it, not even by a read that is still under way.

use super::gone::Gone;
use super::weight;
use crate::metrics::CacheMoment;
use crate::model::{Filter, LocalId, Order, Reuse, Stamp};
use crate::source::{CustomerRef, Page, Position, Row};
use foldhash::quality::RandomState;
use moka::Expiry;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How long what a source said is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Without asking again.
    pub ttl: Duration,
    /// After that, while the CRM fails, marked as stale.
    pub stale_if_error: Duration,
    /// That there is no such customer.
    pub absent_ttl: Duration,
    /// From this part of its time on, in percent, what callers keep asking for is asked again in the background.
    pub ahead: Option<u32>,
}

/// How long one thing that was said is used again, from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Without asking again.
    pub fresh: Duration,
    /// The part of that time in which nobody asks again in the background either.
    pub quiet: Duration,
    /// After it was fresh, while the CRM fails.
    stands_in: Duration,
    /// After it was fresh, because the CRM can be asked whether it is still so.
    held: Duration,
}

impl Times {
    /// How long this is used again; `None` where it may not be kept.
    pub fn life(&self, said: &Said) -> Option<Life> {
        let page = match said {
            Said::Page(page) => Some(Arc::clone(page)),
            Said::Row(page, _) => page.upgrade(),
            Said::Customer(_) => None,
        };
        let stamp = said.stamp();
        let reuse = page.as_ref().and_then(|page| page.stamp.as_ref());
        let reuse = stamp
            .as_ref()
            .or(reuse)
            .map_or_else(Reuse::default, |stamp| stamp.reuse);
        let (ttl, stale) = match said {
            Said::Customer(None) => (self.absent_ttl, Duration::ZERO),
            _ => (self.ttl, self.stale_if_error),
        };
        // A page whose token is no longer good leads nowhere.
        let lasts = page.and_then(|page| page.lasts).unwrap_or(Duration::MAX);
        let fresh = ttl.min(lasts).min(reuse.fresh.unwrap_or(Duration::MAX));
        let stale = stale.min(lasts - fresh);
        let known = stamp.is_some_and(|stamp| stamp.names_a_version());
        if !reuse.keep || (fresh.is_zero() && !known) {
            return None;
        }
        Some(Life {
            fresh,
            quiet: self.ahead.map_or(fresh, |percent| fresh / 100 * percent),
            stands_in: if reuse.stands_in {
                stale
            } else {
                Duration::ZERO
            },
            held: if known || reuse.stands_in {
                stale
            } else {
                Duration::ZERO
            },
        })
    }
}

/// Whose answers, and since which write. Two sources never share a scope, whatever their names; callers that bring
/// credentials of their own get one for each of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The source with its credentials, numbered by the store.
    pub source: u64,
    /// The writes so far.
    pub epoch: u64,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A customer.
    Customer {
        /// Of whom.
        scope: Scope,
        /// Its id.
        id: LocalId,
    },
    /// A page of a list.
    Page(Arc<PageKey>),
}

/// Which page of which list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageKey {
    /// Of whom.
    pub scope: Scope,
    /// Which of the source's list routes.
    pub route: usize,
    /// The filter.
    pub filter: Filter,
    /// The order.
    pub order: Option<Order>,
    /// Where it begins.
    pub position: Position,
    /// How many rows were asked for.
    pub size: u32,
}

/// What was said.
#[derive(Clone, Debug)]
pub enum Said {
    /// A customer, or that there is none.
    Customer(Option<CustomerRef>),
    /// A row of a page that is kept by itself. It costs nothing, and goes with the page.
    Row(Weak<Page>, usize),
    /// A page.
    Page(Arc<Page>),
}

impl Said {
    /// The page.
    pub fn page(&self) -> Option<Arc<Page>> {
        match self {
            Self::Page(page) => Some(Arc::clone(page)),
            Self::Customer(_) | Self::Row(..) => None,
        }
    }

    /// What the CRM said of using this again: of the thing itself, not of the page that a row came in.
    fn stamp(&self) -> Option<Arc<Stamp>> {
        match self {
            Self::Page(page) => page.stamp.clone(),
            Self::Customer(customer) => customer.as_ref()?.stamp.clone(),
            Self::Row(..) => None,
        }
    }

    /// Whether the CRM can be asked if this is still so.
    pub fn names_a_version(&self) -> bool {
        self.stamp().is_some_and(|stamp| stamp.names_a_version())
    }

    /// The customer, or that there is none; `None` where that is no longer known.
    pub fn customer(&self) -> Option<Option<CustomerRef>> {
        match self {
            Self::Customer(customer) => Some(customer.clone()),
            Self::Row(page, index) => match page.upgrade()?.rows.get(*index)? {
                Row::Customer { customer, .. } => Some(Some(Arc::clone(customer))),
                Row::Gone { .. } | Row::Unreadable { .. } => None,
            },
            Self::Page(_) => None,
        }
    }
}

/// Something that was said, and when.
#[derive(Debug)]
pub struct Kept {
    /// What was said.
    pub said: Said,
    /// When it was asked for: it is at least as new as this.
    pub began: Instant,
    /// Until when it is used without asking again.
    pub fresh_until: Instant,
    /// Until when it may stand in for a failing CRM.
    pub usable_until: Instant,
    /// From when on it is asked again in the background.
    quiet_until: Instant,
    /// Until when it is held.
    held_until: Instant,
    /// Somebody asked for it before.
    asked_again: AtomicBool,
    /// It was asked again in the background.
    renewing: AtomicBool,
    weight: u32,
}

impl Kept {
    /// For how long it is used before anybody asks again.
    pub fn quiet_for(&self) -> Duration {
        self.quiet_until.saturating_duration_since(Instant::now())
    }

    /// Notes that it was used. Whether it should be asked again now: it is about to grow stale, and nobody's first wish.
    pub fn is_due(&self) -> bool {
        if !self.asked_again.load(Ordering::Relaxed) {
            self.asked_again.store(true, Ordering::Relaxed);
            return false;
        }
        self.quiet_until < self.fresh_until
            && self.quiet_until <= Instant::now()
            && !self.renewing.load(Ordering::Relaxed)
    }

    /// Takes it on oneself to ask again; `false` where somebody else has.
    pub fn take_renewal(&self) -> bool {
        !self.renewing.swap(true, Ordering::AcqRel)
    }

    /// Leaves that to the next.
    pub fn leave_renewal(&self) {
        self.renewing.store(false, Ordering::Release);
    }
}

/// What all sources said.
#[derive(Clone)]
pub struct Store {
    kept: Cache<Key, Arc<Kept>, RandomState>,
    sources: Arc<AtomicU64>,
    gone: Gone,
}

impl Store {
    /// Keeps at most about so many bytes.
    pub fn new(bytes: u64) -> Self {
        let gone = Gone::default();
        let noted = gone.clone();
        Self {
            kept: Cache::builder()
                .max_capacity(bytes)
                // What a write made unseen is never asked for again, however often it was before: it must go first.
                .eviction_policy(EvictionPolicy::lru())
                .weigher(|_, kept: &Arc<Kept>| kept.weight)
                .expire_after(UntilUnusable)
                .eviction_listener(move |_, _, cause| noted.note(cause))
                .build_with_hasher(RandomState::default()),
            sources: Arc::default(),
            gone,
        }
    }

    /// Goes on counting where that one has got to.
    pub fn count_on(&self, before: &Self) {
        self.gone.count_on(&before.gone);
    }

    /// How full it is.
    pub fn moment(&self) -> CacheMoment {
        self.gone.moment(&self.kept)
    }

    /// A number for one more source.
    pub fn source(&self) -> u64 {
        self.sources.fetch_add(1, Ordering::Relaxed)
    }

    /// What is kept under a key.
    pub fn get(&self, key: &Key) -> Option<Arc<Kept>> {
        self.kept.get(key)
    }

    /// Keeps something that was just said, unless what is kept was asked for later. Where it may not be kept, what was said
    /// before it is forgotten all the same: it would come back once the newer is gone.
    pub fn keep(&self, key: Key, said: Said, began: Instant, times: &Times) {
        let Some(life) = times.life(&said) else {
            return self.forget(&key, began);
        };
        let now = Instant::now();
        let fresh_until = now + jittered(life.fresh, &key);
        let kept = Arc::new(Kept {
            weight: weight::of(&key, &said),
            said,
            began,
            fresh_until,
            usable_until: fresh_until + life.stands_in,
            quiet_until: now + jittered(life.quiet, &key),
            held_until: fresh_until + life.held,
            asked_again: AtomicBool::new(false),
            renewing: AtomicBool::new(false),
        });
        self.kept.entry(key).and_upsert_with(|there| match there {
            Some(there) if there.value().began > began => there.into_value(),
            _ => kept,
        });
    }

    /// Forgets what was asked for before then.
    pub fn forget(&self, key: &Key, began: Instant) {
        // Mostly there is nothing, and looking takes no lock.
        if self.kept.contains_key(key) {
            let outlived = |kept: &Arc<Kept>| kept.began <= began;
            self.kept
                .entry_by_ref(key)
                .and_compute_with(|there| match there {
                    Some(there) if outlived(there.value()) => Op::Remove,
                    _ => Op::Nop,
                });
        }
    }

    /// How many bytes are kept, after what was put off has been done.
    #[cfg(test)]
    pub fn settled_bytes(&self) -> u64 {
        self.kept.run_pending_tasks();
        self.kept.weighted_size()
    }

    /// How many entries are kept, likewise.
    #[cfg(test)]
    pub fn settled_entries(&self) -> u64 {
        self.kept.run_pending_tasks();
        self.kept.entry_count()
    }
}

/// The shortest that a time can become by [`jittered`].
pub fn at_least(life: Duration) -> Duration {
    life - life / 10
}

/// Between nine tenths and the whole, so that what was read together is not asked again together. The pages of one list
/// stay together all the same: rows must not move between a page of today and one of yesterday.
fn jittered(life: Duration, key: &Key) -> Duration {
    let mut hasher = DefaultHasher::new();
    match key {
        Key::Customer { .. } => key.hash(&mut hasher),
        Key::Page(page) => (page.scope, page.route, &page.filter, page.order).hash(&mut hasher),
    }
    let steps = u32::try_from(hasher.finish() % 256).unwrap_or(0);
    life - life / 10 * steps / 256
}

/// Entries go when not even a failing CRM, or one that can tell whether they are still so, makes them useful.
struct UntilUnusable;

impl Expiry<Key, Arc<Kept>> for UntilUnusable {
    fn expire_after_create(&self, _: &Key, kept: &Arc<Kept>, now: Instant) -> Option<Duration> {
        Some(kept.held_until.saturating_duration_since(now))
    }

    fn expire_after_update(
        &self,
        _: &Key,
        kept: &Arc<Kept>,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.held_until.saturating_duration_since(now))
    }
}
