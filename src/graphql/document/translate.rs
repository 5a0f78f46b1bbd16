//! A checked operation in the executor's own types, without asking the executor's parser.
//!
//! So a string escape, `-0` or a fragment's name means what the specification says, and every text is parsed once. Selection
//! sets that may come out empty get a hidden `__typename`: the executor answers `null` for an object without a field, and
//! `{}` is right. [`super::shape`] takes it out of the answer again.

use apollo_compiler::ExecutableDocument;
use apollo_compiler::Node;
use apollo_compiler::executable as from;
use apollo_compiler::parser::{SourceMap, SourceSpan};
use async_graphql::parser::types as to;
use async_graphql::{Name, Number, Pos, Positioned, indexmap::IndexMap};
use async_graphql_value::Value as InputValue;
use std::collections::HashMap;

/// The alias of the hidden `__typename`.
const HIDDEN: &str = "__crmql_present";

/// The operation with the fragments it uses. It still holds its variables; see [`super::bind`].
pub(super) fn translate(
    document: &ExecutableDocument,
    operation: &Node<from::Operation>,
) -> to::ExecutableDocument {
    let mut work = Translation {
        document,
        sources: &document.sources,
        fragments: HashMap::new(),
    };
    let pos = work.pos(operation.location());
    let selection_set = work.set(&operation.selection_set, pos);
    let ty = if operation.is_mutation() {
        to::OperationType::Mutation
    } else {
        to::OperationType::Query
    };
    let operation = to::OperationDefinition {
        ty,
        // Variables are put in place before execution, so the executor sees none.
        variable_definitions: Vec::new(),
        directives: Vec::new(),
        selection_set,
    };
    to::ExecutableDocument {
        operations: to::DocumentOperations::Single(Positioned::new(operation, pos)),
        fragments: work
            .fragments
            .into_iter()
            .filter_map(|(name, fragment)| Some((name, fragment?)))
            .collect(),
    }
}

struct Translation<'a> {
    document: &'a ExecutableDocument,
    sources: &'a SourceMap,
    /// `None` while a fragment is being translated.
    fragments: HashMap<Name, Option<Positioned<to::FragmentDefinition>>>,
}

impl Translation<'_> {
    fn pos(&self, span: Option<SourceSpan>) -> Pos {
        span.and_then(|span| span.line_column(self.sources))
            .map(|place| Pos {
                line: place.line,
                column: place.column,
            })
            .unwrap_or_default()
    }

    fn set(&mut self, set: &from::SelectionSet, pos: Pos) -> Positioned<to::SelectionSet> {
        let mut certain = false;
        let mut items = Vec::with_capacity(set.selections.len() + 1);
        for selection in &set.selections {
            if let from::Selection::Field(field) = selection {
                certain |= !is_conditional(&field.directives);
            }
            items.push(self.selection(selection));
        }
        if !certain && !set.selections.is_empty() {
            items.push(Positioned::new(to::Selection::Field(hidden(pos)), pos));
        }
        Positioned::new(to::SelectionSet { items }, pos)
    }

    fn selection(&mut self, selection: &from::Selection) -> Positioned<to::Selection> {
        match selection {
            from::Selection::Field(field) => {
                let pos = self.pos(field.location());
                let field = self.field(field, pos);
                Positioned::new(to::Selection::Field(Positioned::new(field, pos)), pos)
            }
            from::Selection::InlineFragment(fragment) => {
                let pos = self.pos(fragment.location());
                let inline = to::InlineFragment {
                    type_condition: fragment
                        .type_condition
                        .as_ref()
                        .map(|on| type_condition(on, pos)),
                    directives: directives(&fragment.directives, pos),
                    selection_set: self.set(&fragment.selection_set, pos),
                };
                Positioned::new(
                    to::Selection::InlineFragment(Positioned::new(inline, pos)),
                    pos,
                )
            }
            from::Selection::FragmentSpread(spread) => {
                let pos = self.pos(spread.location());
                self.fragment(&spread.fragment_name);
                let spread = to::FragmentSpread {
                    fragment_name: at(&spread.fragment_name, pos),
                    directives: directives(&spread.directives, pos),
                };
                Positioned::new(
                    to::Selection::FragmentSpread(Positioned::new(spread, pos)),
                    pos,
                )
            }
        }
    }

    fn field(&mut self, field: &Node<from::Field>, pos: Pos) -> to::Field {
        to::Field {
            alias: field.alias.as_ref().map(|alias| at(alias, pos)),
            name: at(&field.name, pos),
            arguments: arguments(&field.arguments, pos),
            directives: directives(&field.directives, pos),
            selection_set: self.set(&field.selection_set, pos),
        }
    }

    fn fragment(&mut self, name: &apollo_compiler::Name) {
        let key = Name::new(name.as_str());
        if self.fragments.contains_key(&key) {
            return;
        }
        let document = self.document;
        let Some(fragment) = document.fragments.get(name) else {
            return;
        };
        self.fragments.insert(key.clone(), None);
        let pos = self.pos(fragment.location());
        let definition = to::FragmentDefinition {
            type_condition: type_condition(fragment.type_condition(), pos),
            directives: directives(&fragment.directives, pos),
            selection_set: self.set(&fragment.selection_set, pos),
        };
        self.fragments
            .insert(key, Some(Positioned::new(definition, pos)));
    }
}

fn at(name: &apollo_compiler::Name, pos: Pos) -> Positioned<Name> {
    Positioned::new(Name::new(name.as_str()), pos)
}

fn type_condition(on: &apollo_compiler::Name, pos: Pos) -> Positioned<to::TypeCondition> {
    Positioned::new(to::TypeCondition { on: at(on, pos) }, pos)
}

fn hidden(pos: Pos) -> Positioned<to::Field> {
    let field = to::Field {
        alias: Some(Positioned::new(Name::new(HIDDEN), pos)),
        name: Positioned::new(Name::new("__typename"), pos),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::new(to::SelectionSet { items: Vec::new() }, pos),
    };
    Positioned::new(field, pos)
}

/// Whether a selection may be left out by its directives.
fn is_conditional(directives: &from::DirectiveList) -> bool {
    directives.has("skip") || directives.has("include")
}

fn directives(list: &from::DirectiveList, pos: Pos) -> Vec<Positioned<to::Directive>> {
    list.iter()
        .map(|directive| {
            let directive = to::Directive {
                name: at(&directive.name, pos),
                arguments: arguments(&directive.arguments, pos),
            };
            Positioned::new(directive, pos)
        })
        .collect()
}

fn arguments(
    list: &[Node<from::Argument>],
    pos: Pos,
) -> Vec<(Positioned<Name>, Positioned<InputValue>)> {
    list.iter()
        .map(|argument| {
            let value = Positioned::new(value(&argument.value), pos);
            (at(&argument.name, pos), value)
        })
        .collect()
}

fn value(from: &from::Value) -> InputValue {
    match from {
        from::Value::Null => InputValue::Null,
        from::Value::Enum(name) => InputValue::Enum(Name::new(name.as_str())),
        from::Value::Variable(name) => InputValue::Variable(Name::new(name.as_str())),
        from::Value::String(text) => InputValue::String(text.clone()),
        from::Value::Boolean(yes) => InputValue::Boolean(*yes),
        from::Value::Int(digits) => number(digits.as_str()),
        from::Value::Float(digits) => number(digits.as_str()),
        from::Value::List(items) => {
            InputValue::List(items.iter().map(|item| value(item)).collect())
        }
        from::Value::Object(fields) => InputValue::Object(
            fields
                .iter()
                .map(|(name, field)| (Name::new(name.as_str()), value(field)))
                .collect::<IndexMap<_, _>>(),
        ),
    }
}

/// A number as near to its digits as JSON numbers come.
fn number(digits: &str) -> InputValue {
    let number = digits
        .parse::<i64>()
        .map(Number::from)
        .ok()
        .or_else(|| digits.parse::<u64>().map(Number::from).ok())
        .or_else(|| digits.parse::<f64>().ok().and_then(Number::from_f64));
    number.map_or(InputValue::Null, InputValue::Number)
}
