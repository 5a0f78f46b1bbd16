//! What the emulated CRMs say back: JSON answers, and refusals before each vendor gives them its own shape.
//!
//! It must not know what any vendor's error looks like; each vendor's file has a function from [`Refusal`] to answer.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

/// A JSON object: a customer as stored, or a body as sent.
pub(super) type Row = Map<String, Value>;

/// A request that is not carried out, in no vendor's words yet.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// The vendor's code; empty where the vendor's file derives it from the status.
    pub(super) code: &'static str,
    pub(super) message: String,
    /// The parameter or field that is at fault.
    pub(super) field: Option<String>,
    /// Seconds until it is worth trying again.
    pub(super) retry_after: Option<u64>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            field: None,
            retry_after: None,
        }
    }

    /// A refusal of which only the status is known.
    pub(super) fn of(status: u16, retry_after: Option<u64>) -> Self {
        let phrase = StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason());
        Self {
            retry_after,
            ..Self::new(status, "", phrase.unwrap_or("Error"))
        }
    }

    pub(super) fn at(self, field: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..self
        }
    }

    /// The vendor's code, or the one that its table has for the status.
    pub(super) fn code_or(&self, table: fn(u16) -> &'static str) -> &'static str {
        match self.code {
            "" => table(self.status),
            code => code,
        }
    }

    /// The answer around the vendor's error body.
    pub(super) fn answer(&self, body: &Value) -> Response {
        let mut response = json(self.status, body);
        if let Some(seconds) = self.retry_after {
            put(response.headers_mut(), RETRY_AFTER, seconds);
        }
        response
    }
}

/// What a handler comes to.
pub(super) type Outcome = Result<Response, Refusal>;

/// A JSON answer.
pub(super) fn json(status: u16, body: &Value) -> Response {
    let mut response = empty(status);
    *response.body_mut() = Body::from(body.to_string());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// An answer without a body.
pub(super) fn empty(status: u16) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

/// Sets a header to a number.
pub(super) fn put(headers: &mut HeaderMap, name: HeaderName, value: u64) {
    headers.insert(name, HeaderValue::from(value));
}

/// A request id that no earlier answer of this process had.
pub(super) fn request_id() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("req_{:08}", LAST.fetch_add(1, Ordering::Relaxed) + 1)
}
