//! Words that CRMs unlike the built-in ones need: expressions with literals of several kinds, searches that answer nothing
//! without a condition, answers without a body, ids outside the path.

use super::{FIELDS, filtered, first, id, ids, listing, listing_with, page_of, token};
use crate::support::crm::{Crm, Play, call, file, source};
use crmql::model::{
    Change, CustomerOrderField, DateTime, FieldValue, Filter, Order, OrderDirection, TimeRange,
    WriteField, WriteOutcome,
};
use crmql::source::{CustomerSource, Paging, Position, Row, SourceErrorKind, Unsupported};
use serde_json::json;

const NONE: &str = "kind = \"none\"";

fn by_ids(texts: &[&str]) -> Filter {
    Filter {
        ids: Some(texts.iter().map(|text| id(text)).collect()),
        ..Filter::default()
    }
}

fn since(text: &str) -> Filter {
    let gte = Some(DateTime::at(text.parse().unwrap()));
    Filter {
        created_at: Some(TimeRange {
            gte,
            ..TimeRange::default()
        }),
        ..Filter::default()
    }
}

/// What is asked for a filter, with the query parameter `q` decoded.
async fn expression(more: &str, filter: &Filter) -> String {
    let crm = Crm::json(json!({ "data": [] })).await;
    filtered(&source(&crm, &listing_with(NONE, more)), filter, None)
        .await
        .unwrap();
    let target = crm.only().target;
    let (_, query) = target.split_once('?').unwrap();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "q").unwrap().1.into_owned()
}

/// Some CRMs have no envelope: what a page says of its list stands in its rows.
#[tokio::test]
async fn what_is_said_of_a_list_may_stand_in_its_rows() {
    let page =
        "kind = \"token\", send = \"query:t\", next = \"last:/cursor\", total = \"/0/count\"";
    let rooted = listing(page).replace("\"/data\"", "\"\"");
    for more in ["", "missing_items = \"empty\"\n"] {
        let text = rooted.replace("items =", &format!("{more}items ="));
        let rows = json!([{ "id": 1, "count": 23 }, { "id": 2, "cursor": "c" }]);
        let page = first(&Crm::json(rows).await, &text).await.unwrap();
        assert_eq!((ids(&page), page.total), (vec!["1", "2"], Some(23)));
        assert_eq!(page.next, Some(token("c")));
    }
    let judged = listing(NONE).replace(
        "items =",
        "ok = { path = \"/data\", unless = [false] }\nitems =",
    );
    let crm = Crm::json(json!({ "data": [{ "id": 1 }] })).await;
    assert_eq!(ids(&first(&crm, &judged).await.unwrap()), ["1"]);
    let crm = Crm::json(json!({ "data": false })).await;
    assert!(first(&crm, &judged).await.is_err());
}

/// No records where there is no list of them, unless the answer says that something went wrong.
#[tokio::test]
async fn an_error_without_a_list_is_no_empty_list() {
    let errors = "[errors]\neach = \"/errors\"\ncode = [\"/code\"]\ncodes = { busy = \"unavailable\", fine = \"ok\" }\n";
    let text = listing_with(NONE, errors).replace("items =", "missing_items = \"empty\"\nitems =");
    for (body, kind) in [
        (json!({}), None),
        (json!({ "data": null, "errors": [] }), None),
        (json!({ "code": "fine" }), None),
        (json!({ "code": "odd" }), None),
        (
            json!({ "code": "busy" }),
            Some(SourceErrorKind::Unavailable),
        ),
        (
            json!({ "errors": [{ "code": "odd" }] }),
            Some(SourceErrorKind::Malformed),
        ),
        (json!({ "data": [], "code": "odd" }), None),
    ] {
        let page = first(&Crm::json(body.clone()).await, &text).await;
        assert_eq!(page.err().map(|error| error.kind), kind, "{body}");
    }
}

/// What stands in the last row of a page leads on from there, and need not lead anywhere from the others.
#[tokio::test]
async fn a_token_in_the_last_row_is_no_key_of_rows() {
    let page = "kind = \"token\", send = \"query:t\", next = \"last:/seq\"";
    let crm = Crm::json(json!({ "data": [{ "id": 1, "seq": 7 }, { "id": 2, "seq": 8 }] })).await;
    for (anchored, text) in [
        (false, page.to_owned()),
        (true, format!("{page}, anchored = true")),
    ] {
        let source = source(&crm, &listing(&text));
        let plan = source.plan(&Filter::default(), None).unwrap();
        assert!(matches!(plan.paging, Paging::Token(walk) if walk.anchored == anchored));
        let page = page_of(&source, Position::Start, 2).await.unwrap();
        assert_eq!(page.next, Some(token("8")));
        let keyed = |row: &Row| matches!(row, Row::Customer { key: Some(_), .. });
        assert!(!page.rows.iter().any(keyed));
    }
}

#[tokio::test]
async fn several_values_make_one_condition_in_the_crms_way() {
    let filters = "[list.filter]\n\"id:in\" = { field = \"Id\" }";
    let compose = |more: &str| {
        format!(
            "compose = {{ into = \"query:q\", each = \"{{field}} {{op}} {{value}}\", ops = {{ eq = \"=\", in = \"IN\" }}, join = \" AND \", quote = \"single_backslash\", {more} }}\n{filters}"
        )
    };
    for (more, said) in [
        (
            "each_in = \"{field} {op} ({value})\"",
            "Id IN ('a','b\\'c')",
        ),
        ("or = \" OR \"", "(Id = 'a' OR Id = 'b\\'c')"),
    ] {
        assert_eq!(
            expression(&compose(more), &by_ids(&["a", "b'c"])).await,
            said
        );
    }
}

#[tokio::test]
async fn a_filter_may_quote_in_its_own_way() {
    let more = "compose = { into = \"query:q\", each = \"{field} ge {value}\", quote = \"single_doubled\" }\n[list.filter]\n\"createdAt:gte\" = { field = \"made\", quote = \"none\" }\n\"email:eq\" = { field = \"mail\" }";
    assert_eq!(
        expression(more, &since("2024-01-02T03:04:05Z")).await,
        "made ge 2024-01-02T03:04:05Z"
    );
    let mail = Filter {
        email: Some("o'x".into()),
        ..Filter::default()
    };
    assert_eq!(expression(more, &mail).await, "mail ge 'o''x'");
}

#[tokio::test]
async fn conditions_may_be_lists_and_single_values_may_have_a_shape() {
    let more = "compose = { into = \"body:/domain\", each = [\"$field\", \"$op\", \"$value\"], ops = { search = \"=\" } }\n[list.filter]\n\"search\" = { field = \"name\" }\n\"email:eq\" = { send = \"body:/emails\", each = [\"$\"] }";
    let crm = Crm::json(json!({ "data": [] })).await;
    let text = listing_with(NONE, more).replace("GET /c", "POST /c");
    let filter = Filter {
        search: Some("ann".into()),
        email: Some("a@b".into()),
        ..Filter::default()
    };
    filtered(&source(&crm, &text), &filter, None).await.unwrap();
    assert_eq!(
        crm.only().json(),
        json!({ "domain": [["name", "=", "ann"]], "emails": ["a@b"] })
    );
}

#[tokio::test]
async fn a_search_is_not_asked_without_a_condition() {
    let search = "[[list]]\nrequest = \"GET /search\"\nitems = \"/data\"\nneeds_filter = true\npage = { kind = \"none\" }\nsort = { style = \"signed\", to = \"query:s\", by = { id = \"i\" } }\n[list.filter]\n\"search\" = \"query:q\"\n";
    let crm = Crm::json(json!({ "data": [] })).await;
    let source = source(&crm, &listing_with(NONE, search));
    let order = Order {
        field: CustomerOrderField::Id,
        direction: OrderDirection::Asc,
    };
    let found = source.plan(&Filter::default(), Some(order));
    assert!(matches!(found, Err(Unsupported::Order { .. })), "{found:?}");
    assert!(
        source.capabilities().orderings.is_empty(),
        "an order that needs a condition is not promised"
    );
    let ann = Filter {
        search: Some("ann".into()),
        ..Filter::default()
    };
    filtered(&source, &ann, Some(order)).await.unwrap();
    filtered(&source, &Filter::default(), None).await.unwrap();
    let asked: Vec<_> = crm.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(asked, ["/search?q=ann&s=i", "/c"]);
}

#[tokio::test]
async fn an_answer_without_a_body_may_be_an_empty_list() {
    for (more, status, empty) in [
        ("missing_items = \"empty\"", 204, true),
        (
            "missing_items = \"empty\"\nok = { status = [200, 304] }",
            304,
            true,
        ),
        ("", 204, false),
        ("missing_items = \"empty\"", 304, false),
        ("missing_items = \"empty\"", 200, false),
    ] {
        let crm = Crm::always(Play::Raw(status, Vec::new(), Vec::new())).await;
        let page = first(&crm, &listing_with(NONE, more)).await;
        match page {
            Ok(page) => assert!(empty && page.rows.is_empty(), "{more} {status}"),
            Err(error) => assert!(!empty, "{more} {status}: {error}"),
        }
    }
}

#[tokio::test]
async fn an_error_in_a_200_is_told_by_its_being_there() {
    let text = file(
        "ok = { path = \"/error\", absent = true }\n",
        &format!(
            "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\nmissing_items = \"empty\"\npage = {{ kind = \"none\" }}\n[get]\nrequest = \"GET /one\"\nquery = {{ id = \"x{{id}}\" }}\nitem = \"/data\"\n{FIELDS}[errors]\ncode = [\"/error/name\"]\ncodes = {{ Denied = \"forbidden\" }}\n"
        ),
    );
    let denied = Crm::json(json!({ "error": { "name": "Denied" } })).await;
    let error = first(&denied, &text).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Forbidden);
    for body in [
        json!({ "data": [{ "id": "1" }], "error": null }),
        json!({ "data": [{ "id": "1" }] }),
    ] {
        let fine = Crm::json(body).await;
        assert_eq!(ids(&first(&fine, &text).await.unwrap()), ["1"]);
    }
}

#[tokio::test]
async fn an_id_may_stand_in_a_query_parameter() {
    let text = file(
        "",
        &format!(
            "[get]\nrequest = \"GET /one\"\nquery = {{ id = \"x{{id}}\", key = \"{{key}}\" }}\nitem = \"\"\n[delete]\nrequest = \"POST /gone\"\nquery = {{ id = \"{{id}}\" }}\nreturns = {{}}\n{FIELDS}"
        ),
    );
    let crm = Crm::json(json!({ "id": "7&a=b" })).await;
    let source = source(&crm, &text);
    let found = source.fetch(&call(), &[id("7&a=b")]).await;
    assert!(matches!(found.as_slice(), [Ok(Some(_))]), "{found:?}");
    let gone = source.write(&call(), &Change::Delete { id: id("8") }).await;
    assert_eq!(gone.outcome, WriteOutcome::Applied);
    let asked: Vec<_> = crm.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(asked, ["/one?key=k3y&id=x7%26a%3Db", "/gone?id=8"]);
}

#[tokio::test]
async fn a_json_body_may_have_a_type_of_its_own() {
    for (headers, kind) in [
        ("", "application/json"),
        (
            "headers = { Content-Type = \"application/vnd.api+json\" }\n",
            "application/vnd.api+json",
        ),
    ] {
        let crm = Crm::json(json!({ "id": "1" })).await;
        let text = file(
            "",
            &format!(
                "[get]\nrequest = \"GET /c/{{id}}\"\nitem = \"\"\n[create]\nrequest = \"POST /c\"\n{headers}returns = {{ item = \"\" }}\n{FIELDS}"
            ),
        );
        let change = Change::Create {
            fields: vec![(WriteField::Name, FieldValue::Text("Ann".into()))],
            native: serde_json::Map::new(),
        };
        source(&crm, &text).write(&call(), &change).await;
        assert_eq!(crm.only().header("content-type"), Some(kind));
    }
}

#[tokio::test]
async fn minus_one_ends_a_walk_where_the_file_says_so() {
    let style = "kind = \"token\", send = \"query:o\", next = \"/next\"";
    for (end, value, next) in [
        (", end = [\"-1\"]", json!(-1), None),
        (", end = [\"-1\"]", json!("-1"), None),
        (", end = [\"-1\"]", json!(20), Some(token("20"))),
        ("", json!(-1), Some(token("-1"))),
    ] {
        let crm = Crm::json(json!({ "data": [], "next": value })).await;
        let page = first(&crm, &listing(&format!("{style}{end}")))
            .await
            .unwrap();
        assert_eq!(page.next, next, "{end} {value}");
    }
}

#[tokio::test]
async fn an_aligned_offset_is_asked_for_in_whole_pages() {
    let style = "kind = \"offset\", offset = \"query:start\", aligned = true, min = 50, max = 50, total = \"/total\"";
    let crm = Crm::json(json!({ "data": [], "total": 120 })).await;
    let source = source(&crm, &listing(style));
    let plan = source.plan(&Filter::default(), None).unwrap();
    assert!(matches!(plan.paging, Paging::Page(_)), "{:?}", plan.paging);
    page_of(&source, Position::Index(50), 50).await.unwrap();
    assert_eq!(crm.only().target, "/c?start=50");
}

#[tokio::test]
async fn a_size_in_a_header_goes_with_every_link() {
    let style = |size: &str| {
        format!("kind = \"link\", next = \"/next\", size = \"{size}\", size_format = \"max={{n}}\"")
    };
    for (size, sent, target) in [
        ("header:Prefer", Some("max=2"), "/c?skip=2"),
        ("query:size", None, "/c?skip=2"),
    ] {
        let crm = Crm::json(json!({ "data": [{ "id": "1" }], "next": "/c?skip=9" })).await;
        let source = source(&crm, &listing(&style(size)));
        page_of(&source, token("/c?skip=2"), 2).await.unwrap();
        let seen = crm.only();
        assert_eq!((seen.header("prefer"), &*seen.target), (sent, target));
    }
}
