//! The short way and the executor's way answer the same, to the letter; and no plain field is forgotten.

use super::{connection, customer};
use crate::connection::Connector;
use crate::graphql::{Arrival, Gateway, gateway, sdl};
use crate::limits::Limits;
use crate::model::{
    Customer, CustomerStatus, CustomerTier, Date, DateTime, FieldProblem, LocalId, Owner,
    PhoneNumber,
};
use crate::source::memory::{MemorySource, Shape};
use crate::source::{Paging, Row, Sizes, SourceEntry, Sources, TotalKind};
use crate::writes::{Keep, Ledger, Writes};
use apollo_compiler::Schema;
use async_graphql::parser::types::{DocumentOperations, Field, Selection};
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Fields of a customer that take the executor's way, and why.
const NOT_PLAIN: &[(&str, &str)] = &[
    ("parent", "is loaded"),
    ("operator", "is loaded"),
    ("children", "is loaded"),
    ("customFields", "not every caller may see it"),
    ("native", "not every caller may see it"),
    ("identityNumber", "not every caller may see it"),
];

fn field(text: &str) -> Field {
    let document = async_graphql::parser::parse_query(format!("{{ {text} }}")).unwrap();
    let DocumentOperations::Single(operation) = document.operations else {
        panic!()
    };
    let mut items = operation.node.selection_set.node.items;
    match items.remove(0).node {
        Selection::Field(field) => field.node,
        _ => panic!(),
    }
}

#[test]
fn every_field_without_a_reason_is_plain() {
    let schema = Schema::parse(sdl().unwrap(), "schema.graphql").unwrap();
    let inner = |name: &str| match name {
        "phone" => " { number e164 countryCode callingCode }",
        "owner" => " { id name }",
        "source" => " { id key name adapter }",
        "freshness" => " { fetchedAt stale }",
        "edges" => " { cursor node { id } }",
        "nodes" => " { id }",
        "pageInfo" => " { hasNextPage hasPreviousPage startCursor endCursor }",
        "sources" => {
            " { source { key } outcome error { code message retryAfterSeconds } upstreamCalls }"
        }
        _ => "",
    };
    for name in schema.get_object("Customer").unwrap().fields.keys() {
        let plain = customer::field(&field(&format!("{name}{}", inner(name)))).is_some();
        let expected = !NOT_PLAIN.iter().any(|(known, _)| *known == name.as_str());
        assert_eq!(plain, expected, "{name}");
    }
    let list = schema.get_object("CustomerConnection").unwrap();
    for name in list.fields.keys() {
        let asked = field(&format!("{name}{}", inner(name)));
        assert!(connection::field(&asked).is_some(), "{name}");
    }
}

#[test]
fn what_is_not_plain_is_left_to_the_executor() {
    for text in [
        "nodes { parent { id } }",
        "nodes { id native }",
        "nodes { id id }",
        "nodes { ... on Node { id } }",
        "nodes { id @test }",
        "edges { node { children(first: 1) { totalCount } } }",
        "sources { source { capabilities { list } } }",
    ] {
        assert!(connection::field(&field(text)).is_none(), "{text}");
    }
}

/// The number of the last customer.
const LAST: u32 = 7;

fn row(number: u32) -> Row {
    let id = LocalId::new(format!("id/{number}")).unwrap();
    let full = !number.is_multiple_of(3);
    let moment = DateTime::at("2024-01-15T10:30:00.123Z".parse().unwrap());
    let customer = Customer {
        name: (number.is_multiple_of(2))
            .then(|| format!("Zoë \"{number}\"\n\u{1}\u{2028}</script>").into()),
        first_name: full.then(|| "Ann".into()),
        email: full.then(|| format!("ann{number}@example.com").into()),
        phone: full.then(|| PhoneNumber {
            number: "+4532123456".into(),
            country_code: (number.is_multiple_of(2)).then(|| "DK".into()),
            calling_code: None,
        }),
        tier: full.then_some(CustomerTier::Gold),
        status: (number.is_multiple_of(2)).then_some(CustomerStatus::Unknown),
        birth_date: full.then(|| Date("1990-05-17".parse().unwrap())),
        tags: full.then(|| vec!["a".into(), "\\".into()]),
        unsubscribed: (number.is_multiple_of(2)).then_some(number.is_multiple_of(4)),
        owner: full.then(|| Owner {
            id: "7".into(),
            name: None,
        }),
        created_at: full.then_some(moment),
        // The last one takes the executor's way, and the whole window with it.
        problems: (number == LAST)
            .then_some(FieldProblem {
                field: "city",
                part: None,
                reason: "expected text",
            })
            .into_iter()
            .collect(),
        ..Customer::bare(id)
    };
    Row::Customer {
        customer: Arc::new(customer),
        key: None,
    }
}

/// A source of eight customers, the last of which has a field that could not be read.
pub(in crate::graphql) fn memory() -> Arc<MemorySource> {
    memory_of(Shape {
        total: TotalKind::Exact,
        ..Shape::new(Paging::Offset(Sizes { min: 1, max: 100 }))
    })
}

/// The same in another shape.
pub(in crate::graphql) fn memory_of(shape: Shape) -> Arc<MemorySource> {
    Arc::new(MemorySource::new(shape, (0..=LAST).map(row)))
}

/// A gateway over this source.
pub(in crate::graphql) fn over(source: &Arc<MemorySource>) -> Gateway {
    over_all(std::slice::from_ref(source))
}

/// A gateway over these sources.
pub(in crate::graphql) fn over_all(sources: &[Arc<MemorySource>]) -> Gateway {
    let entry = |(rank, source): (usize, &Arc<MemorySource>)| {
        Arc::new(SourceEntry {
            key: ["memory", "other"][rank].into(),
            name: "Memory".into(),
            adapter: "memory".into(),
            rank,
            source: Arc::clone(source) as _,
        })
    };
    let sources = Sources::new(sources.iter().enumerate().map(entry).collect());
    let limits = Limits::default();
    let connector = Arc::new(Connector::new(limits.clone(), b"a key for tests of this"));
    let writes = Arc::new(Writes::new(Ledger::new(Keep::Memory, 10, [0; 32]), [0; 32]));
    gateway(sources, connector, writes, &limits).unwrap()
}

fn over_memory() -> Gateway {
    over(&memory())
}

async fn ask(gateway: &Gateway, query: &str) -> String {
    answered(gateway, query, Map::new()).await
}

/// The answer to a query with these variables.
pub(in crate::graphql) async fn answered(
    gateway: &Gateway,
    query: &str,
    variables: Map<String, Value>,
) -> String {
    let prepared = gateway
        .prepare(query, None)
        .unwrap_or_else(|errors| panic!("{query}: {errors:?}"));
    let arrival = Arrival::new("r1", Instant::now() + Duration::from_secs(30));
    let answer = gateway.execute(&prepared, variables, arrival).await;
    String::from_utf8(gateway.finish(answer, "r1").to_json()).unwrap()
}

/// Selections within a customer.
const OF_CUSTOMER: &[&str] = &[
    "id",
    "sourceId",
    "displayName",
    "name",
    "firstName",
    "lastName",
    "email",
    "tier",
    "status",
    "gender",
    "type",
    "birthDate",
    "tags",
    "unsubscribed",
    "createdAt",
    "note",
    "__typename",
    "phone { number e164 }",
    "phone { __typename c: countryCode callingCode }",
    "owner { id name }",
    "source { key name id adapter }",
    "freshness { stale fetchedAt }",
    "freshness { fromCache }",
    "a1: name",
    "a2: email",
    "a3: phone { number }",
    "...C",
    "... on Customer { city a2: email }",
    "... { country }",
    "... on Node { id }",
    "deletedAt @skip(if: true)",
    "jobTitle @include(if: true)",
    "... @include(if: false) { email }",
    "phone @include(if: true) { number callingCode }",
    "... @include(if: true) { owner { n: name } }",
    "... on Node { ... on Customer { owner { name } source { name } } }",
    "... on Node { ... on Source { y: name x: id } ... on Customer { x: id y: displayName } }",
    "...S",
];

/// Selections within a connection; `{}` is where the customer's go.
const OF_LIST: &[&str] = &[
    "totalCount",
    "order",
    "__typename",
    "nodes {}",
    "edges { cursor node {} }",
    "n: nodes {}",
    "edges { __typename }",
    "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }",
    "sources { source { key } outcome error { code message retryAfterSeconds } upstreamCalls }",
    "...L",
    "totalCount @skip(if: true)",
    "nodes @include(if: true) {}",
    "... @include(if: true) { edges { cursor } pageInfo { endCursor } }",
];

/// What makes any selection of that type take the executor's way.
const LONG_WAY: [&str; 2] = [
    "zz: customFields",
    "zz: sources { source { capabilities { list } } }",
];

fn query(customers: &[usize], lists: &[usize], first: u32, more: [&str; 2]) -> String {
    let pick = |of: &[&'static str], at: &[usize]| {
        let parts: Vec<_> = at
            .iter()
            .filter_map(|at| of.get(at % of.len()).copied())
            .collect();
        parts.join(" ")
    };
    let inner = format!("{{ {} {} }}", pick(OF_CUSTOMER, customers), more[0]);
    let outer = pick(OF_LIST, lists).replace("{}", &inner);
    let mut query = format!(
        "{{ list: customers(first: {first}) {{ {outer} {} }} }}",
        more[1]
    );
    if query.contains("...C") {
        query.push_str(" fragment C on Customer { name phone { number } }");
    }
    if query.contains("...S") {
        query.push_str(" fragment S on Node { ... on Source { v: key w: id } ... on Customer { w: id v: displayName } id }");
    }
    if query.contains("...L") {
        query.push_str(" fragment L on CustomerConnection { totalCount pageInfo { endCursor } }");
    }
    query
}

/// Takes what makes the long way long out of an answer, and where its fields stand in a longer text.
fn without_mark(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.shift_remove("zz");
            fields.shift_remove("locations");
            fields.values_mut().for_each(without_mark);
        }
        Value::Array(items) => items.iter_mut().for_each(without_mark),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn both_ways_answer_the_same(
        customers in prop::collection::vec(any::<usize>(), 1..8),
        lists in prop::collection::vec(any::<usize>(), 1..5),
        first in 0_u32..9,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let gateway = over_memory();
            let short = ask(&gateway, &query(&customers, &lists, first, ["", ""])).await;
            let long = ask(&gateway, &query(&customers, &lists, first, LONG_WAY)).await;
            let mut read: Value = serde_json::from_str(&short).unwrap();
            let mut expected: Value = serde_json::from_str(&long).unwrap();
            without_mark(&mut read);
            without_mark(&mut expected);
            assert_eq!(read.to_string(), expected.to_string());
        });
    }
}

#[test]
fn no_key_stands_twice() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let query = "{ customers(first: 1) { nodes { id id a: id } nodes { id name } } }";
    let text = runtime.block_on(ask(&over_memory(), query));
    assert_eq!(text.matches("\"id\":").count(), 1, "{text}");
}

/// What is asked for apart under one key is answered together, on either way.
#[tokio::test]
async fn nothing_that_is_asked_for_twice_is_lost() {
    let gateway = over_memory();
    for query in [
        "{ customers(first: 2) { nodes { id } ...L @include(if: true) } } fragment L on CustomerConnection { nodes { email M } }",
        "{ customers(first: 2) { nodes { id M } nodes @skip(if: false) { email } } }",
        "{ customers(first: 2) { nodes { ...N email M } } } fragment N on Node { id ... on Source { x: name } }",
        "{ customers(first: 2) { nodes { owner { id } ... on Node { ... on Customer { owner { name } id email M } } } } }",
    ] {
        for more in ["", "customFields"] {
            let text = ask(&gateway, &query.replace('M', more)).await;
            let answer: Value = serde_json::from_str(&text).unwrap();
            let node = &answer["data"]["customers"]["nodes"][1];
            assert!(node.get("id").is_some(), "{query}: {text}");
            assert_eq!(node["email"], "ann1@example.com", "{query}: {text}");
            assert!(node.get("x").is_none(), "{query}: {text}");
            let owner = &node["owner"];
            assert!(owner.is_null() || owner == &serde_json::json!({"id": "7", "name": null}));
        }
    }
}

#[tokio::test]
async fn one_customer_with_an_unreadable_field_takes_the_executors_way() {
    let gateway = over_memory();
    let list = "{ customers(first: 100) { nodes { id sourceId } } }";
    let list: Value = serde_json::from_str(&ask(&gateway, list).await).unwrap();
    let nodes = list["data"]["customers"]["nodes"].as_array().unwrap();
    let last = nodes.last().unwrap()["id"].as_str().unwrap();
    let one = format!("{{ customer(id: \"{last}\") {{ sourceId city }} }}");
    let one: Value = serde_json::from_str(&ask(&gateway, &one).await).unwrap();
    let expected = serde_json::json!({"sourceId": format!("id/{LAST}"), "city": null});
    assert_eq!(one["data"]["customer"], expected);
    assert_eq!(one["errors"].as_array().unwrap().len(), 1);
}
