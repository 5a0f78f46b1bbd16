//! Every emulated CRM, through a proxy that spoils what it answers.

use crate::support::gateway::{Running, SOURCES, codes, demo_of, id as global, start_before};
use crate::support::process::{ask, configuration, spawn};
use crate::support::proxy::{Proxy, Spoil};
use crmql::limits::Limits;
use crmql::writes::Keep;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const LIST: &str = "{ customers(first: 40) { nodes { source { key } } \
    sources { source { key } outcome upstreamCalls error { code retryAfterSeconds } } } }";

/// A gateway with a proxy before one of its CRMs, whose tokens are there already.
async fn behind_a_proxy(key: &str) -> (Running, Proxy) {
    let mut demo = demo_of(8).await;
    let proxy = Proxy::before(&mut demo, key).await;
    let limits = Limits {
        request_ms: 5_000,
        grace_ms: 2_000,
        ..Limits::default()
    };
    let gateway = start_before(demo, limits, Keep::Memory).await;
    let all = gateway.ask(LIST).await;
    assert_eq!(
        all["data"]["customers"]["nodes"].as_array().unwrap().len(),
        32,
        "{all:#}"
    );
    (gateway, proxy)
}

/// What the list says while a CRM is spoiled: its report, and how long it took. The others are all there.
async fn report(gateway: &Running, key: &str) -> (Value, Duration) {
    let started = Instant::now();
    let answer = gateway.ask(LIST).await;
    let took = started.elapsed();
    (reported(&answer, key), took)
}

fn reported(answer: &Value, key: &str) -> Value {
    let list = &answer["data"]["customers"];
    for other in SOURCES.iter().filter(|other| **other != key) {
        let nodes = list["nodes"].as_array().unwrap().iter();
        let rows = nodes.filter(|node| node["source"]["key"] == *other).count();
        assert_eq!(rows, 8, "{key} harms {other}: {answer:#}");
    }
    let mut reports = list["sources"].as_array().unwrap().iter();
    let report = reports.find(|report| report["source"]["key"] == key);
    report.unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_costs_few_calls_little_time_and_no_other_source() {
    const JSON: &str = "content-type: application/json\r\n";
    let cases = [
        (Spoil::Late(Duration::from_millis(150)), None, 1..=2, 4_000),
        (Spoil::Reset, Some("SOURCE_UNAVAILABLE"), 2..=3, 4_000),
        (Spoil::Truncate, Some("SOURCE_UNAVAILABLE"), 2..=3, 4_000),
        (
            Spoil::Answer(200, JSON, "{\"data\": [oops"),
            Some("SOURCE_INVALID_RESPONSE"),
            1..=1,
            4_000,
        ),
        (
            Spoil::Answer(200, "content-type: text/html\r\n", "<html>"),
            Some("SOURCE_INVALID_RESPONSE"),
            1..=1,
            4_000,
        ),
        (
            Spoil::Answer(500, JSON, "{}"),
            Some("SOURCE_UNAVAILABLE"),
            2..=3,
            4_000,
        ),
        (
            Spoil::Answer(503, JSON, "{}"),
            Some("SOURCE_UNAVAILABLE"),
            2..=3,
            4_000,
        ),
        (
            Spoil::Huge(20_000_000),
            Some("SOURCE_INVALID_RESPONSE"),
            1..=1,
            8_000,
        ),
        (Spoil::HalfOpen, Some("SOURCE_TIMEOUT"), 1..=2, 8_000),
        (Spoil::Drip, Some("SOURCE_TIMEOUT"), 1..=2, 8_000),
        (
            Spoil::Answer(429, JSON, "{}"),
            Some("SOURCE_RATE_LIMITED"),
            2..=3,
            4_000,
        ),
        (
            Spoil::Answer(429, "retry-after: 60\r\n", "{}"),
            Some("SOURCE_RATE_LIMITED"),
            1..=1,
            4_000,
        ),
    ];
    let each = SOURCES.map(|key| {
        let cases = cases.clone();
        async move {
            let mut demo = demo_of(8).await;
            let proxy = Proxy::before(&mut demo, key).await;
            let folder = tempfile::tempdir().unwrap();
            let (text, environment) = configuration(&demo);
            let hasty =
                "timeouts = { connect = \"1s\", attempt = \"2s\", total = \"3s\" }\nbreaker = false\ncache = false\nadapter = ";
            let text = text.replace("adapter = ", hasty) + "\n[limits]\nanswer_bytes = 1000000\n";
            std::fs::write(folder.path().join("crmql.toml"), text).unwrap();
            let process = spawn(folder.path(), &["serve"], &environment);
            let address = process.word_after("listening address=").await;
            ask(&address, LIST, json!({})).await;
            for (spoil, code, calls, most) in cases {
                let spoiled = spoil.clone();
                proxy.spoil(move |_, _| spoiled.clone());
                let started = Instant::now();
                let report = reported(&ask(&address, LIST, json!({})).await, key);
                let took = started.elapsed();
                let case = format!("{key} {spoil:?}");
                assert_eq!(report["error"]["code"].as_str(), code, "{case}: {report}");
                let seen = proxy.seen().len();
                assert!(calls.contains(&seen), "{case}: {seen}");
                assert_eq!(report["upstreamCalls"], seen, "{case}");
                assert!(took < Duration::from_millis(most), "{case}: {took:?}");
            }
        }
    });
    join_all(each).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_refusals_and_a_dead_crm_are_not_answered_by_a_storm_of_calls() {
    for (spoil, most) in [
        // It said when to come back: nobody asks before.
        (Spoil::Answer(429, "retry-after: 60\r\n", "{}"), 8),
        // It did not: every caller asks, and few ask twice.
        (Spoil::Answer(429, "", "{}"), 75),
        // It is dead: it is left alone after ten failures, but for what was under way.
        (Spoil::Reset, 30),
    ] {
        let (gateway, proxy) = behind_a_proxy("spirii").await;
        let spoiled = spoil.clone();
        proxy.spoil(move |_, _| spoiled.clone());
        let (started, query) = (
            Instant::now(),
            "query($id: ID!) { customer(id: $id) { id } }",
        );
        for _ in 0..10 {
            let asked = (0..5).map(|n| {
                gateway.ask_with(
                    query,
                    json!({ "id": global("spirii", (1001 + n).to_string()) }),
                )
            });
            for answer in join_all(asked).await {
                assert!(!codes(&answer).is_empty(), "{spoil:?}: {answer}");
            }
        }
        let (seen, took) = (proxy.seen().len(), started.elapsed());
        assert!(seen <= most, "{spoil:?}: {seen}");
        assert!(took < Duration::from_secs(30), "{spoil:?}: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crm_that_flaps_is_used_again_and_the_schema_shows_how_it_does() {
    let (gateway, proxy) = behind_a_proxy("flextell").await;
    let status = "{ source(key: \"flextell\") { status { health retryAfterSeconds quota { limit remaining resetsAt } } } }";
    let health = |answer: &Value| answer["data"]["source"]["status"]["health"].clone();
    let fine = gateway.ask(status).await;
    assert_eq!(health(&fine), "HEALTHY", "{fine:#}");
    let quota = &fine["data"]["source"]["status"]["quota"];
    assert!(
        quota["limit"].is_i64() && quota["remaining"].is_i64() && quota["resetsAt"].is_string(),
        "{fine:#}"
    );
    // Every second call fails: the rows are there all the same.
    proxy.spoil(|_, before| {
        if before % 2 == 0 {
            Spoil::Answer(503, "", "{}")
        } else {
            Spoil::Pass
        }
    });
    for _ in 0..5 {
        let (report, _) = report(&gateway, "flextell").await;
        assert_eq!(report["outcome"], "COMPLETE", "{report}");
    }
    assert_eq!(health(&gateway.ask(status).await), "DEGRADED");
    proxy.spoil(|_, _| Spoil::Reset);
    for _ in 0..20 {
        report(&gateway, "flextell").await;
    }
    let down = gateway.ask(status).await;
    assert_eq!(health(&down), "UNAVAILABLE", "{down:#}");
    assert!(
        down["data"]["source"]["status"]["retryAfterSeconds"]
            .as_i64()
            .unwrap()
            <= 5
    );
    proxy.spoil(|_, _| Spoil::Pass);
    assert_eq!(report(&gateway, "flextell").await.0["outcome"], "FAILED");
    assert_eq!(
        proxy.seen().len(),
        0,
        "nothing is sent while it is left alone"
    );
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(report(&gateway, "flextell").await.0["outcome"], "COMPLETE");
    assert_eq!(health(&gateway.ask(status).await), "HEALTHY");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn going_down_and_coming_back_are_one_line_each_in_the_log() {
    let mut demo = demo_of(4).await;
    let proxy = Proxy::before(&mut demo, "gtateth").await;
    let folder = tempfile::tempdir().unwrap();
    let (text, environment) = configuration(&demo);
    let text = text.replacen(
        "adapter = \"gtateth\"",
        "adapter = \"gtateth\"\nretries = 0\nbreaker = { failures = 3, window = \"10s\", rest = \"3s\" }",
        1,
    );
    std::fs::write(folder.path().join("crmql.toml"), text).unwrap();
    let process = spawn(folder.path(), &["serve"], &environment);
    let address = process.word_after("listening address=").await;
    let query = "{ customers(sources: [\"gtateth\"], first: 1) { nodes { id } } }";
    proxy.spoil(|_, _| Spoil::Reset);
    for _ in 0..8 {
        ask(&address, query, json!({})).await;
    }
    assert_eq!(proxy.seen().len(), 3);
    proxy.spoil(|_, _| Spoil::Pass);
    tokio::time::sleep(Duration::from_millis(3_100)).await;
    for _ in 0..3 {
        let answer = ask(&address, query, json!({})).await;
        assert!(codes(&answer).is_empty(), "{answer:#}");
    }
    let log = process.err();
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(
        (lines("source down"), lines("source back")),
        (1, 1),
        "{log}"
    );
    let down = log
        .lines()
        .find(|line| line.contains("source down"))
        .unwrap();
    for part in ["WARN", "gtateth", "SOURCE_UNAVAILABLE", "request="] {
        assert!(down.contains(part), "{down}");
    }
    assert!(!down.contains("http"), "{down}");
}
