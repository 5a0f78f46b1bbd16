//! What a caller brings along for the CRMs themselves: credentials of their own, by the header that each came in.
//!
//! Nothing of it prints. What tells two of them apart is a keyed hash, from which neither can be read back; caches and cursors
//! know that hash alone. Idempotency keys outlive the key it is made with, so they know another one, which needs none.

use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Stands for credentials; nobody without the key can tell which.
pub type Print = [u8; 32];

/// What stands for the credentials that one source gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prints {
    /// For what may be forgotten: it changes with the key.
    pub keyed: Print,
    /// For what must not: it is the same for ever, so it is kept only as part of something that is hashed under a secret.
    pub lasting: Print,
}

/// Everything that one caller brought.
#[derive(Clone, Default)]
pub struct Brought(Option<Arc<BTreeMap<Box<str>, Given>>>);

/// What came in one header.
enum Given {
    /// A credential, and what stands for it.
    Credential(SecretString, Print),
    /// Something that no credential can be.
    Unusable,
}

/// Why credentials cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// A header is not there.
    Missing,
    /// A header is there, and holds no credential.
    Unusable,
}

impl Brought {
    /// What came in these headers; `None` for one that holds no credential. `key` is secret and the same on every replica.
    pub fn new<'a>(
        key: &[u8; 32],
        given: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Self {
        let given = given.into_iter().map(|(header, text)| {
            let credential = |text: &str| {
                let print = blake3::keyed_hash(key, text.as_bytes());
                Given::Credential(text.into(), *print.as_bytes())
            };
            (header.into(), text.map_or(Given::Unusable, credential))
        });
        let given: BTreeMap<Box<str>, Given> = given.collect();
        Self((!given.is_empty()).then(|| Arc::new(given)))
    }

    /// Whether there is nothing.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Stands for all of it.
    pub fn print(&self) -> Option<Print> {
        let given = self.0.as_ref()?;
        let mut hasher = blake3::Hasher::new();
        for (header, given) in given.iter() {
            tell(&mut hasher, header);
            match given {
                Given::Credential(_, print) => hasher.update(&[1]).update(print),
                Given::Unusable => hasher.update(&[0]),
            };
        }
        Some(*hasher.finalize().as_bytes())
    }

    /// The credentials in these headers, each by its name, and what stands for them together.
    ///
    /// # Errors
    /// One of them is missing, or no credential.
    pub fn named<'b>(
        &'b self,
        headers: &'b BTreeMap<String, Box<str>>,
    ) -> Result<(BTreeMap<&'b str, &'b str>, Prints), Unfit> {
        let (mut keyed, mut lasting) = (blake3::Hasher::new(), blake3::Hasher::new());
        let mut all = BTreeMap::new();
        for (name, header) in headers {
            let given = self.0.as_ref().and_then(|given| given.get(header));
            let (text, print) = match given {
                None => return Err(Unfit::Missing),
                Some(Given::Unusable) => return Err(Unfit::Unusable),
                Some(Given::Credential(text, print)) => (text.expose_secret(), print),
            };
            tell(&mut keyed, name);
            keyed.update(print);
            tell(&mut lasting, name);
            tell(&mut lasting, text);
            all.insert(name.as_str(), text);
        }
        let prints = Prints {
            keyed: *keyed.finalize().as_bytes(),
            lasting: *lasting.finalize().as_bytes(),
        };
        Ok((all, prints))
    }
}

impl std::fmt::Debug for Brought {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Brought")
    }
}

/// A text with its length before it, so that no two lists of texts look alike.
fn tell(hasher: &mut blake3::Hasher, text: &str) {
    hasher
        .update(&(text.len() as u64).to_le_bytes())
        .update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn headers(of: &[(&str, &str)]) -> BTreeMap<String, Box<str>> {
        let owned = |(name, header): &(&str, &str)| ((*name).to_owned(), Box::from(*header));
        of.iter().map(owned).collect()
    }

    #[test]
    fn whatever_differs_has_another_print_and_nothing_prints() {
        let of = |key: &[u8; 32], given: &[(&str, Option<&str>)]| {
            Brought::new(key, given.iter().copied()).print()
        };
        let all = [
            of(&KEY, &[]),
            of(&KEY, &[("x-a", None)]),
            of(&KEY, &[("x-a", Some("one"))]),
            of(&KEY, &[("x-a", Some("two"))]),
            of(&KEY, &[("x-b", Some("one"))]),
            of(&KEY, &[("x-a", Some("one")), ("x-b", Some("one"))]),
            of(&[8; 32], &[("x-a", Some("one"))]),
        ];
        for (at, print) in all.iter().enumerate() {
            assert!(!all[..at].contains(print), "{at}");
        }
        assert_eq!(all[2], of(&KEY, &[("x-a", Some("one"))]));
        let brought = Brought::new(&KEY, [("x-a", Some("one"))]);
        assert_eq!(format!("{brought:?}"), "Brought");
    }

    #[test]
    fn a_source_gets_what_came_in_its_own_headers_or_nothing() {
        let brought = Brought::new(&KEY, [("x-a", Some("one")), ("x-b", None)]);
        let own = headers(&[("api_key", "x-a")]);
        let (named, print) = brought.named(&own).unwrap();
        assert_eq!(named, BTreeMap::from([("api_key", "one")]));
        let two = headers(&[("user", "x-a"), ("pass", "x-a")]);
        assert_ne!(brought.named(&two).unwrap().1, print);
        for (header, unfit) in [("x-b", Unfit::Unusable), ("x-c", Unfit::Missing)] {
            let wanted = headers(&[("api_key", "x-a"), ("other", header)]);
            assert_eq!(brought.named(&wanted).unwrap_err(), unfit);
        }
        assert_eq!(Brought::default().named(&own).unwrap_err(), Unfit::Missing);
    }

    #[test]
    fn of_two_prints_one_changes_with_the_key_and_both_with_the_credential() {
        let own = headers(&[("api_key", "x-a")]);
        let of = |key: &[u8; 32], text: &str| {
            let brought = Brought::new(key, [("x-a", Some(text))]);
            brought.named(&own).unwrap().1
        };
        let (one, other, rekeyed) = (of(&KEY, "one"), of(&KEY, "two"), of(&[8; 32], "one"));
        assert_eq!(one, of(&KEY, "one"));
        assert!(one.keyed != other.keyed && one.lasting != other.lasting);
        assert!(one.keyed != rekeyed.keyed && one.lasting == rekeyed.lasting);
    }
}
