//! Documents that a request names instead of sending: trusted ones, which were there from the start, and those that clients
//! have had kept (automatic persisted queries).
//!
//! A kept document is found by the SHA-256 of its text, which is worked out here and believed from nobody, so that no client
//! can put one document under another's hash.

use super::parameters::Parameters;
use crate::access::KeyHash;
use crate::access::key::{hash, read_hash};
use crate::graphql::{RequestCode, RequestError};
use crate::limits::Limits;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// What stands before a hash in a document id.
const SHA256: &str = "sha256:";

/// The documents that need not be sent.
#[derive(Default)]
pub struct Library {
    trusted: HashMap<Box<str>, Arc<str>>,
    /// The texts of the trusted documents, where no others are answered.
    only: Option<HashSet<Arc<str>>>,
    kept: Option<Kept>,
}

/// The document of a request, and where it is to be kept once it has turned out well.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) text: Arc<str>,
    pub(super) keep: Option<KeyHash>,
}

impl Library {
    /// These documents by their ids; `only` where no others are answered.
    pub fn trusting(documents: BTreeMap<Box<str>, Box<str>>, only: bool) -> Self {
        let trusted: HashMap<Box<str>, Arc<str>> = documents
            .into_iter()
            .map(|(id, text)| (id, text.into()))
            .collect();
        Self {
            only: only.then(|| trusted.values().cloned().collect()),
            trusted,
            kept: None,
        }
    }

    /// The same, and clients may have others kept.
    #[must_use]
    pub fn keeping(mut self, limits: &Limits) -> Self {
        self.kept = Some(Kept {
            most: limits.kept_documents,
            most_bytes: limits.kept_bytes,
            state: Mutex::default(),
        });
        self
    }

    /// The document that a request sends or names.
    pub(super) fn find(&self, asked: &Parameters) -> Result<Found, RequestError> {
        let claimed = asked.hash.as_deref();
        let found = match (&asked.query, asked.document_id.as_deref().or(claimed)) {
            (Some(text), None) => self.sent(text)?,
            (Some(_), Some(_)) if asked.document_id.is_some() => {
                return Err(RequestError::invalid(
                    "either query or documentId is sent, not both",
                ));
            }
            (Some(text), Some(hash)) => self.sent_to_be_kept(text, hash)?,
            (None, Some(id)) => self.named(id)?,
            (None, None) => return Err(RequestError::invalid("query is missing")),
        };
        let Some(only) = &self.only else {
            return Ok(found);
        };
        if only.contains(&found.text) {
            return Ok(found);
        }
        Err(RequestError::new(
            RequestCode::Forbidden,
            "only trusted documents are answered here",
        ))
    }

    fn sent(&self, text: &str) -> Result<Found, RequestError> {
        Ok(Found {
            text: text.into(),
            keep: None,
        })
    }

    fn sent_to_be_kept(&self, text: &str, claimed: &str) -> Result<Found, RequestError> {
        if self.kept.is_none() {
            return self.sent(text);
        }
        let real = hash(text);
        if read_hash(claimed) != Some(real) {
            return Err(RequestError::invalid("sha256Hash is not the document's"));
        }
        Ok(Found {
            text: text.into(),
            keep: Some(real),
        })
    }

    fn named(&self, id: &str) -> Result<Found, RequestError> {
        let bare = id.strip_prefix(SHA256).unwrap_or(id);
        let trusted = self.trusted.get(id).or_else(|| self.trusted.get(bare));
        let kept = || self.kept.as_ref()?.get(&read_hash(bare)?);
        let text = trusted.cloned().or_else(kept);
        text.map(|text| Found { text, keep: None }).ok_or_else(|| {
            // The words that clients look for, to send the whole document next.
            match (&self.kept, self.trusted.is_empty()) {
                (None, true) => {
                    let message = "PersistedQueryNotSupported";
                    RequestError::new(RequestCode::DocumentsNotKept, message)
                }
                _ => RequestError::new(RequestCode::DocumentNotFound, "PersistedQueryNotFound"),
            }
        })
    }

    /// Keeps a document that was found to be a good one.
    pub(super) fn keep(&self, found: &Found) {
        if let (Some(kept), Some(hash)) = (&self.kept, found.keep) {
            kept.put(hash, &found.text);
        }
    }
}

/// Documents by the hash of their text. What was not used for longest goes first.
struct Kept {
    most: usize,
    most_bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    documents: HashMap<KeyHash, (Arc<str>, u64)>,
    bytes: usize,
    clock: u64,
}

impl Kept {
    fn get(&self, hash: &KeyHash) -> Option<Arc<str>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let now = state.clock;
        let (text, used) = state.documents.get_mut(hash)?;
        *used = now;
        Some(Arc::clone(text))
    }

    fn put(&self, hash: KeyHash, text: &Arc<str>) {
        // One document must not push out all the others.
        if text.len() > self.most_bytes / 8 {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let entry = (Arc::clone(text), state.clock);
        if state.documents.insert(hash, entry).is_none() {
            state.bytes += text.len();
        }
        while state.documents.len() > self.most || state.bytes > self.most_bytes {
            let oldest = state.documents.iter().min_by_key(|(_, (_, used))| *used);
            let Some(oldest) = oldest.map(|(hash, _)| *hash) else {
                break;
            };
            if let Some((text, _)) = state.documents.remove(&oldest) {
                state.bytes = state.bytes.saturating_sub(text.len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::key::hash_text;

    fn asked(query: Option<&str>, id: Option<&str>, hash: Option<&str>) -> Parameters {
        Parameters {
            query: query.map(str::to_owned),
            document_id: id.map(str::to_owned),
            hash: hash.map(str::to_owned),
            ..Parameters::default()
        }
    }

    fn code(found: Result<Found, RequestError>) -> &'static str {
        found.unwrap_err().code.as_str()
    }

    #[test]
    fn where_none_is_kept_clients_are_told_to_stop_asking() {
        let library = Library::trusting(BTreeMap::new(), false);
        let unknown = asked(None, None, Some("two"));
        assert_eq!(
            code(library.find(&unknown)),
            "PERSISTED_QUERY_NOT_SUPPORTED"
        );
    }

    #[test]
    fn trusted_documents_are_found_by_id_and_only_they_where_only_is_said() {
        let documents = || BTreeMap::from([("one".into(), "{ a }".into())]);
        let open = Library::trusting(documents(), false);
        let strict = Library::trusting(documents(), true);
        for library in [&open, &strict] {
            for named in [
                asked(None, Some("one"), None),
                asked(None, Some("sha256:one"), None),
                asked(None, None, Some("one")),
                asked(Some("{ a }"), None, None),
            ] {
                assert_eq!(&*library.find(&named).unwrap().text, "{ a }", "{named:?}");
            }
            let unknown = asked(None, Some("two"), None);
            assert_eq!(code(library.find(&unknown)), "PERSISTED_QUERY_NOT_FOUND");
            let both = asked(Some("{ a }"), Some("one"), None);
            assert_eq!(code(library.find(&both)), "INVALID_INPUT");
        }
        for other in ["{ b }", "{ a } ", "{a}"] {
            let sent = asked(Some(other), None, None);
            assert!(open.find(&sent).is_ok());
            assert_eq!(code(strict.find(&sent)), "FORBIDDEN");
            let hash = hash_text(&hash(other));
            assert_eq!(
                code(strict.find(&asked(Some(other), None, Some(&hash)))),
                "FORBIDDEN"
            );
        }
    }

    #[test]
    fn documents_are_kept_under_their_own_hash_and_within_bounds() {
        let limits = Limits {
            kept_documents: 2,
            kept_bytes: 1_024,
            ..Limits::default()
        };
        let library = Library::default().keeping(&limits);
        let text = |n: usize| format!("{{ a{n} }}");
        let id = |n: usize| hash_text(&hash(&text(n)));
        let keep = |n: usize| {
            library.keep(
                &library
                    .find(&asked(Some(&text(n)), None, Some(&id(n))))
                    .unwrap(),
            );
        };
        let knows = |n: usize| library.find(&asked(None, None, Some(&id(n)))).is_ok();
        assert!(!knows(1));
        for n in [1, 2] {
            keep(n);
        }
        assert!(knows(1));
        keep(3);
        assert!(
            knows(1) && knows(3) && !knows(2),
            "the one not used for longest is gone"
        );
        let poison = asked(Some(&text(4)), None, Some(&id(1)));
        assert_eq!(code(library.find(&poison)), "INVALID_INPUT");
        let long = format!("{{ {} }}", "a ".repeat(100));
        let found = library
            .find(&asked(Some(&long), None, Some(&hash_text(&hash(&long)))))
            .unwrap();
        library.keep(&found);
        assert!(knows(1) && knows(3), "too large for an eighth of the room");
    }

    #[test]
    fn documents_are_kept_within_their_bytes() {
        let limits = Limits {
            kept_documents: 100,
            kept_bytes: 1_024,
            ..Limits::default()
        };
        let library = Library::default().keeping(&limits);
        let text = |n: usize| format!("{{ a{n:096} }}");
        let id = |n: usize| hash_text(&hash(&text(n)));
        for n in 0..12 {
            let sent = asked(Some(&text(n)), None, Some(&id(n)));
            library.keep(&library.find(&sent).unwrap());
        }
        let knows = |n: &usize| library.find(&asked(None, None, Some(&id(*n)))).is_ok();
        let known: Vec<usize> = (0..12).filter(knows).collect();
        assert_eq!(known, (2..12).collect::<Vec<_>>());
    }
}
