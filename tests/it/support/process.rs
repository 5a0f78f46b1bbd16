//! The real command as a process of its own: its configuration, its output, its signals and its end.

use crmql::demo::Demo;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Vars that are secrets.
const SECRETS: [&str; 3] = ["api_key", "client_secret", "refresh_token"];

/// A running command. It ends with the test.
pub struct Process {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

/// A command in a folder, with its output in files there.
pub fn spawn(folder: &Path, arguments: &[&str], environment: &[(String, String)]) -> Process {
    let name = format!(
        "{}-{}",
        arguments[0],
        std::fs::read_dir(folder).unwrap().count()
    );
    let (out, err) = (
        folder.join(format!("{name}.out")),
        folder.join(format!("{name}.err")),
    );
    let child = Command::new(env!("CARGO_BIN_EXE_crmql"))
        .current_dir(folder)
        .args(arguments)
        .env_remove("CRMQL_LOG")
        .envs(environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(&out).unwrap())
        .stderr(std::fs::File::create(&err).unwrap())
        .spawn()
        .unwrap();
    Process { child, out, err }
}

impl Process {
    /// What it wrote to standard output so far.
    pub fn out(&self) -> String {
        std::fs::read_to_string(&self.out).unwrap()
    }

    /// What it wrote to standard error so far.
    pub fn err(&self) -> String {
        std::fs::read_to_string(&self.err).unwrap()
    }

    /// Waits until something is written, and answers the word after it.
    pub async fn word_after(&self, text: &str) -> String {
        let started = Instant::now();
        loop {
            let written = self.out() + &self.err();
            if let Some((_, rest)) = written.split_once(text)
                && let Some(end) = rest.find(char::is_whitespace)
            {
                return rest[..end].to_owned();
            }
            assert!(started.elapsed() < PATIENCE, "no {text:?} in {written}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Its number among the machine's processes.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(
                started.elapsed() < PATIENCE,
                "it does not end: {}",
                self.err()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A `crmql.toml` for these CRMs, with every secret in the environment.
pub fn configuration(demo: &Demo) -> (String, Vec<(String, String)>) {
    let mut text = "[server]\nlisten = \"127.0.0.1:0\"\nstate_dir = \"state\"\n".to_owned();
    let mut environment = Vec::new();
    for crm in &demo.crms {
        write!(
            text,
            "\n[[source]]\nkey = {:?}\nadapter = {:?}\n\n[source.vars]\n",
            crm.key, crm.key
        )
        .unwrap();
        for (name, value) in &crm.vars {
            if SECRETS.contains(name) {
                let variable = format!("TEST_{}_{}", crm.key, name).to_uppercase();
                writeln!(text, "{name} = {{ env = {variable:?} }}").unwrap();
                environment.push((variable, value.clone()));
            } else {
                writeln!(text, "{name} = {value:?}").unwrap();
            }
        }
    }
    (text, environment)
}

/// Asks a gateway at an address.
pub async fn ask(address: &str, query: &str, variables: Value) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client
        .post(format!("http://{address}/graphql"))
        .header("content-type", "application/json");
    let body = json!({ "query": query, "variables": variables }).to_string();
    let answer = request
        .body(body)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    serde_json::from_str(&answer).unwrap_or_else(|_| panic!("no JSON: {answer}"))
}
