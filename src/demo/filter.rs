//! What a G-Tateth list is asked for: which customers, and which page.
//!
//! `tags` is repeated, with or without brackets, and a customer must have all of them; the page says neither.

use serde_json::Value;

use super::ask::Query;
use super::reply::{Refusal, Row};

const TIERS: &[&str] = &["bronze", "silver", "gold", "platinum"];
/// The statuses that can be asked for and written.
pub(super) const STATUSES: &[&str] = &["active", "inactive", "archived"];

/// Which customers a list is asked for.
pub(super) struct Filter<'a> {
    /// Counted from 1.
    pub(super) page: usize,
    pub(super) limit: usize,
    tier: Option<&'a str>,
    status: Option<&'a str>,
    search: Option<String>,
    tags: Vec<&'a str>,
}

impl<'a> Filter<'a> {
    /// Reads and checks the parameters.
    pub(super) fn read(query: &'a Query) -> Result<Self, Refusal> {
        Ok(Self {
            page: number(query, "page", 1, usize::MAX)?,
            limit: number(query, "limit", 20, 100)?,
            tier: word(query, "tier", TIERS)?,
            status: word(query, "status", STATUSES)?,
            search: query.filled("search").map(str::to_lowercase),
            tags: query.many("tags").chain(query.many("tags[]")).collect(),
        })
    }

    pub(super) fn has(&self, row: &Row) -> bool {
        let says = |name: &str, word: &str| row.get(name).is_some_and(|has| has == word);
        self.tier.is_none_or(|tier| says("tier", tier))
            && self.status.is_none_or(|status| says("status", status))
            && self.search.as_ref().is_none_or(|text| mentions(row, text))
            && self.tags.iter().all(|tag| has_tag(row, tag))
    }
}

fn number(query: &Query, name: &str, default: usize, max: usize) -> Result<usize, Refusal> {
    let Some(text) = query.one(name) else {
        return Ok(default);
    };
    let number = text.parse().ok();
    number
        .filter(|number| (1..=max).contains(number))
        .ok_or_else(|| {
            let message = format!("{name} is out of range");
            Refusal::new(400, "VALIDATION_ERROR", message).at(name)
        })
}

fn word<'a>(query: &'a Query, name: &str, words: &[&str]) -> Result<Option<&'a str>, Refusal> {
    match query.one(name) {
        Some(word) if !words.contains(&word) => {
            let message = format!("{name} must be one of {}", words.join(", "));
            Err(Refusal::new(400, "VALIDATION_ERROR", message).at(name))
        }
        word => Ok(word),
    }
}

/// A text of the profile; empty where there is none.
pub(super) fn profile<'a>(row: &'a Row, name: &str) -> &'a str {
    let profile = row.get("profile").and_then(Value::as_object);
    let value = profile.and_then(|profile| profile.get(name));
    value.and_then(Value::as_str).unwrap_or_default()
}

/// Whether name, e-mail, phone or company has the text, which is in lower case.
fn mentions(row: &Row, text: &str) -> bool {
    let name = format!("{} {}", profile(row, "firstName"), profile(row, "lastName"));
    let others = ["email", "phone", "company"];
    name.to_lowercase().contains(text)
        || others
            .iter()
            .any(|field| profile(row, field).to_lowercase().contains(text))
}

fn has_tag(row: &Row, tag: &str) -> bool {
    let tags = row.get("tags").and_then(Value::as_array);
    tags.is_some_and(|tags| tags.iter().any(|has| has == tag))
}
