//! The W3C `traceparent`: read strictly, written, and made new.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The length of `00-<32>-<16>-<2>`.
const LENGTH: usize = 55;

/// What a `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Context {
    /// The trace, never zero.
    pub(super) trace: u128,
    /// The span that asks, never zero.
    pub(super) span: u64,
    /// Whether whoever asks records its part.
    pub(super) sampled: bool,
}

impl Context {
    /// Reads a header; `None` where it is not exactly as the recommendation has it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = match (text.get(LENGTH..)?, text.get(..2)?) {
            ("", _) => text,
            // A later version may say more behind what is known.
            (more, version) if version != "00" && more.starts_with('-') => text.get(..LENGTH)?,
            _ => return None,
        };
        let mut parts = rest.split('-');
        let mut part = |length: usize| {
            let part = parts.next()?;
            let plain = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            (part.len() == length && part.bytes().all(plain)).then_some(part)
        };
        let (version, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        let context = Self {
            trace: u128::from_str_radix(trace, 16).ok()?,
            span: u64::from_str_radix(span, 16).ok()?,
            sampled: u8::from_str_radix(flags, 16).ok()? & 1 == 1,
        };
        (version != "ff" && context.trace != 0 && context.span != 0).then_some(context)
    }

    /// A new span below this one.
    pub(super) fn below(self) -> Self {
        Self {
            span: fresh(),
            ..self
        }
    }

    /// As a header.
    pub(super) fn header(self) -> String {
        let flags = u8::from(self.sampled);
        format!("00-{:032x}-{:016x}-{flags:02x}", self.trace, self.span)
    }
}

/// A number for a new span: unique in this process, not to be guessed, never zero.
pub(super) fn fresh() -> u64 {
    static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    SEED.hash_one(COUNT.fetch_add(1, Ordering::Relaxed)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_was_read_is_written_the_same() {
        let context = Context::parse(GOOD).unwrap();
        assert!(context.sampled);
        assert_eq!(context.header(), GOOD);
        let later = format!("cc{}-more", &GOOD[2..]);
        assert_eq!(Context::parse(&later), Some(context));
        for (flags, sampled) in [("00", false), ("02", false), ("03", true), ("ff", true)] {
            let context = Context::parse(&GOOD.replace("-01", &format!("-{flags}")));
            assert_eq!(context.unwrap().sampled, sampled, "{flags}");
        }
    }

    #[test]
    fn anything_else_is_not_read() {
        for odd in [
            String::new(),
            GOOD.to_uppercase(),
            format!("{GOOD}-more"),
            format!("{GOOD} "),
            format!(" {}", &GOOD[1..]),
            format!("ff{}", &GOOD[2..]),
            format!("cc{}x", &GOOD[2..]),
            GOOD.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            GOOD.replace("b7ad6b7169203331", &"0".repeat(16)),
            GOOD.replace("b7ad6b7169203331", "b7ad6b716920333g"),
            GOOD.replace("b7ad6b7169203331", "b7ad6b716920é31"),
            GOOD.replace('-', "_"),
            GOOD.replace("-01", "-+1"),
        ] {
            assert_eq!(Context::parse(&odd), None, "{odd}");
        }
    }

    #[test]
    fn new_numbers_differ() {
        assert_ne!(fresh(), fresh());
    }
}
