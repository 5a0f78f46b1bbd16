//! A CRM that keeps failing is left alone; one that refuses is not.

use super::{adapter_with, get, good, status};
use crate::engine::id;
use crate::support::crm::{Crm, call};
use crmql::model::SourceHealth;
use crmql::source::{CustomerSource, SourceErrorKind};
use crmql::upstream::{BreakerSettings, Settings};
use futures_util::future::join_all;
use std::time::Duration;

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
