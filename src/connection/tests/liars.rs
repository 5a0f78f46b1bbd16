//! Sources that do not tell the truth, that fail, or that end early: bounded calls, a typed error, no row twice.

use super::*;
use crate::model::CustomerTier;
use crate::source::SourceErrorKind;
use crate::source::memory::{Filtering, Lie};
use std::collections::HashSet;

fn lie() -> impl Strategy<Value = Lie> {
    prop_oneof![
        Just(Lie::RepeatedToken),
        (1u32..5).prop_map(Lie::Cycle),
        Just(Lie::EndlessEmpty),
        (-20i64..20).prop_map(Lie::Total),
        (1u32..30).prop_map(Lie::Size),
    ]
}

/// Reads pages until the list or the patience ends; the error that ended it, if one did.
fn read_on(world: &World, size: usize) -> Result<Option<ConnectionError>, TestCaseError> {
    let mut after = None;
    let mut seen = HashSet::new();
    for _ in 0..200 {
        world.take_calls();
        let page = match world.first(size, after.as_deref()) {
            Ok(page) => page,
            Err(error) => return Ok(Some(error)),
        };
        let calls = world.take_calls();
        prop_assert!(calls <= 3 * size + 20, "{calls} calls for {size} rows");
        let page_ids: HashSet<String> = ids(&page).into_iter().collect();
        prop_assert_eq!(
            page_ids.len(),
            page.edges.len(),
            "a row stands twice on one page"
        );
        seen.extend(page_ids);
        if !page.page_info.has_next {
            return Ok(None);
        }
        after = page.page_info.end;
    }
    Err(TestCaseError::fail("no end"))
}

proptest! {
    /// Invariant 7: whatever the lie, every request is bounded, the walk ends, and an error has a type.
    #[test]
    fn a_lie_costs_a_bounded_number_of_calls(mut shape in shape(), lie in lie(), count in 0usize..60, size in 1usize..30) {
        shape.lie = lie;
        let world = World::one(shape, plain_rows(count));
        if let Some(error) = read_on(&world, size)? {
            let malformed = matches!(&error, ConnectionError::Source { error, .. } if error.kind == SourceErrorKind::Malformed);
            prop_assert!(malformed, "{error:?}");
        }
    }
}

fn chain() -> Shape {
    let sizes = Some(Sizes { min: 1, max: 100 });
    Shape::new(Paging::Token(super::chain(sizes)))
}

fn malformed(world: &World, size: usize) -> bool {
    matches!(read_on(world, size).unwrap(), Some(ConnectionError::Source { error, .. }) if error.kind == SourceErrorKind::Malformed)
}

#[test]
fn chains_that_lead_nowhere_end_in_an_error() {
    for lie in [Lie::RepeatedToken, Lie::Cycle(3), Lie::EndlessEmpty] {
        let world = World::one(Shape { lie, ..chain() }, plain_rows(50));
        assert!(malformed(&world, 5), "{lie:?} across requests");
        let world = World::one(Shape { lie, ..chain() }, plain_rows(50));
        assert!(malformed(&world, 1), "{lie:?} row by row");
    }
}

#[test]
fn a_chain_that_leads_back_in_a_circle_ends_in_an_error() {
    let sizes = Some(Sizes { min: 1, max: 100 });
    let walk = Walk {
        prev: true,
        ..super::chain(sizes)
    };
    let shape = Shape {
        lie: Lie::BackCycle,
        ..Shape::new(Paging::Link(walk))
    };
    for size in [1, 5] {
        let world = World::one(shape.clone(), plain_rows(50));
        let begin = world.first(20, None).unwrap().page_info.end;
        // From here on the source tells the way back.
        let mut before = world.first(9, begin.as_deref()).unwrap().page_info.end;
        let mut read = 0;
        let error = loop {
            world.take_calls();
            match world.last(size, before.as_deref()) {
                Ok(page) => before = page.page_info.start,
                Err(error) => break error,
            }
            assert!(world.take_calls() <= 4);
            read += size;
            assert!(read < 400, "it goes on for ever");
        };
        assert!(
            matches!(&error, ConnectionError::Source { error, .. } if error.kind == SourceErrorKind::Malformed),
            "{error:?}"
        );
    }
}

#[test]
fn pages_of_another_size_are_noticed_or_harmless() {
    let sizes = Sizes { min: 1, max: 50 };
    for total in [TotalKind::Exact, TotalKind::None] {
        let numbered = Shape {
            lie: Lie::Size(7),
            total,
            ..Shape::new(Paging::Page(sizes))
        };
        assert!(malformed(&World::one(numbered, plain_rows(40)), 20));
        let offset = Shape {
            lie: Lie::Size(7),
            total,
            ..Shape::new(Paging::Offset(sizes))
        };
        let world = World::one(offset, plain_rows(40));
        assert_eq!(read_on(&world, 20).unwrap(), None);
        assert_eq!(ids(&world.first(40, None).unwrap()), world.expected());
    }
}

#[test]
fn a_failed_source_is_named_and_hides_no_other() {
    let sources = (0..3).map(|_| Shape {
        total: TotalKind::Exact,
        ..Shape::new(Paging::Page(Sizes { min: 1, max: 50 }))
    });
    let lists = apart((0..3).map(|_| plain_rows(4)).collect());
    let mut world = World::new(
        sources
            .zip(lists)
            .map(|(shape, rows)| MemorySource::new(shape, rows))
            .collect(),
    );
    world.asked.want.total = true;
    let whole = world.expected();
    world.sources[1].set_failing(Some(SourceErrorKind::Unavailable));
    let failed = world.first(6, None).map(|_| ());
    assert!(
        matches!(failed, Err(ConnectionError::Source { source_key, .. }) if &*source_key == "s1")
    );
    world.asked.on_failure = SourceFailurePolicy::Skip;
    let page = world.first(6, None).unwrap();
    assert_eq!(ids(&page), [&whole[..4], &whole[8..10]].concat());
    assert_eq!(page.total, None);
    let outcomes: Vec<_> = page.reports.iter().map(|report| report.outcome).collect();
    assert_eq!(
        outcomes,
        [
            SourceOutcome::Complete,
            SourceOutcome::Failed,
            SourceOutcome::Complete
        ]
    );
    // It is healthy again, and stays out of this traversal.
    world.sources[1].set_failing(None);
    let rest = world.first(6, page.page_info.end.as_deref()).unwrap();
    assert_eq!(ids(&rest), whole[10..]);
    assert_eq!(rest.reports[1].outcome, SourceOutcome::Failed);
    assert_eq!(
        world
            .last(20, page.page_info.end.as_deref())
            .unwrap()
            .edges
            .len(),
        5
    );
}

#[test]
fn with_fail_the_same_cursor_goes_on_later() {
    let world = World::one(
        Shape::new(Paging::Offset(Sizes { min: 1, max: 10 })),
        plain_rows(30),
    );
    let page = world.first(7, None).unwrap();
    let end = page.page_info.end.as_deref();
    world.sources[0].set_failing(Some(SourceErrorKind::Throttled));
    assert!(world.first(7, end).is_err());
    world.sources[0].set_failing(None);
    assert_eq!(ids(&world.first(7, end).unwrap()), world.expected()[7..14]);
}

fn tiers(count: usize, gold: impl Fn(usize) -> bool) -> Vec<Row> {
    let tier = |number| {
        if gold(number) {
            CustomerTier::Gold
        } else {
            CustomerTier::Bronze
        }
    };
    (0..count)
        .map(|number| {
            row(
                Kind::Shown,
                Customer {
                    tier: Some(tier(number)),
                    ..customer(number)
                },
            )
        })
        .collect()
}

fn golden(mut world: World) -> World {
    world.asked.sources[0].filter.tier = Some(vec![CustomerTier::Gold]);
    world
}

#[test]
fn a_filter_is_evaluated_checked_or_refused_and_scanned_if_asked() {
    let expected: Vec<String> = (0..300)
        .filter(|number| number % 7 == 0)
        .map(|number| customer(number).id.to_string())
        .collect();
    for paging in [
        Paging::Page(Sizes { min: 1, max: 50 }),
        Paging::Offset(Sizes { min: 1, max: 50 }),
        chain().paging,
        Paging::Keyset {
            sizes: Sizes { min: 1, max: 50 },
            before: true,
        },
        Paging::None,
    ] {
        for filtering in [
            Filtering::Evaluated,
            Filtering::Residual,
            Filtering::Refused,
        ] {
            let shape = Shape {
                filtering,
                total: TotalKind::Exact,
                ..Shape::new(paging)
            };
            let mut world = golden(World::one(shape, tiers(300, |number| number % 7 == 0)));
            world.asked.want.total = true;
            if filtering == Filtering::Refused {
                let error = world.first(5, None).map(|_| ());
                assert!(
                    matches!(error, Err(ConnectionError::FilterNotSupported { parts, .. }) if parts == ["tier:eq"])
                );
                assert_eq!(world.take_calls(), 0, "refused before any call");
                world.asked.unsupported = UnsupportedFilterPolicy::Scan;
            }
            let page = world.first(12, None).unwrap();
            assert_eq!(ids(&page), expected[..12], "{paging:?} {filtering:?}");
            let rest = world.first(100, page.page_info.end.as_deref()).unwrap();
            assert_eq!(ids(&rest), expected[12..], "{paging:?} {filtering:?}");
            assert!(!rest.page_info.has_next && page.page_info.has_next);
            if filtering != Filtering::Evaluated && paging != Paging::None {
                assert_eq!(page.total, None, "the source counts rows that are left out");
            }
        }
    }
}

#[test]
fn a_scan_that_finds_nothing_says_so_and_goes_on() {
    for paging in [
        Paging::Page(Sizes { min: 1, max: 20 }),
        Paging::Offset(Sizes { min: 1, max: 20 }),
        chain().paging,
    ] {
        let shape = Shape {
            filtering: Filtering::Residual,
            ..Shape::new(paging)
        };
        let limits = Limits {
            scan_pages: 3,
            ..Limits::default()
        };
        let rows = tiers(400, |number| number >= 398);
        let mut world = golden(World::with(vec![MemorySource::new(shape, rows)], limits));
        world.asked.unsupported = UnsupportedFilterPolicy::Scan;
        let mut after = None;
        let mut empty = 0;
        let page = loop {
            world.take_calls();
            let page = world.first(5, after.as_deref()).unwrap();
            assert!(world.take_calls() <= 4);
            if !page.edges.is_empty() {
                break page;
            }
            empty += 1;
            assert_eq!(page.reports[0].outcome, SourceOutcome::Truncated);
            assert!(page.page_info.has_next && page.page_info.start.is_none());
            assert!(!page.page_info.has_previous, "no row stands before");
            assert_ne!(page.page_info.end, after);
            after = page.page_info.end;
            assert!(after.is_some() && empty < 100);
        };
        assert!(empty >= 1);
        assert_eq!(ids(&page), ["c00398", "c00399"]);
        assert!(!page.page_info.has_next);
    }
}

#[test]
fn deleted_customers_are_left_out_shown_or_shown_alone() {
    use crate::model::DeletedFilter;
    let rows = (0..40).map(|number| {
        row(
            if number % 3 == 0 {
                Kind::Gone
            } else {
                Kind::Shown
            },
            customer(number),
        )
    });
    let mut world = World::one(
        Shape::new(Paging::Page(Sizes { min: 1, max: 10 })),
        rows.collect(),
    );
    for (deleted, count) in [
        (DeletedFilter::Exclude, 26),
        (DeletedFilter::Include, 40),
        (DeletedFilter::Only, 14),
    ] {
        world.asked.sources[0].filter.deleted = deleted;
        assert_eq!(
            world.first(100, None).unwrap().edges.len(),
            count,
            "{deleted:?}"
        );
    }
}

#[test]
fn a_depth_cap_is_its_own_error() {
    for paging in [
        Paging::Page(Sizes { min: 1, max: 10 }),
        Paging::Offset(Sizes { min: 1, max: 10 }),
    ] {
        let world = World::one(
            Shape {
                depth: Some(30),
                total: TotalKind::Exact,
                ..Shape::new(paging)
            },
            plain_rows(50),
        );
        let page = world.first(25, None).unwrap();
        let page = world.first(25, page.page_info.end.as_deref()).unwrap();
        assert_eq!(ids(&page), world.expected()[25..30]);
        assert!(page.page_info.has_next);
        assert_eq!(page.reports[0].outcome, SourceOutcome::Truncated);
        let deeper = world.first(25, page.page_info.end.as_deref()).map(|_| ());
        assert!(
            matches!(deeper, Err(ConnectionError::DepthLimit { .. })),
            "{deeper:?}"
        );
    }
}

#[test]
fn arguments_that_contradict_are_refused() {
    let world = World::one(Shape::new(Paging::None), plain_rows(3));
    let cursor = world.first(1, None).unwrap().page_info.end;
    let base = world.asked.clone();
    let refused = [
        Asked {
            first: Some(101),
            ..base.clone()
        },
        Asked {
            first: Some(-1),
            ..base.clone()
        },
        Asked {
            last: Some(-1),
            ..base.clone()
        },
        Asked {
            first: Some(1),
            last: Some(1),
            ..base.clone()
        },
        Asked {
            last: Some(1),
            after: cursor.clone(),
            ..base.clone()
        },
        Asked {
            first: Some(1),
            before: cursor.clone(),
            ..base.clone()
        },
        Asked {
            after: cursor.clone(),
            before: cursor.clone(),
            ..base.clone()
        },
    ];
    for asked in refused {
        assert!(matches!(
            world.connect(asked).map(|_| ()),
            Err(ConnectionError::InvalidInput(_))
        ));
    }
    assert_eq!(world.connect(base).unwrap().edges.len(), 3);
    let none = world.first(0, None).unwrap();
    assert!(none.edges.is_empty() && none.page_info.has_next && !none.page_info.has_previous);
    assert_eq!((none.page_info.start, none.page_info.end), (None, None));
}

#[test]
fn a_cursor_of_another_list_is_refused() {
    let world = World::one(Shape::new(Paging::None), plain_rows(3));
    let cursor = world.first(1, None).unwrap().page_info.end.unwrap();
    let with = |change: fn(&mut World)| {
        let mut other = World::one(Shape::new(Paging::None), plain_rows(3));
        change(&mut other);
        other.first(1, Some(&cursor)).map(|_| ())
    };
    assert_eq!(with(|_| ()), Ok(()), "the same list in another process");
    let mismatch = Err(ConnectionError::CursorMismatch);
    assert_eq!(
        with(|world| world.asked.sources[0].filter.email = Some("a@b.c".into())),
        mismatch
    );
    assert_eq!(
        with(|world| world.asked.unsupported = UnsupportedFilterPolicy::Scan),
        mismatch
    );
    let revised = World::one(
        Shape {
            revision: 2,
            ..Shape::new(Paging::None)
        },
        plain_rows(3),
    );
    assert_eq!(revised.first(1, Some(&cursor)).map(|_| ()), mismatch);
    let wider = World::new(
        (0..2)
            .map(|_| MemorySource::new(Shape::new(Paging::None), plain_rows(3)))
            .collect(),
    );
    assert_eq!(wider.first(1, Some(&cursor)).map(|_| ()), mismatch);
    assert_eq!(
        world.first(1, Some("nonsense")).map(|_| ()),
        Err(ConnectionError::InvalidCursor)
    );
}
