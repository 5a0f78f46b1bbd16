//! How long things took, as a histogram that is only ever added to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets, in microseconds; above the last one there is one more.
const BOUNDS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000, 30_000_000,
];

/// How long things took.
#[derive(Default)]
pub struct Latency {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

/// What a [`Latency`] came to.
pub(super) struct Seen {
    /// Seconds in all.
    pub(super) seconds: f64,
    /// How many.
    pub(super) count: u64,
    /// Upper bounds in seconds, each with how many fell between the one before and it.
    pub(super) buckets: Vec<(f64, u64)>,
}

impl Latency {
    /// Notes one.
    pub fn add(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// All of them so far.
    pub(super) fn seen(&self) -> Seen {
        let bounds = BOUNDS.iter().map(|micros| seconds(*micros));
        let counts = self
            .buckets
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        Seen {
            seconds: seconds(self.micros.load(Ordering::Relaxed)),
            count: buckets.iter().map(|(_, count)| count).sum(),
            buckets,
        }
    }
}

fn seconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_falls_into_the_first_bucket_that_holds_it() {
        let latency = Latency::default();
        for micros in [0, 500, 501, 30_000_000, 30_000_001] {
            latency.add(Duration::from_micros(micros));
        }
        let seen = latency.seen();
        let counts: Vec<u64> = seen.buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(seen.count, 5);
        assert!((seen.seconds - 60.001_002).abs() < 1e-9);
    }
}
