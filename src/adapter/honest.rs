//! Whether the rows of a page are what the CRM was asked for.
//!
//! A CRM that ignores a filter or an order answers well-formed rows, and only they can tell. What they do not show is not held
//! against it. Rows that the gateway checks again itself are not judged here: those are left out, and nothing is wrong.

use super::faults::malformed;
use crate::model::{Customer, CustomerOrderField, DateTime, DeletedFilter, Filter, OrderDirection};
use crate::source::{ListPlan, Page, Row, SourceError};

/// Customers who may be found by an address or a time that they do not show.
const ODD_ONES: usize = 2;

/// An error where a row contradicts the filter, or two rows the order, that the CRM was asked for.
pub fn check(plan: &ListPlan, page: &Page) -> Result<(), SourceError> {
    let promised = promised(&plan.filter, &plan.residual);
    if customers(page).any(|customer| promised.is_contradicted_by(customer))
        || ignores_email(&promised, page)
        || ignores_times(&promised, page)
    {
        return Err(malformed("the CRM answers rows that its filter leaves out"));
    }
    let Some(order) = plan.order else {
        return Ok(());
    };
    let moments: Vec<DateTime> = customers(page)
        .filter_map(|customer| match order.field {
            CustomerOrderField::CreatedAt => customer.created_at,
            CustomerOrderField::UpdatedAt => customer.updated_at,
            // How CRMs compare texts, numbers and words is their own.
            _ => None,
        })
        .collect();
    let sorted = match order.direction {
        OrderDirection::Asc => moments.is_sorted(),
        OrderDirection::Desc => moments.iter().rev().is_sorted(),
    };
    if sorted {
        Ok(())
    } else {
        Err(malformed(
            "the CRM answers rows in another order than asked",
        ))
    }
}

/// Whether a page of several customers, who all show an address, has none with the one that was asked for. One or two may have it
/// as a second address.
fn ignores_email(promised: &Filter, page: &Page) -> bool {
    let asked = Filter {
        email: promised.email.clone(),
        ..Filter::default()
    };
    let mut others = 0;
    for customer in customers(page) {
        if customer.email.is_none() || asked.matches(customer, jiff::civil::Date::ZERO) {
            return false;
        }
        others += 1;
    }
    others > ODD_ONES
}

/// Whether most customers of a page are out of the times that were asked for. A few may show another time than the CRM goes by.
fn ignores_times(promised: &Filter, page: &Page) -> bool {
    let far = customers(page).filter(|customer| promised.is_far_from(customer));
    let far = far.count();
    far > ODD_ONES && 2 * far > customers(page).count()
}

/// The parts of a filter that are left to the CRM.
fn promised(asked: &Filter, residual: &Filter) -> Filter {
    fn left<T: Clone>(asked: &Option<T>, again: &Option<T>) -> Option<T> {
        asked.clone().filter(|_| again.is_none())
    }
    Filter {
        ids: left(&asked.ids, &residual.ids),
        owner_id: left(&asked.owner_id, &residual.owner_id),
        tier: left(&asked.tier, &residual.tier),
        status: left(&asked.status, &residual.status),
        kind: left(&asked.kind, &residual.kind),
        gender: left(&asked.gender, &residual.gender),
        email: left(&asked.email, &residual.email),
        created_at: left(&asked.created_at, &residual.created_at),
        updated_at: left(&asked.updated_at, &residual.updated_at),
        // What proves nothing, however a record looks.
        search: None,
        phone: None,
        tags: None,
        age: None,
        parent_id: None,
        operator_id: None,
        deleted: DeletedFilter::default(),
    }
}

fn customers(page: &Page) -> impl Iterator<Item = &Customer> {
    page.rows.iter().filter_map(|row| match row {
        Row::Customer { customer, .. } | Row::Gone { customer, .. } => Some(&**customer),
        Row::Unreadable { .. } => None,
    })
}
