//! What a CRM should not answer and does: odd values, records that cannot be shown, failures of one source among others.

use super::support::gateway::{SOURCES, codes, id, start, start_with};
use axum::routing::any;
use crmql::adapter::{self, Adapter, Site, TokenStore};
use crmql::demo::Fault;
use crmql::document::Problems;
use crmql::limits::Limits;
use crmql::source::{SourceEntry, Sources};
use crmql::upstream::Settings;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const LIST: &str = "query($policy: SourceFailurePolicy!) { list: customers(first: 100, onSourceFailure: $policy) { \
    nodes { source { key } } sources { source { key } outcome error { code message retryAfterSeconds } } } }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_nobody_knows_are_unknown() {
    let gateway = start(60).await;
    for (key, local, field, native) in [
        ("gtateth", "_id", "tier", "diamond"),
        ("gtateth", "_id", "status", "frozen"),
        ("spirii", "id", "type", "Fleet"),
        ("flextell", "id", "gender", "nonbinary"),
    ] {
        let rows = gateway
            .walk(
                &format!("sources: [{key:?}]"),
                &format!("{field} native"),
                &[100],
            )
            .await;
        let odd = rows
            .iter()
            .find(|edge| edge["node"]["native"][field] == native)
            .unwrap();
        assert_eq!(
            odd["node"][field], "UNKNOWN",
            "{key} {}",
            odd["node"]["native"][local]
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_cannot_be_read_costs_its_field_alone() {
    let rows =
        json!([{ "id": 1, "name": "One" }, { "id": 2, "name": "Two", "createdAt": "yesterday" }]);
    let (gateway, _server) =
        over(json!({ "data": rows, "count": 2, "limit": 100, "offset": 0 })).await;
    let answer = gateway.ask("{ list: customers(first: 2) { edges { node { made: createdAt again: createdAt name } } } }").await;
    let edges = &answer["data"]["list"]["edges"];
    assert_eq!(
        edges[1]["node"],
        json!({ "made": null, "again": null, "name": "Two" })
    );
    assert_eq!(codes(&answer), ["SOURCE_INVALID_RESPONSE"; 2]);
    for (error, name) in answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .zip(["made", "again"])
    {
        assert_eq!(error["path"], json!(["list", "edges", 1, "node", name]));
        assert_eq!(error["extensions"]["source"], "odd");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("`createdAt`") && message.contains("customer 2"),
            "{message}"
        );
    }
    let unasked = gateway
        .ask("{ customers(first: 2) { nodes { id name } } }")
        .await;
    assert_eq!(
        unasked["errors"],
        Value::Null,
        "a field that nobody asked for is nobody's error"
    );
}

/// The shortest text of a double is that double, to the last bit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fractions_are_shown_as_they_came() {
    let fractions = [
        "-122.41941550000001",
        "0.24933071444268662",
        "916.3453718085519",
        "5e-324",
        "1.7976931348623157e308",
    ];
    let list = fractions.join(",");
    let text = format!(
        "{{\"data\":[{{\"id\":1,\"name\":\"One\",\"places\":[{list}]}}],\"count\":1,\"limit\":100,\"offset\":0}}"
    );
    let (gateway, _server) = over_text(text).await;
    let answer = gateway.ask("{ customers { nodes { native } } }").await;
    let shown = answer["data"]["customers"]["nodes"][0]["native"]["places"].as_array();
    for (shown, sent) in shown.unwrap().iter().zip(fractions) {
        assert_eq!(shown.as_f64(), sent.parse().ok(), "{sent}");
    }
}

/// The record itself is one of a customer's fields, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_cannot_be_shown_costs_itself_alone() {
    let deep = format!("{}{}", "[".repeat(130), "]".repeat(130));
    for odd in ["1e400", deep.as_str()] {
        let rows = format!(
            r#"{{"data": [{{"id": 1, "name": "One", "x": {odd}}}, {{"id": 2, "name": "Two"}}], "count": 2, "limit": 100, "offset": 0}}"#
        );
        let (gateway, _server) = over_text(rows).await;
        let answer = gateway
            .ask("{ customers(first: 2) { nodes { name native } } }")
            .await;
        assert_eq!(
            answer["data"]["customers"]["nodes"],
            json!([{ "name": "One", "native": null }, { "name": "Two", "native": { "id": 2, "name": "Two" } }])
        );
        assert_eq!(codes(&answer), ["SOURCE_INVALID_RESPONSE"], "{answer:?}");
        let error = &answer["errors"][0];
        assert_eq!(error["path"], json!(["customers", "nodes", 0, "native"]));
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("customer 1"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_source_hides_no_other() {
    for (fault, code, least_wait) in [
        (
            Fault::Status {
                status: 500,
                retry_after: None,
            },
            "SOURCE_UNAVAILABLE",
            None,
        ),
        (
            Fault::Status {
                status: 403,
                retry_after: None,
            },
            "FORBIDDEN",
            None,
        ),
        (Fault::Garbage, "SOURCE_INVALID_RESPONSE", None),
        (Fault::Reset, "SOURCE_UNAVAILABLE", None),
        (Fault::Truncated, "SOURCE_UNAVAILABLE", None),
        (
            Fault::Status {
                status: 429,
                retry_after: Some(30),
            },
            "SOURCE_RATE_LIMITED",
            Some(30),
        ),
    ] {
        // Each has a gateway of its own: after some of them the source is left alone.
        let gateway = start(10).await;
        gateway.records("flextell").await;
        gateway.crm("flextell").set_fault(Some(fault.clone()));
        let answer = gateway.ask_with(LIST, json!({ "policy": "SKIP" })).await;
        let list = &answer["data"]["list"];
        assert_eq!(
            list["nodes"].as_array().unwrap().len(),
            30,
            "{fault:?}: {answer:#}"
        );
        let reports = list["sources"].as_array().unwrap();
        for (report, key) in reports.iter().zip(SOURCES) {
            assert_eq!(report["source"]["key"], key);
            let failed = key == "flextell";
            assert_eq!(
                report["outcome"],
                if failed { "FAILED" } else { "COMPLETE" }
            );
            assert_eq!(report["error"]["code"].as_str(), failed.then_some(code));
        }
        // The CRM also says when its count starts anew; the longer of the two waits counts.
        let wait = reports[2]["error"]["retryAfterSeconds"].as_i64();
        assert!(
            wait.is_some() == least_wait.is_some() && wait >= least_wait,
            "{fault:?}: {wait:?}"
        );
        assert_eq!(
            codes(&answer),
            [code],
            "{fault:?}: it stands in the errors, too"
        );
        let error = &answer["errors"][0];
        assert_eq!(
            (&error["path"], &error["extensions"]["source"]),
            (&json!(["list"]), &json!("flextell"))
        );

        let answer = gateway.ask_with(LIST, json!({ "policy": "FAIL" })).await;
        assert_eq!(answer["data"], json!({ "list": null }), "{fault:?}");
        assert_eq!(codes(&answer), [code], "{fault:?}");
        assert_eq!(answer["errors"][0]["path"], json!(["list"]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_can_be_tried_again_after_a_failure_and_a_failed_source_stays_out() {
    let gateway = start(10).await;
    let query = "query($after: String, $p: SourceFailurePolicy!) { customers(first: 8, after: $after, onSourceFailure: $p) { \
        nodes { id } pageInfo { hasNextPage endCursor } sources { outcome } } }";
    let first = gateway.data(query, json!({ "p": "FAIL" })).await;
    let cursor = &first["customers"]["pageInfo"]["endCursor"];
    gateway.crm("gormic").set_fault(Some(Fault::Status {
        status: 500,
        retry_after: None,
    }));
    let failed = gateway
        .ask_with(query, json!({ "p": "FAIL", "after": cursor }))
        .await;
    assert_eq!(codes(&failed), ["SOURCE_UNAVAILABLE"]);
    let skipped = gateway
        .ask_with(query, json!({ "p": "SKIP", "after": cursor }))
        .await;
    gateway.crm("gormic").set_fault(None);
    let again = gateway
        .data(query, json!({ "p": "FAIL", "after": cursor }))
        .await;
    assert_eq!(
        again["customers"]["nodes"].as_array().unwrap().len(),
        8,
        "the same cursor works again"
    );
    let on = &skipped["data"]["customers"]["pageInfo"]["endCursor"];
    let later = gateway
        .ask_with(query, json!({ "p": "SKIP", "after": on }))
        .await;
    assert_eq!(
        later["data"]["customers"]["sources"][1]["outcome"], "FAILED",
        "{later:#}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crm_that_does_not_answer_in_time_is_a_timeout_of_its_own() {
    let limits = Limits {
        request_ms: 3_000,
        grace_ms: 8_000,
        ..Limits::default()
    };
    let gateway = start_with(6, limits).await;
    gateway
        .crm("spirii")
        .set_fault(Some(Fault::Latency(Duration::from_secs(30))));
    let query = format!(
        "{{ slow: customer(id: {:?}) {{ id }} fast: customer(id: {:?}) {{ id }} }}",
        id("spirii", "1001"),
        id("flextell", "1")
    );
    let answer = gateway.ask(&query).await;
    assert_eq!(codes(&answer), ["SOURCE_TIMEOUT"], "{answer:#}");
    assert_eq!(
        answer["data"],
        json!({ "slow": null, "fast": { "id": id("flextell", "1") } })
    );
    assert_eq!(answer["errors"][0]["path"], json!(["slow"]));
}

/// A gateway over one CRM that answers every request with this body.
async fn over(body: Value) -> (direct::Asked, tokio::task::JoinHandle<()>) {
    over_text(body.to_string()).await
}

async fn over_text(text: String) -> (direct::Asked, tokio::task::JoinHandle<()>) {
    let routes = axum::Router::new().fallback(any(move || {
        let text = text.clone();
        async move { ([("content-type", "application/json")], text) }
    }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    let problems = Problems::new();
    let manifest = adapter::built_in("spirii", &problems).unwrap();
    let site = Site {
        vars: [
            ("base_url".to_owned(), url),
            ("api_key".to_owned(), "k".to_owned()),
        ]
        .into(),
        settings: Settings::default(),
        total: Duration::from_secs(20),
        tokens: TokenStore::default(),
    };
    let entry = SourceEntry {
        key: "odd".into(),
        name: "Odd".into(),
        adapter: "spirii".into(),
        rank: 0,
        source: Arc::new(Adapter::new(Arc::new(manifest), site).unwrap()),
    };
    (
        direct::Asked::new(Sources::new(vec![Arc::new(entry)])),
        server,
    )
}

/// A gateway asked without HTTP.
pub mod direct {
    use crmql::connection::Connector;
    use crmql::graphql::{Arrival, Gateway, gateway};
    use crmql::limits::Limits;
    use crmql::source::Sources;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    pub struct Asked(Gateway);

    impl Asked {
        pub fn new(sources: Sources) -> Self {
            let limits = Limits::default();
            let connector = Arc::new(Connector::new(limits.clone(), b"k"));
            let ledger = crmql::writes::Ledger::new(crmql::writes::Keep::Memory, 10, [0; 32]);
            let writes = Arc::new(crmql::writes::Writes::new(ledger, [0; 32]));
            Self(gateway(sources, connector, writes, &limits).unwrap())
        }

        pub async fn ask(&self, query: &str) -> serde_json::Value {
            let prepared = self.0.prepare(query, None).unwrap();
            let arrival = Arrival::new("test", Instant::now() + Duration::from_secs(30));
            let answer = self
                .0
                .execute(&prepared, serde_json::Map::new(), arrival)
                .await;
            serde_json::from_slice(&self.0.finish(answer, "test").to_json()).unwrap()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_without_a_usable_id_are_left_out_and_reported() {
    let rows = json!([
        { "id": 1, "name": "One", "createdAt": "2024-01-01T00:00:00Z" },
        { "name": "Nameless" },
        { "id": null, "name": "Null" },
        { "id": { "deep": 1 }, "name": "Deep" },
        { "id": 5, "name": "Five", "createdAt": "yesterday-marker", "country": { "a": 1 }, "contactDetails": [1] },
        "no record at all",
        { "id": 7, "name": 7 },
    ]);
    let (gateway, _server) =
        over(json!({ "data": rows, "count": 7, "limit": 100, "offset": 0 })).await;
    let answer = gateway.ask("{ customers(first: 7) { nodes { sourceId name createdAt country email } sources { outcome } } }").await;
    let nodes = answer["data"]["customers"]["nodes"].as_array().unwrap();
    let found: Vec<&str> = nodes
        .iter()
        .map(|node| node["sourceId"].as_str().unwrap())
        .collect();
    assert_eq!(found, ["1", "5", "7"], "{answer:#}");
    assert_eq!(
        (&nodes[1]["createdAt"], &nodes[1]["country"]),
        (&Value::Null, &Value::Null)
    );
    let errors = answer["errors"].as_array().unwrap();
    let at = |path: &Value| errors.iter().filter(|error| error["path"] == *path).count();
    assert_eq!(
        at(&json!(["customers"])),
        4,
        "one for each record left out: {answer:#}"
    );
    assert_eq!(
        at(&json!(["customers", "nodes", 1, "createdAt"])),
        1,
        "{answer:#}"
    );
    assert_eq!(
        at(&json!(["customers", "nodes", 1, "country"])),
        1,
        "{answer:#}"
    );
    for place in [1, 2, 3, 5] {
        let names_it = |error: &&Value| {
            error["message"]
                .as_str()
                .unwrap()
                .contains(&format!("position {place} "))
        };
        assert_eq!(errors.iter().filter(names_it).count(), 1, "{place}");
    }
    assert!(
        !answer.to_string().contains("yesterday-marker"),
        "values stand in no error"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_value_where_an_object_is_expected_costs_the_fields_in_it() {
    let rows = json!([
        { "id": 1, "name": "One", "cpo": 5000, "owner": "Bo", "contactDetails": "x@y.example" },
        { "id": 2, "name": "Two", "cpo": null, "owner": [], "contactDetails": "" },
    ]);
    let (gateway, _server) =
        over(json!({ "data": rows, "count": 2, "limit": 100, "offset": 0 })).await;
    let answer = gateway
        .ask("{ customers(first: 2) { nodes { operator { id } parent { id } email } } }")
        .await;
    let nothing = json!({ "operator": null, "parent": null, "email": null });
    assert_eq!(
        answer["data"]["customers"]["nodes"],
        json!([nothing, nothing])
    );
    let errors = answer["errors"].as_array().unwrap();
    let mut paths: Vec<String> = errors
        .iter()
        .map(|error| error["path"].to_string())
        .collect();
    paths.sort();
    let of = |field: &str| format!("[\"customers\",\"nodes\",0,\"{field}\"]");
    assert_eq!(
        paths,
        [of("email"), of("operator"), of("parent")],
        "{answer:#}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_no_list_is_a_coded_error() {
    for body in [
        json!({}),
        json!([]),
        json!("x"),
        Value::Null,
        json!({ "data": {} }),
        json!({ "data": null }),
        json!(7),
    ] {
        let (gateway, _server) = over(body.clone()).await;
        let answer = gateway
            .ask("{ customers(first: 7) { nodes { id } sources { outcome error { code } } } }")
            .await;
        assert_eq!(
            codes(&answer),
            ["SOURCE_INVALID_RESPONSE"],
            "{body}: {answer:#}"
        );
        assert_eq!(
            answer["data"]["customers"]["sources"][0]["outcome"],
            "FAILED"
        );
    }
}
