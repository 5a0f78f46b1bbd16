//! Operations that need no executor: every root field is a list of customers or one customer, its whole selection plain.
//!
//! They are compiled when the document is checked. Where a record then turns out not to be plain, because one of its fields
//! could not be read, the executor goes on from what was read and reads nothing again.

use super::code::permitted;
use super::connection::{ConnectionArguments, ConnectionFields, Desk, read};
use super::customer::CustomerNode;
use super::document::{Variables, bind_value};
use super::id;
use super::notes::Notes;
use super::plain::{self, Object};
use super::query::customer;
use super::room::Room;
use crate::access::{Caller, Scope};
use crate::connection::{Connector, Want};
use crate::limits::Limits;
use crate::load::Load;
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::{
    Context, Data, Error, ID, InputType, Name, PathSegment, Pos, ServerError, Value,
};
use async_graphql_value::Value as InputValue;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A compiled operation.
pub(super) struct Direct(Vec<Root>);

/// One root field.
struct Root {
    key: Name,
    pos: Pos,
    /// With variables still in it.
    arguments: Vec<(Name, InputValue)>,
    plain: Plain,
}

/// A compiled selection.
enum Plain {
    List(Object<ConnectionFields>, Want),
    One(Object<CustomerNode>),
}

/// What the root fields ask, in their order.
pub(super) type Asks = Vec<Ask>;

/// What a root field asks.
pub(super) enum Ask {
    List(Box<ConnectionArguments>, Want),
    One(ID),
}

/// What a root field has read.
#[derive(Clone)]
pub(super) enum Got {
    List(Arc<ConnectionFields>),
    One(Option<CustomerNode>),
}

/// What reading for a root field came to.
#[derive(Clone)]
pub(super) struct Outcome {
    pub(super) got: Result<Got, Error>,
    /// Errors that leave the field its value.
    pub(super) spoken: Vec<Error>,
}

impl Direct {
    /// Compiles the selection of a query's root; `None` where it needs the executor. `type_of` tells the type of a root
    /// field.
    pub(super) fn of<'t>(
        set: &SelectionSet,
        type_of: impl Fn(&str) -> Option<&'t str>,
    ) -> Option<Self> {
        let root = |item: &Selection, pos| match item {
            Selection::Field(field) if field.node.directives.is_empty() => {
                Root::of(&field.node, pos, type_of(&field.node.name.node)?)
            }
            _ => None,
        };
        let roots = set.items.iter().map(|item| root(&item.node, item.pos));
        roots.collect::<Option<_>>().map(Self)
    }

    /// What is asked with these variables; `None` where only the executor can say what is wrong with them.
    pub(super) fn asks(&self, variables: &Variables) -> Option<Asks> {
        self.0.iter().map(|root| root.ask(variables)).collect()
    }

    /// The data and the errors of an answer with so much room; `None` where a record is not plain.
    pub(super) fn written(
        &self,
        outcomes: &[Outcome],
        room: &Room,
    ) -> Option<(Value, Vec<ServerError>)> {
        let mut data = IndexMap::with_capacity(self.0.len());
        let mut errors = Vec::new();
        for (root, outcome) in self.0.iter().zip(outcomes) {
            let written = match &outcome.got {
                Ok(got) => root.plain.written(got, room)?,
                Err(error) => Err(error.clone()),
            };
            let (value, failed) = match written {
                Ok(value) => (value, None),
                Err(error) => (Value::Null, Some(error)),
            };
            data.insert(root.key.clone(), value);
            for error in outcome.spoken.iter().chain(&failed) {
                let mut error = error.clone().into_server_error(root.pos);
                error.path.push(PathSegment::Field(root.key.to_string()));
                errors.push(error);
            }
        }
        Some((Value::Object(data), errors))
    }

    /// The same outcomes for the executor.
    pub(super) fn ready(&self, outcomes: Vec<Outcome>) -> AlreadyRead {
        let keys = self.0.iter().map(|root| root.key.clone());
        AlreadyRead(Mutex::new(keys.zip(outcomes).collect()))
    }
}

impl Root {
    fn of(field: &Field, pos: Pos, ty: &str) -> Option<Self> {
        let arguments = field.arguments.iter();
        Some(Self {
            key: field.response_key().node.clone(),
            pos,
            arguments: arguments
                .map(|(name, value)| (name.node.clone(), value.node.clone()))
                .collect(),
            plain: Plain::of(field, ty)?,
        })
    }

    fn ask(&self, variables: &Variables) -> Option<Ask> {
        let mut given = Given::of(&self.arguments, variables)?;
        Some(match &self.plain {
            Plain::One(_) => Ask::One(given.take("id")?),
            Plain::List(_, want) => Ask::List(Box::new(given.of_list()?), *want),
        })
    }
}

/// The arguments that were given.
struct Given(HashMap<Name, Value>);

impl Given {
    fn of(arguments: &[(Name, InputValue)], variables: &Variables) -> Option<Self> {
        let mut given = HashMap::with_capacity(arguments.len());
        for (name, value) in arguments {
            let mut value = value.clone();
            if bind_value(&mut value, variables) {
                given.insert(name.clone(), value.into_const()?);
            }
        }
        Some(Self(given))
    }

    fn of_list(&mut self) -> Option<ConnectionArguments> {
        let ConnectionArguments {
            on_source_failure,
            unsupported_filter,
            ..
        } = ConnectionArguments::default();
        Some(ConnectionArguments {
            sources: self.take("sources")?,
            filter: self.take("filter")?,
            order_by: self.take("orderBy")?,
            first: self.take("first")?,
            after: self.take("after")?,
            last: self.take("last")?,
            before: self.take("before")?,
            on_source_failure: self.take_or("onSourceFailure", on_source_failure)?,
            unsupported_filter: self.take_or("unsupportedFilter", unsupported_filter)?,
        })
    }

    /// An argument; `None` where it cannot be read.
    fn take<T: InputType>(&mut self, name: &str) -> Option<T> {
        T::parse(self.0.remove(name)).ok()
    }

    /// The same for one with a default.
    fn take_or<T: InputType>(&mut self, name: &str, default: T) -> Option<T> {
        match self.0.remove(name) {
            Some(value) => T::parse(Some(value)).ok(),
            None => Some(default),
        }
    }
}

impl Plain {
    fn of(field: &Field, ty: &str) -> Option<Self> {
        let set = &field.selection_set;
        match ty {
            "CustomerConnection" => {
                plain::connection_object(set).map(|object| Self::List(object, wanted(&set.node)))
            }
            "Customer" => plain::customer_object(set).map(Self::One),
            _ => None,
        }
    }

    fn written(&self, got: &Got, room: &Room) -> Option<Result<Value, Error>> {
        match (self, got) {
            (Self::List(object, _), Got::List(list)) => plain::connection_of(list, object, room),
            (Self::One(object), Got::One(Some(customer))) => {
                plain::customer_of(customer, object, room)
            }
            (Self::One(_), Got::One(None)) => Some(Ok(Value::Null)),
            _ => None,
        }
    }
}

/// What a list's selection needs to know, so that the rest costs no call.
fn wanted(set: &SelectionSet) -> Want {
    let asks = |path: &[&str]| selects(set, path);
    Want {
        total: asks(&["totalCount"]),
        has_next: asks(&["pageInfo", "hasNextPage"]),
        has_previous: asks(&["pageInfo", "hasPreviousPage"]),
        cursors: asks(&["edges", "cursor"]),
    }
}

/// Whether a selection leads to the field at the end of the path.
fn selects(set: &SelectionSet, path: &[&str]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return true;
    };
    set.items.iter().any(|item| match &item.node {
        Selection::Field(field) => {
            field.node.name.node == *first && selects(&field.node.selection_set.node, rest)
        }
        Selection::InlineFragment(fragment) => selects(&fragment.node.selection_set.node, path),
        Selection::FragmentSpread(_) => false,
    })
}

/// What reading needs of a request.
pub(super) struct Around<'a> {
    load: &'a Load,
    connector: &'a Connector,
    limits: &'a Limits,
    notes: &'a Notes,
    caller: &'a Caller,
}

impl<'a> Around<'a> {
    /// Out of a request's data; `None` where it has no sources.
    pub(super) fn of(
        data: &'a Data,
        limits: &'a Limits,
        notes: &'a Notes,
        caller: &'a Caller,
    ) -> Option<Self> {
        Some(Self {
            load: find::<Load>(data)?,
            connector: find::<Arc<Connector>>(data)?,
            limits,
            notes,
            caller,
        })
    }

    /// Reads what is asked, all at once.
    pub(super) async fn read(&self, asks: Asks) -> Vec<Outcome> {
        let alone = asks.len() == 1;
        let mut reading: Vec<_> = asks
            .into_iter()
            .map(|ask| self.outcome(ask, alone))
            .collect();
        match reading.pop() {
            Some(only) if alone => vec![only.await],
            last => join_all(reading.into_iter().chain(last)).await,
        }
    }

    fn outcome(&self, ask: Ask, alone: bool) -> BoxFuture<'_, Outcome> {
        let permitted = permitted(self.caller, Scope::ReadCustomers);
        match (permitted, ask) {
            (Err(error), _) => std::future::ready(Outcome::of(Err(error))).boxed(),
            (Ok(()), Ask::One(id)) => async move {
                let got = self.customer(&id, alone).await;
                Outcome::of(got.map(Got::One))
            }
            .boxed(),
            (Ok(()), Ask::List(arguments, want)) => async move {
                let desk = Desk {
                    load: self.load,
                    connector: self.connector,
                    limits: self.limits,
                    notes: self.notes,
                };
                match read(&desk, *arguments, want).await {
                    Ok((list, spoken)) => Outcome {
                        got: Ok(Got::List(Arc::new(list))),
                        spoken,
                    },
                    Err(error) => Outcome::of(Err(error)),
                }
            }
            .boxed(),
        }
    }

    async fn customer(&self, id: &ID, alone: bool) -> Result<Option<CustomerNode>, Error> {
        let (entry, id) = id::customer(self.load.sources(), id)?;
        customer(self.load, entry, id, alone).await
    }
}

fn find<T: 'static>(data: &Data) -> Option<&T> {
    data.get(&TypeId::of::<T>())?.downcast_ref()
}

impl Outcome {
    fn of(got: Result<Got, Error>) -> Self {
        let spoken = Vec::new();
        Self { got, spoken }
    }
}

/// What was read for root fields already, by their response keys.
pub(super) struct AlreadyRead(Mutex<HashMap<Name, Outcome>>);

impl AlreadyRead {
    /// What was read for the root field that a context stands at. Errors that leave it its value are told at once.
    pub(super) fn take(ctx: &Context<'_>) -> Option<Result<Got, Error>> {
        let ready = ctx.data_opt::<Self>()?;
        let key = &ctx.item.node.response_key().node;
        let outcome = {
            let mut outcomes = ready.0.lock().unwrap_or_else(PoisonError::into_inner);
            outcomes.remove(key)?
        };
        for error in outcome.spoken {
            ctx.add_error(ctx.set_error_path(error.into_server_error(ctx.item.pos)));
        }
        Some(outcome.got)
    }
}

#[cfg(test)]
mod tests;
