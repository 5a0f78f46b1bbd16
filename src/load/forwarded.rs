//! A source whose credential its callers bring along: for each credential a source of its own, with its own answers, reads
//! under way, tokens, breaker and quota. Whoever brings none gets an error, and what the source can do.
//!
//! It keeps so many of these sources ready; the one that was not used for longest goes first, and is made anew when its
//! credential comes again. All of them share one epoch: what one caller writes, the others must see. It knows no CRM and
//! no header.

use crate::metrics::SourceMeter;
use crate::model::{
    Capabilities, Change, CustomerOrderField, Filter, LocalId, Order, SourceHealth, WriteOutcome,
};
use crate::source::{
    Brought, Call, CustomerRef, CustomerSource, ListPlan, Page, Position, Print, Prints,
    SourceError, SourceErrorKind, SourceStatus, Unfit, Unsupported, WriteProblem, Written,
};
use async_trait::async_trait;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A credential that nobody brought for so long is forgotten.
const IDLE: Duration = Duration::from_secs(3_600);

/// Makes the source of one caller from the vars they brought; `None` where these can be no credentials.
pub type Make = Box<dyn Fn(&BTreeMap<&str, &str>) -> Option<Arc<dyn CustomerSource>> + Send + Sync>;

/// A source whose credential its callers bring.
pub struct ForwardedSource {
    /// What is said to those who bring none.
    closed: Closed,
    /// The vars that callers bring, each with its header.
    headers: BTreeMap<String, Box<str>>,
    make: Make,
    own: Cache<Print, Arc<dyn CustomerSource>>,
    writes: Arc<AtomicU64>,
}

impl ForwardedSource {
    /// Keeps at most so many sources ready. `base` is asked what it can do and never called; `writes` is the epoch that all
    /// sources which `make` makes count in.
    pub fn new(
        base: Arc<dyn CustomerSource>,
        headers: BTreeMap<String, Box<str>>,
        most: usize,
        writes: Arc<AtomicU64>,
        make: Make,
    ) -> Self {
        Self {
            closed: Closed {
                base,
                why: Unfit::Missing,
            },
            headers,
            make,
            own: Cache::builder()
                .max_capacity(most as u64)
                // Whoever comes is let in: a newcomer must not lose its place to those that came more often.
                .eviction_policy(EvictionPolicy::lru())
                .time_to_idle(IDLE)
                .build(),
            writes,
        }
    }

    fn of(&self, brought: &Brought) -> Result<Arc<dyn CustomerSource>, Unfit> {
        let (vars, prints) = brought.named(&self.headers)?;
        let make = || (self.make)(&vars).ok_or(Unfit::Unusable);
        let made = self.own.try_get_with(prints.keyed, make);
        let inner = made.map_err(|why| *why)?;
        Ok(Arc::new(Own { inner, prints }))
    }

    /// How many sources are ready.
    #[cfg(test)]
    pub fn ready(&self) -> u64 {
        self.own.run_pending_tasks();
        self.own.entry_count()
    }
}

#[async_trait]
impl CustomerSource for ForwardedSource {
    fn capabilities(&self) -> &Capabilities {
        self.closed.capabilities()
    }

    /// The worst that any of them meets; each has a rate limit of its own, so none is told.
    fn status(&self) -> SourceStatus {
        let mut status = self.closed.status();
        for (_, own) in &self.own {
            let health = own.status().health;
            if rank(health) > rank(status.health) {
                status.health = health;
            }
        }
        status
    }

    fn plan(&self, filter: &Filter, order: Option<Order>) -> Result<ListPlan, Unsupported> {
        self.closed.plan(filter, order)
    }

    fn shows(&self, field: CustomerOrderField) -> bool {
        self.closed.shows(field)
    }

    async fn list(
        &self,
        call: &Call,
        plan: &ListPlan,
        at: &Position,
        size: u32,
    ) -> Result<Page, SourceError> {
        self.closed.list(call, plan, at, size).await
    }

    async fn fetch(
        &self,
        call: &Call,
        ids: &[LocalId],
    ) -> Vec<Result<Option<CustomerRef>, SourceError>> {
        self.closed.fetch(call, ids).await
    }

    async fn write(&self, call: &Call, change: &Change) -> Written {
        self.closed.write(call, change).await
    }

    fn epoch(&self) -> u64 {
        self.writes.load(Ordering::Acquire)
    }

    fn meter(&self) -> Arc<SourceMeter> {
        self.closed.base.meter()
    }

    fn seen_by(&self, brought: &Brought) -> Option<Arc<dyn CustomerSource>> {
        match self.of(brought) {
            Ok(own) => Some(own),
            Err(Unfit::Missing) => None,
            Err(why) => Some(Arc::new(Closed {
                base: Arc::clone(&self.closed.base),
                why,
            })),
        }
    }
}

const fn rank(health: SourceHealth) -> u8 {
    match health {
        SourceHealth::Healthy => 0,
        SourceHealth::Degraded => 1,
        SourceHealth::Unavailable => 2,
    }
}

/// The source of one credential.
struct Own {
    inner: Arc<dyn CustomerSource>,
    prints: Prints,
}

#[async_trait]
impl CustomerSource for Own {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn status(&self) -> SourceStatus {
        self.inner.status()
    }

    /// A plan of this credential's own: cursors, and what is remembered of chains, are bound to it.
    fn plan(&self, filter: &Filter, order: Option<Order>) -> Result<ListPlan, Unsupported> {
        let mut plan = self.inner.plan(filter, order)?;
        let own = self
            .prints
            .keyed
            .first_chunk()
            .copied()
            .map(u64::from_le_bytes);
        plan.revision ^= own.unwrap_or_default();
        Ok(plan)
    }

    fn shows(&self, field: CustomerOrderField) -> bool {
        self.inner.shows(field)
    }

    async fn list(
        &self,
        call: &Call,
        plan: &ListPlan,
        at: &Position,
        size: u32,
    ) -> Result<Page, SourceError> {
        self.inner.list(call, plan, at, size).await
    }

    async fn fetch(
        &self,
        call: &Call,
        ids: &[LocalId],
    ) -> Vec<Result<Option<CustomerRef>, SourceError>> {
        self.inner.fetch(call, ids).await
    }

    async fn write(&self, call: &Call, change: &Change) -> Written {
        self.inner.write(call, change).await
    }

    fn epoch(&self) -> u64 {
        self.inner.epoch()
    }

    fn meter(&self) -> Arc<SourceMeter> {
        self.inner.meter()
    }

    fn credential(&self) -> Option<Print> {
        Some(self.prints.lasting)
    }
}

/// The source for somebody without a credential that can be used: it tells what it can do, and refuses every call.
struct Closed {
    base: Arc<dyn CustomerSource>,
    why: Unfit,
}

impl Closed {
    fn error(&self) -> SourceError {
        let text = match self.why {
            Unfit::Missing => "this source needs a credential that the request does not bring",
            Unfit::Unusable => "what the request brings for this source can be no credential",
        };
        SourceError::new(SourceErrorKind::Unauthenticated, text)
    }
}

#[async_trait]
impl CustomerSource for Closed {
    fn capabilities(&self) -> &Capabilities {
        self.base.capabilities()
    }

    fn status(&self) -> SourceStatus {
        self.base.status()
    }

    fn plan(&self, filter: &Filter, order: Option<Order>) -> Result<ListPlan, Unsupported> {
        self.base.plan(filter, order)
    }

    fn shows(&self, field: CustomerOrderField) -> bool {
        self.base.shows(field)
    }

    async fn list(
        &self,
        _: &Call,
        _: &ListPlan,
        _: &Position,
        _: u32,
    ) -> Result<Page, SourceError> {
        Err(self.error())
    }

    async fn fetch(
        &self,
        _: &Call,
        ids: &[LocalId],
    ) -> Vec<Result<Option<CustomerRef>, SourceError>> {
        ids.iter().map(|_| Err(self.error())).collect()
    }

    async fn write(&self, _: &Call, _: &Change) -> Written {
        Written {
            outcome: WriteOutcome::NotApplied,
            customer: None,
            id: None,
            problems: vec![WriteProblem {
                field: None,
                error: self.error(),
            }],
            read_back: None,
            later: false,
        }
    }
}
