//! The short way through an answer: JSON as CRMs nearly always write it, read by hand.
//!
//! It goes along the tree of names as [`super::walk`] does, without a parser's calls in between. Whatever it does not know
//! (an escaped name, an odd number, anything that is no JSON) makes the whole answer go the other way, so there is one
//! meaning and two speeds. Single values that need more than a look are left to `serde_json`.

use super::walk::{LeafSeed, keep, misplaced};
use super::{Branch, Element, Leaf, NoRows, Picked, Picker, Rows, RowsSeen};
use serde::de::{DeserializeSeed, IgnoredAny};
use serde_json::Value;
use std::borrow::Cow;
use std::marker::PhantomData;

/// Digits that fit a whole number of 64 bits, whatever they are.
const DIGITS: usize = 18;

/// Reads a value that nobody wants.
const IGNORED: PhantomData<IgnoredAny> = PhantomData;

/// Picks from a document; `None` where it has to go the other way.
pub(super) fn pick<'de, R: Rows<'de>>(
    picker: &Picker,
    text: &'de str,
    rows: &mut R,
) -> Option<Picked<'de>> {
    let mut leaves = vec![Leaf::Absent; picker.slots];
    let mut seen = RowsSeen::Absent;
    let mut scan = Scan { text, at: 0 };
    let mut found = Found {
        leaves: &mut leaves,
        rows,
        seen: &mut seen,
    };
    scan.value(&picker.root, &mut found)?;
    scan.next()
        .is_none()
        .then_some(Picked { leaves, rows: seen })
}

/// How deep arrays and objects are read here; `serde_json` decides what is too deep.
const DEEP: usize = 64;

/// What is filled on the way.
struct Found<'f, 'de, R> {
    leaves: &'f mut [Leaf<'de>],
    rows: &'f mut R,
    seen: &'f mut RowsSeen,
}

/// A place in a text.
struct Scan<'de> {
    text: &'de str,
    at: usize,
}

impl<'de> Scan<'de> {
    /// The next byte that is no space; it is not passed.
    fn next(&mut self) -> Option<u8> {
        loop {
            match *self.text.as_bytes().get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    /// Passes this byte.
    fn pass(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then(|| self.at += 1)
    }

    /// Passes a comma, or the end of what is being read: whether more follows.
    fn more(&mut self, end: u8) -> Option<bool> {
        let byte = self.next()?;
        self.at += 1;
        match byte {
            b',' => Some(true),
            _ => (byte == end).then_some(false),
        }
    }

    /// Whether an array or object ends where it begins; then its end is passed.
    fn is_empty(&mut self, end: u8) -> Option<bool> {
        self.at += 1;
        let empty = self.next()? == end;
        self.at += usize::from(empty);
        Some(empty)
    }

    fn value<R: Rows<'de>>(
        &mut self,
        branch: &Branch,
        found: &mut Found<'_, 'de, R>,
    ) -> Option<()> {
        if !branch.slots.is_empty() {
            let leaf = self.leaf()?;
            keep(branch, leaf, found.leaves);
            return Some(());
        }
        let begins = self.next()?;
        if begins == b'{' {
            return self.object(branch, found);
        }
        if !branch.rows {
            return match branch.numbered && begins == b'[' {
                true => self.elements(branch, found),
                false => self.instead(branch, found.leaves),
            };
        }
        match begins {
            b'[' => {
                *found.seen = RowsSeen::Array;
                self.rows(found.rows)
            }
            b'n' => {
                *found.seen = RowsSeen::Null;
                self.other()
            }
            _ => {
                *found.seen = RowsSeen::Other;
                self.other()
            }
        }
    }

    /// Passes a value where another kind of value is looked for. A number is looked at there: it must be within bounds.
    fn other(&mut self) -> Option<()> {
        match self.next()? {
            b'{' | b'[' => self.skip(),
            _ => self.leaf().map(drop),
        }
    }

    /// Passes a value where an object is looked for.
    fn instead(&mut self, branch: &Branch, leaves: &mut [Leaf<'de>]) -> Option<()> {
        if matches!(self.next()?, b'{' | b'[') {
            return self.skip();
        }
        misplaced(branch, &self.leaf()?, leaves);
        Some(())
    }

    fn object<R: Rows<'de>>(
        &mut self,
        branch: &Branch,
        found: &mut Found<'_, 'de, R>,
    ) -> Option<()> {
        if branch.rows {
            *found.seen = RowsSeen::Other;
        }
        let mut more = !self.is_empty(b'}')?;
        let mut expected = 0;
        while more {
            let next = self.next_name(branch.members.get(expected));
            expected += usize::from(next.is_some());
            let below = match next {
                Some(next) => Some(next),
                None => below(&branch.members, self.name()?, &mut expected),
            };
            self.pass(b':')?;
            match below {
                Some(below) => self.value(below, found)?,
                None => self.skip()?,
            }
            more = self.more(b'}')?;
        }
        Some(())
    }

    /// An array on the way to the rows.
    fn elements<R: Rows<'de>>(
        &mut self,
        branch: &Branch,
        found: &mut Found<'_, 'de, R>,
    ) -> Option<()> {
        let mut more = !self.is_empty(b']')?;
        let mut index = 0;
        while more {
            match branch.element(index) {
                Some(below) => self.value(below, found)?,
                None => self.skip()?,
            }
            index += 1;
            more = self.more(b']')?;
        }
        Some(())
    }

    fn rows<R: Rows<'de>>(&mut self, rows: &mut R) -> Option<()> {
        rows.begin();
        let mut leaves = Vec::new();
        let mut more = !self.is_empty(b']')?;
        while more {
            let element = self.row(rows.picker(), &mut leaves)?;
            rows.row(&mut leaves, element);
            more = self.more(b']')?;
        }
        Some(())
    }

    fn row(&mut self, picker: &Picker, leaves: &mut Vec<Leaf<'de>>) -> Option<Element> {
        picker.clear(leaves);
        let element = match self.next()? {
            b'{' if !picker.root.slots.is_empty() => {
                keep(&picker.root, self.tree()?, leaves);
                return Some(Element::Object);
            }
            b'{' => {
                let mut found = Found {
                    leaves,
                    rows: &mut NoRows::new(),
                    seen: &mut RowsSeen::Absent,
                };
                self.object(&picker.root, &mut found)?;
                return Some(Element::Object);
            }
            b'n' => Element::Null,
            _ => Element::Other,
        };
        self.other()?;
        Some(element)
    }

    /// Passes the name of this member, where it is the one that comes: records are written in one order, which often is that
    /// of the adapter file.
    fn next_name<'b>(&mut self, member: Option<&'b (Box<str>, Branch)>) -> Option<&'b Branch> {
        let (name, below) = member.filter(|(_, below)| below.unescaped)?;
        self.next()?;
        let rest = self.text.as_bytes().get(self.at..)?;
        let rest = rest.strip_prefix(b"\"")?.strip_prefix(name.as_bytes())?;
        rest.starts_with(b"\"").then(|| self.at += name.len() + 2)?;
        Some(below)
    }

    /// A member's name, or a text that is written like one: without escapes.
    fn name(&mut self) -> Option<&'de str> {
        self.pass(b'"')?;
        let begin = self.at;
        let length = plain(self.text.as_bytes().get(begin..)?)?;
        let end = begin + length;
        self.at = end + 1;
        // Not passed as a token: what stands before the quote belongs to the name.
        let ends = self.text.as_bytes().get(end) == Some(&b'"');
        self.text.get(begin..end).filter(|_| ends)
    }

    fn leaf(&mut self) -> Option<Leaf<'de>> {
        match self.next()? {
            b'"' => self.string(),
            b'n' => self.word("null", Leaf::Null),
            b't' => self.word("true", Leaf::Bool(true)),
            b'f' => self.word("false", Leaf::Bool(false)),
            b'[' => self.texts().or_else(|| self.tree()),
            b'{' => self.tree(),
            _ => self.number(),
        }
    }

    fn tree(&mut self) -> Option<Leaf<'de>> {
        parsed(self.composite()?, LeafSeed)
    }

    /// A list of texts, as tags are. Where it is another list, nothing is passed.
    fn texts(&mut self) -> Option<Leaf<'de>> {
        let begin = self.at;
        let texts = self.plain_texts();
        if texts.is_none() {
            self.at = begin;
        }
        texts.map(|texts| Leaf::Tree(Box::new(Value::Array(texts))))
    }

    fn plain_texts(&mut self) -> Option<Vec<Value>> {
        let mut texts = Vec::new();
        let mut more = !self.is_empty(b']')?;
        while more {
            // A text is written as a name is.
            texts.push(Value::from(self.name()?));
            more = self.more(b']')?;
        }
        Some(texts)
    }

    fn word(&mut self, word: &str, leaf: Leaf<'de>) -> Option<Leaf<'de>> {
        let follows = self.text.as_bytes().get(self.at..)?;
        follows.starts_with(word.as_bytes()).then(|| {
            self.at += word.len();
            leaf
        })
    }

    fn string(&mut self) -> Option<Leaf<'de>> {
        let begin = self.at;
        let length = plain(self.text.as_bytes().get(begin + 1..)?)?;
        let end = begin + 1 + length;
        if self.text.as_bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            let text = self.text.get(begin + 1..end)?;
            return Some(Leaf::Text(Cow::Borrowed(text)));
        }
        self.pass_string()?;
        parsed(self.text.get(begin..self.at)?, LeafSeed)
    }

    /// Passes a string, whatever it holds.
    fn pass_string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            self.at += plain(self.text.as_bytes().get(self.at..)?)?;
            match self.text.as_bytes().get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => return None,
            }
        }
        self.at += 1;
        Some(())
    }

    fn number(&mut self) -> Option<Leaf<'de>> {
        let text = self.number_text()?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let whole = (1..=DIGITS).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if whole {
            return text.parse().ok().map(Leaf::Int);
        }
        parsed(text, LeafSeed)
    }

    fn number_text(&mut self) -> Option<&'de str> {
        let begin = self.at;
        let rest = self.text.as_bytes().get(begin..)?;
        let belongs =
            |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.iter().take_while(|byte| belongs(byte)).count();
        self.at = begin + length;
        self.text
            .get(begin..self.at)
            .filter(|text| !text.is_empty())
    }

    /// Passes a value that nobody wants. It must be JSON all the same.
    fn skip(&mut self) -> Option<()> {
        match self.next()? {
            b'"' => self.string().map(drop),
            b'n' => self.word("null", Leaf::Null).map(drop),
            b't' => self.word("true", Leaf::Null).map(drop),
            b'f' => self.word("false", Leaf::Null).map(drop),
            b'{' | b'[' => parsed(self.composite()?, IGNORED).map(drop),
            _ => parsed(self.number_text()?, IGNORED).map(drop),
        }
    }

    /// The text of an array or object: up to where its brackets close.
    fn composite(&mut self) -> Option<&'de str> {
        let begin = self.at;
        let mut open = 0_usize;
        loop {
            match self.text.as_bytes().get(self.at)? {
                b'"' => {
                    self.pass_string()?;
                    continue;
                }
                b'{' | b'[' if open < DEEP => open += 1,
                b'{' | b'[' => return None,
                b'}' | b']' => open = open.checked_sub(1)?,
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return self.text.get(begin..self.at);
            }
        }
    }
}

/// The branch of a member that is not the expected one; the one after it is expected next.
fn below<'b>(
    members: &'b [(Box<str>, Branch)],
    name: &str,
    expected: &mut usize,
) -> Option<&'b Branch> {
    let place = members.iter().position(|(known, _)| **known == *name)?;
    *expected = place + 1;
    members.get(place).map(|(_, below)| below)
}

/// One value, read by `serde_json`.
fn parsed<'de, S: DeserializeSeed<'de>>(text: &'de str, seed: S) -> Option<S::Value> {
    let mut from = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut from).ok()?;
    from.end().ok()?;
    Some(value)
}

/// How many bytes stand before the first that ends a string or needs a closer look: a quote, a backslash, a control
/// character. `None` where none comes.
fn plain(bytes: &[u8]) -> Option<usize> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const TOP: u64 = 0x8080_8080_8080_8080;
    // The top bit of every byte below this one; bytes above the first such byte may be marked wrongly.
    let below = |word: u64, byte: u64| word.wrapping_sub(EACH * byte) & !word & TOP;
    let mut words = bytes.chunks_exact(8);
    let mut at = 0;
    for word in &mut words {
        let word = u64::from_le_bytes(word.try_into().ok()?);
        let quote = below(word ^ (EACH * u64::from(b'"')), 1);
        let backslash = below(word ^ (EACH * u64::from(b'\\')), 1);
        let found = quote | backslash | below(word, 0x20);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    words
        .remainder()
        .iter()
        .position(ends)
        .map(|rest| at + rest)
}
