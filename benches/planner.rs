//! How long it takes to plan which pages cover a window, near the start of a list and deep inside it.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use crmql::connection::window;
use crmql::source::Sizes;
use std::hint::black_box;

fn planner(criterion: &mut Criterion) {
    let sizes = Sizes { min: 1, max: 100 };
    let mut group = criterion.benchmark_group("planner");
    for from in [0u64, 1_013, 4_999_999] {
        for rows in [20u64, 100] {
            let id = BenchmarkId::new(format!("{rows} rows"), from);
            group.bench_with_input(id, &(from, from + rows), |bencher, (from, to)| {
                bencher.iter(|| window::numbered(black_box(*from), black_box(*to), sizes));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, planner);
criterion_main!(benches);
