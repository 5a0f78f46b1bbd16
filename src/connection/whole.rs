//! Lists that a source cannot order: read whole where they are small, and ordered by the gateway.
//!
//! The collation is that of [`OrderKey`]; equal rows of a source stand in the order of their ids.

use super::drift::{Proof, Traces, locate};
use super::gathered::Reading;
use super::key::SortKey;
use super::list::{Halt, List};
use super::place::{BEGINNING, Gap, Mark, Spot, Way};
use super::run::{Rest, Run};
use super::strip::Found;
use crate::model::{Order, OrderKey};
use std::cmp::Ordering;

/// Rows beyond the total that may have come since it was said.
const SPARE: u32 = 20;

/// All rows of a list, where it is small; one page tells most lists that are not. Where it changed meanwhile, it is read once
/// more.
pub(super) async fn read(list: &List<'_>) -> Result<Option<Run>, Halt> {
    if list.limits.whole_rows == 0 {
        return Ok(None);
    }
    match read_once(list).await? {
        Some(all) if all.changed && !all.drifted => {
            read_once(&list.by(list.reader.call.from_now())).await
        }
        all => Ok(all),
    }
}

async fn read_once(list: &List<'_>) -> Result<Option<Run>, Halt> {
    let most = list.limits.whole_rows;
    let mut all = list
        .read(
            &Gap::Start,
            Way::Forward,
            list.limits.window.min(most),
            true,
        )
        .await?;
    // A list that was read to its end has a total, unless something speaks against one: its source counts otherwise, it changed
    // meanwhile, or of some rows nobody can say whether they belong to it.
    let uncounted = all.rest == Rest::End && all.total.is_none();
    if all.rest == Rest::More
        && all.total.is_none_or(|total| total <= u64::from(most))
        && let Some(last) = all.rows.last().map(|found| Gap::After(found.mark.clone()))
    {
        // Where the list says how long it is, no page past its end is asked for.
        let known = all.total.and_then(|total| u32::try_from(total).ok());
        let end = known.map_or(most, |total| total.saturating_add(SPARE).min(most));
        let left = end.saturating_sub(all.taken);
        let rest = list.read(&last, Way::Forward, left, true).await?;
        all.rows.extend(rest.rows);
        all.unreadable.extend(rest.unreadable);
        all.undecided.extend(rest.undecided);
        all.drifted |= rest.drifted;
        all.rest = rest.rest;
        // Rows that came and went between the two are among these, or are not, as it happened.
        let miscounted = rest.total.is_some_and(|total| total != count(&all));
        all.changed |= rest.changed || (all.rest == Rest::End && miscounted);
    }
    match all.rest {
        Rest::End => {
            all.total = (!uncounted).then(|| count(&all));
            Ok(Some(all))
        }
        Rest::More => Ok(None),
        Rest::Cut(_) => Err(Halt::Scan),
        Rest::Refused(error) => Err(error.into()),
    }
}

/// How many rows were read, those that cannot be shown included.
fn count(run: &Run) -> u64 {
    (run.rows.len() + run.unreadable.len()) as u64
}

/// The part of a whole list that is wanted, ordered.
pub(super) fn slice(mut run: Run, gap: &Gap, reading: Reading, order: Order) -> Run {
    let ranked = |found: Found| {
        let key = order.field.key(&found.customer);
        (Ranked(order, key, found.customer.id.as_str().into()), found)
    };
    let mut rows: Vec<(Ranked, Found)> = run.rows.into_iter().map(ranked).collect();
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
    let (seam, drifted) = seam(&rows, gap, order);
    run.drifted |= drifted;
    let is_exact = !run.changed && run.undecided.is_empty();
    run.total = run.total.filter(|_| is_exact);
    // It was all read for the windows before, too, and told with the first of them.
    if !matches!(gap, Gap::Start | Gap::End) {
        run.unreadable.clear();
        run.undecided.clear();
    }
    let prints: Vec<u32> = rows.iter().map(|(_, found)| found.mark.print()).collect();
    run.rows = rows
        .into_iter()
        .enumerate()
        .map(|(index, (Ranked(_, value, id), found))| Found {
            mark: mark(&prints, index, SortKey::new(value, Some(id))),
            ..found
        })
        .collect();
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
struct Ranked(Order, OrderKey, Box<str>);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0
            .compare(&self.1, &other.1)
            .then_with(|| self.2.cmp(&other.2))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The place of a row in a list that was ordered here.
fn mark(prints: &[u32], index: usize, key: Option<SortKey>) -> Mark {
    let print = |back: usize| {
        index.checked_sub(back).map_or(BEGINNING, |index| {
            prints.get(index).copied().unwrap_or_default()
        })
    };
    Mark {
        spot: Spot::numbered(index as u64),
        anchors: [print(0), print(1), print(2)],
        behind: prints.get(index + 1).copied().unwrap_or_default(),
        key,
    }
}

/// How many rows stand before a gap in a list that was ordered here, and whether its place was lost.
fn seam(rows: &[(Ranked, Found)], gap: &Gap, order: Order) -> (usize, bool) {
    let (mark, after) = match gap {
        Gap::Start => return (0, false),
        Gap::End => return (rows.len(), false),
        Gap::Before(mark) => (mark, false),
        Gap::After(mark) => (mark, true),
    };
    if let Some(SortKey {
        value,
        id: Some(id),
    }) = &mark.key
    {
        let key = Ranked(order, value.clone(), id.clone());
        let stands_before = |(row, _): &(Ranked, Found)| *row < key || (after && *row == key);
        return (rows.partition_point(stands_before), false);
    }
    // Its key was too long to carry.
    let prints: Vec<u32> = rows.iter().map(|(_, found)| found.mark.print()).collect();
    let expected = usize::try_from(mark.spot.ordinal).unwrap_or(usize::MAX);
    match locate(&prints, expected, Traces::of(mark), true) {
        Some(place) => (place.seam(after), place.proof == Proof::Doubtful),
        None => (expected.min(rows.len()), true),
    }
}
