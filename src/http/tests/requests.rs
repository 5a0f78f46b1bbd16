//! One request, one response.

use crate::graphql::toy;
use crate::http::{Hosts, Readiness, router};
use crate::limits::Limits;
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header, request::Builder};
use http_body_util::BodyExt;
use rstest::rstest;
use serde_json::{Value, json};
use tower::ServiceExt;

const NEW: &str = "application/graphql-response+json";
const OLD: &str = "application/json";

fn routes_with(limits: &Limits) -> Router {
    router(toy::gateway(limits), limits, Readiness::new(), Hosts::Any)
}

fn routes() -> Router {
    routes_with(&Limits::default())
}

struct Got {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    text: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn code(&self) -> String {
        let body = self.json();
        assert!(body.get("data").is_none(), "{body}");
        assert_eq!(
            body["errors"][0]["extensions"]["requestId"],
            self.header("x-request-id")
        );
        body["errors"][0]["extensions"]["code"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

async fn send_to(routes: Router, request: Request<Body>) -> Got {
    let response = routes.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    assert_eq!(
        parts.headers.get("x-content-type-options").unwrap(),
        "nosniff"
    );
    assert!(parts.headers.contains_key("x-request-id"));
    Got {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap_or_default(),
    }
}

async fn send(request: Request<Body>) -> Got {
    send_to(routes(), request).await
}

fn post() -> Builder {
    Request::post("/graphql").header(header::CONTENT_TYPE, OLD)
}

fn get(query: &[(&str, &str)]) -> Builder {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query)
        .finish();
    Request::get(format!("/graphql?{query}"))
}

fn body(value: &Value) -> Body {
    Body::from(value.to_string())
}

fn nothing() -> Body {
    Body::empty()
}

#[rstest]
#[case(NEW, "{ text }", 200)]
#[case(OLD, "{ text }", 200)]
#[case(NEW, "{ uncoded }", 200)]
#[case(OLD, "{ uncoded }", 200)]
#[case(NEW, "{", 400)]
#[case(OLD, "{", 200)]
#[case(NEW, "{ unknown }", 400)]
#[case(OLD, "{ unknown }", 200)]
#[case(NEW, "query($n: Int!) { number(value: $n) }", 400)]
#[case(OLD, "query($n: Int!) { number(value: $n) }", 200)]
#[case(NEW, "{ panics }", 500)]
#[case(OLD, "{ panics }", 500)]
#[tokio::test]
async fn the_media_type_decides_what_the_status_tells(
    #[case] accept: &str,
    #[case] query: &str,
    #[case] status: u16,
) {
    let got = send(
        post()
            .header("accept", accept)
            .body(body(&json!({"query": query})))
            .unwrap(),
    )
    .await;
    assert_eq!(got.status, status, "{}", got.text);
    assert_eq!(
        got.header("content-type"),
        format!("{accept}; charset=utf-8")
    );
    assert_eq!(got.header("cache-control"), "no-store");
    assert!(got.header("vary").contains("accept"));
}

#[rstest]
#[case(r#"{"query": 1}"#)]
#[case(r#"{"query": null}"#)]
#[case(r#"{"qeury": "{ text }"}"#)]
#[case(r#"{"query": "{ text }", "variables": "x"}"#)]
#[case(r#"{"query": "{ text }", "variables": [7]}"#)]
#[case(r#"{"query": "{ text }", "extensions": false}"#)]
#[case(r#"{"query": "{ text }", "operationName": {}}"#)]
#[case(r#"[{"query": "{ text }"}]"#)]
#[case(r#""{ text }""#)]
#[case(r#"{"query": "{ text }""#)]
#[case("")]
#[tokio::test]
async fn what_is_no_graphql_request_is_a_400_for_everybody(#[case] text: &str) {
    for accept in [NEW, OLD] {
        let request = post()
            .header("accept", accept)
            .body(Body::from(text.to_owned()));
        let got = send(request.unwrap()).await;
        assert_eq!(
            (got.status.as_u16(), got.code().as_str()),
            (400, "INVALID_INPUT"),
            "{}",
            got.text
        );
    }
}

#[tokio::test]
async fn a_body_must_be_utf8() {
    let got = send(
        post()
            .body(Body::from(
                &b"{\"query\": \"{ text(value: \\\"\xff\\\") }\"}"[..],
            ))
            .unwrap(),
    )
    .await;
    assert_eq!(
        (got.status.as_u16(), got.code().as_str()),
        (400, "INVALID_INPUT")
    );
}

#[rstest]
#[case("text/plain")]
#[case("application/x-www-form-urlencoded")]
#[case("multipart/form-data; boundary=x")]
#[case("application/graphql")]
#[case("application/json; charset=utf-16")]
#[case("application/jsonp")]
#[case("")]
#[tokio::test]
async fn only_json_is_read(#[case] content_type: &str) {
    let request = Request::post("/graphql").header("content-type", content_type);
    let got = send(
        request
            .body(body(&json!({"query": "mutation { bump }"})))
            .unwrap(),
    )
    .await;
    assert_eq!(
        (got.status.as_u16(), got.code().as_str()),
        (415, "INVALID_INPUT")
    );
}

#[tokio::test]
async fn a_body_without_a_type_is_not_read() {
    let got = send(
        Request::post("/graphql")
            .body(body(&json!({"query": "{ text }"})))
            .unwrap(),
    )
    .await;
    assert_eq!(got.status, 415);
    let request = post().header("content-type", "text/plain");
    assert_eq!(
        send(request.body(body(&json!({"query": "{ text }"}))).unwrap())
            .await
            .status,
        415
    );
    let request = post().header("content-encoding", "gzip");
    assert_eq!(
        send(request.body(body(&json!({"query": "{ text }"}))).unwrap())
            .await
            .status,
        415
    );
    let request =
        Request::post("/graphql").header("content-type", "Application/JSON; Charset=\"UTF-8\"");
    assert_eq!(
        send(request.body(body(&json!({"query": "{ text }"}))).unwrap())
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn what_cannot_be_answered_acceptably_is_a_406() {
    let got = send(
        post()
            .header("accept", "text/html")
            .body(body(&json!({"query": "{ text }"})))
            .unwrap(),
    )
    .await;
    assert_eq!(
        (got.status.as_u16(), got.code().as_str()),
        (406, "INVALID_INPUT")
    );
}

#[tokio::test]
async fn a_get_carries_every_parameter() {
    let query = "query A($v: String) { text(value: $v) } query B { number(value: 2) }";
    let variables = r#"{"v": "é &+%"}"#;
    let got = send(
        get(&[
            ("query", query),
            ("operationName", "A"),
            ("variables", variables),
            ("extensions", "{}"),
        ])
        .body(nothing())
        .unwrap(),
    )
    .await;
    assert_eq!(got.json(), json!({"data": {"text": "é &+%"}}));
    let got = send(
        get(&[("query", query), ("operationName", "B")])
            .body(nothing())
            .unwrap(),
    )
    .await;
    assert_eq!(got.json(), json!({"data": {"number": 2}}));
    let got = send(
        get(&[
            ("query", "{ text }"),
            ("operationName", ""),
            ("variables", ""),
        ])
        .body(nothing())
        .unwrap(),
    )
    .await;
    assert_eq!(got.json(), json!({"data": {"text": "nothing"}}));
    for wrong in [
        vec![("query", "{ text }"), ("variables", "{")],
        vec![("query", "{ text }"), ("variables", "[1]")],
        vec![("query", "{ text }"), ("query", "{ text }")],
        vec![("variables", "{}")],
        vec![],
    ] {
        let got = send(get(&wrong).body(nothing()).unwrap()).await;
        assert_eq!(
            (got.status.as_u16(), got.code().as_str()),
            (400, "INVALID_INPUT")
        );
    }
}

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
            (405, "GET, POST")
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
        (204, "GET, POST")
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
        Hosts::Only(vec![]),
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
        ("max-age=0", false),
    ] {
        let request = post()
            .header("cache-control", value)
            .body(body(&json!({"query": "{ fresh }"})));
        assert_eq!(send(request.unwrap()).await.json()["data"]["fresh"], fresh);
    }
}

#[tokio::test]
async fn a_body_too_large_is_a_413_announced_or_not() {
    let limits = Limits {
        body_bytes: 1_024,
        ..Limits::default()
    };
    let large = json!({"query": format!("{{ text }} # {}", "x".repeat(2_000))}).to_string();
    let announced = post()
        .header("content-length", large.len())
        .body(Body::from(large.clone()))
        .unwrap();
    let chunks = futures_util::stream::iter(
        large
            .into_bytes()
            .chunks(100)
            .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
            .collect::<Vec<_>>(),
    );
    let streamed = post().body(Body::from_stream(chunks)).unwrap();
    for request in [announced, streamed] {
        let got = send_to(routes_with(&limits), request).await;
        assert_eq!(
            (got.status.as_u16(), got.code().as_str()),
            (413, "TOO_LARGE")
        );
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

#[tokio::test]
async fn a_client_that_keeps_documents_by_hash_is_told_to_send_them() {
    let extensions = json!({"persistedQuery": {"version": 1, "sha256Hash": "00"}});
    let got = send(
        post()
            .body(body(&json!({"extensions": extensions})))
            .unwrap(),
    )
    .await;
    assert_eq!(
        got.json()["errors"][0]["message"],
        "PersistedQueryNotSupported"
    );
}

#[tokio::test]
async fn large_answers_are_compressed_for_who_can_read_it() {
    for encoding in ["gzip", "br"] {
        let request = Request::get("/schema.graphql").header("accept-encoding", encoding);
        let got = send(request.body(nothing()).unwrap()).await;
        assert_eq!(got.header("content-encoding"), encoding);
    }
    let got = send(Request::get("/schema.graphql").body(nothing()).unwrap()).await;
    assert!(got.text.contains("type Query"));
    assert_eq!(got.header("content-type"), "text/plain; charset=utf-8");
}

#[tokio::test]
async fn health_and_readiness_are_two_things() {
    let limits = Limits::default();
    let readiness = Readiness::new();
    let routes = router(
        toy::gateway(&limits),
        &limits,
        readiness.clone(),
        Hosts::Any,
    );
    let ask = |path| send_to(routes.clone(), Request::get(path).body(nothing()).unwrap());
    assert_eq!(
        (
            ask("/healthz").await.status.as_u16(),
            ask("/readyz").await.status.as_u16()
        ),
        (200, 503)
    );
    readiness.set(true);
    assert_eq!(ask("/readyz").await.status, 200);
    assert_eq!(ask("/nowhere").await.status, 404);
}

#[tokio::test]
async fn the_page_and_all_it_needs_come_from_here() {
    let page = send(Request::get("/").body(nothing()).unwrap()).await;
    assert!(
        page.header("content-security-policy")
            .contains("script-src 'self'")
    );
    let links: Vec<&str> = page
        .text
        .split(['"', '\''])
        .filter(|part| part.starts_with('/') && part.len() > 1)
        .collect();
    assert!(links.len() >= 4, "{links:?}");
    for link in links {
        let got = send(Request::get(link).body(nothing()).unwrap()).await;
        assert_eq!(got.status, 200, "{link}");
    }
    assert!(!page.text.contains("http"), "nothing from elsewhere");
    assert_eq!(
        send(Request::get("/favicon.ico").body(nothing()).unwrap())
            .await
            .status,
        204
    );
}
