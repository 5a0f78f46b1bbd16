//! README.md tells the truth: its tables are the code's, its commands exist, its files pass `crmql check`, and every query in
//! it answers what stands below it.
//!
//! In an answer of the README `…` ends a text or a list that was cut short, or stands alone for any value. A text cut short is remembered, so that
//! a later query can be given a cursor as the reader would: by what stands there.

use crate::running::demo_gateway;
use clap::Parser as _;
use crmql::cli::Cli;
use crmql::limits::Limits;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// A fenced block: its language and its text.
struct Block {
    language: String,
    text: String,
}

pub(super) fn readme() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(root.join("README.md")).unwrap()
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut parts = text.split("```").skip(1);
    while let Some(inside) = parts.next() {
        let (language, text) = inside.split_once('\n').unwrap();
        blocks.push(Block {
            language: language.trim().to_owned(),
            text: text.to_owned(),
        });
        parts.next();
    }
    blocks
}

/// The cells of the table rows whose first cell is a word in backquotes, below a heading.
pub(super) fn rows(text: &str, heading: &str) -> Vec<Vec<String>> {
    let start = text
        .find(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("no {heading}"));
    let section = &text[start + heading.len() + 2..];
    let section = section.split("\n#").next().unwrap();
    let table = section.lines().filter(|line| line.starts_with("| `"));
    let cells = |line: &str| {
        line.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().replace('`', ""))
            .collect()
    };
    table.map(cells).collect()
}

#[test]
fn the_table_of_limits_is_the_codes() {
    let number = |cell: &str| {
        cell.replace(' ', "")
            .parse::<u64>()
            .unwrap_or_else(|_| panic!("no number: {cell}"))
    };
    let text = readme();
    let told: Vec<(String, u64, u64, u64)> = rows(&text, "### `[limits]`")
        .iter()
        .map(|row| {
            let (least, most) = row[2].split_once('–').unwrap();
            (row[0].clone(), number(&row[1]), number(least), number(most))
        })
        .collect();
    let real: Vec<(String, u64, u64, u64)> = Limits::ALL
        .iter()
        .map(|(name, default, least, most)| ((*name).to_owned(), *default, *least, *most))
        .collect();
    assert_eq!(told, real);
}

#[test]
fn the_table_of_error_codes_is_the_schemas() {
    let sdl = crmql::graphql::sdl().unwrap();
    let codes = sdl
        .split("enum ErrorCode {")
        .nth(1)
        .unwrap()
        .split('}')
        .next()
        .unwrap();
    let is_code =
        |line: &&str| !line.is_empty() && line.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let real: Vec<&str> = codes.lines().map(str::trim).filter(is_code).collect();
    let text = readme();
    let told: Vec<String> = rows(&text, "## Error codes")
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    assert_eq!(told, real);
}

#[test]
fn every_command_exists() {
    let run =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/run")).unwrap();
    for block in blocks(&readme())
        .iter()
        .filter(|block| block.language == "sh")
    {
        for line in block.text.replace("\\\n", " ").lines() {
            let command = line.split(" #").next().unwrap().trim();
            let variable = |word: &&str| {
                word.split('=')
                    .next()
                    .unwrap()
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c == '_')
            };
            let words: Vec<&str> = command.split_whitespace().skip_while(variable).collect();
            match words.as_slice() {
                [] => {}
                ["cargo", "run", ..] => {
                    let ours = words.iter().copied().skip_while(|word| *word != "--");
                    assert!(Cli::try_parse_from(ours).is_ok(), "{line}");
                }
                ["cargo", "test" | "build", ..] | ["curl" | "python3" | "git" | "cd", ..] => {}
                ["crmql" | "target/release/crmql", ..] => {
                    assert!(Cli::try_parse_from(&words).is_ok(), "{line}");
                }
                [".ci/run"] => {}
                [".ci/run", step] => assert!(run.contains(&format!("\n{step}() {{")), "{line}"),
                _ => panic!("unknown command in README.md: {line}"),
            }
        }
    }
}

#[test]
fn every_file_passes_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let mut named = Vec::new();
    for block in blocks(&readme()) {
        let name = match block.language.split_once(' ') {
            Some((_, name)) => name.to_owned(),
            None => continue,
        };
        std::fs::write(folder.path().join(&name), &block.text).unwrap();
        named.push(name);
    }
    assert_eq!(
        named,
        ["acme.toml", "acme.fixtures.json", "crm.py", "crmql.toml"]
    );
    for arguments in [&["check", "acme.toml"][..], &["check"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_crmql"))
            .args(arguments)
            .current_dir(folder.path())
            .env("ACME_KEY", "s3cret")
            .output()
            .unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.contains("fine"),
            "{arguments:?}: {said}"
        );
    }
}

/// A key that stands in a page is nobody's secret.
#[test]
fn no_example_lets_anybody_in() {
    let text = readme();
    let keys = blocks(&text).into_iter().map(|block| block.text);
    let keys: Vec<String> = keys.filter(|text| text.contains("[[auth.key]]")).collect();
    assert!(!keys.is_empty());
    for key in keys {
        let folder = tempfile::tempdir().unwrap();
        let source = "[[source]]\nkey = 'a'\nadapter = 'gtateth'\nvars = { api_key = { env = 'ACME_KEY' } }\n";
        std::fs::write(folder.path().join("crmql.toml"), key + source).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_crmql"))
            .arg("check")
            .current_dir(folder.path())
            .env("ACME_KEY", "s3cret")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(
            said.contains("`crmql key` makes a key and its hash"),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_answers_what_stands_below_it() {
    let gateway = demo_gateway(250).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let blocks = blocks(&readme());
    let mut remembered = BTreeMap::new();
    let mut tried = 0;
    for pair in blocks
        .windows(2)
        .filter(|pair| pair[0].language == "graphql")
    {
        let mut query = pair[0].text.clone();
        for (shown, whole) in &remembered {
            query = query.replace(&format!("\"{shown}\""), &format!("\"{whole}\""));
        }
        let request = client
            .post(format!("{}/graphql", gateway.url))
            .header("content-type", "application/json")
            .body(json!({ "query": query }).to_string());
        let answer = request.send().await.unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(pair[1].language, "json", "no answer below {query}");
        let shown: Value = serde_json::from_str(&pair[1].text)
            .unwrap_or_else(|error| panic!("{error}: {}", pair[1].text));
        assert!(
            is_like(&shown, &answer, &mut remembered),
            "{query}\nanswers {answer:#}"
        );
        tried += 1;
    }
    assert!(tried >= 8, "only {tried} queries were found");
}

/// Whether an answer is the one shown, which may be cut short.
fn is_like(shown: &Value, real: &Value, remembered: &mut BTreeMap<String, String>) -> bool {
    match (shown, real) {
        (Value::String(shown), _) if shown == "…" => true,
        (Value::String(shown), Value::String(real)) => match shown.strip_suffix('…') {
            Some(start) => {
                remembered.insert(shown.clone(), real.clone());
                real.starts_with(start)
            }
            None => shown == real,
        },
        (Value::Array(shown), Value::Array(real)) => {
            let (shown, is_cut) = match shown.split_last() {
                Some((last, start)) if last == "…" => (start, true),
                _ => (shown.as_slice(), false),
            };
            (shown.len() == real.len() || is_cut && shown.len() < real.len())
                && shown
                    .iter()
                    .zip(real)
                    .all(|(shown, real)| is_like(shown, real, remembered))
        }
        (Value::Object(shown), Value::Object(real)) => {
            shown.len() == real.len()
                && shown.iter().all(|(name, shown)| {
                    real.get(name)
                        .is_some_and(|real| is_like(shown, real, remembered))
                })
        }
        _ => shown == real,
    }
}
