//! A CRM that counts its answers: which one is shown, and for how long.

use super::{COUNTING, LONG, Over, counting};
use crate::support::crm::{Crm, Play};
use crate::support::gateway::{id, parameters};
use crmql::config::CacheTimes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_request_says_how_old_an_answer_may_be() {
    let crm = counting().await;
    let over = Over::new(&crm, Some(&LONG)).await;
    assert_eq!(over.number("").await, 1);
    assert_eq!(over.number("").await, 1);
    assert_eq!(over.number("max-age=60").await, 1, "younger than a minute");
    assert_eq!(over.number("no-cache").await, 2, "read through");
    assert_eq!(over.number("").await, 2, "and kept");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(over.number("max-age=1").await, 3, "older than a second");
    assert_eq!(over.number("max-age=60").await, 3);
    assert_eq!(over.number("no-store").await, 4, "read through");
    assert_eq!(over.number("").await, 3, "and not kept");
    assert_eq!(over.listed("", "").await, 5);
    assert_eq!(
        over.number("").await,
        5,
        "the list is newer and as complete"
    );
    assert_eq!(over.listed("", "no-cache").await, 6);
    assert_eq!(over.listed("", "").await, 6);
    assert_eq!(crm.seen().len(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_question_is_another_answer() {
    let crm = counting().await;
    let over = Over::new(&crm, Some(&LONG)).await;
    let questions = [
        "",
        ", filter: { search: \"x\" }",
        ", filter: { search: \"y\" }",
        ", filter: { search: \"X\" }",
    ];
    for (number, question) in (1..).zip(questions) {
        assert_eq!(over.listed(question, "").await, number, "{question}");
    }
    for (number, question) in (1..).zip(questions) {
        assert_eq!(over.listed(question, "").await, number, "{question}");
    }
    let other = Over::new(&crm, Some(&LONG)).await;
    assert_eq!(
        other.listed("", "").await,
        5,
        "another source of the same name"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_there_is_no_such_customer_is_kept_for_a_while() {
    let crm = counting().await;
    let times = CacheTimes {
        absent_ttl: Duration::from_millis(200),
        ..LONG
    };
    let over = Over::new(&crm, Some(&times)).await;
    let query = format!("{{ customer(id: {:?}) {{ name }} }}", id("acme", "absent"));
    for calls in [1, 1] {
        assert_eq!(over.ask(&query, "").await.1["customer"], Value::Null);
        assert_eq!(crm.seen().len(), calls);
    }
    tokio::time::sleep(Duration::from_millis(250)).await;
    over.ask(&query, "").await;
    assert_eq!(crm.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_says_for_how_long_it_may_be_used_again() {
    let crm = counting().await;
    let over = Over::new(
        &crm,
        Some(&CacheTimes {
            ttl: Duration::from_secs(100),
            ..LONG
        }),
    )
    .await;
    let one = format!("{{ customer(id: {:?}) {{ name }} }}", id("acme", "a"));
    let seconds = |said: &str| -> u64 {
        said.strip_prefix("private, max-age=")
            .unwrap_or_else(|| panic!("{said}"))
            .parse()
            .unwrap()
    };
    let first = seconds(&over.ask(&one, "").await.0);
    assert!((85..=100).contains(&first), "{first}");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let kept = seconds(&over.ask(&one, "").await.0);
    let both = format!(
        "{{ customers(first: 1) {{ nodes {{ name }} }} {} }}",
        &one[1..one.len() - 1]
    );
    let least = seconds(&over.ask(&both, "").await.0);
    assert!(kept <= 99 && least <= kept.max(90), "{kept} {least}");
    for query in [
        "{ customer(id: \"x\") { name } }",
        "{ nonsense }",
        "{ sources { key } }",
        "mutation { deleteCustomer(input: { id: \"x\" }) { outcome } }",
    ] {
        assert_eq!(over.ask(query, "").await.0, "no-store", "{query}");
    }
    let kept_nowhere = Over::new(&crm, None).await;
    assert_eq!(kept_nowhere.ask(&one, "").await.0, "no-store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_cache_every_operation_asks() {
    let crm = counting().await;
    let over = Over::new(&crm, None).await;
    assert_eq!((over.number("").await, over.number("").await), (1, 2));
    assert_eq!(
        (over.listed("", "").await, over.listed("", "").await),
        (3, 4)
    );
}

/// Six people in pages of two, of whom the first is gone after a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_move_between_a_kept_page_and_a_new_one_are_neither_hidden_nor_repeated() {
    let gone = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let crm = {
        let gone = Arc::clone(&gone);
        Crm::answering(move |seen, _| {
            let first = usize::from(gone.load(std::sync::atomic::Ordering::SeqCst));
            let parameters = parameters(&seen.target);
            let number = |name: &str| parameters[name].parse::<usize>().unwrap();
            let people: Vec<Value> = (1 + first..=6)
                .map(|id| json!({ "id": format!("p{id}"), "name": format!("{id}") }))
                .collect();
            let start = (number("page") - 1) * number("size");
            let page: Vec<&Value> = people.iter().skip(start).take(number("size")).collect();
            Play::Json(200, json!({ "people": page }))
        })
        .await
    };
    let adapter = COUNTING.replace("max = 50", "max = 2");
    let over = Over::of(&crm, &adapter, Some(&LONG)).await;
    let names = |data: &Value| -> Vec<String> {
        let nodes = data["customers"]["nodes"].as_array().unwrap().iter();
        nodes
            .map(|node| node["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let (_, two) = over
        .ask("{ customers(first: 2) { nodes { name } } }", "")
        .await;
    assert_eq!(names(&two), ["1", "2"]);
    gone.store(true, std::sync::atomic::Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let four = "{ customers(first: 4) { nodes { name } } }";
    let (_, shown) = over.ask(four, "").await;
    assert_eq!(names(&shown), ["2", "3", "4", "5"], "{:#?}", crm.seen());
    let calls = crm.seen().len();
    let (_, again) = over.ask(four, "").await;
    assert_eq!(
        (names(&again), crm.seen().len()),
        (names(&shown), calls),
        "kept together"
    );
}

/// A kept page leads where a new one goes in a circle: the two are of different times, and only new ones tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_page_and_a_new_one_that_contradict_each_other_are_read_anew() {
    let renamed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let crm = {
        let renamed = Arc::clone(&renamed);
        Crm::answering(move |seen, _| {
            let renamed = renamed.load(std::sync::atomic::Ordering::SeqCst);
            let parameters = parameters(&seen.target);
            let (people, next) = match (parameters.get("after").map(String::as_str), renamed) {
                (None, false) => ([1, 2], Some("x")),
                (None, true) => ([1, 2], Some("y")),
                (Some("x"), true) => ([7, 8], Some("x")),
                _ => ([3, 4], None),
            };
            let people =
                people.map(|id| json!({ "id": format!("p{id}"), "name": format!("{id}") }));
            Play::Json(200, json!({ "people": people, "next": next }))
        })
        .await
    };
    let adapter = "[[list]]\nrequest = \"GET /people\"\nitems = \"/people\"\n\
        page = { kind = \"token\", send = \"query:after\", next = \"/next\", size = \"query:n\", max = 2 }\n[fields]\nid = \"/id\"\nname = \"/name\"\n";
    let over = Over::of(&crm, adapter, Some(&LONG)).await;
    let list = |size: usize| format!("{{ customers(first: {size}) {{ nodes {{ name }} }} }}");
    over.ask(&list(2), "").await;
    renamed.store(true, std::sync::atomic::Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (_, shown) = over.ask(&list(4), "").await;
    let nodes = shown["customers"]["nodes"].as_array().unwrap().iter();
    let names: Vec<&str> = nodes.map(|node| node["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["1", "2", "3", "4"], "{:#?}", crm.seen());
}
