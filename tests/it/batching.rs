//! How few calls reach a CRM when one operation asks for many customers by id, counted in the CRM's own log.

use super::odd_data::direct::Asked;
use super::support::crm::{Crm, Play, file, source};
use super::support::gateway::{codes, id, parameters, start};
use crmql::demo::Fault;
use crmql::source::{SourceEntry, Sources};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

const NODES: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_relatives_of_a_page_are_one_call() {
    let gateway = start(120).await;
    for selection in [
        "nodes { parent { displayName } operator { displayName } }",
        "edges { node { parent { displayName } } } nodes { operator { displayName } }",
        "edges { node { p: parent { a: displayName } ...more } }",
    ] {
        gateway.forget();
        let more = if selection.contains("more") {
            "fragment more on Customer { operator { displayName } }"
        } else {
            ""
        };
        let query =
            format!("{{ customers(sources: [\"spirii\"], first: 50) {{ {selection} }} }} {more}");
        let data = gateway.data(&query, json!({})).await;
        assert!(data.to_string().contains("displayName") || data.to_string().contains("\"a\":"));
        let calls = gateway.calls("spirii");
        assert_eq!(calls.len(), 2, "{selection}: {calls:#?}");
        assert!(calls[1].contains("customerIds"), "{calls:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_depth_of_relatives_is_one_call_at_most() {
    let gateway = start(120).await;
    gateway.forget();
    let query = "{ customers(sources: [\"spirii\"], first: 100) { nodes { id parent { id parent { id parent { id } operator { id } } } } } }";
    let data = gateway.data(query, json!({})).await;
    let calls = gateway.calls("spirii").len();
    assert!((2..=5).contains(&calls), "{:#?}", gateway.calls("spirii"));
    let deepest = data["customers"]["nodes"].as_array().unwrap().iter();
    assert!(
        deepest
            .filter(|row| row["parent"]["parent"]["id"].is_string())
            .count()
            > 10
    );
}

/// Every customer has a parent and an operator of its own: two relatives of each, four of theirs, and so on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_branches_of_a_depth_are_one_call() {
    let record = |id: u64| json!({ "id": id, "p": 2 * id, "o": 2 * id + 1 });
    let crm = Crm::answering(move |seen, _| {
        let query = seen
            .target
            .split_once("ids=")
            .map(|(_, ids)| ids.to_owned());
        let ids = query.unwrap_or_else(|| "4,5,6".to_owned());
        let ids = ids.replace("%2C", ",");
        let rows: Vec<_> = ids
            .split(',')
            .map(|id| record(id.parse().unwrap()))
            .collect();
        Play::Json(200, json!({ "data": rows }))
    })
    .await;
    let text = file(
        "",
        "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\npage = { kind = \"none\" }\n[get_many]\nrequest = \"GET /many\"\nids = { send = \"query:ids\", list = \"csv\" }\nitems = \"/data\"\nmax = 100\n[fields]\nid = { r = \"/id\", type = \"int\" }\nparentId = { r = \"/p\", type = \"int\" }\noperatorId = { r = \"/o\", type = \"int\" }",
    );
    let entry = SourceEntry {
        key: "tree".into(),
        name: "Tree".into(),
        adapter: "acme".into(),
        rank: 0,
        source: Arc::new(source(&crm, &text)),
    };
    let gateway = Asked::new(Sources::new(vec![Arc::new(entry)]));
    let relatives = (0..5).fold("sourceId".to_owned(), |inner, _| {
        format!("sourceId parent {{ {inner} }} operator {{ {inner} }}")
    });
    let query = format!(
        "{{ customers {{ nodes {{ {relatives} }} edges {{ node {{ a: operator {{ sourceId }} }} }} }} }}"
    );
    let answer = gateway.ask(&query).await;
    assert_eq!(codes(&answer), Vec::<&str>::new(), "{answer:.600}");
    let row = &answer["data"]["customers"]["nodes"][0];
    let deepest = &row["operator"]["parent"]["operator"]["parent"]["operator"];
    assert_eq!(deepest["sourceId"], "149");
    let targets: Vec<_> = crm.seen().iter().map(|seen| seen.target.clone()).collect();
    assert_eq!(targets.len(), 1 + 5, "{targets:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_of_a_batching_crm_are_one_call_and_of_another_one_call_each() {
    let gateway = start(80).await;
    let spirii: Vec<String> = (1001..1061)
        .map(|local| id("spirii", local.to_string()))
        .collect();
    gateway.forget();
    let mut asked = spirii.clone();
    asked.extend(spirii[..20].iter().cloned());
    let data = gateway.data(NODES, json!({ "ids": asked })).await;
    assert_eq!(
        data["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|node| node.is_object())
            .count(),
        80
    );
    assert_eq!(
        gateway.calls("spirii").len(),
        1,
        "{:#?}",
        gateway.calls("spirii")
    );

    let rows = gateway.walk("sources: [\"gtateth\"]", "", &[100]).await;
    let gets: Vec<&Value> = rows
        .iter()
        .take(24)
        .map(|edge| &edge["node"]["id"])
        .collect();
    gateway.forget();
    gateway
        .crm("gtateth")
        .set_fault(Some(Fault::Latency(Duration::from_millis(400))));
    let started = Instant::now();
    gateway
        .data(
            NODES,
            json!({ "ids": gets.iter().chain(&gets).collect::<Vec<_>>() }),
        )
        .await;
    let calls = gateway.calls("gtateth");
    let distinct: HashSet<&String> = calls.iter().collect();
    assert_eq!((calls.len(), distinct.len()), (24, 24));
    // One after the other they would take 9.6 s.
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_customer_asked_under_many_names_is_one_call() {
    let gateway = start(10).await;
    let rows = gateway.walk("", "", &[100]).await;
    for key in ["gtateth", "gormic", "flextell", "spirii"] {
        let ids = rows.iter().map(|edge| edge["node"]["id"].as_str().unwrap());
        let one = ids
            .clone()
            .find(|known| known.starts_with(&id(key, "")[..key.len()]))
            .unwrap();
        gateway.forget();
        let query = "query($id: ID!) { a: customer(id: $id) { id } b: customer(id: $id) { email } c: node(id: $id) { id } \
            nodes(ids: [$id, $id]) { id } }";
        gateway.data(query, json!({ "id": one })).await;
        assert_eq!(gateway.call_count(), 1, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aliases_of_different_customers_share_a_call_where_the_crm_batches() {
    let gateway = start(40).await;
    gateway.forget();
    let fields: String = (1001..1016)
        .map(|local| {
            format!(
                "c{local}: customer(id: {:?}) {{ sourceId }} ",
                id("spirii", local.to_string())
            )
        })
        .collect();
    let data = gateway.data(&format!("{{ {fields} }}"), json!({})).await;
    assert_eq!(data["c1007"]["sourceId"], "1007");
    let calls = gateway.calls("spirii");
    assert_eq!(calls.len(), 1, "{calls:#?}");
    let sent = parameters(&gateway.seen("spirii")[0].path_and_query);
    assert!(sent.contains_key("customerIds"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_fails_fails_each_of_its_customers_and_no_other() {
    let gateway = start(10).await;
    gateway.crm("spirii").set_fault(Some(Fault::Status {
        status: 429,
        retry_after: Some(31),
    }));
    let asked = json!({ "ids": [id("spirii", "1001"), id("flextell", "1"), id("spirii", "1002")] });
    let answer = gateway.ask_with(NODES, asked).await;
    assert_eq!(
        answer["data"]["nodes"],
        json!([null, { "id": id("flextell", "1") }, null])
    );
    assert_eq!(
        codes(&answer),
        ["SOURCE_RATE_LIMITED", "SOURCE_RATE_LIMITED"]
    );
    for (error, place) in answer["errors"].as_array().unwrap().iter().zip([0, 2]) {
        assert_eq!(error["path"], json!(["nodes", place]));
        let extensions = &error["extensions"];
        assert_eq!(
            (&extensions["source"], &extensions["retryable"]),
            (&json!("spirii"), &json!(true))
        );
        assert_eq!(
            (
                &extensions["retryAfterSeconds"],
                &extensions["upstreamStatus"]
            ),
            (&json!(31), &json!(429))
        );
        assert!(extensions["requestId"].is_string());
    }
}

/// Components of a page ask for the same field, each in a fragment of its own: that is one field, at any depth.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_several_fragments_ask_for_is_read_once() {
    let gateway = start(40).await;
    let query = "query($id: ID!) { node(id: $id) { ...A ...B ... on Customer { children(first: 2) { totalCount } } } } \
        fragment A on Customer { children(first: 2) { nodes { id } } } \
        fragment B on Node { ... on Customer { id children(first: 2) { nodes { displayName } } } }";
    gateway.forget();
    let root = id("spirii", "1001");
    let data = gateway.data(query, json!({ "id": root })).await;
    let children = &data["node"]["children"];
    assert!(children["nodes"][0]["id"].is_string(), "{data:#}");
    assert!(children["nodes"][0]["displayName"].is_string(), "{data:#}");
    assert_eq!(data["node"]["id"], json!(root));
    let calls = gateway.calls("spirii");
    assert_eq!(calls.len(), 2, "{calls:#?}");
}

/// A CRM that answers with those of the ids that it has.
async fn with_customers(there: std::ops::Range<u64>) -> Crm {
    with_customers_up_to(there, usize::MAX).await
}

/// A CRM that has these customers, and answers nothing to more ids than so many.
async fn with_customers_up_to(there: std::ops::Range<u64>, most: usize) -> Crm {
    Crm::answering(move |seen, _| {
        let parts = seen.target.split(['?', '&']);
        let ids: Vec<u64> = parts
            .filter_map(|part| part.strip_prefix("customerIds="))
            .map(|id| id.parse().unwrap())
            .collect();
        let found = match ids.len() {
            0 => there.clone().take(2).collect(),
            count if count > most => Vec::new(),
            _ => ids,
        };
        let rows: Vec<Value> = found
            .iter()
            .filter(|id| there.contains(*id))
            .map(|id| json!({ "id": id, "name": "N" }))
            .collect();
        Play::Json(
            200,
            json!({ "data": rows, "count": rows.len(), "limit": 100, "offset": 0 }),
        )
    })
    .await
}

/// How many of these a CRM has, and how many calls it took to tell.
async fn found(gateway: &Asked, crm: &Crm, ids: std::ops::Range<u64>) -> (usize, usize) {
    let ids: Vec<String> = ids.map(|local| id("crm", local.to_string())).collect();
    let earlier = crm.seen().len();
    let answer = gateway
        .ask(&format!("{{ nodes(ids: {}) {{ id }} }}", json!(ids)))
        .await;
    assert!(codes(&answer).is_empty(), "{answer}");
    let nodes = answer["data"]["nodes"].as_array().unwrap();
    let found = nodes.iter().filter(|node| node.is_object()).count();
    (found, crm.seen().len() - earlier)
}

/// That nobody of a batch is there is believed of a CRM that heeds several ids, and whether it does is learned once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customers_that_are_not_there_cost_one_call_a_batch() {
    let crm = with_customers(1..50).await;
    let gateway = super::lies::before(&crm, "spirii");
    let ask = async |ids| found(&gateway, &crm, ids).await;
    assert_eq!(ask(100..200).await, (0, 3), "two of the list tell");
    assert_eq!(ask(200..205).await, (0, 1));
    assert_eq!(ask(49..60).await, (1, 1));
    let crm = with_customers(1..2).await;
    let gateway = super::lies::before(&crm, "spirii");
    let ids = json!([id("crm", "7"), id("crm", "8"), id("crm", "9")]);
    let answer = gateway
        .ask(&format!("{{ nodes(ids: {ids}) {{ id }} }}"))
        .await;
    assert_eq!(answer["data"]["nodes"], json!([null, null, null]));
    assert_eq!(crm.seen().len(), 5, "nothing but each alone tells");
    let ids = json!([id("crm", "17"), id("crm", "18"), id("crm", "19")]);
    let answer = gateway
        .ask(&format!("{{ nodes(ids: {ids}) {{ id }} }}"))
        .await;
    assert_eq!(answer["data"]["nodes"], json!([null, null, null]));
    let calls = crm.seen().len();
    assert_eq!(calls, 5 + 4, "the list is not asked again at once");
}

/// That some ids are heeded is no proof for more of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customers_that_a_batch_was_too_large_for_are_there() {
    let crm = with_customers_up_to(1..100, 20).await;
    let gateway = super::lies::before(&crm, "spirii");
    for (ids, calls) in [(1..11, 1), (11..41, 1 + 2 + 30), (200..205, 1)] {
        let there = ids.clone().filter(|id| *id < 100).count();
        assert_eq!(found(&gateway, &crm, ids).await, (there, calls));
    }
}
