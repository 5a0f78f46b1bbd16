//! Rotated refresh tokens, kept over a restart: the one in the configuration stops working once the CRM has given another.

use super::{Config, state_dir};
use secrecy::{ExposeSecret, SecretString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is kept of a source's refresh token, and how to keep a newer one.
pub struct Kept {
    /// The newest token; `None` where none was kept that follows the configured one.
    pub token: Option<SecretString>,
    /// Keeps a newer one. A failure is logged: the source goes on working until the next restart.
    pub keep: Arc<dyn Fn(&SecretString) + Send + Sync>,
    /// What is kept by now; another process may have kept it.
    pub again: Arc<dyn Fn() -> Option<SecretString> + Send + Sync>,
}

/// The kept refresh token of a source. One that was kept for another configured token is not used: the operator has
/// given a new one. `None` where there is no state folder.
pub fn token_store(config: &Config, source: &str, configured: &SecretString) -> Option<Kept> {
    let file = state_dir(config)
        .ok()?
        .join(format!("{source}.refresh_token"));
    let follows = blake3::hash(configured.expose_secret().as_bytes())
        .to_hex()
        .to_string();
    let token = read(&file, &follows);
    let name: Box<str> = source.into();
    let (same_file, same_follows) = (file.clone(), follows.clone());
    let again = move || read(&same_file, &same_follows);
    let keep = move |token: &SecretString| {
        if let Err(error) = write(&file, &follows, token) {
            tracing::error!(source = %name, kind = ?error.kind(), "a rotated refresh token cannot be kept; after a restart the source will need a new one");
        }
    };
    Some(Kept {
        token,
        keep: Arc::new(keep),
        again: Arc::new(again),
    })
}

/// The token in a file whose first line says which configured token it follows.
fn read(file: &Path, follows: &str) -> Option<SecretString> {
    let text = fs::read_to_string(file).ok()?;
    let (first, token) = text.split_once('\n')?;
    (first == follows && !token.is_empty()).then(|| token.to_owned().into())
}

/// Replaces the file as a whole, so that a crash leaves the old or the new token, never half of one.
fn write(file: &Path, follows: &str, token: &SecretString) -> io::Result<()> {
    let fresh: PathBuf = file.with_extension("new");
    drop(fs::remove_file(&fresh));
    super::state::write_private(
        &fresh,
        format!("{follows}\n{}", token.expose_secret()).as_bytes(),
    )?;
    fs::rename(&fresh, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_token_follows_its_configured_one_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("crm.refresh_token");
        assert!(read(&file, "a").is_none());
        for token in ["first", "second"] {
            write(&file, "a", &token.to_owned().into()).unwrap();
            assert_eq!(read(&file, "a").unwrap().expose_secret(), token);
        }
        assert!(
            read(&file, "b").is_none(),
            "another token was configured since"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(
                fs::metadata(&file).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
    }
}
