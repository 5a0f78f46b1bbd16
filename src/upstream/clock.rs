//! How far a CRM's clock is ahead of ours, as its answers tell.

use http::header::{self, HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// `Date` is told in whole seconds.
const UNIT: SignedDuration = SignedDuration::from_secs(1);

/// The clock of one CRM. Of its answers only what the last one said of the time is kept; it is read when somebody wants to know.
#[derive(Debug, Default)]
pub struct Clock(Mutex<Option<Told>>);

/// What an answer said, and when it can have been said.
#[derive(Clone, Debug)]
struct Told {
    date: HeaderValue,
    /// For how long a cache has had it.
    age: Option<HeaderValue>,
    sent: Instant,
    came: Instant,
}

impl Clock {
    /// Notes what an answer says to a request that was sent then.
    pub fn hear(&self, headers: &HeaderMap, sent: Instant) {
        if let Some(date) = headers.get(header::DATE) {
            let told = Told {
                date: date.clone(),
                age: headers.get(header::AGE).cloned(),
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
        let date = date.timestamp().checked_add(self.kept()).ok()?;
        let age = |then: Instant| SignedDuration::try_from(then.elapsed()).ok();
        let now = Timestamp::now();
        let before = |then: Instant| now.checked_sub(age(then)?).ok();
        // The latest of all times has none behind it.
        let most = date
            .checked_add(UNIT)
            .ok()?
            .duration_since(before(self.sent)?);
        let least = date.duration_since(before(self.came)?);
        let may_be_right = least <= SignedDuration::ZERO && most >= SignedDuration::ZERO;
        (!may_be_right).then_some(least)
    }

    /// For how long the answer lay in caches, since `Date` was told (RFC 9111, section 5.1).
    fn kept(&self) -> SignedDuration {
        let age = self.age.as_ref().and_then(|age| age.to_str().ok());
        let seconds = age.and_then(|age| age.trim().parse::<u32>().ok());
        SignedDuration::from_secs(seconds.map_or(0, i64::from))
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
    fn an_answer_out_of_a_cache_tells_the_time_at_which_it_was_made() {
        let clock = Clock::default();
        let date = (Timestamp::now() - SignedDuration::from_secs(600))
            .strftime("%a, %d %b %Y %H:%M:%S GMT")
            .to_string();
        for (age, ahead) in [
            ("600", 0..=0),
            ("660", 57..=60),
            ("soon", -602..=-600),
            ("-1", -602..=-600),
            ("99999999999999999999", -602..=-600),
        ] {
            let date = (header::DATE, HeaderValue::try_from(&date).unwrap());
            let age = (header::AGE, HeaderValue::from_static(age));
            clock.hear(&HeaderMap::from_iter([date, age.clone()]), Instant::now());
            let told = clock.ahead().as_secs();
            assert!(ahead.contains(&told), "{age:?}: {told}");
        }
    }

    #[test]
    fn a_clock_that_is_wrong_is_seen() {
        assert!((57..=60).contains(&heard(60, 0).as_secs()));
        assert!((-62..=-60).contains(&heard(-60, 0).as_secs()));
    }
}
