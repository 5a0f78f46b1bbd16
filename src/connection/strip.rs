//! A piece of one source's list in hand: contiguous raw rows, a gap among them, and what is known about both ends.
//!
//! Choosing the rows of a window is a pure function of a strip, so it is the same for every paging style. How a strip
//! grows is the business of `index` and `walk`.

use super::key::Comparison;
use super::place::{Anchors, BEGINNING, Gap, Mark, NAMELESS, Spot, Trail, Way, fingerprint};
use crate::model::FieldProblem;
use crate::source::{CustomerRef, Position, Row, SourceError};
use foldhash::fast::RandomState;
use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// One raw row in hand.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    /// The row.
    pub(super) row: Row,
    /// Where it stands.
    pub(super) spot: Spot,
    /// Its id's fingerprint.
    pub(super) print: u32,
    /// Its id stands elsewhere in the strip: a page was answered twice, or the row moved between two calls.
    pub(super) repeated: bool,
}

impl Raw {
    /// A row as it was read.
    pub(super) fn new(row: Row, spot: Spot) -> Self {
        Self {
            print: fingerprint(&row),
            row,
            spot,
            repeated: false,
        }
    }

    /// Its id's fingerprint; 0 where it has none.
    fn name(&self) -> u32 {
        if self.print > NAMELESS { self.print } else { 0 }
    }
}

/// A customer among others, known by its id.
#[derive(Debug)]
pub(super) struct ById(CustomerRef);

impl Borrow<str> for ById {
    fn borrow(&self) -> &str {
        self.0.id.as_str()
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for ById {}

impl Hash for ById {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.as_str().hash(state);
    }
}

/// A piece of a list.
#[derive(Debug, Default)]
pub(super) struct Strip {
    /// Contiguous rows in list order.
    pub(super) rows: Vec<Raw>,
    /// How many of them stand before the gap.
    pub(super) seam: usize,
    /// Fingerprints of the row before the first and of the one before that.
    pub(super) before: [u32; 2],
    /// Nothing stands before the first row.
    pub(super) at_start: bool,
    /// Nothing stands after the last row.
    pub(super) at_end: bool,
    /// The source's own word that raw rows follow the last one.
    pub(super) more: bool,
    /// The list's total, where an answer said it.
    pub(super) total: Option<u64>,
    /// An answer contradicted the total.
    pub(super) distrusted: bool,
    /// Its pages tell of different states of the list, so that a row may be hidden between two of them.
    pub(super) changed: bool,
    /// Pages read.
    pub(super) pages: u32,
    /// Empty pages in a row.
    pub(super) empties: u32,
    /// Where the chain goes on after the last row.
    pub(super) next: Option<Position>,
    /// The page of the chain that the first row stands on.
    pub(super) first: Option<Position>,
    /// How many rows of the list stand before the end of the strip, in chains.
    pub(super) reach: u64,
    /// Where the chain goes on before the first row.
    pub(super) prev: Option<Position>,
    /// The way that led to the page last read.
    pub(super) trail: Trail,
    /// Pages of the chain that were read.
    pub(super) visited: HashSet<Position>,
    /// The place asked for was not found again; reading went on by counting.
    pub(super) drifted: bool,
    /// The source lets nobody see what follows the last row.
    pub(super) refused: Option<SourceError>,
    /// The rows in hand, by their ids.
    pub(super) ids: HashSet<ById, RandomState>,
}

impl Strip {
    /// Adds rows at the end; `false` where they are nothing but rows that were there before.
    pub(super) fn append(&mut self, rows: Vec<Raw>) -> bool {
        let (mut rows, new) = self.compared(rows);
        self.rows.append(&mut rows);
        new
    }

    /// Adds rows at the beginning; `false` where they are nothing but rows that were there before.
    pub(super) fn prepend(&mut self, rows: Vec<Raw>) -> bool {
        let (mut rows, new) = self.compared(rows);
        self.seam += rows.len();
        rows.append(&mut self.rows);
        self.rows = rows;
        self.before = [0; 2];
        new
    }

    /// The fingerprints of the rows in hand.
    pub(super) fn prints(&self) -> Vec<u32> {
        self.rows.iter().map(|raw| raw.print).collect()
    }

    /// Whether a row is in hand already.
    pub(super) fn holds(&self, raw: &Raw) -> bool {
        let customer = raw.row.customer();
        customer.is_some_and(|customer| self.ids.contains(customer.id.as_str()))
    }

    /// Tells rows that are in hand already. A row without an id cannot be recognized.
    fn compared(&mut self, mut rows: Vec<Raw>) -> (Vec<Raw>, bool) {
        let (mut new, mut old) = (0, 0);
        self.ids.reserve(rows.len());
        for raw in &mut rows {
            let Some(customer) = raw.row.customer() else {
                continue;
            };
            raw.repeated = !self.ids.insert(ById(Arc::clone(customer)));
            *(if raw.repeated { &mut old } else { &mut new }) += 1;
        }
        // A row that stands twice on one page stands in another's place.
        self.changed |= old > 0 && holds_twice(&rows);
        (rows, new > 0 || old == 0)
    }

    /// Whether nothing is left to read that way.
    pub(super) fn ended(&self, way: Way) -> bool {
        match way {
            Way::Forward => self.at_end,
            Way::Backward => self.at_start,
        }
    }

    /// Whether it is certain that raw rows follow that way which are not in hand.
    pub(super) fn goes_on(&self, way: Way) -> bool {
        match way {
            Way::Forward => self.more && !self.at_end,
            Way::Backward => {
                !self.at_start && self.rows.first().is_some_and(|raw| raw.spot.ordinal > 0)
            }
        }
    }

    /// The place of the row with this index, and all by which it is found again.
    pub(super) fn mark(&self, index: usize, order: Option<Comparison>) -> Option<Mark> {
        let raw = self.rows.get(index)?;
        Some(Mark {
            spot: raw.spot.clone(),
            anchors: self.anchors(index),
            behind: self.rows.get(index + 1).map_or(0, Raw::name),
            key: order.and_then(|order| order.key(&raw.row)),
        })
    }

    fn anchors(&self, index: usize) -> Anchors {
        let print = |back: usize| match index.checked_sub(back) {
            Some(index) => self.rows.get(index).map_or(0, |raw| raw.print),
            None if self.at_start => BEGINNING,
            None => self
                .before
                .get(back - index - 1)
                .copied()
                .unwrap_or_default(),
        };
        [print(0), print(1), print(2)]
    }

    /// The gap at the far end of the rows in hand.
    pub(super) fn edge(&self, way: Way, order: Option<Comparison>) -> Option<Gap> {
        match way {
            Way::Forward => {
                let last = self.rows.len().checked_sub(1)?;
                self.mark(last, order).map(Gap::After)
            }
            Way::Backward => self.mark(0, order).map(Gap::Before),
        }
    }
}

/// Whether a row that stood elsewhere already stands among these once more.
fn holds_twice(rows: &[Raw]) -> bool {
    let new: HashSet<u32> = rows
        .iter()
        .filter(|raw| !raw.repeated && raw.print > NAMELESS)
        .map(|raw| raw.print)
        .collect();
    rows.iter()
        .any(|raw| raw.repeated && new.contains(&raw.print))
}

/// What a list does with one raw row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is a row of the connection.
    Keep,
    /// It is not.
    Drop,
    /// Nobody knows, as this field of it could not be read: it is left out, and said.
    Undecided(FieldProblem),
    /// It cannot be shown and takes its place.
    Unreadable(&'static str),
}

/// The rows of a window.
#[derive(Debug, Default)]
pub(super) struct Pick {
    /// Indices of the rows, in reading order.
    pub(super) chosen: Vec<usize>,
    /// Positions of rows that cannot be shown, and why.
    pub(super) unreadable: Vec<(u64, &'static str)>,
    /// Indices of rows of which nobody knows whether they belong to the connection, and why.
    pub(super) undecided: Vec<(usize, FieldProblem)>,
    /// The same of rows that follow a filled window.
    pub(super) undecided_behind: Vec<(usize, FieldProblem)>,
    /// The window is filled.
    pub(super) full: bool,
    /// A further row of the connection is in hand.
    pub(super) another: bool,
    /// How many rows were left out.
    pub(super) dropped: usize,
}

/// Chooses up to `need` rows, beginning at the gap. A row that cannot be shown takes a place, unless the window would
/// be empty: an empty window has no cursor to go on from.
pub(super) fn pick(strip: &Strip, way: Way, need: usize, judge: impl Fn(&Raw) -> Verdict) -> Pick {
    let mut pick = Pick {
        full: need == 0,
        ..Pick::default()
    };
    let mut taken = 0;
    let mut step = |index: usize, raw: &Raw| -> bool {
        match judge(raw) {
            Verdict::Keep if pick.full => {
                pick.another = true;
                return false;
            }
            Verdict::Keep => {
                pick.chosen.push(index);
                taken += 1;
            }
            Verdict::Drop => pick.dropped += 1,
            Verdict::Undecided(problem) => {
                pick.dropped += 1;
                let undecided = match pick.full {
                    true => &mut pick.undecided_behind,
                    false => &mut pick.undecided,
                };
                undecided.push((index, problem));
            }
            Verdict::Unreadable(_) if pick.full => pick.dropped += 1,
            Verdict::Unreadable(reason) => {
                pick.unreadable.push((raw.spot.ordinal, reason));
                taken += 1;
            }
        }
        pick.full = pick.full || (taken >= need && !pick.chosen.is_empty());
        true
    };
    let seam = strip.seam.min(strip.rows.len());
    match way {
        Way::Forward => strip
            .rows
            .iter()
            .enumerate()
            .skip(seam)
            .all(|(index, raw)| step(index, raw)),
        Way::Backward => strip
            .rows
            .iter()
            .enumerate()
            .take(seam)
            .rev()
            .all(|(index, raw)| step(index, raw)),
    };
    pick
}

/// A row of the connection with its place.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The customer.
    pub(super) customer: CustomerRef,
    /// Its place.
    pub(super) mark: Mark,
}
