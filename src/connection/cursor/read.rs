//! Reading the bytes of a cursor. Numbers are written seven bits at a time, texts with their length before them.
//!
//! Nothing here trusts what it reads: no count is believed beyond the bytes there are, and nothing can panic.

use super::write::Handle;
use super::{Cursor, Gaps};
use crate::connection::place::{Gap, Mark, Spot, Trail};
use crate::source::Position;

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
    pub(super) kept: &'a dyn Fn(Handle) -> Option<Position>,
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
            2 => Position::Token(self.text()?.into()),
            3 => Position::After(self.text()?.into()),
            4 => Position::Before(self.text()?.into()),
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
            2..128 if tag & 2 != 0 => {}
            _ => return None,
        }
        let spot = self.spot(tag)?;
        let mut anchors = [0; 3];
        for anchor in &mut anchors {
            *anchor = self.print()?;
        }
        let behind = if tag & 64 != 0 { self.print()? } else { 0 };
        let key = if tag & 16 != 0 {
            Some(self.key()?)
        } else {
            None
        };
        let mark = Mark {
            spot,
            anchors,
            behind,
            key,
        };
        Some(if tag & 1 == 0 {
            Gap::Before(mark)
        } else {
            Gap::After(mark)
        })
    }

    /// Where a row stood; the bits of the tag say what is told of it.
    fn spot(&mut self, tag: u8) -> Option<Spot> {
        let (page, lost) = match self.position()? {
            Carried::Known(page) => (page, tag & 32 != 0),
            Carried::Lost => (Position::Start, true),
        };
        let index = self.small()?;
        let ordinal = self.number()?;
        let size = self.small()?;
        let followed = self.number()?;
        let hops = u32::try_from(followed >> 1).ok()?;
        let kept = if hops > 0 { self.print()? } else { 0 };
        let next = if tag & 8 != 0 {
            match self.position()? {
                Carried::Known(next) => Some(next),
                Carried::Lost => None,
            }
        } else {
            None
        };
        let trail = Trail {
            hops,
            kept,
            backward: followed & 1 != 0,
        };
        Some(Spot {
            page,
            index,
            ordinal,
            next,
            trail,
            size,
            reversed: tag & 4 != 0,
            lost,
        })
    }

    /// A fingerprint.
    fn print(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.array()?))
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
