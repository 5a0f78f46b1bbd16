//! Several sources merged by one order.
//!
//! Every source gives as many rows as the window holds, in the order asked; the window is what comes first of them all.
//! A source that cannot order its list is read whole, where it is small, and ordered here. Rows without a value count as
//! the greatest; equal rows stand in the order of the configuration.

use super::ConnectionError;
use super::cursor::Gaps;
use super::gathered::{Gathered, Placed, Reading, count};
use super::list::{Halt, List};
use super::place::{Gap, Way};
use super::plan::Listed;
use super::run::{Rest, Run};
use super::strip::Found;
use super::whole;
use crate::model::{Order, OrderKey};
use crate::source::{SourceError, SourceErrorKind, Unsupported};
use futures_util::future::join_all;
use std::cmp::Ordering;

/// The rows of one source, in reading order.
struct Stream {
    source: u16,
    rows: std::vec::IntoIter<(OrderKey, Found)>,
    next: Option<(OrderKey, Found)>,
    rest: Rest,
    /// Where the source stands after the rows taken so far.
    gap: Gap,
}

/// What came of reading one source.
enum Answer {
    Run(Run),
    TooLarge(Unsupported),
    Failed(Halt),
}

/// Reads a window of the merged list.
pub(super) async fn read(
    lists: &[Listed<'_>],
    gaps: Option<&Gaps>,
    failed: &[u16],
    reading: Reading,
    order: Order,
) -> Result<Gathered, ConnectionError> {
    let mut gathered = Gathered::new(lists.len(), failed);
    let taking = (0u16..).zip(lists).filter_map(|(source, listed)| {
        let list = listed.list.as_ref().ok()?;
        gathered
            .takes_part(usize::from(source))
            .then(|| (source, listed, list, gap_of(gaps, source, reading.way)))
    });
    let taking: Vec<_> = taking.collect();
    let answers = join_all(
        taking
            .iter()
            .map(|(_, listed, list, gap)| one(listed, list, gap, reading, order)),
    )
    .await;
    let mut streams = Vec::new();
    for ((source, listed, _, gap), answer) in taking.into_iter().zip(answers) {
        let index = usize::from(source);
        let answer = match answer {
            Answer::Run(run) if !ordered(&run, order, reading.way) => {
                Answer::Failed(Halt::Source(SourceError::new(
                    SourceErrorKind::Malformed,
                    "the source does not order its list as it says",
                )))
            }
            answer => answer,
        };
        match answer {
            Answer::Run(run) => {
                gathered.note(index, &run);
                streams.push(Stream::new(source, run, gap, order));
            }
            Answer::TooLarge(why) => gathered.exclude(index, why),
            Answer::Failed(halt) => {
                gathered.fail(index, &listed.entry.key, false, reading.on_failure, halt)?;
            }
        }
    }
    if streams.is_empty() {
        refuse(lists, &gathered)?;
    }
    weave(&mut gathered, streams, reading, order);
    if reading.total {
        count(lists, &mut gathered, reading.on_failure).await?;
    }
    Ok(gathered)
}

/// Where a source stands in a cursor.
fn gap_of(gaps: Option<&Gaps>, source: u16, way: Way) -> Gap {
    let named = gaps.and_then(|gaps| gaps.iter().find(|(named, _)| *named == source));
    match (named, way) {
        (Some((_, gap)), _) => gap.clone(),
        (None, Way::Forward) => Gap::Start,
        (None, Way::Backward) => Gap::End,
    }
}

/// No source takes part: where that is because none can order its list, there is nothing to answer.
fn refuse(lists: &[Listed<'_>], gathered: &Gathered) -> Result<(), ConnectionError> {
    let (0, Some((listed, why))) = (gathered.failed().len(), gathered.excluded(lists)) else {
        return Ok(());
    };
    Err(ConnectionError::unsupported(&listed.entry.key, why))
}

async fn one(
    listed: &Listed<'_>,
    list: &List<'_>,
    gap: &Gap,
    reading: Reading,
    order: Order,
) -> Answer {
    let read = match &listed.whole {
        None => {
            list.read(gap, reading.way, reading.need, reading.look)
                .await
        }
        Some(why) => match whole::read(list).await {
            Ok(Some(run)) => Ok(whole::slice(run, gap, reading, order)),
            Ok(None) => return Answer::TooLarge(why.clone()),
            Err(halt) => Err(halt),
        },
    };
    read.map_or_else(Answer::Failed, Answer::Run)
}

/// Whether the rows stand in the order asked.
fn ordered(run: &Run, order: Order, way: Way) -> bool {
    let keys: Vec<OrderKey> = run
        .rows
        .iter()
        .map(|found| order.field.key(&found.customer))
        .collect();
    let wrong = match way {
        Way::Forward => Ordering::Greater,
        Way::Backward => Ordering::Less,
    };
    keys.windows(2).all(|pair| match pair {
        [one, other] => order.compare(one, other) != wrong,
        _ => true,
    })
}

impl Stream {
    fn new(source: u16, run: Run, gap: Gap, order: Order) -> Self {
        let keyed: Vec<_> = run
            .rows
            .into_iter()
            .map(|found| (order.field.key(&found.customer), found))
            .collect();
        let mut rows = keyed.into_iter();
        Self {
            source,
            next: rows.next(),
            rows,
            rest: run.rest,
            gap,
        }
    }

    fn take(&mut self, way: Way) -> Option<Found> {
        let (_, found) = self.next.take()?;
        self.next = self.rows.next();
        self.gap = match way {
            Way::Forward => Gap::After(found.mark.clone()),
            Way::Backward => Gap::Before(found.mark.clone()),
        };
        Some(found)
    }
}

/// Takes the first row of all streams again and again, until the window is filled or nobody knows which one is first.
fn weave(gathered: &mut Gathered, mut streams: Vec<Stream>, reading: Reading, order: Order) {
    while gathered.edges.len() < reading.need as usize {
        if stalled(gathered, &mut streams) {
            return;
        }
        let first = streams
            .iter()
            .enumerate()
            .filter_map(|(index, stream)| {
                stream
                    .next
                    .as_ref()
                    .map(|(key, _)| (index, key, stream.source))
            })
            .min_by(|(_, one, rank), (_, other, other_rank)| match reading.way {
                Way::Forward => order.compare(one, other).then(rank.cmp(other_rank)),
                Way::Backward => order.compare(other, one).then(other_rank.cmp(rank)),
            })
            .map(|(index, ..)| index);
        let Some(stream) = first.and_then(|index| streams.get_mut(index)) else {
            break;
        };
        let source = stream.source;
        let Some(found) = stream.take(reading.way) else {
            break;
        };
        gathered.edges.push(Placed {
            source,
            found,
            here: gaps(&streams),
        });
    }
    gathered.more = streams
        .iter()
        .any(|stream| stream.next.is_some() || stream.rest != Rest::End);
}

fn gaps(streams: &[Stream]) -> Gaps {
    streams
        .iter()
        .map(|stream| (stream.source, stream.gap.clone()))
        .collect()
}

/// Whether a stream has no row in hand although its list goes on: then the window ends here. Where it may be empty, it
/// gets a place to go on from.
fn stalled(gathered: &mut Gathered, streams: &mut [Stream]) -> bool {
    let (mut stalled, mut cut) = (false, false);
    for stream in streams.iter_mut().filter(|stream| stream.next.is_none()) {
        match &stream.rest {
            Rest::End => continue,
            // Rows that cannot be shown took places of the window.
            Rest::More => {}
            Rest::Cut(gap) => {
                stream.gap = gap.clone();
                gathered.truncate(usize::from(stream.source));
                cut = true;
            }
            Rest::Refused(error) => gathered.refuse(usize::from(stream.source), error.clone()),
        }
        stalled = true;
    }
    if stalled {
        gathered.more = true;
        gathered.cut = cut.then(|| gaps(streams));
    }
    stalled
}
