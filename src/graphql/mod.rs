//! The schema and the way an operation takes through it: checked as a document, run, answered.
//!
//! Knows no HTTP and no adapter.

pub mod answer;
mod code;
mod connection;
mod customer;
pub mod document;
mod filter;
pub mod gateway;
mod id;
mod input;
mod mutation;
mod notes;
mod query;
mod relatives;
mod source;

pub use answer::Answer;
pub use code::ErrorCode;
pub use document::{Prepared, RequestCode, RequestError};
pub use gateway::{Arrival, ContractError, Gateway};

#[cfg(test)]
pub(crate) mod toy;

use crate::connection::Connector;
use crate::limits::Limits;
use crate::load::Load;
use crate::source::Sources;
use crate::writes::{Keep, Ledger, Writes};
use async_graphql::{EmptySubscription, Schema};
use mutation::Mutation;
use query::Query;
use std::sync::Arc;

/// The gateway over these sources.
///
/// # Errors
/// [`ContractError`] where the schema's SDL cannot be read back.
pub fn gateway(
    sources: Sources,
    connector: Arc<Connector>,
    writes: Arc<Writes>,
    limits: &Limits,
) -> Result<Gateway, ContractError> {
    let schema = Schema::build(Query, Mutation, EmptySubscription)
        .data(connector)
        .data(writes)
        .data(limits.clone());
    Gateway::new(schema, limits, move |operation, data| {
        data.insert(Load::new(sources.clone(), Arc::clone(operation)));
    })
}

/// The schema in the schema definition language. It does not depend on the sources.
///
/// # Errors
/// [`ContractError`] where it cannot be read back.
pub fn sdl() -> Result<String, ContractError> {
    let limits = Limits::default();
    let connector = Arc::new(Connector::new(limits.clone(), &[]));
    let ledger = Ledger::new(Keep::Nowhere, 0, [0; 32]);
    let writes = Arc::new(Writes::new(ledger, [0; 32]));
    gateway(Sources::default(), connector, writes, &limits).map(|gateway| gateway.sdl().to_owned())
}
