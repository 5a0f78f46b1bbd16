//! Several sources merged by one order.
//!
//! All sources are asked side by side for what one call of each gives, up to the size of the window; what comes first of
//! them all is taken, and a source is asked again only when its rows run out. A source that cannot order its list is read
//! whole, where it is small, and ordered here. Rows without a value count as the greatest; equal rows stand in the order
//! of the configuration.

use super::cursor::Gaps;
use super::gathered::{Gathered, Placed, Reading, count};
use super::place::{Gap, Way};
use super::plan::Listed;
use super::run::Rest;
use super::stream::{Answer, Stream};
use super::{ConnectionError, ReportError};
use crate::model::Order;
use futures_util::future::join_all;

/// Reads a window of the merged list.
pub(super) async fn read(
    lists: &[Listed<'_>],
    gaps: Option<&Gaps>,
    failed: &[u16],
    reading: Reading,
    order: Order,
) -> Result<Gathered, ConnectionError> {
    let mut gathered = Gathered::new(lists.len(), failed);
    leave_out(lists, gaps, &mut gathered);
    let taking = (0u16..).zip(lists).filter_map(|(source, listed)| {
        let list = listed.list.as_ref().ok()?;
        let gap = gap_of(gaps, source, reading.way);
        gathered
            .takes_part(usize::from(source))
            .then(|| Stream::new(source, listed, list, (gap, reading.way)))
    });
    let mut merge = Merge {
        streams: taking.collect(),
        alone: lists.len() == 1,
        reading,
        order,
    };
    merge.fill(&mut gathered, reading.need, |_| true).await?;
    if merge.streams.is_empty() {
        refuse(lists, &gathered)?;
    }
    merge.weave(&mut gathered).await?;
    if reading.total {
        count(lists, &mut gathered, reading.on_failure).await?;
    }
    Ok(gathered)
}

/// A source that a cursor does not name could not be ordered when the traversal began: it was too long, or the budget of a scan
/// ended before. It stays out, though it might take part by now: its first rows would come after others that they belong before.
fn leave_out(lists: &[Listed<'_>], gaps: Option<&Gaps>, gathered: &mut Gathered) {
    let Some(gaps) = gaps else {
        return;
    };
    for (source, listed) in (0u16..).zip(lists) {
        if gathered.takes_part(usize::from(source))
            && let Ok(list) = &listed.list
            && gaps.iter().all(|(named, _)| *named != source)
        {
            let why = match list.check {
                Some(_) => ReportError::ScanLimit,
                None => ReportError::TooLong(list.limits.whole_rows),
            };
            gathered.exclude(usize::from(source), why);
        }
    }
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
    Err(ConnectionError::excluded(&listed.entry.key, why))
}

/// A merge under way.
struct Merge<'a> {
    streams: Vec<Stream<'a>>,
    /// One source was asked.
    alone: bool,
    reading: Reading,
    order: Order,
}

impl Merge<'_> {
    /// Reads on in the streams that are chosen, side by side. Those that fail or turn out too large stay out.
    async fn fill(
        &mut self,
        gathered: &mut Gathered,
        most: u32,
        chosen: fn(&Stream<'_>) -> bool,
    ) -> Result<(), ConnectionError> {
        let (reading, order) = (self.reading, self.order);
        let answers = join_all(self.streams.iter().map(|stream| {
            let reads = chosen(stream);
            async move {
                if reads {
                    Some(stream.read(most, reading, order).await)
                } else {
                    None
                }
            }
        }))
        .await;
        let mut staying = Vec::with_capacity(self.streams.len());
        for (mut stream, answer) in self.streams.drain(..).zip(answers) {
            let source = usize::from(stream.source);
            match answer {
                None => staying.push(stream),
                Some(Answer::Run(run)) => {
                    gathered.note(source, &run);
                    stream.fill(run, most, reading, order);
                    staying.push(stream);
                }
                Some(Answer::TooLarge(why)) => {
                    gathered.exclude(source, why);
                    gathered
                        .edges
                        .retain(|placed| placed.source != stream.source);
                }
                Some(Answer::Failed(halt)) => {
                    let key = &stream.listed.entry.key;
                    gathered.fail(source, key, self.alone, reading.on_failure, halt)?;
                    // It stays out of the whole window, and of all that follow.
                    gathered
                        .edges
                        .retain(|placed| placed.source != stream.source);
                }
            }
        }
        self.streams = staying;
        Ok(())
    }

    /// Takes the first row of all streams again and again, until the window is filled or nobody knows which one is first.
    async fn weave(&mut self, gathered: &mut Gathered) -> Result<(), ConnectionError> {
        loop {
            let left = u32::try_from(gathered.edges.len())
                .map_or(0, |taken| self.reading.need.saturating_sub(taken));
            if left == 0 {
                break;
            }
            if self.streams.iter().any(Stream::is_dry) {
                self.fill(gathered, left, |stream| stream.is_dry()).await?;
                // Its rows may have gone with a source that failed.
                if self.streams.iter().any(Stream::is_dry) {
                    continue;
                }
            }
            if self.stalled(gathered) {
                return Ok(());
            }
            if !self.take(gathered) {
                break;
            }
        }
        // One row more from anywhere is enough, and what follows it does not matter.
        let looks = std::mem::take(&mut self.reading.look);
        while looks && !self.follows() && self.streams.iter().any(Stream::is_unsure) {
            self.fill(gathered, 1, |stream| stream.is_unsure()).await?;
        }
        gathered.more = self
            .streams
            .iter()
            .any(|stream| stream.next.is_some() || stream.rest != Rest::End);
        Ok(())
    }

    /// Whether a row is in hand.
    fn follows(&self) -> bool {
        self.streams.iter().any(|stream| stream.next.is_some())
    }

    /// Takes what comes first; `false` where nothing is left.
    fn take(&mut self, gathered: &mut Gathered) -> bool {
        let (way, order) = (self.reading.way, self.order);
        let first = self
            .streams
            .iter()
            .enumerate()
            .filter_map(|(index, stream)| {
                stream.next.as_ref()?;
                Some((index, stream.rank(), stream.source))
            })
            .min_by(|(_, one, source), (_, other, other_source)| {
                let sooner = match (one, other) {
                    (Some(one), Some(other)) => order.compare(one, other),
                    (one, other) => one.is_some().cmp(&other.is_some()),
                };
                let sooner = sooner.then(source.cmp(other_source));
                match way {
                    Way::Forward => sooner,
                    Way::Backward => sooner.reverse(),
                }
            })
            .map(|(index, ..)| index);
        let Some(stream) = first.and_then(|index| self.streams.get_mut(index)) else {
            return false;
        };
        let source = stream.source;
        let Some(found) = stream.take() else {
            return false;
        };
        gathered.edges.push(Placed {
            source,
            found,
            here: self.gaps(),
        });
        true
    }

    fn gaps(&self) -> Gaps {
        self.streams
            .iter()
            .map(|stream| (stream.source, stream.place()))
            .collect()
    }

    /// Whether a stream has no row in hand and cannot get one although its list goes on: then the window ends here. Where
    /// it may be empty, it gets a place to go on from.
    fn stalled(&mut self, gathered: &mut Gathered) -> bool {
        let (mut stalled, mut cut) = (false, false);
        for stream in self
            .streams
            .iter_mut()
            .filter(|stream| stream.next.is_none())
        {
            match &stream.rest {
                Rest::End | Rest::More => continue,
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
            gathered.cut = cut.then(|| self.gaps());
        }
        stalled
    }
}
