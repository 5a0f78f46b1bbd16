//! The forms of what filters compare with: those that a filter takes from its field, and those that say nothing of it.

use super::check::Note;
use crate::adapter::manifest::{
    Compose, Each, Field, FilterKey, FilterTarget, FilterWire, GetMany, Manifest, WireFormat,
    WireType,
};
use crate::adapter::place::Destination;

/// Fills in what filters do not say themselves, and their fields do: the words of the CRM, and that ids in a body are numbers.
/// A CRM that is asked in our words, or in texts where it has numbers, finds nobody.
pub(super) fn take_from_fields(manifest: &mut Manifest) {
    let fields = &manifest.fields;
    for list in &mut manifest.lists {
        for (key, wire) in &mut list.filters {
            let Some(field) = fields.get(field_of(*key)) else {
                continue;
            };
            // A constant is sent as it stands.
            if wire.words.is_none() && wire.value.is_none() && has_words(*key) {
                wire.words.clone_from(&field.words);
            }
            if is_in_body(wire, list.compose.as_ref()) {
                take_number(*key, wire, field);
            }
        }
    }
    if let (Some(GetMany::Route { ids, .. }), Some(field)) =
        (&mut manifest.get_many, fields.get("id"))
        && is_in_body(ids, None)
    {
        take_number(FilterKey::IdIn, ids, field);
    }
}

fn take_number(key: FilterKey, wire: &mut FilterWire, field: &Field) {
    if is_id(key) && wire.format.is_none() && field.wire == Some(WireType::Int) {
        wire.format = Some(WireFormat::Int);
    }
}

/// The field that a filter is about.
fn field_of(key: FilterKey) -> &'static str {
    match key {
        FilterKey::OwnerEq => "ownerId",
        FilterKey::ParentEq => "parentId",
        FilterKey::OperatorEq => "operatorId",
        other => other.subject(),
    }
}

fn is_id(key: FilterKey) -> bool {
    matches!(key.subject(), "id" | "owner" | "parent" | "operator")
}

fn has_words(key: FilterKey) -> bool {
    matches!(key.subject(), "tier" | "status" | "type" | "gender")
}

/// Whether a filter's value stands in JSON, where a number is no text.
fn is_in_body(wire: &FilterWire, compose: Option<&Compose>) -> bool {
    match &wire.to {
        FilterTarget::Send(to) => matches!(to, Destination::Body(_)),
        FilterTarget::Field(_) => compose.is_some_and(|compose| {
            let shaped = !matches!(compose.each_of(wire), Each::Text(_));
            shaped && matches!(compose.into, Destination::Body(_))
        }),
    }
}

/// Notes forms that would be passed over.
pub(super) fn check(manifest: &Manifest, note: &Note<'_>) {
    for (index, list) in manifest.lists.iter().enumerate() {
        for (key, wire) in &list.filters {
            let at = index.to_string();
            check_one(*key, wire, &["list", &at, "filter", key.word(), "as"], note);
        }
    }
    if let Some(GetMany::Route { ids, .. }) = &manifest.get_many {
        check_one(FilterKey::IdIn, ids, &["get_many", "ids", "as"], note);
    }
}

fn check_one(key: FilterKey, wire: &FilterWire, steps: &[&str], note: &Note<'_>) {
    let Some(format) = &wire.format else { return };
    let word = key.word();
    if key.takes_moment() {
        let (no_time, time) = match format {
            WireFormat::Int => ("int", "epoch_s"),
            WireFormat::Text => ("string", "rfc3339"),
            _ => return,
        };
        let why = format!(
            "`{no_time}` is no form of a time, which `{word}` compares with: write `{time}`"
        );
        note(steps, why);
        return;
    }
    let fits = match format {
        WireFormat::Int => matches!(key.subject(), "phone" | "tags" | "age") || is_id(key),
        // What is no id is sent as the text it is.
        WireFormat::Text => is_id(key),
        _ => false,
    };
    if !fits {
        let why = format!("this `as` means nothing for the filter `{word}`");
        note(steps, why);
    }
}
