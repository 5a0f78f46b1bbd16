//! Opening a connection takes less than the whole time of its exchange.
//!
//! What ended while it was still connecting was never sent. That is known only where connecting gives up first: at the end of
//! the exchange's own time nobody can tell any more whether something was on its way.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tower::layer::{LayerFn, layer_fn};
use tower::{BoxError, Service};

/// Of its time an exchange keeps this part, in hundredths, for what follows the connection.
const KEPT: u32 = 10;

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

/// Makes a connector heed it.
pub(super) fn layer<S>() -> LayerFn<fn(S) -> Hurried<S>> {
    layer_fn(Hurried)
}

/// A connector that gives up before the exchange it was called for.
#[derive(Clone)]
pub(super) struct Hurried<S>(S);

impl<S, R> Service<R> for Hurried<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let until = UNTIL.try_with(|until| *until);
        let connecting = self.0.call(request);
        Box::pin(async move {
            match until {
                Ok(until) => timeout_at(until, connecting).await?,
                Err(_) => connecting.await,
            }
        })
    }
}
