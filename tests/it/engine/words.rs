//! Words for fields that CRMs keep in forms of their own, and for routes whose refusals mean something of their own.

use super::{FIELDS, id, listing_with, page_of};
use crate::support::crm::{Crm, Play, call, file, source};
use crmql::model::{
    Change, CustomerOrderField, FieldValue, Filter, Order, OrderDirection, WriteField, WriteOutcome,
};
use crmql::source::{CustomerRef, CustomerSource, Position, SourceErrorKind};
use serde_json::{Map, Value, json};

/// A file whose customers have one more field.
pub(super) fn with_field(field: &str, more: &str) -> String {
    file(
        "",
        &format!(
            "[get]\nrequest = \"GET /c/{{id}}\"\nitem = \"\"\n[update]\nrequest = \"PATCH /c/{{id}}\"\nreturns = {{}}\n{FIELDS}{field}\n{more}"
        ),
    )
}

pub(super) async fn read(text: &str, mut record: Value) -> CustomerRef {
    record["id"] = json!("a");
    let crm = Crm::json(record).await;
    let mut found = source(&crm, text).fetch(&call(), &[id("a")]).await;
    found.pop().unwrap().unwrap().unwrap()
}

/// What is sent for a value, or nothing where it is refused.
pub(super) async fn written(text: &str, field: WriteField, value: FieldValue) -> Option<Value> {
    let crm = Crm::json(json!({})).await;
    let change = Change::Update {
        id: id("a"),
        fields: vec![(field, value)],
        native: Map::new(),
    };
    let written = source(&crm, text).write(&call(), &change).await;
    if written.outcome == WriteOutcome::NotApplied {
        assert_eq!(written.problems[0].error.kind, SourceErrorKind::Rejected);
        assert!(crm.seen().is_empty());
        return None;
    }
    Some(crm.only().json())
}

pub(super) fn tags(tags: &[&str]) -> FieldValue {
    FieldValue::Texts(tags.iter().map(ToString::to_string).collect())
}

/// A CRM may hold a tag that says nothing; the others are shown without it.
#[tokio::test]
async fn an_empty_tag_is_left_out_without_an_error() {
    for (field, held) in [
        ("tags = { r = \"/t\" }", json!(["a", "", "b"])),
        (
            "tags = { r = \"/t\", each = \"/n\" }",
            json!([{ "n": "a" }, { "n": "" }, { "n": "b" }]),
        ),
    ] {
        let customer = read(&with_field(field, ""), json!({ "t": held })).await;
        let tags = customer.tags.as_ref().unwrap();
        assert!(tags.iter().map(|tag| &**tag).eq(["a", "b"]), "{tags:?}");
        assert_eq!(customer.problems, []);
    }
    let text = with_field("tags = { r = \"/t\" }", "");
    let customer = read(&text, json!({ "t": ["a", null] })).await;
    assert_eq!(customer.problems.len(), 1, "no text at all");
}

#[tokio::test]
async fn tags_may_be_one_text() {
    let text = with_field(
        "tags = { r = \"/t\", w = \"/t\", split = \", \", clear = \"empty\" }",
        "",
    );
    for (held, shown) in [
        (json!("vip, new,old , ,"), Some(vec!["vip", "new", "old"])),
        (json!(""), Some(vec![])),
        (json!(null), None),
        (json!(["x"]), Some(vec!["x"])),
    ] {
        let customer = read(&text, json!({ "t": held })).await;
        let tags = customer.tags.as_ref();
        let tags = tags.map(|tags| tags.iter().map(|tag| &**tag).collect::<Vec<_>>());
        assert_eq!(tags, shown, "{held}");
        assert!(customer.problems.is_empty());
    }
    let sent = |value| written(&text, WriteField::Tags, value);
    assert_eq!(
        sent(tags(&["a b", "c"])).await,
        Some(json!({ "t": "a b, c" }))
    );
    assert_eq!(sent(tags(&[])).await, Some(json!({ "t": "" })));
    assert_eq!(sent(FieldValue::Null).await, Some(json!({ "t": "" })));
    assert_eq!(sent(tags(&["a,b"])).await, None, "it would be two");
}

#[tokio::test]
async fn a_boolean_may_be_words_or_a_flag_that_is_kept_the_other_way_round() {
    let field = "unsubscribed = { r = \"/s\", w = \"/s\", type = \"bool\", enum = \"optout\" }";
    let words = with_field(
        field,
        "[enums.optout]\nTRUE = \"unsubscribed\"\nFALSE = [\"subscribed\", \"pending\"]\n",
    );
    let other_way = with_field(field, "[enums.optout]\nTRUE = false\nFALSE = true\n");
    let one_way = with_field(field, "[enums.optout]\nTRUE = \"off\"\n");
    for (text, held, shown, odd) in [
        (&words, json!("unsubscribed"), Some(true), false),
        (&words, json!("pending"), Some(false), false),
        (&words, json!("cleaned"), None, true),
        (&words, json!(true), None, true),
        (&words, json!(null), None, false),
        (&other_way, json!(false), Some(true), false),
        (&other_way, json!(true), Some(false), false),
    ] {
        let customer = read(text, json!({ "s": held })).await;
        assert_eq!(customer.unsubscribed, shown, "{held}");
        assert_eq!(!customer.problems.is_empty(), odd, "{held}");
    }
    for (text, value, sent) in [
        (&words, true, Some(json!("unsubscribed"))),
        (&words, false, Some(json!("subscribed"))),
        (&other_way, true, Some(json!(false))),
        (&one_way, false, None),
    ] {
        let body = written(text, WriteField::Unsubscribed, FieldValue::Bool(value)).await;
        assert_eq!(body, sent.map(|sent| json!({ "s": sent })));
    }
}

#[tokio::test]
async fn a_value_may_stand_in_a_longer_text_and_cannot_leave_it() {
    for (shape, sent) in [
        ("\"/users({value})\"", json!("/users(u-1)")),
        (
            "{ ref = \"/u/{value}\", id = \"$\" }",
            json!({ "ref": "/u/u-1", "id": "u-1" }),
        ),
    ] {
        let text = with_field(
            &format!("ownerId = {{ r = \"/o\", w = \"/o\", shape = {shape} }}"),
            "",
        );
        let owner = |id: &str| FieldValue::Text(id.into());
        assert_eq!(
            written(&text, WriteField::OwnerId, owner("u-1")).await,
            Some(json!({ "o": sent }))
        );
        for odd in ["u)/x(", "u/x", "", "u'1"] {
            assert_eq!(
                written(&text, WriteField::OwnerId, owner(odd)).await,
                None,
                "{odd}"
            );
        }
    }
}

#[tokio::test]
async fn an_order_may_be_a_member_of_the_body_and_a_number() {
    let more = "sort = { style = \"keyed\", to = \"body:/query/sort/{field}\", asc = 1, desc = -1, by = { id = \"id\", createdAt = \"meta/at\" } }";
    let text = listing_with("kind = \"none\"", more).replace("GET /c", "POST /c");
    for (field, direction, sent) in [
        (
            CustomerOrderField::Id,
            OrderDirection::Asc,
            json!({ "id": 1 }),
        ),
        (
            CustomerOrderField::CreatedAt,
            OrderDirection::Desc,
            json!({ "meta/at": -1 }),
        ),
    ] {
        let crm = Crm::json(json!({ "data": [] })).await;
        let source = source(&crm, &text);
        let order = Some(Order { field, direction });
        super::filtered(&source, &Filter::default(), order)
            .await
            .unwrap();
        assert_eq!(crm.only().json(), json!({ "query": { "sort": sent } }));
    }
}

#[tokio::test]
async fn a_route_may_have_words_of_its_own_for_refusals() {
    let own = |codes: &str| format!("codes = {{ {codes} }}\nstatus = {{ 418 = \"not_found\" }}\n");
    let text = file(
        "",
        &format!(
            "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\npage = {{ kind = \"none\" }}\n{}[get]\nrequest = \"GET /c/{{id}}\"\nitem = \"\"\n{}[update]\nrequest = \"PATCH /c/{{id}}\"\n{}[delete]\nrequest = \"DELETE /c/{{id}}\"\nreturns = {{}}\n{FIELDS}[errors]\ncode = [\"/code\"]\ncodes = {{ BAD = \"invalid\", ODD = \"forbidden\" }}\nstatus = {{ 418 = \"forbidden\" }}\n",
            own("BAD = \"rate_limited\""),
            own("BAD = \"not_found\""),
            own("BAD = { kind = \"conflict\", field = \"email\" }"),
        ),
    );
    let bad = |status| Play::Json(status, json!({ "code": "BAD" }));
    let odd = Play::Json(400, json!({ "code": "ODD" }));
    let plain = Play::Json(418, json!({}));
    let list = |play: Play| {
        let text = &text;
        async move {
            let crm = Crm::always(play).await;
            page_of(&source(&crm, text), Position::Start, 2).await
        }
    };
    let throttled = list(bad(400)).await.unwrap_err();
    assert_eq!(throttled.kind, SourceErrorKind::Throttled);
    assert_eq!(
        list(odd.clone()).await.unwrap_err().kind,
        SourceErrorKind::Forbidden
    );
    for play in [bad(400), plain.clone()] {
        let crm = Crm::always(play).await;
        let found = source(&crm, &text).fetch(&call(), &[id("a")]).await;
        assert!(matches!(found[0], Ok(None)), "{found:?}");
    }
    let change = Change::Update {
        id: id("a"),
        fields: vec![(WriteField::Name, FieldValue::Text("Ann".into()))],
        native: Map::new(),
    };
    for (change, play, kind) in [
        (&change, bad(400), SourceErrorKind::Conflict),
        (&change, odd, SourceErrorKind::Forbidden),
        (&change, plain.clone(), SourceErrorKind::NotFound),
        (
            &Change::Delete { id: id("a") },
            bad(400),
            SourceErrorKind::Rejected,
        ),
        (
            &Change::Delete { id: id("a") },
            plain,
            SourceErrorKind::Forbidden,
        ),
    ] {
        let crm = Crm::always(play.clone()).await;
        let written = source(&crm, &text).write(&call(), change).await;
        assert_eq!(written.problems[0].error.kind, kind, "{change:?} {play:?}");
    }
    // A good status with a word of failure in it is judged by the same words.
    let told = text.replace(
        "item = \"\"\n",
        "item = \"\"\nok = { path = \"/ok\", equals = true }\n",
    );
    let crm = Crm::always(Play::Json(200, json!({ "ok": false, "code": "BAD" }))).await;
    let found = source(&crm, &told).fetch(&call(), &[id("a")]).await;
    assert!(matches!(found[0], Ok(None)), "{found:?}");
}
