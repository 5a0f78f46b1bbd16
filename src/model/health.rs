//! How a source is doing, in one word.

use async_graphql::Enum;

/// How a source is doing, as far as the last calls tell.
#[derive(Enum, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SourceHealth {
    /// No call failed lately, or none was made.
    #[default]
    Healthy,
    /// Some calls failed lately, its rate limit is used up, or nobody knows yet whether it is back.
    Degraded,
    /// It failed so often that nothing is sent to it for a moment.
    Unavailable,
}
