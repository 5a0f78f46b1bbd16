//! Fields of records that cannot be read: each is told where it is missed, and hides nothing else that is told.

use super::support::crm::{Crm, Play, file, source};
use super::support::gateway::{codes, id, listening};
use crmql::app::routes;
use crmql::http::Readiness;
use crmql::limits::Limits;
use crmql::source::{SourceEntry, Sources};
use serde_json::{Value, json};
use std::sync::Arc;

const ADAPTER: &str = r#"
[[list]]
request = "GET /people"
items   = "/people"
order   = "stable"
page    = { kind = "page", page = "query:page", size = "query:size", max = 50 }

[get]
request = "GET /people/{id}"
item    = ""

[fields]
id    = { r = "/id", type = "int" }
name  = "/name"
phone = "/phone"
phoneCountryCode = "/cc"
phoneCallingCode = "/calling"
ownerId   = "/oid"
ownerName = "/owner"
tier  = { r = "/tier", enum = "tier", unknown = "error" }
createdAt = { r = "/made", type = "datetime" }

[enums.tier]
GOLD = "gold"
SILVER = "silver"
"#;

/// A gateway over a CRM with these people, of whom none can be opened by its id.
struct Odd {
    url: String,
    client: reqwest::Client,
    _crm: Crm,
}

impl Odd {
    async fn of(people: Vec<Value>, limits: Limits) -> Self {
        let crm = Crm::answering(move |seen, _| {
            let asked = super::support::gateway::parameters(&seen.target);
            let number = |name: &str| asked.get(name).and_then(|text| text.parse().ok());
            let size: usize = number("size").unwrap_or(50);
            let start = (number("page").unwrap_or(1) - 1) * size;
            let rows: Vec<&Value> = people.iter().skip(start).take(size).collect();
            match seen.target.starts_with("/people/") {
                true => Play::Json(500, json!({})),
                false => Play::Json(200, json!({ "people": rows })),
            }
        })
        .await;
        let entry = SourceEntry {
            key: "acme".into(),
            name: "Acme".into(),
            adapter: "acme".into(),
            rank: 0,
            source: Arc::new(source(&crm, &file("", ADAPTER))),
        };
        let readiness = Readiness::new();
        let sources = Sources::new(vec![Arc::new(entry)]);
        let routes = routes(sources, b"a secret of the tests", &limits, &readiness).unwrap();
        let (url, _) = listening(routes, limits, readiness).await;
        Self {
            url: url + "/graphql",
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            _crm: crm,
        }
    }

    async fn ask(&self, query: &str) -> Value {
        let request = self.client.post(&self.url);
        let request = request.header("content-type", "application/json");
        let body = json!({ "query": query }).to_string();
        let text = request.body(body).send().await.unwrap().text().await;
        serde_json::from_str(&text.unwrap()).unwrap()
    }
}

/// Path and message of each error.
fn told(answer: &Value) -> Vec<(String, String)> {
    let errors = answer["errors"].as_array().into_iter().flatten();
    let text = |error: &Value| {
        let message = error["message"].as_str().unwrap().to_owned();
        (error["path"].to_string(), message)
    };
    errors.map(text).collect()
}

/// Where more went wrong than an answer tells, that a root field failed is told before single fields of records: without its
/// error it would say that there is no such customer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_odd_fields_do_not_hide_that_a_root_field_failed() {
    let people = (1..=20).map(|id| json!({ "id": id, "name": {}, "tier": "?" }));
    let limits = Limits {
        errors: 5,
        ..Limits::default()
    };
    let gateway = Odd::of(people.collect(), limits).await;
    let query = format!(
        "{{ customers(first: 20) {{ nodes {{ name tier }} }} customer(id: {:?}) {{ id }} }}",
        id("acme", "7")
    );
    let answer = gateway.ask(&query).await;
    assert_eq!(answer["data"]["customer"], Value::Null);
    let paths: Vec<String> = told(&answer).into_iter().map(|(path, _)| path).collect();
    let field = |row: usize, name: &str| format!("[\"customers\",\"nodes\",{row},\"{name}\"]");
    let first = [
        field(0, "name"),
        field(0, "tier"),
        field(1, "name"),
        field(1, "tier"),
    ];
    let (of_root, others): (Vec<String>, Vec<String>) =
        paths.into_iter().partition(|path| path == "[\"customer\"]");
    assert_eq!(of_root.len(), 1, "{answer:#}");
    assert_eq!(
        others, first,
        "the others are the first ones, in their order"
    );
    assert_eq!(answer["extensions"]["errorsLeftOut"], 36);

    // Many errors of one root field do not hide the only one of another either.
    let nameless = (1..=20).map(|_| json!({ "name": "N" })).collect();
    let limits = Limits {
        errors: 5,
        ..Limits::default()
    };
    let answer = Odd::of(nameless, limits).await.ask(&query).await;
    let paths: Vec<String> = told(&answer).into_iter().map(|(path, _)| path).collect();
    assert!(paths.contains(&"[\"customer\"]".to_owned()), "{answer:#}");
    assert_eq!(paths.len(), 5);
    assert_eq!(answer["extensions"]["errorsLeftOut"], 16);
}

/// What can be read of a phone number or an owner is shown, and what cannot is told where it is asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_cannot_be_read_is_told_at_the_part() {
    let people = vec![
        json!({ "id": 1, "phone": "12345678", "cc": [], "oid": "7", "owner": {} }),
        json!({ "id": 2, "phone": null, "cc": [], "oid": null, "owner": {} }),
        json!({ "id": 3, "phone": {}, "cc": "DK", "oid": {}, "owner": "Bo" }),
    ];
    let gateway = Odd::of(people, Limits::default()).await;
    let answer = gateway
        .ask("{ customers(first: 3) { nodes { phone { number land: countryCode e164 ... on PhoneNumber { callingCode } } owner { id name } } } }")
        .await;
    assert_eq!(
        answer["data"]["customers"]["nodes"],
        json!([
            { "phone": { "number": "12345678", "land": null, "e164": null, "callingCode": null }, "owner": { "id": "7", "name": null } },
            { "phone": null, "owner": null },
            { "phone": null, "owner": null },
        ])
    );
    let at = |row: usize, rest: &str| format!("[\"customers\",\"nodes\",{row},{rest}]");
    let message = |field: &str, id: usize| {
        format!("acme: the field `{field}` of the customer {id} cannot be read: expected text")
    };
    let mut told = told(&answer);
    told.sort();
    assert_eq!(
        told,
        [
            (at(0, "\"owner\",\"name\""), message("owner.name", 1)),
            (at(0, "\"phone\",\"e164\""), message("phone.countryCode", 1)),
            (at(0, "\"phone\",\"land\""), message("phone.countryCode", 1)),
            (at(2, "\"owner\""), message("owner", 3)),
            (at(2, "\"phone\""), message("phone", 3)),
        ],
        "{answer:#}"
    );
    let answer = gateway
        .ask("{ customers(first: 2) { nodes { phone { number } owner { id } } } }")
        .await;
    assert_eq!(codes(&answer), [""; 0], "what was asked for could be read");
}

/// Nobody knows whether a filter holds for a customer whose field cannot be read: it is left out, and that is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_that_a_filter_cannot_be_decided_of_is_told() {
    let people = vec![
        json!({ "id": 1, "tier": "gold", "made": "2024-01-01T00:00:00Z" }),
        json!({ "id": 2, "tier": "odd-marker", "made": "2024-01-01T00:00:00Z" }),
        json!({ "id": 3, "tier": "silver", "made": "2024-01-01T00:00:00Z" }),
        json!({ "id": 4, "tier": "gold", "made": "yesterday-marker" }),
        json!({ "id": 5, "tier": "silver", "made": "yesterday-marker" }),
        json!({ "id": 6, "name": {}, "tier": "gold", "made": "2024-01-01T00:00:00Z" }),
        json!({ "id": 7, "tier": {}, "made": "2024-01-01T00:00:00Z" }),
    ];
    let gateway = Odd::of(people, Limits::default()).await;
    let page = async |first: usize, after: &Value, made: &str| {
        let query = format!(
            "{{ customers(first: {first}, after: {after}, unsupportedFilter: SCAN, filter: {{ tier: [GOLD] {made} }}) {{ \
             totalCount nodes {{ sourceId }} pageInfo {{ hasNextPage endCursor }} }} }}"
        );
        gateway.ask(&query).await
    };
    let made = "createdAt: { gte: \"2023-01-01T00:00:00Z\" }";
    let whole = page(10, &Value::Null, made).await;
    let nodes = &whole["data"]["customers"]["nodes"];
    assert_eq!(nodes, &json!([{ "sourceId": "1" }, { "sourceId": "6" }]));
    assert_eq!(whole["data"]["customers"]["totalCount"], Value::Null);
    let message = |id: usize, field: &str, why: &str| {
        let text = format!(
            "acme: the customer {id} is left out, as the filter asks about its field `{field}`, which cannot be read: {why}"
        );
        ("[\"customers\"]".to_owned(), text)
    };
    let unknown = "a word that is not in the adapter's list";
    let expected = [
        message(2, "tier", unknown),
        message(4, "createdAt", "expected a date and time"),
        message(7, "tier", unknown),
    ];
    assert_eq!(told(&whole), expected, "{whole:#}");
    assert_eq!(codes(&whole), ["SOURCE_INVALID_RESPONSE"; 3]);
    assert!(!whole.to_string().contains("marker"));

    // A walk tells each of them once, also what follows its last row.
    let (mut after, mut walked) = (Value::Null, Vec::new());
    loop {
        let answer = page(1, &after, made).await;
        walked.extend(told(&answer));
        let info = &answer["data"]["customers"]["pageInfo"];
        if info["hasNextPage"] == json!(false) {
            break;
        }
        after = info["endCursor"].clone();
    }
    assert_eq!(walked, expected);
}

/// Without its codes a number is another one all the same where its digits are others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_filter_is_undecided_only_where_the_digits_may_be_those_asked_for() {
    let people = vec![
        json!({ "id": 1, "phone": "32 12 34 56", "calling": {} }),
        json!({ "id": 2, "phone": "32 12 34 57", "calling": {} }),
        json!({ "id": 3, "phone": "32 12 34 56", "calling": "45" }),
        json!({ "id": 4, "phone": "032 12 34 56", "calling": {} }),
        json!({ "id": 5, "phone": "8 32 12 34 56", "cc": {} }),
        json!({ "id": 6, "phone": "32 12 34 57", "cc": {} }),
        json!({ "id": 7, "phone": {} }),
    ];
    let gateway = Odd::of(people, Limits::default()).await;
    let answer = gateway
        .ask("{ customers(first: 10, unsupportedFilter: SCAN, filter: { phone: \"+45 32123456\" }) { nodes { sourceId } } }")
        .await;
    assert_eq!(
        answer["data"]["customers"]["nodes"],
        json!([{ "sourceId": "3" }])
    );
    let named: Vec<(usize, &str)> = [1, 4, 5, 7]
        .into_iter()
        .zip(["callingCode", "callingCode", "countryCode", ""])
        .collect();
    let told = told(&answer);
    assert_eq!(told.len(), named.len(), "{answer:#}");
    for ((_, message), (id, part)) in told.iter().zip(named) {
        assert!(
            message.contains(&format!("the customer {id} is")),
            "{message}"
        );
        assert!(message.contains(part), "{message}");
    }
}

/// What the filter finds by another field is not what stands in its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_field_is_named_that_a_filter_cannot_be_decided_by() {
    let people = vec![
        json!({ "id": 1, "name": {}, "phone": "32123456", "tier": "odd" }),
        json!({ "id": 2, "name": {}, "phone": "1", "tier": "odd" }),
    ];
    let gateway = Odd::of(people, Limits::default()).await;
    let answer = gateway
        .ask("{ customers(first: 10, unsupportedFilter: SCAN, filter: { search: \"32123456\", tier: [GOLD] }) { nodes { sourceId } } }")
        .await;
    let told = told(&answer);
    assert_eq!(told.len(), 2, "{answer:#}");
    for ((_, message), field) in told.iter().zip(["`tier`", "`name`"]) {
        assert!(message.contains(field), "{message}");
    }
}

/// A list that is ordered here is read whole for each window: what is odd in it is told with the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_ordered_here_tells_once_who_is_left_out() {
    let people = vec![
        json!({ "id": 1, "name": "A", "tier": "gold" }),
        json!({ "id": 2, "name": "B", "tier": "odd" }),
        json!({ "id": 3, "name": "C", "tier": "gold" }),
        json!({ "name": "Nobody", "tier": "gold" }),
        json!({ "id": 5, "name": "D", "tier": "gold" }),
    ];
    let gateway = Odd::of(people, Limits::default()).await;
    for (count, place, cursor, more) in [
        ("first", "after", "endCursor", "hasNextPage"),
        ("last", "before", "startCursor", "hasPreviousPage"),
    ] {
        let (mut at, mut told_of, mut ids) = (Value::Null, Vec::new(), Vec::new());
        for _ in 0..3 {
            let query = format!(
                "{{ customers({count}: 1, {place}: {at}, orderBy: {{ field: NAME }}, unsupportedFilter: SCAN, filter: {{ tier: [GOLD] }}) {{ \
                 totalCount nodes {{ sourceId }} pageInfo {{ {more} {cursor} }} }} }}"
            );
            let answer = gateway.ask(&query).await;
            told_of.push(told(&answer).len());
            let list = &answer["data"]["customers"];
            assert_eq!(list["totalCount"], Value::Null, "{answer:#}");
            ids.push(list["nodes"][0]["sourceId"].clone());
            at = list["pageInfo"][cursor].clone();
        }
        ids.sort_by_key(ToString::to_string);
        assert_eq!(ids, ["1", "3", "5"]);
        assert_eq!(told_of, [2, 0, 0], "{count}");
    }
}
