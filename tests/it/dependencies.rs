//! What the gateway is built from: where it comes from, under which licences, each crate in use, the large ones once.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Licences that may be shipped. Of an `OR`, one must be here; of an `AND`, all.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that name no licence where cargo looks, and the licence their own files hold.
const READ_BY_HAND: &[(&str, &str)] = &[("jsonpath-rust", "MIT")];

/// Crates of which two versions at once would be two worlds.
const ONCE: &[&str] = &[
    "async-graphql",
    "axum",
    "bytes",
    "http",
    "http-body",
    "hyper",
    "hyper-util",
    "reqwest",
    "rustls",
    "serde",
    "serde_json",
    "tokio",
    "tower",
    "tracing",
];

/// Dependencies whose use does not show as a path in the sources, and where it is.
const USED_UNSEEN: &[(&str, &str)] = &[];

struct Metadata {
    packages: BTreeMap<String, Value>,
    /// The packages that are built into the gateway, tests aside.
    shipped: BTreeSet<String>,
    root: String,
}

#[test]
fn every_licence_may_be_shipped_and_every_source_is_the_registry() {
    let metadata = metadata();
    for id in metadata.shipped.iter().filter(|id| **id != metadata.root) {
        let package = &metadata.packages[id];
        let by_hand = READ_BY_HAND
            .iter()
            .find(|(name, _)| package["name"] == *name);
        let licence = package["license"]
            .as_str()
            .or(by_hand.map(|(_, licence)| *licence));
        let licence = licence.unwrap_or("none");
        assert!(may_be_shipped(licence), "{id}: {licence}");
        let source = package["source"].as_str().unwrap_or("a path");
        assert!(
            source.starts_with("registry+https://github.com/rust-lang/crates.io-index"),
            "{id}: {source}"
        );
    }
}

#[test]
fn the_large_crates_are_there_once() {
    let metadata = metadata();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for id in &metadata.shipped {
        let package = &metadata.packages[id];
        let name = package["name"].as_str().unwrap();
        versions
            .entry(name)
            .or_default()
            .push(package["version"].as_str().unwrap());
    }
    versions.retain(|_, versions| versions.len() > 1);
    println!("more than once: {versions:?}");
    for name in ONCE {
        assert!(!versions.contains_key(name), "{name}: {:?}", versions[name]);
    }
}

#[test]
#[ignore = "until every module is in"]
fn every_dependency_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |folders: &[&str]| {
        let files = folders
            .iter()
            .flat_map(|folder| super::tidy::rust_files(&root.join(folder)));
        files
            .map(|file| std::fs::read_to_string(file).unwrap())
            .collect::<String>()
    };
    let (shipped, tests) = (text(&["src"]), text(&["src", "tests", "benches"]));
    let metadata = metadata();
    let dependencies = metadata.packages[&metadata.root]["dependencies"].as_array();
    let unused = dependencies.unwrap().iter().filter_map(|dependency| {
        let name = dependency["name"].as_str().unwrap();
        let place = if dependency["kind"].is_null() {
            &shipped
        } else {
            &tests
        };
        let unseen = USED_UNSEEN.iter().any(|(unseen, _)| *unseen == name);
        let used = unseen || place.contains(&format!("{}::", name.replace('-', "_")));
        (!used).then_some(name)
    });
    let unused: Vec<&str> = unused.collect();
    assert!(unused.is_empty(), "used nowhere: {}", unused.join(", "));
}

#[test]
fn licences_are_read_as_expressions() {
    for (licence, may) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("MIT OR GPL-3.0", true),
        ("MIT/Apache-2.0", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("(GPL-2.0 OR GPL-3.0) AND MIT", false),
        ("Apache-2.0 AND (MIT OR GPL-3.0)", true),
        ("none", false),
    ] {
        assert_eq!(may_be_shipped(licence), may, "{licence}");
    }
}

/// Whether an SPDX expression leaves a way to ship it. `AND` binds tighter than `OR`.
fn may_be_shipped(licence: &str) -> bool {
    let licence = licence.replace('/', " OR ");
    let any = split(&licence, " OR ");
    any.into_iter().any(|all| {
        split(all, " AND ")
            .into_iter()
            .all(|one| match one.strip_prefix('(') {
                Some(inner) => may_be_shipped(inner.strip_suffix(')').unwrap_or(inner)),
                None => LICENCES.contains(&one),
            })
    })
}

/// Splits at a word that stands outside parentheses.
fn split<'l>(text: &'l str, at: &str) -> Vec<&'l str> {
    let depth = |end: usize| {
        let before = &text[..end];
        before.matches('(').count() - before.matches(')').count()
    };
    let mut parts = Vec::new();
    let mut start = 0;
    for (end, _) in text.match_indices(at).filter(|(end, _)| depth(*end) == 0) {
        parts.push(text[start..end].trim());
        start = end + at.len();
    }
    parts.push(text[start..].trim());
    parts
}

/// What cargo knows of the packages for this machine.
fn metadata() -> Metadata {
    let host = Command::new("rustc").arg("-vV").output().unwrap();
    let host = String::from_utf8(host.stdout).unwrap();
    let host = host
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap();
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--filter-platform",
            host,
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let by_id = |list: &Value| -> BTreeMap<String, Value> {
        let entries = list.as_array().unwrap().iter();
        entries
            .map(|entry| (entry["id"].as_str().unwrap().to_owned(), entry.clone()))
            .collect()
    };
    let nodes = by_id(&metadata["resolve"]["nodes"]);
    let root = metadata["resolve"]["root"].as_str().unwrap().to_owned();
    let mut shipped = BTreeSet::new();
    let mut left = vec![root.clone()];
    while let Some(id) = left.pop() {
        let dependencies = nodes[&id]["deps"].as_array().unwrap().iter();
        let built_in = dependencies.filter(|dependency| {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            kinds.iter().any(|kind| kind["kind"].is_null())
        });
        left.extend(
            built_in
                .map(|dependency| dependency["pkg"].as_str().unwrap().to_owned())
                .filter(|dependency| !shipped.contains(dependency)),
        );
        shipped.insert(id);
    }
    Metadata {
        packages: by_id(&metadata["packages"]),
        shipped,
        root,
    }
}
