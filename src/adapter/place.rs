//! Where a value goes in a request and where it comes from in an answer: destinations, pointers, templates.
//!
//! Parsed once, when an adapter file is loaded. This module knows JSON and HTTP positions; it knows no customer.

use http::HeaderName;
use serde_json::Value;

/// Where a value goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Destination {
    /// A query parameter.
    Query(Box<str>),
    /// A header.
    Header(HeaderName),
    /// A member of the JSON body.
    Body(JsonPath),
    /// A member of the form body.
    Form(Box<str>),
    /// A hole of the path.
    Path(Box<str>),
}

impl Destination {
    /// Reads `query:name`, `header:name`, `body:/pointer`, `form:name`, `path:name`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no destination; accepted: query:name, header:name, body:/pointer, form:name, path:name"
            )
        };
        let (kind, rest) = text.split_once(':').ok_or_else(wrong)?;
        if rest.is_empty() && kind != "body" {
            return Err(wrong());
        }
        match kind {
            "query" => Ok(Self::Query(rest.into())),
            "header" => rest
                .parse()
                .map(Self::Header)
                .map_err(|_| format!("`{rest}` is no header name")),
            "body" => JsonPath::parse(rest).map(Self::Body),
            "form" => Ok(Self::Form(rest.into())),
            "path" => Ok(Self::Path(rest.into())),
            _ => Err(wrong()),
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Debug)]
pub enum Pointer {
    /// In the answer's JSON.
    Body(JsonPath),
    /// In a header, whole or the first capture of an expression.
    Header(HeaderName, Option<regex_lite::Regex>),
    /// The target of a `Link` header's relation.
    Link(Box<str>),
    /// In the last raw row.
    Last(JsonPath),
}

impl Pointer {
    /// Reads a JSON pointer, `header:Name`, `header:Name~regex`, `link:rel` or `last:/pointer`.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.starts_with('/') {
            return JsonPath::parse(text).map(Self::Body);
        }
        match text.split_once(':') {
            Some(("header", rest)) => {
                let (name, regex) = match rest.split_once('~') {
                    Some((name, regex)) => (name, Some(capture(regex)?)),
                    None => (rest, None),
                };
                let name = name
                    .parse()
                    .map_err(|_| format!("`{name}` is no header name"))?;
                Ok(Self::Header(name, regex))
            }
            Some(("link", rel)) if !rel.is_empty() => Ok(Self::Link(rel.into())),
            Some(("last", path)) => JsonPath::parse(path).map(Self::Last),
            _ => Err(format!(
                "`{text}` is no pointer; accepted: /json/pointer, header:Name, header:Name~regex, link:rel, last:/pointer"
            )),
        }
    }
}

fn capture(regex: &str) -> Result<regex_lite::Regex, String> {
    let parsed = regex_lite::Regex::new(regex)
        .map_err(|error| format!("`{regex}` is no expression: {error}"))?;
    if parsed.captures_len() < 2 {
        return Err(format!("`{regex}` captures nothing"));
    }
    Ok(parsed)
}

/// A JSON pointer (RFC 6901), whose segments may also choose an array's element by a member's value.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct JsonPath(Vec<Step>);

/// One segment of a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A member of an object; a number also means an element of an array.
    Key(Box<str>),
    /// The first element whose member has this value.
    Select {
        /// The member.
        key: Box<str>,
        /// Its value, as text.
        value: Box<str>,
    },
}

impl JsonPath {
    /// Reads a pointer; the empty one is the whole document.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let rest = text
            .strip_prefix('/')
            .ok_or_else(|| format!("`{text}` is no JSON pointer: it must begin with `/`"))?;
        rest.split('/')
            .map(step)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The path along these members.
    pub fn of_keys<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self(names.map(|name| Step::Key(name.into())).collect())
    }

    /// The segments.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// This path with another behind it.
    #[must_use]
    pub fn join(&self, tail: &Self) -> Self {
        Self(self.0.iter().chain(&tail.0).cloned().collect())
    }

    /// Whether it is made of plain members only.
    pub fn is_plain(&self) -> bool {
        self.0.iter().all(|step| matches!(step, Step::Key(_)))
    }

    /// The last member's name, for matching a CRM's field names.
    pub fn last_key(&self) -> Option<&str> {
        self.0.iter().rev().find_map(|step| match step {
            Step::Key(key) if key.parse::<usize>().is_err() => Some(&**key),
            _ => None,
        })
    }

    /// The value at this path.
    pub fn find<'a>(&self, root: &'a Value) -> Option<&'a Value> {
        find(&self.0, root)
    }

    /// Puts a value at this path, making what is missing on the way. A number makes an array where nothing is yet.
    pub fn put(&self, root: &mut Value, value: Value) {
        put(&self.0, root, value);
    }
}

impl std::fmt::Display for JsonPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|step| match step {
            Step::Key(key) => write!(f, "/{}", escaped(key)),
            Step::Select { key, value } => write!(f, "/{{{}={}}}", escaped(key), escaped(value)),
        })
    }
}

/// The value at the end of these steps.
pub fn find<'a>(steps: &[Step], root: &'a Value) -> Option<&'a Value> {
    steps
        .iter()
        .try_fold(root, |value, step| match (step, value) {
            (Step::Key(key), Value::Object(members)) => members.get(&**key),
            (Step::Key(key), Value::Array(items)) => items.get(key.parse::<usize>().ok()?),
            (Step::Select { key, value: wanted }, Value::Array(items)) => items
                .iter()
                .find(|item| item.get(&**key).is_some_and(|found| says(found, wanted))),
            _ => None,
        })
}

/// Whether a JSON scalar reads as this text.
pub fn says(value: &Value, text: &str) -> bool {
    match value {
        Value::String(said) => said == text,
        Value::Bool(said) => (if *said { "true" } else { "false" }) == text,
        Value::Number(said) => said.to_string() == text,
        _ => false,
    }
}

fn put(steps: &[Step], root: &mut Value, value: Value) {
    let Some((step, rest)) = steps.split_first() else {
        *root = value;
        return;
    };
    match step {
        Step::Key(key) => put(rest, member(root, key), value),
        Step::Select { key, value: wanted } => {
            if !root.is_array() {
                *root = Value::Array(Vec::new());
            }
            if let Value::Array(items) = root {
                let found = items
                    .iter()
                    .position(|item| item.get(&**key).is_some_and(|found| says(found, wanted)));
                let index = found.unwrap_or_else(|| {
                    items.push(serde_json::json!({ &**key: &**wanted }));
                    items.len() - 1
                });
                if let Some(item) = items.get_mut(index) {
                    put(rest, item, value);
                }
            }
        }
    }
}

/// The member of an object, or the element of an array, made where it is missing.
fn member<'a>(root: &'a mut Value, key: &str) -> &'a mut Value {
    let index = key.parse::<usize>().ok().filter(|index| *index < 16);
    if let (Some(index), true) = (index, root.is_array() || root.is_null()) {
        if root.is_null() {
            *root = Value::Array(Vec::new());
        }
        if let Value::Array(items) = root {
            while items.len() <= index {
                items.push(Value::Null);
            }
        }
    } else if !root.is_object() {
        *root = Value::Object(serde_json::Map::new());
    }
    match root {
        Value::Object(members) => members.entry(key).or_insert(Value::Null),
        other => match index {
            Some(index) => &mut other[index],
            None => other,
        },
    }
}

fn step(segment: &str) -> Result<Step, String> {
    if let Some(inner) = segment.strip_prefix('{') {
        let inner = inner
            .strip_suffix('}')
            .ok_or_else(|| format!("`{segment}` opens a choice and does not close it"))?;
        let (key, value) = inner
            .split_once('=')
            .ok_or_else(|| format!("`{segment}` is no choice; write {{member=value}}"))?;
        return Ok(Step::Select {
            key: unescape(key)?.into(),
            value: unescape(value)?.into(),
        });
    }
    unescape(segment).map(|key| Step::Key(key.into()))
}

/// A text as one segment of a pointer.
pub fn escaped(text: &str) -> String {
    text.replace('~', "~0").replace('/', "~1")
}

/// `~1` is `/` and `~0` is `~` (RFC 6901).
fn unescape(segment: &str) -> Result<String, String> {
    let mut out = String::with_capacity(segment.len());
    let mut chars = segment.chars();
    while let Some(next) = chars.next() {
        match next {
            '~' => match chars.next() {
                Some('0') => out.push('~'),
                Some('1') => out.push('/'),
                _ => return Err(format!("`{segment}`: `~` must be followed by 0 or 1")),
            },
            other => out.push(other),
        }
    }
    Ok(out)
}

/// Text with `{name}` holes.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Template(Vec<Part>);

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Text as it stands.
    Text(Box<str>),
    /// A hole to fill.
    Hole(Box<str>),
}

impl Template {
    /// Reads a template. Braces only ever make holes.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(open);
            if !before.is_empty() {
                parts.push(Part::Text(before.into()));
            }
            let hole = after
                .strip_prefix('{')
                .ok_or_else(|| format!("`{text}`: a `}}` without its `{{`"))?;
            let (name, tail) = hole
                .split_once('}')
                .ok_or_else(|| format!("`{text}`: a `{{` without its `}}`"))?;
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(format!("`{text}`: `{{{name}}}` is no name"));
            }
            parts.push(Part::Hole(name.into()));
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        Ok(Self(parts))
    }

    /// The names of its holes.
    pub fn holes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Hole(name) => Some(&**name),
            Part::Text(_) => None,
        })
    }

    /// Its pieces, in order.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The template with the holes filled that `fill` has a value for.
    #[must_use]
    pub fn filled<'a>(&self, fill: impl Fn(&str) -> Option<&'a str>) -> Self {
        let part = |part: &Part| match part {
            Part::Hole(name) => {
                fill(name).map_or_else(|| part.clone(), |value| Part::Text(value.into()))
            }
            Part::Text(_) => part.clone(),
        };
        Self(self.0.iter().map(part).collect())
    }

    /// The text with every hole filled; `None` where `fill` has no value for one.
    pub fn fill<'a>(&self, fill: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Hole(name) => out.push_str(fill(name)?),
            }
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_finds_members_elements_and_choices() {
        let value = json!({ "a": { "b/c": [1, { "k": "v", "x": 2 }, { "k": true, "x": 3 }] } });
        let find = |text: &str| JsonPath::parse(text).unwrap().find(&value).cloned();
        assert_eq!(find("/a/b~1c/0"), Some(json!(1)));
        assert_eq!(find("/a/b~1c/{k=v}/x"), Some(json!(2)));
        assert_eq!(find("/a/b~1c/{k=true}/x"), Some(json!(3)));
        assert_eq!(find("/a/none"), None);
        assert_eq!(find(""), Some(value.clone()));
        assert!(
            JsonPath::parse("a").is_err()
                && JsonPath::parse("/~2").is_err()
                && JsonPath::parse("/{k").is_err()
        );
    }

    #[test]
    fn a_path_makes_what_is_missing() {
        let mut root = Value::Null;
        JsonPath::parse("/groups/0/filters/1")
            .unwrap()
            .put(&mut root, json!("x"));
        JsonPath::parse("/emails/{type=work}/value")
            .unwrap()
            .put(&mut root, json!("a@b"));
        assert_eq!(
            root,
            json!({ "groups": [{ "filters": [null, "x"] }], "emails": [{ "type": "work", "value": "a@b" }] })
        );
    }

    #[test]
    fn a_template_fills_its_holes_or_nothing() {
        let template = Template::parse("Bearer {token}!").unwrap();
        assert_eq!(template.fill(|_| Some("x")).as_deref(), Some("Bearer x!"));
        assert_eq!(template.fill(|_| None), None);
        assert!(
            Template::parse("{").is_err()
                && Template::parse("}").is_err()
                && Template::parse("{a b}").is_err()
        );
    }

    #[test]
    fn destinations_and_pointers_are_closed_words() {
        assert_eq!(
            Destination::parse("query:page"),
            Ok(Destination::Query("page".into()))
        );
        assert!(
            Destination::parse("cookie:x")
                .unwrap_err()
                .contains("accepted: query:name")
        );
        assert!(matches!(
            Pointer::parse("header:X-Total~(\\d+)"),
            Ok(Pointer::Header(_, Some(_)))
        ));
        assert!(
            Pointer::parse("header:X~\\d")
                .unwrap_err()
                .contains("captures nothing")
        );
        assert!(matches!(Pointer::parse("link:next"), Ok(Pointer::Link(_))));
        assert!(Pointer::parse("body").is_err());
    }
}
