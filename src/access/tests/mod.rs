//! Who is let in, and above all who is not. The keys were made for these tests and open nothing else.

mod published;

use super::*;
use bytes::Bytes;
use futures_util::FutureExt;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const RSA: &[u8] = include_bytes!("keys/rsa.pem");
const RSA_PUBLIC: &str = include_str!("keys/rsa.pub.pem");
const EC: &[u8] = include_bytes!("keys/ec.pem");
const EC_PUBLIC: &str = include_str!("keys/ec.pub.pem");
const ED: &[u8] = include_bytes!("keys/ed.pem");
const ED_PUBLIC: &str = include_str!("keys/ed.pub.pem");
const SECRET: &[u8] = b"a secret of at least 32 bytes, for tests";

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Claims that are right in every respect, but for these.
fn claims(but: &Value) -> Value {
    let mut claims = json!({ "iss": "https://id.example", "aud": "crmql", "exp": now() + 60, "org": "acme",
        "scope": "openid read:customers" });
    for (name, value) in but.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn signing(algorithm: Algorithm) -> EncodingKey {
    match algorithm {
        Algorithm::Hs256 => EncodingKey::from_secret(SECRET),
        Algorithm::Rs256 => EncodingKey::from_rsa_pem(RSA).unwrap(),
        Algorithm::Es256 => EncodingKey::from_ec_pem(EC).unwrap(),
        Algorithm::EdDsa => EncodingKey::from_ed_pem(ED).unwrap(),
    }
}

fn token(algorithm: Algorithm, kid: Option<&str>, claims: &Value) -> String {
    let header = Header {
        kid: kid.map(str::to_owned),
        ..Header::new(algorithm.known())
    };
    encode(&header, claims, &signing(algorithm)).unwrap()
}

fn verifier(algorithm: Algorithm) -> Verifier {
    match algorithm {
        Algorithm::Hs256 => Verifier::secret(SECRET),
        Algorithm::Rs256 => Verifier::public(algorithm, RSA_PUBLIC).unwrap(),
        Algorithm::Es256 => Verifier::public(algorithm, EC_PUBLIC).unwrap(),
        Algorithm::EdDsa => Verifier::public(algorithm, ED_PUBLIC).unwrap(),
    }
}

fn issuer(algorithm: Algorithm, verifier: Verifier) -> Issuer {
    let skew = Duration::from_secs(5);
    Issuer::new("https://id.example", "crmql", algorithm, verifier, skew)
        .with_tenant(Told::Claim("org".into()))
}

fn access(issuers: Vec<Issuer>) -> Access {
    let key = ApiKey {
        hash: key::hash("crmql_k3y"),
        caller: Arc::new(Caller {
            tenant: "keyed".into(),
            scopes: Scopes::ALL,
            key: None,
        }),
    };
    let tenants = ["acme", "keyed"].map(Box::from);
    Access::only(vec![key], issuers, tenants.into())
}

async fn with(access: &Access, headers: &[(&'static str, &str)]) -> Result<Arc<Caller>, Denied> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, value.parse().unwrap());
    }
    access.caller(&map).await
}

async fn bearer(access: &Access, token: &str) -> Result<Arc<Caller>, Denied> {
    with(access, &[("authorization", &format!("Bearer {token}"))]).await
}

#[tokio::test]
async fn a_key_is_sent_in_either_header_and_only_once() {
    let access = access(vec![]);
    for headers in [
        [("authorization", "Bearer crmql_k3y")],
        [("authorization", "bearer  crmql_k3y")],
        [("x-api-key", "crmql_k3y")],
    ] {
        let caller = with(&access, &headers).await.unwrap();
        assert_eq!(&*caller.tenant, "keyed", "{headers:?}");
    }
    assert_eq!(with(&access, &[]).await, Err(Denied::Missing));
    for headers in [
        &[("authorization", "crmql_k3y")][..],
        &[("authorization", "Basic crmql_k3y")],
        &[("authorization", "Bearer crmql_k3x")],
        &[("authorization", "Bearer ")],
        &[("x-api-key", "")],
        &[
            ("x-api-key", "crmql_k3y"),
            ("authorization", "Bearer crmql_k3y"),
        ],
        &[("x-api-key", "crmql_k3y"), ("x-api-key", "crmql_k3y")],
    ] {
        let denied = with(&access, headers).await;
        assert!(
            matches!(denied, Err(Denied::Invalid(_))),
            "{headers:?}: {denied:?}"
        );
    }
}

#[tokio::test]
async fn whoever_is_not_told_apart_may_do_everything() {
    let caller = with(&Access::anybody(), &[("authorization", "Basic x")]).await;
    assert_eq!(*caller.unwrap(), Caller::anybody());
}

#[tokio::test]
async fn tokens_of_every_algorithm_are_believed_by_their_own_key_only() {
    let all = || Algorithm::ALL.into_iter().map(|(_, algorithm)| algorithm);
    for algorithm in all() {
        let access = access(vec![issuer(algorithm, verifier(algorithm))]);
        for signed in all() {
            let outcome = bearer(&access, &token(signed, None, &claims(&json!({})))).await;
            if signed != algorithm {
                assert_eq!(outcome, Err(Denied::Invalid(Flaw::Algorithm)), "{signed:?}");
                continue;
            }
            let caller = outcome.unwrap();
            assert_eq!(&*caller.tenant, "acme");
            assert_eq!(caller.scopes, Scopes::of_words(["read:customers"]));
        }
        let mut spoilt = token(algorithm, None, &claims(&json!({})));
        let place = spoilt.rfind('.').unwrap() + 3;
        let other = if spoilt[place..].starts_with('A') {
            "B"
        } else {
            "A"
        };
        spoilt.replace_range(place..=place, other);
        assert_eq!(
            bearer(&access, &spoilt).await,
            Err(Denied::Invalid(Flaw::Signature))
        );
    }
}

#[tokio::test]
async fn a_token_that_says_how_it_is_to_be_checked_is_refused() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    let access = access(vec![issuer(Algorithm::Rs256, verifier(Algorithm::Rs256))]);
    let part = |value: &Value| BASE64.encode(value.to_string());
    let body = part(&claims(&json!({})));
    for algorithm in ["none", "None", "NONE", "", "HS256", "RS384"] {
        let header = part(&json!({ "alg": algorithm, "typ": "JWT" }));
        for signature in ["", "AAAA"] {
            let denied = bearer(&access, &format!("{header}.{body}.{signature}")).await;
            assert!(
                matches!(denied, Err(Denied::Invalid(_))),
                "{algorithm}: {denied:?}"
            );
        }
    }
    // Key confusion: the public key, which everybody has, used as the secret of an HMAC.
    for secret in [RSA_PUBLIC, RSA_PUBLIC.trim_end()] {
        let forged = encode(
            &Header::new(jsonwebtoken::Algorithm::HS256),
            &claims(&json!({})),
            &EncodingKey::from_secret(secret.as_bytes()),
        );
        let denied = bearer(&access, &forged.unwrap()).await;
        assert_eq!(denied, Err(Denied::Invalid(Flaw::Algorithm)));
    }
    // A key that the token brings along, and an extension that must be understood.
    let brought = Header {
        jku: Some("https://evil.example/keys".to_owned()),
        ..Header::new(jsonwebtoken::Algorithm::RS256)
    };
    let critical = Header {
        crit: Some(vec!["exp".to_owned()]),
        ..Header::new(jsonwebtoken::Algorithm::RS256)
    };
    let own = encode(&brought, &claims(&json!({})), &signing(Algorithm::Rs256)).unwrap();
    assert!(
        bearer(&access, &own).await.is_ok(),
        "an address in a token is never visited"
    );
    let own = encode(&critical, &claims(&json!({})), &signing(Algorithm::Rs256)).unwrap();
    assert_eq!(
        bearer(&access, &own).await,
        Err(Denied::Invalid(Flaw::CriticalHeader))
    );
}

#[tokio::test]
async fn every_claim_counts() {
    let access = access(vec![issuer(Algorithm::Es256, verifier(Algorithm::Es256))]);
    for (but, denied) in [
        (json!({ "exp": now() - 60 }), Denied::Invalid(Flaw::Expired)),
        (json!({ "exp": null }), Denied::Invalid(Flaw::Claims)),
        (json!({ "exp": "tomorrow" }), Denied::Invalid(Flaw::Claims)),
        (json!({ "nbf": now() + 60 }), Denied::Invalid(Flaw::NotYet)),
        (
            json!({ "iss": "https://evil.example" }),
            Denied::Invalid(Flaw::Issuer),
        ),
        (json!({ "iss": null }), Denied::Invalid(Flaw::Claims)),
        (json!({ "aud": "other" }), Denied::Invalid(Flaw::Audience)),
        (json!({ "aud": ["other"] }), Denied::Invalid(Flaw::Audience)),
        (json!({ "aud": null }), Denied::Invalid(Flaw::Claims)),
        (json!({ "org": null }), Denied::Tenant),
        (json!({ "org": ["acme"] }), Denied::Tenant),
        (json!({ "org": "other" }), Denied::Tenant),
        (json!({ "org": "" }), Denied::Tenant),
        (json!({ "org": " " }), Denied::Tenant),
    ] {
        let outcome = bearer(&access, &token(Algorithm::Es256, None, &claims(&but))).await;
        assert_eq!(outcome, Err(denied), "{but}");
    }
    for but in [
        json!({ "exp": now() - 2 }),
        json!({ "nbf": now() + 2 }),
        json!({ "aud": ["other", "crmql"] }),
        json!({ "scope": ["read:native", 7] }),
        json!({ "scope": null }),
    ] {
        let outcome = bearer(&access, &token(Algorithm::Es256, None, &claims(&but))).await;
        let scopes = outcome.unwrap().scopes;
        assert_eq!(
            scopes.has(Scope::ReadNative),
            but["scope"].is_array(),
            "{but}"
        );
        assert_eq!(scopes.has(Scope::ReadCustomers), but.get("scope").is_none());
    }
}

/// Sources without a tenant belong to whoever is configured to have none, and to nobody who only says so.
#[tokio::test]
async fn a_claim_without_a_name_is_no_tenant_where_sources_have_none() {
    let nameless = |issuer| Access::only(vec![], vec![issuer], [Box::from("")].into());
    let claimed = || issuer(Algorithm::Es256, verifier(Algorithm::Es256));
    for but in [
        json!({ "org": "" }),
        json!({ "org": null }),
        json!({ "org": " " }),
    ] {
        let token = token(Algorithm::Es256, None, &claims(&but));
        let outcome = bearer(&nameless(claimed()), &token).await;
        assert_eq!(outcome, Err(Denied::Tenant), "{but}");
        let always = claimed().with_tenant(Told::Always("".into()));
        assert!(bearer(&nameless(always), &token).await.is_ok());
    }
}

#[tokio::test]
async fn two_issuers_do_not_stand_in_for_each_other() {
    let other = Issuer::new(
        "https://other.example",
        "crmql",
        Algorithm::Rs256,
        verifier(Algorithm::Rs256),
        Duration::ZERO,
    )
    .with_tenant(Told::Always("keyed".into()))
    .with_scopes(Told::Always(Scopes::ALL));
    let access = access(vec![
        issuer(Algorithm::Hs256, verifier(Algorithm::Hs256)),
        other,
    ]);
    let posing = claims(&json!({ "iss": "https://other.example" }));
    let denied = bearer(&access, &token(Algorithm::Hs256, None, &posing)).await;
    assert_eq!(denied, Err(Denied::Invalid(Flaw::Issuer)));
    let caller = bearer(&access, &token(Algorithm::Rs256, None, &posing))
        .await
        .unwrap();
    assert_eq!((&*caller.tenant, caller.scopes), ("keyed", Scopes::ALL));
}

// === Published keys ===
