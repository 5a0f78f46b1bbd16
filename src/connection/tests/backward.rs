//! Backward: the same list from its end, or a refusal; never another slice.

use super::forward::walk_forward;
use super::*;

proptest! {
    /// Invariant 2, and 4 for `last`: pages put before one another are the list, or it is refused.
    #[test]
    fn a_backward_walk_is_the_list(world in world(3), sizes in proptest::collection::vec(1usize..40, 1..6)) {
        let expected = world.expected();
        let mut seen: Vec<Edge> = Vec::new();
        let mut before: Option<String> = None;
        for size in sizes.iter().copied().cycle().take(expected.len() + 5) {
            let page = match world.last(size, before.as_deref()) {
                Ok(page) => page,
                Err(ConnectionError::BackwardNotSupported { .. }) => return Ok(()),
                Err(error) => return Err(TestCaseError::fail(format!("{error:?}"))),
            };
            let left = expected.len() - seen.len();
            let got = ids(&page);
            prop_assert!(got.len() <= size && got.len() <= left, "{got:?}");
            prop_assert_eq!(&got[..], &expected[left - got.len()..left]);
            prop_assert_eq!(page.page_info.start.as_ref(), page.edges.first().map(|edge| &edge.cursor));
            prop_assert_eq!(page.page_info.end.as_ref(), page.edges.last().map(|edge| &edge.cursor));
            prop_assert!(page.page_info.has_previous || left == got.len());
            prop_assert!(!world.shows_all() || page.page_info.has_previous == (got.len() < left));
            prop_assert_eq!(page.page_info.has_next, !seen.is_empty());
            seen.splice(0..0, page.edges);
            if !page.page_info.has_previous {
                break;
            }
            before = seen.first().map(|edge| edge.cursor.clone());
        }
        prop_assert_eq!(seen.len(), expected.len());
    }

    /// Invariant 3: every cursor works in both directions, wherever it came from.
    #[test]
    fn any_cursor_works_both_ways(world in world(2), size in 1usize..30, turns in proptest::collection::vec((any::<prop::sample::Index>(), 1usize..40, any::<bool>()), 1..8)) {
        let expected = world.expected();
        let mut known: Vec<(usize, String)> = walk_forward(&world, &[size], false)?.into_iter().map(|edge| edge.cursor).enumerate().collect();
        for (at, rows, forward) in turns {
            if known.is_empty() {
                break;
            }
            let (at, cursor) = known[at.index(known.len())].clone();
            let (page, begin) = if forward {
                let page = world.first(rows, Some(&cursor)).map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
                (page, at + 1)
            } else {
                match world.last(rows, Some(&cursor)) {
                    Ok(page) => {
                        let begin = at.checked_sub(page.edges.len());
                        prop_assert!(begin.is_some(), "{at} {:?}", ids(&page));
                        (page, begin.unwrap())
                    }
                    Err(ConnectionError::BackwardNotSupported { .. }) => continue,
                    Err(error) => return Err(TestCaseError::fail(format!("{error:?}"))),
                }
            };
            let got = ids(&page);
            prop_assert_eq!(&got[..], &expected[begin..begin + got.len()], "from {} forward {}", at, forward);
            prop_assert!(!got.is_empty() || (forward && at + 1 == expected.len()) || (!forward && at == 0));
            known.extend(page.edges.into_iter().enumerate().map(|(index, edge)| (begin + index, edge.cursor)));
        }
    }
}
