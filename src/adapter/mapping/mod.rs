//! A record becomes a `Customer`.
//!
//! `CustomerMap` has one line per field of `Customer` and builds it as a struct literal: a forgotten field does not
//! compile. One odd value never costs the record: its field is null and named in `problems`.

mod record;
mod scalar;

use super::manifest::{Field, Gone, Manifest, WireFormat, Words};
use super::pick::{Leaf, Picker};
use super::place::JsonPath;
use crate::model::{
    Customer, CustomerStatus, CustomerTier, CustomerType, DateTime, Gender, LocalId, Native,
};
pub use scalar::bare;

use record::Record;
use scalar::{is_gone, plain_text};
use std::sync::Arc;

/// How one field is read.
#[derive(Clone, Debug)]
struct Reading {
    /// The field's name in the schema, for problems.
    name: &'static str,
    /// The field within it.
    part: Option<&'static str>,
    slots: Box<[usize]>,
    field: Arc<Field>,
    words: Option<Arc<Words>>,
}

impl Reading {
    /// How its moments and days are told.
    fn format(&self) -> &WireFormat {
        self.field.format.as_ref().unwrap_or(&WireFormat::Rfc3339)
    }
}

/// The field of the schema that a name in an adapter file belongs to.
pub fn schema_name(name: &'static str) -> &'static str {
    place_in_schema(name).0
}

/// The field of the schema that a name in an adapter file belongs to, and the field within that one.
fn place_in_schema(name: &'static str) -> (&'static str, Option<&'static str>) {
    let mut names = SCHEMA_NAMES.iter();
    let found = names.find(|(file, _, _)| *file == name);
    found.map_or((name, None), |(_, field, part)| (*field, *part))
}

/// Declares the readable fields: their names in adapter files, and a place for each one's reading.
macro_rules! readings {
    ($($field:ident = $name:literal,)+) => {
        /// The readable fields by their names in adapter files, `id` aside.
        pub const READABLE: &[&str] = &[$($name,)+];

        /// How each field is read; `None` where the CRM has no such field.
        #[derive(Debug, Default)]
        struct Readings { $($field: Option<Reading>,)+ }

        impl Readings {
            fn new(mut reading: impl FnMut(&'static str) -> Option<Reading>) -> Self {
                Self { $($field: reading($name),)+ }
            }
        }
    };
}

readings! {
    name = "name",
    first_name = "firstName",
    last_name = "lastName",
    email = "email",
    phone = "phone",
    phone_country_code = "phoneCountryCode",
    phone_calling_code = "phoneCallingCode",
    company = "company",
    job_title = "jobTitle",
    customer_number = "customerNumber",
    external_id = "externalId",
    kind = "type",
    tier = "tier",
    status = "status",
    gender = "gender",
    birth_date = "birthDate",
    tags = "tags",
    address = "address",
    city = "city",
    country = "country",
    identity_number = "identityNumber",
    avatar_url = "avatarUrl",
    note = "note",
    unsubscribed = "unsubscribed",
    owner_id = "ownerId",
    owner_name = "ownerName",
    parent_id = "parentId",
    parent_name = "parentName",
    operator_id = "operatorId",
    operator_name = "operatorName",
    custom_fields = "customFields",
    created_at = "createdAt",
    created_by = "createdBy",
    created_via = "createdVia",
    updated_at = "updatedAt",
    updated_by = "updatedBy",
    updated_via = "updatedVia",
    archived_at = "archivedAt",
    archived_by = "archivedBy",
    archived_via = "archivedVia",
    deleted_at = "deletedAt",
}

/// How the records of one route become customers.
#[derive(Debug)]
pub struct CustomerMap {
    picker: Picker,
    readings: Box<Readings>,
    id: Option<Reading>,
    reserved: Vec<String>,
    plain_ids: bool,
    gone: Option<Sign>,
    key: Option<usize>,
}

/// What tells a deleted record.
#[derive(Debug)]
struct Sign {
    slot: usize,
    gone: Gone,
    /// When it was deleted is read there, too.
    is_time: bool,
    /// A word is read there whose letter case is left aside.
    fold: bool,
}

/// Whether a word is read at this place whose letter case is left aside.
fn folds_at(manifest: &Manifest, place: &JsonPath) -> bool {
    let folds = |words: &String| manifest.enums.get(words).is_some_and(|words| words.fold);
    let mut fields = manifest.fields.values();
    fields.any(|field| field.read.contains(place) && field.words.as_ref().is_some_and(folds))
}

/// How a record came.
pub struct Came {
    /// When its answer arrived.
    pub at: DateTime,
    /// The record itself.
    pub native: Option<Native>,
}

/// A record, read.
pub struct Read {
    /// The customer, or why there is none.
    pub customer: Result<Customer, &'static str>,
    /// The record is a deleted one.
    pub gone: bool,
    /// The record's key, where the route walks by keys; or what is wrong with it.
    pub key: Result<Option<Box<str>>, &'static str>,
}

/// What is wrong with a record of which nobody knows whether it is deleted.
const UNREAD_SIGN: &str =
    "what says whether it is deleted nests too deep, or holds a number that is too large";
/// What is wrong with a record that leads no further.
const UNREAD_KEY: &str =
    "what leads on behind a record nests too deep, or holds a number that is too large";
/// What is wrong with a record whose id nobody can hold.
const UNREAD_ID: &str = "the record's id nests too deep, or is a number that is too large";

/// Names in adapter files and the field of the schema they belong to, where these differ; and the field within it, without which
/// the rest of it can be shown.
const SCHEMA_NAMES: &[(&str, &str, Option<&str>)] = &[
    ("phoneCountryCode", "phone", Some("countryCode")),
    ("phoneCallingCode", "phone", Some("callingCode")),
    ("ownerId", "owner", None),
    ("ownerName", "owner", Some("name")),
    ("parentId", "parent", None),
    ("parentName", "parent", Some("name")),
    ("operatorId", "operator", None),
    ("operatorName", "operator", Some("name")),
    ("id", "sourceId", None),
];

impl CustomerMap {
    /// Compiles the reading of a manifest's fields for records of one route, which stand below `unwrap` in the elements
    /// of its list.
    pub fn new_below(
        manifest: &Manifest,
        gone: Option<&Gone>,
        key: Option<&JsonPath>,
        unwrap: &JsonPath,
    ) -> Self {
        let mut picker = Picker::firm();
        let mut reading = |name: &'static str| {
            let field = manifest
                .fields
                .get(name)
                .filter(|field| !field.read.is_empty())?;
            let (shown, part) = place_in_schema(name);
            Some(Reading {
                name: shown,
                part,
                slots: field
                    .read
                    .iter()
                    .map(|path| picker.add(&unwrap.join(path)))
                    .collect(),
                field: Arc::new(field.clone()),
                words: field
                    .words
                    .as_ref()
                    .and_then(|words| manifest.enums.get(words))
                    .map(|words| Arc::new(words.clone())),
            })
        };
        let id = reading("id");
        let readings = Box::new(Readings::new(reading));
        let deleted_at = manifest.fields.get("deletedAt");
        let gone = gone.map(|gone| Sign {
            slot: picker.add(&unwrap.join(&gone.path)),
            is_time: deleted_at.is_some_and(|field| field.read.contains(&gone.path)),
            fold: folds_at(manifest, &gone.path),
            gone: gone.clone(),
        });
        let key = key.map(|path| picker.add(&unwrap.join(path)));
        Self {
            picker,
            readings,
            id,
            reserved: manifest.http.reserved_ids.clone(),
            plain_ids: manifest.http.plain_ids,
            gone,
            key,
        }
    }

    /// What to pick from a record.
    pub fn picker(&self) -> &Picker {
        &self.picker
    }

    /// Picks one more value, from the root of the answer; its slot.
    pub fn also(&mut self, path: &JsonPath) -> usize {
        self.picker.add(path)
    }

    /// Reads a record that was picked.
    pub fn read(&self, leaves: &mut [Leaf<'_>], is_object: bool, came: Came) -> Read {
        let key = self.key.and_then(|slot| leaves.get(slot));
        let key = match key {
            Some(Leaf::Unread(_)) => Err(UNREAD_KEY),
            key => Ok(key.and_then(plain_text)),
        };
        let sign = self.gone.as_ref();
        let sign = sign.and_then(|sign| Some((sign, leaves.get(sign.slot)?)));
        let is_unread = sign.is_some_and(|(_, leaf)| matches!(leaf, Leaf::Unread(_)));
        let gone =
            sign.is_some_and(|(sign, leaf)| is_gone(leaf, &sign.gone, sign.is_time, sign.fold));
        let customer = if !is_object {
            Err("the record is no object")
        } else if is_unread {
            // To show it would be to say that it is alive.
            Err(UNREAD_SIGN)
        } else {
            self.id(leaves).map(|id| self.customer(id, leaves, came))
        };
        Read {
            customer,
            gone,
            key,
        }
    }

    fn id(&self, leaves: &[Leaf<'_>]) -> Result<LocalId, &'static str> {
        let slots = self.id.as_ref().map_or(&[][..], |id| &id.slots);
        let leaf = slots
            .iter()
            .filter_map(|slot| leaves.get(*slot))
            .find(|leaf| leaf.is_some());
        let text = match leaf {
            None => return Err("the record has no id"),
            Some(Leaf::Unread(_)) => return Err(UNREAD_ID),
            Some(leaf) => {
                plain_text(leaf).ok_or("the record's id is neither text nor a whole number")?
            }
        };
        if self.reserved.iter().any(|word| **word == *text) {
            return Err("the record's id is a word that can be no id");
        }
        if self.plain_ids && text.contains(['/', '\\']) {
            return Err("the record's id holds a slash, and its adapter says that none does");
        }
        LocalId::new(text)
            .map_err(|_| "the record's id is empty, too long, or holds what no id may hold")
    }

    fn customer(&self, id: LocalId, leaves: &mut [Leaf<'_>], came: Came) -> Customer {
        let map = &self.readings;
        let mut row = Record {
            leaves,
            problems: Vec::new(),
        };
        let mut customer = Customer {
            id,
            native: came.native,
            fetched_at: came.at,
            stamp: None,
            stale: false,
            name: row.text(&map.name),
            first_name: row.text(&map.first_name),
            last_name: row.text(&map.last_name),
            email: row.text(&map.email),
            phone: row.phone(map),
            company: row.text(&map.company),
            job_title: row.text(&map.job_title),
            customer_number: row.text(&map.customer_number),
            external_id: row.text(&map.external_id),
            kind: row.word(&map.kind, CustomerType::from_word, CustomerType::Unknown),
            tier: row.word(&map.tier, CustomerTier::from_word, CustomerTier::Unknown),
            status: row.word(
                &map.status,
                CustomerStatus::from_word,
                CustomerStatus::Unknown,
            ),
            gender: row.word(&map.gender, Gender::from_word, Gender::Unknown),
            birth_date: row.date(&map.birth_date),
            tags: row.texts(&map.tags),
            address: row.text(&map.address),
            city: row.text(&map.city),
            country: row.text(&map.country),
            identity_number: row.text(&map.identity_number),
            avatar_url: row.text(&map.avatar_url),
            note: row.text(&map.note),
            unsubscribed: row.boolean(&map.unsubscribed),
            owner: row.owner(map),
            parent_id: row.relative(&map.parent_id),
            parent_name: row.text(&map.parent_name),
            operator_id: row.relative(&map.operator_id),
            operator_name: row.text(&map.operator_name),
            created_at: row.time(&map.created_at),
            created_by: row.text(&map.created_by),
            created_via: row.text(&map.created_via),
            updated_at: row.time(&map.updated_at),
            updated_by: row.text(&map.updated_by),
            updated_via: row.text(&map.updated_via),
            archived_at: row.time(&map.archived_at),
            archived_by: row.text(&map.archived_by),
            archived_via: row.text(&map.archived_via),
            deleted_at: row.time(&map.deleted_at),
            custom_fields: row.json(&map.custom_fields),
            problems: Vec::new(),
        };
        customer.problems = row.problems;
        customer
    }
}
