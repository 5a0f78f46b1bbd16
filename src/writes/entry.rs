//! What is kept of a key, and what it says of a write that comes again.

use crate::model::{LocalId, WriteField, WriteOutcome};
use crate::source::{SourceError, SourceErrorKind, WriteProblem, WriteProblemField, Written};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How long a key lasts, in seconds.
pub(super) const LIFE: i64 = 86_400;

/// What the ledger says of a write that is asked for.
pub(super) enum Begun {
    /// The key is new, and noted now.
    Fresh,
    /// The key was used for something else.
    Other,
    /// It was begun then, and nobody knows what became of it; the answer that was given, where one was.
    Doubt {
        since: Timestamp,
        ended: Option<Ended>,
    },
    /// It ended so.
    Ended(Ended),
}

/// What is kept of a key. Files outlive versions: fields may be added, with a default, and none may change its meaning.
#[derive(Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) content: [u8; 32],
    pub(super) at: i64,
    pub(super) ended: Option<Ended>,
}

/// When an entry was made, which is known even where the rest of it cannot be read.
#[derive(Deserialize)]
struct Age {
    at: i64,
}

/// How a write ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ended {
    outcome: Outcome,
    id: Option<Box<str>>,
    problems: Vec<Problem>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Outcome {
    Applied,
    NotApplied,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Problem {
    field: Option<Box<str>>,
    code: Box<str>,
    /// Fixed text of ours.
    text: Box<str>,
    status: Option<u16>,
}

/// Whether what is kept of a key still counts; its age is read apart, so that nothing else in it matters.
pub(super) fn is_alive(bytes: &[u8], now: i64) -> Result<bool, serde_json::Error> {
    let age: Age = serde_json::from_slice(bytes)?;
    Ok(age.at + LIFE > now)
}

impl Entry {
    /// What it says of a write with its key.
    pub(super) fn begun(self, asked: &Self) -> Begun {
        if self.content != asked.content {
            return Begun::Other;
        }
        match self.ended {
            Some(ended) if ended.outcome != Outcome::Unknown => Begun::Ended(ended),
            ended => Begun::Doubt {
                since: Timestamp::from_second(self.at).unwrap_or(Timestamp::MIN),
                ended,
            },
        }
    }
}

impl Ended {
    /// What is kept of an outcome. `None` where nothing was done for a reason that may pass or can be mended: the key is
    /// free again.
    pub(super) fn of(written: &Written) -> Option<Self> {
        let outcome = match written.outcome {
            WriteOutcome::Applied => Outcome::Applied,
            WriteOutcome::Unknown => Outcome::Unknown,
            WriteOutcome::NotApplied if written.problems.iter().all(is_final) => {
                Outcome::NotApplied
            }
            WriteOutcome::NotApplied => return None,
        };
        Some(Self {
            outcome,
            id: written.id.as_ref().map(|id| id.as_str().into()),
            problems: written.problems.iter().map(Problem::of).collect(),
        })
    }

    /// The outcome, to be answered once more.
    pub(super) fn written(self) -> Written {
        Written {
            outcome: match self.outcome {
                Outcome::Applied => WriteOutcome::Applied,
                Outcome::NotApplied => WriteOutcome::NotApplied,
                Outcome::Unknown => WriteOutcome::Unknown,
            },
            customer: None,
            id: self.id.and_then(|id| LocalId::new(id).ok()),
            problems: self.problems.into_iter().map(Problem::problem).collect(),
            read_back: None,
            later: false,
        }
    }
}

/// The CRM's own word on what was asked, which the same request would hear again.
fn is_final(problem: &WriteProblem) -> bool {
    let of_the_request = matches!(
        problem.error.kind,
        SourceErrorKind::Rejected
            | SourceErrorKind::NotFound
            | SourceErrorKind::Conflict
            | SourceErrorKind::NoChanges
            | SourceErrorKind::Unsupported
    );
    of_the_request && problem.error.upstream_status.is_some()
}

impl Problem {
    fn of(problem: &WriteProblem) -> Self {
        let field = match &problem.field {
            Some(WriteProblemField::Common(field)) => Some(field.name().into()),
            // The name of a vendor's field is the caller's.
            Some(WriteProblemField::Native(_) | WriteProblemField::IdempotencyKey) | None => None,
        };
        Self {
            field,
            code: problem.error.kind.code().into(),
            text: problem.error.detail.as_ref().into(),
            status: problem.error.upstream_status,
        }
    }

    fn problem(self) -> WriteProblem {
        let kind = SourceErrorKind::of_code(&self.code).unwrap_or(SourceErrorKind::Malformed);
        let mut error = SourceError::new(kind, self.text.into_string());
        error.upstream_status = self.status;
        let field = self.field.as_deref().and_then(WriteField::from_name);
        WriteProblem {
            field: field.map(WriteProblemField::Common),
            error,
        }
    }
}
