//! Whether the rows of a page are what the CRM was asked for.
//!
//! A CRM that ignores a filter or an order answers well-formed rows, and only they can tell. What they do not show is not held
//! against it. Rows that the gateway checks again itself are not judged here: those are left out, and nothing is wrong.

use super::faults::malformed;
use super::manifest::{Field, Manifest};
use super::place::{JsonPath, find};
use crate::model::{
    Customer, CustomerOrderField, DateTime, DeletedFilter, Filter, LocalId, Native, Order,
    OrderDirection,
};
use crate::source::{ListPlan, Page, SourceError};
use jiff::SignedDuration;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};

/// Customers who may be found by an address or a time that they do not show.
const ODD_ONES: usize = 2;

/// By so many digits from the end two phone numbers are told apart.
const LAST_DIGITS: usize = 4;

/// How far a time that names no zone may stand back behind the one before it: in one night of a year a clock shows an hour twice.
const CLOCK_CHANGE: SignedDuration = SignedDuration::from_hours(2);

/// Whom else the rows of a list were seen to name. Where none names anybody, the list may not tell it, so that a row which names
/// nobody proves nothing.
#[derive(Debug, Default)]
pub struct Relations {
    parents: AtomicBool,
    operators: AtomicBool,
}

impl Relations {
    fn note(&self, page: &Page) {
        let note = |seen: &AtomicBool, named: fn(&Customer) -> bool| {
            if !seen.load(Ordering::Relaxed) && page.customers().any(named) {
                seen.store(true, Ordering::Relaxed);
            }
        };
        note(&self.parents, |one| one.parent_id.is_some());
        note(&self.operators, |one| one.operator_id.is_some());
    }

    fn names_parents(&self) -> bool {
        self.parents.load(Ordering::Relaxed)
    }

    fn names_operators(&self) -> bool {
        self.operators.load(Ordering::Relaxed)
    }
}

/// An error where a row contradicts the filter, or two rows the order, that the CRM was asked for.
pub fn check(
    manifest: &Manifest,
    plan: &ListPlan,
    page: &Page,
    relations: &Relations,
) -> Result<(), SourceError> {
    relations.note(page);
    let promised = promised(&plan.filter, &plan.residual);
    if page
        .customers()
        .any(|customer| promised.is_contradicted_by(customer))
        || ignores_email(&promised, page)
        || ignores_times(&promised, page)
        || ignores_phone(plan, page)
        || (promised.parent_id.is_some()
            && relations.names_parents()
            && are_free(manifest, "parentId", |one| &one.parent_id, page))
        || (promised.operator_id.is_some()
            && relations.names_operators()
            && are_free(manifest, "operatorId", |one| &one.operator_id, page))
    {
        return Err(malformed("the CRM answers rows that its filter leaves out"));
    }
    if is_in_order(manifest, plan, page) {
        Ok(())
    } else {
        Err(malformed(
            "the CRM answers rows in another order than asked",
        ))
    }
}

/// Whether the rows stand in the order that was asked for. How CRMs compare texts and words is their own.
fn is_in_order(manifest: &Manifest, plan: &ListPlan, page: &Page) -> bool {
    let Some(Order { field, direction }) = plan.order else {
        return true;
    };
    let moments = |name: &str, of: fn(&Customer) -> Option<DateTime>| {
        let moments: Vec<DateTime> = page.customers().filter_map(of).collect();
        let local = || {
            let shown = page.customers().find(|customer| of(customer).is_some());
            shown.is_some_and(|one| is_local(manifest, name, one))
        };
        are_sorted(&moments, direction) || (are_nearly_sorted(&moments, direction) && local())
    };
    match field {
        CustomerOrderField::CreatedAt => moments("createdAt", |customer| customer.created_at),
        CustomerOrderField::UpdatedAt => moments("updatedAt", |customer| customer.updated_at),
        CustomerOrderField::Id if plan.numeric_ids => {
            let number = |customer: &Customer| customer.id.as_str().parse::<u128>().ok();
            let numbers: Vec<u128> = page.customers().filter_map(number).collect();
            are_sorted(&numbers, direction)
        }
        CustomerOrderField::Id => !are_turned(page, direction),
        _ => true,
    }
}

/// Whether the time of a record is a text that names no zone.
fn is_local(manifest: &Manifest, field: &str, customer: &Customer) -> bool {
    let Some(record) = customer.native.as_ref().and_then(Native::value) else {
        return false;
    };
    let fields = manifest.fields.get(field).into_iter();
    let mut places = fields.flat_map(|field| &field.read);
    let text = places.find_map(|place| place.find(&record)?.as_str());
    // What stands behind the day: a zone is letters, or how far it is from UTC.
    let time = text.and_then(|text| text.get(11..));
    let zoned = |c: char| c.is_alphabetic() || matches!(c, '+' | '-');
    time.is_some_and(|time| !time.contains(zoned))
}

/// Whether moments stand in order, but for clocks that were put back.
fn are_nearly_sorted(moments: &[DateTime], direction: OrderDirection) -> bool {
    let (before, after) = (moments.iter(), moments.iter().skip(1));
    let steps = before.zip(after).map(|(before, after)| match direction {
        OrderDirection::Asc => before.0.duration_since(after.0),
        OrderDirection::Desc => after.0.duration_since(before.0),
    });
    let back: Vec<SignedDuration> = steps.filter(SignedDuration::is_positive).collect();
    back.len() <= ODD_ONES && back.iter().all(|step| *step <= CLOCK_CHANGE)
}

/// Whether ids that are text stand against the order, however a CRM compares texts: as all do those that are digits of one length,
/// and rows that all stand the wrong way round.
fn are_turned(page: &Page, direction: OrderDirection) -> bool {
    let ids: Vec<&str> = page
        .customers()
        .map(|customer| customer.id.as_str())
        .collect();
    let is_number = |id: &&str| id.bytes().all(|byte| byte.is_ascii_digit());
    if ids.iter().all(is_number) {
        let length = ids.first().map_or(0, |id| id.len());
        return ids.iter().all(|id| id.len() == length) && !are_sorted(&ids, direction);
    }
    let mut pairs = ids.iter().zip(ids.iter().skip(1));
    ids.len() > ODD_ONES + 1
        && pairs.all(|(one, other)| match direction {
            OrderDirection::Asc => one > other,
            OrderDirection::Desc => one < other,
        })
}

fn are_sorted<T: Ord>(values: &[T], direction: OrderDirection) -> bool {
    match direction {
        OrderDirection::Asc => values.is_sorted(),
        OrderDirection::Desc => values.iter().rev().is_sorted(),
    }
}

/// Whether several customers of a page show another address than was asked for, be the right one among them or not. One or two
/// may have it as a second address.
fn ignores_email(promised: &Filter, page: &Page) -> bool {
    let asked = Filter {
        email: promised.email.clone(),
        ..Filter::default()
    };
    let shows_another = |customer: &&Customer| {
        customer.email.is_some() && !asked.matches(customer, jiff::civil::Date::ZERO)
    };
    page.customers().filter(shows_another).count() > ODD_ONES
}

/// Whether several customers of a page show a phone number, and none the one that was asked for, by its last digits: how numbers
/// are written differs before these.
fn ignores_phone(plan: &ListPlan, page: &Page) -> bool {
    let Some(asked) = plan
        .filter
        .phone
        .as_deref()
        .filter(|_| plan.residual.phone.is_none())
    else {
        return false;
    };
    let asked = last_digits(asked);
    let shown = || {
        page.customers()
            .filter_map(|customer| customer.phone.as_ref())
    };
    shown().count() > ODD_ONES && !shown().any(|phone| last_digits(&phone.number) == asked)
}

fn last_digits(number: &str) -> Vec<char> {
    let digits = number.chars().rev().filter(char::is_ascii_digit);
    digits.take(LAST_DIGITS).collect()
}

/// Whether most customers of a page are out of the times that were asked for. A few may show another time than the CRM goes by.
fn ignores_times(promised: &Filter, page: &Page) -> bool {
    let now = DateTime::at(jiff::Timestamp::now());
    let far = page
        .customers()
        .filter(|customer| promised.is_far_from(customer, now));
    let far = far.count();
    far > ODD_ONES && 2 * far > page.customers().count()
}

/// Whether most records of a page say that they belong to nobody, where those of one customer were asked for. A record that does
/// not speak of it proves nothing.
fn are_free(
    manifest: &Manifest,
    name: &str,
    shown: fn(&Customer) -> &Option<LocalId>,
    page: &Page,
) -> bool {
    let Some(field) = manifest.fields.get(name) else {
        return false;
    };
    let free = page.customers().filter(|customer| {
        let unshown = shown(customer).is_none() && !field.read.is_empty();
        let native = customer.native.as_ref().filter(|_| unshown);
        native.and_then(Native::value).is_some_and(|record| {
            let mut places = field.read.iter();
            places.all(|place| is_nobody(field, place, &record))
        })
    });
    let free = free.count();
    free > ODD_ONES && 2 * free > page.customers().count()
}

/// Whether a record has nothing at a place, or on the way to it, and says so.
fn is_nobody(field: &Field, place: &JsonPath, record: &Value) -> bool {
    let steps = place.steps();
    let mut ends = 1..=steps.len();
    place
        .find(record)
        .is_some_and(|found| field.null_if.contains(found))
        || ends.any(|end| {
            let way = steps.get(..end).unwrap_or_default();
            find(way, record).is_some_and(Value::is_null)
        })
}

/// The parts of a filter that are left to the CRM.
fn promised(asked: &Filter, residual: &Filter) -> Filter {
    fn left<T: Clone>(asked: &Option<T>, again: &Option<T>) -> Option<T> {
        asked.clone().filter(|_| again.is_none())
    }
    Filter {
        ids: left(&asked.ids, &residual.ids),
        owner_id: left(&asked.owner_id, &residual.owner_id),
        parent_id: left(&asked.parent_id, &residual.parent_id),
        operator_id: left(&asked.operator_id, &residual.operator_id),
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
        deleted: DeletedFilter::default(),
    }
}
