//! What documents and variables mean.

use super::{ask, ask_vars, code};
use crate::graphql::document::{Documents, OF_ONE_MOMENT, OF_ONE_OPERATION};
use crate::graphql::{RequestCode, toy};
use crate::limits::Limits;
use serde_json::{Value, json};

#[tokio::test]
async fn a_plain_query_is_answered() {
    assert_eq!(ask("{ text }").await, json!({"data": {"text": "nothing"}}));
}

#[tokio::test]
async fn keys_stand_in_the_order_asked_for_however_long_each_takes() {
    let answer =
        ask("{ b: slow(ms: 20) a: text c: slow(ms: 1) ...F } fragment F on Query { d: text }")
            .await;
    assert_eq!(
        serde_json::to_string(&answer["data"]).unwrap(),
        r#"{"b":true,"a":"nothing","c":true,"d":"nothing"}"#
    );
}

/// Collecting fields knows nothing of a selection that is left out, so its key takes the place where it is asked for next.
#[tokio::test]
async fn a_selection_that_is_left_out_holds_no_place() {
    for (query, keys) in [
        (
            "{ a: text @skip(if: true) b: text a: text }",
            r#"{"b":"nothing","a":"nothing"}"#,
        ),
        (
            "{ a: text @skip(if: false) b: text a: text }",
            r#"{"a":"nothing","b":"nothing"}"#,
        ),
        (
            "{ ... @include(if: false) { a: text } b: text a: text }",
            r#"{"b":"nothing","a":"nothing"}"#,
        ),
        (
            "{ box { number @skip(if: true) n: number number } }",
            r#"{"box":{"n":0,"number":0}}"#,
        ),
    ] {
        let answer = ask(query).await;
        assert_eq!(
            serde_json::to_string(&answer["data"]).unwrap(),
            keys,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_failed_field_nulls_what_the_schema_says() {
    let answer = ask("{ box { number maybe(fail: true) } }").await;
    assert_eq!(answer["data"], json!({"box": {"number": 0, "maybe": null}}));
    let answer = ask("{ box { maybe(fail: true) other: maybe(fail: true) } }").await;
    assert_eq!(
        answer["data"],
        json!({"box": {"maybe": null, "other": null}})
    );
    let answer = ask("{ box { number sure(fail: true) maybe(fail: true) } text }").await;
    assert_eq!(answer["data"], json!({"box": null, "text": "nothing"}));
    let answer =
        ask("{ box { certainInner { number sure(fail: true) } inner { sure(fail: true) } } }")
            .await;
    assert_eq!(answer["data"], json!({"box": null}));
    let answer = ask("{ box { inner { sure(fail: true) } number } }").await;
    assert_eq!(answer["data"], json!({"box": {"inner": null, "number": 0}}));
    let answer = ask("{ box { maybeBoxes(count: 2) { number sure(fail: true) } number } }").await;
    assert_eq!(
        answer["data"],
        json!({"box": {"maybeBoxes": [null, null], "number": 0}})
    );
    let answer =
        ask("{ box { inner { boxes(count: 2) { number sure(fail: true) } } number } }").await;
    assert_eq!(answer["data"], json!({"box": {"inner": null, "number": 0}}));
    let answer = ask("{ uncoded text }").await;
    assert_eq!(answer["data"], json!({"uncoded": null, "text": "nothing"}));
}

#[tokio::test]
async fn an_error_without_a_code_is_ours_and_tells_nothing() {
    let answer = ask("{ uncoded }").await;
    let error = &answer["errors"][0];
    assert_eq!(error["message"], "the gateway failed");
    assert_eq!(
        error["extensions"],
        json!({"code": "INTERNAL", "requestId": "r1"})
    );
    assert_eq!(error["path"], json!(["uncoded"]));
    assert_eq!(error["locations"], json!([{"line": 1, "column": 3}]));
}

#[tokio::test]
async fn an_object_without_fields_is_empty_and_not_null() {
    assert_eq!(ask("{ text @skip(if: true) }").await, json!({"data": {}}));
    assert_eq!(
        ask("{ box { number @include(if: false) } }").await,
        json!({"data": {"box": {}}})
    );
    assert_eq!(
        ask("{ pet { ... on Cat { lives } } }").await,
        json!({"data": {"pet": {}}})
    );
    assert_eq!(
        ask("{ ...F } fragment F on Query { ... @skip(if: true) { text } }").await,
        json!({"data": {}})
    );
    let both = "query($s: Boolean!) { text @skip(if: $s) box @include(if: $s) { number } }";
    assert_eq!(
        ask_vars(both, json!({"s": true})).await,
        json!({"data": {"box": {"number": 0}}})
    );
    assert_eq!(
        ask_vars(both, json!({"s": false})).await,
        json!({"data": {"text": "nothing"}})
    );
}

#[tokio::test]
async fn literals_mean_what_the_specification_says() {
    assert_eq!(ask("{ number(value: -0) }").await["data"]["number"], 0);
    let escapes = r#"{ text(value: "\u{1F600} \uD83D\uDE00 \u00e9 \" \\ \n") }"#;
    assert_eq!(
        ask(escapes).await["data"]["text"],
        "\u{1F600} \u{1F600} é \" \\ \n"
    );
    assert_eq!(
        ask("{ text(value: \"\"\"\n  a\n    b\n\"\"\") }").await["data"]["text"],
        "a\n  b"
    );
    assert_eq!(ask("{ id(value: 12) }").await["data"]["id"], "12");
    assert_eq!(ask("{ sum(values: 4) }").await["data"]["sum"], 4);
    assert_eq!(
        code(&ask(r#"{ text(value: "\uD83D") }"#).await),
        "INVALID_INPUT"
    );
    assert_eq!(
        code(&ask("{ number(value: 3000000000) }").await),
        "INVALID_INPUT"
    );
    assert_eq!(
        code(&ask("{ paint(paint: {color: RED, color: GREEN}) }").await),
        "INVALID_INPUT"
    );
    assert_eq!(
        code(&ask("{ paint(paint: {color: BLUE}) }").await),
        "INVALID_INPUT"
    );
}

#[tokio::test]
async fn variables_are_coerced_before_anything_runs() {
    let paint = "query($p: Paint!) { paint(paint: $p) }";
    assert_eq!(
        ask_vars(paint, json!({"p": {"color": "RED", "coats": 2}})).await["data"]["paint"],
        "red/Some(2)/none"
    );
    for wrong in [
        json!({}),
        json!({"p": null}),
        json!({"p": "RED"}),
        json!({"p": {"color": "BLUE"}}),
        json!({"p": {"color": "RED", "gloss": true}}),
        json!({"p": {"coats": 2}}),
        json!({"p": {"color": "RED", "coats": 3_000_000_000_u64}}),
        json!({"p": {"color": "RED", "coats": "2"}}),
        json!({"p": {"color": "RED", "coats": 2.5}}),
    ] {
        assert_eq!(
            code(&ask_vars(paint, wrong.clone()).await),
            "INVALID_INPUT",
            "{wrong}"
        );
    }
    let answer = ask_vars(
        "query($n: Int!) { number(value: $n) }",
        json!({"n": "me@example.com"}),
    )
    .await;
    assert!(!answer.to_string().contains("example"), "{answer}");
    assert_eq!(
        ask_vars("query($n: Int = 3) { sum(values: [1, $n]) }", json!({})).await["errors"],
        Value::Null
    );
}

#[tokio::test]
async fn a_variable_not_given_is_not_an_explicit_null() {
    let note = "query($n: String) { paint(paint: {color: RED, note: $n}) }";
    assert_eq!(
        ask_vars(note, json!({})).await["data"]["paint"],
        "red/None/none"
    );
    assert_eq!(
        ask_vars(note, json!({"n": null})).await["data"]["paint"],
        "red/None/null"
    );
    assert_eq!(
        ask_vars("query($n: Int) { defaulted(value: $n) }", json!({})).await["data"]["defaulted"],
        5
    );
}

#[tokio::test]
async fn variables_may_stand_wherever_they_are_allowed() {
    let only = "query($x: Boolean!) { __typename @include(if: $x) }";
    assert_eq!(
        ask_vars(only, json!({"x": true})).await,
        json!({"data": {"__typename": "Query"}})
    );
    assert_eq!(
        code(&ask_vars("query($x: Int) { text }", json!({})).await),
        "INVALID_INPUT"
    );
    assert_eq!(code(&ask("{ text @skip(if: $x) }").await), "INVALID_INPUT");
    assert_eq!(
        code(&ask("query($b: Boolean) { text @skip(if: $b) }").await),
        "INVALID_INPUT"
    );
}

/// What stands under one key is one field at every depth, whatever keeps its selections apart in the document.
#[tokio::test]
async fn selections_of_one_key_are_one_field_at_every_depth() {
    let all = json!({"data": {"box": {"inner": {"number": 1, "n": 1}}}});
    for query in [
        "query($x: Boolean!) { box { inner { number } inner @include(if: $x) { n: number } } }",
        "query($x: Boolean!) { box { inner { number } ...F @include(if: $x) } } fragment F on Box { inner { n: number } }",
        "query($x: Boolean!) { box { ...F @include(if: $x) ...G } } fragment F on Box { inner { number } } fragment G on Box { inner { n: number } }",
        "query($x: Boolean!) { box { ... @include(if: $x) { inner { number } } ... @skip(if: $x) { inner { m: number } } inner { n: number } } }",
        "query($x: Boolean!) { box { inner { number } } box @include(if: $x) { inner { n: number } } }",
        "query($x: Boolean!) { box { inner { ... @include(if: $x) { number } ... @include(if: $x) { n: number } } } }",
    ] {
        assert_eq!(ask_vars(query, json!({"x": true})).await, all, "{query}");
    }
}

/// A fragment of another type within one of a wider type is not for these objects, and holds no place.
#[tokio::test]
async fn fragments_of_other_types_are_left_out_however_deep() {
    let answer =
        ask("{ pet { ... on Dog { ... on Pet { ... on Cat { lives } } } __typename } }").await;
    assert_eq!(answer, json!({"data": {"pet": {"__typename": "Dog"}}}));
    let mixed = "query($x: Boolean!) { pet { ... on Dog { barks } __typename ... on Dog @include(if: $x) { b: barks } } }";
    let answer = ask_vars(mixed, json!({"x": true})).await;
    assert_eq!(
        serde_json::to_string(&answer["data"]).unwrap(),
        r#"{"pet":{"barks":true,"__typename":"Dog","b":true}}"#
    );
}

#[tokio::test]
async fn a_condition_may_not_be_null() {
    for query in [
        "query($x: Boolean = true) { text @include(if: $x) }",
        "query($x: Boolean = true) { box { ... @skip(if: $x) { number } } }",
        "query($x: Boolean = null) { text @skip(if: $x) }",
    ] {
        let answer = ask_vars(query, json!({"x": null})).await;
        assert_eq!(code(&answer), "INVALID_INPUT", "{query}");
    }
    let query = "query($x: Boolean = true) { text @include(if: $x) }";
    assert_eq!(ask(query).await["data"]["text"], "nothing");
}

/// Variables are held to the types of their places before anything runs, however deep they stand.
#[tokio::test]
async fn a_variable_must_fit_the_place_it_stands_in() {
    for query in [
        "query($n: Int) { sum(values: [$n]) }",
        "query($n: Int = null) { sum(values: [1, $n]) }",
        "query($n: Int = null) { number(value: $n) }",
        "{ sum(values: [1, $n]) }",
        "{ even(value: { deep: $n }) }",
        "{ even(value: { deep: [98765432109876543210] }) }",
        "{ even(value: 1e400) }",
    ] {
        assert_eq!(code(&ask(query).await), "INVALID_INPUT", "{query}");
    }
    for (query, data) in [
        (
            "query($n: Int = 2) { sum(values: [1, $n]) }",
            json!({"sum": 5}),
        ),
        (
            "query($n: Int!) { sum(values: [1, $n]) }",
            json!({"sum": 5}),
        ),
        (
            "query($n: Int = 2) { number(value: $n) }",
            json!({"number": 4}),
        ),
        (
            "query($n: Int = null) { defaulted(value: $n) }",
            json!({"defaulted": 4}),
        ),
    ] {
        let answer = ask_vars(query, json!({"n": 4})).await;
        assert_eq!(answer["data"], data, "{query}");
    }
}

#[tokio::test]
async fn conflicting_fields_are_refused() {
    assert_eq!(
        code(&ask("{ box { x: number } box { x: maybe } }").await),
        "INVALID_INPUT"
    );
    assert_eq!(code(&ask("{ __typename @what }").await), "INVALID_INPUT");
    assert_eq!(code(&ask("{ __typename(a: 1) }").await), "INVALID_INPUT");
    assert_eq!(code(&ask("{ __typename { a } }").await), "INVALID_INPUT");
    assert_eq!(
        code(&ask("{ ...on } fragment on on Query { text }").await),
        "INVALID_INPUT"
    );
    assert_eq!(
        code(&ask("{ text } fragment F on Query { text }").await),
        "INVALID_INPUT"
    );
    assert_eq!(
        code(&ask("{ ...F } fragment F on Query { ...F }").await),
        "INVALID_INPUT"
    );
    assert_eq!(code(&ask("").await), "INVALID_INPUT");
    assert_eq!(code(&ask("type T { a: Int }").await), "INVALID_INPUT");
    assert_eq!(code(&ask("subscription { text }").await), "INVALID_INPUT");
}

#[test]
fn the_operation_must_be_clear() {
    let gateway = toy::gateway(&Limits::default());
    let two = "query A { text } mutation B { bump }";
    assert!(
        !gateway
            .prepare(two, Some("A"))
            .unwrap_or_else(|_| panic!())
            .is_mutation()
    );
    assert!(
        gateway
            .prepare(two, Some("B"))
            .unwrap_or_else(|_| panic!())
            .is_mutation()
    );
    for name in [Some("C"), None] {
        let reasons = gateway.prepare(two, name).err().unwrap();
        assert_eq!(reasons[0].code, RequestCode::InvalidInput);
    }
    assert!(gateway.prepare("query A { text }", None).is_ok());
    assert!(gateway.prepare("{ text }", Some("A")).is_err());
}

#[tokio::test]
async fn a_scalar_that_refuses_its_value_is_about_input() {
    for document in ["{ even(value: 3) }", r#"{ even(value: "me@example.com") }"#] {
        let answer = ask(document).await;
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "INVALID_INPUT", "{answer}");
        assert_eq!(error["path"], json!(["even"]));
        assert!(!answer.to_string().contains("example"), "{answer}");
    }
    let answer = ask_vars("query($v: Even!) { even(value: $v) }", json!({"v": 4})).await;
    assert_eq!(answer["data"]["even"], 4);
}

/// Only what a variable may leave out has to wait for the variables: an address in a text is no directive.
#[test]
fn an_operation_without_directives_is_made_ready_once() {
    let sdl = crate::graphql::sdl().unwrap();
    let documents = Documents::new(&sdl, &Limits::default()).unwrap();
    let ready = |text: &str| documents.check(text, None).unwrap().direct.is_some();
    assert!(ready(
        "{ customers(filter: { email: \"a@b.c\" }) { nodes { sourceId } } }"
    ));
    assert!(ready("{ customers { nodes { sourceId } } } # @skip"));
    assert!(!ready(
        "query($s: Boolean!) { customers { nodes { sourceId email @skip(if: $s) } } }"
    ));
}

/// An answer is kept for the next request with the same text unless it tells of the operation it was made for: each field of
/// these types has to be one or the other.
#[test]
fn it_is_decided_for_every_field_whether_it_tells_of_one_operation() {
    let sdl = crate::graphql::sdl().unwrap();
    let documents = Documents::new(&sdl, &Limits::default()).unwrap();
    let lasting = |ty: &str| -> Vec<&str> {
        let fields = documents.schema.get_object(ty).unwrap().fields.keys();
        let fields = fields.map(|name| name.as_str());
        fields
            .filter(|name| !OF_ONE_OPERATION.contains(name))
            .collect()
    };
    assert_eq!(lasting("SourceReport"), ["source", "outcome", "error"]);
    assert_eq!(lasting("Freshness"), ["fetchedAt", "stale"]);
    assert!(documents.schema.get_object(OF_ONE_MOMENT).is_some());
}
