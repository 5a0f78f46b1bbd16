//! Operators that a file owes, and keys that would do nothing.

use super::problems_with;

/// What is changed, into what, and what is said then; nothing where it is right.
const CASES: &[(&str, &str, &str)] = &[
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
        TIER,
        "compose = { into = \"body:/q\", each = [\"$field\", \"$op\", \"$value\"], ops = { eq = \"=\" } }\n[list.filter]\n\"search\" = { field = \"m\", each = [\"$field\", \"~\", \"$value\"] }\n\"deleted:only\" = { field = \"d\", value = true }\n",
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
];

const TIER: &str = "[list.filter]\n\"tier:in\" = { send = \"query:tier\", enum = \"tier\" }\n";
const NAME: &str = "name = \"/name\"\n";

#[test]
fn what_is_owed_and_what_is_idle_is_said() {
    for (from, to, words) in CASES.iter().copied() {
        let said = problems_with(from, to);
        assert_eq!(said.is_empty(), words.is_empty(), "{to}: {said}");
        assert!(said.contains(words), "{to}: {said}");
    }
}
