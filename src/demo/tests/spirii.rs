//! Spirii: the swapped statuses, slices, orders, the tree, writes.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::visit::{Got, Visit};

const LIST: &str = "/v2/customers";
/// The operator at the top.
const TOP: i64 = 1001;

async fn visit() -> Visit {
    Visit::of("spirii").await
}

fn is_refusal(got: &Got, status: u16, param: Option<&str>) {
    assert_eq!(
        (got.status, got.at("/error/param")),
        (status, &json!(param)),
        "{got:?}"
    );
    for field in ["type", "code", "message", "request_id"] {
        assert!(got.body["error"][field].is_string(), "{field}");
    }
}

fn new(owner: &Value) -> Value {
    json!({
        "name": "Ødegård", "country": "DK", "ownerId": owner, "type": "business",
        "contactDetails": {"name": "Zoë", "email": "zoe@new.example", "phone": "+4520000000"},
    })
}

#[tokio::test]
async fn bad_credentials_are_403() {
    let visit = visit().await;
    for headers in [vec![], vec![("authorization", "Bearer x".to_owned())]] {
        let got = visit
            .raw("GET", LIST, &headers, String::new())
            .await
            .unwrap();
        is_refusal(&got, 403, None);
    }
}

#[tokio::test]
async fn slices_hold_every_customer_once_newest_first() {
    let visit = visit().await;
    let plain = visit.get(LIST).await;
    assert_eq!(
        (plain.at("/count"), plain.at("/limit"), plain.at("/offset")),
        (&json!(250), &json!(50), &json!(0))
    );
    assert_eq!(plain.at("/data/0/id"), &json!(1250));
    let mut ids = Vec::new();
    for offset in [0, 99, 198] {
        let got = visit.get(&format!("{LIST}?limit=99&offset={offset}")).await;
        assert_eq!(got.at("/offset"), &json!(offset));
        ids.extend(got.each("/data", "/id"));
    }
    assert!(
        ids.windows(2)
            .all(|pair| pair[0].as_i64() > pair[1].as_i64())
    );
    assert_eq!(ids.len(), 250);
    let beyond = visit.get(&format!("{LIST}?offset=250")).await;
    assert_eq!(
        (beyond.at("/data"), beyond.at("/count")),
        (&json!([]), &json!(250))
    );
}

#[rstest::rstest]
#[case("limit=101", "limit")]
#[case("limit=0", "limit")]
#[case("offset=-1", "offset")]
#[case("sortBy=country", "sortBy")]
#[case("sortDirection=up", "sortDirection")]
#[case("customerIds=1,x", "customerIds")]
#[case("customerIds=", "customerIds")]
#[case("types=Fleet", "types")]
#[case("createdAtFrom=2024-01-01", "createdAtFrom")]
#[case("updatedAtTo=soon", "updatedAtTo")]
#[case("parentId=x", "parentId")]
#[tokio::test]
async fn parameters_out_of_range_are_refused(#[case] query: &str, #[case] param: &str) {
    let got = visit().await.get(&format!("{LIST}?{query}")).await;
    is_refusal(&got, 400, Some(param));
}

#[tokio::test]
async fn the_default_order_follows_the_date_filters() {
    let visit = visit().await;
    let (from, to) = ("2022-01-10T00:00:00Z", "2030-01-01T00:00:00Z");
    let sorted = async |query: &str, field: &str, down: bool| {
        let got = visit.get(&format!("{LIST}?limit=100&{query}")).await;
        let keys = got.each("/data", field);
        let texts: Vec<String> = keys
            .iter()
            .map(|key| match key {
                Value::Null => String::new(),
                Value::String(text) => text.to_lowercase(),
                other => format!("{:>9}", other.to_string()),
            })
            .collect();
        assert!(texts.len() > 20, "{query}");
        let right = |pair: &[String]| {
            if down {
                pair[0] >= pair[1]
            } else {
                pair[0] <= pair[1]
            }
        };
        assert!(texts.windows(2).all(right), "{query}");
    };
    sorted("unknown=1", "/id", true).await;
    sorted("sortDirection=asc", "/id", false).await;
    sorted(&format!("createdAtTo={to}"), "/createdAt", true).await;
    sorted(&format!("createdAtFrom={from}"), "/createdAt", false).await;
    sorted(&format!("updatedAtFrom={from}"), "/updatedAt", false).await;
    let both = format!("createdAtFrom={from}&updatedAtTo={to}");
    sorted(&both, "/updatedAt", false).await;
    let turned = format!("createdAtFrom={from}&sortDirection=desc");
    sorted(&turned, "/createdAt", true).await;
    sorted("sortBy=name", "/name", true).await;
    sorted("sortBy=ownerName&sortDirection=asc", "/owner/name", false).await;
}

#[tokio::test]
async fn ranges_have_both_ends_inside() {
    let visit = visit().await;
    let rows = visit
        .get(&format!("{LIST}?sortDirection=asc&limit=100"))
        .await;
    let at = rows.at("/data/30/createdAt").as_str().unwrap();
    let same = visit
        .get(&format!("{LIST}?createdAtFrom={at}&createdAtTo={at}"))
        .await;
    assert_eq!(same.at("/count"), &json!(3));
    let exact = visit.get(&format!("{LIST}?createdAt={at}")).await;
    assert_eq!(exact.at("/count"), &json!(3));
    let before = visit.get(&format!("{LIST}?createdAtTo={at}")).await;
    let behind = visit.get(&format!("{LIST}?createdAtFrom={at}")).await;
    let count = |got: &Got| got.at("/count").as_u64().unwrap();
    assert_eq!(count(&before) + count(&behind), 253);
}

#[tokio::test]
async fn filters_narrow_the_list() {
    let visit = visit().await;
    let ids = async |query: &str| {
        let got = visit.get(&format!("{LIST}?limit=100&{query}")).await;
        assert_eq!(got.status, 200, "{query}");
        got.each("/data", "/id")
    };
    assert_eq!(ids("customerIds=1003,1001").await, [1003, 1001]);
    let repeated = ids("customerIds=1003&customerIds=1001,1002&customerIds=9").await;
    assert_eq!(repeated, [1003, 1002, 1001]);
    assert_eq!(ids("types=CPO").await, [TOP]);
    let (one, two) = (
        ids("types=Business").await,
        ids("types=CPOSubsidiary").await,
    );
    let both = ids("types=Business,CPOSubsidiary").await;
    assert_eq!(both.len(), one.len() + two.len());
    assert_eq!(ids("search=ext-00042").await, [1043]);
    assert!(ids("search=1043").await.contains(&json!(1043)));
    assert_eq!(ids("types=CPO&customerIds=1002").await, [0; 0]);
    is_refusal(
        &visit.get(&format!("{LIST}?ownerId=5")).await,
        401,
        Some("ownerId"),
    );
}

#[tokio::test]
async fn the_tree_hangs_together() {
    let visit = visit().await;
    let mut rows = Vec::new();
    for offset in [0, 100, 200] {
        let got = visit
            .get(&format!("{LIST}?limit=100&offset={offset}"))
            .await;
        rows.extend(got.at("/data").as_array().unwrap().clone());
    }
    let (top, rest): (Vec<Value>, Vec<Value>) =
        rows.into_iter().partition(|row| row["owner"].is_null());
    assert_eq!(
        (top.len(), &top[0]["id"], &top[0]["type"]),
        (1, &json!(TOP), &json!("CPO"))
    );
    assert!(
        rest.iter()
            .all(|row| row["cpo"]["id"] == TOP && row["cpo"]["name"] == top[0]["name"])
    );
    let count = async |query: String| {
        let got = visit.get(&format!("{LIST}?{query}&limit=100")).await;
        got.at("/count").as_u64().unwrap()
    };
    assert_eq!(count(format!("ownerId={TOP}")).await, 249);
    assert_eq!(count(format!("cpoId={TOP}")).await, 249);
    let direct = rest.iter().filter(|row| row["owner"]["id"] == TOP).count() as u64;
    assert_eq!(count(format!("parentId={TOP}")).await, direct);
    assert!(direct < 249);
    let owners: HashSet<i64> = rest
        .iter()
        .map(|row| row["owner"]["id"].as_i64().unwrap())
        .collect();
    let mut deeper = 0;
    for owner in owners {
        let below = count(format!("ownerId={owner}")).await;
        deeper += u64::from(below > count(format!("parentId={owner}")).await);
    }
    assert!(deeper > 1);
}

#[tokio::test]
async fn a_customer_is_made_changed_and_deleted() {
    let visit = visit().await;
    let made = visit.ask("POST", LIST, Some(&new(&json!(TOP)))).await;
    assert_eq!((made.status, made.at("/type")), (201, &json!("Business")));
    assert_eq!(made.at("/owner/id"), &json!(TOP));
    assert!(made.body.get("ownerId").is_none());
    let one = format!("{LIST}/{}", made.at("/id"));
    is_refusal(&visit.get(&one).await, 404, None);
    let body = json!({"name": "Ny", "contactDetails": {"phone": "+4521"}, "ownerId": 1002, "externalId": "N-1"});
    let changed = visit.ask("PUT", &one, Some(&body)).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.at("/owner/id"), &json!(1002));
    assert_eq!(changed.at("/country"), &json!("DK"));
    let contact = json!({"name": "Zoë", "email": "zoe@new.example", "phone": "+4521"});
    assert_eq!(changed.at("/contactDetails"), &contact);
    let child = visit.ask("POST", LIST, Some(&new(made.at("/id")))).await;
    assert_eq!(child.at("/owner/name"), &json!("Ny"));
    let cycle = json!({"ownerId": child.at("/id")});
    is_refusal(
        &visit.ask("PUT", &one, Some(&cycle)).await,
        400,
        Some("ownerId"),
    );
    is_refusal(&visit.ask("DELETE", &one, None).await, 400, Some("id"));
    let child = format!("{LIST}/{}", child.at("/id"));
    let deleted = visit.ask("DELETE", &child, None).await;
    assert_eq!((deleted.status, &deleted.body), (202, &json!("")));
    assert_eq!(visit.ask("DELETE", &one, None).await.status, 202);
    is_refusal(&visit.ask("DELETE", &one, None).await, 404, Some("id"));
    is_refusal(&visit.ask("PUT", &one, Some(&body)).await, 404, Some("id"));
}

#[tokio::test]
async fn the_operator_and_who_has_locations_cannot_be_deleted() {
    let visit = visit().await;
    let top = visit.ask("DELETE", &format!("{LIST}/{TOP}"), None).await;
    assert_eq!(
        (top.status, top.at("/error/code")),
        (400, &json!("customer_is_cpo"))
    );
    let got = visit
        .get(&format!("{LIST}?limit=100&sortDirection=asc"))
        .await;
    let rows = got.at("/data").as_array().unwrap();
    let located = |row: &&Value| {
        row["locations"]
            .as_array()
            .is_some_and(|list| !list.is_empty())
    };
    let located = rows.iter().find(located).unwrap();
    let got = visit
        .ask("DELETE", &format!("{LIST}/{}", located["id"]), None)
        .await;
    assert_eq!(
        (got.status, got.at("/error/code")),
        (400, &json!("customer_has_locations"))
    );
}

#[rstest::rstest]
#[case("name", json!("x".repeat(81)))]
#[case("name", json!(" "))]
#[case("name", Value::Null)]
#[case("country", json!("DNK"))]
#[case("country", json!("1"))]
#[case("contactDetails", json!("Zoë"))]
#[case("contactDetails.email", json!({"email": 1}))]
#[case("ownerId", json!(5))]
#[case("ownerId", json!("1001"))]
#[case("type", json!("CPO"))]
#[case("externalId", json!("x".repeat(41)))]
#[case("locations", json!([1]))]
#[tokio::test]
async fn a_wrong_create_is_refused(#[case] field: &str, #[case] value: Value) {
    let visit = visit().await;
    let mut body = new(&json!(TOP));
    body[field.split('.').next().unwrap()] = value;
    is_refusal(
        &visit.ask("POST", LIST, Some(&body)).await,
        400,
        Some(field),
    );
    assert_eq!(visit.crm().len(), 250);
}

#[tokio::test]
async fn what_is_required_is_required_and_external_ids_are_unique() {
    let visit = visit().await;
    for field in ["name", "country", "contactDetails", "ownerId", "type"] {
        let mut body = new(&json!(TOP));
        body.as_object_mut().unwrap().remove(field);
        is_refusal(
            &visit.ask("POST", LIST, Some(&body)).await,
            400,
            Some(field),
        );
    }
    let mut body = new(&json!(TOP));
    body["externalId"] = json!("EXT-00002");
    is_refusal(
        &visit.ask("POST", LIST, Some(&body)).await,
        409,
        Some("externalId"),
    );
    let body = json!({"externalId": "EXT-00002"});
    is_refusal(
        &visit.ask("PUT", &format!("{LIST}/1002"), Some(&body)).await,
        409,
        Some("externalId"),
    );
    assert_eq!(
        visit
            .ask("PUT", &format!("{LIST}/1003"), Some(&body))
            .await
            .status,
        200
    );
}
