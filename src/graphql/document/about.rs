//! Answers about the schema itself, where the executor's are not what the specification wants.
//!
//! It names a built-in scalar that nothing uses, gives its own text for a description of the schema, has no interfaces for an
//! interface and takes no `null` for `includeDeprecated`.

use crate::graphql::hidden;
use apollo_compiler::Schema;
use async_graphql::indexmap::IndexMap;
use async_graphql::{Name, Value};
use async_graphql_value::Value as InputValue;
use std::collections::HashSet;

/// What is set right in the value of a field.
#[derive(Debug)]
pub(super) enum Mend {
    /// There is nothing.
    Nothing,
    /// An interface has a list of interfaces, too.
    Interfaces,
    /// Only these are types of the schema.
    Types(HashSet<Name>),
}

impl Mend {
    /// What is to be set right in this field of this type.
    pub(super) fn of(schema: &Schema, ty: &str, field: &str) -> Option<Self> {
        match (ty, field) {
            ("__Schema", "description") => Some(Self::Nothing),
            ("__Schema", "types") | (_, "__type") => {
                let names = schema.types.keys();
                let names = names.map(|name| Name::new(name.as_str()));
                Some(Self::Types(names.collect()))
            }
            ("__Type", "interfaces") => Some(Self::Interfaces),
            _ => None,
        }
    }

    /// Sets right what stands under a key of an object.
    pub(super) fn apply(&self, object: &mut IndexMap<Name, Value>, key: &str) {
        let is_interface = hidden::kind_of(object) == Some("INTERFACE");
        let Some(value) = object.get_mut(key) else {
            return;
        };
        match self {
            Self::Nothing => *value = Value::Null,
            Self::Interfaces if is_interface => *value = Value::List(Vec::new()),
            Self::Interfaces => {}
            Self::Types(names) => {
                let is_gone = |value: &Value| match value {
                    Value::Object(ty) => {
                        hidden::name_of(ty).is_some_and(|name| !names.contains(name))
                    }
                    _ => false,
                };
                match value {
                    Value::List(items) => items.retain(|item| !is_gone(item)),
                    value if is_gone(value) => *value = Value::Null,
                    _ => {}
                }
            }
        }
    }
}

/// Whether an argument is one that means the same as if it were not there, and that the executor would refuse.
pub(super) fn is_default(argument: &str, value: &InputValue) -> bool {
    argument == "includeDeprecated" && *value == InputValue::Null
}
