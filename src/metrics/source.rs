//! What is counted of one source.

use super::count::words;
use super::{Counts, Latency};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

words! {
    /// What a call to a CRM is for.
    Purpose {
        /// Records.
        Data = "data",
        /// Credentials.
        Credentials = "credentials",
    }
}

words! {
    /// What came of a call that was sent, or was to be.
    Answered {
        /// An answer of this class.
        Good = "2xx",
        /// A redirect, which is not followed.
        Elsewhere = "3xx",
        /// The rate limit is used up.
        Throttled = "429",
        /// Another refusal.
        Refused = "4xx",
        /// The CRM failed.
        Failed = "5xx",
        /// No connection.
        NoConnection = "connect",
        /// No answer in time.
        Late = "timeout",
        /// The connection broke.
        Broken = "broken",
        /// The answer was too large.
        TooLarge = "too_large",
        /// Something that is no HTTP answer class.
        Odd = "odd",
    }
}

words! {
    /// Why a call was not sent.
    Unsent {
        /// Too many wait already, or it got no place while there was time for it.
        QueueFull = "queue_full",
        /// No time was left when it was to be made.
        TooLate = "too_late",
        /// The CRM keeps failing and is left alone.
        LeftAlone = "left_alone",
    }
}

words! {
    /// Where the answer to a read came from.
    Read {
        /// From the cache.
        Kept = "kept",
        /// From a read that was under way.
        Joined = "joined",
        /// From the CRM, with or without success.
        Sent = "sent",
        /// From the cache, too old, because the CRM failed.
        Stale = "stale",
    }
}

words! {
    /// What came of asking a CRM for what it has not said before.
    Asked {
        /// There is nothing new.
        Unchanged = "not_modified",
        /// It answered as it does without the condition.
        Answered = "answered",
        /// It called another version unchanged, and was asked once more.
        Confused = "other_version",
    }
}

words! {
    /// What became of a read in the background.
    Renewal {
        /// It was begun.
        Begun = "begun",
        /// It was left to the next caller, because the CRM had other things to do.
        HeldBack = "held_back",
    }
}

words! {
    /// What came of a write.
    Changed {
        /// It was made.
        Applied = "applied",
        /// It was not.
        NotApplied = "not_applied",
        /// Nobody knows.
        Unknown = "unknown",
    }
}

words! {
    /// How a source changed.
    Away {
        /// It is left alone from now on.
        Down = "down",
        /// It is back.
        Back = "back",
    }
}

/// What is counted of one source.
#[derive(Default)]
pub struct SourceMeter {
    /// Pages of lists that were read.
    pub pages: Counts<Read>,
    /// Customers that were read by their id.
    pub customers: Counts<Read>,
    /// Reads that asked only for what is new.
    pub conditional: Counts<Asked>,
    /// Reads in the background.
    pub renewals: Counts<Renewal>,
    /// Writes.
    pub writes: Counts<Changed>,
    /// Calls that were not sent.
    pub unsent: Counts<Unsent>,
    /// How often it went and came back.
    pub turns: Counts<Away>,
    pub(super) data: Counts<Answered>,
    pub(super) credentials: Counts<Answered>,
    pub(super) latency: Latency,
    retries: AtomicU64,
    retries_denied: AtomicU64,
}

impl SourceMeter {
    /// Notes a call that was made.
    pub fn called(&self, purpose: Purpose, answered: Answered, took: Duration) {
        match purpose {
            Purpose::Data => self.data.add(answered),
            Purpose::Credentials => self.credentials.add(answered),
        }
        self.latency.add(took);
    }

    /// Notes that a call is tried again, or was not because too many were.
    pub fn again(&self, granted: bool) {
        let counter = if granted {
            &self.retries
        } else {
            &self.retries_denied
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Calls that were tried again, and those that were not for want of budget.
    pub(super) fn retries(&self) -> (u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.retries), read(&self.retries_denied))
    }
}

/// It stands in settings, whose text must not change with what was counted.
impl fmt::Debug for SourceMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SourceMeter")
    }
}
