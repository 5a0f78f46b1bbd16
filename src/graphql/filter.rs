//! Filters and orders in the schema, and how they become those of one source.

use super::code::{ErrorCode, coded};
use super::id;
use super::writable::EMPTY_TAG;
use crate::model::{
    CustomerOrderField, CustomerStatus, CustomerTier, CustomerType, DeletedFilter, Filter, Gender,
    IntRange, LocalId, Order, OrderDirection, TimeRange,
};
use crate::source::{SourceEntry, Sources};
use async_graphql::{Error, ID, InputObject};
use std::sync::Arc;

/// Which customers. Every part that is given must hold; a part that a source cannot serve is refused, never dropped.
#[derive(InputObject, Clone, Debug, Default)]
pub struct CustomerFilter {
    /// Free text, searched the way the CRM searches.
    pub search: Option<String>,
    /// One of these customers.
    pub ids: Option<Vec<ID>>,
    /// This e-mail address, letter case aside.
    pub email: Option<String>,
    /// This phone number.
    pub phone: Option<String>,
    /// One of these tiers.
    pub tier: Option<Vec<CustomerTier>>,
    /// One of these statuses.
    pub status: Option<Vec<CustomerStatus>>,
    /// One of these types.
    #[graphql(name = "type")]
    pub kind: Option<Vec<CustomerType>>,
    /// One of these genders.
    pub gender: Option<Vec<Gender>>,
    /// All of these tags.
    pub tags: Option<Vec<String>>,
    /// An age today within this range. A customer without a birth date has no age.
    pub age: Option<IntRange>,
    /// Assigned to this owner, by the owner's id in the CRM.
    pub owner_id: Option<String>,
    /// Directly below this customer.
    pub parent_id: Option<ID>,
    /// Operated by this customer.
    pub operator_id: Option<ID>,
    /// What to do with deleted customers that the CRM still shows. `EXCLUDE` where it is not given.
    pub deleted: Option<DeletedFilter>,
    /// When the record was made.
    pub created_at: Option<TimeRange>,
    /// When the record was last changed.
    pub updated_at: Option<TimeRange>,
}

/// In which order.
#[derive(InputObject, Clone, Copy, Debug)]
pub struct CustomerOrder {
    /// By what.
    pub field: CustomerOrderField,
    /// In which direction.
    #[graphql(default)]
    pub direction: OrderDirection,
}

impl From<CustomerOrder> for Order {
    fn from(order: CustomerOrder) -> Self {
        Self {
            field: order.field,
            direction: order.direction,
        }
    }
}

/// A filter whose ids are decoded, before it is known which source is asked.
pub struct Decoded {
    common: Filter,
    ids: Option<Vec<(Arc<SourceEntry>, LocalId)>>,
    parent: Option<(Arc<SourceEntry>, LocalId)>,
    operator: Option<(Arc<SourceEntry>, LocalId)>,
}

impl Decoded {
    /// Checks a filter.
    ///
    /// # Errors
    /// INVALID_INPUT for values that can hold for nobody, INVALID_ID for ids that name nothing.
    pub fn new(filter: CustomerFilter, sources: &Sources, most_ids: usize) -> Result<Self, Error> {
        filter.check(most_ids)?;
        let CustomerFilter {
            search,
            ids,
            email,
            phone,
            tier,
            status,
            kind,
            gender,
            tags,
            age,
            owner_id,
            parent_id,
            operator_id,
            deleted,
            created_at,
            updated_at,
        } = filter;
        let customer = |id: ID| id::customer(sources, &id);
        Ok(Self {
            ids: ids
                .map(|ids| ids.into_iter().map(customer).collect::<Result<_, _>>())
                .transpose()?,
            parent: parent_id.map(customer).transpose()?,
            operator: operator_id.map(customer).transpose()?,
            common: Filter {
                search,
                email,
                phone,
                tier: tier.map(set),
                status: status.map(set),
                kind: kind.map(set),
                gender: gender.map(set),
                tags: tags.map(set),
                age: age.filter(|age| *age != IntRange::default()),
                owner_id,
                deleted: deleted.unwrap_or_default(),
                created_at: created_at.filter(|range| *range != TimeRange::default()),
                updated_at: updated_at.filter(|range| *range != TimeRange::default()),
                // Those of one source; see `of`.
                ids: None,
                parent_id: None,
                operator_id: None,
            },
        })
    }

    /// The filter for one source. `None`: no customer of this source can match, because an id names another source.
    pub fn of(&self, source: &SourceEntry) -> Option<Filter> {
        let own = |named: &Option<(Arc<SourceEntry>, LocalId)>| match named {
            Some((of, id)) if of.rank == source.rank => Ok(Some(id.clone())),
            Some(_) => Err(()),
            None => Ok(None),
        };
        let mut filter = self.common.clone();
        filter.parent_id = own(&self.parent).ok()?;
        filter.operator_id = own(&self.operator).ok()?;
        if let Some(ids) = &self.ids {
            let mut own: Vec<LocalId> = Vec::new();
            for (_, id) in ids.iter().filter(|(of, _)| of.rank == source.rank) {
                if !own.contains(id) {
                    own.push(id.clone());
                }
            }
            if own.is_empty() {
                return None;
            }
            filter.ids = Some(own);
        }
        Some(filter)
    }
}

impl CustomerFilter {
    /// Refuses values that can hold for nobody.
    fn check(&self, most_ids: usize) -> Result<(), Error> {
        let wrong = |message: String| Err(coded(ErrorCode::InvalidInput, message));
        check_list("tier", self.tier.as_deref(), &CustomerTier::Unknown)?;
        check_list("status", self.status.as_deref(), &CustomerStatus::Unknown)?;
        check_list("type", self.kind.as_deref(), &CustomerType::Unknown)?;
        check_list("gender", self.gender.as_deref(), &Gender::Unknown)?;
        if self.tags.as_ref().is_some_and(Vec::is_empty) {
            return Err(empty_list("tags"));
        }
        let mut tags = self.tags.iter().flatten();
        if tags.any(String::is_empty) {
            return wrong(format!("`tags`: {EMPTY_TAG}"));
        }
        if self.ids.as_ref().is_some_and(|ids| ids.len() > most_ids) {
            return wrong(format!("`ids` takes at most {most_ids} ids"));
        }
        for (name, text) in [
            ("search", &self.search),
            ("email", &self.email),
            ("phone", &self.phone),
            ("ownerId", &self.owner_id),
        ] {
            let is_wrong = |text: &String| text.is_empty() || text.chars().any(char::is_control);
            if text.as_ref().is_some_and(is_wrong) {
                return wrong(format!(
                    "`{name}` must not be empty or hold control characters"
                ));
            }
        }
        let negative = |end: Option<i32>| end.is_some_and(|age| age < 0);
        if self
            .age
            .is_some_and(|age| negative(age.gte) || negative(age.lte))
        {
            return wrong("`age` must not be negative".to_owned());
        }
        Ok(())
    }
}

/// The values of a list, each once and in one order: however they are named, it is the same filter.
fn set<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values.dedup();
    values
}

fn check_list<T: PartialEq>(name: &str, list: Option<&[T]>, unknown: &T) -> Result<(), Error> {
    match list {
        Some([]) => Err(empty_list(name)),
        Some(list) if list.contains(unknown) => Err(coded(
            ErrorCode::InvalidInput,
            format!(
                "`{name}`: UNKNOWN is what the gateway says of words it does not know; nothing can be asked by it"
            ),
        )),
        _ => Ok(()),
    }
}

fn empty_list(name: &str) -> Error {
    coded(
        ErrorCode::InvalidInput,
        format!("`{name}` must not be empty; leave it out to ask for every customer"),
    )
}
