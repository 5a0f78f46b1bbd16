//! What a window may cost in calls, and what may be asked of a source.

use super::*;
use crate::model::{CustomerOrderField, OrderDirection};
use crate::source::Position;

const SIZES: Sizes = Sizes { min: 1, max: 100 };

/// The calls of a walk with these sizes, window by window.
fn calls(world: &World, sizes: &[usize], forward: bool) -> Vec<(usize, usize)> {
    let mut cursor: Option<String> = None;
    let mut calls = Vec::new();
    world.take_calls();
    for size in sizes {
        let page = world.beyond(cursor.as_deref(), *size, forward).unwrap();
        calls.push((*size, world.take_calls()));
        cursor = if forward {
            page.page_info.end
        } else {
            page.page_info.start
        };
        if cursor.is_none() {
            break;
        }
    }
    calls
}

proptest! {
    /// Invariant 6, forward. `rows` is what must be covered: the window, and the row of the cursor where rows are counted.
    #[test]
    fn a_window_costs_few_calls(max in 1u32..120, sizes in proptest::collection::vec(1usize..=100, 1..12), style in 0usize..5) {
        let sizes_of = Sizes { min: 1, max };
        let paging = [Paging::Page(sizes_of), Paging::Offset(sizes_of), Paging::Token(chain(Some(sizes_of))), Paging::Link(chain(Some(sizes_of))), Paging::Keyset { sizes: sizes_of, before: true }][style];
        let world = World::one(Shape { total: TotalKind::Exact, ..Shape::new(paging) }, plain_rows(700));
        for (at, (window, calls)) in calls(&world, &sizes, true).into_iter().enumerate() {
            let extra = match paging {
                Paging::Page(_) | Paging::Offset(_) => usize::from(at > 0),
                Paging::Keyset { .. } => 1,
                _ => 0,
            };
            let pieces = (window + extra).div_ceil(max as usize);
            let bound = match paging {
                Paging::Page(_) if window + extra <= max as usize => 2,
                Paging::Page(_) | Paging::Token(_) | Paging::Link(_) => pieces + 1,
                // Its end is an empty page.
                Paging::Keyset { .. } => pieces + 1,
                _ => pieces,
            };
            prop_assert!(calls <= bound, "{calls} calls for {window} rows, bound {bound}, {paging:?}");
        }
    }

    /// Invariant 6: sizes lie within the bounds of the plan, numbered pages begin at their multiples.
    #[test]
    fn nothing_is_asked_that_the_plan_forbids(world in world(2), sizes in proptest::collection::vec(1usize..40, 1..6), forward in any::<bool>()) {
        for size in sizes {
            let _ = world.beyond(None, size, forward);
            let page = world.first(size, None).unwrap();
            let _ = world.last(size, page.page_info.end.as_deref());
            let _ = world.first(size, page.page_info.end.as_deref());
        }
        for (source, asked) in world.sources.iter().zip(&world.asked.sources) {
            let plan = asked.entry.source.plan(&asked.filter, None).unwrap();
            for (at, size) in source.take_asked() {
                let sizes = match plan.paging {
                    Paging::Page(sizes) | Paging::Offset(sizes) | Paging::Keyset { sizes, .. } => Some(sizes),
                    Paging::Token(walk) | Paging::Link(walk) => walk.sizes,
                    Paging::None => None,
                };
                prop_assert!(sizes.is_none_or(|sizes| (sizes.min..=sizes.max).contains(&size)), "{size} of {sizes:?}");
                if let (Paging::Page(_), Position::Index(index)) = (plan.paging, &at) {
                    prop_assert_eq!(index % u64::from(size), 0);
                }
            }
        }
    }
}

#[test]
fn constant_windows_cost_one_call_each() {
    for paging in [
        Paging::Page(SIZES),
        Paging::Offset(SIZES),
        Paging::Token(chain(Some(SIZES))),
        Paging::Link(chain(Some(SIZES))),
        Paging::Keyset {
            sizes: SIZES,
            before: true,
        },
    ] {
        let world = World::one(
            Shape {
                total: TotalKind::Exact,
                ..Shape::new(paging)
            },
            plain_rows(410),
        );
        let costs = calls(&world, &[20; 20], true);
        assert!(
            costs.iter().all(|(_, calls)| *calls == 1),
            "{paging:?} {costs:?}"
        );
    }
}

#[test]
fn the_way_back_costs_little_where_somebody_knows_it() {
    let chain = chain(Some(SIZES));
    let ordered = vec![CustomerOrderField::Id];
    let cases = [
        (
            "numbered",
            Shape {
                total: TotalKind::Exact,
                ..Shape::new(Paging::Page(SIZES))
            },
            2,
            1,
        ),
        (
            "offset",
            Shape {
                total: TotalKind::Exact,
                ..Shape::new(Paging::Offset(SIZES))
            },
            2,
            1,
        ),
        (
            "reversed",
            Shape {
                orders: ordered,
                unique_order: true,
                ..Shape::new(Paging::Token(chain))
            },
            1,
            1,
        ),
        ("one page", Shape::new(Paging::None), 1, 1),
    ];
    for (name, shape, first, then) in cases {
        let mut world = World::one(shape.clone(), plain_rows(410));
        world.asked.order = (!shape.orders.is_empty()).then_some(Order {
            field: CustomerOrderField::Id,
            direction: OrderDirection::Asc,
        });
        let costs = calls(&world, &[20; 15], false);
        assert_eq!(costs[0].1, first, "{name}");
        assert!(
            costs[1..].iter().all(|(_, calls)| *calls <= then),
            "{name} {costs:?}"
        );
    }
}

/// An order that nobody asked for, which the source's adapter sends all the same, can be turned round like any other.
#[test]
fn the_end_of_a_long_chain_in_its_own_order_is_one_call_away() {
    let own = Order {
        field: CustomerOrderField::Id,
        direction: OrderDirection::Asc,
    };
    let shape = Shape {
        orders: vec![own.field],
        own_order: Some(own),
        unique_order: true,
        ..Shape::new(Paging::Token(chain(Some(SIZES))))
    };
    let world = World::one(shape, plain_rows(10_000));
    let costs = calls(&world, &[20; 15], false);
    assert!(costs.iter().all(|(_, calls)| *calls == 1), "{costs:?}");
}

#[test]
fn the_way_back_along_a_chain_costs_little_where_somebody_knows_it() {
    let chain = chain(Some(SIZES));
    for (name, paging) in [
        ("remembered", Paging::Token(chain)),
        (
            "told",
            Paging::Link(Walk {
                prev: true,
                ..chain
            }),
        ),
        (
            "keyed",
            Paging::Keyset {
                sizes: SIZES,
                before: true,
            },
        ),
    ] {
        let world = World::one(Shape::new(paging), plain_rows(2_000));
        let mut pages: Vec<Connection> = Vec::new();
        for _ in 0..90 {
            let after = pages.last().and_then(|page| page.page_info.end.clone());
            pages.push(world.first(20, after.as_deref()).unwrap());
        }
        world.take_calls();
        for pair in pages.windows(2).rev() {
            let before = world.last(20, pair[1].page_info.start.as_deref()).unwrap();
            assert_eq!(ids(&before), ids(&pair[0]), "{name}");
            assert!(world.take_calls() <= 2, "{name}");
        }
    }
}

#[test]
fn a_chain_nobody_remembers_is_read_again_where_it_is_short_and_refused_where_it_is_not() {
    let shape = Shape::new(Paging::Token(chain(Some(Sizes { min: 1, max: 10 }))));
    let limits = || Limits {
        rescan_pages: 5,
        remembered_positions: 0,
        ..Limits::default()
    };
    let world = World::with(
        vec![MemorySource::new(shape.clone(), plain_rows(45))],
        limits(),
    );
    let page = world.first(33, None).unwrap();
    assert_eq!(
        ids(&world.last(6, page.page_info.end.as_deref()).unwrap()),
        world.expected()[26..32]
    );
    assert_eq!(ids(&world.last(6, None).unwrap()), world.expected()[39..]);
    let world = World::with(vec![MemorySource::new(shape, plain_rows(200))], limits());
    let page = world.first(93, None).unwrap();
    world.take_calls();
    assert!(matches!(
        world.last(6, page.page_info.end.as_deref()).map(|_| ()),
        Err(ConnectionError::BackwardNotSupported { .. })
    ));
    assert!(matches!(
        world.last(6, None).map(|_| ()),
        Err(ConnectionError::BackwardNotSupported { .. })
    ));
    assert!(world.take_calls() <= 2 * 5 + 2);
}

#[test]
fn what_nobody_asked_for_costs_nothing() {
    let shape = || Shape {
        total: TotalKind::Exact,
        ..Shape::new(Paging::Page(SIZES))
    };
    let mut world = World::new(
        apart(vec![plain_rows(20), plain_rows(20)])
            .into_iter()
            .map(|rows| MemorySource::new(shape(), rows))
            .collect(),
    );
    world.asked.want = Want::default();
    world.first(20, None).unwrap();
    assert_eq!(world.take_calls(), 1, "no look across the boundary");
    world.first(0, None).unwrap();
    assert_eq!(world.take_calls(), 0);
    world.asked.want.has_next = true;
    assert!(world.first(20, None).unwrap().page_info.has_next);
    assert_eq!(world.take_calls(), 2, "one look across the boundary");
    world.asked.want = Want {
        total: true,
        ..Want::default()
    };
    assert_eq!(world.first(5, None).unwrap().total, Some(40));
    assert_eq!(world.take_calls(), 2);
    let page = world.first(5, None).unwrap();
    assert_eq!(
        page.reports
            .iter()
            .map(|report| report.upstream_calls)
            .collect::<Vec<_>>(),
        [1, 1]
    );
}

/// What leads on stands in every row's place and in every cursor: a source does not decide how much that takes.
#[test]
fn a_token_longer_than_anybody_sends_is_refused() {
    let walk = Walk {
        prev: true,
        ..chain(Some(SIZES))
    };
    for paging in [Paging::Token(walk), Paging::Link(walk)] {
        let with = |token_padding| {
            let shape = Shape {
                token_padding,
                ..Shape::new(paging)
            };
            World::one(shape, plain_rows(60))
                .first(20, None)
                .map(|_| ())
        };
        assert_eq!(with(10_000), Ok(()));
        let refused = with(20_000);
        assert!(
            matches!(&refused, Err(ConnectionError::Source { error, .. }) if error.kind == crate::source::SourceErrorKind::Malformed),
            "{refused:?}"
        );
    }
}

/// A source that counts no further than to a number has as many rows as it says only where it says less.
#[test]
fn a_total_at_its_cap_is_none() {
    for (count, told) in [(39, Some(39)), (40, None), (60, None)] {
        let shape = Shape {
            total: TotalKind::Capped(40),
            ..Shape::new(Paging::Offset(SIZES))
        };
        let mut world = World::one(shape, plain_rows(count));
        world.asked.want.total = true;
        assert_eq!(world.first(5, None).unwrap().total, told, "{count}");
    }
}
