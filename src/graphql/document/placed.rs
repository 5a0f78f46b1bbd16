//! Where the variables of an operation stand once it is spread out: what they take there, and where none may be `null`.
//!
//! A variable is put in place as often as it stands somewhere, so a short document can make a large thing of one value. And a
//! variable that may be `null` by its type may stand where no `null` may, if it has a default: the executor would find a `null`
//! there when the field's turn comes, which may be after another mutation of the same operation has written.

use super::bind::Variables;
use super::error::RequestError;
use super::measure::VALUE_BYTES;
use apollo_compiler::Schema;
use apollo_compiler::ast::{self, Type};
use async_graphql::{Name, Pos, Value};
use std::collections::HashMap;

/// The places of an operation's variables.
#[derive(Debug, Default)]
pub(super) struct Placed {
    times: HashMap<Name, usize>,
    /// The places where no `null` may be.
    certain: Vec<Certain>,
}

#[derive(Debug)]
struct Certain {
    variable: Name,
    /// The argument or input field it stands under.
    under: Name,
    pos: Pos,
}

impl Certain {
    fn flaw(&self) -> String {
        let Self {
            variable, under, ..
        } = self;
        format!("variable ${variable}: it is null, which `{under}` must not be")
    }
}

impl Placed {
    /// Takes note of the variables within a value that stands under this name, where this type is wanted.
    pub(super) fn note(
        &mut self,
        schema: &Schema,
        ty: Option<&Type>,
        value: &ast::Value,
        (under, pos): (&str, Pos),
    ) {
        match value {
            ast::Value::Variable(name) => {
                let variable = Name::new(name.as_str());
                *self.times.entry(variable.clone()).or_default() += 1;
                if ty.is_some_and(Type::is_non_null) {
                    let under = Name::new(under);
                    self.certain.push(Certain {
                        variable,
                        under,
                        pos,
                    });
                }
            }
            ast::Value::List(items) => {
                let item = ty.filter(|ty| ty.is_list()).map(Type::item_type);
                for value in items {
                    self.note(schema, item, value, (under, pos));
                }
            }
            ast::Value::Object(fields) => {
                let object = ty.and_then(|ty| schema.get_input_object(ty.inner_named_type()));
                for (key, value) in fields {
                    let field = object.and_then(|object| object.fields.get(key));
                    let ty = field.map(|field| &*field.ty);
                    self.note(schema, ty, value, (key.as_str(), pos));
                }
            }
            _ => {}
        }
    }

    /// Refuses variables that would take too much where they stand.
    ///
    /// # Errors
    /// A [`RequestError`] that names both numbers.
    pub(super) fn check_size(
        &self,
        variables: &Variables,
        most: usize,
    ) -> Result<(), RequestError> {
        let sizes = self.times.iter().map(|(name, times)| {
            let size = variables.get(name).map_or(0, size);
            size.saturating_mul(*times)
        });
        let bytes = sizes.fold(0, usize::saturating_add);
        if bytes <= most {
            return Ok(());
        }
        Err(RequestError::complex(format!(
            "the variables come to {bytes} bytes, each counted as often as it stands somewhere; at most {most} are allowed"
        )))
    }

    /// Refuses a `null` where none may be.
    ///
    /// # Errors
    /// A [`RequestError`] that names the variable and what it stands under.
    pub(super) fn check_nulls(&self, variables: &Variables) -> Result<(), RequestError> {
        let Some(place) = self.nulls(variables).next() else {
            return Ok(());
        };
        let mut flaw = RequestError::invalid(place.flaw());
        flaw.locations.push((place.pos.line, place.pos.column));
        Err(flaw)
    }

    /// What is wrong with the argument at this place, where it is a `null` that a variable brought.
    pub(super) fn null_at(&self, variables: &Variables, pos: Pos) -> Option<String> {
        let mut nulls = self.nulls(variables);
        nulls.find(|place| place.pos == pos).map(Certain::flaw)
    }

    /// The places where a `null` stands and none may be.
    fn nulls<'p>(&'p self, variables: &'p Variables) -> impl Iterator<Item = &'p Certain> {
        let is_null = |place: &&Certain| variables.get(&place.variable) == Some(&Value::Null);
        self.certain.iter().filter(is_null)
    }
}

/// What a value takes, in bytes.
fn size(value: &Value) -> usize {
    let within = match value {
        Value::String(text) => text.len(),
        Value::List(items) => items.iter().map(size).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| key.len() + size(value))
            .sum(),
        _ => 0,
    };
    within + VALUE_BYTES
}
