//! What a CRM said about its own rate limit: how many calls are left, and when there will be more.
//!
//! While none is left nothing is sent. Where a CRM does not say when there will be more, its count is only shown.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What an answer says about the rate limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateSaid {
    /// How many calls there are in all.
    pub limit: Option<u64>,
    /// How many are left.
    pub remaining: Option<u64>,
    /// When there will be more.
    pub reset: Option<Duration>,
    /// The call was refused for the limit; how long to wait, where it says so.
    pub refused: Option<Duration>,
}

/// What is known of the rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaView {
    /// How many calls there are in all.
    pub limit: Option<u64>,
    /// How many are left, those under way taken off.
    pub remaining: Option<u64>,
    /// When there will be more.
    pub reset: Option<Duration>,
}

#[derive(Debug, Default)]
struct State {
    limit: Option<u64>,
    remaining: Option<u64>,
    reset: Option<Instant>,
    blocked: Option<Instant>,
}

/// The rate limit of one source.
#[derive(Debug, Default)]
pub(super) struct Quota(Mutex<State>);

impl Quota {
    /// How long nothing may be sent.
    pub(super) fn closed(&self) -> Option<Duration> {
        let state = self.state();
        let used_up = state.remaining == Some(0);
        let until = state
            .reset
            .filter(|_| used_up)
            .into_iter()
            .chain(state.blocked)
            .max()?;
        until
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
    }

    /// Notes that a call is made.
    pub(super) fn take(&self) {
        let mut state = self.state();
        if state.reset.is_some_and(|reset| reset <= Instant::now()) {
            (state.remaining, state.reset) = (None, None);
        }
        state.remaining = state.remaining.map(|left| left.saturating_sub(1));
    }

    /// Notes what an answer says.
    pub(super) fn hear(&self, said: &RateSaid) {
        let now = Instant::now();
        let mut state = self.state();
        state.limit = said.limit.or(state.limit);
        if let Some(remaining) = said.remaining {
            let reset = said.reset.map(|wait| now + wait);
            // Answers overtake each other: within one window the least count is the latest. Seconds are rounded.
            let same = matches!((state.reset, reset), (Some(old), Some(new)) if new <= old + Duration::from_millis(1_500));
            let least = state.remaining.filter(|_| same).unwrap_or(u64::MAX);
            state.remaining = Some(remaining.min(least));
            state.reset = if same { state.reset.max(reset) } else { reset };
        }
        if let Some(wait) = said.refused {
            state.blocked = state.blocked.max(Some(now + wait));
        }
    }

    /// What is known now; `None` where the CRM said nothing.
    pub(super) fn view(&self) -> Option<QuotaView> {
        let now = Instant::now();
        let state = self.state();
        let current = state.reset.is_none_or(|reset| reset > now);
        let view = QuotaView {
            limit: state.limit,
            remaining: state.remaining.filter(|_| current),
            reset: state
                .reset
                .map(|reset| reset.saturating_duration_since(now))
                .filter(|left| !left.is_zero()),
        };
        (view.limit.is_some() || view.remaining.is_some()).then_some(view)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn said(remaining: u64, reset: u64) -> RateSaid {
        RateSaid {
            limit: Some(10),
            remaining: Some(remaining),
            reset: Some(Duration::from_secs(reset)),
            refused: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_used_up_quota_closes_until_it_is_full_again() {
        let quota = Quota::default();
        assert_eq!((quota.closed(), quota.view()), (None, None));
        quota.hear(&said(1, 30));
        assert_eq!(quota.closed(), None);
        quota.take();
        assert_eq!(quota.closed(), Some(Duration::from_secs(30)));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(quota.closed(), None);
        quota.take();
        assert_eq!(
            quota.view().unwrap(),
            QuotaView {
                limit: Some(10),
                remaining: None,
                reset: None
            }
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_was_overtaken_counts_nothing_up_and_a_new_window_does() {
        let quota = Quota::default();
        quota.hear(&said(3, 30));
        quota.hear(&said(5, 30));
        assert_eq!(quota.view().unwrap().remaining, Some(3));
        tokio::time::advance(Duration::from_secs(29)).await;
        quota.hear(&said(9, 31));
        assert_eq!(quota.view().unwrap().remaining, Some(9));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_closes_for_as_long_as_it_says_and_a_count_without_an_end_never_does() {
        let quota = Quota::default();
        quota.hear(&RateSaid {
            remaining: Some(0),
            ..RateSaid::default()
        });
        assert_eq!(quota.closed(), None);
        quota.hear(&RateSaid {
            refused: Some(Duration::from_secs(4)),
            ..RateSaid::default()
        });
        quota.hear(&RateSaid {
            refused: Some(Duration::from_secs(1)),
            ..RateSaid::default()
        });
        assert_eq!(quota.closed(), Some(Duration::from_secs(4)));
    }
}
