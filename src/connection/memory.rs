//! What the gateway remembers of chains of pages that lead forward only: which page led to which.
//!
//! Bounded; the oldest is forgotten first. Forgetting costs calls, never rows. It belongs to one process and is never
//! needed for an answer to be right.

use super::place::Trail;
use crate::source::Position;
use std::collections::{HashMap, VecDeque};
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

type Key = (u64, Position);

/// Remembered steps of all chains.
#[derive(Debug)]
pub(super) struct Memory {
    most: usize,
    steps: Mutex<Steps>,
}

#[derive(Debug, Default)]
struct Steps {
    known: HashMap<Key, Step>,
    oldest: VecDeque<Key>,
}

impl Memory {
    /// A memory for so many steps.
    pub(super) fn new(most: u64) -> Self {
        Self {
            most: usize::try_from(most).unwrap_or(usize::MAX),
            steps: Mutex::default(),
        }
    }

    /// The step that led to this page of a list.
    pub(super) fn step_to(&self, list: u64, page: &Position) -> Option<Step> {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        steps.known.get(&(list, page.clone())).cloned()
    }

    /// Remembers what led to a page.
    pub(super) fn remember(&self, list: u64, page: &Position, step: Step) {
        if self.most == 0 {
            return;
        }
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (list, page.clone());
        if steps.known.insert(key.clone(), step).is_none() {
            steps.oldest.push_back(key);
        }
        while steps.known.len() > self.most
            && let Some(oldest) = steps.oldest.pop_front()
        {
            steps.known.remove(&oldest);
        }
    }
}
