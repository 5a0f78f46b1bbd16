//! Whether an answer with a good status is a success, read in the same pass as its records.

use super::faults::malformed;
use super::manifest::{Manifest, Route, RouteErrors};
use super::pick::Leaf;
use super::place::{JsonPath, Pointer};
use super::refusal::{Refusal, refusal};
use crate::source::{SourceError, SourceErrorKind};
use crate::upstream::Reply;
use serde_json::Value;
use std::sync::Arc;

/// What must be looked at in an answer, by the slots it was picked into.
#[derive(Debug)]
pub struct Judge {
    ok: Option<(usize, Option<Value>)>,
    warnings: Option<usize>,
    refusals: Arc<RouteErrors>,
}

impl Judge {
    /// Adds what must be looked at to a picker, through `add`.
    pub fn new(
        manifest: &Manifest,
        route: &Route,
        mut add: impl FnMut(&JsonPath) -> usize,
    ) -> Self {
        Self {
            refusals: Arc::clone(&route.errors),
            ok: route
                .success(manifest)
                .value
                .as_ref()
                .map(|(path, wanted)| (add(path), wanted.clone())),
            warnings: match &manifest.http.warnings {
                Some(Pointer::Body(path)) => Some(add(path)),
                _ => None,
            },
        }
    }

    /// Judges what was picked.
    pub fn check(
        &self,
        manifest: &Manifest,
        reply: &Reply,
        leaves: &[Leaf<'_>],
    ) -> Result<(), Refusal> {
        let at = |slot: usize| leaves.get(slot).unwrap_or(&Leaf::Absent);
        if let Some(warnings) = self.warnings.map(at).and_then(Leaf::array) {
            note_warnings(manifest, warnings.len());
        }
        match &self.ok {
            Some((slot, Some(wanted))) if !at(*slot).is(wanted) => Err(refused_in_body(
                manifest,
                &self.refusals,
                reply,
                at(*slot).is_some(),
            )),
            Some((slot, None)) if at(*slot).is_some() => {
                Err(refused_in_body(manifest, &self.refusals, reply, true))
            }
            _ => Ok(()),
        }
    }
}

/// Counts a CRM's own warnings in the log; their text may hold anything and is not shown.
pub fn note_warnings(manifest: &Manifest, warnings: usize) {
    if warnings > 0 {
        tracing::debug!(adapter = %manifest.id, warnings, "the CRM's answer carries warnings");
    }
}

/// A good status with a body that is no success: its code says what it means. Without one, a body that says "no" is a
/// refusal, and one that says nothing is unlike what the file describes.
pub fn refused_in_body(
    manifest: &Manifest,
    own: &RouteErrors,
    reply: &Reply,
    said: bool,
) -> Refusal {
    let coded = refusal(manifest, own, reply)
        .filter(|refusal| refusal.error.kind != SourceErrorKind::Malformed);
    coded.unwrap_or_else(|| {
        let error = if said {
            SourceError::new(
                SourceErrorKind::Rejected,
                "the CRM says that it did not do it",
            )
        } else {
            malformed("the CRM's answer does not say whether it did it")
        };
        Refusal::from(error.with_status(reply.status))
    })
}
