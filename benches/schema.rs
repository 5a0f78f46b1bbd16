//! How long a query takes in the gateway alone: checked, run over customers in memory, and written as JSON; no HTTP.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use crmql::connection::Connector;
use crmql::graphql::{Arrival, Gateway, gateway};
use crmql::limits::Limits;
use crmql::model::{Customer, CustomerTier, DateTime, LocalId, PhoneNumber};
use crmql::source::memory::{MemorySource, Shape};
use crmql::source::{Paging, Row, Sizes, SourceEntry, Sources, TotalKind};
use crmql::writes::{Keep, Ledger, Writes};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const QUERY: &str = "query($first: Int!) { customers(first: $first) { edges { cursor node { id sourceId displayName \
    firstName lastName email phone { number } company tier createdAt updatedAt } } pageInfo { endCursor } } }";

#[expect(clippy::expect_used, reason = "a bench that cannot be set up ends")]
fn row(number: u32) -> Row {
    let id = LocalId::new(format!("507f1f77bcf86cd7994{number:05}")).expect("an id");
    let moment = Some(DateTime::at(
        "2024-01-15T10:30:00Z".parse().expect("a moment"),
    ));
    let customer = Customer {
        first_name: Some("Ann".into()),
        last_name: Some(format!("Example {number}").into()),
        email: Some(format!("ann{number}@example.com").into()),
        phone: Some(PhoneNumber {
            number: "+4532123456".into(),
            country_code: None,
            calling_code: None,
        }),
        company: Some("Example Ltd".into()),
        tier: Some(CustomerTier::Gold),
        created_at: moment,
        updated_at: moment,
        ..Customer::bare(id)
    };
    Row::Customer {
        customer: Arc::new(customer),
        key: None,
    }
}

#[expect(clippy::expect_used, reason = "a bench that cannot be set up ends")]
fn over_memory() -> Gateway {
    let shape = Shape {
        total: TotalKind::Exact,
        ..Shape::new(Paging::Offset(Sizes { min: 1, max: 100 }))
    };
    let entry = SourceEntry {
        key: "memory".into(),
        name: "Memory".into(),
        adapter: "memory".into(),
        rank: 0,
        source: Arc::new(MemorySource::new(shape, (0..1_000).map(row))),
    };
    let limits = Limits::default();
    let connector = Arc::new(Connector::new(limits.clone(), b"a key for benches"));
    let ledger = Ledger::new(Keep::Memory, limits.idempotency_keys, [0; 32]);
    let writes = Arc::new(Writes::new(ledger, [0; 32]));
    let sources = Sources::new(vec![Arc::new(entry)]);
    gateway(sources, connector, writes, &limits).expect("the schema")
}

#[expect(clippy::expect_used, reason = "a bench that cannot be set up ends")]
fn schema(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let gateway = over_memory();
    let ask = |first: u32| {
        runtime.block_on(async {
            let prepared = gateway.prepare(QUERY, None).expect("a valid document");
            let arrival = Arrival::new("bench", Instant::now() + Duration::from_secs(30));
            let variables = serde_json::Map::from_iter([("first".to_owned(), first.into())]);
            let answer = gateway.execute(&prepared, variables, arrival).await;
            gateway.finish(answer, "bench").to_json()
        })
    };
    assert!(String::from_utf8_lossy(&ask(20)).contains("ann19@example.com"));
    let mut group = criterion.benchmark_group("schema");
    for first in [1, 20, 100] {
        group.bench_with_input(BenchmarkId::new("list", first), &first, |bencher, first| {
            bencher.iter(|| black_box(ask(*first)));
        });
    }
    group.finish();
}

criterion_group!(benches, schema);
criterion_main!(benches);
