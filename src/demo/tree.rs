//! Spirii's customers as a tree: one operator (a CPO) at the top, subsidiaries below it, business and private
//! customers anywhere below those.
//!
//! It keeps who owns whom and what a customer's answer says of that. It must not know parameters or statuses.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::book::Book;
use super::people::Dice;
use super::reply::Row;
use super::seeds;

/// The id of the operator at the top.
pub(super) const TOP: i64 = 1001;

/// A customer and its place in the tree.
pub(super) struct Member {
    pub(super) id: i64,
    /// Who owns it; nobody owns the operator.
    pub(super) owner: Option<i64>,
    /// Everything but owner and operator, as it is shown.
    pub(super) row: Row,
}

/// The whole tree.
pub(super) struct Tree {
    book: Book<i64, Member>,
}

impl Tree {
    /// The seeded tree, of which the first customer is the operator.
    pub(super) fn seeded(customers: usize) -> Self {
        let mut tree = Self { book: Book::new() };
        let (mut branches, mut owners) = (Vec::new(), Vec::new());
        for row in 0..customers {
            let id = tree.next_id();
            let mut dice = Dice::new("spirii tree", row);
            let kind = kind_of(row, &mut dice);
            let owner = match kind {
                "CPO" => None,
                "Private" => Some(dice.pick(&owners)),
                _ => Some(dice.pick(&branches)),
            };
            match kind {
                "Private" => {}
                "Business" => owners.push(id),
                _ => {
                    owners.push(id);
                    branches.push(id);
                }
            }
            let seed = seeds::spirii(id, row, kind);
            tree.add(owner, seed);
        }
        tree
    }

    /// The id that the next customer will have.
    pub(super) fn next_id(&self) -> i64 {
        let number = i64::try_from(self.book.next()).unwrap_or_default();
        TOP - 1 + number
    }

    /// Adds a customer under the next id.
    pub(super) fn add(&mut self, owner: Option<i64>, row: Row) -> i64 {
        let id = self.next_id();
        self.book.add(id, Member { id, owner, row });
        id
    }

    pub(super) fn get(&self, id: i64) -> Option<&Member> {
        self.book.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: i64) -> Option<&mut Member> {
        self.book.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: i64) {
        self.book.remove(&id);
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &Member> {
        self.book.rows()
    }

    /// Whether a customer stands anywhere below another.
    pub(super) fn is_below(&self, member: &Member, above: i64) -> bool {
        let mut owner = member.owner;
        while let Some(id) = owner {
            if id == above {
                return true;
            }
            owner = self.get(id).and_then(|member| member.owner);
        }
        false
    }

    /// Whether somebody is owned by this customer.
    pub(super) fn owns(&self, id: i64) -> bool {
        self.members().any(|member| member.owner == Some(id))
    }

    /// Everybody below a customer, at any depth.
    pub(super) fn below(&self, above: i64) -> HashSet<i64> {
        let members = self.members();
        let below = members.filter(|member| self.is_below(member, above));
        below.map(|member| member.id).collect()
    }

    /// The operator above a customer; the operator has none.
    pub(super) fn operator(member: &Member) -> Option<i64> {
        member.owner.map(|_| TOP)
    }

    pub(super) fn name(&self, id: Option<i64>) -> &str {
        let member = id.and_then(|id| self.get(id));
        let name = member.and_then(|member| member.row.get("name"));
        name.and_then(Value::as_str).unwrap_or_default()
    }

    /// A customer as it is shown: owner and operator with the names that they have now.
    pub(super) fn shown(&self, member: &Member) -> Row {
        let named = |id: Option<i64>| id.map(|id| json!({"id": id, "name": self.name(Some(id))}));
        let mut row = member.row.clone();
        row.insert("cpo".to_owned(), json!(named(Self::operator(member))));
        row.insert("owner".to_owned(), json!(named(member.owner)));
        row
    }
}

fn kind_of(row: usize, dice: &mut Dice) -> &'static str {
    match row {
        0 => "CPO",
        _ if row % 25 == 1 => "CPOSubsidiary",
        _ if dice.below(3) == 0 => "Business",
        _ => "Private",
    }
}
