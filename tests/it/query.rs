//! What a query answers besides the customers themselves: freshness, headers, errors, and rows that moved too far.

use super::support::gateway::{codes, id, ids, start, start_with};
use crmql::demo::Fault;
use crmql::limits::Limits;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_of_a_customer_comes_from_its_record() {
    let gateway = start(3).await;
    let query = "query($id: ID!) { customer(id: $id) { id sourceId source { key name adapter } displayName firstName lastName email \
        phone { number e164 } company jobTitle tier status tags customFields createdAt updatedAt native name gender birthDate \
        parent { id } operator { id } owner { id } children { totalCount } archivedAt deletedAt } }";
    let record = gateway.records("gtateth").await[0].clone();
    let local = record["_id"].as_str().unwrap();
    let data = gateway
        .data(query, json!({ "id": id("gtateth", local) }))
        .await;
    let customer = &data["customer"];
    let profile = &record["profile"];
    assert_eq!(
        customer["source"],
        json!({ "key": "gtateth", "name": "G-Tateth", "adapter": "gtateth" })
    );
    for field in ["firstName", "lastName", "email", "company", "jobTitle"] {
        assert_eq!(customer[field], profile[field], "{field}");
    }
    assert_eq!(customer["sourceId"], record["_id"]);
    assert_eq!(customer["tags"], record["tags"]);
    assert_eq!(customer["customFields"], record["customFields"]);
    assert_eq!(customer["phone"]["number"], profile["phone"]);
    assert_eq!(customer["createdAt"], record["createdAt"]);
    assert_eq!(customer["native"]["profile"], *profile);
    let name = format!(
        "{} {}",
        profile["firstName"].as_str().unwrap(),
        profile["lastName"].as_str().unwrap()
    );
    assert_eq!(customer["displayName"], name.trim());
    for absent in [
        "name",
        "gender",
        "birthDate",
        "parent",
        "operator",
        "owner",
        "children",
        "archivedAt",
        "deletedAt",
    ] {
        assert_eq!(customer[absent], Value::Null, "{absent}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn freshness_is_told_to_the_millisecond() {
    let gateway = start(3).await;
    let before = jiff::Timestamp::now().as_millisecond();
    let fields = "freshness { fetchedAt stale fromCache }";
    let query = format!(
        "query($id: ID!) {{ customer(id: $id) {{ {fields} }} customers(first: 2) {{ nodes {{ {fields} }} }} }}"
    );
    let data = gateway
        .data(&query, json!({ "id": id("flextell", "1") }))
        .await;
    for freshness in [
        &data["customer"]["freshness"],
        &data["customers"]["nodes"][1]["freshness"],
    ] {
        let text = freshness["fetchedAt"].as_str().unwrap();
        let digits = text
            .split_once('.')
            .map_or("", |(_, digits)| digits.trim_end_matches('Z'));
        assert!(digits.len() <= 3, "{text}");
        let at: jiff::Timestamp = text.parse().unwrap();
        assert!(
            (before..=jiff::Timestamp::now().as_millisecond()).contains(&at.as_millisecond()),
            "{text}"
        );
        assert_eq!(
            (&freshness["stale"], &freshness["fromCache"]),
            (&json!(false), &json!(false))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_failure_has_code_source_wait_status_and_request_id() {
    let gateway = start(3).await;
    for (key, local) in [
        ("gtateth", "650000000000000000ffffff"),
        ("gormic", "x"),
        ("flextell", "1"),
        ("spirii", "1001"),
    ] {
        let query = "query($id: ID!) { it: customer(id: $id) { id } ok: sources { key } }";
        gateway
            .ask_with(query, json!({ "id": id(key, local) }))
            .await;
        for (status, retry_after, code, retryable) in [
            (
                403,
                None,
                if key == "spirii" {
                    "SOURCE_CREDENTIALS"
                } else {
                    "FORBIDDEN"
                },
                false,
            ),
            (500, None, "SOURCE_UNAVAILABLE", true),
            (503, Some(25), "SOURCE_UNAVAILABLE", true),
            // The last one: it is not asked again before its limit allows it.
            (429, Some(25), "SOURCE_RATE_LIMITED", true),
        ] {
            let case = format!("{key} {status}");
            gateway.crm(key).set_fault(Some(Fault::Status {
                status,
                retry_after,
            }));
            let answer = gateway
                .ask_as(
                    query,
                    json!({ "id": id(key, local) }),
                    &[("x-request-id", "given-by-me")],
                )
                .await;
            gateway.crm(key).set_fault(None);
            assert_eq!(answer["data"]["it"], Value::Null, "{case}");
            assert_eq!(answer["data"]["ok"].as_array().unwrap().len(), 4, "{case}");
            assert_eq!(codes(&answer), [code], "{case}: {answer:#}");
            let error = &answer["errors"][0];
            assert_eq!(error["path"], json!(["it"]), "{case}");
            let extensions = &error["extensions"];
            assert_eq!(extensions["source"], key, "{case}");
            assert_eq!(extensions["retryable"], retryable, "{case}");
            assert_eq!(extensions["upstreamStatus"], status, "{case}");
            let wait = extensions["retryAfterSeconds"].as_u64();
            assert!(
                wait.is_some() == retry_after.is_some() && wait >= retry_after,
                "{case}: {wait:?}"
            );
            assert!(extensions["requestId"].is_string(), "{case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn variables_defaults_fragments_and_directives_work_together() {
    let gateway = start(3).await;
    let query = "query Q($n: Int = 2, $with: Boolean!, $dir: OrderDirection! = DESC) { a: customers(first: $n, sources: [\"spirii\"], \
        orderBy: { field: ID, direction: $dir }) { ...page } b: customers(first: 1) @skip(if: $with) { ...page } } \
        fragment page on CustomerConnection { edges { node { ... on Node { id } sourceId @include(if: $with) } } pageInfo { hasNextPage } }";
    let data = gateway.data(query, json!({ "with": true })).await;
    assert_eq!(data["a"]["edges"].as_array().unwrap().len(), 2);
    assert_eq!(data["a"]["edges"][0]["node"]["sourceId"], "1003");
    assert!(data.get("b").is_none());
    let keys: Vec<&String> = data["a"]["edges"][0]["node"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(keys, ["id", "sourceId"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_inserted_and_deleted_between_pages_repeat_and_hide_nobody() {
    let gateway = start(40).await;
    for key in ["gtateth", "flextell", "spirii"] {
        let query = format!(
            "query($a: String) {{ customers(first: 10, after: $a, sources: [{key:?}]) {{ edges {{ cursor node {{ id }} }} }} }}"
        );
        let all = ids(&gateway
            .walk(&format!("sources: [{key:?}]"), "", &[100])
            .await);
        let first = gateway.data(&query, json!({})).await["customers"]["edges"].take();
        let cursor = &first[9]["cursor"];
        assert_eq!(ids(first.as_array().unwrap()), all[..10]);
        let mut expected = all[10..20].to_vec();
        if key == "gtateth" {
            // The row before, the cursor's own, and the first of the next page go.
            for gone in [&all[8], &all[9], &all[10]] {
                assert_eq!(
                    gateway.write("deleteCustomer", json!({ "id": gone })).await["outcome"],
                    "APPLIED"
                );
            }
            expected = all[11..21].to_vec();
        }
        let next = gateway.data(&query, json!({ "a": cursor })).await["customers"]["edges"].take();
        assert_eq!(ids(next.as_array().unwrap()), expected, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_is_not_found_again_is_said() {
    let gateway = start(60).await;
    let query = "query($a: String) { customers(first: 10, after: $a, sources: [\"gtateth\"]) { edges { cursor node { id } } } }";
    let all = ids(&gateway.walk("sources: [\"gtateth\"]", "", &[100]).await);
    let first = gateway.ask_with(query, json!({})).await;
    assert_eq!(first["extensions"], Value::Null);
    let cursor = &first["data"]["customers"]["edges"][9]["cursor"];
    for gone in &all[..10] {
        assert_eq!(
            gateway.write("deleteCustomer", json!({ "id": gone })).await["outcome"],
            "APPLIED"
        );
    }
    let answer = gateway.ask_with(query, json!({ "a": cursor })).await;
    let next = ids(answer["data"]["customers"]["edges"].as_array().unwrap());
    let kept: Vec<&String> = next.iter().filter(|id| all[10..].contains(id)).collect();
    assert_eq!(kept.len(), 10, "{answer:#}");
    assert_eq!(
        answer["extensions"],
        json!({ "paging": { "drift": "unresolved" } }),
        "{next:#?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_is_read_by_the_next_query() {
    let gateway = start(4).await;
    let rows = gateway.walk("sources: [\"gtateth\"]", "", &[100]).await;
    let one = &rows[1]["node"]["id"];
    let query = "mutation($id: ID!) { a: updateCustomer(input: { id: $id, company: \"First\" }) { customer { company } } \
        b: updateCustomer(input: { id: $id, company: \"Second\" }) { customer { company } } }";
    let data = gateway.data(query, json!({ "id": one })).await;
    assert_eq!(
        (
            &data["a"]["customer"]["company"],
            &data["b"]["customer"]["company"]
        ),
        (&json!("First"), &json!("Second"))
    );
    let data = gateway
        .data(
            "query($id: ID!) { customer(id: $id) { company } }",
            json!({ "id": one }),
        )
        .await;
    assert_eq!(data["customer"]["company"], "Second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_that_never_ends_is_given_up() {
    let limits = Limits {
        request_ms: 300,
        grace_ms: 0,
        ..Limits::default()
    };
    let gateway = start_with(3, limits).await;
    for key in ["gtateth", "gormic", "flextell", "spirii"] {
        gateway
            .crm(key)
            .set_fault(Some(Fault::Latency(Duration::from_secs(60))));
    }
    let answer = gateway.ask("{ customers { nodes { id } } }").await;
    let codes = codes(&answer);
    assert!(
        !codes.is_empty() && codes.iter().all(|code| *code == "SOURCE_TIMEOUT"),
        "{answer:#}"
    );
}

/// What is wrong with a variable is named as the same fault in a document is, and no value is repeated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_variables_are_named() {
    let gateway = start(1).await;
    let create = "mutation($i: CreateCustomerInput!) { createCustomer(input: $i) { outcome } }";
    for (query, variables, message, line) in [
        (
            create,
            json!({ "i": { "source": "gtateth", "fristName": "x" } }),
            "variable $i: field `fristName` does not exist on `CreateCustomerInput`",
            10,
        ),
        (
            create,
            json!({ "i": { "source": "gtateth", "ada@example.org": "x" } }),
            "variable $i: an input object has a key that is not in type CreateCustomerInput",
            10,
        ),
        (
            "query($i: [ID!] = [\"a\"]) { nodes(ids: $i) { id } }",
            json!({ "i": null }),
            "variable $i: it is null, which `ids` must not be",
            28,
        ),
        (
            "query($p: SourceFailurePolicy = SKIP) { customers(onSourceFailure: $p) { order } }",
            json!({ "p": null }),
            "variable $p: it is null, which `onSourceFailure` must not be",
            41,
        ),
        (
            "query($d: OrderDirection = ASC) { customers(orderBy: { field: ID, direction: $d }) { order } }",
            json!({ "d": null }),
            "variable $d: it is null, which `direction` must not be",
            35,
        ),
    ] {
        let answer = gateway.ask_with(query, variables).await;
        assert_eq!(codes(&answer), ["INVALID_INPUT"], "{answer:#}");
        assert_eq!(answer["errors"][0]["message"], message, "{answer:#}");
        let place = &answer["errors"][0]["locations"][0];
        assert_eq!(place["column"], line, "{answer:#}");
    }
    assert_eq!(gateway.call_count(), 0);
}
