//! The `[[list]]` parts of an adapter file: paginator, filters, composed filters, sort.

use super::compose::{QUOTES, each_shape, with_holes};
use super::text::{destination, json, parsed, parsed_text, plain_path, required, statuses};
use super::times;
use super::{MISSING_ITEMS, Reading};
use crate::adapter::manifest::{
    EndSign, FilterKey, FilterTarget, FilterWire, ListForm, ListRoute, Paginator, RefusalLooks,
    Style, TokenStyle, TotalSaid, WireFormat, mentions,
};
use crate::adapter::paging::authority;
use crate::adapter::place::{JsonPath, Pointer};
use crate::adapter::wire;
use crate::document::{Table, Text, Value as Item};
use crate::source::TotalKind;
use serde_json::Value;
use std::time::Duration;

/// The words for several values.
const LISTS: &[(&str, ListForm)] = &[
    ("csv", ListForm::Csv),
    ("repeat", ListForm::Repeat),
    ("brackets", ListForm::Brackets),
    ("json", ListForm::Json),
];

/// The longest `widen`.
const WIDEST: Duration = Duration::from_secs(366 * 86_400);

/// Paging styles, by their words.
#[derive(Clone, Copy)]
enum StyleWord {
    Page,
    Offset,
    Token,
    Link,
    Keyset,
    None,
}

const STYLES: &[(&str, StyleWord)] = &[
    ("page", StyleWord::Page),
    ("offset", StyleWord::Offset),
    ("token", StyleWord::Token),
    ("link", StyleWord::Link),
    ("keyset", StyleWord::Keyset),
    ("none", StyleWord::None),
];

impl Reading {
    pub(super) fn list(&self, mut table: Table<'_>) -> Option<ListRoute> {
        self.assumed(&mut table);
        let route = self.route(&mut table);
        let items = required(&mut table, "items", plain_path);
        table.require("page");
        let page = table.table("page").and_then(|inner| self.paginator(inner));
        let list = ListRoute {
            items: items.unwrap_or_default(),
            unwrap: parsed(&mut table, "unwrap", plain_path).unwrap_or_default(),
            missing_is_empty: table.word("missing_items", MISSING_ITEMS).unwrap_or(false),
            stable_order: table
                .word("order", &[("unspecified", false), ("stable", true)])
                .unwrap_or(false),
            complete: table.bool("complete").unwrap_or(false),
            needs_filter: table.bool("needs_filter").unwrap_or(false),
            gone: self.gone(&mut table),
            filters: table
                .table("filter")
                .map(|inner| self.filters(inner))
                .unwrap_or_default(),
            compose: table.table("compose").and_then(|inner| self.compose(inner)),
            sort: table.table("sort").and_then(|inner| self.sort(inner)),
            route: route?,
            page: page?,
        };
        table.finish();
        Some(list)
    }

    fn paginator(&self, mut table: Table<'_>) -> Option<Paginator> {
        self.assumed(&mut table);
        table.require("kind");
        let style = match table.word("kind", STYLES)? {
            StyleWord::Page => Style::Page {
                page: required(&mut table, "page", destination)?,
                first: table.integer("first", 0..=1_u64).unwrap_or(1),
                pages: parsed(&mut table, "pages", said),
                echo: parsed(&mut table, "echo", said),
            },
            StyleWord::Offset => Style::Offset {
                offset: required(&mut table, "offset", destination)?,
                first: table.integer("first", 0..=1_u64).unwrap_or(0),
                echo: parsed(&mut table, "echo", said),
                aligned: table.bool("aligned").unwrap_or(false),
            },
            StyleWord::Token => Style::Token(token(&mut table)?),
            StyleWord::Link => link(&mut table)?,
            StyleWord::Keyset => Style::Keyset {
                send: required(&mut table, "send", destination)?,
                key: required(&mut table, "key", last_path)?,
                send_before: parsed(&mut table, "send_before", destination),
                numbers: numbers(&mut table),
            },
            StyleWord::None => Style::None,
        };
        let sizes = sizes(&mut table, &style);
        let size_hint = table.bool("size_hint") == Some(true);
        refuse_other_sizes(&table, &style, size_hint);
        refuse_ends(&table, &style);
        let paginator = Paginator {
            style,
            size: parsed(&mut table, "size", destination),
            size_format: parsed(&mut table, "size_format", |text| {
                with_holes(text, &["n"], "n")
            }),
            sizes,
            size_hint,
            size_echo: parsed(&mut table, "size_echo", said),
            total: parsed(&mut table, "total", said),
            total_kind: parsed(&mut table, "total_kind", total_kind)
                .unwrap_or(TotalSaid::Kind(TotalKind::Exact)),
            more: parsed(&mut table, "more", said),
            depth: table.integer("depth", 1..=u64::from(u32::MAX)),
            depth_error: table.table("depth_error").and_then(|inner| looks(inner)),
            past_end: table.table("past_end").map(past_end).unwrap_or_default(),
        };
        table.finish();
        Some(paginator)
    }

    fn filters(&self, mut table: Table<'_>) -> Vec<(FilterKey, FilterWire)> {
        let mut filters = Vec::new();
        for entry in table.entries() {
            let Some(key) = table.choose(&entry.key, FilterKey::ALL) else {
                continue;
            };
            let wire = match entry.value {
                Item::Text(text) => parsed_text(&table, &text, destination)
                    .map(|to| FilterWire::of_ids(to, ListForm::Csv)),
                Item::Table(inner) => self.filter_wire(inner),
                other => {
                    table.problem(
                        other.at(),
                        format!("expected a destination or a table, found {}", other.kind()),
                    );
                    None
                }
            };
            filters.extend(wire.map(|wire| (key, wire)));
        }
        filters
    }

    pub(super) fn filter_wire(&self, mut table: Table<'_>) -> Option<FilterWire> {
        self.assumed(&mut table);
        let given = table.has("send");
        let send = parsed(&mut table, "send", destination);
        let field = table.string("field").map(|text| text.value);
        let to = match (send, field) {
            (Some(to), None) => Some(FilterTarget::Send(to)),
            (None, Some(field)) if !given => Some(FilterTarget::Field(field)),
            (None, None) if given => None,
            _ => {
                table.problem(table.place(), "exactly one of `send` and `field` is needed");
                None
            }
        };
        let composed = matches!(to, Some(FilterTarget::Field(_)));
        let idle = if composed { "list" } else { "quote" };
        if to.is_some() && table.has(idle) {
            let with = if composed { "field" } else { "send" };
            let why = format!("`{idle}` does nothing here, beside `{with}`");
            table.problem(&table.place_of(idle), why);
        }
        let (each, condition) = if composed {
            (None, each_shape(&mut table))
        } else {
            (table.value("each").map(|item| json(&item)), None)
        };
        if each
            .as_ref()
            .is_some_and(|each| !mentions(each, "$") && !mentions(each, "$value"))
            && !table.has("value")
        {
            let why = "`each` does not hold the value: \"$\" is missing";
            table.problem(&table.place_of("each"), why);
        }
        let wire = FilterWire {
            value: table.value("value").map(|item| json(&item)),
            words: table.string("enum").map(|text| text.value),
            format: times::of_filter(&mut table),
            listed: table.has("list"),
            list: table.word("list", LISTS).unwrap_or(ListForm::Csv),
            each,
            condition,
            quote: table.word("quote", QUOTES),
            widen: table.duration("widen", Duration::from_millis(1)..=WIDEST),
            residual: table.bool("residual").unwrap_or(false),
            max_length: table
                .integer("max_length", 1..=1_000_000_u32)
                .map(|max| max as usize),
            max: table.integer("max", 1..=10_000_u32).map(|max| max as usize),
            to: to?,
        };
        table.finish();
        Some(wire)
    }
}

fn token(table: &mut Table<'_>) -> Option<TokenStyle> {
    let end = ends(table);
    let send = required(table, "send", destination);
    let next = required(table, "next", Pointer::parse);
    Some(TokenStyle {
        prev: parsed(table, "prev", Pointer::parse),
        send_prev: parsed(table, "send_prev", destination),
        end: if end.is_empty() {
            vec![EndSign::Absent, EndSign::Null, EndSign::Empty]
        } else {
            end
        },
        dangling: table.bool("dangling").unwrap_or(false),
        size_locked: table.bool("size_locked").unwrap_or(false),
        anchored: table.bool("anchored").unwrap_or(false),
        numbers: numbers(table),
        ttl_s: table.integer("ttl_s", 1..=31_536_000_u64),
        send: send?,
        next: next?,
    })
}

/// What ends a walk. A number or `false` may stand there as itself, or as a text.
fn ends(table: &mut Table<'_>) -> Vec<EndSign> {
    let signs = [
        ("absent", EndSign::Absent),
        ("null", EndSign::Null),
        ("", EndSign::Empty),
        ("0", EndSign::Zero),
        ("-1", EndSign::MinusOne),
        ("false", EndSign::False),
    ];
    let given = match table.value("end") {
        None => return Vec::new(),
        Some(Item::List(items, _)) => items,
        Some(one) => vec![one],
    };
    let sign = |item: Item<'_>| {
        let text = Text {
            at: item.at().clone(),
            value: match json(&item) {
                Value::String(text) => text,
                other => other.to_string(),
            },
        };
        table.choose(&text, &signs)
    };
    given.into_iter().filter_map(sign).collect()
}

/// Whether positions go out as numbers.
fn numbers(table: &mut Table<'_>) -> bool {
    table.word("as", &[("int", true)]).unwrap_or(false)
}

fn link(table: &mut Table<'_>) -> Option<Style> {
    let hosts = table.strings("hosts");
    Some(Style::Link {
        next: required(table, "next", Pointer::parse)?,
        prev: parsed(table, "prev", Pointer::parse),
        hosts: hosts
            .iter()
            .filter_map(|text| parsed_text(table, text, host))
            .collect(),
        keep: table
            .strings("keep")
            .into_iter()
            .map(|text| text.value)
            .collect(),
        anchored: table.bool("anchored").unwrap_or(false),
    })
}

fn host(text: &str) -> Result<String, String> {
    match authority("https", text) {
        Some(_) => Ok(text.to_owned()),
        None => Err(format!(
            "`{text}` is no host; write it without scheme and path, with its port where it has one of its own"
        )),
    }
}

/// What leads from page to page has no page past its end: a refusal means a position that the CRM no longer knows.
fn refuse_ends(table: &Table<'_>, style: &Style) {
    let chain = matches!(
        style,
        Style::Token(_) | Style::Link { .. } | Style::Keyset { .. }
    );
    if chain && table.has("past_end") {
        let why =
            "`past_end` does nothing here: along tokens, links and keys no page lies past the end";
        table.problem(&table.place_of("past_end"), why);
    }
}

/// Where a page's number tells its place, every page must have the size asked for.
fn refuse_other_sizes(table: &Table<'_>, style: &Style, hinted: bool) {
    let by_size = matches!(
        style,
        Style::Page { .. } | Style::Offset { aligned: true, .. }
    );
    for (key, given) in [("size_hint", hinted), ("size_echo", table.has("size_echo"))] {
        if given && by_size {
            table.problem(
                &table.place_of(key),
                format!("a page's number tells its place only where every page has the size asked for: `{key}` goes neither with `page` nor with `aligned`"),
            );
        }
    }
}

/// The page sizes. Where none can be sent, both ends must be given and equal, or, in chains, neither.
fn sizes(table: &mut Table<'_>, style: &Style) -> Option<(u32, u32)> {
    let min = table.integer("min", 1..=100_000_u32);
    let max = table.integer("max", 1..=100_000_u32);
    let settable = table.has("size");
    let chain = matches!(style, Style::Token(_) | Style::Link { .. } | Style::None);
    match (settable, min, max) {
        (false, None, None) if chain => None,
        (false, min, max) if min != max || max.is_none() => {
            table.problem(
                table.place(),
                "without `size` the CRM's own page size must be given as both `min` and `max`",
            );
            None
        }
        (_, min, said) => {
            let (min, max) = (min.unwrap_or(1), said.unwrap_or(100));
            if min > max {
                let than = match said {
                    Some(_) => "`max`",
                    None => "100, which is the largest page where no `max` is given",
                };
                table.problem(table.place(), format!("`min` is larger than {than}"));
            }
            Some((min.min(max), max))
        }
    }
}

fn looks(mut table: Table<'_>) -> Option<RefusalLooks> {
    let status = statuses(&mut table, "status");
    let contains = table.string("contains").map(|text| text.value);
    if status.len() != 1 {
        table.problem(table.place(), "one `status` is needed");
    }
    table.finish();
    Some(RefusalLooks {
        status: *status.first()?,
        contains,
    })
}

fn past_end(mut table: Table<'_>) -> Vec<u16> {
    let found = statuses(&mut table, "status");
    table.finish();
    found
}

/// Where an answer says something of its list.
fn said(text: &str) -> Result<Pointer, String> {
    match Pointer::parse(text)? {
        Pointer::Last(_) => Err(format!(
            "`{text}`: `last:` is for a token's `next` and a key"
        )),
        pointer => Ok(pointer),
    }
}

fn last_path(text: &str) -> Result<JsonPath, String> {
    match Pointer::parse(text)? {
        Pointer::Last(path) if path.is_plain() => Ok(path),
        _ => Err(format!("`{text}`: write `last:/member`")),
    }
}

fn total_kind(text: &str) -> Result<TotalSaid, String> {
    match text.split_once(':') {
        Some(("capped", number)) => {
            let cap = number
                .parse()
                .map_err(|_| format!("`{text}`: expected a number behind `capped:`"))?;
            Ok(TotalSaid::Kind(TotalKind::Capped(cap)))
        }
        _ => match text {
            "exact" => Ok(TotalSaid::Kind(TotalKind::Exact)),
            "upper_bound" => Ok(TotalSaid::Kind(TotalKind::UpperBound)),
            "page" => Ok(TotalSaid::PageOrAll),
            _ => Err(format!(
                "`{text}` is not known; accepted: exact, upper_bound, page, capped:N"
            )),
        },
    }
}

/// A wire format by its word. A pattern's offset is given beside it, in `zone`.
pub(super) fn wire_format(text: &str) -> Result<WireFormat, String> {
    match text.split_once(':') {
        Some(("fmt", pattern)) => wire::check_pattern(pattern)
            .map(|()| WireFormat::Pattern(pattern.to_owned(), jiff::tz::Offset::UTC)),
        _ => match text {
            "rfc3339" => Ok(WireFormat::Rfc3339),
            "date" => Ok(WireFormat::Date),
            "epoch_s" => Ok(WireFormat::EpochSeconds),
            "epoch_ms" => Ok(WireFormat::EpochMilliseconds),
            "epoch_s_float" => Ok(WireFormat::EpochFloat),
            "int" => Ok(WireFormat::Int),
            "string" => Ok(WireFormat::Text),
            _ => Err(format!(
                "`{text}` is not known; accepted: rfc3339, date, epoch_s, epoch_ms, epoch_s_float, fmt:PATTERN, int, string"
            )),
        },
    }
}
