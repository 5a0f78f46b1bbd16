//! Cursors: where a reader of a connection stands, as short text that only this gateway can make.
//!
//! Layout: version, fingerprint of the query, position, 16 bytes of keyed BLAKE3 over all of it; base64url without
//! padding. A cursor carries text that is sent to a source (tokens, links), so nothing of it is read before its seal is
//! checked. Reading never fails other than with an error, whatever the bytes.

mod bytes;
#[cfg(test)]
mod tests;

use super::ConnectionError;
use super::place::{Gap, Way};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Input, put_cursor};

/// The layout below. Another layout takes another number.
const VERSION: u8 = 1;
/// Bytes of the seal.
const SEAL: usize = 16;

/// Gaps in the lists of several sources, by their place among the sources asked. A source that is not named is at its
/// start when it stands after all that are named, and at its end otherwise.
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

/// Makes and reads the cursors of one query.
#[derive(Clone, Debug)]
pub(in crate::connection) struct Sealer {
    key: [u8; 32],
    query: u64,
    longest: usize,
}

impl Sealer {
    /// For cursors of the query with this fingerprint.
    pub(in crate::connection) fn new(key: &[u8; 32], query: u64, longest: usize) -> Self {
        Self {
            key: *key,
            query,
            longest,
        }
    }

    /// The text of a cursor.
    pub(in crate::connection) fn seal(&self, cursor: &Cursor) -> String {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.query.to_le_bytes());
        put_cursor(&mut out, cursor);
        let seal = self.sign(&out);
        out.extend_from_slice(&seal);
        URL_SAFE_NO_PAD.encode(out)
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// The text is not one of ours, or it belongs to another query.
    pub(in crate::connection) fn open(&self, text: &str) -> Result<Cursor, ConnectionError> {
        if text.len() > self.longest {
            return Err(ConnectionError::InvalidCursor);
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| ConnectionError::InvalidCursor)?;
        let split = bytes
            .len()
            .checked_sub(SEAL)
            .ok_or(ConnectionError::InvalidCursor)?;
        let (body, seal) = bytes.split_at(split);
        let differing = self
            .sign(body)
            .iter()
            .zip(seal)
            .fold(0, |all, (one, other)| all | (one ^ other));
        if differing != 0 {
            return Err(ConnectionError::InvalidCursor);
        }
        let mut input = Input(body);
        if input.byte() != Some(VERSION) {
            return Err(ConnectionError::InvalidCursor);
        }
        if input.array().map(u64::from_le_bytes) != Some(self.query) {
            return Err(ConnectionError::CursorMismatch);
        }
        let cursor = input.cursor().ok_or(ConnectionError::InvalidCursor)?;
        if input.0.is_empty() {
            Ok(cursor)
        } else {
            Err(ConnectionError::InvalidCursor)
        }
    }

    fn sign(&self, body: &[u8]) -> [u8; SEAL] {
        let mut seal = [0; SEAL];
        for (to, from) in seal
            .iter_mut()
            .zip(blake3::keyed_hash(&self.key, body).as_bytes())
        {
            *to = *from;
        }
        seal
    }
}
