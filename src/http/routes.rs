//! Everything that is served, and which way a request takes: `/graphql` the short one, all else through the router.

use super::guards::{self, Sent, Visit};
use super::{GRAPHQL, Shared, handler};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, header};
use axum::response::Response;
use hyper::body::Body as _;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

/// Every route of the gateway. Cheap to clone.
#[derive(Clone)]
pub struct Routes {
    shared: Arc<Shared>,
    others: Router,
}

impl Routes {
    /// `others` are the routes beside `/graphql`.
    pub(super) fn new(shared: Arc<Shared>, others: Router) -> Self {
        let others = others.layer(compression());
        Self { shared, others }
    }

    /// Answers a request that came from this address.
    pub(super) async fn answer(self, request: Request<impl Sent>, address: IpAddr) -> Response {
        let way = async |mut request: Request<_>, visit: Visit| {
            let is_graphql = request.uri().path() == GRAPHQL;
            let packs = request.headers().contains_key(header::ACCEPT_ENCODING);
            if packs {
                allow_plain(request.headers_mut());
            }
            match (is_graphql, packs) {
                (true, false) => handler::graphql(&self.shared, visit, request).await,
                (true, true) => Box::pin(self.packed(request, visit)).await,
                (false, _) => Box::pin(self.other(request, visit)).await,
            }
        };
        let is_head = request.method() == Method::HEAD;
        let response = guards::around(&self.shared, request, address, way).await;
        match is_head {
            true => without_body(response),
            false => response,
        }
    }

    /// An answer of `/graphql`, in an encoding that the caller takes.
    async fn packed(&self, request: Request<impl Sent>, visit: Visit) -> Response {
        // Boxed, as the layers move it about.
        let service = service_fn(|request| {
            let visit = visit.clone();
            Box::pin(async {
                Ok::<_, Infallible>(handler::graphql(&self.shared, visit, request).await)
            })
        });
        let answered = compression().layer(service).oneshot(request).await;
        answered
            .unwrap_or_else(|never| match never {})
            .map(Body::new)
    }

    async fn other(&self, request: Request<impl Sent>, visit: Visit) -> Response {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(visit);
        let answered = self.others.clone().oneshot(request).await;
        answered.unwrap_or_else(|never| match never {})
    }
}

/// Takes out of what a caller accepts that it refuses plain answers. What can be packed in no way that it takes is sent plainly
/// (RFC 9110, section 12.5.3), where the layer would keep an answer back whose work is done.
fn allow_plain(headers: &mut HeaderMap) {
    let refuses = |word: &&str| {
        let (coding, weight) = word.split_once(';').unwrap_or((word, ""));
        let is_plain = coding.trim().eq_ignore_ascii_case("identity") || coding.trim() == "*";
        let weight = weight
            .split_once('=')
            .map(|(_, weight)| weight.trim().parse());
        is_plain && weight == Some(Ok(0.0))
    };
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
    let words = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    let (refused, others): (Vec<&str>, Vec<&str>) = words.partition(refuses);
    if refused.is_empty() {
        return;
    }
    match HeaderValue::from_str(&others.join(",")) {
        Ok(others) => drop(headers.insert(header::ACCEPT_ENCODING, others)),
        Err(_) => drop(headers.remove(header::ACCEPT_ENCODING)),
    }
}

/// The answer to a HEAD: that to a GET, without its body (RFC 9110, section 9.3.2).
fn without_body(mut response: Response) -> Response {
    let length = response.body().size_hint().exact();
    let headers = response.headers_mut();
    // The router takes the body away itself, and then nothing tells how long it was.
    let length = length.filter(|length| *length > 0);
    if let (Some(length), false) = (length, headers.contains_key(header::CONTENT_LENGTH)) {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    *response.body_mut() = Body::empty();
    response
}

fn compression() -> CompressionLayer {
    CompressionLayer::new().quality(CompressionLevel::Fastest)
}
