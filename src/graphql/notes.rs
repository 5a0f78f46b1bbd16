//! What resolvers have to say beside data and errors: it becomes the `extensions` of the answer.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The notes of one operation.
#[derive(Debug, Default)]
pub struct Notes {
    drifted: AtomicBool,
    left_out: AtomicUsize,
}

impl Notes {
    /// Rows moved so far between two calls that the place of a cursor was not found again.
    pub(super) fn drifted(&self) {
        self.drifted.store(true, Ordering::Relaxed);
    }

    /// So many errors were not even made, as the answer has no room for them.
    pub(super) fn leave_out(&self, errors: usize) {
        self.left_out.fetch_add(errors, Ordering::Relaxed);
    }

    /// How many errors were not made.
    pub(super) fn left_out(&self) -> usize {
        self.left_out.load(Ordering::Relaxed)
    }

    /// The extensions to answer; empty where there is nothing to say.
    pub(super) fn extensions(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut extensions = serde_json::Map::new();
        if self.drifted.load(Ordering::Relaxed) {
            let paging = serde_json::json!({ "drift": "unresolved" });
            extensions.insert("paging".to_owned(), paging);
        }
        extensions
    }
}
