//! The fields that the executor gets besides those asked for: where a selection is empty once its directives are decided, where
//! the type of an object must be known, and about a type of the schema. No answer shows them.

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, SelectionSet};
use async_graphql::{Name, Pos, Positioned, Value};

// No document can hold these: a name has no space.
const PRESENT: &str = " present";
const KIND: &str = " kind";
const NAME: &str = " name";

/// The hidden field of any object: `__typename` under a name of its own.
pub(super) fn hidden(pos: Pos) -> Positioned<Field> {
    field(PRESENT, "__typename", pos)
}

/// The hidden fields of a type of the schema: its kind and its name.
pub(super) fn of_type(pos: Pos) -> [Positioned<Field>; 2] {
    [field(KIND, "kind", pos), field(NAME, "name", pos)]
}

fn field(alias: &str, name: &str, pos: Pos) -> Positioned<Field> {
    let field = Field {
        alias: Some(Positioned::new(Name::new(alias), pos)),
        name: Positioned::new(Name::new(name), pos),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::new(SelectionSet { items: Vec::new() }, pos),
    };
    Positioned::new(field, pos)
}

/// Whether a field is the hidden one of any object.
pub(super) fn is_hidden(field: &Field) -> bool {
    field
        .alias
        .as_ref()
        .is_some_and(|alias| alias.node == PRESENT)
}

/// The type of an object that was asked for its hidden field.
pub(super) fn type_of(object: &IndexMap<Name, Value>) -> Option<&str> {
    word(object, PRESENT)
}

/// The kind of a type of the schema.
pub(super) fn kind_of(ty: &IndexMap<Name, Value>) -> Option<&str> {
    word(ty, KIND)
}

/// The name of a type of the schema.
pub(super) fn name_of(ty: &IndexMap<Name, Value>) -> Option<&str> {
    word(ty, NAME)
}

fn word<'o>(object: &'o IndexMap<Name, Value>, key: &str) -> Option<&'o str> {
    match object.get(key)? {
        Value::String(word) => Some(word),
        Value::Enum(word) => Some(word),
        _ => None,
    }
}
