//! Finding a place again by its key in a list whose rows are reached by number, however far it moved.
//!
//! From where the place was expected the steps grow until it is passed, then the stretch is halved: thousands of rows
//! that came or went cost about ten calls, and none where the place is still within the rows of the window.

use super::key::{Bearing, Comparison, bearing};
use super::list::{Halt, List};
use super::pages::{read, sizes, too_deep};
use super::place::Mark;
use super::strip::Strip;

/// How much longer each step is than the one before it.
const GROWTH: u64 = 4;

/// What is known of a place: the rows it stands between.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// Every row before this one stands before the place.
    low: Option<u64>,
    /// Every row from this one on stands after it.
    high: Option<u64>,
    /// How far the next step reaches while one of them is not known.
    step: u64,
}

/// Reads the rows around the place of a row by its key, beginning from rows in hand that are known to lie on one side.
pub(super) async fn seek(
    list: &List<'_>,
    from: &Strip,
    mark: &Mark,
    after: bool,
    by: Comparison,
) -> Result<Option<Strip>, Halt> {
    let most = u64::from(sizes(list).max);
    let mut stretch = Stretch {
        low: None,
        high: None,
        step: most,
    };
    let expected = mark.spot.ordinal;
    let mut side = bearing(from, mark, after, by);
    let (mut begin, mut end) = bounds(from, expected);
    for _ in 0..list.limits.seek_pages {
        match side {
            Bearing::Ahead => stretch.low = Some(end),
            Bearing::Behind => stretch.high = Some(begin),
            Bearing::Here(_) | Bearing::Among(_) | Bearing::Unknown => return Ok(None),
        }
        let at = stretch.next(most);
        if list.plan.depth.is_some_and(|depth| at >= depth) {
            return Err(too_deep().into());
        }
        let narrow = stretch.low.zip(stretch.high).is_some_and(|(low, high)| high <= low + most / 2);
        let range = if narrow {
            at.saturating_sub(1)..stretch.high.unwrap_or(at) + 1
        } else {
            let page = at - at % most;
            page..page + most
        };
        let asked = range.start;
        let mut strip = Strip::default();
        read(list, &mut strip, range).await?;
        side = bearing(&strip, mark, after, by);
        (begin, end) = bounds(&strip, asked);
        let (seam, certain) = match side {
            Bearing::Here(seam) => (seam, true),
            Bearing::Among(seam) => (seam, false),
            _ => continue,
        };
        strip.seam = seam;
        strip.drifted = !certain;
        // What follows is counted against the budget of the window, not this.
        strip.pages = 1;
        return Ok(Some(strip));
    }
    Ok(None)
}

impl Stretch {
    /// The row to look at next.
    fn next(&mut self, most: u64) -> u64 {
        match (self.low, self.high) {
            (Some(low), Some(high)) if high <= low + most / 2 => low,
            (Some(low), Some(high)) => low + (high - low) / 2,
            (Some(low), None) => {
                let at = low + self.step - most;
                self.step = self.step.saturating_mul(GROWTH);
                at
            }
            (None, high) => {
                let at = high.unwrap_or_default().saturating_sub(self.step);
                self.step = self.step.saturating_mul(GROWTH);
                at
            }
        }
    }
}

/// The first row in hand and the row after the last.
fn bounds(strip: &Strip, asked: u64) -> (u64, u64) {
    match (strip.rows.first(), strip.rows.last()) {
        (Some(first), Some(last)) => (first.spot.ordinal, last.spot.ordinal + 1),
        _ => (asked, asked),
    }
}
