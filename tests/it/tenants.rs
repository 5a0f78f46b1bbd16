//! What belongs to one tenant is of no use to another, and cannot be told from what does not exist.

use super::support::gateway::{id, raw_id};
use super::support::guarded::{self, ALL, Guarded, api_key, claims, token};
use serde_json::{Value, json};

/// Two tenants with two sources each: `a` has the first and the third CRM, `b` the others.
async fn two() -> Guarded {
    guarded::start(|text| {
        let mut text = text;
        for (key, tenant) in [("gtateth", "a"), ("gormic", "b"), ("flextell", "a"), ("spirii", "b")] {
            let line = format!("key = {key:?}\n");
            text = text.replace(&line, &format!("{line}tenant = {tenant:?}\n"));
        }
        text + &api_key("key-a", "a", ALL)
            + &api_key("key-b", "b", ALL)
            + "\n[[auth.jwt]]\nissuer = \"https://id.example\"\naudience = \"crmql\"\nalgorithm = \"HS256\"\n\
               secret = { env = \"TEST_JWT_SECRET\" }\ntenant_claim = \"org\"\n"
    })
    .await
}

/// The answer without what differs from request to request.
fn said(mut answer: Value) -> Value {
    let errors = answer.get_mut("errors").and_then(Value::as_array_mut);
    for error in errors.into_iter().flatten() {
        error["extensions"]["requestId"].take();
    }
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_sees_its_own_sources_only() {
    let gateway = two().await;
    for (credential, keys) in [
        ("key-a", ["gtateth", "flextell"]),
        ("key-b", ["gormic", "spirii"]),
    ] {
        let query = "{ sources { key } customers(first: 100) { nodes { source { key } } sources { source { key } } } \
            mine: source(key: \"gtateth\") { key } theirs: source(key: \"gormic\") { key } }";
        let data = gateway.ask(credential, query).await.json();
        let told = |list: &Value| {
            let mut keys: Vec<String> = list
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| {
                    entry["key"]
                        .as_str()
                        .or(entry["source"]["key"].as_str())
                        .unwrap()
                        .to_owned()
                })
                .collect();
            keys.dedup();
            keys
        };
        let data = &data["data"];
        assert_eq!(told(&data["sources"]), keys);
        assert_eq!(told(&data["customers"]["nodes"]), keys);
        assert_eq!(told(&data["customers"]["sources"]), keys);
        assert_eq!(data["mine"].is_null(), credential == "key-b");
        assert_eq!(data["theirs"].is_null(), credential == "key-a");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_of_another_tenant_are_as_good_as_invented_ones() {
    let gateway = two().await;
    let listed = gateway
        .ask(
            "key-a",
            "{ customers(sources: [\"gtateth\"], first: 1) { nodes { id } } }",
        )
        .await
        .json();
    let real = listed["data"]["customers"]["nodes"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let query = "query($id: ID!, $ids: [ID!]!, $f: CustomerFilter, $p: CustomerFilter) { customer(id: $id) { email } \
        node(id: $id) { id } nodes(ids: $ids) { id } ids: customers(filter: $f) { totalCount } \
        parent: customers(sources: [\"spirii\"], filter: $p) { totalCount } }";
    let variables = |id: &str| {
        let parent = json!({ "parentId": id });
        json!({ "id": id, "ids": [id, id], "f": { "ids": [id] }, "p": parent })
    };
    let ask = async |credential: &str, id: &str| {
        let body = json!({ "query": query, "variables": variables(id) });
        said(gateway.post(credential, body).await.json())
    };
    let invented = ask("key-b", &id("nowhere", "650000059b06294dcd000005")).await;
    let before = gateway.calls();
    for theirs in [real.as_str(), &id("flextell", "1"), &raw_id("sgtateth")] {
        assert_eq!(ask("key-b", theirs).await, invented, "{theirs}");
    }
    assert_eq!(gateway.calls(), before, "no CRM is asked");
    let own = ask("key-a", &real).await;
    assert!(own["data"]["customer"]["email"].is_string(), "{own:#}");
    for field in ["updateCustomer", "deleteCustomer"] {
        let write = async |id: &str| {
            let query = format!(
                "mutation {{ {field}(input: {{ id: {id:?} }}) {{ outcome userErrors {{ code message field }} }} }}"
            );
            said(gateway.ask("key-b", &query).await.json())
        };
        assert_eq!(write(&real).await, write(&id("nowhere", "1")).await);
    }
    let create = async |source: &str| {
        let query = format!(
            "mutation {{ createCustomer(input: {{ source: {source:?}, firstName: \"x\" }}) {{ outcome userErrors {{ code field }} }} }}"
        );
        said(gateway.ask("key-b", &query).await.json())
    };
    let refused = create("gtateth").await;
    assert_eq!(refused, create("nowhere").await);
    assert_eq!(refused["data"]["createCustomer"]["outcome"], "NOT_APPLIED");
    let list = async |source: &str| {
        let query = format!("{{ customers(sources: [{source:?}]) {{ totalCount }} }}");
        gateway.ask("key-b", &query).await.json().to_string()
    };
    let refused = list("gtateth").await;
    assert!(refused.contains("INVALID_INPUT"), "{refused}");
    assert_eq!(
        gateway.calls(),
        before + 1,
        "only the tenant's own question"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cursors_of_another_tenant_are_as_good_as_garbage() {
    let gateway = two().await;
    let query = "query($after: String) { customers(first: 2, after: $after) { nodes { id } pageInfo { endCursor } } }";
    let ask = async |credential: &str, after: Value| {
        let body = json!({ "query": query, "variables": { "after": after } });
        said(gateway.post(credential, body).await.json())
    };
    let end = |answer: &Value| answer["data"]["customers"]["pageInfo"]["endCursor"].clone();
    let (a, b) = (
        end(&ask("key-a", Value::Null).await),
        end(&ask("key-b", Value::Null).await),
    );
    assert!(a.is_string() && b.is_string());
    let garbage = ask("key-b", json!("AAAA")).await;
    assert_eq!(garbage["errors"][0]["extensions"]["code"], "INVALID_CURSOR");
    assert_eq!(ask("key-b", a.clone()).await, garbage);
    for (credential, cursor) in [("key-a", a), ("key-b", b)] {
        let next = ask(credential, cursor).await;
        assert!(next.get("errors").is_none(), "{next:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_names_its_tenant_and_an_unknown_one_is_refused() {
    let gateway = two().await;
    let query = "{ sources { key } }";
    let got = gateway
        .ask(&token(&claims(&json!({ "org": "b" }))), query)
        .await
        .json();
    assert_eq!(got["data"]["sources"][0]["key"], "gormic");
    for claims in [
        claims(&json!({ "org": "c" })),
        claims(&json!({ "org": "" })),
        claims(&json!({})),
    ] {
        let got = gateway.ask(&token(&claims), query).await;
        assert_eq!(
            (got.status, got.code().as_str()),
            (403, "FORBIDDEN"),
            "{claims}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tenant_cannot_take_all_places() {
    let gateway = {
        let two = two().await;
        let text = two.text.clone() + "\n[limits]\nrequests_per_tenant = 2\n";
        std::fs::write(two.folder.path().join("crmql.toml"), text).unwrap();
        two.process.signal("HUP");
        two.process
            .word_after("the configuration was read again ")
            .await;
        two
    };
    let slow = crmql::demo::Fault::Latency(std::time::Duration::from_secs(2));
    gateway.demo.crms[0].set_fault(Some(slow));
    let list = "{ customers(sources: [\"gtateth\"], first: 1) { nodes { id } } }";
    let waiting = futures_util::future::join_all((0..6).map(|_| gateway.ask("key-a", list)));
    let other = async {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        gateway
            .ask("key-b", "{ customers(first: 1) { nodes { id } } }")
            .await
    };
    let (waited, other) = tokio::join!(waiting, other);
    let mut statuses: Vec<u16> = waited.iter().map(|got| got.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 503, 503, 503, 503]);
    assert_eq!(
        (other.status, other.code().as_str()),
        (200, ""),
        "{}",
        other.text
    );
}
