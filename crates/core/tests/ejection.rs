//! Are endpoints that are ejected or down left alone, whatever the policy?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

use proptest::prelude::*;
use std::{
    collections::HashSet,
    net::SocketAddr,
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};
use weir_core::{
    Balancer, ConnectFailure, Flow, Load, MIN_FAILURES_TO_EJECT, Policy, Protocol, Request, Target,
};

fn address(last: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last as u8], 80))
}

fn targets(count: usize) -> Vec<Target> {
    let standings = Arc::default();
    (0..count).map(|last| Target { address: address(last), load: Load::new(&standings).into() }).collect()
}

fn eject(target: &Target, now: Instant) {
    (0..MIN_FAILURES_TO_EJECT)
        .for_each(|_| _ = target.load.failed(now, Duration::ZERO, ConnectFailure::Refused));
}

fn picks(balancer: &Balancer, now: Instant, tried: &[SocketAddr]) -> HashSet<usize> {
    let flow =
        |port| Flow { protocol: Protocol::Tcp, client: ([10, 9, 9, 9], port).into(), frontend: address(99) };
    let pick = |port: u16| {
        let entropy = u64::from(port).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let picked = balancer.pick(&Request { flow: &flow(port), now, entropy, tried })?;
        balancer.position(picked.address)
    };
    (0..400).filter_map(pick).collect()
}

#[test]
fn an_ejected_endpoint_is_left_alone_by_every_policy_until_one_connection_probes_it() {
    for policy in Policy::ALL {
        let now = Instant::now();
        let targets = targets(4);
        let balancer = Balancer::build(policy, targets.clone(), None);
        targets.iter().for_each(|target| target.load.connected(now, Duration::from_millis(1)));
        assert_eq!(picks(&balancer, now, &[]).len(), 4, "{policy}");
        eject(&targets[2], now);
        assert_eq!(picks(&balancer, now, &[]), HashSet::from([0, 1, 3]), "{policy}");
        assert!(picks(&balancer, now + Duration::from_secs(1), &[]).contains(&2), "{policy}: the probe");
        assert!(!picks(&balancer, now + Duration::from_secs(1), &[]).contains(&2), "{policy}: one only");
        targets[2].load.served(now);
        assert_eq!(picks(&balancer, now, &[]).len(), 4, "{policy}");
    }
}

#[test]
fn an_ejected_endpoint_is_the_last_resort() {
    let now = Instant::now();
    let targets = targets(2);
    let balancer = Balancer::build(Policy::Random, targets.clone(), None);
    eject(&targets[0], now);
    assert_eq!(picks(&balancer, now, &[address(1)]), HashSet::from([0]));
    assert_eq!(picks(&balancer, now, &[address(0), address(1)]), HashSet::new());
}

#[test]
fn the_half_that_was_ejected_first_stays_ejected() {
    let now = Instant::now();
    let targets = targets(5);
    let balancer = Balancer::build(Policy::RoundRobin, targets.clone(), None);
    for last in [4, 1, 0] {
        eject(&targets[last], now);
    }
    assert_eq!(picks(&balancer, now, &[]), HashSet::from([0, 2, 3]));
}

#[test]
fn endpoints_that_are_down_are_left_alone_whatever_their_share_unless_all_are() {
    let now = Instant::now();
    let targets = targets(3);
    let balancer = Balancer::build(Policy::LeastConnections, targets.clone(), None);
    targets[0].load.set_down(true);
    targets[1].load.set_down(true);
    assert_eq!(picks(&balancer, now, &[]), HashSet::from([2]));
    targets[2].load.set_down(true);
    assert_eq!(picks(&balancer, now, &[]).len(), 3);
}

#[test]
fn an_endpoint_that_is_forbidden_is_not_even_probed_while_there_is_another() {
    let now = Instant::now();
    let targets = targets(3);
    let balancer = Balancer::build(Policy::RoundRobin, targets.clone(), None);
    targets[1].load.set_forbidden(true);
    eject(&targets[1], now);
    assert_eq!(picks(&balancer, now + Duration::from_secs(60), &[]), HashSet::from([0, 2]));
    targets[1].load.set_forbidden(false);
    assert!(picks(&balancer, now + Duration::from_secs(60), &[]).contains(&1));
}

#[test]
fn a_full_endpoint_is_not_chosen_even_as_the_last_resort() {
    let now = Instant::now();
    let targets = targets(2);
    let balancer =
        Balancer::build(Policy::Random, targets.clone(), None).with_max_connections(NonZeroU32::new(1));
    let lease = targets[0].load.lease();
    assert_eq!(picks(&balancer, now, &[]), HashSet::from([1]));
    assert_eq!(picks(&balancer, now, &[address(1)]), HashSet::new());
    assert!(balancer.is_full(&[address(1)]) && !balancer.is_full(&[address(0), address(1)]));
    drop(lease);
    assert_eq!(picks(&balancer, now, &[]).len(), 2);
}

proptest! {
    #[test]
    fn at_most_half_is_ejected_and_when_all_are_nothing_is(ejected in prop::collection::vec(any::<bool>(), 1..12)) {
        let now = Instant::now();
        let targets = targets(ejected.len());
        let balancer = Balancer::build(Policy::Random, targets.clone(), None);
        for (target, _) in targets.iter().zip(&ejected).filter(|(_, ejected)| **ejected) {
            eject(target, now);
        }
        let count = ejected.iter().filter(|ejected| **ejected).count();
        let avoided = if count == ejected.len() { 0 } else { count.min(ejected.len() / 2) };
        prop_assert_eq!(picks(&balancer, now, &[]).len(), ejected.len() - avoided);
    }
}
