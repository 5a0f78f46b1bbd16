//! Gormic: customers under `/v1/crm`, an API key and an organization in headers, an envelope around every success,
//! and an export that is walked with an opaque offset.
//!
//! Chosen where the pages are silent: the list knows no parameter and shows the first 50; the export is in the order
//! of creation, archived customers included, 50 at a time; `updatedSince` is inclusive, and an offset works only with
//! the `updatedSince` that it was made for; deleting removes; what the page does not list in `params` is refused.

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
use super::form::{self, Field, Kind};
use super::phone;
use super::reply::{self, Outcome, Refusal, Row};
use super::seeds;
use super::walk::{PASSCODE, page, place, shown, token};

const API_KEY: &str = "gormic-demo-8d21f0";
const ORGANIZATION: &str = "org_demo";
const TEXT: Kind = Kind::Text(usize::MAX);
const CREATE: &[Field] = &[
    Field::new("firstName", TEXT),
    Field::new("lastName", TEXT).or_null(),
    Field::new("email", Kind::Email(usize::MAX)),
    Field::new("phone", TEXT),
    Field::new("phoneCallingCode", TEXT),
    Field::new("cityId", TEXT),
    Field::new("birthDate", Kind::Date),
    Field::new("gender", Kind::Word(&["F", "M"])),
    Field::new(PASSCODE, TEXT),
    Field::new("number", TEXT),
    Field::new("unsubscribed", Kind::Flag),
    Field::new("internalNote", TEXT).or_null(),
];
const UPDATE: &[Field] = &[
    Field::new("id", TEXT),
    Field::new("firstName", TEXT),
    Field::new("lastName", TEXT),
    Field::new("email", Kind::Email(usize::MAX)),
    Field::new("phone", TEXT),
    Field::new("cityId", TEXT).or_null(),
    Field::new("birthDate", Kind::Date),
    Field::new("gender", Kind::Word(&["F", "M"])),
    Field::new(PASSCODE, TEXT),
    Field::new("number", TEXT),
    Field::new("unsubscribed", Kind::Flag),
    Field::new("internalNote", TEXT).or_null(),
];

struct Office {
    book: Mutex<Book<String, Row>>,
}

/// Builds the CRM.
pub(super) fn open(origin: &str, customers: usize) -> Site {
    let mut book = Book::new();
    for row in 0..customers {
        let id = seeds::gormic_id(book.next());
        book.add(id.clone(), seeds::gormic(&id, row));
    }
    let book = Mutex::new(book);
    let office = Arc::new(Office { book });
    let counted = Arc::clone(&office);
    Site {
        router: router(office),
        refuse,
        dress: Box::new(|_| {}),
        len: Box::new(move || counted.book().rows().count()),
        expire: Box::new(|| {}),
        vars: vec![
            ("base_url", origin.to_owned()),
            ("api_key", API_KEY.to_owned()),
            ("organization", ORGANIZATION.to_owned()),
        ],
    }
}

fn router(office: Arc<Office>) -> Router {
    Router::new()
        .route("/v1/crm/customers", get(list).post(create))
        .route("/v1/crm/customers/export", get(export))
        .route(
            "/v1/crm/customers/{uid}",
            get(show).patch(update).delete(remove),
        )
        .method_not_allowed_fallback(async || refuse(&Refusal::of(405, None)))
        .fallback(async || refuse(&Refusal::of(404, None)))
        .layer(middleware::from_fn(guard))
        .with_state(office)
}

/// 401 for the key and 403 for the organization; the page documents neither.
async fn guard(request: Request, next: Next) -> Response {
    let headers = request.headers();
    if ask::header(headers, "api-key") != Some(API_KEY) {
        return refuse(&Refusal::of(401, None));
    }
    if ask::header(headers, "organization-id") != Some(ORGANIZATION) {
        return refuse(&Refusal::of(403, None));
    }
    next.run(request).await
}

/// A code and nothing else, as in the page's functional error.
fn refuse(refusal: &Refusal) -> Response {
    refusal.answer(&json!({"error": {"code": refusal.code_or(code_of)}}))
}

fn code_of(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHORIZED",
        403 => "FORBIDDEN_ORGANIZATION",
        404 => "NO_SUCH_ACTION",
        405 => "METHOD_NOT_ALLOWED",
        413 => "REQUEST_TOO_LARGE",
        429 => "TOO_MANY_REQUESTS",
        400..=499 => "INVALID_REQUEST",
        _ => "INTERNAL_ERROR",
    }
}

fn functional(code: &'static str) -> Refusal {
    Refusal::new(400, code, "")
}

fn succeed(data: &Value) -> Response {
    let body = json!({
        "app": "gormic",
        "service": "crm",
        "warnings": [],
        "instanceId": "demo-1",
        "requestId": reply::request_id(),
        "data": data,
    });
    reply::json(200, &body)
}

async fn list(State(office): State<Arc<Office>>) -> Response {
    office.list()
}

async fn export(State(office): State<Arc<Office>>, RawQuery(query): RawQuery) -> Response {
    let query = Query::read(query.as_deref());
    office.export(&query).unwrap_or_else(|no| refuse(&no))
}

async fn show(State(office): State<Arc<Office>>, id: Id) -> Response {
    office.show(id).unwrap_or_else(|no| refuse(&no))
}

async fn create(State(office): State<Arc<Office>>, headers: HeaderMap, body: Bytes) -> Response {
    let created = params(&headers, &body, CREATE).and_then(|params| office.create(params));
    created.unwrap_or_else(|no| refuse(&no))
}

async fn update(
    State(office): State<Arc<Office>>,
    id: Id,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let updated = params(&headers, &body, UPDATE).and_then(|params| office.update(id, params));
    updated.unwrap_or_else(|no| refuse(&no))
}

async fn remove(State(office): State<Arc<Office>>, id: Id) -> Response {
    office.remove(id).unwrap_or_else(|no| refuse(&no))
}

/// The `params` of a body, which may have nothing beside them.
fn params(headers: &HeaderMap, body: &Bytes, fields: &[Field]) -> Result<Row, Refusal> {
    let invalid = || functional("INVALID_PARAMS");
    let mut body = ask::object(headers, body).map_err(|_| invalid())?;
    let Some(Value::Object(params)) = body.shift_remove("params") else {
        return Err(invalid());
    };
    form::check(&params, fields).map_err(|_| invalid())?;
    let empty = |name: &&str| {
        let text = params.get(*name).and_then(Value::as_str);
        text.is_some_and(|text| text.trim().is_empty())
    };
    if !body.is_empty() || ["firstName", "phone", "number"].iter().any(empty) {
        return Err(invalid());
    }
    Ok(params)
}

fn id_of(id: Id) -> Result<String, Refusal> {
    id.map(|id| id.0).map_err(|_| not_found())
}

fn not_found() -> Refusal {
    functional("NotFound")
}

impl Office {
    fn book(&self) -> MutexGuard<'_, Book<String, Row>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self) -> Response {
        let book = self.book();
        let mut data = json!({"query": {}});
        let (users, last) = page(book.after(0));
        put(&mut data, "users", json!(users));
        if let Some(last) = last {
            put(&mut data, "next", json!(token(last, "")));
        }
        succeed(&data)
    }

    fn export(&self, query: &Query) -> Outcome {
        let since = query.one("updatedSince");
        let moment = since
            .map(|text| clock::moment(text).ok_or_else(|| functional("INVALID_UPDATED_SINCE")));
        let moment = moment.transpose()?;
        let behind = match query.one("offset") {
            None => 0,
            Some(offset) => place(offset, since.unwrap_or_default())
                .ok_or_else(|| functional("INVALID_OFFSET"))?,
        };
        let book = self.book();
        let changed = book.after(behind).filter(|(_, row)| {
            let updated = row.get("updatedAt").and_then(Value::as_str);
            moment.is_none_or(|since| updated.and_then(clock::moment) >= Some(since))
        });
        let (items, last) = page(changed);
        let mut data = json!({"items": items});
        if let Some(last) = last {
            put(
                &mut data,
                "next",
                json!(token(last, since.unwrap_or_default())),
            );
        }
        Ok(succeed(&data))
    }

    fn show(&self, id: Id) -> Outcome {
        let id = id_of(id)?;
        let book = self.book();
        let row = book.get(&id).ok_or_else(not_found)?;
        Ok(succeed(&json!({"user": shown(row)})))
    }

    fn create(&self, mut params: Row) -> Outcome {
        if !params.contains_key("firstName") || !params.contains_key("phone") {
            return Err(functional("INVALID_PARAMS"));
        }
        let stated = params.shift_remove("phoneCallingCode");
        let stated = stated.as_ref().and_then(Value::as_str);
        let dialled = phone::dialled(text(&params, "phone"), stated);
        let (calling, country) = dialled.ok_or_else(|| functional("INVALID_PARAMS"))?;
        let mut book = self.book();
        params.insert("phoneCountryCalling".to_owned(), json!(calling));
        unique(&book, &params, None)?;
        let number = book.next();
        let id = seeds::gormic_id(number);
        let now = clock::millis(Timestamp::now());
        let mut row = seeds::gormic_blank(&id, number, country, &now);
        row.extend(params);
        book.add(id.clone(), row);
        Ok(succeed(&json!({"succeed": true, "id": id})))
    }

    fn update(&self, id: Id, mut params: Row) -> Outcome {
        let id = id_of(id)?;
        if params.shift_remove("id") != Some(json!(id)) {
            return Err(functional("MISSING_ID"));
        }
        let mut book = self.book();
        let row = book.get(&id).ok_or_else(not_found)?;
        params.retain(|name, value| row.get(name).unwrap_or(&Value::Null) != value);
        if params.is_empty() {
            return Err(functional("NoChanges"));
        }
        if params.contains_key("phone") {
            let digits = phone::digits_of(text(&params, "phone"));
            digits.ok_or_else(|| functional("INVALID_PARAMS"))?;
            let calling = row.get("phoneCountryCalling").cloned();
            let mut dialled = params.clone();
            dialled.insert("phoneCountryCalling".to_owned(), json!(calling));
            unique(&book, &dialled, Some(&id))?;
        }
        let row = book.get_mut(&id).ok_or_else(not_found)?;
        row.extend(params);
        row.insert(
            "updatedAt".to_owned(),
            json!(clock::millis(Timestamp::now())),
        );
        row.insert("updatedVia".to_owned(), json!("api"));
        row.insert("updatedBy".to_owned(), json!("usr_api"));
        Ok(succeed(&json!({"succeed": true})))
    }

    fn remove(&self, id: Id) -> Outcome {
        let id = id_of(id)?;
        self.book().remove(&id).ok_or_else(not_found)?;
        Ok(succeed(&json!({"succeed": true})))
    }
}

fn put(data: &mut Value, name: &str, value: Value) {
    if let Value::Object(data) = data {
        data.insert(name.to_owned(), value);
    }
}

fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Every digit that reaches a customer's phone.
fn line(row: &Row) -> String {
    phone::line(text(row, "phone"), text(row, "phoneCountryCalling"))
}

fn unique(book: &Book<String, Row>, params: &Row, own: Option<&str>) -> Result<(), Refusal> {
    let wanted = line(params);
    let taken = |row: &Row| own != Some(text(row, "id")) && line(row) == wanted;
    if book.rows().any(taken) {
        return Err(functional("DUPLICATE_PHONE"));
    }
    Ok(())
}
