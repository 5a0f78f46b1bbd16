//! What a list of customers can be narrowed by, in the words of one source (ids already local).

use super::{CustomerStatus, CustomerTier, CustomerType, DateTime, Gender, LocalId};
use async_graphql::{Enum, InputObject};

/// A range of whole numbers; either end may be left open.
#[derive(InputObject, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct IntRange {
    /// At least this number.
    pub gte: Option<i32>,
    /// At most this number.
    pub lte: Option<i32>,
}

/// A range of time; either end may be left open.
#[derive(InputObject, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[graphql(name = "DateTimeRange")]
pub struct TimeRange {
    /// At this moment or later.
    pub gte: Option<DateTime>,
    /// Before this moment.
    pub lt: Option<DateTime>,
}

/// What to do with customers that are deleted in the CRM and still shown by it.
#[derive(Enum, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeletedFilter {
    /// Leave deleted customers out.
    #[default]
    Exclude,
    /// Show deleted customers among the others.
    Include,
    /// Show deleted customers only.
    Only,
}

/// A filter for one source. Every part that is given must hold. The default filter asks for everything that is not deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Free text, searched the way the CRM searches.
    pub search: Option<String>,
    /// One of these ids.
    pub ids: Option<Vec<LocalId>>,
    /// This e-mail address, letter case aside.
    pub email: Option<String>,
    /// This phone number, digits compared.
    pub phone: Option<String>,
    /// One of these tiers.
    pub tier: Option<Vec<CustomerTier>>,
    /// One of these statuses.
    pub status: Option<Vec<CustomerStatus>>,
    /// One of these types.
    pub kind: Option<Vec<CustomerType>>,
    /// One of these genders.
    pub gender: Option<Vec<Gender>>,
    /// All of these tags.
    pub tags: Option<Vec<String>>,
    /// An age today within this range; a customer without a birth date has no age.
    pub age: Option<IntRange>,
    /// The owner's id in the CRM.
    pub owner_id: Option<String>,
    /// The direct parent.
    pub parent_id: Option<LocalId>,
    /// The operator.
    pub operator_id: Option<LocalId>,
    /// Deleted customers in, out or only.
    pub deleted: DeletedFilter,
    /// When the record was made.
    pub created_at: Option<TimeRange>,
    /// When the record was last changed.
    pub updated_at: Option<TimeRange>,
}

impl Filter {
    /// Whether nothing is asked for beyond the default.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The names of the parts that are given, as in adapter files; `deleted` only where it is not the default.
    pub fn parts(&self) -> Vec<&'static str> {
        let Self {
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
        } = self;
        let given = [
            (search.is_some(), "search"),
            (ids.is_some(), "id"),
            (email.is_some(), "email"),
            (phone.is_some(), "phone"),
            (tier.is_some(), "tier"),
            (status.is_some(), "status"),
            (kind.is_some(), "type"),
            (gender.is_some(), "gender"),
            (tags.is_some(), "tags"),
            (age.is_some(), "age"),
            (owner_id.is_some(), "owner"),
            (parent_id.is_some(), "parent"),
            (operator_id.is_some(), "operator"),
            (*deleted != DeletedFilter::default(), "deleted"),
            (created_at.is_some(), "createdAt"),
            (updated_at.is_some(), "updatedAt"),
        ];
        given
            .into_iter()
            .filter_map(|(is, name)| is.then_some(name))
            .collect()
    }

    /// Moves one part, by its name, out of this filter and into another; `false` where there is no such part.
    pub fn move_part(&mut self, name: &str, into: &mut Self) -> bool {
        match name {
            "search" => into.search = self.search.take(),
            "id" => into.ids = self.ids.take(),
            "email" => into.email = self.email.take(),
            "phone" => into.phone = self.phone.take(),
            "tier" => into.tier = self.tier.take(),
            "status" => into.status = self.status.take(),
            "type" => into.kind = self.kind.take(),
            "gender" => into.gender = self.gender.take(),
            "tags" => into.tags = self.tags.take(),
            "age" => into.age = self.age.take(),
            "owner" => into.owner_id = self.owner_id.take(),
            "parent" => into.parent_id = self.parent_id.take(),
            "operator" => into.operator_id = self.operator_id.take(),
            "createdAt" => into.created_at = self.created_at.take(),
            "updatedAt" => into.updated_at = self.updated_at.take(),
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
impl Filter {
    /// Each part alone, by its name.
    pub fn each_part() -> Vec<(&'static str, Self)> {
        let mut rest = Self::every_part();
        let deleted = Self {
            deleted: std::mem::take(&mut rest.deleted),
            ..Self::default()
        };
        let mut each = Vec::new();
        for name in rest.parts() {
            let mut one = Self::default();
            assert!(rest.move_part(name, &mut one), "{name}");
            each.push((name, one));
        }
        assert!(rest.is_empty(), "{rest:?}");
        each.push(("deleted", deleted));
        each
    }

    /// Every part is given, and no bare customer has what it asks for. Without `..`: no new part can be forgotten here.
    fn every_part() -> Self {
        let text = || Some("a@b.c".to_owned());
        let id = || LocalId::new("other").ok();
        let times = Some(TimeRange {
            gte: Some(DateTime::at(jiff::Timestamp::MAX)),
            lt: None,
        });
        Self {
            search: text(),
            ids: Some(id().into_iter().collect()),
            email: text(),
            phone: text(),
            tier: Some(vec![CustomerTier::Gold]),
            status: Some(vec![CustomerStatus::Active]),
            kind: Some(vec![CustomerType::Private]),
            gender: Some(vec![Gender::Other]),
            tags: Some(vec!["tag".to_owned()]),
            age: Some(IntRange {
                gte: Some(1),
                lte: None,
            }),
            owner_id: text(),
            parent_id: id(),
            operator_id: id(),
            deleted: DeletedFilter::Only,
            created_at: times,
            updated_at: times,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Customer;

    #[test]
    fn every_part_is_named_can_be_moved_and_is_no_empty_filter() {
        let each = Filter::each_part();
        assert_eq!(each.len(), 16);
        for (name, part) in each {
            assert_eq!(part.parts(), [name]);
            assert!(!part.is_empty());
        }
    }

    /// A customer that tells nothing matches no part. Whether one is deleted is told by its row.
    #[test]
    fn every_part_is_checked() {
        let bare = Customer::bare(LocalId::new("1").unwrap());
        let today = jiff::civil::date(2024, 1, 1);
        for (name, part) in Filter::each_part() {
            let checked = !part.matches(&bare, today);
            assert_eq!(checked, name != "deleted", "{name}");
        }
    }
}
