//! The customers of one emulated CRM, in memory, in the order in which they came.
//!
//! Every row has a number that is never used again, so that a walk can go on behind a row that has been deleted.
//! It knows nothing of what a row holds.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::ops::Bound;

/// Rows of `T` under ids of `K`.
pub(super) struct Book<K, T> {
    rows: BTreeMap<u64, T>,
    places: HashMap<K, u64>,
    next: u64,
}

impl<K: Hash + Eq, T> Book<K, T> {
    pub(super) fn new() -> Self {
        Self {
            rows: BTreeMap::new(),
            places: HashMap::new(),
            next: 1,
        }
    }

    /// The number that the next row will have.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Adds a row at the end.
    pub(super) fn add(&mut self, id: K, row: T) {
        self.places.insert(id, self.next);
        self.rows.insert(self.next, row);
        self.next += 1;
    }

    pub(super) fn get(&self, id: &K) -> Option<&T> {
        self.rows.get(self.places.get(id)?)
    }

    pub(super) fn get_mut(&mut self, id: &K) -> Option<&mut T> {
        self.rows.get_mut(self.places.get(id)?)
    }

    pub(super) fn remove(&mut self, id: &K) -> Option<T> {
        self.rows.remove(&self.places.remove(id)?)
    }

    /// Every row, oldest first.
    pub(super) fn rows(&self) -> impl Iterator<Item = &T> {
        self.rows.values()
    }

    /// The rows behind a number, with their numbers.
    pub(super) fn after(&self, number: u64) -> impl Iterator<Item = (u64, &T)> {
        let rest = (Bound::Excluded(number), Bound::Unbounded);
        self.rows.range(rest).map(|(number, row)| (*number, row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_goes_on_behind_a_deleted_row() {
        let mut book = Book::new();
        for id in ["a", "b", "c"] {
            book.add(id, id);
        }
        book.remove(&"b");
        book.add("b", "b2");
        assert_eq!(book.after(2).collect::<Vec<_>>(), [(3, &"c"), (4, &"b2")]);
        assert_eq!(book.get(&"b"), Some(&"b2"));
        assert_eq!(book.rows().count(), 3);
    }
}
