//! Which accepted word a mistyped one was probably meant to be.

/// The accepted word at most two edits away from `word`, the nearest first; `None` where none is that near, or where
/// the word is so short that two edits make any other.
pub(super) fn nearest<'w>(word: &str, accepted: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let most = match word.chars().count() {
        0 | 1 => return None,
        2 | 3 => 1,
        _ => 2,
    };
    accepted
        .map(|other| (edits(word, other), other))
        .filter(|(edits, _)| *edits <= most)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, other)| other)
}

/// The distance, where two letters that changed places count as one edit.
fn edits(left: &str, right: &str) -> usize {
    let letters = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    match distance(left, right) {
        2 if letters(left) == letters(right) => 1,
        edits => edits,
    }
}

/// How many characters must be put in, taken out or changed to make `left` out of `right`.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, from) in left.chars().enumerate() {
        let mut diagonal = line;
        let mut beside = line + 1;
        let mut next = vec![beside];
        for (to, above) in right.iter().zip(row.iter().skip(1)) {
            let changed = diagonal + usize::from(from != *to);
            diagonal = *above;
            beside = changed.min(*above + 1).min(beside + 1);
            next.push(beside);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (left, right, edits) in [
            ("", "", 0),
            ("", "ab", 2),
            ("ab", "", 2),
            ("request", "request", 0),
            ("reqest", "request", 1),
            ("kitten", "sitting", 3),
            ("größe", "grösse", 2),
        ] {
            assert_eq!(distance(left, right), edits, "{left} {right}");
        }
    }

    #[test]
    fn names_the_nearest() {
        let near = |word| nearest(word, ["request", "response", "key"].into_iter());
        assert_eq!(near("reqeust"), Some("request"));
        assert_eq!(near("kex"), Some("key"));
        assert_eq!(near("kye"), Some("key"));
        assert_eq!(near("kxx"), None);
        assert_eq!(near("elephant"), None);
        assert_eq!(nearest("x", ["y"].into_iter()), None);
    }
}
