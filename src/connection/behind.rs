//! What stands behind a page that was shorter than asked: the end of its list, or more than its source gives at once.
//!
//! Where nobody may look, the rows in hand stay, and it is said that nobody knows.

use super::list::{Halt, List};
use super::pages::{fetch, is_too_deep, malformed, refuses, sizes, taken, too_deep};
use super::strip::Strip;
use super::window::Span;
use crate::source::{Page, Paging, Row, Sizes, TotalKind};

/// Reads on after a page that was shorter than asked and did not say that it is the last. An empty page confirms the end.
pub(super) async fn past_short_page(
    list: &List<'_>,
    strip: &mut Strip,
    row: u64,
    spans: &[Span],
) -> Result<u64, Halt> {
    if matches!(list.plan.paging, Paging::Offset(_)) {
        let span = rest_of_depth(list, row);
        let Some((span, page)) = confirming(list, strip, row, span).await? else {
            return Ok(row);
        };
        let short = taken(list, strip, span, page).await?;
        return Ok(short.unwrap_or(span.end()));
    }
    if let Some(span) = counted_behind(list, strip, row, spans) {
        look_behind(list, strip, row, span).await?;
        return Ok(row);
    }
    let span = page_behind(list, row, spans);
    let Some((span, page)) = confirming(list, strip, row, span).await? else {
        return Ok(row);
    };
    // A list that has changed is not held against its pages.
    let same = page.total.is_none() || page.total == strip.total;
    if same && !page.past_end && page.rows.iter().any(|row| is_new(strip, row)) {
        return Err(cut());
    }
    taken(list, strip, span, page).await?;
    if strip.at_end { Ok(row) } else { Err(cut()) }
}

/// The rows behind a short page, as many as one call gives and the source lets anybody read.
fn rest_of_depth(list: &List<'_>, row: u64) -> Option<Span> {
    let Sizes { min, max } = sizes(list);
    let left = list.plan.depth.map(|depth| depth.saturating_sub(row));
    let left = left.map_or(max, |left| u32::try_from(left).unwrap_or(max));
    let size = left.min(max);
    (size >= min).then_some(Span { start: row, size })
}

/// The page behind a short one. Where nobody may read that far, the largest page that begins at the row itself.
fn page_behind(list: &List<'_>, row: u64, spans: &[Span]) -> Option<Span> {
    let Sizes { min, max } = sizes(list);
    let size = spans
        .iter()
        .find(|span| span.end() > row)
        .map_or(max, |span| span.size);
    let next = Span {
        start: row - row % u64::from(size) + u64::from(size),
        size,
    };
    let begin = |size: u32| Span { start: row, size };
    let mut at_row = (min..=max)
        .rev()
        .filter(|size| row.is_multiple_of(u64::from(*size)))
        .map(begin);
    match is_within_depth(list, next) {
        true => Some(next),
        false => at_row.find(|span| is_within_depth(list, *span)),
    }
}

/// Whether a page holds no row that the source lets nobody read.
pub(super) fn is_within_depth(list: &List<'_>, span: Span) -> bool {
    list.plan.depth.is_none_or(|depth| span.end() <= depth)
}

/// Reads a page that only says where the list ends. Where nobody may read that far, there is none, and the rows in hand stay.
async fn confirming(
    list: &List<'_>,
    strip: &mut Strip,
    row: u64,
    span: Option<Span>,
) -> Result<Option<(Span, Page)>, Halt> {
    let Some(span) = span else {
        strip.refused = Some(too_deep());
        return Ok(None);
    };
    let counted = strip
        .total
        .filter(|_| list.plan.total == TotalKind::Exact)
        .is_some_and(|total| total > row);
    match fetch(list, span).await {
        Ok(page) => Ok(Some((span, page))),
        Err(error) if is_too_deep(&error) => {
            strip.refused = Some(error);
            Ok(None)
        }
        Err(error) if counted && refuses(&error) => Err(misled()),
        Err(error) => Err(error.into()),
    }
}

/// The source gave fewer rows than its page should have, and has more.
fn cut() -> Halt {
    Halt::Contradiction(malformed("the source's pages are shorter than asked"))
}

/// The source counts rows where it then says that there are none.
pub(super) fn misled() -> Halt {
    let error = malformed("the source's total does not lead to its last row");
    Halt::Contradiction(error)
}

/// Where the rows must stand that a total counts behind a short page: on a page as long as that one was, whether its source
/// counts pages by the size asked for, by its own, or by the lesser of both.
fn counted_behind(list: &List<'_>, strip: &Strip, row: u64, spans: &[Span]) -> Option<Span> {
    let total = strip
        .total
        .filter(|_| list.plan.total == TotalKind::Exact)?;
    let short = spans.iter().find(|span| span.end() > row)?;
    let size = u32::try_from(row.checked_sub(short.start)?).ok()?;
    let askable = size >= sizes(list).min.max(1);
    (total > row && askable).then(|| Span {
        start: row - row % u64::from(size),
        size,
    })
}

/// Looks for rows that a total counts. Where they are there, the pages are cut; else it is the total that is wrong.
async fn look_behind(list: &List<'_>, strip: &mut Strip, row: u64, span: Span) -> Result<(), Halt> {
    let span = Some(span).filter(|span| is_within_depth(list, *span));
    let Some((_, page)) = confirming(list, strip, row, span).await? else {
        return Ok(());
    };
    strip.pages += 1;
    let goes_on = page.more == Some(true) || page.rows.iter().any(|row| is_new(strip, row));
    if goes_on && !page.past_end {
        return Err(cut());
    }
    strip.changed |= page.total.is_some() && page.total != strip.total;
    strip.distrusted = true;
    strip.at_end = true;
    strip.more = false;
    Ok(())
}

/// Whether a row has an id that no row in hand has.
fn is_new(strip: &Strip, row: &Row) -> bool {
    row.customer()
        .is_some_and(|customer| !strip.ids.contains(customer.id.as_str()))
}
