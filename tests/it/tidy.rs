//! The house rules that no compiler holds: who may use whom, where a crate may live, who reads files, and names.
//!
//! What ships is held to them; unit tests may import what they like. Each failure names the file and the import.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Which module may use which others. A module that stands in no row may be used by nobody.
const MAY_USE: &[(&str, &[&str])] = &[
    ("main", &["app", "cli"]),
    (
        "app",
        &[
            "access",
            "cli",
            "config",
            "document",
            "http",
            "graphql",
            "connection",
            "writes",
            "load",
            "adapter",
            "upstream",
            "source",
            "model",
            "limits",
            "trace",
            "metrics",
            "demo",
        ],
    ),
    ("cli", &[]),
    ("config", &["access", "document", "limits"]),
    ("document", &[]),
    ("http", &["access", "graphql", "limits", "trace", "metrics"]),
    (
        "graphql",
        &[
            "access",
            "connection",
            "writes",
            "load",
            "source",
            "model",
            "limits",
            "trace",
            "metrics",
        ],
    ),
    ("access", &[]),
    ("connection", &["load", "source", "model", "limits"]),
    ("writes", &["load", "source", "model", "limits", "metrics"]),
    ("load", &["source", "model", "limits", "trace", "metrics"]),
    (
        "adapter",
        &[
            "document", "upstream", "source", "model", "limits", "trace", "metrics",
        ],
    ),
    ("upstream", &["limits", "metrics"]),
    ("source", &["model", "trace", "metrics"]),
    ("model", &[]),
    ("limits", &[]),
    ("trace", &["metrics"]),
    ("metrics", &[]),
    ("demo", &[]),
];

/// Which crate lives in which modules only.
const LIVES_IN: &[(&str, &[&str])] = &[
    ("anyhow", &["app", "main"]),
    ("apollo_compiler", &["graphql"]),
    ("async_graphql", &["graphql", "load", "model"]),
    ("axum", &["http", "demo"]),
    ("clap", &["cli"]),
    ("getrandom", &["config"]),
    ("jsonwebtoken", &["access"]),
    ("mimalloc", &["main"]),
    ("moka", &["load"]),
    ("prometheus_client", &["metrics"]),
    ("redb", &["writes"]),
    ("hyper_rustls", &["upstream"]),
    ("h2", &["upstream"]),
    ("rustls", &["upstream"]),
    ("subtle", &["access"]),
    ("toml", &["document"]),
    ("tower", &["http", "upstream", "demo"]),
    ("tower_http", &["http", "upstream"]),
    ("tracing_subscriber", &["app"]),
];

/// What only `config` may do.
const OUTSIDE: &[&str] = &["std::env::", "std::fs", "tokio::fs"];
/// What is outside and yet allowed.
const NOT_OUTSIDE: &[&str] = &["std::env::args_os"];

/// Vendors; the gateway knows them from adapter files only.
const VENDORS: &[&str] = &[
    "gtateth",
    "gormic",
    "flextell",
    "spirii",
    "hubspot",
    "salesforce",
    "stripe",
];

/// Names that say nothing.
const EMPTY_NAMES: &[&str] = &[
    "common", "core", "helper", "helpers", "manager", "misc", "types", "util", "utils",
];

#[test]
fn the_sources_keep_the_house_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut problems = String::new();
    for file in rust_files(&root) {
        let name = file
            .strip_prefix(&root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        for problem in untidy(&name, &text) {
            writeln!(problems, "src/{name}: {problem}").unwrap();
        }
    }
    assert!(problems.is_empty(), "\n{problems}");
}

/// A file, what is planted in it, and what is said about it.
const PLANTED: &[(&str, &str, &str)] = &[
    (
        "http/mod.rs",
        "use crate::adapter::Plan;",
        "`http` may not use `crate::adapter::Plan`",
    ),
    (
        "load/keys.rs",
        "use crate::{\n  model::{Customer, LocalId},\n  config,\n};",
        "`load` may not use `crate::config`",
    ),
    (
        "source/mod.rs",
        "fn f() { crate::upstream::send(1) }",
        "`source` may not use `crate::upstream::send`",
    ),
    (
        "demo/mod.rs",
        "use crate::model::Date;",
        "`demo` may not use `crate::model::Date`",
    ),
    (
        "main.rs",
        "use crmql::config;",
        "`main` may not use `crmql::config`",
    ),
    (
        "config/read.rs",
        "let a: toml::Table = x;",
        "`toml` lives in document, not in `config`",
    ),
    (
        "connection/mod.rs",
        "use async_graphql::SimpleObject;",
        "`async_graphql` lives in graphql, load, model, not in `connection`",
    ),
    (
        "adapter/mod.rs",
        "use std::{fmt, fs::File};",
        "only `config` may use `std::fs::File`",
    ),
    (
        "app.rs",
        "let x = std::env::var(\"X\");",
        "only `config` may use `std::env::var`",
    ),
    (
        "adapter/page.rs",
        "// As Gormic does.",
        "the vendor's name `gormic` stands outside `demo`",
    ),
    (
        "adapter/utils.rs",
        "",
        "`utils` is a name that says nothing",
    ),
    (
        "model/mod.rs",
        "mod types;",
        "`types` is a name that says nothing",
    ),
    (
        "newcomer/mod.rs",
        "",
        "the module `newcomer` stands in no row of the table",
    ),
];

/// `src/lib.rs` and the readme tell the modules from above to below, and so it is.
#[test]
fn a_module_uses_only_those_that_stand_below_it() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs"));
    let text = text.unwrap();
    let modules: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let place = |name: &str| modules.iter().position(|known| *known == name).unwrap();
    for (module, used) in MAY_USE.iter().filter(|(module, _)| *module != "main") {
        for name in *used {
            assert!(place(name) > place(module), "`{module}` uses `{name}`");
        }
    }
    let readme = super::readme::readme();
    let row = |name: &&str| {
        let row = [format!("`src/{name}/` |"), format!("`src/{name}.rs` |")];
        let at = row.iter().find_map(|row| readme.find(row));
        at.unwrap_or_else(|| panic!("the readme does not tell `{name}`"))
    };
    let wired = |name: &&&str| !matches!(**name, "app" | "cli");
    let rows = modules.iter().filter(wired).map(row);
    assert!(rows.is_sorted(), "the readme tells them in another order");
}

#[test]
fn a_planted_import_is_found() {
    for (file, text, problem) in PLANTED {
        let text = format!("//! What it is.\n{text}\n");
        assert_eq!(untidy(file, &text), [*problem], "{file}");
    }
    assert_eq!(
        untidy("cli.rs", "use std::fmt;"),
        ["it does not open with what it is (`//!`)"]
    );
}

#[test]
fn what_is_allowed_is_not_found() {
    for (file, text) in [
        (
            "http/mod.rs",
            "use crate::http::routes; use axum::Router; use http::Method; use crate::graphql::Schema;",
        ),
        (
            "adapter/mod.rs",
            "use crate::{document::Table, model}; use super::super::x; let toml = 1; my::toml::x();",
        ),
        ("config/mod.rs", "use std::fs; std::env::var_os(\"X\");"),
        ("main.rs", "use crmql::{app, cli}; std::env::args_os();"),
        (
            "demo/mod.rs",
            "// gtateth\nuse axum::Router; use super::x; use crate::demo::y;",
        ),
        (
            "load/mod.rs",
            "/// Not [`crate::adapter`].\nfn f() {}\n#[cfg(test)]\nmod tests { use crate::adapter::X; }",
        ),
        ("load/tests.rs", "use crate::adapter::X; use axum::Router;"),
        ("lib.rs", "pub mod app;"),
    ] {
        let text = format!("//! What it is.\n{text}\n");
        assert_eq!(untidy(file, &text), Vec::<String>::new(), "{file}");
    }
}

/// What is wrong with a file of this name below `src`.
fn untidy(name: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let parts: Vec<&str> = name.trim_end_matches(".rs").split('/').collect();
    let module = parts[0];
    if !text.starts_with("//!") {
        problems.push("it does not open with what it is (`//!`)".to_owned());
    }
    let code = code(text);
    let inner = code
        .split("mod ")
        .skip(1)
        .filter_map(|rest| rest.split([';', ' ', '{']).next());
    for part in parts.iter().copied().chain(inner) {
        if EMPTY_NAMES.contains(&part) {
            problems.push(format!("`{part}` is a name that says nothing"));
        }
    }
    if module != "demo" && module != "lib" {
        let low = text.to_lowercase();
        let vendors = VENDORS.iter().filter(|vendor| low.contains(**vendor));
        problems.extend(
            vendors.map(|vendor| format!("the vendor's name `{vendor}` stands outside `demo`")),
        );
    }
    let is_test = parts[1..].contains(&"tests");
    if module != "lib" && !is_test {
        problems.extend(
            imports(&code)
                .iter()
                .filter_map(|path| misplaced(module, path)),
        );
        if !MAY_USE.iter().any(|(row, _)| *row == module) {
            problems.push(format!(
                "the module `{module}` stands in no row of the table"
            ));
        }
    }
    problems.dedup();
    problems
}

/// What is wrong with this module using this path.
fn misplaced(module: &str, path: &str) -> Option<String> {
    let (first, rest) = path.split_once("::")?;
    if first == "crate" || first == "crmql" {
        let used = rest.split("::").next()?;
        let row = MAY_USE.iter().find(|(row, _)| *row == module)?;
        let known = MAY_USE.iter().any(|(row, _)| *row == used);
        let may = used == module || row.1.contains(&used) || !known;
        return (!may).then(|| format!("`{module}` may not use `{path}`"));
    }
    let outside =
        OUTSIDE.iter().any(|start| path.starts_with(start)) && !NOT_OUTSIDE.contains(&path);
    if outside && module != "config" {
        return Some(format!("only `config` may use `{path}`"));
    }
    let (name, homes) = LIVES_IN.iter().find(|(name, _)| *name == first)?;
    let home = homes.contains(&module);
    (!home).then(|| format!("`{name}` lives in {}, not in `{module}`", homes.join(", ")))
}

/// The text without comments and without the unit tests at its end.
fn code(text: &str) -> String {
    let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = shipped
        .lines()
        .map(|line| match line.trim_start().starts_with("//") {
            true => "",
            false => line.split(" // ").next().unwrap(),
        });
    lines.collect::<Vec<_>>().join("\n")
}

/// Every path in the code that has more than one part, with groups spread out: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn imports(code: &str) -> Vec<String> {
    let tokens = tokens(code);
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let begins = is_word(tokens[at]) && (at == 0 || tokens[at - 1] != "::");
        if begins && tokens.get(at + 1) == Some(&"::") {
            at = spread(&tokens, at, "", &mut paths);
        } else {
            at += 1;
        }
    }
    paths
}

/// Reads one path from `at` on and notes it behind `before`; where it ends.
fn spread(tokens: &[&str], mut at: usize, before: &str, paths: &mut Vec<String>) -> usize {
    let mut path = before.to_owned();
    loop {
        match tokens.get(at) {
            Some(&"{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| *token != "}") {
                    at = match tokens[at] {
                        "," => at + 1,
                        _ => spread(tokens, at, &path, paths),
                    };
                }
                return at + 1;
            }
            Some(word) if is_word(word) => path.push_str(word),
            _ => break,
        }
        at += 1;
        if tokens.get(at) != Some(&"::") {
            break;
        }
        path.push_str("::");
        at += 1;
    }
    paths.push(path);
    // `a as b` within a group, or what cannot stand in one: never stay in place.
    while !before.is_empty()
        && tokens
            .get(at)
            .is_some_and(|token| !matches!(*token, "," | "}"))
    {
        at += 1;
    }
    at
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Words, `::`, and every other character by itself.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        let length = match word {
            0 if rest.starts_with("::") => 2,
            0 => first.len_utf8(),
            _ => word,
        };
        let (token, left) = rest.split_at(length);
        tokens.push(token);
        rest = left.trim_start();
    }
    tokens
}

/// Every Rust file below a folder; none where there is no such folder.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    if !folder.is_dir() {
        return files;
    }
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
