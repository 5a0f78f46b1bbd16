//! The little languages of an adapter file: pointers, templates, names, requests and statuses. Each is read from the text
//! or the value under a key, and a mistake is noted at its place.

use crate::adapter::place::{Destination, JsonPath, Template};
use crate::document::{Table, Text, Value as Item};
use ::http::{HeaderName, Method, header};
use serde_json::Value;

/// Headers that say where a message ends, where it goes and how the connection is used (RFC 9110, RFC 9112).
const FRAMING: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A value of a file as JSON.
pub(super) fn json(item: &Item<'_>) -> Value {
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
pub(super) fn parsed<T>(
    table: &mut Table<'_>,
    key: &str,
    parse: fn(&str) -> Result<T, String>,
) -> Option<T> {
    let text = table.string(key)?;
    parsed_text(table, &text, parse)
}

pub(super) fn parsed_text<T>(
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

pub(super) fn required<T>(
    table: &mut Table<'_>,
    key: &str,
    parse: fn(&str) -> Result<T, String>,
) -> Option<T> {
    table.require(key);
    parsed(table, key, parse)
}

/// One pointer, or a list of them.
pub(super) fn pointers<T>(
    table: &mut Table<'_>,
    key: &str,
    parse: fn(&str) -> Result<T, String>,
) -> Vec<T> {
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
pub(super) fn templates<N>(
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
                let value =
                    crate::adapter::wire::scalar_text(&json(&entry.value)).unwrap_or_default();
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

/// The name of a header that a file may set; those that frame a message are the exchange's own.
pub(super) fn header_name(text: &str) -> Result<HeaderName, String> {
    let name: HeaderName = text
        .parse()
        .map_err(|_| format!("`{text}` is no header name"))?;
    if FRAMING.contains(&name) {
        return Err(format!(
            "`{text}` belongs to the exchange itself and cannot be set"
        ));
    }
    Ok(name)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of several parsers of names, most of which can fail"
)]
pub(super) fn any_name(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// The path of a JSON pointer that must be made of plain members.
pub(super) fn plain_path(text: &str) -> Result<JsonPath, String> {
    let path = JsonPath::parse(text)?;
    if path.is_plain() {
        Ok(path)
    } else {
        Err(format!("`{text}` must be made of plain members here"))
    }
}

pub(super) fn method_and_path(text: &str) -> Result<(Method, Template), String> {
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

/// A list of HTTP statuses.
pub(super) fn statuses(table: &mut Table<'_>, key: &str) -> Vec<u16> {
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
pub(super) fn destination(text: &str) -> Result<Destination, String> {
    Destination::parse(text)
}
