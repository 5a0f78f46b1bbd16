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
