//! Dates and times as the schema shows them.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp, civil};
use std::fmt;

/// The first moment that RFC 3339 has a form for: 0000-01-01T00:00:00Z.
const FIRST: i128 = -62_167_219_200 * SECOND;
/// The last one: 9999-12-31T23:59:59.999999999Z.
const LAST: i128 = 253_402_300_800 * SECOND - 1;
/// In nanoseconds.
const SECOND: i128 = 1_000_000_000;

/// A moment in time, up to the end of the year 9999.
///
/// Timestamps end a day and two hours earlier, so that they have a civil time in every zone; but the last day is the one by which
/// systems say "for ever".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(
    /// The moment; of one that comes after every timestamp, the last timestamp.
    pub Timestamp,
    /// By how many nanoseconds it comes after every timestamp.
    u64,
);

impl DateTime {
    /// The moment of a timestamp.
    #[must_use]
    pub const fn at(time: Timestamp) -> Self {
        Self(time, 0)
    }

    /// So many nanoseconds after 1970 began; `None` after the year 9999, and where nobody counts years.
    #[must_use]
    pub fn from_nanosecond(nanosecond: i128) -> Option<Self> {
        if let Ok(time) = Timestamp::from_nanosecond(nanosecond) {
            return Some(Self::at(time));
        }
        let beyond = nanosecond - Timestamp::MAX.as_nanosecond();
        let beyond = u64::try_from(beyond).ok()?;
        (nanosecond <= LAST).then_some(Self(Timestamp::MAX, beyond))
    }

    /// The moment that a clock shows at an offset.
    #[must_use]
    pub fn of_civil(time: civil::DateTime, offset: Offset) -> Option<Self> {
        if let Ok(time) = offset.to_timestamp(time) {
            return Some(Self::at(time));
        }
        let since = time.duration_since(Offset::UTC.to_datetime(Timestamp::UNIX_EPOCH));
        Self::from_nanosecond(since.as_nanos() - i128::from(offset.seconds()) * SECOND)
    }

    /// Reads a moment with its offset.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if let Ok(time) = text.parse() {
            return Some(Self::at(time));
        }
        let parts = jiff::fmt::temporal::Pieces::parse(text).ok()?;
        let time = parts.date().to_datetime(parts.time()?);
        Self::of_civil(time, parts.to_numeric_offset()?)
    }

    /// Nanoseconds since 1970 began.
    #[must_use]
    pub fn as_nanosecond(self) -> i128 {
        self.0.as_nanosecond() + i128::from(self.1)
    }

    /// So much later.
    #[must_use]
    pub fn later(self, by: SignedDuration) -> Option<Self> {
        Self::from_nanosecond(self.as_nanosecond() + by.as_nanos())
    }

    /// Whether it comes after every timestamp.
    #[must_use]
    pub fn is_far(self) -> bool {
        self.1 > 0
    }

    /// Whether RFC 3339 has a form for it.
    #[must_use]
    pub fn has_form(self) -> bool {
        self.as_nanosecond() >= FIRST
    }

    /// What a clock of UTC shows.
    #[must_use]
    pub fn utc(self) -> civil::DateTime {
        let beyond = SignedDuration::from_nanos(i64::try_from(self.1).unwrap_or(i64::MAX));
        Offset::UTC.to_datetime(self.0).saturating_add(beyond)
    }

    /// Without what is finer than a millisecond.
    #[must_use]
    pub fn to_the_millisecond(self) -> Self {
        let cut = Timestamp::from_millisecond(self.0.as_millisecond());
        cut.map_or(self, Self::at)
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_far() {
            false => self.0.fmt(f),
            true => write!(f, "{}Z", self.utc()),
        }
    }
}

/// A moment in time, RFC 3339 in UTC with a `Z`, for example `2024-01-15T10:30:00Z`. As an input any offset is
/// accepted; what is finer than a nanosecond is cut.
#[Scalar(
    name = "DateTime",
    specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339#section-5.6"
)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => rfc3339(text).ok_or_else(|| {
                InputValueError::custom("not an RFC 3339 date and time with an offset")
            }),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.to_string())
    }
}

/// Reads what RFC 3339 calls a `date-time`. What is finer than a nanosecond is cut.
fn rfc3339(text: &str) -> Option<DateTime> {
    let (seconds, rest) = text.split_at_checked(19)?;
    let (fraction, offset) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|digit: char| !digit.is_ascii_digit())?),
        None => ("0", rest),
    };
    let is_offset = offset.eq_ignore_ascii_case("Z")
        || ["+00:00", "-00:00"].iter().any(|like| fits(offset, like))
            && offset.get(1..3).is_some_and(|hours| hours < "24");
    if !fits(seconds, "0000-00-00T00:00:00") || fraction.is_empty() || !is_offset {
        return None;
    }
    let fraction = fraction.get(..9).unwrap_or(fraction);
    let text = format!("{seconds}.{fraction}{offset}");
    DateTime::read(&text.to_ascii_uppercase()).filter(|time| time.has_form())
}

/// Whether a text has digits where `like` has them, and else the same characters in whatever case.
fn fits(text: &str, like: &str) -> bool {
    let mut pairs = text.bytes().zip(like.bytes());
    let fits = |(byte, like): (u8, u8)| match like {
        b'0' => byte.is_ascii_digit(),
        _ => byte.eq_ignore_ascii_case(&like),
    };
    text.len() == like.len() && pairs.all(fits)
}

/// A calendar day without a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub civil::Date);

/// A calendar day without a time, ISO 8601, for example `1990-05-17`.
#[Scalar(
    name = "Date",
    specified_by_url = "https://scalars.graphql.org/andimarek/local-date"
)]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) if text.len() == 10 => text
                .parse()
                .map(Self)
                .map_err(|_| InputValueError::custom("not a date such as 1990-05-17")),
            Value::String(_) => Err(InputValueError::custom("not a date such as 1990-05-17")),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::{DateTime, ScalarType, SignedDuration, Value};

    fn read(text: &str) -> Option<String> {
        let read = DateTime::parse(Value::String(text.to_owned())).ok()?;
        Some(read.to_string())
    }

    #[test]
    fn a_moment_is_written_as_rfc_3339_says() {
        for (text, means) in [
            ("2024-01-15T10:30:00Z", "2024-01-15T10:30:00Z"),
            ("2024-01-15t10:30:00z", "2024-01-15T10:30:00Z"),
            ("2024-01-15T10:30:00.5+02:00", "2024-01-15T08:30:00.5Z"),
            ("2024-01-15T10:30:00-00:00", "2024-01-15T10:30:00Z"),
            (
                "2024-01-15T10:30:00.123456789123Z",
                "2024-01-15T10:30:00.123456789Z",
            ),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
            (
                "9999-12-30T22:00:00.999999999Z",
                "9999-12-30T22:00:00.999999999Z",
            ),
            ("9999-12-30T22:00:01Z", "9999-12-30T22:00:01Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
            ("9999-12-31t23:59:60.5z", "9999-12-31T23:59:59.5Z"),
            (
                "9999-12-31T23:59:59.999999999999-00:00",
                "9999-12-31T23:59:59.999999999Z",
            ),
            ("9999-12-31T23:00:00.25+23:59", "9999-12-30T23:01:00.25Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
        ] {
            assert_eq!(read(text).as_deref(), Some(means), "{text}");
        }
        for text in [
            "+002022-01-01T00:00:00Z",
            "2024-01-15 10:30:00Z",
            "2024-01-15T10:30:00",
            "2024-01-15T10:30Z",
            "2024-01-15T10:30:00.Z",
            "2024-01-15T10:30:00,5Z",
            "2024-01-15T10:30:00.5",
            "2024-01-15T10:30:00+02",
            "2024-01-15T10:30:00+0200",
            "2024-01-15T10:30:00+24:00",
            "2024-01-15T10:30:00+02:60",
            "2024-01-15T10:30:00Z[UTC]",
            "2024-02-30T10:30:00Z",
            "2024-01-15T24:00:00Z",
            "20240115T103000Z",
            " 2024-01-15T10:30:00Z",
            "2024-01-15T10:30:00é",
            "9999-12-31T23:59:59-00:01",
            "9999-12-32T00:00:00Z",
            "0000-01-01T00:00:00+00:01",
            "",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn moments_of_the_last_day_stand_in_their_order() {
        let at = |text: &str| DateTime::read(text).unwrap();
        let order = [
            "2024-01-15T10:30:00Z",
            "9999-12-30T22:00:00.999999999Z",
            "9999-12-30T22:00:01Z",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59.000000001Z",
        ];
        assert!(order.is_sorted_by_key(|text| at(text)));
        for text in order {
            let time = at(text);
            assert_eq!(DateTime::from_nanosecond(time.as_nanosecond()), Some(time));
            assert_eq!(time.to_string(), text);
            let day = SignedDuration::from_hours(24);
            assert_eq!(
                time.later(-day).and_then(|time| time.later(day)),
                Some(time)
            );
        }
        assert_eq!(at(order[4]).later(SignedDuration::from_secs(1)), None);
    }
}
