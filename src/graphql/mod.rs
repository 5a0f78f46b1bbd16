//! The schema and the way an operation takes through it: checked as a document, run, answered.
//!
//! Knows no HTTP and no adapter.

pub mod answer;
mod arrival;
mod code;
mod connection;
mod customer;
mod direct;
pub mod document;
mod filter;
pub mod gateway;
mod hidden;
mod id;
mod input;
mod mutation;
mod notes;
mod plain;
mod query;
mod relatives;
mod room;
mod source;
mod writable;

pub use answer::Answer;
pub use arrival::{Arrival, Hold};
pub use code::ErrorCode;
pub use document::{Prepared, RequestCode, RequestError};
pub use gateway::{ContractError, Gateway, Place, Retired};

#[cfg(test)]
pub(crate) mod toy;

use crate::access::Caller;
use crate::connection::Connector;
use crate::limits::Limits;
use crate::load::Load;
pub use crate::source::Brought;
use crate::source::{Operation, Sources};
use crate::writes::{Keep, Ledger, Writes};
use async_graphql::{Data, EmptySubscription, Schema};
use mutation::Mutation;
use query::Query;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What one tenant has: its sources, and what makes and reads its cursors.
#[derive(Clone)]
pub struct Realm {
    /// The sources its callers see.
    pub sources: Sources,
    /// Makes its connections. Another secret for each tenant makes its cursors nobody else's.
    pub connector: Arc<Connector>,
}

/// The tenants, by name.
pub type Tenants = BTreeMap<Box<str>, Realm>;

/// The gateway over these sources, for callers of the tenant without a name.
///
/// # Errors
/// [`ContractError`] where the schema's SDL cannot be read back.
pub fn gateway(
    sources: Sources,
    connector: Arc<Connector>,
    writes: Arc<Writes>,
    limits: &Limits,
) -> Result<Gateway, ContractError> {
    let realm = Realm { sources, connector };
    gateway_of(Tenants::from([("".into(), realm)]), writes, limits)
}

/// The gateway of these tenants. A caller of another tenant finds nothing.
///
/// # Errors
/// [`ContractError`] where the schema's SDL cannot be read back.
pub fn gateway_of(
    tenants: Tenants,
    writes: Arc<Writes>,
    limits: &Limits,
) -> Result<Gateway, ContractError> {
    let schema = Schema::build(Query, Mutation, EmptySubscription)
        .data(writes)
        .data(limits.clone());
    let tenants = Arc::new(tenants);
    let known = Arc::clone(&tenants);
    let furnish =
        move |operation: &Arc<Operation>, caller: &Caller, brought: &Brought, data: &mut Data| {
            if let Some(realm) = tenants.get(&caller.tenant) {
                data.insert(Arc::clone(&realm.connector));
                let sources = realm.sources.seen_by(brought);
                data.insert(Load::new(sources, Arc::clone(operation)));
            }
        };
    let epoch = move |caller: &Caller| {
        let realm = known.get(&caller.tenant);
        realm.map_or(0, |realm| realm.sources.epoch())
    };
    Gateway::new(schema, limits, furnish, epoch)
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
