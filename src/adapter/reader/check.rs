//! Checks that need more than one part of an adapter file.

use super::{clash, compose};
use crate::adapter::manifest::{
    AuthRule, FilterKey, FilterTarget, FilterWire, Get, GetMany, ListRoute, Manifest, Needed,
    Route, Style, WriteRoute,
};
use crate::adapter::place::{Destination, Template};
use crate::document::Table;
use crate::model::{CustomerStatus, CustomerTier, CustomerType, Gender};

/// Notes a problem at the part of the file that these steps lead to.
pub(super) type Note<'n> = dyn Fn(&[&str], String) + 'n;

/// Notes what does not fit together.
pub(super) fn check(root: &Table<'_>, manifest: &Manifest) {
    let note: &Note<'_> = &|steps, message| root.problem(&root.place_along(steps), message);
    check_templates(manifest, note);
    check_words(manifest, note);
    check_filters(manifest, note);
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
    let empty = manifest.lists.iter().any(|list| {
        let ok = list.route.ok.as_ref().unwrap_or(&manifest.http.ok);
        list.missing_is_empty && ok.status.contains(&304)
    });
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

fn check_writes(manifest: &Manifest, note: &Note<'_>) {
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
        if route.returns.then_get && manifest.get.is_none() && manifest.get_many.is_none() {
            note(
                &[key, "returns"],
                format!("`{key}.returns.then = \"get\"` needs `[get]`"),
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

fn uses_id(route: &WriteRoute) -> bool {
    let in_put = route
        .route
        .put
        .iter()
        .any(|(_, value)| value.to_string().contains("{id}"));
    in_put || names_id(&route.route)
}

/// Whether the path or a query parameter names the customer.
fn names_id(route: &Route) -> bool {
    let in_query = |(_, template): &(String, Template)| template.holes().any(|hole| hole == "id");
    route.path.holes().any(|hole| hole == "id") || route.query.iter().any(in_query)
}

fn check_templates(manifest: &Manifest, note: &Note<'_>) {
    let http = &manifest.http;
    let check = |steps: &[&str], template: &Template| {
        check_template(manifest, steps, template, false, note);
    };
    check(&["http", "base"], &http.base);
    for (_, template) in &http.headers {
        check(&["http", "headers"], template);
    }
    for (_, template) in &http.headers_if {
        check(&["http", "headers_if"], template);
    }
    for (_, template) in &http.query {
        check(&["http", "query"], template);
    }
    for (index, rule) in http.auth.iter().enumerate() {
        for template in auth_templates(rule) {
            check(&["http", "auth", &index.to_string()], template);
        }
    }
    let mut lists = 0..;
    for (key, route, id) in routes(manifest) {
        let index = match key {
            "list" => lists.next().map(|index: usize| index.to_string()),
            _ => None,
        };
        let steps: Vec<&str> = [key].into_iter().chain(index.as_deref()).collect();
        check_route(manifest, &steps, route, id, note);
    }
}

fn check_template(
    manifest: &Manifest,
    steps: &[&str],
    template: &Template,
    id: bool,
    note: &Note<'_>,
) {
    let known = |name: &str| manifest.vars.contains_key(name);
    for hole in template
        .holes()
        .filter(|hole| !(known(hole) || (id && *hole == "id")))
    {
        note(steps, unknown_hole(manifest, hole));
    }
}

fn check_route(manifest: &Manifest, steps: &[&str], route: &Route, id: bool, note: &Note<'_>) {
    let part = |part| [steps, &[part]].concat();
    let check = |key, template: &Template, id: bool| {
        check_template(manifest, &part(key), template, id, note);
    };
    check_path(manifest, steps, route, id, note);
    for (_, template) in &route.query {
        check("query", template, id);
    }
    for (_, template) in &route.headers {
        check("headers", template, false);
    }
    for (_, value) in &route.put {
        for template in texts(value) {
            check("put", &template, id);
        }
    }
    if manifest.errors.code.is_empty() && !route.errors.codes.is_empty() {
        let shown = steps.first().copied().unwrap_or_default();
        let why = format!("`{shown}.codes` does nothing: `errors.code` says where a code stands");
        note(&part("codes"), why);
    }
    let in_put = route
        .put
        .iter()
        .any(|(_, value)| value.to_string().contains("{id}"));
    if steps == ["get"] && !in_put && !names_id(route) {
        note(
            &part("request"),
            "`get.request` names no customer: `{id}` is missing".into(),
        );
    }
}

fn check_path(manifest: &Manifest, steps: &[&str], route: &Route, id: bool, note: &Note<'_>) {
    let request = [steps, &["request"]].concat();
    let known = |name: &str| manifest.vars.contains_key(name);
    let own = own_holes(manifest, route);
    for hole in route.path.holes().filter(|hole| !own.contains(hole)) {
        if !(known(hole) || (id && hole == "id")) {
            note(&request, unknown_hole(manifest, hole));
        }
    }
    for name in own
        .iter()
        .filter(|name| !route.path.holes().any(|hole| hole == **name))
    {
        note(
            &request,
            format!("`path:{name}`: the request's path has no hole `{{{name}}}`"),
        );
    }
    let secret = |hole: &str| manifest.vars.get(hole).is_some_and(|var| var.secret);
    if route.path.holes().any(secret) {
        note(&request, "a secret cannot stand in a path".into());
    }
}

fn unknown_hole(manifest: &Manifest, hole: &str) -> String {
    let vars: Vec<_> = manifest.vars.keys().map(String::as_str).collect();
    format!("`{{{hole}}}` is no var; there are: {}", vars.join(", "))
}

/// The texts of a constant that are templates; braces that make none are only text.
fn texts(value: &serde_json::Value) -> Vec<Template> {
    use serde_json::Value;
    match value {
        Value::String(text) => Template::parse(text).into_iter().collect(),
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// The holes of a path that values of a request fill (`path:name`).
fn own_holes<'m>(manifest: &'m Manifest, route: &Route) -> Vec<&'m str> {
    let of_list = |list: &'m ListRoute| {
        let filters = list.filters.iter().filter_map(|(_, wire)| target(wire));
        filters.chain(list.page.destinations()).collect::<Vec<_>>()
    };
    let lists = manifest
        .lists
        .iter()
        .filter(|list| std::ptr::eq(&list.route, route))
        .flat_map(of_list);
    let ids = match &manifest.get_many {
        Some(GetMany::Route {
            route: own, ids, ..
        }) if std::ptr::eq(&**own, route) => target(ids),
        _ => None,
    };
    lists
        .chain(ids)
        .filter_map(|to| match to {
            Destination::Path(name) => Some(&**name),
            _ => None,
        })
        .collect()
}

fn target(wire: &FilterWire) -> Option<&Destination> {
    match &wire.to {
        FilterTarget::Send(to) => Some(to),
        FilterTarget::Field(_) => None,
    }
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
