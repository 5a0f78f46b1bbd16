//! Reading the page of a row again, in chains of pages, and finding the row on it, or the place where it was.
//!
//! A page is known by what led to it; rows on it may have come or gone. Nothing is guessed without being said.

use super::back;
use super::drift::SLACK;
use super::key::{Bearing, bearing, find_seam};
use super::list::{Ask, Halt, List};
use super::place::{Mark, Spot, Way};
use super::strip::Strip;
use super::walk::{forward, wanted};
use crate::source::Position;

/// Pages read to find a row again that is not where it was.
const PROBES: u32 = 2;

/// Reads the page of a row again and finds the row on it.
pub(super) async fn again(
    list: &List<'_>,
    strip: &mut Strip,
    mark: &Mark,
    after: bool,
    ask: Ask,
) -> Result<(), Halt> {
    let spot = &mark.spot;
    strip.next = Some(spot.page.clone());
    strip.at_start = spot.page == Position::Start;
    strip.reach = spot.ordinal.saturating_sub(u64::from(spot.index));
    strip.first = Some(spot.page.clone());
    let upto = spot.index.saturating_add(1);
    let size = match (spot.size, ask.way) {
        (0, Way::Forward) => upto.saturating_add(wanted(list, ask)),
        (0, Way::Backward) => upto.saturating_add(SLACK as u32),
        (size, _) => size,
    };
    forward(list, strip, size, Some(spot.trail)).await?;
    // A page that ends at a fixed place has to be read with its size the next time, too.
    for raw in &mut strip.rows {
        raw.spot.size = spot.size;
    }
    let held = strip.rows.len();
    if look_on(list, strip, mark, after, upto.max(ask.need)).await?
        || look_back(list, strip, mark, after).await?
    {
        return Ok(());
    }
    guess(strip, spot, held);
    // What is counted from is a row's number itself.
    strip.drifted |= !list.is_anchored();
    // Counting cannot be right where the order says that the place is elsewhere.
    let toward = toward(list, strip, mark, after);
    strip.drifted |= matches!(toward, Some(Bearing::Ahead | Bearing::Behind));
    Ok(())
}

/// Reads on until a row is found again, or its place; further where what the list is ordered by says that it is ahead.
async fn look_on(
    list: &List<'_>,
    strip: &mut Strip,
    mark: &Mark,
    after: bool,
    want: u32,
) -> Result<bool, Halt> {
    let upto = mark.spot.index as usize + 1;
    let mut probes = 0;
    while !settle(list, strip, mark, after, probes > 0) {
        let short = strip.rows.len() < upto;
        let most = match toward(list, strip, mark, after) {
            Some(Bearing::Ahead) => list.limits.seek_pages,
            Some(Bearing::Behind) => 0,
            _ => PROBES,
        };
        let want = if short { want } else { u32::MAX };
        if strip.at_end || (probes >= most && !short) {
            return Ok(false);
        }
        probes += u32::from(!short);
        forward(list, strip, want, None).await?;
    }
    Ok(true)
}

/// Reads the page before, where the row may have opened its page and the rows before it end that one; more of them where a
/// page is known by the number of its first row; and as many as it takes, where what the list is ordered by says that the place
/// is there.
async fn look_back(
    list: &List<'_>,
    strip: &mut Strip,
    mark: &Mark,
    after: bool,
) -> Result<bool, Halt> {
    let behind = |strip: &Strip| toward(list, strip, mark, after) == Some(Bearing::Behind);
    let mut left = if behind(strip) {
        list.limits.seek_pages
    } else if list.is_anchored() {
        u32::from(mark.spot.index < 2)
    } else {
        PROBES
    };
    while left > 0 && !strip.at_start {
        let want = if behind(strip) {
            u32::MAX
        } else {
            SLACK as u32
        };
        if !back::one_page(list, strip, want).await.unwrap_or(false) {
            break;
        }
        if settle(list, strip, mark, after, true) {
            return Ok(true);
        }
        left -= 1;
    }
    // Rows that went may have pulled it further, where pages are told apart by the numbers of their rows.
    if (behind(strip) || !list.is_anchored())
        && let Some(found) = back::recover(list, mark, after).await?
    {
        *strip = found;
        return Ok(true);
    }
    Ok(false)
}

/// Where the place is, by what the list is ordered by.
fn toward(list: &List<'_>, strip: &Strip, mark: &Mark, after: bool) -> Option<Bearing> {
    list.order().map(|by| bearing(strip, mark, after, by))
}

/// Puts the seam of a row of which nothing is left where counting says. A page that begins at a fixed place is counted
/// from its beginning: of its first three rows none can be left, so nothing is guessed. Others are counted from their end.
fn guess(strip: &mut Strip, spot: &Spot, held: usize) {
    let begin = strip.seam;
    let index = spot.index as usize;
    let on_page = match (spot.size, index) {
        (0, 0..3) => 0,
        (0, _) => index,
        (size, _) => (held + index + 1).saturating_sub(size as usize),
    };
    strip.drifted |= spot.size != 0 || index > 2;
    strip.seam = (begin + on_page).min(strip.rows.len());
}

/// Puts the seam where the row is, or was; `false` where that is not certain yet.
fn settle(list: &List<'_>, strip: &mut Strip, mark: &Mark, after: bool, sought: bool) -> bool {
    // Behind the pages that were read back to.
    let expected = strip.seam + mark.spot.index as usize;
    let found = find_seam(strip, mark, after, list.order(), (expected, sought));
    strip.seam = found.unwrap_or(strip.seam);
    found.is_some()
}
