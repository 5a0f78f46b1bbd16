//! Orders, sent in the CRM's own style.

use super::shape::with_holes;
use crate::adapter::manifest::{Sort, SortStyle};
use crate::adapter::request::{Draft, Unplaceable};
use crate::adapter::wire;
use crate::model::{CustomerOrderField, Order, OrderDirection};
use serde_json::Value;

impl Sort {
    /// The order that is sent: the one asked for, else the default.
    pub fn chosen(&self, order: Option<Order>) -> Option<Order> {
        order.or_else(|| {
            self.default
                .map(|(field, direction)| Order { field, direction })
        })
    }

    /// Whether the CRM can sort like this.
    pub fn serves(&self, field: CustomerOrderField) -> bool {
        self.by.contains_key(&field)
    }

    /// Whether an order leaves no ties.
    pub fn is_unique(&self, field: CustomerOrderField) -> bool {
        self.ties_unique || self.unique == Some(field)
    }

    fn words(&self, order: Order) -> Option<(&str, &Value)> {
        let direction = match order.direction {
            OrderDirection::Asc => &self.asc,
            OrderDirection::Desc => &self.desc,
        };
        Some((self.by.get(&order.field)?, direction))
    }

    /// The sort as one text, for styles that are one.
    pub(super) fn text(&self, order: Order) -> Option<String> {
        let (field, direction) = self.words(order)?;
        match &self.style {
            SortStyle::Signed(_) if order.direction == OrderDirection::Desc => {
                Some(format!("-{field}"))
            }
            SortStyle::Signed(_) => Some(field.to_owned()),
            _ => Some(format!("{field}{}", wire::scalar_text(direction)?)),
        }
    }
}

/// Puts the order into a request.
pub(super) fn push_sort(
    sort: Option<(&Sort, Order)>,
    draft: &mut Draft<'_>,
) -> Result<(), Unplaceable> {
    let Some((sort, order)) = sort else {
        return Ok(());
    };
    let (by, word) = sort.words(order).ok_or(Unplaceable)?;
    match &sort.style {
        SortStyle::Pair { field, direction } => {
            draft.put(field, Value::from(by))?;
            draft.put(direction, word.clone())
        }
        SortStyle::Signed(to) | SortStyle::Suffix(to) => {
            draft.put(to, Value::String(sort.text(order).ok_or(Unplaceable)?))
        }
        SortStyle::Keyed(keyed) => {
            let to = keyed.place(by).ok_or(Unplaceable)?;
            draft.put(&to, word.clone())
        }
        SortStyle::Body { to, each } => {
            let element = with_holes(each, &|text| match text {
                "$field" => Some(Value::from(by)),
                "$direction" => Some(word.clone()),
                _ => None,
            });
            to.put(&mut draft.body, Value::Array(vec![element]));
            Ok(())
        }
    }
}
