//! Customers by their ids behind the cache: found, joined, read together, and read again before they grow stale.
//!
//! It knows how a customer is kept and nothing of how it is read.

use super::{Batch, Cached, Found, fly_alone, landed, may_be_stale, note_kept, serves, stale};
use crate::load::cache::{Kept, Key, Said};
use crate::metrics::Read;
use crate::model::{Customer, LocalId};
use crate::source::{Call, CustomerRef, Known, Operation, SourceError, SourceErrorKind};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Cached {
    pub(super) async fn customers(self: &Arc<Self>, call: &Call, ids: &[LocalId]) -> Vec<Found> {
        let (operation, scope) = (call.operation(), self.scope());
        let key = |id: &LocalId| Key::Customer {
            scope,
            id: id.clone(),
        };
        let kept: Vec<Option<Arc<Kept>>> = ids.iter().map(|id| self.kept(&key(id))).collect();
        let mut due = Vec::new();
        let mut found: Vec<Option<Found>> = ids
            .iter()
            .zip(&kept)
            .map(|(id, kept)| {
                let kept = kept.as_ref().filter(|kept| serves(kept, call))?;
                let customer = kept.said.customer()?;
                note_kept(kept, operation);
                self.meter.customers.add(Read::Kept);
                if operation.keep && kept.is_due() {
                    due.push((key(id), Arc::clone(kept)));
                }
                Some(Ok(customer))
            })
            .collect();
        if !due.is_empty() {
            self.renew_customers(call, due);
        }
        let missing: Vec<Key> = ids
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none())
            .map(|(id, _)| key(id))
            .collect();
        if !missing.is_empty() {
            let known = known_customers(kept.iter().flatten());
            let mut read = self.fly_customers(call, &missing, known).await.into_iter();
            let slots = found.iter_mut().zip(kept);
            for (slot, kept) in slots.filter(|(slot, _)| slot.is_none()) {
                let read = read
                    .next()
                    .unwrap_or_else(|| Err(SourceError::broken_off()));
                *slot = Some(self.settled(operation, read, kept));
            }
        }
        let found = found.into_iter();
        found
            .map(|found| found.unwrap_or_else(|| Err(SourceError::broken_off())))
            .collect()
    }

    /// What is shown of a customer that had to be read.
    fn settled(&self, operation: &Operation, read: Found, kept: Option<Arc<Kept>>) -> Found {
        match (read, kept) {
            (Ok(customer), _) => {
                self.note_read(operation, &Said::Customer(customer.clone()));
                Ok(customer)
            }
            (Err(error), Some(kept)) if may_be_stale(operation, &error, &kept) => {
                let customer = kept.said.customer().ok_or(error)?;
                self.meter.customers.add(Read::Stale);
                operation.read_fresh_for(Duration::ZERO);
                Ok(customer.map(|customer| stale(&customer)))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Reads what is missing, joining what is under way; in the order of the keys. What was refused because the operation
    /// that was joined had used up its calls is asked for once more.
    async fn fly_customers(
        self: &Arc<Self>,
        call: &Call,
        missing: &[Key],
        known: Option<Known>,
    ) -> Vec<Found> {
        let (mut found, joined) = self.fly_customers_once(call, missing, known).await;
        if !joined {
            return found;
        }
        let refused =
            |read: &Found| matches!(read, Err(error) if error.kind == SourceErrorKind::OverBudget);
        let again: Vec<Key> = missing
            .iter()
            .zip(&found)
            .filter(|(_, read)| refused(read))
            .map(|(key, _)| key.clone())
            .collect();
        if again.is_empty() {
            return found;
        }
        let (read, _) = self.fly_customers_once(call, &again, None).await;
        let slots = found.iter_mut().filter(|read| refused(read));
        slots.zip(read).for_each(|(slot, read)| *slot = read);
        found
    }

    /// The same, but once; and whether anything that others read was joined.
    async fn fly_customers_once(
        self: &Arc<Self>,
        call: &Call,
        missing: &[Key],
        known: Option<Known>,
    ) -> (Vec<Found>, bool) {
        let own = call.until(self.patience()).knowing(known);
        let this = Arc::clone(self);
        let landed_since = |key: &Key| {
            let kept = self.still(key, call)?;
            let customer = kept.said.customer()?;
            let found = HashMap::from([(id_of(key)?.clone(), Ok(customer))]);
            Some((Arc::new(found), kept.began))
        };
        let mut sent = 0;
        let flights = self
            .batches
            .join(missing, call.not_before(), landed_since, |keys, began| {
                sent = keys.len();
                async move { this.read_customers(&own, keys, began).await }
            });
        let joined = missing.len().saturating_sub(sent);
        self.meter.customers.add_many(Read::Sent, sent as u64);
        self.meter.customers.add_many(Read::Joined, joined as u64);
        let mut found = Vec::with_capacity(missing.len());
        for (key, (flight, _)) in missing.iter().zip(flights) {
            let read = landed(call, self.caching.patience, flight)
                .await
                .and_then(|batch| {
                    let read = id_of(key).and_then(|id| batch.get(id));
                    read.cloned()
                        .unwrap_or_else(|| Err(SourceError::broken_off()))
                });
            found.push(read);
        }
        (found, joined > 0)
    }

    /// Asks again for customers that are about to grow stale, as [`renew_page`](Self::renew_page) does for a page.
    fn renew_customers(self: &Arc<Self>, call: &Call, due: Vec<(Key, Arc<Kept>)>) {
        let taken = due.into_iter().filter(|(_, kept)| kept.take_renewal());
        let taken: Vec<(Key, Arc<Kept>)> = taken.collect();
        if taken.is_empty() {
            return;
        }
        let Some((leave, own)) = self.behind(call) else {
            taken.iter().for_each(|(_, kept)| kept.leave_renewal());
            return;
        };
        let known = known_customers(taken.iter().map(|(_, kept)| kept));
        let keys: Vec<Key> = taken.into_iter().map(|(key, _)| key).collect();
        let (this, own) = (Arc::clone(self), own.knowing(known));
        let renew = |keys, began| async move {
            let _leave = leave;
            this.read_customers(&own, keys, began).await
        };
        fly_alone(self.batches.join(&keys, None, |_| None, renew));
    }

    async fn read_customers(&self, call: &Call, keys: Vec<Key>, began: Instant) -> Batch {
        let operation = call.operation();
        let ids: Vec<LocalId> = keys.iter().filter_map(id_of).cloned().collect();
        let found = self.inner.fetch(call, &ids).await;
        let together = found.len() > 1;
        let mut batch = HashMap::with_capacity(found.len());
        for ((id, key), found) in ids.into_iter().zip(keys).zip(found) {
            match &found {
                Ok(customer) => {
                    let customer = customer.as_ref().map(|one| detached(one, together));
                    self.keep(operation, key, Said::Customer(customer), began);
                }
                Err(error) => self.forget_refused(&key, error, began),
            }
            batch.insert(id, found);
        }
        Arc::new(batch)
    }
}

/// Customers that the CRM can say are still so.
fn known_customers<'k>(kept: impl Iterator<Item = &'k Arc<Kept>>) -> Option<Known> {
    let known = kept.filter(|kept| kept.said.names_a_version());
    let customers = known.filter_map(|kept| kept.said.customer()?);
    let customers: HashMap<LocalId, CustomerRef> = customers
        .map(|customer| (customer.id.clone(), customer))
        .collect();
    (!customers.is_empty()).then(|| Known::Customers(Arc::new(customers)))
}

fn id_of(key: &Key) -> Option<&LocalId> {
    match key {
        Key::Customer { id, .. } => Some(id),
        Key::Page(_) => None,
    }
}

/// A customer that came with others keeps the whole answer alive; one that is kept by itself must not.
fn detached(customer: &CustomerRef, together: bool) -> CustomerRef {
    match &customer.native {
        Some(native) if together => Arc::new(Customer {
            native: Some(native.detached()),
            ..(**customer).clone()
        }),
        _ => Arc::clone(customer),
    }
}
