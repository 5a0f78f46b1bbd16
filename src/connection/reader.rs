//! Where pages of a source come in, and what is refused of them at once.

use super::pages::malformed;
use crate::source::{Call, ListPlan, Page, Position, Row, SourceEntry, SourceError};
use std::sync::Arc;

/// Takes pages of one source. The one place where pages come in.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) entry: Arc<SourceEntry>,
    pub(super) call: Call,
    /// The longest position that a page may lead to.
    pub(super) longest: usize,
}

impl Reader {
    /// One page of a planned list.
    pub(super) async fn page(
        &self,
        plan: &ListPlan,
        at: &Position,
        size: u32,
    ) -> Result<Page, SourceError> {
        let page = self.entry.source.list(&self.call, plan, at, size).await?;
        let leads = [&page.next, &page.prev].into_iter().flatten();
        let too_long = |position: &Position| match position {
            Position::Start | Position::Index(_) => false,
            Position::Token(text) | Position::After(text) | Position::Before(text) => {
                text.len() > self.longest
            }
        };
        let keys = page.rows.iter().filter_map(Row::key);
        if leads.into_iter().any(too_long) || keys.into_iter().any(|key| key.len() > self.longest) {
            return Err(malformed(
                "the source leads on with a token, link or key that is too long (limits.position_bytes)",
            ));
        }
        Ok(page)
    }
}
