//! What stands within the arguments of a document: variables, at any depth, and numbers that no CRM could be sent.
//!
//! The validator looks at variables that are a whole argument, and takes a default of `null` for a value. Deeper ones it knows
//! by the name of their type alone, and into a scalar that is written as an object it does not look.

use super::error::RequestError;
use super::translate;
use apollo_compiler::executable::{
    Argument, DirectiveList, Operation, Selection, Value, VariableDefinition,
};
use apollo_compiler::schema::{ExtendedType, InputValueDefinition, Type};
use apollo_compiler::{ExecutableDocument, Name, Node, Schema};
use async_graphql_value::Value as InputValue;
use std::collections::HashSet;

/// Checks all arguments of an operation, those of directives too, and the defaults of its variables.
///
/// # Errors
/// The first variable that is not declared or may be of another type than its place wants, or the first number that cannot be
/// kept.
pub(super) fn check(
    schema: &Schema,
    document: &ExecutableDocument,
    operation: &Operation,
) -> Result<(), RequestError> {
    let variables = &operation.variables;
    let usages = Usages { schema, variables };
    let told = |found: Result<(), Flaw<'_>>| {
        found.map_err(|(flaw, at)| RequestError::invalid(flaw).at(at.location(), &document.sources))
    };
    for variable in variables {
        let Some(default) = &variable.default_value else {
            continue;
        };
        let place = Place {
            ty: &variable.ty,
            has_default: false,
        };
        told(usages.value(default, Some(place), &variable.name))?;
    }
    told(usages.directives(&operation.directives))?;
    let mut sets = vec![&operation.selection_set];
    let mut seen = HashSet::new();
    while let Some(set) = sets.pop() {
        for selection in &set.selections {
            told(usages.directives(selection.directives()))?;
            match selection {
                Selection::Field(field) => {
                    told(usages.arguments(&field.arguments, &field.definition.arguments))?;
                    sets.push(&field.selection_set);
                }
                Selection::InlineFragment(fragment) => sets.push(&fragment.selection_set),
                Selection::FragmentSpread(spread) if seen.insert(&spread.fragment_name) => {
                    if let Some(fragment) = spread.fragment_def(document) {
                        told(usages.directives(&fragment.directives))?;
                        sets.push(&fragment.selection_set);
                    }
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }
    Ok(())
}

/// What a place wants.
#[derive(Clone, Copy)]
struct Place<'a> {
    ty: &'a Type,
    has_default: bool,
}

impl<'a> Place<'a> {
    fn of(definition: &'a InputValueDefinition) -> Self {
        Self {
            ty: &definition.ty,
            has_default: definition.default_value.is_some(),
        }
    }
}

struct Usages<'a> {
    schema: &'a Schema,
    variables: &'a [Node<VariableDefinition>],
}

/// A sentence, and the value it is about.
type Flaw<'v> = (String, &'v Node<Value>);

impl Usages<'_> {
    fn directives<'v>(&self, directives: &'v DirectiveList) -> Result<(), Flaw<'v>> {
        directives.iter().try_for_each(|directive| {
            let known = self.schema.directive_definitions.get(&directive.name);
            let known = known.map_or(&[][..], |known| &known.arguments);
            self.arguments(&directive.arguments, known)
        })
    }

    fn arguments<'v>(
        &self,
        arguments: &'v [Node<Argument>],
        known: &[Node<InputValueDefinition>],
    ) -> Result<(), Flaw<'v>> {
        arguments.iter().try_for_each(|argument| {
            let definition = known.iter().find(|known| known.name == argument.name);
            let place = definition.map(|definition| Place::of(definition));
            self.value(&argument.value, place, &argument.name)
        })
    }

    /// Looks into a value that stands under this name; within a scalar of the schema's own no place is known.
    fn value<'v>(
        &self,
        value: &'v Node<Value>,
        place: Option<Place<'_>>,
        name: &Name,
    ) -> Result<(), Flaw<'v>> {
        match &**value {
            Value::Variable(variable) => self
                .variable(variable, place, name)
                .map_err(|flaw| (flaw, value)),
            Value::List(items) => {
                let item = place.filter(|place| place.ty.is_list()).map(|place| Place {
                    ty: place.ty.item_type(),
                    has_default: false,
                });
                items
                    .iter()
                    .try_for_each(|value| self.value(value, item, name))
            }
            Value::Object(fields) => fields
                .iter()
                .try_for_each(|(key, value)| self.value(value, self.field(place, key), key)),
            // Of an id the digits are kept, however many.
            Value::Int(_) if place.is_some_and(|place| place.ty.inner_named_type() == "ID") => {
                Ok(())
            }
            Value::Int(_) | Value::Float(_) if !is_kept(value) => {
                Err((format!("`{name}` holds a number that is too large"), value))
            }
            _ => Ok(()),
        }
    }

    /// The place of a field of an input object.
    fn field(&self, place: Option<Place<'_>>, key: &Name) -> Option<Place<'_>> {
        match self.schema.types.get(place?.ty.inner_named_type())? {
            ExtendedType::InputObject(object) => {
                object.fields.get(key).map(|field| Place::of(field))
            }
            _ => None,
        }
    }

    fn variable(&self, name: &Name, place: Option<Place<'_>>, under: &Name) -> Result<(), String> {
        let Some(declared) = self.variables.iter().find(|one| one.name == *name) else {
            return Err(format!("the variable `${name}` is not declared"));
        };
        match place {
            Some(place) if !may_stand(declared, place) => Err(format!(
                "the variable `${name}` is of type `{}`, but `{under}` wants `{}`",
                declared.ty, place.ty
            )),
            _ => Ok(()),
        }
    }
}

/// The specification's `IsVariableUsageAllowed`.
fn may_stand(variable: &VariableDefinition, place: Place<'_>) -> bool {
    let default = variable.default_value.as_ref();
    let filled = place.has_default || default.is_some_and(|default| !default.is_null());
    if place.ty.is_non_null() && !variable.ty.is_non_null() {
        return filled && variable.ty.is_assignable_to(&place.ty.clone().nullable());
    }
    variable.ty.is_assignable_to(place.ty)
}

/// Whether a number comes out as it is written, but for the last digits of a fraction.
fn is_kept(value: &Value) -> bool {
    match (value, translate::value(value)) {
        (Value::Int(_), InputValue::Number(number)) => !number.is_f64(),
        (_, InputValue::Number(_)) => true,
        _ => false,
    }
}
