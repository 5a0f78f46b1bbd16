//! One HTTP exchange with a CRM: send it, bound it in time and size, hand back whatever came.
//!
//! It knows no customer and no adapter. A non-2xx answer is a reply, not a fault: what it means is for others to say.
//! Redirects are not followed and no proxy is taken from the environment, so a request goes where it was built for.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Semaphore};
use url::Url;

/// How a source's CRM may be called.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a connection may take to open.
    pub connect: Duration,
    /// How long one exchange may take, from sending to the last byte.
    pub attempt: Duration,
    /// How many exchanges may be open at the same time.
    pub concurrency: usize,
    /// The least time between two exchanges that are started, where the CRM asks for one.
    pub spacing: Option<Duration>,
    /// The largest answer accepted, in bytes after decompression.
    pub answer_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            attempt: Duration::from_secs(10),
            concurrency: 16,
            spacing: None,
            answer_bytes: crate::limits::Limits::default().answer_bytes,
        }
    }
}

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
    /// Too many exchanges are open; this one was not started in time.
    Saturated,
    /// The answer was no longer wanted before the exchange could be started.
    Late,
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
            Self::Saturated | Self::Late | Self::Connect => false,
            Self::Timeout | Self::Broken | Self::TooLarge => true,
        }
    }
}

/// The way to one CRM.
pub struct Upstream {
    client: reqwest::Client,
    settings: Settings,
    open: Semaphore,
    next_start: Mutex<Instant>,
}

impl Upstream {
    /// Opens nothing yet; connections are made as they are needed and kept.
    ///
    /// # Errors
    /// When the TLS back end cannot be set up on this machine.
    pub fn new(settings: Settings) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(settings.connect)
            .pool_idle_timeout(Duration::from_secs(60))
            .tcp_nodelay(true)
            .user_agent(concat!("crmql/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            client,
            open: Semaphore::new(settings.concurrency.max(1)),
            next_start: Mutex::new(Instant::now()),
            settings,
        })
    }

    /// Sends one request and reads the whole answer, before `deadline` and within the settings.
    ///
    /// # Errors
    /// [`Fault`] says why there is no answer, and so whether the request may have arrived.
    pub async fn send(&self, request: Request, deadline: Instant) -> Result<Reply, Fault> {
        let deadline_at = tokio::time::Instant::from_std(deadline);
        if deadline_at <= tokio::time::Instant::now() {
            return Err(Fault::Late);
        }
        let permit = tokio::time::timeout_at(deadline_at, self.start())
            .await
            .map_err(|_| Fault::Saturated)?;
        let _permit = permit?;
        let now = tokio::time::Instant::now();
        if deadline_at <= now {
            return Err(Fault::Saturated);
        }
        let limit = deadline_at.min(now + self.settings.attempt);
        match tokio::time::timeout_at(limit, self.exchange(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Fault::Timeout),
        }
    }

    /// Sends a request that does not count against the source's open calls: fetching a token while calls wait for it.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_apart(&self, request: Request, deadline: Instant) -> Result<Reply, Fault> {
        let limit = tokio::time::Instant::from_std(deadline)
            .min(tokio::time::Instant::now() + self.settings.attempt);
        tokio::time::timeout_at(limit, self.exchange(request))
            .await
            .unwrap_or(Err(Fault::Timeout))
    }

    /// Waits for a place and, where starts are spaced, for a turn.
    async fn start(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Fault> {
        let permit = self.open.acquire().await.map_err(|_| Fault::Saturated)?;
        if let Some(spacing) = self.settings.spacing {
            let turn = {
                let mut next = self.next_start.lock().await;
                let turn = (*next).max(Instant::now());
                *next = turn + spacing;
                turn
            };
            tokio::time::sleep_until(turn.into()).await;
        }
        Ok(permit)
    }

    async fn exchange(&self, request: Request) -> Result<Reply, Fault> {
        let mut builder = self
            .client
            .request(request.method, request.url)
            .headers(request.headers);
        if let Some(body) = request.body {
            builder = builder.body(body);
        }
        let mut response = builder.send().await.map_err(|error| fault(&error))?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        if response
            .content_length()
            .is_some_and(|length| length > self.settings.answer_bytes as u64)
        {
            return Err(Fault::TooLarge);
        }
        let body = self.body(&mut response).await?;
        Ok(Reply {
            status,
            headers,
            body,
        })
    }

    /// Reads the body chunk by chunk, so that an endless one is cut off.
    async fn body(&self, response: &mut reqwest::Response) -> Result<Bytes, Fault> {
        let Some(first) = response.chunk().await.map_err(|error| fault(&error))? else {
            return Ok(Bytes::new());
        };
        let Some(second) = response.chunk().await.map_err(|error| fault(&error))? else {
            return if first.len() > self.settings.answer_bytes {
                Err(Fault::TooLarge)
            } else {
                Ok(first)
            };
        };
        let mut whole = BytesMut::with_capacity(first.len() + second.len());
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&second);
        while let Some(chunk) = response.chunk().await.map_err(|error| fault(&error))? {
            if whole.len() + chunk.len() > self.settings.answer_bytes {
                return Err(Fault::TooLarge);
            }
            whole.extend_from_slice(&chunk);
        }
        if whole.len() > self.settings.answer_bytes {
            Err(Fault::TooLarge)
        } else {
            Ok(whole.freeze())
        }
    }
}

fn fault(error: &reqwest::Error) -> Fault {
    if error.is_connect() {
        Fault::Connect
    } else if error.is_timeout() {
        Fault::Timeout
    } else {
        Fault::Broken
    }
}
