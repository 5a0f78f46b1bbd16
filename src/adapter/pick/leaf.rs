//! One value that was picked from an answer, its text borrowed from the body where that is possible.

use serde_json::Value;
use std::borrow::Cow;

/// A value that was picked.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Leaf<'a> {
    /// The path leads nowhere.
    #[default]
    Absent,
    /// The path leads through a plain value, which holds nothing.
    Misplaced,
    /// A null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number beyond the others.
    Uint(u64),
    /// Another number.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// A value that nobody can hold, and why.
    Unread(&'static str),
    /// An array or an object. Boxed: a row has many leaves, and few of them are trees.
    Tree(Box<Value>),
}

impl Leaf<'_> {
    /// Whether there is a value: neither absent nor null.
    pub fn is_some(&self) -> bool {
        !matches!(self, Leaf::Absent | Leaf::Misplaced | Leaf::Null)
    }

    /// Whether it stands for nothing: no value, or what systems write for none, `false`, 0 or something empty.
    pub fn is_nothing(&self) -> bool {
        match self {
            Leaf::Absent | Leaf::Misplaced | Leaf::Null | Leaf::Bool(false) => true,
            Leaf::Int(number) => *number == 0,
            Leaf::Text(text) => text.is_empty(),
            Leaf::Tree(tree) => match &**tree {
                Value::Array(items) => items.is_empty(),
                Value::Object(members) => members.is_empty(),
                _ => false,
            },
            Leaf::Float(number) => *number == 0.0,
            Leaf::Bool(true) | Leaf::Uint(_) | Leaf::Unread(_) => false,
        }
    }

    /// Whether it is this value. A vendor that types a flag as text still means the flag.
    pub fn is(&self, wanted: &Value) -> bool {
        match (self, wanted) {
            (Leaf::Text(said), Value::Bool(wanted)) => **said == *wanted.to_string(),
            (Leaf::Absent | Leaf::Misplaced | Leaf::Unread(_), _) => false,
            (leaf, wanted) => leaf.to_value() == *wanted,
        }
    }

    /// The elements, where it is an array.
    pub fn array(&self) -> Option<&[Value]> {
        match self {
            Leaf::Tree(tree) => tree.as_array().map(Vec::as_slice),
            _ => None,
        }
    }

    /// The same value as a tree of its own.
    pub fn to_value(&self) -> Value {
        match self {
            Leaf::Absent | Leaf::Misplaced | Leaf::Null | Leaf::Unread(_) => Value::Null,
            Leaf::Bool(value) => Value::Bool(*value),
            Leaf::Int(value) => Value::from(*value),
            Leaf::Uint(value) => Value::from(*value),
            Leaf::Float(value) => Value::from(*value),
            Leaf::Text(text) => Value::String(text.clone().into_owned()),
            Leaf::Tree(value) => (**value).clone(),
        }
    }

    /// A value of a tree as a leaf of its own.
    pub fn of(value: &Value) -> Leaf<'static> {
        match value {
            Value::Null => Leaf::Null,
            Value::Bool(value) => Leaf::Bool(*value),
            Value::String(text) => Leaf::Text(Cow::Owned(text.clone())),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(value), ..) => Leaf::Int(value),
                (None, Some(value), _) => Leaf::Uint(value),
                (None, None, value) => Leaf::Float(value.unwrap_or(f64::NAN)),
            },
            tree => Leaf::Tree(Box::new(tree.clone())),
        }
    }
}
