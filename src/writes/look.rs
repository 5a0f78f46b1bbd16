//! Looks for what a create may have made when its answer was lost.
//!
//! It proves something only where exactly one customer fits: made since, and with every value that tells customers apart.
//! Finding none proves nothing, because the write may still be on its way. It asks few times and not for long.

use crate::model::{Change, Customer, DateTime, FieldValue, Filter, TimeRange, WriteField};
use crate::source::{Call, CustomerRef, Paging, Position, Row, SourceEntry};
use jiff::Timestamp;
use std::time::Duration;

/// How long a look may take in all.
const LOOK: Duration = Duration::from_secs(3);
/// How long the CRM gets before it is looked at: what it does may take a moment to show.
const MOMENT: Duration = Duration::from_millis(100);
/// How many lists are asked for at most.
const LISTS: usize = 3;
/// How many rows of one list are looked at.
const ROWS: u32 = 100;

/// The customer that a create made; `None` where that cannot be told.
pub(super) async fn made(
    call: &Call,
    entry: &SourceEntry,
    change: &Change,
    since: Timestamp,
) -> Option<CustomerRef> {
    let Change::Create { fields, .. } = change else {
        return None;
    };
    let wanted = Wanted::new(fields, since)?;
    let deadline = call
        .operation()
        .deadline
        .min(std::time::Instant::now() + LOOK);
    let looking = async {
        tokio::time::sleep(MOMENT).await;
        let mut asked = 0;
        for filter in wanted.filters() {
            if asked >= LISTS {
                break;
            }
            let Ok(plan) = entry.source.plan(&filter, None) else {
                continue;
            };
            asked += 1;
            let size = size_of(plan.paging);
            let listed = entry.source.list(call, &plan, &Position::Start, size).await;
            let Ok(page) = listed else { continue };
            let whole = page.next.is_none() && page.more != Some(true);
            let all = page
                .total
                .is_none_or(|total| total <= page.rows.len() as u64);
            let mut fitting = page.rows.into_iter().filter_map(|row| match row {
                Row::Customer { customer, .. } => wanted.fits(&customer).then_some(customer),
                Row::Gone { .. } | Row::Unreadable { .. } => None,
            });
            match (fitting.next(), fitting.next()) {
                (Some(found), None) if whole && all => return Some(found),
                (None, _) => {}
                _ => return None,
            }
        }
        None
    };
    tokio::time::timeout_at(deadline.into(), looking)
        .await
        .ok()
        .flatten()
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
    /// The whole second in which the write began: CRMs print no finer times.
    since: Timestamp,
}

impl<'c> Wanted<'c> {
    /// `None` where nothing of what was given tells one customer from another.
    fn new(fields: &'c [(WriteField, FieldValue)], since: Timestamp) -> Option<Self> {
        let mut wanted = Self {
            email: None,
            phone: None,
            texts: Vec::new(),
            since: Timestamp::from_second(since.as_second()).ok()?,
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
    fn filters(&self) -> Vec<Filter> {
        let since = || {
            Some(TimeRange {
                gte: Some(DateTime(self.since)),
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
        narrow.chain([made, changed]).chain(search).collect()
    }

    fn fits(&self, customer: &Customer) -> bool {
        // Without its time of making it may have been there before.
        let new = customer
            .created_at
            .as_ref()
            .is_some_and(|made| made.0 >= self.since);
        let same = |said: &str, found: Option<&str>| {
            found.is_some_and(|found| found.trim().to_lowercase() == said.trim().to_lowercase())
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
            same(
                text,
                match field {
                    WriteField::Name => customer.name.as_deref(),
                    WriteField::FirstName => customer.first_name.as_deref(),
                    WriteField::LastName => customer.last_name.as_deref(),
                    _ => customer.external_id.as_deref(),
                },
            )
        });
        new && email && phone && texts
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}
