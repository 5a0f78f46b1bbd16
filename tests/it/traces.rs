//! Traces: what CRMs and a collector are told, and what the log says of a request. Real HTTP between all of them.

use super::support::crm::Crm;
use super::support::gateway::header;
use super::support::guarded::{self, ALL, Guarded, api_key};
use super::support::process::{ask, configuration, spawn};
use axum::extract::State;
use axum::http::HeaderMap;
use crmql::demo::{self, Fault, Options};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Everything that is planted has this in it.
const MARKER: &str = "mArk3r";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// What a collector was sent.
#[derive(Clone, Default)]
pub struct Collected(Arc<Mutex<Vec<Value>>>, Arc<Mutex<Vec<HeaderMap>>>);

impl Collected {
    /// All spans so far.
    fn spans(&self) -> Vec<Value> {
        let messages = self.0.lock().unwrap();
        let spans = messages.iter().flat_map(|message| {
            assert_eq!(
                message["resourceSpans"][0]["resource"]["attributes"][0]["value"]["stringValue"],
                "crmql"
            );
            message["resourceSpans"][0]["scopeSpans"][0]["spans"]
                .as_array()
                .unwrap()
                .clone()
        });
        spans.collect()
    }

    /// The spans of this name, once there are so many.
    pub async fn wait_for(&self, name: &str, many: usize) -> Vec<Value> {
        let started = Instant::now();
        loop {
            let spans = self.spans();
            let named: Vec<Value> = spans
                .iter()
                .filter(|span| span["name"] == name)
                .cloned()
                .collect();
            if named.len() >= many {
                return named;
            }
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "no {many} {name:?} in {spans:#?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// All that was sent, as text.
    pub fn text(&self) -> String {
        Value::from(self.0.lock().unwrap().clone()).to_string()
    }
}

/// A collector, and its address.
pub async fn collector() -> (Collected, String) {
    async fn take(State(collected): State<Collected>, headers: HeaderMap, body: String) {
        collected.1.lock().unwrap().push(headers);
        let message = serde_json::from_str(&body).unwrap();
        collected.0.lock().unwrap().push(message);
    }
    let collected = Collected::default();
    let routes = axum::Router::new()
        .route("/v1/traces", axum::routing::post(take))
        .with_state(collected.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (collected, url)
}

async fn traced(telemetry: &str) -> Guarded {
    guarded::start(|text| {
        let keys = api_key("caller", "", ALL) + &api_key("watcher", "", &["read:metrics"]);
        text + &keys + "\n[telemetry]\n" + telemetry
    })
    .await
}

async fn list(gateway: &Guarded, traceparent: Option<&str>, first: u32) -> guarded::Got {
    let query = format!(
        "{{ customers(sources: [\"gtateth\"], first: {first}) {{ nodes {{ id name }} }} }}"
    );
    let mut headers = vec![
        ("content-type", "application/json"),
        ("authorization", "Bearer caller"),
    ];
    headers.extend(traceparent.map(|text| ("traceparent", text)));
    let body = json!({ "query": query }).to_string();
    gateway.send("POST", "/graphql", &headers, Some(body)).await
}

/// What the CRM was told by the last call.
fn told(gateway: &Guarded) -> Option<String> {
    let crm = gateway
        .demo
        .crms
        .iter()
        .find(|crm| crm.key == "gtateth")
        .unwrap();
    let log = crm.log();
    header(log.last().unwrap(), "traceparent").map(str::to_owned)
}

fn attribute<'a>(span: &'a Value, key: &str) -> &'a Value {
    let attributes = span["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["key"] == key);
    found.map_or(&Value::Null, |attribute| &attribute["value"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_collector_gets_its_headers_and_nobody_else_does() {
    let (collected, url) = collector().await;
    let (crm, keys) = (format!("Bearer {MARKER}"), tempfile::tempdir().unwrap());
    let file = keys.path().join("key");
    std::fs::write(&file, format!("{crm}\n")).unwrap();
    let headers = format!(
        "headers = {{ Authorization = {{ file = {file:?} }}, x-org = {{ file = {file:?} }} }}\n"
    );
    let gateway = traced(&format!("otlp = {url:?}\n{headers}")).await;
    assert_eq!(list(&gateway, None, 2).await.status, 200);
    collected.wait_for("graphql", 1).await;
    for headers in &*collected.1.lock().unwrap() {
        for name in ["authorization", "x-org"] {
            let values: Vec<_> = headers.get_all(name).iter().collect();
            assert_eq!(values, [&crm]);
        }
        assert_eq!(headers["content-type"], "application/json");
    }
    let logs = gateway.demo.crms.iter().flat_map(|crm| crm.log());
    assert!(!format!("{:?}", logs.collect::<Vec<_>>()).contains(MARKER));
    // The CRM itself wants an authorization; that one stays its own.
    assert!(!collected.text().contains(MARKER));
    let said = gateway.process.err() + &gateway.process.out();
    assert!(!said.contains(MARKER), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_its_reads_and_its_calls_are_one_trace() {
    let (collected, url) = collector().await;
    let gateway = traced(&format!("otlp = {url:?}\nsample_percent = 0\n")).await;
    assert_eq!(list(&gateway, None, 2).await.status, 200);
    let fresh = told(&gateway).unwrap();
    assert!(
        fresh.starts_with("00-") && fresh.ends_with("-00") && fresh.len() == 55,
        "{fresh}"
    );
    let given = format!("00-{TRACE}-{PARENT}-01");
    assert_eq!(list(&gateway, Some(&given), 3).await.status, 200);
    let request = collected.wait_for("graphql", 1).await.remove(0);
    let read = collected.wait_for("read page", 1).await.remove(0);
    let call = collected.wait_for("call CRM", 1).await.remove(0);
    assert_eq!(
        collected.spans().len(),
        3,
        "the first request was not recorded"
    );
    for span in [&request, &read, &call] {
        assert_eq!(span["traceId"], TRACE);
        let time = |key: &str| span[key].as_str().unwrap().parse::<u128>().unwrap();
        assert!(time("startTimeUnixNano") < time("endTimeUnixNano"));
    }
    assert_eq!(request["parentSpanId"], PARENT);
    assert_eq!(read["parentSpanId"], request["spanId"]);
    assert_eq!(call["parentSpanId"], read["spanId"]);
    assert_eq!(attribute(&call, "crmql.source")["stringValue"], "gtateth");
    assert_eq!(attribute(&call, "crmql.attempt")["intValue"], "1");
    assert_eq!(
        attribute(&call, "http.request.method")["stringValue"],
        "GET"
    );
    assert_eq!(
        attribute(&call, "http.response.status_code")["intValue"],
        "200"
    );
    let own = call["spanId"].as_str().unwrap();
    assert_eq!(told(&gateway).unwrap(), format!("00-{TRACE}-{own}-01"));
    for odd in ["00-0-0-01", &given.to_uppercase(), MARKER] {
        list(&gateway, Some(odd), 4).await;
        assert!(!told(&gateway).unwrap().contains(TRACE), "{odd}");
    }
    let twice = [
        ("content-type", "application/json"),
        ("authorization", "Bearer caller"),
        ("traceparent", given.as_str()),
        ("traceparent", given.as_str()),
    ];
    let query =
        json!({ "query": "{ customers(sources: [\"gtateth\"], first: 9) { nodes { id } } }" });
    gateway
        .send("POST", "/graphql", &twice, Some(query.to_string()))
        .await;
    assert!(!told(&gateway).unwrap().contains(TRACE));
    let figures = gateway
        .send(
            "GET",
            "/metrics",
            &[("authorization", "Bearer watcher")],
            None,
        )
        .await;
    let sent = figures
        .text
        .lines()
        .find(|line| line.starts_with("crmql_trace_spans_total{result=\"sent\"}"));
    assert!(sent.unwrap().ends_with(" 3"), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crms_are_told_nothing_where_that_is_switched_off() {
    let gateway = traced("traceparent = false\n").await;
    list(&gateway, Some(&format!("00-{TRACE}-{PARENT}-01")), 2).await;
    assert_eq!(told(&gateway), None);
}

/// Nobody here records anything, so nobody here has a say in what others record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_collector_crms_are_told_what_the_caller_told() {
    let gateway = traced("traceparent = true\n").await;
    list(&gateway, None, 2).await;
    assert_eq!(told(&gateway), None);
    for (flags, first) in [("01", 3), ("00", 4)] {
        let given = format!("00-{TRACE}-{PARENT}-{flags}");
        list(&gateway, Some(&given), first).await;
        assert_eq!(told(&gateway), Some(given));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_that_the_collector_rejects_are_no_sent_ones() {
    let partial = json!({ "partialSuccess": { "rejectedSpans": "2", "errorMessage": "full" } });
    let collector = Crm::json(partial).await;
    let gateway = traced(&format!("otlp = {:?}\n", collector.base)).await;
    assert_eq!(list(&gateway, None, 2).await.status, 200);
    let watcher = [("authorization", "Bearer watcher")];
    let started = Instant::now();
    loop {
        let figures = gateway.send("GET", "/metrics", &watcher, None).await.text;
        let is = |result: &str, many: u32| {
            figures.contains(&format!(
                "crmql_trace_spans_total{{result=\"{result}\"}} {many}\n"
            ))
        };
        if is("failed", 2) && is("sent", 1) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(5), "{figures}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_hangs_holds_nobody_up() {
    let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", hanging.local_addr().unwrap());
    let gateway = traced(&format!("otlp = {url:?}\n")).await;
    let started = Instant::now();
    for first in 1..=20 {
        assert_eq!(list(&gateway, None, first).await.status, 200);
    }
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_a_request_names_it_and_is_json() {
    let options = Options {
        customers: 5,
        ports: None,
    };
    let demo = demo::start(options).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (collected, url) = collector().await;
    let (mut text, mut environment) = configuration(&demo);
    text = format!("{text}\n[telemetry]\notlp = {url:?}\n");
    environment.push(("CRMQL_LOG".to_owned(), "debug".to_owned()));
    environment.push(("CRMQL_LOG_FORMAT".to_owned(), "json".to_owned()));
    std::fs::write(folder.path().join("crmql.toml"), &text).unwrap();
    let mut process = spawn(folder.path(), &["serve"], &environment);
    let port = process.word_after("\"address\":\"127.0.0.1:").await;
    let address = format!("127.0.0.1:{}", port.split('"').next().unwrap());
    let create = "mutation($input: CreateCustomerInput!) { createCustomer(input: $input) { outcome userErrors { message } } }";
    for fault in [None, Some(Fault::Garbage), Some(Fault::Reset)] {
        demo.crms[0].set_fault(fault);
        let input = json!({ "source": "gtateth", "firstName": MARKER, "email": format!("{MARKER}@x.example") });
        ask(&address, create, json!({ "input": input })).await;
        ask(
            &address,
            &format!("{{ customers(filter: {{ search: \"{MARKER}\" }}) {{ nodes {{ name }} }} }}"),
            json!({}),
        )
        .await;
    }
    collected.wait_for("write customer", 3).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let figures = client
        .get(format!("http://{address}/metrics"))
        .send()
        .await
        .unwrap();
    let figures = figures.text().await.unwrap();
    process.signal("TERM");
    process.ended().await;
    let log = process.err();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    let of = |message: &str| {
        lines
            .iter()
            .filter(|line| line["message"] == message)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("graphql").len(), 6, "{log}");
    assert!(of("upstream call").len() > 6, "{log}");
    for line in of("graphql").into_iter().chain(of("upstream call")) {
        assert!(line["span"]["id"].is_string(), "{line}");
        assert_eq!(line["span"]["tenant"], "", "{line}");
        assert!(line["ms"].is_u64() && line["status"].is_u64(), "{line}");
    }
    assert!(figures.contains("crmql_upstream_calls_total"));
    for (what, text) in [
        ("log", log),
        ("metrics", figures),
        ("traces", collected.text()),
    ] {
        assert!(!text.contains(MARKER), "in the {what}: {text}");
        assert!(
            !text.contains("127.0.0.1:") || what == "log",
            "an address in the {what}"
        );
        for (_, secret) in environment
            .iter()
            .filter(|(name, _)| name.starts_with("TEST_"))
        {
            assert!(!text.contains(secret.as_str()), "a secret in the {what}");
        }
    }
}
