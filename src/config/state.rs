//! What survives a restart: the state folder, and the key that cursors are sealed with.

use super::Config;
use secrecy::ExposeSecret;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Names the use of a configured key, so that the same secret used elsewhere gives other keys.
const CURSOR_KEY_CONTEXT: &str = "crmql 2026-11 cursor key";
/// The file of a kept cursor key.
const CURSOR_KEY_FILE: &str = "cursor.key";
/// The file of the ledger of idempotency keys.
const LEDGER_FILE: &str = "writes.redb";

/// The folder for what must survive a restart, made where it is missing: the configured one, or
/// `$XDG_STATE_HOME/crmql`, or `~/.local/state/crmql`.
///
/// # Errors
/// It cannot be made, or nothing says where it is.
pub fn state_dir(config: &Config) -> io::Result<PathBuf> {
    let folder = config
        .server
        .state_dir
        .clone()
        .or_else(|| default_folder(|name| std::env::var_os(name).map(PathBuf::from)))
        .ok_or_else(|| {
            io::Error::other("neither `server.state_dir` nor $HOME says where state is kept")
        })?;
    make_private_folder(&folder).map_err(|error| about(&folder, &error))?;
    Ok(folder)
}

/// Whether whoever runs this is whom the state folder belongs to, which is made where it is missing. What others write there
/// its owner can neither read nor replace.
pub fn owns_state(config: &Config) -> bool {
    state_dir(config)
        .and_then(|folder| is_own(&folder))
        .unwrap_or(false)
}

#[cfg(unix)]
fn is_own(folder: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    // Nothing else tells who somebody is: a file of their own.
    let probe = beside(&folder.join("check"))?;
    write_private(&probe, &[])?;
    let own = fs::metadata(&probe).map(|about| about.uid());
    fs::remove_file(&probe)?;
    let own = own?;
    // A folder that a group shares may belong to another; what its gateway wrote there does not.
    let mut files = fs::read_dir(folder)?
        .flatten()
        .filter_map(|file| file.metadata().ok());
    Ok(own == fs::metadata(folder)?.uid() || files.any(|file| file.is_file() && file.uid() == own))
}

#[cfg(not(unix))]
fn is_own(_: &Path) -> io::Result<bool> {
    Ok(true)
}

/// The file of the ledger of idempotency keys, and whether it is there. It is not made here: a start that ends before the
/// ledger is open must not leave a file that looks as if it had lost its keys.
///
/// # Errors
/// The state folder cannot be made, or nothing can be made in it.
pub fn ledger_file(config: &Config) -> io::Result<(PathBuf, bool)> {
    let file = state_dir(config)?.join(LEDGER_FILE);
    let is_there = file.try_exists().map_err(|error| about(&file, &error))?;
    if !is_there {
        try_to_write(&file).map_err(|error| about(&file, &error))?;
    }
    Ok((file, is_there))
}

/// Whether a file can be made beside this one.
fn try_to_write(file: &Path) -> io::Result<()> {
    let beside = beside(file)?;
    write_private(&beside, &[])?;
    fs::remove_file(&beside)
}

/// Makes a private file, filled by whoever wants it, whole under another name before it gets its own: what bears that is never
/// half made, whatever ends the process meanwhile. False where the file is there already.
///
/// # Errors
/// It cannot be made, named or filled.
pub fn make_whole(file: &Path, fill: &mut Fill<'_>) -> Result<bool, Failure> {
    if file.try_exists()? {
        return Ok(false);
    }
    let fresh = beside(file)?;
    let filled = write_private(&fresh, &[]).map_err(Failure::from);
    let filled = filled.and_then(|()| fill(&fresh));
    let made = filled.and_then(|()| Ok(publish(&fresh, file)?));
    // Left over after a failure, it would only lie around; what matters is the outcome above.
    let _ = fs::remove_file(&fresh);
    made
}

/// Fills a file that is there and empty.
type Fill<'f> = dyn FnMut(&Path) -> Result<(), Failure> + 'f;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A name for a file that is to become this one, which no other process takes.
fn beside(file: &Path) -> io::Result<PathBuf> {
    let [first, second, ..] = random_key()?;
    Ok(file.with_extension(format!("{first:02x}{second:02x}")))
}

/// The key that cursors are sealed with: made from the configured one, or kept in the state folder.
///
/// # Errors
/// The state folder or the kept key cannot be read or written.
pub fn cursor_key(config: &Config) -> io::Result<[u8; 32]> {
    if let Some(key) = &config.cursor_key {
        let key = key.expose_secret().as_bytes();
        return Ok(blake3::derive_key(CURSOR_KEY_CONTEXT, key));
    }
    let file = state_dir(config)?.join(CURSOR_KEY_FILE);
    kept_key(&file).map_err(|error| about(&file, &error))
}

/// A key for a process that keeps nothing.
///
/// # Errors
/// The system gives no random bytes.
pub fn random_key() -> io::Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(io::Error::from)?;
    Ok(key)
}

/// The key in a file, which is made where it is missing. Of several processes that make it at once, all get the same.
fn kept_key(file: &Path) -> io::Result<[u8; 32]> {
    match fs::read(file) {
        Ok(bytes) => parse_key(&bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = random_key()?;
            let fresh = beside(file)?;
            let made = write_private(&fresh, &key).and_then(|()| publish(&fresh, file));
            // Left over after a failure, it would only lie around; what matters is the outcome above.
            let _ = fs::remove_file(&fresh);
            made?;
            parse_key(&fs::read(file)?)
        }
        Err(error) => Err(error),
    }
}

/// Gives a finished file its name, unless another process was faster: then it is false.
fn publish(fresh: &Path, file: &Path) -> io::Result<bool> {
    match fs::hard_link(fresh, file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // A file system without links: the last one wins.
        Err(_) => fs::rename(fresh, file).map(|()| true),
    }
}

fn parse_key(bytes: &[u8]) -> io::Result<[u8; 32]> {
    bytes.try_into().map_err(|_| {
        io::Error::other("this is not a cursor key of 32 bytes; remove it to have a new one made")
    })
}

fn default_folder(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let state = variable("XDG_STATE_HOME").filter(|path| path.is_absolute());
    let home = || {
        Some(
            variable("HOME")
                .filter(|path| path.is_absolute())?
                .join(".local/state"),
        )
    };
    Some(state.or_else(home)?.join("crmql"))
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

pub(super) fn write_private(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.write(true).create_new(true).open(file)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The same error, saying which file it is about.
fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn config(state_dir: &Path, cursor_key: Option<&str>) -> Config {
        Config {
            server: super::super::Server {
                state_dir: Some(state_dir.to_owned()),
                ..Default::default()
            },
            cursor_key: cursor_key.map(Into::into),
            auth: None,
            documents: Default::default(),
            telemetry: Default::default(),
            limits: Limits::default(),
            sources: Vec::new(),
            files: Vec::new(),
        }
    }

    #[test]
    fn a_configured_key_is_the_same_everywhere_and_touches_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("absent");
        let first = cursor_key(&config(&state, Some("sixteen bytes or more"))).unwrap();
        let again = cursor_key(&config(&state, Some("sixteen bytes or more"))).unwrap();
        let other = cursor_key(&config(&state, Some("sixteen bytes or less"))).unwrap();
        assert_eq!(first, again);
        assert_ne!(first, other);
        assert!(!state.exists());
    }

    #[test]
    fn a_kept_key_survives_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a/b");
        let first = cursor_key(&config(&state, None)).unwrap();
        assert_eq!(cursor_key(&config(&state, None)).unwrap(), first);
        assert_ne!(first, [0; 32]);
        let files: Vec<_> = fs::read_dir(&state).unwrap().collect();
        assert_eq!(files.len(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&state.join(CURSOR_KEY_FILE)), 0o600);
            assert_eq!(mode(&state), 0o700);
        }
    }

    #[test]
    fn processes_that_start_together_get_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cursor.key");
        let start = || {
            std::thread::spawn({
                let file = file.clone();
                move || kept_key(&file).unwrap()
            })
        };
        let starts: Vec<_> = (0..8).map(|_| start()).collect();
        let mut keys: Vec<_> = starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect();
        keys.dedup();
        assert_eq!(keys.len(), 1);
        // What another process wrote between our look and our link stays.
        let late = folder.path().join("late");
        write_private(&late, &[8; 32]).unwrap();
        publish(&late, &file).unwrap();
        assert_eq!(kept_key(&file).unwrap(), keys[0]);
    }

    #[test]
    fn a_file_has_its_name_once_it_is_whole_and_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kept");
        let names = || fs::read_dir(folder.path()).unwrap().count();
        let fails = make_whole(&file, &mut |fresh| {
            fs::write(fresh, "half")?;
            Err("and no more".into())
        });
        assert!(fails.is_err());
        assert_eq!(names(), 0, "nothing is left of what failed");
        for (text, is_ours) in [("first", true), ("second", false)] {
            let made = make_whole(&file, &mut |fresh| Ok(fs::write(fresh, text)?));
            assert_eq!(made.unwrap(), is_ours);
            assert_eq!((names(), fs::read(&file).unwrap()), (1, b"first".to_vec()));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600);
        }
    }

    #[test]
    fn a_ledger_that_is_not_opened_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), None);
        for _ in 0..2 {
            let (file, is_there) = ledger_file(&config).unwrap();
            assert!(!is_there && !file.exists());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_spoilt_key_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(CURSOR_KEY_FILE), "short").unwrap();
        let error = cursor_key(&config(folder.path(), None)).unwrap_err();
        assert!(
            error.to_string().contains("cursor.key: this is not"),
            "{error}"
        );
    }

    #[test]
    fn the_default_folder_follows_the_environment() {
        let folder = |state: Option<&str>, home: Option<&str>| {
            default_folder(|name| match name {
                "XDG_STATE_HOME" => state.map(PathBuf::from),
                _ => home.map(PathBuf::from),
            })
        };
        let path = |path: &str| Some(PathBuf::from(path));
        assert_eq!(folder(Some("/s"), Some("/h")), path("/s/crmql"));
        assert_eq!(
            folder(Some("relative"), Some("/h")),
            path("/h/.local/state/crmql")
        );
        assert_eq!(folder(None, None), None);
    }
}
