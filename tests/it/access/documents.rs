//! Which documents are answered, and who is told the schema.

use crate::support::guarded;
use crmql::access::key;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schema_is_not_told_where_that_is_switched_off() {
    let gateway =
        guarded::start(|text| text.replace("[server]\n", "[server]\nintrospection = false\n"))
            .await;
    for query in [
        "{ __schema { types { name } } }",
        "{ x: __type(name: \"Query\") { name } }",
        "{ ...F } fragment F on Query { ... { __schema { queryType { name } } } }",
    ] {
        let got = gateway.ask("", query).await;
        assert_eq!(
            (got.status, got.code().as_str()),
            (403, "FORBIDDEN"),
            "{query}: {}",
            got.text
        );
        assert!(got.json().get("data").is_none());
    }
    assert_eq!(
        gateway
            .send("GET", "/schema.graphql", &[], None)
            .await
            .status,
        404
    );
    let got = gateway
        .ask("", "{ __typename sources { __typename } }")
        .await;
    assert_eq!(got.json()["data"]["__typename"], "Query");
    for near in [
        "{ custmers { totalCount } }",
        "{ customers(frist: 1) { totalCount } }",
    ] {
        let text = gateway.ask("", near).await.text;
        assert!(
            !text.contains("ean") && !text.contains("customers\"") && !text.contains("first"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_trusted_documents_are_answered_where_that_is_said() {
    let known = "{ sources { key } }";
    let hash = key::hash_text(&key::hash(known));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trusted.json");
    std::fs::write(&file, json!({ &hash: known }).to_string()).unwrap();
    let gateway = guarded::start(|text| {
        format!(
            "[documents]\ntrusted = {:?}\nonly = true\n",
            file.display().to_string()
        ) + &text
    })
    .await;
    let apollo = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    for body in [
        json!({ "documentId": format!("sha256:{hash}") }),
        json!({ "documentId": hash }),
        json!({ "extensions": apollo }),
        json!({ "query": known }),
    ] {
        let got = gateway.post("", body.clone()).await;
        assert_eq!(
            got.json()["data"]["sources"].as_array().unwrap().len(),
            4,
            "{body}"
        );
    }
    let got = gateway
        .send(
            "GET",
            &format!("/graphql?documentId=sha256:{hash}"),
            &[],
            None,
        )
        .await;
    assert_eq!(got.status, 200);
    for query in [
        "{ sources { name } }",
        "{ sources { key } } ",
        "{ __schema { queryType { name } } }",
    ] {
        let got = gateway.ask("", query).await;
        assert_eq!(
            (got.status, got.code().as_str()),
            (403, "FORBIDDEN"),
            "{query}"
        );
    }
    let got = gateway
        .post("", json!({ "documentId": "sha256:0000" }))
        .await;
    assert_eq!(got.code(), "PERSISTED_QUERY_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_kept_by_their_hash_where_that_is_switched_on() {
    let gateway = guarded::start(|text| format!("[documents]\nautomatic = true\n{text}")).await;
    let query = "{ sources { name } }";
    let hash = key::hash_text(&key::hash(query));
    let apollo = |hash: &str| json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    let got = gateway
        .post("", json!({ "extensions": apollo(&hash) }))
        .await;
    assert_eq!(got.json()["errors"][0]["message"], "PersistedQueryNotFound");
    assert_eq!(got.code(), "PERSISTED_QUERY_NOT_FOUND");
    let other = json!({ "query": "{ sources { key } }", "extensions": apollo(&hash) });
    assert_eq!(gateway.post("", other).await.code(), "INVALID_INPUT");
    let wrong = "{ nothing }";
    let wrong_hash = key::hash_text(&key::hash(wrong));
    let got = gateway
        .post(
            "",
            json!({ "query": wrong, "extensions": apollo(&wrong_hash) }),
        )
        .await;
    assert_eq!(got.code(), "INVALID_INPUT");
    let got = gateway
        .post("", json!({ "extensions": apollo(&wrong_hash) }))
        .await;
    assert_eq!(
        got.code(),
        "PERSISTED_QUERY_NOT_FOUND",
        "what is not valid is not kept"
    );
    for body in [
        json!({ "query": query, "extensions": apollo(&hash) }),
        json!({ "extensions": apollo(&hash) }),
    ] {
        let got = gateway.post("", body).await;
        assert_eq!(
            got.json()["data"]["sources"][0]["name"],
            "G-Tateth",
            "{}",
            got.text
        );
    }
    let mutation = "mutation { deleteCustomer(input: { id: \"x\" }) { outcome } }";
    let hash = key::hash_text(&key::hash(mutation));
    gateway
        .post(
            "",
            json!({ "query": mutation, "extensions": apollo(&hash) }),
        )
        .await;
    let extensions = apollo(&hash).to_string().replace('"', "%22");
    let got = gateway
        .send(
            "GET",
            &format!("/graphql?extensions={extensions}"),
            &[],
            None,
        )
        .await;
    assert_eq!(got.status, 405, "a kept mutation is a mutation");
}
