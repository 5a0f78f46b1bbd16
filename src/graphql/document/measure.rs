//! How much an operation selects with every fragment spread out, told without spreading them out.
//!
//! Fragments that spread each other make a document of a kilobyte select billions of fields. Each fragment is measured
//! once and remembered, so the measuring itself is linear. Runs before validation: names may be unknown, cycles may exist.

use super::error::RequestError;
use crate::limits::Limits;
use apollo_compiler::ast::{
    Argument, Definition, DirectiveList, Document, FragmentDefinition, OperationDefinition,
    Selection, Value,
};
use apollo_compiler::{Name, Node};
use std::collections::{HashMap, HashSet};

/// How many operations of the largest size a document may come to: each is checked with all that it spreads.
const OPERATIONS: usize = 16;

/// What a value takes beside its text, in bytes.
pub(super) const VALUE_BYTES: usize = 64;

/// What a selection set comes to.
#[derive(Clone, Copy, Default)]
pub(super) struct Size {
    pub(super) selections: usize,
    depth: usize,
    /// Fields at its top level, without `__typename` and introspection.
    roots: usize,
    /// Values of arguments, those within others too.
    pub(super) values: usize,
    /// What they take.
    pub(super) bytes: usize,
}

impl Size {
    /// Of a value with so much text and nothing else.
    fn of_value(text: usize) -> Self {
        Self {
            values: 1,
            bytes: text.saturating_add(VALUE_BYTES),
            ..Self::default()
        }
    }

    /// One after the other.
    fn and(self, other: Self) -> Self {
        Self {
            selections: self.selections.saturating_add(other.selections),
            depth: self.depth.max(other.depth),
            roots: self.roots.saturating_add(other.roots),
            values: self.values.saturating_add(other.values),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

/// What a document holds, as it is written.
#[derive(Clone, Copy, Default)]
struct Count {
    aliases: usize,
    directives: usize,
}

/// What all operations of a document come to. Refuses those that select too much, and input objects that name a field twice.
///
/// # Errors
/// One [`RequestError`] for the first ceiling passed or the first doubled field.
pub(super) fn check(document: &Document, limits: &Limits) -> Result<Size, RequestError> {
    let mut walk = Walk {
        document,
        fragments: HashMap::new(),
        done: HashMap::new(),
        count: Count::default(),
        stack: 0,
        limits,
    };
    let mut operations: Vec<&Node<OperationDefinition>> = Vec::new();
    for definition in &document.definitions {
        match definition {
            Definition::FragmentDefinition(fragment) => {
                walk.fragments.entry(&fragment.name).or_insert(fragment);
            }
            Definition::OperationDefinition(operation) => operations.push(operation),
            _ => {}
        }
    }
    at_most("fragments", walk.fragments.len(), limits.fragments)?;
    let mut together = Size::default();
    for operation in operations {
        at_most("variables", operation.variables.len(), limits.variables)?;
        let mut values = walk.directives(&operation.directives)?;
        for variable in &operation.variables {
            values = values.and(walk.directives(&variable.directives)?);
            if let Some(value) = &variable.default_value {
                values = values.and(walk.value(value)?);
            }
        }
        let size = walk.set(&operation.selection_set)?;
        walk.ceilings(size)?;
        together = together.and(size).and(values);
    }
    let most = limits.selections.saturating_mul(OPERATIONS);
    at_most(
        "selections in all operations together, with the fragments spread out",
        together.selections,
        most,
    )?;
    at_most(
        "values of arguments in all operations together, with the fragments spread out",
        together.values,
        most,
    )?;
    Ok(together)
}

/// Refuses more than so many of something.
fn at_most(what: &str, found: usize, most: usize) -> Result<(), RequestError> {
    if found <= most {
        return Ok(());
    }
    Err(RequestError::complex(format!(
        "there are {found} {what}; at most {most} are allowed"
    )))
}

struct Walk<'a> {
    document: &'a Document,
    fragments: HashMap<&'a Name, &'a Node<FragmentDefinition>>,
    /// `None` while a fragment is being measured: a cycle, which the validator reports.
    done: HashMap<&'a Name, Option<Size>>,
    count: Count,
    stack: usize,
    limits: &'a Limits,
}

impl<'a> Walk<'a> {
    fn ceilings(&self, size: Size) -> Result<(), RequestError> {
        let Limits {
            selections,
            document_depth,
            root_fields,
            argument_bytes,
            ..
        } = *self.limits;
        at_most(
            "selections with the fragments spread out",
            size.selections,
            selections,
        )?;
        if size.depth > document_depth {
            return Err(too_deep(size.depth, document_depth));
        }
        at_most("root fields", size.roots, root_fields)?;
        at_most(
            "bytes of arguments with the fragments spread out",
            size.bytes,
            argument_bytes,
        )?;
        at_most("aliases", self.count.aliases, self.limits.aliases)?;
        at_most("directives", self.count.directives, self.limits.directives)?;
        Ok(())
    }

    fn set(&mut self, selections: &'a [Selection]) -> Result<Size, RequestError> {
        // Nested sets and fragments on the way here; both use this walk's own stack.
        if self.stack > 2 * self.limits.document_depth {
            return Err(too_deep(self.stack, self.limits.document_depth));
        }
        self.stack += 1;
        let mut size = Size::default();
        for selection in selections {
            size = size.and(self.selection(selection)?);
        }
        self.stack -= 1;
        Ok(size)
    }

    fn selection(&mut self, selection: &'a Selection) -> Result<Size, RequestError> {
        match selection {
            Selection::Field(field) => {
                self.count.aliases += usize::from(field.alias.is_some());
                let values = self.directives(&field.directives)?;
                let values = values.and(self.arguments(&field.arguments)?);
                let inner = self.set(&field.selection_set)?;
                Ok(Size {
                    selections: inner.selections.saturating_add(1),
                    depth: inner.depth.saturating_add(1),
                    roots: usize::from(!field.name.starts_with("__")),
                    ..inner.and(values)
                })
            }
            Selection::InlineFragment(fragment) => {
                let values = self.directives(&fragment.directives)?;
                let size = self.set(&fragment.selection_set)?;
                Ok(size.and(values))
            }
            Selection::FragmentSpread(spread) => {
                let values = self.directives(&spread.directives)?;
                let size = self.fragment(&spread.fragment_name)?;
                Ok(size.and(values))
            }
        }
    }

    fn fragment(&mut self, name: &'a Name) -> Result<Size, RequestError> {
        if let Some(done) = self.done.get(name) {
            return Ok(done.unwrap_or_default());
        }
        let Some(fragment) = self.fragments.get(name).copied() else {
            return Ok(Size::default());
        };
        self.done.insert(name, None);
        let values = self.directives(&fragment.directives)?;
        let size = self.set(&fragment.selection_set)?;
        let size = size.and(values);
        self.done.insert(name, Some(size));
        Ok(size)
    }

    fn directives(&mut self, directives: &DirectiveList) -> Result<Size, RequestError> {
        self.count.directives += directives.len();
        let sizes = directives.iter();
        all(sizes.map(|directive| self.arguments(&directive.arguments)))
    }

    fn arguments(&self, arguments: &[Node<Argument>]) -> Result<Size, RequestError> {
        all(arguments.iter().map(|one| self.value(&one.value)))
    }

    /// What a value comes to. One that holds others counts as they do, and takes its own bytes.
    fn value(&self, value: &Node<Value>) -> Result<Size, RequestError> {
        let mut size = Size::of_value(match value.as_ref() {
            Value::String(text) => text.len(),
            Value::Int(digits) => digits.as_str().len(),
            Value::Float(digits) => digits.as_str().len(),
            _ => 0,
        });
        match value.as_ref() {
            Value::List(items) => {
                let items = all(items.iter().map(|item| self.value(item)))?;
                size.values = 0;
                size = size.and(items);
            }
            Value::Object(fields) => {
                size.values = 0;
                let mut seen = HashSet::new();
                for (name, value) in fields {
                    if !seen.insert(name) {
                        return Err(RequestError::invalid(format!(
                            "the input field `{name}` is given twice"
                        ))
                        .at(name.location(), &self.document.sources));
                    }
                    let mut field = self.value(value)?;
                    field.values = field.values.max(1);
                    field.bytes = field.bytes.saturating_add(name.len());
                    size = size.and(field);
                }
            }
            _ => {}
        }
        Ok(size)
    }
}

/// One after the other.
fn all(mut sizes: impl Iterator<Item = Result<Size, RequestError>>) -> Result<Size, RequestError> {
    sizes.try_fold(Size::default(), |sum, size| Ok(sum.and(size?)))
}

pub(super) fn too_deep(found: usize, most: usize) -> RequestError {
    RequestError::complex(format!(
        "the document nests {found} levels deep; at most {most} are allowed"
    ))
}
