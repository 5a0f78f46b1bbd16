//! Per-operation loaders: the ids that all fields, aliases and depths of one operation ask for become as few upstream
//! calls as the CRM allows, and each customer is asked for once.
//!
//! It knows sources and customers, and neither GraphQL types nor CRMs.

use crate::model::{Change, DateTime, LocalId};
use crate::source::{Call, CustomerRef, Operation, SourceEntry, SourceError, Sources, Written};
use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// A customer as it was read, and when.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The customer.
    pub customer: CustomerRef,
    /// How it got here.
    pub freshness: Freshness,
}

/// How fresh a record is.
#[derive(Clone, Copy, Debug)]
pub struct Freshness {
    /// When the CRM sent it.
    pub fetched_at: DateTime,
    /// It is shown although it is older than the configured time, because the CRM fails.
    pub stale: bool,
    /// A cache had it.
    pub from_cache: bool,
}

impl Freshness {
    /// Sent by the CRM just now, to the millisecond.
    pub fn now() -> Self {
        let now = jiff::Timestamp::now();
        let rounded = jiff::Timestamp::from_millisecond(now.as_millisecond());
        Self {
            fetched_at: DateTime(rounded.unwrap_or(now)),
            stale: false,
            from_cache: false,
        }
    }
}

/// What loading one customer came to.
pub type Loaded = Result<Option<Fetched>, SourceError>;

/// The loaders of one operation, one for each source that is asked.
pub struct Load {
    sources: Sources,
    operation: Arc<Operation>,
    loaders: Vec<OnceLock<DataLoader<CustomerLoader, HashMapCache>>>,
}

impl Load {
    /// Loaders that have loaded nothing yet.
    pub fn new(sources: Sources, operation: Arc<Operation>) -> Self {
        let loaders = sources.all().iter().map(|_| OnceLock::new()).collect();
        Self {
            sources,
            operation,
            loaders,
        }
    }

    /// All configured sources.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The operation this is for.
    pub fn operation(&self) -> &Arc<Operation> {
        &self.operation
    }

    /// One customer.
    ///
    /// # Errors
    /// The source's failure.
    pub async fn customer(&self, entry: &Arc<SourceEntry>, id: LocalId) -> Loaded {
        match self.loader(entry) {
            Some(loader) => loader.load_one(id).await?.flatten().transpose(),
            None => Ok(None),
        }
    }

    /// Several customers of one source at once. Asking for one of them later costs nothing.
    pub async fn customers(
        &self,
        entry: &Arc<SourceEntry>,
        ids: Vec<LocalId>,
    ) -> HashMap<LocalId, Loaded> {
        match self.loader(entry) {
            Some(loader) => match loader.load_many(ids.iter().cloned()).await {
                Ok(found) => found
                    .into_iter()
                    .map(|(id, loaded)| (id, loaded.transpose()))
                    .collect(),
                Err(error) => ids.into_iter().map(|id| (id, Err(error.clone()))).collect(),
            },
            None => HashMap::new(),
        }
    }

    /// Makes a change. What was loaded of the source before is forgotten. `token` names the write to CRMs that can tell a
    /// repeat by it.
    pub async fn write(
        &self,
        entry: &Arc<SourceEntry>,
        change: &Change,
        token: Option<Arc<str>>,
    ) -> Written {
        let call = Call::new(Arc::clone(&self.operation)).named(token);
        let written = entry.source.write(&call, change).await;
        if let Some(loader) = self.loader(entry) {
            loader.clear::<LocalId>();
        }
        written
    }

    fn loader(
        &self,
        entry: &Arc<SourceEntry>,
    ) -> Option<&DataLoader<CustomerLoader, HashMapCache>> {
        let make = || {
            let loader = CustomerLoader {
                entry: Arc::clone(entry),
                operation: Arc::clone(&self.operation),
            };
            DataLoader::with_cache(loader, tokio::spawn, HashMapCache::default())
        };
        self.loaders
            .get(entry.rank)
            .map(|loader| loader.get_or_init(make))
    }
}

/// Loads the customers of one source.
struct CustomerLoader {
    entry: Arc<SourceEntry>,
    operation: Arc<Operation>,
}

/// Absent or there, or failed on its own: one bad id does not spoil the others of its batch.
type Slot = Option<Result<Fetched, SourceError>>;

impl Loader<LocalId> for CustomerLoader {
    type Value = Slot;
    type Error = SourceError;

    async fn load(&self, ids: &[LocalId]) -> Result<HashMap<LocalId, Slot>, SourceError> {
        let call = Call::new(Arc::clone(&self.operation));
        let fetched = self.entry.source.fetch(&call, ids).await;
        let freshness = Freshness::now();
        let slot = |found: Result<Option<CustomerRef>, SourceError>| {
            found
                .map(|found| {
                    found.map(|customer| Fetched {
                        customer,
                        freshness,
                    })
                })
                .transpose()
        };
        Ok(ids
            .iter()
            .cloned()
            .zip(fetched.into_iter().map(slot))
            .collect())
    }
}
