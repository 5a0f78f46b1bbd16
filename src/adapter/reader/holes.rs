//! The holes of templates: each is a var, the customer's id where there is one, or filled by a value of the request.

use super::check::Note;
use crate::adapter::manifest::{
    AuthRule, FilterTarget, FilterWire, Get, GetMany, ListRoute, Manifest, Route, Var,
};
use crate::adapter::place::{Destination, Template};

/// Whether the path, a query parameter or a constant of the body names the customer.
pub(super) fn names_id(route: &Route) -> bool {
    let is_named = |template: &Template| template.holes().any(|hole| hole == "id");
    is_named(&route.path)
        || route.query.iter().any(|(_, value)| is_named(value))
        || route
            .put
            .iter()
            .flat_map(|(_, value)| texts(value))
            .any(|text| is_named(&text))
}

/// Notes holes that nothing fills.
pub(super) fn check(manifest: &Manifest, note: &Note<'_>) {
    let http = &manifest.http;
    let always = |steps: &[&str], template: &Template| {
        check_template(manifest, steps, template, Known::Vars, note);
    };
    always(&["http", "base"], &http.base);
    for (_, template) in &http.headers {
        always(&["http", "headers"], template);
    }
    for (_, template) in &http.query {
        always(&["http", "query"], template);
    }
    let perhaps = |steps: &[&str], template: &Template| {
        check_template(manifest, steps, template, Known::AllVars, note);
    };
    for (_, template) in &http.headers_if {
        perhaps(&["http", "headers_if"], template);
    }
    for (index, rule) in http.auth.iter().enumerate() {
        for template in auth_templates(rule) {
            perhaps(&["http", "auth", &index.to_string()], template);
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

/// What may stand in a template.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Vars that have a value.
    Vars,
    /// These, and the customer's id.
    Id,
    /// All vars: what needs one without a value is left out.
    AllVars,
}

impl Known {
    fn about(id: bool) -> Self {
        if id { Self::Id } else { Self::Vars }
    }
}

fn check_template(
    manifest: &Manifest,
    steps: &[&str],
    template: &Template,
    known: Known,
    note: &Note<'_>,
) {
    for hole in template.holes() {
        check_hole(manifest, steps, hole, known, note);
    }
}

fn check_hole(manifest: &Manifest, steps: &[&str], hole: &str, known: Known, note: &Note<'_>) {
    let missing = |var: &Var| var.optional && var.default.is_none();
    match manifest.vars.get(hole) {
        None if known == Known::Id && hole == "id" => {}
        None => note(steps, unknown_hole(manifest, hole)),
        Some(var) if missing(var) && known != Known::AllVars => note(
            steps,
            format!(
                "`{{{hole}}}` may have no value, and nothing can be left out here: give it a `default`"
            ),
        ),
        Some(_) => {}
    }
}

fn check_route(manifest: &Manifest, steps: &[&str], route: &Route, id: bool, note: &Note<'_>) {
    let part = |part| [steps, &[part]].concat();
    let check = |key, template: &Template, id: bool| {
        check_template(manifest, &part(key), template, Known::about(id), note);
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
    if steps == ["get"] && !names_id(route) {
        note(
            &part("request"),
            "`get.request` names no customer: `{id}` is missing".into(),
        );
    }
}

fn check_path(manifest: &Manifest, steps: &[&str], route: &Route, id: bool, note: &Note<'_>) {
    let request = [steps, &["request"]].concat();
    let own = own_holes(manifest, route);
    for hole in route.path.holes().filter(|hole| !own.contains(hole)) {
        check_hole(manifest, &request, hole, Known::about(id), note);
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
