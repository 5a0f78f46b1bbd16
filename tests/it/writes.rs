//! Writes that happen at most once: keys that come again, at once, after a restart, with other content; and answers that
//! were lost.

use super::support::gateway::{
    Running, SOURCES, demo_of, header, id, refusals, start, start_before, start_cached, start_with,
};
use super::support::process::{ask, configuration, spawn};
use super::support::proxy::{Proxy, Spoil};
use crmql::config::{CacheTimes, make_whole};
use crmql::demo::Fault;
use crmql::limits::Limits;
use crmql::writes::Keep;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// A create that every source takes.
fn creating(source: &str, name: &str, key: &str) -> Value {
    let email = format!("{name}@new.example");
    let mut input = match source {
        "spirii" => json!({ "name": name, "country": "DK", "type": "PRIVATE", "email": email,
            "parentId": id(source, "1001"), "externalId": name }),
        "gormic" => json!({ "firstName": name, "lastName": "L", "email": email,
            "phone": { "number": phone_of(name), "callingCode": "45" } }),
        _ => json!({ "firstName": name, "email": email }),
    };
    input["source"] = json!(source);
    if !key.is_empty() {
        input["idempotencyKey"] = json!(key);
    }
    input
}

/// A number of its own for each name.
fn phone_of(name: &str) -> String {
    let number = name.bytes().fold(0_u64, |number, byte| {
        (number * 31 + u64::from(byte)) % 90_000_000
    });
    (number + 10_000_000).to_string()
}

async fn create(gateway: &Running, input: Value) -> Value {
    gateway.write("createCustomer", input).await
}

fn posts(gateway: &Running, source: &str) -> usize {
    let calls = gateway.calls(source);
    calls.iter().filter(|call| call.starts_with("POST")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_is_answered_what_the_first_was_and_sends_nothing() {
    let gateway = start(4).await;
    for source in SOURCES {
        gateway.forget();
        let first = create(&gateway, creating(source, "ada", "k1")).await;
        assert_eq!(first["outcome"], "APPLIED", "{source}: {first:#}");
        let again = create(&gateway, creating(source, "ada", "k1")).await;
        assert_eq!(again["outcome"], "APPLIED", "{source}: {again:#}");
        assert_eq!(first["customer"]["id"], again["customer"]["id"]);
        assert!(again["customer"]["id"].is_string());
        assert_eq!(again["userErrors"], json!([]));
        assert_eq!(posts(&gateway, source), 1, "{source}");

        let other = create(&gateway, creating(source, "eve", "k1")).await;
        let expected = [("input.idempotencyKey".to_owned(), "CONFLICT".to_owned())];
        assert_eq!(other["outcome"], "NOT_APPLIED", "{source}");
        assert_eq!(refusals(&other), expected, "{source}");
        assert_eq!(posts(&gateway, source), 1, "{source}");

        let id = first["customer"]["id"].clone();
        let input = json!({ "id": id, "idempotencyKey": "k1", "email": "x@new.example" });
        let update = gateway.write("updateCustomer", input).await;
        assert_eq!(refusals(&update), expected, "a key is of one write");
        let input = json!({ "id": id, "idempotencyKey": "k2", "email": "x@new.example" });
        gateway.forget();
        for _ in 0..2 {
            let update = gateway.write("updateCustomer", input.clone()).await;
            assert_eq!(update["outcome"], "APPLIED", "{source}: {update:#}");
            assert_eq!(update["customer"]["email"], "x@new.example");
        }
        let changes = gateway.seen(source);
        let changes = changes
            .iter()
            .filter(|seen| seen.method != "GET" && !seen.path_and_query.contains("search"));
        assert_eq!(changes.count(), 1, "{source}");
        if source == "flextell" {
            continue;
        }
        gateway.forget();
        for _ in 0..2 {
            let input = json!({ "id": id, "idempotencyKey": "k3" });
            let gone = gateway.write("deleteCustomer", input).await;
            assert_eq!(gone["outcome"], "APPLIED", "{source}: {gone:#}");
            assert_eq!(gone["deletedCustomerId"], id);
        }
        assert_eq!(gateway.call_count(), 1, "{source}");
    }
}

/// Somebody else may have changed it meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_shows_the_customer_as_it_is_now() {
    let gateway = start_cached(4, CacheTimes::default()).await;
    let made = create(&gateway, creating("gtateth", "ada", "k1")).await;
    let query = format!("{{ customer(id: {}) {{ email }} }}", made["customer"]["id"]);
    gateway.ask(&query).await;
    gateway.forget();
    gateway.ask(&query).await;
    assert_eq!(gateway.call_count(), 0, "it is kept");
    let again = create(&gateway, creating("gtateth", "ada", "k1")).await;
    assert_eq!(again["customer"]["email"], "ada@new.example");
    assert_eq!(gateway.call_count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_at_once_is_one_write_and_all_hear_of_it() {
    let gateway = start(4).await;
    gateway.forget();
    let slow = Fault::Latency(std::time::Duration::from_millis(200));
    gateway.crm("gtateth").set_fault(Some(slow));
    let all = (0..12).map(|_| create(&gateway, creating("gtateth", "ada", "k")));
    let all = join_all(all).await;
    let ids: Vec<_> = all
        .iter()
        .map(|made| made["customer"]["id"].clone())
        .collect();
    assert!(
        ids[0].is_string() && ids.iter().all(|id| *id == ids[0]),
        "{ids:?}"
    );
    assert_eq!(posts(&gateway, "gtateth"), 1);
    // They heard of it from the first, and had to look for nothing in a list.
    let calls = gateway.calls("gtateth");
    assert!(calls.iter().all(|call| !call.contains('?')), "{calls:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_of_the_crm_is_remembered_and_a_passing_reason_frees_the_key() {
    let gateway = start(4).await;
    let taken = create(&gateway, creating("gtateth", "ada", "")).await;
    assert_eq!(taken["outcome"], "APPLIED");
    gateway.forget();
    let clash = create(&gateway, creating("gtateth", "ada", "k")).await;
    assert_eq!(refusals(&clash)[0].1, "CONFLICT", "{clash:#}");
    let again = create(&gateway, creating("gtateth", "ada", "k")).await;
    assert_eq!(
        (&again["outcome"], &again["userErrors"]),
        (&clash["outcome"], &clash["userErrors"])
    );
    assert_eq!(posts(&gateway, "gtateth"), 1);

    gateway.crm("spirii").set_fault(Some(Fault::Status {
        status: 401,
        retry_after: None,
    }));
    let input = creating("spirii", "ada", "k");
    let refused = create(&gateway, input.clone()).await;
    assert_eq!(refused["outcome"], "NOT_APPLIED");
    gateway.crm("spirii").set_fault(None);
    assert_eq!(create(&gateway, input).await["outcome"], "APPLIED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_survive_a_restart_and_the_file_holds_nothing_of_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("writes.redb");
    let keep = Keep::File(file.clone(), make_whole);
    let limits = Limits::default();
    let gateway = start_before(demo_of(4).await, limits.clone(), keep.clone()).await;
    let input = creating("gtateth", "planted-marker", "planted-key");
    let first = create(&gateway, input.clone()).await;
    assert_eq!(first["outcome"], "APPLIED", "{first:#}");
    let gateway = gateway.restarted(limits, keep).await;
    gateway.forget();
    // The file is free once the last connection of the old gateway is gone.
    let mut again = create(&gateway, input.clone()).await;
    for _ in 0..100 {
        if again["outcome"] == "APPLIED" {
            break;
        }
        assert_eq!(refusals(&again)[0].1, "OVERLOADED");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        again = create(&gateway, input.clone()).await;
    }
    assert_eq!(again["customer"]["id"], first["customer"]["id"]);
    assert_eq!(posts(&gateway, "gtateth"), 0);
    let bytes = std::fs::read(&file).unwrap();
    for marker in ["planted", "new.example"] {
        let found = bytes
            .windows(marker.len())
            .any(|part| part == marker.as_bytes());
        assert!(!found, "{marker}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_fails_leaves_no_key_in_doubt() {
    let demo = demo_of(4).await;
    let folder = tempfile::tempdir().unwrap();
    let (text, environment) = configuration(&demo);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let file = folder.path().join("crmql.toml");
    std::fs::write(&file, text.replace("127.0.0.1:0", &address)).unwrap();
    let mut process = spawn(folder.path(), &["serve"], &environment);
    assert_eq!(process.ended().await, Some(1), "{}", process.err());
    std::fs::write(&file, text).unwrap();
    let process = spawn(folder.path(), &["serve"], &environment);
    let address = process.word_after("address=").await;
    let query = "mutation { createCustomer(input: { source: \"gtateth\", firstName: \"Ada\", idempotencyKey: \"k\" }) { outcome } }";
    let answer = ask(&address, query, json!({})).await;
    let made = &answer["data"]["createCustomer"];
    assert_eq!(made["outcome"], "APPLIED", "{answer:#} {}", process.err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_can_keep_no_key_refuses_it_and_sends_nothing() {
    let full = Limits {
        idempotency_keys: 1,
        ..Limits::default()
    };
    for (keep, limits, outcome, code) in [
        (
            Keep::Nowhere,
            Limits::default(),
            "NOT_APPLIED",
            "OPERATION_NOT_SUPPORTED",
        ),
        // Nobody knows which keys it held.
        (
            Keep::File("/proc/nowhere".into(), make_whole),
            Limits::default(),
            "UNKNOWN",
            "OVERLOADED",
        ),
        (Keep::Memory, full, "NOT_APPLIED", "OVERLOADED"),
    ] {
        let gateway = start_before(demo_of(4).await, limits, keep).await;
        drop(create(&gateway, creating("gtateth", "one", "k1")).await);
        gateway.forget();
        let refused = create(&gateway, creating("gtateth", "two", "k2")).await;
        assert_eq!(refused["outcome"], outcome);
        assert_eq!(refusals(&refused), [(String::new(), code.to_owned())]);
        assert_eq!(gateway.call_count(), 0);
        let unkeyed = create(&gateway, creating("gtateth", "two", "")).await;
        assert_eq!(unkeyed["outcome"], "APPLIED");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_whose_answer_was_lost_is_found_again() {
    for source in SOURCES {
        let gateway = start(20).await;
        gateway.forget();
        gateway.crm(source).set_fault(Some(Fault::ApplyThenDrop));
        for key in ["", "k"] {
            let made = create(&gateway, creating(source, &format!("ada{key}"), key)).await;
            assert_eq!(made["outcome"], "APPLIED", "{source}: {made:#}");
            assert!(made["customer"]["id"].is_string(), "{source}: {made:#}");
            assert_eq!(made["userErrors"], json!([]));
        }
        assert_eq!(posts(&gateway, source), 2, "{source}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_is_not_found_is_unknown_and_looked_for_once_more_when_it_is_asked_again() {
    let gateway = start(4).await;
    gateway.records("flextell").await;
    gateway.forget();
    gateway.crm("flextell").set_fault(Some(Fault::Reset));
    let input = creating("flextell", "ada", "k");
    for _ in 0..2 {
        let lost = create(&gateway, input.clone()).await;
        assert_eq!(lost["outcome"], "UNKNOWN", "{lost:#}");
        assert_eq!(refusals(&lost)[0].1, "SOURCE_UNAVAILABLE");
    }
    assert_eq!(posts(&gateway, "flextell"), 1, "never sent a second time");
    gateway.crm("flextell").set_fault(None);
    assert_eq!(create(&gateway, input.clone()).await["outcome"], "UNKNOWN");
    // One of another write is not it.
    let other = create(&gateway, creating("flextell", "ada", "other")).await;
    assert_eq!(other["outcome"], "APPLIED");
    assert_eq!(create(&gateway, input.clone()).await["outcome"], "UNKNOWN");
    let input_of_another = json!({ "id": other["customer"]["id"], "email": "another@new.example" });
    let changed = gateway.write("updateCustomer", input_of_another).await;
    assert_eq!(changed["outcome"], "APPLIED", "{changed:#}");
    // It arrives late.
    let sent = gateway.seen("flextell");
    let lost = sent.iter().find(|seen| seen.method == "POST").unwrap();
    let url = format!("{}{}", gateway.crm("flextell").url, lost.path_and_query);
    let mut late = reqwest::Client::new().post(url).body(lost.body.clone());
    for name in ["authorization", "content-type", "x-tenant"] {
        if let Some(value) = header(lost, name) {
            late = late.header(name, value);
        }
    }
    assert_eq!(late.send().await.unwrap().status(), 201);
    let found = create(&gateway, input).await;
    assert_eq!(found["outcome"], "APPLIED", "{found:#}");
    assert_ne!(found["customer"]["id"], other["customer"]["id"]);
    assert_eq!(posts(&gateway, "flextell"), 3);
}

/// So many writes, or as many as this variable says.
fn how_many() -> u64 {
    let said = std::env::var("CRMQL_FAULTY_WRITES").ok();
    said.and_then(|said| said.parse().ok()).unwrap_or(1_000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_faulty_write_makes_a_customer_twice_or_loses_one() {
    let mut demo = demo_of(4).await;
    let mut proxies = Vec::new();
    for source in SOURCES {
        proxies.push(Proxy::before(&mut demo, source).await);
    }
    let gateway = start_before(demo, Limits::default(), Keep::Memory).await;
    for proxy in &proxies {
        // Most go well, so that the source is not left alone; every fault meets writes and reads alike.
        proxy.spoil(|_, before| match before % 23 {
            3 => Spoil::ApplyThenDrop,
            7 => Spoil::Reset,
            11 => Spoil::Truncate,
            17 => Spoil::Answer(503, "", "{}"),
            19 => Spoil::Answer(200, "content-type: text/html\r\n", "<html>"),
            _ => Spoil::Pass,
        });
    }
    let before: HashMap<&str, usize> = SOURCES.map(|key| (key, gateway.crm(key).len())).into();
    let (unknown, total) = (AtomicU64::new(0), how_many());
    let applied = stream::iter(0..total)
        .map(|number| {
            let (gateway, unknown) = (&gateway, &unknown);
            async move {
                let source = SOURCES[usize::try_from(number % 4).unwrap()];
                let name = format!("w{number}");
                let mut input = creating(source, &name, &name);
                let members = input.as_object_mut().unwrap();
                // Where the CRM tells no two customers apart, only the gateway stands between a repeat and a second one.
                members.remove("externalId");
                if number % 8 < 4 && matches!(source, "gtateth" | "flextell") {
                    members.remove("email");
                }
                for _ in 0..4 {
                    let made = create(gateway, input.clone()).await;
                    match made["outcome"].as_str().unwrap() {
                        "APPLIED" => return Some((source, name)),
                        "UNKNOWN" => {}
                        _ => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
                    }
                }
                unknown.fetch_add(1, Ordering::Relaxed);
                None
            }
        })
        .buffer_unordered(16)
        .collect::<Vec<_>>()
        .await;
    proxies
        .iter()
        .for_each(|proxy| proxy.spoil(|_, _| Spoil::Pass));
    let unknown = unknown.load(Ordering::Relaxed);
    for source in SOURCES {
        let sure = applied
            .iter()
            .flatten()
            .filter(|(of, _)| *of == source)
            .count();
        let arguments = format!("sources: [{source:?}]");
        let rows = gateway.walk(&arguments, "displayName", &[100]).await;
        let mut names: HashMap<&str, usize> = HashMap::new();
        for row in &rows {
            let shown = row["node"]["displayName"].as_str().unwrap();
            *names.entry(shown.trim_end_matches(" L")).or_default() += 1;
        }
        for (_, name) in applied.iter().flatten().filter(|(of, _)| *of == source) {
            assert!(names.contains_key(&**name), "{source}: {name} is lost");
        }
        let written = |name: &str| {
            name.strip_prefix('w')
                .is_some_and(|rest| rest.parse::<u64>().is_ok())
        };
        names.retain(|name, count| written(name) && *count > 1);
        assert!(names.is_empty(), "{source}: written twice: {names:?}");
        let made = gateway.crm(source).len() - before[source];
        assert!(made >= sure, "{source}: {made} {sure}");
    }
    assert!(unknown < total / 3, "{unknown} of {total} are not known");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_that_does_not_live_to_see_the_first_end_says_so() {
    let limits = Limits {
        request_ms: 600,
        ..Limits::default()
    };
    let gateway = start_with(4, limits).await;
    let slow = Fault::Latency(std::time::Duration::from_millis(400));
    gateway.crm("gtateth").set_fault(Some(slow));
    let input = creating("gtateth", "ada", "k");
    let all = join_all((0..3).map(|_| create(&gateway, input.clone()))).await;
    assert!(all.iter().any(|made| made["outcome"] == "APPLIED"));
    assert!(
        all.iter().all(|made| made["outcome"] != "NOT_APPLIED"),
        "{all:#?}"
    );
    assert_eq!(posts(&gateway, "gtateth"), 1);
}
