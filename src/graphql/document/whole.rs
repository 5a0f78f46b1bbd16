//! Whole numbers in variables, however JSON writes them.

use apollo_compiler::Schema;
use apollo_compiler::ast::Type;
use apollo_compiler::schema::ExtendedType;
use serde_json::{Number, Value};

/// The largest number below which each whole one is a double of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Writes whole numbers as such where an `Int` or an `ID` is wanted: JSON does not tell `1.0` from `1`, and the specification
/// takes either. Larger ones than a double can tell apart stay what they are, and are refused later.
pub(super) fn numbers(schema: &Schema, ty: &Type, value: &mut Value) {
    match value {
        Value::Array(items) => {
            for item in items {
                numbers(schema, ty.item_type(), item);
            }
        }
        Value::Number(number) if matches!(ty.inner_named_type().as_str(), "Int" | "ID") => {
            if let Some(whole) = whole(number) {
                *number = whole;
            }
        }
        Value::Object(fields) => {
            let Some(ExtendedType::InputObject(object)) = schema.types.get(ty.inner_named_type())
            else {
                return;
            };
            for (name, value) in fields {
                if let Some(field) = object.fields.get(name.as_str()) {
                    numbers(schema, &field.ty, value);
                }
            }
        }
        _ => {}
    }
}

/// The same number as an integer, where it is a double without a fraction.
fn whole(number: &Number) -> Option<Number> {
    let double = number.as_f64().filter(|_| number.is_f64())?;
    let is_whole = double.fract() == 0.0 && double.abs() < EXACT;
    // Within the bound the cast loses nothing.
    is_whole.then(|| Number::from(double as i64))
}
