//! When a call is tried again, and how often that may happen in all.
//!
//! Waits grow and are drawn by lot, so that callers who failed together do not come back together. A budget for each source
//! keeps repeats a small part of its calls: a dead CRM must not get three times the load.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The longest wait before the first repeat; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait of our own; a CRM may ask for a longer one.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What one call earns, in hundredths of a repeat.
const EARNED: u32 = 20;
/// What one repeat costs, in the same coin.
const COST: u32 = 100;
/// The most that is saved up.
const MOST: u32 = 100 * COST;
/// What is there without any calls, and comes back at one repeat a second.
const FLOOR: u32 = 10 * COST;

/// A wait before repeat number `tried` (from 0), by lot; no shorter than what the CRM asked for.
pub fn wait(tried: u32, said: Option<Duration>) -> Duration {
    let longest = FIRST_WAIT
        .saturating_mul(2_u32.saturating_pow(tried))
        .min(LONGEST_WAIT);
    said.unwrap_or_default() + by_lot(longest)
}

/// Something between nothing and this.
pub fn by_lot(longest: Duration) -> Duration {
    // Each `RandomState` hashes differently; no more chance is needed to spread callers out.
    let lot = RandomState::new().hash_one(0_u8) % 1_000;
    longest.saturating_mul(u32::try_from(lot).unwrap_or_default()) / 1_000
}

/// How many repeats a source still gets.
#[derive(Debug)]
pub(super) struct RetryBudget(Mutex<(u32, Instant)>);

impl RetryBudget {
    pub(super) fn new() -> Self {
        Self(Mutex::new((FLOOR, Instant::now())))
    }

    /// Notes a call that is no repeat.
    pub(super) fn earn(&self) {
        let mut purse = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        purse.0 = (purse.0 + EARNED).min(MOST);
    }

    /// Takes one repeat, where there is one.
    pub(super) fn spend(&self) -> bool {
        let mut purse = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = u32::try_from(purse.1.elapsed().as_secs()).unwrap_or(u32::MAX);
        if seconds > 0 {
            let back = purse.0.saturating_add(seconds.saturating_mul(COST));
            *purse = (purse.0.max(back.min(FLOOR)), Instant::now());
        }
        let enough = purse.0 >= COST;
        if enough {
            purse.0 -= COST;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_are_drawn_by_lot_and_keep_what_was_asked_for() {
        for (tried, most) in [(0, 100), (1, 200), (2, 400), (9, 2_000), (99, 2_000)] {
            let drawn: Vec<Duration> = (0..200).map(|_| wait(tried, None)).collect();
            assert!(
                drawn
                    .iter()
                    .all(|wait| *wait <= Duration::from_millis(most))
            );
            let longest = drawn.iter().max().unwrap();
            let shortest = drawn.iter().min().unwrap();
            assert!(*longest > Duration::from_millis(most / 2), "{drawn:?}");
            assert!(*shortest < Duration::from_millis(most / 2), "{drawn:?}");
        }
        let said = Duration::from_secs(7);
        assert!(wait(0, Some(said)) >= said);
    }

    #[tokio::test(start_paused = true)]
    async fn repeats_are_a_fifth_of_the_calls_beyond_a_small_floor() {
        let budget = RetryBudget::new();
        let spent = || (0..1_000).filter(|_| budget.spend()).count();
        assert_eq!(spent(), 10);
        for _ in 0..50 {
            budget.earn();
        }
        assert_eq!(spent(), 10);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(spent(), 3);
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!(spent(), 10);
        for _ in 0..100_000 {
            budget.earn();
        }
        assert_eq!(spent(), 100);
    }
}
