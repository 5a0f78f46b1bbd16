//! What a configuration may say, and what is said about one that is wrong.

mod callers;
mod telemetry;

use super::*;
use crate::document::Problem;
use secrecy::ExposeSecret;
use std::ffi::OsString;

const SOURCE: &str = "[[source]]\nkey = 'a'\nadapter = 'some'\n";

/// Reads a text with a few variables set and two secret files beside it.
fn read(text: &str) -> (Option<Config>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "file-s3cret\r\n").unwrap();
    std::fs::write(folder.path().join("blank"), "\n").unwrap();
    std::fs::write(
        folder.path().join("long"),
        "file-s3cret-of-more-than-32-bytes\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("trusted.json"), "{\"a\": \"{ x }\"}").unwrap();
    let outside = Outside {
        variable: &|name| match name {
            "KEY" => Some(OsString::from("env-s3cret-of-enough-bytes\n")),
            "SHORT" => Some(OsString::from("sh0rt")),
            "BLANK" => Some(OsString::new()),
            _ => None,
        },
        folder: folder.path(),
        files: Default::default(),
    };
    let problems = Problems::new();
    let config = read::config("c.toml", text, &outside, &problems);
    let noted = problems.sorted();
    (config, noted.iter().map(Problem::to_string).collect())
}

#[track_caller]
fn good(text: &str) -> Config {
    let (config, problems) = read(text);
    assert_eq!(problems, Vec::<String>::new());
    config.unwrap()
}

#[track_caller]
fn bad(text: &str, expected: &[&str]) {
    let (_, problems) = read(text);
    assert_eq!(problems, expected, "{text}");
    for secret in ["s3cret", "sh0rt"] {
        assert!(!problems.concat().contains(secret));
    }
}

#[test]
fn a_source_needs_a_key_and_an_adapter_and_the_rest_has_defaults() {
    let config = good(SOURCE);
    assert_eq!(config.server, Server::default());
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.limits, Limits::default());
    assert!(config.cursor_key.is_none());
    let [source] = config.sources.as_slice() else {
        unreachable!("one source is configured")
    };
    assert_eq!(&*source.key, "a");
    assert_eq!(source.adapter, Adapter::BuiltIn("some".to_owned()));
    assert_eq!(source.adapter_at.to_string(), "c.toml:3:1");
    assert_eq!(source.timeouts, Timeouts::default());
    assert_eq!(source.cache, Some(CacheTimes::default()));
    assert_eq!(source.concurrency, 16);
    assert_eq!((source.at.line, source.vars_at.line), (1, 1));
    assert!(source.vars.is_empty());
}

#[test]
fn every_setting_is_read() {
    let config = good(
        "cursor_key = { env = 'KEY' }
        [server]
        listen = '[::1]:9000'
        state_dir = 'state'
        [limits]
        window = 7
        body_bytes = 2048
        [[source]]
        key = 'acme-eu_1'
        adapter = 'adapters/mine.toml'
        vars = { base_url = 'https://crm.example', api_key = { env = 'KEY' }, token = { file = 'secret' } }
        timeouts = { connect = '1s', attempt = '500ms', total = '1m' }
        cache = { ttl = '10s', stale_if_error = '0s', refresh_after_percent = 80 }
        concurrency = 3
        [[source]]
        key = '2'
        adapter = 'mine.toml'
        cache = false
        "
        .replace("connect = '1s'", "connect = '200ms'")
        .as_str(),
    );
    let key = config.cursor_key.as_ref().unwrap().expose_secret();
    assert_eq!(key, "env-s3cret-of-enough-bytes");
    assert_eq!(config.server.listen.to_string(), "[::1]:9000");
    assert!(config.server.state_dir.as_ref().unwrap().is_absolute());
    assert_eq!((config.limits.window, config.limits.body_bytes), (7, 2048));
    let [first, second] = config.sources.as_slice() else {
        unreachable!("two sources are configured")
    };
    assert!(matches!(&first.adapter, Adapter::File(path) if path.is_absolute()));
    assert!(matches!(&second.adapter, Adapter::File(path) if path.ends_with("mine.toml")));
    let var = |name: &str| {
        let var = &first.vars[name];
        (var.value.expose_secret(), var.literal, var.at.line)
    };
    assert_eq!(var("base_url"), ("https://crm.example", true, 11));
    assert_eq!(var("api_key"), ("env-s3cret-of-enough-bytes", false, 11));
    assert_eq!(var("token"), ("file-s3cret", false, 11));
    assert_eq!(first.timeouts.connect, Duration::from_millis(200));
    let cache = first.cache.as_ref().unwrap();
    assert_eq!(cache.ttl, Duration::from_secs(10));
    assert_eq!(cache.stale_if_error, Duration::ZERO);
    assert_eq!(cache.absent_ttl, Duration::from_secs(5));
    assert_eq!(cache.refresh_after_percent, Some(80));
    assert_eq!((first.concurrency, second.cache.is_none()), (3, true));
}

#[test]
fn nothing_that_may_be_secret_prints() {
    let vars = "vars = { a = 'literal-s3cret', b = { env = 'KEY' }, c = { file = 'secret' } }";
    let config = good(&format!("cursor_key = {{ env = 'KEY' }}\n{SOURCE}{vars}"));
    let printed = format!("{config:?}");
    assert!(!printed.contains("s3cret"), "{printed}");
}

#[test]
fn only_loopback_addresses_are_listened_on() {
    for address in [
        "127.0.0.1:0",
        "127.8.8.8:1",
        "[::1]:80",
        "[::ffff:127.0.0.1]:80",
    ] {
        good(&format!("[server]\nlisten = '{address}'\n{SOURCE}"));
    }
    for address in [
        "0.0.0.0:8080",
        "[::]:8080",
        "192.168.0.1:8080",
        "[::ffff:10.0.0.1]:8080",
    ] {
        let refused = format!(
            "c.toml:2:10: `server.listen` is {address}, which others can reach, and without [auth] the gateway does not tell callers apart; \
             write [auth], or listen on a loopback address such as 127.0.0.1:8080 behind a proxy that does"
        );
        bad(
            &format!("[server]\nlisten = '{address}'\n{SOURCE}"),
            &[&refused],
        );
    }
    let refused = "c.toml:2:10: `server.listen` is not an address and a port, such as 127.0.0.1:8080 or [::1]:8080";
    for address in ["localhost:8080", "127.0.0.1", ":8080", ""] {
        bad(
            &format!("[server]\nlisten = '{address}'\n{SOURCE}"),
            &[refused],
        );
    }
}

#[test]
fn a_reference_to_nothing_is_a_problem_at_its_place() {
    let text = format!(
        "{SOURCE}[source.vars]
a = {{ env = 'ABSENT' }}
b = {{ env = 'BLANK' }}
c = {{ file = 'absent' }}
d = {{ file = 'blank' }}
e = {{ env = 'KEY', file = 'secret' }}
f = {{}}
g = {{ evn = 'KEY' }}
h = {{ env = 1 }}
i = 5
"
    );
    let expected = [
        "c.toml:5:13: `source[0].vars.a`: the variable `ABSENT` is not set",
        "c.toml:6:13: `source[0].vars.b`: the variable `BLANK` is empty",
        "c.toml:7:14: `source[0].vars.c`: the file `absent` cannot be read: No such file or directory (os error 2)",
        "c.toml:8:14: `source[0].vars.d`: the file `blank` is empty",
        "c.toml:9:5: `source[0].vars.e` has both `env` and `file`",
        "c.toml:10:5: `source[0].vars.f` needs `env` or `file`",
        "c.toml:11:5: `source[0].vars.g` needs `env` or `file`",
        "c.toml:11:7: unknown key of `source[0].vars.g`: `evn` (did you mean `env`?); accepted: env, file",
        "c.toml:12:13: `source[0].vars.h.env`: expected a string, found an integer",
        "c.toml:13:5: `source[0].vars.i`: expected a string, { env = \"NAME\" }, { file = \"PATH\" } or { header = \"x-NAME\" }, found an integer",
    ];
    bad(&text, &expected);
}

#[test]
fn a_cursor_key_is_never_written_down_and_never_short() {
    let refused = "c.toml:1:14: `cursor_key` is a secret: write { env = \"NAME\" } or { file = \"PATH\" }, not the value";
    bad(
        &format!("cursor_key = 's3cret-of-enough-bytes'\n{SOURCE}"),
        &[refused],
    );
    let refused = "c.toml:1:14: `cursor_key` is shorter than 16 bytes";
    bad(
        &format!("cursor_key = {{ env = 'SHORT' }}\n{SOURCE}"),
        &[refused],
    );
}

#[test]
fn keys_are_unique_and_plain() {
    let refused = "a key is made of a-z, 0-9, `_` and `-`, starts with a letter or digit, and has at most 63 characters";
    for key in ["", "A", "-a", "_a", "a b", "ä", &"a".repeat(64)] {
        let refused = format!("c.toml:2:7: `source[0].key`: {refused}");
        bad(
            &format!("[[source]]\nkey = '{key}'\nadapter = 'x'"),
            &[&refused],
        );
    }
    good(&SOURCE.replace("'a'", &format!("'{}'", "a".repeat(63))));
    let refused = "c.toml:4:1: the key `a` already names the source at line 1";
    bad(&format!("{SOURCE}{SOURCE}"), &[refused]);
    bad(
        "",
        &["c.toml:1:1: there is no [[source]]; a gateway needs one at least"],
    );
}

#[test]
fn every_mistake_is_said_at_once() {
    let text = "lisen = 1
[server]
state_dir = ''
port = 80
[limits]
window = 0
windw = 5
[[source]]
adapter = ''
timeouts = { connect = '10', attempt = '1m' }
cache = { ttl = '0s' }
concurrency = 0
[[source]]
key = 'b'
cache = 1
timeouts = 5
";
    let (config, problems) = read(text);
    let places: Vec<&str> = problems
        .iter()
        .map(|problem| problem.split(": ").next().unwrap())
        .collect();
    let expected = [
        "c.toml:1:1",
        "c.toml:3:13",
        "c.toml:4:1",
        "c.toml:6:10",
        "c.toml:7:1",
        "c.toml:8:1",
        "c.toml:9:11",
        "c.toml:10:12",
        "c.toml:10:24",
        "c.toml:11:17",
        "c.toml:12:15",
        "c.toml:13:1",
        "c.toml:15:9",
        "c.toml:16:12",
    ];
    assert_eq!(places, expected, "{problems:#?}");
    assert_eq!(config.unwrap().sources.len(), 2);
    assert_eq!(
        problems[7],
        "c.toml:10:12: `source[0].timeouts.attempt` is 60s, longer than `total`, which is 20s"
    );
}

#[test]
fn loading_follows_paths_from_the_folder_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("crmql.toml");
    std::fs::write(folder.path().join("secret"), "x").unwrap();
    let vars = "vars = { a = { file = 'secret' } }";
    std::fs::write(
        &file,
        format!("{SOURCE}{vars}").replace("some", "./some.toml"),
    )
    .unwrap();
    let problems = Problems::new();
    let config = load(&file, &problems).unwrap();
    assert!(problems.is_empty(), "{problems}");
    assert_eq!(
        config.sources[0].adapter,
        Adapter::File(folder.path().join("./some.toml"))
    );

    assert!(load(&folder.path().join("absent.toml"), &problems).is_none());
    std::fs::write(&file, [0xff, 0xfe]).unwrap();
    assert!(load(&file, &problems).is_none());
    let expected = [
        "absent.toml: cannot be read: No such file",
        "crmql.toml: cannot be read: stream did not contain valid UTF-8",
    ];
    for (problem, expected) in problems.sorted().iter().zip(expected) {
        assert!(problem.to_string().contains(expected), "{problem}");
    }
}

#[test]
fn a_host_is_a_name_as_it_stands_in_a_request_without_a_port() {
    let refused = "c.toml:2:10: `server.hosts`: a host is a name alone, such as gateway.example.com, without scheme, port \
                   or path; localhost and IP addresses need not be listed";
    for host in [
        "",
        "gw:9551",
        "https://gw.example",
        "gw.example/",
        "*.example",
        "gw.example.",
        ".example",
        "gw..example",
        "[::1]",
        "gw example",
        "m\u{fc}nchen.example",
    ] {
        bad(
            &format!("[server]\nhosts = ['{host}']\n{SOURCE}"),
            &[refused],
        );
    }
    let text = format!("[server]\nhosts = ['gw', 'GW-1.example_a.com', '10.0.0.7']\n{SOURCE}");
    assert_eq!(good(&text).server.hosts.len(), 3);
}

#[test]
fn origins_and_documents_are_what_they_seem() {
    let refused = "c.toml:2:12: `server.origins`: an origin is written as browsers send it, such as https://app.example.com";
    for origin in [
        "*",
        "null",
        "https://a.example/",
        "a.example",
        "https://A.example",
        "https://a.example:443",
    ] {
        bad(
            &format!("[server]\norigins = ['{origin}']\n{SOURCE}"),
            &[refused],
        );
    }
    let text = format!(
        "[server]\norigins = ['https://a.example', 'http://localhost:3000']\nintrospection = false\n{SOURCE}"
    );
    let server = good(&text).server;
    assert_eq!((server.origins.len(), server.introspection), (2, false));

    let config = good(&format!(
        "[documents]\ntrusted = 'trusted.json'\nonly = true\n{SOURCE}"
    ));
    assert_eq!(&*config.documents.trusted["a"], "{ x }");
    assert!(
        config
            .files
            .iter()
            .any(|file| file.ends_with("trusted.json"))
    );
    for (text, expected) in [
        (
            "only = true",
            "c.toml:2:1: `documents.only` needs `documents.trusted`",
        ),
        (
            "trusted = 'secret'",
            "c.toml:2:11: `documents.trusted`: the file `secret` is neither a JSON object of ids and documents nor an Apollo \
             persisted query manifest",
        ),
        (
            "trusted = 'trusted.json'\nonly = true\nautomatic = true",
            "c.toml:4:1: `documents.automatic` lets every document in, and `documents.only` does not",
        ),
    ] {
        bad(&format!("[documents]\n{text}\n{SOURCE}"), &[expected]);
    }
}

#[test]
fn a_time_that_is_not_given_gives_way_to_one_that_is() {
    let text = format!("{SOURCE}timeouts = {{ total = '1s' }}\n");
    let (config, problems) = read(&text);
    assert!(problems.is_empty(), "{problems:?}");
    let timeouts = &config.unwrap().sources[0].timeouts;
    assert_eq!(timeouts.connect, Duration::from_secs(1));
    assert_eq!(timeouts.attempt, Duration::from_secs(1));
}
