//! A table being read: take every key that means something, then `finish` refuses the rest.
//!
//! A wrong or missing value is noted and answered with `None`, so that the reader goes on and finds the next problem.

use super::near::nearest;
use super::value::{parse_duration, show_duration};
use super::{Entry, Place, Source, Text, Value};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;
use toml::de::{DeTable, DeValue};

/// A table being read.
#[derive(Debug)]
#[must_use = "`finish` refuses the keys that nobody took"]
pub struct Table<'d> {
    source: &'d Source<'d>,
    entries: &'d DeTable<'d>,
    at: Place,
    path: String,
    taken: Vec<String>,
    rest_taken: bool,
}

impl<'d> Table<'d> {
    pub(super) fn new(
        source: &'d Source<'d>,
        entries: &'d DeTable<'d>,
        at: Place,
        path: String,
    ) -> Self {
        Self {
            source,
            entries,
            at,
            path,
            taken: Vec::new(),
            rest_taken: false,
        }
    }

    /// Where the table begins.
    pub fn place(&self) -> &Place {
        &self.at
    }

    /// Where in the document it is, dotted: `list[0].filter`. Empty for the top level.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where in the document a key of this table is, dotted.
    pub fn path_of(&self, key: &str) -> String {
        let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let key = if !key.is_empty() && key.chars().all(bare) {
            key.to_owned()
        } else {
            format!("{key:?}")
        };
        if self.path.is_empty() {
            key
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Whether the key is given. It does not count as taken by this.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Where the key stands; the table's own place where it is not given.
    pub fn place_of(&self, key: &str) -> Place {
        self.entries.get_key_value(key).map_or_else(
            || self.at.clone(),
            |(key, _)| self.source.lines.place(key.span().start),
        )
    }

    /// Where the last of these steps leads, each a key or the index of an element; as far as they lead anywhere.
    pub fn place_along(&self, steps: &[&str]) -> Place {
        let first = steps.split_first();
        let first = first.and_then(|(key, rest)| Some((self.entries.get_key_value(*key)?, rest)));
        let Some(((key, mut value), rest)) = first else {
            return self.at.clone();
        };
        let mut start = key.span().start;
        for step in rest {
            let below = match value.get_ref() {
                DeValue::Table(entries) => entries
                    .get_key_value(*step)
                    .map(|(key, value)| (key.span().start, value)),
                DeValue::Array(items) => step
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get(index))
                    .map(|item| (item.span().start, item)),
                _ => None,
            };
            let Some((found, next)) = below else { break };
            (start, value) = (found, next);
        }
        self.source.lines.place(start)
    }

    /// Notes a problem of the reader's own finding.
    pub fn problem(&self, at: &Place, message: impl Into<String>) {
        self.source.problems.note(at, message);
    }

    /// Notes that a key is missing, unless it is given. It does not count as taken by this.
    pub fn require(&self, key: &str) -> bool {
        let given = self.has(key);
        if !given {
            self.problem(&self.at, format!("`{}` is missing", self.path_of(key)));
        }
        given
    }

    // === One value ===

    /// The value of a key, whatever it is.
    pub fn value(&mut self, key: &str) -> Option<Value<'d>> {
        if !self.taken.iter().any(|taken| taken == key) {
            self.taken.push(key.to_owned());
        }
        Value::read(self.source, self.entries.get(key)?, &self.path_of(key))
    }

    /// A string.
    pub fn string(&mut self, key: &str) -> Option<Text> {
        match self.value(key)? {
            Value::Text(text) => Some(text),
            other => self.unexpected(key, "a string", &other),
        }
    }

    /// A string that must be given.
    pub fn required_string(&mut self, key: &str) -> Option<Text> {
        self.require(key);
        self.string(key)
    }

    /// True or false.
    pub fn bool(&mut self, key: &str) -> Option<bool> {
        match self.value(key)? {
            Value::Bool(flag, _) => Some(flag),
            other => self.unexpected(key, "true or false", &other),
        }
    }

    /// A whole number within a range.
    pub fn integer<N>(&mut self, key: &str, accepted: RangeInclusive<N>) -> Option<N>
    where
        N: TryFrom<i64> + PartialOrd + Display,
    {
        let (number, at) = match self.value(key)? {
            Value::Integer(number, at) => (number, at),
            other => return self.unexpected(key, "an integer", &other),
        };
        let fitting = N::try_from(number)
            .ok()
            .filter(|number| accepted.contains(number));
        if fitting.is_none() {
            let (least, most) = (accepted.start(), accepted.end());
            let path = self.path_of(key);
            self.problem(
                &at,
                format!("`{path}` is {number}; accepted: {least} to {most}"),
            );
        }
        fitting
    }

    /// A duration within a range, written as a number and a unit.
    pub fn duration(&mut self, key: &str, accepted: RangeInclusive<Duration>) -> Option<Duration> {
        let text = self.string(key)?;
        let path = self.path_of(key);
        let Some(duration) = parse_duration(&text.value) else {
            let message = format!(
                "`{path}` is not a duration; write a whole number and its unit: 250ms, 10s, 5m, 1h, 1d"
            );
            self.problem(&text.at, message);
            return None;
        };
        if accepted.contains(&duration) {
            return Some(duration);
        }
        let least = show_duration(*accepted.start());
        let most = show_duration(*accepted.end());
        let message = format!("`{path}` is {}; accepted: {least} to {most}", text.value);
        self.problem(&text.at, message);
        None
    }

    /// One of the accepted words.
    pub fn word<T: Clone>(&mut self, key: &str, accepted: &[(&str, T)]) -> Option<T> {
        let text = self.string(key)?;
        self.choose(&text, accepted)
    }

    /// What a string says, where it must be one of the accepted words.
    pub fn choose<T: Clone>(&self, text: &Text, accepted: &[(&str, T)]) -> Option<T> {
        let found = accepted.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let words: Vec<&str> = accepted.iter().map(|(word, _)| *word).collect();
            self.problem(&text.at, not_among("word", &text.value, &words));
        }
        found.map(|(_, meaning)| meaning.clone())
    }

    // === Several values ===

    /// A list of strings; empty where the key is not given.
    pub fn strings(&mut self, key: &str) -> Vec<Text> {
        let items = self.list(key, "a list of strings");
        let text = |item| match item {
            Value::Text(text) => Some(text),
            other => self.unexpected(key, "a list of strings", &other),
        };
        items.into_iter().filter_map(text).collect()
    }

    /// A list of accepted words, each with its place; empty where the key is not given.
    pub fn words<T: Clone>(&mut self, key: &str, accepted: &[(&str, T)]) -> Vec<(T, Place)> {
        let texts = self.strings(key).into_iter();
        texts
            .filter_map(|text| Some((self.choose(&text, accepted)?, text.at)))
            .collect()
    }

    /// A table inside this one.
    pub fn table(&mut self, key: &str) -> Option<Table<'d>> {
        match self.value(key)? {
            Value::Table(table) => Some(table),
            other => self.unexpected(key, "a table", &other),
        }
    }

    /// A list of tables; empty where the key is not given.
    pub fn tables(&mut self, key: &str) -> Vec<Table<'d>> {
        let items = self.list(key, "a list of tables");
        let table = |item| match item {
            Value::Table(table) => Some(table),
            other => self.unexpected(key, "a list of tables", &other),
        };
        items.into_iter().filter_map(table).collect()
    }

    /// Every key that was not taken yet, in the order of the file. All of them count as taken.
    pub fn entries(&mut self) -> Vec<Entry<'d>> {
        self.rest_taken = true;
        let keys = self.rest();
        let keys = keys.into_iter().filter_map(|key| {
            let value = self.entries.get(key.value.as_str())?;
            let value = Value::read(self.source, value, &self.path_of(&key.value))?;
            Some(Entry { key, value })
        });
        keys.collect()
    }

    /// Every key and value, taken or not, without taking any.
    pub fn peek(&self) -> Vec<Entry<'d>> {
        self.again().entries()
    }

    /// The same table, nothing taken yet.
    pub fn again(&self) -> Self {
        Self::new(
            self.source,
            self.entries,
            self.at.clone(),
            self.path.clone(),
        )
    }

    /// Ends the reading: every key that nobody took is a problem.
    pub fn finish(self) {
        if self.rest_taken {
            return;
        }
        let known: Vec<&str> = self.taken.iter().map(String::as_str).collect();
        for key in self.rest() {
            let kind = match self.path.as_str() {
                "" => "key".to_owned(),
                path => format!("key of `{path}`"),
            };
            self.problem(&key.at, not_among(&kind, &key.value, &known));
        }
    }

    // === Inside ===

    fn list(&mut self, key: &str, expected: &str) -> Vec<Value<'d>> {
        match self.value(key) {
            None => Vec::new(),
            Some(Value::List(items, _)) => items,
            Some(other) => self.unexpected(key, expected, &other).unwrap_or_default(),
        }
    }

    /// The keys that nobody took, in the order of the file.
    fn rest(&self) -> Vec<Text> {
        let left = self
            .entries
            .iter()
            .map(|(key, _)| key)
            .filter(|key| !self.taken.iter().any(|taken| taken == key.get_ref()));
        let mut keys: Vec<_> = left.map(|key| (key.span().start, key.get_ref())).collect();
        keys.sort();
        let text = |(start, key): (usize, &std::borrow::Cow<'_, str>)| Text {
            value: key.to_string(),
            at: self.source.lines.place(start),
        };
        keys.into_iter().map(text).collect()
    }

    fn unexpected<T>(&self, key: &str, expected: &str, found: &Value<'d>) -> Option<T> {
        let path = self.path_of(key);
        let message = format!("`{path}`: expected {expected}, found {}", found.kind());
        self.problem(found.at(), message);
        None
    }
}

/// "unknown word: `x` (did you mean `y`?); accepted: …"
fn not_among(kind: &str, found: &str, accepted: &[&str]) -> String {
    let mut message = format!("unknown {kind}: `{}`", found.escape_debug());
    if let Some(near) = nearest(found, accepted.iter().copied()) {
        message.push_str(&format!(" (did you mean `{near}`?)"));
    }
    match accepted {
        [] => message.push_str("; none is accepted here"),
        _ => {
            let shown = accepted
                .iter()
                .map(|word| if word.is_empty() { "\"\"" } else { word });
            message.push_str("; accepted: ");
            message.push_str(&shown.collect::<Vec<_>>().join(", "));
        }
    }
    message
}
