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

/// Whoever finds the error: the parser, the validator, the executor, or whoever reads variables.
#[tokio::test]
async fn columns_count_characters() {
    for (text, column) in [
        ("{ source(key: \"日本é😀\") { key } nope }", 31),
        (
            "{ source(key: \"日本é😀\") { key } nodes(ids: [) { id } }",
            43,
        ),
        ("\"日本\" query { nope }", 14),
        ("\u{FEFF}{ nope }", 4),
        ("\u{FEFF}\u{FEFF}{ é nope }", 5),
        (
            "{ customers(filter: {createdAt: {gte: \"x\"}}) { order } }",
            39,
        ),
        (
            "{ a: customers(filter: {updatedAt: {lt: \"2024-01-01T00:00:00Z\", gte: 5}}) { order } }",
            70,
        ),
        (
            "query($d: DateTimeRange = {gte: \"x\"}) { customers(filter: {createdAt: $d}) { order } }",
            33,
        ),
    ] {
        let reasons = gateway().prepare(text, None).err().unwrap();
        assert_eq!(reasons[0].locations, [(1, column)], "{text}: {reasons:?}");
    }
    for (text, column) in [
        (
            "{ a: source(key: \"日本é😀\") { key } customers(first: -5) { totalCount } }",
            34,
        ),
        ("\"日本\" query { customers(first: 1000) { order } }", 14),
        (
            "query ($key: String = \"日本é😀\", $n: Int!) { source(key: $key) { key } customers(first: $n) { totalCount } }",
            31,
        ),
    ] {
        let answer = ask(text, json!({"n": "x"})).await;
        assert_eq!(
            answer["errors"][0]["locations"][0]["column"], column,
            "{text}: {answer}"
        );
    }
}

/// A field that does not exist is something all the same.
#[test]
fn a_selection_of_unknown_fields_is_not_called_empty() {
    for (text, least) in [
        ("{ sources { kez } }", "does not have a field"),
        ("{ sources }", "subselection"),
        ("{ customers(first: \"x\") }", "subselection"),
        (
            "{ customers(first: 1) { nodes { nope } edges } }",
            "does not have a field",
        ),
    ] {
        let reasons = gateway().prepare(text, None).err().unwrap();
        assert!(
            reasons.iter().any(|one| one.message.contains(least)),
            "{text}: {reasons:?}"
        );
        let empty = reasons
            .iter()
            .filter(|one| one.message.contains("subselection"));
        let expected = usize::from(!text.contains("kez"));
        assert_eq!(empty.count(), expected, "{text}: {reasons:?}");
    }
}

#[tokio::test]
async fn a_wrong_variable_is_named_and_shown() {
    let text =
        "query($a: Int, $b: CustomerFilter) { customers(first: $a, filter: $b) { totalCount } }";
    for (variables, name, column) in [
        (json!({"a": "secret"}), "$a", 7),
        (json!({"a": 1.5}), "$a", 7),
        (json!({"a": 3_000_000_000_u64}), "$a", 7),
        (json!({"a": 1, "b": {"age": {"gte": "secret"}}}), "$b", 16),
        (json!({"b": {"a secret": 1}}), "$b", 16),
        (json!({"b": {"age": {"secret not in type X": 1}}}), "$b", 16),
        (json!({"b": {"tier": ["secret"]}}), "$b", 16),
        (json!({"b": {"age": {"gte": 1.5}}}), "$b", 16),
    ] {
        let answer = ask(text, variables).await;
        let error = &answer["errors"][0];
        assert_eq!(
            error["locations"],
            json!([{"line": 1, "column": column}]),
            "{answer}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(name), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
    for whole in [json!(1.0), json!(1e0), json!(2)] {
        let answer = ask(text, json!({"a": whole, "b": {"age": {"gte": 18.0}}})).await;
        let message = answer["errors"][0]["message"].as_str().unwrap_or_default();
        assert!(!message.contains('$'), "{answer}");
    }
}

/// The parser goes on after what it did not understand, and then understands the less.
#[test]
fn a_syntax_error_is_told_once() {
    for (text, column) in [
        ("{ customers(first: 1after: \"x\") { order } }", 20),
        ("{ customers(filter: {search: \"\\x\"}) { order } }", 30),
        ("{ customers(first: ) { order } nodes(ids: [) { id } }", 20),
    ] {
        let reasons = gateway().prepare(text, None).err().unwrap();
        assert_eq!(reasons.len(), 1, "{text}: {reasons:?}");
        assert_eq!(reasons[0].locations, [(1, column)], "{text}: {reasons:?}");
    }
}

/// Names that the gateway's own fields might have are as good as any.
#[tokio::test]
async fn every_name_may_be_an_alias() {
    let (present, kind, name) = ("__crmql_present", "__crmql_kind", "__crmql_name");
    let answer = ask(
        &format!(
            "{{ customers(first: 1) {{ {present}: order nodes {{ {present}: sourceId id }} }}
               node: __type(name: \"Node\") {{ {kind}: name {name}: description interfaces {{ name }} }} }}"
        ),
        json!({}),
    )
    .await;
    assert_eq!(answer.get("errors"), None, "{answer}");
    let data = &answer["data"];
    assert_eq!(data["customers"][present], "SOURCE", "{answer}");
    assert_eq!(data["customers"]["nodes"][0][present], "id/0", "{answer}");
    assert_eq!(data["node"][kind], "Node");
    assert_eq!(data["node"]["interfaces"], json!([]));
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

#[tokio::test]
async fn an_id_of_digits_is_its_digits_however_many() {
    let digits = "123456789012345678901234567890";
    for document in [
        "{ node(id: DIGITS) { id } }",
        "{ nodes(ids: DIGITS) { id } }",
        "{ nodes(ids: [DIGITS, -0]) { id } }",
        "{ customers(filter: {ids: [DIGITS]}) { totalCount } }",
        "mutation { deleteCustomer(input: {id: DIGITS}) { outcome userErrors { code } } }",
        "query($id: ID! = DIGITS) { node(id: $id) { id } }",
    ] {
        let answer = ask(&document.replace("DIGITS", digits), json!({})).await;
        assert!(
            answer.to_string().contains("INVALID_ID"),
            "{document}: {answer}"
        );
    }
    refused(&[
        "{ customers(first: 123456789012345678901234567890) { totalCount } }",
        "{ source(key: 1) { id } }",
    ]);
}

#[tokio::test]
async fn one_id_costs_what_one_costs() {
    let answer = ask("{ nodes(ids: 25001) { id } }", json!({})).await;
    assert!(answer["data"].is_object(), "{answer}");
    let variable = "query($i: [ID!]!) { nodes(ids: $i) { id } }";
    for ids in [json!(25001), json!("25001")] {
        let answer = ask(variable, json!({"i": ids})).await;
        assert!(answer["data"].is_object(), "{answer}");
    }
    let default = "query($i: [ID!]! = 25001) { nodes(ids: $i) { id } }";
    assert!(ask(default, json!({})).await["data"].is_object());
}

/// Of the fragments, only those that are for the very object decide where its keys stand.
#[tokio::test]
async fn fragments_of_other_types_hold_no_place() {
    let list = ask("{ customers(first: 1) { nodes { id } } }", json!({})).await;
    let customer = list["data"]["customers"]["nodes"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let source = ask("{ sources { id } }", json!({})).await;
    let source = source["data"]["sources"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let both = "... on Source { z: name a: id } ... on Customer { a: id z: displayName }";
    for (document, keys) in [
        (
            format!("{{ node(id: \"{customer}\") {{ {both} }} }}"),
            ["a", "z"],
        ),
        (
            format!("{{ node(id: \"{source}\") {{ {both} }} }}"),
            ["z", "a"],
        ),
        (
            format!("{{ nodes(ids: [\"{customer}\"]) {{ ... {{ {both} }} }} }}"),
            ["a", "z"],
        ),
        (
            format!("{{ customer(id: \"{customer}\") {{ ... on Node {{ {both} }} }} }}"),
            ["a", "z"],
        ),
        (
            format!(
                "{{ customer(id: \"{customer}\") {{ ... on Node {{ {both} }} customFields }} }}"
            ),
            ["a", "z"],
        ),
        (
            format!(
                "{{ node(id: \"{customer}\") {{ ... on Source {{ z: name a: id }} ... on Customer {{ parent {{ id }} a: id z: displayName }} }} }}"
            ),
            ["a", "z"],
        ),
    ] {
        let answer = ask(&document, json!({})).await;
        assert_eq!(answer.get("errors"), None, "{document}: {answer}");
        let mut object = answer["data"].as_object().unwrap().values().next().unwrap();
        if let Value::Array(items) = object {
            object = &items[0];
        }
        let object = object.as_object().unwrap();
        let found: Vec<&str> = object.keys().map(String::as_str).collect();
        let found: Vec<&str> = found.into_iter().filter(|key| keys.contains(key)).collect();
        assert_eq!(found, keys, "{document}: {answer}");
        assert!(!answer.to_string().contains("__crmql"), "{answer}");
    }
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

#[tokio::test]
async fn the_schema_tells_of_itself_what_its_text_says() {
    let answer = ask(
        "query($no: Boolean) { __schema { description types { called: name interfaces { name } } }
           node: __type(name: \"Node\") { interfaces { name } fields(includeDeprecated: null) { name } }
           page: __type(name: \"PageInfo\") { interfaces { name } fields(includeDeprecated: $no) { name } }
           date: __type(name: \"Date\") { interfaces { name } }
           float: __type(name: \"Float\") { ...T } } fragment T on __Type { kind }",
        json!({"no": null}),
    )
    .await;
    assert_eq!(answer.get("errors"), None, "{answer}");
    let data = &answer["data"];
    assert_eq!(data["__schema"]["description"], Value::Null);
    let types = data["__schema"]["types"].as_array().unwrap();
    let named = |name: &str| types.iter().find(|ty| ty["called"] == name);
    assert_eq!(named("Float"), None);
    assert_eq!(data["float"], Value::Null);
    assert!(
        ["Int", "ID", "JSON", "__Type"]
            .iter()
            .all(|name| named(name).is_some())
    );
    assert_eq!(
        named("Node").unwrap(),
        &json!({"called": "Node", "interfaces": []})
    );
    assert_eq!(named("Date").unwrap()["interfaces"], Value::Null);
    assert_eq!(
        data["node"],
        json!({"interfaces": [], "fields": [{"name": "id"}]})
    );
    assert_eq!(data["page"]["interfaces"], json!([]));
    assert_eq!(data["page"]["fields"].as_array().unwrap().len(), 4);
    assert_eq!(data["date"], json!({"interfaces": null}));
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
