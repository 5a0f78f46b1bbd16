//! No credential, and what can be none.

use super::crm::Crm;
use super::{LIST, adapter, first_name, two, two_with};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_brings_none_gets_an_error_and_everybody_elses_rows() {
    let two = two().await;
    let query = "{ sources { key capabilities { create } status { health } } \
        customers(first: 20) { nodes { source { key } } sources { source { key } outcome error { code } } } }";
    let answer = two.send(&[], json!({ "query": query })).await.json();
    let data = &answer["data"];
    assert_eq!(data["sources"][0]["capabilities"]["create"], true);
    assert_eq!(data["sources"][0]["status"]["health"], "HEALTHY");
    let nodes = data["customers"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 9, "{answer:#}");
    assert!(nodes.iter().all(|node| node["source"]["key"] == "other"));
    let own = &data["customers"]["sources"][0];
    assert_eq!(
        (&own["source"]["key"], &own["error"]["code"]),
        (&json!("own"), &json!("UNAUTHENTICATED"))
    );
    let write = "mutation { createCustomer(input: { source: \"own\", name: \"x\", idempotencyKey: \"k\" }) \
        { outcome userErrors { code } } }";
    let refused = two.send(&[""], json!({ "query": write })).await.json();
    let refused = &refused["data"]["createCustomer"];
    assert_eq!(refused["outcome"], "NOT_APPLIED", "{refused:#}");
    assert_eq!(refused["userErrors"][0]["code"], "UNAUTHENTICATED");
    assert_eq!(two.own.calls(), 0);
    // The configured credential goes to its own CRM, and a caller's never does.
    two.ask("tok-a", "{ customers(first: 20) { nodes { id } } }")
        .await;
    assert!(
        two.other
            .seen()
            .iter()
            .all(|(key, _)| key == "tok-configured")
    );
    assert!(two.own.seen().iter().all(|(key, _)| key == "tok-a"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_be_no_credential_reaches_no_crm() {
    let two = two_with("", "credential_bytes = 100").await;
    let long = format!("tok-{}", "x".repeat(97));
    for keys in [
        &[long.as_str()][..],
        &["tok-a", "tok-b"],
        &["tok-a", "tok-a"],
        &["tok-a", ""],
        &["tok-é"],
    ] {
        let answer = two.send(keys, json!({ "query": LIST })).await.json();
        let code = &answer["errors"][0]["extensions"]["code"];
        assert_eq!(code, "UNAUTHENTICATED", "{keys:?}: {answer:#}");
        assert!(!answer.to_string().contains("tok-"), "{answer:#}");
    }
    for line in [&b"x-crm-key: tok-a\tb"[..], b"x-crm-key: tok-\xff"] {
        let answer = two.raw(line, LIST).await;
        assert!(answer.contains("UNAUTHENTICATED"), "{answer}");
    }
    // Line breaks and worse never get past the door.
    for line in [
        &b"x-crm-key: tok-a\r\n x-evil: 1"[..],
        b"x-crm-key: tok-a\0",
        b"x-crm-key: tok-a\rx-evil: 1",
    ] {
        let answer = two.raw(line, LIST).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    assert_eq!(two.own.calls(), 0);
    // What looks like a hole of the adapter file is none.
    let odd = "tok-{base_url}\"&x=1";
    assert_eq!(
        first_name(&two.ask(odd, LIST).await),
        format!("1 of {odd} after 0")
    );
    let just = format!("tok-{}", "x".repeat(96));
    assert_eq!(
        first_name(&two.ask(&just, LIST).await),
        format!("1 of {just} after 0")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_needs_no_credential_and_refuses_what_no_caller_may_bring() {
    let crm = Crm::default();
    let (folder, _) = adapter();
    let check = |vars: &str| {
        let text =
            format!("[[source]]\nkey = \"own\"\nadapter = \"./acme.toml\"\nvars = {{ {vars} }}\n");
        std::fs::write(folder.path().join("crmql.toml"), text).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_crmql"))
            .args(["check", "--live"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let url = crm.start().await;
    let (code, said) = check(&format!(
        "base_url = {url:?}, api_key = {{ header = \"x-crm-key\" }}"
    ));
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("own: its callers bring the credential"),
        "{said}"
    );
    assert_eq!(crm.calls(), 0);
    let url = format!("base_url = {url:?}, ");
    for (vars, problem) in [
        (
            "base_url = { header = \"x-url\" }, api_key = { header = \"x-key\" }",
            "`base_url` is no secret",
        ),
        (
            &format!("{url} api_key = {{ header = \"authorization\" }}"),
            "called `x-`",
        ),
        (
            &format!("{url} api_key = {{ header = \"X-API-Key\" }}"),
            "called `x-`",
        ),
        (
            &format!("{url} api_key = {{ header = \"x-forwarded-for\" }}"),
            "called `x-`",
        ),
        (
            &format!("{url} api_key = {{ header = \"x-a b\" }}"),
            "called `x-`",
        ),
        (
            &format!("{url} api_key = {{ header = \"x-a\", env = \"A\" }}"),
            "env",
        ),
        (
            &format!("{url} api_kee = {{ header = \"x-a\" }}"),
            "knows no var `api_kee`",
        ),
    ] {
        let (code, said) = check(vars);
        assert_eq!(code, Some(64), "{vars}: {said}");
        assert!(said.contains(problem), "{vars}: {said}");
    }
}
