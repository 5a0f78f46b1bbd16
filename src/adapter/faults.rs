//! What an answer of a CRM means: success, or how long to wait. The adapter file says it; nothing here knows a status that the
//! file has not overruled.
//!
//! The CRM's own words go nowhere: messages here are fixed text, because a CRM may well repeat personal data in its own.

use super::manifest::{Manifest, RateLimits, Success, Wait, WaitUnit};
use super::pick::{Beyond, Leaf, beyond};
use super::place::{Pointer, find};
use super::wire;
use crate::source::{SourceError, SourceErrorKind};
use crate::upstream::{Fault, RateSaid, Reply};
use http::header::{DATE, HeaderValue, LINK, RETRY_AFTER};
use serde_json::Value;
use std::borrow::Cow;
use std::time::Duration;

/// The longest wait that is passed on; a longer one counts as this.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);
/// A CRM that says more is taken to be wrong about its unit: nobody is told to come back in a year.
const LONGEST_CREDIBLE: Duration = Duration::from_secs(366 * 86_400);
/// By so many seconds the `Date` of an answer, which has no fractions of them, may be behind when it has come.
const ON_THE_WAY: f64 = 3.0;

/// Whether an answer's status makes it a success.
pub fn status_is_good(success: &Success, status: u16) -> bool {
    if success.status.is_empty() {
        (200..300).contains(&status)
    } else {
        success.status.contains(&status)
    }
}

/// The sentence a caller reads.
pub const fn sentence(kind: SourceErrorKind) -> &'static str {
    match kind {
        SourceErrorKind::Credentials => {
            "the CRM does not accept the credentials, or they do not allow this"
        }
        SourceErrorKind::Unauthenticated => "the request brings no credential for this source",
        SourceErrorKind::Forbidden => "the credentials do not allow this",
        SourceErrorKind::Throttled => "the CRM's rate limit is used up",
        SourceErrorKind::Timeout => "the CRM did not answer in time",
        SourceErrorKind::Unavailable => "the CRM cannot be reached or is failing",
        SourceErrorKind::Rejected => "the CRM refused the values",
        SourceErrorKind::InvalidId => "no customer of this source can have this id",
        SourceErrorKind::NotFound => "the CRM has no such customer",
        SourceErrorKind::Conflict => "the CRM already has a customer with these values",
        SourceErrorKind::NoChanges => "the CRM says that nothing would change",
        SourceErrorKind::Malformed => {
            "the CRM answered something that its adapter does not describe"
        }
        SourceErrorKind::Unsupported => "the CRM cannot do this",
        SourceErrorKind::CursorExpired => "the CRM no longer knows this position in the list",
        SourceErrorKind::DepthLimit => {
            "the CRM lets nobody this deep into a list; narrow the filter"
        }
        SourceErrorKind::Saturated => "too many calls to this source are waiting",
        SourceErrorKind::OverBudget => "the operation needs more upstream calls than it may make",
    }
}

/// An exchange that did not happen, as an error of the source.
pub fn of_fault(fault: Fault) -> SourceError {
    let kind = match fault {
        Fault::Saturated => SourceErrorKind::Saturated,
        Fault::Connect | Fault::Broken => SourceErrorKind::Unavailable,
        Fault::Timeout | Fault::Late => SourceErrorKind::Timeout,
        Fault::TooLarge => SourceErrorKind::Malformed,
        Fault::Unsendable => SourceErrorKind::Rejected,
    };
    let detail = match fault {
        Fault::TooLarge => "the CRM's answer is larger than allowed",
        Fault::Unsendable => "the request to the CRM would be too long",
        _ => sentence(kind),
    };
    SourceError::new(kind, detail)
}

/// Why an answer cannot be read as JSON.
pub fn unlike_json(error: &serde_json::Error) -> SourceError {
    malformed(match beyond(error) {
        Some(Beyond::Depth) => "the CRM's answer nests deeper than 127 levels",
        Some(Beyond::Number) => "the CRM's answer holds a number that is too large",
        None => "the CRM's answer is not JSON",
    })
}

/// What an answer says of itself, and not of a record, where nobody can hold it: to go on as if it said nothing would be a guess.
pub fn unread<'l, 'de: 'l>(mut leaves: impl Iterator<Item = &'l Leaf<'de>>) -> Option<SourceError> {
    leaves.find_map(|leaf| match leaf {
        Leaf::Unread(reason) => {
            let detail =
                format!("a value that says what the CRM's answer is cannot be read: {reason}");
            Some(SourceError::new(SourceErrorKind::Malformed, detail))
        }
        _ => None,
    })
}

/// An answer that cannot be read.
pub fn malformed(detail: &'static str) -> SourceError {
    SourceError::new(SourceErrorKind::Malformed, detail)
}

/// The text a pointer leads to in an answer, or in a part of its body.
pub fn text_at(pointer: &Pointer, body: &Value, reply: &Reply) -> Option<String> {
    match pointer {
        Pointer::Body(path) => path
            .find(body)
            .filter(|value| !value.is_null())
            .and_then(wire::scalar_text),
        Pointer::Header(..) | Pointer::Link(_) => header_text(pointer, reply),
        Pointer::Last(_) => None,
    }
}

/// The text a pointer leads to in an answer's headers.
pub fn header_text(pointer: &Pointer, reply: &Reply) -> Option<String> {
    match pointer {
        Pointer::Header(name, capture) => {
            let value = characters(reply.headers.get(name)?);
            match capture {
                Some(regex) => regex
                    .captures(&value)?
                    .get(1)
                    .map(|found| found.as_str().to_owned()),
                None => Some(value.into_owned()),
            }
        }
        Pointer::Link(rel) => reply
            .headers
            .get_all(LINK)
            .iter()
            .find_map(|value| link_target(&characters(value), rel)),
        Pointer::Body(_) | Pointer::Last(_) => None,
    }
}

/// A header's text. Bytes beyond ASCII are UTF-8, or else a character each, as HTTP had it first.
fn characters(value: &HeaderValue) -> Cow<'_, str> {
    let bytes = value.as_bytes();
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// Whether what a pointer did not find in the headers is not there, rather than behind a quote or a bracket that does not close.
pub fn is_told(pointer: &Pointer, reply: &Reply) -> bool {
    let mut links = reply.headers.get_all(LINK).iter();
    !matches!(pointer, Pointer::Link(_)) || links.all(|value| closes(&characters(value)))
}

/// The target of a relation in a `Link` header (RFC 8288): `<target>; rel="next"`.
fn link_target(value: &str, rel: &str) -> Option<String> {
    parts(value, ',').find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let mut named = parts(parameters, ';').filter_map(|parameter| parameter.split_once('='));
        let (_, relations) = named.find(|(name, _)| name.trim().eq_ignore_ascii_case("rel"))?;
        let relations = relations.trim().trim_matches('"');
        let mut relations = relations.split_ascii_whitespace();
        relations
            .any(|one| one.eq_ignore_ascii_case(rel))
            .then(|| target.to_owned())
    })
}

/// The parts of a header's value between these marks, but for those within quotes or angle brackets.
fn parts(value: &str, mark: char) -> impl Iterator<Item = &str> {
    let mut within = Within::default();
    value.split(move |char| within.pass(char) && char == mark)
}

/// Whether every quote and angle bracket of a header's value closes.
fn closes(value: &str) -> bool {
    let mut within = Within::default();
    for char in value.chars() {
        within.pass(char);
    }
    within.end.is_none()
}

/// What a place in a header's value lies within.
#[derive(Default)]
struct Within {
    /// What closes it.
    end: Option<char>,
    is_escaped: bool,
}

impl Within {
    /// Passes a character; whether it stands outside of quotes and angle brackets.
    fn pass(&mut self, char: char) -> bool {
        let Some(end) = self.end else {
            self.end = match char {
                '"' => Some('"'),
                '<' => Some('>'),
                _ => None,
            };
            return true;
        };
        if char == end && !self.is_escaped {
            self.end = None;
        }
        self.is_escaped = char == '\\' && end == '"' && !self.is_escaped;
        false
    }
}

/// How long to wait: the longest of what the CRM says. A reset counts only when the limit is used up.
pub fn wait(limits: &RateLimits, reply: &Reply, body: &Value, throttled: bool) -> Option<Duration> {
    let declared = limits
        .retry_after
        .iter()
        .filter_map(|wait| read_wait(wait, reply, body));
    let reset = limits
        .reset
        .as_ref()
        .filter(|_| throttled)
        .and_then(|wait| read_wait(wait, reply, body));
    retry_after(reply)
        .into_iter()
        .chain(declared)
        .chain(reset)
        .max()
}

/// How long to wait by the header that HTTP has for it: the longest of several, which a proxy may have put into one line.
pub fn retry_after(reply: &Reply) -> Option<Duration> {
    let lines = reply.headers.get_all(RETRY_AFTER).iter();
    let texts = lines.filter_map(|line| line.to_str().ok());
    let seconds = |text| said_wait(text, WaitUnit::Seconds, 0.0);
    let date = |text: &str| said_wait(text, WaitUnit::HttpDate, now_of(reply));
    texts
        .filter_map(|text| {
            let alone = seconds(text).or_else(|| date(text));
            alone.or_else(|| {
                let parts: Vec<&str> = text.split(',').collect();
                // There is a comma behind the day of a date.
                let dates = parts.windows(2).filter_map(|pair| date(&pair.join(",")));
                let numbers = parts.iter().copied().filter_map(seconds);
                numbers.chain(dates).max()
            })
        })
        .max()
}

/// What an answer says about the rate limit; `throttled` where it refuses the call for it.
pub fn quota(manifest: &Manifest, reply: &Reply, throttled: bool) -> RateSaid {
    let limits = &manifest.http.limits;
    let counts = [&limits.limit, &limits.remaining].into_iter().flatten();
    let reset = limits.reset.iter().map(|reset| &reset.at);
    let in_body = |pointer: &Pointer| matches!(pointer, Pointer::Body(_));
    // A good answer is read a second time only where its limits stand in it.
    let body: Value = if throttled || counts.chain(reset).any(in_body) {
        serde_json::from_slice(&reply.body).unwrap_or_default()
    } else {
        Value::Null
    };
    let number = |pointer: &Option<Pointer>| {
        let text = text_at(pointer.as_ref()?, &body, reply)?;
        text.trim().split('.').next()?.parse().ok()
    };
    let said = throttled.then(|| wait(limits, reply, &body, true));
    RateSaid {
        limit: number(&limits.limit),
        remaining: number(&limits.remaining),
        reset: limits
            .reset
            .as_ref()
            .and_then(|wait| read_wait(wait, reply, &body)),
        refused: said.flatten(),
    }
}

fn read_wait(wait: &Wait, reply: &Reply, body: &Value) -> Option<Duration> {
    let text = text_at(&wait.at, body, reply)?;
    let now = match wait.unit {
        WaitUnit::Seconds | WaitUnit::Milliseconds => 0.0,
        WaitUnit::EpochSeconds | WaitUnit::EpochMilliseconds | WaitUnit::HttpDate => now_of(reply),
    };
    said_wait(&text, wait.unit, now)
}

/// A wait that ends at a moment begins `now`, in seconds since 1970.
fn said_wait(text: &str, unit: WaitUnit, now: f64) -> Option<Duration> {
    let number = || {
        text.trim()
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite() && *number >= 0.0)
    };
    let from_now = |seconds: f64| Duration::try_from_secs_f64(seconds - now).unwrap_or_default();
    let wait = match unit {
        WaitUnit::Seconds => Duration::try_from_secs_f64(number()?).ok()?,
        WaitUnit::Milliseconds => Duration::try_from_secs_f64(number()? / 1_000.0).ok()?,
        WaitUnit::EpochSeconds => from_now(number()?),
        WaitUnit::EpochMilliseconds => from_now(number()? / 1_000.0),
        WaitUnit::HttpDate => from_now(wire::read_http_date(text)?.as_duration().as_secs_f64()),
    };
    (wait <= LONGEST_CREDIBLE).then_some(wait.min(LONGEST_WAIT))
}

/// What time it was by the clock that an answer's moments are told by: that of its `Date`, unless ours and that one may both be
/// right.
fn now_of(reply: &Reply) -> f64 {
    let ours = jiff::Timestamp::now().as_duration().as_secs_f64();
    let date = reply.headers.get(DATE).and_then(|date| date.to_str().ok());
    let theirs = date.and_then(wire::read_http_date);
    let theirs = theirs.map(|date| date.as_duration().as_secs_f64());
    let differs = |theirs: &f64| (ours - theirs).abs() > ON_THE_WAY;
    theirs.filter(differs).unwrap_or(ours)
}

/// Whether an answer is the refusal that the file describes.
pub fn looks_like(status: u16, contains: Option<&str>, reply: &Reply) -> bool {
    let holds = |text: &str| {
        reply
            .body
            .windows(text.len().max(1))
            .any(|window| window == text.as_bytes())
    };
    reply.status == status && contains.is_none_or(holds)
}

/// How many warnings an answer carries.
pub fn warnings(manifest: &Manifest, body: &Value) -> usize {
    match &manifest.http.warnings {
        Some(Pointer::Body(path)) => find(path.steps(), body)
            .and_then(Value::as_array)
            .map_or(0, Vec::len),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> f64 {
        jiff::Timestamp::now().as_duration().as_secs_f64()
    }

    #[test]
    fn a_link_header_is_read_by_relation() {
        let value = r#"<https://a/x?p=1>; rel="previous", <https://a/x?p=3>; rel="next last"; title="a, b""#;
        assert_eq!(
            link_target(value, "next").as_deref(),
            Some("https://a/x?p=3")
        );
        assert_eq!(
            link_target(value, "previous").as_deref(),
            Some("https://a/x?p=1")
        );
        assert_eq!(link_target(value, "first"), None);
        for comma in [",", ", ", ",  ", ",\t", " ,"] {
            let value = format!(
                r#"<https://a/x?p=1,2>; title="b,<c>;rel=next\"", <https://a/x?p=1>; rel="first"{comma}<https://a/x?p=3>;rel=next,<https://a/x?p=9>; rel="last""#
            );
            let next = link_target(&value, "next");
            assert_eq!(next.as_deref(), Some("https://a/x?p=3"), "{value}");
        }
        assert_eq!(link_target("nonsense", "next"), None);
    }

    #[test]
    fn a_header_may_hold_bytes_that_are_no_ascii() {
        for bytes in [&b"M\xfcller"[..], b"M\xc3\xbcller"] {
            let mut reply = Reply {
                status: 200,
                headers: http::HeaderMap::new(),
                body: bytes::Bytes::new(),
            };
            let value = [b"</c?q=", bytes, b">; rel=\"next\""].concat();
            let value = http::HeaderValue::from_bytes(&value).unwrap();
            reply.headers.insert("link", value.clone());
            reply.headers.insert("x-next", value);
            for (pointer, text) in [
                ("link:next", "/c?q=M\u{fc}ller"),
                ("header:X-Next~<(.*)>", "/c?q=M\u{fc}ller"),
            ] {
                let pointer = Pointer::parse(pointer).unwrap();
                assert_eq!(header_text(&pointer, &reply).as_deref(), Some(text));
            }
        }
    }

    #[test]
    fn a_wait_of_more_than_a_day_counts_as_a_day() {
        let day = Some(LONGEST_WAIT);
        assert_eq!(said_wait("86400", WaitUnit::Seconds, now()), day);
        assert_eq!(said_wait("100000", WaitUnit::Seconds, now()), day);
        let month = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(30 * 24);
        let date = month.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        assert_eq!(said_wait(&date, WaitUnit::HttpDate, now()), day);
    }

    #[test]
    fn waits_are_read_in_their_unit_and_absurd_ones_left_aside() {
        assert_eq!(
            said_wait("3", WaitUnit::Seconds, now()),
            Some(Duration::from_secs(3))
        );
        assert_eq!(
            said_wait("1500", WaitUnit::Milliseconds, now()),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(
            said_wait("Sun, 06 Nov 1994 08:49:37 GMT", WaitUnit::HttpDate, now()),
            Some(Duration::ZERO)
        );
        let soon = format!("{}", now() + 30.0);
        let wait = said_wait(&soon, WaitUnit::EpochSeconds, now()).unwrap();
        assert!((29..=30).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(
            said_wait("1700000000", WaitUnit::Seconds, now()),
            None,
            "an epoch taken for seconds"
        );
        assert_eq!(said_wait("-1", WaitUnit::Seconds, now()), None);
        assert_eq!(said_wait("soon", WaitUnit::Seconds, now()), None);
    }
}
