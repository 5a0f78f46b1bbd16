//! What one operation may take: time, calls, places, and the length of an address.

use super::{WRITES, adapter, adapter_with, get, good};
use crate::engine::{FIELDS, id};
use crate::support::crm::{Crm, Play, Seen, call, call_with, file};
use crate::support::gateway::codes;
use crmql::metrics::SourceMeter;
use crmql::source::{CallBudget, CustomerSource, SourceErrorKind};
use crmql::upstream::{ADDRESS_BYTES, Fault, Request, Settings, Upstream};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_request_whose_address_is_too_long_for_http_never_arrived() {
    let crm = Crm::always(good()).await;
    let upstream = Upstream::new(Settings::default()).unwrap();
    let request = |bytes: usize| {
        let mut url = url::Url::parse(&crm.base).unwrap();
        url.set_query(Some(&"a".repeat(bytes)));
        Request {
            method: http::Method::GET,
            url,
            headers: http::HeaderMap::new(),
            body: None,
        }
    };
    let deadline = Instant::now() + Duration::from_secs(5);
    let sent = async |bytes| {
        let place = upstream.place(deadline).await.unwrap();
        place
            .send(request(bytes), deadline)
            .await
            .map(|reply| reply.status)
    };
    let longest = ADDRESS_BYTES - request(0).url.as_str().len();
    assert_eq!(sent(longest + 1).await, Err(Fault::Unsendable));
    assert!(!Fault::Unsendable.may_have_arrived());
    assert_eq!(
        sent(longest).await,
        Ok(200),
        "the bound is no tighter than need be"
    );
    assert_eq!(crm.seen().len(), 1);
}

#[tokio::test]
async fn all_calls_of_one_use_share_one_time() {
    let crm = Crm::always(Play::Hang).await;
    let settings = Settings {
        attempt: Duration::from_millis(700),
        concurrency: 2,
        ..Settings::default()
    };
    let source = crate::support::crm::source_within(
        &crm.base,
        &file("", &format!("{WRITES}{FIELDS}")),
        settings,
        Duration::from_secs(1),
    );
    let (call, started) = (call(), Instant::now());
    for _ in 0..4 {
        get(&source, &call).await.unwrap_err();
    }
    let took = started.elapsed();
    assert!(took < Duration::from_millis(1_300), "{took:?}");
}

#[tokio::test]
async fn an_operation_starts_no_more_calls_than_it_may() {
    let crm = Crm::answering(|seen: &Seen, _| {
        Play::Json(200, json!({ "id": seen.target.trim_start_matches("/c/") }))
    })
    .await;
    let source = adapter(&crm, "");
    let call = call_with(CallBudget::of(7));
    let ids: Vec<_> = (0..20).map(|n| id(&format!("a{n}"))).collect();
    let found = source.fetch(&call, &ids).await;
    let kinds: Vec<_> = found
        .into_iter()
        .filter_map(Result::err)
        .map(|error| error.kind)
        .collect();
    assert_eq!(kinds, [SourceErrorKind::OverBudget; 13]);
    assert_eq!((crm.seen().len(), call.calls()), (7, 7));
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_sends_nothing() {
    let crm = Crm::always(Play::Hang).await;
    let settings = Settings {
        concurrency: 1,
        queued: 2,
        attempt: Duration::from_millis(300),
        retries: 0,
        ..Settings::default()
    };
    let source = adapter_with(&crm, "", "", settings);
    let ids: Vec<_> = (0..6).map(|n| id(&format!("a{n}"))).collect();
    let found = source.fetch(&call(), &ids).await;
    let kinds: Vec<_> = found
        .into_iter()
        .filter_map(Result::err)
        .map(|error| error.kind)
        .collect();
    let count = |kind| kinds.iter().filter(|known| **known == kind).count();
    assert_eq!(
        (
            count(SourceErrorKind::Timeout),
            count(SourceErrorKind::Saturated)
        ),
        (3, 3),
        "{kinds:?}"
    );
    assert_eq!(crm.seen().len(), 3);
}

/// What is sent with no time left would only be given up: a read for nothing, a write in doubt.
#[tokio::test]
async fn a_place_that_comes_free_too_late_is_not_taken() {
    let meter = Arc::new(SourceMeter::default());
    let upstream = Upstream::new(Settings {
        concurrency: 1,
        attempt: Duration::from_secs(1),
        meter: Arc::clone(&meter),
        ..Settings::default()
    })
    .unwrap();
    let unsent = || -> Vec<_> { meter.unsent.all().filter(|(_, count)| *count > 0).collect() };
    let deadline = Instant::now() + Duration::from_millis(400);
    let held = upstream.place(deadline).await.unwrap();
    let waiting = upstream.place(deadline);
    let freeing = async {
        tokio::time::sleep(Duration::from_millis(370)).await;
        drop(held);
    };
    let (place, ()) = tokio::join!(waiting, freeing);
    assert_eq!(place.err(), Some(Fault::Saturated));
    assert_eq!(unsent(), [("queue_full", 1)]);
    let late = upstream.place(deadline).await;
    assert_eq!(late.err(), Some(Fault::Late));
    assert_eq!(unsent(), [("queue_full", 1), ("too_late", 1)]);
    let deadline = Instant::now() + Duration::from_millis(400);
    assert!(upstream.place(deadline).await.is_ok(), "it is free again");
}

/// Everybody who waits may run out of time while something else holds the process up: what comes free then is for nobody of them.
#[tokio::test]
async fn a_place_is_not_taken_by_who_woke_up_too_late() {
    let upstream = Upstream::new(Settings {
        concurrency: 1,
        attempt: Duration::from_secs(1),
        ..Settings::default()
    })
    .unwrap();
    let deadline = Instant::now() + Duration::from_millis(400);
    let held = upstream.place(deadline).await.unwrap();
    let waiting = upstream.place(deadline);
    let freeing = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(held);
        std::thread::sleep(Duration::from_millis(400));
    };
    let (place, ()) = tokio::join!(waiting, freeing);
    assert_eq!(place.err(), Some(Fault::Saturated));
}

/// Where calls may begin one after the other only, who comes too late for its turn takes none.
#[tokio::test]
async fn a_turn_that_comes_too_late_is_left_to_the_next() {
    let upstream = Upstream::new(Settings {
        attempt: Duration::from_secs(1),
        spacing: Some(Duration::from_millis(500)),
        ..Settings::default()
    })
    .unwrap();
    let soon = || Instant::now() + Duration::from_secs(30);
    let begun = Instant::now();
    drop(upstream.place(soon()).await.unwrap());
    for _ in 0..20 {
        let deadline = Instant::now() + Duration::from_millis(100);
        let hasty = upstream.place(deadline).await;
        assert!(hasty.is_err() || begun.elapsed() > Duration::from_millis(400));
    }
    drop(upstream.place(soon()).await.unwrap());
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_aliases_of_a_relation_stay_within_the_operations_budget() {
    let gateway = crate::support::gateway::start(40).await;
    gateway.forget();
    // Distinct lists, so that none of them is read for another; and few rows, so that they are not refused for their cost.
    let children: String = (0..28)
        .map(|n| {
            format!(
                "c{n}: children(first: 1, filter: {{ search: \"w{n}\" }}) {{ nodes {{ id }} }} "
            )
        })
        .collect();
    let query = format!(
        "{{ customers(sources: [\"spirii\"], first: 20) {{ nodes {{ id {children} }} }} }}"
    );
    let answer = gateway.ask(&query).await;
    assert!(gateway.call_count() <= 500, "{}", gateway.call_count());
    let codes = codes(&answer);
    assert!(
        !codes.is_empty() && codes.iter().all(|code| *code == "TOO_COMPLEX"),
        "{codes:?}"
    );
    let error = &answer["errors"][0];
    assert!(
        error["message"].as_str().unwrap().contains("500"),
        "{error}"
    );
    assert_eq!(error["extensions"]["retryable"], Value::Bool(false));
}
