//! The real command with callers of its own: keys, tokens, tenants, and whatever else a test adds to the configuration.

use super::process::{Process, configuration, spawn};
use crmql::access::key;
use crmql::demo::{self, Demo, Options};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::collections::HashMap;
use tempfile::TempDir;

/// The shared secret of tests' tokens.
pub const SECRET: &str = "a secret of at least 32 bytes, for tests";

/// A command that serves.
pub struct Guarded {
    pub demo: Demo,
    pub process: Process,
    pub address: String,
    pub folder: TempDir,
    /// What stands in `crmql.toml`.
    pub text: String,
    client: reqwest::Client,
}

/// An answer.
pub struct Got {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub text: String,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The code of the first error; empty where there is none.
    pub fn code(&self) -> String {
        let answer = self.json();
        let code = answer["errors"][0]["extensions"]["code"].as_str();
        code.unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What a configuration calls this key: nothing that tells the key.
pub fn key_name(key: &str) -> String {
    let hash = key::hash_text(&key::hash(key));
    format!("test {}", &hash[..8])
}

/// `[[auth.key]]` for this key.
pub fn api_key(key: &str, tenant: &str, scopes: &[&str]) -> String {
    let hash = key::hash_text(&key::hash(key));
    let tenant = match tenant {
        "" => String::new(),
        tenant => format!("tenant = {tenant:?}\n"),
    };
    let name = key_name(key);
    format!("\n[[auth.key]]\nname = {name:?}\nsha256 = {hash:?}\nscopes = {scopes:?}\n{tenant}")
}

/// All scopes.
pub const ALL: &[&str] = &["read:customers", "write:customers", "read:native"];

/// A token of the shared secret.
pub fn token(claims: &Value) -> String {
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    encode(&Header::new(Algorithm::HS256), claims, &secret).unwrap()
}

/// Claims that are right for an hour, with these beside.
pub fn claims(more: &Value) -> Value {
    let exp = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
        + 3_600;
    let mut claims = json!({ "iss": "https://id.example", "aud": "crmql", "exp": exp });
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

/// Serves four emulated CRMs. `change` makes the configuration from one for them.
pub async fn start(change: impl FnOnce(String) -> String) -> Guarded {
    let demo = demo::start(Options {
        customers: 30,
        ports: None,
    })
    .await
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (text, mut environment) = configuration(&demo);
    let text = change(text);
    std::fs::write(folder.path().join("crmql.toml"), &text).unwrap();
    environment.push(("TEST_JWT_SECRET".to_owned(), SECRET.to_owned()));
    environment.push(("CRMQL_LOG".to_owned(), "trace".to_owned()));
    let process = spawn(folder.path(), &["serve"], &environment);
    let address = process.word_after("listening address=").await;
    Guarded {
        demo,
        process,
        address,
        folder,
        text,
        client: reqwest::Client::builder().no_proxy().build().unwrap(),
    }
}

impl Guarded {
    /// Any request.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Got {
        let method = method.parse().unwrap();
        let url = format!("http://{}{path}", self.address);
        let mut request = self.client.request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let mut headers = HashMap::<String, String>::new();
        for (name, value) in response.headers() {
            // Several lines are one list.
            let list = headers.entry(name.to_string()).or_default();
            let comma = if list.is_empty() { "" } else { ", " };
            *list += &format!("{comma}{}", value.to_str().unwrap());
        }
        Got {
            status,
            headers,
            text: response.text().await.unwrap(),
        }
    }

    /// A POST of a GraphQL request with a bearer credential; none where it is empty.
    pub async fn post(&self, credential: &str, body: Value) -> Got {
        let bearer = format!("Bearer {credential}");
        let mut headers = vec![("content-type", "application/json")];
        if !credential.is_empty() {
            headers.push(("authorization", &bearer));
        }
        self.send("POST", "/graphql", &headers, Some(body.to_string()))
            .await
    }

    /// A query.
    pub async fn ask(&self, credential: &str, query: &str) -> Got {
        self.post(credential, json!({ "query": query })).await
    }

    /// How many calls reached any CRM so far, but for tokens.
    pub fn calls(&self) -> usize {
        let logs = self.demo.crms.iter().flat_map(|crm| crm.log());
        logs.filter(|seen| seen.path_and_query != "/oauth/token")
            .count()
    }
}
