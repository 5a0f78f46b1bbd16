//! A number of rows to skip: the position itself.

use super::Said;
use crate::adapter::place::Destination;
use crate::adapter::request::{Draft, Unplaceable};
use crate::source::{Page, Position};
use serde_json::Value;

/// Asks for the rows from a position on.
pub fn place(to: &Destination, at: &Position, draft: &mut Draft<'_>) -> Result<(), Unplaceable> {
    draft.put(to, Value::from(index(at).ok_or(Unplaceable)?))
}

/// Notices an answer that skipped another number of rows than asked.
pub fn read(echo: Option<u64>, said: &Said<'_, '_>, page: &mut Page) {
    if let (Some(echo), Some(asked)) = (echo, index(said.asked.at))
        && echo != asked
    {
        page.past_end = true;
        page.rows.clear();
    }
}

fn index(at: &Position) -> Option<u64> {
    match at {
        Position::Start => Some(0),
        Position::Index(index) => Some(*index),
        _ => None,
    }
}
