//! Configured callers become known ones: keys, issuers and how their keys are fetched.

use crate::access::{Access, Algorithm, ApiKey, Caller, Fetch, Issuer, Published, Verifier};
use crate::config::{Auth, Config, IssuerConfig, KeyConfig, VerifierConfig};
use crate::document::Problems;
use crate::upstream::{Request, Settings, Upstream};
use futures_util::FutureExt;
use http::{HeaderMap, Method};
use secrecy::ExposeSecret;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

/// How long fetching an issuer's keys may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest key set, in bytes.
const KEY_SET_BYTES: usize = 256 * 1024;

/// What issuers publish, by the algorithm of their tokens and where it is: one place is fetched from once, and what is known of
/// it outlasts the configuration.
pub type Pool = HashMap<(Algorithm, Url), Published>;

/// Everybody who may call, and what their issuers publish; `None` where something is wrong, and then `problems` says what.
pub fn build(
    config: &Config,
    problems: &Problems,
    before: Option<&Pool>,
) -> Option<(Access, Pool)> {
    let mut pool = Pool::new();
    let Some(Auth { keys, issuers }) = &config.auth else {
        return Some((Access::anybody(), pool));
    };
    let keys = keys.iter().map(key).collect();
    let mut built = Vec::new();
    for config in issuers {
        built.push(issuer(config, problems, before, &mut pool));
    }
    let built: Option<Vec<Issuer>> = built.into_iter().collect();
    let tenants: BTreeSet<Box<str>> = config
        .sources
        .iter()
        .map(|source| source.tenant.clone())
        .collect();
    Some((Access::only(keys, built?, tenants), pool))
}

fn key(config: &KeyConfig) -> ApiKey {
    let caller = Caller {
        tenant: config.tenant.clone(),
        scopes: config.scopes,
        key: Some(config.name.clone()),
    };
    ApiKey {
        hash: config.hash,
        caller: Arc::new(caller),
    }
}

fn issuer(
    config: &IssuerConfig,
    problems: &Problems,
    before: Option<&Pool>,
    pool: &mut Pool,
) -> Option<Issuer> {
    let verifier = match &config.verifier {
        VerifierConfig::Secret(secret) => Verifier::secret(secret.expose_secret().as_bytes()),
        VerifierConfig::PublicKey(pem) => {
            let verifier = Verifier::public(config.algorithm, pem.expose_secret());
            if verifier.is_none() {
                let message = "`public_key` holds no PEM of a public key for this algorithm";
                problems.note(&config.at, message);
            }
            verifier?
        }
        VerifierConfig::Jwks(url) => {
            let place = (config.algorithm, url.clone());
            let known = pool.get(&place).or_else(|| before?.get(&place));
            let published = match known {
                Some(published) => published.clone(),
                None => Published::new(config.algorithm, fetch(config, url, problems)?),
            };
            pool.insert(place, published.clone());
            Verifier::published(published)
        }
    };
    let issuer = Issuer::new(
        &config.issuer,
        &config.audience,
        config.algorithm,
        verifier,
        config.skew,
    );
    let (tenant, scopes) = (config.tenant.clone(), config.scopes.clone());
    Some(issuer.with_tenant(tenant).with_scopes(scopes))
}

fn fetch(config: &IssuerConfig, url: &Url, problems: &Problems) -> Option<Fetch> {
    let failed = |error| problems.note(&config.at, format!("nothing can be fetched: {error}"));
    fetching(url).map_err(failed).ok()
}

/// Fetches a key set, within bounds.
fn fetching(url: &Url) -> anyhow::Result<Fetch> {
    let settings = Settings {
        attempt: PATIENCE,
        concurrency: 1,
        answer_bytes: KEY_SET_BYTES,
        ..Settings::default()
    };
    let upstream = Arc::new(Upstream::new(settings)?);
    let url = url.clone();
    Ok(Box::new(move || {
        let request = Request {
            method: Method::GET,
            url: url.clone(),
            headers: HeaderMap::new(),
            body: None,
        };
        let upstream = Arc::clone(&upstream);
        async move {
            let deadline = Instant::now() + PATIENCE;
            let sent = upstream.send_apart(request, deadline).await;
            let reply = sent.ok().filter(|reply| reply.status == 200);
            reply.map(|reply| reply.body)
        }
        .boxed()
    }))
}
