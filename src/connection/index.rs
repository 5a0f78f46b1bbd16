//! Lists whose rows are reached by number: numbered pages and row offsets.
//!
//! A window is read together with the row of its cursor, so that rows which moved are noticed in the same call. What a
//! source says about itself is believed only as far as its answers agree with it.

use super::drift::{Located, SLACK, in_place, locate};
use super::list::{Ask, Halt, List};
use super::place::{Gap, Mark, Spot, Trail, Way};
use super::strip::{Raw, Strip};
use super::window::{self, Span};
use crate::source::{Page, Paging, Position, Sizes, SourceError, SourceErrorKind, TotalKind};
use futures_util::future::try_join_all;
use std::ops::Range;

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
            let looks = ask.look && ask.need > 0 && list.plan.total != TotalKind::Exact;
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
    let (mark, after) = match strip.edge(ask.way) {
        Some(Gap::After(mark)) => (mark, true),
        Some(Gap::Before(mark)) => (mark, false),
        _ => return Err(malformed("the source's pages hold no rows").into()),
    };
    let more = around(list, &mark, after, ask.way, rows).await?;
    strip.pages += more.pages;
    strip.total = more.total.or(strip.total);
    strip.distrusted |= more.distrusted;
    strip.drifted |= more.drifted;
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
    if !(ended || new && grown) {
        return Err(malformed("the source answers the same rows again").into());
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
        Way::Backward => at.saturating_sub(rows)..at + 1,
    };
    let wide = core.start.saturating_sub(SLACK as u64)..core.end + SLACK as u64;
    let range = cheapest(list, &[wide, core.start..core.end + 1, core]);
    let mut strip = Strip::default();
    read(list, &mut strip, range).await?;
    if settle(&mut strip, mark, after) {
        return Ok(strip);
    }
    for side in [Way::Backward, Way::Forward] {
        probe(list, &mut strip, side).await?;
        if settle(&mut strip, mark, after) {
            return Ok(strip);
        }
    }
    strip.drifted = true;
    let index = at.saturating_sub(begin(&strip, at));
    strip.seam = usize::try_from(index + u64::from(after))
        .unwrap_or(usize::MAX)
        .min(strip.rows.len());
    Ok(strip)
}

/// Puts the seam where the row of the cursor is, or was; `false` where nothing of it is in hand.
fn settle(strip: &mut Strip, mark: &Mark, after: bool) -> bool {
    let expected = mark
        .spot
        .ordinal
        .saturating_sub(begin(strip, mark.spot.ordinal));
    let expected = usize::try_from(expected).unwrap_or(usize::MAX);
    let seam = match locate(&strip.prints(), expected, mark.anchors, strip.at_start) {
        Some(Located::At(index)) => index + usize::from(after),
        // Rows inserted before the row may have pushed it out of sight.
        Some(Located::Gone(index)) if strip.at_end || strip.rows.len() - index >= SLACK => index,
        None if in_place(mark, strip.rows.get(expected)) => expected + usize::from(after),
        _ => return false,
    };
    strip.seam = seam;
    true
}

fn begin(strip: &Strip, otherwise: u64) -> u64 {
    strip.rows.first().map_or(otherwise, |raw| raw.spot.ordinal)
}

/// One further page on one side, to look for a row that moved far.
async fn probe(list: &List<'_>, strip: &mut Strip, side: Way) -> Result<(), Halt> {
    let most = u64::from(sizes(list).max);
    let (Some(first), Some(last)) = (strip.rows.first(), strip.rows.last()) else {
        return Ok(());
    };
    let (first, last) = (first.spot.ordinal, last.spot.ordinal);
    match side {
        Way::Forward if !strip.at_end => read(list, strip, last + 1..last + 1 + most).await,
        Way::Backward if first > 0 => {
            let mut earlier = Strip::default();
            read(
                list,
                &mut earlier,
                first.saturating_sub((most / 2).max(1))..first,
            )
            .await?;
            strip.pages += earlier.pages;
            strip.at_start = earlier.at_start;
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
    for _ in 0..END_TRIES {
        if strip.at_end {
            strip.seam = strip.rows.len();
            return Ok(strip);
        }
        let total = strip
            .total
            .ok_or_else(|| malformed("the source leaves its total out"))?;
        let pages = strip.pages;
        strip = Strip {
            pages,
            ..Strip::default()
        };
        read(list, &mut strip, total.saturating_sub(rows)..total.max(1)).await?;
    }
    if strip.at_end {
        strip.seam = strip.rows.len();
        return Ok(strip);
    }
    Err(malformed("the source's total does not lead to its last row").into())
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

fn plan(list: &List<'_>, range: &Range<u64>) -> Vec<Span> {
    let end = list
        .plan
        .depth
        .map_or(range.end, |depth| range.end.min(depth));
    match list.plan.paging {
        Paging::Page(sizes) => window::numbered(range.start, end, sizes),
        _ => window::offsets(range.start, end, sizes(list)),
    }
}

/// The sizes of a page; of other styles, any.
fn sizes(list: &List<'_>) -> Sizes {
    match list.plan.paging {
        Paging::Page(sizes) | Paging::Offset(sizes) => Sizes {
            min: sizes.min.max(1),
            max: sizes.max.max(1),
        },
        _ => Sizes { min: 1, max: 1 },
    }
}

/// Reads a range at the end of a strip, its pages side by side.
async fn read(list: &List<'_>, strip: &mut Strip, range: Range<u64>) -> Result<(), Halt> {
    let spans = plan(list, &range);
    if spans.is_empty() {
        return Err(too_deep().into());
    }
    let pages = try_join_all(spans.iter().map(|span| fetch(list, *span))).await?;
    let mut short = None;
    for (span, page) in spans.iter().zip(pages) {
        short = take(list, strip, *span, page)?;
        if strip.at_end || short.is_some() {
            break;
        }
    }
    let mut reached = short;
    while let Some(row) = reached
        && !strip.at_end
        && row < range.end
    {
        reached = Some(past_short_page(list, strip, row, &spans).await?);
    }
    Ok(())
}

/// Reads on after a page that was shorter than asked and did not say that it is the last. An empty page confirms the end.
async fn past_short_page(
    list: &List<'_>,
    strip: &mut Strip,
    row: u64,
    spans: &[Span],
) -> Result<u64, Halt> {
    if matches!(list.plan.paging, Paging::Offset(_)) {
        let span = Span {
            start: row,
            size: sizes(list).max,
        };
        let page = fetch(list, span).await?;
        return Ok(take(list, strip, span, page)?.unwrap_or(span.end()));
    }
    let size = spans
        .iter()
        .find(|span| span.end() > row)
        .map_or(sizes(list).max, |span| span.size);
    let span = Span {
        start: row - row % u64::from(size) + u64::from(size),
        size,
    };
    let page = fetch(list, span).await?;
    take(list, strip, span, page)?;
    if !strip.at_end {
        return Err(malformed("the source's pages are shorter than asked").into());
    }
    Ok(row)
}

async fn fetch(list: &List<'_>, span: Span) -> Result<Page, SourceError> {
    let at = if span.start == 0 {
        Position::Start
    } else {
        Position::Index(span.start)
    };
    list.reader.page(&list.plan, &at, span.size).await
}

/// Adds one page to a strip. `Some(row)` where the page ended early, before this row, without a word on why.
fn take(
    list: &List<'_>,
    strip: &mut Strip,
    span: Span,
    page: Page,
) -> Result<Option<u64>, SourceError> {
    strip.pages += 1;
    let numbered = matches!(list.plan.paging, Paging::Page(_));
    let exact = page.total.filter(|_| list.plan.total == TotalKind::Exact);
    let past = page.past_end || exact.is_some_and(|total| total <= span.start);
    let rows = if past { Vec::new() } else { page.rows };
    let count = rows.len() as u64;
    let end = span.start + count;
    strip.total = page.total.or(strip.total);
    if numbered && span.start > 0 && count > u64::from(span.size) {
        return Err(malformed("the source's pages are larger than asked"));
    }
    if count > 0 && exact.is_some_and(|total| end > total) {
        return Err(malformed("the source answers more rows than its total"));
    }
    if rows.is_empty() {
        strip.distrusted |= exact.is_some_and(|total| total > span.start);
    }
    let last = rows.is_empty() || page.more == Some(false) || exact == Some(end);
    let next = strip.rows.last().map(|raw| raw.spot.ordinal + 1);
    let had = strip.rows.len();
    let rows = placed(span.start, rows, next);
    if had > 0 && rows.last().is_some_and(|raw| strip.holds(raw)) {
        return repeated(strip, exact, span);
    }
    strip.append(rows);
    strip.at_start |= had == 0 && span.start == 0;
    strip.at_end = last;
    strip.more = page.more == Some(true) || exact.is_some_and(|total| total > end);
    Ok((!last && count < u64::from(span.size)).then_some(end))
}

/// A page that ends with a row which was there before: the last page over again, where no total says that rows remain.
fn repeated(strip: &mut Strip, exact: Option<u64>, span: Span) -> Result<Option<u64>, SourceError> {
    if exact.is_some_and(|total| total > span.start) {
        return Err(malformed("the source answers the same rows again"));
    }
    strip.at_end = true;
    strip.more = false;
    Ok(None)
}

/// The rows of a page with their places, from the row `next` on.
fn placed(start: u64, rows: Vec<crate::source::Row>, next: Option<u64>) -> Vec<Raw> {
    (start..)
        .zip(rows)
        .filter(|(ordinal, _)| next.is_none_or(|next| *ordinal >= next))
        .map(|(ordinal, row)| {
            let spot = Spot {
                page: Position::Start,
                index: 0,
                ordinal,
                next: None,
                trail: Trail::default(),
                size: 0,
                reversed: false,
            };
            Raw::new(row, spot)
        })
        .collect()
}

fn too_deep() -> SourceError {
    SourceError::new(
        SourceErrorKind::DepthLimit,
        "the source lets nobody read further into this list",
    )
}

pub(super) fn malformed(detail: &'static str) -> SourceError {
    SourceError::new(SourceErrorKind::Malformed, detail)
}
