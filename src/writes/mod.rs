//! Writes that happen at most once.
//!
//! A write with an idempotency key is noted before it is sent and after it was answered; what comes again with the same
//! key is answered from the note and never sent a second time. Where nobody knows what became of a create, the CRM is looked
//! at before anybody says so. It knows sources and loaders, and neither GraphQL nor CRMs.

mod ledger;
mod look;
mod print;
mod turns;

#[cfg(test)]
mod tests;

pub use ledger::{Keep, Ledger};

use crate::load::Load;
use crate::metrics::{Counts, KeyUse};
use crate::model::{Change, WriteOutcome};
use crate::source::{Call, SourceEntry, SourceError, SourceErrorKind, WriteProblem, Written};
use jiff::Timestamp;
use ledger::{Begun, Ended};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use turns::Turns;

/// What makes writes happen at most once. Shared by all operations.
pub struct Writes {
    ledger: Ledger,
    turns: Turns,
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
            seed,
            named: AtomicU64::new(0),
            keys: Counts::default(),
        }
    }

    /// What keys were found to be so far.
    pub fn keys(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.keys.all()
    }

    /// Makes a change, at most once for its key.
    pub async fn write(&self, load: &Load, asked: &Asked<'_>) -> Written {
        let Some(key) = asked.key else {
            let number = self.named.fetch_add(1, Ordering::Relaxed);
            let name = print::unkeyed(&self.seed, number);
            return send(load, asked, &name).await;
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
            Err(refusal) => {
                self.keys.add(KeyUse::Refused);
                not_applied(refusal)
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
                let written = send(load, asked, name).await;
                self.ledger.end(*name, Ended::of(&written)).await;
                written
            }
            Begun::Other => not_applied(SourceError::new(
                SourceErrorKind::Conflict,
                "this idempotency key was used for another write; nothing was sent",
            )),
            Begun::Doubt { since, ended } => {
                let Some(found) = look_again(load, asked, since).await else {
                    let crashed = || {
                        let text =
                            "nobody knows what became of the first write with this idempotency key";
                        unknown(SourceError::new(SourceErrorKind::Unavailable, text))
                    };
                    return ended.map_or_else(crashed, Ended::written);
                };
                self.ledger.end(*name, Ended::of(&found)).await;
                found
            }
            Begun::Ended(ended) => shown(load, asked, ended.written()).await,
        }
    }
}

/// Sends a write, and looks for what it made where its answer was lost.
async fn send(load: &Load, asked: &Asked<'_>, name: &[u8; 32]) -> Written {
    let since = Timestamp::now();
    let written = load
        .write(asked.entry, asked.change, Some(print::token(name)))
        .await;
    if written.outcome != WriteOutcome::Unknown {
        return written;
    }
    look_again(load, asked, since).await.unwrap_or(written)
}

async fn look_again(load: &Load, asked: &Asked<'_>, since: Timestamp) -> Option<Written> {
    let call = Call::new(Arc::clone(load.operation())).anew();
    let customer = look::made(&call, asked.entry, asked.change, since).await?;
    Some(Written {
        outcome: WriteOutcome::Applied,
        id: Some(customer.id.clone()),
        customer: Some(customer),
        problems: Vec::new(),
        read_back: None,
        later: false,
    })
}

/// A repeat shows the customer as it is now.
async fn shown(load: &Load, asked: &Asked<'_>, mut written: Written) -> Written {
    let deleted = matches!(asked.change, Change::Delete { .. });
    if written.outcome != WriteOutcome::Applied || deleted {
        return written;
    }
    let gone = |text: &'static str| Some(SourceError::new(SourceErrorKind::NotFound, text));
    let Some(id) = written.id.clone() else {
        written.read_back = gone("the CRM did not say which customer it wrote");
        return written;
    };
    match load.customer(asked.entry, id).await {
        Ok(found @ Some(_)) => written.customer = found,
        Ok(None) => written.read_back = gone("the customer that was written is gone"),
        Err(error) => written.read_back = Some(error),
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
