//! Cursors: where a reader of a connection stands, as short text that only this gateway can make.
//!
//! Layout: version, seal, and enciphered under it the fingerprint of the query and the position; base64url without padding.
//! The seal is 16 bytes of keyed BLAKE3 over the plain text, and the key stream is drawn from the seal with another key
//! (a synthetic nonce): the same place gives the same text, and nobody else can read or make one. A cursor carries text
//! that is sent to a source, and what a row is ordered by, which may be a name; nothing of it is used before its seal is
//! checked. Reading never fails other than with an error, whatever the bytes.

mod key;
mod read;
#[cfg(test)]
mod tests;
mod write;

use super::ConnectionError;
use super::memory::Memory;
use super::place::{Gap, Way};
use crate::source::Position;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use read::Input;
use write::{Keep, Output};

/// The layout below. Another layout takes another number.
const VERSION: u8 = 2;
/// Bytes of the seal.
const SEAL: usize = 16;

/// Gaps in the lists of several sources, by their place among the sources asked. Where they stand one after the other, a source
/// that is not named is at its start when it stands after all that are named, and at its end otherwise. In a merge it takes
/// no part.
pub(in crate::connection) type Gaps = Vec<(u16, Gap)>;

/// A place in a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::connection) struct Cursor {
    /// Sources that failed in this traversal and stay out of it.
    pub(in crate::connection) failed: Vec<u16>,
    /// The source whose row this is; `None` for a place that is no row.
    pub(in crate::connection) edge: Option<u16>,
    /// The place in each source that matters.
    pub(in crate::connection) here: Gaps,
    /// Where reading goes on in one direction, where that is further than the row itself: rows in between were looked at
    /// and left out.
    pub(in crate::connection) onward: Option<(bool, Gaps)>,
    /// No row of the connection was found on the way here.
    pub(in crate::connection) blank: bool,
}

impl Cursor {
    /// The gaps to go on from in one direction.
    pub(in crate::connection) fn gaps(&self, way: Way) -> Gaps {
        if let Some((forward, gaps)) = &self.onward
            && *forward == (way == Way::Forward)
        {
            return gaps.clone();
        }
        let turned = |(source, gap): &(u16, Gap)| {
            let gap = match gap {
                Gap::Before(mark) | Gap::After(mark) if self.edge == Some(*source) => match way {
                    Way::Forward => Gap::After(mark.clone()),
                    Way::Backward => Gap::Before(mark.clone()),
                },
                other => other.clone(),
            };
            (*source, gap)
        };
        self.here.iter().map(turned).collect()
    }
}

/// The keys of cursors.
#[derive(Clone, Debug)]
pub(in crate::connection) struct Keys {
    seal: [u8; 32],
    cipher: [u8; 32],
}

impl Keys {
    /// The same secret gives the same keys.
    pub(in crate::connection) fn new(secret: &[u8]) -> Self {
        Self {
            seal: blake3::derive_key("crmql 2026 connection cursors", secret),
            cipher: blake3::derive_key("crmql 2026 connection cursors, cipher", secret),
        }
    }
}

/// Makes and reads the cursors of one query.
#[derive(Clone, Debug)]
pub(in crate::connection) struct Sealer<'a> {
    keys: &'a Keys,
    query: u64,
    longest: usize,
    memory: &'a Memory,
}

impl<'a> Sealer<'a> {
    /// For cursors of the query with this fingerprint.
    pub(in crate::connection) fn new(
        keys: &'a Keys,
        query: u64,
        longest: usize,
        memory: &'a Memory,
    ) -> Self {
        Self {
            keys,
            query,
            longest,
            memory,
        }
    }

    /// The text of a cursor. Where it would be longer than is accepted, this process remembers its long parts.
    ///
    /// # Errors
    /// Even so it is too long.
    pub(in crate::connection) fn seal(&self, cursor: &Cursor) -> Result<String, ConnectionError> {
        let keep = |handle, position: &Position| self.memory.keep(handle, position);
        let whole = self.text(cursor, None);
        whole
            .or_else(|| self.text(cursor, Some(&keep)))
            .ok_or(ConnectionError::CursorTooLong)
    }

    /// The text, unless it is too long; that is seen before it is sealed.
    fn text(&self, cursor: &Cursor, keep: Option<Keep<'_>>) -> Option<String> {
        let mut output = Output {
            bytes: self.query.to_le_bytes().to_vec(),
            keep,
        };
        output.put_cursor(cursor);
        let mut body = output.bytes;
        if base64::encoded_len(1 + SEAL + body.len(), false)? > self.longest {
            return None;
        }
        let seal = self.sign(&body);
        self.cipher(seal, &mut body);
        let mut out = vec![VERSION];
        out.extend_from_slice(&seal);
        out.append(&mut body);
        Some(URL_SAFE_NO_PAD.encode(out))
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// The text is not one of ours, or it belongs to another query.
    pub(in crate::connection) fn open(&self, text: &str) -> Result<Cursor, ConnectionError> {
        let body = self.body(text).ok_or(ConnectionError::InvalidCursor)?;
        let mut input = Input {
            left: &body,
            kept: &|handle| self.memory.kept(handle),
        };
        if input.array().map(u64::from_le_bytes) != Some(self.query) {
            return Err(ConnectionError::CursorMismatch);
        }
        let cursor = input.cursor().ok_or(ConnectionError::InvalidCursor)?;
        if input.left.is_empty() {
            Ok(cursor)
        } else {
            Err(ConnectionError::InvalidCursor)
        }
    }

    /// What is sealed in a text of ours.
    fn body(&self, text: &str) -> Option<Vec<u8>> {
        if text.len() > self.longest {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let rest = bytes.strip_prefix(&[VERSION])?;
        let (seal, body) = rest.split_first_chunk::<SEAL>()?;
        let mut body = body.to_vec();
        self.cipher(*seal, &mut body);
        let signed = self.sign(&body);
        let pairs = signed.iter().zip(seal);
        let differing = pairs.fold(0, |all, (one, other)| all | (one ^ other));
        (differing == 0 && body.len() >= 8).then_some(body)
    }

    fn sign(&self, body: &[u8]) -> [u8; SEAL] {
        let mut seal = [0; SEAL];
        let hash = blake3::keyed_hash(&self.keys.seal, body);
        for (to, from) in seal.iter_mut().zip(hash.as_bytes()) {
            *to = *from;
        }
        seal
    }

    /// Enciphers or deciphers: the stream of a seal is laid over the bytes.
    fn cipher(&self, seal: [u8; SEAL], body: &mut [u8]) {
        let mut stream = vec![0; body.len()];
        blake3::Hasher::new_keyed(&self.keys.cipher)
            .update(&seal)
            .finalize_xof()
            .fill(&mut stream);
        for (byte, with) in body.iter_mut().zip(stream) {
            *byte ^= with;
        }
    }
}
