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
pub(super) use json::{length, write_value};

use super::room::Room;
use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::{
    ContextSelectionSet, Error, Json, OutputType, Positioned, ServerResult, Value,
};
use bytes::Bytes;
use std::borrow::Cow;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// Text that is being written, and how long it may become. What is longer is not finished.
pub(super) struct Sheet {
    text: Vec<u8>,
    most: usize,
}

impl Sheet {
    fn of(room: &Room, capacity: usize) -> Self {
        let most = room.left();
        let text = Vec::with_capacity(capacity.min(most));
        Self { text, most }
    }

    /// Whether there is more on it than may be.
    fn is_full(&self) -> bool {
        self.text.len() > self.most
    }

    /// The text as a value for the executor.
    ///
    /// # Errors
    /// TOO_LARGE where there is more than may be.
    fn taken(self, room: &Room) -> Result<Value, Error> {
        room.take(self.text.len())?;
        Ok(Value::Binary(self.text.into()))
    }
}

impl Deref for Sheet {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.text
    }
}

impl DerefMut for Sheet {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }
}

/// Writes one thing of an object as JSON.
type Write<T> = Box<dyn Fn(&T, &mut Sheet) + Send + Sync>;

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
            "__typename" => Box::new(move |_: &T, out: &mut Sheet| json::text(ty, out)),
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

    fn write(&self, value: &T, out: &mut Sheet) {
        let mut before = b'{';
        for (key, write) in &self.fields {
            if out.is_full() {
                return;
            }
            out.push(before);
            before = b',';
            out.extend_from_slice(key);
            write(value, out);
        }
        out.push(b'}');
    }

    /// An object, or `null`.
    fn write_or_null(&self, value: Option<&T>, out: &mut Sheet) {
        match value {
            Some(value) => self.write(value, out),
            None => out.extend_from_slice(b"null"),
        }
    }
}

/// A list, each of its items written so.
fn each<T>(items: impl Iterator<Item = T>, out: &mut Sheet, mut write: impl FnMut(T, &mut Sheet)) {
    out.push(b'[');
    for (place, item) in items.enumerate() {
        if out.is_full() {
            return;
        }
        if place > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// A leaf: a field without a selection of its own.
fn leaf<T>(write: impl Fn(&T, &mut Sheet) + Send + Sync + 'static) -> Option<Write<T>> {
    Some(Box::new(write))
}

/// What is written within the room that is left, where the executor stands; `None` where it is not plain.
fn within(
    ctx: &ContextSelectionSet<'_>,
    write: impl FnOnce(&Room) -> Option<Result<Value, Error>>,
) -> Option<ServerResult<Value>> {
    let written = match ctx.data::<Arc<Room>>() {
        Ok(room) => write(room)?,
        Err(error) => Err(error),
    };
    Some(written.map_err(|error| ctx.set_error_path(error.into_server_error(ctx.item.pos))))
}

/// A value of the scalar `JSON` as text, which takes less than the tree it is.
pub(super) struct Written(Bytes);

impl Written {
    pub(super) fn of(value: &serde_json::Value) -> Self {
        let mut text = Vec::new();
        json::plain(value, &mut text);
        Self(text.into())
    }
}

impl OutputType for Written {
    fn type_name() -> Cow<'static, str> {
        <Json<serde_json::Value> as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Json<serde_json::Value> as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        _ctx: &ContextSelectionSet<'_>,
        _field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        Ok(Value::Binary(self.0.clone()))
    }
}
