//! API keys: long random texts of which only a hash is configured.
//!
//! A plain SHA-256 is enough, because a key has 256 random bits and cannot be guessed from its hash. All keys are compared, each
//! in constant time, so that the time tells nothing of a hash.

use super::Caller;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq};

/// The SHA-256 of a key.
pub type KeyHash = [u8; 32];

/// A configured key.
#[derive(Debug)]
pub struct ApiKey {
    /// What is left of the key.
    pub hash: KeyHash,
    /// Whoever holds it.
    pub caller: Arc<Caller>,
}

/// The hash of a key.
pub fn hash(key: &str) -> KeyHash {
    Sha256::digest(key.as_bytes()).into()
}

/// The hash as it stands in a configuration: 64 hexadecimal digits.
pub fn hash_text(hash: &KeyHash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash that 64 hexadecimal digits say.
pub fn read_hash(text: &str) -> Option<KeyHash> {
    let mut hash = KeyHash::default();
    if text.len() != 2 * hash.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(hash)
}

/// Words that stand in examples or are tried first: nobody's secret.
const KNOWN: [&str; 24] = [
    "",
    "123456",
    "abc",
    "admin",
    "api-key",
    "api_key",
    "apikey",
    "bar",
    "changeme",
    "crmql",
    "demo",
    "example",
    "foo",
    "foobar",
    "hello",
    "hello world",
    "key",
    "letmein",
    "mykey",
    "password",
    "qwerty",
    "secret",
    "test",
    "token",
];

/// Whether it is the hash of a word that everybody knows.
pub fn is_known(hash: &KeyHash) -> bool {
    KNOWN.iter().any(|word| self::hash(word) == *hash)
}

/// A new key of these random bytes, which must be used for nothing else.
pub fn from_random(bytes: &[u8; 32]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    format!("crmql_{text}")
}

/// Whoever holds this key.
pub(super) fn holder(keys: &[ApiKey], given: &str) -> Option<Arc<Caller>> {
    let given = hash(given);
    let mut found = None;
    for key in keys {
        let same: Choice = key.hash.ct_eq(&given);
        if bool::from(same) {
            found = Some(&key.caller);
        }
    }
    found.cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str, tenant: &str) -> ApiKey {
        let caller = Caller {
            tenant: tenant.into(),
            ..Caller::anybody()
        };
        ApiKey {
            hash: hash(text),
            caller: Arc::new(caller),
        }
    }

    #[test]
    fn a_key_is_known_by_its_hash_alone() {
        let keys = [key("one", "a"), key("two", "b"), key("three", "c")];
        assert_eq!(&*holder(&keys, "two").unwrap().tenant, "b");
        for unknown in ["", "tw", "two ", "TWO", &hash_text(&hash("two"))] {
            assert_eq!(holder(&keys, unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn a_hash_is_written_as_tools_write_it() {
        // `printf abc | sha256sum`
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash_text(&hash("abc")), text);
        assert_eq!(read_hash(text), Some(hash("abc")));
        assert_eq!(read_hash(&text.to_uppercase()), Some(hash("abc")));
        for wrong in [
            "",
            "ba",
            &text[1..],
            &text.replace('b', "+"),
            &text.replace("ba", "é"),
        ] {
            assert_eq!(read_hash(wrong), None, "{wrong}");
        }
        assert!(from_random(&[7; 32]).len() > 40);
    }
}
