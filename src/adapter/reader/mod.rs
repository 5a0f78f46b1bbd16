//! An adapter file is read into a manifest. Every mistake is noted with its place; reading goes on after each, so that
//! one look shows all of them.

mod check;
mod clash;
mod compose;
mod errors;
mod fields;
mod forms;
mod holes;
mod http;
mod list;
mod route;
mod sort;
mod text;
mod times;
mod write;

use self::text::json;
use super::manifest::{Manifest, Var, Words};
use crate::document::{Document, Problems, Table, Value as Item};
use crate::model::Assumption;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The version of the format this crate reads.
const FORMAT: i64 = 1;

/// Whether an absent array means no records.
const MISSING_ITEMS: &[(&str, bool)] = &[("error", false), ("empty", true)];

/// What all parts of a file share while it is read.
struct Reading {
    assumptions: RefCell<Vec<Assumption>>,
}

/// Reads an adapter file. `None` where it is not usable; `problems` says why, all of it.
pub fn read(file: &str, text: &str, problems: &Problems) -> Option<Manifest> {
    let before = problems.count();
    let document = Document::parse(file, text, problems)?;
    let mut root = document.root();
    let reading = Reading {
        assumptions: RefCell::new(Vec::new()),
    };
    check_format(&mut root);
    let id = root.required_string("id");
    let name = root.required_string("name");
    let vars = read_vars(&mut root);
    root.require("http");
    let http = root.table("http").map(|table| reading.http(table));
    let enums = read_enums(&mut root);
    let mut manifest = Manifest {
        id: id.map(|id| id.value).unwrap_or_default(),
        name: name.map(|name| name.value).unwrap_or_default(),
        vars,
        lists: root
            .tables("list")
            .into_iter()
            .filter_map(|table| reading.list(table))
            .collect(),
        get: root.table("get").and_then(|table| reading.get(table)),
        get_many: root
            .table("get_many")
            .and_then(|table| reading.get_many(table)),
        create: root
            .table("create")
            .and_then(|table| reading.write(table, write::Kind::Create)),
        update: root
            .table("update")
            .and_then(|table| reading.write(table, write::Kind::Update)),
        delete: root
            .table("delete")
            .and_then(|table| reading.write(table, write::Kind::Delete)),
        fields: root
            .table("fields")
            .map(|table| reading.fields(table))
            .unwrap_or_default(),
        native: root
            .table("native")
            .map(|table| reading.native(table))
            .unwrap_or_default(),
        errors: root
            .table("errors")
            .map(|table| reading.errors(table))
            .unwrap_or_default(),
        enums,
        http: http.flatten()?,
        assumptions: reading.assumptions.into_inner(),
        revision: revision(text),
    };
    forms::take_from_fields(&mut manifest);
    check::check(&root, &manifest);
    root.finish();
    (problems.count() == before).then_some(manifest)
}

fn check_format(root: &mut Table<'_>) {
    root.require("format");
    if let Some(format) = root.integer("format", 0..=i64::MAX)
        && format != FORMAT
    {
        root.problem(
            &root.place_of("format"),
            format!("format {format} is not known; this version reads format {FORMAT}"),
        );
    }
}

/// A number that changes with the file.
fn revision(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    hash.as_bytes()
        .iter()
        .take(8)
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

fn read_vars(root: &mut Table<'_>) -> BTreeMap<String, Var> {
    let Some(mut table) = root.table("vars") else {
        return BTreeMap::new();
    };
    let mut vars = BTreeMap::new();
    for entry in table.entries() {
        let Item::Table(mut inner) = entry.value else {
            table.problem(
                &entry.key.at,
                format!(
                    "var `{}`: expected a table such as {{ secret = true }}",
                    entry.key.value
                ),
            );
            continue;
        };
        let var = Var {
            default: inner.string("default").map(|text| text.value),
            optional: inner.bool("optional").unwrap_or(false),
            secret: inner.bool("secret").unwrap_or(false),
        };
        if var.secret && var.default.is_some() {
            inner.problem(&inner.place_of("default"), "a secret has no default");
        }
        if entry.key.value == "id" {
            inner.problem(
                &entry.key.at,
                "`id` is the customer's id and cannot be a var",
            );
        }
        inner.string("about");
        inner.finish();
        vars.insert(entry.key.value, var);
    }
    vars
}

fn read_enums(root: &mut Table<'_>) -> BTreeMap<String, Words> {
    let Some(mut table) = root.table("enums") else {
        return BTreeMap::new();
    };
    let mut enums = BTreeMap::new();
    for entry in table.entries() {
        let Item::Table(mut inner) = entry.value else {
            table.problem(
                &entry.key.at,
                format!(
                    "word list `{}`: expected a table such as {{ GOLD = \"gold\" }}",
                    entry.key.value
                ),
            );
            continue;
        };
        let mut words = Words {
            fold: inner.bool("fold").unwrap_or(false),
            ..Words::default()
        };
        inner.string("assumed");
        for word in inner.entries() {
            if matches!(word.key.value.as_str(), "fold" | "assumed") {
                continue;
            }
            let wire = match &word.value {
                Item::List(items, _) => items.iter().map(json).collect(),
                one => vec![json(one)],
            };
            if wire.is_empty() {
                inner.problem(&word.key.at, "a word needs at least one word of the CRM");
            }
            let taken = words.pairs.iter().any(|(_, known): &(String, Vec<Value>)| {
                known.iter().any(|known| wire.contains(known))
            });
            if taken {
                inner.problem(
                    &word.key.at,
                    format!(
                        "`{}` has a word of the CRM that another word has too",
                        word.key.value
                    ),
                );
            }
            words.pairs.push((word.key.value, wire));
        }
        enums.insert(entry.key.value, words);
    }
    enums
}

impl Reading {
    /// Notes what a table assumes.
    fn assumed(&self, table: &mut Table<'_>) {
        if let Some(why) = table.string("assumed") {
            self.assumptions.borrow_mut().push(Assumption {
                at: table.path().to_owned(),
                why: why.value,
            });
        }
    }
}

#[cfg(test)]
mod tests;
