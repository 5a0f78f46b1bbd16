//! Which customers a filter holds for, and which it is plain of that it was passed over.

use super::*;
use crate::model::{CustomerTier, Date, LocalId, Owner};
use jiff::civil::date;

fn somebody() -> Customer {
    Customer {
        first_name: Some("Ada".into()),
        last_name: Some("Lovelace".into()),
        email: Some("Ada@Example.com".into()),
        tier: Some(CustomerTier::Gold),
        tags: Some(vec!["vip".into(), "math".into()]),
        birth_date: Some(Date(date(2000, 6, 15))),
        phone: Some(PhoneNumber {
            number: "32 12 34 56".into(),
            country_code: None,
            calling_code: Some("45".into()),
        }),
        owner: Some(Owner {
            id: "o1".into(),
            name: None,
        }),
        created_at: Some(DateTime::at("2024-01-15T10:30:00Z".parse().unwrap())),
        ..Customer::bare(LocalId::new("c1").unwrap())
    }
}

fn holds(filter: &Filter) -> bool {
    filter.matches(&somebody(), date(2024, 6, 14))
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

#[test]
fn every_given_part_must_hold() {
    assert!(holds(&Filter::default()));
    assert!(holds(&Filter {
        email: text("ada@example.COM"),
        owner_id: text("o1"),
        ..Filter::default()
    }));
    assert!(!holds(&Filter {
        email: text("ada@example.com"),
        owner_id: text("o2"),
        ..Filter::default()
    }));
    assert!(holds(&Filter {
        phone: text("+45 32123456"),
        ..Filter::default()
    }));
    assert!(holds(&Filter {
        phone: text("32123456"),
        ..Filter::default()
    }));
    assert!(!holds(&Filter {
        phone: text("no digits"),
        ..Filter::default()
    }));
    assert!(holds(&Filter {
        tier: Some(vec![CustomerTier::Silver, CustomerTier::Gold]),
        ..Filter::default()
    }));
    assert!(!holds(&Filter {
        tier: Some(vec![]),
        ..Filter::default()
    }));
    assert!(holds(&Filter {
        tags: Some(vec!["math".into(), "vip".into()]),
        ..Filter::default()
    }));
    assert!(!holds(&Filter {
        tags: Some(vec!["math".into(), "art".into()]),
        ..Filter::default()
    }));
    assert!(!holds(&Filter {
        parent_id: Some(LocalId::new("p").unwrap()),
        ..Filter::default()
    }));
}

#[test]
fn every_word_of_a_search_must_be_found() {
    assert!(holds(&Filter {
        search: text("love ADA"),
        ..Filter::default()
    }));
    for (search, found) in [
        ("love bob", false),
        (" c1 ", true),
        ("c11", false),
        ("C1 ada", true),
        ("c", true),
        ("1", true),
        ("ädã LOVELÁCE", true),
    ] {
        let filter = Filter {
            search: text(search),
            ..Filter::default()
        };
        assert_eq!(holds(&filter), found, "{search}");
    }
}

#[test]
fn a_search_reads_letters_without_their_accents_and_ids_in_part() {
    let hits = |id: &str, name: &str, search: &str| {
        let customer = Customer {
            name: Some(name.into()),
            ..Customer::bare(LocalId::new(id).unwrap())
        };
        found(&customer, search)
    };
    for (name, search, hit) in [
        ("Hans Müller", "muller", true),
        ("Hans Müller", "hans MULLER", true),
        ("Hans Muller", "müller", true),
        ("Straße Øst Łódź", "strasse ost lodz", true),
        ("Zoe\u{308}", "zoë", true),
        ("각", "가", false),
        ("Hans", "5003", true),
        ("Hans", "500 hans", true),
        ("Hans", "400", false),
    ] {
        assert_eq!(hits("25003", name, search), hit, "{name} {search}");
    }
    assert!(!hits("5bade7", "Hans", "bad"), "hexadecimal, and no word");
    assert!(hits("5bade7", "Hans", "7"));
}

#[test]
fn ages_turn_on_the_birthday_and_times_end_before_their_end() {
    let age = |gte, lte| Filter {
        age: Some(IntRange { gte, lte }),
        ..Filter::default()
    };
    assert!(holds(&age(Some(23), Some(23))), "a day before the birthday");
    assert!(!holds(&age(Some(24), None)));
    let made = |gte: Option<&str>, lt: Option<&str>| Filter {
        created_at: Some(TimeRange {
            gte: gte.map(|at| DateTime::at(at.parse().unwrap())),
            lt: lt.map(|at| DateTime::at(at.parse().unwrap())),
        }),
        ..Filter::default()
    };
    assert!(holds(&made(Some("2024-01-15T10:30:00Z"), None)));
    assert!(!holds(&made(None, Some("2024-01-15T10:30:00Z"))));
    assert!(!holds(&Filter {
        updated_at: made(None, Some("2030-01-01T00:00:00Z")).created_at,
        ..Filter::default()
    }));
}
