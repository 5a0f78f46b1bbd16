//! The answer an operation must have: which keys, in which order, which of them may be null.
//!
//! The executor answers fields in the order they finish and leaves a failed field out, whatever its type. The specification
//! wants the order asked for, `null` for a failed nullable field, and for a non-null one the nearest nullable parent nulled.

use super::about::Mend;
use super::bind::Variables;
use super::translate::wanted;
use crate::graphql::hidden;
use apollo_compiler::executable::{Field, Selection, SelectionSet, Type};
use apollo_compiler::{ExecutableDocument, Schema};
use async_graphql::indexmap::IndexMap;
use async_graphql::{Name, PathSegment, ServerError, Value};
use std::collections::HashMap;

/// The keys of one object of the answer, in order.
#[derive(Debug, Default)]
pub(super) struct Shape {
    fields: IndexMap<Name, FieldShape>,
    /// What is set right in which of them.
    mends: Vec<(Name, Mend)>,
}

#[derive(Debug)]
struct FieldShape {
    ty: Type,
    /// What the field's objects hold, by their type; nothing for leaves, whose values are not looked into.
    inner: Vec<(Name, Shape)>,
}

impl Shape {
    /// The shape of a root's selection set, without what directives leave out. Its size was measured before: spreading fragments
    /// out is bounded.
    pub(super) fn of(
        schema: &Schema,
        document: &ExecutableDocument,
        set: &SelectionSet,
        variables: &Variables,
    ) -> Self {
        let drawing = Drawing {
            schema,
            document,
            variables,
        };
        drawing.shape(&set.ty, &[set])
    }

    /// Makes the executor's data what the specification wants.
    pub(super) fn settle(&self, data: &mut Value, errors: &[ServerError]) {
        let mut gone = Gone::default();
        for error in errors {
            let path = error.path.as_slice();
            if path.is_empty() || gone.holds(path) {
                continue;
            }
            let mut nulled = None;
            if self.fail(data, path, 0, &mut nulled) {
                *data = Value::Null;
                return;
            }
            if let Some(place) = nulled.and_then(|end| path.get(..end)) {
                gone.add(place);
            }
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
        let Value::Object(map) = value else {
            return;
        };
        for (key, mend) in &self.mends {
            mend.apply(map, key);
        }
        let (mut last, mut tidy) = (0, true);
        for (key, value) in map.iter_mut() {
            match self.fields.get_full(key) {
                Some((index, _, field)) => {
                    tidy &= index >= last;
                    last = index;
                    field.order(value);
                }
                None => tidy = false,
            }
        }
        if !tidy {
            map.retain(|key, _| self.fields.contains_key(key));
            map.sort_by_cached_key(|key, _| self.fields.get_index_of(key));
        }
    }

    /// Whether a path that goes on at `at` leads through these keys.
    fn leads(&self, path: &[PathSegment], at: usize) -> bool {
        let rest = path.get(at..).unwrap_or_default();
        let keys = rest.iter().enumerate();
        let mut keys = keys.filter_map(|(index, part)| match part {
            PathSegment::Field(key) => Some((index, key)),
            PathSegment::Index(_) => None,
        });
        let Some((index, key)) = keys.next() else {
            return true;
        };
        self.fields.get(key.as_str()).is_some_and(|field| {
            let mut inner = field.inner.iter();
            field.inner.is_empty() || inner.any(|(_, inner)| inner.leads(path, at + index + 1))
        })
    }
}

impl FieldShape {
    /// The shape of one of the field's objects.
    fn shape(&self, object: &Value) -> Option<&Shape> {
        let (Value::Object(map), [(_, first), others @ ..]) = (object, self.inner.as_slice())
        else {
            return None;
        };
        let ty = match others {
            [] => return Some(first),
            _ => hidden::type_of(map)?,
        };
        let mut inner = self.inner.iter();
        inner.find(|(name, _)| name == ty).map(|(_, shape)| shape)
    }

    fn order(&self, value: &mut Value) {
        match value {
            Value::List(items) => items.iter_mut().for_each(|item| self.order(item)),
            _ => {
                if let Some(shape) = self.shape(value) {
                    shape.order(value);
                }
            }
        }
    }

    /// The same for a field's value or an item of its list, which is of type `ty`.
    fn fail(
        &self,
        value: &mut Value,
        ty: &Type,
        path: &[PathSegment],
        at: usize,
        nulled: &mut Option<usize>,
    ) -> bool {
        match (value, path.get(at)) {
            (Value::List(items), Some(PathSegment::Index(index))) => {
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
            (value, Some(PathSegment::Field(_))) if !self.inner.is_empty() => {
                // Whatever type an object of nothing had: under one key, what may be null is the same for all of them.
                let mut any = self.inner.iter().map(|(_, shape)| shape);
                let shape = self.shape(value);
                let shape = shape.or_else(|| any.find(|shape| shape.leads(path, at)));
                shape.is_some_and(|shape| shape.fail(value, path, at, nulled))
            }
            (value, _) => *value == Value::Null,
        }
    }
}

/// The places of an answer that were nulled. There may be as many as the answer has fields, and each error asks for its own.
#[derive(Default)]
struct Gone<'e> {
    is_null: bool,
    within: HashMap<Step<'e>, Gone<'e>>,
}

/// One step of a path.
#[derive(PartialEq, Eq, Hash)]
enum Step<'e> {
    Field(&'e str),
    Index(usize),
}

impl<'e> Step<'e> {
    fn of(segment: &'e PathSegment) -> Self {
        match segment {
            PathSegment::Field(key) => Self::Field(key),
            PathSegment::Index(index) => Self::Index(*index),
        }
    }
}

impl<'e> Gone<'e> {
    /// Whether a path leads to such a place or through one.
    fn holds(&self, path: &'e [PathSegment]) -> bool {
        let mut here = self;
        for segment in path {
            match here.within.get(&Step::of(segment)) {
                _ if here.is_null => return true,
                Some(next) => here = next,
                None => return false,
            }
        }
        here.is_null
    }

    fn add(&mut self, place: &'e [PathSegment]) {
        let mut here = self;
        for segment in place {
            here = here.within.entry(Step::of(segment)).or_default();
        }
        here.is_null = true;
    }
}

/// Makes shapes.
struct Drawing<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    variables: &'a Variables,
}

/// Fields by their keys, each with every selection set it is written with.
type Collected<'a> = IndexMap<&'a str, (&'a Field, Vec<&'a SelectionSet>)>;

impl<'a> Drawing<'a> {
    /// The shape of objects of this very type.
    fn shape(&self, ty: &apollo_compiler::Name, sets: &[&'a SelectionSet]) -> Shape {
        let mut collected = Collected::new();
        for set in sets {
            self.collect(ty, set, &mut collected);
        }
        let mut mends = Vec::new();
        let fields = collected.into_iter().map(|(key, (field, sets))| {
            if let Some(mend) = Mend::of(self.schema, ty, &field.name) {
                mends.push((Name::new(key), mend));
            }
            let shape = FieldShape {
                ty: field.ty().clone(),
                inner: self.inner(field.ty(), &sets),
            };
            (Name::new(key), shape)
        });
        let fields = fields.collect();
        Shape { fields, mends }
    }

    fn inner(&self, ty: &Type, sets: &[&'a SelectionSet]) -> Vec<(Name, Shape)> {
        if sets.iter().all(|set| set.selections.is_empty()) {
            return Vec::new();
        }
        let ty = ty.inner_named_type();
        let shape = |ty: &apollo_compiler::Name| (Name::new(ty.as_str()), self.shape(ty, sets));
        if self.schema.get_object(ty).is_some() {
            return vec![shape(ty)];
        }
        let objects = self.schema.types.iter().filter(|(_, one)| one.is_object());
        let objects = objects.filter(|(name, _)| self.schema.is_subtype(ty, name));
        objects.map(|(name, _)| shape(name)).collect()
    }

    fn collect(&self, ty: &apollo_compiler::Name, set: &'a SelectionSet, into: &mut Collected<'a>) {
        let is_of = |on: &apollo_compiler::Name| on == ty || self.schema.is_subtype(on, ty);
        for selection in &set.selections {
            if wanted(selection.directives(), self.variables) == Ok(false) {
                continue;
            }
            match selection {
                Selection::Field(field) => {
                    let found = into.entry(field.response_key());
                    let (_, sets) = found.or_insert_with(|| (field, Vec::new()));
                    sets.push(&field.selection_set);
                }
                Selection::InlineFragment(fragment) => {
                    if fragment.type_condition.as_ref().is_none_or(is_of) {
                        self.collect(ty, &fragment.selection_set, into);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = spread.fragment_def(self.document);
                    if let Some(fragment) = fragment.filter(|found| is_of(found.type_condition())) {
                        self.collect(ty, &fragment.selection_set, into);
                    }
                }
            }
        }
    }
}
