//! What comes of reading one source's list: rows, and what stands beyond them.

use super::Undecided;
use super::place::Gap;
use super::strip::Found;
use crate::source::SourceError;

/// What stands beyond the rows of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Rest {
    /// Nothing.
    End,
    /// At least one more row; or, where nobody asked, perhaps one.
    More,
    /// Nobody knows: the budget of pages ended at this gap.
    Cut(Gap),
    /// Nobody knows: the source lets nobody read on.
    Refused(SourceError),
}

/// Rows read from a gap.
#[derive(Debug)]
pub(super) struct Run {
    /// In reading order.
    pub(super) rows: Vec<Found>,
    /// The source was asked at all.
    pub(super) asked: bool,
    /// Places of the window taken, those of rows that cannot be shown included.
    pub(super) taken: u32,
    /// The window is filled.
    pub(super) full: bool,
    /// What follows them.
    pub(super) rest: Rest,
    /// The exact number of rows in the list, where it is known.
    pub(super) total: Option<u64>,
    /// Positions of rows that cannot be shown, and why.
    pub(super) unreadable: Vec<(u64, &'static str)>,
    /// Rows of which nobody knows whether they belong to the list.
    pub(super) undecided: Vec<Undecided>,
    /// The place of the cursor was not found again.
    pub(super) drifted: bool,
    /// The list changed while it was read.
    pub(super) changed: bool,
}
