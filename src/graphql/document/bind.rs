//! Variables put in place: coerced before anything runs, then written where the document names them.
//!
//! A variable that was not given is left out together with its argument or input field, as the specification asks. (The
//! executor alone would make it an explicit `null`, and in an update a `null` clears a field.)

use super::Checked;
use super::about;
use super::error::RequestError;
use super::scalars;
use super::translate;
use apollo_compiler::ast::VariableDefinition;
use apollo_compiler::executable::Operation;
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::validation::Valid;
use apollo_compiler::{Schema, request};
use async_graphql::parser::types as to;
use async_graphql::{Name, Positioned, Value};
use async_graphql_value::Value as InputValue;
use std::collections::HashMap;

/// Coerced variables by name; those that were not given and have no default are not in it.
pub(in crate::graphql) type Variables = HashMap<Name, Value>;

/// Puts the variables into the arguments of an operation.
pub(super) fn bind(document: &mut to::ExecutableDocument, variables: &Variables) {
    if let to::DocumentOperations::Single(operation) = &mut document.operations {
        bind_set(&mut operation.node.selection_set.node, variables);
    }
}

/// The values of an operation's variables.
///
/// # Errors
/// A [`RequestError`] for a required variable that is missing, a value of the wrong type or an unknown input field.
pub(super) fn coerce(
    checked: &Checked,
    schema: &Valid<Schema>,
    given: serde_json::Map<String, serde_json::Value>,
) -> Result<Variables, RequestError> {
    if checked.operation.variables.is_empty() {
        return Ok(Variables::new());
    }
    let mut given: JsonMap = given
        .into_iter()
        .map(|(name, value)| (name.into(), JsonValue::from(value)))
        .collect();
    for declared in &checked.operation.variables {
        if !given.contains_key(declared.name.as_str())
            && let Some(default) = default(schema, declared)
        {
            given.insert(declared.name.as_str(), default);
        }
    }
    let coerced =
        request::coerce_variable_values(schema, &checked.operation, &given).map_err(|error| {
            let flaw = without_value(&error.message().to_string());
            blame(checked, schema, &given, &flaw)
        })?;
    let mut variables = Variables::with_capacity(coerced.len());
    for declared in &checked.operation.variables {
        let Some(value) = coerced.get(declared.name.as_str()) else {
            continue;
        };
        let value = serde_json::to_value(value)
            .ok()
            .and_then(|value| Value::from_json(value).ok())
            .ok_or_else(|| {
                RequestError::invalid(format!("variable {} cannot be read", declared.name))
            })?;
        scalars::check(schema, &declared.ty, &value, &declared.name).map_err(|flaw| {
            RequestError::invalid(flaw).at(declared.location(), &checked.sources)
        })?;
        variables.insert(Name::new(declared.name.as_str()), value);
    }
    Ok(variables)
}

/// The default of a variable, as if it had been given: the validator would take it as it is written.
fn default(schema: &Schema, variable: &VariableDefinition) -> Option<JsonValue> {
    let written = variable.default_value.as_ref()?;
    let value = translate::value_of(schema, &variable.ty, written).into_const()?;
    value.into_json().ok().map(JsonValue::from)
}

/// The error of the first variable that is wrong: the validator's message does not always say which it is.
fn blame(checked: &Checked, schema: &Valid<Schema>, given: &JsonMap, flaw: &str) -> RequestError {
    let mut alone = Operation::clone(&checked.operation);
    alone.selection_set.selections.clear();
    let wrong = checked.operation.variables.iter().find(|&declared| {
        alone.variables = vec![declared.clone()];
        request::coerce_variable_values(schema, &alone, given).is_err()
    });
    let Some(wrong) = wrong else {
        return RequestError::invalid(flaw);
    };
    let named = format!("variable {} to", wrong.name);
    let flaw = flaw.replace(&named, "it to");
    RequestError::invalid(format!("variable ${}: {flaw}", wrong.name))
        .at(wrong.location(), &checked.sources)
}

/// The message without values that the caller wrote, which may be personal. Of the validator's messages about variables two hold
/// such a thing: a value that is not of its type, and a key that an input object does not have.
fn without_value(message: &str) -> String {
    let cut = |start: &str, after: &str, before: &str| {
        let rest = message.strip_prefix(start)?;
        let head = rest.get(..rest.find(after)?)?;
        let tail = rest.get(rest.rfind(before)?..)?;
        Some(format!("{start}{head}{tail}"))
    };
    let coerced = || cut("could not coerce ", ": ", " to type ");
    let unknown = unknown_key(message).or_else(coerced);
    unknown.unwrap_or_else(|| message.to_owned())
}

/// The message about a key that an input object does not have. One that could be a field's name is told, as it is where it
/// stands in a document.
fn unknown_key(message: &str) -> Option<String> {
    let rest = message.strip_prefix("Input object has key ")?;
    let (key, ty) = rest.rsplit_once(" not in type ")?;
    Some(match apollo_compiler::Name::is_valid_syntax(key) {
        true => format!("field `{key}` does not exist on `{ty}`"),
        false => format!("an input object has a key that is not in type {ty}"),
    })
}

fn bind_set(set: &mut to::SelectionSet, variables: &Variables) {
    for item in &mut set.items {
        match &mut item.node {
            to::Selection::Field(field) => {
                bind_arguments(&mut field.node.arguments, variables);
                bind_set(&mut field.node.selection_set.node, variables);
            }
            to::Selection::InlineFragment(fragment) => {
                bind_set(&mut fragment.node.selection_set.node, variables);
            }
            // Fragments were spread out when the document was translated.
            to::Selection::FragmentSpread(_) => {}
        }
    }
}

fn bind_arguments(
    arguments: &mut Vec<(Positioned<Name>, Positioned<InputValue>)>,
    variables: &Variables,
) {
    arguments.retain_mut(|(name, value)| {
        bind_value(&mut value.node, variables) && !about::is_default(&name.node, &value.node)
    });
}

/// Puts variables in place; `false` where the value is a variable that was not given.
pub(in crate::graphql) fn bind_value(value: &mut InputValue, variables: &Variables) -> bool {
    match value {
        InputValue::Variable(name) => match variables.get(name) {
            Some(given) => *value = given.clone().into_value(),
            None => return false,
        },
        InputValue::List(items) => {
            for item in items {
                if !bind_value(item, variables) {
                    *item = InputValue::Null;
                }
            }
        }
        InputValue::Object(fields) => fields.retain(|_, field| bind_value(field, variables)),
        _ => {}
    }
    true
}

#[cfg(test)]
mod tests {
    use super::without_value;

    #[test]
    fn a_message_never_repeats_the_value() {
        assert_eq!(
            without_value("could not coerce variable mail: \"a@b.c to type x: y\" to type Int"),
            "could not coerce variable mail to type Int"
        );
        assert_eq!(
            without_value("Input object has key Ann not in type x not in type CustomerFilter"),
            "an input object has a key that is not in type CustomerFilter"
        );
        assert_eq!(
            without_value("Input object has key emial not in type CustomerFilter"),
            "field `emial` does not exist on `CustomerFilter`"
        );
        assert_eq!(
            without_value("missing value for non-null variable 'id'"),
            "missing value for non-null variable 'id'"
        );
    }
}
