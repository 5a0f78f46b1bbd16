//! Filters and orders over the emulated CRMs: what is served equals the same question asked of the CRM's own records, and
//! what is not served is refused before any call.

use super::support::gateway::{Running, codes, id, ids, parameters, start, start_with};
use crmql::limits::Limits;
use serde_json::{Value, json};

/// A filter, and which records it means.
type Case = (&'static str, fn(&Value) -> bool);

async fn assert_same_rows(gateway: &Running, key: &str, local_id: &str, cases: &[Case]) {
    let records = gateway.records(key).await;
    for (filter, holds) in cases {
        let expected: Vec<String> = records
            .iter()
            .filter(|record| holds(record))
            .map(|record| match &record[local_id] {
                Value::String(text) => id(key, text),
                number => id(key, number.to_string()),
            })
            .collect();
        assert!(
            !expected.is_empty(),
            "{filter} means nobody: a poor question"
        );
        assert!(expected.len() < records.len(), "{filter} means everybody");
        let arguments = format!("sources: [{key:?}], filter: {{ {filter} }}");
        for sizes in [&[100][..], &[7]] {
            let rows = gateway.walk(&arguments, "", sizes).await;
            assert_eq!(ids(&rows), expected, "{key}: {filter}");
        }
    }
}

fn text<'a>(record: &'a Value, pointer: &str) -> &'a str {
    record
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn has_tags(record: &Value, wanted: &[&str]) -> bool {
    let tags: Vec<&Value> = record["tags"].as_array().into_iter().flatten().collect();
    wanted.iter().all(|tag| tags.contains(&&json!(tag)))
}

fn age(record: &Value) -> Option<i32> {
    let born: jiff::civil::Date = text(record, "/date_of_birth").get(..10)?.parse().ok()?;
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let had_birthday = (today.month(), today.day()) >= (born.month(), born.day());
    Some(i32::from(today.year()) - i32::from(born.year()) - i32::from(!had_birthday))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pages_crm_with_tiers_and_tags_answers_what_its_records_say() {
    let gateway = start(120).await;
    assert_same_rows(
        &gateway,
        "gtateth",
        "_id",
        &[
            ("tier: [GOLD]", |record| record["tier"] == "gold"),
            ("status: [ARCHIVED]", |record| {
                record["status"] == "archived"
            }),
            ("tags: [\"vip\"]", |record| has_tags(record, &["vip"])),
            ("tags: [\"vip\", \"a,b\"]", |record| {
                has_tags(record, &["vip", "a,b"])
            }),
            ("tags: [\"Ümlaut & Söhne\"]", |record| {
                has_tags(record, &["Ümlaut & Söhne"])
            }),
            (
                "tier: [SILVER], status: [ACTIVE], tags: [\"beta\"]",
                |record| {
                    record["tier"] == "silver"
                        && record["status"] == "active"
                        && has_tags(record, &["beta"])
                },
            ),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_crm_answers_what_changed_since() {
    let gateway = start(120).await;
    assert_same_rows(
        &gateway,
        "gormic",
        "id",
        &[("updatedAt: { gte: \"2023-06-01T00:00:00Z\" }", |record| {
            text(record, "/updatedAt") >= "2023-06-01T00:00:00"
        })],
    )
    .await;
    let one = gateway.records("gormic").await[17].clone();
    let exactly = text(&one, "/updatedAt");
    let arguments =
        format!("sources: [\"gormic\"], filter: {{ updatedAt: {{ gte: {exactly:?} }} }}");
    let rows = ids(&gateway.walk(&arguments, "", &[100]).await);
    assert!(
        rows.contains(&id("gormic", text(&one, "/id"))),
        "the moment itself is included"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crm_with_ages_owners_and_a_bin_answers_what_its_records_say() {
    let gateway = start(120).await;
    assert_same_rows(
        &gateway,
        "flextell",
        "id",
        &[
            ("gender: [FEMALE]", |record| record["gender"] == "female"),
            ("ownerId: \"12\"", |record| {
                record["related_user"]["id"] == 12
            }),
            ("age: { gte: 40 }", |record| {
                age(record).is_some_and(|age| age >= 40)
            }),
            ("age: { lte: 50 }", |record| {
                age(record).is_some_and(|age| age <= 50)
            }),
            ("age: { gte: 30, lte: 60 }, gender: [MALE]", |record| {
                record["gender"] == "male"
                    && age(record).is_some_and(|age| (30..=60).contains(&age))
            }),
        ],
    )
    .await;
    let arguments = "sources: [\"flextell\"], filter: { deleted: ONLY }";
    let trashed = gateway.walk(arguments, "status deletedAt", &[4]).await;
    assert_eq!(
        trashed.len(),
        6,
        "one after every twentieth; the last is both the twentieth and the last"
    );
    for edge in trashed {
        assert_eq!(edge["node"]["status"], "DELETED");
        assert!(edge["node"]["deletedAt"].is_string());
    }
    let live = gateway
        .walk("sources: [\"flextell\"]", "status", &[100])
        .await;
    assert!(live.iter().all(|edge| edge["node"]["status"] == "ACTIVE"));
    assert_eq!(live.len(), 120);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_crm_answers_what_its_records_say() {
    let gateway = start(120).await;
    assert_same_rows(
        &gateway,
        "spirii",
        "id",
        &[
            ("type: [BUSINESS]", |record| record["type"] == "Business"),
            ("type: [OPERATOR, OPERATOR_SUBSIDIARY]", |record| {
                text(record, "/type").starts_with("CPO")
            }),
            ("search: \"EXT-0001\"", |record| {
                text(record, "/externalId").contains("EXT-0001")
            }),
            (
                "createdAt: { gte: \"2022-01-05T00:00:00Z\", lt: \"2022-01-09T00:00:00Z\" }",
                |record| {
                    ("2022-01-05T00:00:00".."2022-01-09T00:00:00")
                        .contains(&text(record, "/createdAt"))
                },
            ),
            ("updatedAt: { lt: \"2022-03-01T00:00:00Z\" }", |record| {
                text(record, "/updatedAt") < "2022-03-01T00:00:00"
            }),
            (
                "updatedAt: { gte: \"2022-03-01T00:00:00Z\" }, type: [PRIVATE]",
                |record| {
                    text(record, "/updatedAt") >= "2022-03-01T00:00:00"
                        && record["type"] == "Private"
                },
            ),
        ],
    )
    .await;
    let records = gateway.records("spirii").await;
    let owner = records[5]["owner"]["id"].as_i64().unwrap();
    let expected: Vec<String> = records
        .iter()
        .filter(|record| record["owner"]["id"] == owner)
        .map(|record| id("spirii", record["id"].to_string()))
        .collect();
    let parent = id("spirii", owner.to_string());
    let arguments = format!("sources: [\"spirii\"], filter: {{ parentId: {parent:?} }}");
    assert_eq!(ids(&gateway.walk(&arguments, "", &[7]).await), expected);
    let query = "query($id: ID!) { customer(id: $id) { children(first: 100) { totalCount nodes { id parent { id } } } } }";
    let data = gateway.data(query, json!({ "id": parent })).await;
    let children = data["customer"]["children"]["nodes"].as_array().unwrap();
    assert_eq!(children.len(), expected.len());
    assert!(
        children
            .iter()
            .all(|child| child["parent"]["id"] == json!(parent))
    );
    let arguments = format!("filter: {{ operatorId: {:?} }}", id("spirii", "1001"));
    assert_eq!(
        gateway.walk(&arguments, "", &[50]).await.len(),
        119,
        "all but the operator itself"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn searching_finds_what_the_crm_finds() {
    let gateway = start(60).await;
    for (key, pointer) in [
        ("gtateth", "/profile/email"),
        ("flextell", "/email"),
        ("spirii", "/name"),
    ] {
        let record = gateway.records(key).await[30].clone();
        let wanted = text(&record, pointer);
        let arguments = format!("sources: [{key:?}], filter: {{ search: {wanted:?} }}");
        let found = gateway.walk(&arguments, "native", &[10]).await;
        assert!(
            found.iter().any(|edge| edge["node"]["native"] == record),
            "{key}: {wanted}"
        );
        assert!(found.len() < 60);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_source_cannot_serve_is_refused_before_any_call() {
    let gateway = start(5).await;
    gateway.forget();
    for (key, filter, names) in [
        ("gtateth", "email: \"a@b.example\"", "tier:eq"),
        ("gtateth", "gender: [MALE]", "tags:all"),
        (
            "gtateth",
            "createdAt: { gte: \"2024-01-01T00:00:00Z\" }",
            "search",
        ),
        ("gtateth", "tier: [GOLD, SILVER]", "tier:eq"),
        ("gormic", "search: \"x\"", "updatedAt:gte"),
        (
            "gormic",
            "updatedAt: { lt: \"2024-01-01T00:00:00Z\" }",
            "updatedAt:gte",
        ),
        ("flextell", "tier: [GOLD]", "gender:eq"),
        ("flextell", "deleted: INCLUDE", "deleted:only"),
        ("spirii", "phone: \"1\"", "id:in"),
        ("spirii", "deleted: ONLY", "id:in"),
    ] {
        let query = format!(
            "{{ customers(sources: [{key:?}], filter: {{ {filter} }}) {{ nodes {{ id }} }} }}"
        );
        let answer = gateway.ask(&query).await;
        assert_eq!(
            codes(&answer),
            ["FILTER_NOT_SUPPORTED"],
            "{key} {filter}: {answer:#}"
        );
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(
            message.contains(key) && message.contains(names),
            "{message}"
        );
        assert_eq!(answer["errors"][0]["extensions"]["source"], key);
    }
    assert_eq!(gateway.call_count(), 0);
    let limits = Limits {
        whole_rows: 0,
        ..Limits::default()
    };
    let gateway = start_with(5, limits).await;
    gateway.forget();
    for (key, field) in [
        ("gtateth", "CREATED_AT"),
        ("gormic", "UPDATED_AT"),
        ("flextell", "ID"),
        ("spirii", "GENDER"),
    ] {
        let query = format!(
            "{{ customers(sources: [{key:?}], orderBy: {{ field: {field} }}) {{ nodes {{ id }} }} }}"
        );
        let answer = gateway.ask(&query).await;
        assert_eq!(
            codes(&answer),
            ["ORDER_NOT_SUPPORTED"],
            "{key} {field}: {answer:#}"
        );
    }
    assert_eq!(gateway.call_count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_cannot_serve_a_filter_does_not_hide_those_that_can() {
    let gateway = start(30).await;
    gateway.forget();
    let query = "{ customers(filter: { type: [BUSINESS] }, first: 100) { totalCount nodes { source { key } } \
        sources { source { key } outcome upstreamCalls error { code message } } } }";
    let data = gateway.data(query, json!({})).await;
    let rows = data["customers"]["nodes"].as_array().unwrap();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["source"]["key"] == "spirii"));
    assert_eq!(data["customers"]["totalCount"], Value::Null);
    for report in data["customers"]["sources"].as_array().unwrap() {
        let serves = report["source"]["key"] == "spirii";
        assert_eq!(
            report["outcome"],
            if serves { "COMPLETE" } else { "UNSUPPORTED" }
        );
        assert_eq!(
            report["error"]["code"].as_str(),
            (!serves).then_some("FILTER_NOT_SUPPORTED")
        );
    }
    assert_eq!(gateway.call_count(), gateway.calls("spirii").len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_the_records_do_not_tell_is_refused_before_any_call() {
    let gateway = start(30).await;
    gateway.forget();
    for (key, field) in [
        ("gtateth", "NAME"),
        ("gormic", "OPERATOR_NAME"),
        ("flextell", "TYPE"),
        ("spirii", "LAST_NAME"),
        ("gtateth", "OWNER_NAME"),
    ] {
        let query = format!(
            "{{ customers(sources: [{key:?}], orderBy: {{ field: {field} }}) {{ nodes {{ id }} }} }}"
        );
        let answer = gateway.ask(&query).await;
        assert_eq!(codes(&answer), ["ORDER_NOT_SUPPORTED"], "{key}: {answer:#}");
        let message = answer["errors"][0]["message"].as_str().unwrap();
        let words: Vec<&str> = message.split([' ', ',']).collect();
        assert!(words.contains(&key) && !words.contains(&field), "{message}");
        assert!(words.contains(&"CREATED_AT"), "what it can: {message}");
    }
    assert_eq!(gateway.call_count(), 0);
    let query = "{ customers(first: 100, orderBy: { field: NAME }) { nodes { name source { key } } \
        sources { source { key } outcome upstreamCalls error { code } } } }";
    let data = gateway.data(query, json!({})).await;
    for report in data["customers"]["sources"].as_array().unwrap() {
        let tells = report["source"]["key"] == "spirii";
        let outcome = if tells { "COMPLETE" } else { "UNSUPPORTED" };
        assert_eq!(report["outcome"], outcome, "{report}");
        let code = report["error"]["code"].as_str();
        assert_eq!(code, (!tells).then_some("ORDER_NOT_SUPPORTED"), "{report}");
        assert_eq!(report["upstreamCalls"] == 0, !tells, "{report}");
    }
    let nodes = data["customers"]["nodes"].as_array().unwrap().iter();
    let names: Vec<String> = nodes
        .map(|node| node["name"].as_str().unwrap().to_lowercase())
        .collect();
    assert!(names.len() > 20 && names.is_sorted(), "{names:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_that_can_hold_for_nobody_are_wrong_input() {
    let gateway = start(5).await;
    gateway.forget();
    for (filter, code) in [
        ("tier: [UNKNOWN]", "INVALID_INPUT"),
        ("status: [ACTIVE, UNKNOWN]", "INVALID_INPUT"),
        ("type: [UNKNOWN]", "INVALID_INPUT"),
        ("gender: [UNKNOWN]", "INVALID_INPUT"),
        ("tier: []", "INVALID_INPUT"),
        ("status: []", "INVALID_INPUT"),
        ("type: []", "INVALID_INPUT"),
        ("gender: []", "INVALID_INPUT"),
        ("tags: []", "INVALID_INPUT"),
        ("tags: [\"a\", \"\"]", "INVALID_INPUT"),
        ("search: \"\"", "INVALID_INPUT"),
        ("search: \"a\\u0000b\"", "INVALID_INPUT"),
        ("email: \"\"", "INVALID_INPUT"),
        ("age: { gte: -1 }", "INVALID_INPUT"),
        ("ids: [\"x\"]", "INVALID_ID"),
        ("parentId: \"x\"", "INVALID_ID"),
        ("createdAt: { gte: \"2024-01-15\" }", "INVALID_INPUT"),
        ("tier: [DIAMOND]", "INVALID_INPUT"),
    ] {
        let query = format!("{{ customers(filter: {{ {filter} }}) {{ nodes {{ id }} }} }}");
        let answer = gateway.ask(&query).await;
        assert_eq!(codes(&answer), [code], "{filter}: {answer:#}");
    }
    assert_eq!(gateway.call_count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_of_other_sources_leave_a_source_in_peace() {
    let gateway = start(9).await;
    gateway.forget();
    let query = "query($ids: [ID!]) { customers(filter: { ids: $ids }, first: 10) { totalCount nodes { sourceId } \
        sources { source { key } outcome upstreamCalls } } }";
    let asked = json!({ "ids": [id("spirii", "1003"), id("spirii", "1002"), id("spirii", "1003"), id("spirii", "999")] });
    let data = gateway.data(query, asked).await;
    assert_eq!(
        data["customers"]["nodes"],
        json!([{ "sourceId": "1002" }, { "sourceId": "1003" }])
    );
    assert_eq!(
        data["customers"]["sources"].as_array().unwrap().len(),
        4,
        "one for each source asked"
    );
    assert_eq!(
        (gateway.call_count(), gateway.calls("spirii").len()),
        (1, 1)
    );
    gateway.forget();
    let data = gateway.data(query, json!({ "ids": [] })).await;
    assert_eq!(data["customers"]["nodes"], json!([]));
    assert_eq!(gateway.call_count(), 0);
    let query = "query($id: ID) { customers(sources: [\"gtateth\"], filter: { parentId: $id }) { nodes { id } } }";
    let data = gateway
        .data(query, json!({ "id": id("spirii", "1001") }))
        .await;
    assert_eq!(data["customers"]["nodes"], json!([]));
    assert_eq!(gateway.call_count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_are_sent_in_the_crms_own_words() {
    let gateway = start(9).await;
    for (key, filter, expected) in [
        (
            "gtateth",
            "tier: [GOLD], search: \"a b&c\"",
            &[("tier", "gold"), ("search", "a b&c")][..],
        ),
        (
            "flextell",
            "gender: [OTHER], ownerId: \"12\"",
            &[("gender", "other"), ("user_id", "12")],
        ),
        ("flextell", "deleted: ONLY", &[("trashed", "true")]),
        (
            "spirii",
            "type: [OPERATOR_SUBSIDIARY]",
            &[
                ("types", "CPOSubsidiary"),
                ("sortBy", "id"),
                ("sortDirection", "asc"),
            ],
        ),
        (
            "gormic",
            "updatedAt: { gte: \"2024-01-15T12:00:00+02:00\" }",
            &[("updatedSince", "2024-01-15T09:59:59Z")],
        ),
    ] {
        gateway.forget();
        let query = format!(
            "{{ customers(sources: [{key:?}], filter: {{ {filter} }}) {{ nodes {{ id }} }} }}"
        );
        gateway.data(&query, json!({})).await;
        let calls = gateway.seen(key);
        let sent = parameters(&calls[0].path_and_query);
        for (name, value) in expected {
            assert_eq!(
                sent.get(*name).map(String::as_str),
                Some(*value),
                "{}",
                calls[0].path_and_query
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_the_crms_and_walk_every_customer_once() {
    let gateway = start(90).await;
    for (key, field, selection, direction) in [
        ("flextell", "CREATED_AT", "createdAt", "ASC"),
        ("flextell", "UPDATED_AT", "updatedAt", "DESC"),
        ("flextell", "BIRTH_DATE", "birthDate", "ASC"),
        ("spirii", "CREATED_AT", "createdAt", "DESC"),
        ("spirii", "UPDATED_AT", "updatedAt", "ASC"),
        ("spirii", "ID", "sourceId", "DESC"),
    ] {
        let arguments =
            format!("sources: [{key:?}], orderBy: {{ field: {field}, direction: {direction} }}");
        let rows = gateway.walk(&arguments, selection, &[7, 20]).await;
        let mut distinct = ids(&rows);
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!((rows.len(), distinct.len()), (90, 90), "{key} {field}");
        let values: Vec<&str> = rows
            .iter()
            .filter_map(|edge| edge["node"][selection].as_str())
            .collect();
        let mut sorted = values.clone();
        sorted.sort_unstable();
        if direction == "DESC" {
            sorted.reverse();
        }
        assert_eq!(values, sorted, "{key} {field}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scanning_filters_in_the_gateway_and_says_where_its_budget_ended() {
    let gateway = start(250).await;
    let records = gateway.records("gtateth").await;
    let wanted = text(&records[201], "/profile/email").to_owned();
    let arguments =
        format!("sources: [\"gtateth\"], unsupportedFilter: SCAN, filter: {{ email: {wanted:?} }}");
    let found = gateway.walk(&arguments, "email", &[10]).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["node"]["email"], json!(wanted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scanning_serves_every_part_of_a_filter() {
    let gateway = start(30).await;
    let records = gateway.records("gtateth").await;
    let local = text(&records[7], "/_id").to_owned();
    let none = id("gtateth", "none");
    for (filter, found) in [
        (
            format!("ids: [{:?}]", id("gtateth", &local)),
            vec![id("gtateth", &local)],
        ),
        ("ownerId: \"o\"".to_owned(), vec![]),
        (format!("parentId: {none:?}"), vec![]),
        (format!("operatorId: {none:?}"), vec![]),
    ] {
        let arguments =
            format!("sources: [\"gtateth\"], unsupportedFilter: SCAN, filter: {{ {filter} }}");
        let rows = gateway.walk(&arguments, "id", &[10]).await;
        assert_eq!(ids(&rows), found, "{filter}");
    }
}
