//! Connections in the schema.

use super::code::{ErrorCode, coded, of_connection, of_report, of_source};
use super::customer::CustomerNode;
use super::filter::{CustomerFilter, CustomerOrder, Decoded};
use super::notes::Notes;
use super::plain;
use super::relatives;
use super::source::SourceNode;
use crate::connection::{
    Asked, AskedSource, Connection, Connector, Report, ReportError, Undecided, Want,
};
use crate::limits::Limits;
use crate::load::Load;
use crate::model::{ConnectionOrder, SourceFailurePolicy, SourceOutcome, UnsupportedFilterPolicy};
use crate::source::{SourceEntry, Sources};
use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{
    Context, ContextSelectionSet, Error, ErrorExtensions, Lookahead, Object, OutputType,
    Positioned, ServerResult, SimpleObject, Value,
};
use std::borrow::Cow;
use std::sync::Arc;

/// A list of customers, cut to a window, resolved the short way where the selection allows it.
pub struct CustomerConnection(pub(super) Arc<ConnectionFields>);

/// A list of customers, cut to a window.
pub struct ConnectionFields {
    pub(super) edges: Vec<CustomerEdge>,
    pub(super) page_info: PageInfo,
    pub(super) total_count: Option<i32>,
    pub(super) order: ConnectionOrder,
    pub(super) sources: Vec<SourceReport>,
}

/// A customer at its place in a list.
#[derive(SimpleObject)]
pub struct CustomerEdge {
    /// The place: pass it as `after` or `before` to go on from here, with any window size.
    pub(super) cursor: String,
    /// The customer.
    pub(super) node: CustomerNode,
}

/// What stands around a window.
#[derive(SimpleObject)]
pub struct PageInfo {
    /// Whether customers follow.
    pub(super) has_next_page: bool,
    /// Whether customers stand before.
    pub(super) has_previous_page: bool,
    /// The cursor of the first edge. Where a filtered list read backwards was cut short it may be given without any edge: go on
    /// from it.
    pub(super) start_cursor: Option<String>,
    /// The cursor of the last edge. Where a filtered list was cut short it may be given without any edge: go on from it.
    pub(super) end_cursor: Option<String>,
}

/// What became of one source in a list.
#[derive(SimpleObject)]
pub struct SourceReport {
    /// The source.
    pub(super) source: SourceNode,
    /// What became of it.
    pub(super) outcome: SourceOutcome,
    /// Why it gave less than asked.
    pub(super) error: Option<SourceErrorFields>,
    /// Upstream calls that this list started at the source. A call of somebody else that was joined is not counted.
    pub(super) upstream_calls: i32,
}

/// Why a source gave less than it was asked for.
#[derive(SimpleObject)]
#[graphql(name = "SourceError")]
pub struct SourceErrorFields {
    /// What went wrong, for programs.
    pub(super) code: ErrorCode,
    /// What went wrong, for people.
    pub(super) message: String,
    /// When to try again, in seconds, where it is known.
    pub(super) retry_after_seconds: Option<i32>,
}

/// A list of customers, cut to a window.
#[Object(name = "CustomerConnection")]
impl ConnectionFields {
    /// The customers with their places, in the same order whichever way the list is walked.
    async fn edges(&self) -> &[CustomerEdge] {
        &self.edges
    }

    /// The customers without their places.
    async fn nodes(&self) -> Vec<&CustomerNode> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// What stands around this window.
    async fn page_info(&self) -> &PageInfo {
        &self.page_info
    }

    /// How many customers the whole list has: exact, or null where it is not known.
    async fn total_count(&self) -> Option<i32> {
        self.total_count
    }

    /// In which order the customers stand.
    async fn order(&self) -> ConnectionOrder {
        self.order
    }

    /// One report for each source asked.
    async fn sources(&self) -> &[SourceReport] {
        &self.sources
    }
}

impl OutputType for CustomerConnection {
    fn type_name() -> Cow<'static, str> {
        <ConnectionFields as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <ConnectionFields as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        match plain::connection(&self.0, ctx) {
            Some(written) => written,
            None => OutputType::resolve(&*self.0, ctx, field).await,
        }
    }
}

/// The arguments of a connection.
#[derive(Default)]
pub struct ConnectionArguments {
    /// Source keys; all sources where it is not given.
    pub sources: Option<Vec<String>>,
    /// Which customers.
    pub filter: Option<CustomerFilter>,
    /// In which order.
    pub order_by: Option<CustomerOrder>,
    /// So many from the start or after a cursor.
    pub first: Option<i32>,
    /// After this cursor.
    pub after: Option<String>,
    /// So many from the end or before a cursor.
    pub last: Option<i32>,
    /// Before this cursor.
    pub before: Option<String>,
    /// What to do when a source fails.
    pub on_source_failure: SourceFailurePolicy,
    /// What to do with filters that a source cannot serve.
    pub unsupported_filter: UnsupportedFilterPolicy,
}

/// Reads a connection for the executor, and what its selection asks around the rows.
///
/// # Errors
/// Coded, where there is no connection at all.
pub async fn connect(
    ctx: &Context<'_>,
    arguments: ConnectionArguments,
) -> Result<CustomerConnection, Error> {
    let desk = Desk {
        load: ctx.data::<Load>()?,
        connector: ctx.data::<Arc<Connector>>()?,
        limits: ctx.data::<Limits>()?,
        notes: ctx.data::<Arc<Notes>>()?,
    };
    let (list, spoken) = read(&desk, arguments, wanted(&ctx.look_ahead())).await?;
    for error in spoken {
        ctx.add_error(ctx.set_error_path(error.into_server_error(ctx.item.pos)));
    }
    let rows: Vec<_> = list.edges.iter().map(|edge| &edge.node).collect();
    relatives::prefetch(ctx, desk.load, &rows).await;
    Ok(CustomerConnection(Arc::new(list)))
}

/// What reading a connection needs, whoever asks for it.
pub struct Desk<'a> {
    /// The sources, and what was loaded of them.
    pub load: &'a Load,
    /// Makes the connections.
    pub connector: &'a Connector,
    /// The ceilings.
    pub limits: &'a Limits,
    /// Takes what is to be said beside the answer.
    pub notes: &'a Notes,
}

/// Reads a connection. Beside it stand the errors that leave it its value.
///
/// # Errors
/// Coded, where there is no connection at all.
pub async fn read(
    desk: &Desk<'_>,
    arguments: ConnectionArguments,
    want: Want,
) -> Result<(ConnectionFields, Vec<Error>), Error> {
    let Desk {
        load,
        connector,
        limits,
        notes,
    } = desk;
    let asked_sources = choose(load.sources(), arguments.sources.as_deref())?;
    let filter = Decoded::new(
        arguments.filter.unwrap_or_default(),
        load.sources(),
        limits.ids,
    )?;
    let (mut asked, mut elsewhere) = (Vec::new(), Vec::new());
    for entry in &asked_sources {
        match filter.of(entry) {
            Some(filter) => asked.push(AskedSource {
                entry: Arc::clone(entry),
                filter,
            }),
            None => elsewhere.push(Arc::clone(entry)),
        }
    }
    let asked = Asked {
        sources: asked,
        order: arguments.order_by.map(Into::into),
        first: arguments.first,
        after: arguments.after,
        last: arguments.last,
        before: arguments.before,
        on_failure: arguments.on_source_failure,
        unsupported: arguments.unsupported_filter,
        want,
    };
    let connection = connector
        .connect(asked, load.operation())
        .await
        .map_err(|error| of_connection(&error))?;
    if connection.drift_unresolved {
        notes.drifted();
    }
    let reports = &connection.reports;
    let mut spoken: Vec<Error> = reports.iter().filter_map(failure).collect();
    let odd = |report: &Report| report.unreadable.len() + report.undecided.len();
    let most = limits.errors.saturating_sub(spoken.len());
    let left_out = reports.iter().map(odd).sum::<usize>().saturating_sub(most);
    notes.leave_out(left_out);
    spoken.extend(reports.iter().flat_map(oddities).take(most));
    Ok((show(connection, &elsewhere), spoken))
}

/// The sources asked, each once, in the order of the configuration.
fn choose(all: &Sources, keys: Option<&[String]>) -> Result<Vec<Arc<SourceEntry>>, Error> {
    let Some(keys) = keys else {
        return Ok(all.all().to_vec());
    };
    if keys.is_empty() {
        return Err(coded(
            ErrorCode::InvalidInput,
            "`sources` must not be empty; leave it out to ask all sources",
        ));
    }
    if keys.iter().any(|key| all.by_key(key).is_none()) {
        let known: Vec<_> = all.all().iter().map(|entry| &*entry.key).collect();
        return Err(coded(
            ErrorCode::InvalidInput,
            format!(
                "`sources` names one that is not there; there are: {}",
                known.join(", ")
            ),
        ));
    }
    Ok(all
        .all()
        .iter()
        .filter(|entry| keys.iter().any(|key| **key == *entry.key))
        .cloned()
        .collect())
}

/// What the selection needs to know, so that the rest costs no call.
fn wanted(selected: &Lookahead<'_>) -> Want {
    let page_info = selected.field("pageInfo");
    Want {
        total: selected.field("totalCount").exists(),
        has_next: page_info.field("hasNextPage").exists(),
        has_previous: page_info.field("hasPreviousPage").exists(),
        cursors: selected.field("edges").field("cursor").exists(),
    }
}

fn show(connection: Connection, elsewhere: &[Arc<SourceEntry>]) -> ConnectionFields {
    let mut sources: Vec<SourceReport> = connection
        .reports
        .into_iter()
        .map(SourceReport::from)
        .collect();
    sources.extend(elsewhere.iter().map(|entry| SourceReport {
        source: SourceNode(Arc::clone(entry)),
        outcome: SourceOutcome::Complete,
        error: None,
        upstream_calls: 0,
    }));
    sources.sort_by_key(|report| report.source.0.rank);
    ConnectionFields {
        edges: connection
            .edges
            .into_iter()
            .map(|edge| CustomerEdge {
                cursor: edge.cursor,
                node: CustomerNode::new(edge.source, edge.customer),
            })
            .collect(),
        page_info: PageInfo {
            has_next_page: connection.page_info.has_next,
            has_previous_page: connection.page_info.has_previous,
            start_cursor: connection.page_info.start,
            end_cursor: connection.page_info.end,
        },
        total_count: connection.total.and_then(|total| i32::try_from(total).ok()),
        order: connection.order,
        sources,
    }
}

/// What a report says of a failed source stands in the errors too.
fn failure(report: &Report) -> Option<Error> {
    match (&report.outcome, &report.error) {
        (SourceOutcome::Failed, Some(ReportError::Source(error))) => {
            Some(of_source(&report.source.key, error))
        }
        _ => None,
    }
}

/// The records that could not be shown, or of which nobody knows whether they belong here.
fn oddities(report: &Report) -> impl Iterator<Item = Error> + '_ {
    let key = &report.source.key;
    let unreadable = report.unreadable.iter().map(move |(place, reason)| {
        let message = format!("{key}: the record at position {place} is left out: {reason}");
        odd(key, message)
    });
    let undecided = report.undecided.iter().map(move |Undecided { id, problem }| {
        let (field, reason) = (problem.name(), problem.reason);
        let message = format!(
            "{key}: the customer {id} is left out, as the filter asks about its field `{field}`, which cannot be read: {reason}"
        );
        odd(key, message)
    });
    unreadable.chain(undecided)
}

/// The error of something odd in what a source answered.
fn odd(key: &str, message: String) -> Error {
    coded(ErrorCode::SourceInvalidResponse, message)
        .extend_with(|_, extensions| extensions.set("source", key))
}

impl From<Report> for SourceReport {
    fn from(report: Report) -> Self {
        let error = report.error.as_ref().map(|error| {
            let (code, message, retry_after_seconds) = of_report(&report.source, error);
            SourceErrorFields {
                code,
                message,
                retry_after_seconds,
            }
        });
        Self {
            source: SourceNode(report.source),
            outcome: report.outcome,
            error,
            upstream_calls: i32::try_from(report.upstream_calls).unwrap_or(i32::MAX),
        }
    }
}
