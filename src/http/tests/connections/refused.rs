//! Requests that are refused over HTTP/1: what becomes of the rest of them, and of their connection.

use super::{first_answer, open, post, quick, start, until_closed};
use crate::limits::Limits;

#[tokio::test]
async fn who_does_not_finish_a_body_is_told() {
    let running = start(quick()).await;
    let request = post("{ text }");
    let mut stream = open(&running, &request[..request.len() - 3]).await;
    let answer = until_closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

/// What comes after an answer to half a request gets none, so nobody must send it.
#[tokio::test]
async fn who_is_refused_before_the_body_is_read_is_told_that_the_connection_ends() {
    let running = start(Limits::default()).await;
    let head = |method: &str, path: &str, more: &str| {
        format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n")
    };
    let json = "content-type: application/json\r\n";
    for (status, method, path, more) in [
        ("415", "POST", "/graphql", "content-type: text/plain\r\n"),
        ("406", "POST", "/graphql", "accept: text/html\r\n"),
        ("405", "PUT", "/graphql", json),
        ("400", "POST", "/graphql", "host: localhost\r\n"),
        ("404", "POST", "/elsewhere", json),
    ] {
        for body in ["content-length: 30\r\n", "transfer-encoding: chunked\r\n"] {
            let more = format!("{more}{body}");
            let mut stream = open(&running, &head(method, path, &more)).await;
            let answer = until_closed(&mut stream).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{answer}"
            );
            assert!(answer.contains("connection: close"), "{more}: {answer}");
        }
        let answer = first_answer(&running, &head(method, path, more)).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        assert!(!answer.contains("connection: close"), "{more}: {answer}");
    }
    // What is short and here already is forgotten, and the connection stays.
    for (status, more) in [
        ("415", "content-type: text/plain\r\n"),
        ("406", "accept: text/html\r\n"),
    ] {
        let refused = head("POST", "/graphql", &format!("{more}content-length: 30\r\n"));
        let two = format!(
            "{refused}{}{}",
            "x".repeat(30),
            head("GET", "/healthz", "connection: close\r\n")
        );
        let mut stream = open(&running, &two).await;
        let answers = until_closed(&mut stream).await;
        assert!(
            answers.starts_with(&format!("HTTP/1.1 {status}")),
            "{answers}"
        );
        assert!(answers.contains("HTTP/1.1 200"), "{answers}");
    }
    // Refused after it was read.
    let refused = post("{ text }").replacen("{\"query\"", "{\"quera\"", 1);
    let answer = first_answer(&running, &refused).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(!answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn who_sends_too_much_is_told_that_the_connection_ends() {
    let running = start(quick()).await;
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9000000\r\n\r\n";
    let mut stream = open(&running, head).await;
    let answer = until_closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}
