//! What is asked of a CRM once and shown often, counted by real servers; and that nobody is shown the past who should not be.

use super::support::crm::{Crm, Play, file, source};
use super::support::gateway::{codes, id, parameters, start, start_cached};
use crmql::app::routes;
use crmql::config::CacheTimes;
use crmql::demo::Fault;
use crmql::http::{Readiness, serve};
use crmql::limits::Limits;
use crmql::load::{CachedSource, Caching, Store, Times};
use crmql::source::{SourceEntry, Sources};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);
const LONG: CacheTimes = CacheTimes {
    ttl: HOUR,
    stale_if_error: HOUR,
    absent_ttl: HOUR,
    refresh_after_percent: None,
};
/// Fresh for a moment, usable for long.
const BRIEF: CacheTimes = CacheTimes {
    ttl: Duration::from_millis(50),
    ..LONG
};
const OVER: Duration = Duration::from_millis(80);

const FRESHNESS: &str = "freshness { fetchedAt stale fromCache }";

// === The emulated CRMs ===

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_with_relatives_is_two_calls_cold_and_none_warm() {
    let gateway = start_cached(120, LONG).await;
    let query = "{ customers(sources: [\"spirii\"], orderBy: { field: ID, direction: DESC }, first: 50) { \
                 nodes { id displayName parent { displayName } operator { displayName } } sources { upstreamCalls } } }";
    let cold = gateway.data(query, json!({})).await;
    assert_eq!(gateway.calls("spirii").len(), 2);
    gateway.forget();
    let warm = gateway.data(query, json!({})).await;
    assert_eq!(gateway.call_count(), 0);
    assert_eq!(cold["customers"]["nodes"], warm["customers"]["nodes"]);
    assert_eq!(cold["customers"]["sources"][0]["upstreamCalls"], 1);
    assert_eq!(warm["customers"]["sources"][0]["upstreamCalls"], 0);
    let ids: Vec<&Value> = cold["customers"]["nodes"].as_array().unwrap()[..20]
        .iter()
        .map(|node| &node["id"])
        .collect();
    let query = format!(
        "query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Customer {{ id native {FRESHNESS} }} }} }}"
    );
    let nodes = gateway.data(&query, json!({ "ids": ids })).await;
    assert_eq!(gateway.call_count(), 0, "a row of the list is the record");
    assert_eq!(nodes["nodes"][7]["id"], *ids[7]);
    assert_eq!(nodes["nodes"][7]["freshness"]["fromCache"], json!(true));
    let alone = start(120).await;
    let read = alone.data(&query, json!({ "ids": ids })).await;
    for (listed, read) in nodes["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .zip(read["nodes"].as_array().unwrap())
    {
        assert_eq!(listed["native"], read["native"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_identical_queries_at_once_are_one_call() {
    let gateway = Arc::new(start(60).await);
    gateway
        .crm("gtateth")
        .set_fault(Some(Fault::Latency(Duration::from_millis(1_500))));
    let query = "{ customers(sources: [\"gtateth\"], first: 20) { nodes { id } sources { upstreamCalls } } }";
    let asking: Vec<_> = (0..200)
        .map(|_| {
            let gateway = Arc::clone(&gateway);
            tokio::spawn(async move { gateway.data(query, json!({})).await })
        })
        .collect();
    let mut paid = 0;
    for asked in asking {
        let data = asked.await.unwrap();
        assert_eq!(data["customers"]["nodes"].as_array().unwrap().len(), 20);
        paid += data["customers"]["sources"][0]["upstreamCalls"]
            .as_u64()
            .unwrap();
    }
    assert_eq!(gateway.calls("gtateth").len(), 1);
    assert_eq!(paid, 1, "who joins pays nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_asked_for_under_aliases_are_one_call() {
    let gateway = start(60).await;
    let fields: Vec<String> = (0..15)
        .map(|n| {
            format!(
                "c{n}: customer(id: {:?}) {{ sourceId }}",
                id("spirii", (1_010 + n).to_string())
            )
        })
        .collect();
    let query = format!(
        "{{ {} node(id: {:?}) {{ id }} }}",
        fields.join(" "),
        id("spirii", "1003")
    );
    let data = gateway.data(&query, json!({})).await;
    assert_eq!(data["c14"]["sourceId"], "1024");
    assert!(data["node"].is_object());
    assert_eq!(
        gateway.calls("spirii").len(),
        1,
        "{:#?}",
        gateway.calls("spirii")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_is_seen_by_the_next_read_of_everything() {
    let gateway = start_cached(30, LONG).await;
    let list =
        "{ customers(sources: [\"gtateth\"], first: 3) { totalCount nodes { id displayName } } }";
    let before = gateway.data(list, json!({})).await;
    let first = before["customers"]["nodes"][0]["id"].clone();
    let one = "query($id: ID!) { customer(id: $id) { displayName firstName } }";
    gateway.data(one, json!({ "id": first })).await;
    let input = json!({ "id": first, "firstName": "Renamed" });
    assert_eq!(
        gateway.write("updateCustomer", input).await["outcome"],
        "APPLIED"
    );
    let after = gateway.data(one, json!({ "id": first })).await;
    assert_eq!(after["customer"]["firstName"], "Renamed");
    let listed = gateway.data(list, json!({})).await;
    let name = listed["customers"]["nodes"][0]["displayName"]
        .as_str()
        .unwrap();
    assert!(name.starts_with("Renamed"), "{name}");
    assert_eq!(
        gateway
            .write("deleteCustomer", json!({ "id": first }))
            .await["outcome"],
        "APPLIED"
    );
    let gone = gateway.data(one, json!({ "id": first })).await;
    assert_eq!(gone["customer"], Value::Null);
    let left = gateway.data(list, json!({})).await;
    assert_ne!(left["customers"]["nodes"][0]["id"], first);
    assert_eq!(
        left["customers"]["totalCount"].as_u64().unwrap() + 1,
        before["customers"]["totalCount"].as_u64().unwrap()
    );
    gateway.forget();
    let refused = gateway
        .write(
            "updateCustomer",
            json!({ "id": id("gtateth", "x"), "tags": [] }),
        )
        .await;
    assert_eq!(refused["outcome"], "NOT_APPLIED");
    let sent = gateway.call_count();
    gateway.data(list, json!({})).await;
    assert_eq!(
        gateway.call_count() - sent,
        usize::from(sent > 0),
        "a refusal before any call forgets nothing"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_crm_fails_a_stale_answer_stands_in_and_says_so() {
    let gateway = start_cached(30, BRIEF).await;
    let list = format!(
        "{{ customers(sources: [\"gormic\"], first: 3) {{ nodes {{ id {FRESHNESS} }} sources {{ outcome }} }} }}"
    );
    let first = gateway.data(&list, json!({})).await;
    let known = first["customers"]["nodes"][0]["id"].clone();
    let one = format!("query($id: ID!) {{ customer(id: $id) {{ displayName {FRESHNESS} }} }}");
    let shown = gateway.data(&one, json!({ "id": known })).await;
    let other = id("gormic", "never-asked-for");
    tokio::time::sleep(OVER).await;
    gateway.crm("gormic").set_fault(Some(Fault::Status {
        status: 503,
        retry_after: None,
    }));
    let stale = gateway.data(&one, json!({ "id": known })).await;
    assert_eq!(
        stale["customer"]["displayName"],
        shown["customer"]["displayName"]
    );
    assert_eq!(stale["customer"]["freshness"]["stale"], json!(true));
    assert_eq!(stale["customer"]["freshness"]["fromCache"], json!(true));
    assert_eq!(
        stale["customer"]["freshness"]["fetchedAt"],
        shown["customer"]["freshness"]["fetchedAt"]
    );
    let listed = gateway.data(&list, json!({})).await;
    assert_eq!(
        listed["customers"]["nodes"][2]["freshness"]["stale"],
        json!(true)
    );
    let through = gateway
        .ask_as(
            &one,
            json!({ "id": known }),
            &[("cache-control", "no-cache")],
        )
        .await;
    assert_eq!(
        codes(&through),
        ["SOURCE_UNAVAILABLE"],
        "who asks for news gets no old row"
    );
    let unknown = gateway.ask_with(&one, json!({ "id": other })).await;
    assert_eq!(codes(&unknown), ["SOURCE_UNAVAILABLE"]);
    gateway.crm("gormic").set_fault(None);
    let mut fresh = gateway.data(&one, json!({ "id": known })).await;
    // The CRM failed so often that it is left alone for some seconds; until then the row stays the stale one.
    for _ in 0..40 {
        if fresh["customer"]["freshness"]["stale"] == json!(false) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
        fresh = gateway.data(&one, json!({ "id": known })).await;
    }
    assert_eq!(fresh["customer"]["freshness"]["stale"], json!(false));
    assert_eq!(fresh["customer"]["freshness"]["fromCache"], json!(false));
}

// === A CRM that counts ===

/// Customers named after the number of the request that showed them; `absent` is not there.
const COUNTING: &str = r#"
[[list]]
request  = "GET /people"
items    = "/people"
complete = true
page     = { kind = "page", page = "query:page", size = "query:size", max = 50 }
filter   = { search = "query:q" }

[get]
request = "GET /people/{id}"
item    = ""

[fields]
id   = "/id"
name = "/name"
"#;

async fn counting() -> Crm {
    Crm::answering(|seen, before| {
        let number = (before + 1).to_string();
        let path = seen.target.split('?').next().unwrap();
        match path.strip_prefix("/people/") {
            None => Play::Json(
                200,
                json!({ "people": [{ "id": "a", "name": number }, { "id": "b", "name": number }] }),
            ),
            Some("absent") => Play::Json(404, json!({})),
            Some(id) => Play::Json(200, json!({ "id": id, "name": number })),
        }
    })
    .await
}

/// A gateway over it.
pub struct Over {
    pub url: String,
    pub client: reqwest::Client,
}

impl Over {
    async fn new(crm: &Crm, times: Option<&CacheTimes>) -> Self {
        Self::of(crm, COUNTING, times).await
    }

    async fn of(crm: &Crm, adapter: &str, times: Option<&CacheTimes>) -> Self {
        Self::before(crm, &file("", adapter), times).await
    }

    /// A gateway over a CRM with this whole adapter file.
    pub async fn before(crm: &Crm, adapter: &str, times: Option<&CacheTimes>) -> Self {
        let caching = Caching {
            times: times.map(|times| Times {
                ttl: times.ttl,
                stale_if_error: times.stale_if_error,
                absent_ttl: times.absent_ttl,
                ahead: times.refresh_after_percent,
            }),
            patience: Duration::from_secs(10),
            flights: 100,
            background: 8,
        };
        let adapter = Arc::new(source(crm, adapter));
        let entry = SourceEntry {
            key: "acme".into(),
            name: "Acme".into(),
            adapter: "acme".into(),
            rank: 0,
            source: Arc::new(CachedSource::new(adapter, caching, Store::new(1_000_000))),
        };
        // Whole answers have tests of their own; kept ones would hide what lies behind them.
        let limits = Limits {
            kept_answers_bytes: 0,
            ..Limits::default()
        };
        let readiness = Readiness::new();
        let sources = Sources::new(vec![Arc::new(entry)]);
        let routes = routes(sources, b"a secret of the tests", &limits, &readiness).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/graphql", listener.local_addr().unwrap());
        tokio::spawn(async move {
            serve(
                listener,
                routes,
                &limits,
                &readiness,
                std::future::pending(),
            )
            .await
        });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { url, client }
    }

    /// The answer's `Cache-Control` and data.
    pub async fn ask(&self, query: &str, cache_control: &str) -> (String, Value) {
        let mut request = self
            .client
            .post(&self.url)
            .header("content-type", "application/json");
        if !cache_control.is_empty() {
            request = request.header("cache-control", cache_control);
        }
        let body = json!({ "query": query }).to_string();
        let response = request.body(body).send().await.unwrap();
        let said = response.headers()["cache-control"]
            .to_str()
            .unwrap()
            .to_owned();
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        (said, answer["data"].clone())
    }

    /// The number that a customer's name tells.
    pub async fn number(&self, cache_control: &str) -> u64 {
        let query = format!("{{ customer(id: {:?}) {{ name }} }}", id("acme", "a"));
        let (_, data) = self.ask(&query, cache_control).await;
        data["customer"]["name"].as_str().unwrap().parse().unwrap()
    }

    /// The same by the list.
    pub async fn listed(&self, arguments: &str, cache_control: &str) -> u64 {
        let query = format!("{{ customers(first: 2{arguments}) {{ nodes {{ name }} }} }}");
        let (_, data) = self.ask(&query, cache_control).await;
        data["customers"]["nodes"][1]["name"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_request_says_how_old_an_answer_may_be() {
    let crm = counting().await;
    let over = Over::new(&crm, Some(&LONG)).await;
    assert_eq!(over.number("").await, 1);
    assert_eq!(over.number("").await, 1);
    assert_eq!(over.number("max-age=60").await, 1, "younger than a minute");
    assert_eq!(over.number("no-cache").await, 2, "read through");
    assert_eq!(over.number("").await, 2, "and kept");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(over.number("max-age=1").await, 3, "older than a second");
    assert_eq!(over.number("max-age=60").await, 3);
    assert_eq!(over.number("no-store").await, 4, "read through");
    assert_eq!(over.number("").await, 3, "and not kept");
    assert_eq!(over.listed("", "").await, 5);
    assert_eq!(
        over.number("").await,
        5,
        "the list is newer and as complete"
    );
    assert_eq!(over.listed("", "no-cache").await, 6);
    assert_eq!(over.listed("", "").await, 6);
    assert_eq!(crm.seen().len(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_question_is_another_answer() {
    let crm = counting().await;
    let over = Over::new(&crm, Some(&LONG)).await;
    let questions = [
        "",
        ", filter: { search: \"x\" }",
        ", filter: { search: \"y\" }",
        ", filter: { search: \"X\" }",
    ];
    for (number, question) in (1..).zip(questions) {
        assert_eq!(over.listed(question, "").await, number, "{question}");
    }
    for (number, question) in (1..).zip(questions) {
        assert_eq!(over.listed(question, "").await, number, "{question}");
    }
    let other = Over::new(&crm, Some(&LONG)).await;
    assert_eq!(
        other.listed("", "").await,
        5,
        "another source of the same name"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_there_is_no_such_customer_is_kept_for_a_while() {
    let crm = counting().await;
    let times = CacheTimes {
        absent_ttl: Duration::from_millis(200),
        ..LONG
    };
    let over = Over::new(&crm, Some(&times)).await;
    let query = format!("{{ customer(id: {:?}) {{ name }} }}", id("acme", "absent"));
    for calls in [1, 1] {
        assert_eq!(over.ask(&query, "").await.1["customer"], Value::Null);
        assert_eq!(crm.seen().len(), calls);
    }
    tokio::time::sleep(Duration::from_millis(250)).await;
    over.ask(&query, "").await;
    assert_eq!(crm.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_says_for_how_long_it_may_be_used_again() {
    let crm = counting().await;
    let over = Over::new(
        &crm,
        Some(&CacheTimes {
            ttl: Duration::from_secs(100),
            ..LONG
        }),
    )
    .await;
    let one = format!("{{ customer(id: {:?}) {{ name }} }}", id("acme", "a"));
    let seconds = |said: &str| -> u64 {
        said.strip_prefix("private, max-age=")
            .unwrap_or_else(|| panic!("{said}"))
            .parse()
            .unwrap()
    };
    let first = seconds(&over.ask(&one, "").await.0);
    assert!((85..=100).contains(&first), "{first}");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let kept = seconds(&over.ask(&one, "").await.0);
    let both = format!(
        "{{ customers(first: 1) {{ nodes {{ name }} }} {} }}",
        &one[1..one.len() - 1]
    );
    let least = seconds(&over.ask(&both, "").await.0);
    assert!(kept <= 99 && least <= kept.max(90), "{kept} {least}");
    for query in [
        "{ customer(id: \"x\") { name } }",
        "{ nonsense }",
        "{ sources { key } }",
        "mutation { deleteCustomer(input: { id: \"x\" }) { outcome } }",
    ] {
        assert_eq!(over.ask(query, "").await.0, "no-store", "{query}");
    }
    let kept_nowhere = Over::new(&crm, None).await;
    assert_eq!(kept_nowhere.ask(&one, "").await.0, "no-store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_cache_every_operation_asks() {
    let crm = counting().await;
    let over = Over::new(&crm, None).await;
    assert_eq!((over.number("").await, over.number("").await), (1, 2));
    assert_eq!(
        (over.listed("", "").await, over.listed("", "").await),
        (3, 4)
    );
}

/// Six people in pages of two, of whom the first is gone after a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_move_between_a_kept_page_and_a_new_one_are_neither_hidden_nor_repeated() {
    let gone = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let crm = {
        let gone = Arc::clone(&gone);
        Crm::answering(move |seen, _| {
            let first = usize::from(gone.load(std::sync::atomic::Ordering::SeqCst));
            let parameters = parameters(&seen.target);
            let number = |name: &str| parameters[name].parse::<usize>().unwrap();
            let people: Vec<Value> = (1 + first..=6)
                .map(|id| json!({ "id": format!("p{id}"), "name": format!("{id}") }))
                .collect();
            let start = (number("page") - 1) * number("size");
            let page: Vec<&Value> = people.iter().skip(start).take(number("size")).collect();
            Play::Json(200, json!({ "people": page }))
        })
        .await
    };
    let adapter = COUNTING.replace("max = 50", "max = 2");
    let over = Over::of(&crm, &adapter, Some(&LONG)).await;
    let names = |data: &Value| -> Vec<String> {
        let nodes = data["customers"]["nodes"].as_array().unwrap().iter();
        nodes
            .map(|node| node["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let (_, two) = over
        .ask("{ customers(first: 2) { nodes { name } } }", "")
        .await;
    assert_eq!(names(&two), ["1", "2"]);
    gone.store(true, std::sync::atomic::Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let four = "{ customers(first: 4) { nodes { name } } }";
    let (_, shown) = over.ask(four, "").await;
    assert_eq!(names(&shown), ["2", "3", "4", "5"], "{:#?}", crm.seen());
    let calls = crm.seen().len();
    let (_, again) = over.ask(four, "").await;
    assert_eq!(
        (names(&again), crm.seen().len()),
        (names(&shown), calls),
        "kept together"
    );
}

/// A kept page leads where a new one goes in a circle: the two are of different times, and only new ones tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_page_and_a_new_one_that_contradict_each_other_are_read_anew() {
    let renamed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let crm = {
        let renamed = Arc::clone(&renamed);
        Crm::answering(move |seen, _| {
            let renamed = renamed.load(std::sync::atomic::Ordering::SeqCst);
            let parameters = parameters(&seen.target);
            let (people, next) = match (parameters.get("after").map(String::as_str), renamed) {
                (None, false) => ([1, 2], Some("x")),
                (None, true) => ([1, 2], Some("y")),
                (Some("x"), true) => ([7, 8], Some("x")),
                _ => ([3, 4], None),
            };
            let people =
                people.map(|id| json!({ "id": format!("p{id}"), "name": format!("{id}") }));
            Play::Json(200, json!({ "people": people, "next": next }))
        })
        .await
    };
    let adapter = "[[list]]\nrequest = \"GET /people\"\nitems = \"/people\"\n\
        page = { kind = \"token\", send = \"query:after\", next = \"/next\", size = \"query:n\", max = 2 }\n[fields]\nid = \"/id\"\nname = \"/name\"\n";
    let over = Over::of(&crm, adapter, Some(&LONG)).await;
    let list = |size: usize| format!("{{ customers(first: {size}) {{ nodes {{ name }} }} }}");
    over.ask(&list(2), "").await;
    renamed.store(true, std::sync::atomic::Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (_, shown) = over.ask(&list(4), "").await;
    let nodes = shown["customers"]["nodes"].as_array().unwrap().iter();
    let names: Vec<&str> = nodes.map(|node| node["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["1", "2", "3", "4"], "{:#?}", crm.seen());
}

// === Whole answers ===

const REPEATED: &str =
    "{ list: customers(sources: [\"gtateth\"], first: 3) { totalCount nodes { id firstName } } }";

/// The same text again is answered without running anything: nothing is parsed, so not even a wrong `operationName` would be
/// seen. What it must never do is show another caller's answer, or the past.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_kept_whole_is_the_one_that_would_be_made() {
    let gateway = start_cached(30, LONG).await;
    let first = gateway.data(REPEATED, json!({})).await;
    gateway.forget();
    let again = gateway.data(REPEATED, json!({})).await;
    assert_eq!((gateway.call_count(), &again), (0, &first));
    let read_through = gateway
        .ask_as(REPEATED, json!({}), &[("cache-control", "no-cache")])
        .await;
    assert_eq!(read_through["data"], first);
    assert_ne!(gateway.call_count(), 0, "no-cache reads through");

    let id = first["list"]["nodes"][1]["id"].clone();
    gateway
        .write(
            "updateCustomer",
            json!({ "id": id, "firstName": "Changed" }),
        )
        .await;
    let after = gateway.data(REPEATED, json!({})).await;
    assert_eq!(after["list"]["nodes"][1]["firstName"], "Changed");

    let wider = REPEATED.replace("first: 3", "first: 4");
    let other = gateway.data(&wider, json!({})).await;
    assert_eq!(other["list"]["nodes"].as_array().unwrap().len(), 4);
}

/// The text of an address is no body, though the answer to it is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_kept_for_an_address_answers_no_body_of_the_same_text() {
    let gateway = start_cached(30, LONG).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = "query=%7Bcustomers(first%3A1)%7Bnodes%7Bid%7D%7D%7D";
    let url = format!("{}/graphql", gateway.url);
    let by_get = client.get(format!("{url}?{asked}"));
    for _ in 0..2 {
        let got = by_get
            .try_clone()
            .unwrap()
            .header("graphql-require-preflight", "1");
        assert_eq!(got.send().await.unwrap().status(), 200);
    }
    for text in [asked.to_owned(), format!("?{asked}")] {
        let by_post = client.post(&url).header("content-type", "application/json");
        assert_eq!(by_post.body(text).send().await.unwrap().status(), 400);
    }
}

/// What an operation cost, and whether its rows came from a cache, are said of that very operation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_of_one_operation_is_not_repeated_by_the_next() {
    let gateway = start_cached(30, LONG).await;
    let query = "{ list: customers(sources: [\"gtateth\"], first: 3) { nodes { freshness { fromCache } } sources { upstreamCalls } } }";
    let mut seen = Vec::new();
    for _ in 0..2 {
        let data = gateway.data(query, json!({})).await;
        let from_cache = data["list"]["nodes"][0]["freshness"]["fromCache"].clone();
        seen.push((
            from_cache,
            data["list"]["sources"][0]["upstreamCalls"].clone(),
        ));
    }
    assert_eq!(seen, [(json!(false), json!(1)), (json!(true), json!(0))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_with_errors_is_not_kept() {
    let gateway = start_cached(30, LONG).await;
    gateway.crm("gtateth").set_fault(Some(Fault::Status {
        status: 503,
        retry_after: None,
    }));
    let failed = gateway.ask(REPEATED).await;
    assert!(!codes(&failed).is_empty(), "{failed:#}");
    gateway.crm("gtateth").set_fault(None);
    let healed = gateway.data(REPEATED, json!({})).await;
    assert_eq!(healed["list"]["nodes"].as_array().unwrap().len(), 3);
}
