//! How a source signs in. Fixed credentials are put into a header or a parameter; OAuth 2.0 tokens are fetched by
//! [`tokens`].

mod held;
mod tokens;

use super::BuildError;
use super::faults;
use super::manifest::AuthRule;
use super::place::Template;
use super::request::{Draft, Unplaceable, Vars, header_value};
use crate::source::{SourceError, SourceErrorKind};
use crate::upstream::{Fault, Upstream};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Instant;
use tokens::Tokens;
use url::Url;

/// Keeps a rotated refresh token.
pub type Keeper = dyn Fn(&SecretString) + Send + Sync;

/// Reads the refresh token that is kept now; another process may have kept it.
pub type Reader = dyn Fn() -> Option<SecretString> + Send + Sync;

/// Where a rotated refresh token is kept over a restart.
#[derive(Clone, Default)]
pub struct TokenStore {
    /// The token kept last, if any.
    pub kept: Option<SecretString>,
    /// Keeps a new one.
    pub keep: Option<Arc<Keeper>>,
    /// Reads it again.
    pub again: Option<Arc<Reader>>,
}

/// How a source signs in.
pub enum Auth {
    /// Nothing is sent.
    None,
    /// A header.
    Header(HeaderName, HeaderValue),
    /// A query parameter.
    Query(String, SecretString),
    /// A token that is fetched.
    Tokens(Arc<Tokens>),
}

/// Why a request could not be signed.
#[derive(Clone, Debug)]
pub struct Unsigned {
    /// What is told to callers.
    pub error: SourceError,
    /// It shows that the CRM is failing, and no other request that met it has counted it.
    pub failing: bool,
}

impl Unsigned {
    /// A request whose own time was over before there was a token.
    pub fn late() -> Self {
        faults::of_fault(Fault::Late).into()
    }

    /// The outcome of the only fetch that many may have waited for.
    fn by_endpoint(error: SourceError) -> Self {
        let failing = matches!(
            error.kind,
            SourceErrorKind::Unavailable | SourceErrorKind::Timeout
        );
        Self { error, failing }
    }
}

impl From<SourceError> for Unsigned {
    fn from(error: SourceError) -> Self {
        Self {
            error,
            failing: false,
        }
    }
}

/// Which credentials were used, so that only these are given up when the CRM refuses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used(u64);

impl Auth {
    /// Chooses the first way to sign in whose vars are all given.
    ///
    /// # Errors
    /// There is none, or what its vars hold cannot be used.
    pub fn choose(rules: &[AuthRule], vars: &Vars, store: &TokenStore) -> Result<Self, BuildError> {
        if rules.is_empty() {
            return Ok(Self::None);
        }
        let given = |rule: &&AuthRule| rule.vars().iter().all(|name| vars.contains_key(*name));
        let rule = rules.iter().find(given).ok_or_else(|| {
            let ways: Vec<String> = rules.iter().map(|rule| listed(&rule.vars())).collect();
            BuildError::NoAuth(ways.join("; or "))
        })?;
        Self::of(rule, vars, store)
    }

    fn of(rule: &AuthRule, vars: &Vars, store: &TokenStore) -> Result<Self, BuildError> {
        let unfit = || BuildError::Credentials(listed(&rule.vars()));
        let fill = |template: &Template| filled(template, vars).ok_or_else(unfit);
        let header = |text: &str| secret_header(text).ok_or_else(unfit);
        Ok(match rule {
            AuthRule::None => Self::None,
            AuthRule::Header { name, value } => Self::Header(name.clone(), header(&fill(value)?)?),
            AuthRule::Query { name, value } => Self::Query(name.clone(), fill(value)?.into()),
            AuthRule::Basic { user, pass } => {
                let pair = STANDARD.encode(format!("{}:{}", fill(user)?, fill(pass)?));
                Self::Header(AUTHORIZATION, header(&format!("Basic {pair}"))?)
            }
            AuthRule::OAuth(oauth) => {
                let url = Url::parse(&fill(&oauth.token_url)?)
                    .ok()
                    .filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
                let vars_of_url: Vec<&str> = oauth.token_url.holes().collect();
                let url = url.ok_or_else(|| BuildError::TokenUrl(listed(&vars_of_url)))?;
                let tokens = Tokens::new(oauth, url, vars, store).ok_or_else(unfit)?;
                Self::Tokens(Arc::new(tokens))
            }
        })
    }

    /// Signs a request that is waited for until `deadline`.
    pub async fn sign(
        &self,
        draft: &mut Draft<'_>,
        upstream: &Arc<Upstream>,
        deadline: Instant,
    ) -> Result<Used, Unsigned> {
        let refused = |_: Unplaceable| {
            SourceError::new(
                SourceErrorKind::Credentials,
                "the credentials cannot stand in a request",
            )
        };
        match self {
            Self::None => Ok(Used(0)),
            Self::Header(name, value) => {
                draft.header(name.clone(), value.clone());
                Ok(Used(0))
            }
            Self::Query(name, value) => {
                draft
                    .query_text(
                        name,
                        &serde_json::Value::String(value.expose_secret().to_owned()),
                    )
                    .map_err(refused)?;
                Ok(Used(0))
            }
            Self::Tokens(tokens) => {
                let (value, used) = tokens.current(upstream, deadline).await?;
                draft.header(AUTHORIZATION, value);
                Ok(used)
            }
        }
    }

    /// The CRM took these credentials.
    pub fn served(&self, used: Used) {
        if let Self::Tokens(tokens) = self {
            tokens.keep_up(used);
        }
    }

    /// The CRM refused these credentials. Whether it is worth asking once more with others.
    pub fn refused(&self, used: Used) -> bool {
        match self {
            Self::Tokens(tokens) => tokens.give_up(used),
            _ => false,
        }
    }

    /// The query parameter that holds a credential, which must never be kept with a link.
    pub fn query_name(&self) -> Option<&str> {
        match self {
            Self::Query(name, _) => Some(name),
            _ => None,
        }
    }
}

fn filled(template: &Template, vars: &Vars) -> Option<String> {
    template.fill(|name| vars.get(name).map(String::as_str))
}

/// Vars as a sentence names them.
fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "what the adapter file says".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut value = header_value(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
