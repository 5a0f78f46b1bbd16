//! The root of mutations. What the caller can mend comes back as data; what failed on the way is an error.

use super::code::{ErrorCode, allowed, of_source};
use super::connection::CustomerEdge;
use super::customer::CustomerNode;
use super::id;
use super::input::{
    Checked, CreateCustomerInput, DeleteCustomerInput, Problem, UpdateCustomerInput,
};
use crate::access::{Caller, Scope};
use crate::load::Load;
use crate::model::{Change, LocalId, WriteOutcome};
use crate::source::{SourceEntry, SourceError, WriteProblem, WriteProblemField, Written};
use crate::writes::{Asked, Writes};
use async_graphql::parser::types::Selection;
use async_graphql::{Context, Error, ID, Object, PathSegment, SimpleObject};
use std::sync::Arc;

/// What the caller can mend, or why nobody knows the outcome.
#[derive(SimpleObject, Clone, Debug)]
pub struct UserError {
    /// The path of the input field it is about, from `input` on; null where it is about the whole.
    field: Option<Vec<String>>,
    /// What went wrong, for programs.
    code: ErrorCode,
    /// What went wrong, for people.
    message: String,
}

/// What became of `createCustomer`.
#[derive(SimpleObject)]
pub struct CreateCustomerPayload {
    /// The customer as the CRM now shows it.
    customer: Option<CustomerNode>,
    /// The customer as an edge, for clients that add it to a list they hold. It has no place in any list that was read
    /// before: its cursor is its global id and leads nowhere.
    customer_edge: Option<CustomerEdge>,
    /// Whether it happened.
    outcome: WriteOutcome,
    /// What the caller can mend, or why nobody knows the outcome. Empty where all is well.
    user_errors: Vec<UserError>,
    /// What the client sent, unchanged.
    client_mutation_id: Option<String>,
}

/// What became of `updateCustomer`.
#[derive(SimpleObject)]
pub struct UpdateCustomerPayload {
    /// The customer as the CRM now shows it.
    customer: Option<CustomerNode>,
    /// Whether it happened.
    outcome: WriteOutcome,
    /// What the caller can mend, or why nobody knows the outcome. Empty where all is well.
    user_errors: Vec<UserError>,
    /// What the client sent, unchanged.
    client_mutation_id: Option<String>,
}

/// What became of `deleteCustomer`.
#[derive(SimpleObject)]
pub struct DeleteCustomerPayload {
    /// The global id of the customer that is gone.
    deleted_customer_id: Option<ID>,
    /// Whether it happened.
    outcome: WriteOutcome,
    /// What the caller can mend, or why nobody knows the outcome. Empty where all is well.
    user_errors: Vec<UserError>,
    /// What the client sent, unchanged.
    client_mutation_id: Option<String>,
}

/// The root of mutations.
pub struct Mutation;

/// What can be changed. A write is never repeated blindly, and with an idempotency key never made twice.
#[Object]
impl Mutation {
    /// Makes a customer in one CRM.
    async fn create_customer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new customer.")] input: CreateCustomerInput,
    ) -> Result<CreateCustomerPayload, Error> {
        let load = ctx.data::<Load>()?;
        let client_mutation_id = input.client_mutation_id.clone();
        let done = Done::of(ctx, load, input.change(load.sources())).await?;
        let edge_wanted = ctx.look_ahead().field("customerEdge").exists();
        let customer_edge =
            done.written
                .as_ref()
                .filter(|_| edge_wanted)
                .and_then(|(entry, written)| {
                    let customer = written.customer.clone()?;
                    let cursor = id::of_customer(entry, &customer.id).0;
                    let node = CustomerNode::new(Arc::clone(entry), customer);
                    Some(CustomerEdge { cursor, node })
                });
        let (customer, outcome, user_errors) = done.payload();
        Ok(CreateCustomerPayload {
            customer,
            customer_edge,
            outcome,
            user_errors,
            client_mutation_id,
        })
    }

    /// Changes a customer. A field that is left out is left alone; a null clears it.
    async fn update_customer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The customer and what to change.")] input: UpdateCustomerInput,
    ) -> Result<UpdateCustomerPayload, Error> {
        let load = ctx.data::<Load>()?;
        let client_mutation_id = input.client_mutation_id.clone();
        let done = Done::of(ctx, load, input.change(load.sources())).await?;
        let (customer, outcome, user_errors) = done.payload();
        Ok(UpdateCustomerPayload {
            customer,
            outcome,
            user_errors,
            client_mutation_id,
        })
    }

    /// Deletes a customer, the way its CRM deletes: for good, or out of sight.
    async fn delete_customer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The customer.")] input: DeleteCustomerInput,
    ) -> Result<DeleteCustomerPayload, Error> {
        let load = ctx.data::<Load>()?;
        let (client_mutation_id, asked) = (input.client_mutation_id.clone(), input.id.clone());
        let done = Done::of(ctx, load, input.change(load.sources())).await?;
        let (_, outcome, user_errors) = done.payload();
        let deleted_customer_id = (outcome == WriteOutcome::Applied).then_some(asked);
        Ok(DeleteCustomerPayload {
            deleted_customer_id,
            outcome,
            user_errors,
            client_mutation_id,
        })
    }
}

/// What came of a mutation.
struct Done {
    written: Option<(Arc<SourceEntry>, Written)>,
    problems: Vec<UserError>,
}

impl Done {
    fn refused(problems: Vec<Problem>) -> Self {
        Self {
            written: None,
            problems: problems.into_iter().map(UserError::from).collect(),
        }
    }

    async fn of(ctx: &Context<'_>, load: &Load, checked: Checked) -> Result<Self, Error> {
        let (entry, change, key) = match checked {
            Ok(wanted) => (wanted.entry, wanted.change, wanted.key),
            Err(problems) => return Ok(Self::refused(problems)),
        };
        let change = &change;
        let caller = ctx.data::<Arc<Caller>>()?;
        let asked = Asked {
            entry: &entry,
            change,
            tenant: &caller.tenant,
            key: key.as_deref(),
        };
        let written = ctx.data::<Arc<Writes>>()?.write(load, &asked).await;
        if let Some(error) = &written.read_back
            && !matches!(change, Change::Delete { .. })
        {
            not_shown(ctx, &entry, error);
        }
        let problems = written
            .problems
            .iter()
            .map(|problem| user_error(&entry, problem, change))
            .collect();
        let mut written = written;
        if written.customer.is_some()
            && let Err(error) = allowed(ctx, Scope::ReadCustomers)
        {
            written.customer = None;
            hidden(ctx, &error);
        }
        Ok(Self {
            written: Some((entry, written)),
            problems,
        })
    }

    fn payload(self) -> (Option<CustomerNode>, WriteOutcome, Vec<UserError>) {
        match self.written {
            None => (None, WriteOutcome::NotApplied, self.problems),
            Some((entry, written)) => {
                let customer = written
                    .customer
                    .map(|customer| CustomerNode::new(entry, customer));
                (customer, written.outcome, self.problems)
            }
        }
    }
}

/// A write is done and only showing the customer failed, which is no reason to make the caller try again.
fn not_shown(ctx: &Context<'_>, entry: &SourceEntry, error: &SourceError) {
    hidden(ctx, &of_source(&entry.key, error));
}

/// Each field that stays empty says so, under the name it was asked by and where it stands.
fn hidden(ctx: &Context<'_>, error: &Error) {
    for asked in &ctx.item.node.selection_set.node.items {
        let Selection::Field(field) = &asked.node else {
            continue;
        };
        if !matches!(field.node.name.node.as_str(), "customer" | "customerEdge") {
            continue;
        }
        let mut error = ctx.set_error_path(error.clone().into_server_error(field.pos));
        let shown = field.node.response_key().node.to_string();
        error.path.push(PathSegment::Field(shown));
        ctx.add_error(error);
    }
}

impl From<Problem> for UserError {
    fn from(problem: Problem) -> Self {
        Self {
            field: Some(
                std::iter::once("input")
                    .chain(problem.field)
                    .map(str::to_owned)
                    .collect(),
            ),
            code: problem.code,
            message: problem.message,
        }
    }
}

fn user_error(entry: &SourceEntry, problem: &WriteProblem, change: &Change) -> UserError {
    let path = |names: &[&str]| {
        Some(
            std::iter::once("input")
                .chain(names.iter().copied())
                .map(str::to_owned)
                .collect(),
        )
    };
    let code = ErrorCode::from(problem.error.kind);
    let about_id =
        matches!(code, ErrorCode::NotFound | ErrorCode::InvalidId) && written_id(change).is_some();
    let field = match &problem.field {
        Some(WriteProblemField::Common(field)) => path(&[field.name()]),
        Some(WriteProblemField::Native(name)) => path(&["native", name]),
        Some(WriteProblemField::IdempotencyKey) => path(&["idempotencyKey"]),
        None if about_id => path(&["id"]),
        None => None,
    };
    UserError {
        field,
        code,
        message: format!("{}: {}", entry.key, problem.error),
    }
}

fn written_id(change: &Change) -> Option<&LocalId> {
    match change {
        Change::Create { .. } => None,
        Change::Update { id, .. } | Change::Delete { id } => Some(id),
    }
}
