//! What is wrong with a request before anything of it was executed.
//!
//! Messages are short and never repeat the document or a variable's value: both may hold personal data.

use super::place;
use apollo_compiler::diagnostic::{Diagnostic, ToCliReport as _};
use apollo_compiler::parser::{SourceMap, SourceSpan};
use apollo_compiler::validation::{DiagnosticData, DiagnosticList};

/// The public code of a request that was not executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestCode {
    /// The request, its document or its variables are wrong; the caller can mend them.
    InvalidInput,
    /// The document asks for more than one operation may.
    TooComplex,
    /// Nobody knows who is asking.
    Unauthenticated,
    /// Whoever is asking may not do this.
    Forbidden,
    /// The client must send the whole document: it is not kept here.
    DocumentNotFound,
    /// The client must send whole documents: none is kept here.
    DocumentsNotKept,
    /// The request is larger than a request may be.
    TooLarge,
    /// The gateway has no room for this request now; trying again later helps.
    Overloaded,
    /// The answer did not come in time.
    Timeout,
    /// The gateway failed.
    Internal,
}

impl RequestCode {
    /// The code as it stands in `extensions.code`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "INVALID_INPUT",
            Self::TooComplex => "TOO_COMPLEX",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            // The word that clients with persisted documents look for.
            Self::DocumentNotFound => "PERSISTED_QUERY_NOT_FOUND",
            Self::DocumentsNotKept => "PERSISTED_QUERY_NOT_SUPPORTED",
            Self::TooLarge => "TOO_LARGE",
            Self::Overloaded => "OVERLOADED",
            Self::Timeout => "SOURCE_TIMEOUT",
            Self::Internal => "INTERNAL",
        }
    }
}

/// One reason why a request was not executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    /// A sentence for the caller.
    pub message: String,
    /// Lines and columns of the document, both from 1.
    pub locations: Vec<(usize, usize)>,
    /// What kind of reason.
    pub code: RequestCode,
}

impl RequestError {
    /// A reason that lies in no particular place of the document.
    pub fn new(code: RequestCode, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            locations: Vec::new(),
            code,
        }
    }

    /// A document or variables that are wrong.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(RequestCode::InvalidInput, message)
    }

    /// A ceiling that was passed.
    pub(crate) fn complex(message: impl Into<String>) -> Self {
        Self::new(RequestCode::TooComplex, message)
    }

    /// The same reason, at a place of the document.
    pub(crate) fn at(mut self, span: Option<SourceSpan>, sources: &SourceMap) -> Self {
        self.locations.extend(place::place(span, sources));
        self
    }
}

/// The findings of the validator as request errors, one more than `most` at the most so that the rest is seen to be cut.
pub(super) fn from_diagnostics(found: &DiagnosticList, most: usize) -> Vec<RequestError> {
    let telling = found.iter().filter(|finding| !is_hasty(finding));
    telling
        .take(most.saturating_add(1))
        .map(|finding| told(&finding))
        .collect()
}

/// The syntax error that stands first. The parser goes on after it, and what it finds then is mostly of its own making.
pub(super) fn first(found: &DiagnosticList) -> Vec<RequestError> {
    let place = |finding: &Diagnostic<'_, DiagnosticData>| {
        let span = finding.error.location();
        span.map(|span| span.offset())
    };
    let first = found.iter().min_by_key(place);
    first.iter().map(told).collect()
}

fn told(finding: &Diagnostic<'_, DiagnosticData>) -> RequestError {
    RequestError::invalid(without_text(finding.to_json().message))
        .at(finding.error.location(), finding.sources)
}

/// Whether a finding says that nothing is selected where something is, which does not exist: the validator leaves that out
/// before it counts, and tells of it in a finding of its own.
fn is_hasty(finding: &Diagnostic<'_, DiagnosticData>) -> bool {
    let selects_nothing = "interface, union and object types must have a subselection set";
    let has_set = |span: SourceSpan| {
        let text = finding.sources.get(&span.file_id())?.source_text();
        text.get(..span.end_offset())
            .map(|text| text.ends_with('}'))
    };
    finding.error.to_string().starts_with(selects_nothing)
        && finding.error.location().and_then(has_set) == Some(true)
}

/// The same message without the piece of the document that a syntax error quotes, or the word that is none of an enum: it may
/// be somebody's name.
fn without_text(mut message: String) -> String {
    if message.starts_with("syntax error")
        && let Some(at) = message.find(", got ")
        && message.get(at..) != Some(", got EOF")
    {
        message.truncate(at);
        message.push_str(", got something else");
    }
    if message.starts_with("value `")
        && let Some(at) = message.rfind("` does not exist on ")
    {
        message.replace_range(..=at, "the value");
    }
    message
}
