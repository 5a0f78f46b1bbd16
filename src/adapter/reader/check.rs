//! Checks that need more than one part of an adapter file.

use crate::adapter::manifest::{
    AuthRule, FilterKey, FilterTarget, Get, GetMany, Manifest, Route, WriteRoute,
};
use crate::adapter::place::{Part, Template};
use crate::document::Table;
use crate::model::{CustomerStatus, CustomerTier, CustomerType, Gender, WriteField};

/// Notes what does not fit together.
pub(super) fn check(root: &Table<'_>, manifest: &Manifest) {
    let note = |key: &str, message: String| root.problem(&root.place_of(key), message);
    check_templates(manifest, &note);
    check_words(manifest, &note);
    check_filters(manifest, &note);
    check_writes(manifest, &note);
    if !manifest
        .fields
        .get("id")
        .is_some_and(|field| !field.read.is_empty())
    {
        note(
            "fields",
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
        note(
            "get",
            "`via = \"list\"` needs a list with the filter `id:in`".into(),
        );
    }
    if manifest.lists.is_empty() && manifest.get.is_none() {
        note(
            "id",
            "the file names neither a list nor a way to read one customer".into(),
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
        _ => None,
    }
}

fn check_words(manifest: &Manifest, note: &dyn Fn(&str, String)) {
    for (name, field) in &manifest.fields {
        let Some(accepted) = canonical(name) else {
            if field.words.is_some() || field.present.is_some() {
                note(
                    "fields",
                    format!("`fields.{name}` is no enum: `enum` and `present` do not apply"),
                );
            }
            continue;
        };
        if let Some(list) = &field.words {
            check_list(manifest, list, accepted, note);
        }
        for word in field
            .present
            .iter()
            .flat_map(|(there, not_there)| [there, not_there])
        {
            if !accepted.contains(&word.as_str()) {
                note(
                    "fields",
                    format!(
                        "`fields.{name}.present`: `{word}` is not known; accepted: {}",
                        accepted.join(", ")
                    ),
                );
            }
        }
    }
}

fn check_list(manifest: &Manifest, list: &str, accepted: &[&str], note: &dyn Fn(&str, String)) {
    let Some(words) = manifest.enums.get(list) else {
        let known: Vec<_> = manifest.enums.keys().map(String::as_str).collect();
        note(
            "enums",
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
            "enums",
            format!(
                "`enums.{list}`: `{word}` is not known; accepted: {}",
                accepted.join(", ")
            ),
        );
    }
}

fn check_filters(manifest: &Manifest, note: &dyn Fn(&str, String)) {
    for list in &manifest.lists {
        for (key, wire) in &list.filters {
            let field = key.word().split(':').next().unwrap_or_default();
            if let (Some(words), Some(accepted)) = (&wire.words, canonical(field)) {
                check_list(manifest, words, accepted, note);
            } else if let Some(words) = &wire.words
                && !manifest.enums.contains_key(words)
            {
                note(
                    "enums",
                    format!(
                        "there is no word list `enums.{words}`, which the filter `{}` uses",
                        key.word()
                    ),
                );
            }
            if matches!(wire.to, FilterTarget::Field(_)) && list.compose.is_none() {
                note(
                    "list",
                    format!(
                        "the filter `{}` names a `field`, and its list has no `compose`",
                        key.word()
                    ),
                );
            }
        }
    }
}

fn check_writes(manifest: &Manifest, note: &dyn Fn(&str, String)) {
    let writes = [
        ("create", &manifest.create),
        ("update", &manifest.update),
        ("delete", &manifest.delete),
    ];
    for (key, route) in writes {
        let Some(route) = route else { continue };
        let needs_id = key != "create";
        let names_id = uses_id(route);
        if needs_id && !names_id {
            note(
                key,
                format!("`{key}.request` names no customer: `{{id}}` is missing"),
            );
        }
        if key == "create" && route.route.path.holes().any(|hole| hole == "id") {
            note(
                key,
                "`create.request` cannot know the id of a customer that is not there yet".into(),
            );
        }
        if route.returns.then_get && manifest.get.is_none() && manifest.get_many.is_none() {
            note(key, format!("`{key}.returns.then = \"get\"` needs `[get]`"));
        }
    }
    for field in manifest
        .create
        .iter()
        .flat_map(|route| route.requires.iter().chain(&route.any_of))
    {
        check_required(manifest, *field, note);
    }
}

fn check_required(manifest: &Manifest, field: WriteField, note: &dyn Fn(&str, String)) {
    let writable = manifest
        .fields
        .get(field.name())
        .is_some_and(|field| field.write.is_some() && field.on_create);
    if !writable {
        note(
            "create",
            format!(
                "`{}` is required for a create, and `fields.{0}` has no `w` for it",
                field.name()
            ),
        );
    }
}

fn uses_id(route: &WriteRoute) -> bool {
    let in_put = route
        .route
        .put
        .iter()
        .any(|(_, value)| value.to_string().contains("{id}"));
    in_put || route.route.path.holes().any(|hole| hole == "id")
}

fn check_templates(manifest: &Manifest, note: &dyn Fn(&str, String)) {
    let known = |name: &str| manifest.vars.contains_key(name);
    let check = |key: &str, template: &Template, id: bool| {
        for hole in template
            .holes()
            .filter(|hole| !(known(hole) || (id && *hole == "id")))
        {
            let vars: Vec<_> = manifest.vars.keys().map(String::as_str).collect();
            note(
                key,
                format!("`{{{hole}}}` is no var; there are: {}", vars.join(", ")),
            );
        }
    };
    check("http", &manifest.http.base, false);
    for (_, template) in manifest
        .http
        .headers
        .iter()
        .chain(&manifest.http.headers_if)
    {
        check("http", template, false);
    }
    for (_, template) in &manifest.http.query {
        check("http", template, false);
    }
    for rule in &manifest.http.auth {
        for template in auth_templates(rule) {
            check("http", template, false);
        }
    }
    for (key, route, id) in routes(manifest) {
        check(key, &without_own_holes(route), id);
        for template in route
            .query
            .iter()
            .map(|(_, template)| template)
            .chain(route.headers.iter().map(|(_, template)| template))
        {
            check(key, template, false);
        }
        let secret = |hole: &str| manifest.vars.get(hole).is_some_and(|var| var.secret);
        if route.path.holes().any(secret) {
            note(key, "a secret cannot stand in a path".into());
        }
        if key == "get" && !route.path.holes().any(|hole| hole == "id") {
            note(
                key,
                "`get.request` names no customer: `{id}` is missing".into(),
            );
        }
    }
}

/// A path without the holes that its own destinations (`path:name`) fill.
fn without_own_holes(route: &Route) -> Template {
    let text: String = route
        .path
        .parts()
        .iter()
        .filter_map(|part| match part {
            Part::Hole(name) => Some(format!("{{{name}}}")),
            Part::Text(_) => None,
        })
        .collect();
    Template::parse(&text).unwrap_or_default()
}

fn auth_templates(rule: &AuthRule) -> Vec<&Template> {
    match rule {
        AuthRule::None => Vec::new(),
        AuthRule::Header { value, .. } | AuthRule::Query { value, .. } => vec![value],
        AuthRule::Basic { user, pass } => vec![user, pass],
        AuthRule::OAuth(rule) => {
            let all = [
                Some(&rule.token_url),
                Some(&rule.client_id),
                Some(&rule.client_secret),
                rule.refresh_token.as_ref(),
                rule.scope.as_ref(),
            ];
            all.into_iter().flatten().collect()
        }
    }
}

fn routes(manifest: &Manifest) -> Vec<(&'static str, &Route, bool)> {
    let mut all: Vec<(&'static str, &Route, bool)> = manifest
        .lists
        .iter()
        .map(|list| ("list", &list.route, false))
        .collect();
    if let Some(Get::Route { route, .. }) = &manifest.get {
        all.push(("get", route, true));
    }
    if let Some(GetMany::Route { route, .. }) = &manifest.get_many {
        all.push(("get_many", route, false));
    }
    all.extend(
        manifest
            .create
            .iter()
            .map(|write| ("create", &write.route, false)),
    );
    all.extend(
        manifest
            .update
            .iter()
            .map(|write| ("update", &write.route, true)),
    );
    all.extend(
        manifest
            .delete
            .iter()
            .map(|write| ("delete", &write.route, true)),
    );
    all
}
