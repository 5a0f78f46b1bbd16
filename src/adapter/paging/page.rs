//! Numbered pages: the page's number is the position divided by the size.

use super::{Said, passed_over};
use crate::adapter::faults::malformed;
use crate::adapter::place::Destination;
use crate::adapter::request::{Draft, Unplaceable};
use crate::source::{Page, Position, SourceError};
use serde_json::Value;

/// Asks for the page that begins at a position, which must be a multiple of the size.
pub fn place(
    to: &Destination,
    first: u64,
    at: &Position,
    size: u32,
    draft: &mut Draft<'_>,
) -> Result<(), Unplaceable> {
    draft.put(to, Value::from(number(first, at, size).ok_or(Unplaceable)?))
}

/// Notices an answer that is not the page asked for: another number than asked, or beyond the number of pages. A page that stands
/// by its number of pages and lies past its total is an error. A number of pages that has no room for an exact total says nothing:
/// the rows decide which of the two is wrong.
pub fn read(
    first: u64,
    echo: Option<u64>,
    (pages, exact): (Option<u64>, Option<u64>),
    said: &Said<'_, '_>,
    page: &mut Page,
) -> Result<(), SourceError> {
    let Some(asked) = number(first, said.asked.at, said.asked.size) else {
        return Ok(());
    };
    let size = u64::from(said.asked.size).max(page.rows.len() as u64);
    let holds = |pages: &u64| exact.is_none_or(|total| total <= pages.saturating_mul(size));
    let pages = pages.filter(holds);
    let another = echo.is_some_and(|echo| echo != asked);
    let beyond = pages.is_some_and(|pages| asked - first >= pages) && asked > first;
    if another || beyond {
        passed_over(said.asked.at, page)?;
    }
    let start = (asked - first).saturating_mul(u64::from(said.asked.size));
    if !page.rows.is_empty() && page.total.is_some_and(|total| total <= start) && pages.is_some() {
        return Err(malformed("the CRM counts fewer rows than its pages hold"));
    }
    if page.more.is_none() {
        page.more = pages.map(|pages| asked + 1 - first < pages);
    }
    Ok(())
}

fn number(first: u64, at: &Position, size: u32) -> Option<u64> {
    let size = u64::from(size.max(1));
    match at {
        Position::Start => Some(first),
        Position::Index(index) if index % size == 0 => Some(index / size + first),
        _ => None,
    }
}
