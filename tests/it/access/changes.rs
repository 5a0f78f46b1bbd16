//! A configuration that changes while requests run.

use super::{JWT, LIST};
use crate::support::guarded::{self, ALL, api_key, claims, token};
use serde_json::json;
use std::time::{Duration, Instant};

async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is().await {
        assert!(started.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_configuration_is_taken_over_and_a_wrong_one_is_not() {
    let gateway = guarded::start(|text| text + &api_key("old", "", ALL)).await;
    let file = gateway.folder.path().join("crmql.toml");
    let status = async |credential: &str| gateway.ask(credential, LIST).await.status;
    assert_eq!((status("old").await, status("new").await), (200, 401));

    let changed = gateway
        .text
        .replace(&api_key("old", "", ALL), &api_key("new", "", ALL));
    let changed = changed.replace("listen = \"127.0.0.1:0\"", "listen = \"127.0.0.1:1\"");
    std::fs::write(&file, &changed).unwrap();
    gateway.process.signal("HUP");
    until("a signal", async || status("new").await == 200).await;
    assert_eq!(status("old").await, 401, "{}", gateway.process.err());
    assert!(
        gateway.process.err().contains("server.listen"),
        "{}",
        gateway.process.err()
    );

    let wrong = changed.replace("adapter = \"gormic\"", "adapter = \"gormik\"")
        + &api_key("third", "", ALL);
    std::fs::write(&file, wrong).unwrap();
    gateway.process.signal("HUP");
    until("a complaint", async || {
        gateway.process.err().contains("gormik")
    })
    .await;
    assert_eq!((status("new").await, status("third").await), (200, 401));

    // Without a signal: the file alone.
    std::fs::write(&file, changed + &api_key("third", "", ALL)).unwrap();
    until("a changed file", async || status("third").await == 200).await;
    assert_eq!(status("new").await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_a_refused_configuration_misses_is_noticed_when_it_comes() {
    let gateway = guarded::start(|text| text + &api_key("old", "", ALL)).await;
    let late = gateway.folder.path().join("late");
    let issuer = JWT.replace("{ env = \"TEST_JWT_SECRET\" }", "{ file = \"late\" }");
    let file = gateway.folder.path().join("crmql.toml");
    std::fs::write(&file, gateway.text.clone() + &issuer).unwrap();
    gateway.process.signal("HUP");
    until("a complaint", async || {
        gateway
            .process
            .err()
            .contains("the old configuration stays in use")
    })
    .await;
    std::fs::write(&late, guarded::SECRET).unwrap();
    let token = token(&claims(&json!({ "scope": "read:customers" })));
    until("the file was noticed", async || {
        gateway.ask(&token, "{ sources { key } }").await.status == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_that_need_a_restart_are_named_and_others_are_taken_over() {
    let gateway = guarded::start(|text| text + &api_key("old", "", ALL)).await;
    let limits = "[limits]\ndrain_ms = 7000\nreceive_ms = 7000\nidle_ms = 7000\nconnections = 70\nrequest_ms = 7000\n";
    let file = gateway.folder.path().join("crmql.toml");
    std::fs::write(&file, format!("{limits}{}", gateway.text)).unwrap();
    gateway.process.signal("HUP");
    gateway
        .process
        .word_after("the configuration was read again")
        .await;
    let said = gateway.process.err();
    let names = "limits.connections, limits.drain_ms, limits.receive_ms, limits.idle_ms";
    assert!(said.contains(&format!("keys=\"{names}\"")), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_read_again_and_a_running_request_ends_on_the_old_configuration() {
    let secret = tempfile::tempdir().unwrap();
    let file = secret.path().join("jwt");
    std::fs::write(&file, guarded::SECRET).unwrap();
    let gateway = guarded::start(|text| {
        let named = format!("{{ file = {:?} }}", file.display().to_string());
        text + &JWT.replace("{ env = \"TEST_JWT_SECRET\" }", &named)
    })
    .await;
    let token = token(&claims(&json!({ "scope": "read:customers" })));
    let crm = &gateway.demo.crms[0];
    crm.set_fault(Some(crmql::demo::Fault::Latency(Duration::from_secs(4))));
    let slow = gateway.ask(&token, LIST);
    let change = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        std::fs::write(&file, "another secret of at least 32 bytes").unwrap();
        gateway.process.signal("HUP");
        until("the old token is refused", async || {
            gateway.ask(&token, "{ sources { key } }").await.status == 401
        })
        .await;
        Instant::now()
    };
    let ended = async { (slow.await, Instant::now()) };
    let ((got, answered), refused) = tokio::join!(ended, change);
    assert_eq!((got.status, got.code().as_str()), (200, ""), "{}", got.text);
    assert!(refused < answered, "the request was still running");
}
