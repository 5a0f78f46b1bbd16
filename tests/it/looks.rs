//! What a look for a create whose answer was lost takes for proof: exactly one customer that fits, in a list that is whole.

use super::odd_data::direct::Asked;
use super::support::crm::{Crm, Play, file, source};
use crmql::source::{SourceEntry, Sources};
use serde_json::{Value, json};
use std::sync::Arc;

/// A list with this paginator, in an order of the CRM's own.
fn adapter(page: &str) -> String {
    let rest = format!(
        "[[list]]\nrequest = \"GET /c\"\nitems = \"/rows\"\npage = {{ {page} }}\n\
         [list.filter]\n\"createdAt:gte\" = \"query:since\"\n\
         [create]\nrequest = \"POST /c\"\nreturns = {{ item = \"\" }}\n\
         [fields]\nid = \"/id\"\nemail = \"/mail\"\ncreatedAt = {{ r = \"/at\", type = \"datetime\" }}\n"
    );
    file("", &rest)
}

/// So many customers made just now, of whom the first has the e-mail; the last has no id where `odd`.
fn rows(count: usize, odd: bool) -> Vec<Value> {
    let at = jiff::Timestamp::now().to_string();
    let mut rows: Vec<Value> = (0..count)
        .map(|number| json!({ "id": number, "mail": format!("{number}@b.example"), "at": at }))
        .collect();
    if odd {
        rows.push(json!({ "id": null, "mail": "0@b.example", "at": at }));
    }
    rows
}

/// What becomes of a create whose answer is lost, where the list then is this.
async fn outcome(page: &str, envelope: Value, (count, odd): (usize, bool)) -> Value {
    let listed = move || {
        let mut answer = envelope.clone();
        answer["rows"] = Value::from(rows(count, odd));
        Play::Json(200, answer)
    };
    lost(&adapter(page), "", listed).await
}

/// What becomes of a create with an e-mail and these other values, at a CRM that loses its answer and then lists this.
async fn lost(file: &str, given: &str, listed: impl Fn() -> Play + Send + Sync + 'static) -> Value {
    let crm = Crm::answering(move |seen, _| match &*seen.method {
        "POST" => Play::Reset,
        _ => listed(),
    })
    .await;
    let entry = SourceEntry {
        key: "acme".into(),
        name: "Acme".into(),
        adapter: "acme".into(),
        rank: 0,
        source: Arc::new(source(&crm, file)),
    };
    let gateway = Asked::new(Sources::new(vec![Arc::new(entry)]));
    let query = format!(
        "mutation {{ made: createCustomer(input: {{ source: \"acme\", email: \"0@b.example\", {given} }}) {{ outcome userErrors {{ code }} }} }}"
    );
    let mut answer = gateway.ask(&query).await;
    answer["data"]["made"]["outcome"].take()
}

const PAGE: &str = "kind = \"page\", page = \"query:p\", size = \"query:n\"";
const OFFSET: &str = "kind = \"offset\", offset = \"query:o\", size = \"query:n\"";
const KEYSET: &str =
    "kind = \"keyset\", send = \"query:a\", key = \"last:/id\", size = \"query:n\"";
const TOKEN: &str = "kind = \"token\", send = \"query:t\", next = \"/next\", size = \"query:n\"";
const NONE: &str = "kind = \"none\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_may_not_be_all_proves_no_create() {
    let nothing = || json!({});
    for (style, more, envelope, found, proven) in [
        (PAGE, "", nothing(), (100, false), false),
        (PAGE, "", nothing(), (99, false), true),
        (
            PAGE,
            "total = \"/n\"",
            json!({ "n": 100 }),
            (100, false),
            true,
        ),
        (
            PAGE,
            "total = \"/n\"",
            json!({ "n": 101 }),
            (100, false),
            false,
        ),
        // A CRM that does not count says 0, and one that counts so far and no further says that number.
        (
            PAGE,
            "total = \"/n\"",
            json!({ "n": 0 }),
            (100, false),
            false,
        ),
        (
            PAGE,
            "total = \"/n\", total_kind = \"capped:100\"",
            json!({ "n": 100 }),
            (100, false),
            false,
        ),
        (
            PAGE,
            "total = \"/n\", total_kind = \"upper_bound\"",
            json!({ "n": 100 }),
            (100, false),
            false,
        ),
        (
            PAGE,
            "pages = \"/n\"",
            json!({ "n": 1 }),
            (100, false),
            true,
        ),
        (OFFSET, "", nothing(), (100, false), false),
        (OFFSET, "", nothing(), (3, false), true),
        (
            OFFSET,
            "size_echo = \"/n\"",
            json!({ "n": 50 }),
            (50, false),
            false,
        ),
        (
            OFFSET,
            "more = \"/m\"",
            json!({ "m": false }),
            (100, false),
            true,
        ),
        (KEYSET, "", nothing(), (100, false), false),
        (
            KEYSET,
            "more = \"/m\"",
            json!({ "m": false }),
            (100, false),
            true,
        ),
        (TOKEN, "", nothing(), (100, false), true),
        (TOKEN, "", json!({ "next": "x" }), (100, false), false),
        (NONE, "", nothing(), (100, false), true),
        (NONE, "", nothing(), (3, true), false),
    ] {
        let page = [style, more].join(if more.is_empty() { "" } else { ", " });
        let outcome = outcome(&page, envelope, found).await;
        let expected = if proven { "APPLIED" } else { "UNKNOWN" };
        assert_eq!(outcome, expected, "{page} {found:?}");
    }
}

/// The moment so many seconds from now.
fn from_now(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds)
}

/// Each case: what `Date` and `Age` say, when the only customer was made, both from now, and whether that proves the create.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_contradicts_itself_proves_no_create() {
    for (date, age, made, proven) in [
        (Some(0), None, 0, true),
        (None, None, 0, true),
        // Nobody has made a customer an hour from now.
        (Some(0), None, 3_600, false),
        (None, None, 3_600, false),
        (None, None, 10, false),
        // A CRM that is ahead, by all it says.
        (Some(60), None, 60, true),
        (Some(60), None, 40, false),
        (Some(60), None, 80, false),
        // `Date` says when an answer was made, which a cache kept for an hour.
        (Some(-3_600), Some(3_600), 0, true),
        (Some(-3_600), Some(3_600), -1_800, false),
        (Some(3_600), Some(3_600), 7_200, true),
        (Some(3_600), Some(3_600), 3_600, false),
        // It is behind, or the one that says so is not the one that notes when a customer is made.
        (Some(-3_600), None, 0, true),
        (Some(-3_600), None, -1_800, false),
        (Some(-3_600), None, -3_600, false),
    ] {
        let listed = move || {
            let date = date.map(|date| from_now(date).strftime("%a, %d %b %Y %H:%M:%S GMT"));
            let date = date.map(|date| ("date", date.to_string()));
            let age = age.map(|age: i64| ("age", age.to_string()));
            let row = json!({ "id": 1, "mail": "0@b.example", "at": from_now(made).to_string() });
            let body = json!({ "rows": [row] }).to_string();
            Play::Raw(200, date.into_iter().chain(age).collect(), body.into())
        };
        let outcome = lost(&adapter(NONE), "", listed).await;
        let expected = if proven { "APPLIED" } else { "UNKNOWN" };
        assert_eq!(outcome, expected, "{date:?} {age:?} {made}");
    }
}

/// The fields that a CRM has beside the e-mail, and their words.
const MORE: &str = "name = \"/full\"\navatarUrl = \"/face\"\ncompany = \"/company\"\nnote = \"/note\"\ntier = { r = \"/tier\", w = \"/tier\", enum = \"tier\" }\n\
    status = { r = \"/status\", w = \"/status\", enum = \"status\", w_enum = \"set\" }\ntags = \"/tags\"\nunsubscribed = { r = \"/quiet\", w = \"/quiet\", type = \"bool\" }\n\
    birthDate = { r = \"/born\", w = \"/born\", type = \"date\", as = \"date\" }\ncustomFields = { r = \"/own\", w = \"/own\", type = \"json\" }\n\
    phone = \"/phone\"\ncountry = { r = \"/country/name\", w = \"/country/code\" }\njobTitle = { r = [\"/role\", \"/job\"], w = \"/job\" }\n\
    [enums.tier]\nGOLD = \"gold\"\nSILVER = \"silver\"\nfold = true\n\
    [enums.status]\nACTIVE = \"on\"\nINACTIVE = \"off\"\n[enums.set]\nARCHIVED = \"off\"\n";

/// Each case: what was given beside the e-mail, what the only customer shows, and whether that may be the one that was made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_that_shows_another_value_is_not_the_one_that_was_made() {
    let file = format!("{}{MORE}", adapter(NONE));
    for (given, shown, proven) in [
        (
            "company: \"New Ltd\"",
            json!({ "company": "New Ltd" }),
            true,
        ),
        ("company: \"New Ltd\"", json!({ "company": "Other" }), false),
        ("note: \"mine\"", json!({ "note": "other" }), false),
        ("tier: GOLD", json!({ "tier": "silver" }), false),
        ("tier: GOLD", json!({ "tier": "Gold" }), true),
        ("tags: [\"a\", \"b\"]", json!({ "tags": ["a"] }), false),
        ("unsubscribed: true", json!({ "quiet": false }), false),
        (
            "birthDate: \"2001-02-03\"",
            json!({ "born": "2001-02-04" }),
            false,
        ),
        (
            "customFields: { a: { b: 1 } }",
            json!({ "own": { "a": { "b": 2 } } }),
            false,
        ),
        // Not every list shows all, and a CRM tidies what it takes, adds to it, and has words that nobody knows.
        ("company: \"New Ltd\", tags: [\"a\"]", json!({}), true),
        (
            "company: \"New Ltd\", tags: [\"a\"]",
            json!({ "company": "", "tags": [] }),
            true,
        ),
        (
            "company: \"\", note: null",
            json!({ "company": "Home", "note": "new" }),
            true,
        ),
        (
            "company: \" New  Ltd\"",
            json!({ "company": "new ltd" }),
            true,
        ),
        (
            "tags: [\"b\", \"A\"]",
            json!({ "tags": ["a", "b", "api"] }),
            true,
        ),
        (
            "customFields: { a: 1 }",
            json!({ "own": { "a": 1.0, "b": 2 } }),
            true,
        ),
        (
            "customFields: { a: \"New  Ltd\", b: 5, c: \"7\", d: true, e: [1, \"x\"] }",
            json!({ "own": { "a": "new ltd ", "b": "5", "c": 7, "d": "True", "e": ["X ", 2, "1"] } }),
            true,
        ),
        (
            "customFields: { a: [1, 2] }",
            json!({ "own": { "a": [1, null, 3] } }),
            false,
        ),
        (
            "customFields: { a: \"5\" }",
            json!({ "own": { "a": 6 } }),
            false,
        ),
        (
            "customFields: { a: 5.0, b: [{ c: 1, d: 2 }, 2.0] }",
            json!({ "own": { "a": "5", "b": [2, { "d": 2, "c": 1 }] } }),
            true,
        ),
        (
            "customFields: { b: [{ c: 1 }] }",
            json!({ "own": { "b": [{ "c": 2 }] } }),
            false,
        ),
        // One letter with its accent, or a letter and an accent.
        (
            "company: \"Caf\\u00e9\", tags: [\"\\u00e9\"], customFields: { a: \"\\u00e9\" }",
            json!({ "company": "Cafe\u{301}", "tags": ["e\u{301}"], "own": { "a": "e\u{301}" } }),
            true,
        ),
        (
            "name: \"Zoe\\u0308  Lee\"",
            json!({ "full": "Zo\u{eb} Lee" }),
            true,
        ),
        (
            "name: \"Zoe Lee\"",
            json!({ "full": "Zo\u{eb} Lee" }),
            false,
        ),
        // Pictures move to the CRM's own place.
        (
            "avatarUrl: \"https://a.example/1.png\"",
            json!({ "face": "https://cdn.example/2.png" }),
            true,
        ),
        ("tier: GOLD", json!({ "tier": "diamond" }), true),
        (
            "phone: { number: \"12 34\" }",
            json!({ "phone": "+45 1234" }),
            true,
        ),
        // What is read is not what was written: another form, one of several places, one word for two.
        (
            "country: \"DK\"",
            json!({ "country": { "name": "Denmark" } }),
            true,
        ),
        (
            "jobTitle: \"Mine\"",
            json!({ "role": "Any", "job": "Mine" }),
            true,
        ),
        ("status: ARCHIVED", json!({ "status": "off" }), true),
    ] {
        let row = shown.clone();
        let listed = move || {
            let mut row = row.clone();
            row["id"] = json!(1);
            row["mail"] = json!("0@b.example");
            row["at"] = json!(from_now(0).to_string());
            Play::Json(200, json!({ "rows": [row] }))
        };
        let outcome = lost(&file, given, listed).await;
        let expected = if proven { "APPLIED" } else { "UNKNOWN" };
        assert_eq!(outcome, expected, "{given} {shown}");
    }
}
