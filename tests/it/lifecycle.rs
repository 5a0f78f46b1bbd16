//! The command from start to end: what it needs, what it says, how it stops, and with which exit code.

use super::support::crm::{Crm, Play, file};
use super::support::gateway::id;
use super::support::process::{Process, ask, configuration, spawn};
use crmql::demo::{self, Demo, Fault, Options};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const ALL: &str = "{ customers(first: 100) { nodes { id } sources { source { key } outcome } } }";

async fn small_demo() -> Demo {
    demo::start(Options {
        customers: 5,
        ports: None,
    })
    .await
    .unwrap()
}

async fn check(
    folder: &Path,
    arguments: &[&str],
    environment: &[(String, String)],
) -> (Option<i32>, String, String) {
    let mut process = spawn(folder, arguments, environment);
    let code = process.ended().await;
    (code, process.out(), process.err())
}

/// Waits until a CRM was asked for a customer.
async fn wait_for_a_call(demo: &Demo, key: &str) {
    let crm = demo.crms.iter().find(|crm| crm.key == key).unwrap();
    while !crm
        .log()
        .iter()
        .any(|seen| seen.path_and_query.contains("/customers"))
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_in_the_background_keeps_nobody_from_ending() {
    let demo = small_demo().await;
    let folder = tempfile::tempdir().unwrap();
    let (text, environment) = configuration(&demo);
    let cache = "cache = { ttl = \"10s\", refresh_after_percent = 10 }\nkey = \"gtateth\"";
    let text = text.replace("key = \"gtateth\"", cache);
    std::fs::write(folder.path().join("crmql.toml"), text).unwrap();
    let mut process = spawn(folder.path(), &["serve"], &environment);
    let address = served(&process).await;
    let query = "{ customers(sources: [\"gtateth\"], first: 2) { nodes { id } } }";
    let calls = || {
        let crm = demo.crms.iter().find(|crm| crm.key == "gtateth").unwrap();
        crm.log().len()
    };
    for _ in 0..2 {
        ask(&address, query, json!({})).await;
    }
    assert_eq!(calls(), 1);
    for crm in &demo.crms {
        crm.set_fault(Some(Fault::Latency(Duration::from_secs(60))));
    }
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let started = Instant::now();
    while calls() == 1 {
        let asked = Instant::now();
        let answer = ask(&address, query, json!({})).await;
        let nodes = answer["data"]["customers"]["nodes"].as_array();
        assert_eq!(nodes.map(Vec::len), Some(2), "{answer:#}");
        assert!(
            asked.elapsed() < Duration::from_secs(2),
            "it waited for the CRM"
        );
        assert!(started.elapsed() < Duration::from_secs(5), "nobody asked");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    process.signal("TERM");
    let asked = Instant::now();
    assert_eq!(process.ended().await, Some(0), "{}", process.err());
    assert!(
        asked.elapsed() < Duration::from_secs(10),
        "it waited for the CRM"
    );
}

async fn served(process: &Process) -> String {
    process.word_after("listening address=").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_needs_nothing_and_ends_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    for signal in ["TERM", "INT"] {
        let mut process = spawn(
            folder.path(),
            &["demo", "--port", "0", "--customers", "3"],
            &[],
        );
        let address = process.word_after("GraphiQL  http://").await;
        let address = address.trim_end_matches('/');
        let answer = ask(address, ALL, json!({})).await;
        assert_eq!(
            answer["data"]["customers"]["nodes"]
                .as_array()
                .unwrap()
                .len(),
            12,
            "{answer:#}"
        );
        for (path, word) in [
            ("healthz", ""),
            ("readyz", ""),
            ("schema.graphql", "type Query"),
            ("", "<html"),
        ] {
            let answer = reqwest::get(format!("http://{address}/{path}"))
                .await
                .unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            assert!(answer.text().await.unwrap().contains(word), "{path}");
        }
        process.signal(signal);
        assert_eq!(process.ended().await, Some(0), "{}", process.err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_of_four_crms_is_checked_and_served() {
    let demo = small_demo().await;
    let folder = tempfile::tempdir().unwrap();
    let (text, environment) = configuration(&demo);
    std::fs::write(folder.path().join("crmql.toml"), &text).unwrap();
    let (code, out, err) = check(folder.path(), &["check"], &environment).await;
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert_eq!(out, "crmql.toml: fine, 4 sources\n");
    assert!(
        demo.crms.iter().all(|crm| crm.log().is_empty()),
        "nobody is asked"
    );
    let (code, out, err) = check(folder.path(), &["check", "--live"], &environment).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(out.lines().count(), 5, "{out}");
    for crm in &demo.crms {
        assert!(out.contains(&format!("{}: answered in", crm.key)), "{out}");
        let asked = crm
            .log()
            .iter()
            .filter(|seen| seen.path_and_query.contains("/customers"))
            .count();
        assert_eq!(asked, 1, "{}", crm.key);
    }
    // The refresh token that came with the configuration is spent by now; what replaced it was kept, and is again.
    for round in 0..2 {
        let mut process = spawn(folder.path(), &["serve"], &environment);
        let address = served(&process).await;
        let answer = ask(&address, ALL, json!({})).await;
        assert_eq!(answer["errors"], Value::Null, "round {round}: {answer:#}");
        assert_eq!(
            answer["data"]["customers"]["nodes"]
                .as_array()
                .unwrap()
                .len(),
            20
        );
        process.signal("TERM");
        assert_eq!(process.ended().await, Some(0), "{}", process.err());
        for (_, secret) in &environment {
            assert!(!process.err().contains(secret) && !process.out().contains(secret));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_changes_nothing() {
    let demo = small_demo().await;
    let folder = tempfile::tempdir().unwrap();
    let (text, environment) = configuration(&demo);
    std::fs::write(folder.path().join("crmql.toml"), &text).unwrap();
    let (code, out, err) = check(folder.path(), &["check"], &environment).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(!folder.path().join("state").exists());
}

/// The configuration comes through a pipe, so that the signal comes before anything of it is read.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_to_read_again_that_comes_early_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("crmql.toml");
    let made = std::process::Command::new("mkfifo").arg(&file).status();
    assert!(made.unwrap().success());
    let demo = small_demo().await;
    let (text, environment) = configuration(&demo);
    let mut process = spawn(folder.path(), &["serve"], &environment);
    let opening = tokio::task::spawn_blocking(move || std::fs::File::create(file).unwrap());
    let mut pipe = opening.await.unwrap();
    process.signal("HUP");
    tokio::time::sleep(Duration::from_millis(200)).await;
    std::io::Write::write_all(&mut pipe, text.as_bytes()).unwrap();
    drop(pipe);
    served(&process).await;
    process.signal("KILL");
    process.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_refresh_token_is_kept_whatever_its_var_is_called() {
    let demo = small_demo().await;
    let folder = tempfile::tempdir().unwrap();
    let adapter = crmql::adapter::built_in_file("flextell.toml").unwrap();
    let adapter = adapter
        .replace("\"{refresh_token}\"", "\"{first_token}\"")
        .replace("refresh_token = { optional", "first_token = { optional");
    std::fs::write(folder.path().join("other.toml"), adapter).unwrap();
    let (text, environment) = configuration(&demo);
    let text = text
        .replace("adapter = \"flextell\"", "adapter = \"./other.toml\"")
        .replace("refresh_token = { env", "first_token = { env");
    std::fs::write(folder.path().join("crmql.toml"), &text).unwrap();
    // The token is spent by the first reading, and what replaced it serves the second.
    for round in 0..2 {
        let (code, out, err) = check(folder.path(), &["check", "--live"], &environment).await;
        assert_eq!(code, Some(0), "round {round}: {out}{err}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cursors_outlive_a_restart() {
    let demo = small_demo().await;
    let folder = tempfile::tempdir().unwrap();
    let (text, environment) = configuration(&demo);
    std::fs::write(folder.path().join("crmql.toml"), &text).unwrap();
    let query = "query($after: String) { customers(first: 7, after: $after) { nodes { id } pageInfo { endCursor } } }";
    let (mut after, mut found) = (Value::Null, Vec::new());
    for _ in 0..2 {
        let mut process = spawn(folder.path(), &["serve"], &environment);
        let address = served(&process).await;
        let answer = ask(&address, query, json!({ "after": after })).await;
        let page = &answer["data"]["customers"];
        found.extend(
            page["nodes"]
                .as_array()
                .unwrap_or_else(|| panic!("{answer:#}"))
                .clone(),
        );
        after = page["pageInfo"]["endCursor"].clone();
        process.signal("TERM");
        process.ended().await;
    }
    found.dedup();
    assert_eq!(found.len(), 14);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_that_cannot_work_is_refused_with_its_place() {
    let demo = small_demo().await;
    let folder = tempfile::tempdir().unwrap();
    let (text, environment) = configuration(&demo);
    let file = folder.path().join("crmql.toml");
    std::fs::write(&file, &text).unwrap();
    for command in ["serve", "check"] {
        let (code, out, err) = check(folder.path(), &[command], &environment[1..]).await;
        assert_eq!((code, out.as_str()), (Some(64), ""));
        let line = text
            .lines()
            .position(|line| line.contains(&environment[0].0))
            .unwrap()
            + 1;
        assert!(
            err.starts_with(&format!("crmql.toml:{line}:")) && err.contains(&environment[0].0),
            "{err}"
        );
        assert_eq!(err.lines().count(), 1, "{err}");
    }
    for (from, to, word) in [
        ("adapter = \"gormic\"", "adapter = \"gormik\"", "gormik"),
        ("organization = ", "organisation = ", "organisation"),
        (
            "api_key = { env = \"TEST_GORMIC_API_KEY\" }",
            "api_key = \"planted-s3cret\"",
            "secret",
        ),
        ("key = \"gormic\"", "key = \"gtateth\"", "gtateth"),
    ] {
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
        let (code, _, err) = check(folder.path(), &["check"], &environment).await;
        assert_eq!(code, Some(64), "{to}: {err}");
        assert!(
            err.contains(word) && !err.contains("planted"),
            "{to}: {err}"
        );
    }
    std::fs::write(&file, &text).unwrap();
    let mut wrong = environment.clone();
    wrong[0].1 = "planted-s3cret".to_owned();
    let (code, out, err) = check(folder.path(), &["check", "--live"], &wrong).await;
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(
        out.contains("SOURCE_CREDENTIALS") && !(out + &err).contains("planted"),
        "one source says no"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_requests_finish_and_a_second_signal_ends_them() {
    for twice in [false, true] {
        let demo = small_demo().await;
        let folder = tempfile::tempdir().unwrap();
        let (text, environment) = configuration(&demo);
        std::fs::write(folder.path().join("crmql.toml"), &text).unwrap();
        let mut process = spawn(folder.path(), &["serve"], &environment);
        let address = served(&process).await;
        let slow = Duration::from_secs(if twice { 15 } else { 1 });
        demo.crms[0].set_fault(Some(Fault::Latency(slow)));
        let asking = tokio::spawn(async move {
            let query = "mutation { createCustomer(input: { source: \"gtateth\", firstName: \"Slow\" }) { outcome } }";
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let request = client
                .post(format!("http://{address}/graphql"))
                .header("content-type", "application/json");
            request
                .body(json!({ "query": query }).to_string())
                .send()
                .await?
                .text()
                .await
        });
        wait_for_a_call(&demo, "gtateth").await;
        process.signal("TERM");
        process.word_after("draining").await;
        if twice {
            process.signal("TERM");
            assert_eq!(process.ended().await, Some(1), "{}", process.err());
            assert!(asking.await.unwrap().is_err());
        } else {
            let answer = asking.await.unwrap().unwrap();
            assert_eq!(
                answer,
                r#"{"data":{"createCustomer":{"outcome":"APPLIED"}}}"#
            );
            assert_eq!(process.ended().await, Some(0), "{}", process.err());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_cannot_be_read_is_told_at_the_start_and_leaves_its_keys_in_doubt() {
    let demo = small_demo().await;
    for lost in ["", "this is no ledger"] {
        let folder = tempfile::tempdir().unwrap();
        let (text, environment) = configuration(&demo);
        std::fs::write(folder.path().join("crmql.toml"), &text).unwrap();
        std::fs::create_dir(folder.path().join("state")).unwrap();
        std::fs::write(folder.path().join("state/writes.redb"), lost).unwrap();
        let mut process = spawn(folder.path(), &["serve"], &environment);
        let address = served(&process).await;
        let said = process.err();
        assert!(said.contains("idempotency keys cannot be kept"), "{said}");
        let way_out = "state/writes.redb: ";
        let lost = said.contains(way_out) && said.contains("remove it to begin with none");
        assert!(lost, "{said}");
        let query = "mutation { createCustomer(input: { source: \"gtateth\", firstName: \"Ada\", idempotencyKey: \"k\" }) { outcome } }";
        let answer = ask(&address, query, json!({})).await;
        let made = &answer["data"]["createCustomer"];
        assert_eq!(made["outcome"], "UNKNOWN", "{answer:#}");
        process.signal("TERM");
        assert_eq!(process.ended().await, Some(0), "{}", process.err());
    }
}

/// CRMs are called as the configuration says, whatever a shell or an image has in its environment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_of_the_environment_is_not_used() {
    let crm = Crm::json(json!([{ "id": "1" }])).await;
    let folder = tempfile::tempdir().unwrap();
    let adapter = file(
        "",
        "[[list]]\nrequest = \"GET /c\"\nitems = \"\"\norder = \"stable\"\npage = { kind = \"none\" }\n[fields]\nid = \"/id\"\n",
    );
    std::fs::write(folder.path().join("acme.toml"), adapter).unwrap();
    let config = format!(
        "[[source]]\nkey = \"acme\"\nadapter = \"./acme.toml\"\nretries = 0\nvars = {{ base_url = {:?} }}\n",
        crm.base
    );
    std::fs::write(folder.path().join("crmql.toml"), config).unwrap();
    let nobody = "http://127.0.0.1:9";
    let environment = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
        .map(|name| (name.to_owned(), nobody.to_owned()));
    let (code, out, err) = check(folder.path(), &["check", "--live"], &environment).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(crm.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_check_says_why_a_crm_cannot_be_reached() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let packed = vec![("content-encoding", "gzip".to_owned())];
    let spoiled = Crm::always(Play::Raw(200, packed, b"no gzip at all".to_vec())).await;
    let cases = [
        (format!("http://{closed}"), "it refuses connections"),
        (spoiled.base.clone(), "its answer cannot be unpacked"),
        ("http://nobody.invalid".to_owned(), "its name is not known"),
    ];
    for (base, why) in cases {
        let folder = tempfile::tempdir().unwrap();
        let adapter = file(
            "",
            "[[list]]\nrequest = \"GET /c\"\nitems = \"\"\norder = \"stable\"\npage = { kind = \"none\" }\n[fields]\nid = \"/id\"\n",
        );
        std::fs::write(folder.path().join("acme.toml"), adapter).unwrap();
        let config = format!(
            "[[source]]\nkey = \"acme\"\nadapter = \"./acme.toml\"\nretries = 0\nvars = {{ base_url = {base:?} }}\n"
        );
        std::fs::write(folder.path().join("crmql.toml"), config).unwrap();
        let (code, out, err) = check(folder.path(), &["check", "--live"], &[]).await;
        assert_eq!(code, Some(1), "{out}{err}");
        assert!(
            out.contains(&format!(": {why} (SOURCE_UNAVAILABLE)")),
            "{out}{err}"
        );
    }
}

#[tokio::test]
async fn an_adapter_file_that_is_not_there_is_told_where_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[[source]]\nkey = \"a\"\nadapter = \"./nope.toml\"\n";
    std::fs::write(folder.path().join("crmql.toml"), config).unwrap();
    let (code, _, err) = check(folder.path(), &["check"], &[]).await;
    assert_eq!(code, Some(64));
    let said = "crmql.toml:3:1: the file `./nope.toml` cannot be read: No such file";
    assert!(err.contains(said), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_is_a_failure_that_says_so() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = check(folder.path(), &["demo", "--port", &port], &[]).await;
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains(&port) && err.contains("--port 0"), "{err}");
}

/// How long a write takes that a reload overtakes.
const SLOW: Duration = Duration::from_millis(1_500);

/// A CRM with one customer, who has another name once a write has ended.
async fn slow_writer() -> Crm {
    let written = OnceLock::new();
    Crm::answering(move |seen, _| {
        if seen.method == "PATCH" {
            written.set(Instant::now()).unwrap();
            return Play::Late(SLOW, Box::new(Play::Json(200, json!({}))));
        }
        let over = written.get().is_some_and(|at| at.elapsed() >= SLOW);
        let name = if over { "new" } else { "old" };
        Play::Json(200, json!({ "id": "a", "name": name }))
    })
    .await
}

const PERSON: &str = "[get]\nrequest = \"GET /people/{id}\"\nitem = \"\"\n\
    [update]\nrequest = \"PATCH /people/{id}\"\nreturns = {}\n\
    [fields]\nid = \"/id\"\nname = { r = \"/name\", w = \"/name\" }\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_ends_after_a_reload_is_seen_by_what_is_read_then() {
    let crm = slow_writer().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("acme.toml"), file("", PERSON)).unwrap();
    let configuration = |key: &str| {
        format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nstate_dir = \"state\"\n[[source]]\nkey = {key:?}\n\
             adapter = \"./acme.toml\"\ncache = {{ ttl = \"1h\" }}\n[source.vars]\nbase_url = {:?}\n",
            crm.base
        )
    };
    let file = folder.path().join("crmql.toml");
    std::fs::write(&file, configuration("acme")).unwrap();
    let process = spawn(folder.path(), &["serve"], &[]);
    let address = served(&process).await;
    let person = id("acme", "a");
    let name = || async {
        let query = format!("{{ customer(id: {person:?}) {{ name }} }}");
        ask(&address, &query, json!({})).await["data"]["customer"]["name"].clone()
    };
    let input = json!({ "input": { "id": person, "name": "new" } });
    let write =
        "mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { outcome } }";
    let reload = async {
        while crm.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // It goes and comes back, as where a file is written in two steps.
        for (key, times) in [("other", 1), ("acme", 2)] {
            std::fs::write(&file, configuration(key)).unwrap();
            process.signal("HUP");
            let read = || process.err() + &process.out();
            while read().matches("the configuration was read again").count() < times {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        name().await
    };
    let (written, meanwhile) = tokio::join!(ask(&address, write, input), reload);
    assert_eq!(meanwhile, "old", "the write was over too soon");
    let outcome = &written["data"]["updateCustomer"]["outcome"];
    assert_eq!(outcome, "APPLIED", "{written:#}");
    assert_eq!(name().await, "new");
}

/// A gateway with these limits, in the middle of a write that takes so long and whose caller has left.
async fn left_writing(folder: &Path, limits: &str, takes: Duration) -> (Process, Crm) {
    let crm = Crm::answering(move |seen, _| {
        let done = Box::new(Play::Json(200, json!({ "id": "a", "name": "new" })));
        match seen.method.as_str() {
            "PATCH" => Play::Late(takes, done),
            _ => *done,
        }
    })
    .await;
    std::fs::write(folder.join("acme.toml"), file("", PERSON)).unwrap();
    let configuration = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nstate_dir = \"state\"\n[limits]\n{limits}\n\
         [[source]]\nkey = \"acme\"\nadapter = \"./acme.toml\"\n[source.vars]\nbase_url = {:?}\n",
        crm.base
    );
    std::fs::write(folder.join("crmql.toml"), configuration).unwrap();
    let process = spawn(folder, &["serve"], &[]);
    let address = served(&process).await;
    let input = json!({ "input": { "id": id("acme", "a"), "name": "new" } });
    let write =
        "mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { outcome } }";
    let sent = async {
        while crm.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        answer = ask(&address, write, input) => panic!("{answer}"),
        () = sent => {}
    }
    (process, crm)
}

/// A write whose caller has left is waited for as long as callers are: through the notice, and for the drain behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_nobody_waits_for_has_the_time_of_notice_and_drain() {
    let folder = tempfile::tempdir().unwrap();
    let limits = "notice_ms = 2000\ndrain_ms = 1800";
    let (mut process, _crm) = left_writing(folder.path(), limits, Duration::from_secs(3)).await;
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0), "{}", process.err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_nobody_waits_for_has_no_more_time_than_that() {
    let folder = tempfile::tempdir().unwrap();
    let limits = "drain_ms = 200";
    let (mut process, _crm) = left_writing(folder.path(), limits, Duration::from_secs(9)).await;
    process.signal("TERM");
    let asked = Instant::now();
    assert_eq!(process.ended().await, Some(1), "{}", process.err());
    assert!(asked.elapsed() < Duration::from_secs(6));
}

const PEOPLE: &str = "[[list]]\nrequest = \"GET /people\"\nitems = \"/data\"\npage = { kind = \"none\" }\n\
    [list.filter]\n\"email:eq\" = { send = \"query:email\" }\n[create]\nrequest = \"POST /people\"\n\
    [fields]\nid = \"/id\"\nemail = { r = \"/email\", w = \"/email\" }\n\
    createdAt = { r = \"/at\", type = \"datetime\" }\n";

/// A CRM whose clock is so many seconds ahead. It loses the answer to a create; what it shows then was made so many seconds
/// after the create was sent.
async fn hasty_clock(ahead: i64, after: i64) -> Crm {
    let there =
        move |seconds| jiff::Timestamp::now() + jiff::SignedDuration::from_secs(ahead + seconds);
    let made = OnceLock::new();
    Crm::answering(move |seen, _| {
        if seen.method == "POST" {
            let _ = made.set(there(after));
            return Play::Reset;
        }
        let date = there(0).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let row = json!({ "id": "1", "email": "ada@example.org", "at": made.get().map(ToString::to_string) });
        let body = json!({ "data": [row] }).to_string();
        Play::Raw(200, vec![("date", date)], body.into_bytes())
    })
    .await
}

/// What was made before is no proof, whatever the CRM's clock says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_create_is_looked_for_by_the_crms_own_clock() {
    for (ahead, after, outcome) in [
        (60, -20, "UNKNOWN"),
        (60, 0, "APPLIED"),
        // One that is behind may as well note other times than it tells.
        (-60, 0, "UNKNOWN"),
        (-60, -20, "UNKNOWN"),
        (0, 0, "APPLIED"),
        (0, -20, "UNKNOWN"),
    ] {
        let crm = hasty_clock(ahead, after).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("acme.toml"), file("", PEOPLE)).unwrap();
        let configuration = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nstate_dir = \"state\"\n[[source]]\nkey = \"acme\"\n\
             adapter = \"./acme.toml\"\n[source.vars]\nbase_url = {:?}\n",
            crm.base
        );
        std::fs::write(folder.path().join("crmql.toml"), configuration).unwrap();
        let process = spawn(folder.path(), &["serve"], &[]);
        let address = served(&process).await;
        let input = json!({ "input": { "source": "acme", "email": "ada@example.org" } });
        let write =
            "mutation($input: CreateCustomerInput!) { createCustomer(input: $input) { outcome } }";
        let written = ask(&address, write, input).await;
        let told = &written["data"]["createCustomer"]["outcome"];
        assert_eq!(
            told, outcome,
            "{ahead} s ahead, {after} s after: {written:#}"
        );
    }
}
