//! Which list serves a filter and an order; where none does, what comes closest.

use super::Adapter;
use super::filter::Missing;
use super::manifest::ListRoute;
use crate::model::{CustomerOrderField, Filter, Order};
use crate::source::{ListPlan, Unsupported};

impl Adapter {
    /// Which route serves a filter and an order, and how.
    pub(super) fn plan_list(
        &self,
        filter: &Filter,
        order: Option<Order>,
    ) -> Result<ListPlan, Unsupported> {
        // How far a refusal is from a plan: parts that are missing and that nobody could check on the rows, all that are missing,
        // and those among them that a route does not know.
        let mut best: Option<((usize, usize, usize), Unsupported)> = None;
        for (index, route) in self.manifest.lists.iter().enumerate() {
            let missing = route.unserved(&self.manifest, filter);
            let sorts = order.is_none_or(|order| {
                route
                    .sort
                    .as_ref()
                    .is_some_and(|sort| sort.serves(order.field))
            });
            if !route.has_what_it_needs(&self.manifest, filter) {
                continue;
            }
            if missing.is_empty() && sorts {
                return self
                    .planned(index, route, filter, order)
                    .ok_or(Unsupported::List);
            }
            let unknown = missing.iter().filter(|part| !part.limited).count();
            let unseen = missing.iter().filter(|part| !part.shows()).count();
            let far = (unseen, missing.len(), unknown);
            if best.as_ref().is_none_or(|(nearest, _)| far < *nearest) {
                best = Some((far, self.refused_plan(missing)));
            }
        }
        Err(best.map_or(Unsupported::List, |(_, refusal)| refusal))
    }

    /// Why no list serves a filter, or, where it serves the whole filter, the order.
    fn refused_plan(&self, missing: Vec<Missing>) -> Unsupported {
        let known = &self.capabilities;
        if missing.is_empty() {
            let orders = known.orderings.iter();
            return Unsupported::Order {
                supported: orders
                    .map(|order| order.field.schema_word().to_owned())
                    .collect(),
            };
        }
        let supported: Vec<String> = known
            .filters
            .iter()
            .map(|filter| filter.name.clone())
            .collect();
        // What another route serves is refused only for what stands beside it.
        let beside = |part: Missing| {
            if part.limited || !supported.contains(&part.text) {
                part.text
            } else {
                format!("{} (not together with the others)", part.text)
            }
        };
        Unsupported::Filter {
            parts: missing.into_iter().map(beside).collect(),
            supported,
        }
    }

    fn planned(
        &self,
        index: usize,
        route: &ListRoute,
        filter: &Filter,
        order: Option<Order>,
    ) -> Option<ListPlan> {
        let listing = self.lists.get(index)?;
        let sort = route.sort.as_ref();
        let sent = sort.and_then(|sort| sort.chosen(order));
        Some(ListPlan {
            route: index,
            filter: filter.clone(),
            residual: route.residual(&self.manifest, filter),
            order,
            sent,
            numeric_ids: sent.is_some_and(|sent| sent.field == CustomerOrderField::Id)
                && self.manifest.counts_ids(),
            unique_order: sent
                .is_some_and(|sent| sort.is_some_and(|sort| sort.is_unique(sent.field))),
            paging: listing.pages.paging(),
            total: listing.pages.total_kind(),
            total_in_doubt: listing.pages.may_count_a_page(),
            depth: listing.pages.depth(),
            revision: self.manifest.revision,
        })
    }
}
