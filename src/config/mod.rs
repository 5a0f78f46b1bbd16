//! The configuration: one TOML file, and the variables and files it names.
//!
//! The only module that reads files or the environment; everything else is handed values. It knows what a source is
//! called and which adapter speaks for it; it must not know what an adapter needs. Secrets leave it in types that do
//! not print, and none of its problems quotes one.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the one module that reads files and the environment"
)]

mod auth;
mod documents;
mod outside;
mod read;
mod state;
mod telemetry;
#[cfg(test)]
mod tests;
mod tokens;
mod vars;

pub use auth::{Auth, CLOCK_SKEW, CLOCK_SKEW_RANGE, IssuerConfig, KeyConfig, VerifierConfig};
pub use documents::DocumentsConfig;
pub use outside::{Stamp, log_filter, log_format, read_named, read_text, stamps};
pub use state::{cursor_key, ledger_file, make_whole, owns_state, random_key, state_dir};
pub use telemetry::{Secrets, Telemetry};
pub use tokens::{Kept, token_store};

use crate::access::Network;
use crate::document::{Place, Problems};
use crate::limits::Limits;
use outside::Outside;
use secrecy::SecretString;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything that is configured.
#[derive(Debug)]
pub struct Config {
    /// `[server]`
    pub server: Server,
    /// `cursor_key`: what cursors are sealed with. The same key reads the same cursors on every replica and after a
    /// restart. Only ever `{ env = … }` or `{ file = … }`, at least 16 bytes. Use it through [`cursor_key`].
    pub cursor_key: Option<SecretString>,
    /// `[auth]`; `None` where callers are not told apart.
    pub auth: Option<Auth>,
    /// `[documents]`
    pub documents: DocumentsConfig,
    /// `[telemetry]`
    pub telemetry: Telemetry,
    /// `[limits]`
    pub limits: Limits,
    /// `[[source]]`, in the order of the file.
    pub sources: Vec<SourceConfig>,
    /// Every file that all this was read from, adapter files among them.
    pub files: Vec<PathBuf>,
}

/// `[server]`: where the gateway listens and keeps its state.
#[derive(Debug, PartialEq, Eq)]
pub struct Server {
    /// `listen`: address and port; 127.0.0.1:8080 when absent. Loopback only where callers are not told apart.
    pub listen: SocketAddr,
    /// `hosts`: names the gateway is called by, beside `localhost` and IP addresses. Without meaning where callers are told apart.
    pub hosts: Vec<Box<str>>,
    /// `origins`: whose pages may read answers.
    pub origins: Vec<Box<str>>,
    /// `proxies`: what stands in front of the gateway, and is believed about where requests come from.
    pub proxies: Vec<Network>,
    /// `introspection`: whether callers may ask for the schema.
    pub introspection: bool,
    /// `state_dir`: the folder for what must survive a restart. [`state_dir`] knows the default.
    pub state_dir: Option<PathBuf>,
}

/// `[[source]]`: one CRM account.
#[derive(Debug)]
pub struct SourceConfig {
    /// `key`: the name in ids, errors, metrics and logs. Unique.
    pub key: Box<str>,
    /// `tenant`: whose callers see it; empty for those that have none.
    pub tenant: Box<str>,
    /// `adapter`: what speaks for the CRM.
    pub adapter: Adapter,
    /// Where `adapter` stands.
    pub adapter_at: Place,
    /// `vars`: what the adapter needs to know.
    pub vars: BTreeMap<String, Var>,
    /// The vars that callers bring: `{ header = … }`.
    pub forwarded: BTreeMap<String, Forwarded>,
    /// The vars that are given and could not be read, which was said already.
    pub unread: BTreeSet<String>,
    /// Where `vars` stands, or the source where it has none.
    pub vars_at: Place,
    /// `timeouts`
    pub timeouts: Timeouts,
    /// `cache`; `None` where it is `false`.
    pub cache: Option<CacheTimes>,
    /// `concurrency`: calls to this CRM at the same time.
    pub concurrency: u32,
    /// `retries`: how often one call is tried again where that is safe; 0 never.
    pub retries: u32,
    /// `breaker`: when this CRM is left alone; `None` where it is `false`.
    pub breaker: Option<BreakerTimes>,
    /// Where the source begins in the file.
    pub at: Place,
}

/// What speaks for a CRM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adapter {
    /// An adapter that comes with the gateway, by name.
    BuiltIn(String),
    /// An adapter file; a relative path starts at the configuration's folder.
    File(PathBuf),
}

/// One of the values an adapter needs.
#[derive(Clone, Debug)]
pub struct Var {
    /// The value. Any of them may be secret, so none prints.
    pub value: SecretString,
    /// The value itself stands in the configuration. Refused for what the adapter calls secret.
    pub literal: bool,
    /// Where it stands.
    pub at: Place,
}

/// A var that callers bring along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// The header of their requests, in small letters.
    pub header: Box<str>,
    /// Where it stands.
    pub at: Place,
}

/// `timeouts`: how long a CRM may take. `connect` ≤ `attempt` ≤ `total`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To accept a connection.
    pub connect: Duration,
    /// To answer one call.
    pub attempt: Duration,
    /// For one use of the source in all: every page of a list or every id of a batch, waiting, signing in, and repeats.
    pub total: Duration,
}

/// `cache`: how long what a CRM said is used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheTimes {
    /// Without asking again.
    pub ttl: Duration,
    /// While the CRM fails, marked as stale.
    pub stale_if_error: Duration,
    /// That it has no such customer.
    pub absent_ttl: Duration,
    /// From this part of `ttl` on, in percent, what callers keep asking for is asked again in the background; `None` never.
    pub refresh_after_percent: Option<u32>,
}

/// `breaker`: when a CRM that keeps failing is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerTimes {
    /// So many failed calls within the window, if they are at least half of all.
    pub failures: u32,
    /// How far back is looked.
    pub window: Duration,
    /// How long nothing is sent, before one call tries again.
    pub rest: Duration,
}

/// The default of `server.listen`.
pub const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// The default of `source.concurrency`.
pub const CONCURRENCY: u32 = 16;
/// The range of `source.concurrency`.
pub const CONCURRENCY_RANGE: RangeInclusive<u32> = 1..=1_000;
/// The default of `source.retries`.
pub const RETRIES: u32 = 2;
/// The range of `source.retries`.
pub const RETRIES_RANGE: RangeInclusive<u32> = 0..=10;
/// The range of `source.breaker.failures`.
pub const FAILURES_RANGE: RangeInclusive<u32> = 1..=100_000;
/// The range of `source.breaker.window`.
pub const WINDOW_RANGE: RangeInclusive<Duration> = milliseconds(1_000, 3_600_000);
/// The range of `source.breaker.rest`.
pub const REST_RANGE: RangeInclusive<Duration> = milliseconds(100, 3_600_000);
/// The range of `source.timeouts.connect`.
pub const CONNECT_RANGE: RangeInclusive<Duration> = milliseconds(100, 60_000);
/// The range of `source.timeouts.attempt`.
pub const ATTEMPT_RANGE: RangeInclusive<Duration> = milliseconds(100, 300_000);
/// The range of `source.timeouts.total`.
pub const TOTAL_RANGE: RangeInclusive<Duration> = milliseconds(100, 600_000);
/// The range of `source.cache.ttl`; `cache = false` is how nothing is kept.
pub const TTL_RANGE: RangeInclusive<Duration> = milliseconds(1_000, 86_400_000);
/// The range of `source.cache.stale_if_error`.
pub const STALE_RANGE: RangeInclusive<Duration> = milliseconds(0, 86_400_000);
/// The range of `source.cache.absent_ttl`.
pub const ABSENT_RANGE: RangeInclusive<Duration> = milliseconds(0, 3_600_000);
/// The range of `source.cache.refresh_after_percent`.
pub const AHEAD_RANGE: RangeInclusive<u32> = 10..=99;
/// The range of `telemetry.sample_percent`.
pub const PERCENT_RANGE: RangeInclusive<u32> = 0..=100;
/// The shortest `cursor_key` in bytes.
pub const CURSOR_KEY_BYTES: usize = 16;

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: LISTEN,
            hosts: Vec::new(),
            origins: Vec::new(),
            proxies: Vec::new(),
            introspection: true,
            state_dir: None,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            attempt: Duration::from_secs(10),
            total: Duration::from_secs(20),
        }
    }
}

impl Default for BreakerTimes {
    fn default() -> Self {
        Self {
            failures: 10,
            window: Duration::from_secs(30),
            rest: Duration::from_secs(5),
        }
    }
}

impl Default for CacheTimes {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(30),
            stale_if_error: Duration::from_secs(600),
            absent_ttl: Duration::from_secs(5),
            refresh_after_percent: None,
        }
    }
}

/// Reads a configuration and everything it names but the adapter files.
///
/// Every mistake is noted. `None` where the file or its syntax could not be read; otherwise what could be read, with
/// defaults in place of what is wrong. It may be served only where nothing was noted, and looked at for more problems
/// in any case.
pub fn load(path: &Path, problems: &Problems) -> Option<Config> {
    let text = read_text(path, problems)?;
    let outside = Outside {
        variable: &|name| std::env::var_os(name),
        folder: path.parent().unwrap_or(Path::new("")),
        files: RefCell::new(vec![path.to_owned()]),
    };
    read::config(&path.display().to_string(), &text, &outside, problems)
}

const fn milliseconds(least: u64, most: u64) -> RangeInclusive<Duration> {
    Duration::from_millis(least)..=Duration::from_millis(most)
}
