//! Signing in: every kind, and tokens that are fetched, shared, renewed and kept.

use super::{FIELDS, id};
use crate::support::crm::{Crm, Play, Seen, call, file, receive, source, source_with};
use crmql::adapter::TokenStore;
use crmql::source::{CustomerSource, SourceErrorKind};
use crmql::upstream::Settings;
use futures_util::future::join_all;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;

pub(super) fn getting(auth: &str) -> String {
    file(
        &format!("auth = {auth}"),
        &format!("[get]\nrequest = \"GET /c/{{id}}\"\nitem = \"\"\n{FIELDS}"),
    )
}

pub(super) const REFRESH: &str = "{ kind = \"oauth2_refresh\", token_url = \"{base_url}/token\", client_id = \"me\", client_secret = \"s&cret\", refresh_token = \"r0\" }";

pub(super) fn echo(seen: &Seen) -> Play {
    Play::Json(
        200,
        json!({ "id": seen.target.trim_start_matches("/c/").split('?').next() }),
    )
}

#[tokio::test]
async fn fixed_credentials_stand_where_the_file_says() {
    for (auth, header, target) in [
        ("{ kind = \"none\" }", None, "/c/a"),
        (
            "{ kind = \"bearer\", token = \"{key}\" }",
            Some(("authorization", "Bearer k3y")),
            "/c/a",
        ),
        (
            "{ kind = \"header\", name = \"X-Key\", value = \"K {key}\" }",
            Some(("x-key", "K k3y")),
            "/c/a",
        ),
        (
            "{ kind = \"query\", name = \"api_key\", value = \"{key}\" }",
            None,
            "/c/a?api_key=k3y",
        ),
        (
            "{ kind = \"basic\", user = \"{key}\" }",
            Some(("authorization", "Basic azN5Og==")),
            "/c/a",
        ),
    ] {
        let crm = Crm::answering(|seen, _| echo(seen)).await;
        assert!(
            source(&crm, &getting(auth))
                .fetch(&call(), &[id("a")])
                .await
                .remove(0)
                .is_ok()
        );
        let seen = crm.only();
        assert_eq!(seen.target, target);
        if let Some((name, value)) = header {
            assert_eq!(seen.header(name), Some(value));
        }
    }
}

#[tokio::test]
async fn what_is_put_stands_behind_the_parameters_that_a_route_has_of_its_own() {
    let crm = Crm::answering(|seen, _| echo(seen)).await;
    let auth = "{ kind = \"query\", name = \"api_key\", value = \"{key}\" }";
    let text = getting(auth).replace("GET /c/{id}", "GET /c/{id}?own=1");
    let read = source(&crm, &text)
        .fetch(&call(), &[id("a")])
        .await
        .remove(0);
    assert!(read.is_ok(), "{read:?}");
    assert_eq!(crm.only().target, "/c/a?own=1&api_key=k3y");
}

#[tokio::test]
async fn credentials_in_the_address_of_a_token_endpoint_become_a_header() {
    let crm = Crm::answering(|seen, _| match &*seen.target {
        "/token" => Play::Json(200, json!({ "access_token": "t1", "expires_in": 60 })),
        _ => echo(seen),
    })
    .await;
    let endpoint = crm.base.replace("http://", "http://me:pw@");
    let auth = REFRESH.replace("{base_url}", &endpoint);
    let read = source(&crm, &getting(&auth))
        .fetch(&call(), &[id("a")])
        .await
        .remove(0);
    assert!(read.is_ok(), "{read:?}");
    let seen = crm.seen();
    assert_eq!(seen[0].header("authorization"), Some("Basic bWU6cHc="));
    assert_eq!(seen[1].header("authorization"), Some("Bearer t1"));
}

/// A CRM with a token endpoint that takes a moment; tokens are numbered, and `life` is what it says of each.
async fn with_tokens(life: u64, good_from: usize) -> (Crm, Arc<AtomicUsize>) {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let crm = Crm::answering(move |seen, _| {
        if seen.target == "/token" {
            std::thread::sleep(Duration::from_millis(30));
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            return Play::Json(200, json!({ "access_token": format!("t{number}"), "expires_in": life, "refresh_token": format!("r{number}") }));
        }
        let token: usize = seen.header("authorization").unwrap().trim_start_matches("Bearer t").parse().unwrap();
        if token < good_from { Play::Json(401, json!({})) } else { echo(seen) }
    })
    .await;
    (crm, made)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_who_wait_cost_one_token_and_one_more_when_it_is_refused() {
    for (good_from, tokens) in [(1, 1), (2, 2)] {
        let (crm, made) = with_tokens(3600, good_from).await;
        let source = source(&crm, &getting(REFRESH));
        let asked = (0..50).map(|n| {
            let source = &source;
            async move {
                source
                    .fetch(&call(), &[id(&format!("a{n}"))])
                    .await
                    .remove(0)
            }
        });
        for fetched in join_all(asked).await {
            assert!(fetched.unwrap().is_some());
        }
        assert_eq!(made.load(Ordering::SeqCst), tokens);
        let forms: Vec<_> = crm
            .seen()
            .into_iter()
            .filter(|seen| seen.target == "/token")
            .collect();
        assert_eq!(
            forms[0].body,
            "grant_type=refresh_token&client_id=me&client_secret=s%26cret&refresh_token=r0"
        );
        if let Some(second) = forms.get(1) {
            assert!(
                second.body.ends_with("&refresh_token=r1"),
                "the rotated one is used"
            );
        }
    }
}

#[tokio::test]
async fn a_token_refused_in_the_crms_own_words_is_fetched_anew_too() {
    for (status, ok) in [
        (400, ""),
        (200, "ok = { path = \"/id\", equals = \"a\" }\n"),
    ] {
        let crm = Crm::answering(move |seen, number| match (seen.target.as_str(), number) {
            ("/token", _) => Play::Json(200, json!({ "access_token": format!("t{number}") })),
            (_, 1) => Play::Json(status, json!({ "code": "EXPIRED" })),
            _ => echo(seen),
        })
        .await;
        let words = "[errors]\ncode = \"/code\"\ncodes = { EXPIRED = \"unauthenticated\" }\n";
        let text = file(
            &format!("auth = {REFRESH}\n{ok}"),
            &format!("[get]\nrequest = \"GET /c/{{id}}\"\nitem = \"\"\n{words}{FIELDS}"),
        );
        let read = source(&crm, &text)
            .fetch(&call(), &[id("a")])
            .await
            .remove(0);
        assert!(read.is_ok_and(|found| found.is_some()), "{status}");
        let targets: Vec<_> = crm.seen().into_iter().map(|seen| seen.target).collect();
        assert_eq!(targets, ["/token", "/c/a", "/token", "/c/a"]);
    }
}

#[tokio::test]
async fn a_token_that_ends_is_fetched_anew_and_a_lasting_one_is_not() {
    for (life, tokens) in [(3600, 1), (0, 3)] {
        let (crm, made) = with_tokens(life, 0).await;
        let source = source(&crm, &getting(REFRESH));
        for _ in 0..3 {
            source.fetch(&call(), &[id("a")]).await.remove(0).unwrap();
        }
        assert_eq!(made.load(Ordering::SeqCst), tokens);
    }
}

#[tokio::test]
async fn client_credentials_name_themselves_in_form_or_header() {
    for (send, body, header) in [
        (
            "form",
            "grant_type=client_credentials&client_id=me&client_secret=x&scope=a%20b",
            None,
        ),
        (
            "basic",
            "grant_type=client_credentials&scope=a%20b",
            Some("Basic bWU6eA=="),
        ),
    ] {
        let auth = format!(
            "{{ kind = \"oauth2_client\", token_url = \"{{base_url}}/token\", client_id = \"me\", client_secret = \"x\", scope = \"a b\", send = \"{send}\", prefix = \"Token \" }}"
        );
        let crm = Crm::answering(|seen, _| {
            if seen.target == "/token" {
                Play::Json(200, json!({ "access_token": "t" }))
            } else {
                echo(seen)
            }
        })
        .await;
        source(&crm, &getting(&auth))
            .fetch(&call(), &[id("a")])
            .await
            .remove(0)
            .unwrap();
        let seen = crm.seen();
        assert_eq!(
            (seen[0].body.as_str(), seen[0].header("authorization")),
            (body, header)
        );
        assert_eq!(seen[1].header("authorization"), Some("Token t"));
    }
}

#[tokio::test]
async fn a_rotated_token_is_kept_even_when_nobody_waits_any_more_and_a_kept_one_is_used() {
    let (crm, _) = with_tokens(3600, 0).await;
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&kept);
    let tokens = TokenStore {
        kept: Some(SecretString::from("kept")),
        keep: Some(Arc::new(move |token: &SecretString| {
            keep.lock().unwrap().push(token.expose_secret().to_owned());
        })),
        again: None,
    };
    let source = source_with(&crm.base, &getting(REFRESH), tokens, Settings::default());
    let call = call();
    let ids = [id("a")];
    let given_up = tokio::time::timeout(Duration::from_millis(5), source.fetch(&call, &ids)).await;
    assert!(given_up.is_err(), "a token takes longer than that");
    drop(source);
    for _ in 0..100 {
        if !kept.lock().unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(*kept.lock().unwrap(), ["r1"]);
    assert!(crm.seen()[0].body.ends_with("refresh_token=kept"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_endpoint_that_refuses_is_asked_once_for_all_who_wait() {
    let crm = Crm::answering(|_, _| {
        std::thread::sleep(Duration::from_millis(100));
        Play::Json(400, json!({ "error": "invalid_grant" }))
    })
    .await;
    let source = source(&crm, &getting(REFRESH));
    let ids = (0..20).map(|n| [id(&n.to_string())]).collect::<Vec<_>>();
    let call = call();
    for fetched in join_all(ids.iter().map(|ids| source.fetch(&call, ids))).await {
        assert_eq!(
            fetched[0].as_ref().unwrap_err().kind,
            SourceErrorKind::Credentials
        );
    }
    assert_eq!(crm.seen().len(), 1);
    assert_eq!(call.calls(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_endpoint_is_asked_no_sooner_than_it_wishes() {
    for (seconds, sent) in [(60, 1), (1, 3)] {
        let crm = Crm::answering(move |seen, before| match (seen.target.as_str(), before) {
            (_, 0) => {
                let wait = ("retry-after", seconds.to_string());
                Play::Raw(429, vec![wait], Vec::new())
            }
            ("/token", _) => Play::Json(200, json!({ "access_token": "t" })),
            _ => echo(seen),
        })
        .await;
        let source = source(&crm, &getting(REFRESH));
        let refused = source.fetch(&call(), &[id("a")]).await.remove(0);
        assert_eq!(refused.unwrap_err().kind, SourceErrorKind::Throttled);
        let again = source.fetch(&call(), &[id("a")]).await.remove(0);
        assert_eq!(crm.seen().len(), sent, "{seconds}");
        match again {
            Ok(found) => assert!(found.is_some() && seconds == 1),
            Err(error) => {
                assert_eq!(error.kind, SourceErrorKind::Throttled);
                let left = error.retry_after.unwrap().as_secs();
                assert!((50..=60).contains(&left), "{left}");
            }
        }
    }
}

/// A failure that many waited for is one failure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_endpoint_that_fails_once_is_not_taken_for_down() {
    let crm = Crm::answering(|seen, before| {
        std::thread::sleep(Duration::from_millis(100));
        match (seen.target.as_str(), before) {
            (_, 0) => Play::Json(500, json!({})),
            ("/token", _) => Play::Json(200, json!({ "access_token": "t" })),
            _ => Play::Json(200, json!({ "id": "1" })),
        }
    })
    .await;
    let source = source(&crm, &getting(REFRESH));
    let ids = (0..30).map(|n| [id(&n.to_string())]).collect::<Vec<_>>();
    let call = call();
    for fetched in join_all(ids.iter().map(|ids| source.fetch(&call, ids))).await {
        let error = fetched[0].as_ref().unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Unavailable);
    }
    assert_eq!(crm.seen().len(), 1);
    let fetched = source.fetch(&call, &[id("1")]).await;
    assert!(fetched[0].is_ok(), "{fetched:?}");
}

#[tokio::test]
async fn a_refresh_token_that_another_process_rotated_is_read_again_once() {
    for (kept, good) in [(Some("rotated"), true), (Some("r0"), false), (None, false)] {
        let crm = Crm::answering(|seen, _| match seen.target.as_str() {
            "/token" if seen.body.ends_with("refresh_token=rotated") => {
                Play::Json(200, json!({ "access_token": "t1", "expires_in": 3600 }))
            }
            "/token" => Play::Json(400, json!({ "error": "invalid_grant" })),
            _ => echo(seen),
        })
        .await;
        let tokens = TokenStore {
            again: Some(Arc::new(move || kept.map(SecretString::from))),
            ..TokenStore::default()
        };
        let source = source_with(&crm.base, &getting(REFRESH), tokens, Settings::default());
        let fetched = source.fetch(&call(), &[id("a")]).await.remove(0);
        assert_eq!(fetched.is_ok(), good, "{kept:?}");
        let tokens = crm
            .seen()
            .iter()
            .filter(|seen| seen.target == "/token")
            .count();
        assert_eq!(tokens, if good { 2 } else { 1 }, "{kept:?}");
    }
}

/// The token endpoint's answers in order, the last one going on, and an API that takes any token.
async fn with_endpoint(plays: Vec<Play>) -> Crm {
    let asked = AtomicUsize::new(0);
    Crm::answering(move |seen, _| match seen.target.as_str() {
        "/token" => {
            let before = asked.fetch_add(1, Ordering::SeqCst);
            plays[before.min(plays.len() - 1)].clone()
        }
        _ => echo(seen),
    })
    .await
}

/// The bodies that came to the token endpoint.
pub(super) fn forms(crm: &Crm) -> Vec<String> {
    let seen = crm.seen().into_iter();
    let asked = seen.filter(|seen| seen.target == "/token");
    asked.map(|seen| seen.body).collect()
}

#[tokio::test]
async fn an_empty_refresh_token_replaces_none() {
    let empty = json!({ "access_token": "t", "expires_in": 0, "refresh_token": "" });
    let crm = with_endpoint(vec![Play::Json(200, empty)]).await;
    let source = source(&crm, &getting(REFRESH));
    for _ in 0..2 {
        source.fetch(&call(), &[id("a")]).await.remove(0).unwrap();
    }
    let forms = forms(&crm);
    assert_eq!(forms.len(), 2);
    assert!(forms[1].ends_with("&refresh_token=r0"), "{forms:?}");
}

/// A CRM that was restored from a backup has forgotten what it gave since, and may know what it was set up with.
#[tokio::test]
async fn a_kept_token_that_the_crm_has_forgotten_gives_way_to_the_configured_one() {
    for (status, word, asked) in [
        (400, "invalid_grant", 2),
        (401, "invalid_grant", 2),
        (401, "invalid_client", 1),
        (403, "invalid_grant", 1),
    ] {
        let crm = Crm::answering(move |seen, _| match seen.target.as_str() {
            "/token" if seen.body.ends_with("refresh_token=r0") => Play::Json(
                200,
                json!({ "access_token": "t", "expires_in": 3600, "refresh_token": "r9" }),
            ),
            "/token" => Play::Json(status, json!({ "error": word })),
            _ => echo(seen),
        })
        .await;
        let kept = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&kept);
        let tokens = TokenStore {
            kept: Some(SecretString::from("forgotten")),
            keep: Some(Arc::new(move |token: &SecretString| {
                keep.lock().unwrap().push(token.expose_secret().to_owned());
            })),
            again: Some(Arc::new(|| Some(SecretString::from("forgotten")))),
        };
        let source = source_with(&crm.base, &getting(REFRESH), tokens, Settings::default());
        let fetched = source.fetch(&call(), &[id("a")]).await.remove(0);
        assert_eq!(fetched.is_ok(), asked == 2, "{status}: {fetched:?}");
        assert_eq!(forms(&crm).len(), asked, "{status}");
        assert_eq!(kept.lock().unwrap().len(), asked - 1, "{status}");
    }
}

#[tokio::test]
async fn a_token_endpoint_that_fails_for_a_moment_is_asked_again_and_a_silent_one_is_not() {
    let good = Play::Json(200, json!({ "access_token": "t", "expires_in": 3600 }));
    let failing = |status| Play::Raw(status, vec![], b"<html>".to_vec());
    let client = REFRESH.replace("oauth2_refresh", "oauth2_client");
    let client = client.replace(", refresh_token = \"r0\"", "");
    let failed = Some(SourceErrorKind::Unavailable);
    // A proxy without an answer does not know whether the refresh token was rotated.
    for (auth, first, asked, kind) in [
        (&*client, failing(502), 2, None),
        (&*client, failing(504), 2, None),
        (REFRESH, failing(503), 2, None),
        (REFRESH, failing(502), 1, failed),
        (REFRESH, failing(504), 1, failed),
        (REFRESH, failing(500), 1, failed),
        (REFRESH, failing(400), 1, Some(SourceErrorKind::Credentials)),
        (REFRESH, Play::Reset, 1, failed),
        (REFRESH, Play::Hang, 1, Some(SourceErrorKind::Timeout)),
    ] {
        let crm = with_endpoint(vec![first.clone(), good.clone()]).await;
        let settings = Settings {
            attempt: Duration::from_millis(300),
            ..Settings::default()
        };
        let source = source_with(&crm.base, &getting(auth), TokenStore::default(), settings);
        let fetched = source.fetch(&call(), &[id("a")]).await.remove(0);
        assert_eq!(fetched.err().map(|error| error.kind), kind, "{first:?}");
        assert_eq!(forms(&crm).len(), asked, "{first:?}");
    }
}

/// Its port is taken from the beginning, and refuses connections until it listens.
#[tokio::test]
async fn a_token_endpoint_that_takes_no_connection_is_tried_again() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let endpoint = format!("http://{}", socket.local_addr().unwrap());
    let starting = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let (mut stream, _) = socket.listen(8).unwrap().accept().await.unwrap();
        receive(&mut stream).await.unwrap();
        let body = "{\"access_token\":\"t\"}";
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    let crm = Crm::answering(|seen, _| echo(seen)).await;
    let file = getting(&REFRESH.replace("{base_url}", &endpoint));
    let settings = Settings {
        retries: 8,
        ..Settings::default()
    };
    let source = source_with(&crm.base, &file, TokenStore::default(), settings);
    source.fetch(&call(), &[id("a")]).await.remove(0).unwrap();
    starting.await.unwrap();
}

#[tokio::test]
async fn a_token_endpoint_that_asks_for_time_is_given_it() {
    for status in [429, 503] {
        let wait = vec![("retry-after", "7".to_owned())];
        let crm = with_endpoint(vec![Play::Raw(status, wait, vec![])]).await;
        let fetched = source(&crm, &getting(REFRESH))
            .fetch(&call(), &[id("a")])
            .await
            .remove(0);
        let waits = fetched.unwrap_err().retry_after;
        assert_eq!(waits, Some(Duration::from_secs(7)), "{status}");
    }
}
