//! Single values of a record: words, texts, and what counts as the same.

use crate::adapter::manifest::{Gone, Words};
use crate::adapter::pick::Leaf;
use serde_json::Value;

impl Words {
    /// Our word for a wire value.
    pub fn read(&self, leaf: &Leaf<'_>) -> Option<&str> {
        let word = |same: fn(&Leaf<'_>, &Value) -> bool| {
            self.pairs
                .iter()
                .find(|(_, wire)| wire.iter().any(|wire| same(leaf, wire)))
                .map(|(word, _)| word.as_str())
        };
        word(same_scalar).or_else(|| if self.fold { word(same_folded) } else { None })
    }

    /// The CRM's word for ours.
    pub fn write(&self, word: &str) -> Option<&Value> {
        self.pairs
            .iter()
            .find(|(ours, _)| ours == word)
            .and_then(|(_, wire)| wire.first())
    }
}

/// Text that is the same but for letter case.
pub(super) fn same_folded(leaf: &Leaf<'_>, wire: &Value) -> bool {
    match (leaf, wire) {
        (Leaf::Text(text), Value::String(word)) => {
            let lower = |text: &str| {
                text.chars()
                    .flat_map(char::to_lowercase)
                    .collect::<Vec<_>>()
            };
            text.eq_ignore_ascii_case(word) || (!text.is_ascii() && lower(text) == lower(word))
        }
        _ => false,
    }
}

pub(super) fn same_scalar(leaf: &Leaf<'_>, wire: &Value) -> bool {
    match (leaf, wire) {
        (Leaf::Null | Leaf::Absent | Leaf::Misplaced, Value::Null) => true,
        (Leaf::Bool(a), Value::Bool(b)) => a == b,
        (Leaf::Text(a), Value::String(b)) => **a == **b,
        (Leaf::Int(a), Value::Number(b)) => b.as_i64() == Some(*a),
        (Leaf::Uint(a), Value::Number(b)) => b.as_u64() == Some(*a),
        (Leaf::Float(a), Value::Number(b)) => b.as_f64() == Some(*a),
        (Leaf::Tree(a), b) => **a == *b,
        _ => false,
    }
}

pub(super) fn means_nothing(leaf: &Leaf<'_>, nothing: &[Value]) -> bool {
    nothing.iter().any(|value| same_scalar(leaf, value))
}

/// Whether a record is a deleted one. Where the sign is a time, an array or object there is none and tells nothing.
pub(super) fn is_gone(leaf: &Leaf<'_>, gone: &Gone, is_time: bool) -> bool {
    match &gone.value {
        None if is_time && matches!(leaf, Leaf::Tree(_)) => false,
        Some(value) => same_scalar(leaf, value),
        None => !leaf.is_nothing(),
    }
}

/// A scalar as text; no floats, because an id or a key must not change on the way.
pub(super) fn plain_text(leaf: &Leaf<'_>) -> Option<Box<str>> {
    match leaf {
        Leaf::Text(text) if !text.is_empty() => Some((**text).into()),
        Leaf::Int(value) => Some(value.to_string().into()),
        Leaf::Uint(value) => Some(value.to_string().into()),
        _ => None,
    }
}

/// Text of a field. Numbers are taken as they are written; a CRM may well hold a phone as one.
pub(super) fn into_text(leaf: Leaf<'_>) -> Option<Box<str>> {
    match leaf {
        Leaf::Text(text) => Some(text.into()),
        Leaf::Int(value) => Some(value.to_string().into()),
        Leaf::Uint(value) => Some(value.to_string().into()),
        Leaf::Float(value) => Some(value.to_string().into()),
        _ => None,
    }
}

/// A single name as first and last name: what stands before the last space, and the rest.
pub(super) fn split_name(name: &str) -> (Option<Box<str>>, Option<Box<str>>) {
    match name.trim().rsplit_once(char::is_whitespace) {
        Some((first, last)) => (Some(first.trim().into()), Some(last.into())),
        None if name.trim().is_empty() => (None, None),
        None => (Some(name.trim().into()), None),
    }
}

/// The texts of a list that is one text; those that are empty are none.
pub(super) fn split(text: &str, between: &str) -> Vec<Box<str>> {
    let parts = text.split(bare(between)).map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(Box::from)
        .collect()
}

/// What stands between texts, without the spaces around it: CRMs are not strict about those.
pub fn bare(between: &str) -> &str {
    match between.trim() {
        "" => between,
        bare => bare,
    }
}
