//! The `[create]`, `[update]` and `[delete]` parts of an adapter file.

use super::Reading;
use super::text::{header_name, parsed, plain_path};
use crate::adapter::manifest::{Needed, Returns, WriteRoute};
use crate::adapter::place::Pointer;
use crate::document::Table;
use crate::model::WriteField;

/// Which write a part describes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Create,
    Update,
    Delete,
}

impl Reading {
    pub(super) fn write(&self, mut table: Table<'_>, kind: Kind) -> Option<WriteRoute> {
        self.assumed(&mut table);
        let route = self.route(&mut table);
        let (requires, any_of) = if kind == Kind::Create {
            (needed(&mut table, "requires"), needed(&mut table, "any_of"))
        } else {
            (Vec::new(), Vec::new())
        };
        let replace = kind == Kind::Update
            && table
                .word("mode", &[("partial", false), ("replace", true)])
                .unwrap_or(false);
        if kind == Kind::Delete {
            table.word("effect", &[("hard", ()), ("soft", ()), ("archive", ())]);
        }
        let returns = table
            .table("returns")
            .map(|inner| self.returns(inner))
            .unwrap_or_default();
        let write = WriteRoute {
            wrap: parsed(&mut table, "wrap", plain_path).unwrap_or_default(),
            requires,
            any_of,
            replace,
            returns,
            idempotency_header: parsed(&mut table, "idempotency_header", header_name),
            route: route?,
        };
        table.finish();
        Some(write)
    }

    fn returns(&self, mut table: Table<'_>) -> Returns {
        self.assumed(&mut table);
        let returns = Returns {
            item: parsed(&mut table, "item", plain_path),
            id: parsed(&mut table, "id", Pointer::parse),
            then_get: table.word("then", &[("get", true)]).unwrap_or(false),
        };
        table.finish();
        returns
    }
}

/// Fields by name; a vendor field as `native.NAME`, which is checked when `[native]` was read.
fn needed(table: &mut Table<'_>, key: &str) -> Vec<Needed> {
    let names: Vec<_> = WriteField::ALL
        .iter()
        .map(|field| (field.name(), *field))
        .collect();
    let texts = table.strings(key);
    texts
        .iter()
        .filter_map(|text| match text.value.strip_prefix("native.") {
            Some(name) => Some(Needed::Native(name.to_owned())),
            None => table.choose(text, &names).map(Needed::Common),
        })
        .collect()
}
