//! Load with faults for a while: what the process holds afterwards is what it held before. Memory, open files and threads
//! are the kernel's figures of the real command; tasks are counted by the runtime of a gateway in this process.
//!
//! Sixteen seconds; `SOAK_SECONDS=3600 cargo test --test it soak -- --nocapture` goes on for an hour and prints figures.

use super::support::gateway::{Running, SOURCES, start_with};
use super::support::process::{Process, configuration, spawn};
use crmql::demo::{self, Demo, Fault, Options};
use crmql::limits::Limits;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What the kernel says of a process.
#[derive(Clone, Copy, Debug)]
struct Held {
    kilobytes: u64,
    files: usize,
    threads: u64,
}

fn held(process: &Process) -> Held {
    let folder = format!("/proc/{}", process.id());
    let status = std::fs::read_to_string(format!("{folder}/status")).unwrap();
    let number = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    Held {
        kilobytes: number("VmRSS:"),
        files: std::fs::read_dir(format!("{folder}/fd")).unwrap().count(),
        threads: number("Threads:"),
    }
}

/// The `turn`th of a caller's requests; no two create the same customer.
fn request(caller: usize, turn: u64) -> Value {
    let source = SOURCES[(caller + turn as usize) % SOURCES.len()];
    match turn % 8 {
        0 => {
            json!({ "query": "{ customers(first: 100) { totalCount nodes { id displayName native parent { id } } } }" })
        }
        1 => {
            json!({ "query": "query($s: [String!]) { customers(first: 7, sources: $s) { edges { cursor node { id email } } } }",
            "variables": { "s": [source] } })
        }
        2 => {
            json!({ "query": "{ customers(first: 20, orderBy: { field: CREATED_AT }, sources: [\"gtateth\", \"gormic\"]) { nodes { id } } }" })
        }
        3 => {
            json!({ "query": "query($s: String!) { customers(first: 3, filter: { search: $s }) { nodes { id } } }",
            "variables": { "s": format!("a{turn}") } })
        }
        4 => {
            json!({ "query": "{ sources { key status { health } capabilities { filters { filter } } } }" })
        }
        5 => {
            json!({ "query": "mutation($i: CreateCustomerInput!) { createCustomer(input: $i) { outcome } }",
            "variables": { "i": { "source": "gtateth", "firstName": "Soak", "email": format!("soak.{caller}.{}@people.example", turn % 400),
                "idempotencyKey": format!("soak-{caller}-{}", turn % 400) } } })
        }
        6 => {
            json!({ "query": format!("{{ nodes(ids: [\"bm90aGluZw{turn}\"]) {{ id }} unknown{turn} }}") })
        }
        _ => {
            json!({ "query": "{ customers(last: 5, filter: { deleted: INCLUDE }) { nodes { id } } }" })
        }
    }
}

/// One caller until the end. It gives up on every tenth request before the answer is there.
async fn caller(url: &str, number: usize, end: Instant, done: &AtomicU64) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut turn = 0;
    while Instant::now() < end {
        turn += 1;
        let body = request(number, turn).to_string();
        let patience = Duration::from_millis(if turn % 10 == 0 { 3 } else { 60_000 });
        let sent = client
            .post(url)
            .header("content-type", "application/json")
            .timeout(patience)
            .body(body)
            .send();
        if let Ok(response) = sent.await {
            drop(response.bytes().await);
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
}

/// Breaks the CRMs in turn until the end, and mends them.
async fn breaker(crms: &[demo::Crm], end: Instant) {
    let faults = [
        Fault::Latency(Duration::from_millis(400)),
        Fault::Reset,
        Fault::Truncated,
        Fault::Garbage,
        Fault::Status {
            status: 429,
            retry_after: Some(1),
        },
        Fault::Status {
            status: 503,
            retry_after: None,
        },
        Fault::ApplyThenDrop,
    ];
    for round in 0.. {
        if Instant::now() >= end {
            break;
        }
        let crm = &crms[round % crms.len()];
        let fault = faults[round % faults.len()].clone();
        let some = Fault::Every {
            nth: 3,
            fault: Box::new(fault),
        };
        crm.set_fault(Some(some));
        tokio::time::sleep(Duration::from_millis(400)).await;
        crm.set_fault(None);
        // What the CRMs remember of requests is not what is measured.
        crm.clear_log();
    }
}

async fn load(url: &str, crms: &[demo::Crm], time: Duration, done: &AtomicU64) {
    let end = Instant::now() + time;
    let callers = (0..8).map(|number| caller(url, number, end, done));
    futures_util::future::join(join_all(callers), breaker(crms, end)).await;
}

fn seconds() -> u64 {
    let given = std::env::var("SOAK_SECONDS").ok();
    given.map_or(16, |text| text.parse().unwrap())
}

async fn command(demo: &Demo, folder: &std::path::Path) -> (Process, String) {
    let (text, environment) = configuration(demo);
    let text = text.replace("adapter = ", "concurrency = 4\nadapter = ");
    let text = text + "\n[limits]\ncache_bytes = 4000000\n";
    std::fs::write(folder.join("crmql.toml"), text).unwrap();
    let process = spawn(folder, &["serve"], &environment);
    let address = process.word_after("listening address=").await;
    (process, format!("http://{address}/graphql"))
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_with_faults_leaves_nothing_behind() {
    let options = Options {
        customers: 120,
        ports: None,
    };
    let demo = demo::start(options).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut process, url) = command(&demo, folder.path()).await;
    let idle = held(&process);
    let done = AtomicU64::new(0);
    let part = Duration::from_millis(seconds() * 1_000 / 4);
    let mut figures = Vec::new();
    for _ in 0..4 {
        load(&url, &demo.crms, part, &done).await;
        figures.push(held(&process));
    }
    let requests = done.load(Ordering::Relaxed);
    println!("{requests} requests; idle {idle:?}; after each quarter {figures:?}");
    assert!(requests > 100, "{requests}");
    // Caches fill in the first half; what grows after it is a leak.
    let (half, last) = (figures[1], figures[3]);
    assert!(
        last.kilobytes < half.kilobytes * 5 / 4 + 8_192,
        "memory grows: {figures:?}"
    );
    // Callers are gone; what stays open are at most four connections to each CRM, and of the issuing of tokens one.
    let most = idle.files + SOURCES.len() * 5;
    assert!(last.files <= most, "open files: {idle:?} {figures:?}");
    assert!(last.threads <= half.threads + 2, "threads: {figures:?}");
    let log = process.err();
    assert!(!log.contains("panic"), "{log:.2000}");
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_leaves_no_task_behind() {
    let limits = Limits {
        request_ms: 3_000,
        ..Limits::default()
    };
    let gateway: Running = start_with(40, limits).await;
    let url = format!("{}/graphql", gateway.url);
    let tasks = tokio::runtime::Handle::current().metrics();
    let idle = tasks.num_alive_tasks();
    let done = AtomicU64::new(0);
    let time = Duration::from_secs(seconds() / 4);
    load(&url, gateway.crms(), time, &done).await;
    let requests = done.load(Ordering::Relaxed);
    let began = Instant::now();
    // Each connection that is kept to a CRM is a task at either end, and there are as many as callers at most.
    let most = idle + SOURCES.len() * 8 * 2 + 8;
    let mut alive = tasks.num_alive_tasks();
    while alive > most && began.elapsed() < Duration::from_secs(8) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        alive = tasks.num_alive_tasks();
    }
    println!("{requests} requests; {idle} tasks before, {alive} after");
    assert!(
        alive <= most,
        "{alive} tasks, {idle} before {requests} requests"
    );
    assert!(requests > 30, "{requests}");
}
