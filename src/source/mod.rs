//! The one trait: a place customers live. Adapters and the in-memory source implement it; everything above uses it.
//!
//! Vectors in, vectors out: how a CRM batches, pages or retries is its implementation's business. What a source can do
//! is decided by [`CustomerSource::plan`] and [`Capabilities`] before any call is made.

mod brought;
mod call;
mod error;
pub mod memory;
mod status;

pub use brought::{Brought, Print, Prints, Unfit};
pub use call::{Call, CallBudget, Known, Operation};
pub use error::{SourceError, SourceErrorKind};
pub use status::{QuotaLeft, SourceStatus};

use crate::metrics::SourceMeter;
use crate::model::{
    Capabilities, Change, Customer, CustomerOrderField, Filter, LocalId, Order, Stamp, WriteField,
    WriteOutcome,
};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// A customer as it stands in an answer, shared by all that show it.
pub type CustomerRef = Arc<Customer>;

/// A place customers live.
#[async_trait]
pub trait CustomerSource: Send + Sync {
    /// What this source can do.
    fn capabilities(&self) -> &Capabilities;

    /// How it is doing right now, without any call. What stands in front of a source hands on what that one says.
    fn status(&self) -> SourceStatus;

    /// How a list with this filter and order would be read, without any call.
    ///
    /// # Errors
    /// [`Unsupported`] names what the source cannot serve and what it can.
    fn plan(&self, filter: &Filter, order: Option<Order>) -> Result<ListPlan, Unsupported>;

    /// Reads one upstream page of a planned list. `size` lies within the plan's bounds; an index is a multiple of `size`
    /// for [`Paging::Page`].
    async fn list(
        &self,
        call: &Call,
        plan: &ListPlan,
        at: &Position,
        size: u32,
    ) -> Result<Page, SourceError>;

    /// Customers by id, in the order asked; `None` where the CRM has no such customer. The ids are distinct.
    async fn fetch(
        &self,
        call: &Call,
        ids: &[LocalId],
    ) -> Vec<Result<Option<CustomerRef>, SourceError>>;

    /// Makes one change.
    async fn write(&self, call: &Call, change: &Change) -> Written;

    /// Whether its records tell what a list is to be ordered by, so that the gateway can order them.
    fn shows(&self, _: CustomerOrderField) -> bool {
        true
    }

    /// Grows with every write through this source: what was read in an earlier epoch may be of the past.
    fn epoch(&self) -> u64 {
        0
    }

    /// Counts what is done with this source.
    fn meter(&self) -> Arc<SourceMeter> {
        Arc::default()
    }

    /// The source of a caller who brings these credentials; `None` where it is the same for everybody.
    fn seen_by(&self, _brought: &Brought) -> Option<Arc<dyn CustomerSource>> {
        None
    }

    /// Stands for the credentials that a caller brought, for ever: see [`Prints::lasting`]; `None` where they are the configured
    /// ones.
    fn credential(&self) -> Option<Print> {
        None
    }
}

/// How one list (a filter and an order) is read.
#[derive(Clone, Debug, PartialEq)]
pub struct ListPlan {
    /// Which of the adapter's list routes serves it. Opaque above the source.
    pub route: usize,
    /// The filter asked for.
    pub filter: Filter,
    /// The part of the filter that the gateway must check on each row, because the CRM may answer too many rows or
    /// was not asked. Empty when the CRM's answer needs no check.
    pub residual: Filter,
    /// The order asked for, if any.
    pub order: Option<Order>,
    /// The order the rows come in: the one asked for, else the one the source is asked for without one.
    pub sent: Option<Order>,
    /// Whether the order as sent leaves no ties (the CRM breaks them by a unique key), so that it can be reversed.
    pub unique_order: bool,
    /// The list is ordered by ids that the CRM compares as numbers, while lists of several sources compare them as text.
    pub numeric_ids: bool,
    /// How the route pages.
    pub paging: Paging,
    /// Whether the route's total may be trusted.
    pub total: TotalKind,
    /// The total may turn out to count the rows of a page, and then says nothing of what follows.
    pub total_in_doubt: bool,
    /// How many rows from the start the CRM lets anybody reach.
    pub depth: Option<u64>,
    /// Changes whenever the adapter's file does. Part of every cursor's fingerprint.
    pub revision: u64,
}

/// How a route pages, and what it allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// Numbered pages of a size the caller chooses. Positions are [`Position::Index`], multiples of the size.
    Page(Sizes),
    /// Rows to skip. Positions are [`Position::Index`], any number.
    Offset(Sizes),
    /// An opaque token leads to the next page.
    Token(Walk),
    /// A link leads to the next page.
    Link(Walk),
    /// The last row's key leads to the next page.
    Keyset {
        /// The page sizes allowed.
        sizes: Sizes,
        /// Whether rows before a key can be asked for.
        before: bool,
    },
    /// One answer holds every row.
    None,
}

/// The page sizes a CRM allows. `min == max` where the size cannot be chosen freely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The smallest page that may be asked for, at least 1.
    pub min: u32,
    /// The largest page that may be asked for.
    pub max: u32,
}

/// A chain of pages that leads forward, and perhaps back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The page sizes allowed; `None` where the CRM decides.
    pub sizes: Option<Sizes>,
    /// Whether the size must stay the same along one chain.
    pub size_locked: bool,
    /// Whether the CRM tells the way back.
    pub prev: bool,
    /// Whether a token may lead to an empty last page.
    pub dangling: bool,
    /// Whether a token stands for a row, so that rows which come and go before it move nothing. Else it may be a row's number.
    pub anchored: bool,
}

/// Whether a route's total may be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TotalKind {
    /// There is none, or it means something else.
    None,
    /// It counts exactly the rows of the list.
    Exact,
    /// It may be larger than the list.
    UpperBound,
    /// It is exact below this number.
    Capped(u64),
}

/// Where a page of a list begins. It is carried in cursors, and comes back only inside an authenticated one. Every row of a page
/// holds it, so its text is shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Position {
    /// At the beginning, in every style.
    Start,
    /// At this row, counted from 0 ([`Paging::Page`], [`Paging::Offset`]).
    Index(u64),
    /// At the page this token or link leads to ([`Paging::Token`], [`Paging::Link`]).
    Token(Arc<str>),
    /// After the row with this key ([`Paging::Keyset`]).
    After(Arc<str>),
    /// Before the row with this key, the nearest rows, in list order ([`Paging::Keyset`]).
    Before(Arc<str>),
}

/// One upstream page. `rows` are the raw rows: none is ever left out, so that positions stay true.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The rows in the CRM's order.
    pub rows: Vec<Row>,
    /// Where the next page begins, in chains ([`Paging::Token`], [`Paging::Link`]); `None` at the end of a chain.
    pub next: Option<Position>,
    /// Where the page before begins, where the CRM tells it.
    pub prev: Option<Position>,
    /// The CRM's total, where the plan trusts it at all.
    pub total: Option<u64>,
    /// The CRM's own word on whether rows follow this page.
    pub more: Option<bool>,
    /// The CRM answered another page than asked, or said that there is none: the position lies past the end.
    pub past_end: bool,
    /// The CRM gives fewer rows at once than were asked for, and gave as many as it does: that the page is short says nothing.
    pub cut: bool,
    /// For how long its way on or back is good, where the CRM says it.
    pub lasts: Option<Duration>,
    /// A row says all that the source says of the customer when it is read by its id.
    pub complete: bool,
    /// What the CRM said of using the page again.
    pub stamp: Option<Arc<Stamp>>,
}

/// One raw row of a page.
#[derive(Clone, Debug)]
pub enum Row {
    /// A customer.
    Customer {
        /// The record.
        customer: CustomerRef,
        /// Its key, in [`Paging::Keyset`] routes.
        key: Option<Box<str>>,
    },
    /// A record the adapter says is deleted.
    Gone {
        /// The record, for filters that ask for deleted ones.
        customer: CustomerRef,
        /// Its key, in [`Paging::Keyset`] routes.
        key: Option<Box<str>>,
    },
    /// A record without a usable id, or of which nobody knows whether it is deleted. It takes its place and is left out.
    Unreadable {
        /// What was wrong, without the value.
        reason: &'static str,
        /// Its key, in [`Paging::Keyset`] routes, where it could be read.
        key: Option<Box<str>>,
    },
}

impl Row {
    /// Its record, shown or deleted; `None` where it cannot be read.
    pub const fn customer(&self) -> Option<&CustomerRef> {
        match self {
            Self::Customer { customer, .. } | Self::Gone { customer, .. } => Some(customer),
            Self::Unreadable { .. } => None,
        }
    }

    /// Its key, in [`Paging::Keyset`] routes, where it could be read.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Customer { key, .. } | Self::Gone { key, .. } | Self::Unreadable { key, .. } => {
                key.as_deref()
            }
        }
    }
}

impl Page {
    /// The records of its rows, the deleted ones among them.
    pub fn customers(&self) -> impl Iterator<Item = &Customer> {
        self.rows
            .iter()
            .filter_map(Row::customer)
            .map(|customer| &**customer)
    }
}

/// What came of a write.
#[derive(Clone, Debug)]
pub struct Written {
    /// Whether it happened.
    pub outcome: WriteOutcome,
    /// The customer after the write, where the CRM showed it.
    pub customer: Option<CustomerRef>,
    /// The id of the customer written, where it is known even though the record is not.
    pub id: Option<LocalId>,
    /// What the caller can mend, or why nobody knows the outcome.
    pub problems: Vec<WriteProblem>,
    /// The write was applied and reading the customer back failed.
    pub read_back: Option<SourceError>,
    /// The CRM took it on and may carry it out later: what is read until then may be of the past.
    pub later: bool,
}

/// One thing wrong with a write.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteProblem {
    /// The field it is about.
    pub field: Option<WriteProblemField>,
    /// What kind of problem.
    pub error: SourceError,
}

/// The input field a problem is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteProblemField {
    /// A field of the common model.
    Common(WriteField),
    /// A vendor field inside `native`.
    Native(String),
    /// The caller's key, under which the write was to happen once.
    IdempotencyKey,
}

/// What a source cannot serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsupported {
    /// These parts of the filter, each with its comparison (`email:eq`).
    Filter {
        /// The parts that cannot be served.
        parts: Vec<String>,
        /// The parts that can.
        supported: Vec<String>,
    },
    /// This order.
    Order {
        /// The orders that can be served.
        supported: Vec<String>,
    },
    /// No list at all.
    List,
}

/// A configured source: its name, and where it stands among the others.
pub struct SourceEntry {
    /// The key from the configuration; unique.
    pub key: Box<str>,
    /// The CRM's display name.
    pub name: Box<str>,
    /// The adapter's id.
    pub adapter: Box<str>,
    /// Its place in the configuration, from 0. Ties in merged lists are broken by it.
    pub rank: usize,
    /// The source itself.
    pub source: Arc<dyn CustomerSource>,
}

/// All configured sources, in the order of the configuration.
#[derive(Clone, Default)]
pub struct Sources(Arc<[Arc<SourceEntry>]>);

impl Sources {
    /// Takes the sources in their order; `rank` must be the place of each.
    pub fn new(entries: Vec<Arc<SourceEntry>>) -> Self {
        Self(entries.into())
    }

    /// Every source, in order.
    pub fn all(&self) -> &[Arc<SourceEntry>] {
        &self.0
    }

    /// The sources as a caller sees them who brings these credentials.
    #[must_use]
    pub fn seen_by(&self, brought: &Brought) -> Self {
        if brought.is_empty() {
            return self.clone();
        }
        let own = |entry: &Arc<SourceEntry>| match entry.source.seen_by(brought) {
            None => Arc::clone(entry),
            Some(source) => Arc::new(SourceEntry {
                source,
                key: entry.key.clone(),
                name: entry.name.clone(),
                adapter: entry.adapter.clone(),
                rank: entry.rank,
            }),
        };
        Self(self.0.iter().map(own).collect())
    }

    /// Grows with every write through any of them.
    pub fn epoch(&self) -> u64 {
        let epochs = self.0.iter().map(|entry| entry.source.epoch());
        epochs.fold(0, u64::wrapping_add)
    }

    /// The source with this key.
    pub fn by_key(&self, key: &str) -> Option<&Arc<SourceEntry>> {
        self.0.iter().find(|entry| &*entry.key == key)
    }
}
