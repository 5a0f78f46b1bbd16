//! The integration tests, one binary; files are named after behaviours.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::too_many_lines,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may fail loudly, say that it was skipped, tell a long story, and read and write files of its own"
)]

mod access;
mod attacks;
mod batching;
mod browser;
mod caching;
mod ceilings;
mod cli;
mod clients;
mod conformance;
mod counts;
mod deep;
mod dependencies;
mod doubts;
mod ends;
mod engine;
mod far_times;
mod faults;
mod filters;
mod forwarded;
mod fuzz;
mod hanging;
mod ids;
mod lies;
mod lifecycle;
mod looks;
mod metrics;
mod mutations;
mod odd_data;
mod odd_fields;
mod page;
mod paging;
mod paging_http;
mod paging_moving;
mod privacy;
mod proof;
mod query;
mod readme;
mod reloads;
mod renewing;
mod running;
mod schema;
mod secure;
mod silent;
mod soak;
mod support;
mod tails;
mod tenants;
mod tidy;
mod traces;
mod tries;
mod writes;
