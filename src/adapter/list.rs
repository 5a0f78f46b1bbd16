//! One page of a list: asked, judged and mapped in a single pass over the answer's bytes.

use super::Adapter;
use super::faults::{self, malformed, unlike_json};
use super::honest::{self, Relations};
use super::judge::{Judge, refused_read};
use super::manifest::{Gone, Lacks, ListRoute, Manifest, Route, RouteErrors};
use super::mapping::{Came, CustomerMap};
use super::native;
use super::paging::{Asked, Pages, Said};
use super::pick::{Element, Leaf, Picker, Rows, RowsSeen};
use super::place::JsonPath;
use super::refusal::failure;
use super::request::Prepared;
use super::unchanged::Heard;
use crate::model::{DateTime, Native, NativeFinder};
use crate::source::{Call, ListPlan, Page, Position, Row, SourceError};
use crate::upstream::Reply;
use bytes::Bytes;
use std::sync::Arc;

/// A list route, compiled.
pub struct Listing {
    prepared: Prepared,
    map: CustomerMap,
    pub(super) pages: Pages,
    envelope: Picker,
    judge: Judge,
    relations: Relations,
}

impl Listing {
    /// Compiles a route whose vars are filled in.
    pub fn new(manifest: &Manifest, route: &ListRoute, prepared: Prepared) -> Self {
        let mut envelope = Picker::default();
        envelope.rows_at(&route.items);
        let judge = Judge::new(manifest, &route.route, |path| envelope.add(path));
        let pages = Pages::new(&route.page, &mut envelope);
        let map = CustomerMap::new_below(
            manifest,
            route.gone.as_ref(),
            pages.key_path(),
            &route.unwrap,
        );
        Self {
            prepared,
            map,
            pages,
            envelope,
            judge,
            relations: Relations::default(),
        }
    }
}

impl Adapter {
    /// The list that a plan is about, and the route it is read by.
    fn listing_of(&self, plan: &ListPlan) -> Result<(&Listing, &ListRoute), SourceError> {
        let found = self.lists.get(plan.route);
        found
            .zip(self.manifest.lists.get(plan.route))
            .ok_or_else(|| malformed("the plan names a route that is not there"))
    }

    /// One page.
    pub(super) async fn list_page(
        &self,
        call: &Call,
        plan: &ListPlan,
        at: &Position,
        size: u32,
    ) -> Result<Page, SourceError> {
        let (listing, route) = self.listing_of(plan)?;
        let mut draft = listing.prepared.draft(None);
        let unplaceable = |_| {
            SourceError::new(
                crate::source::SourceErrorKind::Rejected,
                "a filter's value cannot stand in a request",
            )
        };
        draft.put_constants().map_err(unplaceable)?;
        route
            .push(&self.manifest, &plan.filter, plan.order, &mut draft)
            .map_err(unplaceable)?;
        let follow = listing.pages.place(at, size, &self.hosts, &mut draft)?;
        let from = match &follow {
            Some(url) => Some(url.clone()),
            None if listing.pages.reads_links() => draft.address(&self.hosts.base),
            None => None,
        };
        // The way on from a page may be good for a while only: what is said again then must be new.
        let known = call.known_page().filter(|page| page.lasts.is_none());
        let stamp = known.and_then(|page| page.stamp.as_ref());
        let method = &route.route.method;
        let reply = match self.hear(call, method, (draft, follow), stamp).await? {
            Heard::Answer(reply) => reply,
            Heard::Unchanged(stamp) => {
                let mut page = known.map_or_else(Page::default, |page| (**page).clone());
                page.stamp = Some(stamp);
                return Ok(page);
            }
        };
        if let Some(page) = self.odd_status(route, listing, at, &reply)? {
            return Ok(page);
        }
        let asked = Asked { at, size, from };
        let mut page = self.page_of(route, listing, &reply, &asked)?;
        honest::check(&self.manifest, plan, &page, &listing.relations)?;
        page.complete = route.complete;
        page.lasts = route.page.lasts();
        page.stamp = self.stamp(method, &reply);
        Ok(page)
    }

    /// What the status of an answer says that is no success: an error, or that the position lies past the end.
    fn odd_status(
        &self,
        route: &ListRoute,
        listing: &Listing,
        at: &Position,
        reply: &Reply,
    ) -> Result<Option<Page>, SourceError> {
        if faults::status_is_good(route.route.success(&self.manifest), reply.status) {
            return Ok(None);
        }
        let not_the_first = *at != Position::Start && *at != Position::Index(0);
        if listing.pages.is_past_end(reply) && not_the_first {
            return Ok(Some(Page {
                past_end: true,
                ..Page::default()
            }));
        }
        if listing.pages.is_too_deep(reply) {
            let kind = crate::source::SourceErrorKind::DepthLimit;
            return Err(SourceError::new(kind, faults::sentence(kind)).with_status(reply.status));
        }
        match self.judge_status(&route.route, reply) {
            Ok(()) => Ok(None),
            Err(refusal) if leads_on(at) => Err(refused_token(refusal.error)),
            Err(refusal) => Err(refused_list(refusal.error)),
        }
    }

    /// Maps the body of a good answer as if it had just come for this page. Nothing is sent; for measuring and trying out.
    ///
    /// # Errors
    /// As [`crate::source::CustomerSource::list`], where the body is not what the adapter describes.
    pub fn map_page(
        &self,
        plan: &ListPlan,
        at: &Position,
        size: u32,
        body: Bytes,
    ) -> Result<Page, SourceError> {
        let (listing, route) = self.listing_of(plan)?;
        let reply = Reply {
            status: 200,
            headers: http::HeaderMap::new(),
            body,
        };
        let asked = Asked {
            at,
            size,
            from: None,
        };
        self.page_of(route, listing, &reply, &asked)
    }

    fn page_of(
        &self,
        route: &ListRoute,
        listing: &Listing,
        reply: &Reply,
        asked: &Asked<'_>,
    ) -> Result<Page, SourceError> {
        if route.missing_is_empty && says_nothing(reply) {
            let said = Said {
                leaves: &[],
                reply,
                asked,
                last: None,
            };
            return listing.pages.read(&said, Vec::new(), &self.hosts);
        }
        let mut rows = Mapped::new(&listing.map, &reply.body, route);
        rows.keyed = listing.pages.keys_rows();
        rows.most = self.upstream.settings().answer_rows;
        let broken = |error| unlike_json(&error).with_status(reply.status);
        let picked = listing
            .envelope
            .pick(&reply.body, &mut rows)
            .map_err(broken)?;
        listing
            .judge
            .check(&self.manifest, reply, &picked.leaves)
            .map_err(|refusal| refused_list(refusal.error))?;
        match picked.rows {
            RowsSeen::Array => {}
            RowsSeen::Absent | RowsSeen::Null if route.missing_is_empty => {
                failed(&self.manifest, &route.route.errors, reply)?;
            }
            _ => {
                return Err(no_records(reply));
            }
        }
        rows.check()?;
        let last = rows.last_key.take();
        let said = Said {
            leaves: &picked.leaves,
            reply,
            asked,
            last,
        };
        listing.pages.read(&said, rows.rows, &self.hosts)
    }
}

/// Whether a page is one that the CRM led to.
fn leads_on(at: &Position) -> bool {
    matches!(at, Position::Token(_))
}

/// What the CRM itself led to is refused: the page before was answered to the same filters, so it is the token that it no longer
/// knows.
fn refused_token(error: SourceError) -> SourceError {
    use crate::source::SourceErrorKind::{Conflict, CursorExpired, Malformed, NotFound, Rejected};
    let refused = matches!(error.upstream_status, Some(400 | 404 | 409 | 410 | 422));
    if !refused || !matches!(error.kind, Rejected | NotFound | Conflict | Malformed) {
        return refused_list(error);
    }
    SourceError {
        kind: CursorExpired,
        detail: faults::sentence(CursorExpired).into(),
        ..error
    }
}

/// Whether an answer is one that has no body, by its status.
fn says_nothing(reply: &Reply) -> bool {
    reply.body.is_empty() && matches!(reply.status, 204 | 304)
}

/// A route that reads several records by id, compiled.
pub struct Batch {
    /// The request.
    pub prepared: Prepared,
    map: CustomerMap,
    envelope: Picker,
    judge: Judge,
    items: JsonPath,
    unwrap: JsonPath,
    lacks: Lacks,
    refusals: Arc<RouteErrors>,
}

impl Batch {
    /// Compiles a route whose vars are filled in.
    pub fn new(
        manifest: &Manifest,
        gone: Option<&Gone>,
        (items, unwrap, lacks): (&JsonPath, &JsonPath, Lacks),
        route: &Route,
        prepared: Prepared,
    ) -> Self {
        let mut envelope = Picker::default();
        envelope.rows_at(items);
        Self {
            judge: Judge::new(manifest, route, |path| envelope.add(path)),
            map: CustomerMap::new_below(manifest, gone, None, unwrap),
            items: items.clone(),
            unwrap: unwrap.clone(),
            refusals: Arc::clone(&route.errors),
            lacks,
            envelope,
            prepared,
        }
    }

    /// Maps the records of an answer with a good status.
    pub fn read(
        &self,
        manifest: &Manifest,
        reply: &Reply,
        most: usize,
    ) -> Result<Vec<Row>, SourceError> {
        let mut rows = Mapped::below(
            &self.map,
            &reply.body,
            self.items.clone(),
            self.unwrap.clone(),
        );
        if self.lacks.missing_is_empty && says_nothing(reply) {
            return Ok(Vec::new());
        }
        rows.null_is_absent = self.lacks.null_is_absent;
        rows.most = most;
        let broken = |error| unlike_json(&error).with_status(reply.status);
        let picked = self.envelope.pick(&reply.body, &mut rows).map_err(broken)?;
        self.judge
            .check(manifest, reply, &picked.leaves)
            .map_err(|refusal| refused_list(refusal.error))?;
        match picked.rows {
            RowsSeen::Array => rows.check().map(|()| rows.rows),
            RowsSeen::Absent | RowsSeen::Null if self.lacks.missing_is_empty => {
                failed(manifest, &self.refusals, reply).map(|()| Vec::new())
            }
            _ => Err(no_records(reply)),
        }
    }
}

/// An answer without a list of records may have none, or be a failure.
fn failed(manifest: &Manifest, own: &RouteErrors, reply: &Reply) -> Result<(), SourceError> {
    match failure(manifest, own, reply) {
        Some(refusal) => Err(refused_list(refusal.error)),
        None => Ok(()),
    }
}

fn no_records(reply: &Reply) -> SourceError {
    malformed("the CRM's answer has no list of records where its adapter says")
        .with_status(reply.status)
}

/// What is said of a list that the CRM does not find.
pub const NO_SUCH_LIST: &str = "the CRM has no such list";

/// "Not found" for a list is not an absent customer: the route itself is missing.
pub fn refused_list(mut error: SourceError) -> SourceError {
    use crate::source::SourceErrorKind;
    if error.kind == SourceErrorKind::NotFound {
        error.kind = SourceErrorKind::Malformed;
        error.detail = NO_SUCH_LIST.into();
    }
    refused_read(error)
}

/// The rows of an answer, mapped as they are met.
struct Mapped<'m> {
    map: &'m CustomerMap,
    body: Bytes,
    native: Arc<NativeFinder>,
    rows: Vec<Row>,
    /// Elements that stand for no record at all.
    passed: usize,
    null_is_absent: bool,
    /// How many elements are read; one more is one too many.
    most: usize,
    too_many: bool,
    last_key: Option<Box<str>>,
    /// Why the last row's key cannot be read.
    unread_key: Option<&'static str>,
    /// Each row keeps its key.
    keyed: bool,
    at: DateTime,
}

impl<'m> Mapped<'m> {
    fn new(map: &'m CustomerMap, body: &Bytes, route: &ListRoute) -> Self {
        Self::below(map, body, route.items.clone(), route.unwrap.clone())
    }

    fn below(map: &'m CustomerMap, body: &Bytes, items: JsonPath, unwrap: JsonPath) -> Self {
        Self {
            map,
            body: native::own(body),
            native: native::in_array(items, unwrap),
            rows: Vec::new(),
            passed: 0,
            null_is_absent: false,
            most: usize::MAX,
            too_many: false,
            last_key: None,
            unread_key: None,
            keyed: false,
            at: DateTime::at(jiff::Timestamp::now()),
        }
    }

    /// # Errors
    /// There were more records than are read, or the last one leads nowhere that could be read.
    fn check(&self) -> Result<(), SourceError> {
        if self.too_many {
            return Err(malformed(
                "the CRM's answer has more records than are read of one",
            ));
        }
        // Without it the list would seem to end here.
        self.unread_key.map_or(Ok(()), |why| Err(malformed(why)))
    }
}

impl<'de> Rows<'de> for Mapped<'_> {
    fn begin(&mut self) {
        self.rows.clear();
        self.passed = 0;
        self.too_many = false;
        self.last_key = None;
        self.unread_key = None;
    }

    fn picker(&self) -> &Picker {
        self.map.picker()
    }

    fn row(&mut self, leaves: &mut [Leaf<'de>], element: Element) {
        if self.rows.len() + self.passed >= self.most {
            self.too_many = true;
            return;
        }
        if element == Element::Null && self.null_is_absent {
            self.passed += 1;
            return;
        }
        let native = Native::new(
            self.body.clone(),
            self.rows.len() + self.passed,
            Arc::clone(&self.native),
        );
        let came = Came {
            at: self.at,
            native: Some(native),
        };
        let read = self.map.read(leaves, element == Element::Object, came);
        let (key, unread) = read
            .key
            .map_or_else(|why| (None, Some(why)), |key| (key, None));
        self.last_key.clone_from(&key);
        self.unread_key = unread;
        let key = key.filter(|_| self.keyed);
        self.rows.push(match read.customer {
            Err(reason) => Row::Unreadable { reason, key },
            Ok(customer) if read.gone => Row::Gone {
                customer: Arc::new(customer),
                key,
            },
            Ok(customer) => Row::Customer {
                customer: Arc::new(customer),
                key,
            },
        });
    }
}
