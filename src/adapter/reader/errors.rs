//! The `[errors]` part of an adapter file, and the words of it that a route may say for itself.

use super::Reading;
use super::text::{parsed_text, pointers};
use crate::adapter::manifest::{ErrorKind, Errors, Meaning, RouteErrors};
use crate::adapter::place::{JsonPath, Pointer};
use crate::document::{Table, Value as Item};
use crate::model::WriteField;
use std::collections::BTreeMap;

impl Reading {
    pub(super) fn errors(&self, mut table: Table<'_>) -> Errors {
        self.assumed(&mut table);
        let each = pointers(&mut table, "each", JsonPath::parse);
        let code = pointers(&mut table, "code", Pointer::parse);
        let message = pointers(&mut table, "message", Pointer::parse);
        let field = pointers(&mut table, "field", Pointer::parse);
        let RouteErrors { codes, status } = self.route_errors(&mut table);
        if code.is_empty() && !codes.is_empty() {
            let place = table.place_of("codes");
            table.problem(
                &place,
                "`codes` does nothing here: `code` says where a code stands",
            );
        }
        table.finish();
        Errors {
            each,
            code,
            message,
            field,
            codes,
            status,
        }
    }

    /// What codes and statuses mean.
    pub(super) fn route_errors(&self, table: &mut Table<'_>) -> RouteErrors {
        let mut codes = BTreeMap::new();
        if let Some(mut inner) = table.table("codes") {
            for entry in inner.entries() {
                codes.extend(
                    self.meaning(&inner, &entry.value)
                        .map(|meaning| (entry.key.value.clone(), meaning)),
                );
            }
        }
        let mut status = BTreeMap::new();
        if let Some(mut inner) = table.table("status") {
            for entry in inner.entries() {
                let number = parsed_text(&inner, &entry.key, http_status);
                let meaning = self.meaning(&inner, &entry.value);
                status.extend(number.zip(meaning.map(|meaning| meaning.kind)));
            }
        }
        RouteErrors { codes, status }
    }

    /// `"kind"` or `{ kind, field }`.
    fn meaning(&self, around: &Table<'_>, item: &Item<'_>) -> Option<Meaning> {
        match item {
            Item::Text(text) => around
                .choose(text, ErrorKind::ALL)
                .map(|kind| Meaning { kind, field: None }),
            Item::Table(table) => {
                let mut inner = table.again();
                self.assumed(&mut inner);
                inner.require("kind");
                let kind = inner.word("kind", ErrorKind::ALL);
                let names: Vec<_> = WriteField::ALL
                    .iter()
                    .map(|field| (field.name(), *field))
                    .collect();
                let field = inner.word("field", &names);
                inner.finish();
                Some(Meaning { kind: kind?, field })
            }
            other => {
                around.problem(
                    other.at(),
                    format!(
                        "expected a kind or a table with `kind`, found {}",
                        other.kind()
                    ),
                );
                None
            }
        }
    }
}

fn http_status(text: &str) -> Result<u16, String> {
    let number = text.parse().ok();
    number
        .filter(|number| (100..600).contains(number))
        .ok_or_else(|| format!("`{text}` is no HTTP status"))
}
