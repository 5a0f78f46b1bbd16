//! Creating, changing and deleting in each emulated CRM: what the caller is told, and what exactly the CRM was asked.

use super::support::gateway::{Running, codes, header, id, refusals, start, start_with};
use crmql::demo::Fault;
use crmql::limits::Limits;
use serde_json::{Value, json};
use std::time::Duration;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flat_body_becomes_a_nested_profile() {
    let gateway = start(12).await;
    let input = json!({
        "source": "gtateth", "firstName": "Ada", "lastName": "Lovelace", "email": "ada@new.example",
        "phone": { "number": "+4532123456" }, "company": "Engines", "jobTitle": "Analyst", "tier": "GOLD",
        "tags": ["vip", "a,b"], "customFields": { "plan": "pro" }, "clientMutationId": "m-1",
    });
    gateway.forget();
    let made = gateway.write("createCustomer", input).await;
    applied(&made);
    assert_eq!(made["clientMutationId"], "m-1");
    assert_eq!(
        only(&gateway, "gtateth"),
        (
            "POST /api/v1/customers".to_owned(),
            json!({
                "firstName": "Ada", "lastName": "Lovelace", "email": "ada@new.example", "phone": "+4532123456",
                "company": "Engines", "jobTitle": "Analyst", "tier": "gold", "tags": ["vip", "a,b"],
                "customFields": { "plan": "pro" },
            })
        )
    );
    let seen = &gateway.seen("gtateth")[0];
    assert_eq!(
        header(seen, "authorization"),
        Some("Bearer sk_live_demo_4f1c9a7e2b")
    );
    assert_eq!(header(seen, "content-type"), Some("application/json"));
    let customer = &made["customer"];
    assert_eq!(
        (&customer["tier"], &customer["status"]),
        (&json!("GOLD"), &json!("ACTIVE"))
    );
    assert_eq!(customer["tags"], json!(["vip", "a,b"]));
    assert_eq!(made["customerEdge"]["node"]["id"], customer["id"]);
    assert_eq!(made["customerEdge"]["cursor"], customer["id"]);

    gateway.forget();
    let input = json!({ "id": customer["id"], "company": null, "status": "INACTIVE", "jobTitle": "Countess", "tags": null });
    let changed = gateway.write("updateCustomer", input).await;
    applied(&changed);
    let path = format!(
        "PUT /api/v1/customers/{}",
        customer["sourceId"].as_str().unwrap()
    );
    let body =
        json!({ "company": null, "jobTitle": "Countess", "status": "inactive", "tags": null });
    assert_eq!(
        only(&gateway, "gtateth"),
        (path, body),
        "what is left out is not sent"
    );
    let customer = &changed["customer"];
    assert_eq!(
        (&customer["company"], &customer["firstName"]),
        (&Value::Null, &json!("Ada"))
    );
    assert_eq!(
        (&customer["status"], &customer["tags"]),
        (&json!("INACTIVE"), &json!([]))
    );

    gateway.forget();
    let gone = gateway
        .write(
            "deleteCustomer",
            json!({ "id": customer["id"], "clientMutationId": "m-2" }),
        )
        .await;
    applied(&gone);
    assert_eq!(
        (&gone["deletedCustomerId"], &gone["clientMutationId"]),
        (&customer["id"], &json!("m-2"))
    );
    let path = format!(
        "DELETE /api/v1/customers/{}",
        customer["sourceId"].as_str().unwrap()
    );
    assert_eq!(only(&gateway, "gtateth").0, path);
    let query = "query($id: ID!) { customer(id: $id) { id } }";
    assert_eq!(
        gateway.data(query, json!({ "id": customer["id"] })).await["customer"],
        Value::Null
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_crm_refuses_is_told_with_the_field() {
    let gateway = start(12).await;
    let taken = gateway.records("gtateth").await[0]["profile"]["email"].clone();
    let made = gateway
        .write(
            "createCustomer",
            json!({ "source": "gtateth", "email": taken }),
        )
        .await;
    refused(&made, &[("", "CONFLICT")]);
    let made = gateway
        .write(
            "createCustomer",
            json!({ "source": "gtateth", "email": "no address" }),
        )
        .await;
    refused(&made, &[("", "INVALID_INPUT")]);
    gateway.forget();
    let made = gateway
        .write(
            "createCustomer",
            json!({ "source": "gtateth", "company": "Alone" }),
        )
        .await;
    refused(&made, &[("", "INVALID_INPUT")]);
    assert_eq!(
        gateway.call_count(),
        0,
        "the adapter knows that one of four fields is needed"
    );
    for field in ["updateCustomer", "deleteCustomer"] {
        let mut input = json!({ "id": id("gtateth", "650000000000000000ffffff") });
        if field == "updateCustomer" {
            input["company"] = json!("X");
        }
        refused(
            &gateway.write(field, input).await,
            &[("input.id", "NOT_FOUND")],
        );
    }
    let flextell = gateway.records("flextell").await[1]["email"].clone();
    let made = gateway
        .write(
            "createCustomer",
            json!({ "source": "flextell", "email": flextell }),
        )
        .await;
    refused(&made, &[("", "CONFLICT")]);
    let external = gateway.records("spirii").await[1]["externalId"].clone();
    let input = json!({ "source": "spirii", "name": "N", "country": "DK", "type": "PRIVATE", "email": "n@n.example",
        "parentId": id("spirii", "1001"), "externalId": external });
    refused(
        &gateway.write("createCustomer", input).await,
        &[("input.externalId", "CONFLICT")],
    );
    let phone = gateway.records("gormic").await[1].clone();
    let input = json!({ "source": "gormic", "firstName": "D", "phone": { "number": phone["phone"],
        "callingCode": phone["phoneCountryCalling"] } });
    refused(
        &gateway.write("createCustomer", input).await,
        &[("input.phone", "CONFLICT")],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envelope_crm_is_asked_in_params_and_read_back() {
    let gateway = start(12).await;
    gateway.forget();
    let input = json!({
        "source": "gormic", "firstName": "Bo", "phone": { "number": "32990011", "callingCode": "+45" },
        "gender": "FEMALE", "birthDate": "1990-05-17", "note": "hello", "unsubscribed": true,
        "native": { "passcode": "4711" },
    });
    let made = gateway.write("createCustomer", input).await;
    applied(&made);
    let calls = gateway.seen("gormic");
    let local = made["customer"]["sourceId"].as_str().unwrap();
    let sent: Value = serde_json::from_str(&calls[0].body).unwrap();
    assert_eq!(
        gateway.calls("gormic"),
        [
            "POST /v1/crm/customers".to_owned(),
            format!("GET /v1/crm/customers/{local}")
        ],
        "the answer has no customer: it is read back"
    );
    assert_eq!(
        sent,
        json!({ "params": { "firstName": "Bo", "phone": "32990011", "phoneCallingCode": "45", "gender": "F",
            "birthDate": "1990-05-17", "internalNote": "hello", "unsubscribed": true, "passcode": "4711" } })
    );
    for call in &calls {
        assert_eq!(header(call, "api-key"), Some("gormic-demo-8d21f0"));
        assert_eq!(header(call, "organization-id"), Some("org_demo"));
    }
    assert_eq!(
        (&made["customer"]["gender"], &made["customer"]["note"]),
        (&json!("FEMALE"), &json!("hello"))
    );
    assert!(
        !made.to_string().contains("4711"),
        "the passcode is never answered"
    );

    gateway.forget();
    let update = json!({ "id": made["customer"]["id"], "note": null, "firstName": "Bodil" });
    let changed = gateway.write("updateCustomer", update.clone()).await;
    applied(&changed);
    assert_eq!(changed["customer"]["note"], Value::Null);
    let seen = gateway.seen("gormic");
    let sent: Value = serde_json::from_str(&seen[0].body).unwrap();
    assert_eq!(seen[0].method, "PATCH");
    assert_eq!(
        sent,
        json!({ "params": { "id": local, "firstName": "Bodil", "internalNote": null } })
    );
    assert_eq!(seen[1].method, "GET");
    refused(
        &gateway.write("updateCustomer", update).await,
        &[("", "NO_CHANGES")],
    );

    gateway.forget();
    applied(
        &gateway
            .write("deleteCustomer", json!({ "id": made["customer"]["id"] }))
            .await,
    );
    assert_eq!(
        gateway.calls("gormic"),
        [format!("DELETE /v1/crm/customers/{local}")]
    );
    let again = gateway
        .write("deleteCustomer", json!({ "id": made["customer"]["id"] }))
        .await;
    refused(&again, &[("input.id", "NOT_FOUND")]);
    gateway.forget();
    let input = json!({ "source": "gormic", "lastName": "Only" });
    let made = gateway.write("createCustomer", input).await;
    refused(
        &made,
        &[
            ("input.firstName", "INVALID_INPUT"),
            ("input.phone", "INVALID_INPUT"),
        ],
    );
    assert_eq!(gateway.call_count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_in_crm_is_asked_with_token_and_tenant() {
    let gateway = start(12).await;
    gateway.forget();
    let input = json!({
        "source": "flextell", "firstName": "Cem", "email": "cem@new.example", "phone": { "number": "+905551112233" },
        "birthDate": "1980-02-29", "gender": "OTHER", "ownerId": "12", "address": "Uzun Sokak 1",
        "native": { "country_id": 2 },
    });
    let made = gateway.write("createCustomer", input).await;
    applied(&made);
    let (path, body) = only(&gateway, "flextell");
    assert_eq!(path, "POST /api/v1/customers");
    assert_eq!(
        body,
        json!({ "first_name": "Cem", "email": "cem@new.example", "phone_number": "+905551112233",
            "date_of_birth": "1980-02-29T00:00:00Z", "gender": "other", "user_id": 12, "address": "Uzun Sokak 1",
            "country_id": 2 })
    );
    let seen = &gateway.seen("flextell")[0];
    assert!(
        header(seen, "authorization")
            .unwrap()
            .starts_with("Bearer fxa_")
    );
    assert_eq!(header(seen, "x-tenant"), Some("7301"));
    let customer = &made["customer"];
    assert_eq!(customer["birthDate"], "1980-02-29");
    assert_eq!(customer["owner"], json!({ "id": "12", "name": "Bob" }));
    assert!(customer["country"].is_string());

    gateway.forget();
    let input = json!({ "id": customer["id"], "email": null, "gender": null, "birthDate": null, "ownerId": null });
    let changed = gateway.write("updateCustomer", input).await;
    applied(&changed);
    let (path, body) = only(&gateway, "flextell");
    assert_eq!(
        path,
        format!(
            "PUT /api/v1/customers/{}",
            customer["sourceId"].as_str().unwrap()
        )
    );
    assert_eq!(
        body,
        json!({ "email": null, "gender": null, "date_of_birth": null, "user_id": null })
    );
    let now = &changed["customer"];
    assert_eq!(
        (&now["email"], &now["gender"], &now["owner"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(now["firstName"], "Cem");

    gateway.forget();
    let gone = gateway
        .write("deleteCustomer", json!({ "id": customer["id"] }))
        .await;
    refused(&gone, &[("", "OPERATION_NOT_SUPPORTED")]);
    assert_eq!(gone["deletedCustomerId"], Value::Null);
    let input = json!({ "id": customer["id"], "firstName": null });
    refused(
        &gateway.write("updateCustomer", input).await,
        &[("input.firstName", "INVALID_INPUT")],
    );
    assert_eq!(gateway.call_count(), 0);

    // A token that ended is replaced, and the write that met it is sent again: it was not applied.
    gateway.crm("flextell").expire_tokens();
    let made = gateway
        .write(
            "createCustomer",
            json!({ "source": "flextell", "firstName": "Late" }),
        )
        .await;
    applied(&made);
    let statuses: Vec<u16> = gateway
        .seen("flextell")
        .iter()
        .map(|seen| seen.status)
        .collect();
    assert_eq!(statuses, [401, 201]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_crm_takes_nested_details_and_a_parent() {
    let gateway = start(12).await;
    gateway.forget();
    let input = json!({
        "source": "spirii", "name": "Ladeøen", "country": "DK", "type": "BUSINESS", "parentId": id("spirii", "1001"),
        "email": "lad@new.example", "phone": { "number": "+4512345678" }, "externalId": "E-1", "address": "Vej 1",
        "city": "Kbh", "native": { "zipCode": "2200", "financialSetup": { "currency": "DKK" } },
    });
    let made = gateway.write("createCustomer", input).await;
    applied(&made);
    let seen = gateway.seen("spirii");
    let sent: Value = serde_json::from_str(&seen[0].body).unwrap();
    assert_eq!(
        (&*seen[0].method, &*seen[0].path_and_query),
        ("POST", "/v2/customers")
    );
    assert_eq!(
        sent,
        json!({ "name": "Ladeøen", "country": "DK", "type": "Business", "ownerId": 1001, "externalId": "E-1",
            "contactDetails": { "email": "lad@new.example", "phone": "+4512345678" },
            "billingDetails": { "address": "Vej 1", "city": "Kbh", "zipCode": "2200" },
            "financialSetup": { "currency": "DKK" } })
    );
    assert_eq!(made["customer"]["parent"]["sourceId"], "1001");
    assert_eq!(made["customer"]["type"], "BUSINESS");

    gateway.forget();
    let input = json!({ "id": made["customer"]["id"], "city": null, "externalId": null, "email": "other@new.example" });
    let changed = gateway.write("updateCustomer", input).await;
    applied(&changed);
    let seen = gateway.seen("spirii");
    let sent: Value = serde_json::from_str(&seen[0].body).unwrap();
    assert_eq!(seen[0].method, "PUT");
    assert_eq!(
        sent,
        json!({ "contactDetails": { "email": "other@new.example" }, "externalId": null,
        "billingDetails": { "city": null } })
    );
    assert_eq!(changed["customer"]["address"], "Vej 1");
    assert_eq!(changed["customer"]["city"], Value::Null);

    gateway.forget();
    let parent = json!({ "id": made["customer"]["id"], "parentId": id("gormic", "x") });
    refused(
        &gateway.write("updateCustomer", parent).await,
        &[("input.parentId", "INVALID_INPUT")],
    );
    for nobody in ["zz".to_owned(), id("nowhere", "1")] {
        let parent = json!({ "id": made["customer"]["id"], "parentId": nobody });
        refused(
            &gateway.write("updateCustomer", parent).await,
            &[("input.parentId", "INVALID_ID")],
        );
    }
    let kind = json!({ "id": made["customer"]["id"], "type": "PRIVATE" });
    refused(
        &gateway.write("updateCustomer", kind).await,
        &[("input.type", "OPERATION_NOT_SUPPORTED")],
    );
    let lacking = gateway
        .write("createCustomer", json!({ "source": "spirii", "name": "N" }))
        .await;
    let paths: Vec<String> = refusals(&lacking)
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert_eq!(paths, ["input.country", "input.type", "input.parentId", ""]);
    assert_eq!(gateway.call_count(), 0);
    applied(
        &gateway
            .write("deleteCustomer", json!({ "id": made["customer"]["id"] }))
            .await,
    );
    assert_eq!(gateway.seen("spirii")[0].status, 202);
    let top = gateway
        .write("deleteCustomer", json!({ "id": id("spirii", "1001") }))
        .await;
    assert_eq!(
        (&top["outcome"], &top["deletedCustomerId"]),
        (&json!("NOT_APPLIED"), &Value::Null)
    );
    assert_eq!(refusals(&top)[0].1, "INVALID_INPUT");
}

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
async fn several_mutations_run_one_after_the_other() {
    let gateway = start(12).await;
    gateway.forget();
    let make = |name: &str| {
        format!(
            "{name}: createCustomer(input: {{ source: \"flextell\", firstName: \"{name}\" }}) {{ outcome customer {{ firstName }} }}"
        )
    };
    let names = ["c", "a", "b", "d", "e"];
    let query = format!("mutation {{ {} }}", names.map(make).join(" "));
    let data = gateway.data(&query, json!({})).await;
    let sent: Vec<String> = gateway
        .seen("flextell")
        .iter()
        .map(|seen| seen.body.clone())
        .collect();
    assert_eq!(
        sent,
        names.map(|name| json!({ "first_name": name }).to_string())
    );
    let keys: Vec<&String> = data.as_object().unwrap().keys().collect();
    assert_eq!(keys, names);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_answer_is_lost_is_unknown_and_sent_once() {
    let limits = Limits {
        request_ms: 1_500,
        grace_ms: 5_000,
        ..Limits::default()
    };
    let slow = Fault::Latency(Duration::from_secs(20));
    for (fault, code) in [
        (Fault::Truncated, "SOURCE_UNAVAILABLE"),
        (slow, "SOURCE_TIMEOUT"),
        (Fault::Garbage, "SOURCE_INVALID_RESPONSE"),
        (
            Fault::Status {
                status: 503,
                retry_after: None,
            },
            "SOURCE_UNAVAILABLE",
        ),
    ] {
        for key in ["gtateth", "spirii"] {
            let limits = if code == "SOURCE_TIMEOUT" {
                limits.clone()
            } else {
                Limits::default()
            };
            let gateway = start_with(8, limits).await;
            let input = match key {
                "gtateth" => json!({ "source": key, "email": "lost@new.example" }),
                _ => {
                    json!({ "source": key, "name": "N", "country": "DK", "type": "PRIVATE", "email": "n@new.example",
                    "parentId": id(key, "1001") })
                }
            };
            gateway.forget();
            gateway.crm(key).set_fault(Some(fault.clone()));
            let made = gateway.write("createCustomer", input).await;
            assert_eq!(made["outcome"], "UNKNOWN", "{fault:?}: {made:#}");
            assert_eq!(
                refusals(&made),
                [(String::new(), code.to_owned())],
                "{fault:?}"
            );
            assert_eq!(
                (&made["errors"], &made["customer"]),
                (&Value::Null, &Value::Null),
                "{fault:?}"
            );
            let mut writes = gateway.calls(key);
            writes.retain(|call| call.starts_with("POST"));
            assert_eq!(writes.len(), 1, "{fault:?}: a write is never repeated");
        }
    }
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
async fn a_write_that_cannot_be_read_back_is_still_applied() {
    let gateway = start(8).await;
    let local = some_id(&gateway, "gormic", 3).await;
    gateway.crm("gormic").set_fault(Some(Fault::Every {
        nth: 2,
        fault: Box::new(Fault::Status {
            status: 403,
            retry_after: None,
        }),
    }));
    let query = "mutation($id: ID!) { up: updateCustomer(input: { id: $id, note: \"new\" }) { outcome userErrors { code } \
        shown: customer { id } } }";
    let answer = gateway
        .ask_with(query, json!({ "id": id("gormic", &local) }))
        .await;
    assert_eq!(answer["data"]["up"]["outcome"], "APPLIED", "{answer:#}");
    assert_eq!(answer["data"]["up"]["userErrors"], json!([]));
    assert_eq!(answer["data"]["up"]["shown"], Value::Null);
    assert_eq!(codes(&answer), ["FORBIDDEN"]);
    assert_eq!(
        answer["errors"][0]["path"],
        json!(["up", "shown"]),
        "under the name it was asked by"
    );
    let query =
        "mutation($id: ID!) { updateCustomer(input: { id: $id, note: \"newer\" }) { outcome } }";
    let answer = gateway
        .ask_with(query, json!({ "id": id("gormic", &local) }))
        .await;
    assert_eq!(
        answer,
        json!({ "data": { "updateCustomer": { "outcome": "APPLIED" } } })
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_stands_twice_is_one_write() {
    let gateway = start(3).await;
    let before = gateway.crm("gtateth").len();
    let create = "createCustomer(input: { source: \"gtateth\", firstName: \"Once\" })";
    let query = format!(
        "mutation {{ {create} {{ outcome }} ...A ... on Mutation {{ {create} {{ customer {{ id }} }} }} }} \
         fragment A on Mutation {{ {create} {{ customer {{ firstName }} }} }}"
    );
    let data = gateway.data(&query, json!({})).await;
    assert_eq!(gateway.crm("gtateth").len(), before + 1);
    let payload = &data["createCustomer"];
    assert_eq!(payload["outcome"], "APPLIED");
    assert_eq!(payload["customer"]["firstName"], "Once");
    assert!(payload["customer"]["id"].is_string());
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
