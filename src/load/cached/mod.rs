//! A source behind the cache: it is a source itself, so nobody above or below needs to know.
//!
//! Reads are answered from the store while they are fresh, join a read that is under way, or start one. While the CRM
//! fails, a stale answer stands in where the configuration and the caller allow it. A write moves the source to a new
//! epoch before its own answer leaves.

mod customers;
mod pages;

use super::ahead::Ahead;
use super::cache::{Kept, Key, Said, Scope, Store, Times, at_least};
use super::flight::{Flight, Flights};
use crate::metrics::{Changed, Renewal, SourceMeter};
use crate::model::{
    Capabilities, Change, Customer, CustomerOrderField, Filter, LocalId, Order, WriteOutcome,
};
use crate::source::{
    Call, CustomerRef, CustomerSource, ListPlan, Operation, Page, Position, SourceError,
    SourceErrorKind, SourceStatus, Unsupported, Written,
};
use crate::trace::Role;
use async_trait::async_trait;
use futures_util::FutureExt as _;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;

/// What a read by id came to.
type Found = Result<Option<CustomerRef>, SourceError>;
/// What a batch of reads by id came to.
type Batch = Arc<HashMap<LocalId, Found>>;
/// What a read of a page came to.
type PageRead = Result<Arc<Page>, SourceError>;

/// When what was read since a write that may be carried out late is forgotten: most are carried out soon.
const SOON: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(6),
];

/// How a source is cached.
#[derive(Clone, Copy, Debug)]
pub struct Caching {
    /// How long what it said is used again; without times nothing is kept, and identical reads under way are still one.
    pub times: Option<Times>,
    /// How long a read may go on, also when those who asked are gone.
    pub patience: Duration,
    /// How many reads under way can be joined at a time.
    pub flights: usize,
    /// How many reads may go on in the background.
    pub background: usize,
}

/// A source behind the cache.
pub struct CachedSource(Arc<Cached>);

struct Cached {
    inner: Arc<dyn CustomerSource>,
    caching: Caching,
    store: Store,
    source: u64,
    /// The epoch, which sources of one CRM may share.
    writes: Arc<AtomicU64>,
    batches: Flights<Key, Batch>,
    pages: Flights<Key, PageRead>,
    ahead: Ahead,
    meter: Arc<SourceMeter>,
}

impl CachedSource {
    /// Puts a source behind the store.
    pub fn new(inner: Arc<dyn CustomerSource>, caching: Caching, store: Store) -> Self {
        Self::counting(inner, caching, store, Arc::default())
    }

    /// The same, with an epoch that others count in too: whatever is written through one of them, all forget.
    pub fn counting(
        inner: Arc<dyn CustomerSource>,
        caching: Caching,
        store: Store,
        writes: Arc<AtomicU64>,
    ) -> Self {
        Self(Arc::new(Cached {
            meter: inner.meter(),
            inner,
            source: store.source(),
            store,
            writes,
            batches: Flights::new(caching.flights),
            pages: Flights::new(caching.flights),
            ahead: Ahead::new(caching.background),
            caching,
        }))
    }
}

#[async_trait]
impl CustomerSource for CachedSource {
    fn capabilities(&self) -> &Capabilities {
        self.0.inner.capabilities()
    }

    fn plan(&self, filter: &Filter, order: Option<Order>) -> Result<ListPlan, Unsupported> {
        self.0.inner.plan(filter, order)
    }

    fn shows(&self, field: CustomerOrderField) -> bool {
        self.0.inner.shows(field)
    }

    async fn list(
        &self,
        call: &Call,
        plan: &ListPlan,
        at: &Position,
        size: u32,
    ) -> Result<Page, SourceError> {
        let span = call.span("read page", Role::Inside);
        self.0
            .page(&call.under(span.as_ref()), plan, at, size)
            .await
    }

    async fn fetch(&self, call: &Call, ids: &[LocalId]) -> Vec<Found> {
        let mut span = call.span("read customers", Role::Inside);
        if let Some(span) = &mut span {
            span.tell("crmql.customers", ids.len() as u64);
        }
        self.0.customers(&call.under(span.as_ref()), ids).await
    }

    fn status(&self) -> SourceStatus {
        self.0.inner.status()
    }

    fn epoch(&self) -> u64 {
        self.0.writes.load(Ordering::Acquire)
    }

    fn meter(&self) -> Arc<SourceMeter> {
        Arc::clone(&self.0.meter)
    }

    async fn write(&self, call: &Call, change: &Change) -> Written {
        let mut moving = Moving {
            writes: &self.0.writes,
            nothing_sent: false,
        };
        let before = call.calls();
        let span = call.span("write customer", Role::Inside);
        let written = self.0.inner.write(&call.under(span.as_ref()), change).await;
        self.0.meter.writes.add(match written.outcome {
            WriteOutcome::Applied => Changed::Applied,
            WriteOutcome::NotApplied => Changed::NotApplied,
            WriteOutcome::Unknown => Changed::Unknown,
        });
        match written.outcome {
            WriteOutcome::NotApplied => moving.nothing_sent = call.calls() == before,
            WriteOutcome::Unknown => self.0.move_again(),
            WriteOutcome::Applied if written.later => self.0.move_again(),
            WriteOutcome::Applied => {}
        }
        written
    }
}

/// Moves the source to its next epoch when a write ends, however it ends: nobody knows what a write that broke off did.
/// Only one that was refused before anything was sent changes nothing.
struct Moving<'w> {
    writes: &'w AtomicU64,
    nothing_sent: bool,
}

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        if !self.nothing_sent {
            self.writes.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Cached {
    fn scope(&self) -> Scope {
        Scope {
            source: self.source,
            epoch: self.writes.load(Ordering::Acquire),
        }
    }

    /// The CRM may carry out a write long after nobody waits for it any more: what is read until then is not kept for long.
    fn move_again(self: &Arc<Self>) {
        let this = Arc::clone(self);
        let patience = this.caching.patience;
        let soon = SOON.into_iter().filter(move |after| *after < patience);
        tokio::spawn(async move {
            let written = tokio::time::Instant::now();
            for after in soon.chain([patience]) {
                tokio::time::sleep_until(written + after).await;
                this.writes.fetch_add(1, Ordering::AcqRel);
            }
        });
    }

    fn kept(&self, key: &Key) -> Option<Arc<Kept>> {
        self.caching.times.as_ref()?;
        self.store.get(key)
    }

    fn keep(&self, operation: &Operation, key: Key, said: Said, began: Instant) {
        if let Some(times) = self.caching.times.as_ref().filter(|_| operation.keep) {
            self.store.keep(key, said, began, times);
        }
    }

    /// Forgets what was kept under a key, where the CRM refused it later: its last word holds. What it never got to say, and what
    /// cannot be understood, is no word of its.
    fn forget_refused(&self, key: &Key, error: &SourceError, began: Instant) {
        let is_word = !error.retryable()
            && !matches!(
                error.kind,
                SourceErrorKind::OverBudget | SourceErrorKind::Malformed
            );
        if is_word && self.caching.times.is_some() {
            self.store.forget(key, began);
        }
    }

    /// Notes for how long something that was read just now can be used again.
    fn note_read(&self, operation: &Operation, said: &Said) {
        let times = self.caching.times.as_ref();
        let life = times.and_then(|times| times.life(said));
        operation.read_fresh_for(at_least(life.map_or(Duration::ZERO, |life| life.quiet)));
    }

    /// The leave and the call to ask again, in the background, for what was found kept; neither if it would be in the way.
    fn behind(&self, call: &Call) -> Option<(OwnedSemaphorePermit, Call)> {
        let leave = self.ahead.leave(&self.inner.status());
        self.meter.renewals.add(match leave {
            Some(_) => Renewal::Begun,
            None => Renewal::HeldBack,
        });
        let request_id = call.operation().request_id.clone();
        let operation = Operation::new(request_id, self.patience());
        Some((leave?, Call::new(Arc::new(operation))))
    }

    /// What the store has for this call now.
    fn still(&self, key: &Key, call: &Call) -> Option<Arc<Kept>> {
        self.kept(key).filter(|kept| serves(kept, call))
    }

    /// Until when a read that begins now may go on.
    fn patience(&self) -> Instant {
        Instant::now() + self.caching.patience
    }
}

/// Lets flights go on without anybody who waits for them, also those that nobody can join.
fn fly_alone<V: Clone + Send + Sync + 'static>(flights: Vec<(Flight<V>, Instant)>) {
    for (flight, _) in flights {
        tokio::spawn(flight.map(drop).in_current_span());
    }
}

/// Waits for a flight, at most until the caller's own deadline and for as long as one use of the source may take in all.
async fn landed<V: Clone>(
    call: &Call,
    in_all: Duration,
    flight: Flight<V>,
) -> Result<V, SourceError> {
    match tokio::time::timeout_at(call.within(in_all).into(), flight).await {
        Ok(answer) => answer.ok_or_else(SourceError::broken_off),
        Err(_) => Err(SourceError::new(
            SourceErrorKind::Timeout,
            "the CRM did not answer in time",
        )),
    }
}

/// Whether what is kept may be shown without asking the CRM.
fn serves(kept: &Kept, call: &Call) -> bool {
    let new_enough = call.not_before().is_none_or(|least| kept.began >= least);
    new_enough && kept.fresh_until > Instant::now()
}

/// Whether what is kept may be shown instead of an error. Only failures of the CRM count: an answer that says no is an
/// answer. Who said how old an answer may be gets the error.
fn may_be_stale(operation: &Operation, error: &SourceError, kept: &Kept) -> bool {
    operation.max_age.is_none() && error.retryable() && kept.usable_until > Instant::now()
}

/// What is built from it is built anew once it may be asked again: else nobody would come to ask.
fn note_kept(kept: &Kept, operation: &Operation) {
    operation.read_fresh_for(kept.quiet_for());
}

fn stale(customer: &CustomerRef) -> CustomerRef {
    Arc::new(Customer {
        stale: true,
        ..(**customer).clone()
    })
}
