//! Filters that ask for all that is wanted and for nothing else: every word of the CRM, bounds that leave no row out, ids as
//! they are written.

use super::{filtered, id, listing_with};
use crate::support::crm::{Crm, call, source};
use crmql::model::{CustomerTier, DateTime, DeletedFilter, Filter, TimeRange};
use crmql::source::{CustomerSource, SourceErrorKind, Unsupported};
use serde_json::json;

const NONE: &str = "kind = \"none\"";

/// What is asked for, as parameters.
async fn asked(more: &str, filter: &Filter) -> Vec<String> {
    let crm = Crm::json(json!({ "data": [] })).await;
    let source = source(&crm, &listing_with(NONE, more));
    filtered(&source, filter, None).await.unwrap();
    let target = crm.only().target;
    let query = target.split_once('?').map_or("", |(_, query)| query);
    url::form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

/// What is said of a filter that cannot be served.
async fn refused(more: &str, filter: &Filter) -> String {
    let crm = Crm::json(json!({ "data": [] })).await;
    match source(&crm, &listing_with(NONE, more)).plan(filter, None) {
        Err(Unsupported::Filter { parts, .. }) => parts.join(" "),
        other => panic!("{other:?}"),
    }
}

fn tiers(tiers: &[CustomerTier]) -> Filter {
    Filter {
        tier: Some(tiers.to_vec()),
        ..Filter::default()
    }
}

fn created(gte: &str, lt: &str) -> Filter {
    let moment = |text: &str| (!text.is_empty()).then(|| DateTime::at(text.parse().unwrap()));
    Filter {
        created_at: Some(TimeRange {
            gte: moment(gte),
            lt: moment(lt),
        }),
        ..Filter::default()
    }
}

const TIERS: &str = "[enums.tier]\nGOLD = [\"gold\", \"gold_plus\"]\nSILVER = \"silver\"\n";

/// Whoever is shown with a word is found by it, whatever word of the CRM stands for it.
#[tokio::test]
async fn a_word_is_asked_for_in_every_word_of_the_crm() {
    let with = |filters: &str| format!("[list.filter]\n{filters}\n{TIERS}");
    let several = "\"tier:in\" = { send = \"query:t\", enum = \"tier\", list = \"repeat\" }";
    let both = format!("\"tier:eq\" = {{ send = \"query:e\", enum = \"tier\" }}\n{several}");
    let (gold, silver) = (tiers(&[CustomerTier::Gold]), tiers(&[CustomerTier::Silver]));
    assert_eq!(
        asked(&with(several), &gold).await,
        ["t=gold", "t=gold_plus"]
    );
    assert_eq!(asked(&with(&both), &gold).await, ["t=gold", "t=gold_plus"]);
    assert_eq!(asked(&with(&both), &silver).await, ["e=silver"]);
    let composed = "compose = { into = \"query:q\", each = \"{field} = {value}\", or = \" or \" }\n[list.filter]\n\"tier:in\" = { field = \"T\", enum = \"tier\" }\n";
    let said = asked(&format!("{composed}{TIERS}"), &gold).await;
    assert_eq!(said, ["q=(T = gold or T = gold_plus)"]);
    let few = several.replace("list =", "max = 1, list =");
    assert_eq!(
        refused(&with(&few), &gold).await,
        "tier:in (at most 1 words of the CRM)"
    );
    assert_eq!(asked(&with(&few), &silver).await, ["t=silver"]);
}

#[tokio::test]
async fn an_id_is_asked_for_as_it_is_written_or_not_at_all() {
    let more = "[list.filter]\n\"owner:eq\" = { send = \"query:o\", as = \"int\" }";
    let owner = |id: &str| Filter {
        owner_id: Some(id.into()),
        ..Filter::default()
    };
    assert_eq!(asked(more, &owner("7")).await, ["o=7"]);
    assert_eq!(asked(more, &owner("-7")).await, ["o=-7"]);
    for other in ["007", "+7", "-0"] {
        let said = refused(more, &owner(other)).await;
        assert_eq!(said, "owner:eq (a whole number)", "{other}");
    }
    let several = "[get_many]\nrequest = \"GET /c\"\nids = { send = \"query:ids\", list = \"csv\", as = \"int\" }\nitems = \"/data\"\nmax = 9\n";
    let batch = listing_with(NONE, several);
    let crm = Crm::json(json!({ "data": [{ "id": 7 }] })).await;
    let found = source(&crm, &batch).fetch(&call(), &[id("007")]).await;
    let error = found[0].as_ref().unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::InvalidId);
    assert!(crm.seen().is_empty());
}

#[tokio::test]
async fn what_is_always_asked_for_is_a_condition_too() {
    let compose = |max: usize| {
        format!(
            "compose = {{ into = \"query:f\", each = \"{{field}}={{value}}\", join = \";\", max = {max} }}\n[list.filter]\n\"search\" = {{ field = \"n\" }}\n\"email:eq\" = {{ field = \"m\" }}\n\"deleted:exclude\" = {{ field = \"alive\" }}"
        )
    };
    let mut both = Filter {
        search: Some("a".into()),
        email: Some("b".into()),
        ..Filter::default()
    };
    assert_eq!(asked(&compose(3), &both).await, ["f=n=a;m=b;alive=true"]);
    assert_eq!(
        refused(&compose(2), &both).await,
        "search, email:eq, deleted:exclude (at most 2 together)"
    );
    both.email = None;
    assert_eq!(asked(&compose(2), &both).await, ["f=n=a;alive=true"]);
    assert_eq!(
        asked(&compose(2), &Filter::default()).await,
        ["f=alive=true"]
    );
}

#[tokio::test]
async fn deleted_customers_are_asked_for_wherever_there_is_a_word_for_it() {
    let more =
        "[list.filter]\n\"deleted:include\" = { send = \"query:trashed\", value = \"with\" }";
    let include = Filter {
        deleted: DeletedFilter::Include,
        ..Filter::default()
    };
    for gone in ["", "gone = { path = \"/del\", equals = true }\n"] {
        let more = format!("{gone}{more}");
        assert_eq!(asked(&more, &include).await, ["trashed=with"]);
        assert!(asked(&more, &Filter::default()).await.is_empty());
    }
    assert!(asked("", &include).await.is_empty());
}

/// A list whose times go by these forms.
fn by_time(form: &str) -> String {
    format!(
        "[list.filter]\n\"createdAt:gte\" = {{ send = \"query:a\", {form} }}\n\"createdAt:lt\" = {{ send = \"query:b\", {form} }}"
    )
}

#[tokio::test]
async fn bounds_before_1970_are_moved_outwards_too() {
    let before = created("1969-12-31T23:59:58.5Z", "1969-12-31T23:59:58.5Z");
    for (form, bounds) in [
        ("as = \"epoch_s\"", ["a=-2", "b=-1"]),
        ("as = \"epoch_ms\"", ["a=-1500", "b=-1500"]),
    ] {
        assert_eq!(asked(&by_time(form), &before).await, bounds, "{form}");
    }
    let finer = created("1969-12-31T23:59:59.9995Z", "");
    assert_eq!(asked(&by_time("as = \"epoch_ms\""), &finer).await, ["a=-1"]);
}

/// Who has times without an offset is asked in the same ones.
#[tokio::test]
async fn a_bound_may_be_told_in_the_zone_of_the_crm() {
    let evening = created("2024-01-15T21:30:00Z", "2024-01-15T22:00:00Z");
    for (form, bounds) in [
        (
            "as = \"fmt:%Y-%m-%d %H:%M:%S\", zone = \"+02:00\"",
            ["a=2024-01-15 23:30:00", "b=2024-01-16 00:00:00"],
        ),
        (
            "as = \"fmt:%Y-%m-%d %H:%M\", zone = \"-05:30\"",
            ["a=2024-01-15 16:00", "b=2024-01-15 16:30"],
        ),
        (
            "as = \"date\", zone = \"+02:00\"",
            ["a=2024-01-15", "b=2024-01-16"],
        ),
        ("as = \"date\"", ["a=2024-01-15", "b=2024-01-16"]),
    ] {
        assert_eq!(asked(&by_time(form), &evening).await, bounds, "{form}");
    }
    // Midnight there, and in UTC.
    let days = by_time("as = \"date\", zone = \"+02:00\"");
    for (moment, lt, again) in [
        ("2024-01-15T22:00:00Z", "b=2024-01-16", false),
        ("2024-01-16T00:00:00Z", "b=2024-01-17", true),
    ] {
        let until = created("", moment);
        assert_eq!(asked(&days, &until).await, [lt]);
        let crm = Crm::json(json!({})).await;
        let plan = source(&crm, &listing_with(NONE, &days)).plan(&until, None);
        assert_eq!(plan.unwrap().residual.created_at.is_some(), again);
    }
}

#[tokio::test]
async fn a_filter_that_may_be_checked_again_says_so() {
    let crm = Crm::json(json!({})).await;
    let more = "[list.filter]\n\"tags:in\" = { send = \"query:t\", list = \"csv\" }\n\"tags:all\" = { send = \"query:u\", list = \"csv\" }\n\"createdAt:gte\" = { send = \"query:a\", as = \"date\" }\n\"createdAt:lt\" = \"query:b\"\n\"updatedAt:gte\" = { send = \"query:c\", as = \"epoch_s\" }\n\"email:eq\" = \"query:e\"\n\"search\" = { send = \"query:s\", residual = true }";
    let source = source(&crm, &listing_with(NONE, more));
    for filter in &source.capabilities().filters {
        let again = matches!(
            &*filter.name,
            "tags:in" | "createdAt:gte" | "updatedAt:gte" | "search"
        );
        assert_eq!(filter.rechecked, again, "{}", filter.name);
    }
}

/// Where nothing comes after a bound in the form of the CRM, it is asked without that bound, and the rows are checked again.
#[tokio::test]
async fn a_bound_at_the_end_of_time_leaves_no_row_out() {
    const ZONED: &str = "as = \"fmt:%Y-%m-%dT%H:%M:%S%z\", zone = \"+02:00\"";
    let no_bound: &[&str] = &[];
    for (form, lt, sent) in [
        ("as = \"epoch_s\"", "9999-12-31T23:59:59.999Z", no_bound),
        ("as = \"epoch_ms\"", "9999-12-31T23:59:59.9999Z", no_bound),
        ("as = \"date\"", "9999-12-31T23:59:59Z", no_bound),
        (
            "as = \"rfc3339\", widen = \"2s\"",
            "9999-12-31T23:59:59Z",
            no_bound,
        ),
        (ZONED, "9999-12-31T22:30:00Z", no_bound),
        (
            ZONED,
            "9999-12-31T21:30:00Z",
            &["b=9999-12-31T23:30:00+0200"],
        ),
        (
            "as = \"epoch_s\"",
            "9999-12-31T23:59:59Z",
            &["b=253402300799"],
        ),
        (
            "as = \"rfc3339\"",
            "9999-12-31T23:59:59.5Z",
            &["b=9999-12-31T23:59:59.5Z"],
        ),
    ] {
        let until = Filter {
            created_at: Some(TimeRange {
                gte: None,
                lt: DateTime::read(lt),
            }),
            ..Filter::default()
        };
        assert_eq!(asked(&by_time(form), &until).await, sent, "{form} {lt}");
        let crm = Crm::json(json!({})).await;
        let plan = source(&crm, &listing_with(NONE, &by_time(form))).plan(&until, None);
        let again = plan.unwrap().residual.created_at.is_some();
        assert_eq!(again, sent.is_empty(), "{form} {lt}");
    }
    // A clock of the zone stops before the bound: so do rows that are too early for it.
    let from = Filter {
        created_at: Some(TimeRange {
            gte: DateTime::read("9999-12-31T22:30:00Z"),
            lt: None,
        }),
        ..Filter::default()
    };
    let sent = ["a=9999-12-31T23:59:59+0200"];
    assert_eq!(asked(&by_time(ZONED), &from).await, sent);
    let crm = Crm::json(json!({})).await;
    let plan = source(&crm, &listing_with(NONE, &by_time(ZONED))).plan(&from, None);
    assert!(plan.unwrap().residual.created_at.is_some());
}
