//! Traces: which request caused which call, told to CRMs in the W3C `traceparent` header and, where configured, to a collector.
//!
//! A span holds names of ours, keys of the configuration and numbers; nothing a caller or a CRM said stands in one, but for
//! the ids of a trace, which are numbers. It knows no HTTP server and no CRM; how spans travel is for others to say.

mod context;
mod export;
mod span;

pub use export::{Deliver, Queue, export};
pub use span::{Role, Span, Told, Trace, Tracer};

use std::time::Duration;

/// Whole milliseconds, in a width that a log in JSON writes as a number.
pub fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
