//! Does every balancer give each endpoint the share that its weight promises?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

use proptest::prelude::*;
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use weir_core::{Balancer, ConnectFailure, Flow, Lease, Load, Policy, Protocol, Request, Target, Weight};

fn address(index: usize) -> SocketAddr {
    let [.., b, c] = (index as u32).to_be_bytes();
    SocketAddr::from(([10, 244, b, c], 8080))
}

/// Endpoints of these weights, which are on one node.
fn targets(weights: &[u16]) -> Vec<(Target, Weight)> {
    let changes = Arc::default();
    let target = |(index, &weight)| {
        let load = Arc::new(Load::new(&changes));
        (Target { address: address(index), load }, Weight::new(weight))
    };
    weights.iter().enumerate().map(target).collect()
}

fn build(policy: Policy, weights: &[u16]) -> Balancer {
    Balancer::weighted(policy, targets(weights), None)
}

/// A well-spread 64-bit sequence (splitmix64), so that no test depends on luck.
fn entropy(step: u64) -> u64 {
    let mut z = step.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn pick<'a>(balancer: &'a Balancer, step: u64, tried: &[SocketAddr]) -> Option<&'a Target> {
    let [a, b, c, d, ..] = entropy(step).to_be_bytes();
    let flow = Flow {
        protocol: Protocol::Tcp,
        client: SocketAddr::from(([10, a, b, c], 1024 + u16::from(d))),
        frontend: SocketAddr::from(([10, 96, 0, 10], 80)),
    };
    balancer.pick(&Request { flow: &flow, now: Instant::now(), entropy: entropy(!step), tried })
}

/// The index in the list of weights of what is picked.
fn index(target: &Target) -> usize {
    (0..=u16::MAX.into()).find(|&index| address(index) == target.address).unwrap()
}

fn shares(balancer: &Balancer, endpoints: usize, picks: u64) -> Vec<f64> {
    let mut counts = vec![0u32; endpoints];
    for step in 0..picks {
        counts[index(pick(balancer, step, &[]).unwrap())] += 1;
    }
    counts.into_iter().map(|count| f64::from(count) / picks as f64).collect()
}

fn expected(weights: &[u16]) -> Vec<f64> {
    let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
    weights.iter().map(|&weight| f64::from(weight) / total).collect()
}

/// The share of flows that must move when the shares of endpoints become others.
fn least_moved(before: &[u16], after: &[u16]) -> f64 {
    let pairs = expected(before).into_iter().zip(expected(after));
    pairs.map(|(before, after)| (after - before).max(0.0)).sum()
}

fn policies() -> impl Strategy<Value = Policy> {
    prop::sample::select(Policy::ALL.to_vec())
}

fn some_weights() -> impl Strategy<Value = Vec<u16>> {
    let weight = prop_oneof![Just(0u16), 1u16..10, 1u16..=1000, 1u16..=u16::MAX];
    prop::collection::vec(weight, 1..9)
        .prop_filter("some endpoint takes part", |weights| weights.iter().any(|&weight| weight > 0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn shares_of_idle_endpoints_are_within_two_percent_of_their_weights(policy in policies(), weights in some_weights()) {
        let shares = shares(&build(policy, &weights), weights.len(), 20_000);
        for (share, expected) in shares.into_iter().zip(expected(&weights)) {
            prop_assert!((share - expected).abs() <= 0.02, "{policy}: {share} of the picks, {expected} of the weights");
        }
    }

    #[test]
    fn shares_of_busy_endpoints_are_within_two_percent_of_their_weights(policy in policies(), weights in some_weights()) {
        let balancer = build(policy, &weights);
        // Whoever keeps connections for a while has as many as the weight allows: the same load.
        let held = 2_000;
        let mut leases: Vec<Lease> = Vec::new();
        let mut counts = vec![0u32; weights.len()];
        for step in 0..20_000u64 {
            let target = pick(&balancer, step, &[]).unwrap();
            if leases.len() == held {
                leases.swap_remove(entropy(step) as usize % held);
            }
            leases.push(target.load.lease());
            counts[index(target)] += 1;
        }
        for (count, expected) in counts.into_iter().zip(expected(&weights)) {
            let share = f64::from(count) / 20_000.0;
            prop_assert!((share - expected).abs() <= 0.02, "{policy}: {share} of the picks, {expected} of the weights");
        }
    }

    #[test]
    fn an_endpoint_of_weight_0_gets_nothing_new_even_when_all_others_were_tried_or_fail(
        policy in policies(),
        mut weights in some_weights(),
        tried in prop::collection::hash_set(0usize..9, 0..4),
        failing in prop::collection::hash_set(0usize..9, 0..9),
        step: u64,
    ) {
        weights.push(0);
        let targets = targets(&weights);
        let now = Instant::now();
        for (index, (target, _)) in targets.iter().enumerate().filter(|(index, _)| failing.contains(index)) {
            (0..3).for_each(|_| _ = target.load.failed(now, Duration::ZERO, ConnectFailure::Refused));
            target.load.set_down(index % 2 == 0);
        }
        let balancer = Balancer::weighted(policy, targets, None);
        let tried: Vec<_> = tried.into_iter().map(address).collect();
        let is_left = |index: &usize| weights[*index] > 0 && !tried.contains(&address(*index));
        match pick(&balancer, step, &tried) {
            Some(target) => prop_assert!(is_left(&index(target))),
            None => prop_assert!(!(0..weights.len()).any(|index| is_left(&index))),
        }
        prop_assert_eq!(balancer.position(address(weights.len() - 1)), None, "affinity does not find it");
    }

    #[test]
    fn equal_weights_choose_as_no_weights_do(policy in policies(), count in 1usize..20, weight in 1u16.., steps in 1u64..50) {
        let weighted = build(policy, &vec![weight; count]);
        let without = Balancer::build(policy, targets(&vec![1; count]).into_iter().map(|(target, _)| target).collect(), None);
        for step in 0..steps {
            prop_assert_eq!(pick(&weighted, step, &[]).map(index), pick(&without, step, &[]).map(index));
        }
    }

    #[test]
    fn in_as_many_picks_as_all_weights_together_round_robin_gives_each_endpoint_as_many_as_its_weight(
        weights in prop::collection::vec(1u16..40, 1..9),
        before in 0u64..100,
    ) {
        let balancer = build(Policy::RoundRobin, &weights);
        for step in 0..before {
            pick(&balancer, step, &[]);
        }
        let divisor = weights.iter().fold(0u16, |divisor, &weight| (1..=weight).rev().find(|of| weight % of == 0 && divisor % of == 0).unwrap());
        let cycle: u64 = weights.iter().map(|&weight| u64::from(weight / divisor)).sum();
        let mut counts = vec![0u16; weights.len()];
        for step in 0..cycle {
            counts[index(pick(&balancer, step, &[]).unwrap())] += divisor;
            let done = (step + 1) as f64 / cycle as f64;
            for (count, weight) in counts.iter().zip(&weights) {
                let early = f64::from(*count) / f64::from(divisor) - done * f64::from(weight / divisor);
                prop_assert!(early.abs() < 4.0, "{early} turns early");
            }
        }
        prop_assert_eq!(counts, weights);
    }

    #[test]
    fn maglev_moves_few_flows_that_need_not_when_a_weight_changes(
        mut weights in prop::collection::vec(50u16..=200, 2..40),
        changed: prop::sample::Index,
        to in 0u16..=300,
    ) {
        let before = weights.clone();
        weights[changed.index(before.len())] = to;
        let [old, new] = [&before, &weights].map(|weights| build(Policy::Maglev, weights));
        let flows = 10_000;
        let moved = (0..flows).filter(|&step| pick(&old, step, &[]).map(index) != pick(&new, step, &[]).map(index));
        let moved = moved.count() as f64 / flows as f64;
        let least = least_moved(&before, &weights);
        prop_assert!(moved <= least + 0.03, "{moved} of the flows moved, {least} had to: {before:?}, {weights:?}");
    }
}

#[test]
fn maglev_gives_the_smallest_of_very_different_weights_some_flows() {
    let balancer = build(Policy::Maglev, &[1, u16::MAX]);
    let shares = shares(&balancer, 2, 100_000);
    assert!(shares[0] > 0.0 && shares[0] < 0.003, "{shares:?}");
}

#[test]
fn the_faster_of_two_endpoints_of_equal_weight_and_load_is_preferred_beside_a_third_of_another_weight() {
    let targets = targets(&[100, 100, 50]);
    let now = Instant::now();
    for ((target, _), took) in targets.iter().zip([1, 10, 1]) {
        target.load.connected(now, Duration::from_millis(took));
    }
    let balancer = Balancer::weighted(Policy::PeakEwma, targets, None);
    let shares = shares(&balancer, 3, 20_000);
    assert!(shares[1] < 0.2 && shares[1] > 0.1, "{shares:?}: it is chosen where it is drawn twice");
}

#[test]
fn a_rotation_goes_on_when_weights_come_and_go() {
    let before = build(Policy::RoundRobin, &[1, 1, 1]);
    (0..4).for_each(|step| _ = pick(&before, step, &[]));
    let weighted = Balancer::weighted(Policy::RoundRobin, targets(&[1, 2, 1]), Some(&before));
    pick(&weighted, 4, &[]);
    let after = Balancer::weighted(Policy::RoundRobin, targets(&[1, 1, 1]), Some(&weighted));
    assert_eq!(pick(&after, 5, &[]).map(index), Some(2), "five picks were made");
}
