//! Cursors: where a reader of a connection stands, as short text that only this gateway can make.
//!
//! Layout: version, fingerprint of the query, position, 16 bytes of keyed BLAKE3 over all of it; base64url without
//! padding. A cursor carries text that is sent to a source (tokens, links), so nothing of it is read before its seal is
//! checked. Reading never fails other than with an error, whatever the bytes.

use super::ConnectionError;
use super::place::{Gap, Mark, Spot, Trail, Way};
use crate::source::Position;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The layout below. Another layout takes another number.
const VERSION: u8 = 1;
/// Bytes of the seal.
const SEAL: usize = 16;

/// Gaps in the lists of several sources, by their place among the sources asked. A source that is not named is at its
/// start when it stands after all that are named, and at its end otherwise.
pub(super) type Gaps = Vec<(u16, Gap)>;

/// A place in a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Sources that failed in this traversal and stay out of it.
    pub(super) failed: Vec<u16>,
    /// The source whose row this is; `None` for a place that is no row.
    pub(super) edge: Option<u16>,
    /// The place in each source that matters.
    pub(super) here: Gaps,
    /// Where reading goes on in one direction, where that is further than the row itself: rows in between were looked at
    /// and left out.
    pub(super) onward: Option<(bool, Gaps)>,
    /// No row of the connection was found on the way here.
    pub(super) blank: bool,
}

impl Cursor {
    /// The gaps to go on from in one direction.
    pub(super) fn gaps(&self, way: Way) -> Gaps {
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
pub(super) struct Sealer {
    key: [u8; 32],
    query: u64,
    longest: usize,
}

impl Sealer {
    /// For cursors of the query with this fingerprint.
    pub(super) fn new(key: &[u8; 32], query: u64, longest: usize) -> Self {
        Self {
            key: *key,
            query,
            longest,
        }
    }

    /// The text of a cursor.
    pub(super) fn seal(&self, cursor: &Cursor) -> String {
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
    pub(super) fn open(&self, text: &str) -> Result<Cursor, ConnectionError> {
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

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or_default());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put_position(out: &mut Vec<u8>, position: &Position) {
    match position {
        Position::Start => out.push(0),
        Position::Index(index) => {
            out.push(1);
            put_number(out, *index);
        }
        Position::Token(text) => {
            out.push(2);
            put_text(out, text);
        }
        Position::After(text) => {
            out.push(3);
            put_text(out, text);
        }
        Position::Before(text) => {
            out.push(4);
            put_text(out, text);
        }
    }
}

fn put_gap(out: &mut Vec<u8>, gap: &Gap) {
    let (tag, mark) = match gap {
        Gap::Start => return out.push(0),
        Gap::End => return out.push(1),
        Gap::Before(mark) => (2, mark),
        Gap::After(mark) => (3, mark),
    };
    let spot = &mark.spot;
    out.push(tag | u8::from(spot.reversed) << 2 | u8::from(spot.next.is_some()) << 3);
    put_position(out, &spot.page);
    put_number(out, u64::from(spot.index));
    put_number(out, spot.ordinal);
    put_number(out, u64::from(spot.size));
    put_number(out, u64::from(spot.trail.hops));
    if spot.trail.hops > 0 {
        out.extend_from_slice(&spot.trail.kept.to_le_bytes());
    }
    if let Some(next) = &spot.next {
        put_position(out, next);
    }
    for anchor in mark.anchors {
        out.extend_from_slice(&anchor.to_le_bytes());
    }
}

fn put_gaps(out: &mut Vec<u8>, gaps: &Gaps) {
    put_number(out, gaps.len() as u64);
    for (source, gap) in gaps {
        put_number(out, u64::from(*source));
        put_gap(out, gap);
    }
}

fn put_cursor(out: &mut Vec<u8>, cursor: &Cursor) {
    let onward = cursor.onward.as_ref();
    out.push(
        u8::from(cursor.blank)
            | u8::from(cursor.edge.is_some()) << 1
            | u8::from(onward.is_some()) << 2
            | u8::from(onward.is_some_and(|(forward, _)| *forward)) << 3,
    );
    put_number(out, cursor.failed.len() as u64);
    for source in &cursor.failed {
        put_number(out, u64::from(*source));
    }
    if let Some(edge) = cursor.edge {
        put_number(out, u64::from(edge));
    }
    put_gaps(out, &cursor.here);
    if let Some((_, gaps)) = onward {
        put_gaps(out, gaps);
    }
}

/// Bytes that are left to read.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        self.number()?.try_into().ok()
    }

    fn text(&mut self) -> Option<Box<str>> {
        let length: usize = self.small()?;
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(head).ok().map(Into::into)
    }

    fn position(&mut self) -> Option<Position> {
        Some(match self.byte()? {
            0 => Position::Start,
            1 => Position::Index(self.number()?),
            2 => Position::Token(self.text()?),
            3 => Position::After(self.text()?),
            4 => Position::Before(self.text()?),
            _ => return None,
        })
    }

    fn gap(&mut self) -> Option<Gap> {
        let tag = self.byte()?;
        match tag {
            0 => return Some(Gap::Start),
            1 => return Some(Gap::End),
            2..16 if tag & 2 != 0 => {}
            _ => return None,
        }
        let page = self.position()?;
        let index = self.small()?;
        let ordinal = self.number()?;
        let size = self.small()?;
        let hops = self.small()?;
        let kept = if hops > 0 {
            u32::from_le_bytes(self.array()?)
        } else {
            0
        };
        let next = if tag & 8 != 0 {
            Some(self.position()?)
        } else {
            None
        };
        let mut anchors = [0; 3];
        for anchor in &mut anchors {
            *anchor = u32::from_le_bytes(self.array()?);
        }
        let trail = Trail { hops, kept };
        let spot = Spot {
            page,
            index,
            ordinal,
            next,
            trail,
            size,
            reversed: tag & 4 != 0,
        };
        let mark = Mark { spot, anchors };
        Some(if tag & 1 == 0 {
            Gap::Before(mark)
        } else {
            Gap::After(mark)
        })
    }

    fn gaps(&mut self) -> Option<Gaps> {
        let count: usize = self.small()?;
        // No count is believed beyond the bytes there are.
        let mut gaps = Vec::with_capacity(count.min(self.0.len()));
        for _ in 0..count {
            gaps.push((self.small()?, self.gap()?));
        }
        Some(gaps)
    }

    fn cursor(&mut self) -> Option<Cursor> {
        let flags = self.byte()?;
        let count: usize = self.small()?;
        let mut failed = Vec::with_capacity(count.min(self.0.len()));
        for _ in 0..count {
            failed.push(self.small()?);
        }
        let edge = if flags & 2 != 0 {
            Some(self.small()?)
        } else {
            None
        };
        let here = self.gaps()?;
        let onward = if flags & 4 != 0 {
            Some((flags & 8 != 0, self.gaps()?))
        } else {
            None
        };
        Some(Cursor {
            failed,
            edge,
            here,
            onward,
            blank: flags & 1 != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn position() -> impl Strategy<Value = Position> + Clone {
        prop_oneof![
            Just(Position::Start),
            any::<u64>().prop_map(Position::Index),
            ".{0,40}".prop_map(|text| Position::Token(text.into())),
            ".{0,40}".prop_map(|text| Position::After(text.into())),
            ".{0,40}".prop_map(|text| Position::Before(text.into())),
        ]
    }

    fn gap() -> impl Strategy<Value = Gap> {
        let mark = (
            position(),
            any::<u32>(),
            any::<u64>(),
            proptest::option::of(position()),
            any::<(u32, u32, u32, bool)>(),
            any::<[u32; 3]>(),
        )
            .prop_map(
                |(page, index, ordinal, next, (hops, kept, size, reversed), anchors)| Mark {
                    spot: Spot {
                        page,
                        index,
                        ordinal,
                        next,
                        trail: Trail {
                            hops,
                            kept: if hops == 0 { 0 } else { kept },
                        },
                        size,
                        reversed,
                    },
                    anchors,
                },
            );
        let mark = mark.boxed();
        prop_oneof![
            Just(Gap::Start),
            Just(Gap::End),
            mark.clone().prop_map(Gap::Before),
            mark.prop_map(Gap::After)
        ]
    }

    fn cursor() -> impl Strategy<Value = Cursor> {
        let gaps = || proptest::collection::vec((any::<u16>(), gap()), 0..3);
        (
            proptest::collection::vec(any::<u16>(), 0..3),
            any::<Option<u16>>(),
            gaps(),
            proptest::option::of((any::<bool>(), gaps())),
            any::<bool>(),
        )
            .prop_map(|(failed, edge, here, onward, blank)| Cursor {
                failed,
                edge,
                here,
                onward,
                blank,
            })
    }

    fn sealer(query: u64) -> Sealer {
        Sealer::new(&[7; 32], query, 8192)
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_went(cursor in cursor()) {
            prop_assert_eq!(sealer(1).open(&sealer(1).seal(&cursor)), Ok(cursor));
        }

        #[test]
        fn any_changed_character_is_refused(cursor in cursor(), at in any::<prop::sample::Index>(), with in "[A-Za-z0-9_=-]") {
            let text = sealer(1).seal(&cursor);
            let at = at.index(text.len());
            let mut changed = text.clone();
            changed.replace_range(at..=at, &with);
            prop_assume!(changed != text);
            prop_assert_eq!(sealer(1).open(&changed), Err(ConnectionError::InvalidCursor));
            prop_assert_eq!(sealer(1).open(&text[..at]), Err(ConnectionError::InvalidCursor));
        }

        #[test]
        fn another_query_or_key_is_refused(cursor in cursor()) {
            let text = sealer(1).seal(&cursor);
            prop_assert_eq!(sealer(2).open(&text), Err(ConnectionError::CursorMismatch));
            prop_assert_eq!(Sealer::new(&[8; 32], 1, 8192).open(&text), Err(ConnectionError::InvalidCursor));
        }

        #[test]
        fn garbage_is_refused(text in ".{0,200}") {
            prop_assert_eq!(sealer(1).open(&text), Err(ConnectionError::InvalidCursor));
        }

        #[test]
        fn sealed_garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let sealer = sealer(1);
            let mut body = vec![VERSION];
            body.extend(1u64.to_le_bytes());
            body.extend(bytes);
            body.extend(sealer.sign(&body.clone()));
            let _ = sealer.open(&URL_SAFE_NO_PAD.encode(body));
        }
    }

    #[test]
    fn the_cursor_of_a_numbered_row_is_short_and_one_that_is_too_long_is_refused() {
        let spot = Spot {
            page: Position::Start,
            index: 0,
            ordinal: 12_345,
            next: None,
            trail: Trail::default(),
            size: 0,
            reversed: false,
        };
        let cursor = Cursor {
            edge: Some(0),
            here: vec![(
                0,
                Gap::After(Mark {
                    spot,
                    anchors: [1, 2, 3],
                }),
            )],
            ..Cursor::default()
        };
        let text = sealer(1).seal(&cursor);
        assert!(text.len() <= 72, "{} characters", text.len());
        assert_eq!(
            Sealer::new(&[7; 32], 1, 20).open(&text),
            Err(ConnectionError::InvalidCursor)
        );
    }
}
