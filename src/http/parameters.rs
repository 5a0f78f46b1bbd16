//! The parameters of a GraphQL request, read from a URL or a JSON body.
//!
//! What is wrong here is wrong with the HTTP request itself, so it has a status of its own whatever the media type.

use super::guards::Sent;
use super::negotiate::is_utf8;
use super::places::{Part, Places};
use crate::graphql::{RequestCode, RequestError};
use crate::limits::{JSON_DEPTH, Limits};
use axum::BoxError;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Frame, SizeHint};
use serde_json::{Map, Value};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// A well-formed GraphQL request.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Parameters {
    /// The document, where it is sent.
    pub(super) query: Option<String>,
    /// The name of a trusted or kept document.
    pub(super) document_id: Option<String>,
    /// The hash of a document that is to be kept or was, in the way of automatic persisted queries.
    pub(super) hash: Option<String>,
    pub(super) operation_name: Option<String>,
    pub(super) variables: Map<String, Value>,
}

/// A request that is not a well-formed GraphQL request.
#[derive(Debug, PartialEq)]
pub(super) struct Malformed {
    pub(super) status: StatusCode,
    pub(super) error: RequestError,
    /// How to prove who one is, where that is what was wrong.
    pub(super) challenge: Option<&'static str>,
    /// After how many seconds trying again may help, where that is known.
    pub(super) retry_after: Option<u64>,
    /// Whether the connection ends with the answer, as the rest of the request is not read.
    pub(super) ends: bool,
}

impl Malformed {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let code = match status {
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
                RequestCode::TooLarge
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                RequestCode::Overloaded
            }
            StatusCode::UNAUTHORIZED => RequestCode::Unauthenticated,
            StatusCode::FORBIDDEN => RequestCode::Forbidden,
            _ => RequestCode::InvalidInput,
        };
        Self {
            status,
            error: RequestError::new(code, message),
            challenge: None,
            retry_after: None,
            ends: false,
        }
    }

    /// Refused before the body was read to its end.
    fn unread(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            ends: true,
            ..Self::new(status, message)
        }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

/// A request's body, received within the ceilings on size and time.
pub(super) async fn body(
    headers: &HeaderMap,
    body: impl Sent,
    limits: &Limits,
    places: &Places,
) -> Result<Bytes, Malformed> {
    let bytes = receive(headers, body, limits, places.body()).await?;
    match bytes.is_empty() {
        true => Err(no_body()),
        false => Ok(bytes),
    }
}

/// A request that says nothing.
pub(super) fn no_body() -> Malformed {
    Malformed::bad("the body is missing")
}

/// What is wrong with a JSON text: some are JSON and yet no value that is taken here.
fn unreadable(what: &str, error: &serde_json::Error) -> Malformed {
    let text = error.to_string();
    Malformed::bad(if text.starts_with("recursion limit") {
        format!("{what} nests deeper than {JSON_DEPTH} levels")
    } else if text.starts_with("number out of range") {
        format!("{what} holds a number that is out of range")
    } else if text.contains("surrogate") || text.starts_with("unexpected end of hex escape") {
        format!("{what} holds half a character: a surrogate without the other one")
    } else {
        format!("{what} is not valid JSON")
    })
}

impl Parameters {
    /// From the query part of a URL.
    pub(super) fn from_url(query: &str) -> Result<Self, Malformed> {
        let mut fields = Map::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let value = match name.as_ref() {
                "query" => Value::String(value.into_owned()),
                "operationName" | "documentId" if value.is_empty() => Value::Null,
                "operationName" | "documentId" => Value::String(value.into_owned()),
                "variables" | "extensions" if value.is_empty() => Value::Null,
                "variables" | "extensions" => {
                    serde_json::from_str(&value).map_err(|error| unreadable(&name, &error))?
                }
                _ => continue,
            };
            if fields.insert(name.clone().into_owned(), value).is_some() {
                return Err(Malformed::bad(format!("{name} is given twice")));
            }
        }
        Self::from_fields(fields)
    }

    /// From a request's body.
    pub(super) fn from_body(bytes: &[u8]) -> Result<Self, Malformed> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Self::from_fields(fields),
            Ok(Value::Array(_)) => Err(Malformed::bad(
                "batches are not served: send each operation in a request of its own",
            )),
            Ok(_) => Err(Malformed::bad("the body must be a JSON object")),
            Err(error) => Err(unreadable("the body", &error)),
        }
    }

    fn from_fields(mut fields: Map<String, Value>) -> Result<Self, Malformed> {
        let extensions = match fields.remove("extensions") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(extensions)) => extensions,
            Some(_) => return Err(Malformed::bad("extensions must be an object")),
        };
        let mut text = |name: &str| match fields.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Malformed::bad(format!("{name} must be a string"))),
        };
        let (query, document_id) = (text("query")?, text("documentId")?);
        let operation_name = text("operationName")?.filter(|name| !name.is_empty());
        let hash = hash(&extensions)?;
        if query.is_none() && document_id.is_none() && hash.is_none() {
            return Err(Malformed::bad("query is missing"));
        }
        let variables = match fields.remove("variables") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(variables)) => variables,
            Some(_) => return Err(Malformed::bad("variables must be an object")),
        };
        Ok(Self {
            query,
            document_id,
            hash,
            operation_name,
            variables,
        })
    }
}

/// The hash in `extensions.persistedQuery`.
fn hash(extensions: &Map<String, Value>) -> Result<Option<String>, Malformed> {
    let asked = match extensions.get("persistedQuery") {
        None | Some(Value::Null) => return Ok(None),
        Some(asked) => asked,
    };
    match (
        asked.get("version").and_then(Value::as_u64),
        asked.get("sha256Hash"),
    ) {
        (Some(1), Some(Value::String(hash))) => Ok(Some(hash.clone())),
        _ => Err(Malformed::bad(
            "persistedQuery must have version 1 and a sha256Hash",
        )),
    }
}

/// Only JSON is read: every other type a browser sends to other origins without asking first.
pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), Malformed> {
    let refused = |message| Err(Malformed::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    let mut given = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return refused("the request must have one content-type: application/json");
    };
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    if !parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
    {
        return refused("the content-type must be application/json");
    }
    let foreign = parts
        .filter_map(|part| part.split_once('='))
        .any(|(name, value)| {
            name.trim().eq_ignore_ascii_case("charset") && !is_utf8(value.trim().trim_matches('"'))
        });
    if foreign {
        return refused("the charset must be utf-8");
    }
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if !encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return refused("the body must not be compressed");
    }
    Ok(())
}

/// All bodies that are on their way in have taken what there is for them.
#[derive(Debug, thiserror::Error)]
#[error("too much is on its way in")]
struct Crowded;

/// So many bytes of each body take no room: where others have taken all of it, requests of the usual size still come in.
const FREE: usize = 16 * 1024;

/// A body that takes its part of the room for all as it comes: what is only announced keeps nobody out.
struct Counted<'a, B> {
    body: Pin<&'a mut B>,
    room: Part,
    /// What is left of the bytes that take no room.
    free: usize,
}

impl<B: Sent> Body for Counted<'_, B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(frame) = ready!(self.body.as_mut().poll_frame(cx)) else {
            return Poll::Ready(None);
        };
        let frame = frame.map_err(Into::into)?;
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        let counted = bytes.saturating_sub(self.free);
        self.free = self.free.saturating_sub(bytes);
        Poll::Ready(Some(if self.room.more(counted) {
            Ok(frame)
        } else {
            Err(Crowded.into())
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

async fn receive(
    headers: &HeaderMap,
    body: impl Sent,
    limits: &Limits,
    room: Part,
) -> Result<Bytes, Malformed> {
    let too_large = || {
        Malformed::unread(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "a request body may have at most {} bytes",
                limits.body_bytes
            ),
        )
    };
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limits.body_bytes) {
        return Err(too_large());
    }
    let mut body = std::pin::pin!(body);
    let counted = Counted {
        body: body.as_mut(),
        room,
        free: FREE,
    };
    let receiving = Limited::new(counted, limits.body_bytes).collect();
    match tokio::time::timeout(Duration::from_millis(limits.receive_ms), receiving).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) if error.is::<Crowded>() => {
            let message = "too much is on its way in";
            Err(Malformed::unread(StatusCode::SERVICE_UNAVAILABLE, message))
        }
        Ok(Err(_)) => Err(Malformed::unread(
            StatusCode::BAD_REQUEST,
            "the body could not be received",
        )),
        Err(_) => Err(Malformed::unread(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not arrive in time",
        )),
    }
}
