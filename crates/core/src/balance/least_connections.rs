//! Least connections: of two random endpoints the one with fewer live connections.
//!
//! Two choices come close to the true minimum without looking at every endpoint, and they do not send every
//! newcomer to the same idle one (Mitzenmacher 2001, "The Power of Two Choices in Randomized Load Balancing").

use super::{Candidates, scale};

pub(super) fn pick(candidates: &Candidates<'_>, entropy: u64) -> Option<usize> {
    if candidates.len < 2 {
        return candidates.nth(0);
    }
    let first = scale(entropy as u32, candidates.len);
    let other = scale((entropy >> 32) as u32, candidates.len - 1);
    let second = if other < first { other } else { other + 1 };
    let (first, second) = (candidates.nth(first)?, candidates.nth(second)?);
    let live = |index: usize| candidates.targets[index].load.live();
    // The first is uniform by itself, so equal loads give a uniform spread.
    Some(if live(second) < live(first) { second } else { first })
}
