//! The id of a customer inside its CRM.

use std::fmt;

/// The longest id of a CRM that is accepted, in bytes.
const LONGEST: usize = 512;

/// A customer's id in its CRM: checked text that is safe to place, encoded, into one URL path segment.
///
/// Ids are opaque: a numeric id is kept as the digits the CRM sent.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalId(Box<str>);

/// Why a text cannot be the id of a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing in it.
    #[error("an id cannot be empty")]
    Empty,
    /// Longer than any CRM's id.
    #[error("an id cannot be longer than {LONGEST} bytes")]
    TooLong,
    /// `.` and `..`, alone or between slashes, would change the path they stand in, even percent-encoded, for many servers.
    #[error("an id cannot be or hold \".\" or \"..\" as a part of a path")]
    DotSegment,
    /// NUL, a line break or another control character.
    #[error("an id cannot hold control characters")]
    Control,
}

impl LocalId {
    /// Checks and takes an id.
    ///
    /// # Errors
    /// [`IdError`] names what is wrong with the text.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, IdError> {
        let text = text.into();
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() > LONGEST {
            return Err(IdError::TooLong);
        }
        if leads_away(&text) {
            return Err(IdError::DotSegment);
        }
        let is_plain = |plain, byte: u8| plain & matches!(byte, b' '..=b'~');
        if !text.bytes().fold(true, is_plain) && text.chars().any(char::is_control) {
            return Err(IdError::Control);
        }
        Ok(Self(text))
    }

    /// The id as the CRM writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a server that unpacks `%2F` before it looks at paths would walk through them.
fn leads_away(text: &str) -> bool {
    // Few ids have a dot at all.
    text.contains('.')
        && text
            .split(['/', '\\'])
            .any(|part| matches!(part, "." | ".."))
}

impl fmt::Display for LocalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for LocalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalId({:?})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_could_change_a_path_are_refused() {
        assert_eq!(LocalId::new(""), Err(IdError::Empty));
        assert_eq!(LocalId::new("."), Err(IdError::DotSegment));
        assert_eq!(LocalId::new(".."), Err(IdError::DotSegment));
        assert_eq!(LocalId::new("a\0b"), Err(IdError::Control));
        assert_eq!(LocalId::new("a\nb"), Err(IdError::Control));
        assert_eq!(LocalId::new("x".repeat(513)), Err(IdError::TooLong));
        for leading in [
            "../x", "a/../b", "a/..", "a/./b", "..\\x", "a\\..", "/.", "a/..\\b",
        ] {
            assert_eq!(LocalId::new(leading), Err(IdError::DotSegment), "{leading}");
        }
        for fine in ["a/b", "a\\b", "..x/y", "a/.../b", ".x", "x?y#z%00"] {
            assert!(
                LocalId::new(fine).is_ok(),
                "{fine} is encoded as one segment"
            );
        }
        assert!(LocalId::new("507f1f77bcf86cd799439011").is_ok());
    }
}
