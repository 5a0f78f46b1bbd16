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
//! | 6 | calls are few, sizes within bounds | `calls_are_as_few_as_the_readme_says`, `…bounds::a_window_costs_few_calls`, `…bounds::nothing_is_asked_that_the_plan_forbids` |
//! | 7 | lies cost bounded calls and end in a coded error | `lies_end_in_an_error`, `…liars::a_lie_costs_a_bounded_number_of_calls` |
//! | 8 | cursors come back as they went; no other text is one | `paging::a_cursor_is_good_for_its_list_alone`, `…cursor::tests::*`, `…liars::a_cursor_of_another_list_is_refused` |
//! | 9 | the same cursor gives the same page, in any process | `walks_and_windows_are_slices_of_the_list`, `…forward::any_cursor_goes_on_where_it_stands` |
//! | 10 | rows that stay are shown once while others come and go | `rows_that_stay_are_shown_once`, `…drift::rows_that_stay_are_shown_once`, `…keys::the_place_of_a_key_is_found_whatever_came_or_went` |
//! | 11 | a merge is sorted and holds each source's list | `a_merge_is_sorted_and_whole`, `…merged::a_merged_walk_is_sorted_and_whole` |
//! | 12 | a failed source is named and hides no other's rows; nothing is lost on retry | `a_failed_source_hides_no_other`, `…merged::a_failed_source_stays_out_of_a_merge` |
//! | 13 | `totalCount` is exact or null | `walks_and_windows_are_slices_of_the_list`, `…forward::a_total_is_exact_or_absent` |
//! | 14 | what is written is read; odd records shift nothing | `mutations::*`, `odd_data::*`, `engine::writes::*`; positions: the unreadable rows of `…forward` and `…backward` |

use super::support::crm::{Crm, Play, Seen, call, file, manifest, source};
use crmql::connection::{Asked, AskedSource, Connection, ConnectionError, Connector, Want};
use crmql::limits::Limits;
use crmql::model::{
    CustomerOrderField, Filter, Order, OrderDirection, SourceFailurePolicy, SourceOutcome,
    UnsupportedFilterPolicy,
};
use crmql::source::{CustomerSource, Operation, SourceEntry, SourceErrorKind};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The largest page of the small CRMs.
const LARGEST: usize = 20;

/// How a small CRM pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Page,
    Offset,
    Token,
    /// Tokens that may lead to an empty last page.
    Dangling,
    /// Tokens back, too.
    TokenBack,
    /// Pages of the CRM's own size.
    Link,
    Keyset,
    None,
}

const STYLES: [Style; 8] = [
    Style::Page,
    Style::Offset,
    Style::Token,
    Style::Dangling,
    Style::TokenBack,
    Style::Link,
    Style::Keyset,
    Style::None,
];

/// What a small CRM answers past the end of its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Past {
    Empty,
    Refused,
    /// The last page again, with its own number.
    Clamped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    None,
    /// The third page leads back to the second.
    Ring,
    /// Tokens lead from empty page to empty page.
    Void,
    /// The total is larger than the list.
    Total,
}

#[derive(Clone, Copy, Debug)]
struct Habits {
    style: Style,
    total: bool,
    past: Past,
    sorts: bool,
    lie: Lie,
}

fn habits(style: Style) -> Habits {
    Habits {
        style,
        total: true,
        past: Past::Empty,
        sorts: false,
        lie: Lie::None,
    }
}

/// The rows of a small CRM: ids of one length, in order.
type Rows = Arc<Mutex<Vec<String>>>;

fn row_id(number: usize) -> String {
    format!("{number:07}")
}

fn rows(count: usize, begin: usize) -> Rows {
    let ids = (0..count).map(|number| row_id(begin + number * 100));
    Arc::new(Mutex::new(ids.collect()))
}

/// The adapter file of a small CRM.
fn adapter_file(habits: Habits) -> String {
    let size = format!("size = \"query:n\", max = {LARGEST}");
    let style = match (habits.style, habits.past) {
        (Style::Page, Past::Clamped) => {
            format!("kind = \"page\", page = \"query:p\", echo = \"/page\", {size}")
        }
        (Style::Page, _) => {
            format!("kind = \"page\", page = \"query:p\", past_end = {{ status = [404] }}, {size}")
        }
        (Style::Offset, Past::Refused) => format!(
            "kind = \"offset\", offset = \"query:o\", past_end = {{ status = [404] }}, {size}"
        ),
        (Style::Offset, _) => format!("kind = \"offset\", offset = \"query:o\", {size}"),
        (Style::Token, _) => {
            format!("kind = \"token\", send = \"query:after\", next = \"/next\", {size}")
        }
        (Style::Dangling, _) => format!(
            "kind = \"token\", send = \"query:after\", next = \"/next\", dangling = true, {size}"
        ),
        (Style::TokenBack, _) => format!(
            "kind = \"token\", send = \"query:after\", next = \"/next\", prev = \"/prev\", send_prev = \"query:before\", {size}"
        ),
        (Style::Link, _) => "kind = \"link\", next = \"/next\"".to_owned(),
        (Style::Keyset, _) => format!(
            "kind = \"keyset\", send = \"query:after\", send_before = \"query:before\", key = \"last:/id\", {size}"
        ),
        (Style::None, _) => "kind = \"none\"".to_owned(),
    };
    let total = if habits.total {
        ", total = \"/total\""
    } else {
        ""
    };
    let sort = if habits.sorts {
        "[list.sort]\nstyle = \"pair\"\nfield = \"query:sort\"\ndirection = \"query:dir\"\nasc = \"asc\"\ndesc = \"desc\"\nby = { id = \"id\" }\nunique = \"id\"\ndefault = { field = \"id\", direction = \"asc\" }\n"
    } else {
        ""
    };
    file(
        "",
        &format!(
            "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\npage = {{ {style}{total} }}\n{sort}[fields]\nid = {{ r = \"/id\" }}\n"
        ),
    )
}

/// What a small CRM answers.
fn answer(habits: Habits, rows: &[String], seen: &Seen) -> Play {
    let url = reqwest::Url::parse(&format!("http://crm{}", seen.target)).unwrap();
    let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
    let number = |name: &str| query.get(name).map(|text| text.parse::<usize>().unwrap());
    let mut list = rows.to_vec();
    let down = query.get("dir").is_some_and(|word| word == "desc");
    if down {
        list.reverse();
    }
    let size = match habits.style {
        Style::Link => 7,
        Style::None => usize::MAX,
        _ => number("n").unwrap_or(LARGEST),
    };
    assert!(matches!(habits.style, Style::None) || (1..=LARGEST).contains(&size));
    let stands_before = |row: &String, id: &String| if down { row > id } else { row < id };
    let (mut begin, end) = match habits.style {
        Style::Page => {
            let begin = (number("p").unwrap() - 1) * size;
            (begin, begin + size)
        }
        Style::Offset => {
            let begin = number("o").unwrap_or_default();
            (begin, begin + size)
        }
        Style::None => (0, list.len()),
        _ => match (query.get("after"), query.get("before")) {
            (Some(id), _) => {
                let begin = list.partition_point(|row| stands_before(row, id) || row == id);
                (begin, begin + size)
            }
            (None, Some(id)) => {
                let end = list.partition_point(|row| stands_before(row, id));
                (end.saturating_sub(size), end)
            }
            (None, None) => (0, size),
        },
    };
    let mut end = end.min(list.len());
    if begin >= list.len() && begin > 0 && matches!(habits.style, Style::Page | Style::Offset) {
        match (habits.past, habits.style) {
            (Past::Refused, _) => return Play::Json(404, json!({})),
            (Past::Clamped, Style::Page) => {
                begin = (list.len().max(1) - 1) / size * size;
                end = list.len();
            }
            _ => begin = list.len(),
        }
    }
    let shown = list.get(begin..end).unwrap_or_default();
    let last = shown.last().cloned();
    let follows = end < list.len() || (habits.style == Style::Dangling && !shown.is_empty());
    let mut next = last.filter(|_| follows);
    let mut data: Vec<Value> = shown.iter().map(|id| json!({ "id": id })).collect();
    match habits.lie {
        Lie::Ring if begin >= 2 * size => next = list.get(size - 1).cloned(),
        Lie::Void if begin > 0 => {
            data.clear();
            next = query.get("after").map(|after| format!("{after}0"));
        }
        _ => {}
    }
    let next = match habits.style {
        Style::Link => {
            next.map(|id| format!("/c?dir={}&after={id}", if down { "desc" } else { "asc" }))
        }
        _ => next,
    };
    let prev = shown.first().filter(|_| begin > 0);
    let total = list.len() + if habits.lie == Lie::Total { 30 } else { 0 };
    Play::Json(
        200,
        json!({ "data": data, "next": next, "prev": prev, "total": total, "page": begin / size + 1 }),
    )
}

/// Some small CRMs, and a connector in front of them.
struct World {
    crms: Vec<Crm>,
    rows: Vec<Rows>,
    failing: Arc<Mutex<HashSet<usize>>>,
    connector: Connector,
    asked: Asked,
    seen: Mutex<Vec<usize>>,
}

impl World {
    async fn new(listed: &[(Habits, Rows)]) -> Self {
        let failing = Arc::new(Mutex::new(HashSet::new()));
        let (mut crms, mut sources) = (Vec::new(), Vec::new());
        for (rank, (habits, rows)) in listed.iter().enumerate() {
            let (habits, rows, failing) = (*habits, Arc::clone(rows), Arc::clone(&failing));
            let crm = Crm::answering(move |seen, _| {
                if failing.lock().unwrap().contains(&rank) {
                    return Play::Json(503, json!({}));
                }
                answer(habits, &rows.lock().unwrap(), seen)
            })
            .await;
            let adapter = source(&crm, &adapter_file(habits));
            crms.push(crm);
            sources.push(AskedSource {
                entry: Arc::new(SourceEntry {
                    key: format!("s{rank}").into(),
                    name: "small".into(),
                    adapter: "small".into(),
                    rank,
                    source: Arc::new(adapter) as Arc<dyn CustomerSource>,
                }),
                filter: Filter::default(),
            });
        }
        Self {
            seen: Mutex::new(vec![0; crms.len()]),
            crms,
            rows: listed.iter().map(|(_, rows)| Arc::clone(rows)).collect(),
            failing,
            connector: connector(),
            asked: Asked {
                sources,
                order: None,
                first: None,
                after: None,
                last: None,
                before: None,
                on_failure: SourceFailurePolicy::Fail,
                unsupported: UnsupportedFilterPolicy::Refuse,
                want: Want {
                    total: false,
                    has_next: true,
                    has_previous: true,
                },
            },
        }
    }

    async fn one(habits: Habits, count: usize) -> Self {
        Self::new(&[(habits, rows(count, 100))]).await
    }

    async fn ask(&self, asked: Asked) -> Result<Connection, ConnectionError> {
        self.connector.connect(asked, &operation()).await
    }

    async fn window(
        &self,
        forward: bool,
        rows: usize,
        cursor: Option<&str>,
    ) -> Result<Connection, ConnectionError> {
        self.ask(self.asked_for(forward, rows, cursor)).await
    }

    fn asked_for(&self, forward: bool, rows: usize, cursor: Option<&str>) -> Asked {
        let size = i32::try_from(rows).unwrap();
        let cursor = cursor.map(str::to_owned);
        let asked = self.asked.clone();
        if forward {
            Asked {
                first: Some(size),
                after: cursor,
                ..asked
            }
        } else {
            Asked {
                last: Some(size),
                before: cursor,
                ..asked
            }
        }
    }

    fn list(&self) -> Vec<String> {
        let rows = self.rows.iter();
        rows.flat_map(|rows| rows.lock().unwrap().clone()).collect()
    }

    /// The calls since the last look.
    fn calls(&self) -> usize {
        let now: Vec<usize> = self.crms.iter().map(|crm| crm.seen().len()).collect();
        let before = std::mem::replace(&mut *self.seen.lock().unwrap(), now.clone());
        now.iter().sum::<usize>() - before.iter().sum::<usize>()
    }
}

fn connector() -> Connector {
    Connector::new(Limits::default(), b"a secret of the tests")
}

fn operation() -> Arc<Operation> {
    Arc::new(Operation {
        request_id: "r-1".into(),
        deadline: Instant::now() + Duration::from_secs(60),
        fresh: true,
    })
}

fn ids(connection: &Connection) -> Vec<String> {
    let edges = connection.edges.iter();
    edges.map(|edge| edge.customer.id.to_string()).collect()
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(work))
}

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
        count in 1usize..150,
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

/// Promise 7. Clamped pages are among the habits of all the others.
#[tokio::test]
async fn lies_end_in_an_error() {
    for (style, lie) in [
        (Style::Token, Lie::Ring),
        (Style::Link, Lie::Ring),
        (Style::Token, Lie::Void),
        (Style::Dangling, Lie::Void),
        (Style::Link, Lie::Void),
    ] {
        let world = World::one(
            Habits {
                lie,
                ..habits(style)
            },
            90,
        )
        .await;
        let (mut cursor, mut windows) = (None, 0);
        let error = loop {
            windows += 1;
            assert!(windows < 100, "{style:?} {lie:?} goes on for ever");
            world.calls();
            let page = world.window(true, 5, cursor.as_deref()).await;
            assert!(world.calls() <= 10, "{style:?} {lie:?}");
            match page {
                Ok(page) => {
                    assert!(page.page_info.has_next, "{style:?} {lie:?}");
                    cursor = page.page_info.end;
                }
                Err(error) => break error,
            }
        };
        assert!(
            matches!(&error, ConnectionError::Source { error, .. } if error.kind == SourceErrorKind::Malformed),
            "{style:?} {lie:?}: {error:?}"
        );
    }
    // A total that is too large: the rows are all there, and the total is not believed.
    for style in [Style::Page, Style::Offset] {
        let lying = Habits {
            lie: Lie::Total,
            ..habits(style)
        };
        let world = World::one(lying, 45).await;
        let mut asked = world.asked_for(true, 100, None);
        asked.want.total = true;
        let page = world.ask(asked).await.unwrap();
        assert_eq!(ids(&page), world.list());
        assert!(page.total.is_none_or(|total| total == 45));
    }
}

/// The calls of one window.
struct Cost {
    style: Style,
    /// The first window, and the next ones of the same size.
    aligned: [usize; 2],
    /// A window of 17 rows after row 13, at most.
    arbitrary: usize,
    /// The last 10 rows, and the 10 before them, at most; `None` where a long list cannot be read backwards so.
    back: Option<[usize; 2]>,
    /// What an exact `hasNextPage` adds to a window that ends where the list ends.
    look: usize,
}

/// The table of the README: upstream calls of each style, with pages of up to 20 rows, a list of 100, and no total.
const COSTS: [Cost; 7] = [
    Cost {
        style: Style::Page,
        aligned: [1, 1],
        arbitrary: 2,
        back: None,
        look: 1,
    },
    Cost {
        style: Style::Offset,
        aligned: [1, 1],
        arbitrary: 1,
        back: None,
        look: 1,
    },
    Cost {
        style: Style::Token,
        aligned: [1, 1],
        arbitrary: 2,
        back: None,
        look: 0,
    },
    Cost {
        style: Style::Dangling,
        aligned: [1, 1],
        arbitrary: 2,
        back: None,
        look: 1,
    },
    Cost {
        style: Style::TokenBack,
        aligned: [1, 1],
        arbitrary: 2,
        back: None,
        look: 0,
    },
    Cost {
        style: Style::Keyset,
        aligned: [1, 1],
        arbitrary: 1,
        back: None,
        look: 1,
    },
    Cost {
        style: Style::None,
        aligned: [1, 1],
        arbitrary: 1,
        back: Some([1, 1]),
        look: 0,
    },
];

#[tokio::test]
async fn calls_are_as_few_as_the_readme_says() {
    for cost in &COSTS {
        let style = cost.style;
        let plain = Habits {
            total: false,
            ..habits(style)
        };
        let mut world = World::one(plain, 100).await;
        world.asked.want = Want::default();
        let first = world.window(true, 10, None).await.unwrap();
        assert_eq!(world.calls(), cost.aligned[0], "{style:?}");
        let end = first.page_info.end.clone().unwrap();
        let next = world.window(true, 10, Some(&end)).await.unwrap();
        assert_eq!(world.calls(), cost.aligned[1], "{style:?}");
        let odd = next.edges[2].cursor.clone();
        world.window(true, 17, Some(&odd)).await.unwrap();
        let calls = world.calls();
        assert!(calls <= cost.arbitrary, "{style:?}: {calls}");
        // The rows before a cursor of the walk so far.
        let start = next.page_info.start.unwrap();
        let before = world.window(false, 10, Some(&start)).await.unwrap();
        assert_eq!(ids(&before), ids(&first), "{style:?}");
        let calls = world.calls();
        assert!(calls <= 2, "{style:?}: {calls}");
        if let Some([last, more]) = cost.back {
            let page = world.window(false, 10, None).await.unwrap();
            assert_eq!(world.calls(), last, "{style:?}");
            let start = page.page_info.start.unwrap();
            world.window(false, 10, Some(&start)).await.unwrap();
            assert_eq!(world.calls(), more, "{style:?}");
        }
        // To the end, and whether more follows.
        let almost = world
            .window(true, 90, None)
            .await
            .unwrap()
            .page_info
            .end
            .unwrap();
        world.calls();
        world.window(true, 10, Some(&almost)).await.unwrap();
        let without = world.calls();
        world.asked.want.has_next = true;
        let page = world.window(true, 10, Some(&almost)).await.unwrap();
        assert!(!page.page_info.has_next);
        let with = world.calls();
        assert!(
            with <= without + cost.look,
            "{style:?}: {without} and {with}"
        );
    }
}

/// With a total, numbered lists know their end: two calls for the last rows, none for what follows, none for the count.
#[tokio::test]
async fn a_total_saves_calls() {
    for style in [Style::Page, Style::Offset] {
        let mut world = World::one(habits(style), 100).await;
        world.asked.want = Want {
            total: true,
            has_next: true,
            has_previous: true,
        };
        let first = world.window(true, 10, None).await.unwrap();
        assert_eq!((world.calls(), first.total), (1, Some(100)), "{style:?}");
        let last = world.window(false, 10, None).await.unwrap();
        assert_eq!(ids(&last), world.list()[90..]);
        assert!(world.calls() <= 2, "{style:?}");
        let start = last.page_info.start.unwrap();
        world.window(false, 10, Some(&start)).await.unwrap();
        assert!(world.calls() <= 2, "{style:?}");
    }
}

/// The adapter files above say what they are meant to say.
#[test]
fn the_small_crms_have_their_styles() {
    for style in STYLES {
        for past in [Past::Empty, Past::Refused, Past::Clamped] {
            let text = adapter_file(Habits {
                past,
                sorts: true,
                ..habits(style)
            });
            assert_eq!(manifest(&text).lists.len(), 1);
        }
    }
    assert_eq!(call().calls(), 0);
}
