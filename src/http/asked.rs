//! A request to `/graphql` as the figures and the log have it: one count and one line, however it ends.

use super::Shared;
use crate::metrics::{Ended, Kind, RequestMeter, Word};
use crate::trace::{Span, Trace, milliseconds};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use std::time::Instant;

/// In the extensions of a response with errors.
#[derive(Clone, Copy)]
pub(super) struct WithErrors;

/// A request that came. Where it is dropped without an answer, its caller has left, or the gateway broke.
pub(super) struct Asked<'a> {
    meter: &'a RequestMeter,
    span: Span,
    method: Method,
    /// What it is, as far as that is known.
    pub(super) kind: Kind,
    /// When it came.
    pub(super) started: Instant,
    answered: Option<(Ended, u16)>,
}

impl<'a> Asked<'a> {
    /// It came just now.
    pub(super) fn now(shared: &'a Shared, method: &Method, headers: &HeaderMap) -> Self {
        Self {
            meter: &shared.policy.meter,
            span: span(shared, headers),
            method: method.clone(),
            kind: Kind::Malformed,
            started: Instant::now(),
            answered: None,
        }
    }

    /// Where it stands in a trace.
    pub(super) fn trace(&self) -> Trace {
        self.span.trace().clone()
    }

    /// It is answered with this.
    pub(super) fn answered(mut self, kind: Kind, response: &Response) {
        self.kind = kind;
        self.answered = Some((ended(response), response.status().as_u16()));
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let unanswered = if std::thread::panicking() {
            (Ended::Failed, 500)
        } else {
            (Ended::Left, 0)
        };
        let (ended, status) = self.answered.unwrap_or(unanswered);
        let took = self.started.elapsed();
        self.meter.answered(self.kind, ended, took);
        self.span.tell("crmql.kind", self.kind.word());
        self.span
            .tell("http.response.status_code", u64::from(status));
        if ended == Ended::Failed {
            self.span.fail();
        }
        tracing::info!(
            method = %self.method,
            status,
            kind = self.kind.word(),
            ms = milliseconds(took),
            "graphql"
        );
    }
}

/// The span of a request, below the one its caller names. Whoever names two names none.
fn span(shared: &Shared, headers: &HeaderMap) -> Span {
    let mut given = headers.get_all("traceparent").iter();
    let only = given.next().filter(|_| given.next().is_none());
    let only = only.and_then(|text| text.to_str().ok());
    shared.policy.tracer.request("graphql", only)
}

fn ended(response: &Response) -> Ended {
    let status = response.status();
    let with_errors = response.extensions().get::<WithErrors>().is_some();
    match (status.is_server_error(), status.is_client_error()) {
        (true, _) => Ended::Failed,
        (_, true) => Ended::Refused,
        _ if with_errors => Ended::WithErrors,
        _ => Ended::Fine,
    }
}
