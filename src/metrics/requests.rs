//! What is counted of requests and of idempotency keys.

use super::count::words;
use super::{Counts, Latency, Word};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

words! {
    /// What a request was.
    Kind {
        /// It ran a query.
        Query = "query",
        /// It ran a mutation.
        Mutation = "mutation",
        /// It was answered with a kept answer.
        Kept = "kept",
        /// Its operation was not run.
        Refused = "refused",
        /// It was no GraphQL request, or was none yet when its caller left, or nobody was let in.
        Malformed = "malformed",
        /// It asked what is served.
        Options = "options",
    }
}

words! {
    /// How a request ended.
    Ended {
        /// Without an error.
        Fine = "ok",
        /// With data, and with errors beside it or in place of some.
        WithErrors = "errors",
        /// The caller has to change something.
        Refused = "refused",
        /// The gateway was too busy, too slow or broken.
        Failed = "failed",
        /// Its caller left before it was answered.
        Left = "left",
    }
}

words! {
    /// What an idempotency key was found to be.
    KeyUse {
        /// New: the write was sent.
        Fresh = "new",
        /// Used by the same write, whose outcome was answered again.
        Repeated = "repeated",
        /// Used by the same write, and nobody knew what became of it.
        Doubtful = "in_doubt",
        /// Used by another write.
        Clashing = "conflict",
        /// It could not be kept, or its first use had not ended.
        Refused = "refused",
    }
}

words! {
    /// What became of a span.
    SpanFate {
        /// The collector took it.
        Sent = "sent",
        /// The collector did not take it.
        Failed = "failed",
        /// Too many were waiting.
        Dropped = "dropped",
    }
}

/// What is counted of all requests.
pub struct RequestMeter {
    ended: Vec<(&'static str, Counts<Ended>, Latency)>,
    codes: &'static [&'static str],
    /// One for each code, and one for any other.
    errors: Box<[AtomicU64]>,
}

impl RequestMeter {
    /// Nothing has happened yet. `codes` are all that errors have.
    pub fn new(codes: &'static [&'static str]) -> Self {
        let kinds = Kind::WORDS.iter();
        Self {
            ended: kinds
                .map(|kind| (*kind, Counts::default(), Latency::default()))
                .collect(),
            codes,
            errors: (0..=codes.len()).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Notes a request that has ended.
    pub fn answered(&self, kind: Kind, ended: Ended, took: Duration) {
        if let Some((_, counts, latency)) = self.ended.get(kind.place()) {
            counts.add(ended);
            latency.add(took);
        }
    }

    /// Notes an error that was answered.
    pub fn error(&self, code: &str) {
        let place = self.codes.iter().position(|known| *known == code);
        if let Some(counter) = self.errors.get(place.unwrap_or(self.codes.len())) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The kinds, with what was counted of each.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &(&'static str, Counts<Ended>, Latency)> {
        self.ended.iter()
    }

    /// The codes, with their counts.
    pub(super) fn errors(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let codes = self.codes.iter().copied().chain(["OTHER"]);
        codes.zip(
            self.errors
                .iter()
                .map(|count| count.load(Ordering::Relaxed)),
        )
    }
}
