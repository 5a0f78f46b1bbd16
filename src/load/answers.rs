//! Whole answers, for the next request that asks the same: nothing is parsed, run or written again.
//!
//! An answer lives as long as everything that was read for it stays fresh, and no longer than until the next write to any
//! source its caller sees. It knows no GraphQL; what a key must tell apart is for its makers to say.

use super::gone::Gone;
use crate::metrics::CacheMoment;
use bytes::Bytes;
use foldhash::quality::RandomState;
use moka::Expiry;
use moka::ops::compute::Op;
use moka::sync::Cache;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the store itself needs for an entry, in bytes.
const OVERHEAD: usize = 256;

/// Answers by what was asked.
pub struct Answers {
    kept: Cache<Box<[u8]>, Arc<Kept>, RandomState>,
    gone: Gone,
}

#[derive(Debug)]
struct Kept {
    body: Bytes,
    /// The epoch of the sources before anything was read for it.
    epoch: u64,
    since: Instant,
    fresh_until: Instant,
    weight: u32,
}

impl Answers {
    /// Keeps about so many bytes at most; `None` for zero.
    pub fn new(bytes: u64) -> Option<Self> {
        let gone = Gone::default();
        let noted = gone.clone();
        (bytes > 0).then(|| Self {
            kept: Cache::builder()
                .max_capacity(bytes)
                .weigher(|_, kept: &Arc<Kept>| kept.weight)
                .expire_after(UntilStale)
                .eviction_listener(move |_, _, cause| noted.note(cause))
                .build_with_hasher(RandomState::default()),
            gone,
        })
    }

    /// Goes on counting where that one has got to.
    pub fn count_on(&self, before: &Self) {
        self.gone.count_on(&before.gone);
    }

    /// How full it is.
    pub fn moment(&self) -> CacheMoment {
        self.gone.moment(&self.kept)
    }

    /// The answer under a key and for how long it stays fresh, unless something was written since.
    pub fn get(&self, key: &[u8], epoch: u64) -> Option<(Bytes, Duration)> {
        let kept = self.kept.get(key)?;
        let left = kept.fresh_until.checked_duration_since(Instant::now())?;
        (kept.epoch == epoch && !left.is_zero()).then(|| (kept.body.clone(), left))
    }

    /// Keeps an answer that was begun `since`, when the sources were in this epoch, unless a later one is kept.
    pub fn keep(&self, key: Box<[u8]>, body: Bytes, epoch: u64, since: Instant, fresh: Duration) {
        let weight = key.len() + body.len() + OVERHEAD;
        let kept = Arc::new(Kept {
            body,
            epoch,
            since,
            fresh_until: since + fresh,
            weight: u32::try_from(weight).unwrap_or(u32::MAX),
        });
        self.kept.entry(key).and_upsert_with(|there| match there {
            Some(there) if there.value().since > since => there.into_value(),
            _ => kept,
        });
    }

    /// Forgets the answer under a key where it was begun before then: a later one said something else, and may not be kept.
    pub fn forget(&self, key: Box<[u8]>, since: Instant) {
        // Mostly there is nothing, and looking takes no lock.
        if self.kept.contains_key(&key) {
            self.kept.entry(key).and_compute_with(|there| match there {
                Some(there) if there.value().since <= since => Op::Remove,
                _ => Op::Nop,
            });
        }
    }

    /// How many bytes are kept, after what was put off has been done.
    #[cfg(test)]
    fn settled_bytes(&self) -> u64 {
        self.kept.run_pending_tasks();
        self.kept.weighted_size()
    }
}

/// Stale answers are of no use to anybody.
struct UntilStale;

impl Expiry<Box<[u8]>, Arc<Kept>> for UntilStale {
    fn expire_after_create(
        &self,
        _: &Box<[u8]>,
        kept: &Arc<Kept>,
        now: Instant,
    ) -> Option<Duration> {
        Some(kept.fresh_until.saturating_duration_since(now))
    }

    fn expire_after_update(
        &self,
        _: &Box<[u8]>,
        kept: &Arc<Kept>,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.fresh_until.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn keep(answers: &Answers, key: &[u8], epoch: u64, fresh: Duration) {
        answers.keep(
            key.into(),
            Bytes::from_static(b"{}"),
            epoch,
            Instant::now(),
            fresh,
        );
    }

    #[test]
    fn an_answer_is_given_again_in_its_epoch_and_while_it_is_fresh() {
        let answers = Answers::new(1_000_000).unwrap();
        keep(&answers, b"a", 1, LONG);
        assert!(answers.get(b"a", 1).is_some_and(|(_, left)| left <= LONG));
        assert!(answers.get(b"a", 2).is_none(), "something was written");
        assert!(answers.get(b"b", 1).is_none(), "another question");
        keep(&answers, b"a", 1, Duration::ZERO);
        assert!(answers.get(b"a", 1).is_none(), "stale");
        assert!(Answers::new(0).is_none());
    }

    #[test]
    fn a_later_answer_that_may_not_be_kept_takes_the_older_one_along() {
        let answers = Answers::new(1_000_000).unwrap();
        let before = Instant::now();
        keep(&answers, b"a", 1, LONG);
        answers.forget((*b"a").into(), before);
        assert!(answers.get(b"a", 1).is_some(), "what is kept is the later");
        answers.forget((*b"a").into(), Instant::now());
        assert!(answers.get(b"a", 1).is_none());
    }

    #[test]
    fn what_is_kept_stays_within_its_bytes() {
        let answers = Answers::new(100_000).unwrap();
        for number in 0..5_000_u32 {
            keep(&answers, &number.to_le_bytes(), 0, LONG);
        }
        assert!((1..=100_000).contains(&answers.settled_bytes()));
    }
}
