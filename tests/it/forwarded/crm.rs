//! A CRM that shows everybody something different, and remembers what it was asked.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A CRM that shows everybody something different, and what it was asked.
#[derive(Clone, Default)]
pub(super) struct Crm(pub(super) Arc<Mutex<Told>>);

#[derive(Default)]
pub(super) struct Told {
    /// The credential and the line of each request.
    pub(super) seen: Vec<(String, String)>,
    /// How many were made.
    pub(super) made: usize,
    /// How many requests it has in hand, and the most it ever had.
    pub(super) open: (usize, usize),
    /// How long it thinks.
    pub(super) wait: Duration,
    /// Whose requests fail.
    pub(super) failing: String,
}

impl Crm {
    pub(super) async fn start(&self) -> String {
        let routes = Router::new()
            .route("/people", get(list).post(make))
            .route("/people/{id}", get(one))
            .route("/token", post(token))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        url
    }

    /// The caller, and a word that changes with every write; refused where the credential is none of this CRM's.
    async fn enter(
        &self,
        headers: &HeaderMap,
        line: String,
    ) -> Result<(String, usize), StatusCode> {
        let keys: Vec<&str> = headers
            .get_all("x-api-key")
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect();
        // A token that was fetched comes as a bearer.
        let bearer = headers.get("authorization").map(|value| {
            let bearer = value.to_str().unwrap();
            bearer.strip_prefix("Bearer ").unwrap().to_owned()
        });
        let key = bearer.unwrap_or_else(|| keys.join(" and "));
        let (wait, made, failing) = {
            let mut told = self.0.lock().unwrap();
            told.seen.push((key.clone(), line));
            let open = told.open.0 + 1;
            told.open = (open, told.open.1.max(open));
            (told.wait, told.made, told.failing == key)
        };
        tokio::time::sleep(wait).await;
        self.0.lock().unwrap().open.0 -= 1;
        match (failing, key.starts_with("tok-")) {
            (true, _) => Err(StatusCode::SERVICE_UNAVAILABLE),
            (_, false) => Err(StatusCode::UNAUTHORIZED),
            _ => Ok((key, made)),
        }
    }

    pub(super) fn seen(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().seen.clone()
    }

    pub(super) fn calls(&self) -> usize {
        self.seen().len()
    }
}

fn person(id: usize, key: &str, made: usize) -> Value {
    json!({ "id": id, "full_name": format!("{id} of {key} after {made}"), "mail": null })
}

async fn list(
    State(crm): State<Crm>,
    Query(asked): Query<HashMap<String, usize>>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    let (key, made) = crm.enter(&headers, "list".to_owned()).await?;
    let (page, size) = (asked["page"], asked["per_page"]);
    let ids = (page - 1) * size + 1..=(page * size).min(9);
    let people: Vec<Value> = ids.map(|id| person(id, &key, made)).collect();
    Ok(Json(json!({ "people": people, "total": 9 })))
}

async fn one(
    State(crm): State<Crm>,
    Path(id): Path<usize>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    let (key, made) = crm.enter(&headers, format!("get {id}")).await?;
    // Only this caller has this one.
    if id == 7 && key != "tok-a" {
        return Err(StatusCode::NOT_FOUND);
    }
    Ok(Json(person(id, &key, made)))
}

async fn make(State(crm): State<Crm>, headers: HeaderMap) -> Result<Json<Value>, StatusCode> {
    let (key, made) = crm.enter(&headers, "make".to_owned()).await?;
    crm.0.lock().unwrap().made += 1;
    Ok(Json(person(100 + made, &key, made + 1)))
}

/// A token for whoever has this secret.
async fn token(State(crm): State<Crm>, body: String) -> Json<Value> {
    let (_, secret) = body.split_once("client_secret=").unwrap();
    let secret = secret.split('&').next().unwrap().to_owned();
    let token = format!("tok-for-{secret}");
    let mut told = crm.0.lock().unwrap();
    told.seen.push((secret, "token".to_owned()));
    Json(json!({ "access_token": token, "expires_in": 3600 }))
}

pub(super) const ADAPTER: &str = r#"
format = 1
id     = "acme"
name   = "Acme CRM"

[vars]
base_url = {}
api_key  = { secret = true }

[http]
base = "{base_url}"
auth = { kind = "header", name = "X-Api-Key", value = "{api_key}" }

[[list]]
request = "GET /people"
items   = "/people"
order   = "stable"
page    = { kind = "page", page = "query:page", size = "query:per_page", max = 50, total = "/total" }

[get]
request = "GET /people/{id}"
item    = ""

[create]
request = "POST /people"
returns = { item = "" }

[fields]
id    = { r = "/id", type = "int" }
name  = { r = "/full_name", w = "/full_name" }
email = { r = "/mail", w = "/mail" }
"#;
