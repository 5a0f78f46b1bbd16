//! Budgets that end: what was read is shown, nothing is lost, and a cursor is always one that the gateway accepts.

use super::*;
use crate::model::{CustomerOrderField, CustomerTier, OrderDirection};
use crate::source::SourceErrorKind;
use crate::source::memory::{Filtering, Lie};

fn by_name() -> Option<Order> {
    Some(Order {
        field: CustomerOrderField::Name,
        direction: OrderDirection::Asc,
    })
}

/// A budget that ends before any row was read has no place to go on from: the error says so, and the cursor stays good.
#[test]
fn a_scan_that_cannot_get_on_is_its_own_error_and_loses_nothing() {
    let shape = Shape {
        filtering: Filtering::Residual,
        ..Shape::new(Paging::Token(chain(Some(Sizes { min: 1, max: 10 }))))
    };
    let rows = || plain_rows(30);
    let limits = |scan_pages| Limits {
        scan_pages,
        empty_pages: 50,
        ..Limits::default()
    };
    let with = |scan_pages, lie| {
        let shape = Shape {
            lie,
            ..shape.clone()
        };
        let source = MemorySource::new(shape, rows());
        let mut world = World::with(vec![source], limits(scan_pages));
        world.asked.unsupported = UnsupportedFilterPolicy::Scan;
        world.asked.sources[0].filter.email = Some("a@b.c".into());
        world
    };
    let honest = with(1, Lie::Honest);
    let end = honest.first(5, None).unwrap().page_info.end.unwrap();
    let stuck = with(4, Lie::EndlessEmpty);
    stuck.take_calls();
    let error = stuck.first(5, Some(&end)).map(|_| ());
    assert!(
        matches!(error, Err(ConnectionError::ScanLimit { .. })),
        "{error:?}"
    );
    assert!(stuck.take_calls() <= 5);
    // The same cursor goes on where it stood once the source shows rows again.
    let end = honest.first(5, Some(&end)).unwrap().page_info.end;
    assert!(end.is_some());
}

#[test]
fn a_source_that_would_have_to_be_read_whole_says_which_ceiling_stopped_it() {
    let shape = Shape {
        filtering: Filtering::Residual,
        ..Shape::new(Paging::Page(Sizes { min: 1, max: 10 }))
    };
    let limits = Limits {
        scan_pages: 3,
        ..Limits::default()
    };
    let source = || MemorySource::new(shape.clone(), plain_rows(200));
    let mut world = World::with(vec![source()], limits.clone());
    world.asked.order = by_name();
    world.asked.sources[0].filter.tier = Some(vec![CustomerTier::Gold]);
    let alone = world.first(5, None).map(|_| ());
    assert!(
        matches!(alone, Err(ConnectionError::ScanLimit { .. })),
        "{alone:?}"
    );
    let other = MemorySource::new(Shape::new(Paging::None), vec![]);
    let mut world = World::with(vec![source(), other], limits);
    world.asked.order = by_name();
    world.asked.sources[0].filter.tier = Some(vec![CustomerTier::Gold]);
    let page = world.first(5, None).unwrap();
    assert_eq!(page.reports[0].outcome, SourceOutcome::Unsupported);
    assert_eq!(page.reports[0].error, Some(ReportError::ScanLimit));
    assert_eq!(page.reports[1].outcome, SourceOutcome::Complete);
}

/// A list of 250 rows that says so takes three pages of 100, and one more perhaps for rows that came since.
#[test]
fn a_list_that_is_read_whole_is_not_read_past_its_end() {
    let shape = Shape {
        total: TotalKind::Exact,
        ..Shape::new(Paging::Page(Sizes { min: 1, max: 100 }))
    };
    let mut world = World::with(
        vec![MemorySource::new(shape, plain_rows(250))],
        Limits::default(),
    );
    world.asked.order = by_name();
    assert_eq!(world.first(5, None).unwrap().edges.len(), 5);
    let calls = world.take_calls();
    assert!((3..=4).contains(&calls), "{calls}");
}

/// One source that cannot order its list is treated as a merge of one.
#[test]
fn one_small_source_is_ordered_here_and_a_large_one_refused() {
    let shape = Shape {
        total: TotalKind::Exact,
        ..Shape::new(Paging::Page(Sizes { min: 1, max: 100 }))
    };
    let named = |number: usize| {
        let name = format!("{:03}", (number * 7) % 150);
        let made = Customer {
            name: Some(name.into()),
            ..customer(number)
        };
        row(Kind::Shown, made)
    };
    let limits = |whole_rows| Limits {
        whole_rows,
        ..Limits::default()
    };
    let world = |whole_rows| {
        let source = MemorySource::new(shape.clone(), (0..150).map(named));
        let mut world = World::with(vec![source], limits(whole_rows));
        world.asked.order = by_name();
        world
    };
    let small = world(150);
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let page = small.first(40, after.as_deref()).unwrap();
        assert_eq!(page.order, ConnectionOrder::Merged);
        let name = |edge: &Edge| edge.customer.name.clone().unwrap();
        names.extend(page.edges.iter().map(name));
        if !page.page_info.has_next {
            break;
        }
        after = page.page_info.end;
    }
    assert_eq!(names.len(), 150);
    assert!(names.is_sorted());
    let large = world(149);
    let refused = large.first(40, None).map(|_| ());
    assert!(
        matches!(refused, Err(ConnectionError::TooLong { most: 149, .. })),
        "{refused:?}"
    );
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("longer than the 149 customers"), "{said}");
    assert_eq!(large.take_calls(), 1, "its total told enough");
    let never = world(0);
    let refused = never.first(40, None).map(|_| ());
    assert!(matches!(
        refused,
        Err(ConnectionError::OrderNotSupported { .. })
    ));
    assert_eq!(never.take_calls(), 0, "refused before any call");
}

#[test]
fn a_refused_order_comes_with_those_that_are_served() {
    let shape = Shape {
        orders: vec![
            CustomerOrderField::Name,
            CustomerOrderField::CreatedAt,
            CustomerOrderField::UpdatedAt,
        ],
        hidden: vec![CustomerOrderField::UpdatedAt],
        ..Shape::new(Paging::Page(Sizes { min: 1, max: 100 }))
    };
    let said = |sources: usize, whole_rows, field| {
        let source = |_| {
            MemorySource::new(
                shape.clone(),
                (0..3).map(|number| row(Kind::Shown, customer(number))),
            )
        };
        let limits = Limits {
            whole_rows,
            ..Limits::default()
        };
        let mut world = World::with((0..sources).map(source).collect(), limits);
        world.asked.order = Some(Order {
            field,
            direction: OrderDirection::Asc,
        });
        match world.first(5, None).map(|_| ()) {
            Err(ConnectionError::OrderNotSupported { supported, .. }) => supported,
            other => unreachable!("{other:?}"),
        }
    };
    assert_eq!(
        said(1, 0, CustomerOrderField::Id),
        ["NAME", "CREATED_AT", "UPDATED_AT"]
    );
    assert_eq!(said(2, 0, CustomerOrderField::Name), ["CREATED_AT"]);
    let most = said(2, 10, CustomerOrderField::UpdatedAt);
    assert!(
        most.len() > 3 && !most.contains(&"UPDATED_AT".to_owned()),
        "{most:?}"
    );
}

/// The cursor's row, and many others of a list that the gateway ordered, go: the names that follow are the names that follow.
#[test]
fn a_list_ordered_here_goes_on_at_the_name() {
    let named = |number: usize| {
        let made = Customer {
            name: Some(format!("{number:03}").into()),
            ..customer(number)
        };
        row(Kind::Shown, made)
    };
    let mut world = World::one(Shape::new(Paging::None), (0..90).map(named).collect());
    world.asked.order = by_name();
    let end = world.first(50, None).unwrap().page_info.end.unwrap();
    for _ in 0..30 {
        world.sources[0].delete(25);
    }
    let next = world.first(3, Some(&end)).unwrap();
    assert_eq!(ids(&next), ["c00055", "c00056", "c00057"]);
    assert!(!next.drift_unresolved);
    let before = world.last(2, Some(&end)).unwrap();
    assert_eq!(ids(&before), ["c00023", "c00024"]);
}

/// Tokens that end in the middle of a window are replaced by those of a new chain from the start.
#[test]
fn tokens_that_expire_within_a_window_are_recovered_or_said() {
    let sizes = Some(Sizes { min: 1, max: 10 });
    let limits = |rescan_pages| Limits {
        rescan_pages,
        ..Limits::default()
    };
    for after_calls in 0..6 {
        let shape = Shape::new(Paging::Token(chain(sizes)));
        let source = MemorySource::new(shape, plain_rows(120));
        let world = World::with(vec![source], limits(8));
        let begin = world.first(5, None).unwrap().page_info.end;
        world.sources[0].expire_tokens_after(after_calls);
        let page = world.first(45, begin.as_deref()).unwrap();
        assert_eq!(ids(&page), world.expected()[5..50], "after {after_calls}");
        let next = world.first(9, page.page_info.end.as_deref()).unwrap();
        assert_eq!(ids(&next), world.expected()[50..59], "after {after_calls}");
    }
    let shape = Shape::new(Paging::Token(chain(sizes)));
    let world = World::with(vec![MemorySource::new(shape, plain_rows(120))], limits(1));
    world.sources[0].expire_tokens_after(2);
    let page = world.first(60, None).unwrap();
    assert_eq!(ids(&page), world.expected()[..20], "what was read is shown");
    assert!(page.page_info.has_next);
    assert_eq!(page.reports[0].outcome, SourceOutcome::Truncated);
    assert!(matches!(
        &page.reports[0].error,
        Some(ReportError::Source(error)) if error.kind == SourceErrorKind::CursorExpired
    ));
    assert_eq!(
        world.first(5, page.page_info.end.as_deref()).map(|_| ()),
        Err(ConnectionError::CursorExpired)
    );
}

/// Links may be longer than a cursor: then this process remembers them, and another one reads again from the start.
#[test]
fn a_cursor_is_never_one_that_is_refused_later() {
    let shape = Shape {
        token_padding: 400,
        own_size: 10,
        ..Shape::new(Paging::Link(chain(None)))
    };
    let limits = |remembered_positions| Limits {
        cursor_bytes: 256,
        remembered_positions,
        rescan_pages: 5,
        ..Limits::default()
    };
    for remembered in [1_000, 0] {
        let source = MemorySource::new(shape.clone(), plain_rows(120));
        let world = World::with(vec![source], limits(remembered));
        let page = world.first(33, None).unwrap();
        assert!(page.edges.iter().all(|edge| edge.cursor.len() <= 256));
        for (at, edge) in page.edges.iter().enumerate() {
            let next = world.first(4, Some(&edge.cursor)).unwrap();
            assert_eq!(ids(&next), world.expected()[at + 1..at + 5], "{remembered}");
        }
        let far = world.first(90, None).unwrap().page_info.end;
        let next = world.first(4, far.as_deref()).map(|page| ids(&page));
        if remembered > 0 {
            assert_eq!(next.unwrap(), world.expected()[90..94]);
        } else {
            assert_eq!(next, Err(ConnectionError::CursorExpired));
        }
    }
}

/// A merge asks no source for more than comes in one call until that ran out.
#[test]
fn a_merge_reads_on_only_where_its_rows_ran_out() {
    let order = Order {
        field: CustomerOrderField::Id,
        direction: OrderDirection::Asc,
    };
    let shape = Shape {
        orders: vec![order.field],
        ..Shape::new(Paging::Offset(Sizes { min: 1, max: 20 }))
    };
    // The ids of the first source all come before those of the second, and so on.
    let lists = apart((0..4).map(|_| plain_rows(200)).collect());
    let sources = lists
        .into_iter()
        .map(|rows| MemorySource::new(shape.clone(), rows));
    let mut world = World::new(sources.collect());
    world.asked.order = Some(order);
    let page = world.first(100, None).unwrap();
    assert_eq!(ids(&page), world.expected()[..100]);
    let calls: Vec<u32> = page
        .reports
        .iter()
        .map(|report| report.upstream_calls)
        .collect();
    assert_eq!(calls[1..], [1, 1, 1]);
    assert!(calls[0] <= 7, "{calls:?}");
}

/// Nobody says how many rows there are, so the end is read to, where that is near.
#[test]
fn the_end_of_a_numbered_list_without_a_total_is_found_where_it_is_near() {
    let sizes = Sizes { min: 1, max: 10 };
    for paging in [Paging::Page(sizes), Paging::Offset(sizes)] {
        for (count, near) in [(30, true), (200, false)] {
            let limits = Limits {
                rescan_pages: 5,
                ..Limits::default()
            };
            let source = MemorySource::new(Shape::new(paging), plain_rows(count));
            let world = World::with(vec![source], limits);
            match world.last(3, None) {
                Ok(page) => assert_eq!(ids(&page), world.expected()[count - 3..]),
                Err(error) => {
                    let expected = matches!(error, ConnectionError::BackwardNotSupported { .. });
                    assert!(expected && !near, "{paging:?}: {error:?}");
                }
            }
            assert!(world.take_calls() <= 6, "{paging:?}");
        }
    }
}

/// Ids that one CRM compares as numbers and another as texts stand in no one order, unless the gateway makes it.
#[test]
fn ids_that_are_compared_as_numbers_are_merged_only_where_lists_are_read_whole() {
    for (numeric_ids, whole_rows, is_served) in
        [(false, 0, true), (true, 0, false), (true, 100, true)]
    {
        let shape = Shape {
            orders: vec![CustomerOrderField::Id],
            numeric_ids,
            ..Shape::new(Paging::Offset(Sizes { min: 1, max: 50 }))
        };
        let limits = Limits {
            whole_rows,
            ..Limits::default()
        };
        let source = || MemorySource::new(shape.clone(), plain_rows(12));
        let mut world = World::with(vec![source(), source()], limits);
        world.asked.order = Some(Order {
            field: CustomerOrderField::Id,
            direction: OrderDirection::Asc,
        });
        let served = world.first(30, None).map(|page| page.edges.len());
        assert_eq!(served.ok(), is_served.then_some(24), "{whole_rows}");
    }
}
