//! Cursors come back as they went, and nothing else is taken for one.

use super::*;
use crate::connection::key::SortKey;
use crate::connection::place::{Mark, Spot, Trail};
use crate::model::{Date, DateTime, OrderKey};
use proptest::prelude::*;
use std::sync::LazyLock;

fn position() -> impl Strategy<Value = Position> + Clone {
    prop_oneof![
        Just(Position::Start),
        any::<u64>().prop_map(Position::Index),
        ".{0,40}".prop_map(|text| Position::Token(text.into())),
        ".{0,40}".prop_map(|text| Position::After(text.into())),
        ".{0,40}".prop_map(|text| Position::Before(text.into())),
    ]
}

fn key() -> impl Strategy<Value = SortKey> {
    let time =
        (prop_oneof![Just(0), any::<i32>()], 0i32..1_000_000_000).prop_map(|(second, nanos)| {
            let second = i64::from(second);
            // The second before 1970 has no second of its own, only nanoseconds.
            let nanos = if second < 0 || nanos % 2 == 0 && second == 0 {
                -nanos
            } else {
                nanos
            };
            OrderKey::Time(DateTime::at(jiff::Timestamp::new(second, nanos).unwrap()))
        });
    let value = prop_oneof![
        ".{0,12}".prop_map(|text| OrderKey::Id(text.into())),
        ".{0,12}".prop_map(|text| OrderKey::Text(text.to_lowercase(), text.into())),
        (-999i16..9999, 1i8..13, 1i8..29).prop_map(|(year, month, day)| OrderKey::Day(Date(
            jiff::civil::date(year, month, day)
        ))),
        time,
        Just(OrderKey::Missing),
    ];
    (value, proptest::option::of(".{0,12}")).prop_map(|(value, id)| SortKey {
        value,
        id: id.map(Into::into),
    })
}

fn gap() -> impl Strategy<Value = Gap> {
    let mark = (
        position(),
        any::<u32>(),
        any::<u64>(),
        proptest::option::of(position()),
        any::<(u32, u32, u32, [bool; 2])>(),
        any::<([u32; 3], u32)>(),
        proptest::option::of(key()),
    )
        .prop_map(
            |(
                page,
                index,
                ordinal,
                next,
                (hops, kept, size, [reversed, backward]),
                (anchors, behind),
                key,
            )| Mark {
                spot: Spot {
                    page,
                    index,
                    ordinal,
                    next,
                    trail: Trail {
                        hops,
                        kept: if hops == 0 { 0 } else { kept },
                        backward,
                    },
                    size,
                    reversed,
                    lost: false,
                },
                anchors,
                behind,
                key,
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

static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::new(b"seven"));
static OTHERS: LazyLock<Keys> = LazyLock::new(|| Keys::new(b"eight"));
static MEMORY: LazyLock<Memory> = LazyLock::new(|| Memory::new(100));

fn sealer(query: u64) -> Sealer<'static> {
    sealer_of(query, 8192)
}

fn sealer_of(query: u64, longest: usize) -> Sealer<'static> {
    Sealer::new(&KEYS, query, longest, &MEMORY)
}

proptest! {
    #[test]
    fn a_cursor_comes_back_as_it_went(cursor in cursor()) {
        prop_assert_eq!(sealer(1).open(&sealer(1).seal(&cursor).unwrap()), Ok(cursor));
    }

    #[test]
    fn any_changed_character_is_refused(cursor in cursor(), at in any::<prop::sample::Index>(), with in "[A-Za-z0-9_=-]") {
        let text = sealer(1).seal(&cursor).unwrap();
        let at = at.index(text.len());
        let mut changed = text.clone();
        changed.replace_range(at..=at, &with);
        prop_assume!(changed != text);
        prop_assert_eq!(sealer(1).open(&changed), Err(ConnectionError::InvalidCursor));
        prop_assert_eq!(sealer(1).open(&text[..at]), Err(ConnectionError::InvalidCursor));
    }

    #[test]
    fn another_query_or_key_is_refused(cursor in cursor()) {
        let text = sealer(1).seal(&cursor).unwrap();
        prop_assert_eq!(sealer(2).open(&text), Err(ConnectionError::CursorMismatch));
        prop_assert_eq!(Sealer::new(&OTHERS, 1, 8192, &MEMORY).open(&text), Err(ConnectionError::InvalidCursor));
    }

    #[test]
    fn garbage_is_refused(text in ".{0,200}") {
        prop_assert_eq!(sealer(1).open(&text), Err(ConnectionError::InvalidCursor));
    }

    #[test]
    fn sealed_garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let sealer = sealer(1);
        let mut body = 1u64.to_le_bytes().to_vec();
        body.extend(bytes);
        let seal = sealer.sign(&body);
        sealer.cipher(seal, &mut body);
        let text = [&[VERSION], &seal[..], &body].concat();
        let _ = sealer.open(&URL_SAFE_NO_PAD.encode(text));
    }
}

#[test]
fn the_cursor_of_a_numbered_row_is_short_and_one_that_is_too_long_is_refused() {
    let spot = Spot::numbered(12_345);
    let cursor = Cursor {
        edge: Some(0),
        here: vec![(
            0,
            Gap::After(Mark {
                spot,
                anchors: [1, 2, 3],
                behind: 4,
                key: None,
            }),
        )],
        ..Cursor::default()
    };
    let text = sealer(1).seal(&cursor).unwrap();
    assert!(text.len() <= 72, "{} characters", text.len());
    assert_eq!(
        sealer_of(1, 20).open(&text),
        Err(ConnectionError::InvalidCursor)
    );
}

fn named(name: &str) -> Cursor {
    let value = OrderKey::Text(name.to_lowercase(), name.into());
    let mark = Mark {
        spot: Spot::numbered(7),
        anchors: [1, 2, 3],
        behind: 4,
        key: SortKey::new(value, Some("id-77".into())),
    };
    Cursor {
        edge: Some(0),
        here: vec![(0, Gap::After(mark))],
        ..Cursor::default()
    }
}

/// A cursor may hold a name, so nobody may read it.
#[test]
fn nobody_can_read_what_a_cursor_holds() {
    let (one, other) = (named("Margarethe"), named("Margarethf"));
    let texts = [&one, &other].map(|cursor| sealer(1).seal(cursor).unwrap());
    let [one, other] = texts.map(|text| URL_SAFE_NO_PAD.decode(text).unwrap());
    for bytes in [&one, &other] {
        assert!(
            !bytes
                .windows(4)
                .any(|four| four == b"Marg" || four == b"id-7")
        );
    }
    // Two that differ in one letter look nothing alike: no byte of one tells a byte of the other.
    let alike = one
        .iter()
        .zip(&other)
        .skip(1)
        .filter(|(one, other)| one == other)
        .count();
    assert!(alike < 8, "{alike} of {} bytes are alike", one.len());
}

#[test]
fn a_position_too_long_for_a_cursor_is_remembered_or_known_to_be_lost() {
    let spot = Spot {
        page: Position::Token("p".repeat(500).into()),
        next: Some(Position::Token("n".repeat(500).into())),
        ..Spot::numbered(3)
    };
    let mark = Mark {
        spot,
        anchors: [1, 2, 3],
        behind: 4,
        key: None,
    };
    let cursor = Cursor {
        here: vec![(0, Gap::After(mark))],
        ..Cursor::default()
    };
    let sealer = sealer_of(1, 256);
    let text = sealer.seal(&cursor).unwrap();
    assert!(text.len() <= 256);
    assert_eq!(sealer.open(&text), Ok(cursor));
    let forgetful = Memory::new(0);
    let elsewhere = Sealer::new(&KEYS, 1, 256, &forgetful).open(&text).unwrap();
    let Some((0, Gap::After(mark))) = elsewhere.here.first() else {
        panic!("another gap");
    };
    assert!(mark.spot.lost && mark.spot.next.is_none());
    assert_eq!(
        sealer_of(1, 30).seal(&named("Margarethe")),
        Err(ConnectionError::CursorTooLong)
    );
}
