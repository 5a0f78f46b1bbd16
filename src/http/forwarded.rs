//! The credentials that callers bring for the CRMs themselves, in the headers that the configuration names.
//!
//! Only the headers of the caller's own tenant are looked at. What no credential can be is passed on as just that: the
//! source it was meant for answers with an error, and the others are none the worse.

use crate::access::Caller;
use crate::graphql::Brought;
use axum::http::{HeaderMap, HeaderValue};
use std::collections::{BTreeMap, BTreeSet};

/// Which headers callers bring credentials in.
#[derive(Clone, Default)]
pub struct Forwarding {
    /// Credentials are told apart by hashes under this key.
    key: [u8; 32],
    /// The headers of each tenant.
    headers: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
    /// All of them, as answers to browsers and caches list them.
    listed: Option<HeaderValue>,
}

impl Forwarding {
    /// These headers for each tenant. `key` is secret, and the same on every replica.
    pub fn new(key: [u8; 32], headers: BTreeMap<Box<str>, BTreeSet<Box<str>>>) -> Self {
        let all: BTreeSet<&str> = headers.values().flatten().map(|name| &**name).collect();
        let all: Vec<&str> = all.into_iter().collect();
        Self {
            listed: HeaderValue::from_str(&all.join(", "))
                .ok()
                .filter(|_| !all.is_empty()),
            key,
            headers,
        }
    }

    /// All the headers, where there are any.
    pub(super) const fn listed(&self) -> Option<&HeaderValue> {
        self.listed.as_ref()
    }

    /// What a caller brings. A header without a value is as good as none; one that is there twice, is longer than `longest`,
    /// or holds what no credential can, is no credential.
    pub(super) fn brought(&self, caller: &Caller, headers: &HeaderMap, longest: usize) -> Brought {
        let Some(names) = self.headers.get(&caller.tenant) else {
            return Brought::default();
        };
        let given = names.iter().filter_map(|name| {
            let mut values = headers.get_all(&**name).iter();
            let first = values.next().filter(|value| !value.is_empty())?;
            let only = Some(first).filter(|_| values.next().is_none());
            Some((&**name, only.and_then(|value| text(value, longest))))
        });
        Brought::new(&self.key, given)
    }
}

fn text(value: &HeaderValue, longest: usize) -> Option<&str> {
    let fits = |text: &&str| text.len() <= longest && !text.contains(char::is_control);
    value.to_str().ok().filter(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(tenant: &str) -> Caller {
        Caller {
            tenant: tenant.into(),
            ..Caller::anybody()
        }
    }

    #[test]
    fn only_the_headers_of_the_callers_own_tenant_are_looked_at() {
        let headers = BTreeMap::from([
            ("a".into(), BTreeSet::from(["x-a".into()])),
            ("b".into(), BTreeSet::from(["x-b".into()])),
        ]);
        let forwarding = Forwarding::new([7; 32], headers);
        assert_eq!(forwarding.listed().unwrap(), "x-a, x-b");
        let mut sent = HeaderMap::new();
        sent.insert("x-a", HeaderValue::from_static("one"));
        let brought = |tenant: &str| forwarding.brought(&caller(tenant), &sent, 100);
        let wanted = BTreeMap::from([("key".to_owned(), "x-a".into())]);
        assert_eq!(brought("a").named(&wanted).unwrap().0["key"], "one");
        assert!(brought("b").is_empty() && brought("").is_empty());
        sent.insert("x-a", HeaderValue::from_static(""));
        assert!(forwarding.brought(&caller("a"), &sent, 100).is_empty());
    }

    #[test]
    fn nothing_is_listed_where_nobody_brings_anything() {
        assert!(Forwarding::default().listed().is_none());
        assert!(Forwarding::new([0; 32], BTreeMap::new()).listed().is_none());
    }
}
