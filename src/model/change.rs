//! A change of one customer: what is asked, and what became of it.

use super::{Customer, CustomerStatus, CustomerTier, CustomerType, Date, Gender, LocalId};
use async_graphql::Enum;

/// Declares the writable fields with their names in the schema and in adapter files.
macro_rules! write_fields {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// A field that a change may carry.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum WriteField { $($(#[$doc])* $variant,)+ }

        impl WriteField {
            /// Every writable field, in the order of the schema.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The field's name in inputs and adapter files.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The field of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

write_fields! {
    /// The single name.
    Name = "name",
    /// The first name.
    FirstName = "firstName",
    /// The last name.
    LastName = "lastName",
    /// The e-mail address.
    Email = "email",
    /// The phone number, with its calling code where it has one.
    Phone = "phone",
    /// The company.
    Company = "company",
    /// The job title.
    JobTitle = "jobTitle",
    /// The customer number.
    CustomerNumber = "customerNumber",
    /// The id in another system.
    ExternalId = "externalId",
    /// The type.
    Type = "type",
    /// The tier.
    Tier = "tier",
    /// The status.
    Status = "status",
    /// The gender.
    Gender = "gender",
    /// The birth date.
    BirthDate = "birthDate",
    /// The tags, all of them.
    Tags = "tags",
    /// The street address.
    Address = "address",
    /// The city.
    City = "city",
    /// The country.
    Country = "country",
    /// The national identity number.
    IdentityNumber = "identityNumber",
    /// The picture's address.
    AvatarUrl = "avatarUrl",
    /// The internal note.
    Note = "note",
    /// Whether the customer does not want to be written to.
    Unsubscribed = "unsubscribed",
    /// The owner, by id.
    OwnerId = "ownerId",
    /// The parent, by its local id.
    ParentId = "parentId",
    /// The company's own fields.
    CustomFields = "customFields",
}

/// A value a field is set to.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// Cleared.
    Null,
    /// Text, for text fields and ids of owners.
    Text(String),
    /// Yes or no.
    Bool(bool),
    /// A list of texts.
    Texts(Vec<String>),
    /// A day.
    Date(Date),
    /// Any JSON.
    Json(serde_json::Value),
    /// A phone number.
    Phone {
        /// The number.
        number: String,
        /// The calling code, digits only.
        calling_code: Option<String>,
    },
    /// A customer of the same source.
    Id(LocalId),
    /// A type.
    Type(CustomerType),
    /// A tier.
    Tier(CustomerTier),
    /// A status.
    Status(CustomerStatus),
    /// A gender.
    Gender(Gender),
}

impl Customer {
    /// What the customer holds in a field, as a value to write; `None` where there is nothing.
    pub fn value_of(&self, field: WriteField) -> Option<FieldValue> {
        let text =
            |text: &Option<Box<str>>| text.as_ref().map(|text| FieldValue::Text(text.to_string()));
        match field {
            WriteField::Name => text(&self.name),
            WriteField::FirstName => text(&self.first_name),
            WriteField::LastName => text(&self.last_name),
            WriteField::Email => text(&self.email),
            WriteField::Phone => self.phone.as_ref().map(|phone| FieldValue::Phone {
                number: phone.number.to_string(),
                calling_code: phone.calling_code.as_ref().map(ToString::to_string),
            }),
            WriteField::Company => text(&self.company),
            WriteField::JobTitle => text(&self.job_title),
            WriteField::CustomerNumber => text(&self.customer_number),
            WriteField::ExternalId => text(&self.external_id),
            WriteField::Type => self.kind.map(FieldValue::Type),
            WriteField::Tier => self.tier.map(FieldValue::Tier),
            WriteField::Status => self.status.map(FieldValue::Status),
            WriteField::Gender => self.gender.map(FieldValue::Gender),
            WriteField::BirthDate => self.birth_date.map(FieldValue::Date),
            WriteField::Tags => self
                .tags
                .as_ref()
                .map(|tags| FieldValue::Texts(tags.iter().map(ToString::to_string).collect())),
            WriteField::Address => text(&self.address),
            WriteField::City => text(&self.city),
            WriteField::Country => text(&self.country),
            WriteField::IdentityNumber => text(&self.identity_number),
            WriteField::AvatarUrl => text(&self.avatar_url),
            WriteField::Note => text(&self.note),
            WriteField::Unsubscribed => self.unsubscribed.map(FieldValue::Bool),
            WriteField::OwnerId => self
                .owner
                .as_ref()
                .map(|owner| FieldValue::Text(owner.id.to_string())),
            WriteField::ParentId => self.parent_id.clone().map(FieldValue::Id),
            WriteField::CustomFields => self.custom_fields.clone().map(FieldValue::Json),
        }
    }
}

/// A change of one customer. Fields that are not listed are left alone.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Make a new customer.
    Create {
        /// The fields given, each at most once.
        fields: Vec<(WriteField, FieldValue)>,
        /// Fields only the vendor knows, by the names the adapter declares.
        native: serde_json::Map<String, serde_json::Value>,
    },
    /// Change an existing customer.
    Update {
        /// Which one.
        id: LocalId,
        /// The fields given, each at most once.
        fields: Vec<(WriteField, FieldValue)>,
        /// Fields only the vendor knows, by the names the adapter declares.
        native: serde_json::Map<String, serde_json::Value>,
    },
    /// Delete a customer.
    Delete {
        /// Which one.
        id: LocalId,
    },
}

/// What became of a write.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriteOutcome {
    /// The CRM did it.
    Applied,
    /// The CRM did not do it; `userErrors` says why.
    NotApplied,
    /// Nobody can know: the request may or may not have reached the CRM. Look before trying again.
    Unknown,
}
