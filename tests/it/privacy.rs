//! Nothing personal and nothing secret in a log line or an error: planted markers are looked for in all that is written.

use super::support::guarded::{self, ALL, api_key, claims, token};
use super::support::process::{ask, configuration, spawn};
use super::traces::collector;
use axum::http::StatusCode;
use axum::routing::any;
use crmql::demo::{self, Fault, Options};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

/// Everything that is planted has this in it.
const MARKER: &str = "mArk3r";

/// A CRM that answers every request with a body full of markers.
async fn talkative(status: u16, body: String) -> String {
    let routes = axum::Router::new().fallback(any(move || {
        let body = body.clone();
        async move {
            (
                StatusCode::from_u16(status).unwrap(),
                [
                    ("x-request-id", MARKER),
                    ("content-type", "application/json"),
                ],
                body,
            )
        }
    }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    url
}

/// What can be said in an answer without repeating a value: errors, user errors, reports.
fn said(answer: &Value) -> String {
    let mut said = answer["errors"].to_string();
    for field in answer["data"].as_object().into_iter().flatten() {
        said += &field.1["userErrors"].to_string();
        said += &field.1["sources"].to_string();
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn markers_stand_in_no_log_line_and_no_error() {
    let demo = demo::start(Options {
        customers: 5,
        ports: None,
    })
    .await
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut text, mut environment) = configuration(&demo);
    let error = json!({ "error": { "code": MARKER, "message": MARKER, "param": MARKER }, "code": MARKER, "message": MARKER });
    let odd = json!({ "data": [{ "id": 1, "name": { MARKER: MARKER }, "createdAt": MARKER, "type": MARKER },
        { "id": [MARKER], "name": MARKER }], "count": 2, "limit": 2, "offset": 0 });
    for (place, (status, body)) in [
        (400, error.to_string()),
        (401, error.to_string()),
        (409, error.to_string()),
        (500, error.to_string()),
        (302, error.to_string()),
        (200, format!("<html>{MARKER}</html>")),
        (200, odd.to_string()),
    ]
    .into_iter()
    .enumerate()
    {
        let url = talkative(status, body).await;
        write!(text, "\n[[source]]\nkey = \"odd{place}\"\nadapter = \"spirii\"\nvars = {{ base_url = {url:?}, api_key = {{ env = \"TEST_ODD\" }} }}\n").unwrap();
    }
    let (collected, collector) = collector().await;
    text += &format!("\n[telemetry]\notlp = {collector:?}\n");
    environment.push(("TEST_ODD".to_owned(), format!("token-{MARKER}")));
    environment.push(("CRMQL_LOG".to_owned(), "trace".to_owned()));
    std::fs::write(folder.path().join("crmql.toml"), &text).unwrap();
    let mut process = spawn(folder.path(), &["serve"], &environment);
    let address = process.word_after("listening address=").await;

    let mut said_of_all = String::new();
    let mail = format!("{MARKER}@x.example");
    let create = "mutation($input: CreateCustomerInput!) { createCustomer(input: $input) { outcome userErrors { field code message } } }";
    for input in [
        json!({ "source": "gtateth", "firstName": MARKER, "email": mail }),
        json!({ "source": "gtateth", "firstName": MARKER, "email": mail, "idempotencyKey": MARKER, "clientMutationId": MARKER }),
        json!({ "source": "gtateth", "firstName": MARKER, "email": format!("2{mail}"), "idempotencyKey": MARKER }),
        json!({ "source": "gtateth", "firstName": MARKER, "email": format!("3{mail}"), "idempotencyKey": format!("{MARKER} 3") }),
        json!({ "source": "gtateth", "email": MARKER }),
        json!({ "source": "gormic", "firstName": MARKER, "phone": { "number": MARKER, "callingCode": "45" }, "note": MARKER,
            "native": { "passcode": MARKER } }),
        json!({ "source": "gormic", "firstName": MARKER, "phone": { "number": "1", "callingCode": MARKER } }),
        json!({ "source": "flextell", "firstName": MARKER, "ownerId": MARKER, "native": { "country_id": MARKER } }),
        json!({ "source": "spirii", "name": MARKER.repeat(20), "country": MARKER, "parentId": MARKER }),
        json!({ "source": "odd0", "name": MARKER, "country": "DK", "type": "PRIVATE", "email": mail, "parentId": "Y29kZDAAMQ" }),
        json!({ "source": "odd2", "name": MARKER, "country": "DK", "type": "PRIVATE", "email": mail, "parentId": "Y29kZDIAMQ" }),
        json!({ "source": "odd5", "name": MARKER, "country": "DK", "type": "PRIVATE", "email": mail, "parentId": "Y29kZDUAMQ" }),
    ] {
        said_of_all += &said(&ask(&address, create, json!({ "input": input })).await);
    }
    let list = "query($f: CustomerFilter, $s: [String!], $a: String) { customers(filter: $f, sources: $s, after: $a, first: 50) { \
        nodes { id name email createdAt type note native } sources { outcome error { code message } } } }";
    for variables in [
        json!({}),
        json!({ "f": { "search": MARKER }, "s": ["gtateth", "flextell", "spirii"] }),
        json!({ "f": { "email": MARKER } }),
        json!({ "f": { "ids": [MARKER] } }),
        json!({ "f": { "ownerId": MARKER }, "s": ["flextell"] }),
        json!({ "f": { "tags": [MARKER] }, "s": ["gtateth"] }),
        json!({ "a": MARKER }),
        json!({ "f": { "createdAt": { "gte": MARKER } } }),
        json!({ "f": { "age": MARKER } }),
        json!({ "f": { "nickname": MARKER } }),
    ] {
        said_of_all += &said(&ask(&address, list, variables).await);
    }
    for place in 0..7 {
        let list = format!(
            "{{ customers(sources: [\"odd{place}\"], onSourceFailure: FAIL, first: 2) {{ nodes {{ id name createdAt type }} }} }}"
        );
        let answer = ask(&address, &list, json!({})).await;
        assert!(
            place == 6 || answer["data"]["customers"].is_null(),
            "{place}: {answer:#}"
        );
        assert!(!answer["errors"].is_null(), "{place}");
        said_of_all += &said(&answer);
    }
    for fault in [
        Fault::Garbage,
        Fault::Reset,
        Fault::Truncated,
        Fault::ApplyThenDrop,
        Fault::Latency(Duration::from_millis(5)),
    ] {
        demo.crms[0].set_fault(Some(fault));
        let input = json!({ "source": "gtateth", "firstName": MARKER, "lastName": MARKER });
        said_of_all += &said(&ask(&address, create, json!({ "input": input })).await);
        said_of_all += &said(&ask(&address, "{ node(id: \"bUFyazNy\") { id } }", json!({})).await);
    }
    assert!(said_of_all.len() > 2_000, "a poor test: {said_of_all}");
    assert!(!said_of_all.contains(MARKER), "{said_of_all}");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let figures = client.get(format!("http://{address}/metrics")).send();
    let figures = figures.await.unwrap().text().await.unwrap();
    assert!(figures.contains("source=\"odd6\""), "{figures}");
    assert!(!figures.contains(MARKER), "{figures}");
    let spans = collected.text();
    assert!(spans.contains("odd6"), "{spans}");
    assert!(!spans.contains(MARKER), "{spans}");
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    let log = process.err();
    assert!(log.contains("graphql") && log.lines().count() > 30, "{log}");
    for word in environment
        .iter()
        .map(|(_, secret)| secret.as_str())
        .filter(|word| *word != "trace")
        .chain([MARKER])
    {
        let line = log.lines().find(|line| line.contains(word));
        assert!(line.is_none(), "{word:?} in the log: {line:?}");
    }
    let records = log
        .lines()
        .find(|line| line.contains("people.") || line.contains("@"));
    assert!(records.is_none(), "{records:?}");
    for crm in &demo.crms {
        let address = crm.url.trim_start_matches("http://");
        let line = log.lines().find(|line| line.contains(address));
        assert!(line.is_none(), "where a CRM is: {line:?}");
    }
    let kept = kept(&folder.path().join("state"));
    assert!(kept.len() > 1_000, "nothing is kept of writes");
    for word in [MARKER, &mail] {
        let found = kept
            .windows(word.len())
            .any(|bytes| bytes == word.as_bytes());
        assert!(!found, "{word:?} is kept in a file");
    }
}

/// The bytes of every file that the gateway keeps.
fn kept(folder: &std::path::Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    let read = |file: std::fs::DirEntry| match file.path() {
        path if path.is_dir() => kept(&path),
        path => std::fs::read(path).unwrap(),
    };
    files.flat_map(read).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_stand_in_no_log_line_and_no_answer() {
    let good = format!("key-{MARKER}");
    let mut gateway = guarded::start(|text| {
        text + &api_key(&good, "", ALL)
            + "\n[[auth.jwt]]\nissuer = \"https://id.example\"\naudience = \"crmql\"\nalgorithm = \"HS256\"\n\
               secret = { env = \"TEST_JWT_SECRET\" }\ntenant_claim = \"org\"\n"
    })
    .await;
    let query = "{ customers(first: 1) { nodes { id } } }";
    let mut said = String::new();
    let body = Some(json!({ "query": query }).to_string());
    for (header, value) in [
        ("authorization", format!("Bearer {good}")),
        ("authorization", format!("Bearer wrong-{MARKER}")),
        ("authorization", format!("Basic {MARKER}")),
        ("authorization", MARKER.to_owned()),
        (
            "authorization",
            format!("Bearer {MARKER}.{MARKER}.{MARKER}"),
        ),
        ("x-api-key", MARKER.to_owned()),
        ("cookie", format!("session={MARKER}")),
        ("origin", format!("https://{MARKER}.example")),
        ("x-request-id", format!("{MARKER} not plain")),
    ] {
        let headers = [
            ("content-type", "application/json"),
            (header, value.as_str()),
        ];
        said += &gateway
            .send("POST", "/graphql", &headers, body.clone())
            .await
            .text;
    }
    let mut tokens = Vec::new();
    for more in [
        json!({ "org": MARKER }),
        json!({ "org": "", "sub": MARKER, "iss": MARKER }),
        json!({ "aud": MARKER }),
        json!({ "exp": MARKER }),
        json!({ "exp": 5, "email": MARKER }),
        json!({ "scope": MARKER, "org": [MARKER] }),
    ] {
        let token = token(&claims(&more));
        said += &gateway.ask(&token, query).await.text;
        tokens.push(token);
    }
    assert!(!said.contains(MARKER), "{said}");
    gateway.process.signal("TERM");
    gateway.process.ended().await;
    let log = gateway.process.err();
    assert!(
        log.lines().filter(|line| line.contains("denied")).count() > 10,
        "{log}"
    );
    for word in tokens
        .iter()
        .map(String::as_str)
        .chain([MARKER, guarded::SECRET])
    {
        let line = log.lines().find(|line| line.contains(word));
        assert!(line.is_none(), "{line:?}");
    }
}
