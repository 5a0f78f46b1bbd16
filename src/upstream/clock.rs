//! How far a CRM's clock is ahead of ours, as its answers tell.

use http::header::{self, HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// `Date` is told in whole seconds.
const UNIT: SignedDuration = SignedDuration::from_secs(1);

/// The clock of one CRM. Of its answers only the last one's `Date` is kept; it is read when somebody wants to know.
#[derive(Debug, Default)]
pub struct Clock(Mutex<Option<Told>>);

/// What an answer said, and when it can have been said.
#[derive(Clone, Debug)]
struct Told {
    date: HeaderValue,
    sent: Instant,
    came: Instant,
}

impl Clock {
    /// Notes what an answer says to a request that was sent then.
    pub fn hear(&self, headers: &HeaderMap, sent: Instant) {
        if let Some(date) = headers.get(header::DATE) {
            let told = Told {
                date: date.clone(),
                sent,
                came: Instant::now(),
            };
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
        }
    }

    /// How far the CRM's clock is ahead of ours; negative where it is behind, and nothing where that is not known or where
    /// both may be right. What is not certain, because of the way there and back and of `Date`'s whole seconds, is taken for
    /// less ahead.
    pub fn ahead(&self) -> SignedDuration {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.clone()
            .and_then(|told| told.ahead())
            .unwrap_or_default()
    }
}

impl Told {
    fn ahead(&self) -> Option<SignedDuration> {
        let date = jiff::fmt::rfc2822::parse(self.date.to_str().ok()?).ok()?;
        let age = |then: Instant| SignedDuration::try_from(then.elapsed()).ok();
        let now = Timestamp::now();
        let before = |then: Instant| now.checked_sub(age(then)?).ok();
        let date = date.timestamp();
        // The latest of all times has none behind it.
        let most = date
            .checked_add(UNIT)
            .ok()?
            .duration_since(before(self.sent)?);
        let least = date.duration_since(before(self.came)?);
        let may_be_right = least <= SignedDuration::ZERO && most >= SignedDuration::ZERO;
        (!may_be_right).then_some(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn heard(ahead: i64, took: u64) -> SignedDuration {
        let clock = Clock::default();
        let date = Timestamp::now() + SignedDuration::from_secs(ahead);
        let text = jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&date)
            .unwrap();
        let headers = HeaderMap::from_iter([(header::DATE, HeaderValue::try_from(text).unwrap())]);
        clock.hear(&headers, Instant::now() - Duration::from_secs(took));
        clock.ahead()
    }

    #[test]
    fn a_clock_that_may_be_right_is_taken_for_right() {
        assert_eq!(Clock::default().ahead(), SignedDuration::ZERO);
        assert_eq!(heard(0, 0), SignedDuration::ZERO);
        assert_eq!(heard(-4, 5), SignedDuration::ZERO, "it was told on the way");
    }

    #[test]
    fn a_date_beyond_all_times_tells_nothing() {
        let clock = Clock::default();
        let date = HeaderValue::from_static("Thu, 30 Dec 9999 22:00:00 GMT");
        let headers = HeaderMap::from_iter([(header::DATE, date)]);
        clock.hear(&headers, Instant::now());
        assert_eq!(clock.ahead(), SignedDuration::ZERO);
    }

    #[test]
    fn a_clock_that_is_wrong_is_seen() {
        assert!((57..=60).contains(&heard(60, 0).as_secs()));
        assert!((-62..=-60).contains(&heard(-60, 0).as_secs()));
    }
}
