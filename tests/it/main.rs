//! The integration tests, one binary; files are named after behaviours.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may fail loudly, and reads and writes files of its own"
)]

mod browser;
mod cli;
mod conformance;
mod dependencies;
mod page;
mod tidy;
