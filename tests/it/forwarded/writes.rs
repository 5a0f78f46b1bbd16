//! What is written with one credential is seen with all, and its key belongs to one.

use super::{LIST, first_name, two};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_is_seen_by_all_and_its_key_belongs_to_one() {
    let two = two().await;
    assert_eq!(
        first_name(&two.ask("tok-b", LIST).await),
        "1 of tok-b after 0"
    );
    let write = "mutation { createCustomer(input: { source: \"own\", name: \"x\", idempotencyKey: \"k\" }) \
        { outcome customer { displayName } } }";
    let made = two.ask("tok-a", write).await;
    assert_eq!(
        made["data"]["createCustomer"]["outcome"], "APPLIED",
        "{made:#}"
    );
    assert_eq!(
        first_name(&two.ask("tok-b", LIST).await),
        "1 of tok-b after 1"
    );
    // The same key with another credential is another key; with the same one it writes nothing.
    let other = two.ask("tok-b", write).await;
    let shown = &other["data"]["createCustomer"]["customer"]["displayName"];
    assert_eq!(shown, "101 of tok-b after 2", "{other:#}");
    for key in ["tok-a", "tok-b"] {
        let again = two.ask(key, write).await;
        assert_eq!(
            again["data"]["createCustomer"]["outcome"], "APPLIED",
            "{again:#}"
        );
    }
    assert_eq!(two.own.0.lock().unwrap().made, 2);
}

/// What cursors are sealed with has nothing to do with what was written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_stays_made_where_the_cursor_key_changes() {
    let two = two().await;
    let write = "mutation { createCustomer(input: { source: \"own\", name: \"x\", idempotencyKey: \"k\" }) { outcome } }";
    let outcome = async || {
        let made = two.ask("tok-a", write).await;
        assert_eq!(made["data"]["createCustomer"]["outcome"], "APPLIED");
    };
    outcome().await;
    let folder = two.gateway.folder.path();
    std::fs::write(folder.join("sealing"), "another key of sixteen bytes").unwrap();
    let text = format!(
        "cursor_key = {{ file = \"sealing\" }}\n{}",
        two.gateway.text
    );
    std::fs::write(folder.join("crmql.toml"), text).unwrap();
    two.gateway.process.signal("HUP");
    let again = "the configuration was read again";
    two.gateway.process.word_after(again).await;
    outcome().await;
    assert_eq!(two.own.0.lock().unwrap().made, 1);
}
