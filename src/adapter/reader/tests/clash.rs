//! Two parts of a file that would fill one place.

use crate::adapter::read;
use crate::document::Problems;

/// The problems of a file with this list.
fn problems(http: &str, list: &str) -> String {
    let text = format!(
        "format = 1\nid = \"a\"\nname = \"A\"\n[http]\nbase = \"http://a\"\n{http}\n[[list]]\nrequest = \"POST /c?v=1\"\nitems = \"/data\"\n{list}\n[fields]\nid = \"/id\"\n"
    );
    let problems = Problems::new();
    drop(read("a.toml", &text, &problems));
    problems.to_string()
}

const PAGE: &str = "page = { kind = \"token\", send = \"body:/page/at\", send_prev = \"body:/page/at\", next = \"/n\", size = \"body:/page/n\" }";
const ARRAY: &str = "compose = { into = \"body:/f\", each = { v = \"$value\" } }";

/// A list of parts, and what is said of it; nothing where it is right.
const CASES: &[(&str, &str)] = &[
    ("put = { \"/f\" = [] }\n{array}", ""),
    ("put = { \"/g\" = 1, \"/h\" = 2 }\n{array}", ""),
    (
        "put = { \"/f/0\" = { a = 1 } }\n{array}",
        "`list[0].put.\"/f/0\"` and `list[0].compose`",
    ),
    (
        "put = { \"/f\" = { a = 1 } }\n{array}",
        "`list[0].put.\"/f\"` and `list[0].compose`",
    ),
    (
        "put = { \"/a\" = { b = 1 }, \"/a/c\" = 2 }",
        "`list[0].put.\"/a\"` and `list[0].put.\"/a/c\"`",
    ),
    (
        "put = { \"/q\" = \"x\" }\nfilter = { search = \"body:/q\" }",
        "`list[0].put.\"/q\"` and `list[0].filter.search`",
    ),
    (
        "query = { q = \"x\" }\nfilter = { search = \"query:q\" }",
        "`list[0].query.q` and `list[0].filter.search`",
    ),
    (
        "filter = { search = \"query:v\" }",
        "`list[0].request` and `list[0].filter.search`",
    ),
    (
        "query = { \"t[]\" = \"x\" }\nfilter = { \"tags:all\" = { send = \"query:t\", list = \"brackets\" } }",
        "`list[0].query.\"t[]\"` and `list[0].filter.\"tags:all\"`",
    ),
    (
        "put = { \"/page/n\" = 5 }",
        "`list[0].put.\"/page/n\"` and `list[0].page.size`",
    ),
    (
        "{array}\nfilter = { search = \"body:/f/0/q\" }",
        "`list[0].filter.search` and `list[0].compose`",
    ),
    (
        "filter = { search = \"body:/page\" }",
        "`list[0].filter.search` and `list[0].page.send`",
    ),
    (
        "sort = { style = \"pair\", field = \"query:s\", direction = \"query:s\", by = { id = \"i\" } }",
        "`list[0].sort.field` and `list[0].sort.direction`",
    ),
    (
        "sort = { style = \"keyed\", to = \"query:o[{field}]\", by = { id = \"i\", name = \"n\" } }\nfilter = { search = \"query:o[n]\" }",
        "`list[0].filter.search` and `list[0].sort.to`",
    ),
    (
        "sort = { style = \"keyed\", to = \"body:/order/{field}\", by = { id = \"i\", name = \"i\" } }",
        "",
    ),
    (
        "compose = { into = \"query:q\", each = \"{value}\", template = \"{filter}{sort}\" }\nsort = { style = \"signed\", to = \"query:q\", by = { id = \"i\" } }",
        "",
    ),
    (
        "filter = { \"tier:eq\" = \"query:t\", \"tier:in\" = \"query:t\" }",
        "",
    ),
    (
        "headers = { Prefer = \"x\" }\nfilter = { search = \"header:prefer\" }",
        "`list[0].headers` and `list[0].filter.search`",
    ),
    (
        "filter = { search = \"form:q\" }",
        "`list[0].filter.search` goes to a form, and the request has none",
    ),
    (
        "body = \"form\"\nfilter = { search = \"form:a[b]\" }\nput = { \"/a/b\" = 1 }",
        "`list[0].put.\"/a/b\"` and `list[0].filter.search`",
    ),
];

#[test]
fn no_part_of_a_file_takes_the_place_of_another() {
    for (list, words) in CASES.iter().copied() {
        let list = list.replace("{array}", ARRAY);
        let said = problems("", &format!("{PAGE}\n{list}"));
        assert_eq!(said.is_empty(), words.is_empty(), "{list}: {said}");
        assert!(said.contains(words), "{list}: {said}");
    }
}

#[test]
fn what_all_requests_carry_takes_no_place_either() {
    let list = format!("{PAGE}\nfilter = {{ search = \"query:k\" }}");
    let both = |key: &str| format!("`{key}` and `list[0].filter.search`");
    let said = problems("query = { k = \"1\" }", &list);
    assert!(said.contains(&both("http.query.k")), "{said}");
    let two = "auth = [{ kind = \"query\", name = \"a\", value = \"x\" }, { kind = \"query\", name = \"a\", value = \"y\" }]";
    assert_eq!(problems(two, &list), "");
    let auth = "auth = { kind = \"query\", name = \"k\", value = \"x\" }";
    assert!(problems(auth, &list).contains(&both("http.auth")));
    let overridden = format!("{PAGE}\nheaders = {{ Accept = \"b\" }}");
    assert_eq!(problems("headers = { Accept = \"a\" }", &overridden), "");
}

#[test]
fn the_header_of_a_credential_is_its_own() {
    let oauth = "token_url = \"http://a/t\", client_id = \"i\", client_secret = \"s\"";
    for (auth, name) in [
        ("kind = \"bearer\", token = \"t\"", "Authorization"),
        ("kind = \"basic\", user = \"u\"", "authorization"),
        (
            "kind = \"header\", name = \"X-Key\", value = \"v\"",
            "x-key",
        ),
        (
            &format!("kind = \"oauth2_client\", {oauth}"),
            "Authorization",
        ),
        (
            &format!("kind = \"oauth2_refresh\", {oauth}, refresh_token = \"r\""),
            "Authorization",
        ),
    ] {
        let auth = format!("auth = {{ {auth} }}");
        assert_eq!(problems(&auth, PAGE), "");
        for (http, list, words) in [
            (
                format!("headers = {{ {name} = \"a\" }}"),
                String::new(),
                "`http.auth` and `http.headers`",
            ),
            (
                format!("headers_if = {{ {name} = \"a\" }}"),
                String::new(),
                "`http.auth` and `http.headers_if`",
            ),
            (
                String::new(),
                format!("headers = {{ {name} = \"a\" }}"),
                "`http.auth` and `list[0].headers`",
            ),
            (
                String::new(),
                format!("filter = {{ search = \"header:{name}\" }}"),
                "`http.auth` and `list[0].filter.search`",
            ),
        ] {
            let said = problems(&format!("{auth}\n{http}"), &format!("{PAGE}\n{list}"));
            assert!(said.contains(words), "{auth} {http} {list}: {said}");
        }
    }
}

#[test]
fn the_ids_of_a_batch_have_a_place_of_their_own() {
    let many = |put: &str| {
        format!(
            "{PAGE}\n[get_many]\nrequest = \"POST /m\"\nitems = \"\"\nmax = 2\nids = {{ send = \"body:/in/ids\" }}\nput = {{ {put} }}"
        )
    };
    assert_eq!(problems("", &many("\"/in/all\" = 1")), "");
    let said = problems("", &many("\"/in\" = {}"));
    assert!(
        said.contains("`get_many.put.\"/in\"` and `get_many.ids`"),
        "{said}"
    );
}

/// Parts of a file beside its fields, the fields, and what is said of them; nothing where it is right.
const WRITES: &[(&str, &str, &str)] = &[
    (
        "",
        "firstName = \"/n\"\nname = \"/n\"",
        "`fields.firstName` and `fields.name` fill one place",
    ),
    (
        "",
        "name = \"/n\"\nlastName = \"/n/last\"",
        "`fields.lastName` and `fields.name`",
    ),
    (
        "put = { \"/n\" = \"x\" }",
        "name = \"/n\"",
        "`create.put.\"/n\"` and `fields.name`",
    ),
    (
        "wrap = \"/in\"\nput = { \"/in\" = {} }",
        "name = \"/n\"",
        "`create.put.\"/in\"` and `fields.name`",
    ),
    ("wrap = \"/in\"\nput = { \"/n\" = 1 }", "name = \"/n\"", ""),
    (
        "",
        "name = \"/n\"\n[native]\nx = { w = \"/n\" }",
        "`fields.name` and `native.x`",
    ),
    (
        "",
        "name = { w = \"/n\", on = [\"create\"] }\nfirstName = { w = \"/n\", on = [\"update\"] }",
        "",
    ),
    (
        "",
        "email = { w = \"/m/{t=a}/v\" }\nphone = { w = \"/m/{t=b}/v\" }\nname = { r = \"/m/0/v\" }",
        "",
    ),
    (
        "query = { v = \"1\" }",
        "name = \"/n\"",
        "`create.request` and `create.query.v`",
    ),
    (
        "idempotency_header = \"Once\"\nheaders = { once = \"1\" }",
        "name = \"/n\"",
        "`create.headers` and `create.idempotency_header`",
    ),
    (
        "idempotency_header = \"Once\"\nheaders = { twice = \"1\" }",
        "name = \"/n\"",
        "",
    ),
];

#[test]
fn no_field_of_a_write_takes_the_place_of_another() {
    for (create, fields, words) in WRITES.iter().copied() {
        let text = format!(
            "format = 1\nid = \"a\"\nname = \"A\"\n[http]\nbase = \"http://a\"\n[get]\nrequest = \"GET /c/{{id}}\"\nitem = \"\"\n[create]\nrequest = \"POST /c?v=1\"\n{create}\n[update]\nrequest = \"PATCH /c/{{id}}\"\n[fields]\nid = \"/id\"\n{fields}\n"
        );
        let problems = Problems::new();
        drop(read("a.toml", &text, &problems));
        let said = problems.to_string();
        assert_eq!(
            said.is_empty(),
            words.is_empty(),
            "{create}{fields}: {said}"
        );
        assert!(said.contains(words), "{create}{fields}: {said}");
        assert!(problems.count() < 2, "{create}{fields}: {said}");
    }
}
