//! The bytes of a sort key.

use super::read::Input;
use super::write::{put_number, put_text};
use crate::connection::key::SortKey;
use crate::model::{Date, DateTime, OrderKey};

/// In nanoseconds.
const SECOND: i128 = 1_000_000_000;

/// Added to the kind of a key with an id.
const WITH_ID: u8 = 8;

/// Writes a key.
pub(super) fn put_key(out: &mut Vec<u8>, key: &SortKey) {
    let with_id = if key.id.is_some() { WITH_ID } else { 0 };
    match &key.value {
        OrderKey::Id(text) => {
            out.push(with_id);
            put_text(out, text);
        }
        // The lower-case form comes from the text.
        OrderKey::Text(_, text) => {
            out.push(1 | with_id);
            put_text(out, text);
        }
        OrderKey::Day(Date(day)) => {
            out.push(2 | with_id);
            out.extend_from_slice(&day.year().to_le_bytes());
            out.extend_from_slice(&day.month().to_le_bytes());
            out.extend_from_slice(&day.day().to_le_bytes());
        }
        OrderKey::Time(time) => {
            out.push(3 | with_id);
            let (second, nanos) = since_second(*time);
            out.extend_from_slice(&second.to_le_bytes());
            put_number(out, nanos);
        }
        OrderKey::Missing => out.push(4 | with_id),
    }
    if let Some(id) = &key.id {
        put_text(out, id);
    }
}

/// The second that a moment lies in, and the nanoseconds since it began: before 1970 too, time goes forward.
fn since_second(time: DateTime) -> (i64, u64) {
    let nanos = time.as_nanosecond();
    let second = i64::try_from(nanos.div_euclid(SECOND)).unwrap_or(i64::MAX);
    let rest = u64::try_from(nanos.rem_euclid(SECOND)).unwrap_or_default();
    (second, rest)
}

impl Input<'_> {
    /// Reads a key.
    pub(super) fn key(&mut self) -> Option<SortKey> {
        let kind = self.byte()?;
        let value = match kind & !WITH_ID {
            0 => OrderKey::Id(self.text()?),
            1 => {
                let text = self.text()?;
                OrderKey::Text(text.to_lowercase(), text)
            }
            2 => {
                let year = i16::from_le_bytes(self.array()?);
                let [month, day] = self.array()?.map(|byte: u8| i8::from_le_bytes([byte]));
                OrderKey::Day(Date(jiff::civil::Date::new(year, month, day).ok()?))
            }
            3 => {
                let second = i64::from_le_bytes(self.array()?);
                let nanos: i32 = self.small()?;
                let nanos = i128::from(second) * SECOND + i128::from(nanos);
                OrderKey::Time(DateTime::from_nanosecond(nanos)?)
            }
            4 => OrderKey::Missing,
            _ => return None,
        };
        let id = if kind & WITH_ID != 0 {
            Some(self.text()?)
        } else {
            None
        };
        Some(SortKey { value, id })
    }
}
