//! How connections to a CRM are opened: names, TCP, TLS. Opening one takes less than the whole time of its exchange.
//!
//! What ended while it was still connecting was never sent. That is known only where connecting gives up first: at the end of
//! the exchange's own time nobody can tell any more whether something was on its way.

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tower::{BoxError, Service};

/// Of its time an exchange keeps this part, in hundredths, for what follows the connection.
const KEPT: u32 = 10;

/// How long a connection says nothing before it is asked whether its other end is still there, how often, and how long what
/// was sent may go without being acknowledged.
const SILENT: Duration = Duration::from_secs(15);
const ASKED: u32 = 3;
const UNHEARD: Duration = Duration::from_secs(30);

tokio::task_local! {
    /// Until when the exchange that runs may open its connection.
    static UNTIL: Instant;
}

/// Runs an exchange that must end then.
pub(super) async fn hurrying<F: Future>(limit: Instant, exchange: F) -> F::Output {
    let now = Instant::now();
    let left = limit.saturating_duration_since(now);
    UNTIL.scope(now + before(left), exchange).await
}

fn before(left: Duration) -> Duration {
    left - left * KEPT / 100
}

/// What opens a CRM's connections.
pub(super) type Connector = Hurried<HttpsConnector<HttpConnector<Names>>>;

/// One that takes no longer than `longest` for any connection. Certificates are judged as the system judges them.
///
/// # Errors
/// When the TLS back end cannot be set up on this machine.
pub(super) fn connector(longest: Duration) -> Result<Connector, TlsError> {
    let mut http = HttpConnector::new_with_resolver(Names(GaiResolver::new()));
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(longest));
    http.set_keepalive(Some(SILENT));
    http.set_keepalive_interval(Some(SILENT));
    http.set_keepalive_retries(Some(ASKED));
    #[cfg(target_os = "linux")]
    http.set_tcp_user_timeout(Some(UNHEARD));
    let connector = HttpsConnectorBuilder::new()
        .try_with_platform_verifier()?
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(http);
    Ok(Hurried { connector, longest })
}

/// Why TLS cannot be set up.
pub type TlsError = rustls::Error;

/// A connector that gives up before the exchange it was called for.
#[derive(Clone)]
pub(super) struct Hurried<S> {
    connector: S,
    longest: Duration,
}

impl<S, R> Service<R> for Hurried<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let longest = Instant::now() + self.longest;
        let until = UNTIL.try_with(|until| *until).unwrap_or(longest);
        let connecting = self.connector.call(request);
        Box::pin(async move { timeout_at(until.min(longest), connecting).await? })
    }
}

/// Looks names up as the system does, and says of its errors that they are of names.
#[derive(Clone)]
pub(super) struct Names(GaiResolver);

/// A name has no address.
#[derive(Debug, thiserror::Error)]
#[error("the name has no address")]
pub(super) struct NameUnknown(#[source] std::io::Error);

impl Service<Name> for Names {
    type Response = <GaiResolver as Service<Name>>::Response;
    type Error = NameUnknown;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, NameUnknown>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), NameUnknown>> {
        self.0.poll_ready(cx).map_err(NameUnknown)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let found = self.0.call(name);
        Box::pin(async { found.await.map_err(NameUnknown) })
    }
}
