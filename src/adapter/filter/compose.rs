//! Filters that make one expression: a text, an array of conditions, or merged members. No value can end its literal.

use super::Served;
use super::shape::with_holes;
use super::sort::push_sort;
use crate::adapter::manifest::{Compose, Each, FilterWire, Quote, Sort, mentions};
use crate::adapter::place::Template;
use crate::adapter::request::{Draft, Unplaceable};
use crate::adapter::wire;
use crate::model::Order;
use serde_json::Value;

impl Compose {
    /// Puts the expression, and the order with it or beside it.
    pub(super) fn push(
        &self,
        conditions: &[(&str, Served<'_>)],
        sort: Option<(&Sort, Order)>,
        draft: &mut Draft<'_>,
    ) -> Result<(), Unplaceable> {
        match (&self.each, &self.template) {
            (Each::Text(_), Some(_)) => {}
            _ => push_sort(sort, draft)?,
        }
        let conditions: Vec<_> = conditions
            .iter()
            .flat_map(|(field, served)| self.one_by_one(served).map(|one| (*field, one)))
            .collect();
        if let Each::Text(_) = &self.each {
            let texts = conditions
                .iter()
                .map(|(field, served)| self.condition(field, served))
                .collect::<Result<Vec<_>, _>>()?;
            let filter = texts.join(&self.join);
            return match &self.template {
                Some(template) => self.push_template(template, filter, sort, draft),
                None if filter.is_empty() => Ok(()),
                None => draft.put(&self.into, Value::String(filter)),
            };
        }
        if conditions.is_empty() {
            return Ok(());
        }
        // What the file always asks for stands there already.
        let mut value = draft.put_at(&self.into).cloned().unwrap_or_default();
        let elements = conditions
            .iter()
            .map(|(field, served)| self.element(field, served));
        if matches!(&self.each, Each::Nested(_)) {
            for element in elements {
                merge(&mut value, element)?;
            }
        } else {
            match &mut value {
                Value::Null => value = elements.collect(),
                Value::Array(before) => before.extend(elements),
                _ => return Err(Unplaceable),
            }
        }
        draft.put(&self.into, value)
    }

    /// How many conditions a filter makes.
    pub(super) fn conditions(&self, served: &Served<'_>) -> usize {
        if self.says_each(served.key, served.wire) {
            served.values.len()
        } else {
            1
        }
    }

    /// A filter's conditions: one, but for tags that must all be there where the condition itself says how it compares one of
    /// them.
    fn one_by_one<'s>(&self, served: &'s Served<'s>) -> impl Iterator<Item = Served<'s>> {
        let each = self.says_each(served.key, served.wire);
        (0..self.conditions(served)).map(move |at| Served {
            key: served.key,
            wire: served.wire,
            values: match served.values.get(at).filter(|_| each) {
                Some(value) => vec![value.clone()],
                None => served.values.clone(),
            },
            coarse: served.coarse,
        })
    }

    fn operator<'c>(&'c self, ours: &'c str) -> &'c str {
        self.ops.get(ours).map_or(ours, String::as_str)
    }

    fn condition(&self, field: &str, served: &Served<'_>) -> Result<String, Unplaceable> {
        let Each::Text(each) = self.each_of(served.wire) else {
            return Err(Unplaceable);
        };
        let quote = served.wire.quote.unwrap_or(self.quote);
        let texts = served
            .values
            .iter()
            .map(|value| match quote {
                Quote::None if is_of_file(served) => wire::scalar_text(value),
                quote => quote.quoted(value),
            })
            .collect::<Option<Vec<_>>>()
            .ok_or(Unplaceable)?;
        let said = |each: &Template, ours: &str, value: &str| {
            let hole = |name: &str| match name {
                "field" => Some(field),
                "op" => Some(self.operator(ours)),
                "value" => Some(value),
                _ => None,
            };
            each.fill(hole).ok_or(Unplaceable)
        };
        if served.key.operator() != "in" {
            return said(each, served.key.op(), &texts.join(","));
        }
        match self.several(served.wire) {
            Some(several) => said(several, "in", &texts.join(",")),
            None => {
                let equal: Result<Vec<_>, _> =
                    texts.iter().map(|text| said(each, "eq", text)).collect();
                let or = self.or.as_deref().unwrap_or_default();
                equal.map(|equal| format!("({})", equal.join(or)))
            }
        }
    }

    fn push_template(
        &self,
        template: &Template,
        filter: String,
        sort: Option<(&Sort, Order)>,
        draft: &mut Draft<'_>,
    ) -> Result<(), Unplaceable> {
        let sort = if self.holds_sort() {
            sort.and_then(|(sort, order)| sort.text(order))
                .unwrap_or_default()
        } else {
            push_sort(sort, draft)?;
            String::new()
        };
        let with = |prefix: &str, text: String| {
            if text.is_empty() {
                text
            } else {
                format!("{prefix}{text}")
            }
        };
        let (filter, sort) = (
            with(&self.filter_prefix, filter),
            with(&self.sort_prefix, sort),
        );
        let hole = |name: &str| match name {
            "filter" => Some(filter.as_str()),
            "sort" => Some(sort.as_str()),
            _ => None,
        };
        let text = template.fill(hole).ok_or(Unplaceable)?;
        if text.is_empty() {
            Ok(())
        } else {
            draft.put(&self.into, Value::String(text))
        }
    }

    fn element(&self, field: &str, served: &Served<'_>) -> Value {
        let (Each::Element(each) | Each::Nested(each)) = self.each_of(served.wire) else {
            return Value::Null;
        };
        let each_alone = self.says_each(served.key, served.wire);
        let several = served.key.takes_several() && !each_alone;
        let filled = with_holes(each, &|text| match text {
            "$field" => Some(Value::from(field)),
            "$op" => Some(Value::from(self.operator(served.key.op()))),
            "$value" if several && !mentions(each, "$values") => {
                Some(Value::Array(served.values.clone()))
            }
            "$value" if several => Some(Value::Null),
            "$value" => served.values.first().cloned(),
            "$values" if several => Some(Value::Array(served.values.clone())),
            "$values" => Some(Value::Null),
            _ => None,
        });
        match filled {
            Value::Object(mut members) if mentions(each, "$values") => {
                members.retain(|_, value| !value.is_null());
                Value::Object(members)
            }
            other => other,
        }
    }
}

/// Whether the file itself says all that a value is made of: no caller can put anything into it.
fn is_of_file(served: &Served<'_>) -> bool {
    let FilterWire { value, words, .. } = served.wire;
    served.key.takes_moment() || value.is_some() || words.is_some()
}

/// Merges members; two conditions that would stand at the same place cannot both be said, and none is dropped silently.
fn merge(into: &mut Value, from: Value) -> Result<(), Unplaceable> {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => from
            .into_iter()
            .try_for_each(|(key, value)| merge(into.entry(key).or_insert(Value::Null), value)),
        (into @ Value::Null, from) => {
            *into = from;
            Ok(())
        }
        _ => Err(Unplaceable),
    }
}

impl Quote {
    /// A value as a literal of the expression language, with nothing in it that could end the literal.
    fn quoted(self, value: &Value) -> Option<String> {
        let text = wire::scalar_text(value)?;
        if text.chars().any(char::is_control) {
            return None;
        }
        match self {
            Self::None => {
                let plain =
                    |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '+' | '@');
                (!text.is_empty() && text.chars().all(plain)).then_some(text)
            }
            _ if value.is_number() || value.is_boolean() => Some(text),
            Self::SingleDoubled => Some(format!("'{}'", text.replace('\'', "''"))),
            Self::SingleBackslash => Some(format!(
                "'{}'",
                text.replace('\\', "\\\\").replace('\'', "\\'")
            )),
            Self::DoubleJson => Some(Value::String(text).to_string()),
            Self::ParensBackslash => {
                let mut out = String::with_capacity(text.len() + 4);
                for c in text.chars() {
                    if matches!(c, '(' | ')' | ',' | '\\') {
                        out.push('\\');
                    }
                    out.push(c);
                }
                Some(out)
            }
        }
    }
}
