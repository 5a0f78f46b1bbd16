//! `source.vars`: what an adapter needs to know, written down, in the environment, in a file, or brought along by callers.

use super::outside::Outside;
use super::{Forwarded, Var};
use crate::document::{Place, Table, Text, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Headers that mean something else already, to the gateway or to what stands before it.
const TAKEN: [&str; 5] = [
    "x-api-key",
    "x-request-id",
    "x-requested-with",
    "x-apollo-operation-name",
    "x-real-ip",
];

/// The vars of a source.
#[derive(Default)]
pub(super) struct Vars {
    /// Those with a value.
    pub(super) configured: BTreeMap<String, Var>,
    /// Those that callers bring.
    pub(super) forwarded: BTreeMap<String, Forwarded>,
    /// Those that could not be read.
    pub(super) unread: BTreeSet<String>,
}

/// Reads the table.
pub(super) fn vars(mut table: Table<'_>, outside: &Outside<'_>) -> Vars {
    let mut vars = Vars::default();
    for entry in table.entries() {
        let at = entry.value.at().clone();
        let name = entry.key.value;
        let (value, literal) = match entry.value {
            Value::Text(text) => (Some(text.value.into()), true),
            Value::Table(caller) if caller.has("header") => {
                match header(caller) {
                    Some(header) => drop(vars.forwarded.insert(name, Forwarded { header, at })),
                    None => drop(vars.unread.insert(name)),
                }
                continue;
            }
            Value::Table(reference) => (outside.resolve(reference), false),
            other => {
                unexpected(&table, &name, &at, other.kind());
                (None, false)
            }
        };
        match value {
            Some(value) => drop(vars.configured.insert(name, Var { value, literal, at })),
            None => drop(vars.unread.insert(name)),
        }
    }
    table.finish();
    vars
}

fn unexpected(table: &Table<'_>, name: &str, at: &Place, found: &str) {
    let message = format!(
        "`{}`: expected a string, {{ env = \"NAME\" }}, {{ file = \"PATH\" }} or {{ header = \"x-NAME\" }}, found {found}",
        table.path_of(name)
    );
    table.problem(at, message);
}

/// The header of `{ header = … }`.
fn header(mut table: Table<'_>) -> Option<Box<str>> {
    let text = table.string("header");
    let header = text.and_then(|text| name(&table, &text));
    table.finish();
    header
}

/// A name that only this use of it can have.
fn name(table: &Table<'_>, text: &Text) -> Option<Box<str>> {
    let name = text.value.to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = name.strip_prefix("x-").is_some_and(|rest| !rest.is_empty())
        && name.bytes().all(plain)
        && name.len() <= 63
        && !name.starts_with("x-forwarded-")
        && !TAKEN.contains(&name.as_str());
    if !fits {
        let message = format!(
            "`{}`: a header that callers bring a credential in is called `x-` and a-z, 0-9 or `-`, has at most 63 characters, \
             and is none that means something else already",
            table.path_of("header")
        );
        table.problem(&text.at, message);
    }
    fits.then(|| name.into())
}
