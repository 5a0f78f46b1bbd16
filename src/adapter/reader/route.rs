//! The requests of a file, what makes their answers good, and how one customer or a batch of them is fetched.

use super::text::{
    any_name, header_name, json, method_and_path, parsed, parsed_text, plain_path, required,
    statuses, templates,
};
use super::{MISSING_ITEMS, Reading};
use crate::adapter::manifest::{FilterTarget, Get, GetMany, Gone, Lacks, Proof, Route, Success};
use crate::adapter::place::JsonPath;
use crate::document::{Table, Text, Value as Item};
use serde_json::Value;
use std::sync::Arc;

impl Reading {
    /// The request and constants of a route.
    pub(super) fn route(&self, table: &mut Table<'_>) -> Option<Route> {
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
    pub(super) fn success(&self, table: &mut Table<'_>) -> Option<Success> {
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
    pub(super) fn proof(&self, mut table: Table<'_>, success: &mut Success) {
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
        let status = statuses(&mut table, "status");
        if !success.status.is_empty() && !status.is_empty() {
            table.problem(
                &table.place_of("status"),
                "`status` stands in another table of `ok` too, and an answer has one: name all that are good in one list",
            );
        }
        success.status.extend(status);
        table.finish();
        success.values.extend(path.zip(proof));
    }

    /// Which rows are deleted.
    pub(super) fn gone(&self, table: &mut Table<'_>) -> Option<Gone> {
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

    pub(super) fn get(&self, mut table: Table<'_>) -> Option<Get> {
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

    pub(super) fn get_many(&self, mut table: Table<'_>) -> Option<GetMany> {
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
