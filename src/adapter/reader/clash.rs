//! Constants, filters, the order and the page of one request, or the fields of a write, that would fill the same place. The
//! one put there last would take the other away, and a value that is lost is never noticed: so no file may say it.
//!
//! Two filters may share a place, as long as nobody asks for both; that is seen when they are asked for.

use super::check::Note;
use crate::adapter::manifest::{
    AuthRule, Compose, Each, FilterKey, Get, GetMany, ListRoute, Manifest, Route, Sort, SortStyle,
    Style, WriteRoute,
};
use crate::adapter::place::{Destination, JsonPath, Part, Template};
use ::http::header::AUTHORIZATION;
use serde_json::Value;
use std::borrow::Cow;
use std::cell::RefCell;

/// What puts something to a place. Those that are one of several, of which one is sent at a time, may share it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Credential,
    Constant,
    Filter,
    Conditions,
    SortedField,
    Direction,
    Position,
    Size,
    Field,
    NameOfWrite,
}

/// A place that a part of the file fills.
struct Claim<'m> {
    by: By,
    /// The key, along the steps that lead to it.
    key: Vec<Cow<'m, str>>,
    place: Cow<'m, Destination>,
    /// The constant that stands there.
    constant: Option<&'m Value>,
}

impl<'m> Claim<'m> {
    fn new(by: By, key: &[&'m str], place: Cow<'m, Destination>) -> Self {
        Self {
            by,
            key: key.iter().map(|step| Cow::Borrowed(*step)).collect(),
            place,
            constant: None,
        }
    }

    /// Whether both may stand in one file.
    fn bears(&self, other: &Self, each: Option<&Each>) -> bool {
        match (self.by, other.by) {
            (By::Credential, By::Credential)
            | (By::Filter, By::Filter)
            | (By::Position, By::Position)
            | (By::Direction, By::Direction) => true,
            // A route's header stands for one of all requests.
            (By::Constant, By::Constant) => matches!(*self.place, Destination::Header(_)),
            (By::Constant, By::Conditions) => {
                let joined = matches!(
                    (self.constant, each),
                    (Some(Value::Array(_)), Some(Each::Element(_)))
                        | (Some(Value::Object(_)), Some(Each::Nested(_)))
                );
                joined && self.place == other.place
            }
            _ => false,
        }
    }
}

/// Notes what would fill one place.
pub(super) fn check(manifest: &Manifest, note: &Note<'_>) {
    for (index, list) in manifest.lists.iter().enumerate() {
        let mut claims = constants(manifest, &list.route);
        claims.extend(list_claims(list));
        let at = ["list".to_owned(), index.to_string()];
        let each = list.compose.as_ref().map(|compose| &compose.each);
        compare(&claims, each, (&at, &list.route), note);
    }
    if let Some(Get::Route { route, .. }) = &manifest.get {
        let claims = constants(manifest, route);
        compare(&claims, None, (&["get".to_owned()], route), note);
    }
    if let Some(GetMany::Route { route, ids, .. }) = &manifest.get_many {
        let mut claims = constants(manifest, route);
        let place = ids.place(FilterKey::IdIn);
        claims.extend(place.map(|place| Claim::new(By::Filter, &["ids"], place)));
        compare(&claims, None, (&["get_many".to_owned()], route), note);
    }
    check_writes(manifest, note);
}

/// What clashes in a create clashes in an update too; it is said once.
fn check_writes(manifest: &Manifest, note: &Note<'_>) {
    let said = RefCell::new(Vec::new());
    let once: &Note<'_> = &|steps, message| {
        if !said.borrow().contains(&message) {
            said.borrow_mut().push(message.clone());
            note(steps, message);
        }
    };
    for (key, write) in [
        ("create", &manifest.create),
        ("update", &manifest.update),
        ("delete", &manifest.delete),
    ] {
        // What is written by GET is told once, not for each field.
        let by_get = |write: &&WriteRoute| write.route.method == http::Method::GET;
        let Some(write) = write.as_ref().filter(|write| !by_get(write)) else {
            continue;
        };
        let mut claims = constants(manifest, &write.route);
        if let Some(name) = &write.idempotency_header {
            let place = Cow::Owned(Destination::Header(name.clone()));
            claims.push(Claim::new(By::NameOfWrite, &["idempotency_header"], place));
        }
        claims.extend(written(manifest, write, key));
        compare(&claims, None, (&[key.to_owned()], &write.route), once);
    }
}

fn compare(
    claims: &[Claim<'_>],
    each: Option<&Each>,
    (at, route): (&[String], &Route),
    note: &Note<'_>,
) {
    let form = route.form;
    for (index, claim) in claims.iter().enumerate() {
        let in_body = matches!(*claim.place, Destination::Body(_) | Destination::Form(_));
        if in_body && route.method == http::Method::GET {
            let steps = steps(at, claim);
            let shown = shown(&steps);
            let why = format!("{shown} goes to a body, and a GET has none that anybody reads");
            note(&steps, why);
        }
        if !form && matches!(*claim.place, Destination::Form(_)) {
            let steps = steps(at, claim);
            note(
                &steps,
                format!(
                    "{} goes to a form, and the request has none: `body = \"form\"` is missing",
                    shown(&steps)
                ),
            );
        }
        let clashes = |other: &&Claim<'_>| {
            claim.place.clashes(&other.place, form) && !other.bears(claim, each)
        };
        if let Some(other) = claims.iter().take(index).find(clashes) {
            let (one, other) = (steps(at, claim), steps(at, other));
            note(
                &one,
                format!(
                    "{} and {} fill one place of the request, where one of them would be lost",
                    shown(&other),
                    shown(&one)
                ),
            );
        }
    }
}

/// The steps to a claim's key. What belongs to all requests, or to several, does not stand in the route's table.
fn steps<'c>(at: &'c [String], claim: &'c Claim<'_>) -> Vec<&'c str> {
    let begin = claim.key.first();
    let shared = begin.is_some_and(|step| matches!(&**step, "http" | "fields" | "native"));
    let at = if shared { &[] } else { at };
    let at = at.iter().map(String::as_str);
    at.chain(claim.key.iter().map(|step| &**step)).collect()
}

/// A key as people write it: `list[0].put."/query"`.
fn shown(steps: &[&str]) -> String {
    let mut text = String::new();
    for step in steps {
        let plain = step.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        match (step.parse::<usize>().is_ok(), plain) {
            (true, _) => text.push_str(&format!("[{step}]")),
            (_, true) if text.is_empty() => text.push_str(step),
            (_, true) => text.push_str(&format!(".{step}")),
            _ => text.push_str(&format!(".\"{step}\"")),
        }
    }
    format!("`{text}`")
}

/// The constants of a route's requests.
fn constants<'m>(manifest: &'m Manifest, route: &'m Route) -> Vec<Claim<'m>> {
    let http = &manifest.http;
    let query = |name: &str| Cow::Owned(Destination::Query(name.into()));
    let header = |name: &http::HeaderName| Cow::Owned(Destination::Header(name.clone()));
    let constant = |key: &[&'m str], place| Claim::new(By::Constant, key, place);
    let mut claims = Vec::new();
    for rule in &http.auth {
        let place = match rule {
            AuthRule::None => continue,
            AuthRule::Query { name, .. } => query(name),
            AuthRule::Header { name, .. } => header(name),
            AuthRule::Basic { .. } | AuthRule::OAuth(_) => header(&AUTHORIZATION),
        };
        claims.push(Claim::new(By::Credential, &["http", "auth"], place));
    }
    for (name, _) in &http.query {
        claims.push(constant(&["http", "query", name], query(name)));
    }
    for name in path_parameters(&route.path) {
        claims.push(constant(&["request"], query(&name)));
    }
    for (name, _) in &route.query {
        claims.push(constant(&["query", name], query(name)));
    }
    for (key, headers) in [("headers", &http.headers), ("headers_if", &http.headers_if)] {
        for (name, _) in headers {
            claims.push(constant(&["http", key], header(name)));
        }
    }
    for (name, _) in &route.headers {
        claims.push(constant(&["headers"], header(name)));
    }
    for (path, value) in &route.put {
        let place = Cow::Owned(Destination::Body(path.clone()));
        let mut claim = constant(&["put"], place);
        claim.key.push(Cow::Owned(path.to_string()));
        claim.constant = Some(value);
        claims.push(claim);
    }
    claims
}

/// The fields that a create or an update may carry.
fn written<'m>(manifest: &'m Manifest, write: &'m WriteRoute, key: &str) -> Vec<Claim<'m>> {
    let carried = |(on_create, on_update): (bool, bool)| match key {
        "create" => on_create,
        "update" => on_update,
        _ => false,
    };
    let claim = |part: &'m str, name: &'m str, path: &JsonPath| {
        let place = Destination::Body(write.wrap.join(path));
        Claim::new(By::Field, &[part, name], Cow::Owned(place))
    };
    let fields = manifest.fields.iter();
    let fields = fields
        .filter(|(_, field)| carried((field.on_create, field.on_update)))
        .filter_map(|(name, field)| Some(claim("fields", name, field.write.as_ref()?)));
    let native = manifest.native.iter();
    let native = native
        .filter(|(_, field)| carried((field.on_create, field.on_update)))
        .map(|(name, field)| claim("native", name, &field.write));
    fields.chain(native).collect()
}

/// The names of the parameters that a path itself holds.
fn path_parameters(path: &Template) -> Vec<String> {
    let part = |part: &Part| match part {
        Part::Text(text) => text.to_string(),
        Part::Hole(_) => "x".to_owned(),
    };
    let text: String = path.parts().iter().map(part).collect();
    let query = text.split_once('?').map_or("", |(_, query)| query);
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.map(|(name, _)| name.into_owned()).collect()
}

fn list_claims(list: &ListRoute) -> Vec<Claim<'_>> {
    let mut claims = Vec::new();
    for (key, wire) in &list.filters {
        let place = wire.place(*key);
        claims.extend(place.map(|place| Claim::new(By::Filter, &["filter", key.word()], place)));
    }
    let in_text = list.compose.as_ref().is_some_and(Compose::holds_sort);
    if let Some(compose) = &list.compose {
        claims.push(Claim::new(
            By::Conditions,
            &["compose"],
            Cow::Borrowed(&compose.into),
        ));
    }
    if let Some(sort) = list.sort.as_ref().filter(|_| !in_text) {
        claims.extend(sort_claims(sort));
    }
    let positions = match &list.page.style {
        Style::Page { page: to, .. } => vec![("page", Some(to))],
        Style::Offset { offset: to, .. } => vec![("offset", Some(to))],
        Style::Token(token) => vec![
            ("send", Some(&token.send)),
            ("send_prev", token.send_prev.as_ref()),
        ],
        Style::Keyset {
            send, send_before, ..
        } => vec![("send", Some(send)), ("send_before", send_before.as_ref())],
        Style::Link { .. } | Style::None => Vec::new(),
    };
    let paged = |by, key, to| Claim::new(by, &["page", key], Cow::Borrowed(to));
    for (key, to) in positions {
        claims.extend(to.map(|to| paged(By::Position, key, to)));
    }
    let size = list.page.size.as_ref();
    claims.extend(size.map(|to| paged(By::Size, "size", to)));
    claims
}

fn sort_claims(sort: &Sort) -> Vec<Claim<'_>> {
    let to = |to| vec![Claim::new(By::SortedField, &["sort", "to"], to)];
    match &sort.style {
        SortStyle::Pair { field, direction } => vec![
            Claim::new(By::SortedField, &["sort", "field"], Cow::Borrowed(field)),
            Claim::new(
                By::Direction,
                &["sort", "direction"],
                Cow::Borrowed(direction),
            ),
        ],
        SortStyle::Signed(place) | SortStyle::Suffix(place) => to(Cow::Borrowed(place)),
        SortStyle::Body { to: path, .. } => to(Cow::Owned(Destination::Body(path.clone()))),
        // One of them is sent.
        SortStyle::Keyed(keyed) => {
            let places = sort.by.values().filter_map(|by| keyed.place(by));
            places
                .map(|place| Claim::new(By::Direction, &["sort", "to"], Cow::Owned(place)))
                .collect()
        }
    }
}
