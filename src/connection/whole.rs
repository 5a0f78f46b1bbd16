//! Lists that a source cannot order: read whole where they are small, and ordered by the gateway.
//!
//! The collation is that of [`OrderKey`]; equal rows of a source stand in the order of their ids.

use super::drift::{Located, locate};
use super::gathered::Reading;
use super::list::{Halt, List};
use super::place::{BEGINNING, Gap, Mark, Spot, Trail, Way};
use super::run::{Rest, Run};
use crate::model::{Order, OrderKey};
use crate::source::Position;
use std::cmp::Ordering;

/// All rows of a list, where it is small; one page tells most lists that are not.
pub(super) async fn read(list: &List<'_>) -> Result<Option<Run>, Halt> {
    let most = list.limits.whole_rows;
    if most == 0 {
        return Ok(None);
    }
    let mut all = list
        .read(
            &Gap::Start,
            Way::Forward,
            list.limits.window.min(most),
            true,
        )
        .await?;
    if all.rest == Rest::More
        && all.total.is_none_or(|total| total <= u64::from(most))
        && let Some(last) = all.rows.last().map(|found| Gap::After(found.mark.clone()))
    {
        let left = most.saturating_sub(all.taken);
        let rest = list.read(&last, Way::Forward, left, true).await?;
        all.rows.extend(rest.rows);
        all.unreadable.extend(rest.unreadable);
        all.drifted |= rest.drifted;
        all.rest = rest.rest;
    }
    Ok((all.rest == Rest::End).then_some(all))
}

/// The part of a whole list that is wanted, ordered.
pub(super) fn slice(mut run: Run, gap: &Gap, reading: Reading, order: Order) -> Run {
    run.rows.sort_by_cached_key(|found| {
        SortKey(
            order,
            order.field.key(&found.customer),
            found.customer.id.as_str().into(),
        )
    });
    let prints: Vec<u32> = run
        .rows
        .iter()
        .map(|found| found.mark.anchors.first().copied().unwrap_or_default())
        .collect();
    for (index, found) in run.rows.iter_mut().enumerate() {
        found.mark = mark(&prints, index);
    }
    let (seam, drifted) = seam(&prints, gap);
    run.drifted |= drifted;
    run.total = Some(prints.len() as u64);
    let need = reading.need as usize;
    let over = match reading.way {
        Way::Forward => {
            run.rows.drain(..seam);
            run.rows.len() > need
        }
        Way::Backward => {
            run.rows.truncate(seam);
            run.rows.reverse();
            run.rows.len() > need
        }
    };
    run.rows.truncate(need);
    run.rest = if over { Rest::More } else { Rest::End };
    run
}

/// Compares rows of one source.
#[derive(PartialEq, Eq)]
struct SortKey(Order, OrderKey, Box<str>);

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0
            .compare(&self.1, &other.1)
            .then_with(|| self.2.cmp(&other.2))
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The place of a row in a list that was ordered here.
fn mark(prints: &[u32], index: usize) -> Mark {
    let print = |back: usize| {
        index.checked_sub(back).map_or(BEGINNING, |index| {
            prints.get(index).copied().unwrap_or_default()
        })
    };
    let spot = Spot {
        page: Position::Start,
        index: 0,
        ordinal: index as u64,
        next: None,
        trail: Trail::default(),
        size: 0,
        reversed: false,
    };
    Mark {
        spot,
        anchors: [print(0), print(1), print(2)],
    }
}

/// How many rows stand before a gap in a list that was ordered here, and whether its place was lost.
fn seam(prints: &[u32], gap: &Gap) -> (usize, bool) {
    let (mark, after) = match gap {
        Gap::Start => return (0, false),
        Gap::End => return (prints.len(), false),
        Gap::Before(mark) => (mark, 0),
        Gap::After(mark) => (mark, 1),
    };
    let expected = usize::try_from(mark.spot.ordinal).unwrap_or(usize::MAX);
    match locate(prints, expected, mark.anchors, true) {
        Some(Located::At(index)) => (index + after, false),
        Some(Located::Gone(index)) => (index, false),
        None => (expected.min(prints.len()), true),
    }
}
