//! Who may call, and what every answer carries.
//!
//! **Other origins.** The gateway reads no cookie, but it may stand where only this browser can reach it, so no foreign page may
//! use the browser as its messenger. A body is read only as `application/json`, which a page cannot send to another origin
//! without a preflight, and a preflight is answered with permission only for the origins that the deployment names, and never
//! for cookies. A GET has no effects (mutations are refused) and its
//! answer cannot be read from another origin, but it costs upstream calls; so a GET that the browser marks as coming from
//! elsewhere (`Sec-Fetch-Site`, `Origin`) needs a header that forces a preflight. Callers that are no browsers send neither mark;
//! nor does a browser that loads a picture or script from a plain-http address other than loopback.
//!
//! **Other names.** A foreign page can point a name of its own at this address and is then no other origin at all. Such a
//! request gives the foreign name as `Host`; see [`Hosts`].

use super::asked::Asked;
use super::handler;
use super::negotiate::Media;
use super::parameters::Malformed;
use super::policy::Policy;
use super::{GRAPHQL, Shared};
use crate::access::{Network, Peer};
use crate::metrics::Kind;
use axum::BoxError;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version, header,
};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use hyper::body::Body;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::{Instrument, field};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Headers that no page can add to a request to another origin without a preflight.
const PREFLIGHTED: [&str; 4] = [
    "x-requested-with",
    "apollo-require-preflight",
    "graphql-require-preflight",
    "x-apollo-operation-name",
];

/// Leave for a page of a welcome origin. No word of credentials: a browser's cookies and passwords stay at home.
const PREFLIGHT: [(HeaderName, &str); 2] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
    (header::ACCESS_CONTROL_MAX_AGE, "600"),
];

/// The headers that such a page may send, beside those that the configuration names.
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, cache-control, x-api-key, x-request-id, graphql-require-preflight, \
     apollo-require-preflight, x-apollo-operation-name, apollographql-client-name, apollographql-client-version, \
     traceparent, tracestate, baggage, sentry-trace, x-requested-with",
);

/// What such a page may read beside the body.
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, retry-after");

/// The names this gateway may be called by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Any: something in front of the gateway, or its authentication, decides who may call.
    Any,
    /// `localhost`, IP addresses, and these names (without a port): for a gateway that trusts whoever reaches it.
    Only(Vec<Box<str>>),
}

impl Hosts {
    fn allow(&self, host: Option<&str>) -> bool {
        let Self::Only(names) = self else { return true };
        // HTTP/1.0 and odd clients send none; a browser always does.
        let Some(host) = host else { return true };
        let name = without_port(host).trim_end_matches('.');
        let address = name.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() =>
        {
            name
        }
        _ => host,
    }
}

/// The body of a request as it comes in.
pub(super) trait Sent: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static {}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static> Sent for B {}

/// What is known of a request before anybody looks at what it asks.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    /// The request's id.
    pub(super) id: Box<str>,
    /// Whom it counts as coming from; `None` where nobody can be told apart.
    pub(super) from: Option<Peer>,
}

/// Whom a request counts as coming from, as the connection and the proxies that are configured say.
fn peer(headers: &HeaderMap, address: IpAddr, proxies: &[Network]) -> Option<Peer> {
    let lines = headers.get_all(FORWARDED_FOR).iter();
    // What is no text stands for nobody.
    let words: Vec<&str> = lines
        .flat_map(|line| line.to_str().unwrap_or("?").split(','))
        .collect();
    Peer::behind(address, words.into_iter(), proxies)
}

/// Around every route: the request's id, the name it was called by, panics, and the headers of every answer.
pub(super) async fn around<B, F>(
    shared: &Shared,
    request: Request<B>,
    address: IpAddr,
    way: impl FnOnce(Request<B>, Visit) -> F,
) -> Response
where
    B: Sent,
    F: Future<Output = Response>,
{
    let id = request_id(request.headers());
    let visit = Visit {
        id: id.clone(),
        from: peer(request.headers(), address, &shared.policy.proxies),
    };
    let policy = &shared.policy;
    let version = request.version();
    let welcome = policy.welcome_origin(request.headers()).cloned();
    let span = tracing::info_span!("request", id = %id, tenant = field::Empty, key = field::Empty);
    let at_the_door = span.in_scope(|| stopped(shared, &request, &id, welcome.is_some()));
    let has_body = !request.body().is_end_stream();
    // Nothing else reads one.
    let may_be_read = request.uri().path() == GRAPHQL;
    let (mut response, is_unread) = if let Some(response) = at_the_door {
        (response, has_body)
    } else {
        let running = AssertUnwindSafe(way(request, visit)).catch_unwind();
        match running.instrument(span).await {
            Ok(response) => (response, has_body && !may_be_read),
            Err(_) => {
                tracing::error!(request_id = %id, "a request panicked");
                (handler::failed(shared, &id), has_body)
            }
        }
    };
    if is_unread {
        end(&mut response);
    }
    let headers = response.headers_mut();
    // Elsewhere connections are not the answers' to speak of.
    if version > Version::HTTP_11 {
        headers.remove(header::CONNECTION);
    }
    complete(policy, welcome, &id, headers);
    response
}

/// Says that the connection ends with this answer, as it does where the rest of a request is not read: a caller must not send its
/// next one after it.
pub(super) fn end(response: &mut Response) {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
}

/// The answer to a request that goes no further than the door.
fn stopped<B>(
    shared: &Shared,
    request: &Request<B>,
    id: &str,
    is_welcome: bool,
) -> Option<Response> {
    let headers = request.headers();
    let (response, kind) = match check(shared, request) {
        Err(error) => {
            let media = Media::accepted(headers).unwrap_or(Media::Json);
            let response = handler::malformed(shared, error, media, id);
            (response, Kind::Malformed)
        }
        Ok(()) if is_welcome && is_preflight(request) => {
            let response = preflight(shared.policy.forwarding.listed());
            (response, Kind::Options)
        }
        Ok(()) => return None,
    };
    if request.uri().path() == GRAPHQL {
        Asked::now(shared, request.method(), headers).answered(kind, &response);
    }
    Some(response)
}

/// Puts to an answer what every one has.
fn complete(policy: &Policy, welcome: Option<HeaderValue>, id: &str, headers: &mut HeaderMap) {
    if !policy.origins.is_empty() {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    if let Some(listed) = policy.forwarding.listed() {
        headers.append(header::VARY, listed.clone());
    }
    if let Some(origin) = welcome {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}

/// Whether a request's head is of a size and for a name that is served here.
fn check<B>(shared: &Shared, request: &Request<B>) -> Result<(), Malformed> {
    let most = shared.limits.head_bytes;
    if head_bytes(request) > most {
        let message = format!("a request head may have at most {most} bytes");
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Err(Malformed::new(status, message));
    }
    let bad = |message: &'static str| Malformed::new(StatusCode::BAD_REQUEST, message);
    if !is_plainly_framed(request.headers()) {
        return Err(bad(
            "the request's body comes in an encoding that is not known",
        ));
    }
    let host = host(request).map_err(bad)?;
    if shared.policy.hosts.allow(host) {
        return Ok(());
    }
    let message = "the gateway is not called by this name";
    Err(Malformed::new(StatusCode::MISDIRECTED_REQUEST, message))
}

/// The length of a request's head as HTTP/1 writes it, but for spaces that mean nothing. The parser reads as much as happens to
/// be there, so what is longer than it should be may come through whole.
fn head_bytes<B>(request: &Request<B>) -> usize {
    let uri = request.uri();
    let target = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let authority = uri.authority().map_or(0, |name| name.as_str().len());
    let lines = request.headers().iter();
    let lines = lines.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    let rest = "  HTTP/1.1\r\n\r\n".len();
    request.method().as_str().len() + target + authority + rest + lines.sum::<usize>()
}

fn preflight(more: Option<&HeaderValue>) -> Response {
    let mut response = (StatusCode::NO_CONTENT, PREFLIGHT).into_response();
    let headers = response.headers_mut();
    for allowed in [Some(&ALLOWED), more].into_iter().flatten() {
        headers.append(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed.clone());
    }
    response
}

fn is_preflight<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Whether a request's body comes in an encoding that is taken off it here. The HTTP library takes off chunks, and passes others
/// below them on as if they were not there.
fn is_plainly_framed(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let chunked = |name: &HeaderValue| name.as_bytes().eq_ignore_ascii_case(b"chunked");
    encodings.next().is_none_or(chunked) && encodings.next().is_none()
}

/// The name a request was sent to: in the URI (HTTP/2) or the header (HTTP/1). Where HTTP wants one, it must be there, and
/// what is there must be one name: two servers in a row could take two names differently.
fn host<B>(request: &Request<B>) -> Result<Option<&str>, &'static str> {
    let mut given = request.headers().get_all(header::HOST).iter();
    let (first, more) = (given.next(), given.next());
    if more.is_some() {
        return Err("the request has more than one host");
    }
    let named = first
        .map(|name| name.to_str().ok().filter(|name| is_host(name)))
        .map(|name| name.ok_or("the host is not valid"))
        .transpose()?;
    let authority = request.uri().authority().map(Authority::as_str);
    let known = match request.version() {
        Version::HTTP_09 | Version::HTTP_10 => true,
        Version::HTTP_11 => named.is_some(),
        _ => authority.or(named).is_some(),
    };
    // HTTP/1 says that the request line counts; HTTP/2 that two names are none.
    if request.version() > Version::HTTP_11
        && let (Some(authority), Some(named)) = (authority, named)
        && !authority.eq_ignore_ascii_case(named)
    {
        return Err("the request has more than one host");
    }
    if known {
        Ok(authority.or(named))
    } else {
        Err("the request has no host")
    }
}

/// Whether a text is a name or an address, with a port or without.
fn is_host(text: &str) -> bool {
    let Ok(authority) = text.parse::<Authority>() else {
        return false;
    };
    let host = authority.host();
    let port = text
        .strip_prefix(host)
        .map(|rest| rest.strip_prefix(':').unwrap_or(rest));
    !host.is_empty() && port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The id the caller gave, where it is a plain one, else a new one.
fn request_id(headers: &HeaderMap) -> Box<str> {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    match given {
        Some(id) if is_plain(id) => id.into(),
        _ => new_id(),
    }
}

fn is_plain(id: &str) -> bool {
    matches!(id.len(), 1..=64)
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Unique in this process, and not to be guessed from another.
fn new_id() -> Box<str> {
    static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}", SEED.hash_one(count)).into_boxed_str()
}

/// Whether a GET may come from a foreign page through somebody's browser.
pub(super) fn is_foreign(request: &Parts) -> bool {
    let headers = &request.headers;
    if is_preflighted(headers) {
        return false;
    }
    let site = headers
        .get("sec-fetch-site")
        .map(|site| site.to_str().unwrap_or("?"));
    match site {
        Some("same-origin" | "none") => false,
        Some(_) => true,
        None => has_foreign_origin(request),
    }
}

fn is_preflighted(headers: &HeaderMap) -> bool {
    let json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            let essence = value.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/json")
        });
    json || PREFLIGHTED
        .iter()
        .any(|name| headers.get(*name).is_some_and(|value| !value.is_empty()))
}

fn has_foreign_origin(request: &Parts) -> bool {
    let Some(origin) = request.headers.get(header::ORIGIN) else {
        return false;
    };
    let named = request.headers.get(header::HOST);
    let named = named.and_then(|host| host.to_str().ok());
    // HTTP/2 has the name in the request's own line.
    let host = request.uri.authority().map(Authority::as_str).or(named);
    let authority = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
        .map(|(_, authority)| authority);
    match (authority, host) {
        (Some(authority), Some(host)) => !authority.eq_ignore_ascii_case(host),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{Hosts, is_plain, new_id};

    #[test]
    fn a_name_that_is_not_ours_is_not_allowed() {
        let hosts = Hosts::Only(vec!["crm.example".into()]);
        for ours in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
            "10.0.0.7",
            "crm.example:443",
            "crm.example.",
        ] {
            assert!(hosts.allow(Some(ours)), "{ours}");
        }
        for foreign in [
            "evil.example:8080",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "crm.example.evil",
            "",
            "?",
        ] {
            assert!(!hosts.allow(Some(foreign)), "{foreign}");
        }
        assert!(Hosts::Any.allow(Some("evil.example")));
    }

    #[test]
    fn ids_are_plain_and_differ() {
        assert!(is_plain("aZ9-_"));
        for odd in ["", "a b", "a\u{e9}", "a/b", &"x".repeat(65)] {
            assert!(!is_plain(odd), "{odd}");
        }
        let (one, other) = (new_id(), new_id());
        assert_ne!(one, other);
        assert!(is_plain(&one));
    }
}
