//! Finding a row again after others were inserted or deleted around it.
//!
//! A cursor names its row and the two rows before it by fingerprints. Where the row is gone, the gap it left is right
//! after the nearest of those two that is still there. Pure; whoever calls decides which rows to read.

use super::place::{Anchors, BEGINNING, Mark, NAMELESS};
use super::strip::Raw;

/// Rows read on both sides of a window beyond what it needs, so that a shift of up to so many rows costs no call.
pub(super) const SLACK: usize = 4;

/// Where the row of a cursor stands among rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Located {
    /// It is the row with this index.
    At(usize),
    /// It is gone; it stood between the row before this index and the row with it.
    Gone(usize),
}

/// Looks among fingerprints for the row that was expected at an index; of several with the same fingerprint the nearest counts.
pub(super) fn locate(
    prints: &[u32],
    expected: usize,
    anchors: Anchors,
    from_beginning: bool,
) -> Option<Located> {
    (0..anchors.len()).find_map(|back| {
        let after = after(prints, expected, *anchors.get(back)?, from_beginning)?;
        // From the row recognized up to the row looked for, all must be as they were.
        let between = anchors.get(..back)?.iter().rev();
        let unchanged = (after..)
            .zip(between)
            .all(|(index, print)| prints.get(index) == Some(print));
        Some(match (after + back).checked_sub(1) {
            Some(index) if unchanged => Located::At(index),
            _ => Located::Gone(after),
        })
    })
}

/// The index after the row with this fingerprint.
fn after(prints: &[u32], expected: usize, print: u32, from_beginning: bool) -> Option<usize> {
    if print == BEGINNING {
        return from_beginning.then_some(0);
    }
    let alike = prints
        .iter()
        .enumerate()
        .filter(|(_, have)| print > NAMELESS && **have == print);
    alike
        .map(|(index, _)| index)
        .min_by_key(|index| index.abs_diff(expected))
        .map(|index| index + 1)
}

/// Whether a row that nothing can recognize stands where it stood, as far as anybody can tell.
pub(super) fn in_place(mark: &Mark, row: Option<&Raw>) -> bool {
    let [print, ..] = mark.anchors;
    print <= NAMELESS && row.is_some_and(|raw| raw.print == NAMELESS || print == 0)
}
