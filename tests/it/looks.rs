//! What a look for a create whose answer was lost takes for proof: exactly one customer that fits, in a list that is whole.

use super::odd_data::direct::Asked;
use super::support::crm::{Crm, Play, file, source};
use crmql::source::{SourceEntry, Sources};
use serde_json::{Value, json};
use std::sync::Arc;

/// A list with this paginator, in an order of the CRM's own.
fn adapter(page: &str) -> String {
    let rest = format!(
        "[[list]]\nrequest = \"GET /c\"\nitems = \"/rows\"\npage = {{ {page} }}\n\
         [list.filter]\n\"createdAt:gte\" = \"query:since\"\n\
         [create]\nrequest = \"POST /c\"\nreturns = {{ item = \"\" }}\n\
         [fields]\nid = \"/id\"\nemail = \"/mail\"\ncreatedAt = {{ r = \"/at\", type = \"datetime\" }}\n"
    );
    file("", &rest)
}

/// So many customers made just now, of whom the first has the e-mail; the last has no id where `odd`.
fn rows(count: usize, odd: bool) -> Vec<Value> {
    let at = jiff::Timestamp::now().to_string();
    let mut rows: Vec<Value> = (0..count)
        .map(|number| json!({ "id": number, "mail": format!("{number}@b.example"), "at": at }))
        .collect();
    if odd {
        rows.push(json!({ "id": null, "mail": "0@b.example", "at": at }));
    }
    rows
}

/// What becomes of a create whose answer is lost, where the list then is this.
async fn outcome(page: &str, envelope: Value, (count, odd): (usize, bool)) -> Value {
    let crm = Crm::answering(move |seen, _| {
        if seen.method == "POST" {
            return Play::Reset;
        }
        let mut answer = envelope.clone();
        answer["rows"] = Value::from(rows(count, odd));
        Play::Json(200, answer)
    })
    .await;
    let entry = SourceEntry {
        key: "acme".into(),
        name: "Acme".into(),
        adapter: "acme".into(),
        rank: 0,
        source: Arc::new(source(&crm, &adapter(page))),
    };
    let gateway = Asked::new(Sources::new(vec![Arc::new(entry)]));
    let query = "mutation { createCustomer(input: { source: \"acme\", email: \"0@b.example\" }) { outcome userErrors { code } } }";
    let mut answer = gateway.ask(query).await;
    answer["data"]["createCustomer"]["outcome"].take()
}

const PAGE: &str = "kind = \"page\", page = \"query:p\", size = \"query:n\"";
const OFFSET: &str = "kind = \"offset\", offset = \"query:o\", size = \"query:n\"";
const KEYSET: &str =
    "kind = \"keyset\", send = \"query:a\", key = \"last:/id\", size = \"query:n\"";
const TOKEN: &str = "kind = \"token\", send = \"query:t\", next = \"/next\", size = \"query:n\"";
const NONE: &str = "kind = \"none\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_may_not_be_all_proves_no_create() {
    let nothing = || json!({});
    for (style, more, envelope, found, proven) in [
        (PAGE, "", nothing(), (100, false), false),
        (PAGE, "", nothing(), (99, false), true),
        (
            PAGE,
            "total = \"/n\"",
            json!({ "n": 100 }),
            (100, false),
            true,
        ),
        (
            PAGE,
            "total = \"/n\"",
            json!({ "n": 101 }),
            (100, false),
            false,
        ),
        (
            PAGE,
            "pages = \"/n\"",
            json!({ "n": 1 }),
            (100, false),
            true,
        ),
        (OFFSET, "", nothing(), (100, false), false),
        (OFFSET, "", nothing(), (3, false), true),
        (
            OFFSET,
            "size_echo = \"/n\"",
            json!({ "n": 50 }),
            (50, false),
            false,
        ),
        (
            OFFSET,
            "more = \"/m\"",
            json!({ "m": false }),
            (100, false),
            true,
        ),
        (KEYSET, "", nothing(), (100, false), false),
        (
            KEYSET,
            "more = \"/m\"",
            json!({ "m": false }),
            (100, false),
            true,
        ),
        (TOKEN, "", nothing(), (100, false), true),
        (TOKEN, "", json!({ "next": "x" }), (100, false), false),
        (NONE, "", nothing(), (100, false), true),
        (NONE, "", nothing(), (3, true), false),
    ] {
        let page = [style, more].join(if more.is_empty() { "" } else { ", " });
        let outcome = outcome(&page, envelope, found).await;
        let expected = if proven { "APPLIED" } else { "UNKNOWN" };
        assert_eq!(outcome, expected, "{page} {found:?}");
    }
}
