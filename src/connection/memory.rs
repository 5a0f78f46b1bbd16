//! What the gateway remembers of lists: of chains which page led to which, and positions too long for a cursor; and which
//! routes of which sources count rows that their lists leave out.
//!
//! What is remembered of chains is bounded, and what was not remembered again for longest is forgotten first. Forgetting costs
//! calls, never rows. It belongs to one process and is never needed for an answer to be right.

use super::place::Trail;
use crate::source::Position;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// The page that led to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Where the page begins.
    pub(super) page: Position,
    /// How many rows it held.
    pub(super) rows: u32,
    /// How many rows stood before it.
    pub(super) ordinal: u64,
    /// The way that led to it.
    pub(super) trail: Trail,
}

/// By what something is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// The page of a list that a step led to.
    Page(u64, Position),
    /// The handle of a long position.
    Handle([u8; 16]),
}

#[derive(Clone, Debug)]
enum Known {
    Step(Step),
    Position(Position),
}

/// So many bytes of positions count like one that is short.
const SHORT: u64 = 1_024;

/// What something counts that is remembered by a key.
fn weight(key: &Key, known: &Known) -> u64 {
    let by = match key {
        Key::Page(_, page) => bytes(page),
        Key::Handle(_) => 0,
    };
    let (Known::Step(Step { page, .. }) | Known::Position(page)) = known;
    ((by + bytes(page)) / SHORT).max(1)
}

fn bytes(position: &Position) -> u64 {
    match position {
        Position::Start | Position::Index(_) => 0,
        Position::Token(text) | Position::After(text) | Position::Before(text) => text.len() as u64,
    }
}

/// Remembered steps of all chains.
#[derive(Debug)]
pub(super) struct Memory {
    most: u64,
    steps: Mutex<Steps>,
    /// Sources and routes that list deleted rows unasked: few, and bounded by the configuration.
    leaving_out: Mutex<HashSet<(Box<str>, usize)>>,
}

#[derive(Debug, Default)]
struct Steps {
    known: HashMap<Key, Remembered>,
    /// The keys by when they were last remembered.
    oldest: BTreeMap<u64, Key>,
    /// How often something was remembered.
    moment: u64,
    weight: u64,
}

#[derive(Debug)]
struct Remembered {
    known: Known,
    moment: u64,
    weight: u64,
}

impl Steps {
    fn add(&mut self, key: Key, known: Known) {
        self.moment += 1;
        let remembered = Remembered {
            weight: weight(&key, &known),
            moment: self.moment,
            known,
        };
        self.weight += remembered.weight;
        self.oldest.insert(self.moment, key.clone());
        if let Some(before) = self.known.insert(key, remembered) {
            self.weight -= before.weight;
            self.oldest.remove(&before.moment);
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.oldest.pop_first();
        if let Some(gone) = oldest.and_then(|(_, key)| self.known.remove(&key)) {
            self.weight -= gone.weight;
        }
    }
}

impl Memory {
    /// A memory for so many steps; a long one counts for several.
    pub(super) fn new(most: u64) -> Self {
        Self {
            most,
            steps: Mutex::default(),
            leaving_out: Mutex::default(),
        }
    }

    /// The step that led to this page of a list.
    pub(super) fn step_to(&self, list: u64, page: &Position) -> Option<Step> {
        match self.recall(&Key::Page(list, page.clone()))? {
            Known::Step(step) => Some(step),
            Known::Position(_) => None,
        }
    }

    /// Remembers what led to a page.
    pub(super) fn remember(&self, list: u64, page: &Position, step: Step) {
        self.add(Key::Page(list, page.clone()), Known::Step(step));
    }

    /// The position that this stands for in a cursor.
    pub(super) fn kept(&self, handle: [u8; 16]) -> Option<Position> {
        match self.recall(&Key::Handle(handle))? {
            Known::Position(position) => Some(position),
            Known::Step(_) => None,
        }
    }

    /// Remembers a position that is too long for a cursor.
    pub(super) fn keep(&self, handle: [u8; 16], position: &Position) {
        self.add(Key::Handle(handle), Known::Position(position.clone()));
    }

    /// Remembers that a route of a source lists deleted rows unasked, so that its totals may count them.
    pub(super) fn note_leaving_out(&self, source: &str, route: usize) {
        let mut known = self
            .leaving_out
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known.insert((source.into(), route));
    }

    /// Whether a route of a source was seen to list deleted rows unasked.
    pub(super) fn is_leaving_out(&self, source: &str, route: usize) -> bool {
        let known = self
            .leaving_out
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        !known.is_empty() && known.contains(&(source.into(), route))
    }

    fn recall(&self, key: &Key) -> Option<Known> {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        steps
            .known
            .get(key)
            .map(|remembered| remembered.known.clone())
    }

    fn add(&self, key: Key, known: Known) {
        if self.most == 0 {
            return;
        }
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        steps.add(key, known);
        while steps.weight > self.most {
            steps.forget_oldest();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: u64, length: usize) -> Position {
        Position::Token(format!("{number:0>length$}").into())
    }

    fn remember(memory: &Memory, number: u64, length: usize) {
        let step = Step {
            page: Position::Start,
            rows: 1,
            ordinal: 0,
            trail: Trail::default(),
        };
        memory.remember(1, &token(number, length), step);
    }

    #[test]
    fn what_is_remembered_again_is_not_the_oldest() {
        let memory = Memory::new(3);
        for number in [1, 2, 3, 1, 4, 1] {
            remember(&memory, number, 10);
        }
        let known = |number| memory.step_to(1, &token(number, 10)).is_some();
        assert_eq!([1, 2, 3, 4].map(known), [true, false, true, true]);
    }

    #[test]
    fn long_positions_count_for_several() {
        let memory = Memory::new(100);
        (0..50).for_each(|number| remember(&memory, number, 10_240));
        let known = |number: &u64| memory.step_to(1, &token(*number, 10_240)).is_some();
        assert_eq!(
            (0..50).filter(known).collect::<Vec<_>>(),
            (40..50).collect::<Vec<_>>()
        );
        (0..200).for_each(|number| remember(&memory, number, 10));
        let steps = memory.steps.lock().unwrap();
        assert_eq!(
            (steps.weight, steps.known.len(), steps.oldest.len()),
            (100, 100, 100)
        );
    }
}
