//! Credentials that callers bring for a CRM: each caller sees what the CRM shows to that credential, and nothing of it goes
//! anywhere else. The real command, and a CRM that shows everybody something different.

use super::support::guarded::{self, Got, Guarded};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What every credential of a test that must not be seen has in it.
const MARKER: &str = "mArk3r";

/// A CRM that shows everybody something different, and what it was asked.
#[derive(Clone, Default)]
struct Crm(Arc<Mutex<Told>>);

#[derive(Default)]
struct Told {
    /// The credential and the line of each request.
    seen: Vec<(String, String)>,
    /// How many were made.
    made: usize,
    /// How many requests it has in hand, and the most it ever had.
    open: (usize, usize),
    /// How long it thinks.
    wait: Duration,
    /// Whose requests fail.
    failing: String,
}

impl Crm {
    async fn start(&self) -> String {
        let routes = Router::new()
            .route("/people", get(list).post(make))
            .route("/people/{id}", get(one))
            .route("/token", post(token))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        url
    }

    /// The caller, and a word that changes with every write; refused where the credential is none of this CRM's.
    async fn enter(
        &self,
        headers: &HeaderMap,
        line: String,
    ) -> Result<(String, usize), StatusCode> {
        let keys: Vec<&str> = headers
            .get_all("x-api-key")
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect();
        // A token that was fetched comes as a bearer.
        let bearer = headers.get("authorization").map(|value| {
            let bearer = value.to_str().unwrap();
            bearer.strip_prefix("Bearer ").unwrap().to_owned()
        });
        let key = bearer.unwrap_or_else(|| keys.join(" and "));
        let (wait, made, failing) = {
            let mut told = self.0.lock().unwrap();
            told.seen.push((key.clone(), line));
            let open = told.open.0 + 1;
            told.open = (open, told.open.1.max(open));
            (told.wait, told.made, told.failing == key)
        };
        tokio::time::sleep(wait).await;
        self.0.lock().unwrap().open.0 -= 1;
        match (failing, key.starts_with("tok-")) {
            (true, _) => Err(StatusCode::SERVICE_UNAVAILABLE),
            (_, false) => Err(StatusCode::UNAUTHORIZED),
            _ => Ok((key, made)),
        }
    }

    fn seen(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().seen.clone()
    }

    fn calls(&self) -> usize {
        self.seen().len()
    }
}

fn person(id: usize, key: &str, made: usize) -> Value {
    json!({ "id": id, "full_name": format!("{id} of {key} after {made}"), "mail": null })
}

async fn list(
    State(crm): State<Crm>,
    Query(asked): Query<HashMap<String, usize>>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    let (key, made) = crm.enter(&headers, "list".to_owned()).await?;
    let (page, size) = (asked["page"], asked["per_page"]);
    let ids = (page - 1) * size + 1..=(page * size).min(9);
    let people: Vec<Value> = ids.map(|id| person(id, &key, made)).collect();
    Ok(Json(json!({ "people": people, "total": 9 })))
}

async fn one(
    State(crm): State<Crm>,
    Path(id): Path<usize>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    let (key, made) = crm.enter(&headers, format!("get {id}")).await?;
    // Only this caller has this one.
    if id == 7 && key != "tok-a" {
        return Err(StatusCode::NOT_FOUND);
    }
    Ok(Json(person(id, &key, made)))
}

async fn make(State(crm): State<Crm>, headers: HeaderMap) -> Result<Json<Value>, StatusCode> {
    let (key, made) = crm.enter(&headers, "make".to_owned()).await?;
    crm.0.lock().unwrap().made += 1;
    Ok(Json(person(100 + made, &key, made + 1)))
}

/// A token for whoever has this secret.
async fn token(State(crm): State<Crm>, body: String) -> Json<Value> {
    let (_, secret) = body.split_once("client_secret=").unwrap();
    let secret = secret.split('&').next().unwrap().to_owned();
    let token = format!("tok-for-{secret}");
    let mut told = crm.0.lock().unwrap();
    told.seen.push((secret, "token".to_owned()));
    Json(json!({ "access_token": token, "expires_in": 3600 }))
}

const ADAPTER: &str = r#"
format = 1
id     = "acme"
name   = "Acme CRM"

[vars]
base_url = {}
api_key  = { secret = true }

[http]
base = "{base_url}"
auth = { kind = "header", name = "X-Api-Key", value = "{api_key}" }

[[list]]
request = "GET /people"
items   = "/people"
order   = "stable"
page    = { kind = "page", page = "query:page", size = "query:per_page", max = 50, total = "/total" }

[get]
request = "GET /people/{id}"
item    = ""

[create]
request = "POST /people"
returns = { item = "" }

[fields]
id    = { r = "/id", type = "int" }
name  = { r = "/full_name", w = "/full_name" }
email = { r = "/mail", w = "/mail" }
"#;

/// A gateway before two CRMs: callers bring the credential of `own`; that of `other` is configured.
struct Two {
    gateway: Guarded,
    own: Crm,
    other: Crm,
    _folder: tempfile::TempDir,
}

fn adapter() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.toml");
    std::fs::write(&file, ADAPTER).unwrap();
    (folder, file)
}

/// `more` goes into the source `own`, `limits` into the ceilings.
async fn two_with(more: &str, limits: &str) -> Two {
    let (own, other) = (Crm::default(), Crm::default());
    let (folder, file) = adapter();
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nstate_dir = \"state\"\norigins = [\"https://app.example\"]\n\n\
         [limits]\n{limits}\n\n\
         [[source]]\nkey = \"own\"\nadapter = {file:?}\n{more}\n\
         vars = {{ base_url = {:?}, api_key = {{ header = \"X-Crm-Key\" }} }}\n\n\
         [[source]]\nkey = \"other\"\nadapter = {file:?}\n\
         vars = {{ base_url = {:?}, api_key = {{ file = \"key\" }} }}\n",
        own.start().await,
        other.start().await,
    );
    std::fs::write(folder.path().join("key"), "tok-configured\n").unwrap();
    let key = folder.path().join("key");
    let text = text.replace("file = \"key\"", &format!("file = {key:?}"));
    Two {
        gateway: guarded::start(|_| text).await,
        own,
        other,
        _folder: folder,
    }
}

async fn two() -> Two {
    two_with("", "").await
}

impl Two {
    async fn send(&self, keys: &[&str], body: Value) -> Got {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(keys.iter().map(|key| ("x-crm-key", *key)));
        let body = Some(body.to_string());
        self.gateway.send("POST", "/graphql", &headers, body).await
    }

    async fn ask(&self, key: &str, query: &str) -> Value {
        self.send(&[key], json!({ "query": query })).await.json()
    }

    /// A request byte by byte, with this header line, and all that comes back.
    async fn raw(&self, line: &[u8], query: &str) -> String {
        let body = json!({ "query": query }).to_string();
        let mut request = format!(
            "POST /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(line);
        request.extend_from_slice(b"\r\n\r\n");
        request.extend_from_slice(body.as_bytes());
        let stream = tokio::net::TcpStream::connect(&self.gateway.address).await;
        let mut stream = stream.unwrap();
        stream.write_all(&request).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

const LIST: &str = "{ customers(sources: [\"own\"], first: 2) { nodes { id displayName } pageInfo { endCursor } } }";

fn first_name(answer: &Value) -> &str {
    let name = &answer["data"]["customers"]["nodes"][0]["displayName"];
    name.as_str().unwrap_or_else(|| panic!("{answer:#}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_sees_what_the_crm_shows_to_their_credential() {
    let two = two().await;
    let listed = two.ask("tok-a", LIST).await;
    assert_eq!(first_name(&listed), "1 of tok-a after 0");
    let id = listed["data"]["customers"]["nodes"][0]["id"].clone();
    let seventh = super::support::gateway::id("own", "7");
    let one = async |key: &str, id: &Value| {
        let query = format!("{{ customer(id: {id}) {{ displayName }} }}");
        two.ask(key, &query).await["data"]["customer"]["displayName"].take()
    };
    // Each of these twice: from the CRM, and from whatever is kept.
    for _ in 0..2 {
        for key in ["tok-a", "tok-b"] {
            let name = format!("1 of {key} after 0");
            assert_eq!(first_name(&two.ask(key, LIST).await), name);
            assert_eq!(one(key, &id).await, name);
        }
        assert_eq!(one("tok-a", &json!(seventh)).await, "7 of tok-a after 0");
        assert_eq!(one("tok-b", &json!(seventh)).await, Value::Null);
        // By GET, too.
        let url = format!(
            "/graphql?query={}",
            LIST.replace(' ', "%20").replace('"', "%22")
        );
        let url = url.replace('{', "%7B").replace('}', "%7D");
        let url = url.replace('[', "%5B").replace(']', "%5D");
        for key in ["tok-a", "tok-b"] {
            let got = two
                .gateway
                .send("GET", &url, &[("x-crm-key", key)], None)
                .await;
            assert_eq!(first_name(&got.json()), format!("1 of {key} after 0"));
        }
    }
    let calls = two.own.calls();
    assert!(calls <= 8, "what is kept is used again: {calls}");
    assert!(
        two.own
            .seen()
            .iter()
            .all(|(key, _)| key == "tok-a" || key == "tok-b")
    );
    // A credential that the CRM does not know gets nothing of what is kept for others.
    let refused = two.ask("bad", LIST).await;
    assert_eq!(
        refused["errors"][0]["extensions"]["code"],
        "SOURCE_CREDENTIALS"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_under_way_are_joined_by_the_same_credential_only() {
    let two = two().await;
    two.own.0.lock().unwrap().wait = Duration::from_millis(400);
    let asking = (0..12).map(|number| {
        let key = ["tok-a", "tok-b", "tok-c"][number % 3];
        let two = &two;
        async move {
            let answer = two.ask(key, LIST).await;
            assert_eq!(first_name(&answer), format!("1 of {key} after 0"));
        }
    });
    futures_util::future::join_all(asking).await;
    let calls = two.own.calls();
    assert!((3..=6).contains(&calls), "{calls} calls for three callers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_is_good_with_its_own_credential_only() {
    let two = two().await;
    let listed = two.ask("tok-a", LIST).await;
    let cursor = &listed["data"]["customers"]["pageInfo"]["endCursor"];
    let next = LIST.replace("first: 2", &format!("first: 2, after: {cursor}"));
    let own = two.ask("tok-a", &next).await;
    assert_eq!(first_name(&own), "3 of tok-a after 0");
    let calls = two.own.calls();
    let other = two.ask("tok-b", &next).await;
    assert_eq!(other["errors"][0]["extensions"]["code"], "CURSOR_MISMATCH");
    assert_eq!(two.own.calls(), calls, "nothing is asked for it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_brings_none_gets_an_error_and_everybody_elses_rows() {
    let two = two().await;
    let query = "{ sources { key capabilities { create } status { health } } \
        customers(first: 20) { nodes { source { key } } sources { source { key } outcome error { code } } } }";
    let answer = two.send(&[], json!({ "query": query })).await.json();
    let data = &answer["data"];
    assert_eq!(data["sources"][0]["capabilities"]["create"], true);
    assert_eq!(data["sources"][0]["status"]["health"], "HEALTHY");
    let nodes = data["customers"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 9, "{answer:#}");
    assert!(nodes.iter().all(|node| node["source"]["key"] == "other"));
    let own = &data["customers"]["sources"][0];
    assert_eq!(
        (&own["source"]["key"], &own["error"]["code"]),
        (&json!("own"), &json!("UNAUTHENTICATED"))
    );
    let write = "mutation { createCustomer(input: { source: \"own\", name: \"x\", idempotencyKey: \"k\" }) \
        { outcome userErrors { code } } }";
    let refused = two.send(&[""], json!({ "query": write })).await.json();
    let refused = &refused["data"]["createCustomer"];
    assert_eq!(refused["outcome"], "NOT_APPLIED", "{refused:#}");
    assert_eq!(refused["userErrors"][0]["code"], "UNAUTHENTICATED");
    assert_eq!(two.own.calls(), 0);
    // The configured credential goes to its own CRM, and a caller's never does.
    two.ask("tok-a", "{ customers(first: 20) { nodes { id } } }")
        .await;
    assert!(
        two.other
            .seen()
            .iter()
            .all(|(key, _)| key == "tok-configured")
    );
    assert!(two.own.seen().iter().all(|(key, _)| key == "tok-a"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_be_no_credential_reaches_no_crm() {
    let two = two_with("", "credential_bytes = 100").await;
    let long = format!("tok-{}", "x".repeat(97));
    for keys in [
        &[long.as_str()][..],
        &["tok-a", "tok-b"],
        &["tok-a", "tok-a"],
        &["tok-a", ""],
        &["tok-é"],
    ] {
        let answer = two.send(keys, json!({ "query": LIST })).await.json();
        let code = &answer["errors"][0]["extensions"]["code"];
        assert_eq!(code, "UNAUTHENTICATED", "{keys:?}: {answer:#}");
        assert!(!answer.to_string().contains("tok-"), "{answer:#}");
    }
    for line in [&b"x-crm-key: tok-a\tb"[..], b"x-crm-key: tok-\xff"] {
        let answer = two.raw(line, LIST).await;
        assert!(answer.contains("UNAUTHENTICATED"), "{answer}");
    }
    // Line breaks and worse never get past the door.
    for line in [
        &b"x-crm-key: tok-a\r\n x-evil: 1"[..],
        b"x-crm-key: tok-a\0",
        b"x-crm-key: tok-a\rx-evil: 1",
    ] {
        let answer = two.raw(line, LIST).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    assert_eq!(two.own.calls(), 0);
    // What looks like a hole of the adapter file is none.
    let odd = "tok-{base_url}\"&x=1";
    assert_eq!(
        first_name(&two.ask(odd, LIST).await),
        format!("1 of {odd} after 0")
    );
    let just = format!("tok-{}", "x".repeat(96));
    assert_eq!(
        first_name(&two.ask(&just, LIST).await),
        format!("1 of {just} after 0")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_is_seen_by_all_and_its_key_belongs_to_one() {
    let two = two().await;
    assert_eq!(
        first_name(&two.ask("tok-b", LIST).await),
        "1 of tok-b after 0"
    );
    let write = "mutation { createCustomer(input: { source: \"own\", name: \"x\", idempotencyKey: \"k\" }) \
        { outcome customer { displayName } } }";
    let made = two.ask("tok-a", write).await;
    assert_eq!(
        made["data"]["createCustomer"]["outcome"], "APPLIED",
        "{made:#}"
    );
    assert_eq!(
        first_name(&two.ask("tok-b", LIST).await),
        "1 of tok-b after 1"
    );
    // The same key with another credential is another key; with the same one it writes nothing.
    let other = two.ask("tok-b", write).await;
    let shown = &other["data"]["createCustomer"]["customer"]["displayName"];
    assert_eq!(shown, "101 of tok-b after 2", "{other:#}");
    for key in ["tok-a", "tok-b"] {
        let again = two.ask(key, write).await;
        assert_eq!(
            again["data"]["createCustomer"]["outcome"], "APPLIED",
            "{again:#}"
        );
    }
    assert_eq!(two.own.0.lock().unwrap().made, 2);
}

/// What cursors are sealed with has nothing to do with what was written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_stays_made_where_the_cursor_key_changes() {
    let two = two().await;
    let write = "mutation { createCustomer(input: { source: \"own\", name: \"x\", idempotencyKey: \"k\" }) { outcome } }";
    let outcome = async || {
        let made = two.ask("tok-a", write).await;
        assert_eq!(made["data"]["createCustomer"]["outcome"], "APPLIED");
    };
    outcome().await;
    let folder = two.gateway.folder.path();
    std::fs::write(folder.join("sealing"), "another key of sixteen bytes").unwrap();
    let text = format!(
        "cursor_key = {{ file = \"sealing\" }}\n{}",
        two.gateway.text
    );
    std::fs::write(folder.join("crmql.toml"), text).unwrap();
    two.gateway.process.signal("HUP");
    let again = "the configuration was read again";
    two.gateway.process.word_after(again).await;
    outcome().await;
    assert_eq!(two.own.0.lock().unwrap().made, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_credential_breaks_is_whole_for_another() {
    let two = two_with("retries = 0\nbreaker = { failures = 2 }", "").await;
    two.own.0.lock().unwrap().failing = "tok-a".to_owned();
    let status = "{ sources { key status { health } } }";
    let mut calls = 0;
    for _ in 0..6 {
        let answer = two.ask("tok-a", LIST).await;
        assert_eq!(
            answer["errors"][0]["extensions"]["code"],
            "SOURCE_UNAVAILABLE"
        );
        calls = two.own.calls();
    }
    assert!(calls < 6, "it is left alone after {calls}");
    assert_eq!(
        first_name(&two.ask("tok-b", LIST).await),
        "1 of tok-b after 0"
    );
    for (key, health) in [
        ("tok-a", "UNAVAILABLE"),
        ("tok-b", "HEALTHY"),
        ("tok-c", "HEALTHY"),
    ] {
        let said = two.ask(key, status).await;
        assert_eq!(
            said["data"]["sources"][0]["status"]["health"], health,
            "{key}"
        );
    }
    let figures = two.gateway.send("GET", "/metrics", &[], None).await.text;
    assert!(
        figures.contains("crmql_source_state{source=\"own\",state=\"unavailable\"} 1"),
        "{figures}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_fetched_with_a_credential_is_used_for_it_alone() {
    let crm = Crm::default();
    let (folder, _) = adapter();
    let auth = "auth = { kind = \"oauth2_client\", token_url = \"{base_url}/token\", client_id = \"us\", client_secret = \"{api_key}\", send = \"form\" }";
    let text = ADAPTER.replace(
        "auth = { kind = \"header\", name = \"X-Api-Key\", value = \"{api_key}\" }",
        auth,
    );
    assert!(text.contains(auth));
    let file = folder.path().join("oauth.toml");
    std::fs::write(&file, text).unwrap();
    let url = crm.start().await;
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nstate_dir = \"state\"\n\n[[source]]\nkey = \"own\"\nadapter = {file:?}\ncache = false\n\
         vars = {{ base_url = {url:?}, api_key = {{ header = \"x-crm-key\" }} }}\n"
    );
    let two = Two {
        gateway: guarded::start(|_| text).await,
        own: crm,
        other: Crm::default(),
        _folder: folder,
    };
    for _ in 0..3 {
        for key in ["a", "b"] {
            let name = format!("1 of tok-for-{key} after 0");
            assert_eq!(first_name(&two.ask(key, LIST).await), name);
        }
    }
    let seen = two.own.seen();
    let fetched: Vec<&str> = seen
        .iter()
        .filter(|(_, line)| line == "token")
        .map(|(secret, _)| secret.as_str())
        .collect();
    assert_eq!(fetched, ["a", "b"], "one token each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_the_crm_all_callers_are_one() {
    let two = two_with("concurrency = 2", "").await;
    two.own.0.lock().unwrap().wait = Duration::from_millis(50);
    let asking = (0..8).map(|number| {
        let two = &two;
        async move { two.ask(&format!("tok-{number}"), LIST).await }
    });
    for (number, answer) in futures_util::future::join_all(asking)
        .await
        .iter()
        .enumerate()
    {
        assert_eq!(first_name(answer), format!("1 of tok-{number} after 0"));
    }
    let (_, most) = two.own.0.lock().unwrap().open;
    assert_eq!(most, 2, "calls at the same time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_credentials_than_are_kept_ready_are_served_all_the_same() {
    let two = two_with("", "credentials = 2\nkept_answers_bytes = 0").await;
    for round in 0..3 {
        for number in 0..5 {
            let key = format!("tok-{number}");
            let answer = two.ask(&key, LIST).await;
            assert_eq!(first_name(&answer), format!("1 of {key} after {round}"));
        }
        let write =
            "mutation { createCustomer(input: { source: \"own\", name: \"x\" }) { outcome } }";
        two.ask("tok-0", write).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_stand_in_no_log_line_and_no_answer() {
    let two = two().await;
    let good = format!("tok-{MARKER}");
    for key in [good.as_str(), MARKER, "mArk3r\u{e9}"] {
        for query in [LIST, LIST, "{ sources { key } } #"] {
            let answer = two.ask(key, query).await;
            assert!(!answer["errors"].to_string().contains(MARKER), "{answer:#}");
        }
    }
    assert!(two.own.seen().iter().any(|(key, _)| *key == good));
    let said = two.gateway.process.out() + &two.gateway.process.err();
    assert!(said.contains("graphql") && !said.contains(MARKER), "{said}");
    let figures = two.gateway.send("GET", "/metrics", &[], None).await.text;
    assert!(!figures.contains(MARKER));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_and_caches_are_told_of_the_header() {
    let two = two().await;
    let asked = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "x-crm-key"),
    ];
    let leave = two.gateway.send("OPTIONS", "/graphql", &asked, None).await;
    assert!(
        leave
            .header("access-control-allow-headers")
            .contains("x-crm-key")
    );
    assert!(
        leave
            .header("access-control-allow-headers")
            .contains("authorization")
    );
    let answer = two.send(&["tok-a"], json!({ "query": LIST })).await;
    assert!(
        answer.header("vary").contains("x-crm-key"),
        "{:?}",
        answer.headers
    );
    assert!(answer.header("cache-control").starts_with("private"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_needs_no_credential_and_refuses_what_no_caller_may_bring() {
    let crm = Crm::default();
    let (folder, _) = adapter();
    let check = |vars: &str| {
        let text =
            format!("[[source]]\nkey = \"own\"\nadapter = \"./acme.toml\"\nvars = {{ {vars} }}\n");
        std::fs::write(folder.path().join("crmql.toml"), text).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_crmql"))
            .args(["check", "--live"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let url = crm.start().await;
    let (code, said) = check(&format!(
        "base_url = {url:?}, api_key = {{ header = \"x-crm-key\" }}"
    ));
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("own: its callers bring the credential"),
        "{said}"
    );
    assert_eq!(crm.calls(), 0);
    let url = format!("base_url = {url:?}, ");
    for (vars, problem) in [
        (
            "base_url = { header = \"x-url\" }, api_key = { header = \"x-key\" }",
            "`base_url` is no secret",
        ),
        (
            &format!("{url} api_key = {{ header = \"authorization\" }}"),
            "called `x-`",
        ),
        (
            &format!("{url} api_key = {{ header = \"X-API-Key\" }}"),
            "called `x-`",
        ),
        (
            &format!("{url} api_key = {{ header = \"x-forwarded-for\" }}"),
            "called `x-`",
        ),
        (
            &format!("{url} api_key = {{ header = \"x-a b\" }}"),
            "called `x-`",
        ),
        (
            &format!("{url} api_key = {{ header = \"x-a\", env = \"A\" }}"),
            "env",
        ),
        (
            &format!("{url} api_kee = {{ header = \"x-a\" }}"),
            "knows no var `api_kee`",
        ),
    ] {
        let (code, said) = check(vars);
        assert_eq!(code, Some(64), "{vars}: {said}");
        assert!(said.contains(problem), "{vars}: {said}");
    }
}
