//! What can go wrong with a source at run time, named by what the reader does next.
//!
//! Nothing in here holds a URL, a body, a token or personal data, so it may be shown and logged.

use std::time::Duration;

/// A failure of one source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct SourceError {
    /// What to do next.
    pub kind: SourceErrorKind,
    /// A sentence for the caller. Fixed text of ours or of the adapter file; never the CRM's own words.
    pub detail: std::borrow::Cow<'static, str>,
    /// The CRM's HTTP status, where it answered.
    pub upstream_status: Option<u16>,
    /// When to try again, where the CRM said it.
    pub retry_after: Option<Duration>,
}

/// What kind of failure, by what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceErrorKind {
    /// The CRM does not accept the credentials, or they do not allow this: mend the configuration, or what the caller brings.
    Credentials,
    /// The caller must bring the credentials for this CRM, and did not.
    Unauthenticated,
    /// The CRM knows the credentials, and they do not allow this.
    Forbidden,
    /// The CRM's rate limit is used up: wait.
    Throttled,
    /// No answer in time: try again later.
    Timeout,
    /// The CRM cannot be reached or is failing: try again later.
    Unavailable,
    /// The CRM refused the values: mend the input.
    Rejected,
    /// No customer of this source can have this id.
    InvalidId,
    /// The CRM has no such customer.
    NotFound,
    /// The values clash with another customer.
    Conflict,
    /// Nothing would change.
    NoChanges,
    /// The CRM answered something that is not what its adapter describes.
    Malformed,
    /// The source cannot do this at all.
    Unsupported,
    /// A position in a list is no longer known to the CRM: start the walk again.
    CursorExpired,
    /// The CRM lets nobody this deep into a list: narrow the filter.
    DepthLimit,
    /// The gateway is holding back calls to this source: wait.
    Saturated,
    /// The operation has started as many upstream calls as it may: ask for less.
    OverBudget,
}

impl SourceError {
    /// A failure without an upstream status.
    pub fn new(kind: SourceErrorKind, detail: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            upstream_status: None,
            retry_after: None,
        }
    }

    /// No answer came for something that was asked. That it is absent is for the CRM alone to say.
    pub fn broken_off() -> Self {
        Self::new(SourceErrorKind::Unavailable, "the read broke off")
    }

    /// The same failure with the CRM's HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.upstream_status = Some(status);
        self
    }

    /// Whether the same request may work later without a change.
    pub const fn retryable(&self) -> bool {
        matches!(
            self.kind,
            SourceErrorKind::Throttled
                | SourceErrorKind::Timeout
                | SourceErrorKind::Unavailable
                | SourceErrorKind::Saturated
        )
    }
}

impl SourceErrorKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Credentials,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::Throttled,
        Self::Timeout,
        Self::Unavailable,
        Self::Rejected,
        Self::InvalidId,
        Self::NotFound,
        Self::Conflict,
        Self::NoChanges,
        Self::Malformed,
        Self::Unsupported,
        Self::CursorExpired,
        Self::DepthLimit,
        Self::Saturated,
        Self::OverBudget,
    ];

    /// The kind with this public code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }

    /// The public error code, see the schema's `ErrorCode`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Credentials => "SOURCE_CREDENTIALS",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::Throttled => "SOURCE_RATE_LIMITED",
            Self::Timeout => "SOURCE_TIMEOUT",
            Self::Unavailable => "SOURCE_UNAVAILABLE",
            Self::Rejected => "INVALID_INPUT",
            Self::InvalidId => "INVALID_ID",
            Self::NotFound => "NOT_FOUND",
            Self::Conflict => "CONFLICT",
            Self::NoChanges => "NO_CHANGES",
            Self::Malformed => "SOURCE_INVALID_RESPONSE",
            Self::Unsupported => "OPERATION_NOT_SUPPORTED",
            Self::CursorExpired => "CURSOR_EXPIRED",
            Self::DepthLimit => "DEPTH_LIMIT",
            Self::Saturated => "OVERLOADED",
            Self::OverBudget => "TOO_COMPLEX",
        }
    }
}
