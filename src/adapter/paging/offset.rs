//! A number of rows to skip, which is the position itself, or the number of the row to begin with.

use super::{Said, passed_over};
use crate::adapter::place::Destination;
use crate::adapter::request::{Draft, Unplaceable};
use crate::source::{Page, Position, SourceError};
use serde_json::Value;

/// Asks for the rows from a position on.
pub fn place(
    to: &Destination,
    first: u64,
    at: &Position,
    draft: &mut Draft<'_>,
) -> Result<(), Unplaceable> {
    draft.put(to, Value::from(number(first, at).ok_or(Unplaceable)?))
}

/// Notices an answer that begins with another row than asked.
pub fn read(
    first: u64,
    echo: Option<u64>,
    said: &Said<'_, '_>,
    page: &mut Page,
) -> Result<(), SourceError> {
    match (echo, number(first, said.asked.at)) {
        (Some(echo), Some(asked)) if echo != asked => passed_over(said.asked.at, page),
        _ => Ok(()),
    }
}

fn number(first: u64, at: &Position) -> Option<u64> {
    match at {
        Position::Start => Some(first),
        Position::Index(index) => index.checked_add(first),
        _ => None,
    }
}
