//! Who asks: sixty-four connections, as fast as they are answered.

use super::servers::{CALLS, Server};
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub const CONNECTIONS: usize = 64;
/// Requests that differ, so many that no two of those under way are alike.
pub const DIFFERENT: usize = 2 * CONNECTIONS;
/// The most rows that one window shows.
pub const WINDOW: usize = 100;

pub const LIST: &str = "query($first: Int!, $after: String) { customers(first: $first, after: $after, sources: [\"acme\"]) { \
    edges { node { id displayName firstName lastName email phone { number } company tier tags createdAt updatedAt } } \
    pageInfo { endCursor } } }";
pub const ONE: &str = "query($id: ID!) { customer(id: $id) { id displayName firstName lastName email phone { number } company tier \
    tags createdAt updatedAt } }";

/// A request of a window after each of these cursors.
pub fn lists(first: usize, cursors: &[Value]) -> Vec<(String, Bytes)> {
    let list = |after: &Value| {
        let variables = json!({ "first": first, "after": after });
        request(json!({ "query": LIST, "variables": variables }).to_string())
    };
    cursors.iter().map(list).collect()
}

pub fn by_id(id: &Value) -> (String, Bytes) {
    request(json!({ "query": ONE, "variables": { "id": id } }).to_string())
}

pub fn request(body: String) -> (String, Bytes) {
    (String::from("/graphql"), Bytes::from(body))
}

/// Sixty-four connections that ask as fast as they are answered.
pub struct Client {
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
    requests: usize,
}

impl Client {
    /// Sends so many requests a run.
    pub fn new(requests: usize) -> Self {
        Self {
            requests,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
            http: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a client"),
        }
    }

    /// The ids of a window, and where it ends.
    pub fn window(&self, gateway: &Server, first: usize, after: &Value) -> (Vec<Value>, Value) {
        let query = "query($first: Int!, $after: String) { customers(first: $first, after: $after, sources: [\"acme\"]) { \
                     nodes { id } pageInfo { endCursor } } }";
        let variables = json!({ "first": first, "after": after });
        let body = json!({ "query": query, "variables": variables });
        let data = self.ask(gateway, body.to_string());
        let nodes = data["customers"]["nodes"].as_array().expect("rows");
        let ids = nodes.iter().map(|node| node["id"].clone()).collect();
        (ids, data["customers"]["pageInfo"]["endCursor"].clone())
    }

    /// Cursors from there on, so many windows of rows apart that no two of them are read with the same page of the CRM.
    pub fn cursors(&self, gateway: &Server, from: &Value, apart: usize) -> Vec<Value> {
        let mut after = from.clone();
        let next = |_| {
            for _ in 0..apart {
                after = self.window(gateway, WINDOW, &after).1;
            }
            after.clone()
        };
        (0..DIFFERENT).map(next).collect()
    }

    /// One request for each of some customers.
    pub fn ones(&self, gateway: &Server) -> Vec<(String, Bytes)> {
        let (mut ids, end) = self.window(gateway, WINDOW, &Value::Null);
        ids.extend(self.window(gateway, DIFFERENT - WINDOW, &end).0);
        ids.iter().map(by_id).collect()
    }

    pub fn ask(&self, gateway: &Server, body: String) -> Value {
        let request = self
            .http
            .post(format!("{}/graphql", gateway.url()))
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        self.runtime.block_on(async {
            let bytes = request.send().await.expect("an answer").bytes().await;
            let mut answer: Value = serde_json::from_slice(&bytes.expect("a body")).expect("JSON");
            assert!(answer.get("errors").is_none(), "{answer}");
            answer["data"].take()
        })
    }

    /// Microseconds of CPU that a request costs the server, and how many calls to the CRM.
    pub fn drive(&self, server: &Server, requests: &[(String, Bytes)]) -> (f64, f64) {
        let (next, calls) = (AtomicUsize::new(0), CALLS.load(Ordering::Relaxed));
        let (before, started) = (server.used(), Instant::now());
        self.runtime.block_on(async {
            let asking = (0..CONNECTIONS).map(|_| async {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= self.requests {
                        return;
                    }
                    let (path, body) = &requests[number % requests.len()];
                    let reply = self
                        .http
                        .post(format!("{}{path}", server.url()))
                        .header(CONTENT_TYPE, "application/json")
                        .body(body.clone())
                        .send()
                        .await
                        .expect("an answer");
                    assert_eq!(reply.status(), 200);
                    reply.bytes().await.expect("a body");
                }
            });
            futures_util::future::join_all(asking).await;
        });
        assert!(started.elapsed() < Duration::from_secs(600), "far too slow");
        let used = u32::try_from((server.used() - before) / 1_000).unwrap_or(u32::MAX);
        let calls = CALLS.load(Ordering::Relaxed) - calls;
        let each = |all: f64| all / self.requests as f64;
        (each(f64::from(used)), each(calls as f64))
    }
}
