//! `crmql check`: everything that is wrong with a configuration and with adapter files, at once.

use super::sources::{self, Tokens};
use super::{callers, documents, refuse, say};
use crate::adapter::{self, Manifest, fixtures};
use crate::cli::{Check, Exit};
use crate::config;
use crate::document::{Place, Problems};
use crate::model::Filter;
use crate::source::{Call, Operation, Paging, Position, SourceEntry, SourceErrorKind, Sources};
use anyhow::Context as _;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a live read of one source may take.
const LIVE: Duration = Duration::from_secs(30);

/// Checks what is named, and says that it is fine or what is wrong.
pub fn check(arguments: &Check) -> anyhow::Result<Exit> {
    super::block_on(checked(arguments))
}

async fn checked(arguments: &Check) -> anyhow::Result<Exit> {
    let problems = Problems::new();
    let mut fine = String::new();
    let mut failed = false;
    if let Some(file) = arguments.config()
        && let Some(config) = config::load(file, &problems)
    {
        let renewed = sources::renewed(&config);
        let tokens = match arguments.live && !renewed.is_empty() && config::owns_state(&config) {
            true => Tokens::Kept,
            false => Tokens::Unused,
        };
        let running = sources::build(&config, &problems, None, tokens);
        callers::build(&config, &problems, None);
        documents::examine(&config, &problems)?;
        let count = config.sources.len();
        let noun = if count == 1 { "source" } else { "sources" };
        writeln!(fine, "{}: fine, {count} {noun}", file.display())?;
        if let (true, true, Some(running)) = (arguments.live, problems.is_empty(), running) {
            for entry in running.tenants.values().flat_map(Sources::all) {
                let is_spent = tokens == Tokens::Unused && renewed.contains(&entry.key);
                let (line, good) = match is_spent {
                    true => (unread(&entry.key), true),
                    false => live(entry).await,
                };
                writeln!(fine, "{line}")?;
                failed |= !good;
            }
        }
    }
    for file in &arguments.files {
        if let Some(line) = check_file(file, &problems).await {
            writeln!(fine, "{line}")?;
        }
    }
    if !problems.is_empty() {
        return Ok(refuse(&problems));
    }
    say(&fine).context("standard output")?;
    Ok(if failed { Exit::Failed } else { Exit::Fine })
}

/// What is said of a source whose refresh token another user's gateway has to go on with.
fn unread(key: &str) -> String {
    format!(
        "{key}: a read would spend its refresh token, and the next one can be kept only by whoever `state_dir` belongs to, \
         so nothing was read"
    )
}

/// An adapter file and the fixtures beside it.
async fn check_file(file: &Path, problems: &Problems) -> Option<String> {
    let name = file.display().to_string();
    let text = config::read_text(file, problems)?;
    let manifest = Arc::new(adapter::read(&name, &text, problems)?);
    let beside = file.with_extension("fixtures.json");
    if !beside.exists() {
        return Some(format!(
            "{name}: fine; it has no fixtures ({} is not there)",
            beside.display()
        ));
    }
    let fixtures = config::read_text(&beside, problems)?;
    let mismatches = fixtures::play(&manifest, &fixtures).await;
    let at = Place::file(&beside.display().to_string());
    for mismatch in &mismatches {
        problems.note(&at, mismatch.as_str());
    }
    mismatches
        .is_empty()
        .then(|| format!("{name}: fine, its fixtures too; {}", summary(&manifest)))
}

/// What an adapter says of itself that an author should see.
fn summary(manifest: &Manifest) -> String {
    match manifest.assumptions.len() {
        0 => "no assumptions".to_owned(),
        1 => "1 assumption".to_owned(),
        many => format!("{many} assumptions"),
    }
}

/// One read of a configured source.
async fn live(entry: &SourceEntry) -> (String, bool) {
    let operation = Operation::new("check", Instant::now() + LIVE).no_older(Some(Duration::ZERO));
    let call = Call::new(Arc::new(operation));
    let started = Instant::now();
    let plan = match entry.source.plan(&Filter::default(), None) {
        Ok(plan) => plan,
        Err(_) => {
            return (
                format!("{}: cannot be listed, so nothing was read", entry.key),
                true,
            );
        }
    };
    let size = match plan.paging {
        Paging::Page(sizes) | Paging::Offset(sizes) | Paging::Keyset { sizes, .. } => sizes.min,
        Paging::Token(walk) | Paging::Link(walk) => walk.sizes.map_or(1, |sizes| sizes.min),
        Paging::None => 1,
    };
    match entry
        .source
        .list(&call, &plan, &Position::Start, size)
        .await
    {
        Ok(page) => (
            format!(
                "{}: answered in {} ms, {} row(s) in the first page",
                entry.key,
                started.elapsed().as_millis(),
                page.rows.len()
            ),
            true,
        ),
        Err(error) if error.kind == SourceErrorKind::Unauthenticated => (
            format!(
                "{}: its callers bring the credential, so nothing was read",
                entry.key
            ),
            true,
        ),
        Err(error) => {
            let trouble = entry.source.status().trouble;
            let why = trouble.map_or_else(String::new, |why| format!(": {why}"));
            let code = error.kind.code();
            (format!("{}: {error}{why} ({code})", entry.key), false)
        }
    }
}
