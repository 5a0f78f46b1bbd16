//! What a call to a source carries along: its operation, its deadline, and a count of what it cost.

use super::{SourceError, SourceErrorKind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// One GraphQL operation, as far as sources care.
#[derive(Debug)]
pub struct Operation {
    /// The request's id, for logs and for the CRMs' own logs.
    pub request_id: Box<str>,
    /// When the answer is no longer wanted.
    pub deadline: Instant,
    /// The caller asked for rows that no cache has touched.
    pub fresh: bool,
    /// How many upstream calls it may still start, over all sources.
    pub budget: CallBudget,
}

/// How many upstream calls an operation may start; repeats count like first tries.
#[derive(Debug)]
pub struct CallBudget {
    most: u32,
    started: AtomicU32,
}

impl CallBudget {
    /// A budget of so many calls.
    pub const fn of(most: u32) -> Self {
        Self {
            most,
            started: AtomicU32::new(0),
        }
    }

    /// Takes one call; an error where none is left, and then nothing may be sent.
    fn take(&self) -> Result<(), SourceError> {
        let more = |started: u32| (started < self.most).then_some(started + 1);
        let taken = self
            .started
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.map(drop).map_err(|_| {
            let text = format!(
                "the operation needs more than {} upstream calls, which is the ceiling (limits.upstream_calls)",
                self.most
            );
            SourceError::new(SourceErrorKind::OverBudget, text)
        })
    }
}

impl Default for CallBudget {
    /// No bound, for what runs outside of operations.
    fn default() -> Self {
        Self::of(u32::MAX)
    }
}

/// One use of a source within an operation. It counts the upstream calls that this use started; joining somebody else's
/// call counts nothing. All its calls together are bounded in time, from the first one on.
#[derive(Clone, Debug)]
pub struct Call {
    operation: Arc<Operation>,
    used: Arc<Used>,
    /// Names a write to the CRM, so that it can tell a repeat.
    token: Option<Arc<str>>,
}

#[derive(Debug, Default)]
struct Used {
    started: AtomicU32,
    deadline: OnceLock<Instant>,
}

impl Call {
    /// A use of a source that has cost nothing yet.
    pub fn new(operation: Arc<Operation>) -> Self {
        Self {
            operation,
            used: Arc::default(),
            token: None,
        }
    }

    /// The same use for one write that has a name: where the CRM can tell a repeat by it, the write may be repeated.
    #[must_use]
    pub fn named(self, token: Option<Arc<str>>) -> Self {
        Self { token, ..self }
    }

    /// The name of the write.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
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

    /// When this use must have its answer, where it may take so long `in_all`: counted from the first time that anybody
    /// asks, and never later than the operation's own deadline.
    pub fn deadline(&self, in_all: Duration) -> Instant {
        let first = || self.operation.deadline.min(Instant::now() + in_all);
        *self.used.deadline.get_or_init(first)
    }

    /// Takes one upstream call out of the operation's budget, and notes it.
    ///
    /// # Errors
    /// The budget is used up; nothing may be sent.
    pub fn start(&self) -> Result<(), SourceError> {
        self.operation.budget.take()?;
        self.used.started.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// How many upstream calls were started.
    pub fn calls(&self) -> u32 {
        self.used.started.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(budget: u32) -> Arc<Operation> {
        Arc::new(Operation {
            request_id: "r".into(),
            deadline: Instant::now() + Duration::from_secs(60),
            fresh: false,
            budget: CallBudget::of(budget),
        })
    }

    #[test]
    fn the_budget_is_the_operations_and_the_count_is_the_uses() {
        let one = Call::new(operation(3));
        let other = one.another();
        one.start().unwrap();
        other.start().unwrap();
        other.clone().start().unwrap();
        let error = one.start().unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::OverBudget);
        assert!(error.detail.contains("more than 3 "), "{error}");
        assert_eq!((one.calls(), other.calls()), (1, 2));
    }

    #[test]
    fn a_use_has_one_deadline_and_never_a_later_one_than_its_operation() {
        let call = Call::new(operation(1));
        let first = call.deadline(Duration::from_secs(1));
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(call.clone().deadline(Duration::from_secs(1)), first);
        assert!(call.another().deadline(Duration::from_secs(1)) > first);
        let late = call.another().deadline(Duration::from_secs(600));
        assert_eq!(late, call.operation().deadline);
    }
}
