//! The customers that one operation asks of one source by id: those asked for at the same time become one batch, and
//! each is asked for once.
//!
//! No timer decides what belongs together: whatever fields ask before the operation has nothing left to do but wait is
//! one batch.

use super::Loaded;
use crate::model::LocalId;
use crate::source::{Call, Operation, SourceEntry, SourceError};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, join_all};
use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// What a batch came to. Every clone drives it on, so that a field that is given up does not stop the others.
type Batch = Shared<BoxFuture<'static, Arc<HashMap<LocalId, Loaded>>>>;

/// The ids of a batch. Only touched while what was asked is locked.
type Ids = Arc<Mutex<Vec<LocalId>>>;

/// Loads the customers of one source for one operation.
pub(super) struct Loader {
    entry: Arc<SourceEntry>,
    operation: Arc<Operation>,
    asked: Arc<Mutex<Asked>>,
}

/// What was asked so far.
#[derive(Default)]
struct Asked {
    /// The batch that each id is in.
    batches: HashMap<LocalId, Batch>,
    /// The batch that has not begun yet, and its ids.
    next: Option<(Batch, Ids)>,
}

impl Loader {
    pub(super) fn new(entry: Arc<SourceEntry>, operation: Arc<Operation>) -> Self {
        Self {
            entry,
            operation,
            asked: Arc::default(),
        }
    }

    /// One customer.
    pub(super) async fn one(&self, id: LocalId) -> Loaded {
        let batch = self.batch(&mut locked(&self.asked), &id);
        found(&*batch.await, &id)
    }

    /// Several customers.
    pub(super) async fn many(&self, ids: Vec<LocalId>) -> HashMap<LocalId, Loaded> {
        let batches: Vec<(LocalId, Batch)> = {
            let mut asked = locked(&self.asked);
            let batch = |id: LocalId| {
                let batch = self.batch(&mut asked, &id);
                (id, batch)
            };
            ids.into_iter().map(batch).collect()
        };
        // All at once: a batch that has not begun is driven by whoever waits for it.
        let loaded = batches.into_iter().map(async |(id, batch)| {
            let loaded = found(&*batch.await, &id);
            (id, loaded)
        });
        join_all(loaded).await.into_iter().collect()
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        *locked(&self.asked) = Asked::default();
    }

    /// The batch that this id is in, from now on.
    fn batch(&self, asked: &mut Asked, id: &LocalId) -> Batch {
        if let Some(batch) = asked.batches.get(id) {
            return batch.clone();
        }
        let (batch, ids) = asked.next.get_or_insert_with(|| self.next_batch());
        locked(ids).push(id.clone());
        let batch = batch.clone();
        asked.batches.insert(id.clone(), batch.clone());
        batch
    }

    fn next_batch(&self) -> (Batch, Ids) {
        let ids = Ids::default();
        let waiting = Arc::clone(&ids);
        let (entry, asked) = (Arc::clone(&self.entry), Arc::clone(&self.asked));
        let call = Call::new(Arc::clone(&self.operation));
        let load = async move {
            // By the time this goes on, every other field that can ask has asked.
            Turn::default().await;
            let ids = {
                let mut asked = locked(&asked);
                asked.next = None;
                std::mem::take(&mut *locked(&waiting))
            };
            let found = entry.source.fetch(&call, &ids).await;
            Arc::new(ids.into_iter().zip(found).collect())
        };
        (load.boxed().shared(), ids)
    }
}

/// Ends when the executor has come round again. Whoever polls it in between, as every clone of a shared future may, does
/// not make it end sooner.
#[derive(Default)]
struct Turn {
    round: Option<Arc<Round>>,
}

/// Whether the executor has come round, and who waits for it.
struct Round {
    over: AtomicBool,
    waiting: Waker,
}

impl Wake for Round {
    fn wake(self: Arc<Self>) {
        self.over.store(true, Ordering::Release);
        self.waiting.wake_by_ref();
    }
}

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(round) = &self.round else {
            let round = Arc::new(Round {
                over: AtomicBool::new(false),
                waiting: cx.waker().clone(),
            });
            let waker = Waker::from(Arc::clone(&round));
            self.round = Some(round);
            return pin!(tokio::task::yield_now()).poll(&mut Context::from_waker(&waker));
        };
        match round.over.load(Ordering::Acquire) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

fn found(batch: &HashMap<LocalId, Loaded>, id: &LocalId) -> Loaded {
    let loaded = batch.get(id).cloned();
    loaded.unwrap_or_else(|| Err(SourceError::broken_off()))
}

/// The lock, also after a panic elsewhere: what it guards is whole at every point where it is let go.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
