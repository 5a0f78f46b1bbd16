//! What a list may say of how many rows it has: a number that its rows in hand, or its source's count, prove.

use super::list::List;
use super::strip::{Pick, Raw, Strip, Verdict};
use crate::model::DeletedFilter;
use crate::source::{Row, TotalKind};

impl List<'_> {
    /// The total, where it counts exactly the rows of the connection.
    pub(super) fn total(&self, strip: &Strip, pick: &Pick) -> Option<u64> {
        self.note_gone(strip);
        if strip.changed {
            return None;
        }
        if strip.at_start && strip.at_end {
            // Rows that the source counts and does not list are nobody's to count.
            let listed = strip.rows.len() as u64;
            let counts_more = strip.total.is_some_and(|total| total > listed);
            if counts_more && self.plan.total == TotalKind::Exact {
                return None;
            }
            let count = |count: u64, raw| match self.judge(raw) {
                Verdict::Undecided(_) => None,
                Verdict::Drop => Some(count),
                Verdict::Keep | Verdict::Unreadable(_) => Some(count + 1),
            };
            return strip.rows.iter().try_fold(0, count);
        }
        if self.check.is_some() || pick.dropped > 0 || strip.distrusted || self.leaves_out() {
            return None;
        }
        let total = strip.total.filter(|total| !self.miscounts(strip, *total))?;
        match self.plan.total {
            TotalKind::Exact => Some(total),
            TotalKind::Capped(cap) => (total < cap).then_some(total),
            TotalKind::None | TotalKind::UpperBound => None,
        }
    }

    /// Remembers of a source that it lists deleted rows unasked, where some are in hand.
    fn note_gone(&self, strip: &Strip) {
        let is_gone = |raw: &Raw| matches!(raw.row, Row::Gone { .. });
        if self.deleted == DeletedFilter::Exclude && strip.rows.iter().any(is_gone) {
            let (source, route) = (&self.reader.entry.key, self.plan.route);
            self.memory.note_leaving_out(source, route);
        }
    }

    /// Whether the source's total may count deleted rows that the list leaves out: it was seen to list some.
    fn leaves_out(&self) -> bool {
        let (source, route) = (&self.reader.entry.key, self.plan.route);
        self.deleted == DeletedFilter::Exclude && self.memory.is_leaving_out(source, route)
    }

    /// Whether a total is too small for the rows in hand, or for those that the source says follow: often it counts one page.
    fn miscounts(&self, strip: &Strip, total: u64) -> bool {
        let counted = self.is_counted();
        let held = match (strip.rows.first(), strip.rows.last()) {
            (_, Some(last)) if counted => last.spot.ordinal + 1,
            // In chains rows were counted when their cursor was made: some of those before may be gone, but hardly all.
            (Some(first), _) if first.spot.ordinal > 0 => strip.rows.len() as u64 + 1,
            _ => strip.rows.len() as u64,
        };
        total < held || (total == held && strip.more && !strip.at_end)
    }
}
