//! CRMs that replace the whole record: what an update does not give goes back as the record holds it, or nothing is sent.

use super::{FIELDS, id};
use crate::support::crm::{Crm, Play, call, file, source};
use crmql::model::{Change, FieldValue, WriteField, WriteOutcome};
use crmql::source::{CustomerSource, SourceErrorKind};
use serde_json::{Map, Value, json};

fn replacing(fields: &str) -> String {
    let routes = "[get]\nrequest = \"GET /c/{id}\"\nitem = \"/of\"\n[update]\nrequest = \"PUT /c/{id}\"\nmode = \"replace\"\nreturns = {}\n";
    file("", &format!("{routes}{FIELDS}{fields}\n"))
}

/// What is put for an update of one field; nothing where it is refused.
async fn put(fields: &str, mut record: Value, given: (WriteField, FieldValue)) -> Option<Value> {
    record["id"] = json!("a");
    let crm = Crm::json(json!({ "of": record })).await;
    let change = Change::Update {
        id: id("a"),
        fields: vec![given],
        native: Map::new(),
    };
    let source = source(&crm, &replacing(fields));
    let written = source.write(&call(), &change).await;
    let mut seen = crm.seen();
    let last = seen.pop().unwrap();
    if written.outcome == WriteOutcome::NotApplied {
        assert_eq!(written.problems[0].error.kind, SourceErrorKind::Rejected);
        assert_eq!((seen.len(), last.method.as_str()), (0, "GET"));
        return None;
    }
    assert_eq!(last.method, "PUT");
    Some(last.json())
}

fn named() -> (WriteField, FieldValue) {
    (WriteField::Name, FieldValue::Text("Ann".into()))
}

/// A field, and what a record holds there: it goes back as it is.
const KEPT: &[(&str, &str)] = &[
    ("externalId = \"/x\"", "77"),
    ("externalId = \"/x\"", "5.5"),
    ("externalId = \"/x\"", "\"\""),
    (
        "birthDate = { r = \"/x\", w = \"/x\", type = \"datetime\", as = \"rfc3339\" }",
        "\"1990-05-17T22:00:00Z\"",
    ),
    (
        "birthDate = { r = \"/x\", w = \"/x\", null_if = [\"0000-00-00\"] }",
        "\"0000-00-00\"",
    ),
    (
        "tier = { r = \"/x\", w = \"/x\", enum = \"t\" }",
        "\"gold_plus\"",
    ),
    ("tier = { r = \"/x\", w = \"/x\", enum = \"t\" }", "\"tin\""),
    (
        "tier = { r = \"/x\", w = \"/x\", enum = \"t\", unknown = \"null\" }",
        "\"tin\"",
    ),
    (
        "unsubscribed = { r = \"/x\", w = \"/x\", enum = \"u\" }",
        "\"pending\"",
    ),
    ("unsubscribed = \"/x\"", "\"1\""),
    (
        "tags = { r = \"/x\", w = \"/x\", split = \",\" }",
        "\"a , b,,c\"",
    ),
    (
        "tags = { r = \"/x\", w = \"/x\", each = \"/name\" }",
        "[{ \"name\": \"a\", \"no\": 1 }]",
    ),
    (
        "phone = \"/y\"\nphoneCallingCode = { r = \"/x\", w = \"/x\" }",
        "\"+45\"",
    ),
    (
        "customFields = { r = \"/x\", w = \"/x\", type = \"json\" }",
        "{ \"a\": [1, null] }",
    ),
];

#[tokio::test]
async fn what_nobody_gave_goes_back_as_the_record_holds_it() {
    let words = "[enums.t]\nGOLD = [\"gold\", \"gold_plus\"]\n[enums.u]\nTRUE = \"no\"\nFALSE = [\"yes\", \"pending\"]\n";
    for (fields, held) in KEPT {
        let held: Value = serde_json::from_str(held).unwrap();
        let sent = put(&format!("{fields}\n{words}"), json!({ "x": held }), named()).await;
        assert_eq!(sent, Some(json!({ "name": "Ann", "x": held })), "{fields}");
    }
    for nothing in [json!({ "x": null }), json!({})] {
        let sent = put("externalId = \"/x\"", nothing, named()).await;
        assert_eq!(sent, Some(json!({ "name": "Ann" })));
    }
}

#[tokio::test]
async fn what_cannot_be_read_whole_is_not_written_in_part() {
    let phone = "phone = \"/p\"\nphoneCallingCode = { r = \"/x\", w = \"/x\" }";
    for (fields, record) in [
        ("tags = \"/x\"", json!({ "x": ["a", { "b": 1 }] })),
        ("tags = \"/x\"", json!({ "x": "a" })),
        (phone, json!({ "p": "12", "x": { "a": 1 } })),
        (phone, json!({ "p": ["12"], "x": "45" })),
        (
            "ownerId = { r = \"/o/id\", w = \"/o\" }",
            json!({ "o": "x" }),
        ),
        ("externalId = \"/x/y\"", json!({ "x": "odd" })),
    ] {
        assert_eq!(put(fields, record, named()).await, None, "{fields}");
    }
    // A name that is only shown is nothing to write.
    let owner = "ownerId = { r = \"/o/id\", w = \"/oid\" }\nownerName = { r = \"/o/name\" }";
    let record = json!({ "o": { "id": 7, "name": [] } });
    let sent = put(owner, record, named()).await;
    assert_eq!(sent, Some(json!({ "name": "Ann", "oid": 7 })));
}

/// Where a field is written in other words than it is read, no word may stand for two.
#[tokio::test]
async fn a_word_that_is_written_in_another_one_is_the_only_one_for_it() {
    let fields = "tier = { r = \"/x\", w = \"/y\", enum = \"t\", w_enum = \"s\" }\n[enums.t]\nGOLD = [\"gold\", \"gold_plus\"]\nSILVER = \"silver\"\nfold = true\n[enums.s]\nGOLD = 3\nSILVER = 2\n";
    for (held, sent) in [
        (json!("gold"), Some(json!({ "name": "Ann", "y": 3 }))),
        (json!("Silver"), Some(json!({ "name": "Ann", "y": 2 }))),
        (json!("gold_plus"), None),
        (json!("tin"), None),
    ] {
        let put = put(fields, json!({ "x": held }), named()).await;
        assert_eq!(put, sent, "{held}");
    }
    let sign = "status = { r = \"/at\", w = \"/archived\", present = [\"ARCHIVED\", \"ACTIVE\"], w_enum = \"s\" }\n[enums.s]\nARCHIVED = true\nACTIVE = false\n";
    for (held, sent) in [(json!("2024"), true), (json!(null), false)] {
        let put = put(sign, json!({ "at": held }), named()).await;
        assert_eq!(put, Some(json!({ "name": "Ann", "archived": sent })));
    }
}

/// Others may stand in a list beside the one that is read.
#[tokio::test]
async fn a_shape_takes_nothing_away_from_what_stands_at_its_place() {
    let fields = "phone = { r = \"/m/0/v\", w = \"/m\", shape = [{ v = \"$\", main = true }] }";
    for (held, sent) in [
        (
            json!([{ "v": 12, "main": true, "label": "x" }, { "v": "34", "main": false }]),
            true,
        ),
        (json!([{ "v": 12, "main": true }]), true),
        (json!([{ "v": 12, "main": false }]), false),
    ] {
        let put = put(fields, json!({ "m": held }), named()).await;
        let wanted = sent.then(|| json!({ "name": "Ann", "m": held }));
        assert_eq!(put, wanted, "{held}");
    }
    let elsewhere = "phone = { r = \"/ph\", w = \"/m\", shape = [{ v = \"$\" }] }";
    let sent = put(elsewhere, json!({ "ph": 12 }), named()).await;
    assert_eq!(sent, Some(json!({ "name": "Ann", "m": [{ "v": 12 }] })));
}

/// As an update that is no replacement has it.
#[tokio::test]
async fn a_new_number_takes_the_old_calling_code_with_it() {
    let fields = "phone = \"/p\"\nphoneCallingCode = { r = \"/x\", w = \"/x\" }";
    let number = FieldValue::Phone {
        number: "34".into(),
        calling_code: None,
    };
    let record = json!({ "name": "Old", "p": "12", "x": "45" });
    let sent = put(fields, record, (WriteField::Phone, number)).await;
    assert_eq!(sent, Some(json!({ "name": "Old", "p": "34", "x": null })));
}

/// A CRM that shows customers in batches only: what nobody gave is taken from there, and what was written is read back from there.
#[tokio::test]
async fn a_record_that_only_batches_show_goes_back_whole() {
    let routes = "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\npage = { kind = \"none\" }\n[get_many]\nrequest = \"GET /many\"\nids = { send = \"query:ids\", list = \"csv\" }\nitems = \"/data\"\nmax = 5\n\
        [update]\nrequest = \"PUT /c/{id}\"\nmode = \"replace\"\nreturns = { then = \"get\" }\n";
    let text = file("", &format!("{routes}{FIELDS}externalId = \"/x\"\n"));
    let crm = Crm::answering(|seen, _| match seen.method.as_str() {
        "PUT" => Play::Json(200, json!({})),
        _ => Play::Json(
            200,
            json!({ "data": [{ "id": "a", "name": "Bo", "x": "7" }] }),
        ),
    })
    .await;
    let change = Change::Update {
        id: id("a"),
        fields: vec![named()],
        native: Map::new(),
    };
    let written = source(&crm, &text).write(&call(), &change).await;
    assert_eq!(
        written.outcome,
        WriteOutcome::Applied,
        "{:?}",
        written.problems
    );
    assert!(written.customer.is_some(), "{:?}", written.read_back);
    let seen = crm.seen();
    let lines: Vec<String> = seen.iter().map(|seen| seen.line()).collect();
    assert_eq!(lines, ["GET /many?ids=a", "PUT /c/a", "GET /many?ids=a"]);
    assert_eq!(seen[1].json(), json!({ "name": "Ann", "x": "7" }));
}
