//! The adapter engine against CRMs that answer what a test says, over real HTTP.

mod answers;
mod auth;
mod batches;
mod chains;
mod exact;
mod filters;
mod forms;
mod hostile;
mod lookups;
mod places;
mod put;
mod refusals;
mod replaced;
mod requests;
mod rules;
mod shown;
mod tokens;
mod vocabulary;
mod words;
mod writes;

use crate::support::crm::{Crm, call, source};
use crmql::adapter::Adapter;
use crmql::model::{Filter, LocalId, Order};
use crmql::source::{CustomerSource, Page, Position, Row, SourceError};

pub(crate) const FIELDS: &str = "[fields]\nid = { r = \"/id\" }\nname = \"/name\"\nemail = \"/email\"\nupdatedAt = { r = \"/at\", type = \"datetime\" }\n";

pub(crate) fn id(text: &str) -> LocalId {
    LocalId::new(text).unwrap()
}

/// A list with this paginator, its rows at `/data`.
fn listing(page: &str) -> String {
    listing_with(page, "")
}

/// What goes to a body takes a request that has one.
fn listing_with(page: &str, more: &str) -> String {
    let method = match more.contains("body:") {
        true => "POST",
        false => "GET",
    };
    let list =
        format!("[[list]]\nrequest = \"{method} /c\"\nitems = \"/data\"\npage = {{ {page} }}\n");
    crate::support::crm::file("", &format!("{list}{more}\n{FIELDS}"))
}

async fn page_of(source: &Adapter, at: Position, size: u32) -> Result<Page, SourceError> {
    let plan = source.plan(&Filter::default(), None).unwrap();
    source.list(&call(), &plan, &at, size).await
}

async fn filtered(
    source: &Adapter,
    filter: &Filter,
    order: Option<Order>,
) -> Result<Page, SourceError> {
    let plan = source
        .plan(filter, order)
        .unwrap_or_else(|no| panic!("{no:?}"));
    source.list(&call(), &plan, &Position::Start, 10).await
}

/// The first page that a file's list gives from a CRM.
async fn first(crm: &Crm, file: &str) -> Result<Page, SourceError> {
    page_of(&source(crm, file), Position::Start, 2).await
}

fn token(text: &str) -> Position {
    Position::Token(text.into())
}

fn ids(page: &Page) -> Vec<&str> {
    fn of(row: &Row) -> &str {
        match row {
            Row::Customer { customer, .. } => customer.id.as_str(),
            Row::Gone { .. } => "gone",
            Row::Unreadable { .. } => "unreadable",
        }
    }
    page.rows.iter().map(of).collect()
}
