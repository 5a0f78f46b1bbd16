//! Links and tokens as CRMs write them: what is no end is none, and what leads on is followed as it stands.

use super::{FIELDS, first, ids, listing, listing_with, page_of, token};
use crate::support::crm::{Crm, Play, call, file, source};
use crmql::model::{CustomerStatus, Filter};
use crmql::source::{CustomerSource, Page, Position, SourceError, SourceErrorKind};
use serde_json::{Value, json};

const LINK: &str = "kind = \"link\", next = \"/next\"";
const TOKEN: &str = "kind = \"token\", send = \"query:t\", next = \"/next\"";

fn is_malformed(read: &Result<Page, SourceError>) -> bool {
    matches!(read, Err(error) if error.kind == SourceErrorKind::Malformed)
}

/// What is neither a link nor an end says nothing of what follows.
#[tokio::test]
async fn a_link_of_an_odd_form_ends_no_list() {
    for odd in [
        json!({ "url": "/c?page=2" }),
        json!({ "href": { "url": "/c?page=2" } }),
        json!({ "href": 2 }),
        json!(["/c?page=2"]),
        json!(true),
        json!(2),
        json!(0.5),
    ] {
        for (style, name) in [
            (LINK, "next"),
            ("kind = \"link\", next = \"/n\", prev = \"/prev\"", "prev"),
        ] {
            let crm = Crm::json(json!({ "data": [{ "id": 1 }], name: odd })).await;
            let read = first(&crm, &listing(style)).await;
            assert!(is_malformed(&read), "{name} {odd}: {read:?}");
        }
    }
    for end in [
        json!(null),
        json!(""),
        json!(false),
        json!({}),
        json!([]),
        json!({ "href": null }),
        json!({ "href": "" }),
    ] {
        let crm = Crm::json(json!({ "data": [{ "id": 1 }], "next": end })).await;
        let page = first(&crm, &listing(LINK)).await.unwrap();
        assert_eq!(page.next, None, "{end}");
    }
    let crm = Crm::json(json!({ "data": [{ "id": 1 }] })).await;
    assert_eq!(first(&crm, &listing(LINK)).await.unwrap().next, None);
}

/// Servers that write a query as it was decoded put bytes into a header that are no ASCII.
#[tokio::test]
async fn a_link_in_a_header_may_hold_any_character() {
    for (style, name, value) in [
        ("link:next", "link", "</c?q=Müller&page=2>; rel=\"next\""),
        ("header:X-Next", "x-next", "/c?q=Müller&page=2"),
        (
            "header:X-Next~<([^>]+)>",
            "x-next",
            "zunächst </c?q=Müller&page=2>",
        ),
    ] {
        let style = format!("kind = \"link\", next = \"{style}\"");
        let crm = Crm::always(Play::Raw(
            200,
            vec![(name, value.to_owned())],
            b"{\"data\":[{\"id\":1}]}".to_vec(),
        ))
        .await;
        let page = first(&crm, &listing(&style)).await.unwrap();
        assert_eq!(page.next, Some(token("/c?q=M%C3%BCller&page=2")), "{style}");
    }
}

#[tokio::test]
async fn a_link_header_that_cannot_be_read_ends_no_list() {
    let style = "kind = \"link\", next = \"link:next\"";
    for (value, readable) in [
        ("</c?p=1>; title=\"a \\\", </c?p=2>; rel=\"next\"", false),
        ("</c?p=2; rel=\"next\"", false),
        ("</c?p=2>; rel=\"next\", </c?p=9; rel=\"last\"", true),
        ("</c?p=1>; rel=\"first\"", true),
    ] {
        let crm = Crm::always(Play::Raw(
            200,
            vec![("link", value.to_owned())],
            b"{\"data\":[{\"id\":1}]}".to_vec(),
        ))
        .await;
        let read = first(&crm, &listing(style)).await;
        assert_eq!(is_malformed(&read), !readable, "{value}: {read:?}");
    }
}

#[tokio::test]
async fn what_is_kept_of_our_query_is_kept_whole() {
    let more = "[list.filter]\n\"status:in\" = { send = \"query:status\", list = \"repeat\", enum = \"status\" }\n\
        \"tags:all\" = { send = \"query:tags\", list = \"brackets\" }\n[enums.status]\nACTIVE = \"a\"\nINACTIVE = \"i\"\n";
    let style = format!(
        "{LINK}, size = \"query:limit\", max = 50, keep = [\"status\", \"tags[]\", \"limit\"]"
    );
    let filter = Filter {
        status: Some(vec![CustomerStatus::Active, CustomerStatus::Inactive]),
        tags: Some(vec!["x".into(), "y".into()]),
        ..Filter::default()
    };
    for (link, target) in [
        (
            "/c?page=2",
            "/c?page=2&status=a&status=i&tags%5B%5D=x&tags%5B%5D=y&limit=2",
        ),
        (
            "/c?page=2&limit=9&status=a",
            "/c?page=2&limit=9&status=a&tags%5B%5D=x&tags%5B%5D=y",
        ),
    ] {
        let crm = Crm::json(json!({ "data": [] })).await;
        let source = source(&crm, &listing_with(&style, more));
        let plan = source.plan(&filter, None).unwrap();
        let page = source.list(&call(), &plan, &token(link), 2).await;
        assert!(page.is_ok(), "{page:?}");
        let seen = crm.only().target;
        let sorted = |target: &str| {
            let (path, query) = target.split_once('?').unwrap();
            let mut parts: Vec<_> = query.split('&').map(str::to_owned).collect();
            parts.sort();
            (path.to_owned(), parts)
        };
        assert_eq!(sorted(&seen), sorted(target));
    }
}

#[tokio::test]
async fn hosts_are_compared_as_hosts_are() {
    for (named, link) in [
        ("Acme.Example.com", "http://acme.example.com/c?x=2"),
        ("acme.example.com:80", "http://ACME.example.com/c?x=2"),
        ("m\u{fc}ller.example", "http://m\u{fc}ller.example/c?x=2"),
        ("müller.example", "http://xn--mller-kva.example/c?x=2"),
    ] {
        let crm = Crm::json(json!({ "data": [], "next": link })).await;
        let file = listing(&format!("{LINK}, hosts = [\"{named}\"]"));
        let page = first(&crm, &file).await;
        assert!(page.is_ok_and(|page| page.next.is_some()), "{named}");
    }
}

/// A slash too many makes no host of a path.
#[tokio::test]
async fn a_path_that_begins_with_two_slashes_is_followed() {
    let crm = Crm::answering(|seen, _| {
        let link = format!("http://{}//c?x=2", seen.header("host").unwrap());
        let next = (seen.target == "/c").then_some(link);
        Play::Json(
            200,
            json!({ "data": [{ "id": &seen.target }], "next": next }),
        )
    })
    .await;
    let source = source(&crm, &listing(LINK));
    let page = page_of(&source, Position::Start, 2).await.unwrap();
    let next = page.next.unwrap();
    assert!(!format!("{next:?}").contains("127.0.0.1"), "{next:?}");
    page_of(&source, next, 2).await.unwrap();
    assert_eq!(crm.seen()[1].target, "//c?x=2");
}

/// A link may be signed: what is not the credential goes back byte for byte.
#[tokio::test]
async fn a_link_is_followed_as_it_stands_but_for_the_credential() {
    let auth = "auth = { kind = \"query\", name = \"key\", value = \"{key}\" }";
    let text = file(
        auth,
        &format!(
            "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\npage = {{ {LINK} }}\n{FIELDS}"
        ),
    );
    for (link, target) in [
        (
            "/c?key=s3cret&page=%ff%fe%20x&flag&sig=a+b",
            "/c?page=%ff%fe%20x&flag&sig=a+b&key=k3y",
        ),
        ("/c?page=1&%6bey=old", "/c?page=1&key=k3y"),
        ("/c?key=old", "/c?key=k3y"),
    ] {
        let crm = Crm::json(json!({ "data": [], "next": link })).await;
        let source = source(&crm, &text);
        let page = page_of(&source, Position::Start, 2).await.unwrap();
        let next = page.next.unwrap();
        assert!(!format!("{next:?}").contains("key"), "{next:?}");
        // The page leads to itself, which is an error of its own here.
        drop(page_of(&source, next, 2).await);
        assert_eq!(crm.seen()[1].target, target);
    }
}

/// Where nothing is said of more, nothing is known: a token leads on, and a full page may have another behind it.
#[tokio::test]
async fn a_word_for_more_that_is_not_there_ends_nothing() {
    let more = |value: Value| {
        let mut body = json!({ "data": [{ "id": 1 }, { "id": 2 }], "next": "t" });
        if value != json!("absent") {
            body["more"] = value;
        }
        body
    };
    for (value, said) in [
        (json!("absent"), None),
        (json!(null), Some(false)),
        (json!(false), Some(false)),
        (json!(true), Some(true)),
    ] {
        let crm = Crm::json(more(value.clone())).await;
        let file = listing(&format!("{TOKEN}, more = \"/more\""));
        let page = first(&crm, &file).await.unwrap();
        assert_eq!(page.more, said, "{value}");
        assert_eq!(page.next.is_some(), said != Some(false), "{value}");
        let offset =
            "kind = \"offset\", offset = \"query:o\", size = \"query:n\", more = \"/more\"";
        let page = first(&crm, &listing(offset)).await.unwrap();
        assert_eq!(page.more, said, "{value}");
    }
}

/// A body tells numbers from texts, and a CRM may, too.
#[tokio::test]
async fn tokens_and_keys_go_into_a_body_as_the_numbers_that_they_are() {
    for (style, at, sent) in [
        (
            "kind = \"token\", send = \"body:/after\", next = \"/next\"",
            token("17"),
            json!("17"),
        ),
        (
            "kind = \"token\", send = \"body:/after\", next = \"/next\", as = \"int\"",
            token("17"),
            json!(17),
        ),
        (
            "kind = \"token\", send = \"body:/after\", next = \"/next\", prev = \"/prev\", send_prev = \"body:/before\", as = \"int\"",
            token(">18446744073709551615"),
            json!(u64::MAX),
        ),
        (
            "kind = \"keyset\", send = \"body:/after\", key = \"last:/id\", size = \"query:n\", as = \"int\"",
            Position::After("7".into()),
            json!(7),
        ),
    ] {
        let crm = Crm::json(json!({ "data": [] })).await;
        let text = listing(style).replace("GET /c", "POST /c");
        page_of(&source(&crm, &text), at, 2).await.unwrap();
        assert_eq!(crm.only().json()["after"], sent, "{style}");
    }
    let style = "kind = \"token\", send = \"query:t\", next = \"/next\", as = \"int\"";
    let crm = Crm::json(json!({ "data": [{ "id": 1 }], "next": "x7" })).await;
    let source = source(&crm, &listing(style));
    let next = page_of(&source, Position::Start, 2).await.unwrap().next;
    let read = page_of(&source, next.unwrap(), 2).await;
    assert!(is_malformed(&read), "{read:?}");
    assert_eq!(crm.seen().len(), 1);
}

/// A page that is short because its CRM gives no longer ones is not the whole list.
#[tokio::test]
async fn a_total_of_a_page_is_none_where_the_crm_may_answer_another_size() {
    let offset = "kind = \"offset\", offset = \"query:o\", size = \"query:n\"";
    let sized = format!("{TOKEN}, size = \"query:n\"");
    let body = json!({ "data": [{ "id": 1 }], "n": 1 });
    let leading = json!({ "data": [{ "id": 1 }], "n": 1, "next": "t" });
    for (style, body, total) in [
        (offset.to_owned(), &body, Some(1)),
        (format!("{offset}, size_hint = true"), &body, None),
        (sized.clone(), &body, Some(1)),
        (sized, &leading, None),
        (TOKEN.to_owned(), &leading, None),
    ] {
        let file = listing(&format!("{style}, total = \"/n\", total_kind = \"page\""));
        let crm = Crm::json(body.clone()).await;
        let page = first(&crm, &file).await.unwrap();
        assert_eq!(page.total, total, "{style}");
    }
}

/// The first page is never past the end: an echo that does not fit there says that the file or the CRM is wrong.
#[tokio::test]
async fn an_echo_that_does_not_fit_hides_no_first_page() {
    for (style, name, echo) in [
        (
            "kind = \"page\", page = \"query:p\", size = \"query:n\", echo = \"/at\"",
            "at",
            0,
        ),
        (
            "kind = \"offset\", offset = \"query:o\", size = \"query:n\", echo = \"/at\"",
            "at",
            1,
        ),
    ] {
        let crm = Crm::json(json!({ "data": [{ "id": 1 }], name: echo })).await;
        let source = source(&crm, &listing(style));
        for at in [Position::Start, Position::Index(0)] {
            let read = page_of(&source, at, 2).await;
            assert!(is_malformed(&read), "{style}: {read:?}");
        }
        let later = page_of(&source, Position::Index(4), 2).await.unwrap();
        assert!(later.past_end && later.rows.is_empty());
        let crm = Crm::json(json!({ "data": [], name: echo })).await;
        let page = first(&crm, &listing(style)).await.unwrap();
        assert_eq!(ids(&page), [""; 0]);
    }
}
