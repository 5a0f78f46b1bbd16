//! The integration tests, one binary; files are named after behaviours.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may fail loudly, and reads and writes files of its own"
)]

mod browser;
mod cli;
mod conformance;
mod dependencies;
mod engine;
mod page;
mod support;
mod tidy;
