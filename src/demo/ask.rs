//! What a request says: its query, its bearer token, its JSON body, read the same way for every emulated CRM.
//!
//! It reads and never judges; which values are right is for the vendor's file to say.

use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;

use super::reply::Row;

/// The id in a path; an error where it is not UTF-8 text.
pub(super) type Id = Result<Path<String>, PathRejection>;

/// A decoded query string.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn read(raw: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(raw.unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The value of a parameter; the first one where it is repeated.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.pairs()
            .find(|pair| pair.0 == name)
            .map(|(_, value)| value)
    }

    /// As [`Query::one`], with an empty value read as none.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        self.one(name).filter(|value| !value.is_empty())
    }

    /// Every value of a repeated parameter.
    pub(super) fn many<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.pairs().filter(move |pair| pair.0 == name);
        named.map(|(_, value)| value)
    }
}

/// A header as text; one that is no text counts as absent.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The token of `Authorization: Bearer …`; the scheme's case does not matter.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = header(headers, AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}

/// The media type of the body, without its parameters, in lower case.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let full = header(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let bare = full.split(';').next().unwrap_or_default();
    bare.trim().to_ascii_lowercase()
}

/// The body as a JSON object. A body that is not labelled as JSON is refused too: every vendor's example labels it.
pub(super) fn object(headers: &HeaderMap, body: &Bytes) -> Result<Row, &'static str> {
    if media_type(headers) != "application/json" {
        return Err("The body must be labelled application/json");
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(row)) => Ok(row),
        Ok(_) => Err("The body must be a JSON object"),
        Err(_) => Err("The body is not JSON"),
    }
}
