//! A small CRM for every paging style, with its habits and its lies, and the adapter file that describes it.

use crate::support::crm::{Play, Seen, file};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// The largest page of the small CRMs.
pub(super) const LARGEST: usize = 20;

/// How a small CRM pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Page,
    Offset,
    Token,
    /// Tokens that are the numbers of rows.
    Numbered,
    /// Tokens that may lead to an empty last page.
    Dangling,
    /// Tokens back, too.
    TokenBack,
    /// Tokens that stand in the last row of a page.
    TokenInRow,
    /// Pages of the CRM's own size.
    Link,
    Keyset,
    None,
}

pub(super) const STYLES: [Style; 10] = [
    Style::Page,
    Style::Offset,
    Style::Token,
    Style::Numbered,
    Style::Dangling,
    Style::TokenBack,
    Style::TokenInRow,
    Style::Link,
    Style::Keyset,
    Style::None,
];

/// What a small CRM answers past the end of its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Past {
    Empty,
    Refused,
    /// The last page again, with its own number.
    Clamped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lie {
    None,
    /// The third page leads back to the second.
    Ring,
    /// Tokens lead from empty page to empty page.
    Void,
    /// The total is larger than the list.
    Total,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Habits {
    pub(super) style: Style,
    pub(super) total: bool,
    pub(super) past: Past,
    pub(super) sorts: bool,
    pub(super) lie: Lie,
}

pub(super) fn habits(style: Style) -> Habits {
    Habits {
        style,
        total: true,
        past: Past::Empty,
        sorts: false,
        lie: Lie::None,
    }
}

/// The rows of a small CRM: ids of one length, in order.
pub(super) type Rows = Arc<Mutex<Vec<String>>>;

pub(super) fn row_id(number: usize) -> String {
    format!("{number:07}")
}

pub(super) fn rows(count: usize, begin: usize) -> Rows {
    let ids = (0..count).map(|number| row_id(begin + number * 100));
    Arc::new(Mutex::new(ids.collect()))
}

/// The adapter file of a small CRM.
pub(super) fn adapter_file(habits: Habits) -> String {
    let size = format!("size = \"query:n\", max = {LARGEST}");
    let style = match (habits.style, habits.past) {
        (Style::Page, Past::Clamped) => {
            format!("kind = \"page\", page = \"query:p\", echo = \"/page\", {size}")
        }
        (Style::Page, _) => {
            format!("kind = \"page\", page = \"query:p\", past_end = {{ status = [404] }}, {size}")
        }
        (Style::Offset, Past::Refused) => format!(
            "kind = \"offset\", offset = \"query:o\", past_end = {{ status = [404] }}, {size}"
        ),
        (Style::Offset, _) => format!("kind = \"offset\", offset = \"query:o\", {size}"),
        (Style::Token | Style::Numbered, _) => {
            format!("kind = \"token\", send = \"query:after\", next = \"/next\", {size}")
        }
        (Style::Dangling, _) => format!(
            "kind = \"token\", send = \"query:after\", next = \"/next\", dangling = true, anchored = true, {size}"
        ),
        (Style::TokenBack, _) => format!(
            "kind = \"token\", send = \"query:after\", next = \"/next\", prev = \"/prev\", send_prev = \"query:before\", {size}"
        ),
        (Style::TokenInRow, _) => {
            format!("kind = \"token\", send = \"query:after\", next = \"last:/next\", {size}")
        }
        (Style::Link, _) => "kind = \"link\", next = \"/next\"".to_owned(),
        (Style::Keyset, _) => format!(
            "kind = \"keyset\", send = \"query:after\", send_before = \"query:before\", key = \"last:/id\", {size}"
        ),
        (Style::None, _) => "kind = \"none\"".to_owned(),
    };
    let total = if habits.total {
        ", total = \"/total\""
    } else {
        ""
    };
    let sort = if habits.sorts {
        "[list.sort]\nstyle = \"pair\"\nfield = \"query:sort\"\ndirection = \"query:dir\"\nasc = \"asc\"\ndesc = \"desc\"\nby = { id = \"id\" }\nunique = \"id\"\ndefault = { field = \"id\", direction = \"asc\" }\n"
    } else {
        ""
    };
    file(
        "",
        &format!(
            "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\npage = {{ {style}{total} }}\n{sort}[fields]\nid = {{ r = \"/id\" }}\n"
        ),
    )
}

/// What a small CRM answers.
pub(super) fn answer(habits: Habits, rows: &[String], seen: &Seen) -> Play {
    let url = reqwest::Url::parse(&format!("http://crm{}", seen.target)).unwrap();
    let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
    let number = |name: &str| query.get(name).map(|text| text.parse::<usize>().unwrap());
    let mut list = rows.to_vec();
    let down = query.get("dir").is_some_and(|word| word == "desc");
    if down {
        list.reverse();
    }
    let size = match habits.style {
        Style::Link => 7,
        Style::None => usize::MAX,
        _ => number("n").unwrap_or(LARGEST),
    };
    assert!(matches!(habits.style, Style::None) || (1..=LARGEST).contains(&size));
    let stands_before = |row: &String, id: &String| if down { row > id } else { row < id };
    let (mut begin, end) = match habits.style {
        Style::Page => {
            let begin = (number("p").unwrap() - 1) * size;
            (begin, begin + size)
        }
        Style::Offset => {
            let begin = number("o").unwrap_or_default();
            (begin, begin + size)
        }
        Style::None => (0, list.len()),
        Style::Numbered => {
            let begin = number("after").unwrap_or_default();
            (begin, begin + size)
        }
        _ => match (query.get("after"), query.get("before")) {
            (Some(id), _) => {
                let begin = list.partition_point(|row| stands_before(row, id) || row == id);
                (begin, begin + size)
            }
            (None, Some(id)) => {
                let end = list.partition_point(|row| stands_before(row, id));
                (end.saturating_sub(size), end)
            }
            (None, None) => (0, size),
        },
    };
    let mut end = end.min(list.len());
    if begin >= list.len() && begin > 0 && matches!(habits.style, Style::Page | Style::Offset) {
        match (habits.past, habits.style) {
            (Past::Refused, _) => return Play::Json(404, json!({})),
            (Past::Clamped, Style::Page) => {
                begin = (list.len().max(1) - 1) / size * size;
                end = list.len();
            }
            _ => begin = list.len(),
        }
    }
    let shown = list.get(begin..end).unwrap_or_default();
    let last = shown.last().cloned();
    let follows = end < list.len() || (habits.style == Style::Dangling && !shown.is_empty());
    let mut next = last.filter(|_| follows);
    let mut data: Vec<Value> = shown.iter().map(|id| json!({ "id": id })).collect();
    match habits.lie {
        Lie::Ring if begin >= 2 * size => next = list.get(size - 1).cloned(),
        Lie::Void if begin > 0 => {
            data.clear();
            next = query.get("after").map(|after| format!("{after}0"));
        }
        _ => {}
    }
    let next = match habits.style {
        Style::Numbered => next.map(|_| end.to_string()),
        Style::Link => {
            next.map(|id| format!("/c?dir={}&after={id}", if down { "desc" } else { "asc" }))
        }
        _ => next,
    };
    if let (Style::TokenInRow, Some(last)) = (habits.style, data.last_mut()) {
        last["next"] = json!(next);
    }
    let prev = shown.first().filter(|_| begin > 0);
    let total = list.len() + if habits.lie == Lie::Total { 30 } else { 0 };
    Play::Json(
        200,
        json!({ "data": data, "next": next, "prev": prev, "total": total, "page": begin / size + 1 }),
    )
}
