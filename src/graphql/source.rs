//! A configured source in the schema.

use super::id;
use crate::model::Capabilities;
use crate::source::SourceEntry;
use async_graphql::{ID, Object};
use std::sync::Arc;

/// A CRM that this gateway is connected to.
#[derive(Clone)]
pub struct SourceNode(pub Arc<SourceEntry>);

/// A CRM that this gateway is connected to.
#[Object(name = "Source")]
impl SourceNode {
    /// The global id, refetchable through `node`.
    pub(super) async fn id(&self) -> ID {
        id::of_source(&self.0)
    }

    /// The key from the configuration. It stands in errors, metrics and logs.
    async fn key(&self) -> &str {
        &self.0.key
    }

    /// The CRM's name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The id of the adapter that speaks to it.
    async fn adapter(&self) -> &str {
        &self.0.adapter
    }

    /// What it can do.
    async fn capabilities(&self) -> &Capabilities {
        self.0.source.capabilities()
    }
}
