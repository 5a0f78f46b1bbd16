//! The HTTP server in front of an emulated CRM: takes connections, reads and notes each request, lets the vendor's
//! routes answer it, and carries out the fault that is switched on.
//!
//! It speaks hyper and not `axum::serve`, because a fault must be able to close a connection without an answer.
//! It must not know any vendor's routes or shapes; those come in a [`Site`].

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::stream::{self, StreamExt};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, Request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::fault::{Fault, Faults};
use super::record::Record;
use super::reply::{self, Refusal};

/// The largest body that a CRM accepts.
pub(super) const BODY_MAX: usize = 1024 * 1024;
/// How much of a larger one is read and thrown away, so that its sender hears the refusal.
const BODY_DRAINED: usize = 16 * 1024 * 1024;

/// What a vendor's file gives: its routes and its way to refuse, and what the outside may ask of it.
pub(super) struct Site {
    pub(super) router: Router,
    /// The vendor's error answer.
    pub(super) refuse: fn(&Refusal) -> Response,
    /// Headers that the vendor puts on every answer.
    pub(super) dress: Box<dyn Fn(&mut Response) + Send + Sync>,
    /// How many customers its plainest list shows.
    pub(super) len: Box<dyn Fn() -> usize + Send + Sync>,
    /// Makes access tokens invalid, where there are any.
    pub(super) expire: Box<dyn Fn() + Send + Sync>,
    /// What a gateway's config needs.
    pub(super) vars: Vec<(&'static str, String)>,
}

/// A site that is open.
pub(super) struct Door {
    pub(super) site: Site,
    pub(super) record: Record,
    pub(super) faults: Faults,
}

/// The connection is closed without an answer.
#[derive(Debug)]
struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed without an answer")
    }
}

impl Error for Dropped {}

/// Takes connections until the task is aborted; the connections end with it.
pub(super) async fn serve(listener: TcpListener, door: Arc<Door>) {
    let mut guests = JoinSet::new();
    loop {
        tokio::select! {
            taken = listener.accept() => match taken {
                Ok((stream, _)) => {
                    guests.spawn(talk(stream, Arc::clone(&door)));
                }
                // Out of descriptors, most likely: it passes when other connections end.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = guests.join_next() => {}
        }
    }
}

async fn talk(stream: TcpStream, door: Arc<Door>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request| {
        let door = Arc::clone(&door);
        async move { door.answer(request).await }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // It fails where the visitor went away or a fault was asked for; neither concerns anybody here.
    drop(connection.await);
}

impl Door {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response, Dropped> {
        let (head, body) = request.into_parts();
        let (body, complete) = swallow(body).await?;
        let ticket = self.record.open(&head, &body);
        let fault = self.faults.next();
        let writes = is_write(&head);
        let mut response = match &fault {
            Some(Fault::Reset) => return Err(Dropped),
            Some(Fault::Garbage) => garbage(),
            Some(Fault::Status {
                status,
                retry_after,
            }) => (self.site.refuse)(&Refusal::of(*status, *retry_after)),
            _ if !complete => (self.site.refuse)(&Refusal::of(413, None)),
            _ => self.carry_out(head, body).await,
        };
        (self.site.dress)(&mut response);
        match fault {
            Some(Fault::ApplyThenDrop) if writes => return Err(Dropped),
            Some(Fault::Latency(delay)) => tokio::time::sleep(delay).await,
            Some(Fault::Truncated) => response = truncated(response).await,
            _ => {}
        }
        self.record.close(ticket, response.status().as_u16());
        Ok(response)
    }

    async fn carry_out(&self, head: Parts, body: Bytes) -> Response {
        let request = Request::from_parts(head, Body::from(body));
        match self.site.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// A request that changes a customer; one for a token does not.
fn is_write(head: &Parts) -> bool {
    head.method != Method::GET && head.uri.path().contains("/customers")
}

/// Reads a body up to the limit, and says whether that was all of it.
async fn swallow(mut body: Incoming) -> Result<(Bytes, bool), Dropped> {
    let mut kept = Vec::new();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Dropped)?.into_data() else {
            continue;
        };
        size += data.len();
        if size <= BODY_MAX {
            kept.extend_from_slice(&data);
        } else if size > BODY_DRAINED {
            break;
        }
    }
    Ok((Bytes::from(kept), size <= BODY_MAX))
}

fn garbage() -> Response {
    let page = "<!DOCTYPE html><html><body><h1>Please sign in to the network</h1></body></html>";
    let mut response = reply::empty(200);
    *response.body_mut() = Body::from(page);
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    response
}

/// The same answer, promising its whole length and ending after half of it.
async fn truncated(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let whole = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let whole = whole.unwrap_or_default();
    // An empty body is announced too, so that there is something to fall short of.
    let promised = HeaderValue::from(whole.len().max(1));
    head.headers.insert(CONTENT_LENGTH, promised);
    let half = stream::iter([Ok(whole.slice(..whole.len() / 2))]);
    let end = stream::once(async {
        // Time for the first half to leave before the connection closes.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(io::Error::other(Dropped))
    });
    Response::from_parts(head, Body::from_stream(half.chain(end)))
}
