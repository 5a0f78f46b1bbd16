//! The rate limit that two of the vendors announce in headers.
//!
//! It counts and does not refuse: a demo that runs for days and a load test must not meet a limit that is only
//! played. The count never reaches 0 by itself; a 429, which a fault brings, says that it has.

use std::sync::{Mutex, PoisonError};

use axum::response::Response;
use http::HeaderName;
use jiff::Timestamp;

use super::reply::put;

/// So many requests in each window of the clock.
pub(super) struct Meter {
    limit: u64,
    window_seconds: u64,
    /// The window that is being counted, and the requests in it.
    counted: Mutex<(u64, u64)>,
}

impl Meter {
    pub(super) fn new(limit: u64, window_seconds: u64) -> Self {
        let counted = Mutex::default();
        Self {
            limit,
            window_seconds,
            counted,
        }
    }

    /// Counts a request and puts the headers on its answer.
    pub(super) fn dress(&self, response: &mut Response) {
        let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
        let window = now.checked_div(self.window_seconds).unwrap_or_default();
        let left = match response.status().as_u16() {
            429 => 0,
            _ => self.limit.saturating_sub(self.count(window)).max(1),
        };
        let reset = (window + 1) * self.window_seconds;
        let headers = response.headers_mut();
        for (name, value) in [
            ("x-ratelimit-limit", self.limit),
            ("x-ratelimit-remaining", left),
            ("x-ratelimit-reset", reset),
        ] {
            put(headers, HeaderName::from_static(name), value);
        }
    }

    fn count(&self, window: u64) -> u64 {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.0 != window {
            *counted = (window, 0);
        }
        counted.1 += 1;
        counted.1
    }
}
