//! A source that lives in memory: every paging style, every honest and every dishonest habit of a CRM, on demand.
//!
//! It stands in for a CRM in tests and benches of everything above the sources. It speaks no HTTP and reads no file.
//! A token or key names the row it stands after, so it stays true when other rows come and go, as real ones do.

mod pages;
mod shape;

pub use shape::{Filtering, Lie, PastEnd, Shape};

use super::{
    Call, CustomerRef, CustomerSource, ListPlan, Page, Position, Row, SourceError, SourceErrorKind,
    SourceStatus, Unsupported, WriteProblem, Written,
};
use crate::model::{
    Capabilities, Change, CustomerOrderField, Filter, LocalId, Order, WriteOutcome,
};
use async_trait::async_trait;
use pages::Key;
use shape::capabilities;
use std::sync::{Mutex, MutexGuard, PoisonError};

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
    expires_after: Option<u32>,
    generation: u32,
}

/// What happens to a CRM between two calls.
type Happening = Box<dyn FnOnce(&MemorySource) + Send>;

/// A CRM in memory.
pub struct MemorySource {
    capabilities: Capabilities,
    shape: Shape,
    state: Mutex<State>,
    /// What happens to it after so many calls.
    happening: Mutex<Option<(u32, Happening)>>,
}

impl MemorySource {
    /// A CRM that holds these rows, in this order. Keys in the rows are replaced by its own.
    pub fn new(shape: Shape, rows: impl IntoIterator<Item = Row>) -> Self {
        let source = Self {
            capabilities: capabilities(&shape),
            shape,
            state: Mutex::new(State::default()),
            happening: Mutex::new(None),
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

    /// Every token given until then is no longer known after this many calls, counted from now.
    pub fn expire_tokens_after(&self, calls: u32) {
        self.state().expires_after = Some(calls);
    }

    /// Does something to the source right before the list call after this many, counted from now.
    pub fn change_after(&self, calls: u32, change: impl FnOnce(&Self) + Send + 'static) {
        let mut happening = self
            .happening
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *happening = Some((calls, Box::new(change)));
    }

    /// Lets happen what is to happen before this call.
    fn happen(&self) {
        let mut happening = self
            .happening
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let due = match &mut *happening {
            Some((0, _)) => happening.take(),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        };
        drop(happening);
        if let Some((_, change)) = due {
            change(self);
        }
    }

    /// The list calls since the last look, and forgets them.
    pub fn take_asked(&self) -> Vec<(Position, u32)> {
        std::mem::take(&mut self.state().asked)
    }
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

    fn check_expiry(&mut self) {
        match &mut self.expires_after {
            Some(0) => {
                self.expires_after = None;
                self.generation += 1;
            }
            Some(left) => *left -= 1,
            None => {}
        }
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
        let row = usize::try_from(serial).unwrap_or(usize::MAX);
        Ok(match side {
            "b" => Key::Before(serial),
            "n" => Key::From(row),
            "p" => Key::UpTo(row),
            _ => Key::After(serial),
        })
    }
}

#[async_trait]
impl CustomerSource for MemorySource {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn status(&self) -> SourceStatus {
        SourceStatus::default()
    }

    fn shows(&self, field: CustomerOrderField) -> bool {
        !self.shape.hidden.contains(&field)
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
            sent: order.or(self.shape.own_order),
            unique_order: self.shape.unique_order,
            numeric_ids: self.shape.numeric_ids,
            paging: self.shape.paging,
            total: self.shape.total,
            total_in_doubt: false,
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
        call.start()?;
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
                .filter_map(Row::customer)
                .find(|customer| customer.id == *id)
                .cloned()
        };
        ids.iter()
            .map(|id| {
                call.start()?;
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
            later: false,
        }
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
