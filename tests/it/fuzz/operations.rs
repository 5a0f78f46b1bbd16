//! Operations made from the schema by lot: every field and argument comes up, with values that fit and some that do not.

use super::chance::{Chance, NUMBERS, TEXTS};
use apollo_compiler::Node;
use apollo_compiler::Schema;
use apollo_compiler::ast::Type;
use apollo_compiler::schema::{Component, ExtendedType, FieldDefinition, InputValueDefinition};
use apollo_compiler::validation::Valid;
use serde_json::{Map, Value, json};

/// Texts of the gateway's own that open more than any made-up one: ids, cursors, keys of sources.
#[derive(Default)]
pub struct Known {
    pub ids: Vec<String>,
    pub cursors: Vec<String>,
    pub sources: Vec<String>,
}

/// An operation with its variables.
pub struct Made {
    pub query: String,
    pub variables: Value,
}

/// Makes one operation.
pub struct Maker<'s> {
    schema: &'s Valid<Schema>,
    known: &'s Known,
    pub chance: Chance,
    declared: Vec<String>,
    variables: Map<String, Value>,
    names: usize,
}

/// A value that can be written in a document and as JSON.
enum Given {
    Word(String),
    Json(Value),
    List(Vec<Given>),
    Object(Vec<(String, Given)>),
}

impl Given {
    fn literal(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Json(value) => literal(value),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::literal).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Object(fields) => {
                let field = |(name, value): &(String, Self)| format!("{name}: {}", value.literal());
                let fields: Vec<_> = fields.iter().map(field).collect();
                format!("{{{}}}", fields.join(", "))
            }
        }
    }

    fn json(self) -> Value {
        match self {
            Self::Word(word) => Value::String(word),
            Self::Json(value) => value,
            Self::List(items) => items.into_iter().map(Self::json).collect(),
            Self::Object(fields) => Value::Object(
                fields
                    .into_iter()
                    .map(|(name, value)| (name, value.json()))
                    .collect(),
            ),
        }
    }
}

/// JSON as a literal of a document, whose objects have names for keys.
fn literal(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| format!("{name}: {}", literal(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(literal).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

impl<'s> Maker<'s> {
    pub fn new(schema: &'s Valid<Schema>, known: &'s Known, seed: u64) -> Self {
        Self {
            schema,
            known,
            chance: Chance::new(seed),
            declared: Vec::new(),
            variables: Map::new(),
            names: 0,
        }
    }

    pub fn operation(mut self) -> Made {
        let (word, root) = if self.chance.once_in(5) {
            ("mutation", "Mutation")
        } else {
            ("query", "Query")
        };
        let selection = self.selection(root, 5);
        let declared = match self.declared.as_slice() {
            [] => String::new(),
            declared => format!("({})", declared.join(", ")),
        };
        Made {
            query: format!("{word} Made{declared} {selection}"),
            variables: Value::Object(self.variables),
        }
    }

    fn selection(&mut self, on: &str, depth: usize) -> String {
        let schema = self.schema;
        let fields: Vec<&Component<FieldDefinition>> = match &schema.types[on] {
            ExtendedType::Object(object) => object.fields.values().collect(),
            ExtendedType::Interface(interface) => interface.fields.values().collect(),
            other => panic!("{} has no fields", other.name()),
        };
        let fits = |field: &&&Component<FieldDefinition>| {
            depth > 0 || schema.types[field.ty.inner_named_type()].is_leaf()
        };
        let fields: Vec<_> = fields.iter().filter(fits).copied().collect();
        let mut text = "{ ".to_owned();
        for _ in 0..=self.chance.below(4) {
            text += &match self.chance.below(20) {
                0 => "__typename ".to_owned(),
                1 if on == "Query" => "__schema { types { name } } ".to_owned(),
                2 => format!(
                    "... on {on} {} ",
                    self.selection(on, depth.saturating_sub(1))
                ),
                _ => {
                    let field = *self.chance.of(&fields);
                    self.field(field, depth)
                }
            };
        }
        if matches!(schema.types[on], ExtendedType::Interface(_)) {
            let kind = *self.chance.of(&["Customer", "Source"]);
            text += &format!(
                "... on {kind} {} ",
                self.selection(kind, depth.saturating_sub(1))
            );
        }
        text + "}"
    }

    fn field(&mut self, field: &Component<FieldDefinition>, depth: usize) -> String {
        self.names += 1;
        let mut text = format!("a{}: {}", self.names, field.name);
        let mut arguments = Vec::new();
        for argument in &field.arguments {
            if argument.is_required() || self.chance.below(10) < 3 {
                let value = self.argument(argument);
                arguments.push(format!("{}: {value}", argument.name));
            }
        }
        if !arguments.is_empty() {
            text += &format!("({})", arguments.join(", "));
        }
        if self.chance.once_in(25) {
            text += *self
                .chance
                .of(&[" @include(if: true)", " @skip(if: true)", " @skip(if: 3)"]);
        }
        let inner = field.ty.inner_named_type();
        if !self.schema.types[inner].is_leaf() {
            text += &format!(" {}", self.selection(inner, depth.saturating_sub(1)));
        }
        text + " "
    }

    fn argument(&mut self, of: &Node<InputValueDefinition>) -> String {
        let given = self.value(&of.ty, of.name.as_str(), 3);
        if !self.chance.once_in(3) {
            return given.literal();
        }
        self.names += 1;
        let name = format!("v{}", self.names);
        self.declared.push(format!("${name}: {}", of.ty));
        if !self.chance.once_in(30) {
            self.variables.insert(name.clone(), given.json());
        }
        format!("${name}")
    }

    fn value(&mut self, ty: &Type, name: &str, depth: usize) -> Given {
        if self.chance.once_in(60) {
            return Given::Json(self.any(2));
        }
        if !ty.is_non_null() && self.chance.once_in(12) {
            return Given::Json(Value::Null);
        }
        if ty.is_list() {
            let count = if self.chance.once_in(40) {
                120
            } else {
                self.chance.below(4)
            };
            let items = (0..count).map(|_| self.value(ty.item_type(), name, depth));
            return Given::List(items.collect());
        }
        let schema = self.schema;
        match &schema.types[ty.inner_named_type()] {
            ExtendedType::Enum(words) => {
                let words: Vec<_> = words.values.keys().collect();
                Given::Word(self.chance.of(&words).to_string())
            }
            ExtendedType::InputObject(object) => {
                let mut fields = Vec::new();
                for field in object.fields.values() {
                    if field.is_required() || (depth > 0 && self.chance.once_in(5)) {
                        let value =
                            self.value(&field.ty, field.name.as_str(), depth.saturating_sub(1));
                        fields.push((field.name.to_string(), value));
                    }
                }
                Given::Object(fields)
            }
            scalar => Given::Json(self.scalar(scalar.name(), name)),
        }
    }

    fn scalar(&mut self, kind: &str, name: &str) -> Value {
        match kind {
            "Int" if self.chance.once_in(4) => json!(*self.chance.of(NUMBERS)),
            "Int" => json!(self.chance.below(12)),
            "Float" => json!(*self.chance.of(&[0.0, -0.5, 1e300, 1e-300, 3.0])),
            "Boolean" => json!(self.chance.once_in(2)),
            "ID" => self.one_of_ours(|known| &known.ids),
            "JSON" => self.any(3),
            _ if matches!(name, "source" | "sources") => self.one_of_ours(|known| &known.sources),
            _ if matches!(name, "after" | "before") => self.one_of_ours(|known| &known.cursors),
            _ => json!(self.text()),
        }
    }

    /// Mostly a text of the gateway's own, sometimes a changed one, sometimes any.
    fn one_of_ours(&mut self, which: fn(&Known) -> &Vec<String>) -> Value {
        let own = self.chance.of(which(self.known)).clone();
        match self.chance.below(12) {
            0 => json!(self.chance.mangled_text(&own)),
            1 => json!(self.text()),
            _ => json!(own),
        }
    }

    fn text(&mut self) -> String {
        let text = *self.chance.of(TEXTS);
        match self.chance.below(40) {
            0 => text.repeat(200),
            1 => self.chance.mangled_text(text),
            _ => text.to_owned(),
        }
    }

    /// Any JSON whose keys are names.
    fn any(&mut self, depth: usize) -> Value {
        match self.chance.below(if depth == 0 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => json!(self.chance.once_in(2)),
            2 => json!(*self.chance.of(NUMBERS)),
            3 => json!(1.5),
            4 => json!(self.text()),
            5 => (0..self.chance.below(4))
                .map(|_| self.any(depth - 1))
                .collect(),
            _ => {
                let mut fields = Map::new();
                for _ in 0..self.chance.below(4) {
                    let name =
                        *self
                            .chance
                            .of(&["a", "id", "__proto__", "first_name", "value", "tags"]);
                    fields.insert(name.to_owned(), self.any(depth - 1));
                }
                Value::Object(fields)
            }
        }
    }
}
