//! Batches whose ids are one parameter, given several times. Many a server keeps only the first or the last of such: then all but
//! one customer seem absent, or all of them where that one is.

use super::Adapter;
use super::fetch::Fetched;
use super::lookup::page_size;
use super::manifest::{FilterKey, GetMany, ListForm};
use crate::model::{Filter, LocalId};
use crate::source::{Call, Position, SourceError};
use futures_util::future::join_all;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// How many ids are asked for alone to find out.
const PROBES: usize = 8;

/// So many customers that come together prove that several ids are heeded.
const PAIR: usize = 2;

/// For so many batches in doubt a list that told nothing is not asked again.
const REST: u32 = 32;

/// What is known of the ids of one batch.
#[derive(Debug, Default)]
pub(super) struct Batches {
    /// Of so many ids the first and the last were heeded.
    heeded: AtomicUsize,
    /// For so many batches in doubt the list is left alone.
    rest: AtomicU32,
}

impl Batches {
    /// Of a server that keeps the first so many ids the last one found tells how many these are, of one that keeps the last so many
    /// the first one found.
    fn note(&self, read: &[Fetched]) {
        let first = read.iter().position(is_found);
        let last = read.iter().rposition(is_found);
        if let (Some(first), Some(last)) = (first, last)
            && first < last
        {
            let heeded = (last + 1).min(read.len() - first);
            self.heeded.fetch_max(heeded, Ordering::Relaxed);
        }
    }

    fn heeds(&self, count: usize) -> bool {
        self.heeded.load(Ordering::Relaxed) >= count
    }

    /// Whether the list is to be left alone this time.
    fn rests(&self) -> bool {
        let less = |rest: u32| rest.checked_sub(1);
        let left = self
            .rest
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        left.is_ok()
    }

    fn rest(&self) {
        self.rest.store(REST, Ordering::Relaxed);
    }
}

impl Adapter {
    /// These ids in one call. Where the answer is the one that such a server gives, and it is not known to heed so many, two customers
    /// of its list tell; where they cannot, some of those it left out are asked for once more, each alone, and if one of them is found
    /// then, all of them.
    pub(super) async fn fetch_together(
        &self,
        call: &Call,
        ids: &[LocalId],
    ) -> Result<Vec<Fetched>, SourceError> {
        let mut read = self.fetch_in_one(call, ids).await?;
        self.batches.note(&read);
        let doubted = self.repeats_ids() && is_doubtful(&read);
        if !doubted || self.batches.heeds(ids.len()) {
            return Ok(read);
        }
        let missing: Vec<LocalId> = ids
            .iter()
            .zip(&read)
            .filter(|(_, read)| is_absent(read))
            .map(|(id, _)| id.clone())
            .collect();
        if ids.len() > PAIR && Box::pin(self.shows_a_pair(call, &missing)).await {
            return Ok(read);
        }
        let mut again = Vec::with_capacity(missing.len());
        let (some, others) = missing.split_at(missing.len().min(PROBES));
        for ids in [some, others] {
            let alone = ids.chunks(1).map(|id| self.fetch_in_one(call, id));
            for read in join_all(alone).await {
                // What fails here is this one's own, and costs no other.
                let broken_off = || Err(SourceError::broken_off());
                again.push(read.and_then(|mut read| read.pop().unwrap_or_else(broken_off)));
            }
            if !again.iter().any(is_found) {
                break;
            }
        }
        let absent = read.iter_mut().filter(|read| is_absent(read));
        for (place, read) in absent.zip(again) {
            *place = read;
        }
        Ok(read)
    }

    /// Whether two customers that the CRM lists come when they are asked for around those who are missing, and these are missing
    /// again. Where it lists fewer, or lets nobody list them, that cannot be told.
    async fn shows_a_pair(&self, call: &Call, missing: &[LocalId]) -> bool {
        if self.batches.rests() {
            return false;
        }
        let ids = match self.listed_around(call, missing).await {
            Some(ids) => ids,
            None => {
                self.batches.rest();
                return false;
            }
        };
        let Ok(read) = self.fetch_in_one(call, &ids).await else {
            self.batches.rest();
            return false;
        };
        self.batches.note(&read);
        let [first, between @ .., last] = read.as_slice() else {
            return false;
        };
        let both = is_found(first) && is_found(last);
        if !both {
            self.batches.rest();
        }
        both && !between.iter().any(is_found)
    }

    /// Those who are missing, as many as a batch allows, between two whom the CRM lists.
    async fn listed_around(&self, call: &Call, missing: &[LocalId]) -> Option<Vec<LocalId>> {
        let plan = self.plan_list(&Filter::default(), None).ok()?;
        let size = page_size(&plan, u32::try_from(PAIR).unwrap_or(u32::MAX));
        // What is known of these customers is nothing of that page.
        let call = &call.clone().knowing(None);
        let page = self.list_page(call, &plan, &Position::Start, size).await;
        let page = page.ok()?;
        let mut listed = page.customers().map(|one| &one.id);
        let (first, last) = (listed.next()?, listed.next()?);
        // Whoever is missing and listed all the same is not gone.
        if missing.contains(first) || missing.contains(last) {
            return None;
        }
        let many = self.manifest.get_many.as_ref()?;
        let most = self.manifest.batch_size(many).saturating_sub(PAIR);
        let between = missing.iter().take(most);
        let ids = std::iter::once(first).chain(between).chain([last]);
        Some(ids.cloned().collect())
    }

    /// Whether ids are sent as one parameter, given several times.
    fn repeats_ids(&self) -> bool {
        let form = match &self.manifest.get_many {
            Some(GetMany::Route { ids, .. }) => Some(ids.list),
            _ => self.manifest.lists.iter().find_map(|list| {
                let by_id = |(key, _): &&(FilterKey, _)| *key == FilterKey::IdIn;
                list.filters.iter().find(by_id).map(|(_, wire)| wire.list)
            }),
        };
        form == Some(ListForm::Repeat)
    }
}

/// Whether of several ids the first or the last alone was found, or none: the one that was kept may be nobody's.
fn is_doubtful(read: &[Fetched]) -> bool {
    let [first, between @ .., last] = read else {
        return false;
    };
    let lacks = |one, other: &Fetched| is_absent(one) && other.is_ok();
    (lacks(first, last) || lacks(last, first)) && between.iter().all(is_absent)
}

fn is_found(read: &Fetched) -> bool {
    matches!(read, Ok(Some(_)))
}

fn is_absent(read: &Fetched) -> bool {
    matches!(read, Ok(None))
}
