//! Connections: accepted within a ceiling, cut when they keep the gateway waiting, drained before the process ends.
//!
//! A connection may not send for `receive_ms` before its first byte, while sending a request's head, or between two requests;
//! nor may it, or an answer over HTTP/2, for so long take nothing of what it is sent. One of HTTP/2 may be without a request in
//! work for `idle_ms`.
//! The first bytes are looked at before a protocol is chosen, as no timer of the protocols runs before that.

use super::Readiness;
use super::health::Connected;
use super::patient::Patient;
use super::pieces::{self, Streams};
use super::swap::Swap;
use crate::limits::Limits;
use axum::BoxError;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

/// What an HTTP/2 connection opens with.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// While draining, a connection without a request in work has so long for its last frames.
const LINGER: Duration = Duration::from_secs(2);

/// How long to wait after the system refused a connection (most often: no file descriptor left).
const PAUSE: Duration = Duration::from_millis(50);

/// Between the first two looks at a first line that is not complete; twice as long before each further one.
const LOOK: Duration = Duration::from_millis(5);

/// The longest time between two looks.
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// Serves until `shutdown` ends and for `notice_ms` more, then stops accepting and gives running requests `drain_ms`. Sets
/// `readiness` to ready when it starts and to not ready when `shutdown` ends. Answers whether every request could finish.
pub async fn serve(
    listener: TcpListener,
    routes: impl Into<Swap>,
    limits: &Limits,
    readiness: &Readiness,
    shutdown: impl Future<Output = ()>,
) -> bool {
    let permits = Arc::new(Semaphore::new(limits.connections));
    let (draining, drained) = watch::channel(false);
    let server = Server {
        builder: builder(limits),
        routes: routes.into(),
        patience: Duration::from_millis(limits.receive_ms),
        idle: Duration::from_millis(limits.idle_ms),
        draining: drained,
    };
    readiness.set(true);
    server
        .accept(&listener, &permits, readiness, shutdown)
        .await;
    readiness.set(false);
    if limits.notice_ms > 0 {
        let noticed = sleep(Duration::from_millis(limits.notice_ms));
        server.accept(&listener, &permits, readiness, noticed).await;
    }
    drop((listener, server));
    draining.send_replace(true);
    let patience = Duration::from_millis(limits.drain_ms);
    // Every connection listens for it to its end.
    let finished = timeout(patience, draining.closed()).await.is_ok();
    if !finished {
        tracing::warn!("requests were still running when the time to drain was over");
    }
    finished
}

fn builder(limits: &Limits) -> Builder<Streams> {
    let patience = Duration::from_millis(limits.receive_ms);
    let mut builder = Builder::new(Streams(patience));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(limits.head_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(patience)
        .keep_alive_timeout(patience)
        .max_concurrent_streams(u32::try_from(limits.requests).ok())
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX));
    builder
}

#[derive(Clone)]
struct Server {
    builder: Builder<Streams>,
    routes: Swap,
    patience: Duration,
    idle: Duration,
    draining: watch::Receiver<bool>,
}

impl Server {
    /// Accepts connections until then.
    async fn accept(
        &self,
        listener: &TcpListener,
        permits: &Arc<Semaphore>,
        readiness: &Readiness,
        end: impl Future<Output = ()>,
    ) {
        let mut end = std::pin::pin!(end);
        loop {
            let (stream, address) = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        sleep(PAUSE).await;
                        continue;
                    }
                },
                () = &mut end => return,
            };
            // No permit: the stream is dropped, and so closed.
            if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
                let connection = self.clone();
                let held = (permit, readiness.connect());
                tokio::spawn(connection.run(stream, address.ip(), held));
            }
        }
    }

    async fn run(
        self,
        stream: TcpStream,
        address: IpAddr,
        _held: (OwnedSemaphorePermit, Connected),
    ) {
        let (patience, mut draining) = (self.patience, self.draining);
        let opening = timeout(patience, is_http2(&stream));
        let is_http2 = tokio::select! {
            opened = opening => match opened {
                Ok(Some(is_http2)) => is_http2,
                _ => return,
            },
            _ = draining.wait_for(|draining| *draining) => return,
        };
        // Answers are small: waiting to fill a packet only delays them.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let builder = if is_http2 {
            self.builder.http2_only()
        } else {
            self.builder.http1_only()
        };
        let routes = self.routes;
        let (work, in_work) = watch::channel(0);
        let has_asked = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&has_asked);
        let service = service_fn(move |request: Request<Incoming>| {
            let routes = routes.now();
            asked.store(true, Ordering::Relaxed);
            // HTTP/1 has a timer of its own for the time between two requests.
            let begun = is_http2.then(|| Begun::at(&work));
            Box::pin(async move {
                let response = routes.answer(request, address).await;
                Ok::<_, Infallible>(match begun {
                    // It is in work until its answer has gone.
                    Some(begun) => pieces::in_pieces(response, begun),
                    None => response,
                })
            })
        });
        let io = TokioIo::new(Patient::new(stream, patience));
        let mut connection = std::pin::pin!(builder.serve_connection(io, service));
        let drains = tokio::select! {
            ended = connection.as_mut() => return told(ended),
            _ = draining.wait_for(|draining| *draining) => true,
            () = rest(in_work.clone(), self.idle), if is_http2 => false,
        };
        connection.as_mut().graceful_shutdown();
        let patience = if drains {
            LINGER.min(patience)
        } else {
            patience
        };
        tokio::select! {
            ended = connection => told(ended),
            // An answer that nobody takes, or somebody who is there no more, would keep it open.
            () = rest(in_work, patience), if is_http2 => {}
            // The other protocol waits for the rest of a first head, and ends by itself between two requests.
            () = unless_asked(&has_asked, patience), if !is_http2 => {}
        }
    }
}

/// A request in work, for as long as it lives.
struct Begun(watch::Sender<usize>);

impl Begun {
    fn at(work: &watch::Sender<usize>) -> Self {
        work.send_modify(|count| *count += 1);
        Self(work.clone())
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Ends when no request has been in work for so long.
async fn rest(mut in_work: watch::Receiver<usize>, long: Duration) {
    while in_work.wait_for(|count| *count == 0).await.is_ok() {
        match timeout(long, in_work.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// Ends after so long, unless something was asked by then.
async fn unless_asked(has_asked: &AtomicBool, long: Duration) {
    sleep(long).await;
    if has_asked.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

/// Why a connection ended, where that was not its caller's wish.
fn told(ended: Result<(), BoxError>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Waits for enough first bytes to tell the protocol; `None` where the caller left.
async fn is_http2(stream: &TcpStream) -> Option<bool> {
    let mut first = [0; HTTP2.len()];
    for pause in looks() {
        let seen = stream
            .peek(&mut first)
            .await
            .ok()
            .filter(|seen| *seen > 0)?;
        let seen = first.get(..seen).unwrap_or_default();
        if !HTTP2.starts_with(seen) {
            return Some(false);
        }
        if seen.len() == HTTP2.len() {
            return Some(true);
        }
        // Peeking returns at once as long as anything is there.
        sleep(pause).await;
    }
    None
}

/// The times between looks. They grow, or a few bytes that nobody goes on with would cost a look every moment.
fn looks() -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(LOOK), |look| Some((*look * 2).min(LONGEST_LOOK)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_line_that_does_not_go_on_is_looked_at_a_few_times_only() {
        let mut waited = Duration::ZERO;
        let looks = looks().take_while(|look| {
            waited += *look;
            waited < Duration::from_secs(10)
        });
        assert_eq!(looks.count(), 16);
    }
}
