//! Everything that is not `/graphql`.

use super::{nothing, send, send_to};
use crate::graphql::toy;
use crate::http::{Hosts, Policy, Readiness, router};
use crate::limits::Limits;
use axum::http::Request;

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
        Policy::open(Hosts::Any),
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
