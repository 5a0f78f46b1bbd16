//! Why a connection cannot be answered. The schema maps each to one public code.

use crate::source::{SourceError, Unsupported};

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// The arguments contradict each other.
    #[error("{0}")]
    InvalidInput(String),
    /// The cursor is not one of ours.
    #[error("the cursor is not valid")]
    InvalidCursor,
    /// The cursor belongs to another list.
    #[error("the cursor belongs to a list with other sources, another filter or another order")]
    CursorMismatch,
    /// The source no longer knows the place of the cursor.
    #[error("the cursor has expired; start again from the first page")]
    CursorExpired,
    /// No source asked can serve the filter.
    #[error("the source {source_key} does not support the filter: {}", parts.join(", "))]
    FilterNotSupported {
        /// The source.
        source_key: Box<str>,
        /// The parts it cannot serve.
        parts: Vec<String>,
        /// The parts it can.
        supported: Vec<String>,
    },
    /// No source asked can serve the order.
    #[error("the source {source_key} does not support this order")]
    OrderNotSupported {
        /// The source.
        source_key: Box<str>,
        /// The orders it can serve.
        supported: Vec<String>,
    },
    /// The source cannot list customers at all.
    #[error("the source {source_key} cannot list customers")]
    ListNotSupported {
        /// The source.
        source_key: Box<str>,
    },
    /// A source's list cannot be read backwards from here.
    #[error("the list of the source {source_key} cannot be read backwards from here")]
    BackwardNotSupported {
        /// The source.
        source_key: Box<str>,
    },
    /// The source lets nobody read this far into the list.
    #[error("the source {source_key} lets nobody read this far into the list; narrow the filter")]
    DepthLimit {
        /// The source.
        source_key: Box<str>,
    },
    /// A source failed, and the list was asked for whole or not at all.
    #[error("{error}")]
    Source {
        /// The source.
        source_key: Box<str>,
        /// Its failure.
        error: SourceError,
    },
}

impl ConnectionError {
    /// What a source cannot serve.
    pub(super) fn unsupported(source_key: &str, unsupported: Unsupported) -> Self {
        let source_key = source_key.into();
        match unsupported {
            Unsupported::Filter { parts, supported } => Self::FilterNotSupported {
                source_key,
                parts,
                supported,
            },
            Unsupported::Order { supported } => Self::OrderNotSupported {
                source_key,
                supported,
            },
            Unsupported::List => Self::ListNotSupported { source_key },
        }
    }
}
