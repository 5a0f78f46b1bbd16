//! One request and the whole answer to it, over connections that are there, or why there is none.

use super::client::Connections;
use super::trouble;
use crate::metrics::Purpose;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method};
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

/// Sends a request over these connections and reads the whole answer, if it has no more than so many bytes.
pub(super) async fn exchange(
    connections: &Connections,
    request: Request,
    (purpose, most): (Purpose, usize),
) -> Result<Reply, Failure> {
    // The builder makes a header of credentials that stand in the address.
    let client = &connections.client;
    let asked = client.request(request.method, request.url);
    let mut sent = asked.build().map_err(|error| failure(&error))?;
    let headers = std::mem::replace(sent.headers_mut(), request.headers);
    for (name, value) in headers.iter() {
        sent.headers_mut().entry(name).or_insert(value.clone());
    }
    *sent.body_mut() = request.body.map(reqwest::Body::from);
    let answered = client.execute(sent).await;
    let mut response = answered.map_err(|error| failure(&error))?;
    // Tokens may come from elsewhere, which says nothing of the CRM.
    if purpose == Purpose::Data {
        connections.hear(&response);
    }
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    if response
        .content_length()
        .is_some_and(|length| length > most as u64)
    {
        return Err((Fault::TooLarge, None));
    }
    let body = body(&mut response, most).await?;
    Ok(Reply {
        status,
        headers,
        body,
    })
}

/// Reads the body chunk by chunk, so that an endless one is cut off.
async fn body(response: &mut reqwest::Response, most: usize) -> Result<Bytes, Failure> {
    let Some(first) = response.chunk().await.map_err(|error| failure(&error))? else {
        return Ok(Bytes::new());
    };
    let Some(second) = response.chunk().await.map_err(|error| failure(&error))? else {
        return if first.len() > most {
            Err((Fault::TooLarge, None))
        } else {
            Ok(first)
        };
    };
    let mut whole = BytesMut::with_capacity(first.len() + second.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if whole.len() + chunk.len() > most {
            return Err((Fault::TooLarge, None));
        }
        whole.extend_from_slice(&chunk);
    }
    if whole.len() > most {
        Err((Fault::TooLarge, None))
    } else {
        Ok(whole.freeze())
    }
}

/// A fault, and why, as far as it can be told.
pub(super) type Failure = (Fault, Option<&'static str>);

fn failure(error: &reqwest::Error) -> Failure {
    (fault(error), trouble::of(error))
}

fn fault(error: &reqwest::Error) -> Fault {
    if error.is_builder() {
        Fault::Unsendable
    } else if error.is_connect() {
        Fault::Connect
    } else if error.is_timeout() {
        Fault::Timeout
    } else {
        Fault::Broken
    }
}
