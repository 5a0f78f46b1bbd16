//! Single flight: identical reads that are under way are one read.
//!
//! A flight runs in a task of its own, so that a caller who goes away neither stops it nor fails the others. It knows
//! neither customers nor caches.

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A read under way; every clone ends with the same answer. `None` where its task broke off.
pub type Flight<V> = Shared<BoxFuture<'static, Option<V>>>;

/// The reads under way, by what they read.
pub struct Flights<K, V> {
    open: Arc<Mutex<HashMap<K, Flight<V>>>>,
}

impl<K, V> Flights<K, V>
where
    K: Hash + Eq + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Nothing is under way.
    pub fn new() -> Self {
        Self {
            open: Arc::new(Mutex::new(HashMap::new())),
        }
    }

    /// Joins the flights of the keys that are under way, and starts one for the others together. `start` is given these
    /// others; what it gives answers each of them. The flights come in the order of the keys.
    pub fn join<F>(&self, keys: &[K], start: impl FnOnce(Vec<K>) -> F) -> Vec<Flight<V>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut open = locked(&self.open);
        let missing: Vec<K> = keys
            .iter()
            .filter(|key| !open.contains_key(*key))
            .cloned()
            .collect();
        if !missing.is_empty() {
            let (task, landed, mine) = (
                tokio::spawn(start(missing.clone())),
                Arc::clone(&self.open),
                missing.clone(),
            );
            let flight = async move {
                let answer = task.await.ok();
                let mut open = locked(&landed);
                for key in &mine {
                    open.remove(key);
                }
                answer
            };
            let flight: Flight<V> = flight.boxed().shared();
            // The flight clears its keys itself, also when nobody waits for it any more.
            tokio::spawn(flight.clone());
            open.extend(missing.into_iter().map(|key| (key, flight.clone())));
        }
        keys.iter()
            .filter_map(|key| open.get(key).cloned())
            .collect()
    }

    /// How many keys are under way.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        locked(&self.open).len()
    }
}

/// The lock, also after a panic elsewhere: the map is whole at every point where it is let go.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn identical_reads_are_one_and_outlive_their_first_caller() {
        let flights: Flights<u32, u32> = Flights::new();
        let started = Arc::new(AtomicU32::new(0));
        let (open, gate) = oneshot::channel::<()>();
        let first = {
            let started = Arc::clone(&started);
            flights.join(&[1, 2], |keys| async move {
                started.fetch_add(1, Ordering::Relaxed);
                drop(gate.await);
                u32::try_from(keys.len()).unwrap()
            })
        };
        assert_eq!(first.len(), 2);
        drop(first);
        let again = flights.join(&[2, 3], |keys| {
            assert_eq!(keys, [3], "2 is under way");
            async { 7 }
        });
        assert_eq!(again[1].clone().await, Some(7));
        open.send(()).unwrap();
        assert_eq!(
            again[0].clone().await,
            Some(2),
            "the caller that began it is gone"
        );
        assert_eq!(started.load(Ordering::Relaxed), 1);
        assert_eq!(flights.len(), 0);
    }

    #[tokio::test]
    async fn a_flight_that_breaks_off_ends_for_all_and_is_forgotten() {
        let flights: Flights<u32, u32> = Flights::new();
        let broken = flights.join(&[1], |_| async { panic!("on purpose") });
        assert_eq!(broken[0].clone().await, None);
        assert_eq!(flights.len(), 0);
        assert_eq!(
            flights.join(&[1], |_| async { 5 })[0].clone().await,
            Some(5)
        );
    }
}
