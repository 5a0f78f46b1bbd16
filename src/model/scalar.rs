//! Dates and times as the schema shows them.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

/// A moment in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(pub jiff::Timestamp);

impl DateTime {
    /// Without what is finer than a millisecond.
    #[must_use]
    pub fn to_the_millisecond(self) -> Self {
        let cut = jiff::Timestamp::from_millisecond(self.0.as_millisecond());
        Self(cut.unwrap_or(self.0))
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
            Value::String(text) => rfc3339(text).map(Self).ok_or_else(|| {
                InputValueError::custom("not an RFC 3339 date and time with an offset")
            }),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// Reads what RFC 3339 calls a `date-time`. What is finer than a nanosecond is cut.
fn rfc3339(text: &str) -> Option<jiff::Timestamp> {
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
    text.to_ascii_uppercase().parse().ok()
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
pub struct Date(pub jiff::civil::Date);

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
    use super::{DateTime, ScalarType, Value};

    fn read(text: &str) -> Option<String> {
        let read = DateTime::parse(Value::String(text.to_owned())).ok()?;
        Some(read.0.to_string())
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
            "",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
