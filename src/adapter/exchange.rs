//! One signed exchange with the CRM, tried again where that is safe, and what its answer means.
//!
//! Safe is: every read; a write that provably was not applied; a write that the CRM itself can tell from its repeat.

use super::Adapter;
use super::auth::Unsigned;
use super::body::mended;
use super::faults;
use super::judge::{body_is_good, note_warnings, refused_in_body};
use super::manifest::{ErrorKind, Meaning, Route, RouteErrors};
use super::refusal::{Refusal, refusal};
use super::request::Draft;
use super::tries::{
    Answer, Failed, Repeat, Tried, is_doubtful, leaves_doubt, reply_of, worth_repeating,
};
use crate::metrics::Away;
use crate::source::{Call, SourceError, SourceErrorKind};
use crate::trace::{Role, Span, Told, milliseconds};
use crate::upstream::{self, Fault, Place, Reply, Request, Sign, Turn};
use http::{HeaderValue, Method};
use memchr::memmem;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

/// Calls that waited for a rate limit go on within this time, not all at the same moment.
const SPREAD: Duration = Duration::from_millis(200);

/// The most bytes of an answer with a good status that are looked through for a refusal; most records are longer, and are
/// judged while they are read.
const SHORT: usize = 1024;

/// A request that is sent until it has an answer of use, or none is to be had.
struct Sending<'a> {
    call: &'a Call,
    draft: Draft<'a>,
    /// The address of a link, instead of the draft's own.
    follow: Option<Url>,
    repeat: Repeat,
    deadline: Instant,
    /// The tries before this one.
    tried: u32,
}

impl Adapter {
    /// Sends a request and signs it, and tries again where that is safe and there is time.
    ///
    /// Where the repeat of a write does not end well, the first outcome that leaves doubt is the answer: what was refused the
    /// second time may have been done the first time. Of a read, what the CRM says last counts.
    pub(super) async fn exchange(
        &self,
        call: &Call,
        draft: Draft<'_>,
        follow: Option<Url>,
        repeat: Repeat,
    ) -> Result<Reply, Failed> {
        let mut sending = Sending {
            call,
            draft,
            follow,
            repeat,
            deadline: call.within(self.total),
            tried: 0,
        };
        self.upstream.earn();
        let mut doubt: Option<Tried> = None;
        loop {
            let outcome = self.signed(&sending).await;
            let pause = self.leave_to_repeat(&outcome, &sending);
            match (pause, doubt) {
                (None, Some(doubt)) if leaves_doubt(&outcome, repeat) => return reply_of(doubt),
                (None, _) => return reply_of(outcome),
                (Some(_), before) => {
                    doubt = before.or(is_doubtful(&outcome).then_some(outcome));
                }
            }
            tokio::time::sleep(pause.unwrap_or_default()).await;
            sending.tried += 1;
        }
    }

    /// How long to wait before the next try, which is taken from what the source may still repeat; `None` where there shall be none.
    fn leave_to_repeat(&self, outcome: &Tried, sending: &Sending<'_>) -> Option<Duration> {
        if sending.tried >= self.upstream.settings().retries {
            return None;
        }
        let wish = worth_repeating(outcome, sending.repeat)?;
        let pause = upstream::wait(sending.tried, wish);
        let start = Instant::now() + pause;
        let in_time = self.upstream.in_time(start, sending.deadline);
        (in_time && self.upstream.spend()).then_some(pause)
    }

    /// Sends a signed request; once more with fresh credentials where the CRM refuses those that can be renewed.
    /// A refused signature proves that nothing was done, so this is safe for writes too.
    async fn signed(&self, sending: &Sending<'_>) -> Tried {
        let answer = self.once(sending).await?;
        let refused = answer.refused.as_ref().map(|error| error.kind);
        if refused.is_none() {
            self.auth.served(answer.used);
        }
        if refused != Some(SourceErrorKind::Credentials) {
            return Ok(answer);
        }
        if !self.auth.refused(answer.used) {
            return Ok(answer);
        }
        self.once(sending).await
    }

    /// One try, if the CRM is not left alone.
    async fn once(&self, sending: &Sending<'_>) -> Tried {
        let (call, deadline) = (sending.call, sending.deadline);
        self.await_quota(deadline).await?;
        let mut leave = self.upstream.enter().map_err(resting)?;
        let mut draft = sending.draft.clone();
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
        let request = self
            .finished(draft, sending.follow.as_ref())
            .map_err(Failed::Unsent)?;
        // Before anything is counted: what no server could get says nothing of this one.
        if !request.is_sendable() {
            return Err(Failed::Fault(Fault::Unsendable));
        }
        let place = self.open_place(deadline).await?;
        leave.lasts().map_err(resting)?;
        call.start().map_err(Failed::Unsent)?;
        let (outcome, took) = self.sent(sending, request, place).await;
        let refused = match &outcome {
            Ok(reply) => self.refusal_in(sending, reply),
            Err(_) => None,
        };
        let (sign, kind) = self.sign_of(&outcome, refused.as_ref(), took);
        self.tell(leave.note(sign), kind, call);
        let reply = outcome.map_err(Failed::Fault)?;
        Ok(Answer {
            reply,
            refused,
            used,
        })
    }

    /// Sends a request, says so in the log and the trace, and hears how long it took.
    async fn sent(
        &self,
        sending: &Sending<'_>,
        mut request: Request,
        place: Place<'_>,
    ) -> (Result<Reply, Fault>, Duration) {
        let call = sending.call;
        let started = Instant::now();
        let mut span = call.span("call CRM", Role::Client);
        self.mark(&mut request, span.as_mut(), sending.tried);
        let method = request.method.clone();
        let outcome = place.send(request, sending.deadline).await.map(readable);
        let status = outcome.as_ref().map_or(0, |reply| reply.status);
        let source = &*self.upstream.settings().source;
        let why = outcome.as_ref().err().and(self.upstream.trouble());
        tracing::debug!(source, adapter = %self.manifest.id, %method, status, why, ms = milliseconds(started.elapsed()), request = %call.operation().request_id, "upstream call");
        if let Some(span) = &mut span {
            span.tell("http.response.status_code", u64::from(status));
            if !matches!(status, 200..400) {
                span.fail();
            }
        }
        (outcome, started.elapsed())
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
        refused: Option<&SourceError>,
        took: Duration,
    ) -> (Sign, SourceErrorKind) {
        let failing = |kind| (Sign::Failing, kind);
        match outcome {
            Ok(reply) => {
                let kind = refused.map(|error| error.kind);
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

    /// What an answer refuses, as far as the exchange must know it: by its status; by the body of a good one, too, where it
    /// may be a refused write, or a short one while the file has codes for what is to be signed or sent again.
    fn refusal_in(&self, sending: &Sending<'_>, reply: &Reply) -> Option<SourceError> {
        let manifest = &self.manifest;
        let words = sending.draft.words();
        if reply.status >= 400 {
            return refusal(manifest, words.errors, reply).map(|refusal| refusal.error);
        }
        let success = words.success.unwrap_or(&manifest.http.ok);
        let looked_at = sending.repeat != Repeat::Reads
            || (reply.body.len() <= SHORT && self.has_passing_code(words.errors, &reply.body));
        if success.values.is_empty() || !looked_at {
            return None;
        }
        let body: Value = serde_json::from_slice(&reply.body).ok()?;
        let said = body_is_good(success, &body).err()?;
        Some(refused_in_body(manifest, words.errors, reply, said).error)
    }

    /// Whether a body has a code somewhere that says that the same request may work when it is signed anew, or later: most have
    /// none, and need not be read twice.
    fn has_passing_code(&self, own: &RouteErrors, body: &[u8]) -> bool {
        let mut of_all = self.passing.iter();
        of_all.any(|code| code.find(body).is_some())
            || passing(&own.codes).any(|code| memmem::find(body, code.as_bytes()).is_some())
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
            Err(error) => {
                let unlike = faults::unlike_json(&error);
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

/// Those of these codes that say that the same request may work when it is signed anew, or later.
pub(super) fn passing(codes: &BTreeMap<String, Meaning>) -> impl Iterator<Item = &str> {
    let passing = codes.iter().filter(|(_, meaning)| {
        matches!(
            meaning.kind,
            ErrorKind::Refused(SourceErrorKind::Credentials | SourceErrorKind::Throttled)
        )
    });
    passing.map(|(code, _)| code.as_str())
}
