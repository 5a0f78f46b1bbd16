//! The emulated CRMs: how few calls are made, and when an old answer stands in.

use super::{BRIEF, FRESHNESS, LONG, OVER};
use crate::support::gateway::{codes, id, start, start_cached};
use crmql::demo::Fault;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_with_relatives_is_two_calls_cold_and_none_warm() {
    let gateway = start_cached(120, LONG).await;
    let query = "{ customers(sources: [\"spirii\"], orderBy: { field: ID, direction: DESC }, first: 50) { \
                 nodes { id displayName parent { displayName } operator { displayName } } sources { upstreamCalls } } }";
    let cold = gateway.data(query, json!({})).await;
    assert_eq!(gateway.calls("spirii").len(), 2);
    gateway.forget();
    let warm = gateway.data(query, json!({})).await;
    assert_eq!(gateway.call_count(), 0);
    assert_eq!(cold["customers"]["nodes"], warm["customers"]["nodes"]);
    assert_eq!(cold["customers"]["sources"][0]["upstreamCalls"], 1);
    assert_eq!(warm["customers"]["sources"][0]["upstreamCalls"], 0);
    let ids: Vec<&Value> = cold["customers"]["nodes"].as_array().unwrap()[..20]
        .iter()
        .map(|node| &node["id"])
        .collect();
    let query = format!(
        "query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Customer {{ id native {FRESHNESS} }} }} }}"
    );
    let nodes = gateway.data(&query, json!({ "ids": ids })).await;
    assert_eq!(gateway.call_count(), 0, "a row of the list is the record");
    assert_eq!(nodes["nodes"][7]["id"], *ids[7]);
    assert_eq!(nodes["nodes"][7]["freshness"]["fromCache"], json!(true));
    let alone = start(120).await;
    let read = alone.data(&query, json!({ "ids": ids })).await;
    for (listed, read) in nodes["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .zip(read["nodes"].as_array().unwrap())
    {
        assert_eq!(listed["native"], read["native"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_identical_queries_at_once_are_one_call() {
    let gateway = Arc::new(start(60).await);
    gateway
        .crm("gtateth")
        .set_fault(Some(Fault::Latency(Duration::from_millis(1_500))));
    let query = "{ customers(sources: [\"gtateth\"], first: 20) { nodes { id } sources { upstreamCalls } } }";
    let asking: Vec<_> = (0..200)
        .map(|_| {
            let gateway = Arc::clone(&gateway);
            tokio::spawn(async move { gateway.data(query, json!({})).await })
        })
        .collect();
    let mut paid = 0;
    for asked in asking {
        let data = asked.await.unwrap();
        assert_eq!(data["customers"]["nodes"].as_array().unwrap().len(), 20);
        paid += data["customers"]["sources"][0]["upstreamCalls"]
            .as_u64()
            .unwrap();
    }
    assert_eq!(gateway.calls("gtateth").len(), 1);
    assert_eq!(paid, 1, "who joins pays nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_asked_for_under_aliases_are_one_call() {
    let gateway = start(60).await;
    let fields: Vec<String> = (0..15)
        .map(|n| {
            format!(
                "c{n}: customer(id: {:?}) {{ sourceId }}",
                id("spirii", (1_010 + n).to_string())
            )
        })
        .collect();
    let query = format!(
        "{{ {} node(id: {:?}) {{ id }} }}",
        fields.join(" "),
        id("spirii", "1003")
    );
    let data = gateway.data(&query, json!({})).await;
    assert_eq!(data["c14"]["sourceId"], "1024");
    assert!(data["node"].is_object());
    assert_eq!(
        gateway.calls("spirii").len(),
        1,
        "{:#?}",
        gateway.calls("spirii")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_is_seen_by_the_next_read_of_everything() {
    let gateway = start_cached(30, LONG).await;
    let list =
        "{ customers(sources: [\"gtateth\"], first: 3) { totalCount nodes { id displayName } } }";
    let before = gateway.data(list, json!({})).await;
    let first = before["customers"]["nodes"][0]["id"].clone();
    let one = "query($id: ID!) { customer(id: $id) { displayName firstName } }";
    gateway.data(one, json!({ "id": first })).await;
    let input = json!({ "id": first, "firstName": "Renamed" });
    assert_eq!(
        gateway.write("updateCustomer", input).await["outcome"],
        "APPLIED"
    );
    let after = gateway.data(one, json!({ "id": first })).await;
    assert_eq!(after["customer"]["firstName"], "Renamed");
    let listed = gateway.data(list, json!({})).await;
    let name = listed["customers"]["nodes"][0]["displayName"]
        .as_str()
        .unwrap();
    assert!(name.starts_with("Renamed"), "{name}");
    assert_eq!(
        gateway
            .write("deleteCustomer", json!({ "id": first }))
            .await["outcome"],
        "APPLIED"
    );
    let gone = gateway.data(one, json!({ "id": first })).await;
    assert_eq!(gone["customer"], Value::Null);
    let left = gateway.data(list, json!({})).await;
    assert_ne!(left["customers"]["nodes"][0]["id"], first);
    assert_eq!(
        left["customers"]["totalCount"].as_u64().unwrap() + 1,
        before["customers"]["totalCount"].as_u64().unwrap()
    );
    gateway.forget();
    let refused = gateway
        .write(
            "updateCustomer",
            json!({ "id": id("gtateth", "x"), "tags": [] }),
        )
        .await;
    assert_eq!(refused["outcome"], "NOT_APPLIED");
    let sent = gateway.call_count();
    gateway.data(list, json!({})).await;
    assert_eq!(
        gateway.call_count() - sent,
        usize::from(sent > 0),
        "a refusal before any call forgets nothing"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_crm_fails_a_stale_answer_stands_in_and_says_so() {
    let gateway = start_cached(30, BRIEF).await;
    let list = format!(
        "{{ customers(sources: [\"gormic\"], first: 3) {{ nodes {{ id {FRESHNESS} }} sources {{ outcome }} }} }}"
    );
    let first = gateway.data(&list, json!({})).await;
    let known = first["customers"]["nodes"][0]["id"].clone();
    let one = format!("query($id: ID!) {{ customer(id: $id) {{ displayName {FRESHNESS} }} }}");
    let shown = gateway.data(&one, json!({ "id": known })).await;
    let other = id("gormic", "never-asked-for");
    tokio::time::sleep(OVER).await;
    gateway.crm("gormic").set_fault(Some(Fault::Status {
        status: 503,
        retry_after: None,
    }));
    let stale = gateway.data(&one, json!({ "id": known })).await;
    assert_eq!(
        stale["customer"]["displayName"],
        shown["customer"]["displayName"]
    );
    assert_eq!(stale["customer"]["freshness"]["stale"], json!(true));
    assert_eq!(stale["customer"]["freshness"]["fromCache"], json!(true));
    assert_eq!(
        stale["customer"]["freshness"]["fetchedAt"],
        shown["customer"]["freshness"]["fetchedAt"]
    );
    let listed = gateway.data(&list, json!({})).await;
    assert_eq!(
        listed["customers"]["nodes"][2]["freshness"]["stale"],
        json!(true)
    );
    let through = gateway
        .ask_as(
            &one,
            json!({ "id": known }),
            &[("cache-control", "no-cache")],
        )
        .await;
    assert_eq!(
        codes(&through),
        ["SOURCE_UNAVAILABLE"],
        "who asks for news gets no old row"
    );
    let unknown = gateway.ask_with(&one, json!({ "id": other })).await;
    assert_eq!(codes(&unknown), ["SOURCE_UNAVAILABLE"]);
    gateway.crm("gormic").set_fault(None);
    let mut fresh = gateway.data(&one, json!({ "id": known })).await;
    // The CRM failed so often that it is left alone for some seconds; until then the row stays the stale one.
    for _ in 0..40 {
        if fresh["customer"]["freshness"]["stale"] == json!(false) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
        fresh = gateway.data(&one, json!({ "id": known })).await;
    }
    assert_eq!(fresh["customer"]["freshness"]["stale"], json!(false));
    assert_eq!(fresh["customer"]["freshness"]["fromCache"], json!(false));
}
