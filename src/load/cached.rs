//! A source behind the cache: it is a source itself, so nobody above or below needs to know.
//!
//! Reads are answered from the store while they are fresh, join a read that is under way, or start one. While the CRM
//! fails, a stale answer stands in where the configuration and the caller allow it. A write moves the source to a new
//! epoch before its own answer leaves.

use super::cache::{Kept, Key, PageKey, Said, Scope, Store, Times, at_least};
use super::flight::{Flight, Flights};
use crate::metrics::{Changed, Read, SourceMeter};
use crate::model::{Capabilities, Change, Customer, Filter, LocalId, Order, WriteOutcome};
use crate::source::{
    Call, CustomerRef, CustomerSource, ListPlan, Operation, Page, Position, Row, SourceError,
    SourceErrorKind, SourceStatus, Unsupported, Written,
};
use crate::trace::Role;
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a read by id came to.
type Found = Result<Option<CustomerRef>, SourceError>;
/// What a batch of reads by id came to.
type Batch = Arc<HashMap<LocalId, Found>>;
/// What a read of a page came to.
type PageRead = Result<Arc<Page>, SourceError>;

/// How a source is cached.
#[derive(Clone, Copy, Debug)]
pub struct Caching {
    /// How long what it said is used again; without times nothing is kept, and identical reads under way are still one.
    pub times: Option<Times>,
    /// How long a read may go on, also when those who asked are gone.
    pub patience: Duration,
    /// How many reads under way can be joined at a time.
    pub flights: usize,
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
        tokio::spawn(async move {
            tokio::time::sleep(this.caching.patience).await;
            this.writes.fetch_add(1, Ordering::AcqRel);
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

    /// Notes for how long something that was read just now can be used again.
    fn note_read(&self, operation: &Operation, absent: bool) {
        let life = match &self.caching.times {
            None => Duration::ZERO,
            Some(times) if absent => times.absent_ttl,
            Some(times) => times.ttl,
        };
        operation.read_fresh_for(at_least(life));
    }

    // === Pages ===

    async fn page(
        self: &Arc<Self>,
        call: &Call,
        plan: &ListPlan,
        at: &Position,
        size: u32,
    ) -> Result<Page, SourceError> {
        let operation = call.operation();
        let key = Key::Page(Arc::new(PageKey {
            scope: self.scope(),
            route: plan.route,
            filter: plan.filter.clone(),
            order: plan.order,
            position: at.clone(),
            size,
        }));
        let kept = self.kept(&key);
        if let Some(kept) = kept.as_deref()
            && serves(kept, call)
            && let Some(page) = kept.said.page()
        {
            self.meter.pages.add(Read::Kept);
            note_kept(kept, operation);
            call.read_page(kept.began);
            return Ok((*page).clone());
        }
        match (self.fly_page(call, plan, at, key).await, kept) {
            (Ok(page), _) => {
                self.note_read(operation, false);
                call.read_page(Instant::now());
                Ok((*page).clone())
            }
            (Err(error), Some(kept)) if may_be_stale(operation, &error, &kept) => {
                let page = kept.said.page().ok_or(error)?;
                self.meter.pages.add(Read::Stale);
                operation.read_fresh_for(Duration::ZERO);
                call.read_page(kept.began);
                Ok(stale_page(&page))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Reads a page, or joins who reads it.
    async fn fly_page(
        self: &Arc<Self>,
        call: &Call,
        plan: &ListPlan,
        at: &Position,
        key: Key,
    ) -> PageRead {
        let (this, own) = (Arc::clone(self), call.until(self.patience()));
        let (plan, at) = (plan.clone(), at.clone());
        let keys = [key];
        let landed_since = |key: &Key| Some(Ok(self.still(key, call)?.said.page()?));
        let mut from = Read::Joined;
        let flights = self
            .pages
            .join(&keys, call.not_before(), landed_since, |mut keys, began| {
                from = Read::Sent;
                async move {
                    let key = keys.pop().ok_or_else(broken_off)?;
                    this.read_page(&own, &plan, &at, key, began).await
                }
            });
        self.meter.pages.add(from);
        let flight = flights.into_iter().next().ok_or_else(broken_off)?;
        landed(call, self.caching.patience, flight).await?
    }

    async fn read_page(
        &self,
        call: &Call,
        plan: &ListPlan,
        at: &Position,
        key: Key,
        began: Instant,
    ) -> PageRead {
        let operation = call.operation();
        let Key::Page(asked) = &key else {
            return Err(broken_off());
        };
        let page = Arc::new(self.inner.list(call, plan, at, asked.size).await?);
        if page.complete {
            self.keep_rows(operation, asked.scope, &page, began);
        }
        self.keep(operation, key, Said::Page(Arc::clone(&page)), began);
        Ok(page)
    }

    /// A row that says all is as good as the customer read by its id.
    fn keep_rows(&self, operation: &Operation, scope: Scope, page: &Arc<Page>, began: Instant) {
        if self.caching.times.is_none() {
            return;
        }
        for (index, row) in page.rows.iter().enumerate() {
            if let Row::Customer { customer, .. } = row {
                let id = customer.id.clone();
                let said = Said::Row(Arc::downgrade(page), index);
                self.keep(operation, Key::Customer { scope, id }, said, began);
            }
        }
    }

    // === Customers ===

    async fn customers(self: &Arc<Self>, call: &Call, ids: &[LocalId]) -> Vec<Found> {
        let (operation, scope) = (call.operation(), self.scope());
        let key = |id: &LocalId| Key::Customer {
            scope,
            id: id.clone(),
        };
        let kept: Vec<Option<Arc<Kept>>> = ids.iter().map(|id| self.kept(&key(id))).collect();
        let mut found: Vec<Option<Found>> = kept
            .iter()
            .map(|kept| {
                let kept = kept.as_deref().filter(|kept| serves(kept, call))?;
                let customer = kept.said.customer()?;
                note_kept(kept, operation);
                self.meter.customers.add(Read::Kept);
                Some(Ok(customer))
            })
            .collect();
        let missing: Vec<Key> = ids
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none())
            .map(|(id, _)| key(id))
            .collect();
        if !missing.is_empty() {
            let mut read = self.fly_customers(call, &missing).await.into_iter();
            let slots = found.iter_mut().zip(kept);
            for (slot, kept) in slots.filter(|(slot, _)| slot.is_none()) {
                let read = read.next().unwrap_or_else(|| Err(broken_off()));
                *slot = Some(self.settled(operation, read, kept));
            }
        }
        let found = found.into_iter();
        found
            .map(|found| found.unwrap_or_else(|| Err(broken_off())))
            .collect()
    }

    /// What is shown of a customer that had to be read.
    fn settled(&self, operation: &Operation, read: Found, kept: Option<Arc<Kept>>) -> Found {
        match (read, kept) {
            (Ok(customer), _) => {
                self.note_read(operation, customer.is_none());
                Ok(customer)
            }
            (Err(error), Some(kept)) if may_be_stale(operation, &error, &kept) => {
                let customer = kept.said.customer().ok_or(error)?;
                self.meter.customers.add(Read::Stale);
                operation.read_fresh_for(Duration::ZERO);
                Ok(customer.map(|customer| stale(&customer)))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Reads what is missing, joining what is under way; in the order of the keys.
    async fn fly_customers(self: &Arc<Self>, call: &Call, missing: &[Key]) -> Vec<Found> {
        let (this, own) = (Arc::clone(self), call.until(self.patience()));
        let landed_since = |key: &Key| {
            let customer = self.still(key, call)?.said.customer()?;
            let found = HashMap::from([(id_of(key)?.clone(), Ok(customer))]);
            Some(Arc::new(found))
        };
        let mut sent = 0;
        let flights = self
            .batches
            .join(missing, call.not_before(), landed_since, |keys, began| {
                sent = keys.len();
                async move { this.read_customers(&own, keys, began).await }
            });
        let joined = missing.len().saturating_sub(sent);
        self.meter.customers.add_many(Read::Sent, sent as u64);
        self.meter.customers.add_many(Read::Joined, joined as u64);
        let mut found = Vec::with_capacity(missing.len());
        for (key, flight) in missing.iter().zip(flights) {
            let read = landed(call, self.caching.patience, flight)
                .await
                .and_then(|batch| {
                    let read = id_of(key).and_then(|id| batch.get(id));
                    read.cloned().unwrap_or_else(|| Err(broken_off()))
                });
            found.push(read);
        }
        found
    }

    async fn read_customers(&self, call: &Call, keys: Vec<Key>, began: Instant) -> Batch {
        let operation = call.operation();
        let ids: Vec<LocalId> = keys.iter().filter_map(id_of).cloned().collect();
        let found = self.inner.fetch(call, &ids).await;
        let together = found.len() > 1;
        let mut batch = HashMap::with_capacity(found.len());
        for ((id, key), found) in ids.into_iter().zip(keys).zip(found) {
            if let Ok(customer) = &found {
                let customer = customer.as_ref().map(|one| detached(one, together));
                self.keep(operation, key, Said::Customer(customer), began);
            }
            batch.insert(id, found);
        }
        Arc::new(batch)
    }

    // === Both ===

    /// What the store has for this call now.
    fn still(&self, key: &Key, call: &Call) -> Option<Arc<Kept>> {
        self.kept(key).filter(|kept| serves(kept, call))
    }

    /// Until when a read that begins now may go on.
    fn patience(&self) -> Instant {
        Instant::now() + self.caching.patience
    }
}

fn id_of(key: &Key) -> Option<&LocalId> {
    match key {
        Key::Customer { id, .. } => Some(id),
        Key::Page(_) => None,
    }
}

/// Waits for a flight, at most until the caller's own deadline and for as long as one use of the source may take in all.
async fn landed<V: Clone>(
    call: &Call,
    in_all: Duration,
    flight: Flight<V>,
) -> Result<V, SourceError> {
    match tokio::time::timeout_at(call.within(in_all).into(), flight).await {
        Ok(answer) => answer.ok_or_else(broken_off),
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

fn note_kept(kept: &Kept, operation: &Operation) {
    operation.read_fresh_for(kept.fresh_until.saturating_duration_since(Instant::now()));
}

fn stale(customer: &CustomerRef) -> CustomerRef {
    Arc::new(Customer {
        stale: true,
        ..(**customer).clone()
    })
}

fn stale_page(page: &Page) -> Page {
    let mut page = page.clone();
    for row in &mut page.rows {
        if let Row::Customer { customer, .. } | Row::Gone { customer, .. } = row {
            *customer = stale(customer);
        }
    }
    page
}

/// A customer that came with others keeps the whole answer alive; one that is kept by itself must not.
fn detached(customer: &CustomerRef, together: bool) -> CustomerRef {
    match &customer.native {
        Some(native) if together => Arc::new(Customer {
            native: Some(native.detached()),
            ..(**customer).clone()
        }),
        _ => Arc::clone(customer),
    }
}

fn broken_off() -> SourceError {
    SourceError::new(SourceErrorKind::Unavailable, "the read broke off")
}
