//! What no document may cost, and what holds whatever it asks for.

use super::{arrival, ask, ask_with, code};
use crate::graphql::document::Documents;
use crate::graphql::{RequestCode, toy};
use crate::limits::Limits;
use serde_json::json;
use std::time::{Duration, Instant};

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
        "{ box ".repeat(1_000) + &"}".repeat(1_000),
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
        // Many values, in a fragment that many operations spread.
        (0..800)
            .map(|n| format!("query Q{n} {{ ...F }} "))
            .collect::<String>()
            + &format!(
                "fragment F on Query {{ text @include(if: {}) }}",
                "[true]".repeat(3_000)
            )
            .replace("][", " "),
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
async fn the_deepest_document_allowed_is_served() {
    let limits = Limits {
        document_depth: 64,
        ..Limits::default()
    };
    let nested = |levels: usize| {
        let open = "certainInner { ".repeat(levels - 2);
        format!("{{ box {{ {open} number {}", "}".repeat(levels))
    };
    let answer = ask_with(&toy::gateway(&limits), &nested(64), json!({})).await;
    assert_eq!(answer.get("errors"), None, "{answer}");
    let answer = ask_with(&toy::gateway(&limits), &nested(65), json!({})).await;
    assert_eq!(code(&answer), "TOO_COMPLEX");
}

#[tokio::test]
async fn fragments_may_lead_to_fragments() {
    let chain: String = (0..60)
        .map(|n| format!("fragment F{n} on Query {{ ...F{} }} ", n + 1))
        .collect();
    let answer = ask(&format!(
        "{{ ...F0 }} {chain} fragment F60 on Query {{ text }}"
    ))
    .await;
    assert_eq!(answer, json!({"data": {"text": "nothing"}}));
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
    let documents = Documents::new(sdl.sdl(), &limits).unwrap();
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
    let weight = |text: &str| {
        let documents = Documents::new(sdl.sdl(), &limits).unwrap();
        documents.prepare(text, None).ok().unwrap();
        documents.cache.held().1
    };
    let (short, long) = (
        weight("{text}#1"),
        weight(&format!("{{text}}#{}", "1".repeat(99))),
    );
    assert!(short > 100 && long > short + 90, "{short} {long}");
    let tight = Limits {
        prepared_bytes: short * 8,
        ..Limits::default()
    };
    let documents = Documents::new(sdl.sdl(), &tight).unwrap();
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
    assert_eq!(documents.cache.held(), (8, short * 8));
}

#[tokio::test]
async fn an_operation_selects_no_more_than_allowed_and_a_document_sixteen_times_that() {
    let limits = Limits {
        selections: 50,
        aliases: 10_000,
        ..Limits::default()
    };
    let gateway = toy::gateway(&limits);
    let fields =
        |count: usize| -> String { (1..count).map(|n| format!("a{n}: number ")).collect() };
    let operation =
        |n: usize, count: usize| format!("query Q{n} {{ box {{ {} }} }} ", fields(count));
    let document = |operations: usize, count: usize| -> String {
        (0..operations).map(|n| operation(n, count)).collect()
    };
    for (operations, count, is_taken) in [
        (1, 50, true),
        (1, 51, false),
        (16, 50, true),
        (17, 50, false),
    ] {
        let prepared = gateway.prepare(&document(operations, count), Some("Q0"));
        let code = prepared
            .map(drop)
            .map_err(|reasons| reasons[0].code.as_str());
        let expected = if is_taken { Ok(()) } else { Err("TOO_COMPLEX") };
        assert_eq!(code, expected, "{operations} of {count}");
    }
}

/// What no bracket tells: each fragment nests a little, and leads to the next.
#[tokio::test]
async fn fragments_nest_no_deeper_than_what_is_written_out() {
    let chain = |count: usize, one: &dyn Fn(String) -> String| {
        let fragments: String = (0..count)
            .map(|n| format!("fragment F{n} on Box{{{}}}", one(format!("...F{}", n + 1))))
            .collect();
        format!("{{box{{...F0}}}}{fragments}fragment F{count} on Box{{number}}")
    };
    let nested = |next: String| format!("inner{{inner{{inner{{inner{{{next}}}}}}}}}");
    let straight = |next: String| next;
    for (text, is_taken) in [
        (chain(6, &nested), true),
        (chain(10, &nested), false),
        (chain(40, &straight), true),
        (chain(90, &straight), false),
    ] {
        let answer = ask(&text).await;
        if is_taken {
            assert_eq!(answer.get("errors"), None, "{answer:.300}");
        } else {
            assert_eq!(code(&answer), "TOO_COMPLEX");
            let message = answer["errors"][0]["message"].as_str().unwrap();
            assert!(message.contains("levels deep"), "{message}");
        }
    }
}

/// Fragments that spread each other make a document of a few hundred bytes a large one once it is checked.
#[test]
fn a_kept_document_weighs_what_it_is_and_not_what_its_text_is() {
    let limits = Limits {
        prepared_bytes: 8_000_000,
        ..Limits::default()
    };
    let documents = Documents::new(toy::gateway(&limits).sdl(), &limits).unwrap();
    let fragments: String = (0..7)
        .map(|n| {
            format!(
                "fragment F{n} on Box{{a:inner{{...F{0}}}b:inner{{...F{0}}}}}",
                n + 1
            )
        })
        .collect();
    for directive in ["", "@include(if: true)"] {
        for n in 0..100 {
            let text = format!(
                "query Q{n}{{box{directive}{{...F0}}}}{fragments}fragment F7 on Box{{number}}"
            );
            documents.prepare(&text, None).ok().unwrap();
            let (count, bytes) = documents.cache.held();
            assert!(
                (200_000 * count..=8_000_000).contains(&bytes),
                "{count} take {bytes}"
            );
        }
    }
    assert!(documents.cache.held().0 > 5);
}

/// Each failed field nulls a place of its own, so every place is looked for among all others.
#[tokio::test]
async fn settling_many_errors_takes_no_more_than_each_of_them() {
    let started = Instant::now();
    let answer = ask("{ box { boxes(count: 30000) { number maybe(fail: true) } } }").await;
    assert_eq!(answer["extensions"]["errorsLeftOut"], 29_900);
    let last = &answer["data"]["box"]["boxes"][29_999];
    assert_eq!(last, &json!({"number": 29_999, "maybe": null}));
    let answer =
        ask("{ box { maybeBoxes(count: 9000) { sure(fail: true) a: sure(fail: true) } } }").await;
    assert_eq!(answer["data"]["box"]["maybeBoxes"][8_999], json!(null));
    assert!(
        started.elapsed() < Duration::from_secs(12),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn variables_count_as_often_as_they_stand_somewhere() {
    let limits = Limits {
        argument_bytes: 70_000,
        ..Limits::default()
    };
    let gateway = toy::gateway(&limits);
    let places = |count: usize, directive: &str| {
        let fields: String = (0..count)
            .map(|n| format!("a{n}: text(value: $x) {directive} "))
            .collect();
        format!("query($x: String, $no: Boolean = false) {{ {fields} text @include(if: $no) }}")
    };
    let text = json!({"x": "x".repeat(10_000)});
    for directive in ["", "@skip(if: $no)"] {
        let answer = ask_with(&gateway, &places(6, directive), text.clone()).await;
        assert_eq!(answer.get("errors"), None, "{answer:.300}");
        let answer = ask_with(&gateway, &places(7, directive), text.clone()).await;
        assert_eq!(code(&answer), "TOO_COMPLEX");
    }
    // What a directive leaves out is put nowhere.
    let answer = ask_with(&gateway, &places(19, "@include(if: $no)"), text.clone()).await;
    assert_eq!(answer, json!({"data": {}}));
    // Many small ones are as large as what holds them.
    let sum = "query($x: [Int!]!) { sum(values: $x) }";
    let answer = ask_with(&gateway, sum, json!({"x": vec![0; 1_000]})).await;
    assert_eq!(answer, json!({"data": {"sum": 0}}));
    let answer = ask_with(&gateway, sum, json!({"x": vec![0; 1_100]})).await;
    assert_eq!(code(&answer), "TOO_COMPLEX");
}

#[tokio::test]
async fn introspection_works_as_clients_send_it_today() {
    let answer = ask(INTROSPECTION).await;
    assert_eq!(answer.get("errors"), None, "{}", answer["errors"]);
    assert_eq!(answer["data"]["__schema"]["queryType"]["name"], "Query");
    let deep = "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }";
    assert_eq!(code(&ask(deep).await), "TOO_COMPLEX");
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
