//! What is shown of a record: nothing that it does not say, and what cannot be read is named.

use super::words::{read, with_field};
use super::{first, ids, listing_with};
use crate::support::crm::Crm;
use crmql::model::{Customer, CustomerStatus};
use serde_json::{Value, json};

fn problems(customer: &Customer) -> Vec<&str> {
    let problems = customer.problems.iter();
    problems.map(|problem| problem.field).collect()
}

#[tokio::test]
async fn a_joined_text_holds_no_part_that_means_nothing_and_lacks_none_that_is_there() {
    let field = "address = { r = [\"/street\", \"/of/zip\"], join = \", \", null_if = [\"-\"] }";
    let text = with_field(field, "");
    for (record, shown, odd) in [
        (
            json!({ "street": "A 1", "of": { "zip": 900 } }),
            Some("A 1, 900"),
            false,
        ),
        (
            json!({ "street": "A 1", "of": { "zip": 5.5 } }),
            Some("A 1, 5.5"),
            false,
        ),
        (
            json!({ "street": "A 1", "of": { "zip": "-" } }),
            Some("A 1"),
            false,
        ),
        (
            json!({ "street": "", "of": { "zip": "9" } }),
            Some("9"),
            false,
        ),
        (json!({ "street": null, "of": {} }), None, false),
        (
            json!({ "street": { "a": 1 }, "of": { "zip": "9" } }),
            None,
            true,
        ),
        (json!({ "street": true, "of": { "zip": "9" } }), None, true),
        (json!({ "street": "A 1", "of": "x" }), None, true),
    ] {
        let customer = read(&text, record.clone()).await;
        assert_eq!(customer.address.as_deref(), shown, "{record}");
        let named: &[&str] = if odd { &["address"] } else { &[] };
        assert_eq!(problems(&customer), named, "{record}");
    }
}

#[tokio::test]
async fn a_field_that_cannot_be_read_shows_nothing() {
    let text = with_field(
        "status = { r = \"/deleted/at\", present = [\"DELETED\", \"ACTIVE\"] }",
        "",
    );
    for (held, shown, odd) in [
        (
            json!({ "at": "2024" }),
            Some(CustomerStatus::Deleted),
            false,
        ),
        (json!({}), Some(CustomerStatus::Active), false),
        (json!(false), Some(CustomerStatus::Active), false),
        (json!("yes"), None, true),
    ] {
        let customer = read(&text, json!({ "deleted": held })).await;
        assert_eq!(customer.status, shown, "{held}");
        assert_eq!(!problems(&customer).is_empty(), odd, "{held}");
    }
}

/// That another field shows the whole makes its parts no less odd.
#[tokio::test]
async fn a_part_of_what_is_shown_whole_is_odd_where_there_can_be_none() {
    let parts = "firstName = { r = \"/props/first\" }\nlastName = { r = \"/props/0/last\" }";
    for whole in ["", "\ncustomFields = { r = \"/props\" }"] {
        let text = with_field(&format!("{parts}{whole}"), "");
        let customer = read(&text, json!({ "props": "odd" })).await;
        assert_eq!(problems(&customer), ["firstName", "lastName"], "{whole}");
        for nothing in [json!(null), json!(""), json!({})] {
            let customer = read(&text, json!({ "props": nothing })).await;
            assert!(problems(&customer).is_empty(), "{whole} {nothing}");
        }
    }
}

/// No schema has a form for it.
#[tokio::test]
async fn what_lies_before_the_year_0_is_no_time() {
    let text = with_field(
        "createdAt = { r = \"/made\", as = \"epoch_s\" }\nbirthDate = { r = \"/born\", as = \"epoch_s\" }",
        "",
    );
    let long_ago = json!({ "made": -99_999_999_999_i64, "born": -99_999_999_999_i64 });
    let customer = read(&text, long_ago).await;
    assert_eq!((customer.created_at, customer.birth_date), (None, None));
    assert_eq!(problems(&customer), ["birthDate", "createdAt"]);
}

/// The one row of a list that has this, or "gone".
async fn listed(gone: &str, fields: &str, held: &Value) -> String {
    let list = listing_with("kind = \"none\"", &format!("gone = {gone}"));
    let crm = Crm::json(json!({ "data": [{ "id": "1", "is": held }] })).await;
    let page = first(&crm, &format!("{list}{fields}")).await.unwrap();
    ids(&page).join(" ")
}

#[tokio::test]
async fn a_deleted_record_is_told_as_its_words_are_read() {
    let words = "status = { r = \"/is\", enum = \"st\" }\n[enums.st]\nDELETED = \"deleted\"\n";
    let folded = format!("{words}fold = true\n");
    let word = "{ path = \"/is\", equals = \"deleted\" }";
    for (fields, held, gone) in [
        (words, json!("deleted"), true),
        (words, json!("Deleted"), false),
        (&folded, json!("Deleted"), true),
        (&folded, json!("active"), false),
    ] {
        let row = listed(word, fields, &held).await;
        assert_eq!(row == "gone", gone, "{fields} {held}");
    }
    for (flag, held, gone) in [
        ("true", json!(true), true),
        ("true", json!("true"), true),
        ("true", json!("TRUE"), true),
        ("true", json!(1), true),
        ("true", json!("1"), true),
        ("true", json!(0), false),
        ("true", json!("no"), false),
        ("true", json!(null), false),
        ("false", json!("0"), true),
        ("false", json!(null), false),
        ("false", json!(true), false),
        ("1", json!("1"), true),
        ("1", json!(2), false),
        ("\"3\"", json!(3), true),
    ] {
        let sign = format!("{{ path = \"/is\", equals = {flag} }}");
        let row = listed(&sign, "", &held).await;
        assert_eq!(row == "gone", gone, "{flag} {held}");
    }
}
