//! JSON text of the values that records hold, and of the executor's trees with such text in them.

use crate::model::DateTime;
use async_graphql::Value;
use async_graphql::resolver_utils::EnumType;
use serde::Serialize;
use std::io::Write as _;

/// Writes what serde knows how to write. Writing to memory does not fail.
pub(super) fn plain(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    let before = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(before);
        out.extend_from_slice(b"null");
    }
}

/// A string.
pub(super) fn text(text: &str, out: &mut Vec<u8>) {
    // Every byte is looked at, without a way out: so the compiler looks at many at once.
    let escaped = |found, byte: u8| found | matches!(byte, 0..=0x1f | b'"' | b'\\');
    if text.bytes().fold(false, escaped) {
        return plain(text, out);
    }
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// A value, or `null`.
pub(super) fn option<T>(value: Option<T>, out: &mut Vec<u8>, write: impl FnOnce(T, &mut Vec<u8>)) {
    match value {
        Some(value) => write(value, out),
        None => out.extend_from_slice(b"null"),
    }
}

/// What prints without a character that JSON would escape: times, days.
pub(super) fn printed(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = write!(out, "\"{value}\"");
}

/// A moment, as its scalar shows it.
pub(super) fn time(at: DateTime, out: &mut Vec<u8>) {
    if at.is_far() {
        return printed(at, out);
    }
    const PRINTER: jiff::fmt::temporal::DateTimePrinter =
        jiff::fmt::temporal::DateTimePrinter::new();
    out.push(b'"');
    // Writing to memory does not fail.
    let _ = PRINTER.print_timestamp(&at.0, &mut *out);
    out.push(b'"');
}

/// A word of an enum.
pub(super) fn word<T: EnumType>(value: T, out: &mut Vec<u8>) {
    let item = T::items().iter().find(|item| item.value == value);
    option(item, out, |item, out| text(item.name, out));
}

/// A tree of the executor, with the texts of this module's neighbours put in as they are.
pub(in crate::graphql) fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Binary(written) => out.extend_from_slice(written),
        Value::List(items) => {
            out.push(b'[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_value(item, out);
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            let mut before = b'{';
            for (key, value) in fields {
                out.push(before);
                before = b',';
                text(key, out);
                out.push(b':');
                write_value(value, out);
            }
            if fields.is_empty() {
                out.push(b'{');
            }
            out.push(b'}');
        }
        Value::Null | Value::Number(_) | Value::String(_) | Value::Boolean(_) | Value::Enum(_) => {
            plain(value, out);
        }
    }
}

/// How long such a tree is as text, but for what has to be escaped and the digits of numbers.
pub(in crate::graphql) fn length(value: &Value) -> usize {
    match value {
        Value::Binary(written) => written.len(),
        Value::String(text) => text.len() + 2,
        Value::Enum(word) => word.len() + 2,
        Value::List(items) => items.iter().map(|item| length(item) + 1).sum::<usize>() + 1,
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(key, value)| key.len() + length(value) + 4);
            fields.sum::<usize>() + 1
        }
        Value::Null | Value::Boolean(_) | Value::Number(_) => 4,
    }
}
