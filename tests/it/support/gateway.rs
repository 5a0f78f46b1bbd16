//! The emulated CRMs and a gateway in front of them, in this process, asked over real HTTP.
//!
//! Every call starts fresh ones, so that a test may write, break a CRM, or read its log without meeting another test.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crmql::app::{demo_sources, routes_keeping};
use crmql::config::CacheTimes;
use crmql::demo::{self, Crm, Demo, Options, Seen};
use crmql::http::{Readiness, Routes, serve};
use crmql::limits::Limits;
use crmql::writes::Keep;
use serde_json::{Value, json};
use std::collections::HashMap;

/// The keys of the emulated CRMs, in the order of the configuration.
pub const SOURCES: [&str; 4] = ["gtateth", "gormic", "flextell", "spirii"];

/// A gateway that runs.
pub struct Running {
    demo: Demo,
    /// Where it listens, without a path.
    pub url: String,
    client: reqwest::Client,
    server: tokio::task::JoinHandle<bool>,
}

/// A gateway over so many customers in each CRM, which keeps nothing: most tests count calls.
pub async fn start(customers: usize) -> Running {
    start_with(customers, Limits::default()).await
}

/// The same with other ceilings.
pub async fn start_with(customers: usize, limits: Limits) -> Running {
    start_before(demo_of(customers).await, limits, Keep::Memory).await
}

/// The same with a cache.
pub async fn start_cached(customers: usize, times: CacheTimes) -> Running {
    let demo = demo_of(customers).await;
    start_all(demo, Limits::default(), Keep::Memory, Some(times)).await
}

/// The emulated CRMs alone.
pub async fn demo_of(customers: usize) -> Demo {
    let options = Options {
        customers,
        ports: None,
    };
    demo::start(options).await.unwrap()
}

/// A gateway before CRMs that run already, with a place for idempotency keys.
pub async fn start_before(demo: Demo, limits: Limits, keep: Keep) -> Running {
    start_all(demo, limits, keep, None).await
}

async fn start_all(demo: Demo, limits: Limits, keep: Keep, times: Option<CacheTimes>) -> Running {
    let (url, server) = served(&demo, limits, keep, times).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Running {
        demo,
        url,
        client,
        server,
    }
}

async fn served(
    demo: &Demo,
    limits: Limits,
    keep: Keep,
    times: Option<CacheTimes>,
) -> (String, tokio::task::JoinHandle<bool>) {
    let readiness = Readiness::new();
    let sources = demo_sources(demo, times.as_ref(), &limits).unwrap();
    let key = b"a secret of the tests";
    let routes = routes_keeping(sources, key, keep, &limits, &readiness).unwrap();
    listening(routes, limits, readiness).await
}

/// A gateway on a free port, which runs as long as the test: its address without a path, and how it ends.
pub async fn listening(
    routes: Routes,
    limits: Limits,
    readiness: Readiness,
) -> (String, tokio::task::JoinHandle<bool>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = async move {
        serve(
            listener,
            routes,
            &limits,
            &readiness,
            std::future::pending(),
        )
        .await
    };
    (url, tokio::spawn(serving))
}

impl Running {
    /// The same CRMs behind a gateway that was started anew.
    pub async fn restarted(self, limits: Limits, keep: Keep) -> Self {
        self.server.abort();
        drop((self.server.await, self.client));
        start_before(self.demo, limits, keep).await
    }

    /// One emulated CRM.
    pub fn crm(&self, key: &str) -> &Crm {
        self.demo.crms.iter().find(|crm| crm.key == key).unwrap()
    }

    /// All emulated CRMs.
    pub fn crms(&self) -> &[Crm] {
        &self.demo.crms
    }

    /// Forgets what the CRMs were asked so far.
    pub fn forget(&self) {
        for crm in &self.demo.crms {
            crm.clear_log();
        }
    }

    /// What a CRM was asked for since, but for tokens.
    pub fn seen(&self, key: &str) -> Vec<Seen> {
        let log = self.crm(key).log().into_iter();
        log.filter(|seen| seen.path_and_query != "/oauth/token")
            .collect()
    }

    /// The same as `METHOD path?query`.
    pub fn calls(&self, key: &str) -> Vec<String> {
        let seen = self.seen(key).into_iter();
        seen.map(|seen| format!("{} {}", seen.method, seen.path_and_query))
            .collect()
    }

    /// How many calls reached any CRM since.
    pub fn call_count(&self) -> usize {
        SOURCES.iter().map(|key| self.seen(key).len()).sum()
    }

    /// The whole answer.
    pub async fn ask(&self, query: &str) -> Value {
        self.ask_with(query, json!({})).await
    }

    /// The whole answer to a query with variables.
    pub async fn ask_with(&self, query: &str, variables: Value) -> Value {
        self.ask_as(query, variables, &[]).await
    }

    /// The whole answer to a query with variables and headers.
    pub async fn ask_as(&self, query: &str, variables: Value, headers: &[(&str, &str)]) -> Value {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let mut request = self.client.post(format!("{}/graphql", self.url));
        request = request
            .header("content-type", "application/json")
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"))
    }

    /// The data of an answer that has no errors.
    pub async fn data(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.ask_with(query, variables).await;
        assert!(answer.get("errors").is_none(), "{query}: {answer:#}");
        answer["data"].take()
    }

    /// The only field of a mutation's answer.
    pub async fn write(&self, field: &str, input: Value) -> Value {
        let more = match field {
            "deleteCustomer" => "deletedCustomerId",
            "createCustomer" => "customer { ...shown } customerEdge { cursor node { id } }",
            _ => "customer { ...shown }",
        };
        let kind = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
        let fragment = match field {
            "deleteCustomer" => "",
            _ => {
                "fragment shown on Customer { id sourceId displayName name firstName lastName email phone { number \
                  callingCode } company jobTitle customerNumber externalId type tier status gender birthDate tags \
                  address city country note unsubscribed owner { id name } parent { sourceId } customFields native }"
            }
        };
        let query = format!(
            "mutation($input: {kind}!) {{ it: {field}(input: $input) {{ outcome userErrors {{ field code message }} \
             clientMutationId {more} }} }} {fragment}"
        );
        let mut answer = self.ask_with(&query, json!({ "input": input })).await;
        let fatal = answer
            .get("errors")
            .filter(|_| answer["data"]["it"].is_null());
        assert!(fatal.is_none(), "{answer:#}");
        let mut it = answer["data"]["it"].take();
        it["errors"] = answer["errors"].take();
        it
    }

    /// Every customer of a list, walked to its end in windows of these sizes in turn. `arguments` go into the field.
    pub async fn walk(&self, arguments: &str, selection: &str, sizes: &[i32]) -> Vec<Value> {
        let query = format!(
            "query($first: Int, $after: String) {{ customers(first: $first, after: $after, {arguments}) {{ \
             edges {{ cursor node {{ id {selection} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"
        );
        let (mut rows, mut after) = (Vec::new(), Value::Null);
        for size in sizes.iter().cycle() {
            let mut answer = self
                .ask_with(&query, json!({ "first": size, "after": after }))
                .await;
            let page = answer["data"]["customers"].take();
            assert!(!page.is_null(), "{arguments}: {answer:#}");
            let edges = page["edges"].as_array().unwrap();
            assert!(edges.len() <= usize::try_from(*size).unwrap());
            rows.extend(edges.iter().cloned());
            assert!(
                rows.len() <= 20_000,
                "the walk goes on for ever: {arguments}"
            );
            if page["pageInfo"]["hasNextPage"] == json!(false) {
                break;
            }
            assert!(
                !edges.is_empty(),
                "a page without rows that says more follow"
            );
            assert_eq!(
                page["pageInfo"]["endCursor"],
                edges[edges.len() - 1]["cursor"]
            );
            after = page["pageInfo"]["endCursor"].clone();
        }
        rows
    }

    /// The records of a CRM as it keeps them, by id, in the order of its list.
    pub async fn records(&self, key: &str) -> Vec<Value> {
        let arguments = format!("sources: [{key:?}], filter: {{ deleted: EXCLUDE }}");
        let rows = self.walk(&arguments, "native", &[100]).await.into_iter();
        rows.map(|mut edge| edge["node"]["native"].take()).collect()
    }
}

/// The ids of rows.
pub fn ids(rows: &[Value]) -> Vec<String> {
    let ids = rows
        .iter()
        .map(|edge| edge["node"]["id"].as_str().unwrap().to_owned());
    ids.collect()
}

/// The global id of a customer.
pub fn id(source: &str, local: impl AsRef<str>) -> String {
    raw_id(&format!("c{source}\0{}", local.as_ref()))
}

/// A global id that says this.
pub fn raw_id(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// The codes of an answer's errors.
pub fn codes(answer: &Value) -> Vec<&str> {
    let errors = answer["errors"].as_array().into_iter().flatten();
    errors
        .map(|error| error["extensions"]["code"].as_str().unwrap())
        .collect()
}

/// Path and code of each of a payload's user errors.
pub fn refusals(payload: &Value) -> Vec<(String, String)> {
    let errors = payload["userErrors"].as_array().unwrap().iter();
    let path = |error: &Value| {
        let parts = error["field"].as_array().into_iter().flatten();
        parts
            .map(|part| part.as_str().unwrap())
            .collect::<Vec<_>>()
            .join(".")
    };
    errors
        .map(|error| (path(error), error["code"].as_str().unwrap().to_owned()))
        .collect()
}

/// The parameters of a path with a query.
pub fn parameters(path_and_query: &str) -> HashMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://crm{path_and_query}")).unwrap();
    url.query_pairs().into_owned().collect()
}

/// A header of a request.
pub fn header<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    let found = seen.headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}
