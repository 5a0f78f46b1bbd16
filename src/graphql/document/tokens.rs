//! The tokens of a text, before any parser sees it: how many there are and how deep their brackets nest must not depend on a
//! parser, and commas and comments must mean nothing to it.
//!
//! Finds where tokens begin and end, no more: what is written within a string or a number is the parser's business.

use super::place::Lines;

/// One token, and where it stands in the text, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// What kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One character that is a token of its own, whether or not any document may hold it.
    Mark(u8),
    /// `...`
    Spread,
    Name,
    Number,
    /// A string or a block string.
    Text,
}

/// A text and its tokens.
pub(super) struct Tokens<'t> {
    text: &'t str,
    /// The first of them, as many as were asked for.
    pub(super) kept: Vec<Token>,
    /// How many there are.
    pub(super) count: usize,
    /// The greatest number of brackets of any kind that are open at once.
    pub(super) deepest: usize,
}

impl<'t> Tokens<'t> {
    /// Reads a text and keeps at most so many of its tokens.
    pub(super) fn of(text: &'t str, most: usize) -> Self {
        let mut tokens = Self {
            text,
            kept: Vec::new(),
            count: 0,
            deepest: 0,
        };
        let mut open = 0_usize;
        let mut rest = past_ignored(text.as_bytes());
        while let Some((kind, after)) = token(rest) {
            match kind {
                Kind::Mark(b'{' | b'[' | b'(') => open += 1,
                Kind::Mark(b'}' | b']' | b')') => open = open.saturating_sub(1),
                _ => {}
            }
            tokens.deepest = tokens.deepest.max(open);
            if tokens.count < most {
                let [from, to] = [rest, after].map(|rest| text.len() - rest.len());
                tokens.kept.push(Token { kind, from, to });
            }
            tokens.count += 1;
            rest = past_ignored(after);
        }
        tokens
    }

    /// The text of a token.
    pub(super) fn word(&self, token: Token) -> &'t str {
        self.text.get(token.from..token.to).unwrap_or_default()
    }

    /// Line and column of a place, both from 1.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        Lines::of(self.text).place(at)
    }

    /// The same text with spaces for everything that is no token, and for the tokens of these numbers, which are in order.
    /// Every other token stays at its line and column.
    pub(super) fn without(&self, numbers: &[usize]) -> String {
        let mut plain = String::with_capacity(self.text.len());
        let mut numbers = numbers.iter().copied().peekable();
        let mut end = 0;
        for (number, token) in self.kept.iter().enumerate() {
            if numbers.next_if_eq(&number).is_some() {
                continue;
            }
            plain.extend(self.blank(end, token.from));
            plain.push_str(self.word(*token));
            end = token.to;
        }
        plain.extend(self.blank(end, self.text.len()));
        plain
    }

    /// As many spaces as there are characters between, and the line breaks among them.
    fn blank(&self, from: usize, to: usize) -> impl Iterator<Item = char> {
        let between = self.text.get(from..to).unwrap_or_default();
        between.chars().map(|character| match character {
            '\n' | '\r' => character,
            _ => ' ',
        })
    }
}

/// The token that a text begins with, and what follows it.
fn token(text: &[u8]) -> Option<(Kind, &[u8])> {
    let (&first, after) = text.split_first()?;
    Some(match first {
        b'_' | b'a'..=b'z' | b'A'..=b'Z' => (Kind::Name, past_while(after, is_in_name)),
        b'-' | b'0'..=b'9' => (Kind::Number, past_number(after)),
        b'"' => match after.strip_prefix(b"\"\"") {
            Some(block) => (Kind::Text, past_block(block)),
            None => (Kind::Text, past_string(after)),
        },
        _ => match text.strip_prefix(b"...") {
            Some(after) => (Kind::Spread, after),
            // The rest of a character that no document may hold belongs to it.
            None => (
                Kind::Mark(first),
                past_while(after, |byte| (0x80..0xC0).contains(&byte)),
            ),
        },
    })
}

fn is_in_name(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

/// What follows white space, commas, comments and byte order marks.
fn past_ignored(mut text: &[u8]) -> &[u8] {
    loop {
        text = match text {
            [b' ' | b'\t' | b'\n' | b'\r' | b',', after @ ..] => after,
            [b'#', after @ ..] => past_while(after, |byte| !matches!(byte, b'\n' | b'\r')),
            [0xEF, 0xBB, 0xBF, after @ ..] => after,
            _ => return text,
        };
    }
}

/// What follows the bytes that are like this.
fn past_while(text: &[u8], like: impl Fn(u8) -> bool) -> &[u8] {
    let end = text.iter().position(|&byte| !like(byte));
    end.and_then(|end| text.get(end..)).unwrap_or_default()
}

/// What follows a number whose first character is already taken.
fn past_number(mut text: &[u8]) -> &[u8] {
    loop {
        text = match text {
            [b'e' | b'E', b'+' | b'-', after @ ..] => after,
            [byte, after @ ..] if is_in_name(*byte) || *byte == b'.' => after,
            _ => return text,
        };
    }
}

/// What follows a string whose opening quote is already taken. A line break ends it too, as no string may hold one.
fn past_string(mut text: &[u8]) -> &[u8] {
    while let Some((&byte, after)) = text.split_first() {
        text = match byte {
            b'\\' => after.get(1..).unwrap_or_default(),
            b'"' | b'\n' | b'\r' => return after,
            _ => after,
        };
    }
    text
}

/// What follows a block string whose opening quotes are already taken.
fn past_block(mut text: &[u8]) -> &[u8] {
    loop {
        if let Some(after) = text.strip_prefix(b"\"\"\"") {
            return after;
        }
        text = match text.strip_prefix(b"\\\"\"\"") {
            Some(after) => after,
            None => match text.split_first() {
                Some((_, after)) => after,
                None => return text,
            },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Tokens};

    fn deepest(text: &str) -> usize {
        Tokens::of(text, 0).deepest
    }

    #[test]
    fn brackets_count_outside_strings_and_comments() {
        assert_eq!(deepest("{ a(b: [{c: 1}]) { d } }"), 4);
        assert_eq!(deepest(r#"{ a(b: "{{{{\"{{{") }"#), 2);
        assert_eq!(deepest("{ a # {{{{{\n b }"), 1);
        assert_eq!(deepest("{ a(b: \"\"\"{{{ \\\"\"\" {{{\"\"\") { c } }"), 2);
        assert_eq!(deepest(&"[".repeat(200_000)), 200_000);
        assert_eq!(deepest("}}}}{"), 1);
        assert_eq!(deepest("\"unfinished {{{"), 0);
        assert_eq!(deepest("\"\"\"unfinished {{{"), 0);
    }

    #[test]
    fn only_tokens_are_counted() {
        for (text, count) in [
            ("", 0),
            (" ,\t\u{FEFF}#, a b\r\n", 0),
            ("{a,b:-1.5e+3 ...F}", 8),
            ("\"a b, #\" \"\"\"c \\\"\"\" d\"\"\"\"\"", 3),
            ("$x:[ID!]!=@y(z:|&)", 17),
            ("é.. \u{2028}", 4),
        ] {
            assert_eq!(Tokens::of(text, 0).count, count, "{text}");
        }
    }

    #[test]
    fn what_is_no_token_becomes_spaces() {
        let text = "\"d,é\"\u{FEFF}query,A#,é\r\n{a(b:\",#\"),}# é";
        let tokens = Tokens::of(text, usize::MAX);
        assert_eq!(tokens.kept[0].kind, Kind::Text);
        let plain = tokens.without(&[0]);
        assert_eq!(plain, "      query A   \r\n{a(b:\",#\") }   ");
        assert_eq!(plain.chars().count(), text.chars().count());
        assert_eq!(tokens.without(&[]).replace(' ', "").len(), 25);
        assert_eq!(tokens.place(text.find("(b").unwrap()), (2, 3));
        assert_eq!(tokens.place(0), (1, 1));
    }
}
