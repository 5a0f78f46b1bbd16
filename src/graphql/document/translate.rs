//! A checked operation in the executor's own types, without asking the executor's parser.
//!
//! So a string escape, `-0` or a fragment's name means what the specification says, and every text is parsed once. Selection
//! sets that may come out empty get a hidden `__typename`: the executor answers `null` for an object without a field, and
//! `{}` is right. [`super::shape`] takes it out of the answer again.

use crate::graphql::hidden::hidden;
use apollo_compiler::executable as from;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{ExecutableDocument, Node, Schema};
use async_graphql::parser::types as to;
use async_graphql::{Name, Number, Pos, Positioned, indexmap::IndexMap};
use async_graphql_value::Value as InputValue;
use std::collections::HashMap;

/// The operation without fragment spreads: what stands under one response key is one field, wherever the document has it.
/// (The executor would resolve it as often as it is written.) It still holds its variables; see [`super::bind`].
pub(super) fn translate(
    schema: &Schema,
    document: &ExecutableDocument,
    operation: &Node<from::Operation>,
) -> to::ExecutableDocument {
    let work = Translation { schema, document };
    let pos = work.pos(operation.location());
    let selection_set = work.set(&[&operation.selection_set], pos);
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
        fragments: HashMap::new(),
    }
}

struct Translation<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
}

/// What selection sets ask for, in order, each response key and type once.
#[derive(Default)]
struct Collected<'a> {
    asked: Vec<Asked<'a>>,
    fields: HashMap<&'a apollo_compiler::Name, usize>,
    types: HashMap<&'a apollo_compiler::Name, usize>,
}

/// One thing a selection set asks for, before it is translated.
enum Asked<'a> {
    /// A field that is always wanted, with every selection set it is written with.
    Field(&'a Node<from::Field>, Vec<&'a from::SelectionSet>),
    /// A field that its directives may leave out.
    Perhaps(&'a Node<from::Field>),
    /// A fragment that is wanted of objects of one type only.
    On(
        &'a apollo_compiler::Name,
        Option<SourceSpan>,
        Vec<&'a from::SelectionSet>,
    ),
    /// A fragment that its directives may leave out.
    Fragment(Fragment<'a>),
}

/// A fragment, spread or inline.
#[derive(Clone, Copy)]
struct Fragment<'a> {
    on: Option<&'a apollo_compiler::Name>,
    directives: &'a from::DirectiveList,
    set: &'a from::SelectionSet,
    location: Option<SourceSpan>,
}

impl<'a> Translation<'a> {
    fn pos(&self, span: Option<SourceSpan>) -> Pos {
        span.and_then(|span| span.line_column(&self.document.sources))
            .map(|place| Pos {
                line: place.line,
                column: place.column,
            })
            .unwrap_or_default()
    }

    /// Selection sets of the same objects, as one. Their size with fragments spread out was measured before.
    fn set(&self, sets: &[&'a from::SelectionSet], pos: Pos) -> Positioned<to::SelectionSet> {
        let mut collected = Collected::default();
        for set in sets {
            self.collect(set, &mut collected);
        }
        let asked = collected.asked;
        let certain = asked.iter().any(|one| matches!(one, Asked::Field(..)));
        let mut items: Vec<_> = asked.iter().map(|one| self.selection(one)).collect();
        if !certain && !sets.iter().all(|set| set.selections.is_empty()) {
            items.push(Positioned::new(to::Selection::Field(hidden(pos)), pos));
        }
        Positioned::new(to::SelectionSet { items }, pos)
    }

    fn collect(&self, set: &'a from::SelectionSet, into: &mut Collected<'a>) {
        for selection in &set.selections {
            match selection {
                from::Selection::Field(field) if is_conditional(&field.directives) => {
                    into.asked.push(Asked::Perhaps(field));
                }
                from::Selection::Field(field) => into.field(field),
                from::Selection::InlineFragment(fragment) => {
                    let fragment = Fragment {
                        on: fragment.type_condition.as_ref(),
                        directives: &fragment.directives,
                        set: &fragment.selection_set,
                        location: fragment.location(),
                    };
                    self.collect_fragment(&set.ty, fragment, into);
                }
                from::Selection::FragmentSpread(spread) => {
                    if let Some(definition) = self.document.fragments.get(&spread.fragment_name) {
                        let fragment = Fragment {
                            on: Some(definition.type_condition()),
                            directives: &spread.directives,
                            set: &definition.selection_set,
                            location: spread.location(),
                        };
                        self.collect_fragment(&set.ty, fragment, into);
                    }
                }
            }
        }
    }

    /// A fragment within a set of objects of type `ty`. Of an object type, validation left only those that always apply.
    fn collect_fragment(
        &self,
        ty: &apollo_compiler::Name,
        fragment: Fragment<'a>,
        into: &mut Collected<'a>,
    ) {
        if is_conditional(fragment.directives) {
            into.asked.push(Asked::Fragment(fragment));
            return;
        }
        match fragment.on {
            Some(on) if on != ty && self.schema.get_object(ty).is_none() => {
                into.typed(on, fragment);
            }
            _ => self.collect(fragment.set, into),
        }
    }

    fn selection(&self, asked: &Asked<'a>) -> Positioned<to::Selection> {
        match asked {
            Asked::Field(field, sets) => self.field(field, sets),
            Asked::Perhaps(field) => self.field(field, &[&field.selection_set]),
            Asked::On(on, location, sets) => {
                let pos = self.pos(*location);
                let condition = Some(type_condition(on, pos));
                inline(condition, Vec::new(), self.set(sets, pos), pos)
            }
            Asked::Fragment(fragment) => {
                let pos = self.pos(fragment.location);
                let condition = fragment.on.map(|on| type_condition(on, pos));
                let directives = directives(fragment.directives, pos);
                inline(condition, directives, self.set(&[fragment.set], pos), pos)
            }
        }
    }

    fn field(
        &self,
        field: &Node<from::Field>,
        sets: &[&'a from::SelectionSet],
    ) -> Positioned<to::Selection> {
        let pos = self.pos(field.location());
        let field = to::Field {
            alias: field.alias.as_ref().map(|alias| at(alias, pos)),
            name: at(&field.name, pos),
            arguments: arguments(&field.arguments, pos),
            directives: directives(&field.directives, pos),
            selection_set: self.set(sets, pos),
        };
        Positioned::new(to::Selection::Field(Positioned::new(field, pos)), pos)
    }
}

impl<'a> Collected<'a> {
    fn field(&mut self, field: &'a Node<from::Field>) {
        let at = *self
            .fields
            .entry(field.response_key())
            .or_insert(self.asked.len());
        match self.asked.get_mut(at) {
            Some(Asked::Field(_, sets)) => sets.push(&field.selection_set),
            _ => self
                .asked
                .push(Asked::Field(field, vec![&field.selection_set])),
        }
    }

    fn typed(&mut self, on: &'a apollo_compiler::Name, fragment: Fragment<'a>) {
        let at = *self.types.entry(on).or_insert(self.asked.len());
        match self.asked.get_mut(at) {
            Some(Asked::On(_, _, sets)) => sets.push(fragment.set),
            _ => self
                .asked
                .push(Asked::On(on, fragment.location, vec![fragment.set])),
        }
    }
}

fn inline(
    type_condition: Option<Positioned<to::TypeCondition>>,
    directives: Vec<Positioned<to::Directive>>,
    selection_set: Positioned<to::SelectionSet>,
    pos: Pos,
) -> Positioned<to::Selection> {
    let fragment = to::InlineFragment {
        type_condition,
        directives,
        selection_set,
    };
    Positioned::new(
        to::Selection::InlineFragment(Positioned::new(fragment, pos)),
        pos,
    )
}

fn at(name: &apollo_compiler::Name, pos: Pos) -> Positioned<Name> {
    Positioned::new(Name::new(name.as_str()), pos)
}

fn type_condition(on: &apollo_compiler::Name, pos: Pos) -> Positioned<to::TypeCondition> {
    Positioned::new(to::TypeCondition { on: at(on, pos) }, pos)
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

/// A value of the document, variables still in it.
pub(super) fn value(from: &from::Value) -> InputValue {
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
