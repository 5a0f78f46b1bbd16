//! Rows that come and go between two pages: those that stay are shown once, and none hides another.

use super::*;
use crate::connection::drift::{Located, Proof, Traces, locate};
use crate::source::SourceErrorKind;
use std::collections::{BTreeSet, HashMap};

#[derive(Clone, Debug)]
enum Move {
    Insert(prop::sample::Index),
    Delete(prop::sample::Index),
    Newest,
}

fn moves() -> impl Strategy<Value = Vec<Vec<Move>>> {
    let one = prop_oneof![
        any::<prop::sample::Index>().prop_map(Move::Insert),
        any::<prop::sample::Index>().prop_map(Move::Delete),
        Just(Move::Newest),
    ];
    proptest::collection::vec(proptest::collection::vec(one, 0..3), 1..20)
}

/// Styles whose places move, and styles whose places stand by rows.
fn shifting() -> impl Strategy<Value = Shape> {
    (10u32..100).prop_flat_map(shifting_within)
}

fn every_style(max: u32) -> [Paging; 9] {
    let sizes = Sizes { min: 1, max };
    let walk = chain(Some(sizes));
    let numbered = Walk {
        anchored: false,
        ..walk
    };
    [
        Paging::Page(sizes),
        Paging::Offset(sizes),
        Paging::Token(walk),
        Paging::Token(numbered),
        Paging::Link(Walk {
            sizes: None,
            prev: true,
            ..numbered
        }),
        Paging::Link(Walk { prev: true, ..walk }),
        Paging::Link(Walk {
            sizes: None,
            ..walk
        }),
        Paging::Keyset {
            sizes,
            before: true,
        },
        Paging::None,
    ]
}

fn shifting_within(max: u32) -> impl Strategy<Value = Shape> {
    let paging = proptest::sample::select(every_style(max).to_vec());
    (paging, any::<bool>(), 5u32..30).prop_map(|(paging, total, own_size)| Shape {
        total: if total {
            TotalKind::Exact
        } else {
            TotalKind::None
        },
        own_size,
        ..Shape::new(paging)
    })
}

fn change(source: &MemorySource, step: &Move, fresh: &mut usize) {
    let count = source.rows().len();
    match step {
        Move::Insert(at) => {
            *fresh += 1;
            source.insert(at.index(count + 1), row(Kind::Shown, customer(*fresh)));
        }
        Move::Newest => {
            *fresh += 1;
            source.insert(0, row(Kind::Shown, customer(*fresh)));
        }
        Move::Delete(at) if count > 0 => source.delete(at.index(count)),
        Move::Delete(_) => {}
    }
}

proptest! {
    /// Invariant 10.
    #[test]
    fn rows_that_stay_are_shown_once(shape in shifting(), count in 0usize..120, size in 1usize..31, moves in moves(), forward in any::<bool>()) {
        let world = World::one(shape.clone(), plain_rows(count));
        let source = &world.sources[0];
        let mut stayed: BTreeSet<String> = world.expected().into_iter().collect();
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut cursor: Option<String> = None;
        let mut fresh = 10_000;
        // Where a row comes in ahead for every row read, a walk never ends; it can only be cut off then.
        let mut ended = false;
        for step in moves.iter().cycle().take(200) {
            world.take_calls();
            let page = world.beyond(cursor.as_deref(), size, forward);
            let page = match page {
                Ok(page) => page,
                Err(ConnectionError::BackwardNotSupported { .. }) => return Ok(()),
                Err(error) => return Err(TestCaseError::fail(format!("{error:?}"))),
            };
            let indexed = matches!(shape.paging, Paging::Page(_) | Paging::Offset(_));
            if indexed && forward {
                let calls = world.take_calls();
                prop_assert!(calls <= 2 + 3, "{calls} calls");
            }
            for id in ids(&page) {
                *seen.entry(id).or_default() += 1;
            }
            let more = if forward { page.page_info.has_next } else { page.page_info.has_previous };
            // At most two rows go between two pages, so one of the three anchors is always left. Only a page that is
            // known by its end, as the source told it, may begin with a row that has no others before it.
            let told = matches!(shape.paging, Paging::Link(walk) if walk.prev);
            prop_assert!(!page.drift_unresolved || (told && !forward));
            if page.drift_unresolved {
                return Ok(());
            }
            if !more {
                ended = true;
                break;
            }
            cursor = if forward { page.page_info.end } else { page.page_info.start };
            for one in step {
                change(source, one, &mut fresh);
            }
            let now: BTreeSet<String> = world.expected().into_iter().collect();
            stayed = stayed.intersection(&now).cloned().collect();
        }
        prop_assert!(seen.values().all(|times| *times == 1), "twice: {:?}", seen.iter().filter(|(_, times)| **times > 1).collect::<Vec<_>>());
        let lost: Vec<&String> = stayed.iter().filter(|id| !seen.contains_key(*id)).collect();
        prop_assert!(!ended || lost.is_empty(), "lost {lost:?}");
    }
}

/// Newest first, two new and two gone per page: index cursors alone would show twenty rows twice.
#[test]
fn a_shift_within_the_slack_costs_no_call() {
    for paging in [
        Paging::Page(Sizes { min: 1, max: 100 }),
        Paging::Offset(Sizes { min: 1, max: 100 }),
    ] {
        let world = World::one(
            Shape {
                total: TotalKind::Exact,
                ..Shape::new(paging)
            },
            plain_rows(400),
        );
        let mut seen = Vec::new();
        let mut after = None;
        let mut fresh = 10_000;
        loop {
            world.take_calls();
            let page = world.first(20, after.as_deref()).unwrap();
            assert_eq!(world.take_calls(), 1);
            seen.extend(ids(&page));
            if !page.page_info.has_next {
                break;
            }
            after = page.page_info.end;
            change(&world.sources[0], &Move::Newest, &mut fresh);
            change(&world.sources[0], &Move::Newest, &mut fresh);
        }
        assert_eq!(seen.len(), 400, "{paging:?}");
    }
}

/// Nobody knows what these lists are ordered by; a page of new rows before the row of the cursor is looked behind for it.
#[test]
fn a_row_is_not_taken_for_gone_because_many_came_before_it() {
    for paging in every_style(40) {
        let shape = Shape::new(paging);
        for (at, forward) in [0, 1, 2, 7]
            .into_iter()
            .flat_map(|at| [(at, true), (at, false)])
        {
            let world = World::one(shape.clone(), plain_rows(60));
            let page = world.first(10, None).unwrap();
            let cursor = page.edges[at].cursor.clone();
            for fresh in 0..30 {
                world.sources[0].insert(at, row(Kind::Shown, customer(10_000 + fresh)));
            }
            let list = world.expected();
            let page = match forward {
                true => world.first(3, Some(&cursor)).unwrap(),
                false => world.last(3, Some(&cursor)).unwrap(),
            };
            let place = at + 30;
            let expected = match forward {
                true => &list[place + 1..place + 4],
                false => &list[place - 3..place],
            };
            assert_eq!(
                ids(&page),
                expected,
                "{paging:?}, row {at}, forward {forward}"
            );
            assert!(!page.drift_unresolved);
        }
    }
}

#[test]
fn an_expired_token_is_recovered_near_the_start_and_refused_far_from_it() {
    let sizes = Some(Sizes { min: 1, max: 10 });
    let shape = Shape::new(Paging::Token(chain(sizes)));
    let limits = Limits {
        rescan_pages: 5,
        ..Limits::default()
    };
    let world = World::with(vec![MemorySource::new(shape, plain_rows(200))], limits);
    let near = world.first(33, None).unwrap().page_info.end;
    let far = world.first(90, None).unwrap().page_info.end;
    world.sources[0].expire_tokens();
    assert_eq!(
        ids(&world.first(5, near.as_deref()).unwrap()),
        world.expected()[33..38]
    );
    assert_eq!(
        world.first(5, far.as_deref()).map(|_| ()),
        Err(ConnectionError::CursorExpired)
    );
    world.sources[0].set_failing(Some(SourceErrorKind::Rejected));
    assert!(world.first(5, near.as_deref()).is_err());
}

/// Looking for a row that moved stays within what the source lets anybody read, and reads what it does let.
#[test]
fn a_row_that_moved_near_the_depth_limit_is_found() {
    let shape = Shape {
        depth: Some(100),
        ..Shape::new(Paging::Offset(Sizes { min: 1, max: 20 }))
    };
    let world = World::one(shape, plain_rows(500));
    let page = world.first(80, None).unwrap();
    let end = page.page_info.end.unwrap();
    for _ in 0..4 {
        world.sources[0].delete(0);
    }
    let next = world.first(20, Some(&end)).unwrap();
    assert_eq!(ids(&next), world.expected()[76..96]);
    assert!(!next.drift_unresolved);
}

/// So many rows went that nothing stands where the row of the cursor did: it is looked for before that place.
#[test]
fn a_row_that_moved_behind_the_end_is_found() {
    for paging in [
        Paging::Page(Sizes { min: 1, max: 100 }),
        Paging::Offset(Sizes { min: 1, max: 100 }),
    ] {
        let world = World::one(Shape::new(paging), plain_rows(100));
        let page = world.first(96, None).unwrap();
        let end = page.page_info.end.unwrap();
        for _ in 0..9 {
            world.sources[0].delete(0);
        }
        let next = world.first(20, Some(&end)).unwrap();
        assert_eq!(ids(&next), world.expected()[87..], "{paging:?}");
        assert!(!next.drift_unresolved);
    }
}

/// The row a reader stopped at is changed and goes to the end of the list: those between are not passed over.
#[test]
fn a_row_that_moved_ahead_of_its_reader_takes_no_others_along() {
    for paging in every_style(20) {
        let world = World::one(Shape::new(paging), plain_rows(39));
        let page = world.first(20, None).unwrap();
        let end = page.page_info.end.unwrap();
        let moved = world.sources[0].rows()[19].clone();
        world.sources[0].delete(19);
        world.sources[0].insert(38, moved);
        let next = world.first(20, Some(&end)).unwrap();
        let between = &world.expected()[19..39];
        match paging {
            // What is known of the place is the row alone, and that is where it is now.
            Paging::Page(_) | Paging::Offset(_) | Paging::None => {}
            Paging::Token(walk) | Paging::Link(walk) if !walk.anchored => {}
            _ => assert_eq!(ids(&next), between, "{paging:?}"),
        }
    }
}

/// Where a page is known by the number of its first row, rows that went pull others over the edge between two pages.
#[test]
fn rows_that_went_pull_no_others_out_of_a_list_by_row_numbers() {
    for paging in every_style(20) {
        let indexed = matches!(paging, Paging::Page(_) | Paging::Offset(_));
        for gone in [1, 5, 19, 30].into_iter().take(if indexed { 2 } else { 4 }) {
            let world = World::one(Shape::new(paging), plain_rows(140));
            let page = world.first(40, None).unwrap();
            for _ in 0..gone {
                world.sources[0].delete(0);
            }
            let mut expected = world.expected();
            expected.drain(..40 - gone);
            let next = world.first(20, page.page_info.end.as_deref()).unwrap();
            assert!(!next.drift_unresolved, "{paging:?}, {gone} went");
            assert_eq!(ids(&next), expected[..20], "{paging:?}, {gone} went");
        }
    }
}

/// What happens to rows: from where, to where; nowhere where they are deleted.
type Moves = &'static [(usize, Option<usize>)];

/// Rows that are changed go to one end of a list in the order of change, the cursor's among them: no other is taken along.
#[test]
fn rows_that_moved_around_a_reader_take_no_others_along() {
    let stories: [(&str, Moves); 8] = [
        ("the row goes to the end", &[(5, Some(29))]),
        ("to the beginning", &[(5, Some(0))]),
        (
            "it is deleted, the one before it goes to the end",
            &[(5, None), (4, Some(28))],
        ),
        (
            "so is the one before that",
            &[(5, None), (3, None), (3, Some(27))],
        ),
        ("both go to the end", &[(4, Some(29)), (4, Some(29))]),
        ("in the other order", &[(5, Some(29)), (4, Some(29))]),
        ("both go to the beginning", &[(4, Some(0)), (5, Some(0))]),
        ("the one before it goes to the end", &[(4, Some(29))]),
    ];
    let mut wrong = Vec::new();
    for paging in every_style(40).into_iter().chain(every_style(6)) {
        for total in [TotalKind::Exact, TotalKind::None] {
            for (story, moves) in stories {
                let shape = Shape {
                    total,
                    ..Shape::new(paging)
                };
                let world = World::one(shape, plain_rows(30));
                let untouched = world.expected().split_off(6);
                let first = world.first(6, None).unwrap();
                let source = &world.sources[0];
                for (from, to) in moves {
                    let moved = source.rows()[*from].clone();
                    source.delete(*from);
                    to.iter().for_each(|to| source.insert(*to, moved.clone()));
                }
                let (seen, drifted) = rest_of(&world, first.page_info.end);
                let lost: Vec<&String> = untouched.iter().filter(|id| !seen.contains(id)).collect();
                // Where one row is left to tell the place by, and that one has moved, it is counted, and said.
                let counted = drifted && lost.len() <= 3;
                if !(lost.is_empty() || counted) {
                    wrong.push(format!("{story}, {paging:?}, {total:?}: {lost:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What a reader sees from there on, and whether a place was said to be uncertain.
fn rest_of(world: &World, mut after: Option<String>) -> (Vec<String>, bool) {
    let (mut seen, mut drifted) = (Vec::new(), false);
    for _ in 0..12 {
        let page = world.first(6, after.as_deref()).unwrap();
        seen.extend(ids(&page));
        drifted |= page.drift_unresolved;
        after = page.page_info.end;
        if !page.page_info.has_next {
            break;
        }
    }
    (seen, drifted)
}

/// The place of row 30 among these, where it was the third and rows 20 and 10 stood before it.
fn place(rows: &[u32], behind: u32) -> (usize, bool, Proof) {
    let traces = Traces {
        anchors: [30, 20, 10],
        behind,
    };
    let Located {
        index,
        stands,
        proof,
    } = locate(rows, 2, traces, true).unwrap();
    (index, stands, proof)
}

/// Of four rows that stood together three still agree: what moved is the fourth, and nothing is doubtful.
#[test]
fn one_row_that_moved_by_itself_leaves_the_place_certain() {
    let gone = (2, false, Proof::Certain);
    assert_eq!(place(&[10, 20, 91, 40, 50, 60, 30], 40), gone, "the row");
    let there = (2, true, Proof::Certain);
    assert_eq!(place(&[10, 91, 30, 92, 40, 50, 20], 40), there, "the first");
    assert_eq!(place(&[20, 91, 30, 92, 40, 50, 10], 40), there, "the other");
}

/// Nothing agrees any more: the nearest place is taken, and it is said that it may be wrong.
#[test]
fn of_places_that_contradict_each_other_the_nearest_is_taken_in_doubt() {
    let rows = [91, 30, 92, 93, 94, 10, 20];
    assert_eq!(
        place(&rows, 0),
        (1, true, Proof::Doubtful),
        "the row is near"
    );
    let rows = [10, 20, 91, 92, 93, 94, 95, 96, 97, 30];
    assert_eq!(
        place(&rows, 0),
        (2, false, Proof::Doubtful),
        "the rows before it are"
    );
}
