//! A record becomes a `Customer`.
//!
//! `CustomerMap` has one line per field of `Customer` and builds it as a struct literal: a forgotten field does not
//! compile. One odd value never costs the record: its field is null and named in `problems`.

use super::manifest::{Field, Gone, Manifest, UnknownWord, WireFormat, WireType, Words};
use super::pick::{Leaf, Picker};
use super::place::JsonPath;
use super::wire;
use crate::model::{
    Customer, CustomerStatus, CustomerTier, CustomerType, Date, DateTime, FieldProblem, Gender,
    LocalId, Native, Owner, PhoneNumber,
};
use serde_json::Value;
use std::sync::Arc;

/// How one field is read.
#[derive(Clone, Debug)]
struct Reading {
    /// The field's name in the schema, for problems.
    name: &'static str,
    slots: Box<[usize]>,
    field: Arc<Field>,
    words: Option<Arc<Words>>,
}

/// The field of the schema that a name in an adapter file belongs to.
pub fn schema_name(name: &'static str) -> &'static str {
    SCHEMA_NAMES
        .iter()
        .find(|(file, _)| *file == name)
        .map_or(name, |(_, schema)| schema)
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
    gone: Option<(usize, Gone)>,
    key: Option<usize>,
}

/// A record, read.
pub struct Read {
    /// The customer, or why there is none.
    pub customer: Result<Customer, &'static str>,
    /// The record is a deleted one.
    pub gone: bool,
    /// The record's key, where the route walks by keys.
    pub key: Option<Box<str>>,
}

/// Names in adapter files and the field of the schema they belong to, where these differ.
const SCHEMA_NAMES: &[(&str, &str)] = &[
    ("phoneCountryCode", "phone"),
    ("phoneCallingCode", "phone"),
    ("ownerId", "owner"),
    ("ownerName", "owner"),
    ("parentId", "parent"),
    ("parentName", "parent"),
    ("operatorId", "operator"),
    ("operatorName", "operator"),
    ("id", "sourceId"),
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
        let mut picker = Picker::default();
        let mut reading = |name: &'static str| {
            let field = manifest
                .fields
                .get(name)
                .filter(|field| !field.read.is_empty())?;
            Some(Reading {
                name: schema_name(name),
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
        let gone = gone.map(|gone| (picker.add(&unwrap.join(&gone.path)), gone.clone()));
        let key = key.map(|path| picker.add(&unwrap.join(path)));
        Self {
            picker,
            readings,
            id,
            reserved: manifest.http.reserved_ids.clone(),
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
    pub fn read(&self, leaves: &mut [Leaf<'_>], is_object: bool, native: Option<Native>) -> Read {
        let key = self
            .key
            .and_then(|slot| leaves.get(slot))
            .and_then(plain_text);
        let gone = self
            .gone
            .as_ref()
            .is_some_and(|(slot, gone)| leaves.get(*slot).is_some_and(|leaf| is_gone(leaf, gone)));
        let customer = if !is_object {
            Err("the record is no object")
        } else {
            self.id(leaves).map(|id| self.customer(id, leaves, native))
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
            Some(leaf) => {
                plain_text(leaf).ok_or("the record's id is neither text nor a whole number")?
            }
        };
        if self.reserved.iter().any(|word| **word == *text) {
            return Err("the record's id is a word that can be no id");
        }
        LocalId::new(text)
            .map_err(|_| "the record's id is empty, too long, or holds what no id may hold")
    }

    fn customer(&self, id: LocalId, leaves: &mut [Leaf<'_>], native: Option<Native>) -> Customer {
        let map = &self.readings;
        let mut row = Record {
            leaves,
            problems: Vec::new(),
        };
        let mut customer = Customer {
            id,
            native,
            fetched_at: DateTime(jiff::Timestamp::now()),
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

/// A record being read.
struct Record<'l, 'de> {
    leaves: &'l mut [Leaf<'de>],
    problems: Vec<FieldProblem>,
}

impl<'de> Record<'_, 'de> {
    fn problem<T>(&mut self, reading: &Reading, reason: &'static str) -> Option<T> {
        let problem = FieldProblem {
            field: reading.name,
            reason,
        };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
        None
    }

    /// The field's first value, taken out of the record; `None` where there is none or it means nothing.
    fn take<'m>(&mut self, reading: &'m Option<Reading>) -> Option<(&'m Reading, Leaf<'de>)> {
        let reading = reading.as_ref()?;
        let nothing = &reading.field.null_if;
        let slot = reading.slots.iter().copied().find(|slot| {
            self.leaves
                .get(*slot)
                .is_some_and(|leaf| leaf.is_some() && !means_nothing(leaf, nothing))
        })?;
        Some((reading, self.leaves.get_mut(slot).map(std::mem::take)?))
    }

    fn text(&mut self, reading: &Option<Reading>) -> Option<Box<str>> {
        if let Some(join) = reading.as_ref()?.field.join.as_deref() {
            return self.joined(reading.as_ref()?, join);
        }
        let (reading, leaf) = self.take(reading)?;
        let text = match into_text(leaf) {
            Some(text) => text,
            None => return self.problem(reading, "expected text"),
        };
        match reading.field.wire {
            Some(WireType::NameFirst) => split_name(&text).0,
            Some(WireType::NameLast) => split_name(&text).1,
            _ => Some(text),
        }
    }

    /// Several values joined to one text.
    fn joined(&self, reading: &Reading, join: &str) -> Option<Box<str>> {
        let parts: Vec<_> = reading
            .slots
            .iter()
            .filter_map(|slot| self.leaves.get(*slot).and_then(plain_text))
            .collect();
        if parts.is_empty() {
            None
        } else {
            Some(parts.join(join).into())
        }
    }

    fn word<T>(
        &mut self,
        reading: &Option<Reading>,
        from_word: fn(&str) -> Option<T>,
        unknown: T,
    ) -> Option<T> {
        if let Some((there, not_there)) = &reading.as_ref()?.field.present {
            let word = if self.take(reading).is_some() {
                there
            } else {
                not_there
            };
            return from_word(word);
        }
        let (reading, leaf) = self.take(reading)?;
        let found = match &reading.words {
            Some(words) => words.read(&leaf).and_then(from_word),
            None => plain_text(&leaf).and_then(|text| from_word(&text)),
        };
        match (found, reading.field.unknown) {
            (Some(found), _) => Some(found),
            (None, UnknownWord::Unknown) => Some(unknown),
            (None, UnknownWord::Null) => None,
            (None, UnknownWord::Error) => {
                self.problem(reading, "a word that is not in the adapter's list")
            }
        }
    }

    fn date(&mut self, reading: &Option<Reading>) -> Option<Date> {
        let (reading, leaf) = self.take(reading)?;
        let format = reading
            .field
            .format
            .as_ref()
            .unwrap_or(&WireFormat::Rfc3339);
        match wire::read_date(&leaf, format) {
            Some(date) => Some(Date(date)),
            None => self.problem(reading, "expected a date"),
        }
    }

    fn time(&mut self, reading: &Option<Reading>) -> Option<DateTime> {
        let (reading, leaf) = self.take(reading)?;
        let format = reading
            .field
            .format
            .as_ref()
            .unwrap_or(&WireFormat::Rfc3339);
        match wire::read_time(&leaf, format) {
            Some(time) => Some(DateTime(time)),
            None => self.problem(reading, "expected a date and time"),
        }
    }

    fn boolean(&mut self, reading: &Option<Reading>) -> Option<bool> {
        let (reading, leaf) = self.take(reading)?;
        match leaf {
            Leaf::Bool(value) => Some(value),
            Leaf::Int(0) => Some(false),
            Leaf::Int(1) => Some(true),
            Leaf::Text(text) if text.eq_ignore_ascii_case("true") || text == "1" => Some(true),
            Leaf::Text(text) if text.eq_ignore_ascii_case("false") || text == "0" => Some(false),
            _ => self.problem(reading, "expected a boolean"),
        }
    }

    fn texts(&mut self, reading: &Option<Reading>) -> Option<Vec<Box<str>>> {
        let (reading, leaf) = self.take(reading)?;
        let Leaf::Tree(Value::Array(items)) = leaf else {
            return self.problem(reading, "expected a list of texts");
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in &items {
            match reading
                .field
                .each
                .find(item)
                .and_then(wire::scalar_text)
                .filter(|text| !text.is_empty())
            {
                Some(text) => texts.push(text.into()),
                None => drop(self.problem::<()>(reading, "an element is no text")),
            }
        }
        Some(texts)
    }

    fn json(&mut self, reading: &Option<Reading>) -> Option<Value> {
        self.take(reading).map(|(_, leaf)| match leaf {
            Leaf::Tree(value) => value,
            other => other.to_value(),
        })
    }

    fn phone(&mut self, map: &Readings) -> Option<PhoneNumber> {
        let country_code = self.text(&map.phone_country_code);
        let calling_code = self
            .text(&map.phone_calling_code)
            .map(|code| code.trim_start_matches('+').into());
        let number = self.text(&map.phone)?;
        Some(PhoneNumber {
            number,
            country_code,
            calling_code,
        })
    }

    fn owner(&mut self, map: &Readings) -> Option<Owner> {
        let name = self.text(&map.owner_name);
        let id = self.text(&map.owner_id)?;
        Some(Owner { id, name })
    }

    fn relative(&mut self, reading: &Option<Reading>) -> Option<LocalId> {
        let id = self.text(reading)?;
        match LocalId::new(id) {
            Ok(id) => Some(id),
            Err(_) => self.problem(reading.as_ref()?, "expected an id"),
        }
    }
}

impl Words {
    /// Our word for a wire value.
    pub fn read(&self, leaf: &Leaf<'_>) -> Option<&str> {
        let word = |same: fn(&Leaf<'_>, &Value) -> bool| {
            self.pairs
                .iter()
                .find(|(_, wire)| wire.iter().any(|wire| same(leaf, wire)))
                .map(|(word, _)| word.as_str())
        };
        word(same_scalar).or_else(|| if self.fold { word(same_folded) } else { None })
    }

    /// The CRM's word for ours.
    pub fn write(&self, word: &str) -> Option<&Value> {
        self.pairs
            .iter()
            .find(|(ours, _)| ours == word)
            .and_then(|(_, wire)| wire.first())
    }
}

/// Text that is the same but for letter case.
fn same_folded(leaf: &Leaf<'_>, wire: &Value) -> bool {
    match (leaf, wire) {
        (Leaf::Text(text), Value::String(word)) => {
            let lower = |text: &str| {
                text.chars()
                    .flat_map(char::to_lowercase)
                    .collect::<Vec<_>>()
            };
            text.eq_ignore_ascii_case(word) || (!text.is_ascii() && lower(text) == lower(word))
        }
        _ => false,
    }
}

fn same_scalar(leaf: &Leaf<'_>, wire: &Value) -> bool {
    match (leaf, wire) {
        (Leaf::Null | Leaf::Absent, Value::Null) => true,
        (Leaf::Bool(a), Value::Bool(b)) => a == b,
        (Leaf::Text(a), Value::String(b)) => **a == **b,
        (Leaf::Int(a), Value::Number(b)) => b.as_i64() == Some(*a),
        (Leaf::Uint(a), Value::Number(b)) => b.as_u64() == Some(*a),
        (Leaf::Float(a), Value::Number(b)) => b.as_f64() == Some(*a),
        (Leaf::Tree(a), b) => a == b,
        _ => false,
    }
}

fn means_nothing(leaf: &Leaf<'_>, nothing: &[Value]) -> bool {
    nothing.iter().any(|value| same_scalar(leaf, value))
}

fn is_gone(leaf: &Leaf<'_>, gone: &Gone) -> bool {
    same_scalar(leaf, &gone.value) != gone.differs
}

/// A scalar as text; no floats, because an id or a key must not change on the way.
fn plain_text(leaf: &Leaf<'_>) -> Option<Box<str>> {
    match leaf {
        Leaf::Text(text) if !text.is_empty() => Some((**text).into()),
        Leaf::Int(value) => Some(value.to_string().into()),
        Leaf::Uint(value) => Some(value.to_string().into()),
        _ => None,
    }
}

/// Text of a field. Numbers are taken as they are written; a CRM may well hold a phone as one.
fn into_text(leaf: Leaf<'_>) -> Option<Box<str>> {
    match leaf {
        Leaf::Text(text) => Some(text.into()),
        Leaf::Int(value) => Some(value.to_string().into()),
        Leaf::Uint(value) => Some(value.to_string().into()),
        Leaf::Float(value) => Some(value.to_string().into()),
        _ => None,
    }
}

/// A single name as first and last name: what stands before the last space, and the rest.
fn split_name(name: &str) -> (Option<Box<str>>, Option<Box<str>>) {
    match name.trim().rsplit_once(char::is_whitespace) {
        Some((first, last)) => (Some(first.trim().into()), Some(last.into())),
        None if name.trim().is_empty() => (None, None),
        None => (Some(name.trim().into()), None),
    }
}
