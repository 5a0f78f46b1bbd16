//! One signed exchange with the CRM, tried again where that is safe, and what its answer means.
//!
//! Safe is: every read; a write that provably was not applied; a write that the CRM itself can tell from its repeat.

use super::Adapter;
use super::auth::Unsigned;
use super::body::mended;
use super::faults;
use super::judge::{body_is_good, note_warnings, refused_in_body};
use super::manifest::{Route, RouteErrors};
use super::refusal::{Refusal, refusal};
use super::request::Draft;
use crate::metrics::Away;
use crate::source::{Call, SourceError, SourceErrorKind};
use crate::trace::{Role, Span, Told};
use crate::upstream::{self, Fault, Place, Reply, Request, Sign, Turn};
use http::{HeaderValue, Method};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

/// Calls that waited for a rate limit go on within this time, not all at the same moment.
const SPREAD: Duration = Duration::from_millis(200);

/// An exchange that gave no answer of use.
#[derive(Clone, Debug, PartialEq)]
pub enum Failed {
    /// It did not happen, or not to its end.
    Fault(Fault),
    /// Nothing was sent, because it could not be built or signed, or because the CRM is left alone.
    Unsent(SourceError),
}

impl Failed {
    /// As an error of the source.
    pub fn into_error(self) -> SourceError {
        match self {
            Self::Fault(fault) => faults::of_fault(fault),
            Self::Unsent(error) => error,
        }
    }
}

/// What a repeat of a request would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Nothing: it reads, or the CRM knows the repeat by its name.
    Harmless,
    /// It may write twice.
    Harmful,
}

/// What came of one try.
type Tried = Result<Reply, Failed>;

impl Adapter {
    /// Sends a request and signs it, and tries again where that is safe and there is time.
    ///
    /// Where a repeat does not end well, the first outcome that leaves doubt is the answer: what was refused the second
    /// time may have been done the first time.
    pub(super) async fn exchange(
        &self,
        call: &Call,
        draft: Draft<'_>,
        follow: Option<Url>,
        repeat: Repeat,
    ) -> Tried {
        let deadline = call.within(self.total);
        self.upstream.earn();
        let mut doubt: Option<Tried> = None;
        let mut tried = 0;
        loop {
            let outcome = self
                .signed(call, &draft, follow.as_ref(), deadline, tried)
                .await;
            let pause = self.leave_to_repeat(&outcome, draft.refusals(), repeat, tried, deadline);
            let good = matches!(&outcome, Ok(reply) if reply.status < 400);
            let doubtful = match &outcome {
                Ok(reply) => reply.status >= 500,
                Err(Failed::Fault(fault)) => fault.may_have_arrived(),
                Err(Failed::Unsent(_)) => false,
            };
            match (pause, doubt) {
                (None, Some(doubt)) if !good => return doubt,
                (None, _) => return outcome,
                (Some(_), before) => doubt = before.or(doubtful.then_some(outcome)),
            }
            tokio::time::sleep(pause.unwrap_or_default()).await;
            tried += 1;
        }
    }

    /// How long to wait before the next try, which is taken from what the source may still repeat; `None` where there shall be none.
    fn leave_to_repeat(
        &self,
        outcome: &Tried,
        own: &RouteErrors,
        repeat: Repeat,
        tried: u32,
        deadline: Instant,
    ) -> Option<Duration> {
        if tried >= self.upstream.settings().retries {
            return None;
        }
        let pause = upstream::wait(tried, self.worth_repeating(outcome, own, repeat)?);
        let in_time = self.upstream.in_time(Instant::now() + pause, deadline);
        (in_time && self.upstream.spend()).then_some(pause)
    }

    /// Whether the same request may be sent again and may then work, and how long the CRM wants to be left alone.
    fn worth_repeating(
        &self,
        outcome: &Tried,
        own: &RouteErrors,
        repeat: Repeat,
    ) -> Option<Option<Duration>> {
        let harmless = repeat == Repeat::Harmless;
        match outcome {
            Err(Failed::Fault(Fault::Connect)) => Some(None),
            Err(Failed::Fault(Fault::Broken | Fault::Timeout)) => harmless.then_some(None),
            Err(_) => None,
            Ok(reply) if reply.status < 400 => None,
            Ok(reply) => {
                let error = refusal(&self.manifest, own, reply)?.error;
                let passing = matches!(reply.status, 500 | 502..=504)
                    && matches!(
                        error.kind,
                        SourceErrorKind::Unavailable | SourceErrorKind::Timeout
                    );
                let again = error.kind == SourceErrorKind::Throttled || (passing && harmless);
                again.then_some(error.retry_after)
            }
        }
    }

    /// Sends a signed request; once more with fresh credentials where the CRM refuses those that can be renewed.
    /// A refused signature proves that nothing was done, so this is safe for writes too.
    async fn signed(
        &self,
        call: &Call,
        draft: &Draft<'_>,
        follow: Option<&Url>,
        deadline: Instant,
        tried: u32,
    ) -> Tried {
        let (reply, used) = self.once(call, draft, follow, deadline, tried).await?;
        if !self.refuses_credentials(draft.refusals(), &reply) || !self.auth.refused(used) {
            return Ok(reply);
        }
        self.once(call, draft, follow, deadline, tried)
            .await
            .map(|(reply, _)| reply)
    }

    /// One try, if the CRM is not left alone.
    async fn once(
        &self,
        call: &Call,
        draft: &Draft<'_>,
        follow: Option<&Url>,
        deadline: Instant,
        tried: u32,
    ) -> Result<(Reply, super::auth::Used), Failed> {
        self.await_quota(deadline).await?;
        let mut leave = self.upstream.enter().map_err(resting)?;
        let own = Arc::clone(draft.refusals());
        let mut draft = draft.clone();
        let signing = self.auth.sign(&mut draft, &self.upstream, deadline);
        let signed = tokio::time::timeout_at(deadline.into(), signing).await;
        let used = match signed.unwrap_or_else(|_| Err(Unsigned::late())) {
            Ok(used) => used,
            Err(Unsigned { error, failing }) => {
                let sign = if failing { Sign::Failing } else { Sign::Mute };
                self.tell(leave.note(sign), error.kind, call);
                return Err(Failed::Unsent(error));
            }
        };
        let mut request = self.finished(draft, follow).map_err(Failed::Unsent)?;
        // Before anything is counted: what no server could get says nothing of this one.
        if !request.is_sendable() {
            return Err(Failed::Fault(Fault::Unsendable));
        }
        let place = self.open_place(deadline).await?;
        leave.lasts().map_err(resting)?;
        call.start().map_err(Failed::Unsent)?;
        let started = Instant::now();
        let mut span = call.span("call CRM", Role::Client);
        self.mark(&mut request, span.as_mut(), tried);
        let method = request.method.clone();
        let outcome = place.send(request, deadline).await;
        let status = outcome.as_ref().map_or(0, |reply| reply.status);
        let source = &*self.upstream.settings().source;
        let why = outcome.as_ref().err().and(self.upstream.trouble());
        tracing::debug!(source, adapter = %self.manifest.id, %method, status, why, ms = started.elapsed().as_millis(), request = %call.operation().request_id, "upstream call");
        if let Some(span) = &mut span {
            span.tell("http.response.status_code", u64::from(status));
            if !matches!(status, 200..400) {
                span.fail();
            }
        }
        drop(span);
        let (sign, kind) = self.sign_of(&outcome, &own, started.elapsed());
        self.tell(leave.note(sign), kind, call);
        outcome
            .map(|reply| (readable(reply), used))
            .map_err(Failed::Fault)
    }

    /// Tells the CRM which trace its call belongs to, and the span what it is.
    fn mark(&self, request: &mut Request, span: Option<&mut Span>, tried: u32) {
        let Some(span) = span else { return };
        let header = span.trace().header();
        if let Some(Ok(header)) = header.map(HeaderValue::try_from) {
            request.headers.insert("traceparent", header);
        }
        let source = Arc::clone(&self.upstream.settings().source);
        span.tell("crmql.source", Told::Key(source));
        span.tell("crmql.attempt", u64::from(tried) + 1);
        let method = match request.method {
            Method::GET => "GET",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            _ => "_OTHER",
        };
        span.tell("http.request.method", method);
    }

    /// A place among the open exchanges at a time when the CRM's rate limit lets calls through: others may have heard that it
    /// does not while this one waited for its place.
    async fn open_place(&self, deadline: Instant) -> Result<Place<'_>, Failed> {
        loop {
            let place = self.upstream.place(deadline).await.map_err(Failed::Fault)?;
            if self.upstream.closed().is_none() {
                return Ok(place);
            }
            drop(place);
            self.await_quota(deadline).await?;
        }
    }

    /// Waits until the CRM's rate limit lets calls through again, where there is time for that.
    async fn await_quota(&self, deadline: Instant) -> Result<(), Failed> {
        while let Some(wait) = self.upstream.closed() {
            if !self.upstream.in_time(Instant::now() + wait, deadline) {
                let kind = SourceErrorKind::Throttled;
                let mut error = SourceError::new(kind, faults::sentence(kind));
                error.retry_after = Some(wait);
                return Err(Failed::Unsent(error));
            }
            tokio::time::sleep(wait + upstream::by_lot(SPREAD)).await;
        }
        Ok(())
    }

    /// What an exchange says about the CRM. On the way it is noted what the answer says about the rate limit.
    fn sign_of(
        &self,
        outcome: &Result<Reply, Fault>,
        own: &RouteErrors,
        took: Duration,
    ) -> (Sign, SourceErrorKind) {
        let failing = |kind| (Sign::Failing, kind);
        match outcome {
            Ok(reply) => {
                let refusal = (reply.status >= 400)
                    .then(|| refusal(&self.manifest, own, reply))
                    .flatten();
                let kind = refusal.map(|refusal| refusal.error.kind);
                let throttled = kind == Some(SourceErrorKind::Throttled);
                self.upstream
                    .hear(&faults::quota(&self.manifest, reply, throttled));
                match kind {
                    Some(kind @ (SourceErrorKind::Unavailable | SourceErrorKind::Timeout))
                        if reply.status >= 500 =>
                    {
                        failing(kind)
                    }
                    _ => (Sign::Alive, SourceErrorKind::Malformed),
                }
            }
            Err(Fault::Connect | Fault::Broken) => failing(SourceErrorKind::Unavailable),
            Err(Fault::Timeout) if took >= self.upstream.fair_chance() => {
                failing(SourceErrorKind::Timeout)
            }
            Err(Fault::TooLarge) => (Sign::Alive, SourceErrorKind::Malformed),
            Err(Fault::Timeout | Fault::Late | Fault::Saturated | Fault::Unsendable) => {
                (Sign::Mute, SourceErrorKind::Saturated)
            }
        }
    }

    /// Says once that a source is down, and once that it is back.
    fn tell(&self, turn: Option<Turn>, kind: SourceErrorKind, call: &Call) {
        let settings = self.upstream.settings();
        let source = &*settings.source;
        let request = &*call.operation().request_id;
        match turn {
            Some(Turn::Down) => {
                settings.meter.turns.add(Away::Down);
                let why = self.upstream.trouble();
                tracing::warn!(source, kind = kind.code(), why, request, "source down");
            }
            Some(Turn::Back) => {
                settings.meter.turns.add(Away::Back);
                tracing::warn!(source, request, "source back");
            }
            None => {}
        }
    }

    fn finished(&self, draft: Draft<'_>, follow: Option<&Url>) -> Result<Request, SourceError> {
        let unplaceable = |_| {
            SourceError::new(
                SourceErrorKind::Rejected,
                "a value cannot stand where the CRM expects it",
            )
        };
        match follow {
            None => draft.finish(&self.hosts.base).map_err(unplaceable),
            Some(url) => {
                let mut url = url.clone();
                if let Some(name) = self.auth.query_name() {
                    let credential = draft
                        .query_pairs()
                        .into_iter()
                        .rev()
                        .find(|(known, _)| known == name);
                    url.query_pairs_mut().extend_pairs(credential);
                }
                Ok(draft.finish_at(url))
            }
        }
    }

    fn refuses_credentials(&self, own: &RouteErrors, reply: &Reply) -> bool {
        !(200..300).contains(&reply.status)
            && matches!(reply.status, 401 | 403)
            && refusal(&self.manifest, own, reply)
                .is_some_and(|refusal| refusal.error.kind == SourceErrorKind::Credentials)
    }

    /// Whether an answer of a route is a success, its body unread.
    pub(super) fn judge_status(&self, route: &Route, reply: &Reply) -> Result<(), Refusal> {
        if faults::status_is_good(route.success(&self.manifest), reply.status) {
            return Ok(());
        }
        match refusal(&self.manifest, &route.errors, reply) {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }

    /// The body as a tree, of an answer that is a success. Where neither its success nor anything that is `wanted` stands in
    /// the body, the status alone says what was done, and the body may be any text, as the one that a web framework writes
    /// out for a status.
    pub(super) fn judged_body(
        &self,
        route: &Route,
        reply: &Reply,
        wanted: bool,
    ) -> Result<Value, Refusal> {
        self.judge_status(route, reply)?;
        let success = route.success(&self.manifest);
        let by_status = !success.must_be_said();
        if reply.body.trim_ascii().is_empty() && (reply.status == 204 || by_status) {
            return Ok(Value::Null);
        }
        let body: Value = match serde_json::from_slice(&reply.body) {
            Ok(body) => body,
            // A page for people is some proxy's answer, not the CRM's.
            Err(_) if by_status && !wanted && !reply.body.trim_ascii().starts_with(b"<") => {
                return Ok(Value::Null);
            }
            Err(_) => {
                let unlike = faults::malformed("the CRM's answer is not JSON");
                return Err(unlike.with_status(reply.status).into());
            }
        };
        note_warnings(&self.manifest, faults::warnings(&self.manifest, &body));
        match body_is_good(success, &body) {
            Ok(()) => Ok(body),
            Err(said) => Err(refused_in_body(&self.manifest, &route.errors, reply, said)),
        }
    }
}

/// Nothing is sent to a CRM that keeps failing, for so long.
fn resting(wait: Duration) -> Failed {
    let text = "the CRM keeps failing and is left alone for a moment";
    let mut error = SourceError::new(SourceErrorKind::Unavailable, text);
    error.retry_after = Some(wait);
    Failed::Unsent(error)
}

fn readable(reply: Reply) -> Reply {
    Reply {
        body: mended(reply.body),
        ..reply
    }
}
