//! Lists whose rows are reached by number: numbered pages and row offsets.
//!
//! A window is read together with the row of its cursor, so that rows which moved are noticed in the same call. What a
//! source says about itself is believed only as far as its answers agree with it.

use super::behind::misled;
use super::drift::SLACK;
use super::key::{Bearing, bearing, find_seam};
use super::list::{Ask, Halt, List};
use super::pages::{ends_before, malformed, plan, read, read_or_past, read_over, sizes, too_deep};
use super::place::{Gap, Mark, NAMELESS, Way};
use super::seek::seek;
use super::strip::{Raw, Strip};
use crate::source::{Paging, TotalKind};
use std::ops::Range;

/// Rows read before the first row of a window that ends at a place, so that the first row can be found again by them.
const BEFORE: u64 = 2;
/// How often the end of a list is looked for again when rows come or go meanwhile.
const END_TRIES: u32 = 3;

/// Opens a strip with the rows around a gap.
pub(super) async fn open(list: &List<'_>, gap: &Gap, ask: Ask) -> Result<Strip, Halt> {
    let rows = u64::from(list.appetite(ask.need.max(1), sizes(list).max));
    match (gap, ask.way) {
        (Gap::Start, Way::Backward) => Ok(Strip {
            at_start: true,
            ..Strip::default()
        }),
        (Gap::End, Way::Forward) => Ok(Strip {
            at_end: true,
            ..Strip::default()
        }),
        (Gap::Start, Way::Forward) => {
            let told = list.plan.total == TotalKind::Exact && !list.plan.total_in_doubt;
            let looks = ask.look && ask.need > 0 && !told;
            let range = cheapest(list, &[0..rows + u64::from(looks), 0..rows]);
            let mut strip = Strip::default();
            read(list, &mut strip, range).await?;
            Ok(strip)
        }
        (Gap::End, Way::Backward) => from_end(list, rows).await,
        (Gap::Before(mark), way) => around(list, mark, false, way, rows).await,
        (Gap::After(mark), way) => around(list, mark, true, way, rows).await,
    }
}

/// Adds rows at the far end of a strip. The row it ends with is read again, so that a shift meanwhile is noticed.
pub(super) async fn extend(list: &List<'_>, strip: &mut Strip, ask: Ask) -> Result<(), Halt> {
    let rows = u64::from(list.appetite(ask.need.max(1), sizes(list).max));
    let (mark, after) = match strip.edge(ask.way, list.order()) {
        Some(Gap::After(mark)) => (mark, true),
        Some(Gap::Before(mark)) => (mark, false),
        _ => return Err(malformed("the source's pages hold no rows").into()),
    };
    let more = around(list, &mark, after, ask.way, rows).await?;
    strip.pages += more.pages;
    strip.total = more.total.or(strip.total);
    strip.distrusted |= more.distrusted;
    strip.drifted |= more.drifted;
    strip.changed |= more.changed;
    strip.refused = more.refused.clone();
    let ended = more.ended(ask.way);
    let mut rows = more.rows;
    let had = strip.rows.len();
    let new = match ask.way {
        Way::Forward => {
            strip.at_end = more.at_end;
            strip.more = more.more;
            strip.append(rows.split_off(more.seam.min(rows.len())))
        }
        Way::Backward => {
            strip.at_start = more.at_start;
            rows.truncate(more.seam);
            strip.prepend(rows)
        }
    };
    let grown = strip.rows.len() > had;
    let refused = ask.way == Way::Forward && strip.refused.is_some();
    if !(ended || new && grown || refused) {
        let error = malformed("the source answers the same rows again");
        return Err(Halt::Contradiction(error));
    }
    Ok(())
}

/// The rows of a window next to the row of a cursor, and that row itself.
async fn around(
    list: &List<'_>,
    mark: &Mark,
    after: bool,
    way: Way,
    rows: u64,
) -> Result<Strip, Halt> {
    let at = mark.spot.ordinal;
    if way == Way::Forward && list.plan.depth.is_some_and(|depth| at + 1 >= depth) {
        return Err(too_deep().into());
    }
    let core = match way {
        Way::Forward => at..at + 1 + rows,
        Way::Backward => at.saturating_sub(rows + BEFORE)..at + 1,
    };
    let slack = |rows: u64| core.start.saturating_sub(rows)..core.end + rows;
    let mut ranges: Vec<Range<u64>> = (1..=SLACK as u64).rev().map(slack).collect();
    ranges.extend([core.start..core.end + 1, core.clone()]);
    let range = cheapest(list, &ranges);
    let mut strip = Strip::default();
    let refused = read_or_past(list, &mut strip, range.clone()).await?;
    let strip = found(list, strip, mark, after, range.start).await?;
    if is_beyond(&strip, mark) && begins_alike(list, &strip).await? {
        return Err(malformed("the source answers another page than asked").into());
    }
    match refused {
        Some((row, error)) if !ends_before(list, &strip, row).await? => Err(error.into()),
        _ => Ok(strip),
    }
}

/// Whether a cursor's place came out behind all rows of the list, and nothing of its row or of those around it is in hand: all of them
/// are gone, or these rows are others than were asked for.
fn is_beyond(strip: &Strip, mark: &Mark) -> bool {
    let known = |raw: &Raw| {
        let print = raw.print;
        print > NAMELESS && (mark.anchors.contains(&print) || mark.behind == print)
    };
    let ahead = strip.rows.first().is_some_and(|raw| raw.spot.ordinal > 0);
    ahead && strip.at_end && strip.seam >= strip.rows.len() && !strip.rows.iter().any(known)
}

/// Whether rows that should stand further behind begin as the list does.
async fn begins_alike(list: &List<'_>, strip: &Strip) -> Result<bool, Halt> {
    let mut head = Strip::default();
    read(list, &mut head, 0..1).await?;
    let print = |strip: &Strip| strip.rows.first().map(|raw| raw.print);
    Ok(print(strip).is_some_and(|first| first > NAMELESS && print(&head) == Some(first)))
}

/// The rows around a cursor's row: those in hand, which were asked for from a place on, or those where it is by now.
async fn found(
    list: &List<'_>,
    mut strip: Strip,
    mark: &Mark,
    after: bool,
    asked: u64,
) -> Result<Strip, Halt> {
    if settle(list, &mut strip, mark, after, false) {
        return Ok(strip);
    }
    if let Some(by) = list.order()
        && let Bearing::Ahead | Bearing::Behind = bearing(&strip, mark, after, by)
    {
        let found = seek(list, &strip, mark, after, by).await?;
        return Ok(found.unwrap_or_else(|| guess(list, strip, mark, after)));
    }
    for side in [Way::Forward, Way::Backward] {
        probe(list, &mut strip, side, asked).await?;
        if settle(list, &mut strip, mark, after, true) {
            return Ok(strip);
        }
    }
    Ok(guess(list, strip, mark, after))
}

/// Puts the seam before the rows that equal the cursor's, or else where counting says; that it is not certain is said.
fn guess(list: &List<'_>, mut strip: Strip, mark: &Mark, after: bool) -> Strip {
    let at = mark.spot.ordinal;
    let index = at.saturating_sub(begin(&strip, at)) + u64::from(after);
    let counted = usize::try_from(index).unwrap_or(usize::MAX);
    strip.seam = match list.order().map(|by| bearing(&strip, mark, after, by)) {
        Some(Bearing::Among(seam)) => seam,
        _ => counted.min(strip.rows.len()),
    };
    strip.drifted = true;
    strip
}

/// Puts the seam. Where the row of the cursor is the first in hand, the cursor knows what stands before it.
fn place(strip: &mut Strip, seam: usize, mark: &Mark, after: bool) {
    let [print, before, before_that] = mark.anchors;
    if seam == usize::from(after)
        && !strip.at_start
        && strip.rows.first().is_some_and(|raw| raw.print == print)
    {
        strip.before = [before, before_that];
    }
    strip.seam = seam;
}

/// Puts the seam where the row of the cursor is, or was; `false` where that is not certain yet.
fn settle(list: &List<'_>, strip: &mut Strip, mark: &Mark, after: bool, sought: bool) -> bool {
    let ordinal = mark.spot.ordinal;
    let expected = ordinal.saturating_sub(begin(strip, ordinal));
    let expected = usize::try_from(expected).unwrap_or(usize::MAX);
    let Some(seam) = find_seam(strip, mark, after, list.order(), (expected, sought)) else {
        return false;
    };
    place(strip, seam, mark, after);
    true
}

fn begin(strip: &Strip, otherwise: u64) -> u64 {
    strip.rows.first().map_or(otherwise, |raw| raw.spot.ordinal)
}

/// One further page on one side of the rows in hand, or of where they were looked for, to look for a row that moved far.
async fn probe(list: &List<'_>, strip: &mut Strip, side: Way, asked: u64) -> Result<(), Halt> {
    let most = u64::from(sizes(list).max);
    let first = begin(strip, asked);
    let end = strip.rows.last().map_or(asked, |raw| raw.spot.ordinal + 1);
    match side {
        Way::Forward if strip.at_end || list.plan.depth.is_some_and(|depth| end >= depth) => Ok(()),
        Way::Forward => {
            // Numbered pages end at multiples of their size: up to such a one it is mostly one page.
            let until = match list.plan.paging {
                Paging::Page(_) => (end + most / 2 + 1).next_multiple_of(most),
                _ => end + most,
            };
            read(list, strip, end..until).await
        }
        Way::Backward if first > 0 => {
            let mut earlier = Strip::default();
            let before = first.saturating_sub((most / 2).max(1))..first;
            read_over(list, &mut earlier, before, strip).await?;
            strip.pages += earlier.pages;
            strip.total = strip.total.or(earlier.total);
            strip.at_start = earlier.at_start;
            // Rows stand where the list was said to have none: its pages are larger than asked.
            let beyond = |raw: &Raw| raw.spot.ordinal >= first;
            if strip.at_end && strip.rows.is_empty() && earlier.rows.iter().any(beyond) {
                return Err(malformed("the source answers another page than asked").into());
            }
            earlier.rows.retain(|raw| raw.spot.ordinal < first);
            strip.prepend(earlier.rows);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The last rows of the list. That needs to know how many there are.
async fn from_end(list: &List<'_>, rows: u64) -> Result<Strip, Halt> {
    if list.plan.total != TotalKind::Exact {
        return to_end(list).await;
    }
    let mut strip = Strip::default();
    let first = rows.min(u64::from(sizes(list).max));
    read(list, &mut strip, 0..first).await?;
    let head: Vec<u32> = strip.rows.iter().map(|raw| raw.print).collect();
    for _ in 0..END_TRIES {
        if strip.at_end {
            strip.seam = strip.rows.len();
            return Ok(strip);
        }
        let Some(total) = strip.total else {
            return to_end(list).await;
        };
        if list.plan.depth.is_some_and(|depth| total > depth) {
            return Err(too_deep().into());
        }
        let pages = strip.pages;
        strip = Strip {
            pages,
            ..Strip::default()
        };
        let range = last_rows(list, total, rows);
        let begin = range.start;
        let past = read_or_past(list, &mut strip, range).await?;
        if past.is_some() || (begin > 0 && strip.rows.is_empty()) {
            // Rows went meanwhile, or the total is wrong: whoever looks once more sees which.
            return Err(misled());
        }
        if is_head(&head, &strip) {
            let error = malformed("the source answers another page than asked");
            return Err(Halt::Contradiction(error));
        }
        if let Some(error) = strip.refused.take() {
            return Err(error.into());
        }
    }
    if strip.at_end {
        strip.seam = strip.rows.len();
        return Ok(strip);
    }
    Err(misled())
}

/// The last rows by a total, and the place behind them where that costs no call: a row there says that the total is too small.
fn last_rows(list: &List<'_>, total: u64, rows: u64) -> Range<u64> {
    let total = total.max(1);
    let begin = total.saturating_sub(rows + BEFORE);
    // A largest page has no place to spare; one row fewer before the window is less of a loss.
    let begin_later = begin + u64::from(begin > 0);
    let ranges = [begin..total + 1, begin_later..total + 1, begin..total];
    cheapest(list, &ranges)
}

/// Whether rows from further behind begin as the list itself does: a named row is the same, and the next one where both have it, as
/// one alone may stand twice.
fn is_head(head: &[u32], strip: &Strip) -> bool {
    let pairs = head.iter().zip(&strip.rows).enumerate();
    let mut named = pairs.filter(|(_, (print, _))| **print > NAMELESS);
    let Some((index, (print, raw))) = named.next() else {
        return false;
    };
    let mut others = named.filter(|(_, (_, raw))| raw.print > NAMELESS);
    let agrees = others
        .next()
        .is_none_or(|(_, (print, raw))| raw.print == *print);
    raw.print == *print && raw.spot.ordinal > index as u64 && agrees
}

/// The whole list, where it is short.
async fn to_end(list: &List<'_>) -> Result<Strip, Halt> {
    let most = u64::from(sizes(list).max);
    let mut strip = Strip::default();
    let mut next = 0;
    while !strip.at_end {
        if strip.pages >= list.limits.rescan_pages {
            return Err(Halt::Backward);
        }
        read(list, &mut strip, next..next + most).await?;
        if let Some(error) = strip.refused.take() {
            return Err(error.into());
        }
        next = strip.rows.last().map_or(next, |raw| raw.spot.ordinal + 1);
    }
    strip.seam = strip.rows.len();
    Ok(strip)
}

/// The first range that takes no more calls than the last one.
fn cheapest(list: &List<'_>, ranges: &[Range<u64>]) -> Range<u64> {
    let calls = |range: &Range<u64>| plan(list, range).len();
    let last = ranges.last().cloned().unwrap_or_default();
    let least = calls(&last);
    let fits = |range: &&Range<u64>| {
        list.plan.depth.is_none_or(|depth| range.end <= depth) && calls(range) <= least
    };
    ranges.iter().find(fits).cloned().unwrap_or(last)
}
