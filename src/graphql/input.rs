//! The inputs of mutations, and how they become changes of one source.

use super::code::ErrorCode;
use super::id;
use super::writable::{NO_CUSTOMER, PhoneNumberInput, Writable};
use crate::model::{
    Change, CustomerStatus, CustomerTier, CustomerType, Date, FieldValue, Gender, LocalId,
    WriteField,
};
use crate::source::{SourceEntry, Sources};
use async_graphql::{ID, InputObject, Json, MaybeUndefined};
use std::sync::Arc;

/// What is wrong with an input, before any source is asked.
pub struct Problem {
    /// The field's path below `input`.
    pub field: Vec<&'static str>,
    /// What kind of problem.
    pub code: ErrorCode,
    /// A sentence for people.
    pub message: String,
}

impl Problem {
    fn new(field: &'static str, code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            field: vec![field],
            code,
            message: message.into(),
        }
    }
}

/// A change that is wanted, the source it goes to, and the key under which it shall happen once.
pub struct Wanted {
    /// The source.
    pub entry: Arc<SourceEntry>,
    /// The change.
    pub change: Change,
    /// The caller's key.
    pub key: Option<String>,
}

/// A change, or all that is wrong with it.
pub type Checked = Result<Wanted, Vec<Problem>>;

/// Declares the inputs that carry the writable fields of a customer. These stand here once, each with the field of a change
/// that it becomes, so that neither create and update nor what is told and what is sent can drift apart.
macro_rules! customer_inputs {
    (every $fields:tt $($(#[$doc:meta])* $name:ident $own:tt)+) => {
        $(customer_input! { $(#[$doc])* $name $own $fields })+
    };
}

/// Declares one of them.
macro_rules! customer_input {
    (
        $(#[$doc:meta])* $name:ident
        { $($(#[$own_doc:meta])* $own:ident: $own_type:ty,)+ }
        { $($(#[$field_doc:meta])* $field:ident: $field_type:ty => $write:ident,)+ }
    ) => {
        $(#[$doc])*
        #[derive(InputObject, Clone, Debug)]
        pub struct $name {
            $($(#[$own_doc])* pub $own: $own_type,)+
            $($(#[$field_doc])* pub $field: MaybeUndefined<$field_type>,)+
            /// Fields that only the vendor knows, by the names in `capabilities.nativeFields`.
            pub native: Option<Json<serde_json::Value>>,
            /// The same key never writes twice: a repeat is answered what the first one was answered. With another input it
            /// is a CONFLICT. A key belongs to one source and lasts 24 hours.
            pub idempotency_key: Option<String>,
            /// Comes back in the payload, unchanged.
            pub client_mutation_id: Option<String>,
        }

        impl $name {
            /// The fields that are given, in the order of the schema.
            fn given(&self, entry: &SourceEntry, sources: &Sources, problems: &mut Vec<Problem>) -> Vec<(WriteField, FieldValue)> {
                let mut given = Given { entry, sources, problems, fields: Vec::new() };
                $(given.take(WriteField::$write, &self.$field);)+
                given.fields
            }
        }
    };
}

customer_inputs! {
    every {
        /// The single name, in CRMs that have one name field.
        name: String => Name,
        /// The first name.
        first_name: String => FirstName,
        /// The last name.
        last_name: String => LastName,
        /// The e-mail address.
        email: String => Email,
        /// The phone number.
        phone: PhoneNumberInput => Phone,
        /// The company the customer works for or is.
        company: String => Company,
        /// The job title.
        job_title: String => JobTitle,
        /// The number the company gave this customer.
        customer_number: String => CustomerNumber,
        /// The id of this customer in another system of the company.
        external_id: String => ExternalId,
        /// What kind of customer this is.
        #[graphql(name = "type")]
        kind: CustomerType => Type,
        /// How the customer is ranked.
        tier: CustomerTier => Tier,
        /// Where the record is in its life.
        status: CustomerStatus => Status,
        /// The gender.
        gender: Gender => Gender,
        /// The birth date.
        birth_date: Date => BirthDate,
        /// The tags; they replace those there are.
        tags: Vec<String> => Tags,
        /// The street address.
        address: String => Address,
        /// The city; some CRMs take its id.
        city: String => City,
        /// The country, as the CRM writes it.
        country: String => Country,
        /// The national identity number. Sensitive.
        identity_number: String => IdentityNumber,
        /// Where a picture of the customer is.
        avatar_url: String => AvatarUrl,
        /// An internal note. Sensitive.
        note: String => Note,
        /// Whether the customer does not want to be written to.
        unsubscribed: bool => Unsubscribed,
        /// The colleague this customer is assigned to, by id in the CRM.
        owner_id: String => OwnerId,
        /// The customer this one belongs to, of the same source.
        parent_id: ID => ParentId,
        /// Fields the company added to its CRM.
        custom_fields: Json<serde_json::Value> => CustomFields,
    }

    /// A customer to make. What a source takes and needs stands in its `capabilities`.
    CreateCustomerInput {
        /// The key of the source that is to hold the customer.
        source: String,
    }

    /// A customer and what to change. A field that is left out is left alone; a null clears it.
    UpdateCustomerInput {
        /// The global id of the customer.
        id: ID,
    }
}

/// A customer to delete.
#[derive(InputObject, Clone, Debug)]
pub struct DeleteCustomerInput {
    /// The global id of the customer.
    pub id: ID,
    /// The same key never writes twice: a repeat is answered what the first one was answered. With another input it is a
    /// CONFLICT. A key belongs to one source and lasts 24 hours.
    pub idempotency_key: Option<String>,
    /// Comes back in the payload, unchanged.
    pub client_mutation_id: Option<String>,
}

impl CreateCustomerInput {
    /// The change, checked as far as no source is needed for it.
    pub fn change(self, sources: &Sources) -> Checked {
        let Some(entry) = sources.by_key(&self.source).cloned() else {
            let known: Vec<_> = sources.all().iter().map(|entry| &*entry.key).collect();
            return Err(vec![Problem::new(
                "source",
                ErrorCode::InvalidInput,
                format!("there is no such source; there are: {}", known.join(", ")),
            )]);
        };
        let mut problems = key_problems(self.idempotency_key.as_deref());
        let mut fields = self.given(&entry, sources, &mut problems);
        let native = native_fields(self.native, &mut problems);
        // A null in a create clears nothing: where the source has no such field there is nothing to say.
        let takes = &entry.source.capabilities().creatable_fields;
        fields.retain(|(field, value)| {
            *value != FieldValue::Null || takes.iter().any(|name| name == field.name())
        });
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Wanted {
            entry,
            change: Change::Create { fields, native },
            key: self.idempotency_key,
        })
    }
}

impl UpdateCustomerInput {
    /// The change, checked as far as no source is needed for it.
    pub fn change(self, sources: &Sources) -> Checked {
        let (entry, id) = known_customer(sources, &self.id)?;
        let mut problems = key_problems(self.idempotency_key.as_deref());
        let fields = self.given(&entry, sources, &mut problems);
        let native = native_fields(self.native, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Wanted {
            entry,
            change: Change::Update { id, fields, native },
            key: self.idempotency_key,
        })
    }
}

impl DeleteCustomerInput {
    /// The change, checked as far as no source is needed for it.
    pub fn change(self, sources: &Sources) -> Checked {
        let (entry, id) = known_customer(sources, &self.id)?;
        let problems = key_problems(self.idempotency_key.as_deref());
        if problems.is_empty() {
            Ok(Wanted {
                entry,
                change: Change::Delete { id },
                key: self.idempotency_key,
            })
        } else {
            Err(problems)
        }
    }
}

fn known_customer(
    sources: &Sources,
    id: &str,
) -> Result<(Arc<SourceEntry>, LocalId), Vec<Problem>> {
    let unknown = |_| vec![Problem::new("id", ErrorCode::InvalidId, NO_CUSTOMER)];
    id::customer(sources, id).map_err(unknown)
}

/// The vendor's fields. That they are an object is not in the schema, so it is told like any other mistake in a value.
fn native_fields(
    native: Option<Json<serde_json::Value>>,
    problems: &mut Vec<Problem>,
) -> serde_json::Map<String, serde_json::Value> {
    match native.map(|native| native.0) {
        None => serde_json::Map::new(),
        Some(serde_json::Value::Object(fields)) => fields,
        Some(_) => {
            let message = "must be an object: the vendor's field names and their values";
            problems.push(Problem::new("native", ErrorCode::InvalidInput, message));
            serde_json::Map::new()
        }
    }
}

/// The longest idempotency key, in bytes.
const KEY_BYTES: usize = 255;

fn key_problems(key: Option<&str>) -> Vec<Problem> {
    let usable = |key: &str| (1..=KEY_BYTES).contains(&key.len());
    let refuse = |_| {
        Problem::new(
            "idempotencyKey",
            ErrorCode::InvalidInput,
            format!("an idempotency key has 1 to {KEY_BYTES} bytes"),
        )
    };
    key.filter(|key| !usable(key))
        .map(refuse)
        .into_iter()
        .collect()
}

/// The fields given so far.
struct Given<'g> {
    entry: &'g SourceEntry,
    sources: &'g Sources,
    problems: &'g mut Vec<Problem>,
    fields: Vec<(WriteField, FieldValue)>,
}

impl Given<'_> {
    fn take<T: Writable>(&mut self, field: WriteField, value: &MaybeUndefined<T>) {
        let value = match value {
            MaybeUndefined::Undefined => return,
            MaybeUndefined::Null => Ok(FieldValue::Null),
            MaybeUndefined::Value(value) => value.value(self.entry, self.sources),
        };
        match value {
            Ok(value) => self.fields.push((field, value)),
            Err((code, message)) => {
                self.problems
                    .push(Problem::new(field.name(), code, message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::memory::{MemorySource, Shape};
    use crate::source::{Paging, SourceEntry};
    use async_graphql::{InputType, Value, value};

    /// A value of each writable field as a caller sends it, and as it goes to the source.
    fn sample(field: WriteField, customer: &ID) -> (Value, FieldValue) {
        let text = |text: &str| (Value::from(text), FieldValue::Text(text.to_owned()));
        let word = |word: &str| Value::Enum(async_graphql::Name::new(word));
        match field {
            WriteField::Phone => {
                let phone = FieldValue::Phone {
                    number: "12".to_owned(),
                    calling_code: Some("45".to_owned()),
                };
                (value!({ "number": "12", "callingCode": "+45" }), phone)
            }
            WriteField::Type => (word("BUSINESS"), FieldValue::Type(CustomerType::Business)),
            WriteField::Tier => (word("GOLD"), FieldValue::Tier(CustomerTier::Gold)),
            WriteField::Status => (word("ACTIVE"), FieldValue::Status(CustomerStatus::Active)),
            WriteField::Gender => (word("OTHER"), FieldValue::Gender(Gender::Other)),
            WriteField::BirthDate => {
                let date = Date("2001-02-03".parse().unwrap());
                (value!("2001-02-03"), FieldValue::Date(date))
            }
            WriteField::Tags => (value!(["t"]), FieldValue::Texts(vec!["t".to_owned()])),
            WriteField::Unsubscribed => (value!(true), FieldValue::Bool(true)),
            WriteField::ParentId => {
                let id = FieldValue::Id(LocalId::new("7").unwrap());
                (Value::from(customer.as_str()), id)
            }
            WriteField::CustomFields => {
                let json = serde_json::json!({ "a": [1] });
                (value!({ "a": [1] }), FieldValue::Json(json))
            }
            WriteField::Name
            | WriteField::FirstName
            | WriteField::LastName
            | WriteField::Email
            | WriteField::Company
            | WriteField::JobTitle
            | WriteField::CustomerNumber
            | WriteField::ExternalId
            | WriteField::Address
            | WriteField::City
            | WriteField::Country
            | WriteField::IdentityNumber
            | WriteField::AvatarUrl
            | WriteField::Note
            | WriteField::OwnerId => text(field.name()),
        }
    }

    fn one_source() -> Sources {
        Sources::new(vec![Arc::new(SourceEntry {
            key: "crm".into(),
            name: "memory".into(),
            adapter: "memory".into(),
            rank: 0,
            source: Arc::new(MemorySource::new(Shape::new(Paging::None), [])),
        })])
    }

    /// A field that is in the schema and goes nowhere would be lost without a word.
    #[test]
    fn every_writable_field_reaches_the_change_under_its_own_name() {
        let sources = one_source();
        let customer = id::of_customer(&sources.all()[0], &LocalId::new("7").unwrap());
        for field in WriteField::ALL {
            let (sent, expected) = sample(*field, &customer);
            let Value::Object(mut input) = value!({ "id": customer.as_str() }) else {
                unreachable!("it is an object");
            };
            input.insert(async_graphql::Name::new(field.name()), sent.clone());
            let update = UpdateCustomerInput::parse(Some(Value::Object(input)))
                .ok()
                .unwrap();
            let Ok(Wanted {
                change: Change::Update { fields, .. },
                ..
            }) = update.change(&sources)
            else {
                panic!("{field:?}");
            };
            assert_eq!(fields, [(*field, expected.clone())]);

            let Value::Object(mut input) = value!({ "source": "crm" }) else {
                unreachable!("it is an object");
            };
            input.insert(async_graphql::Name::new(field.name()), sent);
            let create = CreateCustomerInput::parse(Some(Value::Object(input)))
                .ok()
                .unwrap();
            let Ok(Wanted {
                change: Change::Create { fields, .. },
                ..
            }) = create.change(&sources)
            else {
                panic!("{field:?}");
            };
            assert_eq!(fields, [(*field, expected)]);
        }
    }
}
