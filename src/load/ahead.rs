//! Reads in the background: what callers keep asking for is asked again shortly before it grows stale, so that none of them
//! has to wait for it.
//!
//! They are a favour. Where the CRM has anything else to do, or none to spare, there are none; the next caller reads then.

use crate::model::SourceHealth;
use crate::source::SourceStatus;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Of a rate limit, this part is left to callers.
const LEFT_TO_CALLERS: u64 = 10;

/// The room for reads in the background of one source.
pub(super) struct Ahead(Arc<Semaphore>);

impl Ahead {
    /// So many at a time.
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Semaphore::new(most)))
    }

    /// The leave for one read; it is given back when this is dropped.
    pub(super) fn leave(&self, status: &SourceStatus) -> Option<OwnedSemaphorePermit> {
        let idle = status.health == SourceHealth::Healthy && status.waiting == 0;
        let plenty = status
            .quota
            .is_none_or(|quota| match (quota.remaining, quota.limit) {
                (Some(left), Some(limit)) => left > limit / LEFT_TO_CALLERS,
                (Some(left), None) => left > LEFT_TO_CALLERS,
                (None, _) => true,
            });
        if !idle || !plenty {
            return None;
        }
        Arc::clone(&self.0).try_acquire_owned().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::QuotaLeft;

    #[test]
    fn a_crm_that_is_busy_failing_or_nearly_used_up_gets_none() {
        let ahead = Ahead::new(1);
        let fine = SourceStatus::default();
        let with_quota = |remaining, limit| SourceStatus {
            quota: Some(QuotaLeft {
                limit,
                remaining: Some(remaining),
                resets_at: None,
            }),
            ..SourceStatus::default()
        };
        let shaky = SourceStatus {
            health: SourceHealth::Degraded,
            ..SourceStatus::default()
        };
        let crowded = SourceStatus {
            waiting: 1,
            ..SourceStatus::default()
        };
        for held_back in [
            shaky,
            crowded,
            with_quota(10, Some(100)),
            with_quota(3, None),
        ] {
            assert!(ahead.leave(&held_back).is_none(), "{held_back:?}");
        }
        assert!(ahead.leave(&with_quota(11, Some(100))).is_some());
        let taken = ahead.leave(&fine);
        assert!(taken.is_some());
        assert!(ahead.leave(&fine).is_none(), "one at a time");
        drop(taken);
        assert!(ahead.leave(&fine).is_some());
    }
}
