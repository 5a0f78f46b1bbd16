//! Where a list ends, and what is said of its length, behind CRMs that say too little or contradict themselves: every row once,
//! or a word that it cannot be known.

use super::lies::{before, behind, number, walk};
use super::support::crm::{Crm, Play, Seen};
use super::support::gateway::parameters;
use serde_json::{Value, json};

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
