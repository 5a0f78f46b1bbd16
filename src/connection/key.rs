//! What a list is ordered by, at one row: by it a row's place is found even where the row is gone or has moved.
//!
//! Only orders that every system compares alike are compared here, and every answer is held against the order once more.
//! Pure; `seek` decides which rows to read.

use super::drift::{Proof, Traces, in_place, locate};
use super::place::{Anchors, Mark, NAMELESS};
use super::strip::{Raw, Strip};
use crate::model::{CustomerOrderField, Order, OrderDirection, OrderKey};
use crate::source::{ListPlan, Row};
use std::cmp::Ordering;
use std::ops::Range;

/// The longest text of a key that a cursor carries, in bytes; a row with a longer one is known by its id alone.
const KEY_BYTES: usize = 64;

/// What a list is ordered by, at one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SortKey {
    /// The value.
    pub(super) value: OrderKey,
    /// The row's id, where it breaks ties.
    pub(super) id: Option<Box<str>>,
}

impl SortKey {
    /// A key that is short enough to be carried.
    pub(super) fn new(value: OrderKey, id: Option<Box<str>>) -> Option<Self> {
        let fits = match &value {
            OrderKey::Id(text) | OrderKey::Text(_, text) => text.len() <= KEY_BYTES,
            OrderKey::Day(_) | OrderKey::Time(_) | OrderKey::Missing => true,
        };
        let fits = fits && id.as_ref().is_none_or(|id| id.len() <= KEY_BYTES);
        fits.then_some(Self { value, id })
    }
}

/// Compares rows of a list as its source does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Comparison {
    order: Order,
    numeric: bool,
}

impl Comparison {
    /// The comparison of a list, where the gateway knows it.
    pub(super) fn of(plan: &ListPlan) -> Option<Self> {
        let order = plan.sent.filter(|order| order.field.compared_alike())?;
        Some(Self {
            order,
            numeric: plan.numeric_ids && order.field == CustomerOrderField::Id,
        })
    }

    /// The key of a row that has one.
    pub(super) fn key(self, row: &Row) -> Option<SortKey> {
        let value = self.value(row)?;
        let has = value != OrderKey::Missing && (!self.numeric || number(&value).is_some());
        SortKey::new(value, None).filter(|_| has)
    }

    /// Whether the rows in hand that have a value stand in the order.
    fn stands(self, strip: &Strip) -> bool {
        let values = strip.rows.iter().filter_map(|raw| self.value(&raw.row));
        let known: Vec<OrderKey> = values.filter(|value| *value != OrderKey::Missing).collect();
        known.is_sorted_by(|one, other| {
            !self.is_clear([one, other]) || self.compare(one, other).is_le()
        })
    }

    fn value(self, row: &Row) -> Option<OrderKey> {
        row.customer()
            .map(|customer| self.order.field.key(customer))
    }

    /// Whether it does not matter how the CRM compares these: ids of digits stand alike as numbers and as text only where they
    /// have one length, and not every adapter says which they are.
    fn is_clear<'k>(self, keys: impl IntoIterator<Item = &'k OrderKey>) -> bool {
        if self.numeric || self.order.field != CustomerOrderField::Id {
            return true;
        }
        let mut lengths = keys.into_iter().filter_map(digits);
        match lengths.next() {
            Some(first) => lengths.all(|length| length == first),
            None => true,
        }
    }

    fn compare(self, one: &OrderKey, other: &OrderKey) -> Ordering {
        match (self.numeric, number(one), number(other)) {
            (true, Some(one), Some(other)) => {
                let upward = one.cmp(&other);
                match self.order.direction {
                    OrderDirection::Asc => upward,
                    OrderDirection::Desc => upward.reverse(),
                }
            }
            _ => self.order.compare(one, other),
        }
    }
}

/// How long an id is that is nothing but digits.
fn digits(key: &OrderKey) -> Option<usize> {
    match key {
        OrderKey::Id(text) => text
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then_some(text.len()),
        _ => None,
    }
}

fn number(key: &OrderKey) -> Option<u128> {
    match key {
        OrderKey::Id(text) => text.parse().ok(),
        _ => None,
    }
}

/// Where the place of a key is, as seen from rows in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bearing {
    /// Among them: so many rows stand before it.
    Here(usize),
    /// Somewhere among equal rows, the first of which has this index; nothing tells them apart.
    Among(usize),
    /// After them.
    Ahead,
    /// Before them.
    Behind,
    /// The rows have no values: they stand at one end of the list, and it is not known which.
    Empty,
    /// The rows do not tell: they do not stand in the order.
    Unknown,
}

/// Where the row of a cursor stands, or stood, by its key; `after` puts the place after that row, where it is still there.
///
/// Rows without a value stand together at one end of the list, nobody knows which; they are taken for what lies beyond the
/// rows that have one.
pub(super) fn bearing(strip: &Strip, mark: &Mark, after: bool, by: Comparison) -> Bearing {
    let Some(key) = &mark.key else {
        return Bearing::Unknown;
    };
    if !strip.rows.is_empty() && !strip.at_start && !strip.at_end && is_empty(strip, by) {
        return Bearing::Empty;
    }
    let Some(sides) = sides(strip, &key.value, by) else {
        return Bearing::Unknown;
    };
    let Sides {
        equal,
        below,
        above,
    } = sides;
    let [print, ..] = mark.anchors;
    let found = equal
        .clone()
        .find(|index| strip.rows.get(*index).is_some_and(|raw| raw.print == print));
    if let Some(index) = found {
        return Bearing::Here(index + usize::from(after));
    }
    match (below || strip.at_start, above || strip.at_end) {
        (true, true) if equal.is_empty() => Bearing::Here(equal.start),
        (true, true) => among(strip, mark, after, &equal, by),
        // The neighbours know better than rows that are all alike.
        _ if !equal.is_empty() && neighbours(strip, mark, &equal) => Bearing::Unknown,
        (true, false) => Bearing::Ahead,
        (false, true) => Bearing::Behind,
        (false, false) => Bearing::Unknown,
    }
}

/// Whether a row that stood before the cursor's is in hand among the equal ones, or right before them.
fn neighbours(strip: &Strip, mark: &Mark, equal: &Range<usize>) -> bool {
    let [_, before, before_that] = mark.anchors;
    let known =
        |raw: &Raw| raw.print > NAMELESS && (raw.print == before || raw.print == before_that);
    let near = strip.rows.get(equal.start.saturating_sub(1)..equal.end);
    near.is_some_and(|rows| rows.iter().any(known))
}

/// What rows in hand tell of the place of a cursor's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sighting {
    /// So many rows stand before it.
    Here(usize),
    /// Most likely so many: the rows around it stand in another order than they did.
    Perhaps(usize),
    /// Nothing of it is in hand, neither itself nor what stood before it, and no order tells where it is.
    Nowhere,
    /// It is, or may be, elsewhere.
    Elsewhere,
}

/// Looks for the place of a cursor's row; it was expected at an index. What the list is ordered by knows best: a row that is
/// found elsewhere may have moved by itself, and the rows before it may be in hand while those that came after them are not.
/// For the same reason a row is only taken for gone once it was `sought` behind those that stood before it.
pub(super) fn sight(
    strip: &Strip,
    mark: &Mark,
    after: bool,
    by: Option<Comparison>,
    (expected, sought): (usize, bool),
) -> Sighting {
    match by.map(|by| bearing(strip, mark, after, by)) {
        Some(Bearing::Here(seam)) => return Sighting::Here(seam),
        Some(Bearing::Ahead | Bearing::Behind | Bearing::Among(_)) => return Sighting::Elsewhere,
        Some(Bearing::Empty | Bearing::Unknown) | None => {}
    }
    let traces = traces(strip, mark, by);
    let Some(place) = locate(&strip.prints(), expected, traces, strip.at_start) else {
        return Sighting::Nowhere;
    };
    let sought = strip.at_end || sought;
    let in_hand = || strip.rows.iter().any(|raw| raw.print == mark.print());
    match place.proof {
        Proof::Certain => Sighting::Here(place.seam(after)),
        Proof::Unsought if sought => Sighting::Here(place.seam(after)),
        Proof::Doubtful if sought || in_hand() => Sighting::Perhaps(place.seam(after)),
        Proof::Unsought | Proof::Doubtful => Sighting::Elsewhere,
    }
}

/// The seam where a cursor's row is, or was, with what this says of the list noted; `None` where that is not certain yet.
pub(super) fn find_seam(
    strip: &mut Strip,
    mark: &Mark,
    after: bool,
    by: Option<Comparison>,
    (expected, sought): (usize, bool),
) -> Option<usize> {
    match sight(strip, mark, after, by, (expected, sought)) {
        Sighting::Here(seam) => {
            strip.drifted |= is_shuffled(strip, mark, by);
            Some(seam)
        }
        Sighting::Perhaps(seam) => {
            strip.drifted = true;
            Some(seam)
        }
        Sighting::Nowhere if in_place(mark, strip.rows.get(expected)) => {
            Some(expected + usize::from(after))
        }
        Sighting::Nowhere | Sighting::Elsewhere => None,
    }
}

/// Whether rows changed their order around a cursor's row that stayed: both that stood before it stand behind it; or one of them
/// no longer stands right before it, while the rows in hand contradict what the list is ordered by. Rows that only came and went
/// do neither, nor does the row itself where it moved.
fn is_shuffled(strip: &Strip, mark: &Mark, by: Option<Comparison>) -> bool {
    let [print, before, before_that] = anchors(strip, mark, by);
    let place = |print: u32| {
        let is = |raw: &Raw| raw.print == print;
        strip.rows.iter().position(is).filter(|_| print > NAMELESS)
    };
    let Some(at) = place(print) else {
        return false;
    };
    let (one, other) = (place(before), place(before_that));
    let behind = |other: Option<usize>| other.is_some_and(|other| other > at);
    let apart = |other: Option<usize>, by: usize| other.is_some_and(|other| other + by != at);
    if behind(one) && behind(other) {
        return true;
    }
    (apart(one, 1) || apart(other, 2))
        && mark.key.is_some()
        && by.is_some_and(|by| !by.stands(strip))
}

/// The anchors that may tell where the row of a cursor stands: its own print does not, where it now stands among rows with
/// other keys. Then it was changed and has moved; its place has not.
fn anchors(strip: &Strip, mark: &Mark, by: Option<Comparison>) -> Anchors {
    let [print, before, before_that] = mark.anchors;
    let moved = || {
        let sides = sides(strip, &mark.key.as_ref()?.value, by?)?;
        let has = |raw: &Raw| raw.print == print;
        let among = strip
            .rows
            .get(sides.equal)
            .is_some_and(|rows| rows.iter().any(has));
        Some(!among && strip.rows.iter().any(has))
    };
    match moved() {
        Some(true) => [0, before, before_that],
        _ => mark.anchors,
    }
}

fn traces(strip: &Strip, mark: &Mark, by: Option<Comparison>) -> Traces {
    Traces {
        anchors: anchors(strip, mark, by),
        ..Traces::of(mark)
    }
}

/// Whether no row in hand has a value.
pub(super) fn is_empty(strip: &Strip, by: Comparison) -> bool {
    let mut values = strip.rows.iter().filter_map(|raw| by.value(&raw.row));
    values.all(|value| value == OrderKey::Missing)
}

/// The rows in hand as a key sees them.
struct Sides {
    /// The rows with the same key; an empty range where they would stand.
    equal: Range<usize>,
    /// A row is known to stand before them.
    below: bool,
    /// A row is known to stand after them.
    above: bool,
}

fn sides(strip: &Strip, key: &OrderKey, by: Comparison) -> Option<Sides> {
    let values: Vec<(usize, OrderKey)> = strip
        .rows
        .iter()
        .enumerate()
        .filter_map(|(index, raw)| Some((index, by.value(&raw.row)?)))
        .collect();
    let is_known = |(_, value): &&(usize, OrderKey)| *value != OrderKey::Missing;
    let known: Vec<&(usize, OrderKey)> = values.iter().filter(is_known).collect();
    let (Some((first, _)), Some((last, _))) = (known.first(), known.last()) else {
        // Of rows without a value nobody knows at which end they stand, so nothing is told where both ends are in hand.
        let telling = match (strip.at_start, strip.at_end) {
            (true, true) => strip.rows.is_empty(),
            (at_start, at_end) => at_start || at_end,
        };
        return telling.then_some(Sides {
            equal: if strip.at_end {
                strip.rows.len()..strip.rows.len()
            } else {
                0..0
            },
            below: false,
            above: false,
        });
    };
    let ordered = known.windows(2).all(|pair| match pair {
        [(_, one), (_, other)] => by.compare(one, other).is_le(),
        _ => true,
    });
    let whole = known.len()
        == values
            .iter()
            .filter(|(index, _)| index >= first && index <= last)
            .count();
    if !ordered || !whole || !by.is_clear(known.iter().map(|(_, key)| key).chain([key])) {
        return None;
    }
    let before = known
        .iter()
        .rev()
        .find(|(_, value)| by.compare(value, key).is_lt());
    let behind = known
        .iter()
        .find(|(_, value)| by.compare(value, key).is_gt());
    let empty = |index: usize| {
        values
            .iter()
            .any(|(at, value)| *at == index && *value == OrderKey::Missing)
    };
    let begin = before.map_or(*first, |(index, _)| index + 1);
    let end = behind.map_or(last + 1, |(index, _)| *index);
    Some(Sides {
        equal: begin..end.max(begin),
        below: before.is_some() || (*first > 0 && empty(first - 1)),
        above: behind.is_some() || empty(last + 1),
    })
}

/// The place among equal rows, by the rows that stood before it.
fn among(strip: &Strip, mark: &Mark, after: bool, equal: &Range<usize>, by: Comparison) -> Bearing {
    let traces = traces(strip, mark, Some(by));
    let place = locate(&strip.prints(), equal.start, traces, strip.at_start);
    let known = place.filter(|place| place.proof != Proof::Doubtful);
    let seam = known.map(|place| place.seam(after));
    match seam.filter(|seam| (equal.start..=equal.end).contains(seam)) {
        Some(seam) => Bearing::Here(seam),
        None => Bearing::Among(equal.start),
    }
}
