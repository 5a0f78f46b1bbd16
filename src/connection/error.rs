//! Why a connection cannot be answered. The schema maps each to one public code.

use super::ReportError;
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
    /// A cursor of this list would be longer than is accepted.
    #[error("a cursor over so many sources would be too long; ask fewer sources at once")]
    CursorTooLong,
    /// A row of the connection was not found within the budget of pages, nor a place to go on from.
    #[error(
        "the source {source_key} shows no rows to go on from within the pages that may be read; narrow the filter"
    )]
    ScanLimit {
        /// The source.
        source_key: Box<str>,
    },
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
    /// No source asked can serve the order, and this one's list is too long to be ordered by the gateway.
    #[error(
        "the source {source_key} does not support this order, and its list is longer than the {most} customers that are ordered \
         here; narrow the filter"
    )]
    TooLong {
        /// The source.
        source_key: Box<str>,
        /// `whole_rows`
        most: u32,
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
    /// Why the only sources there are stay out.
    pub(super) fn excluded(source_key: &str, why: ReportError) -> Self {
        let source_key: Box<str> = source_key.into();
        match why {
            ReportError::Unsupported(why) => Self::unsupported(&source_key, why),
            ReportError::TooLong(most) => Self::TooLong { source_key, most },
            ReportError::ScanLimit => Self::ScanLimit { source_key },
            ReportError::Source(error) => Self::Source { source_key, error },
        }
    }

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
