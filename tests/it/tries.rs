//! Whoever has too many credentials refused is sent away for a while; nobody else is. The real command behind a proxy that
//! says where requests come from.

use super::support::guarded::{self, ALL, Got, Guarded, api_key, claims, token};
use serde_json::json;

/// A gateway that lets five tries pass, behind these proxies.
async fn guarded(proxies: &str) -> Guarded {
    let server = format!("[server]\nproxies = {proxies}\n");
    guarded::start(|text| {
        text.replacen("[server]\n", &server, 1)
            + &api_key("good", "", ALL)
            + &api_key("watcher", "", &["read:metrics"])
            + "\n[[auth.jwt]]\nissuer = \"https://id.example\"\naudience = \"crmql\"\nalgorithm = \"HS256\"\n\
               secret = { env = \"TEST_JWT_SECRET\" }\n\n[limits]\nfailed_tries = 5\n"
    })
    .await
}

async fn from(gateway: &Guarded, address: &str, path: &str, credential: &str) -> Got {
    let bearer = format!("Bearer {credential}");
    let mut headers = vec![("content-type", "application/json")];
    if !credential.is_empty() {
        headers.push(("authorization", &bearer));
    }
    // As proxies do, each its own line.
    for said in address.split('|').filter(|said| !said.is_empty()) {
        headers.push(("x-forwarded-for", said));
    }
    let body = json!({ "query": "{ sources { key } }" }).to_string();
    let (method, body) = match path {
        "/graphql" => ("POST", Some(body)),
        _ => ("GET", None),
    };
    gateway.send(method, path, &headers, body).await
}

async fn status(gateway: &Guarded, address: &str, credential: &str) -> u16 {
    from(gateway, address, "/graphql", credential).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_is_sent_away_and_no_other() {
    let gateway = guarded("[\"127.0.0.0/8\", \"10.0.0.0/8\"]").await;
    let bad = "203.0.113.9";
    // Nothing of this is a try: no credential, one that has expired, one that is good.
    let expired = token(&claims(&json!({ "exp": 1_000 })));
    for credential in ["", expired.as_str(), "good"].iter().cycle().take(15) {
        let expected = if *credential == "good" { 200 } else { 401 };
        assert_eq!(status(&gateway, bad, credential).await, expected);
    }
    for number in 0..5 {
        assert_eq!(status(&gateway, bad, &format!("bad-{number}")).await, 401);
    }
    for path in ["/graphql", "/schema.graphql", "/metrics"] {
        let away = from(&gateway, bad, path, "bad").await;
        assert_eq!(
            (away.status, away.code().as_str()),
            (429, "OVERLOADED"),
            "{path}"
        );
        let seconds: u64 = away.header("retry-after").parse().unwrap();
        assert!((1..=121).contains(&seconds), "{seconds}");
    }
    // What the caller writes before the proxy's own word changes nothing, nor does another way to write the address.
    for same in [
        "198.51.100.1, 203.0.113.9",
        "198.51.100.1|203.0.113.9",
        "203.0.113.9, 10.1.2.3",
        "203.0.113.9:4711",
        "::ffff:203.0.113.9",
    ] {
        assert_eq!(status(&gateway, same, "good").await, 429, "{same}");
    }
    for other in [
        "203.0.113.10",
        "203.0.113.9, 198.51.100.1",
        "2001:db8::1",
        "",
        "junk",
    ] {
        assert_eq!(status(&gateway, other, "good").await, 200, "{other}");
    }
    // A reload forgives nobody.
    gateway.process.signal("HUP");
    gateway
        .process
        .word_after("the configuration was read again")
        .await;
    assert_eq!(status(&gateway, bad, "good").await, 429);
    let said = gateway.process.err() + &gateway.process.out();
    assert!(
        said.contains("too many tries") && !said.contains(bad),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_household_of_ipv6_is_one_address() {
    let gateway = guarded("[\"127.0.0.1\"]").await;
    for number in 0..5 {
        let address = format!("2001:db8:0:1::{number}");
        assert_eq!(status(&gateway, &address, "bad").await, 401);
    }
    assert_eq!(
        status(&gateway, "[2001:db8:0:1:ffff::1]:80", "bad").await,
        429
    );
    assert_eq!(status(&gateway, "2001:db8:0:2::1", "good").await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_not_configured_is_never_sent_away_for_one_of_its_callers() {
    let gateway = guarded("[\"10.0.0.0/8\"]").await;
    for number in 0..12 {
        // Nobody believes this word of it.
        assert_eq!(
            status(&gateway, "203.0.113.9", &format!("bad-{number}")).await,
            401
        );
    }
    assert_eq!(status(&gateway, "203.0.113.9", "good").await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tries_at_once_are_few() {
    let gateway = guarded("[\"127.0.0.1\"]").await;
    let asking = (0..60).map(|_| status(&gateway, "203.0.113.9", "bad"));
    let said = futures_util::future::join_all(asking).await;
    let looked_at = said.iter().filter(|status| **status == 401).count();
    assert!(
        said.iter().all(|status| [401, 429].contains(status)),
        "{said:?}"
    );
    assert!((5..55).contains(&looked_at), "{looked_at}");
}
