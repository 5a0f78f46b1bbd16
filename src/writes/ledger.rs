//! The ledger of writes with a key: what was begun and how it ended, kept over a restart, for a day.
//!
//! It holds hashes of keys and contents, ids of customers, and of problems their codes, statuses, the fields of the schema they
//! are about and texts of ours; no name, no value, nothing that a caller sent. An entry that was begun and has no end stands for a write whose fate nobody knows.

use super::{Asked, print};
use crate::model::{LocalId, WriteField, WriteOutcome};
use crate::source::{SourceError, SourceErrorKind, WriteProblem, WriteProblemField, Written};
use jiff::Timestamp;
use redb::backends::InMemoryBackend;
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// How long a key lasts, in seconds.
pub(super) const LIFE: i64 = 86_400;

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
    /// In this file, which no other process may use meanwhile.
    File(PathBuf),
    /// Nowhere: keys are refused.
    Nowhere,
}

/// The ledger. It is opened when the first key comes.
pub struct Ledger {
    keep: Keep,
    /// The most keys it holds.
    most: usize,
    fresh_salt: [u8; 32],
    opened: OnceCell<Arc<Opened>>,
    clock: fn() -> i64,
}

struct Opened {
    database: Database,
    salt: [u8; 32],
}

/// What the ledger says of a write that is asked for.
pub(super) enum Begun {
    /// The key is new, and noted now.
    Fresh,
    /// The key was used for something else.
    Other,
    /// It was begun then, and nobody knows what became of it; the answer that was given, where one was.
    Doubt {
        since: Timestamp,
        ended: Option<Ended>,
    },
    /// It ended so.
    Ended(Ended),
}

/// What is kept of a key. Files outlive versions: fields may be added, with a default, and none may change its meaning.
#[derive(Serialize, Deserialize)]
struct Entry {
    content: [u8; 32],
    at: i64,
    ended: Option<Ended>,
}

/// When an entry was made, which is known even where the rest of it cannot be read.
#[derive(Deserialize)]
struct Age {
    at: i64,
}

/// How a write ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ended {
    outcome: Outcome,
    id: Option<Box<str>>,
    problems: Vec<Problem>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Outcome {
    Applied,
    NotApplied,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Problem {
    field: Option<Box<str>>,
    code: Box<str>,
    /// Fixed text of ours.
    text: Box<str>,
    status: Option<u16>,
}

/// A failure of the store itself.
type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Ledger {
    /// A ledger of at most so many keys. `salt` is random, and taken where none is kept yet.
    pub fn new(keep: Keep, most: usize, salt: [u8; 32]) -> Self {
        Self {
            keep,
            most,
            fresh_salt: salt,
            opened: OnceCell::new(),
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

    /// Notes that a write begins, unless its key is known; and the name of the key.
    ///
    /// # Errors
    /// The key cannot be kept; nothing may be sent.
    pub(super) async fn begin(
        &self,
        asked: &Asked<'_>,
        key: &str,
    ) -> Result<(Begun, [u8; 32]), SourceError> {
        if matches!(self.keep, Keep::Nowhere) {
            let text = "this gateway has no folder to keep idempotency keys in (server.state_dir); nothing was sent";
            return Err(SourceError::new(SourceErrorKind::Unsupported, text));
        }
        let unusable = |error: Failure| {
            tracing::error!(%error, "idempotency keys cannot be kept");
            let text = "idempotency keys cannot be kept now; nothing was sent";
            SourceError::new(SourceErrorKind::Saturated, text)
        };
        let opened = self.opened().await.map_err(unusable)?;
        let name = print::keyed(&opened.salt, asked, key);
        let entry = Entry {
            content: print::content(&opened.salt, asked.change),
            at: (self.clock)(),
            ended: None,
        };
        let most = self.most as u64;
        let begun = blocking(move || opened.begin(name, &entry, most)).await;
        match begun.map_err(unusable)? {
            Some(begun) => Ok((begun, name)),
            None => Err(SourceError::new(
                SourceErrorKind::Saturated,
                "too many idempotency keys are kept (limits.idempotency_keys); nothing was sent",
            )),
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
                blocking(move || opened.end(name, ended, made, most)).await
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
                blocking(move || opened.maker(customer)).await
            }
            Err(error) => Err(error),
        };
        maker.is_ok_and(|maker| maker.is_some_and(|maker| maker != *name))
    }

    async fn opened(&self) -> Result<Arc<Opened>, Failure> {
        let open = || async {
            let (keep, salt) = (self.keep.clone(), self.fresh_salt);
            blocking(move || Opened::new(&keep, salt).map(Arc::new)).await
        };
        self.opened.get_or_try_init(open).await.cloned()
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
        let database = match keep {
            Keep::File(path) => Database::builder().create(path)?,
            Keep::Memory | Keep::Nowhere => {
                Database::builder().create_with_backend(InMemoryBackend::new())?
            }
        };
        let change = database.begin_write()?;
        let salt = {
            change.open_table(KEYS)?;
            change.open_table(MADE)?;
            let mut table = change.open_table(SALT)?;
            let kept = table.get(0)?.map(|kept| kept.value());
            if kept.is_none() {
                table.insert(0, fresh)?;
            }
            kept.unwrap_or(fresh)
        };
        change.commit()?;
        Ok(Self { database, salt })
    }

    /// `None` where there is no room for another key.
    fn begin(&self, name: [u8; 32], entry: &Entry, most: u64) -> Result<Option<Begun>, Failure> {
        let change = self.database.begin_write()?;
        let known = {
            let mut table = change.open_table(KEYS)?;
            let lives = |bytes: &[u8]| {
                let age: Result<Age, _> = serde_json::from_slice(bytes);
                age.map(|age| age.at + LIFE > entry.at)
            };
            // An entry that cannot be read is no new key: what it stands for may have been done.
            let known: Option<Entry> = match table.get(name)? {
                Some(bytes) if lives(bytes.value())? => {
                    Some(serde_json::from_slice(bytes.value())?)
                }
                _ => None,
            };
            if known.is_none() {
                if table.len()? >= most {
                    table.retain(|_, bytes| lives(bytes).unwrap_or(true))?;
                }
                if table.len()? >= most {
                    return Ok(None);
                }
                table.insert(name, serde_json::to_vec(entry)?.as_slice())?;
            }
            known
        };
        change.commit()?;
        Ok(Some(known.map_or(Begun::Fresh, |known| known.begun(entry))))
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

impl Entry {
    fn begun(self, asked: &Self) -> Begun {
        if self.content != asked.content {
            return Begun::Other;
        }
        match self.ended {
            Some(ended) if ended.outcome != Outcome::Unknown => Begun::Ended(ended),
            ended => Begun::Doubt {
                since: Timestamp::from_second(self.at).unwrap_or(Timestamp::MIN),
                ended,
            },
        }
    }
}

impl Ended {
    /// What is kept of an outcome. `None` where nothing was done for a reason that may pass or can be mended: the key is
    /// free again.
    pub(super) fn of(written: &Written) -> Option<Self> {
        let outcome = match written.outcome {
            WriteOutcome::Applied => Outcome::Applied,
            WriteOutcome::Unknown => Outcome::Unknown,
            WriteOutcome::NotApplied if written.problems.iter().all(is_final) => {
                Outcome::NotApplied
            }
            WriteOutcome::NotApplied => return None,
        };
        Some(Self {
            outcome,
            id: written.id.as_ref().map(|id| id.as_str().into()),
            problems: written.problems.iter().map(Problem::of).collect(),
        })
    }

    /// The outcome, to be answered once more.
    pub(super) fn written(self) -> Written {
        Written {
            outcome: match self.outcome {
                Outcome::Applied => WriteOutcome::Applied,
                Outcome::NotApplied => WriteOutcome::NotApplied,
                Outcome::Unknown => WriteOutcome::Unknown,
            },
            customer: None,
            id: self.id.and_then(|id| LocalId::new(id).ok()),
            problems: self.problems.into_iter().map(Problem::problem).collect(),
            read_back: None,
            later: false,
        }
    }
}

/// The CRM's own word on what was asked, which the same request would hear again.
fn is_final(problem: &WriteProblem) -> bool {
    let of_the_request = matches!(
        problem.error.kind,
        SourceErrorKind::Rejected
            | SourceErrorKind::NotFound
            | SourceErrorKind::Conflict
            | SourceErrorKind::NoChanges
            | SourceErrorKind::Unsupported
    );
    of_the_request && problem.error.upstream_status.is_some()
}

impl Problem {
    fn of(problem: &WriteProblem) -> Self {
        let field = match &problem.field {
            Some(WriteProblemField::Common(field)) => Some(field.name().into()),
            // The name of a vendor's field is the caller's.
            Some(WriteProblemField::Native(_) | WriteProblemField::IdempotencyKey) | None => None,
        };
        Self {
            field,
            code: problem.error.kind.code().into(),
            text: problem.error.detail.as_ref().into(),
            status: problem.error.upstream_status,
        }
    }

    fn problem(self) -> WriteProblem {
        let kind = SourceErrorKind::of_code(&self.code).unwrap_or(SourceErrorKind::Malformed);
        let mut error = SourceError::new(kind, self.text.into_string());
        error.upstream_status = self.status;
        let field = self.field.as_deref().and_then(WriteField::from_name);
        WriteProblem {
            field: field.map(WriteProblemField::Common),
            error,
        }
    }
}
