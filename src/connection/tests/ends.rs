//! Both ends of lists: what comes in there later, what stands before, and how many rows there are between them.

use super::*;
use crate::model::{CustomerOrderField, DateTime, OrderDirection};
use crate::source::SourceErrorKind;

const SIZES: Sizes = Sizes { min: 1, max: 100 };

fn made_on(day: i64, source: usize) -> Row {
    let created = DateTime::at(jiff::Timestamp::from_second(day * 86_400).unwrap());
    let number = source * 1_000 + usize::try_from(day).unwrap();
    row(
        Kind::Shown,
        Customer {
            created_at: Some(created),
            ..customer(number)
        },
    )
}

fn pagings() -> [Paging; 6] {
    [
        Paging::Page(SIZES),
        Paging::Offset(SIZES),
        Paging::Token(chain(Some(SIZES))),
        Paging::Link(Walk {
            prev: true,
            ..chain(None)
        }),
        Paging::Keyset {
            sizes: SIZES,
            before: true,
        },
        Paging::None,
    ]
}

/// Two sources whose rows were made on some days of the middle of the year, in the order of the day; ids tell source and day.
fn merged(paging: Paging, pushes: bool, direction: OrderDirection) -> World {
    let shape = Shape {
        orders: pushes
            .then_some(CustomerOrderField::CreatedAt)
            .into_iter()
            .collect(),
        unique_order: true,
        ..Shape::new(paging)
    };
    let rows = |source, days: [i64; 4]| days.map(|day| made_on(day, source));
    let mut world = World::new(vec![
        MemorySource::new(shape.clone(), rows(1, [150, 170, 180, 190])),
        MemorySource::new(shape, rows(2, [140, 145, 155, 160])),
    ]);
    let field = CustomerOrderField::CreatedAt;
    world.asked.order = Some(Order { field, direction });
    world
}

/// Whoever asks again and again what stands before its first row, or after its last one, learns of every row that comes, from
/// whichever source.
#[test]
fn rows_that_come_at_the_ends_of_a_merge_are_found() {
    let ways = [OrderDirection::Asc, OrderDirection::Desc];
    for (paging, pushes) in pagings()
        .into_iter()
        .flat_map(|at| [(at, true), (at, false)])
    {
        for (direction, forward) in ways.into_iter().flat_map(|way| [(way, true), (way, false)]) {
            let case = format!("{paging:?} {pushes} {direction:?} {forward}");
            let world = merged(paging, pushes, direction);
            // The newest stand at the end in ascending lists; the others grow at their oldest end.
            let newer = (direction == OrderDirection::Asc) == forward;
            let window = world.beyond(None, 3, !forward).unwrap();
            let mut edge = if forward {
                window.page_info.end
            } else {
                window.page_info.start
            };
            for (source, step) in [(1, 1), (0, 2), (1, 3), (1, 4), (0, 5)] {
                let day = if newer { 200 + step } else { 100 - step };
                world.sources[source]
                    .insert(if newer { usize::MAX } else { 0 }, made_on(day, source + 1));
                let page = world.beyond(edge.as_deref(), 3, forward);
                let page = page.unwrap_or_else(|error| panic!("{case} {error:?}"));
                let expected = format!(
                    "c{:05}",
                    (source + 1) * 1_000 + usize::try_from(day).unwrap()
                );
                assert_eq!(ids(&page), [expected], "{case}");
                edge = if forward {
                    page.page_info.end
                } else {
                    page.page_info.start
                };
            }
        }
    }
}

/// `first: 0` and nothing else but the total is how clients count.
#[test]
fn a_window_of_no_rows_still_counts() {
    let told = |paging| Shape {
        total: TotalKind::Exact,
        ..Shape::new(paging)
    };
    for paging in pagings() {
        for (sources, order) in [
            (1, None),
            (3, None),
            (3, Some(CustomerOrderField::CreatedAt)),
        ] {
            let lists = (0..sources).map(|source| {
                let rows = (0..7).map(|day| made_on(day, source));
                MemorySource::new(told(paging), rows)
            });
            let mut world = World::new(lists.collect());
            world.asked.order = order.map(|field| Order {
                field,
                direction: OrderDirection::Asc,
            });
            world.asked.want = Want {
                total: true,
                ..Want::default()
            };
            let none = [world.first(0, None).unwrap(), world.last(0, None).unwrap()];
            for page in none {
                let case = format!("{paging:?} {sources} {order:?}");
                assert!(page.edges.is_empty(), "{case}");
                assert_eq!(page.total, Some(7 * sources as u64), "{case}");
            }
        }
    }
}

/// A record that cannot be shown is one of the list, whoever orders it.
#[test]
fn a_total_is_the_same_whoever_orders_the_list() {
    let shape = Shape {
        total: TotalKind::Exact,
        ..Shape::new(Paging::Page(SIZES))
    };
    let kind = |number| match number {
        4 => Kind::Unreadable,
        _ => Kind::Shown,
    };
    let rows = (0..10).map(|number| row(kind(number), customer(number)));
    let mut world = World::one(shape, rows.collect());
    world.asked.want.total = true;
    for order in [None, Some(CustomerOrderField::Name)] {
        world.asked.order = order.map(|field| Order {
            field,
            direction: OrderDirection::Asc,
        });
        for window in [3, 20] {
            let page = world.first(window, None).unwrap();
            assert_eq!(page.total, Some(10), "{order:?} {window}");
        }
    }
}

/// What ended the reading of a list is told as what it was, and not as the list's length.
#[test]
fn a_list_that_could_not_be_read_whole_says_why() {
    let by_name = Some(Order {
        field: CustomerOrderField::Name,
        direction: OrderDirection::Asc,
    });
    let sizes = Sizes { min: 1, max: 50 };
    let chained = Shape::new(Paging::Token(chain(Some(sizes))));
    let mut world = World::one(chained, plain_rows(150));
    world.asked.order = by_name;
    world.sources[0].fail_after(1, SourceErrorKind::CursorExpired);
    let error = world.first(5, None).map(|_| ());
    assert_eq!(error, Err(ConnectionError::CursorExpired));
    let shallow = Shape {
        depth: Some(80),
        ..Shape::new(Paging::Page(sizes))
    };
    let mut world = World::one(shallow, plain_rows(150));
    world.asked.order = by_name;
    let error = world.first(5, None).map(|_| ());
    assert!(
        matches!(error, Err(ConnectionError::DepthLimit { .. })),
        "{error:?}"
    );
}

/// Rows are counted when a cursor is made; that some stood before it then does not say that any do now.
#[test]
fn what_stands_before_is_looked_for_and_not_counted() {
    for paging in pagings() {
        let world = World::one(Shape::new(paging), plain_rows(60));
        let page = world.first(20, None).unwrap();
        let page = world.first(10, page.page_info.end.as_deref()).unwrap();
        let before = page.edges[5].cursor.clone();
        (0..20).for_each(|_| world.sources[0].delete(0));
        let page = world.last(5, Some(&before)).unwrap();
        assert_eq!(ids(&page), world.expected()[..5], "{paging:?}");
        assert!(!page.page_info.has_previous, "{paging:?}");
        assert!(page.page_info.has_next, "{paging:?}");
    }
}

/// What a source refused once must not be shown for as long as what it answers.
#[test]
fn a_window_that_a_source_cut_short_is_not_used_again() {
    let sizes = Sizes { min: 1, max: 50 };
    let world = World::one(
        Shape::new(Paging::Token(chain(Some(sizes)))),
        plain_rows(80),
    );
    let operation = Arc::new(Operation::new(
        "test",
        Instant::now() + Duration::from_secs(60),
    ));
    world.sources[0].fail_after(1, SourceErrorKind::CursorExpired);
    let asked = Asked {
        first: Some(100),
        ..world.asked.clone()
    };
    let page = futures_util::FutureExt::now_or_never(world.connector.connect(asked, &operation));
    let page = page.unwrap().unwrap();
    assert_eq!(page.reports[0].outcome, SourceOutcome::Truncated);
    assert_eq!(operation.fresh_for(), Some(Duration::ZERO));
}
