//! Parts of a file that do not fit together, or name what is not there.

use super::{GOOD, NAME, problems_with, read};
use crate::document::Problems;

/// What is changed, into what, and what is said then; nothing where it is right.
const CASES: &[(&str, &str, &str)] = &[
    (
        "[list.filter]\n",
        "compose = { into = \"query:q\", each = \"{field}={val}\" }\n[list.filter]\n",
        "14:38: `{val}` is not known here; accepted: {field}, {op}, {value}",
    ),
    (
        "[list.filter]\n",
        "compose = { into = \"query:q\", each = \"{field}\" }\n[list.filter]\n",
        "`{value}` is missing",
    ),
    (
        "[list.filter]\n",
        "compose = { into = \"query:q\", each = \"{value}\", template = \"{sort}\" }\n[list.filter]\n",
        "`{filter}` is missing; accepted: {filter}, {sort}",
    ),
    (
        "[list.filter]\n",
        "compose = { into = \"body:/q\", each = [\"$field\", \"value\"] }\n[list.filter]\n",
        "`each` holds no value: \"$value\" or \"$values\" is missing",
    ),
    (
        "request = \"GET /people\"\nitems   = \"/data\"\npage    = { kind = \"offset\", offset = \"query:o\", size = \"query:n\" }\n[list.filter]\n",
        "request = \"POST /people\"\nitems   = \"/data\"\npage    = { kind = \"offset\", offset = \"query:o\", size = \"query:n\" }\ncompose = { into = \"body:/q\", each = [\"$field\", \"$value\"] }\n[list.filter]\n",
        "",
    ),
    (
        "size = \"query:n\"",
        "size = \"query:n\", size_format = \"{size}\"",
        "`{size}` is not known here; accepted: {n}",
    ),
    (
        "size = \"query:n\"",
        "size = \"query:n\", aligned = true, size_hint = true",
        "`size_hint` goes neither with `page` nor with `aligned`",
    ),
    (
        "size = \"query:n\"",
        "size = \"query:n\", aligned = true, size_echo = \"/n\"",
        "`size_echo` goes neither with `page` nor with `aligned`",
    ),
    (
        "kind = \"offset\", offset = \"query:o\"",
        "kind = \"token\", send = \"query:o\", next = \"/n\", end = [\"none\"]",
        "accepted: absent, null, \"\", 0, -1, false",
    ),
    (
        "\"tier:in\" = { send = \"query:tier\"",
        "\"tier:in\" = { field = \"tier\"",
        "`list[0].filter.\"tier:in\"` names a `field`, and its list has no `compose`",
    ),
    (
        "[[list]]",
        "ok = { path = \"/error\", absent = true, equals = 1 }\n[[list]]",
        "at most one of `equals`, `unless` and `absent = true` is possible",
    ),
    (
        "[[list]]",
        "ok = [{ path = \"/error\", absent = true }, 1]\n[[list]]",
        "expected a table or a list of tables, found",
    ),
    (
        "[[list]]",
        "ok = { path = \"/no\", unless = [true], absent = true }\n[[list]]",
        "at most one of `equals`, `unless` and `absent = true` is possible",
    ),
    (
        "[[list]]",
        "ok = { absent = true }\n[[list]]",
        "`path` goes together with `equals`, `unless` or `absent = true`",
    ),
    (
        "GET /people/{id}\"",
        "GET /person\"\nquery = { id = \"{id}\" }",
        "",
    ),
    ("id   = { r = \"/id\" }\n", "", "every record needs an id"),
    (
        "format = 1",
        "format = 2",
        "format 2 is not known; this version reads format 1",
    ),
    (
        "base = \"{base_url}\"",
        "base = \"{url}\"",
        "`{url}` is no var; there are: base_url, key",
    ),
    (
        "token = \"{key}\"",
        "token = \"{kee}\"",
        "`{kee}` is no var",
    ),
    (
        "GET /people\"",
        "GET /people/{key}\"",
        "a secret cannot stand in a path",
    ),
    (
        "GET /people\"",
        "GET /people/{what}\"",
        "`{what}` is no var",
    ),
    (
        "\"query:o\"",
        "\"path:o\"",
        "`path:o`: the request's path has no hole `{o}`",
    ),
    (
        "GET /people/{id}",
        "GET /people",
        "`get.request` names no customer",
    ),
    (
        "PUT /people/{id}",
        "PUT /people",
        "`update.request` names no customer",
    ),
    (
        "DELETE /people/{id}",
        "DELETE /people",
        "`delete.request` names no customer",
    ),
    ("POST /people", "POST /people/{id}", "cannot know the id"),
    (
        "enum = \"tier\" }\n[list.sort]",
        "enum = \"tiers\" }\n[list.sort]",
        "there is no word list `enums.tiers`; there are: tier",
    ),
    (
        "name = \"/name\"",
        "name = { r = \"/n\", w = \"/n\", enum = \"tier\" }",
        "`fields.name` is no enum",
    ),
    (
        "enum = \"tier\" }\n[native]",
        "w_enum = \"tears\" }\n[native]",
        "there is no word list `enums.tears`",
    ),
    (
        "tier = { r = \"/tier\", w = \"/tier\", enum = \"tier\" }",
        "tier = { r = \"/t\", present = [\"GOLD\", \"TIN\"] }",
        "`TIN` is not known; accepted",
    ),
    (
        "send = \"query:tier\"",
        "field = \"tier\"",
        "its list has no `compose`",
    ),
    (
        "requires = [\"name\"",
        "requires = [\"email\"",
        "`email` is required for a create",
    ),
    (
        "\"native.vip\"",
        "\"native.vap\"",
        "`native.vap` is required for a create",
    ),
    (
        "request = \"GET /people/{id}\"\nitem    = \"/data\"",
        "via = \"list\"",
        "needs a list with the filter `id:in`",
    ),
    (
        "unique = \"id\"",
        "unique = \"createdAt\"",
        "`unique` and `default` must be among",
    ),
    (
        "request = \"GET /people\"\nitems   = \"/data\"\npage    = { kind = \"offset\", offset = \"query:o\",",
        "request = \"POST /people\"\nitems   = \"/data\"\npage    = { kind = \"link\", next = \"/next\",",
        "only a list that is asked for by GET can be read along links",
    ),
    ("size = \"query:n\"", "max = 10", "as both `min` and `max`"),
    (
        "kind = \"offset\", offset = \"query:o\"",
        "kind = \"page\", size_hint = true, page = \"query:o\"",
        "`size_hint` goes neither with `page` nor with `aligned`",
    ),
    (
        "key      = { secret = true }",
        "key = { secret = true, default = \"x\" }",
        "a secret has no default",
    ),
    (
        "key      = { secret = true }",
        "key = { secret = true }\nid = {}",
        "`id` is the customer's id",
    ),
    (
        "name = \"/name\"",
        "createdAt = { w = \"/x\" }\nname = \"/name\"",
        "`createdAt` cannot be written",
    ),
    (
        "PUT /people/{id}\"",
        "PUT /people/{id}\"\nput = { \"/by\" = \"{who}\" }",
        "`{who}` is no var",
    ),
    (
        "[list.filter]",
        "compose = { into = \"query:q\", each = \"{value}\", template = \"{filter}{sort}\" }\n[list.filter]",
        "",
    ),
    (
        "returns  = { item = \"/data\" }",
        "returns  = { then = \"get\" }",
        "`create.returns.then = \"get\"` needs `id`",
    ),
    (
        "returns  = { item = \"/data\" }",
        "returns  = { id = \"/id\", then = \"get\" }",
        "",
    ),
    (
        "kind = \"offset\", offset = \"query:o\"",
        "kind = \"token\", send = \"query:o\", next = \"/n\", end = [-1, 0, false, \"\", \"null\"]",
        "",
    ),
    (
        "kind = \"offset\", offset = \"query:o\"",
        "kind = \"token\", send = \"query:o\", next = \"/n\", end = -1",
        "",
    ),
    (
        "kind = \"offset\", offset = \"query:o\"",
        "kind = \"token\", send = \"query:o\", next = \"/n\", end = [7]",
        "accepted: absent, null, \"\", 0, -1, false",
    ),
    (
        NAME,
        "name = \"/name\"\ntags = { r = \"/tags\", w = \"/tags\", each = \"/label\" }\n",
        "",
    ),
    (
        NAME,
        "name = \"/name\"\ntags = { r = \"/tags\", w = \"/labels\", each = \"/label\" }\n",
        "",
    ),
    (
        NAME,
        "name = \"/name\"\ntags = { r = \"/tags\", w = \"/tags/0/label\", each = \"/label\" }\n",
        "all texts would be written into one element",
    ),
    (
        NAME,
        "name = \"/name\"\ntags = { r = \"/tags\", w = \"/tags\", each = \"/label\", shape = { label = \"$\" } }\n",
        "all texts would be written into one element",
    ),
    (
        NAME,
        "name = \"/name\"\ntags = { r = \"/tags\", w = \"/tags\", each = \"/label\", shape = [{ label = \"$\" }] }\n",
        "all texts would be written into one element",
    ),
    ("GET /people\"", "FETCH /people\"", "is no request"),
    ("GET /people\"", "GET /../people\"", "is no request"),
    (
        "GOLD = \"gold\"",
        "GOLD = \"gold\"\nSILVER = \"gold\"",
        "a word of the CRM that another word has too",
    ),
    (
        "[list.filter]",
        "gone = { path = \"/d\" }\n[list.filter]",
        "exactly one of `equals` and `present = true`",
    ),
    (
        "[update]",
        "ok = { path = \"/ok\" }\n[update]",
        "`path` goes together with `equals`, `unless` or `absent = true`",
    ),
];

#[test]
fn what_does_not_fit_is_said_where_it_stands() {
    let text = GOOD.to_owned()
        + "\n[enums.status]\nACTIVE = \"on\"\nIDEL = \"off\"\n[[list]]\nrequest = \"GET /found/{where}\"\nitems = \"/data\"\n\
           page = { kind = \"none\" }\n[list.filter]\n\"status:in\" = { send = \"query:status\", enum = \"statos\" }\n";
    let text = text.replace(
        "[fields]\n",
        "[fields]\nstatus = { r = \"/status\", enum = \"status\" }\n",
    );
    let problems = Problems::new();
    assert!(read("a.toml", &text, &problems).is_none());
    let said: Vec<_> = problems.sorted().iter().map(ToString::to_string).collect();
    let line = |words: &str| 1 + text.lines().position(|line| line.contains(words)).unwrap();
    for (place, words) in [
        (
            format!("a.toml:{}:1: ", line("IDEL")),
            "`enums.status`: `IDEL`",
        ),
        (
            format!("a.toml:{}:1: ", line("GET /found")),
            "`{where}` is no var",
        ),
        (
            format!("a.toml:{}:40: ", line("statos")),
            "no word list `enums.statos`",
        ),
    ] {
        let found = said
            .iter()
            .any(|said| said.starts_with(&place) && said.contains(words));
        assert!(found, "{place}{words}\n{said:#?}");
    }
    assert_eq!(said.len(), 3, "{said:#?}");
}

#[test]
fn what_does_not_fit_together_is_said() {
    for (from, to, words) in CASES.iter().copied() {
        let said = problems_with(from, to);
        assert_eq!(said.is_empty(), words.is_empty(), "{to}: {said}");
        assert!(said.contains(words), "{to}: {said}");
    }
    let pair = GOOD
        .replace("style = \"signed\"\nto    = \"query:sort\"", "style = \"pair\"\nfield = \"query:a\"\ndirection = \"query:b\"")
        .replace("[list.filter]", "compose = { into = \"query:q\", each = \"{value}\", template = \"{filter}{sort}\" }\n[list.filter]");
    let problems = Problems::new();
    assert!(read("a.toml", &pair, &problems).is_none());
    assert!(
        problems
            .to_string()
            .contains("must be `signed` or `suffix`"),
        "{problems}"
    );
}
