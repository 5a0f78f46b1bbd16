//! Ends of lists that are reached by a number: a CRM that does not heed the number, or counts wrongly, shows no other rows than the
//! last ones without a word.

use super::lies::{before, number};
use super::support::crm::{Crm, Play, Seen};
use super::support::gateway::{codes, parameters};
use serde_json::{Value, json};

const WRONG: &str = "SOURCE_INVALID_RESPONSE";

/// How many customers the CRM has.
const ALL: usize = 23;

/// A page by offset as Spirii answers it, of all customers, with this count.
fn page(seen: &Seen, from: impl Fn(usize) -> usize, count: usize) -> Play {
    let asked = parameters(&seen.target);
    let (size, offset) = (
        number(&asked, "limit").unwrap(),
        number(&asked, "offset").unwrap_or(0),
    );
    let rows: Vec<Value> = (0..ALL)
        .skip(from(offset))
        .take(size)
        .map(|row| json!({ "id": 1001 + row, "name": "N", "createdAt": "2024-01-01T00:00:00Z" }))
        .collect();
    Play::Json(200, json!({ "data": rows, "count": count }))
}

async fn asked(crm: &Crm, name: &str, arguments: &str) -> Value {
    let query = format!(
        "{{ list: customers({arguments}) {{ totalCount nodes {{ sourceId }} pageInfo {{ hasNextPage hasPreviousPage startCursor }} }} }}"
    );
    before(crm, name).ask(&query).await
}

fn shown(answer: &Value) -> Vec<String> {
    let nodes = answer["data"]["list"]["nodes"].as_array();
    let ids = nodes.into_iter().flatten().map(|node| &node["sourceId"]);
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_head_of_a_list_is_not_taken_for_its_end() {
    for arguments in ["last: 1", "last: 3", "last: 7", "last: 20"] {
        for order in [
            "",
            ", orderBy: { field: ID }",
            ", orderBy: { field: CREATED_AT, direction: DESC }",
        ] {
            let crm = Crm::answering(|seen, _| page(seen, |_| 0, ALL)).await;
            let answer = asked(&crm, "spirii", &format!("{arguments}{order}")).await;
            assert_eq!(codes(&answer), [WRONG], "{arguments}{order}: {answer}");
            assert!(crm.seen().len() <= 6, "{:?}", crm.seen());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_that_is_too_small_hides_no_last_row() {
    for less in [1, 5] {
        for last in [1, 7, 18, 20, 22, 100] {
            let crm = Crm::answering(move |seen, _| page(seen, |offset| offset, ALL - less)).await;
            let answer = asked(&crm, "spirii", &format!("last: {last}")).await;
            // Where all rows came at once, nobody needs the count.
            let ids: Vec<String> = (1001..1001 + ALL).map(|id| id.to_string()).collect();
            let is_the_end = shown(&answer) == ids[ALL - last.min(ALL)..];
            let refused = codes(&answer) == [WRONG];
            assert!(refused || is_the_end, "{less} {last}: {answer}");
            assert!(refused || last > 17, "{less} {last}: {answer}");
        }
    }
}

/// To make sure of the count costs no call of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_true_count_costs_two_calls() {
    for last in [1, 7, 20, 98] {
        let crm = Crm::answering(|seen, _| page(seen, |offset| offset, ALL)).await;
        let answer = asked(&crm, "spirii", &format!("last: {last}")).await;
        assert!(codes(&answer).is_empty(), "{last}: {answer}");
        let ids: Vec<String> = (1001..1001 + ALL).map(|id| id.to_string()).collect();
        assert_eq!(shown(&answer), ids[ALL - last.min(ALL)..], "{last}");
        assert_eq!(answer["data"]["list"]["totalCount"], ALL);
        assert!(crm.seen().len() <= 2, "{last}: {:?}", crm.seen());
    }
}

/// All rows on one page that is shorter than asked, beside a count that says more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_that_the_rows_contradict_is_no_total() {
    for name in ["spirii", "gtateth", "flextell"] {
        for (count, total) in [(ALL, json!(ALL)), (ALL + 1, json!(null)), (28, json!(null))] {
            let crm = Crm::answering(move |seen, _| {
                let asked = parameters(&seen.target);
                let page = number(&asked, "page").unwrap_or(1);
                let from = number(&asked, "offset").unwrap_or((page - 1) * 100);
                let rows: Vec<Value> = (from..ALL)
                    .map(|row| json!({ "id": row, "_id": format!("{row}"), "name": "N" }))
                    .collect();
                Play::Json(
                    200,
                    json!({ "success": true, "data": rows, "count": count, "pagination": { "total": count }, "meta": { "total": count } }),
                )
            })
            .await;
            let answer = asked(&crm, name, "first: 100").await;
            assert!(codes(&answer).is_empty(), "{name} {count}: {answer}");
            assert_eq!(shown(&answer).len(), ALL, "{name} {count}: {answer}");
            let said = &answer["data"]["list"]["totalCount"];
            assert_eq!(*said, total, "{name} {count}: {answer}");
        }
    }
}

/// A row of the beginning that stands once more near the end makes no other list of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_row_that_stands_twice_is_not_the_head_of_the_list() {
    for (last, again) in (2..5).flat_map(|last| (15..ALL).map(move |again| (last, again))) {
        let crm = Crm::answering(move |seen, _| {
            let asked = parameters(&seen.target);
            let size = number(&asked, "limit").unwrap();
            let offset = number(&asked, "offset").unwrap_or(0);
            let number = |row: usize| if row == again { 1001 } else { 1001 + row };
            let rows: Vec<Value> = (0..ALL)
                .skip(offset)
                .take(size)
                .map(|row| json!({ "id": number(row), "name": "N" }))
                .collect();
            Play::Json(200, json!({ "data": rows, "count": ALL }))
        })
        .await;
        let answer = asked(&crm, "spirii", &format!("last: {last}")).await;
        assert!(codes(&answer).is_empty(), "{last} {again}: {answer}");
    }
}
