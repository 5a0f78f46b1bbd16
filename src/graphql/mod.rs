//! The schema and the way an operation takes through it: checked as a document, run, answered.
//!
//! Knows no HTTP and no adapter.

pub mod answer;
pub mod document;
pub mod gateway;

pub use answer::Answer;
pub use document::{Prepared, RequestCode, RequestError};
pub use gateway::{Arrival, ContractError, Gateway};

#[cfg(test)]
pub(crate) mod toy;
