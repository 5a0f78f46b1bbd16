//! JSON Web Tokens: signature, issuer, audience, times, and what they say of the caller.
//!
//! The algorithm belongs to the configured issuer and never to the token: a token that names another, or `none`, is refused
//! before its signature is looked at. Nothing of a token is repeated in an answer or a log.

use super::published::Published;
use super::{Caller, Denied, Flaw, Scopes};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{AlgorithmFamily, DecodingKey, Validation, dangerous};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::time::Duration;

/// How tokens of an issuer are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256 and a shared secret.
    Hs256,
    /// RSA with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Every algorithm with its word in configurations and tokens.
    pub const ALL: [(&'static str, Self); 4] = [
        ("HS256", Self::Hs256),
        ("RS256", Self::Rs256),
        ("ES256", Self::Es256),
        ("EdDSA", Self::EdDsa),
    ];

    pub(super) const fn known(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

/// What verifies the tokens of an issuer.
pub struct Verifier(pub(super) Keys);

pub(super) enum Keys {
    /// The one configured key.
    One(Box<DecodingKey>),
    /// The keys that the issuer publishes.
    Published(Published),
}

impl Verifier {
    /// A shared secret, for [`Algorithm::Hs256`].
    pub fn secret(secret: &[u8]) -> Self {
        Self(Keys::One(Box::new(DecodingKey::from_secret(secret))))
    }

    /// A public key in PEM; `None` where it is none of this algorithm's.
    pub fn public(algorithm: Algorithm, pem: &str) -> Option<Self> {
        let pem = pem.as_bytes();
        let key = match algorithm.known().family() {
            AlgorithmFamily::Rsa => DecodingKey::from_rsa_pem(pem),
            AlgorithmFamily::Ec => DecodingKey::from_ec_pem(pem),
            AlgorithmFamily::Ed => DecodingKey::from_ed_pem(pem),
            _ => return None,
        };
        key.ok().map(|key| Self(Keys::One(Box::new(key))))
    }

    /// The keys that the issuer publishes, fetched as they are needed.
    pub fn published(published: Published) -> Self {
        Self(Keys::Published(published))
    }
}

/// Where a token says something of its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told<T> {
    /// It need not: this is so for every token of the issuer.
    Always(T),
    /// In the claim of this name.
    Claim(Box<str>),
}

/// Somebody whose tokens are believed.
pub struct Issuer {
    name: Box<str>,
    algorithm: jsonwebtoken::Algorithm,
    validation: Validation,
    verifier: Verifier,
    tenant: Told<Box<str>>,
    scopes: Told<Scopes>,
}

impl Issuer {
    /// Tokens must name this issuer and this audience, be signed so, and be in their time but for the skew of clocks.
    pub fn new(
        name: &str,
        audience: &str,
        algorithm: Algorithm,
        verifier: Verifier,
        skew: Duration,
    ) -> Self {
        let algorithm = algorithm.known();
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[name]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        // Tokens count whole seconds.
        validation.leeway = skew.as_secs() + u64::from(skew.subsec_nanos() > 0);
        validation.validate_nbf = true;
        Self {
            name: name.into(),
            algorithm,
            validation,
            verifier,
            tenant: Told::Always("".into()),
            scopes: Told::Claim("scope".into()),
        }
    }

    /// Where the tenant is told; the tenant without a name where this is not called.
    #[must_use]
    pub fn with_tenant(mut self, tenant: Told<Box<str>>) -> Self {
        self.tenant = tenant;
        self
    }

    /// Where the scopes are told; in the claim `scope` where this is not called.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Told<Scopes>) -> Self {
        self.scopes = scopes;
        self
    }

    /// Whether a token that names this one, or these, may be its own.
    fn is(&self, claimed: &Value) -> bool {
        match claimed {
            Value::Array(names) => names.iter().any(|name| *name == *self.name),
            name => *name == *self.name,
        }
    }

    /// The caller that a token of this issuer names.
    async fn caller(&self, token: &str, kid: Option<&str>) -> Result<Caller, Denied> {
        let claims = match &self.verifier.0 {
            Keys::One(key) => self.claims(token, key)?,
            Keys::Published(published) => self.claims(token, &*published.key(kid).await?)?,
        };
        let tenant = match &self.tenant {
            Told::Always(tenant) => Some(&**tenant),
            // Sources without a tenant are not to be had by naming nobody.
            Told::Claim(name) => claims
                .get(&**name)
                .and_then(Value::as_str)
                .filter(|tenant| !tenant.is_empty()),
        };
        let scopes = match &self.scopes {
            Told::Always(scopes) => *scopes,
            Told::Claim(name) => scopes(claims.get(&**name)),
        };
        Ok(Caller {
            tenant: tenant.ok_or(Denied::Tenant)?.into(),
            scopes,
            key: None,
        })
    }

    fn claims(&self, token: &str, key: &DecodingKey) -> Result<Map<String, Value>, Denied> {
        jsonwebtoken::decode(token, key, &self.validation)
            .map(|token| token.claims)
            .map_err(|error| Denied::Invalid(flaw(error.kind())))
    }
}

/// The scopes of a claim: words between spaces, or a list of words.
fn scopes(claim: Option<&Value>) -> Scopes {
    match claim {
        Some(Value::String(words)) => Scopes::of_words(words.split_whitespace()),
        Some(Value::Array(words)) => Scopes::of_words(words.iter().filter_map(Value::as_str)),
        _ => Scopes::default(),
    }
}

/// Whether a text looks like a token and not like a key of ours.
pub(super) fn is_token(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// The caller that a token names. Of the issuers only those with the token's algorithm and name are asked: the keys of another
/// may have to be fetched, and whoever holds this token has nothing to do with that.
pub(super) async fn caller(issuers: &[Issuer], token: &str) -> Result<Caller, Denied> {
    let header =
        jsonwebtoken::decode_header(token).map_err(|_| Denied::Invalid(Flaw::Malformed))?;
    // Nobody here understands an extension that the issuer says must be understood.
    if header.crit.is_some() {
        return Err(Denied::Invalid(Flaw::CriticalHeader));
    }
    let signing: Vec<&Issuer> = issuers
        .iter()
        .filter(|issuer| issuer.algorithm == header.alg)
        .collect();
    if signing.is_empty() {
        return Err(Denied::Invalid(Flaw::Algorithm));
    }
    let claimed = claimed(token)?;
    let mut denied = Denied::Invalid(Flaw::Issuer);
    for issuer in signing.iter().filter(|issuer| issuer.is(&claimed)) {
        match issuer.caller(token, header.kid.as_deref()).await {
            Ok(caller) => return Ok(caller),
            Err(why) => denied = denied.nearer(why),
        }
    }
    Err(denied)
}

/// Whose token it says it is. Nobody has verified that yet: it tells who is to be asked, and nothing else.
fn claimed(token: &str) -> Result<Value, Denied> {
    #[derive(Deserialize)]
    struct Claimed {
        iss: Option<Value>,
    }
    let claimed: Claimed =
        dangerous::insecure_decode_claims(token).map_err(|_| Denied::Invalid(Flaw::Malformed))?;
    claimed.iss.ok_or(Denied::Invalid(Flaw::Claims))
}

/// Why a token is refused, for the log; a fixed word.
const fn flaw(kind: &ErrorKind) -> Flaw {
    match kind {
        ErrorKind::ExpiredSignature => Flaw::Expired,
        ErrorKind::ImmatureSignature => Flaw::NotYet,
        ErrorKind::InvalidIssuer => Flaw::Issuer,
        ErrorKind::InvalidAudience => Flaw::Audience,
        ErrorKind::InvalidSignature => Flaw::Signature,
        ErrorKind::InvalidAlgorithm => Flaw::Algorithm,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => Flaw::Claims,
        _ => Flaw::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_second_is_no_less_leeway_than_was_asked_for() {
        for (skew, leeway) in [(0, 0), (1, 1), (900, 1), (1_000, 1), (1_001, 2)] {
            let (algorithm, skew) = (Algorithm::Hs256, Duration::from_millis(skew));
            let issuer = Issuer::new("i", "a", algorithm, Verifier::secret(b"s"), skew);
            assert_eq!(issuer.validation.leeway, leeway);
        }
    }
}
