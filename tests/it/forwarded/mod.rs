//! Credentials that callers bring for a CRM: each caller sees what the CRM shows to that credential, and nothing of it goes
//! anywhere else. The real command, and a CRM that shows everybody something different.

mod apart;
mod crm;
mod refused;
mod told;
mod writes;

use crate::support::guarded::{self, Got, Guarded};
use crm::{ADAPTER, Crm};
use serde_json::{Value, json};
use std::path::PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What every credential of a test that must not be seen has in it.
const MARKER: &str = "mArk3r";

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
