//! What a window costs in upstream calls, style by style, as the table of the README says; and what lies cost.

use super::small::{Habits, Lie, Past, STYLES, Style, adapter_file, habits};
use super::world::{World, ids};
use crate::support::crm::{call, manifest};
use crmql::connection::{ConnectionError, Want};
use crmql::source::SourceErrorKind;

/// Promise 7. Clamped pages are among the habits of all the others.
#[tokio::test]
async fn lies_end_in_an_error() {
    for (style, lie) in [
        (Style::Token, Lie::Ring),
        (Style::Link, Lie::Ring),
        (Style::Token, Lie::Void),
        (Style::Dangling, Lie::Void),
        (Style::Link, Lie::Void),
    ] {
        let world = World::one(
            Habits {
                lie,
                ..habits(style)
            },
            90,
        )
        .await;
        let (mut cursor, mut windows) = (None, 0);
        let error = loop {
            windows += 1;
            assert!(windows < 100, "{style:?} {lie:?} goes on for ever");
            world.calls();
            let page = world.window(true, 5, cursor.as_deref()).await;
            assert!(world.calls() <= 10, "{style:?} {lie:?}");
            match page {
                Ok(page) => {
                    assert!(page.page_info.has_next, "{style:?} {lie:?}");
                    cursor = page.page_info.end;
                }
                Err(error) => break error,
            }
        };
        assert!(
            matches!(&error, ConnectionError::Source { error, .. } if error.kind == SourceErrorKind::Malformed),
            "{style:?} {lie:?}: {error:?}"
        );
    }
    // A total that is too large: the rows are all there, and the total is not believed.
    for style in [Style::Page, Style::Offset] {
        let lying = Habits {
            lie: Lie::Total,
            ..habits(style)
        };
        let world = World::one(lying, 45).await;
        let mut asked = world.asked_for(true, 100, None);
        asked.want.total = true;
        let page = world.ask(asked).await.unwrap();
        assert_eq!(ids(&page), world.list());
        assert!(page.total.is_none_or(|total| total == 45));
    }
}

/// The calls of one window.
struct Cost {
    style: Style,
    /// The first window, and the next ones of the same size.
    aligned: [usize; 2],
    /// A window of 17 rows after row 13, at most.
    arbitrary: usize,
    /// The last 10 rows, and the 10 before them, at most; `None` where a long list cannot be read backwards so.
    back: Option<[usize; 2]>,
    /// What an exact `hasNextPage` adds to a window that ends where the list ends.
    look: usize,
}

/// The table of the README: upstream calls of each style, with pages of up to 20 rows, a list of 100, and no total.
const COSTS: [Cost; 8] = [
    Cost {
        style: Style::Page,
        aligned: [1, 1],
        arbitrary: 2,
        back: None,
        look: 1,
    },
    Cost {
        style: Style::Offset,
        aligned: [1, 1],
        arbitrary: 1,
        back: None,
        look: 1,
    },
    Cost {
        style: Style::Token,
        aligned: [1, 1],
        arbitrary: 2,
        back: None,
        look: 0,
    },
    Cost {
        style: Style::Numbered,
        aligned: [1, 1],
        arbitrary: 2,
        back: None,
        look: 0,
    },
    Cost {
        style: Style::Dangling,
        aligned: [1, 1],
        arbitrary: 2,
        back: None,
        look: 1,
    },
    Cost {
        style: Style::TokenBack,
        aligned: [1, 1],
        arbitrary: 2,
        back: None,
        look: 0,
    },
    Cost {
        style: Style::Keyset,
        aligned: [1, 1],
        arbitrary: 1,
        back: None,
        look: 1,
    },
    Cost {
        style: Style::None,
        aligned: [1, 1],
        arbitrary: 1,
        back: Some([1, 1]),
        look: 0,
    },
];

#[tokio::test]
async fn calls_are_as_few_as_the_readme_says() {
    for cost in &COSTS {
        let style = cost.style;
        let plain = Habits {
            total: false,
            ..habits(style)
        };
        let mut world = World::one(plain, 100).await;
        world.asked.want = Want {
            cursors: true,
            ..Want::default()
        };
        let first = world.window(true, 10, None).await.unwrap();
        assert_eq!(world.calls(), cost.aligned[0], "{style:?}");
        let end = first.page_info.end.clone().unwrap();
        let next = world.window(true, 10, Some(&end)).await.unwrap();
        assert_eq!(world.calls(), cost.aligned[1], "{style:?}");
        let odd = next.edges[2].cursor.clone();
        world.window(true, 17, Some(&odd)).await.unwrap();
        let calls = world.calls();
        assert!(calls <= cost.arbitrary, "{style:?}: {calls}");
        // The rows before a cursor of the walk so far.
        let start = next.page_info.start.unwrap();
        let before = world.window(false, 10, Some(&start)).await.unwrap();
        assert_eq!(ids(&before), ids(&first), "{style:?}");
        let calls = world.calls();
        assert!(calls <= 2, "{style:?}: {calls}");
        if let Some([last, more]) = cost.back {
            let page = world.window(false, 10, None).await.unwrap();
            assert_eq!(world.calls(), last, "{style:?}");
            let start = page.page_info.start.unwrap();
            world.window(false, 10, Some(&start)).await.unwrap();
            assert_eq!(world.calls(), more, "{style:?}");
        }
        // To the end, and whether more follows.
        let almost = world
            .window(true, 90, None)
            .await
            .unwrap()
            .page_info
            .end
            .unwrap();
        world.calls();
        world.window(true, 10, Some(&almost)).await.unwrap();
        let without = world.calls();
        world.asked.want.has_next = true;
        let page = world.window(true, 10, Some(&almost)).await.unwrap();
        assert!(!page.page_info.has_next);
        let with = world.calls();
        assert!(
            with <= without + cost.look,
            "{style:?}: {without} and {with}"
        );
    }
}

/// With a total, numbered lists know their end: two calls for the last rows, none for what follows, none for the count.
#[tokio::test]
async fn a_total_saves_calls() {
    for style in [Style::Page, Style::Offset] {
        let mut world = World::one(habits(style), 100).await;
        world.asked.want = Want {
            total: true,
            has_next: true,
            has_previous: true,
            cursors: true,
        };
        let first = world.window(true, 10, None).await.unwrap();
        assert_eq!((world.calls(), first.total), (1, Some(100)), "{style:?}");
        let last = world.window(false, 10, None).await.unwrap();
        assert_eq!(ids(&last), world.list()[90..]);
        assert!(world.calls() <= 2, "{style:?}");
        let start = last.page_info.start.unwrap();
        world.window(false, 10, Some(&start)).await.unwrap();
        assert!(world.calls() <= 2, "{style:?}");
    }
}

/// The adapter files above say what they are meant to say.
#[test]
fn the_small_crms_have_their_styles() {
    for style in STYLES {
        for past in [Past::Empty, Past::Refused, Past::Clamped] {
            let text = adapter_file(Habits {
                past,
                sorts: true,
                ..habits(style)
            });
            assert_eq!(manifest(&text).lists.len(), 1);
        }
    }
    assert_eq!(call().calls(), 0);
}
