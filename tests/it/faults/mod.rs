//! CRMs that fail: how often they are asked, how long that takes, what the caller hears, and what is left alone.

mod again;
mod alone;
mod bounds;
mod spoiled;
mod waiting;

use crate::engine::{FIELDS, id};
use crate::support::crm::{Crm, Play, file, source_with};
use crmql::adapter::{Adapter, TokenStore};
use crmql::model::{Change, FieldValue, WriteField};
use crmql::source::{Call, CustomerSource, SourceError};
use crmql::upstream::Settings;
use serde_json::json;

const WRITES: &str = "[get]\nrequest = \"GET /c/{id}\"\nitem = \"\"\n[create]\nrequest = \"POST /c\"\nreturns = { item = \"\" }\n";

fn adapter_with(crm: &Crm, http: &str, create: &str, settings: Settings) -> Adapter {
    let text = file(http, &format!("{WRITES}{create}\n{FIELDS}"));
    source_with(&crm.base, &text, TokenStore::default(), settings)
}

fn adapter(crm: &Crm, http: &str) -> Adapter {
    adapter_with(crm, http, "", Settings::default())
}

async fn get(source: &Adapter, call: &Call) -> Result<(), SourceError> {
    let found = source.fetch(call, &[id("a")]).await.remove(0);
    found.map(|found| assert!(found.is_some()))
}

fn good() -> Play {
    Play::Json(200, json!({ "id": "a" }))
}

fn status(status: u16) -> Play {
    Play::Json(status, json!({}))
}

fn said(status: u16, headers: &[(&'static str, &str)]) -> Play {
    let headers = headers
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    Play::Raw(status, headers.collect(), b"{\"id\":\"a\"}".to_vec())
}

fn creating() -> Change {
    let name = FieldValue::Text("A".to_owned());
    Change::Create {
        fields: vec![(WriteField::Name, name)],
        native: serde_json::Map::new(),
    }
}
