//! Whether the arguments of fields under one response key are the same, as fields that become one must have them.
//!
//! The validator compares lists only as far as the shorter of them goes. What it looks at besides is not looked at again.

use super::error::RequestError;
use apollo_compiler::executable::{Argument, Field, Operation, Selection, SelectionSet, Value};
use apollo_compiler::{ExecutableDocument, Name, Node, Schema};
use async_graphql::indexmap::IndexMap;
use std::collections::HashMap;

/// Checks the fields of an operation. Its size with fragments spread out was measured before.
///
/// # Errors
/// The first field that differs from one it would have to be merged with.
pub(super) fn check(
    schema: &Schema,
    document: &ExecutableDocument,
    operation: &Operation,
) -> Result<(), RequestError> {
    let fields = operation.all_fields(document);
    let lists = |argument: &Node<Argument>| holds_list(&argument.value);
    if !fields.flat_map(|field| &field.arguments).any(lists) {
        return Ok(());
    }
    let merging = Merging { schema, document };
    merging.set(&[(Line::new(), &operation.selection_set)])
}

fn holds_list(value: &Value) -> bool {
    match value {
        Value::List(_) => true,
        Value::Object(fields) => fields.iter().any(|(_, value)| holds_list(value)),
        _ => false,
    }
}

/// The types whose fields lead to a field, from the root.
type Line<'a> = Vec<&'a Name>;

/// Fields by their response keys.
type Found<'a> = IndexMap<&'a Name, Vec<(Line<'a>, &'a Node<Field>)>>;

struct Merging<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
}

impl<'a> Merging<'a> {
    /// Checks selection sets that become one.
    fn set(&self, sets: &[(Line<'a>, &'a SelectionSet)]) -> Result<(), RequestError> {
        let mut found = Found::new();
        for (line, set) in sets {
            self.collect(line, set, &mut found);
        }
        for fields in found.into_values() {
            self.one_key(&fields)?;
            let below = fields.into_iter();
            let below: Vec<_> = below
                .map(|(line, field)| (line, &field.selection_set))
                .filter(|(_, set)| !set.selections.is_empty())
                .collect();
            if !below.is_empty() {
                self.set(&below)?;
            }
        }
        Ok(())
    }

    fn collect(&self, line: &Line<'a>, set: &'a SelectionSet, into: &mut Found<'a>) {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    let mut line = line.clone();
                    line.push(&set.ty);
                    let fields = into.entry(field.response_key()).or_default();
                    fields.push((line, field));
                }
                Selection::InlineFragment(fragment) => {
                    self.collect(line, &fragment.selection_set, into);
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name) {
                        self.collect(line, &fragment.selection_set, into);
                    }
                }
            }
        }
    }

    fn one_key(&self, fields: &[(Line<'a>, &'a Node<Field>)]) -> Result<(), RequestError> {
        // One for each line: those of the same line are the same.
        let mut known: Vec<&(Line<'a>, &'a Node<Field>)> = Vec::new();
        for one in fields {
            let (line, field) = one;
            let mut others = known.iter().filter(|(other, _)| self.may_meet(line, other));
            let same = |other: &Node<Field>| {
                // A fragment that is spread twice gives the same field twice.
                std::ptr::eq(field.as_ref(), other.as_ref())
                    || same_arguments(&field.arguments, &other.arguments)
            };
            if others.any(|(_, other)| !same(other)) {
                let flaw = format!(
                    "the fields under `{}` have different arguments; an alias keeps them apart",
                    field.response_key()
                );
                let place = field.location();
                return Err(RequestError::invalid(flaw).at(place, &self.document.sources));
            }
            if known.iter().all(|(other, _)| other != line) {
                known.push(one);
            }
        }
        Ok(())
    }

    /// Whether fields may be asked of the same object: at no level are they of two object types.
    fn may_meet(&self, one: &Line<'a>, other: &Line<'a>) -> bool {
        let is_object = |ty: &Name| self.schema.get_object(ty).is_some();
        let mut levels = one.iter().zip(other);
        levels.all(|(one, other)| one == other || !is_object(one) || !is_object(other))
    }
}

fn same_arguments(one: &[Node<Argument>], other: &[Node<Argument>]) -> bool {
    let same = |argument: &Node<Argument>| {
        let mut others = other.iter();
        others.any(|other| other.name == argument.name && same(&argument.value, &other.value))
    };
    one.len() == other.len() && one.iter().all(same)
}

/// Whether two values are the same, in whatever order the fields of their objects stand.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let others: HashMap<&Name, &Node<Value>> =
                other.iter().map(|(key, value)| (key, value)).collect();
            let found = |(key, value): &(Name, Node<Value>)| {
                let with = others.get(key);
                with.is_some_and(|with| same(value, with))
            };
            one.len() == other.len() && one.iter().all(found)
        }
        _ => one == other,
    }
}
