//! The only way in: routes, who may call, and how much of what. GraphQL over HTTP as its draft specification has it.
//!
//! Knows a [`Gateway`] and the ceilings, and nothing of customers or the schema; of sources only which headers credentials for
//! them come in. Logs never hold a document, a variable or a body.

mod asked;
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
mod patient;
mod pieces;
mod places;
mod policy;
mod routes;
mod server;
mod swap;

pub use forwarded::Forwarding;
pub use guards::Hosts;
pub use health::Readiness;
pub use library::Library;
pub use places::InWork;
pub use policy::Policy;
pub use routes::Routes;
pub use server::serve;
pub use swap::Swap;

use crate::graphql::Gateway;
use crate::limits::Limits;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router, extract::State};
use guards::Visit;
use negotiate::Media;
use places::Places;
use std::sync::Arc;

/// Where operations are asked for.
const GRAPHQL: &str = "/graphql";

/// What the routes share.
struct Shared {
    gateway: Gateway,
    limits: Limits,
    places: Places,
    readiness: Readiness,
    policy: Policy,
}

/// Every route of the gateway.
pub fn router(gateway: Gateway, limits: &Limits, readiness: Readiness, policy: Policy) -> Routes {
    let shared = Arc::new(Shared {
        gateway,
        limits: limits.clone(),
        places: Places::new(policy.in_work.clone(), limits, &policy.tenants),
        readiness,
        policy,
    });
    let others = Router::new()
        .route("/schema.graphql", get(schema))
        .route("/metrics", get(figures::metrics))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .merge(graphiql::routes())
        .fallback(not_found)
        .with_state(Arc::clone(&shared));
    Routes::new(shared, others)
}

async fn schema(
    State(shared): State<Arc<Shared>>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
) -> Response {
    if !shared.policy.introspection {
        return not_found().await.into_response();
    }
    match entry::caller(&shared, &headers, visit.from).await {
        Ok(_) => {
            let text = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
            (text, shared.gateway.sdl().to_owned()).into_response()
        }
        Err(denied) => handler::malformed(&shared, denied, Media::Json, &visit.id),
    }
}

async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "not found\n")
}

#[cfg(test)]
mod tests;
