//! The last way through an answer, for one with a value that nobody can hold: each is read by itself, so that this one costs no
//! other.

use super::walk::{LeafSeed, keep, set};
use super::{Branch, Leaf};
use crate::adapter::place::{Step, says};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer};
use serde_json::value::RawValue;
use std::collections::HashMap;

/// What nobody can hold, in text that is JSON all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// It nests too deep.
    Depth,
    /// A number has no double near it.
    Number,
}

/// Whether a text could not be read for what stands in it, JSON though it is as far as it was read.
pub fn beyond(error: &serde_json::Error) -> Option<Beyond> {
    let said = error.to_string();
    let begins = |with: &str| said.starts_with(with);
    match (begins("recursion limit"), begins("number out of range")) {
        (true, _) => Some(Beyond::Depth),
        (_, true) => Some(Beyond::Number),
        _ => None,
    }
}

/// Why a value is not read.
fn reason(error: &serde_json::Error) -> &'static str {
    match beyond(error) {
        Some(Beyond::Depth) => "it nests deeper than 127 levels",
        Some(Beyond::Number) => "it holds a number that is too large",
        None => "it is no text",
    }
}

/// The text of the next value, without what stands around it.
pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<&'de str, D::Error> {
    <&RawValue>::deserialize(from).map(RawValue::get)
}

/// Whether the text of a value is that of an array or object.
pub(super) fn is_composite(text: &str) -> bool {
    text.starts_with(['{', '['])
}

/// A value, as a leaf.
fn read(text: &str) -> Leaf<'_> {
    let mut from = serde_json::Deserializer::from_str(text);
    let leaf = LeafSeed.deserialize(&mut from);
    leaf.unwrap_or_else(|error| Leaf::Unread(reason(&error)))
}

/// Puts a value into the slots of a branch, and of the branches below it. Of one that cannot be held whole, what is wanted is
/// looked for in its text: a list must not end, nor a record be thought alive, because something beside their signs is odd.
pub(super) fn keep_apart<'de>(branch: &Branch, text: &'de str, leaves: &mut [Leaf<'de>]) {
    let reason = match read(text) {
        Leaf::Unread(reason) => reason,
        leaf => return keep(branch, leaf, leaves),
    };
    let parts = match Parts::of(text) {
        Ok(parts) => parts,
        Err(reason) => return unread(branch, reason, leaves),
    };
    for (slot, tail) in &branch.slots {
        let leaf = match tail.split_first() {
            None => Leaf::Unread(reason),
            Some((step, rest)) => sought(&parts, step, rest),
        };
        set(leaves, *slot, leaf);
    }
    for (name, below) in &branch.members {
        if let Some(text) = parts.member(name) {
            keep_apart(below, text, leaves);
        }
    }
}

/// The value at the end of these steps.
fn sought<'de>(parts: &Parts<'de>, step: &Step, rest: &[Step]) -> Leaf<'de> {
    let text = match parts.follow(step) {
        Ok(Some(text)) => text,
        Ok(None) => return Leaf::Absent,
        Err(reason) => return Leaf::Unread(reason),
    };
    let Some((step, rest)) = rest.split_first() else {
        return read(text);
    };
    match Parts::of(text) {
        Ok(parts) => sought(&parts, step, rest),
        Err(reason) => Leaf::Unread(reason),
    }
}

/// Notes in all places of a branch that nobody knows what stands there.
fn unread(branch: &Branch, reason: &'static str, leaves: &mut [Leaf<'_>]) {
    for (slot, _) in &branch.slots {
        set(leaves, *slot, Leaf::Unread(reason));
    }
    for (_, below) in &branch.members {
        unread(below, reason, leaves);
    }
}

/// The texts of what a value consists of.
enum Parts<'de> {
    Members(HashMap<String, &'de RawValue>),
    Elements(Vec<&'de RawValue>),
    /// It is a plain value.
    None,
}

impl<'de> Parts<'de> {
    fn of(text: &'de str) -> Result<Self, &'static str> {
        let parts = match text.as_bytes().first() {
            Some(b'{') => serde_json::from_str(text).map(Self::Members),
            Some(b'[') => serde_json::from_str(text).map(Self::Elements),
            _ => match read(text) {
                Leaf::Unread(reason) => return Err(reason),
                _ => Ok(Self::None),
            },
        };
        parts.map_err(|error| reason(&error))
    }

    fn member(&self, name: &str) -> Option<&'de str> {
        match self {
            Self::Members(members) => members.get(name).map(|value| value.get()),
            _ => None,
        }
    }

    /// What a step leads to. Where one that chooses an element meets one whose member cannot be read, nobody knows which it is.
    fn follow(&self, step: &Step) -> Result<Option<&'de str>, &'static str> {
        match (step, self) {
            (Step::Key(key), Self::Elements(items)) => {
                let place = key.parse::<usize>().ok();
                let item = place.and_then(|place| items.get(place));
                Ok(item.map(|item| item.get()))
            }
            (Step::Key(key), _) => Ok(self.member(key)),
            (Step::Select { key, value }, Self::Elements(items)) => {
                let objects = items.iter().map(|item| item.get());
                for item in objects.filter(|item| item.starts_with('{')) {
                    // An array or object is never the one that is looked for.
                    let parts = Self::of(item)?;
                    let said = parts.member(key).filter(|text| !is_composite(text));
                    match said.map(read) {
                        Some(Leaf::Unread(reason)) => return Err(reason),
                        Some(leaf) if says(&leaf.to_value(), value) => return Ok(Some(item)),
                        _ => {}
                    }
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }
}
