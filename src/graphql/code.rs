//! The public error codes, and how failures of sources and connections become them. The word of a source's failure is also
//! that of its kind, as it is kept and logged; a test holds both to be the same.
//!
//! Messages are fixed text of ours. No upstream URL, body, token or personal data stands in one.

use crate::access::{Caller, Scope};
use crate::connection::{ConnectionError, ReportError};
use crate::source::{SourceEntry, SourceError, SourceErrorKind, Unsupported};
use async_graphql::{Context, Enum, Error, ErrorExtensions};
use std::sync::Arc;

/// Declares the codes with their words.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)+) => {
        /// What went wrong, for programs.
        #[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* #[graphql(name = $word)] $variant,)+ }

        impl ErrorCode {
            /// Every word that an error may have, that of persisted documents too.
            pub const WORDS: &'static [&'static str] = &[$($word,)+ "PERSISTED_QUERY_NOT_FOUND", "PERSISTED_QUERY_NOT_SUPPORTED"];

            /// The word, as in the schema.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

codes! {
    /// An argument or an input field has a value that is not allowed.
    InvalidInput = "INVALID_INPUT",
    /// The id is not one of this gateway's, or names a source that is not configured.
    InvalidId = "INVALID_ID",
    /// The cursor is not one of this gateway's, or was sealed with another key.
    InvalidCursor = "INVALID_CURSOR",
    /// The cursor belongs to a list with other sources, another filter or another order, or an adapter file has changed since.
    CursorMismatch = "CURSOR_MISMATCH",
    /// The CRM no longer knows this position; start again from the first page.
    CursorExpired = "CURSOR_EXPIRED",
    /// There is no such customer.
    NotFound = "NOT_FOUND",
    /// The values clash with another customer, or the idempotency key was used for another write.
    Conflict = "CONFLICT",
    /// Nothing would change: the CRM says so, or the update names no field.
    NoChanges = "NO_CHANGES",
    /// The source cannot serve this filter; see `capabilities.filters`.
    FilterNotSupported = "FILTER_NOT_SUPPORTED",
    /// The source cannot serve this order; see `capabilities.orderings`.
    OrderNotSupported = "ORDER_NOT_SUPPORTED",
    /// The source cannot do this at all.
    OperationNotSupported = "OPERATION_NOT_SUPPORTED",
    /// The source's list cannot be read backwards from here.
    BackwardPagingNotSupported = "BACKWARD_PAGING_NOT_SUPPORTED",
    /// The CRM lets nobody this deep into a list; narrow the filter.
    DepthLimit = "DEPTH_LIMIT",
    /// Too many rows would have to be read to answer.
    ScanLimit = "SCAN_LIMIT",
    /// Nobody knows who is asking; with a source: the request does not bring the credential that this source needs.
    Unauthenticated = "UNAUTHENTICATED",
    /// Whoever is asking may not do this, or the credentials used for the source may not.
    Forbidden = "FORBIDDEN",
    /// The CRM does not accept the credentials: the configured ones, or those that the request brings.
    SourceCredentials = "SOURCE_CREDENTIALS",
    /// The CRM's rate limit is used up; wait.
    SourceRateLimited = "SOURCE_RATE_LIMITED",
    /// The CRM did not answer in time, or the whole operation took too long.
    SourceTimeout = "SOURCE_TIMEOUT",
    /// The CRM cannot be reached or is failing.
    SourceUnavailable = "SOURCE_UNAVAILABLE",
    /// The CRM answered something that its adapter does not describe.
    SourceInvalidResponse = "SOURCE_INVALID_RESPONSE",
    /// The operation asks for too much at once.
    TooComplex = "TOO_COMPLEX",
    /// The request is too large, or the answer or the cursors of a list over so many sources would be.
    TooLarge = "TOO_LARGE",
    /// The gateway has too much to do, or too many credentials from this address were refused; wait.
    Overloaded = "OVERLOADED",
    /// The gateway failed.
    Internal = "INTERNAL",
}

impl From<SourceErrorKind> for ErrorCode {
    fn from(kind: SourceErrorKind) -> Self {
        match kind {
            SourceErrorKind::Credentials => Self::SourceCredentials,
            SourceErrorKind::Unauthenticated => Self::Unauthenticated,
            SourceErrorKind::Forbidden => Self::Forbidden,
            SourceErrorKind::Throttled => Self::SourceRateLimited,
            SourceErrorKind::Timeout => Self::SourceTimeout,
            SourceErrorKind::Unavailable => Self::SourceUnavailable,
            SourceErrorKind::Rejected => Self::InvalidInput,
            SourceErrorKind::InvalidId => Self::InvalidId,
            SourceErrorKind::NotFound => Self::NotFound,
            SourceErrorKind::Conflict => Self::Conflict,
            SourceErrorKind::NoChanges => Self::NoChanges,
            SourceErrorKind::Malformed => Self::SourceInvalidResponse,
            SourceErrorKind::Unsupported => Self::OperationNotSupported,
            SourceErrorKind::CursorExpired => Self::CursorExpired,
            SourceErrorKind::DepthLimit => Self::DepthLimit,
            SourceErrorKind::Saturated => Self::Overloaded,
            SourceErrorKind::OverBudget => Self::TooComplex,
        }
    }
}

/// An error of this gateway's own.
pub fn coded(code: ErrorCode, message: impl Into<String>) -> Error {
    Error::new(message).extend_with(|_, extensions| {
        extensions.set("code", code.as_str());
        extensions.set("retryable", false);
    })
}

/// Whether the caller may do this.
///
/// # Errors
/// FORBIDDEN where they may not.
pub fn allowed(ctx: &Context<'_>, scope: Scope) -> Result<(), Error> {
    permitted(ctx.data::<Arc<Caller>>()?, scope)
}

/// Whether this caller may do this.
///
/// # Errors
/// FORBIDDEN where they may not.
pub fn permitted(caller: &Caller, scope: Scope) -> Result<(), Error> {
    if caller.may(scope) {
        return Ok(());
    }
    let message = format!("this needs the scope {}", scope.word());
    Err(coded(ErrorCode::Forbidden, message))
}

/// An error that a source is the cause of.
pub fn of_source(source: &str, error: &SourceError) -> Error {
    let code = ErrorCode::from(error.kind);
    Error::new(format!("{source}: {error}")).extend_with(|_, extensions| {
        extensions.set("code", code.as_str());
        extensions.set("source", source);
        extensions.set("retryable", error.retryable());
        if let Some(seconds) = retry_after_seconds(error) {
            extensions.set("retryAfterSeconds", seconds);
        }
        if let Some(status) = error.upstream_status {
            extensions.set("upstreamStatus", status);
        }
    })
}

/// Whole seconds to wait, rounded up.
pub fn retry_after_seconds(error: &SourceError) -> Option<i32> {
    error.retry_after.map(whole_seconds)
}

/// Whole seconds, rounded up.
pub fn whole_seconds(wait: std::time::Duration) -> i32 {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

/// Why there is no connection.
pub fn of_connection(error: &ConnectionError) -> Error {
    let named = |code, source: &str, message: String| {
        coded(code, message).extend_with(|_, extensions| extensions.set("source", source))
    };
    match error {
        ConnectionError::InvalidInput(_) => coded(ErrorCode::InvalidInput, error.to_string()),
        ConnectionError::InvalidCursor => coded(ErrorCode::InvalidCursor, error.to_string()),
        ConnectionError::CursorMismatch => coded(ErrorCode::CursorMismatch, error.to_string()),
        ConnectionError::CursorExpired => coded(ErrorCode::CursorExpired, error.to_string()),
        ConnectionError::CursorTooLong => coded(ErrorCode::TooLarge, error.to_string()),
        ConnectionError::ScanLimit { source_key } => {
            named(ErrorCode::ScanLimit, source_key, error.to_string())
        }
        ConnectionError::FilterNotSupported {
            source_key,
            supported,
            ..
        } => {
            let message = format!("{error}; it supports: {}", listed(supported));
            named(ErrorCode::FilterNotSupported, source_key, message)
        }
        ConnectionError::OrderNotSupported {
            source_key,
            supported,
        } => {
            let message = format!("{error}; it supports: {}", listed(supported));
            named(ErrorCode::OrderNotSupported, source_key, message)
        }
        ConnectionError::TooLong { source_key, .. } => {
            named(ErrorCode::OrderNotSupported, source_key, error.to_string())
        }
        ConnectionError::ListNotSupported { source_key } => named(
            ErrorCode::OperationNotSupported,
            source_key,
            error.to_string(),
        ),
        ConnectionError::BackwardNotSupported { source_key } => named(
            ErrorCode::BackwardPagingNotSupported,
            source_key,
            error.to_string(),
        ),
        ConnectionError::DepthLimit { source_key } => {
            named(ErrorCode::DepthLimit, source_key, error.to_string())
        }
        ConnectionError::Source { source_key, error } => of_source(source_key, error),
    }
}

/// What a source that gave less has to say: the code, a sentence, a wait.
pub fn of_report(source: &SourceEntry, error: &ReportError) -> (ErrorCode, String, Option<i32>) {
    match error {
        ReportError::Source(error) => (
            error.kind.into(),
            format!("{}: {error}", source.key),
            retry_after_seconds(error),
        ),
        ReportError::Unsupported(Unsupported::Filter { parts, supported }) => {
            let message = format!(
                "{} does not support the filter {}; it supports: {}",
                source.key,
                listed(parts),
                listed(supported)
            );
            (ErrorCode::FilterNotSupported, message, None)
        }
        ReportError::Unsupported(Unsupported::Order { supported }) => {
            let message = format!(
                "{} does not support this order; it supports: {}",
                source.key,
                listed(supported)
            );
            (ErrorCode::OrderNotSupported, message, None)
        }
        ReportError::TooLong(most) => (
            ErrorCode::OrderNotSupported,
            format!(
                "{} does not support this order, and its list is longer than the {most} customers that are ordered here; narrow the filter",
                source.key
            ),
            None,
        ),
        ReportError::ScanLimit => (
            ErrorCode::ScanLimit,
            format!(
                "{} would have to be read whole to be ordered, and the pages that may be read did not suffice; narrow the filter",
                source.key
            ),
            None,
        ),
        ReportError::Unsupported(Unsupported::List) => (
            ErrorCode::OperationNotSupported,
            format!("{} cannot list customers", source.key),
            None,
        ),
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_failure_has_the_word_of_its_code() {
        for kind in SourceErrorKind::ALL {
            assert_eq!(ErrorCode::from(*kind).as_str(), kind.code());
            assert_eq!(SourceErrorKind::of_code(kind.code()), Some(*kind));
        }
    }
}
