//! One request, one answer: what is well-formed, what the status tells.

use super::{NEW, OLD, body, get, nothing, post, routes_with, send, send_to};
use crate::limits::Limits;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use rstest::rstest;
use serde_json::json;

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

/// JSON that is not taken is not called no JSON.
#[rstest]
#[case("{\"query\": ", "not valid JSON")]
#[case(&format!("{{\"query\": \"{{ text }}\", \"variables\": {}{}}}", "{\"a\":".repeat(200), "}".repeat(200)), "nests deeper")]
#[case(
    "{\"query\": \"{ text }\", \"variables\": {\"n\": 1e999}}",
    "out of range"
)]
#[case(
    "{\"query\": \"{ text }\", \"variables\": {\"t\": \"\\ud83d\"}}",
    "half a character"
)]
#[tokio::test]
async fn what_is_wrong_with_a_body_is_said(#[case] text: &str, #[case] flaw: &str) {
    let got = send(post().body(Body::from(text.to_owned())).unwrap()).await;
    assert_eq!(
        (got.status, got.code()),
        (StatusCode::BAD_REQUEST, "INVALID_INPUT".into()),
        "{}",
        got.text
    );
    assert!(got.text.contains(flaw), "{}", got.text);
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
        // A refusal is read by the clients that read answers.
        let media = format!("{accept}; charset=utf-8");
        assert_eq!(got.header("content-type"), media);
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
    let request = post().header("content-encoding", "identity");
    let request = request.header("content-encoding", "gzip");
    assert_eq!(
        send(request.body(body(&json!({"query": "{ text }"}))).unwrap())
            .await
            .status,
        415
    );
    let request = post().header("content-encoding", "Identity");
    assert_eq!(
        send(request.body(body(&json!({"query": "{ text }"}))).unwrap())
            .await
            .status,
        200
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

/// Half a write helps nobody, so a mutation goes on when its caller leaves; and so does its share of the ceilings.
#[tokio::test]
async fn a_mutation_whose_caller_left_keeps_its_place() {
    let routes = routes_with(&Limits {
        requests: 1,
        ..Limits::default()
    });
    let ask = |query: &str| post().body(body(&json!({ "query": query }))).unwrap();
    let left = send_to(routes.clone(), ask("mutation { slowBump(ms: 300) }"));
    let left = tokio::time::timeout(std::time::Duration::from_millis(50), left).await;
    assert!(left.is_err(), "the caller leaves while it runs");
    let got = send_to(routes.clone(), ask("{ text }")).await;
    assert_eq!(got.status, 503, "{}", got.text);
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    assert_eq!(send_to(routes, ask("{ text }")).await.status, 200);
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
        // Nobody reads the rest of it.
        assert_eq!(got.header("connection"), "close");
    }
    let request = post().version(axum::http::Version::HTTP_2);
    let got = send_to(
        routes_with(&limits),
        request.body(Body::from(vec![b' '; 2_000])).unwrap(),
    );
    let got = got.await;
    assert_eq!((got.status.as_u16(), got.header("connection")), (413, ""));
}

/// However the lines are cut, their sum counts.
#[rstest]
#[case(1, 9_000, 431)]
#[case(90, 100, 431)]
#[case(1, 7_000, 200)]
#[tokio::test]
async fn a_head_too_large_is_a_431_with_a_code(
    #[case] lines: usize,
    #[case] bytes: usize,
    #[case] status: u16,
) {
    let limits = Limits {
        head_bytes: 8_192,
        ..Limits::default()
    };
    let request = (0..lines).fold(get(&[("query", "{ text }")]), |request, line| {
        request.header(format!("x-{line}"), "x".repeat(bytes))
    });
    for accept in [NEW, OLD] {
        let asked = get(&[("query", "{ text }")]).header("accept", accept);
        let mut asked = asked.body(nothing()).unwrap();
        asked
            .headers_mut()
            .extend(request.headers_ref().unwrap().clone());
        let got = send_to(routes_with(&limits), asked).await;
        assert_eq!(got.status, status, "{}", got.text);
        if status == 431 {
            assert_eq!(got.code(), "TOO_LARGE");
        }
    }
    let long = get(&[("query", &format!("{{ text }} # {}", "x".repeat(9_000)))]);
    let got = send_to(routes_with(&limits), long.body(nothing()).unwrap()).await;
    assert_eq!(got.status, 431);
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

#[rstest]
#[case("/graphql?query=%7Btext%7D", 200)]
#[case("/graphql?query=%7B", 400)]
#[case("/schema.graphql", 200)]
#[case("/nowhere", 404)]
#[tokio::test]
async fn a_head_is_answered_as_a_get_without_its_body(#[case] path: &str, #[case] status: u16) {
    let asked = |method: &str| {
        let request = Request::builder().method(method).uri(path);
        send(request.header("accept", NEW).body(nothing()).unwrap())
    };
    let packed = Request::head(path).header("accept-encoding", "gzip");
    let packed = send(packed.body(nothing()).unwrap()).await;
    assert_eq!(packed.text, "");
    assert!(
        packed
            .headers
            .get("content-length")
            .is_none_or(|length| length != "0")
    );
    let (head, got) = (asked("HEAD").await, asked("GET").await);
    assert_eq!(
        (head.status.as_u16(), got.status.as_u16()),
        (status, status)
    );
    assert_eq!(head.text, "");
    assert_eq!(head.header("content-type"), got.header("content-type"));
    assert_eq!(head.header("content-length"), got.text.len().to_string());
}

#[tokio::test]
async fn a_large_answer_is_compressed_for_who_can_read_it_and_told_apart_by_that() {
    let long = "x".repeat(5_000);
    let asked = |encoding: Option<&str>| {
        let request = encoding.into_iter().fold(post(), |request, encoding| {
            request.header("accept-encoding", encoding)
        });
        let query =
            json!({"query": "query($t: String) { text(value: $t) }", "variables": {"t": long}});
        send(request.body(body(&query)).unwrap())
    };
    for encoding in ["gzip", "br"] {
        let got = asked(Some(encoding)).await;
        assert_eq!(
            (got.status.as_u16(), got.header("content-encoding")),
            (200, encoding)
        );
        assert_eq!(got.header("vary").matches("accept-encoding").count(), 1);
    }
    for plain in [None, Some("identity")] {
        let got = asked(plain).await;
        assert!(got.text.contains(&long));
        assert_eq!(got.header("vary").matches("accept-encoding").count(), 1);
    }
}

/// What can be sent in no other way is sent plainly, rather than carried out and kept back.
#[rstest]
#[case("identity;q=0", "")]
#[case("*;q=0", "")]
#[case("Identity; Q=0.0, *;q=0", "")]
#[case("gzip;q=0, br;q=0, *;q=0", "")]
#[case("zstd, identity;q=0", "")]
#[case("gzip, identity;q=0", "gzip")]
#[case("br, *;q=0", "br")]
#[tokio::test]
async fn an_answer_that_may_not_be_plain_is_sent_all_the_same(
    #[case] accepts: &str,
    #[case] encoding: &str,
) {
    let query = json!({"query": "mutation { bump }"});
    let asked = post().header("accept-encoding", accepts);
    let got = send(asked.body(body(&query)).unwrap()).await;
    assert_eq!(got.status, 200, "{}", got.text);
    for path in ["/schema.graphql", "/healthz"] {
        let asked = Request::get(path).header("accept-encoding", accepts);
        assert_eq!(send(asked.body(nothing()).unwrap()).await.status, 200);
    }
    let long = json!({"query": "query($t: String) { text(value: $t) }",
        "variables": {"t": "x".repeat(5_000)}});
    let asked = post().header("accept-encoding", accepts);
    let got = send(asked.body(body(&long)).unwrap()).await;
    assert_eq!(
        (got.status.as_u16(), got.header("content-encoding")),
        (200, encoding)
    );
}
