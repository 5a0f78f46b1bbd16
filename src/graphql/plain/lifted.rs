//! Root fields whose whole selection is plain, lifted out of the document when it is checked.
//!
//! The executor gets such a field with nothing in it, so it neither looks at the selection again nor copies it for every
//! request; the compiled selection waits in the request's data. It is put back where a row is not plain.

use super::{Object, connection, customer};
use crate::graphql::connection::ConnectionFields;
use crate::graphql::customer::CustomerNode;
use crate::graphql::hidden::hidden;
use async_graphql::parser::types::{Field, OperationDefinition, Selection, SelectionSet};
use async_graphql::{ContextBase, Positioned, QueryPathSegment};
use std::sync::Arc;

/// What was lifted out of one document.
#[derive(Default)]
pub(in crate::graphql) struct Lifted(Vec<Root>);

/// One root field.
struct Root {
    /// The field as it was.
    field: Positioned<Field>,
    plain: Plain,
}

/// A compiled selection.
enum Plain {
    Connection(Object<ConnectionFields>),
    Customer(Object<CustomerNode>),
}

impl Plain {
    fn of(set: &Positioned<SelectionSet>, ty: &str) -> Option<Self> {
        match ty {
            "CustomerConnection" => connection::object(set).map(Self::Connection),
            "Customer" => customer::object(set).map(Self::Customer),
            _ => None,
        }
    }
}

impl Lifted {
    /// Lifts what is plain out of a query whose root fields stand directly in it, each under a key of its own. `type_of`
    /// tells the type of a root field.
    pub(in crate::graphql) fn out_of<'t>(
        operation: &mut OperationDefinition,
        type_of: impl Fn(&str) -> Option<&'t str>,
    ) -> Self {
        let items = &mut operation.selection_set.node.items;
        let direct = |item: &Positioned<Selection>| matches!(&item.node, Selection::Field(field) if field.node.directives.is_empty());
        if !items.iter().all(direct) {
            return Self::default();
        }
        let fields = items.iter_mut().filter_map(|item| match &mut item.node {
            Selection::Field(field) => Some(field),
            _ => None,
        });
        let lift = |field: &mut Positioned<Field>| {
            let plain = Plain::of(&field.node.selection_set, type_of(&field.node.name.node)?)?;
            let whole = field.clone();
            let stub = Selection::Field(hidden(field.pos));
            field.node.selection_set.node.items = vec![Positioned::new(stub, field.pos)];
            Some(Root {
                field: whole,
                plain,
            })
        };
        Self(fields.filter_map(lift).collect())
    }

    /// The root field that a context stands at, where it was lifted.
    fn at<'a, T>(ctx: &ContextBase<'a, T>) -> Option<&'a Root> {
        let lifted = ctx.data_opt::<Arc<Self>>()?;
        let place = ctx
            .path_node
            .as_ref()
            .filter(|node| node.parent.is_none())?;
        let QueryPathSegment::Name(key) = place.segment else {
            return None;
        };
        let mut roots = lifted.0.iter();
        roots.find(|root| root.field.node.response_key().node == *key)
    }
}

/// The compiled selection of a connection at the root.
pub(super) fn root_connection<'a, T>(
    ctx: &ContextBase<'a, T>,
) -> Option<&'a Object<ConnectionFields>> {
    match &Lifted::at(ctx)?.plain {
        Plain::Connection(object) => Some(object),
        Plain::Customer(_) => None,
    }
}

/// The compiled selection of a customer at the root.
pub(super) fn root_customer<'a, T>(ctx: &ContextBase<'a, T>) -> Option<&'a Object<CustomerNode>> {
    match &Lifted::at(ctx)?.plain {
        Plain::Customer(object) => Some(object),
        Plain::Connection(_) => None,
    }
}

/// The field as it was asked, where it was lifted.
pub(in crate::graphql) fn asked<'a, T>(ctx: &ContextBase<'a, T>) -> Option<&'a Positioned<Field>> {
    Some(&Lifted::at(ctx)?.field)
}
