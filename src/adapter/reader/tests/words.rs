//! Operators that a file owes, and keys that would do nothing.

use super::{GOOD, NAME, TIER, UPDATE, problems_of, problems_with};

/// What is changed, into what, and what is said then; nothing where it is right.
const CASES: &[(&str, &str, &str)] = &[
    (
        PAGE,
        "kind = \"token\", send = \"query:t\", next = \"/next\", past_end = { status = [400] },",
        "`past_end` does nothing here: along tokens, links and keys no page lies past the end",
    ),
    (
        PAGE,
        "kind = \"offset\", offset = \"query:o\", past_end = { status = [400] },",
        "",
    ),
    (
        PAGE,
        "kind = \"link\", next = \"/next\", hosts = [\"Acme.example.com:8443\", \"m\u{fc}ller.example\"],",
        "",
    ),
    (
        PAGE,
        "kind = \"link\", next = \"/next\", hosts = [\"https://acme.example.com\"],",
        "`https://acme.example.com` is no host",
    ),
    (
        PAGE,
        "kind = \"link\", next = \"/next\", hosts = [\"acme.example.com/v1\"],",
        "`acme.example.com/v1` is no host",
    ),
    (
        PAGE,
        "kind = \"token\", send = \"query:t\", next = \"/next\", as = \"date\",",
        "unknown word: `date`; accepted: int",
    ),
    (
        TIER,
        "compose = { into = \"query:q\", each = \"{field}{op}{value}\", ops = { eq = \"=\" } }\n[list.filter]\n\"email:eq\" = { field = \"m\" }\n\"createdAt:gte\" = { field = \"c\" }\n",
        "the filter `createdAt:gte` is sent with an operator, and `list[0].compose.ops` has no `gte`",
    ),
    (
        TIER,
        "compose = { into = \"query:q\", each = \"{field}={value}\" }\n[list.filter]\n\"search\" = { field = \"m\" }\n\"createdAt:gte\" = { field = \"c\" }\n",
        "",
    ),
    (
        TIER,
        "compose = { into = \"body:/q\", each = [\"$field\", \"$op\", \"$value\"], ops = { eq = \"=\" } }\n[list.filter]\n\"search\" = { field = \"m\" }\n",
        "has no `search`",
    ),
    (
        "request = \"GET /people\"\nitems   = \"/data\"\npage    = { kind = \"offset\", offset = \"query:o\", size = \"query:n\" }\n[list.filter]\n\"tier:in\" = { send = \"query:tier\", enum = \"tier\" }\n",
        "request = \"POST /people\"\nitems   = \"/data\"\npage    = { kind = \"offset\", offset = \"query:o\", size = \"query:n\" }\ncompose = { into = \"body:/q\", each = [\"$field\", \"$op\", \"$value\"], ops = { eq = \"=\" } }\n[list.filter]\n\"search\" = { field = \"m\", each = [\"$field\", \"~\", \"$value\"] }\n\"deleted:only\" = { field = \"d\", value = true }\n",
        "",
    ),
    (
        TIER,
        "compose = { into = \"query:q\", each = \"{field}{op}{value}\", or = \"|\", ops = { in = \"IN\" } }\n[list.filter]\n\"id:in\" = { field = \"m\" }\n",
        "has no `eq`",
    ),
    (
        TIER,
        "compose = { into = \"query:q\", each = \"{field}{op}{value}\", each_in = \"in({value})\" }\n[list.filter]\n\"id:in\" = { field = \"m\" }\n",
        "",
    ),
    (
        TIER,
        "compose = { into = \"query:q\", each = \"{value}\" }\n[list.filter]\n\"search\" = { field = \"m\", each = { v = \"$value\" } }\n",
        "`each` of the filter `search` must be of the kind that `compose.each` is",
    ),
    (
        TIER,
        "compose = { into = \"query:q\", each = \"{value}\" }\n[list.filter]\n\"search\" = { field = \"m\", each = \"has({field})\" }\n",
        "`{value}` is missing",
    ),
    (
        TIER,
        "compose = { into = \"body:/q\", each = { v = \"$value\" }, join = \"&\" }\n[list.filter]\n\"search\" = { field = \"m\" }\n",
        "`join` does nothing here: `each` is no text",
    ),
    (
        TIER,
        "compose = { into = \"query:q\", each = \"{value}\" }\n[list.filter]\n\"id:in\" = { field = \"m\", list = \"json\" }\n",
        "`list` does nothing here, beside `field`",
    ),
    (
        TIER,
        "[list.filter]\n\"search\" = { send = \"query:q\", quote = \"none\" }\n",
        "`quote` does nothing here, beside `send`",
    ),
    (
        TIER,
        "compose = { into = \"query:q\", each = \"{field}={value}\", ops = { gte = \">\" } }\n[list.filter]\n\"createdAt:gte\" = { field = \"c\" }\n",
        "`ops` does nothing here: no condition holds `{op}`",
    ),
    (
        TIER,
        "compose = { into = \"query:q\", each = \"{field}={value}\", join = \"&\" }\n[list.filter]\n\"createdAt:gte\" = { field = \"c\" }\n\"createdAt:lt\" = { field = \"c\" }\n",
        "the filters `createdAt:gte` and `createdAt:lt` would be sent alike",
    ),
    (
        TIER,
        "compose = { into = \"query:q\", each = \"{field}={value}\", join = \"&\" }\n[list.filter]\n\"createdAt:gte\" = { field = \"from\" }\n\"createdAt:lt\" = { field = \"to\" }\n",
        "",
    ),
    (
        TIER,
        "[list.filter]\n\"owner:eq\" = { send = \"query:o\", each = [\"$x\"] }\n",
        "`each` does not hold the value",
    ),
    (
        TIER,
        "headers = { Content-Length = \"3\" }\n[list.filter]\n",
        "`Content-Length` belongs to the exchange itself",
    ),
    (
        NAME,
        "name = { r = \"/n\", w = \"/n\", join = \" \" }\n",
        "`join` does nothing here",
    ),
    (
        NAME,
        "name = { r = [\"/n\", \"/m\"], w = \"/n\", join = \" \" }\n",
        "",
    ),
    (
        NAME,
        "name = \"/n\"\ntags = { r = [\"/n\", \"/m\"], join = \" \" }\n",
        "`join` does nothing here",
    ),
    (
        NAME,
        "name = { r = \"/n\", w = \"/n\", split = \",\" }\n",
        "`split` does nothing here",
    ),
    (
        NAME,
        "name = \"/n\"\ntags = { r = \"/n\", split = \"\" }\n",
        "`split` is empty",
    ),
    (
        NAME,
        "name = \"/n\"\nemail = { r = \"/n\", shape = [\"$\"] }\n",
        "`shape` does nothing here: the field has no `w`",
    ),
    (
        NAME,
        "name = { r = \"/n\", w = \"/n\", shape = \"/x($)\" }\n",
        "`shape` does not hold the value",
    ),
    (
        NAME,
        "name = { r = \"/n\", w = \"/n\", shape = \"/x({value})\" }\n",
        "",
    ),
    (
        NAME,
        "name = \"/n\"\nunsubscribed = { r = \"/n\", enum = \"tier\" }\n",
        "`GOLD` is not known; accepted: TRUE, FALSE",
    ),
    (
        NAME,
        "name = \"/n\"\nfirstName = { r = \"/p/n\", w = \"/n\", type = \"name_first\", on = [\"update\"] }\n",
        "a part of a name would be written over the whole",
    ),
    (
        NAME,
        "name = \"/name\"\nfirstName = { r = \"/whole\", w = \"/first\", type = \"name_first\" }\n",
        "",
    ),
    (
        NAME,
        "name = \"/n\"\nstatus = { r = \"/archived\", w = \"/archived\", present = [\"ARCHIVED\", \"ACTIVE\"] }\n",
        "a word would be written where `present` only asks whether there is a value",
    ),
    (
        NAME,
        "name = \"/n\"\nstatus = { r = \"/at\", w = \"/status\", present = [\"ARCHIVED\", \"ACTIVE\"] }\n",
        "",
    ),
    (
        NAME,
        "name = \"/n\"\nunsubscribed = { r = \"/u\", w = \"/u\", type = \"float\" }\n",
        "a boolean is written as `bool`, `string` or `int`",
    ),
    (
        NAME,
        "name = { r = \"/n\", w = \"/n\", as = \"epoch_s\" }\n",
        "`as` does nothing here",
    ),
    (
        NAME,
        "name = \"/n\"\ncreatedAt = { r = \"/c\", as = \"rfc3339\", zone = \"+02:00\" }\n",
        "`zone` goes with `as = \"fmt:…\"`",
    ),
    (
        NAME,
        "name = \"/n\"\ncreatedAt = { r = \"/c\", zone = \"+02:00\" }\n",
        "`zone` goes with `as = \"fmt:…\"`",
    ),
    (
        NAME,
        "name = \"/n\"\ncreatedAt = { r = \"/c\", as = \"fmt:%Y-%m-%d %K\" }\n",
        "`%Y-%m-%d %K` is no pattern",
    ),
    (
        NAME,
        "name = \"/n\"\ncreatedAt = { r = \"/c\", as = \"fmt:%H:%M\" }\n",
        "`%H:%M` tells no day",
    ),
    (
        NAME,
        "name = \"/n\"\ncreatedAt = { r = \"/c\", as = \"fmt:%d.%m.%Y %H:%M:%S%.f\", zone = \"-03:00\" }\n",
        "",
    ),
    (
        TIER,
        "[list.filter]\n\"createdAt:gte\" = { send = \"query:c\", as = \"fmt:%Y-%m-%d %Q!%K\" }\n",
        "is no pattern",
    ),
    (
        TIER,
        "[list.filter]\n\"createdAt:gte\" = { send = \"query:c\", zone = \"+02:00\" }\n",
        "`zone` goes with",
    ),
    (
        TIER,
        "[list.filter]\n\"createdAt:gte\" = { send = \"query:c\", as = \"date\", zone = \"+02:00\" }\n",
        "",
    ),
    ("GOLD = \"gold\"", "GOLD = [\"gold\", \"gold_plus\"]", ""),
    (
        SORT,
        "style = \"suffix\"\nto    = \"query:sort\"\nasc = \"+\"\ndesc = \"+\"\n",
        "`asc` and `desc` are one word",
    ),
    (
        SORT,
        "style = \"pair\"\nfield = \"query:s\"\ndirection = \"query:d\"\nasc = 1\ndesc = \"1\"\n",
        "`asc` and `desc` are one word",
    ),
    (
        SORT,
        "style = \"suffix\"\nto    = \"query:sort\"\nasc = \"\"\ndesc = \"-\"\n",
        "",
    ),
    (
        "request = \"GET /people\"\n",
        "request = \"GET /people\"\nput = { \"/q\" = 1 }\n",
        "`list[0].put.\"/q\"` goes to a body, and a GET has none",
    ),
    (
        TIER,
        "[list.filter]\n\"email:eq\" = \"body:/email\"\n",
        "`list[0].filter.\"email:eq\"` goes to a body, and a GET has none",
    ),
    (
        TIER,
        "[list.filter]\n\"email:eq\" = { send = \"query:e\", value = \"x\" }\n",
        "`value` of the filter `email:eq` stands for whatever is asked for",
    ),
    (
        TIER,
        "[list.filter]\n\"email:eq\" = { send = \"query:e\", value = \"x\", residual = true }\n\"deleted:only\" = { send = \"query:d\", value = true }\n",
        "",
    ),
    (
        "\"GET /people\"",
        "\"DELETE /people\"",
        "a list is asked for by GET or POST",
    ),
    (
        "\"GET /people/{id}\"",
        "\"PUT /people/{id}\"",
        "one customer is asked for by GET or POST",
    ),
    (
        "\"POST /people\"",
        "\"GET /people\"",
        "nothing is written by GET",
    ),
    (
        "size = \"query:n\"",
        "size = \"query:n\", total = \"last:/n\"",
        "`last:` is for a token's `next` and a key",
    ),
    (
        "[enums.tier]\n",
        "[errors]\ncodes = { X = \"invalid\" }\n[enums.tier]\n",
        "`codes` does nothing here",
    ),
    (
        "request = \"PUT /people/{id}\"\n",
        "request = \"PUT /people/{id}\"\ncodes = { X = \"not_found\" }\n",
        "`update.codes` does nothing: `errors.code` says where a code stands",
    ),
    (
        "request = \"PUT /people/{id}\"\n",
        "request = \"PUT /people/{id}\"\nstatus = { 404 = \"gone\" }\n",
        "`gone`",
    ),
    (
        "[[list]]",
        "limits = { remaining = [\"header:X-A\", \"header:X-B\"] }\n[[list]]",
        "`http.limits.remaining`: expected a string, found a list",
    ),
    (
        "[[list]]",
        "limits = { limit = [\"header:X-A\"] }\n[[list]]",
        "`http.limits.limit`: expected a string, found a list",
    ),
    (
        "[[list]]",
        "ok = [{ status = [200] }, { path = \"/e\", absent = true, status = [202] }]\n[[list]]",
        "`status` stands in another table of `ok` too",
    ),
    (
        "[[list]]",
        "ok = [{ status = [200, 202] }, { path = \"/e\", absent = true }]\n[[list]]",
        "",
    ),
    (
        "size = \"query:n\"",
        "size = \"query:n\", min = 200",
        "`min` is larger than 100, which is the largest page where no `max` is given",
    ),
    (
        "size = \"query:n\"",
        "size = \"query:n\", min = 20, max = 10",
        "`min` is larger than `max`",
    ),
    (UPDATE, "[update]\nmode = \"replace\"\n", ""),
];

const PAGE: &str = "kind = \"offset\", offset = \"query:o\",";
const SORT: &str = "style = \"signed\"\nto    = \"query:sort\"\n";

/// What has no value is left out where a way to sign in or a header of `headers_if` needs it; nothing else can be.
#[test]
fn a_var_that_may_be_missing_stands_only_where_it_may_be() {
    let with = |from: &str, to: &str| {
        problems_of(&GOOD.replacen(from, to, 1).replacen(
            "[vars]\n",
            "[vars]\nopt = { optional = true }\nset = { optional = true, default = \"1\" }\n",
            1,
        ))
    };
    let refused = "`{opt}` may have no value";
    let query = "request = \"GET /people\"\nquery = { v = \"{opt}\" }";
    for (from, to) in [
        ("request = \"GET /people\"", query),
        ("\"GET /people\"", "\"GET /{opt}/people\""),
        ("[http]", "[http]\nheaders = { A = \"{opt}\" }"),
        ("[http]", "[http]\nquery = { a = \"{opt}\" }"),
        ("[create]", "[create]\nput = { \"/a\" = \"x {opt}\" }"),
        ("\"{base_url}\"", "\"{opt}\""),
    ] {
        let said = with(from, to);
        assert!(said.contains(refused), "{to}: {said}");
        let said = with(from, &to.replace("{opt}", "{set}"));
        assert_eq!(said, "", "{to}");
    }
    let said = with("[http]", "[http]\nheaders_if = { A = \"{opt}\" }");
    assert_eq!(said, "");
}

#[test]
fn what_is_owed_and_what_is_idle_is_said() {
    for (from, to, words) in CASES.iter().copied() {
        let said = problems_with(from, to);
        assert_eq!(said.is_empty(), words.is_empty(), "{to}: {said}");
        assert!(said.contains(words), "{to}: {said}");
    }
}
