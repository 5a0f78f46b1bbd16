//! One source's list within a connection: reads as many rows from a gap as are wanted, in either direction.
//!
//! It owns the loop and its bounds; how rows of a paging style are fetched stands in `index` and `walk`. It does not
//! know that there are other sources.

use super::drift::SLACK;
use super::key::Comparison;
use super::memory::Memory;
use super::place::{Gap, Way};
use super::reader::Reader;
use super::run::{Rest, Run};
use super::strip::{Found, Pick, Raw, Strip, Verdict, pick};
use super::turn::reversal;
use super::{Undecided, back, index, walk};
use crate::limits::Limits;
use crate::model::{DeletedFilter, Filter};
use crate::source::{Call, ListPlan, Paging, Row, SourceError, SourceErrorKind, Walk};
use std::sync::Arc;

/// Rows read around a window: slack on both sides, and the row of the cursor.
const ROUND_A_WINDOW: u32 = 2 * SLACK as u32 + 1;

/// The pages of a window, read backwards along a chain, up to which one more is read to see what stands before.
const LOOKING_BACK: u32 = 2;

/// Why a list could not be read.
#[derive(Clone, Debug)]
pub(super) enum Halt {
    /// The source failed.
    Source(SourceError),
    /// Two answers of one window contradict each other. The source errs, or the list changed between them: whoever reads it once
    /// more knows.
    Contradiction(SourceError),
    /// This list cannot be read backwards from here.
    Backward,
    /// The budget of pages ended before any row was read.
    Scan,
}

impl From<SourceError> for Halt {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

/// One source's list.
pub(super) struct List<'a> {
    /// Where pages come from.
    pub(super) reader: Reader,
    /// How the list is read.
    pub(super) plan: ListPlan,
    /// How the reversed list is read, where that is possible.
    pub(super) reversed: Option<ListPlan>,
    /// What each row must satisfy beyond what the source guarantees.
    pub(super) check: Option<Filter>,
    /// Deleted customers in, out or only.
    pub(super) deleted: DeletedFilter,
    /// The day that ages are counted from.
    pub(super) today: jiff::civil::Date,
    /// The ceilings.
    pub(super) limits: &'a Limits,
    /// What was learned about chains of pages.
    pub(super) memory: &'a Memory,
    /// Stands for the list in that memory.
    pub(super) print: u64,
}

impl List<'_> {
    /// Reads up to `need` rows that way from the gap. With `look`, what follows them is made sure of.
    ///
    /// Where a cache gave some of the pages and others had to be asked for, or the list changed meanwhile, rows may have moved
    /// in between, so that a row would be hidden or shown twice: then all pages are asked for anew, once.
    pub(super) async fn read(
        &self,
        gap: &Gap,
        way: Way,
        need: u32,
        look: bool,
    ) -> Result<Run, Halt> {
        self.reader.call.forget_ages();
        let run = self.read_once(gap, way, need, look).await;
        let changed = match &run {
            Ok(run) => run.changed,
            Err(halt) => matches!(halt, Halt::Contradiction(_)),
        };
        // What was kept and what is new may only contradict each other.
        let malformed = |error: &SourceError| error.kind == SourceErrorKind::Malformed;
        let doubtful = matches!(&run, Err(Halt::Source(error)) if malformed(error))
            && self.reader.call.has_read_kept();
        let apart = doubtful || self.reader.call.has_read_apart();
        let call = match (changed, apart) {
            (true, _) => self.reader.call.from_now(),
            (false, true) => self.reader.call.anew(),
            (false, false) => return run,
        };
        // Seldom gone: it would only make every other read larger.
        let anew = Box::pin(self.read_anew(call, gap, Ask { way, need, look })).await;
        match (anew, run) {
            (Err(_), Ok(mut first)) if changed => {
                first.drifted = true;
                Ok(first)
            }
            (Err(Halt::Contradiction(error)), _) => Err(error.into()),
            (anew, _) => anew,
        }
    }

    async fn read_anew(&self, call: Call, gap: &Gap, ask: Ask) -> Result<Run, Halt> {
        let Ask { way, need, look } = ask;
        let anew = self.by(call);
        let mut run = anew.read_once(gap, way, need, look).await?;
        run.drifted |= run.changed;
        Ok(run)
    }

    /// The same list, read by another use of its source.
    pub(super) fn by(&self, call: Call) -> Self {
        Self {
            reader: Reader {
                call,
                ..self.reader.clone()
            },
            plan: self.plan.clone(),
            reversed: self.reversed.clone(),
            check: self.check.clone(),
            ..*self
        }
    }

    async fn read_once(&self, gap: &Gap, way: Way, need: u32, look: bool) -> Result<Run, Halt> {
        let ask = Ask { way, need, look };
        if let Some(gap) = self.after_key(gap, way) {
            return self.read_straight(&gap, ask).await;
        }
        let reversal = reversal(gap);
        let sooner = self.reversed.is_some() && self.better_turned(gap, way);
        if !reversal && !sooner {
            return self.read_straight(gap, ask).await;
        }
        let turned = self.turned().ok_or(Halt::Backward)?;
        Box::pin(async move { turned.read_turned(gap, ask).await }).await
    }

    /// The rows of a strip that are wanted.
    fn picked(&self, strip: &Strip, ask: Ask) -> Pick {
        pick(strip, ask.way, ask.need as usize, |raw| self.judge(raw))
    }

    pub(super) async fn read_straight(&self, gap: &Gap, ask: Ask) -> Result<Run, Halt> {
        let mut strip = self.open(gap, ask).await?;
        let mut barren = 0;
        let mut before = 0;
        loop {
            let pick = self.picked(&strip, ask);
            if self.is_enough(&strip, &pick, ask) {
                return Ok(self.run(&strip, &pick, ask));
            }
            // What the source refuses to show is no more there the next time.
            if ask.way == Way::Forward
                && let Some(error) = strip.refused.take()
            {
                return self.refused(&strip, &pick, ask, error);
            }
            let spent = if self.check.is_some() {
                strip.pages
            } else {
                barren
            };
            if spent >= self.limits.scan_pages {
                let rest = if pick.full {
                    Rest::More
                } else {
                    self.cut(&strip, ask.way)?
                };
                return Ok(Run {
                    rest,
                    ..self.run(&strip, &pick, ask)
                });
            }
            barren = if pick.chosen.len() == before {
                barren + 1
            } else {
                0
            };
            before = pick.chosen.len();
            if pick.full && self.has_counted_back(&strip, ask.way) {
                if strip.pages < LOOKING_BACK && back::look(self, &mut strip).await {
                    continue;
                }
                // The look may have added rows before it found no way.
                let pick = self.picked(&strip, ask);
                return Ok(self.run(&strip, &pick, ask));
            }
            let chosen = u32::try_from(pick.chosen.len()).unwrap_or(u32::MAX);
            let left = ask.need.saturating_sub(chosen).max(1);
            match self.extend(&mut strip, ask, left).await {
                Ok(()) => {}
                Err(Halt::Source(error))
                    if matches!(
                        error.kind,
                        SourceErrorKind::DepthLimit | SourceErrorKind::CursorExpired
                    ) =>
                {
                    return self.refused(&strip, &pick, ask, error);
                }
                Err(halt) => return Err(halt),
            }
        }
    }

    /// The rows in hand, behind which the source lets nobody read on; the error where there are none.
    fn refused(
        &self,
        strip: &Strip,
        pick: &Pick,
        ask: Ask,
        error: SourceError,
    ) -> Result<Run, Halt> {
        if pick.chosen.is_empty() {
            return Err(error.into());
        }
        Ok(Run {
            rest: Rest::Refused(error),
            ..self.run(strip, pick, ask)
        })
    }

    async fn open(&self, gap: &Gap, ask: Ask) -> Result<Strip, Halt> {
        if ask.need == 0 && !ask.look {
            return Ok(Strip::default());
        }
        match self.plan.paging {
            Paging::Page(_) | Paging::Offset(_) => index::open(self, gap, ask).await,
            Paging::Token(_) | Paging::Link(_) | Paging::Keyset { .. } | Paging::None => {
                walk::open_or_recover(self, gap, ask).await
            }
        }
    }

    async fn extend(&self, strip: &mut Strip, ask: Ask, left: u32) -> Result<(), Halt> {
        match self.plan.paging {
            Paging::Page(_) | Paging::Offset(_) => {
                index::extend(self, strip, Ask { need: left, ..ask }).await
            }
            Paging::Token(_) | Paging::Link(_) | Paging::Keyset { .. } | Paging::None => {
                walk::extend_or_recover(self, strip, Ask { need: left, ..ask }).await
            }
        }
    }

    fn is_enough(&self, strip: &Strip, pick: &Pick, ask: Ask) -> bool {
        if strip.ended(ask.way) || (pick.full && (!ask.look || pick.another)) {
            return true;
        }
        // That raw rows follow says that a row of the connection follows only where none is left out.
        let plain = pick.dropped == 0 && self.check.is_none();
        pick.full && plain && strip.goes_on(ask.way) && self.knows(strip, ask.way)
    }

    /// Whether what a strip says of rows beyond it is of now. In chains rows were counted when their cursor was made: those that stood
    /// before may be gone, unless the source leads back to them.
    fn knows(&self, strip: &Strip, way: Way) -> bool {
        let leads_back = match self.plan.paging {
            Paging::Token(walk) | Paging::Link(walk) => strip.prev.is_some() && !walk.dangling,
            _ => false,
        };
        way == Way::Forward || self.is_counted() || leads_back
    }

    /// Whether rows stood before a window of a chain when its cursor was made: to learn if they still do is worth one page at most.
    fn has_counted_back(&self, strip: &Strip, way: Way) -> bool {
        let chained = matches!(self.plan.paging, Paging::Token(_) | Paging::Link(_));
        chained && way == Way::Backward && strip.goes_on(way)
    }

    /// Whether rows are reached by their number.
    pub(super) fn is_counted(&self) -> bool {
        matches!(self.plan.paging, Paging::Page(_) | Paging::Offset(_))
    }

    fn run(&self, strip: &Strip, pick: &Pick, ask: Ask) -> Run {
        let order = self.order();
        let found = |index: &usize| {
            let mark = strip.mark(*index, order)?;
            let customer = Arc::clone(strip.rows.get(*index)?.row.customer()?);
            Some(Found { customer, mark })
        };
        let ended = strip.ended(ask.way) && !pick.another;
        Run {
            rows: pick.chosen.iter().filter_map(found).collect(),
            asked: strip.pages > 0 || !strip.rows.is_empty(),
            taken: u32::try_from(pick.chosen.len() + pick.unreadable.len()).unwrap_or(u32::MAX),
            full: pick.full,
            rest: if ended { Rest::End } else { Rest::More },
            total: self.total(strip, pick),
            unreadable: pick.unreadable.clone(),
            undecided: undecided(strip, pick, ended),
            drifted: strip.drifted,
            changed: strip.changed,
        }
    }

    /// What becomes of a row.
    pub(super) fn judge(&self, raw: &Raw) -> Verdict {
        let (customer, wanted) = match &raw.row {
            Row::Unreadable { reason, .. } => return Verdict::Unreadable(reason),
            Row::Customer { customer, .. } => (customer, self.deleted != DeletedFilter::Only),
            Row::Gone { customer, .. } => (customer, self.deleted != DeletedFilter::Exclude),
        };
        if !wanted || raw.repeated {
            return Verdict::Drop;
        }
        match &self.check {
            Some(check) if !check.matches(customer, self.today) => check
                .undecided_by(customer, self.today)
                .map_or(Verdict::Drop, Verdict::Undecided),
            _ => Verdict::Keep,
        }
    }

    /// How the gateway compares rows as the source does, where it can.
    pub(super) fn order(&self) -> Option<Comparison> {
        Comparison::of(&self.plan)
    }

    /// Whether what leads from page to page stands for rows, and not for their numbers.
    pub(super) fn is_anchored(&self) -> bool {
        match self.plan.paging {
            Paging::Token(walk) | Paging::Link(walk) => walk.anchored,
            _ => true,
        }
    }

    /// Where a run goes on whose budget ended. Where no row was read that way, it would only end there again.
    fn cut(&self, strip: &Strip, way: Way) -> Result<Rest, Halt> {
        let gained = match way {
            Way::Forward => strip.seam < strip.rows.len(),
            Way::Backward => strip.seam > 0,
        };
        let edge = strip.edge(way, self.order()).filter(|_| gained);
        edge.map(Rest::Cut).ok_or(Halt::Scan)
    }

    /// How many of so many rows one call gives, wherever they begin.
    pub(super) fn bite(&self, rows: u32) -> u32 {
        let one_call = match self.plan.paging {
            Paging::Page(sizes) => sizes.max / 2,
            Paging::Offset(sizes) => sizes.max.saturating_sub(1),
            Paging::Token(Walk {
                sizes: Some(sizes), ..
            })
            | Paging::Link(Walk {
                sizes: Some(sizes), ..
            })
            | Paging::Keyset { sizes, .. } => sizes.max,
            Paging::Token(_) | Paging::Link(_) | Paging::None => rows,
        };
        rows.min(one_call.max(1))
    }

    /// How many raw rows to read at once for so many rows of the connection.
    pub(super) fn appetite(&self, rows: u32, largest: u32) -> u32 {
        // Half a page always fits one call, its slack included; a filter may leave few of the rows.
        let generous = (largest / 2).saturating_sub(ROUND_A_WINDOW);
        if self.check.is_some() {
            rows.max(generous).max(1)
        } else {
            rows
        }
    }
}

/// The rows that the filter could not be decided of. What follows a filled window is the next one's to tell of, if there is one.
fn undecided(strip: &Strip, pick: &Pick, ended: bool) -> Vec<Undecided> {
    let behind = pick.undecided_behind.iter().filter(|_| ended);
    let told = |(index, problem): &(usize, _)| {
        let customer = strip.rows.get(*index)?.row.customer()?;
        let (id, problem) = (customer.id.clone(), *problem);
        Some(Undecided { id, problem })
    };
    pick.undecided
        .iter()
        .chain(behind)
        .filter_map(told)
        .collect()
}

/// What is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    /// In which direction.
    pub(super) way: Way,
    /// How many rows.
    pub(super) need: u32,
    /// Whether it matters if more follow.
    pub(super) look: bool,
}
