//! Looks for what a write did whose answer was lost.
//!
//! A create is proven only where exactly one customer of a whole list fits: made since, with every value that tells customers
//! apart, and by no other write of ours; and where it shows no other value for anything else that was given. An update is,
//! where the customer shows all that was given; a delete, where it is not there. Anything else proves nothing, because the
//! write may still be on its way. It asks few times and not for long.

use super::made::{Marks, Name, digits, folded};
use super::{Asked, Writes, shows};
use crate::model::{
    Change, Customer, DateTime, FieldValue, Filter, LocalId, TimeRange, WriteField,
};
use crate::source::{Call, CustomerRef, ListPlan, Page, Paging, Position, Row, TotalKind};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// How long a look may take in all.
const LOOK: Duration = Duration::from_secs(3);
/// How long the CRM gets before it is looked at: what it does may take a moment to show.
const MOMENT: Duration = Duration::from_millis(100);
/// How often is looked whether another create is still under way.
const TURN: Duration = Duration::from_millis(20);
/// How many lists are asked for at most.
const LISTS: usize = 3;
/// How many rows of one list are looked at.
const ROWS: u32 = 100;
/// By so much a CRM's time may lie beyond the `Date` of its answer, which has whole seconds: it may be rounded up itself.
const ROUNDED: SignedDuration = SignedDuration::from_secs(2);

/// What a look showed.
pub(super) enum Seen {
    /// The customer, as it was wanted.
    Customer(CustomerRef),
    /// That it is not there.
    Gone,
}

/// A look for what one write did.
pub(super) struct Look<'a> {
    pub(super) writes: &'a Writes,
    pub(super) asked: &'a Asked<'a>,
    pub(super) call: Call,
    /// When it was begun.
    pub(super) since: Timestamp,
    pub(super) name: Name,
}

impl Look<'_> {
    /// What it did; `None` where that cannot be told.
    pub(super) async fn look(&self) -> Option<Seen> {
        let limit = std::time::Instant::now() + LOOK;
        let deadline = self.call.operation().deadline.min(limit);
        let looking = async {
            match self.asked.change {
                Change::Create { fields, .. } => {
                    let wanted = Wanted::new(fields, self.since)?;
                    self.made(&wanted, fields).await.map(Seen::Customer)
                }
                Change::Update { id, fields, native } if native.is_empty() => {
                    let found = self.fetched(id).await??;
                    let done = shows::all(self.asked.entry, &found, fields);
                    done.then_some(Seen::Customer(found))
                }
                // Vendor fields are written by names of their own, and read by others.
                Change::Update { .. } => None,
                Change::Delete { id } => match self.fetched(id).await? {
                    None => Some(Seen::Gone),
                    Some(_) => None,
                },
            }
        };
        let looked = tokio::time::timeout_at(deadline.into(), looking).await;
        looked.ok().flatten()
    }

    /// The customer as it is now, if the CRM has it; `None` where that cannot be told.
    async fn fetched(&self, id: &LocalId) -> Option<Option<CustomerRef>> {
        tokio::time::sleep(MOMENT).await;
        let source = &self.asked.entry.source;
        let ids = std::slice::from_ref(id);
        source.fetch(&self.call, ids).await.pop()?.ok()
    }

    /// The customer that a create made.
    async fn made(
        &self,
        wanted: &Wanted<'_>,
        fields: &[(WriteField, FieldValue)],
    ) -> Option<CustomerRef> {
        tokio::time::sleep(MOMENT).await;
        let entry = self.asked.entry;
        let plans = wanted
            .filters()
            .filter_map(|filter| entry.source.plan(&filter, None).ok());
        let plans: Vec<_> = plans.take(LISTS).collect();
        for plan in plans {
            let size = size_of(plan.paging);
            let listed = entry
                .source
                .list(&self.call, &plan, &Position::Start, size)
                .await;
            let Ok(page) = listed else { continue };
            let window = self.window()?;
            let whole = is_whole(&page, &plan, size);
            let mut fitting = Vec::new();
            for row in page.rows {
                match row {
                    Row::Customer { customer, .. } if wanted.fits(&customer, window.since) => {
                        fitting.extend(self.is_free(&customer.id).await.then_some(customer));
                    }
                    _ => {}
                }
            }
            let Some(found) = fitting.pop() else { continue };
            let disproved = !window.reaches(&found) || shows::another(entry, &found, fields);
            if !whole || !fitting.is_empty() || disproved {
                return None;
            }
            return self.own(found, &Marks::of(fields)).await;
        }
        None
    }

    /// When the CRM can have made the customer, by its own clock as its last answer told it. One that says it is behind is not
    /// believed: what tells the time may be another machine than what makes customers, or a cache, and all that was made
    /// before would have been made since.
    fn window(&self) -> Option<Window> {
        let ahead = self.asked.entry.source.status().ahead;
        let ahead = ahead.max(SignedDuration::ZERO);
        Some(Window {
            since: self.since.checked_add(ahead).ok()?,
            until: Timestamp::now().checked_add(ahead + ROUNDED).ok()?,
        })
    }

    /// Whether no other write of ours made the customer.
    async fn is_free(&self, id: &LocalId) -> bool {
        let (source, name) = (&*self.asked.entry.key, &self.name);
        !self.writes.makers.is_anothers(source, id, name)
            && !self.writes.ledger.is_anothers(source, id, name).await
    }

    /// The customer, unless another write of ours made it, or turns out to have.
    async fn own(&self, found: CustomerRef, marks: &Marks) -> Option<CustomerRef> {
        let (source, makers) = (&*self.asked.entry.key, &self.writes.makers);
        while makers.another_may_make(source, marks) {
            tokio::time::sleep(TURN).await;
        }
        makers.claim(source, &found.id, self.name).then_some(found)
    }
}

/// Whether a first page of this size holds every customer of its list, each of them readable.
fn is_whole(page: &Page, plan: &ListPlan, size: u32) -> bool {
    let rows = page.rows.len() as u64;
    let exceeded = page.total.is_some_and(|total| total > rows);
    // One that says 0 beside rows does not count; others may stop counting, or count the page.
    let exact = plan.total == TotalKind::Exact && !plan.total_in_doubt;
    let counts = exact && page.total.is_some_and(|total| total > 0 || rows == 0);
    let ends = match plan.paging {
        // Nothing leads on but a number or a key, which any row would give.
        Paging::Page(_) | Paging::Offset(_) | Paging::Keyset { .. } => {
            page.rows.len() < size as usize && !page.cut
        }
        Paging::Token(_) | Paging::Link(_) => page.next.is_none(),
        Paging::None => !page.cut,
    };
    let readable = |row: &Row| !matches!(row, Row::Unreadable { .. });
    page.next.is_none()
        && page.more != Some(true)
        && !exceeded
        && (counts || ends || page.more == Some(false))
        && page.rows.iter().all(readable)
}

fn size_of(paging: Paging) -> u32 {
    match paging {
        Paging::Page(sizes) | Paging::Offset(sizes) | Paging::Keyset { sizes, .. } => {
            ROWS.clamp(sizes.min, sizes.max)
        }
        Paging::Token(walk) | Paging::Link(walk) => walk
            .sizes
            .map_or(ROWS, |sizes| ROWS.clamp(sizes.min, sizes.max)),
        Paging::None => ROWS,
    }
}

/// What the customer must be like.
struct Wanted<'c> {
    email: Option<&'c str>,
    phone: Option<&'c str>,
    texts: Vec<(WriteField, &'c str)>,
    /// When the write began. Rows from before are looked at one by one; what a filter leaves out is not seen at all.
    since: Timestamp,
}

impl<'c> Wanted<'c> {
    /// `None` where nothing of what was given tells one customer from another.
    fn new(fields: &'c [(WriteField, FieldValue)], since: Timestamp) -> Option<Self> {
        let mut wanted = Self {
            email: None,
            phone: None,
            texts: Vec::new(),
            since,
        };
        for (field, value) in fields {
            match (field, value) {
                (WriteField::Email, FieldValue::Text(text)) => wanted.email = Some(text),
                (WriteField::Phone, FieldValue::Phone { number, .. }) => {
                    wanted.phone = Some(number);
                }
                (
                    WriteField::Name
                    | WriteField::FirstName
                    | WriteField::LastName
                    | WriteField::ExternalId,
                    FieldValue::Text(text),
                ) => wanted.texts.push((*field, text)),
                _ => {}
            }
        }
        let own_id = wanted.text(WriteField::ExternalId).is_some();
        (wanted.email.is_some() || wanted.phone.is_some() || own_id).then_some(wanted)
    }

    fn text(&self, field: WriteField) -> Option<&'c str> {
        let mut texts = self.texts.iter();
        texts
            .find(|(known, _)| *known == field)
            .map(|(_, text)| *text)
    }

    /// Ways to ask for it, the narrowest first; a source serves some of them.
    fn filters(&self) -> impl Iterator<Item = Filter> {
        // Many CRMs cut their times to whole seconds.
        let second = Timestamp::from_second(self.since.as_second()).unwrap_or(Timestamp::MIN);
        let since = || {
            Some(TimeRange {
                gte: Some(DateTime::at(second)),
                lt: None,
            })
        };
        let by_email = self.email.map(|email| Filter {
            email: Some(email.to_owned()),
            ..Filter::default()
        });
        let by_phone = self.phone.map(|phone| Filter {
            phone: Some(phone.to_owned()),
            ..Filter::default()
        });
        let made = Filter {
            created_at: since(),
            ..Filter::default()
        };
        let changed = Filter {
            updated_at: since(),
            ..Filter::default()
        };
        let term = self
            .email
            .or(self.text(WriteField::ExternalId))
            .or(self.phone);
        let search = term.map(|term| Filter {
            search: Some(term.to_owned()),
            ..Filter::default()
        });
        let narrow = by_email.into_iter().chain(by_phone);
        narrow.chain([made, changed]).chain(search)
    }

    fn fits(&self, customer: &Customer, since: Timestamp) -> bool {
        // Without its time of making it may have been there before.
        let new = customer
            .created_at
            .as_ref()
            .is_some_and(|made| is_since(made.0, since));
        let same = |said: &str, found: Option<&str>| {
            found.is_some_and(|found| folded(found) == folded(said))
        };
        let email = self
            .email
            .is_none_or(|email| same(email, customer.email.as_deref()));
        let phone = self.phone.is_none_or(|phone| {
            let found = customer.phone.as_ref().map(|phone| digits(&phone.number));
            let said = digits(phone);
            found.is_some_and(|found| !said.is_empty() && found.ends_with(&said))
        });
        let texts = self.texts.iter().all(|(field, text)| {
            matches!(customer.value_of(*field), Some(FieldValue::Text(found)) if same(text, Some(&found)))
        });
        new && email && phone && texts
    }
}

/// From when to when a customer can have been made.
struct Window {
    since: Timestamp,
    until: Timestamp,
}

impl Window {
    /// Whether the customer's time of making has come. One that has not proves that such times are not to be believed.
    fn reaches(&self, customer: &Customer) -> bool {
        let made = customer.created_at.as_ref();
        made.is_some_and(|made| made.0 <= self.until)
    }
}

/// Whether a CRM's time is not before a moment, which is cut as finely as the CRM cuts its own.
fn is_since(made: Timestamp, since: Timestamp) -> bool {
    let finest = [1_000_000_000, 1_000_000, 1_000, 1]
        .into_iter()
        .find(|unit| made.as_nanosecond() % unit == 0)
        .unwrap_or(1);
    made.as_nanosecond() >= since.as_nanosecond() - since.as_nanosecond().rem_euclid(finest)
}

#[cfg(test)]
mod tests {
    use super::is_since;

    #[test]
    fn a_time_is_cut_no_further_than_the_crm_cuts_its_own() {
        for (made, new) in [
            ("2024-01-01T00:00:10Z", true),
            ("2024-01-01T00:00:09Z", false),
            ("2024-01-01T00:00:10.2Z", false),
            ("2024-01-01T00:00:10.5Z", true),
            ("2024-01-01T00:00:10.499Z", false),
            ("2024-01-01T00:00:10.500001Z", false),
            ("2024-01-01T00:00:10.500601Z", true),
            ("2024-01-01T00:00:11Z", true),
        ] {
            let since = "2024-01-01T00:00:10.5006Z".parse().unwrap();
            assert_eq!(is_since(made.parse().unwrap(), since), new, "{made}");
        }
    }
}
