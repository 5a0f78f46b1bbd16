//! The rules about paging that other systems learnt the hard way, one test each.

use super::{first, ids, listing, listing_with, page_of, token};
use crate::support::crm::{Crm, Play, source, source_with};
use crmql::adapter::TokenStore;
use crmql::source::{Position, SourceErrorKind};
use crmql::upstream::Settings;
use futures_util::future::join_all;
use serde_json::json;

const PAGE: &str = "kind = \"page\", page = \"query:p\", size = \"query:n\"";
const OFFSET: &str = "kind = \"offset\", offset = \"query:o\", size = \"query:n\"";
const TOKEN: &str = "kind = \"token\", send = \"query:t\", next = \"/next\"";
const LINK: &str = "kind = \"link\", next = \"/next\"";
const KEYSET: &str = "kind = \"keyset\", send = \"query:after\", send_before = \"query:before\", key = \"last:/id\", size = \"query:n\"";

#[tokio::test]
async fn rule_1_each_style_asks_in_its_own_way() {
    for (style, at, target) in [
        (PAGE, Position::Index(4), "/c?p=3&n=2"),
        (OFFSET, Position::Index(3), "/c?o=3&n=2"),
        (TOKEN, token("a b&c"), "/c?t=a%20b%26c"),
        (LINK, token("/c?x=1"), "/c?x=1"),
        (KEYSET, Position::After("7".into()), "/c?after=7&n=2"),
        (KEYSET, Position::Before("7".into()), "/c?before=7&n=2"),
    ] {
        let crm = Crm::json(json!({ "data": [] })).await;
        page_of(&source(&crm, &listing(style)), at, 2)
            .await
            .unwrap();
        assert_eq!(crm.only().target, target);
    }
    for (style, at) in [
        (PAGE, Position::Index(3)),
        (OFFSET, token("x")),
        (TOKEN, Position::Index(2)),
        (LINK, Position::Index(2)),
    ] {
        let crm = Crm::json(json!({ "data": [] })).await;
        let error = page_of(&source(&crm, &listing(style)), at, 2)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, crm.seen().len()),
            (SourceErrorKind::Malformed, 0),
            "{style}"
        );
    }
}

/// SCIM and others count rows from one.
#[tokio::test]
async fn rows_may_be_counted_from_one() {
    let file = listing(&format!(
        "{OFFSET}, first = 1, echo = \"/o\", total = \"/t\""
    ));
    for (at, target, echo, past) in [
        (Position::Start, "/c?o=1&n=2", 1, false),
        (Position::Index(3), "/c?o=4&n=2", 4, false),
        (Position::Index(3), "/c?o=4&n=2", 3, true),
    ] {
        let crm = Crm::json(json!({ "data": [{ "id": 1 }], "o": echo, "t": 9 })).await;
        let page = page_of(&source(&crm, &file), at, 2).await.unwrap();
        assert_eq!(crm.only().target, target);
        assert_eq!((page.past_end, page.total), (past, Some(9)), "{echo}");
    }
}

#[tokio::test]
async fn rule_2_a_word_for_more_revives_no_missing_token() {
    let file = listing(&format!("{TOKEN}, more = \"/more\""));
    let crm = Crm::json(json!({ "data": [{ "id": 1 }], "more": true })).await;
    let page = first(&crm, &file).await.unwrap();
    assert_eq!((page.next, page.more), (None, Some(true)));
    let crm = Crm::json(json!({ "data": [{ "id": 1 }], "more": false, "next": "t" })).await;
    assert_eq!(
        first(&crm, &file).await.unwrap().next,
        None,
        "and a word for the end ends it"
    );
}

#[tokio::test]
async fn rule_3_what_ends_a_walk_is_declared() {
    for (end, value, ends) in [
        ("", json!(""), true),
        ("", json!(null), true),
        ("", json!(0), false),
        (", end = [\"0\"]", json!(0), true),
        (", end = [\"0\"]", json!("0"), true),
        (", end = [\"0\"]", json!("x"), false),
        (", end = [\"false\"]", json!(false), true),
    ] {
        let crm = Crm::json(json!({ "data": [], "next": value })).await;
        let page = first(&crm, &listing(&format!("{TOKEN}{end}")))
            .await
            .unwrap();
        assert_eq!(page.next.is_none(), ends, "{end} {value}");
    }
}

#[tokio::test]
async fn rule_4_a_page_that_leads_to_itself_is_an_error() {
    for (style, next) in [(TOKEN, "t1"), (LINK, "/c?x=1")] {
        let crm = Crm::json(json!({ "data": [{ "id": 1 }], "next": next })).await;
        let source = source(&crm, &listing(style));
        let once = page_of(&source, Position::Start, 2).await.unwrap();
        let error = page_of(&source, once.next.unwrap(), 2).await.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Malformed);
        assert!(error.detail.contains("itself"), "{error}");
    }
}

#[tokio::test]
async fn rule_4_an_empty_page_that_leads_to_itself_hides_nothing_and_is_the_end() {
    for (style, at) in [(TOKEN, "t1"), (LINK, "/c?x=1")] {
        let crm = Crm::json(json!({ "data": [], "next": at })).await;
        let page = page_of(&source(&crm, &listing(style)), token(at), 2).await;
        assert_eq!(page.unwrap().next, None, "{style}");
        // Unless the CRM says itself that it hides some.
        let crm = Crm::json(json!({ "data": [], "next": at, "more": true })).await;
        let style = style.replacen("kind", "more = \"/more\", kind", 1);
        let page = page_of(&source(&crm, &listing(&style)), token(at), 2).await;
        assert_eq!(
            page.unwrap_err().kind,
            SourceErrorKind::Malformed,
            "{style}"
        );
    }
}

#[tokio::test]
async fn rule_5_raw_rows_count_whatever_becomes_of_them() {
    let file = listing_with(
        &format!("{OFFSET}, total = \"/n\""),
        "gone = { path = \"/dead\", equals = true }",
    );
    let crm = Crm::json(
        json!({ "data": [{ "id": 1 }, { "id": null }, 7, { "id": 2, "dead": true }], "n": 9 }),
    )
    .await;
    let page = first(&crm, &file).await.unwrap();
    assert_eq!(ids(&page), ["1", "unreadable", "unreadable", "gone"]);
    assert_eq!(page.total, Some(9));
}

#[tokio::test]
async fn rule_6_an_empty_page_ends_no_walk_by_token_or_link() {
    for (style, next) in [(TOKEN, "t2"), (LINK, "/c?x=2")] {
        let crm = Crm::json(json!({ "data": [], "next": next })).await;
        let page = first(&crm, &listing(style)).await.unwrap();
        assert_eq!((page.rows.len(), page.next), (0, Some(token(next))));
    }
}

#[tokio::test]
async fn rule_7_a_missing_list_is_empty_only_where_the_file_says_so() {
    for body in [json!({}), json!({ "data": null })] {
        let crm = Crm::json(body).await;
        let error = first(&crm, &listing(OFFSET)).await.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Malformed);
        let lenient = listing_with(OFFSET, "missing_items = \"empty\"");
        assert_eq!(first(&crm, &lenient).await.unwrap().rows.len(), 0);
    }
    let crm = Crm::json(json!({ "data": "none" })).await;
    let lenient = listing_with(OFFSET, "missing_items = \"empty\"");
    assert!(
        first(&crm, &lenient).await.is_err(),
        "something else is no list"
    );
}

#[tokio::test]
async fn rule_8_paginators_are_not_guessed() {
    let body =
        json!({ "data": [], "next": "/c?x=2", "total": 5, "has_more": true, "next_page": 2 });
    let link = ("link", "</c?p=2>; rel=\"next\"".to_owned());
    let crm = Crm::always(Play::Raw(200, vec![link], body.to_string().into_bytes())).await;
    let page = first(&crm, &listing(OFFSET)).await.unwrap();
    assert_eq!((page.next, page.total, page.more), (None, None, None));
}

#[tokio::test]
async fn rule_9_links_lead_only_to_declared_hosts_and_credentials_with_them() {
    let other = Crm::json(json!({ "data": [{ "id": 9 }] })).await;
    let next = format!("{}/c?x=2", other.base);
    let crm = Crm::json(json!({ "data": [], "next": next })).await;
    let error = first(&crm, &listing(LINK)).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Malformed);
    let source = source(&crm, &listing(LINK));
    assert!(
        page_of(&source, token(&next), 2).await.is_err(),
        "from a cursor neither"
    );
    assert_eq!(other.seen().len(), 0);

    let host = other.base.trim_start_matches("http://");
    let declared = listing(&format!("{LINK}, hosts = [\"{host}\"]"));
    let page = first(&crm, &declared).await.unwrap();
    let source = crate::support::crm::source(&crm, &declared);
    let page = page_of(&source, page.next.unwrap(), 2).await.unwrap();
    assert_eq!(
        (ids(&page), other.only().target),
        (vec!["9"], "/c?x=2".to_owned())
    );
}

#[tokio::test]
async fn rule_9_relative_links_start_at_the_page_they_stand_in() {
    for (link, position) in [
        ("?x=2", "/c?x=2"),
        ("d?x=2", "/d?x=2"),
        ("/e?x=2#f", "/e?x=2"),
    ] {
        let crm = Crm::json(json!({ "data": [], "next": link })).await;
        let page = first(&crm, &listing(LINK)).await.unwrap();
        assert_eq!(page.next, Some(token(position)));
    }
}

#[tokio::test]
async fn rule_10_depth_is_declared_and_has_its_own_error() {
    let file = listing(&format!(
        "{OFFSET}, depth = 10000, depth_error = {{ status = 400, contains = \"too deep\" }}"
    ));
    let crm = Crm::always(Play::Json(400, json!({ "error": "too deep" }))).await;
    let error = page_of(&source(&crm, &file), Position::Index(20_000), 2)
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::DepthLimit);
    let crm = Crm::always(Play::Json(400, json!({ "error": "bad value" }))).await;
    let error = page_of(&source(&crm, &file), Position::Index(20_000), 2)
        .await
        .unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Rejected);
}

#[tokio::test]
async fn rule_11_waits_have_units_and_the_longest_wins() {
    let limits = "limits = { reset = { at = \"header:X-Reset\", unit = \"epoch_s\" }, retry_after = [{ at = \"/ms\", unit = \"ms\" }, { at = \"header:X-S\", unit = \"s\" }] }";
    let file = crate::support::crm::file(
        limits,
        &listing(OFFSET)[listing(OFFSET).find("[[list]]").unwrap()..],
    );
    let soon = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
        + 90;
    for (headers, body, least, most) in [
        (
            vec![("retry-after", "3".to_owned())],
            json!({ "ms": 5000 }),
            5,
            5,
        ),
        (
            vec![("retry-after", "7".to_owned()), ("x-s", "2".to_owned())],
            json!({}),
            7,
            7,
        ),
        (
            vec![("x-reset", soon.to_string())],
            json!({ "ms": 1 }),
            88,
            90,
        ),
        (
            vec![
                ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
                ("x-s", "4".to_owned()),
            ],
            json!({}),
            4,
            4,
        ),
    ] {
        let crm = Crm::always(Play::Raw(429, headers, body.to_string().into_bytes())).await;
        let error = first(&crm, &file).await.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Throttled);
        let wait = error.retry_after.unwrap().as_secs();
        assert!((least..=most).contains(&wait), "{wait}");
    }
    let reset = vec![("x-reset", soon.to_string())];
    let crm = Crm::always(Play::Raw(503, reset, Vec::new())).await;
    let error = first(&crm, &file).await.unwrap_err();
    assert_eq!(
        error.retry_after, None,
        "a reset says nothing about a CRM that is down"
    );
}

/// Those that wait for a place meanwhile hear of it too.
#[tokio::test]
async fn nothing_is_sent_once_the_crm_refuses_more_calls() {
    let wait = vec![("retry-after", "60".to_owned())];
    let crm = Crm::always(Play::Raw(429, wait, b"{}".to_vec())).await;
    let settings = Settings {
        concurrency: 1,
        retries: 0,
        ..Settings::default()
    };
    let source = source_with(&crm.base, &listing(OFFSET), TokenStore::default(), settings);
    let asked = (0..5).map(|_| page_of(&source, Position::Start, 2));
    for page in join_all(asked).await {
        let error = page.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Throttled);
        assert!(error.retry_after.is_some_and(|wait| wait.as_secs() > 50));
    }
    assert_eq!(crm.seen().len(), 1);
}

#[tokio::test]
async fn a_page_past_the_end_is_seen_by_its_echo_its_number_or_its_refusal() {
    let file = listing(&format!(
        "{PAGE}, echo = \"/page\", pages = \"/pages\", past_end = {{ status = [404] }}"
    ));
    let rows = json!([{ "id": 1 }]);
    for (play, past) in [
        (Play::Json(200, json!({ "data": rows, "page": 3 })), false),
        (Play::Json(200, json!({ "data": rows, "page": 2 })), true),
        (Play::Json(200, json!({ "data": rows, "pages": 2 })), true),
        (Play::Json(404, json!({})), true),
    ] {
        let crm = Crm::always(play).await;
        let page = page_of(&source(&crm, &file), Position::Index(4), 2)
            .await
            .unwrap();
        assert_eq!((page.past_end, page.rows.is_empty()), (past, past));
    }
    let crm = Crm::always(Play::Json(404, json!({}))).await;
    assert!(
        first(&crm, &file).await.is_err(),
        "the first page is never past the end"
    );
    let offset = listing(&format!("{OFFSET}, echo = \"/offset\""));
    let crm = Crm::json(json!({ "data": rows, "offset": 2 })).await;
    assert!(
        page_of(&source(&crm, &offset), Position::Index(4), 2)
            .await
            .unwrap()
            .past_end
    );
}

#[tokio::test]
async fn a_total_that_may_be_the_pages_is_believed_only_where_it_cannot_be() {
    let file = listing(&format!("{OFFSET}, total = \"/n\", total_kind = \"page\""));
    let rows = json!([{ "id": 1 }, { "id": 2 }]);
    for (at, rows, said, total) in [
        (0, rows.clone(), 9, Some(9)),
        (0, rows.clone(), 2, None),
        (0, json!([{ "id": 1 }]), 1, Some(1)),
        (4, json!([{ "id": 1 }]), 1, None),
    ] {
        let crm = Crm::json(json!({ "data": rows, "n": said })).await;
        let page = page_of(&source(&crm, &file), Position::Index(at), 2)
            .await
            .unwrap();
        assert_eq!(page.total, total, "{at} {said}");
    }
}

#[tokio::test]
async fn ways_back_have_a_place_of_their_own() {
    let file = listing(&format!(
        "{TOKEN}, prev = \"/prev\", send_prev = \"query:back\""
    ));
    let crm = Crm::json(json!({ "data": [], "next": "<x", "prev": "y" })).await;
    let source = source(&crm, &file);
    let page = page_of(&source, Position::Start, 2).await.unwrap();
    page_of(&source, page.next.unwrap(), 2).await.unwrap();
    page_of(&source, page.prev.unwrap(), 2).await.unwrap();
    let targets: Vec<_> = crm.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(targets, ["/c", "/c?t=%3Cx", "/c?back=y"]);
}

#[tokio::test]
async fn a_key_of_the_last_row_leads_on_and_sizes_are_written_as_the_file_says() {
    let file = listing(&format!("{KEYSET}, size_format = \"max={{n}}\""));
    let crm = Crm::json(json!({ "data": [{ "id": 5 }, { "id": 8 }] })).await;
    let page = first(&crm, &file).await.unwrap();
    let key = match page.rows.last().unwrap() {
        crmql::source::Row::Customer { key, .. } => key.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(key.as_deref(), Some("8"));
    assert_eq!(crm.only().target, "/c?n=max%3D2");
}
