//! Nearly the same answers from a server that was written for these two requests alone: no query is read, no cursor looked for or
//! given, ids are the CRM's own, no record is judged, nothing is bounded. What it costs is what a gateway's freedom is measured
//! against.

use super::client::{DIFFERENT, LIST, ONE, request};
use super::servers::{Getter, customer_id};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;

#[derive(Deserialize)]
struct Asked {
    variables: Variables,
}

#[derive(Deserialize)]
struct Variables {
    page: Option<u32>,
    id: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "_id")]
    id: String,
    profile: Profile,
    tier: String,
    tags: Vec<String>,
    #[serde(rename = "createdAt")]
    created_at: String,
    #[serde(rename = "updatedAt")]
    updated_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    first_name: String,
    last_name: String,
    email: String,
    phone: String,
    company: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Customer {
    id: String,
    display_name: String,
    first_name: String,
    last_name: String,
    email: String,
    phone: Phone,
    company: String,
    tier: String,
    tags: Vec<String>,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize)]
struct Phone {
    number: String,
}

#[derive(Serialize)]
struct One {
    customer: Customer,
}

#[derive(Serialize)]
struct List {
    customers: Edges,
}

#[derive(Serialize)]
struct Edges {
    edges: Vec<Edge>,
}

#[derive(Serialize)]
struct Edge {
    node: Customer,
}

impl From<Record> for Customer {
    fn from(record: Record) -> Self {
        let profile = record.profile;
        Self {
            display_name: format!("{} {}", profile.first_name, profile.last_name),
            id: record.id,
            first_name: profile.first_name,
            last_name: profile.last_name,
            email: profile.email,
            phone: Phone {
                number: profile.phone,
            },
            company: profile.company,
            tier: record.tier.to_uppercase(),
            tags: record.tags,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

/// Requests of pages, deep in the list.
pub fn lists() -> Vec<(String, Bytes)> {
    let page =
        |page: usize| request(json!({ "query": LIST, "variables": { "page": page } }).to_string());
    (100..100 + DIFFERENT).map(page).collect()
}

/// Requests of single customers.
pub fn ones() -> Vec<(String, Bytes)> {
    let one = |number: usize| {
        let variables = json!({ "id": customer_id(number) });
        request(json!({ "query": ONE, "variables": variables }).to_string())
    };
    (0..DIFFERENT).map(one).collect()
}

/// Serves pages of 20 and single customers.
pub async fn serve(listener: TcpListener, base: String) {
    let routes = Router::new()
        .route("/graphql", post(answer))
        .with_state((Getter::new(), base));
    axum::serve(listener, routes).await.expect("it serves");
}

async fn answer(
    State((getter, base)): State<(Getter, String)>,
    Json(asked): Json<Asked>,
) -> impl IntoResponse {
    let text = match asked.variables {
        Variables { id: Some(id), .. } => {
            let body = getter.get(&format!("{base}/customers/{id}")).await;
            let found: Data<Record> = serde_json::from_slice(&body).expect("a record");
            let customer = Customer::from(found.data);
            serde_json::to_vec(&Data {
                data: One { customer },
            })
        }
        Variables { page, .. } => {
            let page = page.unwrap_or(1);
            let body = getter
                .get(&format!("{base}/customers?page={page}&limit=20"))
                .await;
            let found: Data<Vec<Record>> = serde_json::from_slice(&body).expect("records");
            let edges = found.data.into_iter().map(Customer::from);
            let edges: Vec<Edge> = edges.map(|node| Edge { node }).collect();
            serde_json::to_vec(&Data {
                data: List {
                    customers: Edges { edges },
                },
            })
        }
    };
    ([(CONTENT_TYPE, "application/json")], text.expect("JSON"))
}
