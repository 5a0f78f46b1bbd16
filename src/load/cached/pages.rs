//! Pages of lists behind the cache: found, joined, read, and read again before they grow stale.
//!
//! It knows how a page is kept and nothing of how it is read.

use super::{Cached, PageRead, fly_alone, landed, may_be_stale, note_kept, serves, stale};
use crate::load::cache::{Kept, Key, PageKey, Said, Scope};
use crate::metrics::Read;
use crate::source::{
    Call, Known, ListPlan, Operation, Page, Position, Row, SourceError, SourceErrorKind,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Cached {
    pub(super) async fn page(
        self: &Arc<Self>,
        call: &Call,
        plan: &ListPlan,
        at: &Position,
        size: u32,
    ) -> Result<Page, SourceError> {
        let operation = call.operation();
        let key = Key::Page(Arc::new(PageKey {
            scope: self.scope(),
            route: plan.route,
            filter: plan.filter.clone(),
            order: plan.order,
            position: at.clone(),
            size,
        }));
        let kept = self.kept(&key);
        if let Some(kept) = kept.as_deref()
            && serves(kept, call)
            && let Some(page) = kept.said.page()
        {
            self.meter.pages.add(Read::Kept);
            note_kept(kept, operation);
            call.read_page(kept.began);
            if operation.keep && kept.is_due() {
                self.renew_page(call, plan, at, key, kept);
            }
            return Ok((*page).clone());
        }
        let flown = self.fly_page(call, plan, at, key, kept.as_deref()).await;
        match (flown, kept) {
            (Ok((page, began)), _) => {
                self.note_read(operation, &Said::Page(Arc::clone(&page)));
                call.read_page(began);
                Ok((*page).clone())
            }
            (Err(error), Some(kept)) if may_be_stale(operation, &error, &kept) => {
                let page = kept.said.page().ok_or(error)?;
                self.meter.pages.add(Read::Stale);
                operation.read_fresh_for(Duration::ZERO);
                call.read_page(kept.began);
                Ok(stale_page(&page))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Reads a page, or joins who reads it; once more where the operation that was joined had used up its calls. The page
    /// comes with when it was asked for.
    async fn fly_page(
        self: &Arc<Self>,
        call: &Call,
        plan: &ListPlan,
        at: &Position,
        key: Key,
        kept: Option<&Kept>,
    ) -> Result<(Arc<Page>, Instant), SourceError> {
        match self.fly_page_once(call, plan, at, key.clone(), kept).await {
            (Err(error), Read::Joined) if error.kind == SourceErrorKind::OverBudget => {
                let (read, _) = self.fly_page_once(call, plan, at, key, kept).await;
                read
            }
            (read, _) => read,
        }
    }

    /// The same, but once; and whether it was sent or joined.
    async fn fly_page_once(
        self: &Arc<Self>,
        call: &Call,
        plan: &ListPlan,
        at: &Position,
        key: Key,
        kept: Option<&Kept>,
    ) -> (Result<(Arc<Page>, Instant), SourceError>, Read) {
        let known = kept.and_then(known_page);
        let own = call.until(self.patience()).knowing(known);
        let this = Arc::clone(self);
        let (plan, at) = (plan.clone(), at.clone());
        let keys = [key];
        let landed_since = |key: &Key| {
            let kept = self.still(key, call)?;
            Some((Ok(kept.said.page()?), kept.began))
        };
        let mut from = Read::Joined;
        let flights = self
            .pages
            .join(&keys, call.not_before(), landed_since, |mut keys, began| {
                from = Read::Sent;
                async move {
                    let key = keys.pop().ok_or_else(SourceError::broken_off)?;
                    this.read_page(&own, &plan, &at, key, began).await
                }
            });
        self.meter.pages.add(from);
        let read = match flights.into_iter().next() {
            Some((flight, began)) => landed(call, self.caching.patience, flight)
                .await
                .flatten()
                .map(|page| (page, began)),
            None => Err(SourceError::broken_off()),
        };
        (read, from)
    }

    /// Asks again for a page that is about to grow stale. Nobody waits for it, and who asks meanwhile joins it.
    fn renew_page(
        self: &Arc<Self>,
        call: &Call,
        plan: &ListPlan,
        at: &Position,
        key: Key,
        kept: &Kept,
    ) {
        if !kept.take_renewal() {
            return;
        }
        let Some((leave, own)) = self.behind(call) else {
            kept.leave_renewal();
            return;
        };
        let own = own.knowing(known_page(kept));
        let (this, plan, at) = (Arc::clone(self), plan.clone(), at.clone());
        let renew = |mut keys: Vec<Key>, began| async move {
            let _leave = leave;
            let key = keys.pop().ok_or_else(SourceError::broken_off)?;
            this.read_page(&own, &plan, &at, key, began).await
        };
        fly_alone(self.pages.join(&[key], None, |_| None, renew));
    }

    async fn read_page(
        &self,
        call: &Call,
        plan: &ListPlan,
        at: &Position,
        key: Key,
        began: Instant,
    ) -> PageRead {
        let operation = call.operation();
        let Key::Page(asked) = &key else {
            return Err(SourceError::broken_off());
        };
        let read = self.inner.list(call, plan, at, asked.size).await;
        let page = Arc::new(read.inspect_err(|error| self.forget_refused(&key, error, began))?);
        if page.complete {
            self.keep_rows(operation, asked.scope, &page, began);
        }
        self.keep(operation, key, Said::Page(Arc::clone(&page)), began);
        Ok(page)
    }

    /// A row that says all is as good as the customer read by its id.
    fn keep_rows(&self, operation: &Operation, scope: Scope, page: &Arc<Page>, began: Instant) {
        if self.caching.times.is_none() {
            return;
        }
        for (index, row) in page.rows.iter().enumerate() {
            if let Row::Customer { customer, .. } = row {
                let id = customer.id.clone();
                let said = Said::Row(Arc::downgrade(page), index);
                self.keep(operation, Key::Customer { scope, id }, said, began);
            }
        }
    }
}

/// A page that the CRM can say is still so.
fn known_page(kept: &Kept) -> Option<Known> {
    let page = kept.said.page().filter(|_| kept.said.names_a_version());
    page.map(Known::Page)
}

fn stale_page(page: &Page) -> Page {
    let mut page = page.clone();
    for row in &mut page.rows {
        if let Row::Customer { customer, .. } | Row::Gone { customer, .. } = row {
            *customer = stale(customer);
        }
    }
    page
}
