//! Values of the schema's own scalars, looked at before anything runs.
//!
//! The validator knows such a scalar by its name only and takes any value. The executor would refuse a bad one when its turn
//! comes, which may be after another mutation of the same operation has written.

use super::error::RequestError;
use super::translate;
use crate::model::{Date, DateTime};
use apollo_compiler::executable::Operation;
use apollo_compiler::schema::{ExtendedType, Type};
use apollo_compiler::{ExecutableDocument, Node, Schema, ast};
use async_graphql::{ScalarType as _, Value};

/// Checks what the document itself says, the defaults of variables too.
///
/// # Errors
/// The first value that its scalar does not take.
pub(super) fn check_literals(
    schema: &Schema,
    document: &ExecutableDocument,
    operation: &Operation,
) -> Result<(), RequestError> {
    let literal = |ty: &Type, value: &Node<ast::Value>, name: &str| {
        literal(schema, ty, value, name)
            .map_err(|(flaw, at)| RequestError::invalid(flaw).at(at.location(), &document.sources))
    };
    for variable in &operation.variables {
        if let Some(default) = &variable.default_value {
            literal(&variable.ty, default, &variable.name)?;
        }
    }
    for field in operation.all_fields(document) {
        for argument in &field.arguments {
            if let Some(definition) = field.definition.argument_by_name(&argument.name) {
                literal(&definition.ty, &argument.value, &argument.name)?;
            }
        }
    }
    Ok(())
}

/// A sentence, and the value it is about.
type Flaw<'v> = (String, &'v Node<ast::Value>);

/// Checks a value of the document down to the one that is wrong.
fn literal<'v>(
    schema: &Schema,
    ty: &Type,
    value: &'v Node<ast::Value>,
    name: &str,
) -> Result<(), Flaw<'v>> {
    match &**value {
        ast::Value::List(items) if ty.is_list() => items
            .iter()
            .try_for_each(|item| literal(schema, ty.item_type(), item, name)),
        ast::Value::Object(fields)
            if let Some(object) = schema.get_input_object(ty.inner_named_type()) =>
        {
            fields.iter().try_for_each(|(key, value)| {
                let field = object.fields.get(key);
                field.map_or(Ok(()), |field| literal(schema, &field.ty, value, key))
            })
        }
        _ => {
            let Ok(written) = translate::value(value)
                .into_const_with(|_| Ok::<_, std::convert::Infallible>(Value::Null));
            check(schema, ty, &written, name).map_err(|flaw| (flaw, value))
        }
    }
}

/// Checks a value of this type. `name` is what the value stands under, for the message; the value itself is not repeated.
///
/// # Errors
/// A sentence about the first value within that its scalar does not take.
pub(super) fn check(schema: &Schema, ty: &Type, value: &Value, name: &str) -> Result<(), String> {
    match value {
        Value::Null => Ok(()),
        Value::List(items) if ty.is_list() => items
            .iter()
            .try_for_each(|item| check(schema, ty.item_type(), item, name)),
        _ => match schema.types.get(ty.inner_named_type()) {
            Some(ExtendedType::Scalar(scalar)) => match wanted(&scalar.name, value) {
                Some(wanted) => Err(format!("`{name}` must be {wanted}")),
                None => Ok(()),
            },
            Some(ExtendedType::InputObject(object)) => {
                let Value::Object(fields) = value else {
                    return Ok(());
                };
                fields.iter().try_for_each(|(key, value)| {
                    object.fields.get(key.as_str()).map_or(Ok(()), |field| {
                        check(schema, &field.ty, value, key.as_str())
                    })
                })
            }
            _ => Ok(()),
        },
    }
}

/// What a scalar wants, where the value is not that.
fn wanted(scalar: &str, value: &Value) -> Option<&'static str> {
    match scalar {
        "Date" => Date::parse(value.clone())
            .is_err()
            .then_some("a date such as 1990-05-17"),
        "DateTime" => DateTime::parse(value.clone())
            .is_err()
            .then_some("a date and time with an offset, in UTC of the years 0000 to 9999, such as 2024-01-15T10:30:00Z"),
        _ => None,
    }
}
