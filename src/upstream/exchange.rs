//! One request and the whole answer to it, over connections that are there, or why there is none.

use super::client::Connections;
use super::trouble;
use crate::metrics::Purpose;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy;
use percent_encoding::percent_decode_str;
use std::error::Error;
use std::future::ready;
use std::pin::pin;
use tower::{BoxError, ServiceExt, service_fn};
use tower_http::decompression::Decompression;
use url::Url;

/// The longest address that a request can have: no more is an address to the HTTP library. Many CRMs refuse far shorter ones,
/// each in its own way, and that is theirs to say.
pub const ADDRESS_BYTES: usize = 65_534;

/// A request, ready to go.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The whole address.
    pub url: Url,
    /// Headers beyond those every request has.
    pub headers: HeaderMap,
    /// The body, already in its wire form.
    pub body: Option<Bytes>,
}

impl Request {
    /// Whether its address is one that can be sent.
    pub fn is_sendable(&self) -> bool {
        self.url.as_str().len() <= ADDRESS_BYTES
    }
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// An exchange that did not happen, or not to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Too many exchanges are open or waiting; this one was not started.
    Saturated,
    /// No time was left for the exchange before it could be started.
    Late,
    /// It cannot be sent by anybody: nothing was, and nothing is said of the CRM.
    Unsendable,
    /// No connection: nothing was sent.
    Connect,
    /// No complete answer in time; the request may have arrived.
    Timeout,
    /// The connection broke; the request may have arrived.
    Broken,
    /// The answer was larger than allowed; the request did arrive.
    TooLarge,
}

impl Fault {
    /// Whether the CRM may have seen the request.
    pub const fn may_have_arrived(self) -> bool {
        match self {
            Self::Saturated | Self::Late | Self::Unsendable | Self::Connect => false,
            Self::Timeout | Self::Broken | Self::TooLarge => true,
        }
    }
}

/// How often a request is sent again that the CRM let fall without looking at it.
const SENT_AGAIN: u32 = 2;

/// Headers that every request has, unless it brings its own.
const ALWAYS: [(HeaderName, HeaderValue); 3] = [
    (header::ACCEPT, HeaderValue::from_static("*/*")),
    (
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("gzip, br"),
    ),
    (
        header::USER_AGENT,
        HeaderValue::from_static(concat!("crmql/", env!("CARGO_PKG_VERSION"))),
    ),
];

/// A request in the form of the HTTP library.
type Sent = http::Request<Full<Bytes>>;

/// Sends a request over these connections and reads the whole answer, if it has no more than so many bytes.
pub(super) async fn exchange(
    connections: &Connections,
    request: Request,
    (purpose, most): (Purpose, usize),
) -> Result<Reply, Failure> {
    let request = sent(request).ok_or((Fault::Unsendable, None))?;
    // Tokens may come from elsewhere, which says nothing of the CRM, nor the CRM of that.
    let is_alone = purpose == Purpose::Data && connections.are_apart();
    let response = answer(connections, request, is_alone).await?;
    if purpose == Purpose::Data {
        connections.hear(response.version());
    }
    let status = response.status().as_u16();
    let is_packed = response.headers().contains_key(header::CONTENT_ENCODING);
    let (headers, body) = match is_packed {
        true => Box::pin(unpacked(response, most)).await?,
        false => {
            let (head, body) = response.into_parts();
            (head.headers, whole(body, most, failure).await?)
        }
    };
    Ok(Reply {
        status,
        headers,
        body,
    })
}

/// The request as it is sent; `None` where its address is none to the HTTP library.
fn sent(request: Request) -> Option<Sent> {
    let mut sent = http::Request::new(Full::new(request.body.unwrap_or_default()));
    let (url, credentials) = without_credentials(request.url);
    *sent.method_mut() = request.method;
    *sent.uri_mut() = Uri::try_from(String::from(url)).ok()?;
    *sent.headers_mut() = request.headers;
    let credentials = credentials.map(|value| (header::AUTHORIZATION, value));
    for (name, value) in ALWAYS.into_iter().chain(credentials) {
        sent.headers_mut().entry(name).or_insert(value);
    }
    Some(sent)
}

/// An address without the credentials that stand in it, and the header that they are sent in (RFC 7617).
fn without_credentials(mut url: Url) -> (Url, Option<HeaderValue>) {
    if url.username().is_empty() && url.password().is_none() {
        return (url, None);
    }
    let user = percent_decode_str(url.username());
    let password = percent_decode_str(url.password().unwrap_or_default());
    let pair: Vec<u8> = user.chain(*b":").chain(password).collect();
    let value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)));
    let header = value.ok().map(|mut value| {
        value.set_sensitive(true);
        value
    });
    // What has a user has a host, so neither is refused.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    (url, header)
}

/// The answer's head, its body still to be read. Only where exchanges share a connection can one be let fall.
async fn answer(
    connections: &Connections,
    mut request: Sent,
    is_alone: bool,
) -> Result<Response<Incoming>, Failure> {
    for _ in 0..SENT_AGAIN {
        let spare = (!is_alone).then(|| request.clone());
        match (connections.client.request(request).await, spare) {
            (Err(error), Some(spare)) if was_let_fall(&error) => request = spare,
            (outcome, _) => return outcome.map_err(|error| failure(&error)),
        }
    }
    let outcome = connections.client.request(request).await;
    outcome.map_err(|error| failure(&error))
}

/// Whether the CRM says that it did nothing about the request (RFC 9113, section 8.7).
fn was_let_fall(error: &legacy::Error) -> bool {
    let error = trouble::causes(error).find_map(|cause| cause.downcast_ref::<h2::Error>());
    error.is_some_and(|error| match error.reason() {
        Some(h2::Reason::REFUSED_STREAM) => error.is_remote() && error.is_reset(),
        Some(h2::Reason::NO_ERROR) => error.is_remote() && error.is_go_away(),
        _ => false,
    })
}

/// The headers and the body of an answer that came packed.
async fn unpacked(
    response: Response<Incoming>,
    most: usize,
) -> Result<(HeaderMap, Bytes), Failure> {
    let mut packed = Some(with_plain_coding(response));
    let given = service_fn(|_: http::Request<()>| ready(packed.take().ok_or(Fault::Broken)));
    let unpacking = Decompression::new(given).oneshot(http::Request::new(()));
    let response = unpacking.await.map_err(|fault| (fault, None))?;
    let (head, body) = response.into_parts();
    let spoiled = |error: &(dyn Error + 'static)| match trouble::is_of_connection(error) {
        true => failure(error),
        false => (Fault::Broken, Some(trouble::SPOILED)),
    };
    Ok((head.headers, whole(body, most, spoiled).await?))
}

/// The answer, its coding named as the library knows it: names have no case, and `x-gzip` is `gzip` (RFC 9110, section 8.4.1).
fn with_plain_coding(mut response: Response<Incoming>) -> Response<Incoming> {
    if let Some(coding) = response.headers_mut().get_mut(header::CONTENT_ENCODING) {
        let name = coding.as_bytes().trim_ascii().to_ascii_lowercase();
        let name = name.strip_prefix(b"x-").unwrap_or(&name);
        *coding = HeaderValue::from_bytes(name).unwrap_or_else(|_| coding.clone());
    }
    response
}

/// Reads the body piece by piece, so that an endless one is cut off.
async fn whole<B>(
    body: B,
    most: usize,
    why: impl Fn(&(dyn Error + 'static)) -> Failure,
) -> Result<Bytes, Failure>
where
    B: Body<Data = Bytes>,
    BoxError: From<B::Error>,
{
    const TOO_LARGE: Failure = (Fault::TooLarge, None);
    let told = body.size_hint().exact();
    if told.is_some_and(|length| length > most as u64) {
        return Err(TOO_LARGE);
    }
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| why(&*BoxError::from(error)))?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        if first.len().max(whole.len()) + piece.len() > most {
            return Err(TOO_LARGE);
        }
        match (first.is_empty(), whole.is_empty()) {
            // Most come in one piece, which is the body then.
            (true, _) => first = piece,
            (false, true) => {
                whole.reserve(first.len() + piece.len());
                whole.extend_from_slice(&first);
                whole.extend_from_slice(&piece);
            }
            (false, false) => whole.extend_from_slice(&piece),
        }
    }
    Ok(match whole.is_empty() {
        true => first,
        false => whole.freeze(),
    })
}

/// A fault, and why, as far as it can be told.
pub(super) type Failure = (Fault, Option<&'static str>);

fn failure(error: &(dyn Error + 'static)) -> Failure {
    (fault(error), trouble::of(error))
}

fn fault(error: &(dyn Error + 'static)) -> Fault {
    let sending = error.downcast_ref::<legacy::Error>();
    if sending.is_some_and(legacy::Error::is_connect) {
        Fault::Connect
    } else if trouble::is_late(error) {
        Fault::Timeout
    } else {
        Fault::Broken
    }
}
