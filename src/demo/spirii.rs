//! Spirii: customers under `/v2`, a bearer key, limit and offset, a tree of owners, statuses 401 and 403 swapped.
//!
//! Chosen where the pages are silent: the parameters without a printed name are `search`, `parentId`, `ownerId`,
//! `cpoId` and `createdAt`, `updatedAt` with `From` and `To`; both ends of a range are inside; unknown parameters are
//! ignored; `count` is of all matches; at most 100 a page; ties by id; `type` is the name of the customer's type; PUT is partial, inside
//! objects too; an owner outside the tree is one without permission; no rate limit is announced, since two guides differ.

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
use super::clock;
use super::door::Site;
use super::form::{self, Field, Kind};
use super::reply::{self, Outcome, Refusal, Row};
use super::tree::{Member, Tree};
use super::wanted::Wanted;

const API_KEY: &str = "spirii-demo-key-c03e";
const TEXT: Kind = Kind::Text(usize::MAX);

const CONTACT: &[Field] = &[
    Field::new("name", TEXT).or_null(),
    Field::new("email", Kind::Email(usize::MAX)).or_null(),
    Field::new("phone", TEXT).or_null(),
];
const BILLING: &[Field] = &[
    Field::new("paymentMethod", TEXT).or_null(),
    Field::new("invoiceFormat", TEXT).or_null(),
    Field::new("gln", TEXT).or_null(),
    Field::new("invoiceEmail", Kind::Email(usize::MAX)).or_null(),
    Field::new("vatNumber", TEXT).or_null(),
    Field::new("address", TEXT).or_null(),
    Field::new("city", TEXT).or_null(),
    Field::new("zipCode", TEXT).or_null(),
];
const PAYOUT: &[Field] = &[
    Field::new("iban", TEXT).or_null(),
    Field::new("swiftCode", TEXT).or_null(),
    Field::new("bankAccountHolderName", TEXT).or_null(),
    Field::new("bankRegistrationNumber", TEXT).or_null(),
    Field::new("bankAccount", TEXT).or_null(),
];
const FINANCE: &[Field] = &[
    Field::new("language", TEXT).or_null(),
    Field::new("currency", TEXT).or_null(),
];
const SETTINGS: &[Field] = &[
    Field::new("chargeKeyDocumentAggregation", TEXT).or_null(),
    Field::new("chargeKeyLineAggregation", TEXT).or_null(),
    Field::new("companyCarReimbursementMethod", TEXT).or_null(),
];
const UPDATE: &[Field] = &[
    Field::new("name", Kind::Text(80)),
    Field::new("country", Kind::Text(2)),
    Field::new("contactDetails", Kind::Form(CONTACT)),
    Field::new("ownerId", Kind::Whole),
    Field::new("externalId", Kind::Text(40)).or_null(),
    Field::new("payoutInformation", Kind::Form(PAYOUT)).or_null(),
    Field::new("billingDetails", Kind::Form(BILLING)).or_null(),
    Field::new("financialSetup", Kind::Form(FINANCE)).or_null(),
    Field::new("billingSettings", Kind::Form(SETTINGS)).or_null(),
];
const TYPE: Field = Field::new("type", TEXT);

struct Office {
    tree: Mutex<Tree>,
}

/// Builds the CRM.
pub(super) fn open(origin: &str, customers: usize) -> Site {
    let tree = Mutex::new(Tree::seeded(customers));
    let office = Arc::new(Office { tree });
    let counted = Arc::clone(&office);
    Site {
        router: router(office),
        refuse,
        dress: Box::new(|_| {}),
        len: Box::new(move || counted.tree().members().count()),
        expire: Box::new(|| {}),
        vars: vec![
            ("base_url", format!("{origin}/v2")),
            ("api_key", API_KEY.to_owned()),
        ],
    }
}

fn router(office: Arc<Office>) -> Router {
    // The pages have no customer by id: the path exists for writes alone, and a GET finds nothing there.
    let one = get(no_route).put(update).delete(remove);
    Router::new()
        .route("/v2/customers", get(list).post(create))
        .route("/v2/customers/{id}", one)
        .method_not_allowed_fallback(async || refuse(&Refusal::of(405, None)))
        .fallback(no_route)
        .layer(middleware::from_fn(guard))
        .with_state(office)
}

async fn no_route() -> Response {
    let refusal = Refusal::new(404, "route_not_found", "There is no such route");
    refuse(&refusal)
}

/// Missing and wrong credentials are 403 here; 401 is for what they do not permit.
async fn guard(request: Request, next: Next) -> Response {
    if ask::bearer(request.headers()) == Some(API_KEY) {
        return next.run(request).await;
    }
    let message = "The credentials are missing or not valid";
    refuse(&Refusal::new(403, "invalid_credentials", message))
}

fn refuse(refusal: &Refusal) -> Response {
    let kind = match refusal.status {
        401 => "permission_error",
        403 => "authentication_error",
        404 => "not_found_error",
        409 => "conflict_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    };
    refusal.answer(&json!({"error": {
        "type": kind,
        "code": refusal.code_or(code_of),
        "message": refusal.message,
        "param": refusal.field,
        "request_id": reply::request_id(),
    }}))
}

fn code_of(status: u16) -> &'static str {
    match status {
        401 => "not_permitted",
        403 => "invalid_credentials",
        404 => "resource_missing",
        405 => "method_not_allowed",
        413 => "body_too_large",
        429 => "rate_limited",
        400..=499 => "invalid_request",
        502 => "upstream_failed",
        _ => "internal",
    }
}

async fn list(State(office): State<Arc<Office>>, RawQuery(query): RawQuery) -> Response {
    let query = Query::read(query.as_deref());
    office.list(&query).unwrap_or_else(|no| refuse(&no))
}

async fn create(State(office): State<Arc<Office>>, headers: HeaderMap, body: Bytes) -> Response {
    let created = body_of(&headers, &body).and_then(|body| office.create(body));
    created.unwrap_or_else(|no| refuse(&no))
}

async fn update(
    State(office): State<Arc<Office>>,
    id: Id,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let updated = body_of(&headers, &body).and_then(|body| office.update(id, body));
    updated.unwrap_or_else(|no| refuse(&no))
}

async fn remove(State(office): State<Arc<Office>>, id: Id) -> Response {
    office.remove(id).unwrap_or_else(|no| refuse(&no))
}

fn body_of(headers: &HeaderMap, body: &Bytes) -> Result<Row, Refusal> {
    ask::object(headers, body).map_err(|message| Refusal::new(400, "invalid_body", message))
}

fn wrong(field: &str, message: &str) -> Refusal {
    Refusal::new(400, "invalid_parameter", format!("{field} {message}")).at(field)
}

fn id_of(id: Id) -> Result<i64, Refusal> {
    let id = id.ok().and_then(|id| id.0.parse().ok());
    id.ok_or_else(|| wrong("id", "must be a number"))
}

fn not_found() -> Refusal {
    Refusal::new(404, "resource_missing", "There is no such customer").at("id")
}

impl Office {
    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self, query: &Query) -> Outcome {
        let tree = self.tree();
        let wanted = Wanted::read(query, &tree)?;
        let mut found: Vec<&Member> = tree.members().filter(|member| wanted.has(member)).collect();
        wanted.order.sort(&mut found, &tree);
        let shown = found.iter().skip(wanted.offset).take(wanted.limit);
        let data: Vec<Row> = shown.map(|member| tree.shown(member)).collect();
        Ok(reply::json(
            200,
            &json!({
                "data": data,
                "count": found.len(),
                "limit": wanted.limit,
                "offset": wanted.offset,
            }),
        ))
    }

    fn create(&self, mut body: Row) -> Outcome {
        let fields: Vec<Field> = UPDATE.iter().copied().chain([TYPE]).collect();
        valid(&body, &fields)?;
        for field in ["name", "country", "contactDetails", "ownerId", "type"] {
            if !body.contains_key(field) {
                return Err(wrong(field, "is required"));
            }
        }
        let kind = kind_of(&body)?;
        let mut tree = self.tree();
        let owner = owner_of(&tree, &body, None)?;
        unique(&tree, &body, None)?;
        body.shift_remove("ownerId");
        let now = clock::millis(Timestamp::now());
        let mut row = Row::new();
        row.insert("id".to_owned(), json!(tree.next_id()));
        row.extend(body);
        row.insert("type".to_owned(), json!(kind));
        row.entry("externalId").or_insert(Value::Null);
        row.insert("locations".to_owned(), json!([]));
        row.insert("createdAt".to_owned(), json!(now));
        row.insert("updatedAt".to_owned(), json!(now));
        let id = tree.add(owner, row);
        let member = tree.get(id).ok_or_else(not_found)?;
        Ok(reply::json(201, &json!(tree.shown(member))))
    }

    fn update(&self, id: Id, mut body: Row) -> Outcome {
        let id = id_of(id)?;
        let mut tree = self.tree();
        tree.get(id).ok_or_else(not_found)?;
        valid(&body, UPDATE)?;
        let owner = owner_of(&tree, &body, Some(id))?;
        unique(&tree, &body, Some(id))?;
        body.shift_remove("ownerId");
        let member = tree.get_mut(id).ok_or_else(not_found)?;
        if owner.is_some() || !body.is_empty() {
            let now = clock::millis(Timestamp::now());
            member.owner = owner.or(member.owner);
            merge(&mut member.row, body);
            member.row.insert("updatedAt".to_owned(), json!(now));
        }
        let member = tree.get(id).ok_or_else(not_found)?;
        Ok(reply::json(200, &json!(tree.shown(member))))
    }

    fn remove(&self, id: Id) -> Outcome {
        let id = id_of(id)?;
        let mut tree = self.tree();
        let member = tree.get(id).ok_or_else(not_found)?;
        let locations = member.row.get("locations").and_then(Value::as_array);
        let refused = if member.owner.is_none() {
            Some(("customer_is_cpo", "The customer is a CPO"))
        } else if locations.is_some_and(|locations| !locations.is_empty()) {
            Some(("customer_has_locations", "The customer has locations"))
        } else if tree.owns(id) {
            Some(("customer_owns_customers", "The customer owns others"))
        } else {
            None
        };
        if let Some((code, message)) = refused {
            return Err(Refusal::new(400, code, message).at("id"));
        }
        tree.remove(id);
        Ok(reply::empty(202))
    }
}

fn valid(body: &Row, fields: &[Field]) -> Result<(), Refusal> {
    form::check(body, fields).map_err(|problem| wrong(&problem.field, &problem.message))?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    if text("name").is_some_and(|name| name.trim().is_empty()) {
        return Err(wrong("name", "must not be empty"));
    }
    let letters = |country: &str| country.len() == 2 && country.chars().all(char::is_alphabetic);
    if !text("country").is_none_or(letters) {
        return Err(wrong("country", "must be two letters"));
    }
    Ok(())
}

/// The type to create, in any case; a CPO cannot be created.
fn kind_of(body: &Row) -> Result<&'static str, Refusal> {
    let said = body.get("type").and_then(Value::as_str).unwrap_or_default();
    let kinds = ["Private", "Business", "CPOSubsidiary"];
    let kind = kinds
        .into_iter()
        .find(|kind| kind.eq_ignore_ascii_case(said));
    kind.ok_or_else(|| wrong("type", "must be private, business or CPOSubsidiary"))
}

/// The owner that a body names: somebody in the tree, no private customer, and not the customer itself or below it.
fn owner_of(tree: &Tree, body: &Row, own: Option<i64>) -> Result<Option<i64>, Refusal> {
    let Some(id) = body.get("ownerId").and_then(Value::as_i64) else {
        return Ok(None);
    };
    let owner = tree.get(id).ok_or_else(|| wrong("ownerId", "is nobody"))?;
    if owner.row.get("type").is_some_and(|kind| kind == "Private") {
        return Err(wrong("ownerId", "is a private customer"));
    }
    if own.is_some_and(|own| own == id || tree.is_below(owner, own)) {
        return Err(wrong("ownerId", "is the customer itself or below it"));
    }
    if own
        .and_then(|own| tree.get(own))
        .is_some_and(|member| member.owner.is_none())
    {
        return Err(wrong("ownerId", "cannot be set: nobody owns the CPO"));
    }
    Ok(Some(id))
}

fn unique(tree: &Tree, body: &Row, own: Option<i64>) -> Result<(), Refusal> {
    let Some(wanted) = body.get("externalId").filter(|id| id.is_string()) else {
        return Ok(());
    };
    let mut others = tree.members().filter(|member| Some(member.id) != own);
    if others.any(|member| member.row.get("externalId") == Some(wanted)) {
        let message = "Another customer has this externalId";
        return Err(Refusal::new(409, "external_id_taken", message).at("externalId"));
    }
    Ok(())
}

/// Puts what is given over what is there, field by field, in objects too.
fn merge(row: &mut Row, given: Row) {
    for (name, value) in given {
        match (row.get_mut(&name), value) {
            (Some(Value::Object(there)), Value::Object(value)) => merge(there, value),
            (_, value) => drop(row.insert(name, value)),
        }
    }
}
