//! Filters and orders in every form, and values that try to be more than values.

use super::{filtered, listing_with};
use crate::fuzz::chance::Chance;
use crate::support::crm::{Crm, source};
use crmql::model::{
    CustomerOrderField, CustomerTier, DateTime, Filter, Order, OrderDirection, TimeRange,
};
use crmql::source::{CustomerSource, Unsupported};
use serde_json::{Value, json};

const NONE: &str = "kind = \"none\"";

async fn asked(more: &str, filter: &Filter, order: Option<Order>) -> crate::support::crm::Seen {
    let crm = Crm::json(json!({ "data": [] })).await;
    let text = listing_with(NONE, more);
    filtered(&source(&crm, &text), filter, order).await.unwrap();
    crm.only()
}

fn tags(tags: &[&str]) -> Filter {
    Filter {
        tags: Some(tags.iter().map(ToString::to_string).collect()),
        ..Filter::default()
    }
}

#[tokio::test]
async fn lists_are_sent_in_every_form() {
    for (form, target) in [
        ("list = \"csv\"", "/c?t=a%2Cb"),
        ("list = \"repeat\"", "/c?t=a&t=b"),
        ("list = \"brackets\"", "/c?t%5B%5D=a&t%5B%5D=b"),
        ("list = \"json\"", "/c?t=%5B%22a%22%2C%22b%22%5D"),
        (
            "list = \"json\", each = { v = \"$\" }",
            "/c?t=%5B%7B%22v%22%3A%22a%22%7D%2C%7B%22v%22%3A%22b%22%7D%5D",
        ),
    ] {
        let more = format!("[list.filter]\n\"tags:all\" = {{ send = \"query:t\", {form} }}");
        assert_eq!(asked(&more, &tags(&["a", "b"]), None).await.target, target);
    }
    let more = "[list.filter]\n\"tags:all\" = { send = \"query:t\", list = \"csv\" }";
    let crm = Crm::json(json!({ "data": [] })).await;
    let source = source(&crm, &listing_with(NONE, more));
    assert!(
        filtered(&source, &tags(&["a,b", "c"]), None).await.is_err(),
        "a comma would make two"
    );
}

/// A parameter that takes several values is one where the only value must not become two.
#[tokio::test]
async fn one_value_is_sent_as_a_list_of_one_where_the_file_says_so() {
    let filter = |email: &str| Filter {
        email: Some(email.into()),
        ..Filter::default()
    };
    for (form, target) in [
        ("", "/c?e=a%40b"),
        (", list = \"csv\"", "/c?e=a%40b"),
        (", list = \"brackets\"", "/c?e%5B%5D=a%40b"),
        (", list = \"json\"", "/c?e=%5B%22a%40b%22%5D"),
    ] {
        let more = format!("[list.filter]\n\"email:eq\" = {{ send = \"query:e\"{form} }}");
        assert_eq!(asked(&more, &filter("a@b"), None).await.target, target);
        let crm = Crm::json(json!({ "data": [] })).await;
        let source = source(&crm, &listing_with(NONE, &more));
        let two = filtered(&source, &filter("a@b,c@d"), None).await;
        assert_eq!(two.is_err(), form.contains("csv"), "{form}");
    }
    let plain = "[list.filter]\n\"email:eq\" = \"query:e\"";
    let target = asked(plain, &filter("a@b,c@d"), None).await.target;
    assert_eq!(target, "/c?e=a%40b%2Cc%40d");
}

/// Conditions that are no text go into a parameter as the JSON they are.
#[tokio::test]
async fn conditions_go_into_a_parameter_as_json() {
    let named = Filter {
        search: Some("ann".into()),
        ..Filter::default()
    };
    for (more, sent) in [
        (
            "compose = { into = \"query:q\", each = { f = \"$field\", v = \"$value\" } }\n[list.filter]\nsearch = { field = \"n\" }",
            json!([{ "f": "n", "v": "ann" }]),
        ),
        (
            "compose = { into = \"query:q\", each = { \"$field\" = { like = \"$value\" } } }\n[list.filter]\nsearch = { field = \"n\" }",
            json!({ "n": { "like": "ann" } }),
        ),
        (
            "[list.filter]\nsearch = { send = \"query:q\", each = { by = \"$\" } }",
            json!({ "by": "ann" }),
        ),
    ] {
        let seen = asked(more, &named, None).await;
        let (_, query) = seen.target.split_once('?').unwrap();
        let (_, text) = url::form_urlencoded::parse(query.as_bytes())
            .next()
            .unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            sent,
            "{more}"
        );
    }
}

/// What the file itself says needs no quotes to stay what it is.
#[tokio::test]
async fn words_of_the_file_stand_in_an_expression_as_they_are() {
    let compose = "compose = { into = \"query:q\", each = \"{field}>={value}\", join = \"^\" }\n";
    let filters = "[list.filter]\n\"search\" = { field = \"s\" }\n\"createdAt:gte\" = { field = \"c\", as = \"fmt:At(%Y,%m,%d) %H:%M:%S\" }\n\"deleted:only\" = { field = \"d\", value = \"is 1\" }\n";
    let more = format!("{compose}{filters}");
    let filter = Filter {
        created_at: Some(TimeRange {
            gte: moment("2024-02-03T04:05:06Z"),
            lt: None,
        }),
        deleted: crmql::model::DeletedFilter::Only,
        ..Filter::default()
    };
    let seen = asked(&more, &filter, None).await;
    let (_, query) = seen.target.split_once('?').unwrap();
    let (_, text) = url::form_urlencoded::parse(query.as_bytes())
        .next()
        .unwrap();
    let mut parts: Vec<&str> = text.split('^').collect();
    parts.sort_unstable();
    assert_eq!(parts, ["c>=At(2024,02,03) 04:05:06", "d>=is 1"]);
    let spaced = Filter {
        search: Some("a b".into()),
        ..Filter::default()
    };
    let crm = Crm::json(json!({ "data": [] })).await;
    let source = source(&crm, &listing_with(NONE, &more));
    assert!(
        filtered(&source, &spaced, None).await.is_err(),
        "not what the caller says"
    );
}

#[tokio::test]
async fn orders_are_sent_in_every_style() {
    let by = "by = { id = \"i\", createdAt = \"made\" }";
    let down = Order {
        field: CustomerOrderField::CreatedAt,
        direction: OrderDirection::Desc,
    };
    for (style, target) in [
        (
            "style = \"pair\", field = \"query:s\", direction = \"query:d\"",
            "/c?s=made&d=desc",
        ),
        ("style = \"signed\", to = \"query:s\"", "/c?s=-made"),
        ("style = \"suffix\", to = \"query:s\"", "/c?s=made%20desc"),
        (
            "style = \"keyed\", to = \"query:o[{field}]\"",
            "/c?o%5Bmade%5D=desc",
        ),
    ] {
        let more = format!("sort = {{ {style}, {by} }}");
        assert_eq!(
            asked(&more, &Filter::default(), Some(down)).await.target,
            target
        );
        assert_eq!(asked(&more, &Filter::default(), None).await.target, "/c");
    }
    let more = format!(
        "sort = {{ style = \"body\", to = \"body:/s\", each = {{ f = \"$field\", d = \"$direction\" }}, {by}, default = {{ field = \"id\" }} }}"
    );
    assert_eq!(
        asked(&more, &Filter::default(), Some(down)).await.json(),
        json!({ "s": [{ "f": "made", "d": "desc" }] })
    );
    assert_eq!(
        asked(&more, &Filter::default(), None).await.json(),
        json!({ "s": [{ "f": "i", "d": "asc" }] })
    );
}

/// Values that try to end their literal, begin another condition, or be a hole.
const ATTACKS: &[&str] = &[
    "x' or '1'='1",
    "it''s",
    "\\' or 1=1 --",
    "\"}]} , {\"a\":1",
    "a)(b,c\\",
    "$value",
    "$field",
    "$op",
    "{value}",
    "{field}",
    "a;b==c",
    "",
];

/// A value of characters that mean something somewhere; the number decides it.
fn made_up(seed: u64) -> String {
    let signs: Vec<char> = "''\"\"\\\\()[]{},;=|*%&#+-/<>!~^`$ :.?@aé\u{2019}\u{ff07}😀"
        .chars()
        .collect();
    let mut chance = Chance::new(seed);
    let length = 1 + chance.below(12);
    let text: String = (0..length).map(|_| *chance.of(&signs)).collect();
    // Beside one that nothing may be left unquoted for.
    format!("{text}'")
}

#[tokio::test]
async fn no_value_leaves_its_literal() {
    let literal = |quote: &str, text: &str| -> Option<String> {
        match quote {
            "single_doubled" => text.strip_prefix('\'')?.strip_suffix('\'').map(|inner| {
                assert!(!inner.replace("''", "").contains('\''), "{inner}");
                inner.replace("''", "'")
            }),
            "single_backslash" => text
                .strip_prefix('\'')?
                .strip_suffix('\'')
                .map(|inner| unescaped(inner, "'")),
            "double_json" => serde_json::from_str(text).ok(),
            "parens_backslash" => Some(unescaped(text, "(),")),
            _ => text
                .chars()
                .all(|c| c.is_alphanumeric())
                .then(|| text.to_owned()),
        }
    };
    for quote in [
        "none",
        "single_doubled",
        "single_backslash",
        "double_json",
        "parens_backslash",
    ] {
        let more = format!(
            "compose = {{ into = \"query:f\", each = \"{{field}}=={{value}}\", join = \";\", quote = \"{quote}\" }}\n[list.filter]\n\"search\" = {{ field = \"name\" }}"
        );
        let text = listing_with(NONE, &more);
        let more = (1..=64).map(made_up);
        let crm = Crm::json(json!({ "data": [] })).await;
        let source = source(&crm, &text);
        for attack in ATTACKS.iter().map(|text| (*text).to_owned()).chain(more) {
            let filter = Filter {
                search: Some(attack.clone()),
                ..Filter::default()
            };
            let sent = filtered(&source, &filter, None).await;
            if quote == "none" {
                assert!(sent.is_err() && crm.seen().is_empty(), "{attack}");
                continue;
            }
            sent.unwrap();
            let target = crm.seen().pop().unwrap().target;
            let (_, value) =
                url::form_urlencoded::parse(target.split_once('?').unwrap().1.as_bytes())
                    .next()
                    .unwrap();
            let said = value.strip_prefix("name==").unwrap();
            assert_eq!(
                literal(quote, said).as_deref(),
                Some(attack.as_str()),
                "{quote} {said}"
            );
        }
    }
}

/// Takes backslashes away; what must be escaped and is not fails.
fn unescaped(text: &str, special: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        assert!(!special.contains(c), "{text}");
        out.push(if c == '\\' { chars.next().unwrap() } else { c });
    }
    out
}

#[tokio::test]
async fn shapes_hold_values_as_values() {
    let element = "compose = { into = \"body:/f\", each = { p = \"$field\", o = \"$op\", v = \"$value\", vs = \"$values\" }, ops = { eq = \"EQ\", in = \"IN\" } }\n[list.filter]\n\"email:eq\" = { field = \"mail\" }\n\"id:in\" = { field = \"id\" }";
    let nested = "compose = { into = \"body:/f\", each = { \"$field\" = { \"$op\" = \"$value\" } }, ops = { gte = \"$gte\", lt = \"$lt\", eq = \"$eq\" } }\n[list.filter]\n\"email:eq\" = { field = \"mail\" }\n\"createdAt:gte\" = { field = \"made\", as = \"epoch_s\" }\n\"createdAt:lt\" = { field = \"made\", as = \"epoch_s\" }";
    for attack in ATTACKS {
        let filter = Filter {
            email: Some((*attack).into()),
            ids: Some(vec![super::id("1")]),
            ..Filter::default()
        };
        let body = asked(element, &filter, None).await.json();
        assert_eq!(
            body,
            json!({ "f": [{ "p": "mail", "o": "EQ", "v": attack }, { "p": "id", "o": "IN", "vs": ["1"] }] })
        );
        let range = TimeRange {
            gte: moment("1970-01-01T00:00:10Z"),
            lt: moment("1970-01-01T00:00:20Z"),
        };
        let filter = Filter {
            email: Some((*attack).into()),
            created_at: Some(range),
            ..Filter::default()
        };
        let body = asked(nested, &filter, None).await.json();
        assert_eq!(
            body,
            json!({ "f": { "mail": { "$eq": attack }, "made": { "$gte": 10, "$lt": 20 } } })
        );
    }
}

fn moment(text: &str) -> Option<DateTime> {
    Some(DateTime::at(text.parse().unwrap()))
}

#[tokio::test]
async fn each_tag_has_a_condition_of_its_own_where_one_compares_one() {
    let filter = Filter {
        tags: Some(vec!["b".into(), "c d".into()]),
        ..Filter::default()
    };
    for (each, own, sent) in [
        (
            "{ p = \"$field\", v = \"$value\" }",
            "each = { t = \"$field\", contains = \"$value\" }",
            json!([{ "t": "tag", "contains": "b" }, { "t": "tag", "contains": "c d" }]),
        ),
        (
            "{ p = \"$field\", v = \"$value\" }",
            "each = { t = \"$field\", all = \"$values\" }",
            json!([{ "t": "tag", "all": ["b", "c d"] }]),
        ),
    ] {
        let more = format!(
            "compose = {{ into = \"body:/f\", each = {each} }}\n[list.filter]\n\"tags:all\" = {{ field = \"tag\", {own} }}"
        );
        assert_eq!(asked(&more, &filter, None).await.json()["f"], sent);
    }
}

#[tokio::test]
async fn conditions_that_would_stand_at_one_place_are_not_dropped_silently() {
    let more = "compose = { into = \"body:/f\", each = { \"$field\" = \"$value\" } }\n[list.filter]\n\"createdAt:gte\" = { field = \"made\" }\n\"updatedAt:gte\" = { field = \"made\" }";
    let crm = Crm::json(json!({ "data": [] })).await;
    let since = |gte| TimeRange {
        gte: moment(gte),
        lt: None,
    };
    let filter = Filter {
        created_at: Some(since("1970-01-01T00:00:10Z")),
        updated_at: Some(since("1970-01-01T00:00:20Z")),
        ..Filter::default()
    };
    assert!(
        filtered(&source(&crm, &listing_with(NONE, more)), &filter, None)
            .await
            .is_err()
    );
    assert_eq!(crm.seen().len(), 0);
}

#[tokio::test]
async fn one_text_can_hold_filter_and_order() {
    let more = "compose = { into = \"query:q\", each = \"{field}:{value}\", join = \" \", template = \"{filter}{sort}\", filter_prefix = \"where \", sort_prefix = \" order \" }\nsort = { style = \"suffix\", to = \"query:unused\", by = { id = \"i\" } }\n[list.filter]\n\"search\" = { field = \"n\" }";
    let filter = Filter {
        search: Some("x".into()),
        ..Filter::default()
    };
    let order = Some(Order {
        field: CustomerOrderField::Id,
        direction: OrderDirection::Asc,
    });
    assert_eq!(
        asked(more, &filter, order).await.target,
        "/c?q=where%20n%3Ax%20order%20i%20asc"
    );
    assert_eq!(
        asked(more, &Filter::default(), order).await.target,
        "/c?q=%20order%20i%20asc"
    );
    assert_eq!(asked(more, &Filter::default(), None).await.target, "/c");
    let beside = more.replace("{filter}{sort}", "{filter}");
    assert_eq!(
        asked(&beside, &filter, order).await.target,
        "/c?unused=i%20asc&q=where%20n%3Ax"
    );
}

#[tokio::test]
async fn what_cannot_be_served_is_named_with_its_reason() {
    let more = "[list.filter]\n\"search\" = { send = \"query:q\", max_length = 3 }\n\"tier:eq\" = { send = \"query:t\", enum = \"tier\" }\n\"owner:eq\" = { send = \"query:o\", as = \"int\" }\n\"tags:all\" = { send = \"query:g\", max = 1 }\n[enums.tier]\nGOLD = \"gold\"\n";
    let crm = Crm::json(json!({ "data": [] })).await;
    let source = source(&crm, &listing_with(NONE, more));
    let parts = |filter: Filter| match source.plan(&filter, None) {
        Err(Unsupported::Filter { parts, .. }) => parts.join(" "),
        other => panic!("{other:?}"),
    };
    let tier = |tiers: &[CustomerTier]| Filter {
        tier: Some(tiers.to_vec()),
        ..Filter::default()
    };
    assert_eq!(
        parts(Filter {
            search: Some("long".into()),
            ..Filter::default()
        }),
        "search (at most 3 characters)"
    );
    assert_eq!(
        parts(tier(&[CustomerTier::Silver])),
        "tier:eq (one of GOLD)"
    );
    assert_eq!(
        parts(tier(&[CustomerTier::Gold, CustomerTier::Silver])),
        "tier:in"
    );
    assert_eq!(
        parts(tier(&[])),
        "tier:eq (at least one value)",
        "none of the values is no filter that could be left out"
    );
    assert_eq!(
        parts(Filter {
            owner_id: Some("x".into()),
            ..Filter::default()
        }),
        "owner:eq (a whole number)"
    );
    assert_eq!(parts(tags(&["a", "b"])), "tags:all (at most 1 values)");
    assert_eq!(
        parts(Filter {
            email: Some("x".into()),
            ..Filter::default()
        }),
        "email:eq"
    );
    assert!(
        source.plan(&tags(&[]), None).is_ok(),
        "everything has all of no tags"
    );
}

#[tokio::test]
async fn an_expression_holds_no_more_conditions_than_the_crm_takes() {
    let crm = Crm::json(json!({ "data": [] })).await;
    let most = "compose = { into = \"query:f\", each = \"{field}={value}\", join = \"&\", max = 1 }\n[list.filter]\n\"search\" = { field = \"n\" }\n\"email:eq\" = { field = \"m\" }";
    let source = crate::support::crm::source(&crm, &listing_with(NONE, most));
    let both = Filter {
        search: Some("a".into()),
        email: Some("b".into()),
        ..Filter::default()
    };
    match source.plan(&both, None) {
        Err(Unsupported::Filter { parts, .. }) => {
            assert_eq!(parts, ["search, email:eq (at most 1 together)"]);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn bounds_of_time_lose_no_row_to_a_coarser_form() {
    for (form, gte, lt, again) in [
        (
            "rfc3339",
            json!("2024-01-15T10:30:00.5Z"),
            json!("2024-01-15T10:30:00.5Z"),
            false,
        ),
        ("epoch_s", json!("1705314600"), json!("1705314601"), true),
        ("date", json!("2024-01-15"), json!("2024-01-16"), true),
        (
            "fmt:%Y/%m/%d %H:%M:%S",
            json!("2024/01/15 10:30:00"),
            json!("2024/01/15 10:30:01"),
            true,
        ),
    ] {
        let more = format!(
            "[list.filter]\n\"createdAt:gte\" = {{ send = \"query:a\", as = \"{form}\" }}\n\"createdAt:lt\" = {{ send = \"query:b\", as = \"{form}\" }}"
        );
        let at = moment("2024-01-15T10:30:00.5Z");
        let filter = Filter {
            created_at: Some(TimeRange { gte: at, lt: at }),
            ..Filter::default()
        };
        let seen = asked(&more, &filter, None).await;
        let query = seen.target.split_once('?').unwrap().1;
        let sent: Vec<Value> = url::form_urlencoded::parse(query.as_bytes())
            .map(|(_, value)| Value::from(&*value))
            .collect();
        assert_eq!(sent, [gte, lt], "{form}");
        let crm = Crm::json(json!({})).await;
        let plan = source(&crm, &listing_with(NONE, &more))
            .plan(&filter, None)
            .unwrap();
        assert_eq!(plan.residual.created_at.is_some(), again, "{form}");
    }
}
