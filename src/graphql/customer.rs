//! A customer in the schema: its record, and what is loaded around it.
//!
//! `CustomerNode` stands between the derive and the executor: a field that could not be read answers null and adds its own
//! error there, so that one odd value never costs the record.

use super::code::{ErrorCode, allowed, coded, of_source};
use super::connection::{ConnectionArguments, CustomerConnection, connect};
use super::filter::{CustomerFilter, CustomerOrder};
use super::id;
use super::plain::{self, Written};
use super::room::Room;
use super::source::SourceNode;
use crate::access::Scope;
use crate::load::Load;
use crate::model::{Customer, DateTime, LocalId};
use crate::source::{CustomerRef, Operation, SourceEntry};
use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::registry::{MetaType, Registry};
use async_graphql::resolver_utils::resolve_container;
use async_graphql::{
    ComplexObject, ContainerType, Context, ContextSelectionSet, Error, ErrorExtensions, ID, Name,
    ObjectType, OutputType, PathSegment, Pos, Positioned, ServerResult, SimpleObject, Value,
};
use std::borrow::Cow;
use std::sync::Arc;

/// A customer of one CRM.
#[derive(Clone, SimpleObject)]
#[graphql(complex, name = "Customer")]
pub struct CustomerFields {
    #[graphql(skip)]
    entry: Arc<SourceEntry>,
    #[graphql(flatten)]
    record: CustomerRef,
}

/// A customer, resolved so that unreadable fields speak up.
#[derive(Clone)]
pub struct CustomerNode(CustomerFields);

/// When and how a record was read.
#[derive(SimpleObject)]
#[graphql(name = "Freshness")]
pub struct FreshnessFields {
    /// When the CRM sent the record.
    fetched_at: DateTime,
    /// The record is older than the configured time; it is shown because the CRM fails.
    stale: bool,
    /// A cache of this gateway had the record.
    from_cache: bool,
}

/// The fields that hold more of a customer than the common model shows.
const NATIVE: &[&str] = &["native", "customFields", "identityNumber"];

/// The fields that hold other customers, which take room of their own.
const LOADED: &[&str] = &["parent", "operator", "children"];

/// The fields that lead, in the order of the schema.
const FIRST: &[&str] = &["id", "source", "sourceId", "displayName"];

impl CustomerNode {
    /// A customer of a source.
    pub fn new(entry: Arc<SourceEntry>, record: CustomerRef) -> Self {
        Self(CustomerFields { entry, record })
    }

    /// The global id, for interfaces.
    pub(super) async fn id(&self, _: &Context<'_>) -> async_graphql::Result<ID> {
        Ok(id::of_customer(&self.0.entry, &self.0.record.id))
    }

    /// The record.
    pub fn record_ref(&self) -> CustomerRef {
        Arc::clone(&self.0.record)
    }

    /// The record.
    pub fn record(&self) -> &Customer {
        &self.0.record
    }

    /// The source.
    pub fn source(&self) -> &Arc<SourceEntry> {
        &self.0.entry
    }
}

#[ComplexObject]
impl CustomerFields {
    /// The global id. Opaque, stable, and refetchable through `node`.
    async fn id(&self) -> ID {
        id::of_customer(&self.entry, &self.record.id)
    }

    /// The CRM that holds this customer.
    async fn source(&self) -> SourceNode {
        SourceNode(Arc::clone(&self.entry))
    }

    /// The customer's id in the CRM.
    async fn source_id(&self) -> &str {
        self.record.id.as_str()
    }

    /// What to call this customer: the name, else first and last name, else company, e-mail address, phone number or id.
    async fn display_name(&self) -> String {
        self.record.display_name()
    }

    /// The customer this one belongs to. Null where there is none or the CRM knows no such relation.
    async fn parent(&self, ctx: &Context<'_>) -> Result<Option<CustomerNode>, Error> {
        self.relative(ctx, self.record.parent_id.as_ref()).await
    }

    /// The customer that operates this one. Null where there is none or the CRM knows no such relation.
    async fn operator(&self, ctx: &Context<'_>) -> Result<Option<CustomerNode>, Error> {
        self.relative(ctx, self.record.operator_id.as_ref()).await
    }

    /// The customers that directly belong to this one. Null where the CRM knows no such relation.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn children(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which children. `parentId` is this customer already.")] filter: Option<
            CustomerFilter,
        >,
        #[graphql(desc = "In which order.")] order_by: Option<CustomerOrder>,
        #[graphql(
            desc = "How many rows, from the start or after a cursor; 20 where neither this nor `last` is given, at most as many as the gateway allows (`limits.window`, usually 100)."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(
            desc = "How many rows, from the end or before a cursor; at most as many as the gateway allows (`limits.window`, usually 100)."
        )]
        last: Option<i32>,
        #[graphql(desc = "Only what stands before this cursor.")] before: Option<String>,
    ) -> Result<Option<CustomerConnection>, Error> {
        let relates = |name: &str| {
            self.entry
                .source
                .capabilities()
                .filters
                .iter()
                .any(|filter| filter.name == name)
        };
        if !relates("parent:eq") {
            return Ok(None);
        }
        let own = id::of_customer(&self.entry, &self.record.id);
        let mut filter = filter.unwrap_or_default();
        if filter
            .parent_id
            .as_ref()
            .is_some_and(|parent| *parent != own)
        {
            return Err(coded(
                ErrorCode::InvalidInput,
                "`parentId` is this customer's id here; leave it out",
            ));
        }
        filter.parent_id = Some(own);
        let sources = Some(vec![self.entry.key.to_string()]);
        let arguments = ConnectionArguments {
            filter: Some(filter),
            order_by,
            first,
            after,
            last,
            before,
            sources,
            ..ConnectionArguments::default()
        };
        connect(ctx, arguments).await.map(Some)
    }

    /// Fields the company added to its CRM.
    async fn custom_fields(&self) -> Option<Written> {
        self.record.custom_fields.as_ref().map(Written::of)
    }

    /// The CRM's own record, untouched: the way out of the common model.
    async fn native(&self) -> Result<Option<Written>, Error> {
        let Some(native) = &self.record.native else {
            return Ok(None);
        };
        let text = native.value().map(|value| Written::of(&value));
        text.map(Some).ok_or_else(|| {
            self.unreadable(
                "native",
                "it is no JSON that fits an answer, or it nests too deep",
            )
        })
    }

    /// When and how this record was read.
    async fn freshness(&self, ctx: &Context<'_>) -> Result<FreshnessFields, Error> {
        let fetched_at = self.record.fetched_at;
        Ok(FreshnessFields {
            fetched_at: fetched_at.to_the_millisecond(),
            stale: self.record.stale,
            from_cache: fetched_at < ctx.data::<Arc<Operation>>()?.started_at,
        })
    }
}

impl CustomerFields {
    /// The error of a field that could not be read.
    fn unreadable(&self, field: &str, reason: &str) -> Error {
        let key = &self.entry.key;
        let id = &self.record.id;
        let message =
            format!("{key}: the field `{field}` of the customer {id} cannot be read: {reason}");
        coded(ErrorCode::SourceInvalidResponse, message)
            .extend_with(|_, extensions| extensions.set("source", &**key))
    }

    async fn relative(
        &self,
        ctx: &Context<'_>,
        id: Option<&LocalId>,
    ) -> Result<Option<CustomerNode>, Error> {
        let Some(id) = id else { return Ok(None) };
        match ctx.data::<Load>()?.customer(&self.entry, id.clone()).await {
            Ok(found) => Ok(found.map(|found| CustomerNode::new(Arc::clone(&self.entry), found))),
            Err(error) => Err(of_source(&self.entry.key, &error)),
        }
    }
}

// === CustomerNode in front of the derive ===

impl OutputType for CustomerNode {
    fn type_name() -> Cow<'static, str> {
        CustomerFields::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        let name = CustomerFields::create_type_info(registry);
        if let Some(MetaType::Object { fields, .. }) = registry.types.get_mut("Customer") {
            for (place, field) in FIRST.iter().enumerate() {
                if let Some(from) = fields.get_index_of(*field) {
                    fields.move_index(from, place);
                }
            }
        }
        name
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        _field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        match plain::customer(self, ctx) {
            Some(written) => written,
            None => resolve_container(ctx, self).await,
        }
    }
}

impl ContainerType for CustomerNode {
    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        let name = &ctx.item.node.name.node;
        if NATIVE.contains(&name.as_str())
            && let Err(error) = allowed(ctx, Scope::ReadNative)
        {
            return Ok(none(ctx, error));
        }
        if !self.0.record.problems.is_empty() {
            self.speak_up(ctx);
        }
        let room = ctx.data::<Arc<Room>>();
        let room = room.map_err(|error| error.into_server_error(ctx.item.pos))?;
        let key = ctx.item.node.response_key().node.len();
        if let Err(error) = room.take(key) {
            return Ok(none(ctx, error));
        }
        let value = ContainerType::resolve_field(&self.0, ctx).await?;
        let taken = match &value {
            Some(value) if !LOADED.contains(&name.as_str()) => room.take(plain::length(value)),
            _ => Ok(()),
        };
        match taken {
            Ok(()) => Ok(value),
            Err(error) => Ok(none(ctx, error)),
        }
    }
}

/// Nothing, and why. Where there must be something, the nearest parent that may be null becomes so.
fn none(ctx: &Context<'_>, error: Error) -> Option<Value> {
    ctx.add_error(ctx.set_error_path(error.into_server_error(ctx.item.pos)));
    Some(Value::Null)
}

impl ObjectType for CustomerNode {}

impl CustomerNode {
    /// Adds the errors of a field that could not be read, or not whole.
    fn speak_up(&self, ctx: &Context<'_>) {
        let asked = &ctx.item.node;
        let problems = self.0.record.problems.iter();
        for problem in problems.filter(|problem| asked.name.node == problem.field) {
            let error = self.0.unreadable(&problem.name(), problem.reason);
            let Some(part) = problem.part else {
                ctx.add_error(ctx.set_error_path(error.into_server_error(ctx.item.pos)));
                continue;
            };
            let shows = |field: &Field| self.shows(problem.field, part, &field.name.node);
            for (key, pos) in selected(&asked.selection_set.node, &shows) {
                let mut error = ctx.set_error_path(error.clone().into_server_error(pos));
                error.path.push(PathSegment::Field(key.to_string()));
                ctx.add_error(error);
            }
        }
    }

    /// Whether a field of a phone number or an owner is null because this part of it could not be read.
    fn shows(&self, whole: &str, part: &str, field: &str) -> bool {
        let Customer { phone, owner, .. } = &*self.0.record;
        match (whole, phone, owner) {
            ("phone", Some(phone), _) if field == "e164" => phone.to_e164().is_none(),
            ("phone", Some(_), _) | ("owner", _, Some(_)) => field == part,
            _ => false,
        }
    }
}

/// The response keys of the selected fields that are such.
fn selected<'s>(set: &'s SelectionSet, is_such: &dyn Fn(&Field) -> bool) -> Vec<(&'s Name, Pos)> {
    let mut found = Vec::new();
    for item in &set.items {
        match &item.node {
            Selection::Field(field) if is_such(&field.node) => {
                found.push((&field.node.response_key().node, field.pos));
            }
            Selection::InlineFragment(fragment) => {
                found.extend(selected(&fragment.node.selection_set.node, is_such));
            }
            // Documents come here with their fragments spread out.
            Selection::Field(_) | Selection::FragmentSpread(_) => {}
        }
    }
    found
}
