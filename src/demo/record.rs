//! What a CRM was asked, and what it answered: the request log behind [`Crm::log`](super::Crm::log).
//!
//! Tests and curious people read it to see what a client really sends. It is bounded twice, in entries and in bytes
//! per body, because `crmql demo` may run for days. It knows nothing of any vendor.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::request::Parts;

/// How many requests are remembered.
const KEPT: usize = 2_000;
/// How many bytes of a request body are remembered.
const BODY_KEPT: usize = 64 * 1024;

/// One request as an emulated CRM saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The HTTP method.
    pub method: String,
    /// The path with the query, still percent-encoded.
    pub path_and_query: String,
    /// The headers, names in lower case, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body as text, at most its first 64 KiB.
    pub body: String,
    /// The status answered, or 0 where no answer was given (yet).
    pub status: u16,
}

/// The place of an entry, to be completed when its answer is known.
#[derive(Clone, Copy)]
pub(super) struct Ticket(u64);

/// The log itself.
#[derive(Default)]
pub(super) struct Record {
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    first: u64,
    seen: VecDeque<Seen>,
}

impl Record {
    /// Notes a request on arrival, so that one whose visitor gives up waiting is still there.
    pub(super) fn open(&self, head: &Parts, body: &[u8]) -> Ticket {
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let kept = body.get(..BODY_KEPT).unwrap_or(body);
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers = head.headers.iter();
        let seen = Seen {
            method: head.method.to_string(),
            path_and_query: path.to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
                .collect(),
            body: text(kept),
            status: 0,
        };
        let mut pages = self.pages();
        if pages.seen.len() >= KEPT {
            pages.seen.pop_front();
            pages.first += 1;
        }
        let ticket = Ticket(pages.first + pages.seen.len() as u64);
        pages.seen.push_back(seen);
        ticket
    }

    /// Adds the status that was answered; nothing happens where the entry has left the log since.
    pub(super) fn close(&self, ticket: Ticket, status: u16) {
        let mut pages = self.pages();
        let place = ticket.0.checked_sub(pages.first);
        let place = place.and_then(|place| usize::try_from(place).ok());
        if let Some(seen) = place.and_then(|place| pages.seen.get_mut(place)) {
            seen.status = status;
        }
    }

    pub(super) fn all(&self) -> Vec<Seen> {
        self.pages().seen.iter().cloned().collect()
    }

    pub(super) fn clear(&self) {
        let mut pages = self.pages();
        pages.first += pages.seen.len() as u64;
        pages.seen.clear();
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(path: &str) -> Parts {
        http::Request::get(path).body(()).unwrap().into_parts().0
    }

    #[test]
    fn keeps_the_last_two_thousand_and_closes_the_right_one() {
        let record = Record::default();
        let early = record.open(&head("/0"), b"");
        for number in 1..=KEPT {
            let ticket = record.open(&head(&format!("/{number}")), b"");
            record.close(ticket, 200);
        }
        record.close(early, 500);
        let all = record.all();
        assert_eq!(all.len(), KEPT);
        assert_eq!(all[0].path_and_query, "/1");
        assert!(all.iter().all(|seen| seen.status == 200));
    }

    #[test]
    fn a_ticket_from_before_clearing_closes_nothing() {
        let record = Record::default();
        let early = record.open(&head("/early"), b"");
        record.clear();
        record.open(&head("/late"), b"");
        record.close(early, 500);
        assert_eq!(record.all()[0].status, 0);
    }

    #[test]
    fn long_bodies_are_cut() {
        let record = Record::default();
        record.open(&head("/"), &vec![b'x'; BODY_KEPT + 1]);
        assert_eq!(record.all()[0].body.len(), BODY_KEPT);
    }
}
