//! A source behind the cache: it is a source itself, so nobody above or below needs to know.
//!
//! Reads are answered from the store while they are fresh, join a read that is under way, or start one. While the CRM
//! fails, a stale answer stands in where the configuration allows it. A write moves the source to a new epoch before its
//! own answer leaves.

use super::cache::{Epoch, Kept, Key, Said, Store, Times};
use super::flight::{Flight, Flights};
use crate::model::{Capabilities, Change, Customer, Filter, LocalId, Order};
use crate::source::{
    Call, CustomerRef, CustomerSource, ListPlan, Page, Position, SourceError, SourceErrorKind,
    Unsupported, Written,
};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What a read by id came to.
type Found = Result<Option<CustomerRef>, SourceError>;
/// What a batch of reads by id came to.
type Batch = Arc<HashMap<LocalId, Found>>;
/// What a read of a page came to.
type PageRead = Result<Arc<Page>, SourceError>;

/// A source behind the cache.
pub struct Cached {
    inner: Arc<dyn CustomerSource>,
    rank: usize,
    times: Option<Times>,
    store: Store,
    writes: AtomicU64,
    batches: Flights<Key, Batch>,
    pages: Flights<Key, PageRead>,
}

impl Cached {
    /// Puts a source behind the store. Without times nothing is kept, and identical reads under way are still one.
    pub fn new(
        inner: Arc<dyn CustomerSource>,
        rank: usize,
        times: Option<Times>,
        store: Store,
    ) -> Self {
        Self {
            inner,
            rank,
            times,
            store,
            writes: AtomicU64::new(0),
            batches: Flights::new(),
            pages: Flights::new(),
        }
    }

    fn epoch(&self) -> Epoch {
        Epoch {
            source: self.rank,
            writes: self.writes.load(Ordering::Acquire),
        }
    }

    /// What is kept, where the caller accepts kept answers at all.
    fn kept(&self, call: &Call, key: &Key) -> Option<Arc<Kept>> {
        if call.operation().fresh || self.times.is_none() {
            return None;
        }
        self.store.get(key)
    }

    fn keep(&self, key: Key, said: Said) {
        if let Some(times) = &self.times {
            self.store.keep(key, said, times);
        }
    }

    async fn read_page(
        self: &Arc<Self>,
        call: &Call,
        plan: &ListPlan,
        at: &Position,
        size: u32,
    ) -> PageRead {
        let key = page_key(self.epoch(), plan, at, size);
        let kept = self.kept(call, &key);
        if let Some(page) = kept
            .as_deref()
            .filter(|kept| is_fresh(kept))
            .and_then(as_page)
        {
            return Ok(page);
        }
        let (this, call, plan, at) = (Arc::clone(self), call.clone(), plan.clone(), at.clone());
        let fresh = call.operation().fresh;
        let read = move |key: Key| async move {
            let page = this
                .inner
                .list(&call, &plan, &at, size)
                .await
                .map(Arc::new)?;
            this.keep(key, Said::Page(Arc::clone(&page)));
            Ok(page)
        };
        let outcome = if fresh {
            // A read that is under way may have begun before the caller asked for news.
            landed(tokio::spawn(read(key)).await.ok())
        } else {
            let flights = self
                .pages
                .join(std::slice::from_ref(&key), |_| read(key.clone()));
            match flights.into_iter().next() {
                Some(flight) => landed(flight.await),
                None => Err(broken_off()),
            }
        };
        match (
            outcome,
            kept.as_deref()
                .filter(|kept| is_usable(kept))
                .and_then(as_page),
        ) {
            (Err(error), Some(stale)) if stale_may_stand_in(&error) => Ok(stale),
            (outcome, _) => outcome,
        }
    }

    async fn read_customers(self: &Arc<Self>, call: &Call, ids: &[LocalId]) -> Vec<Found> {
        let at = self.epoch();
        let keys: Vec<Key> = ids
            .iter()
            .map(|id| Key::Customer { at, id: id.clone() })
            .collect();
        let kept: Vec<Option<Arc<Kept>>> = keys.iter().map(|key| self.kept(call, key)).collect();
        let missing: Vec<Key> = keys
            .iter()
            .zip(&kept)
            .filter(|(_, kept)| !kept.as_deref().is_some_and(is_fresh))
            .map(|(key, _)| key.clone())
            .collect();
        let mut read = self.fly(call, &missing).await;
        ids.iter()
            .zip(kept)
            .map(|(id, kept)| match (read.remove(id), kept) {
                (None, Some(kept)) => as_customer(&kept).map_or_else(|| Err(broken_off()), Ok),
                (Some(Err(error)), Some(kept))
                    if stale_may_stand_in(&error) && is_usable(&kept) =>
                {
                    as_customer(&kept).map_or(Err(error), Ok)
                }
                (Some(found), _) => found,
                (None, None) => Err(broken_off()),
            })
            .collect()
    }

    /// Reads what is missing, joining what is under way.
    async fn fly(self: &Arc<Self>, call: &Call, missing: &[Key]) -> HashMap<LocalId, Found> {
        if missing.is_empty() {
            return HashMap::new();
        }
        let (this, own) = (Arc::clone(self), call.clone());
        let read = move |keys: Vec<Key>| async move {
            let ids: Vec<LocalId> = keys.iter().filter_map(id_of).collect();
            let found = this.inner.fetch(&own, &ids).await;
            let found: HashMap<LocalId, Found> = ids.into_iter().zip(found).collect();
            for key in keys {
                if let Some(Ok(customer)) = id_of(&key).and_then(|id| found.get(&id)) {
                    this.keep(
                        key,
                        Said::Customer(
                            customer
                                .as_ref()
                                .map(|customer| detached(customer, found.len())),
                        ),
                    );
                }
            }
            Arc::new(found)
        };
        let flights: Vec<Flight<Batch>> = if call.operation().fresh {
            use futures_util::FutureExt;
            let keys = missing.to_vec();
            let flight = async move { tokio::spawn(read(keys)).await.ok() }
                .boxed()
                .shared();
            missing.iter().map(|_| flight.clone()).collect()
        } else {
            self.batches.join(missing, read)
        };
        let mut all = HashMap::with_capacity(missing.len());
        for (key, flight) in missing.iter().zip(flights) {
            if let Some(id) = id_of(key) {
                let found = flight
                    .await
                    .and_then(|batch| batch.get(&id).cloned())
                    .unwrap_or_else(|| Err(broken_off()));
                all.insert(id, found);
            }
        }
        all
    }
}

/// The handle that is given out: flights outlive their callers, so they need the source to be shared.
pub struct CachedSource(Arc<Cached>);

impl CachedSource {
    /// Puts a source behind the store.
    pub fn new(
        inner: Arc<dyn CustomerSource>,
        rank: usize,
        times: Option<Times>,
        store: Store,
    ) -> Self {
        Self(Arc::new(Cached::new(inner, rank, times, store)))
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
        self.0
            .read_page(call, plan, at, size)
            .await
            .map(|page| (*page).clone())
    }

    async fn fetch(
        &self,
        call: &Call,
        ids: &[LocalId],
    ) -> Vec<Result<Option<CustomerRef>, SourceError>> {
        self.0.read_customers(call, ids).await
    }

    async fn write(&self, call: &Call, change: &Change) -> Written {
        let _moved = Moved(&self.0.writes);
        self.0.inner.write(call, change).await
    }
}

/// Moves the source to its next epoch when a write ends, however it ends: nobody knows what a write that broke off did.
struct Moved<'w>(&'w AtomicU64);

impl Drop for Moved<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

fn page_key(at: Epoch, plan: &ListPlan, position: &Position, size: u32) -> Key {
    Key::Page {
        at,
        route: plan.route,
        filter: Box::new(plan.filter.clone()),
        order: plan.order,
        position: position.clone(),
        size,
    }
}

fn id_of(key: &Key) -> Option<LocalId> {
    match key {
        Key::Customer { id, .. } => Some(id.clone()),
        Key::Page { .. } => None,
    }
}

fn as_page(kept: &Kept) -> Option<Arc<Page>> {
    match &kept.said {
        Said::Page(page) => Some(Arc::clone(page)),
        Said::Customer(_) => None,
    }
}

fn as_customer(kept: &Kept) -> Option<Option<CustomerRef>> {
    match &kept.said {
        Said::Customer(customer) => Some(customer.clone()),
        Said::Page(_) => None,
    }
}

fn is_fresh(kept: &Kept) -> bool {
    kept.fresh_until > Instant::now()
}

fn is_usable(kept: &Kept) -> bool {
    kept.usable_until > Instant::now()
}

/// Failures of the CRM, not refusals: an answer that says no is an answer.
fn stale_may_stand_in(error: &SourceError) -> bool {
    matches!(
        error.kind,
        SourceErrorKind::Timeout
            | SourceErrorKind::Unavailable
            | SourceErrorKind::Throttled
            | SourceErrorKind::Saturated
    )
}

/// A customer that came with others keeps the whole answer alive; one that is kept by itself must not.
fn detached(customer: &CustomerRef, together: usize) -> CustomerRef {
    match &customer.native {
        Some(native) if together > 1 => Arc::new(Customer {
            native: Some(native.detached()),
            ..(**customer).clone()
        }),
        _ => Arc::clone(customer),
    }
}

fn landed<T>(outcome: Option<Result<T, SourceError>>) -> Result<T, SourceError> {
    outcome.unwrap_or_else(|| Err(broken_off()))
}

fn broken_off() -> SourceError {
    SourceError::new(SourceErrorKind::Unavailable, "the read broke off")
}
