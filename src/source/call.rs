//! What a call to a source carries along: its operation, its deadline, and a count of what it cost.

use crate::model::DateTime;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One GraphQL operation, as far as sources care.
#[derive(Debug)]
pub struct Operation {
    /// The request's id, for logs and for the CRMs' own logs.
    pub request_id: Box<str>,
    /// When it began.
    pub started: Instant,
    /// The same by the clock on the wall: what was fetched before came from a cache.
    pub started_at: DateTime,
    /// When the answer is no longer wanted.
    pub deadline: Instant,
    /// How old an answer may be that was asked for before this operation began; any age within the configured times
    /// where it is not given. Nothing stale is accepted where it is given.
    pub max_age: Option<Duration>,
    /// Whether what is read may be kept for others.
    pub keep: bool,
    /// Milliseconds for which all that was read so far stays fresh.
    fresh_ms: AtomicU64,
}

/// Nothing was read yet.
const UNREAD: u64 = u64::MAX;

impl Operation {
    /// An operation that begins now and takes what caches have.
    pub fn new(request_id: impl Into<Box<str>>, deadline: Instant) -> Self {
        Self {
            request_id: request_id.into(),
            started: Instant::now(),
            started_at: DateTime(jiff::Timestamp::now()),
            deadline,
            max_age: None,
            keep: true,
            fresh_ms: AtomicU64::new(UNREAD),
        }
    }

    /// The same operation, accepting only what is younger than this.
    #[must_use]
    pub fn no_older(mut self, max_age: Option<Duration>) -> Self {
        self.max_age = max_age;
        self
    }

    /// The same operation; `keep` says whether what it reads may be kept for others.
    #[must_use]
    pub fn keeping(mut self, keep: bool) -> Self {
        self.keep = keep;
        self
    }

    /// Since when what is shown must have been asked for.
    pub fn not_before(&self) -> Option<Instant> {
        let max_age = self.max_age?;
        self.started.checked_sub(max_age)
    }

    /// Notes for how long something that was read stays fresh.
    pub fn read_fresh_for(&self, left: Duration) {
        let left = u64::try_from(left.as_millis()).unwrap_or(UNREAD - 1);
        self.fresh_ms.fetch_min(left, Ordering::Relaxed);
    }

    /// For how long all that was read stays fresh; `None` where nothing was read.
    pub fn fresh_for(&self) -> Option<Duration> {
        let left = self.fresh_ms.load(Ordering::Relaxed);
        (left != UNREAD).then(|| Duration::from_millis(left))
    }
}

/// One use of a source within an operation. It counts the upstream calls that this use started; joining somebody else's
/// call counts nothing.
#[derive(Clone, Debug)]
pub struct Call {
    operation: Arc<Operation>,
    deadline: Instant,
    started: Arc<AtomicU32>,
}

impl Call {
    /// A use of a source that has cost nothing yet.
    pub fn new(operation: Arc<Operation>) -> Self {
        Self {
            deadline: operation.deadline,
            operation,
            started: Arc::new(AtomicU32::new(0)),
        }
    }

    /// The operation this is part of.
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// When the source must have answered. Not the operation's deadline where others wait for the answer too.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The same use, counted together, that may go on until then.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Self {
        Self {
            deadline,
            ..self.clone()
        }
    }

    /// A use of another source, or for another purpose, in the same operation, with a count of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::new(Arc::clone(&self.operation))
    }

    /// Notes that an upstream call was started.
    pub fn count(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    /// How many upstream calls were started.
    pub fn calls(&self) -> u32 {
        self.started.load(Ordering::Relaxed)
    }
}
