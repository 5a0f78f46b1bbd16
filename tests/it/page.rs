//! The page at `/`: a newcomer opens it, presses run, and sees rows.

use crate::browser;
use crate::support::gateway::listening;
use async_graphql::{EmptyMutation, EmptySubscription, ID, Object, Schema, SimpleObject};
use crmql::graphql::Gateway;
use crmql::http::{Hosts, Policy, Readiness, router};
use crmql::limits::Limits;

#[derive(SimpleObject, Clone)]
struct Source {
    key: String,
}

#[derive(SimpleObject)]
struct Customer {
    id: ID,
    display_name: String,
    email: Option<String>,
    source: Source,
}

#[derive(SimpleObject)]
struct Edge {
    cursor: String,
    node: Customer,
}

#[derive(SimpleObject)]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

#[derive(SimpleObject)]
struct Report {
    source: Source,
    outcome: String,
}

#[derive(SimpleObject)]
struct Customers {
    total_count: Option<i32>,
    edges: Vec<Edge>,
    page_info: PageInfo,
    sources: Vec<Report>,
}

struct Query;

#[Object]
impl Query {
    async fn customers(&self, first: i32) -> Option<Customers> {
        let source = Source {
            key: "demo".to_owned(),
        };
        let edge = |number: i32| Edge {
            cursor: format!("c{number}"),
            node: Customer {
                id: ID(format!("id{number}")),
                display_name: format!("Customer {number}"),
                email: None,
                source: source.clone(),
            },
        };
        Some(Customers {
            total_count: Some(first),
            edges: (1..=first).map(edge).collect(),
            page_info: PageInfo {
                has_next_page: false,
                end_cursor: None,
            },
            sources: vec![Report {
                source: source.clone(),
                outcome: "COMPLETE".to_owned(),
            }],
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_query_shows_rows_in_a_real_browser() {
    let limits = Limits::default();
    let schema = Schema::build(Query, EmptyMutation, EmptySubscription);
    let gateway = Gateway::new(schema, &limits, |_, _, _, _| {}, |_| 0).unwrap();
    let readiness = Readiness::new();
    let routes = router(
        gateway,
        &limits,
        readiness.clone(),
        Policy::open(Hosts::Only(vec![])),
    );
    let (url, _) = listening(routes, limits, readiness).await;
    if let Some(answer) = browser::run_first_query(&format!("{url}/"), "page.png").await {
        let rows = answer["data"]["customers"]["edges"]
            .as_array()
            .map(Vec::len);
        assert_eq!(rows, Some(40), "{answer}");
    }
}
