//! From text to a checked operation, before anything runs and on every way in.
//!
//! The order is by what a hostile text could cost: brackets, tokens, selections with fragments spread out, validation, and
//! only then the executor. Two validators look: a strict one here, the executor's own when it runs. Knows no HTTP.

mod about;
mod bind;
mod cache;
mod contract;
mod cost;
mod error;
mod grammar;
mod measure;
mod merging;
mod place;
mod placed;
mod scalars;
mod shape;
mod tokens;
mod translate;
mod usages;
mod whole;

pub(super) use bind::{Variables, bind_value};
pub use contract::ContractError;
pub use error::{RequestCode, RequestError};

use super::direct::{Asks, Direct};
use crate::limits::Limits;
use apollo_compiler::ast::OperationType;
use apollo_compiler::executable::Operation;
use apollo_compiler::parser::{Parser, SourceMap};
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Node, Schema, introspection};
use async_graphql::parser::types as executor;
use async_graphql::{Pos, ServerError, Value};
use placed::Placed;
use shape::Shape;
use std::sync::Arc;
use tokens::{Kind, Tokens};

/// The fields that tell what an operation itself cost or found; the next one with the same text would tell another thing.
const OF_ONE_OPERATION: [&str; 2] = ["upstreamCalls", "fromCache"];
/// The type whose fields tell how things are at the moment.
const OF_ONE_MOMENT: &str = "SourceStatus";

/// An operation that may run.
#[derive(Clone)]
pub struct Prepared {
    checked: Arc<Checked>,
}

impl Prepared {
    /// Whether running it changes anything.
    pub fn is_mutation(&self) -> bool {
        self.checked.operation.is_mutation()
    }

    /// Whether it asks for the schema itself.
    pub fn is_about_schema(&self) -> bool {
        self.checked.introspects
    }

    /// Whether asking again answers the same as long as nothing changes: it asks neither what this very operation cost, nor
    /// whether its rows came from a cache, nor how a source is doing.
    pub(super) fn is_repeatable(&self) -> bool {
        self.checked.repeatable && !self.is_mutation()
    }
}

/// An operation and the values of its variables.
pub(super) struct Bound {
    checked: Arc<Checked>,
    variables: Variables,
    ready: Arc<Ready>,
}

impl Bound {
    /// The operation as one that needs no executor, and what it asks, where it is such a one.
    pub(super) fn direct(&self) -> Option<(&Direct, Asks)> {
        let direct = self.checked.direct.as_ref()?;
        Some((direct, direct.asks(&self.variables)?))
    }

    /// The operation for the executor, and the answer it must have.
    pub(super) fn document(self) -> (executor::ExecutableDocument, Expected) {
        let mut document = self.ready.template.clone();
        if !self.checked.operation.variables.is_empty() {
            bind::bind(&mut document, &self.variables);
        }
        let Self {
            variables, ready, ..
        } = self;
        (document, Expected { ready, variables })
    }
}

/// The answer that a bound operation must have.
pub(super) struct Expected {
    ready: Arc<Ready>,
    variables: Variables,
}

impl Expected {
    /// Makes the executor's data what the specification wants: order, nulls, no hidden fields.
    pub(super) fn settle(&self, data: &mut Value, errors: &[ServerError]) {
        self.ready.shape.settle(data, errors);
    }

    /// What is wrong with the argument at this place, where it is a `null` that a variable brought.
    pub(super) fn null_at(&self, pos: Pos) -> Option<String> {
        self.ready.placed.null_at(&self.variables, pos)
    }
}

/// An operation once its directives are decided.
struct Ready {
    /// In the executor's types, variables still in it.
    template: executor::ExecutableDocument,
    /// The shape of its answer.
    shape: Shape,
    /// Where its variables stand.
    placed: Placed,
}

impl Ready {
    /// # Errors
    /// The condition of a directive is `null`.
    fn of(
        schema: &Schema,
        document: &ExecutableDocument,
        operation: &Node<Operation>,
        variables: &Variables,
    ) -> Result<Self, RequestError> {
        let (template, placed) = translate::translate(schema, document, operation, variables)?;
        Ok(Self {
            template,
            placed,
            shape: Shape::of(schema, document, &operation.selection_set, variables),
        })
    }
}

/// One operation of a document, checked.
struct Checked {
    operation: Node<Operation>,
    sources: SourceMap,
    template: Template,
    /// The same for those that need no executor.
    direct: Option<Direct>,
    cost: cost::Cost,
    /// Whether it asks for `__schema` or `__type`.
    introspects: bool,
    /// Whether asking again answers the same as long as nothing changes.
    repeatable: bool,
    /// About how many bytes it takes.
    weight: usize,
}

/// What becomes the executor's document.
enum Template {
    /// It is one but for its variables.
    Ready(Arc<Ready>),
    /// It holds `@skip` or `@include`: variables decide what it asks for.
    Undecided(Valid<ExecutableDocument>),
}

/// A document that is valid.
struct Parsed {
    document: Valid<ExecutableDocument>,
    /// Whether there is a directive in it.
    directed: bool,
    /// About how many bytes an operation of it takes once it is checked.
    weight: usize,
}

/// Checks documents against one schema and keeps what it checked.
pub(super) struct Documents {
    schema: Valid<Schema>,
    limits: Limits,
    cache: cache::Cache,
}

impl Documents {
    /// # Errors
    /// [`ContractError`] where the SDL cannot be read back.
    pub(super) fn new(sdl: &str, limits: &Limits) -> Result<Self, ContractError> {
        Ok(Self {
            schema: contract::read(sdl)?,
            limits: limits.clone(),
            cache: cache::Cache::new(limits.prepared_documents, limits.prepared_bytes),
        })
    }

    /// Checks a document and finds its operation.
    ///
    /// # Errors
    /// What is wrong with it; at least one entry, at most one more than the ceiling on errors.
    pub(super) fn prepare(
        &self,
        text: &str,
        operation_name: Option<&str>,
    ) -> Result<Prepared, Vec<RequestError>> {
        if let Some(checked) = self.cache.get(text, operation_name) {
            return Ok(Prepared { checked });
        }
        let checked = Arc::new(self.check(text, operation_name)?);
        self.cache.put(text, operation_name, &checked);
        Ok(Prepared { checked })
    }

    /// Checks every operation of a document, and keeps nothing.
    ///
    /// # Errors
    /// What is wrong with it; at least one entry.
    pub(super) fn examine(&self, text: &str) -> Result<(), Vec<RequestError>> {
        let Parsed { document, .. } = self.parse(text)?;
        let named: Vec<&str> = document
            .operations
            .named
            .keys()
            .map(|name| name.as_str())
            .collect();
        if named.is_empty() {
            return self.check(text, None).map(drop);
        }
        named
            .into_iter()
            .try_for_each(|name| self.check(text, Some(name)).map(drop))
    }

    /// The operation with the values of its variables.
    ///
    /// # Errors
    /// What is wrong with the variables, or that the operation costs too much with them.
    pub(super) fn bind(
        &self,
        prepared: &Prepared,
        mut variables: serde_json::Map<String, serde_json::Value>,
    ) -> Result<Bound, RequestError> {
        let Limits {
            window,
            cost,
            argument_bytes,
            ..
        } = self.limits;
        let checked = Arc::clone(&prepared.checked);
        for declared in &checked.operation.variables {
            if let Some(value) = variables.get_mut(declared.name.as_str()) {
                whole::numbers(&self.schema, &declared.ty, value);
            }
        }
        checked.cost.check(&variables, window, cost)?;
        let variables = bind::coerce(&checked, &self.schema, variables)?;
        let ready = match &checked.template {
            Template::Ready(ready) => Arc::clone(ready),
            Template::Undecided(document) => {
                let operation = &checked.operation;
                Arc::new(Ready::of(&self.schema, document, operation, &variables)?)
            }
        };
        ready.placed.check_size(&variables, argument_bytes)?;
        // Of a query the other fields are answered, and nothing is lost.
        if checked.operation.is_mutation() {
            ready.placed.check_nulls(&variables)?;
        }
        Ok(Bound {
            checked,
            variables,
            ready,
        })
    }

    fn check(&self, text: &str, name: Option<&str>) -> Result<Checked, Vec<RequestError>> {
        let Parsed {
            document,
            directed,
            weight,
        } = self.parse(text)?;
        let operation = operation(&document, name).map_err(|error| vec![error])?;
        if introspection::check_max_depth(&document, &operation).is_err() {
            return Err(vec![RequestError::complex(
                "an introspection query may not nest its lists that deep",
            )]);
        }
        // What is chosen by name may be another one with the next request.
        for operation in document.operations.iter() {
            let hold = [usages::check, scalars::check_literals, merging::check];
            hold.iter()
                .try_for_each(|hold| hold(&self.schema, &document, operation))
                .map_err(|error| vec![error])?;
        }
        let introspects = operation
            .root_fields(&document)
            .any(|field| matches!(field.name.as_str(), "__schema" | "__type"));
        let repeatable = !operation.all_fields(&document).any(|field| {
            let (name, ty) = (field.name.as_str(), field.ty().inner_named_type().as_str());
            OF_ONE_OPERATION.contains(&name) || ty == OF_ONE_MOMENT
        });
        // What a directive leaves out may hang on a variable.
        let ready = if directed {
            None
        } else {
            let ready = Ready::of(&self.schema, &document, &operation, &Variables::new());
            Some(ready.map_err(|error| vec![error])?)
        };
        let direct = ready.as_ref().filter(|_| operation.is_query());
        let direct = direct.and_then(|ready| self.direct(&ready.template));
        Ok(Checked {
            repeatable,
            weight,
            direct,
            cost: cost::Cost::of(&document, &operation),
            introspects,
            sources: Arc::clone(&document.sources),
            template: match ready {
                Some(ready) => Template::Ready(Arc::new(ready)),
                None => Template::Undecided(document),
            },
            operation,
        })
    }

    fn direct(&self, template: &executor::ExecutableDocument) -> Option<Direct> {
        let executor::DocumentOperations::Single(operation) = &template.operations else {
            return None;
        };
        let query = self.schema.root_operation(OperationType::Query)?;
        Direct::of(&operation.node.selection_set.node, |field| {
            let field = self.schema.type_field(query, field).ok()?;
            Some(field.ty.inner_named_type().as_str())
        })
    }

    fn parse(&self, text: &str) -> Result<Parsed, Vec<RequestError>> {
        let Limits {
            document_depth,
            document_tokens,
            errors,
            ..
        } = self.limits;
        let tokens = Tokens::of(text, document_tokens);
        if tokens.deepest > document_depth {
            return Err(vec![measure::too_deep(tokens.deepest, document_depth)]);
        }
        if tokens.count > document_tokens {
            return Err(vec![RequestError::complex(format!(
                "a document may hold at most {document_tokens} tokens"
            ))]);
        }
        let reading = grammar::read(&tokens);
        let plain = tokens.without(&reading.descriptions);
        let document = Parser::new()
            // Brackets are counted above; this only has to be out of the way.
            .recursion_limit(document_depth.saturating_mul(8))
            .parse_ast(plain, "document")
            .map_err(|failed| error::first(&failed.errors))?;
        if let Some((wanted, at)) = reading.flaw(&tokens) {
            let mut flaw = RequestError::invalid(format!("syntax error: expected {wanted}"));
            flaw.locations.push(tokens.place(at));
            return Err(vec![flaw]);
        }
        let size = measure::check(&document, &self.limits).map_err(|error| vec![error])?;
        let directed = tokens
            .kept
            .iter()
            .any(|token| token.kind == Kind::Mark(b'@'));
        document
            .to_executable_validate(&self.schema)
            .map(|document| Parsed {
                document,
                directed,
                weight: weight(text, size),
            })
            .map_err(|failed| error::from_diagnostics(&failed.errors, errors))
    }
}

/// What a checked document takes, as was measured: it holds the text and its tokens, and its selections and values with every
/// fragment spread out, each more than once.
fn weight(text: &str, size: measure::Size) -> usize {
    const TEXT: usize = 8;
    const SELECTION: usize = 1_000;
    const VALUE: usize = 200;
    [
        text.len().saturating_mul(TEXT),
        size.selections.saturating_mul(SELECTION),
        size.values.saturating_mul(VALUE),
        size.bytes,
    ]
    .into_iter()
    .fold(0, usize::saturating_add)
}

/// The operation asked for.
fn operation(
    document: &ExecutableDocument,
    name: Option<&str>,
) -> Result<Node<Operation>, RequestError> {
    let operation = document.operations.get(name).map_err(|_| {
        RequestError::invalid(match name {
            Some(_) => "the document has no operation of that operationName",
            None if document.operations.is_empty() => "the document has no operation",
            None => "the document has several operations: operationName must say which",
        })
    })?;
    if operation.is_subscription() {
        return Err(RequestError::invalid("subscriptions are not served"));
    }
    Ok(operation.clone())
}

#[cfg(test)]
mod tests;
