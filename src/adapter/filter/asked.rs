//! The parts of a filter that must be served.

use crate::adapter::manifest::FilterKey;
use crate::model::{DateTime, DeletedFilter, Filter, TimeRange};
use serde_json::Value;

/// One part of a filter, with what it compares to.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The ways to serve it, best first.
    pub keys: &'static [FilterKey],
    /// What it compares to.
    pub values: Vec<Value>,
}

/// The parts of a filter that must be served.
pub fn asked(filter: &Filter, soft_deletes: bool) -> Vec<Asked> {
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
    // Everything has all of no tags.
    let tags = filter.tags.as_ref().filter(|tags| !tags.is_empty());
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
        tags.map(|tags| tags.iter().map(|tag| Value::from(tag.as_str())).collect()),
    );
    parts
}

/// Copies one part of a filter.
pub fn copy_part(key: FilterKey, from: &Filter, to: &mut Filter) {
    use FilterKey as K;
    let range = |to: &mut Option<TimeRange>| -> TimeRange { to.unwrap_or_default() };
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
            to.created_at = Some(TimeRange {
                gte: from.created_at.and_then(|r| r.gte),
                ..range(&mut to.created_at)
            })
        }
        K::CreatedLt => {
            to.created_at = Some(TimeRange {
                lt: from.created_at.and_then(|r| r.lt),
                ..range(&mut to.created_at)
            })
        }
        K::UpdatedGte => {
            to.updated_at = Some(TimeRange {
                gte: from.updated_at.and_then(|r| r.gte),
                ..range(&mut to.updated_at)
            })
        }
        K::UpdatedLt => {
            to.updated_at = Some(TimeRange {
                lt: from.updated_at.and_then(|r| r.lt),
                ..range(&mut to.updated_at)
            })
        }
    }
}
