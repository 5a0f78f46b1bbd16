//! What is asked again only if it changed, and what is asked again before anybody has to wait: by CRMs that name versions, that
//! lie about them, and that answer late.

use super::caching::Over;
use super::support::crm::{Crm, Play, file};
use super::support::gateway::id;
use crmql::config::CacheTimes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3_600);
/// Fresh for a moment, held for long.
const BRIEF: CacheTimes = CacheTimes {
    ttl: Duration::from_millis(50),
    stale_if_error: HOUR,
    absent_ttl: Duration::from_millis(50),
    refresh_after_percent: None,
};
const OVER: Duration = Duration::from_millis(80);
/// Asked again in the background after less than [`AHEAD_BY`].
const AHEAD: CacheTimes = CacheTimes {
    ttl: Duration::from_secs(8),
    refresh_after_percent: Some(10),
    ..BRIEF
};
const AHEAD_BY: Duration = Duration::from_millis(900);
/// How late a CRM answers that is slow.
const SLOW: Duration = Duration::from_millis(1_200);
/// Sooner than any slow answer.
const SOON: Duration = Duration::from_millis(700);

const PEOPLE: &str = r#"
[[list]]
request  = "GET /people"
items    = "/people"
page     = { kind = "page", page = "query:page", size = "query:size", max = 50 }

[get]
request = "GET /people/{id}"
item    = ""

[update]
request = "PATCH /people/{id}"
returns = {}

[fields]
id   = "/id"
name = { r = "/name", w = "/name" }
"#;

/// An adapter file with these words of reuse.
fn hearing(words: &str) -> String {
    file(&format!("reuse = {{ {words} }}"), PEOPLE)
}

const TAGS: &str = "validators = [\"etag\"]";

/// What a CRM shows: everybody's name is a number.
fn shown(target: &str, number: u64) -> Value {
    let name = number.to_string();
    let path = target.split('?').next().unwrap();
    match path.strip_prefix("/people/") {
        Some(id) => json!({ "id": id, "name": name }),
        None => json!({ "people": [{ "id": "a", "name": name }, { "id": "b", "name": name }] }),
    }
}

fn with(headers: &[(&'static str, String)], body: &Value) -> Play {
    Play::Raw(200, headers.to_vec(), body.to_string().into_bytes())
}

fn not_modified(headers: &[(&'static str, String)]) -> Play {
    Play::Raw(304, headers.to_vec(), Vec::new())
}

/// A CRM whose records are all of this version, and which names it.
async fn versioned(version: &Arc<AtomicU64>, tag: fn(u64) -> String) -> Crm {
    let version = Arc::clone(version);
    Crm::answering(move |seen, _| {
        if seen.method == "PATCH" {
            version.fetch_add(1, Ordering::SeqCst);
            return Play::Json(200, json!({}));
        }
        let now = version.load(Ordering::SeqCst);
        let headers = [("etag", tag(now))];
        if seen.header("if-none-match") == Some(&tag(now)) {
            return not_modified(&headers);
        }
        with(&headers, &shown(&seen.target, now))
    })
    .await
}

fn strong(version: u64) -> String {
    format!("\"v{version}\"")
}

fn weak(version: u64) -> String {
    format!("W/\"v{version}\"")
}

/// What each request asked for on a condition.
fn conditions(crm: &Crm) -> Vec<Option<String>> {
    let seen = crm.seen();
    let seen = seen.iter().filter(|seen| seen.method == "GET");
    seen.map(|seen| seen.header("if-none-match").map(str::to_owned))
        .collect()
}

/// A figure of a gateway's page of figures.
async fn figure(over: &Over, name: &str, result: &str) -> u64 {
    let url = over.url.replace("/graphql", "/metrics");
    let page = over
        .client
        .get(url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let start = format!("crmql_{name}_reads_total{{source=\"acme\",result=\"{result}\"}} ");
    let line = page.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("no {start} in {page}"))
        .parse()
        .unwrap()
}

async fn renamed(over: &Over) {
    let query = format!(
        "mutation {{ updateCustomer(input: {{ id: {:?}, name: \"x\" }}) {{ outcome }} }}",
        id("acme", "a")
    );
    let (_, data) = over.ask(&query, "").await;
    assert_eq!(data["updateCustomer"]["outcome"], "APPLIED");
}

// === Only what is new ===

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_not_changed_is_not_sent_again() {
    for tag in [strong as fn(u64) -> String, weak] {
        let version = Arc::new(AtomicU64::new(1));
        let crm = versioned(&version, tag).await;
        let over = Over::before(&crm, &hearing(TAGS), Some(&BRIEF)).await;
        assert_eq!((over.number("").await, over.listed("", "").await), (1, 1));
        for _ in 0..2 {
            tokio::time::sleep(OVER).await;
            assert_eq!((over.number("").await, over.listed("", "").await), (1, 1));
        }
        let (none, first) = (None, Some(tag(1)));
        let asked = [
            none.clone(),
            none,
            first.clone(),
            first.clone(),
            first.clone(),
            first.clone(),
        ];
        assert_eq!(conditions(&crm), asked);
        assert_eq!(over.number("no-cache").await, 1, "the CRM was asked");
        assert_eq!(crm.seen().len(), 7);
        version.store(2, Ordering::SeqCst);
        tokio::time::sleep(OVER).await;
        assert_eq!((over.number("").await, over.listed("", "").await), (2, 2));
        tokio::time::sleep(OVER).await;
        assert_eq!((over.number("").await, over.listed("", "").await), (2, 2));
        assert_eq!(
            conditions(&crm)[7..],
            [first.clone(), first, Some(tag(2)), Some(tag(2))]
        );
        assert_eq!(figure(&over, "conditional", "not_modified").await, 7);
        assert_eq!(figure(&over, "conditional", "answered").await, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_still_so_is_fresh_again() {
    let crm = versioned(&Arc::new(AtomicU64::new(1)), strong).await;
    let times = CacheTimes {
        ttl: Duration::from_millis(1_000),
        ..BRIEF
    };
    let over = Over::before(&crm, &hearing(TAGS), Some(&times)).await;
    over.number("").await;
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    for _ in 0..3 {
        assert_eq!(over.number("").await, 1);
    }
    assert_eq!(conditions(&crm), [None, Some(strong(1))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_write_everything_is_asked_for_anew() {
    let crm = versioned(&Arc::new(AtomicU64::new(1)), |_| "\"same\"".to_owned()).await;
    let over = Over::before(&crm, &hearing(TAGS), Some(&BRIEF)).await;
    assert_eq!((over.number("").await, over.listed("", "").await), (1, 1));
    renamed(&over).await;
    assert_eq!((over.number("").await, over.listed("", "").await), (2, 2));
    assert_eq!(conditions(&crm), [None, None, None, None]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crm_that_is_not_heard_is_asked_for_everything() {
    let crm = versioned(&Arc::new(AtomicU64::new(1)), strong).await;
    let over = Over::before(&crm, &file("", PEOPLE), Some(&BRIEF)).await;
    over.number("").await;
    tokio::time::sleep(OVER).await;
    over.number("").await;
    assert_eq!(conditions(&crm), [None, None]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_changed_is_no_answer_to_who_knows_nothing() {
    let crm = Crm::answering(|seen, before| match before {
        0 | 1 => not_modified(&[("etag", strong(1))]),
        _ => with(&[], &shown(&seen.target, 7)),
    })
    .await;
    let over = Over::before(&crm, &hearing(TAGS), Some(&BRIEF)).await;
    let one = format!("{{ customer(id: {:?}) {{ name }} }}", id("acme", "a"));
    let many = "{ customers { nodes { name } } }";
    for (query, field) in [(one.as_str(), "customer"), (many, "customers")] {
        let body = json!({ "query": query }).to_string();
        let request = over
            .client
            .post(&over.url)
            .header("content-type", "application/json");
        let text = request
            .body(body)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        let code = &answer["errors"][0]["extensions"]["code"];
        assert_eq!(code, "SOURCE_INVALID_RESPONSE", "{field}: {answer:#}");
        let nodes = &answer["data"][field]["nodes"];
        assert!(nodes.as_array().is_none_or(Vec::is_empty), "{answer:#}");
    }
    assert_eq!((over.number("").await, over.listed("", "").await), (7, 7));
    assert_eq!(conditions(&crm), [None, None, None, None]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_version_called_unchanged_is_asked_for_plainly() {
    let crm = Crm::answering(|seen, before| {
        let number = before as u64 + 1;
        match seen.header("if-none-match") {
            Some(_) => not_modified(&[("etag", strong(9))]),
            None => with(&[("etag", strong(number))], &shown(&seen.target, number)),
        }
    })
    .await;
    let over = Over::before(&crm, &hearing(TAGS), Some(&BRIEF)).await;
    assert_eq!(over.number("").await, 1);
    tokio::time::sleep(OVER).await;
    assert_eq!(over.number("").await, 3);
    assert_eq!(conditions(&crm), [None, Some(strong(1)), None]);
    assert_eq!(figure(&over, "conditional", "other_version").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_gone_or_names_no_version_any_more_is_known_as_such() {
    let crm = Crm::answering(|seen, before| match before {
        0 => with(&[("etag", strong(1))], &shown(&seen.target, 1)),
        1 => with(&[], &shown(&seen.target, 2)),
        2 => with(&[("etag", strong(3))], &shown(&seen.target, 3)),
        _ => Play::Json(404, json!({})),
    })
    .await;
    let over = Over::before(&crm, &hearing(TAGS), Some(&BRIEF)).await;
    for number in 1..=3 {
        assert_eq!(over.number("").await, number);
        tokio::time::sleep(OVER).await;
    }
    assert_eq!(conditions(&crm), [None, Some(strong(1)), None]);
    let query = format!("{{ customer(id: {:?}) {{ name }} }}", id("acme", "a"));
    for condition in [Some(strong(3)), None] {
        let (_, data) = over.ask(&query, "").await;
        assert_eq!(data, json!({ "customer": null }));
        assert_eq!(conditions(&crm).last(), Some(&condition));
        tokio::time::sleep(OVER).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_is_a_version_too() {
    const MADE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    let crm = Crm::answering(|seen, _| {
        if seen.header("if-modified-since") == Some(MADE) {
            return not_modified(&[]);
        }
        let date = "Mon, 07 Nov 1994 08:49:37 GMT".to_owned();
        with(
            &[("last-modified", MADE.to_owned()), ("date", date)],
            &shown(&seen.target, 1),
        )
    })
    .await;
    let words = "validators = [\"etag\", \"last_modified\"]";
    let over = Over::before(&crm, &hearing(words), Some(&BRIEF)).await;
    for _ in 0..2 {
        assert_eq!(over.number("").await, 1);
        tokio::time::sleep(OVER).await;
    }
    let since = |index: usize| {
        crm.seen()[index]
            .header("if-modified-since")
            .map(str::to_owned)
    };
    assert_eq!((since(0), since(1).as_deref()), (None, Some(MADE)));
    assert_eq!(figure(&over, "conditional", "not_modified").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_crms_cache_control_shortens_what_is_configured() {
    let long = CacheTimes { ttl: HOUR, ..BRIEF };
    let both = "validators = [\"etag\"], cache_control = true";
    for (said, calls) in [
        ("max-age=3600", 1),
        ("max-age=99999999", 1),
        ("private", 1),
        ("max-age=0", 4),
        ("no-cache", 4),
        ("no-store", 4),
    ] {
        let crm = Crm::answering(move |seen, _| {
            let headers = [("cache-control", said.to_owned()), ("etag", strong(1))];
            match seen.header("if-none-match") {
                Some(_) => not_modified(&headers),
                None => with(&headers, &shown(&seen.target, 1)),
            }
        })
        .await;
        let over = Over::before(&crm, &hearing(both), Some(&long)).await;
        for _ in 0..4 {
            assert_eq!(over.number("").await, 1);
        }
        assert_eq!(crm.seen().len(), calls, "{said}");
        let conditional = conditions(&crm).iter().flatten().count();
        let asked = if said == "no-store" { 0 } else { calls - 1 };
        assert_eq!(conditional, asked, "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stands_in_for_what_must_be_asked_again() {
    for (said, stands_in) in [
        ("max-age=0", true),
        ("max-age=0, must-revalidate", false),
        ("no-cache", false),
    ] {
        let crm = Crm::answering(move |seen, before| match before {
            0 => {
                let headers = [("cache-control", said.to_owned()), ("etag", strong(1))];
                with(&headers, &shown(&seen.target, 1))
            }
            _ => Play::Json(503, json!({})),
        })
        .await;
        let words = "validators = [\"etag\"], cache_control = true";
        let over = Over::before(&crm, &hearing(words), Some(&BRIEF)).await;
        assert_eq!(over.number("").await, 1);
        let query = format!(
            "{{ customer(id: {:?}) {{ name freshness {{ stale }} }} }}",
            id("acme", "a")
        );
        let (_, data) = over.ask(&query, "").await;
        let expected = json!({ "name": "1", "freshness": { "stale": true } });
        let expected = if stands_in { expected } else { Value::Null };
        assert_eq!(data["customer"], expected, "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_on_that_is_good_for_a_while_is_always_said_anew() {
    let token = "page     = { kind = \"token\", send = \"query:after\", next = \"/next\", size = \"query:size\", max = 50";
    let numbered =
        "page     = { kind = \"page\", page = \"query:page\", size = \"query:size\", max = 50";
    assert!(PEOPLE.contains(numbered));
    for (more, condition) in [("", Some(strong(1))), (", ttl_s = 3600", None)] {
        let crm = versioned(&Arc::new(AtomicU64::new(1)), strong).await;
        let adapter = hearing(TAGS).replace(numbered, &format!("{token}{more}"));
        let over = Over::before(&crm, &adapter, Some(&BRIEF)).await;
        over.listed("", "").await;
        tokio::time::sleep(OVER).await;
        over.listed("", "").await;
        assert_eq!(conditions(&crm), [None, condition]);
    }
}

// === Ahead of time ===

/// A CRM whose answers are numbered by their requests; the second is late by so much.
async fn late(wait: Duration) -> Crm {
    Crm::answering(move |seen, before| {
        let answer = Play::Json(200, shown(&seen.target, before as u64 + 1));
        match before {
            1 => Play::Late(wait, Box::new(answer)),
            _ => answer,
        }
    })
    .await
}

async fn soon<T>(asking: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let answer = asking.await;
    assert!(begun.elapsed() < SOON, "somebody waited for the CRM");
    answer
}

/// Waits until the CRM has its second request.
async fn begun(crm: &Crm) {
    let started = Instant::now();
    while crm.seen().len() < 2 {
        assert!(started.elapsed() < SLOW, "nothing begins");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_what_is_asked_for_all_the_time() {
    for listed in [false, true] {
        let crm = late(SLOW).await;
        let over = Over::before(&crm, &file("", PEOPLE), Some(&AHEAD)).await;
        let read = || async {
            match listed {
                true => over.listed("", "").await,
                false => over.number("").await,
            }
        };
        assert_eq!((read().await, read().await), (1, 1));
        assert_eq!(crm.seen().len(), 1);
        tokio::time::sleep(AHEAD_BY).await;
        for _ in 0..20 {
            assert_eq!(soon(read()).await, 1);
        }
        tokio::time::sleep(SLOW + OVER).await;
        assert_eq!(crm.seen().len(), 2, "one read in the background");
        assert_eq!(figure(&over, "background", "begun").await, 1);
        for _ in 0..3 {
            assert_eq!(soon(read()).await, 2);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_asked_for_once_is_left_alone() {
    let crm = late(Duration::ZERO).await;
    let over = Over::before(&crm, &file("", PEOPLE), Some(&AHEAD)).await;
    over.number("").await;
    tokio::time::sleep(AHEAD_BY).await;
    assert_eq!(over.number("").await, 1);
    tokio::time::sleep(OVER).await;
    assert_eq!(crm.seen().len(), 1);
    over.number("").await;
    tokio::time::sleep(SOON).await;
    assert_eq!((over.number("").await, crm.seen().len()), (2, 2));
}

/// A gateway before a slow CRM, which is just being asked anew in the background.
async fn being_renewed() -> (Crm, Over) {
    let crm = late(SLOW).await;
    let over = Over::before(&crm, &file("", PEOPLE), Some(&AHEAD)).await;
    over.number("").await;
    over.number("").await;
    tokio::time::sleep(AHEAD_BY).await;
    assert_eq!(over.number("").await, 1, "a read begins in the background");
    begun(&crm).await;
    (crm, over)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_late_replaces_nothing_newer() {
    let (crm, over) = being_renewed().await;
    assert_eq!(
        over.number("no-cache").await,
        3,
        "it joins none that is older"
    );
    tokio::time::sleep(SLOW).await;
    assert_eq!(
        over.number("").await,
        3,
        "what was asked for before it has come"
    );
    assert_eq!(crm.seen().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_makes_a_read_in_the_background_useless() {
    let (crm, over) = being_renewed().await;
    renamed(&over).await;
    assert_eq!(crm.seen().len(), 3, "the write");
    assert_eq!(over.number("").await, 4, "no read from before it is joined");
    tokio::time::sleep(SLOW).await;
    assert_eq!(over.number("").await, 4);
    assert_eq!(crm.seen().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_in_the_background_that_fails_harms_nobody() {
    let crm = Crm::answering(|seen, before| match before {
        1 => Play::Json(503, json!({})),
        _ => Play::Json(200, shown(&seen.target, before as u64 + 1)),
    })
    .await;
    let over = Over::before(&crm, &file("", PEOPLE), Some(&AHEAD)).await;
    over.number("").await;
    over.number("").await;
    tokio::time::sleep(AHEAD_BY).await;
    for _ in 0..5 {
        assert_eq!(over.number("").await, 1);
        tokio::time::sleep(OVER).await;
    }
    assert_eq!(crm.seen().len(), 2, "once");
    assert_eq!(over.number("no-cache").await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_says_no_longer_than_until_it_is_asked_again() {
    let crm = late(Duration::ZERO).await;
    let times = CacheTimes {
        ttl: Duration::from_secs(100),
        refresh_after_percent: Some(40),
        ..BRIEF
    };
    let over = Over::before(&crm, &file("", PEOPLE), Some(&times)).await;
    let query = format!("{{ customer(id: {:?}) {{ name }} }}", id("acme", "a"));
    for _ in 0..2 {
        let (said, _) = over.ask(&query, "").await;
        let seconds = said.strip_prefix("private, max-age=").unwrap();
        let seconds: u64 = seconds.parse().unwrap();
        assert!((35..=40).contains(&seconds), "{said}");
    }
}
