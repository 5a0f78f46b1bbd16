//! Totals that cannot be so, filters that a CRM passes over, and filters that only another list of it can serve.

use super::lies::{before_file, behind, number, walk};
use super::support::crm::{Crm, Play, file};
use super::support::gateway::{codes, parameters};
use serde_json::{Value, json};

/// So many rows, and always this total.
async fn counting(rows: usize, total: usize) -> Crm {
    Crm::answering(move |seen, _| {
        let asked = parameters(&seen.target);
        let size = number(&asked, "n").unwrap();
        let start = number(&asked, "p").map_or(0, |page| (page - 1) * size)
            + number(&asked, "o").unwrap_or(0);
        let start = if asked.contains_key("t") { rows } else { start };
        let all: Vec<Value> = (0..rows)
            .map(|id| json!({ "id": format!("{id}") }))
            .collect();
        let data: Vec<&Value> = all.iter().skip(start).take(size).collect();
        Play::Json(200, json!({ "data": data, "total": total }))
    })
    .await
}

/// A CRM that does not count says 0, and who is there must not seem gone for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_total_of_nothing_beside_rows_is_an_error() {
    for style in [
        "kind = \"page\", page = \"query:p\", total = \"/total\"",
        "kind = \"offset\", offset = \"query:o\", total = \"/total\"",
    ] {
        for (rows, refused) in [(45, true), (1, true), (0, false)] {
            for window in ["first: 20", "first: 5", "last: 20"] {
                let crm = counting(rows, 0).await;
                let query =
                    format!("{{ list: customers({window}) {{ totalCount nodes {{ id }} }} }}");
                let answer = behind(&crm, style, "").ask(&query).await;
                let expected: &[&str] = match refused {
                    true => &["SOURCE_INVALID_RESPONSE"],
                    false => &[],
                };
                assert_eq!(
                    codes(&answer),
                    expected,
                    "{style} {rows} {window}: {answer:#}"
                );
                if !refused {
                    assert_eq!(
                        answer["data"]["list"],
                        json!({ "totalCount": 0, "nodes": [] })
                    );
                }
            }
        }
    }
}

/// Along a chain the rows are shown, so that nobody would be counted beside somebody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_counts_nobody_beside_rows_is_an_error() {
    for style in [
        "kind = \"token\", send = \"query:t\", next = \"/next\", total = \"/total\"",
        "kind = \"keyset\", send = \"query:t\", key = \"last:/id\", more = \"/next\", total = \"/total\"",
    ] {
        for (rows, total, refused) in [(2, 0, true), (2, 2, false), (0, 0, false)] {
            let crm = counting(rows, total).await;
            let query = "{ list: customers(first: 20) { totalCount nodes { id } } }";
            let answer = behind(&crm, style, "").ask(query).await;
            let expected: &[&str] = match refused {
                true => &["SOURCE_INVALID_RESPONSE"],
                false => &[],
            };
            assert_eq!(codes(&answer), expected, "{style} {rows}: {answer:#}");
        }
    }
}

/// A total may leave out those who are deleted, as a list does; nobody who was asked for is hidden by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_total_of_nothing_beside_deleted_rows_counts_who_is_asked_for() {
    for style in [
        "kind = \"page\", page = \"query:p\", total = \"/total\"",
        "kind = \"offset\", offset = \"query:o\", total = \"/total\"",
        "kind = \"token\", send = \"query:t\", next = \"/next\", total = \"/total\"",
    ] {
        for (deleted, refused) in [("EXCLUDE", false), ("INCLUDE", true), ("ONLY", true)] {
            let crm = counting(2, 0).await;
            let more = "gone = { path = \"/id\", present = true }\n[list.filter]\n\"deleted:include\" = { send = \"query:all\", value = true }\n\"deleted:only\" = { send = \"query:gone\", value = true }\n";
            let query = format!(
                "{{ list: customers(first: 20, filter: {{ deleted: {deleted} }}) {{ totalCount nodes {{ id }} }} }}"
            );
            let answer = behind(&crm, style, more).ask(&query).await;
            let expected: &[&str] = match refused {
                true => &["SOURCE_INVALID_RESPONSE"],
                false => &[],
            };
            assert_eq!(codes(&answer), expected, "{style} {deleted}: {answer:#}");
            if !refused {
                assert_eq!(
                    answer["data"]["list"],
                    json!({ "totalCount": 0, "nodes": [] })
                );
            }
        }
    }
}

/// Many a CRM counts beside its first page alone, and says nothing, or 0, beside the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_page_of_a_chain_that_counts_nobody_is_read() {
    let style = "kind = \"token\", send = \"query:t\", next = \"/next\", total = \"/total\"";
    // The last page may hold nobody.
    for (rows, pages) in [(6, 2), (6, 3)] {
        let crm = Crm::answering(move |seen, _| {
            let asked = parameters(&seen.target);
            let page = number(&asked, "t").unwrap_or(0);
            let ids = (page * 3..rows).take(3);
            let data: Vec<Value> = ids.map(|id| json!({ "id": format!("{id}") })).collect();
            let next = (page + 1 < pages).then(|| (page + 1).to_string());
            let total = if page == 0 { rows } else { 0 };
            Play::Json(200, json!({ "data": data, "next": next, "total": total }))
        })
        .await;
        let gateway = behind(&crm, style, "");
        let query = "{ list: customers(first: 20) { totalCount nodes { sourceId } } }";
        let answer = gateway.ask(query).await;
        assert!(codes(&answer).is_empty(), "{answer:#}");
        let list = &answer["data"]["list"];
        assert_eq!(list["nodes"].as_array().unwrap().len(), rows);
        assert_eq!(list["totalCount"], rows, "{pages}");
        let (ids, _, error) = walk(&gateway, "", 2).await;
        assert_eq!((ids.len(), error), (rows, None));
    }
}

/// Customers of others must not seem to stand below one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_below_another_customer_than_asked_are_an_error() {
    let below = |parents: &[Value]| -> Vec<Value> {
        let rows = parents.iter().enumerate();
        rows.map(|(id, up)| json!({ "id": format!("{id}"), "up": up, "by": up }))
            .collect()
    };
    let (seven, eight, none) = (json!("7"), json!("8"), Value::Null);
    let mostly_none = [seven.clone(), none.clone(), none.clone(), none.clone()];
    let all_none = [none.clone(), none.clone(), none.clone(), none.clone()];
    for (rows, refused) in [
        (below(&[seven.clone(), seven.clone()]), false),
        (below(&[seven.clone(), eight.clone()]), true),
        (below(&[eight]), true),
        (below(&[seven, none.clone(), none]), false),
        (below(&mostly_none), true),
        // A list that shows no parent at all may not have it in its rows.
        (below(&all_none), false),
        (
            vec![
                json!({ "id": "1" }),
                json!({ "id": "2" }),
                json!({ "id": "3" }),
            ],
            false,
        ),
    ] {
        for key in ["parent", "operator"] {
            for residual in [false, true] {
                let filter =
                    format!("\"{key}:eq\" = {{ send = \"query:x\", residual = {residual} }}");
                let text = file(
                    "",
                    &format!(
                        "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\npage = {{ kind = \"none\" }}\n[list.filter]\n{filter}\n\
                     [fields]\nid = \"/id\"\nparentId = {{ r = \"/up\" }}\noperatorId = {{ r = \"/by\" }}\n"
                    ),
                );
                let crm = Crm::json(json!({ "data": rows })).await;
                let wanted = super::support::gateway::id("crm", "7");
                let query = format!(
                    "{{ customers(filter: {{ {key}Id: {wanted:?} }}) {{ nodes {{ id }} }} }}"
                );
                let answer = before_file(&crm, &text).ask(&query).await;
                let expected: &[&str] = match refused && !residual {
                    true => &["SOURCE_INVALID_RESPONSE"],
                    false => &[],
                };
                assert_eq!(codes(&answer), expected, "{filter} {rows:?}: {answer:#}");
            }
        }
    }
}

/// What a list showed once, it is taken to show: rows that lack it then are not what was asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_nobody_are_an_error_where_the_list_shows_whose_others_are() {
    let (mine, free) = (json!({ "id": "1", "up": "7" }), json!({ "up": null }));
    for (first, refused) in [(mine, true), (free, false)] {
        let crm = Crm::answering(move |seen, _| {
            let rows = match seen.target.contains("x=7") {
                true => json!([{ "id": "2", "up": null }, { "id": "3", "up": null }, { "id": "4", "up": null }]),
                false => json!([first]),
            };
            Play::Json(200, json!({ "data": rows }))
        })
        .await;
        let text = file(
            "",
            "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\npage = { kind = \"none\" }\nfilter = { \"parent:eq\" = \"query:x\" }\n\
             [fields]\nid = \"/id\"\nparentId = \"/up\"\n",
        );
        let gateway = before_file(&crm, &text);
        gateway.ask("{ customers { nodes { id } } }").await;
        let wanted = super::support::gateway::id("crm", "7");
        let query =
            format!("{{ customers(filter: {{ parentId: {wanted:?} }}) {{ nodes {{ id }} }} }}");
        let answer = gateway.ask(&query).await;
        let expected: &[&str] = match refused {
            true => &["SOURCE_INVALID_RESPONSE"],
            false => &[],
        };
        assert_eq!(codes(&answer), expected, "{answer:#}");
    }
}

/// A search is the CRM's own; what stands beside it and another list serves can be checked on the rows of the search.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_is_sent_and_what_it_cannot_stand_beside_is_checked() {
    let crm = Crm::answering(|seen, _| {
        let rows = match seen.target.starts_with("/found?q=smi") {
            true => json!([{ "id": "1", "at": "2021-12-20T00:00:00Z" }, { "id": "2", "at": "2021-12-22T00:00:00Z" }]),
            false => json!([{ "id": "3", "at": "2022-01-01T00:00:00Z" }]),
        };
        Play::Json(200, json!({ "data": rows }))
    })
    .await;
    let text = file(
        "",
        "[[list]]\nrequest = \"GET /all\"\nitems = \"/data\"\npage = { kind = \"none\" }\nfilter = { \"updatedAt:gte\" = \"query:since\" }\n\
         [[list]]\nrequest = \"GET /found\"\nitems = \"/data\"\nneeds_filter = true\npage = { kind = \"none\" }\nfilter = { search = \"query:q\" }\n\
         [fields]\nid = \"/id\"\nupdatedAt = \"/at\"\n",
    );
    let gateway = before_file(&crm, &text);
    let query = |policy: &str| {
        format!(
            "{{ customers(filter: {{ search: \"smi\", updatedAt: {{ gte: \"2021-12-21T00:00:00Z\" }} }}, unsupportedFilter: {policy}) {{ nodes {{ sourceId }} }} }}"
        )
    };
    let answer = gateway.ask(&query("SCAN")).await;
    assert_eq!(codes(&answer), [""; 0], "{answer:#}");
    assert_eq!(
        answer["data"]["customers"]["nodes"],
        json!([{ "sourceId": "2" }])
    );
    let answer = gateway.ask(&query("REFUSE")).await;
    assert_eq!(codes(&answer), ["FILTER_NOT_SUPPORTED"]);
}
