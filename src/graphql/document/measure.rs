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

/// What a selection set comes to.
#[derive(Clone, Copy, Default)]
struct Size {
    selections: usize,
    depth: usize,
    /// Fields at its top level, without `__typename` and introspection.
    roots: usize,
    /// Values of arguments, those within others too.
    values: usize,
}

impl Size {
    /// Of so many values and nothing else.
    fn of_values(values: usize) -> Self {
        Self {
            values,
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
        }
    }
}

/// What a document holds, as it is written.
#[derive(Clone, Copy, Default)]
struct Count {
    aliases: usize,
    directives: usize,
}

/// Refuses documents whose operations select too much, and input objects that name a field twice.
///
/// # Errors
/// One [`RequestError`] for the first ceiling passed or the first doubled field.
pub(super) fn check(document: &Document, limits: &Limits) -> Result<(), RequestError> {
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
            values += walk.directives(&variable.directives)?;
            if let Some(value) = &variable.default_value {
                values += walk.value(value)?;
            }
        }
        let size = walk.set(&operation.selection_set)?;
        walk.ceilings(size)?;
        together = together.and(size).and(Size::of_values(values));
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
    )
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
                let values = values + self.arguments(&field.arguments)?;
                let inner = self.set(&field.selection_set)?;
                Ok(Size {
                    selections: inner.selections.saturating_add(1),
                    depth: inner.depth.saturating_add(1),
                    roots: usize::from(!field.name.starts_with("__")),
                    values: inner.values.saturating_add(values),
                })
            }
            Selection::InlineFragment(fragment) => {
                let values = self.directives(&fragment.directives)?;
                let size = self.set(&fragment.selection_set)?;
                Ok(size.and(Size::of_values(values)))
            }
            Selection::FragmentSpread(spread) => {
                let values = self.directives(&spread.directives)?;
                let size = self.fragment(&spread.fragment_name)?;
                Ok(size.and(Size::of_values(values)))
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
        let size = size.and(Size::of_values(values));
        self.done.insert(name, Some(size));
        Ok(size)
    }

    fn directives(&mut self, directives: &DirectiveList) -> Result<usize, RequestError> {
        self.count.directives += directives.len();
        let counts = directives.iter();
        counts
            .map(|directive| self.arguments(&directive.arguments))
            .sum()
    }

    fn arguments(&self, arguments: &[Node<Argument>]) -> Result<usize, RequestError> {
        let counts = arguments.iter();
        counts.map(|argument| self.value(&argument.value)).sum()
    }

    /// How many values a value is.
    fn value(&self, value: &Node<Value>) -> Result<usize, RequestError> {
        match value.as_ref() {
            Value::List(items) => items.iter().map(|item| self.value(item)).sum(),
            Value::Object(fields) => {
                let mut seen = HashSet::new();
                let mut values = 0;
                for (name, value) in fields {
                    if !seen.insert(name) {
                        return Err(RequestError::invalid(format!(
                            "the input field `{name}` is given twice"
                        ))
                        .at(name.location(), &self.document.sources));
                    }
                    values += self.value(value)?.max(1);
                }
                Ok(values)
            }
            _ => Ok(1),
        }
    }
}

pub(super) fn too_deep(found: usize, most: usize) -> RequestError {
    RequestError::complex(format!(
        "the document nests {found} levels deep; at most {most} are allowed"
    ))
}
