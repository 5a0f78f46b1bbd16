//! Who may ask what, and how often at once.

use super::{NEW, OLD, answered, body, get, nothing, post, routes, routes_with, send, send_to};
use crate::graphql::toy;
use crate::http::{Hosts, Policy, Readiness, router};
use crate::limits::Limits;
use axum::http::{Method, Request, Version};
use rstest::rstest;
use serde_json::json;

#[tokio::test]
async fn a_mutation_is_never_a_get() {
    for accept in [NEW, OLD] {
        let query = [
            ("query", "query A { text } mutation B { bump }"),
            ("operationName", "B"),
        ];
        let got = send(
            get(&query)
                .header("accept", accept)
                .body(nothing())
                .unwrap(),
        )
        .await;
        assert_eq!((got.status.as_u16(), got.header("allow")), (405, "POST"));
        assert_eq!(got.code(), "INVALID_INPUT");
    }
    let got = send(
        post()
            .body(body(&json!({"query": "mutation { bump }"})))
            .unwrap(),
    )
    .await;
    assert!(got.json()["data"]["bump"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn other_methods_are_refused_and_told_what_is_served() {
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE] {
        let request = Request::builder()
            .method(method)
            .uri("/graphql?query={text}");
        let got = send(request.body(nothing()).unwrap()).await;
        assert_eq!(
            (got.status.as_u16(), got.header("allow")),
            (405, "GET, HEAD, POST, OPTIONS")
        );
    }
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri("/graphql")
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "POST");
    let got = send(request.body(nothing()).unwrap()).await;
    assert_eq!(
        (got.status.as_u16(), got.header("allow")),
        (204, "GET, HEAD, POST, OPTIONS")
    );
    assert_eq!(got.header("access-control-allow-origin"), "");
}

#[rstest]
#[case(&[], true)]
#[case(&[("sec-fetch-site", "same-origin")], true)]
#[case(&[("sec-fetch-site", "none")], true)]
#[case(&[("sec-fetch-site", "cross-site")], false)]
#[case(&[("sec-fetch-site", "same-site")], false)]
#[case(&[("sec-fetch-site", "cross-site"), ("graphql-require-preflight", "1")], true)]
#[case(&[("sec-fetch-site", "cross-site"), ("content-type", "application/json")], true)]
#[case(&[("sec-fetch-site", "cross-site"), ("content-type", "text/plain")], false)]
#[case(&[("host", "crm.example"), ("origin", "https://evil.example")], false)]
#[case(&[("host", "crm.example"), ("origin", "null")], false)]
#[case(&[("host", "crm.example"), ("origin", "https://crm.example")], true)]
#[tokio::test]
async fn a_get_from_a_foreign_page_is_refused(
    #[case] headers: &[(&str, &str)],
    #[case] served: bool,
) {
    let request = headers
        .iter()
        .fold(get(&[("query", "{ text }")]), |request, (name, value)| {
            request.header(*name, *value)
        });
    let got = send(request.body(nothing()).unwrap()).await;
    assert_eq!(got.status, if served { 200 } else { 403 }, "{}", got.text);
}

#[tokio::test]
async fn a_foreign_name_is_refused_where_names_are_ours_to_know() {
    let limits = Limits::default();
    let routes = router(
        toy::gateway(&limits),
        &limits,
        Readiness::new(),
        Policy::open(Hosts::Only(vec![])),
    );
    for (host, status) in [
        ("evil.example:8080", 421),
        ("localhost:8080", 200),
        ("127.0.0.1", 200),
    ] {
        let request = post()
            .header("host", host)
            .body(body(&json!({"query": "{ text }"})));
        assert_eq!(
            send_to(routes.clone(), request.unwrap()).await.status,
            status,
            "{host}"
        );
    }
}

/// RFC 9112, section 3.2; and RFC 9113, section 8.3.1, where the name may stand in the address.
#[rstest]
#[case(Version::HTTP_11, "/healthz", &["localhost:8080"], 200)]
#[case(Version::HTTP_11, "/healthz", &["[::1]:"], 200)]
#[case(Version::HTTP_11, "/healthz", &[], 400)]
#[case(Version::HTTP_11, "http://localhost/healthz", &[], 400)]
#[case(Version::HTTP_11, "http://localhost/healthz", &["other"], 200)]
#[case(Version::HTTP_11, "/healthz", &["localhost", "localhost"], 400)]
#[case(Version::HTTP_11, "/healthz", &["localhost", "evil.example"], 400)]
#[case(Version::HTTP_11, "/healthz", &[""], 400)]
#[case(Version::HTTP_11, "/healthz", &["local host"], 400)]
#[case(Version::HTTP_11, "/healthz", &["localhost/x"], 400)]
#[case(Version::HTTP_11, "/healthz", &["localhost:80x"], 400)]
#[case(Version::HTTP_11, "/healthz", &["me@localhost"], 400)]
#[case(Version::HTTP_11, "/healthz", &["localhost, evil.example"], 400)]
#[case(Version::HTTP_10, "/healthz", &[], 200)]
#[case(Version::HTTP_2, "http://localhost/healthz", &[], 200)]
#[case(Version::HTTP_2, "/healthz", &["localhost"], 200)]
#[case(Version::HTTP_2, "/healthz", &[], 400)]
#[case(Version::HTTP_2, "http://localhost/healthz", &["LocalHost"], 200)]
#[case(Version::HTTP_2, "http://localhost/healthz", &["evil.example"], 400)]
#[tokio::test]
async fn a_request_says_once_and_rightly_which_host_it_is_for(
    #[case] version: Version,
    #[case] uri: &str,
    #[case] hosts: &[&str],
    #[case] status: u16,
) {
    let request = Request::get(uri).version(version);
    let request = hosts
        .iter()
        .fold(request, |request, host| request.header("host", *host));
    let got = answered(routes(), request.body(nothing()).unwrap()).await;
    assert_eq!(got.status, status, "{}", got.text);
    if status == 400 {
        assert_eq!(got.code(), "INVALID_INPUT");
    }
}

#[rstest]
#[case(&["chunked"], 200)]
#[case(&["Chunked"], 200)]
#[case(&["gzip, chunked"], 400)]
#[case(&["identity, chunked"], 400)]
#[case(&["gzip", "chunked"], 400)]
#[tokio::test]
async fn only_chunks_are_taken_off_a_body(#[case] encodings: &[&str], #[case] status: u16) {
    let request = encodings
        .iter()
        .fold(post().header("host", "localhost"), |request, encoding| {
            request.header("transfer-encoding", *encoding)
        });
    let request = request.body(body(&json!({"query": "{ text }"}))).unwrap();
    let got = answered(routes(), request).await;
    assert_eq!(got.status, status, "{}", got.text);
}

#[tokio::test]
async fn a_request_keeps_a_sane_id() {
    let ask = |id: &'static str| {
        let request = post()
            .header("x-request-id", id)
            .body(body(&json!({"query": "{ requestId }"})));
        send(request.unwrap())
    };
    let got = ask("abc-1_Z").await;
    assert_eq!(got.header("x-request-id"), "abc-1_Z");
    assert_eq!(got.json()["data"]["requestId"], "abc-1_Z");
    let got = ask("not sane; really").await;
    assert_eq!(got.header("x-request-id").len(), 16);
    assert_eq!(got.json()["data"]["requestId"], got.header("x-request-id"));
}

#[tokio::test]
async fn no_cache_asks_for_fresh_rows() {
    for (value, fresh) in [
        ("no-cache", true),
        ("max-age=0, No-Cache", true),
        ("max-age=0", true),
        ("only-if-cached", false),
    ] {
        let request = post()
            .header("cache-control", value)
            .body(body(&json!({"query": "{ fresh }"})));
        assert_eq!(send(request.unwrap()).await.json()["data"]["fresh"], fresh);
    }
}

#[tokio::test]
async fn too_many_requests_at_once_are_refused() {
    let limits = Limits {
        requests: 1,
        ..Limits::default()
    };
    let routes = routes_with(&limits);
    let slow = post()
        .body(body(&json!({"query": "{ slow(ms: 300) }"})))
        .unwrap();
    let slow = tokio::spawn(send_to(routes.clone(), slow));
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let request = || post().body(body(&json!({"query": "{ text }"}))).unwrap();
    let got = send_to(routes.clone(), request()).await;
    assert_eq!(
        (got.status.as_u16(), got.code().as_str()),
        (503, "OVERLOADED")
    );
    assert_eq!(got.header("retry-after"), "1");
    assert_eq!(slow.await.unwrap().status, 200);
    assert_eq!(send_to(routes, request()).await.status, 200);
}
