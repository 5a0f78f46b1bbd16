//! Random reads, writes and failures against a model: whatever is shown, whoever asks, it is never somebody else's, never from before a
//! write that ended before the question, never older than was asked for, and stale only while the CRM fails.

use super::*;
use crate::model::Stamp;
use proptest::prelude::*;

/// How the CRM names its state.
fn version(number: u32) -> Arc<Stamp> {
    Arc::new(Stamp {
        tag: Some(number.to_string().into()),
        ..Stamp::default()
    })
}

/// A CRM whose state is one number. It tells the number as it was when the question came, and answers some time later.
struct Counter {
    number: AtomicU32,
    failing: AtomicBool,
    /// When each number became true.
    since: Mutex<Vec<Instant>>,
    capabilities: Capabilities,
    /// Which account this is.
    account: &'static str,
}

impl Counter {
    fn new(account: &'static str) -> Arc<Self> {
        Arc::new(Self {
            number: AtomicU32::new(0),
            failing: AtomicBool::new(false),
            since: Mutex::new(vec![Instant::now()]),
            capabilities: Told::new(true).capabilities.clone(),
            account,
        })
    }

    fn number(&self) -> u32 {
        self.number.load(Ordering::SeqCst)
    }

    fn change(&self) {
        let mut since = self.since.lock().unwrap();
        since.push(Instant::now());
        self.number.fetch_add(1, Ordering::SeqCst);
    }

    /// The number that was true then.
    fn number_at(&self, moment: Instant) -> u32 {
        let since = self.since.lock().unwrap();
        let later = since.iter().filter(|since| **since <= moment).count();
        u32::try_from(later.max(1) - 1).unwrap()
    }

    fn customer(&self, id: &LocalId, number: u32, about: &str) -> CustomerRef {
        Arc::new(Customer {
            name: Some(number.to_string().into()),
            company: Some(self.account.into()),
            city: Some(about.into()),
            ..Customer::bare(id.clone())
        })
    }

    /// The customer, or word that the one who asks knows it as it is.
    fn answer(&self, call: &Call, id: &LocalId, number: u32) -> CustomerRef {
        let known = call.known_customer(id);
        let same = known.filter(|known| known.stamp == Some(version(number)));
        let anew = || {
            Arc::new(Customer {
                stamp: Some(version(number)),
                ..(*self.customer(id, number, "")).clone()
            })
        };
        same.map_or_else(anew, Arc::clone)
    }

    async fn takes(&self, steps: u32) -> Result<(), SourceError> {
        for _ in 0..steps {
            tokio::task::yield_now().await;
        }
        match self.failing.load(Ordering::SeqCst) {
            true => Err(SourceError::new(SourceErrorKind::Unavailable, "down")),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl CustomerSource for Counter {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn status(&self) -> crate::source::SourceStatus {
        crate::source::SourceStatus::default()
    }

    fn plan(&self, filter: &Filter, order: Option<Order>) -> Result<ListPlan, Unsupported> {
        Told::new(true).plan(filter, order)
    }

    async fn list(
        &self,
        call: &Call,
        plan: &ListPlan,
        _: &Position,
        size: u32,
    ) -> Result<Page, SourceError> {
        let number = self.number();
        self.takes(size % 7).await?;
        let known = call.known_page();
        if let Some(known) = known.filter(|known| known.stamp == Some(version(number))) {
            return Ok((**known).clone());
        }
        let about = plan.filter.search.as_deref().unwrap_or("");
        let row = |text: &str| Row::Customer {
            customer: self.customer(&id(text), number, about),
            key: None,
        };
        Ok(Page {
            rows: vec![row("0"), row("1")],
            complete: true,
            stamp: Some(version(number)),
            ..Page::default()
        })
    }

    async fn fetch(
        &self,
        call: &Call,
        ids: &[LocalId],
    ) -> Vec<Result<Option<CustomerRef>, SourceError>> {
        let number = self.number();
        let outcome = self.takes(ids.len() as u32 * 3).await;
        let found = |id: &LocalId| {
            outcome.clone()?;
            Ok((id.as_str() != "absent").then(|| self.answer(call, id, number)))
        };
        ids.iter().map(found).collect()
    }

    async fn write(&self, call: &Call, _: &Change) -> Written {
        call.start().unwrap();
        let _ = self.takes(2).await;
        self.change();
        let _ = self.takes(2).await;
        Written {
            outcome: WriteOutcome::Applied,
            customer: None,
            id: None,
            problems: Vec::new(),
            read_back: None,
            later: false,
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Get {
        source: usize,
        ids: Vec<u8>,
        max_age: Option<u64>,
        keep: bool,
    },
    List {
        source: usize,
        search: u8,
        max_age: Option<u64>,
    },
    Write {
        source: usize,
    },
    ChangeBehind {
        source: usize,
    },
    Fail {
        source: usize,
        failing: bool,
    },
    Sleep {
        ms: u64,
    },
    Settle {
        steps: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let max_age =
        || prop_oneof![4 => Just(None), 1 => Just(Some(0)), 1 => (1_u64..30).prop_map(Some)];
    prop_oneof![
        6 => (0_usize..2, prop::collection::btree_set(0_u8..4, 1..4), max_age(), any::<bool>()).prop_map(
            |(source, ids, max_age, keep)| Step::Get { source, ids: ids.into_iter().collect(), max_age, keep }),
        4 => (0_usize..2, 0_u8..3, max_age()).prop_map(|(source, search, max_age)| Step::List { source, search, max_age }),
        3 => (0_usize..2).prop_map(|source| Step::Write { source }),
        2 => (0_usize..2).prop_map(|source| Step::ChangeBehind { source }),
        1 => (0_usize..2, any::<bool>()).prop_map(|(source, failing)| Step::Fail { source, failing }),
        1 => (0_u64..12).prop_map(|ms| Step::Sleep { ms }),
        4 => (0_u8..6).prop_map(|steps| Step::Settle { steps }),
    ]
}

const TIMES: Times = Times {
    ttl: Duration::from_millis(15),
    stale_if_error: Duration::from_secs(60),
    absent_ttl: Duration::from_millis(15),
    ahead: None,
};

/// One of two accounts of the same CRM behind one store.
struct Account {
    counter: Arc<Counter>,
    source: Arc<CachedSource>,
    /// The number that the last write through the gateway made, once it had ended.
    written: AtomicU32,
}

impl Account {
    fn new(name: &'static str, store: &Store, ahead: Option<u32>) -> Arc<Self> {
        let counter = Counter::new(name);
        let inner = Arc::clone(&counter) as Arc<dyn CustomerSource>;
        let source = Arc::new(CachedSource::new(
            inner,
            caching(Some(Times { ahead, ..TIMES })),
            store.clone(),
        ));
        Arc::new(Self {
            counter,
            source,
            written: AtomicU32::new(0),
        })
    }

    fn call(max_age: Option<u64>, keep: bool) -> Call {
        let operation = Operation::new("model", Instant::now() + Duration::from_secs(60));
        let operation = operation.no_older(max_age.map(Duration::from_millis));
        Call::new(Arc::new(operation.keeping(keep)))
    }

    /// The least number that may be shown to a question asked now, stale answers apart.
    fn floor(&self, max_age: Option<u64>) -> (u32, u32) {
        let written = self.written.load(Ordering::SeqCst);
        // An answer under way may be joined, and is fresh for as long as the times say once it has landed.
        let age = max_age.map_or(Duration::from_secs(5), Duration::from_millis);
        let young = Instant::now()
            .checked_sub(age)
            .map_or(0, |then| self.counter.number_at(then));
        (written, young)
    }

    fn check(&self, customer: &Customer, (written, young): (u32, u32), max_age: Option<u64>) {
        let number: u32 = customer.name.as_ref().unwrap().parse().unwrap();
        assert_eq!(
            customer.company.as_deref(),
            Some(self.counter.account),
            "somebody else's"
        );
        assert!(
            number >= written,
            "{number} is from before the write {written}"
        );
        assert!(
            number >= young || customer.stale,
            "{number} is older than asked for: {young}"
        );
        assert!(
            !customer.stale || max_age.is_none(),
            "stale, though an age was given"
        );
    }

    async fn get(&self, ids: Vec<u8>, max_age: Option<u64>, keep: bool) {
        let ids: Vec<_> = ids
            .iter()
            .map(|n| id(["0", "1", "2", "absent"][usize::from(*n)]))
            .collect();
        let floor = self.floor(max_age);
        let found = self.source.fetch(&Self::call(max_age, keep), &ids).await;
        assert_eq!(found.len(), ids.len());
        for (id, found) in ids.iter().zip(found) {
            match found {
                Ok(Some(customer)) => {
                    assert_eq!(customer.id, *id, "somebody else");
                    self.check(&customer, floor, max_age);
                }
                Ok(None) => assert_eq!(id.as_str(), "absent"),
                Err(error) => assert_eq!(error.kind, SourceErrorKind::Unavailable),
            }
        }
    }

    async fn list(&self, search: u8, max_age: Option<u64>) {
        let search = ["", "x", "y"][usize::from(search)];
        let filter = Filter {
            search: Some(search.to_owned()),
            ..Filter::default()
        };
        let plan = self.source.plan(&filter, None).unwrap();
        let floor = self.floor(max_age);
        let page = self
            .source
            .list(&Self::call(max_age, true), &plan, &Position::Start, 20)
            .await;
        for row in page.map(|page| page.rows).unwrap_or_default() {
            let Row::Customer { customer, .. } = row else {
                panic!("{row:?}")
            };
            assert_eq!(customer.city.as_deref(), Some(search), "another list");
            self.check(&customer, floor, max_age);
        }
    }

    async fn write(&self) {
        let change = Change::Delete { id: id("9") };
        self.source.write(&Self::call(None, true), &change).await;
        // What this write made, or a later change.
        let made = self.counter.number_at(Instant::now());
        self.written
            .fetch_max(made.min(self.counter.number()), Ordering::SeqCst);
    }
}

async fn play(steps: Vec<Step>, ahead: Option<u32>) {
    let store = Store::new(1 << 20);
    let account = |name| Account::new(name, &store, ahead);
    let accounts = [account("one"), account("two")];
    let mut running = Vec::new();
    for step in steps {
        match step {
            Step::Get {
                source,
                ids,
                max_age,
                keep,
            } => {
                let account = Arc::clone(&accounts[source]);
                running.push(tokio::spawn(async move {
                    account.get(ids, max_age, keep).await;
                }));
            }
            Step::List {
                source,
                search,
                max_age,
            } => {
                let account = Arc::clone(&accounts[source]);
                running.push(tokio::spawn(
                    async move { account.list(search, max_age).await },
                ));
            }
            Step::Write { source } => {
                let account = Arc::clone(&accounts[source]);
                running.push(tokio::spawn(async move { account.write().await }));
            }
            Step::ChangeBehind { source } => accounts[source].counter.change(),
            Step::Fail { source, failing } => accounts[source]
                .counter
                .failing
                .store(failing, Ordering::SeqCst),
            Step::Sleep { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
            Step::Settle { steps } => {
                for _ in 0..steps {
                    tokio::task::yield_now().await;
                }
            }
        }
    }
    for running in running {
        running.await.unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn nobody_is_shown_the_past_or_somebody_else(
        steps in prop::collection::vec(step(), 1..60),
        ahead in prop_oneof![Just(None), Just(Some(1)), Just(Some(40))],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(steps, ahead));
    }
}
