//! Values in the form of the places that they go to: paths, queries, forms and headers.

use super::Unplaceable;
use crate::adapter::wire::scalar_text;
use http::header::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Everything but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A value as one text; what has members or elements is the JSON that it is.
pub(super) fn text_or_json(value: &Value) -> Option<String> {
    match value {
        Value::Array(_) | Value::Object(_) => Some(value.to_string()),
        scalar => scalar_text(scalar),
    }
}

/// A form's names for nested members: `a[b][0]`. What has none is an empty text: left out, it would stay as it was.
pub(super) fn flatten(form: &mut String, prefix: &str, value: &Value) -> Result<(), Unplaceable> {
    let name = |key: &str| {
        if prefix.is_empty() {
            key.to_owned()
        } else {
            format!("{prefix}[{key}]")
        }
    };
    let empty = match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    match value {
        _ if empty && prefix.is_empty() => Ok(()),
        _ if empty => {
            append(form, prefix, "");
            Ok(())
        }
        Value::Object(members) => members
            .iter()
            .try_for_each(|(key, value)| flatten(form, &name(key), value)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, value)| flatten(form, &name(&index.to_string()), value)),
        scalar => {
            append(form, prefix, &scalar_text(scalar).ok_or(Unplaceable)?);
            Ok(())
        }
    }
}

/// A value as one path segment, which can neither be empty nor lead upwards, not even where a server unpacks `%2F` first.
pub(super) fn as_segment(value: &str) -> Option<String> {
    let mut parts = value.split(['/', '\\']);
    let leads_away = value.is_empty() || parts.any(|part| matches!(part, "." | ".."));
    (!leads_away).then(|| encode(value))
}

/// One text as a path segment or a query value.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

pub(super) fn append(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.extend(utf8_percent_encode(name, ENCODED));
    query.push('=');
    query.extend(utf8_percent_encode(value, ENCODED));
}

/// A header's value: visible ASCII as it is, anything else refused, so that nothing can open a second header.
pub fn header_value(text: &str) -> Result<HeaderValue, Unplaceable> {
    if text.is_ascii() {
        HeaderValue::from_str(text).map_err(|_| Unplaceable)
    } else {
        Err(Unplaceable)
    }
}
