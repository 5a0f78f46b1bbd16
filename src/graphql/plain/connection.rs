//! The plain fields of a connection.

use super::customer::{self, is_plain, source_object};
use super::{Object, Sheet, Write, each, json, leaf, within};
use crate::graphql::connection::{
    ConnectionFields, CustomerEdge, PageInfo, SourceErrorFields, SourceReport,
};
use crate::graphql::room::Room;
use async_graphql::parser::types::{Field, SelectionSet};
use async_graphql::{ContextSelectionSet, Error, Positioned, ServerResult, Value};

/// A connection as text; `None` where the selection or any record is not plain.
pub(in crate::graphql) fn connection(
    connection: &ConnectionFields,
    ctx: &ContextSelectionSet<'_>,
) -> Option<ServerResult<Value>> {
    let object = object(ctx.item)?;
    within(ctx, |room| connection_of(connection, &object, room))
}

/// The same, its selection compiled already.
pub(in crate::graphql) fn connection_of(
    connection: &ConnectionFields,
    object: &Object<ConnectionFields>,
    room: &Room,
) -> Option<Result<Value, Error>> {
    if !connection.edges.iter().all(|edge| is_plain(&edge.node)) {
        return None;
    }
    let mut out = Sheet::of(room, 256 + 512 * connection.edges.len());
    object.write(connection, &mut out);
    Some(out.taken(room))
}

/// Compiles a connection's selection; `None` where any of it is not plain.
pub(in crate::graphql) fn object(
    set: &Positioned<SelectionSet>,
) -> Option<Object<ConnectionFields>> {
    Object::of(set, "CustomerConnection", field)
}

pub(super) fn field(asked: &Field) -> Option<Write<ConnectionFields>> {
    let set = &asked.selection_set;
    match asked.name.node.as_str() {
        "edges" => {
            let inner = Object::of(set, "CustomerEdge", edge)?;
            leaf(move |list: &ConnectionFields, out| {
                each(list.edges.iter(), out, |edge, out| inner.write(edge, out));
            })
        }
        "nodes" => {
            let inner = customer::object(set)?;
            leaf(move |list: &ConnectionFields, out| {
                each(list.edges.iter(), out, |edge, out| {
                    inner.write(&edge.node, out);
                });
            })
        }
        "pageInfo" => {
            let inner = Object::of(set, "PageInfo", page_info)?;
            leaf(move |list: &ConnectionFields, out| inner.write(&list.page_info, out))
        }
        "totalCount" => leaf(|list: &ConnectionFields, out| json::plain(&list.total_count, out)),
        "order" => leaf(|list: &ConnectionFields, out| json::word(list.order, out)),
        "sources" => {
            let inner = Object::of(set, "SourceReport", report)?;
            leaf(move |list: &ConnectionFields, out| {
                each(list.sources.iter(), out, |report, out| {
                    inner.write(report, out);
                });
            })
        }
        _ => None,
    }
}

fn edge(asked: &Field) -> Option<Write<CustomerEdge>> {
    match asked.name.node.as_str() {
        "cursor" => leaf(|edge: &CustomerEdge, out| json::text(&edge.cursor, out)),
        "node" => {
            let inner = customer::object(&asked.selection_set)?;
            leaf(move |edge: &CustomerEdge, out| inner.write(&edge.node, out))
        }
        _ => None,
    }
}

fn page_info(asked: &Field) -> Option<Write<PageInfo>> {
    match asked.name.node.as_str() {
        "hasNextPage" => leaf(|info: &PageInfo, out| json::plain(&info.has_next_page, out)),
        "hasPreviousPage" => leaf(|info: &PageInfo, out| json::plain(&info.has_previous_page, out)),
        "startCursor" => leaf(|info: &PageInfo, out| json::plain(&info.start_cursor, out)),
        "endCursor" => leaf(|info: &PageInfo, out| json::plain(&info.end_cursor, out)),
        _ => None,
    }
}

fn report(asked: &Field) -> Option<Write<SourceReport>> {
    match asked.name.node.as_str() {
        "source" => {
            let inner = source_object(&asked.selection_set)?;
            leaf(move |report: &SourceReport, out| inner.write(&report.source, out))
        }
        "outcome" => leaf(|report: &SourceReport, out| json::word(report.outcome, out)),
        "error" => {
            let inner = Object::of(&asked.selection_set, "SourceError", error)?;
            leaf(move |report: &SourceReport, out| {
                inner.write_or_null(report.error.as_ref(), out);
            })
        }
        "upstreamCalls" => {
            leaf(|report: &SourceReport, out| json::plain(&report.upstream_calls, out))
        }
        _ => None,
    }
}

fn error(asked: &Field) -> Option<Write<SourceErrorFields>> {
    match asked.name.node.as_str() {
        "code" => leaf(|error: &SourceErrorFields, out| json::text(error.code.as_str(), out)),
        "message" => leaf(|error: &SourceErrorFields, out| json::text(&error.message, out)),
        "retryAfterSeconds" => {
            leaf(|error: &SourceErrorFields, out| json::plain(&error.retry_after_seconds, out))
        }
        _ => None,
    }
}
