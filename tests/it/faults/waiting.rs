//! Waits that a CRM asks for: held where they fit, told where they do not.

use super::{WRITES, adapter, creating, get, good, said};
use crate::engine::FIELDS;
use crate::support::crm::{Crm, Play, call, file, source_with};
use crmql::adapter::TokenStore;
use crmql::model::{SourceHealth, WriteOutcome};
use crmql::source::{CustomerSource, SourceErrorKind};
use crmql::upstream::Settings;
use serde_json::json;
use std::time::{Duration, Instant};

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

/// A CRM and a proxy before it may each name one, and a proxy may make a list of them.
#[tokio::test]
async fn of_several_waits_the_longest_is_held() {
    let date = |seconds| {
        let then = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
        then.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    };
    for lines in [
        vec!["1".to_owned(), "600".to_owned()],
        vec!["600".to_owned(), "1".to_owned()],
        vec!["soon".to_owned(), "600".to_owned()],
        vec!["1, 600".to_owned()],
        vec!["600,600".to_owned()],
        vec![format!("1, {}", date(600))],
        vec![format!("{}, 1", date(600))],
        vec![format!("{}, {}", date(1), date(600)), "1".to_owned()],
    ] {
        let headers: Vec<_> = lines.iter().map(|line| ("retry-after", &**line)).collect();
        let crm = Crm::always(said(429, &headers)).await;
        let error = get(&adapter(&crm, ""), &call()).await.unwrap_err();
        let told = error.retry_after.unwrap_or_default();
        assert!((590..=600).contains(&told.as_secs()), "{lines:?}: {told:?}");
    }
}

/// CRMs tell it in whole seconds.
#[tokio::test]
async fn the_end_of_a_quota_is_shown_as_the_crm_told_it() {
    let limits = "limits = { remaining = \"header:X-Left\", reset = { at = \"header:X-Reset\", unit = \"epoch_s\" } }";
    let end = jiff::Timestamp::now().as_second() + 100;
    let headers = [("x-left", "5"), ("x-reset", &*end.to_string())];
    let crm = Crm::always(said(200, &headers)).await;
    let source = adapter(&crm, limits);
    get(&source, &call()).await.unwrap();
    for _ in 0..3 {
        let shown = source.status().quota.unwrap().resets_at.unwrap();
        assert_eq!(shown.0, jiff::Timestamp::from_second(end).unwrap());
        tokio::time::sleep(Duration::from_millis(70)).await;
    }
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
