//! Which of the two media types an answer has, from the request's `Accept`.

use axum::http::{HeaderMap, header};

/// The media type of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/graphql-response+json`: the status code tells how it went.
    Response,
    /// `application/json`: 200 for every well-formed request, for older clients.
    Json,
}

impl Media {
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Response => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }

    /// What the caller prefers; `None` where it accepts neither. A caller that says nothing, or `*/*`, gets
    /// `application/json`; one that lists both alike gets the newer.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(header::ACCEPT).iter().peekable();
        if lines.peek().is_none() {
            return Some(Self::Json);
        }
        let ranges: Vec<Range> = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .filter_map(Range::read)
            .collect();
        let response = weight(&ranges, "graphql-response+json");
        let json = weight(&ranges, "json");
        match (response.quality, json.quality) {
            (0, 0) => None,
            (new, old) if new > old => Some(Self::Response),
            (new, old) if new == old && response.exactness > 1 => Some(Self::Response),
            _ => Some(Self::Json),
        }
    }
}

/// One media range of an `Accept` header.
struct Range<'a> {
    main: &'a str,
    sub: &'a str,
    /// In thousandths.
    quality: u16,
}

impl<'a> Range<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (main, sub) = parts.next()?.split_once('/')?;
        let mut quality = 1_000;
        for parameter in parts {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.trim().trim_matches('"');
            if name.trim().eq_ignore_ascii_case("q") {
                quality = thousandths(value)?;
            } else if name.trim().eq_ignore_ascii_case("charset") && !is_utf8(value) {
                return None;
            }
        }
        Some(Self { main, sub, quality })
    }
}

/// What a media type is worth to the caller, and how exactly it was named (0 not at all, 1 `*/*`, 2 `application/*`, 3 itself).
#[derive(Default)]
struct Weight {
    quality: u16,
    exactness: u8,
}

fn weight(ranges: &[Range<'_>], sub: &str) -> Weight {
    let mut best = Weight::default();
    for range in ranges {
        let exactness = match (range.main, range.sub) {
            ("*", "*") => 1,
            (main, "*") if main.eq_ignore_ascii_case("application") => 2,
            (main, other)
                if main.eq_ignore_ascii_case("application") && other.eq_ignore_ascii_case(sub) =>
            {
                3
            }
            _ => continue,
        };
        if exactness > best.exactness {
            best = Weight {
                quality: range.quality,
                exactness,
            };
        } else if exactness == best.exactness {
            best.quality = best.quality.max(range.quality);
        }
    }
    // `application/*` names no type of ours: the older one is the safe reading.
    if best.exactness == 2 {
        best.exactness = 1;
    }
    best
}

fn thousandths(text: &str) -> Option<u16> {
    let value: f32 = text.parse().ok()?;
    let thousandths = (value.clamp(0.0, 1.0) * 1_000.0).round();
    // Between 0 and 1000, or 0 for what is no number.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped above"
    )]
    Some(thousandths as u16)
}

/// Whether a charset parameter names the one encoding there is.
pub(super) fn is_utf8(charset: &str) -> bool {
    charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
}

#[cfg(test)]
mod tests {
    use super::Media;
    use axum::http::{HeaderMap, HeaderValue, header};

    fn accepted(lines: &[&str]) -> Option<Media> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::ACCEPT, HeaderValue::from_str(line).unwrap());
        }
        Media::accepted(&headers)
    }

    #[test]
    fn the_caller_chooses_the_media_type() {
        const NEW: Option<Media> = Some(Media::Response);
        const OLD: Option<Media> = Some(Media::Json);
        assert_eq!(accepted(&[]), OLD);
        for (accept, media) in [
            ("*/*", OLD),
            ("application/*", OLD),
            ("application/json", OLD),
            ("Application/JSON; charset=UTF-8", OLD),
            ("application/graphql-response+json", NEW),
            (
                "application/graphql-response+json; charset=utf-8, application/json; charset=utf-8",
                NEW,
            ),
            ("application/json, application/graphql-response+json", NEW),
            (
                "application/json, application/graphql-response+json;q=0.9",
                OLD,
            ),
            (
                "application/graphql-response+json;q=0.8, application/json;q=0.9",
                OLD,
            ),
            (
                "application/graphql-response+json,application/json;q=0.9",
                NEW,
            ),
            ("application/graphql-response+json;q=0, */*", OLD),
            ("application/json;q=0, */*", NEW),
            ("application/json;q=0, */*;q=0.1", NEW),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                OLD,
            ),
            (
                "multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json",
                NEW,
            ),
            ("text/html", None),
            ("application/json; charset=utf-16", None),
            ("application/json;q=0", None),
            ("*/*;q=0", None),
            ("", None),
            ("nonsense", None),
        ] {
            assert_eq!(accepted(&[accept]), media, "{accept}");
        }
        assert_eq!(
            accepted(&["text/html", "application/graphql-response+json"]),
            NEW
        );
    }
}
