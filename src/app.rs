//! The wiring: from arguments and configuration to a running command. The only module that knows all the others.
//!
//! Errors that nobody can mend in a file are `anyhow` here and nowhere below; they end the command with exit code 1.

use crate::cli::{Check, Command, Exit};
use crate::config;
use crate::document::{Document, Problems};
use anyhow::Context as _;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use tracing_subscriber::EnvFilter;

/// Does what the command says, and tells how it ended.
pub fn run(command: &Command) -> Exit {
    if let Err(error) = start_logs() {
        complain(&format!("crmql: {error:#}"));
        return Exit::Usage;
    }
    let outcome = match command {
        Command::Check(arguments) => check(arguments),
        Command::Serve(arguments) => serve(&arguments.config),
        Command::Demo(_) | Command::Schema => Err(anyhow::anyhow!("not wired")),
    };
    outcome.unwrap_or_else(|error| {
        complain(&format!("crmql: {error:#}"));
        Exit::Failed
    })
}

// === Commands ===

fn serve(file: &std::path::Path) -> anyhow::Result<Exit> {
    let problems = Problems::new();
    let config = config::load(file, &problems);
    let (Some(_config), true) = (config, problems.is_empty()) else {
        return Ok(refuse(&problems));
    };
    anyhow::bail!("not wired")
}

fn check(arguments: &Check) -> anyhow::Result<Exit> {
    let problems = Problems::new();
    let mut fine = String::new();
    if let Some(file) = arguments.config()
        && let Some(config) = config::load(file, &problems)
    {
        let count = config.sources.len();
        let noun = if count == 1 { "source" } else { "sources" };
        writeln!(fine, "{}: fine, {count} {noun}", file.display())?;
    }
    for file in &arguments.files {
        let name = file.display().to_string();
        if let Some(text) = config::read_text(file, &problems) {
            Document::parse(&name, &text, &problems);
            writeln!(fine, "{name}: fine")?;
        }
    }
    if !problems.is_empty() {
        return Ok(refuse(&problems));
    }
    say(&fine).context("standard output")?;
    Ok(Exit::Fine)
}

/// Says everything that is wrong.
fn refuse(problems: &Problems) -> Exit {
    complain(problems.to_string().trim_end());
    Exit::Usage
}

// === What people read ===

/// What `demo` prints once it listens: where the gateway is, where each emulated CRM is, and what to try first.
pub fn demo_banner(gateway: SocketAddr, crms: &[(&str, SocketAddr)]) -> String {
    let query = "{ customers(first: 5) { nodes { id displayName email source { key } } pageInfo { hasNextPage endCursor } } }";
    let mut banner = format!(
        "crmql demo: made-up customers in emulated CRMs, on this machine only\n\n  \
         GraphiQL  http://{gateway}/\n  \
         GraphQL   http://{gateway}/graphql\n  \
         Schema    http://{gateway}/schema.graphql\n\n  \
         CRMs\n"
    );
    let widest = crms.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, address) in crms {
        banner.push_str(&format!("    {name:widest$}  http://{address}\n"));
    }
    banner.push_str(&format!(
        "\nTry:\n\n  curl -s http://{gateway}/graphql -H 'content-type: application/json' \\\n    \
         -d '{{\"query\":\"{query}\"}}'\n\nctrl-c ends it.\n"
    ));
    banner
}

/// Writes to standard output. A reader that has gone away (`crmql schema | head`) is no failure.
///
/// # Errors
/// Standard output cannot be written for another reason.
pub fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Writes a line to standard error.
fn complain(text: &str) {
    // Nobody is left to tell where even this fails.
    let _ = writeln!(io::stderr(), "{text}");
}

fn start_logs() -> anyhow::Result<()> {
    let filter = config::log_filter().unwrap_or_else(|| "info".to_owned());
    let filter = EnvFilter::try_new(filter).context("CRMQL_LOG is not a filter")?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .try_init()
        .map_err(|error| anyhow::anyhow!("{error}"))
}

// === Signals ===

/// The signals that ask a server to stop. Made before anything listens, so that none is missed.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// Begins to listen for SIGTERM and ctrl-c. From now on they no longer end the process by themselves.
    ///
    /// # Errors
    /// The system refuses.
    #[cfg(unix)]
    pub fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one, and tells its name. Called again while draining, it tells of a second one: that asks to
    /// end at once.
    #[cfg(unix)]
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Begins to listen for ctrl-c.
    ///
    /// # Errors
    /// Never.
    #[cfg(not(unix))]
    pub fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for ctrl-c.
    #[cfg(not(unix))]
    pub async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "ctrl-c",
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_names_every_address() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let banner = demo_banner(address(8080), &[("one", address(1)), ("three", address(3))]);
        assert!(banner.contains(" http://127.0.0.1:8080/\n"), "{banner}");
        assert!(
            banner.contains("    one    http://127.0.0.1:1\n"),
            "{banner}"
        );
        assert!(
            banner.contains("    three  http://127.0.0.1:3\n"),
            "{banner}"
        );
        assert!(banner.contains("curl -s http://127.0.0.1:8080/graphql"));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn every_signal_is_told_once() {
        let mut signals = Signals::new().unwrap();
        let me = std::process::id().to_string();
        for (signal, name) in [("-TERM", "SIGTERM"), ("-INT", "SIGINT")] {
            let sent = std::process::Command::new("kill")
                .args([signal, &me])
                .status();
            assert!(sent.unwrap().success());
            assert_eq!(signals.next().await, name);
        }
    }
}
