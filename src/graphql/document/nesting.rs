//! How deep the brackets of a text nest, before any parser sees it: a parser's stack must not depend on the caller.

/// The greatest number of brackets of any kind that are open at once, outside strings and comments.
pub(super) fn deepest(text: &str) -> usize {
    let mut rest = text.as_bytes();
    let (mut open, mut deepest) = (0_usize, 0_usize);
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'{' | b'[' | b'(' => {
                open += 1;
                deepest = deepest.max(open);
                after
            }
            b'}' | b']' | b')' => {
                open = open.saturating_sub(1);
                after
            }
            b'#' => past(after, |byte| matches!(byte, b'\n' | b'\r')),
            b'"' => match after.strip_prefix(b"\"\"") {
                Some(block) => past_block(block),
                None => past_string(after),
            },
            _ => after,
        };
    }
    deepest
}

/// What follows the first byte that ends something.
fn past(text: &[u8], ends: impl Fn(u8) -> bool) -> &[u8] {
    let at = text.iter().position(|&byte| ends(byte));
    at.and_then(|at| text.get(at + 1..)).unwrap_or_default()
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
    use super::deepest;

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
}
