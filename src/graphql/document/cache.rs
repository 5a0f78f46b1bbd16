//! Checked documents, kept by their text. Bounded by count and by what they take; what was not used for longest goes first.

use super::Checked;
use foldhash::quality::RandomState;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Document text and operation name.
type Key = (Box<str>, Option<Box<str>>);

pub(super) struct Cache {
    most: usize,
    most_bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: HashMap<Key, Entry, RandomState>,
    bytes: usize,
    clock: u64,
}

struct Entry {
    checked: Arc<Checked>,
    used: u64,
}

impl Cache {
    pub(super) fn new(most: usize, most_bytes: usize) -> Self {
        Self {
            most,
            most_bytes,
            state: Mutex::default(),
        }
    }

    pub(super) fn get(&self, text: &str, operation: Option<&str>) -> Option<Arc<Checked>> {
        let key = (Box::from(text), operation.map(Box::from));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let now = state.clock;
        let entry = state.entries.get_mut(&key)?;
        entry.used = now;
        Some(Arc::clone(&entry.checked))
    }

    pub(super) fn put(&self, text: &str, operation: Option<&str>, checked: &Arc<Checked>) {
        let key: Key = (Box::from(text), operation.map(Box::from));
        let bytes = checked.weight;
        // One document must not push out all the others.
        if bytes > self.most_bytes / 8 || self.most == 0 {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let entry = Entry {
            checked: Arc::clone(checked),
            used: state.clock,
        };
        if state.entries.insert(key, entry).is_none() {
            state.bytes += bytes;
        }
        while state.entries.len() > self.most || state.bytes > self.most_bytes {
            let oldest = state.entries.iter().min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                break;
            };
            let gone = state.entries.remove(&oldest);
            let bytes = gone.map_or(0, |gone| gone.checked.weight);
            state.bytes = state.bytes.saturating_sub(bytes);
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.entries.len(), state.bytes)
    }
}
