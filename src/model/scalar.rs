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

/// A moment in time, RFC 3339 in UTC with a `Z`, for example `2024-01-15T10:30:00Z`. As an input any offset is accepted.
#[Scalar(
    name = "DateTime",
    specified_by_url = "https://scalars.graphql.org/andimarek/date-time"
)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => text.parse().map(Self).map_err(|_| {
                InputValueError::custom("not an RFC 3339 date and time with an offset")
            }),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
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
