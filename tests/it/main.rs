//! The integration tests, one binary; files are named after behaviours.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may fail loudly, and reads and writes files of its own"
)]

mod batching;
mod browser;
mod cli;
mod clients;
mod conformance;
mod dependencies;
mod engine;
mod filters;
mod ids;
mod lifecycle;
mod mutations;
mod odd_data;
mod page;
mod paging;
mod privacy;
mod readme;
mod running;
mod schema;
mod support;
mod tidy;
