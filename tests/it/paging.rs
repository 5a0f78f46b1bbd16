//! Walks over the emulated CRMs: every customer once, in one order, whatever the windows; cursors and their arguments.

use super::support::gateway::{SOURCES, codes, ids, start};
use serde_json::{Value, json};
use std::collections::HashSet;

const FIRST_QUERY: &str = "query($first: Int, $after: String) { customers(first: $first, after: $after) { totalCount \
    edges { cursor node { id displayName email source { key } } } pageInfo { hasNextPage endCursor } \
    sources { outcome } } }";

fn assert_each_once(found: &[String], expected: usize) {
    let distinct: HashSet<&String> = found.iter().collect();
    assert_eq!((found.len(), distinct.len()), (expected, expected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_customers_of_four_crms_come_once_each_in_25_pages_of_40() {
    let gateway = start(250).await;
    let (mut rows, mut after, mut pages) = (Vec::new(), Value::Null, 0);
    loop {
        let mut answer = gateway
            .ask_with(FIRST_QUERY, json!({ "first": 40, "after": after }))
            .await;
        let page = answer["data"]["customers"].take();
        pages += 1;
        // Records of the emulated CRMs have odd values; the page is there all the same.
        assert_eq!(page["edges"].as_array().unwrap().len(), 40, "{answer:#}");
        for report in page["sources"].as_array().unwrap() {
            assert_eq!(report["outcome"], "COMPLETE");
        }
        assert_eq!(page["totalCount"], Value::Null, "one CRM has no total");
        rows.extend(page["edges"].as_array().unwrap().clone());
        assert!(pages <= 25, "the walk goes on for ever");
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(pages, 25);
    assert_each_once(&ids(&rows), 1000);
    let mut sources: Vec<&str> = rows
        .iter()
        .map(|edge| edge["node"]["source"]["key"].as_str().unwrap())
        .collect();
    assert_eq!(sources.iter().filter(|key| **key == "spirii").count(), 250);
    sources.dedup();
    assert_eq!(sources, SOURCES, "one source after the other");
    assert!(rows.iter().all(|edge| edge["node"]["displayName"] != ""));
    let other = gateway.walk("", "", &[100, 3, 61, 33]).await;
    assert_eq!(
        ids(&other),
        ids(&rows),
        "the windows do not change the order"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_window_size_walks_the_same_list() {
    let gateway = start(13).await;
    let expected = ids(&gateway.walk("", "", &[100]).await);
    assert_each_once(&expected, 52);
    for sizes in [&[1][..], &[7], &[33], &[5, 1, 12, 2], &[13], &[26]] {
        assert_eq!(
            ids(&gateway.walk("", "", sizes).await),
            expected,
            "{sizes:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_source_is_walked_forwards_and_backwards() {
    let gateway = start(45).await;
    for key in SOURCES {
        let arguments = format!("sources: [{key:?}]");
        let forwards = ids(&gateway.walk(&arguments, "", &[7]).await);
        assert_each_once(&forwards, 45);
        let query = format!(
            "query($before: String) {{ customers(last: 11, before: $before, {arguments}) {{ edges {{ node {{ id }} }} \
             pageInfo {{ hasPreviousPage startCursor }} }} }}"
        );
        let (mut backwards, mut before) = (Vec::new(), Value::Null);
        loop {
            let page = gateway.data(&query, json!({ "before": before })).await["customers"].take();
            let mut rows = ids(page["edges"].as_array().unwrap());
            rows.extend(backwards);
            backwards = rows;
            assert!(backwards.len() <= 45, "the walk goes on for ever");
            if page["pageInfo"]["hasPreviousPage"] == json!(false) {
                break;
            }
            before = page["pageInfo"]["startCursor"].clone();
        }
        assert_eq!(backwards, forwards, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_edge_is_a_place_to_go_on_from_in_both_directions() {
    let gateway = start(5).await;
    let rows = gateway.walk("", "", &[100]).await;
    let expected = ids(&rows);
    for (place, edge) in rows.iter().enumerate() {
        let after = gateway
            .data(
                "query($c: String) { customers(first: 3, after: $c) { edges { node { id } } pageInfo { hasNextPage } } }",
                json!({ "c": edge["cursor"] }),
            )
            .await;
        let after = &after["customers"];
        let next = ids(after["edges"].as_array().unwrap());
        let end = (place + 4).min(expected.len());
        assert_eq!(next, expected[place + 1..end], "after {place}");
        assert_eq!(
            after["pageInfo"]["hasNextPage"],
            json!(end < expected.len()),
            "after {place}"
        );
        let before = gateway
            .data(
                "query($c: String) { customers(last: 3, before: $c) { edges { node { id } } pageInfo { hasPreviousPage } } }",
                json!({ "c": edge["cursor"] }),
            )
            .await;
        let previous = ids(before["customers"]["edges"].as_array().unwrap());
        assert_eq!(
            previous,
            expected[place.saturating_sub(3)..place],
            "before {place}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subset_of_sources_is_asked_alone_and_in_the_order_of_the_configuration() {
    let gateway = start(6).await;
    gateway.forget();
    let data = gateway
        .data(
            "{ customers(sources: [\"spirii\", \"gtateth\", \"spirii\"], first: 50) { totalCount order nodes { source { key } } \
             sources { source { key } upstreamCalls } } }",
            json!({}),
        )
        .await;
    let mut keys: Vec<_> = data["customers"]["nodes"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 12);
    keys.dedup();
    assert_eq!(
        json!(keys),
        json!([{ "source": { "key": "gtateth" } }, { "source": { "key": "spirii" } }])
    );
    assert_eq!(data["customers"]["order"], "GROUPED_BY_SOURCE");
    assert_eq!(
        (
            gateway.calls("gormic").len(),
            gateway.calls("flextell").len()
        ),
        (0, 0)
    );
    for report in data["customers"]["sources"].as_array().unwrap() {
        let calls = gateway
            .calls(report["source"]["key"].as_str().unwrap())
            .len();
        assert_eq!(report["upstreamCalls"], json!(calls));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arguments_that_make_no_window_are_refused_before_any_call() {
    let gateway = start(5).await;
    gateway.forget();
    for arguments in [
        "first: 101",
        "first: -1",
        "last: 101",
        "last: -1",
        "first: 1, last: 1",
        "last: 1, after: \"x\"",
        "first: 1, before: \"x\"",
        "before: \"x\"",
        "after: \"x\", before: \"x\"",
        "first: 3, sources: []",
        "first: 3, sources: [\"nobody\"]",
    ] {
        let answer = gateway
            .ask(&format!(
                "{{ customers({arguments}) {{ nodes {{ id }} }} }}"
            ))
            .await;
        assert_eq!(codes(&answer), ["INVALID_INPUT"], "{arguments}: {answer:#}");
        assert_eq!(answer["data"], json!({ "customers": null }), "{arguments}");
        assert_eq!(answer["errors"][0]["path"], json!(["customers"]));
    }
    assert_eq!(gateway.call_count(), 0);
    let none = gateway
        .data(
            "{ customers(first: 0) { edges { cursor } pageInfo { hasNextPage endCursor } } }",
            json!({}),
        )
        .await;
    assert_eq!(none["customers"]["edges"], json!([]));
    assert_eq!(none["customers"]["pageInfo"]["hasNextPage"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_is_good_for_its_list_alone() {
    let gateway = start(5).await;
    let query = "{ customers(sources: [\"gtateth\"], first: 2) { pageInfo { endCursor } } }";
    let cursor = gateway.data(query, json!({})).await["customers"]["pageInfo"]["endCursor"].take();
    let cursor = cursor.as_str().unwrap();
    gateway.forget();
    for (arguments, cursor, code) in [
        ("", cursor, "CURSOR_MISMATCH"),
        ("sources: [\"flextell\"]", cursor, "CURSOR_MISMATCH"),
        (
            "sources: [\"gtateth\", \"gormic\"]",
            cursor,
            "CURSOR_MISMATCH",
        ),
        (
            "sources: [\"gtateth\"], filter: { tier: [GOLD] }",
            cursor,
            "CURSOR_MISMATCH",
        ),
        (
            "sources: [\"gtateth\"], unsupportedFilter: SCAN",
            cursor,
            "CURSOR_MISMATCH",
        ),
        ("sources: [\"gtateth\"]", "x", "INVALID_CURSOR"),
        ("sources: [\"gtateth\"]", "", "INVALID_CURSOR"),
        ("sources: [\"gtateth\"]", &cursor[1..], "INVALID_CURSOR"),
        (
            "sources: [\"gtateth\"]",
            &cursor[..cursor.len() - 1],
            "INVALID_CURSOR",
        ),
        (
            "sources: [\"gtateth\"]",
            &"A".repeat(20_000),
            "INVALID_CURSOR",
        ),
    ] {
        let query = format!(
            "query($c: String) {{ customers(first: 2, after: $c, {arguments}) {{ nodes {{ id }} }} }}"
        );
        let answer = gateway.ask_with(&query, json!({ "c": cursor })).await;
        assert_eq!(codes(&answer), [code], "{arguments} {cursor}: {answer:#}");
    }
    assert_eq!(
        gateway.call_count(),
        0,
        "nothing is asked for a cursor that is not good"
    );
    for place in 0..cursor.len() {
        let mut bytes = cursor.as_bytes().to_vec();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let tampered = String::from_utf8(bytes).unwrap();
        let query = "query($c: String) { customers(first: 2, after: $c, sources: [\"gtateth\"]) { nodes { id } } }";
        let answer = gateway.ask_with(query, json!({ "c": tampered })).await;
        assert_eq!(
            codes(&answer),
            ["INVALID_CURSOR"],
            "byte {place}: {answer:#}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_selected_costs_calls() {
    let gateway = start(60).await;
    gateway.forget();
    let plain = "{ customers(first: 20, sources: [\"gtateth\", \"spirii\"]) { nodes { id } } }";
    gateway.data(plain, json!({})).await;
    assert_eq!(gateway.call_count(), 1, "{:?}", gateway.calls("gtateth"));
    gateway.forget();
    let total = "{ customers(first: 20, sources: [\"gtateth\", \"flextell\"]) { totalCount } }";
    let data = gateway.data(total, json!({})).await;
    assert_eq!(data["customers"]["totalCount"], 120);
    assert_eq!(gateway.call_count(), 2);
}
