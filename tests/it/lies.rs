//! CRMs whose answers are well formed and contradict each other or what was asked: an error with a code, never a wrong list.

use super::caching::Over;
use super::odd_data::direct::Asked;
use super::support::crm::{Crm, Play, Seen, file, source};
use super::support::gateway::{codes, parameters};
use crmql::adapter::{self, Adapter, Site, TokenStore};
use crmql::config::CacheTimes;
use crmql::document::Problems;
use crmql::source::{SourceEntry, Sources};
use crmql::upstream::Settings;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How many customers the CRM has: its last page of twenty is full.
const COUNT: usize = 140;

/// How the CRM lies.
#[derive(Clone, Copy, PartialEq)]
enum Lie {
    None,
    PastEndRefused,
    PageIgnored,
    NoRows,
    FilterIgnored,
    TotalOfPage,
}

/// The number that a parameter holds.
pub(super) fn number(asked: &HashMap<String, String>, name: &str) -> Option<usize> {
    asked.get(name).map(|text| text.parse().unwrap())
}

fn page(seen: &Seen, lie: Lie) -> Play {
    let asked = parameters(&seen.target);
    let size = number(&asked, "limit").unwrap_or(20);
    let page = if lie == Lie::PageIgnored {
        1
    } else {
        number(&asked, "page").unwrap_or(1)
    };
    let gold = asked.contains_key("tier") && lie != Lie::FilterIgnored;
    let all: Vec<Value> = (0..COUNT)
        .filter(|index| !gold || index % 2 == 0)
        .map(|index| json!({ "_id": format!("c{index}"), "tier": if index % 2 == 0 { "gold" } else { "silver" } }))
        .collect();
    let rows: Vec<&Value> = all.iter().skip((page - 1) * size).take(size).collect();
    if lie == Lie::PastEndRefused && rows.is_empty() {
        return Play::Json(400, json!({ "success": false, "error": "no such page" }));
    }
    let total = if lie == Lie::TotalOfPage {
        rows.len()
    } else {
        all.len()
    };
    let shown = if lie == Lie::NoRows { vec![] } else { rows };
    let pagination = json!({ "total": total, "page": page, "limit": size, "totalPages": all.len().div_ceil(size) });
    Play::Json(
        200,
        json!({ "success": true, "data": shown, "pagination": pagination }),
    )
}

async fn over(lie: Lie) -> (Asked, Crm) {
    let crm = Crm::answering(move |seen, _| page(seen, lie)).await;
    (before(&crm, "gtateth"), crm)
}

/// A gateway before a CRM, by a built-in adapter.
pub(super) fn before(crm: &Crm, name: &str) -> Asked {
    let manifest = adapter::built_in(name, &Problems::new()).unwrap();
    let key = if name == "flextell" {
        "access_token"
    } else {
        "api_key"
    };
    let vars = [("base_url", crm.base.as_str()), (key, "k")];
    let site = Site {
        vars: vars.map(|(name, value)| (name.into(), value.into())).into(),
        settings: Settings::default(),
        total: Duration::from_secs(20),
        tokens: TokenStore::default(),
    };
    let entry = SourceEntry {
        key: "crm".into(),
        name: "CRM".into(),
        adapter: name.into(),
        rank: 0,
        source: Arc::new(Adapter::new(Arc::new(manifest), site).unwrap()),
    };
    Asked::new(Sources::new(vec![Arc::new(entry)]))
}

/// Walks to the end, or to the first error: the ids, the totals seen, and the error's code.
pub(super) async fn walk(
    gateway: &Asked,
    more: &str,
    size: usize,
) -> (Vec<String>, Vec<Value>, Option<String>) {
    let (mut ids, mut totals, mut after) = (Vec::new(), Vec::new(), Value::Null);
    for _ in 0..COUNT {
        let answer = gateway
            .ask(&format!(
                "{{ list: customers(first: {size}, after: {after}{more}) {{ totalCount nodes {{ sourceId }} pageInfo {{ hasNextPage endCursor }} }} }}"
            ))
            .await;
        if let Some(code) = codes(&answer).first() {
            return (ids, totals, Some((*code).to_owned()));
        }
        let list = &answer["data"]["list"];
        let nodes = list["nodes"].as_array().unwrap();
        ids.extend(nodes.iter().map(|node| node["sourceId"].to_string()));
        totals.push(list["totalCount"].clone());
        if list["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = list["pageInfo"]["endCursor"].clone();
    }
    (ids, totals, None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_past_the_end_ends_the_list() {
    for lie in [Lie::None, Lie::PastEndRefused] {
        for size in [20, 100] {
            let (gateway, _crm) = over(lie).await;
            let (ids, totals, error) = walk(&gateway, "", size).await;
            assert_eq!((ids.len(), error), (COUNT, None), "pages of {size}");
            assert!(totals.iter().all(|total| *total == COUNT));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_contradict_themselves_are_errors() {
    for lie in [Lie::PageIgnored, Lie::NoRows, Lie::TotalOfPage] {
        for size in [7, 50, 100] {
            let (gateway, crm) = over(lie).await;
            let (ids, totals, error) = walk(&gateway, "", size).await;
            assert_eq!(error.as_deref(), Some("SOURCE_INVALID_RESPONSE"));
            assert!(ids.len() < COUNT);
            let counts_a_page = |total: &Value| lie == Lie::TotalOfPage && !total.is_null();
            assert!(!totals.iter().any(counts_a_page), "{totals:?}");
            assert!(crm.seen().len() <= 20);
        }
    }
}

/// How a CRM cuts its pages.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cut {
    /// Its pages are shorter than asked, and counted by their own size.
    OwnSize,
    /// Its pages are shorter than asked, and counted by the size asked for.
    AskedSize,
    /// They are not; its total is larger than its list.
    LargeTotal,
}

/// Twenty-three customers in pages of ten at most.
fn cut_pages(seen: &Seen, how: Cut) -> Play {
    let asked = parameters(&seen.target);
    let size = number(&asked, "n").unwrap();
    let page = number(&asked, "p").unwrap();
    let most = if how == Cut::LargeTotal { size } else { 10 };
    let counted = if how == Cut::OwnSize {
        size.min(most)
    } else {
        size
    };
    let rows = (0..23).skip((page - 1) * counted).take(size.min(most));
    let rows: Vec<Value> = rows.map(|id| json!({ "id": format!("{id}") })).collect();
    let total = if how == Cut::LargeTotal { 25 } else { 23 };
    Play::Json(200, json!({ "data": rows, "total": total }))
}

/// A total says that rows are missing from a short page; whether they are there is looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_a_total_counts_behind_a_short_page_are_not_lost() {
    let style = "kind = \"page\", page = \"query:p\", total = \"/total\"";
    for min in [1, 20] {
        for how in [Cut::OwnSize, Cut::AskedSize, Cut::LargeTotal] {
            // Where its smallest page is larger than what comes, nobody can look.
            if (min, how) == (20, Cut::AskedSize) {
                continue;
            }
            for size in [5, 11, 20, 50, 100] {
                let crm = Crm::answering(move |seen, _| cut_pages(seen, how)).await;
                let text = listing(&format!("{style}, min = {min}"), "");
                let gateway = before_file(&crm, &text.replace("max = 20", "max = 100"));
                let (ids, totals, error) = walk(&gateway, "", size).await;
                if how == Cut::LargeTotal {
                    assert_eq!((ids.len(), error), (23, None), "pages of {size}");
                } else if error.is_none() {
                    assert_eq!((ids.len(), &totals[0]), (23, &json!(23)), "{how:?} {size}");
                }
                assert!(crm.seen().len() <= 20);
            }
        }
    }
}

/// How a CRM that says whether more rows follow is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Broken {
    /// It is not, but for saying that more follow behind its last row, too.
    Never,
    /// The rows of a page in the middle are kept from us.
    Hollow,
    /// Every page is the first one.
    Stuck,
    /// The rows of a page in the middle have no ids.
    Keyless,
    /// Its total counts the rows of the page.
    CountsPage,
}

fn broken(seen: &Seen, how: Broken) -> Play {
    let asked = parameters(&seen.target);
    let size = number(&asked, "n").unwrap();
    let begin = match (number(&asked, "o"), number(&asked, "after")) {
        _ if how == Broken::Stuck => 0,
        (Some(offset), _) => offset,
        (None, Some(after)) => after + 1,
        (None, None) => 0,
    };
    let end = (begin + size).min(COUNT);
    let row = |index: usize| match how == Broken::Keyless && (50..70).contains(&index) {
        true => json!({ "name": "nobody" }),
        false => json!({ "id": format!("{index}") }),
    };
    let mut rows: Vec<Value> = (begin..end).map(row).collect();
    if how == Broken::Hollow {
        let gone: Vec<String> = (50..70).map(|gone| gone.to_string()).collect();
        rows.retain(|row| gone.iter().all(|gone| row["id"] != gone.as_str()));
    }
    let total = if how == Broken::CountsPage {
        rows.len()
    } else {
        COUNT
    };
    let next = (end < COUNT).then(|| format!("{}", end - 1));
    Play::Json(
        200,
        json!({ "data": rows, "more": true, "total": total, "next": next }),
    )
}

const STYLES: [&str; 3] = [
    "kind = \"offset\", offset = \"query:o\", more = \"/more\"",
    "kind = \"keyset\", send = \"query:after\", key = \"last:/id\", more = \"/more\"",
    "kind = \"token\", send = \"query:after\", next = \"/next\", total = \"/total\"",
];

/// Ids of digits may stand as numbers or as text; where that makes a difference, they are not compared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_of_digits_are_not_compared_where_their_lengths_differ() {
    let crm = Crm::answering(move |seen, asked| {
        let begin = parameters(&seen.target)
            .get("o")
            .map_or(0, |text| text.parse().unwrap());
        let rows = (999 + usize::from(asked > 0)..1_003).skip(begin);
        let rows: Vec<Value> = rows.map(|id| json!({ "id": format!("{id}") })).collect();
        Play::Json(200, json!({ "data": rows }))
    })
    .await;
    let sort = "[list.sort]\nstyle = \"suffix\"\nto = \"query:sort\"\nasc = \"\"\ndesc = \"-\"\nby = { id = \"id\" }\nunique = \"id\"\ndefault = { field = \"id\", direction = \"asc\" }\n";
    let gateway = behind(&crm, STYLES[0], sort);
    let list = async |after: &str| {
        let query = format!(
            "{{ list: customers(first: 4{after}) {{ edges {{ cursor node {{ sourceId }} }} }} }}"
        );
        gateway.ask(&query).await["data"]["list"]["edges"].clone()
    };
    let first = list("").await;
    assert_eq!(first[0]["node"]["sourceId"], "999");
    let rest = list(&format!(", after: {}", first[0]["cursor"])).await;
    let ids: Vec<&Value> = rest
        .as_array()
        .unwrap()
        .iter()
        .map(|edge| &edge["node"]["sourceId"])
        .collect();
    assert_eq!(ids, ["1000", "1001", "1002"]);
}

/// A token may be the number of a row: what came in ahead pushes rows that were shown onto the next page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_was_pushed_onto_the_next_page_is_not_shown_again() {
    let crm = Crm::answering(move |seen, asked| {
        let after = parameters(&seen.target)
            .get("after")
            .map_or(0, |text| text.parse().unwrap());
        // Newest first; one more for every call.
        let rows: Vec<Value> = (0..10)
            .map(|index| json!({ "id": format!("{}", 40 + asked - after - index) }))
            .collect();
        Play::Json(
            200,
            json!({ "data": rows, "next": format!("{}", after + 10) }),
        )
    })
    .await;
    let gateway = behind(&crm, STYLES[2], "");
    let list = async |after: &str| {
        let query = format!(
            "{{ list: customers(first: 10{after}) {{ nodes {{ sourceId }} pageInfo {{ endCursor }} }} }}"
        );
        gateway.ask(&query).await["data"]["list"].clone()
    };
    let first = list("").await;
    assert_eq!(first["nodes"][9]["sourceId"], "31");
    let next = list(&format!(", after: {}", first["pageInfo"]["endCursor"])).await;
    assert_eq!(next["nodes"][0]["sourceId"], "30");
}

/// A gateway before a CRM with this paging.
pub(super) fn behind(crm: &Crm, style: &str, sort: &str) -> Asked {
    before_file(crm, &listing(style, sort))
}

pub(super) fn before_file(crm: &Crm, text: &str) -> Asked {
    let entry = SourceEntry {
        key: "crm".into(),
        name: "CRM".into(),
        adapter: "acme".into(),
        rank: 0,
        source: Arc::new(source(crm, text)),
    };
    Asked::new(Sources::new(vec![Arc::new(entry)]))
}

/// An adapter file with this paging.
fn listing(style: &str, sort: &str) -> String {
    let page = format!("page = {{ {style}, size = \"query:n\", max = 20 }}");
    let list = format!(
        "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\n{page}\n{sort}[fields]\nid = {{ r = \"/id\" }}\n"
    );
    file("", &list)
}

async fn over_broken(style: &str, how: Broken) -> (Asked, Crm) {
    let crm = Crm::answering(move |seen, _| broken(seen, how)).await;
    (behind(&crm, style, ""), crm)
}

/// Never a list that ends early without a word: all of it, or an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_ends_where_the_crm_means_it_to_or_in_an_error() {
    let [offset, keyset, token] = STYLES;
    for (style, how, whole) in [
        (offset, Broken::Never, true),
        (offset, Broken::Hollow, false),
        (offset, Broken::Stuck, false),
        (keyset, Broken::Hollow, false),
        (keyset, Broken::Stuck, false),
        (keyset, Broken::Keyless, false),
        (token, Broken::Never, true),
        (token, Broken::CountsPage, true),
    ] {
        for size in [1, 7, 20] {
            let (gateway, crm) = over_broken(style, how).await;
            let (ids, totals, error) = walk(&gateway, "", size).await;
            if whole {
                assert_eq!((ids.len(), error), (COUNT, None), "{style} {how:?} {size}");
            } else {
                assert_eq!(
                    error.as_deref(),
                    Some("SOURCE_INVALID_RESPONSE"),
                    "{style} {how:?} {size} {ids:?}"
                );
            }
            assert!(
                totals
                    .iter()
                    .all(|total| total.is_null() || *total == COUNT),
                "{style} {how:?} {totals:?}"
            );
            assert!(crm.seen().len() <= 2 * COUNT);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_the_crm_ignores_is_an_error() {
    let (gateway, _crm) = over(Lie::None).await;
    let (ids, ..) = walk(&gateway, ", filter: { tier: [GOLD] }", 50).await;
    assert_eq!(ids.len(), COUNT.div_ceil(2));
    let (gateway, _crm) = over(Lie::FilterIgnored).await;
    let (ids, _, error) = walk(&gateway, ", filter: { tier: [GOLD] }", 50).await;
    assert_eq!(error.as_deref(), Some("SOURCE_INVALID_RESPONSE"));
    assert!(ids.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_by_time_that_the_crm_ignores_is_an_error() {
    let row = |id: u32, day: u32| json!({ "id": id, "name": "N", "createdAt": format!("2024-01-0{day}T00:00:00Z") });
    for (days, code) in [([1, 2], None), ([2, 1], Some("SOURCE_INVALID_RESPONSE"))] {
        let rows = json!([row(1, days[0]), row(2, days[1])]);
        let crm = Crm::json(json!({ "data": rows, "count": 2, "limit": 20, "offset": 0 })).await;
        let answer = before(&crm, "spirii")
            .ask("{ list: customers(first: 5, orderBy: { field: CREATED_AT }) { nodes { sourceId } } }")
            .await;
        assert_eq!(codes(&answer).first().copied(), code, "{answer}");
    }
}

/// A page by key, in which some rows have none.
fn page_by_key(seen: &Seen, keyless: [usize; 2], gone: Option<usize>) -> Play {
    let asked = parameters(&seen.target);
    let begin = number(&asked, "after").map_or(0, |after| after + 1);
    let row = |index: usize| match keyless.contains(&(index % 20)) {
        true => json!({ "id": format!("{index}") }),
        false => json!({ "id": format!("{index}"), "seq": format!("{index}") }),
    };
    let rows = (begin..COUNT).filter(|index| Some(*index) != gone);
    let rows: Vec<Value> = rows.take(number(&asked, "n").unwrap()).map(row).collect();
    Play::Json(200, json!({ "data": rows }))
}

/// A list that goes on behind the last key of a page, where the rows that stand last have none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_whose_last_row_has_no_key_loses_and_repeats_nothing() {
    let style = "kind = \"keyset\", send = \"query:after\", key = \"last:/seq\"";
    for size in [7, 18, 19, 60] {
        let crm = Crm::answering(|seen, _| page_by_key(seen, [17, 18], None)).await;
        let (ids, _, error) = walk(&behind(&crm, style, ""), "", size).await;
        let all: Vec<String> = (0..COUNT).map(|index| format!("\"{index}\"")).collect();
        assert_eq!((ids, error), (all, None), "windows of {size}");
    }
    // The cursor's row is gone when its page is read again.
    let crm =
        Crm::answering(|seen, asked| page_by_key(seen, [17, 18], (asked > 0).then_some(18))).await;
    let gateway = behind(&crm, style, "");
    let list = async |more: &str| {
        let query = format!(
            "{{ list: customers(first: 19{more}) {{ nodes {{ sourceId }} pageInfo {{ endCursor }} }} }}"
        );
        gateway.ask(&query).await["data"]["list"].clone()
    };
    let first = list("").await;
    assert_eq!(first["nodes"][18]["sourceId"], "18");
    let next = list(&format!(", after: {}", first["pageInfo"]["endCursor"])).await;
    assert_eq!(next["nodes"][0]["sourceId"], "19", "{next:#}");
}

/// A CRM whose first row is gone from its n-th answer on.
async fn shrinking(when: usize) -> Crm {
    Crm::answering(move |seen, before| {
        let asked = parameters(&seen.target);
        let size = number(&asked, "n").unwrap();
        let page = number(&asked, "p").map_or(0, |page| (page - 1) * size);
        let rows = usize::from(before >= when)..COUNT;
        let total = rows.len();
        let rows = rows.skip(page + number(&asked, "o").unwrap_or(0));
        let rows: Vec<Value> = rows
            .take(size)
            .map(|index| json!({ "id": format!("{index}") }))
            .collect();
        Play::Json(200, json!({ "data": rows, "total": total }))
    })
    .await
}

/// Several calls make one window: a row that goes between two of them pulls another one over the edge of their pages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_goes_between_two_calls_of_a_window_hides_no_other() {
    for style in [
        "kind = \"page\", page = \"query:p\", total = \"/total\"",
        "kind = \"offset\", offset = \"query:o\", total = \"/total\"",
        "kind = \"offset\", offset = \"query:o\"",
    ] {
        for when in 1..8 {
            let crm = shrinking(when).await;
            let (mut ids, _, error) = walk(&behind(&crm, style, ""), "", 33).await;
            assert_eq!(error, None, "{style}, call {when}");
            ids.retain(|id| id != "\"0\"");
            let all: Vec<String> = (1..COUNT).map(|index| format!("\"{index}\"")).collect();
            assert_eq!(ids, all, "{style}, call {when}");
        }
    }
}

/// What a cache holds of the first calls says nothing of what the list is by now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_changed_while_it_was_read_is_not_read_again_from_a_cache() {
    let style = "kind = \"page\", page = \"query:p\", total = \"/total\"";
    let hour = Duration::from_secs(3_600);
    let times = CacheTimes {
        ttl: hour,
        stale_if_error: hour,
        absent_ttl: hour,
        refresh_after_percent: None,
    };
    let crm = shrinking(2).await;
    let over = Over::before(&crm, &listing(style, ""), Some(&times)).await;
    let window = async |after: &Value| {
        let query = format!(
            "{{ list: customers(first: 20, after: {after}) {{ nodes {{ sourceId }} pageInfo {{ endCursor }} }} }}"
        );
        over.ask(&query, "").await.1
    };
    let first = window(&Value::Null).await;
    let next = window(&first["list"]["pageInfo"]["endCursor"]).await;
    let nodes = next["list"]["nodes"].as_array().unwrap();
    let ids: Vec<&str> = nodes
        .iter()
        .map(|node| node["sourceId"].as_str().unwrap())
        .collect();
    let all: Vec<String> = (20..40).map(|index| index.to_string()).collect();
    assert_eq!(ids, all);
}

/// Filters whose parameter the CRM does not know, and answers all customers to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_and_a_time_that_the_crm_passes_over_are_errors() {
    let person = |index: usize| json!({ "id": format!("{index}"), "email": format!("p{index}@x.example"), "made": format!("2024-03-{:02}T12:00:00Z", index + 1) });
    for (shown, filter, refused) in [
        (9, "email: \"p3@x.example\"", true),
        (3, "email: \"p0@x.example\"", false),
        (9, "email: \"nobody@x.example\"", true),
        (2, "email: \"second@x.example\"", false),
        (9, "createdAt: { gte: \"2024-03-08T00:00:00Z\" }", true),
        (9, "createdAt: { gte: \"2024-03-02T00:00:00Z\" }", false),
        (9, "createdAt: { lt: \"2024-03-03T00:00:00Z\" }", true),
        (9, "updatedAt: { gte: \"2024-03-08T00:00:00Z\" }", true),
        (9, "updatedAt: { lt: \"2024-03-03T00:00:00Z\" }", true),
        (9, "updatedAt: { lt: \"2024-03-08T00:00:00Z\" }", false),
        (0, "updatedAt: { lt: \"2024-03-03T00:00:00Z\" }", false),
    ] {
        let mut people: Vec<Value> = (0..shown).map(person).collect();
        if people.is_empty() {
            // Changed since the CRM found them, which is nobody's fault.
            people.extend((0..9).map(|index| json!({ "id": format!("{index}"), "made": jiff::Timestamp::now().to_string() })));
        }
        let crm = Crm::json(json!({ "data": people })).await;
        let list = "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\npage = { kind = \"none\" }\n[list.filter]\n\
             \"email:eq\" = \"query:e\"\n\"createdAt:gte\" = \"query:from\"\n\"createdAt:lt\" = \"query:to\"\n\
             \"updatedAt:gte\" = \"query:since\"\n\"updatedAt:lt\" = \"query:until\"\n\
             [fields]\nid = \"/id\"\nemail = \"/email\"\ncreatedAt = \"/made\"\nupdatedAt = \"/made\"\n";
        let entry = SourceEntry {
            key: "crm".into(),
            name: "CRM".into(),
            adapter: "acme".into(),
            rank: 0,
            source: Arc::new(source(&crm, &file("", list))),
        };
        let gateway = Asked::new(Sources::new(vec![Arc::new(entry)]));
        let query = format!("{{ customers(filter: {{ {filter} }}) {{ nodes {{ id }} }} }}");
        let answer = gateway.ask(&query).await;
        let expected: &[&str] = if refused {
            &["SOURCE_INVALID_RESPONSE"]
        } else {
            &[]
        };
        assert_eq!(codes(&answer), expected, "{filter}: {answer:#}");
    }
}
