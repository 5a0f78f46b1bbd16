//! What can go wrong on purpose: the faults that [`Crm::set_fault`](super::Crm::set_fault) switches on.
//!
//! It only decides which fault meets which request; `door` carries it out.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What goes wrong, for tests and for trying things out. It meets every request of the CRM, also one for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is carried out at once and answered this much later: who stops waiting does not know.
    Latency(Duration),
    /// This status with the vendor's error body; the request is not carried out.
    Status {
        /// The HTTP status; what is none becomes 500.
        status: u16,
        /// The seconds of a `Retry-After` header.
        retry_after: Option<u64>,
    },
    /// A 200 with an HTML page, as a proxy in the way would answer; the request is not carried out.
    Garbage,
    /// The connection closes without an answer; the request is not carried out.
    Reset,
    /// The request is carried out and its answer breaks off short of its `Content-Length`.
    Truncated,
    /// A write of a customer is carried out and then the connection closes; everything else is answered as usual.
    ApplyThenDrop,
    /// The fault meets every `nth` request, counted from when it was set; 0 is never.
    Every {
        /// How many requests it takes to meet the fault once.
        nth: u64,
        /// What happens to that one.
        fault: Box<Fault>,
    },
}

/// The fault that is switched on, and how many requests met it since.
#[derive(Default)]
pub(super) struct Faults {
    set: Mutex<(Option<Fault>, u64)>,
}

impl Faults {
    pub(super) fn set(&self, fault: Option<Fault>) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = (fault, 0);
    }

    /// The fault of the request that comes now; never an [`Fault::Every`].
    pub(super) fn next(&self) -> Option<Fault> {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        set.1 += 1;
        let (mut fault, mut count) = (set.0.as_ref()?, set.1);
        while let Fault::Every { nth, fault: inner } = fault {
            if count.checked_rem(*nth) != Some(0) {
                return None;
            }
            count = count.checked_div(*nth)?;
            fault = inner;
        }
        Some(fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counts_from_when_it_was_set_and_nests() {
        let faults = Faults::default();
        assert_eq!(faults.next(), None);
        let third = Fault::Every {
            nth: 3,
            fault: Box::new(Fault::Reset),
        };
        faults.set(Some(third.clone()));
        let met: Vec<bool> = (0..7).map(|_| faults.next().is_some()).collect();
        assert_eq!(met, [false, false, true, false, false, true, false]);
        faults.set(Some(Fault::Every {
            nth: 2,
            fault: Box::new(third),
        }));
        let met: Vec<u64> = (1..=12).filter(|_| faults.next().is_some()).collect();
        assert_eq!(met, [6, 12]);
        faults.set(Some(Fault::Every {
            nth: 0,
            fault: Box::new(Fault::Garbage),
        }));
        assert_eq!(faults.next(), None);
    }
}
