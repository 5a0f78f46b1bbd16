//! Creating, changing and deleting in each emulated CRM: what the caller is told, and what exactly the CRM was asked.

mod each;
mod outcomes;
mod unwritten;

use crate::support::gateway::{Running, refusals};
use serde_json::{Value, json};

/// The request's method, path and body, of the only request since.
fn only(gateway: &Running, key: &str) -> (String, Value) {
    let seen = gateway.seen(key);
    assert_eq!(seen.len(), 1, "{:?}", gateway.calls(key));
    let body = serde_json::from_str(&seen[0].body).unwrap_or(Value::Null);
    (
        format!("{} {}", seen[0].method, seen[0].path_and_query),
        body,
    )
}

/// The id of a customer in a CRM.
async fn some_id(gateway: &Running, key: &str, place: usize) -> String {
    let record = gateway.records(key).await.swap_remove(place);
    let local = record.get("id").or_else(|| record.get("_id")).unwrap();
    gateway.forget();
    local
        .as_str()
        .map_or_else(|| local.to_string(), str::to_owned)
}

fn applied(payload: &Value) {
    assert_eq!(payload["outcome"], "APPLIED", "{payload:#}");
    assert_eq!(payload["userErrors"], json!([]), "{payload:#}");
    assert_eq!(payload["errors"], Value::Null, "{payload:#}");
}

fn refused(payload: &Value, expected: &[(&str, &str)]) {
    let found = refusals(payload);
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|(path, code)| (&**path, &**code))
        .collect();
    assert_eq!(found, expected, "{payload:#}");
    assert_eq!(payload["outcome"], "NOT_APPLIED", "{payload:#}");
    assert_eq!(payload["errors"], Value::Null, "{payload:#}");
}
