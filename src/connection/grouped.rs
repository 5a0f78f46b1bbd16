//! Several sources one after the other: the rows of the first, then those of the next.
//!
//! A source that fails is left out and named, or ends it all, as asked. Where a window ends exactly with a source, the
//! next ones are asked for one row, so that `hasNextPage` is a fact. A source that does not answer may take all the time
//! there is, but not alone: after its share the next ones are read as if it had failed, and used if it does. Where a
//! search found nothing in some sources, as many of the next are asked together: no more calls are made in vain than sources
//! had nothing.

use super::ConnectionError;
use super::cursor::Gaps;
use super::gathered::{Gathered, Placed, Reading, count};
use super::list::{Halt, List};
use super::place::{Gap, Way};
use super::plan::Listed;
use super::run::{Rest, Run};
use crate::model::SourceFailurePolicy;
use futures_util::future::{Either, FutureExt as _, select};
use futures_util::stream::{FuturesOrdered, StreamExt as _};
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

/// A source that is part of the window, and where its reading begins.
struct Turn<'a> {
    source: usize,
    list: &'a List<'a>,
    from: Gap,
}

/// What is still wanted.
#[derive(Clone, Copy)]
struct Want {
    left: u32,
    /// All rows are there; it only matters if more follow.
    full: bool,
}

impl Want {
    /// What is wanted after a source gave this.
    fn after(self, run: &Run) -> Self {
        let left = self.left.saturating_sub(run.taken);
        let full = self.full || run.full;
        Self {
            left: if full { left } else { left.max(1) },
            full,
        }
    }
}

/// What reading a source came to, source by source.
type Visits = Vec<(usize, Result<Run, Halt>)>;

/// Reads a window over the sources in turn.
pub(super) async fn read(
    lists: &[Listed<'_>],
    gaps: Option<&Gaps>,
    failed: &[u16],
    reading: Reading,
) -> Result<Gathered, ConnectionError> {
    let mut gathered = Gathered::new(lists.len(), failed);
    let turns = turns(
        lists,
        begin(lists.len(), gaps, reading.way),
        &gathered,
        reading.way,
    );
    let want = Want {
        left: reading.need,
        full: false,
    };
    let mut full = false;
    for (source, outcome) in visits(&turns, want, reading).await {
        match outcome {
            Ok(run) => take(&mut gathered, source, run, &mut full),
            Err(halt) => {
                let key = lists.get(source).map_or("", |listed| &listed.entry.key);
                gathered.fail(source, key, lists.len() == 1, reading.on_failure, halt)?;
            }
        }
    }
    if reading.total {
        count(lists, &mut gathered, reading.on_failure).await?;
    }
    Ok(gathered)
}

/// The sources that can be read, in turn.
fn turns<'a>(
    lists: &'a [Listed<'a>],
    (begin, gap): (usize, Gap),
    gathered: &Gathered,
    way: Way,
) -> Vec<Turn<'a>> {
    let (order, edge): (Vec<usize>, Gap) = match way {
        Way::Forward => ((begin..lists.len()).collect(), Gap::Start),
        Way::Backward => ((0..(begin + 1).min(lists.len())).rev().collect(), Gap::End),
    };
    let turn = |source: usize| {
        let list = lists.get(source)?.list.as_ref().ok()?;
        let from = if source == begin { &gap } else { &edge };
        (!gathered.is_failed(source)).then(|| Turn {
            source,
            list,
            from: from.clone(),
        })
    };
    order.into_iter().filter_map(turn).collect()
}

/// Reads sources until all that is wanted is there.
fn visits<'a>(
    turns: &'a [Turn<'a>],
    mut want: Want,
    reading: Reading,
) -> Pin<Box<dyn Future<Output = Visits> + Send + 'a>> {
    Box::pin(async move {
        let mut visits = Visits::new();
        let mut ended = false;
        // The next one had its share when it was asked together with others.
        let mut is_late = false;
        while !ended && visits.len() < turns.len() && (!want.full || reading.look) {
            let (_, next) = turns.split_at(visits.len());
            let stepped = step(next, vain(turns, &visits), is_late, want, reading).await;
            is_late = stepped.is_late;
            ended = stepped.others.is_some();
            for (_, outcome) in &stepped.came {
                match outcome {
                    Ok(run) => {
                        want = want.after(run);
                        ended |= !matches!(run.rest, Rest::End);
                    }
                    Err(halt) => ended |= ends_all(halt, reading),
                }
            }
            let others = stepped.others.into_iter().flatten();
            visits.extend(stepped.came.into_iter().chain(others));
        }
        visits
    })
}

/// How many of the sources that were read last were searched from their edge and had nothing.
fn vain(turns: &[Turn<'_>], visits: &Visits) -> usize {
    let read = visits.iter().zip(turns).rev();
    read.take_while(|((_, outcome), turn)| {
        is_vain(outcome) && matches!(turn.from, Gap::Start | Gap::End)
    })
    .count()
}

fn is_vain(outcome: &Result<Run, Halt>) -> bool {
    matches!(outcome, Ok(run) if run.taken == 0 && run.rest == Rest::End)
}

/// What one step gave.
#[derive(Default)]
struct Step {
    came: Visits,
    /// What others gave instead of the source that came last.
    others: Option<Visits>,
    /// The next source has had its share of the time.
    is_late: bool,
}

/// Reads the next source, or the next few where so many had nothing before them. Where it failed, and others were read
/// meanwhile, what they gave instead.
async fn step(
    next: &[Turn<'_>],
    vain: usize,
    mut is_late: bool,
    want: Want,
    reading: Reading,
) -> Step {
    let few = next.iter().take(vain + 1);
    let few = few.take_while(|turn| is_searched(turn.list)).count();
    if few > 1 && !is_late && reading.on_failure == SourceFailurePolicy::Skip {
        let sifted = sift(next, few, want, reading).await;
        if !sifted.came.is_empty() {
            return sifted;
        }
        is_late = sifted.is_late;
    }
    let Some((turn, rest)) = next.split_first() else {
        return Step::default();
    };
    let share = if is_late {
        Duration::ZERO
    } else {
        share(turn, rest.len())
    };
    let (outcome, others) = visit(turn, rest, share, want, reading).await;
    Step {
        came: vec![(turn.source, outcome)],
        others,
        is_late: false,
    }
}

/// Whether the CRM itself looks for rows in this list; where the gateway does, one window reads many pages.
fn is_searched(list: &List<'_>) -> bool {
    !list.plan.filter.is_empty() && list.check.is_none()
}

/// Asks the first few sources at once, up to the one that has something. Who takes longer than its share is left to its turn.
async fn sift(next: &[Turn<'_>], few: usize, want: Want, reading: Reading) -> Step {
    let asks = next.iter().take(few).map(|turn| {
        let share = share(turn, next.len().saturating_sub(1));
        tokio::time::timeout(share, ask(turn, want, reading))
    });
    let mut answers: FuturesOrdered<_> = asks.collect();
    let mut step = Step::default();
    for turn in next {
        match answers.next().await {
            Some(Ok(outcome)) => {
                let vain = is_vain(&outcome);
                step.came.push((turn.source, outcome));
                if !vain {
                    break;
                }
            }
            Some(Err(_)) => {
                step.is_late = true;
                break;
            }
            None => break,
        }
    }
    step
}

/// Reads one source. Where it failed, and others were read meanwhile, what they gave instead.
async fn visit(
    turn: &Turn<'_>,
    rest: &[Turn<'_>],
    share: Duration,
    want: Want,
    reading: Reading,
) -> (Result<Run, Halt>, Option<Visits>) {
    let mut own = pin!(ask(turn, want, reading));
    if rest.is_empty() || reading.on_failure == SourceFailurePolicy::Fail {
        return (own.await, None);
    }
    // What is there at once needs no clock.
    if let Some(outcome) = (&mut own).now_or_never() {
        return (outcome, None);
    }
    if let Ok(outcome) = tokio::time::timeout(share, &mut own).await {
        return (outcome, None);
    }
    match select(own, visits(rest, want, reading)).await {
        Either::Left((Err(halt), _)) if ends_all(&halt, reading) => (Err(halt), None),
        Either::Left((Err(halt), others)) => (Err(halt), Some(others.await)),
        Either::Left((Ok(run), _)) => (Ok(run), None),
        Either::Right((others, own)) => {
            let outcome = own.await;
            let others = outcome.is_err().then_some(others);
            (outcome, others)
        }
    }
}

/// How long a source may keep the next ones waiting: an equal part of the time that is left.
fn share(turn: &Turn<'_>, others: usize) -> Duration {
    let deadline = turn.list.reader.call.operation().deadline;
    let left = deadline.saturating_duration_since(Instant::now());
    left / u32::try_from(others + 1).unwrap_or(u32::MAX)
}

/// Whether a failure leaves nothing to go on with.
fn ends_all(halt: &Halt, reading: Reading) -> bool {
    reading.on_failure == SourceFailurePolicy::Fail || !matches!(halt, Halt::Source(_))
}

async fn ask(turn: &Turn<'_>, want: Want, reading: Reading) -> Result<Run, Halt> {
    let (list, look) = (turn.list, reading.look);
    if want.full {
        // Any row of the next source follows; its first one is the cheapest to come by.
        return list.read(&Gap::Start, Way::Forward, 0, look).await;
    }
    list.read(&turn.from, reading.way, want.left, look).await
}

/// The source to begin with, and where in it.
fn begin(sources: usize, gaps: Option<&Gaps>, way: Way) -> (usize, Gap) {
    match (gaps.and_then(|gaps| gaps.first()), way) {
        (Some((source, gap)), _) => (usize::from(*source), gap.clone()),
        (None, Way::Forward) => (0, Gap::Start),
        (None, Way::Backward) => (sources.saturating_sub(1), Gap::End),
    }
}

/// Adds what was read of one source, at the end of what was read before.
fn take(gathered: &mut Gathered, source: usize, run: Run, full: &mut bool) {
    gathered.note(source, &run);
    let was_full = std::mem::replace(full, *full || run.full);
    let from = u16::try_from(source).unwrap_or(u16::MAX);
    gathered
        .edges
        .extend(run.rows.into_iter().map(|found| Placed {
            source: from,
            here: vec![(from, Gap::After(found.mark.clone()))],
            found,
        }));
    match run.rest {
        Rest::End => {}
        Rest::More => gathered.more = true,
        Rest::Cut(_) if was_full => gathered.more = true,
        Rest::Cut(gap) => {
            gathered.more = true;
            gathered.cut = Some(vec![(from, gap)]);
            gathered.truncate(source);
        }
        Rest::Refused(error) => {
            gathered.more = true;
            gathered.refuse(source, error);
        }
    }
}
