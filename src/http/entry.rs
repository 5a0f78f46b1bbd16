//! The door: who asks, what they bring along, and who is sent away before anybody looks.
//!
//! Knows headers and addresses, and no document. No address and no credential leaves it for a log or an answer.

use super::Shared;
use super::parameters::Malformed;
use super::policy::Policy;
use crate::access::{Caller, Denied, Flaw, Peer};
use crate::graphql::Brought;
use axum::http::{HeaderMap, StatusCode};
use std::sync::Arc;
use std::time::Duration;

/// Who asks, and what they bring along for the CRMs.
pub(super) async fn known(
    shared: &Shared,
    headers: &HeaderMap,
    from: Option<Peer>,
) -> Result<(Arc<Caller>, Brought), Malformed> {
    let caller = caller(shared, headers, from).await?;
    named(&caller);
    let longest = shared.limits.credential_bytes;
    let forwarding = &shared.policy.forwarding;
    let brought = forwarding.brought(&caller, headers, longest);
    Ok((caller, brought))
}

/// Puts who is asking into every line of the request.
fn named(caller: &Caller) {
    let span = tracing::Span::current();
    span.record("tenant", &*caller.tenant);
    if let Some(key) = &caller.key {
        span.record("key", &**key);
    }
}

/// Whoever sent these headers.
pub(super) async fn caller(
    shared: &Shared,
    headers: &HeaderMap,
    from: Option<Peer>,
) -> Result<Arc<Caller>, Malformed> {
    let Policy { access, tries, .. } = &shared.policy;
    let from = from.filter(|_| access.is_guarded());
    let most = shared.limits.failed_tries;
    if let Some(wait) = from.and_then(|from| tries.wait(from, most)) {
        tracing::info!(reason = "too many tries", "denied");
        return Err(sent_away(wait));
    }
    access.caller(headers).await.map_err(|denied| {
        tracing::info!(reason = denied.word(), "denied");
        if let Some(from) = from.filter(|_| denied.is_try()) {
            tries.refused(from, shared.limits.failing_addresses);
        }
        refusal(denied)
    })
}

fn sent_away(wait: Duration) -> Malformed {
    let message = "too many credentials from this address were refused";
    let mut error = Malformed::new(StatusCode::TOO_MANY_REQUESTS, message);
    error.retry_after = Some(wait.as_secs().max(1));
    error
}

fn refusal(denied: Denied) -> Malformed {
    let (status, message) = match denied {
        Denied::Missing => (StatusCode::UNAUTHORIZED, "credentials are needed"),
        Denied::Invalid(Flaw::Expired) => (StatusCode::UNAUTHORIZED, "the token has expired"),
        Denied::Invalid(_) => (StatusCode::UNAUTHORIZED, "the credentials are not valid"),
        Denied::Tenant => {
            let message = "the credentials belong to no tenant of this gateway";
            (StatusCode::FORBIDDEN, message)
        }
        Denied::Unavailable => {
            let message = "the credentials cannot be checked now";
            (StatusCode::SERVICE_UNAVAILABLE, message)
        }
    };
    let mut error = Malformed::new(status, message);
    error.challenge = Some(match denied {
        Denied::Missing => "Bearer realm=\"crmql\"",
        _ => "Bearer realm=\"crmql\", error=\"invalid_token\"",
    });
    error
}
