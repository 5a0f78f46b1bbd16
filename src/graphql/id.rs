//! Global ids: opaque text that says which kind of object of which source is meant.

use super::code::{ErrorCode, coded};
use crate::model::LocalId;
use crate::source::{SourceEntry, Sources};
use async_graphql::{Error, ID};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::Arc;

/// What stands before the key of a customer's source.
const CUSTOMER: u8 = b'c';
/// What stands before the key of a source.
const SOURCE: u8 = b's';
/// What stands between key and local id. Neither can hold it.
const BETWEEN: u8 = 0;

/// What a global id names.
#[derive(Clone)]
pub enum Named {
    /// A customer.
    Customer(Arc<SourceEntry>, LocalId),
    /// A source.
    Source(Arc<SourceEntry>),
}

/// The global id of a customer.
pub fn of_customer(source: &SourceEntry, id: &LocalId) -> ID {
    let mut text = Vec::with_capacity(source.key.len() + id.as_str().len() + 2);
    text.push(CUSTOMER);
    text.extend_from_slice(source.key.as_bytes());
    text.push(BETWEEN);
    text.extend_from_slice(id.as_str().as_bytes());
    ID(URL_SAFE_NO_PAD.encode(text))
}

/// The global id of a source.
pub fn of_source(source: &SourceEntry) -> ID {
    let mut text = vec![SOURCE];
    text.extend_from_slice(source.key.as_bytes());
    ID(URL_SAFE_NO_PAD.encode(text))
}

/// What an id names.
///
/// # Errors
/// INVALID_ID where it is not one of ours or its source is not configured.
pub fn named(sources: &Sources, id: &str) -> Result<Named, Error> {
    read(sources, id).ok_or_else(invalid)
}

/// The customer an id names.
///
/// # Errors
/// INVALID_ID where it names no customer of a configured source.
pub fn customer(sources: &Sources, id: &str) -> Result<(Arc<SourceEntry>, LocalId), Error> {
    match read(sources, id) {
        Some(Named::Customer(source, id)) => Ok((source, id)),
        _ => Err(invalid()),
    }
}

/// The error for an id that names nothing.
pub fn invalid() -> Error {
    coded(
        ErrorCode::InvalidId,
        "this is no id of this gateway, or its source is not configured",
    )
}

fn read(sources: &Sources, id: &str) -> Option<Named> {
    let text = URL_SAFE_NO_PAD.decode(id).ok()?;
    let (kind, rest) = text.split_first()?;
    match *kind {
        SOURCE => sources
            .by_key(std::str::from_utf8(rest).ok()?)
            .cloned()
            .map(Named::Source),
        CUSTOMER => {
            let between = rest.iter().position(|byte| *byte == BETWEEN)?;
            let (key, local) = rest.split_at(between);
            let source = sources.by_key(std::str::from_utf8(key).ok()?)?;
            let local = std::str::from_utf8(local.get(1..)?).ok()?;
            Some(Named::Customer(
                Arc::clone(source),
                LocalId::new(local).ok()?,
            ))
        }
        _ => None,
    }
}
