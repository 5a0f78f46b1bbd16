//! Sources that do not answer while others do: a list takes its time from nobody, however long the slow ones may take.

use super::support::gateway::{Running, SOURCES, start_with};
use crmql::demo::Fault;
use crmql::limits::Limits;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const LIST: &str = "query($after: String, $before: String, $first: Int, $last: Int) { \
    customers(first: $first, after: $after, last: $last, before: $before) { totalCount nodes { source { key } } \
    pageInfo { hasNextPage endCursor startCursor } \
    sources { source { key } outcome upstreamCalls error { code } } } }";

/// A gateway whose requests may take two seconds, and so much less than its sources may.
async fn hasty() -> Running {
    let limits = Limits {
        request_ms: 2_000,
        grace_ms: 2_000,
        ..Limits::default()
    };
    let gateway = start_with(5, limits).await;
    gateway.data(LIST, json!({ "first": 40 })).await;
    gateway
}

fn hang(gateway: &Running, keys: &[&str]) {
    for key in keys {
        let long = Fault::Latency(Duration::from_secs(60));
        gateway.crm(key).set_fault(Some(long));
    }
}

/// How many rows came of each source, and what its report says.
fn came(list: &Value, key: &str) -> (usize, String) {
    let nodes = list["nodes"].as_array().unwrap().iter();
    let rows = nodes.filter(|node| node["source"]["key"] == key).count();
    let mut reports = list["sources"].as_array().unwrap().iter();
    let report = reports.find(|report| report["source"]["key"] == key);
    let report = report.unwrap();
    let code = report["error"]["code"].as_str();
    let outcome = report["outcome"].as_str().unwrap();
    (rows, code.unwrap_or(outcome).to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_hangs_takes_no_time_from_the_others() {
    let hung: [&[&str]; 3] = [
        &SOURCES[..1],
        &["gtateth", "gormic", "flextell"],
        &["gormic", "spirii"],
    ];
    for keys in hung {
        // A gateway for each, as a read that hangs goes on for those who ask the same later.
        let gateway = hasty().await;
        hang(&gateway, keys);
        for window in [json!({ "first": 40 }), json!({ "last": 40 })] {
            let started = Instant::now();
            let answer = gateway.ask_with(LIST, window).await;
            let took = started.elapsed();
            let list = &answer["data"]["customers"];
            for key in SOURCES {
                let expected = if keys.contains(&key) {
                    (0, "SOURCE_TIMEOUT".to_owned())
                } else {
                    (5, "COMPLETE".to_owned())
                };
                assert_eq!(came(list, key), expected, "{keys:?} {key}: {answer:#}");
            }
            assert!(took < Duration::from_millis(3_500), "{keys:?}: {took:?}");
        }
    }
}

/// What was read for the case that a slow source fails is not used where it does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_only_slow_keeps_its_rows_and_its_place() {
    let gateway = hasty().await;
    let whole = gateway.data(LIST, json!({ "first": 7 })).await;
    let late = Fault::Latency(Duration::from_millis(900));
    gateway.crm("gtateth").set_fault(Some(late));
    let slow = gateway.data(LIST, json!({ "first": 7 })).await;
    let (whole, slow) = (&whole["customers"], &slow["customers"]);
    assert_eq!(slow["nodes"], whole["nodes"]);
    assert_eq!(came(slow, "gtateth"), (5, "COMPLETE".to_owned()));
    let after = slow["pageInfo"]["endCursor"].clone();
    let next = gateway
        .data(LIST, json!({ "first": 40, "after": after }))
        .await;
    let next = &next["customers"];
    assert_eq!(next["nodes"].as_array().unwrap().len(), 13, "{next:#}");
}

/// Nobody asks sources for rows that no failure makes necessary.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_failure_ends_the_list_nothing_is_read_ahead() {
    let gateway = hasty().await;
    hang(&gateway, &["gtateth"]);
    gateway.forget();
    let query = "{ customers(first: 40, onSourceFailure: FAIL) { nodes { id } } }";
    let answer = gateway.ask(query).await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"], "SOURCE_TIMEOUT",
        "{answer:#}"
    );
    for key in &SOURCES[1..] {
        assert_eq!(gateway.calls(key), Vec::<String>::new(), "{key}");
    }
}
