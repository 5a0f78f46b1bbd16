//! The page of all figures: their names, and where each comes from.

use super::text::{Family, Labels, count, histogram, level, text};
use super::{Counts, RequestMeter, SourceMeter, Word};
use std::sync::Arc;

/// How things stand at the moment the page is asked for, and counters that live elsewhere.
#[derive(Default)]
pub struct Moment {
    /// Whether new requests are welcome.
    pub ready: bool,
    /// Connections that are open.
    pub connections: usize,
    /// Requests in work.
    pub in_work: usize,
    /// The caches, by name.
    pub caches: Vec<(&'static str, CacheMoment)>,
    /// What idempotency keys were found to be.
    pub keys: Vec<(&'static str, u64)>,
    /// What became of spans.
    pub spans: Vec<(&'static str, u64)>,
    /// The sources.
    pub sources: Vec<SourceMoment>,
}

/// One cache.
#[derive(Clone, Copy, Debug, Default)]
pub struct CacheMoment {
    /// Bytes that are kept.
    pub bytes: u64,
    /// Entries that are kept.
    pub entries: u64,
    /// Entries that had to go for want of room.
    pub crowded_out: u64,
    /// Entries whose time was over.
    pub expired: u64,
}

/// One source.
pub struct SourceMoment {
    /// Its key.
    pub key: Box<str>,
    /// What was counted of it.
    pub meter: Arc<SourceMeter>,
    /// How it is doing: every word, and whether it is the one.
    pub states: Vec<(&'static str, bool)>,
    /// Calls that are open.
    pub open: usize,
    /// Calls that wait for a place.
    pub waiting: usize,
    /// What its rate limit leaves, where it says so.
    pub quota_remaining: Option<u64>,
    /// What its rate limit is, where it says so.
    pub quota_limit: Option<u64>,
}

/// The page.
pub fn page(version: &str, requests: &RequestMeter, moment: &Moment) -> String {
    let mut families = vec![level(
        "crmql_build_info",
        "Always 1; the label tells the version.",
        vec![(vec![("version", version.to_owned())], 1)],
    )];
    of_process(&mut families, requests, moment);
    of_caches(&mut families, moment);
    of_calls(&mut families, &moment.sources);
    of_uses(&mut families, &moment.sources);
    of_conditions(&mut families, &moment.sources);
    text(families)
}

fn of_process(families: &mut Vec<Family>, requests: &RequestMeter, moment: &Moment) {
    let one = |value: usize| vec![(Labels::new(), value as u64)];
    let mut ended = Vec::new();
    let mut times = Vec::new();
    for (kind, counts, latency) in requests.kinds() {
        let label = || vec![("kind", (*kind).to_owned())];
        ended.extend(by_word(&label(), "outcome", counts));
        times.push((label(), latency));
    }
    let errors = requests.errors();
    let errors = errors.map(|(code, count)| (vec![("code", code.to_owned())], count));
    let results = |counts: &[(&'static str, u64)]| {
        let counts = counts.iter();
        counts
            .map(|(word, count)| (vec![("result", (*word).to_owned())], *count))
            .collect()
    };
    families.extend([
        level(
            "crmql_ready",
            "Whether new requests are welcome.",
            one(usize::from(moment.ready)),
        ),
        level(
            "crmql_connections",
            "Connections that are open.",
            one(moment.connections),
        ),
        level(
            "crmql_requests_in_work",
            "Requests to /graphql that are in work.",
            one(moment.in_work),
        ),
        count("crmql_requests", "Requests to /graphql.", ended),
        histogram(
            "crmql_request_duration_seconds",
            "Seconds from a request's head to its answer.",
            times,
        ),
        count(
            "crmql_errors",
            "Errors in answers, by their code.",
            errors.collect(),
        ),
        count(
            "crmql_idempotency_keys",
            "Writes that came with an idempotency key, by what it was found to be.",
            results(&moment.keys),
        ),
        count(
            "crmql_trace_spans",
            "Spans for the collector, by what became of them.",
            results(&moment.spans),
        ),
    ]);
}

fn of_caches(families: &mut Vec<Family>, moment: &Moment) {
    let label = |name: &str| vec![("cache", name.to_owned())];
    let levels = |of: fn(&CacheMoment) -> u64| {
        let caches = moment.caches.iter();
        caches
            .map(|(name, cache)| (label(name), of(cache)))
            .collect()
    };
    let mut gone = Vec::new();
    for (name, cache) in &moment.caches {
        for (cause, count) in [("room", cache.crowded_out), ("time", cache.expired)] {
            let mut labels = label(name);
            labels.push(("cause", cause.to_owned()));
            gone.push((labels, count));
        }
    }
    families.extend([
        level(
            "crmql_cache_bytes",
            "Bytes that are kept.",
            levels(|cache| cache.bytes),
        ),
        level(
            "crmql_cache_entries",
            "Entries that are kept.",
            levels(|cache| cache.entries),
        ),
        count("crmql_cache_evictions", "Entries that had to go.", gone),
    ]);
}

fn of_calls(families: &mut Vec<Family>, sources: &[SourceMoment]) {
    let mut calls = Vec::new();
    for (purpose, of) in [
        (
            "data",
            (|meter| &meter.data) as fn(&SourceMeter) -> &Counts<_>,
        ),
        ("credentials", |meter| &meter.credentials),
    ] {
        for source in sources {
            let mut labels = label(source);
            labels.push(("purpose", purpose.to_owned()));
            calls.extend(by_word(&labels, "outcome", of(&source.meter)));
        }
    }
    let times = sources.iter();
    let times = times.map(|source| (label(source), &source.meter.latency));
    let retries = |of: fn((u64, u64)) -> u64| {
        let sources = sources.iter();
        sources
            .map(|source| (label(source), of(source.meter.retries())))
            .collect()
    };
    families.extend([
        count(
            "crmql_upstream_calls",
            "Calls that were made to a CRM.",
            calls,
        ),
        histogram(
            "crmql_upstream_duration_seconds",
            "Seconds that calls to a CRM took.",
            times.collect(),
        ),
        count(
            "crmql_upstream_unsent",
            "Calls that were not made.",
            each(sources, "reason", |meter| &meter.unsent),
        ),
        count(
            "crmql_upstream_retries",
            "Calls that were tried again.",
            retries(|(granted, _)| granted),
        ),
        count(
            "crmql_upstream_retries_denied",
            "Calls that were not tried again because too many were.",
            retries(|(_, denied)| denied),
        ),
    ]);
}

fn of_uses(families: &mut Vec<Family>, sources: &[SourceMoment]) {
    families.extend([
        count(
            "crmql_page_reads",
            "Pages of lists that operations read, by where they came from.",
            each(sources, "from", |meter| &meter.pages),
        ),
        count(
            "crmql_customer_reads",
            "Customers that operations read by id, by where they came from.",
            each(sources, "from", |meter| &meter.customers),
        ),
        count(
            "crmql_conditional_reads",
            "Reads that asked a CRM only for what it had not said before, by what it answered.",
            each(sources, "result", |meter| &meter.conditional),
        ),
        count(
            "crmql_background_reads",
            "Reads that were to renew what is kept before it grew stale.",
            each(sources, "result", |meter| &meter.renewals),
        ),
        count(
            "crmql_writes",
            "Writes, by what came of them.",
            each(sources, "outcome", |meter| &meter.writes),
        ),
        count(
            "crmql_source_turns",
            "How often a source went down and came back.",
            each(sources, "to", |meter| &meter.turns),
        ),
    ]);
}

fn of_conditions(families: &mut Vec<Family>, sources: &[SourceMoment]) {
    let mut states = Vec::new();
    for source in sources {
        for (word, is) in &source.states {
            let mut labels = label(source);
            labels.push(("state", (*word).to_owned()));
            states.push((labels, u64::from(*is)));
        }
    }
    let levels = |of: fn(&SourceMoment) -> Option<u64>| {
        let known = sources
            .iter()
            .filter_map(|source| Some((label(source), of(source)?)));
        known.collect()
    };
    families.extend([
        level(
            "crmql_source_state",
            "1 for the state a source is in; unavailable is left alone by its breaker.",
            states,
        ),
        level(
            "crmql_source_calls_open",
            "Calls to a CRM that are open.",
            levels(|source| Some(source.open as u64)),
        ),
        level(
            "crmql_source_calls_waiting",
            "Calls to a CRM that wait for a place.",
            levels(|source| Some(source.waiting as u64)),
        ),
        level(
            "crmql_source_quota_remaining",
            "Calls that a CRM's rate limit leaves, where it says so.",
            levels(|source| source.quota_remaining),
        ),
        level(
            "crmql_source_quota_limit",
            "Calls that a CRM's rate limit allows, where it says so.",
            levels(|source| source.quota_limit),
        ),
    ]);
}

fn label(source: &SourceMoment) -> Labels {
    vec![("source", source.key.to_string())]
}

fn each<W: Word>(
    sources: &[SourceMoment],
    name: &'static str,
    of: fn(&SourceMeter) -> &Counts<W>,
) -> Vec<(Labels, u64)> {
    let counts = sources
        .iter()
        .map(|source| by_word(&label(source), name, of(&source.meter)));
    counts.flatten().collect()
}

fn by_word<W: Word>(labels: &Labels, name: &'static str, counts: &Counts<W>) -> Vec<(Labels, u64)> {
    let one = |(word, count): (&'static str, u64)| {
        let mut labels = labels.clone();
        labels.push((name, word.to_owned()));
        (labels, count)
    };
    counts.all().map(one).collect()
}
