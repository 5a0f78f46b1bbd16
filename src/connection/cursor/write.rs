//! Writing the bytes of a cursor. Numbers are written seven bits at a time, texts with their length before them.
//!
//! Long positions are written whole, or left to the memory of the process and written as handles.

use super::key::put_key;
use super::{Cursor, Gaps};
use crate::connection::place::Gap;
use crate::source::Position;

/// Writes a number.
pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or_default());
}

/// Writes a text.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Texts of positions from this length on are left to the memory of the process where a cursor would be too long.
const LONG: usize = 32;

/// What stands for a long position in a cursor.
pub(super) type Handle = [u8; 16];

/// Keeps a long position by its handle.
pub(super) type Keep<'a> = &'a dyn Fn(Handle, &Position);

/// The handle of a long position.
fn handle(position: &Position) -> Option<Handle> {
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
    pub(super) keep: Option<Keep<'a>>,
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
            | u8::from(spot.lost) << 5
            | u8::from(mark.behind != 0) << 6,
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
    if mark.behind != 0 {
        out.extend_from_slice(&mark.behind.to_le_bytes());
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
