//! How a list over several sources is put together, and what became of each source in it.

use async_graphql::Enum;

/// What to do when a source fails while a list is read.
#[derive(Enum, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SourceFailurePolicy {
    /// Answer the rows of the other sources and report the one that failed. It stays out of this traversal.
    #[default]
    Skip,
    /// Answer no list at all, only the error. The same cursor can be tried again.
    Fail,
}

/// What to do when a source cannot serve a part of the filter.
#[derive(Enum, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UnsupportedFilterPolicy {
    /// Refuse before any call, and name what the source can serve.
    #[default]
    Refuse,
    /// Read more rows and let the gateway filter them, within a budget of pages.
    Scan,
}

/// In which order the rows of a list stand.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionOrder {
    /// One source after the other, in the order of the configuration; within a source in its own order.
    GroupedBySource,
    /// Rows of all sources merged by the order asked for; also of one source whose list the gateway orders. Rows without a value count as the greatest; equal rows stand
    /// in the order of the configuration.
    Merged,
    /// The order of the only source asked.
    Source,
}

/// What became of one source in a list.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceOutcome {
    /// It gave everything it was asked for.
    Complete,
    /// The budget of pages ended before the window was filled. The end cursor goes on from there, backwards the start cursor.
    Truncated,
    /// It failed; see the error. The list holds what was read before.
    Failed,
    /// It cannot serve this filter; or it cannot serve this order and has too many rows for the gateway to order them. It gave none.
    Unsupported,
}
