//! Which endpoint does a new flow get? One immutable balancer for an endpoint set; one file for each algorithm.

mod least_connections;
mod maglev;
mod random;
mod round_robin;

use crate::{Flow, Load, Policy};
use maglev::Maglev;
use round_robin::RoundRobin;
use std::{net::SocketAddr, sync::Arc, time::Instant};

/// An endpoint to choose, with its load.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its load on this node.
    pub load: Arc<Load>,
}

/// What a choice may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The flow to place.
    pub flow: &'a Flow,
    /// The time, for algorithms that age what they measured.
    pub now: Instant,
    /// 64 random bits.
    pub entropy: u64,
    /// Endpoints that must not be chosen, because they were tried already. A handful at most.
    pub tried: &'a [SocketAddr],
}

/// Spreads flows over one set of endpoints by one policy. Built once; replaced when the set changes.
#[derive(Debug)]
pub struct Balancer {
    targets: Box<[Target]>,
    /// Indexes into `targets`, sorted by address, to find one endpoint among many.
    by_address: Box<[u32]>,
    algorithm: Algorithm,
}

#[derive(Debug)]
enum Algorithm {
    Random,
    RoundRobin(RoundRobin),
    LeastConnections,
    Maglev(Maglev),
}

impl Balancer {
    /// Builds the balancer for `targets`, which are in list order (semantics E5).
    ///
    /// `previous` is the balancer that this one replaces: a rotation goes on where it was.
    pub fn build(policy: Policy, targets: Vec<Target>, previous: Option<&Balancer>) -> Self {
        let algorithm = match policy {
            Policy::Random => Algorithm::Random,
            Policy::RoundRobin => {
                Algorithm::RoundRobin(RoundRobin::starting_at(previous.map_or(0, Self::turn)))
            }
            Policy::LeastConnections => Algorithm::LeastConnections,
            Policy::Maglev => Algorithm::Maglev(Maglev::build(&targets)),
        };
        let mut by_address: Box<[u32]> = (0u32..).take(targets.len()).collect();
        by_address.sort_unstable_by_key(|&index| targets[index as usize].address);
        Self { targets: targets.into(), by_address, algorithm }
    }

    /// Chooses an endpoint. `None` only when every endpoint was tried or there is none.
    pub fn pick(&self, request: &Request<'_>) -> Option<&Target> {
        let candidates = Candidates::new(&self.targets, request.tried);
        let index = match &self.algorithm {
            Algorithm::Random => random::pick(&candidates, request.entropy),
            Algorithm::RoundRobin(rotation) => rotation.pick(&candidates),
            Algorithm::LeastConnections => least_connections::pick(&candidates, request.entropy),
            Algorithm::Maglev(table) => table.pick(&candidates, request.flow.hash()),
        }?;
        Some(&self.targets[index])
    }

    /// All endpoints, in list order.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Where an endpoint stands in the list; `None` when it is not in the set.
    pub fn position(&self, address: SocketAddr) -> Option<usize> {
        let by_address = |&index: &u32| self.targets[index as usize].address.cmp(&address);
        self.by_address.binary_search_by(by_address).ok().map(|found| self.by_address[found] as usize)
    }

    fn turn(&self) -> usize {
        match &self.algorithm {
            Algorithm::RoundRobin(rotation) => rotation.turn(),
            _ => 0,
        }
    }
}

/// The endpoints that may still be chosen.
struct Candidates<'a> {
    targets: &'a [Target],
    tried: &'a [SocketAddr],
    len: usize,
}

impl<'a> Candidates<'a> {
    fn new(targets: &'a [Target], tried: &'a [SocketAddr]) -> Self {
        let len = if tried.is_empty() {
            targets.len()
        } else {
            targets.iter().filter(|target| !tried.contains(&target.address)).count()
        };
        Self { targets, tried, len }
    }

    fn is_allowed(&self, index: usize) -> bool {
        self.tried.is_empty() || !self.tried.contains(&self.targets[index].address)
    }

    /// The index of the n-th candidate.
    fn nth(&self, n: usize) -> Option<usize> {
        if self.tried.is_empty() {
            return (n < self.len).then_some(n);
        }
        (0..self.targets.len()).filter(|&index| self.is_allowed(index)).nth(n)
    }
}

/// Maps 32 random bits to `0..n` without a division; `n` fits because it counts endpoints in memory.
fn scale(bits: u32, n: usize) -> usize {
    ((u64::from(bits) * n as u64) >> 32) as usize
}
