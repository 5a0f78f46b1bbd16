//! Times, days and numbers as CRMs write them, in both directions.

#[cfg(test)]
mod tests;

use super::manifest::WireFormat;
use super::pick::Leaf;
use crate::model::DateTime;
use jiff::civil;
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::str::FromStr;

/// In nanoseconds.
const SECOND: i128 = 1_000_000_000;
/// In nanoseconds.
const MILLISECOND: i128 = 1_000_000;

/// Reads a moment; `None` where the value is none in this format, or one before the year 0, which nobody could be shown.
pub fn read_time(leaf: &Leaf<'_>, format: &WireFormat) -> Option<DateTime> {
    any_time(leaf, format).filter(|time| time.has_form())
}

fn any_time(leaf: &Leaf<'_>, format: &WireFormat) -> Option<DateTime> {
    let since_1970 = |unit: i128| DateTime::from_nanosecond(i128::from(whole(leaf)?) * unit);
    match (format, leaf) {
        (WireFormat::Rfc3339 | WireFormat::Date, Leaf::Text(text)) => read_iso(text),
        (WireFormat::EpochSeconds | WireFormat::Int, _) => since_1970(SECOND),
        (WireFormat::EpochMilliseconds, _) => since_1970(MILLISECOND),
        (WireFormat::EpochFloat, leaf) => read_float_epoch(leaf),
        (WireFormat::Pattern(pattern, zone), Leaf::Text(text)) => {
            read_pattern(text, pattern, *zone)
        }
        _ => None,
    }
}

/// RFC 3339; without an offset it is taken as UTC, a day alone as its midnight.
fn read_iso(text: &str) -> Option<DateTime> {
    if let Some(time) = read_plain(text) {
        return Some(DateTime::at(time));
    }
    let text = text.trim();
    if let Some(time) = DateTime::read(text) {
        return Some(time);
    }
    if text.len() > 10
        && let Ok(time) = Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text)
    {
        return Some(DateTime::at(time));
    }
    // A moment with an offset that leads out of the calendar is none, rather than another one.
    let has_offset = Pieces::parse(text).ok()?.offset().is_some();
    let time = text.parse::<civil::DateTime>().ok()?;
    DateTime::of_civil(time, Offset::UTC).filter(|_| !has_offset)
}

/// `2024-01-15T10:30:00Z`, with or without a part of a second: the form nearly every CRM writes, read without looking for others.
fn read_plain(text: &str) -> Option<Timestamp> {
    let (moment, rest) = text.as_bytes().split_first_chunk::<19>()?;
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = moment.map(|byte| byte)
    else {
        return None;
    };
    let second_part = match rest {
        [b'Z'] => 0,
        [b'.', digits @ .., b'Z'] if matches!(digits.len(), 1..=9) => {
            let power = 9 - u32::try_from(digits.len()).ok()?;
            number(digits)? * 10_i32.pow(power)
        }
        _ => return None,
    };
    let day = day_number(
        number(&[y1, y2, y3, y4])?,
        number(&[m1, m2])?,
        number(&[d1, d2])?,
    )?;
    let within = |number: i32, end: i32| (number < end).then_some(i64::from(number));
    let hours = i64::from(day) * 24 + within(number(&[h1, h2])?, 24)?;
    let minutes = hours * 60 + within(number(&[n1, n2])?, 60)?;
    // A leap second is for others.
    let seconds = minutes * 60 + within(number(&[s1, s2])?, 60)?;
    Timestamp::new(seconds, second_part).ok()
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; `None` where there is no such day.
fn day_number(year: i32, month: i32, day: i32) -> Option<i32> {
    /// Days of a year before each month, in a year that begins in March.
    const BEFORE: [i32; 13] = [0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337, 366];
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let index = usize::try_from((month + 9) % 12).ok()?;
    let before = *BEFORE.get(index)?;
    let length = match month {
        1..=12 => BEFORE.get(index + 1)? - before - i32::from(month == 2 && !leap),
        _ => return None,
    };
    // February ends the year, so a leap day shifts nothing.
    let year = year - i32::from(month < 3);
    let years = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // From 0000-03-01 to 1970-01-01.
    const EPOCH: i32 = 719_468;
    (1..=length)
        .contains(&day)
        .then_some(years + before + day - 1 - EPOCH)
}

/// Digits, at most nine, as a number.
fn number(digits: &[u8]) -> Option<i32> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        Some(number * 10 + i32::from(digit))
    })
}

fn read_float_epoch(leaf: &Leaf<'_>) -> Option<DateTime> {
    let seconds = match leaf {
        Leaf::Float(value) => *value,
        Leaf::Text(text) => text.trim().parse().ok()?,
        other => return DateTime::from_nanosecond(i128::from(whole(other)?) * SECOND),
    };
    DateTime::from_nanosecond(SignedDuration::try_from_secs_f64(seconds).ok()?.as_nanos())
}

fn read_pattern(text: &str, pattern: &str, zone: Offset) -> Option<DateTime> {
    let parsed = jiff::fmt::strtime::parse(pattern, text.trim()).ok()?;
    if let Ok(time) = parsed.to_timestamp() {
        return Some(DateTime::at(time));
    }
    let time = parsed
        .to_datetime()
        .or_else(|_| parsed.to_date().map(|day| day.at(0, 0, 0, 0)))
        .ok()?;
    DateTime::of_civil(time, parsed.offset().unwrap_or(zone))
}

/// A whole number, also as text.
pub fn whole(leaf: &Leaf<'_>) -> Option<i64> {
    match leaf {
        Leaf::Int(value) => Some(*value),
        Leaf::Text(text) => text.trim().parse().ok(),
        Leaf::Float(value) if value.fract() == 0.0 && value.abs() < 9.0e15 => {
            format!("{value:.0}").parse().ok()
        }
        _ => None,
    }
}

/// A whole number as JSON has it, of those that fit 64 bits. A text that would come back as another, as `007`, is none.
pub fn integer(text: &str) -> Option<Value> {
    fn plain<N: FromStr + ToString + Into<Value>>(text: &str) -> Option<Value> {
        let number = text.parse::<N>().ok();
        number
            .filter(|number| number.to_string() == text)
            .map(Into::into)
    }
    plain::<i64>(text).or_else(|| plain::<u64>(text))
}

/// Reads a day; the time of a moment is left aside, because a birth date has none.
pub fn read_date(leaf: &Leaf<'_>, format: &WireFormat) -> Option<civil::Date> {
    any_date(leaf, format).filter(|day| day.year() >= 0)
}

fn any_date(leaf: &Leaf<'_>, format: &WireFormat) -> Option<civil::Date> {
    match (format, leaf) {
        (WireFormat::Rfc3339 | WireFormat::Date, Leaf::Text(text)) => {
            let text = text.trim();
            let day = text.get(..10)?;
            match text.as_bytes().get(10) {
                None | Some(b'T' | b't' | b' ') => day.parse().ok(),
                Some(_) => None,
            }
        }
        (WireFormat::Pattern(pattern, _), Leaf::Text(text)) => {
            jiff::fmt::strtime::parse(pattern, text.trim())
                .ok()?
                .to_date()
                .ok()
        }
        (format, leaf) => read_time(leaf, format).map(|time| time.utc().date()),
    }
}

/// Writes a moment. What is finer than the format is cut off towards the past, before 1970 too.
pub fn write_time(time: DateTime, format: &WireFormat) -> Value {
    match format {
        WireFormat::Rfc3339 | WireFormat::Text => Value::String(time.to_string()),
        WireFormat::Date => Value::String(time.utc().date().to_string()),
        WireFormat::EpochSeconds | WireFormat::Int => Value::from(whole_units(time, SECOND)),
        WireFormat::EpochMilliseconds => Value::from(whole_units(time, MILLISECOND)),
        WireFormat::EpochFloat => Value::from(seconds(time)),
        WireFormat::Pattern(pattern, zone) if time.is_far() => far_text(time, pattern, *zone),
        WireFormat::Pattern(pattern, zone) => Value::String(
            time.0
                .to_zoned(zone.to_time_zone())
                .strftime(pattern)
                .to_string(),
        ),
    }
}

/// A moment of the last day there is, by a pattern. Where that day is over in the zone, its end.
fn far_text(time: DateTime, pattern: &str, zone: Offset) -> Value {
    let there = time
        .utc()
        .saturating_add(SignedDuration::from_secs(zone.seconds().into()));
    let mut parts = jiff::fmt::strtime::BrokenDownTime::from(there);
    parts.set_offset(Some(zone));
    let text = parts.to_string(pattern);
    Value::String(text.unwrap_or_else(|_| time.to_string()))
}

fn seconds(time: DateTime) -> f64 {
    let nanoseconds = i64::try_from(time.as_nanosecond() % SECOND).unwrap_or_default();
    let since = SignedDuration::from_secs(whole_units(time, SECOND));
    let rest = SignedDuration::from_nanos(nanoseconds.rem_euclid(1_000_000_000));
    (since + rest).as_secs_f64()
}

/// The whole units of so many nanoseconds from 1970 to a moment.
fn whole_units(time: DateTime, nanoseconds: i128) -> i64 {
    let units = time.as_nanosecond().div_euclid(nanoseconds);
    i64::try_from(units).unwrap_or(i64::MIN)
}

/// Writes a day, as midnight where the format has a time: UTC, or that of the format.
pub fn write_date(day: civil::Date, format: &WireFormat) -> Value {
    match format {
        WireFormat::Date => Value::String(day.to_string()),
        other => match DateTime::of_civil(day.at(0, 0, 0, 0), other.zone()) {
            Some(time) => write_time(time, other),
            // The last day there is has no moment in some zones.
            None => match other {
                WireFormat::Pattern(pattern, _) => day.strftime(pattern).to_string().into(),
                _ => Value::String(day.to_string()),
            },
        },
    }
}

/// Whether a pattern can be written, which is what can be wrong with it.
pub fn check_pattern(pattern: &str) -> Result<(), String> {
    let sample = Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
    match jiff::fmt::strtime::format(pattern, &sample) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("`{pattern}` is no pattern: {error}")),
    }
}

/// Whether what is written by a pattern can be read by it, as a day at least.
pub fn tells_a_day(pattern: &str) -> bool {
    let sample = Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
    let written = jiff::fmt::strtime::format(pattern, &sample);
    written.is_ok_and(|text| read_pattern(&text, pattern, Offset::UTC).is_some())
}

impl WireFormat {
    /// The offset that its moments are told in.
    pub fn zone(&self) -> Offset {
        match self {
            Self::Pattern(_, zone) => *zone,
            _ => Offset::UTC,
        }
    }

    /// Whether nobody can tell from a moment in this format which offset it is told in.
    pub fn leaves_its_zone_out(&self) -> bool {
        let says = |pattern: &str| {
            let own = ["%z", "%:z", "%::z", "%s", "%Q", "%:Q", "%Z"];
            own.iter().any(|word| pattern.contains(word)) || pattern.ends_with('Z')
        };
        match self {
            Self::Date => true,
            Self::Pattern(pattern, _) => !says(pattern),
            _ => false,
        }
    }

    /// The least time two moments must differ by to be told apart in this format; zero where any are.
    pub fn grain(&self) -> SignedDuration {
        const DAY: SignedDuration = SignedDuration::from_hours(24);
        const SECOND: SignedDuration = SignedDuration::from_secs(1);
        match self {
            Self::Rfc3339 | Self::EpochFloat | Self::Text => SignedDuration::ZERO,
            Self::Date => DAY,
            Self::EpochSeconds | Self::Int => SECOND,
            Self::EpochMilliseconds => SignedDuration::from_millis(1),
            Self::Pattern(pattern, _) => {
                let holds = |words: &[&str]| words.iter().any(|word| pattern.contains(word));
                match () {
                    () if holds(&["%S", "%T", "%s", "%c", "%r", "%X"]) => SECOND,
                    () if holds(&["%M", "%R"]) => SignedDuration::from_mins(1),
                    () if holds(&["%H", "%I"]) => SignedDuration::from_hours(1),
                    () => DAY,
                }
            }
        }
    }
}

/// A moment as HTTP writes it (`Sun, 06 Nov 1994 08:49:37 GMT`), or in one of the two forms of old that must be read as well.
pub fn read_http_date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let of_old = |pattern| read_pattern(text, pattern, Offset::UTC).map(|time| time.0);
    let time = jiff::fmt::rfc2822::parse(text).ok();
    time.map(|time| time.timestamp())
        .or_else(|| of_old("%A, %d-%b-%y %H:%M:%S GMT"))
        .or_else(|| of_old("%a %b %e %H:%M:%S %Y"))
}

/// A JSON scalar as a query, header or form value; `None` for arrays and objects.
pub fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(value) => Some(value.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
