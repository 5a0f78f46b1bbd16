//! Several sources in one order.

use super::*;
use crate::model::{CustomerOrderField, DateTime, OrderDirection, OrderKey};
use crate::source::SourceErrorKind;

/// Rows with few distinct values, some without one.
fn dated(values: &[Option<u8>], begin: usize) -> Vec<Row> {
    let at =
        |value: u8| DateTime::at(jiff::Timestamp::from_second(i64::from(value) * 86_400).unwrap());
    let name = |value: u8| {
        Box::from(format!(
            "{}{}",
            if value.is_multiple_of(2) { "a" } else { "B" },
            value % 7
        ))
    };
    let made = |(number, value): (usize, &Option<u8>)| Customer {
        created_at: value.map(at),
        name: value.map(name),
        ..customer(begin + number)
    };
    values
        .iter()
        .enumerate()
        .map(|row| self::row(Kind::Shown, made(row)))
        .collect()
}

fn order() -> impl Strategy<Value = Order> {
    let field = prop_oneof![
        Just(CustomerOrderField::CreatedAt),
        Just(CustomerOrderField::Id),
        Just(CustomerOrderField::Name)
    ];
    (field, any::<bool>()).prop_map(|(field, up)| Order {
        field,
        direction: if up {
            OrderDirection::Asc
        } else {
            OrderDirection::Desc
        },
    })
}

fn merged_world(least: usize, most: usize) -> impl Strategy<Value = World> {
    let values = proptest::collection::vec(proptest::option::weighted(0.9, 0u8..12), 0..50);
    (
        proptest::collection::vec((shape(), values, any::<[bool; 2]>()), least..=most),
        order(),
    )
        .prop_map(|(listed, order)| {
            let mut number = 0;
            let sources = listed
                .into_iter()
                .map(|(shape, values, [pushes, missing_first])| {
                    let orders = if pushes {
                        vec![
                            CustomerOrderField::CreatedAt,
                            CustomerOrderField::Id,
                            CustomerOrderField::Name,
                        ]
                    } else {
                        vec![]
                    };
                    number += 1000;
                    MemorySource::new(
                        Shape {
                            orders,
                            unique_order: true,
                            missing_first,
                            ..shape
                        },
                        dated(&values, number),
                    )
                });
            let mut world = World::new(sources.collect());
            world.asked.order = Some(order);
            world
        })
}

/// What the merged list is, source by source: a source's own ties stand as it gives them, and so do rows without a value where it
/// orders its list itself.
fn keys(world: &World, page: &[Edge]) -> Vec<(OrderKey, usize)> {
    let order = world.asked.order.unwrap();
    let ordered = |rank: usize| {
        let asked = world.asked.sources.iter();
        let mut asked = asked.filter(|source| source.entry.rank == rank);
        let plan = |source: &AskedSource| source.entry.source.plan(&source.filter, Some(order));
        asked.any(|source| plan(source).is_ok_and(|plan| plan.sent.is_some()))
    };
    page.iter()
        .map(|edge| (order.field.key(&edge.customer), edge.source.rank))
        .filter(|(key, rank)| *key != OrderKey::Missing || !ordered(*rank))
        .collect()
}

fn assert_sorted(world: &World, edges: &[Edge]) -> Result<(), TestCaseError> {
    let order = world.asked.order.unwrap();
    for pair in keys(world, edges).windows(2) {
        let by = order
            .compare(&pair[0].0, &pair[1].0)
            .then(pair[0].1.cmp(&pair[1].1));
        prop_assert!(by.is_le(), "{pair:?}");
    }
    Ok(())
}

proptest! {
    /// Invariants 1, 4, 6, 11: sorted, complete, each source's rows as that source alone gives them, bounded calls.
    #[test]
    fn a_merged_walk_is_sorted_and_whole(world in merged_world(1, 5), sizes in proptest::collection::vec(1usize..30, 1..4)) {
        let count = world.expected().len();
        let mut seen: Vec<Edge> = Vec::new();
        for size in sizes.iter().copied().cycle().take(count + 2) {
            let after = seen.last().map(|edge| edge.cursor.clone());
            let page = world.first(size, after.as_deref()).map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
            prop_assert!(page.edges.len() <= size);
            prop_assert_eq!(page.page_info.has_next, seen.len() + page.edges.len() < count);
            seen.extend(page.edges);
            if !page.page_info.has_next {
                break;
            }
        }
        assert_sorted(&world, &seen)?;
        for source in 0..world.sources.len() {
            let mut alone = World { connector: Connector::new(Limits::default(), b"secret"), sources: vec![Arc::clone(&world.sources[source])], asked: world.asked.clone() };
            alone.asked.sources = vec![world.asked.sources[source].clone()];
            let from_it: Vec<String> = seen.iter().filter(|edge| edge.source.rank == source).map(|edge| edge.customer.id.to_string()).collect();
            match alone.first(100, None) {
                Ok(page) if world.asked.order.unwrap().field != CustomerOrderField::Name => prop_assert_eq!(from_it, ids(&page)),
                _ => prop_assert_eq!(from_it.len(), alone.expected().len()),
            }
        }
    }

    /// Invariants 2, 3 of merged lists: every cursor works both ways, and the other way round gives the same rows.
    #[test]
    fn merged_cursors_work_both_ways(world in merged_world(2, 3), size in 1usize..20, turns in proptest::collection::vec((any::<prop::sample::Index>(), 1usize..30, any::<bool>()), 1..8)) {
        let mut known: Vec<(usize, String)> = Vec::new();
        let mut whole: Vec<String> = Vec::new();
        loop {
            let page = world.first(size, known.last().map(|(_, cursor)| &**cursor)).unwrap();
            whole.extend(ids(&page));
            known.extend(page.edges.into_iter().map(|edge| edge.cursor).zip(known.len()..).map(|(cursor, at)| (at, cursor)));
            if !page.page_info.has_next {
                break;
            }
        }
        for (at, rows, forward) in turns {
            if known.is_empty() {
                break;
            }
            let (at, cursor) = known[at.index(known.len())].clone();
            let page = world.beyond(Some(&cursor), rows, forward);
            let page = match page {
                Ok(page) => page,
                Err(ConnectionError::BackwardNotSupported { .. }) => continue,
                Err(error) => return Err(TestCaseError::fail(format!("{error:?}"))),
            };
            let begin = if forward { at + 1 } else { at - page.edges.len() };
            let got = ids(&page);
            prop_assert_eq!(&got[..], &whole[begin..begin + got.len()], "from {} forward {}", at, forward);
            prop_assert_eq!(got.len(), if forward { rows.min(whole.len() - at - 1) } else { rows.min(at) });
            known.extend(page.edges.into_iter().enumerate().map(|(index, edge)| (begin + index, edge.cursor)));
        }
    }

    /// Invariant 12: with SKIP the healthy ones, the failed one named; with FAIL nothing is lost on retry.
    #[test]
    fn a_failed_source_stays_out_of_a_merge(mut world in merged_world(2, 4), failing in any::<prop::sample::Index>(), size in 1usize..30) {
        let failing = failing.index(world.sources.len());
        let healthy: Vec<String> = world.sources.iter().enumerate().filter(|(rank, _)| *rank != failing).flat_map(|(_, source)| shown(&source.rows())).collect();
        let first = world.first(size, None).unwrap();
        let end = first.page_info.end.clone();
        let next = world.first(size, end.as_deref()).unwrap();
        world.sources[failing].set_failing(Some(SourceErrorKind::Timeout));
        let failed = world.first(size, end.as_deref()).map(|_| ());
        prop_assert!(matches!(failed, Err(ConnectionError::Source { .. })), "{failed:?}");
        world.asked.on_failure = SourceFailurePolicy::Skip;
        let mut seen: Vec<Edge> = Vec::new();
        loop {
            let page = world.first(size, seen.last().map(|edge| &*edge.cursor)).unwrap();
            prop_assert_eq!(page.reports[failing].outcome, SourceOutcome::Failed);
            prop_assert_eq!(page.total, None);
            seen.extend(page.edges);
            world.sources[failing].set_failing(None);
            if !page.page_info.has_next {
                break;
            }
        }
        if !seen.is_empty() {
            let mut got: Vec<String> = seen.iter().map(|edge| edge.customer.id.to_string()).collect();
            assert_sorted(&world, &seen)?;
            got.sort();
            let mut healthy = healthy;
            healthy.sort();
            prop_assert_eq!(got, healthy);
        }
        world.asked.on_failure = SourceFailurePolicy::Fail;
        prop_assert_eq!(ids(&world.first(size, end.as_deref()).unwrap()), ids(&next));
    }
}

#[test]
fn what_the_records_do_not_tell_merges_nothing() {
    let tells = Shape {
        orders: vec![CustomerOrderField::CreatedAt],
        ..Shape::new(Paging::Page(Sizes { min: 1, max: 100 }))
    };
    let orders_without_telling = Shape {
        hidden: vec![CustomerOrderField::CreatedAt],
        ..tells.clone()
    };
    let neither = Shape {
        orders: Vec::new(),
        ..orders_without_telling.clone()
    };
    let oldest = Order {
        field: CustomerOrderField::CreatedAt,
        direction: OrderDirection::Asc,
    };
    let rows = || dated(&[Some(3), Some(1)], 900);
    let sources = vec![
        MemorySource::new(orders_without_telling.clone(), rows()),
        MemorySource::new(tells, dated(&[Some(2)], 500)),
        MemorySource::new(neither.clone(), rows()),
    ];
    let mut world = World::with(sources, Limits::default());
    world.asked.order = Some(oldest);
    let page = world.first(5, None).unwrap();
    assert_eq!(ids(&page).len(), 1);
    let outcomes: Vec<_> = page.reports.iter().map(|report| report.outcome).collect();
    let refused = SourceOutcome::Unsupported;
    assert_eq!(outcomes, [refused, SourceOutcome::Complete, refused]);
    for (shape, serves) in [(orders_without_telling, true), (neither, false)] {
        let mut world = World::with(vec![MemorySource::new(shape, rows())], Limits::default());
        world.asked.order = Some(oldest);
        assert_eq!(
            world.first(5, None).is_ok(),
            serves,
            "alone it orders its list itself"
        );
    }
}

#[test]
fn a_source_that_cannot_order_is_read_whole_or_reported() {
    let big = Shape {
        total: TotalKind::Exact,
        ..Shape::new(Paging::Page(Sizes { min: 1, max: 100 }))
    };
    let sources = || {
        vec![
            MemorySource::new(big.clone(), plain_rows(300)),
            MemorySource::new(big.clone(), dated(&[Some(3), Some(1)], 900)),
        ]
    };
    let limits = Limits {
        whole_rows: 200,
        ..Limits::default()
    };
    let mut world = World::with(sources(), limits.clone());
    world.asked.order = Some(Order {
        field: CustomerOrderField::Name,
        direction: OrderDirection::Asc,
    });
    let page = world.first(5, None).unwrap();
    assert_eq!(ids(&page), ["c00901", "c00900"]);
    assert_eq!(page.order, ConnectionOrder::Merged);
    assert_eq!(page.reports[0].outcome, SourceOutcome::Unsupported);
    assert_eq!(page.reports[0].error, Some(ReportError::TooLong(200)));
    assert!(page.reports[0].upstream_calls <= 1, "its total told enough");
    let mut world = World::with(
        vec![
            MemorySource::new(big.clone(), plain_rows(300)),
            MemorySource::new(big, plain_rows(300)),
        ],
        limits,
    );
    world.asked.order = Some(Order {
        field: CustomerOrderField::Name,
        direction: OrderDirection::Asc,
    });
    assert!(matches!(
        world.first(5, None).map(|_| ()),
        Err(ConnectionError::TooLong { most: 200, .. })
    ));
}

/// A list that was too long to be ordered when a traversal began stays out of it, though rows go meanwhile.
#[test]
fn a_list_that_was_too_long_stays_out_of_the_traversal() {
    let ordered = Shape {
        orders: vec![CustomerOrderField::Id],
        unique_order: true,
        ..Shape::new(Paging::Offset(Sizes { min: 1, max: 100 }))
    };
    let plain = Shape::new(Paging::Offset(Sizes { min: 1, max: 100 }));
    let limits = Limits {
        whole_rows: 10,
        ..Limits::default()
    };
    let rows = plain_rows(41);
    let (long, short) = rows.split_at(11);
    let sources = [(ordered, short), (plain, long)];
    let sources = sources.map(|(shape, rows)| MemorySource::new(shape, rows.to_vec()));
    let mut world = World::with(sources.into(), limits);
    world.asked.order = Some(Order {
        field: CustomerOrderField::Id,
        direction: OrderDirection::Asc,
    });
    let page = world.first(5, None).unwrap();
    assert_eq!(page.reports[1].outcome, SourceOutcome::Unsupported);
    world.sources[1].delete(0);
    let next = world.first(5, page.page_info.end.as_deref()).unwrap();
    assert_eq!(next.reports[1].outcome, SourceOutcome::Unsupported);
    assert_eq!(ids(&next), shown(short)[5..10]);
}

/// A gateway that orders nothing itself still merges what sources order.
#[test]
fn a_limit_of_no_whole_rows_leaves_ordered_lists_alone() {
    let ordered = Shape {
        orders: vec![CustomerOrderField::CreatedAt],
        ..Shape::new(Paging::Offset(Sizes { min: 1, max: 100 }))
    };
    let rows = |begin| dated(&[Some(1), Some(2), Some(3)], begin);
    let sources = [500, 900].map(|begin| MemorySource::new(ordered.clone(), rows(begin)));
    let limits = Limits {
        whole_rows: 0,
        ..Limits::default()
    };
    let mut world = World::with(sources.into(), limits);
    world.asked.order = Some(Order {
        field: CustomerOrderField::CreatedAt,
        direction: OrderDirection::Asc,
    });
    assert_eq!(world.first(10, None).unwrap().edges.len(), 6);
}
