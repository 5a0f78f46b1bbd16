//! Flextell: customers under `/api/v1`, OAuth access tokens, a tenant header, pages by number with links and meta.
//!
//! Chosen where the pages are silent: 15 a page; without `sort_by` the order is by id; nothing sorts before
//! something, text without regard to case, ties by id; an empty parameter counts as absent; an age filter leaves out
//! who has no birth date; `trashed=true` shows only the trashed, who answer 404 by id; PUT is partial; an e-mail
//! address is unique, the trashed included; nothing is required on create but something.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::ask::{self, Id, Query};
use super::book::Book;
use super::clock;
use super::door::Site;
use super::form::{self, Field, Kind};
use super::grants::{CLIENT_ID, CLIENT_SECRET, FIRST_REFRESH, Grants};
use super::meter::Meter;
use super::reply::{self, Outcome, Refusal, Row};
use super::seeds;
use super::sheet::Sheet;
use super::sieve::{GENDERS, Sieve, invalid, is_trashed, number, text, word};

const TENANT: u64 = 7301;
const SORTS: &[&str] = &[
    "first_name",
    "last_name",
    "date_of_birth",
    "gender",
    "created_at",
    "updated_at",
];
/// The requests per minute that are announced; the pages name no number.
const PER_MINUTE: u64 = 60_000;

const WRITABLE: &[Field] = &[
    Field::new("first_name", Kind::Text(255)),
    Field::new("last_name", Kind::Text(255)),
    Field::new("phone_number", Kind::Text(20)),
    Field::new("email", Kind::Email(255)).or_null(),
    Field::new("date_of_birth", Kind::Date).or_null(),
    Field::new("gender", Kind::Word(GENDERS)).or_null(),
    Field::new("country_id", Kind::Whole).or_null(),
    Field::new("identity_number", Kind::Text(255)).or_null(),
    Field::new("job", Kind::Text(255)).or_null(),
    Field::new("address", Kind::Text(1000)).or_null(),
    Field::new("default_channel_id", Kind::Whole).or_null(),
    Field::new("user_id", Kind::Whole).or_null(),
];

struct Office {
    origin: String,
    book: Mutex<Book<i64, Row>>,
    grants: Grants,
}

/// Builds the CRM.
pub(super) fn open(origin: &str, customers: usize) -> Site {
    let office = Arc::new(Office {
        origin: origin.to_owned(),
        book: Mutex::new(seeded(customers)),
        grants: Grants::new(),
    });
    let (counted, expired) = (Arc::clone(&office), Arc::clone(&office));
    let meter = Meter::new(PER_MINUTE, 60);
    Site {
        router: router(office),
        refuse,
        dress: Box::new(move |response| meter.dress(response)),
        len: Box::new(move || counted.book().rows().filter(|row| !is_trashed(row)).count()),
        expire: Box::new(move || expired.grants.expire()),
        vars: vec![
            ("base_url", format!("{origin}/api")),
            ("tenant", TENANT.to_string()),
            ("token_url", format!("{origin}/oauth/token")),
            ("client_id", CLIENT_ID.to_owned()),
            ("client_secret", CLIENT_SECRET.to_owned()),
            ("refresh_token", FIRST_REFRESH.to_owned()),
        ],
    }
}

/// After every twentieth customer a trashed one, and one at the end.
fn seeded(customers: usize) -> Book<i64, Row> {
    let mut book = Book::new();
    for row in 0..customers {
        add_seeded(&mut book, row, false);
        if row % 20 == 19 || row + 1 == customers {
            add_seeded(&mut book, row, true);
        }
    }
    book
}

fn add_seeded(book: &mut Book<i64, Row>, row: usize, trashed: bool) {
    let id = next_id(book);
    book.add(id, seeds::flextell(id, row, trashed));
}

fn next_id(book: &Book<i64, Row>) -> i64 {
    i64::try_from(book.next()).unwrap_or(i64::MAX)
}

fn router(office: Arc<Office>) -> Router {
    let guarded = middleware::from_fn_with_state(Arc::clone(&office), guard);
    Router::new()
        .route("/api/v1/customers", get(list).post(create))
        .route("/api/v1/customers/{id}", get(show).put(update))
        .route("/oauth/token", post(token))
        .method_not_allowed_fallback(async || refuse(&Refusal::of(405, None)))
        .fallback(async || refuse(&Refusal::of(404, None)))
        .layer(guarded)
        .with_state(office)
}

/// A valid access token under `/api`, and the tenant that it belongs to, where one is named.
async fn guard(State(office): State<Arc<Office>>, request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/api/") {
        return next.run(request).await;
    }
    let headers = request.headers();
    if !ask::bearer(headers).is_some_and(|token| office.grants.accepts(token)) {
        return refuse(&Refusal::new(401, "", "The access token is not valid"));
    }
    let named = headers.contains_key("x-tenant");
    let tenant = ask::header(headers, "x-tenant").and_then(|tenant| tenant.parse().ok());
    if named && tenant != Some(TENANT) {
        return refuse(&Refusal::new(403, "", "The tenant is not yours"));
    }
    next.run(request).await
}

fn refuse(refusal: &Refusal) -> Response {
    refusal.answer(&json!({"error": refusal.code_or(code_of), "message": refusal.message}))
}

fn code_of(status: u16) -> &'static str {
    match status {
        401 => "unauthenticated",
        403 => "forbidden",
        404 => "not_found",
        405 => "method_not_allowed",
        409 => "conflict",
        413 => "payload_too_large",
        422 => "validation_error",
        429 => "rate_limit_exceeded",
        400..=499 => "bad_request",
        503 => "service_unavailable",
        _ => "server_error",
    }
}

async fn token(State(office): State<Arc<Office>>, headers: HeaderMap, body: Bytes) -> Response {
    let form = std::str::from_utf8(&body).ok();
    let labelled = ask::media_type(&headers) == "application/x-www-form-urlencoded";
    let granted = match form.filter(|_| labelled) {
        Some(form) => office.grants.grant(&Query::read(Some(form))),
        None => Err(("invalid_request", "The body is not a form")),
    };
    match granted {
        Ok(tokens) => reply::json(200, &tokens),
        Err((error, why)) => reply::json(400, &json!({"error": error, "error_description": why})),
    }
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

fn body_of(headers: &HeaderMap, body: &Bytes) -> Result<Row, Refusal> {
    ask::object(headers, body).map_err(|message| Refusal::new(400, "", message))
}

fn not_found() -> Refusal {
    Refusal::new(404, "", "There is no such customer")
}

impl Office {
    fn book(&self) -> MutexGuard<'_, Book<i64, Row>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self, query: &Query) -> Outcome {
        let page = number(query, "page", 1, i64::MAX)?.unwrap_or(1);
        let size = number(query, "per_page", 1, 100)?.unwrap_or(15);
        let sort = word(query, "sort_by", SORTS)?;
        let order = word(query, "sort_order", &["asc", "desc"])?;
        let sieve = Sieve::read(query)?;
        let book = self.book();
        let mut rows: Vec<&Row> = book.rows().filter(|row| sieve.wants(row)).collect();
        let key = |row: &Row| {
            let value = row.get(sort?)?.as_str()?;
            Some(value.to_lowercase())
        };
        match (sort, order) {
            (None, Some("desc")) => rows.reverse(),
            (None, _) => {}
            (_, Some("desc")) => rows.sort_by_cached_key(|row| std::cmp::Reverse(key(row))),
            _ => rows.sort_by_cached_key(|row| key(row)),
        }
        let sheet = Sheet {
            page,
            size,
            total: i64::try_from(rows.len()).unwrap_or(i64::MAX),
        };
        let skipped = usize::try_from(sheet.skipped()).unwrap_or(usize::MAX);
        let shown = usize::try_from(size).unwrap_or_default();
        let data: Vec<&Row> = rows.into_iter().skip(skipped).take(shown).collect();
        let path = format!("{}/api/v1/customers", self.origin);
        Ok(reply::json(200, &sheet.around(&json!(data), &path, query)))
    }

    fn show(&self, id: Id) -> Outcome {
        let book = self.book();
        let (_, row) = self::live(&book, id)?;
        Ok(said(200, row))
    }

    fn create(&self, body: &Row) -> Outcome {
        let written = valid(body)?;
        if body.values().all(Value::is_null) {
            return Err(invalid("Nothing is known of the customer"));
        }
        let mut book = self.book();
        unique(&book, body, None)?;
        let id = next_id(&book);
        let mut row = seeds::flextell_blank(id, &clock::seconds(Timestamp::now()));
        row.extend(written);
        let answer = said(201, &row);
        book.add(id, row);
        Ok(answer)
    }

    fn update(&self, id: Id, body: &Row) -> Outcome {
        let mut book = self.book();
        let (id, _) = self::live(&book, id)?;
        let written = valid(body)?;
        unique(&book, body, Some(id))?;
        let row = book.get_mut(&id).ok_or_else(not_found)?;
        if !written.is_empty() {
            row.extend(written);
            let now = clock::seconds(Timestamp::now());
            row.insert("updated_at".to_owned(), json!(now));
        }
        Ok(said(200, row))
    }
}

/// The customer of an id, unless trashed. An id that is no integer is one that nobody has.
fn live(book: &Book<i64, Row>, id: Id) -> Result<(i64, &Row), Refusal> {
    let id = id
        .ok()
        .and_then(|id| id.0.parse().ok())
        .ok_or_else(not_found)?;
    let row = book.get(&id).filter(|row| !is_trashed(row));
    row.map(|row| (id, row)).ok_or_else(not_found)
}

/// `success` is text, as the reference types it.
fn said(status: u16, row: &Row) -> Response {
    reply::json(status, &json!({"success": "true", "data": row}))
}

/// The checked body in the words of an answer: ids of country and user become their names.
fn valid(body: &Row) -> Result<Row, Refusal> {
    form::check(body, WRITABLE)
        .map_err(|problem| invalid(format!("{} {}", problem.field, problem.message)))?;
    let mut row = Row::new();
    for (name, value) in body {
        let (name, value) = match (&**name, value.as_i64()) {
            ("country_id", None) => ("country_name", Value::Null),
            ("country_id", Some(id)) => ("country_name", country(id)?),
            ("user_id", None) => ("related_user", Value::Null),
            ("user_id", Some(id)) => ("related_user", user(id)?),
            ("date_of_birth", _) => ("date_of_birth", birth(value)),
            (name, _) => (name, value.clone()),
        };
        row.insert(name.to_owned(), value);
    }
    Ok(row)
}

fn country(id: i64) -> Result<Value, Refusal> {
    let name = seeds::country_name(id);
    name.map(|name| json!(name))
        .ok_or_else(|| invalid("country_id is not a country"))
}

fn user(id: i64) -> Result<Value, Refusal> {
    let user = seeds::USERS.iter().find(|user| user.0 == id);
    user.map(|(id, name)| json!({"id": id, "name": name}))
        .ok_or_else(|| invalid("user_id is not a user"))
}

/// A date of birth is shown as a moment, whether it came with a time or not.
fn birth(value: &Value) -> Value {
    let day = value.as_str().and_then(clock::date);
    json!(day.map(|day| format!("{day}T00:00:00Z")))
}

fn unique(book: &Book<i64, Row>, body: &Row, own: Option<i64>) -> Result<(), Refusal> {
    let email = text(body, "email").to_lowercase();
    let taken = |row: &Row| {
        let other = row.get("id").and_then(Value::as_i64) != own;
        other && text(row, "email").to_lowercase() == email
    };
    if !email.is_empty() && book.rows().any(taken) {
        return Err(Refusal::new(409, "", "The email is taken"));
    }
    Ok(())
}
