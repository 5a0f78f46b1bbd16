//! What refusals mean: of the whole CRM, of one route, and the closed list of their kinds.

use crate::adapter::place::{JsonPath, Pointer};
use crate::model::WriteField;
use crate::source::SourceErrorKind;
use std::collections::BTreeMap;

/// What refusals mean.
#[derive(Clone, Debug, Default)]
pub struct Errors {
    /// Where the list of errors stands, or the errors by the names of fields; the first that is one of these counts.
    pub each: Vec<JsonPath>,
    /// Where the code stands.
    pub code: Vec<Pointer>,
    /// Where the message stands.
    pub message: Vec<Pointer>,
    /// Where the wrong field's name stands.
    pub field: Vec<Pointer>,
    /// What codes mean.
    pub codes: BTreeMap<String, Meaning>,
    /// What statuses mean.
    pub status: BTreeMap<u16, ErrorKind>,
}

/// What refusals of one route mean, where that is something else than elsewhere.
#[derive(Clone, Debug, Default)]
pub struct RouteErrors {
    /// What codes mean.
    pub codes: BTreeMap<String, Meaning>,
    /// What statuses mean.
    pub status: BTreeMap<u16, ErrorKind>,
}

/// What a code means.
#[derive(Clone, Debug)]
pub struct Meaning {
    /// The kind.
    pub kind: ErrorKind,
    /// The field it is about, by our name.
    pub field: Option<WriteField>,
}

/// The closed list of kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// No refusal at all.
    Ok,
    /// A refusal.
    Refused(SourceErrorKind),
}

impl ErrorKind {
    /// The kinds with their words.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("ok", Self::Ok),
        ("invalid", Self::Refused(SourceErrorKind::Rejected)),
        (
            "unauthenticated",
            Self::Refused(SourceErrorKind::Credentials),
        ),
        ("forbidden", Self::Refused(SourceErrorKind::Forbidden)),
        (
            "auth_or_permission",
            Self::Refused(SourceErrorKind::Credentials),
        ),
        ("not_found", Self::Refused(SourceErrorKind::NotFound)),
        ("conflict", Self::Refused(SourceErrorKind::Conflict)),
        ("no_changes", Self::Refused(SourceErrorKind::NoChanges)),
        ("rate_limited", Self::Refused(SourceErrorKind::Throttled)),
        ("unavailable", Self::Refused(SourceErrorKind::Unavailable)),
        ("timeout", Self::Refused(SourceErrorKind::Timeout)),
        ("unsupported", Self::Refused(SourceErrorKind::Unsupported)),
        (
            "cursor_expired",
            Self::Refused(SourceErrorKind::CursorExpired),
        ),
        ("depth_limit", Self::Refused(SourceErrorKind::DepthLimit)),
        ("protocol", Self::Refused(SourceErrorKind::Malformed)),
    ];
}
