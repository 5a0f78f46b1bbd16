//! Picks the values an adapter names out of an answer in one pass, without building the tree in between.
//!
//! Paths are compiled to a tree of member names (`Picker`); an answer is walked once along it and only the named leaves
//! are kept, text borrowed from the body where it holds no escapes. Paths that choose array elements fall back to a
//! small tree at the point where they leave plain members.

mod leaf;
mod scan;

pub use leaf::Leaf;
pub use scan::NotJson;

use super::place::{JsonPath, Step, find};
use scan::Scanner;

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
    /// The text is not JSON.
    pub fn pick<'de, R>(&self, text: &'de [u8], rows: &mut R) -> Result<Picked<'de>, NotJson>
    where
        R: Rows<'de>,
    {
        let mut leaves = vec![Leaf::Absent; self.slots];
        // Once for the whole text is much cheaper than once for each string in it.
        let text = std::str::from_utf8(text).map_err(|_| NotJson)?;
        let mut scanner = Scanner::new(text);
        let mut walk = Walk {
            scanner: &mut scanner,
            rows,
            seen: RowsSeen::Absent,
        };
        walk.value(&self.root, &mut leaves)?;
        let rows = walk.seen;
        scanner.end()?;
        Ok(Picked { leaves, rows })
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

/// Walks an answer along the tree of names.
struct Walk<'w, 'de, R> {
    scanner: &'w mut Scanner<'de>,
    rows: &'w mut R,
    seen: RowsSeen,
}

impl<'de, R: Rows<'de>> Walk<'_, 'de, R> {
    fn value(&mut self, branch: &Branch, leaves: &mut [Leaf<'de>]) -> Result<(), NotJson> {
        if !branch.slots.is_empty() {
            keep(branch, self.scanner.leaf()?, leaves);
            return Ok(());
        }
        let first = self.scanner.peek()?;
        if branch.rows {
            self.seen = match first {
                b'[' => return self.elements(),
                b'n' => RowsSeen::Null,
                _ => RowsSeen::Other,
            };
        }
        match first {
            b'{' => self.members(branch, leaves),
            _ => self.scanner.skip(),
        }
    }

    fn members(&mut self, branch: &Branch, leaves: &mut [Leaf<'de>]) -> Result<(), NotJson> {
        let mut more = self.scanner.enter(b'{', b'}')?;
        while more {
            let name = self.scanner.name()?.read()?;
            let known = branch.members.iter().find(|(known, _)| **known == *name);
            match known {
                Some((_, below)) => self.value(below, leaves)?,
                None => self.scanner.skip()?,
            }
            more = self.scanner.goes_on(b'}')?;
        }
        Ok(())
    }

    fn elements(&mut self) -> Result<(), NotJson> {
        self.seen = RowsSeen::Array;
        self.rows.begin();
        let mut leaves = Vec::new();
        let mut more = self.scanner.enter(b'[', b']')?;
        while more {
            let element = self.element(&mut leaves)?;
            self.rows.row(&mut leaves, element);
            more = self.scanner.goes_on(b']')?;
        }
        Ok(())
    }

    /// Fills the slots from the next element.
    fn element(&mut self, leaves: &mut Vec<Leaf<'de>>) -> Result<Element, NotJson> {
        let picker = self.rows.picker();
        leaves.clear();
        leaves.resize(picker.slots, Leaf::Absent);
        let element = match self.scanner.peek()? {
            b'{' => Element::Object,
            b'n' => Element::Null,
            _ => Element::Other,
        };
        if element != Element::Object {
            return self.scanner.skip().map(|()| element);
        }
        let mut row = Walk {
            scanner: self.scanner,
            rows: &mut NoRows::new(),
            seen: RowsSeen::Absent,
        };
        row.value(&picker.root, leaves).map(|()| element)
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

#[cfg(test)]
mod tests;
