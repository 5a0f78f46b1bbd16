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
    let mut together = 0_usize;
    for operation in operations {
        at_most("variables", operation.variables.len(), limits.variables)?;
        walk.directives(&operation.directives)?;
        for variable in &operation.variables {
            walk.directives(&variable.directives)?;
            if let Some(value) = &variable.default_value {
                walk.value(value)?;
            }
        }
        let size = walk.set(&operation.selection_set)?;
        walk.ceilings(size)?;
        together = together.saturating_add(size.selections);
    }
    at_most(
        "selections in all operations together, with the fragments spread out",
        together,
        limits.selections.saturating_mul(OPERATIONS),
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
            let part = self.selection(selection)?;
            size.selections = size.selections.saturating_add(part.selections);
            size.depth = size.depth.max(part.depth);
            size.roots = size.roots.saturating_add(part.roots);
        }
        self.stack -= 1;
        Ok(size)
    }

    fn selection(&mut self, selection: &'a Selection) -> Result<Size, RequestError> {
        match selection {
            Selection::Field(field) => {
                self.count.aliases += usize::from(field.alias.is_some());
                self.directives(&field.directives)?;
                self.arguments(&field.arguments)?;
                let inner = self.set(&field.selection_set)?;
                Ok(Size {
                    selections: inner.selections.saturating_add(1),
                    depth: inner.depth.saturating_add(1),
                    roots: usize::from(!field.name.starts_with("__")),
                })
            }
            Selection::InlineFragment(fragment) => {
                self.directives(&fragment.directives)?;
                self.set(&fragment.selection_set)
            }
            Selection::FragmentSpread(spread) => {
                self.directives(&spread.directives)?;
                self.fragment(&spread.fragment_name)
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
        self.directives(&fragment.directives)?;
        let size = self.set(&fragment.selection_set)?;
        self.done.insert(name, Some(size));
        Ok(size)
    }

    fn directives(&mut self, directives: &DirectiveList) -> Result<(), RequestError> {
        self.count.directives += directives.len();
        directives
            .iter()
            .try_for_each(|directive| self.arguments(&directive.arguments))
    }

    fn arguments(&self, arguments: &[Node<Argument>]) -> Result<(), RequestError> {
        arguments
            .iter()
            .try_for_each(|argument| self.value(&argument.value))
    }

    fn value(&self, value: &Node<Value>) -> Result<(), RequestError> {
        match value.as_ref() {
            Value::List(items) => items.iter().try_for_each(|item| self.value(item)),
            Value::Object(fields) => {
                let mut seen = HashSet::new();
                for (name, value) in fields {
                    if !seen.insert(name) {
                        return Err(RequestError::invalid(format!(
                            "the input field `{name}` is given twice"
                        ))
                        .at(name.location(), &self.document.sources));
                    }
                    self.value(value)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn too_deep(found: usize, most: usize) -> RequestError {
    RequestError::complex(format!(
        "the document nests {found} levels deep; at most {most} are allowed"
    ))
}
