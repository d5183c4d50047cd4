//! How long does it take to choose an endpoint?

use criterion::{BenchmarkId, Criterion};
use std::hint::black_box;
use weir_bench::Picks;
use weir_core::Policy;

fn main() {
    let mut criterion = weir_bench::criterion();
    pick(&mut criterion);
    criterion.final_summary();
}

fn pick(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pick");
    for policy in Policy::ALL {
        for endpoints in [1, 10, 1_000] {
            let mut picks = Picks::new(policy, endpoints);
            group.bench_function(BenchmarkId::new(policy.as_str(), endpoints), |bencher| {
                bencher.iter(|| picks.pick(black_box(&[])).map(|target| target.address));
            });
            let mut picks = Picks::weighted(policy, endpoints);
            group.bench_function(BenchmarkId::new(format!("{policy} by weight"), endpoints), |bencher| {
                bencher.iter(|| picks.pick(black_box(&[])).map(|target| target.address));
            });
        }
    }
}
