//! The plain fields of a customer.
//!
//! Not among them: relatives, which are loaded; the raw record, custom fields and identity numbers, which not every caller
//! may see.

use super::{Object, Sheet, Write, json, leaf, within};
use crate::graphql::customer::CustomerNode;
use crate::graphql::id;
use crate::graphql::room::Room;
use crate::graphql::source::SourceNode;
use crate::model::{Customer, Owner, PhoneNumber};
use async_graphql::parser::types::{Field, SelectionSet};
use async_graphql::{ContextSelectionSet, Error, Positioned, ServerResult, Value};

/// A customer as text; `None` where the selection or the record is not plain.
pub(in crate::graphql) fn customer(
    customer: &CustomerNode,
    ctx: &ContextSelectionSet<'_>,
) -> Option<ServerResult<Value>> {
    let object = object(ctx.item)?;
    within(ctx, |room| customer_of(customer, &object, room))
}

/// The same, its selection compiled already.
pub(in crate::graphql) fn customer_of(
    customer: &CustomerNode,
    object: &Object<CustomerNode>,
    room: &Room,
) -> Option<Result<Value, Error>> {
    if !is_plain(customer) {
        return None;
    }
    let mut out = Sheet::of(room, 512);
    object.write(customer, &mut out);
    Some(out.taken(room))
}

/// Whether every field of the record could be read.
pub(super) fn is_plain(customer: &CustomerNode) -> bool {
    customer.record().problems.is_empty()
}

/// Compiles a customer's selection; `None` where any of it is not plain.
pub(in crate::graphql) fn object(set: &Positioned<SelectionSet>) -> Option<Object<CustomerNode>> {
    Object::of(set, "Customer", field)
}

/// A text of the record.
fn text(read: fn(&Customer) -> Option<&str>) -> Option<Write<CustomerNode>> {
    leaf(move |node: &CustomerNode, out| json::option(read(node.record()), out, json::text))
}

/// A text field of the record, by its name there.
macro_rules! text {
    ($name:ident) => {
        text(|customer| customer.$name.as_deref())
    };
}

/// A word of an enum of the record.
macro_rules! word {
    ($name:ident) => {
        leaf(|node: &CustomerNode, out| json::option(node.record().$name, out, json::word))
    };
}

/// A moment of the record.
macro_rules! time {
    ($name:ident) => {
        leaf(|node: &CustomerNode, out| {
            json::option(node.record().$name, out, |at, out| json::time(at, out));
        })
    };
}

pub(super) fn field(asked: &Field) -> Option<Write<CustomerNode>> {
    match asked.name.node.as_str() {
        "id" => leaf(|node: &CustomerNode, out| {
            json::text(&id::of_customer(node.source(), &node.record().id), out);
        }),
        "sourceId" => leaf(|node: &CustomerNode, out| json::text(node.record().id.as_str(), out)),
        "displayName" => {
            leaf(|node: &CustomerNode, out| json::text(&node.record().display_name(), out))
        }
        "name" => text!(name),
        "firstName" => text!(first_name),
        "lastName" => text!(last_name),
        "email" => text!(email),
        "company" => text!(company),
        "jobTitle" => text!(job_title),
        "customerNumber" => text!(customer_number),
        "externalId" => text!(external_id),
        "address" => text!(address),
        "city" => text!(city),
        "country" => text!(country),
        "avatarUrl" => text!(avatar_url),
        "note" => text!(note),
        "createdBy" => text!(created_by),
        "createdVia" => text!(created_via),
        "updatedBy" => text!(updated_by),
        "updatedVia" => text!(updated_via),
        "archivedBy" => text!(archived_by),
        "archivedVia" => text!(archived_via),
        "type" => word!(kind),
        "tier" => word!(tier),
        "status" => word!(status),
        "gender" => word!(gender),
        "birthDate" => leaf(|node: &CustomerNode, out| {
            json::option(node.record().birth_date, out, |day, out| {
                json::printed(day.0, out);
            });
        }),
        "createdAt" => time!(created_at),
        "updatedAt" => time!(updated_at),
        "archivedAt" => time!(archived_at),
        "deletedAt" => time!(deleted_at),
        "unsubscribed" => {
            leaf(|node: &CustomerNode, out| json::plain(&node.record().unsubscribed, out))
        }
        "tags" => leaf(|node: &CustomerNode, out| json::plain(&node.record().tags, out)),
        _ => nested(asked),
    }
}

/// The fields that are objects.
fn nested(asked: &Field) -> Option<Write<CustomerNode>> {
    let set = &asked.selection_set;
    match asked.name.node.as_str() {
        "phone" => {
            let inner = Object::of(set, "PhoneNumber", phone)?;
            leaf(move |node: &CustomerNode, out| {
                let phone = node.record().phone.as_ref();
                inner.write_or_null(phone, out);
            })
        }
        "owner" => {
            let inner = Object::of(set, "Owner", owner)?;
            leaf(move |node: &CustomerNode, out| {
                let owner = node.record().owner.as_ref();
                inner.write_or_null(owner, out);
            })
        }
        "source" => {
            let inner = source_object(set)?;
            leaf(move |node: &CustomerNode, out| {
                inner.write(&SourceNode(node.source().clone()), out);
            })
        }
        "freshness" => {
            let inner = Object::of(set, "Freshness", freshness)?;
            leaf(move |node: &CustomerNode, out| inner.write(node.record(), out))
        }
        _ => None,
    }
}

fn phone(asked: &Field) -> Option<Write<PhoneNumber>> {
    match asked.name.node.as_str() {
        "number" => leaf(|phone: &PhoneNumber, out| json::text(&phone.number, out)),
        "e164" => leaf(|phone: &PhoneNumber, out| json::plain(&phone.to_e164(), out)),
        "countryCode" => leaf(|phone: &PhoneNumber, out| json::plain(&phone.country_code, out)),
        "callingCode" => leaf(|phone: &PhoneNumber, out| json::plain(&phone.calling_code, out)),
        _ => None,
    }
}

fn owner(asked: &Field) -> Option<Write<Owner>> {
    match asked.name.node.as_str() {
        "id" => leaf(|owner: &Owner, out| json::text(&owner.id, out)),
        "name" => leaf(|owner: &Owner, out| json::plain(&owner.name, out)),
        _ => None,
    }
}

pub(super) fn source_object(set: &Positioned<SelectionSet>) -> Option<Object<SourceNode>> {
    Object::of(set, "Source", source)
}

/// What is written about a source is the same for every row of it, and short.
fn source(asked: &Field) -> Option<Write<SourceNode>> {
    match asked.name.node.as_str() {
        "id" => leaf(|source: &SourceNode, out| json::text(&id::of_source(&source.0), out)),
        "key" => leaf(|source: &SourceNode, out| json::text(&source.0.key, out)),
        "name" => leaf(|source: &SourceNode, out| json::text(&source.0.name, out)),
        "adapter" => leaf(|source: &SourceNode, out| json::text(&source.0.adapter, out)),
        _ => None,
    }
}

/// Whether a record came from a cache depends on when the operation began: that is the executor's business.
fn freshness(asked: &Field) -> Option<Write<Customer>> {
    match asked.name.node.as_str() {
        "fetchedAt" => leaf(|record: &Customer, out| {
            json::time(record.fetched_at.to_the_millisecond(), out);
        }),
        "stale" => leaf(|record: &Customer, out| json::plain(&record.stale, out)),
        _ => None,
    }
}
