//! Ordered lists whose rows came and went in numbers: the place of a cursor is found by what the list is ordered by.

mod alike;

use super::*;
use crate::model::{CustomerOrderField, DateTime, OrderDirection, SourceOutcome};

fn day(number: i64) -> Option<DateTime> {
    Some(DateTime::at(
        jiff::Timestamp::from_second(number * 86_400).unwrap(),
    ))
}

/// The customer with this number, made and changed on the day of the same number.
fn dated(number: usize) -> Row {
    let at = day(i64::try_from(number).unwrap());
    let id = LocalId::new(format!("{number}")).unwrap();
    let customer = Customer {
        created_at: at,
        updated_at: at,
        ..Customer::bare(id)
    };
    row(Kind::Shown, customer)
}

/// Lists reached by number whose order is known: asked for or the source's own, upward or downward, by day or by number.
fn ordered_shape() -> impl Strategy<Value = (Shape, Option<Order>)> {
    let field = prop_oneof![
        Just(CustomerOrderField::CreatedAt),
        Just(CustomerOrderField::Id)
    ];
    (
        any::<[bool; 4]>(),
        field,
        5u32..100,
        prop_oneof![Just(PastEnd::Empty), Just(PastEnd::Refused)],
    )
        .prop_map(|([numbered, total, up, own], field, max, past_end)| {
            let sizes = Sizes { min: 1, max };
            let direction = if up {
                OrderDirection::Asc
            } else {
                OrderDirection::Desc
            };
            let order = Order { field, direction };
            let shape = Shape {
                total: if total {
                    TotalKind::Exact
                } else {
                    TotalKind::None
                },
                past_end,
                orders: vec![field],
                own_order: own.then_some(order),
                numeric_ids: true,
                ..Shape::new(if numbered {
                    Paging::Page(sizes)
                } else {
                    Paging::Offset(sizes)
                })
            };
            (shape, (!own).then_some(order))
        })
}

/// The ids of the source's rows in the order of its list, and whether they go up.
fn listed(world: &World) -> (Vec<usize>, bool) {
    let mut numbers: Vec<usize> = world
        .expected()
        .iter()
        .map(|id| id.parse().unwrap())
        .collect();
    numbers.sort_unstable();
    let source = &world.asked.sources[0];
    let plan = source
        .entry
        .source
        .plan(&source.filter, world.asked.order)
        .unwrap();
    let up = plan.sent.unwrap().direction == OrderDirection::Asc;
    if !up {
        numbers.reverse();
    }
    (numbers, up)
}

/// The same order in chains of pages.
fn ordered_chain() -> impl Strategy<Value = (Shape, Option<Order>)> {
    let walk = |sizes, prev| Walk {
        prev,
        ..chain(sizes)
    };
    (ordered_shape(), 0..4usize, 5u32..40).prop_map(move |((shape, order), style, max)| {
        let sizes = Sizes { min: 1, max };
        let paging = match style {
            0 => Paging::Token(walk(Some(sizes), false)),
            1 => Paging::Token(walk(Some(sizes), true)),
            2 => Paging::Link(walk(None, false)),
            _ => Paging::Keyset {
                sizes,
                before: false,
            },
        };
        let shape = Shape {
            paging,
            own_size: max,
            ..shape
        };
        (shape, order)
    })
}

fn numbers(connection: &Connection) -> Vec<usize> {
    ids(connection)
        .iter()
        .map(|id| id.parse().unwrap())
        .collect()
}

/// The world after rows came and went, the cursor of a row of before, and its number. Every second number is free for rows
/// that come.
fn changed(
    (shape, order): (Shape, Option<Order>),
    count: usize,
    at: prop::sample::Index,
    gone: &[(prop::sample::Index, usize)],
    came: &[(prop::sample::Index, usize)],
) -> (World, String, usize) {
    let mut world = World::one(
        shape,
        (1..=count).map(|number| dated(number * 1_000)).collect(),
    );
    world.asked.order = order;
    let page = world.first(100, None).unwrap();
    let at = at.index(page.edges.len());
    let cursor = page.edges[at].cursor.clone();
    let here = numbers(&page)[at];
    let source = &world.sources[0];
    for (begin, many) in gone {
        let live = source.rows().len();
        let begin = begin.index(live.max(1));
        for _ in 0..(*many).min(live - begin) {
            source.delete(begin);
        }
    }
    let mut fresh = 0;
    for (begin, many) in came {
        let begin = begin.index(count) * 1_000;
        for _ in 0..*many {
            fresh += 1;
            source.insert(usize::MAX, dated(begin + fresh));
        }
    }
    world.take_calls();
    (world, cursor, here)
}

/// The rows that stand next to the place of a number.
fn beside(world: &World, here: usize, rows: usize, forward: bool) -> Vec<usize> {
    let (list, up) = listed(world);
    let is_before = |number: &usize| if up { *number < here } else { *number > here };
    let (before, rest): (Vec<usize>, Vec<usize>) = list.into_iter().partition(is_before);
    if forward {
        rest.into_iter()
            .filter(|number| *number != here)
            .take(rows)
            .collect()
    } else {
        before[before.len().saturating_sub(rows)..].to_vec()
    }
}

fn runs() -> impl Strategy<Value = Vec<(prop::sample::Index, usize)>> {
    proptest::collection::vec((any::<prop::sample::Index>(), 1usize..200), 0..3)
}

proptest! {
    /// Invariant 10 where the order is known: whatever came and went, reading goes on exactly at the key of the cursor's row,
    /// though that row and those before it are gone.
    #[test]
    fn the_place_of_a_key_is_found_whatever_came_or_went(
        ordered in ordered_shape(),
        count in 1usize..400,
        at in any::<prop::sample::Index>(),
        (gone, came) in (runs(), runs()),
        rows in 1usize..40,
        forward in any::<bool>(),
    ) {
        let (world, cursor, here) = changed(ordered, count, at, &gone, &came);
        let page = world.beyond(Some(&cursor), rows, forward).map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
        prop_assert!(!page.drift_unresolved);
        prop_assert_eq!(numbers(&page), beside(&world, here, rows, forward), "after {}", here);
        let pieces = rows + 20;
        prop_assert!(world.take_calls() <= pieces + 16);
    }

    /// The same in chains, where a place too far from its page cannot be reached: that is said.
    #[test]
    fn the_place_of_a_key_is_found_in_a_chain_or_its_loss_is_said(
        ordered in ordered_chain(),
        count in 1usize..400,
        at in any::<prop::sample::Index>(),
        (gone, came) in (runs(), runs()),
        rows in 1usize..40,
        forward in any::<bool>(),
    ) {
        let (world, cursor, here) = changed(ordered, count, at, &gone, &came);
        let page = match world.beyond(Some(&cursor), rows, forward) {
            Err(ConnectionError::BackwardNotSupported { .. }) if !forward => return Ok(()),
            // The budget ended before any row was read: said, too.
            Err(ConnectionError::ScanLimit { .. }) => return Ok(()),
            page => page.map_err(|error| TestCaseError::fail(format!("{error:?}")))?,
        };
        if !page.drift_unresolved {
            let (found, wanted) = (numbers(&page), beside(&world, here, rows, forward));
            // What the budget of pages cut off is the part that is further away.
            let is_cut = page.reports.iter().any(|one| one.outcome == SourceOutcome::Truncated);
            let missing = if is_cut { wanted.len().saturating_sub(found.len()) } else { 0 };
            let near = if forward { 0..wanted.len() - missing } else { missing..wanted.len() };
            prop_assert_eq!(&found, &wanted[near], "next to {}", here);
        }
    }
}

fn newest_first(max: u32) -> Shape {
    Shape {
        total: TotalKind::Exact,
        own_order: Some(Order {
            field: CustomerOrderField::CreatedAt,
            direction: OrderDirection::Desc,
        }),
        ..Shape::new(Paging::Page(Sizes { min: 1, max }))
    }
}

#[test]
fn thousands_of_new_rows_cost_about_ten_calls() {
    let world = World::one(newest_first(100), (0..2_000).map(dated).collect());
    let page = world.first(20, None).unwrap();
    let end = page.page_info.end.unwrap();
    for number in 2_000..8_000 {
        world.sources[0].insert(usize::MAX, dated(number));
    }
    // Its row and the two before it are gone, too.
    for _ in 0..3 {
        world.sources[0].delete(1_980);
    }
    world.take_calls();
    let next = world.first(20, Some(&end)).unwrap();
    assert_eq!(numbers(&next), (1_960..1_980).rev().collect::<Vec<_>>());
    assert!(!next.drift_unresolved);
    let calls = world.take_calls();
    assert!(calls <= 12, "{calls} calls");
    // What was found is the place from now on.
    let end = next.page_info.end.unwrap();
    let after = world.first(20, Some(&end)).unwrap();
    assert_eq!(numbers(&after), (1_940..1_960).rev().collect::<Vec<_>>());
    assert_eq!(world.take_calls(), 1);
}

#[test]
fn a_search_for_a_key_is_bounded_and_what_it_did_not_find_is_said() {
    for seek_pages in [0, 2] {
        let limits = Limits {
            seek_pages,
            ..Limits::default()
        };
        let source = MemorySource::new(newest_first(10), (0..500).map(dated));
        let world = World::with(vec![source], limits);
        let end = world.first(3, None).unwrap().page_info.end.unwrap();
        for number in 500..3_000 {
            world.sources[0].insert(usize::MAX, dated(number));
        }
        world.take_calls();
        let page = world.first(3, Some(&end)).unwrap();
        assert!(page.drift_unresolved);
        assert!(world.take_calls() <= 2 + seek_pages as usize);
    }
}

/// The same along a chain, whose pages are read one by one.
#[test]
fn a_search_along_a_chain_is_bounded_and_what_it_did_not_find_is_said() {
    for seek_pages in [0, 2] {
        let limits = Limits {
            seek_pages,
            ..Limits::default()
        };
        let shape = Shape {
            paging: Paging::Token(chain(Some(Sizes { min: 1, max: 10 }))),
            ..newest_first(10)
        };
        let source = MemorySource::new(shape, (0..500).map(dated));
        let world = World::with(vec![source], limits);
        let cursor = world.first(5, None).unwrap().edges[1].cursor.clone();
        // Its row and the one before it go, too.
        world.sources[0].delete(498);
        world.sources[0].delete(498);
        for number in 500..3_000 {
            world.sources[0].insert(usize::MAX, dated(number));
        }
        world.take_calls();
        let page = world.first(3, Some(&cursor)).unwrap();
        assert!(page.drift_unresolved);
        assert!(world.take_calls() <= 8 + seek_pages as usize);
    }
}

/// In a list by the last change, a row that is changed moves. What stood behind it is still behind the place it had.
#[test]
fn a_row_that_was_changed_and_moved_takes_no_reader_along() {
    for paging in [
        Paging::Page(Sizes { min: 1, max: 100 }),
        Paging::Offset(Sizes { min: 1, max: 100 }),
    ] {
        let order = Order {
            field: CustomerOrderField::UpdatedAt,
            direction: OrderDirection::Asc,
        };
        let shape = Shape {
            orders: vec![order.field],
            ..Shape::new(paging)
        };
        let mut world = World::one(shape, (0..60).map(dated).collect());
        world.asked.order = Some(order);
        let end = world.first(10, None).unwrap().page_info.end.unwrap();
        let Row::Customer { customer, .. } = dated(9) else {
            unreachable!();
        };
        let touched = Customer {
            updated_at: Some(DateTime::at(
                jiff::Timestamp::from_second(13 * 86_400 + 5).unwrap(),
            )),
            ..Customer::clone(&customer)
        };
        world.sources[0].update(9, row(Kind::Shown, touched));
        let next = world.first(5, Some(&end)).unwrap();
        assert_eq!(numbers(&next), [10, 11, 12, 13, 9], "{paging:?}");
    }
}

/// The same where the token of the cursor's page has expired, and the list is read again from its start.
#[test]
fn a_row_that_moved_is_not_followed_when_its_token_has_expired() {
    let walk = chain(Some(Sizes { min: 1, max: 10 }));
    let order = Order {
        field: CustomerOrderField::UpdatedAt,
        direction: OrderDirection::Asc,
    };
    let shape = Shape {
        orders: vec![order.field],
        ..Shape::new(Paging::Token(walk))
    };
    let mut world = World::one(shape, (0..60).map(dated).collect());
    world.asked.order = Some(order);
    let page = world.first(40, None).unwrap();
    let cursor = page.edges[25].cursor.clone();
    // It is changed so that it comes before the place it had, and is read first.
    let id = LocalId::new("25").unwrap();
    let early = Customer {
        updated_at: day(3),
        ..Customer::bare(id)
    };
    world.sources[0].update(25, row(Kind::Shown, early));
    world.sources[0].expire_tokens();
    let next = world.first(3, Some(&cursor)).unwrap();
    assert_eq!(numbers(&next), [26, 27, 28]);
}

/// A search stays within what the source lets anybody read, and reads all of that.
#[test]
fn a_place_right_before_the_depth_limit_is_found() {
    let shape = Shape {
        total: TotalKind::None,
        depth: Some(1_000),
        ..newest_first(100)
    };
    let world = World::one(shape, (0..2_000).map(dated).collect());
    let page = world.first(100, None).unwrap();
    let end = page.edges[49].cursor.clone();
    for number in 2_000..2_930 {
        world.sources[0].insert(usize::MAX, dated(number));
    }
    let next = world.first(3, Some(&end)).unwrap();
    assert_eq!(numbers(&next), [1_949, 1_948, 1_947]);
    assert!(!next.drift_unresolved);
}
