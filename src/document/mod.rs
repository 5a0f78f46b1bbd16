//! A TOML document, read key by key, that notes every problem with its place instead of stopping at the first.
//!
//! The configuration and the adapter files are both read with it: take each key that has a meaning, then
//! [`Table::finish`] refuses the ones nobody took. It knows TOML and places; it must not know what any key means, and
//! it reads no file. The only module that uses the `toml` crate.

mod near;
mod place;
mod problem;
mod table;
#[cfg(test)]
mod tests;
mod value;

pub use place::Place;
pub use problem::{Problem, Problems};
pub use table::Table;
pub use value::{Entry, Text, Value, parse_duration};

use place::Lines;
use toml::Spanned;
use toml::de::DeTable;

/// The text being read, and where its problems go.
#[derive(Debug)]
struct Source<'d> {
    lines: Lines<'d>,
    problems: &'d Problems,
}

/// A parsed document.
#[derive(Debug)]
pub struct Document<'d> {
    source: Source<'d>,
    root: Spanned<DeTable<'d>>,
}

impl<'d> Document<'d> {
    /// Parses a document. `file` is what its places are called. Mistakes in the syntax are noted, the first of each
    /// line; `None` where there is any but a key given twice, because what was read then says little about what was
    /// meant.
    pub fn parse(file: &str, text: &'d str, problems: &'d Problems) -> Option<Self> {
        let lines = Lines::new(file, text);
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut readable = true;
        let mut line = None;
        for error in &errors {
            let span = error.span().unwrap_or(0..0);
            let at = lines.place(span.start);
            // Only the message: the error's own text quotes the line, which may hold a secret.
            let message = match error.message() {
                "duplicate key" => {
                    let key = text.get(span).unwrap_or_default();
                    format!("`{key}` is given twice")
                }
                message => {
                    readable = false;
                    message.trim_end_matches(", expected nothing").to_owned()
                }
            };
            if line.replace(at.line) != Some(at.line) {
                problems.note(&at, message);
            }
        }
        readable.then_some(Self {
            source: Source { lines, problems },
            root,
        })
    }

    /// The top level.
    pub fn root(&self) -> Table<'_> {
        Table::new(
            &self.source,
            self.root.get_ref(),
            self.source.lines.place(0),
            String::new(),
        )
    }
}
