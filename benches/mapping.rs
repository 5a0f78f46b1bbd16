//! How long a page of 100 customers takes from the CRM's bytes to the model, HTTP aside.

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crmql::adapter::{Adapter, Site, TokenStore, Vars, read};
use crmql::document::Problems;
use crmql::model::Filter;
use crmql::source::{CustomerSource, Position};
use crmql::upstream::Settings;
use serde_json::json;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

const FILE: &str = r#"
format = 1
id     = "acme"
name   = "Acme"
[http]
base = "http://127.0.0.1:1"
ok   = { path = "/success", equals = true }
[[list]]
request = "GET /customers"
items   = "/data"
page    = { kind = "page", page = "query:page", size = "query:limit", total = "/pagination/total", echo = "/pagination/page" }
[fields]
id           = { r = "/_id" }
firstName    = "/profile/firstName"
lastName     = "/profile/lastName"
email        = "/profile/email"
phone        = "/profile/phone"
company      = "/profile/company"
tier         = { r = "/tier", enum = "tier" }
tags         = { r = "/tags", type = "strings" }
customFields = { r = "/customFields", type = "json" }
createdAt    = { r = "/createdAt", type = "datetime", as = "rfc3339" }
updatedAt    = { r = "/updatedAt", type = "datetime", as = "rfc3339" }
[enums.tier]
GOLD   = "gold"
SILVER = "silver"
"#;

#[expect(clippy::expect_used, reason = "a bench that cannot be set up ends")]
fn adapter() -> Adapter {
    let manifest = read("acme.toml", FILE, &Problems::new()).expect("a file without problems");
    let site = Site {
        vars: Vars::new(),
        settings: Settings::default(),
        total: Duration::from_secs(1),
        tokens: TokenStore::default(),
    };
    Adapter::new(Arc::new(manifest), site).expect("all its vars are given")
}

fn body() -> Bytes {
    let row = |n: u32| {
        json!({
            "_id": format!("507f1f77bcf86cd7994{n:05}"),
            "profile": {
                "firstName": "Ann", "lastName": format!("Example {n}"), "email": format!("ann{n}@example.com"),
                "phone": "+4532123456", "company": "Example Ltd", "avatar": "https://example.com/a.png",
            },
            "tier": "gold", "status": "active", "tags": ["vip", "enterprise"], "customFields": { "plan": "annual" },
            "createdAt": "2024-01-01T12:00:00Z", "updatedAt": "2024-01-15T10:30:00Z",
        })
    };
    let rows: Vec<_> = (0..100).map(row).collect();
    let page = json!({ "page": 1, "limit": 100, "total": 1000, "totalPages": 10 });
    Bytes::from(json!({ "success": true, "data": rows, "pagination": page }).to_string())
}

#[expect(clippy::expect_used, reason = "a bench that cannot be set up ends")]
fn mapping(criterion: &mut Criterion) {
    let (adapter, body) = (adapter(), body());
    let plan = adapter
        .plan(&Filter::default(), None)
        .expect("a plain list");
    let read = |body: &Bytes| adapter.map_page(&plan, &Position::Start, 100, body.clone());
    assert_eq!(read(&body).expect("a page").rows.len(), 100);
    let mut group = criterion.benchmark_group("mapping");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("100 rows", |bencher| {
        bencher.iter(|| read(black_box(&body)));
    });
    group.finish();
}

criterion_group!(benches, mapping);
criterion_main!(benches);
