//! Which endpoints of a set are left alone, because they are ejected or down?
//!
//! At most half of a set is ejected: those that were ejected first. When all of it would be left alone, nothing is.

use super::{Request, Target};
use crate::{Load, Standings};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// What was found when the endpoints were last looked at. They are looked at again only when a standing has changed: a
/// choice among endpoints that are all well costs three loads.
#[derive(Debug)]
pub(super) struct Avoided {
    /// `None` without endpoints.
    standings: Option<Arc<Standings>>,
    /// The number of changes that were seen.
    seen: AtomicU64,
    /// Endpoints with this rank or a lower one count as ejected; [`NOBODY`] if nothing is left alone.
    rank: AtomicU64,
    /// When the next probe is due, in milliseconds.
    probe_due: AtomicU64,
}

const NOBODY: u64 = u64::MAX;

/// Who is left alone.
#[derive(Clone, Copy)]
pub(super) struct Avoid {
    rank: u64,
    probe_due: u64,
}

impl Avoided {
    pub(super) fn new(targets: &[Target]) -> Self {
        let standings = targets.first().map(|target| Arc::clone(target.load.standings()));
        let avoided = Self {
            seen: AtomicU64::new(standings.as_ref().map_or(0, |standings| standings.changes())),
            standings,
            rank: AtomicU64::new(NOBODY),
            probe_due: AtomicU64::new(u64::MAX),
        };
        avoided.store(Avoid::among(targets));
        avoided
    }

    /// Who is left alone now; `None` if nobody is.
    pub(super) fn now(&self, targets: &[Target]) -> Option<Avoid> {
        let changes = self.standings.as_ref()?.changes();
        if self.seen.load(Relaxed) != changes {
            // Noted first: a change that comes meanwhile has it looked at once more.
            self.seen.store(changes, Relaxed);
            self.store(Avoid::among(targets));
        }
        let rank = self.rank.load(Relaxed);
        (rank != NOBODY).then(|| Avoid { rank, probe_due: self.probe_due.load(Relaxed) })
    }

    fn store(&self, avoid: Option<Avoid>) {
        self.rank.store(avoid.map_or(NOBODY, |avoid| avoid.rank), Relaxed);
        self.probe_due.store(avoid.map_or(u64::MAX, |avoid| avoid.probe_due), Relaxed);
    }
}

impl Avoid {
    fn among(targets: &[Target]) -> Option<Self> {
        let mut ejected: Vec<&Load> = Vec::new();
        let mut down = false;
        for Target { load, .. } in targets {
            down |= load.is_out();
            if load.is_ejected() {
                ejected.push(load);
            }
        }
        if (ejected.is_empty() && !down) || ejected.len() == targets.len() {
            return None;
        }
        let probe_due = ejected.iter().filter_map(|load| load.record().probe_due()).min().unwrap_or(u64::MAX);
        ejected.sort_unstable_by_key(|load| load.rank());
        let last = (targets.len() / 2).checked_sub(1).and_then(|half| ejected.get(half).or(ejected.last()));
        let avoid = Self { rank: last.map_or(0, |load| load.rank()), probe_due };
        targets.iter().any(|target| !avoid.avoids(&target.load)).then_some(avoid)
    }

    pub(super) fn avoids(self, load: &Load) -> bool {
        load.is_out() || (load.is_ejected() && load.rank() <= self.rank)
    }

    /// Takes an endpoint that is due to be probed.
    pub(super) fn probe(self, targets: &[Target], request: &Request<'_>) -> Option<usize> {
        let millis = targets.first()?.load.standings().millis(request.now);
        let untried = |target: &Target| !request.tried.contains(&target.address);
        let probe = |target: &Target| untried(target) && !target.load.is_out() && target.load.probe(millis);
        (millis >= self.probe_due).then(|| targets.iter().position(probe)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Balancer, Flow, Policy, Protocol, dial::Failure, outlier::FAILURES};
    use proptest::prelude::*;
    use std::{
        collections::HashSet,
        net::SocketAddr,
        num::NonZeroU32,
        time::{Duration, Instant},
    };

    fn address(last: usize) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last as u8], 80))
    }

    fn targets(count: usize) -> Vec<Target> {
        let standings = Arc::default();
        (0..count).map(|last| Target { address: address(last), load: Load::new(&standings).into() }).collect()
    }

    fn eject(target: &Target, now: Instant) {
        (0..FAILURES).for_each(|_| _ = target.load.failed(now, Duration::ZERO, Failure::Refused));
    }

    fn picks(balancer: &Balancer, now: Instant, tried: &[SocketAddr]) -> HashSet<usize> {
        let flow = |port| Flow {
            protocol: Protocol::Tcp,
            client: ([10, 9, 9, 9], port).into(),
            frontend: address(99),
        };
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
            targets[2].load.connected(now, Duration::from_micros(1));
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
        let balancer = Balancer::build(Policy::Random, targets.clone(), None).with_limit(NonZeroU32::new(1));
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
}
