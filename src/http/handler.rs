//! `/graphql`: one HTTP request becomes one operation, its answer one HTTP response.

use super::Shared;
use super::caching::{self, Wish};
use super::guards::{self, RequestId};
use super::negotiate::Media;
use super::parameters::{Malformed, Parameters};
use crate::graphql::{Answer, Arrival, RequestCode, RequestError};
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The methods of `/graphql`.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");

pub(super) async fn graphql(
    State(shared): State<Arc<Shared>>,
    Extension(RequestId(id)): Extension<RequestId>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let (response, kind) = match respond(&shared, &id, request, started).await {
        Ok(answered) => answered,
        Err(error) => (malformed(&shared, error, &id), "malformed"),
    };
    tracing::info!(
        request_id = %id,
        %method,
        status = response.status().as_u16(),
        kind,
        ms = started.elapsed().as_millis(),
        "graphql"
    );
    response
}

async fn respond(
    shared: &Shared,
    id: &str,
    request: Request,
    started: Instant,
) -> Result<(Response, &'static str), Malformed> {
    let (parts, body) = request.into_parts();
    let reads_only = match parts.method {
        Method::POST => false,
        Method::GET | Method::HEAD => true,
        Method::OPTIONS => return Ok((options(), "options")),
        _ => {
            let message = "only GET and POST are served here";
            let error = Malformed::new(StatusCode::METHOD_NOT_ALLOWED, message);
            return Ok((not_allowed(shared, error, id, METHODS), "malformed"));
        }
    };
    let media = Media::accepted(&parts.headers).ok_or_else(|| {
        Malformed::new(
            StatusCode::NOT_ACCEPTABLE,
            "answers are application/graphql-response+json or application/json",
        )
    })?;
    if shared.permits.available_permits() == 0 {
        return Err(overloaded());
    }
    let parameters = if reads_only {
        if guards::is_foreign(&parts.headers) {
            let message = "a GET from another origin needs the header graphql-require-preflight";
            return Err(Malformed::new(StatusCode::FORBIDDEN, message));
        }
        Parameters::from_url(parts.uri.query().unwrap_or_default())?
    } else {
        Parameters::from_body(&parts.headers, body, &shared.limits).await?
    };
    // Not before the body is here: whoever sends slowly must not keep others out.
    let _permit = shared.permits.try_acquire().map_err(|_| overloaded())?;
    let operation_name = parameters.operation_name.as_deref();
    let (answer, kind) = match shared.gateway.prepare(&parameters.query, operation_name) {
        Ok(prepared) if prepared.is_mutation() && reads_only => {
            let message = "a mutation must be sent by POST";
            let error = Malformed::new(StatusCode::METHOD_NOT_ALLOWED, message);
            let allow = HeaderValue::from_static("POST");
            return Ok((not_allowed(shared, error, id, allow), "mutation"));
        }
        Ok(prepared) => {
            let arrival = arrival(shared, id, &parts.headers, started);
            let kind = if prepared.is_mutation() {
                "mutation"
            } else {
                "query"
            };
            let running = shared
                .gateway
                .execute(&prepared, parameters.variables, arrival);
            (running.await, kind)
        }
        Err(reasons) => (Answer::refused(reasons), "refused"),
    };
    let status = status(&answer, media);
    Ok((render(shared, answer, status, media, id), kind))
}

fn overloaded() -> Malformed {
    let message = "too many requests are in work";
    Malformed::new(StatusCode::SERVICE_UNAVAILABLE, message)
}

fn arrival(shared: &Shared, id: &str, headers: &HeaderMap, started: Instant) -> Arrival {
    let wish = Wish::of(headers);
    Arrival {
        request_id: id.into(),
        deadline: started + Duration::from_millis(shared.limits.request_ms),
        max_age: wish.max_age,
        no_store: wish.no_store,
    }
}

/// The status of the answer to a well-formed request.
fn status(answer: &Answer, media: Media) -> StatusCode {
    match (answer.refusal(), media) {
        (None, _) => StatusCode::OK,
        (Some(RequestCode::InvalidInput | RequestCode::TooComplex), Media::Json) => StatusCode::OK,
        (Some(RequestCode::InvalidInput | RequestCode::TooComplex), Media::Response) => {
            StatusCode::BAD_REQUEST
        }
        (Some(RequestCode::TooLarge), _) => StatusCode::PAYLOAD_TOO_LARGE,
        (Some(RequestCode::Overloaded), _) => StatusCode::SERVICE_UNAVAILABLE,
        (Some(RequestCode::Timeout), _) => StatusCode::GATEWAY_TIMEOUT,
        (Some(RequestCode::Internal), _) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn render(shared: &Shared, answer: Answer, status: StatusCode, media: Media, id: &str) -> Response {
    let cache_control = caching::of(&answer);
    let body = shared.gateway.finish(answer, id).to_json();
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(media.content_type()),
    );
    headers.insert(
        header::VARY,
        HeaderValue::from_static("accept, authorization"),
    );
    headers.insert(header::CACHE_CONTROL, cache_control);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// The answer to a request that is not a well-formed GraphQL request.
pub(super) fn malformed(shared: &Shared, error: Malformed, id: &str) -> Response {
    let answer = Answer::refused(vec![error.error]);
    render(shared, answer, error.status, Media::Json, id)
}

/// The answer to a request that broke the gateway.
pub(super) fn failed(shared: &Shared, id: &str) -> Response {
    let error = RequestError::new(RequestCode::Internal, "the gateway failed");
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    render(
        shared,
        Answer::refused(vec![error]),
        status,
        Media::Json,
        id,
    )
}

fn not_allowed(shared: &Shared, error: Malformed, id: &str, allow: HeaderValue) -> Response {
    let mut response = malformed(shared, error, id);
    response.headers_mut().insert(header::ALLOW, allow);
    response
}

/// What is served here. No origin but our own is ever given leave: a preflight ends here.
fn options() -> Response {
    (StatusCode::NO_CONTENT, [(header::ALLOW, METHODS)]).into_response()
}
