//! One customer, as every CRM's record is shown.
//!
//! The struct holds what a record says. What needs other parts of the gateway (the global id, the source, loaded
//! relatives, freshness) is added by the schema.

use super::{CustomerStatus, CustomerTier, CustomerType, Date, DateTime, Gender, LocalId, Stamp};
use async_graphql::{ComplexObject, SimpleObject};
use bytes::Bytes;
use std::sync::{Arc, LazyLock};

/// Text of a customer. Boxed, because a cache holds very many of them.
type Text = Box<str>;

/// A phone number as the CRM holds it.
#[derive(SimpleObject, Clone, Debug, PartialEq, Eq)]
#[graphql(complex)]
pub struct PhoneNumber {
    /// The number as the CRM holds it.
    pub number: Text,
    /// The ISO 3166-1 alpha-2 country of the number, where the CRM says it.
    pub country_code: Option<Text>,
    /// The international calling code without a plus, where the CRM says it.
    pub calling_code: Option<Text>,
}

#[ComplexObject]
impl PhoneNumber {
    /// The number in E.164 form, for example `+4512345678`; null where it is not clear which country
    /// it belongs to, or where it is no valid number there.
    async fn e164(&self) -> Option<String> {
        self.to_e164()
    }
}

/// The colleague a customer is assigned to.
#[derive(SimpleObject, Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The owner's id in the CRM. Another CRM may have the same for somebody else: a client must not keep owners by it.
    pub id: Text,
    /// The owner's name.
    pub name: Option<Text>,
}

/// The record as the CRM sent it, read only when somebody asks for it.
///
/// It keeps the whole answer alive that the record came in, so whatever holds single customers for long should replace it
/// with [`Native::detached`].
#[derive(Clone)]
pub struct Native {
    body: Bytes,
    index: usize,
    find: Arc<NativeFinder>,
}

/// Finds the text of the record with this index in an answer, as a part of it; `None` where it cannot. It is shared by all
/// records of an answer and may remember where they stand, but nothing larger.
pub type NativeFinder = dyn Fn(&Bytes, usize) -> Option<Bytes> + Send + Sync;

impl Native {
    /// A record inside an answer: `find` finds it by its index.
    pub fn new(body: Bytes, index: usize, find: Arc<NativeFinder>) -> Self {
        Self { body, index, find }
    }

    /// The record.
    pub fn value(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&(self.find)(&self.body, self.index)?).ok()
    }

    /// The same record with a text of its own, which keeps nothing else alive.
    #[must_use]
    pub fn detached(&self) -> Self {
        let text = (self.find)(&self.body, self.index).unwrap_or_default();
        Self {
            body: Bytes::copy_from_slice(&text),
            index: 0,
            find: whole(),
        }
    }

    /// How many bytes this keeps alive.
    pub fn weight(&self) -> usize {
        self.body.len()
    }
}

/// Of an answer that is the record. One for all, so that a kept customer does not pay for it.
fn whole() -> Arc<NativeFinder> {
    static WHOLE: LazyLock<Arc<NativeFinder>> =
        LazyLock::new(|| Arc::new(|body: &Bytes, _: usize| Some(body.clone())));
    Arc::clone(&WHOLE)
}

impl std::fmt::Debug for Native {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Native(..)")
    }
}

/// A field of a record that could not be read. The field is null then, and the answer says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field's name in the schema.
    pub field: &'static str,
    /// The field within it, where the rest of it could be read.
    pub part: Option<&'static str>,
    /// What was wrong, without the value.
    pub reason: &'static str,
}

impl FieldProblem {
    /// The field as an error names it.
    pub fn name(&self) -> String {
        let mut name = self.field.to_owned();
        if let Some(part) = self.part {
            name.push('.');
            name.push_str(part);
        }
        name
    }
}

/// A customer's own data. The schema's `Customer` is this and what is loaded around it.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(name = "CustomerRecord")]
pub struct Customer {
    /// The customer's id in its CRM.
    #[graphql(skip)]
    pub id: LocalId,
    /// The id of the customer this one belongs to.
    #[graphql(skip)]
    pub parent_id: Option<LocalId>,
    /// The id of the customer that operates this one.
    #[graphql(skip)]
    pub operator_id: Option<LocalId>,
    /// The name of the operator, where the record carries it.
    #[graphql(skip)]
    pub operator_name: Option<Text>,
    /// The name of the parent, where the record carries it.
    #[graphql(skip)]
    pub parent_name: Option<Text>,
    /// The record as the CRM sent it.
    #[graphql(skip)]
    pub native: Option<Native>,
    /// When the CRM sent the record.
    #[graphql(skip)]
    pub fetched_at: DateTime,
    /// What the CRM said of using the record again, where it was read by itself.
    #[graphql(skip)]
    pub stamp: Option<Arc<Stamp>>,
    /// It is shown although it is older than the configured time, because the CRM fails.
    #[graphql(skip)]
    pub stale: bool,
    /// Fields that could not be read.
    #[graphql(skip)]
    pub problems: Vec<FieldProblem>,

    /// The name, in CRMs with a single name field.
    pub name: Option<Text>,
    /// The first name.
    pub first_name: Option<Text>,
    /// The last name.
    pub last_name: Option<Text>,
    /// The e-mail address.
    pub email: Option<Text>,
    /// The phone number.
    pub phone: Option<PhoneNumber>,
    /// The company the customer works for or is.
    pub company: Option<Text>,
    /// The job title.
    pub job_title: Option<Text>,
    /// The number the company gave this customer.
    pub customer_number: Option<Text>,
    /// The id of this customer in another system of the company.
    pub external_id: Option<Text>,
    /// What kind of customer this is.
    #[graphql(name = "type")]
    pub kind: Option<CustomerType>,
    /// How the customer is ranked.
    pub tier: Option<CustomerTier>,
    /// Where the record is in its life.
    pub status: Option<CustomerStatus>,
    /// The gender.
    pub gender: Option<Gender>,
    /// The birth date.
    pub birth_date: Option<Date>,
    /// The tags.
    pub tags: Option<Vec<Text>>,
    /// The street address.
    pub address: Option<Text>,
    /// The city; some CRMs give its id only.
    pub city: Option<Text>,
    /// The country, as the CRM writes it: a name or a two-letter code.
    pub country: Option<Text>,
    /// The national identity number. Sensitive.
    pub identity_number: Option<Text>,
    /// Where a picture of the customer is.
    pub avatar_url: Option<Text>,
    /// An internal note. Sensitive.
    pub note: Option<Text>,
    /// Whether the customer does not want to be written to.
    pub unsubscribed: Option<bool>,
    /// The colleague this customer is assigned to.
    pub owner: Option<Owner>,
    /// When the record was made.
    pub created_at: Option<DateTime>,
    /// Who made it.
    pub created_by: Option<Text>,
    /// Through which channel it was made.
    pub created_via: Option<Text>,
    /// When the record was last changed.
    pub updated_at: Option<DateTime>,
    /// Who changed it last.
    pub updated_by: Option<Text>,
    /// Through which channel it was changed last.
    pub updated_via: Option<Text>,
    /// When the record was archived.
    pub archived_at: Option<DateTime>,
    /// Who archived it.
    pub archived_by: Option<Text>,
    /// Through which channel it was archived.
    pub archived_via: Option<Text>,
    /// When the record was deleted, in CRMs that keep deleted records.
    pub deleted_at: Option<DateTime>,
    /// Fields the company added to its CRM.
    #[graphql(skip)]
    pub custom_fields: Option<serde_json::Value>,
}

impl Customer {
    /// A customer of whom only the id is known.
    pub fn bare(id: LocalId) -> Self {
        Self {
            id,
            parent_id: None,
            operator_id: None,
            operator_name: None,
            parent_name: None,
            native: None,
            fetched_at: DateTime::at(jiff::Timestamp::now()),
            stamp: None,
            stale: false,
            problems: Vec::new(),
            name: None,
            first_name: None,
            last_name: None,
            email: None,
            phone: None,
            company: None,
            job_title: None,
            customer_number: None,
            external_id: None,
            kind: None,
            tier: None,
            status: None,
            gender: None,
            birth_date: None,
            tags: None,
            address: None,
            city: None,
            country: None,
            identity_number: None,
            avatar_url: None,
            note: None,
            unsubscribed: None,
            owner: None,
            created_at: None,
            created_by: None,
            created_via: None,
            updated_at: None,
            updated_by: None,
            updated_via: None,
            archived_at: None,
            archived_by: None,
            archived_via: None,
            deleted_at: None,
            custom_fields: None,
        }
    }

    /// How many bytes its texts take beside the struct itself.
    pub fn text_bytes(&self) -> usize {
        let texts = [
            &self.operator_name,
            &self.parent_name,
            &self.name,
            &self.first_name,
            &self.last_name,
            &self.email,
            &self.company,
            &self.job_title,
            &self.customer_number,
            &self.external_id,
            &self.address,
            &self.city,
            &self.country,
            &self.identity_number,
            &self.avatar_url,
            &self.note,
            &self.created_by,
            &self.created_via,
            &self.updated_by,
            &self.updated_via,
            &self.archived_by,
            &self.archived_via,
        ];
        // An allocation costs about this much beside what it holds.
        const ALLOCATION: usize = 16;
        let text = |text: &Text| text.len() + ALLOCATION;
        let texts: usize = texts.into_iter().flatten().map(text).sum();
        let tags: usize = self
            .tags
            .iter()
            .flatten()
            .map(|tag| text(tag) + size_of::<Text>())
            .sum();
        let phone = self.phone.iter().flat_map(|phone| {
            let codes = [&phone.country_code, &phone.calling_code];
            codes.into_iter().flatten().chain([&phone.number])
        });
        let owner = self.owner.iter();
        let owner = owner.flat_map(|owner| owner.name.iter().chain([&owner.id]));
        let more: usize = phone.chain(owner).map(text).sum();
        let ids = [
            Some(&self.id),
            self.parent_id.as_ref(),
            self.operator_id.as_ref(),
        ];
        let ids = ids.into_iter().flatten();
        let ids: usize = ids.map(|id| id.as_str().len() + ALLOCATION).sum();
        let problems = self.problems.capacity() * size_of::<FieldProblem>();
        let custom = self.custom_fields.as_ref().map_or(0, json_bytes);
        let stamp = self.stamp.as_ref();
        let stamp = stamp.map_or(0, |stamp| stamp.bytes() + 3 * ALLOCATION);
        texts + tags + more + ids + problems + custom + stamp
    }

    /// What to call this customer: the name, else first and last name, else company, e-mail, phone or id.
    pub fn display_name(&self) -> String {
        fn said(text: Option<&Text>) -> Option<&str> {
            text.map(|text| text.trim()).filter(|text| !text.is_empty())
        }
        let first = said(self.first_name.as_ref());
        let last = said(self.last_name.as_ref());
        let full = match (first, last) {
            (Some(first), Some(last)) => Some([first, " ", last].concat()),
            (one, other) => one.or(other).map(str::to_owned),
        };
        said(self.name.as_ref())
            .map(str::to_owned)
            .or(full)
            .or_else(|| said(self.company.as_ref()).map(str::to_owned))
            .or_else(|| said(self.email.as_ref()).map(str::to_owned))
            .or_else(|| said(self.phone.as_ref().map(|phone| &phone.number)).map(str::to_owned))
            .unwrap_or_else(|| self.id.as_str().to_owned())
    }
}

/// About how many bytes a JSON value takes.
fn json_bytes(value: &serde_json::Value) -> usize {
    use serde_json::Value;
    size_of::<Value>()
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(json_bytes).sum(),
            Value::Object(members) => members
                .iter()
                .map(|(key, value)| key.len() + 48 + json_bytes(value))
                .sum(),
        }
}
