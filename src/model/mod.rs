//! The vendor-neutral nouns: a customer and its parts, what can be asked about customers, what can be changed.
//!
//! Everything above the adapters speaks these words only. This module knows no CRM, no HTTP and no JSON layout; its
//! GraphQL derives are here because the doc comments below are the descriptions of the public schema.

mod capabilities;
mod change;
mod customer;
mod enums;
mod filter;
mod health;
mod id;
mod listing;
mod matching;
mod order;
mod phone;
mod scalar;
mod stamp;

pub use capabilities::{Assumption, Capabilities, FilterCapability, OrderCapability, PagingStyle};
pub use change::{Change, FieldValue, WriteField, WriteOutcome};
pub use customer::{Customer, FieldProblem, Native, NativeFinder, Owner, PhoneNumber};
pub use enums::{CustomerStatus, CustomerTier, CustomerType, Gender};
pub use filter::{DeletedFilter, Filter, IntRange, TimeRange};
pub use health::SourceHealth;
pub use id::{IdError, LocalId};
pub use listing::{ConnectionOrder, SourceFailurePolicy, SourceOutcome, UnsupportedFilterPolicy};
pub use order::{CustomerOrderField, Order, OrderDirection, OrderKey};
pub use scalar::{Date, DateTime};
pub use stamp::{Reuse, Stamp};
