//! `[auth]`: who may call, as the configuration says it; and `tenant`, the name that callers and sources share.

use super::outside::Outside;
use super::read::{filled, is_key};
use crate::access::key::{is_known, read_hash};
use crate::access::{Algorithm, KeyHash, Scope, Scopes, Told};
use crate::document::{Place, Table, Text, Value};
use secrecy::{ExposeSecret, SecretString};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;
use url::Url;

/// Everybody who may call.
#[derive(Debug, Default)]
pub struct Auth {
    /// `[[auth.key]]`
    pub keys: Vec<KeyConfig>,
    /// `[[auth.jwt]]`
    pub issuers: Vec<IssuerConfig>,
}

/// `[[auth.key]]`: an API key.
#[derive(Debug)]
pub struct KeyConfig {
    /// `name`: what people call it, and the log. Unique.
    pub name: Box<str>,
    /// `tenant`: whose sources its holder sees.
    pub tenant: Box<str>,
    /// `scopes`: what its holder may do.
    pub scopes: Scopes,
    /// `sha256`: the key's hash.
    pub hash: KeyHash,
    /// Where it stands in the file.
    pub at: Place,
}

/// `[[auth.jwt]]`: an issuer of tokens.
#[derive(Debug)]
pub struct IssuerConfig {
    /// `issuer`: the claim `iss` must be this.
    pub issuer: Box<str>,
    /// `audience`: the claim `aud` must have this.
    pub audience: Box<str>,
    /// `algorithm`: the only one its tokens may have.
    pub algorithm: Algorithm,
    /// `secret`, `public_key` or `jwks`.
    pub verifier: VerifierConfig,
    /// `tenant` or `tenant_claim`.
    pub tenant: Told<Box<str>>,
    /// `scopes` or `scope_claim`.
    pub scopes: Told<Scopes>,
    /// `clock_skew`
    pub skew: Duration,
    /// Where it stands in the file.
    pub at: Place,
}

/// What verifies the tokens of an issuer.
#[derive(Debug)]
pub enum VerifierConfig {
    /// `secret`: shared with the issuer; for HS256.
    Secret(SecretString),
    /// `public_key`: in PEM; for the others.
    PublicKey(SecretString),
    /// `jwks`: where the issuer publishes its keys; for the others.
    Jwks(Url),
}

/// The default of `auth.jwt.clock_skew`.
pub const CLOCK_SKEW: Duration = Duration::from_secs(30);
/// The range of `auth.jwt.clock_skew`.
pub const CLOCK_SKEW_RANGE: RangeInclusive<Duration> =
    Duration::from_secs(0)..=Duration::from_secs(300);
/// The shortest `auth.jwt.secret` in bytes.
pub const JWT_SECRET_BYTES: usize = 32;

pub(super) fn auth(mut table: Table<'_>, outside: &Outside<'_>) -> Auth {
    let before = (table.tables("key"), table.tables("jwt"));
    if before.0.is_empty() && before.1.is_empty() {
        let message = "`auth` lets nobody in: it needs a [[auth.key]] or a [[auth.jwt]]";
        table.problem(table.place(), message);
    }
    let mut seen = Seen::default();
    let mut keys = Vec::new();
    for table in before.0 {
        keys.extend(key(table, &mut seen));
    }
    let auth = Auth {
        keys,
        issuers: before
            .1
            .into_iter()
            .filter_map(|table| issuer(table, outside))
            .collect(),
    };
    table.finish();
    auth
}

/// The tenant a table names; the one without a name where it names none.
pub(super) fn tenant(table: &mut Table<'_>) -> Box<str> {
    let Some(text) = table.string("tenant") else {
        return "".into();
    };
    if !is_key(&text.value) {
        let message = format!(
            "`{}`: a tenant's name is made of a-z, 0-9, `_` and `-`, starts with a letter or digit, and has at most 63 characters",
            table.path_of("tenant")
        );
        table.problem(&text.at, message);
    }
    text.value.into()
}

// === [[auth.key]] ===

/// The lines of the keys so far, by what no two of them may share.
#[derive(Default)]
struct Seen {
    names: BTreeMap<String, usize>,
    hashes: BTreeMap<KeyHash, usize>,
}

/// Notes what a key shares with one before it: of two hashes alike only one would be looked at, and a name is to tell keys apart.
fn refuse_again<K: Ord>(
    table: &Table<'_>,
    (key, what): (&str, &str),
    at: &Place,
    value: K,
    seen: &mut BTreeMap<K, usize>,
) {
    match seen.entry(value) {
        Entry::Vacant(entry) => drop(entry.insert(table.place().line)),
        Entry::Occupied(first) => {
            let (path, first) = (table.path_of(key), first.get());
            let message = format!("`{path}`: the key at line {first} has this {what} already");
            table.problem(at, message);
        }
    }
}

fn key(mut table: Table<'_>, seen: &mut Seen) -> Option<KeyConfig> {
    let name = table
        .required_string("name")
        .and_then(|text| filled(&table, "name", text));
    let tenant = tenant(&mut table);
    table.require("scopes");
    let scopes = scopes(&mut table);
    let sha256 = table.required_string("sha256");
    let hash = sha256.as_ref().and_then(|text| hash(&table, text));
    if let Some(text) = &name {
        let (name, names) = (text.value.clone(), &mut seen.names);
        refuse_again(&table, ("name", "name"), &text.at, name, names);
    }
    if let (Some(text), Some(hash)) = (&sha256, hash) {
        refuse_again(&table, ("sha256", "hash"), &text.at, hash, &mut seen.hashes);
    }
    let at = table.place().clone();
    table.finish();
    Some(KeyConfig {
        name: name?.value.into(),
        tenant,
        scopes,
        hash: hash?,
        at,
    })
}

fn scopes(table: &mut Table<'_>) -> Scopes {
    let words = table.words("scopes", &Scope::ALL);
    words.into_iter().map(|(scope, _)| scope).collect()
}

/// Never repeats what stands there: it may be the key itself.
fn hash(table: &Table<'_>, text: &Text) -> Option<KeyHash> {
    let flaw = match read_hash(&text.value) {
        Some(hash) if !is_known(&hash) => return Some(hash),
        Some(_) => "is the hash of a word that everybody knows",
        None => "is no SHA-256 in 64 hexadecimal digits",
    };
    let path = table.path_of("sha256");
    let message = format!("`{path}` {flaw}; `crmql key` makes a key and its hash");
    table.problem(&text.at, message);
    None
}

// === [[auth.jwt]] ===

fn issuer(mut table: Table<'_>, outside: &Outside<'_>) -> Option<IssuerConfig> {
    let mut text = |key| {
        let text = table.required_string(key);
        text.and_then(|text| filled(&table, key, text))
    };
    let (issuer, audience) = (text("issuer"), text("audience"));
    table.require("algorithm");
    let algorithm = table.word("algorithm", &Algorithm::ALL);
    let verifier = verifier(&mut table, algorithm, outside);
    let tenant = told(&mut table, "tenant", "tenant_claim", None, self::tenant);
    let scopes = told(&mut table, "scopes", "scope_claim", Some("scope"), scopes);
    let skew = table.duration("clock_skew", CLOCK_SKEW_RANGE);
    let at = table.place().clone();
    table.finish();
    Some(IssuerConfig {
        issuer: issuer?.value.into(),
        audience: audience?.value.into(),
        algorithm: algorithm?,
        verifier: verifier?,
        tenant,
        scopes,
        skew: skew.unwrap_or(CLOCK_SKEW),
        at,
    })
}

/// What stands in one of two keys: the thing itself, or the name of the claim that tells it.
fn told<T>(
    table: &mut Table<'_>,
    itself: &str,
    claim: &str,
    default: Option<&str>,
    read: impl FnOnce(&mut Table<'_>) -> T,
) -> Told<T> {
    let both = table.has(itself) && table.has(claim);
    let given = table.has(itself);
    let value = read(table);
    let named = table.string(claim);
    let named = named.and_then(|text| filled(table, claim, text));
    if both {
        let message = format!("`{}` has both `{itself}` and `{claim}`", table.path());
        table.problem(table.place(), message);
    }
    let named = named.map(|text| text.value);
    match named.or_else(|| default.filter(|_| !given).map(str::to_owned)) {
        Some(name) => Told::Claim(name.into()),
        None => Told::Always(value),
    }
}

fn verifier(
    table: &mut Table<'_>,
    algorithm: Option<Algorithm>,
    outside: &Outside<'_>,
) -> Option<VerifierConfig> {
    let (secret, public_key, jwks) = (
        table.value("secret"),
        table.value("public_key"),
        table.string("jwks"),
    );
    let shared = algorithm? == Algorithm::Hs256;
    match (shared, secret, public_key, jwks) {
        (true, Some(secret), None, None) => self::secret(table, secret, outside),
        (false, None, Some(key), None) => public(table, key, outside),
        (false, None, None, Some(url)) => self::jwks(table, &url).map(VerifierConfig::Jwks),
        (shared, ..) => {
            let message = match shared {
                true => "needs `secret` for HS256, and neither `public_key` nor `jwks`",
                false => "needs either `public_key` or `jwks` for this algorithm, and no `secret`",
            };
            table.problem(table.place(), format!("`{}` {message}", table.path()));
            None
        }
    }
}

fn secret(table: &Table<'_>, value: Value<'_>, outside: &Outside<'_>) -> Option<VerifierConfig> {
    let at = value.at().clone();
    let path = table.path_of("secret");
    let secret = outside.secret(table, &path, value)?;
    if secret.expose_secret().len() < JWT_SECRET_BYTES {
        let message = format!("`{path}` is shorter than {JWT_SECRET_BYTES} bytes");
        table.problem(&at, message);
        return None;
    }
    Some(VerifierConfig::Secret(secret))
}

/// A public key may stand in the file; where it stands elsewhere it is read like a secret.
fn public(table: &Table<'_>, value: Value<'_>, outside: &Outside<'_>) -> Option<VerifierConfig> {
    let pem = match value {
        Value::Text(text) => Some(text.value.into()),
        Value::Table(reference) => outside.resolve(reference),
        other => {
            let path = table.path_of("public_key");
            let message = format!(
                "`{path}`: expected a string or a table, found {}",
                other.kind()
            );
            table.problem(other.at(), message);
            None
        }
    };
    pem.map(VerifierConfig::PublicKey)
}

/// Keys that decide who is let in come over TLS, or from this machine.
fn jwks(table: &Table<'_>, text: &Text) -> Option<Url> {
    let url = Url::parse(&text.value).ok().filter(|url| {
        let local = match url.host() {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        };
        url.scheme() == "https" || (url.scheme() == "http" && local)
    });
    if url.is_none() {
        let message = format!("`{}` is not an https URL", table.path_of("jwks"));
        table.problem(&text.at, message);
    }
    url
}

/// Callers whose tenant has no source, and sources whose tenant has no caller.
pub(super) fn refuse_strangers<'a>(
    auth: Option<&Auth>,
    sources: impl Iterator<Item = (&'a str, &'a Place)> + Clone,
    root: &Table<'_>,
) {
    let known: BTreeSet<&str> = sources.clone().map(|(tenant, _)| tenant).collect();
    let Some(auth) = auth else {
        for (_, at) in sources.filter(|(tenant, _)| !tenant.is_empty()) {
            let message = "`tenant` needs [auth]: without it nobody belongs to a tenant";
            root.problem(at, message);
        }
        return;
    };
    let keys = auth.keys.iter().map(|key| (&*key.tenant, &key.at));
    let issuers = auth
        .issuers
        .iter()
        .filter_map(|issuer| match &issuer.tenant {
            Told::Always(tenant) => Some((&**tenant, &issuer.at)),
            Told::Claim(_) => None,
        });
    for (tenant, at) in keys.chain(issuers) {
        if !known.contains(tenant) {
            let message = match tenant {
                "" => "whoever this lets in has no `tenant`, and every source has one".to_owned(),
                tenant => format!("no source belongs to the tenant `{tenant}`"),
            };
            root.problem(at, message);
        }
    }
}
