//! What goes back to the caller: data, errors that all have a code, or the reasons why nothing was executed.

use super::document::{RequestCode, RequestError};
use super::notes::Notes;
use super::plain;
use super::room::too_large;
use async_graphql::{ErrorExtensionValues, PathSegment, Pos, ServerError, Value};
use serde::Serialize;
use serde_json::Map;
use std::time::Duration;

/// The answer to one request.
#[derive(Debug)]
pub struct Answer {
    data: Option<Value>,
    errors: Vec<ServerError>,
    /// Errors beyond the ceiling, which are left out.
    omitted: usize,
    /// What is said beside data and errors.
    extensions: Map<String, serde_json::Value>,
    refusal: Option<RequestCode>,
    /// For how long all that was read stays fresh.
    fresh_for: Option<Duration>,
}

impl Answer {
    /// An answer to a request that was executed.
    pub(super) fn executed(data: Value, errors: Vec<ServerError>, notes: &Notes) -> Self {
        Self {
            data: Some(data),
            errors,
            omitted: notes.left_out(),
            extensions: notes.extensions(),
            refusal: None,
            fresh_for: None,
        }
    }

    /// The same answer; without its data where that comes to more than twice so many bytes with its names and nulls, which take
    /// no room while it is made.
    #[must_use]
    pub(super) fn within(mut self, most: usize) -> Self {
        let large = |data: &Value| plain::length(data) > most.saturating_mul(2);
        if self.data.as_ref().is_some_and(large) {
            self.data = Some(Value::Null);
            let mut error = too_large(most).into_server_error(Pos::default());
            error.locations.clear();
            self.errors.insert(0, error);
        }
        self
    }

    /// The same answer, to be used again for as long as all that was read for it stays fresh. One with errors never is.
    #[must_use]
    pub(super) fn lasting(self, fresh_for: Option<Duration>) -> Self {
        let clean = self.errors.is_empty() && self.refusal.is_none() && self.extensions.is_empty();
        Self {
            fresh_for: fresh_for.filter(|left| clean && !left.is_zero()),
            ..self
        }
    }

    /// For how long the answer may be used again; `None` where it may not.
    pub fn fresh_for(&self) -> Option<Duration> {
        self.fresh_for
    }

    /// An answer to a request that was not executed, or whose execution came to nothing. It has no `data`.
    pub fn refused(reasons: Vec<RequestError>) -> Self {
        let refusal = reasons
            .first()
            .map_or(RequestCode::Internal, |first| first.code);
        let errors = reasons.into_iter().map(server_error).collect();
        Self {
            data: None,
            errors,
            omitted: 0,
            extensions: Map::new(),
            refusal: Some(refusal),
            fresh_for: None,
        }
    }

    /// Why there is no `data`; `None` where the request was executed.
    pub fn refusal(&self) -> Option<RequestCode> {
        self.refusal
    }

    /// Gives every error a code and the request's id, and keeps number and length of the errors within bounds.
    #[must_use]
    pub fn finished(mut self, request_id: &str, most: usize, longest: usize) -> Self {
        self.omitted += self.errors.len().saturating_sub(most);
        keep_foremost(&mut self.errors, most);
        for error in &mut self.errors {
            finish(error, request_id, longest);
        }
        self
    }

    /// The codes of its errors, once it is finished.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        let extensions = self
            .errors
            .iter()
            .filter_map(|error| error.extensions.as_ref());
        extensions.filter_map(|extensions| match extensions.get("code") {
            Some(Value::String(code)) => Some(code.as_str()),
            _ => None,
        })
    }

    /// The body of the answer.
    pub fn to_json(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(1_024);
        let mut before = b'{';
        let mut member = |key: &str, body: &mut Vec<u8>| {
            body.push(before);
            before = b',';
            body.push(b'"');
            body.extend_from_slice(key.as_bytes());
            body.extend_from_slice(b"\":");
        };
        if !self.errors.is_empty() {
            member("errors", &mut body);
            json(&self.errors, &mut body);
        }
        if let Some(data) = &self.data {
            member("data", &mut body);
            plain::write_value(data, &mut body);
        }
        let mut extensions = self.extensions.clone();
        if self.omitted > 0 {
            extensions.insert("errorsLeftOut".to_owned(), self.omitted.into());
        }
        if !extensions.is_empty() {
            member("extensions", &mut body);
            json(&extensions, &mut body);
        }
        if before == b'{' {
            body.push(before);
        }
        body.push(b'}');
        body
    }
}

/// Leaves so many errors, in their order. Those near the root stay before those of single fields of records, and the first of a
/// place before its others: a root field that is null without an error says that there is nothing.
fn keep_foremost(errors: &mut Vec<ServerError>, most: usize) {
    if errors.len() <= most {
        return;
    }
    let mut ranks = Vec::with_capacity(errors.len());
    let mut before: Option<(&[PathSegment], usize)> = None;
    for (index, error) in errors.iter().enumerate() {
        let again = match before {
            Some((path, again)) if *path == *error.path => again + 1,
            _ => 0,
        };
        before = Some((&error.path, again));
        ranks.push((error.path.len(), again, index));
    }
    ranks.select_nth_unstable(most);
    ranks.truncate(most);
    let mut kept: Vec<usize> = ranks.into_iter().map(|(_, _, index)| index).collect();
    kept.sort_unstable();
    let mut kept = kept.into_iter().peekable();
    let mut indices = 0..;
    errors.retain(|_| {
        indices
            .next()
            .is_some_and(|index| kept.next_if_eq(&index).is_some())
    });
}

/// Adds what serde writes. Strings, numbers and string keys into memory: this cannot fail.
fn json(value: &impl Serialize, body: &mut Vec<u8>) {
    let _ = serde_json::to_writer(body, value);
}

fn server_error(reason: RequestError) -> ServerError {
    let mut error = ServerError::new(reason.message, None);
    error.locations = reason
        .locations
        .into_iter()
        .map(|(line, column)| Pos { line, column })
        .collect();
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", reason.code.as_str());
    error.extensions = Some(extensions);
    error
}

fn finish(error: &mut ServerError, request_id: &str, longest: usize) {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_none() {
        if is_about_input(&error.message) {
            // What follows would repeat the value.
            if let Some(at) = error.message.find("invalid type: ") {
                error.message.truncate(at);
                error.message.push_str("a value of another type is needed");
            }
            extensions.set("code", RequestCode::InvalidInput.as_str());
            // The value that was found is the caller's, and may be personal.
            if let Some(end) = error.message.find(", found ") {
                error.message.truncate(end);
            }
        } else {
            // Nobody gave this error a code, so nobody looked at what its message may say.
            extensions.set("code", RequestCode::Internal.as_str());
            "the gateway failed".clone_into(&mut error.message);
        }
    }
    extensions.set("requestId", request_id);
    shorten(&mut error.message, longest);
}

/// Whether the executor says that an argument's value is wrong; such errors come without a code.
pub(super) fn is_about_input(message: &str) -> bool {
    [
        "Failed to parse \"",
        "Invalid value for argument",
        "Expected input type ",
    ]
    .iter()
    .any(|start| message.starts_with(start))
}

fn shorten(message: &mut String, longest: usize) {
    const CUT: &str = "…";
    if message.len() <= longest {
        return;
    }
    let mut end = longest.saturating_sub(CUT.len());
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.truncate(end);
    message.push_str(CUT);
}
