//! What sources said, kept for a while: customers, absences and pages, bounded together in bytes and each in time.
//!
//! Keys hold the source, its epoch, and everything that was asked. A write moves the source to another epoch, so that
//! nothing read before it can be found after it, not even by a read that is still under way.

use crate::model::{Customer, Filter, LocalId, Order};
use crate::source::{CustomerRef, Page, Position, Row};
use moka::Expiry;
use moka::sync::Cache;
use std::sync::Arc;
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
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A customer.
    Customer {
        /// Which source, and since which write.
        at: Epoch,
        /// Its id.
        id: LocalId,
    },
    /// A page of a list.
    Page {
        /// Which source, and since which write.
        at: Epoch,
        /// Which of its list routes.
        route: usize,
        /// The filter.
        filter: Box<Filter>,
        /// The order.
        order: Option<Order>,
        /// Where it begins.
        position: Position,
        /// How many rows were asked for.
        size: u32,
    },
}

/// A source between two writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch {
    /// The source's rank.
    pub source: usize,
    /// The writes so far.
    pub writes: u64,
}

/// What was said.
#[derive(Clone, Debug)]
pub enum Said {
    /// A customer, or that there is none.
    Customer(Option<CustomerRef>),
    /// A page.
    Page(Arc<Page>),
}

/// Something that was said, and when.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What was said.
    pub said: Said,
    /// Until when it is used without asking again.
    pub fresh_until: Instant,
    /// Until when it may stand in for a failing CRM.
    pub usable_until: Instant,
    weight: u32,
}

/// What all sources said.
#[derive(Clone)]
pub struct Store(Cache<Key, Arc<Kept>>);

impl Store {
    /// Keeps at most about so many bytes.
    pub fn new(bytes: u64) -> Self {
        Self(
            Cache::builder()
                .max_capacity(bytes)
                .weigher(|_, kept: &Arc<Kept>| kept.weight)
                .expire_after(UntilUnusable)
                .build(),
        )
    }

    /// What is kept under a key.
    pub fn get(&self, key: &Key) -> Option<Arc<Kept>> {
        self.0.get(key)
    }

    /// Keeps something that was just said.
    pub fn keep(&self, key: Key, said: Said, times: &Times) {
        let life = match said {
            Said::Customer(None) => times.absent_ttl,
            _ => times.ttl,
        };
        let stale = if matches!(said, Said::Customer(None)) {
            Duration::ZERO
        } else {
            times.stale_if_error
        };
        let fresh_until = Instant::now() + jittered(life);
        let weight = weight(&key, &said);
        self.0.insert(
            key,
            Arc::new(Kept {
                said,
                fresh_until,
                usable_until: fresh_until + stale,
                weight,
            }),
        );
    }

    /// How many bytes are kept, after what was put off has been done.
    pub fn settled_bytes(&self) -> u64 {
        self.0.run_pending_tasks();
        self.0.weighted_size()
    }
}

/// Between nine tenths and the whole, so that what was read together is not asked again together.
fn jittered(life: Duration) -> Duration {
    let mut random = [0; 1];
    // Without randomness there is no jitter, and nothing worse.
    let _ = getrandom::fill(&mut random);
    let [random] = random;
    life - life.mul_f64(f64::from(random) / 2_560.0)
}

/// Entries go when not even a failing CRM makes them useful.
struct UntilUnusable;

impl Expiry<Key, Arc<Kept>> for UntilUnusable {
    fn expire_after_create(&self, _: &Key, kept: &Arc<Kept>, now: Instant) -> Option<Duration> {
        Some(kept.usable_until.saturating_duration_since(now))
    }

    fn expire_after_update(
        &self,
        _: &Key,
        kept: &Arc<Kept>,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.usable_until.saturating_duration_since(now))
    }
}

/// What an entry costs beside its contents: the cache's own book-keeping, measured with many small entries.
const ENTRY: usize = 256;

fn weight(key: &Key, said: &Said) -> u32 {
    let key = match key {
        Key::Customer { id, .. } => id.as_str().len(),
        Key::Page { .. } => size_of::<Filter>() + 64,
    };
    let said = match said {
        Said::Customer(None) => 0,
        Said::Customer(Some(customer)) => {
            customer_weight(customer)
                + customer
                    .native
                    .as_ref()
                    .map_or(0, crate::model::Native::weight)
        }
        Said::Page(page) => page_weight(page),
    };
    u32::try_from(ENTRY + key + said).unwrap_or(u32::MAX)
}

fn page_weight(page: &Page) -> usize {
    let customers = || {
        page.rows.iter().filter_map(|row| match row {
            Row::Customer { customer, .. } | Row::Gone { customer, .. } => Some(customer),
            Row::Unreadable { .. } => None,
        })
    };
    // All rows of a page share the answer they came in.
    let body = customers()
        .find_map(|customer| customer.native.as_ref())
        .map_or(0, crate::model::Native::weight);
    size_of::<Page>()
        + page.rows.len() * size_of::<Row>()
        + body
        + customers()
            .map(|customer| customer_weight(customer))
            .sum::<usize>()
}

/// What a customer holds, its native record aside.
fn customer_weight(customer: &Customer) -> usize {
    size_of::<Customer>() + customer.text_bytes()
}
