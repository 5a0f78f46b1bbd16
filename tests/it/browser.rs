//! A real browser on the gateway's page: headless Chromium, driven over the WebDriver protocol.
//!
//! Needs `chromium` (or `google-chrome`) and `chromedriver`. Where they are missing a test says so and passes, except on CI.

use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens the page, presses its run button and answers what the result pane then holds.
///
/// `None` where there is no browser.
///
/// # Panics
/// Where the page asks for anything outside its own origin, writes an error to the console, or shows no JSON in time; on CI also
/// where there is no browser.
pub(crate) async fn run_first_query(page: &str, screenshot: &str) -> Option<Value> {
    let Some(browser) = Browser::start().await else {
        let reason = "no chromium and chromedriver on this machine (apt-get install chromium chromium-driver)";
        println!("SKIPPED: the page was not tried in a browser: {reason}");
        assert!(std::env::var_os("CI").is_none(), "{reason}");
        return None;
    };
    browser.command("url", &json!({ "url": page })).await;
    browser.wait_for(BUTTON).await;
    browser
        .script(&format!("{BUTTON}.click(); return true"))
        .await;
    let shown = browser.wait_for(RESULT).await;
    browser.save_screenshot(screenshot).await;
    browser.run_with_a_secret().await;
    let shown = shown.as_str().unwrap_or_default().to_owned();
    let foreign: Vec<String> = browser
        .requested()
        .await
        .into_iter()
        .filter(|url| is_network(url) && !url.starts_with(page))
        .collect();
    assert_eq!(
        foreign,
        Vec::<String>::new(),
        "the page needs something from elsewhere"
    );
    let complaints = browser.complaints().await;
    assert_eq!(
        complaints,
        Vec::<String>::new(),
        "the console is not silent"
    );
    browser.end().await;
    Some(serde_json::from_str(&shown).unwrap_or_else(|_| panic!("no JSON: {shown}")))
}

/// The run button of GraphiQL or of the plain editor.
const BUTTON: &str = "document.querySelector('.graphiql-execute-button, #run')";

/// The text of the result pane, once it is a whole answer.
const RESULT: &str = "(() => { \
    const editor = document.querySelector('.result-window .CodeMirror'); \
    const text = editor ? editor.CodeMirror.getValue() : (document.querySelector('#result') || {}).textContent; \
    try { JSON.parse(text); return text; } catch { return null; } })()";

fn is_network(url: &str) -> bool {
    ["http:", "https:", "ws:", "wss:"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
}

struct Browser {
    client: reqwest::Client,
    session: String,
    _driver: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    async fn start() -> Option<Self> {
        let chromium = ["chromium", "chromium-browser", "google-chrome"]
            .iter()
            .find_map(|name| on_path(name))?;
        let driver = on_path("chromedriver")?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .ok()?
            .local_addr()
            .ok()?
            .port();
        let driver = Command::new(driver)
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver starts");
        let profile = tempfile::tempdir().expect("a folder for the profile");
        let mut browser = Self {
            client: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a client"),
            session: format!("http://127.0.0.1:{port}"),
            _driver: driver,
            _profile: profile,
        };
        let started = Instant::now();
        while browser
            .client
            .get(format!("{}/status", browser.session))
            .send()
            .await
            .is_err()
        {
            assert!(started.elapsed() < PATIENCE, "chromedriver does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let folder = browser._profile.path().display().to_string();
        let options = json!({
            "binary": chromium,
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--disable-background-networking", "--window-size=1400,900", format!("--user-data-dir={folder}"),
            ],
        });
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        }}});
        let session = browser.command("session", &capabilities).await;
        let id = session["sessionId"].as_str().expect("a session").to_owned();
        browser.session = format!("{}/session/{id}", browser.session);
        Some(browser)
    }

    async fn command(&self, path: &str, body: &Value) -> Value {
        let request = self
            .client
            .post(format!("{}/{path}", self.session))
            .header("content-type", "application/json")
            .timeout(PATIENCE)
            .body(body.to_string());
        Self::value(request).await
    }

    async fn value(request: reqwest::RequestBuilder) -> Value {
        let text = request
            .send()
            .await
            .expect("chromedriver answers")
            .text()
            .await
            .expect("a body");
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        assert!(answer["value"].get("error").is_none(), "{text}");
        answer["value"].clone()
    }

    async fn script(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
            .await
    }

    /// Waits until an expression is something, and answers it.
    async fn wait_for(&self, expression: &str) -> Value {
        let started = Instant::now();
        loop {
            let value = self.script(&format!("return {expression}")).await;
            if !value.is_null() {
                return value;
            }
            assert!(started.elapsed() < PATIENCE, "in vain for {expression}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Runs the query once more with a credential in GraphiQL's headers, and looks for it in what the browser keeps.
    async fn run_with_a_secret(&self) {
        let full = "document.querySelector('.graphiql-execute-button') !== null";
        if self.script(&format!("return {full}")).await != json!(true) {
            return;
        }
        // What an earlier version of the page may have left.
        self.script(
            "localStorage.removeItem('graphiql:queries'); \
             localStorage.setItem('graphiql:favorites', JSON.stringify({ favorites: [{ query: '{ old }', headers: 's3cret' }] })); \
             location.reload(); return true",
        )
        .await;
        self.wait_for(BUTTON).await;
        self.script(
            "[...document.querySelectorAll('button')].find((tab) => tab.textContent === 'Headers').click(); return true",
        )
        .await;
        // Behind that of the variables.
        let headers = "document.querySelectorAll('.graphiql-editor-tool .CodeMirror')[1]";
        self.wait_for(headers).await;
        self.script(&format!(
            "{headers}.CodeMirror.setValue('{{ \"authorization\": \"Bearer s3cret\" }}'); return true"
        ))
        .await;
        // The headers are taken over a moment after they were typed.
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.script(&format!("{BUTTON}.click(); return true")).await;
        let history = "localStorage.getItem('graphiql:queries')";
        self.wait_for(&format!("{history} && {history}.includes('query') || null"))
            .await;
        let kept = self.script("return JSON.stringify(localStorage)").await;
        assert!(!kept.to_string().contains("s3cret"), "{kept}");
        assert!(kept.to_string().contains("{ old }"), "{kept}");
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self.command("se/log", &json!({ "type": kind })).await;
        entries.as_array().cloned().unwrap_or_default()
    }

    /// Every URL the page asked for.
    async fn requested(&self) -> Vec<String> {
        let events = self.log("performance").await;
        events
            .iter()
            .filter_map(|event| serde_json::from_str::<Value>(event["message"].as_str()?).ok())
            .filter(|event| event["message"]["method"] == "Network.requestWillBeSent")
            .filter_map(|event| {
                Some(
                    event["message"]["params"]["request"]["url"]
                        .as_str()?
                        .to_owned(),
                )
            })
            .collect()
    }

    /// What the console holds besides remarks.
    async fn complaints(&self) -> Vec<String> {
        let entries = self.log("browser").await;
        entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING")
            .map(|entry| entry["message"].to_string())
            .collect()
    }

    async fn save_screenshot(&self, name: &str) {
        use base64::Engine;
        let request = self.client.get(format!("{}/screenshot", self.session));
        let picture = Self::value(request).await;
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(picture.as_str().unwrap_or_default())
            .expect("a picture");
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        std::fs::write(folder.join(name), bytes).expect("the picture is kept");
    }

    async fn end(self) {
        let request = self.client.delete(&self.session);
        Self::value(request).await;
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
