//! Counters by the words of a closed list.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

/// One of a closed list of words, as they stand in labels.
pub trait Word: Copy + 'static {
    /// Every word.
    const WORDS: &'static [&'static str];

    /// Where this one stands among them.
    fn place(self) -> usize;

    /// The word.
    fn word(self) -> &'static str {
        Self::WORDS.get(self.place()).copied().unwrap_or_default()
    }
}

/// Declares a list of words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$each])* $variant,)+ }

        impl $crate::metrics::Word for $name {
            const WORDS: &'static [&'static str] = &[$($word,)+];

            fn place(self) -> usize {
                self as usize
            }
        }
    };
}
pub(super) use words;

/// One counter for each word.
pub struct Counts<W> {
    counters: Box<[AtomicU64]>,
    words: PhantomData<W>,
}

impl<W: Word> Counts<W> {
    /// Counts one.
    pub fn add(&self, word: W) {
        self.add_many(word, 1);
    }

    /// Counts so many.
    pub fn add_many(&self, word: W, many: u64) {
        if let Some(counter) = self.counters.get(word.place()) {
            counter.fetch_add(many, Ordering::Relaxed);
        }
    }

    /// Every word with its count so far.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.counters.iter();
        W::WORDS
            .iter()
            .copied()
            .zip(counts.map(|count| count.load(Ordering::Relaxed)))
    }
}

impl<W: Word> Default for Counts<W> {
    fn default() -> Self {
        Self {
            counters: W::WORDS.iter().map(|_| AtomicU64::new(0)).collect(),
            words: PhantomData,
        }
    }
}
