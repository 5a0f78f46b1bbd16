//! Places for requests and for what they send: how many are taken, which outlasts the configuration, and how many there are,
//! which it says.

use crate::graphql::Hold;
use crate::limits::Limits;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What is taken by all requests that run, on whatever configuration they began. All clones are one.
#[derive(Clone, Default)]
pub struct InWork {
    requests: Arc<Taken>,
    tenants: Arc<Mutex<BTreeMap<Box<str>, Arc<Taken>>>>,
    bytes: Arc<Taken>,
}

impl InWork {
    fn of(&self, tenant: &str) -> Arc<Taken> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tenants.entry(tenant.into()).or_default())
    }
}

/// So much of a ceiling is taken.
#[derive(Default)]
struct Taken(AtomicUsize);

impl Taken {
    /// Takes so much, unless it would be more than `most` in all.
    fn take(&self, amount: usize, most: usize) -> bool {
        let more = |taken: usize| {
            let all = taken.checked_add(amount)?;
            (all <= most).then_some(all)
        };
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.is_ok()
    }

    fn all(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A part of a ceiling. It is given back when this is dropped.
pub(super) struct Part {
    of: Arc<Taken>,
    amount: usize,
    most: usize,
}

impl Part {
    fn none(of: &Arc<Taken>, most: usize) -> Self {
        Self {
            of: Arc::clone(of),
            amount: 0,
            most,
        }
    }

    /// Takes so much more; whether there was so much.
    pub(super) fn more(&mut self, amount: usize) -> bool {
        let is_there = self.of.take(amount, self.most);
        self.amount += if is_there { amount } else { 0 };
        is_there
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.of.0.fetch_sub(self.amount, Ordering::Relaxed);
    }
}

/// The places that a configuration gives.
pub(super) struct Places {
    work: InWork,
    requests: usize,
    /// Where there are several tenants.
    tenants: BTreeMap<Box<str>, Arc<Taken>>,
    for_each: usize,
    bytes: usize,
}

impl Places {
    /// As these limits say, less what is taken. Of several tenants each has a share.
    pub(super) fn new(work: InWork, limits: &Limits, tenants: &BTreeSet<Box<str>>) -> Self {
        let several = tenants.iter().filter(|_| tenants.len() > 1);
        let shares = several.map(|tenant| (tenant.clone(), work.of(tenant)));
        Self {
            tenants: shares.collect(),
            work,
            requests: limits.requests,
            for_each: limits.requests_per_tenant,
            bytes: limits.receiving_bytes.max(limits.body_bytes),
        }
    }

    fn of<'a>(&'a self, tenant: &str) -> impl Iterator<Item = (&'a Arc<Taken>, usize)> {
        let share = self.tenants.get(tenant);
        let all = (&self.work.requests, self.requests);
        std::iter::once(all).chain(share.map(|share| (share, self.for_each)))
    }

    /// Whether a request of this tenant finds no place now.
    pub(super) fn are_taken(&self, tenant: &str) -> bool {
        self.of(tenant).any(|(taken, most)| taken.all() >= most)
    }

    /// A place for a request of this tenant, where there is one.
    pub(super) fn take(&self, tenant: &str) -> Option<Hold> {
        let take = |(taken, most)| {
            let mut part = Part::none(taken, most);
            part.more(1).then_some(part)
        };
        let parts: Option<Vec<Part>> = self.of(tenant).map(take).collect();
        Some(Hold::of(parts?))
    }

    /// Room for a body, of which nothing is here yet.
    pub(super) fn body(&self) -> Part {
        Part::none(&self.work.bytes, self.bytes)
    }

    /// How many requests are in work.
    pub(super) fn in_work(&self) -> usize {
        self.work.requests.all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_counts_under_every_configuration() {
        let work = InWork::default();
        let limits = |requests, requests_per_tenant| Limits {
            requests,
            requests_per_tenant,
            ..Limits::default()
        };
        let both = BTreeSet::from(["a".into(), "b".into()]);
        let before = Places::new(work.clone(), &limits(2, 1), &both);
        let held = before.take("a").unwrap();
        assert!(before.take("a").is_none() && before.are_taken("a"));
        let after = Places::new(work.clone(), &limits(3, 2), &both);
        let more = [after.take("a").unwrap(), after.take("b").unwrap()];
        assert!(after.take("b").is_none() && before.take("b").is_none());
        assert_eq!((before.in_work(), after.in_work()), (3, 3));
        drop((held, more));
        assert_eq!(work.requests.all(), 0);
        assert!(before.take("a").is_some());
    }

    #[test]
    fn bodies_take_no_more_together_than_there_is() {
        let limits = Limits {
            receiving_bytes: 4_096,
            body_bytes: 4_096,
            ..Limits::default()
        };
        let places = Places::new(InWork::default(), &limits, &BTreeSet::new());
        let (mut one, mut other) = (places.body(), places.body());
        assert!(one.more(3_000) && other.more(1_000));
        assert!(!other.more(100) && one.more(96));
        drop(one);
        assert!(other.more(3_000) && !other.more(97));
    }
}
