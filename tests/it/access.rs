//! Who may call, and what with: credentials, scopes, other origins, trusted documents, and a configuration that changes.

use super::support::guarded::{self, ALL, Guarded, api_key, claims, token};
use crmql::access::key;
use serde_json::json;
use std::time::{Duration, Instant};

const LIST: &str = "{ customers(sources: [\"gtateth\"], first: 1) { nodes { id email } } }";

/// HS256 tokens whose claim `tenant` names the tenant.
const JWT: &str = "\n[[auth.jwt]]\nissuer = \"https://id.example\"\naudience = \"crmql\"\nalgorithm = \"HS256\"\n\
    secret = { env = \"TEST_JWT_SECRET\" }\n";

/// Keys for every set of scopes.
async fn keyed() -> Guarded {
    guarded::start(|text| {
        text + &api_key("k-all", "", ALL)
            + &api_key("k-read", "", &["read:customers"])
            + &api_key("k-write", "", &["write:customers"])
            + &api_key("k-none", "", &[])
            + JWT
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_in_without_credentials_but_pages_stay_open() {
    let gateway = keyed().await;
    let missing = gateway.ask("", LIST).await;
    assert_eq!(
        (missing.status, missing.code().as_str()),
        (401, "UNAUTHENTICATED")
    );
    assert_eq!(missing.header("www-authenticate"), "Bearer realm=\"crmql\"");
    for wrong in ["k-al", "K-ALL", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        let got = gateway.ask(wrong, LIST).await;
        assert_eq!(
            (got.status, got.code().as_str()),
            (401, "UNAUTHENTICATED"),
            "{wrong}"
        );
        assert!(got.header("www-authenticate").contains("invalid_token"));
        assert!(!got.text.contains(wrong), "{}", got.text);
    }
    let get = gateway
        .send("GET", "/graphql?query={sources{key}}", &[], None)
        .await;
    assert_eq!(get.status, 401);
    assert_eq!(
        gateway
            .send("GET", "/schema.graphql", &[], None)
            .await
            .status,
        401
    );
    let schema = gateway.send("GET", "/schema.graphql", &[("x-api-key", "k-none")], None);
    assert!(schema.await.text.contains("type Query"));
    for open in ["/", "/healthz", "/readyz"] {
        assert_eq!(
            gateway.send("GET", open, &[], None).await.status,
            200,
            "{open}"
        );
    }
    assert_eq!(gateway.calls(), 0);
    for credential in [
        "k-all",
        &token(&claims(&json!({ "scope": "read:customers" }))),
    ] {
        let got = gateway.ask(credential, LIST).await;
        assert_eq!(got.status, 200);
        assert!(
            got.json()["data"]["customers"]["nodes"][0]["id"].is_string(),
            "{}",
            got.text
        );
    }
    for (claims, status) in [
        (claims(&json!({ "exp": 1_000_000 })), 401),
        (claims(&json!({ "aud": "other" })), 401),
        (claims(&json!({ "iss": "https://evil.example" })), 401),
    ] {
        assert_eq!(
            gateway.ask(&token(&claims), LIST).await.status,
            status,
            "{claims}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scopes_say_what_may_be_read_and_written() {
    let gateway = keyed().await;
    let create = "mutation { createCustomer(input: { source: \"gtateth\", firstName: \"Ada\", email: \"ada@x.example\" })\n\
        { outcome customer { firstName } customerEdge { cursor } } }";
    for credential in ["k-read", "k-none"] {
        let got = gateway.ask(credential, create).await;
        assert_eq!(
            (got.status, got.code().as_str()),
            (403, "FORBIDDEN"),
            "{credential}"
        );
        assert!(got.json().get("data").is_none());
    }
    let listed = gateway.ask("k-none", LIST).await;
    assert_eq!(listed.code(), "FORBIDDEN");
    assert!(listed.json()["data"]["customers"].is_null());
    assert_eq!(
        gateway.calls(),
        0,
        "nobody is asked for who may not read or write"
    );

    let all = gateway.ask("k-all", LIST).await.json();
    let id = all["data"]["customers"]["nodes"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    // What was answered to somebody else is not what they may read.
    for _ in 0..2 {
        let again = gateway.ask("k-all", LIST).await;
        assert!(again.json()["data"]["customers"].is_object());
        assert_eq!(gateway.ask("k-none", LIST).await.code(), "FORBIDDEN");
    }
    let by_id = format!(
        "{{ customer(id: {id:?}) {{ id }} node(id: {id:?}) {{ id }} nodes(ids: [{id:?}]) {{ id }} sources {{ key }} }}"
    );
    let before = gateway.calls();
    let got = gateway.ask("k-write", &by_id).await.json();
    for field in ["customer", "node"] {
        assert!(got["data"][field].is_null(), "{got:#}");
    }
    assert_eq!(got["data"]["nodes"], json!([null]));
    assert_eq!(got["data"]["sources"].as_array().unwrap().len(), 4);
    let errors = got["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 3);
    assert!(
        errors
            .iter()
            .all(|error| error["extensions"]["code"] == "FORBIDDEN")
    );
    assert_eq!(gateway.calls(), before);

    let written = gateway.ask("k-write", create).await.json();
    assert_eq!(
        written["data"]["createCustomer"]["outcome"], "APPLIED",
        "{written:#}"
    );
    assert!(
        written["data"]["createCustomer"]["customer"].is_null(),
        "{written:#}"
    );
    assert!(written["data"]["createCustomer"]["customerEdge"].is_null());
    let errors = written["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2);
    for error in errors {
        let line = &error["locations"][0]["line"];
        assert_eq!(line, 2, "where the field stands: {written:#}");
    }
    // Where nothing was written nothing is hidden.
    for refused in [
        format!(
            "updateCustomer(input: {{ id: {:?}, firstName: \"A\" }})",
            super::support::gateway::id("gtateth", "650000009999999999999999")
        ),
        "createCustomer(input: { source: \"gtateth\", birthDate: \"1990-01-01\" })".to_owned(),
    ] {
        let query = format!(
            "mutation {{ {refused} {{ outcome customer {{ id }} userErrors {{ code }} }} }}"
        );
        let got = gateway.ask("k-write", &query).await.json();
        assert!(got.get("errors").is_none(), "{got:#}");
        let field = refused.split_once('(').unwrap().0;
        assert_eq!(got["data"][field]["outcome"], "NOT_APPLIED", "{got:#}");
        let told = &got["data"][field]["userErrors"][0]["code"];
        assert!(told.is_string(), "{got:#}");
    }

    let native =
        format!("{{ customer(id: {id:?}) {{ email raw: native customFields identityNumber }} }}");
    let got = gateway.ask("k-read", &native).await.json();
    let customer = &got["data"]["customer"];
    assert!(
        customer["email"].is_string() && customer["raw"].is_null(),
        "{got:#}"
    );
    let paths: Vec<_> = got["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["path"])
        .collect();
    assert_eq!(paths.len(), 3, "{got:#}");
    assert!(paths.contains(&&json!(["customer", "raw"])));
    let got = gateway.ask("k-all", &native).await.json();
    assert!(
        got["data"]["customer"]["raw"].is_object() && got.get("errors").is_none(),
        "{got:#}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_an_issuer_are_fetched_from_it() {
    let public = jsonwebtoken::EncodingKey::from_ec_pem(EC).unwrap();
    let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&public, jsonwebtoken::Algorithm::ES256);
    let mut jwk = serde_json::to_value(jwk.unwrap()).unwrap();
    jwk["kid"] = "k1".into();
    let issuer = super::support::crm::Crm::json(json!({ "keys": [jwk] })).await;
    let url = format!("{}/jwks.json", issuer.base);
    let gateway = guarded::start(|text| {
        text + &format!(
            "\n[[auth.jwt]]\nissuer = \"https://id.example\"\naudience = \"crmql\"\nalgorithm = \"ES256\"\njwks = {url:?}\n\
             scope_claim = \"permissions\"\n"
        )
    })
    .await;
    let claims = claims(&json!({ "permissions": ["read:customers"] }));
    let signed = |kid: &str| {
        let header = jsonwebtoken::Header {
            kid: Some(kid.to_owned()),
            ..jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256)
        };
        jsonwebtoken::encode(&header, &claims, &public).unwrap()
    };
    let got = gateway.ask(&signed("k1"), LIST).await;
    assert_eq!((got.status, got.code().as_str()), (200, ""), "{}", got.text);
    // The issuer was asked a moment ago, and may have published any of these since.
    for n in 0..20 {
        let got = gateway.ask(&signed(&format!("x{n}")), LIST).await;
        assert_eq!((got.status, got.header("retry-after")), (503, "1"));
    }
    let forged = token(&claims);
    assert_eq!(gateway.ask(&forged, LIST).await.status, 401);
    assert_eq!(issuer.only().target, "/jwks.json");
}

const EC: &[u8] = include_bytes!("../../src/access/tests/keys/ec.pem");

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

// === A configuration that changes ===

async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is().await {
        assert!(started.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_configuration_is_taken_over_and_a_wrong_one_is_not() {
    let gateway = guarded::start(|text| text + &api_key("old", "", ALL)).await;
    let file = gateway.folder.path().join("crmql.toml");
    let status = async |credential: &str| gateway.ask(credential, LIST).await.status;
    assert_eq!((status("old").await, status("new").await), (200, 401));

    let changed = gateway
        .text
        .replace(&api_key("old", "", ALL), &api_key("new", "", ALL));
    let changed = changed.replace("listen = \"127.0.0.1:0\"", "listen = \"127.0.0.1:1\"");
    std::fs::write(&file, &changed).unwrap();
    gateway.process.signal("HUP");
    until("a signal", async || status("new").await == 200).await;
    assert_eq!(status("old").await, 401, "{}", gateway.process.err());
    assert!(
        gateway.process.err().contains("server.listen"),
        "{}",
        gateway.process.err()
    );

    let wrong = changed.replace("adapter = \"gormic\"", "adapter = \"gormik\"")
        + &api_key("third", "", ALL);
    std::fs::write(&file, wrong).unwrap();
    gateway.process.signal("HUP");
    until("a complaint", async || {
        gateway.process.err().contains("gormik")
    })
    .await;
    assert_eq!((status("new").await, status("third").await), (200, 401));

    // Without a signal: the file alone.
    std::fs::write(&file, changed + &api_key("third", "", ALL)).unwrap();
    until("a changed file", async || status("third").await == 200).await;
    assert_eq!(status("new").await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_a_refused_configuration_misses_is_noticed_when_it_comes() {
    let gateway = guarded::start(|text| text + &api_key("old", "", ALL)).await;
    let late = gateway.folder.path().join("late");
    let issuer = JWT.replace("{ env = \"TEST_JWT_SECRET\" }", "{ file = \"late\" }");
    let file = gateway.folder.path().join("crmql.toml");
    std::fs::write(&file, gateway.text.clone() + &issuer).unwrap();
    gateway.process.signal("HUP");
    until("a complaint", async || {
        gateway
            .process
            .err()
            .contains("the old configuration stays in use")
    })
    .await;
    std::fs::write(&late, guarded::SECRET).unwrap();
    let token = token(&claims(&json!({ "scope": "read:customers" })));
    until("the file was noticed", async || {
        gateway.ask(&token, "{ sources { key } }").await.status == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_that_need_a_restart_are_named_and_others_are_taken_over() {
    let gateway = guarded::start(|text| text + &api_key("old", "", ALL)).await;
    let limits = "[limits]\ndrain_ms = 7000\nreceive_ms = 7000\nidle_ms = 7000\nconnections = 70\nrequest_ms = 7000\n";
    let file = gateway.folder.path().join("crmql.toml");
    std::fs::write(&file, format!("{limits}{}", gateway.text)).unwrap();
    gateway.process.signal("HUP");
    gateway
        .process
        .word_after("the configuration was read again")
        .await;
    let said = gateway.process.err();
    let names = "limits.connections, limits.drain_ms, limits.receive_ms, limits.idle_ms";
    assert!(said.contains(&format!("keys=\"{names}\"")), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_says_which_key_a_request_came_with() {
    let gateway = guarded::start(|text| text + &api_key("k-all", "", ALL) + JWT).await;
    assert_eq!(gateway.ask("k-all", LIST).await.status, 200);
    let name = guarded::key_name("k-all");
    let said = gateway.process.err();
    assert!(said.contains(&format!("key={name:?}")), "{said}");
    assert!(!said.contains("k-all"), "{said}");
    let token = token(&claims(&json!({ "scope": "read:customers" })));
    assert_eq!(gateway.ask(&token, LIST).await.status, 200);
    let said = gateway.process.err();
    let of_token = said.lines().rfind(|line| line.contains("graphql")).unwrap();
    assert!(!of_token.contains("key="), "{of_token}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_read_again_and_a_running_request_ends_on_the_old_configuration() {
    let secret = tempfile::tempdir().unwrap();
    let file = secret.path().join("jwt");
    std::fs::write(&file, guarded::SECRET).unwrap();
    let gateway = guarded::start(|text| {
        let named = format!("{{ file = {:?} }}", file.display().to_string());
        text + &JWT.replace("{ env = \"TEST_JWT_SECRET\" }", &named)
    })
    .await;
    let token = token(&claims(&json!({ "scope": "read:customers" })));
    let crm = &gateway.demo.crms[0];
    crm.set_fault(Some(crmql::demo::Fault::Latency(Duration::from_secs(4))));
    let slow = gateway.ask(&token, LIST);
    let change = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        std::fs::write(&file, "another secret of at least 32 bytes").unwrap();
        gateway.process.signal("HUP");
        until("the old token is refused", async || {
            gateway.ask(&token, "{ sources { key } }").await.status == 401
        })
        .await;
        Instant::now()
    };
    let ended = async { (slow.await, Instant::now()) };
    let ((got, answered), refused) = tokio::join!(ended, change);
    assert_eq!((got.status, got.code().as_str()), (200, ""), "{}", got.text);
    assert!(refused < answered, "the request was still running");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_made_key_opens_what_its_hash_is_written_into() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = super::support::process::spawn(folder.path(), &["key"], &[]);
    assert_eq!(process.ended().await, Some(0));
    let out = process.out();
    let words: Vec<&str> = out.split_whitespace().collect();
    let ["key", made, "sha256", hash] = words.as_slice() else {
        panic!("{out}")
    };
    assert_eq!(key::hash_text(&key::hash(made)), *hash);
    let gateway = guarded::start(|text| {
        text + &format!(
            "\n[[auth.key]]\nname = \"made\"\nscopes = [\"read:customers\"]\nsha256 = {hash:?}\n"
        )
    })
    .await;
    assert_eq!(gateway.ask(made, LIST).await.code(), "");
}
