//! Choices by lot that a number brings back, and what is worth trying where text and bytes are read.

use serde_json::{Value, json};

/// A sequence of choices that its seed decides.
pub struct Chance(u64);

/// Texts that have broken programs before; some carry a word that no error may repeat.
pub const TEXTS: &[&str] = &[
    "",
    " ",
    "a",
    "anna@people.example",
    "s3cret",
    "s3cret' or '1'='1",
    "\"s3cret\"}]}",
    "\\",
    "\\u0000",
    "\0",
    "s3cret\r\nx-evil: 1",
    "\u{feff}",
    "e\u{301}",
    "\u{202e}abc",
    "😀",
    "../../etc",
    "%2e%2e%2f",
    "%00",
    "?a=b&c=d",
    "#x",
    "__proto__",
    "constructor",
    "null",
    "NaN",
    "1e999",
    "-0",
    "2024-02-30",
    "2024-01-15",
    "2024-01-15T10:30:00Z",
    "9999-12-31T23:59:59.999Z",
    "+4512345678",
    "*",
    "a,b;c|d",
    "{value}",
    "$field",
];

/// Numbers at the edges.
pub const NUMBERS: &[i64] = &[
    0,
    1,
    -1,
    2,
    3,
    100,
    101,
    2_147_483_647,
    2_147_483_648,
    -2_147_483_648,
    -2_147_483_649,
    9_007_199_254_740_993,
    i64::MAX,
    i64::MIN,
];

/// Pieces that break into documents, JSON and URLs.
const PIECES: &[&[u8]] = &[
    b"\0",
    b"\xff",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\"",
    b"\\",
    b"\\ud800",
    b"\\u0000",
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b")",
    b"...",
    b"@include(if: true)",
    b"$v1",
    b"!",
    b"#",
    b"\"\"\"",
    b"\n",
    b",",
    b":",
    b"1e999",
    b"-",
    b"null",
    b"fragment F on Query { ...F }",
    b"__typename",
    b"__schema { types { name } }",
    b"%",
    b"%zz",
    b"&",
    b"=",
    b"99999999999999999999",
    b"\xf0\x9f\x98\x80",
];

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number of the sequence: the finisher of SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below this, which is not zero.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let at = self.below(all.len());
        &all[at]
    }

    /// The same bytes with a few places changed: cut, doubled, moved, or broken into.
    pub fn mangled(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let to = (at + self.below(12)).min(bytes.len());
            match self.below(6) {
                0 => drop(bytes.drain(at..to)),
                1 => {
                    let piece = bytes[at..to].to_vec();
                    bytes.splice(at..at, piece);
                }
                2 => bytes.truncate(at),
                3 => {
                    let flipped = u8::try_from(self.below(256)).unwrap();
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = flipped;
                    }
                }
                _ => {
                    let piece = *self.of(PIECES);
                    bytes.splice(at..at, piece.iter().copied());
                }
            }
        }
        bytes
    }

    /// The same text, changed like that.
    pub fn mangled_text(&mut self, text: &str) -> String {
        String::from_utf8_lossy(&self.mangled(text.as_bytes())).into_owned()
    }

    /// JSON with some values changed into others; sometimes with bytes changed, so that it is none any more.
    pub fn mangled_json(&mut self, text: &[u8]) -> Vec<u8> {
        match serde_json::from_slice::<Value>(text) {
            Ok(mut value) if !self.once_in(5) => {
                for _ in 0..=self.below(6) {
                    self.change(&mut value);
                }
                value.to_string().into_bytes()
            }
            _ => self.mangled(text),
        }
    }

    /// Changes one value somewhere in this one.
    fn change(&mut self, value: &mut Value) {
        let deeper = !self.once_in(30);
        match value {
            Value::Array(items) if deeper && !items.is_empty() => {
                let at = self.below(items.len());
                self.change(&mut items[at]);
            }
            Value::Object(fields) if deeper && !fields.is_empty() => {
                // Records are further in than the few words around them.
                let inner = |(_, value): &(&String, &Value)| value.is_object() || value.is_array();
                let mut names: Vec<_> = fields.iter().filter(inner).collect();
                if names.is_empty() || self.once_in(8) {
                    names = fields.iter().collect();
                }
                let name = self.of(&names).0.clone();
                if self.once_in(9) {
                    fields.remove(&name);
                } else {
                    self.change(&mut fields[&name]);
                }
            }
            _ => *value = self.scalar_or_so(),
        }
    }

    fn scalar_or_so(&mut self) -> Value {
        match self.below(9) {
            0 => Value::Null,
            1 => json!(self.once_in(2)),
            2 | 3 => json!(*self.of(NUMBERS)),
            4 => json!(*self.of(&[0.5, -1e300, 1e15])),
            5 => json!([]),
            6 => json!({ "id": [{}], "__proto__": {} }),
            _ => json!(*self.of(TEXTS)),
        }
    }
}
