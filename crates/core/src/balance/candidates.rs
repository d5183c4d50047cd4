//! Which endpoints of a set may be chosen for one connection?

use super::{exclusion::Exclusion, target::Target};
use crate::health::Load;
use std::{net::SocketAddr, num::NonZeroU32};

/// Random draws before all endpoints are looked at instead: so many misses mean that few endpoints are candidates.
const MAX_DRAWS: usize = 8;

/// The endpoints of a set that may be chosen for one connection.
#[derive(Clone, Copy)]
pub(super) struct Candidates<'a> {
    /// All endpoints of the set, in list order.
    pub(super) targets: &'a [Target],
    /// Endpoints that were tried already.
    pub(super) tried: &'a [SocketAddr],
    /// Live connections that one endpoint may have; `None` is no limit.
    pub(super) max_connections: Option<NonZeroU32>,
    /// Endpoints that are excluded for their health.
    pub(super) exclusion: Option<Exclusion>,
}

impl Candidates<'_> {
    /// Whether the endpoint at `index` may be chosen.
    pub(super) fn is_allowed(&self, index: usize) -> bool {
        let Target { address, load } = &self.targets[index];
        !(self.tried.contains(address)
            || self.exclusion.is_some_and(|exclusion| exclusion.excludes(load))
            || self.max_connections.is_some_and(|most| load.live() >= most.get() as usize))
    }

    /// Whether every endpoint may be chosen, without a look at any of them.
    fn are_all(&self) -> bool {
        self.tried.is_empty() && self.exclusion.is_none() && self.max_connections.is_none()
    }

    /// A candidate, each with the same probability.
    pub(super) fn any(&self, entropy: u64) -> Option<usize> {
        let count = self.targets.len();
        if self.are_all() {
            return (count > 0).then(|| scale(entropy as u32, count));
        }
        self.draw(entropy, None)
    }

    /// Two different candidates, each pair with the same probability; the first by itself is uniform, too. An only
    /// candidate is given twice.
    pub(super) fn two(&self, entropy: u64) -> Option<(usize, usize)> {
        let count = self.targets.len();
        if self.are_all() && count > 1 {
            let first = scale(entropy as u32, count);
            let other = scale((entropy >> 32) as u32, count - 1);
            return Some((first, if other < first { other } else { other + 1 }));
        }
        let first = self.any(entropy)?;
        Some((first, self.draw(next(entropy), Some(first)).unwrap_or(first)))
    }

    /// The candidate of two that costs less. An endpoint that ended connections at once without a byte always has few, so
    /// after one such end it takes part only half of the time, after two a quarter, after three an eighth, unless both did.
    pub(super) fn cheaper<C: PartialOrd>(
        &self,
        two: (usize, usize),
        entropy: u64,
        cost: impl Fn(&Load) -> C,
    ) -> usize {
        let (first, second) = two;
        let [one, other] = [first, second].map(|index| &*self.targets[index].load);
        self.fewer_ends(two, entropy).unwrap_or_else(|| if cost(other) < cost(one) { second } else { first })
    }

    /// The candidate of two that ended fewer connections at once without a byte; `None` if their costs decide.
    pub(super) fn fewer_ends(&self, (first, second): (usize, usize), entropy: u64) -> Option<usize> {
        let [one, other] = [first, second].map(|index| self.targets[index].load.ends().in_a_row());
        let decides = one != other && next(entropy) & ((1 << one.max(other)) - 1) != 0;
        decides.then_some(if other < one { second } else { first })
    }

    /// A random candidate other than `but`, found by drawing so that not each of many endpoints has to be looked at.
    fn draw(&self, mut entropy: u64, but: Option<usize>) -> Option<usize> {
        let count = self.targets.len();
        let fits = |index: usize| Some(index) != but && self.is_allowed(index);
        for _ in 0..MAX_DRAWS.min(count) {
            let index = scale(entropy as u32, count);
            if fits(index) {
                return Some(index);
            }
            entropy = next(entropy);
        }
        let fitting = || (0..count).filter(|&index| fits(index));
        let rest = fitting().count();
        fitting().nth(scale(entropy as u32, rest))
    }
}

/// More random bits from random bits (SplitMix64, Steele et al. 2014).
pub(super) fn next(entropy: u64) -> u64 {
    let mut bits = entropy.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Maps 32 random bits to `0..n` without a division; `n` fits because it counts endpoints in memory.
fn scale(bits: u32, n: usize) -> usize {
    ((u64::from(bits) * n as u64) >> 32) as usize
}
