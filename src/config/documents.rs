//! `[documents]`: operations that are known before anybody asks for them.

use super::outside::Outside;
use super::read::filled;
use crate::document::{Place, Table};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// `[documents]`
#[derive(Debug, Default)]
pub struct DocumentsConfig {
    /// `trusted`: the operations of a file, by their id.
    pub trusted: BTreeMap<Box<str>, Box<str>>,
    /// The file they stand in, for problems and for watching it.
    pub file: Option<(PathBuf, Place)>,
    /// `only`: no others are answered.
    pub only: bool,
    /// `automatic`: clients may have documents kept by their hash.
    pub automatic: bool,
}

pub(super) fn documents(mut table: Table<'_>, outside: &Outside<'_>) -> DocumentsConfig {
    let mut config = DocumentsConfig::default();
    let file = table.string("trusted");
    if let Some(file) = file.and_then(|text| filled(&table, "trusted", text)) {
        let path = outside.path(&file.value);
        let wrong = |what: &str| {
            let message = format!("`documents.trusted`: the file `{}` {what}", file.value);
            table.problem(&file.at, message);
        };
        match outside.text(&path) {
            Err(error) => wrong(&format!("cannot be read: {error}")),
            Ok(text) => match read(&text) {
                Some(trusted) => config.trusted = trusted,
                None => wrong(
                    "is neither a JSON object of ids and documents nor an Apollo persisted query manifest",
                ),
            },
        }
        config.file = Some((path, file.at));
    }
    config.only = table.bool("only").unwrap_or(false);
    if config.only && !table.has("trusted") {
        let message = "`documents.only` needs `documents.trusted`";
        table.problem(&table.place_of("only"), message);
    }
    config.automatic = table.bool("automatic").unwrap_or(false);
    if config.only && config.automatic {
        let message = "`documents.automatic` lets every document in, and `documents.only` does not";
        table.problem(&table.place_of("automatic"), message);
    }
    table.finish();
    config
}

/// Both forms: what the Relay compiler writes, `{ "id": "text" }`, and Apollo's manifest, `{ "operations": [{ "id", "body" }] }`.
fn read(text: &str) -> Option<BTreeMap<Box<str>, Box<str>>> {
    let Value::Object(file) = serde_json::from_str(text).ok()? else {
        return None;
    };
    if let Some(Value::Array(operations)) = file.get("operations") {
        let pair = |operation: &Value| {
            let (id, body) = (operation.get("id")?, operation.get("body")?);
            Some((id.as_str()?.into(), body.as_str()?.into()))
        };
        return operations.iter().map(pair).collect();
    }
    let pair = |(id, text): (String, Value)| Some((id.into(), text.as_str()?.into()));
    file.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn both_forms_are_read_and_nothing_else() {
        let relay = r#"{ "a": "{ x }", "b": "{ y }" }"#;
        let apollo = r#"{ "format": "apollo-persisted-query-manifest", "version": 1, "operations": [
            { "id": "a", "name": "X", "type": "query", "body": "{ x }" }, { "id": "b", "body": "{ y }" }] }"#;
        assert_eq!(read(relay), read(apollo));
        assert_eq!(read(relay).unwrap().len(), 2);
        for wrong in [
            "",
            "[]",
            r#"{ "a": 1 }"#,
            r#"{ "operations": [{ "id": "a" }] }"#,
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
