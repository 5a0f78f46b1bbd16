//! Relatives of a whole list, loaded before its rows are resolved: one call for all parents and operators of a page, in
//! whatever order its rows are resolved then.

use super::customer::CustomerNode;
use crate::load::Load;
use crate::model::{Customer, LocalId};
use crate::source::SourceEntry;
use async_graphql::{Context, Lookahead};
use futures_util::future::{BoxFuture, FutureExt, join_all};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How deep relatives of relatives are loaded ahead; deeper ones are loaded as they are met.
const DEPTH: usize = 4;

/// The ids of relatives, by source.
type Wanted = BTreeMap<usize, (Arc<SourceEntry>, Vec<LocalId>)>;

/// Loads what the selection will ask of these rows.
pub async fn prefetch(ctx: &Context<'_>, load: &Load, rows: &[&CustomerNode]) {
    let list = ctx.look_ahead();
    let records: Vec<(Arc<SourceEntry>, Arc<Customer>)> = rows
        .iter()
        .map(|row| (Arc::clone(row.source()), row.record_ref()))
        .collect();
    for rows_of in [list.field("edges").field("node"), list.field("nodes")] {
        if rows_of.exists() {
            below(load, &records, rows_of, DEPTH).await;
        }
    }
}

fn below<'a>(
    load: &'a Load,
    records: &'a [(Arc<SourceEntry>, Arc<Customer>)],
    selected: Lookahead<'a>,
    depth: usize,
) -> BoxFuture<'a, ()> {
    async move {
        let relations: [(&str, Relation); 2] = [
            ("parent", |customer| customer.parent_id.as_ref()),
            ("operator", |customer| customer.operator_id.as_ref()),
        ];
        let selected: Vec<_> = relations
            .into_iter()
            .map(|(name, relation)| (selected.field(name), relation))
            .filter(|(field, _)| field.exists())
            .collect();
        if selected.is_empty() || depth == 0 {
            return;
        }
        let mut wanted = Wanted::new();
        for (_, relation) in &selected {
            gather(records, *relation, &mut wanted);
        }
        let loading = wanted
            .values()
            .map(|(entry, ids)| async move { (entry, load.customers(entry, ids.clone()).await) });
        let found: BTreeMap<usize, _> = join_all(loading)
            .await
            .into_iter()
            .map(|(entry, found)| (entry.rank, found))
            .collect();
        for (field, relation) in selected {
            let next: Vec<_> = records
                .iter()
                .filter_map(|(entry, record)| {
                    let fetched = found
                        .get(&entry.rank)?
                        .get(relation(record)?)?
                        .as_ref()
                        .ok()?
                        .as_ref()?;
                    Some((Arc::clone(entry), Arc::clone(fetched)))
                })
                .collect();
            below(load, &next, field, depth - 1).await;
        }
    }
    .boxed()
}

/// The relative of a customer.
type Relation = fn(&Customer) -> Option<&LocalId>;

fn gather(records: &[(Arc<SourceEntry>, Arc<Customer>)], relation: Relation, wanted: &mut Wanted) {
    for (entry, record) in records {
        if let Some(id) = relation(record) {
            let (_, ids) = wanted
                .entry(entry.rank)
                .or_insert_with(|| (Arc::clone(entry), Vec::new()));
            if !ids.contains(id) {
                ids.push(id.clone());
            }
        }
    }
}
