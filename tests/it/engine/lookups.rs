//! Customers that are looked for by id through a list, or in a batch that the CRM may cut: who is absent, and who only seems so.

use super::{FIELDS, id};
use crate::support::crm::{Crm, Play, Seen, call, file, source};
use crmql::adapter::Adapter;
use crmql::source::CustomerSource;
use serde_json::{Value, json};

const ABSENT: &str = "-";
const ERROR: &str = "SOURCE_INVALID_RESPONSE";

/// Customers by a list that pages like this and takes ids like this.
fn through(page: &str, ids: &str) -> String {
    let list = format!(
        "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\npage = {{ {page} }}\n[list.filter]\n\"id:in\" = {ids}\n"
    );
    file(
        "",
        &format!("{list}[get]\nvia = \"list\"\n[get_many]\nvia = \"list\"\nmax = 10\n{FIELDS}"),
    )
}

/// What a fetch of these ids comes to: the ids found, `-` for absent, else the kind of the error.
async fn fetched(source: &Adapter, ids: &[&str]) -> Vec<String> {
    let ids: Vec<_> = ids.iter().map(|one| id(one)).collect();
    let found = source.fetch(&call(), &ids).await;
    let told = found.into_iter().map(|one| match one {
        Ok(Some(customer)) => customer.id.as_str().to_owned(),
        Ok(None) => ABSENT.to_owned(),
        Err(error) => error.kind.code().to_owned(),
    });
    told.collect()
}

/// The values of a parameter.
fn values(seen: &Seen, name: &str) -> Vec<String> {
    let query = seen.target.split_once('?').map_or("", |(_, query)| query);
    url::form_urlencoded::parse(query.as_bytes())
        .filter(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
        .collect()
}

fn value(seen: &Seen, name: &str) -> usize {
    values(seen, name)
        .first()
        .map_or(0, |text| text.parse().unwrap())
}

/// Those of the ids asked for that are there.
fn there(seen: &Seen) -> Vec<Value> {
    let asked = values(seen, "ids").join(",");
    let known = asked.split(',').filter(|id| id.len() == 1);
    known.map(|id| json!({ "id": id })).collect()
}

#[tokio::test]
async fn a_total_that_is_no_exact_one_makes_nobody_doubtful() {
    for (kind, absent) in [("exact", ERROR), ("upper_bound", ABSENT)] {
        let crm =
            Crm::answering(|seen, _| Play::Json(200, json!({ "data": there(seen), "total": 100 })))
                .await;
        let page = format!(
            "kind = \"offset\", offset = \"query:o\", size = \"query:n\", total = \"/total\", total_kind = \"{kind}\""
        );
        let source = source(&crm, &through(&page, "\"query:ids\""));
        assert_eq!(fetched(&source, &["1", "99"]).await, ["1", absent]);
        assert_eq!(fetched(&source, &["99"]).await, [absent]);
    }
}

/// Many a chain says where it goes on behind its last row.
#[tokio::test]
async fn an_absent_customer_is_found_absent_behind_a_token_that_dangles() {
    for style in [
        "kind = \"token\", send = \"query:t\", next = \"/next\", size = \"query:n\", dangling = true",
        "kind = \"link\", next = \"/next\"",
    ] {
        let crm = Crm::answering(|seen, _| {
            if seen.target.contains("t=") {
                return Play::Json(200, json!({ "data": [], "next": null }));
            }
            Play::Json(200, json!({ "data": there(seen), "next": "/c?t=1" }))
        })
        .await;
        let source = source(&crm, &through(style, "\"query:ids\""));
        assert_eq!(fetched(&source, &["99"]).await, [ABSENT], "{style}");
        let found = fetched(&source, &["1", "99", "2"]).await;
        assert_eq!(found, ["1", ABSENT, "2"], "{style}");
        assert_eq!(crm.seen().len(), 4, "{style}");
    }
}

/// A chain that leads on and on says nothing of who is absent, and is not followed for ever.
#[tokio::test]
async fn a_chain_without_end_proves_no_absence() {
    let crm = Crm::answering(|seen, before| {
        let rows = if before == 0 { there(seen) } else { Vec::new() };
        Play::Json(200, json!({ "data": rows, "next": format!("t{before}") }))
    })
    .await;
    let style = "kind = \"token\", send = \"query:t\", next = \"/next\", size = \"query:n\"";
    let source = source(&crm, &through(style, "\"query:ids\""));
    assert_eq!(fetched(&source, &["1", "99"]).await, ["1", ERROR]);
    assert!(crm.seen().len() <= 8, "{}", crm.seen().len());
}

/// Rows on two pages of a chain: a row that came or went between them may have hidden one.
#[tokio::test]
async fn who_is_on_no_page_of_several_may_have_moved_between_them() {
    for (anchored, absent) in [("", ERROR), (", anchored = true", ABSENT)] {
        let crm = Crm::answering(|seen, _| {
            let (id, next) = match values(seen, "t").is_empty() {
                true => ("1", json!("t1")),
                false => ("2", json!(null)),
            };
            Play::Json(200, json!({ "data": [{ "id": id }], "next": next }))
        })
        .await;
        let style = format!("kind = \"token\", send = \"query:t\", next = \"/next\"{anchored}");
        let source = source(&crm, &through(&style, "\"query:ids\""));
        let found = fetched(&source, &["1", "2", "99"]).await;
        assert_eq!(found, ["1", "2", absent], "{style}");
    }
}

/// A search for an id answers others, too.
#[tokio::test]
async fn an_id_that_is_searched_for_may_be_absent_among_others() {
    let search = "{ send = \"query:search\", max = 1, residual = true }";
    for (style, most) in [
        ("kind = \"none\"", 2),
        (
            "kind = \"offset\", offset = \"query:o\", size = \"query:n\"",
            2,
        ),
        (
            "kind = \"page\", page = \"query:p\", size = \"query:n\", max = 100",
            2,
        ),
    ] {
        let crm = Crm::answering(|seen, _| {
            let wanted = values(seen, "search").join(",");
            let (from, page) = (value(seen, "o"), value(seen, "p").max(1));
            let size = match value(seen, "n") {
                0 => 1_000,
                size => size,
            };
            let rows: Vec<Value> = (0..1_000)
                .rev()
                .map(|number| number.to_string())
                .filter(|id| id.contains(&wanted) && id != "99")
                .map(|id| json!({ "id": id }))
                .skip(from + (page - 1) * size)
                .take(size)
                .collect();
            Play::Json(200, json!({ "data": rows }))
        })
        .await;
        let source = source(&crm, &through(style, search));
        assert_eq!(fetched(&source, &["99"]).await, [ABSENT], "{style}");
        assert_eq!(fetched(&source, &["199"]).await, ["199"], "{style}");
        assert!(crm.seen().len() <= most, "{style}");
        // It stands behind more others than a page has.
        assert_eq!(fetched(&source, &["9"]).await, ["9"], "{style}");
    }
}

/// Where a search answers a full page without the one that is meant, that one may be on the next.
#[tokio::test]
async fn a_full_page_of_others_proves_no_absence() {
    let search = "{ send = \"query:search\", max = 1, residual = true }";
    let style = "kind = \"page\", page = \"query:p\", size = \"query:n\", max = 5";
    let crm = Crm::answering(|seen, _| {
        let first = value(seen, "p") * 10;
        let rows: Vec<Value> = (first..first + 5).map(|id| json!({ "id": id })).collect();
        Play::Json(200, json!({ "data": rows }))
    })
    .await;
    let source = source(&crm, &through(style, search));
    assert_eq!(fetched(&source, &["1"]).await, [ERROR]);
    assert!(crm.seen().len() <= 8, "{}", crm.seen().len());
}

/// Of ids in a parameter of their own each, a server may keep one that is nobody's: then all seem absent.
#[tokio::test]
async fn a_batch_of_which_the_crm_kept_an_absent_id_loses_nobody() {
    let text = file(
        "",
        &format!(
            "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\npage = {{ kind = \"none\" }}\n[get_many]\nrequest = \"GET /many\"\n\
             ids = {{ send = \"query:ids\", list = \"repeat\" }}\nitems = \"/data\"\nmax = 20\n{FIELDS}"
        ),
    );
    for keeps_last in [true, false] {
        let crm = Crm::answering(move |seen, _| {
            let ids = values(seen, "ids");
            let kept = if keeps_last { ids.last() } else { ids.first() };
            let rows: Vec<Value> = kept
                .filter(|id| id.len() == 1)
                .map(|id| json!({ "id": id }))
                .into_iter()
                .collect();
            Play::Json(200, json!({ "data": rows }))
        })
        .await;
        let source = source(&crm, &text);
        for ids in [
            &["1", "99"][..],
            &["99", "1"],
            &["1", "2", "99"],
            &["99", "1", "2"],
            &["98", "1", "99"],
            &["99", "98"],
        ] {
            let wanted: Vec<_> = ids
                .iter()
                .map(|id| if id.len() == 1 { id } else { ABSENT })
                .collect();
            assert_eq!(fetched(&source, ids).await, wanted, "last {keeps_last}");
        }
    }
}

/// What a list shows can be opened: ids up to the largest number of 64 bits.
#[tokio::test]
async fn the_largest_numbers_are_ids() {
    const LARGEST: &str = "18446744073709551615";
    let counted = FIELDS.replace("{ r = \"/id\" }", "{ r = \"/id\", type = \"int\" }");
    let many = "[get_many]\nrequest = \"POST /many\"\nids = { send = \"body:/ids\", list = \"json\", as = \"int\" }\nitems = \"/data\"\nmax = 5\n";
    let one = "[get]\nrequest = \"POST /one\"\nput = { \"/id\" = \"{id}\" }\nitem = \"\"\n";
    let crm = Crm::answering(|seen, _| match &*seen.target {
        "/one" => Play::Json(200, json!({ "id": seen.json()["id"] })),
        _ => {
            let asked = seen.json()["ids"].clone();
            let rows: Vec<Value> = asked
                .as_array()
                .unwrap()
                .iter()
                .map(|id| json!({ "id": id }))
                .collect();
            Play::Json(200, json!({ "data": rows }))
        }
    })
    .await;
    let source = source(&crm, &file("", &format!("{many}{one}{counted}")));
    assert_eq!(fetched(&source, &[LARGEST]).await, [LARGEST]);
    let beyond = "18446744073709551616";
    let found = fetched(&source, &["7", LARGEST, "-3", beyond, "007"]).await;
    assert_eq!(found, ["7", LARGEST, "-3", "INVALID_ID", "INVALID_ID"]);
    let seen = crm.seen();
    assert_eq!(seen[0].json()["id"], json!(u64::MAX));
    assert_eq!(seen[1].json()["ids"], json!([7, u64::MAX, -3]));
    let crm = Crm::answering(|seen, _| {
        let ids = values(seen, "ids").join(",");
        let rows: Vec<Value> = ids.split(',').map(|id| json!({ "id": id })).collect();
        Play::Json(200, json!({ "data": rows }))
    })
    .await;
    let ids = "{ send = \"query:ids\", list = \"csv\", as = \"int\" }";
    let listed = crate::support::crm::source(&crm, &through("kind = \"none\"", ids));
    assert_eq!(fetched(&listed, &["7", LARGEST]).await, ["7", LARGEST]);
}

/// An answer that is as long as the CRM lets any be may lack some.
#[tokio::test]
async fn an_answer_that_was_cut_proves_no_absence() {
    let crm = Crm::answering(|seen, _| {
        let rows: Vec<Value> = there(seen).into_iter().take(2).collect();
        Play::Json(200, json!({ "data": rows, "limit": 2 }))
    })
    .await;
    for style in [
        "kind = \"none\", size_echo = \"/limit\"",
        "kind = \"token\", send = \"query:t\", next = \"/next\", size_echo = \"/limit\"",
    ] {
        let source = source(&crm, &through(style, "\"query:ids\""));
        let found = fetched(&source, &["1", "2", "3"]).await;
        assert_eq!(found, ["1", "2", ERROR], "{style}");
        assert_eq!(
            fetched(&source, &["1", "99", "98"]).await,
            ["1", ABSENT, ABSENT]
        );
    }
}
