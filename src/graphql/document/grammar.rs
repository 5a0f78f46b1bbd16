//! Whether tokens stand as the grammar of executable documents wants them.
//!
//! The parser takes a name without a value for an argument or an input field that is not there, and knows no descriptions.
//! So this reads each document once more: it finds what the parser leaves out, and the descriptions, which are taken out
//! before. Type definitions and what no definition begins with are left to the parser and the validator, which refuse them.
//! Recursion is bounded by brackets, which were counted before.

use super::tokens::{Kind, Token, Tokens};
use apollo_compiler::ast::Document;

/// What a document was found to be.
pub(super) struct Reading {
    /// The numbers of the tokens that are descriptions, in order.
    pub(super) descriptions: Vec<usize>,
    broken: Option<Flaw>,
}

/// What was wanted, and where, in bytes.
type Flaw = (&'static str, usize);

impl Reading {
    /// What was wanted at the first place where the grammar is broken, or else where a description is no string that a
    /// document may hold. The parser has not seen these.
    pub(super) fn flaw(&self, tokens: &Tokens<'_>) -> Option<Flaw> {
        let described = self.descriptions.iter();
        let mut described = described.filter_map(|number| tokens.kept.get(*number));
        let is_wrong = |token: &&Token| {
            let text = format!("{{a(b:{})}}", tokens.word(**token));
            Document::parse(text, "description").is_err()
        };
        let wrong = || Some(("a string without a flaw", described.find(is_wrong)?.from));
        self.broken.or_else(wrong)
    }
}

/// Reads the tokens of a document.
pub(super) fn read(tokens: &Tokens<'_>) -> Reading {
    let mut reader = Reader {
        tokens,
        at: 0,
        descriptions: Vec::new(),
    };
    let wanted = reader.document().err();
    let place = reader.next().or(tokens.kept.last());
    let place = place.map_or(0, |token| token.from);
    Reading {
        broken: wanted.map(|wanted| (wanted, place)),
        descriptions: reader.descriptions,
    }
}

struct Reader<'t> {
    tokens: &'t Tokens<'t>,
    /// The number of the next token.
    at: usize,
    descriptions: Vec<usize>,
}

/// What was wanted instead of the next token.
type Read = Result<(), &'static str>;

impl<'t> Reader<'t> {
    fn next(&self) -> Option<&'t Token> {
        self.tokens.kept.get(self.at)
    }

    fn is(&self, kind: Kind) -> bool {
        self.next().is_some_and(|token| token.kind == kind)
    }

    fn is_mark(&self, mark: u8) -> bool {
        self.is(Kind::Mark(mark))
    }

    /// The next token where it is a name.
    fn word(&self) -> Option<&'t str> {
        let token = self.next().filter(|token| token.kind == Kind::Name)?;
        Some(self.tokens.word(*token))
    }

    /// Goes past the next token where it is of this kind.
    fn past(&mut self, kind: Kind) -> bool {
        let is = self.is(kind);
        self.at += usize::from(is);
        is
    }

    fn past_mark(&mut self, mark: u8) -> bool {
        self.past(Kind::Mark(mark))
    }

    fn name(&mut self) -> Read {
        self.past(Kind::Name).then_some(()).ok_or("a name")
    }

    /// One or more of something between two marks, the first of which is already taken.
    fn some(&mut self, end: u8, one: fn(&mut Self) -> Read) -> Read {
        one(self)?;
        self.any(end, one)
    }

    fn any(&mut self, end: u8, one: fn(&mut Self) -> Read) -> Read {
        while !self.past_mark(end) {
            one(self)?;
        }
        Ok(())
    }

    fn document(&mut self) -> Read {
        while self.next().is_some() {
            let described = self.is(Kind::Text).then_some(self.at);
            self.at += usize::from(described.is_some());
            match self.word() {
                Some("query" | "mutation" | "subscription") => {
                    self.descriptions.extend(described);
                    self.operation()?;
                }
                Some("fragment") => {
                    self.descriptions.extend(described);
                    self.fragment()?;
                }
                Some(_) => return Ok(()),
                None if described.is_some() => return Err("a definition with a name"),
                None if self.is_mark(b'{') => self.selection_set()?,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn operation(&mut self) -> Read {
        self.name()?;
        self.past(Kind::Name);
        if self.past_mark(b'(') {
            self.some(b')', Self::variable_definition)?;
        }
        self.directives()?;
        self.selection_set()
    }

    fn fragment(&mut self) -> Read {
        self.name()?;
        if self.word() == Some("on") {
            return Err("a fragment name");
        }
        self.name()?;
        if self.word() != Some("on") {
            return Err("`on`");
        }
        self.name()?;
        self.name()?;
        self.directives()?;
        self.selection_set()
    }

    fn variable_definition(&mut self) -> Read {
        if self.is(Kind::Text) {
            self.descriptions.push(self.at);
            self.at += 1;
        }
        self.variable()?;
        self.colon()?;
        self.type_reference()?;
        if self.past_mark(b'=') {
            self.value()?;
        }
        self.directives()
    }

    fn variable(&mut self) -> Read {
        if !self.past_mark(b'$') {
            return Err("a variable");
        }
        self.name()
    }

    fn colon(&mut self) -> Read {
        self.past_mark(b':').then_some(()).ok_or("`:`")
    }

    fn type_reference(&mut self) -> Read {
        if self.past_mark(b'[') {
            self.type_reference()?;
            if !self.past_mark(b']') {
                return Err("`]`");
            }
        } else {
            self.name()?;
        }
        self.past_mark(b'!');
        Ok(())
    }

    fn directives(&mut self) -> Read {
        while self.past_mark(b'@') {
            self.name()?;
            self.arguments()?;
        }
        Ok(())
    }

    fn arguments(&mut self) -> Read {
        if self.past_mark(b'(') {
            self.some(b')', Self::named_value)?;
        }
        Ok(())
    }

    /// An argument, or a field of an input object.
    fn named_value(&mut self) -> Read {
        self.name()?;
        self.colon()?;
        self.value()
    }

    fn value(&mut self) -> Read {
        match self.next().map(|token| token.kind) {
            Some(Kind::Name | Kind::Number | Kind::Text) => {
                self.at += 1;
                Ok(())
            }
            Some(Kind::Mark(b'$')) => self.variable(),
            Some(Kind::Mark(b'[')) => {
                self.at += 1;
                self.any(b']', Self::value)
            }
            Some(Kind::Mark(b'{')) => {
                self.at += 1;
                self.any(b'}', Self::named_value)
            }
            _ => Err("a value"),
        }
    }

    fn selection_set(&mut self) -> Read {
        if !self.past_mark(b'{') {
            return Err("a selection set");
        }
        self.some(b'}', Self::selection)
    }

    fn selection(&mut self) -> Read {
        if !self.past(Kind::Spread) {
            return self.field();
        }
        match self.word() {
            Some("on") => {
                self.name()?;
                self.name()?;
            }
            Some(_) => {
                self.name()?;
                return self.directives();
            }
            None => {}
        }
        self.directives()?;
        self.selection_set()
    }

    fn field(&mut self) -> Read {
        self.name().map_err(|_| "a selection")?;
        if self.past_mark(b':') {
            self.name()?;
        }
        self.arguments()?;
        self.directives()?;
        if self.is_mark(b'{') {
            self.selection_set()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Document, Kind, Tokens, read};
    use proptest::prelude::*;

    /// What is wanted, and what stands there.
    fn flaw(text: &str) -> Option<(&'static str, &str)> {
        let tokens = Tokens::of(text, usize::MAX);
        let (wanted, at) = read(&tokens).flaw(&tokens)?;
        Some((wanted, &text[at..]))
    }

    #[test]
    fn what_the_grammar_has_is_taken() {
        for text in [
            "{a}",
            "query A($a: [ID!]! = [1 -2.5e3 \"\" \"\"\"\"\"\" null E {a: {} b: []}] @d(a: 1) @e $b: Int) @f { a: b(c: $a) @g { d } }",
            "mutation { a } subscription on { b } query query { query }",
            "{ ...onward ...{ a } } fragment F on on @a { on: on }",
            "{ ... on A @b { c } ... @d(e: true) { f } ...F @g ...fragment }",
        ] {
            assert_eq!(flaw(text), None, "{text}");
        }
    }

    #[test]
    fn what_the_grammar_has_not_is_found_at_its_place() {
        for (text, wanted, at) in [
            ("{ a(b: 1 c) }", "`:`", ") }"),
            ("{ a(b) }", "`:`", ") }"),
            ("{ a(b:) }", "a value", ") }"),
            ("{ a() }", "a name", ") }"),
            ("{ a(b: {c: 1 d}) }", "`:`", "}) }"),
            ("{ a(b: {c d: 1}) }", "`:`", "d: 1}) }"),
            ("{ a(b: [1) }", "a value", ") }"),
            ("{ a @b(c: 1 d) }", "`:`", ") }"),
            ("{ a {} }", "a selection", "} }"),
            ("{ ...on }", "a name", "}"),
            ("query() { a }", "a variable", ") { a }"),
            ("query($a) { a }", "`:`", ") { a }"),
            ("query($a: [B) { a }", "`]`", ") { a }"),
            ("query($a: B! !) { a }", "a variable", "!) { a }"),
            ("query A", "a selection set", "A"),
            ("fragment on on A { a }", "a fragment name", "on on A { a }"),
            ("fragment F A { a }", "`on`", "A { a }"),
            ("\"d\" { a }", "a definition with a name", "{ a }"),
        ] {
            assert_eq!(flaw(text), Some((wanted, at)), "{text}");
        }
    }

    #[test]
    fn descriptions_are_found() {
        let text = "\"a\" query(\"b\" $a: B \"\"\"c\"\"\" $c: D = \"e\") { f } \"g\" fragment F on G { h(i: \"j\") }";
        let tokens = Tokens::of(text, usize::MAX);
        let reading = read(&tokens);
        assert_eq!(reading.flaw(&tokens), None);
        let words = reading.descriptions.iter().map(|at| tokens.kept[*at]);
        let words: Vec<&str> = words.map(|token| tokens.word(token)).collect();
        assert_eq!(words, ["\"a\"", "\"b\"", "\"\"\"c\"\"\"", "\"g\""]);
    }

    /// The words of a text; what a string holds may be written in several ways, and a query need not call itself one.
    fn words(text: &str) -> Vec<String> {
        let tokens = Tokens::of(text, usize::MAX);
        let kept = tokens.kept.iter();
        let words = kept.map(|token| match token.kind {
            Kind::Text => "\"",
            _ => tokens.word(*token),
        });
        let words = words.filter(|word| *word != "query");
        words.map(str::to_owned).collect()
    }

    const SEEDS: &[&str] = &[
        "query A ( $a : [ ID ! ] ! = [ 1 { b : E } ] @ d ( e : 1 ) $c : B ) @ f { g : h ( i : $a j : { k : \"l\" m : [ ] } ) { n } }",
        "mutation { a @ b ( c : 1 ) @ d ... on E @ f { g } ... { h } ...F @ i } \"d\" fragment F on G @ j ( k : null ) { l }",
    ];
    const PIECES: &[&str] = &[
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ":",
        "$",
        "@",
        "!",
        "=",
        "...",
        "|",
        "&",
        "on",
        "a",
        "E",
        "1",
        "-2.5",
        "\"s\"",
        "\"\"\"t\"\"\"",
        "null",
        "true",
        "query",
        "fragment",
        "type",
        ",",
        "#c\n",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Whatever is taken, the parser has read all of it.
        #[test]
        fn nothing_that_is_taken_is_dropped(
            seed in 0..SEEDS.len(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), 0..3_usize, 0..PIECES.len()), 1..4),
        ) {
            let mut pieces: Vec<&str> = SEEDS[seed].split(' ').collect();
            for (at, kind, piece) in changes {
                let at = at.index(pieces.len());
                match kind {
                    0 => pieces.insert(at, PIECES[piece]),
                    1 => pieces[at] = PIECES[piece],
                    _ => drop(pieces.remove(at)),
                }
            }
            let text = pieces.join(" ");
            let tokens = Tokens::of(&text, usize::MAX);
            let reading = read(&tokens);
            let plain = tokens.without(&reading.descriptions);
            if let (None, Ok(document)) = (reading.flaw(&tokens), Document::parse(plain.as_str(), "d")) {
                prop_assert_eq!(words(&plain), words(&document.to_string()), "{}", text);
            }
        }
    }
}
