//! The `[fields]` and `[native]` parts of an adapter file.

use super::Reading;
use super::text::{json, parsed, parsed_text, pointers, required};
use super::times;
use crate::adapter::manifest::{Clear, Field, NativeField, UnknownWord, WireType};
use crate::adapter::mapping::READABLE;
use crate::adapter::place::JsonPath;
use crate::document::{Table, Value as Item};
use crate::model::WriteField;
use serde_json::Value;
use std::collections::BTreeMap;

/// Wire types with their words.
const TYPES: &[(&str, WireType)] = &[
    ("string", WireType::String),
    ("int", WireType::Int),
    ("float", WireType::Float),
    ("bool", WireType::Bool),
    ("id", WireType::Id),
    ("strings", WireType::Strings),
    ("json", WireType::Json),
    ("date", WireType::Date),
    ("datetime", WireType::DateTime),
    ("name_first", WireType::NameFirst),
    ("name_last", WireType::NameLast),
];

/// Fields that are times or days.
const TIMES: &[&str] = &[
    "birthDate",
    "createdAt",
    "updatedAt",
    "archivedAt",
    "deletedAt",
];

const CLEAR: &[(&str, Clear)] = &[
    ("null", Clear::Null),
    ("empty", Clear::Empty),
    ("forbid", Clear::Forbid),
];

impl Reading {
    pub(super) fn fields(&self, mut table: Table<'_>) -> BTreeMap<&'static str, Field> {
        let names: Vec<(&'static str, &'static str)> = std::iter::once("id")
            .chain(READABLE.iter().copied())
            .map(|name| (name, name))
            .collect();
        let mut fields = BTreeMap::new();
        for entry in table.entries() {
            let Some(name) = table.choose(&entry.key, &names) else {
                continue;
            };
            let field = match entry.value {
                Item::Text(text) => parsed_text(&table, &text, JsonPath::parse).map(|path| Field {
                    read: vec![path.clone()],
                    write: is_writable(name).then_some(path),
                    on_create: true,
                    on_update: true,
                    ..Field::default()
                }),
                Item::Table(inner) => self.field(inner, name),
                other => {
                    table.problem(
                        other.at(),
                        format!("expected a pointer or a table, found {}", other.kind()),
                    );
                    None
                }
            };
            fields.extend(field.map(|field| (name, field)));
        }
        fields
    }

    fn field(&self, mut table: Table<'_>, name: &str) -> Option<Field> {
        self.assumed(&mut table);
        let write = parsed(&mut table, "w", JsonPath::parse);
        if write.is_some() && !is_writable(name) {
            table.problem(&table.place_of("w"), format!("`{name}` cannot be written"));
        }
        let (on_create, on_update) = on(&mut table);
        let present = table.strings("present");
        if !(present.is_empty() || present.len() == 2) {
            table.problem(
                &table.place_of("present"),
                "expected two words: with a value, and without one",
            );
        }
        let mut present = present.into_iter().map(|text| text.value);
        let null_if = match table.value("null_if") {
            Some(Item::List(items, _)) => items.iter().map(json).collect(),
            Some(one) => vec![json(&one)],
            None => Vec::new(),
        };
        let unknown = [
            ("unknown", UnknownWord::Unknown),
            ("null", UnknownWord::Null),
            ("error", UnknownWord::Error),
        ];
        let length = |table: &mut Table<'_>, key: &str| {
            table
                .integer(key, 1..=10_000_000_u32)
                .map(|length| length as usize)
        };
        let field = Field {
            read: pointers(&mut table, "r", JsonPath::parse),
            write,
            on_create,
            on_update,
            wire: table.word("type", TYPES).or_else(|| own_type(name)),
            format: times::of_field(&mut table),
            words: table.string("enum").map(|text| text.value),
            write_words: table.string("w_enum").map(|text| text.value),
            unknown: table.word("unknown", &unknown).unwrap_or_default(),
            present: present.next().zip(present.next()),
            each: parsed(&mut table, "each", JsonPath::parse).unwrap_or_default(),
            join: table.string("join").map(|text| text.value),
            split: table.string("split").map(|text| text.value),
            null_if,
            shape: table.value("shape").map(|item| json(&item)),
            clear: clear(&mut table),
            max_length: length(&mut table, "max_length"),
            min_length: length(&mut table, "min_length"),
        };
        idle_keys(&table, name, &field);
        check_part(&table, &field);
        check_written(&table, name, &field);
        if let Some(shape) = &field.shape {
            check_shape(&table, shape);
        }
        if field.read.is_empty() && field.write.is_none() {
            table.problem(table.place(), "a field needs `r`, `w` or both");
        }
        table.finish();
        Some(field)
    }

    pub(super) fn native(&self, mut table: Table<'_>) -> BTreeMap<String, NativeField> {
        let mut fields = BTreeMap::new();
        for entry in table.entries() {
            let Item::Table(mut inner) = entry.value else {
                table.problem(
                    &entry.key.at,
                    format!(
                        "vendor field `{}`: expected a table such as {{ w = \"/passcode\" }}",
                        entry.key.value
                    ),
                );
                continue;
            };
            self.assumed(&mut inner);
            let write = required(&mut inner, "w", JsonPath::parse);
            let (on_create, on_update) = on(&mut inner);
            inner.bool("secret");
            let wire = inner.word("type", TYPES).unwrap_or(WireType::String);
            let max_length = inner
                .integer("max_length", 1..=10_000_000_u32)
                .map(|length| length as usize);
            inner.finish();
            fields.extend(write.map(|write| {
                (
                    entry.key.value,
                    NativeField {
                        write,
                        on_create,
                        on_update,
                        wire,
                        max_length,
                    },
                )
            }));
        }
        fields
    }
}

/// Notes keys that would do nothing.
fn idle_keys(table: &Table<'_>, name: &str, field: &Field) {
    let is_list = name == "tags";
    let idle = |key: &str, why: &str| {
        if table.has(key) {
            table.problem(
                &table.place_of(key),
                format!("`{key}` does nothing here: {why}"),
            );
        }
    };
    if is_list || field.read.len() < 2 {
        idle(
            "join",
            "it goes between the values of a list of `r`, in a text",
        );
    }
    if !is_list {
        idle("split", "the field is no list of texts");
        idle("each", "the field is no list of texts");
    }
    if field.split.as_deref() == Some("") {
        table.problem(&table.place_of("split"), "`split` is empty");
    }
    if name == "unsubscribed" {
        idle("present", "the field is a boolean");
    }
    if !TIMES.contains(&name) {
        idle("as", "the field is no time");
        idle("zone", "the field is no time");
    }
    if field.write.is_none() {
        for key in ["shape", "clear", "w_enum", "on"] {
            idle(key, "the field has no `w`");
        }
    }
}

/// Notes a field whose values could not be written as they are read.
fn check_written(table: &Table<'_>, name: &str, field: &Field) {
    let Some(to) = &field.write else { return };
    check_elements(table, field);
    let worded = field.words.is_some() || field.write_words.is_some();
    let same = |read: &JsonPath| read.last_key() == to.last_key();
    if field.present.is_some() && !worded && field.read.iter().any(same) {
        table.problem(
            &table.place_of("w"),
            "a word would be written where `present` only asks whether there is a value: name the values in `w_enum`, or leave `w` out",
        );
    }
    let flags = [WireType::Bool, WireType::String, WireType::Int];
    if name == "unsubscribed" && !worded && field.wire.is_some_and(|wire| !flags.contains(&wire)) {
        table.problem(
            &table.place_of("type"),
            "a boolean is written as `bool`, `string` or `int`",
        );
    }
}

/// Notes a part of a name that is written where the whole one is read.
fn check_part(table: &Table<'_>, field: &Field) {
    let part = matches!(field.wire, Some(WireType::NameFirst | WireType::NameLast));
    let names = |path: &JsonPath| path.last_key().map(str::to_owned);
    let whole = |place: &JsonPath| field.read.iter().any(|read| names(read) == names(place));
    if part && field.write.as_ref().is_some_and(whole) {
        table.problem(
            &table.place_of("w"),
            "a part of a name would be written over the whole: name a place of its own, or leave `w` out",
        );
    }
}

/// Notes a list of objects of which all texts together would be written into one.
fn check_elements(table: &Table<'_>, field: &Field) {
    let Some((name, to)) = field.each.last_key().zip(field.write.as_ref()) else {
        return;
    };
    let within = |read: &JsonPath| {
        let (from, to) = (read.steps(), to.steps());
        to.len() > from.len() && to.starts_with(from)
    };
    let why = "all texts would be written into one element: write the list to the place where it is read, without `shape`, and \
               each text gets an object of its own";
    if to.last_key() == Some(name) && field.read.iter().any(within) {
        table.problem(&table.place_of("w"), why);
    }
    let shape = field.shape.as_ref();
    if shape.is_some_and(|shape| holds_as(shape, name)) {
        table.problem(&table.place_of("shape"), why);
    }
}

/// Whether a shape has the value as a member of this name.
fn holds_as(shape: &Value, name: &str) -> bool {
    match shape {
        Value::Array(items) => items.iter().any(|item| holds_as(item, name)),
        Value::Object(members) => members.iter().any(|(key, value)| {
            let is_value = matches!(value.as_str(), Some("$" | "$value"));
            (key == name && is_value) || holds_as(value, name)
        }),
        _ => false,
    }
}

/// Notes a shape that does not hold what is written.
fn check_shape(table: &Table<'_>, shape: &Value) {
    let texts = texts(shape);
    let place = || table.place_of("shape");
    let holds = |text: &str| matches!(text, "$" | "$value") || text.contains("{value}");
    if !texts.iter().any(|text| holds(text)) {
        let text =
            "`shape` does not hold the value: \"$\" stands for it, in a longer text `{value}`";
        table.problem(&place(), text);
    }
}

/// The texts of a shape.
fn texts(shape: &Value) -> Vec<&str> {
    match shape {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// The wire type of a field that does not say its own, where it matters.
fn own_type(name: &str) -> Option<WireType> {
    (name == "tags").then_some(WireType::Strings)
}

/// Names that a write may carry: the writable fields, and the calling code that goes with a phone.
fn is_writable(name: &str) -> bool {
    name == "phoneCallingCode" || WriteField::from_name(name).is_some()
}

fn on(table: &mut Table<'_>) -> (bool, bool) {
    if !table.has("on") {
        return (true, true);
    }
    let words = table.words("on", &[("create", true), ("update", false)]);
    (
        words.iter().any(|(create, _)| *create),
        words.iter().any(|(create, _)| !create),
    )
}

fn clear(table: &mut Table<'_>) -> (Clear, Clear) {
    match table.value("clear") {
        None => (Clear::Null, Clear::Null),
        Some(Item::Text(text)) => {
            let clear = table.choose(&text, CLEAR).unwrap_or_default();
            (clear, clear)
        }
        Some(Item::Table(mut inner)) => {
            let create = inner.word("create", CLEAR).unwrap_or_default();
            let update = inner.word("update", CLEAR).unwrap_or_default();
            inner.finish();
            (create, update)
        }
        Some(other) => {
            table.problem(
                other.at(),
                format!("expected a word or a table, found {}", other.kind()),
            );
            (Clear::Null, Clear::Null)
        }
    }
}
