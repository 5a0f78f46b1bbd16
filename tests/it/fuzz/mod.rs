//! What nobody thought of: operations made from the schema by lot, mangled documents, bodies, URLs and headers, and
//! mangled answers of CRMs, all over real HTTP. Whatever comes, the answer is JSON with coded errors, soon.
//!
//! Some seconds in all; `PROPTEST_CASES=20000 cargo test --test it fuzz` goes on for longer. A failure names its seed.

pub mod chance;
mod operations;

use super::support::gateway::{Running, SOURCES, demo_of, start, start_before};
use super::support::proxy::{Proxy, Spoil};
use apollo_compiler::Schema;
use apollo_compiler::validation::Valid;
use chance::Chance;
use crmql::document::Problems;
use crmql::limits::Limits;
use crmql::writes::Keep;
use operations::{Known, Made, Maker};
use proptest::prelude::ProptestConfig;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const JSON: &str = "application/json";
const RESPONSE: &str = "application/graphql-response+json";

/// The seeds of a run: as many as proptest would have cases, by some factor, from where `FUZZ_SEED` says.
fn seeds(times: u32) -> impl Iterator<Item = u64> {
    let first = std::env::var("FUZZ_SEED").ok();
    let first: u64 = first.map_or(1, |text| text.parse().unwrap());
    first..first + u64::from(ProptestConfig::default().cases * times)
}

fn schema() -> Valid<Schema> {
    let text = std::fs::read_to_string("schema.graphql").unwrap();
    Schema::parse_and_validate(text, "schema.graphql").unwrap()
}

/// The words of the schema's error codes.
fn words(schema: &Schema) -> BTreeSet<String> {
    let codes = schema.get_enum("ErrorCode").unwrap().values.keys();
    codes.map(ToString::to_string).collect()
}

/// Everything that went wrong in a run, each with its seed; the first few are shown.
struct Judge {
    words: BTreeSet<String>,
    wrong: Vec<String>,
    /// How often each code came, and data without any.
    seen: BTreeMap<String, usize>,
}

impl Judge {
    fn new() -> Self {
        Self {
            words: words(&schema()),
            wrong: Vec::new(),
            seen: BTreeMap::new(),
        }
    }

    fn say(&mut self, what: &str, about: &str) {
        let mut about = about.to_owned();
        about.truncate(about.floor_char_boundary(1_500));
        self.wrong.push(format!("{what}\n    {about}"));
    }

    /// Looks at an answer to something of which `about` tells.
    async fn look(
        &mut self,
        sent: Result<reqwest::Response, reqwest::Error>,
        began: Instant,
        about: &str,
    ) {
        let response = match sent {
            Ok(response) => response,
            Err(error) => return self.say(&format!("no answer: {error:?}"), about),
        };
        let status = response.status().as_u16();
        let kind = response.headers().get("content-type");
        let kind = kind.map_or("", |kind| kind.to_str().unwrap()).to_owned();
        let text = match response.text().await {
            Ok(text) => text,
            Err(error) => return self.say(&format!("no whole answer: {error:?}"), about),
        };
        if began.elapsed() > Duration::from_secs(10) {
            self.say(&format!("it took {:?}", began.elapsed()), about);
        }
        if status >= 500 {
            self.say(&format!("status {status}: {text:.300}"), about);
        }
        let Ok(answer) = serde_json::from_str::<Value>(&text) else {
            return self.say(&format!("no JSON, status {status}: {text:.300}"), about);
        };
        self.read(status, &kind, &answer, about);
    }

    fn read(&mut self, status: u16, kind: &str, answer: &Value, about: &str) {
        let fields = answer.as_object().unwrap();
        if !fields
            .keys()
            .all(|key| matches!(key.as_str(), "data" | "errors" | "extensions"))
        {
            self.say("fields that no answer has", about);
        }
        match (
            fields.contains_key("data"),
            kind.starts_with(RESPONSE),
            status,
        ) {
            (true, _, 200) | (false, true, 400..500) => {}
            (false, false, 200 | 400..500) => {}
            other => self.say(&format!("{other:?}: {answer:.300}"), about),
        }
        if std::env::var_os("FUZZ_SHOW").is_some() {
            println!("{about}: {answer:.1500}");
        }
        let errors = match fields.get("errors") {
            None if fields.contains_key("data") => {
                *self.seen.entry("none".to_owned()).or_default() += 1;
                return;
            }
            Some(Value::Array(errors)) if !errors.is_empty() => errors,
            other => return self.say(&format!("errors are {other:?}"), about),
        };
        for error in errors {
            let code = error["extensions"]["code"].as_str().unwrap_or_default();
            if !self.words.contains(code) || code == "INTERNAL" || !error["message"].is_string() {
                self.say(&format!("an error like {error:.300}"), about);
            }
            *self.seen.entry(code.to_owned()).or_default() += 1;
        }
        if fields["errors"].to_string().contains("s3cret") {
            self.say(
                &format!("a value comes back in {:.600}", fields["errors"]),
                about,
            );
        }
    }

    /// Says what came of it all.
    fn end(self, expected: &[&str]) {
        println!("{:?}", self.seen);
        let few: Vec<_> = self.wrong.iter().take(12).map(String::as_str).collect();
        assert!(
            few.is_empty(),
            "{} are wrong:\n{}",
            self.wrong.len(),
            few.join("\n")
        );
        for code in expected {
            assert!(
                self.seen.contains_key(*code),
                "{code} never came: {:?}",
                self.seen
            );
        }
    }
}

fn client() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy();
    client.timeout(Duration::from_secs(30)).build().unwrap()
}

/// Ids, cursors and keys that the gateway gave away.
async fn known(gateway: &Running) -> Known {
    let mut known = Known::default();
    for list in [
        "customers(first: 30)",
        "customers(first: 3, sources: [\"gtateth\"])",
        "customers(first: 4, orderBy: { field: CREATED_AT }, sources: [\"gtateth\", \"gormic\"])",
    ] {
        let data = gateway
            .data(
                &format!("{{ {list} {{ edges {{ cursor node {{ id }} }} }} }}"),
                json!({}),
            )
            .await;
        for edge in data["customers"]["edges"].as_array().unwrap() {
            known
                .ids
                .push(edge["node"]["id"].as_str().unwrap().to_owned());
            known
                .cursors
                .push(edge["cursor"].as_str().unwrap().to_owned());
        }
    }
    known.sources.extend(SOURCES.map(str::to_owned));
    known
}

fn body(made: &Made) -> String {
    json!({ "query": made.query, "variables": made.variables }).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuzz_operations_of_the_schema_are_answered() {
    let gateway = start(12).await;
    let (schema, known) = (schema(), known(&gateway).await);
    let (client, url) = (client(), format!("{}/graphql", gateway.url));
    let mut judge = Judge::new();
    for seed in seeds(2) {
        let made = Maker::new(&schema, &known, seed).operation();
        let accept = if seed % 2 == 0 { JSON } else { RESPONSE };
        let request = client
            .post(&url)
            .header("content-type", JSON)
            .header("accept", accept);
        let began = Instant::now();
        let sent = request.body(body(&made)).send().await;
        let about = format!("seed {seed}: {} {}", made.query, made.variables);
        judge.look(sent, began, &about).await;
    }
    judge.end(&["none", "INVALID_INPUT", "INVALID_ID"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuzz_mangled_requests_are_answered() {
    let gateway = start(3).await;
    let (schema, known) = (schema(), known(&gateway).await);
    let (client, url) = (client(), format!("{}/graphql", gateway.url));
    let mut judge = Judge::new();
    for seed in seeds(4) {
        let made = Maker::new(&schema, &known, seed).operation();
        let mut chance = Chance::new(!seed);
        let (request, about) = match seed % 4 {
            0 => {
                let query = chance.mangled_text(&made.query);
                let about = query.clone();
                (client.post(&url).body(body(&Made { query, ..made })), about)
            }
            1 => {
                let bytes = chance.mangled(body(&made).as_bytes());
                let about = String::from_utf8_lossy(&bytes).into_owned();
                (client.post(&url).body(bytes), about)
            }
            2 => {
                let pairs = [
                    ("query", made.query),
                    ("variables", made.variables.to_string()),
                ];
                let plain = url::form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(pairs)
                    .finish();
                let mangled: String = chance.mangled_text(&plain).chars().take(6_000).collect();
                let whole = format!("{url}?{mangled}");
                (client.get(&whole), whole)
            }
            _ => {
                let name = *chance.of(&[
                    "cache-control",
                    "authorization",
                    "accept",
                    "x-request-id",
                    "origin",
                    "if-none-match",
                    "accept-encoding",
                    "traceparent",
                    "content-type",
                ]);
                let good = *chance.of(&[
                    "max-age=5, no-cache",
                    "Bearer abc.def.ghi",
                    "application/json;q=0.5, */*",
                    "gzip, br;q=0",
                    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                    "\"abc\", W/\"d\"",
                ]);
                let value = chance.mangled(good.as_bytes());
                let about = format!("{name}: {value:?}");
                match reqwest::header::HeaderValue::from_bytes(&value) {
                    Ok(value) => (
                        client
                            .post(&url)
                            .header(name, value)
                            .body("{\"query\":\"{__typename}\"}"),
                        about,
                    ),
                    Err(_) => continue,
                }
            }
        };
        let began = Instant::now();
        let mut request = request.build().unwrap();
        if !request.headers().contains_key("content-type") {
            request
                .headers_mut()
                .insert("content-type", JSON.parse().unwrap());
        }
        let sent = client.execute(request).await;
        judge
            .look(sent, began, &format!("seed {seed}: {about}"))
            .await;
    }
    judge.end(&["none", "INVALID_INPUT"]);
}

/// A configuration that is wrong somewhere is refused with its place, and nothing breaks.
#[test]
fn fuzz_mangled_configurations_are_read_or_refused() {
    const GOOD: &str = "cursor_key = { file = \"key\" }\n[server]\nlisten = \"127.0.0.1:0\"\nhosts = [\"a.example\"]\n\
        state_dir = \"state\"\n[limits]\ncost = 100\n[[source]]\nkey = \"a\"\nadapter = \"gormic\"\nretries = 1\n\
        timeouts = { connect = \"1s\", attempt = \"2s\", total = \"3s\" }\nbreaker = { failures = 3 }\n\
        cache = { ttl = \"1m\" }\n[source.vars]\nbase_url = \"http://127.0.0.1:1\"\napi_key = { file = \"key\" }\n\
        [auth]\n[[auth.key]]\nname = \"n\"\nsha256 = \"HASH\"\nscopes = [\"read:customers\"]\n[[auth.jwt]]\n\
        issuer = \"https://id.example\"\naudience = \"crmql\"\nalgorithm = \"HS256\"\nsecret = { file = \"key\" }\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "k".repeat(40)).unwrap();
    let path = folder.path().join("crmql.toml");
    let good = GOOD.replace("HASH", &"0f".repeat(32));
    let tried = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let problems = Problems::new();
        let read = crmql::config::load(&path, &problems);
        (read.is_some(), problems.to_string())
    };
    assert_eq!(tried(good.as_bytes()), (true, String::new()));
    let mut told = 0;
    for seed in seeds(4) {
        let mut chance = Chance::new(seed);
        let mut lines: Vec<&str> = good.lines().collect();
        for _ in 0..chance.below(4) {
            let line = chance.below(lines.len());
            lines.swap_remove(line);
        }
        let text = lines.join("\n");
        let bytes = if chance.once_in(2) {
            chance.mangled(text.as_bytes())
        } else {
            text.into_bytes()
        };
        let (read, problems) = tried(&bytes);
        let shown = String::from_utf8_lossy(&bytes);
        assert!(read || !problems.is_empty(), "seed {seed}: {shown}");
        assert!(
            !problems.contains("kkkk"),
            "seed {seed}: a secret in {problems}"
        );
        told += usize::from(read && !problems.is_empty());
    }
    assert!(
        told > 100,
        "most had nothing to be told of, or were no TOML at all"
    );
}

const EVERYTHING: &str = "{ customers(first: 10) { totalCount nodes { id sourceId displayName name firstName lastName email \
    phone { number callingCode } company jobTitle customerNumber externalId type tier status gender birthDate tags address \
    city country identityNumber avatarUrl note unsubscribed owner { id name } createdAt createdBy updatedAt \
    archivedAt deletedAt parent { id } operator { id } customFields native freshness { fetchedAt } } \
    pageInfo { hasNextPage } sources { outcome error { code message } } } }";

/// Answers of CRMs with bytes changed by lot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuzz_mangled_answers_of_crms_are_read_or_refused() {
    let mut demo = demo_of(5).await;
    let mut proxies = Vec::new();
    for key in SOURCES {
        proxies.push(Proxy::before(&mut demo, key).await);
    }
    let gateway = start_before(demo, Limits::default(), Keep::Memory).await;
    let known = known(&gateway).await;
    let (client, url) = (client(), format!("{}/graphql", gateway.url));
    let mut judge = Judge::new();
    for seed in seeds(1) {
        for (place, proxy) in proxies.iter().enumerate() {
            proxy.spoil(move |_, before| {
                Spoil::Mangle(seed * 1_000 + (place * 100 + before) as u64)
            });
        }
        let (query, variables) = match seed % 3 {
            0 | 1 => (EVERYTHING, json!({})),
            _ => (
                "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Customer { displayName phone { number } parent { id } \
                 children(first: 2) { nodes { id } } native } } }",
                json!({ "ids": &known.ids[..20] }),
            ),
        };
        let request = client.post(&url).header("content-type", JSON);
        let began = Instant::now();
        let sent = request
            .body(json!({ "query": query, "variables": variables }).to_string())
            .send()
            .await;
        judge.look(sent, began, &format!("seed {seed}")).await;
    }
    // A reader that panics would be told as a source that is gone.
    for code in ["SOURCE_UNAVAILABLE", "SOURCE_TIMEOUT"] {
        let often = judge.seen.get(code);
        assert!(often.is_none(), "{code} came {often:?} times");
    }
    judge.end(&["none", "SOURCE_INVALID_RESPONSE"]);
}
