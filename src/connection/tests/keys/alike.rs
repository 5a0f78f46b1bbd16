//! Rows that nothing in the order tells apart: equal ones, and those without a value.

use super::*;

/// Equal rows are told apart by their ids; where all that could tell is gone, it is said and nothing is left out.
#[test]
fn among_equal_rows_the_neighbours_tell_and_nothing_is_lost() {
    let tied = |number: usize| {
        let Row::Customer { customer, .. } = dated(number) else {
            unreachable!();
        };
        let customer = Customer {
            created_at: day(7),
            ..Customer::clone(&customer)
        };
        row(Kind::Shown, customer)
    };
    let shape = Shape {
        own_order: Some(Order {
            field: CustomerOrderField::CreatedAt,
            direction: OrderDirection::Asc,
        }),
        ..Shape::new(Paging::Page(Sizes { min: 1, max: 100 }))
    };
    let world = || World::one(shape.clone(), (10..30).map(tied).collect());
    let moved = world();
    let end = moved.first(8, None).unwrap().page_info.end.unwrap();
    // The cursor's row goes; the one before it tells where it stood.
    moved.sources[0].delete(7);
    let next = moved.first(3, Some(&end)).unwrap();
    assert_eq!(numbers(&next), [18, 19, 20]);
    assert!(!next.drift_unresolved);
    let lost = world();
    let end = lost.first(8, None).unwrap().page_info.end.unwrap();
    for _ in 0..3 {
        lost.sources[0].delete(5);
    }
    let next = lost.first(100, Some(&end)).unwrap();
    assert!(next.drift_unresolved);
    let seen = numbers(&next);
    assert!((18..30).all(|number| seen.contains(&number)), "{seen:?}");
}

/// Rows that are all alike are told apart by their neighbours; the row of the cursor tells nothing once it has moved away.
#[test]
fn a_row_that_left_its_equals_takes_no_reader_along() {
    let walk = chain(Some(Sizes { min: 1, max: 100 }));
    for paging in [
        Paging::Offset(Sizes { min: 1, max: 100 }),
        Paging::Token(walk),
        Paging::None,
    ] {
        for goes in [None, Some(9), Some(3)] {
            let changed = |number: usize, at: i64| {
                let id = LocalId::new(format!("{number}")).unwrap();
                let updated_at = day(at);
                row(
                    Kind::Shown,
                    Customer {
                        updated_at,
                        ..Customer::bare(id)
                    },
                )
            };
            let order = Order {
                field: CustomerOrderField::UpdatedAt,
                direction: OrderDirection::Asc,
            };
            let shape = Shape {
                orders: vec![order.field],
                ..Shape::new(paging)
            };
            let mut world = World::one(shape, (10..40).map(|number| changed(number, 7)).collect());
            world.asked.order = Some(order);
            let page = world.first(12, None).unwrap();
            let cursor = page.edges[7].cursor.clone();
            match goes {
                None => world.sources[0].delete(7),
                Some(to) => world.sources[0].update(7, changed(17, to)),
            }
            let next = world.first(5, Some(&cursor)).unwrap();
            assert_eq!(numbers(&next), [18, 19, 20, 21, 22], "{paging:?} {goes:?}");
            assert!(!next.drift_unresolved, "{paging:?} {goes:?}");
        }
    }
}

/// Nobody knows whether rows without a value stand first or last, and these are all there are.
#[test]
fn rows_without_a_value_are_not_lost_when_the_last_one_with_one_goes() {
    let order = Order {
        field: CustomerOrderField::CreatedAt,
        direction: OrderDirection::Asc,
    };
    for paging in [Paging::Offset(Sizes { min: 1, max: 100 }), Paging::None] {
        let shape = Shape {
            own_order: Some(order),
            ..Shape::new(paging)
        };
        let empty = (51..54).map(|number| row(Kind::Shown, customer(number)));
        let world = World::one(shape, std::iter::once(dated(1)).chain(empty).collect());
        let end = world.first(1, None).unwrap().page_info.end.unwrap();
        world.sources[0].delete(0);
        let next = world.first(10, Some(&end)).unwrap();
        assert_eq!(ids(&next), world.expected(), "{paging:?}");
    }
}

#[test]
fn rows_without_a_value_stand_at_either_end_and_hide_no_place() {
    for nulls_first in [false, true] {
        let shape = Shape {
            total: TotalKind::None,
            own_order: Some(Order {
                field: CustomerOrderField::CreatedAt,
                direction: if nulls_first {
                    OrderDirection::Desc
                } else {
                    OrderDirection::Asc
                },
            }),
            ..Shape::new(Paging::Offset(Sizes { min: 1, max: 10 }))
        };
        let empty = (5_000..5_040).map(|number| row(Kind::Shown, customer(number)));
        let rows = (0..60).map(dated).chain(empty).collect();
        let world = World::one(shape, rows);
        let page = world
            .first(if nulls_first { 60 } else { 20 }, None)
            .unwrap();
        let here: usize = ids(&page).last().unwrap().parse().unwrap();
        for _ in 0..30 {
            world.sources[0].delete(if nulls_first { 30 } else { 0 });
        }
        let next = world.first(5, page.page_info.end.as_deref()).unwrap();
        let expected: Vec<usize> = if nulls_first {
            (0..here.min(30)).rev().take(5).collect()
        } else {
            (30..35).collect()
        };
        assert_eq!(numbers(&next), expected, "nulls first: {nulls_first}");
    }
}
