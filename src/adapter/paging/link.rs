//! A link leads to the next page. It is followed only to the base's own host and to hosts the adapter declares, and only
//! over the same scheme, so credentials never leave them. Positions keep no credentials and no more of the address than
//! needed.

use crate::adapter::faults::malformed;
use crate::adapter::pick::Leaf;
use crate::adapter::request::Draft;
use crate::source::{Position, SourceError};
use serde_json::Value;
use url::Url;

/// Where links may lead.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// The adapter's own base, as an address.
    pub base: Url,
    /// Further hosts, with their port where it is not the scheme's own.
    pub others: Vec<String>,
    /// The query parameter that holds a credential, to be taken out of links.
    pub credential: Option<String>,
}

impl Hosts {
    /// The address of a link, if it may be followed.
    fn allowed(&self, link: &str, from: &Url) -> Option<Url> {
        let url = from.join(link).ok()?;
        let same_origin = url.origin() == self.base.origin();
        let authority = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => return None,
        };
        let declared = url.scheme() == self.base.scheme() && self.others.contains(&authority);
        let plain = url.username().is_empty() && url.password().is_none();
        ((same_origin || declared) && plain).then_some(url)
    }

    /// The text of a position: path and query, with the host only where it is another one; no credential.
    fn kept(&self, mut url: Url) -> String {
        if let Some(name) = &self.credential {
            let rest: Vec<(String, String)> = url
                .query_pairs()
                .filter(|(key, _)| key != name)
                .map(|(k, v)| (k.into_owned(), v.into_owned()))
                .collect();
            url.query_pairs_mut().clear().extend_pairs(rest);
        }
        url.set_fragment(None);
        if url.origin() == self.base.origin() {
            match url.query() {
                Some(query) => format!("{}?{query}", url.path()),
                None => url.path().to_owned(),
            }
        } else {
            url.into()
        }
    }
}

/// The address to follow; `None` at the start of the list.
pub fn place(
    at: &Position,
    keep: &[String],
    hosts: &Hosts,
    draft: &mut Draft<'_>,
) -> Result<Option<Url>, SourceError> {
    match at {
        Position::Start => Ok(None),
        Position::Token(link) => {
            let mut url = hosts.allowed(link, &hosts.base).ok_or_else(stray)?;
            for (name, value) in draft.query_pairs() {
                if keep.contains(&name) && !url.query_pairs().any(|(known, _)| known == name) {
                    url.query_pairs_mut().append_pair(&name, &value);
                }
            }
            Ok(Some(url))
        }
        _ => Err(malformed("a position of the list is no link")),
    }
}

/// The position a link in an answer leads to.
pub fn read(
    leaf: Leaf<'_>,
    from: Option<&Url>,
    hosts: &Hosts,
) -> Result<Option<Position>, SourceError> {
    let link = match leaf {
        Leaf::Text(text) if !text.is_empty() => text,
        Leaf::Tree(tree) if tree.is_object() => match tree.get("href").and_then(Value::as_str) {
            Some(href) => href.to_owned().into(),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    let url = hosts
        .allowed(&link, from.unwrap_or(&hosts.base))
        .ok_or_else(stray)?;
    Ok(Some(Position::Token(hosts.kept(url).into())))
}

fn stray() -> SourceError {
    malformed("a link leads to a host that the adapter does not name, or there by another scheme")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        Hosts {
            base: Url::parse("https://api.example.com/v1").unwrap(),
            others: vec!["acme.example.com".into()],
            credential: Some("api_token".into()),
        }
    }

    fn position(link: &str) -> Result<Option<String>, SourceError> {
        let read = read(Leaf::Text(link.to_owned().into()), None, &hosts())?;
        Ok(read.map(|position| match position {
            Position::Token(text) => text.to_string(),
            other => panic!("{other:?}"),
        }))
    }

    #[test]
    fn links_lead_only_to_declared_hosts() {
        assert_eq!(
            position("https://api.example.com/v1/c?p=2")
                .unwrap()
                .as_deref(),
            Some("/v1/c?p=2")
        );
        assert_eq!(
            position("/v1/c?p=2#x").unwrap().as_deref(),
            Some("/v1/c?p=2")
        );
        assert_eq!(
            position("https://acme.example.com/c?p=2")
                .unwrap()
                .as_deref(),
            Some("https://acme.example.com/c?p=2")
        );
        for bad in [
            "https://evil.example.net/c",
            "http://api.example.com/v1/c",
            "//evil.example.net/c",
            "https://user:pw@api.example.com/v1/c",
            "https://api.example.com:8443/v1/c",
            "file:///etc/passwd",
            "javascript:alert(1)",
        ] {
            assert!(position(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_position_holds_no_credential() {
        assert_eq!(
            position("/v1/c?api_token=s3cret&p=2").unwrap().as_deref(),
            Some("/v1/c?p=2")
        );
    }
}
