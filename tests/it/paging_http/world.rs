//! Some small CRMs over real HTTP, and a connector in front of them.

use super::small::{Habits, Rows, adapter_file, answer, rows};
use crate::support::crm::{Crm, Play, source};
use crmql::connection::{Asked, AskedSource, Connection, ConnectionError, Connector, Want};
use crmql::limits::Limits;
use crmql::model::{Filter, SourceFailurePolicy, UnsupportedFilterPolicy};
use crmql::source::{CustomerSource, Operation, SourceEntry};
use serde_json::json;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Some small CRMs, and a connector in front of them.
pub(super) struct World {
    crms: Vec<Crm>,
    pub(super) rows: Vec<Rows>,
    pub(super) failing: Arc<Mutex<HashSet<usize>>>,
    connector: Connector,
    pub(super) asked: Asked,
    seen: Mutex<Vec<usize>>,
}

impl World {
    pub(super) async fn new(listed: &[(Habits, Rows)]) -> Self {
        let failing = Arc::new(Mutex::new(HashSet::new()));
        let (mut crms, mut sources) = (Vec::new(), Vec::new());
        for (rank, (habits, rows)) in listed.iter().enumerate() {
            let (habits, rows, failing) = (*habits, Arc::clone(rows), Arc::clone(&failing));
            let crm = Crm::answering(move |seen, _| {
                if failing.lock().unwrap().contains(&rank) {
                    return Play::Json(503, json!({}));
                }
                answer(habits, &rows.lock().unwrap(), seen)
            })
            .await;
            let adapter = source(&crm, &adapter_file(habits));
            crms.push(crm);
            sources.push(AskedSource {
                entry: Arc::new(SourceEntry {
                    key: format!("s{rank}").into(),
                    name: "small".into(),
                    adapter: "small".into(),
                    rank,
                    source: Arc::new(adapter) as Arc<dyn CustomerSource>,
                }),
                filter: Filter::default(),
            });
        }
        Self {
            seen: Mutex::new(vec![0; crms.len()]),
            crms,
            rows: listed.iter().map(|(_, rows)| Arc::clone(rows)).collect(),
            failing,
            connector: connector(),
            asked: Asked {
                sources,
                order: None,
                first: None,
                after: None,
                last: None,
                before: None,
                on_failure: SourceFailurePolicy::Fail,
                unsupported: UnsupportedFilterPolicy::Refuse,
                want: Want {
                    total: false,
                    has_next: true,
                    has_previous: true,
                    cursors: true,
                },
            },
        }
    }

    pub(super) async fn one(habits: Habits, count: usize) -> Self {
        Self::new(&[(habits, rows(count, 100))]).await
    }

    pub(super) async fn ask(&self, asked: Asked) -> Result<Connection, ConnectionError> {
        self.connector.connect(asked, &operation()).await
    }

    pub(super) async fn window(
        &self,
        forward: bool,
        rows: usize,
        cursor: Option<&str>,
    ) -> Result<Connection, ConnectionError> {
        self.ask(self.asked_for(forward, rows, cursor)).await
    }

    pub(super) fn asked_for(&self, forward: bool, rows: usize, cursor: Option<&str>) -> Asked {
        let size = i32::try_from(rows).unwrap();
        let cursor = cursor.map(str::to_owned);
        let asked = self.asked.clone();
        if forward {
            Asked {
                first: Some(size),
                after: cursor,
                ..asked
            }
        } else {
            Asked {
                last: Some(size),
                before: cursor,
                ..asked
            }
        }
    }

    pub(super) fn list(&self) -> Vec<String> {
        let rows = self.rows.iter();
        rows.flat_map(|rows| rows.lock().unwrap().clone()).collect()
    }

    /// The calls since the last look.
    pub(super) fn calls(&self) -> usize {
        let now: Vec<usize> = self.crms.iter().map(|crm| crm.seen().len()).collect();
        let before = std::mem::replace(&mut *self.seen.lock().unwrap(), now.clone());
        now.iter().sum::<usize>() - before.iter().sum::<usize>()
    }
}

pub(super) fn connector() -> Connector {
    Connector::new(Limits::default(), b"a secret of the tests")
}

pub(super) fn operation() -> Arc<Operation> {
    let deadline = Instant::now() + Duration::from_secs(60);
    Arc::new(Operation::new("r-1", deadline).no_older(Some(Duration::ZERO)))
}

pub(super) fn ids(connection: &Connection) -> Vec<String> {
    let edges = connection.edges.iter();
    edges.map(|edge| edge.customer.id.to_string()).collect()
}

pub(super) fn wait<T>(work: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(work))
}
