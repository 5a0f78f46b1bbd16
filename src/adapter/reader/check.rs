//! Checks that need more than one part of an adapter file.

use super::holes::names_id;
use super::{clash, compose, forms, holes};
use crate::adapter::manifest::{
    FilterKey, FilterTarget, FilterWire, Get, GetMany, ListRoute, Manifest, Needed, Route, Style,
    WireFormat, WireType,
};
use crate::document::Table;
use crate::model::{CustomerStatus, CustomerTier, CustomerType, Gender};
use ::http::Method;

/// Notes a problem at the part of the file that these steps lead to.
pub(super) type Note<'n> = dyn Fn(&[&str], String) + 'n;

/// Notes what does not fit together.
pub(super) fn check(root: &Table<'_>, manifest: &Manifest) {
    let note: &Note<'_> = &|steps, message| root.problem(&root.place_along(steps), message);
    holes::check(manifest, note);
    check_words(manifest, note);
    check_filters(manifest, note);
    forms::check(manifest, note);
    check_methods(manifest, note);
    compose::check(manifest, note);
    clash::check(manifest, note);
    check_writes(manifest, note);
    check_reuse(manifest, note);
    check_links(manifest, note);
    if manifest
        .fields
        .get("id")
        .is_none_or(|field| field.read.is_empty())
    {
        note(
            &["fields"],
            "`fields.id` is missing: every record needs an id".into(),
        );
    }
    let by_list = matches!(manifest.get, Some(Get::ViaList))
        || matches!(manifest.get_many, Some(GetMany::ViaList { .. }));
    let filters_ids = manifest
        .lists
        .iter()
        .any(|list| list.filters.iter().any(|(key, _)| *key == FilterKey::IdIn));
    if by_list && !filters_ids {
        let key = if matches!(manifest.get, Some(Get::ViaList)) {
            "get"
        } else {
            "get_many"
        };
        note(
            &[key, "via"],
            "`via = \"list\"` needs a list with the filter `id:in`".into(),
        );
    }
    if !root.has("list") && !root.has("get") {
        note(
            &["id"],
            "the file names neither a list nor a way to read one customer".into(),
        );
    }
}

/// A read changes nothing, and a write is no read.
fn check_methods(manifest: &Manifest, note: &Note<'_>) {
    let reads = |route: &Route| matches!(route.method, Method::GET | Method::POST);
    for (index, list) in manifest.lists.iter().enumerate() {
        if !reads(&list.route) {
            let steps = ["list", &index.to_string(), "request"];
            note(&steps, "a list is asked for by GET or POST".into());
        }
    }
    if let Some(Get::Route { route, .. }) = &manifest.get
        && !reads(route)
    {
        let why = "one customer is asked for by GET or POST";
        note(&["get", "request"], why.into());
    }
    if let Some(GetMany::Route { route, .. }) = &manifest.get_many
        && !reads(route)
    {
        let why = "several customers are asked for by GET or POST";
        note(&["get_many", "request"], why.into());
    }
    for (key, write) in [
        ("create", &manifest.create),
        ("update", &manifest.update),
        ("delete", &manifest.delete),
    ] {
        if write
            .as_ref()
            .is_some_and(|write| write.route.method == Method::GET)
        {
            note(&[key, "request"], "nothing is written by GET".into());
        }
    }
}

/// A link is followed without the body that its first page was asked for with: what stood in it would be lost.
fn check_links(manifest: &Manifest, note: &Note<'_>) {
    for (index, list) in manifest.lists.iter().enumerate() {
        let links = matches!(list.page.style, Style::Link { .. });
        if links && list.route.method != http::Method::GET {
            note(
                &["list", &index.to_string(), "page", "kind"],
                "a link is followed without a body, so only a list that is asked for by GET can be read along links".into(),
            );
        }
    }
}

/// "Not modified" must mean one thing.
fn check_reuse(manifest: &Manifest, note: &Note<'_>) {
    let rules = manifest.http.reuse;
    let empty = manifest
        .lists
        .iter()
        .any(|list| list.missing_is_empty && list.route.success(manifest).status.contains(&304));
    if (rules.etag || rules.last_modified) && empty {
        note(
            &["http", "reuse", "validators"],
            "with `http.reuse.validators`, a 304 says that nothing has changed; it cannot be a success of a list too, with \
             `missing_items = \"empty\"`"
                .into(),
        );
    }
}

/// The word list that a field with words must use, by its name.
fn canonical(field: &str) -> Option<&'static [&'static str]> {
    match field {
        "tier" => Some(CustomerTier::WORDS),
        "status" => Some(CustomerStatus::WORDS),
        "type" => Some(CustomerType::WORDS),
        "gender" => Some(Gender::WORDS),
        "unsubscribed" => Some(&["TRUE", "FALSE"]),
        _ => None,
    }
}

fn check_words(manifest: &Manifest, note: &Note<'_>) {
    for (name, field) in &manifest.fields {
        let Some(accepted) = canonical(name) else {
            if field.words.is_some() || field.write_words.is_some() || field.present.is_some() {
                note(
                    &["fields", name],
                    format!("`fields.{name}` is no enum: `enum` and `present` do not apply"),
                );
            }
            continue;
        };
        for list in field.words.iter().chain(&field.write_words) {
            check_list(manifest, list, accepted, &["fields", name, "enum"], note);
        }
        for word in field
            .present
            .iter()
            .flat_map(|(there, not_there)| [there, not_there])
        {
            if !accepted.contains(&word.as_str()) {
                note(
                    &["fields", name, "present"],
                    format!(
                        "`fields.{name}.present`: `{word}` is not known; accepted: {}",
                        accepted.join(", ")
                    ),
                );
            }
        }
    }
}

/// `user` is where the list is named.
fn check_list(manifest: &Manifest, list: &str, accepted: &[&str], user: &[&str], note: &Note<'_>) {
    let Some(words) = manifest.enums.get(list) else {
        let known: Vec<_> = manifest.enums.keys().map(String::as_str).collect();
        note(
            user,
            format!(
                "there is no word list `enums.{list}`; there are: {}",
                known.join(", ")
            ),
        );
        return;
    };
    for (word, _) in words
        .pairs
        .iter()
        .filter(|(word, _)| !accepted.contains(&word.as_str()))
    {
        note(
            &["enums", list, word],
            format!(
                "`enums.{list}`: `{word}` is not known; accepted: {}",
                accepted.join(", ")
            ),
        );
    }
}

fn check_filters(manifest: &Manifest, note: &Note<'_>) {
    for (index, list) in manifest.lists.iter().enumerate() {
        let at = index.to_string();
        for (key, wire) in &list.filters {
            let part = |part| ["list", &at, "filter", key.word(), part];
            let field = key.word().split(':').next().unwrap_or_default();
            if let (Some(words), Some(accepted)) = (&wire.words, canonical(field)) {
                check_list(manifest, words, accepted, &part("enum"), note);
            } else if let Some(words) = &wire.words
                && !manifest.enums.contains_key(words)
            {
                note(
                    &part("enum"),
                    format!(
                        "there is no word list `enums.{words}`, which the filter `{}` uses",
                        key.word()
                    ),
                );
            }
            check_words_of(manifest, list, (*key, wire), &part("enum"), note);
            check_zone(manifest, (*key, wire), &part("as"), note);
            let deleted = field == "deleted";
            if wire.value.is_some() && !deleted && !wire.residual {
                note(
                    &part("value"),
                    format!(
                        "`value` of the filter `{}` stands for whatever is asked for: only with `residual = true` is the answer checked again",
                        key.word()
                    ),
                );
            }
            if matches!(wire.to, FilterTarget::Field(_)) && list.compose.is_none() {
                note(
                    &part("field"),
                    format!(
                        "`list[{index}].filter.\"{}\"` names a `field`, and its list has no `compose`",
                        key.word()
                    ),
                );
            }
        }
    }
}

/// An equal word finds those only who have that very word: who is shown with ours by another one would be left out.
fn check_words_of(
    manifest: &Manifest,
    list: &ListRoute,
    (key, wire): (FilterKey, &FilterWire),
    steps: &[&str],
    note: &Note<'_>,
) {
    let Some(name) = wire.words.as_ref().filter(|_| !key.takes_several()) else {
        return;
    };
    let field = key.word().split(':').next().unwrap_or_default();
    let in_other_words = |(other, _): &(FilterKey, FilterWire)| {
        other.takes_several() && other.word().split(':').next() == Some(field)
    };
    let pairs = manifest.enums.get(name).map(|words| &words.pairs);
    let several = pairs.and_then(|pairs| pairs.iter().find(|(_, wire)| wire.len() > 1));
    if let Some((word, _)) = several
        && !list.filters.iter().any(in_other_words)
    {
        let shown = key.word();
        note(
            steps,
            format!(
                "`enums.{name}` has several words for `{word}`, and the filter `{shown}` asks for one: give it an `enum` of its own \
                 with one word for each of ours, or a filter `{field}:in` beside it"
            ),
        );
    }
}

/// Times that say no offset mean the same ones in a record and in a filter.
fn check_zone(
    manifest: &Manifest,
    (key, wire): (FilterKey, &FilterWire),
    steps: &[&str],
    note: &Note<'_>,
) {
    let name = key.word().split(':').next().unwrap_or_default();
    let shown = manifest
        .fields
        .get(name)
        .and_then(|field| field.format.as_ref());
    let asked = wire.format.as_ref().filter(|_| key.takes_moment());
    let (Some(shown @ WireFormat::Pattern(..)), Some(asked)) = (shown, asked) else {
        return;
    };
    let unsaid = shown.leaves_its_zone_out() && asked.leaves_its_zone_out();
    if unsaid && shown.zone() != asked.zone() && wire.widen.is_none() {
        let word = key.word();
        note(
            steps,
            format!(
                "the filter `{word}` is told in another zone than `fields.{name}`: `zone` says which, beside each `as`"
            ),
        );
    }
}

/// Where a record is replaced, what goes back to a place must be what it holds there.
fn check_replaced(manifest: &Manifest, note: &Note<'_>) {
    if !manifest.update.as_ref().is_some_and(|route| route.replace) {
        return;
    }
    let carried = manifest
        .fields
        .iter()
        .filter(|(_, field)| field.is_carried(false));
    for (name, field) in carried {
        let is_part = matches!(field.wire, Some(WireType::NameFirst | WireType::NameLast));
        let how = match field.read.len() {
            0 => "nowhere",
            1 if is_part => "as a part of a name",
            1 => continue,
            _ => "from several places",
        };
        note(
            &["fields", name],
            format!(
                "`fields.{name}` is read {how}, so an update with `mode = \"replace\"` could not put back what stands where it is written"
            ),
        );
    }
}

/// Who was just made can be read back by the id that the answer gives, and by nothing else.
fn check_read_back(manifest: &Manifest, note: &Note<'_>) {
    let blind = manifest.create.as_ref().is_some_and(|create| {
        let returns = &create.returns;
        returns.then_get && returns.id.is_none() && returns.item.is_none()
    });
    if blind {
        note(
            &["create", "returns"],
            "`create.returns.then = \"get\"` needs `id`: else nobody knows who was made".into(),
        );
    }
}

fn check_writes(manifest: &Manifest, note: &Note<'_>) {
    check_replaced(manifest, note);
    check_read_back(manifest, note);
    let writes = [
        ("create", &manifest.create),
        ("update", &manifest.update),
        ("delete", &manifest.delete),
    ];
    for (key, route) in writes {
        let Some(route) = route else { continue };
        let needs_id = key != "create";
        if needs_id && !names_id(&route.route) {
            note(
                &[key, "request"],
                format!("`{key}.request` names no customer: `{{id}}` is missing"),
            );
        }
        if key == "create" && route.route.path.holes().any(|hole| hole == "id") {
            note(
                &[key, "request"],
                "`create.request` cannot know the id of a customer that is not there yet".into(),
            );
        }
        let reads = manifest.get.is_some() || manifest.get_many.is_some();
        if route.returns.then_get && !reads {
            note(
                &[key, "returns"],
                format!("`{key}.returns.then = \"get\"` needs `[get]`"),
            );
        }
        if route.replace && !reads {
            note(
                &[key, "mode"],
                format!(
                    "`{key}.mode = \"replace\"` needs `[get]`: what is not given is sent as it was read"
                ),
            );
        }
    }
    if let Some(route) = &manifest.create {
        for (part, fields) in [("requires", &route.requires), ("any_of", &route.any_of)] {
            for field in fields {
                check_required(manifest, field, part, note);
            }
        }
    }
}

fn check_required(manifest: &Manifest, needed: &Needed, part: &str, note: &Note<'_>) {
    let writable = match needed {
        Needed::Common(field) => manifest
            .fields
            .get(field.name())
            .is_some_and(|field| field.write.is_some() && field.on_create),
        Needed::Native(name) => manifest
            .native
            .get(name)
            .is_some_and(|field| field.on_create),
    };
    if !writable {
        let name = needed.name();
        note(
            &["create", part],
            format!(
                "`{name}` is required for a create, and nothing says where a create carries it"
            ),
        );
    }
}
