//! Which pages of others may read answers in a browser.

use crate::support::guarded;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn welcome_origins_and_no_others_may_read_answers() {
    let gateway = guarded::start(|text| {
        text.replace(
            "[server]\n",
            "[server]\norigins = [\"https://app.example.com\"]\n",
        )
    })
    .await;
    let preflight = |origin: &'static str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "authorization,content-type",
            ),
        ];
        let gateway = &gateway;
        async move { gateway.send("OPTIONS", "/graphql", &headers, None).await }
    };
    let good = preflight("https://app.example.com").await;
    assert_eq!(
        (good.status, good.header("access-control-allow-origin")),
        (204, "https://app.example.com")
    );
    assert!(
        good.header("access-control-allow-headers")
            .contains("authorization")
    );
    // A page whose requests are traced can send none without it.
    assert!(
        good.header("access-control-allow-headers")
            .contains("traceparent")
    );
    assert_eq!(good.header("access-control-allow-credentials"), "");
    assert!(good.header("vary").contains("origin"));
    for evil in [
        "https://evil.example",
        "null",
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "https://APP.example.com",
    ] {
        let got = preflight(evil).await;
        assert_eq!(got.header("access-control-allow-origin"), "", "{evil}");
        assert_eq!(got.header("access-control-allow-headers"), "", "{evil}");
        let headers = [("origin", evil), ("content-type", "application/json")];
        let got = gateway.send(
            "POST",
            "/graphql",
            &headers,
            Some(json!({ "query": "{ sources { key } }" }).to_string()),
        );
        assert_eq!(
            got.await.header("access-control-allow-origin"),
            "",
            "{evil}"
        );
    }
    for (origin, status) in [
        ("https://app.example.com", 200),
        ("https://evil.example", 403),
    ] {
        let headers = [("origin", origin), ("sec-fetch-site", "cross-site")];
        let got = gateway
            .send("GET", "/graphql?query={sources{key}}", &headers, None)
            .await;
        assert_eq!(got.status, status, "{origin}");
        let given = if status == 200 { origin } else { "" };
        assert_eq!(got.header("access-control-allow-origin"), given);
    }
    // Nor may a form of any page, welcome or not, send an operation.
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        let headers = [
            ("origin", "https://app.example.com"),
            ("content-type", kind),
        ];
        let body = Some(json!({ "query": "mutation { __typename }" }).to_string());
        assert_eq!(
            gateway
                .send("POST", "/graphql", &headers, body)
                .await
                .status,
            415,
            "{kind}"
        );
    }
}
