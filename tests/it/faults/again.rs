//! What is tried again, how often, and which of several outcomes counts.

use super::{WRITES, adapter, adapter_with, creating, get, good, said, status};
use crate::engine::{FIELDS, id};
use crate::support::crm::{Crm, Play, call, file, source_with};
use crmql::adapter::TokenStore;
use crmql::model::WriteOutcome;
use crmql::source::{CustomerSource, SourceErrorKind};
use crmql::upstream::Settings;
use serde_json::json;
use std::time::Duration;

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
