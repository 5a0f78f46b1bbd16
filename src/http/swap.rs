//! Routes that can be exchanged while they serve: a request that has begun ends on the routes it began on.

use axum::Router;
use axum::extract::Request;
use std::convert::Infallible;
use tokio::sync::watch;
use tower::{ServiceExt, service_fn};

/// Routes that can be exchanged. All clones are one.
#[derive(Clone)]
pub struct Swap(watch::Sender<Router>);

impl Swap {
    /// Begins with these.
    pub fn new(routes: Router) -> Self {
        Self(watch::Sender::new(routes))
    }

    /// From now on requests that begin take these.
    pub fn put(&self, routes: Router) {
        drop(self.0.send_replace(routes));
    }

    /// What is served: whatever was put last.
    pub fn routes(&self) -> Router {
        let current = self.0.clone();
        Router::new().fallback_service(service_fn(move |request: Request| {
            let routes = current.borrow().clone();
            async move {
                Ok::<_, Infallible>(
                    routes
                        .oneshot(request)
                        .await
                        .unwrap_or_else(|never| match never {}),
                )
            }
        }))
    }
}
