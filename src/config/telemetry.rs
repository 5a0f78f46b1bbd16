//! `[telemetry]`: what others are told of the gateway's work.

use super::PERCENT_RANGE;
use crate::document::{Table, Text};
use url::Url;

/// `[telemetry]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// `otlp`: where spans go, as OTLP over HTTP in JSON; nowhere when absent.
    pub otlp: Option<Url>,
    /// `sample_percent`: of a hundred requests that belong to no trace yet, so many are recorded.
    pub sample_percent: u32,
    /// `traceparent`: whether CRMs are told which trace a call belongs to.
    pub traceparent: bool,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            otlp: None,
            sample_percent: 100,
            traceparent: true,
        }
    }
}

/// Reads the table.
pub(super) fn telemetry(mut table: Table<'_>) -> Telemetry {
    let otlp = table.string("otlp").and_then(|text| otlp(&table, &text));
    let sample_percent = table.integer("sample_percent", PERCENT_RANGE);
    let traceparent = table.bool("traceparent");
    table.finish();
    let default = Telemetry::default();
    Telemetry {
        otlp,
        sample_percent: sample_percent.unwrap_or(default.sample_percent),
        traceparent: traceparent.unwrap_or(default.traceparent),
    }
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
