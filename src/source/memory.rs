//! A source that lives in memory: every paging style, every honest and every dishonest habit of a CRM, on demand.
//!
//! It stands in for a CRM in tests and benches of everything above the sources. It speaks no HTTP and reads no file.
//! A token or key names the row it stands after, so it stays true when other rows come and go, as real ones do.

use super::{
    Call, CustomerRef, CustomerSource, ListPlan, Page, Paging, Position, Row, SourceError,
    SourceErrorKind, TotalKind, Unsupported, WriteProblem, Written,
};
use crate::model::{
    Capabilities, Change, CustomerOrderField, Filter, LocalId, Order, OrderDirection, OrderKey,
    PagingStyle, WriteOutcome,
};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a CRM answers to a page past the end of its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PastEnd {
    /// An empty page.
    Empty,
    /// An error that its adapter knows to mean the end.
    Refused,
    /// The last page again; its adapter notices.
    ClampedTold,
    /// The last page again; nobody notices.
    ClampedSilently,
}

/// What a CRM does with filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filtering {
    /// It evaluates them.
    Evaluated,
    /// It ignores them, and its adapter says that the rows must be checked.
    Residual,
    /// It has none.
    Refused,
}

/// One way of not telling the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// None.
    Honest,
    /// Every page leads to itself.
    RepeatedToken,
    /// The page after this many pages leads back to the first token.
    Cycle(u32),
    /// After the first page there are only empty pages, each leading on.
    EndlessEmpty,
    /// The total is wrong by this many.
    Total(i64),
    /// Pages have this size, whatever was asked.
    Size(u32),
}

/// How the CRM behaves.
#[derive(Clone, Debug)]
pub struct Shape {
    /// How it pages.
    pub paging: Paging,
    /// What its totals mean.
    pub total: TotalKind,
    /// What stands past the end.
    pub past_end: PastEnd,
    /// Whether it says if more rows follow.
    pub tells_more: bool,
    /// The page size, where the CRM decides it.
    pub own_size: u32,
    /// The orders it serves.
    pub orders: Vec<CustomerOrderField>,
    /// Whether equal values have a fixed order that turns around with the direction.
    pub unique_order: bool,
    /// What it does with filters.
    pub filtering: Filtering,
    /// How deep it lets anybody reach.
    pub depth: Option<u64>,
    /// The revision of its adapter.
    pub revision: u64,
    /// How it lies.
    pub lie: Lie,
}

impl Shape {
    /// An honest CRM of this style that evaluates filters and knows no orders.
    pub fn new(paging: Paging) -> Self {
        Self {
            paging,
            total: TotalKind::None,
            past_end: PastEnd::Empty,
            tells_more: false,
            own_size: 20,
            orders: Vec::new(),
            unique_order: false,
            filtering: Filtering::Evaluated,
            depth: None,
            revision: 1,
            lie: Lie::Honest,
        }
    }
}

/// One record, or the place where one was: a deleted record keeps its place, so that keys after it stay true.
#[derive(Clone, Debug)]
struct Record {
    serial: u64,
    row: Row,
    live: bool,
}

#[derive(Debug, Default)]
struct State {
    records: Vec<Record>,
    serial: u64,
    asked: Vec<(Position, u32)>,
    failing: Option<SourceErrorKind>,
    fails_after: Option<u32>,
    generation: u32,
}

/// A CRM in memory.
pub struct MemorySource {
    capabilities: Capabilities,
    shape: Shape,
    state: Mutex<State>,
}

impl MemorySource {
    /// A CRM that holds these rows, in this order. Keys in the rows are replaced by its own.
    pub fn new(shape: Shape, rows: impl IntoIterator<Item = Row>) -> Self {
        let source = Self {
            capabilities: capabilities(&shape),
            shape,
            state: Mutex::new(State::default()),
        };
        for row in rows {
            source.insert(usize::MAX, row);
        }
        source
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a row before the live row with this index, or last.
    pub fn insert(&self, index: usize, row: Row) {
        let mut state = self.state();
        state.serial += 1;
        let record = Record {
            serial: state.serial,
            row,
            live: true,
        };
        let place = state.place(index);
        state.records.insert(place, record);
    }

    /// Deletes the live row with this index.
    pub fn delete(&self, index: usize) {
        let mut state = self.state();
        let place = state.place(index);
        if let Some(record) = state.records.get_mut(place) {
            record.live = false;
        }
    }

    /// Replaces the live row with this index where it stands.
    pub fn update(&self, index: usize, row: Row) {
        let mut state = self.state();
        let place = state.place(index);
        if let Some(record) = state.records.get_mut(place) {
            record.row = row;
        }
    }

    /// The live rows in their own order.
    pub fn rows(&self) -> Vec<Row> {
        let state = self.state();
        let live = state.records.iter().filter(|record| record.live);
        live.map(|record| record.row.clone()).collect()
    }

    /// Every list call from now on fails like this, or no longer fails.
    pub fn set_failing(&self, kind: Option<SourceErrorKind>) {
        self.state().failing = kind;
    }

    /// Lists fail from the call after this many, counted from now.
    pub fn fail_after(&self, calls: u32, kind: SourceErrorKind) {
        let mut state = self.state();
        state.fails_after = Some(calls);
        state.failing = Some(kind);
    }

    /// Every token given so far is no longer known.
    pub fn expire_tokens(&self) {
        self.state().generation += 1;
    }

    /// The list calls since the last look, and forgets them.
    pub fn take_asked(&self) -> Vec<(Position, u32)> {
        std::mem::take(&mut self.state().asked)
    }

    fn page(&self, plan: &ListPlan, at: &Position, size: u32) -> Result<Page, SourceError> {
        let mut state = self.state();
        state.asked.push((at.clone(), size));
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
        if let Some(order) = plan.order {
            let key = |row: &Row| {
                customer(row).map_or(OrderKey::Missing, |customer| order.field.key(customer))
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
                || customer(row)
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
                    past_end =
                        matches!(self.shape.past_end, PastEnd::Refused | PastEnd::ClampedTold);
                    match self.shape.past_end {
                        PastEnd::Empty | PastEnd::Refused => (count, count),
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
            },
            Position::Before(key) => match state.key(key)? {
                Key::After(serial) | Key::Before(serial) => {
                    let end = listed.upto(serial, false);
                    (end.saturating_sub(size), end)
                }
            },
        };
        let reach = self.shape.depth.map_or(count, |depth| {
            count.min(usize::try_from(depth).unwrap_or(usize::MAX))
        });
        if begin >= reach && begin < count {
            return Err(SourceError::new(
                SourceErrorKind::DepthLimit,
                "nobody may read this deep",
            ));
        }
        Ok(Cut {
            begin: begin.min(reach),
            end: end.min(reach),
            past_end,
        })
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
        walk: super::Walk,
        state: &State,
        listed: &Listed<'_>,
        cut: Cut,
        at: &Position,
        size: usize,
        page: &mut Page,
    ) {
        let serial = |index: usize| listed.live.get(index).map(|(_, record)| record.serial);
        let token = |side: char, serial: u64| {
            Position::Token(format!("{}:{side}:{serial}", state.generation).into())
        };
        let last = cut.end.checked_sub(1).and_then(serial);
        let follows = cut.end < listed.live.len() || (walk.dangling && cut.end > cut.begin);
        page.next = last.filter(|_| follows).map(|last| token('a', last));
        if walk.prev && cut.begin > 0 {
            page.prev = serial(cut.begin).map(|first| token('b', first));
        }
        match self.shape.lie {
            Lie::RepeatedToken if *at != Position::Start => page.next = Some(at.clone()),
            Lie::Cycle(pages) if cut.begin >= size * pages as usize => {
                page.next = serial(size - 1).map(|first| token('a', first));
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
enum Key {
    After(u64),
    Before(u64),
}

impl State {
    /// Where the live row with this index is kept; the end where there is none.
    fn place(&self, index: usize) -> usize {
        let mut live = self
            .records
            .iter()
            .enumerate()
            .filter(|(_, record)| record.live);
        live.nth(index)
            .map_or(self.records.len(), |(place, _)| place)
    }

    fn last_size(&self) -> usize {
        self.asked.last().map_or(1, |(_, size)| *size as usize)
    }

    fn check_failing(&mut self) -> Result<(), SourceError> {
        if let Some(left) = &mut self.fails_after {
            if *left > 0 {
                *left -= 1;
                return Ok(());
            }
            self.fails_after = None;
        }
        self.failing.map_or(Ok(()), |kind| {
            Err(SourceError::new(kind, "the source fails on purpose"))
        })
    }

    fn key(&self, key: &str) -> Result<Key, SourceError> {
        let mut parts = key.split(':');
        let (Some(generation), Some(side), Some(serial)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(SourceError::new(
                SourceErrorKind::Rejected,
                "not a token of this source",
            ));
        };
        if generation.parse() != Ok(self.generation) {
            return Err(SourceError::new(
                SourceErrorKind::CursorExpired,
                "the token is too old",
            ));
        }
        let serial = serial.parse().unwrap_or_default();
        Ok(if side == "b" {
            Key::Before(serial)
        } else {
            Key::After(serial)
        })
    }
}

fn customer(row: &Row) -> Option<&CustomerRef> {
    match row {
        Row::Customer { customer, .. } | Row::Gone { customer, .. } => Some(customer),
        Row::Unreadable { .. } => None,
    }
}

#[async_trait]
impl CustomerSource for MemorySource {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn plan(&self, filter: &Filter, order: Option<Order>) -> Result<ListPlan, Unsupported> {
        let parts = filter.parts();
        if self.shape.filtering == Filtering::Refused && !parts.is_empty() {
            return Err(Unsupported::Filter {
                parts: parts.into_iter().map(|part| format!("{part}:eq")).collect(),
                supported: Vec::new(),
            });
        }
        if order.is_some_and(|order| !self.shape.orders.contains(&order.field)) {
            let names = CustomerOrderField::ALL
                .iter()
                .filter(|(_, field)| self.shape.orders.contains(field));
            return Err(Unsupported::Order {
                supported: names.map(|(name, _)| (*name).to_owned()).collect(),
            });
        }
        let checked = self.shape.filtering == Filtering::Residual;
        Ok(ListPlan {
            route: 0,
            filter: filter.clone(),
            residual: if checked {
                filter.clone()
            } else {
                Filter::default()
            },
            order,
            unique_order: self.shape.unique_order,
            paging: self.shape.paging,
            total: self.shape.total,
            depth: self.shape.depth,
            revision: self.shape.revision,
        })
    }

    async fn list(
        &self,
        call: &Call,
        plan: &ListPlan,
        at: &Position,
        size: u32,
    ) -> Result<Page, SourceError> {
        call.count();
        self.page(plan, at, size)
    }

    async fn fetch(
        &self,
        call: &Call,
        ids: &[LocalId],
    ) -> Vec<Result<Option<CustomerRef>, SourceError>> {
        let rows = self.rows();
        let found = |id: &LocalId| {
            rows.iter()
                .filter_map(customer)
                .find(|customer| customer.id == *id)
                .cloned()
        };
        ids.iter()
            .map(|id| {
                call.count();
                Ok(found(id))
            })
            .collect()
    }

    async fn write(&self, _call: &Call, _change: &Change) -> Written {
        Written {
            outcome: WriteOutcome::NotApplied,
            customer: None,
            id: None,
            problems: vec![WriteProblem {
                field: None,
                error: SourceError::new(SourceErrorKind::Unsupported, "this source is read only"),
            }],
            read_back: None,
        }
    }
}

fn capabilities(shape: &Shape) -> Capabilities {
    let (paging, sizes) = match shape.paging {
        Paging::Page(sizes) => (PagingStyle::Page, Some(sizes)),
        Paging::Offset(sizes) => (PagingStyle::Offset, Some(sizes)),
        Paging::Token(walk) => (PagingStyle::Token, walk.sizes),
        Paging::Link(walk) => (PagingStyle::Link, walk.sizes),
        Paging::Keyset { sizes, .. } => (PagingStyle::Keyset, Some(sizes)),
        Paging::None => (PagingStyle::None, None),
    };
    Capabilities {
        list: true,
        get: true,
        create: false,
        update: false,
        delete: false,
        batch_size: None,
        paging,
        max_page_size: sizes.and_then(|sizes| i32::try_from(sizes.max).ok()),
        total_count: shape.total == TotalKind::Exact,
        backward_paging: shape.total == TotalKind::Exact,
        filters: Vec::new(),
        orderings: Vec::new(),
        creatable_fields: Vec::new(),
        required_fields: Vec::new(),
        updatable_fields: Vec::new(),
        native_fields: Vec::new(),
        readable_fields: Vec::new(),
        assumptions: Vec::new(),
    }
}

impl std::fmt::Debug for MemorySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let row = |row: Row| match row {
            Row::Customer { customer, .. } => customer.id.to_string(),
            Row::Gone { customer, .. } => format!("({})", customer.id),
            Row::Unreadable { .. } => "?".to_owned(),
        };
        let rows: Vec<String> = self.rows().into_iter().map(row).collect();
        write!(f, "{:?} {}", self.shape, rows.join(" "))
    }
}
