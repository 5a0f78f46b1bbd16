//! The load comparison: what a request costs the gateway's thread in CPU time, beside a bare proxy and a server of fixed bytes.
//!
//! Everything speaks HTTP on loopback. Each server has a thread of its own, whose CPU time the system counts; runs alternate
//! and the medians are printed with their ratios, because microseconds of one machine say little about another. Beside them stands
//! how many calls to the CRM a request took: the same read under way is made once for all who wait for it, so requests differ from
//! each other by more than there are connections, or what is measured would be shared. Linux only.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench that cannot be set up ends, reads how much CPU its threads used, and prints what it measured"
)]

#[path = "load/growth.rs"]
mod growth;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{any, get};
use crmql::adapter::{Adapter, Site, TokenStore, Vars, read};
use crmql::app::routes;
use crmql::document::Problems;
use crmql::http::{Readiness, serve};
use crmql::limits::Limits;
use crmql::load::{CachedSource, Caching, Store, Times};
use crmql::source::{SourceEntry, Sources};
use crmql::upstream::Settings;
use serde_json::{Value, json};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

const CONNECTIONS: usize = 64;
const REQUESTS: usize = 4_000;
const REPEATS: usize = 5;
/// Requests that differ, so many that no two of those under way are alike.
const DIFFERENT: usize = 2 * CONNECTIONS;
/// The most rows that one window shows.
const WINDOW: usize = 100;
/// Customers that the CRM has.
const TOTAL: usize = 1_000_000;

const FILE: &str = r#"
format = 1
id     = "acme"
name   = "Acme"
[vars]
base_url = {}
[http]
base = "{base_url}"
ok   = { path = "/success", equals = true }
[[list]]
request = "GET /customers"
items   = "/data"
page    = { kind = "page", page = "query:page", size = "query:limit", total = "/pagination/total", echo = "/pagination/page" }
[get]
request = "GET /customers/{id}"
item    = "/data"
[fields]
id        = { r = "/_id" }
firstName = "/profile/firstName"
lastName  = "/profile/lastName"
email     = "/profile/email"
phone     = "/profile/phone"
company   = "/profile/company"
tier      = { r = "/tier", enum = "tier" }
tags      = { r = "/tags", type = "strings" }
createdAt = { r = "/createdAt", type = "datetime", as = "rfc3339" }
updatedAt = { r = "/updatedAt", type = "datetime", as = "rfc3339" }
[enums.tier]
GOLD   = "gold"
SILVER = "silver"
"#;

const LIST: &str = "query($first: Int!, $after: String) { customers(first: $first, after: $after, sources: [\"acme\"]) { \
    edges { node { id displayName firstName lastName email phone { number } company tier tags createdAt updatedAt } } \
    pageInfo { endCursor } } }";
const ONE: &str = "query($id: ID!) { customer(id: $id) { id displayName firstName lastName email phone { number } company tier \
    tags createdAt updatedAt } }";

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    if std::env::args().any(|argument| argument == "growth") {
        let numbers = std::env::args().filter_map(|argument| argument.parse().ok());
        let numbers: Vec<usize> = numbers.collect();
        let number = |index: usize, default| numbers.get(index).copied().unwrap_or(default);
        return growth::report(number(0, REQUESTS), number(1, TOTAL));
    }
    let upstream = Server::start(upstream);
    let base = upstream.url();
    let proxy = Server::start({
        let base = base.clone();
        move |listener| proxy(listener, base)
    });
    let fixed = Server::start(fixed);
    let off = Server::start({
        let base = base.clone();
        move |listener| gateway(listener, base, None, 0)
    });
    let rows = Server::start({
        let base = base.clone();
        move |listener| gateway(listener, base, Some(HOUR), 0)
    });
    let whole = Server::start({
        let kept = Limits::default().kept_answers_bytes;
        move |listener| gateway(listener, base, Some(HOUR), kept)
    });
    let client = Client::new(REQUESTS);
    let cursors = client.cursors(&off, &Value::Null, 3);
    let list = |first: usize| lists(first, &cursors);
    let (list_20, list_100, ones) = (list(20), list(100), client.ones(&off));
    let proxied = vec![(String::from("/customers?page=7&limit=20"), Bytes::new())];
    let works: Vec<Work<'_>> = vec![
        ("a bare proxy of a page of 20", &proxy, proxied),
        (
            "fixed bytes",
            &fixed,
            vec![(String::from("/"), Bytes::new())],
        ),
        ("list 20, no cache", &off, list_20.clone()),
        ("list 100, no cache", &off, list_100),
        ("one customer, no cache", &off, ones.clone()),
        ("list 20, cached rows", &rows, list_20.clone()),
        ("one customer, cached row", &rows, ones.clone()),
        ("list 20, cached answers", &whole, list_20),
        ("one customer, cached answers", &whole, ones),
    ];
    report(&client, &works);
}

const HOUR: Duration = Duration::from_secs(3_600);

/// What is measured: its name, the server, and the requests, over and over.
type Work<'s> = (&'static str, &'s Server, Vec<(String, Bytes)>);

fn report(client: &Client, works: &[Work<'_>]) {
    let (mut costs, mut calls) = (vec![Vec::new(); works.len()], vec![0.0; works.len()]);
    for round in 0..=REPEATS {
        for (((_, server, requests), costs), calls) in works.iter().zip(&mut costs).zip(&mut calls)
        {
            let (cost, called) = client.drive(server, requests);
            *calls = called;
            // The first round warms caches, connections and the branch predictor.
            if round > 0 {
                costs.push(cost);
            }
        }
    }
    let medians: Vec<f64> = costs.iter_mut().map(|costs| median(costs)).collect();
    let base = medians.first().copied().unwrap_or(1.0);
    println!(
        "{:<32}{:>16}{:>18}{:>16}",
        "", "µs CPU/request", "× bare proxy", "calls/request"
    );
    for (((name, ..), cost), calls) in works.iter().zip(&medians).zip(&calls) {
        println!("{name:<32}{cost:>16.1}{:>18.2}{calls:>16.2}", cost / base);
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

// === Servers ===

/// A server on a thread of its own.
struct Server {
    address: SocketAddr,
    thread: String,
}

impl Server {
    fn start<F, S>(serve: S) -> Self
    where
        F: Future<Output = ()>,
        S: FnOnce(TcpListener) -> F + Send + 'static,
    {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                let thread = std::fs::read_link("/proc/thread-self").expect("Linux");
                let thread = format!("/proc/{}/schedstat", thread.display());
                let address = listener.local_addr().expect("an address");
                tell.send(Self { address, thread }).expect("somebody waits");
                serve(listener).await;
            });
        });
        told.recv().expect("the server starts")
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The CPU time its thread has used, in nanoseconds.
    fn used(&self) -> u64 {
        let text = std::fs::read_to_string(&self.thread).expect("the thread runs");
        let first = text.split(' ').next().expect("three numbers");
        first.parse().expect("a number")
    }
}

fn customer(number: usize) -> Value {
    json!({
        "_id": format!("507f1f77bcf86cd7994{number:05}"),
        "profile": {
            "firstName": "Ann", "lastName": format!("Example {number}"), "email": format!("ann{number}@example.com"),
            "phone": "+4532123456", "company": "Example Ltd",
        },
        "tier": "gold", "status": "active", "tags": ["vip"],
        "createdAt": "2024-01-01T12:00:00Z", "updatedAt": "2024-01-15T10:30:00Z",
    })
}

/// How often the CRM was asked.
static CALLS: AtomicUsize = AtomicUsize::new(0);

async fn upstream(listener: TcpListener) {
    let list = |RawQuery(query): RawQuery| async move {
        CALLS.fetch_add(1, Ordering::Relaxed);
        let query = query.unwrap_or_default();
        let number = |name: &str| {
            url::form_urlencoded::parse(query.as_bytes())
                .find(|(key, _)| key == name)
                .and_then(|(_, value)| value.parse::<usize>().ok())
                .unwrap_or(1)
        };
        let (page, limit) = (number("page"), number("limit"));
        let from = (page - 1) * limit;
        let data: Vec<_> = (from..(from + limit).min(TOTAL)).map(customer).collect();
        let pagination = json!({ "page": page, "limit": limit, "total": TOTAL });
        axum::Json(json!({ "success": true, "data": data, "pagination": pagination }))
    };
    let one = |axum::extract::Path(id): axum::extract::Path<String>| async move {
        CALLS.fetch_add(1, Ordering::Relaxed);
        let number = id.get(19..).and_then(|number| number.parse().ok());
        axum::Json(json!({ "success": true, "data": customer(number.unwrap_or(0)) }))
    };
    let routes = Router::new()
        .route("/customers", get(list))
        .route("/customers/{id}", get(one));
    axum::serve(listener, routes).await.expect("it serves");
}

async fn fixed(listener: TcpListener) {
    let rows: Vec<_> = (0..20).map(customer).collect();
    let body = Bytes::from(json!({ "data": rows }).to_string());
    let routes = Router::new().route(
        "/",
        any(move || {
            let body = body.clone();
            async move { ([(CONTENT_TYPE, "application/json")], body) }
        }),
    );
    axum::serve(listener, routes).await.expect("it serves");
}

async fn proxy(listener: TcpListener, base: String) {
    let client = reqwest::Client::builder().no_proxy().build();
    let client = client.expect("a client");
    let routes = Router::new()
        .route(
            "/customers",
            any(
                |State((client, base)): State<(reqwest::Client, String)>,
                 RawQuery(query): RawQuery| async move {
                    let url = format!("{base}/customers?{}", query.unwrap_or_default());
                    let reply = client.get(url).send().await.expect("an answer");
                    let body = reply.bytes().await.expect("a body");
                    ([(CONTENT_TYPE, "application/json")], body).into_response()
                },
            ),
        )
        .with_state((client, base));
    axum::serve(listener, routes).await.expect("it serves");
}

/// The gateway over the upstream, with rows and whole answers kept or not.
async fn gateway(listener: TcpListener, base: String, ttl: Option<Duration>, answers: u64) {
    let setup = Setup {
        ttl,
        answers,
        ..Setup::default()
    };
    gateway_of(listener, base, setup).await;
}

/// What a gateway is like.
struct Setup {
    /// The adapter file.
    file: String,
    /// How long rows are kept.
    ttl: Option<Duration>,
    /// Bytes of whole answers that are kept.
    answers: u64,
    /// Bytes of rows that are kept.
    cache: u64,
    /// How many sources there are, all of the same CRM.
    sources: usize,
}

impl Default for Setup {
    /// One source, nothing kept.
    fn default() -> Self {
        Self {
            file: FILE.to_owned(),
            ttl: None,
            answers: 0,
            cache: Limits::default().cache_bytes,
            sources: 1,
        }
    }
}

async fn gateway_of(listener: TcpListener, base: String, setup: Setup) {
    let limits = Limits {
        kept_answers_bytes: setup.answers,
        cache_bytes: setup.cache,
        ..Limits::default()
    };
    let store = Store::new(limits.cache_bytes);
    let sources = (0..setup.sources).map(|rank| source(rank, &base, &setup, &limits, &store));
    let sources = Sources::new(sources.collect());
    let readiness = Readiness::new();
    let routes = routes(sources, b"a key for benches", &limits, &readiness).expect("the schema");
    serve(
        listener,
        routes,
        &limits,
        &readiness,
        std::future::pending(),
    )
    .await;
}

fn source(
    rank: usize,
    base: &str,
    setup: &Setup,
    limits: &Limits,
    store: &Store,
) -> Arc<SourceEntry> {
    let manifest = read("acme.toml", &setup.file, &Problems::new()).expect("a sound file");
    let manifest = Arc::new(manifest);
    let site = Site {
        vars: Vars::from([("base_url".to_owned(), base.to_owned())]),
        settings: Settings {
            concurrency: 1_000,
            ..Settings::default()
        },
        total: Duration::from_secs(20),
        tokens: TokenStore::default(),
    };
    let caching = Caching {
        times: setup.ttl.map(|ttl| Times {
            ttl,
            stale_if_error: ttl,
            absent_ttl: ttl,
            ahead: None,
        }),
        patience: Duration::from_secs(20),
        flights: limits.flights,
        background: limits.background_reads,
    };
    let adapter = Arc::new(Adapter::new(manifest, site).expect("all its vars are given"));
    let key = match rank {
        0 => "acme".to_owned(),
        _ => format!("acme-{rank}"),
    };
    Arc::new(SourceEntry {
        key: key.into(),
        name: "Acme".into(),
        adapter: "acme".into(),
        rank,
        source: Arc::new(CachedSource::new(adapter, caching, store.clone())),
    })
}

// === Load ===

/// A request of a window after each of these cursors.
fn lists(first: usize, cursors: &[Value]) -> Vec<(String, Bytes)> {
    let list = |after: &Value| {
        let variables = json!({ "first": first, "after": after });
        request(json!({ "query": LIST, "variables": variables }).to_string())
    };
    cursors.iter().map(list).collect()
}

fn by_id(id: &Value) -> (String, Bytes) {
    request(json!({ "query": ONE, "variables": { "id": id } }).to_string())
}

fn request(body: String) -> (String, Bytes) {
    (String::from("/graphql"), Bytes::from(body))
}

/// Sixty-four connections that ask as fast as they are answered.
struct Client {
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
    requests: usize,
}

impl Client {
    /// Sends so many requests a run.
    fn new(requests: usize) -> Self {
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
    fn window(&self, gateway: &Server, first: usize, after: &Value) -> (Vec<Value>, Value) {
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
    fn cursors(&self, gateway: &Server, from: &Value, apart: usize) -> Vec<Value> {
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
    fn ones(&self, gateway: &Server) -> Vec<(String, Bytes)> {
        let (mut ids, end) = self.window(gateway, WINDOW, &Value::Null);
        ids.extend(self.window(gateway, DIFFERENT - WINDOW, &end).0);
        ids.iter().map(by_id).collect()
    }

    fn ask(&self, gateway: &Server, body: String) -> Value {
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
    fn drive(&self, server: &Server, requests: &[(String, Bytes)]) -> (f64, f64) {
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
