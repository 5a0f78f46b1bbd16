//! The field that the executor gets where a selection is empty once its directives are decided; no answer shows it.

use async_graphql::parser::types::{Field, SelectionSet};
use async_graphql::{Name, Pos, Positioned};

const HIDDEN: &str = "__crmql_present";

/// The hidden field: `__typename` under a name of its own.
pub(super) fn hidden(pos: Pos) -> Positioned<Field> {
    let field = Field {
        alias: Some(Positioned::new(Name::new(HIDDEN), pos)),
        name: Positioned::new(Name::new("__typename"), pos),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::new(SelectionSet { items: Vec::new() }, pos),
    };
    Positioned::new(field, pos)
}

/// Whether a field is the hidden one.
pub(super) fn is_hidden(field: &Field) -> bool {
    field
        .alias
        .as_ref()
        .is_some_and(|alias| alias.node == HIDDEN)
}
