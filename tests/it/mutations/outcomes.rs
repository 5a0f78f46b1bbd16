//! How often a write is sent, and what is known of it afterwards.

use super::some_id;
use crate::support::gateway::{codes, id, refusals, start, start_with};
use crmql::demo::Fault;
use crmql::limits::Limits;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_mutations_run_one_after_the_other() {
    let gateway = start(12).await;
    gateway.forget();
    let make = |name: &str| {
        format!(
            "{name}: createCustomer(input: {{ source: \"flextell\", firstName: \"{name}\" }}) {{ outcome customer {{ firstName }} }}"
        )
    };
    let names = ["c", "a", "b", "d", "e"];
    let query = format!("mutation {{ {} }}", names.map(make).join(" "));
    let data = gateway.data(&query, json!({})).await;
    let sent: Vec<String> = gateway
        .seen("flextell")
        .iter()
        .map(|seen| seen.body.clone())
        .collect();
    assert_eq!(
        sent,
        names.map(|name| json!({ "first_name": name }).to_string())
    );
    let keys: Vec<&String> = data.as_object().unwrap().keys().collect();
    assert_eq!(keys, names);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_answer_is_lost_is_unknown_and_sent_once() {
    let limits = Limits {
        request_ms: 1_500,
        grace_ms: 5_000,
        ..Limits::default()
    };
    let slow = Fault::Latency(Duration::from_secs(20));
    for (fault, code) in [
        (Fault::Truncated, "SOURCE_UNAVAILABLE"),
        (slow, "SOURCE_TIMEOUT"),
        (Fault::Garbage, "SOURCE_INVALID_RESPONSE"),
        (
            Fault::Status {
                status: 503,
                retry_after: None,
            },
            "SOURCE_UNAVAILABLE",
        ),
    ] {
        for key in ["gtateth", "spirii"] {
            let limits = if code == "SOURCE_TIMEOUT" {
                limits.clone()
            } else {
                Limits::default()
            };
            let gateway = start_with(8, limits).await;
            let input = match key {
                "gtateth" => json!({ "source": key, "email": "lost@new.example" }),
                _ => {
                    json!({ "source": key, "name": "N", "country": "DK", "type": "PRIVATE", "email": "n@new.example",
                    "parentId": id(key, "1001") })
                }
            };
            gateway.forget();
            gateway.crm(key).set_fault(Some(fault.clone()));
            let made = gateway.write("createCustomer", input).await;
            assert_eq!(made["outcome"], "UNKNOWN", "{fault:?}: {made:#}");
            assert_eq!(
                refusals(&made),
                [(String::new(), code.to_owned())],
                "{fault:?}"
            );
            assert_eq!(
                (&made["errors"], &made["customer"]),
                (&Value::Null, &Value::Null),
                "{fault:?}"
            );
            let mut writes = gateway.calls(key);
            writes.retain(|call| call.starts_with("POST"));
            assert_eq!(writes.len(), 1, "{fault:?}: a write is never repeated");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_cannot_be_read_back_is_still_applied() {
    let gateway = start(8).await;
    let local = some_id(&gateway, "gormic", 3).await;
    gateway.crm("gormic").set_fault(Some(Fault::Every {
        nth: 2,
        fault: Box::new(Fault::Status {
            status: 403,
            retry_after: None,
        }),
    }));
    let query = "mutation($id: ID!) { up: updateCustomer(input: { id: $id, note: \"new\" }) { outcome userErrors { code } \
        shown: customer { id } } }";
    let answer = gateway
        .ask_with(query, json!({ "id": id("gormic", &local) }))
        .await;
    assert_eq!(answer["data"]["up"]["outcome"], "APPLIED", "{answer:#}");
    assert_eq!(answer["data"]["up"]["userErrors"], json!([]));
    assert_eq!(answer["data"]["up"]["shown"], Value::Null);
    assert_eq!(codes(&answer), ["FORBIDDEN"]);
    assert_eq!(
        answer["errors"][0]["path"],
        json!(["up", "shown"]),
        "under the name it was asked by"
    );
    let query =
        "mutation($id: ID!) { updateCustomer(input: { id: $id, note: \"newer\" }) { outcome } }";
    let answer = gateway
        .ask_with(query, json!({ "id": id("gormic", &local) }))
        .await;
    assert_eq!(
        answer,
        json!({ "data": { "updateCustomer": { "outcome": "APPLIED" } } })
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_stands_twice_is_one_write() {
    let gateway = start(3).await;
    let before = gateway.crm("gtateth").len();
    let create = "createCustomer(input: { source: \"gtateth\", firstName: \"Once\" })";
    let query = format!(
        "mutation {{ {create} {{ outcome }} ...A ... on Mutation {{ {create} {{ customer {{ id }} }} }} }} \
         fragment A on Mutation {{ {create} {{ customer {{ firstName }} }} }}"
    );
    let data = gateway.data(&query, json!({})).await;
    assert_eq!(gateway.crm("gtateth").len(), before + 1);
    let payload = &data["createCustomer"];
    assert_eq!(payload["outcome"], "APPLIED");
    assert_eq!(payload["customer"]["firstName"], "Once");
    assert!(payload["customer"]["id"].is_string());
}
