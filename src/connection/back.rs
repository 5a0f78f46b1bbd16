//! The way back along a chain of pages.
//!
//! In order of preference: the source tells it; a key can be read backwards from; it was learned on the way forward; the
//! list is short enough to be read again from its start. Else it is refused: never a wrong slice.

use super::drift::{Proof, Traces, locate};
use super::key::{Sighting, sight};
use super::list::{Halt, List};
use super::memory::Step;
use super::pages::malformed;
use super::place::{Mark, NAMELESS, Way};
use super::strip::{Raw, Strip};
use super::walk::{count_empty, forward, placed, size};
use crate::source::{Paging, Position, SourceErrorKind};

/// Adds the rows before a strip, at least one page of them.
pub(super) async fn extend(list: &List<'_>, strip: &mut Strip, want: u32) -> Result<(), Halt> {
    let expired = match one_page(list, strip, want).await {
        Ok(true) => return Ok(()),
        Ok(false) => None,
        Err(Halt::Source(error)) if error.kind == SourceErrorKind::CursorExpired => Some(error),
        Err(halt) => return Err(halt),
    };
    match (rescan(list, strip).await, expired) {
        (Err(Halt::Backward), Some(error)) => Err(error.into()),
        (scanned, _) => scanned,
    }
}

/// Looks whether rows stand before a strip, as far as one page tells; `false` where nobody knows the way there.
pub(super) async fn look(list: &List<'_>, strip: &mut Strip) -> bool {
    one_page(list, strip, 1).await.unwrap_or(false)
}

/// Adds the page before a strip, where somebody knows it; `false` where nobody does.
pub(super) async fn one_page(list: &List<'_>, strip: &mut Strip, want: u32) -> Result<bool, Halt> {
    if strip.at_start || strip.first == Some(Position::Start) {
        strip.at_start = true;
        return Ok(true);
    }
    if let Some(key) = first_key(list, strip) {
        before(list, strip, &key, want).await?;
        return Ok(true);
    }
    if let Some(prev) = strip.prev.take() {
        previous(list, strip, prev, want).await?;
        return Ok(true);
    }
    let Some(first) = strip.first.clone() else {
        return Ok(false);
    };
    match list.memory.step_to(list.print, &first) {
        Some(step) => remembered(list, strip, &first, step).await,
        None => Ok(false),
    }
}

/// The rows before a row whose key can be read backwards from.
pub(super) async fn before_key(
    list: &List<'_>,
    strip: &mut Strip,
    mark: &Mark,
    want: u32,
) -> Result<(), Halt> {
    strip.reach = mark.spot.ordinal;
    strip.trail = mark.spot.trail;
    match key_before(list, mark) {
        Some(key) => before(list, strip, &key, want).await,
        None => Err(Halt::Backward),
    }
}

/// The key of a row, where the source can read backwards from it.
pub(super) fn key_before(list: &List<'_>, mark: &Mark) -> Option<Position> {
    match (list.plan.paging, &mark.spot.next) {
        (Paging::Keyset { before: true, .. }, Some(Position::After(key))) => {
            Some(Position::Before(key.clone()))
        }
        _ => None,
    }
}

fn first_key(list: &List<'_>, strip: &Strip) -> Option<Position> {
    if !matches!(list.plan.paging, Paging::Keyset { before: true, .. }) {
        return None;
    }
    let first = &strip.rows.first()?.row;
    first.key().map(|key| Position::Before(key.into()))
}

async fn before(list: &List<'_>, strip: &mut Strip, at: &Position, want: u32) -> Result<(), Halt> {
    let trail = strip.trail.follow(at, Way::Backward)?;
    let size = size(list, want);
    let page = list.reader.page(&list.plan, at, size).await?;
    strip.pages += 1;
    strip.total = page.total.or(strip.total);
    if page.rows.is_empty() {
        strip.at_start = true;
        return Ok(());
    }
    let begin = begin(strip).saturating_sub(page.rows.len() as u64);
    strip.trail = trail;
    prepend(strip, placed(at, begin, trail, size, page.rows, None))
}

fn begin(strip: &Strip) -> u64 {
    strip
        .rows
        .first()
        .map_or(strip.reach, |raw| raw.spot.ordinal)
}

/// The page that the source says stands before. It must be read with one size again, because its end is what is fixed.
async fn previous(list: &List<'_>, strip: &mut Strip, at: Position, want: u32) -> Result<(), Halt> {
    if !strip.visited.insert(at.clone()) {
        return Err(malformed("the source's pages lead in a circle").into());
    }
    let trail = strip.trail.follow(&at, Way::Backward)?;
    // Two rows more, so that the first row wanted can be found again by those before it.
    let size = size(list, want.saturating_add(2));
    let page = list.reader.page(&list.plan, &at, size).await?;
    strip.pages += 1;
    strip.total = page.total.or(strip.total);
    let begin = begin(strip).saturating_sub(page.rows.len() as u64);
    // A page that was read backwards begins elsewhere when it is read with another size, so it is no way on.
    let begins = |strip: &Strip| strip.rows.first().is_some_and(|raw| raw.spot.size == 0);
    let follows = strip.first.as_ref().filter(|_| begins(strip));
    let rows = placed(&at, begin, trail, size, page.rows, follows);
    strip.trail = trail;
    strip.at_start = page.prev.is_none();
    strip.prev = page.prev;
    strip.first = Some(at);
    let empty = rows.is_empty();
    let known = !empty && !strip.prepend(rows);
    let leads_on = strip.prev.is_some();
    Ok(count_empty(list, strip, (known || empty) && leads_on)?)
}

fn prepend(strip: &mut Strip, rows: Vec<Raw>) -> Result<(), Halt> {
    if !strip.prepend(rows) {
        return Err(malformed("the source answers the same rows again").into());
    }
    Ok(())
}

/// The page that led to the first one, read again up to where the strip begins; `false` where it no longer leads there.
async fn remembered(
    list: &List<'_>,
    strip: &mut Strip,
    first: &Position,
    step: Step,
) -> Result<bool, Halt> {
    let mut earlier = Strip {
        next: Some(step.page.clone()),
        reach: step.ordinal,
        at_start: step.page == Position::Start,
        ..Strip::default()
    };
    let mut trail = Some(step.trail);
    while !earlier.at_end && earlier.pages <= list.limits.empty_pages {
        let left = u64::from(step.rows).saturating_sub(earlier.rows.len() as u64);
        let left = match u32::try_from(left) {
            // More rows stand there than did: nobody knows how many.
            Ok(0) | Err(_) => u32::MAX,
            Ok(left) => left,
        };
        forward(list, &mut earlier, left, trail.take()).await?;
        let end = meets(&earlier, strip)
            .or_else(|| (earlier.next.as_ref() == Some(first)).then_some(earlier.rows.len()));
        if let Some(end) = end {
            earlier.rows.truncate(end);
            strip.pages += earlier.pages;
            strip.first = earlier.first;
            strip.prev = earlier.prev;
            strip.at_start = earlier.at_start;
            if earlier.rows.is_empty() {
                return Ok(true);
            }
            // Rows that moved meanwhile are in hand already.
            strip.prepend(earlier.rows);
            strip.changed |= earlier.changed;
            return Ok(true);
        }
    }
    strip.pages += earlier.pages;
    Ok(false)
}

/// Where the rows of a strip begin among earlier ones.
fn meets(earlier: &Strip, strip: &Strip) -> Option<usize> {
    let first = strip.rows.first().filter(|raw| raw.print > NAMELESS)?;
    earlier.rows.iter().position(|raw| raw.print == first.print)
}

/// Everything before a strip, read again from the start of the list, where that is near enough.
async fn rescan(list: &List<'_>, strip: &mut Strip) -> Result<(), Halt> {
    let Some(mark) = strip.mark(0, list.order()) else {
        return Err(Halt::Backward);
    };
    let mut whole = from_start();
    while !whole.at_end && whole.pages < list.limits.rescan_pages {
        forward(list, &mut whole, u32::MAX, None).await?;
        let expected = usize::try_from(mark.spot.ordinal).unwrap_or(usize::MAX);
        let found = locate(&whole.prints(), expected, Traces::of(&mark), true);
        if let Some(place) = found.filter(|place| place.stands && place.proof == Proof::Certain) {
            whole.rows.truncate(place.index);
            strip.pages += whole.pages;
            strip.first = Some(Position::Start);
            strip.at_start = true;
            if !whole.rows.is_empty() {
                prepend(strip, whole.rows)?;
            }
            // The rows in hand were counted from an older state of the list.
            strip.at_start = true;
            return Ok(());
        }
    }
    Err(Halt::Backward)
}

/// Finds a row again whose token the source no longer knows, where that is near enough to the start.
pub(super) async fn recover(
    list: &List<'_>,
    mark: &Mark,
    after: bool,
) -> Result<Option<Strip>, Halt> {
    let mut whole = from_start();
    let expected = usize::try_from(mark.spot.ordinal).unwrap_or(usize::MAX);
    while !whole.at_end && whole.pages < list.limits.rescan_pages {
        forward(list, &mut whole, u32::MAX, None).await?;
        let sighting = sight(&whole, mark, after, list.order(), (expected, false));
        if let Sighting::Here(seam) | Sighting::Perhaps(seam) = sighting {
            whole.seam = seam;
            whole.drifted = matches!(sighting, Sighting::Perhaps(_));
            // What follows is counted against the budget of the window, not this.
            whole.pages = 0;
            return Ok(Some(whole));
        }
    }
    Ok(None)
}

/// Goes on behind a strip whose chain the source no longer knows, along a new one from the start of the list; `false` where
/// its last row is not found near enough.
pub(super) async fn rejoin(list: &List<'_>, strip: &mut Strip) -> Result<bool, Halt> {
    let last = strip.rows.len().checked_sub(1);
    let Some(mark) = last.and_then(|last| strip.mark(last, list.order())) else {
        return Ok(false);
    };
    let Some(mut whole) = recover(list, &mark, true).await? else {
        return Ok(false);
    };
    let rows = whole.rows.split_off(whole.seam);
    strip.drifted |= whole.drifted;
    strip.changed |= whole.changed;
    strip.at_end = whole.at_end;
    strip.more = whole.more;
    strip.next = whole.next;
    strip.reach = whole.reach;
    strip.trail = whole.trail;
    strip.visited = whole.visited;
    if strip.append(rows) {
        Ok(true)
    } else {
        Err(malformed("the source answers the same rows again").into())
    }
}

fn from_start() -> Strip {
    Strip {
        at_start: true,
        next: Some(Position::Start),
        ..Strip::default()
    }
}

/// The whole list, where it is short: the only way to its end.
pub(super) async fn to_end(list: &List<'_>) -> Result<Strip, Halt> {
    let mut whole = from_start();
    while !whole.at_end {
        if whole.pages >= list.limits.rescan_pages {
            return Err(Halt::Backward);
        }
        forward(list, &mut whole, u32::MAX, None).await?;
    }
    whole.seam = whole.rows.len();
    Ok(whole)
}
