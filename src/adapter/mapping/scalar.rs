//! Single values of a record: words, texts, and what counts as the same.

use crate::adapter::manifest::{Gone, Words};
use crate::adapter::pick::Leaf;
use crate::adapter::place::says;
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

    /// Whether a wire value is the one that is written for the word it is read as.
    pub fn is_the_one(&self, leaf: &Leaf<'_>) -> bool {
        let ours = self.read(leaf);
        let mut pairs = self.pairs.iter();
        let wire = pairs.find_map(|(word, wire)| (Some(word.as_str()) == ours).then_some(wire));
        match wire.map(Vec::as_slice) {
            Some([_]) => true,
            Some([first, ..]) => same_scalar(leaf, first),
            _ => false,
        }
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

/// Whether a record is a deleted one. Where the sign is a time, an array or object there is none and tells nothing. A word is
/// compared as freely as it is read: a flag may be text or a number, and with `fold` letter case is left aside.
pub(super) fn is_gone(leaf: &Leaf<'_>, gone: &Gone, is_time: bool, fold: bool) -> bool {
    match &gone.value {
        None if is_time && matches!(leaf, Leaf::Tree(_)) => false,
        Some(value) => {
            let as_flag = || {
                value
                    .as_bool()
                    .is_some_and(|wanted| flag(leaf) == Some(wanted))
            };
            let as_text = || plain_text(leaf).is_some_and(|text| says(value, &text));
            same_scalar(leaf, value) || as_flag() || as_text() || (fold && same_folded(leaf, value))
        }
        None => !leaf.is_nothing(),
    }
}

/// A boolean, as CRMs write them.
pub(super) fn flag(leaf: &Leaf<'_>) -> Option<bool> {
    match leaf {
        Leaf::Bool(value) => Some(*value),
        Leaf::Int(0) => Some(false),
        Leaf::Int(1) => Some(true),
        Leaf::Text(text) if text.eq_ignore_ascii_case("true") || text == "1" => Some(true),
        Leaf::Text(text) if text.eq_ignore_ascii_case("false") || text == "0" => Some(false),
        _ => None,
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
