//! G-Tateth: customers under `/api/v1`, a bearer key, pages by number, a `profile` that is nested on read and flat
//! on write.
//!
//! Chosen where the pages are silent: the list is oldest first; a page behind the last is empty; `tags` means all of
//! them; a new customer is active; PUT is partial and `null` clears a field; an e-mail address is unique, whatever
//! its case; the limit of requests is announced and not enforced. Of the two error shapes, 429 has the second.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::ask::{self, Id, Query};
use super::book::Book;
use super::clock;
use super::door::Site;
use super::filter::{Filter, STATUSES, profile};
use super::form::{self, Field, Kind};
use super::meter::Meter;
use super::reply::{self, Outcome, Refusal, Row};
use super::seeds;

const API_KEY: &str = "sk_live_demo_4f1c9a7e2b";
/// The page names `standard` as the default of create, so it can be written, although it cannot be filtered on.
const WRITABLE_TIERS: &[&str] = &["standard", "bronze", "silver", "gold", "platinum"];
const PROFILE: &[&str] = &[
    "firstName",
    "lastName",
    "email",
    "phone",
    "company",
    "jobTitle",
];
/// The largest plan's requests per hour.
const PER_HOUR: u64 = 50_000;

const CREATE: &[Field] = &[
    Field::new("firstName", Kind::Text(usize::MAX)).or_null(),
    Field::new("lastName", Kind::Text(usize::MAX)).or_null(),
    Field::new("email", Kind::Email(usize::MAX)).or_null(),
    Field::new("phone", Kind::Text(usize::MAX)).or_null(),
    Field::new("company", Kind::Text(usize::MAX)).or_null(),
    Field::new("jobTitle", Kind::Text(usize::MAX)).or_null(),
    Field::new("tier", Kind::Word(WRITABLE_TIERS)),
    Field::new("tags", Kind::Texts).or_null(),
    Field::new("customFields", Kind::Object).or_null(),
];
const STATUS: Field = Field::new("status", Kind::Word(STATUSES));

struct Office {
    book: Mutex<Book<String, Row>>,
}

/// Builds the CRM.
pub(super) fn open(origin: &str, customers: usize) -> Site {
    let mut book = Book::new();
    for row in 0..customers {
        let id = seeds::hex_id(book.next());
        book.add(id.clone(), seeds::gtateth(&id, row));
    }
    let book = Mutex::new(book);
    let office = Arc::new(Office { book });
    let counted = Arc::clone(&office);
    let meter = Meter::new(PER_HOUR, 3_600);
    Site {
        router: router(office),
        refuse,
        dress: Box::new(move |response| meter.dress(response)),
        len: Box::new(move || counted.book().rows().count()),
        expire: Box::new(|| {}),
        vars: vec![
            ("base_url", format!("{origin}/api/v1")),
            ("api_key", API_KEY.to_owned()),
        ],
    }
}

fn router(office: Arc<Office>) -> Router {
    Router::new()
        .route("/api/v1/customers", get(list).post(create))
        .route(
            "/api/v1/customers/{id}",
            get(show).put(update).delete(remove),
        )
        .route("/api/v1/health", get(health))
        .method_not_allowed_fallback(async || refuse(&Refusal::of(405, None)))
        .fallback(async || refuse(&Refusal::of(404, None)))
        .layer(middleware::from_fn(guard))
        .with_state(office)
}

/// A bearer key everywhere but on health; the guide's other header, `X-API-Key`, works too.
async fn guard(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let key = ask::bearer(headers).or_else(|| ask::header(headers, "x-api-key"));
    let open = request.uri().path() == "/api/v1/health";
    match key {
        _ if open => next.run(request).await,
        Some(API_KEY) => next.run(request).await,
        Some(_) => refuse(&Refusal::new(401, "AUTH_INVALID", "The API key is invalid")),
        None => refuse(&Refusal::new(
            401,
            "AUTH_REQUIRED",
            "An API key is required",
        )),
    }
}

/// The first error shape, or the second for 429.
fn refuse(refusal: &Refusal) -> Response {
    let code = refusal.code_or(code_of);
    if refusal.status == 429 {
        let body = json!({
            "success": false, "error": refusal.message, "code": code, "retryAfter": refusal.retry_after,
        });
        return refusal.answer(&body);
    }
    let details = refusal.field.as_ref().map(|field| json!({"field": field}));
    refusal.answer(&json!({"success": false, "error": {
        "code": code,
        "message": refusal.message,
        "details": details.unwrap_or_else(|| json!({})),
        "requestId": reply::request_id(),
        "timestamp": clock::millis(Timestamp::now()),
    }}))
}

fn code_of(status: u16) -> &'static str {
    match status {
        400 => "BAD_REQUEST",
        401 => "AUTH_INVALID",
        403 => "FORBIDDEN",
        404 => "NOT_FOUND",
        405 => "METHOD_NOT_ALLOWED",
        409 => "CONFLICT",
        413 => "PAYLOAD_TOO_LARGE",
        422 => "VALIDATION_ERROR",
        429 => "RATE_LIMIT_EXCEEDED",
        503 => "SERVICE_UNAVAILABLE",
        _ => "INTERNAL_ERROR",
    }
}

async fn health() -> Response {
    reply::json(200, &json!({"status": "ok"}))
}

async fn list(State(office): State<Arc<Office>>, RawQuery(query): RawQuery) -> Response {
    let query = Query::read(query.as_deref());
    office.list(&query).unwrap_or_else(|no| refuse(&no))
}

async fn show(State(office): State<Arc<Office>>, id: Id) -> Response {
    office.show(id).unwrap_or_else(|no| refuse(&no))
}

async fn create(State(office): State<Arc<Office>>, headers: HeaderMap, body: Bytes) -> Response {
    let created = body_of(&headers, &body).and_then(|body| office.create(&body));
    created.unwrap_or_else(|no| refuse(&no))
}

async fn update(
    State(office): State<Arc<Office>>,
    id: Id,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let updated = body_of(&headers, &body).and_then(|body| office.update(id, &body));
    updated.unwrap_or_else(|no| refuse(&no))
}

async fn remove(State(office): State<Arc<Office>>, id: Id) -> Response {
    office.remove(id).unwrap_or_else(|no| refuse(&no))
}

fn body_of(headers: &HeaderMap, body: &Bytes) -> Result<Row, Refusal> {
    ask::object(headers, body).map_err(|message| Refusal::new(400, "BAD_REQUEST", message))
}

fn id_of(id: Id) -> Result<String, Refusal> {
    id.ok()
        .map(|id| id.0)
        .filter(|id| id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(|id| id.to_ascii_lowercase())
        .ok_or_else(|| Refusal::new(400, "INVALID_ID", "The id is not 24 hexadecimal digits"))
}

fn not_found() -> Refusal {
    Refusal::new(404, "NOT_FOUND", "There is no such customer")
}

fn valid(body: &Row, fields: &[Field]) -> Result<(), Refusal> {
    form::check(body, fields).map_err(|problem| {
        let message = format!("{} {}", problem.field, problem.message);
        Refusal::new(422, "VALIDATION_ERROR", message).at(problem.field)
    })
}

impl Office {
    fn book(&self) -> MutexGuard<'_, Book<String, Row>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self, query: &Query) -> Outcome {
        let filter = Filter::read(query)?;
        let (page, limit) = (filter.page, filter.limit);
        let book = self.book();
        let found: Vec<&Row> = book.rows().filter(|row| filter.has(row)).collect();
        let shown = found.iter().skip(limit.saturating_mul(page - 1));
        let data: Vec<Row> = shown.take(limit).map(|row| listed(row)).collect();
        Ok(reply::json(
            200,
            &json!({"success": true, "data": data, "pagination": {
                "total": found.len(),
                "page": page,
                "limit": limit,
                "totalPages": found.len().div_ceil(limit),
            }}),
        ))
    }

    fn show(&self, id: Id) -> Outcome {
        let id = id_of(id)?;
        let book = self.book();
        let row = book.get(&id).ok_or_else(not_found)?;
        Ok(reply::json(200, &json!({"success": true, "data": row})))
    }

    fn create(&self, body: &Row) -> Outcome {
        valid(body, CREATE)?;
        let said = |name: &&str| body.get(*name).is_some_and(is_said);
        if !["firstName", "lastName", "email", "phone"].iter().any(said) {
            let message = "One of firstName, lastName, email and phone is required";
            return Err(Refusal::new(422, "VALIDATION_ERROR", message));
        }
        let mut book = self.book();
        unique(&book, body, None)?;
        let id = seeds::hex_id(book.next());
        let mut row = seeds::gtateth_blank(&id, &clock::seconds(Timestamp::now()));
        write(&mut row, body);
        let answer = json!({"success": true, "data": row});
        book.add(id, row);
        Ok(reply::json(201, &answer))
    }

    fn update(&self, id: Id, body: &Row) -> Outcome {
        let id = id_of(id)?;
        let mut book = self.book();
        book.get(&id).ok_or_else(not_found)?;
        let fields: Vec<Field> = CREATE.iter().copied().chain([STATUS]).collect();
        valid(body, &fields)?;
        unique(&book, body, Some(&id))?;
        let row = book.get_mut(&id).ok_or_else(not_found)?;
        if !body.is_empty() {
            write(row, body);
            let now = clock::seconds(Timestamp::now());
            row.insert("updatedAt".to_owned(), json!(now));
        }
        Ok(reply::json(200, &json!({"success": true, "data": row})))
    }

    fn remove(&self, id: Id) -> Outcome {
        let id = id_of(id)?;
        self.book().remove(&id).ok_or_else(not_found)?;
        let body = json!({"success": true, "message": "The customer is deleted"});
        Ok(reply::json(200, &body))
    }
}

/// A customer as the list shows it: `tenantId` stands in the answer to one alone.
fn listed(row: &Row) -> Row {
    let fields = row.iter().filter(|(name, _)| *name != "tenantId");
    fields
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn is_said(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

fn unique(book: &Book<String, Row>, body: &Row, own: Option<&str>) -> Result<(), Refusal> {
    let Some(email) = body.get("email").and_then(Value::as_str) else {
        return Ok(());
    };
    let email = email.to_lowercase();
    let others = book
        .rows()
        .filter(|row| own.is_none_or(|own| row.get("_id").is_none_or(|id| id != own)));
    for row in others {
        if profile(row, "email").to_lowercase() == email {
            let message = "A customer with this email exists";
            return Err(Refusal::new(409, "CUSTOMER_EXISTS", message).at("email"));
        }
    }
    Ok(())
}

/// Puts the flat fields of a body where they belong; `null` empties tags and custom fields.
fn write(row: &mut Row, body: &Row) {
    for (name, value) in body {
        let value = match (&**name, value) {
            ("tags", Value::Null) => json!([]),
            ("customFields", Value::Null) => json!({}),
            (_, value) => value.clone(),
        };
        if !PROFILE.contains(&&**name) {
            row.insert(name.clone(), value);
        } else if let Some(Value::Object(profile)) = row.get_mut("profile") {
            profile.insert(name.clone(), value);
        }
    }
}
