//! Where a list ends, and what is said of its length, behind CRMs that say too little or contradict themselves: every row once,
//! or a word that it cannot be known.

use super::lies::{before, behind, number, walk};
use super::odd_data::direct::Asked;
use super::support::crm::{Crm, Play, Seen};
use super::support::gateway::{codes, parameters};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// The members of a list in one text, as `walk` shows them.
fn quoted(ids: impl IntoIterator<Item = usize>) -> Vec<String> {
    ids.into_iter().map(|id| format!("\"{id}\"")).collect()
}

/// A page of numbered customers as the adapter of this name reads it; `pages` instead of the true number of pages.
fn numbered(name: &str, seen: &Seen, all: &[Value], total: usize, pages: Option<usize>) -> Play {
    let asked = parameters(&seen.target);
    let size = number(
        &asked,
        if name == "gtateth" {
            "limit"
        } else {
            "per_page"
        },
    )
    .unwrap();
    let page = number(&asked, "page").unwrap_or(1);
    let rows: Vec<&Value> = all.iter().skip((page - 1) * size).take(size).collect();
    let pages = pages.unwrap_or(total.div_ceil(size));
    Play::Json(
        200,
        if name == "gtateth" {
            json!({ "success": true, "data": rows, "pagination": { "total": total, "page": page, "limit": size, "totalPages": pages } })
        } else {
            json!({ "data": rows, "meta": { "total": total, "current_page": page, "last_page": pages } })
        },
    )
}

/// A customer as both adapters read it, made in this minute.
fn made(id: usize, minute: usize) -> Value {
    let time = format!("2024-01-01T{:02}:{:02}:00Z", minute / 60, minute % 60);
    json!({ "_id": format!("{id}"), "id": id, "created_at": time })
}

/// A stale number of pages, or one that is capped, beside a total that says more: the rows decide.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_of_pages_that_the_total_contradicts_ends_no_list() {
    for name in ["gtateth", "flextell"] {
        for (count, total) in [(30, 30), (10, 30)] {
            let crm = Crm::answering(move |seen, _| {
                let all: Vec<Value> = (0..count).map(|id| made(id, id)).collect();
                numbered(name, seen, &all, total, Some(1))
            })
            .await;
            for size in [10, 7, 40] {
                let (ids, totals, error) = walk(&before(&crm, name), "", size).await;
                assert_eq!((ids, error), (quoted(0..count), None), "{name} by {size}");
                let last = totals.last().unwrap();
                assert!(last.is_null() || *last == count, "{name}: {totals:?}");
            }
        }
    }
}

/// What ends a walk is declared; anything else that is no token is an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_next_that_is_no_token_is_no_end() {
    let rows: Vec<Value> = (0..10).map(|id| json!({ "id": format!("{id}") })).collect();
    let style = "kind = \"token\", send = \"query:after\", next = \"/next\"";
    for (next, ends) in [
        (json!(null), true),
        (json!(""), true),
        (json!({ "a": 1 }), false),
        (json!([]), false),
        (json!(true), false),
        (json!(false), false),
        (json!(1.5), false),
    ] {
        let crm = Crm::json(json!({ "data": rows, "next": next })).await;
        let (ids, totals, error) = walk(&behind(&crm, style, ""), "", 10).await;
        if ends {
            assert_eq!((ids.len(), error), (10, None), "{next}");
        } else {
            assert_eq!(error.as_deref(), Some("SOURCE_INVALID_RESPONSE"), "{next}");
            assert!(totals.is_empty());
        }
    }
}

/// A page by offset, of so many rows at most, whose count counts its own rows.
fn by_offset(seen: &Seen, count: usize, most: usize, echoes: bool) -> Play {
    let asked = parameters(&seen.target);
    let size = number(&asked, "limit").unwrap().min(most);
    let offset = number(&asked, "offset").unwrap_or(0);
    let rows = (offset..count).take(size);
    let rows: Vec<Value> = rows.map(|id| json!({ "id": id, "name": "N" })).collect();
    let mut answer = json!({ "count": rows.len(), "data": rows, "offset": offset });
    if echoes {
        answer["limit"] = json!(size);
    }
    Play::Json(200, answer)
}

/// The CRM gives fewer rows than asked and does not say so: the rows of a page are not taken for the whole list.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_page_that_counts_itself_is_no_whole_list() {
    for (most, size) in [(10, 20), (50, 60), (10, 7), (50, 100)] {
        for echoes in [false, true] {
            let crm = Crm::answering(move |seen, _| by_offset(seen, 60, most, echoes)).await;
            let (ids, totals, error) = walk(&before(&crm, "spirii"), "", size).await;
            assert_eq!(
                (ids, error),
                (quoted(0..60), None),
                "{most} at most, by {size}"
            );
            assert!(totals.iter().all(|total| total.is_null() || *total == 60));
        }
    }
}

/// Nobody knows whether the count is that of the list; the row that tells whether more follow comes with the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_a_first_window_costs_no_call_where_the_count_may_be_the_pages() {
    for count in [60, 21, 20, 5] {
        let crm = Crm::answering(move |seen, _| by_offset(seen, count, 100, true)).await;
        let query = "{ customers(first: 20) { nodes { id } pageInfo { hasNextPage } } }";
        let answer = before(&crm, "spirii").ask(query).await;
        let list = &answer["data"]["customers"];
        assert_eq!(list["pageInfo"]["hasNextPage"], count > 20);
        assert_eq!(list["nodes"].as_array().unwrap().len(), count.min(20));
        assert_eq!(crm.seen().len(), 1, "{count} rows");
    }
}

/// A CRM of so many customers that lists only some of them later, and refuses with this status each page that holds none.
async fn refusing(
    name: &'static str,
    status: u16,
    (count, left): (usize, std::ops::Range<usize>),
) -> (Crm, Arc<AtomicBool>) {
    let gone = Arc::new(AtomicBool::new(false));
    let later = Arc::clone(&gone);
    let crm = Crm::answering(move |seen, _| {
        let here = if later.load(Ordering::Relaxed) {
            left.clone()
        } else {
            0..count
        };
        let all: Vec<Value> = here.map(|id| made(id, id)).collect();
        let play = numbered(name, seen, &all, all.len(), None);
        match &play {
            Play::Json(_, body) if body["data"] == json!([]) => {
                Play::Json(status, json!({ "success": false, "error": "no such page" }))
            }
            _ => play,
        }
    })
    .await;
    (crm, gone)
}

const WINDOW: &str = "nodes { sourceId } pageInfo { endCursor hasNextPage }";

async fn window(gateway: &Asked, size: usize, after: &Value) -> Value {
    let query = format!("{{ list: customers(first: {size}, after: {after}) {{ {WINDOW} }} }}");
    gateway.ask(&query).await
}

fn ids(answer: &Value) -> Vec<usize> {
    let nodes = answer["data"]["list"]["nodes"].as_array().unwrap();
    let id = |node: &Value| node["sourceId"].as_str().unwrap().parse().unwrap();
    nodes.iter().map(id).collect()
}

/// Many rows go, and the page of a cursor lies past the end by now; that this is refused says nothing of the caller's input.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_outlives_the_rows_before_it_where_the_crm_refuses_pages_past_the_end() {
    for name in ["gtateth", "flextell"] {
        for status in [400, 404, 416, 422] {
            let (crm, gone) = refusing(name, status, (100, 40..65)).await;
            let gateway = before(&crm, name);
            let mut after = Value::Null;
            for _ in 0..3 {
                let answer = window(&gateway, 20, &after).await;
                after = answer["data"]["list"]["pageInfo"]["endCursor"].clone();
            }
            gone.store(true, Ordering::Relaxed);
            let answer = window(&gateway, 20, &after).await;
            assert_eq!(codes(&answer), [""; 0], "{name} {status}: {answer:#}");
            assert_eq!(ids(&answer), [60, 61, 62, 63, 64], "{name} {status}");
            assert_eq!(
                answer["extensions"]["paging"],
                Value::Null,
                "{name} {status}"
            );
        }
    }
}

/// So many rows go that more than one page lies past the end by now, on the way from where the row was to where it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_is_sought_over_pages_past_the_end_that_the_crm_refuses() {
    let (crm, gone) = refusing("flextell", 404, (700, 660..685)).await;
    let gateway = before(&crm, "flextell");
    let mut after = Value::Null;
    for _ in 0..7 {
        let answer = window(&gateway, 96, &after).await;
        after = answer["data"]["list"]["pageInfo"]["endCursor"].clone();
    }
    gone.store(true, Ordering::Relaxed);
    let answer = window(&gateway, 20, &after).await;
    assert_eq!(codes(&answer), [""; 0], "{answer:#}");
    assert_eq!(ids(&answer), (672..685).collect::<Vec<_>>());
}

/// The same where nothing tells of an order: the rows are looked for on the page before, which is not there either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_is_looked_for_on_pages_past_the_end_that_the_crm_refuses() {
    let gone = Arc::new(AtomicBool::new(false));
    let later = Arc::clone(&gone);
    let crm = Crm::answering(move |seen, _| {
        let asked = parameters(&seen.target);
        let (page, size) = (number(&asked, "p").unwrap(), number(&asked, "n").unwrap());
        let count = if later.load(Ordering::Relaxed) {
            30
        } else {
            700
        };
        let rows: Vec<Value> = (0..count)
            .skip((page - 1) * size)
            .take(size)
            .map(|id| json!({ "id": format!("{id}") }))
            .collect();
        match rows.is_empty() {
            true => Play::Json(404, json!({ "error": "no such page" })),
            false => Play::Json(200, json!({ "data": rows, "total": count })),
        }
    })
    .await;
    let style = "kind = \"page\", page = \"query:p\", total = \"/total\"";
    let gateway = behind(&crm, style, "");
    let mut after = Value::Null;
    for _ in 0..7 {
        let answer = window(&gateway, 96, &after).await;
        after = answer["data"]["list"]["pageInfo"]["endCursor"].clone();
    }
    gone.store(true, Ordering::Relaxed);
    let answer = window(&gateway, 20, &after).await;
    assert_eq!(codes(&answer), [""; 0], "{answer:#}");
    assert_eq!(ids(&answer), [0; 0]);
    assert_eq!(answer["extensions"]["paging"]["drift"], "unresolved");
}

/// A refusal of a page that the CRM's own total says is there stays an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_page_within_the_total_is_no_end() {
    for name in ["gtateth", "flextell"] {
        for most in [1, 3] {
            let crm = Crm::answering(move |seen, asked| {
                let all: Vec<Value> = (0..100).map(|id| made(id, id)).collect();
                match asked < most {
                    true => numbered(name, seen, &all, 100, None),
                    false => Play::Json(400, json!({ "success": false, "error": "no" })),
                }
            })
            .await;
            let (ids, _, error) = walk(&before(&crm, name), "", 20).await;
            assert_eq!(error.as_deref(), Some("INVALID_INPUT"), "{name} {most}");
            assert_eq!(ids, quoted(0..20 * most));
        }
        // Only the page of the cursor is refused, whichever it is asked with.
        let crm = Crm::answering(move |seen, asked| {
            let all: Vec<Value> = (0..100).map(|id| made(id, id)).collect();
            let asked_for = parameters(&seen.target);
            match asked > 2 && asked_for["page"] != "1" {
                true => Play::Json(400, json!({ "success": false, "error": "no" })),
                false => numbered(name, seen, &all, 100, None),
            }
        })
        .await;
        let (ids, _, error) = walk(&before(&crm, name), "", 20).await;
        assert_eq!(error.as_deref(), Some("INVALID_INPUT"), "{name}");
        assert_eq!(ids, quoted(0..60));
    }
}

/// One answer with its rows in another order than the others: what came of it is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_change_their_order_between_two_windows_are_said() {
    for name in ["flextell", "spirii", "gtateth"] {
        for odd in [usize::MAX, 1] {
            let crm = Crm::answering(move |seen, asked| {
                let all: Vec<Value> = (0..60).map(|id| made(id, id)).collect();
                let mut play = match name {
                    "spirii" => by_offset(seen, 60, 100, true),
                    _ => numbered(name, seen, &all, 60, None),
                };
                if let (Play::Json(_, body), true) = (&mut play, asked == odd) {
                    body["data"].as_array_mut().unwrap().reverse();
                }
                play
            })
            .await;
            let gateway = before(&crm, name);
            let first = window(&gateway, 10, &Value::Null).await;
            let after = &first["data"]["list"]["pageInfo"]["endCursor"];
            let next = window(&gateway, 10, after).await;
            let said =
                next["extensions"]["paging"]["drift"] == "unresolved" || !codes(&next).is_empty();
            assert_eq!(said, odd == 1, "{name}: {next:#}");
        }
    }
}

/// A CRM that passes the order over is read exactly all the same, and nothing is said of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_in_an_order_of_its_own_is_read_whole() {
    let crm = Crm::answering(move |seen, _| {
        let all: Vec<Value> = (0..60).map(|id| made(id, id * 37 % 60)).collect();
        numbered("flextell", seen, &all, 60, None)
    })
    .await;
    let gateway = before(&crm, "flextell");
    let (mut after, mut seen) = (Value::Null, Vec::new());
    loop {
        let answer = window(&gateway, 7, &after).await;
        assert_eq!(answer["extensions"], Value::Null, "{answer:#}");
        seen.extend(ids(&answer));
        let info = &answer["data"]["list"]["pageInfo"];
        if info["hasNextPage"] == false {
            break;
        }
        after = info["endCursor"].clone();
    }
    assert_eq!(seen, (0..60).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_by_number_that_the_crm_ignores_is_an_error() {
    for (order, code) in [
        ("", None),
        (", orderBy: { field: ID, direction: DESC }", None),
        (", orderBy: { field: ID }", Some("SOURCE_INVALID_RESPONSE")),
    ] {
        let rows: Vec<Value> = [100, 99, 5].map(|id| json!({ "id": id })).into();
        let crm = Crm::json(json!({ "data": rows, "count": 3, "limit": 20, "offset": 0 })).await;
        let query = format!("{{ customers(first: 5{order}) {{ nodes {{ id }} }} }}");
        let answer = before(&crm, "spirii").ask(&query).await;
        assert_eq!(codes(&answer).first().copied(), code, "{order}: {answer:#}");
    }
}

/// What follows which page: a chain of ten rows a page whose end leads to its beginning, by a token that nobody was given yet.
fn circle(seen: &Seen) -> Play {
    let begin = number(&parameters(&seen.target), "after").unwrap_or(0);
    let rows: Vec<Value> = (begin..begin + 10)
        .map(|id| json!({ "id": format!("{id}") }))
        .collect();
    Play::Json(
        200,
        json!({ "data": rows, "next": format!("{}", (begin + 10) % 30) }),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_circle_of_tokens_repeats_no_row_to_who_walks_it() {
    for size in [7, 10, 13, 30] {
        let crm = Crm::answering(|seen, _| circle(seen)).await;
        let style = "kind = \"token\", send = \"query:after\", next = \"/next\", dangling = true";
        let (ids, _, error) = walk(&behind(&crm, style, ""), "", size).await;
        assert_eq!(
            error.as_deref(),
            Some("SOURCE_INVALID_RESPONSE"),
            "by {size}"
        );
        let distinct: HashSet<&String> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "by {size}: {ids:?}");
    }
}

/// The list of a CRM whose one customer has this where a deleted one has a time.
async fn of_one_deleted(at: &Value) -> Value {
    let row = json!({ "id": 1, "deleted_at": at });
    let meta = json!({ "total": 1, "current_page": 1, "last_page": 1 });
    let crm = Crm::json(json!({ "data": [row], "meta": meta })).await;
    let query = "{ list: customers { nodes { sourceId status deletedAt } } }";
    before(&crm, "flextell").ask(query).await
}

/// The field cannot be read, and the customer stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_time_at_all_makes_no_customer_a_deleted_one() {
    for deleted_at in [json!([{ "x": 1 }]), json!({ "x": 1 })] {
        let answer = of_one_deleted(&deleted_at).await;
        assert_eq!(ids(&answer).len(), 1, "{answer:#}");
        assert_eq!(codes(&answer), ["SOURCE_INVALID_RESPONSE"], "{answer:#}");
    }
}

/// What a CRM writes where nothing is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_for_nothing_makes_no_customer_a_deleted_one() {
    for (deleted_at, shown, errors) in [
        (json!(null), true, 0),
        (json!(""), true, 1),
        (json!(false), true, 1),
        (json!(0), true, 1),
        (json!([]), true, 1),
        (json!({}), true, 1),
        (json!("2024-01-02T00:00:00Z"), false, 0),
        (json!(true), false, 0),
    ] {
        let answer = of_one_deleted(&deleted_at).await;
        assert_eq!(
            ids(&answer).len(),
            usize::from(shown),
            "{deleted_at}: {answer:#}"
        );
        assert_eq!(codes(&answer).len(), errors, "{deleted_at}: {answer:#}");
        let active = |node: &Value| node["status"] == "ACTIVE" && node["deletedAt"].is_null();
        assert!(
            answer["data"]["list"]["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .all(active)
        );
    }
}

/// A total that counts deleted rows is not believed again once one of them was seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_total_that_was_seen_to_count_deleted_rows_is_not_told_again() {
    let crm = Crm::answering(move |seen, _| {
        let row = |id: usize| {
            let mut row = made(id, id);
            if id == 12 {
                row["deleted_at"] = json!("2024-02-01T00:00:00Z");
            }
            row
        };
        let all: Vec<Value> = (0..60).map(row).collect();
        numbered("flextell", seen, &all, 60, None)
    })
    .await;
    let gateway = before(&crm, "flextell");
    let (ids, totals, error) = walk(&gateway, "", 5).await;
    assert_eq!((ids.len(), error), (59, None));
    let first_null = totals.iter().position(Value::is_null).unwrap();
    assert!(
        totals[first_null..].iter().all(Value::is_null),
        "{totals:?}"
    );
    let (_, again, _) = walk(&gateway, "", 5).await;
    assert!(again.iter().all(Value::is_null), "{again:?}");
    let (_, whole, _) = walk(&gateway, "", 100).await;
    assert_eq!(whole, [59], "the whole list was seen");
}

/// The same values are the same filter, in whatever order and however often they are named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_values_is_a_set() {
    let row = json!({ "_id": "a", "tier": "gold" });
    let answer = json!({ "success": true, "data": [row], "pagination": { "total": 1, "page": 1, "limit": 20, "totalPages": 1 } });
    let crm = Crm::json(answer).await;
    let query = "{ customers(filter: { tier: [GOLD, GOLD] }) { nodes { id } } }";
    let answer = before(&crm, "gtateth").ask(query).await;
    assert_eq!(codes(&answer), [""; 0], "{answer:#}");
    assert_eq!(parameters(&crm.only().target)["tier"], "gold");

    let targets = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&targets);
    let crm = Crm::answering(move |seen, _| {
        asked.lock().unwrap().push(seen.target.clone());
        by_offset(seen, 60, 100, true)
    })
    .await;
    let gateway = before(&crm, "spirii");
    let list = async |types: &str, after: &Value| {
        let query = format!(
            "{{ list: customers(first: 5, after: {after}, filter: {{ type: [{types}] }}) {{ {WINDOW} }} }}"
        );
        gateway.ask(&query).await
    };
    let first = list("PRIVATE, BUSINESS", &Value::Null).await;
    let end = &first["data"]["list"]["pageInfo"]["endCursor"];
    let next = list("BUSINESS, PRIVATE, BUSINESS", end).await;
    assert_eq!(codes(&next), [""; 0], "{next:#}");
    assert_eq!(ids(&next), [5, 6, 7, 8, 9]);
}
