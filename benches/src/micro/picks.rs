//! Which endpoints are there to choose from, and for which flows? (pick.rs, no_allocation.rs)

use std::{net::SocketAddr, sync::Arc, time::Instant};
use weir_core::{Balancer, Flow, Lease, Load, Policy, Protocol, Request, Target, Weight};

/// Number of flows: enough to reach all of a Maglev table again and again, and few enough to stay in the cache.
const FLOWS: usize = 4096;

/// A balancer over endpoints of different load, with flows to place.
#[derive(Debug)]
pub struct Picks {
    /// The balancer.
    pub balancer: Balancer,
    now: Instant,
    flows: Vec<(Flow, u64)>,
    next: usize,
    _leases: Vec<Lease>,
}

impl Picks {
    /// A balancer of this policy over so many endpoints, each with up to three live connections.
    pub fn new(policy: Policy, endpoints: usize) -> Self {
        Self::with(endpoints, |targets| Balancer::build(policy, targets, None))
    }

    /// The same with weights of 1 to 5 by turns.
    pub fn weighted(policy: Policy, endpoints: usize) -> Self {
        let weights = (1..=5).map(Weight::new).cycle();
        Self::with(endpoints, |targets| Balancer::weighted(policy, targets.into_iter().zip(weights), None))
    }

    fn with(endpoints: usize, build: impl FnOnce(Vec<Target>) -> Balancer) -> Self {
        let mut entropy = Xorshift::default();
        let mut leases = Vec::new();
        let mut target = |index| {
            let load = Arc::new(Load::default());
            leases.extend((0..entropy.next() % 4).map(|_| load.lease()));
            Target { address: address(10, index, 8080), load }
        };
        let targets = (0u32..).take(endpoints).map(&mut target).collect();
        let flows = (0..FLOWS).map(|_| (flow(entropy.next()), entropy.next())).collect();
        Self { balancer: build(targets), now: Instant::now(), flows, next: 0, _leases: leases }
    }

    /// Places the next flow on an endpoint that is not among `tried`.
    pub fn pick(&mut self, tried: &[SocketAddr]) -> Option<&Target> {
        self.next = (self.next + 1) % FLOWS;
        let (flow, entropy) = &self.flows[self.next];
        self.balancer.pick(&Request { flow, now: self.now, entropy: *entropy, tried })
    }
}

fn flow(random: u64) -> Flow {
    let port = 1024 + (random >> 32) as u16 % 60_000;
    Flow {
        protocol: Protocol::Tcp,
        client: address(10, random as u32, port),
        frontend: SocketAddr::from(([10, 96, 0, 10], 80)),
    }
}

fn address(network: u8, index: u32, port: u16) -> SocketAddr {
    let [_, b, c, d] = index.to_be_bytes();
    SocketAddr::from(([network, b, c, d], port))
}

/// Marsaglia's xorshift: the same numbers in every run, so that runs can be compared.
struct Xorshift(u64);

impl Default for Xorshift {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
