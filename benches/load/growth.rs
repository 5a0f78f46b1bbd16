//! How the cost of a request grows: with its rows, and with nothing else. Page depth, kept customers and configured sources are
//! turned up a thousandfold beside it.

use super::client::{Client, WINDOW, by_id, lists};
use super::servers::{FILE, Server, Setup, gateway_of, upstream};
use super::{HOUR, median};
use axum::body::Bytes;
use serde_json::Value;

const ROUNDS: usize = 3;
const GIB: u64 = 1 << 30;

/// A request, over and over.
type Asked = Vec<(String, Bytes)>;

/// Measures and prints it all, with so many requests a run, and so many customers in the cache at most.
pub fn report(requests: usize, most_kept: usize) {
    let upstream = Server::start(upstream);
    let client = Client::new(requests);
    println!(
        "{:<44}{:>12}{:>18}{:>12}{:>16}",
        "", "", "µs CPU/request", "× first", "calls/request"
    );
    rows(&client, &upstream);
    depth(&client, &upstream);
    kept(&client, &upstream, most_kept);
    sources(&client, &upstream);
}

fn rows(client: &Client, upstream: &Server) {
    let off = started(upstream, Setup::default());
    let cursors = client.cursors(&off, &Value::Null, 3);
    let mut table = Table::new("rows, no cache");
    for rows in [1, 10, 20, 50, 100] {
        table.row(rows, client, &off, &lists(rows, &cursors));
    }
}

fn depth(client: &Client, upstream: &Server) {
    let off = started(upstream, Setup::default());
    let (mut after, mut page) = (Value::Null, 1);
    let mut table = Table::new("20 rows from this page on, no cache");
    for depth in [2, 1_000, 10_000] {
        // In windows as large as they go: what lies before is not what is measured.
        while page + WINDOW / 20 <= depth {
            after = client.window(&off, WINDOW, &after).1;
            page += WINDOW / 20;
        }
        let cursors = client.cursors(&off, &after, 1);
        table.row(depth, client, &off, &lists(20, &cursors));
    }
}

fn kept(client: &Client, upstream: &Server, most: usize) {
    let setup = Setup {
        file: FILE.replace("items   =", "complete = true\nitems ="),
        ttl: Some(HOUR),
        cache: 16 * GIB,
        ..Setup::default()
    };
    let gateway = started(upstream, setup);
    let (mut after, mut filled) = (Value::Null, 0);
    let mut ids: Vec<Value> = Vec::new();
    let (mut one, mut page) = (
        Table::new("customers kept: one by its id"),
        Table::new("customers kept: a list of 20"),
    );
    for target in [1_000, 10_000, 100_000, 1_000_000] {
        if target > most {
            break;
        }
        while filled < target {
            let (found, end) = client.window(&gateway, WINDOW, &after);
            // Some from everywhere.
            if filled % (target / 10) == 0 {
                ids.extend(found.into_iter().take(10));
            }
            (after, filled) = (end, filled + WINDOW);
        }
        let asked: Asked = ids.iter().map(by_id).collect();
        one.row(target, client, &gateway, &asked);
        page.row(target, client, &gateway, &lists(20, &[Value::Null]));
    }
}

fn sources(client: &Client, upstream: &Server) {
    let (mut one, mut page) = (
        Table::new("sources: one customer, no cache"),
        Table::new("sources: a list of 20 of one, no cache"),
    );
    for sources in [1, 10, 50] {
        let setup = Setup {
            sources,
            ..Setup::default()
        };
        let gateway = started(upstream, setup);
        let cursors = client.cursors(&gateway, &Value::Null, 1);
        one.row(sources, client, &gateway, &client.ones(&gateway));
        page.row(sources, client, &gateway, &lists(20, &cursors));
    }
}

fn started(upstream: &Server, setup: Setup) -> Server {
    let base = upstream.url();
    Server::start(move |listener| gateway_of(listener, base, setup))
}

/// What is turned up, and what the first of it cost.
struct Table {
    name: &'static str,
    first: Option<f64>,
}

impl Table {
    fn new(name: &'static str) -> Self {
        Self { name, first: None }
    }

    fn row(&mut self, number: usize, client: &Client, server: &Server, asked: &[(String, Bytes)]) {
        let asked = asked.to_vec();
        // The first round warms caches and connections.
        let (_, calls) = client.drive(server, &asked);
        let mut costs: Vec<f64> = (0..ROUNDS)
            .map(|_| client.drive(server, &asked).0)
            .collect();
        let cost = median(&mut costs);
        let first = *self.first.get_or_insert(cost);
        println!(
            "{:<44}{number:>12}{cost:>18.1}{:>12.2}{calls:>16.2}",
            self.name,
            cost / first
        );
    }
}
