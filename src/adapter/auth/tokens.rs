//! OAuth 2.0 tokens: fetched, kept until shortly before they end, and fetched once for all who wait.
//!
//! A refresh goes on even when the request that began it is given up: a rotated refresh token that nobody kept would lock
//! the source out.

use super::held::Held;
use super::{Keeper, Reader, TokenStore, Unsigned, Used, filled, secret_header};
use crate::adapter::faults;
use crate::adapter::manifest::OAuthRule;
use crate::adapter::place::Template;
use crate::adapter::request::{Vars, encode};
use crate::source::{SourceError, SourceErrorKind};
use crate::upstream::{self, Fault, Reply, Request, Upstream};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::sync::{Arc, Mutex as PlainMutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use url::Url;

/// A token is fetched anew this long before it ends, or at half its life where that is shorter.
const BEFORE_END: Duration = Duration::from_secs(60);
/// How long a token lives whose answer does not say it.
const LIFE_UNSAID: Duration = Duration::from_secs(300);
/// How long a token request may take.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(15);
/// The tokens of one source.
pub struct Tokens {
    url: Url,
    form: String,
    headers: HeaderMap,
    prefix: String,
    keep: Option<Arc<Keeper>>,
    again: Option<Arc<Reader>>,
    /// The refresh token of the configuration, where there is one.
    configured: Option<SecretString>,
    /// Never held for long, so that nobody waits for a fetch who only looks, or gives a token up.
    held: PlainMutex<Held>,
    /// Held while a token is fetched.
    state: Mutex<State>,
}

/// What a fetch goes by.
struct State {
    refresh: Option<SecretString>,
    /// The last fetch that failed, for all who were waiting for it.
    failure: Option<(Instant, SourceError)>,
}

impl State {
    /// The last failure, where the CRM said that nothing shall be sent before a time that is still to come.
    fn held(&self) -> Option<(Duration, SourceError)> {
        let (at, error) = self.failure.as_ref()?;
        let left = error.retry_after?.checked_sub(at.elapsed())?;
        let mut error = error.clone();
        error.retry_after = Some(left);
        (!left.is_zero()).then_some((left, error))
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
    #[serde(default)]
    refresh_token: Option<String>,
}

impl Tokens {
    pub(super) fn new(rule: &OAuthRule, url: Url, vars: &Vars, store: &TokenStore) -> Option<Self> {
        let fill = |template: &Template| filled(template, vars);
        let (id, secret) = (fill(&rule.client_id)?, fill(&rule.client_secret)?);
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        let grant = if rule.refresh_token.is_some() {
            "refresh_token"
        } else {
            "client_credentials"
        };
        let mut form = format!("grant_type={grant}");
        if rule.basic {
            let pair = STANDARD.encode(format!("{}:{}", encode(&id), encode(&secret)));
            headers.insert(AUTHORIZATION, secret_header(&format!("Basic {pair}"))?);
        } else {
            form.push_str(&format!(
                "&client_id={}&client_secret={}",
                encode(&id),
                encode(&secret)
            ));
        }
        if let Some(scope) = &rule.scope {
            form.push_str(&format!("&scope={}", encode(&fill(scope)?)));
        }
        let configured: Option<SecretString> = match &rule.refresh_token {
            Some(template) => Some(fill(template)?.into()),
            None => None,
        };
        let kept = store.kept.clone().filter(|_| configured.is_some());
        Some(Self {
            url,
            form,
            headers,
            prefix: rule.prefix.clone(),
            keep: store.keep.clone(),
            again: store.again.clone(),
            held: PlainMutex::default(),
            state: Mutex::new(State {
                refresh: kept.or_else(|| configured.clone()),
                failure: None,
            }),
            configured,
        })
    }

    /// The token to use now, fetched where there is none that lasts.
    pub(super) async fn current(
        self: &Arc<Self>,
        upstream: &Arc<Upstream>,
        deadline: Instant,
    ) -> Result<(HeaderValue, Used), Unsigned> {
        let since = Instant::now();
        if let Some(found) = self.held().current() {
            return Ok(found);
        }
        let (this, upstream) = (Arc::clone(self), Arc::clone(upstream));
        let fetching =
            tokio::spawn(async move { this.fetched(&upstream, (since, deadline)).await });
        fetching.await.unwrap_or_else(|_| Err(unreadable().into()))
    }

    /// Only one fetches; the others wait for the lock and find its token, or its failure. Nobody does before the time that the
    /// CRM asked for, or for a request whose own time is over.
    async fn fetched(
        &self,
        upstream: &Upstream,
        (since, deadline): (Instant, Instant),
    ) -> Result<(HeaderValue, Used), Unsigned> {
        let shared = |error| {
            Err(Unsigned {
                error,
                failing: false,
            })
        };
        let mut state = loop {
            let state = self.state.lock().await;
            if let Some(found) = self.held().current() {
                return Ok(found);
            }
            if !upstream.in_time(Instant::now(), deadline) {
                return Err(Unsigned::late());
            }
            if let Some((at, error)) = &state.failure
                && *at >= since
            {
                return shared(error.clone());
            }
            let Some((left, error)) = state.held() else {
                break state;
            };
            if Instant::now() + left >= deadline {
                return shared(error);
            }
            drop(state);
            tokio::time::sleep(left).await;
        };
        let fetched = self.fetch(upstream, &mut state, deadline).await;
        state.failure = fetched
            .as_ref()
            .err()
            .map(|error| (Instant::now(), error.clone()));
        fetched.map_err(Unsigned::by_endpoint)
    }

    async fn fetch(
        &self,
        upstream: &Upstream,
        state: &mut State,
        deadline: Instant,
    ) -> Result<(HeaderValue, Used), SourceError> {
        let granted = self.granted(upstream, state, deadline).await;
        let answer = granted.map_err(|denied| denied.error)?;
        // An empty one is no token: some CRMs say so that the one they were sent goes on.
        if let Some(refresh) = answer.refresh_token.filter(|text| !text.is_empty()) {
            let refresh = SecretString::from(refresh);
            if let Some(keep) = &self.keep {
                keep(&refresh);
            }
            state.refresh = state.refresh.is_some().then_some(refresh);
        }
        let value = secret_header(&format!("{}{}", self.prefix, answer.access_token))
            .ok_or_else(unreadable)?;
        let life = answer
            .expires_in
            .as_ref()
            .and_then(seconds)
            .unwrap_or(LIFE_UNSAID);
        let until = Instant::now() + life.saturating_sub(BEFORE_END).max(life / 2);
        let used = self.held().renew(value.clone(), until);
        Ok((value, used))
    }

    /// What the CRM grants to the first refresh token that it takes: the one used last, the one that another process was given
    /// meanwhile, the configured one.
    async fn granted(
        &self,
        upstream: &Upstream,
        state: &mut State,
        deadline: Instant,
    ) -> Result<TokenAnswer, Denied> {
        let mut asked = self.ask(upstream, state.refresh.as_ref(), deadline).await;
        if refuses(&asked)
            && let Some(kept) = self.rotated_elsewhere(state)
        {
            state.refresh = Some(kept);
            asked = self.ask(upstream, state.refresh.as_ref(), deadline).await;
        }
        let Some(configured) = self.forgotten(state, &asked) else {
            return asked;
        };
        let granted = self.ask(upstream, Some(configured), deadline).await?;
        state.refresh = Some(configured.clone());
        Ok(granted)
    }

    /// The refresh token that another process was given meanwhile, where it kept it in the same place.
    fn rotated_elsewhere(&self, state: &State) -> Option<SecretString> {
        let own = state.refresh.as_ref()?.expose_secret();
        let kept = self.again.as_ref()?()?;
        (kept.expose_secret() != own).then_some(kept)
    }

    /// The configured refresh token, where the CRM no longer knows the one it gave later: one that was restored from a backup
    /// may still know the first. Only an answer that is about the token brings it up, because a CRM may take an old token for
    /// a stolen one and end them all.
    fn forgotten(
        &self,
        state: &State,
        asked: &Result<TokenAnswer, Denied>,
    ) -> Option<&SecretString> {
        let of_token = asked.as_ref().err()?.of_token;
        let (configured, own) = (self.configured.as_ref()?, state.refresh.as_ref()?);
        let other = configured.expose_secret() != own.expose_secret();
        (of_token && other).then_some(configured)
    }

    /// Asks again where the endpoint fails for a moment, as long as there is time. One that did not answer may have rotated the
    /// refresh token, and is left alone; so is one behind a proxy that did not get its answer.
    async fn ask(
        &self,
        upstream: &Upstream,
        refresh: Option<&SecretString>,
        deadline: Instant,
    ) -> Result<TokenAnswer, Denied> {
        let mut tried = 0;
        loop {
            let outcome = self.send(upstream, refresh).await;
            let passing = match &outcome {
                Ok(reply) => {
                    reply.status == 503 || (refresh.is_none() && matches!(reply.status, 502 | 504))
                }
                Err(fault) => *fault == Fault::Connect,
            };
            let answer = outcome.map_err(|fault| Denied::from(faults::of_fault(fault)));
            let answer = answer.and_then(|reply| read_answer(&reply));
            let said = answer
                .as_ref()
                .err()
                .and_then(|denied| denied.error.retry_after);
            let pause = upstream::wait(tried, said);
            let may = passing
                && tried < upstream.settings().retries
                && upstream.in_time(Instant::now() + pause, deadline)
                && upstream.spend();
            if !may {
                return answer;
            }
            tokio::time::sleep(pause).await;
            tried += 1;
        }
    }

    async fn send(
        &self,
        upstream: &Upstream,
        refresh: Option<&SecretString>,
    ) -> Result<Reply, Fault> {
        let mut form = self.form.clone();
        if let Some(refresh) = refresh {
            form.push_str(&format!(
                "&refresh_token={}",
                encode(refresh.expose_secret())
            ));
        }
        let request = Request {
            method: http::Method::POST,
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: Some(Bytes::from(form)),
        };
        upstream
            .send_apart(request, Instant::now() + TOKEN_TIMEOUT)
            .await
    }

    /// The CRM took these.
    pub(super) fn keep_up(&self, used: Used) {
        self.held().served(used);
    }

    /// The CRM refused these: whether it is worth asking once more with others.
    pub(super) fn give_up(&self, used: Used) -> bool {
        self.held().give_up(used, Instant::now())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why no token was granted.
struct Denied {
    error: SourceError,
    /// It is the refresh token that is refused, or nothing else that is said.
    of_token: bool,
}

impl From<SourceError> for Denied {
    fn from(error: SourceError) -> Self {
        Self {
            error,
            of_token: false,
        }
    }
}

/// Whether an answer refuses the credentials.
fn refuses(asked: &Result<TokenAnswer, Denied>) -> bool {
    matches!(asked, Err(denied) if denied.error.kind == SourceErrorKind::Credentials)
}

/// Whether a refusal is about the grant, by the word of RFC 6749, section 5.2, or says no word at all.
fn is_of_grant(reply: &Reply) -> bool {
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let word = body.get("error").and_then(serde_json::Value::as_str);
    matches!(reply.status, 400 | 401) && word.is_none_or(|word| word == "invalid_grant")
}

fn read_answer(reply: &Reply) -> Result<TokenAnswer, Denied> {
    let (kind, detail) = match reply.status {
        200..=299 => {
            return serde_json::from_slice(&reply.body).map_err(|_| unreadable().into());
        }
        429 => (
            SourceErrorKind::Throttled,
            "the CRM's token endpoint refuses more calls",
        ),
        400..=499 => (
            SourceErrorKind::Credentials,
            "the CRM's token endpoint refuses the credentials",
        ),
        _ => (
            SourceErrorKind::Unavailable,
            "the CRM's token endpoint is failing",
        ),
    };
    let mut error = SourceError::new(kind, detail).with_status(reply.status);
    if error.retryable() {
        error.retry_after = faults::retry_after(reply);
    }
    let of_token = is_of_grant(reply);
    Err(Denied { error, of_token })
}

fn seconds(value: &serde_json::Value) -> Option<Duration> {
    let seconds = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|life| *life < Duration::from_secs(31_536_000))
}

fn unreadable() -> SourceError {
    SourceError::new(
        SourceErrorKind::Malformed,
        "the CRM's token endpoint answered something unreadable",
    )
}
