//! What a call to a source carries along: its operation, its deadline, and a count of what it cost.

use super::{CustomerRef, Page, SourceError, SourceErrorKind};
use crate::model::{DateTime, LocalId};
use crate::trace::{Role, Span, Trace};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
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
    /// The trace it is part of.
    pub trace: Option<Trace>,
    /// How many upstream calls it may still start, over all sources.
    budget: CallBudget,
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
            started_at: DateTime::at(jiff::Timestamp::now()),
            deadline,
            max_age: None,
            keep: true,
            trace: None,
            budget: CallBudget::default(),
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

    /// The same operation, as part of a trace.
    #[must_use]
    pub fn traced(mut self, trace: Option<Trace>) -> Self {
        self.trace = trace;
        self
    }

    /// The same operation, with a bound on its upstream calls.
    #[must_use]
    pub fn spending(mut self, budget: CallBudget) -> Self {
        self.budget = budget;
        self
    }

    /// Since when what is shown must have been asked for.
    pub fn not_before(&self) -> Option<Instant> {
        let max_age = self.max_age?;
        self.started.checked_sub(max_age)
    }

    /// Notes for how long something that was read stays fresh, from now on.
    pub fn read_fresh_for(&self, left: Duration) {
        let until = self.started.elapsed().saturating_add(left);
        let until = u64::try_from(until.as_millis()).map_or(UNREAD - 1, |ms| ms.min(UNREAD - 1));
        self.fresh_ms.fetch_min(until, Ordering::Relaxed);
    }

    /// For how long all that was read stays fresh from now on; `None` where nothing was read.
    pub fn fresh_for(&self) -> Option<Duration> {
        let until = self.fresh_ms.load(Ordering::Relaxed);
        let until = (until != UNREAD).then(|| Duration::from_millis(until))?;
        Some(until.saturating_sub(self.started.elapsed()))
    }
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
    deadline: Instant,
    not_before: Option<Instant>,
    used: Arc<Used>,
    /// When this use began to call, once it did, and until when it may go on.
    ends: Arc<OnceLock<Instant>>,
    /// Names a write to the CRM, so that it can tell a repeat.
    token: Option<Arc<str>>,
    /// What is known of the answer.
    known: Option<Known>,
    /// The span it belongs to.
    trace: Option<Trace>,
}

/// What was answered before to what is asked now: the CRM may say that it is still so.
#[derive(Clone, Debug)]
pub enum Known {
    /// The page.
    Page(Arc<Page>),
    /// Some of the customers.
    Customers(Arc<HashMap<LocalId, CustomerRef>>),
}

/// What a use of a source came to so far.
#[derive(Debug)]
struct Used {
    /// Upstream calls that were started.
    started: AtomicU32,
    /// When the oldest and the newest of the pages were asked for, in milliseconds before the operation began; pages that
    /// it asked for itself are of age zero.
    oldest: AtomicU64,
    newest: AtomicU64,
}

/// Pages further apart than this cannot have been read by one operation; rows may have moved between them.
const APART: Duration = Duration::from_secs(1);

impl Call {
    /// A use of a source that has cost nothing yet.
    pub fn new(operation: Arc<Operation>) -> Self {
        Self {
            deadline: operation.deadline,
            not_before: operation.not_before(),
            trace: operation.trace.clone(),
            operation,
            used: Arc::new(Used {
                started: AtomicU32::new(0),
                oldest: AtomicU64::new(0),
                newest: AtomicU64::new(u64::MAX),
            }),
            ends: Arc::default(),
            token: None,
            known: None,
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

    /// The same use, with what was answered before.
    #[must_use]
    pub fn knowing(self, known: Option<Known>) -> Self {
        Self { known, ..self }
    }

    /// The page, as it was answered before.
    pub fn known_page(&self) -> Option<&Arc<Page>> {
        match &self.known {
            Some(Known::Page(page)) => Some(page),
            _ => None,
        }
    }

    /// A customer, as it was answered before.
    pub fn known_customer(&self, id: &LocalId) -> Option<&CustomerRef> {
        match &self.known {
            Some(Known::Customers(customers)) => customers.get(id),
            _ => None,
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

    /// Since when what is shown must have been asked for; anything that is kept and fresh where it is not given.
    pub fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    /// Begins a span of this use.
    pub fn span(&self, name: &'static str, role: Role) -> Option<Span> {
        Some(self.trace.as_ref()?.begin(name, role))
    }

    /// The same use, counted together; what it does from now on belongs to this span.
    #[must_use]
    pub fn under(&self, span: Option<&Span>) -> Self {
        let trace = span.map(|span| span.trace().clone());
        Self {
            trace: trace.or_else(|| self.trace.clone()),
            ..self.clone()
        }
    }

    /// The same use, counted together, that takes nothing which was asked for before the operation began.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self {
            not_before: Some(self.operation.started),
            ..self.clone()
        }
    }

    /// The same use, counted together, that takes nothing which was asked for before this moment.
    #[must_use]
    pub fn from_now(&self) -> Self {
        Self {
            not_before: Some(Instant::now()),
            ..self.clone()
        }
    }

    /// The same use, counted together, that may go on until then, and whose time in all begins anew: others may wait for
    /// it too.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Self {
        Self {
            deadline,
            ends: Arc::default(),
            ..self.clone()
        }
    }

    /// A use of another source, or for another purpose, in the same operation, with a count of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::new(Arc::clone(&self.operation))
    }

    /// When this use must have its answer, where it may take so long `in_all`: counted from the first time that anybody
    /// asks, and never later than its [deadline](Self::deadline).
    pub fn within(&self, in_all: Duration) -> Instant {
        let first = || self.deadline.min(Instant::now() + in_all);
        *self.ends.get_or_init(first)
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

    /// Notes that a page was read, and when it was asked for.
    pub fn read_page(&self, asked_for: Instant) {
        let age = self.operation.started.saturating_duration_since(asked_for);
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        self.used.oldest.fetch_max(age, Ordering::Relaxed);
        self.used.newest.fetch_min(age, Ordering::Relaxed);
    }

    /// Forgets how old the pages were that were read so far: what comes next is looked for by its neighbours.
    pub fn forget_ages(&self) {
        self.used.oldest.store(0, Ordering::Relaxed);
        self.used.newest.store(u64::MAX, Ordering::Relaxed);
    }

    /// Whether some of the pages were kept from before the operation.
    pub fn has_read_kept(&self) -> bool {
        self.used.oldest.load(Ordering::Relaxed) > 0
    }

    /// Whether some of the pages are so much older than others that rows may have moved in between.
    pub fn has_read_apart(&self) -> bool {
        let oldest = self.used.oldest.load(Ordering::Relaxed);
        let newest = self.used.newest.load(Ordering::Relaxed);
        u128::from(oldest.saturating_sub(newest)) > APART.as_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(budget: u32) -> Arc<Operation> {
        let deadline = Instant::now() + Duration::from_secs(60);
        Arc::new(Operation::new("r", deadline).spending(CallBudget::of(budget)))
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

    /// What was read first grows stale while the rest is read.
    #[test]
    fn freshness_counts_from_each_read_on() {
        let operation = operation(1);
        assert_eq!(operation.fresh_for(), None);
        operation.read_fresh_for(Duration::from_secs(1));
        std::thread::sleep(Duration::from_millis(50));
        operation.read_fresh_for(Duration::from_secs(1));
        let left = operation.fresh_for().unwrap();
        assert!(left <= Duration::from_millis(951), "{left:?}");
        operation.read_fresh_for(Duration::MAX);
        operation.read_fresh_for(Duration::ZERO);
        assert_eq!(operation.fresh_for(), Some(Duration::ZERO));
    }

    #[test]
    fn a_use_has_one_deadline_and_never_a_later_one_than_its_operation() {
        let call = Call::new(operation(1));
        let first = call.within(Duration::from_secs(1));
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(call.clone().within(Duration::from_secs(1)), first);
        assert!(call.another().within(Duration::from_secs(1)) > first);
        let late = call.another().within(Duration::from_secs(600));
        assert_eq!(late, call.operation().deadline);
    }
}
