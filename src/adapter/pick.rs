//! Picks the values an adapter names out of an answer in one pass, without building the tree in between.
//!
//! Paths are compiled to a tree of member names (`Picker`); an answer is walked once along it and only the named leaves
//! are kept, text borrowed from the body where it holds no escapes. Paths that choose array elements fall back to a
//! small tree at the point where they leave plain members.

use super::place::{JsonPath, Step, find};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// A value that was picked.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Leaf<'a> {
    /// The path leads nowhere.
    #[default]
    Absent,
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
    /// An array or an object. Boxed: a row has many leaves, and few of them are trees.
    Tree(Box<Value>),
}

impl Leaf<'_> {
    /// Whether there is a value: neither absent nor null.
    pub fn is_some(&self) -> bool {
        !matches!(self, Leaf::Absent | Leaf::Null)
    }

    /// Whether it is this value. A vendor that types a flag as text still means the flag.
    pub fn is(&self, wanted: &Value) -> bool {
        match (self, wanted) {
            (Leaf::Text(said), Value::Bool(wanted)) => **said == *wanted.to_string(),
            (Leaf::Absent, _) => false,
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
            Leaf::Absent | Leaf::Null => Value::Null,
            Leaf::Bool(value) => Value::Bool(*value),
            Leaf::Int(value) => Value::from(*value),
            Leaf::Uint(value) => Value::from(*value),
            Leaf::Float(value) => Value::from(*value),
            Leaf::Text(text) => Value::String(text.clone().into_owned()),
            Leaf::Tree(value) => (**value).clone(),
        }
    }

    fn of(value: &Value) -> Leaf<'static> {
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

/// One place the tree of names leads to.
#[derive(Clone, Debug, Default)]
struct Branch {
    members: Vec<(Box<str>, Branch)>,
    /// Leaves to keep here: the slot, and what is left of its path.
    slots: Vec<(usize, Vec<Step>)>,
    /// The rows stand here.
    rows: bool,
}

/// A compiled set of paths. Each path has a slot; picking fills the slots.
#[derive(Clone, Debug, Default)]
pub struct Picker {
    root: Branch,
    slots: usize,
}

impl Picker {
    /// Adds a path and returns its slot.
    pub fn add(&mut self, path: &JsonPath) -> usize {
        let slot = self.slots;
        self.slots += 1;
        let plain = path
            .steps()
            .iter()
            .take_while(|step| matches!(step, Step::Key(key) if key.parse::<usize>().is_err()))
            .count();
        let (head, tail) = path.steps().split_at(plain);
        self.branch(head).slots.push((slot, tail.to_vec()));
        slot
    }

    /// Says where the rows stand; `false` where the path is not made of plain members.
    pub fn rows_at(&mut self, path: &JsonPath) -> bool {
        self.branch(path.steps()).rows = true;
        path.is_plain()
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the place was just found, or just pushed"
    )]
    fn branch(&mut self, steps: &[Step]) -> &mut Branch {
        steps.iter().fold(&mut self.root, |branch, step| {
            let name: &str = match step {
                Step::Key(key) => key,
                Step::Select { .. } => "",
            };
            let place = branch
                .members
                .iter()
                .position(|(known, _)| **known == *name)
                .unwrap_or_else(|| {
                    branch.members.push((name.into(), Branch::default()));
                    branch.members.len() - 1
                });
            &mut branch.members[place].1
        })
    }

    /// Picks from a document. `rows` is called for each element of the rows' array, in order.
    ///
    /// # Errors
    /// When the text is not JSON.
    pub fn pick<'de, R>(
        &self,
        text: &'de [u8],
        rows: &mut R,
    ) -> Result<Picked<'de>, serde_json::Error>
    where
        R: Rows<'de>,
    {
        let mut leaves = vec![Leaf::Absent; self.slots];
        let mut rows_seen = RowsSeen::Absent;
        // Once for the whole text is much cheaper than once for each string in it.
        let text = std::str::from_utf8(text).map_err(serde::de::Error::custom)?;
        let mut from = serde_json::Deserializer::from_str(text);
        Walk {
            branch: &self.root,
            leaves: &mut leaves,
            rows,
            seen: &mut rows_seen,
        }
        .deserialize(&mut from)?;
        from.end()?;
        Ok(Picked {
            leaves,
            rows: rows_seen,
        })
    }

    /// Fills the slots from the next element of an array.
    fn seed<'p, 'l, 'de>(&'p self, leaves: &'l mut Vec<Leaf<'de>>) -> RowSeed<'p, 'l, 'de> {
        leaves.clear();
        leaves.resize(self.slots, Leaf::Absent);
        RowSeed {
            picker: self,
            leaves,
        }
    }
}

/// What was picked from a document.
#[derive(Debug)]
pub struct Picked<'de> {
    /// The slots.
    pub leaves: Vec<Leaf<'de>>,
    /// Whether the rows' array was there.
    pub rows: RowsSeen,
}

/// Whether the rows' array was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsSeen {
    /// Nothing at its place.
    Absent,
    /// A null.
    Null,
    /// An array.
    Array,
    /// Something else.
    Other,
}

/// Takes the rows one by one.
pub trait Rows<'de> {
    /// The rows' array begins. In a document that has it twice the last one counts, as for every other member.
    fn begin(&mut self);
    /// The picker of one row.
    fn picker(&self) -> &Picker;
    /// One row's leaves; `is_object` is false where the element was no object.
    fn row(&mut self, leaves: &mut [Leaf<'de>], is_object: bool);
}

/// No rows are wanted.
pub struct NoRows(Picker);

impl NoRows {
    /// Takes nothing.
    pub fn new() -> Self {
        Self(Picker::default())
    }
}

impl<'de> Rows<'de> for NoRows {
    fn begin(&mut self) {}

    fn picker(&self) -> &Picker {
        &self.0
    }

    fn row(&mut self, _: &mut [Leaf<'de>], _: bool) {}
}

struct Walk<'w, 'de, R> {
    branch: &'w Branch,
    leaves: &'w mut [Leaf<'de>],
    rows: &'w mut R,
    seen: &'w mut RowsSeen,
}

impl<'de, R: Rows<'de>> DeserializeSeed<'de> for Walk<'_, 'de, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        if self.branch.slots.is_empty() {
            return from.deserialize_any(self);
        }
        let leaf = LeafSeed.deserialize(from)?;
        keep(self.branch, leaf, self.leaves);
        Ok(())
    }
}

/// Puts a value into the slots of a branch, and of the branches below it.
fn keep<'de>(branch: &Branch, leaf: Leaf<'de>, leaves: &mut [Leaf<'de>]) {
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

fn set<'de>(leaves: &mut [Leaf<'de>], slot: usize, leaf: Leaf<'de>) {
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
                })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if !self.branch.rows {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        *self.seen = RowsSeen::Array;
        self.rows.begin();
        let mut leaves = Vec::new();
        loop {
            let seed = self.rows.picker().seed(&mut leaves);
            let Some(is_object) = seq.next_element_seed(seed)? else {
                return Ok(());
            };
            self.rows.row(&mut leaves, is_object);
        }
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.note(RowsSeen::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.note(RowsSeen::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.note(RowsSeen::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.note(RowsSeen::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.note(RowsSeen::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.note(RowsSeen::Other)
    }
}

impl<R> Walk<'_, '_, R> {
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
struct RowSeed<'p, 'l, 'de> {
    picker: &'p Picker,
    leaves: &'l mut Vec<Leaf<'de>>,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_, '_, 'de> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_, '_, 'de> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<bool, A::Error> {
        let mut seen = RowsSeen::Absent;
        let mut none = NoRows::new();
        Walk {
            branch: &self.picker.root,
            leaves: self.leaves,
            rows: &mut none,
            seen: &mut seen,
        }
        .visit_map(map)?;
        Ok(true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }
}

/// Any value, as a leaf.
struct LeafSeed;

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
        use serde::Deserialize;
        Box::<Value>::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Leaf::Tree)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Leaf<'de>, A::Error> {
        use serde::Deserialize;
        Box::<Value>::deserialize(serde::de::value::SeqAccessDeserializer::new(seq)).map(Leaf::Tree)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Seen<'de>(Picker, Vec<(Vec<Leaf<'de>>, bool)>);

    impl<'de> Rows<'de> for Seen<'de> {
        fn begin(&mut self) {
            self.1.clear();
        }

        fn picker(&self) -> &Picker {
            &self.0
        }

        fn row(&mut self, leaves: &mut [Leaf<'de>], is_object: bool) {
            self.1.push((leaves.to_vec(), is_object));
        }
    }

    fn path(text: &str) -> JsonPath {
        JsonPath::parse(text).unwrap()
    }

    fn text(text: &str) -> Leaf<'_> {
        Leaf::Text(Cow::Borrowed(text))
    }

    #[test]
    fn one_pass_fills_envelope_and_rows() {
        let mut row = Picker::default();
        let (id, first, primary) = (
            row.add(&path("/_id")),
            row.add(&path("/profile/first")),
            row.add(&path("/mails/{p=true}/v")),
        );
        let mut whole = Picker::default();
        let total = whole.add(&path("/page/total"));
        whole.rows_at(&path("/data"));
        let body = br#"{"data":[{"_id":7,"profile":{"first":"Zo\u00eb","x":[1]},"mails":[{"p":false,"v":"a"},{"p":true,"v":"b"}]},null,[1]],"page":{"total":"150"}}"#;
        let mut seen = Seen(row, Vec::new());
        let picked = whole.pick(body, &mut seen).unwrap();
        assert_eq!(picked.leaves[total], text("150"));
        assert_eq!(picked.rows, RowsSeen::Array);
        assert_eq!(seen.1.len(), 3, "a row that is no object takes its place");
        let (leaves, is_object) = &seen.1[0];
        assert!(is_object);
        assert_eq!(
            (&leaves[id], &leaves[first], &leaves[primary]),
            (&Leaf::Int(7), &text("Zoë"), &text("b"))
        );
        assert!(!seen.1[1].1 && !seen.1[2].1);
    }

    #[test]
    fn a_place_may_be_a_value_and_hold_others() {
        let mut picker = Picker::default();
        let (whole, code) = (
            picker.add(&path("/error")),
            picker.add(&path("/error/code")),
        );
        let pick = |body: &'static [u8]| picker.pick(body, &mut NoRows::new()).unwrap().leaves;
        let leaves = pick(br#"{"error":"gone"}"#);
        assert_eq!(
            (&leaves[whole], &leaves[code]),
            (&text("gone"), &Leaf::Absent)
        );
        let leaves = pick(br#"{"error":{"code":"X"}}"#);
        assert_eq!(
            (&leaves[whole], &leaves[code]),
            (&Leaf::Tree(Box::new(json!({"code": "X"}))), &text("X"))
        );
    }

    #[test]
    fn rows_at_the_root_absent_and_null() {
        let mut root = Picker::default();
        root.rows_at(&path(""));
        let mut seen = Seen(Picker::default(), Vec::new());
        assert_eq!(
            root.pick(b"[{},{}]", &mut seen).unwrap().rows,
            RowsSeen::Array
        );
        assert_eq!(seen.1.len(), 2);
        let mut below = Picker::default();
        below.rows_at(&path("/a/b"));
        let rows = |body: &'static [u8]| below.pick(body, &mut NoRows::new()).unwrap().rows;
        assert_eq!(rows(b"{}"), RowsSeen::Absent);
        assert_eq!(rows(br#"{"a":{"b":null}}"#), RowsSeen::Null);
        assert_eq!(rows(br#"{"a":{"b":"x"}}"#), RowsSeen::Other);
        assert!(below.pick(b"<html>", &mut NoRows::new()).is_err());
        assert!(below.pick(b"{} trailing", &mut NoRows::new()).is_err());
    }
}
