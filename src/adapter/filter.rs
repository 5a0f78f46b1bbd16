//! Filters and orders, pushed down as the adapter file says. What a route cannot serve is named before any call.

use super::manifest::{
    Compose, Each, FilterKey, FilterTarget, FilterWire, ListForm, ListRoute, Manifest, Quote, Sort,
    SortStyle, WireFormat,
};
use super::place::{Destination, Template};
use super::request::{Draft, Unplaceable};
use super::wire;
use crate::model::{CustomerOrderField, DateTime, DeletedFilter, Filter, Order, OrderDirection};
use jiff::SignedDuration;
use serde_json::Value;

/// One part of a filter, with what it compares to.
#[derive(Clone, Debug)]
struct Asked {
    /// The ways to serve it, best first.
    keys: &'static [FilterKey],
    values: Vec<Value>,
}

/// The parts of a filter that must be served.
fn asked(filter: &Filter, soft_deletes: bool) -> Vec<Asked> {
    use FilterKey as K;
    let mut parts = Vec::new();
    let mut one = |keys: &'static [FilterKey], value: Option<Value>| {
        parts.extend(value.map(|value| Asked {
            keys,
            values: vec![value],
        }));
    };
    one(&[K::Search], filter.search.clone().map(Value::String));
    one(&[K::EmailEq], filter.email.clone().map(Value::String));
    one(&[K::PhoneEq], filter.phone.clone().map(Value::String));
    one(
        &[K::AgeGte],
        filter.age.and_then(|age| age.gte).map(Value::from),
    );
    one(
        &[K::AgeLte],
        filter.age.and_then(|age| age.lte).map(Value::from),
    );
    one(&[K::OwnerEq], filter.owner_id.clone().map(Value::String));
    one(
        &[K::ParentEq],
        filter.parent_id.as_ref().map(|id| Value::from(id.as_str())),
    );
    one(
        &[K::OperatorEq],
        filter
            .operator_id
            .as_ref()
            .map(|id| Value::from(id.as_str())),
    );
    let time = |time: Option<DateTime>| time.map(|time| Value::String(time.0.to_string()));
    one(
        &[K::CreatedGte],
        time(filter.created_at.and_then(|range| range.gte)),
    );
    one(
        &[K::CreatedLt],
        time(filter.created_at.and_then(|range| range.lt)),
    );
    one(
        &[K::UpdatedGte],
        time(filter.updated_at.and_then(|range| range.gte)),
    );
    one(
        &[K::UpdatedLt],
        time(filter.updated_at.and_then(|range| range.lt)),
    );
    match filter.deleted {
        DeletedFilter::Exclude => {}
        DeletedFilter::Include if !soft_deletes => {}
        DeletedFilter::Include => one(&[K::DeletedInclude], Some(Value::Bool(true))),
        DeletedFilter::Only => one(&[K::DeletedOnly], Some(Value::Bool(true))),
    }
    let mut many = |keys: &'static [FilterKey], values: Option<Vec<Value>>| {
        parts.extend(values.map(|values| Asked { keys, values }));
    };
    let words = |words: Vec<&'static str>| words.into_iter().map(Value::from).collect();
    many(
        &[K::IdIn],
        filter
            .ids
            .as_ref()
            .map(|ids| ids.iter().map(|id| Value::from(id.as_str())).collect()),
    );
    many(
        &[K::TierEq, K::TierIn],
        filter
            .tier
            .as_ref()
            .map(|list| words(list.iter().map(|one| one.word()).collect())),
    );
    many(
        &[K::StatusEq, K::StatusIn],
        filter
            .status
            .as_ref()
            .map(|list| words(list.iter().map(|one| one.word()).collect())),
    );
    many(
        &[K::TypeEq, K::TypeIn],
        filter
            .kind
            .as_ref()
            .map(|list| words(list.iter().map(|one| one.word()).collect())),
    );
    many(
        &[K::GenderEq, K::GenderIn],
        filter
            .gender
            .as_ref()
            .map(|list| words(list.iter().map(|one| one.word()).collect())),
    );
    many(
        &[K::TagsAll, K::TagsIn],
        filter
            .tags
            .as_ref()
            .map(|tags| tags.iter().map(|tag| Value::from(tag.as_str())).collect()),
    );
    parts
}

/// The name of a part for people: what its best way is called.
fn part_name(part: &Asked) -> String {
    let key = if part.values.len() > 1 {
        part.keys.last()
    } else {
        part.keys.first()
    };
    key.map(|key| key.word().to_owned()).unwrap_or_default()
}

/// How one part is served by a route.
struct Served<'r> {
    key: FilterKey,
    wire: &'r FilterWire,
    values: Vec<Value>,
}

impl ListRoute {
    fn wire(&self, key: FilterKey) -> Option<&FilterWire> {
        self.filters
            .iter()
            .find(|(known, _)| *known == key)
            .map(|(_, wire)| wire)
    }

    fn serve<'r>(&'r self, manifest: &Manifest, part: &Asked) -> Option<Served<'r>> {
        part.keys.iter().find_map(|key| {
            let wire = self.wire(*key)?;
            let one_only = key.operator() == "eq" && part.keys.len() > 1;
            if (one_only && part.values.len() != 1)
                || wire.max.is_some_and(|max| part.values.len() > max)
            {
                return None;
            }
            let too_long = |value: &Value| {
                wire.max_length.is_some_and(|max| {
                    value
                        .as_str()
                        .is_some_and(|text| text.chars().count() > max)
                })
            };
            if part.values.iter().any(too_long) {
                return None;
            }
            let values = part
                .values
                .iter()
                .map(|value| translate(manifest, wire, *key, value))
                .collect::<Option<Vec<_>>>()?;
            Some(Served {
                key: *key,
                wire,
                values,
            })
        })
    }

    /// The parts of a filter that this route cannot serve, by name.
    pub fn unserved(&self, manifest: &Manifest, filter: &Filter) -> Vec<String> {
        let parts = asked(filter, self.gone.is_some());
        parts
            .iter()
            .filter(|part| self.serve(manifest, part).is_none())
            .map(part_name)
            .collect()
    }

    /// The part of a filter whose rows must be checked again.
    pub fn residual(&self, manifest: &Manifest, filter: &Filter) -> Filter {
        let mut rest = Filter {
            deleted: filter.deleted,
            ..Filter::default()
        };
        for served in asked(filter, self.gone.is_some())
            .iter()
            .filter_map(|part| self.serve(manifest, part))
        {
            let wire = served.wire;
            if wire.residual || wire.widen.is_some() || served.key == FilterKey::TagsIn {
                copy_part(served.key, filter, &mut rest);
            }
        }
        rest
    }

    /// Puts the filter and the order into a request.
    pub fn push(
        &self,
        manifest: &Manifest,
        filter: &Filter,
        order: Option<Order>,
        draft: &mut Draft<'_>,
    ) -> Result<(), Unplaceable> {
        let mut conditions = Vec::new();
        let excluded = (filter.deleted == DeletedFilter::Exclude)
            .then(|| self.wire(FilterKey::DeletedExclude))
            .flatten()
            .map(|wire| Served {
                key: FilterKey::DeletedExclude,
                wire,
                values: vec![wire.value.clone().unwrap_or(Value::Bool(true))],
            });
        let parts = asked(filter, self.gone.is_some());
        for served in parts
            .iter()
            .filter_map(|part| self.serve(manifest, part))
            .chain(excluded)
        {
            match &served.wire.to {
                FilterTarget::Send(to) => send(&served, to, draft)?,
                FilterTarget::Field(field) => conditions.push((field.clone(), served)),
            }
        }
        let sort = self
            .sort
            .as_ref()
            .and_then(|sort| sort.chosen(order).map(|chosen| (sort, chosen)));
        match &self.compose {
            Some(compose) => compose.push(&conditions, sort, draft)?,
            None => push_sort(sort, draft)?,
        }
        Ok(())
    }
}

/// Copies one part of a filter.
fn copy_part(key: FilterKey, from: &Filter, to: &mut Filter) {
    use FilterKey as K;
    let range = |to: &mut Option<crate::model::TimeRange>| -> crate::model::TimeRange {
        to.unwrap_or_default()
    };
    match key {
        K::Search => to.search.clone_from(&from.search),
        K::IdIn => to.ids.clone_from(&from.ids),
        K::EmailEq => to.email.clone_from(&from.email),
        K::PhoneEq => to.phone.clone_from(&from.phone),
        K::TierEq | K::TierIn => to.tier.clone_from(&from.tier),
        K::StatusEq | K::StatusIn => to.status.clone_from(&from.status),
        K::TypeEq | K::TypeIn => to.kind.clone_from(&from.kind),
        K::GenderEq | K::GenderIn => to.gender.clone_from(&from.gender),
        K::TagsAll | K::TagsIn => to.tags.clone_from(&from.tags),
        K::AgeGte | K::AgeLte => to.age = from.age,
        K::OwnerEq => to.owner_id.clone_from(&from.owner_id),
        K::ParentEq => to.parent_id.clone_from(&from.parent_id),
        K::OperatorEq => to.operator_id.clone_from(&from.operator_id),
        K::DeletedExclude | K::DeletedInclude | K::DeletedOnly => to.deleted = from.deleted,
        K::CreatedGte => {
            to.created_at = Some(crate::model::TimeRange {
                gte: from.created_at.and_then(|r| r.gte),
                ..range(&mut to.created_at)
            })
        }
        K::CreatedLt => {
            to.created_at = Some(crate::model::TimeRange {
                lt: from.created_at.and_then(|r| r.lt),
                ..range(&mut to.created_at)
            })
        }
        K::UpdatedGte => {
            to.updated_at = Some(crate::model::TimeRange {
                gte: from.updated_at.and_then(|r| r.gte),
                ..range(&mut to.updated_at)
            })
        }
        K::UpdatedLt => {
            to.updated_at = Some(crate::model::TimeRange {
                lt: from.updated_at.and_then(|r| r.lt),
                ..range(&mut to.updated_at)
            })
        }
    }
}

/// A value in the CRM's words; `None` where the CRM has no word for it.
fn translate(
    manifest: &Manifest,
    wire: &FilterWire,
    key: FilterKey,
    value: &Value,
) -> Option<Value> {
    if let Some(constant) = &wire.value {
        return Some(constant.clone());
    }
    if let Some(words) = &wire.words {
        return manifest.enums.get(words)?.write(value.as_str()?).cloned();
    }
    let is_time = matches!(
        key,
        FilterKey::CreatedGte | FilterKey::CreatedLt | FilterKey::UpdatedGte | FilterKey::UpdatedLt
    );
    if is_time {
        return Some(translate_time(wire, key, value.as_str()?.parse().ok()?));
    }
    match &wire.format {
        Some(WireFormat::Int) => value
            .as_i64()
            .or_else(|| value.as_str()?.parse().ok())
            .map(Value::from),
        _ => Some(value.clone()),
    }
}

fn translate_time(wire: &FilterWire, key: FilterKey, time: jiff::Timestamp) -> Value {
    let widen = wire
        .widen
        .and_then(|widen| SignedDuration::try_from(widen).ok())
        .unwrap_or_default();
    let earlier = matches!(key, FilterKey::CreatedGte | FilterKey::UpdatedGte);
    let widened = if earlier {
        time.checked_sub(widen)
    } else {
        time.checked_add(widen)
    };
    wire::write_time(
        widened.unwrap_or(time),
        wire.format.as_ref().unwrap_or(&WireFormat::Rfc3339),
    )
}

fn is_list(key: FilterKey) -> bool {
    matches!(key.operator(), "in" | "all")
}

fn send(served: &Served<'_>, to: &Destination, draft: &mut Draft<'_>) -> Result<(), Unplaceable> {
    if is_list(served.key) {
        let shape = |value: &Value| {
            served
                .wire
                .each
                .as_ref()
                .map_or_else(|| value.clone(), |each| shaped(each, value))
        };
        return draft.put_list(
            to,
            served.values.iter().map(shape).collect(),
            served.wire.list,
        );
    }
    match served.values.first() {
        Some(value) => draft.put(to, value.clone()),
        None => Ok(()),
    }
}

/// A shape with the value in place of every `"$"`.
pub fn shaped(shape: &Value, value: &Value) -> Value {
    with_holes(shape, &|text| {
        (text == "$" || text == "$value").then(|| value.clone())
    })
}

/// A shape with some of its texts replaced.
fn with_holes(shape: &Value, hole: &dyn Fn(&str) -> Option<Value>) -> Value {
    match shape {
        Value::String(text) => hole(text).unwrap_or_else(|| shape.clone()),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| with_holes(item, hole)).collect())
        }
        Value::Object(members) => {
            let named = |key: &str| match hole(key) {
                Some(Value::String(name)) => name,
                _ => key.to_owned(),
            };
            Value::Object(
                members
                    .iter()
                    .map(|(key, value)| (named(key), with_holes(value, hole)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

// === impl Compose ===

impl Compose {
    fn push(
        &self,
        conditions: &[(String, Served<'_>)],
        sort: Option<(&Sort, Order)>,
        draft: &mut Draft<'_>,
    ) -> Result<(), Unplaceable> {
        match &self.each {
            Each::Text(each) => {
                let filter = conditions
                    .iter()
                    .map(|(field, served)| self.condition(each, field, served))
                    .collect::<Result<Vec<_>, _>>()?
                    .join(&self.join);
                match &self.template {
                    Some(template) => self.push_template(template, filter, sort, draft),
                    None => {
                        push_sort(sort, draft)?;
                        if filter.is_empty() {
                            Ok(())
                        } else {
                            draft.put(&self.into, Value::String(filter))
                        }
                    }
                }
            }
            Each::Element(each) => {
                push_sort(sort, draft)?;
                let elements: Vec<_> = conditions
                    .iter()
                    .map(|(field, served)| self.element(each, field, served))
                    .collect();
                if elements.is_empty() {
                    Ok(())
                } else {
                    draft.put(&self.into, Value::Array(elements))
                }
            }
            Each::Nested(each) => {
                push_sort(sort, draft)?;
                let mut merged = Value::Object(serde_json::Map::new());
                for (field, served) in conditions {
                    merge(&mut merged, self.element(each, field, served));
                }
                if conditions.is_empty() {
                    Ok(())
                } else {
                    draft.put(&self.into, merged)
                }
            }
        }
    }

    fn operator(&self, served: &Served<'_>) -> String {
        let ours = served.key.operator();
        self.ops
            .get(ours)
            .cloned()
            .unwrap_or_else(|| ours.to_owned())
    }

    fn condition(
        &self,
        each: &Template,
        field: &str,
        served: &Served<'_>,
    ) -> Result<String, Unplaceable> {
        let texts = served
            .values
            .iter()
            .map(|value| self.quote.quoted(value))
            .collect::<Option<Vec<_>>>()
            .ok_or(Unplaceable)?;
        let (operator, value) = (self.operator(served), texts.join(","));
        let hole = |name: &str| match name {
            "field" => Some(field),
            "op" => Some(operator.as_str()),
            "value" => Some(value.as_str()),
            _ => None,
        };
        each.fill(hole).ok_or(Unplaceable)
    }

    fn push_template(
        &self,
        template: &Template,
        filter: String,
        sort: Option<(&Sort, Order)>,
        draft: &mut Draft<'_>,
    ) -> Result<(), Unplaceable> {
        let sort = sort
            .and_then(|(sort, order)| sort.text(order))
            .unwrap_or_default();
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

    fn element(&self, each: &Value, field: &str, served: &Served<'_>) -> Value {
        let operator = self.operator(served);
        let filled = with_holes(each, &|text| match text {
            "$field" => Some(Value::from(field)),
            "$op" => Some(Value::from(operator.as_str())),
            "$value" if is_list(served.key) && !mentions(each, "$values") => {
                Some(Value::Array(served.values.clone()))
            }
            "$value" if is_list(served.key) => Some(Value::Null),
            "$value" => served.values.first().cloned(),
            "$values" if is_list(served.key) => Some(Value::Array(served.values.clone())),
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

fn mentions(shape: &Value, word: &str) -> bool {
    match shape {
        Value::String(text) => text == word,
        Value::Array(items) => items.iter().any(|item| mentions(item, word)),
        Value::Object(members) => members
            .iter()
            .any(|(key, value)| key == word || mentions(value, word)),
        _ => false,
    }
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
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
            Self::None => text
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '+' | '@'))
                .then_some(text),
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

// === impl Sort ===

impl Sort {
    /// The order that is sent: the one asked for, else the default.
    pub fn chosen(&self, order: Option<Order>) -> Option<Order> {
        order.or_else(|| {
            self.default
                .map(|(field, direction)| Order { field, direction })
        })
    }

    /// Whether the CRM can sort like this.
    pub fn serves(&self, field: CustomerOrderField) -> bool {
        self.by.contains_key(&field)
    }

    /// Whether an order leaves no ties.
    pub fn is_unique(&self, field: CustomerOrderField) -> bool {
        self.ties_unique || self.unique == Some(field)
    }

    fn words(&self, order: Order) -> Option<(&str, &str)> {
        let direction = match order.direction {
            OrderDirection::Asc => &self.asc,
            OrderDirection::Desc => &self.desc,
        };
        Some((self.by.get(&order.field)?, direction))
    }

    /// The sort as one text, for styles that are one.
    fn text(&self, order: Order) -> Option<String> {
        let (field, direction) = self.words(order)?;
        match &self.style {
            SortStyle::Signed(_) if order.direction == OrderDirection::Desc => {
                Some(format!("-{field}"))
            }
            SortStyle::Signed(_) => Some(field.to_owned()),
            _ => Some(format!("{field}{direction}")),
        }
    }
}

fn push_sort(sort: Option<(&Sort, Order)>, draft: &mut Draft<'_>) -> Result<(), Unplaceable> {
    let Some((sort, order)) = sort else {
        return Ok(());
    };
    let (by, word) = sort.words(order).ok_or(Unplaceable)?;
    match &sort.style {
        SortStyle::Pair { field, direction } => {
            draft.put(field, Value::from(by))?;
            draft.put(direction, Value::from(word))
        }
        SortStyle::Signed(to) | SortStyle::Suffix(to) => {
            draft.put(to, Value::String(sort.text(order).ok_or(Unplaceable)?))
        }
        SortStyle::Keyed(name) => {
            let name = Template::parse(name)
                .ok()
                .and_then(|name| name.fill(|hole| (hole == "field").then_some(by)))
                .ok_or(Unplaceable)?;
            draft.query_text(&name, &Value::from(word))
        }
        SortStyle::Body { to, each } => {
            let element = with_holes(each, &|text| match text {
                "$field" => Some(Value::from(by)),
                "$direction" => Some(Value::from(word)),
                _ => None,
            });
            to.put(&mut draft.body, Value::Array(vec![element]));
            Ok(())
        }
    }
}

impl FilterWire {
    /// A wire that sends a list of ids.
    pub fn of_ids(to: Destination, list: ListForm) -> Self {
        Self {
            to: FilterTarget::Send(to),
            value: None,
            words: None,
            format: None,
            list,
            each: None,
            widen: None,
            residual: false,
            max_length: None,
            max: None,
        }
    }
}

/// Puts ids into a batch request.
pub fn push_ids(wire: &FilterWire, ids: &[&str], draft: &mut Draft<'_>) -> Result<(), Unplaceable> {
    let FilterTarget::Send(to) = &wire.to else {
        return Err(Unplaceable);
    };
    let one = |id: &&str| -> Result<Value, Unplaceable> {
        let value = match wire.format {
            Some(WireFormat::Int) => Value::from(id.parse::<i64>().map_err(|_| Unplaceable)?),
            _ => Value::from(*id),
        };
        Ok(wire
            .each
            .as_ref()
            .map_or_else(|| value.clone(), |each| shaped(each, &value)))
    };
    draft.put_list(
        to,
        ids.iter().map(one).collect::<Result<_, _>>()?,
        wire.list,
    )
}
