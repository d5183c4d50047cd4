//! Does the data path's choice of an endpoint leave the allocator alone?

use allocation_counter::measure;
use std::hint::black_box;
use weir_bench::Picks;
use weir_core::Policy;

#[test]
fn a_pick_allocates_nothing() {
    for policy in Policy::ALL {
        for endpoints in [0, 1, 10, 1_000] {
            for mut picks in [Picks::new(policy, endpoints), Picks::weighted(policy, endpoints)] {
                let tried: Vec<_> =
                    picks.balancer.targets().iter().map(|target| target.address).take(2).collect();
                for tried in [&[], &tried[..]] {
                    let counted = measure(|| {
                        for _ in 0..1_000 {
                            black_box(picks.pick(tried));
                        }
                    });
                    assert_eq!(counted.count_total, 0, "{policy}, {endpoints} endpoints, tried {tried:?}");
                }
            }
        }
    }
}

/// Without this the test above would also pass if nobody counted.
#[test]
fn an_allocation_is_counted() {
    assert_eq!(measure(|| drop(black_box(Box::new(1)))).count_total, 1);
}
