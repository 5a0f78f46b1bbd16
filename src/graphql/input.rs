//! The inputs of mutations, and how they become changes of one source.

use super::code::ErrorCode;
use super::id;
use crate::model::{
    Change, CustomerStatus, CustomerTier, CustomerType, Date, FieldValue, Gender, LocalId,
    WriteField,
};
use crate::source::{SourceEntry, Sources};
use async_graphql::{ID, InputObject, Json, MaybeUndefined};
use std::sync::Arc;

/// A phone number to write.
#[derive(InputObject, Clone, Debug)]
pub struct PhoneNumberInput {
    /// The number.
    pub number: String,
    /// The international calling code, in CRMs that take it apart from the number.
    pub calling_code: Option<String>,
}

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

/// Declares an input with the writable fields of a customer, so that create and update cannot drift apart.
macro_rules! customer_input {
    ($(#[$doc:meta])* $name:ident { $($(#[$own_doc:meta])* $own:ident: $own_type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(InputObject, Clone, Debug)]
        pub struct $name {
            $($(#[$own_doc])* pub $own: $own_type,)+
            /// The single name, in CRMs that have one name field.
            pub name: MaybeUndefined<String>,
            /// The first name.
            pub first_name: MaybeUndefined<String>,
            /// The last name.
            pub last_name: MaybeUndefined<String>,
            /// The e-mail address.
            pub email: MaybeUndefined<String>,
            /// The phone number.
            pub phone: MaybeUndefined<PhoneNumberInput>,
            /// The company the customer works for or is.
            pub company: MaybeUndefined<String>,
            /// The job title.
            pub job_title: MaybeUndefined<String>,
            /// The number the company gave this customer.
            pub customer_number: MaybeUndefined<String>,
            /// The id of this customer in another system of the company.
            pub external_id: MaybeUndefined<String>,
            /// What kind of customer this is.
            #[graphql(name = "type")]
            pub kind: MaybeUndefined<CustomerType>,
            /// How the customer is ranked.
            pub tier: MaybeUndefined<CustomerTier>,
            /// Where the record is in its life.
            pub status: MaybeUndefined<CustomerStatus>,
            /// The gender.
            pub gender: MaybeUndefined<Gender>,
            /// The birth date.
            pub birth_date: MaybeUndefined<Date>,
            /// The tags, all of them.
            pub tags: MaybeUndefined<Vec<String>>,
            /// The street address.
            pub address: MaybeUndefined<String>,
            /// The city; some CRMs take its id.
            pub city: MaybeUndefined<String>,
            /// The country, as the CRM writes it.
            pub country: MaybeUndefined<String>,
            /// The national identity number. Sensitive.
            pub identity_number: MaybeUndefined<String>,
            /// Where a picture of the customer is.
            pub avatar_url: MaybeUndefined<String>,
            /// An internal note. Sensitive.
            pub note: MaybeUndefined<String>,
            /// Whether the customer does not want to be written to.
            pub unsubscribed: MaybeUndefined<bool>,
            /// The colleague this customer is assigned to, by id in the CRM.
            pub owner_id: MaybeUndefined<String>,
            /// The customer this one belongs to, of the same source.
            pub parent_id: MaybeUndefined<ID>,
            /// Fields the company added to its CRM.
            pub custom_fields: MaybeUndefined<Json<serde_json::Value>>,
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
                given.take(WriteField::Name, &self.name);
                given.take(WriteField::FirstName, &self.first_name);
                given.take(WriteField::LastName, &self.last_name);
                given.take(WriteField::Email, &self.email);
                given.take(WriteField::Phone, &self.phone);
                given.take(WriteField::Company, &self.company);
                given.take(WriteField::JobTitle, &self.job_title);
                given.take(WriteField::CustomerNumber, &self.customer_number);
                given.take(WriteField::ExternalId, &self.external_id);
                given.take(WriteField::Type, &self.kind);
                given.take(WriteField::Tier, &self.tier);
                given.take(WriteField::Status, &self.status);
                given.take(WriteField::Gender, &self.gender);
                given.take(WriteField::BirthDate, &self.birth_date);
                given.take(WriteField::Tags, &self.tags);
                given.take(WriteField::Address, &self.address);
                given.take(WriteField::City, &self.city);
                given.take(WriteField::Country, &self.country);
                given.take(WriteField::IdentityNumber, &self.identity_number);
                given.take(WriteField::AvatarUrl, &self.avatar_url);
                given.take(WriteField::Note, &self.note);
                given.take(WriteField::Unsubscribed, &self.unsubscribed);
                given.take(WriteField::OwnerId, &self.owner_id);
                given.take(WriteField::ParentId, &self.parent_id);
                given.take(WriteField::CustomFields, &self.custom_fields);
                given.fields
            }
        }
    };
}

customer_input! {
    /// A customer to make. What a source takes and needs stands in its `capabilities`.
    CreateCustomerInput {
        /// The key of the source that shall hold the customer.
        source: String,
    }
}

customer_input! {
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
    let message = "this is no customer's id of this gateway, or its source is not configured";
    id::customer(sources, id).map_err(|_| vec![Problem::new("id", ErrorCode::InvalidId, message)])
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
            Err(message) => {
                let problem = Problem::new(field.name(), ErrorCode::InvalidInput, message);
                self.problems.push(problem);
            }
        }
    }
}

/// A type that an input field can have.
trait Writable {
    /// Its value, or what is wrong with it.
    fn value(&self, entry: &SourceEntry, sources: &Sources) -> Result<FieldValue, &'static str>;
}

/// What is said about UNKNOWN in an input.
const UNKNOWN: &str =
    "UNKNOWN is what the gateway says of words it does not know; it cannot be written";

/// Declares how plain types become values.
macro_rules! writable {
    ($($type:ty, $this:ident => $value:expr;)+) => {
        $(impl Writable for $type {
            fn value(&self, _: &SourceEntry, _: &Sources) -> Result<FieldValue, &'static str> {
                let $this = self;
                $value
            }
        })+
    };
}

writable! {
    String, text => Ok(FieldValue::Text(text.clone()));
    bool, value => Ok(FieldValue::Bool(*value));
    Vec<String>, texts => Ok(FieldValue::Texts(texts.clone()));
    Date, date => Ok(FieldValue::Date(*date));
    Json<serde_json::Value>, json => Ok(FieldValue::Json(json.0.clone()));
    CustomerType, word => if *word == CustomerType::Unknown { Err(UNKNOWN) } else { Ok(FieldValue::Type(*word)) };
    CustomerTier, word => if *word == CustomerTier::Unknown { Err(UNKNOWN) } else { Ok(FieldValue::Tier(*word)) };
    CustomerStatus, word => if *word == CustomerStatus::Unknown { Err(UNKNOWN) } else { Ok(FieldValue::Status(*word)) };
    Gender, word => if *word == Gender::Unknown { Err(UNKNOWN) } else { Ok(FieldValue::Gender(*word)) };
    PhoneNumberInput, phone => phone.checked();
}

impl PhoneNumberInput {
    fn checked(&self) -> Result<FieldValue, &'static str> {
        let calling_code = self
            .calling_code
            .as_deref()
            .map(|code| code.trim_start_matches('+').to_owned());
        let is_code = |code: &String| {
            (1..=4).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit())
        };
        match calling_code {
            Some(code) if !is_code(&code) => Err("a calling code is one to four digits"),
            calling_code => Ok(FieldValue::Phone {
                number: self.number.clone(),
                calling_code,
            }),
        }
    }
}

impl Writable for ID {
    fn value(&self, entry: &SourceEntry, sources: &Sources) -> Result<FieldValue, &'static str> {
        match id::customer(sources, self) {
            Ok((of, id)) if of.rank == entry.rank => Ok(FieldValue::Id(id)),
            Ok(_) => Err("a customer can only belong to a customer of the same source"),
            Err(_) => Err("this is no customer's id of this gateway"),
        }
    }
}
