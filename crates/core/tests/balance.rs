//! Does every balancer keep its promise? Properties of picks, shares and disruption.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

use proptest::prelude::*;
use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::Arc,
    time::Instant,
};
use weir_core::{Balancer, Flow, Lease, Policy, Protocol, Request, Target};

fn address(index: usize) -> SocketAddr {
    let [.., b, c] = (index as u32).to_be_bytes();
    SocketAddr::from(([10, 244, b, c], 8080))
}

fn targets(indexes: impl IntoIterator<Item = usize>) -> Vec<Target> {
    indexes.into_iter().map(|index| Target { address: address(index), load: Arc::default() }).collect()
}

fn build(policy: Policy, count: usize) -> Balancer {
    Balancer::build(policy, targets(0..count), None)
}

fn flow(client: u32) -> Flow {
    let [a, b, c, d] = client.to_be_bytes();
    Flow {
        protocol: Protocol::Tcp,
        client: SocketAddr::from(([10, a, b, c], 1024 + u16::from(d))),
        frontend: SocketAddr::from(([10, 96, 0, 10], 80)),
    }
}

/// A well-spread 64-bit sequence (splitmix64), so that no test depends on luck.
fn entropy(step: u64) -> u64 {
    let mut z = step.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn pick(balancer: &Balancer, step: u64, tried: &[SocketAddr]) -> Option<SocketAddr> {
    let flow = flow(entropy(step) as u32);
    let request = Request { flow: &flow, now: Instant::now(), entropy: entropy(!step), tried };
    balancer.pick(&request).map(|target| target.address)
}

fn counts(balancer: &Balancer, picks: u64) -> HashMap<SocketAddr, u64> {
    let mut counts = HashMap::new();
    for step in 0..picks {
        *counts.entry(pick(balancer, step, &[]).unwrap()).or_default() += 1;
    }
    counts
}

fn policies() -> impl Strategy<Value = Policy> {
    prop::sample::select(Policy::ALL.to_vec())
}

proptest! {
    #[test]
    fn a_pick_is_in_the_set_and_never_tried_and_none_only_when_nothing_is_left(
        policy in policies(),
        count in 0usize..40,
        tried in prop::collection::hash_set(0usize..45, 0..6),
        step: u64,
    ) {
        let balancer = build(policy, count);
        let tried: Vec<_> = tried.into_iter().map(address).collect();
        let left: HashSet<_> = (0..count).map(address).filter(|address| !tried.contains(address)).collect();
        match pick(&balancer, step, &tried) {
            Some(address) => prop_assert!(left.contains(&address)),
            None => prop_assert!(left.is_empty()),
        }
    }

    #[test]
    fn round_robin_counts_differ_by_at_most_one(count in 1usize..40, picks in 0u64..300) {
        let counts = counts(&build(Policy::RoundRobin, count), picks);
        let of = |index| counts.get(&address(index)).copied().unwrap_or(0);
        let (least, most) = ((0..count).map(of).min().unwrap(), (0..count).map(of).max().unwrap());
        prop_assert!(most - least <= 1);
    }

    #[test]
    fn every_endpoint_is_found_at_its_position(count in 0usize..60) {
        let balancer = build(Policy::Random, count);
        for (index, target) in balancer.targets().iter().enumerate() {
            prop_assert_eq!(balancer.position(target.address), Some(index));
        }
        prop_assert_eq!(balancer.position(address(count)), None);
    }

    #[test]
    fn least_connections_never_picks_the_busier_of_two(first in 0usize..9, second in 0usize..9, step: u64) {
        let targets = targets(0..2);
        let _held: Vec<Lease> = [first, second].iter().zip(&targets)
            .flat_map(|(&live, target)| (0..live).map(|_| target.load.lease())).collect();
        let balancer = Balancer::build(Policy::LeastConnections, targets, None);
        let expected = match first.cmp(&second) {
            std::cmp::Ordering::Less => Some(address(0)),
            std::cmp::Ordering::Greater => Some(address(1)),
            std::cmp::Ordering::Equal => None,
        };
        let picked = pick(&balancer, step, &[]);
        prop_assert!(expected.is_none() || picked == expected);
    }
}

#[test]
fn random_and_equally_loaded_least_connections_spread_evenly() {
    for policy in [Policy::Random, Policy::LeastConnections] {
        for count in [2, 3, 7] {
            let picks = 30_000;
            let mean = picks as f64 / count as f64;
            let counts = counts(&build(policy, count), picks);
            for index in 0..count {
                let share = counts[&address(index)] as f64 / mean;
                assert!(
                    (0.95..1.05).contains(&share),
                    "{policy} {count}: endpoint {index} has {share} of the mean"
                );
            }
        }
    }
}

#[test]
fn a_rotation_goes_on_when_the_set_changes() {
    let before = build(Policy::RoundRobin, 3);
    pick(&before, 0, &[]);
    let after = Balancer::build(Policy::RoundRobin, targets(0..4), Some(&before));
    assert_eq!(pick(&after, 1, &[]), Some(address(1)));
}

#[test]
fn maglev_moves_few_flows_when_an_endpoint_leaves() {
    for count in [2usize, 3, 10, 50, 200, 1000] {
        let before = build(Policy::Maglev, count);
        let gone = count / 2;
        let after = Balancer::build(Policy::Maglev, targets((0..count).filter(|&index| index != gone)), None);
        let flows = 40_000;
        let moved = (0..flows).filter(|&step| pick(&before, step, &[]) != pick(&after, step, &[])).count();
        let disruption = moved as f64 / flows as f64;
        let most = 1.0 / count as f64 + 0.02;
        assert!(disruption <= most, "{count} endpoints: {disruption} of the flows moved, at most {most}");
    }
}

#[test]
fn maglev_picks_are_the_same_on_every_node_and_release() {
    let balancer = build(Policy::Maglev, 5);
    let picks: Vec<_> =
        (0..16).map(|client| balancer.position(maglev_pick(&balancer, client)).unwrap()).collect();
    assert_eq!(picks, GOLDEN);
}

fn maglev_pick(balancer: &Balancer, client: u32) -> SocketAddr {
    let flow = flow(client);
    let request = Request { flow: &flow, now: Instant::now(), entropy: 0, tried: &[] };
    balancer.pick(&request).unwrap().address
}

/// Which endpoint each of the first sixteen clients gets. A change here moves the flows of every cluster that is
/// upgraded node by node.
const GOLDEN: [usize; 16] = [2, 1, 3, 1, 3, 4, 0, 3, 0, 2, 4, 0, 0, 0, 1, 4];
