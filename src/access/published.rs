//! The keys that an issuer publishes (a JSON Web Key Set): fetched when needed, kept, and fetched again when a token names a
//! key that is not among them, as issuers change their keys.
//!
//! However many tokens with invented key ids come, the issuer is asked once in [`PAUSE`] at most, and by one request at a time.
//! How to fetch is handed in; this knows no HTTP.

use super::{Algorithm, Denied, Flaw};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{DecodingKey, errors::ErrorKind};
use serde::Deserialize;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long keys are used without asking again.
const KEEP: Duration = Duration::from_secs(600);
/// How long they are used while the issuer cannot be asked.
const KEEP_IN_NEED: Duration = Duration::from_secs(86_400);
/// The least time between two fetches.
const PAUSE: Duration = Duration::from_secs(10);
/// Keys of one issuer; more are left out.
const KEYS: usize = 100;

/// Fetches the key set; `None` where that fails. Bounds time and size.
pub type Fetch = Box<dyn Fn() -> BoxFuture<'static, Option<Bytes>> + Send + Sync>;

/// How long whoever has a key that may do waits for newer ones.
const PATIENCE: Duration = Duration::from_millis(500);

/// The keys of one issuer. All clones are one.
#[derive(Clone)]
pub struct Published(Arc<KeySource>);

struct KeySource {
    algorithm: jsonwebtoken::Algorithm,
    fetch: Fetch,
    known: RwLock<Arc<Known>>,
    /// When it was last tried to fetch them; held while fetching.
    tried: Mutex<Option<Instant>>,
    /// Since when somebody is fetching.
    fetching: std::sync::Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Known {
    keys: Vec<(Option<String>, Arc<DecodingKey>)>,
    /// When the issuer was asked for them, and when it had answered.
    fetched: Option<(Instant, Instant)>,
}

impl Known {
    fn younger_than(&self, age: Duration) -> bool {
        self.fetched.is_some_and(|(_, at)| at.elapsed() < age)
    }

    /// Whether the issuer was asked for them then or later.
    fn asked_since(&self, then: Instant) -> bool {
        self.fetched.is_some_and(|(asked, _)| asked >= then)
    }

    /// The key of this id. A token without one is taken for the only key's.
    fn key(&self, kid: Option<&str>) -> Option<Arc<DecodingKey>> {
        let found = match (kid, self.keys.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(kid), keys) => keys.iter().find(|(known, _)| known.as_deref() == Some(kid)),
        };
        found.map(|(_, key)| Arc::clone(key))
    }
}

impl Published {
    /// Fetches nothing yet.
    pub fn new(algorithm: Algorithm, fetch: Fetch) -> Self {
        Self(Arc::new(KeySource {
            algorithm: algorithm.known(),
            fetch,
            known: RwLock::default(),
            tried: Mutex::new(None),
            fetching: std::sync::Mutex::new(None),
        }))
    }

    /// The key that verifies a token with this key id.
    pub(super) async fn key(&self, kid: Option<&str>) -> Result<Arc<DecodingKey>, Denied> {
        let (came, known) = (Instant::now(), self.0.known());
        let old = match known.key(kid) {
            Some(key) if known.younger_than(KEEP) => return Ok(key),
            Some(key) if known.younger_than(KEEP_IN_NEED) => Some(key),
            _ => None,
        };
        self.refresh(known, old.is_some()).await;
        let now = self.0.known();
        let fresh = now.younger_than(KEEP);
        match now.key(kid) {
            Some(key) if fresh => Ok(key),
            // It was withdrawn, or is not there now. Of any other nobody can say so: it may have been published since the
            // issuer was asked last.
            None if fresh && (old.is_some() || now.asked_since(came)) => {
                Err(Denied::Invalid(Flaw::UnknownKey))
            }
            _ => old.ok_or(Denied::Unavailable),
        }
    }

    /// Fetches the keys, where nobody did; whoever has a key that may do does not wait for an issuer that hangs.
    async fn refresh(&self, seen: Arc<Known>, can_do_without: bool) {
        if can_do_without && self.0.hangs() {
            return;
        }
        let issuer = Arc::clone(&self.0);
        // It goes on where whoever asks goes away meanwhile.
        let refreshing = tokio::spawn(async move { issuer.refresh(&seen).await });
        // What is known afterwards tells what came of it.
        if can_do_without {
            drop(tokio::time::timeout(PATIENCE, refreshing).await);
        } else {
            drop(refreshing.await);
        }
    }
}

impl KeySource {
    /// Whether somebody has been fetching for so long that no one else should wait.
    fn hangs(&self) -> bool {
        let fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        fetching.is_some_and(|since| since.elapsed() >= PATIENCE)
    }

    fn fetches(&self, since: Option<Instant>) {
        *self.fetching.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fetches the keys, unless somebody else has since `seen`, or tried to just now.
    async fn refresh(&self, seen: &Arc<Known>) {
        let mut tried = self.tried.lock().await;
        let is_early = tried.is_some_and(|at| at.elapsed() < PAUSE);
        if is_early || !Arc::ptr_eq(seen, &self.known()) {
            return;
        }
        let asked = Instant::now();
        *tried = Some(asked);
        self.fetches(Some(asked));
        let fetched = (self.fetch)().await;
        self.fetches(None);
        let Some(keys) = fetched.and_then(|text| read(&text, self.algorithm)) else {
            tracing::warn!("the published keys of a token issuer cannot be fetched");
            return;
        };
        let known = Known {
            keys,
            fetched: Some((asked, Instant::now())),
        };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
    }
}

/// A key set; its keys are read one by one, so that one of an unknown kind spoils no other.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

/// The keys of a set that verify signatures of this algorithm.
fn read(
    text: &[u8],
    algorithm: jsonwebtoken::Algorithm,
) -> Option<Vec<(Option<String>, Arc<DecodingKey>)>> {
    let set: KeySet = serde_json::from_slice(text).ok()?;
    let keys = set.keys.into_iter().filter_map(|key| {
        let jwk: Jwk = serde_json::from_value(key).ok()?;
        let key = usable(&jwk, algorithm).ok()?;
        Some((jwk.common.key_id, Arc::new(key)))
    });
    Some(keys.take(KEYS).collect())
}

/// The key, where it may verify signatures of this algorithm. A shared secret in a set that everybody can read verifies nothing.
fn usable(
    jwk: &Jwk,
    algorithm: jsonwebtoken::Algorithm,
) -> Result<DecodingKey, jsonwebtoken::errors::Error> {
    let common = &jwk.common;
    let signs = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
    let fits = common
        .key_algorithm
        .is_none_or(|named| named.to_string() == format!("{algorithm:?}"));
    let curve = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(key) => key.curve == EllipticCurve::P256,
        AlgorithmParameters::OctetKeyPair(key) => key.curve == EllipticCurve::Ed25519,
        AlgorithmParameters::RSA(_) => true,
        _ => false,
    };
    let key = DecodingKey::from_jwk(jwk)?;
    if signs && fits && curve && key.family() == algorithm.family() {
        Ok(key)
    } else {
        Err(ErrorKind::InvalidKeyFormat.into())
    }
}
