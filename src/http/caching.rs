//! `Cache-Control`, both ways: what a request says of the caches before it, and what an answer says to those behind it.
//!
//! Words that are not known are passed over, as RFC 9111 asks. It knows nothing of what is cached.

use crate::graphql::Answer;
use axum::http::{HeaderMap, HeaderValue, header};
use std::time::Duration;

/// What a request says of caches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    /// How old a kept answer may be.
    pub(super) max_age: Option<Duration>,
    /// Nothing may be kept.
    pub(super) no_store: bool,
}

impl Wish {
    /// Reads `Cache-Control`. The strictest of several words counts; an age that cannot be read counts as none at all.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut wish = Self::default();
        let lines = headers.get_all(header::CACHE_CONTROL).iter();
        let words = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','));
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let name = name.trim();
            if name.eq_ignore_ascii_case("no-cache") {
                wish.at_most(0);
            } else if name.eq_ignore_ascii_case("no-store") {
                wish.at_most(0);
                wish.no_store = true;
            } else if name.eq_ignore_ascii_case("max-age") {
                wish.at_most(seconds(value));
            }
        }
        wish
    }

    fn at_most(&mut self, seconds: u64) {
        let asked = Duration::from_secs(seconds);
        self.max_age = Some(self.max_age.map_or(asked, |known| known.min(asked)));
    }
}

/// A number of seconds; zero for what is none. Numbers too large to hold mean for ever.
fn seconds(text: &str) -> u64 {
    let text = text.trim().trim_matches('"');
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match (is_number, text.parse()) {
        (false, _) => 0,
        (true, parsed) => parsed.unwrap_or(u64::from(u32::MAX)),
    }
}

/// What an answer says: for how long the caller alone may use it again. What is not kept here is kept nowhere.
pub(super) fn of(answer: &Answer) -> HeaderValue {
    let said = answer
        .fresh_for()
        .map(|left| format!("private, max-age={}", left.as_secs()));
    said.and_then(|said| HeaderValue::from_str(&said).ok())
        .unwrap_or(HeaderValue::from_static("no-store"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(lines: &[&'static str]) -> (Option<u64>, bool) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::CACHE_CONTROL, HeaderValue::from_static(line));
        }
        let wish = Wish::of(&headers);
        (wish.max_age.map(|age| age.as_secs()), wish.no_store)
    }

    #[test]
    fn the_strictest_word_counts() {
        assert_eq!(wish(&[]), (None, false));
        assert_eq!(wish(&["only-if-cached, x=1"]), (None, false));
        assert_eq!(wish(&["No-Cache"]), (Some(0), false));
        assert_eq!(wish(&["max-age=7"]), (Some(7), false));
        assert_eq!(wish(&["max-age = \"7\" , max-age=9"]), (Some(7), false));
        assert_eq!(wish(&["max-age=9", "no-cache"]), (Some(0), false));
        assert_eq!(wish(&["max-age=9, no-store"]), (Some(0), true));
    }

    #[test]
    fn an_age_that_is_none_is_as_strict_as_can_be() {
        assert_eq!(wish(&["max-age=soon"]), (Some(0), false));
        assert_eq!(wish(&["max-age=-1"]), (Some(0), false));
        assert_eq!(wish(&["max-age"]), (Some(0), false));
        let (age, _) = wish(&["max-age=99999999999999999999"]);
        assert!(age.unwrap() > 1_000_000_000);
    }
}
