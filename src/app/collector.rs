//! The way of spans to the collector: a queue, and a task that empties it.

use crate::config::{Config, Secrets};
use crate::trace::{self, Deliver, Queue, Tracer};
use crate::upstream::{Request, Settings, Upstream};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

/// How long the collector may take for one message.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer it may give.
const ANSWER_BYTES: usize = 65_536;

/// Makes spans as configured, and tells what has to run beside for them to arrive.
pub fn tracer(config: &Config) -> (Tracer, Option<Queue>, Option<Sending>) {
    let telemetry = &config.telemetry;
    let percent = u64::from(telemetry.sample_percent);
    let pass = telemetry.traceparent;
    let collector = telemetry.otlp.as_ref();
    let deliver = collector.and_then(|url| deliver(url, headers(&telemetry.headers)?));
    let Some(deliver) = deliver else {
        return (Tracer::new(pass, percent, None), None, None);
    };
    let (queue, waiting) = Queue::new(config.limits.waiting_spans);
    let sending = trace::export(queue.clone(), waiting, deliver).boxed();
    let tracer = Tracer::new(pass, percent, Some(queue.clone()));
    (tracer, Some(queue), Some(sending))
}

/// Runs until nobody makes spans any more.
pub type Sending = futures_util::future::BoxFuture<'static, ()>;

/// What every message carries. Configured headers are checked, so none is left out.
fn headers(configured: &Secrets) -> Option<HeaderMap> {
    let json = HeaderValue::from_static("application/json");
    let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
    for (name, value) in configured.iter() {
        let mut value: HeaderValue = value.expose_secret().parse().ok()?;
        value.set_sensitive(true);
        headers.insert(name.parse::<HeaderName>().ok()?, value);
    }
    Some(headers)
}

fn deliver(url: &Url, headers: HeaderMap) -> Option<Deliver> {
    let settings = Settings {
        attempt: PATIENCE,
        concurrency: 1,
        answer_bytes: ANSWER_BYTES,
        ..Settings::default()
    };
    let upstream = Arc::new(Upstream::new(settings).ok()?);
    let url = url.clone();
    Some(Box::new(move |body| {
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
            let taken = matches!(&sent, Ok(reply) if (200..300).contains(&reply.status));
            if !taken {
                tracing::debug!("the collector did not take spans");
            }
            taken
        }
        .boxed()
    }))
}
