//! Constant members of a body: their texts are templates, and `{id}` stands for the customer's id.

use super::place::{JsonPath, Step, Template};
use super::wire;
use serde_json::Value;

/// The customer that a request is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Its id.
    pub id: &'a str,
    /// The CRM's ids are numbers: a text that is `{id}` and nothing else becomes one.
    pub counted: bool,
}

/// A constant with the vars filled in that have a value.
pub fn with_vars<'a>(value: &Value, get: &dyn Fn(&str) -> Option<&'a str>) -> Value {
    each_text(value, &|text| {
        let template = Template::parse(text).ok()?;
        template.fill(get).map(Value::String)
    })
}

/// A constant with the customer's id filled in.
pub fn with_id(value: &Value, about: Option<About<'_>>) -> Value {
    let Some(About { id, counted }) = about else {
        return value.clone();
    };
    each_text(value, &|text| match wire::integer(id) {
        Some(number) if counted && text == "{id}" => Some(number),
        _ => {
            let template = Template::parse(text).ok()?;
            let filled = template.fill(|name| (name == "id").then_some(id));
            filled.map(Value::String)
        }
    })
}

/// A text without holes, or with one that has no value, stays as it is.
fn each_text(value: &Value, filled: &dyn Fn(&str) -> Option<Value>) -> Value {
    let again = |value: &Value| each_text(value, filled);
    match value {
        Value::String(text) if text.contains('{') => filled(text).unwrap_or_else(|| value.clone()),
        Value::Array(items) => items.iter().map(again).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (key.clone(), again(value)))
            .collect(),
        other => other.clone(),
    }
}

/// A form's name for a place in a body: `a[b]`.
pub fn form_name(path: &JsonPath) -> Option<String> {
    let mut name = String::new();
    for step in path.steps() {
        let Step::Key(key) = step else { return None };
        if name.is_empty() {
            name.push_str(key);
        } else {
            name.push_str(&format!("[{key}]"));
        }
    }
    Some(name)
}
