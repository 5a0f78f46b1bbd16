//! What a list of customers can be ordered by.

use super::{Customer, Date, DateTime};
use async_graphql::Enum;
use std::cmp::Ordering;

/// What customers can be ordered by. The list of a source that cannot order by it (see `capabilities.orderings`) is ordered by
/// the gateway where it is small and its records tell the field (see `capabilities.readableFields`), and refused otherwise.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CustomerOrderField {
    /// The customer's id in its CRM, compared as text.
    Id,
    /// The single name of CRMs that have one name field.
    Name,
    /// The first name.
    FirstName,
    /// The last name.
    LastName,
    /// The birth date.
    BirthDate,
    /// The gender.
    Gender,
    /// The customer type.
    Type,
    /// The name of the owner.
    OwnerName,
    /// The name of the operator.
    OperatorName,
    /// When the record was made.
    CreatedAt,
    /// When the record was last changed.
    UpdatedAt,
}

impl CustomerOrderField {
    /// Every field with its word in adapter files, which is the GraphQL name in camel case.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("id", Self::Id),
        ("name", Self::Name),
        ("firstName", Self::FirstName),
        ("lastName", Self::LastName),
        ("birthDate", Self::BirthDate),
        ("gender", Self::Gender),
        ("type", Self::Type),
        ("ownerName", Self::OwnerName),
        ("operatorName", Self::OperatorName),
        ("createdAt", Self::CreatedAt),
        ("updatedAt", Self::UpdatedAt),
    ];

    /// The field's word in the schema, for example `CREATED_AT`.
    pub const fn schema_word(self) -> &'static str {
        match self {
            Self::Id => "ID",
            Self::Name => "NAME",
            Self::FirstName => "FIRST_NAME",
            Self::LastName => "LAST_NAME",
            Self::BirthDate => "BIRTH_DATE",
            Self::Gender => "GENDER",
            Self::Type => "TYPE",
            Self::OwnerName => "OWNER_NAME",
            Self::OperatorName => "OPERATOR_NAME",
            Self::CreatedAt => "CREATED_AT",
            Self::UpdatedAt => "UPDATED_AT",
        }
    }
}

/// The direction of an order.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum OrderDirection {
    /// Smallest, earliest or alphabetically first comes first.
    #[default]
    Asc,
    /// Largest, latest or alphabetically last comes first.
    Desc,
}

impl OrderDirection {
    /// The other direction.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::Asc => Self::Desc,
            Self::Desc => Self::Asc,
        }
    }
}

/// An order asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    /// By what.
    pub field: CustomerOrderField,
    /// In which direction.
    pub direction: OrderDirection,
}

impl Order {
    /// The same order backwards.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            field: self.field,
            direction: self.direction.reversed(),
        }
    }

    /// Compares two keys of [`CustomerOrderField::key`] in this order. No value counts as the greatest.
    pub fn compare(self, one: &OrderKey, other: &OrderKey) -> Ordering {
        match self.direction {
            OrderDirection::Asc => one.cmp(other),
            OrderDirection::Desc => other.cmp(one),
        }
    }
}

/// What one customer is ordered by. The derived comparison is the gateway's own collation: days and moments by time, text
/// by its lower-case form and then by its code points, no value last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrderKey {
    /// An id: its code points.
    Id(Box<str>),
    /// A text: its lower-case form, then the text itself.
    Text(String, Box<str>),
    /// A day.
    Day(Date),
    /// A moment.
    Time(DateTime),
    /// The customer has no value there.
    Missing,
}

impl CustomerOrderField {
    /// Whether every system compares these values alike, so that lists ordered by different CRMs can be merged.
    pub const fn compared_alike(self) -> bool {
        matches!(
            self,
            Self::Id | Self::BirthDate | Self::CreatedAt | Self::UpdatedAt
        )
    }

    /// What this customer is ordered by.
    pub fn key(self, customer: &Customer) -> OrderKey {
        fn text(value: Option<&str>) -> OrderKey {
            value.map_or(OrderKey::Missing, |text| {
                OrderKey::Text(text.to_lowercase(), text.into())
            })
        }
        match self {
            Self::Id => OrderKey::Id(customer.id.as_str().into()),
            Self::Name => text(customer.name.as_deref()),
            Self::FirstName => text(customer.first_name.as_deref()),
            Self::LastName => text(customer.last_name.as_deref()),
            Self::BirthDate => customer.birth_date.map_or(OrderKey::Missing, OrderKey::Day),
            Self::Gender => text(customer.gender.map(|gender| gender.word())),
            Self::Type => text(customer.kind.map(|kind| kind.word())),
            Self::OwnerName => text(
                customer
                    .owner
                    .as_ref()
                    .and_then(|owner| owner.name.as_deref()),
            ),
            Self::OperatorName => text(customer.operator_name.as_deref()),
            Self::CreatedAt => customer
                .created_at
                .map_or(OrderKey::Missing, OrderKey::Time),
            Self::UpdatedAt => customer
                .updated_at
                .map_or(OrderKey::Missing, OrderKey::Time),
        }
    }
}
