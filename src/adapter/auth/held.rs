//! The token that a source holds: for how long it is used, and when it is given up.

use super::Used;
use http::header::HeaderValue;
use std::time::{Duration, Instant};

/// How long after a token was given up the next one stays where it was never taken: where new ones do not help, it is not the
/// token that the CRM refuses.
const STAYS: Duration = Duration::from_secs(10);
/// The same for one that was taken: another process may have fetched the next, and ended it; or the CRM says the same of what
/// the client may not do.
const STAYS_TAKEN: Duration = Duration::from_secs(1);

/// The token there is.
#[derive(Clone, Default)]
pub(super) struct Held {
    token: Option<(HeaderValue, Instant)>,
    generation: u64,
    /// Whether the CRM took the token.
    served: bool,
    /// When the CRM's refusal last ended a token.
    given_up: Option<Instant>,
}

impl Held {
    /// The token, where it lasts.
    pub(super) fn current(&self) -> Option<(HeaderValue, Used)> {
        let (value, until) = self.token.as_ref()?;
        (*until > Instant::now()).then(|| (value.clone(), Used(self.generation)))
    }

    /// Puts a new token in the place of the one there was.
    pub(super) fn renew(&mut self, value: HeaderValue, until: Instant) -> Used {
        self.token = Some((value, until));
        self.served = false;
        self.generation += 1;
        Used(self.generation)
    }

    /// The CRM took this token, which need no more be the one there is.
    pub(super) fn served(&mut self, used: Used) {
        self.served |= self.generation == used.0;
    }

    /// Whether a request that was refused with this token may be sent again with another: with the one that came meanwhile, or
    /// with one that is fetched because this is used no more.
    pub(super) fn give_up(&mut self, used: Used, now: Instant) -> bool {
        if self.generation != used.0 || self.token.is_none() {
            return true;
        }
        let long = if self.served { STAYS_TAKEN } else { STAYS };
        let stays = |given_up| now.saturating_duration_since(given_up) < long;
        if self.given_up.is_some_and(stays) {
            return false;
        }
        (self.token, self.given_up) = (None, Some(now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_given_up_once_in_a_while_and_only_by_those_who_used_it() {
        let mut held = Held::default();
        let began = Instant::now();
        let until = began + Duration::from_secs(3_600);
        let renew = |held: &mut Held| held.renew(HeaderValue::from_static("t"), until);
        let first = renew(&mut held);
        assert!(held.give_up(first, began));
        assert!(held.give_up(first, began), "another one is being fetched");
        let second = renew(&mut held);
        assert!(held.give_up(first, began), "another one has come");
        assert!(held.current().is_some());
        assert!(!held.give_up(second, began + STAYS / 2));
        held.served = true;
        assert!(held.clone().give_up(second, began + STAYS / 2));
        held.served = false;
        assert!(held.current().is_some());
        assert!(held.give_up(second, began + STAYS));
        assert!(held.current().is_none());
    }
}
