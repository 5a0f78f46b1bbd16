//! What a Flextell list is asked for: which customers are wanted, and the checks of its parameters.
//!
//! An empty parameter counts as absent, since every one of them is nullable in the reference.

use serde_json::Value;

use super::ask::Query;
use super::clock;
use super::reply::{Refusal, Row};

/// The genders that can be asked for and written.
pub(super) const GENDERS: &[&str] = &["male", "female", "other"];

/// Which customers a list is asked for.
pub(super) struct Sieve<'a> {
    search: Option<String>,
    gender: Option<&'a str>,
    ages: Option<(i64, i64)>,
    user: Option<i64>,
    trashed: bool,
}

impl<'a> Sieve<'a> {
    /// Reads and checks the parameters.
    pub(super) fn read(query: &'a Query) -> Result<Self, Refusal> {
        let search = query.filled("search").map(str::to_lowercase);
        if search
            .as_ref()
            .is_some_and(|text| text.chars().count() > 255)
        {
            return Err(invalid("search is longer than 255 characters"));
        }
        let youngest = number(query, "min_age", 0, i64::MAX)?;
        let oldest = number(query, "max_age", 0, i64::MAX)?;
        let aged = youngest.is_some() || oldest.is_some();
        let trashed = match query.filled("trashed") {
            None | Some("false" | "0") => false,
            Some("true" | "1") => true,
            Some(_) => return Err(invalid("trashed must be true or false")),
        };
        Ok(Self {
            search,
            gender: word(query, "gender", GENDERS)?,
            ages: aged.then(|| (youngest.unwrap_or(0), oldest.unwrap_or(i64::MAX))),
            user: number(query, "user_id", i64::MIN, i64::MAX)?,
            trashed,
        })
    }

    pub(super) fn wants(&self, row: &Row) -> bool {
        let user = || row.get("related_user").and_then(|user| user.get("id"));
        let age = || clock::date(text(row, "date_of_birth")).map(clock::age);
        is_trashed(row) == self.trashed
            && self
                .gender
                .is_none_or(|gender| text(row, "gender") == gender)
            && self
                .user
                .is_none_or(|id| user().and_then(Value::as_i64) == Some(id))
            && self
                .ages
                .is_none_or(|(from, to)| age().is_some_and(|age| (from..=to).contains(&age)))
            && self.search.as_ref().is_none_or(|text| mentions(row, text))
    }
}

/// Whether name, e-mail or phone has the text, which is in lower case.
fn mentions(row: &Row, wanted: &str) -> bool {
    let name = format!("{} {}", text(row, "first_name"), text(row, "last_name"));
    [&name, text(row, "email"), text(row, "phone_number")]
        .iter()
        .any(|text| text.to_lowercase().contains(wanted))
}

/// A whole number in a range; nothing where the parameter is absent.
pub(super) fn number(
    query: &Query,
    name: &str,
    min: i64,
    max: i64,
) -> Result<Option<i64>, Refusal> {
    let Some(text) = query.filled(name) else {
        return Ok(None);
    };
    let number = text
        .parse()
        .ok()
        .filter(|number| (min..=max).contains(number));
    let wrong = || invalid(format!("{name} is not a whole number in its range"));
    number.ok_or_else(wrong).map(Some)
}

/// One of some words; nothing where the parameter is absent.
pub(super) fn word<'a>(
    query: &'a Query,
    name: &str,
    words: &[&str],
) -> Result<Option<&'a str>, Refusal> {
    match query.filled(name) {
        Some(word) if !words.contains(&word) => Err(invalid(format!(
            "{name} must be one of {}",
            words.join(", ")
        ))),
        word => Ok(word),
    }
}

/// A field's text; empty where there is none.
pub(super) fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn is_trashed(row: &Row) -> bool {
    row.get("deleted_at").is_some_and(Value::is_string)
}

/// The refusal of a parameter or a field.
pub(super) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(422, "", message)
}
