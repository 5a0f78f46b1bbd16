//! The cache as its callers see it: what is asked again, what is shared, and for how long.

mod bounds;
mod flights;
mod forwarded;
mod model;
mod newer;
mod writes;

use super::cache::{Store, Times};
use super::cached::{CachedSource, Caching};
use crate::model::{
    Assumption, Capabilities, Change, Customer, Filter, LocalId, Order, PagingStyle, Reuse, Stamp,
    WriteOutcome,
};
use crate::source::{
    Call, CallBudget, CustomerRef, CustomerSource, ListPlan, Operation, Page, Paging, Position,
    Row, Sizes, SourceError, SourceErrorKind, TotalKind, Unsupported, Written,
};
use async_trait::async_trait;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// A source with one number that every customer's name tells, and a gate that reads wait at.
struct Told {
    number: AtomicU32,
    gate: Semaphore,
    failing: AtomicBool,
    /// How it fails.
    fault: Mutex<SourceErrorKind>,
    /// Nobody is there any more.
    empty: AtomicBool,
    /// What it says of using its answers again.
    stamp: Mutex<Option<Arc<Stamp>>>,
    /// What comes now need not wait.
    overtakes: AtomicBool,
    /// What becomes of writes.
    outcome: Mutex<WriteOutcome>,
    later: AtomicBool,
    asked: Mutex<Vec<Vec<String>>>,
    lists: AtomicU32,
    /// How large the answers are that records come in.
    body: AtomicUsize,
    capabilities: Capabilities,
}

impl Told {
    fn new(open: bool) -> Arc<Self> {
        Arc::new(Self {
            number: AtomicU32::new(1),
            gate: Semaphore::new(if open { Semaphore::MAX_PERMITS } else { 0 }),
            failing: AtomicBool::new(false),
            fault: Mutex::new(SourceErrorKind::Unavailable),
            empty: AtomicBool::new(false),
            stamp: Mutex::default(),
            overtakes: AtomicBool::new(false),
            outcome: Mutex::new(WriteOutcome::Applied),
            later: AtomicBool::new(false),
            asked: Mutex::default(),
            lists: AtomicU32::new(0),
            body: AtomicUsize::new(0),
            capabilities: Capabilities {
                list: true,
                get: true,
                create: false,
                update: true,
                delete: false,
                batch_size: Some(100),
                paging: PagingStyle::Offset,
                max_page_size: Some(100),
                total_count: false,
                stable_order: true,
                backward_paging: true,
                filters: Vec::new(),
                orderings: Vec::new(),
                creatable_fields: Vec::new(),
                required_fields: Vec::new(),
                updatable_fields: Vec::new(),
                native_fields: Vec::new(),
                readable_fields: Vec::new(),
                faithful_fields: Vec::new(),
                assumptions: Vec::<Assumption>::new(),
            },
        })
    }

    fn customer(&self, id: &LocalId) -> CustomerRef {
        let number = self.number.load(Ordering::SeqCst);
        Arc::new(Customer {
            name: Some(number.to_string().into()),
            native: bounds::native(
                self.body.load(Ordering::SeqCst),
                id.as_str().parse().unwrap_or(0),
            ),
            stamp: self.stamp.lock().unwrap().clone(),
            ..Customer::bare(id.clone())
        })
    }

    /// Waits at the gate, for as long as the call may take.
    async fn wait(&self, call: &Call) -> Result<(), SourceError> {
        if self.overtakes.load(Ordering::SeqCst) {
            return Ok(());
        }
        match tokio::time::timeout_at(call.deadline().into(), self.gate.acquire()).await {
            Ok(permit) => permit.unwrap().forget(),
            Err(_) => return Err(SourceError::new(SourceErrorKind::Timeout, "late")),
        }
        Ok(())
    }

    fn fail(&self) -> Result<(), SourceError> {
        match self.failing.load(Ordering::SeqCst) {
            true => Err(SourceError::new(*self.fault.lock().unwrap(), "down")),
            false => Ok(()),
        }
    }

    fn asked(&self) -> Vec<Vec<String>> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl CustomerSource for Told {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn status(&self) -> crate::source::SourceStatus {
        crate::source::SourceStatus::default()
    }

    fn plan(&self, filter: &Filter, order: Option<Order>) -> Result<ListPlan, Unsupported> {
        Ok(ListPlan {
            route: 0,
            filter: filter.clone(),
            residual: Filter::default(),
            order,
            sent: order,
            unique_order: true,
            numeric_ids: false,
            paging: Paging::Offset(Sizes { min: 1, max: 100 }),
            total: TotalKind::None,
            total_in_doubt: false,
            depth: None,
            revision: 0,
        })
    }

    async fn list(
        &self,
        call: &Call,
        _: &ListPlan,
        _: &Position,
        _: u32,
    ) -> Result<Page, SourceError> {
        let started = call.start();
        self.lists.fetch_add(1, Ordering::SeqCst);
        let row = Row::Customer {
            customer: self.customer(&id("1")),
            key: None,
        };
        self.wait(call).await?;
        started?;
        self.fail()?;
        Ok(Page {
            rows: vec![row],
            stamp: self.stamp.lock().unwrap().clone(),
            ..Page::default()
        })
    }

    async fn fetch(
        &self,
        call: &Call,
        ids: &[LocalId],
    ) -> Vec<Result<Option<CustomerRef>, SourceError>> {
        let started = call.start();
        self.asked
            .lock()
            .unwrap()
            .push(ids.iter().map(ToString::to_string).collect());
        let found: Vec<_> = ids.iter().map(|id| self.customer(id)).collect();
        let waited = self.wait(call).await;
        found
            .into_iter()
            .map(|customer| {
                waited.clone()?;
                started.clone()?;
                self.fail()?;
                let is_there =
                    customer.id.as_str() != "absent" && !self.empty.load(Ordering::SeqCst);
                Ok(is_there.then_some(customer))
            })
            .collect()
    }

    async fn write(&self, _: &Call, _: &Change) -> Written {
        self.number.fetch_add(1, Ordering::SeqCst);
        Written {
            outcome: *self.outcome.lock().unwrap(),
            customer: None,
            id: None,
            problems: Vec::new(),
            read_back: None,
            later: self.later.load(Ordering::SeqCst),
        }
    }
}

const LONG: Times = Times {
    ttl: Duration::from_secs(3_600),
    stale_if_error: Duration::from_secs(3_600),
    absent_ttl: Duration::from_secs(3_600),
    ahead: None,
};
const SHORT: Times = Times {
    ttl: Duration::from_millis(20),
    stale_if_error: Duration::from_secs(3_600),
    absent_ttl: Duration::from_millis(20),
    ahead: None,
};

fn cached(told: &Arc<Told>, times: Option<Times>) -> Arc<CachedSource> {
    let inner: Arc<dyn CustomerSource> = Arc::clone(told) as Arc<dyn CustomerSource>;
    Arc::new(CachedSource::new(
        inner,
        caching(times),
        Store::new(1_000_000),
    ))
}

fn caching(times: Option<Times>) -> Caching {
    Caching {
        times,
        patience: Duration::from_secs(5),
        flights: 1_000,
        background: 8,
    }
}

fn id(text: &str) -> LocalId {
    LocalId::new(text).unwrap()
}

fn call(fresh: bool) -> Call {
    let deadline = Instant::now() + Duration::from_secs(60);
    let operation = Operation::new("test", deadline);
    Call::new(Arc::new(
        operation.no_older(fresh.then_some(Duration::ZERO)),
    ))
}

/// The number that the customer's name tells; `None` where there is none.
async fn read(source: &CachedSource, customer: &str) -> Result<Option<String>, SourceErrorKind> {
    read_by(source, customer, &call(false)).await
}

async fn read_by(
    source: &CachedSource,
    customer: &str,
    call: &Call,
) -> Result<Option<String>, SourceErrorKind> {
    let found = source.fetch(call, &[id(customer)]).await.remove(0);
    found
        .map(|found| found.map(|customer| customer.name.as_ref().unwrap().to_string()))
        .map_err(|error| error.kind)
}

async fn list(source: &CachedSource, call: &Call) -> Result<String, SourceErrorKind> {
    let plan = source.plan(&Filter::default(), None).unwrap();
    let page = source.list(call, &plan, &Position::Start, 20).await;
    page.map(|page| match &page.rows[0] {
        Row::Customer { customer, .. } => customer.name.as_ref().unwrap().to_string(),
        other => panic!("{other:?}"),
    })
    .map_err(|error| error.kind)
}

/// Lets every task that can go on go on.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_was_read_is_not_asked_again_and_no_cache_reads_through() {
    let told = Told::new(true);
    let source = cached(&told, Some(LONG));
    assert_eq!(read(&source, "1").await, Ok(Some("1".into())));
    assert_eq!(read(&source, "absent").await, Ok(None));
    told.number.store(7, Ordering::SeqCst);
    assert_eq!(read(&source, "1").await, Ok(Some("1".into())));
    assert_eq!(read(&source, "absent").await, Ok(None));
    assert_eq!(told.asked().len(), 2);
    let through = read_by(&source, "1", &call(true)).await;
    assert_eq!(through, Ok(Some("7".into())), "no-cache asks the CRM");
    assert_eq!(
        read(&source, "1").await,
        Ok(Some("7".into())),
        "and what it said is kept"
    );
    assert_eq!(told.asked().len(), 3);
}

#[tokio::test]
async fn of_many_ids_only_the_missing_ones_are_asked_for_together() {
    let told = Told::new(true);
    let source = cached(&told, Some(LONG));
    read(&source, "2").await.unwrap();
    let found = source
        .fetch(&call(false), &[id("1"), id("2"), id("3")])
        .await;
    let ids: Vec<_> = found
        .into_iter()
        .map(|found| found.unwrap().unwrap().id.to_string())
        .collect();
    assert_eq!(ids, ["1", "2", "3"]);
    assert_eq!(told.asked(), [vec!["2"], vec!["1", "3"]]);
}

#[tokio::test]
async fn a_stale_answer_stands_in_only_while_the_crm_fails() {
    let told = Told::new(true);
    let source = cached(&told, Some(SHORT));
    assert_eq!(read(&source, "1").await, Ok(Some("1".into())));
    assert_eq!(list(&source, &call(false)).await, Ok("1".into()));
    tokio::time::sleep(Duration::from_millis(40)).await;
    told.number.store(2, Ordering::SeqCst);
    told.failing.store(true, Ordering::SeqCst);
    assert_eq!(read(&source, "1").await, Ok(Some("1".into())));
    assert_eq!(list(&source, &call(false)).await, Ok("1".into()));
    let through = read_by(&source, "1", &call(true)).await;
    assert_eq!(
        through,
        Err(SourceErrorKind::Unavailable),
        "who asks for news gets no old answer"
    );
    assert_eq!(read(&source, "2").await, Err(SourceErrorKind::Unavailable));
    told.failing.store(false, Ordering::SeqCst);
    assert_eq!(read(&source, "1").await, Ok(Some("2".into())));
    assert_eq!(list(&source, &call(false)).await, Ok("2".into()));
}

#[tokio::test]
async fn without_times_nothing_is_kept() {
    let told = Told::new(true);
    let source = cached(&told, None);
    read(&source, "1").await.unwrap();
    read(&source, "1").await.unwrap();
    assert_eq!(told.asked().len(), 2);
}

#[tokio::test]
async fn stale_answers_say_so() {
    let told = Told::new(true);
    let source = cached(&told, Some(SHORT));
    let one = [id("1")];
    let plan = source.plan(&Filter::default(), None).unwrap();
    let first = source
        .fetch(&call(false), &one)
        .await
        .remove(0)
        .unwrap()
        .unwrap();
    source
        .list(&call(false), &plan, &Position::Start, 20)
        .await
        .unwrap();
    assert!(!first.stale);
    tokio::time::sleep(Duration::from_millis(40)).await;
    told.failing.store(true, Ordering::SeqCst);
    let call = call(false);
    let stale = source.fetch(&call, &one).await.remove(0).unwrap().unwrap();
    assert!(stale.stale);
    assert_eq!(stale.fetched_at, first.fetched_at);
    let page = source
        .list(&call, &plan, &Position::Start, 20)
        .await
        .unwrap();
    assert!(matches!(&page.rows[0], Row::Customer { customer, .. } if customer.stale));
    assert_eq!(call.operation().fresh_for(), Some(Duration::ZERO));
}
