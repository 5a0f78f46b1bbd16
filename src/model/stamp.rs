//! What a CRM says, beside what it answers, of using that answer again: which version it is, and for how long it is good.
//!
//! It goes with what was read, so that the same can be asked for "if it has changed". It knows nothing of where it is kept.

use std::time::Duration;

/// What a CRM said of using an answer again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The name of the version, as the CRM writes it.
    pub tag: Option<Box<str>>,
    /// When the version was made, as the CRM writes it; only where it names no other version.
    pub modified: Option<Box<str>>,
    /// How it may be used again.
    pub reuse: Reuse,
}

/// How an answer may be used again, as far as the CRM says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// Whether it may be kept at all.
    pub keep: bool,
    /// For how long without asking again.
    pub fresh: Option<Duration>,
    /// Whether it may stand in after that, while the CRM fails.
    pub stands_in: bool,
}

impl Default for Reuse {
    /// As the configuration says.
    fn default() -> Self {
        Self {
            keep: true,
            fresh: None,
            stands_in: true,
        }
    }
}

impl Stamp {
    /// Whether the CRM can be asked if it has another version.
    pub fn names_a_version(&self) -> bool {
        self.tag.is_some() || self.modified.is_some()
    }

    /// How many bytes it takes.
    pub fn bytes(&self) -> usize {
        let texts = [&self.tag, &self.modified].into_iter().flatten();
        size_of::<Self>() + texts.map(|text| text.len()).sum::<usize>()
    }
}
