//! The way of spans to the collector: a queue, and a task that empties it.

use crate::config::Telemetry;
use crate::trace::{self, Deliver, Queue, Tracer};
use crate::upstream::{Request, Settings, Upstream};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, Method, header};
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

/// How long the collector may take for one message.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer it may give.
const ANSWER_BYTES: usize = 65_536;

/// Makes spans as configured, and tells what has to run beside for them to arrive.
pub fn tracer(telemetry: &Telemetry) -> (Tracer, Option<Queue>, Option<Sending>) {
    let percent = u64::from(telemetry.sample_percent);
    let pass = telemetry.traceparent;
    let deliver = telemetry.otlp.as_ref().and_then(deliver);
    let Some(deliver) = deliver else {
        return (Tracer::new(pass, percent, None), None, None);
    };
    let (queue, waiting) = Queue::new();
    let sending = trace::export(queue.clone(), waiting, deliver).boxed();
    let tracer = Tracer::new(pass, percent, Some(queue.clone()));
    (tracer, Some(queue), Some(sending))
}

/// Runs until nobody makes spans any more.
pub type Sending = futures_util::future::BoxFuture<'static, ()>;

fn deliver(url: &Url) -> Option<Deliver> {
    let settings = Settings {
        attempt: PATIENCE,
        concurrency: 1,
        answer_bytes: ANSWER_BYTES,
        ..Settings::default()
    };
    let upstream = Arc::new(Upstream::new(settings).ok()?);
    let url = url.clone();
    Some(Box::new(move |body| {
        let json = HeaderValue::from_static("application/json");
        let request = Request {
            method: Method::POST,
            url: url.clone(),
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, json)]),
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
