//! What the gateway remembers of lists: of chains which page led to which, and positions too long for a cursor; and which
//! routes of which sources count rows that their lists leave out.
//!
//! What is remembered of chains is bounded, and the oldest is forgotten first. Forgetting costs calls, never rows. It belongs to
//! one process and is never needed for an answer to be right.

use super::place::Trail;
use crate::source::Position;
use std::collections::{HashMap, HashSet, VecDeque};
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

/// Remembered steps of all chains.
#[derive(Debug)]
pub(super) struct Memory {
    most: usize,
    steps: Mutex<Steps>,
    /// Sources and routes that list deleted rows unasked: few, and bounded by the configuration.
    leaving_out: Mutex<HashSet<(Box<str>, usize)>>,
}

#[derive(Debug, Default)]
struct Steps {
    known: HashMap<Key, Known>,
    oldest: VecDeque<Key>,
}

impl Memory {
    /// A memory for so many steps.
    pub(super) fn new(most: u64) -> Self {
        Self {
            most: usize::try_from(most).unwrap_or(usize::MAX),
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
        steps.known.get(key).cloned()
    }

    fn add(&self, key: Key, known: Known) {
        if self.most == 0 {
            return;
        }
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        if steps.known.insert(key.clone(), known).is_none() {
            steps.oldest.push_back(key);
        }
        while steps.known.len() > self.most
            && let Some(oldest) = steps.oldest.pop_front()
        {
            steps.known.remove(&oldest);
        }
    }
}
