//! The last day of the year 9999, by which CRMs and clients say "for ever".

use super::lies::{before, number};
use super::support::crm::{Crm, Play, Seen};
use super::support::gateway::{codes, parameters};
use serde_json::{Value, json};

/// Customers in the order of when they were made.
const MADE: [&str; 5] = [
    "2024-01-15T10:30:00Z",
    "9999-12-30T21:59:59Z",
    "9999-12-31T00:00:00+00:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T22:59:59.9999-01:00",
];

/// A CRM that orders, and leaves filters to us.
fn page(seen: &Seen) -> Play {
    let asked = parameters(&seen.target);
    let (size, offset) = (
        number(&asked, "limit").unwrap(),
        number(&asked, "offset").unwrap(),
    );
    let rows = MADE.iter().enumerate();
    let rows: Vec<Value> = rows
        .map(|(id, made)| json!({ "id": id, "name": "N", "createdAt": made }))
        .skip(offset)
        .take(size)
        .collect();
    Play::Json(
        200,
        json!({ "data": rows, "count": MADE.len(), "limit": size, "offset": offset }),
    )
}

fn members(answer: &Value, name: &str) -> Vec<String> {
    let nodes = answer["data"]["customers"]["nodes"].as_array();
    let shown = nodes.unwrap_or_else(|| panic!("{answer}")).iter();
    shown
        .map(|node| node[name].as_str().unwrap_or("null").to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_are_shown() {
    let crm = Crm::answering(|seen, _| page(seen)).await;
    let answer = before(&crm, "spirii")
        .ask("{ customers { nodes { createdAt } } }")
        .await;
    assert!(codes(&answer).is_empty(), "{answer}");
    let shown = [
        "2024-01-15T10:30:00Z",
        "9999-12-30T21:59:59Z",
        "9999-12-31T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59.9999Z",
    ];
    assert_eq!(members(&answer, "createdAt"), shown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_compares_them() {
    for (range, found, sent) in [
        (
            "gte: \"2030-01-01T00:00:00Z\"",
            "1234",
            "createdAtFrom=2029-12-31T23%3A59%3A59Z",
        ),
        (
            "lt: \"9999-12-31T23:59:59Z\"",
            "012",
            "createdAtTo=9999-12-31T23%3A59%3A59Z",
        ),
        (
            "gte: \"9999-12-31T01:00:00+01:00\"",
            "234",
            "createdAtFrom=9999-12-30T23%3A59%3A59Z",
        ),
        (
            "gte: \"9999-12-31T23:59:59.5Z\"",
            "4",
            "createdAtFrom=9999-12-31T23%3A59%3A58.5Z",
        ),
        (
            "gte: \"9999-12-30T21:00:00Z\", lt: \"9999-12-31T00:00:00Z\"",
            "1",
            "createdAtTo=9999-12-31T00%3A00%3A00Z",
        ),
    ] {
        let crm = Crm::answering(|seen, _| page(seen)).await;
        let query = format!(
            "{{ customers(filter: {{ createdAt: {{ {range} }} }}) {{ nodes {{ sourceId }} }} }}"
        );
        let answer = before(&crm, "spirii").ask(&query).await;
        assert!(codes(&answer).is_empty(), "{range}: {answer}");
        assert_eq!(members(&answer, "sourceId").concat(), found, "{range}");
        let target = &crm.seen()[0].target;
        assert!(target.contains(sent), "{range}: {target}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_in_their_order_is_walked_both_ways() {
    let crm = Crm::answering(|seen, _| page(seen)).await;
    let gateway = before(&crm, "spirii");
    for (window, from, on, to) in [
        ("first", "after", "hasNextPage", "endCursor"),
        ("last", "before", "hasPreviousPage", "startCursor"),
    ] {
        let (mut walked, mut cursor) = (String::new(), Value::Null);
        loop {
            let query = format!(
                "{{ customers({window}: 2, {from}: {cursor}, orderBy: {{ field: CREATED_AT }}) {{ nodes {{ sourceId }} pageInfo {{ {on} {to} }} }} }}"
            );
            let answer = gateway.ask(&query).await;
            assert!(codes(&answer).is_empty(), "{answer}");
            let ids = members(&answer, "sourceId").concat();
            walked = if window == "first" {
                walked + &ids
            } else {
                ids + &walked
            };
            let info = &answer["data"]["customers"]["pageInfo"];
            cursor = info[to].clone();
            if info[on] == false {
                break;
            }
        }
        assert_eq!(walked, "01234", "{window}");
    }
}
