//! `[telemetry]`: what others are told of the gateway's work.

use super::PERCENT_RANGE;
use super::outside::Outside;
use crate::document::{Table, Text};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use url::Url;

/// Headers that the gateway or HTTP itself sets.
const TAKEN: [&str; 6] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
];

/// `[telemetry]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// `otlp`: where spans go, as OTLP over HTTP in JSON; nowhere when absent.
    pub otlp: Option<Url>,
    /// `headers`: what the collector wants to see, such as credentials.
    pub headers: Secrets,
    /// `sample_percent`: of a hundred requests that belong to no trace yet, so many are recorded.
    pub sample_percent: u32,
    /// `traceparent`: whether CRMs are told which trace a call belongs to.
    pub traceparent: bool,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            otlp: None,
            headers: Secrets::default(),
            sample_percent: 100,
            traceparent: true,
        }
    }
}

/// Secrets by name. They do not print.
#[derive(Clone, Debug, Default)]
pub struct Secrets(BTreeMap<Box<str>, SecretString>);

impl Secrets {
    /// Each name with its secret.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.0.iter().map(|(name, secret)| (&**name, secret))
    }
}

impl PartialEq for Secrets {
    fn eq(&self, other: &Self) -> bool {
        let told = |secrets: &Self| -> Vec<(Box<str>, Box<str>)> {
            let told = secrets.iter();
            told.map(|(name, secret)| (name.into(), secret.expose_secret().into()))
                .collect()
        };
        told(self) == told(other)
    }
}

impl Eq for Secrets {}

/// Reads the table.
pub(super) fn telemetry(mut table: Table<'_>, outside: &Outside<'_>) -> Telemetry {
    let otlp = table.string("otlp").and_then(|text| otlp(&table, &text));
    let headers = table.table("headers");
    if headers.is_some() && !table.has("otlp") {
        let message = "`telemetry.headers` are for a collector, and `telemetry.otlp` names none";
        table.problem(&table.place_of("headers"), message);
    }
    let headers = headers.map(|headers| self::headers(headers, outside));
    let sample_percent = table.integer("sample_percent", PERCENT_RANGE);
    let traceparent = table.bool("traceparent");
    table.finish();
    let default = Telemetry::default();
    Telemetry {
        otlp,
        headers: headers.unwrap_or_default(),
        sample_percent: sample_percent.unwrap_or(default.sample_percent),
        traceparent: traceparent.unwrap_or(default.traceparent),
    }
}

/// Headers, whose values are always secrets.
fn headers(mut table: Table<'_>, outside: &Outside<'_>) -> Secrets {
    let mut secrets = BTreeMap::new();
    for entry in table.entries() {
        let at = entry.value.at().clone();
        let name = entry.key.value.to_ascii_lowercase();
        let path = table.path_of(&entry.key.value);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !name.bytes().all(plain) || name.is_empty() || TAKEN.contains(&name.as_str()) {
            let message = format!(
                "`{path}`: a header is made of letters, digits, `-` and `_`, and is none that HTTP sets itself"
            );
            table.problem(&at, message);
            continue;
        }
        let Some(secret) = outside.secret(&table, &path, entry.value) else {
            continue;
        };
        let fits = |byte: u8| (0x20..0x7f).contains(&byte);
        if !secret.expose_secret().bytes().all(fits) {
            let message = format!("`{path}` holds what no header can carry");
            table.problem(&at, message);
            continue;
        }
        secrets.insert(name.into(), secret);
    }
    table.finish();
    Secrets(secrets)
}

/// The collector's address, with the path of spans where it names none.
fn otlp(table: &Table<'_>, text: &Text) -> Option<Url> {
    let plain = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    let Some(mut url) = Url::parse(&text.value).ok().filter(plain) else {
        let message = "`telemetry.otlp` is not an http or https address without credentials, such as http://127.0.0.1:4318";
        table.problem(&text.at, message);
        return None;
    };
    if url.path() == "/" {
        url.set_path("/v1/traces");
    }
    Some(url)
}
