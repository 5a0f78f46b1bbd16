//! CRMs whose answers are well formed and contradict each other or what was asked: an error with a code, never a wrong list.

use super::odd_data::direct::Asked;
use super::support::crm::{Crm, Play, Seen};
use super::support::gateway::{codes, parameters};
use crmql::adapter::{self, Adapter, Site, TokenStore};
use crmql::document::Problems;
use crmql::source::{SourceEntry, Sources};
use crmql::upstream::Settings;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How many customers the CRM has: its last page of twenty is full.
const COUNT: usize = 140;

/// How the CRM lies.
#[derive(Clone, Copy, PartialEq)]
enum Lie {
    None,
    PastEndRefused,
    PageIgnored,
    NoRows,
    FilterIgnored,
    TotalOfPage,
}

fn page(seen: &Seen, lie: Lie) -> Play {
    let asked = parameters(&seen.target);
    let number = |name: &str, otherwise: usize| {
        asked
            .get(name)
            .map_or(otherwise, |text| text.parse().unwrap())
    };
    let size = number("limit", 20);
    let page = if lie == Lie::PageIgnored {
        1
    } else {
        number("page", 1)
    };
    let gold = asked.contains_key("tier") && lie != Lie::FilterIgnored;
    let all: Vec<Value> = (0..COUNT)
        .filter(|index| !gold || index % 2 == 0)
        .map(|index| json!({ "_id": format!("c{index}"), "tier": if index % 2 == 0 { "gold" } else { "silver" } }))
        .collect();
    let rows: Vec<&Value> = all.iter().skip((page - 1) * size).take(size).collect();
    if lie == Lie::PastEndRefused && rows.is_empty() {
        return Play::Json(400, json!({ "success": false, "error": "no such page" }));
    }
    let total = if lie == Lie::TotalOfPage {
        rows.len()
    } else {
        all.len()
    };
    let shown = if lie == Lie::NoRows { vec![] } else { rows };
    let pagination = json!({ "total": total, "page": page, "limit": size, "totalPages": all.len().div_ceil(size) });
    Play::Json(
        200,
        json!({ "success": true, "data": shown, "pagination": pagination }),
    )
}

async fn over(lie: Lie) -> (Asked, Crm) {
    let crm = Crm::answering(move |seen, _| page(seen, lie)).await;
    (before(&crm, "gtateth"), crm)
}

/// A gateway before a CRM, by a built-in adapter.
fn before(crm: &Crm, name: &str) -> Asked {
    let manifest = adapter::built_in(name, &Problems::new()).unwrap();
    let vars = [("base_url", crm.base.as_str()), ("api_key", "k")];
    let site = Site {
        vars: vars.map(|(name, value)| (name.into(), value.into())).into(),
        settings: Settings::default(),
        total: Duration::from_secs(20),
        tokens: TokenStore::default(),
    };
    let entry = SourceEntry {
        key: "crm".into(),
        name: "CRM".into(),
        adapter: name.into(),
        rank: 0,
        source: Arc::new(Adapter::new(Arc::new(manifest), site).unwrap()),
    };
    Asked::new(Sources::new(vec![Arc::new(entry)]))
}

/// Walks to the end, or to the first error: the ids, the totals seen, and the error's code.
async fn walk(
    gateway: &Asked,
    more: &str,
    size: usize,
) -> (Vec<String>, Vec<Value>, Option<String>) {
    let (mut ids, mut totals, mut after) = (Vec::new(), Vec::new(), Value::Null);
    for _ in 0..COUNT {
        let answer = gateway
            .ask(&format!(
                "{{ list: customers(first: {size}, after: {after}{more}) {{ totalCount nodes {{ sourceId }} pageInfo {{ hasNextPage endCursor }} }} }}"
            ))
            .await;
        if let Some(code) = codes(&answer).first() {
            return (ids, totals, Some((*code).to_owned()));
        }
        let list = &answer["data"]["list"];
        let nodes = list["nodes"].as_array().unwrap();
        ids.extend(nodes.iter().map(|node| node["sourceId"].to_string()));
        totals.push(list["totalCount"].clone());
        if list["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = list["pageInfo"]["endCursor"].clone();
    }
    (ids, totals, None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_past_the_end_ends_the_list() {
    for lie in [Lie::None, Lie::PastEndRefused] {
        for size in [20, 100] {
            let (gateway, _crm) = over(lie).await;
            let (ids, totals, error) = walk(&gateway, "", size).await;
            assert_eq!((ids.len(), error), (COUNT, None), "pages of {size}");
            assert!(totals.iter().all(|total| *total == COUNT));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_contradict_themselves_are_errors() {
    for lie in [Lie::PageIgnored, Lie::NoRows, Lie::TotalOfPage] {
        for size in [7, 50, 100] {
            let (gateway, crm) = over(lie).await;
            let (ids, totals, error) = walk(&gateway, "", size).await;
            assert_eq!(error.as_deref(), Some("SOURCE_INVALID_RESPONSE"));
            assert!(ids.len() < COUNT);
            let counts_a_page = |total: &Value| lie == Lie::TotalOfPage && !total.is_null();
            assert!(!totals.iter().any(counts_a_page), "{totals:?}");
            assert!(crm.seen().len() <= 20);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_the_crm_ignores_is_an_error() {
    let (gateway, _crm) = over(Lie::None).await;
    let (ids, ..) = walk(&gateway, ", filter: { tier: [GOLD] }", 50).await;
    assert_eq!(ids.len(), COUNT.div_ceil(2));
    let (gateway, _crm) = over(Lie::FilterIgnored).await;
    let (ids, _, error) = walk(&gateway, ", filter: { tier: [GOLD] }", 50).await;
    assert_eq!(error.as_deref(), Some("SOURCE_INVALID_RESPONSE"));
    assert!(ids.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_by_time_that_the_crm_ignores_is_an_error() {
    let row = |id: u32, day: u32| json!({ "id": id, "name": "N", "createdAt": format!("2024-01-0{day}T00:00:00Z") });
    for (days, code) in [([1, 2], None), ([2, 1], Some("SOURCE_INVALID_RESPONSE"))] {
        let rows = json!([row(1, days[0]), row(2, days[1])]);
        let crm = Crm::json(json!({ "data": rows, "count": 2, "limit": 20, "offset": 0 })).await;
        let answer = before(&crm, "spirii")
            .ask("{ list: customers(first: 5, orderBy: { field: CREATED_AT }) { nodes { sourceId } } }")
            .await;
        assert_eq!(codes(&answer).first().copied(), code, "{answer}");
    }
}
