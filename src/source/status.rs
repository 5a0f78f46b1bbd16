//! How a source is doing right now, as far as the last calls tell. Nobody is asked for it.

use crate::model::{DateTime, SourceHealth};
use std::time::Duration;

/// How a source is doing, and what is left of its rate limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceStatus {
    /// How it is doing.
    pub health: SourceHealth,
    /// When it is asked again, where it is not asked now.
    pub retry_after: Option<Duration>,
    /// Its rate limit, where it tells it.
    pub quota: Option<QuotaLeft>,
    /// Calls to the CRM that are open.
    pub open: usize,
    /// Calls that wait for a place.
    pub waiting: usize,
    /// How far its clock is ahead of ours; negative where it is behind.
    pub ahead: jiff::SignedDuration,
    /// Why its last call did not come about, as far as it can be told: fixed words for whoever runs the gateway.
    pub trouble: Option<&'static str>,
}

/// What is left of a rate limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuotaLeft {
    /// How many calls there are in all.
    pub limit: Option<u64>,
    /// How many are left.
    pub remaining: Option<u64>,
    /// When there will be more.
    pub resets_at: Option<DateTime>,
}
