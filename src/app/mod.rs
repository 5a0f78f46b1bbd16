//! The wiring: from arguments and configuration to a running command. The only module that knows all the others.
//!
//! Errors that nobody can mend in a file are `anyhow` here and nowhere below; they end the command with exit code 1.

mod callers;
mod check;
mod collector;
mod documents;
mod forwarded;
mod moment;
mod reload;
mod serve;
mod serving;
mod sources;

pub use serve::{demo_sources, routes, routes_keeping};

use crate::access;
use crate::cli::{Command, Exit};
use crate::config;
use crate::document::Problems;
use crate::graphql;
use anyhow::Context as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Does what the command says, and tells how it ended.
pub fn run(command: &Command) -> Exit {
    if let Err(error) = start_logs() {
        complain(&format!("crmql: {error:#}"));
        return Exit::Usage;
    }
    let outcome = match command {
        Command::Check(arguments) => check::check(arguments),
        Command::Serve(arguments) => serve::serve(&arguments.config),
        Command::Demo(arguments) => serve::demo(arguments),
        Command::Schema => schema(),
        Command::Key => key(),
    };
    outcome.unwrap_or_else(|error| {
        complain(&format!("crmql: {error:#}"));
        Exit::Failed
    })
}

fn schema() -> anyhow::Result<Exit> {
    say(&graphql::sdl()?).context("standard output")?;
    Ok(Exit::Fine)
}

/// A new API key, which is kept nowhere, and what a configuration says of it.
fn key() -> anyhow::Result<Exit> {
    let key = access::key::from_random(&config::random_key().context("random bytes")?);
    let hash = access::key::hash_text(&access::key::hash(&key));
    say(&format!("key     {key}\nsha256  {hash}\n")).context("standard output")?;
    Ok(Exit::Fine)
}

/// The stack of each thread that runs operations: the deepest operation allowed needs more than the usual 2 MiB.
const STACK: usize = 8 * 1024 * 1024;

/// What was begun beside a command and cannot be broken off gets so long to end: files that are being written do in less.
const LAST: Duration = Duration::from_secs(2);

/// Runs a command to its end, and waits for nothing else: looking up the name of a host may take far longer than anybody here
/// waited for it.
fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(STACK)
        .enable_all()
        .build()
        .context("the runtime")?;
    let outcome = runtime.block_on(command);
    runtime.shutdown_timeout(LAST);
    outcome
}

/// Says everything that is wrong.
fn refuse(problems: &Problems) -> Exit {
    complain(problems.to_string().trim_end());
    Exit::Usage
}

// === What people read ===

/// What `demo` prints once it listens: where the gateway is, where each emulated CRM is, and what to try first.
pub fn demo_banner(gateway: SocketAddr, crms: &[(&str, &str)]) -> String {
    let query = "{ customers(first: 5) { nodes { id displayName email source { key } } pageInfo { hasNextPage endCursor } } }";
    let mut banner = format!(
        "crmql demo: made-up customers in emulated CRMs, on this machine only\n\n  \
         GraphiQL  http://{gateway}/\n  \
         GraphQL   http://{gateway}/graphql\n  \
         Schema    http://{gateway}/schema.graphql\n\n  \
         CRMs\n"
    );
    let widest = crms.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, url) in crms {
        banner.push_str(&format!("    {name:widest$}  {url}\n"));
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
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let ours = FilterFn::new(may_be_logged);
    let started = match config::log_format().as_deref() {
        None | Some("text") => lines
            .with_ansi(io::stderr().is_terminal())
            .finish()
            .with(ours)
            .try_init(),
        Some("json") => lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .finish()
            .with(ours)
            .try_init(),
        Some(_) => anyhow::bail!("CRMQL_LOG_FORMAT is neither text nor json"),
    };
    started.map_err(|error| anyhow::anyhow!("{error}"))?;
    std::panic::set_hook(Box::new(note_panic));
    Ok(())
}

/// What others' code says in detail is never logged, whatever the filter says: it names hosts and shows headers.
fn may_be_logged(event: &tracing::Metadata<'_>) -> bool {
    event.target().starts_with("crmql") || *event.level() <= tracing::Level::INFO
}

/// Notes where a panic was, and not what it said: its message may hold a value.
fn note_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    tracing::error!(place = place.unwrap_or_default(), "a panic");
}

// === Signals ===

/// The signals that ask a server to stop. Made before anything is read or listens, so that none is missed.
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
        let banner = demo_banner(
            address(8080),
            &[
                ("one", "http://127.0.0.1:1"),
                ("three", "http://127.0.0.1:3"),
            ],
        );
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

    /// Where a test's log goes.
    #[derive(Clone, Default)]
    struct Paper(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl io::Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_noted_by_its_place_alone() {
        let paper = Paper::default();
        let writer = paper.clone();
        let log = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .finish();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(note_panic));
        tracing::subscriber::with_default(log, || {
            let panics = || panic!("mArk3r");
            drop(std::panic::catch_unwind(panics));
        });
        std::panic::set_hook(before);
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("src/app/mod.rs:"), "{text}");
        assert!(!text.contains("mArk3r"), "{text}");
    }

    #[test]
    fn a_command_ends_though_a_name_is_still_being_looked_up() {
        let began = std::time::Instant::now();
        let outcome = block_on(async {
            let (begun, has_begun) = tokio::sync::oneshot::channel();
            tokio::task::spawn_blocking(move || {
                begun.send(()).unwrap();
                std::thread::sleep(Duration::from_secs(5));
            });
            has_begun.await?;
            Ok(7)
        });
        assert_eq!(outcome.unwrap(), 7);
        assert!(began.elapsed() < Duration::from_secs(3));
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
