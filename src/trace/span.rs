//! Spans: one piece of work each, with its place in a trace.

use super::context::{Context, fresh};
use super::export::{Finished, Queue};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Makes the spans of requests. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tracer {
    /// Whether CRMs are told.
    pass: bool,
    /// Of a hundred requests that belong to no trace yet, so many are recorded.
    percent: u64,
    queue: Option<Queue>,
}

impl Default for Tracer {
    /// Records nothing; CRMs are told.
    fn default() -> Self {
        Self::new(true, 0, None)
    }
}

impl Tracer {
    /// Records into this queue `percent` of the requests that belong to no trace yet, and all that belong to a recorded one.
    pub fn new(pass: bool, percent: u64, queue: Option<Queue>) -> Self {
        Self {
            pass,
            percent,
            queue,
        }
    }

    /// Begins the span of a request, which may have come with a `traceparent`.
    pub fn request(&self, name: &'static str, given: Option<&str>) -> Span {
        let asked = given.and_then(Context::parse);
        let trace = |context| Trace {
            context,
            tracer: self.clone(),
        };
        if self.queue.is_none() {
            return trace(asked).span(name, Role::Server, None);
        }
        let context = match asked {
            Some(asked) => asked.below(),
            None => {
                let (high, low) = (fresh(), fresh());
                Context {
                    trace: (u128::from(high) << 64) | u128::from(low),
                    span: fresh(),
                    sampled: low % 100 < self.percent,
                }
            }
        };
        trace(Some(context)).span(name, Role::Server, asked.map(|asked| asked.span))
    }
}

/// A place in a trace, below which spans can begin.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Where nothing is recorded, it is the caller's own: whoever comes behind the gateway shall not take it for somebody who
    /// had a choice.
    context: Option<Context>,
    tracer: Tracer,
}

impl Trace {
    /// Begins a span below this one.
    pub fn begin(&self, name: &'static str, role: Role) -> Span {
        let records = self.tracer.queue.is_some();
        let below = |context: Context| if records { context.below() } else { context };
        let trace = Self {
            context: self.context.map(below),
            tracer: self.tracer.clone(),
        };
        trace.span(name, role, self.context.map(|context| context.span))
    }

    /// What a CRM is told, where it is told.
    pub fn header(&self) -> Option<String> {
        let context = self.context.filter(|_| self.tracer.pass);
        context.map(Context::header)
    }

    fn span(self, name: &'static str, role: Role, parent: Option<u64>) -> Span {
        Span {
            trace: self,
            parent,
            name,
            role,
            started: Instant::now(),
            told: Vec::new(),
            failed: false,
        }
    }
}

/// Which side of a call a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It answers.
    Server,
    /// It asks.
    Client,
    /// Neither.
    Inside,
}

/// One thing a span tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A word of ours.
    Word(&'static str),
    /// A word of the configuration.
    Key(Arc<str>),
    /// A number.
    Number(u64),
}

impl From<&'static str> for Told {
    fn from(word: &'static str) -> Self {
        Self::Word(word)
    }
}

impl From<u64> for Told {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

/// One piece of work. It ends when it is dropped.
#[derive(Debug)]
pub struct Span {
    trace: Trace,
    parent: Option<u64>,
    name: &'static str,
    role: Role,
    started: Instant,
    told: Vec<(&'static str, Told)>,
    failed: bool,
}

impl Span {
    /// Where it stands.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Tells something.
    pub fn tell(&mut self, name: &'static str, told: impl Into<Told>) {
        if self.is_recorded() {
            self.told.push((name, told.into()));
        }
    }

    /// Says that the work failed.
    pub fn fail(&mut self) {
        self.failed = true;
    }

    fn is_recorded(&self) -> bool {
        self.trace.tracer.queue.is_some()
            && self.trace.context.is_some_and(|context| context.sampled)
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if !self.is_recorded() {
            return;
        }
        if let (Some(queue), Some(context)) = (&self.trace.tracer.queue, self.trace.context) {
            let took = self.started.elapsed();
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let ended: Duration = now.unwrap_or_default();
            queue.put(Finished {
                trace: context.trace,
                span: context.span,
                parent: self.parent,
                name: self.name,
                role: self.role,
                began: ended.saturating_sub(took),
                ended,
                told: std::mem::take(&mut self.told),
                failed: self.failed,
            });
        }
    }
}
