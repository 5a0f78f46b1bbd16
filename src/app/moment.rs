//! What `/metrics` shows beside requests: sources, caches and idempotency keys, looked at when somebody asks.

use crate::graphql::Gateway;
use crate::load::Store;
use crate::metrics::{Moment, SourceMoment};
use crate::model::SourceHealth;
use crate::source::{SourceEntry, Sources};
use crate::trace::Queue;
use crate::writes::Writes;
use std::sync::Arc;

/// All that is looked at.
pub struct Watched {
    /// The sources of each tenant.
    pub sources: Vec<Sources>,
    /// What they said, where one store holds that of all.
    pub store: Option<Store>,
    /// The gateway over them.
    pub gateway: Gateway,
    /// What makes writes happen once.
    pub writes: Arc<Writes>,
    /// The spans that wait for the collector, where there is one.
    pub spans: Option<Queue>,
}

impl Watched {
    /// How it all is doing.
    pub fn moment(&self) -> Moment {
        let records = self.store.as_ref().map(Store::moment);
        let records = records.map(|records| ("records", records));
        let sources = self.sources.iter().flat_map(|sources| sources.all());
        Moment {
            caches: records
                .into_iter()
                .chain([("answers", self.gateway.answers())])
                .collect(),
            spans: self.spans.iter().flat_map(Queue::fates).collect(),
            keys: self.writes.keys().collect(),
            sources: sources.map(|entry| source(entry)).collect(),
            ..Moment::default()
        }
    }
}

fn source(entry: &SourceEntry) -> SourceMoment {
    let status = entry.source.status();
    let state = |word, health| (word, status.health == health);
    SourceMoment {
        key: entry.key.clone(),
        meter: entry.source.meter(),
        states: vec![
            state("healthy", SourceHealth::Healthy),
            state("degraded", SourceHealth::Degraded),
            state("unavailable", SourceHealth::Unavailable),
        ],
        open: status.open,
        waiting: status.waiting,
        quota_remaining: status.quota.and_then(|quota| quota.remaining),
        quota_limit: status.quota.and_then(|quota| quota.limit),
    }
}
