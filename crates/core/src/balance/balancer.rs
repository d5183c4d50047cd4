//! Which endpoint of one set does a new flow get?

use super::{
    candidates::Candidates,
    exclusion::{Exclusion, ExclusionCache},
    least_connections,
    maglev::Maglev,
    odds::{Draw, Share, odds},
    peak_ewma, random,
    round_robin::RoundRobin,
    target::{Request, Target},
    topology::SetLoad,
};
use crate::{health, model::Policy};
use std::{net::SocketAddr, num::NonZeroU32};

/// Endpoints that are looked at to judge one of their siblings.
const MAX_SIBLINGS: usize = 16;

/// Spreads flows over one set of endpoints by one policy. Immutable but for rotations and caches: when the set changes,
/// another balancer is built.
#[derive(Debug)]
pub struct Balancer {
    targets: Box<[Target]>,
    /// Indexes into `targets`, sorted by address, to find one endpoint among many.
    by_address: Box<[u32]>,
    algorithm: Algorithm,
    /// Live connections that one endpoint may have; `None` is no limit.
    max_connections: Option<NonZeroU32>,
    exclusion: ExclusionCache,
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
    /// Builds a balancer for `targets`, which are in list order (semantics E5). A rotation goes on where that of
    /// `previous`, the balancer before a change of the set, was.
    pub fn build(policy: Policy, targets: Vec<Target>, previous: Option<&Balancer>) -> Self {
        let algorithm = match policy {
            Policy::Random => Algorithm::Random,
            Policy::RoundRobin => {
                Algorithm::RoundRobin(RoundRobin::starting_at(previous.map_or(0, Self::rotation)))
            }
            Policy::LeastConnections => Algorithm::LeastConnections,
            Policy::PeakEwma => Algorithm::PeakEwma,
            Policy::Maglev => Algorithm::Maglev(Maglev::build(&targets)),
        };
        let mut by_address: Box<[u32]> = (0u32..).take(targets.len()).collect();
        by_address.sort_unstable_by_key(|&index| targets[index as usize].address);
        let exclusion = ExclusionCache::new(&targets);
        Self { targets: targets.into(), by_address, algorithm, max_connections: None, exclusion }
    }

    /// Sets how many live connections an endpoint may have: with as many, no more flows are given to it. `None` is no limit.
    #[must_use]
    pub fn with_max_connections(self, max_connections: Option<NonZeroU32>) -> Self {
        Self { max_connections, ..self }
    }

    /// Live connections that one endpoint may have; `None` is no limit.
    pub fn max_connections(&self) -> Option<NonZeroU32> {
        self.max_connections
    }

    /// Chooses an endpoint; `None` only when every endpoint was tried or is full, or the set is empty.
    ///
    /// An endpoint that is ejected or down is chosen only when there is no other, or by the one connection that probes an
    /// ejected endpoint when that is due.
    pub fn pick(&self, request: &Request<'_>) -> Option<&Target> {
        let exclusion = self.exclusion.now(&self.targets);
        if let Some(probed) = exclusion.and_then(|exclusion| exclusion.probe(&self.targets, request)) {
            return Some(&self.targets[probed]);
        }
        let candidates = self.candidates(request.tried, exclusion);
        let last_resort = || self.choose(&Candidates { exclusion: None, ..candidates }, request);
        let index = match exclusion {
            None => self.choose(&candidates, request),
            Some(_) => self.choose(&candidates, request).or_else(last_resort),
        }?;
        Some(&self.targets[index])
    }

    /// Chooses an endpoint that is neither ejected nor down: neither to probe it nor as the last resort.
    pub fn pick_healthy(&self, request: &Request<'_>) -> Option<&Target> {
        let exclusion = self.exclusion.now(&self.targets);
        let candidates = self.candidates(request.tried, exclusion);
        let target = &self.targets[self.choose(&candidates, request)?];
        (!target.load.is_ejected() && !target.load.is_unusable()).then_some(target)
    }

    /// Counts the live connections of all endpoints, in time linear in their number.
    pub fn set_load(&self) -> SetLoad {
        let live = self.targets.iter().map(|target| target.load.live()).sum();
        SetLoad { endpoints: self.targets.len(), live }
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

    /// Whether siblings of an endpoint serve, so that the endpoint is an outlier if it ends connections at once. Of many
    /// siblings that are in use some are looked at, chosen by `entropy`.
    pub fn siblings_serve(&self, endpoint: SocketAddr, entropy: u64) -> bool {
        let start = entropy as usize % self.targets.len().max(1);
        let (before, after) = self.targets.split_at(start);
        let in_use = |target: &&Target| {
            target.address != endpoint && !target.load.is_ejected() && !target.load.is_unusable()
        };
        let some = after.iter().chain(before).take(MAX_SIBLINGS);
        health::do_serve(some.filter(in_use).map(|target| target.load.ends()))
    }

    /// Whether another endpoint than this one has not failed last, as far as is known.
    pub fn has_sound_sibling(&self, endpoint: SocketAddr) -> bool {
        let is_sound = |target: &Target| target.load.is_sound() && !target.load.is_unusable();
        self.targets.iter().any(|target| target.address != endpoint && is_sound(target))
    }

    /// Whether an endpoint gets flows although it is ejected or down, because too few others are left.
    pub fn is_last_resort(&self, target: &Target) -> bool {
        let failing = target.load.is_ejected() || target.load.is_unusable();
        failing
            && !self.exclusion.now(&self.targets).is_some_and(|exclusion| exclusion.excludes(&target.load))
    }

    /// Chance of each endpoint, in list order, to get the next new flow, as things are at this moment; `None` where that depends on
    /// the client, or where there are too many.
    pub fn odds(&self) -> Option<Vec<f64>> {
        let draw = match &self.algorithm {
            Algorithm::Random | Algorithm::RoundRobin(_) => Draw::One,
            Algorithm::LeastConnections => Draw::Two,
            Algorithm::PeakEwma => Draw::TwoOrOne,
            Algorithm::Maglev(_) => return None,
        };
        let candidates = self.candidates(&[], self.exclusion.now(&self.targets));
        let share = |(index, target): (usize, &Target)| Share {
            weight: f64::from(u8::from(candidates.is_allowed(index))),
            cost: match draw {
                Draw::TwoOrOne => f64::from(target.load.connect_time().cost(target.load.live())),
                _ => target.load.live() as f64,
            },
        };
        odds(draw, &self.targets.iter().enumerate().map(share).collect::<Vec<_>>())
    }

    /// Whether affinity may give a client the endpoint at `position` of the list: it was not tried, and is neither excluded
    /// nor full.
    pub fn is_available(&self, position: usize, tried: &[SocketAddr]) -> bool {
        let exclusion = self.exclusion.now(&self.targets);
        self.candidates(tried, exclusion).is_allowed(position)
    }

    fn candidates<'a>(&'a self, tried: &'a [SocketAddr], exclusion: Option<Exclusion>) -> Candidates<'a> {
        Candidates { targets: &self.targets, tried, max_connections: self.max_connections, exclusion }
    }

    /// Whether [`Self::pick`] gives `None` because endpoints that were not tried are full: waiting may help.
    pub fn is_full(&self, tried: &[SocketAddr]) -> bool {
        self.max_connections.is_some() && self.targets.iter().any(|target| !tried.contains(&target.address))
    }

    /// All endpoints of the set, in list order.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Position of an endpoint in the list; `None` when it is not in the set.
    pub fn position(&self, address: SocketAddr) -> Option<usize> {
        let by_address = |&index: &u32| self.targets[index as usize].address.cmp(&address);
        self.by_address.binary_search_by(by_address).ok().map(|found| self.by_address[found] as usize)
    }

    /// Count of picks of a rotation so far; 0 without one.
    fn rotation(&self) -> usize {
        match &self.algorithm {
            Algorithm::RoundRobin(rotation) => rotation.next(),
            _ => 0,
        }
    }
}
