//! The root of queries.

use super::code::{ErrorCode, allowed, coded, of_source};
use super::connection::{ConnectionArguments, CustomerConnection, connect};
use super::customer::CustomerNode;
use super::direct::{AlreadyRead, Got};
use super::filter::{CustomerFilter, CustomerOrder};
use super::id::{self, Named};
use super::source::SourceNode;
use crate::access::Scope;
use crate::limits::Limits;
use crate::load::{Load, Loaded};
use crate::model::{LocalId, SourceFailurePolicy, UnsupportedFilterPolicy};
use crate::source::{SourceEntry, SourceError};
use async_graphql::{Context, Error, ID, Interface, Object};
use futures_util::future::join_all;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Anything that has a global id and can be fetched again by it.
#[derive(Interface)]
#[graphql(field(
    name = "id",
    ty = "ID",
    desc = "The global id. Opaque, stable, and refetchable through `node`."
))]
pub enum Node {
    /// A customer.
    Customer(CustomerNode),
    /// A source.
    Source(SourceNode),
}

/// One node of a list: there, absent, or failed on its own.
type NodeSlot = Option<Result<Node, Error>>;

/// The root of queries.
pub struct Query;

/// What can be asked.
#[Object]
impl Query {
    /// Anything by its global id; null where there is no such thing any more.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A global id.")] id: ID,
    ) -> Result<Option<Node>, Error> {
        let load = ctx.data::<Load>()?;
        match id::named(load.sources(), &id)? {
            Named::Source(entry) => Ok(Some(Node::Source(SourceNode(entry)))),
            Named::Customer(entry, id) => {
                allowed(ctx, Scope::ReadCustomers)?;
                Ok(one(load, entry, id).await?.map(Node::Customer))
            }
        }
    }

    /// Several things by their global ids, in the order asked, in as few upstream calls as the CRMs allow; null where
    /// there is no such thing any more.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ids; each counts, also one that is asked twice.")] ids: Vec<ID>,
    ) -> Result<Vec<NodeSlot>, Error> {
        let load = ctx.data::<Load>()?;
        let most = ctx.data::<Limits>()?.ids;
        if ids.len() > most {
            return Err(coded(
                ErrorCode::InvalidInput,
                format!("`nodes` takes at most {most} ids"),
            ));
        }
        let named = |id: &ID| {
            let named = id::named(load.sources(), id)?;
            if matches!(named, Named::Customer(..)) {
                allowed(ctx, Scope::ReadCustomers)?;
            }
            Ok(named)
        };
        let named: Vec<Result<Named, Error>> = ids.iter().map(named).collect();
        let found = fetch(load, &named).await;
        Ok(named.into_iter().map(|named| slot(named, &found)).collect())
    }

    /// One customer by its global id; null where the CRM has no such customer.
    async fn customer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global id of a customer.")] id: ID,
    ) -> Result<Option<CustomerNode>, Error> {
        if let Some(ready) = AlreadyRead::take(ctx) {
            return match ready? {
                Got::One(customer) => Ok(customer),
                Got::List(_) => Ok(None),
            };
        }
        let load = ctx.data::<Load>()?;
        allowed(ctx, Scope::ReadCustomers)?;
        let (entry, id) = id::customer(load.sources(), &id)?;
        one(load, entry, id).await
    }

    /// Customers of one, several or all sources, cut to a window. Without `orderBy` the customers of several sources stand
    /// one source after the other, in the order of the configuration.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn customers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Keys of the sources to ask; all sources where it is not given.")] sources: Option<Vec<String>>,
        #[graphql(desc = "Which customers.")] filter: Option<CustomerFilter>,
        #[graphql(desc = "In which order.")] order_by: Option<CustomerOrder>,
        #[graphql(
            desc = "How many rows, from the start or after a cursor; 20 where neither this nor `last` is given, at most as many as the gateway allows (`limits.window`, usually 100)."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(
            desc = "How many rows, from the end or before a cursor; at most as many as the gateway allows (`limits.window`, usually 100)."
        )]
        last: Option<i32>,
        #[graphql(desc = "Only what stands before this cursor.")] before: Option<String>,
        #[graphql(
            desc = "What to do when a source fails.",
            default_with = "SourceFailurePolicy::Skip"
        )]
        on_source_failure: SourceFailurePolicy,
        #[graphql(
            desc = "What to do when a source cannot serve a part of the filter.",
            default_with = "UnsupportedFilterPolicy::Refuse"
        )]
        unsupported_filter: UnsupportedFilterPolicy,
    ) -> Result<Option<CustomerConnection>, Error> {
        if let Some(ready) = AlreadyRead::take(ctx) {
            return match ready? {
                Got::List(list) => Ok(Some(CustomerConnection(list))),
                Got::One(_) => Ok(None),
            };
        }
        allowed(ctx, Scope::ReadCustomers)?;
        let arguments = ConnectionArguments {
            sources,
            filter,
            order_by,
            first,
            after,
            last,
            before,
            on_source_failure,
            unsupported_filter,
        };
        connect(ctx, arguments).await.map(Some)
    }

    /// One source by its key; null where none is configured under it.
    async fn source(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The key from the configuration.")] key: String,
    ) -> Result<Option<SourceNode>, Error> {
        let load = ctx.data::<Load>()?;
        Ok(load.sources().by_key(&key).cloned().map(SourceNode))
    }

    /// Every configured source, in the order of the configuration.
    async fn sources(&self, ctx: &Context<'_>) -> Result<Vec<SourceNode>, Error> {
        let load = ctx.data::<Load>()?;
        Ok(load
            .sources()
            .all()
            .iter()
            .cloned()
            .map(SourceNode)
            .collect())
    }
}

async fn one(
    load: &Load,
    entry: Arc<SourceEntry>,
    id: LocalId,
) -> Result<Option<CustomerNode>, Error> {
    customer(load, entry, id, false).await
}

/// One customer; `alone` where its operation asks for nothing else.
///
/// # Errors
/// Coded, where its source fails.
pub(super) async fn customer(
    load: &Load,
    entry: Arc<SourceEntry>,
    id: LocalId,
    alone: bool,
) -> Result<Option<CustomerNode>, Error> {
    let loaded = match alone {
        true => load.only(&entry, id).await,
        false => load.customer(&entry, id).await,
    };
    match loaded {
        Ok(found) => Ok(found.map(|found| CustomerNode::new(entry, found))),
        Err(error) => Err(of_source(&entry.key, &error)),
    }
}

/// Customers found, by source and id.
type Found = BTreeMap<usize, HashMap<LocalId, Loaded>>;

async fn fetch(load: &Load, named: &[Result<Named, Error>]) -> Found {
    let mut wanted: BTreeMap<usize, (Arc<SourceEntry>, Vec<LocalId>)> = BTreeMap::new();
    for (entry, id) in named.iter().filter_map(|named| match named {
        Ok(Named::Customer(entry, id)) => Some((entry, id)),
        _ => None,
    }) {
        let (_, ids) = wanted
            .entry(entry.rank)
            .or_insert_with(|| (Arc::clone(entry), Vec::new()));
        if !ids.contains(id) {
            ids.push(id.clone());
        }
    }
    let loading = wanted
        .into_values()
        .map(|(entry, ids)| async move { (entry.rank, load.customers(&entry, ids).await) });
    join_all(loading).await.into_iter().collect()
}

fn slot(named: Result<Named, Error>, found: &Found) -> NodeSlot {
    match named {
        Err(error) => Some(Err(error)),
        Ok(Named::Source(entry)) => Some(Ok(Node::Source(SourceNode(entry)))),
        Ok(Named::Customer(entry, id)) => {
            let loaded = found.get(&entry.rank).and_then(|found| found.get(&id));
            match loaded.cloned() {
                Some(Ok(None)) => None,
                Some(Ok(Some(fetched))) => {
                    Some(Ok(Node::Customer(CustomerNode::new(entry, fetched))))
                }
                Some(Err(error)) => Some(Err(of_source(&entry.key, &error))),
                None => Some(Err(of_source(&entry.key, &SourceError::broken_off()))),
            }
        }
    }
}
