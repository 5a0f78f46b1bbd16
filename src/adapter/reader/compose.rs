//! The composed filters of an adapter file: how conditions look and how values are quoted. A hole or a shape that says
//! nothing of the value would ask the CRM for something else than was wanted, so it is refused here.

use super::Reading;
use super::check::Note;
use super::text::{destination, json, parsed, parsed_text, required};
use crate::adapter::manifest::{
    Compose, Each, FilterKey, FilterTarget, FilterWire, ListRoute, Manifest, Quote, SortStyle,
};
use crate::adapter::place::Template;
use crate::document::{Table, Value as Item};
use serde_json::Value;
use std::collections::BTreeMap;

/// The ways of quoting, by their words.
pub(super) const QUOTES: &[(&str, Quote)] = &[
    ("none", Quote::None),
    ("single_doubled", Quote::SingleDoubled),
    ("single_backslash", Quote::SingleBackslash),
    ("double_json", Quote::DoubleJson),
    ("parens_backslash", Quote::ParensBackslash),
];

/// Keys of texts.
const TEXT_ONLY: &[&str] = &[
    "join",
    "or",
    "each_in",
    "quote",
    "template",
    "filter_prefix",
    "sort_prefix",
];

impl Reading {
    pub(super) fn compose(&self, mut table: Table<'_>) -> Option<Compose> {
        self.assumed(&mut table);
        let into = required(&mut table, "into", destination);
        table.require("each");
        let each = each_shape(&mut table);
        let mut ops = BTreeMap::new();
        if let Some(mut inner) = table.table("ops") {
            for name in ["eq", "in", "all", "gte", "lte", "lt", "search"] {
                ops.extend(inner.string(name).map(|text| (name.to_owned(), text.value)));
            }
            inner.finish();
        }
        let mut text = |key: &str| table.string(key).map(|text| text.value).unwrap_or_default();
        let (join, filter_prefix, sort_prefix) =
            (text("join"), text("filter_prefix"), text("sort_prefix"));
        if !matches!(each, Some(Each::Text(_)) | None) {
            for key in TEXT_ONLY.iter().filter(|key| table.has(key)) {
                let why = format!("`{key}` does nothing here: `each` is no text");
                table.problem(&table.place_of(key), why);
            }
        }
        let max = table.integer("max", 1..=10_000_u32).map(|max| max as usize);
        // Conditions with nothing between them are another condition, or none.
        let lone = matches!(each, Some(Each::Text(_))) && join.is_empty();
        let max = if lone { Some(1) } else { max };
        let compose = Compose {
            join,
            filter_prefix,
            sort_prefix,
            ops,
            quote: table.word("quote", QUOTES).unwrap_or(Quote::None),
            template: parsed(&mut table, "template", |text| {
                with_holes(text, &["filter", "sort"], "filter")
            }),
            each_in: parsed(&mut table, "each_in", condition),
            or: table.string("or").map(|text| text.value),
            max,
            into: into?,
            each: each?,
        };
        table.finish();
        Some(compose)
    }
}

/// A template with these holes only, one of which must be there.
pub(super) fn with_holes(text: &str, known: &[&str], needed: &str) -> Result<Template, String> {
    let template = Template::parse(text)?;
    let shown = || -> String {
        let holes: Vec<_> = known.iter().map(|name| format!("{{{name}}}")).collect();
        holes.join(", ")
    };
    if let Some(hole) = template.holes().find(|hole| !known.contains(hole)) {
        return Err(format!(
            "`{{{hole}}}` is not known here; accepted: {}",
            shown()
        ));
    }
    if !template.holes().any(|hole| hole == needed) {
        return Err(format!("`{{{needed}}}` is missing; accepted: {}", shown()));
    }
    Ok(template)
}

/// How one condition looks: text, members to merge, or an element of an array.
pub(super) fn each_shape(table: &mut Table<'_>) -> Option<Each> {
    let item = table.value("each")?;
    let (shape, at) = match &item {
        Item::Text(text) => return parsed_text(table, text, condition).map(Each::Text),
        Item::Table(_) | Item::List(..) => (json(&item), item.at()),
        other => {
            table.problem(
                other.at(),
                format!(
                    "expected a string, a table or a list, found {}",
                    other.kind()
                ),
            );
            return None;
        }
    };
    if !holds_value(&shape) {
        table.problem(
            at,
            "`each` holds no value: \"$value\" or \"$values\" is missing",
        );
    }
    let nested = shape
        .as_object()
        .is_some_and(|members| members.contains_key("$field"));
    Some(if nested {
        Each::Nested(shape)
    } else {
        Each::Element(shape)
    })
}

/// One condition, as text.
fn condition(text: &str) -> Result<Template, String> {
    with_holes(text, &["field", "op", "value"], "value")
}

/// Whether a shape holds the values compared with.
fn holds_value(shape: &Value) -> bool {
    match shape {
        Value::String(text) => text == "$value" || text == "$values",
        Value::Array(items) => items.iter().any(holds_value),
        Value::Object(members) => members.values().any(holds_value),
        _ => false,
    }
}

/// Notes conditions that could not be said, or would be said in our own words.
pub(super) fn check(manifest: &Manifest, note: &Note<'_>) {
    for (index, list) in manifest.lists.iter().enumerate() {
        let at = index.to_string();
        if let Some(compose) = &list.compose {
            check_sort(list, compose, &at, note);
            check_operators(list, compose, &at, note);
            for (key, wire) in &list.filters {
                if matches!(wire.to, FilterTarget::Field(_)) {
                    check_condition(*key, wire, compose, &at, note);
                }
            }
        }
    }
}

/// A text that holds the order too needs an order that is one text.
fn check_sort(list: &ListRoute, compose: &Compose, at: &str, note: &Note<'_>) {
    let as_text = |style: &SortStyle| matches!(style, SortStyle::Signed(_) | SortStyle::Suffix(_));
    if compose.holds_sort() && list.sort.as_ref().is_some_and(|sort| !as_text(&sort.style)) {
        note(
            &["list", at, "compose", "template"],
            "`compose.template` holds `{sort}`, so the sort's style must be `signed` or `suffix`"
                .into(),
        );
    }
}

/// Operators that are in no condition: a bound would ask for what equals it.
fn check_operators(list: &ListRoute, compose: &Compose, at: &str, note: &Note<'_>) {
    let unspoken: Vec<_> = list
        .filters
        .iter()
        .filter_map(|(key, wire)| match &wire.to {
            FilterTarget::Field(field) => Some((*key, wire, field)),
            FilterTarget::Send(_) => None,
        })
        .filter(|(key, wire, _)| compose.op_needed(*key, wire).is_none())
        .collect();
    let composed = |wire: &FilterWire| matches!(wire.to, FilterTarget::Field(_));
    let all = list
        .filters
        .iter()
        .filter(|(_, wire)| composed(wire))
        .count();
    if !compose.ops.is_empty() && all > 0 && unspoken.len() == all {
        note(
            &["list", at, "compose", "ops"],
            "`ops` does nothing here: no condition holds `{op}` or \"$op\"".into(),
        );
    }
    let bound = |key: FilterKey| matches!(key.operator(), "gte" | "lte" | "lt");
    let general = unspoken
        .iter()
        .filter(|(_, wire, _)| wire.condition.is_none());
    for (index, (key, _, field)) in general.clone().enumerate() {
        let mut before = general.clone().take(index);
        let other = before.find(|(other, _, name)| {
            name == field && other.operator() != key.operator() && (bound(*other) || bound(*key))
        });
        if let Some((other, ..)) = other {
            note(
                &["list", at, "filter", key.word()],
                format!(
                    "the filters `{}` and `{}` would be sent alike: `compose.each` holds no `{{op}}` or \"$op\"",
                    other.word(),
                    key.word()
                ),
            );
        }
    }
}

fn check_condition(
    key: FilterKey,
    wire: &FilterWire,
    compose: &Compose,
    at: &str,
    note: &Note<'_>,
) {
    let word = key.word();
    let fits = match (&compose.each, &wire.condition) {
        (Each::Text(_), Some(Each::Text(_))) | (_, None) => true,
        (Each::Nested(_), Some(Each::Nested(own) | Each::Element(own))) => own.is_object(),
        (Each::Element(_), Some(own)) => !matches!(own, Each::Text(_)),
        _ => false,
    };
    if !fits {
        note(
            &["list", at, "filter", word, "each"],
            format!("`each` of the filter `{word}` must be of the kind that `compose.each` is"),
        );
        return;
    }
    if let Some(op) = compose.op_needed(key, wire)
        && !compose.ops.contains_key(op)
    {
        note(
            &["list", at, "filter", word],
            format!(
                "the filter `{word}` is sent with an operator, and `list[{at}].compose.ops` has no `{op}`"
            ),
        );
    }
}
