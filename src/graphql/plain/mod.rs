//! The short way through the executor: a selection of plain fields is compiled once and written as JSON text for every row.
//!
//! The executor makes a future and a tree for every field of every row. What a record already holds needs neither. Whatever
//! is not plain (a relative, an argument, a row with an unreadable field) makes the whole object take the
//! executor's way, so there is one meaning and two speeds. Text travels through the executor as [`Value::Binary`], which no
//! type of this schema has otherwise; [`super::answer`] puts it in place.

mod connection;
mod customer;
mod json;
#[cfg(test)]
pub(super) mod tests;

pub(super) use connection::{connection, connection_of, object as connection_object};
pub(super) use customer::{customer, customer_of, object as customer_object};
pub(super) use json::write_value;

use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::{Positioned, Value};

/// Writes one thing of an object as JSON.
type Write<T> = Box<dyn Fn(&T, &mut Vec<u8>) + Send + Sync>;

/// The plain fields that are asked of an object of one type.
pub(super) struct Object<T> {
    /// Key with quotes and colon, and what writes the value.
    fields: Vec<(Box<[u8]>, Write<T>)>,
}

impl<T: 'static> Object<T> {
    /// Compiles a selection set; `None` where any of it is not plain. `field` knows the fields of the type.
    fn of(
        set: &Positioned<SelectionSet>,
        ty: &'static str,
        field: fn(&Field) -> Option<Write<T>>,
    ) -> Option<Self> {
        let mut object = Self { fields: Vec::new() };
        object.add(&set.node, ty, field)?;
        (!object.fields.is_empty()).then_some(object)
    }

    fn add(
        &mut self,
        set: &SelectionSet,
        ty: &'static str,
        field: fn(&Field) -> Option<Write<T>>,
    ) -> Option<()> {
        for item in &set.items {
            match &item.node {
                Selection::Field(asked) => self.add_field(&asked.node, ty, field)?,
                Selection::InlineFragment(fragment) => {
                    let fragment = &fragment.node;
                    let other = |on: &str| on != ty;
                    let condition = fragment.type_condition.as_ref();
                    if condition.is_some_and(|condition| other(&condition.node.on.node))
                        || !fragment.directives.is_empty()
                    {
                        return None;
                    }
                    self.add(&fragment.selection_set.node, ty, field)?;
                }
                Selection::FragmentSpread(_) => return None,
            }
        }
        Some(())
    }

    fn add_field(
        &mut self,
        asked: &Field,
        ty: &'static str,
        field: fn(&Field) -> Option<Write<T>>,
    ) -> Option<()> {
        if !asked.directives.is_empty() || !asked.arguments.is_empty() {
            return None;
        }
        if super::hidden::is_hidden(asked) {
            return Some(());
        }
        let write = match asked.name.node.as_str() {
            "__typename" => Box::new(move |_: &T, out: &mut Vec<u8>| json::text(ty, out)),
            _ => field(asked)?,
        };
        let mut key = Vec::new();
        json::text(&asked.response_key().node, &mut key);
        key.push(b':');
        // A key that is asked twice must be merged; that is the executor's business.
        if self.fields.iter().any(|(known, _)| **known == *key) {
            return None;
        }
        self.fields.push((key.into(), write));
        Some(())
    }

    fn write(&self, value: &T, out: &mut Vec<u8>) {
        let mut before = b'{';
        for (key, write) in &self.fields {
            out.push(before);
            before = b',';
            out.extend_from_slice(key);
            write(value, out);
        }
        out.push(b'}');
    }
}

/// A leaf: a field without a selection of its own.
fn leaf<T>(write: impl Fn(&T, &mut Vec<u8>) + Send + Sync + 'static) -> Option<Write<T>> {
    Some(Box::new(write))
}

/// The text as a value for the executor.
fn raw(text: Vec<u8>) -> Value {
    Value::Binary(text.into())
}
