//! What an operation may cost at its largest: how many fields its answer has if every list is as long as was asked for.
//!
//! A connection inside the rows of another multiplies, so a short document can ask for millions of rows. The sum is laid out
//! once for a document and worked out for each request's variables, before anything runs. `@skip` and `@include` are not looked
//! at: this is an upper bound. What is not multiplied is bounded by the ceiling on selections.

use super::error::RequestError;
use crate::connection::DEFAULT_WINDOW;
use apollo_compiler::ast::Value;
use apollo_compiler::executable::{Field, Operation, Selection, SelectionSet};
use apollo_compiler::{ExecutableDocument, Node};
use serde_json::{Map, Value as Json};

/// Rows of a connection that asks for no number.
const DEFAULT_ROWS: u64 = DEFAULT_WINDOW as u64;
/// Entries of a list whose length nobody can tell before.
const SOME: u64 = 10;
/// Fields in the answer to a question for the whole schema, and for one of its types.
const SCHEMA: u64 = 2_000;
const TYPE: u64 = 200;

/// The sum, variables still in it.
#[derive(Debug, Default)]
pub(super) struct Cost(Vec<Part>);

/// A field, with what is selected below it.
#[derive(Debug)]
struct Part {
    times: Times,
    /// The field itself, and rows that are read for it whether or not they are shown.
    own: Own,
    below: Vec<Part>,
}

/// How often a field stands in the answer.
#[derive(Clone, Debug)]
enum Times {
    /// So often.
    Fixed(u64),
    /// Once for each row of a connection.
    Rows(Slice),
    /// Once for each id.
    Ids(Amount),
}

#[derive(Debug)]
enum Own {
    Fixed(u64),
    /// The rows of a connection, and itself.
    Rows(Slice),
}

/// `first` and `last` of a connection, where they are given.
#[derive(Clone, Debug)]
struct Slice(Vec<Amount>);

/// A number, or the length of a list.
#[derive(Clone, Debug)]
enum Amount {
    Known(u64),
    Variable { name: String, default: Option<u64> },
}

impl Cost {
    /// The cost of an operation, laid out.
    pub(super) fn of(document: &ExecutableDocument, operation: &Node<Operation>) -> Self {
        let walk = Walk {
            document,
            operation,
        };
        Self(walk.set(&operation.selection_set, None))
    }

    /// Refuses what costs too much with these variables.
    ///
    /// # Errors
    /// A [`RequestError`] that names the cost and the ceiling.
    pub(super) fn check(
        &self,
        variables: &Map<String, Json>,
        window: u32,
        most: u64,
    ) -> Result<(), RequestError> {
        let cost = total(&self.0, variables, u64::from(window));
        if cost <= most {
            return Ok(());
        }
        Err(RequestError::complex(format!(
            "the operation costs {cost} and may cost at most {most}: each field counts as often as the lists around it \
             may have rows"
        )))
    }
}

fn total(parts: &[Part], variables: &Map<String, Json>, window: u64) -> u64 {
    let cost = |part: &Part| {
        let own = match &part.own {
            Own::Fixed(own) => *own,
            Own::Rows(slice) => slice.rows(variables, window).saturating_add(1),
        };
        let times = match &part.times {
            Times::Fixed(times) => *times,
            Times::Rows(slice) => slice.rows(variables, window),
            Times::Ids(amount) => amount.value(variables, length_given).unwrap_or(0),
        };
        total(&part.below, variables, window)
            .saturating_add(own)
            .saturating_mul(times)
    };
    parts.iter().map(cost).fold(0, u64::saturating_add)
}

impl Slice {
    fn rows(&self, variables: &Map<String, Json>, window: u64) -> u64 {
        let given = self.0.iter();
        let given = given.filter_map(|amount| amount.value(variables, number_given));
        // A number beyond the window is refused when the field runs.
        given.max().unwrap_or(DEFAULT_ROWS).min(window)
    }
}

impl Amount {
    /// The amount with these variables; `of` reads it from one.
    fn value(&self, variables: &Map<String, Json>, of: fn(&Json) -> Option<u64>) -> Option<u64> {
        match self {
            Self::Known(amount) => Some(*amount),
            Self::Variable { name, default } => variables.get(name).map_or(*default, of),
        }
    }
}

/// A number that a variable has; none where it is no positive one.
fn number_given(value: &Json) -> Option<u64> {
    value.as_u64()
}

/// The same of the document.
fn number_written(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => number.as_str().parse().ok(),
        _ => None,
    }
}

/// The length of a list that a variable has. What is no list is one of one entry.
fn length_given(value: &Json) -> Option<u64> {
    match value {
        Json::Null => None,
        Json::Array(items) => Some(items.len() as u64),
        _ => Some(1),
    }
}

/// The same of the document.
fn length_written(value: &Value) -> Option<u64> {
    match value {
        Value::Null => None,
        Value::List(items) => Some(items.len() as u64),
        _ => Some(1),
    }
}

struct Walk<'a> {
    document: &'a ExecutableDocument,
    operation: &'a Node<Operation>,
}

impl Walk<'_> {
    /// The parts of a selection set; `rows` where it is that of a connection.
    fn set(&self, set: &SelectionSet, rows: Option<&Slice>) -> Vec<Part> {
        let mut parts = Vec::with_capacity(set.selections.len());
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => parts.push(self.field(field, rows)),
                Selection::InlineFragment(inline) => {
                    parts.extend(self.set(&inline.selection_set, rows));
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name) {
                        parts.extend(self.set(&fragment.selection_set, rows));
                    }
                }
            }
        }
        parts
    }

    fn field(&self, field: &Node<Field>, rows: Option<&Slice>) -> Part {
        let flat = |own| Part {
            times: Times::Fixed(1),
            own: Own::Fixed(own),
            below: Vec::new(),
        };
        match field.name.as_str() {
            "__schema" => return flat(SCHEMA),
            "__type" => return flat(TYPE),
            _ => {}
        }
        let takes = |name: &str| {
            let arguments = &field.definition.arguments;
            arguments.iter().any(|known| known.name == name)
        };
        let slice = takes("first").then(|| {
            let given = ["first", "last"].into_iter();
            let amount = |name| self.amount(field, name, number_written);
            Slice(given.filter_map(amount).collect())
        });
        let lists = field.ty().is_list() && !field.selection_set.selections.is_empty();
        let times = match rows {
            Some(rows) if lists && matches!(field.name.as_str(), "edges" | "nodes") => {
                Times::Rows(rows.clone())
            }
            _ if takes("ids") => self
                .amount(field, "ids", length_written)
                .map_or(Times::Fixed(0), Times::Ids),
            _ if lists => Times::Fixed(SOME),
            _ => Times::Fixed(1),
        };
        Part {
            times,
            below: self.set(&field.selection_set, slice.as_ref()),
            own: slice.map_or(Own::Fixed(1), Own::Rows),
        }
    }

    /// What an argument is given, read by `of`; `None` where it is not, or is null.
    fn amount(&self, field: &Field, name: &str, of: fn(&Value) -> Option<u64>) -> Option<Amount> {
        let given = field.specified_argument_by_name(name)?;
        let Some(variable) = given.as_variable() else {
            return of(given).map(Amount::Known);
        };
        let declared = &self.operation.variables;
        let declared = declared.iter().find(|known| known.name == *variable);
        let default = declared.and_then(|known| of(known.default_value.as_ref()?));
        Some(Amount::Variable {
            name: variable.as_str().to_owned(),
            default,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use apollo_compiler::Schema;
    use serde_json::json;

    /// Says the cost of a document over the product's schema.
    fn cost(text: &str, variables: Json) -> u64 {
        let sdl = crate::graphql::sdl().unwrap();
        let schema = Schema::builder().ignore_builtin_redefinitions();
        let schema = schema
            .parse(sdl, "s.graphql")
            .build()
            .unwrap()
            .validate()
            .unwrap();
        let document = ExecutableDocument::parse_and_validate(&schema, text, "d.graphql").unwrap();
        let operation = document.operations.get(None).unwrap();
        let Json::Object(variables) = variables else {
            unreachable!("variables are an object")
        };
        total(&Cost::of(&document, operation).0, &variables, 100)
    }

    #[test]
    fn rows_multiply_what_is_selected_in_them() {
        let none = || json!({});
        // Itself, its rows, the list and three fields for each row.
        let flat = "{ customers(first: 50) { nodes { id email name } totalCount } }";
        assert_eq!(cost(flat, none()), 1 + 50 + 50 * (1 + 3) + 1);
        let default = "{ customers { edges { node { id } } } }";
        assert_eq!(cost(default, none()), 1 + 20 + 20 * 3);
        let nested = "{ customers(last: 10) { nodes { children(first: 30) { nodes { id } } } } }";
        assert_eq!(cost(nested, none()), 1 + 10 + 10 * (1 + 1 + 30 + 30 * 2));
        let parents =
            "{ customers(first: 100) { nodes { parent { parent { id } } operator { id } } } }";
        assert_eq!(cost(parents, none()), 1 + 100 + 100 * (1 + 3 + 2));
        assert_eq!(cost("{ customers(first: 0) { nodes { id } } }", none()), 1);
        assert_eq!(
            cost("{ customers(first: 2000000000) { nodes { id } } }", none()),
            1 + 100 + 200
        );
        assert_eq!(
            cost("{ customers(first: -5) { nodes { id } } }", none()),
            1 + 20 + 40
        );
        assert_eq!(
            cost("{ nodes(ids: [\"a\", \"b\", \"c\"]) { id } }", none()),
            3 * 2
        );
        // What is no list is a list of one, whatever digits it has.
        for one in ["25001", "\"25001\"", "\"a\""] {
            let text = format!("{{ nodes(ids: {one}) {{ id }} }}");
            assert_eq!(cost(&text, none()), 2, "{one}");
        }
        assert_eq!(cost("{ __schema { types { name } } }", none()), SCHEMA);
    }

    #[test]
    fn variables_and_fragments_count_as_what_they_stand_for() {
        let text = "query($n: Int = 5, $m: Int, $ids: [ID!]!) { customers(first: $n) { ...Rows } nodes(ids: $ids) { id } }
            fragment Rows on CustomerConnection { edges { ... { node { children(first: $m) { totalCount } } } } }";
        let row = |children: u64| 1 + 1 + (1 + children + 1);
        let expected = |n: u64, m: u64, ids: u64| 1 + n + n * row(m) + 2 * ids;
        assert_eq!(cost(text, json!({ "ids": ["a"] })), expected(5, 20, 1));
        assert_eq!(
            cost(text, json!({ "n": 100, "m": 100, "ids": [] })),
            expected(100, 100, 0)
        );
        assert_eq!(
            cost(text, json!({ "n": null, "m": 0, "ids": "a" })),
            expected(20, 0, 1)
        );
        assert_eq!(cost(text, json!({ "ids": 25001 })), expected(5, 20, 1));
        let default = "query($ids: [ID!]! = 25001) { nodes(ids: $ids) { id } }";
        assert_eq!(cost(default, json!({})), 2);
        assert_eq!(cost(default, json!({ "ids": [1, 2] })), 4);
    }

    #[test]
    fn no_nesting_overflows() {
        let nested = "{ customers(first: 100) { nodes { ".to_owned()
            + &"children(first: 100) { nodes { ".repeat(14)
            + "id"
            + &" } }".repeat(15)
            + " }";
        assert_eq!(cost(&nested, json!({})), u64::MAX);
    }
}
