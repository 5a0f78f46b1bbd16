//! Fetches GraphiQL for the gateway to embed, with the npm client, where there is one.
//!
//! The build never fails for want of it: without npm, without a network, or with `CRMQL_GRAPHIQL=off` the gateway serves a
//! plain editor of its own. What is fetched is pinned by version and by hash, and files put into `assets/vendor` beforehand
//! are used instead, under the same hashes.
#![expect(
    clippy::disallowed_methods,
    reason = "a build script reads files and its environment"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// A file of a package: package and version, path within, name here, BLAKE3.
struct File {
    package: &'static str,
    path: &'static str,
    name: &'static str,
    hash: &'static str,
}

const FILES: [File; 6] = [
    File {
        package: "react@18.3.1",
        path: "umd/react.production.min.js",
        name: "react.js",
        hash: "0e656c3cbfa5cf1b67b90edacdfa4213f71badea6ddd050307b91e280ae31df0",
    },
    File {
        package: "react-dom@18.3.1",
        path: "umd/react-dom.production.min.js",
        name: "react-dom.js",
        hash: "6e388edc005a183d55a01427c9177b7c4b8baff7ed35f215a1a1dda97908a089",
    },
    File {
        package: "graphiql@3.9.0",
        path: "graphiql.min.js",
        name: "graphiql.js",
        hash: "eda08caeea56a42a505fb4ecbf2caad7aa96fde60ee140b279ae05e49b6cc34c",
    },
    File {
        package: "graphiql@3.9.0",
        path: "graphiql.min.css",
        name: "graphiql.css",
        hash: "d7946d3fb3e9177a78c5023f86630d27c9c0e638a5e68b036c852161addf8649",
    },
    File {
        package: "graphiql@3.9.0",
        path: "LICENSE",
        name: "licence-graphiql.txt",
        hash: "335fe00ecad311811d44daaaa707683054d49e02a5dc9538c23af5afe551980a",
    },
    File {
        package: "react@18.3.1",
        path: "LICENSE",
        name: "licence-react.txt",
        hash: "3dc94c4fb00e0b669f3e9f263f68592cd9be4a55c8480f26435251d69c8764c9",
    },
];

fn main() {
    println!("cargo::rustc-check-cfg=cfg(full_graphiql)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CRMQL_GRAPHIQL");
    match provide() {
        Ok(()) => println!("cargo::rustc-cfg=full_graphiql"),
        Err(reason) => {
            println!("cargo::warning=without GraphiQL, a plain editor instead: {reason}");
        }
    }
}

/// Puts every file into `OUT_DIR/graphiql`, or says why not.
fn provide() -> Result<(), String> {
    if env::var("CRMQL_GRAPHIQL").is_ok_and(|wish| wish == "off") {
        return Err("CRMQL_GRAPHIQL is off".to_owned());
    }
    let folder = |name| env::var_os(name).map(PathBuf::from).ok_or(name);
    let out = folder("OUT_DIR")?.join("graphiql");
    let vendor = folder("CARGO_MANIFEST_DIR")?.join("assets/vendor");
    fs::create_dir_all(&out).map_err(|error| error.to_string())?;
    for file in &FILES {
        let target = out.join(file.name);
        if read(&target, file).is_ok() {
            continue;
        }
        let content = match read(&vendor.join(file.name), file) {
            Ok(content) => content,
            Err(_) => read(&fetched(&out, file.package)?.join(file.path), file)?,
        };
        fs::write(target, content).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// A file's content, if it is what is expected.
fn read(path: &Path, file: &File) -> Result<Vec<u8>, String> {
    let content = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let hash = blake3::hash(&content).to_hex();
    if hash.as_str() == file.hash {
        Ok(content)
    } else {
        Err(format!(
            "{} of {} is not the one expected, but {hash}",
            file.path, file.package
        ))
    }
}

/// The folder of an unpacked package.
fn fetched(out: &Path, package: &str) -> Result<PathBuf, String> {
    let folder = out.join(package);
    let unpacked = folder.join("package");
    if unpacked.exists() {
        return Ok(unpacked);
    }
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let options = [
        "--prefer-offline",
        "--fetch-retries=0",
        "--fetch-timeout=30000",
        "--silent",
    ];
    run(Command::new(npm)
        .arg("pack")
        .arg(package)
        .args(options)
        .current_dir(&folder))?;
    let archive = format!("{}.tgz", package.replace('@', "-"));
    run(Command::new("tar")
        .arg("-xzf")
        .arg(archive)
        .current_dir(&folder))?;
    Ok(unpacked)
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|error| format!("{name}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{name} ended with {status}"))
    }
}
