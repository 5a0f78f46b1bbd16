//! A CRM that answers as a test says and remembers every request byte by byte, and sources that speak to it.

use crmql::adapter::{Adapter, Manifest, Site, TokenStore, Vars, read};
use crmql::document::Problems;
use crmql::source::{Call, CallBudget, Operation};
use crmql::upstream::Settings;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// Path and query, not decoded.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

/// What the CRM does with a request.
#[derive(Clone, Debug)]
pub enum Play {
    Json(u16, Value),
    Raw(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Closes the connection without an answer.
    Reset,
    /// Says it will answer more than it does.
    Truncated,
    /// Answers after a while.
    Late(Duration, Box<Play>),
    /// Never answers.
    Hang,
}

/// A CRM on loopback.
pub struct Crm {
    pub base: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Crm {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Crm {
    /// Answers each request by a function of it and of how many came before.
    pub async fn answering(play: impl Fn(&Seen, usize) -> Play + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (notes, play) = (Arc::clone(&seen), Arc::new(play));
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(one(stream, Arc::clone(&notes), Arc::clone(&play)));
            }
        });
        Self { base, seen, server }
    }

    /// Answers every request with the same.
    pub async fn always(play: Play) -> Self {
        Self::answering(move |_, _| play.clone()).await
    }

    /// Every request gets this JSON.
    pub async fn json(body: Value) -> Self {
        Self::always(Play::Json(200, body)).await
    }

    /// Every request gets this status and this JSON.
    pub async fn json_with(status: u16, body: Value) -> Self {
        Self::always(Play::Json(status, body)).await
    }

    /// Answers in this order; the last one goes on.
    pub async fn script(plays: Vec<Play>) -> Self {
        Self::answering(move |_, before| plays[before.min(plays.len() - 1)].clone()).await
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The only request.
    pub fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }
}

async fn one<P>(mut stream: TcpStream, notes: Arc<Mutex<Vec<Seen>>>, play: Arc<P>)
where
    P: Fn(&Seen, usize) -> Play,
{
    let Some(seen) = receive(&mut stream).await else {
        return;
    };
    let played = {
        let mut notes = notes.lock().unwrap();
        let played = play(&seen, notes.len());
        notes.push(seen);
        played
    };
    let played = match played {
        Play::Late(wait, then) => {
            tokio::time::sleep(wait).await;
            *then
        }
        at_once => at_once,
    };
    let (status, headers, body) = match played {
        Play::Late(..) => panic!("late twice"),
        Play::Reset => return,
        Play::Hang => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            return;
        }
        Play::Truncated => {
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"data\":";
            drop(stream.write_all(head.as_bytes()).await);
            return;
        }
        Play::Json(status, body) => (status, Vec::new(), body.to_string().into_bytes()),
        Play::Raw(status, headers, body) => (status, headers, body),
    };
    let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n");
    if status != 204 {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    drop(stream.write_all(head.as_bytes()).await);
    drop(stream.write_all(&body).await);
    drop(stream.shutdown().await);
}

pub async fn receive(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.ok()?;
        if read == 0 {
            return None;
        }
        bytes.extend_from_slice(&buffer[..read]);
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = bytes[head_end + 4..].to_vec();
    while body.len() < length {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.ok()?;
        if read == 0 {
            return None;
        }
        body.extend_from_slice(&buffer[..read]);
    }
    Some(Seen {
        method: first.next()?.to_owned(),
        target: first.next()?.to_owned(),
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

/// An adapter file around the parts that a test cares for. It has the vars `base_url` and `key`.
pub fn file(http: &str, rest: &str) -> String {
    format!(
        "format = 1\nid = \"acme\"\nname = \"Acme\"\n[vars]\nbase_url = {{}}\nkey = {{ default = \"k3y\" }}\n[http]\nbase = \"{{base_url}}\"\n{http}\n{rest}"
    )
}

/// The manifest of an adapter file that must be right.
pub fn manifest(text: &str) -> Arc<Manifest> {
    let problems = Problems::new();
    let manifest = read("acme.toml", text, &problems);
    Arc::new(manifest.unwrap_or_else(|| panic!("{problems}\n{text}")))
}

/// A source whose CRM is `crm`, which is asked once: nothing is tried again.
pub fn source(crm: &Crm, text: &str) -> Adapter {
    let settings = Settings {
        retries: 0,
        ..Settings::default()
    };
    source_with(&crm.base, text, TokenStore::default(), settings)
}

pub fn source_with(base: &str, text: &str, tokens: TokenStore, settings: Settings) -> Adapter {
    let total = Duration::from_secs(10);
    made(base, text, tokens, settings, total)
}

/// A source whose uses may take so long in all.
pub fn source_within(base: &str, text: &str, settings: Settings, total: Duration) -> Adapter {
    made(base, text, TokenStore::default(), settings, total)
}

fn made(
    base: &str,
    text: &str,
    tokens: TokenStore,
    settings: Settings,
    total: Duration,
) -> Adapter {
    let vars = Vars::from([("base_url".to_owned(), base.to_owned())]);
    let site = Site {
        vars,
        settings,
        total,
        tokens,
    };
    Adapter::new(manifest(text), site).unwrap()
}

pub fn call() -> Call {
    call_with(CallBudget::default())
}

pub fn call_with(budget: CallBudget) -> Call {
    let deadline = Instant::now() + Duration::from_secs(10);
    let operation = Operation::new("r-1", deadline).no_older(Some(Duration::ZERO));
    Call::new(Arc::new(operation.spending(budget)))
}
