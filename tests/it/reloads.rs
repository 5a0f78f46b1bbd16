//! What a configuration that is read again must not change: who can reach the gateway, keys that an issuer published, writes
//! that were made.

use super::support::crm::{Crm, Play};
use super::support::guarded::{self, ALL, Guarded, api_key, claims};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SOURCES: &str = "{ sources { key } }";
const AGAIN: &str = "the configuration was read again";
const EC: &[u8] = include_bytes!("../../src/access/tests/keys/ec.pem");

/// How often something stands in what the command said.
fn said(gateway: &Guarded, text: &str) -> usize {
    gateway.process.err().matches(text).count()
}

/// Has the configuration read again, and waits until something was said of it.
async fn reload(gateway: &Guarded, outcome: &str) {
    let (before, started) = (said(gateway, outcome), Instant::now());
    gateway.process.signal("HUP");
    while said(gateway, outcome) == before {
        let err = gateway.process.err();
        assert!(started.elapsed() < Duration::from_secs(30), "{err}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// It goes on listening where it did, so nobody may take away what tells callers apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_others_can_reach_is_not_opened_to_them() {
    let gateway = guarded::start(|text| {
        text.replace("listen = \"127.0.0.1:0\"", "listen = \"0.0.0.0:0\"") + &api_key("k", "", ALL)
    })
    .await;
    let port = gateway.address.rsplit(':').next().unwrap();
    let url = format!("http://127.0.0.1:{port}/graphql");
    let ask = async || {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let asked = client
            .post(&url)
            .header("content-type", "application/json")
            .body(json!({ "query": SOURCES }).to_string());
        asked.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask().await, 401);
    let open = gateway
        .text
        .replace("listen = \"0.0.0.0:0\"", "listen = \"127.0.0.1:0\"")
        .replace(&api_key("k", "", ALL), "");
    std::fs::write(gateway.folder.path().join("crmql.toml"), open).unwrap();
    gateway.process.signal("HUP");
    let outcome = gateway.process.word_after("the old configuration stays");
    assert_eq!(outcome.await, "", "{}", gateway.process.err());
    assert_eq!(ask().await, 401);
    let said = gateway.process.err();
    assert!(
        said.contains("there is no [auth] any more, and until a restart"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_keys_stay_known_while_their_issuer_is_away() {
    let secret = jsonwebtoken::EncodingKey::from_ec_pem(EC).unwrap();
    let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&secret, jsonwebtoken::Algorithm::ES256);
    let mut jwk = serde_json::to_value(jwk.unwrap()).unwrap();
    jwk["kid"] = "k1".into();
    let away = Arc::new(AtomicBool::new(false));
    let is_away = Arc::clone(&away);
    let issuer = Crm::answering(move |_, _| match is_away.load(Ordering::SeqCst) {
        true => Play::Json(503, json!({})),
        false => Play::Json(200, json!({ "keys": [jwk] })),
    })
    .await;
    let url = format!("{}/jwks.json", issuer.base);
    let gateway = guarded::start(|text| {
        text + &format!(
            "\n[[auth.jwt]]\nissuer = \"https://id.example\"\naudience = \"crmql\"\nalgorithm = \"ES256\"\njwks = {url:?}\n"
        )
    })
    .await;
    let header = jsonwebtoken::Header {
        kid: Some("k1".to_owned()),
        ..jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256)
    };
    let claims = claims(&json!({ "scope": "read:customers" }));
    let token = jsonwebtoken::encode(&header, &claims, &secret).unwrap();
    assert_eq!(gateway.ask(&token, SOURCES).await.status, 200);
    away.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        reload(&gateway, AGAIN).await;
        let got = gateway.ask(&token, SOURCES).await;
        assert_eq!(got.status, 200, "{}", got.text);
    }
    assert_eq!(issuer.only().target, "/jwks.json");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_running_take_their_places_from_those_that_come() {
    let gateway = guarded::start(|text| format!("[limits]\nrequests = 1\n{text}")).await;
    let crm = &gateway.demo.crms[0];
    crm.set_fault(Some(crmql::demo::Fault::Latency(Duration::from_secs(4))));
    let slow = gateway.ask("", "{ customers(sources: [\"gtateth\"]) { nodes { id } } }");
    let others = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let before = gateway.ask("", SOURCES).await.status;
        reload(&gateway, AGAIN).await;
        let figures = gateway.send("GET", "/metrics", &[], None).await.text;
        assert!(figures.contains("crmql_requests_in_work 1\n"), "{figures}");
        (before, gateway.ask("", SOURCES).await.status)
    };
    let (slow, others) = tokio::join!(slow, others);
    assert_eq!((slow.status, others), (200, (503, 503)));
    assert_eq!(gateway.ask("", SOURCES).await.status, 200);
}

/// What is said to need a restart does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ceiling_that_needs_a_restart_stays_as_it_was() {
    let gateway = guarded::start(|text| text).await;
    let lowered = format!("[limits]\nhead_bytes = 8192\n{}", gateway.text);
    std::fs::write(gateway.folder.path().join("crmql.toml"), lowered).unwrap();
    reload(&gateway, AGAIN).await;
    assert_eq!(said(&gateway, "keys=\"limits.head_bytes\""), 1);
    let long = "x".repeat(12_000);
    let got = gateway
        .send("GET", "/readyz", &[("x-long", &long)], None)
        .await;
    assert_eq!(got.status, 200, "{}", got.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evicted_answers_stay_counted() {
    let gateway =
        guarded::start(|text| format!("[limits]\nkept_answers_bytes = 4096\n{text}")).await;
    let evicted = async || {
        let figures = gateway.send("GET", "/metrics", &[], None).await.text;
        let name = "crmql_cache_evictions_total{cache=\"answers\",cause=\"room\"} ";
        let found = figures.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap().parse::<u32>().unwrap()
    };
    for first in 1..=60 {
        let query =
            format!("{{ customers(sources: [\"gtateth\"], first: {first}) {{ nodes {{ id }} }} }}");
        gateway.ask("", &query).await;
    }
    let before = evicted().await;
    assert!(before > 0);
    reload(&gateway, AGAIN).await;
    assert!(evicted().await >= before);
}
