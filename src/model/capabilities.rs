//! What a source can do, derived from its adapter file.

use super::{CustomerOrderField, WriteField};
use async_graphql::{Enum, SimpleObject};

/// How a CRM pages its list.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PagingStyle {
    /// Numbered pages.
    Page,
    /// A number of rows to skip.
    Offset,
    /// An opaque token for the next page.
    Token,
    /// A link to the next page.
    Link,
    /// The key of the last row seen.
    Keyset,
    /// Everything in one answer.
    None,
}

/// A filter that a source can serve.
#[derive(SimpleObject, Clone, Debug, PartialEq, Eq)]
pub struct FilterCapability {
    /// The part of `CustomerFilter` and the comparison, for example `tier:eq`.
    pub name: String,
    /// Whether the gateway checks the rows again because the CRM may answer too many.
    pub rechecked: bool,
}

/// An order that a source can serve.
#[derive(SimpleObject, Clone, Debug, PartialEq, Eq)]
pub struct OrderCapability {
    /// What it orders by.
    pub field: CustomerOrderField,
    /// Whether equal values have a fixed order, so that the order can be walked backwards.
    pub unique: bool,
}

/// Something the vendor's pages do not say and the adapter takes to be so.
#[derive(SimpleObject, Clone, Debug, PartialEq, Eq)]
pub struct Assumption {
    /// Where in the adapter file, for example `list.filter.tags:in`.
    pub at: String,
    /// What is assumed, and why.
    pub why: String,
}

/// What a source can do. Derived from the adapter file, never declared beside it.
#[derive(SimpleObject, Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether customers can be listed.
    pub list: bool,
    /// Whether one customer can be fetched by id.
    pub get: bool,
    /// Whether customers can be created.
    pub create: bool,
    /// Whether customers can be updated.
    pub update: bool,
    /// Whether customers can be deleted.
    pub delete: bool,
    /// How many customers one call can fetch by id; null where each costs a call.
    pub batch_size: Option<i32>,
    /// How the list is paged.
    pub paging: PagingStyle,
    /// The most rows the CRM gives in one page; null where it is not known.
    pub max_page_size: Option<i32>,
    /// Whether the list comes with an exact total.
    pub total_count: bool,
    /// Whether a list that asks for no order comes in one and the same order each time. Where it is false the CRM promises
    /// none: the gateway tells rows by their ids, and an order that leaves no ties is the safer choice.
    pub stable_order: bool,
    /// Whether the list can be walked backwards.
    pub backward_paging: bool,
    /// The filters the CRM serves.
    pub filters: Vec<FilterCapability>,
    /// The orders the CRM serves.
    pub orderings: Vec<OrderCapability>,
    /// Fields a create may carry.
    pub creatable_fields: Vec<String>,
    /// Fields a create must carry.
    pub required_fields: Vec<String>,
    /// Fields an update may carry.
    pub updatable_fields: Vec<String>,
    /// Vendor fields that `native` may carry in a create or an update.
    pub native_fields: Vec<String>,
    /// Fields a customer of this source can have.
    pub readable_fields: Vec<String>,
    /// Fields that a customer shows as they were written, if it shows them at all: what stands there is the value itself.
    #[graphql(skip)]
    pub faithful_fields: Vec<WriteField>,
    /// What is taken to be so although the vendor's pages do not say it.
    pub assumptions: Vec<Assumption>,
}
