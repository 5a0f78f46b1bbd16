//! Values that would stand at one place of a request: constants beside conditions, two filters, an id in a body.

use super::{FIELDS, filtered, id, listing_with, page_of};
use crate::support::crm::{Crm, Play, Seen, call, file, source};
use crmql::model::{Change, CustomerTier, DateTime, Filter, TimeRange, WriteOutcome};
use crmql::source::{CustomerSource, Position, Unsupported};
use serde_json::{Value, json};

const NONE: &str = "kind = \"none\"";

fn named(text: &str) -> Filter {
    Filter {
        search: Some(text.into()),
        ..Filter::default()
    }
}

/// What a `POST` list is asked for a filter.
async fn asked(more: &str, filter: &Filter) -> Seen {
    let crm = Crm::json(json!({ "data": [] })).await;
    let text = listing_with(NONE, more).replace("GET /c", "POST /c");
    filtered(&source(&crm, &text), filter, None).await.unwrap();
    crm.only()
}

/// Why a filter is not sent.
fn refused(crm: &Crm, text: &str, filter: &Filter) -> String {
    match source(crm, text).plan(filter, None) {
        Err(Unsupported::Filter { parts, .. }) => parts.join("; "),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn constant_conditions_stand_before_those_of_a_filter() {
    let with = |put: &str| {
        format!(
            "put = {{ {put} }}\ncompose = {{ into = \"body:/q/value\", each = {{ f = \"$field\", v = \"$value\" }} }}\n[list.filter]\n\"search\" = {{ field = \"name\" }}\n"
        )
    };
    let condition = json!({ "f": "name", "v": "ann" });
    for (put, none, one) in [
        (
            "\"/q/op\" = \"AND\", \"/q/value\" = []",
            json!({ "q": { "op": "AND", "value": [] } }),
            json!({ "q": { "op": "AND", "value": [condition] } }),
        ),
        (
            "\"/q/value\" = [{ f = \"by\", v = \"{key}\" }]",
            json!({ "q": { "value": [{ "f": "by", "v": "k3y" }] } }),
            json!({ "q": { "value": [{ "f": "by", "v": "k3y" }, condition] } }),
        ),
    ] {
        assert_eq!(asked(&with(put), &Filter::default()).await.json(), none);
        assert_eq!(asked(&with(put), &named("ann")).await.json(), one);
    }
    let merged = "put = { \"/q\" = { role = \"user\" } }\ncompose = { into = \"body:/q\", each = { \"$field\" = \"$value\" } }\n[list.filter]\n\"search\" = { field = \"name\" }\n";
    assert_eq!(
        asked(merged, &named("ann")).await.json(),
        json!({ "q": { "role": "user", "name": "ann" } })
    );
    // A condition that a constant already makes is not sent twice, and not dropped.
    let crm = Crm::json(json!({ "data": [] })).await;
    let same = listing_with(NONE, &merged.replace("role", "name"));
    let sent = filtered(&source(&crm, &same), &named("ann"), None).await;
    assert!(sent.is_err() && crm.seen().is_empty(), "{sent:?}");
}

#[tokio::test]
async fn two_filters_for_one_place_are_refused_together_and_sent_alone() {
    let crm = Crm::json(json!({ "data": [] })).await;
    let filters = |destination: &str| {
        listing_with(
            NONE,
            &format!(
                "[list.filter]\n\"search\" = \"{destination}\"\n\"email:eq\" = \"{destination}\"\n\"phone:eq\" = \"query:phone\"\n"
            ),
        )
    };
    let both = Filter {
        email: Some("a@b".into()),
        ..named("ann")
    };
    for destination in ["query:q", "body:/f/q", "header:X-Find"] {
        let text = filters(destination);
        assert_eq!(
            refused(&crm, &text, &both),
            "search, email:eq (one of them at a time)",
            "{destination}"
        );
        assert!(source(&crm, &text).plan(&named("ann"), None).is_ok());
        let apart = Filter {
            phone: Some("12".into()),
            ..named("ann")
        };
        assert!(source(&crm, &text).plan(&apart, None).is_ok());
    }
    let inside = "[list.filter]\n\"search\" = \"body:/f\"\n\"email:eq\" = \"body:/f/mail\"\n";
    let inside = listing_with(NONE, inside);
    assert!(refused(&crm, &inside, &both).contains("one of them"));
}

#[tokio::test]
async fn the_ends_of_a_range_may_go_to_two_places_and_not_to_one() {
    let crm = Crm::json(json!({ "data": [] })).await;
    let range = |gte: &str, lt: &str| {
        let more = format!(
            "[list.filter]\n\"createdAt:gte\" = \"query:{gte}\"\n\"createdAt:lt\" = \"query:{lt}\"\n"
        );
        listing_with(NONE, &more)
    };
    let moment = |text: &str| Some(DateTime::at(text.parse().unwrap()));
    let filter = Filter {
        created_at: Some(TimeRange {
            gte: moment("2024-01-01T00:00:00Z"),
            lt: moment("2025-01-01T00:00:00Z"),
        }),
        ..Filter::default()
    };
    assert!(
        source(&crm, &range("from", "to"))
            .plan(&filter, None)
            .is_ok()
    );
    assert_eq!(
        refused(&crm, &range("at", "at"), &filter),
        "createdAt:gte, createdAt:lt (one of them at a time)"
    );
}

/// Deleted customers are always left out unless they are asked for, so that word is part of every request.
#[tokio::test]
async fn a_filter_at_the_place_of_the_word_for_the_living_is_refused_while_that_is_sent() {
    let crm = Crm::json(json!({ "data": [] })).await;
    let more = "[enums.status]\nACTIVE = \"active\"\nINACTIVE = \"idle\"\n";
    let text = listing_with(
        NONE,
        &format!(
            "[list.filter]\n\"status:eq\" = {{ send = \"query:status\", enum = \"status\" }}\n\"deleted:exclude\" = {{ send = \"query:status\", value = \"live\" }}\n{more}"
        ),
    );
    let filter = Filter {
        status: Some(vec![crmql::model::CustomerStatus::Inactive]),
        ..Filter::default()
    };
    assert_eq!(
        refused(&crm, &text, &filter),
        "status:eq, deleted:exclude (one of them at a time)"
    );
    page_of(&source(&crm, &text), Position::Start, 2)
        .await
        .unwrap();
    assert_eq!(crm.only().target, "/c?status=live");
}

#[tokio::test]
async fn a_condition_has_an_operator_and_a_form_of_its_own_where_the_file_says_so() {
    let text = "compose = { into = \"query:q\", each = \"{field} {op} {value}\", ops = { eq = \"=\", search = \"ilike\" }, join = \" and \", quote = \"single_doubled\" }\n[list.filter]\n\"search\" = { field = \"name\" }\n\"email:eq\" = { field = \"mail\" }\n\"phone:eq\" = { field = \"tel\", each = \"contains({field},{value})\" }\n";
    let filter = Filter {
        email: Some("a@b".into()),
        phone: Some("12".into()),
        ..named("o'x")
    };
    let target = asked(text, &filter).await.target;
    let (_, query) = target.split_once('?').unwrap();
    let said = url::form_urlencoded::parse(query.as_bytes())
        .next()
        .unwrap();
    assert_eq!(
        said.1,
        "name ilike 'o''x' and mail = 'a@b' and contains(tel,'12')"
    );

    let shaped = "compose = { into = \"body:/f\", each = { p = \"$field\", o = \"$op\", v = \"$value\" }, ops = { eq = \"EQ\", search = \"HAS\" } }\n[list.filter]\n\"search\" = { field = \"name\" }\n\"email:eq\" = { field = \"mail\" }\n\"phone:eq\" = { field = \"tel\", each = { any = [\"$value\"], of = \"$field\" } }\n";
    assert_eq!(
        asked(shaped, &filter).await.json(),
        json!({ "f": [{ "p": "name", "o": "HAS", "v": "o'x" }, { "p": "mail", "o": "EQ", "v": "a@b" }, { "any": ["12"], "of": "tel" }] })
    );
}

#[tokio::test]
async fn an_own_form_is_taken_for_each_of_several_values() {
    let with = |more: &str| {
        format!(
            "compose = {{ into = \"query:q\", each = \"{{field}}={{value}}\", join = \"&\"{more} }}\n[list.filter]\n\"tier:in\" = {{ field = \"t\", enum = \"tier\", each = \"t({{value}})\" }}\n[enums.tier]\nGOLD = \"g\"\nSILVER = \"s\"\n"
        )
    };
    let filter = Filter {
        tier: Some(vec![CustomerTier::Gold, CustomerTier::Silver]),
        ..Filter::default()
    };
    for (more, target) in [
        ("", "/c?q=t%28g%2Cs%29"),
        (", or = \"|\"", "/c?q=%28t%28g%29%7Ct%28s%29%29"),
        (", each_in = \"in({value})\"", "/c?q=t%28g%2Cs%29"),
    ] {
        assert_eq!(asked(&with(more), &filter).await.target, target);
    }
}

/// What is written where the file says `{id}`.
#[tokio::test]
async fn an_id_that_is_a_number_is_one_in_a_body_too() {
    for (kind, number, text) in [
        (", type = \"int\"", json!(7), json!("id 7")),
        ("", json!("7"), json!("id 7")),
    ] {
        let fields = FIELDS.replace("r = \"/id\"", &format!("r = \"/id\"{kind}"));
        let put = "put = { \"/a/0/id\" = \"{id}\", \"/b\" = [\"{id}\", \"id {id}\"] }";
        let text_of = file(
            "",
            &format!(
                "[get]\nrequest = \"POST /one\"\n{put}\nitem = \"\"\n[delete]\nrequest = \"POST /gone\"\n{put}\nreturns = {{}}\n{fields}"
            ),
        );
        let crm = Crm::json(json!({ "id": number })).await;
        let source = source(&crm, &text_of);
        let found = source.fetch(&call(), &[id("7")]).await;
        assert!(matches!(found.as_slice(), [Ok(Some(_))]), "{found:?}");
        let gone = source.write(&call(), &Change::Delete { id: id("7") }).await;
        assert_eq!(gone.outcome, WriteOutcome::Applied);
        let wanted: Value = json!({ "a": [{ "id": number }], "b": [number, text] });
        for seen in crm.seen() {
            assert_eq!(seen.json(), wanted, "{}", seen.target);
        }
    }
}

#[tokio::test]
async fn a_refused_filter_is_told_by_the_route_that_comes_closest() {
    let crm = Crm::always(Play::Json(200, json!({ "data": [] }))).await;
    let search = "[[list]]\nrequest = \"GET /search\"\nitems = \"/data\"\npage = { kind = \"none\" }\n[list.filter]\n\"id:in\" = { send = \"query:ids\", max = 2 }\n\"search\" = \"query:q\"\n[[list]]\nrequest = \"GET /mail\"\nitems = \"/data\"\npage = { kind = \"none\" }\n[list.filter]\n\"email:eq\" = \"query:mail\"\n";
    let text = listing_with(NONE, search);
    let ids = Filter {
        ids: Some(["1", "2", "3"].map(id).to_vec()),
        ..Filter::default()
    };
    assert_eq!(refused(&crm, &text, &ids), "id:in (at most 2 values)");
    // Each of the two is served, by different routes.
    let apart = Filter {
        email: Some("a@b".into()),
        ..named("ann")
    };
    assert_eq!(
        refused(&crm, &text, &apart),
        "email:eq (not together with the others)"
    );
    let unknown = Filter {
        phone: Some("12".into()),
        ..Filter::default()
    };
    assert_eq!(refused(&crm, &text, &unknown), "phone:eq");
}
