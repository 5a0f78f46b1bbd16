//! Batches whose ids are one parameter, given several times. Many a server keeps only the first or the last of such: then all but
//! one customer seem absent, or all of them where that one is.

use super::Adapter;
use super::fetch::Fetched;
use super::manifest::{FilterKey, GetMany, ListForm};
use crate::model::{Filter, LocalId};
use crate::source::{Call, Position, SourceError};
use futures_util::future::join_all;

/// How many ids are asked for alone to find out.
const PROBES: usize = 8;

/// So many customers that come together prove that several ids are heeded.
const PAIR: usize = 2;

impl Adapter {
    /// These ids in one call. Where the answer is the one that such a server gives, and it is not known to be another, two customers
    /// of its list tell; where they cannot, some of those it left out are asked for once more, each alone, and if one of them is found
    /// then, all of them.
    pub(super) async fn fetch_together(
        &self,
        call: &Call,
        ids: &[LocalId],
    ) -> Result<Vec<Fetched>, SourceError> {
        let mut read = self.fetch_in_one(call, ids).await?;
        if self.heeds_ids(&read) || !(self.repeats_ids() && is_doubtful(&read)) {
            return Ok(read);
        }
        if ids.len() > PAIR && Box::pin(self.shows_a_pair(call)).await {
            return Ok(read);
        }
        let missing: Vec<LocalId> = ids
            .iter()
            .zip(&read)
            .filter(|(_, read)| is_absent(read))
            .map(|(id, _)| id.clone())
            .collect();
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

    /// Whether several ids are known to be heeded: two of those that were asked for came once.
    fn heeds_ids(&self, read: &[Fetched]) -> bool {
        if read.iter().filter(|read| is_found(read)).count() >= PAIR {
            self.heeded.note_batches();
        }
        self.heeded.in_batches()
    }

    /// Whether two customers that the CRM lists come when both are asked for. Where it lists fewer, or lets nobody list them, that
    /// cannot be told.
    async fn shows_a_pair(&self, call: &Call) -> bool {
        let Ok(plan) = self.plan_list(&Filter::default(), None) else {
            return false;
        };
        let size = u32::try_from(PAIR).unwrap_or(u32::MAX);
        // What is known of these customers is nothing of that page.
        let call = &call.clone().knowing(None);
        let listed = self.list_page(call, &plan, &Position::Start, size).await;
        let Ok(page) = listed else {
            return false;
        };
        let ids: Vec<LocalId> = page
            .customers()
            .take(PAIR)
            .map(|one| one.id.clone())
            .collect();
        if ids.len() < PAIR {
            return false;
        }
        let pair = self.fetch_in_one(call, &ids).await;
        pair.is_ok_and(|pair| self.heeds_ids(&pair))
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
