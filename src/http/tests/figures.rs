//! What is counted of requests, however they end.

use super::*;
use std::time::Duration;

async fn counted(routes: &Routes, kind: &str, outcome: &str) -> String {
    let page = send_to(
        routes.clone(),
        Request::get("/metrics").body(nothing()).unwrap(),
    )
    .await;
    let name = format!("crmql_requests_total{{kind=\"{kind}\",outcome=\"{outcome}\"}} ");
    let line = page.text.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap_or_else(|| panic!("no {name} in {}", page.text))
        .to_owned()
}

#[tokio::test]
async fn whoever_leaves_before_the_answer_is_counted() {
    let routes = routes();
    for (query, kind) in [
        ("{ slow(ms: 20000) }", "query"),
        ("mutation { slowBump(ms: 300) }", "mutation"),
    ] {
        let asked = post().body(body(&serde_json::json!({ "query": query })));
        let asking = send_to(routes.clone(), asked.unwrap());
        let left = tokio::time::timeout(Duration::from_millis(100), asking).await;
        assert!(left.is_err());
        assert_eq!(counted(&routes, kind, "left").await, "1", "{query}");
    }
}

#[tokio::test]
async fn what_is_refused_at_the_door_is_counted() {
    let policy = Policy {
        origins: vec!["https://app.example".into()],
        ..Policy::open(Hosts::Only(vec![]))
    };
    let limits = Limits::default();
    let routes = router(toy::gateway(&limits), &limits, Readiness::new(), policy);
    for host in ["a b", "elsewhere.example"] {
        let asked = post().header(header::HOST, host).body(nothing()).unwrap();
        assert!(
            send_to(routes.clone(), asked)
                .await
                .status
                .is_client_error()
        );
    }
    assert_eq!(counted(&routes, "malformed", "refused").await, "2");
    let preflight = Request::options("/graphql")
        .header(header::ORIGIN, "https://app.example")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .body(nothing());
    let leave = send_to(routes.clone(), preflight.unwrap()).await;
    assert_eq!(
        leave.header("access-control-allow-origin"),
        "https://app.example"
    );
    assert_eq!(counted(&routes, "options", "ok").await, "1");
    // What is asked elsewhere is no request to `/graphql`.
    let elsewhere = Request::get("/schema.graphql").header(header::HOST, "a b");
    send_to(routes.clone(), elsewhere.body(nothing()).unwrap()).await;
    assert_eq!(counted(&routes, "malformed", "refused").await, "2");
}

/// A request whose variables are refused did not run, whatever its document asks for.
#[tokio::test]
async fn what_is_refused_for_its_variables_is_counted_as_refused() {
    let routes = routes();
    for accept in [OLD, NEW] {
        for query in ["query($n: Int!) { number(value: $n) }", "{ nope }"] {
            let asked = serde_json::json!({ "query": query, "variables": { "n": "x" } });
            let asked = post().header(header::ACCEPT, accept).body(body(&asked));
            let got = send_to(routes.clone(), asked.unwrap()).await;
            assert_eq!(got.code(), "INVALID_INPUT");
        }
        let outcome = if accept == OLD { "errors" } else { "refused" };
        assert_eq!(counted(&routes, "refused", outcome).await, "2");
    }
}
