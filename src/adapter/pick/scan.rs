//! Reads a JSON text (RFC 8259) piece by piece: strictly, without a tree, and without copying plain text.
//!
//! Answers of CRMs are most of what the gateway reads, and most of each answer is not wanted; a reader that knows no types is
//! several times faster at that than a general one. Whatever is wanted as a tree is left to `serde_json`.

use super::leaf::Leaf;
use serde_json::Value;
use std::borrow::Cow;

/// How many arrays and objects may stand in each other; as many as `serde_json` reads, which reads the trees.
const DEEPEST: u8 = 127;

/// The text is no JSON, or nested too deeply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is not JSON")]
pub struct NotJson;

/// A place in a JSON text.
pub(super) struct Scanner<'de> {
    text: &'de str,
    at: usize,
    depth: u8,
}

/// A string's content as it is written.
#[derive(Clone, Copy)]
pub(super) struct Written<'de> {
    text: &'de str,
    escaped: bool,
}

impl<'de> Written<'de> {
    /// The content that is meant.
    #[inline]
    pub(super) fn read(self) -> Result<Cow<'de, str>, NotJson> {
        if !self.escaped {
            return Ok(Cow::Borrowed(self.text));
        }
        let quoted = |text: &str| serde_json::from_str(&format!("\"{text}\""));
        quoted(self.text)
            .or_else(|_| quoted(&without_halves(self.text)))
            .map(Cow::Owned)
            .map_err(|_| NotJson)
    }
}

impl<'de> Scanner<'de> {
    pub(super) fn new(text: &'de str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    /// The first byte of what comes next; white space is skipped.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<u8, NotJson> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(NotJson),
            }
        }
    }

    /// Nothing but white space is left.
    pub(super) fn end(&mut self) -> Result<(), NotJson> {
        match self.peek() {
            Ok(_) => Err(NotJson),
            Err(NotJson) => Ok(()),
        }
    }

    #[inline]
    fn expect(&mut self, wanted: u8) -> Result<(), NotJson> {
        if self.peek()? != wanted {
            return Err(NotJson);
        }
        self.at += 1;
        Ok(())
    }

    /// Enters an array or object, which `open` begins and `close` ends; `false` where nothing is in it.
    #[inline]
    pub(super) fn enter(&mut self, open: u8, close: u8) -> Result<bool, NotJson> {
        self.expect(open)?;
        if self.depth == DEEPEST {
            return Err(NotJson);
        }
        self.depth += 1;
        if self.peek()? == close {
            self.leave();
            return Ok(false);
        }
        Ok(true)
    }

    /// After an element: whether another follows. The end is left behind.
    #[inline]
    pub(super) fn goes_on(&mut self, close: u8) -> Result<bool, NotJson> {
        match self.peek()? {
            b',' => {
                self.at += 1;
                Ok(true)
            }
            byte if byte == close => {
                self.leave();
                Ok(false)
            }
            _ => Err(NotJson),
        }
    }

    #[inline]
    fn leave(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    /// A member's name and the colon behind it.
    #[inline]
    pub(super) fn name(&mut self) -> Result<Written<'de>, NotJson> {
        let name = self.string()?;
        self.expect(b':')?;
        Ok(name)
    }

    /// A string.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Written<'de>, NotJson> {
        self.expect(b'"')?;
        let from = self.at;
        let mut escaped = false;
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let found = special(rest).ok_or(NotJson)?;
            self.at += found + 1;
            match rest.get(found) {
                Some(b'"') => {
                    let text = self.text.get(from..self.at - 1).ok_or(NotJson)?;
                    return Ok(Written { text, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                // A control character must be escaped.
                _ => return Err(NotJson),
            }
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Result<(), NotJson> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let length = match rest {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 1,
            [b'u', a, b, c, d, ..]
                if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) =>
            {
                5
            }
            _ => return Err(NotJson),
        };
        self.at += length;
        Ok(())
    }

    /// A number as it is written, and whether it is a whole one.
    fn number(&mut self) -> Result<(&'de str, bool), NotJson> {
        let from = self.at;
        let bytes = self.text.as_bytes();
        let digits = |at: usize| {
            let rest = bytes.get(at..).unwrap_or_default();
            rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
        };
        let mut at = from + usize::from(bytes.get(from) == Some(&b'-'));
        let whole = digits(at);
        if whole == 0 || (whole > 1 && bytes.get(at) == Some(&b'0')) {
            return Err(NotJson);
        }
        at += whole;
        let integral = at;
        if bytes.get(at) == Some(&b'.') {
            let behind = digits(at + 1);
            if behind == 0 {
                return Err(NotJson);
            }
            at += 1 + behind;
        }
        if let Some(b'e' | b'E') = bytes.get(at) {
            at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            let power = digits(at);
            if power == 0 {
                return Err(NotJson);
            }
            at += power;
        }
        self.at = at;
        let written = self.text.get(from..at).ok_or(NotJson)?;
        Ok((written, at == integral))
    }

    fn word(&mut self, word: &str) -> Result<(), NotJson> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(NotJson);
        }
        self.at += word.len();
        Ok(())
    }

    /// Whatever comes next, left aside.
    #[inline]
    pub(super) fn skip(&mut self) -> Result<(), NotJson> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => self.skip_members(),
            b'[' => self.skip_elements(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number().map(drop),
        }
    }

    fn skip_members(&mut self) -> Result<(), NotJson> {
        let mut more = self.enter(b'{', b'}')?;
        while more {
            self.name()?;
            self.skip()?;
            more = self.goes_on(b'}')?;
        }
        Ok(())
    }

    fn skip_elements(&mut self) -> Result<(), NotJson> {
        let mut more = self.enter(b'[', b']')?;
        while more {
            self.skip()?;
            more = self.goes_on(b']')?;
        }
        Ok(())
    }

    /// Whatever comes next.
    #[inline]
    pub(super) fn leaf(&mut self) -> Result<Leaf<'de>, NotJson> {
        match self.peek()? {
            b'"' => self.string()?.read().map(Leaf::Text),
            b'{' | b'[' => {
                let from = self.at;
                self.skip()?;
                let text = self.text.get(from..self.at).ok_or(NotJson)?;
                tree(text).map(|tree| Leaf::Tree(Box::new(tree)))
            }
            b't' => self.word("true").map(|()| Leaf::Bool(true)),
            b'f' => self.word("false").map(|()| Leaf::Bool(false)),
            b'n' => self.word("null").map(|()| Leaf::Null),
            _ => {
                let (written, is_whole) = self.number()?;
                number(written, is_whole)
            }
        }
    }
}

fn tree(text: &str) -> Result<Value, NotJson> {
    serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&without_halves(text)))
        .map_err(|_| NotJson)
}

fn number(written: &str, is_whole: bool) -> Result<Leaf<'static>, NotJson> {
    if is_whole && written != "-0" {
        if let Ok(value) = written.parse() {
            return Ok(Leaf::Int(value));
        }
        if let Ok(value) = written.parse() {
            return Ok(Leaf::Uint(value));
        }
    }
    match written.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Leaf::Float(value)),
        _ => Err(NotJson),
    }
}

/// The same text with U+FFFD for each escaped half of a character that has no other half: a CRM that cut a text in the middle
/// of an emoji has still sent a page of customers.
fn without_halves(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        whole.push_str(before);
        let length = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => 0,
            (Some(_), _) => 6,
            (None, _) => 2,
        };
        let (kept, behind) = escape.split_at_checked(length).unwrap_or((escape, ""));
        whole.push_str(kept);
        rest = behind;
        if length == 0 {
            whole.push_str("\\ufffd");
            rest = escape.get(6..).unwrap_or_default();
        }
    }
    whole + rest
}

/// The UTF-16 unit that an escape at the beginning of a text stands for.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

/// Where the first quote, backslash or control character stands.
#[inline]
fn special(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let found = specials(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    rest.iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))
        .map(|at| words.len() * 8 + at)
}

/// The highest bit of each byte that is one of these. Above the first one there may be false ones.
#[inline]
const fn specials(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let quotes = word ^ (ONES * b'"' as u64);
    let slashes = word ^ (ONES * b'\\' as u64);
    let below = word.wrapping_sub(ONES * 0x20) & !word;
    let zeros = (quotes.wrapping_sub(ONES) & !quotes) | (slashes.wrapping_sub(ONES) & !slashes);
    (below | zeros) & HIGH
}
