//! Where things stand in a document.

use apollo_compiler::parser::{SourceMap, SourceSpan};

/// The lines of a text, so that lines and columns can be told, both from 1. Columns count characters, as the specification's
/// source text is made of them, not the bytes that they take.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    /// The lines of a text, by the specification's line terminators.
    pub(super) fn of(text: &'t str) -> Self {
        let bytes = text.as_bytes();
        let ends = bytes.iter().enumerate().filter_map(|(at, byte)| {
            let ends = match byte {
                b'\n' => true,
                b'\r' => bytes.get(at + 1) != Some(&b'\n'),
                _ => false,
            };
            ends.then_some(at + 1)
        });
        Self {
            text,
            starts: std::iter::once(0).chain(ends).collect(),
        }
    }

    /// Line and column of the character that starts at this byte.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|&start| start <= at);
        let start = line.checked_sub(1).and_then(|line| self.starts.get(line));
        let before = self.text.get(start.copied().unwrap_or_default()..at);
        (line, before.map_or(0, |before| before.chars().count()) + 1)
    }
}

/// Line and column of a piece of a document.
pub(super) fn place(span: Option<SourceSpan>, sources: &SourceMap) -> Option<(usize, usize)> {
    let span = span?;
    let lines = Lines::of(sources.get(&span.file_id())?.source_text());
    Some(lines.place(span.offset()))
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn columns_count_characters_and_lines_end_as_the_specification_says() {
        let text = "{ a(b: \"日本\u{2028}\") c }\r\n d\r\r  e";
        let lines = Lines::of(text);
        let place = |what: &str| lines.place(text.find(what).unwrap());
        assert_eq!(place("{"), (1, 1));
        assert_eq!(place("c"), (1, 15));
        assert_eq!(place("d"), (2, 2));
        assert_eq!(place("e"), (4, 3));
        assert_eq!(lines.place(text.len() + 9), (4, 1), "no such place");
    }
}
