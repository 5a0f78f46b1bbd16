//! One signed exchange with the CRM, and what its answer means.

use super::Adapter;
use super::faults::{self, Refusal};
use super::judge::{note_warnings, refused_in_body};
use super::manifest::Success;
use super::request::Draft;
use crate::source::{Call, SourceError, SourceErrorKind};
use crate::upstream::{Fault, Reply, Request};
use bytes::Buf;
use serde_json::Value;
use std::time::Instant;
use url::Url;

/// An exchange that gave no answer of use.
#[derive(Clone, Debug, PartialEq)]
pub enum Failed {
    /// It did not happen, or not to its end.
    Fault(Fault),
    /// Nothing was sent, because it could not be built or signed.
    Unsent(SourceError),
}

impl Failed {
    /// As an error of the source.
    pub fn into_error(self) -> SourceError {
        match self {
            Self::Fault(fault) => faults::of_fault(fault),
            Self::Unsent(error) => error,
        }
    }
}

impl Adapter {
    /// Sends a request and signs it; once more with fresh credentials where the CRM refuses those that can be renewed.
    /// A refused signature proves that nothing was done, so this is safe for writes too.
    pub(super) async fn exchange(
        &self,
        call: &Call,
        draft: Draft<'_>,
        follow: Option<Url>,
    ) -> Result<Reply, Failed> {
        let deadline = call.deadline().min(Instant::now() + self.total);
        let (reply, used) = self
            .once(call, draft.clone(), follow.clone(), deadline)
            .await?;
        if !self.refuses_credentials(&reply) || !self.auth.refused(used).await {
            return Ok(reply);
        }
        self.once(call, draft, follow, deadline)
            .await
            .map(|(reply, _)| reply)
    }

    async fn once(
        &self,
        call: &Call,
        mut draft: Draft<'_>,
        follow: Option<Url>,
        deadline: Instant,
    ) -> Result<(Reply, super::auth::Used), Failed> {
        let signing = self.auth.sign(&mut draft, &self.upstream);
        let used = tokio::time::timeout_at(deadline.into(), signing)
            .await
            .map_err(|_| Failed::Unsent(faults::of_fault(Fault::Timeout)))?
            .map_err(Failed::Unsent)?;
        let request = self.finished(draft, follow).map_err(Failed::Unsent)?;
        call.count();
        let started = Instant::now();
        let method = request.method.clone();
        let outcome = self.upstream.send(request, deadline).await;
        let status = outcome.as_ref().map_or(0, |reply| reply.status);
        tracing::debug!(adapter = %self.manifest.id, %method, status, ms = started.elapsed().as_millis(), request = %call.operation().request_id, "upstream call");
        outcome
            .map(|reply| (without_mark(reply), used))
            .map_err(Failed::Fault)
    }

    fn finished(&self, draft: Draft<'_>, follow: Option<Url>) -> Result<Request, SourceError> {
        let unplaceable = |_| {
            SourceError::new(
                SourceErrorKind::Rejected,
                "a value cannot stand where the CRM expects it",
            )
        };
        match follow {
            None => draft.finish(&self.base).map_err(unplaceable),
            Some(mut url) => {
                if let Some(name) = self.auth.query_name() {
                    let credential = draft
                        .query_pairs()
                        .into_iter()
                        .rev()
                        .find(|(known, _)| known == name);
                    url.query_pairs_mut().extend_pairs(credential);
                }
                Ok(draft.finish_at(url))
            }
        }
    }

    fn refuses_credentials(&self, reply: &Reply) -> bool {
        !(200..300).contains(&reply.status)
            && matches!(reply.status, 401 | 403)
            && faults::refusal(&self.manifest, reply)
                .is_some_and(|refusal| refusal.error.kind == SourceErrorKind::Credentials)
    }

    /// What makes an answer of a route a success.
    pub(super) fn success<'a>(&'a self, own: Option<&'a Success>) -> &'a Success {
        own.unwrap_or(&self.manifest.http.ok)
    }

    /// Whether an answer is a success, its body unread.
    pub(super) fn judge_status(&self, success: &Success, reply: &Reply) -> Result<(), Refusal> {
        if faults::status_is_good(success, reply.status) {
            return Ok(());
        }
        match faults::refusal(&self.manifest, reply) {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }

    /// The body as a tree, of an answer that is a success.
    pub(super) fn judged_body(&self, success: &Success, reply: &Reply) -> Result<Value, Refusal> {
        self.judge_status(success, reply)?;
        let nothing_to_say = reply.status == 204 || success.value.is_none();
        if reply.body.is_empty() && nothing_to_say {
            return Ok(Value::Null);
        }
        let body: Value = serde_json::from_slice(&reply.body).map_err(|_| {
            let mut error = faults::malformed("the CRM's answer is not JSON");
            error.upstream_status = Some(reply.status);
            Refusal::from(error)
        })?;
        note_warnings(&self.manifest, faults::warnings(&self.manifest, &body));
        if faults::value_is_good(success, &body) {
            Ok(body)
        } else {
            let said = success
                .value
                .as_ref()
                .is_some_and(|(path, _)| path.find(&body).is_some_and(|found| !found.is_null()));
            Err(refused_in_body(&self.manifest, reply, said))
        }
    }
}

/// A byte order mark is no part of a JSON text; some servers send one nonetheless (RFC 8259, section 8.1).
fn without_mark(mut reply: Reply) -> Reply {
    if reply.body.starts_with(b"\xef\xbb\xbf") {
        reply.body.advance(3);
    }
    reply
}
