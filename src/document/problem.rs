//! What is wrong with a file, and the place to collect it all before saying it at once.

use super::Place;
use std::cell::{Cell, RefCell};
use std::fmt;

/// One thing wrong at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{at}: {message}")]
pub struct Problem {
    /// Where.
    pub at: Place,
    /// What, and what would be right.
    pub message: String,
}

/// Everything wrong so far. Shown sorted by place, each thing once.
#[derive(Debug, Default)]
pub struct Problems {
    noted: RefCell<Vec<Problem>>,
    left_out: Cell<usize>,
}

impl Problems {
    /// How many problems are kept. The rest are counted.
    pub const MOST: usize = 100;

    /// Nothing wrong yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a problem. Noting the same thing at the same place again changes nothing.
    pub fn note(&self, at: &Place, message: impl Into<String>) {
        let problem = Problem {
            at: at.clone(),
            message: message.into(),
        };
        let mut noted = self.noted.borrow_mut();
        if noted.contains(&problem) {
            return;
        }
        if noted.len() < Self::MOST {
            noted.push(problem);
        } else {
            self.left_out.set(self.left_out.get() + 1);
        }
    }

    /// How many there are, those left out included.
    pub fn count(&self) -> usize {
        self.noted.borrow().len() + self.left_out.get()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// The problems that were kept, sorted by file, line and column.
    pub fn sorted(&self) -> Vec<Problem> {
        let mut sorted = self.noted.borrow().clone();
        sorted.sort();
        sorted
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.sorted() {
            writeln!(f, "{problem}")?;
        }
        match self.left_out.get() {
            0 => Ok(()),
            more => writeln!(f, "and {more} more"),
        }
    }
}
