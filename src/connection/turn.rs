//! The same list from its end, where the source can turn its order round: the cheapest way back there is.
//!
//! A place that was come by in the reversed list says so, and is read there again.

use super::list::{Ask, Halt, List};
use super::place::{Gap, Way};
use super::run::{Rest, Run};
use crate::source::{Paging, TotalKind};

impl List<'_> {
    /// The same list from its end, where the source can order it so that it is exactly that.
    pub(super) fn turned(&self) -> Option<Self> {
        let plan = self.reversed.clone()?;
        Some(Self {
            reader: self.reader.clone(),
            reversed: Some(self.plan.clone()),
            plan,
            check: self.check.clone(),
            print: !self.print,
            ..*self
        })
    }

    /// A key leads forward whichever way its row was come by.
    pub(super) fn after_key(&self, gap: &Gap, way: Way) -> Option<Gap> {
        match (self.plan.paging, gap, way) {
            (Paging::Keyset { .. }, Gap::After(mark), Way::Forward)
                if mark.spot.reversed && mark.spot.next.is_some() =>
            {
                Some(gap.crossed())
            }
            _ => None,
        }
    }

    /// Whether the reversed list leads there sooner.
    pub(super) fn better_turned(&self, gap: &Gap, way: Way) -> bool {
        let backward = way == Way::Backward;
        match (self.plan.paging, gap) {
            (Paging::None, _) => false,
            (Paging::Page(_) | Paging::Offset(_), Gap::End) => {
                backward && self.plan.total != TotalKind::Exact
            }
            (_, Gap::End) => backward,
            (Paging::Keyset { before: false, .. }, Gap::Before(mark)) => {
                backward && mark.spot.next.is_some()
            }
            _ => false,
        }
    }

    /// Reads this list, which is the reversed one, from a place of either.
    pub(super) async fn read_turned(&self, gap: &Gap, ask: Ask) -> Result<Run, Halt> {
        let way = match ask.way {
            Way::Forward => Way::Backward,
            Way::Backward => Way::Forward,
        };
        let there = if reversal(gap) {
            gap.turned()
        } else {
            gap.crossed().turned()
        };
        let mut run = self.read_straight(&there, Ask { way, ..ask }).await?;
        for found in &mut run.rows {
            found.mark.spot.reversed = true;
        }
        if let Rest::Cut(gap) = run.rest {
            run.rest = Rest::Cut(gap.turned_as(true));
        }
        Ok(run)
    }
}

/// Whether a gap is known by its place in the reversed list.
pub(super) fn reversal(gap: &Gap) -> bool {
    match gap {
        Gap::Start | Gap::End => false,
        Gap::Before(mark) | Gap::After(mark) => mark.spot.reversed,
    }
}
