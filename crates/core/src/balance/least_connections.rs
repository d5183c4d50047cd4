//! Which of two random candidates has fewer live connections? (policy `least-connections`)
//!
//! Two choices come close to the true minimum without looking at every endpoint, and they do not send every
//! newcomer to the same idle one (Mitzenmacher 2001, "The Power of Two Choices in Randomized Load Balancing").

use super::candidates::Candidates;

pub(super) fn pick(candidates: &Candidates<'_>, entropy: u64) -> Option<usize> {
    let (first, second) = candidates.two(entropy)?;
    let live = |index: usize| candidates.targets[index].load.live();
    // The first is uniform by itself, so equal loads give a uniform spread.
    Some(if live(second) < live(first) { second } else { first })
}
