//! Lists that change between two calls of one window: they are read once more, and what is shown was so at one time.

use super::*;
use crate::model::{CustomerOrderField, OrderDirection};
use crate::source::SourceErrorKind;
use crate::source::memory::Lie;

const SIZES: Sizes = Sizes { min: 1, max: 50 };

fn numbered() -> [Paging; 2] {
    [Paging::Page(SIZES), Paging::Offset(SIZES)]
}

/// Moves a row to the end, as a CRM does that lists what was changed last behind all others.
fn move_to_end(source: &MemorySource, index: usize) {
    let row = source.rows().remove(index);
    source.delete(index);
    source.insert(usize::MAX, row);
}

#[test]
fn a_row_that_moves_to_the_end_hides_no_page() {
    for (paging, moved) in numbered().into_iter().flat_map(|at| [(at, 0), (at, 49)]) {
        for total in [TotalKind::None, TotalKind::Exact] {
            let shape = Shape {
                total,
                ..Shape::new(paging)
            };
            let world = World::one(shape, plain_rows(100));
            world.sources[0].change_after(1, move |source| move_to_end(source, moved));
            let page = world.first(100, None).unwrap();
            let case = format!("{paging:?} {total:?} {moved}");
            assert_eq!(ids(&page), world.expected(), "{case}");
            assert!(!page.drift_unresolved && !page.page_info.has_next, "{case}");
        }
    }
}

/// The last page over again is known by its end, also where it is larger than what was read before.
#[test]
fn the_last_page_over_again_is_no_change() {
    for past_end in [PastEnd::ClampedSilently, PastEnd::ClampedTold] {
        for paging in numbered() {
            let shape = Shape {
                past_end,
                ..Shape::new(paging)
            };
            let world = World::one(shape, plain_rows(60));
            let mut after = None;
            let mut seen = Vec::new();
            for size in [7, 11, 13, 3, 17, 20] {
                let page = world.first(size, after.as_deref()).unwrap();
                assert!(!page.drift_unresolved, "{paging:?}");
                seen.extend(ids(&page));
                after = page.page_info.end;
            }
            assert_eq!(seen, world.expected(), "{paging:?}");
        }
    }
}

#[test]
fn rows_that_come_while_a_source_gives_short_pages_do_not_make_it_a_liar() {
    let shape = Shape {
        total: TotalKind::Exact,
        lie: Lie::Size(7),
        ..Shape::new(Paging::Offset(SIZES))
    };
    let world = World::one(shape, plain_rows(8));
    world.sources[0].change_after(1, |source| {
        source.insert(0, row(Kind::Shown, customer(900)));
        source.delete(8);
    });
    let page = world.first(20, None).unwrap();
    assert_eq!(ids(&page), world.expected());
    assert!(!page.drift_unresolved && !page.page_info.has_next);
}

#[test]
fn rows_that_go_while_the_end_is_looked_for_fail_no_list() {
    let past = [
        PastEnd::Empty,
        PastEnd::Refused,
        PastEnd::Rejected,
        PastEnd::ClampedTold,
        PastEnd::ClampedSilently,
    ];
    for (paging, past_end) in numbered()
        .into_iter()
        .flat_map(|at| past.map(|end| (at, end)))
    {
        for (rows, gone, last) in [(40, 4, 1), (160, 80, 20)] {
            let shape = Shape {
                past_end,
                total: TotalKind::Exact,
                ..Shape::new(paging)
            };
            let world = World::one(shape, plain_rows(rows));
            world.sources[0].change_after(1, move |source| {
                (0..gone).for_each(|_| source.delete(0));
            });
            let page = world.last(last, None);
            let page = page.unwrap_or_else(|error| panic!("{paging:?} {past_end:?} {error:?}"));
            assert_eq!(ids(&page), world.expected()[rows - gone - last..]);
            assert!(page.page_info.has_previous && !page.drift_unresolved);
        }
    }
}

/// What the source says is wrong, and not what the caller asked.
#[test]
fn a_total_that_leads_past_the_end_is_the_sources_fault() {
    for paging in numbered() {
        let shape = Shape {
            past_end: PastEnd::Rejected,
            total: TotalKind::Exact,
            lie: Lie::Total(50),
            ..Shape::new(paging)
        };
        let world = World::one(shape, plain_rows(20));
        for page in [world.first(50, None), world.last(5, None)] {
            let error = page.map(|page| ids(&page));
            assert!(
                matches!(&error, Err(ConnectionError::Source { error, .. }) if error.kind == SourceErrorKind::Malformed),
                "{paging:?} {error:?}"
            );
        }
    }
}

/// Read whole in two calls, between which one row goes and another comes: the total is as it was, and true.
#[test]
fn a_list_that_is_read_whole_is_of_one_time() {
    for paging in numbered() {
        let shape = Shape {
            total: TotalKind::Exact,
            ..Shape::new(match paging {
                Paging::Page(_) => Paging::Page(Sizes { min: 1, max: 100 }),
                _ => Paging::Offset(Sizes { min: 1, max: 100 }),
            })
        };
        for back in [false, true] {
            let mut world = World::one(shape.clone(), plain_rows(130));
            world.asked.want.total = true;
            world.asked.order = Some(Order {
                field: CustomerOrderField::Name,
                direction: OrderDirection::Asc,
            });
            world.sources[0].change_after(1, move |source| {
                let (gone, made) = if back { (129, 0) } else { (5, usize::MAX) };
                source.delete(gone);
                source.insert(made, row(Kind::Shown, customer(900)));
            });
            let page = world.first(100, None).unwrap();
            assert_eq!(page.total, Some(130), "{paging:?} {back}");
            let mut seen = ids(&page);
            let rest = world.first(100, page.page_info.end.as_deref()).unwrap();
            seen.extend(ids(&rest));
            seen.sort();
            let mut expected = world.expected();
            expected.sort();
            assert_eq!(seen, expected, "{paging:?} {back}");
        }
    }
}
