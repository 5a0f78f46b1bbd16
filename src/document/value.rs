//! The values of a document, each with its place.

use super::{Place, Source, Table};
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// A string, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The string.
    pub value: String,
    /// Its place.
    pub at: Place,
}

/// Any value, and where it stands.
#[derive(Debug)]
pub enum Value<'d> {
    /// A string.
    Text(Text),
    /// A whole number.
    Integer(i64, Place),
    /// A number with a fraction.
    Float(f64, Place),
    /// True or false.
    Bool(bool, Place),
    /// A date or a time, as it is written.
    Moment(Text),
    /// A list.
    List(Vec<Value<'d>>, Place),
    /// A table.
    Table(Table<'d>),
}

/// A key and its value.
#[derive(Debug)]
pub struct Entry<'d> {
    /// The key.
    pub key: Text,
    /// Its value.
    pub value: Value<'d>,
}

impl<'d> Value<'d> {
    /// Reads a value; `None`, and a problem, where it is a number too large to hold.
    pub(super) fn read(
        source: &'d Source<'d>,
        value: &'d Spanned<DeValue<'d>>,
        path: &str,
    ) -> Option<Self> {
        let at = source.lines.place(value.span().start);
        Some(match value.get_ref() {
            DeValue::String(text) => Self::Text(Text {
                value: text.to_string(),
                at,
            }),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => Self::Integer(number, at),
                    Err(_) => {
                        source.problems.note(&at, "the integer is too large");
                        return None;
                    }
                }
            }
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => Self::Float(number, at),
                Err(_) => {
                    source.problems.note(&at, "the float cannot be read");
                    return None;
                }
            },
            DeValue::Boolean(flag) => Self::Bool(*flag, at),
            DeValue::Datetime(moment) => Self::Moment(Text {
                value: moment.to_string(),
                at,
            }),
            DeValue::Array(list) => {
                let items = list.iter().enumerate();
                let items = items
                    .filter_map(|(rank, item)| Self::read(source, item, &format!("{path}[{rank}]")))
                    .collect();
                Self::List(items, at)
            }
            DeValue::Table(table) => Self::Table(Table::new(source, table, at, path.to_owned())),
        })
    }

    /// Where it stands.
    pub fn at(&self) -> &Place {
        match self {
            Self::Text(text) | Self::Moment(text) => &text.at,
            Self::Integer(_, at) | Self::Float(_, at) | Self::Bool(_, at) | Self::List(_, at) => at,
            Self::Table(table) => table.place(),
        }
    }

    /// What it is, with its article: "a string".
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(..) => "an integer",
            Self::Float(..) => "a float",
            Self::Bool(..) => "a boolean",
            Self::Moment(_) => "a date or time",
            Self::List(..) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Reads a duration: a whole number and its unit, one of ms, s, m, h, d. `None` where it is anything else.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(milliseconds)?))
}

/// Writes a duration the way it is read, in the largest unit that fits.
pub(super) fn show_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    for (size, unit) in units {
        if milliseconds >= size && milliseconds.is_multiple_of(size) {
            return format!("{}{unit}", milliseconds / size);
        }
    }
    match milliseconds {
        0 => "0s".to_owned(),
        _ => format!("{milliseconds}ms"),
    }
}
