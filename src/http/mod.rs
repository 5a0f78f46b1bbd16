//! The only way in: routes, who may call, and how much of what. GraphQL over HTTP as its draft specification has it.
//!
//! Knows a [`Gateway`] and the ceilings, and nothing of customers, sources or the schema. Logs never hold a document, a
//! variable or a body.

mod caching;
mod graphiql;
mod guards;
mod handler;
mod health;
mod negotiate;
mod parameters;
mod server;

pub use axum::Router;
pub use guards::Hosts;
pub use health::Readiness;
pub use server::serve;

use crate::graphql::Gateway;
use crate::limits::Limits;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{any, get};
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
    readiness: Readiness,
    hosts: Hosts,
}

/// Every route of the gateway.
pub fn router(gateway: Gateway, limits: &Limits, readiness: Readiness, hosts: Hosts) -> Router {
    let shared = Arc::new(Shared {
        gateway,
        limits: limits.clone(),
        permits: Semaphore::new(limits.requests),
        readiness,
        hosts,
    });
    Router::new()
        .route("/graphql", any(handler::graphql))
        .route("/schema.graphql", get(schema))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .merge(graphiql::routes())
        .fallback(async || (StatusCode::NOT_FOUND, "not found\n"))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&shared),
            guards::around,
        ))
        .with_state(shared)
}

async fn schema(
    axum::extract::State(shared): axum::extract::State<Arc<Shared>>,
) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        shared.gateway.sdl().to_owned(),
    )
}

#[cfg(test)]
mod tests;
