//! The command as people run it: what it prints where, and its exit codes.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn crmql(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crmql"));
    command
        .current_dir(folder)
        .args(arguments)
        .env_remove("CRMQL_LOG");
    command
}

/// Runs the command in a folder with this `crmql.toml`; exit code, standard output, standard error.
fn run_with(config: &str, arguments: &[&str]) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("crmql.toml"), config).unwrap();
    let mut command = crmql(folder.path(), arguments);
    told(
        &command
            .env("CRMQL_TEST_KEY", "env-s3cret")
            .env("CRMQL_TEST_ODD", "schl\u{fc}ssel")
            .output()
            .unwrap(),
    )
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn help_and_version_are_asked_for_and_fine() {
    let (code, out, err) = run_with("", &["--help"]);
    assert_eq!((code, err.as_str()), (0, ""));
    for word in [
        "demo",
        "serve",
        "check",
        "schema",
        "Exit codes",
        "CRMQL_LOG",
        "64",
    ] {
        assert!(out.contains(word), "{word} in {out}");
    }
    let (code, out, _) = run_with("", &["demo", "--help"]);
    assert_eq!(code, 0);
    assert!(
        out.contains("[default: 8080]") && out.contains("[default: 250]"),
        "{out}"
    );
    let (code, out, _) = run_with("", &["--version"]);
    assert_eq!(
        (code, out.as_str()),
        (0, concat!("crmql ", env!("CARGO_PKG_VERSION"), "\n"))
    );
}

#[test]
fn wrong_usage_is_64_and_says_so_on_standard_error() {
    for arguments in [
        &[][..],
        &["srve"],
        &["serve", "--confg", "x"],
        &["demo", "--port", "70000"],
        &["demo", "--customers", "0"],
        &["schema", "extra"],
    ] {
        let (code, out, err) = run_with("", arguments);
        assert_eq!((code, out.as_str()), (64, ""), "{arguments:?}");
        assert!(err.contains("--help"), "{arguments:?}: {err}");
    }
}

#[test]
fn a_configuration_without_mistakes_is_fine() {
    let (code, out, err) = run_with(
        "[[source]]\nkey = 'a'\nadapter = 'gtateth'\nvars = { api_key = { env = 'CRMQL_TEST_KEY' } }\n",
        &["check"],
    );
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out, "crmql.toml: fine, 1 source\n");
}

#[test]
fn every_mistake_is_said_at_once_with_its_place_and_no_secret() {
    let config = "[server]
listen = '0.0.0.0:8080'
[limits]
window = 0
[[source]]
key = 'Acme'
adapter = 'some'
vars = { api_key = { env = 'CRMQL_TEST_ABSENT' }, other = { env = 'CRMQL_TEST_KEY' }, third = 'literal-s3cret' }
timeuots = { total = '1s' }
";
    for command in [
        &["check"][..],
        &["serve"],
        &["check", "--config", "./crmql.toml"],
    ] {
        let (code, out, err) = run_with(config, command);
        assert_eq!((code, out.as_str()), (64, ""));
        let lines: Vec<&str> = err.lines().collect();
        let starts = [
            "crmql.toml:2:10: `server.listen` is 0.0.0.0:8080",
            "crmql.toml:4:10: `limits.window` is 0; accepted: 1 to 1000",
            "crmql.toml:6:7: `source[0].key`: a key is made of",
            "crmql.toml:7:1: there is no built-in adapter `some`; there are: ",
            "crmql.toml:8:28: `source[0].vars.api_key`: the variable `CRMQL_TEST_ABSENT` is not set",
            "crmql.toml:9:1: unknown key of `source[0]`: `timeuots` (did you mean `timeouts`?)",
        ];
        assert_eq!(lines.len(), starts.len(), "{err}");
        for (line, start) in lines.iter().zip(starts) {
            assert!(line.trim_start_matches("./").starts_with(start), "{line}");
        }
        assert!(!err.contains("s3cret"), "{err}");
    }
}

#[test]
fn trusted_documents_that_cannot_run_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[documents]
trusted = 'trusted.json'
only = true
[[source]]
key = 'a'
adapter = 'gtateth'
vars = { api_key = { env = 'CRMQL_TEST_KEY' } }
";
    std::fs::write(folder.path().join("crmql.toml"), config).unwrap();
    let documents = |text: &str| {
        std::fs::write(folder.path().join("trusted.json"), text).unwrap();
        told(
            &crmql(folder.path(), &["check"])
                .env("CRMQL_TEST_KEY", "env-s3cret")
                .output()
                .unwrap(),
        )
    };
    let several = "query A { sources { key } } query B($id: ID!) { customer(id: $id) { id } }";
    let (code, _, err) = documents(&serde_json::json!({ "several": several }).to_string());
    assert_eq!((code, err.as_str()), (0, ""));

    let wrong = serde_json::json!({
        "unknown": "{ nope }",
        "text": "hello",
        "one": "query A { sources { key } } query B { sources { key nope } }",
        "live": "subscription { sources { key } }",
        "fine": "{ sources { key } }",
    });
    let (code, out, err) = documents(&wrong.to_string());
    assert_eq!((code, out.as_str()), (64, ""));
    let mut lines: Vec<&str> = err.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines.len(), 4, "{err}");
    for (line, id) in lines.iter().zip(["live", "one", "text", "unknown"]) {
        let start = format!(
            "crmql.toml:2:11: `documents.trusted`: the document `{id}` in `trusted.json`: "
        );
        assert!(line.starts_with(&start), "{line}");
    }
    assert!(
        lines[1].ends_with(" (line 1, column 53 of it)"),
        "{}",
        lines[1]
    );
    // It does not begin to serve either.
    let mut serve = crmql(folder.path(), &["serve"]);
    let served = told(&serve.env("CRMQL_TEST_KEY", "env-s3cret").output().unwrap());
    assert_eq!((served.0, served.2), (64, err));
}

#[test]
fn credentials_that_lack_or_cannot_be_sent_are_told_apart() {
    let flextell = |vars: &str| {
        format!(
            "[[source]]\nkey = 'a'\nadapter = 'flextell'\n[source.vars]\nbase_url = 'https://x.example/api'\n{vars}"
        )
    };
    let secret = |name: &str| format!("{name} = {{ env = 'CRMQL_TEST_KEY' }}\n");
    let oauth = format!(
        "client_id = 'c'\ntoken_url = 'x.example/token'\n{}{}",
        secret("client_secret"),
        secret("refresh_token")
    );
    let gtateth = "[[source]]\nkey = 'a'\nadapter = 'gtateth'\n[source.vars]\napi_key = { env = 'CRMQL_TEST_ODD' }\n";
    for (config, says) in [
        (
            flextell("client_id = 'c'\n"),
            "there is no way to sign in: it takes `access_token`; or `token_url`, `client_id`, `client_secret` and `refresh_token`",
        ),
        (
            flextell(&oauth),
            "the address of the token endpoint, from `token_url`, is no http or https address",
        ),
        (
            gtateth.to_owned(),
            "`api_key` cannot stand in a header: only printable ASCII can",
        ),
    ] {
        let (code, _, err) = run_with(&config, &["check"]);
        let line = format!("crmql.toml:4:9: source `a`: {says}\n");
        assert_eq!((code, err), (64, line));
    }
}

/// Often it is the demo that listens there.
#[test]
fn an_address_that_is_taken_is_told_with_the_setting_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let config = format!(
        "[server]\nlisten = '{address}'\nstate_dir = 'state'\n[[source]]\nkey = 'a'\nadapter = 'gtateth'\n\
         vars = {{ api_key = {{ env = 'CRMQL_TEST_KEY' }} }}\n"
    );
    let (code, _, err) = run_with(&config, &["serve"]);
    assert_eq!(code, 1, "{err}");
    let said = format!("cannot listen on {address}");
    assert!(
        err.contains(&said) && err.contains("`server.listen`"),
        "{err}"
    );
}

#[test]
fn a_missing_file_is_named() {
    let (code, _, err) = run_with("", &["check", "--config", "absent.toml", "missing.toml"]);
    assert_eq!(code, 64);
    let names: Vec<&str> = err
        .lines()
        .filter_map(|line| line.split(": ").next())
        .collect();
    assert_eq!(names, ["absent.toml", "missing.toml"]);
}

#[test]
fn adapter_files_are_checked_without_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("broken.toml"), "a = x\nb = y\n").unwrap();
    let (code, out, err) = told(
        &crmql(folder.path(), &["check", "broken.toml"])
            .output()
            .unwrap(),
    );
    assert_eq!((code, out.as_str()), (64, ""));
    assert!(
        err.starts_with("broken.toml:1:5: ") && err.lines().count() == 2,
        "{err}"
    );
}

#[test]
fn a_log_filter_that_is_none_is_wrong_usage() {
    let mut command = crmql(Path::new("."), &["check"]);
    let (code, _, err) = told(&command.env("CRMQL_LOG", "crmql=loud").output().unwrap());
    assert_eq!(code, 64);
    assert!(err.starts_with("crmql: CRMQL_LOG"), "{err}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[[source]]\nkey = 'a'\nadapter = 'gtateth'\nvars = { api_key = { env = 'CRMQL_TEST_KEY' } }\n";
    std::fs::write(folder.path().join("crmql.toml"), config).unwrap();
    for arguments in [&["check"][..], &["--help"]] {
        let mut command = crmql(folder.path(), arguments);
        command.env("CRMQL_TEST_KEY", "env-s3cret");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = command.stdout(writer).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        let mut err = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
    }
}

#[test]
fn a_secret_that_no_request_can_carry_is_said_with_its_place_and_not_shown() {
    let config = "[[source]]\nkey = 'a'\nadapter = 'gtateth'\nvars = { api_key = { env = 'CRMQL_TEST_BROKEN' } }\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("crmql.toml"), config).unwrap();
    let mut command = crmql(folder.path(), &["check"]);
    let (code, _, err) = told(
        &command
            .env("CRMQL_TEST_BROKEN", "first\nsecond")
            .output()
            .unwrap(),
    );
    assert_eq!(code, 64, "{err}");
    assert!(err.contains("crmql.toml:4:"), "{err}");
    assert!(err.contains("`api_key` holds a line break"), "{err}");
    assert!(!err.contains("first") && !err.contains("second"), "{err}");
}
