//! Relay connections over one CRM or several: windows, cursors, merging, and honesty about what is not known.
//!
//! Read in this order: `window` (which pages cover a window), `list` and `strip` (rows of one source from a gap), `reader`
//! (where its pages come in), then how each paging style gets them: `index` with `pages` and `behind`, or `walk` with `again`,
//! `back` and `circle`, and `turn` (the reversed list).
//! `place`, `drift`, `key` and `seek` say how a row is found again that moved. `cursor` is what a client holds of it.
//! Several sources: `plan`, then `grouped`, or `merge` with `stream` and `whole`. It knows neither CRMs nor GraphQL.

mod again;
mod arguments;
mod back;
mod behind;
mod circle;
mod cursor;
mod drift;
mod error;
mod gathered;
mod grouped;
mod index;
mod key;
mod list;
mod memory;
mod merge;
mod pages;
mod place;
mod plan;
mod reader;
mod run;
mod scan;
mod seek;
mod stream;
mod strip;
#[cfg(test)]
mod tests;
mod total;
mod turn;
mod walk;
mod whole;
pub mod window;

pub use arguments::DEFAULT_WINDOW;
pub use error::ConnectionError;

use crate::limits::Limits;
use crate::model::{
    ConnectionOrder, FieldProblem, Filter, LocalId, Order, SourceFailurePolicy, SourceOutcome,
    UnsupportedFilterPolicy,
};
use crate::source::{CustomerRef, Operation, SourceEntry, SourceError, Unsupported};
use cursor::{Cursor, Gaps, Keys, Sealer};
use gathered::{Gathered, Placed, Reading};
use memory::Memory;
use place::Way;
use plan::Planned;
use std::sync::Arc;
use std::time::Duration;

/// One source asked, with the filter in its own ids.
#[derive(Clone)]
pub struct AskedSource {
    /// The source.
    pub entry: Arc<SourceEntry>,
    /// What its customers must satisfy.
    pub filter: Filter,
}

/// What the selection needs to know; the rest costs no call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// `totalCount`.
    pub total: bool,
    /// `pageInfo.hasNextPage`.
    pub has_next: bool,
    /// `pageInfo.hasPreviousPage`.
    pub has_previous: bool,
    /// `cursor` of the edges. Where it is not wanted, those between the first and the last edge are left empty.
    pub cursors: bool,
}

/// A connection asked for.
#[derive(Clone)]
pub struct Asked {
    /// The sources, each once.
    pub sources: Vec<AskedSource>,
    /// The order, if any.
    pub order: Option<Order>,
    /// So many rows from the start or after a cursor.
    pub first: Option<i32>,
    /// After the row of this cursor.
    pub after: Option<String>,
    /// So many rows from the end or before a cursor.
    pub last: Option<i32>,
    /// Before the row of this cursor.
    pub before: Option<String>,
    /// What to do when a source fails.
    pub on_failure: SourceFailurePolicy,
    /// What to do when a source cannot serve a part of the filter.
    pub unsupported: UnsupportedFilterPolicy,
    /// What the selection needs to know.
    pub want: Want,
}

/// One row of a connection.
#[derive(Clone)]
pub struct Edge {
    /// Where it stands.
    pub cursor: String,
    /// Its source.
    pub source: Arc<SourceEntry>,
    /// The customer.
    pub customer: CustomerRef,
}

/// What stands around the rows of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageInfo {
    /// Whether rows follow. Made sure of where it was wanted.
    pub has_next: bool,
    /// Whether rows stand before. Made sure of where it was wanted.
    pub has_previous: bool,
    /// The cursor of the first row.
    pub start: Option<String>,
    /// The cursor of the last row; of a truncated window without rows, where to go on.
    pub end: Option<String>,
}

/// Why a source gave less than it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportError {
    /// It failed.
    Source(SourceError),
    /// It cannot serve the filter or the order.
    Unsupported(Unsupported),
    /// Its list would have to be read whole to be ordered, and has more customers than this.
    TooLong(u32),
    /// Its list would have to be read whole to be ordered, and the budget of pages ended before.
    ScanLimit,
}

/// What became of one source.
#[derive(Clone)]
pub struct Report {
    /// The source.
    pub source: Arc<SourceEntry>,
    /// What became of it.
    pub outcome: SourceOutcome,
    /// Why it gave less.
    pub error: Option<ReportError>,
    /// Upstream calls that were started for this connection.
    pub upstream_calls: u32,
    /// Places in the source's list, from 0, of records that could not be shown, and why.
    pub unreadable: Vec<(u64, &'static str)>,
    /// Customers left out because the field that the filter asks about could not be read.
    pub undecided: Vec<Undecided>,
}

/// A customer of whom nobody knows whether a filter holds.
#[derive(Clone, Debug)]
pub struct Undecided {
    /// The customer's id in its CRM.
    pub id: LocalId,
    /// Why nobody knows.
    pub problem: FieldProblem,
}

/// A connection.
pub struct Connection {
    /// The rows, in list order in both directions.
    pub edges: Vec<Edge>,
    /// What stands around them.
    pub page_info: PageInfo,
    /// The exact number of rows of all sources, where it is known.
    pub total: Option<u64>,
    /// In which order the rows stand.
    pub order: ConnectionOrder,
    /// One report for each source asked.
    pub reports: Vec<Report>,
    /// Rows moved so far between two calls that the place of the cursor was not found again.
    pub drift_unresolved: bool,
}

/// Makes connections. One for each tenant, anew with each reading of the configuration: it remembers what chains of pages taught
/// it.
pub struct Connector {
    limits: Limits,
    keys: Keys,
    memory: Memory,
}

impl Connector {
    /// With these ceilings. The same secret makes and accepts the same cursors.
    pub fn new(limits: Limits, secret: &[u8]) -> Self {
        Self {
            memory: Memory::new(limits.remembered_positions),
            keys: Keys::new(secret),
            limits,
        }
    }

    /// Reads a window.
    ///
    /// # Errors
    /// [`ConnectionError`] says why there is no window at all. What befell single sources stands in the reports.
    pub async fn connect(
        &self,
        asked: Asked,
        operation: &Arc<Operation>,
    ) -> Result<Connection, ConnectionError> {
        let window = arguments::window(&asked, self.limits.window)?;
        let planned = Planned::new(&asked, operation, &self.limits, &self.memory)?;
        let sealer = Sealer::new(
            &self.keys,
            planned.query,
            self.limits.cursor_bytes,
            &self.memory,
        );
        let cursor = window.cursor.map(|text| sealer.open(text)).transpose()?;
        let looks = match window.way {
            Way::Forward => asked.want.has_next,
            Way::Backward => asked.want.has_previous,
        };
        let reading = Reading {
            way: window.way,
            need: window.rows,
            look: looks,
            total: asked.want.total,
            on_failure: asked.on_failure,
        };
        let gaps = cursor.as_ref().map(|cursor| cursor.gaps(window.way));
        let failed = cursor.as_ref().map_or(&[][..], |cursor| &cursor.failed);
        let gathered = match asked
            .order
            .filter(|_| planned.order == ConnectionOrder::Merged)
        {
            Some(order) => {
                let merging = merge::read(&planned.lists, gaps.as_ref(), failed, reading, order);
                Box::pin(merging).await?
            }
            None => grouped::read(&planned.lists, gaps.as_ref(), failed, reading).await?,
        };
        if gathered.has_errors() {
            operation.read_fresh_for(Duration::ZERO);
        }
        let ends_only = !asked.want.cursors;
        let way = window.way;
        answer(&planned, &sealer, cursor.as_ref(), way, ends_only, gathered)
    }
}

/// Turns rows in reading order into a connection in list order, with its cursors.
fn answer(
    planned: &Planned<'_>,
    sealer: &Sealer<'_>,
    from: Option<&Cursor>,
    way: Way,
    ends_only: bool,
    mut gathered: Gathered,
) -> Result<Connection, ConnectionError> {
    let blank = gathered.edges.is_empty() && from.is_none_or(|cursor| cursor.blank);
    let cut = gathered.cut.take().map(|gaps| (way == Way::Forward, gaps));
    let last = gathered.edges.len().saturating_sub(1);
    let failed: Vec<u16> = gathered.failed();
    let mut edges: Vec<Edge> = Vec::with_capacity(gathered.edges.len());
    for (
        index,
        Placed {
            source,
            found,
            here,
        },
    ) in gathered.edges.drain(..).enumerate()
    {
        let Some(listed) = planned.lists.get(usize::from(source)) else {
            continue;
        };
        // Sealing costs as much as all else about a row, and clients that only page ask for the ends.
        let wanted = !ends_only || index == 0 || index == last;
        let seal = |here| {
            sealer.seal(&Cursor {
                failed: failed.clone(),
                edge: Some(source),
                here,
                onward: cut.as_ref().filter(|_| index == last).cloned(),
                blank: false,
            })
        };
        edges.push(Edge {
            cursor: if wanted { seal(here)? } else { String::new() },
            source: Arc::clone(&listed.entry),
            customer: found.customer,
        });
    }
    let here: Option<Gaps> = cut.map(|(_, gaps)| gaps);
    let onward = here
        .map(|here| {
            sealer.seal(&Cursor {
                failed,
                here,
                blank,
                ..Cursor::default()
            })
        })
        .transpose()?;
    if way == Way::Backward {
        edges.reverse();
    }
    let came = from.is_some_and(|cursor| !cursor.blank);
    let page_info = page_info(&edges, way, gathered.more, came, onward);
    Ok(Connection {
        page_info,
        edges,
        total: gathered.total,
        order: planned.order,
        drift_unresolved: gathered.drifted,
        reports: gathered.reports(planned),
    })
}

fn page_info(edges: &[Edge], way: Way, more: bool, came: bool, onward: Option<String>) -> PageInfo {
    let (has_next, has_previous) = match way {
        Way::Forward => (more, came),
        Way::Backward => (came, more),
    };
    let cursor = |edge: Option<&Edge>| edge.map(|edge| edge.cursor.clone());
    let (start, end) = match (edges.is_empty(), way) {
        (false, _) => (cursor(edges.first()), cursor(edges.last())),
        (true, Way::Forward) => (None, onward),
        (true, Way::Backward) => (onward, None),
    };
    PageInfo {
        has_next,
        has_previous,
        start,
        end,
    }
}
