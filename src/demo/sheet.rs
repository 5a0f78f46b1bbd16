//! One page of a Flextell list: `data` with `links` and `meta` around it.
//!
//! The links carry the query on, as its follower would expect; the page does not say. Page numbers in `meta.links`
//! are those near the page shown.

use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::ask::Query;

/// How many page numbers stand on each side of the page shown.
const NEAR: i64 = 3;

/// Where in a list a page is.
#[derive(Clone, Copy)]
pub(super) struct Sheet {
    /// Counted from 1; it may lie behind the last.
    pub(super) page: i64,
    /// How many rows a page has.
    pub(super) size: i64,
    /// How many rows the list has.
    pub(super) total: i64,
}

impl Sheet {
    /// The rows before this page.
    pub(super) fn skipped(self) -> i64 {
        (self.page - 1).saturating_mul(self.size)
    }

    /// The answer around the rows of this page.
    pub(super) fn around(self, data: &Value, path: &str, query: &Query) -> Value {
        let last = self.last();
        let link = |page: i64| (1..=last).contains(&page).then(|| url(path, query, page));
        let (before, behind) = (link(self.page - 1), link(self.page.saturating_add(1)));
        let number = |page: i64| {
            let active = page == self.page;
            json!({"url": url(path, query, page), "label": page.to_string(), "active": active})
        };
        let start = self.page.min(last).saturating_sub(NEAR).max(1);
        let end = self.page.saturating_add(NEAR).min(last);
        let mut links = vec![json!({"url": before, "label": "Previous", "active": false})];
        links.extend((start..=end).map(number));
        links.push(json!({"url": behind, "label": "Next", "active": false}));
        let (from, to) = self.span();
        json!({
            "data": data,
            "links": {"first": url(path, query, 1), "last": url(path, query, last), "prev": before, "next": behind},
            "meta": {
                "current_page": self.page,
                "from": from,
                "last_page": last,
                "links": links,
                "path": path,
                "per_page": self.size,
                "to": to,
                "total": self.total,
            },
        })
    }

    fn last(self) -> i64 {
        let full = self.total.checked_div(self.size).unwrap_or_default();
        let rest = self.total.checked_rem(self.size).unwrap_or_default();
        (full + i64::from(rest > 0)).max(1)
    }

    /// The first and the last row shown, counted from 1; nothing where none is shown.
    fn span(self) -> (Option<i64>, Option<i64>) {
        let skipped = self.skipped();
        if skipped >= self.total {
            return (None, None);
        }
        (
            Some(skipped + 1),
            Some((skipped + self.size).min(self.total)),
        )
    }
}

fn url(path: &str, query: &Query, page: i64) -> String {
    let others = query.pairs().filter(|(name, _)| *name != "page");
    let mut text = Serializer::new(String::new());
    let text = text
        .extend_pairs(others)
        .append_pair("page", &page.to_string());
    format!("{path}?{}", text.finish())
}
