//! The schema behind one face, whatever its root types: print it, prepare a document, execute it.
//!
//! Holds the last lines of defence of an execution: a panic becomes an error of this request, and an operation that does not
//! end by itself is given up. Knows no HTTP.

use super::answer::{Answer, is_about_input};
use super::arrival::Arrival;
use super::direct::Around;
use super::document::{Bound, Documents, Expected, Prepared, RequestCode, RequestError};
use super::notes::Notes;
use super::room::Room;
use crate::access::{Caller, Scope};
use crate::limits::Limits;
use crate::load::Answers;
use crate::metrics::CacheMoment;
use crate::source::{Brought, CallBudget, Operation};
use async_graphql::{
    Data, EmptySubscription, ObjectType, Request, Response, SDLExportOptions, Schema,
    SchemaBuilder, ServerError, ValidationMode, Value,
};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tracing::Instrument;

pub use super::document::ContractError;

/// A schema that can be asked. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
}

struct Inner {
    sdl: String,
    documents: Documents,
    executor: Arc<dyn Execute>,
    furnish: Box<Furnish>,
    epoch: Box<Epoch>,
    answers: Option<Answers>,
    limits: Limits,
    /// How many mutations are running.
    writing: watch::Sender<usize>,
}

/// Puts what resolvers need into a request's data.
type Furnish = dyn Fn(&Arc<Operation>, &Caller, &Brought, &mut Data) + Send + Sync;

/// Tells what grows with every write that a caller could see.
type Epoch = dyn Fn(&Caller) -> u64 + Send + Sync;

/// Where the answer to a request is kept, for whoever may do the same and asks the same.
pub struct Place {
    key: Box<[u8]>,
    epoch: u64,
    since: Instant,
}

/// Counts one running mutation for as long as it lives.
struct Writing(Arc<Inner>);

impl Writing {
    fn start(inner: &Arc<Inner>) -> Self {
        inner.writing.send_modify(|running| *running += 1);
        Self(Arc::clone(inner))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.writing.send_modify(|running| *running -= 1);
    }
}

/// An executor without its type parameters.
trait Execute: Send + Sync {
    fn execute(self: Arc<Self>, request: Request) -> BoxFuture<'static, Response>;
}

impl<Q, M> Execute for Schema<Q, M, EmptySubscription>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
{
    fn execute(self: Arc<Self>, request: Request) -> BoxFuture<'static, Response> {
        async move { Schema::execute(&self, request).await }.boxed()
    }
}

impl Gateway {
    /// Finishes and wraps a schema. `furnish` puts what resolvers need (loaders, ...) into each request's data, and nothing of
    /// another tenant than the caller's, and nothing of other credentials than they brought; the [`Arc<Operation>`](Operation) and the [`Arc<Caller>`](Caller) are in it anyway.
    /// `epoch` grows with every write that a caller could see.
    ///
    /// # Errors
    /// [`ContractError`] where the schema's SDL cannot be read back.
    pub fn new<Q, M>(
        schema: SchemaBuilder<Q, M, EmptySubscription>,
        limits: &Limits,
        furnish: impl Fn(&Arc<Operation>, &Caller, &Brought, &mut Data) + Send + Sync + 'static,
        epoch: impl Fn(&Caller) -> u64 + Send + Sync + 'static,
    ) -> Result<Self, ContractError>
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
    {
        let schema = schema
            // Depth was measured and everything was validated before; the executor need not do it again, and its own ceiling
            // must not be the lower one.
            .limit_recursive_depth(limits.document_depth.saturating_mul(4))
            .validation_mode(ValidationMode::Fast)
            .disable_suggestions()
            .finish();
        let sdl = schema.sdl_with_options(SDLExportOptions::new().include_specified_by());
        let inner = Inner {
            documents: Documents::new(&sdl, limits)?,
            sdl,
            executor: Arc::new(schema),
            furnish: Box::new(furnish),
            epoch: Box::new(epoch),
            answers: Answers::new(limits.kept_answers_bytes),
            limits: limits.clone(),
            writing: watch::Sender::new(0),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The schema in the schema definition language.
    pub fn sdl(&self) -> &str {
        &self.inner.sdl
    }

    /// Checks a document and finds the operation to run.
    ///
    /// # Errors
    /// Every reason why it cannot run; at least one.
    pub fn prepare(
        &self,
        document: &str,
        operation_name: Option<&str>,
    ) -> Result<Prepared, Vec<RequestError>> {
        self.inner.documents.prepare(document, operation_name)
    }

    /// Checks every operation of a document, of which a request may choose any.
    ///
    /// # Errors
    /// Every reason why one cannot run; at least one.
    pub fn examine(&self, document: &str) -> Result<(), Vec<RequestError>> {
        self.inner.documents.examine(document)
    }

    /// Runs an operation. The answer still has to be [finished](Self::finish).
    ///
    /// What is still running `grace_ms` after the deadline is given up and answered with `SOURCE_TIMEOUT`, without data: until
    /// then, upstream calls that end at the deadline leave the other fields their answer. A mutation goes on all the same, also
    /// when the caller goes away: half a write helps nobody. See [`Self::written`].
    pub async fn execute(
        &self,
        prepared: &Prepared,
        variables: serde_json::Map<String, serde_json::Value>,
        mut arrival: Arrival,
    ) -> Answer {
        if prepared.is_mutation() && !arrival.caller.may(Scope::WriteCustomers) {
            let message = format!(
                "a mutation needs the scope {}",
                Scope::WriteCustomers.word()
            );
            return refused(RequestCode::Forbidden, &message);
        }
        let bound = match self.inner.documents.bind(prepared, variables) {
            Ok(bound) => bound,
            Err(error) => return Answer::refused(vec![error]),
        };
        let last = arrival.deadline + Duration::from_millis(self.inner.limits.grace_ms);
        let caller = Arc::clone(&arrival.caller);
        let brought = arrival.brought.clone();
        let hold = std::mem::take(&mut arrival.hold);
        let operation = operation(arrival, self.inner.limits.upstream_calls);
        let mut data = Data::default();
        (self.inner.furnish)(&operation, &caller, &brought, &mut data);
        let run = Run {
            inner: Arc::clone(&self.inner),
            bound,
            caller,
            operation: Arc::clone(&operation),
            notes: Arc::default(),
            data,
        };
        let running = AssertUnwindSafe(run.answer()).catch_unwind();
        let running = running.map(Result::ok);
        let running = if prepared.is_mutation() {
            let writing = Writing::start(&self.inner);
            let running = running.inspect(move |_| drop((writing, hold)));
            let task = tokio::spawn(running.in_current_span());
            async move { task.await.ok().flatten() }.boxed()
        } else {
            running.boxed()
        };
        match tokio::time::timeout_at(last.into(), running).await {
            // What was written is told, however large the answer: only the rows in it are bounded.
            Ok(Some(answer)) if prepared.is_mutation() => answer,
            Ok(Some(answer)) => {
                let answer = answer.within(self.inner.limits.reply_bytes);
                answer.lasting(operation.fresh_for())
            }
            Ok(None) => refused(RequestCode::Internal, "the gateway failed"),
            Err(_) => refused(RequestCode::Timeout, "the operation took too long"),
        }
    }

    /// Waits until no mutation is running, not even one whose caller has left: the last thing to do before the process ends.
    pub async fn written(&self) {
        written(&self.inner).await;
    }

    /// What is left of it when another one takes its place.
    pub fn retire(self) -> Retired {
        Retired(Arc::downgrade(&self.inner))
    }

    /// Where the answer to a request with this text would be kept; `None` where nothing is. To be asked for before
    /// anything is read. Other credentials, too, are another place, and so is the same text in a body and, by `GET`, in an
    /// address.
    pub fn place(
        &self,
        caller: &Caller,
        brought: &Brought,
        is_get: bool,
        text: &[u8],
    ) -> Option<Place> {
        self.inner.answers.as_ref()?;
        let print = brought.print();
        let mut key = Vec::with_capacity(caller.tenant.len() + text.len() + 40);
        key.extend_from_slice(caller.tenant.as_bytes());
        key.push(0);
        for (_, scope) in Scope::ALL {
            key.push(u8::from(caller.may(scope)));
        }
        key.push(u8::from(print.is_some()) | u8::from(is_get) << 1);
        key.extend(print.into_iter().flatten());
        key.extend_from_slice(text);
        Some(Place {
            key: key.into(),
            epoch: (self.inner.epoch)(caller),
            since: Instant::now(),
        })
    }

    /// The body that is kept there, and for how long it stays fresh.
    pub fn kept(&self, place: &Place) -> Option<(Bytes, Duration)> {
        let answers = self.inner.answers.as_ref()?;
        answers.get(&place.key, place.epoch)
    }

    /// Goes on counting where that one has got to.
    pub fn count_on(&self, before: &Self) {
        if let (Some(answers), Some(before)) = (&self.inner.answers, &before.inner.answers) {
            answers.count_on(before);
        }
    }

    /// How full the store of whole answers is.
    pub fn answers(&self) -> CacheMoment {
        let answers = self.inner.answers.as_ref();
        answers.map(Answers::moment).unwrap_or_default()
    }

    /// Keeps a finished answer and its body, where it is one that the next caller would get too. Where it is not, the next one
    /// does not get an older answer either.
    pub fn keep(&self, place: Place, prepared: &Prepared, answer: &Answer, body: &Bytes) {
        let Some(answers) = &self.inner.answers else {
            return;
        };
        match answer.fresh_for().filter(|_| prepared.is_repeatable()) {
            Some(fresh) => {
                answers.keep(place.key, body.clone(), place.epoch, place.since, fresh);
            }
            None => answers.forget(place.key, place.since),
        }
    }

    /// Gives every error of an answer its code and the request's id, within the ceilings on errors.
    #[must_use]
    pub fn finish(&self, answer: Answer, request_id: &str) -> Answer {
        let Limits {
            errors,
            error_bytes,
            ..
        } = self.inner.limits;
        answer.finished(request_id, errors, error_bytes)
    }
}

async fn written(inner: &Inner) {
    let mut running = inner.writing.subscribe();
    // The sender lives as long as `inner`, so this cannot fail.
    drop(running.wait_for(|running| *running == 0).await);
}

/// A gateway that lives only for the requests that began on it.
pub struct Retired(Weak<Inner>);

impl Retired {
    /// Whether one of them is still running.
    pub fn is_used(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// Waits until none of their mutations is running.
    pub async fn written(&self) {
        if let Some(inner) = self.0.upgrade() {
            written(&inner).await;
        }
    }
}

/// One operation, ready to run.
struct Run {
    inner: Arc<Inner>,
    bound: Bound,
    caller: Arc<Caller>,
    operation: Arc<Operation>,
    notes: Arc<Notes>,
    data: Data,
}

impl Run {
    async fn answer(mut self) -> Answer {
        let Self {
            inner,
            bound,
            caller,
            notes,
            data,
            ..
        } = &self;
        if let Some((direct, asks)) = bound.direct()
            && let Some(around) = Around::of(data, &inner.limits, notes, caller)
        {
            let outcomes = around.read(asks).await;
            // Where it is left to the executor, that begins anew with all the room there is.
            let room = Room::new(inner.limits.reply_bytes);
            if let Some((data, errors)) = direct.written(&outcomes, &room) {
                return Answer::executed(data, errors, notes);
            }
            let ready = direct.ready(outcomes);
            self.data.insert(ready);
        }
        self.executed().await
    }

    /// The executor's way.
    async fn executed(self) -> Answer {
        let (document, expected) = self.bound.document();
        // The text is of no use to the executor any more.
        let mut request = Request::new("");
        request.set_parsed_query(document);
        request.data = self.data;
        let request = request.data(self.operation).data(self.caller);
        let room = Room::new(self.inner.limits.reply_bytes);
        let request = request.data(Arc::new(room));
        let request = request.data(Arc::clone(&self.notes));
        let executor = Arc::clone(&self.inner.executor);
        answer(&expected, executor.execute(request).await, &self.notes)
    }
}

fn operation(arrival: Arrival, upstream_calls: u32) -> Arc<Operation> {
    let operation = Operation::new(arrival.request_id, arrival.deadline)
        .no_older(arrival.max_age)
        .keeping(!arrival.no_store)
        .traced(arrival.trace)
        .spending(CallBudget::of(upstream_calls));
    Arc::new(operation)
}

fn answer(expected: &Expected, response: Response, notes: &Notes) -> Answer {
    let Response {
        mut data,
        mut errors,
        ..
    } = response;
    errors
        .iter_mut()
        .for_each(|error| name_null(expected, error));
    let placed = errors.iter().any(|error| !error.path.is_empty());
    if data == Value::Null && !errors.is_empty() && !placed {
        // No field failed, yet there is nothing: the executor did not take the document.
        let reasons = errors.into_iter().map(|error| RequestError {
            message: error.message,
            locations: error
                .locations
                .iter()
                .map(|pos| (pos.line, pos.column))
                .collect(),
            code: RequestCode::InvalidInput,
        });
        return Answer::refused(reasons.collect());
    }
    expected.settle(&mut data, &errors);
    Answer::executed(data, errors, notes)
}

/// The executor says only of which type a value should have been: where a variable was `null`, its name is said too.
fn name_null(expected: &Expected, error: &mut ServerError) {
    let place = error.locations.first().copied();
    let is_refused = error.extensions.is_none() && is_about_input(&error.message);
    if is_refused && let Some(flaw) = place.and_then(|place| expected.null_at(place)) {
        let code = RequestCode::InvalidInput.as_str();
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("code", code);
        error.message = flaw;
    }
}

fn refused(code: RequestCode, message: &str) -> Answer {
    Answer::refused(vec![RequestError::new(code, message)])
}
