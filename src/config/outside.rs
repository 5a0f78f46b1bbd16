//! The files and variables a configuration names. Bounded, and never quoted in a problem.

use crate::document::{Place, Problems, Table, Text, Value};
use secrecy::SecretString;
use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The largest configuration, adapter or fixture file, in bytes.
const TEXT_BYTES: u64 = 4 * 1024 * 1024;
/// The largest file with a secret, in bytes.
const SECRET_BYTES: u64 = 64 * 1024;

/// What the configuration may name: variables, and files from its folder on.
pub(super) struct Outside<'a> {
    /// Looks up an environment variable.
    pub(super) variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// Where relative paths start.
    pub(super) folder: &'a Path,
    /// The files that were named, whether or not they could be read.
    pub(super) files: RefCell<Vec<PathBuf>>,
}

/// What tells that a file has changed: when and how long it is; `None` where it is not there.
pub type Stamp = Option<(SystemTime, u64)>;

/// The stamps of these files.
pub fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |file: &PathBuf| {
        let about = std::fs::metadata(file).ok()?;
        Some((about.modified().ok()?, about.len()))
    };
    files.iter().map(stamp).collect()
}

/// The log filter from the environment (`CRMQL_LOG`), where one is set.
pub fn log_filter() -> Option<String> {
    std::env::var("CRMQL_LOG")
        .ok()
        .filter(|filter| !filter.is_empty())
}

/// The form of log lines from the environment (`CRMQL_LOG_FORMAT`), where one is set.
pub fn log_format() -> Option<String> {
    std::env::var("CRMQL_LOG_FORMAT")
        .ok()
        .filter(|format| !format.is_empty())
}

/// Reads a text file: a configuration, an adapter file or a fixture. `None`, and a problem, where it cannot be read.
pub fn read_text(path: &Path, problems: &Problems) -> Option<String> {
    bounded(path, TEXT_BYTES)
        .map_err(|error| {
            let at = Place::file(&path.display().to_string());
            problems.note(&at, format!("cannot be read: {error}"));
        })
        .ok()
}

/// Reads a text file that is named there, which is where the problem stands.
pub fn read_named(path: &Path, at: &Place, problems: &Problems) -> Option<String> {
    bounded(path, TEXT_BYTES)
        .map_err(|error| {
            let message = format!("the file `{}` cannot be read: {error}", path.display());
            problems.note(at, message);
        })
        .ok()
}

fn bounded(path: &Path, most: u64) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(most + 1).read_to_string(&mut text)?;
    if read as u64 > most {
        return Err(io::Error::other(format!("it is larger than {most} bytes")));
    }
    Ok(text)
}

impl Outside<'_> {
    /// A path as the configuration means it.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// The text of a file that is no secret.
    pub(super) fn text(&self, path: &Path) -> io::Result<String> {
        self.files.borrow_mut().push(path.to_owned());
        bounded(path, TEXT_BYTES)
    }

    /// The value that `{ env = … }` or `{ file = … }` stands for.
    pub(super) fn resolve(&self, mut table: Table<'_>) -> Option<SecretString> {
        let (env, file) = (table.string("env"), table.string("file"));
        let value = match (&env, &file) {
            (Some(name), None) => self.of_variable(&table, name),
            (None, Some(path)) => self.of_file(&table, path),
            (Some(_), Some(_)) => {
                table.problem(
                    table.place(),
                    format!("`{}` has both `env` and `file`", table.path()),
                );
                None
            }
            (None, None) => {
                if !table.has("env") && !table.has("file") {
                    let message = format!("`{}` needs `env` or `file`", table.path());
                    table.problem(table.place(), message);
                }
                None
            }
        };
        table.finish();
        value
    }

    /// The same, where a value of its own is refused because it is always a secret.
    pub(super) fn secret(
        &self,
        table: &Table<'_>,
        key: &str,
        value: Value<'_>,
    ) -> Option<SecretString> {
        match value {
            Value::Table(reference) => self.resolve(reference),
            other => {
                let message = format!(
                    "`{key}` is a secret: write {{ env = \"NAME\" }} or {{ file = \"PATH\" }}, not the value"
                );
                table.problem(other.at(), message);
                None
            }
        }
    }

    fn of_variable(&self, table: &Table<'_>, name: &Text) -> Option<SecretString> {
        let wrong = |what: &str| {
            let message = format!("`{}`: the variable `{}` {what}", table.path(), name.value);
            table.problem(&name.at, message);
        };
        let Some(value) = (self.variable)(&name.value) else {
            wrong("is not set");
            return None;
        };
        let Ok(value) = value.into_string() else {
            wrong("is not valid UTF-8");
            return None;
        };
        given(&value).or_else(|| {
            wrong("is empty");
            None
        })
    }

    fn of_file(&self, table: &Table<'_>, path: &Text) -> Option<SecretString> {
        let wrong = |what: &str| {
            let message = format!("`{}`: the file `{}` {what}", table.path(), path.value);
            table.problem(&path.at, message);
        };
        let file = self.path(&path.value);
        self.files.borrow_mut().push(file.clone());
        match bounded(&file, SECRET_BYTES) {
            Err(error) => {
                wrong(&format!("cannot be read: {error}"));
                None
            }
            Ok(value) => given(&value).or_else(|| {
                wrong("is empty");
                None
            }),
        }
    }
}

/// A value without the line end that editors and `echo` leave; `None` where nothing else is there.
fn given(value: &str) -> Option<SecretString> {
    let trimmed = value.trim_end_matches(['\n', '\r']);
    (!trimmed.is_empty()).then(|| SecretString::from(trimmed))
}
