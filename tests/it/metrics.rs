//! `/metrics`: what it shows, under which names, and to whom.

use super::readme::{readme, rows};
use super::support::guarded::{self, ALL, Guarded, api_key, claims, token};
use crmql::demo::Fault;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The figures of a page: a name with its labels, and the value.
struct Figures(Vec<(String, f64)>);

impl Figures {
    fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let figure = |line: &str| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        };
        Self(lines.map(figure).collect())
    }

    /// The sum of all figures of this name that have these labels.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let start = format!("{name}{{");
        let matching = self.0.iter().filter(|(figure, _)| {
            let named = figure == name || figure.starts_with(&start);
            let label = |(key, word): &(&str, &str)| figure.contains(&format!("{key}=\"{word}\""));
            named && labels.iter().all(label)
        });
        matching.map(|(_, value)| value).sum()
    }
}

async fn scrape(gateway: &Guarded, credential: &str) -> guarded::Got {
    let bearer = format!("Bearer {credential}");
    let headers = [("authorization", bearer.as_str())];
    gateway.send("GET", "/metrics", &headers, None).await
}

async fn figures(gateway: &Guarded) -> Figures {
    Figures::parse(&scrape(gateway, "watcher").await.text)
}

async fn watched() -> Guarded {
    guarded::start(|text| {
        let text = text.replace(
            "key = \"spirii\"\n",
            "key = \"spirii\"\nbreaker = { failures = 2, window = \"60s\", rest = \"60s\" }\n",
        );
        text + &api_key("caller", "", ALL)
            + &api_key("watcher", "", &["read:metrics"])
            + "\n[[auth.jwt]]\nissuer = \"https://id.example\"\naudience = \"crmql\"\nalgorithm = \"HS256\"\n\
               secret = { env = \"TEST_JWT_SECRET\" }\n"
    })
    .await
}

/// A page of one source.
fn list(source: &str) -> String {
    format!("{{ customers(sources: [{source:?}], first: 3) {{ nodes {{ id }} }} }}")
}

async fn create(gateway: &Guarded, name: &str, key: &str) -> Value {
    let query =
        "mutation($input: CreateCustomerInput!) { createCustomer(input: $input) { outcome } }";
    let input = json!({ "source": "gtateth", "firstName": name, "email": format!("{name}@x.example"), "idempotencyKey": key });
    let body = json!({ "query": query, "variables": { "input": input } });
    gateway.post("caller", body).await.json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_key_with_the_scope_sees_the_figures() {
    let gateway = watched().await;
    assert_eq!(gateway.send("GET", "/metrics", &[], None).await.status, 401);
    assert_eq!(scrape(&gateway, "wrong").await.status, 401);
    assert_eq!(scrape(&gateway, "caller").await.status, 403);
    let claimed = token(&claims(&json!({ "scope": "read:metrics read:customers" })));
    assert_eq!(scrape(&gateway, &claimed).await.status, 403);
    assert_eq!(gateway.ask(&claimed, &list("gtateth")).await.code(), "");
    let seen = scrape(&gateway, "watcher").await;
    assert_eq!(seen.status, 200);
    assert!(
        seen.header("content-type")
            .starts_with("application/openmetrics-text")
    );
    assert!(seen.text.ends_with("# EOF\n"));
    assert_eq!(
        gateway.ask("watcher", &list("gtateth")).await.code(),
        "FORBIDDEN"
    );
}

/// Or what is computed from a histogram is no number, and strict readers refuse the page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_histogram_ends_with_a_bucket_for_all() {
    let gateway = watched().await;
    gateway.ask("caller", &list("gtateth")).await;
    let text = scrape(&gateway, "watcher").await.text;
    let mut counts = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, count) = line.rsplit_once(' ').unwrap();
        let Some((name, labels)) = series.split_once("_count") else {
            continue;
        };
        let labels = labels.trim_matches(['{', '}']);
        let all = match labels {
            "" => format!("{name}_bucket{{le=\"+Inf\"}} {count}"),
            _ => format!("{name}_bucket{{le=\"+Inf\",{labels}}} {count}"),
        };
        assert!(text.lines().any(|line| line == all), "no {all} in {text}");
        counts += 1;
    }
    assert!(counts > 1, "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_names_are_the_documented_ones() {
    let gateway = watched().await;
    let text = scrape(&gateway, "watcher").await.text;
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let real: BTreeSet<String> = types
        .map(|line| match line.split_once(' ').unwrap() {
            (name, "counter") => format!("{name}_total"),
            (name, _) => name.to_owned(),
        })
        .collect();
    let told: Vec<Vec<String>> = rows(&readme(), "### Metrics");
    let names: BTreeSet<String> = told.iter().map(|row| row[0].clone()).collect();
    assert_eq!(names, real);
    // The labels too, as far as a fresh process has figures.
    for row in &told {
        let start = format!("{}{{", row[0]);
        let bucket = format!("{}_bucket{{", row[0]);
        let figure = text
            .lines()
            .find(|line| line.starts_with(&start) || line.starts_with(&bucket));
        let labels: Vec<&str> = row[1]
            .split(", ")
            .filter(|label| !label.is_empty())
            .collect();
        match figure {
            Some(figure) => {
                let inside = figure.split(['{', '}']).nth(1).unwrap();
                let real: Vec<&str> = inside
                    .split(',')
                    .map(|label| label.split('=').next().unwrap())
                    .filter(|label| *label != "le")
                    .collect();
                assert_eq!(real, labels, "{}", row[0]);
            }
            None => assert!(
                labels.is_empty() || row[0].contains("quota") || row[0].contains("trace"),
                "{}",
                row[0]
            ),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_is_counted() {
    let gateway = watched().await;
    for _ in 0..2 {
        assert_eq!(gateway.ask("caller", &list("gtateth")).await.code(), "");
    }
    let search = "a".repeat(70_000);
    let unsendable = format!(
        "{{ customers(sources: [\"gtateth\"], filter: {{ search: \"{search}\" }}) {{ totalCount }} }}"
    );
    gateway.ask("caller", &unsendable).await;
    gateway.ask("caller", "{ nothing }").await;
    gateway.send("POST", "/graphql", &[], None).await;
    assert_eq!(
        create(&gateway, "ann", "k1").await["data"]["createCustomer"]["outcome"],
        "APPLIED"
    );
    create(&gateway, "ann", "k1").await;
    create(&gateway, "bob", "k1").await;
    let spirii = gateway
        .demo
        .crms
        .iter()
        .find(|crm| crm.key == "spirii")
        .unwrap();
    spirii.set_fault(Some(Fault::Reset));
    for _ in 0..3 {
        gateway.ask("caller", &list("spirii")).await;
    }
    let seen = figures(&gateway).await;
    let is = |name: &str, labels: &[(&str, &str)], expected: f64| {
        let real = seen.sum(name, labels);
        assert!((real - expected).abs() < 0.5, "{name} {labels:?}: {real}");
    };
    let requests = "crmql_requests_total";
    is(requests, &[("kind", "query"), ("outcome", "ok")], 1.0);
    is(requests, &[("kind", "kept"), ("outcome", "ok")], 1.0);
    is(requests, &[("kind", "query"), ("outcome", "errors")], 4.0);
    is(requests, &[("kind", "mutation")], 3.0);
    is(requests, &[("kind", "refused")], 1.0);
    is(
        requests,
        &[("kind", "malformed"), ("outcome", "refused")],
        1.0,
    );
    is(
        "crmql_request_duration_seconds_count",
        &[],
        seen.sum(requests, &[]),
    );
    is("crmql_errors_total", &[("code", "SOURCE_UNAVAILABLE")], 3.0);
    is("crmql_errors_total", &[("code", "INVALID_INPUT")], 2.0);
    is("crmql_errors_total", &[("code", "OTHER")], 0.0);
    is(
        "crmql_page_reads_total",
        &[("source", "gtateth"), ("from", "sent")],
        2.0,
    );
    is(
        "crmql_writes_total",
        &[("source", "gtateth"), ("outcome", "applied")],
        1.0,
    );
    let keys = "crmql_idempotency_keys_total";
    is(keys, &[("result", "new")], 1.0);
    is(keys, &[("result", "repeated")], 1.0);
    is(keys, &[("result", "conflict")], 1.0);
    let calls = gateway
        .demo
        .crms
        .iter()
        .find(|crm| crm.key == "gtateth")
        .unwrap()
        .log()
        .len();
    is(
        "crmql_upstream_calls_total",
        &[("source", "gtateth")],
        calls as f64,
    );
    is(
        "crmql_upstream_duration_seconds_count",
        &[("source", "gtateth")],
        calls as f64,
    );
    let broken = [("source", "spirii"), ("outcome", "broken")];
    assert!(seen.sum("crmql_upstream_calls_total", &broken) >= 2.0);
    assert!(seen.sum("crmql_upstream_retries_total", &[("source", "spirii")]) >= 1.0);
    assert!(
        seen.sum(
            "crmql_upstream_unsent_total",
            &[("source", "spirii"), ("reason", "left_alone")]
        ) >= 1.0
    );
    is(
        "crmql_source_state",
        &[("source", "spirii"), ("state", "unavailable")],
        1.0,
    );
    is(
        "crmql_source_state",
        &[("source", "gtateth"), ("state", "healthy")],
        1.0,
    );
    is(
        "crmql_source_turns_total",
        &[("source", "spirii"), ("to", "down")],
        1.0,
    );
    is("crmql_source_calls_open", &[], 0.0);
    is("crmql_requests_in_work", &[], 0.0);
    is("crmql_ready", &[], 1.0);
    assert!(seen.sum("crmql_connections", &[]) >= 1.0);
    is(
        "crmql_build_info",
        &[("version", env!("CARGO_PKG_VERSION"))],
        1.0,
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_go_on_through_a_reload() {
    let gateway = watched().await;
    assert_eq!(gateway.ask("caller", &list("gtateth")).await.code(), "");
    let changed = gateway.text.replace(
        "key = \"gtateth\"\n",
        "key = \"gtateth\"\nconcurrency = 3\n",
    );
    assert_ne!(changed, gateway.text);
    std::fs::write(gateway.folder.path().join("crmql.toml"), changed).unwrap();
    gateway.process.signal("HUP");
    gateway
        .process
        .word_after("the configuration was read again")
        .await;
    let seen = figures(&gateway).await;
    for name in ["crmql_requests_total", "crmql_upstream_calls_total"] {
        assert!(seen.sum(name, &[]) >= 1.0, "{name}");
    }
}
