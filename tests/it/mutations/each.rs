//! What each emulated CRM was asked, to the letter, and what the caller heard of it.

use super::{applied, only, refused};
use crate::support::gateway::{header, id, refusals, start};
use serde_json::{Value, json};

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
