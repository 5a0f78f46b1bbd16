//! The arguments of a window: which combinations there are, and which direction they ask for.

use super::place::Way;
use super::{Asked, ConnectionError};

/// Rows of a window nobody asked a size for.
pub const DEFAULT_WINDOW: u32 = 20;

/// A window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window<'a> {
    /// In which direction it is read.
    pub(super) way: Way,
    /// How many rows it holds.
    pub(super) rows: u32,
    /// The cursor it begins at.
    pub(super) cursor: Option<&'a str>,
}

/// The window asked for.
///
/// # Errors
/// The arguments contradict each other or a size is out of range.
pub(super) fn window(asked: &Asked, most: u32) -> Result<Window<'_>, ConnectionError> {
    let refused = |what: &str| Err(ConnectionError::InvalidInput(what.to_owned()));
    let rows = |name: &str, rows: i32| {
        let size = u32::try_from(rows).ok().filter(|rows| *rows <= most);
        size.ok_or_else(|| {
            ConnectionError::InvalidInput(format!("`{name}` must be between 0 and {most}"))
        })
    };
    match (asked.first, &asked.after, asked.last, &asked.before) {
        (Some(_), _, Some(_), _) => refused("`first` and `last` cannot be combined"),
        (_, Some(_), Some(_), _) => refused("`after` cannot be combined with `last`"),
        (Some(_), _, _, Some(_)) => refused("`before` cannot be combined with `first`"),
        (_, Some(_), _, Some(_)) => refused("`after` and `before` cannot be combined"),
        (None, None, None, Some(_)) => refused("`before` needs `last`"),
        (None, None, Some(last), before) => Ok(Window {
            way: Way::Backward,
            rows: rows("last", last)?,
            cursor: before.as_deref(),
        }),
        (first, after, None, None) => Ok(Window {
            way: Way::Forward,
            rows: first.map_or(Ok(DEFAULT_WINDOW.min(most)), |first| rows("first", first))?,
            cursor: after.as_deref(),
        }),
    }
}
