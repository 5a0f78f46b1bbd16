//! Several sources merged by one order.
//!
//! Every source gives as many rows as the window holds, in the order asked; the window is what comes first of them all.
//! A source that cannot order its list is read whole, where it is small, and ordered here. Rows without a value count as
//! the greatest; equal rows stand in the order of the configuration.

use super::ConnectionError;
use super::cursor::Gaps;
use super::drift::{Located, locate};
use super::grouped::{Gathered, Placed, Reading, count};
use super::list::{Halt, List, Rest, Run};
use super::place::{BEGINNING, Gap, Mark, Spot, Trail, Way};
use super::plan::Listed;
use super::strip::Found;
use crate::model::{Order, OrderKey};
use crate::source::{Position, SourceError, SourceErrorKind, Unsupported};
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
                gathered.fail(index, &listed.entry.key, false, reading.on_failure, halt)?
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
        Some(why) => match whole(list).await {
            Ok(Some(run)) => Ok(slice(run, gap, reading, order)),
            Ok(None) => return Answer::TooLarge(why.clone()),
            Err(halt) => Err(halt),
        },
    };
    read.map_or_else(Answer::Failed, Answer::Run)
}

/// All rows of a list, where it is small; one page tells most lists that are not.
async fn whole(list: &List<'_>) -> Result<Option<Run>, Halt> {
    let most = list.limits.whole_rows;
    if most == 0 {
        return Ok(None);
    }
    let mut all = list
        .read(
            &Gap::Start,
            Way::Forward,
            list.limits.window.min(most),
            true,
        )
        .await?;
    if all.rest == Rest::More
        && all.total.is_none_or(|total| total <= u64::from(most))
        && let Some(last) = all.rows.last().map(|found| Gap::After(found.mark.clone()))
    {
        let left = most.saturating_sub(all.taken);
        let rest = list.read(&last, Way::Forward, left, true).await?;
        all.rows.extend(rest.rows);
        all.unreadable.extend(rest.unreadable);
        all.drifted |= rest.drifted;
        all.rest = rest.rest;
    }
    Ok((all.rest == Rest::End).then_some(all))
}

/// The part of a whole list that is wanted, ordered.
fn slice(mut run: Run, gap: &Gap, reading: Reading, order: Order) -> Run {
    run.rows.sort_by_cached_key(|found| {
        SortKey(
            order,
            order.field.key(&found.customer),
            found.customer.id.as_str().into(),
        )
    });
    let prints: Vec<u32> = run
        .rows
        .iter()
        .map(|found| found.mark.anchors.first().copied().unwrap_or_default())
        .collect();
    for (index, found) in run.rows.iter_mut().enumerate() {
        found.mark = mark(&prints, index);
    }
    let (seam, drifted) = seam(&prints, gap);
    run.drifted |= drifted;
    run.total = Some(prints.len() as u64);
    let need = reading.need as usize;
    let over = match reading.way {
        Way::Forward => {
            run.rows.drain(..seam);
            run.rows.len() > need
        }
        Way::Backward => {
            run.rows.truncate(seam);
            run.rows.reverse();
            run.rows.len() > need
        }
    };
    run.rows.truncate(need);
    run.rest = if over { Rest::More } else { Rest::End };
    run
}

/// Compares rows of one source.
#[derive(PartialEq, Eq)]
struct SortKey(Order, OrderKey, Box<str>);

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0
            .compare(&self.1, &other.1)
            .then_with(|| self.2.cmp(&other.2))
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The place of a row in a list that was ordered here.
fn mark(prints: &[u32], index: usize) -> Mark {
    let print = |back: usize| {
        index.checked_sub(back).map_or(BEGINNING, |index| {
            prints.get(index).copied().unwrap_or_default()
        })
    };
    let spot = Spot {
        page: Position::Start,
        index: 0,
        ordinal: index as u64,
        next: None,
        trail: Trail::default(),
        size: 0,
        reversed: false,
    };
    Mark {
        spot,
        anchors: [print(0), print(1), print(2)],
    }
}

/// How many rows stand before a gap in a list that was ordered here, and whether its place was lost.
fn seam(prints: &[u32], gap: &Gap) -> (usize, bool) {
    let (mark, after) = match gap {
        Gap::Start => return (0, false),
        Gap::End => return (prints.len(), false),
        Gap::Before(mark) => (mark, 0),
        Gap::After(mark) => (mark, 1),
    };
    let expected = usize::try_from(mark.spot.ordinal).unwrap_or(usize::MAX);
    match locate(prints, expected, mark.anchors, true) {
        Some(Located::At(index)) => (index + after, false),
        Some(Located::Gone(index)) => (index, false),
        None => (expected.min(prints.len()), true),
    }
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
