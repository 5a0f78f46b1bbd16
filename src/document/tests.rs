//! What is read, what is refused, and where.

use super::*;
use std::time::Duration;

/// Reads `text` with `read` and compares what was noted.
#[track_caller]
fn check(text: &str, read: impl FnOnce(&mut Table<'_>), expected: &[&str]) {
    let problems = Problems::new();
    if let Some(document) = Document::parse("f.toml", text, &problems) {
        let mut root = document.root();
        read(&mut root);
        root.finish();
    }
    let noted: Vec<String> = problems.sorted().iter().map(Problem::to_string).collect();
    assert_eq!(noted, expected, "{text}");
}

#[test]
fn reads_every_kind_of_value() {
    let text = "s = 'x'\nn = 0x10\nf = 1.5\nb = true\nt = 2026-01-02\nl = [1, 'a']\nd = '2m'\nw = 'two'\n[o]\nk = 1\n";
    let read = |root: &mut Table<'_>| {
        assert_eq!(root.string("s").unwrap().value, "x");
        assert_eq!(root.integer("n", 1..=16_u8), Some(16));
        assert!(matches!(root.value("f"), Some(Value::Float(f, _)) if f == 1.5));
        assert_eq!(root.bool("b"), Some(true));
        assert!(matches!(root.value("t"), Some(Value::Moment(t)) if t.value == "2026-01-02"));
        assert!(matches!(root.value("l"), Some(Value::List(items, _)) if items.len() == 2));
        let range = Duration::ZERO..=Duration::from_secs(600);
        assert_eq!(root.duration("d", range), Some(Duration::from_secs(120)));
        assert_eq!(root.word("w", &[("one", 1), ("two", 2)]), Some(2));
        let mut inner = root.table("o").unwrap();
        assert_eq!(inner.integer("k", 0..=9_u64), Some(1));
        inner.finish();
        assert!(root.string("absent").is_none() && !root.has("absent") && root.has("s"));
        assert!(root.strings("absent").is_empty() && root.tables("absent").is_empty());
    };
    check(text, read, &[]);
}

#[test]
fn notes_every_wrong_value_and_goes_on() {
    let text = "s = 1\nn = 'x'\nm = 17\nb = 'true'\nd = '5 s'\ne = '1h'\nw = 'twp'\nt = 1\nl = ['a', 2]\nx = [{}, 3]\n";
    let read = |root: &mut Table<'_>| {
        let seconds = Duration::from_millis(500)..=Duration::from_secs(60);
        root.required_string("s");
        root.integer("n", 0..=9);
        root.integer("m", 1..=16_u32);
        root.bool("b");
        root.duration("d", seconds.clone());
        root.duration("e", seconds);
        root.word("w", &[("one", 1), ("two", 2)]);
        root.table("t");
        assert_eq!(root.strings("l").len(), 1);
        assert_eq!(root.tables("x").len(), 1);
        root.required_string("absent");
    };
    let expected = [
        "f.toml:1:1: `absent` is missing",
        "f.toml:1:5: `s`: expected a string, found an integer",
        "f.toml:2:5: `n`: expected an integer, found a string",
        "f.toml:3:5: `m` is 17; accepted: 1 to 16",
        "f.toml:4:5: `b`: expected true or false, found a string",
        "f.toml:5:5: `d` is not a duration; write a whole number and its unit: 250ms, 10s, 5m, 1h, 1d",
        "f.toml:6:5: `e` is 1h; accepted: 500ms to 1m",
        "f.toml:7:5: unknown word: `twp` (did you mean `two`?); accepted: one, two",
        "f.toml:8:5: `t`: expected a table, found an integer",
        "f.toml:9:11: `l`: expected a list of strings, found an integer",
        "f.toml:10:10: `x`: expected a list of tables, found an integer",
    ];
    check(text, read, &expected);
}

#[test]
fn refuses_keys_nobody_took() {
    let read = |root: &mut Table<'_>| {
        root.strings("zebra");
        for mut list in root.tables("list") {
            list.string("request");
            list.table("a b").unwrap().finish();
            list.finish();
        }
    };
    let text = "other = 1\nzebra = []\n[[list]]\nreqest = 1\n'a b' = { ö = 1 }\n";
    let expected = [
        "f.toml:1:1: unknown key: `other`; accepted: zebra, list",
        "f.toml:4:1: unknown key of `list[0]`: `reqest` (did you mean `request`?); accepted: request, a b",
        "f.toml:5:11: unknown key of `list[0].\"a b\"`: `ö`; none is accepted here",
    ];
    check(text.replace("ö", "\"ö\"").as_str(), read, &expected);
}

#[test]
fn tells_paths_and_places_inside_lists_and_inline_tables() {
    let text = "[[list]]\n[[list]]\nfilter = { age = 1 }\nitems = [{ a = 1 },\n  { b = 2 }]\n";
    let read = |root: &mut Table<'_>| {
        let mut second = root.tables("list").pop().unwrap();
        assert_eq!((second.path(), second.place().line), ("list[1]", 2));
        let mut filter = second.table("filter").unwrap();
        assert_eq!(filter.path(), "list[1].filter");
        assert_eq!(filter.place().to_string(), "f.toml:3:10");
        assert_eq!(filter.place_of("age").to_string(), "f.toml:3:12");
        assert_eq!(filter.place_of("absent"), *filter.place());
        assert_eq!(filter.path_of("é"), "list[1].filter.\"é\"");
        filter.entries();
        filter.finish();
        let items = second.tables("items");
        let paths: Vec<&str> = items.iter().map(Table::path).collect();
        assert_eq!(paths, ["list[1].items[0]", "list[1].items[1]"]);
        assert_eq!(items[1].place().to_string(), "f.toml:5:3");
    };
    check(text, read, &[]);
}

#[test]
fn gives_the_remaining_keys_in_the_order_of_the_file() {
    let read = |root: &mut Table<'_>| {
        root.string("b");
        let keys = root.entries().into_iter().map(|entry| entry.key.value);
        assert_eq!(keys.collect::<Vec<_>>(), ["z", "a", "m"]);
    };
    check("z = 1\nb = 'x'\na = { x = 1 }\n[m]\n", read, &[]);
}

#[test]
fn counts_columns_in_characters_and_lines_in_either_ending() {
    let read = |root: &mut Table<'_>| {
        let inner = root.tables("ü").pop();
        inner.unwrap().string("é");
    };
    let text = "\u{feff}# größe\r\n\"ü\" = [{ \"é\" = 5 }]\r\nx = 1\r\n";
    let expected = [
        "f.toml:2:16: `\"ü\"[0].\"é\"`: expected a string, found an integer",
        "f.toml:3:1: unknown key: `x`; accepted: ü",
    ];
    check(text, read, &expected);
    check(
        "\u{feff}x = 1",
        |_| {},
        &["f.toml:1:1: unknown key: `x`; none is accepted here"],
    );
}

#[test]
fn reads_on_after_a_key_given_twice() {
    let read = |root: &mut Table<'_>| {
        root.integer("a", 5..=9);
        root.table("t").unwrap().entries();
    };
    let expected = [
        "f.toml:1:5: `a` is 1; accepted: 5 to 9",
        "f.toml:2:1: `a` is given twice",
        "f.toml:4:2: `t` is given twice",
    ];
    check("a = 1\na = 2\n[t]\n[t]\n", read, &expected);
}

#[test]
fn notes_every_line_whose_syntax_is_wrong_without_its_value() {
    let text = "a = hunter2\nb = 1__0\n[c\nd = [1,\n";
    let read = |_: &mut Table<'_>| unreachable!("nothing is read from broken syntax");
    let expected = [
        "f.toml:1:5: string values must be quoted, expected literal string",
        "f.toml:2:6: `_` may only go between digits",
        "f.toml:3:3: unclosed table, expected `]`",
        "f.toml:4:8: unclosed array, expected `]`",
    ];
    check(text, read, &expected);
}

#[test]
fn refuses_numbers_too_large_to_hold() {
    let read = |root: &mut Table<'_>| assert!(root.integer("a", 0..=9).is_none());
    let text = "a = 99999999999999999999\n";
    check(text, read, &["f.toml:1:5: the integer is too large"]);
    let read = |root: &mut Table<'_>| assert!(root.integer("a", 0..=9_u8).is_none());
    check("a = -1", read, &["f.toml:1:5: `a` is -1; accepted: 0 to 9"]);
}

#[test]
fn keeps_a_bounded_number_of_problems_and_each_once() {
    let problems = Problems::new();
    for line in (1..=150).rev().chain(1..=3) {
        let at = Place {
            line,
            column: 1,
            ..Place::file("f")
        };
        problems.note(&at, "wrong");
    }
    assert_eq!(problems.sorted().len(), Problems::MOST);
    assert!(
        problems.to_string().ends_with("and 53 more\n"),
        "{problems}"
    );
    assert_eq!(problems.sorted()[0].at.line, 51);
    let problem = Problem {
        at: Place::file("f"),
        message: "no".to_owned(),
    };
    assert_eq!(problem.to_string(), "f: no");
}

#[test]
fn reads_and_writes_durations() {
    for (text, milliseconds) in [
        ("0s", 0),
        ("250ms", 250),
        ("10s", 10_000),
        ("2m", 120_000),
        ("1h", 3_600_000),
    ] {
        let duration = Duration::from_millis(milliseconds);
        assert_eq!(parse_duration(text), Some(duration));
        assert_eq!(value::show_duration(duration), text);
    }
    assert_eq!(parse_duration("2d"), parse_duration("48h"));
    for text in [
        "",
        "10",
        "s",
        "1.5s",
        "-1s",
        "1 s",
        "1S",
        "1w",
        "99999999999999999999s",
        "9999999999999999h",
        "١s",
    ] {
        assert_eq!(parse_duration(text), None, "{text}");
    }
}
