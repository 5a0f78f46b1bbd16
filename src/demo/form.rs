//! The fields that a vendor's write body may have, as a table, and the check of a body against it.
//!
//! Vendors differ in names, limits and the shape of the complaint, not in what checking is; so the tables stand in
//! their files and the check stands here. Fields outside the table are refused: the pages list what may be sent,
//! and a sender's slip should show.

use serde_json::Value;

use super::clock;
use super::reply::Row;

/// What a value must be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A string of at most so many characters.
    Text(usize),
    /// An e-mail address of at most so many characters.
    Email(usize),
    /// One of these strings.
    Word(&'static [&'static str]),
    /// A whole number from 1.
    Whole,
    /// A boolean.
    Flag,
    /// An array of strings.
    Texts,
    /// Any object.
    Object,
    /// An object with these fields.
    Form(&'static [Field]),
    /// A date, with or without a time.
    Date,
}

/// One field of a write body.
#[derive(Clone, Copy)]
pub(super) struct Field {
    name: &'static str,
    kind: Kind,
    nullable: bool,
}

impl Field {
    pub(super) const fn new(name: &'static str, kind: Kind) -> Self {
        let nullable = false;
        Self {
            name,
            kind,
            nullable,
        }
    }

    pub(super) const fn or_null(self) -> Self {
        let nullable = true;
        Self { nullable, ..self }
    }
}

/// What is wrong with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The field, with dots where it is nested.
    pub(super) field: String,
    /// What the field should have been.
    pub(super) message: String,
}

/// Checks that a body has only fields of the table, each as the table wants it.
pub(super) fn check(body: &Row, fields: &[Field]) -> Result<(), Problem> {
    for (name, value) in body {
        let field = fields.iter().find(|field| field.name == name);
        let wanted = match field {
            None => Some("is not a field that can be written here".to_owned()),
            Some(field) if value.is_null() && field.nullable => None,
            Some(Field {
                kind: Kind::Form(inner),
                ..
            }) if value.is_object() => {
                check_inner(name, value, inner)?;
                None
            }
            Some(field) => want(field.kind, value),
        };
        if let Some(message) = wanted {
            let field = name.clone();
            return Err(Problem { field, message });
        }
    }
    Ok(())
}

fn check_inner(name: &str, value: &Value, fields: &[Field]) -> Result<(), Problem> {
    let Value::Object(inner) = value else {
        return Ok(());
    };
    check(inner, fields).map_err(|problem| Problem {
        field: format!("{name}.{}", problem.field),
        ..problem
    })
}

/// What a value should have been, where it is not that.
fn want(kind: Kind, value: &Value) -> Option<String> {
    let text = value.as_str();
    let fits = |max: usize| text.is_some_and(|text| text.chars().count() <= max);
    let (right, wanted) = match kind {
        Kind::Text(max) => (fits(max), text_of(max)),
        Kind::Email(max) => (
            fits(max) && text.is_some_and(is_email),
            "must be an e-mail address".to_owned(),
        ),
        Kind::Word(words) => (
            text.is_some_and(|text| words.contains(&text)),
            format!("must be one of {}", words.join(", ")),
        ),
        Kind::Whole => (
            value.as_i64().is_some_and(|number| number >= 1),
            "must be a whole number from 1".to_owned(),
        ),
        Kind::Flag => (value.is_boolean(), "must be true or false".to_owned()),
        Kind::Texts => (
            value
                .as_array()
                .is_some_and(|items| items.iter().all(Value::is_string)),
            "must be an array of strings".to_owned(),
        ),
        Kind::Object | Kind::Form(_) => (value.is_object(), "must be an object".to_owned()),
        Kind::Date => (
            text.is_some_and(|text| clock::date(text).is_some()),
            "must be a date".to_owned(),
        ),
    };
    (!right).then_some(wanted)
}

fn text_of(max: usize) -> String {
    match max {
        usize::MAX => "must be a string".to_owned(),
        max => format!("must be a string of at most {max} characters"),
    }
}

/// Whether a text has the look of an e-mail address: one `@` with something before it and a host after it.
fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.split_once('@') else {
        return false;
    };
    let stray = |c: char| c.is_whitespace() || c == '@' || c.is_control();
    !name.is_empty() && !host.is_empty() && !name.contains(stray) && !host.contains(stray)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FIELDS: &[Field] = &[
        Field::new("name", Kind::Text(3)),
        Field::new("email", Kind::Email(20)).or_null(),
        Field::new("when", Kind::Date),
        Field::new("count", Kind::Whole),
        Field::new("tags", Kind::Texts),
        Field::new(
            "contact",
            Kind::Form(&[Field::new("phone", Kind::Text(usize::MAX))]),
        ),
    ];

    #[rstest::rstest]
    #[case(json!({"name": "äöü", "email": null, "when": "2020-02-29"}), None)]
    #[case(json!({"when": "2020-02-29T10:00:00+01:00", "count": 1}), None)]
    #[case(json!({"contact": {"phone": ""}}), None)]
    #[case(json!({"name": "äöüß"}), Some("name"))]
    #[case(json!({"name": null}), Some("name"))]
    #[case(json!({"name": 1}), Some("name"))]
    #[case(json!({"email": "a@"}), Some("email"))]
    #[case(json!({"email": "a b@c"}), Some("email"))]
    #[case(json!({"when": "2021-02-29"}), Some("when"))]
    #[case(json!({"count": 0}), Some("count"))]
    #[case(json!({"count": 1.5}), Some("count"))]
    #[case(json!({"tags": ["a", 1]}), Some("tags"))]
    #[case(json!({"contact": {"phone": 1}}), Some("contact.phone"))]
    #[case(json!({"contact": []}), Some("contact"))]
    #[case(json!({"other": 1}), Some("other"))]
    fn a_body_is_held_against_its_table(#[case] body: Value, #[case] wrong: Option<&str>) {
        let problem = check(body.as_object().unwrap(), FIELDS).err();
        assert_eq!(problem.as_ref().map(|problem| &*problem.field), wrong);
    }
}
