//! Finding a place again by its key in a list whose rows are reached by number, however far it moved.
//!
//! From where the place was expected the steps grow until it is passed, then the stretch is halved: thousands of rows
//! that came or went cost about ten calls, and none where the place is still within the rows of the window.

use super::key::{Bearing, Comparison, bearing, is_empty};
use super::list::{Halt, List};
use super::pages::{read_over, sizes, too_deep};
use super::place::Mark;
use super::strip::Strip;
use std::ops::Range;

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
    /// Where the place is, as seen from rows without a value.
    from_empty: Option<Bearing>,
    /// The largest page.
    most: u64,
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
        from_empty: None,
        most,
    };
    let side = bearing(from, mark, after, by);
    let mut known = stretch.learn(side, from, mark.spot.ordinal, by);
    for _ in 0..list.limits.seek_pages {
        if !known {
            return Ok(None);
        }
        let mut range = stretch.next();
        if let Some(depth) = list.plan.depth
            && range.start >= depth
        {
            if stretch.low.is_some_and(|low| low >= depth) {
                return Err(too_deep().into());
            }
            // The last page that may be read.
            let deepest = depth.saturating_sub(1);
            range.start = deepest - deepest % most;
        }
        let asked = range.start;
        let mut strip = Strip::default();
        read_over(list, &mut strip, range, from).await?;
        let side = bearing(&strip, mark, after, by);
        if let Bearing::Here(seam) | Bearing::Among(seam) = side {
            strip.seam = seam;
            strip.drifted = matches!(side, Bearing::Among(_));
            // What follows is counted against the budget of the window, not this.
            strip.pages = 1;
            return Ok(Some(strip));
        }
        known = stretch.learn(side, &strip, asked, by);
    }
    Ok(None)
}

impl Stretch {
    /// Takes in what rows told; `false` where they told nothing.
    fn learn(&mut self, side: Bearing, rows: &Strip, asked: u64, by: Comparison) -> bool {
        let (begin, end) = bounds(rows, asked);
        let side = match side {
            Bearing::Empty => self.from_empty.unwrap_or(Bearing::Unknown),
            known => known,
        };
        // Rows without a value stand beyond all that have one, on one side of the list only.
        let opposite = match side {
            Bearing::Ahead => {
                self.low = Some(end);
                Bearing::Behind
            }
            Bearing::Behind => {
                self.high = Some(begin);
                Bearing::Ahead
            }
            _ => return false,
        };
        if !rows.rows.is_empty() && self.from_empty.is_none() {
            self.from_empty = Some(if is_empty(rows, by) { side } else { opposite });
        }
        true
    }

    /// The rows to look at next: whole pages, until what is left fits half of one.
    fn next(&mut self) -> Range<u64> {
        let at = match (self.low, self.high) {
            (Some(low), Some(high)) if high <= low + self.most / 2 => {
                return low.saturating_sub(1)..high.max(low) + 1;
            }
            (Some(low), Some(high)) => low + (high - low) / 2,
            (Some(low), None) => low + self.grown() - self.most,
            (None, high) => high.unwrap_or_default().saturating_sub(self.grown()),
        };
        let page = at - at % self.most;
        page..page + self.most
    }

    /// The length of this step; the next one is longer.
    fn grown(&mut self) -> u64 {
        let step = self.step;
        self.step = step.saturating_mul(GROWTH);
        step
    }
}

/// The first row in hand and the row after the last.
fn bounds(strip: &Strip, asked: u64) -> (u64, u64) {
    match (strip.rows.first(), strip.rows.last()) {
        (Some(first), Some(last)) => (first.spot.ordinal, last.spot.ordinal + 1),
        _ => (asked, asked),
    }
}
