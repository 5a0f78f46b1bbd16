//! List routes and how they page.

use super::{Compose, FilterKey, FilterWire, Route, Sort};
use crate::adapter::place::{Destination, JsonPath, Pointer, Template};
use crate::source::TotalKind;
use serde_json::Value;
use std::time::Duration;

/// A route that lists customers.
#[derive(Clone, Debug)]
pub struct ListRoute {
    /// The request.
    pub route: Route,
    /// The array of records.
    pub items: JsonPath,
    /// From an element to the record.
    pub unwrap: JsonPath,
    /// Whether an absent array means no rows.
    pub missing_is_empty: bool,
    /// Whether the order is promised when no sort is sent.
    pub stable_order: bool,
    /// Whether a row says all that the record says when it is read by its id.
    pub complete: bool,
    /// Whether it answers nothing without a filter: a search.
    pub needs_filter: bool,
    /// Which rows are deleted.
    pub gone: Option<Gone>,
    /// How it pages.
    pub page: Paginator,
    /// What it filters by.
    pub filters: Vec<(FilterKey, FilterWire)>,
    /// How filters make one expression.
    pub compose: Option<Compose>,
    /// How it sorts.
    pub sort: Option<Sort>,
}

impl ListRoute {
    /// How it takes a part of a filter, if it does.
    pub fn filter(&self, key: FilterKey) -> Option<&FilterWire> {
        let mut filters = self.filters.iter();
        filters
            .find(|(known, _)| *known == key)
            .map(|(_, wire)| wire)
    }
}

/// Which rows are deleted.
#[derive(Clone, Debug)]
pub struct Gone {
    /// What to look at, in the record.
    pub path: JsonPath,
    /// The value that must stand there; `None` where any does that stands for something.
    pub value: Option<Value>,
}

/// How a list pages: its style and what all styles share.
#[derive(Clone, Debug)]
pub struct Paginator {
    /// The style.
    pub style: Style,
    /// Where the page size goes.
    pub size: Option<Destination>,
    /// How the size is written, with `{n}`.
    pub size_format: Option<Template>,
    /// The smallest and largest page size.
    pub sizes: Option<(u32, u32)>,
    /// Whether the CRM may answer another size than asked.
    pub size_hint: bool,
    /// The size that the CRM says its page has room for.
    pub size_echo: Option<Pointer>,
    /// The total.
    pub total: Option<Pointer>,
    /// What the total counts.
    pub total_kind: TotalSaid,
    /// Whether rows remain.
    pub more: Option<Pointer>,
    /// How many rows can be reached.
    pub depth: Option<u64>,
    /// How going deeper is refused.
    pub depth_error: Option<RefusalLooks>,
    /// How a page past the end is refused.
    pub past_end: Vec<u16>,
}

impl Paginator {
    /// For how long a page's tokens are good.
    pub fn lasts(&self) -> Option<Duration> {
        match &self.style {
            Style::Token(token) => token.ttl_s.map(Duration::from_secs),
            _ => None,
        }
    }

    /// Every place it puts something to.
    pub fn destinations(&self) -> Vec<&Destination> {
        let of_style: Vec<Option<&Destination>> = match &self.style {
            Style::Page { page: to, .. } | Style::Offset { offset: to, .. } => vec![Some(to)],
            Style::Token(token) => vec![Some(&token.send), token.send_prev.as_ref()],
            Style::Keyset {
                send, send_before, ..
            } => vec![Some(send), send_before.as_ref()],
            Style::Link { .. } | Style::None => Vec::new(),
        };
        of_style
            .into_iter()
            .chain([self.size.as_ref()])
            .flatten()
            .collect()
    }
}

/// What a total counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TotalSaid {
    /// As the page says.
    Kind(TotalKind),
    /// Perhaps only this page: a total where it is larger than the page, or the first page is not full.
    PageOrAll,
}

/// How a refusal looks.
#[derive(Clone, Debug)]
pub struct RefusalLooks {
    /// Its status.
    pub status: u16,
    /// Text its body holds.
    pub contains: Option<String>,
}

/// The paging styles.
#[derive(Clone, Debug)]
pub enum Style {
    /// Numbered pages.
    Page {
        /// Where the number goes.
        page: Destination,
        /// The number of the first page.
        first: u64,
        /// The number of pages.
        pages: Option<Pointer>,
        /// The number the CRM says it answered.
        echo: Option<Pointer>,
    },
    /// Rows to skip.
    Offset {
        /// Where the number goes.
        offset: Destination,
        /// The number of the first row.
        first: u64,
        /// The number the CRM says it skipped.
        echo: Option<Pointer>,
        /// Whether it must be a multiple of the size.
        aligned: bool,
    },
    /// An opaque token.
    Token(TokenStyle),
    /// A link.
    Link {
        /// The next page's.
        next: Pointer,
        /// The page's before.
        prev: Option<Pointer>,
        /// Further hosts a link may name.
        hosts: Vec<String>,
        /// Query parameters to add to a followed link.
        keep: Vec<String>,
        /// A link stands for a row.
        anchored: bool,
    },
    /// The last row's key.
    Keyset {
        /// Where the key goes.
        send: Destination,
        /// Where the key stands in a record.
        key: JsonPath,
        /// Where it goes to ask for rows before it.
        send_before: Option<Destination>,
        /// It goes out as a number.
        numbers: bool,
    },
    /// Everything at once.
    None,
}

/// An opaque token.
#[derive(Clone, Debug)]
pub struct TokenStyle {
    /// Where it goes.
    pub send: Destination,
    /// Where the next one stands.
    pub next: Pointer,
    /// Where the one before stands.
    pub prev: Option<Pointer>,
    /// Where the one before goes.
    pub send_prev: Option<Destination>,
    /// What ends the walk.
    pub end: Vec<EndSign>,
    /// A token may lead to an empty page.
    pub dangling: bool,
    /// The size must stay the same along the walk.
    pub size_locked: bool,
    /// A token stands for a row.
    pub anchored: bool,
    /// Tokens go out as numbers.
    pub numbers: bool,
    /// How long a token lives, in seconds.
    pub ttl_s: Option<u64>,
}

/// What ends a walk, where a token is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndSign {
    /// Nothing there.
    Absent,
    /// A null.
    Null,
    /// An empty text.
    Empty,
    /// A zero.
    Zero,
    /// Minus one.
    MinusOne,
    /// The word false.
    False,
}
