//! The walk through an answer, along the tree of names: what `serde` calls while it reads.

use super::apart::{is_composite, keep_apart, text};
use super::{Branch, Element, Leaf, NoRows, Picker, Rows, RowsSeen, find};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// One place of the walk.
pub(super) struct Walk<'w, 'de, R> {
    pub(super) branch: &'w Branch,
    pub(super) leaves: &'w mut [Leaf<'de>],
    pub(super) rows: &'w mut R,
    pub(super) seen: &'w mut RowsSeen,
    /// Each value is read by itself, so that one which nobody can hold costs no other.
    pub(super) apart: bool,
}

impl<'de, R: Rows<'de>> DeserializeSeed<'de> for Walk<'_, 'de, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        if self.apart {
            return self.apart(text(from)?).map_err(D::Error::custom);
        }
        if self.branch.slots.is_empty() {
            return from.deserialize_any(self);
        }
        keep(self.branch, LeafSeed.deserialize(from)?, self.leaves);
        Ok(())
    }
}

/// Puts a value into the slots of a branch, and of the branches below it.
#[inline]
pub(super) fn keep<'de>(branch: &Branch, leaf: Leaf<'de>, leaves: &mut [Leaf<'de>]) {
    // Nearly every field is read from one place, and that place is a plain value.
    if let [(slot, tail)] = &branch.slots[..]
        && tail.is_empty()
        && branch.members.is_empty()
    {
        return set(leaves, *slot, leaf);
    }
    if let Leaf::Tree(tree) = &leaf {
        for (name, below) in &branch.members {
            if let Some(value) = tree.get(&**name) {
                keep(below, Leaf::of(value), leaves);
            }
        }
        for (slot, tail) in &branch.slots {
            let found = find(tail, tree).map_or(Leaf::Absent, Leaf::of);
            set(leaves, *slot, found);
        }
        return;
    }
    if branch.firm && !says_nothing(&leaf) {
        bar_below(branch, leaves);
    }
    let mut whole = branch
        .slots
        .iter()
        .filter(|(_, tail)| tail.is_empty())
        .map(|(slot, _)| *slot);
    let first = whole.next();
    for slot in whole {
        set(leaves, slot, leaf.clone());
    }
    if let Some(slot) = first {
        set(leaves, slot, leaf);
    }
}

/// Notes in the places below a branch that a plain value stands there instead. What says that there is nothing, in the ways
/// that CRMs have for it, is no such value.
pub(super) fn misplaced(branch: &Branch, leaf: &Leaf<'_>, leaves: &mut [Leaf<'_>]) {
    if branch.firm && !says_nothing(leaf) {
        bar(branch, leaves);
    }
}

fn says_nothing(leaf: &Leaf<'_>) -> bool {
    match leaf {
        Leaf::Text(text) => text.is_empty(),
        Leaf::Bool(value) => !value,
        leaf => !leaf.is_some(),
    }
}

fn bar(branch: &Branch, leaves: &mut [Leaf<'_>]) {
    for (slot, _) in &branch.slots {
        set(leaves, *slot, Leaf::Misplaced);
    }
    for (_, below) in &branch.members {
        bar(below, leaves);
    }
}

/// The same where the value is kept: only what leads on from it is barred.
fn bar_below(branch: &Branch, leaves: &mut [Leaf<'_>]) {
    for (slot, _) in branch.slots.iter().filter(|(_, tail)| !tail.is_empty()) {
        set(leaves, *slot, Leaf::Misplaced);
    }
    for (_, below) in &branch.members {
        bar(below, leaves);
    }
}

pub(super) fn set<'de>(leaves: &mut [Leaf<'de>], slot: usize, leaf: Leaf<'de>) {
    if let Some(place) = leaves.get_mut(slot) {
        *place = leaf;
    }
}

impl<'de, R: Rows<'de>> Visitor<'de> for Walk<'_, 'de, R> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if self.branch.rows {
            *self.seen = RowsSeen::Other;
        }
        while let Some(name) = map.next_key_seed(NameSeed(&self.branch.members))? {
            match name {
                Some(below) => map.next_value_seed(Walk {
                    branch: below,
                    leaves: self.leaves,
                    rows: self.rows,
                    seen: self.seen,
                    apart: self.apart,
                })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if !self.branch.rows {
            return self.elements(seq);
        }
        *self.seen = RowsSeen::Array;
        self.rows.begin();
        let mut leaves = Vec::new();
        loop {
            let seed = self.rows.picker().seed(&mut leaves, self.apart);
            let Some(element) = seq.next_element_seed(seed)? else {
                return Ok(());
            };
            self.rows.row(&mut leaves, element);
        }
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.note(RowsSeen::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.instead(&Leaf::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.instead(&Leaf::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.instead(&Leaf::Uint(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.instead(&Leaf::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.instead(&Leaf::Text(Cow::Borrowed(text)))
    }
}

impl<'de, R: Rows<'de>> Walk<'_, 'de, R> {
    /// A value that is read by itself. The way leads on through an array or object, and every other value is a leaf.
    fn apart(self, text: &'de str) -> serde_json::Result<()> {
        if !self.branch.slots.is_empty() || !is_composite(text) {
            keep_apart(self.branch, text, self.leaves);
            let seen = match text {
                "null" => RowsSeen::Null,
                _ => RowsSeen::Other,
            };
            return self.note(seen);
        }
        serde_json::Deserializer::from_str(text).deserialize_any(self)
    }

    /// An array that is not the rows'; the way to them may lead through it.
    fn elements<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut index = 0;
        loop {
            let below = self.branch.numbered.then(|| self.branch.element(index));
            let passed = match below.flatten() {
                Some(branch) => seq.next_element_seed(Walk {
                    branch,
                    leaves: self.leaves,
                    rows: self.rows,
                    seen: self.seen,
                    apart: self.apart,
                })?,
                None => seq.next_element::<IgnoredAny>()?.map(drop),
            };
            if passed.is_none() {
                return Ok(());
            }
            index += 1;
        }
    }
}

impl<R> Walk<'_, '_, R> {
    fn instead<E>(self, leaf: &Leaf<'_>) -> Result<(), E> {
        misplaced(self.branch, leaf, self.leaves);
        self.note(RowsSeen::Other)
    }

    fn note<E>(self, seen: RowsSeen) -> Result<(), E> {
        if self.branch.rows {
            *self.seen = seen;
        }
        Ok(())
    }
}

/// Finds the branch of a member's name without keeping the name.
struct NameSeed<'b>(&'b [(Box<str>, Branch)]);

impl<'b, 'de> DeserializeSeed<'de> for NameSeed<'b> {
    type Value = Option<&'b Branch>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'b> Visitor<'_> for NameSeed<'b> {
    type Value = Option<&'b Branch>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self
            .0
            .iter()
            .find(|(known, _)| **known == *name)
            .map(|(_, branch)| branch))
    }
}

/// One element of the rows' array.
pub(super) struct RowSeed<'p, 'l, 'de> {
    pub(super) picker: &'p Picker,
    pub(super) leaves: &'l mut Vec<Leaf<'de>>,
    pub(super) apart: bool,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_, '_, 'de> {
    type Value = Element;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Element, D::Error> {
        if !self.apart {
            return from.deserialize_any(self);
        }
        let text = text(from)?;
        match text.as_bytes().first() {
            Some(b'{') if !self.picker.root.slots.is_empty() => {
                keep_apart(&self.picker.root, text, self.leaves);
                Ok(Element::Object)
            }
            Some(b'{') => serde_json::Deserializer::from_str(text)
                .deserialize_any(self)
                .map_err(D::Error::custom),
            Some(b'n') => Ok(Element::Null),
            _ => Ok(Element::Other),
        }
    }
}

impl<'de> Visitor<'de> for RowSeed<'_, '_, 'de> {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Element, A::Error> {
        if !self.picker.root.slots.is_empty() {
            keep(&self.picker.root, LeafSeed.visit_map(map)?, self.leaves);
            return Ok(Element::Object);
        }
        let mut seen = RowsSeen::Absent;
        let mut none = NoRows::new();
        Walk {
            branch: &self.picker.root,
            leaves: self.leaves,
            rows: &mut none,
            seen: &mut seen,
            apart: self.apart,
        }
        .visit_map(map)?;
        Ok(Element::Object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Element, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Element::Other)
    }

    fn visit_unit<E>(self) -> Result<Element, E> {
        Ok(Element::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Element, E> {
        Ok(Element::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Element, E> {
        Ok(Element::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Element, E> {
        Ok(Element::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Element, E> {
        Ok(Element::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Element, E> {
        Ok(Element::Other)
    }
}

/// Any value, as a leaf.
pub(super) struct LeafSeed;

impl<'de> DeserializeSeed<'de> for LeafSeed {
    type Value = Leaf<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Leaf<'de>, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for LeafSeed {
    type Value = Leaf<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<Leaf<'de>, E> {
        Ok(Leaf::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Leaf<'de>, E> {
        Ok(Leaf::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Leaf<'de>, E> {
        Ok(Leaf::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Leaf<'de>, E> {
        Ok(i64::try_from(value).map_or(Leaf::Uint(value), Leaf::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Leaf<'de>, E> {
        Ok(Leaf::Float(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Leaf<'de>, E> {
        Ok(Leaf::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Leaf<'de>, E> {
        Ok(Leaf::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Leaf<'de>, A::Error> {
        Box::<Value>::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Leaf::Tree)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Leaf<'de>, A::Error> {
        Box::<Value>::deserialize(serde::de::value::SeqAccessDeserializer::new(seq)).map(Leaf::Tree)
    }
}
