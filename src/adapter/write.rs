//! Writes: checked before anything is sent, sent once, and read back where the CRM shows nothing.
//!
//! What became of a write is never guessed. A request that provably did not arrive, or was refused, is NOT_APPLIED; one
//! that may have been applied is UNKNOWN.

use super::Adapter;
use super::capabilities::can_get;
use super::exchange::Failed;
use super::faults::{self, Refusal};
use super::fetch::Single;
use super::filter::shaped;
use super::manifest::{Clear, Field, Manifest, Needed, WireFormat, WireType, WriteRoute};
use super::place::Pointer;
use super::request::{Draft, Prepared};
use super::{mapping, wire};
use crate::model::{Change, Customer, FieldValue, LocalId, WriteField, WriteOutcome};
use crate::source::{
    Call, CustomerRef, SourceError, SourceErrorKind, WriteProblem, WriteProblemField, Written,
};
use crate::upstream::Reply;
use serde_json::Value;
use std::sync::Arc;

/// A write route, compiled.
pub struct Writing {
    prepared: Prepared,
    /// Reads the record out of the answer, where it holds one.
    single: Option<Single>,
}

impl Writing {
    /// Compiles a route whose vars are filled in.
    pub fn new(manifest: &Manifest, route: &WriteRoute, prepared: Prepared) -> Self {
        let success = route.route.ok.as_ref().unwrap_or(&manifest.http.ok);
        let single = route
            .returns
            .item
            .as_ref()
            .map(|item| Single::new(manifest, item, None, success));
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
        let draft = match self.draft(call, route, writing, change, id).await {
            Ok(draft) => draft,
            Err(written) => return *written,
        };
        let outcome = self.exchange(call, draft, None).await;
        self.written(call, route, writing, id, outcome).await
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

    /// What is wrong with a change, before anything is sent.
    fn check(&self, route: &WriteRoute, given: &Given<'_>) -> Vec<WriteProblem> {
        let mut problems = Vec::new();
        for (name, value) in given.fields {
            problems.extend(self.check_field(*name, value, given.create));
        }
        for (name, value) in given.native {
            problems.extend(self.check_native(name, value, given.create));
        }
        let missing = route.requires.iter().filter(|needed| !given.has(needed));
        for needed in missing.filter(|_| given.create) {
            let field = match needed {
                Needed::Common(field) => WriteProblemField::Common(*field),
                Needed::Native(name) => WriteProblemField::Native(name.clone()),
            };
            let text = "this source needs this field to create a customer";
            problems.push(WriteProblem {
                field: Some(field),
                error: SourceError::new(SourceErrorKind::Rejected, text),
            });
        }
        let none = !route.any_of.iter().any(|needed| given.has(needed));
        if given.create && !route.any_of.is_empty() && none {
            let names: Vec<_> = route.any_of.iter().map(Needed::name).collect();
            let text = format!("this source needs at least one of: {}", names.join(", "));
            problems.push(WriteProblem {
                field: None,
                error: SourceError::new(SourceErrorKind::Rejected, text),
            });
        }
        problems
    }

    fn check_field(
        &self,
        name: WriteField,
        value: &FieldValue,
        create: bool,
    ) -> Option<WriteProblem> {
        let unsupported = |text| Some(problem(Some(name), SourceErrorKind::Unsupported, text));
        let rejected =
            |text: &'static str| Some(problem(Some(name), SourceErrorKind::Rejected, text));
        let Some(field) = self
            .manifest
            .fields
            .get(name.name())
            .filter(|field| field.write.is_some())
        else {
            return unsupported("this source cannot write this field");
        };
        if !(if create {
            field.on_create
        } else {
            field.on_update
        }) {
            return unsupported(if create {
                "this source takes this field in an update only"
            } else {
                "this source takes this field in a create only"
            });
        }
        let clear = if create { field.clear.0 } else { field.clear.1 };
        if *value == FieldValue::Null {
            return if clear == Clear::Forbid {
                rejected("this source cannot clear this field")
            } else {
                None
            };
        }
        if let FieldValue::Phone {
            calling_code: Some(_),
            ..
        } = value
        {
            let code = self
                .manifest
                .fields
                .get("phoneCallingCode")
                .filter(|field| field.write.is_some());
            if !code.is_some_and(|code| {
                if create {
                    code.on_create
                } else {
                    code.on_update
                }
            }) {
                return unsupported("this source cannot write the calling code");
            }
        }
        if wire_value(&self.manifest, field, value).is_none() {
            return rejected("this source has no such value");
        }
        let length = text_of(value).map(|text| text.chars().count());
        match (length, field.min_length, field.max_length) {
            (Some(length), _, Some(max)) if length > max => rejected_length(name, "at most", max),
            (Some(length), Some(min), _) if length < min => rejected_length(name, "at least", min),
            _ => None,
        }
    }

    fn check_native(&self, name: &str, value: &Value, create: bool) -> Option<WriteProblem> {
        let about = || Some(WriteProblemField::Native(name.to_owned()));
        let say = |kind, text: &'static str| {
            Some(WriteProblem {
                field: about(),
                error: SourceError::new(kind, text),
            })
        };
        let Some(field) = self.manifest.native.get(name) else {
            return say(
                SourceErrorKind::Unsupported,
                "this source's adapter names no such vendor field",
            );
        };
        if !(if create {
            field.on_create
        } else {
            field.on_update
        }) {
            return say(
                SourceErrorKind::Unsupported,
                "this source does not take this vendor field here",
            );
        }
        let fits = match (field.wire, value) {
            (_, Value::Null) | (WireType::Json, _) => true,
            (WireType::Int, value) => value.is_i64() || value.is_u64(),
            (WireType::Float, value) => value.is_number(),
            (WireType::Bool, value) => value.is_boolean(),
            (WireType::Strings, Value::Array(items)) => items.iter().all(Value::is_string),
            (_, value) => value.is_string(),
        };
        if !fits {
            return say(
                SourceErrorKind::Rejected,
                "the value has not the type that this vendor field has",
            );
        }
        match (value, field.max_length) {
            (Value::String(text), Some(max)) if text.chars().count() > max => say(
                SourceErrorKind::Rejected,
                "the text is longer than this vendor field allows",
            ),
            _ => None,
        }
    }

    /// Puts the given fields to their places.
    fn put_given(&self, route: &WriteRoute, given: &Given<'_>, draft: &mut Draft<'_>) {
        for (name, value) in given.fields {
            let Some(field) = self.manifest.fields.get(name.name()) else {
                continue;
            };
            let clear = if given.create {
                field.clear.0
            } else {
                field.clear.1
            };
            self.put_field(route, field, value, clear, draft);
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
        clear: Clear,
        draft: &mut Draft<'_>,
    ) {
        let Some(place) = &field.write else { return };
        if let FieldValue::Phone {
            calling_code: Some(code),
            ..
        } = value
            && let Some(place) = self
                .manifest
                .fields
                .get("phoneCallingCode")
                .and_then(|field| field.write.as_ref())
        {
            let code = Value::String(code.clone());
            route.wrap.join(place).put(&mut draft.body, code);
        }
        let wire = match (value, clear) {
            (FieldValue::Null, Clear::Empty) if field.wire == Some(WireType::Strings) => {
                Value::Array(Vec::new())
            }
            (FieldValue::Null, Clear::Empty) => Value::String(String::new()),
            (FieldValue::Null, _) => Value::Null,
            (value, _) => match wire_value(&self.manifest, field, value) {
                Some(wire) => field
                    .shape
                    .as_ref()
                    .map_or(wire.clone(), |shape| shaped(shape, &wire)),
                None => return,
            },
        };
        route.wrap.join(place).put(&mut draft.body, wire);
    }

    /// For CRMs that replace the whole record: what it holds now, under what is given.
    async fn put_current(
        &self,
        call: &Call,
        route: &WriteRoute,
        id: &LocalId,
        given: &Given<'_>,
        draft: &mut Draft<'_>,
    ) -> Result<(), Written> {
        let current = match self.fetch_one(call, id).await {
            Ok(Some(current)) => current,
            Ok(None) => {
                return Err(not_applied(vec![problem(
                    None,
                    SourceErrorKind::NotFound,
                    faults::sentence(SourceErrorKind::NotFound),
                )]));
            }
            Err(error) => return Err(not_applied(vec![WriteProblem { field: None, error }])),
        };
        let carries_code = self
            .manifest
            .fields
            .get("phoneCallingCode")
            .is_some_and(|field| field.on_update);
        let mut lost = Vec::new();
        for name in WriteField::ALL {
            let field = self
                .manifest
                .fields
                .get(name.name())
                .filter(|field| field.write.is_some() && field.on_update);
            let is_given = given.fields.iter().any(|(known, _)| known == name);
            let (Some(field), false) = (field, is_given) else {
                continue;
            };
            let unread = mapping::schema_name(name.name());
            let odd = current
                .problems
                .iter()
                .any(|problem| problem.field == unread);
            match current_value(&current, *name, carries_code) {
                Some(value) if wire_value(&self.manifest, field, &value).is_some() => {
                    self.put_field(route, field, &value, field.clear.1, draft);
                }
                None if !odd => {}
                _ => lost.push(problem(
                    Some(*name),
                    SourceErrorKind::Rejected,
                    "the record holds a value here that cannot be written back",
                )),
            }
        }
        if lost.is_empty() {
            Ok(())
        } else {
            Err(not_applied(lost))
        }
    }

    /// What an exchange says about the write.
    async fn written(
        &self,
        call: &Call,
        route: &WriteRoute,
        writing: &Writing,
        id: Option<&LocalId>,
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
        let success = self.success(route.route.ok.as_ref());
        if let Err(refusal) = self.judge_status(success, &reply) {
            return refused(refusal);
        }
        let body = match self.judged_body(success, &reply) {
            Ok(body) => body,
            Err(refusal) => return refused(refusal),
        };
        let said_id = route
            .returns
            .id
            .as_ref()
            .and_then(|pointer| id_at(pointer, &body, &reply));
        let mut written = Written {
            id: said_id.or_else(|| id.cloned()),
            ..applied()
        };
        if let Some(single) = &writing.single {
            match single.read(&self.manifest, &reply) {
                Ok(Some(customer)) => {
                    written.id = Some(customer.id.clone());
                    written.customer = Some(Arc::new(customer));
                }
                Ok(None) => {}
                Err(refusal) => written.read_back = Some(refusal.error),
            }
        }
        if written.customer.is_none() && (route.returns.then_get || written.read_back.is_some()) {
            self.read_back(call, &mut written).await;
        }
        written
    }

    async fn read_back(&self, call: &Call, written: &mut Written) {
        let Some(id) = written.id.as_ref().filter(|_| can_get(&self.manifest)) else {
            written.read_back.get_or_insert_with(|| {
                faults::malformed("the CRM did not say which customer it wrote")
            });
            return;
        };
        match self.fetch_one(call, id).await {
            Ok(Some(customer)) => {
                written.customer = Some(customer);
                written.read_back = None;
            }
            Ok(None) => {
                written.read_back = Some(SourceError::new(
                    SourceErrorKind::NotFound,
                    "the CRM does not show the customer it just wrote",
                ))
            }
            Err(error) => written.read_back = Some(error),
        }
    }
}

fn rejected_length(name: WriteField, word: &str, limit: usize) -> Option<WriteProblem> {
    let text = format!("this source takes {word} {limit} characters here");
    Some(WriteProblem {
        field: Some(WriteProblemField::Common(name)),
        error: SourceError::new(SourceErrorKind::Rejected, text),
    })
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

/// A value in the CRM's form; `None` where the CRM has no such value.
fn wire_value(manifest: &Manifest, field: &Field, value: &FieldValue) -> Option<Value> {
    let word = |word: &str| match field.write_words.as_ref().or(field.words.as_ref()) {
        Some(words) => manifest.enums.get(words)?.write(word).cloned(),
        None => Some(Value::from(word)),
    };
    match value {
        FieldValue::Null => Some(Value::Null),
        FieldValue::Text(text) => typed_text(field, text),
        FieldValue::Bool(value) => Some(if field.wire == Some(WireType::String) {
            Value::from(value.to_string())
        } else {
            Value::from(*value)
        }),
        FieldValue::Texts(texts) => Some(Value::from(texts.clone())),
        FieldValue::Date(date) => Some(wire::write_date(
            date.0,
            field.format.as_ref().unwrap_or(&WireFormat::Date),
        )),
        FieldValue::Json(value) => Some(value.clone()),
        FieldValue::Phone { number, .. } => Some(Value::from(number.as_str())),
        FieldValue::Id(id) => typed_text(field, id.as_str()),
        FieldValue::Type(value) => word(value.word()),
        FieldValue::Tier(value) => word(value.word()),
        FieldValue::Status(value) => word(value.word()),
        FieldValue::Gender(value) => word(value.word()),
    }
}

fn typed_text(field: &Field, text: &str) -> Option<Value> {
    match field.wire {
        Some(WireType::Int) => text.parse::<i64>().ok().map(Value::from),
        Some(WireType::Float) => text.parse::<f64>().ok().map(Value::from),
        _ => Some(Value::from(text)),
    }
}

fn text_of(value: &FieldValue) -> Option<&str> {
    match value {
        FieldValue::Text(text) | FieldValue::Phone { number: text, .. } => Some(text),
        _ => None,
    }
}

/// What a record holds, as a value to write.
fn current_value(customer: &Customer, name: WriteField, carries_code: bool) -> Option<FieldValue> {
    let text =
        |text: &Option<Box<str>>| text.as_ref().map(|text| FieldValue::Text(text.to_string()));
    match name {
        WriteField::Name => text(&customer.name),
        WriteField::FirstName => text(&customer.first_name),
        WriteField::LastName => text(&customer.last_name),
        WriteField::Email => text(&customer.email),
        WriteField::Phone => customer.phone.as_ref().map(|phone| FieldValue::Phone {
            number: phone.number.to_string(),
            calling_code: phone
                .calling_code
                .as_ref()
                .filter(|_| carries_code)
                .map(ToString::to_string),
        }),
        WriteField::Company => text(&customer.company),
        WriteField::JobTitle => text(&customer.job_title),
        WriteField::CustomerNumber => text(&customer.customer_number),
        WriteField::ExternalId => text(&customer.external_id),
        WriteField::Type => customer.kind.map(FieldValue::Type),
        WriteField::Tier => customer.tier.map(FieldValue::Tier),
        WriteField::Status => customer.status.map(FieldValue::Status),
        WriteField::Gender => customer.gender.map(FieldValue::Gender),
        WriteField::BirthDate => customer.birth_date.map(FieldValue::Date),
        WriteField::Tags => customer
            .tags
            .as_ref()
            .map(|tags| FieldValue::Texts(tags.iter().map(ToString::to_string).collect())),
        WriteField::Address => text(&customer.address),
        WriteField::City => text(&customer.city),
        WriteField::Country => text(&customer.country),
        WriteField::IdentityNumber => text(&customer.identity_number),
        WriteField::AvatarUrl => text(&customer.avatar_url),
        WriteField::Note => text(&customer.note),
        WriteField::Unsubscribed => customer.unsubscribed.map(FieldValue::Bool),
        WriteField::OwnerId => customer
            .owner
            .as_ref()
            .map(|owner| FieldValue::Text(owner.id.to_string())),
        WriteField::ParentId => customer.parent_id.clone().map(FieldValue::Id),
        WriteField::CustomFields => customer.custom_fields.clone().map(FieldValue::Json),
    }
}

fn problem(field: Option<WriteField>, kind: SourceErrorKind, text: &'static str) -> WriteProblem {
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

/// A refusal proves that nothing was done; a failing CRM proves nothing.
fn refused(refusal: Refusal) -> Written {
    let refused = matches!(refusal.error.upstream_status, Some(400..=499));
    match refusal.error.kind {
        SourceErrorKind::Unavailable | SourceErrorKind::Timeout => unknown(refusal.error),
        SourceErrorKind::Malformed if !refused => unknown(refusal.error),
        _ => not_applied(vec![WriteProblem {
            field: refusal.field.map(WriteProblemField::Common),
            error: refusal.error,
        }]),
    }
}
