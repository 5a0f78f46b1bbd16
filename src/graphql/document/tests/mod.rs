//! Documents and variables through the gateway, over the toy schema.

mod bounds;
mod meaning;
mod strict;

use crate::graphql::toy;
use crate::graphql::{Arrival, Gateway};
use crate::limits::Limits;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub(super) fn arrival(ms: u64) -> Arrival {
    Arrival::new("r1", Instant::now() + Duration::from_millis(ms))
}

pub(super) async fn ask_with(gateway: &Gateway, document: &str, variables: Value) -> Value {
    let answer = match gateway.prepare(document, None) {
        Ok(prepared) => {
            let Value::Object(variables) = variables else {
                panic!("variables are an object")
            };
            gateway.execute(&prepared, variables, arrival(5_000)).await
        }
        Err(reasons) => crate::graphql::Answer::refused(reasons),
    };
    serde_json::from_slice(&gateway.finish(answer, "r1").to_json()).unwrap()
}

pub(super) async fn ask(document: &str) -> Value {
    ask_with(&toy::gateway(&Limits::default()), document, json!({})).await
}

pub(super) async fn ask_vars(document: &str, variables: Value) -> Value {
    ask_with(&toy::gateway(&Limits::default()), document, variables).await
}

pub(super) fn code(answer: &Value) -> &str {
    assert!(answer.get("data").is_none(), "{answer}");
    answer["errors"][0]["extensions"]["code"].as_str().unwrap()
}
