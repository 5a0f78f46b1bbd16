//! What a caller may do to a connection, over real sockets.

mod http2;
mod refused;

use crate::graphql::toy;
use crate::http::{Hosts, Policy, Readiness, router, serve};
use crate::limits::Limits;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

struct Running {
    address: SocketAddr,
    readiness: Readiness,
    gateway: crate::graphql::Gateway,
    stop: oneshot::Sender<()>,
    server: JoinHandle<bool>,
}

async fn start(limits: Limits) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let readiness = Readiness::new();
    let gateway = toy::gateway(&limits);
    let routes = router(
        gateway.clone(),
        &limits,
        readiness.clone(),
        Policy::open(Hosts::Only(vec![])),
    );
    let (stop, stopped) = oneshot::channel();
    let known = readiness.clone();
    let server = tokio::spawn(async move {
        let shutdown = async move { drop(stopped.await) };
        serve(listener, routes, &limits, &known, shutdown).await
    });
    Running {
        address,
        readiness,
        gateway,
        stop,
        server,
    }
}

fn quick() -> Limits {
    Limits {
        receive_ms: 200,
        ..Limits::default()
    }
}

async fn open(running: &Running, first: &str) -> TcpStream {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(first.as_bytes()).await.unwrap();
    stream
}

/// Everything until the server closes; fails after three seconds.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let reading = stream.read_to_end(&mut bytes);
    let read = timeout(Duration::from_secs(3), reading)
        .await
        .expect("the server closes");
    // A reset is an end too.
    drop(read);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn post(query: &str) -> String {
    let body = serde_json::json!({ "query": query }).to_string();
    format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn who_does_not_finish_a_head_is_cut() {
    let running = start(quick()).await;
    for silent in ["", "P", "PRI * HT", "GET /healthz HTTP/1.1\r\nhost: loc"] {
        let mut stream = open(&running, silent).await;
        let started = Instant::now();
        until_closed(&mut stream).await;
        assert!(started.elapsed() > Duration::from_millis(100), "{silent:?}");
    }
}

#[tokio::test]
async fn who_is_silent_between_requests_is_cut() {
    let running = start(quick()).await;
    let mut stream = open(&running, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(until_closed(&mut stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_no_answer_is_cut() {
    let running = start(quick()).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let stream = socket.connect(running.address).await.unwrap();
    let (_unread, mut writing) = stream.into_split();
    let request = post(&format!("{{ text(value: \"{}\") }}", "x".repeat(100_000)));
    let asking = async { while writing.write_all(request.as_bytes()).await.is_ok() {} };
    let cut = timeout(Duration::from_secs(5), asking).await;
    assert!(cut.is_ok(), "the connection is still open");
    gone(&running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_an_answer_slowly_gets_all_of_it() {
    let running = start(Limits {
        receive_ms: 1_000,
        ..Limits::default()
    })
    .await;
    let stream = TcpStream::connect(running.address).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let request = post(&format!("{{ text(value: \"{}\") }}", "x".repeat(100_000)));
    let asking = tokio::spawn(async move {
        for _ in 0..120 {
            writing.write_all(request.as_bytes()).await.unwrap();
        }
        writing
    });
    let mut taken = 0;
    let mut some = vec![0; 65_536];
    let started = Instant::now();
    while taken < 12_000_000 {
        let read = reading.read(&mut some).await.unwrap();
        assert!(read > 0, "cut after {taken} bytes");
        taken += read;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(started.elapsed() > Duration::from_millis(1_200));
    drop(asking.await.unwrap());
}

/// Waits until no connection is open.
async fn gone(running: &Running) {
    let none = async {
        while running.readiness.connections() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let none = timeout(Duration::from_secs(3), none).await;
    assert!(none.is_ok(), "the connection is still open");
}

#[tokio::test]
async fn who_names_no_host_is_told() {
    let running = start(quick()).await;
    for (head, status) in [
        ("GET /healthz HTTP/1.1\r\n\r\n", 400),
        (
            "GET /healthz HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n",
            400,
        ),
        ("GET /healthz HTTP/1.0\r\n\r\n", 200),
    ] {
        let mut stream = open(&running, head).await;
        let answer = until_closed(&mut stream).await;
        let expected = format!("HTTP/1.{} {status}", u8::from(status == 400));
        assert!(answer.starts_with(&expected), "{head}: {answer}");
    }
}

#[tokio::test]
async fn a_head_too_large_is_refused() {
    let running = start(Limits {
        head_bytes: 8_192,
        ..Limits::default()
    })
    .await;
    let mut stream = open(
        &running,
        &format!("GET /healthz HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(9_000)),
    )
    .await;
    assert!(until_closed(&mut stream).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_head_too_large_is_refused_though_it_comes_at_once() {
    let running = start(quick()).await;
    let head = |bytes: usize| {
        let long = "x".repeat(bytes);
        format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {long}\r\n\r\n")
    };
    for (bytes, expected) in [
        (30_000, "HTTP/1.1 200"),
        (33_000, "HTTP/1.1 431"),
        (45_000, "HTTP/1.1 431"),
    ] {
        let mut stream = open(&running, &head(bytes)).await;
        let answer = until_closed(&mut stream).await;
        assert!(answer.starts_with(expected), "{bytes}: {answer}");
    }
    let lines = "x: y\r\n".repeat(100);
    let many = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{lines}\r\n");
    let mut stream = open(&running, &many).await;
    let answer = until_closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn both_protocols_are_spoken() {
    let running = start(Limits::default()).await;
    let url = format!("http://{}/healthz", running.address);
    let new = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let answer = new.get(&url).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, axum::http::Version::HTTP_2)
    );
    assert_eq!(
        reqwest::get(&url).await.unwrap().text().await.unwrap(),
        "ok\n"
    );
}

#[tokio::test]
async fn connections_beyond_the_ceiling_are_closed() {
    let running = start(Limits {
        connections: 1,
        ..Limits::default()
    })
    .await;
    let _first = open(&running, "").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut second = open(&running, "").await;
    assert_eq!(until_closed(&mut second).await, "");
}

#[tokio::test]
async fn running_requests_finish_before_the_server_ends() {
    let running = start(Limits::default()).await;
    let mut busy = open(&running, &post("{ slow(ms: 300) }")).await;
    let mut silent = open(&running, "").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(running.readiness.is_ready());
    running.stop.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!running.readiness.is_ready());
    assert!(TcpStream::connect(running.address).await.is_err());
    let answer = until_closed(&mut busy).await;
    assert!(answer.contains(r#""slow":true"#), "{answer}");
    until_closed(&mut silent).await;
    assert!(running.server.await.unwrap());
}

#[tokio::test]
async fn what_stands_in_front_is_told_before_connections_are_refused() {
    let running = start(Limits {
        notice_ms: 600,
        ..Limits::default()
    })
    .await;
    running.stop.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let url = |path: &str| format!("http://{}/{path}", running.address);
    let ready = reqwest::get(url("readyz")).await.unwrap();
    assert_eq!(ready.status(), 503);
    let alive = reqwest::get(url("healthz")).await.unwrap();
    assert_eq!(alive.status(), 200);
    let ended = timeout(Duration::from_secs(5), running.server).await;
    assert!(ended.unwrap().unwrap());
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn a_drain_ends_even_if_a_request_does_not() {
    let running = start(Limits {
        drain_ms: 100,
        ..Limits::default()
    })
    .await;
    let _busy = open(&running, &post("{ slow(ms: 20000) }")).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.stop.send(()).unwrap();
    let ended = timeout(Duration::from_secs(2), running.server).await;
    assert!(!ended.unwrap().unwrap());
}

#[tokio::test]
async fn a_mutation_runs_to_its_end_though_the_caller_left() {
    let running = start(Limits::default()).await;
    let before = toy::SLOW_BUMPS.load(std::sync::atomic::Ordering::SeqCst);
    let caller = open(&running, &post("mutation { slowBump(ms: 200) }")).await;
    tokio::time::sleep(Duration::from_millis(80)).await;
    drop(caller);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let left = toy::SLOW_BUMPS.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(left, before);
    timeout(Duration::from_secs(2), running.gateway.written())
        .await
        .unwrap();
    assert!(toy::SLOW_BUMPS.load(std::sync::atomic::Ordering::SeqCst) > before);
}

/// Nobody waits for the rest of a request that had not begun.
#[tokio::test]
async fn a_drain_does_not_wait_for_half_a_head() {
    let running = start(Limits::default()).await;
    let _half = open(&running, "GET /readyz HT").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.stop.send(()).unwrap();
    let ended = timeout(Duration::from_secs(5), running.server).await;
    assert!(ended.unwrap().unwrap());
}

#[tokio::test]
async fn bodies_on_their_way_in_take_no_more_room_than_there_is() {
    let running = start(Limits {
        body_bytes: 40_960,
        receiving_bytes: 20_480,
        ..Limits::default()
    })
    .await;
    let request = post(&format!("{{ text(value: \"{}\") }}", "x".repeat(40_000)));
    let slow = open(&running, &request[..request.len() - 3]).await;
    // What is only announced takes no room.
    let _announced = open(
        &running,
        request.split_inclusive("\r\n\r\n").next().unwrap(),
    )
    .await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let small = post("{ text(value: \"y\") }");
    let answer = first_answer(&running, &small).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = first_answer(&running, &request).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 1") && answer.contains("connection: close"));
    drop(slow);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let answer = first_answer(&running, &request).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Where others have taken all the room, requests of the usual size still come in.
#[tokio::test]
async fn the_first_bytes_of_a_body_take_no_room() {
    let running = start(Limits {
        body_bytes: 40_960,
        receiving_bytes: 40_960,
        ..Limits::default()
    })
    .await;
    let large = post(&format!("{{ text(value: \"{}\") }}", "x".repeat(36_000)));
    let (most, rest) = large.split_at(large.len() - 3);
    let mut slow = [open(&running, most).await, open(&running, most).await];
    tokio::time::sleep(Duration::from_millis(100)).await;
    let of = |length: usize| post(&format!("{{ text(value: \"{}\") }}", "y".repeat(length)));
    let answer = first_answer(&running, &of(16_000)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = first_answer(&running, &of(20_000)).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    for stream in &mut slow {
        stream.write_all(rest.as_bytes()).await.unwrap();
        let mut bytes = [0; 12];
        let read = timeout(Duration::from_secs(3), stream.read_exact(&mut bytes)).await;
        read.expect("an answer").unwrap();
        assert_eq!(&bytes, b"HTTP/1.1 200");
    }
}

/// The beginning of what is answered to a request on a connection of its own.
async fn first_answer(running: &Running, request: &str) -> String {
    let mut stream = open(running, request).await;
    let mut bytes = vec![0; 4_096];
    let read = timeout(Duration::from_secs(3), stream.read(&mut bytes)).await;
    bytes.truncate(read.expect("an answer").unwrap());
    String::from_utf8_lossy(&bytes).into_owned()
}
