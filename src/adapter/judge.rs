//! Whether an answer with a good status is a success, read in the same pass as its records.

use super::faults::{malformed, unread};
use super::manifest::{Manifest, Proof, Route, RouteErrors, Success};
use super::pick::Leaf;
use super::place::{JsonPath, Pointer};
use super::refusal::{Problem, Refusal, refusal};
use super::wire;
use crate::source::{SourceError, SourceErrorKind};
use crate::upstream::Reply;
use serde_json::Value;
use std::sync::Arc;

/// What must be looked at in an answer, by the slots it was picked into.
#[derive(Debug)]
pub struct Judge {
    ok: Vec<(usize, Proof)>,
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
                .values
                .iter()
                .map(|(path, proof)| (add(path), proof.clone()))
                .collect(),
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
        if let Some(error) = unread(self.ok.iter().map(|(slot, _)| at(*slot))) {
            return Err(error.with_status(reply.status).into());
        }
        if let Some(warnings) = self.warnings.map(at).and_then(Leaf::array) {
            note_warnings(manifest, warnings.len());
        }
        let failed = self
            .ok
            .iter()
            .find(|(slot, proof)| !holds(proof, at(*slot)));
        match failed {
            Some((slot, _)) => {
                let said = at(*slot).is_some();
                Err(refused_in_body(manifest, &self.refusals, reply, said))
            }
            None => Ok(()),
        }
    }
}

/// Whether a body is a success; where it is none, whether it says so.
pub fn body_is_good(success: &Success, body: &Value) -> Result<(), bool> {
    for (path, proof) in &success.values {
        let leaf = path.find(body).map_or(Leaf::Absent, Leaf::of);
        if !holds(proof, &leaf) {
            return Err(leaf.is_some());
        }
    }
    Ok(())
}

fn holds(proof: &Proof, leaf: &Leaf<'_>) -> bool {
    match proof {
        Proof::Equals(wanted) => reads_as(leaf, wanted),
        Proof::Absent => !leaf.is_some() || is_nothing(&leaf.to_value()),
        Proof::Unless(words) => !words.iter().any(|word| reads_as(leaf, word)),
    }
}

/// Whether a value is one that says nothing: many a CRM has `"error": ""` or `false` in every answer.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// Whether a value is this one, or the text of it: vendors type flags as text.
fn reads_as(leaf: &Leaf<'_>, wanted: &Value) -> bool {
    let text = || wire::scalar_text(&leaf.to_value()).filter(|_| leaf.is_some());
    leaf.is(wanted) || text().is_some_and(|text| Some(text) == wire::scalar_text(wanted))
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
    let coded = refusal(manifest, own, reply);
    let told = match coded {
        Some(refusal) if refusal.error.kind != SourceErrorKind::Malformed => return refusal,
        coded => coded.map(|refusal| refusal.problems),
    };
    let error = if said {
        SourceError::new(
            SourceErrorKind::Rejected,
            "the CRM says that it did not do it",
        )
    } else {
        malformed("the CRM's answer does not say whether it did it")
    };
    let mut refused = Refusal::from(error.with_status(reply.status));
    let kind = refused.error.kind;
    if let Some(told) = told.filter(|told| !told.is_empty()) {
        refused.problems = told
            .into_iter()
            .map(|problem| Problem { kind, ..problem })
            .collect();
    }
    refused
}

/// What a refused read means: nothing was to be done, so a word of failure without its reason, or one about a change, says
/// nothing of what was asked.
pub fn refused_read(mut error: SourceError) -> SourceError {
    let good = error.upstream_status.is_some_and(|status| status < 300);
    let meant = match error.kind {
        SourceErrorKind::Rejected => !good,
        SourceErrorKind::Conflict | SourceErrorKind::NoChanges => false,
        _ => true,
    };
    if !meant {
        error.kind = SourceErrorKind::Malformed;
        error.detail =
            "the CRM answers a read with a failure that its adapter does not describe".into();
    }
    error
}
