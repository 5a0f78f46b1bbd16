//! How many bytes an entry of the cache takes: what it holds, what it keeps alive, and the cache's own book-keeping.
//!
//! Estimates, made to be near what the process really takes; a test holds them to their bound.

use super::cache::{Key, PageKey, Said};
use crate::model::{Customer, Filter, LocalId, Native};
use crate::source::{Page, Position, Row};

/// What an entry costs beside its contents: its place in the table, its nodes in the queues and the timer. Measured: 300,000
/// absences took 530 bytes each of the process, 200,000 customers 1,585 where this says 1,450.
const ENTRY: usize = 520;
/// What an allocation costs beside what it holds.
const ALLOCATION: usize = 24;
/// What is remembered of a record's place in its answer, once somebody asked for it.
const PLACE: usize = size_of::<std::ops::Range<usize>>();

/// The weight of an entry.
pub fn of(key: &Key, said: &Said) -> u32 {
    let key = match key {
        Key::Customer { id, .. } => id.as_str().len() + ALLOCATION,
        Key::Page(page) => page_key(page),
    };
    let said = match said {
        Said::Customer(None) | Said::Row(..) => 0,
        Said::Customer(Some(one)) => customer(one) + body(one.native.as_ref()),
        Said::Page(all) => page(all),
    };
    u32::try_from(ENTRY + key + said).unwrap_or(u32::MAX)
}

fn page_key(key: &PageKey) -> usize {
    let Filter {
        search,
        ids,
        email,
        phone,
        tier,
        status,
        kind,
        gender,
        tags,
        age: _,
        owner_id,
        parent_id,
        operator_id,
        deleted: _,
        created_at: _,
        updated_at: _,
    } = &key.filter;
    let texts = [search, email, phone, owner_id].into_iter().flatten();
    let texts = texts.map(String::len);
    let words = [
        tier.as_ref().map(Vec::len),
        status.as_ref().map(Vec::len),
        kind.as_ref().map(Vec::len),
        gender.as_ref().map(Vec::len),
    ];
    let words = words.into_iter().flatten().map(|many| many + ALLOCATION);
    let tags = tags.iter().flatten();
    let tags = tags.map(|tag| tag.len() + size_of::<String>() + ALLOCATION);
    let relatives = [parent_id, operator_id].into_iter().flatten();
    let relatives = relatives.map(|id| id.as_str().len() + ALLOCATION);
    let ids = ids.iter().flatten();
    let ids = ids.map(|id| id.as_str().len() + size_of::<LocalId>() + ALLOCATION);
    let position = position(&key.position);
    let filter = texts.chain(words).chain(tags).chain(ids).chain(relatives);
    size_of::<PageKey>() + ALLOCATION + position + filter.sum::<usize>()
}

fn position(position: &Position) -> usize {
    match position {
        Position::Start | Position::Index(_) => 0,
        Position::Token(text) | Position::After(text) | Position::Before(text) => text.len(),
    }
}

/// What leads on from a page and back.
fn ways(page: &Page) -> usize {
    let ends = [&page.next, &page.prev].into_iter().flatten();
    let ends = ends.map(|end| position(end) + ALLOCATION);
    let keys = page.rows.iter().filter_map(Row::key);
    let keys = keys.map(|key| key.len() + ALLOCATION);
    ends.chain(keys).sum()
}

fn page(page: &Page) -> usize {
    // All rows of a page share the answer they came in.
    let shared = page
        .customers()
        .find_map(|customer| customer.native.as_ref());
    size_of::<Page>()
        + page.rows.len() * (size_of::<Row>() + PLACE)
        + body(shared)
        + ways(page)
        + page
            .stamp
            .as_ref()
            .map_or(0, |stamp| stamp.bytes() + 3 * ALLOCATION)
        + page.customers().map(customer).sum::<usize>()
}

/// What a customer holds, its native record aside.
fn customer(customer: &Customer) -> usize {
    size_of::<Customer>() + ALLOCATION + customer.text_bytes()
}

fn body(native: Option<&Native>) -> usize {
    native.map_or(0, |native| native.weight() + 2 * ALLOCATION)
}
