//! What is asked of a CRM once and shown often, counted by real servers; and that nobody is shown the past who should not be.

mod counted;
mod emulated;
mod whole;

use crate::support::crm::{Crm, Play, file, source};
use crate::support::gateway::{id, listening};
use crmql::app::routes;
use crmql::config::CacheTimes;
use crmql::http::Readiness;
use crmql::limits::Limits;
use crmql::load::{CachedSource, Caching, Store, Times};
use crmql::source::{SourceEntry, Sources};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

const LONG: CacheTimes = CacheTimes {
    ttl: HOUR,
    stale_if_error: HOUR,
    absent_ttl: HOUR,
    refresh_after_percent: None,
};

/// Fresh for a moment, usable for long.
const BRIEF: CacheTimes = CacheTimes {
    ttl: Duration::from_millis(50),
    ..LONG
};

const OVER: Duration = Duration::from_millis(80);

const FRESHNESS: &str = "freshness { fetchedAt stale fromCache }";

/// Customers named after the number of the request that showed them; `absent` is not there.
const COUNTING: &str = r#"
[[list]]
request  = "GET /people"
items    = "/people"
complete = true
page     = { kind = "page", page = "query:page", size = "query:size", max = 50 }
filter   = { search = "query:q" }

[get]
request = "GET /people/{id}"
item    = ""

[fields]
id   = "/id"
name = "/name"
"#;

async fn counting() -> Crm {
    Crm::answering(|seen, before| {
        let number = (before + 1).to_string();
        let path = seen.target.split('?').next().unwrap();
        match path.strip_prefix("/people/") {
            None => Play::Json(
                200,
                json!({ "people": [{ "id": "a", "name": number }, { "id": "b", "name": number }] }),
            ),
            Some("absent") => Play::Json(404, json!({})),
            Some(id) => Play::Json(200, json!({ "id": id, "name": number })),
        }
    })
    .await
}

/// A gateway over it.
pub struct Over {
    pub url: String,
    pub client: reqwest::Client,
}

impl Over {
    async fn new(crm: &Crm, times: Option<&CacheTimes>) -> Self {
        Self::of(crm, COUNTING, times).await
    }

    async fn of(crm: &Crm, adapter: &str, times: Option<&CacheTimes>) -> Self {
        Self::before(crm, &file("", adapter), times).await
    }

    /// A gateway over a CRM with this whole adapter file.
    pub async fn before(crm: &Crm, adapter: &str, times: Option<&CacheTimes>) -> Self {
        let caching = Caching {
            times: times.map(|times| Times {
                ttl: times.ttl,
                stale_if_error: times.stale_if_error,
                absent_ttl: times.absent_ttl,
                ahead: times.refresh_after_percent,
            }),
            patience: Duration::from_secs(10),
            flights: 100,
            background: 8,
        };
        let adapter = Arc::new(source(crm, adapter));
        let entry = SourceEntry {
            key: "acme".into(),
            name: "Acme".into(),
            adapter: "acme".into(),
            rank: 0,
            source: Arc::new(CachedSource::new(adapter, caching, Store::new(1_000_000))),
        };
        // Whole answers have tests of their own; kept ones would hide what lies behind them.
        let limits = Limits {
            kept_answers_bytes: 0,
            ..Limits::default()
        };
        let readiness = Readiness::new();
        let sources = Sources::new(vec![Arc::new(entry)]);
        let routes = routes(sources, b"a secret of the tests", &limits, &readiness).unwrap();
        let (url, _) = listening(routes, limits, readiness).await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            url: url + "/graphql",
            client,
        }
    }

    /// The answer's `Cache-Control` and data.
    pub async fn ask(&self, query: &str, cache_control: &str) -> (String, Value) {
        let mut request = self
            .client
            .post(&self.url)
            .header("content-type", "application/json");
        if !cache_control.is_empty() {
            request = request.header("cache-control", cache_control);
        }
        let body = json!({ "query": query }).to_string();
        let response = request.body(body).send().await.unwrap();
        let said = response.headers()["cache-control"]
            .to_str()
            .unwrap()
            .to_owned();
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        (said, answer["data"].clone())
    }

    /// The number that a customer's name tells.
    pub async fn number(&self, cache_control: &str) -> u64 {
        let query = format!("{{ customer(id: {:?}) {{ name }} }}", id("acme", "a"));
        let (_, data) = self.ask(&query, cache_control).await;
        data["customer"]["name"].as_str().unwrap().parse().unwrap()
    }

    /// The same by the list.
    pub async fn listed(&self, arguments: &str, cache_control: &str) -> u64 {
        let query = format!("{{ customers(first: 2{arguments}) {{ nodes {{ name }} }} }}");
        let (_, data) = self.ask(&query, cache_control).await;
        data["customers"]["nodes"][1]["name"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }
}
