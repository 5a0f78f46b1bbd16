//! Rows gathered from several sources, and what became of each source on the way.
//!
//! Grouped and merged lists both end here; the order of the rows is theirs.

use super::cursor::Gaps;
use super::list::{Halt, List};
use super::place::{Gap, Way};
use super::plan::{Listed, Planned};
use super::run::Run;
use super::strip::Found;
use super::{ConnectionError, Report, ReportError, Undecided};
use crate::model::{SourceFailurePolicy, SourceOutcome};
use crate::source::{SourceError, SourceErrorKind, TotalKind};
use futures_util::future::join_all;
use std::sync::Arc;

/// What to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// In which direction.
    pub(super) way: Way,
    /// How many rows.
    pub(super) need: u32,
    /// Whether it matters if more follow.
    pub(super) look: bool,
    /// Whether the total matters.
    pub(super) total: bool,
    /// What to do when a source fails.
    pub(super) on_failure: SourceFailurePolicy,
}

/// What is known of one source so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    error: Option<SourceError>,
    failed: bool,
    truncated: bool,
    /// It was asked for rows.
    asked: bool,
    unsupported: Option<ReportError>,
    total: Option<u64>,
    unreadable: Vec<(u64, &'static str)>,
    undecided: Vec<Undecided>,
}

/// A row of the connection, and where each source stands once it is read.
#[derive(Debug)]
pub(super) struct Placed {
    /// The source.
    pub(super) source: u16,
    /// The row.
    pub(super) found: Found,
    /// The place in each source that matters.
    pub(super) here: Gaps,
}

/// Rows of several sources, in reading order.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The rows.
    pub(super) edges: Vec<Placed>,
    /// More follow, or may.
    pub(super) more: bool,
    /// Where to go on, where the budget ended before the window was filled.
    pub(super) cut: Option<Gaps>,
    /// The exact number of rows of all sources.
    pub(super) total: Option<u64>,
    /// A cursor's place was not found again.
    pub(super) drifted: bool,
    tallies: Vec<Tally>,
}

impl Gathered {
    /// Nothing yet, of so many sources; some failed earlier in this traversal and stay out of it.
    pub(super) fn new(sources: usize, failed: &[u16]) -> Self {
        let mut gathered = Self {
            tallies: (0..sources).map(|_| Tally::default()).collect(),
            ..Self::default()
        };
        let reason = SourceError::new(
            SourceErrorKind::Unavailable,
            "the source failed earlier in this traversal",
        );
        for source in failed {
            gathered.tally(usize::from(*source), |tally| {
                tally.failed = true;
                tally.error = Some(reason.clone());
            });
        }
        gathered
    }

    /// The sources that failed.
    pub(super) fn failed(&self) -> Vec<u16> {
        let failed = (0u16..)
            .zip(&self.tallies)
            .filter(|(_, tally)| tally.failed);
        failed.map(|(source, _)| source).collect()
    }

    /// Whether anything went wrong: what is shown now is not to be shown again.
    pub(super) fn has_errors(&self) -> bool {
        self.tallies.iter().any(|tally| tally.error.is_some())
    }

    /// What became of each source.
    pub(super) fn reports(self, planned: &Planned<'_>) -> Vec<Report> {
        let report = |(listed, tally): (&Listed<'_>, Tally)| {
            let (outcome, error, calls) = match &listed.list {
                Err(why) => (
                    SourceOutcome::Unsupported,
                    Some(ReportError::Unsupported(why.clone())),
                    0,
                ),
                Ok(list) if tally.unsupported.is_some() => (
                    SourceOutcome::Unsupported,
                    tally.unsupported,
                    list.reader.call.calls(),
                ),
                Ok(list) => {
                    let outcome = match (tally.failed, tally.truncated) {
                        (true, _) => SourceOutcome::Failed,
                        (false, true) => SourceOutcome::Truncated,
                        (false, false) => SourceOutcome::Complete,
                    };
                    (
                        outcome,
                        tally.error.map(ReportError::Source),
                        list.reader.call.calls(),
                    )
                }
            };
            Report {
                source: Arc::clone(&listed.entry),
                outcome,
                error,
                upstream_calls: calls,
                unreadable: tally.unreadable,
                undecided: tally.undecided,
            }
        };
        planned.lists.iter().zip(self.tallies).map(report).collect()
    }

    pub(super) fn tally(&mut self, source: usize, change: impl FnOnce(&mut Tally)) {
        if let Some(tally) = self.tallies.get_mut(source) {
            change(tally);
        }
    }

    /// Notes what a run said about its source.
    pub(super) fn note(&mut self, source: usize, run: &Run) {
        self.drifted |= run.drifted;
        self.tally(source, |tally| {
            tally.asked |= run.asked;
            tally.unreadable.extend(&run.unreadable);
            tally.undecided.extend(run.undecided.iter().cloned());
            tally.total = run.total.or(tally.total);
        });
    }

    /// A source failed: it stays out, or everything ends.
    pub(super) fn fail(
        &mut self,
        source: usize,
        key: &str,
        alone: bool,
        policy: SourceFailurePolicy,
        halt: Halt,
    ) -> Result<(), ConnectionError> {
        let error = match halt {
            Halt::Scan => {
                return Err(ConnectionError::ScanLimit {
                    source_key: key.into(),
                });
            }
            Halt::Backward => {
                return Err(ConnectionError::BackwardNotSupported {
                    source_key: key.into(),
                });
            }
            Halt::Source(error) | Halt::Contradiction(error) => error,
        };
        match error.kind {
            SourceErrorKind::CursorExpired => return Err(ConnectionError::CursorExpired),
            SourceErrorKind::DepthLimit if alone => {
                return Err(ConnectionError::DepthLimit {
                    source_key: key.into(),
                });
            }
            _ => {}
        }
        if policy == SourceFailurePolicy::Fail {
            return Err(ConnectionError::Source {
                source_key: key.into(),
                error,
            });
        }
        self.tally(source, |tally| {
            tally.failed = true;
            tally.error = Some(error);
        });
        Ok(())
    }

    /// The source said that it lets nobody read on.
    pub(super) fn refuse(&mut self, source: usize, error: SourceError) {
        self.tally(source, |tally| {
            tally.truncated = true;
            tally.error = Some(error);
        });
    }

    /// The source turned out not to be able to serve the order.
    pub(super) fn exclude(&mut self, source: usize, why: ReportError) {
        self.tally(source, |tally| tally.unsupported = Some(why));
    }

    /// A source that cannot serve the order, and why.
    pub(super) fn excluded<'a, 'b>(
        &self,
        lists: &'a [Listed<'b>],
    ) -> Option<(&'a Listed<'b>, ReportError)> {
        let why =
            |(listed, tally): (&'a Listed<'b>, &Tally)| Some((listed, tally.unsupported.clone()?));
        lists.iter().zip(&self.tallies).find_map(why)
    }

    /// Whether the source takes part.
    pub(super) fn takes_part(&self, source: usize) -> bool {
        self.tallies
            .get(source)
            .is_some_and(|tally| !tally.failed && tally.unsupported.is_none())
    }

    pub(super) fn truncate(&mut self, source: usize) {
        self.tally(source, |tally| tally.truncated = true);
    }

    pub(super) fn is_failed(&self, source: usize) -> bool {
        self.tallies.get(source).is_some_and(|tally| tally.failed)
    }

    /// Whether one more call can tell how many rows the source has. One that was asked and did not tell, never will.
    fn is_uncounted(&self, source: usize) -> bool {
        let tally = self.tallies.get(source);
        tally.is_some_and(|tally| tally.total.is_none() && !tally.asked)
    }
}

/// The sum of all totals, where every part is exact. Sources that were not read yet are asked, all at once.
pub(super) async fn count(
    lists: &[Listed<'_>],
    gathered: &mut Gathered,
    policy: SourceFailurePolicy,
) -> Result<(), ConnectionError> {
    let unknowable = |(source, listed)| is_unknowable(listed, gathered, source);
    let left_out = |tally: &Tally| tally.failed || tally.unsupported.is_some();
    if gathered.tallies.iter().any(left_out) || lists.iter().enumerate().any(unknowable) {
        return Ok(());
    }
    let uncounted: Vec<(usize, &List<'_>)> = (0..)
        .zip(lists)
        .filter_map(|(source, listed)| Some((source, listed.list.as_ref().ok()?)))
        .filter(|(source, _)| gathered.is_uncounted(*source))
        .collect();
    let counts = uncounted
        .iter()
        .map(|(_, list)| list.read(&Gap::Start, Way::Forward, 0, true));
    let counts = join_all(counts).await;
    for ((source, list), count) in uncounted.into_iter().zip(counts) {
        match count {
            Ok(run) => gathered.tally(source, |tally| tally.total = run.total),
            Err(halt) => {
                let key = &list.reader.entry.key;
                gathered.fail(source, key, lists.len() == 1, policy, halt)?;
            }
        }
    }
    let totals = gathered
        .tallies
        .iter()
        .map(|tally| tally.total.filter(|_| !tally.failed));
    gathered.total = totals.sum();
    Ok(())
}

/// Whether no call can tell how many rows a source has, so that there is no total and asking the others is for nothing.
fn is_unknowable(listed: &Listed<'_>, gathered: &Gathered, source: usize) -> bool {
    let tally = gathered.tallies.get(source);
    let counted = tally.is_some_and(|tally| tally.total.is_some());
    let silent = tally.is_some_and(|tally| tally.asked);
    let tells = |list: &List<'_>| {
        list.check.is_none() && matches!(list.plan.total, TotalKind::Exact | TotalKind::Capped(_))
    };
    !counted && (silent || !listed.list.as_ref().is_ok_and(tells))
}
