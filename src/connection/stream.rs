//! The rows of one merged source that were read and not yet taken. More are read only when they run out.

use super::gathered::Reading;
use super::list::{Halt, List};
use super::place::{Gap, Way};
use super::plan::Listed;
use super::run::{Rest, Run};
use super::strip::Found;
use super::{ReportError, whole};
use crate::model::{Order, OrderKey};
use crate::source::{SourceError, SourceErrorKind};
use std::cmp::Ordering;

/// The rows of one source, in reading order.
pub(super) struct Stream<'a> {
    /// The source.
    pub(super) source: u16,
    /// How it is asked for.
    pub(super) listed: &'a Listed<'a>,
    list: &'a List<'a>,
    way: Way,
    rows: std::vec::IntoIter<(OrderKey, Found)>,
    /// The next row, with what it is ordered by.
    pub(super) next: Option<(OrderKey, Found)>,
    /// What stands beyond the rows in hand.
    pub(super) rest: Rest,
    /// Whether that was made sure of.
    sure: bool,
    /// Where the source stands after the rows taken so far.
    pub(super) gap: Gap,
}

/// What came of reading one source.
pub(super) enum Answer {
    /// Rows.
    Run(Run),
    /// It would have to be read whole, and is too large for that.
    TooLarge(ReportError),
    /// It failed.
    Failed(Halt),
}

impl<'a> Stream<'a> {
    /// A source of which nothing was read yet.
    pub(super) fn new(
        source: u16,
        listed: &'a Listed<'a>,
        list: &'a List<'a>,
        (gap, way): (Gap, Way),
    ) -> Self {
        Self {
            source,
            listed,
            list,
            way,
            rows: Vec::new().into_iter(),
            next: None,
            rest: Rest::More,
            sure: false,
            gap,
        }
    }

    /// Reads rows, at most so many and of them as many as come in one call.
    pub(super) async fn read(&self, most: u32, reading: Reading, order: Order) -> Answer {
        let blind = self.is_blind();
        if blind && self.rows.len() >= self.list.limits.whole_rows as usize {
            let most = self.list.limits.whole_rows;
            return Answer::TooLarge(ReportError::TooLong(most));
        }
        let run = match self.listed.whole {
            false => {
                let look = reading.look && self.list.bite(most) == most;
                let most = if blind {
                    self.list.limits.whole_rows
                } else {
                    most
                };
                let need = self.list.bite(most);
                let edge = self.edge();
                self.list.read(&edge, reading.way, need, look).await
            }
            true => match whole::read(self.list).await {
                Ok(Some(run)) => return Answer::Run(whole::slice(run, &self.gap, reading, order)),
                Ok(None) => {
                    let most = self.list.limits.whole_rows;
                    return Answer::TooLarge(ReportError::TooLong(most));
                }
                Err(Halt::Scan) => return Answer::TooLarge(ReportError::ScanLimit),
                Err(halt) => return Answer::Failed(halt),
            },
        };
        match run {
            Ok(run) if !ordered(&run, order, self.way) => {
                Answer::Failed(Halt::Source(SourceError::new(
                    SourceErrorKind::Malformed,
                    "the source does not order its list as it says",
                )))
            }
            Ok(run) => Answer::Run(run),
            Err(halt) => Answer::Failed(halt),
        }
    }

    /// Takes in what was read.
    pub(super) fn fill(&mut self, run: Run, most: u32, reading: Reading, order: Order) {
        let keyed = |found: Found| (order.field.key(&found.customer), found);
        let had = self
            .next
            .take()
            .into_iter()
            .chain(std::mem::take(&mut self.rows));
        let rows: Vec<_> = had.chain(run.rows.into_iter().map(keyed)).collect();
        self.sure = run.rest == Rest::End
            || self.listed.whole
            || (reading.look && self.list.bite(most) == most);
        self.rest = run.rest;
        self.rows = rows.into_iter();
        self.next = self.rows.next();
    }

    /// Whether its rows ran out although its list goes on, or do not tell where the next one belongs.
    pub(super) fn is_dry(&self) -> bool {
        self.rest == Rest::More && (self.next.is_none() || self.is_blind())
    }

    /// What the next row is merged by; `None` stands before every key. CRMs put rows without a value where they like, so in a list
    /// that the CRM ordered such a row follows the one before it.
    pub(super) fn rank(&self) -> Option<&OrderKey> {
        let (key, _) = self.next.as_ref()?;
        let stays = self.listed.whole || *key != OrderKey::Missing;
        match self.way {
            _ if stays => Some(key),
            Way::Forward => None,
            Way::Backward => self.before_it(),
        }
    }

    /// The key of the first row in hand that has one.
    fn before_it(&self) -> Option<&OrderKey> {
        let keys = self.rows.as_slice().iter().map(|(key, _)| key);
        keys.into_iter().find(|key| **key != OrderKey::Missing)
    }

    /// Whether the rows in hand do not tell which row the next one follows.
    fn is_blind(&self) -> bool {
        let keyless = |(key, _): &(OrderKey, Found)| *key == OrderKey::Missing;
        !self.listed.whole
            && self.way == Way::Backward
            && self.next.as_ref().is_some_and(keyless)
            && self.before_it().is_none()
    }

    /// Where the rows in hand end.
    fn edge(&self) -> Gap {
        let last = self.rows.as_slice().last().or(self.next.as_ref());
        match (last, self.way) {
            (None, _) => self.gap.clone(),
            (Some((_, found)), Way::Forward) => Gap::After(found.mark.clone()),
            (Some((_, found)), Way::Backward) => Gap::Before(found.mark.clone()),
        }
    }

    /// Whether it is not known if a row follows.
    pub(super) fn is_unsure(&self) -> bool {
        self.is_dry() && !self.sure
    }

    /// Where the source stands, for cursors. Before any row was taken that is at its next row, and not at its start or end: what
    /// comes in there later belongs to the other direction.
    pub(super) fn place(&self) -> Gap {
        match (&self.gap, &self.next, self.way) {
            (Gap::Start | Gap::End, Some((_, next)), Way::Forward) => {
                Gap::Before(next.mark.clone())
            }
            (Gap::Start | Gap::End, Some((_, next)), Way::Backward) => {
                Gap::After(next.mark.clone())
            }
            (gap, ..) => gap.clone(),
        }
    }

    /// Takes the next row.
    pub(super) fn take(&mut self) -> Option<Found> {
        let (_, found) = self.next.take()?;
        self.next = self.rows.next();
        self.gap = match self.way {
            Way::Forward => Gap::After(found.mark.clone()),
            Way::Backward => Gap::Before(found.mark.clone()),
        };
        Some(found)
    }
}

/// Whether the rows that have a value stand in the order asked.
fn ordered(run: &Run, order: Order, way: Way) -> bool {
    let keys: Vec<OrderKey> = run
        .rows
        .iter()
        .map(|found| order.field.key(&found.customer))
        .filter(|key| *key != OrderKey::Missing)
        .collect();
    let wrong = match way {
        Way::Forward => Ordering::Greater,
        Way::Backward => Ordering::Less,
    };
    keys.windows(2).all(|pair| match pair {
        [one, other] => order.compare(one, other) != wrong,
        _ => true,
    })
}
