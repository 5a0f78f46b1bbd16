//! The only way in: routes, who may call, and how much of what. GraphQL over HTTP as its draft specification has it.
//!
//! Knows a [`Gateway`] and the ceilings, and nothing of customers, sources or the schema. Logs never hold a document, a
//! variable or a body.

mod caching;
mod entry;
mod figures;
mod forwarded;
mod graphiql;
mod guards;
mod handler;
mod health;
mod library;
mod negotiate;
mod parameters;
mod policy;
mod server;
mod swap;

pub use axum::Router;
pub use forwarded::Forwarding;
pub use guards::Hosts;
pub use health::Readiness;
pub use library::Library;
pub use policy::Policy;
pub use server::serve;
pub use swap::Swap;

use crate::graphql::Gateway;
use crate::limits::Limits;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Extension, extract::State};
use guards::{CameFrom, RequestId};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

/// What the routes share.
struct Shared {
    gateway: Gateway,
    limits: Limits,
    /// One permit per request in work.
    permits: Semaphore,
    /// The same for each tenant, where there are several.
    shares: BTreeMap<Box<str>, Semaphore>,
    readiness: Readiness,
    policy: Policy,
}

/// Every route of the gateway.
pub fn router(gateway: Gateway, limits: &Limits, readiness: Readiness, policy: Policy) -> Router {
    let share = |tenant: &str| {
        (
            Box::from(tenant),
            Semaphore::new(limits.requests_per_tenant),
        )
    };
    let several = policy.tenants.len() > 1;
    let shares = policy
        .tenants
        .iter()
        .filter(|_| several)
        .map(|tenant| share(tenant));
    let shared = Arc::new(Shared {
        gateway,
        limits: limits.clone(),
        permits: Semaphore::new(limits.requests),
        shares: shares.collect(),
        readiness,
        policy,
    });
    Router::new()
        .route("/graphql", any(handler::graphql))
        .route("/schema.graphql", get(schema))
        .route("/metrics", get(figures::metrics))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .merge(graphiql::routes())
        .fallback(not_found)
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&shared),
            guards::around,
        ))
        .with_state(shared)
}

async fn schema(
    State(shared): State<Arc<Shared>>,
    Extension(RequestId(id)): Extension<RequestId>,
    Extension(from): Extension<CameFrom>,
    headers: HeaderMap,
) -> Response {
    if !shared.policy.introspection {
        return not_found().await.into_response();
    }
    match entry::caller(&shared, &headers, from).await {
        Ok(_) => {
            let text = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
            (text, shared.gateway.sdl().to_owned()).into_response()
        }
        Err(denied) => handler::malformed(&shared, denied, &id),
    }
}

async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "not found\n")
}

#[cfg(test)]
mod tests;
