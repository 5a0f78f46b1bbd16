//! What is counted while the gateway works: plain counters and times that cost an atomic addition each, and the page that
//! shows them.
//!
//! Whoever does something counts it in a counter of its own; the page is put together when somebody asks. Labels are keys of
//! the configuration and words of closed lists, never anything a caller or a CRM said. It knows no HTTP and no GraphQL.

mod count;
mod latency;
mod page;
mod requests;
mod source;
mod text;

pub use count::{Counts, Word};
pub use latency::Latency;
pub use page::{CacheMoment, Moment, SourceMoment, page};
pub use requests::{Ended, KeyUse, Kind, RequestMeter, SpanFate};
pub use source::{Answered, Asked, Away, Changed, Purpose, Read, Renewal, SourceMeter, Unsent};
