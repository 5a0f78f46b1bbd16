//! How large the data of one answer may become, told while it is made: a short query can ask for the same long value under
//! hundreds of names.

use super::code::{ErrorCode, coded};
use async_graphql::Error;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The room that the data of one operation has, in bytes.
#[derive(Debug)]
pub(super) struct Room {
    most: usize,
    taken: AtomicUsize,
}

impl Room {
    pub(super) fn new(most: usize) -> Self {
        let taken = AtomicUsize::new(0);
        Self { most, taken }
    }

    /// How much room is left.
    pub(super) fn left(&self) -> usize {
        let taken = self.taken.load(Ordering::Relaxed);
        self.most.saturating_sub(taken)
    }

    /// Takes room for so many bytes. Where there is not so much, there is none from then on: nothing is made in vain again and
    /// again.
    ///
    /// # Errors
    /// TOO_LARGE.
    pub(super) fn take(&self, bytes: usize) -> Result<(), Error> {
        let fits = bytes <= self.left();
        let bytes = if fits { bytes } else { self.most };
        // One operation is one task, so nobody takes any in between; and were it so, a little too much would be all.
        self.taken.fetch_add(bytes, Ordering::Relaxed);
        fits.then_some(()).ok_or_else(|| too_large(self.most))
    }
}

/// The error of what has no room in an answer.
pub(super) fn too_large(most: usize) -> Error {
    let message = format!(
        "the answer would be larger than the {most} bytes that it may have; ask for fewer rows or fields"
    );
    coded(ErrorCode::TooLarge, message)
}
