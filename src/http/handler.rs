//! `/graphql`: one HTTP request becomes one operation, its answer one HTTP response.

use super::Shared;
use super::asked::{Asked, WithErrors};
use super::caching::{self, Wish};
use super::entry;
use super::guards::{self, Sent, Visit};
use super::negotiate::Media;
use super::parameters::{self, Malformed, Parameters};
use crate::access::Caller;
use crate::graphql::{Answer, Arrival, Place, Prepared, RequestCode, RequestError};
use crate::metrics::Kind;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Request, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The methods of `/graphql`.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, OPTIONS");

/// How much of a request that is refused is read all the same, and how long that is waited for: most are here already.
const FORGOTTEN_BYTES: usize = 16 * 1024;
const FORGOTTEN_WAIT: Duration = Duration::from_millis(20);

pub(super) async fn graphql(
    shared: &Shared,
    visit: Visit,
    request: Request<impl Sent>,
) -> Response {
    let mut asked = Asked::now(shared, request.method(), request.headers());
    let (parts, body) = request.into_parts();
    let mut unread = Some(body).filter(|body| !body.is_end_stream());
    let (version, accepted) = (parts.version, Media::accepted(&parts.headers));
    // A refusal, too, comes in the form that is wanted, where there is such a one.
    let media = accepted.unwrap_or(Media::Json);
    let responding = respond(shared, &visit, &mut asked, parts, &mut unread, accepted);
    let (mut response, kind) = match responding.await {
        Ok(answered) => answered,
        Err(error) => (malformed(shared, error, media, &visit.id), Kind::Malformed),
    };
    if let Some(rest) = unread
        && version <= Version::HTTP_11
        && !is_forgotten(rest).await
    {
        guards::end(&mut response);
    }
    asked.answered(kind, &response);
    response
}

/// Reads what is left of a request that is refused, where it is short and here already: then its connection stays of use.
async fn is_forgotten(rest: impl Sent) -> bool {
    let forgetting = Limited::new(rest, FORGOTTEN_BYTES).collect();
    let forgotten = tokio::time::timeout(FORGOTTEN_WAIT, forgetting).await;
    forgotten.is_ok_and(|all| all.is_ok())
}

async fn respond(
    shared: &Shared,
    Visit { id, from }: &Visit,
    asked: &mut Asked<'_>,
    parts: Parts,
    unread: &mut Option<impl Sent>,
    accepted: Option<Media>,
) -> Result<(Response, Kind), Malformed> {
    let reads_only = match parts.method {
        Method::POST => false,
        Method::GET | Method::HEAD => true,
        Method::OPTIONS => return Ok((options(), Kind::Options)),
        _ => {
            let message = "only GET, HEAD, POST and OPTIONS are served here";
            let error = Malformed::new(StatusCode::METHOD_NOT_ALLOWED, message);
            let media = accepted.unwrap_or(Media::Json);
            return Ok((
                not_allowed(shared, error, media, id, METHODS),
                Kind::Malformed,
            ));
        }
    };
    let media = accepted.ok_or_else(not_acceptable)?;
    let welcome = shared.policy.welcome_origin(&parts.headers).is_some();
    if reads_only && !welcome && guards::is_foreign(&parts) {
        let message = "a GET from another origin needs the header graphql-require-preflight";
        return Err(Malformed::new(StatusCode::FORBIDDEN, message));
    }
    let (caller, brought) = entry::known(shared, &parts.headers, *from).await?;
    if shared.places.are_taken(&caller.tenant) {
        return Err(overloaded());
    }
    let text = if reads_only {
        Bytes::from(parts.uri.query().unwrap_or_default().to_owned())
    } else {
        parameters::check_content_type(&parts.headers)?;
        let body = unread.take().ok_or_else(parameters::no_body)?;
        parameters::body(&parts.headers, body, &shared.limits, &shared.places).await?
    };
    let wish = Wish::of(&parts.headers);
    let place = shared.gateway.place(&caller, &brought, reads_only, &text);
    let place = place.filter(|_| !wish.no_store);
    // Whoever wants news makes the next one's answer, and is not answered with the last one's.
    let old = place.as_ref().filter(|_| wish == Wish::default());
    if let Some((body, left)) = old.and_then(|place| shared.gateway.kept(place)) {
        let fresh = caching::fresh(left);
        return Ok((written(body, StatusCode::OK, media, fresh), Kind::Kept));
    }
    // Not before the body is here: whoever sends slowly must not keep others out.
    let hold = shared.places.take(&caller.tenant).ok_or_else(overloaded)?;
    let parameters = if reads_only {
        Parameters::from_url(parts.uri.query().unwrap_or_default())?
    } else {
        Parameters::from_body(&text)?
    };
    let arrival = Arrival {
        trace: Some(asked.trace()),
        brought,
        hold,
        ..arrival(shared, id, caller, wish, asked.started)
    };
    run(shared, asked, parameters, reads_only, arrival, place, media).await
}

/// Runs what was asked. Its answer is written, and kept for whoever asks the same.
async fn run(
    shared: &Shared,
    asked: &mut Asked<'_>,
    parameters: Parameters,
    reads_only: bool,
    arrival: Arrival,
    place: Option<Place>,
    media: Media,
) -> Result<(Response, Kind), Malformed> {
    let id = arrival.request_id.clone();
    let prepared = match prepare(shared, &parameters) {
        Ok(prepared) => prepared,
        Err(reasons) => {
            let answer = Answer::refused(reasons);
            let status = status(&answer, media);
            return Ok((render(shared, answer, status, media, &id), Kind::Refused));
        }
    };
    if prepared.is_mutation() && reads_only {
        let message = "a mutation must be sent by POST";
        let error = Malformed::new(StatusCode::METHOD_NOT_ALLOWED, message);
        let allow = HeaderValue::from_static("POST");
        return Ok((not_allowed(shared, error, media, &id, allow), Kind::Refused));
    }
    // Known from now on, also where nobody waits for the answer.
    asked.kind = kind_of(prepared.is_mutation());
    let running = shared
        .gateway
        .execute(&prepared, parameters.variables, arrival);
    let answer = shared.gateway.finish(running.await, &id);
    let body = Bytes::from(answer.to_json());
    if let Some(place) = place {
        shared.gateway.keep(place, &prepared, &answer, &body);
    }
    let response = written(body, status(&answer, media), media, caching::of(&answer));
    let response = counted(shared, &answer, response);
    let kind = if has_run(&answer) {
        asked.kind
    } else {
        Kind::Refused
    };
    Ok((response, kind))
}

/// Whether anything was done for this answer: of a request that is refused, nothing was.
fn has_run(answer: &Answer) -> bool {
    matches!(
        answer.refusal(),
        None | Some(RequestCode::Timeout | RequestCode::Internal)
    )
}

const fn kind_of(is_mutation: bool) -> Kind {
    if is_mutation {
        Kind::Mutation
    } else {
        Kind::Query
    }
}

/// Counts the errors of an answer, and marks its response.
fn counted(shared: &Shared, answer: &Answer, mut response: Response) -> Response {
    let mut codes = answer.codes().peekable();
    if codes.peek().is_some() {
        response.extensions_mut().insert(WithErrors);
    }
    codes.for_each(|code| shared.policy.meter.error(code));
    response
}

/// Finds the document and checks it.
fn prepare(shared: &Shared, parameters: &Parameters) -> Result<Prepared, Vec<RequestError>> {
    let library = &shared.policy.library;
    let found = library.find(parameters).map_err(|error| vec![error])?;
    let prepared = shared
        .gateway
        .prepare(&found.text, parameters.operation_name.as_deref())?;
    if prepared.is_about_schema() && !shared.policy.introspection {
        let message = "the schema is not told here";
        return Err(vec![RequestError::new(RequestCode::Forbidden, message)]);
    }
    library.keep(&found);
    Ok(prepared)
}

fn not_acceptable() -> Malformed {
    let message = "answers are application/graphql-response+json or application/json";
    Malformed::new(StatusCode::NOT_ACCEPTABLE, message)
}

fn overloaded() -> Malformed {
    let message = "too many requests are in work";
    Malformed::new(StatusCode::SERVICE_UNAVAILABLE, message)
}

fn arrival(
    shared: &Shared,
    id: &str,
    caller: Arc<Caller>,
    wish: Wish,
    started: Instant,
) -> Arrival {
    let deadline = started + Duration::from_millis(shared.limits.request_ms);
    Arrival {
        caller,
        max_age: wish.max_age,
        no_store: wish.no_store,
        ..Arrival::new(id, deadline)
    }
}

/// The status of the answer to a well-formed request.
fn status(answer: &Answer, media: Media) -> StatusCode {
    match (answer.refusal(), media) {
        (None, _) => StatusCode::OK,
        (
            Some(
                RequestCode::InvalidInput
                | RequestCode::TooComplex
                | RequestCode::DocumentNotFound
                | RequestCode::DocumentsNotKept,
            ),
            media,
        ) => match media {
            Media::Json => StatusCode::OK,
            Media::Response => StatusCode::BAD_REQUEST,
        },
        (Some(RequestCode::Unauthenticated), _) => StatusCode::UNAUTHORIZED,
        (Some(RequestCode::Forbidden), _) => StatusCode::FORBIDDEN,
        (Some(RequestCode::TooLarge), _) => StatusCode::PAYLOAD_TOO_LARGE,
        (Some(RequestCode::Overloaded), _) => StatusCode::SERVICE_UNAVAILABLE,
        (Some(RequestCode::Timeout), _) => StatusCode::GATEWAY_TIMEOUT,
        (Some(RequestCode::Internal), _) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn render(shared: &Shared, answer: Answer, status: StatusCode, media: Media, id: &str) -> Response {
    let cache_control = caching::of(&answer);
    let answer = shared.gateway.finish(answer, id);
    let response = written(answer.to_json().into(), status, media, cache_control);
    counted(shared, &answer, response)
}

fn written(body: Bytes, status: StatusCode, media: Media, cache_control: HeaderValue) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(media.content_type()),
    );
    headers.insert(
        header::VARY,
        HeaderValue::from_static("accept, accept-encoding, authorization, x-api-key"),
    );
    headers.insert(header::CACHE_CONTROL, cache_control);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// The answer to a request that is not a well-formed GraphQL request.
pub(super) fn malformed(shared: &Shared, error: Malformed, media: Media, id: &str) -> Response {
    let answer = Answer::refused(vec![error.error]);
    let mut response = render(shared, answer, error.status, media, id);
    if let (StatusCode::UNAUTHORIZED, Some(challenge)) = (error.status, error.challenge) {
        let challenge = HeaderValue::from_static(challenge);
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let Some(seconds) = error.retry_after {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if error.ends {
        guards::end(&mut response);
    }
    response
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

fn not_allowed(
    shared: &Shared,
    error: Malformed,
    media: Media,
    id: &str,
    allow: HeaderValue,
) -> Response {
    let mut response = malformed(shared, error, media, id);
    response.headers_mut().insert(header::ALLOW, allow);
    response
}

/// What is served here. An origin that is not welcome gets no leave: its preflight ends here.
fn options() -> Response {
    (StatusCode::NO_CONTENT, [(header::ALLOW, METHODS)]).into_response()
}
