//! The forms that values take from the fields they are about.

use super::{FIELDS, filtered, id, listing_with};
use crate::support::crm::{Crm, call, source};
use crmql::model::{Change, CustomerStatus, CustomerTier, FieldValue, Filter, WriteField};
use crmql::source::CustomerSource;
use serde_json::{Map, json};

const NONE: &str = "kind = \"none\"";

/// What a body says in another type than the records have, finds nobody.
#[tokio::test]
async fn ids_that_are_numbers_go_into_a_body_as_numbers() {
    let fields = FIELDS.replace(
        "id = { r = \"/id\" }",
        "id = { r = \"/id\", type = \"int\" }\nownerId = { r = \"/o\", type = \"int\" }\nparentId = { r = \"/p\", type = \"int\" }\noperatorId = { r = \"/b\" }",
    );
    let batch = "[get_many]\nrequest = \"POST /many\"\nids = { send = \"body:/ids\", list = \"json\" }\nitems = \"/data\"\nmax = 9\n";
    let filters = "\"id:in\" = { send = \"body:/ids\", list = \"json\" }\n\"owner:eq\" = \"body:/owner\"\n\"parent:eq\" = { field = \"up\" }\n\"operator:eq\" = \"body:/by\"\n";
    let compose =
        "compose = { into = \"body:/where\", each = [\"$field\", \"$value\"] }\n[list.filter]\n";
    let text = listing_with(NONE, &format!("{compose}{filters}{batch}")).replace(FIELDS, &fields);
    let crm = Crm::json(json!({ "data": [] })).await;
    let source_of = |text: &str| source(&crm, text);
    let filter = Filter {
        ids: Some(vec![id("7"), id("8")]),
        owner_id: Some("9".into()),
        parent_id: Some(id("10")),
        operator_id: Some(id("11")),
        ..Filter::default()
    };
    let source = source_of(&text);
    filtered(&source, &filter, None).await.unwrap();
    assert_eq!(
        crm.seen()[0].json(),
        json!({ "ids": [7, 8], "owner": 9, "where": [["up", 10]], "by": "11" })
    );
    source.fetch(&call(), &[id("7"), id("8")]).await;
    assert_eq!(crm.seen()[1].json(), json!({ "ids": [7, 8] }));

    // A search may take texts where the records have numbers.
    let texts = text
        .replace("list = \"json\" }", "list = \"json\", as = \"string\" }")
        .replace(
            "\"body:/owner\"",
            "{ send = \"body:/owner\", as = \"string\" }",
        )
        .replace("{ field = \"up\" }", "{ field = \"up\", as = \"string\" }");
    let source = source_of(&texts);
    filtered(&source, &filter, None).await.unwrap();
    assert_eq!(
        crm.seen()[2].json(),
        json!({ "ids": ["7", "8"], "owner": "9", "where": [["up", "10"]], "by": "11" })
    );
    source.fetch(&call(), &[id("7"), id("8")]).await;
    assert_eq!(crm.seen()[3].json(), json!({ "ids": ["7", "8"] }));
}

/// Our words are ours: a field that has words of the CRM is asked for in these.
#[tokio::test]
async fn a_filter_without_words_of_its_own_takes_those_of_its_field() {
    let text = listing_with(
        NONE,
        "[list.filter]\n\"status:in\" = { send = \"body:/active\", list = \"json\" }\n\"tier:eq\" = \"body:/level\"\n",
    )
    .replace(
        FIELDS,
        &format!("{FIELDS}status = {{ r = \"/active\", enum = \"active\" }}\ntier = {{ r = \"/level\", enum = \"tier\" }}\n[enums.active]\nACTIVE = true\n[enums.tier]\nGOLD = 3\n"),
    );
    let crm = Crm::json(json!({ "data": [] })).await;
    let source = source(&crm, &text);
    let of = |status: CustomerStatus| Filter {
        status: Some(vec![status]),
        tier: Some(vec![CustomerTier::Gold]),
        ..Filter::default()
    };
    filtered(&source, &of(CustomerStatus::Active), None)
        .await
        .unwrap();
    assert_eq!(crm.only().json(), json!({ "active": [true], "level": 3 }));
    assert!(source.plan(&of(CustomerStatus::Inactive), None).is_err());
}

/// Tags that are read from a list of objects go back as such.
#[tokio::test]
async fn tags_of_objects_are_written_as_objects() {
    for (tags, more, body) in [
        (
            "r = \"/tags\", w = \"/tags\", each = \"/label\"",
            "",
            json!({ "tags": [{ "label": "a" }, { "label": "b" }] }),
        ),
        (
            "r = \"/in/tags\", w = \"/tags\", each = \"/of/label\"",
            "wrap = \"/in\"\n",
            json!({ "in": { "tags": [{ "of": { "label": "a" } }, { "of": { "label": "b" } }] } }),
        ),
        (
            "r = \"/tags\", w = \"/tags\", each = \"/label\", shape = \"$\"",
            "",
            json!({ "tags": ["a", "b"] }),
        ),
        (
            "r = \"/tags\", w = \"/labels\", each = \"/label\"",
            "",
            json!({ "labels": ["a", "b"] }),
        ),
    ] {
        let writes =
            format!("[create]\nrequest = \"POST /c\"\n{more}returns = {{ item = \"\" }}\n");
        let text =
            listing_with(NONE, &writes).replace(FIELDS, &format!("{FIELDS}tags = {{ {tags} }}\n"));
        let crm = Crm::json(json!({ "id": "1" })).await;
        let texts = vec!["a".to_owned(), "b".to_owned()];
        let change = Change::Create {
            fields: vec![(WriteField::Tags, FieldValue::Texts(texts))],
            native: Map::new(),
        };
        source(&crm, &text).write(&call(), &change).await;
        assert_eq!(crm.only().json(), body, "{tags}");
    }
}
