//! Which endpoint does a new flow get? One immutable balancer for an endpoint set; one file for each algorithm.

use super::{
    avoided::Avoided,
    candidates::Candidates,
    least_connections,
    maglev::Maglev,
    nearby::Crowd,
    peak_ewma, random,
    round_robin::RoundRobin,
    target::{Request, Target},
};
use crate::model::Policy;
use std::{net::SocketAddr, num::NonZeroU32};

/// Spreads flows over one set of endpoints by one policy. Built once; replaced when the set changes.
#[derive(Debug)]
pub struct Balancer {
    targets: Box<[Target]>,
    /// Indexes into `targets`, sorted by address, to find one endpoint among many.
    by_address: Box<[u32]>,
    algorithm: Algorithm,
    /// Live connections that an endpoint may have.
    most: Option<NonZeroU32>,
    avoided: Avoided,
}

#[derive(Debug)]
enum Algorithm {
    Random,
    RoundRobin(RoundRobin),
    LeastConnections,
    PeakEwma,
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
            Policy::PeakEwma => Algorithm::PeakEwma,
            Policy::Maglev => Algorithm::Maglev(Maglev::build(&targets)),
        };
        let mut by_address: Box<[u32]> = (0u32..).take(targets.len()).collect();
        by_address.sort_unstable_by_key(|&index| targets[index as usize].address);
        let avoided = Avoided::new(&targets);
        Self { targets: targets.into(), by_address, algorithm, most: None, avoided }
    }

    /// Endpoints that have `most` live connections are not chosen.
    #[must_use]
    pub fn with_limit(self, most: Option<NonZeroU32>) -> Self {
        Self { most, ..self }
    }

    /// Live connections that an endpoint may have.
    pub fn limit(&self) -> Option<NonZeroU32> {
        self.most
    }

    /// Chooses an endpoint. `None` only when every endpoint was tried or is full, or there is none.
    ///
    /// Endpoints that are ejected or down are chosen only when there is no other, and by one connection that probes them
    /// when that is due.
    pub fn pick(&self, request: &Request<'_>) -> Option<&Target> {
        let avoided = self.avoided.now(&self.targets);
        if let Some(probed) = avoided.and_then(|avoided| avoided.probe(&self.targets, request)) {
            return Some(&self.targets[probed]);
        }
        let candidates =
            Candidates { targets: &self.targets, tried: request.tried, most: self.most, avoided };
        let last_resort = || self.choose(&Candidates { avoided: None, ..candidates }, request);
        let index = match avoided {
            None => self.choose(&candidates, request),
            Some(_) => self.choose(&candidates, request).or_else(last_resort),
        }?;
        Some(&self.targets[index])
    }

    /// The same without those that are ejected or down: no probe and no last resort.
    pub fn pick_well(&self, request: &Request<'_>) -> Option<&Target> {
        let avoided = self.avoided.now(&self.targets);
        let candidates =
            Candidates { targets: &self.targets, tried: request.tried, most: self.most, avoided };
        let target = &self.targets[self.choose(&candidates, request)?];
        (!target.load.is_ejected() && !target.load.is_out()).then_some(target)
    }

    /// How many live connections its endpoints have. Looks at each of them.
    pub fn crowd(&self) -> Crowd {
        let live = self.targets.iter().map(|target| target.load.live()).sum();
        Crowd { endpoints: self.targets.len(), live }
    }

    fn choose(&self, candidates: &Candidates<'_>, request: &Request<'_>) -> Option<usize> {
        match &self.algorithm {
            Algorithm::Random => random::pick(candidates, request.entropy),
            Algorithm::RoundRobin(rotation) => rotation.pick(candidates),
            Algorithm::LeastConnections => least_connections::pick(candidates, request.entropy),
            Algorithm::PeakEwma => peak_ewma::pick(candidates, request.entropy),
            Algorithm::Maglev(table) => table.pick(candidates, request.flow.hash()),
        }
    }

    /// Whether the endpoint at `position` may be chosen for a client that was there before: it was not tried, is neither
    /// left alone nor full.
    pub fn is_welcome(&self, position: usize, tried: &[SocketAddr]) -> bool {
        let avoided = self.avoided.now(&self.targets);
        Candidates { targets: &self.targets, tried, most: self.most, avoided }.is_allowed(position)
    }

    /// Whether an endpoint that was not tried is only not chosen because it is full.
    pub fn is_full(&self, tried: &[SocketAddr]) -> bool {
        self.most.is_some() && self.targets.iter().any(|target| !tried.contains(&target.address))
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
