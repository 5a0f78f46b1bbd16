//! The load comparison: what a request costs the gateway's thread in CPU time, beside a bare proxy and a server of fixed bytes.
//!
//! Everything speaks HTTP on loopback. Each server has a thread of its own, whose CPU time the system counts; runs alternate
//! and the medians are printed with their ratios, because microseconds of one machine say little about another. Beside them stands
//! how many calls to the CRM a request took: the same read under way is made once for all who wait for it, so requests differ from
//! each other by more than there are connections, or what is measured would be shared. Linux only.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench that cannot be set up ends, reads how much CPU its threads used, and prints what it measured"
)]

#[path = "load/by_hand.rs"]
mod by_hand;
#[path = "load/client.rs"]
mod client;
#[path = "load/growth.rs"]
mod growth;
#[path = "load/servers.rs"]
mod servers;

use axum::body::Bytes;
use client::{Client, lists};
use crmql::limits::Limits;
use serde_json::Value;
use servers::{Server, TOTAL, fixed, gateway, proxy, upstream};
use std::time::Duration;

const REQUESTS: usize = 4_000;
const REPEATS: usize = 5;

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    if std::env::args().any(|argument| argument == "growth") {
        let numbers = std::env::args().filter_map(|argument| argument.parse().ok());
        let numbers: Vec<usize> = numbers.collect();
        let number = |index: usize, default| numbers.get(index).copied().unwrap_or(default);
        return growth::report(number(0, REQUESTS), number(1, TOTAL));
    }
    let upstream = Server::start(upstream);
    let base = upstream.url();
    let proxy = Server::start({
        let base = base.clone();
        move |listener| proxy(listener, base)
    });
    let fixed = Server::start(fixed);
    let by_hand = Server::start({
        let base = base.clone();
        move |listener| by_hand::serve(listener, base)
    });
    let off = Server::start({
        let base = base.clone();
        move |listener| gateway(listener, base, None, 0)
    });
    let rows = Server::start({
        let base = base.clone();
        move |listener| gateway(listener, base, Some(HOUR), 0)
    });
    let whole = Server::start({
        let kept = Limits::default().kept_answers_bytes;
        move |listener| gateway(listener, base, Some(HOUR), kept)
    });
    let client = Client::new(REQUESTS);
    let cursors = client.cursors(&off, &Value::Null, 3);
    let list = |first: usize| lists(first, &cursors);
    let (list_20, list_100, ones) = (list(20), list(100), client.ones(&off));
    let proxied = vec![(String::from("/customers?page=7&limit=20"), Bytes::new())];
    let works: Vec<Work<'_>> = vec![
        ("a bare proxy of a page of 20", &proxy, proxied),
        (
            "fixed bytes",
            &fixed,
            vec![(String::from("/"), Bytes::new())],
        ),
        ("list 20, written by hand", &by_hand, by_hand::lists()),
        ("one customer, written by hand", &by_hand, by_hand::ones()),
        ("list 20, no cache", &off, list_20.clone()),
        ("list 100, no cache", &off, list_100),
        ("one customer, no cache", &off, ones.clone()),
        ("list 20, cached rows", &rows, list_20.clone()),
        ("one customer, cached row", &rows, ones.clone()),
        ("list 20, cached answers", &whole, list_20),
        ("one customer, cached answers", &whole, ones),
    ];
    report(&client, &works);
}

const HOUR: Duration = Duration::from_secs(3_600);

/// What is measured: its name, the server, and the requests, over and over.
type Work<'s> = (&'static str, &'s Server, Vec<(String, Bytes)>);

fn report(client: &Client, works: &[Work<'_>]) {
    let (mut costs, mut calls) = (vec![Vec::new(); works.len()], vec![0.0; works.len()]);
    for round in 0..=REPEATS {
        for (((_, server, requests), costs), calls) in works.iter().zip(&mut costs).zip(&mut calls)
        {
            let (cost, called) = client.drive(server, requests);
            *calls = called;
            // The first round warms caches, connections and the branch predictor.
            if round > 0 {
                costs.push(cost);
            }
        }
    }
    let medians: Vec<f64> = costs.iter_mut().map(|costs| median(costs)).collect();
    let base = medians.first().copied().unwrap_or(1.0);
    println!(
        "{:<32}{:>16}{:>18}{:>16}",
        "", "µs CPU/request", "× bare proxy", "calls/request"
    );
    for (((name, ..), cost), calls) in works.iter().zip(&medians).zip(&calls) {
        println!("{name:<32}{cost:>16.1}{:>18.2}{calls:>16.2}", cost / base);
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
