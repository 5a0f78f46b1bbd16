//! Dates and times as the emulated CRMs read and print them.
//!
//! Two vendors print whole seconds and two print milliseconds, as their own examples do; reading is the same for all.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A moment with whole seconds: `2024-01-15T10:30:00Z`.
pub(super) fn seconds(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A moment with milliseconds: `2024-01-15T10:30:00.000Z`.
pub(super) fn millis(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// A moment with its offset from UTC, as a date-time parameter has it.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// The date of a date, or of a date-time in its own offset.
pub(super) fn date(text: &str) -> Option<Date> {
    let (day, time) = match text.split_once(['T', 't', ' ']) {
        Some((day, _)) => (day, moment(text).map(drop)),
        None => (text, Some(())),
    };
    time.and_then(|()| day.parse().ok())
}

/// How many full years someone born on that day has lived.
pub(super) fn age(born: Date) -> i64 {
    age_on(born, Timestamp::now().to_zoned(TimeZone::UTC).date())
}

fn age_on(born: Date, today: Date) -> i64 {
    let years = i64::from(today.year()) - i64::from(born.year());
    // Someone born on 29 February has their birthday on the 28th of a common year.
    let birthday = born.checked_add(years.years()).unwrap_or(born);
    if birthday > today { years - 1 } else { years }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_change_on_the_birthday() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!(age_on(day("1990-06-15"), day("2020-06-14")), 29);
        assert_eq!(age_on(day("1990-06-15"), day("2020-06-15")), 30);
        assert_eq!(age_on(day("2000-02-29"), day("2021-02-28")), 21);
    }

    #[test]
    fn moments_are_printed_in_the_two_ways() {
        let at = moment("2024-01-15T11:30:00.25+01:00").unwrap();
        assert_eq!(seconds(at), "2024-01-15T10:30:00Z");
        assert_eq!(millis(at), "2024-01-15T10:30:00.250Z");
        assert_eq!(moment("2024-01-15"), None);
        assert_eq!(moment("yesterday"), None);
    }
}
