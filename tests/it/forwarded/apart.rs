//! What is read with one credential is nobody else's.

use super::crm::{ADAPTER, Crm};
use super::{LIST, Two, adapter, first_name, two, two_with};
use crate::support::guarded;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_sees_what_the_crm_shows_to_their_credential() {
    let two = two().await;
    let listed = two.ask("tok-a", LIST).await;
    assert_eq!(first_name(&listed), "1 of tok-a after 0");
    let id = listed["data"]["customers"]["nodes"][0]["id"].clone();
    let seventh = crate::support::gateway::id("own", "7");
    let one = async |key: &str, id: &Value| {
        let query = format!("{{ customer(id: {id}) {{ displayName }} }}");
        two.ask(key, &query).await["data"]["customer"]["displayName"].take()
    };
    // Each of these twice: from the CRM, and from whatever is kept.
    for _ in 0..2 {
        for key in ["tok-a", "tok-b"] {
            let name = format!("1 of {key} after 0");
            assert_eq!(first_name(&two.ask(key, LIST).await), name);
            assert_eq!(one(key, &id).await, name);
        }
        assert_eq!(one("tok-a", &json!(seventh)).await, "7 of tok-a after 0");
        assert_eq!(one("tok-b", &json!(seventh)).await, Value::Null);
        // By GET, too.
        let url = format!(
            "/graphql?query={}",
            LIST.replace(' ', "%20").replace('"', "%22")
        );
        let url = url.replace('{', "%7B").replace('}', "%7D");
        let url = url.replace('[', "%5B").replace(']', "%5D");
        for key in ["tok-a", "tok-b"] {
            let got = two
                .gateway
                .send("GET", &url, &[("x-crm-key", key)], None)
                .await;
            assert_eq!(first_name(&got.json()), format!("1 of {key} after 0"));
        }
    }
    let calls = two.own.calls();
    assert!(calls <= 8, "what is kept is used again: {calls}");
    assert!(
        two.own
            .seen()
            .iter()
            .all(|(key, _)| key == "tok-a" || key == "tok-b")
    );
    // A credential that the CRM does not know gets nothing of what is kept for others.
    let refused = two.ask("bad", LIST).await;
    assert_eq!(
        refused["errors"][0]["extensions"]["code"],
        "SOURCE_CREDENTIALS"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_under_way_are_joined_by_the_same_credential_only() {
    let two = two().await;
    two.own.0.lock().unwrap().wait = Duration::from_millis(400);
    let asking = (0..12).map(|number| {
        let key = ["tok-a", "tok-b", "tok-c"][number % 3];
        let two = &two;
        async move {
            let answer = two.ask(key, LIST).await;
            assert_eq!(first_name(&answer), format!("1 of {key} after 0"));
        }
    });
    futures_util::future::join_all(asking).await;
    let calls = two.own.calls();
    assert!((3..=6).contains(&calls), "{calls} calls for three callers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_is_good_with_its_own_credential_only() {
    let two = two().await;
    let listed = two.ask("tok-a", LIST).await;
    let cursor = &listed["data"]["customers"]["pageInfo"]["endCursor"];
    let next = LIST.replace("first: 2", &format!("first: 2, after: {cursor}"));
    let own = two.ask("tok-a", &next).await;
    assert_eq!(first_name(&own), "3 of tok-a after 0");
    let calls = two.own.calls();
    let other = two.ask("tok-b", &next).await;
    assert_eq!(other["errors"][0]["extensions"]["code"], "CURSOR_MISMATCH");
    assert_eq!(two.own.calls(), calls, "nothing is asked for it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_credential_breaks_is_whole_for_another() {
    let two = two_with("retries = 0\nbreaker = { failures = 2 }", "").await;
    two.own.0.lock().unwrap().failing = "tok-a".to_owned();
    let status = "{ sources { key status { health } } }";
    let mut calls = 0;
    for _ in 0..6 {
        let answer = two.ask("tok-a", LIST).await;
        assert_eq!(
            answer["errors"][0]["extensions"]["code"],
            "SOURCE_UNAVAILABLE"
        );
        calls = two.own.calls();
    }
    assert!(calls < 6, "it is left alone after {calls}");
    assert_eq!(
        first_name(&two.ask("tok-b", LIST).await),
        "1 of tok-b after 0"
    );
    for (key, health) in [
        ("tok-a", "UNAVAILABLE"),
        ("tok-b", "HEALTHY"),
        ("tok-c", "HEALTHY"),
    ] {
        let said = two.ask(key, status).await;
        assert_eq!(
            said["data"]["sources"][0]["status"]["health"], health,
            "{key}"
        );
    }
    let figures = two.gateway.send("GET", "/metrics", &[], None).await.text;
    assert!(
        figures.contains("crmql_source_state{source=\"own\",state=\"unavailable\"} 1"),
        "{figures}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_fetched_with_a_credential_is_used_for_it_alone() {
    let crm = Crm::default();
    let (folder, _) = adapter();
    let auth = "auth = { kind = \"oauth2_client\", token_url = \"{base_url}/token\", client_id = \"us\", client_secret = \"{api_key}\", send = \"form\" }";
    let text = ADAPTER.replace(
        "auth = { kind = \"header\", name = \"X-Api-Key\", value = \"{api_key}\" }",
        auth,
    );
    assert!(text.contains(auth));
    let file = folder.path().join("oauth.toml");
    std::fs::write(&file, text).unwrap();
    let url = crm.start().await;
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nstate_dir = \"state\"\n\n[[source]]\nkey = \"own\"\nadapter = {file:?}\ncache = false\n\
         vars = {{ base_url = {url:?}, api_key = {{ header = \"x-crm-key\" }} }}\n"
    );
    let two = Two {
        gateway: guarded::start(|_| text).await,
        own: crm,
        other: Crm::default(),
        _folder: folder,
    };
    for _ in 0..3 {
        for key in ["a", "b"] {
            let name = format!("1 of tok-for-{key} after 0");
            assert_eq!(first_name(&two.ask(key, LIST).await), name);
        }
    }
    let seen = two.own.seen();
    let fetched: Vec<&str> = seen
        .iter()
        .filter(|(_, line)| line == "token")
        .map(|(secret, _)| secret.as_str())
        .collect();
    assert_eq!(fetched, ["a", "b"], "one token each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_the_crm_all_callers_are_one() {
    let two = two_with("concurrency = 2", "").await;
    two.own.0.lock().unwrap().wait = Duration::from_millis(50);
    let asking = (0..8).map(|number| {
        let two = &two;
        async move { two.ask(&format!("tok-{number}"), LIST).await }
    });
    for (number, answer) in futures_util::future::join_all(asking)
        .await
        .iter()
        .enumerate()
    {
        assert_eq!(first_name(answer), format!("1 of tok-{number} after 0"));
    }
    let (_, most) = two.own.0.lock().unwrap().open;
    assert_eq!(most, 2, "calls at the same time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_credentials_than_are_kept_ready_are_served_all_the_same() {
    let two = two_with("", "credentials = 2\nkept_answers_bytes = 0").await;
    for round in 0..3 {
        for number in 0..5 {
            let key = format!("tok-{number}");
            let answer = two.ask(&key, LIST).await;
            assert_eq!(first_name(&answer), format!("1 of {key} after {round}"));
        }
        let write =
            "mutation { createCustomer(input: { source: \"own\", name: \"x\" }) { outcome } }";
        two.ask("tok-0", write).await;
    }
}
