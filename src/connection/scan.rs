//! Lists a source cannot filter by itself: what is left for the gateway to check on each row.
//!
//! The budget of pages for that is kept by `list`.

use crate::model::{Filter, Order};
use crate::source::{CustomerSource, ListPlan, Unsupported};

/// Plans a list without the parts of the filter that the source cannot serve, and returns what must be checked instead.
///
/// # Errors
/// What the source cannot serve even so.
pub(super) fn relaxed(
    source: &dyn CustomerSource,
    filter: &Filter,
    order: Option<Order>,
) -> Result<(ListPlan, Filter), Unsupported> {
    let mut sent = filter.clone();
    let mut checked = Filter::default();
    loop {
        let refused = match source.plan(&sent, order) {
            Ok(plan) => return Ok((plan, checked)),
            Err(refused) => refused,
        };
        let Unsupported::Filter { parts, .. } = &refused else {
            return Err(refused);
        };
        let name = |part: &String| part.split(':').next().unwrap_or_default().to_owned();
        let mut moved = false;
        for part in parts.iter().map(name) {
            moved |= sent.parts().contains(&&*part) && sent.move_part(&part, &mut checked);
        }
        if !moved {
            return Err(refused);
        }
    }
}

/// All of both filters, where they do not name the same part; the first counts where they do.
pub(super) fn joined(mut one: Filter, mut other: Filter) -> Filter {
    for part in other.parts() {
        if !one.parts().contains(&part) {
            other.move_part(part, &mut one);
        }
    }
    one
}
