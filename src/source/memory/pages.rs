//! The pages of a CRM in memory: which rows stand on one, and where it leads.

use super::{Filtering, Lie, MemorySource, PastEnd, Record, State};
use crate::model::{OrderDirection, OrderKey};
use crate::source::{
    ListPlan, Page, Paging, Position, Row, SourceError, SourceErrorKind, TotalKind, Walk,
};
use std::collections::HashMap;

impl MemorySource {
    /// One page of a list.
    pub(super) fn page(
        &self,
        plan: &ListPlan,
        at: &Position,
        size: u32,
    ) -> Result<Page, SourceError> {
        self.happen();
        let mut state = self.state();
        state.asked.push((at.clone(), size));
        state.check_expiry();
        state.check_failing()?;
        if let Position::Token(token) = at
            && self.shape.lie == Lie::EndlessEmpty
        {
            return Ok(Page {
                next: Some(Position::Token(format!("{token}+").into())),
                ..Page::default()
            });
        }
        let listed = self.listed(&state, plan);
        let size = self.size(size) as usize;
        let cut = self.cut(&state, &listed, at, size)?;
        let rows = listed.live.get(cut.begin..cut.end).unwrap_or_default();
        let mut page = Page {
            rows: rows.iter().map(|(_, record)| self.shown(record)).collect(),
            past_end: cut.past_end,
            total: self.total(listed.live.len()),
            more: self.shape.tells_more.then_some(cut.end < listed.live.len()),
            ..Page::default()
        };
        if let Paging::Token(walk) | Paging::Link(walk) = self.shape.paging {
            self.chain(walk, &state, &listed, cut, at, size, &mut page);
        }
        Ok(page)
    }

    /// The rows that the CRM would list, in the order asked, and where all rows stand that ever were.
    fn listed<'a>(&self, state: &'a State, plan: &ListPlan) -> Listed<'a> {
        let mut all: Vec<&Record> = state.records.iter().collect();
        if let Some(order) = plan.sent {
            let key = |row: &Row| match row.customer().map(|customer| order.field.key(customer)) {
                Some(OrderKey::Id(text)) if self.shape.numeric_ids => {
                    OrderKey::Id(format!("{text:0>20}").into())
                }
                key => key.unwrap_or(OrderKey::Missing),
            };
            let key = |row: &Row| {
                let key = key(row);
                ((key == OrderKey::Missing) != self.shape.missing_first, key)
            };
            all.sort_by_cached_key(|record| key(&record.row));
            if order.direction == OrderDirection::Desc {
                all.reverse();
                if !self.shape.unique_order {
                    all.sort_by_key(|record| std::cmp::Reverse(key(&record.row)));
                }
            }
        }
        let evaluated = self.shape.filtering == Filtering::Evaluated;
        let wanted = |row: &Row| {
            !evaluated
                || row
                    .customer()
                    .is_none_or(|customer| plan.filter.matches(customer, jiff::civil::Date::ZERO))
        };
        let places: HashMap<u64, usize> = all
            .iter()
            .enumerate()
            .map(|(place, record)| (record.serial, place))
            .collect();
        let live = all
            .into_iter()
            .enumerate()
            .filter(|(_, record)| record.live && wanted(&record.row))
            .collect();
        Listed { live, places }
    }

    fn size(&self, asked: u32) -> u32 {
        match (self.shape.lie, self.shape.paging) {
            (Lie::Size(size), _) => size,
            (_, Paging::None) => u32::MAX,
            (_, Paging::Token(walk) | Paging::Link(walk)) if walk.sizes.is_none() => {
                self.shape.own_size
            }
            _ => asked,
        }
    }

    fn total(&self, live: usize) -> Option<u64> {
        let wrong = match self.shape.lie {
            Lie::Total(by) => by,
            _ => 0,
        };
        let said = (live as u64).saturating_add_signed(wrong);
        match self.shape.total {
            TotalKind::None => None,
            TotalKind::Exact => Some(said),
            TotalKind::UpperBound => Some(said + 3),
            TotalKind::Capped(cap) => Some(said.min(cap)),
        }
    }

    /// Which live rows a page holds.
    fn cut(
        &self,
        state: &State,
        listed: &Listed<'_>,
        at: &Position,
        size: usize,
    ) -> Result<Cut, SourceError> {
        let count = listed.live.len();
        let mut past_end = false;
        let (begin, end) = match at {
            Position::Start => (0, size),
            Position::Index(index) => {
                let begin = usize::try_from(*index).unwrap_or(usize::MAX);
                // A CRM that ignores the size counts its pages in its own.
                let begin = match (self.shape.lie, self.shape.paging) {
                    (Lie::Size(_), Paging::Page(_)) => {
                        begin.min(count) / state.last_size().max(1) * size
                    }
                    _ => begin,
                };
                if begin >= count && count > 0 {
                    if self.shape.past_end == PastEnd::Rejected {
                        let error = SourceError::new(SourceErrorKind::Rejected, "no such page");
                        return Err(error.with_status(400));
                    }
                    past_end =
                        matches!(self.shape.past_end, PastEnd::Refused | PastEnd::ClampedTold);
                    match self.shape.past_end {
                        PastEnd::Empty | PastEnd::Refused | PastEnd::Rejected => (count, count),
                        _ => ((count - 1) / size * size, count),
                    }
                } else {
                    (begin, begin.saturating_add(size))
                }
            }
            Position::Token(key) | Position::After(key) => match state.key(key)? {
                Key::After(serial) => {
                    let begin = listed.upto(serial, true);
                    (begin, begin.saturating_add(size))
                }
                Key::Before(serial) => {
                    let end = listed.upto(serial, false);
                    (end.saturating_sub(size), end)
                }
                Key::From(row) => (row, row.saturating_add(size)),
                Key::UpTo(row) => (row.saturating_sub(size), row),
            },
            Position::Before(key) => match state.key(key)? {
                Key::After(serial) | Key::Before(serial) => {
                    let end = listed.upto(serial, false);
                    (end.saturating_sub(size), end)
                }
                Key::From(row) | Key::UpTo(row) => (row.saturating_sub(size), row),
            },
        };
        let reach = self.reach(count, begin, end)?;
        Ok(Cut {
            begin: begin.min(reach),
            end: end.min(reach),
            past_end,
        })
    }

    /// How many rows anybody may read.
    fn reach(&self, count: usize, begin: usize, end: usize) -> Result<usize, SourceError> {
        let depth = self.shape.depth.map(usize::try_from);
        let depth = depth.map(|depth| depth.unwrap_or(usize::MAX));
        let reach = depth.unwrap_or(count).min(count);
        let beyond = self.shape.strict_depth && depth.is_some_and(|depth| end > depth);
        if beyond || (begin >= reach && begin < count) {
            return Err(SourceError::new(
                SourceErrorKind::DepthLimit,
                "nobody may read this deep",
            ));
        }
        Ok(reach)
    }

    /// The row as a page shows it, with its key.
    fn shown(&self, record: &Record) -> Row {
        let key = matches!(self.shape.paging, Paging::Keyset { .. })
            .then(|| Box::from(format!("0:a:{}", record.serial)));
        match record.row.clone() {
            Row::Customer { customer, .. } => Row::Customer { customer, key },
            Row::Gone { customer, .. } => Row::Gone { customer, key },
            Row::Unreadable { reason, .. } => Row::Unreadable { reason, key },
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "everything a link of a chain is made from"
    )]
    fn chain(
        &self,
        walk: Walk,
        state: &State,
        listed: &Listed<'_>,
        cut: Cut,
        at: &Position,
        size: usize,
        page: &mut Page,
    ) {
        let serial = |index: usize| listed.live.get(index).map(|(_, record)| record.serial);
        let token = |side: char, serial: u64| {
            let padding = "x".repeat(self.shape.token_padding);
            let token = format!("{}:{side}:{serial}:{padding}", state.generation);
            Position::Token(token.into())
        };
        let number = |side: char, row: usize| token(side, row as u64);
        let last = cut.end.checked_sub(1).and_then(serial);
        let follows = cut.end < listed.live.len() || (walk.dangling && cut.end > cut.begin);
        page.next = last.filter(|_| follows).map(|last| match walk.anchored {
            true => token('a', last),
            false => number('n', cut.end),
        });
        if walk.prev && cut.begin > 0 {
            page.prev = match walk.anchored {
                true => serial(cut.begin).map(|first| token('b', first)),
                false => Some(number('p', cut.begin)),
            };
        }
        match self.shape.lie {
            Lie::RepeatedToken if *at != Position::Start => page.next = Some(at.clone()),
            Lie::Cycle(pages) if cut.begin >= size * pages as usize => {
                page.next = serial(size - 1).map(|first| token('a', first));
            }
            Lie::BackCycle if walk.prev && cut.begin == 0 => {
                let end = listed.live.last().map(|(_, record)| record.serial + 1);
                page.prev = end.map(|end| token('b', end));
            }
            _ => {}
        }
    }
}

/// The rows a CRM would list, with the place of every row that ever was.
struct Listed<'a> {
    live: Vec<(usize, &'a Record)>,
    places: HashMap<u64, usize>,
}

impl Listed<'_> {
    /// How many live rows stand before the row with this serial, or up to it.
    fn upto(&self, serial: u64, included: bool) -> usize {
        let place = self.places.get(&serial).copied().unwrap_or(usize::MAX);
        self.live
            .partition_point(|(have, _)| *have < place || (included && *have == place))
    }
}

#[derive(Clone, Copy)]
struct Cut {
    begin: usize,
    end: usize,
    past_end: bool,
}

/// What a token or a key stands for.
pub(super) enum Key {
    /// The rows after a row.
    After(u64),
    /// The rows before a row.
    Before(u64),
    /// The rows from this place on.
    From(usize),
    /// The rows before this place.
    UpTo(usize),
}
