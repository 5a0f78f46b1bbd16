//! One record being read: each kind of field, and the problem that stands for a value that is odd.

use super::scalar::{flag, into_text, means_nothing, plain_text, split, split_name};
use super::{Reading, Readings};
use crate::adapter::manifest::{UnknownWord, WireType};
use crate::adapter::pick::Leaf;
use crate::adapter::wire;
use crate::model::{Date, DateTime, FieldProblem, LocalId, Owner, PhoneNumber};
use serde_json::Value;

/// What is wrong with a value that a plain one stands in the way of.
const MISPLACED: &str = "expected an object around it";

/// A record being read.
pub(super) struct Record<'l, 'de> {
    pub(super) leaves: &'l mut [Leaf<'de>],
    pub(super) problems: Vec<FieldProblem>,
}

impl<'de> Record<'_, 'de> {
    pub(super) fn problem<T>(&mut self, reading: &Reading, reason: &'static str) -> Option<T> {
        let problem = FieldProblem {
            field: reading.name,
            part: reading.part,
            reason,
        };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
        None
    }

    fn has_problem(&self, reading: &Reading) -> bool {
        let mut problems = self.problems.iter();
        problems.any(|problem| (problem.field, problem.part) == (reading.name, reading.part))
    }

    /// The field's first value, taken out of the record; `None` where there is none or it means nothing.
    pub(super) fn take<'m>(
        &mut self,
        reading: &'m Option<Reading>,
    ) -> Option<(&'m Reading, Leaf<'de>)> {
        let reading = reading.as_ref()?;
        let nothing = &reading.field.null_if;
        let slots = || reading.slots.iter().copied();
        let value = |slot: &usize| {
            let leaf = self.leaves.get(*slot);
            leaf.is_some_and(|leaf| leaf.is_some() && !means_nothing(leaf, nothing))
        };
        let slot = slots().find(value);
        if slot.is_none() && self.is_misplaced(reading) {
            return self.problem(reading, MISPLACED);
        }
        match self.leaves.get_mut(slot?).map(std::mem::take)? {
            Leaf::Unread(reason) => self.problem(reading, reason),
            leaf => Some((reading, leaf)),
        }
    }

    /// Whether one of its places cannot be there, because a plain value stands where its path leads on.
    fn is_misplaced(&self, reading: &Reading) -> bool {
        let mut slots = reading.slots.iter();
        slots.any(|slot| self.leaves.get(*slot) == Some(&Leaf::Misplaced))
    }

    pub(super) fn text(&mut self, reading: &Option<Reading>) -> Option<Box<str>> {
        if let Some(join) = reading.as_ref()?.field.join.as_deref() {
            return self.joined(reading.as_ref()?, join);
        }
        let (reading, leaf) = self.take(reading)?;
        let text = match into_text(leaf) {
            Some(text) => text,
            None => return self.problem(reading, "expected text"),
        };
        match reading.field.wire {
            Some(WireType::NameFirst) => split_name(&text).0,
            Some(WireType::NameLast) => split_name(&text).1,
            _ => Some(text),
        }
    }

    /// Several values joined to one text. Without a part that is there and cannot be read it would be another text.
    pub(super) fn joined(&mut self, reading: &Reading, join: &str) -> Option<Box<str>> {
        if self.is_misplaced(reading) {
            return self.problem(reading, MISPLACED);
        }
        let mut parts = Vec::new();
        for slot in &reading.slots {
            let leaf = self.leaves.get_mut(*slot).map(std::mem::take);
            let nothing = |leaf: &Leaf<'_>| means_nothing(leaf, &reading.field.null_if);
            let Some(leaf) = leaf.filter(|leaf| leaf.is_some() && !nothing(leaf)) else {
                continue;
            };
            if let Leaf::Unread(reason) = leaf {
                return self.problem(reading, reason);
            }
            match into_text(leaf) {
                Some(text) => parts.push(text),
                None => return self.problem(reading, "expected text"),
            }
        }
        parts.retain(|part| !part.is_empty());
        (!parts.is_empty()).then(|| parts.join(join).into())
    }

    pub(super) fn word<T>(
        &mut self,
        reading: &Option<Reading>,
        from_word: fn(&str) -> Option<T>,
        unknown: T,
    ) -> Option<T> {
        if let Some((there, not_there)) = &reading.as_ref()?.field.present {
            let value = self.take(reading);
            // A value that cannot be read is not one that is missing.
            if value.is_none() && self.has_problem(reading.as_ref()?) {
                return None;
            }
            let is_there = value.is_some_and(|(_, leaf)| !leaf.is_nothing());
            return from_word(if is_there { there } else { not_there });
        }
        let (reading, leaf) = self.take(reading)?;
        let found = match &reading.words {
            Some(words) => words.read(&leaf).and_then(from_word),
            None => plain_text(&leaf).and_then(|text| from_word(&text)),
        };
        match (found, reading.field.unknown) {
            (Some(found), _) => Some(found),
            (None, UnknownWord::Unknown) => Some(unknown),
            (None, UnknownWord::Null) => None,
            (None, UnknownWord::Error) => {
                self.problem(reading, "a word that is not in the adapter's list")
            }
        }
    }

    pub(super) fn date(&mut self, reading: &Option<Reading>) -> Option<Date> {
        let (reading, leaf) = self.take(reading)?;
        match wire::read_date(&leaf, reading.format()) {
            Some(date) => Some(Date(date)),
            None => self.problem(reading, "expected a date"),
        }
    }

    pub(super) fn time(&mut self, reading: &Option<Reading>) -> Option<DateTime> {
        let (reading, leaf) = self.take(reading)?;
        match wire::read_time(&leaf, reading.format()) {
            Some(time) => Some(time),
            None => self.problem(reading, "expected a date and time"),
        }
    }

    pub(super) fn boolean(&mut self, reading: &Option<Reading>) -> Option<bool> {
        let (reading, leaf) = self.take(reading)?;
        if let Some(words) = &reading.words {
            return match (words.read(&leaf), reading.field.unknown) {
                (Some("TRUE"), _) => Some(true),
                (Some("FALSE"), _) => Some(false),
                (_, UnknownWord::Null) => None,
                _ => self.problem(reading, "a word that is not in the adapter's list"),
            };
        }
        match flag(&leaf) {
            Some(flag) => Some(flag),
            None => self.problem(reading, "expected a boolean"),
        }
    }

    pub(super) fn texts(&mut self, reading: &Option<Reading>) -> Option<Vec<Box<str>>> {
        let (reading, leaf) = self.take(reading)?;
        if let (Leaf::Text(text), Some(between)) = (&leaf, &reading.field.split) {
            return Some(split(text, between));
        }
        let Some(items) = leaf.array() else {
            return self.problem(reading, "expected a list of texts");
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            let text: Option<Box<str>> = match reading.field.each.find(item) {
                // It says nothing, and is a text all the same.
                Some(Value::String(text)) if text.is_empty() => continue,
                Some(Value::String(text)) => Some((**text).into()),
                other => other.and_then(wire::scalar_text).map(Box::from),
            };
            match text {
                Some(text) if !text.is_empty() => texts.push(text),
                _ => drop(self.problem::<()>(reading, "an element is no text")),
            }
        }
        Some(texts)
    }

    pub(super) fn json(&mut self, reading: &Option<Reading>) -> Option<Value> {
        self.take(reading).map(|(_, leaf)| match leaf {
            Leaf::Tree(value) => *value,
            other => other.to_value(),
        })
    }

    pub(super) fn phone(&mut self, map: &Readings) -> Option<PhoneNumber> {
        let country_code = self.text(&map.phone_country_code);
        let calling_code = self
            .text(&map.phone_calling_code)
            .map(|code| code.trim_start_matches('+').into());
        let number = self.text(&map.phone)?;
        Some(PhoneNumber {
            number,
            country_code,
            calling_code,
        })
    }

    pub(super) fn owner(&mut self, map: &Readings) -> Option<Owner> {
        let name = self.text(&map.owner_name);
        let id = self.text(&map.owner_id)?;
        Some(Owner { id, name })
    }

    pub(super) fn relative(&mut self, reading: &Option<Reading>) -> Option<LocalId> {
        let id = self.text(reading)?;
        match LocalId::new(id) {
            Ok(id) => Some(id),
            Err(_) => self.problem(reading.as_ref()?, "expected an id"),
        }
    }
}
