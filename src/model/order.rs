//! What a list of customers can be ordered by.

use async_graphql::Enum;

/// What customers can be ordered by. A source that cannot order by it refuses, see `capabilities.orderings`.
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
