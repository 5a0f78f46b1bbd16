//! Hashes that stand for keys and for what is written. Neither can be read back from them.

use super::Asked;
use crate::model::{Change, FieldValue, LocalId};
use blake3::Hasher;
use serde_json::Value;
use std::fmt::Write as _;
use std::sync::Arc;

/// The name of a caller's key while its write runs.
pub(super) fn turn(asked: &Asked<'_>, key: &str) -> [u8; 32] {
    keyed(&[0; 32], asked, key)
}

/// The name of a caller's key; `salt` is the ledger's own. The same key is another one in another tenant, for another source,
/// and with another credential that the caller brings for it, and the same one for as long as the ledger is kept.
pub(super) fn keyed(salt: &[u8; 32], asked: &Asked<'_>, key: &str) -> [u8; 32] {
    let mut hasher = Hasher::new_keyed(salt);
    for part in [asked.tenant, &asked.entry.key, key] {
        text(&mut hasher, part);
    }
    if let Some(print) = asked.entry.source.credential() {
        hasher.update(&print);
    }
    *hasher.finalize().as_bytes()
}

/// The name of a customer in the ledger.
pub(super) fn customer(salt: &[u8; 32], source: &str, id: &LocalId) -> [u8; 32] {
    let mut hasher = Hasher::new_keyed(salt);
    text(&mut hasher, "customer");
    text(&mut hasher, source);
    text(&mut hasher, id.as_str());
    *hasher.finalize().as_bytes()
}

/// The name of a write without a key.
pub(super) fn unkeyed(seed: &[u8; 32], number: u64) -> [u8; 32] {
    *blake3::keyed_hash(seed, &number.to_le_bytes()).as_bytes()
}

/// What a CRM is told a write is called.
pub(super) fn token(name: &[u8; 32]) -> Arc<str> {
    let mut token = String::with_capacity(32);
    for byte in blake3::hash(name).as_bytes().iter().take(16) {
        // Writing to a string cannot fail.
        let _ = write!(token, "{byte:02x}");
    }
    token.into()
}

/// What a change says, whatever the order of its members.
pub(super) fn content(salt: &[u8; 32], change: &Change) -> [u8; 32] {
    let mut hasher = Hasher::new_keyed(salt);
    match change {
        Change::Create { fields, native } => {
            text(&mut hasher, "create");
            given(&mut hasher, fields, native);
        }
        Change::Update { id, fields, native } => {
            text(&mut hasher, "update");
            text(&mut hasher, id.as_str());
            given(&mut hasher, fields, native);
        }
        Change::Delete { id } => {
            text(&mut hasher, "delete");
            text(&mut hasher, id.as_str());
        }
    }
    *hasher.finalize().as_bytes()
}

fn given(
    hasher: &mut Hasher,
    fields: &[(crate::model::WriteField, FieldValue)],
    native: &serde_json::Map<String, Value>,
) {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(|(name, _)| name.name());
    count(hasher, fields.len());
    for (name, value) in fields {
        text(hasher, name.name());
        field(hasher, value);
    }
    members(hasher, native);
}

fn field(hasher: &mut Hasher, value: &FieldValue) {
    match value {
        FieldValue::Null => text(hasher, "null"),
        FieldValue::Text(said) => tagged(hasher, "text", said),
        FieldValue::Bool(said) => tagged(hasher, "bool", if *said { "true" } else { "false" }),
        FieldValue::Texts(said) => {
            text(hasher, "texts");
            count(hasher, said.len());
            said.iter().for_each(|one| text(hasher, one));
        }
        FieldValue::Date(day) => tagged(hasher, "date", &day.0.to_string()),
        FieldValue::Json(value) => {
            text(hasher, "json");
            json(hasher, value);
        }
        FieldValue::Phone {
            number,
            calling_code,
        } => {
            tagged(hasher, "phone", number);
            text(hasher, calling_code.as_deref().unwrap_or_default());
        }
        FieldValue::Id(id) => tagged(hasher, "id", id.as_str()),
        FieldValue::Type(word) => tagged(hasher, "type", word.word()),
        FieldValue::Tier(word) => tagged(hasher, "tier", word.word()),
        FieldValue::Status(word) => tagged(hasher, "status", word.word()),
        FieldValue::Gender(word) => tagged(hasher, "gender", word.word()),
    }
}

fn json(hasher: &mut Hasher, value: &Value) {
    match value {
        Value::Array(items) => {
            text(hasher, "[");
            count(hasher, items.len());
            items.iter().for_each(|item| json(hasher, item));
        }
        Value::Object(object) => members(hasher, object),
        scalar => tagged(hasher, "=", &scalar.to_string()),
    }
}

fn members(hasher: &mut Hasher, object: &serde_json::Map<String, Value>) {
    text(hasher, "{");
    count(hasher, object.len());
    let mut members: Vec<_> = object.iter().collect();
    members.sort_by_key(|(name, _)| *name);
    for (name, value) in members {
        text(hasher, name);
        json(hasher, value);
    }
}

fn tagged(hasher: &mut Hasher, tag: &str, said: &str) {
    text(hasher, tag);
    text(hasher, said);
}

/// A text with its length before it, so that no two lists of texts look alike.
fn text(hasher: &mut Hasher, text: &str) {
    count(hasher, text.len());
    hasher.update(text.as_bytes());
}

fn count(hasher: &mut Hasher, number: usize) {
    hasher.update(&(number as u64).to_le_bytes());
}
