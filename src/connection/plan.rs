//! What will be read from which source, decided before any call: plans, checks left to the gateway, refusals.

use super::list::List;
use super::memory::Memory;
use super::reader::Reader;
use super::scan;
use super::{Asked, AskedSource, ConnectionError};
use crate::limits::Limits;
use crate::model::{
    ConnectionOrder, CustomerOrderField, DeletedFilter, Filter, Order, OrderDirection,
    UnsupportedFilterPolicy,
};
use crate::source::{Call, ListPlan, Operation, SourceEntry, Unsupported};
use std::sync::{Arc, LazyLock};

/// A source asked, and its list where it can serve one.
pub(super) struct Listed<'a> {
    /// The source.
    pub(super) entry: Arc<SourceEntry>,
    /// Its list.
    pub(super) list: Result<List<'a>, Unsupported>,
    /// It cannot order the list so that it merges with others: the gateway reads it whole and orders it, where it is small.
    pub(super) whole: bool,
}

/// What will be read.
pub(super) struct Planned<'a> {
    /// Every source asked, in the order of the configuration.
    pub(super) lists: Vec<Listed<'a>>,
    /// The fingerprint of all that makes these lists what they are.
    pub(super) query: u64,
    /// In which order the rows stand.
    pub(super) order: ConnectionOrder,
}

impl<'a> Planned<'a> {
    /// Plans every source's list.
    ///
    /// # Errors
    /// No source can serve the filter and the order.
    pub(super) fn new(
        asked: &Asked,
        operation: &Arc<Operation>,
        limits: &'a Limits,
        memory: &'a Memory,
    ) -> Result<Self, ConnectionError> {
        let mut sources: Vec<&AskedSource> = asked.sources.iter().collect();
        sources.sort_by_key(|source| source.entry.rank);
        sources.dedup_by(|one, other| one.entry.key == other.entry.key);
        let today = jiff::Timestamp::now()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date();
        let merges = sources.len() > 1;
        let lists: Vec<Listed<'a>> = sources
            .into_iter()
            .map(|source| {
                let call = Call::new(Arc::clone(operation));
                let resolved = resolve(asked, source, merges, limits);
                let whole = resolved.as_ref().is_ok_and(|resolved| resolved.whole);
                let list = resolved.map(|Resolved { plan, check, .. }| List {
                    reader: Reader {
                        entry: Arc::clone(&source.entry),
                        call,
                        longest: limits.position_bytes,
                    },
                    reversed: reversed(&source.entry, &plan),
                    print: print(&source.entry, &plan),
                    deleted: plan.filter.deleted,
                    check: (!check.is_empty()).then_some(check),
                    today,
                    limits,
                    memory,
                    plan,
                });
                Listed {
                    entry: Arc::clone(&source.entry),
                    list,
                    whole,
                }
            })
            .collect();
        let refused = lists
            .iter()
            .find_map(|listed| listed.list.as_ref().err().map(|why| (&listed.entry, why)));
        if let Some((entry, why)) = refused
            && lists.iter().all(|listed| listed.list.is_err())
        {
            return Err(ConnectionError::unsupported(&entry.key, why.clone()));
        }
        let ordered_here = lists.iter().any(|listed| listed.whole);
        let order = match (lists.len(), asked.order) {
            (1, _) if !ordered_here => ConnectionOrder::Source,
            (_, None) => ConnectionOrder::GroupedBySource,
            (_, Some(_)) => ConnectionOrder::Merged,
        };
        Ok(Self {
            query: query(asked, &lists),
            lists,
            order,
        })
    }
}

/// How a source's list is read.
struct Resolved {
    plan: ListPlan,
    /// What is left to check on each row.
    check: Filter,
    /// Whether the gateway must order the list itself.
    whole: bool,
}

/// Decides how a source's list is read. One source alone orders its list as it does; only an order that every system
/// compares alike is left to several. What is left to nobody the gateway orders itself, where it may read whole lists and the
/// records tell what they are ordered by.
fn resolve(
    asked: &Asked,
    source: &AskedSource,
    merges: bool,
    limits: &Limits,
) -> Result<Resolved, Unsupported> {
    let Some(order) = asked.order else {
        return planned(asked, source, None);
    };
    match by_itself(asked, source, order, merges) {
        Err(Unsupported::Order { .. }) => {}
        resolved => return resolved,
    }
    if !by_the_gateway(source, order.field, limits) {
        let supported = orders(asked, source, merges, limits);
        return Err(Unsupported::Order { supported });
    }
    let resolved = planned(asked, source, None)?;
    Ok(Resolved {
        whole: true,
        ..resolved
    })
}

/// The list as the source orders it, where that is the order wanted.
fn by_itself(
    asked: &Asked,
    source: &AskedSource,
    order: Order,
    merges: bool,
) -> Result<Resolved, Unsupported> {
    let resolved = planned(asked, source, Some(order))?;
    let shows = source.entry.source.shows(order.field);
    // Birth dates are compared alike, but many a customer has none, and no CRM says on which side of its list those stand.
    let alike = order.field.compared_alike() && order.field != CustomerOrderField::BirthDate;
    if !merges || (shows && alike && !resolved.plan.numeric_ids) {
        return Ok(resolved);
    }
    Err(Unsupported::Order {
        supported: Vec::new(),
    })
}

/// Whether the gateway may order the source's list, where it is small. What its records do not tell cannot put them in order:
/// all would be alike, and come by their ids.
fn by_the_gateway(source: &AskedSource, field: CustomerOrderField, limits: &Limits) -> bool {
    limits.whole_rows > 0 && source.entry.source.shows(field)
}

/// What this list can be ordered by, by the source itself or by the gateway.
fn orders(asked: &Asked, source: &AskedSource, merges: bool, limits: &Limits) -> Vec<String> {
    let own = &source.entry.source.capabilities().orderings;
    let itself = |field| {
        let order = Order {
            field,
            direction: OrderDirection::Asc,
        };
        own.iter().any(|order| order.field == field)
            && by_itself(asked, source, order, merges).is_ok()
    };
    let fields = CustomerOrderField::ALL.iter().map(|(_, field)| *field);
    fields
        .filter(|field| by_the_gateway(source, *field, limits) || itself(*field))
        .map(|field| field.schema_word().to_owned())
        .collect()
}

fn planned(
    asked: &Asked,
    source: &AskedSource,
    order: Option<Order>,
) -> Result<Resolved, Unsupported> {
    let from = &*source.entry.source;
    let (plan, moved) = match asked.unsupported {
        UnsupportedFilterPolicy::Refuse => (from.plan(&source.filter, order)?, Filter::default()),
        UnsupportedFilterPolicy::Scan => scan::relaxed(from, &source.filter, order)?,
    };
    let mut check = scan::joined(moved, plan.residual.clone());
    // Deleted rows are told apart by what the source says of them.
    check.deleted = DeletedFilter::default();
    Ok(Resolved {
        plan,
        check,
        whole: false,
    })
}

/// How the list is read from its end, where turning the order around does exactly that.
fn reversed(entry: &SourceEntry, plan: &ListPlan) -> Option<ListPlan> {
    let order = plan.sent.filter(|_| plan.unique_order)?;
    let turned = entry
        .source
        .plan(&plan.filter, Some(order.reversed()))
        .ok()?;
    // Another route may list other rows.
    let alike = turned.route == plan.route && turned.paging == plan.paging;
    (alike && turned.unique_order).then_some(turned)
}

fn print(entry: &SourceEntry, plan: &ListPlan) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hash(&mut hasher, &entry.key);
    // By far most lists are not filtered, and telling what a filter holds takes time.
    static UNFILTERED: LazyLock<String> = LazyLock::new(|| format!("{:?}", Filter::default()));
    let told;
    let filter = match plan.filter == Filter::default() {
        true => &*UNFILTERED,
        false => {
            told = format!("{:?}", plan.filter);
            &told
        }
    };
    let text = format!("{} {} {:?} {filter}", plan.route, plan.revision, plan.order);
    hash(&mut hasher, &text);
    finish(&hasher)
}

/// The fingerprint that a cursor is bound to: sources, filters, order, plans, and the policy that decides who takes part.
fn query(asked: &Asked, lists: &[Listed<'_>]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hash(
        &mut hasher,
        &format!("{:?} {:?}", asked.order, asked.unsupported),
    );
    for listed in lists {
        hash(&mut hasher, &listed.entry.key);
        match &listed.list {
            Ok(list) => hash(
                &mut hasher,
                &format!(
                    "{} {:?} {:?} {:?}",
                    list.print, list.check, list.deleted, list.plan.paging
                ),
            ),
            Err(_) => hash(&mut hasher, "unsupported"),
        }
    }
    finish(&hasher)
}

fn hash(hasher: &mut blake3::Hasher, text: &str) {
    hasher
        .update(&(text.len() as u64).to_le_bytes())
        .update(text.as_bytes());
}

fn finish(hasher: &blake3::Hasher) -> u64 {
    let mut eight = [0; 8];
    for (to, from) in eight.iter_mut().zip(hasher.finalize().as_bytes()) {
        *to = *from;
    }
    u64::from_le_bytes(eight)
}
