//! The bytes of a cursor. Numbers are written seven bits at a time, texts with their length before them.
//!
//! Nothing here trusts what it reads: no count is believed beyond the bytes there are, and nothing can panic.

use super::{Cursor, Gaps};
use crate::connection::place::{Gap, Mark, Spot, Trail};
use crate::source::Position;

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

/// Writes a cursor.
pub(super) fn put_cursor(out: &mut Vec<u8>, cursor: &Cursor) {
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
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl Input<'_> {
    /// One byte.
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// So many bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
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

    /// Reads a cursor.
    pub(super) fn cursor(&mut self) -> Option<Cursor> {
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
