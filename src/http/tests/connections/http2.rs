//! The same over HTTP/2, whose connections carry many requests.

use super::*;

/// Kinds of HTTP/2 frames.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, stream];
    frame.extend_from_slice(payload);
    frame
}

/// GET http://localhost/healthz, in the words of RFC 7541.
fn healthz(stream: u8) -> Vec<u8> {
    let mut asked = vec![0x82, 0x86, 0x04, 8];
    asked.extend_from_slice(b"/healthz");
    asked.extend_from_slice(&[0x01, 9]);
    asked.extend_from_slice(b"localhost");
    frame(HEADERS, 5, stream, &asked)
}

/// An HTTP/2 connection with no window for answers, which says what it must and first asks for this.
async fn polite(running: &Running, first: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let mut opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    opening.extend(frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));
    opening.extend_from_slice(first);
    stream.write_all(&opening).await.unwrap();
    stream
}

/// Answers every PING and every SETTINGS until the server closes, which it must soon; the kinds of all frames.
async fn answering(stream: &mut TcpStream) -> Vec<u8> {
    let closed = timeout(Duration::from_secs(3), answering_on(stream)).await;
    closed.expect("the server closes")
}

async fn answering_on(stream: &mut TcpStream) -> Vec<u8> {
    let mut kinds = Vec::new();
    let mut head = [0; 9];
    while stream.read_exact(&mut head).await.is_ok() {
        let length = usize::from(head[1]) * 256 + usize::from(head[2]);
        let mut payload = vec![0; length];
        if stream.read_exact(&mut payload).await.is_err() {
            break;
        }
        kinds.push(head[3]);
        let answer = match (head[3], head[4] & 1) {
            (SETTINGS, 0) => frame(SETTINGS, 1, 0, &[]),
            (PING, 0) => frame(PING, 1, 0, &payload),
            _ => continue,
        };
        if stream.write_all(&answer).await.is_err() {
            break;
        }
    }
    kinds
}

fn short() -> Limits {
    Limits {
        receive_ms: 100,
        idle_ms: 400,
        ..Limits::default()
    }
}

#[tokio::test]
async fn who_asks_nothing_over_http2_is_sent_away_though_pings_are_answered() {
    let running = start(short()).await;
    let mut stream = polite(&running, &[]).await;
    let started = Instant::now();
    let kinds = answering(&mut stream).await;
    assert!(started.elapsed() > Duration::from_millis(350));
    assert!(
        kinds.contains(&PING) && kinds.contains(&GOAWAY),
        "{kinds:?}"
    );
    gone(&running).await;
}

#[tokio::test]
async fn who_leaves_an_answer_lie_over_http2_is_cut() {
    let running = start(short()).await;
    let mut stream = polite(&running, &healthz(1)).await;
    let kinds = answering(&mut stream).await;
    assert!(
        kinds.contains(&HEADERS) && !kinds.contains(&DATA),
        "{kinds:?}"
    );
    gone(&running).await;
}

/// Who keeps the connection busy with other requests gains nothing by it.
#[tokio::test]
async fn an_answer_that_lies_over_http2_is_given_up_alone() {
    let running = start(quick()).await;
    let mut stream = polite(&running, &healthz(1)).await;
    let (mut reading, mut writing) = stream.split();
    let mut head = [0; 9];
    let given_up = async {
        loop {
            reading.read_exact(&mut head).await.unwrap();
            let length = usize::from(head[1]) * 256 + usize::from(head[2]);
            reading.read_exact(&mut vec![0; length]).await.unwrap();
            match head[3] {
                RST_STREAM => return head[8],
                kind => assert!(kind != DATA && kind != GOAWAY),
            }
        }
    };
    let others = async {
        for stream in (3..100).step_by(2) {
            writing.write_all(&healthz(stream)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    };
    tokio::select! {
        stream = given_up => assert_eq!(stream, 1),
        () = others => panic!("nothing was given up"),
    }
}

#[tokio::test]
async fn a_large_answer_over_http2_comes_whole() {
    let running = start(Limits::default()).await;
    let client = reqwest::Client::builder().http2_prior_knowledge();
    let client = client.no_proxy().no_gzip().no_brotli().build().unwrap();
    let long = "x".repeat(200_000);
    let asked = client.post(format!("http://{}/graphql", running.address));
    let asked = asked.header("content-type", "application/json");
    let query = format!("{{ text(value: \"{long}\") }}");
    let asked = asked.body(serde_json::json!({ "query": query }).to_string());
    let answer = asked.send().await.unwrap();
    let length = answer.content_length();
    let text = answer.text().await.unwrap();
    assert!(text.contains(&long));
    assert_eq!(length, Some(text.len() as u64));
}

#[tokio::test]
async fn a_request_over_http2_may_take_longer_than_a_connection_may_idle() {
    let running = start(short()).await;
    let client = reqwest::Client::builder().http2_prior_knowledge();
    let client = client.no_proxy().build().unwrap();
    for _ in 0..2 {
        let asked = client.post(format!("http://{}/graphql", running.address));
        let asked = asked.header("content-type", "application/json");
        let asked = asked.body(r#"{"query":"{ slow(ms: 900) }"}"#);
        let answer = asked.send().await.unwrap().text().await.unwrap();
        assert!(answer.contains(r#""slow":true"#), "{answer}");
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(running.readiness.connections(), 0);
    }
}

/// A peer that is there no more is noticed long before it has idled for too long.
#[tokio::test]
async fn who_answers_no_ping_over_http2_is_cut() {
    let running = start(Limits {
        receive_ms: 100,
        idle_ms: 20_000,
        ..Limits::default()
    })
    .await;
    let mut stream = polite(&running, &[]).await;
    let mut rest = Vec::new();
    let closed = timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "it is still open");
    gone(&running).await;
}

/// Beyond the requests in work at the same time a connection opens none, so its peer is told how many there are.
#[tokio::test]
async fn a_connection_says_how_many_requests_it_carries_at_once() {
    let running = start(Limits {
        requests: 5,
        ..Limits::default()
    })
    .await;
    let mut stream = polite(&running, &[]).await;
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    let mut settings = vec![0; usize::from(head[2])];
    stream.read_exact(&mut settings).await.unwrap();
    assert_eq!(head[3], SETTINGS);
    assert!(
        settings.chunks(6).any(|one| one == [0, 3, 0, 0, 0, 5]),
        "{settings:?}"
    );
}

/// The first bytes may come in any pieces; what they open is told by all of them.
#[tokio::test]
async fn an_opening_that_comes_in_pieces_is_one() {
    let running = start(Limits::default()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    for piece in ["P", "RI * HTTP/2", ".0\r\n\r\nSM\r\n", "\r\n"] {
        stream.write_all(piece.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    let mut head = [0; 9];
    let read = timeout(Duration::from_secs(3), stream.read_exact(&mut head)).await;
    read.expect("an answer").unwrap();
    assert_eq!(head[3], SETTINGS, "{head:?}");
}

/// A request is in work until the last of its answer is taken.
#[tokio::test]
async fn an_answer_over_http2_may_be_taken_for_longer_than_a_connection_may_idle() {
    let running = start(Limits {
        receive_ms: 300,
        idle_ms: 100,
        ..Limits::default()
    })
    .await;
    let client = reqwest::Client::builder().http2_prior_knowledge();
    let client = client.http2_initial_stream_window_size(16_384);
    let client = client.no_proxy().no_gzip().no_brotli().build().unwrap();
    let long = "x".repeat(200_000);
    let asked = client.post(format!("http://{}/graphql", running.address));
    let asked = asked.header("content-type", "application/json");
    let query = format!("{{ text(value: \"{long}\") }}");
    let asked = asked.body(serde_json::json!({ "query": query }).to_string());
    let mut answer = asked.send().await.unwrap();
    let mut taken = 0;
    while let Some(piece) = answer.chunk().await.unwrap() {
        taken += piece.len();
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert!(taken > long.len());
}

/// Whoever is there no more answers no GOAWAY.
#[tokio::test]
async fn a_drain_does_not_wait_for_who_asks_nothing_over_http2() {
    let running = start(Limits::default()).await;
    let _silent = polite(&running, &[]).await;
    let client = reqwest::Client::builder().http2_prior_knowledge();
    let client = client.no_proxy().build().unwrap();
    let asked = client
        .post(format!("http://{}/graphql", running.address))
        .header("content-type", "application/json")
        .body(r#"{"query":"{ slow(ms: 3000) }"}"#);
    let asked = tokio::spawn(asked.send());
    tokio::time::sleep(Duration::from_millis(200)).await;
    running.stop.send(()).unwrap();
    let answer = asked.await.unwrap().unwrap().text().await.unwrap();
    assert!(answer.contains(r#""slow":true"#), "{answer}");
    let ended = timeout(Duration::from_secs(5), running.server).await;
    assert!(ended.unwrap().unwrap());
}
