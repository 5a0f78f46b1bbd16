//! The answer an operation must have: which keys, in which order, which of them may be null.
//!
//! The executor answers fields in the order they finish and leaves a failed field out, whatever its type. The specification
//! wants the order asked for, `null` for a failed nullable field, and for a non-null one the nearest nullable parent nulled.

use super::bind::Variables;
use super::translate::wanted;
use apollo_compiler::ExecutableDocument;
use apollo_compiler::executable::{Selection, SelectionSet, Type};
use async_graphql::indexmap::IndexMap;
use async_graphql::{Name, PathSegment, ServerError, Value};

/// The keys of one object of the answer, in order.
#[derive(Debug, Default)]
pub(super) struct Shape {
    fields: IndexMap<Name, FieldShape>,
}

#[derive(Debug)]
struct FieldShape {
    ty: Type,
    /// What the field's objects hold; `None` for leaves, whose values are not looked into.
    inner: Option<Shape>,
}

impl Shape {
    /// The shape of a selection set, without what directives leave out. Its size was measured before: spreading fragments out is
    /// bounded.
    pub(super) fn of(
        document: &ExecutableDocument,
        set: &SelectionSet,
        variables: &Variables,
    ) -> Self {
        let mut shape = Self::default();
        shape.add(document, set, variables);
        shape
    }

    fn add(&mut self, document: &ExecutableDocument, set: &SelectionSet, variables: &Variables) {
        for selection in &set.selections {
            if wanted(selection.directives(), variables) == Ok(false) {
                continue;
            }
            match selection {
                Selection::Field(field) => {
                    let shape = self
                        .fields
                        .entry(Name::new(field.response_key().as_str()))
                        .or_insert_with(|| FieldShape {
                            ty: field.ty().clone(),
                            inner: None,
                        });
                    if !field.selection_set.is_empty() {
                        let inner = shape.inner.get_or_insert_default();
                        inner.add(document, &field.selection_set, variables);
                    }
                }
                Selection::InlineFragment(fragment) => {
                    self.add(document, &fragment.selection_set, variables);
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = spread.fragment_def(document) {
                        self.add(document, &fragment.selection_set, variables);
                    }
                }
            }
        }
    }

    /// Makes the executor's data what the specification wants.
    pub(super) fn settle(&self, data: &mut Value, errors: &[ServerError]) {
        let mut gone: Vec<&[PathSegment]> = Vec::new();
        for error in errors {
            let path = error.path.as_slice();
            if path.is_empty() || gone.iter().any(|gone| path.starts_with(gone)) {
                continue;
            }
            let mut nulled = None;
            if self.fail(data, path, 0, &mut nulled) {
                *data = Value::Null;
                return;
            }
            gone.extend(nulled.and_then(|end| path.get(..end)));
        }
        self.order(data);
    }

    /// Notes in an object that the field at the end of the path failed; `at` is where the path enters the object. Answers
    /// whether the object itself must be null; `nulled` gets the length of the path to what was nulled within.
    fn fail(
        &self,
        object: &mut Value,
        path: &[PathSegment],
        at: usize,
        nulled: &mut Option<usize>,
    ) -> bool {
        // An object none of whose fields came out is `null` to the executor; an error below it says it was there.
        if *object == Value::Null {
            *object = Value::Object(IndexMap::new());
        }
        let (Some(PathSegment::Field(key)), Value::Object(map)) = (path.get(at), object) else {
            return false;
        };
        let Some(field) = self.fields.get(key.as_str()) else {
            return false;
        };
        let failed = match map.get_mut(key.as_str()) {
            Some(value) => field.fail(value, &field.ty, path, at + 1, nulled),
            None => true,
        };
        if !failed || field.ty.is_non_null() {
            return failed;
        }
        map.insert(Name::new(key), Value::Null);
        *nulled = Some(at + 1);
        false
    }

    fn order(&self, value: &mut Value) {
        match value {
            Value::List(items) => items.iter_mut().for_each(|item| self.order(item)),
            Value::Object(map) => {
                let (mut last, mut tidy) = (0, true);
                for (key, value) in map.iter_mut() {
                    match self.fields.get_full(key) {
                        Some((index, _, field)) => {
                            tidy &= index >= last;
                            last = index;
                            if let Some(inner) = &field.inner {
                                inner.order(value);
                            }
                        }
                        None => tidy = false,
                    }
                }
                if !tidy {
                    map.retain(|key, _| self.fields.contains_key(key));
                    map.sort_by_cached_key(|key, _| self.fields.get_index_of(key));
                }
            }
            _ => {}
        }
    }
}

impl FieldShape {
    /// The same for a field's value or an item of its list, which is of type `ty`.
    fn fail(
        &self,
        value: &mut Value,
        ty: &Type,
        path: &[PathSegment],
        at: usize,
        nulled: &mut Option<usize>,
    ) -> bool {
        match (value, path.get(at), &self.inner) {
            (Value::List(items), Some(PathSegment::Index(index)), _) => {
                let Some(item) = items.get_mut(*index) else {
                    return false;
                };
                let item_type = ty.item_type();
                let failed = self.fail(item, item_type, path, at + 1, nulled);
                if !failed || item_type.is_non_null() {
                    return failed;
                }
                *item = Value::Null;
                *nulled = Some(at + 1);
                false
            }
            (value, Some(PathSegment::Field(_)), Some(inner)) => {
                inner.fail(value, path, at, nulled)
            }
            (value, ..) => *value == Value::Null,
        }
    }
}
