//! Who may call: from a request's credentials to a caller with a tenant and scopes, or a refusal.
//!
//! API keys and tokens are both sent as `Authorization: Bearer`, keys also as `x-api-key`. Knows headers and no HTTP server,
//! no source and no schema. What callers may do with what they see is decided where it is seen.

mod caller;
pub mod key;
mod network;
mod published;
#[cfg(test)]
mod tests;
mod token;
mod tries;

pub use caller::{Caller, Scope, Scopes};
pub use key::{ApiKey, KeyHash};
pub use network::{Network, Peer};
pub use published::{Fetch, Published};
pub use token::{Algorithm, Issuer, Told, Verifier};
pub use tries::Tries;

use http::{HeaderMap, HeaderName, header};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The other header of an API key.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// There are no credentials.
    Missing,
    /// There are, and they are not good.
    Invalid(Flaw),
    /// They are good, and name no tenant of this gateway.
    Tenant,
    /// Nobody can tell now: the issuer's keys cannot be fetched.
    Unavailable,
}

/// What is wrong with credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// There are two of them.
    TwoCredentials,
    /// They are not written as credentials are.
    Malformed,
    /// They are of another scheme than `Bearer`.
    Scheme,
    /// Nobody has this key.
    Key,
    /// The token says that an extension must be understood which nobody here does.
    CriticalHeader,
    /// No issuer signs like this.
    Algorithm,
    /// The issuer publishes no key of this name.
    UnknownKey,
    /// The key did not sign this.
    Signature,
    /// A claim is missing, or is not what it should be.
    Claims,
    /// The issuer is another one.
    Issuer,
    /// The token is for somebody else.
    Audience,
    /// The token was good until some time ago.
    Expired,
    /// The token will be good some time.
    NotYet,
}

impl Flaw {
    /// A word for the log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::TwoCredentials => "two credentials",
            Self::Malformed => "malformed",
            Self::Scheme => "scheme",
            Self::Key => "key",
            Self::CriticalHeader => "critical header",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown key",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYet => "not valid yet",
        }
    }
}

impl Denied {
    /// A word for the log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Missing => "no credentials",
            Self::Invalid(flaw) => flaw.word(),
            Self::Tenant => "no such tenant",
            Self::Unavailable => "no keys",
        }
    }

    /// Whether somebody may be trying credentials out. What was good once is no try, nor is nothing.
    pub const fn is_try(self) -> bool {
        match self {
            Self::Invalid(flaw) => !matches!(flaw, Flaw::Expired | Flaw::NotYet),
            Self::Missing | Self::Tenant | Self::Unavailable => false,
        }
    }

    /// Of two refusals by two entries for one issuer, the one by whichever came nearer to accepting.
    fn nearer(self, other: Self) -> Self {
        if other.progress() >= self.progress() {
            other
        } else {
            self
        }
    }

    /// How far the credentials came.
    const fn progress(self) -> u8 {
        match self {
            Self::Missing => 0,
            // They are not this one's.
            Self::Invalid(Flaw::Issuer | Flaw::Algorithm | Flaw::Signature | Flaw::UnknownKey) => 1,
            // They are good, and for somewhere or sometime else: waiting for another's keys helps nobody then.
            Self::Tenant => 5,
            Self::Invalid(Flaw::Expired | Flaw::NotYet) => 4,
            // They may be good.
            Self::Unavailable => 3,
            Self::Invalid(_) => 2,
        }
    }
}

/// Everybody who may call.
pub struct Access {
    /// `None` where nobody is told apart.
    known: Option<Known>,
    anybody: Arc<Caller>,
}

/// Everybody who is known.
struct Known {
    keys: Vec<ApiKey>,
    issuers: Vec<Issuer>,
    tenants: BTreeSet<Box<str>>,
}

impl Access {
    /// Whoever reaches the gateway may do everything.
    pub fn anybody() -> Self {
        Self {
            known: None,
            anybody: Arc::new(Caller::anybody()),
        }
    }

    /// Only these may call, and only for these tenants.
    pub fn only(keys: Vec<ApiKey>, issuers: Vec<Issuer>, tenants: BTreeSet<Box<str>>) -> Self {
        let known = Known {
            keys,
            issuers,
            tenants,
        };
        Self {
            known: Some(known),
            ..Self::anybody()
        }
    }

    /// Whether callers are told apart.
    pub const fn is_guarded(&self) -> bool {
        self.known.is_some()
    }

    /// Whoever sent these headers.
    ///
    /// # Errors
    /// [`Denied`] says why they are not let in.
    pub async fn caller(&self, headers: &HeaderMap) -> Result<Arc<Caller>, Denied> {
        let Some(known) = &self.known else {
            return Ok(Arc::clone(&self.anybody));
        };
        let caller = match credential(headers)? {
            Credential::Key(key) => {
                key::holder(&known.keys, key).ok_or(Denied::Invalid(Flaw::Key))?
            }
            Credential::Token(token) => Arc::new(token::caller(&known.issuers, token).await?),
        };
        if known.tenants.contains(&caller.tenant) {
            Ok(caller)
        } else {
            Err(Denied::Tenant)
        }
    }
}

enum Credential<'a> {
    Key(&'a str),
    Token(&'a str),
}

/// The one credential of a request. Two of them are refused: whoever checks in front of us might have looked at the other.
fn credential(headers: &HeaderMap) -> Result<Credential<'_>, Denied> {
    let mut given = headers
        .get_all(header::AUTHORIZATION)
        .iter()
        .map(|value| (true, value))
        .chain(headers.get_all(API_KEY).iter().map(|value| (false, value)));
    let (bearer, value) = match (given.next(), given.next()) {
        (None, _) => return Err(Denied::Missing),
        (Some(only), None) => only,
        (Some(_), Some(_)) => return Err(Denied::Invalid(Flaw::TwoCredentials)),
    };
    let text = value
        .to_str()
        .map_err(|_| Denied::Invalid(Flaw::Malformed))?;
    if !bearer {
        return Ok(Credential::Key(text.trim()));
    }
    let (scheme, text) = text
        .split_once(' ')
        .ok_or(Denied::Invalid(Flaw::Malformed))?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Denied::Invalid(Flaw::Scheme));
    }
    let text = text.trim();
    if token::is_token(text) {
        Ok(Credential::Token(text))
    } else {
        Ok(Credential::Key(text))
    }
}
