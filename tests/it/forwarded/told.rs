//! Where a credential must not be told, and who must be told of its header.

use super::{LIST, MARKER, two};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_stand_in_no_log_line_and_no_answer() {
    let two = two().await;
    let good = format!("tok-{MARKER}");
    for key in [good.as_str(), MARKER, "mArk3r\u{e9}"] {
        for query in [LIST, LIST, "{ sources { key } } #"] {
            let answer = two.ask(key, query).await;
            assert!(!answer["errors"].to_string().contains(MARKER), "{answer:#}");
        }
    }
    assert!(two.own.seen().iter().any(|(key, _)| *key == good));
    let said = two.gateway.process.out() + &two.gateway.process.err();
    assert!(said.contains("graphql") && !said.contains(MARKER), "{said}");
    let figures = two.gateway.send("GET", "/metrics", &[], None).await.text;
    assert!(!figures.contains(MARKER));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_and_caches_are_told_of_the_header() {
    let two = two().await;
    let asked = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "x-crm-key"),
    ];
    let leave = two.gateway.send("OPTIONS", "/graphql", &asked, None).await;
    assert!(
        leave
            .header("access-control-allow-headers")
            .contains("x-crm-key")
    );
    assert!(
        leave
            .header("access-control-allow-headers")
            .contains("authorization")
    );
    let answer = two.send(&["tok-a"], json!({ "query": LIST })).await;
    assert!(
        answer.header("vary").contains("x-crm-key"),
        "{:?}",
        answer.headers
    );
    assert!(answer.header("cache-control").starts_with("private"));
}
