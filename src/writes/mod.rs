//! Writes that happen at most once.
//!
//! A write with an idempotency key is noted before it is sent and after it was answered; what comes again with the same
//! key is answered from the note and never sent a second time. Where nobody knows what became of a write, the CRM is looked
//! at before anybody says so. It knows sources and loaders, and neither GraphQL nor CRMs.

mod entry;
mod file;
mod ledger;
mod look;
mod made;
mod print;
mod shows;
mod turns;

#[cfg(test)]
mod tests;

pub use ledger::{Keep, Ledger};

use crate::load::Load;
use crate::metrics::{Counts, KeyUse};
use crate::model::{Change, LocalId, WriteOutcome};
use crate::source::{
    Call, SourceEntry, SourceError, SourceErrorKind, WriteProblem, WriteProblemField, Written,
};
use entry::{Begun, Ended};
use jiff::Timestamp;
use look::{Look, Seen};
use made::{Makers, Marks, Name};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use turns::Turns;

/// What makes writes happen at most once. Shared by all operations.
pub struct Writes {
    ledger: Ledger,
    turns: Turns,
    makers: Makers,
    /// Names writes that have no key, for CRMs that can tell a repeat by a name.
    seed: [u8; 32],
    named: AtomicU64,
    keys: Counts<KeyUse>,
}

/// A write that is asked for.
pub struct Asked<'a> {
    /// The source.
    pub entry: &'a Arc<SourceEntry>,
    /// The change.
    pub change: &'a Change,
    /// Whose key it is: the same key of another tenant is another key.
    pub tenant: &'a str,
    /// The caller's key.
    pub key: Option<&'a str>,
}

impl Writes {
    /// Notes writes in this ledger. `seed` is random.
    pub fn new(ledger: Ledger, seed: [u8; 32]) -> Self {
        Self {
            ledger,
            turns: Turns::default(),
            makers: Makers::default(),
            seed,
            named: AtomicU64::new(0),
            keys: Counts::default(),
        }
    }

    /// What keys were found to be so far.
    pub fn keys(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.keys.all()
    }

    /// Opens the place where keys are kept; where that cannot be, the log says so.
    pub async fn open(&self) {
        self.ledger.open().await;
    }

    /// Makes a change, at most once for its key.
    pub async fn write(&self, load: &Load, asked: &Asked<'_>) -> Written {
        let Some(key) = asked.key else {
            let number = self.named.fetch_add(1, Ordering::Relaxed);
            let name = print::unkeyed(&self.seed, number);
            return self.send(load, asked, &name).await;
        };
        let turn = self.turns.take(print::turn(asked, key));
        let deadline = load.operation().deadline;
        let Ok(_turn) = tokio::time::timeout_at(deadline.into(), turn).await else {
            self.keys.add(KeyUse::Refused);
            let text = "the first write with this idempotency key has not ended yet";
            return unknown(SourceError::new(SourceErrorKind::Timeout, text));
        };
        match self.ledger.begin(asked, key).await {
            Ok((begun, name)) => self.go_on(load, asked, begun, &name).await,
            Err(refused) => {
                self.keys.add(KeyUse::Refused);
                nothing(refused.outcome, refused.error)
            }
        }
    }

    async fn go_on(
        &self,
        load: &Load,
        asked: &Asked<'_>,
        begun: Begun,
        name: &[u8; 32],
    ) -> Written {
        self.keys.add(match begun {
            Begun::Fresh => KeyUse::Fresh,
            Begun::Other => KeyUse::Clashing,
            Begun::Doubt { .. } => KeyUse::Doubtful,
            Begun::Ended(_) => KeyUse::Repeated,
        });
        match begun {
            Begun::Fresh => {
                let written = self.send(load, asked, name).await;
                self.end(asked, name, &written).await;
                written
            }
            Begun::Other => clashing(),
            Begun::Doubt { since, ended } => {
                let Some(found) = self.look_again(load, asked, since, name).await else {
                    let crashed = || {
                        let text =
                            "nobody knows what became of the first write with this idempotency key";
                        unknown(SourceError::new(SourceErrorKind::Unavailable, text))
                    };
                    return ended.map_or_else(crashed, Ended::written);
                };
                self.end(asked, name, &found).await;
                found
            }
            Begun::Ended(ended) => shown(load, asked, ended.written()).await,
        }
    }

    /// Notes how a write with a key ended.
    async fn end(&self, asked: &Asked<'_>, name: &Name, written: &Written) {
        let made = made_id(asked.change, written).map(|id| (&*asked.entry.key, id));
        self.ledger.end(*name, Ended::of(written), made).await;
    }

    /// Sends a write, and looks for what it did where its answer was lost.
    async fn send(&self, load: &Load, asked: &Asked<'_>, name: &Name) -> Written {
        let since = Timestamp::now();
        let source = &*asked.entry.key;
        let under_way = match asked.change {
            Change::Create { fields, .. } => {
                Some(self.makers.begin(source, Marks::of(fields), *name))
            }
            Change::Update { .. } | Change::Delete { .. } => None,
        };
        let written = load
            .write(asked.entry, asked.change, Some(print::token(name)))
            .await;
        if let Some(id) = made_id(asked.change, &written) {
            self.makers.claim(source, id, *name);
        }
        drop(under_way);
        if written.outcome != WriteOutcome::Unknown {
            return written;
        }
        let found = self.look_again(load, asked, since, name).await;
        found.unwrap_or(written)
    }

    async fn look_again(
        &self,
        load: &Load,
        asked: &Asked<'_>,
        since: Timestamp,
        name: &Name,
    ) -> Option<Written> {
        let look = Look {
            writes: self,
            asked,
            call: Call::new(Arc::clone(load.operation())).anew(),
            since,
            name: *name,
        };
        let customer = match look.look().await? {
            Seen::Customer(customer) => Some(customer),
            Seen::Gone => None,
        };
        let id = match asked.change {
            Change::Create { .. } => customer.as_ref().map(|customer| customer.id.clone()),
            Change::Update { id, .. } | Change::Delete { id } => Some(id.clone()),
        };
        Some(Written {
            outcome: WriteOutcome::Applied,
            id,
            customer,
            problems: Vec::new(),
            read_back: None,
            later: false,
        })
    }
}

/// The customer that a create is known to have made.
fn made_id<'w>(change: &Change, written: &'w Written) -> Option<&'w LocalId> {
    let made = matches!(change, Change::Create { .. }) && written.outcome == WriteOutcome::Applied;
    written.id.as_ref().filter(|_| made)
}

/// A repeat shows the customer as it is now.
async fn shown(load: &Load, asked: &Asked<'_>, mut written: Written) -> Written {
    let deleted = matches!(asked.change, Change::Delete { .. });
    if written.outcome != WriteOutcome::Applied || deleted {
        return written;
    }
    // Nothing of use came back, and the first answer showed no customer either.
    let Some(id) = written.id.clone() else {
        return written;
    };
    let call = Call::new(Arc::clone(load.operation())).anew();
    let found = asked.entry.source.fetch(&call, &[id]).await.pop();
    match found.unwrap_or_else(|| Err(SourceError::broken_off())) {
        Ok(found @ Some(_)) => written.customer = found,
        Ok(None) => {
            let text = "the customer that was written is gone";
            written.read_back = Some(SourceError::new(SourceErrorKind::NotFound, text));
        }
        Err(error) => written.read_back = Some(error),
    }
    written
}

fn clashing() -> Written {
    let text = "this idempotency key was used for another write; nothing was sent";
    let mut written = not_applied(SourceError::new(SourceErrorKind::Conflict, text));
    for problem in &mut written.problems {
        problem.field = Some(WriteProblemField::IdempotencyKey);
    }
    written
}

fn not_applied(error: SourceError) -> Written {
    nothing(WriteOutcome::NotApplied, error)
}

fn unknown(error: SourceError) -> Written {
    nothing(WriteOutcome::Unknown, error)
}

fn nothing(outcome: WriteOutcome, error: SourceError) -> Written {
    Written {
        outcome,
        customer: None,
        id: None,
        problems: vec![WriteProblem { field: None, error }],
        read_back: None,
        later: false,
    }
}
