//! The schema a second time, as the stricter validator sees it: read from the SDL that the first one prints.

use apollo_compiler::parser::Parser;
use apollo_compiler::schema::{ExtendedType, FieldDefinition};
use apollo_compiler::validation::Valid;
use apollo_compiler::{Node, Schema, ast, name};

/// Why the SDL of our own schema could not be read back.
#[derive(Debug, thiserror::Error)]
#[error("the schema's SDL is not valid: {0}")]
pub struct ContractError(String);

/// Reads the SDL.
///
/// # Errors
/// [`ContractError`] with the validator's findings.
pub(super) fn read(sdl: &str) -> Result<Valid<Schema>, ContractError> {
    // The SDL says again what every schema has (`@include`, `@skip`, ...).
    let mut builder = Schema::builder().ignore_builtin_redefinitions();
    Parser::new().parse_into_schema_builder(sdl, "schema.graphql", &mut builder);
    let schema = builder
        .build()
        .and_then(Schema::validate)
        .map_err(|failure| ContractError(failure.errors.to_string()))?;
    let mut schema = schema.into_inner();
    // Newer than the validator's own introspection types; without it the introspection query of today is refused.
    if let Some(ExtendedType::Object(object)) = schema.types.get_mut("__Type") {
        let field = FieldDefinition {
            description: None,
            name: name!("isOneOf"),
            arguments: Vec::new(),
            ty: ast::Type::Named(name!("Boolean")),
            directives: ast::DirectiveList::default(),
        };
        object
            .make_mut()
            .fields
            .entry(name!("isOneOf"))
            .or_insert_with(|| Node::new(field).into());
    }
    Ok(Valid::assume_valid(schema))
}
