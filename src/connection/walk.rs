//! Lists that are chains of pages, read forwards: tokens, links, keys, and lists that are one page.
//!
//! A link is followed once. A chain that repeats itself, runs in a circle or leads from empty page to empty page ends in
//! an error after a bounded number of calls. The way back stands in `back`, finding a row on its page again in `again`.

use super::again::again;
use super::list::{Ask, Halt, List};
use super::memory::Step;
use super::pages::{counts_nobody, malformed, too_deep};
use super::place::{Gap, Mark, NAMELESS, Spot, Trail, Way};
use super::strip::{Raw, Strip};
use super::{back, circle};
use crate::source::{Page, Paging, Position, Row, SourceError, SourceErrorKind, TotalKind};

/// Opens a strip at a gap. Where the source, or this process, no longer knows the way there, the list is read again from
/// its start, as far as it may be.
pub(super) async fn open_or_recover(list: &List<'_>, gap: &Gap, ask: Ask) -> Result<Strip, Halt> {
    let (Gap::Before(mark) | Gap::After(mark)) = gap else {
        return open(list, gap, ask).await;
    };
    let after = matches!(gap, Gap::After(_));
    let resumes = after && ask.way == Way::Forward && resumes(list, mark);
    let error = if mark.spot.lost && !resumes {
        expired()
    } else {
        match open(list, gap, ask).await {
            Err(Halt::Source(error)) if error.kind == SourceErrorKind::CursorExpired => error,
            opened => return opened,
        }
    };
    let found = back::recover(list, mark, after).await?;
    found.ok_or(Halt::Source(error))
}

/// Adds rows at the far end of a strip, if need be by reading the list again from its start.
pub(super) async fn extend_or_recover(
    list: &List<'_>,
    strip: &mut Strip,
    ask: Ask,
) -> Result<(), Halt> {
    let (refused, had) = (strip.next.clone(), strip.rows.len());
    match (extend(list, strip, ask).await, ask.way) {
        (Err(Halt::Source(error)), Way::Forward)
            if error.kind == SourceErrorKind::CursorExpired =>
        {
            // A new way that leads to what was refused leads nowhere.
            let rejoined = back::rejoin(list, strip).await?;
            if rejoined && (strip.rows.len() > had || strip.next != refused) {
                Ok(())
            } else {
                Err(error.into())
            }
        }
        (extended, _) => extended,
    }
}

fn expired() -> SourceError {
    SourceError::new(
        SourceErrorKind::CursorExpired,
        "the place in the source's pages is no longer remembered",
    )
}

/// Opens a strip with the rows after, or before, a gap.
async fn open(list: &List<'_>, gap: &Gap, ask: Ask) -> Result<Strip, Halt> {
    let mut strip = Strip::default();
    match (gap, ask.way) {
        (Gap::Start, Way::Backward) => strip.at_start = true,
        (Gap::End, Way::Forward) => strip.at_end = true,
        (Gap::Start, Way::Forward) => {
            strip.at_start = true;
            strip.next = Some(Position::Start);
            forward(list, &mut strip, wanted(list, ask), None).await?;
        }
        (Gap::End, Way::Backward) => strip = back::to_end(list).await?,
        (Gap::After(mark), Way::Forward) if resumes(list, mark) => {
            strip = resume(mark);
            forward(list, &mut strip, wanted(list, ask), None).await?;
            skip_seen(&mut strip, mark);
        }
        (Gap::Before(mark), Way::Backward) if back::key_before(list, mark).is_some() => {
            back::before_key(list, &mut strip, mark, wanted(list, ask)).await?;
        }
        (Gap::After(mark), way) => again(list, &mut strip, mark, true, Ask { way, ..ask }).await?,
        (Gap::Before(mark), way) => {
            again(list, &mut strip, mark, false, Ask { way, ..ask }).await?;
        }
    }
    Ok(strip)
}

/// Whether the list goes on behind a row without a look at its page. What leads on may be the number of a row, which stands
/// for another one by now; it is used all the same where the way to the page itself is forgotten.
fn resumes(list: &List<'_>, mark: &Mark) -> bool {
    mark.spot.next.is_some() && (list.is_anchored() || mark.spot.lost)
}

/// Adds rows at the far end of a strip.
async fn extend(list: &List<'_>, strip: &mut Strip, ask: Ask) -> Result<(), Halt> {
    match ask.way {
        Way::Forward => Ok(forward(list, strip, wanted(list, ask), None).await?),
        Way::Backward => back::extend(list, strip, ask.need).await,
    }
}

/// How many rows the next page should hold.
pub(super) fn wanted(list: &List<'_>, ask: Ask) -> u32 {
    let looks = matches!(list.plan.paging, Paging::Keyset { .. }) && ask.look && ask.need > 0;
    ask.need.max(1).saturating_add(u32::from(looks))
}

/// A strip that begins right after a row, without reading that row again.
fn resume(mark: &Mark) -> Strip {
    let [row, before, _] = mark.anchors;
    Strip {
        before: [row, before],
        next: mark.spot.next.clone(),
        trail: mark.spot.trail,
        reach: mark.spot.ordinal + 1,
        ..Strip::default()
    }
}

/// Rows that came in ahead push those that were shown onto the next page, where a source's tokens are numbers of rows. The
/// rows before the last one shown come along with it; where others stand before it, it was changed and has moved by itself.
fn skip_seen(strip: &mut Strip, mark: &Mark) {
    let rows = &strip.rows;
    let is = |raw: Option<&Raw>, print: u32| raw.is_some_and(|raw| raw.print == print);
    let at = rows
        .iter()
        .position(|raw| raw.print > NAMELESS && raw.print == mark.print());
    let came_along = |at: usize| {
        let before = (1..mark.anchors.len()).take(at);
        before
            .filter_map(|back| Some((at - back, *mark.anchors.get(back)?)))
            .all(|(index, print)| is(rows.get(index), print))
    };
    strip.seam = at.filter(|at| came_along(*at)).map_or(0, |at| at + 1);
}

/// Reads the next page of the chain. `trail` where the way to that page is known already.
pub(super) async fn forward(
    list: &List<'_>,
    strip: &mut Strip,
    want: u32,
    trail: Option<Trail>,
) -> Result<(), SourceError> {
    let Some(at) = strip.next.take() else {
        strip.at_end = true;
        return Ok(());
    };
    if list.plan.depth.is_some_and(|depth| strip.reach >= depth) {
        return Err(too_deep());
    }
    let trail = match trail {
        Some(trail) => trail,
        None if at == Position::Start => Trail::default(),
        None => strip.trail.follow(&at, Way::Forward)?,
    };
    if !strip.visited.insert(at.clone()) {
        return Err(malformed("the source's pages lead in a circle"));
    }
    let size = reachable(list, strip.reach, size(list, want), trail);
    let page = asked(list, &at, size).await?;
    strip.pages += 1;
    let next = onward(list, strip, &page, (&at, size), trail).await?;
    if next.is_none() && breaks_off(list, &page, size) {
        return Err(malformed(
            "the source says that rows follow, and no way to them",
        ));
    }
    strip.trail = trail;
    strip.first.get_or_insert_with(|| at.clone());
    if strip.rows.is_empty() && strip.prev.is_none() {
        strip.prev.clone_from(&page.prev);
    }
    strip.total = page.total.or(strip.total);
    strip.more = follows(list, &page, next.as_ref());
    strip.at_end = next.is_none();
    let begin = strip.reach;
    // A key that another row has leads back to before the last one.
    let keyed = matches!(list.plan.paging, Paging::Keyset { .. }) && page.next.is_none();
    let onward = next.as_ref().filter(|_| !keyed);
    let rows = placed(&at, begin, trail, 0, page.rows, onward);
    if let Some(next) = &next {
        let rows = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        list.memory.remember(
            list.print,
            next,
            Step {
                page: at,
                rows,
                ordinal: begin,
                trail,
            },
        );
    }
    strip.next = next;
    let full = strip.rows.is_empty() && rows.len() as u64 >= u64::from(size);
    add(list, strip, rows)?;
    ends_early(list, strip, full)
}

/// One page of a chain. A later one that counts nobody counts otherwise than the first, or not at all.
async fn asked(list: &List<'_>, at: &Position, size: u32) -> Result<Page, SourceError> {
    let mut page = list.reader.page(&list.plan, at, size).await?;
    if *at != Position::Start {
        page.total = page.total.filter(|total| *total > 0);
    } else if list.plan.total == TotalKind::Exact && counts_nobody(list, &page) {
        return Err(malformed("the source answers more rows than its total"));
    }
    Ok(page)
}

/// Where a page leads that was asked for at a place and with a size: to none that was read before.
async fn onward(
    list: &List<'_>,
    strip: &Strip,
    page: &Page,
    asked: (&Position, u32),
    trail: Trail,
) -> Result<Option<Position>, SourceError> {
    let Some(next) = following(list, page) else {
        return Ok(None);
    };
    if strip.visited.contains(&next) {
        return Err(malformed("the source's pages lead in a circle"));
    }
    circle::check(list, asked, &next, trail.hops).await?;
    Ok(Some(next))
}

/// Adds the rows of a page. One that holds nothing but rows which are in hand, as a list in the order of change may end with, is as
/// good as empty.
fn add(list: &List<'_>, strip: &mut Strip, rows: Vec<Raw>) -> Result<(), SourceError> {
    let (count, leads_on) = (rows.len(), strip.next.is_some());
    strip.reach += count as u64;
    let known = !strip.append(rows);
    count_empty(list, strip, (known || count == 0) && leads_on).map_err(|error| match known {
        true => malformed("the source answers the same rows again"),
        false => error,
    })
}

/// Whether a list that was read from its start ends before its own total. Where that is behind one full page, what leads on was
/// not found; a shorter one, or several, say only that rows came or went, or that the total counts others too.
fn ends_early(list: &List<'_>, strip: &mut Strip, full: bool) -> Result<(), SourceError> {
    let read = strip.rows.len() as u64;
    let left = strip.total.is_some_and(|total| total > read);
    let reaches = list.plan.depth.is_none_or(|depth| read < depth);
    let counted = strip.at_start && strip.at_end && list.plan.total == TotalKind::Exact;
    if !(left && counted && reaches) {
        return Ok(());
    }
    if full {
        return Err(malformed("the source's list ends before its own total"));
    }
    strip.changed = true;
    Ok(())
}

/// Counts pages in a row that are empty, or as good as that.
pub(super) fn count_empty(
    list: &List<'_>,
    strip: &mut Strip,
    empty: bool,
) -> Result<(), SourceError> {
    strip.empties = if empty { strip.empties + 1 } else { 0 };
    if strip.empties > list.limits.empty_pages {
        return Err(malformed(
            "the source answers empty pages that lead on and on",
        ));
    }
    Ok(())
}

/// Where the chain goes on. A source's word that nothing follows ends it; its word that something does never revives it.
pub(super) fn following(list: &List<'_>, page: &Page) -> Option<Position> {
    if page.more == Some(false) || page.past_end {
        return None;
    }
    match list.plan.paging {
        Paging::Token(_) | Paging::Link(_) => page.next.clone(),
        Paging::Keyset { .. } => page.next.clone().or_else(|| last_key(&page.rows)),
        Paging::None | Paging::Page(_) | Paging::Offset(_) => None,
    }
}

/// Whether a list read by keys goes on, although nothing leads on: the source says so, or a full page holds no key.
fn breaks_off(list: &List<'_>, page: &Page, size: u32) -> bool {
    let keyed = matches!(list.plan.paging, Paging::Keyset { .. });
    let full = size > 0 && page.rows.len() >= size as usize && page.more != Some(false);
    keyed && !page.past_end && (page.more == Some(true) || full)
}

/// Whether it is certain that rows follow a page.
fn follows(list: &List<'_>, page: &Page, next: Option<&Position>) -> bool {
    let dangling = match list.plan.paging {
        Paging::Token(walk) | Paging::Link(walk) => walk.dangling,
        _ => true,
    };
    next.is_some() && (!dangling || page.more == Some(true))
}

fn last_key(rows: &[Row]) -> Option<Position> {
    rows.iter()
        .rev()
        .find_map(Row::key)
        .map(|key| Position::After(key.into()))
}

/// The page size to ask for so many rows.
pub(super) fn size(list: &List<'_>, want: u32) -> u32 {
    let (sizes, locked) = match list.plan.paging {
        Paging::Token(walk) | Paging::Link(walk) => (walk.sizes, walk.size_locked),
        Paging::Keyset { sizes, .. } => (Some(sizes), false),
        Paging::None | Paging::Page(_) | Paging::Offset(_) => (None, false),
    };
    match sizes {
        // A chain keeps its size, and nobody knows what the next window wants.
        Some(sizes) if locked => sizes.max,
        Some(sizes) => list
            .appetite(want, sizes.max)
            .clamp(sizes.min.max(1), sizes.max.max(1)),
        None => want.max(1),
    }
}

/// A page size, as far as the source lets anybody reach from a row on: many refuse a page that would reach further, however few
/// rows there are. A chain that keeps its size, and a page that is known by its end, are asked for as they are.
fn reachable(list: &List<'_>, from: u64, size: u32, trail: Trail) -> u32 {
    let least = match list.plan.paging {
        Paging::Token(walk) | Paging::Link(walk) if !walk.size_locked => walk.sizes,
        Paging::Keyset { sizes, .. } => Some(sizes),
        _ => None,
    };
    let (Some(sizes), Some(depth), false) = (least, list.plan.depth, trail.backward) else {
        return size;
    };
    let left = u32::try_from(depth.saturating_sub(from)).unwrap_or(u32::MAX);
    if left < sizes.min {
        size
    } else {
        size.min(left)
    }
}

/// The rows of a page with their places. `size` is 0 where the page can be read again with any size.
pub(super) fn placed(
    at: &Position,
    begin: u64,
    trail: Trail,
    size: u32,
    rows: Vec<Row>,
    next: Option<&Position>,
) -> Vec<Raw> {
    let last = rows.len().saturating_sub(1);
    rows.into_iter()
        .zip(0u32..)
        .map(|(row, index)| {
            let own = row.key().map(|key| Position::After(key.into()));
            let spot = Spot {
                page: at.clone(),
                index,
                ordinal: begin + u64::from(index),
                next: own.or_else(|| next.filter(|_| index as usize == last).cloned()),
                trail,
                size,
                reversed: false,
                lost: false,
            };
            Raw::new(row, spot)
        })
        .collect()
}
