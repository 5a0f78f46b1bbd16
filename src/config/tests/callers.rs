//! Who is let in: keys, issuers, and the tenants they belong to.

use super::*;

const HASH: &str = "6e3b0e6bd28267dc94feba47229b4cb749cbd6685ee8286fb8cd82d4dea99790";

fn key(more: &str) -> String {
    format!("[[auth.key]]\nname = 'k'\nscopes = ['read:customers']\nsha256 = '{HASH}'\n{more}\n")
}

fn jwt(more: &str) -> String {
    format!("[[auth.jwt]]\nissuer = 'i'\naudience = 'a'\n{more}\n")
}

#[test]
fn callers_are_read_with_their_tenants_and_scopes() {
    use crate::access::{Algorithm, Scope, Scopes, Told};
    let text = format!(
        "{}{}{}{SOURCE}tenant = 'x'\n{}",
        key("tenant = 'x'"),
        jwt(
            "algorithm = 'HS256'\nsecret = { file = 'long' }\ntenant_claim = 'org'\nclock_skew = '5s'"
        ),
        jwt(
            "algorithm = 'ES256'\njwks = 'https://id.example/keys'\ntenant = 'x'\nscopes = ['read:native']"
        ),
        SOURCE.replace("'a'", "'b'"),
    );
    let config = good(&text);
    let auth = config.auth.as_ref().unwrap();
    let [key] = auth.keys.as_slice() else {
        unreachable!("one key is configured")
    };
    assert_eq!((&*key.tenant, &*key.name), ("x", "k"));
    assert!(key.scopes.has(Scope::ReadCustomers) && !key.scopes.has(Scope::WriteCustomers));
    assert_eq!(key.hash, crate::access::key::hash("some key"));
    let [first, second] = auth.issuers.as_slice() else {
        unreachable!("two issuers are configured")
    };
    assert_eq!(
        (first.algorithm, first.skew),
        (Algorithm::Hs256, Duration::from_secs(5))
    );
    assert_eq!(first.tenant, Told::Claim("org".into()));
    assert_eq!(first.scopes, Told::Claim("scope".into()));
    assert_eq!(second.tenant, Told::Always("x".into()));
    assert_eq!(
        second.scopes,
        Told::Always(Scopes::of_words(["read:native"]))
    );
    assert_eq!(second.skew, CLOCK_SKEW);
    let tenants: Vec<&str> = config
        .sources
        .iter()
        .map(|source| &*source.tenant)
        .collect();
    assert_eq!(tenants, ["x", ""]);
    assert!(
        config.files.iter().any(|file| file.ends_with("long")),
        "{:?}",
        config.files
    );
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn whoever_tells_callers_apart_may_listen_anywhere() {
    let text = format!("[server]\nlisten = '0.0.0.0:8080'\n{}{SOURCE}", key(""));
    assert_eq!(good(&text).server.listen.port(), 8080);
}

#[test]
fn callers_that_cannot_be_meant_are_refused() {
    let algorithm = |more: &str| format!("{}{SOURCE}", jwt(more));
    for (text, expected) in [
        (
            format!("[auth]\n{SOURCE}"),
            "c.toml:1:1: `auth` lets nobody in: it needs a [[auth.key]] or a [[auth.jwt]]",
        ),
        (
            format!("{}{SOURCE}", key("").replace(HASH, "the-s3cret-itself")),
            "c.toml:4:10: `auth.key[0].sha256` is no SHA-256 in 64 hexadecimal digits; `crmql key` makes a key and its hash",
        ),
        (
            format!("{}{SOURCE}", key("").replace("read:customers", "read:all")),
            "c.toml:3:11: unknown word: `read:all`; accepted: read:customers, write:customers, read:native, read:metrics",
        ),
        (
            algorithm("algorithm = 'none'\njwks = 'https://x'"),
            "c.toml:4:13: unknown word: `none`; accepted: HS256, RS256, ES256, EdDSA",
        ),
        (
            algorithm("algorithm = 'HS256'\njwks = 'https://x'"),
            "c.toml:1:1: `auth.jwt[0]` needs `secret` for HS256, and neither `public_key` nor `jwks`",
        ),
        (
            algorithm("algorithm = 'RS256'\nsecret = { env = 'KEY' }"),
            "c.toml:1:1: `auth.jwt[0]` needs either `public_key` or `jwks` for this algorithm, and no `secret`",
        ),
        (
            algorithm("algorithm = 'HS256'\nsecret = { env = 'SHORT' }"),
            "c.toml:5:10: `auth.jwt[0].secret` is shorter than 32 bytes",
        ),
        (
            algorithm("algorithm = 'RS256'\njwks = 'http://id.example/keys'"),
            "c.toml:5:8: `auth.jwt[0].jwks` is not an https URL",
        ),
        (
            algorithm("algorithm = 'RS256'\njwks = 'https://x'\ntenant = 'x'\ntenant_claim = 'y'"),
            "c.toml:1:1: `auth.jwt[0]` has both `tenant` and `tenant_claim`",
        ),
        (
            format!("{}{SOURCE}", key("tenant = 'y'")),
            "c.toml:1:1: no source belongs to the tenant `y`",
        ),
        (
            format!("{}{SOURCE}tenant = 'x'", key("")),
            "c.toml:1:1: whoever this lets in has no `tenant`, and every source has one",
        ),
        (
            format!("{SOURCE}tenant = 'x'"),
            "c.toml:1:1: `tenant` needs [auth]: without it nobody belongs to a tenant",
        ),
    ] {
        bad(&text, &[expected]);
    }
}

#[test]
fn a_word_that_everybody_knows_is_no_key() {
    // `printf foo | sha256sum`
    let foo = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
    bad(
        &format!("{}{SOURCE}", key("").replace(HASH, foo)),
        &[
            "c.toml:4:10: `auth.key[0].sha256` is the hash of a word that everybody knows; `crmql key` makes a key and its hash",
        ],
    );
}

#[test]
fn no_key_and_no_name_is_given_twice() {
    let other = HASH.replace("6e3b", "6e3c");
    let again = key("")
        .replace("'k'", "'l'")
        .replace(HASH, &HASH.to_uppercase());
    for (second, expected) in [
        (
            key("").replace(HASH, &other),
            "c.toml:7:8: `auth.key[1].name`: the key at line 1 has this name already",
        ),
        (
            again,
            "c.toml:9:10: `auth.key[1].sha256`: the key at line 1 has this hash already",
        ),
    ] {
        bad(&format!("{}{second}{SOURCE}", key("")), &[expected]);
    }
    let two = key("").replace(HASH, &other).replace("'k'", "'l'");
    let config = good(&format!("{}{two}{SOURCE}", key("")));
    assert_eq!(config.auth.unwrap().keys.len(), 2);
}
