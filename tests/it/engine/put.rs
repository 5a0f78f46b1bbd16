//! Values as they are put into a write: constants that name the customer, numbers, lists in forms, dates, a phone's two parts.

use super::words::{tags, with_field, written};
use super::{FIELDS, id};
use crate::support::crm::{Crm, call, file, source};
use crmql::model::{Change, Date, FieldValue, WriteField, WriteOutcome};
use crmql::source::CustomerSource;
use serde_json::{Map, Value, json};

fn update(fields: Vec<(WriteField, FieldValue)>) -> Change {
    Change::Update {
        id: id("a"),
        fields,
        native: Map::new(),
    }
}

fn text(text: &str) -> FieldValue {
    FieldValue::Text(text.into())
}

#[tokio::test]
async fn a_constant_may_name_the_customer_beside_a_var() {
    let put = "put = { \"/ref\" = \"{key}:{id}\", \"/is\" = [{ id = \"{id}\", at = \"{key}\", odd = \"{\" }] }";
    let routes = format!(
        "[get]\nrequest = \"POST /one\"\nitem = \"\"\n{put}\n[update]\nrequest = \"PATCH /c/{{id}}\"\nreturns = {{}}\n{put}\n[delete]\nrequest = \"POST /gone\"\nreturns = {{}}\n{put}\n{FIELDS}"
    );
    for key in ["k3y", "{id}", "{key}"] {
        let text = file("", &routes).replace("k3y", key);
        let crm = Crm::json(json!({ "id": "a" })).await;
        let source = source(&crm, &text);
        source.fetch(&call(), &[id("a")]).await;
        let change = update(vec![(WriteField::Name, FieldValue::Text("Ann".into()))]);
        source.write(&call(), &change).await;
        source.write(&call(), &Change::Delete { id: id("a") }).await;
        let wanted = json!([{ "id": "a", "at": key, "odd": "{" }]);
        assert_eq!(crm.seen().len(), 3);
        for seen in crm.seen() {
            let body = seen.json();
            assert_eq!(body["ref"], format!("{key}:a"), "{}", seen.target);
            assert_eq!(body["is"], wanted, "{}", seen.target);
        }
    }
}

#[tokio::test]
async fn a_number_that_no_json_has_is_refused_and_clears_nothing() {
    let file = with_field(
        "customerNumber = { r = \"/no\", w = \"/no\", type = \"float\" }",
        "",
    );
    let sent = |number: &'static str| written(&file, WriteField::CustomerNumber, text(number));
    for odd in ["nan", "NaN", "inf", "-infinity", "1e999"] {
        assert_eq!(sent(odd).await, None, "{odd}");
    }
    assert_eq!(sent("1.5").await, Some(json!({ "no": 1.5 })));
}

/// What is sent in a form for some fields.
async fn in_form(fields: &str, given: Vec<(WriteField, FieldValue)>) -> Vec<String> {
    let file = with_field(fields, "").replace(
        "request = \"PATCH /c/{id}\"",
        "request = \"PATCH /c/{id}\"\nbody = \"form\"",
    );
    let crm = Crm::json(json!({})).await;
    source(&crm, &file).write(&call(), &update(given)).await;
    let body = crm.only().body;
    let mut pairs: Vec<_> = url::form_urlencoded::parse(body.as_bytes())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.sort();
    pairs
}

#[tokio::test]
async fn a_form_says_that_something_is_empty() {
    let fields = "tags = { r = \"/t\", w = \"/t\", clear = \"empty\" }\ncustomFields = { r = \"/p\", w = \"/p\", type = \"json\" }";
    let empty = vec![
        (WriteField::Tags, tags(&[])),
        (WriteField::CustomFields, FieldValue::Json(json!({}))),
    ];
    assert_eq!(in_form(fields, empty).await, ["p=", "t="]);
    let inner = json!({ "a": [], "b": { "c": {} }, "d": [[], 1] });
    let nested = vec![
        (WriteField::CustomFields, FieldValue::Json(inner)),
        (WriteField::Tags, FieldValue::Null),
    ];
    let sent = ["p[a]=", "p[b][c]=", "p[d][0]=", "p[d][1]=1", "t="];
    assert_eq!(in_form(fields, nested).await, sent);
}

#[tokio::test]
async fn tags_are_cleared_as_the_list_that_they_are() {
    for (more, cleared) in [
        ("", json!([])),
        (", type = \"strings\"", json!([])),
        (", split = \",\"", json!("")),
    ] {
        let field = format!("tags = {{ r = \"/t\", w = \"/t\", clear = \"empty\"{more} }}");
        let sent = written(&with_field(&field, ""), WriteField::Tags, FieldValue::Null).await;
        assert_eq!(sent, Some(json!({ "t": cleared })), "{more}");
    }
}

#[tokio::test]
async fn a_day_is_written_as_midnight_where_its_form_has_a_time() {
    for (form, sent) in [
        (
            "as = \"fmt:%Y-%m-%dT%H:%M:%S\"",
            json!("1990-02-03T00:00:00"),
        ),
        (
            "as = \"fmt:%Y-%m-%dT%H:%M:%S%:z\", zone = \"+02:00\"",
            json!("1990-02-03T00:00:00+02:00"),
        ),
        ("as = \"fmt:%d.%m.%Y\"", json!("03.02.1990")),
        ("as = \"rfc3339\"", json!("1990-02-03T00:00:00Z")),
        ("as = \"epoch_s\"", json!(634_003_200)),
    ] {
        let field = format!("birthDate = {{ r = \"/b\", w = \"/b\", {form} }}");
        let day = FieldValue::Date(Date(jiff::civil::date(1990, 2, 3)));
        let body = written(&with_field(&field, ""), WriteField::BirthDate, day).await;
        assert_eq!(body, Some(json!({ "b": sent })), "{form}");
    }
}

fn phone(number: &str, code: Option<&str>) -> FieldValue {
    FieldValue::Phone {
        number: number.into(),
        calling_code: code.map(str::to_owned),
    }
}

/// Both are one value of the schema: an old code must not stand beside a new number.
#[tokio::test]
async fn a_calling_code_is_written_with_its_number_and_as_its_field_says() {
    let sent = async |code: &str, value: FieldValue| -> Option<Value> {
        let fields =
            format!("phone = \"/ph\"\nphoneCallingCode = {{ r = \"/cc\", w = \"/cc\", {code} }}");
        written(&with_field(&fields, ""), WriteField::Phone, value).await
    };
    let shaped = "type = \"int\", shape = { code = \"$\" }, max_length = 3";
    for (code, value, body) in [
        (
            shaped,
            phone("2030", Some("45")),
            Some(json!({ "ph": "2030", "cc": { "code": 45 } })),
        ),
        (shaped, phone("2030", Some("x")), None),
        (shaped, phone("2030", Some("1234")), None),
        (
            shaped,
            phone("2030", None),
            Some(json!({ "ph": "2030", "cc": null })),
        ),
        (
            "clear = \"empty\"",
            FieldValue::Null,
            Some(json!({ "ph": null, "cc": "" })),
        ),
        ("clear = \"forbid\"", phone("2030", None), None),
        ("clear = \"forbid\"", FieldValue::Null, None),
        (
            "clear = \"forbid\"",
            phone("2030", Some("45")),
            Some(json!({ "ph": "2030", "cc": "45" })),
        ),
        (
            "on = [\"create\"]",
            phone("2030", None),
            Some(json!({ "ph": "2030" })),
        ),
    ] {
        assert_eq!(sent(code, value.clone()).await, body, "{code} {value:?}");
    }
}

#[tokio::test]
async fn a_new_customer_has_no_calling_code_to_clear() {
    let file = file(
        "",
        &format!(
            "[get]\nrequest = \"GET /c/{{id}}\"\nitem = \"\"\n[create]\nrequest = \"POST /c\"\nreturns = {{ item = \"\" }}\n{FIELDS}phone = \"/ph\"\nphoneCallingCode = {{ r = \"/cc\", w = \"/cc\", clear = \"forbid\" }}\n"
        ),
    );
    let crm = Crm::json(json!({ "id": "a" })).await;
    let change = Change::Create {
        fields: vec![(WriteField::Phone, phone("2030", None))],
        native: Map::new(),
    };
    let made = source(&crm, &file).write(&call(), &change).await;
    assert_eq!(made.outcome, WriteOutcome::Applied);
    assert_eq!(crm.only().json(), json!({ "ph": "2030" }));
}

#[tokio::test]
async fn a_flag_is_written_in_the_type_that_it_has() {
    for (kind, sent) in [
        ("bool", json!(true)),
        ("string", json!("true")),
        ("int", json!(1)),
    ] {
        let field = format!("unsubscribed = {{ r = \"/u\", w = \"/u\", type = \"{kind}\" }}");
        let file = with_field(&field, "");
        let body = written(&file, WriteField::Unsubscribed, FieldValue::Bool(true)).await;
        assert_eq!(body, Some(json!({ "u": sent })), "{kind}");
    }
}
