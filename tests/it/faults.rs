//! CRMs that fail: how often they are asked, how long that takes, what the caller hears, and what is left alone.

use crate::engine::{FIELDS, id};
use crate::support::crm::{Crm, Play, Seen, call, call_with, file, source_with};
use crmql::adapter::{Adapter, TokenStore};
use crmql::model::{Change, FieldValue, SourceHealth, WriteField, WriteOutcome};
use crmql::source::{Call, CallBudget, CustomerSource, SourceError, SourceErrorKind};
use crmql::upstream::{BreakerSettings, Settings};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const WRITES: &str = "[get]\nrequest = \"GET /c/{id}\"\nitem = \"\"\n[create]\nrequest = \"POST /c\"\nreturns = { item = \"\" }\n";

fn adapter_with(crm: &Crm, http: &str, create: &str, settings: Settings) -> Adapter {
    let text = file(http, &format!("{WRITES}{create}\n{FIELDS}"));
    source_with(&crm.base, &text, TokenStore::default(), settings)
}

fn adapter(crm: &Crm, http: &str) -> Adapter {
    adapter_with(crm, http, "", Settings::default())
}

async fn get(source: &Adapter, call: &Call) -> Result<(), SourceError> {
    let found = source.fetch(call, &[id("a")]).await.remove(0);
    found.map(|found| assert!(found.is_some()))
}

fn good() -> Play {
    Play::Json(200, json!({ "id": "a" }))
}

fn status(status: u16) -> Play {
    Play::Json(status, json!({}))
}

fn said(status: u16, headers: &[(&'static str, &str)]) -> Play {
    let headers = headers
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    Play::Raw(status, headers.collect(), b"{\"id\":\"a\"}".to_vec())
}

fn creating() -> Change {
    let name = FieldValue::Text("A".to_owned());
    Change::Create {
        fields: vec![(WriteField::Name, name)],
        native: serde_json::Map::new(),
    }
}

// === Trying again ===

#[tokio::test]
async fn a_read_is_tried_again_where_that_may_help_and_each_try_is_counted() {
    for (bad, calls) in [
        (status(502), 2),
        (status(503), 2),
        (status(504), 2),
        (status(429), 2),
        (Play::Reset, 2),
        (Play::Truncated, 2),
        (status(500), 1),
        (status(400), 1),
        (status(404), 1),
        (Play::Raw(200, Vec::new(), b"<html>".to_vec()), 1),
    ] {
        let crm = Crm::script(vec![bad.clone(), good()]).await;
        let call = call();
        let fetched = adapter(&crm, "").fetch(&call, &[id("a")]).await.remove(0);
        assert_eq!(crm.seen().len(), calls, "{bad:?}");
        assert_eq!(call.calls() as usize, calls, "{bad:?}");
        assert_eq!(
            fetched.is_ok_and(|found| found.is_some()),
            calls == 2,
            "{bad:?}"
        );
    }
}

#[tokio::test]
async fn a_dead_crm_is_tried_so_often_and_no_more() {
    for (retries, calls) in [(0, 1), (2, 3), (4, 5)] {
        let crm = Crm::always(status(503)).await;
        let settings = Settings {
            retries,
            ..Settings::default()
        };
        let source = adapter_with(&crm, "", "", settings);
        let error = get(&source, &call()).await.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Unavailable);
        assert_eq!(crm.seen().len(), calls);
    }
}

#[tokio::test]
async fn repeats_of_a_crm_that_mostly_fails_are_a_small_part_of_its_calls() {
    let crm = Crm::always(status(503)).await;
    let settings = Settings {
        breaker: None,
        ..Settings::default()
    };
    let source = adapter_with(&crm, "", "", settings);
    for _ in 0..100 {
        get(&source, &call()).await.unwrap_err();
    }
    let calls = crm.seen().len();
    assert!((110..=145).contains(&calls), "{calls}");
}

#[tokio::test]
async fn a_write_is_tried_again_only_where_it_was_not_applied() {
    for (bad, calls, outcome) in [
        (status(429), 2, WriteOutcome::Applied),
        (said(503, &[("x-limited", "yes")]), 1, WriteOutcome::Unknown),
        (status(502), 1, WriteOutcome::Unknown),
        (Play::Reset, 1, WriteOutcome::Unknown),
        (Play::Truncated, 1, WriteOutcome::Unknown),
        (status(400), 1, WriteOutcome::NotApplied),
    ] {
        let crm = Crm::script(vec![bad.clone(), good()]).await;
        let written = adapter(&crm, "").write(&call(), &creating()).await;
        assert_eq!(
            (crm.seen().len(), written.outcome),
            (calls, outcome),
            "{bad:?}"
        );
    }
    let crm = Crm::script(vec![status(503), good()]).await;
    let source = adapter(&crm, "limits = { statuses = [429, 503] }");
    let written = source.write(&call(), &creating()).await;
    assert_eq!(
        (crm.seen().len(), written.outcome),
        (2, WriteOutcome::Applied)
    );
}

#[tokio::test]
async fn nothing_listening_is_not_applied_and_tried_again() {
    let crm = Crm::always(good()).await;
    let base = crm.base.clone();
    drop(crm);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let text = file("", &format!("{WRITES}{FIELDS}"));
    let source = source_with(&base, &text, TokenStore::default(), Settings::default());
    let call = call();
    let written = source.write(&call, &creating()).await;
    assert_eq!(written.outcome, WriteOutcome::NotApplied);
    assert_eq!(call.calls(), 3);
}

#[tokio::test]
async fn a_crm_that_knows_repeats_by_their_name_is_sent_the_same_name_again() {
    let key = "idempotency_header = \"Idempotency-Key\"";
    for bad in [Play::Reset, status(503)] {
        let crm = Crm::script(vec![bad.clone(), good()]).await;
        let source = adapter_with(&crm, "", key, Settings::default());
        let named = call().named(Some("k-1".into()));
        let written = source.write(&named, &creating()).await;
        assert_eq!(written.outcome, WriteOutcome::Applied, "{bad:?}");
        let names: Vec<_> = crm
            .seen()
            .iter()
            .map(|seen| seen.header("idempotency-key").map(str::to_owned))
            .collect();
        assert_eq!(names, [Some("k-1".to_owned()), Some("k-1".to_owned())]);
    }
    // What is refused the second time may have been done the first time.
    let crm = Crm::script(vec![Play::Reset, status(409)]).await;
    let source = adapter_with(&crm, "", key, Settings::default());
    let written = source
        .write(&call().named(Some("k".into())), &creating())
        .await;
    assert_eq!(written.outcome, WriteOutcome::Unknown);
    // Without a name nothing is repeated.
    let crm = Crm::script(vec![Play::Reset, good()]).await;
    let source = adapter_with(&crm, "", key, Settings::default());
    assert_eq!(
        source.write(&call(), &creating()).await.outcome,
        WriteOutcome::Unknown
    );
    assert_eq!(crm.seen().len(), 1);
}

// === Waiting ===

#[tokio::test]
async fn a_wait_that_fits_is_waited_and_one_that_does_not_is_passed_on_at_once() {
    let crm = Crm::script(vec![said(429, &[("retry-after", "1")]), good()]).await;
    let started = Instant::now();
    get(&adapter(&crm, ""), &call()).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(crm.seen().len(), 2);

    let crm = Crm::always(said(429, &[("retry-after", "600")])).await;
    let source = adapter(&crm, "");
    for _ in 0..5 {
        let started = Instant::now();
        let error = get(&source, &call()).await.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Throttled);
        assert!(error.retry_after.unwrap() > Duration::from_secs(590));
        assert!(started.elapsed() < Duration::from_millis(500));
    }
    assert_eq!(crm.seen().len(), 1, "it said when to come back");
    assert_eq!(source.status().health, SourceHealth::Degraded);
}

#[tokio::test]
async fn a_used_up_quota_lets_nothing_through_before_it_is_full_again() {
    let limits = "limits = { limit = \"header:X-Limit\", remaining = \"header:X-Left\", reset = { at = \"header:X-Reset\", unit = \"s\" } }";
    let crm = Crm::always(said(
        200,
        &[("x-limit", "9"), ("x-left", "0"), ("x-reset", "100")],
    ))
    .await;
    let source = adapter(&crm, limits);
    get(&source, &call()).await.unwrap();
    let spent = call();
    let error = get(&source, &spent).await.unwrap_err();
    assert_eq!((error.kind, spent.calls()), (SourceErrorKind::Throttled, 0));
    assert!(error.retry_after.unwrap() > Duration::from_secs(98));
    let quota = source.status().quota.unwrap();
    assert_eq!((quota.limit, quota.remaining), (Some(9), Some(0)));
    let written = source.write(&call(), &creating()).await;
    assert_eq!(written.outcome, WriteOutcome::NotApplied);
    assert_eq!(crm.seen().len(), 1);

    let crm = Crm::script(vec![
        said(200, &[("x-left", "0"), ("x-reset", "1")]),
        good(),
    ])
    .await;
    let source = adapter(&crm, limits);
    get(&source, &call()).await.unwrap();
    let started = Instant::now();
    get(&source, &call()).await.unwrap();
    assert!(
        started.elapsed() >= Duration::from_millis(900),
        "it waited for the new window"
    );
}

// === Bounds ===

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_aliases_of_a_relation_stay_within_the_operations_budget() {
    let gateway = crate::support::gateway::start(40).await;
    gateway.forget();
    let children: String = (0..80)
        .map(|n| format!("c{n}: children(first: {}) {{ nodes {{ id }} }} ", n + 1))
        .collect();
    let query = format!(
        "{{ customers(sources: [\"spirii\"], first: 20) {{ nodes {{ id {children} }} }} }}"
    );
    let answer = gateway.ask(&query).await;
    assert!(gateway.call_count() <= 500, "{}", gateway.call_count());
    let codes = crate::support::gateway::codes(&answer);
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

// === Leaving a failing CRM alone ===

#[tokio::test]
async fn a_crm_that_keeps_failing_is_left_alone_and_tried_once_before_it_is_used_again() {
    let crm = Crm::answering(|_, before| if before < 5 { status(500) } else { good() }).await;
    let settings = Settings {
        retries: 0,
        breaker: Some(BreakerSettings {
            failures: 4,
            window: Duration::from_secs(10),
            rest: Duration::from_millis(300),
        }),
        ..Settings::default()
    };
    let source = adapter_with(&crm, "", "", settings);
    for _ in 0..4 {
        get(&source, &call()).await.unwrap_err();
    }
    assert_eq!(source.status().health, SourceHealth::Unavailable);
    let calls = call();
    let error = get(&source, &calls).await.unwrap_err();
    assert_eq!(
        (error.kind, calls.calls()),
        (SourceErrorKind::Unavailable, 0)
    );
    assert!(
        error
            .retry_after
            .is_some_and(|wait| wait <= Duration::from_millis(300))
    );
    assert_eq!(crm.seen().len(), 4);
    tokio::time::sleep(Duration::from_millis(310)).await;
    let (first, second) = (call(), call());
    let both = join_all([get(&source, &first), get(&source, &second)]).await;
    assert!(both.iter().all(Result::is_err));
    assert_eq!(crm.seen().len(), 5, "one call tries whether it is back");
    tokio::time::sleep(Duration::from_millis(310)).await;
    get(&source, &call()).await.unwrap();
    assert_eq!(source.status().health, SourceHealth::Healthy);
}

#[tokio::test]
async fn refusals_and_limits_are_no_reason_to_leave_a_crm_alone() {
    for play in [status(404), status(400), status(401), status(429)] {
        let crm = Crm::always(play).await;
        let settings = Settings {
            retries: 0,
            ..Settings::default()
        };
        let source = adapter_with(&crm, "", "", settings);
        for _ in 0..30 {
            drop(source.fetch(&call(), &[id("a")]).await);
        }
        assert_eq!(source.status().health, SourceHealth::Healthy);
        assert_eq!(crm.seen().len(), 30);
    }
}
