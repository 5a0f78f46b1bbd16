//! The adapter files that come with the crate, embedded as they stand in `adapters/`.

use super::{Manifest, read};
use crate::document::Problems;
use include_dir::{Dir, include_dir};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/adapters");

/// The ids of the adapters that come with the crate.
pub fn built_in_names() -> Vec<&'static str> {
    let files = FILES.files().filter(|file| {
        file.path()
            .extension()
            .is_some_and(|extension| extension == "toml")
    });
    files
        .filter_map(|file| file.path().file_stem()?.to_str())
        .collect()
}

/// The text of a file that comes with the crate, for example `acme.toml` or `acme.fixtures.json`.
pub fn built_in_file(name: &str) -> Option<&'static str> {
    FILES.get_file(name)?.contents_utf8()
}

/// The manifest of an adapter that comes with the crate. `None` where there is none of this id, or it has problems.
pub fn built_in(id: &str, problems: &Problems) -> Option<Manifest> {
    let name = format!("{id}.toml");
    read(&format!("adapters/{name}"), built_in_file(&name)?, problems)
}
