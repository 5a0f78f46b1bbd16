//! The ledger of writes with a key: what was begun and how it ended, kept over a restart, for a day.
//!
//! It holds hashes of keys and contents, ids of customers, and of problems their codes, statuses, the fields of the schema they
//! are about and texts of ours; no name, no value, nothing that a caller sent. An entry that was begun and has no end stands
//! for a write whose fate nobody knows.

use super::entry::{Begun, Ended, Entry, is_alive};
use super::file::{self, Failure, Make};
use super::{Asked, print};
use crate::model::{LocalId, WriteOutcome};
use crate::source::{SourceError, SourceErrorKind};
use jiff::Timestamp;
use redb::backends::InMemoryBackend;
use redb::{
    Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition, TableError,
};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Keys by their hash.
const KEYS: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("keys");
/// The writes that made customers, by the hash of the customer.
const MADE: TableDefinition<'_, [u8; 32], [u8; 32]> = TableDefinition::new("made");
/// What hashes are made with, under the only name 0.
const SALT: TableDefinition<'_, u8, [u8; 32]> = TableDefinition::new("salt");

/// Where the ledger is kept.
#[derive(Clone, Debug)]
pub enum Keep {
    /// As long as the process lives.
    Memory,
    /// In this file, which no other process may use meanwhile. It is made so where it is missing.
    File(PathBuf, Make),
    /// In this file, which was there before: an empty one has lost what it held.
    Known(PathBuf),
    /// Nowhere: keys are refused.
    Nowhere,
}

/// The ledger. It is opened when it is first used, and anew after it failed.
pub struct Ledger {
    keep: Keep,
    /// The most keys it holds.
    most: usize,
    fresh_salt: [u8; 32],
    opened: Arc<RwLock<Option<Opened>>>,
    clock: fn() -> i64,
}

/// The store, which nobody closes meanwhile.
type InUse = OwnedRwLockReadGuard<Option<Opened>, Opened>;

struct Opened {
    database: Database,
    salt: [u8; 32],
}

/// A write whose key was not taken.
pub(super) struct Refused {
    /// Unknown where the key may have been used before.
    pub(super) outcome: WriteOutcome,
    /// Why.
    pub(super) error: SourceError,
}

/// A key that was read to be new could not be noted.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unwritten(Failure);

impl Ledger {
    /// A ledger of at most so many keys. `salt` is random, and taken where none is kept yet.
    pub fn new(keep: Keep, most: usize, salt: [u8; 32]) -> Self {
        Self {
            keep,
            most,
            fresh_salt: salt,
            opened: Arc::default(),
            clock: || Timestamp::now().as_second(),
        }
    }

    /// Another clock, in seconds since 1970.
    #[cfg(test)]
    pub(super) fn with_clock(self, clock: fn() -> i64) -> Self {
        Self { clock, ..self }
    }

    /// Makes what is kept of every key unreadable, from this text on.
    #[cfg(test)]
    pub(super) async fn spoil(&self, from: &'static str) {
        let opened = self.opened().await.unwrap();
        let change = opened.database.begin_write().unwrap();
        {
            let mut table = change.open_table(KEYS).unwrap();
            let spoiled = |bytes: &[u8]| {
                let text = std::str::from_utf8(bytes).unwrap();
                text.replace(from, "\"other\":").into_bytes()
            };
            let kept = table.iter().unwrap().map(|kept| {
                let (name, bytes) = kept.unwrap();
                (name.value(), spoiled(bytes.value()))
            });
            for (name, bytes) in kept.collect::<Vec<_>>() {
                table.insert(name, bytes.as_slice()).unwrap();
            }
        }
        change.commit().unwrap();
    }

    /// A ledger that is open over another place, until that fails.
    #[cfg(test)]
    pub(super) fn over(self, place: impl redb::StorageBackend) -> Self {
        let database = Database::builder().create_with_backend(place).unwrap();
        let opened = Opened::over(database, self.fresh_salt).unwrap();
        Self {
            opened: Arc::new(RwLock::new(Some(opened))),
            ..self
        }
    }

    /// Opens it, and says it where that cannot be: whoever starts the gateway shall hear of it before a caller does.
    pub(super) async fn open(&self) {
        if let Err(error) = self.opened().await {
            tracing::error!(%error, "idempotency keys cannot be kept: writes with one are not sent");
        }
    }

    /// Notes that a write begins, unless its key is known; and the name of the key.
    ///
    /// # Errors
    /// The key cannot be kept; nothing may be sent.
    pub(super) async fn begin(
        &self,
        asked: &Asked<'_>,
        key: &str,
    ) -> Result<(Begun, [u8; 32]), Refused> {
        if matches!(self.keep, Keep::Nowhere) {
            let text = "this gateway has no folder to keep idempotency keys in (server.state_dir); nothing was sent";
            return Err(Refused {
                outcome: WriteOutcome::NotApplied,
                error: SourceError::new(SourceErrorKind::Unsupported, text),
            });
        }
        let opened = self.opened().await.map_err(|error| Refused::by(&error))?;
        let name = print::keyed(&opened.salt, asked, key);
        let entry = Entry {
            content: print::content(&opened.salt, asked.change),
            at: (self.clock)(),
            ended: None,
        };
        let most = self.most as u64;
        let begun = self.done(opened, move |opened| opened.begin(name, &entry, most));
        match begun.await.map_err(|error| Refused::by(&error))? {
            Some(begun) => Ok((begun, name)),
            None => Err(Refused {
                outcome: WriteOutcome::NotApplied,
                error: SourceError::new(
                    SourceErrorKind::Saturated,
                    "too many idempotency keys are kept (limits.idempotency_keys); nothing was sent",
                ),
            }),
        }
    }

    /// Notes how a write ended, and which customer of which source it made, if it made one. `None`: it left no trace, and its
    /// key may be used again.
    ///
    /// Where this fails the write counts as one whose fate nobody knows.
    pub(super) async fn end(
        &self,
        name: [u8; 32],
        ended: Option<Ended>,
        made: Option<(&str, &LocalId)>,
    ) {
        let most = self.most as u64;
        let noted = match self.opened().await {
            Ok(opened) => {
                let made = made.map(|(source, id)| print::customer(&opened.salt, source, id));
                let end = move |opened: &Opened| opened.end(name, ended, made, most);
                self.done(opened, end).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = noted {
            tracing::error!(%error, "the end of a write with an idempotency key cannot be kept");
        }
    }

    /// Whether another write with a key made this customer, as far as that is known.
    pub(super) async fn is_anothers(&self, source: &str, id: &LocalId, name: &[u8; 32]) -> bool {
        if matches!(self.keep, Keep::Nowhere) {
            return false;
        }
        let maker = match self.opened().await {
            Ok(opened) => {
                let customer = print::customer(&opened.salt, source, id);
                self.done(opened, move |opened| opened.maker(customer))
                    .await
            }
            Err(error) => Err(error),
        };
        maker.is_ok_and(|maker| maker.is_some_and(|maker| maker != *name))
    }

    async fn opened(&self) -> Result<InUse, Failure> {
        let opened = Arc::clone(&self.opened).read_owned().await;
        if let Ok(opened) = OwnedRwLockReadGuard::try_map(opened, Option::as_ref) {
            return Ok(opened);
        }
        let mut opened = Arc::clone(&self.opened).write_owned().await;
        if opened.is_none() {
            let (keep, salt) = (self.keep.clone(), self.fresh_salt);
            *opened = Some(blocking(move || Opened::new(&keep, salt)).await?);
        }
        let opened = OwnedRwLockWriteGuard::downgrade(opened);
        OwnedRwLockReadGuard::try_map(opened, Option::as_ref).map_err(|_| "it was closed".into())
    }

    /// Does this with the store. One that failed says nothing any more until it is opened anew, so it is closed.
    async fn done<T: Send + 'static>(
        &self,
        opened: InUse,
        work: impl FnOnce(&Opened) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let done = blocking(move || work(&opened)).await;
        if done.is_err() && !matches!(self.keep, Keep::Memory) {
            let mut opened = Arc::clone(&self.opened).write_owned().await;
            // Waits for the disk, too.
            let close = move || {
                *opened = None;
                Ok(())
            };
            blocking(close).await?;
        }
        done
    }
}

impl Refused {
    fn by(error: &Failure) -> Self {
        tracing::error!(%error, "idempotency keys cannot be kept");
        let (outcome, text) = if error.is::<Unwritten>() {
            let text = "idempotency keys cannot be kept now; nothing was sent";
            (WriteOutcome::NotApplied, text)
        } else {
            let text = "idempotency keys cannot be read now, so nobody knows whether this one was used; nothing was sent now";
            (WriteOutcome::Unknown, text)
        };
        Self {
            outcome,
            error: SourceError::new(SourceErrorKind::Saturated, text),
        }
    }
}

/// Waits for the disk where that holds nobody else up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await?
}

impl Opened {
    fn new(keep: &Keep, fresh: [u8; 32]) -> Result<Self, Failure> {
        match keep {
            Keep::File(path, make) => {
                let mut made = None;
                let is_ours = make(path, &mut |fresh_file| {
                    let database = Database::builder().create(fresh_file)?;
                    made = Some(Self::over(database, fresh)?);
                    Ok(())
                });
                let is_ours = is_ours.map_err(|error| file::about(path, &error))?;
                match made.filter(|_| is_ours) {
                    Some(made) => Ok(made),
                    None => Self::over(file::known(path)?, fresh),
                }
            }
            Keep::Known(path) => Self::over(file::known(path)?, fresh),
            Keep::Memory | Keep::Nowhere => {
                let database = Database::builder().create_with_backend(InMemoryBackend::new())?;
                Self::over(database, fresh)
            }
        }
    }

    /// Writes only where nothing is kept yet: what is kept can be read while the disk is full.
    fn over(database: Database, fresh: [u8; 32]) -> Result<Self, Failure> {
        let kept = match database.begin_read()?.open_table(SALT) {
            Ok(table) => table.get(0)?.map(|kept| kept.value()),
            Err(TableError::TableDoesNotExist(_)) => None,
            Err(error) => return Err(error.into()),
        };
        if kept.is_none() {
            let change = database.begin_write()?;
            change.open_table(KEYS)?;
            change.open_table(MADE)?;
            change.open_table(SALT)?.insert(0, fresh)?;
            change.commit()?;
        }
        let salt = kept.unwrap_or(fresh);
        Ok(Self { database, salt })
    }

    /// `None` where there is no room for another key. The same key comes one at a time.
    fn begin(&self, name: [u8; 32], entry: &Entry, most: u64) -> Result<Option<Begun>, Failure> {
        if let Some(known) = self.known(name, entry.at)? {
            return Ok(Some(known.begun(entry)));
        }
        let noted = self.note(name, entry, most);
        let noted = noted.map_err(Unwritten)?;
        Ok(noted.then_some(Begun::Fresh))
    }

    fn known(&self, name: [u8; 32], now: i64) -> Result<Option<Entry>, Failure> {
        let reading = self.database.begin_read()?;
        let table = reading.open_table(KEYS)?;
        // An entry that cannot be read is no new key: what it stands for may have been done.
        match table.get(name)? {
            Some(bytes) if is_alive(bytes.value(), now)? => {
                Ok(Some(serde_json::from_slice(bytes.value())?))
            }
            _ => Ok(None),
        }
    }

    /// Whether there was room.
    fn note(&self, name: [u8; 32], entry: &Entry, most: u64) -> Result<bool, Failure> {
        let change = self.database.begin_write()?;
        {
            let mut table = change.open_table(KEYS)?;
            if table.len()? >= most {
                table.retain(|_, bytes| is_alive(bytes, entry.at).unwrap_or(true))?;
            }
            if table.len()? >= most {
                return Ok(false);
            }
            table.insert(name, serde_json::to_vec(entry)?.as_slice())?;
        }
        change.commit()?;
        Ok(true)
    }

    fn end(
        &self,
        name: [u8; 32],
        ended: Option<Ended>,
        made: Option<[u8; 32]>,
        most: u64,
    ) -> Result<(), Failure> {
        let change = self.database.begin_write()?;
        {
            let mut table = change.open_table(KEYS)?;
            let known = table.get(name)?.map(|bytes| bytes.value().to_vec());
            match (known, ended) {
                (Some(known), Some(ended)) => {
                    let mut entry: Entry = serde_json::from_slice(&known)?;
                    entry.ended = Some(ended);
                    table.insert(name, serde_json::to_vec(&entry)?.as_slice())?;
                }
                (Some(_), None) => drop(table.remove(name)?),
                (None, _) => {}
            }
            if let Some(made) = made {
                let mut makers = change.open_table(MADE)?;
                if makers.len()? >= most {
                    makers.retain(|_, maker| matches!(table.get(maker), Ok(Some(_))))?;
                }
                makers.insert(made, name)?;
            }
        }
        Ok(change.commit()?)
    }

    fn maker(&self, customer: [u8; 32]) -> Result<Option<[u8; 32]>, Failure> {
        let reading = self.database.begin_read()?;
        let makers = reading.open_table(MADE)?;
        Ok(makers.get(customer)?.map(|maker| maker.value()))
    }
}
