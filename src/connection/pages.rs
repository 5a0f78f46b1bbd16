//! Ranges of rows reached by number: which pages are asked for, and how far their answers are believed.
//!
//! A page says something about the end of its list by its size, its total, its word on what follows, and by being the
//! last one over again. Where these contradict each other, the answer is an error, not a guess.

use super::behind::{is_within_depth, past_short_page};
use super::list::{Halt, List};
use super::place::Spot;
use super::strip::{Raw, Strip};
use super::window::{self, Span};
use crate::model::DeletedFilter;
use crate::source::{Page, Paging, Position, Row, Sizes, SourceError, SourceErrorKind, TotalKind};
use futures_util::future::join_all;
use std::ops::Range;

/// The pages that cover a range, as far as the source lets anybody read.
pub(super) fn plan(list: &List<'_>, range: &Range<u64>) -> Vec<Span> {
    let end = list
        .plan
        .depth
        .map_or(range.end, |depth| range.end.min(depth));
    match list.plan.paging {
        Paging::Page(sizes) => {
            let spans = window::numbered(range.start, end, sizes);
            match list.plan.depth {
                Some(depth) if spans.iter().any(|span| span.end() > depth) => {
                    window::numbered_within(range.start, end, sizes, depth).unwrap_or(spans)
                }
                _ => spans,
            }
        }
        _ => {
            // A total that differs tells of a change, too.
            let silent = list.plan.total != TotalKind::Exact;
            window::offsets(range.start, end, sizes(list), silent)
        }
    }
}

/// The sizes of a page; of other styles, any.
pub(super) fn sizes(list: &List<'_>) -> Sizes {
    match list.plan.paging {
        Paging::Page(sizes) | Paging::Offset(sizes) => Sizes {
            min: sizes.min.max(1),
            max: sizes.max.max(1),
        },
        _ => Sizes { min: 1, max: 1 },
    }
}

/// Reads a range at the end of a strip, its pages side by side. What became of a page matters only where the pages before it
/// lead there: many a source refuses a page that lies past its end.
pub(super) async fn read(
    list: &List<'_>,
    strip: &mut Strip,
    range: Range<u64>,
) -> Result<(), Halt> {
    let spans = plan(list, &range);
    if spans.is_empty() {
        return Err(too_deep().into());
    }
    let pages = join_all(spans.iter().map(|span| fetch(list, *span))).await;
    let mut short = None;
    for (span, page) in spans.iter().zip(pages) {
        let page = match page {
            Err(error) if is_too_deep(&error) && !strip.rows.is_empty() => {
                strip.refused = Some(error);
                return Ok(());
            }
            page => page?,
        };
        short = taken(list, strip, *span, page).await?;
        if strip.at_end || short.is_some() {
            break;
        }
    }
    let mut reached = short;
    while let Some(row) = reached
        && !strip.at_end
        && strip.refused.is_none()
        && row < range.end
    {
        reached = Some(past_short_page(list, strip, row, &spans).await?);
    }
    Ok(())
}

/// Reads a range as `read` does. Where its first page is refused, that may be because it lies past the end by now: then there are
/// no rows, and the refusal comes with where that page begins. It is for the caller to see whether the list ends before.
pub(super) async fn read_or_past(
    list: &List<'_>,
    strip: &mut Strip,
    range: Range<u64>,
) -> Result<Option<(u64, SourceError)>, Halt> {
    let begin = plan(list, &range).first().map_or(0, |span| span.start);
    match read(list, strip, range).await {
        Err(Halt::Source(error))
            if begin > 0
                && strip.rows.is_empty()
                && refuses(&error)
                // Else nothing can say where the list ends.
                && list.plan.total == TotalKind::Exact =>
        {
            strip.pages += 1;
            strip.at_end = true;
            Ok(Some((begin, error)))
        }
        read => read.map(|()| None),
    }
}

/// Reads a range as `read_or_past` does, where the list ends before what is refused. What is `in_hand` may tell its total.
pub(super) async fn read_over(
    list: &List<'_>,
    strip: &mut Strip,
    range: Range<u64>,
    in_hand: &Strip,
) -> Result<(), Halt> {
    match read_or_past(list, strip, range).await? {
        Some((row, error)) if !ends_before(list, in_hand, row).await? => Err(error.into()),
        _ => Ok(()),
    }
}

pub(super) fn is_too_deep(error: &SourceError) -> bool {
    error.kind == SourceErrorKind::DepthLimit
}

/// Whether an error is the CRM's word against the page, and not against who asks or what for.
pub(super) fn refuses(error: &SourceError) -> bool {
    let kind = matches!(
        error.kind,
        SourceErrorKind::Rejected | SourceErrorKind::Malformed
    );
    kind && matches!(error.upstream_status, Some(400 | 404 | 416 | 422))
}

/// Whether a list has no rows from this place on, by its total: that of the rows in hand, or else of its first page.
pub(super) async fn ends_before(list: &List<'_>, strip: &Strip, row: u64) -> Result<bool, Halt> {
    let mut first = Strip::default();
    if strip.total.is_none() {
        read(list, &mut first, 0..1).await?;
    }
    Ok(strip
        .total
        .or(first.total)
        .is_some_and(|total| total <= row))
}

pub(super) async fn fetch(list: &List<'_>, span: Span) -> Result<Page, SourceError> {
    let at = if span.start == 0 {
        Position::Start
    } else {
        Position::Index(span.start)
    };
    list.reader.page(&list.plan, &at, span.size).await
}

/// Adds one page to a strip, as `take` does. An empty page ends a list; where its source says that rows follow all the same,
/// one more page, the largest, decides which of the two is wrong.
pub(super) async fn taken(
    list: &List<'_>,
    strip: &mut Strip,
    span: Span,
    page: Page,
) -> Result<Option<u64>, Halt> {
    let hollow = page.rows.is_empty() && page.more == Some(true) && !page.past_end;
    let short = take(list, strip, span, page)?;
    let most = u64::from(sizes(list).max);
    let next = Span {
        start: match list.plan.paging {
            Paging::Page(_) => span.end().next_multiple_of(most),
            _ => span.end(),
        },
        size: sizes(list).max,
    };
    if hollow && is_within_depth(list, next) {
        strip.pages += 1;
        let page = fetch(list, next).await?;
        if !page.rows.is_empty() && !page.past_end {
            return Err(malformed("the source answers an empty page before others").into());
        }
    }
    Ok(short)
}

/// Adds one page to a strip. `Some(row)` where the page ended early, before this row, without a word on why.
fn take(list: &List<'_>, strip: &mut Strip, span: Span, page: Page) -> Result<Option<u64>, Halt> {
    strip.pages += 1;
    let numbered = matches!(list.plan.paging, Paging::Page(_));
    let exact = page.total.filter(|_| list.plan.total == TotalKind::Exact);
    let past = page.past_end || exact.is_some_and(|total| total <= span.start);
    let known = strip.total.filter(|_| list.plan.total == TotalKind::Exact);
    strip.changed |= exact.is_some_and(|total| known.is_some_and(|known| known != total));
    strip.total = page.total.or(strip.total);
    contradiction(list, &page, past, span)?;
    let rows = if past { Vec::new() } else { page.rows };
    let count = rows.len() as u64;
    let end = span.start + count;
    if numbered && span.start > 0 && count > u64::from(span.size) {
        return Err(malformed("the source's pages are larger than asked").into());
    }
    if count > 0 && exact.is_some_and(|total| end > total) {
        return Err(malformed("the source answers more rows than its total").into());
    }
    if rows.is_empty() || page.more == Some(false) {
        strip.distrusted |= exact.is_some_and(|total| total > end);
    }
    let counted_out = exact == Some(end);
    // A total that is the page's own count: its source says itself that pages follow.
    let miscounted = counted_out && page.more == Some(true);
    strip.distrusted |= miscounted;
    let last = rows.is_empty() || page.more == Some(false) || (counted_out && !miscounted);
    let (next, rows) = joined(strip, span.start, rows);
    let had = strip.rows.len();
    let rows = placed(next, rows);
    if is_again(strip, &rows, count >= u64::from(span.size)) {
        let goes_on = page.more == Some(true) || exact.is_some_and(|total| total > span.start);
        return repeated(strip, goes_on);
    }
    strip.changed |= had > 0 && rows.iter().any(|raw| strip.holds(raw));
    strip.append(rows);
    strip.at_start |= had == 0 && span.start == 0;
    strip.at_end = last;
    strip.more = page.more == Some(true) || exact.is_some_and(|total| total > end);
    Ok((!last && count < u64::from(span.size)).then_some(end))
}

/// Whether a page has rows and a total of none: who is there would seem to be gone. Deleted ones may be left out of a total, where
/// nobody asks for them.
pub(super) fn counts_nobody(list: &List<'_>, page: &Page) -> bool {
    let leaves_out = list.deleted == DeletedFilter::Exclude;
    let there = |row: &Row| !(leaves_out && matches!(row, Row::Gone { .. }));
    page.total == Some(0) && page.rows.iter().any(there)
}

/// What a source says of its list and what it answers cannot both be so.
fn contradiction(list: &List<'_>, page: &Page, past: bool, span: Span) -> Result<(), SourceError> {
    let exact = page.total.filter(|_| list.plan.total == TotalKind::Exact);
    let goes_on = page.more == Some(true) || exact.is_some_and(|total| total > span.start);
    if page.past_end && goes_on {
        return Err(malformed("the source answers another page than asked"));
    }
    if past && !page.past_end && page.more == Some(true) {
        return Err(malformed("the source answers more rows than its total"));
    }
    if span.start == 0 && exact.is_some() && counts_nobody(list, page) {
        return Err(malformed("the source answers more rows than its total"));
    }
    if span.start == 0 && page.rows.is_empty() && exact.is_some_and(|total| total > 0) {
        return Err(malformed("the source's pages hold no rows"));
    }
    Ok(())
}

/// Whether a page is one over again that a source shows where there is none: its last one, which ends as the rows in hand do, or any
/// other that is full, whose rows stand there in one piece as far as they are in hand. A row in hand among others that are new has
/// moved.
fn is_again(strip: &Strip, rows: &[Raw], is_full: bool) -> bool {
    if !rows.last().is_some_and(|raw| strip.holds(raw)) {
        return false;
    }
    let alike = |(one, other): (&Raw, &Raw)| one.print == other.print;
    if rows.iter().rev().zip(strip.rows.iter().rev()).all(alike) {
        return true;
    }
    let first = rows.iter().position(|raw| strip.holds(raw)).unwrap_or(0);
    let (before, held) = rows.split_at(first);
    let begins = strip
        .rows
        .iter()
        .position(|raw| held.first().is_some_and(|held| held.print == raw.print));
    let (_, there) = strip.rows.split_at(begins.unwrap_or(strip.rows.len()));
    let in_one_piece = held.len() <= there.len() && held.iter().zip(there).all(alike);
    // Rows before the first one in hand may be new to us, though not to the list.
    let sooner = begins == Some(0)
        && held.len() > 1
        && strip.rows.first().is_some_and(|raw| raw.spot.ordinal > 0);
    is_full && in_one_piece && (before.is_empty() || sooner)
}

/// A page over again: the list is at its end, where the source does not say that rows remain.
fn repeated(strip: &mut Strip, goes_on: bool) -> Result<Option<u64>, Halt> {
    if goes_on {
        let error = malformed("the source answers the same rows again");
        return Err(Halt::Contradiction(error));
    }
    strip.at_end = true;
    strip.more = false;
    Ok(None)
}

/// The rows of a page that are not in hand, and the place of the first of them. The last row in hand comes with them where it fits;
/// another one in its place says that the list changed.
fn joined(strip: &mut Strip, start: u64, mut rows: Vec<Row>) -> (u64, Vec<Row>) {
    let Some(last) = strip.rows.last() else {
        return (start, rows);
    };
    let next = last.spot.ordinal + 1;
    let Some(had) = next.checked_sub(start).filter(|had| *had > 0) else {
        return (start, rows);
    };
    let had = usize::try_from(had).unwrap_or(usize::MAX).min(rows.len());
    let fresh = rows.split_off(had);
    let again = rows.pop().map(|row| Raw::new(row, last.spot.clone()));
    strip.changed |= again.is_some_and(|again| again.print != last.print);
    (next, fresh)
}

/// Rows with their places.
fn placed(start: u64, rows: Vec<Row>) -> Vec<Raw> {
    (start..)
        .zip(rows)
        .map(|(ordinal, row)| Raw::new(row, Spot::numbered(ordinal)))
        .collect()
}

/// The source lets nobody read further.
pub(super) fn too_deep() -> SourceError {
    SourceError::new(
        SourceErrorKind::DepthLimit,
        "the source lets nobody read further into this list",
    )
}

/// The source answered something that contradicts itself.
pub(super) fn malformed(detail: &'static str) -> SourceError {
    SourceError::new(SourceErrorKind::Malformed, detail)
}
