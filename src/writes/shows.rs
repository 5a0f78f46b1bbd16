//! Whether a customer is as an update wants it.
//!
//! It is strict: an update nobody knows of counts as done only where the record says all that was asked.

use super::made::digits;
use crate::model::{Customer, FieldValue, WriteField};
use crate::source::SourceEntry;

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
