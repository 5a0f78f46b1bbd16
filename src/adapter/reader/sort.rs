//! The orders of a list in an adapter file.

use super::Reading;
use super::text::{destination, json, required};
use crate::adapter::manifest::{KeyedPlace, Sort, SortStyle, mentions};
use crate::adapter::place::{Destination, JsonPath, Template};
use crate::adapter::wire;
use crate::document::{Table, Value as Item};
use crate::model::{CustomerOrderField, OrderDirection};
use serde_json::Value;
use std::collections::BTreeMap;

impl Reading {
    pub(super) fn sort(&self, mut table: Table<'_>) -> Option<Sort> {
        self.assumed(&mut table);
        table.require("style");
        let style = sort_style(&mut table);
        let (default_asc, default_desc) = if matches!(style, Some(SortStyle::Suffix(_))) {
            (" asc", " desc")
        } else {
            ("asc", "desc")
        };
        let asc = direction(&mut table, "asc", default_asc);
        let desc = direction(&mut table, "desc", default_desc);
        if style.as_ref().is_some_and(says_direction) {
            check_directions(&table, &asc, &desc);
        }
        table.require("by");
        let mut by = BTreeMap::new();
        if let Some(mut inner) = table.table("by") {
            for (name, field) in CustomerOrderField::ALL {
                by.extend(inner.string(name).map(|text| (*field, text.value)));
            }
            inner.finish();
        }
        let default = table.table("default").and_then(|mut inner| {
            inner.require("field");
            let field = inner.word("field", CustomerOrderField::ALL);
            let direction = inner.word(
                "direction",
                &[("asc", OrderDirection::Asc), ("desc", OrderDirection::Desc)],
            );
            inner.finish();
            Some((field?, direction.unwrap_or_default()))
        });
        let sort = Sort {
            unique: table.word("unique", CustomerOrderField::ALL),
            ties_unique: table
                .word("ties", &[("unique", true), ("unspecified", false)])
                .unwrap_or(false),
            style: style?,
            asc,
            desc,
            by,
            default,
        };
        if let SortStyle::Keyed(keyed) = &sort.style
            && let Some(by) = sort.by.values().find(|by| keyed.place(by).is_none())
        {
            let place = table.place_of("by");
            table.problem(&place, format!("`{by}` cannot name a place of the body"));
        }
        let unknown = [sort.unique, sort.default.map(|(field, _)| field)]
            .into_iter()
            .flatten()
            .find(|field| !sort.by.contains_key(field));
        if unknown.is_some() {
            table.problem(
                table.place(),
                "`unique` and `default` must be among the fields of `by`",
            );
        }
        table.finish();
        Some(sort)
    }
}

/// Whether a style sends the words for the directions.
fn says_direction(style: &SortStyle) -> bool {
    !matches!(style, SortStyle::Signed(_))
}

fn check_directions(table: &Table<'_>, asc: &Value, desc: &Value) {
    if wire::scalar_text(asc) == wire::scalar_text(desc) {
        let why = "`asc` and `desc` are one word: nobody could ask for the other direction";
        table.problem(&table.place_of("desc"), why);
    }
}

/// The shape of an order in a body. Without its direction every order would be the CRM's own.
fn check_each(table: &Table<'_>, each: &Value) {
    for hole in ["$field", "$direction"] {
        if !mentions(each, hole) {
            let why = format!("`each` of an order does not hold \"{hole}\"");
            table.problem(&table.place_of("each"), why);
        }
    }
}

fn sort_style(table: &mut Table<'_>) -> Option<SortStyle> {
    let words = [
        ("pair", 0),
        ("signed", 1),
        ("suffix", 2),
        ("keyed", 3),
        ("body", 4),
    ];
    match table.word("style", &words)? {
        0 => {
            let field = required(table, "field", destination);
            let direction = required(table, "direction", destination);
            Some(SortStyle::Pair {
                field: field?,
                direction: direction?,
            })
        }
        1 => required(table, "to", destination).map(SortStyle::Signed),
        2 => required(table, "to", destination).map(SortStyle::Suffix),
        3 => required(table, "to", keyed).map(SortStyle::Keyed),
        _ => {
            let to = required(table, "to", body_path);
            table.require("each");
            let each: Option<Value> = table.value("each").map(|item| json(&item));
            if let Some(each) = &each {
                check_each(table, each);
            }
            Some(SortStyle::Body {
                to: to?,
                each: each?,
            })
        }
    }
}

/// A word for a direction, or a number.
fn direction(table: &mut Table<'_>, key: &str, default: &str) -> Value {
    match table.value(key) {
        None => Value::from(default),
        Some(Item::Text(text)) => Value::from(text.value),
        Some(Item::Integer(number, _)) => Value::from(number),
        Some(other) => {
            let found = other.kind();
            table.problem(
                other.at(),
                format!("expected a string or an integer, found {found}"),
            );
            Value::Null
        }
    }
}

fn keyed(text: &str) -> Result<KeyedPlace, String> {
    let place = match text.split_once(':') {
        Some(("query", name)) => Some((false, name)),
        Some(("body", path)) if path.starts_with('/') => Some((true, path)),
        _ => None,
    };
    let (in_body, name) = place.ok_or_else(|| {
        format!(
            "`{text}`: only a query parameter or a member of the body can be named by the field"
        )
    })?;
    let name = Template::parse(name)?;
    if name.holes().eq(["field"]) {
        Ok(KeyedPlace { in_body, name })
    } else {
        Err(format!("`{text}` must hold {{field}} once"))
    }
}

fn body_path(text: &str) -> Result<JsonPath, String> {
    match destination(text)? {
        Destination::Body(path) => Ok(path),
        _ => Err(format!("`{text}`: only a place in the body can hold this")),
    }
}
