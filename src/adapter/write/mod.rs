//! Writes: checked before anything is sent, sent once, and read back where the CRM shows nothing.
//!
//! What became of a write is never guessed. A request that provably did not arrive, or was refused, is NOT_APPLIED; one
//! that may have been applied is UNKNOWN.

mod check;
mod current;
mod value;

use super::Adapter;
use super::capabilities::can_get;
use super::faults;
use super::fetch::Single;
use super::manifest::{Clear, ErrorKind, Field, Manifest, Needed, WireType, WriteRoute};
use super::place::Pointer;
use super::refusal::Refusal;
use super::request::{Draft, Prepared};
use super::tries::{Failed, Repeat};
use super::wire;
use crate::model::{Change, FieldValue, LocalId, WriteField, WriteOutcome};
use crate::source::{
    Call, CustomerRef, SourceError, SourceErrorKind, WriteProblem, WriteProblemField, Written,
};
use crate::upstream::Reply;
use current::is_at_its_place;
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;
use value::{in_elements, in_shape, wire_value};

/// The status of an answer that only says that the CRM will do it (RFC 9110, section 15.3.3).
const LATER: u16 = 202;

/// A write route, compiled.
pub struct Writing {
    prepared: Prepared,
    /// Reads the record out of the answer, where it holds one.
    single: Option<Single>,
}

impl Writing {
    /// Compiles a route whose vars are filled in.
    pub fn new(manifest: &Manifest, route: &WriteRoute, prepared: Prepared) -> Self {
        let single = route
            .returns
            .item
            .as_ref()
            .map(|item| Single::new(manifest, item, None, &route.route));
        Self { prepared, single }
    }
}

/// The fields of a change.
struct Given<'c> {
    create: bool,
    fields: &'c [(WriteField, FieldValue)],
    native: &'c serde_json::Map<String, Value>,
}

impl Given<'_> {
    /// Whether there is a value for a field.
    fn has(&self, needed: &Needed) -> bool {
        match needed {
            Needed::Common(name) => self
                .fields
                .iter()
                .any(|(known, value)| known == name && *value != FieldValue::Null),
            Needed::Native(name) => self.native.get(name).is_some_and(|value| !value.is_null()),
        }
    }
}

impl Adapter {
    pub(super) async fn write_change(&self, call: &Call, change: &Change) -> Written {
        let (route, writing, id) = match change {
            Change::Create { .. } => (&self.manifest.create, &self.create, None),
            Change::Update { id, .. } => (&self.manifest.update, &self.update, Some(id)),
            Change::Delete { id } => (&self.manifest.delete, &self.delete, Some(id)),
        };
        let (Some(route), Some(writing)) = (route, writing) else {
            return not_applied(vec![problem(
                None,
                SourceErrorKind::Unsupported,
                "this source cannot do this",
            )]);
        };
        if let Some(id) = id
            && !self.id_is_possible(id)
        {
            return not_applied(vec![problem(
                None,
                SourceErrorKind::InvalidId,
                "no customer of this source can have this id",
            )]);
        }
        let mut draft = match self.draft(call, route, writing, change, id).await {
            Ok(draft) => draft,
            Err(written) => return *written,
        };
        let repeat = match (&route.idempotency_header, call.token()) {
            (Some(name), Some(token)) if draft.named(name, token) => Repeat::Harmless,
            _ => Repeat::Harmful,
        };
        let outcome = self.exchange(call, draft, None, repeat).await;
        self.written(call, route, writing, change, outcome).await
    }

    async fn draft<'w>(
        &self,
        call: &Call,
        route: &WriteRoute,
        writing: &'w Writing,
        change: &Change,
        id: Option<&LocalId>,
    ) -> Result<Draft<'w>, Box<Written>> {
        let given = match change {
            Change::Create { fields, native } => Given {
                create: true,
                fields,
                native,
            },
            Change::Update { fields, native, .. } => Given {
                create: false,
                fields,
                native,
            },
            Change::Delete { .. } => return Ok(writing.prepared.draft(id.map(LocalId::as_str))),
        };
        if !given.create && given.fields.is_empty() && given.native.is_empty() {
            let text = "the update changes nothing";
            let nothing = problem(None, SourceErrorKind::NoChanges, text);
            return Err(Box::new(not_applied(vec![nothing])));
        }
        let problems = self.check(route, &given);
        if !problems.is_empty() {
            return Err(Box::new(not_applied(problems)));
        }
        let mut draft = writing.prepared.draft(id.map(LocalId::as_str));
        if route.replace
            && let Some(id) = id
        {
            self.put_current(call, route, id, &given, &mut draft)
                .await
                .map_err(Box::new)?;
        }
        self.put_given(route, &given, &mut draft);
        Ok(draft)
    }

    /// Puts the given fields to their places.
    fn put_given(&self, route: &WriteRoute, given: &Given<'_>, draft: &mut Draft<'_>) {
        for (name, value) in given.fields {
            if let Some(field) = self.manifest.fields.get(name.name()) {
                self.put_field(route, field, value, given.create, draft);
            }
            let code = self.calling_code(*name, value, given.create);
            if let Some((field, code)) = code {
                self.put_field(route, field, &code, given.create, draft);
            }
        }
        for (name, value) in given.native {
            if let Some(field) = self.manifest.native.get(name) {
                route
                    .wrap
                    .join(&field.write)
                    .put(&mut draft.body, value.clone());
            }
        }
        if draft.body.is_null()
            && !route.route.form
            && (given.create || !route.wrap.steps().is_empty())
        {
            route
                .wrap
                .put(&mut draft.body, Value::Object(serde_json::Map::new()));
        }
    }

    fn put_field(
        &self,
        route: &WriteRoute,
        field: &Field,
        value: &FieldValue,
        create: bool,
        draft: &mut Draft<'_>,
    ) {
        let Some(place) = &field.write else { return };
        let is_list = field.wire == Some(WireType::Strings) && field.split.is_none();
        let wire = match (value, field.clear_in(create)) {
            (FieldValue::Null, Clear::Empty) if is_list => Value::Array(Vec::new()),
            (FieldValue::Null, Clear::Empty) => Value::String(String::new()),
            (FieldValue::Null, _) => Value::Null,
            (value, _) => {
                let wire = wire_value(&self.manifest, field, value);
                match wire.and_then(|wire| in_shape(field, wire)) {
                    Some(wire) if is_list && is_at_its_place(route, field) => {
                        in_elements(field, wire)
                    }
                    Some(wire) => wire,
                    None => return,
                }
            }
        };
        route.wrap.join(place).put(&mut draft.body, wire);
    }

    /// What goes to the calling code's own place with a phone. An update without a code clears it: it was the old number's.
    fn calling_code(
        &self,
        name: WriteField,
        value: &FieldValue,
        create: bool,
    ) -> Option<(&Field, FieldValue)> {
        let field = self.manifest.fields.get("phoneCallingCode");
        let field = field.filter(|field| name == WriteField::Phone && field.is_carried(create))?;
        match value {
            FieldValue::Phone {
                calling_code: Some(code),
                ..
            } => Some((field, FieldValue::Text(code.clone()))),
            _ if create => None,
            _ => Some((field, FieldValue::Null)),
        }
    }

    /// What an exchange says about the write.
    async fn written(
        &self,
        call: &Call,
        route: &WriteRoute,
        writing: &Writing,
        change: &Change,
        outcome: Result<Reply, Failed>,
    ) -> Written {
        let reply = match outcome {
            Ok(reply) => reply,
            Err(Failed::Fault(fault)) if fault.may_have_arrived() => {
                return unknown(faults::of_fault(fault));
            }
            Err(failed) => {
                return not_applied(vec![WriteProblem {
                    field: None,
                    error: failed.into_error(),
                }]);
            }
        };
        let mut written = match self.proven(route, writing, change, &reply) {
            Ok(written) => written,
            Err(refusal) => return self.refused(route, refusal, change),
        };
        if written.customer.is_none() && (route.returns.then_get || written.read_back.is_some()) {
            self.read_back(call, &mut written).await;
        }
        written
    }

    /// What an answer proves of a create or an update is no more than the customer it is about: where the file says that it
    /// names one, another one or none proves nothing.
    fn proven(
        &self,
        route: &WriteRoute,
        writing: &Writing,
        change: &Change,
        reply: &Reply,
    ) -> Result<Written, Refusal> {
        self.judge_status(&route.route, reply)?;
        let id_in_body = matches!(route.returns.id, Some(Pointer::Body(_)));
        let wanted = writing.single.is_some() || id_in_body;
        let body = self.judged_body(&route.route, reply, wanted)?;
        let pointer = route.returns.id.as_ref();
        let mut written = Written {
            id: pointer.and_then(|pointer| id_at(pointer, &body, reply)),
            later: reply.status == LATER,
            ..applied()
        };
        match writing
            .single
            .as_ref()
            .map(|one| one.read(&self.manifest, reply))
        {
            Some(Ok(Some(customer))) => {
                written.id = Some(customer.id.clone());
                written.customer = Some(Arc::new(customer));
            }
            Some(Err(refusal)) => written.read_back = Some(refusal.error),
            Some(Ok(None)) | None => {}
        }
        let unlike = |text| Refusal::from(faults::malformed(text).with_status(reply.status));
        // A refusal that the file takes for a success need not name anybody.
        let good = faults::status_is_good(route.route.success(&self.manifest), reply.status);
        let names = good && (writing.single.is_some() || pointer.is_some());
        match (change, &written.id) {
            (Change::Create { .. } | Change::Update { .. }, None) if names => {
                let text = "the CRM did not say which customer it wrote";
                return Err(written
                    .read_back
                    .map_or_else(|| unlike(text), Refusal::from));
            }
            (Change::Update { id, .. }, Some(said)) if said != id => {
                return Err(unlike("the CRM answered another customer than asked"));
            }
            (Change::Update { id, .. } | Change::Delete { id }, _) => written.id = Some(id.clone()),
            (Change::Create { .. }, _) => {}
        }
        Ok(written)
    }

    async fn read_back(&self, call: &Call, written: &mut Written) {
        let Some(id) = written.id.as_ref().filter(|_| can_get(&self.manifest)) else {
            written.read_back.get_or_insert_with(|| {
                faults::malformed("the CRM did not say which customer it wrote")
            });
            return;
        };
        match self.shown(call, id).await {
            Ok(Some(customer)) => {
                written.customer = Some(customer);
                written.read_back = None;
            }
            Ok(None) => {
                written.read_back = Some(SourceError::new(
                    SourceErrorKind::NotFound,
                    "the CRM does not show the customer it just wrote",
                ));
            }
            Err(error) => written.read_back = Some(error),
        }
    }

    /// A refusal proves that nothing was done; a failing CRM proves nothing.
    fn refused(&self, route: &WriteRoute, refusal: Refusal, change: &Change) -> Written {
        let refusal = match change {
            Change::Create { .. } if !self.names_absence(route) => unplaced(refusal),
            _ => refusal,
        };
        let refused = matches!(refusal.error.upstream_status, Some(400..=499));
        match refusal.error.kind {
            SourceErrorKind::Unavailable | SourceErrorKind::Timeout => unknown(refusal.error),
            SourceErrorKind::Malformed if !refused => unknown(refusal.error),
            kind => {
                let about_values = kind != SourceErrorKind::NotFound;
                let problem = |(field, error): (Option<WriteField>, _)| {
                    let field = field.filter(|field| about_values && self.takes(*field, change));
                    let field = field.map(WriteProblemField::Common);
                    WriteProblem { field, error }
                };
                not_applied(refusal.errors().map(problem).collect())
            }
        }
    }

    /// Whether the file has a word for something that is not there.
    fn names_absence(&self, route: &WriteRoute) -> bool {
        let absent = ErrorKind::Refused(SourceErrorKind::NotFound);
        let said = [&route.route.errors.codes, &self.manifest.errors.codes];
        let statuses = [&route.route.errors.status, &self.manifest.errors.status];
        let mut codes = said.into_iter().flat_map(|codes| codes.values());
        let mut statuses = statuses.into_iter().flat_map(|kinds| kinds.values());
        codes.any(|code| code.kind == absent) || statuses.any(|kind| *kind == absent)
    }

    /// Whether a change can carry a field, so that a problem can be about it.
    fn takes(&self, name: WriteField, change: &Change) -> bool {
        let field = self.manifest.fields.get(name.name());
        field.is_some_and(|field| match change {
            Change::Create { .. } => field.is_carried(true),
            Change::Update { .. } => field.is_carried(false),
            Change::Delete { .. } => false,
        })
    }
}

/// "Not found" for a create is no absent customer: there is none yet, and the route itself is missing.
fn unplaced(refusal: Refusal) -> Refusal {
    if refusal.error.kind != SourceErrorKind::NotFound {
        return refusal;
    }
    let mut error = refusal.error;
    error.kind = SourceErrorKind::Malformed;
    error.detail = "the CRM has no such place to create customers".into();
    error.into()
}

fn id_at(pointer: &Pointer, body: &Value, reply: &Reply) -> Option<LocalId> {
    let text = match pointer {
        Pointer::Body(path) => path
            .find(body)
            .filter(|value| !value.is_null())
            .and_then(wire::scalar_text),
        header => faults::header_text(header, reply),
    }?;
    LocalId::new(text).ok()
}

fn problem(
    field: Option<WriteField>,
    kind: SourceErrorKind,
    text: impl Into<Cow<'static, str>>,
) -> WriteProblem {
    WriteProblem {
        field: field.map(WriteProblemField::Common),
        error: SourceError::new(kind, text),
    }
}

fn applied() -> Written {
    Written {
        outcome: WriteOutcome::Applied,
        customer: None::<CustomerRef>,
        id: None,
        problems: Vec::new(),
        read_back: None,
        later: false,
    }
}

fn not_applied(problems: Vec<WriteProblem>) -> Written {
    Written {
        outcome: WriteOutcome::NotApplied,
        problems,
        ..applied()
    }
}

fn unknown(error: SourceError) -> Written {
    Written {
        outcome: WriteOutcome::Unknown,
        problems: vec![WriteProblem { field: None, error }],
        ..applied()
    }
}
