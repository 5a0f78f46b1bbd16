//! Values that nest deeper than is read, or that no number can hold: they cost their own field, and none is written that could not
//! be read again.

use super::lies::before_file;
use super::support::crm::{Crm, Play, call, file, source};
use super::support::gateway::codes;
use crmql::model::{Change, FieldValue, LocalId, WriteField, WriteOutcome};
use crmql::source::{CustomerSource, SourceErrorKind};
use serde_json::{Map, Value, json};

/// A CRM whose records stand this deep in its lists, and alone in other answers.
fn listing() -> String {
    let routes = "[[list]]\nrequest = \"GET /rows\"\nitems = \"/data/list/items\"\nunwrap = \"/record\"\npage = { kind = \"none\" }\n[get]\nrequest = \"GET /rows/{id}\"\nitem = \"\"\n[update]\nrequest = \"PATCH /rows/{id}\"\nreturns = { item = \"\" }";
    let fields = "[fields]\nid = \"/id\"\nname = { r = \"/name\", w = \"/name\" }\ncustomFields = { r = \"/cf\", w = \"/cf\", type = \"json\" }\n[native]\nmore = { w = \"/more\", on = [\"update\"], type = \"json\" }";
    file("", &format!("{routes}\n{fields}"))
}

fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

/// The record of the second customer holds this.
fn answer(odd: &str, alone: bool) -> Play {
    let record = format!(r#"{{"id": "2", "name": "Two", "cf": {odd}}}"#);
    let body = match alone {
        true => record,
        false => format!(
            r#"{{"data": {{"list": {{"items": [{{"record": {{"id": "1", "name": "One", "cf": {{"a": [1]}}}}}}, {{"record": {record}}}, {{"record": {{"id": "3", "name": "Th\u0072ee"}}}}]}}}}}}"#
        ),
    };
    Play::Raw(200, vec![], body.into_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_nests_too_deep_costs_its_field_alone() {
    for (odd, reason) in [
        (nested(128), "nests deeper than 127 levels"),
        (nested(5000), "nests deeper than 127 levels"),
        (r#"{"a": [1e400]}"#.to_owned(), "a number that is too large"),
        ("1e400".to_owned(), "a number that is too large"),
    ] {
        let crm =
            Crm::answering(move |seen, _| answer(&odd, !seen.target.ends_with("/rows"))).await;
        let gateway = before_file(&crm, &listing());
        let names = gateway.ask("{ customers { nodes { name } } }").await;
        assert!(codes(&names).is_empty(), "{names}");
        let shown = &names["data"]["customers"]["nodes"];
        assert_eq!(
            *shown,
            json!([{ "name": "One" }, { "name": "Two" }, { "name": "Three" }])
        );
        let id = super::support::gateway::id("crm", "2");
        for (query, path) in [
            (
                "{ customers { nodes { name customFields } } }".to_owned(),
                json!(["customers", "nodes", 1, "customFields"]),
            ),
            (
                format!("{{ customer(id: {id:?}) {{ name customFields }} }}"),
                json!(["customer", "customFields"]),
            ),
        ] {
            let answer = gateway.ask(&query).await;
            assert_eq!(codes(&answer), ["SOURCE_INVALID_RESPONSE"], "{answer}");
            let error = &answer["errors"][0];
            assert_eq!(error["path"], path);
            let message = error["message"].as_str().unwrap();
            assert!(
                message.contains(reason) && message.contains("customer 2"),
                "{message}"
            );
        }
        let all = gateway
            .ask("{ customers { nodes { customFields } } }")
            .await;
        let nodes = &all["data"]["customers"]["nodes"];
        assert_eq!(nodes[0]["customFields"], json!({ "a": [1] }));
        assert_eq!(nodes[1]["customFields"], Value::Null);
    }
}

/// What a record may hold is read whatever stands around it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_around_a_record_is_not_counted() {
    let crm = Crm::always(answer(&nested(122), false)).await;
    let gateway = before_file(&crm, &listing());
    let answer = gateway
        .ask("{ customers { nodes { customFields } } }")
        .await;
    assert!(codes(&answer).is_empty(), "{:.300}", answer.to_string());
    let shown = &answer["data"]["customers"]["nodes"][1]["customFields"];
    assert!(shown.is_array());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_no_json_is_called_so() {
    for body in [
        "{",
        "{\"data\": [}",
        "[1] 2",
        "{\"data\": {\"list\": {\"items\": [{\"record\": {\"id\": 1, \"cf\": [[}}]}}}",
    ] {
        let crm = Crm::always(Play::Raw(200, vec![], body.into())).await;
        let answer = before_file(&crm, &listing())
            .ask("{ customers { nodes { name } } }")
            .await;
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("is not JSON"), "{message}");
    }
}

/// What was written can be read again, with whatever stands around it in a list.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_that_nests_too_deep_to_be_read() {
    let tree = |levels: usize| serde_json::from_str::<Value>(&nested(levels)).unwrap();
    let given = |value: Value| FieldValue::Json(value);
    for (levels, is_sent) in [(64, true), (65, false), (120, false)] {
        for native in [false, true] {
            let crm = Crm::json(json!({ "id": "2", "name": "Two" })).await;
            let mut more = Map::new();
            let mut fields = vec![(WriteField::Name, FieldValue::Text("Two".into()))];
            match native {
                true => drop(more.insert("more".to_owned(), tree(levels))),
                false => fields.push((WriteField::CustomFields, given(tree(levels)))),
            }
            let change = Change::Update {
                id: LocalId::new("2").unwrap(),
                fields,
                native: more,
            };
            let written = source(&crm, &listing()).write(&call(), &change).await;
            assert_eq!(crm.seen().len(), usize::from(is_sent), "{levels} {native}");
            if is_sent {
                assert_eq!(written.outcome, WriteOutcome::Applied, "{written:?}");
                continue;
            }
            assert_eq!(written.outcome, WriteOutcome::NotApplied);
            let error = &written.problems[0].error;
            assert_eq!(error.kind, SourceErrorKind::Rejected);
            assert!(error.detail.contains("deeper than 64 levels"), "{error:?}");
        }
    }
}

/// An adapter file of this list and these fields.
fn of(list: &str, fields: &str) -> String {
    let list = format!("[[list]]\nrequest = \"GET /c\"\n{list}\n");
    file("", &format!("{list}[fields]\nid = \"/id\"\n{fields}\n"))
}

const NAME: &str = "name = { r = \"/name\" }";
const UNPAGED: &str = "page = { kind = \"none\" }";

/// What the gateway answers a query for customers with these fields, of a CRM that answers each request like this.
async fn told(text: &str, body: &str, fields: &str) -> Value {
    let crm = Crm::always(Play::Raw(200, vec![], body.into())).await;
    before_file(&crm, text)
        .ask(&format!("{{ customers {{ nodes {{ {fields} }} }} }}"))
        .await
}

fn names(answer: &Value) -> Vec<&str> {
    let nodes = answer["data"]["customers"]["nodes"].as_array();
    let names = nodes.into_iter().flatten().map(|node| &node["name"]);
    names.filter_map(Value::as_str).collect()
}

/// What leads on is found beside a value that nobody can hold, and where it is such a value itself the list does not just end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_goes_on_beside_a_value_that_cannot_be_read() {
    let token = |next: &str| {
        let page = format!("kind = \"token\", send = \"query:t\", next = \"{next}\"");
        of(
            &format!("items = \"/0/rows\"\npage = {{ {page} }}"),
            &format!("{NAME}\ncustomFields = {{ r = \"/cf\", type = \"json\" }}"),
        )
    };
    for odd in [nested(200), "1e400".to_owned()] {
        let (first, second) = (
            format!(
                r#"[{{"junk": {odd}, "rows": [{{"id": "1", "name": "One", "cf": {odd}}}], "next": "b"}}]"#
            ),
            r#"[{"rows": [{"id": "2", "name": "Two"}]}]"#,
        );
        let crm = Crm::answering(move |seen, _| {
            let body = match seen.target.contains("t=b") {
                true => second,
                false => &first,
            };
            Play::Raw(200, vec![], body.into())
        })
        .await;
        for next in ["/0/next", "/{rows=x}/next", "/0/junk/x"] {
            let gateway = before_file(&crm, &token(next));
            let answer = gateway.ask("{ customers { nodes { name } } }").await;
            match next {
                "/0/next" => {
                    assert!(codes(&answer).is_empty(), "{answer}");
                    assert_eq!(names(&answer), ["One", "Two"]);
                }
                "/0/junk/x" if odd == "1e400" => {
                    assert_eq!(codes(&answer), ["SOURCE_INVALID_RESPONSE"], "{answer}");
                }
                // There is no such place, as far as anybody can tell.
                _ => assert_eq!(names(&answer), ["One"], "{answer}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_on_the_pages_that_cannot_be_read_is_none() {
    for (page, body) in [
        (
            "kind = \"token\", send = \"query:t\", next = \"/next\", total = \"/total\"",
            r#"{"rows": [{"id": "1", "name": "One"}], "total": 1e400}"#,
        ),
        (
            "kind = \"page\", page = \"query:p\", size = \"query:n\", max = 20, pages = \"/pages\"",
            r#"{"rows": [{"id": "1", "name": "One"}], "pages": 1e400}"#,
        ),
        (
            "kind = \"token\", send = \"query:t\", next = \"last:/key\"",
            r#"{"rows": [{"id": "1", "name": "One", "key": 1e400}]}"#,
        ),
    ] {
        let text = of(&format!("items = \"/rows\"\npage = {{ {page} }}"), NAME);
        let answer = told(&text, body, "name").await;
        assert_eq!(codes(&answer), ["SOURCE_INVALID_RESPONSE"], "{answer}");
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("number that is too large"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_that_cannot_be_read_is_one() {
    for ok in ["absent = true", "unless = [\"bad\"]"] {
        let list = format!("ok = {{ path = \"/error\", {ok} }}\nitems = \"/rows\"\n{UNPAGED}");
        let text = of(&list, NAME);
        for odd in [nested(200), r#"{"code": 1e400}"#.to_owned()] {
            let body = format!(r#"{{"error": {odd}, "rows": [{{"id": "1", "name": "One"}}]}}"#);
            let answer = told(&text, &body, "name").await;
            assert_eq!(codes(&answer), ["SOURCE_INVALID_RESPONSE"], "{answer}");
            assert!(names(&answer).is_empty(), "{answer}");
        }
    }
}

/// Nobody sees a deleted record because something beside its sign, or the sign itself, cannot be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_record_is_not_shown_for_what_cannot_be_read() {
    let list =
        format!("items = \"/rows\"\ngone = {{ path = \"/state/dead\", equals = true }}\n{UNPAGED}");
    let fields = format!("{NAME}\ncustomFields = {{ r = \"/state\", type = \"json\" }}");
    let body = |state: &str| {
        format!(
            r#"{{"rows": [{{"id": "1", "name": "One", "state": {state}}}, {{"id": "2", "name": "Two", "state": {{"dead": false}}}}]}}"#
        )
    };
    for (state, is_told) in [
        (r#"{"dead": true, "more": 1e400}"#, false),
        (r#"{"dead": 1e400}"#, true),
        ("1e400", true),
    ] {
        for fields in [&*fields, NAME] {
            let answer = told(&of(&list, fields), &body(state), "name").await;
            assert_eq!(names(&answer), ["Two"], "{answer}");
            let expected = match is_told {
                true => vec!["SOURCE_INVALID_RESPONSE"],
                false => vec![],
            };
            assert_eq!(codes(&answer), expected, "{answer}");
            if is_told {
                let message = answer["errors"][0]["message"].as_str().unwrap();
                assert!(message.contains("deleted"), "{message}");
            }
        }
    }
}

/// One record costs no other, whatever is kept of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_kept_whole_costs_no_other() {
    let list = format!("items = \"/rows\"\n{UNPAGED}");
    let whole = format!("{NAME}\ncustomFields = {{ r = \"\", type = \"json\" }}");
    let city = format!("{NAME}\ncity = {{ r = \"/place/city\" }}");
    for (fields, asked, odd) in [
        (&whole, "customFields", "[1e400]".to_owned()),
        (&whole, "customFields", nested(200)),
        (&city, "city", "1e400".to_owned()),
    ] {
        let body = format!(
            r#"{{"rows": [{{"id": "1", "name": "One"}}, {{"id": "2", "name": "Two", "place": {odd}}}]}}"#
        );
        let answer = told(&of(&list, fields), &body, "name").await;
        assert!(codes(&answer).is_empty(), "{answer}");
        assert_eq!(names(&answer), ["One", "Two"]);
        let answer = told(&of(&list, fields), &body, &format!("name {asked}")).await;
        assert_eq!(codes(&answer), ["SOURCE_INVALID_RESPONSE"], "{answer}");
        let path = json!(["customers", "nodes", 1, asked]);
        assert_eq!(answer["errors"][0]["path"], path, "{answer}");
    }
    for odd in ["1e400", r#"{"id": 1e400}"#] {
        let body = format!(r#"{{"rows": [{{"id": "1", "name": "One"}}, {odd}]}}"#);
        let answer = told(&of(&list, NAME), &body, "name").await;
        assert_eq!(codes(&answer), ["SOURCE_INVALID_RESPONSE"], "{answer}");
        assert_eq!(names(&answer), ["One"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_cannot_be_read_is_not_called_missing() {
    let status =
        format!("{NAME}\nstatus = {{ r = \"/at\", present = [\"ARCHIVED\", \"ACTIVE\"] }}");
    let text = of(&format!("items = \"/rows\"\n{UNPAGED}"), &status);
    let body = r#"{"rows": [{"id": "1", "name": "One", "at": 1e400}, {"id": "2", "name": "Two"}]}"#;
    let answer = told(&text, body, "name status").await;
    assert_eq!(codes(&answer), ["SOURCE_INVALID_RESPONSE"], "{answer}");
    let nodes = &answer["data"]["customers"]["nodes"];
    assert_eq!(nodes[0], json!({ "name": "One", "status": null }));
    assert_eq!(nodes[1]["status"], "ACTIVE");
}

/// Of the answer to a change everything is read at once, or nothing.
#[tokio::test]
async fn a_change_whose_answer_cannot_be_read_may_be_done() {
    for (odd, outcome) in [
        ("1", WriteOutcome::Applied),
        ("1e400", WriteOutcome::Unknown),
    ] {
        let crm = Crm::always(answer(odd, true)).await;
        let change = Change::Update {
            id: LocalId::new("2").unwrap(),
            fields: vec![(WriteField::Name, FieldValue::Text("Two".into()))],
            native: Map::new(),
        };
        let written = source(&crm, &listing()).write(&call(), &change).await;
        assert_eq!(written.outcome, outcome, "{written:?}");
    }
}
