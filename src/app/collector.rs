//! The way of spans to the collector: a queue, and a task that empties it.

use crate::config::{Config, Secrets};
use crate::trace::{self, Deliver, Queue, Tracer};
use crate::upstream::{Request, Settings, Upstream};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

/// How long the collector may take for one message.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer it may give.
const ANSWER_BYTES: usize = 65_536;

/// What makes spans, keeps them until they are sent, and has to run beside for them to arrive.
pub type Tracing = (Tracer, Option<Queue>, Option<Sending>);

/// Makes spans as configured.
///
/// # Errors
/// Nothing can be sent to the collector that is configured.
pub fn tracer(config: &Config) -> anyhow::Result<Tracing> {
    let telemetry = &config.telemetry;
    let percent = u64::from(telemetry.sample_percent);
    let pass = telemetry.traceparent;
    let Some(collector) = &telemetry.otlp else {
        return Ok((Tracer::new(pass, percent, None), None, None));
    };
    let deliver = deliver(collector, headers(&telemetry.headers)?)?;
    let (queue, waiting) = Queue::new(config.limits.waiting_spans);
    let sending = trace::export(waiting, deliver).boxed();
    let tracer = Tracer::new(pass, percent, Some(queue.clone()));
    Ok((tracer, Some(queue), Some(sending)))
}

/// Runs until nobody makes spans any more.
pub type Sending = futures_util::future::BoxFuture<'static, ()>;

/// What every message carries.
fn headers(configured: &Secrets) -> anyhow::Result<HeaderMap> {
    let json = HeaderValue::from_static("application/json");
    let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
    for (name, value) in configured.iter() {
        let mut value: HeaderValue = value.expose_secret().parse()?;
        value.set_sensitive(true);
        headers.insert(name.parse::<HeaderName>()?, value);
    }
    Ok(headers)
}

fn deliver(url: &Url, headers: HeaderMap) -> anyhow::Result<Deliver> {
    let settings = Settings {
        attempt: PATIENCE,
        concurrency: 1,
        answer_bytes: ANSWER_BYTES,
        ..Settings::default()
    };
    let upstream = Arc::new(Upstream::new(settings)?);
    let url = url.clone();
    Ok(Box::new(move |body| {
        let request = Request {
            method: Method::POST,
            url: url.clone(),
            headers: headers.clone(),
            body: Some(body),
        };
        let upstream = Arc::clone(&upstream);
        async move {
            let deadline = Instant::now() + PATIENCE;
            let sent = upstream.send_apart(request, deadline).await;
            let taken = sent.ok().filter(|reply| (200..300).contains(&reply.status));
            let rejected = taken.map(|reply| rejected(&reply.body));
            if rejected != Some(0) {
                tracing::debug!("the collector did not take spans");
            }
            rejected
        }
        .boxed()
    }))
}

/// How many spans an answer says were rejected, as a number or, as 64 bits are written in JSON, a text.
fn rejected(answer: &[u8]) -> u64 {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    match answer.pointer("/partialSuccess/rejectedSpans") {
        Some(Value::String(text)) => text.parse().unwrap_or_default(),
        Some(number) => number.as_u64().unwrap_or_default(),
        None => 0,
    }
}
