//! Sources that refuse every page which reaches deeper than they allow, however short the list is.

use super::*;

fn refusing(paging: Paging) -> Shape {
    Shape {
        depth: Some(100),
        strict_depth: true,
        ..Shape::new(paging)
    }
}

fn numbering(sizes: Sizes) -> Walk {
    Walk {
        anchored: false,
        ..chain(Some(sizes))
    }
}

/// Every row within the depth can be read, whatever it takes to see that none follows.
#[test]
fn the_last_rows_within_the_depth_can_be_read() {
    let sizes = Sizes { min: 1, max: 50 };
    let pagings = [
        Paging::Page(sizes),
        Paging::Offset(sizes),
        Paging::Token(numbering(sizes)),
        Paging::Token(chain(Some(sizes))),
    ];
    for (paging, rows) in pagings
        .into_iter()
        .flat_map(|at| [60, 95, 97, 99].map(|rows| (at, rows)))
    {
        for windows in [[40, 40, 20, 1], [30, 30, 30, 30], [25, 25, 25, 25]] {
            let world = World::one(refusing(paging), plain_rows(rows));
            let case = format!("{paging:?} {rows} {windows:?}");
            let mut seen = Vec::new();
            let mut after = None;
            for window in windows {
                let page = world.first(window, after.as_deref());
                let page = page.unwrap_or_else(|error| panic!("{case} {seen:?} {error:?}"));
                seen.extend(ids(&page));
                after = page.page_info.end;
                if !page.page_info.has_next {
                    break;
                }
            }
            assert_eq!(seen, world.expected(), "{case}");
        }
    }
}

/// Where no page is small enough to see what follows, the rows in hand are shown, and it is said that nobody knows.
#[test]
fn what_only_confirms_the_end_costs_no_rows() {
    for paging in [
        Paging::Page(Sizes { min: 25, max: 25 }),
        Paging::Offset(Sizes { min: 25, max: 25 }),
    ] {
        let world = World::one(refusing(paging), plain_rows(95));
        let page = world.first(100, None).unwrap();
        assert_eq!(ids(&page), world.expected(), "{paging:?}");
        assert_eq!(page.reports[0].outcome, SourceOutcome::Truncated);
        assert!(page.page_info.has_next);
    }
}
