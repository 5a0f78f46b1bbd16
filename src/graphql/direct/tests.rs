//! What needs no executor answers as if it had gone through it: arguments, variables, errors and all.

use crate::graphql::Gateway;
use crate::graphql::plain::tests::{answered, memory, memory_of, over, over_all};
use crate::source::memory::{MemorySource, Shape};
use crate::source::{Paging, Row, Sizes, SourceErrorKind};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What makes a customer's selection need the executor.
const LONG_WAY: &str = "zz: customFields";

fn without_mark(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.shift_remove("zz");
            fields.values_mut().for_each(without_mark);
        }
        Value::Array(items) => items.iter_mut().for_each(without_mark),
        _ => {}
    }
}

/// The answers of both ways; `{}` in the query is where the mark goes.
async fn both(gateway: &Gateway, query: &str, variables: &Value) -> [String; 2] {
    let variables: Map<String, Value> = variables.as_object().cloned().unwrap_or_default();
    // As long as the mark, so that every field stands at the same place.
    let nothing = " ".repeat(LONG_WAY.len());
    let short = answered(gateway, &query.replace("{}", &nothing), variables.clone()).await;
    let long = answered(gateway, &query.replace("{}", LONG_WAY), variables).await;
    let mut long: Value = serde_json::from_str(&long).unwrap();
    without_mark(&mut long);
    [short, long.to_string()]
}

async fn same(gateway: &Gateway, query: &str, variables: &Value) -> Value {
    let [short, long] = both(gateway, query, variables).await;
    let short: Value = serde_json::from_str(&short).unwrap();
    assert_eq!(short.to_string(), long, "{query} {variables}");
    short
}

async fn id_of_the_first(gateway: &Gateway) -> Value {
    let answer = same(
        gateway,
        "{ customers(first: 1) { nodes { id {} } } }",
        &Value::Null,
    )
    .await;
    answer["data"]["customers"]["nodes"][0]["id"].clone()
}

#[tokio::test]
async fn arguments_mean_the_same() {
    let gateway = over(&memory());
    let id = id_of_the_first(&gateway).await;
    let window = "query($n: Int, $a: String, $b: String, $l: Int) { customers(first: $n, after: $a, before: $b, last: $l) \
                  { nodes { sourceId {} } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
    let first = same(&gateway, window, &json!({"n": 2})).await;
    let cursor = &first["data"]["customers"]["pageInfo"]["endCursor"];
    let filtered = "query($f: CustomerFilter, $o: CustomerOrder) { customers(filter: $f, orderBy: $o) { nodes { id {} } } }";
    let inner = "query($e: String, $s: String! = \"memory\") { customers(sources: [$s], filter: {email: $e}, unsupportedFilter: SCAN) \
                 { totalCount nodes { email {} } } }";
    let one = "query($id: ID!) { other: customer(id: $id) { __typename sourceId {} } }";
    for (query, variables) in [
        (window, json!({})),
        (window, json!({"n": null, "a": null})),
        (window, json!({"n": 3, "a": cursor})),
        (window, json!({"l": 2})),
        (window, json!({"l": 1, "b": cursor})),
        (window, json!({"n": 1, "l": 1})),
        (window, json!({"n": 1, "a": "no cursor"})),
        (window, json!({"n": -1})),
        (window, json!({"n": 1_000})),
        (filtered, json!({"f": null, "o": null})),
        (filtered, json!({"f": {"ids": [id]}})),
        (filtered, json!({"f": {"ids": ["none of ours"]}})),
        (filtered, json!({"f": {"email": "ann1@example.com"}})),
        (
            filtered,
            json!({"f": {"deleted": "ONLY", "createdAt": {"gte": "2024-01-01T00:00:00Z"}}}),
        ),
        (filtered, json!({"o": {"field": "ID"}})),
        (
            filtered,
            json!({"o": {"field": "CREATED_AT", "direction": "DESC"}}),
        ),
        (inner, json!({})),
        (inner, json!({"e": "ann2@example.com"})),
        (inner, json!({"e": null})),
        (inner, json!({"s": "nowhere"})),
        (one, json!({"id": id})),
        (one, json!({"id": 7})),
        (one, json!({"id": "none of ours"})),
        ("{ customers(sources: []) { nodes { id {} } } }", json!({})),
        (
            "{ customers(onSourceFailure: FAIL, unsupportedFilter: REFUSE) { nodes { id {} } } }",
            json!({}),
        ),
        (
            "{ b: customers(last: 1) { nodes { sourceId {} } } a: customers(first: 1) { nodes { sourceId {} } } c: customer(id: \"x\") { id {} } }",
            json!({}),
        ),
    ] {
        same(&gateway, query, &variables).await;
    }
}

#[tokio::test]
async fn a_source_that_fails_is_told_alike() {
    let source = memory();
    let gateway = over(&source);
    source.set_failing(Some(SourceErrorKind::Unavailable));
    for policy in ["SKIP", "FAIL"] {
        let list = format!(
            "{{ a: customers(onSourceFailure: {policy}) {{ nodes {{ id {{}} }} sources {{ outcome error {{ code }} }} }} }}"
        );
        let answer = same(&gateway, &list, &Value::Null).await;
        assert_eq!(answer["errors"][0]["path"], json!(["a"]), "{policy}");
    }
}

fn asked(source: &MemorySource) -> usize {
    source.take_asked().len()
}

#[tokio::test]
async fn what_was_read_for_a_record_that_is_not_plain_is_not_read_again() {
    let source: Arc<MemorySource> = memory();
    let gateway = over(&source);
    source.insert(
        3,
        Row::Unreadable {
            reason: "the record has no id",
            key: None,
        },
    );
    asked(&source);
    let list = "{ one: customers(first: 100) { nodes { sourceId city } } two: customers(first: 2) { nodes { sourceId } } }";
    let answer = answered(&gateway, list, Map::new()).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(asked(&source), 2, "one call for each list");
    let paths: Vec<&Value> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["path"])
        .collect();
    // The row without an id, and the city that could not be read.
    assert_eq!(
        paths,
        [&json!(["one"]), &json!(["one", "nodes", 7, "city"])]
    );
    assert_eq!(answer["data"]["two"]["nodes"].as_array().unwrap().len(), 2);
    let [short, long] = both(&gateway, &list.replace("city", "city {}"), &Value::Null).await;
    assert_eq!(short, long);
}

#[tokio::test]
async fn what_a_failing_source_costs_the_others_is_decided_alike() {
    let (good, bad) = (memory(), memory());
    let gateway = over_all(&[good, Arc::clone(&bad)]);
    bad.set_failing(Some(SourceErrorKind::Unavailable));
    for (policy, shown) in [
        ("", true),
        ("onSourceFailure: SKIP, ", true),
        ("onSourceFailure: FAIL, ", false),
    ] {
        let list = format!(
            "{{ customers({policy}first: 7) {{ totalCount nodes {{ id {{}} }} sources {{ outcome }} }} }}"
        );
        let answer = same(&gateway, &list, &Value::Null).await;
        assert_eq!(answer["data"]["customers"].is_object(), shown, "{policy}");
    }
}

#[tokio::test]
async fn what_follows_a_window_is_looked_for_alike() {
    // Nobody tells how long the list is.
    let shape = Shape::new(Paging::Offset(Sizes { min: 1, max: 100 }));
    let gateway = over(&memory_of(shape));
    for asked in ["hasNextPage", "hasPreviousPage", "endCursor"] {
        for first in [3, 6, 7] {
            let list = format!(
                "{{ customers(first: {first}) {{ nodes {{ id {{}} }} pageInfo {{ {asked} }} }} }}"
            );
            same(&gateway, &list, &Value::Null).await;
        }
    }
}
