//! An adapter file is read into a manifest. Every mistake is noted with its place; reading goes on after each, so that
//! one look shows all of them.

mod check;
mod clash;
mod compose;
mod errors;
mod fields;
mod holes;
mod http;
mod list;
mod sort;
mod write;

use super::manifest::{
    FilterTarget, Get, GetMany, Gone, Lacks, Manifest, Proof, Route, Success, Var, Words,
};
use super::place::{Destination, JsonPath, Template};
use crate::document::{Document, Problems, Table, Text, Value as Item};
use crate::model::Assumption;
use ::http::{HeaderName, Method};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

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
    let manifest = Manifest {
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

/// A value of a file as JSON.
fn json(item: &Item<'_>) -> Value {
    match item {
        Item::Text(text) | Item::Moment(text) => Value::from(text.value.as_str()),
        Item::Integer(number, _) => Value::from(*number),
        Item::Float(number, _) => Value::from(*number),
        Item::Bool(value, _) => Value::from(*value),
        Item::List(items, _) => Value::Array(items.iter().map(json).collect()),
        Item::Table(table) => Value::Object(
            table
                .peek()
                .iter()
                .map(|entry| (entry.key.value.clone(), json(&entry.value)))
                .collect(),
        ),
    }
}

/// A text parsed by one of the format's own little languages.
fn parsed<T>(table: &mut Table<'_>, key: &str, parse: fn(&str) -> Result<T, String>) -> Option<T> {
    let text = table.string(key)?;
    parsed_text(table, &text, parse)
}

fn parsed_text<T>(
    table: &Table<'_>,
    text: &Text,
    parse: fn(&str) -> Result<T, String>,
) -> Option<T> {
    match parse(&text.value) {
        Ok(value) => Some(value),
        Err(message) => {
            table.problem(&text.at, message);
            None
        }
    }
}

fn required<T>(
    table: &mut Table<'_>,
    key: &str,
    parse: fn(&str) -> Result<T, String>,
) -> Option<T> {
    table.require(key);
    parsed(table, key, parse)
}

/// One pointer, or a list of them.
fn pointers<T>(table: &mut Table<'_>, key: &str, parse: fn(&str) -> Result<T, String>) -> Vec<T> {
    match table.value(key) {
        None => Vec::new(),
        Some(Item::Text(text)) => parsed_text(table, &text, parse).into_iter().collect(),
        Some(Item::List(items, _)) => {
            let mut found = Vec::new();
            for item in items {
                match item {
                    Item::Text(text) => found.extend(parsed_text(table, &text, parse)),
                    other => table.problem(
                        other.at(),
                        format!("expected a string, found {}", other.kind()),
                    ),
                }
            }
            found
        }
        Some(other) => {
            table.problem(
                other.at(),
                format!(
                    "expected a string or a list of strings, found {}",
                    other.kind()
                ),
            );
            Vec::new()
        }
    }
}

/// `{ name = "template" }`.
fn templates<N>(
    table: &mut Table<'_>,
    key: &str,
    name: fn(&str) -> Result<N, String>,
) -> Vec<(N, Template)> {
    let Some(mut inner) = table.table(key) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in inner.entries() {
        let text = match &entry.value {
            Item::Text(text) => text.clone(),
            Item::Integer(..) | Item::Bool(..) | Item::Float(..) => {
                let value = super::wire::scalar_text(&json(&entry.value)).unwrap_or_default();
                Text {
                    value,
                    at: entry.value.at().clone(),
                }
            }
            other => {
                inner.problem(
                    other.at(),
                    format!("expected a string, found {}", other.kind()),
                );
                continue;
            }
        };
        let name = parsed_text(&inner, &entry.key, name);
        if let (Some(name), Some(template)) = (name, parsed_text(&inner, &text, Template::parse)) {
            found.push((name, template));
        }
    }
    found
}

fn header_name(text: &str) -> Result<HeaderName, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no header name"))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of several parsers of names, most of which can fail"
)]
fn any_name(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// The path of a JSON pointer that must be made of plain members.
fn plain_path(text: &str) -> Result<JsonPath, String> {
    let path = JsonPath::parse(text)?;
    if path.is_plain() {
        Ok(path)
    } else {
        Err(format!("`{text}` must be made of plain members here"))
    }
}

fn method_and_path(text: &str) -> Result<(Method, Template), String> {
    let wrong = || {
        format!("`{text}` is no request; write a method and a path, for example \"GET /customers\"")
    };
    let (method, path) = text.split_once(' ').ok_or_else(wrong)?;
    let known = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    let method = known
        .into_iter()
        .find(|known| known.as_str() == method)
        .ok_or_else(wrong)?;
    if !path.starts_with('/') && !path.is_empty() || path.contains("/..") || path.contains('#') {
        return Err(wrong());
    }
    Ok((method, Template::parse(path)?))
}

// === impl Reading ===

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

    /// The request and constants of a route.
    fn route(&self, table: &mut Table<'_>) -> Option<Route> {
        let (method, path) = required(table, "request", method_and_path)?;
        let put = table.table("put").map(|mut inner| {
            let entries = inner.entries();
            let path = |text: &Text| parsed_text(&inner, text, JsonPath::parse);
            entries
                .iter()
                .filter_map(|entry| Some((path(&entry.key)?, json(&entry.value))))
                .collect()
        });
        Some(Route {
            method,
            path,
            query: templates(table, "query", any_name),
            headers: templates(table, "headers", header_name),
            put: put.unwrap_or_default(),
            form: table
                .word("body", &[("json", false), ("form", true)])
                .unwrap_or(false),
            ok: self.success(table),
            errors: Arc::new(self.route_errors(table)),
        })
    }

    /// What makes an answer a success: a table, or several that must all hold.
    fn success(&self, table: &mut Table<'_>) -> Option<Success> {
        let tables = match table.value("ok")? {
            Item::List(items, _) => items,
            one => vec![one],
        };
        let mut success = Success::default();
        for item in tables {
            match item {
                Item::Table(inner) => self.proof(inner, &mut success),
                other => table.problem(
                    other.at(),
                    format!(
                        "expected a table or a list of tables, found {}",
                        other.kind()
                    ),
                ),
            }
        }
        Some(success)
    }

    /// One thing that an answer must be like.
    fn proof(&self, mut table: Table<'_>, success: &mut Success) {
        self.assumed(&mut table);
        let path = parsed(&mut table, "path", plain_path);
        let equals = table.value("equals").map(|item| json(&item));
        let unless = table.value("unless").map(|item| match json(&item) {
            Value::Array(words) => words,
            word => vec![word],
        });
        let absent = table.bool("absent");
        let proof = match (equals, unless, absent) {
            (Some(value), None, None) => Some(Proof::Equals(value)),
            (None, Some(words), None) => Some(Proof::Unless(words)),
            (None, None, Some(true)) => Some(Proof::Absent),
            (None, None, None) => None,
            _ => {
                table.problem(
                    table.place(),
                    "at most one of `equals`, `unless` and `absent = true` is possible",
                );
                None
            }
        };
        if path.is_some() != proof.is_some() {
            table.problem(
                table.place(),
                "`path` goes together with `equals`, `unless` or `absent = true`",
            );
        }
        success.status.extend(statuses(&mut table, "status"));
        table.finish();
        success.values.extend(path.zip(proof));
    }

    /// Which rows are deleted.
    fn gone(&self, table: &mut Table<'_>) -> Option<Gone> {
        let mut inner = table.table("gone")?;
        self.assumed(&mut inner);
        let path = required(&mut inner, "path", JsonPath::parse);
        let equals = inner.value("equals").map(|item| json(&item));
        let present = inner.bool("present");
        let found = match (equals, present) {
            (Some(value), None) => Some(Some(value)),
            (None, Some(true)) => Some(None),
            _ => {
                inner.problem(
                    inner.place(),
                    "exactly one of `equals` and `present = true` is needed",
                );
                None
            }
        };
        inner.finish();
        Some(Gone {
            path: path?,
            value: found?,
        })
    }

    fn get(&self, mut table: Table<'_>) -> Option<Get> {
        self.assumed(&mut table);
        if table.word("via", &[("list", ())]).is_some() {
            table.finish();
            return Some(Get::ViaList);
        }
        let route = self.route(&mut table);
        let item = required(&mut table, "item", plain_path);
        let gone = self.gone(&mut table);
        table.finish();
        Some(Get::Route {
            route: Box::new(route?),
            item: item?,
            gone,
        })
    }

    fn get_many(&self, mut table: Table<'_>) -> Option<GetMany> {
        self.assumed(&mut table);
        table.require("max");
        let max = table.integer("max", 1..=1_000_u32).map(|max| max as usize);
        if table.word("via", &[("list", ())]).is_some() {
            table.finish();
            return Some(GetMany::ViaList { max: max? });
        }
        let route = self.route(&mut table);
        table.require("ids");
        let ids = table.table("ids").and_then(|inner| self.filter_wire(inner));
        let items = required(&mut table, "items", plain_path);
        let unwrap = parsed(&mut table, "unwrap", plain_path).unwrap_or_default();
        let gone = self.gone(&mut table);
        if ids
            .as_ref()
            .is_some_and(|ids| matches!(ids.to, FilterTarget::Field(_)))
        {
            table.problem(
                &table.place_of("ids"),
                "`ids` needs `send`: a batch has no composed filter",
            );
        }
        let missing = table.word("missing", &[("absent", false), ("null", true)]);
        let no_items = table.word("missing_items", MISSING_ITEMS);
        table.finish();
        Some(GetMany::Route {
            route: Box::new(route?),
            ids: Box::new(ids?),
            items: items?,
            unwrap,
            max: max?,
            lacks: Lacks {
                null_is_absent: missing.unwrap_or(false),
                missing_is_empty: no_items.unwrap_or(false),
            },
            gone,
        })
    }
}

/// A list of HTTP statuses.
fn statuses(table: &mut Table<'_>, key: &str) -> Vec<u16> {
    let Some(item) = table.value(key) else {
        return Vec::new();
    };
    let items = match item {
        Item::List(items, _) => items,
        one => vec![one],
    };
    let mut found = Vec::new();
    for item in items {
        match &item {
            Item::Integer(number, _) if (100..600).contains(number) => {
                found.extend(u16::try_from(*number));
            }
            other => table.problem(other.at(), "expected an HTTP status, 100 to 599"),
        }
    }
    found
}

/// Destinations, by the format's own language.
fn destination(text: &str) -> Result<Destination, String> {
    Destination::parse(text)
}

#[cfg(test)]
mod tests;
