//! Filters whose values are one parameter, given several times. Many a server keeps only the first or the last of such: then a list
//! seems to have the rows of one value alone.
//!
//! Rows of two values prove that it does not. Until then the same list is asked for once more, its values the other way round: a
//! server that keeps one answers other rows.

use super::Adapter;
use super::faults::malformed;
use super::manifest::{FilterKey, FilterTarget, ListForm};
use super::place::Destination;
use crate::model::{Customer, DeletedFilter, Filter, LocalId};
use crate::source::{Call, ListPlan, Page, Paging, Position, SourceError};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

/// The filters whose values leave each other no rows.
const KEYS: [FilterKey; 5] = [
    FilterKey::IdIn,
    FilterKey::TierIn,
    FilterKey::StatusIn,
    FilterKey::TypeIn,
    FilterKey::GenderIn,
];

/// The filters of which several values were seen to be heeded.
#[derive(Debug, Default)]
pub(super) struct Heeded(AtomicU32);

impl Heeded {
    fn has(&self, key: FilterKey) -> bool {
        self.0.load(Ordering::Relaxed) & bit(key) != 0
    }

    fn note(&self, key: FilterKey) {
        self.0.fetch_or(bit(key), Ordering::Relaxed);
    }
}

fn bit(key: FilterKey) -> u32 {
    let place = KEYS.iter().position(|known| *known == key);
    place.map_or(0, |place| 1 << place)
}

impl Adapter {
    /// One page, whose filters of several values are known to be heeded.
    ///
    /// # Errors
    /// The CRM heeds one of several values only.
    pub(super) async fn list_heeding(
        &self,
        call: &Call,
        plan: &ListPlan,
        at: &Position,
        size: u32,
    ) -> Result<Page, SourceError> {
        let page = self.list_page(call, plan, at, size).await?;
        // A window that begins elsewhere comes after one that began here.
        if *at != Position::Start {
            return Ok(page);
        }
        for key in self.doubted(plan) {
            if shown(key, &plan.filter, &page) > 1 {
                self.heeded.note(key);
                continue;
            }
            // What is known of this page is nothing of the others.
            let call = call.clone().knowing(None);
            let doubt = Doubt {
                adapter: self,
                call: &call,
                plan,
                size,
                key,
            };
            Box::pin(doubt.settle(&page)).await?;
        }
        Ok(page)
    }

    /// The filters of a list that send several values as one parameter, and were not seen to be heeded yet.
    fn doubted(&self, plan: &ListPlan) -> Vec<FilterKey> {
        let Some(route) = self.manifest.lists.get(plan.route) else {
            return Vec::new();
        };
        let repeats = |key: &FilterKey| {
            route.filter(*key).is_some_and(|wire| {
                let FilterTarget::Send(Destination::Query(_) | Destination::Form(_)) = &wire.to
                else {
                    return false;
                };
                wire.list == ListForm::Repeat
            })
        };
        let doubted = |key: &FilterKey| {
            !self.heeded.has(*key) && values(*key, &plan.filter) > 1 && repeats(key)
        };
        KEYS.into_iter().filter(doubted).collect()
    }
}

/// A filter of several values of which only one may be heeded.
struct Doubt<'d> {
    adapter: &'d Adapter,
    call: &'d Call,
    plan: &'d ListPlan,
    size: u32,
    key: FilterKey,
}

impl Doubt<'_> {
    /// # Errors
    /// Only one is.
    async fn settle(&self, page: &Page) -> Result<(), SourceError> {
        let filter = &self.plan.filter;
        let first = match self.size == self.asked_size() {
            true => ids(page),
            false => self.ids_of(filter.clone()).await?,
        };
        let turned = edited(self.key, filter, Edit::Turn);
        if first != self.ids_of(turned).await? {
            // Unless the list changed meanwhile.
            let again = self.ids_of(filter.clone()).await?;
            return heeded(again != first);
        }
        if !first.is_empty() {
            self.adapter.heeded.note(self.key);
            return Ok(());
        }
        // The first has no rows, nor has the last; one of those between them may have.
        match (values(self.key, filter), self.key) {
            (..=2, _) => Ok(()),
            (_, FilterKey::IdIn) => self.settle_by_others().await,
            (count, _) => self.settle_one_by_one(count).await,
        }
    }

    /// By two customers that are there.
    async fn settle_by_others(&self) -> Result<(), SourceError> {
        let all = Filter {
            deleted: self.plan.filter.deleted,
            ..Filter::default()
        };
        let plan = self.adapter.plan_list(&all, None);
        if !plan.is_ok_and(|plan| plan.route == self.plan.route) {
            return Ok(());
        }
        // Who may not ask for everybody learns nothing here.
        let Ok(known) = self.ids_of(all.clone()).await else {
            return Ok(());
        };
        let pair: Vec<LocalId> = known.iter().take(2).cloned().collect();
        if pair.len() < 2 {
            let mut asked = self.plan.filter.ids.iter().flatten();
            let missed = asked.any(|id| known.contains(id)) && self.asks_ids_alone();
            return heeded(!missed);
        }
        let of = |ids: Vec<LocalId>| Filter {
            ids: Some(ids),
            ..all.clone()
        };
        let turned = pair.iter().rev().cloned().collect();
        let there = self.ids_of(of(pair)).await?;
        if there.len() > 1 {
            self.adapter.heeded.note(self.key);
            return Ok(());
        }
        heeded(self.ids_of(of(turned)).await? == there)
    }

    /// Whether nothing else narrows the list.
    fn asks_ids_alone(&self) -> bool {
        let rest = Filter {
            ids: None,
            deleted: DeletedFilter::default(),
            ..self.plan.filter.clone()
        };
        rest == Filter::default()
    }

    async fn settle_one_by_one(&self, count: usize) -> Result<(), SourceError> {
        for at in 1..count - 1 {
            let alone = edited(self.key, &self.plan.filter, Edit::Keep(at));
            heeded(self.ids_of(alone).await?.is_empty())?;
        }
        Ok(())
    }

    /// Customers asked for by id may come as they were asked for, so that a page holds all of them, or proves nothing.
    fn asked_size(&self) -> u32 {
        let most = match self.plan.paging {
            Paging::Page(sizes) | Paging::Offset(sizes) | Paging::Keyset { sizes, .. } => sizes.max,
            Paging::Token(walk) | Paging::Link(walk) => {
                walk.sizes.map_or(u32::MAX, |sizes| sizes.max)
            }
            Paging::None => u32::MAX,
        };
        let values = u32::try_from(values(self.key, &self.plan.filter)).unwrap_or(u32::MAX);
        match self.key {
            FilterKey::IdIn => self.size.max(values.min(most)),
            _ => self.size,
        }
    }

    /// Who stands on the first page of the list with another filter.
    async fn ids_of(&self, filter: Filter) -> Result<BTreeSet<LocalId>, SourceError> {
        let plan = ListPlan {
            filter,
            ..self.plan.clone()
        };
        let (at, size) = (Position::Start, self.asked_size());
        let page = self.adapter.list_page(self.call, &plan, &at, size).await?;
        Ok(ids(&page))
    }
}

fn heeded(so: bool) -> Result<(), SourceError> {
    match so {
        true => Ok(()),
        false => Err(malformed(
            "the CRM heeds only one of several values of a filter",
        )),
    }
}

/// The ids of the customers of a page.
fn ids(page: &Page) -> BTreeSet<LocalId> {
    page.customers()
        .map(|customer| customer.id.clone())
        .collect()
}

/// How many values a filter has.
fn values(key: FilterKey, filter: &Filter) -> usize {
    fn count<T>(list: &Option<Vec<T>>) -> usize {
        list.as_ref().map_or(0, Vec::len)
    }
    match key {
        FilterKey::IdIn => count(&filter.ids),
        FilterKey::TierIn => count(&filter.tier),
        FilterKey::StatusIn => count(&filter.status),
        FilterKey::TypeIn => count(&filter.kind),
        FilterKey::GenderIn => count(&filter.gender),
        _ => 0,
    }
}

/// Of how many of its values a page shows rows.
fn shown(key: FilterKey, filter: &Filter, page: &Page) -> usize {
    fn among<T: PartialEq>(list: &Option<Vec<T>>, has: impl Fn(&T) -> bool) -> usize {
        let list = list.as_deref().unwrap_or_default();
        list.iter().filter(|value| has(value)).count()
    }
    let any = |is: &dyn Fn(&Customer) -> bool| page.customers().any(is);
    match key {
        FilterKey::IdIn => {
            let ids = ids(page);
            among(&filter.ids, |id| ids.contains(id))
        }
        FilterKey::TierIn => among(&filter.tier, |value| any(&|one| one.tier == Some(*value))),
        FilterKey::StatusIn => among(&filter.status, |value| {
            any(&|one| one.status == Some(*value))
        }),
        FilterKey::TypeIn => among(&filter.kind, |value| any(&|one| one.kind == Some(*value))),
        FilterKey::GenderIn => among(&filter.gender, |value| {
            any(&|one| one.gender == Some(*value))
        }),
        _ => 0,
    }
}

/// What becomes of the values of a filter.
#[derive(Clone, Copy)]
enum Edit {
    /// They come the other way round.
    Turn,
    /// This one stays alone.
    Keep(usize),
}

fn edited(key: FilterKey, filter: &Filter, edit: Edit) -> Filter {
    fn apply<T>(list: &mut Option<Vec<T>>, edit: Edit) {
        let Some(list) = list else {
            return;
        };
        match edit {
            Edit::Turn => list.reverse(),
            Edit::Keep(at) if at < list.len() => {
                list.swap(0, at);
                list.truncate(1);
            }
            Edit::Keep(_) => {}
        }
    }
    let mut filter = filter.clone();
    match key {
        FilterKey::IdIn => apply(&mut filter.ids, edit),
        FilterKey::TierIn => apply(&mut filter.tier, edit),
        FilterKey::StatusIn => apply(&mut filter.status, edit),
        FilterKey::TypeIn => apply(&mut filter.kind, edit),
        FilterKey::GenderIn => apply(&mut filter.gender, edit),
        _ => {}
    }
    filter
}
