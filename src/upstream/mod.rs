//! One HTTP exchange with a CRM: send it, bound it in time and size, hand back whatever came. And what is known of one
//! CRM over many exchanges: whether it is down, how much of its rate limit is left, how many repeats it still gets.
//!
//! It knows no customer and no adapter. A non-2xx answer is a reply, not a fault: what it means is for others to say.
//! Redirects are not followed and no proxy is taken from the environment, so a request goes where it was built for.

mod breaker;
mod client;
mod clock;
mod connect;
mod exchange;
mod quota;
mod retry;
mod trouble;

pub use breaker::{BreakerSettings, Condition, Leave, Sign, Turn};
pub use connect::TlsError;
pub use exchange::{ADDRESS_BYTES, Fault, Reply, Request};
pub use quota::{QuotaView, RateSaid};
pub use retry::{by_lot, wait};

use crate::metrics::{Answered, Purpose, SourceMeter, Unsent};
use breaker::Breaker;
use client::Client;
use clock::Clock;
use exchange::exchange;
use quota::Quota;
use retry::RetryBudget;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

/// A call that the CRM did not answer for so long says something about the CRM, and not only about our haste.
const FAIR_CHANCE: Duration = Duration::from_secs(1);

/// How a source's CRM may be called.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the source is called in the log.
    pub source: Arc<str>,
    /// How long a connection may take to open.
    pub connect: Duration,
    /// How long one exchange may take, from sending to the last byte.
    pub attempt: Duration,
    /// How many exchanges may be open at the same time.
    pub concurrency: usize,
    /// How many may wait for a place; more are refused at once.
    pub queued: usize,
    /// How often one call may be tried again.
    pub retries: u32,
    /// When the CRM is left alone; `None` never.
    pub breaker: Option<BreakerSettings>,
    /// The least time between two exchanges that are started, where the CRM asks for one.
    pub spacing: Option<Duration>,
    /// The largest answer accepted, in bytes after decompression.
    pub answer_bytes: usize,
    /// The most records accepted in one answer.
    pub answer_rows: usize,
    /// Counts what is done.
    pub meter: Arc<SourceMeter>,
}

impl Default for Settings {
    fn default() -> Self {
        let limits = crate::limits::Limits::default();
        Self {
            source: Arc::from(""),
            connect: Duration::from_secs(2),
            attempt: Duration::from_secs(10),
            concurrency: 16,
            queued: limits.queued_calls,
            retries: 2,
            breaker: Some(BreakerSettings::default()),
            spacing: None,
            answer_bytes: limits.answer_bytes,
            answer_rows: limits.answer_rows,
            meter: Arc::default(),
        }
    }
}

/// The least time that an exchange needs to be worth starting, and its part of the time one may take, if that is less. What is
/// sent with nothing left is in vain: a read takes a place from those that still have time, a write leaves everybody in doubt.
const LEAST_TIME: Duration = Duration::from_millis(50);
const LEAST_PART: u32 = 20;

/// The way to one CRM.
pub struct Upstream {
    line: Arc<Line>,
    settings: Settings,
    breaker: Breaker,
    quota: Quota,
}

/// What all who call one CRM share, whatever credentials they use.
struct Line {
    client: Client,
    open: Semaphore,
    waiting: AtomicUsize,
    next_start: Mutex<Instant>,
    budget: RetryBudget,
    clock: Clock,
    trouble: std::sync::Mutex<Option<&'static str>>,
}

/// A place among the open exchanges. It is given back when this is dropped.
pub struct Place<'u> {
    upstream: &'u Upstream,
    _permit: SemaphorePermit<'u>,
}

/// Counts one who waits, for as long as it lives.
struct Waiting<'u>(&'u AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Upstream {
    /// Opens nothing yet; connections are made as they are needed and kept.
    ///
    /// # Errors
    /// When the TLS back end cannot be set up on this machine.
    pub fn new(settings: Settings) -> Result<Self, TlsError> {
        let line = Line {
            client: Client::new(settings.connect)?,
            open: Semaphore::new(settings.concurrency.max(1)),
            waiting: AtomicUsize::new(0),
            next_start: Mutex::new(Instant::now()),
            budget: RetryBudget::new(),
            clock: Clock::default(),
            trouble: std::sync::Mutex::default(),
        };
        Ok(Self::over(Arc::new(line), settings))
    }

    /// Another way to the same CRM, for other credentials: connections, places and repeats are shared; whether it is down,
    /// and what is left of its rate limit, is not.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self::over(Arc::clone(&self.line), self.settings.clone())
    }

    fn over(line: Arc<Line>, settings: Settings) -> Self {
        Self {
            line,
            breaker: Breaker::new(settings.breaker.clone()),
            quota: Quota::default(),
            settings,
        }
    }

    /// How the CRM may be called.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Waits for a place among the open exchanges, first come, first served.
    ///
    /// # Errors
    /// There was none while there was time for an exchange before `deadline`, or too many wait already.
    pub async fn place(&self, deadline: Instant) -> Result<Place<'_>, Fault> {
        let place = self.find_place(deadline).await;
        match place {
            Err(Fault::Saturated) => self.settings.meter.unsent.add(Unsent::QueueFull),
            Err(_) => self.settings.meter.unsent.add(Unsent::TooLate),
            Ok(_) => {}
        }
        place
    }

    /// Whether an exchange that is started then has time to be answered.
    pub fn in_time(&self, start: Instant, deadline: Instant) -> bool {
        start + self.least_time() <= deadline
    }

    fn least_time(&self) -> Duration {
        LEAST_TIME.min(self.settings.attempt / LEAST_PART)
    }

    /// A call that is not answered for so long says something about the CRM, and not only about our haste.
    pub fn fair_chance(&self) -> Duration {
        FAIR_CHANCE.min(self.settings.attempt)
    }

    async fn find_place(&self, deadline: Instant) -> Result<Place<'_>, Fault> {
        if !self.in_time(Instant::now(), deadline) {
            return Err(Fault::Late);
        }
        let permit = match self.line.open.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                let last = deadline.checked_sub(self.least_time()).unwrap_or(deadline);
                tokio::time::timeout_at(last.into(), self.queue())
                    .await
                    .map_err(|_| Fault::Saturated)??
            }
        };
        let place = Place {
            upstream: self,
            _permit: permit,
        };
        if let Some(spacing) = self.settings.spacing {
            let start = self.start_slot(spacing, deadline).await?;
            tokio::time::sleep_until(start.into()).await;
        }
        // Many who wait may run out of time together; a place that comes free then is for one who has time to use it.
        if !self.in_time(Instant::now(), deadline) {
            return Err(Fault::Saturated);
        }
        Ok(place)
    }

    async fn queue(&self) -> Result<SemaphorePermit<'_>, Fault> {
        let before = self.line.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.line.waiting);
        if before >= self.settings.queued {
            return Err(Fault::Saturated);
        }
        self.line.open.acquire().await.map_err(|_| Fault::Saturated)
    }

    /// The next moment to start at, where starts are spaced. One that would come too late is not taken.
    async fn start_slot(&self, spacing: Duration, deadline: Instant) -> Result<Instant, Fault> {
        let mut next = self.line.next_start.lock().await;
        let start = (*next).max(Instant::now());
        if !self.in_time(start, deadline) {
            return Err(Fault::Saturated);
        }
        *next = start + spacing;
        Ok(start)
    }

    /// The leave to make one call.
    ///
    /// # Errors
    /// The CRM is left alone, for so long.
    pub fn enter(&self) -> Result<Leave<'_>, Duration> {
        let leave = self.breaker.enter();
        if leave.is_err() {
            self.settings.meter.unsent.add(Unsent::LeftAlone);
        }
        leave
    }

    /// How many calls are open, and how many wait for a place.
    pub fn busy(&self) -> (usize, usize) {
        let most = self.settings.concurrency.max(1);
        let open = most.saturating_sub(self.line.open.available_permits());
        (open, self.line.waiting.load(Ordering::Relaxed))
    }

    /// How the CRM is doing.
    pub fn condition(&self) -> Condition {
        self.breaker.condition()
    }

    /// How long the CRM's rate limit lets nothing through.
    pub fn closed(&self) -> Option<Duration> {
        self.quota.closed()
    }

    /// How far the CRM's clock is ahead of ours, as its last answer tells.
    pub fn ahead(&self) -> jiff::SignedDuration {
        self.line.clock.ahead()
    }

    /// Why the last exchange that failed did so, as far as it can be told: fixed words for whoever runs the gateway.
    pub fn trouble(&self) -> Option<&'static str> {
        let trouble = self.line.trouble.lock();
        *trouble.unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, trouble: Option<&'static str>) {
        let mut noted = self
            .line
            .trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *noted = trouble;
    }

    /// Notes what an answer says about the rate limit.
    pub fn hear(&self, said: &RateSaid) {
        self.quota.hear(said);
    }

    /// What is known of the rate limit.
    pub fn quota(&self) -> Option<QuotaView> {
        self.quota.view()
    }

    /// Notes a call that is no repeat: it earns a part of one.
    pub fn earn(&self) {
        self.line.budget.earn();
    }

    /// Takes one repeat out of what was earned.
    pub fn spend(&self) -> bool {
        let granted = self.line.budget.spend();
        self.settings.meter.again(granted);
        granted
    }

    /// Sends a request that does not count against the source's open calls: fetching a token while calls wait for it.
    ///
    /// # Errors
    /// As [`Place::send`].
    pub async fn send_apart(&self, request: Request, deadline: Instant) -> Result<Reply, Fault> {
        let limit = tokio::time::Instant::from_std(deadline)
            .min(tokio::time::Instant::now() + self.settings.attempt);
        self.counted(Purpose::Credentials, limit, request).await
    }

    /// One exchange until then, counted.
    async fn counted(
        &self,
        purpose: Purpose,
        limit: tokio::time::Instant,
        request: Request,
    ) -> Result<Reply, Fault> {
        if !request.is_sendable() {
            return Err(Fault::Unsendable);
        }
        let started = Instant::now();
        let connections = self.line.client.current();
        let exchange = exchange(&connections, request, (purpose, self.settings.answer_bytes));
        let exchange = connect::hurrying(limit, exchange);
        let outcome = tokio::time::timeout_at(limit, exchange)
            .await
            .unwrap_or(Err((Fault::Timeout, None)));
        let outcome = outcome.map_err(|(fault, trouble)| {
            self.note(trouble);
            fault
        });
        if matches!(outcome, Err(Fault::Timeout)) && started.elapsed() >= self.fair_chance() {
            self.line.client.give_up(&connections);
        }
        if let (Ok(reply), Purpose::Data) = (&outcome, purpose) {
            self.line.clock.hear(&reply.headers, started);
        }
        if let Some(answered) = answered(&outcome) {
            let meter = &self.settings.meter;
            meter.called(purpose, answered, started.elapsed());
        }
        outcome
    }
}

impl Place<'_> {
    /// Sends one request and reads the whole answer, before `deadline` and within the settings.
    ///
    /// # Errors
    /// [`Fault`] says why there is no answer, and so whether the request may have arrived.
    pub async fn send(self, request: Request, deadline: Instant) -> Result<Reply, Fault> {
        self.upstream.quota.take();
        let attempt = tokio::time::Instant::now() + self.upstream.settings.attempt;
        let limit = attempt.min(deadline.into());
        self.upstream.counted(Purpose::Data, limit, request).await
    }
}

/// The class of an outcome, for counting; `None` where there was no call.
fn answered(outcome: &Result<Reply, Fault>) -> Option<Answered> {
    Some(match outcome.as_ref().map(|reply| reply.status) {
        Ok(200..=299) => Answered::Good,
        Ok(300..=399) => Answered::Elsewhere,
        Ok(429) => Answered::Throttled,
        Ok(400..=499) => Answered::Refused,
        Ok(500..=599) => Answered::Failed,
        Ok(_) => Answered::Odd,
        Err(Fault::Unsendable) => return None,
        Err(Fault::Connect | Fault::Saturated | Fault::Late) => Answered::NoConnection,
        Err(Fault::Timeout) => Answered::Late,
        Err(Fault::Broken) => Answered::Broken,
        Err(Fault::TooLarge) => Answered::TooLarge,
    })
}
