//! Single flight: identical reads that are under way are one read.
//!
//! A flight has a task of its own, so that a caller who goes away neither stops it nor fails the others; whoever waits drives
//! it too. It knows neither customers nor caches.

use foldhash::quality::RandomState;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, ready};
use std::collections::HashMap;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tracing::Instrument;

/// A read under way; every clone ends with the same answer. `None` where it broke off.
pub type Flight<V> = Shared<BoxFuture<'static, Option<V>>>;

fn shared<V: Clone + Send + Sync + 'static>(
    read: impl Future<Output = V> + Send + 'static,
) -> Flight<V> {
    let read = AssertUnwindSafe(read).catch_unwind().map(Result::ok);
    read.boxed().shared()
}

/// The reads under way, by what they read.
pub struct Flights<K, V> {
    open: Arc<Mutex<HashMap<K, Open<V>, RandomState>>>,
    most: usize,
}

/// A read that may be joined.
struct Open<V> {
    flight: Flight<V>,
    began: Instant,
}

impl<K, V> Flights<K, V>
where
    K: Hash + Eq + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Nothing is under way. At most so many keys can be joined at a time; reads beyond them are not shared.
    pub fn new(most: usize) -> Self {
        Self {
            open: Arc::new(Mutex::default()),
            most,
        }
    }

    /// Joins the flights of the keys that are under way, unless they began before `not_before`, and starts one for the
    /// others together. `start` is given these others and the moment it begins; what it gives answers each of them. The
    /// flights come in the order of the keys, each with the moment it began: its answer is at least as new as that.
    ///
    /// A flight may have landed since the caller looked for its answer elsewhere: `landed` looks there once more, while none
    /// can, and says when that was asked for.
    pub fn join<F>(
        &self,
        keys: &[K],
        not_before: Option<Instant>,
        landed: impl Fn(&K) -> Option<(V, Instant)>,
        start: impl FnOnce(Vec<K>, Instant) -> F,
    ) -> Vec<(Flight<V>, Instant)>
    where
        F: Future<Output = V> + Send + 'static,
    {
        // What gives way to a newer read ends after the lock is let go: its own end takes it too.
        let mut replaced = Vec::new();
        let mut open = locked(&self.open);
        let joined: Vec<Option<(Flight<V>, Instant)>> = keys
            .iter()
            .map(|key| {
                let under_way = open
                    .get(key)
                    .filter(|open| not_before.is_none_or(|least| open.began >= least))
                    .map(|open| (open.flight.clone(), open.began));
                under_way.or_else(|| {
                    let (found, began) = landed(key)?;
                    Some((shared(ready(found)), began))
                })
            })
            .collect();
        let missing: Vec<K> = keys
            .iter()
            .zip(&joined)
            .filter(|(_, joined)| joined.is_none())
            .map(|(key, _)| key.clone())
            .collect();
        let started = (!missing.is_empty()).then(|| {
            let began = Instant::now();
            let read = start(missing.clone(), began);
            if open.len() + missing.len() > self.most {
                // In the caller's own task: where there is no room to share, nothing outlives its caller.
                return (shared(read), began);
            }
            let landing = Landing {
                open: Arc::clone(&self.open),
                keys: missing.clone(),
                began,
            };
            let read = async move {
                let _landing = landing;
                read.await
            };
            let flight = shared(read);
            tokio::spawn(flight.clone().map(drop).in_current_span());
            for key in missing {
                let flight = flight.clone();
                replaced.extend(open.insert(key, Open { flight, began }));
            }
            (flight, began)
        });
        let joined = joined.into_iter();
        joined
            .filter_map(|joined| joined.or_else(|| started.clone()))
            .collect()
    }

    /// How many keys are under way.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        locked(&self.open).len()
    }
}

/// Ends a flight when it is dropped, also where its task broke off. A newer flight may have taken a key's place.
struct Landing<K: Hash + Eq, V> {
    open: Arc<Mutex<HashMap<K, Open<V>, RandomState>>>,
    keys: Vec<K>,
    began: Instant,
}

impl<K: Hash + Eq, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        let mut open = locked(&self.open);
        for key in &self.keys {
            if open.get(key).is_some_and(|open| open.began <= self.began) {
                open.remove(key);
            }
        }
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

    fn none(_: &u32) -> Option<(u32, Instant)> {
        None
    }

    #[tokio::test]
    async fn identical_reads_are_one_and_outlive_their_first_caller() {
        let flights: Flights<u32, u32> = Flights::new(10);
        let started = Arc::new(AtomicU32::new(0));
        let (open, gate) = oneshot::channel::<()>();
        let first = {
            let started = Arc::clone(&started);
            flights.join(&[1, 2], None, none, |keys, _| async move {
                started.fetch_add(1, Ordering::Relaxed);
                drop(gate.await);
                u32::try_from(keys.len()).unwrap()
            })
        };
        assert_eq!(first.len(), 2);
        drop(first);
        let again = flights.join(&[2, 3], None, none, |keys, _| {
            assert_eq!(keys, [3], "2 is under way");
            async { 7 }
        });
        assert_eq!(again[1].0.clone().await, Some(7));
        open.send(()).unwrap();
        assert_eq!(
            again[0].0.clone().await,
            Some(2),
            "the caller that began it is gone"
        );
        assert_eq!(started.load(Ordering::Relaxed), 1);
        assert_eq!(flights.len(), 0);
    }

    #[tokio::test]
    async fn a_read_goes_on_when_all_its_callers_have_left() {
        let flights: Flights<u32, u32> = Flights::new(10);
        let (open, gate) = oneshot::channel::<()>();
        let (landed, end) = oneshot::channel::<()>();
        let callers = flights.join(&[1], None, none, |_, _| async move {
            drop(gate.await);
            landed.send(()).unwrap();
            1
        });
        let left = callers.into_iter().map(|(mut flight, _)| {
            // It has begun, and is nobody's task.
            assert!((&mut flight).now_or_never().is_none());
            drop(flight);
        });
        left.for_each(drop);
        open.send(()).unwrap();
        end.await.unwrap();
        while flights.len() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_flight_that_breaks_off_ends_for_all_and_is_forgotten() {
        let flights: Flights<u32, u32> = Flights::new(10);
        let broken = flights.join(&[1], None, none, |_, _| async { panic!("on purpose") });
        assert_eq!(broken[0].0.clone().await, None);
        assert_eq!(flights.len(), 0);
        let next = flights.join(&[1], None, none, |_, _| async { 5 });
        assert_eq!(next[0].0.clone().await, Some(5));
    }

    #[tokio::test]
    async fn who_wants_news_joins_no_older_flight_and_takes_its_place() {
        let flights: Flights<u32, u32> = Flights::new(10);
        let (open, gate) = oneshot::channel::<()>();
        let old = flights.join(&[1], None, none, |_, _| async {
            drop(gate.await);
            1
        });
        let (open_new, new_gate) = oneshot::channel::<()>();
        let since = Instant::now();
        let new = flights.join(&[1], Some(since), none, |_, _| async {
            drop(new_gate.await);
            2
        });
        open.send(()).unwrap();
        assert_eq!(old[0].0.clone().await, Some(1));
        let joined = flights.join(&[1], Some(since), none, |_, _| async { 3 });
        open_new.send(()).unwrap();
        assert_eq!(new[0].0.clone().await, Some(2));
        assert_eq!(joined[0].0.clone().await, Some(2), "the newer one goes on");
        assert_eq!(flights.len(), 0);
    }

    #[tokio::test]
    async fn beyond_the_ceiling_nothing_is_shared() {
        let flights: Flights<u32, u32> = Flights::new(1);
        let (open, gate) = oneshot::channel::<()>();
        let first = flights.join(&[1], None, none, |_, _| async {
            drop(gate.await);
            1
        });
        let alone = flights.join(&[2], None, none, |_, _| async { 2 });
        assert_eq!(flights.len(), 1);
        assert_eq!(alone[0].0.clone().await, Some(2));
        open.send(()).unwrap();
        assert_eq!(first[0].0.clone().await, Some(1));
    }

    #[tokio::test]
    async fn what_has_just_landed_is_not_read_again() {
        let flights: Flights<u32, u32> = Flights::new(10);
        let found = flights.join(
            &[1, 2],
            None,
            |key| (*key == 1).then(|| (11, Instant::now())),
            |keys, _| {
                assert_eq!(keys, [2]);
                async { 12 }
            },
        );
        assert_eq!(found[0].0.clone().await, Some(11));
        assert_eq!(found[1].0.clone().await, Some(12));
    }
}
