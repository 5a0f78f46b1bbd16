//! G-Tateth: auth, filters, pages, writes, errors.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::visit::{Got, Visit};

const LIST: &str = "/api/v1/customers";

async fn visit() -> Visit {
    Visit::of("gtateth").await
}

fn is_refusal(got: &Got, status: u16, code: &str) {
    assert_eq!((got.status, got.at("/error/code")), (status, &json!(code)));
    assert_eq!(got.at("/success"), &json!(false));
    for field in ["message", "details", "requestId", "timestamp"] {
        assert!(got.body["error"].get(field).is_some(), "{field}");
    }
}

#[tokio::test]
async fn a_key_is_required_everywhere_but_on_health() {
    let visit = visit().await;
    let none = visit.raw("GET", LIST, &[], String::new()).await.unwrap();
    is_refusal(&none, 401, "AUTH_REQUIRED");
    let wrong = [("authorization", "Bearer sk_live_x".to_owned())];
    let wrong = visit.raw("GET", LIST, &wrong, String::new()).await.unwrap();
    is_refusal(&wrong, 401, "AUTH_INVALID");
    let health = visit.raw("GET", "/api/v1/health", &[], String::new()).await;
    assert_eq!(health.unwrap().body, json!({"status": "ok"}));
    let other = [("x-api-key", visit.var("api_key"))];
    let other = visit.raw("GET", LIST, &other, String::new()).await.unwrap();
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn pages_hold_every_customer_once() {
    let visit = visit().await;
    let mut ids = Vec::new();
    for page in 1..=4 {
        let got = visit.get(&format!("{LIST}?limit=70&page={page}")).await;
        let pagination = json!({"total": 250, "page": page, "limit": 70, "totalPages": 4});
        assert_eq!(got.at("/pagination"), &pagination);
        ids.extend(got.each("/data", "/_id"));
    }
    assert_eq!(ids.len(), 250);
    let distinct: HashSet<&str> = ids.iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(distinct.len(), 250);
    assert!(distinct.iter().all(|id| id.len() == 24));
    let beyond = visit.get(&format!("{LIST}?limit=70&page=5")).await;
    assert_eq!((beyond.status, beyond.at("/data")), (200, &json!([])));
    assert_eq!(beyond.at("/pagination/total"), &json!(250));
    let plain = visit.get(LIST).await;
    assert_eq!(plain.at("/pagination/limit"), &json!(20));
    assert_eq!(plain.each("/data", "/_id"), ids[..20]);
}

#[rstest::rstest]
#[case("limit=101")]
#[case("limit=0")]
#[case("limit=ten")]
#[case("page=0")]
#[case("page=x")]
#[case("tier=standard")]
#[case("tier=Gold")]
#[case("status=frozen")]
#[tokio::test]
async fn parameters_out_of_range_are_refused(#[case] query: &str) {
    let got = visit().await.get(&format!("{LIST}?{query}")).await;
    is_refusal(&got, 400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn filters_narrow_the_list() {
    let visit = visit().await;
    let tier = visit.get(&format!("{LIST}?tier=gold&limit=100")).await;
    let tiers = tier.each("/data", "/tier");
    assert!(!tiers.is_empty() && tiers.iter().all(|tier| tier == "gold"));
    let both = visit.get(&format!("{LIST}?tier=gold&status=active")).await;
    assert!(both.at("/pagination/total").as_u64() < tier.at("/pagination/total").as_u64());
    let one = visit.get(&format!("{LIST}?tags=vip")).await;
    let two = visit
        .get(&format!("{LIST}?tags=vip&tags%5B%5D=beta&limit=100"))
        .await;
    let total = |got: &Got| got.at("/pagination/total").as_u64().unwrap();
    assert!(total(&two) > 0 && total(&two) < total(&one));
    for tags in two.each("/data", "/tags") {
        let tags = tags.as_array().unwrap();
        assert!(tags.contains(&json!("vip")) && tags.contains(&json!("beta")));
    }
    let found = visit
        .get(&format!("{LIST}?search=%C3%98DEG&limit=100"))
        .await;
    assert!(total(&found) > 0);
    for row in found.at("/data").as_array().unwrap() {
        assert!(row.to_string().to_lowercase().contains("ødeg"));
    }
}

#[tokio::test]
async fn the_seeds_hold_what_real_data_holds() {
    let visit = visit().await;
    let mut rows = Vec::new();
    for page in 1..=3 {
        let got = visit.get(&format!("{LIST}?limit=100&page={page}")).await;
        rows.extend(got.at("/data").as_array().unwrap().clone());
    }
    let any = |test: &dyn Fn(&Value) -> bool| assert!(rows.iter().any(test));
    any(&|row| row["tier"] == "standard");
    any(&|row| row["tier"] == "diamond");
    any(&|row| row["status"] == "frozen");
    any(&|row| row.get("tags").is_none());
    any(&|row| row["tags"].is_null() && row.get("tags").is_some());
    any(&|row| row["profile"].get("email").is_none());
    any(&|row| row["profile"]["firstName"] == "小龙");
    any(&|row| row["profile"]["company"].as_str().map_or(0, str::len) > 300);
    assert!(rows.iter().all(|row| row.get("tenantId").is_none()));
}

#[tokio::test]
async fn a_customer_is_made_changed_and_deleted() {
    let visit = visit().await;
    let body = json!({
        "firstName": "Zoë", "email": "Zoe@New.example", "jobTitle": "CEO", "tags": ["a"], "customFields": {"k": 1},
    });
    let made = visit.ask("POST", LIST, Some(&body)).await;
    assert_eq!((made.status, made.at("/success")), (201, &json!(true)));
    assert_eq!(made.at("/data/tier"), &json!("standard"));
    assert_eq!(made.at("/data/status"), &json!("active"));
    assert_eq!(made.at("/data/profile/jobTitle"), &json!("CEO"));
    let one = format!("{LIST}/{}", made.at("/data/_id").as_str().unwrap());
    assert_eq!(visit.get(&one).await.body, made.body);
    let last = visit.get(&format!("{LIST}?limit=1&page=251")).await;
    assert_eq!(last.at("/data/0/_id"), made.at("/data/_id"));
    let body =
        json!({"lastName": "Ødegård", "firstName": null, "status": "archived", "tags": null});
    let changed = visit.ask("PUT", &one, Some(&body)).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.at("/data/profile/email"), &json!("Zoe@New.example"));
    assert_eq!(changed.at("/data/profile/firstName"), &Value::Null);
    assert_eq!(changed.at("/data/status"), &json!("archived"));
    assert_eq!(changed.at("/data/tags"), &json!([]));
    let deleted = visit.ask("DELETE", &one, None).await;
    assert_eq!(
        (deleted.status, deleted.at("/success")),
        (200, &json!(true))
    );
    assert!(deleted.at("/message").is_string());
    is_refusal(&visit.get(&one).await, 404, "NOT_FOUND");
    is_refusal(&visit.ask("DELETE", &one, None).await, 404, "NOT_FOUND");
}

#[rstest::rstest]
#[case(json!({}))]
#[case(json!({"company": "Acme"}))]
#[case(json!({"firstName": " "}))]
#[case(json!({"firstName": 1}))]
#[case(json!({"firstName": "A", "status": "active"}))]
#[case(json!({"firstName": "A", "tier": "diamond"}))]
#[case(json!({"firstName": "A", "tags": "vip"}))]
#[case(json!({"firstName": "A", "customFields": []}))]
#[case(json!({"email": "nobody"}))]
#[case(json!({"profile": {"firstName": "A"}}))]
#[tokio::test]
async fn a_wrong_create_is_refused(#[case] body: Value) {
    let visit = visit().await;
    is_refusal(
        &visit.ask("POST", LIST, Some(&body)).await,
        422,
        "VALIDATION_ERROR",
    );
    assert_eq!(visit.crm().len(), 250);
}

#[tokio::test]
async fn an_email_is_unique_whatever_its_case() {
    let visit = visit().await;
    let rows = visit.get(LIST).await;
    let taken = rows.at("/data/0/profile/email").as_str().unwrap();
    let body = json!({"email": taken.to_uppercase()});
    is_refusal(
        &visit.ask("POST", LIST, Some(&body)).await,
        409,
        "CUSTOMER_EXISTS",
    );
    let at = |row: usize| format!("{LIST}/{}", rows.body["data"][row]["_id"].as_str().unwrap());
    let other = visit.ask("PUT", &at(1), Some(&body)).await;
    is_refusal(&other, 409, "CUSTOMER_EXISTS");
    let own = visit.ask("PUT", &at(0), Some(&body)).await;
    assert_eq!(own.status, 200);
}

#[tokio::test]
async fn an_id_is_hexadecimal_and_a_limit_is_announced() {
    let visit = visit().await;
    is_refusal(&visit.get(&format!("{LIST}/abc")).await, 400, "INVALID_ID");
    let nobody = format!("{LIST}/{}", "0".repeat(24));
    is_refusal(&visit.get(&nobody).await, 404, "NOT_FOUND");
    let body = json!({"firstName": "A"});
    is_refusal(
        &visit.ask("PUT", &nobody, Some(&body)).await,
        404,
        "NOT_FOUND",
    );
    let (one, two) = (visit.get(LIST).await, visit.get(LIST).await);
    assert_eq!(one.number("x-ratelimit-limit"), 50_000);
    assert!(two.number("x-ratelimit-remaining") < one.number("x-ratelimit-remaining"));
    assert_eq!(one.number("x-ratelimit-reset") % 3_600, 0);
}

#[tokio::test]
async fn a_429_has_the_second_error_shape() {
    let visit = visit().await;
    visit.crm().set_fault(Some(super::Fault::Status {
        status: 429,
        retry_after: Some(30),
    }));
    let got = visit.get(LIST).await;
    assert_eq!(got.at("/code"), &json!("RATE_LIMIT_EXCEEDED"));
    assert!(got.at("/error").is_string());
    assert_eq!(got.at("/retryAfter"), &json!(30));
    assert_eq!(got.number("x-ratelimit-remaining"), 0);
}
