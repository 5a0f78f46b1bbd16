//! Documents and variables through the gateway, over the toy schema.

use crate::graphql::toy;
use crate::graphql::{Arrival, Gateway, RequestCode};
use crate::limits::Limits;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn arrival(ms: u64) -> Arrival {
    Arrival {
        request_id: "r1".into(),
        deadline: Instant::now() + Duration::from_millis(ms),
        fresh: false,
    }
}

async fn ask_with(gateway: &Gateway, document: &str, variables: Value) -> Value {
    let answer = match gateway.prepare(document, None) {
        Ok(prepared) => {
            let Value::Object(variables) = variables else {
                panic!("variables are an object")
            };
            gateway.execute(&prepared, variables, arrival(5_000)).await
        }
        Err(reasons) => crate::graphql::Answer::refused(reasons),
    };
    serde_json::from_slice(&gateway.finish(answer, "r1").to_json()).unwrap()
}

async fn ask(document: &str) -> Value {
    ask_with(&toy::gateway(&Limits::default()), document, json!({})).await
}

async fn ask_vars(document: &str, variables: Value) -> Value {
    ask_with(&toy::gateway(&Limits::default()), document, variables).await
}

fn code(answer: &Value) -> &str {
    assert!(answer.get("data").is_none(), "{answer}");
    answer["errors"][0]["extensions"]["code"].as_str().unwrap()
}

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
async fn introspection_works_as_clients_send_it_today() {
    let answer = ask(INTROSPECTION).await;
    assert_eq!(answer.get("errors"), None, "{}", answer["errors"]);
    assert_eq!(answer["data"]["__schema"]["queryType"]["name"], "Query");
    let deep = "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }";
    assert_eq!(code(&ask(deep).await), "TOO_COMPLEX");
}

#[tokio::test]
async fn bombs_are_refused_in_no_time() {
    let started = Instant::now();
    let spread = |levels: usize, each: usize| {
        let mut text = "{ ...F0 }".to_owned();
        for level in 0..levels {
            let spreads = format!("...F{} ", level + 1).repeat(each);
            text += &format!(" fragment F{level} on Query {{ {spreads} }}");
        }
        text + &format!(" fragment F{levels} on Query {{ text }}")
    };
    for bomb in [
        spread(10, 10),
        spread(22, 2),
        spread(3_000, 1),
        "{ box ".repeat(20_000) + &"}".repeat(20_000),
        "{ a(b: ".to_owned() + &"[".repeat(200_000),
        "query($a: ".to_owned() + &"[".repeat(200_000),
        format!("{{ {} }}", "text ".repeat(20_000)),
        format!(
            "{{ {} }}",
            (0..3_000)
                .map(|n| format!("a{n}: __typename "))
                .collect::<String>()
        ),
        format!(
            "{{ {} }}",
            (0..21).map(|n| format!("a{n}: text ")).collect::<String>()
        ),
    ] {
        let answer = ask(&bomb).await;
        assert_eq!(code(&answer), "TOO_COMPLEX", "{answer}");
    }
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn errors_are_bounded_in_number_and_length() {
    let limits = Limits {
        errors: 3,
        ..Limits::default()
    };
    let unknown: String = (0..500).map(|n| format!("unknown{n} ")).collect();
    let answer = ask_with(
        &toy::gateway(&limits),
        &format!("{{ box {{ {unknown} }} }}"),
        json!({}),
    )
    .await;
    assert_eq!(answer["errors"].as_array().unwrap().len(), 3);
    assert!(
        answer["extensions"]["errorsLeftOut"].as_u64().unwrap() >= 1,
        "{answer}"
    );
    let answer = ask(&format!("{{ {} }}", "x".repeat(5_000))).await;
    assert!(answer.to_string().len() < 700, "{answer}");
    let answer = ask(&format!("{{ text ( {}", "\"me@example.com ".repeat(5_000))).await;
    assert!(answer.to_string().len() < 3_000, "{answer}");
}

#[tokio::test]
async fn a_panic_is_an_error_of_its_own_request() {
    let answer = ask("{ panics text }").await;
    assert_eq!(code(&answer), "INTERNAL");
    assert_eq!(answer["errors"][0]["message"], "the gateway failed");
}

#[tokio::test]
async fn an_operation_that_does_not_end_is_given_up() {
    let limits = Limits {
        grace_ms: 10,
        ..Limits::default()
    };
    let gateway = toy::gateway(&limits);
    let prepared = gateway.prepare("{ slow(ms: 5000) }", None).ok().unwrap();
    let answer = gateway
        .execute(&prepared, serde_json::Map::new(), arrival(20))
        .await;
    assert_eq!(answer.refusal(), Some(RequestCode::Timeout));
}

#[test]
fn checked_documents_are_kept_within_bounds() {
    let limits = Limits {
        prepared_documents: 3,
        ..Limits::default()
    };
    let sdl = toy::gateway(&limits);
    let documents = super::Documents::new(sdl.sdl(), &limits).unwrap();
    for n in 0..10 {
        documents
            .prepare(&format!("{{ a{n}: text }}"), None)
            .ok()
            .unwrap();
        // Asked for all the time, so never the oldest.
        documents.prepare("{ text }", None).ok().unwrap();
        assert!(documents.cache.get("{ text }", None).is_some());
    }
    assert_eq!(documents.cache.held().0, 3);
    assert!(documents.cache.get("{ a9: text }", None).is_some());
    assert!(documents.cache.get("{ a1: text }", None).is_none());
    let tight = Limits {
        prepared_bytes: 80,
        ..Limits::default()
    };
    let documents = super::Documents::new(sdl.sdl(), &tight).unwrap();
    for n in 0..50 {
        documents
            .prepare(&format!("{{ text }} # {}", n % 10), None)
            .ok()
            .unwrap();
    }
    assert_eq!(
        documents.cache.held(),
        (0, 0),
        "too large for an eighth of the room"
    );
    for n in 0..9 {
        documents
            .prepare(&format!("{{text}}#{n}"), None)
            .ok()
            .unwrap();
    }
    assert_eq!(documents.cache.held().1, 81 - 9);
}

/// What client tools ask for, with every option on.
const INTROSPECTION: &str = "
query IntrospectionQuery {
  __schema {
    description
    queryType { name kind } mutationType { name kind } subscriptionType { name kind }
    types { ...FullType }
    directives { name description isRepeatable locations args(includeDeprecated: true) { ...InputValue } }
  }
}
fragment FullType on __Type {
  kind name description specifiedByURL isOneOf
  fields(includeDeprecated: true) {
    name description args(includeDeprecated: true) { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason
  }
  inputFields(includeDeprecated: true) { ...InputValue }
  interfaces { ...TypeRef }
  enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
  possibleTypes { ...TypeRef }
}
fragment InputValue on __InputValue {
  name description type { ...TypeRef } defaultValue isDeprecated deprecationReason
}
fragment TypeRef on __Type {
  kind name
  ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
    ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } }
}";
