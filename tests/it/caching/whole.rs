//! Whole answers that are kept by the text that was asked.

use super::LONG;
use crate::support::gateway::{codes, start_cached};
use crmql::demo::Fault;
use serde_json::json;

const REPEATED: &str =
    "{ list: customers(sources: [\"gtateth\"], first: 3) { totalCount nodes { id firstName } } }";

/// The same text again is answered without running anything: nothing is parsed, so not even a wrong `operationName` would be
/// seen. What it must never do is show another caller's answer, or the past.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_kept_whole_is_the_one_that_would_be_made() {
    let gateway = start_cached(30, LONG).await;
    let first = gateway.data(REPEATED, json!({})).await;
    gateway.forget();
    let again = gateway.data(REPEATED, json!({})).await;
    assert_eq!((gateway.call_count(), &again), (0, &first));
    let read_through = gateway
        .ask_as(REPEATED, json!({}), &[("cache-control", "no-cache")])
        .await;
    assert_eq!(read_through["data"], first);
    assert_ne!(gateway.call_count(), 0, "no-cache reads through");

    let id = first["list"]["nodes"][1]["id"].clone();
    gateway
        .write(
            "updateCustomer",
            json!({ "id": id, "firstName": "Changed" }),
        )
        .await;
    let after = gateway.data(REPEATED, json!({})).await;
    assert_eq!(after["list"]["nodes"][1]["firstName"], "Changed");

    let wider = REPEATED.replace("first: 3", "first: 4");
    let other = gateway.data(&wider, json!({})).await;
    assert_eq!(other["list"]["nodes"].as_array().unwrap().len(), 4);
}

/// The text of an address is no body, though the answer to it is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_kept_for_an_address_answers_no_body_of_the_same_text() {
    let gateway = start_cached(30, LONG).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = "query=%7Bcustomers(first%3A1)%7Bnodes%7Bid%7D%7D%7D";
    let url = format!("{}/graphql", gateway.url);
    let by_get = client.get(format!("{url}?{asked}"));
    for _ in 0..2 {
        let got = by_get
            .try_clone()
            .unwrap()
            .header("graphql-require-preflight", "1");
        assert_eq!(got.send().await.unwrap().status(), 200);
    }
    for text in [asked.to_owned(), format!("?{asked}")] {
        let by_post = client.post(&url).header("content-type", "application/json");
        assert_eq!(by_post.body(text).send().await.unwrap().status(), 400);
    }
}

/// What an operation cost, and whether its rows came from a cache, are said of that very operation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_of_one_operation_is_not_repeated_by_the_next() {
    let gateway = start_cached(30, LONG).await;
    let query = "{ list: customers(sources: [\"gtateth\"], first: 3) { nodes { freshness { fromCache } } sources { upstreamCalls } } }";
    let mut seen = Vec::new();
    for _ in 0..2 {
        let data = gateway.data(query, json!({})).await;
        let from_cache = data["list"]["nodes"][0]["freshness"]["fromCache"].clone();
        seen.push((
            from_cache,
            data["list"]["sources"][0]["upstreamCalls"].clone(),
        ));
    }
    assert_eq!(seen, [(json!(false), json!(1)), (json!(true), json!(0))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_with_errors_is_not_kept() {
    let gateway = start_cached(30, LONG).await;
    gateway.crm("gtateth").set_fault(Some(Fault::Status {
        status: 503,
        retry_after: None,
    }));
    let failed = gateway.ask(REPEATED).await;
    assert!(!codes(&failed).is_empty(), "{failed:#}");
    gateway.crm("gtateth").set_fault(None);
    let healed = gateway.data(REPEATED, json!({})).await;
    assert_eq!(healed["list"]["nodes"].as_array().unwrap().len(), 3);
}
