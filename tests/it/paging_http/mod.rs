//! The promises of paging, held over real HTTP: a small CRM for every paging style, an adapter file for it, and the
//! connector in front. Cases come from proptest; `PROPTEST_CASES` runs more of them.
//!
//! The same promises are held over sources in memory, where thousands of cases cost nothing, by `src/connection/tests`
//! (`…` below). What each number means:
//!
//! | # | Promise | Tests |
//! |---|---|---|
//! | 1 | a forward walk with any sizes is the list | `walks_and_windows_are_slices_of_the_list`, `…forward::a_forward_walk_is_the_list` |
//! | 2 | a backward walk with any sizes is the list | `walks_and_windows_are_slices_of_the_list`, `…backward::a_backward_walk_is_the_list` |
//! | 3 | every cursor works in both directions | `walks_and_windows_are_slices_of_the_list`, `…backward::any_cursor_works_both_ways` |
//! | 4 | `hasNextPage` and `hasPreviousPage` are true to the facts | `walks_and_windows_are_slices_of_the_list`, `…forward::*`, `…backward::*` |
//! | 5 | `startCursor` and `endCursor` are those of the edges | `walks_and_windows_are_slices_of_the_list`, `…forward::a_forward_walk_is_the_list` |
//! | 6 | calls are few, sizes within bounds | `costs::calls_are_as_few_as_the_readme_says`, `…bounds::a_window_costs_few_calls`, `…bounds::nothing_is_asked_that_the_plan_forbids` |
//! | 7 | lies cost bounded calls and end in a coded error | `costs::lies_end_in_an_error`, `…liars::a_lie_costs_a_bounded_number_of_calls` |
//! | 8 | cursors come back as they went; no other text is one | `paging::a_cursor_is_good_for_its_list_alone`, `…cursor::tests::*`, `…liars::a_cursor_of_another_list_is_refused` |
//! | 9 | the same cursor gives the same page, in any process | `walks_and_windows_are_slices_of_the_list`, `…forward::any_cursor_goes_on_where_it_stands` |
//! | 10 | rows that stay are shown once while others come and go | `rows_that_stay_are_shown_once`, `…drift::rows_that_stay_are_shown_once`, `…keys::the_place_of_a_key_is_found_whatever_came_or_went` |
//! | 11 | a merge is sorted and holds each source's list | `a_merge_is_sorted_and_whole`, `…merged::a_merged_walk_is_sorted_and_whole` |
//! | 12 | a failed source is named and hides no other's rows; nothing is lost on retry | `a_failed_source_hides_no_other`, `…merged::a_failed_source_stays_out_of_a_merge` |
//! | 13 | `totalCount` is exact or null | `walks_and_windows_are_slices_of_the_list`, `…forward::a_total_is_exact_or_absent` |
//! | 14 | what is written is read; odd records shift nothing | `mutations::*`, `odd_data::*`, `engine::writes::*`; positions: the unreadable rows of `…forward` and `…backward` |

mod costs;
mod small;
mod world;

use crmql::connection::ConnectionError;
use crmql::model::{CustomerOrderField, Order, OrderDirection, SourceFailurePolicy, SourceOutcome};
use crmql::source::SourceErrorKind;
use proptest::prelude::*;
use small::{Habits, Past, STYLES, Style, habits, row_id, rows};
use std::collections::{BTreeSet, HashMap};
use world::{World, connector, ids, operation, wait};

/// Fewer cases than in memory, as each costs hundreds of calls; in the same proportion where more are asked for.
fn cases() -> ProptestConfig {
    let all = ProptestConfig::default();
    ProptestConfig {
        cases: (all.cases / 8).max(1),
        ..all
    }
}

fn habit() -> impl Strategy<Value = Habits> {
    (
        proptest::sample::select(&STYLES[..]),
        any::<[bool; 2]>(),
        proptest::sample::select(&[Past::Empty, Past::Refused, Past::Clamped][..]),
    )
        .prop_map(|(style, [total, sorts], past)| Habits {
            total,
            past,
            sorts,
            ..habits(style)
        })
}

fn failed(error: &ConnectionError) -> TestCaseError {
    TestCaseError::fail(format!("{error:?}"))
}

/// One walk in one direction, each page held against the list.
async fn walked(
    world: &World,
    forward: bool,
    sizes: &[usize],
) -> Result<Vec<(usize, String)>, TestCaseError> {
    let list = world.list();
    let mut cursors = Vec::new();
    let mut done = 0;
    let mut cursor: Option<String> = None;
    for size in sizes.iter().copied().cycle().take(list.len() + 2) {
        let asked = world.asked_for(forward, size, cursor.as_deref());
        let page = world
            .ask(asked.clone())
            .await
            .map_err(|error| failed(&error))?;
        let got = ids(&page);
        prop_assert!(got.len() <= size);
        let begin = if forward {
            done
        } else {
            list.len() - done - got.len()
        };
        prop_assert_eq!(&got[..], &list[begin..begin + got.len()]);
        prop_assert_eq!(
            page.page_info.start.as_ref(),
            page.edges.first().map(|edge| &edge.cursor)
        );
        prop_assert_eq!(
            page.page_info.end.as_ref(),
            page.edges.last().map(|edge| &edge.cursor)
        );
        prop_assert!(!page.drift_unresolved);
        let again = connector().connect(asked, &operation()).await;
        // Another process, which remembers nothing, may not know the way back.
        if forward {
            let again = again.map_err(|error| failed(&error))?;
            prop_assert_eq!(ids(&again), got.clone());
            prop_assert_eq!(&again.page_info, &page.page_info);
        }
        done += got.len();
        let (more, came) = match forward {
            true => (page.page_info.has_next, page.page_info.has_previous),
            false => (page.page_info.has_previous, page.page_info.has_next),
        };
        prop_assert_eq!(more, done < list.len(), "after {} of {}", done, list.len());
        prop_assert_eq!(came, done > got.len());
        cursors.extend(
            page.edges
                .into_iter()
                .zip(begin..)
                .map(|(edge, at)| (at, edge.cursor)),
        );
        if !more {
            break;
        }
        cursor = if forward {
            page.page_info.end
        } else {
            page.page_info.start
        };
    }
    prop_assert_eq!(done, list.len());
    Ok(cursors)
}

proptest! {
    #![proptest_config(cases())]

    /// Promises 1, 2, 3, 4, 5, 9 and 13.
    #[test]
    fn walks_and_windows_are_slices_of_the_list(
        listed in proptest::collection::vec((habit(), 0usize..70), 1..3),
        sizes in proptest::collection::vec(1usize..40, 1..4),
        turns in proptest::collection::vec((any::<prop::sample::Index>(), 1usize..40, any::<bool>()), 1..5),
    ) {
        wait(async {
            let mut begin = 0;
            let listed: Vec<_> = listed.into_iter().map(|(habits, count)| {
                begin += 100_000;
                (habits, rows(count, begin))
            }).collect();
            let world = World::new(&listed).await;
            let list = world.list();
            let mut cursors = walked(&world, true, &sizes).await?;
            cursors.extend(walked(&world, false, &sizes).await?);
            for (at, rows, forward) in turns {
                if cursors.is_empty() {
                    break;
                }
                let (at, cursor) = cursors[at.index(cursors.len())].clone();
                let page = world.window(forward, rows, Some(&cursor)).await.map_err(|error| failed(&error))?;
                let expected = if forward { &list[at + 1..(at + 1 + rows).min(list.len())] } else { &list[at.saturating_sub(rows)..at] };
                prop_assert_eq!(ids(&page), expected);
            }
            let mut asked = world.asked_for(true, sizes[0], None);
            asked.want.total = true;
            let page = world.ask(asked).await.map_err(|error| failed(&error))?;
            prop_assert!(page.total.is_none_or(|total| total == list.len() as u64));
            let all_tell = listed.iter().all(|(habits, _)| habits.total);
            prop_assert!(page.total.is_some() || !all_tell);
            Ok(())
        })?;
    }

    /// Promise 10: rows come and go between any two calls, by ones and by dozens.
    #[test]
    fn rows_that_stay_are_shown_once(
        habits in habit(),
        // The end of a list of 140 rows in pages of seven is within `rescan_pages`.
        count in 1usize..=140,
        size in 1usize..31,
        forward in any::<bool>(),
        steps in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..3, any::<bool>()), 1..12),
        dozens in any::<bool>(),
    ) {
        wait(async {
            // Without an order, more rows than the anchors span cannot be followed; that is said, and tested elsewhere.
            let habits = Habits { sorts: habits.sorts || dozens, ..habits };
            let world = World::one(habits, count).await;
            let mut stayed: BTreeSet<String> = world.list().into_iter().collect();
            let mut seen: HashMap<String, usize> = HashMap::new();
            let mut cursor: Option<String> = None;
            let mut fresh = 0;
            let mut ended = false;
            for (at, many, insert) in steps.iter().cycle().take(200) {
                let page = world.window(forward, size, cursor.as_deref()).await.map_err(|error| failed(&error))?;
                if page.drift_unresolved {
                    prop_assert!(habits.style == Style::TokenBack && !forward, "{:?}", habits);
                    return Ok(());
                }
                for id in ids(&page) {
                    *seen.entry(id).or_default() += 1;
                }
                let info = page.page_info;
                if !(if forward { info.has_next } else { info.has_previous }) {
                    ended = true;
                    break;
                }
                cursor = if forward { info.end } else { info.start };
                let mut rows = world.rows[0].lock().unwrap();
                let begin = at.index(rows.len() + 1);
                for _ in 0..(if dozens { many * 12 } else { *many }) {
                    if *insert {
                        fresh = (fresh + 1) % 99;
                        let after = rows.get(begin).map_or(50, |id| id.parse().unwrap());
                        rows.push(row_id(after / 100 * 100 + 1 + fresh));
                    } else if begin < rows.len() {
                        rows.remove(begin);
                    }
                }
                rows.sort();
                rows.dedup();
                let now: BTreeSet<String> = rows.iter().cloned().collect();
                stayed = stayed.intersection(&now).cloned().collect();
            }
            let twice: Vec<_> = seen.iter().filter(|(id, times)| **times > 1 && stayed.contains(*id)).collect();
            prop_assert!(twice.is_empty(), "twice: {:?}", twice);
            let lost: Vec<_> = stayed.iter().filter(|id| !seen.contains_key(*id)).collect();
            prop_assert!(!ended || lost.is_empty(), "lost {:?}", lost);
            Ok(())
        })?;
    }

    /// Promise 11, and 6 of merges: one to five sources, those that order their lists and those that do not.
    #[test]
    fn a_merge_is_sorted_and_whole(
        listed in proptest::collection::vec((habit(), 0usize..40), 1..=5),
        sizes in proptest::collection::vec(1usize..40, 1..4),
        down in any::<bool>(),
    ) {
        wait(async {
            let listed: Vec<_> = listed.into_iter().enumerate().map(|(rank, (habits, count))| (habits, rows(count, 100 + rank))).collect();
            let mut world = World::new(&listed).await;
            let direction = if down { OrderDirection::Desc } else { OrderDirection::Asc };
            world.asked.order = Some(Order { field: CustomerOrderField::Id, direction });
            let mut expected = world.list();
            expected.sort();
            if down {
                expected.reverse();
            }
            let mut seen: Vec<String> = Vec::new();
            let mut cursor: Option<String> = None;
            for size in sizes.iter().copied().cycle().take(expected.len() + 2) {
                world.calls();
                let page = world.window(true, size, cursor.as_deref()).await.map_err(|error| failed(&error))?;
                let whole = 40usize.div_ceil(7) + 2;
                let pieces = (size + 2).div_ceil(7) + 3;
                prop_assert!(world.calls() <= listed.len() * (whole + pieces));
                let got = ids(&page);
                prop_assert_eq!(&got[..], &expected[seen.len()..seen.len() + got.len()]);
                let before = world.window(false, size, page.page_info.start.as_deref()).await;
                if let (Ok(before), false) = (before, got.is_empty()) {
                    let begin = seen.len().saturating_sub(size);
                    prop_assert_eq!(ids(&before), &expected[begin..seen.len()]);
                }
                seen.extend(got);
                prop_assert_eq!(page.page_info.has_next, seen.len() < expected.len());
                if !page.page_info.has_next {
                    break;
                }
                cursor = page.page_info.end;
            }
            prop_assert_eq!(seen, expected);
            Ok(())
        })?;
    }

    /// Promise 12, grouped.
    #[test]
    fn a_failed_source_hides_no_other(
        styles in proptest::collection::vec(habit(), 2..=4),
        failing in any::<prop::sample::Index>(),
        size in 1usize..30,
    ) {
        wait(async {
            let listed: Vec<_> = styles.into_iter().enumerate().map(|(rank, habits)| (habits, rows(15, 100_000 * rank + 100))).collect();
            let mut world = World::new(&listed).await;
            let failing = failing.index(listed.len());
            world.failing.lock().unwrap().insert(failing);
            let whole = world.window(true, 100, None).await.map(|_| ());
            let named = matches!(&whole, Err(ConnectionError::Source { error, .. }) if error.kind == SourceErrorKind::Unavailable);
            prop_assert!(named, "{:?}", whole);
            world.asked.on_failure = SourceFailurePolicy::Skip;
            let (mut seen, mut cursor) = (Vec::new(), None);
            let mut named = false;
            loop {
                let page = world.window(true, size, cursor.as_deref()).await.map_err(|error| failed(&error))?;
                if page.reports[failing].outcome == SourceOutcome::Failed {
                    // It is healthy again, and stays out of this traversal.
                    named = true;
                    world.failing.lock().unwrap().clear();
                }
                seen.extend(ids(&page));
                if !page.page_info.has_next {
                    break;
                }
                cursor = page.page_info.end;
            }
            let healthy = world.rows.iter().enumerate().filter(|(rank, _)| *rank != failing);
            let healthy: Vec<String> = healthy.flat_map(|(_, rows)| rows.lock().unwrap().clone()).collect();
            prop_assert!(named);
            prop_assert_eq!(seen, healthy);
            Ok(())
        })?;
    }
}

/// Promise 3, cursor by cursor: a row's place is the same whichever way its page was read.
#[test]
fn every_cursor_of_either_walk_leads_both_ways() {
    for style in STYLES {
        wait(async {
            let plain = Habits {
                total: false,
                ..habits(style)
            };
            let world = World::one(plain, 42).await;
            let list = world.list();
            let mut cursors = walked(&world, true, &[6]).await?;
            cursors.extend(walked(&world, false, &[6]).await?);
            for (at, cursor) in cursors {
                let window = async |forward| {
                    let page = world.window(forward, 1, Some(&cursor)).await;
                    page.map(|page| ids(&page)).map_err(|error| failed(&error))
                };
                let after = list.get(at + 1).into_iter().cloned().collect::<Vec<_>>();
                prop_assert_eq!(window(true).await?, after, "{:?}: after {}", style, at);
                let before = list.get(..at).and_then(|list| list.last());
                let before = before.into_iter().cloned().collect::<Vec<_>>();
                prop_assert_eq!(window(false).await?, before, "{:?}: before {}", style, at);
            }
            Ok(())
        })
        .unwrap();
    }
}
