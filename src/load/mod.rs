//! Per-operation loaders: the ids that all fields, aliases and depths of one operation ask for become as few upstream
//! calls as the CRM allows, and each customer is asked for once. Behind them the caches, shared by all operations.
//!
//! It knows sources and customers, and neither GraphQL types nor CRMs.

mod ahead;
mod answers;
mod batch;
mod cache;
mod cached;
mod flight;
mod forwarded;
mod gone;
#[cfg(test)]
mod tests;
mod weight;

pub use answers::Answers;
pub use cache::{Store, Times};
pub use cached::{CachedSource, Caching};
pub use forwarded::{ForwardedSource, Make};

use crate::model::{Change, LocalId};
use crate::source::{Call, CustomerRef, Operation, SourceEntry, SourceError, Sources, Written};
use batch::Loader;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// What loading one customer came to.
pub type Loaded = Result<Option<CustomerRef>, SourceError>;

/// The loaders of one operation, one for each source that is asked.
pub struct Load {
    sources: Sources,
    operation: Arc<Operation>,
    loaders: Vec<OnceLock<Loader>>,
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
            Some(loader) => loader.one(id).await,
            None => Err(SourceError::broken_off()),
        }
    }

    /// One customer of an operation that asks for nothing else: nobody is waited for.
    ///
    /// # Errors
    /// The source's failure.
    pub async fn only(&self, entry: &Arc<SourceEntry>, id: LocalId) -> Loaded {
        let call = Call::new(Arc::clone(&self.operation));
        let mut found = entry.source.fetch(&call, &[id]).await;
        found
            .pop()
            .unwrap_or_else(|| Err(SourceError::broken_off()))
    }

    /// Several customers of one source at once. Asking for one of them later costs nothing.
    pub async fn customers(
        &self,
        entry: &Arc<SourceEntry>,
        ids: Vec<LocalId>,
    ) -> HashMap<LocalId, Loaded> {
        match self.loader(entry) {
            Some(loader) => loader.many(ids).await,
            None => {
                let broken_off = |id| (id, Err(SourceError::broken_off()));
                ids.into_iter().map(broken_off).collect()
            }
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
            loader.clear();
        }
        written
    }

    fn loader(&self, entry: &Arc<SourceEntry>) -> Option<&Loader> {
        let make = || Loader::new(Arc::clone(entry), Arc::clone(&self.operation));
        let loader = self.loaders.get(entry.rank)?;
        Some(loader.get_or_init(make))
    }
}
