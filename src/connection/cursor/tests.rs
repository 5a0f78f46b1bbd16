//! Cursors come back as they went, and nothing else is taken for one.

use super::*;
use crate::connection::place::{Mark, Spot, Trail};
use crate::source::Position;
use proptest::prelude::*;

fn position() -> impl Strategy<Value = Position> + Clone {
    prop_oneof![
        Just(Position::Start),
        any::<u64>().prop_map(Position::Index),
        ".{0,40}".prop_map(|text| Position::Token(text.into())),
        ".{0,40}".prop_map(|text| Position::After(text.into())),
        ".{0,40}".prop_map(|text| Position::Before(text.into())),
    ]
}

fn gap() -> impl Strategy<Value = Gap> {
    let mark = (
        position(),
        any::<u32>(),
        any::<u64>(),
        proptest::option::of(position()),
        any::<(u32, u32, u32, bool)>(),
        any::<[u32; 3]>(),
    )
        .prop_map(
            |(page, index, ordinal, next, (hops, kept, size, reversed), anchors)| Mark {
                spot: Spot {
                    page,
                    index,
                    ordinal,
                    next,
                    trail: Trail {
                        hops,
                        kept: if hops == 0 { 0 } else { kept },
                    },
                    size,
                    reversed,
                },
                anchors,
            },
        );
    let mark = mark.boxed();
    prop_oneof![
        Just(Gap::Start),
        Just(Gap::End),
        mark.clone().prop_map(Gap::Before),
        mark.prop_map(Gap::After)
    ]
}

fn cursor() -> impl Strategy<Value = Cursor> {
    let gaps = || proptest::collection::vec((any::<u16>(), gap()), 0..3);
    (
        proptest::collection::vec(any::<u16>(), 0..3),
        any::<Option<u16>>(),
        gaps(),
        proptest::option::of((any::<bool>(), gaps())),
        any::<bool>(),
    )
        .prop_map(|(failed, edge, here, onward, blank)| Cursor {
            failed,
            edge,
            here,
            onward,
            blank,
        })
}

fn sealer(query: u64) -> Sealer {
    Sealer::new(&[7; 32], query, 8192)
}

proptest! {
    #[test]
    fn a_cursor_comes_back_as_it_went(cursor in cursor()) {
        prop_assert_eq!(sealer(1).open(&sealer(1).seal(&cursor)), Ok(cursor));
    }

    #[test]
    fn any_changed_character_is_refused(cursor in cursor(), at in any::<prop::sample::Index>(), with in "[A-Za-z0-9_=-]") {
        let text = sealer(1).seal(&cursor);
        let at = at.index(text.len());
        let mut changed = text.clone();
        changed.replace_range(at..=at, &with);
        prop_assume!(changed != text);
        prop_assert_eq!(sealer(1).open(&changed), Err(ConnectionError::InvalidCursor));
        prop_assert_eq!(sealer(1).open(&text[..at]), Err(ConnectionError::InvalidCursor));
    }

    #[test]
    fn another_query_or_key_is_refused(cursor in cursor()) {
        let text = sealer(1).seal(&cursor);
        prop_assert_eq!(sealer(2).open(&text), Err(ConnectionError::CursorMismatch));
        prop_assert_eq!(Sealer::new(&[8; 32], 1, 8192).open(&text), Err(ConnectionError::InvalidCursor));
    }

    #[test]
    fn garbage_is_refused(text in ".{0,200}") {
        prop_assert_eq!(sealer(1).open(&text), Err(ConnectionError::InvalidCursor));
    }

    #[test]
    fn sealed_garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let sealer = sealer(1);
        let mut body = vec![VERSION];
        body.extend(1u64.to_le_bytes());
        body.extend(bytes);
        body.extend(sealer.sign(&body.clone()));
        let _ = sealer.open(&URL_SAFE_NO_PAD.encode(body));
    }
}

#[test]
fn the_cursor_of_a_numbered_row_is_short_and_one_that_is_too_long_is_refused() {
    let spot = Spot {
        page: Position::Start,
        index: 0,
        ordinal: 12_345,
        next: None,
        trail: Trail::default(),
        size: 0,
        reversed: false,
    };
    let cursor = Cursor {
        edge: Some(0),
        here: vec![(
            0,
            Gap::After(Mark {
                spot,
                anchors: [1, 2, 3],
            }),
        )],
        ..Cursor::default()
    };
    let text = sealer(1).seal(&cursor);
    assert!(text.len() <= 72, "{} characters", text.len());
    assert_eq!(
        Sealer::new(&[7; 32], 1, 20).open(&text),
        Err(ConnectionError::InvalidCursor)
    );
}
