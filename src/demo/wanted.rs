//! What a Spirii list is asked for: which customers, in which order, which slice.
//!
//! Lists come comma separated, repeated, or both; the page does not say. The defaults of the order depend on the
//! date filters, as the page prints them.

use std::cmp::Reverse;
use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::Value;

use super::ask::Query;
use super::clock;
use super::reply::{Refusal, Row};
use super::tree::{Member, Tree};

const TYPES: &[&str] = &["Private", "Business", "CPO", "CPOSubsidiary"];
const SORTS: &[&str] = &[
    "id",
    "name",
    "type",
    "ownerName",
    "cpoName",
    "createdAt",
    "updatedAt",
];

/// A range of moments, both ends inside.
type Span = (Option<Timestamp>, Option<Timestamp>);

/// Which customers a list is asked for.
pub(super) struct Wanted<'a> {
    pub(super) limit: usize,
    pub(super) offset: usize,
    pub(super) order: Order<'a>,
    ids: Option<Vec<i64>>,
    types: Option<Vec<&'a str>>,
    search: Option<String>,
    parent: Option<i64>,
    below: Option<HashSet<i64>>,
    operator: Option<i64>,
    /// For each of `createdAt` and `updatedAt`: the moment itself, then the range.
    created: [Span; 2],
    updated: [Span; 2],
}

/// The order of a list.
pub(super) struct Order<'a> {
    by: &'a str,
    descending: bool,
}

impl<'a> Wanted<'a> {
    /// Reads and checks the parameters.
    pub(super) fn read(query: &'a Query, tree: &Tree) -> Result<Self, Refusal> {
        let ids: Option<Vec<&str>> = listed(query, "customerIds");
        let ids = ids.map(|ids| ids.into_iter().map(whole).collect::<Option<Vec<i64>>>());
        let Some(ids) = ids.map_or(Some(None), |ids| ids.map(Some)) else {
            return Err(wrong("customerIds", "must be whole numbers"));
        };
        let types = listed(query, "types");
        let known = |types: &Vec<&str>| types.iter().all(|name| TYPES.contains(name));
        if !types.as_ref().is_none_or(known) {
            return Err(wrong(
                "types",
                "must be of Private, Business, CPO, CPOSubsidiary",
            ));
        }
        let above = owner(query, "ownerId", tree)?;
        Ok(Self {
            limit: number(query, "limit", 1, 100)?.unwrap_or(50),
            offset: number(query, "offset", 0, usize::MAX)?.unwrap_or(0),
            order: Order::read(query)?,
            ids,
            types,
            search: query.filled("search").map(str::to_lowercase),
            parent: owner(query, "parentId", tree)?,
            below: above.map(|above| tree.below(above)),
            operator: owner(query, "cpoId", tree)?,
            created: spans(query, "createdAt", ["createdAtFrom", "createdAtTo"])?,
            updated: spans(query, "updatedAt", ["updatedAtFrom", "updatedAtTo"])?,
        })
    }

    pub(super) fn has(&self, member: &Member) -> bool {
        let row = &member.row;
        let types = |types: &Vec<&str>| types.contains(&text(row, "type"));
        self.ids.as_ref().is_none_or(|ids| ids.contains(&member.id))
            && self.types.as_ref().is_none_or(types)
            && self.parent.is_none_or(|id| member.owner == Some(id))
            && self
                .operator
                .is_none_or(|id| Tree::operator(member) == Some(id))
            && self
                .below
                .as_ref()
                .is_none_or(|below| below.contains(&member.id))
            && self
                .search
                .as_ref()
                .is_none_or(|text| mentions(member, text))
            && self
                .created
                .iter()
                .all(|span| inside(row, "createdAt", *span))
            && self
                .updated
                .iter()
                .all(|span| inside(row, "updatedAt", *span))
    }
}

impl<'a> Order<'a> {
    fn read(query: &'a Query) -> Result<Self, Refusal> {
        let dated = |names: &[&str]| names.iter().any(|name| query.filled(name).is_some());
        let default = if dated(&["updatedAt", "updatedAtFrom", "updatedAtTo"]) {
            "updatedAt"
        } else if dated(&["createdAt", "createdAtFrom", "createdAtTo"]) {
            "createdAt"
        } else {
            "id"
        };
        let by = query.filled("sortBy").unwrap_or(default);
        if !SORTS.contains(&by) {
            return Err(wrong(
                "sortBy",
                &format!("must be one of {}", SORTS.join(", ")),
            ));
        }
        let descending = match query.filled("sortDirection") {
            Some("asc") => false,
            Some("desc") => true,
            Some(_) => return Err(wrong("sortDirection", "must be asc or desc")),
            None => !dated(&["createdAtFrom", "updatedAtFrom"]),
        };
        Ok(Self { by, descending })
    }

    /// Sorts members, who come by id; equal ones stay so in either direction.
    pub(super) fn sort(&self, members: &mut [&Member], tree: &Tree) {
        let key = |member: &&Member| match self.by {
            "id" => (member.id, String::new()),
            "ownerName" => (0, tree.name(member.owner).to_lowercase()),
            "cpoName" => (0, tree.name(Tree::operator(member)).to_lowercase()),
            field => (0, text(&member.row, field).to_lowercase()),
        };
        if self.descending {
            members.sort_by_cached_key(|member| Reverse(key(member)));
        } else {
            members.sort_by_cached_key(key);
        }
    }
}

fn wrong(field: &str, message: &str) -> Refusal {
    Refusal::new(400, "invalid_parameter", format!("{field} {message}")).at(field)
}

fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Whether name, id or external id has the text, which is in lower case.
fn mentions(member: &Member, wanted: &str) -> bool {
    let id = member.id.to_string();
    [
        text(&member.row, "name"),
        text(&member.row, "externalId"),
        &id,
    ]
    .iter()
    .any(|text| text.to_lowercase().contains(wanted))
}

fn inside(row: &Row, name: &str, (from, to): Span) -> bool {
    let Some(moment) = clock::moment(text(row, name)) else {
        return from.is_none() && to.is_none();
    };
    from.is_none_or(|from| moment >= from) && to.is_none_or(|to| moment <= to)
}

/// The elements of an array parameter; nothing where it is absent.
fn listed<'a>(query: &'a Query, name: &'a str) -> Option<Vec<&'a str>> {
    let values = query.many(name);
    let elements: Vec<&str> = values.flat_map(|value| value.split(',')).collect();
    (!elements.is_empty()).then_some(elements)
}

fn whole(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

fn number(query: &Query, name: &str, min: usize, max: usize) -> Result<Option<usize>, Refusal> {
    let Some(text) = query.filled(name) else {
        return Ok(None);
    };
    let number = text
        .parse()
        .ok()
        .filter(|number| (min..=max).contains(number));
    let wrong = || wrong(name, "is not a whole number in its range");
    number.ok_or_else(wrong).map(Some)
}

/// Somebody above customers. The key belongs to the operator, who may ask for everybody in the tree and nobody else.
fn owner(query: &Query, name: &str, tree: &Tree) -> Result<Option<i64>, Refusal> {
    let Some(text) = query.filled(name) else {
        return Ok(None);
    };
    let id = whole(text).ok_or_else(|| wrong(name, "must be a whole number"))?;
    if tree.get(id).is_none() {
        let message = "You are neither this customer nor permitted to ask for it";
        return Err(Refusal::new(401, "not_permitted", message).at(name));
    }
    Ok(Some(id))
}

fn spans(query: &Query, exact: &str, [from, to]: [&str; 2]) -> Result<[Span; 2], Refusal> {
    let exact = moment(query, exact)?;
    Ok([(exact, exact), (moment(query, from)?, moment(query, to)?)])
}

fn moment(query: &Query, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let text = query.filled(name);
    let read = |text| clock::moment(text).ok_or_else(|| wrong(name, "must be a date-time"));
    text.map(read).transpose()
}
