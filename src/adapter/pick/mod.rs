//! Picks the values an adapter names out of an answer in one pass, without building the tree in between.
//!
//! Paths are compiled to a tree of member names (`Picker`); an answer is walked once along it and only the named leaves
//! are kept, text borrowed from the body where it holds no escapes. Paths that choose array elements fall back to a
//! small tree at the point where they leave plain members.

mod apart;
mod leaf;
mod scan;
mod walk;

pub use apart::{Beyond, beyond};
pub use leaf::Leaf;

use super::place::{JsonPath, Step, find};
use serde::de::DeserializeSeed;
use walk::{RowSeed, Walk};

/// One place the tree of names leads to.
#[derive(Clone, Debug, Default)]
struct Branch {
    members: Vec<(Box<str>, Branch)>,
    /// Leaves to keep here: the slot, and what is left of its path.
    slots: Vec<(usize, Vec<Step>)>,
    /// The rows stand here.
    rows: bool,
    /// The way to the rows may lead through an element of an array that stands here, by its number.
    numbered: bool,
    /// A value that leads no further is noted in the places below it.
    firm: bool,
    /// Its name is written in JSON as it is.
    unescaped: bool,
}

impl Branch {
    /// Whether a value is kept on the way along these steps, or at their end.
    fn keeps_along(&self, steps: &[Step]) -> bool {
        let below = || {
            let (Step::Key(key), rest) = steps.split_first()? else {
                return None;
            };
            let (_, below) = self.members.iter().find(|(name, _)| name == key)?;
            Some(below.keeps_along(rest))
        };
        !self.slots.is_empty() || below().unwrap_or(false)
    }

    /// Where the way goes on in this element of an array.
    fn element(&self, index: usize) -> Option<&Self> {
        let mut members = self.members.iter();
        let (_, below) = members.find(|(name, _)| number(name) == Some(index))?;
        Some(below)
    }
}

fn number(key: &str) -> Option<usize> {
    key.parse().ok()
}

/// A compiled set of paths. Each path has a slot; picking fills the slots.
#[derive(Clone, Debug, Default)]
pub struct Picker {
    root: Branch,
    slots: usize,
    firm: bool,
    rows: Option<Box<RowsAt>>,
}

/// Where the rows of a document stand.
#[derive(Clone, Debug)]
struct RowsAt {
    path: JsonPath,
    /// Finds them by themselves, where a value that is kept whole holds them: it is not gone through row by row.
    apart: Option<Picker>,
}

impl Picker {
    /// A picker that tells a place which is not there from one that cannot be there, because a plain value stands where its
    /// path leads on.
    pub fn firm() -> Self {
        Self {
            firm: true,
            ..Self::default()
        }
    }

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
        self.part_rows();
        slot
    }

    /// Says where the rows stand; `false` where the path is not made of plain members.
    pub fn rows_at(&mut self, path: &JsonPath) -> bool {
        self.lead_to_rows(path.steps());
        self.rows = Some(Box::new(RowsAt {
            path: path.clone(),
            apart: None,
        }));
        self.part_rows();
        path.is_plain()
    }

    fn lead_to_rows(&mut self, steps: &[Step]) {
        self.branch(steps).rows = true;
        let is_number = |step: &Step| matches!(step, Step::Key(key) if number(key).is_some());
        for (place, _) in steps.iter().enumerate().filter(|(_, step)| is_number(step)) {
            let (before, _) = steps.split_at(place);
            self.branch(before).numbered = true;
        }
    }

    /// Has the rows found by themselves, where they need it.
    fn part_rows(&mut self) {
        let Some(rows) = &mut self.rows else { return };
        if rows.apart.is_some() || !self.root.keeps_along(rows.path.steps()) {
            return;
        }
        let mut alone = Self::default();
        alone.lead_to_rows(rows.path.steps());
        rows.apart = Some(alone);
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the place was just found, or just pushed"
    )]
    fn branch(&mut self, steps: &[Step]) -> &mut Branch {
        let firm = self.firm;
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
                    let below = Branch {
                        firm,
                        unescaped: !name.contains(|c| matches!(c, '"' | '\\' | ..='\x1f')),
                        ..Branch::default()
                    };
                    branch.members.push((name.into(), below));
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
        // Once for the whole text is much cheaper than once for each string in it.
        let text = std::str::from_utf8(text).map_err(serde::de::Error::custom)?;
        let apart = self.rows.as_ref().and_then(|rows| rows.apart.as_ref());
        let Some(apart) = apart else {
            return self.go_through(text, rows);
        };
        let seen = apart.go_through(text, rows)?.rows;
        let picked = self.go_through(text, &mut NoRows::new())?;
        Ok(Picked {
            rows: seen,
            ..picked
        })
    }

    fn go_through<'de, R>(
        &self,
        text: &'de str,
        rows: &mut R,
    ) -> Result<Picked<'de>, serde_json::Error>
    where
        R: Rows<'de>,
    {
        match scan::pick(self, text, rows) {
            Some(picked) => Ok(picked),
            None => match self.walk(text, rows, false) {
                Err(error) if beyond(&error).is_some() => self.walk(text, rows, true),
                picked => picked,
            },
        }
    }

    /// The same by `serde_json` alone, whatever the text holds; if need be each value apart.
    fn walk<'de, R: Rows<'de>>(
        &self,
        text: &'de str,
        rows: &mut R,
        apart: bool,
    ) -> Result<Picked<'de>, serde_json::Error> {
        let mut leaves = vec![Leaf::Absent; self.slots];
        let mut rows_seen = RowsSeen::Absent;
        let mut from = serde_json::Deserializer::from_str(text);
        Walk {
            branch: &self.root,
            leaves: &mut leaves,
            rows,
            seen: &mut rows_seen,
            apart,
        }
        .deserialize(&mut from)?;
        from.end()?;
        Ok(Picked {
            leaves,
            rows: rows_seen,
        })
    }

    /// Empties the slots.
    fn clear(&self, leaves: &mut Vec<Leaf<'_>>) {
        leaves.clear();
        leaves.resize(self.slots, Leaf::Absent);
    }

    /// Fills the slots from the next element of an array.
    fn seed<'p, 'l, 'de>(
        &'p self,
        leaves: &'l mut Vec<Leaf<'de>>,
        apart: bool,
    ) -> RowSeed<'p, 'l, 'de> {
        self.clear(leaves);
        RowSeed {
            picker: self,
            leaves,
            apart,
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

/// What an element of the rows' array was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// An object, as a record should be.
    Object,
    /// A null.
    Null,
    /// Something else.
    Other,
}

/// Takes the rows one by one.
pub trait Rows<'de> {
    /// The rows' array begins. In a document that has it twice the last one counts, as for every other member.
    fn begin(&mut self);
    /// The picker of one row.
    fn picker(&self) -> &Picker;
    /// One row's leaves, and what the element was; nothing is picked from one that is no object.
    fn row(&mut self, leaves: &mut [Leaf<'de>], element: Element);
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

    fn row(&mut self, _: &mut [Leaf<'de>], _: Element) {}
}

#[cfg(test)]
mod tests;
