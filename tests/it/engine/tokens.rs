//! Tokens that are refused, and endpoints that give none: what that costs those who wait, and the CRM.

use super::auth::{REFRESH, echo, forms, getting};
use super::id;
use crate::support::crm::{Crm, Play, call, source, source_within};
use crmql::model::{Change, FieldValue, WriteField, WriteOutcome};
use crmql::source::{CustomerSource, SourceErrorKind};
use crmql::upstream::{BreakerSettings, Settings};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const CLIENT: &str = "{ kind = \"oauth2_client\", token_url = \"{base_url}/token\", client_id = \"me\", client_secret = \"x\" }";

fn token(number: usize) -> Play {
    let token = json!({ "access_token": format!("t{number}"), "expires_in": 3600 });
    Play::Json(200, token)
}

fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// The first token is refused to both, and the second never comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_token_waits_no_longer_than_its_time() {
    let tokens = AtomicUsize::new(0);
    let crm = Crm::answering(move |seen, _| {
        let refused = |after| Play::Late(ms(after), Box::new(Play::Json(401, json!({}))));
        match (seen.target.as_str(), seen.method.as_str()) {
            ("/token", _) if tokens.fetch_add(1, Ordering::SeqCst) == 0 => token(1),
            ("/token", _) => Play::Hang,
            ("/c/warm", _) => echo(seen),
            (_, "PATCH") => refused(250),
            _ => refused(150),
        }
    })
    .await;
    let update = "[update]\nrequest = \"PATCH /c/{id}\"\nreturns = {}\n";
    let text = getting(CLIENT).replacen("[fields]", &format!("{update}[fields]"), 1);
    let settings = Settings {
        attempt: ms(1_200),
        ..Settings::default()
    };
    let source = source_within(&crm.base, &text, settings, ms(500));
    assert!(source.fetch(&call(), &[id("warm")]).await[0].is_ok());
    let began = Instant::now();
    let change = Change::Update {
        id: id("a"),
        fields: vec![(WriteField::Name, FieldValue::Text("n".into()))],
        native: serde_json::Map::new(),
    };
    let (read, write) = (call(), call());
    let ids = [id("a")];
    let (read, written) = tokio::join!(source.fetch(&read, &ids), source.write(&write, &change));
    let took = began.elapsed();
    assert!(took < ms(900), "{took:?}");
    assert_eq!(read[0].as_ref().unwrap_err().kind, SourceErrorKind::Timeout);
    assert_eq!(written.outcome, WriteOutcome::NotApplied, "{written:?}");
    tokio::time::sleep(ms(1_500)).await;
    assert_eq!(forms(&crm).len(), 2, "none is fetched for nobody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_endpoint_that_hangs_is_left_alone_and_a_caller_in_haste_is_no_sign_of_it() {
    let breaker = BreakerSettings {
        failures: 3,
        window: Duration::from_secs(30),
        rest: Duration::from_secs(30),
    };
    for (attempt, total, left_alone) in [(ms(150), ms(5_000), true), (ms(5_000), ms(150), false)] {
        let crm = Crm::always(Play::Hang).await;
        let settings = Settings {
            attempt,
            breaker: Some(breaker.clone()),
            ..Settings::default()
        };
        let source = source_within(&crm.base, &getting(REFRESH), settings, total);
        for tried in 0..5 {
            let fetched = source.fetch(&call(), &[id("a")]).await.remove(0);
            let kind = if left_alone && tried >= 3 {
                SourceErrorKind::Unavailable
            } else {
                SourceErrorKind::Timeout
            };
            assert_eq!(fetched.unwrap_err().kind, kind, "{tried}");
        }
        if left_alone {
            assert_eq!(forms(&crm).len(), 3);
        }
    }
}

/// A CRM that says 401 of what the client may not do would else end a good token at every call.
#[tokio::test]
async fn a_token_that_is_refused_as_soon_as_it_came_is_not_fetched_at_every_call() {
    let tokens = AtomicUsize::new(0);
    let crm = Crm::answering(move |seen, _| match seen.target.as_str() {
        "/token" => token(tokens.fetch_add(1, Ordering::SeqCst)),
        "/c/open" => echo(seen),
        _ => Play::Json(401, json!({})),
    })
    .await;
    let source = source(&crm, &getting(CLIENT));
    for _ in 0..8 {
        let refused = source.fetch(&call(), &[id("a")]).await.remove(0);
        assert_eq!(refused.unwrap_err().kind, SourceErrorKind::Credentials);
        assert!(source.fetch(&call(), &[id("open")]).await[0].is_ok());
    }
    assert_eq!(forms(&crm).len(), 2, "once it was worth a try");
    assert_eq!(crm.seen().len(), 2 + 8 + 8 + 1);
}

/// What fails may fail before anybody has looked at the token: it is no reason to fetch the next one sooner.
#[tokio::test]
async fn an_answer_that_refuses_is_no_sign_that_a_token_was_taken() {
    let tokens = AtomicUsize::new(0);
    let crm = Crm::answering(move |seen, _| match seen.target.as_str() {
        "/token" => token(tokens.fetch_add(1, Ordering::SeqCst)),
        "/c/down" => Play::Json(503, json!({})),
        _ => Play::Json(401, json!({})),
    })
    .await;
    let source = source(&crm, &getting(CLIENT));
    let failed = async |of: &str| {
        let fetched = source.fetch(&call(), &[id(of)]).await.remove(0);
        fetched.unwrap_err().kind
    };
    assert_eq!(failed("a").await, SourceErrorKind::Credentials);
    assert_eq!(failed("down").await, SourceErrorKind::Unavailable);
    // Longer than one that was taken stays, and not so long as another.
    tokio::time::sleep(ms(1_200)).await;
    assert_eq!(failed("a").await, SourceErrorKind::Credentials);
    assert_eq!(forms(&crm).len(), 2, "once it was worth a try");
}
