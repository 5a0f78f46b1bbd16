//! Reads of many ids at once that a CRM answers with nothing, or refuses for the sake of one of them.

use super::{FIELDS, id};
use crate::support::crm::{Crm, Play, Seen, call, call_with, file, source};
use crmql::adapter::Adapter;
use crmql::source::{Call, CallBudget, CustomerSource, SourceErrorKind};
use serde_json::{Value, json};

fn batching(more: &str) -> String {
    file(
        "",
        &format!(
            "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\npage = {{ kind = \"none\" }}\n[get_many]\nrequest = \"GET /many\"\nids = {{ send = \"query:ids\", list = \"csv\" }}\nitems = \"/data\"\nmax = 100\n{more}\n{FIELDS}"
        ),
    )
}

fn listed() -> String {
    file(
        "",
        &format!(
            "[[list]]\nrequest = \"GET /many\"\nitems = \"/data\"\npage = {{ kind = \"offset\", offset = \"query:o\", size = \"query:n\" }}\n[list.filter]\n\"id:in\" = \"query:ids\"\n[get_many]\nvia = \"list\"\nmax = 100\n{FIELDS}"
        ),
    )
}

/// What a fetch of these ids comes to: the ids found, `-` for absent, else the kind of the error.
async fn fetched(source: &Adapter, call: &Call, ids: &[String]) -> Vec<String> {
    let ids: Vec<_> = ids.iter().map(|one| id(one)).collect();
    let found = source.fetch(call, &ids).await;
    let told = found.into_iter().map(|one| match one {
        Ok(Some(customer)) => customer.id.as_str().to_owned(),
        Ok(None) => "-".to_owned(),
        Err(error) => error.kind.code().to_owned(),
    });
    told.collect()
}

fn asked(seen: &Seen) -> Vec<String> {
    let query = seen.target.split_once('?').unwrap().1;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let ids = pairs.find(|(name, _)| name == "ids").unwrap().1;
    ids.split(',').map(str::to_owned).collect()
}

/// Refuses every request that holds one of these ids.
async fn refusing(guilty: &'static [&'static str], status: u16, body: Value) -> Crm {
    Crm::answering(move |seen, _| {
        let ids = asked(seen);
        if ids.iter().any(|id| guilty.contains(&id.as_str())) {
            return Play::Json(status, body.clone());
        }
        let rows: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
        Play::Json(200, json!({ "data": rows }))
    })
    .await
}

fn numbers(count: usize) -> Vec<String> {
    (1..=count).map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn a_batch_without_a_body_is_empty_where_the_file_says_so() {
    for (more, play, empty) in [
        (
            "missing_items = \"empty\"",
            Play::Raw(204, vec![], vec![]),
            true,
        ),
        (
            "missing_items = \"empty\"",
            Play::Json(200, json!({})),
            true,
        ),
        (
            "missing_items = \"empty\"",
            Play::Json(200, json!({ "data": 1 })),
            false,
        ),
        (
            "missing_items = \"empty\"",
            Play::Raw(200, vec![], vec![]),
            false,
        ),
        ("", Play::Raw(204, vec![], vec![]), false),
        (
            "missing_items = \"error\"",
            Play::Json(200, json!({})),
            false,
        ),
    ] {
        let crm = Crm::always(play).await;
        let told = fetched(&source(&crm, &batching(more)), &call(), &numbers(2)).await;
        let wanted = if empty {
            "-"
        } else {
            "SOURCE_INVALID_RESPONSE"
        };
        assert_eq!(told, [wanted, wanted], "{more}");
    }
}

/// A batch holds no more ids than each of the words for it allows.
#[tokio::test]
async fn a_batch_through_a_list_is_no_larger_than_its_filter() {
    let short = listed().replace("\"query:ids\"", "{ send = \"query:ids\", max = 10 }");
    let composed = listed().replace(
        "[list.filter]\n\"id:in\" = \"query:ids\"",
        "compose = { into = \"query:ids\", each = \"{value}\", each_in = \"{value}\" }\n[list.filter]\n\"id:in\" = { field = \"id\", max = 10 }",
    );
    for text in [short, composed] {
        let crm = refusing(&[], 200, json!({})).await;
        let source = source(&crm, &text);
        assert_eq!(source.capabilities().batch_size, Some(10));
        let found = fetched(&source, &call(), &numbers(22)).await;
        assert_eq!(found, numbers(22));
        assert_eq!(crm.seen().len(), 3);
    }
}

/// An id that cannot stand in a batch is asked for alone, where there is a way to do so.
#[tokio::test]
async fn an_id_that_no_batch_can_hold_is_asked_for_by_itself() {
    let text = batching("[get]\nrequest = \"GET /c/{id}\"\nitem = \"\"");
    let crm = Crm::answering(|seen, _| {
        if seen.target == "/c/3%2C4" {
            return Play::Json(200, json!({ "id": "3,4" }));
        }
        let rows: Vec<_> = asked(seen).iter().map(|id| json!({ "id": id })).collect();
        Play::Json(200, json!({ "data": rows }))
    })
    .await;
    let ids = ["1", "3,4", "2"].map(str::to_owned);
    let found = fetched(&source(&crm, &text), &call(), &ids).await;
    assert_eq!(found, ids);
    assert_eq!(crm.seen().len(), 2);
    let nowhere = fetched(&source(&crm, &batching("")), &call(), &ids).await;
    assert_eq!(nowhere, ["1", "INVALID_ID", "2"]);
}

#[tokio::test]
async fn one_bad_id_costs_the_others_nothing() {
    for text in [batching(""), listed()] {
        for (status, told) in [(400, "INVALID_INPUT"), (422, "INVALID_INPUT"), (404, "-")] {
            let crm = refusing(&["7"], status, json!({})).await;
            let ids = numbers(20);
            let found = fetched(&source(&crm, &text), &call(), &ids).await;
            for (id, found) in ids.iter().zip(&found) {
                let wanted = if id == "7" { told } else { id };
                assert_eq!(found, wanted, "{status}");
            }
            assert!(crm.seen().len() <= 11, "{}", crm.seen().len());
        }
    }
}

#[tokio::test]
async fn what_is_no_word_about_the_ids_is_not_asked_again() {
    let proxy = Play::Raw(404, vec![], b"<html>".to_vec());
    for (play, told) in [
        (Play::Json(401, json!({})), "SOURCE_CREDENTIALS"),
        (Play::Json(403, json!({})), "FORBIDDEN"),
        (Play::Json(429, json!({})), "SOURCE_RATE_LIMITED"),
        (Play::Json(500, json!({})), "SOURCE_UNAVAILABLE"),
        (Play::Json(200, json!({})), "SOURCE_INVALID_RESPONSE"),
        (proxy, "SOURCE_INVALID_RESPONSE"),
    ] {
        let crm = Crm::always(play).await;
        let found = fetched(&source(&crm, &batching("")), &call(), &numbers(8)).await;
        assert_eq!(found, [told; 8]);
        assert_eq!(crm.seen().len(), 1, "{told}");
    }
}

/// A route that refuses everything is wrong itself, and nobody is absent for that.
#[tokio::test]
async fn a_route_that_refuses_everything_is_not_asked_for_each_id() {
    for (status, told) in [(400, "INVALID_INPUT"), (404, "SOURCE_INVALID_RESPONSE")] {
        let crm = Crm::always(Play::Json(status, json!({}))).await;
        let found = fetched(&source(&crm, &batching("")), &call(), &numbers(100)).await;
        assert_eq!(found, vec![told; 100]);
        assert!(crm.seen().len() <= 64, "{}", crm.seen().len());
    }
    let crm = refusing(&["1"], 404, json!({})).await;
    let found = fetched(&source(&crm, &batching("")), &call(), &numbers(1)).await;
    assert_eq!(found, ["SOURCE_INVALID_RESPONSE"], "nothing was answered");
}

/// What is left over alone is asked for by another route, and a server that knows neither answers both alike: nobody is absent
/// for that, until somebody was found or a batch was answered.
#[tokio::test]
async fn nobody_is_absent_where_nothing_is_found_at_any_route() {
    let text = batching("[get]\nrequest = \"GET /c/{id}\"\nitem = \"\"");
    for count in 2..=9 {
        let crm = Crm::always(Play::Json(404, json!({}))).await;
        let found = fetched(&source(&crm, &text), &call(), &numbers(count)).await;
        assert_eq!(found, vec!["SOURCE_INVALID_RESPONSE"; count], "{count}");
    }
    // Others are read, so that the one for whose sake the batch is refused is nobody.
    for (count, gone) in [(2, "1"), (2, "2"), (3, "1"), (3, "3"), (7, "4"), (20, "7")] {
        let crm = at_both(404, move |id| id != gone).await;
        let found = fetched(&source(&crm, &text), &call(), &numbers(count)).await;
        let wanted = numbers(count).into_iter();
        let wanted = wanted.map(|id| if id == gone { "-".to_owned() } else { id });
        assert_eq!(found, wanted.collect::<Vec<_>>(), "{gone}");
    }
    // The only one there is found among those who are not.
    let crm = at_both(404, |id| id == "4").await;
    let found = fetched(&source(&crm, &text), &call(), &numbers(5)).await;
    assert_eq!(found, ["-", "-", "-", "4", "-"]);
    // A refusal that is no 404 shows that the routes are there, so what the other one says holds.
    let crm = at_both(400, |_| false).await;
    let found = fetched(&source(&crm, &text), &call(), &numbers(2)).await;
    assert_eq!(found, ["-", "-"]);
    // One that the last batch leaves over was refused together with nobody.
    let crm = at_both(404, |id| id != "11").await;
    let text = text.replace("max = 100", "max = 10");
    let found = fetched(&source(&crm, &text), &call(), &numbers(11)).await;
    assert_eq!(found[10], "-");
    assert_eq!(found[..10], numbers(10));
}

/// Shows who is there, alone and in batches, and refuses a batch in which somebody is not with this status.
async fn at_both(status: u16, is_there: impl Fn(&str) -> bool + Send + Sync + 'static) -> Crm {
    Crm::answering(move |seen, _| {
        let alone = seen.target.strip_prefix("/c/");
        let ids = alone.map_or_else(|| asked(seen), |id| vec![id.to_owned()]);
        let rows: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
        match (ids.iter().all(|id| is_there(id)), alone) {
            (false, None) => Play::Json(status, json!({})),
            (false, Some(_)) => Play::Json(404, json!({})),
            (true, None) => Play::Json(200, json!({ "data": rows })),
            (true, Some(_)) => Play::Json(200, rows[0].clone()),
        }
    })
    .await
}

#[tokio::test]
async fn halves_are_paid_out_of_the_operations_budget() {
    let crm = refusing(&["1"], 400, json!({})).await;
    let call = call_with(CallBudget::of(3));
    let found = fetched(&source(&crm, &batching("")), &call, &numbers(8)).await;
    assert_eq!(crm.seen().len(), 3);
    assert_eq!(found[4..], ["5", "6", "7", "8"]);
    assert!(
        found[..4].iter().all(|told| told == "TOO_COMPLEX"),
        "{found:?}"
    );
}

#[tokio::test]
async fn an_id_that_cannot_stand_in_a_batch_costs_no_call() {
    let crm = refusing(&[], 400, json!({})).await;
    let text = batching("").replace("list = \"csv\"", "list = \"csv\", as = \"int\"");
    let ids = ["1", "x", "3"].map(str::to_owned);
    let found = fetched(&source(&crm, &text), &call(), &ids).await;
    assert_eq!(found, ["1", "INVALID_ID", "3"]);
    let kind = SourceErrorKind::of_code("INVALID_ID");
    assert_eq!(kind, Some(SourceErrorKind::InvalidId));
    assert!(crm.seen().len() <= 2);
}

/// Where the route of many is that of one with commas, a single id is answered in the form of one.
#[tokio::test]
async fn what_is_left_over_of_batches_is_asked_for_as_one_customer_is() {
    let crm = Crm::answering(|seen, _| {
        let asked = seen.target.trim_start_matches("/c/");
        let ids: Vec<&str> = asked
            .split("%2C")
            .flat_map(|part| part.split(','))
            .collect();
        let rows: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
        if ids.len() > 1 && ids.contains(&"5") {
            return Play::Json(400, json!({}));
        }
        Play::Json(
            200,
            match &*rows {
                [only] => json!({ "one": only }),
                _ => json!({ "many": rows }),
            },
        )
    })
    .await;
    let text = file(
        "",
        &format!(
            "[[list]]\nrequest = \"GET /all\"\nitems = \"/many\"\npage = {{ kind = \"none\" }}\n[get]\nrequest = \"GET /c/{{id}}\"\nitem = \"/one\"\n\
             [get_many]\nrequest = \"GET /c/{{ids}}\"\nids = {{ send = \"path:ids\", list = \"csv\" }}\nitems = \"/many\"\nmax = 2\n{FIELDS}"
        ),
    );
    let source = source(&crm, &text);
    for count in [1, 2, 3, 4, 7] {
        let found = fetched(&source, &call(), &numbers(count)).await;
        assert_eq!(found, numbers(count), "{count}");
    }
}

/// Who lists no fewer than so many tells all the same whether several ids are heeded.
#[tokio::test]
async fn a_list_of_large_pages_tells_whether_several_ids_are_heeded() {
    let crm = Crm::answering(|seen, _| {
        let query = seen.target.split_once('?').map_or("", |(_, query)| query);
        let given = |wanted: &str| -> Vec<String> {
            let pairs = url::form_urlencoded::parse(query.as_bytes());
            let pairs = pairs.filter(|(name, _)| name == wanted);
            pairs.map(|(_, value)| value.into_owned()).collect()
        };
        let ids = match seen.target.starts_with("/c") {
            true if given("n") == ["10"] => numbers(10),
            true => return Play::Json(400, json!({ "error": "at least 10" })),
            false => given("ids"),
        };
        let rows = ids.iter().filter(|id| id.len() < 3);
        let rows: Vec<_> = rows.map(|id| json!({ "id": id })).collect();
        Play::Json(200, json!({ "data": rows }))
    })
    .await;
    let source = source(
        &crm,
        &file(
            "",
            &format!(
                "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\npage = {{ kind = \"offset\", offset = \"query:o\", size = \"query:n\", min = 10, max = 50 }}\n[get_many]\nrequest = \"GET /many\"\nids = {{ send = \"query:ids\", list = \"repeat\" }}\nitems = \"/data\"\nmax = 8\n{FIELDS}"
            ),
        ),
    );
    let missing: Vec<String> = (101..106).map(|id: usize| id.to_string()).collect();
    assert_eq!(fetched(&source, &call(), &missing).await, ["-"; 5]);
    let paths: Vec<_> = crm.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(paths.len(), 3, "{paths:?}");
}
