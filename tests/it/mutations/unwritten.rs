//! What is refused before anything is written, and what stands in the way in a CRM.

use super::{applied, refused, some_id};
use crate::support::gateway::{codes, id, start};
use crmql::demo::Fault;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_written_is_refused_and_nothing_is_sent() {
    let gateway = start(12).await;
    let own = id("gtateth", some_id(&gateway, "gtateth", 0).await);
    let create = |source: &str, more: Value| {
        let mut input = json!({ "source": source, "firstName": "A", "email": "a@new.example" });
        input
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        input
    };
    for (input, expected) in [
        (
            create("gtateth", json!({ "birthDate": "1990-01-01" })),
            ("input.birthDate", "OPERATION_NOT_SUPPORTED"),
        ),
        (
            create("gtateth", json!({ "status": "ACTIVE" })),
            ("input.status", "OPERATION_NOT_SUPPORTED"),
        ),
        (
            create("gtateth", json!({ "native": { "passcode": "1" } })),
            ("input.native.passcode", "OPERATION_NOT_SUPPORTED"),
        ),
        (
            create("gtateth", json!({ "tier": "UNKNOWN" })),
            ("input.tier", "INVALID_INPUT"),
        ),
        (
            create(
                "gtateth",
                json!({ "phone": { "number": "1", "callingCode": "45" } }),
            ),
            ("input.phone", "OPERATION_NOT_SUPPORTED"),
        ),
        (
            create(
                "gtateth",
                json!({ "phone": { "number": "1", "callingCode": "x" } }),
            ),
            ("input.phone", "INVALID_INPUT"),
        ),
        (
            create("gtateth", json!({ "idempotencyKey": "" })),
            ("input.idempotencyKey", "INVALID_INPUT"),
        ),
        (
            create("gtateth", json!({ "idempotencyKey": "k".repeat(256) })),
            ("input.idempotencyKey", "INVALID_INPUT"),
        ),
        (
            create("nobody", json!({})),
            ("input.source", "INVALID_INPUT"),
        ),
        (
            create("flextell", json!({ "native": { "country_id": "2" } })),
            ("input.native.country_id", "INVALID_INPUT"),
        ),
        (
            create("flextell", json!({ "firstName": "x".repeat(256) })),
            ("input.firstName", "INVALID_INPUT"),
        ),
        (
            create("flextell", json!({ "ownerId": "not a number" })),
            ("input.ownerId", "INVALID_INPUT"),
        ),
        (
            create("flextell", json!({ "tags": ["a"] })),
            ("input.tags", "OPERATION_NOT_SUPPORTED"),
        ),
        (
            create("gtateth", json!({ "tags": ["a", ""] })),
            ("input.tags", "INVALID_INPUT"),
        ),
    ] {
        refused(&gateway.write("createCustomer", input).await, &[expected]);
    }
    for (input, expected) in [
        (
            json!({ "id": "nonsense", "firstName": "A" }),
            ("input.id", "INVALID_ID"),
        ),
        (
            json!({ "id": id("nobody", "1"), "firstName": "A" }),
            ("input.id", "INVALID_ID"),
        ),
        (json!({ "id": own }), ("", "NO_CHANGES")),
        (
            json!({ "id": own, "note": "x" }),
            ("input.note", "OPERATION_NOT_SUPPORTED"),
        ),
        (
            json!({ "id": own, "note": null }),
            ("input.note", "OPERATION_NOT_SUPPORTED"),
        ),
        (
            json!({ "id": own, "tags": [""] }),
            ("input.tags", "INVALID_INPUT"),
        ),
        (
            json!({ "id": own, "status": "DELETED" }),
            ("input.status", "INVALID_INPUT"),
        ),
        (
            json!({ "id": id("gormic", "export"), "note": "x" }),
            ("input.id", "INVALID_ID"),
        ),
    ] {
        refused(&gateway.write("updateCustomer", input).await, &[expected]);
    }
    assert_eq!(gateway.call_count(), 0);
    let nulls = create("gtateth", json!({ "birthDate": null, "company": null }));
    applied(&gateway.write("createCustomer", nulls).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_in_the_way_of_a_write_has_its_code() {
    let gateway = start(8).await;
    for (key, status, retry_after, code) in [
        ("gtateth", 401, None, "SOURCE_CREDENTIALS"),
        ("gtateth", 403, None, "FORBIDDEN"),
        ("gtateth", 429, Some(25), "SOURCE_RATE_LIMITED"),
        ("flextell", 403, None, "FORBIDDEN"),
        ("flextell", 429, Some(25), "SOURCE_RATE_LIMITED"),
        ("spirii", 401, None, "SOURCE_CREDENTIALS"),
        ("spirii", 403, None, "SOURCE_CREDENTIALS"),
    ] {
        // A token, where one is needed, is there before anything goes wrong.
        gateway.records(key).await;
        gateway.crm(key).set_fault(Some(Fault::Status {
            status,
            retry_after,
        }));
        let input = match key {
            "spirii" => {
                json!({ "source": key, "name": "N", "country": "DK", "type": "PRIVATE", "email": "n@new.example",
                "parentId": id(key, "1001") })
            }
            _ => json!({ "source": key, "firstName": "N", "email": "n@new.example" }),
        };
        let made = gateway.write("createCustomer", input).await;
        gateway.crm(key).set_fault(None);
        refused(&made, &[("", code)]);
    }
    assert_eq!(gateway.crm("gtateth").len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_of_another_type_is_not_repeated() {
    let gateway = start(3).await;
    let query = "mutation($i: CreateCustomerInput!) { createCustomer(input: $i) { outcome userErrors { field code message } } }";
    let input = json!({ "source": "gtateth", "native": "PLANTED marker" });
    let data = gateway.data(query, json!({ "i": input })).await;
    let payload = &data["createCustomer"];
    assert_eq!(payload["outcome"], "NOT_APPLIED");
    assert_eq!(
        payload["userErrors"][0]["field"],
        json!(["input", "native"])
    );
    assert_eq!(payload["userErrors"][0]["code"], "INVALID_INPUT");
    assert!(!data.to_string().contains("PLANTED"), "{data:#}");
}

/// The executor reads an argument when the field's turn comes: a bad day in the second field must not be found after the
/// first one has written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_value_anywhere_stops_the_operation_before_the_first_write() {
    let gateway = start(3).await;
    let before = gateway.crm("gtateth").len();
    let good =
        "a: createCustomer(input: { source: \"gtateth\", firstName: \"First\" }) { outcome }";
    for (head, second, variables) in [
        (
            "",
            "{ source: \"gtateth\", birthDate: \"1990-13-41\" }",
            json!({}),
        ),
        (
            "",
            "{ source: \"gtateth\", birthDate: 19900101 }",
            json!({}),
        ),
        (
            "($i: CreateCustomerInput!)",
            "$i",
            json!({ "i": { "source": "gtateth", "birthDate": "PLANTED" } }),
        ),
        (
            "($day: Date = \"soon\")",
            "{ source: \"gtateth\", birthDate: $day }",
            json!({}),
        ),
    ] {
        let query =
            format!("mutation{head} {{ {good} b: createCustomer(input: {second}) {{ outcome }} }}");
        let answer = gateway.ask_with(&query, variables).await;
        assert_eq!(codes(&answer), ["INVALID_INPUT"], "{query}: {answer:#}");
        assert!(answer.get("data").is_none(), "{query}: {answer:#}");
        assert!(!answer.to_string().contains("PLANTED"), "{answer:#}");
        assert_eq!(gateway.crm("gtateth").len(), before, "{query}");
    }
}

/// A variable with a default may stand where no null may, and be null all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_null_where_none_may_be_stops_the_operation_before_the_first_write() {
    let gateway = start(3).await;
    let before = gateway.crm("gtateth").len();
    let good = "createCustomer(input: { source: \"gtateth\", firstName: \"Zq\" }) { outcome }";
    for (head, other, under) in [
        (
            "$s: String = \"gtateth\"",
            "createCustomer(input: { source: $s, firstName: \"A\" }) { outcome }",
            "source",
        ),
        (
            "$s: ID = \"x\"",
            "updateCustomer(input: { id: $s, firstName: \"A\" }) { outcome }",
            "id",
        ),
        (
            "$s: String = \"1\"",
            "createCustomer(input: { source: \"gtateth\", phone: { number: $s } }) { outcome }",
            "number",
        ),
        (
            "$s: String = \"1\"",
            "createCustomer(input: { source: \"gtateth\", tags: [\"a\", $s] }) { outcome }",
            "tags",
        ),
        (
            "$s: String = \"1\", $yes: Boolean = true",
            "createCustomer(input: { source: $s }) @include(if: $yes) { outcome }",
            "source",
        ),
    ] {
        for fields in [
            format!("a: {other} b: {good}"),
            format!("a: {good} b: {other}"),
        ] {
            let query = format!("mutation({head}) {{ {fields} }}");
            let answer = gateway.ask_with(&query, json!({ "s": null })).await;
            assert_eq!(codes(&answer), ["INVALID_INPUT"], "{query}: {answer:#}");
            assert!(answer.get("data").is_none(), "{query}: {answer:#}");
            let message = answer["errors"][0]["message"].as_str().unwrap();
            assert!(
                message.contains("$s") && message.contains(under),
                "{message}"
            );
            assert!(answer["errors"][0]["locations"][0]["column"].as_u64() > Some(20));
            assert_eq!(gateway.crm("gtateth").len(), before, "{query}");
        }
    }
    let query = format!(
        "mutation($s: String = \"gtateth\", $no: Boolean = false) {{ {good} b: createCustomer(input: {{ source: $s }}) @include(if: $no) {{ outcome }} }}"
    );
    let data = gateway.data(&query, json!({ "s": null })).await;
    assert_eq!(
        data["createCustomer"]["outcome"], "APPLIED",
        "what is left out wants nothing"
    );
    // Of a query the other fields are answered.
    let query = "query($s: ID = \"x\") { customer(id: $s) { id } sources { key } }";
    let answer = gateway.ask_with(query, json!({ "s": null })).await;
    assert_eq!(
        answer["data"]["sources"].as_array().unwrap().len(),
        4,
        "{answer:#}"
    );
}
