//! Real GraphQL clients (Relay, Apollo Client, urql), schema linters and the GraphQL-over-HTTP audits, run by Node against a
//! gateway in front of the emulated CRMs: `tests/clients`.
//!
//! Needs Node 18 and npm, and the npm registry once. Where they are missing the test says so and passes, except on CI.

use crate::running::demo_gateway;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_clients_are_served() {
    let folder = match installed().await {
        Ok(folder) => folder,
        Err(reason) => {
            println!("SKIPPED: no real client was tried: {reason}");
            assert!(std::env::var_os("CI").is_none(), "{reason}");
            return;
        }
    };
    let gateway = demo_gateway(250).await;
    let output = Command::new("node")
        .args(["--test", "clients.test.mjs"])
        .current_dir(folder)
        .env("CRMQL_URL", &gateway.url)
        .env_remove("NODE_OPTIONS")
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The clients' folder below `target`, with everything that its lock file names; or why it is not there.
async fn installed() -> Result<PathBuf, String> {
    let node = Command::new("node").arg("--version").output().await;
    let version = node.map_err(|_| "there is no node on this machine".to_owned())?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let major = version.trim_start_matches('v').split('.').next();
    if major
        .and_then(|major| major.parse().ok())
        .is_none_or(|major: u32| major < 18)
    {
        return Err(format!("node is {}, 18 is needed", version.trim()));
    }
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients");
    let lock = std::fs::read(from.join("package-lock.json")).unwrap();
    let mark = to.join("installed.lock");
    let is_installed = std::fs::read(&mark).is_ok_and(|installed| installed == lock);
    std::fs::create_dir_all(to.join("relay")).unwrap();
    for name in [
        "package.json",
        "package-lock.json",
        "relay.config.json",
        "clients.test.mjs",
        "relay/Customers.js",
    ] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
    if !is_installed {
        let npm = Command::new("npm")
            .args([
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--prefer-offline",
            ])
            .current_dir(&to)
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|_| "there is no npm on this machine".to_owned())?;
        if !npm.status.success() {
            return Err(format!(
                "npm ci failed: {}",
                String::from_utf8_lossy(&npm.stderr)
            ));
        }
        std::fs::write(mark, lock).unwrap();
    }
    Ok(to)
}
