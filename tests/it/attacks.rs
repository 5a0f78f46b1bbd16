//! Documents, variables and bodies that are made to hurt, sent over HTTP by every way in: refused soon, before any CRM is asked.

use super::support::gateway::{Running, codes, start, start_with};
use crmql::limits::Limits;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Fragments that spread each other: so many levels of so many spreads.
fn bomb(levels: usize, each: usize) -> String {
    let mut text = "{ ...F0 }".to_owned();
    for level in 0..levels {
        let spreads = format!("...F{} ", level + 1).repeat(each);
        text += &format!(" fragment F{level} on Query {{ {spreads} }}");
    }
    text + &format!(" fragment F{levels} on Query {{ sources {{ key }} }}")
}

/// Many of something in one field.
fn many(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect()
}

/// Refused with this code, by POST and by GET, within a second or two, and no CRM asked.
async fn refused(gateway: &Running, what: &str, query: &str, code: &str) -> Value {
    let started = Instant::now();
    let answer = gateway.ask(query).await;
    assert_eq!(codes(&answer).first(), Some(&code), "{what}: {answer:.500}");
    assert!(answer.get("data").is_none(), "{what}");
    let size = answer.to_string().len();
    assert!(size < 60_000, "{what}: an answer of {size} bytes");
    if query.len() < 8_000 {
        let mut url = reqwest::Url::parse(&format!("{}/graphql", gateway.url)).unwrap();
        url.query_pairs_mut().append_pair("query", query);
        let got = reqwest::get(url).await.unwrap().text().await.unwrap();
        assert!(got.contains(code), "{what}: {got:.500}");
    }
    let took = started.elapsed();
    assert!(took < Duration::from_secs(8), "{what}: {took:?}");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_that_grow_or_nest_without_end_are_refused() {
    let gateway = start(3).await;
    let nested = |levels: usize| {
        "{ customers { nodes { ".to_owned()
            + &"parent { ".repeat(levels)
            + "id"
            + &" }".repeat(levels + 3)
    };
    for (what, query) in [
        ("a fragment bomb, wide", bomb(10, 10)),
        ("a fragment bomb, deep", bomb(22, 2)),
        ("a long chain of fragments", bomb(3_000, 1)),
        (
            "many aliases",
            format!("{{ {} }}", many(10_000, |n| format!("a{n}: __typename "))),
        ),
        (
            "many aliases below",
            format!(
                "{{ sources {{ {} }} }}",
                many(1_900, |n| format!("a{n}: key "))
            ),
        ),
        (
            "many root fields",
            format!(
                "{{ {} }}",
                many(21, |n| format!("a{n}: sources {{ key }} "))
            ),
        ),
        (
            "many directives",
            format!("{{ __typename {} }}", "@include(if: true) ".repeat(10_000)),
        ),
        (
            "some more directives",
            format!(
                "{{ {} }}",
                many(201, |n| format!(
                    "... @skip(if: false) {{ a{n}: __typename }} "
                ))
            ),
        ),
        (
            "many fragments",
            "{ __typename } ".to_owned()
                + &many(201, |n| format!("fragment F{n} on Query {{ __typename }} ")),
        ),
        (
            "many variables",
            format!(
                "query({}) {{ __typename }}",
                many(201, |n| format!("$v{n}: Int "))
            ),
        ),
        ("deep fields", nested(20_000)),
        ("somewhat deep fields", nested(40)),
        (
            "deep lists",
            "{ nodes(ids: ".to_owned() + &"[".repeat(100_000),
        ),
        (
            "deep objects",
            "{ customers(filter: ".to_owned() + &"{ a: ".repeat(50_000),
        ),
        ("deep types", "query($a: ".to_owned() + &"[".repeat(100_000)),
        (
            "many tokens",
            format!("{{ {} }}", "__typename ".repeat(20_000)),
        ),
    ] {
        let answer = refused(&gateway, what, &query, "TOO_COMPLEX").await;
        let message = answer["errors"][0]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(char::is_numeric), "{what}: {message}");
    }
    for (what, query) in [
        (
            "a fragment in itself",
            "{ ...A } fragment A on Query { ...A }".to_owned(),
        ),
        (
            "fragments in a circle",
            "{ ...A } fragment A on Query { ...B } fragment B on Query { ... { ...A } }".to_owned(),
        ),
        (
            "unknown fields",
            format!(
                "{{ sources {{ {} }} }}",
                many(400, |n| format!("unknown{n} "))
            ),
        ),
        (
            "an unknown directive on __typename",
            "{ __typename @nothing }".to_owned(),
        ),
        (
            "a selection below __typename",
            "{ __typename { x } }".to_owned(),
        ),
        (
            "fields that clash",
            "{ sources { x: key x: name } }".to_owned(),
        ),
        (
            "a field given twice",
            "{ customers(filter: { email: \"a\", email: \"b\" }) { totalCount } }".to_owned(),
        ),
    ] {
        refused(&gateway, what, &query, "INVALID_INPUT").await;
    }
    assert_eq!(gateway.call_count(), 0);
    let alive = gateway.ask("{ sources { key } }").await;
    assert_eq!(alive["data"]["sources"].as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cost_is_told_before_anything_runs() {
    let gateway = start(3).await;
    let children = |levels: usize| {
        "query($n: Int = 100) { customers(first: $n) { nodes { ".to_owned()
            + &"children(first: 100) { nodes { ".repeat(levels)
            + "id"
            + &" } }".repeat(levels)
            + " } } }"
    };
    let answer = refused(&gateway, "lists in lists", &children(2), "TOO_COMPLEX").await;
    let message = answer["errors"][0]["message"].as_str().unwrap();
    // 1 + 100 + 100 (1 + 101 + 100 (1 + 101 + 100 (1 + 1)))
    assert!(
        message.contains("3040301") || message.contains("costs "),
        "{message}"
    );
    assert!(message.contains("50000"), "{message}");
    refused(
        &gateway,
        "lists in lists in lists",
        &children(12),
        "TOO_COMPLEX",
    )
    .await;
    let through = "query { customers(first: 100) { ...R } } fragment R on CustomerConnection { edges { node { ...C } } } \
        fragment C on Customer { children(first: 100) { edges { node { children(first: 100) { nodes { id } } } } } }";
    refused(&gateway, "lists in fragments", through, "TOO_COMPLEX").await;
    let schemas = format!(
        "{{ {} }}",
        many(40, |n| format!("s{n}: __schema {{ types {{ name }} }} "))
    );
    refused(&gateway, "the schema many times", &schemas, "TOO_COMPLEX").await;
    assert_eq!(gateway.call_count(), 0);
    let few = gateway.ask_with(&children(2), json!({ "n": 1 })).await;
    assert_eq!(
        codes(&few),
        Vec::<&str>::new(),
        "what the variables ask for counts: {few:.300}"
    );
    let relatives = "{ customers(first: 100) { nodes { id email parent { id displayName parent { id } } operator { id displayName \
        parent { id } } } pageInfo { endCursor } totalCount } }";
    assert_eq!(
        codes(&gateway.ask(relatives).await),
        Vec::<&str>::new(),
        "a whole window with four relatives"
    );

    let tight = start_with(
        3,
        Limits {
            cost: 100,
            ..Limits::default()
        },
    )
    .await;
    let query = "query($n: Int) { customers(first: $n, sources: [\"gtateth\"]) { nodes { id } } }";
    for (n, fits) in [(33, true), (34, false)] {
        let answer = tight.ask_with(query, json!({ "n": n })).await;
        assert_eq!(codes(&answer).is_empty(), fits, "{n}: {answer:.300}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_to_nonsense_are_short_and_repeat_nothing() {
    let gateway = start(3).await;
    for query in [
        format!("{{ {} }}", many(5_000, |n| format!("s3cret{n} "))),
        format!(
            "{{ customers(filter: {{ email: \"{} }}) }}",
            "s3cret ".repeat(10_000)
        ),
        "s3cret ".repeat(20_000),
        "{ customers(filter: { emailw \"s3cret\" }) { totalCount } }".to_owned(),
        "{ customers(filter: { email: \"s3cret, got EOF\" \"s3cret, got EOF\" }) { totalCount } }"
            .to_owned(),
        format!(
            "{{ customers(search: \"{}\") {{ totalCount }} }}",
            "s3cret".repeat(1_000)
        ),
    ] {
        let answer = gateway.ask(&query).await.to_string();
        assert!(answer.len() < 60_000, "{} bytes", answer.len());
        assert!(!answer.contains("\"s3cret"), "{answer:.300}");
        assert!(!answer.contains("s3cret, got"), "{answer:.300}");
    }
    for variables in [
        json!({ "f": { "email": ["s3cret"] } }),
        json!({ "f": { "age": { "gte": "s3cret" } } }),
        json!({ "f": "s3cret" }),
        json!({ "f": { "createdAt": { "gte": "s3cret" } } }),
    ] {
        let query = "query($f: CustomerFilter) { customers(filter: $f) { totalCount } }";
        let answer = gateway.ask_with(query, variables).await.to_string();
        assert!(
            answer.contains("INVALID_INPUT") && !answer.contains("s3cret"),
            "{answer}"
        );
    }
    assert_eq!(gateway.call_count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_of_other_kinds_are_refused() {
    let gateway = start(3).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/graphql", gateway.url);
    let post = async |kind: &str, body: String| {
        let request = client.post(&url).header("content-type", kind).body(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let one = json!({ "query": "{ sources { key } }" });
    let (status, text) = post(
        "application/json",
        json!(vec![one.clone(); 1_000]).to_string(),
    )
    .await;
    assert!(
        status == 400 && text.contains("batches are not served"),
        "{text}"
    );
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/mixed; boundary=x",
        "application/graphql",
    ] {
        assert_eq!(post(kind, one.to_string()).await.0, 415, "{kind}");
    }
    // An upload whose operations are an upload again.
    let upload = "--x\r\nContent-Disposition: form-data; name=\"operations\"\r\nContent-Type: multipart/form-data; boundary=y\r\n\r\n--y--\r\n--x--\r\n";
    assert_eq!(
        post("multipart/form-data; boundary=x", upload.to_owned())
            .await
            .0,
        415
    );
    let large =
        json!({ "query": "{ sources { key } }", "variables": { "x": "x".repeat(300_000) } });
    assert_eq!(post("application/json", large.to_string()).await.0, 413);
    let deep = "[".repeat(100_000);
    let (status, _) = post(
        "application/json",
        format!("{{\"query\":\"{{x}}\",\"variables\":{{\"a\":{deep}"),
    )
    .await;
    assert_eq!(status, 400);
    let wide = json!({ "query": "query($i: [ID!]!) { nodes(ids: $i) { id } }", "variables": { "i": vec!["x"; 20_000] } });
    let (_, text) = post("application/json", wide.to_string()).await;
    assert!(
        text.contains("INVALID_INPUT") || text.contains("TOO_COMPLEX"),
        "{text:.300}"
    );
    assert_eq!(gateway.call_count(), 0);
}

/// Texts and numbers that readers of JSON, URLs and documents disagree about.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_texts_are_answered_or_refused_and_break_nothing() {
    let gateway = start(3).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/graphql", gateway.url);
    let search = "query($s: String) { customers(filter: { search: $s }, sources: [\\\"spirii\\\"]) { totalCount } }";
    let long = "o".repeat(100_000);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (br#"{"query":"{ __typename }"}"#.to_vec(), ""),
        (b"\xef\xbb\xbf{\"query\":\"{ __typename }\"}".to_vec(), "INVALID_INPUT"),
        ("{\"query\":\"\u{feff}{ __typename }\"}".as_bytes().to_vec(), ""),
        (br##"{"query":"# nothing"}"##.to_vec(), "INVALID_INPUT"),
        (br#"{"query":""}"#.to_vec(), "INVALID_INPUT"),
        (br#"{"query":" ,,, "}"#.to_vec(), "INVALID_INPUT"),
        (br#"{"query":"{ __typename \u0000 }"}"#.to_vec(), "INVALID_INPUT"),
        (br#"{"query":"{ __typename \ud800 }"}"#.to_vec(), "INVALID_INPUT"),
        (br#"{"query":"{ __typename }","variables":{"__proto__":{"a":1}}}"#.to_vec(), ""),
        (br#"{"query":"{ __typename }","__proto__":{"query":"x"}}"#.to_vec(), ""),
        (br#"{"query":"{ __typename }","variables":{"x":1e400}}"#.to_vec(), "INVALID_INPUT"),
        (format!("{{\"query\":\"query A {{ __typename }}\",\"operationName\":\"{long}\"}}").into_bytes(), "INVALID_INPUT"),
        (format!("{{\"query\":\"{search}\",\"variables\":{{\"s\":\"\\u0000\"}}}}").into_bytes(), "INVALID_INPUT"),
        (br#"{"query":"{ customers(first: 99999999999999999999) { totalCount } }"}"#.to_vec(), "INVALID_INPUT"),
        (br#"{"query":"{ customers(first: 1e2) { totalCount } }"}"#.to_vec(), "INVALID_INPUT"),
        (br#"{"query":"query($n: Int) { customers(first: $n) { totalCount } }","variables":{"n":1.5}}"#.to_vec(), "INVALID_INPUT"),
    ];
    for (body, code) in cases {
        let shown: String = String::from_utf8_lossy(&body).chars().take(120).collect();
        let sent = client
            .post(&url)
            .header("content-type", "application/json")
            .body(body);
        let response = sent.send().await.unwrap();
        assert!(response.status().as_u16() <= 400, "{shown}");
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(
            codes(&answer).first().copied().unwrap_or_default(),
            code,
            "{shown}: {answer:.400}"
        );
        assert!(answer.to_string().len() < 2_000, "{shown}");
    }
    assert_eq!(gateway.call_count(), 0);
}

/// One request cannot be many writes: the root fields of a mutation are counted before any is carried out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writes_in_one_request_are_refused_before_the_first() {
    let gateway = start(3).await;
    let one = |n: usize| {
        format!(
            "a{n}: createCustomer(input: {{ source: \"gtateth\", firstName: \"A\", email: \"a{n}@people.example\" }}) {{ outcome }} "
        )
    };
    let many = format!("mutation {{ {} }}", many(21, one));
    let answer = gateway.ask(&many).await;
    assert_eq!(
        codes(&answer).first(),
        Some(&"TOO_COMPLEX"),
        "{answer:.400}"
    );
    assert_eq!(gateway.call_count(), 0);
}

/// A request that no address can hold is the caller's mistake and none of the CRM's: nobody else must suffer for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_fit_in_no_request_shut_no_source_off() {
    let gateway = start(3).await;
    let query = "query($f: CustomerFilter) { customers(sources: [\"gtateth\"], filter: $f, first: 2) { nodes { id } } }";
    let tags: Vec<String> = (0..15_000).map(|tag| format!("t{tag}")).collect();
    let filters = [
        json!({ "search": "a".repeat(70_000) }),
        json!({ "tags": tags }),
    ];
    for filter in filters.iter().cycle().take(12) {
        let answer = gateway.ask_with(query, json!({ "f": filter })).await;
        assert_eq!(codes(&answer), ["INVALID_INPUT"], "{answer:.400}");
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["retryable"], false, "{answer:.400}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("too long"), "{message}");
    }
    assert_eq!(gateway.call_count(), 0);
    let health = "{ source(key: \"gtateth\") { status { health } } }";
    let status = gateway.data(health, json!({})).await;
    assert_eq!(status["source"]["status"]["health"], "HEALTHY");
    let others = gateway.data(query, json!({})).await;
    assert_eq!(others["customers"]["nodes"].as_array().unwrap().len(), 2);
    let long = json!({ "f": { "search": "a".repeat(60_000) } });
    let answer = gateway.ask_with(query, long).await;
    assert_eq!(codes(&answer), Vec::<&str>::new(), "{answer:.400}");
}

/// Heads of requests that two servers in a row would read differently.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_with_two_lengths_are_not_served() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let gateway = start(3).await;
    let address = gateway.url.trim_start_matches("http://").to_owned();
    let body = r#"{"query":"{ __typename }"}"#;
    let length = body.len();
    for head in [
        format!("content-length: {length}\r\ncontent-length: 5\r\n"),
        format!("content-length: {length}, 5\r\n"),
        format!("content-length: +{length}\r\n"),
        "content-length: -1\r\n".to_owned(),
        "content-length: 99999999999999999999\r\n".to_owned(),
        "transfer-encoding: chunked, identity\r\n".to_owned(),
        "transfer-encoding: xchunked\r\n".to_owned(),
        format!("content-length : {length}\r\n"),
        format!("x: a\r\n folded\r\ncontent-length: {length}\r\n"),
    ] {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let request = format!(
            "POST /graphql HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n{head}\r\n{body}"
        );
        drop(stream.write_all(request.as_bytes()).await);
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let read = tokio::time::timeout(Duration::from_secs(20), read).await;
        assert!(read.is_ok(), "{head}");
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.contains("\"data\""), "{head}: {answer}");
        assert!(answer.matches("HTTP/1.1").count() <= 1, "{head}: {answer}");
    }
}
