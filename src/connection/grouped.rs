//! Several sources one after the other: the rows of the first, then those of the next.
//!
//! A source that fails is left out and named, or ends it all, as asked. Where a window ends exactly with a source, the
//! next ones are asked for one row, so that `hasNextPage` is a fact.

use super::ConnectionError;
use super::cursor::Gaps;
use super::gathered::{Gathered, Placed, Reading, count};
use super::place::{Gap, Way};
use super::plan::Listed;
use super::run::{Rest, Run};

/// Reads a window over the sources in turn.
pub(super) async fn read(
    lists: &[Listed<'_>],
    gaps: Option<&Gaps>,
    failed: &[u16],
    reading: Reading,
) -> Result<Gathered, ConnectionError> {
    let mut gathered = Gathered::new(lists.len(), failed);
    let (begin, gap) = begin(lists.len(), gaps, reading.way);
    let order: Vec<usize> = match reading.way {
        Way::Forward => (begin..lists.len()).collect(),
        Way::Backward => (0..(begin + 1).min(lists.len())).rev().collect(),
    };
    let mut gap = Some(gap);
    let mut left = reading.need;
    let mut full = false;
    for source in order {
        let from = gap.take().unwrap_or(match reading.way {
            Way::Forward => Gap::Start,
            Way::Backward => Gap::End,
        });
        if gathered.more || (full && !reading.look) {
            break;
        }
        let run = if full {
            // Any row of the next source follows; its first one is the cheapest to come by.
            visit(
                lists,
                source,
                &mut gathered,
                (&Gap::Start, 0),
                Reading {
                    way: Way::Forward,
                    ..reading
                },
            )
            .await?
        } else {
            visit(lists, source, &mut gathered, (&from, left), reading).await?
        };
        let Some(run) = run else { continue };
        left = left.saturating_sub(run.taken);
        take(&mut gathered, source, run, &mut full);
        left = if full { left } else { left.max(1) };
    }
    if reading.total {
        count(lists, &mut gathered, reading.on_failure).await?;
    }
    Ok(gathered)
}

/// Reads one source, unless it is out.
async fn visit(
    lists: &[Listed<'_>],
    source: usize,
    gathered: &mut Gathered,
    (from, need): (&Gap, u32),
    reading: Reading,
) -> Result<Option<Run>, ConnectionError> {
    let Some(Listed {
        entry,
        list: Ok(list),
        ..
    }) = lists.get(source)
    else {
        return Ok(None);
    };
    if gathered.is_failed(source) {
        return Ok(None);
    }
    match list.read(from, reading.way, need, reading.look).await {
        Ok(run) => Ok(Some(run)),
        Err(halt) => {
            gathered.fail(
                source,
                &entry.key,
                lists.len() == 1,
                reading.on_failure,
                halt,
            )?;
            Ok(None)
        }
    }
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
