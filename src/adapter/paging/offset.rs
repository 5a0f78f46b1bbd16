//! A number of rows to skip, which is the position itself, or the number of the row to begin with.

use super::Said;
use crate::adapter::place::Destination;
use crate::adapter::request::{Draft, Unplaceable};
use crate::source::{Page, Position};
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
pub fn read(first: u64, echo: Option<u64>, said: &Said<'_, '_>, page: &mut Page) {
    if let (Some(echo), Some(asked)) = (echo, number(first, said.asked.at))
        && echo != asked
    {
        page.past_end = true;
        page.rows.clear();
    }
}

fn number(first: u64, at: &Position) -> Option<u64> {
    match at {
        Position::Start => Some(first),
        Position::Index(index) => index.checked_add(first),
        _ => None,
    }
}
