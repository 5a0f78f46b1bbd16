//! From the document to the configuration: every key, its default and what is refused.

use super::auth::{self, auth};
use super::documents::documents;
use super::outside::Outside;
use super::telemetry::telemetry;
use super::vars;
use super::{
    ABSENT_RANGE, AHEAD_RANGE, ATTEMPT_RANGE, Adapter, BreakerTimes, CONCURRENCY,
    CONCURRENCY_RANGE, CONNECT_RANGE, CURSOR_KEY_BYTES, CacheTimes, Config, FAILURES_RANGE,
    REST_RANGE, RETRIES, RETRIES_RANGE, STALE_RANGE, Server, SourceConfig, TOTAL_RANGE, TTL_RANGE,
    Timeouts, WINDOW_RANGE,
};
use crate::access::Network;
use crate::document::{Document, Problems, Table, Text, Value};
use crate::limits::Limits;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Reads a whole configuration.
pub(super) fn config(
    file: &str,
    text: &str,
    outside: &Outside<'_>,
    problems: &Problems,
) -> Option<Config> {
    let document = Document::parse(file, text, problems)?;
    let mut root = document.root();
    let cursor_key = cursor_key(&mut root, outside);
    let auth = root.table("auth").map(|table| auth(table, outside));
    let server = root
        .table("server")
        .map(|table| server(table, auth.is_some(), outside));
    let documents = root
        .table("documents")
        .map(|table| documents(table, outside));
    let telemetry = root
        .table("telemetry")
        .map(|table| telemetry(table, outside));
    let limits = root.table("limits").map(limits);
    let tables = root.tables("source");
    if tables.is_empty() {
        root.problem(
            root.place(),
            "there is no [[source]]; a gateway needs one at least",
        );
    }
    let sources: Vec<SourceConfig> = tables
        .into_iter()
        .map(|table| source(table, outside))
        .collect();
    refuse_keys_given_twice(&sources, &root);
    let tenants = sources.iter().map(|source| (&*source.tenant, &source.at));
    auth::refuse_strangers(auth.as_ref(), tenants, &root);
    root.finish();
    let adapters = sources.iter().filter_map(|source| match &source.adapter {
        Adapter::File(path) => Some(path.clone()),
        Adapter::BuiltIn(_) => None,
    });
    let mut files = outside.files.borrow().clone();
    files.extend(adapters);
    Some(Config {
        files,
        server: server.unwrap_or_default(),
        cursor_key,
        auth,
        documents: documents.unwrap_or_default(),
        telemetry: telemetry.unwrap_or_default(),
        limits: limits.unwrap_or_default(),
        sources,
    })
}

fn cursor_key(root: &mut Table<'_>, outside: &Outside<'_>) -> Option<SecretString> {
    let value = root.value("cursor_key")?;
    let at = value.at().clone();
    let key = outside.secret(root, "cursor_key", value)?;
    if key.expose_secret().len() < CURSOR_KEY_BYTES {
        let message = format!("`cursor_key` is shorter than {CURSOR_KEY_BYTES} bytes");
        root.problem(&at, message);
        return None;
    }
    Some(key)
}

// === [server] ===

fn server(mut table: Table<'_>, guarded: bool, outside: &Outside<'_>) -> Server {
    let listen = table
        .string("listen")
        .and_then(|text| listen(&table, &text, guarded));
    let hosts = table.strings("hosts");
    let hosts = hosts
        .into_iter()
        .filter_map(|text| host(&table, text))
        .collect();
    let origins = table.strings("origins");
    let origins = origins
        .into_iter()
        .filter_map(|text| origin(&table, text))
        .collect();
    let proxies = table.strings("proxies");
    let proxies = proxies
        .into_iter()
        .filter_map(|text| network(&table, &text))
        .collect();
    let introspection = table.bool("introspection");
    let state_dir = table
        .string("state_dir")
        .and_then(|text| filled(&table, "state_dir", text));
    table.finish();
    let default = Server::default();
    Server {
        listen: listen.unwrap_or(default.listen),
        hosts,
        origins,
        proxies,
        introspection: introspection.unwrap_or(default.introspection),
        state_dir: state_dir.map(|text| outside.path(&text.value)),
    }
}

fn listen(table: &Table<'_>, text: &Text, guarded: bool) -> Option<SocketAddr> {
    let Ok(address) = text.value.parse::<SocketAddr>() else {
        let message =
            "`server.listen` is not an address and a port, such as 127.0.0.1:8080 or [::1]:8080";
        table.problem(&text.at, message);
        return None;
    };
    if !guarded && is_within_reach(address) {
        let message = format!(
            "`server.listen` is {address}, which others can reach, and without [auth] the gateway does not tell callers \
             apart; write [auth], or listen on a loopback address such as 127.0.0.1:{} behind a proxy that does",
            address.port()
        );
        table.problem(&text.at, message);
        return None;
    }
    Some(address)
}

/// Whether other machines can reach what listens here.
fn is_within_reach(address: SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

impl Config {
    /// Whether others can reach the gateway and are not told apart.
    pub fn is_open(&self) -> bool {
        self.auth.is_none() && is_within_reach(self.server.listen)
    }
}

/// A name as it stands in the `Host` of a request, which is compared without its port and a dot at its end.
fn host(table: &Table<'_>, text: Text) -> Option<Box<str>> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &str| !label.is_empty() && label.bytes().all(letter);
    if text.value.split('.').all(label) {
        return Some(text.value.into());
    }
    let message = "`server.hosts`: a host is a name alone, such as gateway.example.com, without scheme, port or path; \
                   localhost and IP addresses need not be listed";
    table.problem(&text.at, message);
    None
}

/// An origin as browsers send it: scheme, host and port, nothing else; so also no `*` and no `null`.
fn origin(table: &Table<'_>, text: Text) -> Option<Box<str>> {
    let serialized = url::Url::parse(&text.value)
        .ok()
        .map(|url| url.origin().ascii_serialization());
    if serialized.as_deref() == Some(&text.value) && text.value.starts_with("http") {
        return Some(text.value.into());
    }
    let message = "`server.origins`: an origin is written as browsers send it, such as https://app.example.com";
    table.problem(&text.at, message);
    None
}

fn network(table: &Table<'_>, text: &Text) -> Option<Network> {
    let network = Network::read(&text.value);
    if network.is_none() {
        let message = "`server.proxies`: an IP address, or a network such as 10.0.0.0/8";
        table.problem(&text.at, message);
    }
    network
}

// === [limits] ===

fn limits(mut table: Table<'_>) -> Limits {
    let mut limits = Limits::default();
    for (name, _, least, most) in Limits::ALL {
        let Some(value) = table.integer(name, *least..=*most) else {
            continue;
        };
        if !limits.set(name, value) {
            let message = format!("`limits.{name}` is too large for this machine");
            table.problem(&table.place_of(name), message);
        }
    }
    table.finish();
    limits
}

// === [[source]] ===

fn source(mut table: Table<'_>, outside: &Outside<'_>) -> SourceConfig {
    let key = table
        .required_string("key")
        .and_then(|text| key(&table, text));
    let tenant = auth::tenant(&mut table);
    let adapter = table
        .required_string("adapter")
        .and_then(|text| filled(&table, "adapter", text))
        .map(|text| adapter(&text.value, outside));
    let vars = table.table("vars").map(|vars| vars::vars(vars, outside));
    let vars = vars.unwrap_or_default();
    let timeouts = table.table("timeouts").map(timeouts);
    let cache = cache(&mut table);
    let concurrency = table.integer("concurrency", CONCURRENCY_RANGE);
    let retries = table.integer("retries", RETRIES_RANGE);
    let breaker = breaker(&mut table);
    let source = SourceConfig {
        key: key.unwrap_or_default().into(),
        tenant,
        adapter: adapter.unwrap_or(Adapter::BuiltIn(String::new())),
        adapter_at: table.place_of("adapter"),
        vars: vars.configured,
        forwarded: vars.forwarded,
        unread: vars.unread,
        vars_at: table.place_of("vars"),
        timeouts: timeouts.unwrap_or_default(),
        cache,
        concurrency: concurrency.unwrap_or(CONCURRENCY),
        retries: retries.unwrap_or(RETRIES),
        breaker,
        at: table.place().clone(),
    };
    table.finish();
    source
}

/// A source's key as it may stand in ids, metrics and logs.
fn key(table: &Table<'_>, text: Text) -> Option<String> {
    let fits = is_key(&text.value);
    if !fits {
        let message = format!(
            "`{}`: a key is made of a-z, 0-9, `_` and `-`, starts with a letter or digit, and has at most 63 characters",
            table.path_of("key")
        );
        table.problem(&text.at, message);
    }
    fits.then_some(text.value)
}

/// Whether a text may name something in ids, metrics and logs.
pub(super) fn is_key(text: &str) -> bool {
    let first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let any = |c: char| first(c) || c == '_' || c == '-';
    text.starts_with(first) && text.chars().all(any) && text.len() <= 63
}

/// A built-in adapter is a bare name; anything with a slash or an ending is a file.
fn adapter(text: &str, outside: &Outside<'_>) -> Adapter {
    if text.contains('/') || text.ends_with(".toml") {
        Adapter::File(outside.path(text))
    } else {
        Adapter::BuiltIn(text.to_owned())
    }
}

fn timeouts(mut table: Table<'_>) -> Timeouts {
    let default = Timeouts::default();
    let connect = table.duration("connect", CONNECT_RANGE);
    let attempt = table.duration("attempt", ATTEMPT_RANGE);
    let total = table.duration("total", TOTAL_RANGE);
    // A default never contradicts what is given: `connect` gives way to a shorter `attempt`, and `attempt` to a shorter `total`.
    let total = total.unwrap_or(default.total);
    let attempt = attempt.unwrap_or_else(|| default.attempt.min(total));
    let timeouts = Timeouts {
        connect: connect.unwrap_or_else(|| default.connect.min(attempt)),
        attempt,
        total,
    };
    for (shorter, short, longer, long) in [
        ("connect", timeouts.connect, "attempt", timeouts.attempt),
        ("attempt", timeouts.attempt, "total", timeouts.total),
    ] {
        if short > long {
            let message = format!(
                "`{}` is {short:?}, longer than `{longer}`, which is {long:?}",
                table.path_of(shorter)
            );
            table.problem(table.place(), message);
        }
    }
    table.finish();
    timeouts
}

/// A table that may also be `false`, which switches off what it says; `true` and nothing stand for its defaults.
fn switchable<'d, T: Default>(
    source: &mut Table<'d>,
    key: &str,
    read: impl FnOnce(Table<'d>) -> T,
) -> Option<T> {
    match source.value(key) {
        None | Some(Value::Bool(true, _)) => Some(T::default()),
        Some(Value::Bool(false, _)) => None,
        Some(Value::Table(table)) => Some(read(table)),
        Some(other) => {
            let path = source.path_of(key);
            let message = format!(
                "`{path}`: expected a table or false, found {}",
                other.kind()
            );
            source.problem(other.at(), message);
            Some(T::default())
        }
    }
}

fn cache(source: &mut Table<'_>) -> Option<CacheTimes> {
    switchable(source, "cache", |mut table| {
        let default = CacheTimes::default();
        let ttl = table.duration("ttl", TTL_RANGE);
        let stale_if_error = table.duration("stale_if_error", STALE_RANGE);
        let absent_ttl = table.duration("absent_ttl", ABSENT_RANGE);
        let refresh_after_percent = table.integer("refresh_after_percent", AHEAD_RANGE);
        table.finish();
        CacheTimes {
            ttl: ttl.unwrap_or(default.ttl),
            stale_if_error: stale_if_error.unwrap_or(default.stale_if_error),
            absent_ttl: absent_ttl.unwrap_or(default.absent_ttl),
            refresh_after_percent,
        }
    })
}

fn breaker(source: &mut Table<'_>) -> Option<BreakerTimes> {
    switchable(source, "breaker", |mut table| {
        let default = BreakerTimes::default();
        let failures = table.integer("failures", FAILURES_RANGE);
        let window = table.duration("window", WINDOW_RANGE);
        let rest = table.duration("rest", REST_RANGE);
        table.finish();
        BreakerTimes {
            failures: failures.unwrap_or(default.failures),
            window: window.unwrap_or(default.window),
            rest: rest.unwrap_or(default.rest),
        }
    })
}

fn refuse_keys_given_twice(sources: &[SourceConfig], root: &Table<'_>) {
    let mut seen = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.key.is_empty()) {
        if let Some(first) = seen.insert(&source.key, &source.at) {
            let message = format!(
                "the key `{}` already names the source at line {}",
                source.key, first.line
            );
            root.problem(&source.at, message);
        }
    }
}

/// A string that must say something.
pub(super) fn filled(table: &Table<'_>, key: &str, text: Text) -> Option<Text> {
    if text.value.is_empty() {
        table.problem(&text.at, format!("`{}` is empty", table.path_of(key)));
        return None;
    }
    Some(text)
}
