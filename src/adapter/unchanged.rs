//! Reads that ask the CRM only for what it has not said before, where its adapter file says that it can tell: the version
//! that is known goes out with the request, and "not modified" comes back instead of a body (RFC 9110, section 13).
//!
//! It knows neither customers nor caches: what "not modified" stands for is for the caller, who has it.

use super::Adapter;
use super::manifest::ReuseRules;
use super::place::Destination;
use super::request::Draft;
use super::tries::{Failed, Repeat};
use super::wire::read_http_date;
use crate::limits::VALIDATOR_BYTES;
use crate::metrics::Asked;
use crate::model::{Reuse, Stamp};
use crate::source::{Call, SourceError};
use crate::upstream::Reply;
use http::header::{
    AGE, CACHE_CONTROL, DATE, ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED,
};
use http::{Method, StatusCode};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// What came of a read.
pub(super) enum Heard {
    /// An answer, good or bad.
    Answer(Reply),
    /// What the caller knows is what there is; and what the CRM says of using it again.
    Unchanged(Arc<Stamp>),
}

impl Adapter {
    /// Sends a read. Where the caller knows an answer, and the CRM named its version, only another one is asked for.
    pub(super) async fn hear(
        &self,
        call: &Call,
        method: &Method,
        (draft, follow): (Draft<'_>, Option<Url>),
        known: Option<&Arc<Stamp>>,
    ) -> Result<Heard, SourceError> {
        let rules = &self.manifest.http.reuse;
        let known = known.filter(|_| *method == Method::GET);
        let condition = known.and_then(|stamp| Some((stamp, condition(rules, stamp)?)));
        let Some((stamp, (name, version))) = condition else {
            return self.read(call, draft, follow).await.map(Heard::Answer);
        };
        let condition = (Destination::Header(name), version);
        Box::pin(self.ask_if_changed(call, (draft, follow), stamp, condition)).await
    }

    /// Asks under a condition, and without it where the answer is of no use.
    async fn ask_if_changed(
        &self,
        call: &Call,
        (draft, follow): (Draft<'_>, Option<Url>),
        stamp: &Arc<Stamp>,
        (name, version): (Destination, String),
    ) -> Result<Heard, SourceError> {
        let mut asking = draft.clone();
        if asking.put(&name, Value::String(version)).is_err() {
            return self.read(call, draft, follow).await.map(Heard::Answer);
        }
        let meter = &self.upstream.settings().meter;
        let reply = self.read(call, asking, follow.clone()).await?;
        if reply.status != StatusCode::NOT_MODIFIED {
            meter.conditional.add(Asked::Answered);
            return Ok(Heard::Answer(reply));
        }
        if let Some(stamp) = confirmed(&self.manifest.http.reuse, stamp, &reply.headers) {
            meter.conditional.add(Asked::Unchanged);
            return Ok(Heard::Unchanged(stamp));
        }
        // It calls another version unchanged than the one that is known.
        meter.conditional.add(Asked::Confused);
        self.read(call, draft, follow).await.map(Heard::Answer)
    }

    async fn read(
        &self,
        call: &Call,
        draft: Draft<'_>,
        follow: Option<Url>,
    ) -> Result<Reply, SourceError> {
        let sent = self.exchange(call, draft, follow, Repeat::Reads).await;
        sent.map_err(Failed::into_error)
    }

    /// What a good answer says of its use again, as far as the adapter file has it heard.
    pub(super) fn stamp(&self, method: &Method, reply: &Reply) -> Option<Arc<Stamp>> {
        let rules = &self.manifest.http.reuse;
        let mut stamp = said(rules, &reply.headers);
        if *method != Method::GET {
            (stamp.tag, stamp.modified) = (None, None);
        }
        (stamp != Stamp::default()).then(|| Arc::new(stamp))
    }
}

/// How to ask for any version but this one.
fn condition(rules: &ReuseRules, stamp: &Stamp) -> Option<(HeaderName, String)> {
    let tag = stamp.tag.as_ref().filter(|_| rules.etag);
    let modified = stamp.modified.as_ref().filter(|_| rules.last_modified);
    match (tag, modified) {
        (Some(tag), _) => Some((IF_NONE_MATCH, tag.to_string())),
        (None, Some(modified)) => Some((IF_MODIFIED_SINCE, modified.to_string())),
        (None, None) => None,
    }
}

/// What the headers of an answer say.
fn said(rules: &ReuseRules, headers: &HeaderMap) -> Stamp {
    if !rules.any() {
        return Stamp::default();
    }
    Stamp {
        tag: entity_tag(headers).filter(|_| rules.etag).map(Box::from),
        modified: sure_date(headers)
            .filter(|_| rules.last_modified)
            .map(Box::from),
        reuse: reuse(headers)
            .filter(|_| rules.cache_control)
            .unwrap_or_default(),
    }
}

/// What holds from now on of an answer that is called unchanged: what is said now, else what was said before. `None` where
/// another version is named than the one that is known.
fn confirmed(rules: &ReuseRules, known: &Arc<Stamp>, headers: &HeaderMap) -> Option<Arc<Stamp>> {
    let same = match (&known.tag, entity_tag(headers)) {
        (Some(known), Some(now)) => opaque(known) == opaque(now),
        (Some(_), None) => true,
        (None, _) => {
            let now = only(headers, &LAST_MODIFIED);
            now.is_none_or(|now| Some(now) == known.modified.as_deref())
        }
    };
    let reuse = reuse(headers).filter(|_| rules.cache_control);
    match reuse.filter(|reuse| *reuse != known.reuse) {
        _ if !same => None,
        None => Some(Arc::clone(known)),
        Some(reuse) => Some(Arc::new(Stamp {
            reuse,
            ..(**known).clone()
        })),
    }
}

/// A header that stands there once, as text, and is not too long to be kept.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut all = headers.get_all(name).iter();
    let one = all.next()?.to_str().ok()?.trim();
    (all.next().is_none() && one.len() <= VALIDATOR_BYTES).then_some(one)
}

/// The entity tag, strong or weak; a text that is none by RFC 9110 is left alone.
fn entity_tag(headers: &HeaderMap) -> Option<&str> {
    let tag = only(headers, &ETAG)?;
    let quoted = opaque(tag).strip_prefix('"')?.strip_suffix('"')?;
    let plain = |byte: u8| byte == 0x21 || (0x23..=0x7e).contains(&byte);
    quoted.bytes().all(plain).then_some(tag)
}

/// A tag without its mark of weakness: that is how tags are compared here.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// When the version was made, where no other can have been made in the same second after the CRM answered.
fn sure_date(headers: &HeaderMap) -> Option<&str> {
    let text = only(headers, &LAST_MODIFIED)?;
    let modified = read_http_date(text)?;
    let answered = read_http_date(only(headers, &DATE)?)?;
    (answered.as_second() > modified.as_second()).then_some(text)
}

/// What `Cache-Control` says; `None` where it says nothing of use here.
fn reuse(headers: &HeaderMap) -> Option<Reuse> {
    let mut reuse = Reuse::default();
    let lines = headers.get_all(CACHE_CONTROL).iter();
    for line in lines.filter_map(|line| line.to_str().ok()) {
        for word in words(line) {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" => reuse.keep = false,
                "no-cache" => {
                    reuse.fresh = Some(Duration::ZERO);
                    reuse.stands_in = false;
                }
                "must-revalidate" => reuse.stands_in = false,
                "max-age" => {
                    let said = seconds(value);
                    reuse.fresh = Some(reuse.fresh.map_or(said, |least| least.min(said)));
                }
                _ => {}
            }
        }
    }
    if let Some(fresh) = &mut reuse.fresh {
        let age = only(headers, &AGE).map_or(Duration::ZERO, seconds);
        *fresh = fresh.saturating_sub(age);
    }
    (reuse != Reuse::default()).then_some(reuse)
}

/// The parts between commas; a comma in quotes is none.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let at_comma = move |char| {
        quoted ^= char == '"';
        char == ',' && !quoted
    };
    line.split(at_comma)
}

/// A number of seconds; what is none means "at once", as RFC 9111 wants it.
fn seconds(text: &str) -> Duration {
    let digits = text.trim().trim_matches('"');
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.is_empty();
    let seconds = digits.parse().unwrap_or(u32::MAX);
    Duration::from_secs(if number { u64::from(seconds) } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const ALL: ReuseRules = ReuseRules {
        etag: true,
        last_modified: true,
        cache_control: true,
    };

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn tag(text: &str) -> Option<Box<str>> {
        said(&ALL, &headers(&[("etag", text)])).tag
    }

    #[test]
    fn only_what_is_an_entity_tag_is_one() {
        for good in ["\"a\"", "W/\"a\"", "\"\"", "\"a,b/c\\\""] {
            assert_eq!(tag(good).as_deref(), Some(good));
        }
        let long = format!("\"{}\"", "x".repeat(VALIDATOR_BYTES));
        for bad in [
            "a", "\"a", "w/\"a\"", "\"a b\"", "\"a\"b\"", "", "\"", &long,
        ] {
            assert_eq!(tag(bad), None, "{bad}");
        }
        let two = headers(&[("etag", "\"a\""), ("etag", "\"b\"")]);
        assert_eq!(said(&ALL, &two).tag, None, "which of them?");
        let one = headers(&[("etag", "\"a\"")]);
        assert_eq!(said(&ReuseRules::default(), &one), Stamp::default());
    }

    #[test]
    fn a_date_names_a_version_once_its_second_is_over() {
        let made = "Sun, 06 Nov 1994 08:49:37 GMT";
        let said = |date: &str| {
            let headers = headers(&[("last-modified", made), ("date", date)]);
            said(&ALL, &headers).modified
        };
        assert_eq!(said("Sun, 06 Nov 1994 08:49:38 GMT").as_deref(), Some(made));
        assert_eq!(said(made), None);
        assert_eq!(said("Sun, 06 Nov 1994 08:49:36 GMT"), None);
        assert_eq!(said("yesterday"), None);
    }

    #[test]
    fn what_cache_control_says() {
        let said = |lines: &[&str], age: &str| {
            let mut all = headers(&[("age", age)]);
            for line in lines {
                all.append("cache-control", HeaderValue::from_str(line).unwrap());
            }
            reuse(&all).unwrap_or_default()
        };
        let fresh = |line: &str| said(&[line], "0").fresh.map(|fresh| fresh.as_secs());
        assert_eq!(fresh("private, Max-Age=60"), Some(60));
        assert_eq!(fresh("max-age=\"60\""), Some(60));
        assert_eq!(fresh("max-age=soon"), Some(0));
        assert_eq!(
            fresh("max-age=99999999999999999999"),
            Some(u64::from(u32::MAX))
        );
        assert_eq!(fresh("private=\"max-age=5, no-store\", max-age=7"), Some(7));
        assert!(said(&["private=\"no-store\""], "0").keep);
        assert_eq!(fresh("max-age=60, no-cache"), Some(0));
        assert_eq!(fresh("no-cache, max-age=60"), Some(0));
        assert_eq!(fresh("public"), None);
        assert!(!said(&["public", "no-store"], "0").keep);
        assert!(!said(&["must-revalidate"], "0").stands_in);
        assert_eq!(
            said(&["max-age=60"], "20")
                .fresh
                .map(|fresh| fresh.as_secs()),
            Some(40)
        );
    }

    #[test]
    fn another_version_is_not_the_one_that_is_known() {
        let known = Arc::new(Stamp {
            tag: Some("W/\"a\"".into()),
            ..Stamp::default()
        });
        let told = |pairs: &[(&'static str, &str)]| confirmed(&ALL, &known, &headers(pairs));
        assert_eq!(told(&[]), Some(Arc::clone(&known)), "none is named");
        assert_eq!(told(&[("etag", "\"a\"")]), Some(Arc::clone(&known)));
        assert_eq!(told(&[("etag", "\"b\"")]), None);
        let renewed = told(&[("cache-control", "max-age=9")]).unwrap();
        assert_eq!(renewed.reuse.fresh, Some(Duration::from_secs(9)));
        assert_eq!(renewed.tag, known.tag);
    }
}
