//! CRMs that do what their pages neither promise nor rule out, behind the built-in adapters: never a wrong list, and no
//! customer lost.

use super::odd_data::direct::Asked;
use super::support::crm::{Crm, Play, Seen};
use super::support::gateway::{codes, parameters};
use crmql::adapter::{self, Adapter, Site, TokenStore};
use crmql::document::Problems;
use crmql::source::{SourceEntry, Sources};
use crmql::upstream::Settings;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// A gateway before CRMs, all by one built-in adapter.
pub fn before(crms: &[&Crm], name: &str) -> Asked {
    let entries = crms.iter().enumerate().map(|(rank, crm)| {
        let manifest = adapter::built_in(name, &Problems::new()).unwrap();
        let mut vars = vec![("base_url", crm.base.as_str())];
        vars.extend(match name {
            "gormic" => vec![("api_key", "k"), ("organization", "o")],
            "flextell" => vec![("access_token", "t")],
            _ => vec![("api_key", "k")],
        });
        let vars = vars.into_iter();
        let site = Site {
            vars: vars
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            settings: Settings::default(),
            total: Duration::from_secs(20),
            tokens: TokenStore::default(),
        };
        Arc::new(SourceEntry {
            key: format!("crm{rank}").into(),
            name: "CRM".into(),
            adapter: name.into(),
            rank,
            source: Arc::new(Adapter::new(Arc::new(manifest), site).unwrap()),
        })
    });
    Asked::new(Sources::new(entries.collect()))
}

/// The answer to a query on `customers`, which must have no errors.
async fn listed(gateway: &Asked, arguments: &str, selection: &str) -> Value {
    let query = format!("{{ customers({arguments}) {{ {selection} }} }}");
    let mut answer = gateway.ask(&query).await;
    assert_eq!(codes(&answer), [""; 0], "{query}: {answer:#}");
    answer["data"]["customers"].take()
}

fn ids(list: &Value) -> Vec<&str> {
    let nodes = list["nodes"].as_array().unwrap().iter();
    nodes
        .map(|node| node["sourceId"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_next_that_leads_to_an_empty_page_is_no_word_that_rows_follow() {
    let crm = Crm::answering(|seen, _| {
        let rows = [
            json!({ "id": "a", "firstName": "A" }),
            json!({ "id": "b", "firstName": "B" }),
        ];
        let data = match parameters(&seen.target).get("offset") {
            None => json!({ "items": rows, "next": "n1" }),
            Some(_) => json!({ "items": [] }),
        };
        Play::Json(200, json!({ "data": data }))
    })
    .await;
    let gateway = before(&[&crm], "gormic");
    let list = listed(
        &gateway,
        "first: 2",
        "nodes { sourceId } pageInfo { hasNextPage }",
    )
    .await;
    assert_eq!(ids(&list), ["a", "b"]);
    assert_eq!(list["pageInfo"]["hasNextPage"], false);
    assert_eq!(crm.seen().len(), 2, "the next page was looked at");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_that_was_never_changed_is_as_new_as_it_was_created() {
    let crm = Crm::json(json!({ "data": { "items": [
        { "id": "a", "firstName": "A", "createdAt": "2024-02-01T00:00:00Z" },
        { "id": "b", "firstName": "B", "createdAt": "2024-02-01T00:00:00Z", "updatedAt": "2024-03-01T00:00:00Z" },
        { "id": "c", "firstName": "C", "createdAt": "2023-02-01T00:00:00Z" },
    ] } }))
    .await;
    let filter = "filter: { updatedAt: { gte: \"2024-01-15T00:00:00Z\" } }";
    let list = listed(
        &before(&[&crm], "gormic"),
        filter,
        "nodes { sourceId updatedAt }",
    )
    .await;
    assert_eq!(ids(&list), ["a", "b"]);
    assert_eq!(list["nodes"][1]["updatedAt"], "2024-03-01T00:00:00Z");
}

/// A CRM of so many customers that gives no more than `most` a page, and counts the rows of the page.
fn capped(seen: &Seen, customers: usize, most: usize) -> Play {
    let asked = parameters(&seen.target);
    let number = |name: &str| asked[name].parse::<usize>().unwrap();
    let (offset, limit) = (number("offset"), number("limit").min(most));
    let ids: Vec<usize> = match reqwest::Url::parse(&format!("http://crm{}", seen.target)) {
        Ok(url) if asked.contains_key("customerIds") => url
            .query_pairs()
            .filter(|(name, _)| name == "customerIds")
            .map(|(_, id)| id.parse().unwrap())
            .collect(),
        _ => (1..=customers).collect(),
    };
    let shown = ids.into_iter().skip(offset).take(limit);
    let rows: Vec<Value> = shown
        .map(|id| json!({ "id": id, "name": format!("N{id}") }))
        .collect();
    let count = rows.len();
    Play::Json(
        200,
        json!({ "data": rows, "count": count, "limit": limit, "offset": offset }),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_the_crm_cut_is_not_taken_for_the_whole_list() {
    for size in [60, 100] {
        let crm = Crm::answering(|seen, _| capped(seen, 120, 50)).await;
        let gateway = before(&[&crm], "spirii");
        let (mut found, mut after) = (Vec::new(), Value::Null);
        for _ in 0..10 {
            let arguments = format!("first: {size}, after: {after}");
            let selection = "totalCount nodes { sourceId } pageInfo { hasNextPage endCursor }";
            let list = listed(&gateway, &arguments, selection).await;
            assert!(list["totalCount"].is_null() || list["totalCount"] == 120);
            found.extend(ids(&list).into_iter().map(str::to_owned));
            after = list["pageInfo"]["endCursor"].clone();
            if list["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        let all: Vec<String> = (1..=120).map(|id: u32| id.to_string()).collect();
        assert_eq!(found, all, "windows of {size}");
        let end = listed(&gateway, "last: 3", "nodes { sourceId }").await;
        assert_eq!(ids(&end), ["118", "119", "120"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_fits_a_page_costs_one_call() {
    let crm = Crm::answering(|seen, _| capped(seen, 50, 100)).await;
    let selection = "totalCount nodes { sourceId } pageInfo { hasNextPage }";
    let list = listed(&before(&[&crm], "spirii"), "first: 60", selection).await;
    assert_eq!((ids(&list).len(), &list["totalCount"]), (50, &json!(50)));
    assert_eq!(list["pageInfo"]["hasNextPage"], false);
    assert_eq!(crm.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_the_crm_cut_proves_no_absence() {
    let crm = Crm::answering(|seen, _| capped(seen, 120, 50)).await;
    let ids: Vec<String> = (1..=80)
        .map(|id| super::support::gateway::id("crm0", id.to_string()))
        .collect();
    let query = format!("{{ nodes(ids: {}) {{ id }} }}", json!(ids));
    let answer = before(&[&crm], "spirii").ask(&query).await;
    assert_eq!(codes(&answer), [""; 0], "{answer:#}");
    let nodes = answer["data"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.iter().filter(|node| !node.is_null()).count(), 80);
}

/// Of a parameter that is given several times, many a server keeps the first or the last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_which_the_crm_kept_one_id_loses_nobody() {
    for keeps_last in [true, false] {
        let crm = Crm::answering(move |seen, _| {
            let ids = ids_asked(seen);
            let kept = if keeps_last { ids.last() } else { ids.first() };
            let rows: Vec<Value> = kept
                .filter(|id| **id < 50)
                .map(|id| json!({ "id": id, "name": "N" }))
                .into_iter()
                .collect();
            page_of(&rows)
        })
        .await;
        for (asked, there) in [
            (vec![1, 2, 3, 4], 4),
            (vec![1, 2], 2),
            (vec![4, 5, 90, 91, 6], 3),
            (vec![1, 2, 99], 2),
            (vec![99, 1, 2], 2),
        ] {
            let ids: Vec<String> = asked
                .iter()
                .map(|id: &i32| super::support::gateway::id("crm0", id.to_string()))
                .collect();
            let query = format!("{{ nodes(ids: {}) {{ id }} }}", json!(ids));
            let answer = before(&[&crm], "spirii").ask(&query).await;
            let nodes = answer["data"]["nodes"].as_array().unwrap();
            let found = nodes.iter().filter(|node| !node.is_null()).count();
            assert_eq!(
                (found, codes(&answer).len()),
                (there, 0),
                "{asked:?}, last {keeps_last}: {answer:#}"
            );
        }
    }
}

/// The ids that Spirii's list is asked for, each in a parameter of its own.
fn ids_asked(seen: &Seen) -> Vec<u32> {
    let parts = seen.target.split(['?', '&']);
    let ids = parts.filter_map(|part| part.strip_prefix("customerIds="));
    ids.map(|id| id.parse().unwrap()).collect()
}

fn page_of(rows: &[Value]) -> Play {
    Play::Json(
        200,
        json!({ "data": rows, "count": rows.len(), "limit": 100, "offset": 0 }),
    )
}

/// What fails for an id that is asked for alone costs no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_of_one_doubtful_id_costs_no_other() {
    let crm = Crm::answering(|seen, _| {
        let ids = ids_asked(seen);
        if ids == [99] {
            return Play::Raw(503, vec![], Vec::new());
        }
        let rows: Vec<Value> = ids
            .last()
            .map(|id| json!({ "id": id, "name": "N" }))
            .into_iter()
            .collect();
        page_of(&rows)
    })
    .await;
    let ids = [99, 1, 2].map(|id| super::support::gateway::id("crm0", id.to_string()));
    let query = format!("{{ nodes(ids: {}) {{ id }} }}", json!(ids));
    let answer = before(&[&crm], "spirii").ask(&query).await;
    let nodes = answer["data"]["nodes"].as_array().unwrap();
    let found: Vec<bool> = nodes.iter().map(|node| !node.is_null()).collect();
    assert_eq!(found, [false, true, true], "{answer:#}");
    assert_eq!(codes(&answer).len(), 1, "{answer:#}");
}

/// A customer that goes between two pages pulls the first of the second page onto the first one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_was_cut_and_changed_meanwhile_proves_no_absence() {
    let crm = Crm::answering(|seen, asked| {
        let gone = format!("customerIds={}&", if asked == 0 { 0 } else { 7 });
        let target = seen.target.replace(&gone, "");
        capped(
            &Seen {
                target,
                ..seen.clone()
            },
            120,
            50,
        )
    })
    .await;
    let ids: Vec<String> = (1..=80)
        .map(|id| super::support::gateway::id("crm0", id.to_string()))
        .collect();
    let query = format!("{{ nodes(ids: {}) {{ id }} }}", json!(ids));
    let answer = before(&[&crm], "spirii").ask(&query).await;
    let nodes = answer["data"]["nodes"].as_array().unwrap();
    assert_eq!(nodes[50], Value::Null, "{answer:#}");
    assert_eq!(codes(&answer), ["SOURCE_INVALID_RESPONSE"], "{answer:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_for_an_id_finds_its_customer() {
    let rows = json!([{ "id": 1003, "name": "Grid" }, { "id": 10030, "name": "Other" }, { "id": 7, "name": "None" }]);
    let crm = Crm::json(json!({ "data": rows, "count": 2, "limit": 20, "offset": 0 })).await;
    let gateway = before(&[&crm], "spirii");
    let list = listed(
        &gateway,
        "filter: { search: \" 1003 \" }",
        "nodes { sourceId }",
    )
    .await;
    assert_eq!(ids(&list), ["1003", "10030"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_keeps_what_the_crm_finds_without_accents() {
    let rows = json!([{ "id": 1, "name": "Hans Müller" }, { "id": 2, "name": "Hans Meier" }]);
    let crm = Crm::json(json!({ "data": rows, "count": 2, "limit": 20, "offset": 0 })).await;
    let gateway = before(&[&crm], "spirii");
    for search in ["muller", "hans MÜLLER", "Hans muller"] {
        let filter = format!("filter: {{ search: {search:?} }}");
        let list = listed(&gateway, &filter, "nodes { sourceId }").await;
        assert_eq!(ids(&list), ["1"], "{search}");
    }
}

/// Missing values first, as some databases have them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_by_birth_date_does_not_depend_on_where_a_crm_puts_missing_ones() {
    let page = |first: u32| {
        let rows = json!([
            { "id": first, "date_of_birth": null },
            { "id": first + 1, "date_of_birth": format!("199{first}-01-01T00:00:00Z") },
        ]);
        json!({ "data": rows, "meta": { "total": 2, "last_page": 1, "current_page": 1 } })
    };
    let (one, two) = (Crm::json(page(1)).await, Crm::json(page(3)).await);
    let gateway = before(&[&one, &two], "flextell");
    let arguments = "first: 10, orderBy: { field: BIRTH_DATE }";
    let list = listed(&gateway, arguments, "order nodes { sourceId }").await;
    assert_eq!(list["order"], "MERGED");
    assert_eq!(ids(&list), ["2", "4", "1", "3"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_only_says_where_the_customer_is_shows_it() {
    for (name, place, input, shown) in [
        (
            "flextell",
            "http://crm/v1/customers/77",
            "firstName: \"Ann\"",
            json!({ "data": { "id": 77, "first_name": "Ann" } }),
        ),
        (
            "spirii",
            "/v2/customers/77/?x=1",
            "name: \"Ann\", country: \"DK\", type: BUSINESS, email: \"a@b.example\", parentId: \"PARENT\"",
            json!({ "data": [{ "id": 77, "name": "Ann" }], "count": 1, "limit": 1, "offset": 0 }),
        ),
    ] {
        let crm = Crm::answering(move |seen, _| match seen.method.as_str() {
            "POST" => Play::Raw(201, vec![("location", place.to_owned())], vec![]),
            _ => Play::Json(200, shown.clone()),
        })
        .await;
        let input = input.replace("PARENT", &super::support::gateway::id("crm0", "1"));
        let query = format!(
            "mutation {{ createCustomer(input: {{ source: \"crm0\", {input} }}) {{ outcome customer {{ sourceId }} userErrors {{ code }} }} }}"
        );
        let answer = before(&[&crm], name).ask(&query).await;
        let made = &answer["data"]["createCustomer"];
        assert_eq!(made["outcome"], "APPLIED", "{name}: {answer:#}");
        assert_eq!(made["customer"]["sourceId"], "77", "{name}: {answer:#}");
    }
}

/// What the pages do not say shows where a source says what it can do.
#[test]
fn what_the_files_take_for_granted_shows_in_capabilities() {
    for (name, at, word) in [
        ("gormic", "list[0]", "as new as"),
        ("gormic", "list[0].page", "empty one"),
        ("gormic", "fields.phoneCallingCode", "plus"),
        ("gormic", "fields.updatedAt", "created"),
        ("flextell", "list[0].filter.\"owner:eq\"", "related_user"),
        ("flextell", "list[0].filter.\"deleted:only\"", "boolean"),
        ("flextell", "list[0].sort", "birth date"),
        ("flextell", "fields.ownerId", "one person"),
        ("flextell", "create.returns", "Location"),
        ("spirii", "http.limits", "one quota"),
        ("spirii", "create.returns", "Location"),
        ("spirii", "fields.type", "CPOSubsidiary"),
        ("gtateth", "fields.tier", "standard"),
        ("gtateth", "create", "null"),
    ] {
        let manifest = adapter::built_in(name, &Problems::new()).unwrap();
        let said = manifest
            .assumptions
            .iter()
            .any(|one| one.at == at && one.why.contains(word));
        assert!(said, "{name} {at}: {:#?}", manifest.assumptions);
    }
}

/// Pages of ten by tokens that are good for one `life`; a token of another one is refused with this status.
fn by_tokens(seen: &Seen, life: usize, status: u16) -> Play {
    let begin = match parameters(&seen.target)
        .get("offset")
        .map(|token| token.split_once('-').unwrap())
    {
        Some((of, _)) if of != life.to_string() => return Play::Raw(status, vec![], Vec::new()),
        Some((_, begin)) => begin.parse().unwrap(),
        None => 0,
    };
    let rows: Vec<Value> = (begin..50.min(begin + 10))
        .map(|row| json!({ "id": format!("u{row}") }))
        .collect();
    let next = (begin + 10 < 50).then(|| format!("{life}-{}", begin + 10));
    Play::Json(200, json!({ "data": { "items": rows, "next": next } }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_the_crm_refuses_has_expired() {
    for status in [400, 404, 409, 410, 422] {
        let life = Arc::new(AtomicUsize::new(0));
        let now = Arc::clone(&life);
        let crm = Crm::answering(move |seen, _| by_tokens(seen, now.load(SeqCst), status)).await;
        let gateway = before(&[&crm], "gormic");
        let selection = "nodes { sourceId } pageInfo { endCursor }";
        let first = listed(&gateway, "first: 15", selection).await;
        life.store(1, SeqCst);
        let after = format!("first: 15, after: {}", first["pageInfo"]["endCursor"]);
        let next = listed(&gateway, &after, selection).await;
        let rest: Vec<String> = (15..30).map(|row| format!("u{row}")).collect();
        assert_eq!(ids(&next), rest, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_without_a_time_costs_no_merge_its_source() {
    let page = |first: u32, odd: Value| {
        let made = |row: u32| json!({ "id": first + row, "name": "N", "created_at": format!("2024-01-{:02}T00:00:00Z", first + row) });
        let mut rows: Vec<Value> = (0..6).map(made).collect();
        rows[2]["created_at"] = odd;
        json!({ "data": rows, "meta": { "total": 6, "last_page": 1, "current_page": 1 } })
    };
    for odd in [Value::Null, json!("soon")] {
        let (one, two) = (
            Crm::json(page(10, odd.clone())).await,
            Crm::json(page(20, odd)).await,
        );
        let gateway = before(&[&one, &two], "flextell");
        let arguments =
            |window: &str| format!("orderBy: {{ field: CREATED_AT, direction: ASC }}, {window}");
        let selection = "nodes { sourceId } sources { outcome }";
        for (window, range) in [
            ("first: 12", 0..12),
            ("first: 4", 0..4),
            ("last: 12", 0..12),
        ] {
            let query = format!("{{ customers({}) {{ {selection} }} }}", arguments(window));
            let answer = gateway.ask(&query).await;
            let list = &answer["data"]["customers"];
            let all: Vec<String> = (10..16).chain(20..26).map(|id| id.to_string()).collect();
            assert_eq!(ids(list), all[range], "{window}: {answer:#}");
        }
    }
}

/// A CRM that lets nobody read on is not asked over and over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_refused_again_ends_the_list_in_an_error() {
    let crm = Crm::answering(|seen, _| {
        let begin = parameters(&seen.target)
            .get("offset")
            .map_or(0, |token| token.parse().unwrap());
        if begin >= 30 {
            return Play::Raw(422, vec![], Vec::new());
        }
        let rows: Vec<Value> = (begin..begin + 10)
            .map(|row| json!({ "id": format!("u{row}"), "createdAt": "2024-01-01T00:00:00Z" }))
            .collect();
        Play::Json(
            200,
            json!({ "data": { "items": rows, "next": format!("{}", begin + 10) } }),
        )
    })
    .await;
    for filter in [
        "",
        ", filter: { updatedAt: { gte: \"2023-01-01T00:00:00Z\" } }",
    ] {
        let asked = crm.seen().len();
        let query = format!(
            "{{ customers(first: 40{filter}) {{ nodes {{ sourceId }} sources {{ outcome error {{ code }} }} }} }}"
        );
        let answer = before(&[&crm], "gormic").ask(&query).await;
        let told = format!(
            "{:?} {}",
            codes(&answer),
            answer["data"]["customers"]["sources"]
        );
        assert!(told.contains("CURSOR_EXPIRED"), "{told}");
        assert_eq!(ids(&answer["data"]["customers"]).len(), 30);
        let calls = crm.seen().len() - asked;
        assert!(calls <= 12, "{filter}: {calls} calls");
    }
}
