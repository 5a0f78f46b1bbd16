//! The parts of a filter that must be served.

use crate::adapter::manifest::FilterKey;
use crate::model::{DateTime, DeletedFilter, Filter, LocalId, TimeRange};
use serde_json::Value;

/// One part of a filter, with what it compares to.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The ways to serve it, best first.
    pub keys: &'static [FilterKey],
    /// What it compares to.
    pub values: Vec<Value>,
}

/// The parts of a filter that must be served. `soft_deletes`: the CRM answers deleted records among the others, or where it is
/// asked to.
pub fn asked(filter: &Filter, soft_deletes: bool) -> Vec<Asked> {
    let mut parts = Vec::new();
    if *filter == Filter::default() {
        return parts;
    }
    let mut part = |keys: &'static [FilterKey], values: Option<Vec<Value>>| {
        parts.extend(values.map(|values| Asked { keys, values }));
    };
    for (key, value) in single(filter, soft_deletes) {
        part(key, value.map(|value| vec![value]));
    }
    for (keys, values) in several(filter) {
        part(keys, values);
    }
    parts
}

type Single = (&'static [FilterKey], Option<Value>);
type Several = (&'static [FilterKey], Option<Vec<Value>>);

fn single(filter: &Filter, soft_deletes: bool) -> [Single; 13] {
    use FilterKey as K;
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    let id = |id: &Option<LocalId>| id.as_ref().map(|id| Value::from(id.as_str()));
    let time = |time: Option<DateTime>| time.map(|time| Value::String(time.to_string()));
    let (age, created, updated) = (filter.age, filter.created_at, filter.updated_at);
    let deleted = match filter.deleted {
        DeletedFilter::Include if soft_deletes => (&[K::DeletedInclude][..], Some(true)),
        DeletedFilter::Only => (&[K::DeletedOnly][..], Some(true)),
        DeletedFilter::Include | DeletedFilter::Exclude => (&[][..], None),
    };
    [
        (&[K::Search], text(&filter.search)),
        (&[K::EmailEq], text(&filter.email)),
        (&[K::PhoneEq], text(&filter.phone)),
        (&[K::AgeGte], age.and_then(|age| age.gte).map(Value::from)),
        (&[K::AgeLte], age.and_then(|age| age.lte).map(Value::from)),
        (&[K::OwnerEq], text(&filter.owner_id)),
        (&[K::ParentEq], id(&filter.parent_id)),
        (&[K::OperatorEq], id(&filter.operator_id)),
        (&[K::CreatedGte], time(created.and_then(|range| range.gte))),
        (&[K::CreatedLt], time(created.and_then(|range| range.lt))),
        (&[K::UpdatedGte], time(updated.and_then(|range| range.gte))),
        (&[K::UpdatedLt], time(updated.and_then(|range| range.lt))),
        (deleted.0, deleted.1.map(Value::from)),
    ]
}

fn several(filter: &Filter) -> [Several; 6] {
    use FilterKey as K;
    fn words<T: Copy>(list: &Option<Vec<T>>, word: fn(T) -> &'static str) -> Option<Vec<Value>> {
        let words = |list: &Vec<T>| list.iter().map(|one| Value::from(word(*one))).collect();
        list.as_ref().map(words)
    }
    let ids = |ids: &Vec<LocalId>| ids.iter().map(|id| Value::from(id.as_str())).collect();
    let texts = |texts: &Vec<String>| texts.iter().map(|text| Value::from(&**text)).collect();
    // Everything has all of no tags.
    let tags = filter.tags.as_ref().filter(|tags| !tags.is_empty());
    [
        (&[K::IdIn], filter.ids.as_ref().map(ids)),
        (
            &[K::TierEq, K::TierIn],
            words(&filter.tier, |one| one.word()),
        ),
        (
            &[K::StatusEq, K::StatusIn],
            words(&filter.status, |one| one.word()),
        ),
        (
            &[K::TypeEq, K::TypeIn],
            words(&filter.kind, |one| one.word()),
        ),
        (
            &[K::GenderEq, K::GenderIn],
            words(&filter.gender, |one| one.word()),
        ),
        (&[K::TagsAll, K::TagsIn], tags.map(texts)),
    ]
}

/// Copies one part of a filter.
pub fn copy_part(key: FilterKey, from: &Filter, to: &mut Filter) {
    use FilterKey as K;
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
        K::CreatedGte => gte(from.created_at, &mut to.created_at),
        K::CreatedLt => lt(from.created_at, &mut to.created_at),
        K::UpdatedGte => gte(from.updated_at, &mut to.updated_at),
        K::UpdatedLt => lt(from.updated_at, &mut to.updated_at),
    }
}

fn gte(from: Option<TimeRange>, to: &mut Option<TimeRange>) {
    to.get_or_insert_default().gte = from.and_then(|range| range.gte);
}

fn lt(from: Option<TimeRange>, to: &mut Option<TimeRange>) {
    to.get_or_insert_default().lt = from.and_then(|range| range.lt);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_filter_must_be_served_and_can_be_copied() {
        for (name, part) in Filter::each_part() {
            let asked = asked(&part, true);
            assert_eq!(asked.len(), 1, "{name}");
            let mut copy = Filter::default();
            for key in asked.iter().flat_map(|asked| asked.keys) {
                copy_part(*key, &part, &mut copy);
            }
            assert_eq!(copy, part, "{name}");
        }
    }
}
