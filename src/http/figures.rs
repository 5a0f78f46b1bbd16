//! `/metrics`: the gateway's figures, for whoever may see those of all tenants.

use super::guards::Visit;
use super::negotiate::Media;
use super::parameters::Malformed;
use super::{Shared, entry, handler};
use crate::access::Scope;
use crate::metrics;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// The text format, by the name that Prometheus knows.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn metrics(
    State(shared): State<Arc<Shared>>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
) -> Response {
    let denied = match entry::caller(&shared, &headers, visit.from).await {
        Ok(caller) if caller.may(Scope::ReadMetrics) => {
            return ([(header::CONTENT_TYPE, OPEN_METRICS)], page(&shared)).into_response();
        }
        Ok(_) => {
            let message = format!("this needs the scope {}", Scope::ReadMetrics.word());
            Malformed::new(StatusCode::FORBIDDEN, message)
        }
        Err(denied) => denied,
    };
    handler::malformed(&shared, denied, Media::Json, &visit.id)
}

fn page(shared: &Shared) -> String {
    let mut moment = (shared.policy.moment)();
    moment.ready = shared.readiness.is_ready();
    moment.connections = shared.readiness.connections();
    moment.in_work = shared.places.in_work();
    metrics::page(env!("CARGO_PKG_VERSION"), &shared.policy.meter, &moment)
}
