//! What came of one try of an exchange, and what that says of the next: whether it may be made, and what is still in doubt
//! after it.

use super::auth::Used;
use super::faults;
use crate::source::{SourceError, SourceErrorKind};
use crate::upstream::{Fault, Reply};
use std::time::Duration;

/// An exchange that gave no answer of use.
#[derive(Clone, Debug, PartialEq)]
pub enum Failed {
    /// It did not happen, or not to its end.
    Fault(Fault),
    /// Nothing was sent, because it could not be built or signed, or because the CRM is left alone.
    Unsent(SourceError),
}

impl Failed {
    /// As an error of the source.
    pub fn into_error(self) -> SourceError {
        match self {
            Self::Fault(fault) => faults::of_fault(fault),
            Self::Unsent(error) => error,
        }
    }
}

/// What a repeat of a request would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Nothing: it reads.
    Reads,
    /// Nothing: it writes, and the CRM knows the repeat by its name.
    Harmless,
    /// It may write twice.
    Harmful,
}

/// An answer of the CRM.
pub(super) struct Answer {
    /// What it answered.
    pub reply: Reply,
    /// What it means where it is a refusal that the exchange can tell.
    pub refused: Option<SourceError>,
    /// With which credentials.
    pub used: Used,
}

/// What came of one try.
pub(super) type Tried = Result<Answer, Failed>;

/// The reply alone.
pub(super) fn reply_of(outcome: Tried) -> Result<Reply, Failed> {
    outcome.map(|answer| answer.reply)
}

/// Whether the same request may be sent again and may then work, and how long the CRM wants to be left alone.
pub(super) fn worth_repeating(outcome: &Tried, repeat: Repeat) -> Option<Option<Duration>> {
    let harmless = repeat != Repeat::Harmful;
    match outcome {
        Err(Failed::Fault(Fault::Connect)) => Some(None),
        Err(Failed::Fault(Fault::Broken | Fault::Timeout)) => harmless.then_some(None),
        Err(_) => None,
        Ok(answer) => {
            let error = answer.refused.as_ref()?;
            let passing = matches!(answer.reply.status, 500 | 502..=504)
                && matches!(
                    error.kind,
                    SourceErrorKind::Unavailable | SourceErrorKind::Timeout
                );
            let again = error.kind == SourceErrorKind::Throttled || (passing && harmless);
            again.then_some(error.retry_after)
        }
    }
}

/// Whether what was asked for may have been done all the same. A refusal for the rate limit, or one that says what is wrong,
/// proves that it was not.
pub(super) fn is_doubtful(outcome: &Tried) -> bool {
    match outcome {
        Ok(answer) => {
            answer.reply.status >= 500
                && answer.refused.as_ref().is_some_and(|error| {
                    matches!(
                        error.kind,
                        SourceErrorKind::Unavailable
                            | SourceErrorKind::Timeout
                            | SourceErrorKind::Malformed
                    )
                })
        }
        Err(Failed::Fault(fault)) => fault.may_have_arrived(),
        Err(Failed::Unsent(_)) => false,
    }
}

/// Whether the last try leaves the doubt of an earlier one.
pub(super) fn leaves_doubt(last: &Tried, repeat: Repeat) -> bool {
    match last {
        Ok(answer) => repeat != Repeat::Reads && answer.refused.is_some(),
        Err(Failed::Unsent(_)) => repeat != Repeat::Reads,
        Err(Failed::Fault(_)) => true,
    }
}
