//! Where a row stands in the list of its source, and how it is found again.
//!
//! Positions count raw rows, those that are left out included. Nothing in here makes a call.

use super::key::SortKey;
use crate::source::{Position, Row, SourceError, SourceErrorKind};

/// A row's place in the list of its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// The page it was read from; the beginning in styles that count rows.
    pub(super) page: Position,
    /// Its index on that page.
    pub(super) index: u32,
    /// How many rows stood before it in the list.
    pub(super) ordinal: u64,
    /// Where reading goes on right after it, where no rows need to be read again for that.
    pub(super) next: Option<Position>,
    /// The way that led to its page.
    pub(super) trail: Trail,
    /// The size its page must be read with to hold the same rows again; 0 where any will do.
    pub(super) size: u32,
    /// The list was read from its end: this place is in the reversed list.
    pub(super) reversed: bool,
    /// Its page was too long for a cursor and nobody remembers it: only its row can tell where it is.
    pub(super) lost: bool,
}

impl Spot {
    /// A place known by its number alone.
    pub(super) fn numbered(ordinal: u64) -> Self {
        Self {
            page: Position::Start,
            index: 0,
            ordinal,
            next: None,
            trail: Trail::default(),
            size: 0,
            reversed: false,
            lost: false,
        }
    }
}

/// How far a chain of pages was followed, with one earlier link of it, so that a chain that runs in a circle is noticed
/// even by requests that know nothing of each other (Brent's algorithm: the link kept moves on at every power of two).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Trail {
    /// Links followed.
    pub(super) hops: u32,
    /// The fingerprint of the link kept.
    pub(super) kept: u32,
    /// They were followed backwards. Whoever turns round begins anew: the same links in the other direction are no circle.
    pub(super) backward: bool,
}

impl Trail {
    /// Follows a link.
    ///
    /// # Errors
    /// The link was followed before.
    pub(super) fn follow(self, to: &Position, way: Way) -> Result<Self, SourceError> {
        let print = print_of(to);
        let backward = way == Way::Backward;
        let Self { hops, kept, .. } = if self.backward == backward {
            self
        } else {
            Self::default()
        };
        if hops > 0 && print == kept {
            return Err(SourceError::new(
                SourceErrorKind::Malformed,
                "the source's pages lead in a circle",
            ));
        }
        let hops = hops.saturating_add(1);
        Ok(Self {
            hops,
            kept: if hops.is_power_of_two() { print } else { kept },
            backward,
        })
    }
}

fn print_of(position: &Position) -> u32 {
    let (kind, text) = match position {
        Position::Start => (0u8, ""),
        Position::Index(_) => (1, ""),
        Position::Token(text) => (2, &**text),
        Position::After(text) => (3, &**text),
        Position::Before(text) => (4, &**text),
    };
    short(
        blake3::Hasher::new()
            .update(&[kind])
            .update(text.as_bytes()),
    )
}

fn short(hasher: &blake3::Hasher) -> u32 {
    let [a, b, c, d, ..] = *hasher.finalize().as_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Stands in anchors for the beginning of the list, where no row is.
pub(super) const BEGINNING: u32 = 1;

/// Stands in anchors for a row without an id.
pub(super) const NAMELESS: u32 = 2;

/// Fingerprints of a row and of the two rows before it; 0 where it is not known. By them a row is found again after
/// others came or went.
pub(super) type Anchors = [u32; 3];

/// FNV-1a, folded to half its width: the same on every machine, as cursors hold it, and cheap, as every row that is read gets
/// one.
fn print(id: &str) -> u32 {
    let print = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |print, byte| {
        (print ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    u32::try_from((print >> 32) ^ (print & 0xffff_ffff)).unwrap_or_default()
}

/// The fingerprint of a row's id.
pub(super) fn fingerprint(row: &Row) -> u32 {
    row.customer().map_or(NAMELESS, |customer| {
        print(customer.id.as_str()).max(NAMELESS + 1)
    })
}

/// A row's place, and by what it is recognized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Where it stands.
    pub(super) spot: Spot,
    /// It and the two rows before it.
    pub(super) anchors: Anchors,
    /// The fingerprint of the row behind it, where that was in hand; else 0.
    pub(super) behind: u32,
    /// What the list is ordered by, where the gateway can compare it as the list does.
    pub(super) key: Option<SortKey>,
}

impl Mark {
    /// The fingerprint of its row.
    pub(super) fn print(&self) -> u32 {
        let [print, ..] = self.anchors;
        print
    }
}

/// A place between two rows of one source's list: where reading begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// Before the first row.
    Start,
    /// After the last row.
    End,
    /// Right before this row.
    Before(Mark),
    /// Right after this row.
    After(Mark),
}

impl Gap {
    /// The same gap as the reversed list sees it.
    pub(super) fn turned(&self) -> Self {
        match self {
            Self::Start => Self::End,
            Self::End => Self::Start,
            Self::Before(mark) => Self::After(mark.clone()),
            Self::After(mark) => Self::Before(mark.clone()),
        }
    }

    /// The same for a chain that was not followed to come here: what was followed is no circle.
    pub(super) fn crossed(&self) -> Self {
        let mut gap = self.clone();
        if let Self::Before(mark) | Self::After(mark) = &mut gap {
            mark.spot.trail = Trail::default();
        }
        gap
    }

    /// The same, saying in which of the two lists its place is.
    pub(super) fn turned_as(&self, reversed: bool) -> Self {
        let mut gap = self.turned();
        if let Self::Before(mark) | Self::After(mark) = &mut gap {
            mark.spot.reversed = reversed;
        }
        gap
    }
}

/// In which direction rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// In list order.
    Forward,
    /// Against list order.
    Backward,
}
