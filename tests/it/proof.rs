//! What proves that a write was done, and by whom: never the status alone where the CRM's pages say that more comes back, never
//! somebody else's customer.

use super::support::crm::{Crm, Play, Seen};
use super::support::gateway::{codes, id};
use crate::silent::before;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The payload of a mutation, whose errors stand beside it.
async fn write(crms: &[&Crm], adapter: &str, call: &str) -> Value {
    sent(&before(crms, adapter), call).await
}

async fn sent(gateway: &crate::odd_data::direct::Asked, call: &str) -> Value {
    let shown = if call.starts_with("delete") {
        "deletedCustomerId"
    } else {
        "customer { sourceId displayName }"
    };
    let query =
        format!("mutation {{ done: {call} {{ outcome {shown} userErrors {{ field code }} }} }}");
    let mut answer = gateway.ask(&query).await;
    let mut done = answer["data"]["done"].take();
    assert!(done.is_object(), "{query}: {answer:#}");
    done["errors"] = answer["errors"].take();
    done
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// A record of a built-in adapter's CRM, made just now.
fn record(adapter: &str, local: u64, name: &str) -> Value {
    match adapter {
        "gtateth" => {
            json!({ "_id": format!("g{local}"), "profile": { "firstName": name, "email": "a@b.example" },
            "createdAt": now() })
        }
        "gormic" => {
            json!({ "id": format!("g{local}"), "firstName": name, "phone": "12345678", "email": "a@b.example",
            "createdAt": now() })
        }
        "flextell" => {
            json!({ "id": local, "first_name": name, "email": "a@b.example", "created_at": now() })
        }
        _ => {
            json!({ "id": local, "name": name, "contactDetails": { "email": "a@b.example" }, "createdAt": now() })
        }
    }
}

/// What a built-in adapter's CRM answers to any read, with these customers.
fn shown(adapter: &str, seen: &Seen, rows: &[Value]) -> Play {
    let path = seen.target.split('?').next().unwrap();
    let one = match adapter {
        "gormic" => !path.ends_with("export"),
        "spirii" => false,
        _ => !path.ends_with("customers"),
    };
    let rows: Vec<Value> = match seen.target.split_once("customerIds=") {
        Some((_, rest)) if adapter == "spirii" => {
            let wanted: u64 = rest.split('&').next().unwrap().parse().unwrap();
            let asked = |row: &&Value| row["id"] == wanted;
            rows.iter().filter(asked).cloned().collect()
        }
        _ => rows.to_vec(),
    };
    let count = rows.len();
    let first = rows.first().cloned();
    let body = match (adapter, one) {
        (_, true) if first.is_none() => {
            return match adapter {
                "gormic" => Play::Json(400, json!({ "error": { "code": "NotFound" } })),
                _ => Play::Json(404, json!({ "error": "not_found", "message": "none" })),
            };
        }
        ("gormic", true) => json!({ "data": { "user": first } }),
        ("gormic", false) => json!({ "data": { "items": rows } }),
        ("gtateth", true) => json!({ "success": true, "data": first }),
        ("gtateth", false) => json!({ "success": true, "data": rows,
            "pagination": { "total": count, "page": 1, "limit": 100, "totalPages": 1 } }),
        ("flextell", true) => json!({ "success": "true", "data": first }),
        ("flextell", false) => json!({ "data": rows,
            "meta": { "total": count, "last_page": 1, "current_page": 1 } }),
        _ => json!({ "data": rows, "count": count, "limit": 100, "offset": 0 }),
    };
    Play::Json(200, body)
}

/// A CRM that answers writes so, and has these customers.
async fn crm(adapter: &'static str, write: Play, rows: Vec<Value>) -> Crm {
    Crm::answering(move |seen, _| match seen.method.as_str() {
        "GET" => shown(adapter, seen, &rows),
        _ => write.clone(),
    })
    .await
}

fn update(adapter: &str, local: u64, name: &str) -> String {
    let (local, field) = match adapter {
        "gtateth" | "gormic" => (format!("g{local}"), "firstName"),
        "flextell" => (local.to_string(), "firstName"),
        _ => (local.to_string(), "name"),
    };
    let id = id("crm0", local);
    format!("updateCustomer(input: {{ id: {id:?}, {field}: {name:?} }})")
}

fn create(adapter: &str, key: &str) -> String {
    let parent = id("crm0", "1");
    let fields = match adapter {
        "gormic" => {
            "firstName: \"Ann\", phone: { number: \"12345678\" }, email: \"a@b.example\"".to_owned()
        }
        "spirii" => format!(
            "name: \"Ann\", country: \"DK\", type: PRIVATE, email: \"a@b.example\", parentId: {parent:?}"
        ),
        _ => "firstName: \"Ann\", email: \"a@b.example\"".to_owned(),
    };
    let key = if key.is_empty() {
        String::new()
    } else {
        format!(", idempotencyKey: {key:?}")
    };
    format!("createCustomer(input: {{ source: \"crm0\", {fields}{key} }})")
}

const ALL: [&str; 4] = ["gtateth", "gormic", "flextell", "spirii"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_inside_a_good_status_is_a_refusal() {
    let old = record("flextell", 7, "Old");
    let odd = json!({ "error": { "type": "invalid_request", "code": "x", "message": "m" } });
    for (adapter, body) in [
        ("flextell", json!({ "success": "false", "message": "no" })),
        ("flextell", json!({ "success": false, "data": null })),
        ("flextell", json!({ "success": false, "data": old })),
        (
            "flextell",
            json!({ "error": "validation_error", "message": "no" }),
        ),
        ("spirii", odd),
    ] {
        let crm = crm(
            adapter,
            Play::Json(200, body.clone()),
            vec![record(adapter, 7, "Old")],
        )
        .await;
        let mut calls = vec![update(adapter, 7, "Ann"), create(adapter, "")];
        if adapter == "spirii" {
            calls.push(format!(
                "deleteCustomer(input: {{ id: {:?} }})",
                id("crm0", "7")
            ));
        }
        for call in calls {
            let done = write(&[&crm], adapter, &call).await;
            assert_eq!(
                done["outcome"], "NOT_APPLIED",
                "{adapter} {body} {call}: {done:#}"
            );
            assert_eq!(done["userErrors"][0]["code"], "INVALID_INPUT", "{done:#}");
            assert_eq!(
                (&done["customer"], &done["errors"]),
                (&Value::Null, &Value::Null)
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_whose_answer_shows_no_such_customer_is_read_back() {
    let answers = [
        Play::Json(200, json!({})),
        Play::Raw(200, vec![], vec![]),
        Play::Raw(204, vec![], vec![]),
        Play::Json(
            200,
            json!({ "id": 8, "name": "Ann", "success": true, "data": { "id": 8, "_id": "g8" } }),
        ),
        Play::Reset,
    ];
    for adapter in ["gtateth", "flextell", "spirii"] {
        for answer in &answers {
            for (now, outcome) in [("Ann", "APPLIED"), ("Old", "UNKNOWN")] {
                let crm = crm(adapter, answer.clone(), vec![record(adapter, 7, now)]).await;
                let done = write(&[&crm], adapter, &update(adapter, 7, "Ann")).await;
                assert_eq!(
                    done["outcome"], outcome,
                    "{adapter} {answer:?} {now}: {done:#}"
                );
                let applied = outcome == "APPLIED";
                assert_eq!(
                    done["customer"]["displayName"] == "Ann",
                    applied,
                    "{done:#}"
                );
                assert_eq!(done["errors"], Value::Null);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_whose_answer_names_nobody_is_looked_for() {
    for adapter in ALL {
        for answer in [
            Play::Raw(204, vec![], vec![]),
            Play::Json(200, json!({ "success": true, "data": { "succeed": true } })),
        ] {
            let made = Arc::new(AtomicBool::new(false));
            let (written, play) = (Arc::clone(&made), answer.clone());
            let crm = Crm::answering(move |seen, _| match seen.method.as_str() {
                "GET" if written.load(Ordering::SeqCst) => {
                    shown(adapter, seen, &[record(adapter, 7, "Ann")])
                }
                "GET" => shown(adapter, seen, &[]),
                _ => play.clone(),
            })
            .await;
            let gateway = before(&[&crm], adapter);
            let call = create(adapter, "k");
            let lost = sent(&gateway, &call).await;
            assert_eq!(lost["outcome"], "UNKNOWN", "{adapter} {answer:?}: {lost:#}");
            made.store(true, Ordering::SeqCst);
            for _ in 0..2 {
                let found = sent(&gateway, &call).await;
                assert_eq!(
                    found["outcome"], "APPLIED",
                    "{adapter} {answer:?}: {found:#}"
                );
                assert_eq!(found["customer"]["displayName"], "Ann", "{found:#}");
                assert_eq!(found["errors"], Value::Null, "{found:#}");
            }
            let writes = crm.seen().into_iter().filter(|seen| seen.method != "GET");
            assert_eq!(writes.count(), 1, "{adapter} {answer:?}");
        }
    }
}

/// The first create is done, the second never arrives: its look finds the customer of the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_creates_never_claim_one_customer() {
    for adapter in ALL {
        for keys in [["", ""], ["k1", "k2"]] {
            let made = record(adapter, 7, "Ann");
            let crm = Crm::answering(move |seen, before| match seen.method.as_str() {
                "GET" => shown(adapter, seen, std::slice::from_ref(&made)),
                _ if before > 0 => Play::Reset,
                _ => Play::Json(
                    201,
                    match adapter {
                        "spirii" => made.clone(),
                        "gormic" => json!({ "data": { "succeed": true, "id": "g7" } }),
                        _ => json!({ "success": true, "data": made }),
                    },
                ),
            })
            .await;
            let gateway = before(&[&crm], adapter);
            let one = sent(&gateway, &create(adapter, keys[0])).await;
            assert_eq!(one["outcome"], "APPLIED", "{adapter}: {one:#}");
            for _ in 0..2 {
                let other = sent(&gateway, &create(adapter, keys[1])).await;
                assert_eq!(other["outcome"], "UNKNOWN", "{adapter}: {other:#}");
                assert_eq!(other["customer"], Value::Null);
            }
        }
    }
}

/// Both answers are lost and one customer is there: it is the work of one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_lost_creates_at_once_never_claim_one_customer() {
    let made = Arc::new(std::sync::Mutex::new(Vec::new()));
    let rows = Arc::clone(&made);
    let crm = Crm::answering(move |seen, _| {
        let mut rows = rows.lock().unwrap();
        match seen.method.as_str() {
            "GET" => shown("gtateth", seen, &rows),
            _ => {
                if rows.is_empty() {
                    rows.push(record("gtateth", 7, "Ann"));
                }
                Play::Reset
            }
        }
    })
    .await;
    let gateway = before(&[&crm], "gtateth");
    let call = create("gtateth", "");
    let (one, other) = tokio::join!(sent(&gateway, &call), sent(&gateway, &call));
    let mut outcomes = [one, other].map(|done| done["outcome"].as_str().unwrap().to_owned());
    outcomes.sort();
    assert_eq!(outcomes, ["APPLIED", "UNKNOWN"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_delete_is_done_where_the_customer_is_gone() {
    for adapter in ["gtateth", "gormic", "spirii"] {
        let local = if adapter == "spirii" { "7" } else { "g7" };
        let there = Arc::new(AtomicBool::new(true));
        let still = Arc::clone(&there);
        let crm = Crm::answering(move |seen, _| match seen.method.as_str() {
            "GET" if still.load(Ordering::SeqCst) => {
                shown(adapter, seen, &[record(adapter, 7, "Ann")])
            }
            "GET" => shown(adapter, seen, &[]),
            _ => Play::Reset,
        })
        .await;
        let gateway = before(&[&crm], adapter);
        let asked = id("crm0", local);
        let call = format!("deleteCustomer(input: {{ id: {asked:?}, idempotencyKey: \"k\" }})");
        let lost = sent(&gateway, &call).await;
        assert_eq!(lost["outcome"], "UNKNOWN", "{adapter}: {lost:#}");
        there.store(false, Ordering::SeqCst);
        let gone = sent(&gateway, &call).await;
        assert_eq!(gone["outcome"], "APPLIED", "{adapter}: {gone:#}");
        assert_eq!(gone["deletedCustomerId"], json!(asked));
        let writes = crm.seen().into_iter().filter(|seen| seen.method != "GET");
        assert_eq!(writes.count(), 1, "{adapter}: nothing is sent again");
    }
}

/// What a vendor field was set to, or a field that the source never shows, cannot be seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_seen_is_not_taken_for_done() {
    let crm = crm("flextell", Play::Reset, vec![record("flextell", 7, "Ann")]).await;
    let asked = id("crm0", "7");
    for fields in [
        "native: { country_id: 3 }, firstName: \"Ann\"",
        "firstName: \"ann\"",
        "email: null",
    ] {
        let call = format!("updateCustomer(input: {{ id: {asked:?}, {fields} }})");
        let done = write(&[&crm], "flextell", &call).await;
        assert_eq!(done["outcome"], "UNKNOWN", "{fields}: {done:#}");
    }
    let call =
        format!("updateCustomer(input: {{ id: {asked:?}, firstName: \"Ann\", jobTitle: null }})");
    let done = write(&[&crm], "flextell", &call).await;
    assert_eq!(done["outcome"], "APPLIED", "{done:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_problem_names_a_field_of_the_mutations_own_input() {
    let odd = |status| {
        Play::Json(
            status,
            json!({ "error": { "code": "x", "message": "m", "param": "name" } }),
        )
    };
    let there = || vec![record("spirii", 7, "Old")];
    let delete = format!("deleteCustomer(input: {{ id: {:?} }})", id("crm0", "7"));
    let update = update("spirii", 7, "Ann");
    for (status, call, field, code) in [
        (400, &delete, Value::Null, "INVALID_INPUT"),
        (404, &delete, json!(["input", "id"]), "NOT_FOUND"),
        (404, &update, json!(["input", "id"]), "NOT_FOUND"),
        (422, &update, json!(["input", "name"]), "INVALID_INPUT"),
    ] {
        let crm = crm("spirii", odd(status), there()).await;
        let done = write(&[&crm], "spirii", call).await;
        assert_eq!(
            done["userErrors"],
            json!([{ "field": field, "code": code }]),
            "{status} {call}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_fails_says_nothing_of_values() {
    let no = json!({ "success": false, "error": { "code": "NOT_FOUND", "message": "m" } });
    for (adapter, local, play) in [
        ("gtateth", "g7", Play::Json(200, no.clone())),
        (
            "gtateth",
            "g7",
            Play::Json(200, json!({ "success": "false" })),
        ),
        ("gtateth", "g7", Play::Json(409, no)),
        (
            "flextell",
            "7",
            Play::Json(200, json!({ "success": "false", "message": "no" })),
        ),
        (
            "flextell",
            "7",
            Play::Json(409, json!({ "error": "conflict" })),
        ),
        (
            "spirii",
            "7",
            Play::Json(409, json!({ "error": { "code": "x" } })),
        ),
        (
            "spirii",
            "7",
            Play::Json(200, json!({ "error": { "code": "x" } })),
        ),
    ] {
        let crm = Crm::always(play.clone()).await;
        let gateway = before(&[&crm], adapter);
        let asked = id("crm0", local);
        for query in [
            format!("{{ customer(id: {asked:?}) {{ id }} }}"),
            "{ customers { nodes { id } } }".into(),
        ] {
            let answer = gateway.ask(&query).await;
            assert_eq!(
                codes(&answer),
                ["SOURCE_INVALID_RESPONSE"],
                "{play:?} {query}: {answer:#}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_customer_that_is_listed_can_be_read() {
    let mut trashed = record("flextell", 7, "Ann");
    trashed["deleted_at"] = json!("2024-01-01T00:00:00Z");
    let crm = crm("flextell", Play::Reset, vec![trashed]).await;
    let gateway = before(&[&crm], "flextell");
    let answer = gateway.ask("{ customers(filter: { deleted: ONLY }) { nodes { id } } hidden: customers { nodes { id } } }").await;
    assert_eq!(answer["data"]["hidden"]["nodes"], json!([]), "{answer:#}");
    let id = answer["data"]["customers"]["nodes"][0]["id"].clone();
    let query = format!(
        "{{ node(id: {id}) {{ ... on Customer {{ status deletedAt }} }} customer(id: {id}) {{ id }} }}"
    );
    let answer = gateway.ask(&query).await;
    let node = json!({ "status": "DELETED", "deletedAt": "2024-01-01T00:00:00Z" });
    assert_eq!(answer["data"]["node"], node, "{answer:#}");
    assert_eq!(answer["data"]["customer"]["id"], id, "{answer:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_in_a_good_status_means_what_its_code_means() {
    let crm = Crm::json(json!({ "error": { "code": "NotFound" } })).await;
    let query = format!("{{ customer(id: {:?}) {{ id }} }}", id("crm0", "g7"));
    let answer = before(&[&crm], "gormic").ask(&query).await;
    assert_eq!(
        answer,
        json!({ "data": { "customer": null } }),
        "{answer:#}"
    );
}
