//! For CRMs that replace the whole record: what nobody gave goes back as the record holds it.
//!
//! What a customer shows is less than what its record says: a day leaves a time aside, one of our words stands for several of
//! the CRM's. So values are taken from the record itself. Only what the file writes in another form than it reads is put into
//! that form, and where this could lose something, nothing is sent.

use super::value::{in_shape, wire_value};
use super::{Given, not_applied, problem};
use crate::adapter::manifest::{Field, WriteRoute};
use crate::adapter::pick::Leaf;
use crate::adapter::place::JsonPath;
use crate::adapter::request::Draft;
use crate::adapter::{Adapter, faults, mapping};
use crate::model::{Customer, LocalId, Native, WriteField};
use crate::source::{Call, CustomerRef, SourceErrorKind, WriteProblem, Written};
use serde_json::Value;

/// What a write would lose.
struct Lost;

/// The customer as it is now, and its record.
struct Current {
    customer: CustomerRef,
    record: Value,
}

impl Adapter {
    /// Puts what the record holds now, under what is given.
    pub(super) async fn put_current(
        &self,
        call: &Call,
        route: &WriteRoute,
        id: &LocalId,
        given: &Given<'_>,
        draft: &mut Draft<'_>,
    ) -> Result<(), Written> {
        let current = self.current(call, id).await?;
        let mut lost: Vec<WriteProblem> = Vec::new();
        for (name, field) in &self.manifest.fields {
            let Some(part_of) = written_as(name) else {
                continue;
            };
            let is_given = given.fields.iter().any(|(known, _)| *known == part_of);
            let Some(place) = field
                .write
                .as_ref()
                .filter(|_| field.on_update && !is_given)
            else {
                continue;
            };
            match self.held(route, name, field, &current) {
                Ok(Some(value)) => route.wrap.join(place).put(&mut draft.body, value),
                Ok(None) => {}
                Err(Lost) => lost.push(problem(
                    Some(part_of),
                    SourceErrorKind::Rejected,
                    "the record holds a value here that cannot be written back",
                )),
            }
        }
        if lost.is_empty() {
            Ok(())
        } else {
            Err(not_applied(lost))
        }
    }

    async fn current(&self, call: &Call, id: &LocalId) -> Result<Current, Written> {
        let refused = |error| not_applied(vec![WriteProblem { field: None, error }]);
        let Some(customer) = self.shown(call, id).await.map_err(refused)? else {
            let kind = SourceErrorKind::NotFound;
            return Err(not_applied(vec![problem(
                None,
                kind,
                faults::sentence(kind),
            )]));
        };
        let native = customer.native.as_ref();
        match native.and_then(Native::value) {
            Some(record) => Ok(Current { customer, record }),
            None => Err(refused(faults::malformed(
                "the record cannot be read as a whole",
            ))),
        }
    }

    /// What goes back to a field's place; `None` where there is nothing.
    fn held(
        &self,
        route: &WriteRoute,
        name: &'static str,
        field: &Field,
        current: &Current,
    ) -> Result<Option<Value>, Lost> {
        let Some(from) = field.read.first() else {
            return Ok(None);
        };
        let found = from.find(&current.record);
        if is_odd(name, found, &current.customer) {
            return Err(Lost);
        }
        let held = found.unwrap_or(&Value::Null);
        let reworded = is_reworded(route, field, from);
        let is_nothing =
            held.is_null() || (reworded || field.shape.is_some()) && field.null_if.contains(held);
        // Who has no value at the place of a sign has one of its two words all the same.
        if is_nothing && field.present.is_none() {
            return Ok(None);
        }
        let value = match reworded {
            true => self.reworded(name, field, held, current)?,
            false => held.clone(),
        };
        in_its_shape(route, field, value, &current.record).map(Some)
    }

    /// What a record holds, in the words that are written.
    fn reworded(
        &self,
        name: &'static str,
        field: &Field,
        held: &Value,
        current: &Current,
    ) -> Result<Value, Lost> {
        let words = field.words.as_ref().filter(|_| field.present.is_none());
        let words = words.and_then(|words| self.manifest.enums.get(words));
        if words.is_some_and(|words| !words.is_the_one(&Leaf::of(held))) {
            return Err(Lost);
        }
        let value = written_as(name).and_then(|name| current.customer.value_of(name));
        let wire = value.and_then(|value| wire_value(&self.manifest, field, &value));
        wire.filter(|wire| !wire.is_null()).ok_or(Lost)
    }
}

/// The field of a change that a field of the file is a part of.
fn written_as(name: &str) -> Option<WriteField> {
    match name {
        "phoneCallingCode" => Some(WriteField::Phone),
        name => WriteField::from_name(name),
    }
}

/// Whether a value could not be read. Of those that make one field of the schema together, each is judged by itself.
fn is_odd(name: &'static str, found: Option<&Value>, customer: &Customer) -> bool {
    let shown = mapping::schema_name(name);
    let mut problems = customer.problems.iter();
    let alone = shown == name && name != "phone";
    let plain = found.is_some_and(|value| !value.is_array() && !value.is_object());
    problems.any(|problem| problem.field == shown) && (alone || !plain)
}

/// Whether a field is written in other words than it is read.
fn is_reworded(route: &WriteRoute, field: &Field, from: &JsonPath) -> bool {
    let at_its_place = field.shape.is_none() && is_written_to(route, field, from);
    let in_words = field.write_words.is_some() || field.present.is_some();
    in_words || (!field.each.steps().is_empty() && !at_its_place)
}

/// Whether a field is written to the place of its record that it is read from.
pub(super) fn is_at_its_place(route: &WriteRoute, field: &Field) -> bool {
    let mut places = field.read.iter();
    places.any(|from| is_written_to(route, field, from))
}

fn is_written_to(route: &WriteRoute, field: &Field, from: &JsonPath) -> bool {
    let to = field.write.iter();
    let mut places = to.flat_map(|place| [place.clone(), route.wrap.join(place)]);
    places.any(|place| place == *from)
}

/// A value in the shape that it is written in. What stands at its place already, with others beside it, goes back whole.
fn in_its_shape(
    route: &WriteRoute,
    field: &Field,
    value: Value,
    record: &Value,
) -> Result<Value, Lost> {
    let shaped = in_shape(field, value).ok_or(Lost)?;
    let Some(place) = field.write.as_ref().filter(|_| field.shape.is_some()) else {
        return Ok(shaped);
    };
    let below = route.wrap.join(place);
    match below.find(record).or_else(|| place.find(record)) {
        Some(there) if holds(there, &shaped) => Ok(there.clone()),
        Some(Value::Array(_)) if shaped.is_array() => Err(Lost),
        _ => Ok(shaped),
    }
}

/// Whether a value says all that another one does.
fn holds(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Array(there), Value::Array(wanted)) => {
            let found = |wanted: &Value| there.iter().any(|there| holds(there, wanted));
            wanted.iter().all(found)
        }
        (Value::Object(there), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, wanted)| there.get(key).is_some_and(|there| holds(there, wanted))),
        (there, wanted) => there == wanted,
    }
}
