//! Customers by id through a list: by its filter of ids, page by page until each is found or nothing leads on.

use super::Adapter;
use super::faults::malformed;
use crate::model::{Filter, LocalId};
use crate::source::{
    Call, CustomerSource, ListPlan, Page, Paging, Position, Row, SourceError, SourceErrorKind,
    TotalKind,
};

/// How many pages are read beyond one for each id.
const SPARE_PAGES: usize = 3;

/// How many rows are asked for where others than those meant may come with them.
const AMONG_OTHERS: u32 = 100;

/// Rows, and whether they are all that there are; else why nobody knows.
pub(super) type Listed = (Vec<Row>, Result<(), SourceError>);

impl Adapter {
    /// The rows of these ids, through the list's filter by id.
    pub(super) async fn listed_rows(
        &self,
        call: &Call,
        ids: &[LocalId],
    ) -> Result<Listed, SourceError> {
        let filter = Filter {
            ids: Some(ids.to_vec()),
            ..Filter::default()
        };
        let unserved = |_| {
            SourceError::new(
                SourceErrorKind::Unsupported,
                "the CRM's list cannot be narrowed to these ids",
            )
        };
        let plan = self.plan(&filter, None).map_err(unserved)?;
        let mut look = Look::new(&plan, ids);
        let page = self
            .list_page(call, &plan, &Position::Start, look.size)
            .await?;
        let mut next = look.take(page);
        while let Some(at) = next.filter(|_| look.pages < ids.len() + SPARE_PAGES) {
            next = match self.list_page(call, &plan, &at, look.size).await {
                Ok(page) => look.take(page),
                // Those that were found are found.
                Err(error) => {
                    look.whole = Err(error);
                    None
                }
            };
        }
        Ok((look.rows, look.whole))
    }
}

/// The size of page nearest to the one wanted that the CRM answers.
pub(super) fn page_size(plan: &ListPlan, wanted: u32) -> u32 {
    let sizes = match plan.paging {
        Paging::Page(sizes) | Paging::Offset(sizes) | Paging::Keyset { sizes, .. } => Some(sizes),
        Paging::Token(walk) | Paging::Link(walk) => walk.sizes,
        Paging::None => None,
    };
    sizes.map_or(wanted, |sizes| wanted.clamp(sizes.min, sizes.max))
}

/// A look through the pages of a list.
struct Look<'l> {
    plan: &'l ListPlan,
    ids: &'l [LocalId],
    size: u32,
    rows: Vec<Row>,
    /// Rows that came, those that were not asked for among them.
    read: u64,
    pages: usize,
    /// Pages with rows.
    filled: usize,
    /// A page had as many rows as were asked for.
    full: bool,
    whole: Result<(), SourceError>,
}

impl<'l> Look<'l> {
    fn new(plan: &'l ListPlan, ids: &'l [LocalId]) -> Self {
        let count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let mut look = Self {
            plan,
            ids,
            size: count,
            rows: Vec::with_capacity(ids.len()),
            read: 0,
            pages: 0,
            filled: 0,
            full: false,
            whole: Ok(()),
        };
        let wanted = match look.is_among_others() {
            true => count.max(AMONG_OTHERS),
            false => count,
        };
        look.size = page_size(plan, wanted);
        look
    }

    /// Whether the CRM may answer others than those asked for.
    fn is_among_others(&self) -> bool {
        self.plan.residual.ids.is_some()
    }

    /// Adds a page. Where it leads on and somebody is missing, the next one.
    fn take(&mut self, page: Page) -> Option<Position> {
        let count = page.rows.len() as u64;
        self.pages += 1;
        self.read += count;
        self.filled += usize::from(count > 0);
        self.full |= count >= u64::from(self.size) || page.cut;
        let next = self.behind(&page, count);
        let all = next.is_none() && !self.hides_some(&page);
        self.whole = match all && self.stood_still() {
            true => Ok(()),
            false => Err(malformed(
                "the CRM answered only a part of the customers asked for",
            )),
        };
        let others = self.is_among_others();
        let ids = self.ids;
        let meant = |row: &Row| {
            row.customer()
                .is_none_or(|customer| !others || ids.contains(&customer.id))
        };
        self.rows.extend(page.rows.into_iter().filter(meant));
        next.filter(|_| self.rows.len() < self.ids.len())
    }

    /// Where the list may go on behind a page of so many rows.
    fn behind(&self, page: &Page, count: u64) -> Option<Position> {
        let short = count < u64::from(self.size) && !page.cut;
        let ends = short || self.is_last(page);
        match self.plan.paging {
            Paging::Token(_) | Paging::Link(_) => page.next.clone(),
            Paging::Page(_) | Paging::Offset(_) if !ends => Some(Position::Index(self.read)),
            _ => None,
        }
    }

    /// Whether the CRM says itself that no row follows a page.
    fn is_last(&self, page: &Page) -> bool {
        let counted_out = self.plan.total == TotalKind::Exact && page.total == Some(self.read);
        page.more == Some(false) || counted_out
    }

    /// Whether there may be rows that nothing here leads to.
    fn hides_some(&self, page: &Page) -> bool {
        let counts = matches!(self.plan.total, TotalKind::Exact | TotalKind::Capped(_));
        let keyed = matches!(self.plan.paging, Paging::Keyset { .. }) && self.full;
        page.more == Some(true)
            || ((keyed || page.cut) && !self.is_last(page))
            || (counts && page.total.is_some_and(|total| total > self.read))
    }

    /// Whether no row can have been hidden by others that came or went between two pages.
    fn stood_still(&self) -> bool {
        let in_one = self.filled <= 1 && !self.full;
        self.pages == 1
            || match self.plan.paging {
                Paging::Token(walk) | Paging::Link(walk) => walk.anchored || in_one,
                _ => false,
            }
    }
}
