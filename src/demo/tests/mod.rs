//! Tests of the emulated CRMs over real HTTP, one file for each vendor, and here what is the same for all: starting,
//! stopping, the log, the faults, and bad input.

mod flextell;
mod gormic;
mod gtateth;
mod spirii;
mod visit;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use visit::Visit;

/// The list that shows customers, and where its rows are, for each vendor.
const LISTS: [(&str, &str, &str); 4] = [
    ("gtateth", "/api/v1/customers", "/data"),
    ("gormic", "/v1/crm/customers", "/data/users"),
    ("flextell", "/api/v1/customers", "/data"),
    ("spirii", "/v2/customers", "/data"),
];

#[tokio::test]
async fn four_crms_start_with_as_many_customers_as_asked() {
    for customers in [0, 1, 57] {
        let options = Options {
            customers,
            ports: None,
        };
        let demo = start(options).await.unwrap();
        let keys: Vec<&str> = demo.crms.iter().map(|crm| crm.key).collect();
        assert_eq!(keys, ["gtateth", "gormic", "flextell", "spirii"]);
        assert!(demo.crms.iter().all(|crm| crm.len() == customers));
    }
}

#[tokio::test]
async fn the_same_customers_come_on_every_start_and_some_are_in_every_crm() {
    let mut shared: Option<HashSet<String>> = None;
    for (key, list, rows) in LISTS {
        let (one, two) = (Visit::of(key).await, Visit::of(key).await);
        let page = one.get(list).await;
        assert_eq!(page.at(rows).as_array().map(Vec::is_empty), Some(false));
        assert_eq!(page.at(rows), two.get(list).await.at(rows), "{key}");
        let search = match key {
            "gormic" => list.to_owned(),
            "spirii" => format!("{list}?limit=50&sortDirection=asc"),
            "gtateth" => format!("{list}?limit=50"),
            _ => format!("{list}?per_page=50"),
        };
        let text = one.get(&search).await.body.to_string();
        let emails = text
            .split('"')
            .filter(|text| text.ends_with("@people.example"));
        let emails: HashSet<String> = emails.map(str::to_owned).collect();
        let both = shared.map_or(emails.clone(), |others| {
            others.intersection(&emails).cloned().collect()
        });
        shared = Some(both);
    }
    assert!(shared.unwrap().len() >= 4);
}

#[tokio::test]
async fn ports_are_consecutive_where_the_first_is_given() {
    // Ports that were free a moment ago; another process may take one, so it may take another try.
    for first in [42_310, 42_330, 42_350] {
        let options = Options {
            customers: 1,
            ports: Some(first),
        };
        let Ok(demo) = start(options.clone()).await else {
            continue;
        };
        let urls: Vec<&str> = demo.crms.iter().map(|crm| &*crm.url).collect();
        let wanted: Vec<String> = (first..first + 4)
            .map(|port| format!("http://127.0.0.1:{port}"))
            .collect();
        assert_eq!(urls, wanted);
        assert!(start(options).await.is_err());
        let beyond = Options {
            customers: 1,
            ports: Some(65_533),
        };
        let refused = start(beyond).await.map(drop).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        return;
    }
    panic!("none of the ports was free");
}

#[tokio::test]
async fn dropping_the_demo_stops_the_servers_and_their_connections() {
    let visit = Visit::of("gtateth").await;
    assert_eq!(visit.get("/api/v1/customers").await.status, 200);
    let Visit { demo, http, .. } = visit;
    let url = format!("{}/api/v1/health", demo.crms[0].url);
    drop(demo);
    let before = Instant::now();
    while http.get(&url).send().await.is_ok() {
        assert!(before.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn the_log_has_every_request_with_its_answer() {
    let visit = Visit::of("gtateth").await;
    let body = json!({"firstName": "Zoë"});
    visit.get("/api/v1/customers?search=%C3%B8&page=1").await;
    visit.ask("POST", "/api/v1/customers", Some(&body)).await;
    let log = visit.crm().log();
    assert_eq!(log.len(), 2);
    assert_eq!(
        (
            &*log[0].method,
            &*log[0].path_and_query,
            log[0].status,
            &*log[0].body
        ),
        ("GET", "/api/v1/customers?search=%C3%B8&page=1", 200, "")
    );
    assert_eq!((&*log[1].method, log[1].status), ("POST", 201));
    assert_eq!(log[1].body, body.to_string());
    let label = ("content-type".to_owned(), "application/json".to_owned());
    assert!(log[1].headers.contains(&label));
    visit.crm().clear_log();
    assert!(visit.crm().log().is_empty());
}

#[tokio::test]
async fn faults_spoil_every_crm_in_the_vendors_shape() {
    for (key, list, rows) in LISTS {
        let visit = Visit::of(key).await;
        let status = |status| Fault::Status {
            status,
            retry_after: Some(7),
        };
        visit.crm().set_fault(Some(status(429)));
        let got = visit.get(list).await;
        assert_eq!((got.status, got.number("retry-after")), (429, 7), "{key}");
        assert!(got.body.get("error").is_some());
        visit.crm().set_fault(Some(status(503)));
        let got = visit.get(list).await;
        assert_eq!((got.status, got.at(rows)), (503, &Value::Null));
        visit.crm().set_fault(Some(Fault::Garbage));
        let got = visit.get(list).await;
        assert_eq!(got.status, 200);
        assert!(got.body.as_str().unwrap().starts_with("<!DOCTYPE html>"));
        visit.crm().set_fault(Some(Fault::Reset));
        assert!(visit.try_ask("GET", list, None).await.is_err());
        visit.crm().set_fault(Some(Fault::Truncated));
        let broken = visit.try_ask("GET", list, None).await.unwrap_err();
        assert!(broken.is_body() || broken.is_decode(), "{broken:?}");
        visit.crm().set_fault(None);
        assert_eq!(visit.get(list).await.status, 200);
        let log = visit.crm().log();
        let statuses: Vec<u16> = log.iter().map(|seen| seen.status).collect();
        assert_eq!(statuses, [429, 503, 200, 0, 200, 200], "{key}");
    }
}

#[tokio::test]
async fn a_slow_write_is_carried_out_although_nobody_waits() {
    let visit = Visit::of("gtateth").await;
    visit
        .crm()
        .set_fault(Some(Fault::Latency(Duration::from_millis(150))));
    let before = Instant::now();
    assert_eq!(visit.get("/api/v1/customers").await.status, 200);
    assert!(before.elapsed() >= Duration::from_millis(150));
    visit
        .crm()
        .set_fault(Some(Fault::Latency(Duration::from_secs(60))));
    let body = json!({"firstName": "Ada"});
    let write = visit.ask("POST", "/api/v1/customers", Some(&body));
    let waited = tokio::time::timeout(Duration::from_millis(500), write).await;
    assert!(waited.is_err());
    assert_eq!(visit.crm().len(), 251);
}

#[tokio::test]
async fn a_write_can_be_applied_and_its_answer_lost() {
    let visit = Visit::of("gtateth").await;
    visit.crm().set_fault(Some(Fault::ApplyThenDrop));
    assert_eq!(visit.get("/api/v1/customers").await.status, 200);
    let body = json!({"firstName": "Ada"});
    let write = visit
        .try_ask("POST", "/api/v1/customers", Some(&body))
        .await;
    assert!(write.is_err());
    assert_eq!(visit.crm().len(), 251);
    visit.crm().set_fault(Some(Fault::Reset));
    let write = visit
        .try_ask("POST", "/api/v1/customers", Some(&body))
        .await;
    assert!(write.is_err());
    assert_eq!(visit.crm().len(), 251);
}

#[tokio::test]
async fn every_nth_request_meets_the_fault() {
    let visit = Visit::of("spirii").await;
    let fault = Fault::Status {
        status: 500,
        retry_after: None,
    };
    visit.crm().set_fault(Some(Fault::Every {
        nth: 3,
        fault: Box::new(fault),
    }));
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(visit.get("/v2/customers?limit=1").await.status);
    }
    assert_eq!(statuses, [200, 200, 500, 200, 200, 500]);
}

#[tokio::test]
async fn unknown_routes_methods_and_too_large_bodies_are_refused_in_the_vendors_shape() {
    for (key, list, _) in LISTS {
        let visit = Visit::of(key).await;
        for path in ["/", "/nowhere", &format!("{list}/"), &format!("{list}/1/2")] {
            let got = visit.get(path).await;
            assert_eq!(got.status, 404, "{key} {path}");
            assert!(got.body.get("error").is_some(), "{key} {path}: {got:?}");
        }
        let got = visit.ask("PURGE", list, None).await;
        assert_eq!(got.status, 405, "{key}");
        assert!(got.body.get("error").is_some(), "{key}: {got:?}");
        let large = json!({"firstName": "x".repeat(1_200_000)});
        let got = visit.ask("POST", list, Some(&large)).await;
        assert_eq!(got.status, 413, "{key}");
        assert!(got.body.get("error").is_some(), "{key}: {got:?}");
    }
}

#[tokio::test]
async fn no_input_breaks_a_crm() {
    let bodies = [
        "",
        "null",
        "[]",
        "{",
        "{}",
        "\u{0}",
        "{\"params\":[]}",
        "{\"params\":{\"id\":{}}}",
    ];
    let queries = [
        "page=-1&limit=&offset=x&per_page=1e9",
        "page=99999999999999999999",
        "page=9223372036854775807&per_page=100&limit=100&offset=18446744073709551615",
        "%ff=%fe&search=%00&tags[]=%ff",
        "customerIds=&types=,&sortBy=&createdAtFrom=+&updatedSince=%20",
        "min_age=9223372036854775807&max_age=0&trashed=maybe&offset=AAAA",
        "search=%F0%9F%8E%89&gender=other&updatedAtTo=9999-12-31T23:59:59Z",
    ];
    let ids = [
        "%ff",
        "%2e%2e",
        "%00",
        "-1",
        "99999999999999999999",
        "🎉",
        "a%2Fb",
    ];
    for (key, list, _) in LISTS {
        let visit = Visit::of(key).await;
        let mut headers = visit.headers.clone();
        headers.push(("content-type", "application/json".to_owned()));
        let mut paths: Vec<String> = ids.iter().map(|id| format!("{list}/{id}")).collect();
        paths.push(list.to_owned());
        for path in &paths {
            for body in bodies {
                for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] {
                    let got = visit.raw(method, path, &headers, body.to_owned()).await;
                    let status = got.unwrap().status;
                    assert!(status < 500, "{key} {method} {path} {body:.20}: {status}");
                }
            }
        }
        let deep = "[".repeat(100_000);
        let got = visit.raw("POST", list, &headers, deep).await.unwrap();
        assert!(got.status < 500, "{key}: {got:?}");
        for query in queries {
            for path in [list.to_owned(), format!("{list}/export")] {
                let status = visit.get(&format!("{path}?{query}")).await.status;
                assert!(status < 500, "{key} {path}?{query}: {status}");
            }
        }
        assert_eq!(visit.crm().len(), 250, "{key}");
    }
}
