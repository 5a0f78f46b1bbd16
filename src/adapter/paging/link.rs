//! A link leads to the next page. It is followed only to the base's own host and to hosts the adapter declares, and only
//! over the same scheme, so credentials never leave them. Positions keep no credentials and no more of the address than
//! needed.

use crate::adapter::faults::malformed;
use crate::adapter::pick::Leaf;
use crate::adapter::request::Draft;
use crate::source::{Position, SourceError};
use url::{Url, form_urlencoded};

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
        let authority = host_and_port(&url)?;
        let declared = url.scheme() == self.base.scheme() && self.others.contains(&authority);
        let plain = url.username().is_empty() && url.password().is_none();
        ((same_origin || declared) && plain).then_some(url)
    }

    /// The text of a position: path and query, with the host only where it is another one; no credential.
    fn kept(&self, mut url: Url) -> String {
        if let (Some(name), Some(query)) = (&self.credential, url.query()) {
            let rest = without(query, name);
            url.set_query(Some(&*rest).filter(|rest| !rest.is_empty()));
        }
        url.set_fragment(None);
        if url.origin() != self.base.origin() {
            return url.into();
        }
        // A path that begins with two slashes would be read as a host.
        let here = if url.path().starts_with("//") {
            "/."
        } else {
            ""
        };
        match url.query() {
            Some(query) => format!("{here}{}?{query}", url.path()),
            None => format!("{here}{}", url.path()),
        }
    }
}

/// A query without the parameters of this name; the others byte for byte, as a link may be signed.
fn without(query: &str, name: &str) -> String {
    let is_other = |pair: &&str| {
        let mut names = form_urlencoded::parse(pair.as_bytes()).map(|(known, _)| known);
        names.all(|known| known != name)
    };
    let others: Vec<&str> = query.split('&').filter(is_other).collect();
    others.join("&")
}

/// A host of a file, as addresses by this scheme have it; `None` where it is none.
pub fn authority(scheme: &str, host: &str) -> Option<String> {
    let is_bare = !host.contains(['/', '\\', '?', '#', '@']);
    let url = Url::parse(&format!("{scheme}://{host}")).ok()?;
    host_and_port(&url).filter(|_| is_bare)
}

/// The host of an address, with its port where that is not the scheme's own.
fn host_and_port(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
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
            let own: Vec<String> = url.query_pairs().map(|(name, _)| name.into()).collect();
            for (name, value) in draft.query_pairs() {
                if keep.contains(&name) && !own.contains(&name) {
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
    let Some(link) = said(leaf)? else {
        return Ok(None);
    };
    let url = hosts
        .allowed(&link, from.unwrap_or(&hosts.base))
        .ok_or_else(stray)?;
    Ok(Some(Position::Token(hosts.kept(url).into())))
}

/// The address that a value is or holds; `None` where it stands for nothing. What is neither says nothing, and an end is never
/// guessed.
fn said(leaf: Leaf<'_>) -> Result<Option<String>, SourceError> {
    let odd = || malformed("the CRM leads on with what is neither a link nor an end");
    match leaf {
        Leaf::Text(text) if !text.is_empty() => Ok(Some(text.into_owned())),
        Leaf::Int(_) | Leaf::Uint(_) | Leaf::Float(_) => Err(odd()),
        leaf if leaf.is_nothing() => Ok(None),
        Leaf::Tree(tree) => match tree.get("href").map(Leaf::of) {
            None | Some(Leaf::Tree(_)) => Err(odd()),
            Some(href) => said(href),
        },
        _ => Err(odd()),
    }
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
    fn a_host_of_a_file_is_as_addresses_have_it() {
        let host = |text| authority("https", text);
        assert_eq!(host("A.Example.com").as_deref(), Some("a.example.com"));
        assert_eq!(host("a.example.com:443").as_deref(), Some("a.example.com"));
        assert_eq!(
            host("a.example.com:80").as_deref(),
            Some("a.example.com:80")
        );
        for none in [
            "",
            "https://a.example.com",
            "a.example.com/",
            "u@a.example.com",
            "a b",
        ] {
            assert_eq!(host(none), None, "{none}");
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
