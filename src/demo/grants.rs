//! Flextell's OAuth 2.0: refresh tokens in, access tokens out.
//!
//! Of the grants that the page names only `refresh_token` is here, because the other needs a person and a browser.
//! The page says that a refresh token may rotate; this one always does, so that a client which forgets to keep the
//! new one shows.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::ask::Query;
use super::people::Dice;

pub(super) const CLIENT_ID: &str = "crm-demo";
pub(super) const CLIENT_SECRET: &str = "flextell-demo-secret-55b1";
/// The refresh token to begin with.
pub(super) const FIRST_REFRESH: &str = "flextell-demo-refresh-0";
/// How long an access token lasts.
const LIFETIME: Duration = Duration::from_secs(3_600);
/// How many access tokens are valid at once; the one that ends first makes way.
const KEPT: usize = 256;

/// The tokens that are valid now.
pub(super) struct Grants {
    held: Mutex<Held>,
}

struct Held {
    refresh: String,
    access: HashMap<String, Instant>,
    minted: usize,
}

impl Grants {
    pub(super) fn new() -> Self {
        let held = Mutex::new(Held {
            refresh: FIRST_REFRESH.to_owned(),
            access: HashMap::new(),
            minted: 0,
        });
        Self { held }
    }

    pub(super) fn accepts(&self, token: &str) -> bool {
        let held = self.held();
        held.access
            .get(token)
            .is_some_and(|end| *end > Instant::now())
    }

    /// Makes every access token invalid.
    pub(super) fn expire(&self) {
        self.held().access.clear();
    }

    /// Answers a token request: the body of a 200, or the `error` and `error_description` of a 400.
    pub(super) fn grant(&self, form: &Query) -> Result<Value, (&'static str, &'static str)> {
        match form.one("grant_type") {
            None => return Err(("invalid_request", "grant_type is missing")),
            Some("refresh_token") => {}
            Some(_) => return Err(("unsupported_grant_type", "Only refresh_token is granted")),
        }
        let known = form.one("client_id") == Some(CLIENT_ID);
        if !known || form.one("client_secret") != Some(CLIENT_SECRET) {
            return Err(("invalid_client", "The client is not known"));
        }
        let mut held = self.held();
        if form.one("refresh_token") != Some(&held.refresh) {
            return Err(("invalid_grant", "The refresh token is not valid"));
        }
        Ok(held.mint())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn mint(&mut self) -> Value {
        self.minted += 1;
        let now = Instant::now();
        self.access.retain(|_, end| *end > now);
        if self.access.len() >= KEPT {
            let first = self.access.iter().min_by_key(|(_, end)| **end);
            if let Some(token) = first.map(|(token, _)| token.clone()) {
                self.access.remove(&token);
            }
        }
        let token = format!("fxa_{:016x}", Dice::new("access", self.minted).roll());
        self.access.insert(token.clone(), now + LIFETIME);
        self.refresh = format!("fxr_{:016x}", Dice::new("refresh", self.minted).roll());
        json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": LIFETIME.as_secs(),
            "refresh_token": self.refresh,
        })
    }
}
