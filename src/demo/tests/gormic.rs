//! Gormic: headers, the list that cannot be paged, the export walk, writes, functional errors.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::visit::{Got, Visit};

const LIST: &str = "/v1/crm/customers";
const EXPORT: &str = "/v1/crm/customers/export";

async fn visit() -> Visit {
    Visit::of("gormic").await
}

fn is_refusal(got: &Got, code: &str) {
    assert_eq!(
        (got.status, &got.body),
        (400, &json!({"error": {"code": code}}))
    );
}

/// Every row of the export.
async fn walk(visit: &Visit, since: &str) -> (Vec<Value>, usize) {
    let (mut rows, mut pages, mut offset) = (Vec::new(), 0, String::new());
    loop {
        let got = visit.get(&format!("{EXPORT}?{since}{offset}")).await;
        assert_eq!(got.status, 200);
        rows.extend(got.at("/data/items").as_array().unwrap().clone());
        pages += 1;
        match got.at("/data/next").as_str() {
            Some(next) => offset = format!("&offset={next}"),
            None => return (rows, pages),
        }
    }
}

#[tokio::test]
async fn key_and_organization_are_required() {
    let visit = visit().await;
    let (key, organization) = (visit.headers[0].clone(), visit.headers[1].clone());
    let wrong = ("organization-id", "other".to_owned());
    for (headers, status) in [
        (vec![], 401),
        (vec![organization.clone()], 401),
        (vec![("api-key", "x".to_owned()), organization.clone()], 401),
        (vec![key.clone()], 403),
        (vec![key.clone(), wrong], 403),
        (vec![key, organization], 200),
    ] {
        let got = visit
            .raw("GET", LIST, &headers, String::new())
            .await
            .unwrap();
        assert_eq!(got.status, status);
        assert_eq!(got.at("/error/code").is_string(), status != 200);
    }
}

#[tokio::test]
async fn the_list_shows_fifty_whatever_it_is_asked() {
    let visit = visit().await;
    let plain = visit.get(LIST).await;
    for field in ["app", "service", "instanceId", "requestId"] {
        assert!(plain.body[field].is_string(), "{field}");
    }
    assert_eq!(plain.at("/warnings"), &json!([]));
    assert_eq!(plain.each("/data/users", "/id").len(), 50);
    let next = plain.at("/data/next").as_str().unwrap();
    let again = visit.get(&format!("{LIST}?offset={next}&limit=1")).await;
    assert_eq!(again.at("/data"), plain.at("/data"));
    let small = Visit::sized("gormic", 50).await.get(LIST).await;
    assert!(small.body["data"].get("next").is_none());
}

#[tokio::test]
async fn the_export_is_walked_to_its_end() {
    let visit = visit().await;
    let (rows, pages) = walk(&visit, "").await;
    assert_eq!((rows.len(), pages), (250, 5));
    let ids: HashSet<String> = rows.iter().map(|row| row["id"].to_string()).collect();
    assert_eq!(ids.len(), 250);
    for field in [
        "firstName",
        "phone",
        "phoneCountry",
        "phoneCountryCalling",
        "number",
        "id",
    ] {
        assert!(rows.iter().all(|row| row[field].is_string()), "{field}");
    }
    let any = |test: &dyn Fn(&Value) -> bool| assert!(rows.iter().any(test));
    any(&|row| row["gender"] == "F");
    any(&|row| row["gender"]["code"] == "X");
    any(&|row| row["gender"] == 1);
    any(&|row| row.get("gender").is_none());
    any(&|row| row["archivedAt"].is_string());
    any(&|row| {
        row["internalNote"]
            .as_str()
            .is_some_and(|note| note.contains('🎉'))
    });
}

#[tokio::test]
async fn a_walk_survives_deletions_and_insertions() {
    let visit = visit().await;
    let first = visit.get(EXPORT).await;
    let next = first.at("/data/next").as_str().unwrap();
    for id in first.each("/data/items", "/id").iter().skip(40) {
        let path = format!("{LIST}/{}", id.as_str().unwrap());
        assert_eq!(visit.ask("DELETE", &path, None).await.status, 200);
    }
    let second = visit.get(&format!("{EXPORT}?offset={next}")).await;
    assert_eq!(second.at("/data/items/0/number"), &json!("C-000051"));
}

#[tokio::test]
async fn updated_since_narrows_the_export_and_binds_its_offset() {
    let visit = visit().await;
    let since = "2024-12-01T00:00:00Z";
    let (rows, _) = walk(&visit, &format!("updatedSince={since}")).await;
    assert!(!rows.is_empty() && rows.len() < 250);
    let updated = rows.iter().map(|row| row["updatedAt"].as_str().unwrap());
    let updated: Vec<&str> = updated.collect();
    assert!(updated.iter().all(|at| *at >= "2024-12-01T00:00:00.000Z"));
    assert!(updated.contains(&"2024-12-01T00:00:00.000Z"));
    let wrong = visit.get(&format!("{EXPORT}?updatedSince=lately")).await;
    is_refusal(&wrong, "INVALID_UPDATED_SINCE");
    let first = visit.get(EXPORT).await;
    let next = first.at("/data/next").as_str().unwrap();
    let mixed = format!("{EXPORT}?updatedSince={since}&offset={next}");
    is_refusal(&visit.get(&mixed).await, "INVALID_OFFSET");
    is_refusal(
        &visit.get(&format!("{EXPORT}?offset=%20")).await,
        "INVALID_OFFSET",
    );
}

#[tokio::test]
async fn a_customer_is_made_changed_and_deleted() {
    let visit = visit().await;
    let body = json!({"params": {
        "firstName": "Zoë", "phone": "555 0100 99", "phoneCallingCode": "+45", "gender": "F", "passcode": "1234",
    }});
    let made = visit.ask("POST", LIST, Some(&body)).await;
    let id = made.at("/data/id").as_str().unwrap();
    assert_eq!((made.status, made.at("/data/succeed")), (200, &json!(true)));
    let one = format!("{LIST}/{id}");
    let user = visit.get(&one).await;
    assert_eq!(user.at("/data/user/phoneCountryCalling"), &json!("45"));
    assert_eq!(user.at("/data/user/phoneCountry"), &json!("DK"));
    assert_eq!(user.at("/data/user/number"), &json!("C-000251"));
    assert!(!user.body.to_string().contains("1234"));
    let body = json!({"params": {"id": id, "lastName": "Ødegård", "cityId": null, "gender": "F"}});
    let changed = visit.ask("PATCH", &one, Some(&body)).await;
    assert_eq!(
        (changed.status, changed.at("/data")),
        (200, &json!({"succeed": true}))
    );
    is_refusal(&visit.ask("PATCH", &one, Some(&body)).await, "NoChanges");
    let empty = json!({"params": {"id": id}});
    is_refusal(&visit.ask("PATCH", &one, Some(&empty)).await, "NoChanges");
    let user = visit.get(&one).await;
    assert_eq!(user.at("/data/user/lastName"), &json!("Ødegård"));
    assert_eq!(user.at("/data/user/firstName"), &json!("Zoë"));
    let deleted = visit.ask("DELETE", &one, None).await;
    assert_eq!(deleted.at("/data/succeed"), &json!(true));
    is_refusal(&visit.get(&one).await, "NotFound");
    is_refusal(&visit.ask("DELETE", &one, None).await, "NotFound");
    is_refusal(&visit.ask("PATCH", &one, Some(&body)).await, "NotFound");
}

#[rstest::rstest]
#[case(json!({"firstName": "A", "phone": "5550100"}))]
#[case(json!({"params": null}))]
#[case(json!({"params": {"firstName": "A"}}))]
#[case(json!({"params": {"phone": "5550100"}}))]
#[case(json!({"params": {"firstName": "", "phone": "5550100"}}))]
#[case(json!({"params": {"firstName": "A", "phone": 5_550_100}}))]
#[case(json!({"params": {"firstName": "A", "phone": "call me"}}))]
#[case(json!({"params": {"firstName": "A", "phone": "5550100", "gender": 1}}))]
#[case(json!({"params": {"firstName": "A", "phone": "5550100", "cityId": null}}))]
#[case(json!({"params": {"firstName": "A", "phone": "5550100", "tier": "gold"}}))]
#[tokio::test]
async fn a_wrong_create_is_refused(#[case] body: Value) {
    let visit = visit().await;
    is_refusal(
        &visit.ask("POST", LIST, Some(&body)).await,
        "INVALID_PARAMS",
    );
    assert_eq!(visit.crm().len(), 250);
}

#[tokio::test]
async fn a_wrong_update_is_refused() {
    let visit = visit().await;
    let row = visit.get(LIST).await.at("/data/users/0").clone();
    let id = row["id"].as_str().unwrap();
    let one = format!("{LIST}/{id}");
    for (params, code) in [
        (json!({"firstName": "A"}), "MISSING_ID"),
        (json!({"id": "other", "firstName": "A"}), "MISSING_ID"),
        (json!({"id": id, "lastName": null}), "INVALID_PARAMS"),
        (json!({"id": id, "birthDate": null}), "INVALID_PARAMS"),
        (json!({"id": id, "phoneCallingCode": "1"}), "INVALID_PARAMS"),
    ] {
        let body = json!({"params": params});
        is_refusal(&visit.ask("PATCH", &one, Some(&body)).await, code);
    }
    assert_eq!(visit.get(&one).await.at("/data/user"), &row);
}

#[tokio::test]
async fn a_phone_is_unique_however_it_is_written() {
    let visit = visit().await;
    let rows = visit.get(LIST).await;
    let row = rows.at("/data/users/0");
    let (phone, calling) = (
        row["phone"].as_str().unwrap(),
        row["phoneCountryCalling"].as_str().unwrap(),
    );
    let spaced = format!("{} {}", &phone[..3], &phone[3..]);
    for params in [
        json!({"firstName": "A", "phone": spaced, "phoneCallingCode": calling}),
        json!({"firstName": "A", "phone": format!("+{calling} {phone}")}),
    ] {
        let body = json!({"params": params});
        is_refusal(
            &visit.ask("POST", LIST, Some(&body)).await,
            "DUPLICATE_PHONE",
        );
    }
    let other = rows.at("/data/users/1/id").as_str().unwrap();
    let body = json!({"params": {"id": other, "phone": format!("+{calling}{phone}")}});
    let got = visit
        .ask("PATCH", &format!("{LIST}/{other}"), Some(&body))
        .await;
    is_refusal(&got, "DUPLICATE_PHONE");
}

#[tokio::test]
async fn export_is_a_route_and_no_id() {
    let visit = visit().await;
    for method in ["PATCH", "DELETE"] {
        let body = json!({"params": {"id": "export", "firstName": "A"}});
        let got = visit.ask(method, EXPORT, Some(&body)).await;
        assert_eq!(got.status, 405, "{method}");
    }
}
