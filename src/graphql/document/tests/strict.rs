//! What the specification refuses or takes where a validator alone would have it otherwise, over the real schema.

use crate::graphql::plain::tests::{answered, memory, over};
use crate::graphql::{Gateway, RequestCode};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

fn gateway() -> Gateway {
    over(&memory())
}

/// Holds that these documents are refused as wrong, whichever of their operations is chosen.
fn refused(documents: &[&str]) {
    let gateway = gateway();
    for document in documents {
        let names: &[_] = match document.starts_with("query A {") {
            true => &[Some("A"), Some("B")],
            false => &[None],
        };
        for &name in names {
            let Err(reasons) = gateway.prepare(document, name) else {
                panic!("{document} is taken")
            };
            assert_eq!(reasons[0].code, RequestCode::InvalidInput, "{document}");
            assert!(!reasons[0].message.contains("operationName"), "{document}");
        }
    }
}

fn taken(documents: &[&str]) {
    let gateway = gateway();
    for document in documents {
        if let Err(reasons) = gateway.prepare(document, None) {
            panic!("{document}: {reasons:?}");
        }
    }
}

async fn ask(document: &str, variables: Value) -> Value {
    let variables: Map<String, Value> = variables.as_object().cloned().unwrap_or_default();
    serde_json::from_str(&answered(&gateway(), document, variables).await).unwrap()
}

#[test]
fn a_name_without_a_value_is_no_argument() {
    refused(&[
        "mutation { updateCustomer(input: {id: \"x\" lastName: \"W\" email}) { outcome } }",
        "mutation { updateCustomer(input: {email id: \"x\"}) { outcome } }",
        "{ customers(first: 2 filter: {search}) { totalCount } }",
        "{ source(key: \"a\", x y z) { id } }",
        "{ __typename @include(if: true x) }",
        "query($f: CustomerFilter = {search}) { customers(filter: $f) { totalCount } }",
        "mutation { createCustomer(input: {source: \"a\", native: {a b c}}) { outcome } }",
        "mutation { createCustomer(input: {source: \"a\", native: {a: [{b}]}}) { outcome } }",
        "query A { __typename } query B { customers(filter: {search}) { totalCount } }",
        "{ ...F } fragment F on Query { source(key: \"a\" b) { id } }",
        "query @include(if: true x) { __typename }",
    ]);
}

#[test]
fn a_description_stands_before_what_it_describes_and_nowhere_else() {
    taken(&[
        "\"doc\" query A { __typename }",
        "\"\"\"a\nblock, of {{{ \"\"\" query { ...F } \"of F\" fragment F on Query { __typename }",
        "query(\"an id, say\" $id: ID!, \"\"\"more\"\"\" $key: String = \"\") { node(id: $id) { id } source(key: $key) { id } }",
    ]);
    refused(&[
        "\"doc\" { __typename }",
        "\"doc\" \"doc\" query A { __typename }",
        "query A { \"doc\" __typename }",
        "{ __typename } \"doc\"",
        "\"doc\" type T { a: Int }",
        "\"\\q\" query A { __typename }",
        "\"open\n query A { __typename }",
        "query(\"\\uD83D\" $k: String = \"\") { source(key: $k) { id } }",
    ]);
}

#[test]
fn commas_are_nothing_wherever_they_stand() {
    taken(&[
        "{...,F} fragment F on Query {__typename}",
        "{...,on Query{__typename}}",
        "{...,@include(if:true){__typename}}",
        "{a,:__typename}",
        "{...#,{\n,#\"\"\"\r,F} fragment,F,on,Query,{__typename,,,},",
        "\u{FEFF}{a\u{FEFF}:,__typename}",
    ]);
}

#[tokio::test]
async fn places_stay_where_they_are_written() {
    let document = "\"de:ä,\" query,A {,,\n# ä, \"\"\"\n  ...,F\n}\n\"\"\"d,\n\"\"\" fragment F on Query { a: x }";
    let reasons = gateway().prepare(document, None).err().unwrap();
    assert_eq!(reasons[0].locations, [(6, 30)], "{reasons:?}");
    let text = "{ source(key: \"a,#b\") { id } customers(first: -5, filter: {search: \"\"\", #\"\"\"}) { totalCount } }";
    let answer = ask(text, json!({})).await;
    assert_eq!(
        answer["errors"][0]["locations"][0]["column"], 30,
        "{answer}"
    );
}

#[test]
fn fields_of_one_key_must_have_the_same_lists() {
    let customer = "{ outcome }";
    refused(&[
        "{ customers(first: 1, sources: [\"a\"]) { totalCount } customers(first: 1, sources: [\"a\", \"b\"]) { totalCount } }",
        "{ nodes(ids: []) { id } nodes(ids: [\"x\"]) { id } }",
        "{ nodes(ids: []) { id } ... { nodes(ids: [\"x\"]) { id } } }",
        "{ ...F nodes(ids: [\"x\", \"y\"]) { id } } fragment F on Query { nodes(ids: [\"x\"]) { id } }",
        "{ nodes(ids: [\"x\"]) @skip(if: true) { id } nodes(ids: []) { id } }",
        &format!(
            "mutation {{ createCustomer(input: {{source: \"m\", tags: [\"a\"]}}) {customer} createCustomer(input: {{tags: [\"a\", \"b\", \"c\"], source: \"m\"}}) {customer} }}"
        ),
        &format!(
            "mutation {{ a: createCustomer(input: {{source: \"m\", native: {{a: [[1], [2]]}}}}) {customer} a: createCustomer(input: {{source: \"m\", native: {{a: [[1], [2, 3]]}}}}) {customer} }}"
        ),
        "query A { __typename } query B { nodes(ids: []) { id } nodes(ids: [\"x\"]) { id } }",
        "{ customers { nodes { children(filter: {ids: [\"a\"]}) { totalCount } } } customers { nodes { children(filter: {ids: []}) { totalCount } } } }",
        "{ customers { nodes { ...C ... on Node { ... on Customer { children(filter: {tier: [GOLD]}) { totalCount } } } } } } fragment C on Customer { children(filter: {tier: [GOLD, GOLD]}) { totalCount } }",
    ]);
    taken(&[
        "{ nodes(ids: [\"x\"]) { id } nodes(ids: [\"x\"]) { __typename } }",
        "{ a: nodes(ids: []) { id } b: nodes(ids: [\"x\"]) { id } }",
        "{ customers(filter: {tier: [GOLD], search: \"a\"}) { totalCount } customers(filter: {search: \"a\", tier: [GOLD]}) { totalCount } }",
    ]);
}

#[test]
fn a_variable_that_may_be_null_is_no_condition() {
    refused(&[
        "query($v: Boolean = null) { __typename @include(if: $v) }",
        "query($v: Boolean = null) { ... @skip(if: $v) { __typename } }",
        "query($v: Boolean = null) { ...F @skip(if: $v) } fragment F on Query { __typename }",
        "query($v: Boolean = null) { ...F } fragment F on Query { ... { __typename @skip(if: $v) } }",
        "query($v: Boolean) { __typename @include(if: $v) }",
        "query($v: String!) { __typename @include(if: $v) }",
        "query A { __typename } query B($v: Boolean = null) { __typename @include(if: $v) }",
    ]);
    taken(&[
        "query($v: Boolean = true) { __typename @include(if: $v) }",
        "query($v: Boolean!) { __typename @include(if: $v) }",
    ]);
}

#[test]
fn operations_that_are_not_chosen_are_held_to_the_same() {
    let create = |native: &str| {
        format!(
            "query A {{ __typename }} mutation B {{ createCustomer(input: {{source: \"x\", native: {native}}}) {{ outcome }} }}"
        )
    };
    refused(&[
        &create("{a: $q}"),
        &create("98765432109876543210"),
        "query A { __typename } query B { customers(filter: {createdAt: {gte: \"x\"}}) { totalCount } }",
        "query A { __typename } query B($n: ID) { nodes(ids: [$n]) { id } }",
    ]);
}

#[test]
fn tokens_are_what_the_specification_calls_so() {
    taken(&[
        &format!("{{ {} }}", "__typename,, ".repeat(1_900)),
        &format!(
            "{{ ...F }} fragment F on Query {{ __typename {} }}",
            ",\n#,\n".repeat(20_000)
        ),
        &format!("{{ nodes(ids: [{}]) {{ id }} }}", "\"x\", ".repeat(14_985)),
    ]);
    let many = format!("{{ nodes(ids: [{}]) {{ id }} }}", "\"x\" ".repeat(14_990));
    let reasons = gateway().prepare(&many, None).err().unwrap();
    assert_eq!(reasons[0].code, RequestCode::TooComplex);
}

/// Every operation is checked, with the fragments it spreads, so all of them together are bounded.
#[test]
fn operations_do_not_multiply_what_fragments_hold() {
    let gateway = gateway();
    let text = |operations: usize| {
        let operations: String = (0..operations)
            .map(|n| format!("query A{n}{{...F}}"))
            .collect();
        let fields = "children(filter:{tier:[GOLD]}){totalCount}".repeat(240);
        format!("{operations} fragment F on Query {{customers{{nodes{{{fields}}}}}}}")
    };
    let started = Instant::now();
    let reasons = gateway.prepare(&text(1_700), Some("A7")).err().unwrap();
    assert_eq!(reasons[0].code, RequestCode::TooComplex, "{reasons:?}");
    assert!(gateway.prepare(&text(60), Some("A7")).is_ok());
    assert!(started.elapsed() < Duration::from_secs(20));
}
