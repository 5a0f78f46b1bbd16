//! How a CRM is doing, as its calls tell.

use crate::model::{DateTime, SourceHealth};
use crate::source::{QuotaLeft, SourceStatus};
use crate::upstream::{Condition, QuotaView, Upstream};
use jiff::{Timestamp, Unit};
use std::time::Duration;

/// What the way to a CRM knows about it.
pub fn of(upstream: &Upstream) -> SourceStatus {
    let (open, waiting) = upstream.busy();
    let closed = upstream.closed();
    let (health, rest) = match upstream.condition() {
        Condition::Resting(rest) => (SourceHealth::Unavailable, Some(rest)),
        Condition::Fine if closed.is_none() => (SourceHealth::Healthy, None),
        Condition::Fine | Condition::Shaky => (SourceHealth::Degraded, None),
    };
    SourceStatus {
        health,
        retry_after: rest.max(closed),
        quota: upstream.quota().map(quota),
        open,
        waiting,
        ahead: upstream.ahead(),
        trouble: upstream.trouble(),
    }
}

fn quota(view: QuotaView) -> QuotaLeft {
    // CRMs tell it in whole seconds; between the two clocks that it is reckoned with a little is lost or won.
    let at = |wait: Duration| {
        let end = Timestamp::now().checked_add(wait).ok()?;
        end.round(Unit::Second).ok().map(DateTime::at)
    };
    QuotaLeft {
        limit: view.limit,
        remaining: view.remaining,
        resets_at: view.reset.and_then(at),
    }
}
