//! How a CRM in memory behaves: its paging style, its habits, its lies.

use crate::model::{Capabilities, CustomerOrderField, Order, OrderCapability, PagingStyle};
use crate::source::{Paging, TotalKind};

/// What a CRM answers to a page past the end of its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PastEnd {
    /// An empty page.
    Empty,
    /// An error that its adapter knows to mean the end.
    Refused,
    /// An error like that for any wrong value.
    Rejected,
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
    /// Before the first page stands the last one.
    BackCycle,
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
    /// How many characters its tokens are longer than they need be.
    pub token_padding: usize,
    /// The orders it serves.
    pub orders: Vec<CustomerOrderField>,
    /// What its records do not tell.
    pub hidden: Vec<CustomerOrderField>,
    /// The order its rows come in where none is asked for; `None` where they come as they were put.
    pub own_order: Option<Order>,
    /// Whether it compares ids as numbers.
    pub numeric_ids: bool,
    /// Whether rows without a value come before all others in an ascending list; else after them.
    pub missing_first: bool,
    /// Whether equal values have a fixed order that turns around with the direction.
    pub unique_order: bool,
    /// What it does with filters.
    pub filtering: Filtering,
    /// How deep it lets anybody reach.
    pub depth: Option<u64>,
    /// Whether a page that would reach deeper is refused as well, however short the list is.
    pub strict_depth: bool,
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
            token_padding: 0,
            orders: Vec::new(),
            hidden: Vec::new(),
            own_order: None,
            numeric_ids: false,
            missing_first: false,
            unique_order: false,
            filtering: Filtering::Evaluated,
            depth: None,
            strict_depth: false,
            revision: 1,
            lie: Lie::Honest,
        }
    }
}

/// What a CRM of this shape says that it can do.
pub(super) fn capabilities(shape: &Shape) -> Capabilities {
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
        stable_order: true,
        backward_paging: shape.total == TotalKind::Exact,
        filters: Vec::new(),
        orderings: shape
            .orders
            .iter()
            .map(|field| OrderCapability {
                field: *field,
                unique: shape.unique_order,
            })
            .collect(),
        creatable_fields: Vec::new(),
        required_fields: Vec::new(),
        updatable_fields: Vec::new(),
        native_fields: Vec::new(),
        readable_fields: Vec::new(),
        faithful_fields: Vec::new(),
        assumptions: Vec::new(),
    }
}
