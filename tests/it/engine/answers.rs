//! Answers that are odd, broken or hostile, and what a row that is odd costs.

use super::{FIELDS, filtered, first, id, ids, listing, listing_with};
use crate::support::crm::{Crm, Play, call, file, source, source_with};
use crmql::adapter::TokenStore;
use crmql::model::{CustomerOrderField, Filter, Order, OrderDirection};
use crmql::source::{CustomerSource, Row, SourceErrorKind};
use crmql::upstream::Settings;
use serde_json::json;

const OFFSET: &str = "kind = \"offset\", offset = \"query:o\", size = \"query:n\"";

#[tokio::test]
async fn an_odd_field_is_null_and_named_and_costs_nothing_else() {
    let crm = Crm::json(json!({ "data": [
        { "id": 1, "name": { "first": "x" }, "email": "a@b", "at": "soon" },
        { "id": "", "name": "nobody" },
        { "id": 1.5 },
        { "id": true },
        { "id": "..", "name": "up" },
        { "id": "ok" },
    ] }))
    .await;
    let page = first(&crm, &listing(OFFSET)).await.unwrap();
    assert_eq!(
        ids(&page),
        [
            "1",
            "unreadable",
            "unreadable",
            "unreadable",
            "unreadable",
            "ok"
        ]
    );
    let Row::Customer { customer, .. } = &page.rows[0] else {
        panic!()
    };
    let names: Vec<_> = customer
        .problems
        .iter()
        .map(|problem| problem.field)
        .collect();
    assert_eq!(names, ["name", "updatedAt"]);
    assert_eq!(
        (&customer.name, customer.email.as_deref()),
        (&None, Some("a@b"))
    );
}

#[tokio::test]
async fn answers_that_are_no_json_are_a_coded_failure() {
    let deep = format!(
        "{{\"data\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    for play in [
        Play::Raw(200, vec![], b"<html>".to_vec()),
        Play::Raw(200, vec![], b"{\"data\":[{\"id\":1}".to_vec()),
        Play::Raw(200, vec![], b"".to_vec()),
        Play::Raw(204, vec![], b"".to_vec()),
        Play::Raw(200, vec![], b"{\"data\":[]} x".to_vec()),
        Play::Raw(
            302,
            vec![("location", "/elsewhere".to_owned())],
            b"".to_vec(),
        ),
    ] {
        let crm = Crm::always(play.clone()).await;
        let error = first(&crm, &listing(OFFSET)).await.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Malformed, "{play:?}");
        assert_eq!(crm.seen().len(), 1, "a redirect is not followed");
    }
    let crm = Crm::always(Play::Raw(200, vec![], deep.into_bytes())).await;
    let page = first(&crm, &listing(OFFSET)).await;
    assert!(page.is_err() || ids(&page.unwrap()) == ["unreadable"]);
    for (play, kind) in [
        (Play::Truncated, SourceErrorKind::Unavailable),
        (Play::Reset, SourceErrorKind::Unavailable),
    ] {
        let crm = Crm::always(play).await;
        assert_eq!(first(&crm, &listing(OFFSET)).await.unwrap_err().kind, kind);
    }
}

#[tokio::test]
async fn a_byte_order_mark_is_no_part_of_the_answer_and_of_two_lists_the_last_counts() {
    let body = b"\xef\xbb\xbf{\"data\":[{\"id\":1}],\"data\":[{\"id\":2}]}".to_vec();
    let crm = Crm::always(Play::Raw(200, vec![], body)).await;
    let page = first(&crm, &listing(OFFSET)).await.unwrap();
    assert_eq!(ids(&page), ["2"]);
    let Row::Customer { customer, .. } = &page.rows[0] else {
        panic!()
    };
    assert_eq!(
        customer.native.as_ref().unwrap().value(),
        Some(json!({ "id": 2 }))
    );
}

#[tokio::test]
async fn a_byte_that_is_no_text_costs_a_character_and_no_page() {
    let body = b"{\"data\":[{\"id\":1,\"name\":\"Zo\xeb\"},{\"id\":2,\"name\":\"\xc3\"}]}".to_vec();
    let crm = Crm::always(Play::Raw(200, vec![], body)).await;
    let page = first(&crm, &listing(OFFSET)).await.unwrap();
    assert_eq!(ids(&page), ["1", "2"]);
    let Row::Customer { customer, .. } = &page.rows[0] else {
        panic!()
    };
    assert_eq!(customer.name.as_deref(), Some("Zo\u{fffd}"));
    assert_eq!(
        customer.native.as_ref().unwrap().value(),
        Some(json!({ "id": 1, "name": "Zo\u{fffd}" }))
    );
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_cut_off() {
    let crm = Crm::json(json!({ "data": [{ "id": 1, "name": "x".repeat(5000) }] })).await;
    let settings = Settings {
        answer_bytes: 1000,
        ..Settings::default()
    };
    let source = source_with(&crm.base, &listing(OFFSET), TokenStore::default(), settings);
    let error = super::page_of(&source, crmql::source::Position::Start, 2)
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Malformed);
    assert!(error.detail.contains("larger"));
}

fn batch() -> String {
    let many = "[get_many]\nrequest = \"POST /batch\"\nids = { send = \"body:/ids\", list = \"json\" }\nitems = \"/data\"\nunwrap = \"/c\"\nmax = 2\ngone = { path = \"/dead\", present = true }\n";
    file(
        "",
        &format!("{many}[get]\nrequest = \"GET /c/{{id}}\"\nitem = \"\"\n{FIELDS}"),
    )
}

#[tokio::test]
async fn a_batch_keeps_the_order_asked_and_missing_ones_are_absent() {
    let crm = Crm::answering(|seen, _| {
        // What is left over of the batches is asked for alone.
        if let Some(id) = seen.target.strip_prefix("/c/") {
            return Play::Json(200, json!({ "id": id }));
        }
        let rows: Vec<_> = seen.json()["ids"].as_array().unwrap().iter().rev()
            .filter(|id| *id != "b").map(|id| json!({ "c": { "id": id, "dead": if id == "d" { json!(1) } else { json!(null) } } })).collect();
        Play::Json(200, json!({ "data": rows }))
    }).await;
    let call = call();
    let fetched = source(&crm, &batch())
        .fetch(&call, &["a", "b", "c", "d", "e"].map(id))
        .await;
    let found: Vec<_> = fetched
        .iter()
        .map(|one| one.as_ref().unwrap().as_ref().map(|c| c.id.to_string()))
        .collect();
    assert_eq!(
        found,
        [
            Some("a".to_owned()),
            None,
            Some("c".to_owned()),
            None,
            Some("e".to_owned())
        ]
    );
    assert_eq!((call.calls(), crm.seen().len()), (3, 3), "two ids a call");
}

#[tokio::test]
async fn a_null_in_a_batch_is_an_absence_only_where_the_file_says_so() {
    let crm = Crm::json(json!({ "data": [null, { "c": { "id": "b" } }] })).await;
    for (declared, absent) in [(false, false), (true, true)] {
        let said = batch().replace("max = 2\n", "max = 2\nmissing = \"null\"\n");
        let file = if declared { said } else { batch() };
        let fetched = source(&crm, &file)
            .fetch(&call(), &[id("a"), id("b")])
            .await;
        assert_eq!(fetched[0].as_ref().is_ok_and(Option::is_none), absent);
        let found = fetched[1].as_ref().unwrap().as_ref().unwrap();
        assert_eq!(found.native.as_ref().unwrap().value().unwrap()["id"], "b");
    }
}

#[tokio::test]
async fn a_batch_with_strangers_or_unreadable_rows_proves_no_absence() {
    for row in [
        json!({ "c": { "id": "stranger" } }),
        json!({ "c": {} }),
        json!({ "c": { "id": "stranger", "dead": 1 } }),
    ] {
        let crm = Crm::json(json!({ "data": [{ "c": { "id": "a" } }, row] })).await;
        let fetched = source(&crm, &batch())
            .fetch(&call(), &[id("a"), id("b")])
            .await;
        assert!(fetched[0].as_ref().unwrap().is_some());
        assert_eq!(
            fetched[1].as_ref().unwrap_err().kind,
            SourceErrorKind::Malformed
        );
    }
}

#[tokio::test]
async fn a_page_that_holds_only_a_part_of_the_ids_proves_no_absence() {
    let list = "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\npage = { kind = \"offset\", offset = \"query:o\", size = \"query:n\", max = 2, total = \"/n\" }\n[list.filter]\n\"id:in\" = \"query:ids\"\n[get]\nvia = \"list\"\n[get_many]\nvia = \"list\"\nmax = 50\n";
    let text = file("", &format!("{list}{FIELDS}"));
    let crm = Crm::json(json!({ "data": [{ "id": "a" }], "n": 2 })).await;
    let fetched = source(&crm, &text)
        .fetch(&call(), &[id("a"), id("b")])
        .await;
    assert!(fetched[0].is_ok());
    assert_eq!(
        fetched[1].as_ref().unwrap_err().kind,
        SourceErrorKind::Malformed
    );
    let crm = Crm::json(json!({ "data": [], "n": 0 })).await;
    source(&crm, &text)
        .fetch(&call(), &["a", "b", "c"].map(id))
        .await;
    assert_eq!(
        crm.seen().len(),
        2,
        "no more ids a call than a page has rows"
    );
}

#[tokio::test]
async fn one_customer_is_itself_absent_or_a_failure() {
    for (play, expected) in [
        (Play::Json(200, json!({ "id": "a" })), Ok(true)),
        (Play::Json(404, json!({})), Ok(false)),
        (
            Play::Json(200, json!({ "id": "other" })),
            Err(SourceErrorKind::Malformed),
        ),
        (
            Play::Json(200, json!(null)),
            Err(SourceErrorKind::Malformed),
        ),
        (
            Play::Json(401, json!({})),
            Err(SourceErrorKind::Credentials),
        ),
        (
            Play::Json(500, json!({})),
            Err(SourceErrorKind::Unavailable),
        ),
    ] {
        let crm = Crm::always(play.clone()).await;
        let fetched = source(&crm, &batch())
            .fetch(&call(), &[id("a")])
            .await
            .remove(0);
        assert_eq!(
            fetched.map(|c| c.is_some()).map_err(|error| error.kind),
            expected,
            "{play:?}"
        );
    }
}

/// A customer must not seem gone because a proxy, or a server at a wrong address, has no such page.
#[tokio::test]
async fn a_404_is_an_absence_only_in_the_crms_own_form() {
    let html = || Play::Raw(404, Vec::new(), b"<html>not here</html>".to_vec());
    let empty = || Play::Raw(404, Vec::new(), Vec::new());
    let other = || Play::Json(404, json!({ "path": "/nowhere" }));
    let coded = || {
        Play::Json(
            404,
            json!({ "error": { "code": "GONE_ASTRAY", "text": "no" } }),
        )
    };
    let known = || Play::Json(404, json!({ "error": { "code": "NO_SUCH" } }));
    let said = || Play::Json(404, json!({ "error": { "text": "no such record" } }));
    let message = "\n[errors]\ncode = [\"/error/code\"]\nmessage = [\"/error/text\"]\n";
    let own_code =
        "\n[errors]\ncode = [\"/error/code\"]\n[errors.codes]\nNO_SUCH = \"not_found\"\n";
    for (errors, play, absent) in [
        ("", html(), false),
        ("", empty(), true),
        ("", other(), true),
        (message, html(), false),
        (message, empty(), true),
        (message, other(), false),
        (message, said(), true),
        (message, coded(), true),
        (own_code, html(), false),
        (own_code, empty(), false),
        (own_code, said(), false),
        (own_code, coded(), false),
        (own_code, known(), true),
    ] {
        let crm = Crm::always(play.clone()).await;
        let fetched = source(&crm, &format!("{}{errors}", batch()))
            .fetch(&call(), &[id("a")])
            .await
            .remove(0);
        let expected = if absent {
            Ok(false)
        } else {
            Err(SourceErrorKind::Malformed)
        };
        assert_eq!(
            fetched.map(|c| c.is_some()).map_err(|error| error.kind),
            expected,
            "{errors} {play:?}"
        );
    }
}

/// A gateway whose clock is wrong waits as long as one whose clock is right.
#[tokio::test]
async fn moments_of_a_rate_limit_are_read_by_the_clock_that_said_them() {
    let getting = format!("[get]\nrequest = \"GET /c/{{id}}\"\nitem = \"\"\n{FIELDS}");
    let limits = "limits = { reset = { at = \"header:X-Reset\", unit = \"epoch_s\" } }";
    let text = file(limits, &getting);
    for ahead in [-600, 0, 600] {
        let there = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(ahead);
        let http = |time: jiff::Timestamp| time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let reset = there + jiff::SignedDuration::from_secs(100);
        for said in [
            ("retry-after", http(reset)),
            ("x-reset", reset.as_second().to_string()),
        ] {
            let headers = vec![("date", http(there)), said.clone()];
            let crm = Crm::always(Play::Raw(429, headers, Vec::new())).await;
            let refused = source(&crm, &text).fetch(&call(), &[id("a")]).await;
            let wait = refused[0].as_ref().unwrap_err().retry_after.unwrap();
            assert!(
                (98..=101).contains(&wait.as_secs()),
                "{ahead} {said:?}: {wait:?}"
            );
        }
    }
}

/// The whole record may be a field: the same in a list as where it is read by its id.
#[tokio::test]
async fn a_field_that_is_the_whole_record_is_read_in_lists_too() {
    let record = json!({ "id": 1, "name": "A\u{e9}", "more": { "x": [1] } });
    let crm = Crm::json(json!({ "data": [record] })).await;
    let file = format!(
        "{}customFields = {{ r = \"\", type = \"json\" }}\n",
        listing(OFFSET)
    );
    let page = first(&crm, &file).await.unwrap();
    let Row::Customer { customer, .. } = &page.rows[0] else {
        panic!()
    };
    assert_eq!(customer.custom_fields.as_ref(), Some(&record));
    assert_eq!(customer.name.as_deref(), Some("A\u{e9}"));
    assert!(customer.problems.is_empty());
}

/// In one night of a year a clock shows an hour twice, and times that name no zone step back once.
#[tokio::test]
async fn an_hour_that_the_clock_shows_twice_is_no_other_order() {
    let field = CustomerOrderField::UpdatedAt;
    let sort =
        "[list.sort]\nstyle = \"signed\"\nto = \"query:sort\"\nby = { updatedAt = \"at\" }\n";
    let twice = &["26T01:10", "26T02:50", "26T02:10", "26T03:00"][..];
    for (times, zone, good) in [
        (twice, "", true),
        (twice, "Z", false),
        (twice, "+02:00", false),
        (&["26T02:50", "26T02:10"], "", true),
        (&["26T02:50", "25T02:50"], "", false),
        (&["26T05:10", "26T02:50", "26T03:00"], "", false),
        (&["26T02:50", "26T02:40", "26T02:30", "26T02:20"], "", false),
    ] {
        let rows: Vec<_> = (1..)
            .zip(times)
            .map(|(id, time)| json!({ "id": id, "at": format!("2025-10-{time}:00{zone}") }))
            .collect();
        for direction in [OrderDirection::Asc, OrderDirection::Desc] {
            let mut rows = rows.clone();
            if direction == OrderDirection::Desc {
                rows.reverse();
            }
            let crm = Crm::json(json!({ "data": rows })).await;
            let source = source(&crm, &listing_with(OFFSET, sort));
            let order = Order { field, direction };
            let page = filtered(&source, &Filter::default(), Some(order)).await;
            assert_eq!(page.is_ok(), good, "{times:?}{zone} {direction:?}");
        }
    }
}
