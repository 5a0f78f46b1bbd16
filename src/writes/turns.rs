//! Writes with the same key take turns: the second waits for what becomes of the first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedMutexGuard;

type Name = [u8; 32];
type Locks = Mutex<HashMap<Name, Arc<tokio::sync::Mutex<()>>>>;

/// Who is writing with which key. It holds no more than the running writes.
#[derive(Default)]
pub(super) struct Turns(Arc<Locks>);

/// The turn of one write. It is over when this is dropped.
pub(super) struct Turn {
    name: Name,
    locks: Arc<Locks>,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits until nobody else writes with this key.
    pub(super) async fn take(&self, name: Name) -> Turn {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(name).or_default())
        };
        let mut turn = Turn {
            name,
            locks: Arc::clone(&self.0),
            guard: None,
        };
        turn.guard = Some(lock.lock_owned().await);
        turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        drop(self.guard.take());
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = locks
            .get(&self.name)
            .is_some_and(|lock| Arc::strong_count(lock) == 1);
        if unused {
            locks.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn one_at_a_time_for_each_key_and_nothing_is_left_behind() {
        let turns = Turns::default();
        let first = turns.take([1; 32]).await;
        let other = turns.take([2; 32]).await;
        let wait = Duration::from_secs(1);
        assert!(
            tokio::time::timeout(wait, turns.take([1; 32]))
                .await
                .is_err()
        );
        drop(first);
        let second = tokio::time::timeout(wait, turns.take([1; 32])).await;
        drop((second.unwrap(), other));
        assert!(turns.0.lock().unwrap().is_empty());
    }
}
