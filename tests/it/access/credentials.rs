//! Keys and tokens: who gets in, what they may do, and what the log says of them.

use super::{JWT, LIST, keyed};
use crate::support::guarded::{self, ALL, api_key, claims, token};
use crmql::access::key;
use serde_json::json;

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
            crate::support::gateway::id("gtateth", "650000009999999999999999")
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
    let issuer = crate::support::crm::Crm::json(json!({ "keys": [jwk] })).await;
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

const EC: &[u8] = include_bytes!("../../../src/access/tests/keys/ec.pem");

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
async fn a_made_key_opens_what_its_hash_is_written_into() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = crate::support::process::spawn(folder.path(), &["key"], &[]);
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
