//! A configured source in the schema.

use super::code::whole_seconds;
use super::id;
use crate::model::{Capabilities, DateTime, SourceHealth};
use crate::source::SourceEntry;
use async_graphql::{ID, Object, SimpleObject};
use std::sync::Arc;

/// A CRM that this gateway is connected to.
#[derive(Clone)]
pub struct SourceNode(pub Arc<SourceEntry>);

/// A CRM that this gateway is connected to.
#[Object(name = "Source")]
impl SourceNode {
    /// The global id, refetchable through `node`.
    pub(super) async fn id(&self) -> ID {
        id::of_source(&self.0)
    }

    /// The key from the configuration. It stands in errors, metrics and logs.
    async fn key(&self) -> &str {
        &self.0.key
    }

    /// The CRM's name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The id of the adapter that speaks to it.
    async fn adapter(&self) -> &str {
        &self.0.adapter
    }

    /// What it can do.
    async fn capabilities(&self) -> &Capabilities {
        self.0.source.capabilities()
    }

    /// How it is doing right now, as far as the last calls tell. Nothing is sent for it.
    async fn status(&self) -> SourceStatus {
        let status = self.0.source.status();
        // What does not fit is not told: another number would be untrue.
        let count = |count: Option<u64>| count.and_then(|count| i32::try_from(count).ok());
        SourceStatus {
            health: status.health,
            retry_after_seconds: status.retry_after.map(whole_seconds),
            quota: status.quota.map(|quota| SourceQuota {
                limit: count(quota.limit),
                remaining: count(quota.remaining),
                resets_at: quota.resets_at,
            }),
        }
    }
}

/// How a source is doing right now.
#[derive(SimpleObject)]
pub struct SourceStatus {
    /// How it is doing.
    health: SourceHealth,
    /// When it is asked again, in seconds, where nothing is sent to it now.
    retry_after_seconds: Option<i32>,
    /// What is left of its rate limit, where it tells that.
    quota: Option<SourceQuota>,
}

/// What is left of a source's rate limit, as it said with its last answers.
#[derive(SimpleObject)]
pub struct SourceQuota {
    /// How many calls there are in all.
    limit: Option<i32>,
    /// How many are left, the calls under way taken off.
    remaining: Option<i32>,
    /// When there will be more.
    resets_at: Option<DateTime>,
}
