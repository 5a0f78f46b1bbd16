//! Forward: the whole list, each row once, in order, whatever the sizes, the style and the habits of the source.

use super::*;

/// Walks to the end with these page sizes over and over; every page is held against the list.
pub(super) fn walk_forward(
    world: &World,
    sizes: &[usize],
    exact: bool,
) -> Result<Vec<Edge>, TestCaseError> {
    let expected = world.expected();
    let mut seen: Vec<Edge> = Vec::new();
    let mut after: Option<String> = None;
    for size in sizes.iter().copied().cycle().take(expected.len() + 5) {
        let page = world
            .first(size, after.as_deref())
            .map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
        let so_far = seen.len();
        let got = ids(&page);
        prop_assert!(got.len() <= size);
        prop_assert_eq!(
            &got[..],
            expected.get(so_far..so_far + got.len()).unwrap_or_default()
        );
        prop_assert_eq!(
            page.page_info.start.as_ref(),
            page.edges.first().map(|edge| &edge.cursor)
        );
        prop_assert_eq!(
            page.page_info.end.as_ref(),
            page.edges.last().map(|edge| &edge.cursor)
        );
        let follows = so_far + got.len() < expected.len();
        if !page.page_info.has_next || exact {
            prop_assert_eq!(
                page.page_info.has_next,
                follows,
                "hasNextPage after {} of {}",
                so_far + got.len(),
                expected.len()
            );
        }
        prop_assert_eq!(page.page_info.has_previous, so_far > 0);
        prop_assert!(!page.drift_unresolved);
        seen.extend(page.edges);
        if !page.page_info.has_next {
            break;
        }
        after = seen.last().map(|edge| edge.cursor.clone());
    }
    let got: Vec<String> = seen
        .iter()
        .map(|edge| edge.customer.id.to_string())
        .collect();
    prop_assert_eq!(got, expected);
    Ok(seen)
}

proptest! {
    /// Invariants 1, 4, 5: any sizes, one to three sources, every style.
    #[test]
    fn a_forward_walk_is_the_list(world in world(3), sizes in proptest::collection::vec(1usize..40, 1..6)) {
        walk_forward(&world, &sizes, world.shows_all())?;
    }

    /// Invariants 3, 9: from any cursor ever handed out, exactly the rows that follow, and the same each time.
    #[test]
    fn any_cursor_goes_on_where_it_stands(world in world(2), size in 1usize..30, picks in proptest::collection::vec((any::<prop::sample::Index>(), 1usize..50), 1..6)) {
        let expected = world.expected();
        let edges = walk_forward(&world, &[size], false)?;
        for (at, rows) in picks {
            if edges.is_empty() {
                break;
            }
            let at = at.index(edges.len());
            let page = world.first(rows, Some(&edges[at].cursor)).unwrap();
            let got = ids(&page);
            let rest = &expected[at + 1..];
            prop_assert_eq!(&got[..], &rest[..got.len()]);
            prop_assert!(!got.is_empty() || rest.is_empty());
            let again = world.first(rows, Some(&edges[at].cursor)).unwrap();
            prop_assert_eq!(got, ids(&again));
            prop_assert_eq!(page.page_info, again.page_info);
        }
    }

    /// Invariant 13.
    #[test]
    fn a_total_is_exact_or_absent(world in world(3), size in prop_oneof![0usize..30, Just(100)]) {
        let mut asked = world.asked.clone();
        asked.want.total = true;
        asked.first = i32::try_from(size).ok();
        let page = world.connect(asked).unwrap();
        let gone = |source: &MemorySource| source.rows().iter().any(|row| matches!(row, Row::Gone { .. }));
        let counts = |asked: &AskedSource| {
            let plan = asked.entry.source.plan(&asked.filter, None).unwrap();
            matches!(plan.total, TotalKind::Exact | TotalKind::Capped(_))
        };
        // A source whose total counts deleted rows must not call it exact.
        if world.sources.iter().zip(&world.asked.sources).any(|(source, asked)| counts(asked) && gone(source)) {
            return Ok(());
        }
        if let Some(total) = page.total {
            let rows = world.sources.iter().flat_map(|source| source.rows());
            prop_assert_eq!(total, rows.filter(|row| !matches!(row, Row::Gone { .. })).count() as u64);
        }
    }
}
