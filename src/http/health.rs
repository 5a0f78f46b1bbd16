//! Liveness and readiness: two questions an orchestrator asks.

use super::Shared;
use axum::extract;
use axum::http::StatusCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Whether new requests are welcome, and how many connections are open. Cheap to clone; all clones are one. Starts as not
/// ready.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<State>);

#[derive(Debug, Default)]
struct State {
    ready: AtomicBool,
    connections: AtomicUsize,
}

/// One open connection, for as long as it lives.
pub(super) struct Connected(Arc<State>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Readiness {
    /// Not ready yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on `/readyz` answers 200 (`true`: everything is in place) or 503 (`false`: starting or draining).
    pub fn set(&self, ready: bool) {
        self.0.ready.store(ready, Ordering::Relaxed);
    }

    /// Whether new requests are welcome.
    pub fn is_ready(&self) -> bool {
        self.0.ready.load(Ordering::Relaxed)
    }

    /// Counts one connection more until what is given back is dropped.
    pub(super) fn connect(&self) -> Connected {
        self.0.connections.fetch_add(1, Ordering::Relaxed);
        Connected(Arc::clone(&self.0))
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.0.connections.load(Ordering::Relaxed)
    }
}

pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

pub(super) async fn readyz(
    extract::State(shared): extract::State<Arc<Shared>>,
) -> (StatusCode, &'static str) {
    if shared.readiness.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}
