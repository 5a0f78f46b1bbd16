//! The last row's key leads to the next page.

use crate::adapter::place::Destination;
use crate::adapter::request::{Draft, Unplaceable};
use crate::source::Position;
use serde_json::Value;

/// Asks for the rows after a key, or before one.
pub fn place(
    send: &Destination,
    before: Option<&Destination>,
    at: &Position,
    draft: &mut Draft<'_>,
) -> Result<(), Unplaceable> {
    match (at, before) {
        (Position::Start, _) => Ok(()),
        (Position::After(key), _) => draft.put(send, Value::from(&**key)),
        (Position::Before(key), Some(to)) => draft.put(to, Value::from(&**key)),
        _ => Err(Unplaceable),
    }
}
