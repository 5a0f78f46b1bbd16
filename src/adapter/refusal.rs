//! What a refused answer says: which kind of refusal it is, and what is wrong with which field.
//!
//! The CRM's own words go nowhere. They are looked for, because that they are there tells a CRM's answer from a proxy's.

use super::faults::{sentence, text_at, wait};
use super::manifest::{ErrorKind, Errors, Manifest, Meaning, RouteErrors};
use super::place::{Pointer, Step};
use crate::model::WriteField;
use crate::source::{SourceError, SourceErrorKind};
use crate::upstream::Reply;
use serde_json::Value;

/// The most problems that are made of one refusal.
const MOST_PROBLEMS: usize = 20;

/// A refusal, and what is wrong where the CRM says it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// What it means.
    pub error: SourceError,
    /// What is wrong: one thing at least.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of wrong.
    pub kind: SourceErrorKind,
    /// The field.
    pub field: Option<WriteField>,
}

impl From<SourceError> for Refusal {
    fn from(error: SourceError) -> Self {
        let (kind, field) = (error.kind, None);
        Self {
            error,
            problems: vec![Problem { kind, field }],
        }
    }
}

impl Refusal {
    /// Each thing that is wrong, as an error of its own.
    pub fn errors(&self) -> impl Iterator<Item = (Option<WriteField>, SourceError)> {
        self.problems.iter().map(|problem| {
            let mut error = self.error.clone();
            if problem.kind != error.kind {
                error.kind = problem.kind;
                error.detail = sentence(problem.kind).into();
            }
            (problem.field, error)
        })
    }
}

/// One error of an answer.
struct Told<'a> {
    /// What the pointers start at.
    element: &'a Value,
    /// The CRM's name of the field, where errors stand by such names.
    name: Option<&'a str>,
    code: Option<String>,
    /// What the file says of the code.
    meaning: Option<&'a Meaning>,
}

/// What a refused answer means; `own` are the words of its route. `None`: the file says that it is no refusal at all.
pub fn refusal(manifest: &Manifest, own: &RouteErrors, reply: &Reply) -> Option<Refusal> {
    let read: Option<Value> = serde_json::from_slice(&reply.body).ok();
    let body = read.as_ref().unwrap_or(&Value::Null);
    let told = told(manifest, own, body, reply);
    let known = || told.iter().filter_map(|one| Some(one.meaning?.kind));
    let refused = known().find(|kind| *kind != ErrorKind::Ok);
    let by_code = refused.or_else(|| known().next());
    let by_status = by_status(manifest, own, reply, (read.as_ref(), &told));
    let ErrorKind::Refused(kind) = by_code.unwrap_or(by_status) else {
        return None;
    };
    let mut error = SourceError::new(kind, sentence(kind)).with_status(reply.status);
    if error.retryable() {
        let throttled = kind == SourceErrorKind::Throttled;
        error.retry_after = wait(&manifest.http.limits, reply, body, throttled);
    }
    let unknown = match by_status {
        ErrorKind::Refused(kind) => kind,
        ErrorKind::Ok => kind,
    };
    let problems = problems(manifest, reply, body, (&told, unknown));
    Some(Refusal { error, problems })
}

/// What a good answer says of a failure, where it holds none of the records that it should: a code that is known to mean one,
/// or a list of errors.
pub fn failure(manifest: &Manifest, own: &RouteErrors, reply: &Reply) -> Option<Refusal> {
    let body: Value = serde_json::from_slice(&reply.body).ok()?;
    let known = told(manifest, own, &body, reply).into_iter().any(|one| {
        let kind = one.meaning.map(|meaning| meaning.kind);
        kind.is_some_and(|kind| kind != ErrorKind::Ok)
    });
    // An object may be the answer itself, or say that there was no error.
    let mut lists = manifest
        .errors
        .each
        .iter()
        .filter_map(|path| path.find(&body)?.as_array());
    let listed = lists.any(|list| !list.is_empty());
    (known || listed)
        .then(|| refusal(manifest, own, reply))
        .flatten()
}

/// What is wrong, each once; `unknown` is what a code means that nobody knows.
fn problems(
    manifest: &Manifest,
    reply: &Reply,
    body: &Value,
    (told, unknown): (&[Told<'_>], SourceErrorKind),
) -> Vec<Problem> {
    let pointers = &manifest.errors.field;
    let named = |one: &Told<'_>| first_text(pointers, one.element, reply);
    let beside = if told.iter().any(|one| named(one).is_some()) {
        None
    } else {
        first_text(pointers, body, reply)
    };
    let mut problems = Vec::new();
    for one in told {
        let kind = match one.meaning.map(|meaning| meaning.kind) {
            Some(ErrorKind::Ok) => continue,
            Some(ErrorKind::Refused(kind)) => kind,
            None => unknown,
        };
        let name = || {
            let own = one.name.map(str::to_owned);
            own.or_else(|| named(one)).or_else(|| beside.clone())
        };
        let field = one.meaning.and_then(|meaning| meaning.field);
        let field = field.or_else(|| field_called(manifest, &name()?));
        let problem = Problem { kind, field };
        if problems.len() < MOST_PROBLEMS && !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    problems
}

/// The errors of an answer: those of its list of errors, else the answer is one. What no element of a list says may stand
/// beside the list, for all of them.
fn told<'a>(
    manifest: &'a Manifest,
    own: &'a RouteErrors,
    body: &'a Value,
    reply: &Reply,
) -> Vec<Told<'a>> {
    let errors = &manifest.errors;
    let mut elements = elements(errors, body);
    if elements.is_empty() {
        elements.push((None, body));
    }
    let code = |start: &Value| first_text(&errors.code, start, reply);
    let codes: Vec<_> = elements.iter().map(|(_, element)| code(element)).collect();
    let beside = if codes.iter().any(Option::is_some) {
        None
    } else {
        code(body)
    };
    let one = |((name, element), code): ((Option<&'a str>, &'a Value), Option<String>)| {
        let code = code.or_else(|| beside.clone());
        let meaning = code.as_deref().and_then(|code| {
            let of_route = own.codes.get(code);
            of_route.or_else(|| errors.codes.get(code))
        });
        Told {
            element,
            name,
            code,
            meaning,
        }
    };
    elements.into_iter().zip(codes).map(one).collect()
}

/// The errors at all places where the file says that several stand, each with the name it stands by. A place that lies in
/// another one says nothing that the other has not said.
fn elements<'a>(errors: &Errors, body: &'a Value) -> Vec<(Option<&'a str>, &'a Value)> {
    let mut elements = Vec::new();
    let mut told: Vec<&[Step]> = Vec::new();
    for path in &errors.each {
        let steps = path.steps();
        let within = |other: &&[Step]| other.starts_with(steps) || steps.starts_with(other);
        if told.iter().any(within) {
            continue;
        }
        let before = elements.len();
        elements.extend(path.find(body).into_iter().flat_map(elements_of));
        if elements.len() > before {
            told.push(steps);
        }
    }
    elements
}

/// The errors that stand at one place.
fn elements_of(found: &Value) -> Vec<(Option<&str>, &Value)> {
    match found {
        Value::Array(items) => items.iter().map(|item| (None, item)).collect(),
        Value::Object(members) => {
            let mut elements = Vec::new();
            for (name, value) in members {
                match value {
                    Value::Array(items) => {
                        elements.extend(items.iter().map(|item| (Some(name.as_str()), item)));
                    }
                    value => elements.push((Some(name.as_str()), value)),
                }
            }
            elements
        }
        // Some CRMs say one thing as a text, and several as a list of such.
        Value::String(text) if !text.is_empty() => vec![(None, found)],
        _ => Vec::new(),
    }
}

/// What the status of an answer means, for codes that nobody knows.
fn by_status(
    manifest: &Manifest,
    own: &RouteErrors,
    reply: &Reply,
    (body, told): (Option<&Value>, &[Told<'_>]),
) -> ErrorKind {
    let throttled = manifest.http.limits.statuses.contains(&reply.status);
    let status = || own.status.get(&reply.status);
    match status().or_else(|| manifest.errors.status.get(&reply.status)) {
        _ if throttled => ErrorKind::Refused(SourceErrorKind::Throttled),
        Some(kind) => *kind,
        None => match default_of(reply.status) {
            SourceErrorKind::NotFound if !is_own_absence(manifest, own, reply, (body, told)) => {
                ErrorKind::Refused(SourceErrorKind::Malformed)
            }
            kind => ErrorKind::Refused(kind),
        },
    }
}

/// What a status means where the file says nothing.
fn default_of(status: u16) -> SourceErrorKind {
    match status {
        400 | 422 => SourceErrorKind::Rejected,
        401 => SourceErrorKind::Credentials,
        403 => SourceErrorKind::Forbidden,
        404 | 410 => SourceErrorKind::NotFound,
        409 => SourceErrorKind::Conflict,
        408 | 504 => SourceErrorKind::Timeout,
        429 => SourceErrorKind::Throttled,
        405 | 501 => SourceErrorKind::Unsupported,
        500..=599 => SourceErrorKind::Unavailable,
        _ => SourceErrorKind::Malformed,
    }
}

/// Whether a 404 that the file does not mention is the CRM's own word that it has no such customer. A proxy's page, or a
/// server asked at a wrong address, says 404 too, and a customer must not seem gone for that: a CRM that has a code for
/// absence must give that one, and any other must say it in the form of its errors, or say nothing.
fn is_own_absence(
    manifest: &Manifest,
    own: &RouteErrors,
    reply: &Reply,
    (body, told): (Option<&Value>, &[Told<'_>]),
) -> bool {
    let errors = &manifest.errors;
    let absent = ErrorKind::Refused(SourceErrorKind::NotFound);
    let has_code = told.iter().any(|one| one.code.is_some());
    let mut codes = errors.codes.values().chain(own.codes.values());
    // A known code goes before the status: what comes here with a code has one that nobody knows.
    if codes.any(|code| code.kind == absent) {
        return false;
    }
    if has_code {
        return true;
    }
    let message = |start: &Value| first_text(&errors.message, start, reply).is_some();
    match body {
        Some(body) => {
            errors.message.is_empty()
                || message(body)
                || told.iter().any(|one| message(one.element))
        }
        None => reply.body.trim_ascii().is_empty(),
    }
}

/// The field whose place in a write has this name in the CRM.
fn field_called(manifest: &Manifest, name: &str) -> Option<WriteField> {
    let last = name
        .rsplit(['.', '/', '['])
        .next()
        .map(|part| part.trim_end_matches(']'))?;
    manifest.fields.iter().find_map(|(ours, field)| {
        let place = field.write.as_ref()?.last_key()?;
        (place == name || place == last)
            .then(|| WriteField::from_name(ours))
            .flatten()
    })
}

fn first_text(pointers: &[Pointer], start: &Value, reply: &Reply) -> Option<String> {
    pointers
        .iter()
        .find_map(|pointer| text_at(pointer, start, reply))
}
