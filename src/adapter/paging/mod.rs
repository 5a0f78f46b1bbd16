//! Paging: how a position becomes a request, and what an answer says about the pages around it.
//!
//! The five styles are different types, not options of one. Signs that a list ends only ever end it; short pages are
//! judged by raw rows; nothing is guessed.

mod keyset;
mod link;
mod offset;
mod page;
mod token;

use super::faults::{self, header_text, malformed};
use super::manifest::{Paginator, Style, TotalSaid};
use super::pick::{Leaf, Picker};
use super::place::{JsonPath, Pointer};
use super::request::{Draft, Unplaceable};
use super::wire;
use crate::source::{Page, Paging, Position, Row, Sizes, SourceError, TotalKind, Walk};
use crate::upstream::Reply;
use serde_json::Value;
use url::Url;

pub use link::{Hosts, authority};

/// The paginator of one route, with the slots its pointers have in the answer.
#[derive(Debug)]
pub struct Pages {
    paginator: Paginator,
    slots: Slots,
}

/// Where the paginator's pointers stand among the leaves of an answer.
#[derive(Debug, Default)]
struct Slots {
    total: Option<usize>,
    size: Option<usize>,
    more: Option<usize>,
    next: Option<usize>,
    prev: Option<usize>,
    echo: Option<usize>,
    pages: Option<usize>,
}

impl Slots {
    /// All that are read.
    fn all(&self) -> impl Iterator<Item = usize> {
        let all = [
            self.total, self.size, self.more, self.next, self.prev, self.echo, self.pages,
        ];
        all.into_iter().flatten()
    }
}

/// A page that was asked for.
pub struct Asked<'a> {
    /// Where it begins.
    pub at: &'a Position,
    /// Its size.
    pub size: u32,
    /// The address it came from, which relative links start at.
    pub from: Option<Url>,
}

/// What an answer's envelope said, as far as paging cares.
pub struct Said<'a, 'de> {
    /// The leaves that were picked.
    pub leaves: &'a [Leaf<'de>],
    /// The answer, for its headers.
    pub reply: &'a Reply,
    /// What was asked.
    pub asked: &'a Asked<'a>,
    /// What the last row has where `last:` points.
    pub last: Option<Box<str>>,
}

impl Pages {
    /// Whether answers say the next page by its address.
    pub fn reads_links(&self) -> bool {
        matches!(self.paginator.style, Style::Link { .. })
    }

    /// Adds the paginator's pointers to the envelope's picker.
    pub fn new(paginator: &Paginator, envelope: &mut Picker) -> Self {
        let mut slot = |pointer: Option<&Pointer>| match pointer {
            Some(Pointer::Body(path)) => Some(envelope.add(path)),
            _ => None,
        };
        let mut slots = Slots {
            total: slot(paginator.total.as_ref()),
            size: slot(paginator.size_echo.as_ref()),
            more: slot(paginator.more.as_ref()),
            ..Slots::default()
        };
        match &paginator.style {
            Style::Page { pages, echo, .. } => {
                slots.pages = slot(pages.as_ref());
                slots.echo = slot(echo.as_ref());
            }
            Style::Offset { echo, .. } => slots.echo = slot(echo.as_ref()),
            Style::Token(token) => {
                slots.next = slot(Some(&token.next));
                slots.prev = slot(token.prev.as_ref());
            }
            Style::Link { next, prev, .. } => {
                slots.next = slot(Some(next));
                slots.prev = slot(prev.as_ref());
            }
            Style::Keyset { .. } | Style::None => {}
        }
        Self {
            paginator: paginator.clone(),
            slots,
        }
    }

    /// Whether what is kept of a row leads on behind it. A token of a page does so from its last row only.
    pub fn keys_rows(&self) -> bool {
        matches!(self.paginator.style, Style::Keyset { .. })
    }

    /// What must be kept of the last row, for `last:` pointers and keys.
    pub fn key_path(&self) -> Option<&JsonPath> {
        match &self.paginator.style {
            Style::Keyset { key, .. } => Some(key),
            Style::Token(token) => match &token.next {
                Pointer::Last(path) => Some(path),
                _ => None,
            },
            _ => None,
        }
    }

    /// The style, as callers know it.
    pub fn paging(&self) -> Paging {
        let sizes = |(min, max)| Sizes { min, max };
        let known = sizes(self.paginator.sizes.unwrap_or((1, 100)));
        match &self.paginator.style {
            Style::Page { .. } => Paging::Page(known),
            Style::Offset { aligned: true, .. } => Paging::Page(known),
            Style::Offset { .. } => Paging::Offset(known),
            Style::Token(token) => Paging::Token(Walk {
                sizes: self.paginator.sizes.map(sizes),
                size_locked: token.size_locked,
                prev: token.prev.is_some(),
                dangling: token.dangling,
                anchored: token.anchored,
            }),
            Style::Link { prev, anchored, .. } => Paging::Link(Walk {
                sizes: self.paginator.sizes.map(sizes),
                size_locked: true,
                prev: prev.is_some(),
                dangling: true,
                anchored: *anchored,
            }),
            Style::Keyset { send_before, .. } => Paging::Keyset {
                sizes: known,
                before: send_before.is_some(),
            },
            Style::None => Paging::None,
        }
    }

    /// What callers may make of the total.
    pub fn total_kind(&self) -> TotalKind {
        match (&self.paginator.total, self.paginator.total_kind) {
            (None, _) => TotalKind::None,
            (Some(_), TotalSaid::Kind(kind)) => kind,
            (Some(_), TotalSaid::PageOrAll) => TotalKind::Exact,
        }
    }

    /// Whether the total may turn out to count the rows of a page.
    pub fn may_count_a_page(&self) -> bool {
        self.paginator.total.is_some() && self.paginator.total_kind == TotalSaid::PageOrAll
    }

    /// How many rows can be reached.
    pub fn depth(&self) -> Option<u64> {
        self.paginator.depth
    }

    /// Asks for a page. `Some` is an address to follow instead of the route's own.
    pub fn place(
        &self,
        at: &Position,
        size: u32,
        hosts: &Hosts,
        draft: &mut Draft<'_>,
    ) -> Result<Option<Url>, SourceError> {
        let wrong = |_: Unplaceable| malformed("a position of the list cannot stand in a request");
        // Of a request that follows a link its headers are sent, and what is kept of its parameters: the size may be either.
        let links = self.reads_links();
        if links {
            self.place_size(size, draft).map_err(wrong)?;
        }
        let followed = match &self.paginator.style {
            Style::Page { page, first, .. } => page::place(page, *first, at, size, draft)
                .map_err(wrong)
                .map(|()| None),
            Style::Offset { offset, first, .. } => offset::place(offset, *first, at, draft)
                .map_err(wrong)
                .map(|()| None),
            Style::Token(token) => token::place(token, at, draft).map_err(wrong).map(|()| None),
            Style::Link { keep, .. } => link::place(at, keep, hosts, draft),
            Style::Keyset {
                send,
                send_before,
                numbers,
                ..
            } => keyset::place((send, send_before.as_ref()), *numbers, at, draft)
                .map_err(wrong)
                .map(|()| None),
            Style::None => Ok(None),
        }?;
        if !links {
            self.place_size(size, draft).map_err(wrong)?;
        }
        Ok(followed)
    }

    fn place_size(&self, size: u32, draft: &mut Draft<'_>) -> Result<(), Unplaceable> {
        let Some(to) = &self.paginator.size else {
            return Ok(());
        };
        let number = size.to_string();
        match &self.paginator.size_format {
            Some(format) => {
                let text = format
                    .fill(|hole| (hole == "n").then_some(number.as_str()))
                    .ok_or(Unplaceable)?;
                draft.put(to, Value::String(text))
            }
            None => draft.put(to, Value::from(size)),
        }
    }

    /// Whether a refusal means that the page lies past the end.
    pub fn is_past_end(&self, reply: &Reply) -> bool {
        self.paginator.past_end.contains(&reply.status)
    }

    /// Whether a refusal means that nobody gets this deep.
    pub fn is_too_deep(&self, reply: &Reply) -> bool {
        self.paginator.depth_error.as_ref().is_some_and(|looks| {
            super::faults::looks_like(looks.status, looks.contains.as_deref(), reply)
        })
    }

    /// The page that an answer holds.
    pub fn read(
        &self,
        said: &Said<'_, '_>,
        rows: Vec<Row>,
        hosts: &Hosts,
    ) -> Result<Page, SourceError> {
        let told = self.slots.all().filter_map(|slot| said.leaves.get(slot));
        if let Some(error) = faults::unread(told) {
            return Err(error.with_status(said.reply.status));
        }
        let cut = self.is_cut(said, rows.len());
        let mut page = Page {
            total: self.total(said, rows.len(), cut),
            cut,
            more: self.more(said),
            rows,
            ..Page::default()
        };
        match &self.paginator.style {
            Style::Page {
                first, echo, pages, ..
            } => {
                let echo = self.number(echo.as_ref(), self.slots.echo, said);
                let pages = self.number(pages.as_ref(), self.slots.pages, said);
                let exact = page.total.filter(|_| self.total_kind() == TotalKind::Exact);
                page::read(*first, echo, (pages, exact), said, &mut page)?;
            }
            Style::Offset { echo, first, .. } => {
                let echo = self.number(echo.as_ref(), self.slots.echo, said);
                offset::read(*first, echo, said, &mut page)?;
            }
            Style::Token(token) => {
                let leaf = self.lead(Some(&token.next), self.slots.next, said)?;
                page.next = token::next(token, leaf, page.more)?;
                let leaf = self.lead(token.prev.as_ref(), self.slots.prev, said)?;
                page.prev = token::prev(token, leaf)?;
            }
            Style::Link { next, prev, .. } => {
                let from = said.asked.from.as_ref();
                let leaf = self.lead(Some(next), self.slots.next, said)?;
                page.next = link::read(leaf, from, hosts)?.filter(|_| page.more != Some(false));
                let leaf = self.lead(prev.as_ref(), self.slots.prev, said)?;
                page.prev = link::read(leaf, from, hosts)?;
            }
            Style::Keyset { .. } | Style::None => {}
        }
        self.count_no_page(&mut page);
        ends_in_itself(page, said.asked.at)
    }

    /// Forgets a count of what may be this page alone, where the page leads on.
    fn count_no_page(&self, page: &mut Page) {
        let leads_on = page.next.is_some() || page.more == Some(true);
        if leads_on && self.may_count_a_page() && page.total == Some(page.rows.len() as u64) {
            page.total = None;
        }
    }

    /// What leads on or back. A relation in a header that cannot be read is not one that is missing.
    fn lead<'de>(
        &self,
        pointer: Option<&Pointer>,
        slot: Option<usize>,
        said: &Said<'_, 'de>,
    ) -> Result<Leaf<'de>, SourceError> {
        let leaf = self.leaf(pointer, slot, said);
        let told = pointer.is_none_or(|pointer| faults::is_told(pointer, said.reply));
        if leaf.is_some() || told {
            Ok(leaf)
        } else {
            Err(malformed("the CRM's `Link` header cannot be read"))
        }
    }

    fn leaf<'de>(
        &self,
        pointer: Option<&Pointer>,
        slot: Option<usize>,
        said: &Said<'_, 'de>,
    ) -> Leaf<'de> {
        match pointer {
            Some(Pointer::Body(_)) => slot
                .and_then(|slot| said.leaves.get(slot))
                .cloned()
                .unwrap_or_default(),
            Some(Pointer::Last(_)) => said
                .last
                .as_ref()
                .map_or(Leaf::Absent, |text| Leaf::Text(text.to_string().into())),
            Some(header) => {
                header_text(header, said.reply).map_or(Leaf::Absent, |text| Leaf::Text(text.into()))
            }
            None => Leaf::Absent,
        }
    }

    fn number(
        &self,
        pointer: Option<&Pointer>,
        slot: Option<usize>,
        said: &Said<'_, '_>,
    ) -> Option<u64> {
        wire::whole(&self.leaf(pointer, slot, said)).and_then(|number| u64::try_from(number).ok())
    }

    /// Whether the CRM gives fewer rows at once than were asked for, and gave all of those.
    fn is_cut(&self, said: &Said<'_, '_>, rows: usize) -> bool {
        self.size(said).is_some_and(|size| {
            size > 0 && size < u64::from(said.asked.size) && rows as u64 >= size
        })
    }

    /// The size that the CRM says its page has.
    fn size(&self, said: &Said<'_, '_>) -> Option<u64> {
        self.number(self.paginator.size_echo.as_ref(), self.slots.size, said)
    }

    fn total(&self, said: &Said<'_, '_>, rows: usize, cut: bool) -> Option<u64> {
        let total = self.number(self.paginator.total.as_ref(), self.slots.total, said)?;
        match self.paginator.total_kind {
            TotalSaid::Kind(_) => Some(total),
            TotalSaid::PageOrAll => {
                let first = matches!(said.asked.at, Position::Start | Position::Index(0));
                let more_than_page = total > rows as u64;
                let short = rows < said.asked.size as usize && !cut && self.keeps_size(said);
                let whole_list = first && total == rows as u64 && short;
                (more_than_page || whole_list).then_some(total)
            }
        }
    }

    /// Whether a page that is short is so for want of rows. Where the size should be said and is not, or may be another than
    /// asked, a page may be short because its CRM gives no longer ones.
    fn keeps_size(&self, said: &Said<'_, '_>) -> bool {
        let paginator = &self.paginator;
        let sized = paginator.sizes.is_some() || matches!(paginator.style, Style::None);
        let known = sized && paginator.size_echo.is_none() && !paginator.size_hint;
        known || self.size(said).is_some()
    }

    /// The CRM's own word on whether rows remain: true, or anything that is not empty. Where nothing stands, nothing is said.
    fn more(&self, said: &Said<'_, '_>) -> Option<bool> {
        let pointer = self.paginator.more.as_ref()?;
        Some(match self.leaf(Some(pointer), self.slots.more, said) {
            Leaf::Absent | Leaf::Misplaced => return None,
            Leaf::Bool(more) => more,
            Leaf::Null => false,
            Leaf::Text(text) => {
                !text.is_empty() && !text.eq_ignore_ascii_case("false") && text != "0"
            }
            Leaf::Int(number) => number != 0,
            Leaf::Tree(tree) => {
                !(tree.as_array().is_some_and(Vec::is_empty)
                    || tree.as_object().is_some_and(serde_json::Map::is_empty))
            }
            Leaf::Uint(_) | Leaf::Float(_) | Leaf::Unread(_) => true,
        })
    }
}

/// What a position holds, as a request has it.
fn sent(text: &str, numbers: bool) -> Result<Value, Unplaceable> {
    match numbers {
        true => wire::integer(text).ok_or(Unplaceable),
        false => Ok(Value::from(text)),
    }
}

/// Takes no rows from an answer that is another page than asked. The first page never lies past the end: what stands on it is not
/// passed over.
fn passed_over(at: &Position, page: &mut Page) -> Result<(), SourceError> {
    let first = matches!(at, Position::Start | Position::Index(0));
    if first && !page.rows.is_empty() {
        return Err(malformed("the CRM answers another page than asked"));
    }
    page.past_end = true;
    page.rows.clear();
    Ok(())
}

/// A page that leads to itself. Without rows, and without a word that more follow, it hides none: the walk is at its end, and
/// goes on from there once there are more. With rows nobody knows which follow them.
fn ends_in_itself(mut page: Page, at: &Position) -> Result<Page, SourceError> {
    if page.next.as_ref() == Some(at) {
        if !page.rows.is_empty() || page.more == Some(true) {
            return Err(malformed("the CRM's next page is the page itself"));
        }
        page.next = None;
    }
    Ok(page)
}
