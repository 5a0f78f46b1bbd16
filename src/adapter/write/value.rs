//! Values in the CRM's form, and what a record holds as values to write.

use crate::adapter::manifest::{Field, Manifest, WireFormat, WireType};
use crate::adapter::wire;
use crate::model::{Customer, FieldValue, WriteField};
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
        FieldValue::Bool(value) => Some(if field.wire == Some(WireType::String) {
            Value::from(value.to_string())
        } else {
            Value::from(*value)
        }),
        FieldValue::Texts(texts) => Some(Value::from(texts.clone())),
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

pub(super) fn typed_text(field: &Field, text: &str) -> Option<Value> {
    match field.wire {
        Some(WireType::Int) => text.parse::<i64>().ok().map(Value::from),
        Some(WireType::Float) => text.parse::<f64>().ok().map(Value::from),
        _ => Some(Value::from(text)),
    }
}

pub(super) fn text_of(value: &FieldValue) -> Option<&str> {
    match value {
        FieldValue::Text(text) | FieldValue::Phone { number: text, .. } => Some(text),
        _ => None,
    }
}

/// What a record holds, as a value to write.
pub(super) fn current_value(
    customer: &Customer,
    name: WriteField,
    carries_code: bool,
) -> Option<FieldValue> {
    match customer.value_of(name)? {
        FieldValue::Phone { number, .. } if !carries_code => Some(FieldValue::Phone {
            number,
            calling_code: None,
        }),
        value => Some(value),
    }
}
