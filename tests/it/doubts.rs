//! Answers that look right one by one: what contradicts them is another answer, a row on the same page, or their own total.

use super::lies::{before, behind, number, walk};
use super::odd_data::direct::Asked;
use super::support::crm::{Crm, Play, Seen, file, source};
use super::support::gateway::{codes, parameters};
use crmql::source::{SourceEntry, Sources};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const WRONG: &str = "SOURCE_INVALID_RESPONSE";

/// A gateway before a CRM whose adapter file has this list.
fn over(crm: &Crm, list: &str) -> Asked {
    let text = format!(
        "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\n{list}\n[fields]\nid = {{ r = \"/id\" }}\ncreatedAt = {{ r = \"/made\" }}\n"
    );
    let entry = SourceEntry {
        key: "crm".into(),
        name: "CRM".into(),
        adapter: "acme".into(),
        rank: 0,
        source: Arc::new(source(crm, &file("", &text))),
    };
    Asked::new(Sources::new(vec![Arc::new(entry)]))
}

fn source_ids(list: &Value) -> Vec<String> {
    let nodes = list["nodes"].as_array().cloned().unwrap_or_default();
    nodes
        .iter()
        .map(|node| node["sourceId"].as_str().unwrap().to_owned())
        .collect()
}

/// A walk over 32 customers shows them all or says that the CRM errs, whatever the size of its windows.
async fn is_read_whole_or_refused(crm: &Crm, list: &str) {
    for size in [5, 6, 7, 8, 9] {
        let (ids, _, error) = walk(&over(crm, list), "", size).await;
        assert!(
            ids.len() == 32 || error.as_deref() == Some(WRONG),
            "{size}: {} {error:?}",
            ids.len()
        );
    }
}

/// A row that stands twice on one page has taken another's place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_with_one_row_twice_is_not_counted() {
    for (name, size) in [("gtateth", 50), ("spirii", 50), ("spirii", 7)] {
        let crm = Crm::answering(|seen, _| {
            let asked = parameters(&seen.target);
            let size = number(&asked, "limit").unwrap();
            let begin = match number(&asked, "page") {
                Some(page) => (page - 1) * size,
                None => number(&asked, "offset").unwrap_or(0),
            };
            let mut ids: Vec<usize> = (1..38).skip(begin).take(size).collect();
            if let [first, _, .., last] = ids.as_mut_slice() {
                *last = *first;
            }
            let rows: Vec<Value> = ids
                .iter()
                .map(|id| json!({ "_id": format!("{id}"), "id": id, "name": "N" }))
                .collect();
            let told = json!({ "total": 37, "page": begin / size + 1, "limit": size, "totalPages": 37usize.div_ceil(size) });
            Play::Json(200, json!({ "success": true, "data": rows, "pagination": told, "count": 37, "limit": size, "offset": begin }))
        })
        .await;
        let query =
            format!("{{ list: customers(first: {size}) {{ totalCount nodes {{ sourceId }} }} }}");
        let answer = before(&crm, name).ask(&query).await;
        let said =
            answer["extensions"]["paging"]["drift"] == "unresolved" || codes(&answer) == [WRONG];
        assert!(said, "{name} {size}: {answer}");
        assert_eq!(answer["data"]["list"]["totalCount"], Value::Null);
    }
}

/// Ids that are text: where every collation agrees, an order by them is held to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_by_ids_of_text_that_the_crm_ignores_is_an_error() {
    let list = "page = { kind = \"none\" }\n[list.sort]\nstyle = \"suffix\"\nto = \"query:sort\"\nasc = \"\"\ndesc = \"-\"\nby = { id = \"id\" }\nunique = \"id\"\n";
    for (ids, wrong) in [
        (vec!["100000000000000001", "100000000000000002"], true),
        (vec!["100000000000000002", "100000000000000001"], false),
        (vec!["aa", "ab", "b", "ca"], true),
        // A CRM that compares without regard to case, and one that compares numbers.
        (vec!["Zb", "a", "C", "B"], false),
        (vec!["1000", "200", "30", "4"], false),
    ] {
        let rows: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        let crm = Crm::json(json!({ "data": rows })).await;
        let query =
            "{ list: customers(orderBy: { field: ID, direction: DESC }) { nodes { sourceId } } }";
        let answer = over(&crm, list).ask(query).await;
        let expected: &[&str] = if wrong { &[WRONG] } else { &[] };
        assert_eq!(codes(&answer), expected, "{ids:?}: {answer}");
    }
}

/// A list in the order of change: a customer that is changed while it is read comes once more, at its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_whose_last_page_holds_only_known_rows_ends() {
    let style = "kind = \"token\", send = \"query:after\", next = \"/next\"";
    for window in ["first: 20", "last: 2", "first: 20, orderBy: { field: ID }"] {
        let crm = Crm::answering(|seen, _| {
            let asked = parameters(&seen.target);
            let (ids, next) = match number(&asked, "after").unwrap_or(0) {
                0 => (1..4, Some(3)),
                3 => (4..7, Some(6)),
                _ => (1..2, None),
            };
            let rows: Vec<Value> = ids.map(|id| json!({ "id": format!("{id}") })).collect();
            Play::Json(200, json!({ "data": rows, "next": next }))
        })
        .await;
        let query = format!("{{ list: customers({window}) {{ nodes {{ sourceId }} }} }}");
        let answer = behind(&crm, style, "").ask(&query).await;
        assert!(codes(&answer).is_empty(), "{window}: {answer}");
        let ids = source_ids(&answer["data"]["list"]);
        let expected: &[&str] = match window {
            "last: 2" => &["5", "6"],
            _ => &["1", "2", "3", "4", "5", "6"],
        };
        assert_eq!(ids, expected, "{window}");
    }
    // Ever new tokens that lead to nothing new: a bounded number of calls.
    let crm = Crm::answering(|_, before| {
        Play::Json(
            200,
            json!({ "data": [{ "id": "1" }], "next": format!("{before}") }),
        )
    })
    .await;
    let (_, _, error) = walk(&behind(&crm, style, ""), "", 5).await;
    assert_eq!(error.as_deref(), Some(WRONG));
    assert!(crm.seen().len() <= 60);
}

/// A `next` that stands elsewhere than the adapter says: the list has more rows than its walk comes to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_ends_before_its_own_total_is_an_error() {
    let style = "kind = \"token\", send = \"query:after\", next = \"/nextx\", total = \"/total\"";
    for window in [
        "first: 7",
        "first: 20",
        "last: 3",
        "first: 7, orderBy: { field: ID }",
    ] {
        let rows: Vec<Value> = (0..20).map(|id| json!({ "id": format!("{id}") })).collect();
        let crm = Crm::json(json!({ "data": rows, "next": "19", "total": 37 })).await;
        let query =
            format!("{{ list: customers({window}) {{ totalCount nodes {{ sourceId }} }} }}");
        let answer = behind(&crm, style, "").ask(&query).await;
        assert_eq!(codes(&answer), [WRONG], "{window}: {answer}");
    }
}

/// The number of the page does not arrive: rows that all stand before the cursor's are no end of the list.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_the_first_again_is_no_end() {
    let crm = Crm::answering(|seen, _| {
        let size = number(&parameters(&seen.target), "n").unwrap();
        let row = |id: usize| json!({ "id": format!("{id}"), "made": format!("2024-01-01T00:{id:02}:00Z") });
        let rows: Vec<Value> = (0..32).take(size).map(row).collect();
        Play::Json(200, json!({ "data": rows, "total": 32 }))
    })
    .await;
    let list = "page = { kind = \"page\", page = \"query:px\", size = \"query:n\", max = 200, total = \"/total\" }\n[list.sort]\nstyle = \"suffix\"\nto = \"query:sort\"\nasc = \"\"\ndesc = \"-\"\nby = { createdAt = \"made\" }\ndefault = { field = \"createdAt\", direction = \"asc\" }\n";
    is_read_whole_or_refused(&crm, list).await;
}

/// The size of the page does not arrive: a page behind the first of that size is empty, though rows stood there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_empty_because_all_are_larger_is_no_end() {
    let crm = Crm::answering(|seen, _| {
        let page = number(&parameters(&seen.target), "p").unwrap();
        let rows = (0..32).skip((page - 1) * 200).take(200);
        let rows: Vec<Value> = rows.map(|id| json!({ "id": format!("{id}") })).collect();
        Play::Json(200, json!({ "data": rows, "more": false }))
    })
    .await;
    let list = "page = { kind = \"page\", page = \"query:p\", size = \"query:nx\", max = 200, more = \"/more\" }\n";
    is_read_whole_or_refused(&crm, list).await;
}

/// Which of several values a server heeds that come in one parameter, given several times.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Keeps {
    All,
    First,
    Last,
}

fn values(seen: &Seen, name: &str, keeps: Keeps) -> Vec<String> {
    let query = seen.target.split_once('?').map_or("", |(_, query)| query);
    let all: Vec<String> = url::form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .collect();
    match keeps {
        Keeps::All => all,
        Keeps::First => all.into_iter().take(1).collect(),
        Keeps::Last => all.into_iter().next_back().into_iter().collect(),
    }
}

/// So many of customers 1 to 6: the fourth is private, the others are businesses.
async fn keeping(keeps: Keeps, count: &Arc<AtomicUsize>) -> Crm {
    let count = Arc::clone(count);
    Crm::answering(move |seen, _| {
        let asked = parameters(&seen.target);
        let (ids, types) = (
            values(seen, "customerIds", keeps),
            values(seen, "types", keeps),
        );
        let last = count.load(Ordering::Relaxed);
        let kind = |id: usize| if id == 4 { "Private" } else { "Business" };
        let rows: Vec<Value> = (1..=last)
            .filter(|id| ids.is_empty() || ids.contains(&id.to_string()))
            .filter(|id| types.is_empty() || types.iter().any(|word| word == kind(*id)))
            .map(|id| json!({ "id": id, "name": "N" }))
            .collect();
        let (size, begin) = (
            number(&asked, "limit").unwrap(),
            number(&asked, "offset").unwrap_or(0),
        );
        let page: Vec<&Value> = rows.iter().skip(begin).take(size).collect();
        Play::Json(
            200,
            json!({ "data": page, "count": rows.len(), "limit": size, "offset": begin }),
        )
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_of_several_values_of_which_the_crm_heeds_one_is_an_error() {
    for keeps in [Keeps::All, Keeps::First, Keeps::Last] {
        for (wanted, found) in [
            ("1 2", "1 2"),
            ("1 2 5", "1 2"),
            ("5 1 2", "1 2"),
            ("5 1 6", "1"),
            ("5 6", ""),
        ] {
            let count = Arc::new(AtomicUsize::new(6));
            let crm = keeping(keeps, &count).await;
            let gateway = before(&crm, "spirii");
            let all = gateway
                .ask("{ customers(first: 6) { nodes { id } } }")
                .await;
            let nodes = &all["data"]["customers"]["nodes"];
            let id = |number: &str| nodes[number.parse::<usize>().unwrap() - 1]["id"].clone();
            let ids: Vec<Value> = wanted.split(' ').map(id).collect();
            count.store(4, Ordering::Relaxed);
            let query = format!(
                "{{ list: customers(filter: {{ ids: {} }}) {{ totalCount nodes {{ sourceId }} }} }}",
                json!(ids)
            );
            let answer = gateway.ask(&query).await;
            let told = source_ids(&answer["data"]["list"]).join(" ");
            // Of two values that have no rows the answer is right, whichever is heeded.
            if keeps == Keeps::All || found.is_empty() {
                assert!(codes(&answer).is_empty(), "{wanted}: {answer}");
                assert_eq!(told, found, "{wanted}");
            } else {
                assert_eq!(codes(&answer), [WRONG], "{keeps:?} {wanted}: {answer}");
            }
            assert!(crm.seen().len() <= 8);
        }
        for words in [
            "PRIVATE, BUSINESS",
            "BUSINESS, PRIVATE",
            "OPERATOR, PRIVATE, OPERATOR_SUBSIDIARY",
        ] {
            let count = Arc::new(AtomicUsize::new(4));
            let crm = keeping(keeps, &count).await;
            let query = format!(
                "{{ list: customers(filter: {{ type: [{words}] }}) {{ nodes {{ sourceId }} }} }}"
            );
            let answer = before(&crm, "spirii").ask(&query).await;
            let expected: &[&str] = if keeps == Keeps::All { &[] } else { &[WRONG] };
            assert_eq!(codes(&answer), expected, "{keeps:?} {words}: {answer}");
        }
    }
}

/// What a list of these customers tells, asked for while there were six and told when there are so many left.
async fn told(keeps: Keeps, left: usize, ids: &[usize], rest: &str) -> (Vec<String>, Value) {
    let count = Arc::new(AtomicUsize::new(6));
    let crm = keeping(keeps, &count).await;
    let gateway = before(&crm, "spirii");
    let all = gateway
        .ask("{ customers(first: 6) { nodes { id } } }")
        .await;
    let nodes = &all["data"]["customers"]["nodes"];
    let ids: Vec<&Value> = ids.iter().map(|id| &nodes[id - 1]["id"]).collect();
    count.store(left, Ordering::Relaxed);
    let query = format!(
        "{{ list: customers(filter: {{ ids: {} {rest} }}) {{ nodes {{ sourceId }} }} }}",
        json!(ids)
    );
    let answer = gateway.ask(&query).await;
    (source_ids(&answer["data"]["list"]), answer)
}

/// Neither the first value has rows nor the last: one between them may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_between_two_without_rows_is_heeded_too() {
    for keeps in [Keeps::All, Keeps::First, Keeps::Last] {
        let types = "type: [PRIVATE, BUSINESS, OPERATOR]";
        let (ids, answer) = told(keeps, 6, &[1], types).await;
        let expected: &[&str] = if keeps == Keeps::All { &[] } else { &[WRONG] };
        assert_eq!(codes(&answer), expected, "{keeps:?}: {answer}");
        let rows: &[&str] = if keeps == Keeps::All { &["1"] } else { &[] };
        assert_eq!(ids, rows, "{keeps:?}");
    }
}

/// No two customers are left to prove it with, and the only one is among those that were asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_customer_there_is_is_missed() {
    for keeps in [Keeps::All, Keeps::First, Keeps::Last] {
        let (ids, answer) = told(keeps, 1, &[5, 1, 6], "").await;
        // In whatever order ids are sent, one of the two is asked for alone.
        let missed = ids.is_empty() && codes(&answer) == [WRONG];
        assert!(ids == ["1"] || missed, "{keeps:?}: {answer}");
    }
    let (ids, answer) = told(Keeps::All, 1, &[5, 6, 2], "").await;
    assert!(ids.is_empty() && codes(&answer).is_empty(), "{answer}");
}

/// Customers who come in the order in which they were asked for: a page of one shows another one when that is turned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_come_as_they_were_asked_for_prove_no_lie() {
    let crm = Crm::answering(|seen, _| {
        let asked = parameters(&seen.target);
        let (size, begin) = (
            number(&asked, "limit").unwrap(),
            number(&asked, "offset").unwrap_or(0),
        );
        let ids = values(seen, "customerIds", Keeps::All);
        let ids = match ids.as_slice() {
            [] => vec!["1".to_owned(), "2".to_owned(), "3".to_owned()],
            ids => ids.to_vec(),
        };
        let rows: Vec<Value> = ids
            .iter()
            .map(|id| json!({ "id": id.parse::<usize>().unwrap(), "name": "N" }))
            .collect();
        let page: Vec<&Value> = rows.iter().skip(begin).take(size).collect();
        Play::Json(
            200,
            json!({ "data": page, "count": rows.len(), "limit": size, "offset": begin }),
        )
    })
    .await;
    let gateway = before(&crm, "spirii");
    let all = gateway.ask("{ customers { nodes { id } } }").await;
    let ids: Vec<&Value> = (0..3)
        .map(|at| &all["data"]["customers"]["nodes"][at]["id"])
        .collect();
    let query = format!(
        "{{ list: customers(first: 1, filter: {{ ids: {} }}) {{ nodes {{ sourceId }} }} }}",
        json!(ids)
    );
    let answer = gateway.ask(&query).await;
    assert!(codes(&answer).is_empty(), "{answer}");
    assert_eq!(source_ids(&answer["data"]["list"]).len(), 1);
}

/// Once several values were seen to be heeded, nothing more is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crm_that_heeds_several_values_is_asked_for_a_proof_once() {
    let crm = keeping(Keeps::All, &Arc::new(AtomicUsize::new(4))).await;
    let gateway = before(&crm, "spirii");
    let query = "{ customers(filter: { type: [PRIVATE, BUSINESS] }) { nodes { sourceId } } }";
    gateway.ask(query).await;
    let proven = crm.seen().len();
    assert!(proven <= 2, "{proven}");
    gateway.ask(query).await;
    assert_eq!(crm.seen().len(), proven + 1);
}

/// Rows of two values are the proof, and it holds where there are none, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_two_values_prove_that_several_are_heeded() {
    let count = Arc::new(AtomicUsize::new(6));
    let crm = keeping(Keeps::All, &count).await;
    let gateway = before(&crm, "spirii");
    let all = gateway
        .ask("{ customers(first: 6) { nodes { id } } }")
        .await;
    let nodes = &all["data"]["customers"]["nodes"];
    for (pair, rows) in [([0, 1], vec!["1", "2"]), ([4, 5], vec![])] {
        let ids = pair.map(|at| &nodes[at]["id"]);
        let query = format!(
            "{{ list: customers(filter: {{ ids: {} }}) {{ nodes {{ sourceId }} }} }}",
            json!(ids)
        );
        let asked = crm.seen().len();
        let answer = gateway.ask(&query).await;
        assert!(codes(&answer).is_empty(), "{answer}");
        assert_eq!(source_ids(&answer["data"]["list"]), rows);
        assert_eq!(crm.seen().len(), asked + 1, "{rows:?}");
        count.store(4, Ordering::Relaxed);
    }
}

/// The key of a row leads on like a token, and is in every cursor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_longer_than_anybody_sends_is_an_error() {
    for (length, expected) in [(10_000, &[][..]), (20_000, &[WRONG][..])] {
        let crm = Crm::answering(move |_, before| {
            let row = json!({ "id": "1", "key": "k".repeat(length) });
            let rows: Vec<Value> = std::iter::once(row).filter(|_| before == 0).collect();
            Play::Json(200, json!({ "data": rows }))
        })
        .await;
        let style = "kind = \"keyset\", send = \"query:after\", key = \"last:/key\"";
        let query = "{ list: customers(first: 5) { nodes { sourceId } } }";
        let answer = behind(&crm, style, "").ask(query).await;
        assert_eq!(codes(&answer), expected, "{length}: {answer:.300}");
    }
}

/// A page of a numbered list that has shrunk since its first answer, or whose total counts rows that are not there.
fn shrunk(seen: &Seen, (count, total): (usize, usize), past: u16) -> Play {
    let asked = parameters(&seen.target);
    let size = number(&asked, "limit").unwrap();
    let page = number(&asked, "page").unwrap_or(1);
    let rows = (0..count).skip((page - 1) * size).take(size);
    let rows: Vec<Value> = rows.map(|id| json!({ "_id": format!("{id}") })).collect();
    if rows.is_empty() && past != 200 {
        return Play::Json(past, json!({ "success": false, "error": "no such page" }));
    }
    let pages = total.div_ceil(size);
    let told = json!({ "total": total, "page": page, "limit": size, "totalPages": pages });
    let answer = json!({ "success": true, "data": rows, "pagination": told });
    Play::Json(200, answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_came_nearer_between_two_calls_is_found() {
    for past in [200, 400, 404, 422] {
        for (need, left) in [(1, 36), (20, 12)] {
            let crm = Crm::answering(move |seen, before| {
                let count = if before == 0 { 40 } else { left };
                shrunk(seen, (count, count), past)
            })
            .await;
            let query = format!("{{ list: customers(last: {need}) {{ nodes {{ sourceId }} }} }}");
            let answer = before(&crm, "gtateth").ask(&query).await;
            assert!(codes(&answer).is_empty(), "{past} {left}: {answer}");
            let ids = source_ids(&answer["data"]["list"]);
            assert_eq!(ids.len(), need.min(left), "{past} {left}");
            assert_eq!(
                ids.last().cloned(),
                left.checked_sub(1).map(|id| id.to_string())
            );
        }
    }
}

/// Nobody gave the CRM a wrong value: it is its own total that leads past its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_only_a_wrong_total_asks_for_is_no_fault_of_the_caller() {
    for past in [400, 404, 422] {
        for window in ["first: 50", "last: 5"] {
            let crm = Crm::answering(move |seen, _| shrunk(seen, (20, 70), past)).await;
            let query = format!("{{ list: customers({window}) {{ nodes {{ sourceId }} }} }}");
            let answer = before(&crm, "gtateth").ask(&query).await;
            assert_eq!(codes(&answer), [WRONG], "{past} {window}: {answer}");
            assert!(crm.seen().len() <= 8);
        }
    }
}
