//! Where spans are sent, and whose word counts on the way.

use super::*;

#[test]
fn telemetry_has_a_plain_address_and_a_part_of_a_hundred() {
    assert_eq!(good(SOURCE).telemetry, Telemetry::default());
    let told = "[telemetry]\notlp = \"http://c:4318\"\nsample_percent = 5\ntraceparent = false\n";
    let telemetry = good(&format!("{told}{SOURCE}")).telemetry;
    let url = telemetry.otlp.map(String::from);
    assert_eq!(url.as_deref(), Some("http://c:4318/v1/traces"));
    assert_eq!(
        (telemetry.sample_percent, telemetry.traceparent),
        (5, false)
    );
    let own = format!("[telemetry]\notlp = \"https://c/x/v1\"\n{SOURCE}");
    let url = good(&own).telemetry.otlp.map(String::from);
    assert_eq!(url.as_deref(), Some("https://c/x/v1"));
    for odd in [
        "c:4318",
        "ftp://c",
        "http://u:s3cret@c",
        "http://c/?k=s3cret",
        "/x",
    ] {
        bad(
            &format!("[telemetry]\notlp = {odd:?}\n{SOURCE}"),
            &[
                "c.toml:2:8: `telemetry.otlp` is not an http or https address without credentials, such as http://127.0.0.1:4318",
            ],
        );
    }
    bad(
        &format!("[telemetry]\nsample_percent = 101\n{SOURCE}"),
        &["c.toml:2:18: `telemetry.sample_percent` is 101; accepted: 0 to 100"],
    );
}

#[test]
fn headers_of_the_collector_are_secrets_and_proxies_are_addresses() {
    let told = "[telemetry]\notlp = 'http://c'\nheaders = { Authorization = { env = 'KEY' }, x-org = { file = 'secret' } }\n";
    let headers = good(&format!("{told}{SOURCE}")).telemetry.headers;
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, secret)| (name, secret.expose_secret()))
        .collect();
    let key = "env-s3cret-of-enough-bytes";
    assert_eq!(headers, [("authorization", key), ("x-org", "file-s3cret")]);
    assert!(!format!("{:?}", good(&format!("{told}{SOURCE}"))).contains("s3cret"));
    for (header, problem) in [
        (
            "a = 's3cret'",
            "`telemetry.headers.a` is a secret: write { env = \"NAME\" } or { file = \"PATH\" }, not the value",
        ),
        (
            "Host = { env = 'KEY' }",
            "`telemetry.headers.Host`: a header is made of letters, digits, `-` and `_`, and is none that HTTP sets itself",
        ),
        (
            "'a b' = { env = 'KEY' }",
            "`telemetry.headers.\"a b\"`: a header is made of letters, digits, `-` and `_`, and is none that HTTP sets itself",
        ),
    ] {
        let text = format!("[telemetry]\notlp = 'http://c'\nheaders = {{ {header} }}\n{SOURCE}");
        let (_, problems) = read(&text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains(problem), "{problems:?}");
    }
    bad(
        &format!("[telemetry]\nheaders = {{}}\n{SOURCE}"),
        &["c.toml:2:1: `telemetry.headers` are for a collector, and `telemetry.otlp` names none"],
    );
    bad(
        &format!("[server]\nproxies = ['10.0.0.0/8', '::1', 'proxy']\n{SOURCE}"),
        &["c.toml:2:33: `server.proxies`: an IP address, or a network such as 10.0.0.0/8"],
    );
}
