//! Every dependency that `Cargo.toml` names is used somewhere. Where they come from and under which licences is held by
//! `.ci/deny.toml`.

use super::tidy::rust_files;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

#[test]
fn every_dependency_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |folders: &[&str]| {
        let files = folders
            .iter()
            .flat_map(|folder| rust_files(&root.join(folder)));
        files
            .map(|file| std::fs::read_to_string(file).unwrap())
            .collect::<String>()
    };
    let (shipped, tests) = (text(&["src"]), text(&["src", "tests", "benches"]));
    let unused = dependencies().into_iter().filter_map(|dependency| {
        let name = dependency["name"].as_str().unwrap();
        let place = if dependency["kind"].is_null() {
            &shipped
        } else {
            &tests
        };
        let used = place.contains(&format!("{}::", name.replace('-', "_")));
        (!used).then(|| name.to_owned())
    });
    let unused: Vec<String> = unused.collect();
    assert!(unused.is_empty(), "used nowhere: {}", unused.join(", "));
}

/// The dependencies as cargo reads them.
fn dependencies() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"][0]["dependencies"]
        .as_array()
        .unwrap()
        .clone()
}
