//! The rate limit that two of the vendors announce in headers.
//!
//! It counts and does not refuse: a demo that runs for days and a load test must not meet a limit that is only
//! played. The count never falls so low by itself that somebody with many calls under way would wait; a 429, which a fault
//! brings, says that nothing is left.

use std::sync::{Mutex, PoisonError};

use axum::response::Response;
use http::HeaderName;
use jiff::Timestamp;

use super::reply::put;

/// What is always left: more than anybody has under way.
const SPARE: u64 = 100;

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
            _ => self.limit.saturating_sub(self.count(window)).max(SPARE),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_only_played_holds_nobody_up() {
        let meter = Meter::new(600, 3_600);
        for _ in 0..2_000 {
            let mut response = Response::default();
            meter.dress(&mut response);
            let left = response.headers()["x-ratelimit-remaining"].to_str();
            assert!(left.unwrap().parse::<u64>().unwrap() >= SPARE);
        }
    }
}
