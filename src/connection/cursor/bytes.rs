//! The bytes of a cursor. Numbers are written seven bits at a time, texts with their length before them.
//!
//! Nothing here trusts what it reads: no count is believed beyond the bytes there are, and nothing can panic.

use super::key::put_key;
use super::{Cursor, Gaps};
use crate::connection::place::{Gap, Mark, Spot, Trail};
use crate::source::Position;

pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or_default());
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Texts of positions from this length on are left to the memory of the process where a cursor would be too long.
const LONG: usize = 32;

/// Stands for a long position in a cursor.
fn handle(position: &Position) -> Option<[u8; 16]> {
    let (Position::Token(text) | Position::After(text) | Position::Before(text)) = position else {
        return None;
    };
    let mut handle = [0; 16];
    let kind = match position {
        Position::Token(_) => 2,
        Position::After(_) => 3,
        _ => 4,
    };
    let hash = *blake3::Hasher::new()
        .update(&[kind])
        .update(text.as_bytes())
        .finalize()
        .as_bytes();
    for (to, from) in handle.iter_mut().zip(hash) {
        *to = from;
    }
    (text.len() >= LONG).then_some(handle)
}

/// Writes cursors, long positions among them whole or by their handles.
pub(super) struct Output<'a> {
    /// What was written.
    pub(super) bytes: Vec<u8>,
    /// Keeps a long position by its handle; `None` where positions are written whole.
    pub(super) keep: Option<&'a dyn Fn([u8; 16], &Position)>,
}

fn put_position(output: &mut Output<'_>, position: &Position) {
    let out = &mut output.bytes;
    if let Some(keep) = output.keep
        && let Some(handle) = handle(position)
    {
        keep(handle, position);
        out.push(5);
        out.extend_from_slice(&handle);
        return;
    }
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

fn put_gap(output: &mut Output<'_>, gap: &Gap) {
    let (tag, mark) = match gap {
        Gap::Start => return output.bytes.push(0),
        Gap::End => return output.bytes.push(1),
        Gap::Before(mark) => (2, mark),
        Gap::After(mark) => (3, mark),
    };
    let spot = &mark.spot;
    output.bytes.push(
        tag | u8::from(spot.reversed) << 2
            | u8::from(spot.next.is_some()) << 3
            | u8::from(mark.key.is_some()) << 4
            | u8::from(spot.lost) << 5,
    );
    put_position(output, &spot.page);
    let out = &mut output.bytes;
    put_number(out, u64::from(spot.index));
    put_number(out, spot.ordinal);
    put_number(out, u64::from(spot.size));
    put_number(
        out,
        u64::from(spot.trail.hops) << 1 | u64::from(spot.trail.backward),
    );
    if spot.trail.hops > 0 {
        out.extend_from_slice(&spot.trail.kept.to_le_bytes());
    }
    if let Some(next) = &spot.next {
        put_position(output, next);
    }
    let out = &mut output.bytes;
    for anchor in mark.anchors {
        out.extend_from_slice(&anchor.to_le_bytes());
    }
    if let Some(key) = &mark.key {
        put_key(out, key);
    }
}

fn put_gaps(output: &mut Output<'_>, gaps: &Gaps) {
    put_number(&mut output.bytes, gaps.len() as u64);
    for (source, gap) in gaps {
        put_number(&mut output.bytes, u64::from(*source));
        put_gap(output, gap);
    }
}

impl Output<'_> {
    /// Writes a cursor.
    pub(super) fn put_cursor(&mut self, cursor: &Cursor) {
        let onward = cursor.onward.as_ref();
        let out = &mut self.bytes;
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
        put_gaps(self, &cursor.here);
        if let Some((_, gaps)) = onward {
            put_gaps(self, gaps);
        }
    }
}

/// What a position in a cursor was.
enum Carried {
    Known(Position),
    /// Too long to carry, and no longer remembered.
    Lost,
}

/// Bytes that are left to read.
pub(super) struct Input<'a> {
    /// The bytes.
    pub(super) left: &'a [u8],
    /// Looks up what stands for a long position.
    pub(super) kept: &'a dyn Fn([u8; 16]) -> Option<Position>,
}

impl Input<'_> {
    /// One byte.
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.left.split_first()?;
        self.left = rest;
        Some(*first)
    }

    /// So many bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.left.split_first_chunk()?;
        self.left = rest;
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

    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        self.number()?.try_into().ok()
    }

    pub(super) fn text(&mut self) -> Option<Box<str>> {
        let length: usize = self.small()?;
        let (head, rest) = self.left.split_at_checked(length)?;
        self.left = rest;
        std::str::from_utf8(head).ok().map(Into::into)
    }

    fn position(&mut self) -> Option<Carried> {
        Some(Carried::Known(match self.byte()? {
            0 => Position::Start,
            1 => Position::Index(self.number()?),
            2 => Position::Token(self.text()?),
            3 => Position::After(self.text()?),
            4 => Position::Before(self.text()?),
            5 => {
                let handle = self.array()?;
                return Some((self.kept)(handle).map_or(Carried::Lost, Carried::Known));
            }
            _ => return None,
        }))
    }

    fn gap(&mut self) -> Option<Gap> {
        let tag = self.byte()?;
        match tag {
            0 => return Some(Gap::Start),
            1 => return Some(Gap::End),
            2..64 if tag & 2 != 0 => {}
            _ => return None,
        }
        let (page, lost) = match self.position()? {
            Carried::Known(page) => (page, tag & 32 != 0),
            Carried::Lost => (Position::Start, true),
        };
        let index = self.small()?;
        let ordinal = self.number()?;
        let size = self.small()?;
        let followed = self.number()?;
        let hops = u32::try_from(followed >> 1).ok()?;
        let kept = if hops > 0 {
            u32::from_le_bytes(self.array()?)
        } else {
            0
        };
        let next = if tag & 8 != 0 {
            match self.position()? {
                Carried::Known(next) => Some(next),
                Carried::Lost => None,
            }
        } else {
            None
        };
        let mut anchors = [0; 3];
        for anchor in &mut anchors {
            *anchor = u32::from_le_bytes(self.array()?);
        }
        let key = if tag & 16 != 0 {
            Some(self.key()?)
        } else {
            None
        };
        let trail = Trail {
            hops,
            kept,
            backward: followed & 1 != 0,
        };
        let spot = Spot {
            page,
            index,
            ordinal,
            next,
            trail,
            size,
            reversed: tag & 4 != 0,
            lost,
        };
        let mark = Mark { spot, anchors, key };
        Some(if tag & 1 == 0 {
            Gap::Before(mark)
        } else {
            Gap::After(mark)
        })
    }

    fn gaps(&mut self) -> Option<Gaps> {
        let count: usize = self.small()?;
        // No count is believed beyond the bytes there are.
        let mut gaps = Vec::with_capacity(count.min(self.left.len()));
        for _ in 0..count {
            gaps.push((self.small()?, self.gap()?));
        }
        Some(gaps)
    }

    /// Reads a cursor.
    pub(super) fn cursor(&mut self) -> Option<Cursor> {
        let flags = self.byte()?;
        let count: usize = self.small()?;
        let mut failed = Vec::with_capacity(count.min(self.left.len()));
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
