//! What reaches the CRM: ids as one segment, values where the file puts them, nothing anywhere else.

use super::{FIELDS, id, listing_with};
use crate::support::crm::{Crm, Play, call, file, manifest, source};
use crmql::adapter::{Adapter, BuildError, Site, TokenStore, Vars};
use crmql::model::{Filter, LocalId};
use crmql::source::{CustomerSource, SourceErrorKind};
use crmql::upstream::Settings;
use serde_json::json;

fn getting(http: &str) -> String {
    file(
        http,
        &format!("[get]\nrequest = \"GET /c/{{id}}/x\"\nitem = \"\"\n{FIELDS}"),
    )
}

#[tokio::test]
async fn an_id_is_one_encoded_segment_whatever_it_holds() {
    for (text, segment) in [
        ("..x?y#z%00", "..x%3Fy%23z%2500"),
        ("a/b", "a%2Fb"),
        ("%2e%2e", "%252e%252e"),
        ("é ü\\", "%C3%A9%20%C3%BC%5C"),
        (";@:&=+$,", "%3B%40%3A%26%3D%2B%24%2C"),
    ] {
        let crm = Crm::json(json!({ "id": text })).await;
        let fetched = source(&crm, &getting(""))
            .fetch(&call(), &[id(text)])
            .await
            .remove(0);
        assert!(fetched.unwrap().is_some());
        assert_eq!(crm.only().target, format!("/c/{segment}/x"));
    }
    for text in ["..", ".", "../x", "a\\..", "", "a\0b", "a\r\nb"] {
        assert!(LocalId::new(text).is_err(), "{text:?}");
    }
}

#[tokio::test]
async fn reserved_words_and_impossible_numbers_are_refused_without_a_call() {
    let text = getting("reserved_ids = [\"export\"]").replace(
        "id = { r = \"/id\" }",
        "id = { r = \"/id\", type = \"int\" }",
    );
    let crm = Crm::json(json!({ "id": 7 })).await;
    for bad in ["export", "abc", "007", "1.5", "+1", "99999999999999999999"] {
        let error = source(&crm, &text)
            .fetch(&call(), &[id(bad)])
            .await
            .remove(0)
            .unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::InvalidId, "{bad}");
    }
    assert_eq!(crm.seen().len(), 0);
    assert!(
        source(&crm, &text)
            .fetch(&call(), &[id("7")])
            .await
            .remove(0)
            .is_ok()
    );
}

#[tokio::test]
async fn redirects_are_not_followed_and_credentials_go_nowhere_else() {
    let other = Crm::json(json!({ "id": "a" })).await;
    let location = vec![("location", format!("{}/c/a/x", other.base))];
    for status in [301, 302, 307, 308] {
        let crm = Crm::always(Play::Raw(status, location.clone(), Vec::new())).await;
        let text = getting("auth = { kind = \"bearer\", token = \"{key}\" }");
        let error = source(&crm, &text)
            .fetch(&call(), &[id("a")])
            .await
            .remove(0)
            .unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Malformed);
        assert_eq!(crm.only().header("authorization"), Some("Bearer k3y"));
    }
    assert_eq!(other.seen().len(), 0);
}

#[tokio::test]
async fn each_value_goes_to_its_destination() {
    let more = "[list.filter]\n\"search\" = \"body:/q/0/text\"\n\"email:eq\" = \"header:X-Mail\"\n\"phone:eq\" = \"path:phone\"\n\"owner:eq\" = { send = \"query:owner\", as = \"int\" }\n[list.query]\nfixed = \"a b\"\n[list.headers]\nX-Fixed = \"{key}\"\n[list.put]\n\"/on\" = true\n\"/k\" = \"{key}\"";
    let text = listing_with("kind = \"none\"", more).replace("POST /c", "POST /c/{phone}");
    let crm = Crm::json(json!({ "data": [] })).await;
    let filter = Filter {
        search: Some("x\"y".into()),
        email: Some("a@b".into()),
        phone: Some("+1/2".into()),
        owner_id: Some("12".into()),
        ..Filter::default()
    };
    super::filtered(&source(&crm, &text), &filter, None)
        .await
        .unwrap();
    let seen = crm.only();
    assert_eq!(seen.line(), "POST /c/%2B1%2F2?fixed=a%20b&owner=12");
    assert_eq!(
        (seen.header("x-mail"), seen.header("x-fixed")),
        (Some("a@b"), Some("k3y"))
    );
    assert_eq!(
        seen.json(),
        json!({ "q": [{ "text": "x\"y" }], "on": true, "k": "k3y" })
    );
    assert_eq!(seen.header("accept"), Some("application/json"));
}

#[tokio::test]
async fn a_value_opens_no_second_header_and_no_other_path() {
    let more = "[list.filter]\n\"email:eq\" = \"header:X-Mail\"\n\"phone:eq\" = \"path:phone\"";
    let text = listing_with("kind = \"none\"", more).replace("GET /c", "GET /c/{phone}");
    let crm = Crm::json(json!({ "data": [] })).await;
    for (email, phone) in [
        ("a\r\nX-Evil: 1", "1"),
        ("é", "1"),
        ("a", ".."),
        ("a", "."),
        ("a", ""),
    ] {
        let filter = Filter {
            email: Some(email.into()),
            phone: Some(phone.into()),
            ..Filter::default()
        };
        let error = super::filtered(&source(&crm, &text), &filter, None)
            .await
            .unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Rejected, "{email:?} {phone:?}");
    }
    assert_eq!(crm.seen().len(), 0);
}

#[tokio::test]
async fn a_var_that_cannot_stand_where_it_should_is_refused_at_the_start() {
    let text = file(
        "headers = { X-Org = \"{key}\" }",
        &format!("[get]\nrequest = \"GET /c/{{id}}\"\nitem = \"\"\n{FIELDS}"),
    );
    let path = file(
        "",
        &format!("[get]\nrequest = \"GET /{{key}}/{{id}}\"\nitem = \"\"\n{FIELDS}"),
    );
    for (text, key) in [(&text, "a\nb"), (&path, ".."), (&path, "")] {
        let vars = Vars::from([
            ("base_url".to_owned(), "http://x".to_owned()),
            ("key".to_owned(), key.to_owned()),
        ]);
        let site = Site {
            vars,
            settings: Settings::default(),
            total: std::time::Duration::from_secs(1),
            tokens: TokenStore::default(),
        };
        assert_eq!(
            Adapter::new(manifest(text), site).err(),
            Some(BuildError::Unplaceable),
            "{key:?}"
        );
    }
}

/// What signs a request has its own place, and paths are put behind the base.
#[test]
fn a_base_that_is_more_than_an_address_is_refused() {
    for (base, good) in [
        ("http://x", true),
        ("https://x:8443/api", true),
        ("http://me:pw@x", false),
        ("http://me@x", false),
        ("http://:pw@x", false),
        ("http://x?a=b", false),
        ("http://x#a", false),
        ("ftp://x", false),
        ("x", false),
    ] {
        let site = Site {
            vars: Vars::from([("base_url".to_owned(), base.to_owned())]),
            settings: Settings::default(),
            total: std::time::Duration::from_secs(1),
            tokens: TokenStore::default(),
        };
        let refused = Adapter::new(manifest(&getting("")), site).err();
        let expected = (!good).then_some(BuildError::Base);
        assert_eq!(refused, expected, "{base}");
    }
}
