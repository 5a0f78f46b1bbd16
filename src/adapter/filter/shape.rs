//! Shapes: constants of an adapter file with holes such as `"$"` for a value.

use serde_json::Value;

/// A shape with the value in place of every `"$"`.
pub fn shaped(shape: &Value, value: &Value) -> Value {
    with_holes(shape, &|text| {
        (text == "$" || text == "$value").then(|| value.clone())
    })
}

/// A shape with some of its texts replaced.
pub fn with_holes(shape: &Value, hole: &dyn Fn(&str) -> Option<Value>) -> Value {
    match shape {
        Value::String(text) => hole(text).unwrap_or_else(|| shape.clone()),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| with_holes(item, hole)).collect())
        }
        Value::Object(members) => {
            let named = |key: &str| match hole(key) {
                Some(Value::String(name)) => name,
                _ => key.to_owned(),
            };
            Value::Object(
                members
                    .iter()
                    .map(|(key, value)| (named(key), with_holes(value, hole)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}
