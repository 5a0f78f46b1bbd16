//! CRMs that fail: how often they are asked, how long that takes, what the caller hears, and what is left alone.

use crate::engine::{FIELDS, id};
use crate::support::crm::{Crm, Play, Seen, call, call_with, file, source_with};
use crate::support::gateway::{Running, SOURCES, codes, demo_of, id as global, start_before};
use crate::support::process::{ask, configuration, spawn};
use crate::support::proxy::{Proxy, Spoil};
use crmql::adapter::{Adapter, TokenStore};
use crmql::limits::Limits;
use crmql::metrics::SourceMeter;
use crmql::model::{Change, FieldValue, SourceHealth, WriteField, WriteOutcome};
use crmql::source::{Call, CallBudget, CustomerSource, SourceError, SourceErrorKind};
use crmql::upstream::{ADDRESS_BYTES, BreakerSettings, Fault, Request, Settings, Upstream};
use crmql::writes::Keep;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;
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
        (status(500), 2),
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
async fn what_the_crm_says_last_of_a_read_is_the_answer() {
    for (plays, found) in [
        (vec![status(503), status(404)], Ok(None)),
        (
            vec![status(503), status(403)],
            Err(SourceErrorKind::Forbidden),
        ),
        (vec![Play::Reset, status(404)], Ok(None)),
        (
            vec![status(503), said(429, &[("retry-after", "600")])],
            Err(SourceErrorKind::Throttled),
        ),
    ] {
        let crm = Crm::script(plays.clone()).await;
        let answer = adapter(&crm, "").fetch(&call(), &[id("a")]).await.remove(0);
        let answer = answer
            .map(|found| found.map(drop))
            .map_err(|error| error.kind);
        assert_eq!(answer, found, "{plays:?}");
        assert_eq!(crm.seen().len(), 2);
    }
}

#[tokio::test]
async fn a_refusal_for_the_rate_limit_takes_no_doubt_from_what_comes_after_it() {
    for (after, outcome) in [
        (Play::Reset, WriteOutcome::Unknown),
        (status(502), WriteOutcome::Unknown),
        (status(422), WriteOutcome::NotApplied),
    ] {
        let crm = Crm::script(vec![status(503), after.clone()]).await;
        let source = adapter(&crm, "limits = { statuses = [429, 503] }");
        let written = source.write(&call(), &creating()).await;
        assert_eq!(written.outcome, outcome, "{after:?}");
        assert_eq!(crm.seen().len(), 2);
        if outcome == WriteOutcome::NotApplied {
            let kinds = written.problems.iter().map(|problem| problem.error.kind);
            assert_eq!(kinds.collect::<Vec<_>>(), [SourceErrorKind::Rejected]);
        }
    }
}

#[tokio::test]
async fn a_rate_limit_that_a_good_status_tells_is_held_too() {
    let http = "ok = { path = \"/ok\", equals = true }";
    let codes =
        format!("[errors]\ncode = \"/code\"\ncodes = {{ SLOW = \"rate_limited\" }}\n{FIELDS}");
    let text = file(http, &format!("{WRITES}{codes}"));
    let slow = json!({ "ok": false, "code": "SLOW" });
    let slow = serde_json::to_vec(&slow).unwrap();
    let later = vec![("retry-after", "600".to_owned())];
    let crm = Crm::always(Play::Raw(200, later, slow)).await;
    let source = source_with(&crm.base, &text, TokenStore::default(), Settings::default());
    for _ in 0..3 {
        let error = get(&source, &call()).await.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Throttled);
    }
    assert_eq!(crm.seen().len(), 1, "it said when to come back");
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
    // So may what a good status refuses in its body.
    let known = Play::Json(200, json!({ "id": "a", "ok": false }));
    let crm = Crm::script(vec![Play::Reset, known]).await;
    let http = "ok = { path = \"/ok\", equals = true }";
    let source = adapter_with(&crm, http, key, Settings::default());
    let named = call().named(Some("k".into()));
    let written = source.write(&named, &creating()).await;
    assert_eq!(
        (crm.seen().len(), written.outcome),
        (2, WriteOutcome::Unknown)
    );
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
async fn a_wait_of_more_than_a_day_is_told_as_a_day_and_nothing_is_sent() {
    let month = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(30 * 24);
    let date = month.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for header in ["100000", &date] {
        let crm = Crm::always(said(429, &[("retry-after", header)])).await;
        let source = adapter(&crm, "");
        for _ in 0..3 {
            let error = get(&source, &call()).await.unwrap_err();
            assert_eq!(error.kind, SourceErrorKind::Throttled);
            let told = error.retry_after.unwrap();
            assert!((86_390..=86_400).contains(&told.as_secs()), "{told:?}");
        }
        assert_eq!(crm.seen().len(), 1, "{header}");
    }
}

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

// === Every emulated CRM, through a proxy that spoils ===

const LIST: &str = "{ customers(first: 40) { nodes { source { key } } \
    sources { source { key } outcome upstreamCalls error { code retryAfterSeconds } } } }";

/// A gateway with a proxy before one of its CRMs, whose tokens are there already.
async fn behind_a_proxy(key: &str) -> (Running, Proxy) {
    let mut demo = demo_of(8).await;
    let proxy = Proxy::before(&mut demo, key).await;
    let limits = Limits {
        request_ms: 5_000,
        grace_ms: 2_000,
        ..Limits::default()
    };
    let gateway = start_before(demo, limits, Keep::Memory).await;
    let all = gateway.ask(LIST).await;
    assert_eq!(
        all["data"]["customers"]["nodes"].as_array().unwrap().len(),
        32,
        "{all:#}"
    );
    (gateway, proxy)
}

/// What the list says while a CRM is spoiled: its report, and how long it took. The others are all there.
async fn report(gateway: &Running, key: &str) -> (Value, Duration) {
    let started = Instant::now();
    let answer = gateway.ask(LIST).await;
    let took = started.elapsed();
    (reported(&answer, key), took)
}

fn reported(answer: &Value, key: &str) -> Value {
    let list = &answer["data"]["customers"];
    for other in SOURCES.iter().filter(|other| **other != key) {
        let nodes = list["nodes"].as_array().unwrap().iter();
        let rows = nodes.filter(|node| node["source"]["key"] == *other).count();
        assert_eq!(rows, 8, "{key} harms {other}: {answer:#}");
    }
    let mut reports = list["sources"].as_array().unwrap().iter();
    let report = reports.find(|report| report["source"]["key"] == key);
    report.unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_costs_few_calls_little_time_and_no_other_source() {
    const JSON: &str = "content-type: application/json\r\n";
    let cases = [
        (Spoil::Late(Duration::from_millis(150)), None, 1..=2, 4_000),
        (Spoil::Reset, Some("SOURCE_UNAVAILABLE"), 2..=3, 4_000),
        (Spoil::Truncate, Some("SOURCE_UNAVAILABLE"), 2..=3, 4_000),
        (
            Spoil::Answer(200, JSON, "{\"data\": [oops"),
            Some("SOURCE_INVALID_RESPONSE"),
            1..=1,
            4_000,
        ),
        (
            Spoil::Answer(200, "content-type: text/html\r\n", "<html>"),
            Some("SOURCE_INVALID_RESPONSE"),
            1..=1,
            4_000,
        ),
        (
            Spoil::Answer(500, JSON, "{}"),
            Some("SOURCE_UNAVAILABLE"),
            2..=3,
            4_000,
        ),
        (
            Spoil::Answer(503, JSON, "{}"),
            Some("SOURCE_UNAVAILABLE"),
            2..=3,
            4_000,
        ),
        (
            Spoil::Huge(20_000_000),
            Some("SOURCE_INVALID_RESPONSE"),
            1..=1,
            8_000,
        ),
        (Spoil::HalfOpen, Some("SOURCE_TIMEOUT"), 1..=2, 8_000),
        (Spoil::Drip, Some("SOURCE_TIMEOUT"), 1..=2, 8_000),
        (
            Spoil::Answer(429, JSON, "{}"),
            Some("SOURCE_RATE_LIMITED"),
            2..=3,
            4_000,
        ),
        (
            Spoil::Answer(429, "retry-after: 60\r\n", "{}"),
            Some("SOURCE_RATE_LIMITED"),
            1..=1,
            4_000,
        ),
    ];
    let each = SOURCES.map(|key| {
        let cases = cases.clone();
        async move {
            let mut demo = demo_of(8).await;
            let proxy = Proxy::before(&mut demo, key).await;
            let folder = tempfile::tempdir().unwrap();
            let (text, environment) = configuration(&demo);
            let hasty =
                "timeouts = { connect = \"1s\", attempt = \"2s\", total = \"3s\" }\nbreaker = false\ncache = false\nadapter = ";
            let text = text.replace("adapter = ", hasty) + "\n[limits]\nanswer_bytes = 1000000\n";
            std::fs::write(folder.path().join("crmql.toml"), text).unwrap();
            let process = spawn(folder.path(), &["serve"], &environment);
            let address = process.word_after("listening address=").await;
            ask(&address, LIST, json!({})).await;
            for (spoil, code, calls, most) in cases {
                let spoiled = spoil.clone();
                proxy.spoil(move |_, _| spoiled.clone());
                let started = Instant::now();
                let report = reported(&ask(&address, LIST, json!({})).await, key);
                let took = started.elapsed();
                let case = format!("{key} {spoil:?}");
                assert_eq!(report["error"]["code"].as_str(), code, "{case}: {report}");
                let seen = proxy.seen().len();
                assert!(calls.contains(&seen), "{case}: {seen}");
                assert_eq!(report["upstreamCalls"], seen, "{case}");
                assert!(took < Duration::from_millis(most), "{case}: {took:?}");
            }
        }
    });
    join_all(each).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_refusals_and_a_dead_crm_are_not_answered_by_a_storm_of_calls() {
    for (spoil, most) in [
        // It said when to come back: nobody asks before.
        (Spoil::Answer(429, "retry-after: 60\r\n", "{}"), 8),
        // It did not: every caller asks, and few ask twice.
        (Spoil::Answer(429, "", "{}"), 75),
        // It is dead: it is left alone after ten failures, but for what was under way.
        (Spoil::Reset, 30),
    ] {
        let (gateway, proxy) = behind_a_proxy("spirii").await;
        let spoiled = spoil.clone();
        proxy.spoil(move |_, _| spoiled.clone());
        let (started, query) = (
            Instant::now(),
            "query($id: ID!) { customer(id: $id) { id } }",
        );
        for _ in 0..10 {
            let asked = (0..5).map(|n| {
                gateway.ask_with(
                    query,
                    json!({ "id": global("spirii", (1001 + n).to_string()) }),
                )
            });
            for answer in join_all(asked).await {
                assert!(!codes(&answer).is_empty(), "{spoil:?}: {answer}");
            }
        }
        let (seen, took) = (proxy.seen().len(), started.elapsed());
        assert!(seen <= most, "{spoil:?}: {seen}");
        assert!(took < Duration::from_secs(30), "{spoil:?}: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crm_that_flaps_is_used_again_and_the_schema_shows_how_it_does() {
    let (gateway, proxy) = behind_a_proxy("flextell").await;
    let status = "{ source(key: \"flextell\") { status { health retryAfterSeconds quota { limit remaining resetsAt } } } }";
    let health = |answer: &Value| answer["data"]["source"]["status"]["health"].clone();
    let fine = gateway.ask(status).await;
    assert_eq!(health(&fine), "HEALTHY", "{fine:#}");
    let quota = &fine["data"]["source"]["status"]["quota"];
    assert!(
        quota["limit"].is_i64() && quota["remaining"].is_i64() && quota["resetsAt"].is_string(),
        "{fine:#}"
    );
    // Every second call fails: the rows are there all the same.
    proxy.spoil(|_, before| {
        if before % 2 == 0 {
            Spoil::Answer(503, "", "{}")
        } else {
            Spoil::Pass
        }
    });
    for _ in 0..5 {
        let (report, _) = report(&gateway, "flextell").await;
        assert_eq!(report["outcome"], "COMPLETE", "{report}");
    }
    assert_eq!(health(&gateway.ask(status).await), "DEGRADED");
    proxy.spoil(|_, _| Spoil::Reset);
    for _ in 0..20 {
        report(&gateway, "flextell").await;
    }
    let down = gateway.ask(status).await;
    assert_eq!(health(&down), "UNAVAILABLE", "{down:#}");
    assert!(
        down["data"]["source"]["status"]["retryAfterSeconds"]
            .as_i64()
            .unwrap()
            <= 5
    );
    proxy.spoil(|_, _| Spoil::Pass);
    assert_eq!(report(&gateway, "flextell").await.0["outcome"], "FAILED");
    assert_eq!(
        proxy.seen().len(),
        0,
        "nothing is sent while it is left alone"
    );
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(report(&gateway, "flextell").await.0["outcome"], "COMPLETE");
    assert_eq!(health(&gateway.ask(status).await), "HEALTHY");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn going_down_and_coming_back_are_one_line_each_in_the_log() {
    let mut demo = demo_of(4).await;
    let proxy = Proxy::before(&mut demo, "gtateth").await;
    let folder = tempfile::tempdir().unwrap();
    let (text, environment) = configuration(&demo);
    let text = text.replacen(
        "adapter = \"gtateth\"",
        "adapter = \"gtateth\"\nretries = 0\nbreaker = { failures = 3, window = \"10s\", rest = \"3s\" }",
        1,
    );
    std::fs::write(folder.path().join("crmql.toml"), text).unwrap();
    let process = spawn(folder.path(), &["serve"], &environment);
    let address = process.word_after("listening address=").await;
    let query = "{ customers(sources: [\"gtateth\"], first: 1) { nodes { id } } }";
    proxy.spoil(|_, _| Spoil::Reset);
    for _ in 0..8 {
        ask(&address, query, json!({})).await;
    }
    assert_eq!(proxy.seen().len(), 3);
    proxy.spoil(|_, _| Spoil::Pass);
    tokio::time::sleep(Duration::from_millis(3_100)).await;
    for _ in 0..3 {
        let answer = ask(&address, query, json!({})).await;
        assert!(codes(&answer).is_empty(), "{answer:#}");
    }
    let log = process.err();
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(
        (lines("source down"), lines("source back")),
        (1, 1),
        "{log}"
    );
    let down = log
        .lines()
        .find(|line| line.contains("source down"))
        .unwrap();
    for part in ["WARN", "gtateth", "SOURCE_UNAVAILABLE", "request="] {
        assert!(down.contains(part), "{down}");
    }
    assert!(!down.contains("http"), "{down}");
}
