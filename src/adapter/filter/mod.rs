//! Filters and orders, pushed down as the adapter file says. What a route cannot serve is named before any call.

mod asked;
mod compose;
mod shape;
mod sort;

pub use shape::{shaped, with_holes};

use super::manifest::{
    FilterKey, FilterTarget, FilterWire, ListForm, ListRoute, Manifest, WireFormat,
};
use super::place::Destination;
use super::request::{Draft, Unplaceable};
use super::wire;
use crate::model::{DateTime, DeletedFilter, Filter, Order};
use asked::{Asked, asked, copy_part};
use jiff::SignedDuration;
use serde_json::Value;
use sort::push_sort;

/// How one part is served by a route.
struct Served<'r> {
    key: FilterKey,
    wire: &'r FilterWire,
    /// None where nothing of it can be asked for, so that rows are checked for all of it.
    values: Vec<Value>,
    /// The CRM is asked for more than was wanted, because it compares more coarsely.
    coarse: bool,
}

/// A part of a filter that a route cannot serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its name, and why it is not served where the route knows it.
    pub text: String,
    /// The route knows it, within a limit.
    pub limited: bool,
}

impl Missing {
    /// Whether rows show who has it, so that the gateway could check it. What a CRM looks through in a search is its own.
    pub fn shows(&self) -> bool {
        let mut keys = FilterKey::ALL.iter();
        let key = keys.find(|(word, _)| self.text.starts_with(word));
        key.is_some_and(|(_, key)| !matches!(key.subject(), "search" | "deleted"))
    }

    fn unknown(key: Option<&FilterKey>) -> Self {
        Self {
            text: key.map(|key| key.word().to_owned()).unwrap_or_default(),
            limited: false,
        }
    }

    fn limited(name: &str, why: &str) -> Self {
        Self {
            text: format!("{name} ({why})"),
            limited: true,
        }
    }
}

impl ListRoute {
    /// The best way to serve a part; else what cannot be served, in words for people.
    fn serve<'r>(&'r self, manifest: &Manifest, part: &Asked) -> Result<Served<'r>, Missing> {
        let mut unserved = None;
        for key in part.keys {
            let one_only = key.operator() == "eq" && part.keys.len() > 1;
            let Some(wire) = self
                .filter(*key)
                .filter(|_| !one_only || part.values.len() < 2)
            else {
                continue;
            };
            match serve_as(manifest, *key, wire, part) {
                Ok(served) => return Ok(served),
                Err(why) => unserved = Some(Missing::limited(key.word(), &why)),
            }
        }
        let best = if part.values.len() > 1 {
            part.keys.last()
        } else {
            part.keys.first()
        };
        Err(unserved.unwrap_or_else(|| Missing::unknown(best)))
    }

    /// The parts of a filter that the route must serve.
    fn parts(&self, filter: &Filter) -> Vec<Asked> {
        let can_include = self.filter(FilterKey::DeletedInclude).is_some();
        asked(filter, self.gone.is_some() || can_include)
    }

    fn served<'r>(&'r self, manifest: &Manifest, filter: &Filter) -> Vec<Served<'r>> {
        self.parts(filter)
            .iter()
            .filter_map(|part| self.serve(manifest, part).ok())
            .collect()
    }

    /// What of a filter stands in a request.
    fn sent<'r>(&'r self, manifest: &Manifest, filter: &Filter) -> Vec<Served<'r>> {
        let mut served = self.served(manifest, filter);
        served.retain(|one| !one.values.is_empty());
        served.extend(self.excluded(filter));
        served
    }

    /// Whether a filter gives this route something to look for, where it needs that.
    pub fn has_what_it_needs(&self, manifest: &Manifest, filter: &Filter) -> bool {
        let mut served = self.served(manifest, filter).into_iter();
        !self.needs_filter || served.any(|one| !one.values.is_empty())
    }

    /// What says that deleted records shall be left out, where the route has a word for it.
    fn excluded(&self, filter: &Filter) -> Option<Served<'_>> {
        let key = FilterKey::DeletedExclude;
        let wire = self
            .filter(key)
            .filter(|_| filter.deleted == DeletedFilter::Exclude)?;
        Some(Served {
            key,
            wire,
            values: vec![wire.value.clone().unwrap_or(Value::Bool(true))],
            coarse: false,
        })
    }

    /// The parts of a filter that this route cannot serve, by name.
    pub fn unserved(&self, manifest: &Manifest, filter: &Filter) -> Vec<Missing> {
        let mut unserved: Vec<Missing> = self
            .parts(filter)
            .iter()
            .filter_map(|part| self.serve(manifest, part).err())
            .collect();
        if !unserved.is_empty() {
            return unserved;
        }
        let served = self.sent(manifest, filter);
        unserved.extend(self.too_many(&served));
        unserved.extend(self.clashing(&served));
        unserved
    }

    /// Filters that make more conditions than one expression may have.
    fn too_many(&self, served: &[Served<'_>]) -> Option<Missing> {
        let compose = self.compose.as_ref()?;
        let most = compose.max?;
        let composed: Vec<_> = served
            .iter()
            .filter(|served| matches!(served.wire.to, FilterTarget::Field(_)))
            .collect();
        let conditions: usize = composed.iter().map(|one| compose.conditions(one)).sum();
        let names: Vec<_> = composed.iter().map(|one| one.key.word()).collect();
        let why = format!("at most {most} together");
        (conditions > most).then(|| Missing::limited(&names.join(", "), &why))
    }

    /// Filters that would go to one place: of two values there one would be lost.
    fn clashing(&self, served: &[Served<'_>]) -> Option<Missing> {
        let mut places = Vec::new();
        for one in served {
            places.extend(one.wire.place(one.key).map(|place| (one.key, place)));
        }
        let form = self.route.form;
        places.iter().enumerate().find_map(|(index, (key, place))| {
            let mut before = places.iter().take(index);
            let (other, _) = before.find(|(_, other)| other.clashes(place, form))?;
            let names = format!("{}, {}", other.word(), key.word());
            Some(Missing::limited(&names, "one of them at a time"))
        })
    }

    /// The part of a filter whose rows must be checked again.
    pub fn residual(&self, manifest: &Manifest, filter: &Filter) -> Filter {
        let mut rest = Filter {
            deleted: filter.deleted,
            ..Filter::default()
        };
        for served in self.served(manifest, filter) {
            if served.coarse || served.wire.is_checked_again(served.key) {
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
        for served in self.sent(manifest, filter) {
            match &served.wire.to {
                FilterTarget::Send(to) => send(&served, to, draft)?,
                FilterTarget::Field(field) => conditions.push((field.as_str(), served)),
            }
        }
        let sort = self
            .sort
            .as_ref()
            .and_then(|sort| sort.chosen(order).map(|chosen| (sort, chosen)));
        match &self.compose {
            Some(compose) => compose.push(&conditions, sort, draft),
            None => push_sort(sort, draft),
        }
    }
}

/// One way to serve a part; else why it cannot.
fn serve_as<'r>(
    manifest: &Manifest,
    key: FilterKey,
    wire: &'r FilterWire,
    part: &Asked,
) -> Result<Served<'r>, String> {
    if part.values.is_empty() {
        return Err("at least one value".into());
    }
    let too_long = |value: &Value, max: usize| {
        value
            .as_str()
            .is_some_and(|text| text.chars().count() > max)
    };
    if let Some(max) = wire
        .max_length
        .filter(|max| part.values.iter().any(|value| too_long(value, *max)))
    {
        return Err(format!("at most {max} characters"));
    }
    let mut served = Served {
        key,
        wire,
        values: Vec::with_capacity(part.values.len()),
        coarse: false,
    };
    for value in &part.values {
        if let Some(words) = wire.words.as_ref().filter(|_| wire.value.is_none()) {
            served
                .values
                .extend(all_words(manifest, words, key, value)?);
            continue;
        }
        let (value, coarse) = translate(wire, key, value)?;
        served.values.extend(value);
        served.coarse |= coarse;
    }
    match wire.max.filter(|max| served.values.len() > *max) {
        Some(max) if wire.words.is_some() => Err(format!("at most {max} words of the CRM")),
        Some(max) => Err(format!("at most {max} values")),
        None => Ok(served),
    }
}

/// Every word of the CRM that is read as ours: who is shown with a word must be found by it.
fn all_words(
    manifest: &Manifest,
    words: &str,
    key: FilterKey,
    value: &Value,
) -> Result<Vec<Value>, String> {
    let words = manifest.enums.get(words).ok_or("no word")?;
    let ours = || {
        let ours: Vec<_> = words.pairs.iter().map(|(word, _)| word.as_str()).collect();
        format!("one of {}", ours.join(" "))
    };
    let word = value.as_str().unwrap_or_default();
    let mut pairs = words.pairs.iter();
    let (_, wire) = pairs.find(|(known, _)| known == word).ok_or_else(ours)?;
    if wire.len() > 1 && !key.takes_several() {
        return Err(format!("the CRM has several words for {word}"));
    }
    Ok(wire.clone())
}

/// A value in the CRM's form, where it can be asked for, and whether that asks for more than was wanted; else what it would have
/// to be.
fn translate(
    wire: &FilterWire,
    key: FilterKey,
    value: &Value,
) -> Result<(Option<Value>, bool), String> {
    if let Some(constant) = &wire.value {
        return Ok((Some(constant.clone()), false));
    }
    if key.takes_moment() {
        let time = value.as_str().and_then(DateTime::read);
        return Ok(translate_time(wire, key, time.ok_or("a moment")?));
    }
    match &wire.format {
        Some(WireFormat::Int) => {
            let number = match value.as_str() {
                Some(text) => wire::integer(text),
                None => value.as_i64().map(Value::from),
            };
            Ok((Some(number.ok_or("a whole number")?), false))
        }
        _ => Ok((Some(value.clone()), false)),
    }
}

/// A moment in the CRM's form, widened as the file says. Where the form is coarser than the moment, the bound is moved
/// outwards, so that no row is lost; where that leads out of the calendar, nothing is asked for.
fn translate_time(wire: &FilterWire, key: FilterKey, time: DateTime) -> (Option<Value>, bool) {
    let format = wire.format.as_ref().unwrap_or(&WireFormat::Rfc3339);
    let widen = wire
        .widen
        .and_then(|widen| SignedDuration::try_from(widen).ok())
        .unwrap_or_default();
    let grain = format.grain();
    // A day begins when it does in the zone of the form.
    let there = time.as_nanosecond() + i128::from(format.zone().seconds()) * 1_000_000_000;
    let beyond = match grain.as_nanos() {
        0 => 0,
        grain => there.rem_euclid(grain),
    };
    let coarse = beyond != 0;
    let earlier = matches!(key, FilterKey::CreatedGte | FilterKey::UpdatedGte);
    let moved = if earlier {
        time.later(-widen)
    } else if coarse {
        time.later(widen + grain)
    } else {
        time.later(widen)
    };
    // A clock of the zone may stop before the bound.
    let zone = SignedDuration::from_secs(format.zone().seconds().into());
    let has_form = |moved: &DateTime| moved.later(zone).is_some();
    let is_over = !moved.as_ref().is_some_and(has_form);
    let bound = moved.filter(|moved| earlier || has_form(moved));
    let bound = bound.or(earlier.then_some(time));
    let written = bound.map(|bound| wire::write_time(bound, format));
    (written, coarse || is_over)
}

fn send(served: &Served<'_>, to: &Destination, draft: &mut Draft<'_>) -> Result<(), Unplaceable> {
    let shape = |value: &Value| {
        served
            .wire
            .each
            .as_ref()
            .map_or_else(|| value.clone(), |each| shaped(each, value))
    };
    if served.wire.sends_list(served.key) {
        return draft.put_list(
            to,
            served.values.iter().map(shape).collect(),
            served.wire.list,
        );
    }
    match served.values.first() {
        Some(value) => draft.put(to, shape(value)),
        None => Ok(()),
    }
}

impl FilterWire {
    /// A wire that sends a list of ids.
    pub fn of_ids(to: Destination, list: ListForm) -> Self {
        Self {
            to: FilterTarget::Send(to),
            value: None,
            listed: false,
            words: None,
            format: None,
            list,
            each: None,
            condition: None,
            quote: None,
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
            Some(WireFormat::Int) => wire::integer(id).ok_or(Unplaceable)?,
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
