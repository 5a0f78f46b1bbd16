//! What is wrong with a change, found before anything is sent.

use super::value::{can_write, text_of};
use super::{Given, problem};
use crate::adapter::Adapter;
use crate::adapter::manifest::{Clear, Field, Needed, WireType, WriteRoute};
use crate::limits::WRITTEN_DEPTH;
use crate::model::{FieldValue, WriteField};
use crate::source::{SourceError, SourceErrorKind, WriteProblem, WriteProblemField};
use serde_json::Value;

impl Adapter {
    /// What is wrong with a change, before anything is sent.
    pub(super) fn check(&self, route: &WriteRoute, given: &Given<'_>) -> Vec<WriteProblem> {
        let mut problems = Vec::new();
        for (name, value) in given.fields {
            problems.extend(self.check_field(*name, value, given.create));
        }
        for (name, value) in given.native {
            problems.extend(self.check_native(name, value, given.create));
        }
        let missing = route.requires.iter().filter(|needed| !given.has(needed));
        for needed in missing.filter(|_| given.create) {
            let field = match needed {
                Needed::Common(field) => WriteProblemField::Common(*field),
                Needed::Native(name) => WriteProblemField::Native(name.clone()),
            };
            let text = "this source needs this field to create a customer";
            problems.push(WriteProblem {
                field: Some(field),
                error: SourceError::new(SourceErrorKind::Rejected, text),
            });
        }
        let none = !route.any_of.iter().any(|needed| given.has(needed));
        if given.create && !route.any_of.is_empty() && none {
            let names: Vec<_> = route.any_of.iter().map(Needed::name).collect();
            let text = format!("this source needs at least one of: {}", names.join(", "));
            problems.push(WriteProblem {
                field: None,
                error: SourceError::new(SourceErrorKind::Rejected, text),
            });
        }
        problems
    }

    fn check_field(
        &self,
        name: WriteField,
        value: &FieldValue,
        create: bool,
    ) -> Option<WriteProblem> {
        let unsupported = |text| Some(problem(Some(name), SourceErrorKind::Unsupported, text));
        let Some(field) = self
            .manifest
            .fields
            .get(name.name())
            .filter(|field| field.write.is_some())
        else {
            return unsupported("this source cannot write this field");
        };
        if !field.is_carried(create) {
            return unsupported(if create {
                "this source takes this field in an update only"
            } else {
                "this source takes this field in a create only"
            });
        }
        let code = self.calling_code(name, value, create);
        let has_code = matches!(
            value,
            FieldValue::Phone {
                calling_code: Some(_),
                ..
            }
        );
        if has_code && code.is_none() {
            return unsupported("this source cannot write the calling code");
        }
        self.check_value(name, field, value, create)
            .or_else(|| code.and_then(|(field, code)| self.check_value(name, field, &code, create)))
    }

    /// What is wrong with a value of a field that the write can carry.
    fn check_value(
        &self,
        name: WriteField,
        field: &Field,
        value: &FieldValue,
        create: bool,
    ) -> Option<WriteProblem> {
        let rejected =
            |text: &'static str| Some(problem(Some(name), SourceErrorKind::Rejected, text));
        if *value == FieldValue::Null {
            return match field.clear_in(create) {
                Clear::Forbid => rejected("this source cannot clear this field"),
                _ => None,
            };
        }
        if let FieldValue::Json(value) = value
            && is_deeper(value, WRITTEN_DEPTH)
        {
            return Some(problem(Some(name), SourceErrorKind::Rejected, too_deep()));
        }
        if !can_write(&self.manifest, field, value) {
            return rejected("this source has no such value");
        }
        let length = text_of(value).map(|text| text.chars().count());
        match (length, field.min_length, field.max_length) {
            (Some(length), _, Some(max)) if length > max => rejected_length(name, "at most", max),
            (Some(length), Some(min), _) if length < min => rejected_length(name, "at least", min),
            _ => None,
        }
    }

    fn check_native(&self, name: &str, value: &Value, create: bool) -> Option<WriteProblem> {
        let about = || Some(WriteProblemField::Native(name.to_owned()));
        let say = |kind, text: &'static str| {
            Some(WriteProblem {
                field: about(),
                error: SourceError::new(kind, text),
            })
        };
        let Some(field) = self.manifest.native.get(name) else {
            return say(
                SourceErrorKind::Unsupported,
                "this source's adapter names no such vendor field",
            );
        };
        if !(if create {
            field.on_create
        } else {
            field.on_update
        }) {
            return say(
                SourceErrorKind::Unsupported,
                "this source does not take this vendor field here",
            );
        }
        if is_deeper(value, WRITTEN_DEPTH) {
            return Some(WriteProblem {
                field: about(),
                error: SourceError::new(SourceErrorKind::Rejected, too_deep()),
            });
        }
        let fits = match (field.wire, value) {
            (_, Value::Null) | (WireType::Json, _) => true,
            (WireType::Int, value) => value.is_i64() || value.is_u64(),
            (WireType::Float, value) => value.is_number(),
            (WireType::Bool, value) => value.is_boolean(),
            (WireType::Strings, Value::Array(items)) => items.iter().all(Value::is_string),
            (_, value) => value.is_string(),
        };
        if !fits {
            return say(
                SourceErrorKind::Rejected,
                "the value has not the type that this vendor field has",
            );
        }
        match (value, field.max_length) {
            (Value::String(text), Some(max)) if text.chars().count() > max => say(
                SourceErrorKind::Rejected,
                "the text is longer than this vendor field allows",
            ),
            _ => None,
        }
    }
}

fn too_deep() -> String {
    format!("arrays and objects must not nest deeper than {WRITTEN_DEPTH} levels")
}

/// Whether a value nests deeper than so many levels.
fn is_deeper(value: &Value, levels: usize) -> bool {
    let below = |value| levels == 0 || is_deeper(value, levels - 1);
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(below),
        Value::Object(members) => levels == 0 || members.values().any(below),
        _ => false,
    }
}

fn rejected_length(name: WriteField, word: &str, limit: usize) -> Option<WriteProblem> {
    let text = format!("this source takes {word} {limit} characters here");
    Some(WriteProblem {
        field: Some(WriteProblemField::Common(name)),
        error: SourceError::new(SourceErrorKind::Rejected, text),
    })
}
