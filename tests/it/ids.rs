//! Global ids: which are refused, which name nothing any more, and what `node` and `nodes` make of them.

use super::support::gateway::{codes, id, raw_id, start};
use serde_json::{Value, json};

const NODE: &str = "query($id: ID!) { node(id: $id) { __typename id } }";
const CUSTOMER: &str = "query($id: ID!) { customer(id: $id) { id } }";
const NODES: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Customer { sourceId } ... on Source { key } } }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_id_of_this_gateway_is_refused_before_any_call() {
    let gateway = start(5).await;
    gateway.forget();
    let wrong = [
        String::new(),
        "x".to_owned(),
        "1001".to_owned(),
        "%%%".to_owned(),
        "ÆØÅ".to_owned(),
        format!("{}=", id("spirii", "1001")),
        raw_id(""),
        raw_id("c"),
        raw_id("cspirii"),
        raw_id("cspirii\0"),
        raw_id("xspirii\x001001"),
        id("nobody", "1"),
        id("spirii", "."),
        id("spirii", ".."),
        id("gormic", "../x"),
        id("gormic", "a/../b"),
        id("gormic", "a\\..\\b"),
        id("spirii", "10\u{0}01"),
        id("spirii", "10\n01"),
        id("spirii", "10\u{7f}01"),
        id("spirii", "1".repeat(513)),
        id("gormic", "export"),
        "A".repeat(100_000),
    ];
    for text in &wrong {
        for query in [NODE, CUSTOMER] {
            let answer = gateway.ask_with(query, json!({ "id": text })).await;
            let shown: String = text.chars().take(60).collect();
            assert_eq!(codes(&answer), ["INVALID_ID"], "{shown:?}: {answer:#}");
            let message = answer["errors"][0]["message"].as_str().unwrap();
            assert!(
                text.is_empty() || !message.contains(text.as_str()),
                "{message}"
            );
        }
    }
    let answer = gateway
        .ask_with(CUSTOMER, json!({ "id": raw_id("sspirii") }))
        .await;
    assert_eq!(codes(&answer), ["INVALID_ID"], "a source is no customer");
    let answer = gateway
        .ask_with(NODE, json!({ "id": raw_id("snobody") }))
        .await;
    assert_eq!(codes(&answer), ["INVALID_ID"]);
    assert_eq!(gateway.call_count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_stays_one_segment_of_the_path() {
    let gateway = start(5).await;
    for local in [
        "..x", "a/b", "a\\b", "a?b=c", "a#b", "a%2Fb", "a b", "é", "a&b;c", "..%2f",
    ] {
        gateway.forget();
        let answer = gateway
            .ask_with(NODE, json!({ "id": id("gormic", local) }))
            .await;
        assert_eq!(answer["data"]["node"], Value::Null);
        let calls = gateway.calls("gormic");
        assert_eq!(calls.len(), 1, "{calls:?}");
        let segment = calls[0].strip_prefix("GET /v1/crm/customers/").unwrap();
        assert!(
            !segment.contains(['/', '?', '#', ' ']),
            "{local}: {segment}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absent_is_null_and_nothing_else_is() {
    let gateway = start(5).await;
    for absent in [
        id("gtateth", "650000000000000000ffffff"),
        id("gormic", "0123456789abcdef"),
        id("flextell", "999999"),
        id("spirii", "999999"),
        id("spirii", "no number"),
    ] {
        let answer = gateway.ask_with(NODE, json!({ "id": absent })).await;
        if absent == id("spirii", "no number") {
            assert!(answer["data"]["node"].is_null());
            continue;
        }
        assert_eq!(answer, json!({ "data": { "node": null } }), "{absent}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_customer_and_source_is_found_again_by_its_id() {
    let gateway = start(4).await;
    let rows = gateway.walk("", "", &[100]).await;
    let mut asked: Vec<Value> = rows.iter().map(|edge| edge["node"]["id"].clone()).collect();
    let sources = gateway.data("{ sources { id key } }", json!({})).await;
    for source in sources["sources"].as_array().unwrap() {
        asked.push(source["id"].clone());
        let found = gateway.data(NODE, json!({ "id": source["id"] })).await;
        assert_eq!(
            found["node"],
            json!({ "__typename": "Source", "id": source["id"] })
        );
    }
    let found = gateway.data(NODES, json!({ "ids": asked })).await;
    let back: Vec<Value> = found["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["id"].clone())
        .collect();
    assert_eq!(back, asked);
    for key in ["gtateth", "nobody"] {
        let data = gateway
            .data(
                "query($k: String!) { source(key: $k) { key } }",
                json!({ "k": key }),
            )
            .await;
        assert_eq!(data["source"].is_null(), key == "nobody");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_keep_the_order_and_fail_one_by_one() {
    let gateway = start(5).await;
    let own = id("spirii", "1002");
    let asked = json!({ "ids": [
        own, "nonsense", raw_id("sgormic"), id("spirii", "999999"), own, id("spirii", "1001"), id("gormic", "export"),
        id("flextell", "1"),
    ] });
    let answer = gateway.ask_with(NODES, asked).await;
    let customer = |source: &str, local: &str| json!({ "__typename": "Customer", "id": id(source, local), "sourceId": local });
    assert_eq!(
        answer["data"]["nodes"],
        json!([
            customer("spirii", "1002"), null, { "__typename": "Source", "id": raw_id("sgormic"), "key": "gormic" }, null,
            customer("spirii", "1002"), customer("spirii", "1001"), null, customer("flextell", "1"),
        ])
    );
    assert_eq!(codes(&answer), ["INVALID_ID", "INVALID_ID"]);
    let paths: Vec<&Value> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["path"])
        .collect();
    assert_eq!(paths, [&json!(["nodes", 1]), &json!(["nodes", 6])]);
    let answer = gateway
        .ask_with(NODES, json!({ "ids": vec![own; 101] }))
        .await;
    assert_eq!(codes(&answer), ["INVALID_INPUT"]);
    assert_eq!(
        gateway.data(NODES, json!({ "ids": [] })).await["nodes"],
        json!([])
    );
}
