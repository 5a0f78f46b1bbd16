//! Whether a customer is as a write wants it.
//!
//! It is strict: an update nobody knows of counts as done only where the record says all that was asked, and no customer that
//! says anything else is taken for one that a create made.

use super::made::{digits, folded};
use crate::model::{
    Customer, CustomerStatus, CustomerTier, CustomerType, FieldValue, Gender, WriteField,
};
use crate::source::SourceEntry;
use serde_json::Value;
use std::collections::HashSet;

/// Whether a customer of a source shows every value that was given. What its source never shows proves nothing.
pub(super) fn all(
    entry: &SourceEntry,
    customer: &Customer,
    fields: &[(WriteField, FieldValue)],
) -> bool {
    let readable = &entry.source.capabilities().readable_fields;
    let is_read = |field: WriteField| {
        let name = match field {
            WriteField::OwnerId => "owner",
            WriteField::ParentId => "parent",
            other => other.name(),
        };
        readable
            .iter()
            .any(|known| known == name || known == field.name())
            && customer
                .problems
                .iter()
                .all(|problem| problem.field != name)
    };
    !fields.is_empty()
        && fields
            .iter()
            .all(|(field, given)| is_read(*field) && is(customer.value_of(*field), given))
}

fn is(held: Option<FieldValue>, given: &FieldValue) -> bool {
    match (held, given) {
        (None, FieldValue::Null) => true,
        (Some(FieldValue::Text(held)), FieldValue::Text(given)) => held.trim() == given.trim(),
        (Some(FieldValue::Texts(mut held)), FieldValue::Texts(given)) => {
            let mut given = given.clone();
            held.sort();
            given.sort();
            held == given
        }
        (
            Some(FieldValue::Phone {
                number: held,
                calling_code: held_code,
            }),
            FieldValue::Phone {
                number,
                calling_code,
            },
        ) => {
            let code = |code: &Option<String>| code.as_deref().map(digits);
            !digits(number).is_empty()
                && digits(&held) == digits(number)
                && (calling_code.is_none() || code(&held_code) == code(calling_code))
        }
        (held, given) => held.as_ref() == Some(given),
    }
}

/// Whether a customer of a source plainly shows another value than one it was to be made with. What it does not show proves
/// nothing, because not every list shows all; nor do fields that are read in another form than they are written, or a picture,
/// which many a CRM copies to a place of its own.
pub(super) fn another(
    entry: &SourceEntry,
    customer: &Customer,
    fields: &[(WriteField, FieldValue)],
) -> bool {
    let faithful = &entry.source.capabilities().faithful_fields;
    fields.iter().any(|(field, given)| {
        let held = customer.value_of(*field);
        faithful.contains(field)
            && *field != WriteField::AvatarUrl
            && held.is_some_and(|held| differs(&held, given))
    })
}

/// Whether a value is another one than was given, however a CRM tidies what it takes: letter case, spaces, accents, order, and
/// what it adds by itself.
fn differs(held: &FieldValue, given: &FieldValue) -> bool {
    match (held, given) {
        (_, FieldValue::Null | FieldValue::Phone { .. })
        | (
            FieldValue::Type(CustomerType::Unknown)
            | FieldValue::Tier(CustomerTier::Unknown)
            | FieldValue::Status(CustomerStatus::Unknown)
            | FieldValue::Gender(Gender::Unknown),
            _,
        ) => false,
        (FieldValue::Text(held), FieldValue::Text(given)) => {
            let is_nothing = |text: &str| text.trim().is_empty();
            !is_nothing(held) && !is_nothing(given) && folded(held) != folded(given)
        }
        (FieldValue::Texts(held), FieldValue::Texts(given)) => {
            let held: HashSet<String> = held.iter().map(|held| folded(held)).collect();
            let lacks = |given: &String| !held.contains(&folded(given));
            !held.is_empty() && given.iter().any(lacks)
        }
        (FieldValue::Json(held), FieldValue::Json(given)) => !agrees(held, given),
        (held, given) => held != given,
    }
}

/// Whether nothing of a value is another than was given. Many a CRM keeps all of them as texts.
fn agrees(held: &Value, given: &Value) -> bool {
    match (held, given) {
        (Value::Object(held), Value::Object(given)) => given
            .iter()
            .all(|(key, given)| held.get(key).is_none_or(|held| agrees(held, given))),
        (Value::Array(held), Value::Array(given)) => holds_all(held, given),
        (Value::Number(held), Value::Number(given)) => held.as_f64() == given.as_f64(),
        (held, given) => held.is_null() || held == given || are_like_texts(held, given),
    }
}

/// Whether a list has all elements of another, in whatever order.
fn holds_all(held: &[Value], given: &[Value]) -> bool {
    let held: HashSet<String> = held.iter().map(text).collect();
    given.iter().all(|given| held.contains(&text(given)))
}

/// Whether two values are alike, of which one at least is a text.
fn are_like_texts(held: &Value, given: &Value) -> bool {
    (held.is_string() || given.is_string()) && text(held) == text(given)
}

/// A value as texts are compared.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => folded(text),
        // A whole number may be written with a fraction of nothing.
        Value::Number(number) if number.is_f64() => number
            .as_f64()
            .map_or_else(|| number.to_string(), |number| number.to_string()),
        other => {
            let mut sorted = other.clone();
            sorted.sort_all_objects();
            folded(&sorted.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_value_itself_counts() {
        let text = |text: &str| FieldValue::Text(text.to_owned());
        let texts =
            |texts: &[&str]| FieldValue::Texts(texts.iter().map(ToString::to_string).collect());
        let phone = |number: &str, code: Option<&str>| FieldValue::Phone {
            number: number.to_owned(),
            calling_code: code.map(str::to_owned),
        };
        for (held, given, same) in [
            (Some(text("Ann ")), text("Ann"), true),
            (Some(text("ann")), text("Ann"), false),
            (None, text("Ann"), false),
            (None, FieldValue::Null, true),
            (Some(text("Ann")), FieldValue::Null, false),
            (Some(texts(&["b", "a"])), texts(&["a", "b"]), true),
            (Some(texts(&["a"])), texts(&["a", "b"]), false),
            (Some(phone("12 34", Some("45"))), phone("1234", None), true),
            (
                Some(phone("1234", Some("45"))),
                phone("1234", Some("46")),
                false,
            ),
            (Some(phone("451234", None)), phone("1234", None), false),
            (Some(phone("", None)), phone("", None), false),
            (Some(FieldValue::Bool(true)), FieldValue::Bool(true), true),
        ] {
            assert_eq!(is(held.clone(), &given), same, "{held:?} {given:?}");
        }
    }
}
