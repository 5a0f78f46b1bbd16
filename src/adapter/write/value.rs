//! Values in the CRM's form, and what a record holds as values to write.

use crate::adapter::filter::{shaped, with_holes};
use crate::adapter::manifest::{Field, Manifest, WireFormat, WireType};
use crate::adapter::mapping::bare;
use crate::adapter::wire;
use crate::model::FieldValue;
use serde_json::Value;

/// A value in the CRM's form; `None` where the CRM has no such value.
pub(super) fn wire_value(manifest: &Manifest, field: &Field, value: &FieldValue) -> Option<Value> {
    let word = |word: &str| match field.write_words.as_ref().or(field.words.as_ref()) {
        Some(words) => manifest.enums.get(words)?.write(word).cloned(),
        None => Some(Value::from(word)),
    };
    match value {
        FieldValue::Null => Some(Value::Null),
        FieldValue::Text(text) => typed_text(field, text),
        FieldValue::Bool(value) if field.words.is_some() || field.write_words.is_some() => {
            word(if *value { "TRUE" } else { "FALSE" })
        }
        FieldValue::Bool(value) => Some(match field.wire {
            Some(WireType::String) => Value::from(value.to_string()),
            Some(WireType::Int) => Value::from(u8::from(*value)),
            _ => Value::from(*value),
        }),
        FieldValue::Texts(texts) => match &field.split {
            Some(between) => joined(texts, between),
            None => Some(Value::from(texts.clone())),
        },
        FieldValue::Date(date) => Some(wire::write_date(
            date.0,
            field.format.as_ref().unwrap_or(&WireFormat::Date),
        )),
        FieldValue::Json(value) => Some(value.clone()),
        FieldValue::Phone { number, .. } => Some(Value::from(number.as_str())),
        FieldValue::Id(id) => typed_text(field, id.as_str()),
        FieldValue::Type(value) => word(value.word()),
        FieldValue::Tier(value) => word(value.word()),
        FieldValue::Status(value) => word(value.word()),
        FieldValue::Gender(value) => word(value.word()),
    }
}

/// A list of texts as the list of objects that it is read from.
pub(super) fn in_elements(field: &Field, list: Value) -> Value {
    let element = |text: Value| {
        let mut element = Value::Null;
        field.each.put(&mut element, text);
        element
    };
    match list {
        Value::Array(texts) if field.shape.is_none() => texts.into_iter().map(element).collect(),
        other => other,
    }
}

/// Whether the CRM can hold a value. What would be written as a null is none: it would clear the field.
pub(super) fn can_write(manifest: &Manifest, field: &Field, value: &FieldValue) -> bool {
    let wire = wire_value(manifest, field, value);
    let clears = *value == FieldValue::Null;
    wire.is_some_and(|wire| clears || (!wire.is_null() && in_shape(field, wire).is_some()))
}

/// Texts as one; `None` where it would be read as others.
fn joined(texts: &[String], between: &str) -> Option<Value> {
    let whole = |text: &String| !text.contains(bare(between)) && !text.trim().is_empty();
    texts
        .iter()
        .all(whole)
        .then(|| Value::from(texts.join(between)))
}

/// What is written around a value; `None` where the value could say more than it does.
pub(super) fn in_shape(field: &Field, value: Value) -> Option<Value> {
    let Some(shape) = &field.shape else {
        return Some(value);
    };
    if !holds_text(shape) {
        return Some(shaped(shape, &value));
    }
    let text = wire::scalar_text(&value)?;
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '+' | '@');
    if text.is_empty() || !text.chars().all(plain) {
        return None;
    }
    Some(with_holes(shape, &|place| match place {
        "$" | "$value" => Some(value.clone()),
        place if place.contains(VALUE) => Some(Value::from(place.replace(VALUE, &text))),
        _ => None,
    }))
}

/// Where a longer text of a shape holds the value.
const VALUE: &str = "{value}";

/// Whether the value stands in a longer text of a shape.
fn holds_text(shape: &Value) -> bool {
    match shape {
        Value::String(text) => text.contains(VALUE),
        Value::Array(items) => items.iter().any(holds_text),
        Value::Object(members) => members.values().any(holds_text),
        _ => false,
    }
}

pub(super) fn typed_text(field: &Field, text: &str) -> Option<Value> {
    match field.wire {
        Some(WireType::Int) => {
            let signed = text.parse::<i64>().ok().map(Value::from);
            signed.or_else(|| text.parse::<u64>().ok().map(Value::from))
        }
        Some(WireType::Float) => {
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            number.map(Value::from)
        }
        _ => Some(Value::from(text)),
    }
}

pub(super) fn text_of(value: &FieldValue) -> Option<&str> {
    match value {
        FieldValue::Text(text) | FieldValue::Phone { number: text, .. } => Some(text),
        _ => None,
    }
}
