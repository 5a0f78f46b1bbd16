//! What is measured, and the CRM behind it, each on a thread of its own.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{any, get};
use crmql::adapter::{Adapter, Site, TokenStore, Vars, read};
use crmql::app::routes;
use crmql::document::Problems;
use crmql::http::Readiness;
use crmql::limits::Limits;
use crmql::load::{CachedSource, Caching, Store, Times};
use crmql::source::{SourceEntry, Sources};
use crmql::upstream::Settings;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;

/// Customers that the CRM has.
pub const TOTAL: usize = 1_000_000;

pub const FILE: &str = r#"
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

/// A server on a thread of its own.
pub struct Server {
    address: SocketAddr,
    thread: String,
}

impl Server {
    pub fn start<F, S>(serve: S) -> Self
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

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The CPU time its thread has used, in nanoseconds.
    pub fn used(&self) -> u64 {
        let text = std::fs::read_to_string(&self.thread).expect("the thread runs");
        let first = text.split(' ').next().expect("three numbers");
        first.parse().expect("a number")
    }
}

/// The id of a customer of the CRM.
pub fn customer_id(number: usize) -> String {
    format!("507f1f77bcf86cd7994{number:05}")
}

fn customer(number: usize) -> Value {
    json!({
        "_id": customer_id(number),
        "profile": {
            "firstName": "Ann", "lastName": format!("Example {number}"), "email": format!("ann{number}@example.com"),
            "phone": "+4532123456", "company": "Example Ltd",
        },
        "tier": "gold", "status": "active", "tags": ["vip"],
        "createdAt": "2024-01-01T12:00:00Z", "updatedAt": "2024-01-15T10:30:00Z",
    })
}

/// How often the CRM was asked.
pub static CALLS: AtomicUsize = AtomicUsize::new(0);

pub async fn upstream(listener: TcpListener) {
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
    let one = |Path(id): Path<String>| async move {
        CALLS.fetch_add(1, Ordering::Relaxed);
        let number = id.get(19..).and_then(|number| number.parse().ok());
        axum::Json(json!({ "success": true, "data": customer(number.unwrap_or(0)) }))
    };
    let routes = Router::new()
        .route("/customers", get(list))
        .route("/customers/{id}", get(one));
    axum::serve(listener, routes).await.expect("it serves");
}

pub async fn fixed(listener: TcpListener) {
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

pub async fn proxy(listener: TcpListener, base: String) {
    let getter = Getter::new();
    let routes = Router::new()
        .route(
            "/customers",
            any(
                |State((getter, base)): State<(Getter, String)>, RawQuery(query): RawQuery| async move {
                    let address = format!("{base}/customers?{}", query.unwrap_or_default());
                    let body = getter.get(&address).await;
                    ([(CONTENT_TYPE, "application/json")], body).into_response()
                },
            ),
        )
        .with_state((getter, base));
    axum::serve(listener, routes).await.expect("it serves");
}

/// The HTTP client that the gateway has, for servers that are set beside it.
#[derive(Clone)]
pub struct Getter(legacy::Client<HttpConnector, Empty<Bytes>>);

impl Getter {
    pub fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(legacy::Client::builder(TokioExecutor::new()).build(connector))
    }

    pub async fn get(&self, address: &str) -> Bytes {
        let address = address.parse().expect("an address");
        let reply = self.0.get(address).await.expect("an answer");
        reply
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes()
    }
}

/// The gateway over the upstream, with rows and whole answers kept or not.
pub async fn gateway(listener: TcpListener, base: String, ttl: Option<Duration>, answers: u64) {
    let setup = Setup {
        ttl,
        answers,
        ..Setup::default()
    };
    gateway_of(listener, base, setup).await;
}

/// What a gateway is like.
pub struct Setup {
    /// The adapter file.
    pub file: String,
    /// How long rows are kept.
    pub ttl: Option<Duration>,
    /// Bytes of whole answers that are kept.
    pub answers: u64,
    /// Bytes of rows that are kept.
    pub cache: u64,
    /// How many sources there are, all of the same CRM.
    pub sources: usize,
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

pub async fn gateway_of(listener: TcpListener, base: String, setup: Setup) {
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
    crmql::http::serve(
        listener,
        routes,
        &limits,
        &readiness,
        std::future::pending(),
    )
    .await;
}

pub fn source(
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
