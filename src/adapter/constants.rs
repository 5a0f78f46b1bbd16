//! Constant members of a body: their texts are templates, and `{id}` stands for the customer's id.

use super::place::{JsonPath, Part, Step, Template};
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

/// A constant whose vars are filled in: what stood in them is text, whatever braces it has.
#[derive(Clone, Debug)]
pub enum Constant {
    /// A value without holes.
    Plain(Value),
    /// A text that names the customer.
    Text(Template),
    /// A list of constants.
    List(Vec<Constant>),
    /// An object of constants.
    Object(Vec<(String, Constant)>),
}

impl Constant {
    /// Fills in the vars. Braces that make no hole are only text.
    pub fn new<'a>(value: &Value, get: &dyn Fn(&str) -> Option<&'a str>) -> Self {
        let again = |value: &Value| Self::new(value, get);
        match value {
            Value::String(text) => match Template::parse(text).map(|text| text.filled(get)) {
                Ok(template) if template.holes().next().is_some() => Self::Text(template),
                Ok(template) => Self::Plain(template.fill(|_| None).into()),
                Err(_) => Self::Plain(value.clone()),
            },
            Value::Array(items) => Self::List(items.iter().map(again).collect()),
            Value::Object(members) => {
                let member = |(key, value): (&String, &Value)| (key.clone(), again(value));
                Self::Object(members.iter().map(member).collect())
            }
            other => Self::Plain(other.clone()),
        }
    }

    /// The value in a request about a customer.
    pub fn about(&self, about: Option<About<'_>>) -> Value {
        match self {
            Self::Plain(value) => value.clone(),
            Self::Text(template) => named(template, about),
            Self::List(items) => items.iter().map(|item| item.about(about)).collect(),
            Self::Object(members) => members
                .iter()
                .map(|(key, value)| (key.clone(), value.about(about)))
                .collect(),
        }
    }
}

/// A text with the customer's id in it.
fn named(template: &Template, about: Option<About<'_>>) -> Value {
    if let Some(About { id, counted: true }) = about
        && let [Part::Hole(_)] = template.parts()
        && let Some(number) = wire::integer(id)
    {
        return number;
    }
    let id = about.map(|about| about.id);
    let text = template.fill(|name| id.filter(|_| name == "id"));
    Value::String(text.unwrap_or_default())
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
