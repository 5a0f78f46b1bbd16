//! Which upstream pages cover a window of rows: the planner for numbered pages and for row offsets.
//!
//! A window is the rows `from..to`, counted from 0. A numbered page of size `s` can only begin at a multiple of `s`, so
//! a window seldom fits the page of its own size; but the size is ours to choose, and with a largest page of 100 some
//! size holds any window of up to 50 rows in one page. Pure arithmetic; it makes no call and knows no source.

use crate::source::Sizes;
use std::cmp::Reverse;

/// One page to ask for. For numbered pages `start` is a multiple of `size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first row.
    pub start: u64,
    /// How many rows.
    pub size: u32,
}

impl Span {
    /// The row after the last.
    pub fn end(self) -> u64 {
        self.start.saturating_add(u64::from(self.size))
    }

    fn page_of(row: u64, size: u32) -> Self {
        Self {
            start: row - row % u64::from(size),
            size,
        }
    }
}

/// The numbered pages that cover the window, in order, as few as can be.
///
/// 1. One page of the smallest size that holds the whole window.
/// 2. Else two neighbours of the smallest common size that hold it; they can be asked for side by side.
/// 3. Else page after page, each the one that contains the next row wanted and reaches furthest. Covering an interval by
///    furthest reach needs the fewest pieces.
pub fn numbered(from: u64, to: u64, sizes: Sizes) -> Vec<Span> {
    if from >= to {
        return Vec::new();
    }
    if let Some(page) = one_page(from, to, sizes) {
        return vec![page];
    }
    if let Some(pages) = two_pages(from, to, sizes) {
        return pages.to_vec();
    }
    let mut pages = Vec::new();
    let mut row = from;
    while row < to {
        let page = one_page(row, to, sizes).unwrap_or_else(|| furthest(row, sizes));
        row = page.end();
        pages.push(page);
    }
    pages
}

/// The same where no page may reach beyond a depth: page after page, each the smallest of those that reach furthest. `None` where no
/// page holds some row.
pub fn numbered_within(from: u64, to: u64, sizes: Sizes, depth: u64) -> Option<Vec<Span>> {
    let mut pages = Vec::new();
    let mut row = from;
    while row < to {
        let page = (sizes.min.max(1)..=sizes.max)
            .map(|size| Span::page_of(row, size))
            .filter(|page| page.end() <= depth)
            .max_by_key(|page| (page.end().min(to), Reverse(page.size)))?;
        row = page.end();
        pages.push(page);
    }
    Some(pages)
}

/// The rows in pieces of the largest size; any row can begin a piece. A piece begins with the last row of the one before,
/// so that a list which changes between two calls is noticed: always, or where that costs no call.
pub fn offsets(from: u64, to: u64, sizes: Sizes, always: bool) -> Vec<Span> {
    let (rows, max) = (to.saturating_sub(from), u64::from(sizes.max.max(1)));
    let fits = || (rows.max(1) - 1).div_ceil(max - 1) == rows.div_ceil(max);
    let overlaps = max > 1 && (always || fits());
    let mut pieces: Vec<Span> = Vec::new();
    let mut start = from;
    while start < to {
        let again = u64::from(overlaps && start > from);
        let left = u32::try_from(to - start + again).unwrap_or(u32::MAX);
        let piece = Span {
            start: start - again,
            size: left.clamp(sizes.min.max(1), sizes.max.max(1)),
        };
        start = piece.end();
        pieces.push(piece);
    }
    pieces
}

/// The smallest page that holds the window, if any does.
fn one_page(from: u64, to: u64, sizes: Sizes) -> Option<Span> {
    let rows = u32::try_from(to - from).ok()?;
    (rows.max(sizes.min)..=sizes.max)
        .map(|size| Span::page_of(from, size))
        .find(|page| page.end() >= to)
}

/// The smallest two neighbouring pages that hold the window, where one page is not smaller than the window itself.
fn two_pages(from: u64, to: u64, sizes: Sizes) -> Option<[Span; 2]> {
    let rows = u32::try_from(to - from).ok()?;
    if rows > sizes.max {
        return None;
    }
    (rows.div_ceil(2).max(sizes.min)..=sizes.max)
        .map(|size| {
            let first = Span::page_of(from, size);
            let second = Span {
                start: first.end(),
                size,
            };
            [first, second]
        })
        .find(|[_, second]| second.end() >= to)
}

/// The page that contains the row and reaches furthest; of those, the smallest.
fn furthest(row: u64, sizes: Sizes) -> Span {
    let smallest = Span::page_of(row, sizes.min.max(1));
    (sizes.min.max(1)..=sizes.max)
        .map(|size| Span::page_of(row, size))
        .fold(
            smallest,
            |best, page| {
                if page.end() > best.end() { page } else { best }
            },
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sizes(max: u32) -> Sizes {
        Sizes { min: 1, max }
    }

    #[test]
    fn a_client_with_a_constant_page_size_gets_exactly_its_pages() {
        for page in 0..200 {
            let spans = numbered(page * 20, page * 20 + 20, sizes(100));
            assert_eq!(
                spans,
                [Span {
                    start: page * 20,
                    size: 20
                }]
            );
        }
    }

    #[test]
    fn half_a_largest_page_fits_one_page_at_every_offset() {
        for (max, rows) in [(25, 9), (50, 25), (100, 50), (200, 100)] {
            for from in 0..20_000 {
                assert_eq!(
                    numbered(from, from + rows, sizes(max)).len(),
                    1,
                    "{from} +{rows} of {max}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn pages_cover_the_window_with_few_calls(from in 0u64..100_000, rows in 1u64..300, min in 1u32..20, room in 0u32..200) {
            let sizes = Sizes { min, max: min + room };
            let spans = numbered(from, from + rows, sizes);
            let mut next = from;
            for span in &spans {
                prop_assert!((sizes.min..=sizes.max).contains(&span.size));
                prop_assert_eq!(span.start % u64::from(span.size), 0);
                prop_assert!(span.start <= next && span.end() > next, "no hole and no page for nothing");
                next = span.end();
            }
            prop_assert!(next >= from + rows);
            let max = u64::from(sizes.max);
            let bound = if rows <= max { 2 } else { rows.div_ceil(max) + 1 };
            prop_assert!(spans.len() as u64 <= bound, "{} calls for {rows} rows of {max}", spans.len());
        }

        #[test]
        fn offsets_cover_the_window_without_waste(from in 0u64..100_000, rows in 1u64..300, max in 2u32..200, always in any::<bool>()) {
            let spans = offsets(from, from + rows, sizes(max), always);
            let max = u64::from(max);
            let most = if always { (rows - 1).div_ceil(max - 1).max(1) } else { rows.div_ceil(max) };
            prop_assert_eq!(spans.len() as u64, most);
            prop_assert!(!always || spans.windows(2).all(|pair| pair[0].end() == pair[1].start + 1));
            prop_assert_eq!(spans.last().map(|span| span.end()), Some(from + rows));
            let seams: Vec<u64> = spans.windows(2).map(|pair| pair[0].end() - pair[1].start).collect();
            prop_assert!(seams.iter().all(|again| *again <= 1 && *again == seams[0]), "{:?}", spans);
        }
    }
}
