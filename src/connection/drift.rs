//! Finding a row again after others were inserted, deleted or moved around it.
//!
//! A cursor names its row, the two rows before it and, where it was in hand, the one behind it by fingerprints. Rows that come
//! and go leave those that stay in their order; where the order is another, a row was changed and has moved by itself, and the
//! place is where the others still stand. Pure; whoever calls decides which rows to read.

use super::place::{Anchors, BEGINNING, Mark, NAMELESS};
use super::strip::Raw;

/// Rows read on both sides of a window beyond what it needs, so that a shift of up to so many rows costs no call.
pub(super) const SLACK: usize = 4;

/// Between two rows that stood side by side more rows than these seldom come; sooner one of the two has moved.
const NEAR: usize = 2;

/// By what the place of a cursor's row is found again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traces {
    /// The row and the two before it.
    pub(super) anchors: Anchors,
    /// The row behind it; 0 where it is not known.
    pub(super) behind: u32,
}

impl Traces {
    /// Those that a cursor carries.
    pub(super) fn of(mark: &Mark) -> Self {
        Self {
            anchors: mark.anchors,
            behind: mark.behind,
        }
    }
}

/// How far a place is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// It is there.
    Certain,
    /// The row is not in hand, and may stand behind rows that came after those before it.
    Unsought,
    /// Rows around it stand in another order than they did.
    Doubtful,
}

/// Where the row of a cursor stands among rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Located {
    /// How many rows stand before it, or before the gap that it left.
    pub(super) index: usize,
    /// It stands there itself.
    pub(super) stands: bool,
    /// How far that is proven.
    pub(super) proof: Proof,
}

impl Located {
    fn at(index: usize) -> Self {
        Self {
            index,
            stands: true,
            proof: Proof::Certain,
        }
    }

    fn gone(index: usize, proof: Proof) -> Self {
        Self {
            index,
            stands: false,
            proof,
        }
    }

    /// How many rows stand before the gap: `after` the row, where it is still there.
    pub(super) fn seam(self, after: bool) -> usize {
        self.index + usize::from(after && self.stands)
    }
}

/// Looks among fingerprints for the row that was expected at an index; of several with the same fingerprint the nearest counts.
pub(super) fn locate(
    prints: &[u32],
    expected: usize,
    traces: Traces,
    from_beginning: bool,
) -> Option<Located> {
    let found = Found::among(prints, expected, traces, from_beginning);
    if let Some(place) = found.touching() {
        return Some(place);
    }
    let [print, ..] = traces.anchors;
    if print <= NAMELESS
        && let Some(index) = unnamed(prints, expected, traces.anchors, from_beginning)
    {
        return Some(Located::at(index));
    }
    if found.in_line() {
        return found.plain(expected);
    }
    // One of them has moved, the row itself sooner than its neighbours.
    let [before, before_that] = found.before;
    let without = |before| Found { before, ..found };
    let strays = [
        Found { row: None, ..found },
        Found {
            behind: None,
            ..found
        },
        without([None, before_that]),
        without([before, None]),
    ];
    let agree = |rest: &Found| found.behind.is_some() && rest.count() > 1 && rest.in_line();
    match strays.into_iter().find(agree) {
        Some(rest) => rest.plain(expected),
        None => found.nearest(expected),
    }
}

/// What is in hand of the traces.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// The index of the row.
    row: Option<usize>,
    /// The indices after the row before it and after the one before that.
    before: [Option<usize>; 2],
    /// The index of the row behind it.
    behind: Option<usize>,
    /// It was the first row, or the second, and the beginning is in hand.
    first: bool,
    /// A row that is not the one which stood before it stands before it now.
    strange: bool,
}

impl Found {
    fn among(prints: &[u32], expected: usize, traces: Traces, from_beginning: bool) -> Self {
        let near = |print: u32| {
            let is = |(index, have): (usize, &u32)| (*have == print).then_some(index);
            let alike = prints.iter().enumerate().filter_map(is);
            alike
                .filter(|_| print > NAMELESS)
                .min_by_key(|index| index.abs_diff(expected))
        };
        let [print, before, before_that] = traces.anchors;
        let row = near(print);
        let before_it = [before, before_that].map(|print| near(print).map(|index| index + 1));
        let lonely = before > NAMELESS && before_it == [None, None];
        Self {
            row,
            before: before_it,
            behind: near(traces.behind),
            first: from_beginning && [before, before_that].contains(&BEGINNING),
            strange: lonely && row.is_some_and(|row| row > 0),
        }
    }

    /// How many of them there are.
    fn count(&self) -> usize {
        let [before, before_that] = self.before;
        [self.row, before, before_that, self.behind]
            .iter()
            .flatten()
            .count()
    }

    /// The place where the row stands right before the one behind it, or one of those before it does: then it is not between.
    fn touching(&self) -> Option<Located> {
        let behind = self.behind?;
        if self.row.is_some_and(|row| row + 1 == behind) {
            return Some(Located::at(behind - 1));
        }
        let opens = self.first && behind == 0 && self.before == [None, None];
        let gap = opens || self.before.contains(&Some(behind));
        gap.then(|| Located::gone(behind, Proof::Certain))
    }

    /// Whether they stand in the order in which they stood, and no farther apart than rows that came explain where nobody knows
    /// what stood behind.
    fn in_line(&self) -> bool {
        let [before, before_that] = self.before;
        let row_end = self.row.map(|row| row + 1);
        let ends: Vec<usize> = [before_that, before, row_end]
            .into_iter()
            .flatten()
            .collect();
        let close = |pair: &[usize]| match pair {
            [one, other] => *other <= one + 1 + NEAR,
            _ => true,
        };
        let last = ends.last().copied().unwrap_or_default();
        ends.is_sorted()
            && match self.behind {
                Some(behind) => last <= behind,
                None => ends.windows(2).all(close),
            }
    }

    /// The place that they agree on.
    fn plain(&self, expected: usize) -> Option<Located> {
        let far = |index: usize| index.abs_diff(expected) > SLACK;
        let [before, before_that] = self.before;
        match (self.row, before.or(before_that), self.behind) {
            (Some(row), _, None) if self.strange && far(row) => Some(Located {
                proof: Proof::Doubtful,
                ..Located::at(row)
            }),
            (Some(row), ..) => Some(Located::at(row)),
            (None, Some(end), Some(_)) => Some(Located::gone(end, Proof::Certain)),
            (None, Some(end), None) => {
                // The only one that is left may have moved ahead by itself.
                let alone = self.count() == 1 && far(end);
                Some(match alone {
                    true => Located::gone(end.min(expected), Proof::Doubtful),
                    false => Located::gone(end, Proof::Unsought),
                })
            }
            // The row may stand before those in hand.
            (None, None, _) => self.first.then(|| Located::gone(0, Proof::Unsought)),
        }
    }

    /// Of the places that they contradict each other about the one that is nearest to where the row was.
    fn nearest(&self, expected: usize) -> Option<Located> {
        let [before, before_that] = self.before;
        let row = self
            .row
            .map(|row| (row.abs_diff(expected), Located::at(row)));
        let gone = |end: usize, there: usize| {
            (
                there.abs_diff(expected),
                Located::gone(end, Proof::Doubtful),
            )
        };
        let places = [
            before.map(|end| gone(end, end)),
            before_that.map(|end| gone(end, end + 1)),
            self.behind.map(|end| gone(end, end.saturating_sub(1))),
            row,
        ];
        let nearest = places.into_iter().flatten().min_by_key(|(far, _)| *far);
        nearest.map(|(_, place)| Located {
            proof: Proof::Doubtful,
            ..place
        })
    }
}

/// The place of a row that has no name, where those before it are as they were.
fn unnamed(
    prints: &[u32],
    expected: usize,
    anchors: Anchors,
    from_beginning: bool,
) -> Option<usize> {
    (1..anchors.len()).find_map(|back| {
        let after = after(prints, expected, *anchors.get(back)?, from_beginning)?;
        // From the row recognized up to the row looked for, all must be as they were.
        let between = anchors.get(..back)?.iter().rev();
        let unchanged = (after..)
            .zip(between)
            .all(|(index, print)| prints.get(index) == Some(print));
        (after + back).checked_sub(1).filter(|_| unchanged)
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
