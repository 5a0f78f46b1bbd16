//! Spans on their way to a collector: queued without waiting, sent together as OTLP in JSON.
//!
//! A request never waits for this: where the queue is full, a span is left out and counted.

use super::span::{Role, Told};
use crate::metrics::{Counts, SpanFate};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Spans that are sent together.
const TOGETHER: usize = 512;
/// How long spans are gathered before they are sent.
const GATHER: Duration = Duration::from_millis(500);

/// Delivers one message, and tells how many of its spans were rejected; `None` where all were.
pub type Deliver = Box<dyn Fn(Bytes) -> BoxFuture<'static, Option<u64>> + Send + Sync>;

/// A span that has ended.
#[derive(Debug)]
pub struct Finished {
    pub(super) trace: u128,
    pub(super) span: u64,
    pub(super) parent: Option<u64>,
    pub(super) name: &'static str,
    pub(super) role: Role,
    /// Since 1970.
    pub(super) began: Duration,
    pub(super) ended: Duration,
    pub(super) told: Vec<(&'static str, Told)>,
    pub(super) failed: bool,
}

/// Where spans wait to be sent. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    spans: mpsc::Sender<Finished>,
    fates: Arc<Counts<SpanFate>>,
}

/// The other end of a queue.
pub struct Waiting {
    spans: mpsc::Receiver<Finished>,
    fates: Arc<Counts<SpanFate>>,
}

impl Queue {
    /// An empty queue for so many spans, and its other end.
    pub fn new(most: usize) -> (Self, Waiting) {
        let (spans, waiting) = mpsc::channel(most.max(1));
        let fates = Arc::default();
        let waiting = Waiting {
            spans: waiting,
            fates: Arc::clone(&fates),
        };
        (Self { spans, fates }, waiting)
    }

    /// What became of spans so far.
    pub fn fates(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.fates.all()
    }

    /// Puts a span at its end, or leaves it out where there is no room.
    pub(super) fn put(&self, span: Finished) {
        if self.spans.try_send(span).is_err() {
            self.fates.add(SpanFate::Dropped);
        }
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue")
    }
}

/// Sends what the queue gets, for as long as anybody can put something into it.
pub async fn export(mut waiting: Waiting, deliver: Deliver) {
    let mut spans = Vec::with_capacity(TOGETHER);
    while waiting.spans.recv_many(&mut spans, TOGETHER).await > 0 {
        if spans.len() < TOGETHER {
            tokio::time::sleep(GATHER).await;
            while spans.len() < TOGETHER
                && let Ok(span) = waiting.spans.try_recv()
            {
                spans.push(span);
            }
        }
        let many = spans.len() as u64;
        let message = message(spans.drain(..)).to_string();
        let rejected = deliver(message.into()).await.unwrap_or(many).min(many);
        waiting.fates.add_many(SpanFate::Failed, rejected);
        waiting.fates.add_many(SpanFate::Sent, many - rejected);
    }
}

fn message(spans: impl Iterator<Item = Finished>) -> Value {
    let text = |key: &str, text: &str| json!({ "key": key, "value": { "stringValue": text } });
    json!({ "resourceSpans": [{
        "resource": { "attributes": [
            text("service.name", "crmql"),
            text("service.version", env!("CARGO_PKG_VERSION")),
        ] },
        "scopeSpans": [{ "scope": { "name": "crmql" }, "spans": spans.map(written).collect::<Vec<_>>() }],
    }] })
}

fn written(span: Finished) -> Value {
    let told = |(key, told): (&'static str, Told)| {
        let value = match told {
            Told::Word(word) => json!({ "stringValue": word }),
            Told::Key(key) => json!({ "stringValue": &*key }),
            Told::Number(number) => json!({ "intValue": number.to_string() }),
        };
        json!({ "key": key, "value": value })
    };
    let parent = span.parent.map(|parent| format!("{parent:016x}"));
    json!({
        "traceId": format!("{:032x}", span.trace),
        "spanId": format!("{:016x}", span.span),
        "parentSpanId": parent.unwrap_or_default(),
        "name": span.name,
        "kind": match span.role {
            Role::Inside => 1,
            Role::Server => 2,
            Role::Client => 3,
        },
        "startTimeUnixNano": span.began.as_nanos().to_string(),
        "endTimeUnixNano": span.ended.as_nanos().to_string(),
        "attributes": span.told.into_iter().map(told).collect::<Vec<_>>(),
        "status": { "code": if span.failed { 2 } else { 0 } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Tracer;
    use futures_util::FutureExt;
    use std::sync::Mutex;

    const WAITING: usize = 4 * TOGETHER;

    fn fate(queue: &Queue, word: &str) -> u64 {
        let mut fates = queue.fates();
        fates.find(|(known, _)| *known == word).unwrap().1
    }

    #[tokio::test(start_paused = true)]
    async fn what_finds_no_room_is_left_out_and_the_rest_is_sent_together() {
        let (queue, waiting) = Queue::new(WAITING);
        let tracer = Tracer::new(true, 100, Some(queue.clone()));
        for _ in 0..WAITING + 7 {
            drop(tracer.request("r", None));
        }
        assert_eq!(fate(&queue, "dropped"), 7);
        let sent = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&sent);
        let deliver: Deliver = Box::new(move |message| {
            let message: Value = serde_json::from_slice(&message).unwrap();
            let spans = &message["resourceSpans"][0]["scopeSpans"][0]["spans"];
            let many = spans.as_array().unwrap().len();
            let mut sent = note.lock().unwrap();
            sent.push(many);
            // The collector takes the first message only.
            let taken = sent.len() == 1;
            async move { taken.then_some(0) }.boxed()
        });
        tokio::spawn(export(waiting, deliver));
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(*sent.lock().unwrap(), [TOGETHER; WAITING / TOGETHER]);
        assert_eq!(fate(&queue, "sent"), TOGETHER as u64);
        assert_eq!(fate(&queue, "failed"), (WAITING - TOGETHER) as u64);
    }

    #[tokio::test]
    async fn only_the_chosen_part_is_recorded_unless_the_caller_records() {
        let (queue, mut waiting) = Queue::new(WAITING);
        let tracer = Tracer::new(true, 25, Some(queue));
        for _ in 0..1_000 {
            drop(tracer.request("r", None));
        }
        let mut recorded = 0;
        while waiting.spans.try_recv().is_ok() {
            recorded += 1;
        }
        assert!((150..350).contains(&recorded), "{recorded}");
        for (flags, recorded) in [("00", false), ("01", true)] {
            let given = format!("00-{:032x}-{:016x}-{flags}", 7, 8);
            for _ in 0..20 {
                drop(tracer.request("r", Some(&given)));
                assert_eq!(waiting.spans.try_recv().is_ok(), recorded);
            }
        }
    }
}
