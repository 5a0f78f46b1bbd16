//! Chains of pages that lead back to where they were, told by what this process remembers of them.
//!
//! A cursor remembers one link of its chain, so it notices a circle only after it went round. What is remembered of earlier
//! windows tells at once; but it may be of another time, so the chain itself is asked for the proof.

use super::list::List;
use super::pages::malformed;
use super::walk::following;
use crate::source::{Position, SourceError};

/// Makes sure that a page does not lead back to one that led to it, before any of its rows is shown. It costs calls only where it
/// seems so.
///
/// # Errors
/// The pages lead in a circle.
pub(super) async fn check(
    list: &List<'_>,
    (at, size): (&Position, u32),
    next: &Position,
    hops: u32,
) -> Result<(), SourceError> {
    if !seems_so(list, at, next, hops) {
        return Ok(());
    }
    let mut page = next.clone();
    for _ in 0..list.limits.rescan_pages {
        let Ok(read) = list.reader.page(&list.plan, &page, size).await else {
            return Ok(());
        };
        match following(list, &read) {
            Some(on) if on == *at => {
                return Err(malformed("the source's pages lead in a circle"));
            }
            Some(on) if on != *next => page = on,
            _ => return Ok(()),
        }
    }
    Ok(())
}

/// Whether the next page is remembered as one of those that led to this one.
fn seems_so(list: &List<'_>, at: &Position, next: &Position, hops: u32) -> bool {
    let step_to = |page: &Position| list.memory.step_to(list.print, page);
    if step_to(next).is_none_or(|step| step.page == *at) {
        return false;
    }
    let mut page = at.clone();
    // A longer one could not be proven.
    for _ in 0..=hops.min(list.limits.rescan_pages) {
        match step_to(&page) {
            Some(step) if step.page == *next => return true,
            Some(step) => page = step.page,
            None => return false,
        }
    }
    false
}
