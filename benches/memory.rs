//! What kept customers take: how many bytes the store says they take, and how much the process grew by them.
//!
//! Customers go the way that they go in service: read from a CRM's bytes, a hundred at a time, and kept each by itself with its own
//! record. Each case runs in a process of its own, with the allocator of the command. Linux only.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench that cannot be set up ends, starts itself anew, reads how large it is, and prints what it measured"
)]

use async_trait::async_trait;
use axum::body::Bytes;
use crmql::adapter::{Adapter, Site, TokenStore, Vars, read};
use crmql::document::Problems;
use crmql::load::{CachedSource, Caching, Store, Times};
use crmql::model::{Capabilities, Change, Filter, LocalId, Order};
use crmql::source::{
    Call, CustomerRef, CustomerSource, ListPlan, Operation, Page, Position, Row, SourceError,
    SourceStatus, Unsupported, Written,
};
use crmql::upstream::Settings;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HOUR: Duration = Duration::from_secs(3_600);
const MIB: u64 = 1 << 20;
/// Customers, and the bytes that they may take in MiB: more than they need, and fewer.
const CASES: &[(u32, u64)] = &[(1_000_000, 4_096), (1_000_000, 256)];

const FILE: &str = r#"
format = 1
id     = "acme"
name   = "Acme"
[http]
base = "http://127.0.0.1"
[[list]]
request = "GET /customers"
items   = "/data"
page    = { kind = "none" }
[fields]
id        = { r = "/_id" }
firstName = "/profile/firstName"
lastName  = "/profile/lastName"
email     = "/profile/email"
phone     = "/profile/phone"
company   = "/profile/company"
tier      = { r = "/tier", enum = "tier" }
tags      = { r = "/tags", type = "strings" }
createdAt = { r = "/createdAt", type = "datetime", as = "rfc3339" }
updatedAt = { r = "/updatedAt", type = "datetime", as = "rfc3339" }
[enums.tier]
GOLD   = "gold"
SILVER = "silver"
"#;

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let numbers = std::env::args().filter_map(|argument| argument.parse::<u32>().ok());
    match numbers.collect::<Vec<_>>().as_slice() {
        [customers, mib] => fill(*customers, u64::from(*mib) * MIB),
        _ => all(),
    }
}

fn all() {
    println!(
        "{:>10}{:>16}{:>16}{:>10}{:>12}{:>16}{:>14}{:>16}",
        "customers",
        "configured MiB",
        "counted MiB",
        "kept",
        "crowded out",
        "grown by MiB",
        "grown/counted",
        "grown/configured"
    );
    let this = std::env::current_exe().expect("a path");
    for (customers, mib) in CASES {
        let numbers = [customers.to_string(), mib.to_string()];
        let ended = std::process::Command::new(&this).args(numbers).status();
        assert!(ended.expect("it starts").success(), "it failed");
    }
}

fn fill(customers: u32, bytes: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let store = Store::new(bytes);
        let caching = Caching {
            times: Some(Times {
                ttl: HOUR,
                stale_if_error: HOUR,
                absent_ttl: HOUR,
                ahead: None,
            }),
            patience: HOUR,
            flights: 1_000,
            background: 0,
        };
        let source = CachedSource::new(Arc::new(Crm::new()), caching, store.clone());
        let operation = Arc::new(Operation::new("bench", Instant::now() + HOUR));
        let before = resident();
        for first in (0..customers).step_by(100) {
            let ids = (first..(first + 100).min(customers))
                .map(id)
                .collect::<Vec<_>>();
            let call = Call::new(Arc::clone(&operation));
            let found = source.fetch(&call, &ids).await;
            assert!(
                found.iter().all(|one| matches!(one, Ok(Some(_)))),
                "a customer"
            );
            // Nothing here is waited for, as it is in service, and the task of a read ends where somebody waits.
            tokio::task::yield_now().await;
        }
        let (grown, kept) = (resident().saturating_sub(before), store.moment());
        let mib = |bytes: u64| bytes as f64 / MIB as f64;
        println!(
            "{customers:>10}{:>16.1}{:>16.1}{:>10}{:>12}{:>16.1}{:>14.2}{:>16.2}",
            mib(bytes),
            mib(kept.bytes),
            kept.entries,
            kept.crowded_out,
            mib(grown),
            grown as f64 / kept.bytes as f64,
            grown as f64 / bytes as f64,
        );
    });
}

/// What the process takes, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok())
        .expect("a number")
        * 1_024
}

fn id(number: u32) -> LocalId {
    LocalId::new(format!("507f1f77bcf86cd7{number:08}")).expect("an id")
}

/// A record of about five hundred bytes.
fn record(id: &LocalId) -> Value {
    let number = id.as_str().get(16..).unwrap_or_default();
    json!({
        "_id": id.as_str(),
        "profile": {
            "firstName": "Annemarie", "lastName": format!("Example {number}"),
            "email": format!("annemarie.{number}@example.com"), "phone": "+4532123456", "company": "Example Brothers Ltd",
        },
        "tier": "gold", "status": "active", "tags": ["vip", "newsletter"], "totalSpent": 1500.5, "visits": 25,
        "address": { "street": "Example Street 42", "city": "Copenhagen", "zip": "2100", "country": "DK" },
        "createdAt": "2024-01-01T12:00:00Z", "updatedAt": "2024-01-15T10:30:00Z",
    })
}

/// A CRM that has everybody, without a wire in between.
struct Crm {
    adapter: Adapter,
    plan: ListPlan,
}

impl Crm {
    fn new() -> Self {
        let manifest = Arc::new(read("acme.toml", FILE, &Problems::new()).expect("a sound file"));
        let site = Site {
            vars: Vars::new(),
            settings: Settings::default(),
            total: HOUR,
            tokens: TokenStore::default(),
        };
        let adapter = Adapter::new(manifest, site).expect("it has no vars");
        let plan = adapter.plan(&Filter::default(), None).expect("a list");
        Self { adapter, plan }
    }
}

#[async_trait]
impl CustomerSource for Crm {
    fn capabilities(&self) -> &Capabilities {
        self.adapter.capabilities()
    }

    fn status(&self) -> SourceStatus {
        SourceStatus::default()
    }

    fn plan(&self, filter: &Filter, order: Option<Order>) -> Result<ListPlan, Unsupported> {
        self.adapter.plan(filter, order)
    }

    async fn list(
        &self,
        _: &Call,
        _: &ListPlan,
        _: &Position,
        _: u32,
    ) -> Result<Page, SourceError> {
        Ok(Page::default())
    }

    async fn fetch(
        &self,
        _: &Call,
        ids: &[LocalId],
    ) -> Vec<Result<Option<CustomerRef>, SourceError>> {
        let records: Vec<Value> = ids.iter().map(record).collect();
        let body = Bytes::from(json!({ "data": records }).to_string());
        let size = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let page = self
            .adapter
            .map_page(&self.plan, &Position::Start, size, body);
        let rows = page.expect("a page").rows.into_iter();
        rows.map(|row| match row {
            Row::Customer { customer, .. } => Ok(Some(customer)),
            Row::Gone { .. } | Row::Unreadable { .. } => Ok(None),
        })
        .collect()
    }

    async fn write(&self, call: &Call, change: &Change) -> Written {
        self.adapter.write(call, change).await
    }
}
