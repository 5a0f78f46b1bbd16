//! The integration tests, one binary; files are named after behaviours.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may fail loudly, and reads and writes files of its own"
)]

mod batching;
mod browser;
mod cli;
mod dependencies;
mod filters;
mod ids;
mod lifecycle;
mod mutations;
mod odd_data;
mod page;
mod paging;
mod privacy;
mod query;
mod schema;
mod support;
mod tidy;
