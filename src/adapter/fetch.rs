//! Customers by id: in batches where the CRM can, else one call each, in parallel within the source's limit.

use super::Adapter;
use super::faults::{self, malformed, unlike_json};
use super::filter::push_ids;
use super::judge::{Judge, refused_read};
use super::list::{Batch, refused_list};
use super::lookup::Listed;
use super::manifest::{Get, GetMany, Gone, Manifest, Route};
use super::mapping::{Came, CustomerMap};
use super::native;
use super::pick::NoRows;
use super::place::JsonPath;
use super::refusal::Refusal;
use super::tries::{Failed, Repeat};
use super::unchanged::Heard;
use super::wire;
use crate::model::{Customer, DateTime, LocalId, Native, NativeFinder, Stamp};
use crate::source::{Call, CustomerRef, Row, SourceError, SourceErrorKind};
use crate::upstream::Reply;
use futures_util::future::join_all;
use std::collections::HashMap;
use std::sync::Arc;

pub(super) type Fetched = Result<Option<CustomerRef>, SourceError>;

impl Adapter {
    /// Answers in the order asked.
    pub(super) async fn fetch_all(&self, call: &Call, ids: &[LocalId]) -> Vec<Fetched> {
        let batch = match (&self.manifest.get_many, &self.manifest.get) {
            (Some(many), get)
                if ids.len() > 1 || get.is_none() || matches!(get, Some(Get::ViaList)) =>
            {
                Some(self.manifest.batch_size(many))
            }
            _ => None,
        };
        match batch {
            Some(max) => Box::pin(self.fetch_several(call, ids, max)).await,
            None => match ids {
                [only] => vec![self.fetch_one(call, only).await],
                _ => join_all(ids.iter().map(|id| self.fetch_one(call, id))).await,
            },
        }
    }

    /// In batches, but for ids that none of them can hold.
    async fn fetch_several(&self, call: &Call, ids: &[LocalId], max: usize) -> Vec<Fetched> {
        let alone = |id: &&LocalId| self.manifest.must_be_asked_alone(id);
        if !ids.iter().any(|id| alone(&id)) {
            return self.fetch_batches(call, ids, max).await;
        }
        let (odd, plain): (Vec<_>, Vec<_>) = ids.iter().partition(alone);
        let plain: Vec<_> = plain.into_iter().cloned().collect();
        let odd_ones = join_all(odd.into_iter().map(|id| self.fetch_one(call, id)));
        let batches = self.fetch_batches(call, &plain, max);
        let (odd, plain) = futures_util::join!(odd_ones, batches);
        let (mut odd, mut plain) = (odd.into_iter(), plain.into_iter());
        let next = |id: &LocalId| match alone(&id) {
            true => odd.next(),
            false => plain.next(),
        };
        ids.iter().map_while(next).collect()
    }

    /// So many ids a call.
    async fn fetch_batches(&self, call: &Call, ids: &[LocalId], max: usize) -> Vec<Fetched> {
        let batches = ids.chunks(max).map(|chunk| self.fetch_batch(call, chunk));
        join_all(batches).await.into_iter().flatten().collect()
    }

    /// Ids of CRMs that count are numbers; anything else cannot be one.
    pub(super) fn id_is_possible(&self, id: &LocalId) -> bool {
        let text = id.as_str();
        let reserved = self
            .manifest
            .http
            .reserved_ids
            .iter()
            .any(|word| word == text);
        let leads_on = self.manifest.http.plain_ids && text.contains(['/', '\\']);
        let counts = self.manifest.counts_ids();
        let plain_number = wire::integer(text).is_some();
        !reserved && !leads_on && (!counts || plain_number)
    }

    /// One customer, in whatever way this CRM shows any.
    pub(super) async fn shown(&self, call: &Call, id: &LocalId) -> Fetched {
        let mut found = Box::pin(self.fetch_all(call, std::slice::from_ref(id))).await;
        found
            .pop()
            .unwrap_or_else(|| Err(SourceError::broken_off()))
    }

    pub(super) async fn fetch_one(&self, call: &Call, id: &LocalId) -> Fetched {
        if !self.id_is_possible(id) {
            return Err(impossible_id());
        }
        match (&self.manifest.get, &self.get) {
            (Some(Get::Route { route, .. }), Some((prepared, single))) => {
                let draft = prepared.draft(Some(id.as_str()));
                let known = call.known_customer(id);
                let stamp = known.and_then(|known| known.stamp.as_ref());
                let reply = match self.hear(call, &route.method, (draft, None), stamp).await? {
                    Heard::Answer(reply) => reply,
                    Heard::Unchanged(stamp) => return Ok(known.map(|one| renewed(one, stamp))),
                };
                match self
                    .judge_status(route, &reply)
                    .and_then(|()| single.read(&self.manifest, &reply))
                {
                    Ok(Some(customer)) if customer.id != *id => {
                        Err(malformed("the CRM answered another customer than asked")
                            .with_status(reply.status))
                    }
                    Ok(customer) => Ok(customer.map(|mut customer| {
                        customer.stamp = self.stamp(&route.method, &reply);
                        Arc::new(customer)
                    })),
                    Err(refusal) if refusal.error.kind == SourceErrorKind::NotFound => Ok(None),
                    Err(refusal) => Err(refused_read(refusal.error)),
                }
            }
            (Some(Get::ViaList), _) => {
                let only = std::slice::from_ref(id);
                let rows = Box::pin(self.listed_rows(call, only)).await?;
                let found = spread(only, rows).pop();
                found.unwrap_or_else(|| Err(SourceError::broken_off()))
            }
            _ => Err(SourceError::new(
                SourceErrorKind::Unsupported,
                "the CRM cannot show one customer by id",
            )),
        }
    }

    async fn fetch_batch(&self, call: &Call, ids: &[LocalId]) -> Vec<Fetched> {
        let (possible, impossible): (Vec<_>, Vec<_>) =
            ids.iter().cloned().partition(|id| self.id_is_possible(id));
        if !impossible.is_empty() {
            let found = if possible.is_empty() {
                Vec::new()
            } else {
                Box::pin(self.fetch_batch(call, &possible)).await
            };
            let mut found = found.into_iter();
            let broken_off = || Err(SourceError::broken_off());
            return ids
                .iter()
                .map(|id| {
                    if self.id_is_possible(id) {
                        found.next().unwrap_or_else(broken_off)
                    } else {
                        Err(impossible_id())
                    }
                })
                .collect();
        }
        self.fetch_in_halves(call, ids).await
    }

    /// These ids in one call, as it is answered.
    pub(super) async fn fetch_in_one(
        &self,
        call: &Call,
        ids: &[LocalId],
    ) -> Result<Vec<Fetched>, SourceError> {
        let rows = match (&self.manifest.get_many, &self.get_many) {
            (Some(GetMany::Route { .. }), Some(batch)) => {
                let rows = self.batch_rows(call, batch, ids).await;
                rows.map(|rows| (rows, Ok(())))
            }
            _ => Box::pin(self.listed_rows(call, ids)).await,
        };
        Ok(spread(ids, rows?))
    }

    async fn batch_rows(
        &self,
        call: &Call,
        batch: &Batch,
        ids: &[LocalId],
    ) -> Result<Vec<Row>, SourceError> {
        let Some(GetMany::Route {
            route, ids: wire, ..
        }) = &self.manifest.get_many
        else {
            return Err(malformed("the adapter names no batch route"));
        };
        let mut draft = batch.prepared.draft(None);
        let texts: Vec<&str> = ids.iter().map(LocalId::as_str).collect();
        let unplaceable = |_| {
            SourceError::new(
                SourceErrorKind::InvalidId,
                "an id cannot stand in a batch request",
            )
        };
        push_ids(wire, &texts, &mut draft).map_err(unplaceable)?;
        let reply = self
            .exchange(call, draft, None, Repeat::Reads)
            .await
            .map_err(Failed::into_error)?;
        self.judge_status(route, &reply)
            .map_err(|refusal| refused_list(refusal.error))?;
        batch.read(&self.manifest, &reply, self.upstream.settings().answer_rows)
    }
}

/// A customer that is known, with what the CRM says now of using its record again.
fn renewed(known: &CustomerRef, stamp: Arc<Stamp>) -> CustomerRef {
    if known.stamp.as_ref() == Some(&stamp) {
        return Arc::clone(known);
    }
    Arc::new(Customer {
        stamp: Some(stamp),
        ..(**known).clone()
    })
}

/// Puts rows in the order of the ids asked. Where the rows are not all, or one of them was not asked for (so that the CRM
/// did not narrow its answer), an absent id proves nothing.
fn spread(ids: &[LocalId], (rows, whole): Listed) -> Vec<Fetched> {
    let mut found: HashMap<LocalId, Option<CustomerRef>> = HashMap::with_capacity(rows.len());
    let mut strangers = false;
    let mut unreadable = false;
    for row in rows {
        match row {
            Row::Customer { customer, .. } => {
                strangers |= !ids.contains(&customer.id);
                found.insert(customer.id.clone(), Some(customer));
            }
            Row::Gone { customer, .. } => {
                strangers |= !ids.contains(&customer.id);
                found.insert(customer.id.clone(), None);
            }
            Row::Unreadable { .. } => unreadable = true,
        }
    }
    let absent = || match (strangers, unreadable) {
        (true, _) => Err(malformed(
            "the CRM answered customers that were not asked for",
        )),
        (_, true) => Err(malformed("a record of the CRM's answer cannot be read")),
        _ => whole.clone().map(|()| None),
    };
    ids.iter()
        .map(|id| {
            found
                .get(id)
                .map_or_else(absent, |customer| Ok(customer.clone()))
        })
        .collect()
}

/// An answer that holds one record, compiled: the record and what makes the answer a success are read in one pass.
pub(super) struct Single {
    map: CustomerMap,
    judge: Judge,
    native: Arc<NativeFinder>,
}

impl Single {
    /// Compiles the reading of a record at `item`.
    pub(super) fn new(
        manifest: &Manifest,
        item: &JsonPath,
        gone: Option<&Gone>,
        route: &Route,
    ) -> Self {
        let mut map = CustomerMap::new_below(manifest, gone, None, item);
        let judge = Judge::new(manifest, route, |path| map.also(path));
        Self {
            map,
            judge,
            native: native::at(item.clone()),
        }
    }

    /// Reads the record; `None` where it is a deleted one.
    pub(super) fn read(
        &self,
        manifest: &Manifest,
        reply: &Reply,
    ) -> Result<Option<Customer>, Refusal> {
        let unlike = |reason| Refusal::from(malformed(reason).with_status(reply.status));
        let picked = self
            .map
            .picker()
            .pick(&reply.body, &mut NoRows::new())
            .map_err(|error| Refusal::from(unlike_json(&error).with_status(reply.status)))?;
        let mut leaves = picked.leaves;
        self.judge.check(manifest, reply, &leaves)?;
        let native = Native::new(native::own(&reply.body), 0, Arc::clone(&self.native));
        let came = Came {
            at: DateTime::at(jiff::Timestamp::now()),
            native: Some(native),
        };
        let read = self.map.read(&mut leaves, true, came);
        match read.customer {
            Ok(_) if read.gone => Ok(None),
            Ok(customer) => Ok(Some(customer)),
            Err(reason) => Err(unlike(reason)),
        }
    }
}

fn impossible_id() -> SourceError {
    let kind = SourceErrorKind::InvalidId;
    SourceError::new(kind, faults::sentence(kind))
}
