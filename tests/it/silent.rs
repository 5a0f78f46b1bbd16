//! CRMs that do what their pages neither promise nor rule out, behind the built-in adapters: never a wrong list, and no
//! customer lost.

use super::odd_data::direct::Asked;
use super::support::crm::{Crm, Play};
use super::support::gateway::{codes, parameters};
use crmql::adapter::{self, Adapter, Site, TokenStore};
use crmql::document::Problems;
use crmql::source::{SourceEntry, Sources};
use crmql::upstream::Settings;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// A gateway before CRMs, all by one built-in adapter.
fn before(crms: &[&Crm], name: &str) -> Asked {
    let entries = crms.iter().enumerate().map(|(rank, crm)| {
        let manifest = adapter::built_in(name, &Problems::new()).unwrap();
        let mut vars = vec![("base_url", crm.base.as_str())];
        vars.extend(match name {
            "gormic" => vec![("api_key", "k"), ("organization", "o")],
            "flextell" => vec![("access_token", "t")],
            _ => vec![("api_key", "k")],
        });
        let vars = vars.into_iter();
        let site = Site {
            vars: vars
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            settings: Settings::default(),
            total: Duration::from_secs(20),
            tokens: TokenStore::default(),
        };
        Arc::new(SourceEntry {
            key: format!("crm{rank}").into(),
            name: "CRM".into(),
            adapter: name.into(),
            rank,
            source: Arc::new(Adapter::new(Arc::new(manifest), site).unwrap()),
        })
    });
    Asked::new(Sources::new(entries.collect()))
}

/// The answer to a query on `customers`, which must have no errors.
async fn listed(gateway: &Asked, arguments: &str, selection: &str) -> Value {
    let query = format!("{{ customers({arguments}) {{ {selection} }} }}");
    let mut answer = gateway.ask(&query).await;
    assert_eq!(codes(&answer), [""; 0], "{query}: {answer:#}");
    answer["data"]["customers"].take()
}

fn ids(list: &Value) -> Vec<&str> {
    let nodes = list["nodes"].as_array().unwrap().iter();
    nodes
        .map(|node| node["sourceId"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_next_that_leads_to_an_empty_page_is_no_word_that_rows_follow() {
    let crm = Crm::answering(|seen, _| {
        let rows = [
            json!({ "id": "a", "firstName": "A" }),
            json!({ "id": "b", "firstName": "B" }),
        ];
        let data = match parameters(&seen.target).get("offset") {
            None => json!({ "items": rows, "next": "n1" }),
            Some(_) => json!({ "items": [] }),
        };
        Play::Json(200, json!({ "data": data }))
    })
    .await;
    let gateway = before(&[&crm], "gormic");
    let list = listed(
        &gateway,
        "first: 2",
        "nodes { sourceId } pageInfo { hasNextPage }",
    )
    .await;
    assert_eq!(ids(&list), ["a", "b"]);
    assert_eq!(list["pageInfo"]["hasNextPage"], false);
    assert_eq!(crm.seen().len(), 2, "the next page was looked at");
}
