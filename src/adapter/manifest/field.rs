//! Writes, fields and word lists.

use super::{Route, WireFormat};
use crate::adapter::place::{JsonPath, Pointer};
use crate::model::WriteField;
use http::HeaderName;
use serde_json::Value;

/// A write.
#[derive(Clone, Debug)]
pub struct WriteRoute {
    /// The request. Its `put` may hold `"{id}"` and vars in texts.
    pub route: Route,
    /// Below what every written field goes.
    pub wrap: JsonPath,
    /// Fields that must be there.
    pub requires: Vec<Needed>,
    /// At least one of these must be there.
    pub any_of: Vec<Needed>,
    /// Whether the whole record is sent.
    pub replace: bool,
    /// What the answer gives.
    pub returns: Returns,
    /// A header that makes the CRM refuse a repeat.
    pub idempotency_header: Option<HeaderName>,
}

/// A field that a create needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needed {
    /// A field of the common model.
    Common(WriteField),
    /// A vendor field.
    Native(String),
}

impl Needed {
    /// Its name: `email`, or `native.contactName`.
    pub fn name(&self) -> String {
        match self {
            Self::Common(field) => field.name().to_owned(),
            Self::Native(name) => format!("native.{name}"),
        }
    }
}

/// What the answer of a write gives.
#[derive(Clone, Debug, Default)]
pub struct Returns {
    /// The record.
    pub item: Option<JsonPath>,
    /// The id.
    pub id: Option<Pointer>,
    /// Read the customer back.
    pub then_get: bool,
}

/// Where a field stands and where it goes.
#[derive(Clone, Debug, Default)]
pub struct Field {
    /// Where it is read; the first with a value counts.
    pub read: Vec<JsonPath>,
    /// Where it is written.
    pub write: Option<JsonPath>,
    /// Whether a create may carry it.
    pub on_create: bool,
    /// Whether an update may carry it.
    pub on_update: bool,
    /// Its type on the wire.
    pub wire: Option<WireType>,
    /// Its format on the wire, for times.
    pub format: Option<WireFormat>,
    /// Its word list.
    pub words: Option<String>,
    /// The word list it is written with, where that is another one.
    pub write_words: Option<String>,
    /// What an unknown word becomes.
    pub unknown: UnknownWord,
    /// The words for "there is a value" and "there is none".
    pub present: Option<(String, String)>,
    /// From an element to its text.
    pub each: JsonPath,
    /// What joins several values.
    pub join: Option<String>,
    /// What stands between the texts of a list that is one text.
    pub split: Option<String>,
    /// Wire values that mean nothing.
    pub null_if: Vec<Value>,
    /// What is written around the value.
    pub shape: Option<Value>,
    /// How a null is written in a create and in an update.
    pub clear: (Clear, Clear),
    /// The longest text, in characters.
    pub max_length: Option<usize>,
    /// The shortest text, in characters.
    pub min_length: Option<usize>,
}

impl Field {
    /// Whether a create, or else an update, may carry it.
    pub const fn is_carried(&self, create: bool) -> bool {
        self.write.is_some()
            && if create {
                self.on_create
            } else {
                self.on_update
            }
    }

    /// How a null is written in a create, or else in an update.
    pub const fn clear_in(&self, create: bool) -> Clear {
        if create { self.clear.0 } else { self.clear.1 }
    }
}

/// A value's type on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the words are the format's own; adapters/README.md explains them"
)]
pub enum WireType {
    String,
    Int,
    Float,
    Bool,
    Id,
    Strings,
    Json,
    Date,
    DateTime,
    NameFirst,
    NameLast,
}

/// What an unknown word becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownWord {
    /// UNKNOWN.
    #[default]
    Unknown,
    /// Null.
    Null,
    /// A field that could not be read.
    Error,
}

/// How a null is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clear {
    /// As a null.
    #[default]
    Null,
    /// As an empty text, or an empty list.
    Empty,
    /// It cannot be cleared.
    Forbid,
}

/// A vendor field that a write may carry.
#[derive(Clone, Debug)]
pub struct NativeField {
    /// Where it is written.
    pub write: JsonPath,
    /// Whether a create may carry it.
    pub on_create: bool,
    /// Whether an update may carry it.
    pub on_update: bool,
    /// Its type.
    pub wire: WireType,
    /// The longest text, in characters.
    pub max_length: Option<usize>,
}

/// A word list: ours and the CRM's.
#[derive(Clone, Debug, Default)]
pub struct Words {
    /// Our word, and the CRM's words for it; the first is written.
    pub pairs: Vec<(String, Vec<Value>)>,
    /// Whether letter case does not count when reading.
    pub fold: bool,
}
