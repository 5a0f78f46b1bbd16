//! Picking leaves out of a text, held against a parser that reads all of it, and against texts that are no JSON.

use super::*;
use proptest::prelude::*;
use proptest::sample::Index;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::borrow::Cow;

struct Seen<'de>(Picker, Vec<(Vec<Leaf<'de>>, Element)>);

impl<'de> Rows<'de> for Seen<'de> {
    fn begin(&mut self) {
        self.1.clear();
    }

    fn picker(&self) -> &Picker {
        &self.0
    }

    fn row(&mut self, leaves: &mut [Leaf<'de>], element: Element) {
        self.1.push((leaves.to_vec(), element));
    }
}

fn path(text: &str) -> JsonPath {
    JsonPath::parse(text).unwrap()
}

fn text(text: &str) -> Leaf<'_> {
    Leaf::Text(Cow::Borrowed(text))
}

#[test]
fn one_pass_fills_envelope_and_rows() {
    let mut row = Picker::default();
    let (id, first, primary) = (
        row.add(&path("/_id")),
        row.add(&path("/profile/first")),
        row.add(&path("/mails/{p=true}/v")),
    );
    let mut whole = Picker::default();
    let total = whole.add(&path("/page/total"));
    whole.rows_at(&path("/data"));
    let body = br#"{"data":[{"_id":7,"profile":{"first":"Zo\u00eb","x":[1]},"mails":[{"p":false,"v":"a"},{"p":true,"v":"b"}]},null,[1]],"page":{"total":"150"}}"#;
    let mut seen = Seen(row, Vec::new());
    let picked = whole.pick(body, &mut seen).unwrap();
    assert_eq!(picked.leaves[total], text("150"));
    assert_eq!(picked.rows, RowsSeen::Array);
    assert_eq!(seen.1.len(), 3, "a row that is no object takes its place");
    let (leaves, element) = &seen.1[0];
    assert_eq!(*element, Element::Object);
    assert_eq!(
        (&leaves[id], &leaves[first], &leaves[primary]),
        (&Leaf::Int(7), &text("Zoë"), &text("b"))
    );
    assert_eq!((seen.1[1].1, seen.1[2].1), (Element::Null, Element::Other));
}

#[test]
fn a_row_may_be_picked_whole() {
    let body = br#"{"data":[{"id":7,"x":[1]},{},null,3]}"#;
    for by_hand in [true, false] {
        let mut row = Picker::firm();
        let (id, whole_row) = (row.add(&path("/id")), row.add(&path("")));
        let mut whole = Picker::default();
        whole.rows_at(&path("/data"));
        let mut seen = Seen(row, Vec::new());
        let text = std::str::from_utf8(body).unwrap();
        match by_hand {
            true => drop(whole.pick(body, &mut seen).unwrap()),
            false => drop(whole.walk(text, &mut seen, false).unwrap()),
        }
        let elements: Vec<_> = seen.1.iter().map(|(_, element)| *element).collect();
        let (object, null, other) = (Element::Object, Element::Null, Element::Other);
        assert_eq!(elements, [object, object, null, other]);
        assert_eq!(seen.1[0].0[id], Leaf::Int(7));
        assert_eq!(
            seen.1[0].0[whole_row].to_value(),
            json!({ "id": 7, "x": [1] })
        );
        assert_eq!(seen.1[1].0[whole_row].to_value(), json!({}));
        assert_eq!(seen.1[2].0[whole_row], Leaf::Absent);
    }
}

#[test]
fn a_place_may_be_a_value_and_hold_others() {
    let mut picker = Picker::default();
    let (whole, code) = (
        picker.add(&path("/error")),
        picker.add(&path("/error/code")),
    );
    let pick = |body: &'static [u8]| picker.pick(body, &mut NoRows::new()).unwrap().leaves;
    let leaves = pick(br#"{"error":"gone"}"#);
    assert_eq!(
        (&leaves[whole], &leaves[code]),
        (&text("gone"), &Leaf::Absent)
    );
    let leaves = pick(br#"{"error":{"code":"X"}}"#);
    assert_eq!(
        (&leaves[whole], &leaves[code]),
        (&Leaf::Tree(Box::new(json!({"code": "X"}))), &text("X"))
    );
}

#[test]
fn a_value_that_is_kept_whole_hides_no_rows() {
    for (items, kept, body, value) in [
        (
            "",
            "/0/count",
            r#"[{"id":1,"count":23},{"id":2}]"#,
            json!(23),
        ),
        ("/d", "/d/0/n", r#"{"d":[{"n":7},{"n":8}]}"#, json!(7)),
        ("/d", "/d", r#"{"d":[1,2]}"#, json!([1, 2])),
        ("/r/d", "/r", r#"{"r":{"d":[1,2]}}"#, json!({ "d": [1, 2] })),
        (
            "/r/d",
            "/r/{a=b}",
            r#"{"r":{"d":["\u0078",2]}}"#,
            json!(null),
        ),
        (
            "/r/d",
            "",
            r#"{"r":{"d":[{},{}]}}"#,
            json!({ "r": { "d": [{}, {}] } }),
        ),
    ] {
        for rows_first in [true, false] {
            let mut whole = Picker::default();
            if rows_first {
                whole.rows_at(&path(items));
            }
            let slot = whole.add(&path(kept));
            if !rows_first {
                whole.rows_at(&path(items));
            }
            let mut seen = Seen(Picker::default(), Vec::new());
            let picked = whole.pick(body.as_bytes(), &mut seen).unwrap();
            assert_eq!((picked.rows, seen.1.len()), (RowsSeen::Array, 2), "{body}");
            assert_eq!(picked.leaves[slot].to_value(), value, "{body}");
        }
    }
}

#[test]
fn rows_may_stand_below_an_element() {
    for (items, body) in [
        ("/0/rows", r#"[{"rows":[{},{}]},{"rows":[{}]}]"#),
        ("/a/1", r#"{"a":[[{}],[{},{}]]}"#),
        ("/0/rows", r#"{"0":{"rows":[{},{}]}}"#),
        ("/1/1/d", r#"[[],[7,{"\u0064":[{},{}]}]]"#),
    ] {
        let mut whole = Picker::default();
        whole.rows_at(&path(items));
        let mut seen = Seen(Picker::default(), Vec::new());
        let picked = whole.pick(body.as_bytes(), &mut seen).unwrap();
        assert_eq!((picked.rows, seen.1.len()), (RowsSeen::Array, 2), "{body}");
    }
}

#[test]
fn a_plain_value_where_the_path_leads_on_is_told_from_a_place_that_is_not_there() {
    for (body, inner) in [
        (r#"{"a":5000}"#, Leaf::Misplaced),
        (r#"{"a":-1.5}"#, Leaf::Misplaced),
        (r#"{"a":true}"#, Leaf::Misplaced),
        (r#"{"a":"x"}"#, Leaf::Misplaced),
        (r#"{"a":"\u0078"}"#, Leaf::Misplaced),
        (r#"{"a":{"b":7}}"#, Leaf::Int(7)),
        (r#"{"a":{}}"#, Leaf::Absent),
        (r#"{"a":""}"#, Leaf::Absent),
        (r#"{"a":false}"#, Leaf::Absent),
        (r#"{"a":null}"#, Leaf::Absent),
        (r#"{"a":[]}"#, Leaf::Absent),
        ("{}", Leaf::Absent),
    ] {
        let mut firm = Picker::firm();
        let slot = firm.add(&path("/a/b"));
        let picked = firm.pick(body.as_bytes(), &mut NoRows::new()).unwrap();
        assert_eq!(picked.leaves[slot], inner, "{body}");
        let walked = firm.walk(body, &mut NoRows::new(), false).unwrap();
        assert_eq!(walked.leaves[slot], inner, "{body}");
        let mut loose = Picker::default();
        let slot = loose.add(&path("/a/b"));
        let picked = loose.pick(body.as_bytes(), &mut NoRows::new()).unwrap();
        assert_ne!(picked.leaves[slot], Leaf::Misplaced, "{body}");
    }
}

#[test]
fn a_plain_value_that_is_kept_itself_has_no_place_below_it() {
    for (body, inner, element) in [
        (r#"{"a":"x"}"#, Leaf::Misplaced, Leaf::Misplaced),
        (r#"{"a":7}"#, Leaf::Misplaced, Leaf::Misplaced),
        (r#"{"a":{"b":"x"}}"#, text("x"), Leaf::Absent),
        (r#"{"a":[{"c":1}]}"#, Leaf::Absent, Leaf::Int(1)),
        (r#"{"a":""}"#, Leaf::Absent, Leaf::Absent),
        (r#"{"a":null}"#, Leaf::Absent, Leaf::Absent),
        ("{}", Leaf::Absent, Leaf::Absent),
    ] {
        for whole in [true, false] {
            let mut firm = Picker::firm();
            if whole {
                firm.add(&path("/a"));
            }
            let (below, first) = (firm.add(&path("/a/b")), firm.add(&path("/a/0/c")));
            let picked = firm.pick(body.as_bytes(), &mut NoRows::new()).unwrap();
            let leaves = [&picked.leaves[below], &picked.leaves[first]];
            assert_eq!(leaves, [&inner, &element], "{body} {whole}");
            let walked = firm.walk(body, &mut NoRows::new(), false).unwrap();
            assert_eq!(walked.leaves, picked.leaves, "{body} {whole}");
        }
    }
}

#[test]
fn rows_at_the_root_absent_and_null() {
    let mut root = Picker::default();
    root.rows_at(&path(""));
    let mut seen = Seen(Picker::default(), Vec::new());
    assert_eq!(
        root.pick(b"[{},{}]", &mut seen).unwrap().rows,
        RowsSeen::Array
    );
    assert_eq!(seen.1.len(), 2);
    let mut below = Picker::default();
    below.rows_at(&path("/a/b"));
    let rows = |body: &'static [u8]| below.pick(body, &mut NoRows::new()).unwrap().rows;
    assert_eq!(rows(b"{}"), RowsSeen::Absent);
    assert_eq!(rows(br#"{"a":{"b":null}}"#), RowsSeen::Null);
    assert_eq!(rows(br#"{"a":{"b":"x"}}"#), RowsSeen::Other);
    assert!(below.pick(b"<html>", &mut NoRows::new()).is_err());
    assert!(below.pick(b"{} trailing", &mut NoRows::new()).is_err());
}

/// What a reader of whole trees makes of a text.
fn of_tree(text: &[u8], at: &JsonPath) -> Option<Leaf<'static>> {
    let tree: Value = serde_json::from_slice(text).ok()?;
    Some(match at.find(&tree) {
        Some(value) => Leaf::of(value),
        None => Leaf::Absent,
    })
}

fn picked<'de>(text: &'de [u8], at: &JsonPath) -> Option<Leaf<'de>> {
    let mut picker = Picker::default();
    let slot = picker.add(at);
    let mut leaves = picker.pick(text, &mut NoRows::new()).ok()?.leaves;
    Some(std::mem::take(&mut leaves[slot]))
}

#[test]
fn odd_texts_are_read_as_by_a_reader_of_trees() {
    let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    for text in [
        r#"{"a":-0}"#,
        r#"{"a":0}"#,
        r#"{"a":01}"#,
        r#"{"a":-}"#,
        r#"{"a":1.}"#,
        r#"{"a":.5}"#,
        r#"{"a":1e5}"#,
        r#"{"a":1E+05}"#,
        r#"{"a":1e}"#,
        r#"{"a":18446744073709551615}"#,
        r#"{"a":-9223372036854775808}"#,
        r#"{"a":18446744073709551616}"#,
        r#"{"a":tru}"#,
        r#"{"a":nullx}"#,
        r#"{"a":"x","a":null}"#,
        r#"{"a":1,}"#,
        r#"{"a" 1}"#,
        r#"{a:1}"#,
        r#"{"\u0061":"escaped"}"#,
        r#"{"a":"\/\b\f\n\r\t\"\\"}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\u12g4"}"#,
        r#"{"a":"\ud83d\ude00"}"#,
        r#"{"b":[1,{"c":"\u0000"},[]],"a":{}}"#,
        "{\"a\":\"tab\there\"}",
        "{\"a\":\"\u{7f}\u{80}é😀\"}",
        "\u{feff}{}",
        " \t\r\n{ \"a\" : [ ] } ",
        "{} {}",
        "",
        "[",
        "\"",
        "{\"a\":\"unended",
    ] {
        let at = path("/a");
        assert_eq!(
            picked(text.as_bytes(), &at),
            of_tree(text.as_bytes(), &at),
            "{text}"
        );
    }
    // What is not wanted may be as deep as it likes; what is wanted may not.
    let text = |name: &str| format!("{{\"{name}\":{}}}", deep(100_000));
    assert_eq!(
        picked(text("b").as_bytes(), &path("/a")),
        Some(Leaf::Absent)
    );
    let unread = |reason| Some(Leaf::Unread(reason));
    assert_eq!(
        picked(text("a").as_bytes(), &path("/a")),
        unread("it nests deeper than 127 levels")
    );
    assert_eq!(
        picked(br#"{"a":1e999}"#, &path("/a")),
        unread("it holds a number that is too large")
    );
    assert_eq!(picked(b"{\"a\":\"\xff\"}", &path("/a")), None);
}

#[test]
fn what_stands_where_something_else_is_looked_for_is_judged_alike_both_ways() {
    let nested = |levels: usize| {
        format!(
            "{{\"a\":{{\"b\":{}}}}}",
            "[".repeat(levels) + &"]".repeat(levels)
        )
    };
    for text in [
        "{\"a\":1e999}",
        "{\"a\":-1}",
        "1e999",
        "{\"x\":1e999}",
        &nested(63),
        &nested(125),
        &nested(126),
    ] {
        for at in ["/a/b", "/a/b/c", "/x/y"] {
            let mut picker = Picker::default();
            picker.add(&path(at));
            let way = picker
                .walk(text, &mut NoRows::new(), false)
                .or_else(|_| picker.walk(text, &mut NoRows::new(), true))
                .ok()
                .map(|picked| picked.leaves);
            let either = picker.pick(text.as_bytes(), &mut NoRows::new()).ok();
            assert_eq!(either.map(|picked| picked.leaves), way, "{at} of {text}");
        }
    }
}

/// Any JSON, not too deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // Whole eighths: a reader of trees is off by the last bit of others.
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let name = prop_oneof![Just("a".to_owned()), Just("b".to_owned()), any::<String>()];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Puts a byte in another's place, or between two, or takes one away.
fn change_one(text: &mut Vec<u8>, change: Option<(Index, u8, u8)>) {
    let Some((index, byte, how)) = change else {
        return;
    };
    let at = index.index(text.len());
    match how {
        0 => text[at] = byte,
        1 => text.insert(at, byte),
        _ => drop(text.remove(at)),
    }
}

proptest! {
    #[test]
    fn any_text_is_read_as_by_a_reader_of_trees(
        tree in any_json(),
        change in proptest::option::of((any::<Index>(), any::<u8>(), 0..3_u8)),
        pretty in any::<bool>(),
    ) {
        let text = if pretty { serde_json::to_vec_pretty(&tree) } else { serde_json::to_vec(&tree) };
        let mut text = text.unwrap();
        change_one(&mut text, change);
        for at in ["/a", "/a/b", "", "/b/0"] {
            let at = path(at);
            let (picked, read) = (picked(&text, &at), of_tree(&text, &at));
            // A number beyond all bounds: a reader of trees minds those, too, that nobody wants.
            let unbounded = read.is_none() && serde_json::from_slice::<IgnoredAny>(&text).is_ok();
            if !unbounded {
                prop_assert_eq!(picked, read);
            }
        }
    }

    #[test]
    fn both_ways_through_an_answer_pick_the_same(
        rows in any_json(),
        beside in any_json(),
        change in proptest::option::of((any::<Index>(), any::<u8>(), 0..3_u8)),
        pretty in any::<bool>(),
    ) {
        let tree = json!({"a": beside, "data": {"rows": [rows, {"a": rows, "b": beside}, null]}});
        let text = if pretty { serde_json::to_vec_pretty(&tree) } else { serde_json::to_vec(&tree) };
        let mut text = text.unwrap();
        change_one(&mut text, change);
        let mut row = Picker::default();
        for at in ["/a", "/a/b", "/b/0", "/b"] {
            row.add(&path(at));
        }
        let mut whole = Picker::default();
        whole.add(&path("/a/a"));
        whole.rows_at(&path("/data/rows"));
        if let Ok(text) = std::str::from_utf8(&text) {
            let (mut by_hand, mut walked) = (Seen(row.clone(), Vec::new()), Seen(row, Vec::new()));
            if let Some(picked) = scan::pick(&whole, text, &mut by_hand) {
                let other = whole.walk(text, &mut walked, false).unwrap();
                prop_assert_eq!(picked.leaves, other.leaves);
                prop_assert_eq!(picked.rows, other.rows);
                prop_assert_eq!(by_hand.1, walked.1);
            } else {
                let ordinary = change.is_none() && !tree.to_string().contains('\\');
                prop_assert!(!ordinary, "an ordinary answer took the long way");
            }
        }
    }
}
