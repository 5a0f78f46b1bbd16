//! The file that the ledger is kept in.

use redb::{Database, DatabaseError, StorageError};
use std::fmt::Display;
use std::io;
use std::path::Path;

/// A failure of the store itself.
pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Makes a file that is missing, whole before it gets its name, so that one which bears it and is empty has lost what it held.
/// False where there is one already.
pub type Make = fn(&Path, &mut Fill<'_>) -> Result<bool, Failure>;

/// Fills the file that it is given.
pub type Fill<'f> = dyn FnMut(&Path) -> Result<(), Failure> + 'f;

/// The store in a file that was there before.
pub(super) fn known(path: &Path) -> Result<Database, Failure> {
    let opened = Database::builder().open(path);
    opened.map_err(|error| {
        if is_lost(&error) {
            let way_out = format!("{error}; its keys are lost: remove it to begin with none");
            about(path, &way_out)
        } else {
            about(path, &error)
        }
    })
}

/// Whether there is nothing in the file any more that could be read.
fn is_lost(error: &DatabaseError) -> bool {
    match error {
        DatabaseError::Storage(StorageError::Corrupted(_)) => true,
        DatabaseError::Storage(StorageError::Io(error)) => {
            error.kind() == io::ErrorKind::InvalidData
        }
        _ => false,
    }
}

/// The same error, saying which file it is about.
pub(super) fn about(path: &Path, error: &dyn Display) -> Failure {
    format!("{}: {error}", path.display()).into()
}
