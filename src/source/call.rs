//! What a call to a source carries along: its operation, its deadline, and a count of what it cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// One GraphQL operation, as far as sources care.
#[derive(Debug)]
pub struct Operation {
    /// The request's id, for logs and for the CRMs' own logs.
    pub request_id: Box<str>,
    /// When the answer is no longer wanted.
    pub deadline: Instant,
    /// The caller asked for rows that no cache has touched.
    pub fresh: bool,
}

/// One use of a source within an operation. It counts the upstream calls that this use started; joining somebody else's
/// call counts nothing.
#[derive(Clone, Debug)]
pub struct Call {
    operation: Arc<Operation>,
    started: Arc<AtomicU32>,
}

impl Call {
    /// A use of a source that has cost nothing yet.
    pub fn new(operation: Arc<Operation>) -> Self {
        Self {
            operation,
            started: Arc::new(AtomicU32::new(0)),
        }
    }

    /// The operation this is part of.
    pub fn operation(&self) -> &Operation {
        &self.operation
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
