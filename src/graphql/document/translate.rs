//! A checked operation in the executor's own types, without asking the executor's parser.
//!
//! So a string escape, `-0` or a fragment's name means what the specification says, and every text is parsed once. Selection
//! sets that may come out empty get a hidden `__typename`: the executor answers `null` for an object without a field, and
//! `{}` is right. So do those of interfaces, as the order of their keys depends on it. [`super::shape`] takes it out of the
//! answer again.

use super::about;
use super::bind::Variables;
use super::error::RequestError;
use super::place::Lines;
use super::placed::Placed;
use crate::graphql::hidden::{self, hidden};
use apollo_compiler::executable as from;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{ExecutableDocument, Node, Schema};
use async_graphql::parser::types as to;
use async_graphql::{Name, Number, Pos, Positioned, Value, indexmap::IndexMap};
use async_graphql_value::Value as InputValue;
use std::cell::RefCell;
use std::collections::HashMap;

/// The operation without fragment spreads and directives: what stands under one response key is one field, wherever the
/// document has it. (The executor would resolve it as often as it is written, and show one.) Arguments still hold their
/// variables; see [`super::bind`].
///
/// Besides, where the variables stand.
///
/// # Errors
/// The condition of a `@skip` or `@include` is `null`.
pub(super) fn translate(
    schema: &Schema,
    document: &ExecutableDocument,
    operation: &Node<from::Operation>,
    variables: &Variables,
) -> Result<(to::ExecutableDocument, Placed), RequestError> {
    let lines = operation
        .location()
        .and_then(|span| document.sources.get(&span.file_id()));
    let work = Translation {
        schema,
        document,
        lines: lines.map(|text| Lines::of(text.source_text())),
        variables,
        placed: RefCell::default(),
    };
    let pos = work.pos(operation.location());
    let set = &operation.selection_set;
    let selection_set = work.set(&set.ty, &[set], pos)?;
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
    let document = to::ExecutableDocument {
        operations: to::DocumentOperations::Single(Positioned::new(operation, pos)),
        fragments: HashMap::new(),
    };
    Ok((document, work.placed.into_inner()))
}

struct Translation<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    lines: Option<Lines<'a>>,
    /// What directives are decided by.
    variables: &'a Variables,
    /// Where variables were met so far.
    placed: RefCell<Placed>,
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
    /// A field, with every selection set it is written with.
    Field(&'a Node<from::Field>, Vec<&'a from::SelectionSet>),
    /// A fragment that is wanted of objects of one type only.
    On(&'a apollo_compiler::Name, Vec<&'a from::SelectionSet>),
}

impl<'a> Translation<'a> {
    fn pos(&self, span: Option<SourceSpan>) -> Pos {
        let (Some(span), Some(lines)) = (span, &self.lines) else {
            return Pos::default();
        };
        let (line, column) = lines.place(span.offset());
        Pos { line, column }
    }

    /// Selection sets of the same objects, of this type, as one. Their size with fragments spread out was measured before.
    fn set(
        &self,
        ty: &apollo_compiler::Name,
        sets: &[&'a from::SelectionSet],
        pos: Pos,
    ) -> Result<Positioned<to::SelectionSet>, RequestError> {
        let mut collected = Collected::default();
        for set in sets {
            self.collect(ty, set, &mut collected)?;
        }
        let asked = collected.asked;
        let certain = asked.iter().any(|one| matches!(one, Asked::Field(..)));
        let selected = asked.iter().map(|one| self.selection(one));
        let mut items = selected.collect::<Result<Vec<_>, _>>()?;
        // Of an object that may be of several types, the answer's shape needs to know which.
        let is_open = !asked.is_empty() && self.schema.get_object(ty).is_none();
        if is_open || !certain && !sets.iter().all(|set| set.selections.is_empty()) {
            items.push(Positioned::new(to::Selection::Field(hidden(pos)), pos));
        }
        if ty == "__Type" {
            let of_type = hidden::of_type(pos).map(to::Selection::Field);
            items.extend(of_type.map(|field| Positioned::new(field, pos)));
        }
        Ok(Positioned::new(to::SelectionSet { items }, pos))
    }

    /// Collects what is asked of objects of type `ty`. A fragment's own type may be wider: it says nothing of the objects.
    fn collect(
        &self,
        ty: &apollo_compiler::Name,
        set: &'a from::SelectionSet,
        into: &mut Collected<'a>,
    ) -> Result<(), RequestError> {
        for selection in &set.selections {
            if !self.is_wanted(selection.directives())? {
                continue;
            }
            match selection {
                from::Selection::Field(field) => into.field(field),
                from::Selection::InlineFragment(fragment) => {
                    let on = fragment.type_condition.as_ref();
                    self.collect_fragment(ty, on, &fragment.selection_set, into)?;
                }
                from::Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name) {
                        let on = Some(fragment.type_condition());
                        self.collect_fragment(ty, on, &fragment.selection_set, into)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A fragment within a set of objects of type `ty`. Of an object type it applies always, or never: within a fragment on an
    /// interface others of its types may be named.
    fn collect_fragment(
        &self,
        ty: &apollo_compiler::Name,
        on: Option<&'a apollo_compiler::Name>,
        set: &'a from::SelectionSet,
        into: &mut Collected<'a>,
    ) -> Result<(), RequestError> {
        match on {
            Some(on) if on != ty && self.schema.get_object(ty).is_none() => {
                into.typed(on, set);
                Ok(())
            }
            Some(on) if on != ty && !self.schema.is_subtype(on, ty) => Ok(()),
            _ => self.collect(ty, set, into),
        }
    }

    fn is_wanted(&self, directives: &from::DirectiveList) -> Result<bool, RequestError> {
        wanted(directives, self.variables).map_err(|directive| {
            let flaw = format!("`if` of `@{}` must not be null", directive.name);
            RequestError::invalid(flaw).at(directive.location(), &self.document.sources)
        })
    }

    fn selection(&self, asked: &Asked<'a>) -> Result<Positioned<to::Selection>, RequestError> {
        match asked {
            Asked::Field(field, sets) => self.field(field, sets),
            Asked::On(on, sets) => {
                let pos = self.pos(on.location());
                let fragment = to::InlineFragment {
                    type_condition: Some(type_condition(on, pos)),
                    directives: Vec::new(),
                    selection_set: self.set(on, sets, pos)?,
                };
                let fragment = Positioned::new(fragment, pos);
                Ok(Positioned::new(
                    to::Selection::InlineFragment(fragment),
                    pos,
                ))
            }
        }
    }

    fn field(
        &self,
        field: &Node<from::Field>,
        sets: &[&'a from::SelectionSet],
    ) -> Result<Positioned<to::Selection>, RequestError> {
        let pos = self.pos(field.location());
        let ty = field.ty().inner_named_type();
        let field = to::Field {
            alias: field.alias.as_ref().map(|alias| at(alias, pos)),
            name: at(&field.name, pos),
            arguments: self.arguments(field, pos),
            directives: Vec::new(),
            selection_set: self.set(ty, sets, pos)?,
        };
        let field = Positioned::new(field, pos);
        Ok(Positioned::new(to::Selection::Field(field), pos))
    }

    fn arguments(
        &self,
        field: &from::Field,
        pos: Pos,
    ) -> Vec<(Positioned<Name>, Positioned<InputValue>)> {
        let argument = |argument: &Node<from::Argument>| {
            let known = field.definition.argument_by_name(&argument.name);
            let ty = known.map(|known| &*known.ty);
            let place = (argument.name.as_str(), pos);
            let mut placed = self.placed.borrow_mut();
            placed.note(self.schema, ty, &argument.value, place);
            let value = match known {
                Some(definition) => value_of(self.schema, &definition.ty, &argument.value),
                None => value(&argument.value),
            };
            (at(&argument.name, pos), Positioned::new(value, pos))
        };
        let arguments = field.arguments.iter().map(argument);
        let arguments =
            arguments.filter(|(name, value)| !about::is_default(&name.node, &value.node));
        arguments.collect()
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

    fn typed(&mut self, on: &'a apollo_compiler::Name, set: &'a from::SelectionSet) {
        let at = *self.types.entry(on).or_insert(self.asked.len());
        match self.asked.get_mut(at) {
            Some(Asked::On(_, sets)) => sets.push(set),
            _ => self.asked.push(Asked::On(on, vec![set])),
        }
    }
}

/// Decides `@skip` and `@include`, the only directives that a document may hold.
///
/// # Errors
/// The one whose condition is `null`.
pub(super) fn wanted<'d>(
    directives: &'d from::DirectiveList,
    variables: &Variables,
) -> Result<bool, &'d Node<from::Directive>> {
    let mut wanted = true;
    for directive in directives.iter() {
        let yes = condition(directive, variables).ok_or(directive)?;
        wanted &= yes != (directive.name == "skip");
    }
    Ok(wanted)
}

fn condition(directive: &from::Directive, variables: &Variables) -> Option<bool> {
    match &**directive.specified_argument_by_name("if")? {
        from::Value::Boolean(yes) => Some(*yes),
        from::Value::Variable(name) => match variables.get(name.as_str())? {
            Value::Boolean(yes) => Some(*yes),
            _ => None,
        },
        _ => None,
    }
}

fn at(name: &apollo_compiler::Name, pos: Pos) -> Positioned<Name> {
    Positioned::new(Name::new(name.as_str()), pos)
}

fn type_condition(on: &apollo_compiler::Name, pos: Pos) -> Positioned<to::TypeCondition> {
    Positioned::new(to::TypeCondition { on: at(on, pos) }, pos)
}

/// A value that stands where this type is wanted, variables still in it. Of an id written as a number the digits count.
pub(super) fn value_of(schema: &Schema, ty: &from::Type, written: &from::Value) -> InputValue {
    match written {
        from::Value::Int(digits) if ty.inner_named_type() == "ID" => {
            InputValue::String(digits.as_str().to_owned())
        }
        from::Value::List(items) => {
            let items = items.iter();
            InputValue::List(
                items
                    .map(|item| value_of(schema, ty.item_type(), item))
                    .collect(),
            )
        }
        from::Value::Object(fields) => {
            let object = schema.get_input_object(ty.inner_named_type());
            let fields = fields.iter().map(|(name, field)| {
                let known = object.and_then(|object| object.fields.get(name));
                let field =
                    known.map_or_else(|| value(field), |known| value_of(schema, &known.ty, field));
                (Name::new(name.as_str()), field)
            });
            InputValue::Object(fields.collect())
        }
        _ => value(written),
    }
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
