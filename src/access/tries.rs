//! How often credentials from one address were refused lately: whoever tries too many is sent away before the next one is
//! looked at.
//!
//! Two minutes are remembered, this one and the one before, which counts the less the longer it is past. The addresses are
//! bounded: where there are too many, the older half is forgotten. No address leaves this module.

use super::Peer;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a refusal counts in full.
const MINUTE: Duration = Duration::from_secs(60);

/// Refused credentials by where they came from.
#[derive(Debug)]
pub struct Tries(Mutex<Minutes>);

#[derive(Debug)]
struct Minutes {
    began: Instant,
    this: HashMap<Peer, u32>,
    before: HashMap<Peer, u32>,
}

impl Default for Tries {
    fn default() -> Self {
        Self(Mutex::new(Minutes {
            began: Instant::now(),
            this: HashMap::new(),
            before: HashMap::new(),
        }))
    }
}

impl Tries {
    /// How long whoever comes from there has to wait; `None` where it had fewer than `most` refused, or `most` is zero.
    pub fn wait(&self, peer: Peer, most: u32) -> Option<Duration> {
        self.wait_at(peer, most, Instant::now())
    }

    /// Notes a refusal, of at most so many addresses.
    pub fn refused(&self, peer: Peer, addresses: usize) {
        self.refused_at(peer, addresses, Instant::now());
    }

    fn wait_at(&self, peer: Peer, most: u32, now: Instant) -> Option<Duration> {
        let minutes = self.minutes(now);
        let count = |of: &HashMap<Peer, u32>| of.get(&peer).copied().unwrap_or_default();
        let (this, before) = (count(&minutes.this), count(&minutes.before));
        let past = now.saturating_duration_since(minutes.began).min(MINUTE);
        let fades = MINUTE.saturating_sub(past).as_secs_f64() / MINUTE.as_secs_f64();
        let tries = f64::from(this) + f64::from(before) * fades;
        if most == 0 || tries < f64::from(most) {
            return None;
        }
        // When the minute that fades has faded enough.
        let share =
            |of: u32, room: u32| MINUTE.mul_f64(1.0 - f64::from(room) / f64::from(of.max(1)));
        let wait = match most.checked_sub(this) {
            None | Some(0) => MINUTE.saturating_sub(past) + share(this, most),
            Some(room) => share(before, room).saturating_sub(past),
        };
        Some(wait + Duration::from_secs(1))
    }

    fn refused_at(&self, peer: Peer, addresses: usize, now: Instant) {
        let mut minutes = self.minutes(now);
        let half = (addresses / 2).max(1);
        if minutes.this.len() >= half && !minutes.this.contains_key(&peer) {
            minutes.turn(now);
        }
        let tries = minutes.this.entry(peer).or_default();
        *tries = tries.saturating_add(1);
    }

    fn minutes(&self, now: Instant) -> MutexGuard<'_, Minutes> {
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let past = now.saturating_duration_since(minutes.began);
        if past >= MINUTE {
            let next = minutes.began + MINUTE;
            minutes.turn(next);
        }
        if past >= 2 * MINUTE {
            minutes.turn(now);
        }
        minutes
    }
}

impl Minutes {
    /// Begins another minute.
    fn turn(&mut self, began: Instant) {
        self.before = std::mem::take(&mut self.this);
        self.began = began;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u32) -> Peer {
        Peer::of(std::net::Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn whoever_tried_too_often_waits_until_it_is_forgotten() {
        let (tries, start) = (Tries::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        for _ in 0..9 {
            tries.refused_at(peer(1), 100, at(10));
        }
        assert_eq!(tries.wait_at(peer(1), 10, at(10)), None);
        tries.refused_at(peer(1), 100, at(10));
        let wait = tries.wait_at(peer(1), 10, at(10)).unwrap();
        assert!((50..=53).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(tries.wait_at(peer(2), 10, at(10)), None, "another address");
        assert_eq!(tries.wait_at(peer(1), 0, at(10)), None, "switched off");
        assert!(tries.wait_at(peer(1), 10, at(59)).is_some());
        assert_eq!(tries.wait_at(peer(1), 10, at(10) + wait), None);
        // Half of them still count.
        for _ in 0..5 {
            assert_eq!(tries.wait_at(peer(1), 10, at(91)), None);
            tries.refused_at(peer(1), 100, at(91));
        }
        let wait = tries
            .wait_at(peer(1), 10, at(91) - Duration::from_secs(2))
            .unwrap();
        assert!((1..=4).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(tries.wait_at(peer(1), 1, at(1_000)), None);
        // After a long rest, minutes are minutes again.
        tries.refused_at(peer(1), 100, at(1_000));
        assert!(tries.wait_at(peer(1), 1, at(1_001)).is_some());
    }

    #[test]
    fn the_addresses_are_bounded() {
        let (tries, now) = (Tries::default(), Instant::now());
        for number in 0..1_000 {
            tries.refused_at(peer(number), 10, now);
            let minutes = tries.minutes(now);
            assert!(minutes.this.len() + minutes.before.len() <= 10);
        }
        assert!(tries.wait_at(peer(999), 1, now).is_some());
        assert!(tries.wait_at(peer(1), 1, now).is_none());
    }
}
