//! Relatives of a whole list, loaded before its rows are resolved: one call for all parents and operators of a page, one for
//! all of theirs, and so on, in whatever order its rows are resolved then.

use super::customer::CustomerNode;
use crate::load::{Load, Loaded};
use crate::model::{Customer, LocalId};
use crate::source::SourceEntry;
use async_graphql::indexmap::IndexSet;
use async_graphql::{Context, Lookahead};
use futures_util::future::join_all;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A customer and its source.
type Record = (Arc<SourceEntry>, Arc<Customer>);

/// The relative of a customer.
type Relation = fn(&Customer) -> Option<&LocalId>;

/// The ids of relatives, by source.
type Wanted = BTreeMap<usize, (Arc<SourceEntry>, IndexSet<LocalId>)>;

/// What was loaded, by source.
type Found = BTreeMap<usize, HashMap<LocalId, Loaded>>;

/// Customers of whom the same is selected.
struct Branch<'a> {
    records: Vec<Record>,
    selected: Lookahead<'a>,
}

/// One relation of the customers of a branch, and what is selected of the relatives.
struct Step<'a> {
    from: Vec<Record>,
    relation: Relation,
    selected: Lookahead<'a>,
}

/// Loads what the selection will ask of these rows.
pub async fn prefetch(ctx: &Context<'_>, load: &Load, rows: &[&CustomerNode]) {
    let list = ctx.look_ahead();
    let record = |row: &&CustomerNode| (Arc::clone(row.source()), row.record_ref());
    let mut level: Vec<Branch<'_>> = [list.field("edges").field("node"), list.field("nodes")]
        .into_iter()
        .filter(|selected| selected.exists())
        .map(|selected| Branch {
            records: rows.iter().map(record).collect(),
            selected,
        })
        .collect();
    // All branches of a level at once: what is wanted of a source is one call, wherever in the selection it is wanted.
    loop {
        let steps: Vec<Step<'_>> = level.iter().flat_map(Branch::steps).collect();
        if steps.is_empty() {
            return;
        }
        let found = loaded(load, wanted(&steps)).await;
        level = steps.into_iter().map(|step| step.taken(&found)).collect();
    }
}

impl<'a> Branch<'a> {
    /// The relations that are selected.
    fn steps(&self) -> Vec<Step<'a>> {
        let relations: [(&str, Relation); 2] = [
            ("parent", |customer| customer.parent_id.as_ref()),
            ("operator", |customer| customer.operator_id.as_ref()),
        ];
        let steps = relations.into_iter().map(|(name, relation)| Step {
            from: self.records.clone(),
            relation,
            selected: self.selected.field(name),
        });
        steps.filter(|step| step.selected.exists()).collect()
    }
}

impl<'a> Step<'a> {
    /// The relatives that were found.
    fn taken(self, found: &Found) -> Branch<'a> {
        let relative = |(entry, record): &Record| {
            let id = (self.relation)(record)?;
            let loaded = found.get(&entry.rank)?.get(id)?.as_ref().ok()?;
            Some((Arc::clone(entry), Arc::clone(loaded.as_ref()?)))
        };
        Branch {
            records: self.from.iter().filter_map(relative).collect(),
            selected: self.selected,
        }
    }
}

fn wanted(steps: &[Step<'_>]) -> Wanted {
    let mut wanted = Wanted::new();
    for step in steps {
        for (entry, record) in &step.from {
            if let Some(id) = (step.relation)(record) {
                let (_, ids) = wanted
                    .entry(entry.rank)
                    .or_insert_with(|| (Arc::clone(entry), IndexSet::new()));
                ids.insert(id.clone());
            }
        }
    }
    wanted
}

async fn loaded(load: &Load, wanted: Wanted) -> Found {
    let loading = wanted.into_iter().map(|(rank, (entry, ids))| async move {
        let ids = ids.into_iter().collect();
        (rank, load.customers(&entry, ids).await)
    });
    join_all(loading).await.into_iter().collect()
}
