//! Every mistake in an adapter file is said with its place, all at once; no file makes the reader panic.

mod clash;
mod filters;
mod replaced;
mod unfit;
mod words;

use super::read;
use crate::adapter::{built_in_file, built_in_names};
use crate::document::Problems;
use proptest::prelude::*;

const GOOD: &str = r#"format = 1
id     = "acme"
name   = "Acme"
[vars]
base_url = {}
key      = { secret = true }
[http]
base = "{base_url}"
auth = { kind = "bearer", token = "{key}" }
[[list]]
request = "GET /people"
items   = "/data"
page    = { kind = "offset", offset = "query:o", size = "query:n" }
[list.filter]
"tier:in" = { send = "query:tier", enum = "tier" }
[list.sort]
style = "signed"
to    = "query:sort"
by    = { id = "id", name = "full_name" }
unique = "id"
[get]
request = "GET /people/{id}"
item    = "/data"
[create]
request  = "POST /people"
requires = ["name", "native.vip"]
returns  = { item = "/data" }
[update]
request = "PUT /people/{id}"
[delete]
request = "DELETE /people/{id}"
[fields]
id   = { r = "/id" }
name = "/name"
tier = { r = "/tier", w = "/tier", enum = "tier" }
[native]
vip = { w = "/vip", type = "bool" }
[enums.tier]
GOLD = "gold"
"#;

/// Parts of it, which tests put others in the place of.
const UPDATE: &str = "[update]\n";
const TIER: &str = "[list.filter]\n\"tier:in\" = { send = \"query:tier\", enum = \"tier\" }\n";
const NAME: &str = "name = \"/name\"\n";

/// The problems of the good file with one thing changed.
fn problems_with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    problems_of(&GOOD.replacen(from, to, 1))
}

fn problems_of(text: &str) -> String {
    let problems = Problems::new();
    let read = read("a.toml", text, &problems);
    assert_eq!(read.is_none(), !problems.is_empty());
    problems.to_string()
}

#[test]
fn a_304_means_one_thing() {
    let base = "[http]";
    let both = |words: &str, list: &str| {
        let problems = Problems::new();
        let good = GOOD.replacen(base, &format!("[http]\n{words}"), 1);
        let text = good.replacen("[[list]]", &format!("[[list]]\n{list}"), 1);
        drop(read("a.toml", &text, &problems));
        problems.to_string()
    };
    let words = "reuse = { validators = [\"etag\", \"last_modified\"], cache_control = true }";
    assert_eq!(both(words, ""), "");
    let empty = "missing_items = \"empty\"\nok = { status = [200, 304] }";
    assert!(
        both(words, empty).contains("a 304 says that nothing has changed"),
        "{}",
        both(words, empty)
    );
    assert_eq!(both("reuse = { cache_control = true }", empty), "");
    let wrong = both("reuse = { validators = [\"md5\"], max_age = 3 }", "");
    assert!(
        wrong.contains("`md5`") && wrong.contains("etag, last_modified"),
        "{wrong}"
    );
    assert!(wrong.contains("max_age"), "{wrong}");
}

#[test]
fn a_good_file_has_no_problems() {
    assert_eq!(problems_with("Acme", "Acme"), "");
}

#[test]
fn five_mistakes_are_five_problems_each_at_its_place() {
    let text = GOOD
        .replace("kind = \"offset\"", "kind = \"ofset\"")
        .replace("send = \"query:tier\"", "send = \"cookie:tier\"")
        .replace("by    = {", "bye   = 1\nby    = {")
        .replace("GOLD = \"gold\"", "GLOD = \"gold\"")
        .replace("item    = \"/data\"", "item    = 7");
    let problems = Problems::new();
    assert!(read("a.toml", &text, &problems).is_none());
    let said: Vec<_> = problems.sorted().iter().map(ToString::to_string).collect();
    let wanted = [
        (
            "a.toml:13:20: ",
            "`ofset` (did you mean `offset`?); accepted: page, offset, token, link, keyset, none",
        ),
        (
            "a.toml:15:22: ",
            "`cookie:tier` is no destination; accepted: query:name",
        ),
        ("a.toml:19:1: ", "unknown key of `list[0].sort`: `bye`"),
        (
            "a.toml:24:11: ",
            "`get.item`: expected a string, found an integer",
        ),
        (
            "a.toml:40:1: ",
            "`GLOD` is not known; accepted: STANDARD, BRONZE",
        ),
    ];
    for (place, words) in wanted {
        assert!(
            said.iter()
                .any(|said| said.starts_with(place) && said.contains(words)),
            "{place}{words}\n{said:#?}"
        );
    }
    assert_eq!(said.len(), wanted.len(), "{said:#?}");
}

/// Values of every kind that TOML has.
const VALUES: &[&str] = &[
    "1",
    "-1",
    "99999999999",
    "1.5",
    "nan",
    "true",
    "\"\"",
    "\"x\"",
    "\"/a/{b=\"",
    "\"{\"",
    "\"query:\"",
    "[]",
    "[1, \"a\"]",
    "[[1]]",
    "{}",
    "{ a = 1 }",
    "[{ a = [] }]",
    "1979-05-27T07:32:00Z",
    "\"header:X~(\"",
    "\"GET \"",
    "\"fmt:%\"",
    "\"\\u0000\"",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_file_makes_the_reader_panic(file in 0_usize..7, edits in prop::collection::vec((any::<prop::sample::Index>(), 0..VALUES.len(), 0..4_u8), 1..6)) {
        let names = built_in_names();
        let text = built_in_file(&format!("{}.toml", names[file % names.len()])).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (at, value, how) in edits {
            let at = at.index(lines.len());
            let line = lines[at].clone();
            lines[at] = match (how, line.split_once('=')) {
                (0, Some((key, _))) => format!("{key}= {}", VALUES[value]),
                (1, _) => String::new(),
                (2, Some((_, rest))) => format!("unheard_of = {rest}"),
                (3, _) => line.chars().rev().collect(),
                _ => line,
            };
        }
        let problems = Problems::new();
        let read = read("a.toml", &lines.join("\n"), &problems);
        prop_assert_eq!(read.is_none(), !problems.is_empty());
    }
}
