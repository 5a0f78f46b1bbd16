//! The last row's key leads to the next page.

use super::sent;
use crate::adapter::place::Destination;
use crate::adapter::request::{Draft, Unplaceable};
use crate::source::Position;

/// Asks for the rows after a key, or before one.
pub fn place(
    (send, before): (&Destination, Option<&Destination>),
    numbers: bool,
    at: &Position,
    draft: &mut Draft<'_>,
) -> Result<(), Unplaceable> {
    match (at, before) {
        (Position::Start, _) => Ok(()),
        (Position::After(key), _) => draft.put(send, sent(key, numbers)?),
        (Position::Before(key), Some(to)) => draft.put(to, sent(key, numbers)?),
        _ => Err(Unplaceable),
    }
}
