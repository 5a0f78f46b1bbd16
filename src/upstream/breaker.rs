//! Leaves a failing CRM alone: after enough failures in a short while nothing is sent for a moment, then one call tries
//! whether it is back.
//!
//! It only counts what others judge: what a failure is stands in the adapter's file.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// When a source is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// So many failures within the window, if they are at least half of the calls, open it.
    pub failures: u32,
    /// How far back is looked.
    pub window: Duration,
    /// How long nothing is sent before one call tries again.
    pub rest: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failures: 10,
            window: Duration::from_secs(30),
            rest: Duration::from_secs(5),
        }
    }
}

/// How a source is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// No call failed lately.
    Fine,
    /// Some calls failed lately, or nobody knows yet whether it is back.
    Shaky,
    /// Nothing is sent for so long.
    Resting(Duration),
}

/// What a call says about the CRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It answers.
    Alive,
    /// It is failing.
    Failing,
    /// Nothing.
    Mute,
}

/// A change that a call brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The source is left alone from now on.
    Down,
    /// The source is back.
    Back,
}

/// Into how many slices the window is cut.
const SLICES: u32 = 10;

/// Counts of one slice of time.
#[derive(Clone, Copy, Debug)]
struct Slice {
    from: Instant,
    calls: u32,
    failures: u32,
}

#[derive(Debug)]
enum State {
    /// Calls go through. What was counted since the source was last found back.
    Closed(VecDeque<Slice>),
    /// None goes through before that moment.
    Open(Instant),
    /// One goes through, and its answer decides.
    Probing,
}

/// Guards one source.
#[derive(Debug)]
pub(super) struct Breaker {
    settings: Option<BreakerSettings>,
    state: Mutex<Watched>,
}

/// What is known of one source.
#[derive(Debug)]
struct Watched {
    state: State,
    /// How often it was left alone.
    downs: u64,
}

/// Which calls one was let through with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Among {
    /// All that were made after the source was left alone so many times.
    After(u64),
    /// None: it tries whether the source is back.
    Probe,
}

/// The leave to make one call. Dropped without a word, a probe may be made by another call.
#[derive(Debug)]
pub struct Leave<'b> {
    breaker: &'b Breaker,
    among: Among,
    said: bool,
}

impl Breaker {
    /// Guards with these settings, or not at all.
    pub(super) fn new(settings: Option<BreakerSettings>) -> Self {
        let watched = Watched {
            state: State::Closed(VecDeque::new()),
            downs: 0,
        };
        Self {
            settings,
            state: Mutex::new(watched),
        }
    }

    /// The leave to make a call now; an error says for how long surely not.
    pub(super) fn enter(&self) -> Result<Leave<'_>, Duration> {
        Ok(Leave {
            breaker: self,
            among: self.among()?,
            said: false,
        })
    }

    fn among(&self) -> Result<Among, Duration> {
        let mut watched = self.watched();
        match watched.state {
            State::Closed(_) => return Ok(Among::After(watched.downs)),
            State::Open(until) => {
                let left = until.saturating_duration_since(Instant::now());
                if !left.is_zero() {
                    return Err(left);
                }
            }
            State::Probing => return Err(self.rest()),
        }
        watched.state = State::Probing;
        Ok(Among::Probe)
    }

    /// How the source is doing.
    pub(super) fn condition(&self) -> Condition {
        let now = Instant::now();
        match &self.watched().state {
            State::Closed(slices) => {
                let lately = slices.iter().filter(|slice| self.counts(slice, now));
                match lately.map(|slice| slice.failures).sum::<u32>() {
                    0 => Condition::Fine,
                    _ => Condition::Shaky,
                }
            }
            State::Open(until) if *until > now => Condition::Resting(*until - now),
            State::Open(_) | State::Probing => Condition::Shaky,
        }
    }

    fn counts(&self, slice: &Slice, now: Instant) -> bool {
        let settings = self.settings.as_ref();
        settings.is_some_and(|settings| slice.from + settings.window > now)
    }

    fn rest(&self) -> Duration {
        let settings = self.settings.as_ref();
        settings.map_or(Duration::ZERO, |settings| settings.rest)
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, among: Among, failing: bool) -> Option<Turn> {
        let settings = self.settings.as_ref()?;
        let now = Instant::now();
        let mut watched = self.watched();
        let Watched { state, downs } = &mut *watched;
        match state {
            State::Probing if among == Among::Probe && failing => {
                *state = State::Open(now + settings.rest);
                None
            }
            State::Probing if among == Among::Probe => {
                *state = State::Closed(VecDeque::new());
                Some(Turn::Back)
            }
            State::Closed(slices) if among == Among::After(*downs) => {
                slices.retain(|slice| slice.from + settings.window > now);
                count(slices, settings.window / SLICES, now, failing);
                let calls: u32 = slices.iter().map(|slice| slice.calls).sum();
                let failures: u32 = slices.iter().map(|slice| slice.failures).sum();
                let opens = failing && failures >= settings.failures && failures * 2 >= calls;
                opens.then(|| {
                    *downs += 1;
                    *state = State::Open(now + settings.rest);
                    Turn::Down
                })
            }
            // What was sent before the source was left alone says nothing about now.
            State::Closed(_) | State::Open(_) | State::Probing => None,
        }
    }
}

fn count(slices: &mut VecDeque<Slice>, width: Duration, now: Instant, failing: bool) {
    if slices.back().is_none_or(|slice| slice.from + width <= now) {
        slices.push_back(Slice {
            from: now,
            calls: 0,
            failures: 0,
        });
    }
    if let Some(slice) = slices.back_mut() {
        slice.calls = slice.calls.saturating_add(1);
        slice.failures = slice.failures.saturating_add(u32::from(failing));
    }
}

impl Leave<'_> {
    /// Whether the call may still be made, after waiting for its place; an error says for how long not. Of those that waited
    /// until the source had rested, one tries whether it is back.
    ///
    /// # Errors
    /// The source was found failing meanwhile.
    pub fn lasts(&mut self) -> Result<(), Duration> {
        if self.among != Among::Probe {
            self.among = self.breaker.among()?;
        }
        Ok(())
    }

    /// What the call says about the CRM, and what changed by it.
    pub fn note(mut self, sign: Sign) -> Option<Turn> {
        if sign == Sign::Mute {
            return None;
        }
        self.said = true;
        self.breaker.note(self.among, sign == Sign::Failing)
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.among == Among::Probe && !self.said {
            let mut watched = self.breaker.watched();
            if matches!(watched.state, State::Probing) {
                watched.state = State::Open(Instant::now());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> Breaker {
        Breaker::new(Some(BreakerSettings {
            failures: 3,
            window: Duration::from_secs(10),
            rest: Duration::from_secs(2),
        }))
    }

    fn call(breaker: &Breaker, sign: Sign) -> Option<Turn> {
        breaker.enter().unwrap().note(sign)
    }

    #[tokio::test(start_paused = true)]
    async fn enough_failures_open_it_and_one_good_probe_closes_it() {
        let breaker = breaker();
        assert_eq!(breaker.condition(), Condition::Fine);
        assert_eq!(call(&breaker, Sign::Failing), None);
        assert_eq!(breaker.condition(), Condition::Shaky);
        assert_eq!(call(&breaker, Sign::Failing), None);
        assert_eq!(call(&breaker, Sign::Failing), Some(Turn::Down));
        assert_eq!(breaker.enter().unwrap_err(), Duration::from_secs(2));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(
            breaker.condition(),
            Condition::Resting(Duration::from_secs(1))
        );
        tokio::time::advance(Duration::from_secs(1)).await;
        let probe = breaker.enter().unwrap();
        assert!(breaker.enter().is_err(), "one probe at a time");
        assert_eq!(probe.note(Sign::Failing), None);
        assert!(breaker.enter().is_err(), "a failed probe opens it again");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(call(&breaker, Sign::Alive), Some(Turn::Back));
        assert_eq!(breaker.condition(), Condition::Fine);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_says_nothing_leaves_its_place_to_another() {
        let breaker = breaker();
        for _ in 0..3 {
            call(&breaker, Sign::Failing);
        }
        tokio::time::advance(Duration::from_secs(2)).await;
        drop(breaker.enter().unwrap());
        assert_eq!(breaker.enter().unwrap().note(Sign::Mute), None);
        assert_eq!(call(&breaker, Sign::Alive), Some(Turn::Back));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_among_many_successes_or_long_ago_do_not_open_it() {
        let breaker = breaker();
        for _ in 0..10 {
            call(&breaker, Sign::Alive);
            call(&breaker, Sign::Alive);
            assert_eq!(call(&breaker, Sign::Failing), None, "one in three");
        }
        let breaker = self::breaker();
        for _ in 0..10 {
            assert_eq!(call(&breaker, Sign::Failing), None);
            tokio::time::advance(Duration::from_secs(6)).await;
        }
        let slices = match &breaker.watched().state {
            State::Closed(slices) => slices.len(),
            other => panic!("{other:?}"),
        };
        assert!(slices <= SLICES as usize);
    }

    #[tokio::test(start_paused = true)]
    async fn late_answers_of_before_say_nothing_and_none_is_needed() {
        let breaker = breaker();
        let mut late = breaker.enter().unwrap();
        for _ in 0..3 {
            call(&breaker, Sign::Failing);
        }
        assert!(late.lasts().is_err(), "what waits for a place is not sent");
        assert_eq!(late.note(Sign::Alive), None);
        assert!(breaker.enter().is_err());
        let none = Breaker::new(None);
        for _ in 0..1_000 {
            assert_eq!(call(&none, Sign::Failing), None);
        }
        assert_eq!(none.condition(), Condition::Fine);
    }

    #[tokio::test(start_paused = true)]
    async fn of_those_that_wait_through_a_rest_one_tries() {
        let breaker = breaker();
        let mut waiting = [(); 3].map(|()| breaker.enter().unwrap());
        for _ in 0..3 {
            call(&breaker, Sign::Failing);
        }
        tokio::time::advance(Duration::from_secs(2)).await;
        let [first, second, third] = &mut waiting;
        assert_eq!(first.lasts(), Ok(()), "it is the one that tries");
        assert!(second.lasts().is_err() && third.lasts().is_err());
        assert!(breaker.enter().is_err());
        let [first, mut second, third] = waiting;
        assert_eq!(first.note(Sign::Alive), Some(Turn::Back));
        assert_eq!(second.lasts(), Ok(()));
        assert_eq!(breaker.condition(), Condition::Fine);
        assert_eq!(third.note(Sign::Failing), None, "it is of before");
        assert_eq!(breaker.condition(), Condition::Fine);
        assert_eq!(second.note(Sign::Failing), None);
        assert_eq!(breaker.condition(), Condition::Shaky);
    }
}
